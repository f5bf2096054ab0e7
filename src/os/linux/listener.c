/* os/linux/listener.c -- listening sockets; when descriptors run out, they rest instead of
 * spinning. */
#include "base/panic.h"
#include "os/linux/tcp.h"

#include <errno.h>
#include <sys/epoll.h>
#include <unistd.h>

enum {
    LISTENER_BACKLOG = 1024,
    LISTENER_REST_NS = 100 * 1000 * 1000
};

struct linux_listener {
    struct os_listener base;
    struct linux_source source;
    struct os_tcp_handler handler;
    void *arg;
    struct os_timer rest; /* until it looks for connections again */
};

static struct linux_listener *listener_of(struct os_listener *l)
{
    return CONTAINER_OF(l, struct linux_listener, base);
}

static void rest_over(void *arg, uint64_t now_ns)
{
    struct linux_listener *l = arg;
    (void)now_ns;
    linux_source_mod(linux_of(l->base.os), &l->source, EPOLLIN);
}

static void rest(struct linux_listener *l)
{
    struct os *os = l->base.os;
    if (os_timer_set(os, &l->rest, os_now(os) + LISTENER_REST_NS) == ERR_OK) {
        linux_source_mod(linux_of(os), &l->source, 0);
    }
}

static void listener_ready(struct linux_source *s, uint32_t events)
{
    struct linux_listener *l = CONTAINER_OF(s, struct linux_listener, source);
    (void)events;
    for (int i = 0; i < LINUX_ACCEPTS && !s->dead; i++) {
        struct sockaddr_storage ss = { 0 };
        socklen_t size = sizeof ss;
        int fd = accept4(s->fd, (struct sockaddr *)&ss, &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            struct os_addr remote;
            linux_addr(&ss, &remote);
            linux_conn_accept(linux_of(l->base.os), fd, &remote, &l->handler, l->arg);
        } else if (errno == EMFILE || errno == ENFILE) {
            rest(l);
            return;
        } else if (errno != ECONNABORTED && errno != EINTR) {
            return;
        }
    }
}

static enum err open_socket(const struct os_addr *bind_to, int *out)
{
    struct sockaddr_storage ss;
    socklen_t size = linux_sockaddr(bind_to, &ss);
    int on = 1;
    int fd = socket(ss.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return ERR_IO;
    }
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (ss.ss_family == AF_INET6) {
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
    }
    if (bind(fd, (struct sockaddr *)&ss, size) != 0 || listen(fd, LISTENER_BACKLOG) != 0) {
        enum err e = linux_bind_error(errno);
        close(fd);
        return e;
    }
    *out = fd;
    return ERR_OK;
}

enum err linux_tcp_listen(struct os *os, const struct os_addr *bind_to,
                          const struct os_tcp_handler *handler, void *arg, struct os_listener **out)
{
    struct os_linux *loop = linux_of(os);
    int fd = -1;
    TRY(open_socket(bind_to, &fd));
    struct linux_listener *l = mem_alloc(loop->mem, sizeof *l);
    if (l == NULL) {
        close(fd);
        return ERR_NO_MEMORY;
    }
    memset(l, 0, sizeof *l);
    l->base.os = os;
    l->handler = *handler;
    l->arg = arg;
    l->source.fd = fd;
    l->source.ready = listener_ready;
    l->source.block = l;
    os_timer_init(&l->rest, rest_over, l);
    if (linux_source_add(loop, &l->source, EPOLLIN) != ERR_OK) {
        close(fd);
        mem_free(loop->mem, l);
        return ERR_IO;
    }
    *out = &l->base;
    return ERR_OK;
}

void linux_listener_addr(struct os_listener *base, struct os_addr *out)
{
    struct sockaddr_storage ss = { 0 };
    socklen_t size = sizeof ss;
    int rc = getsockname(listener_of(base)->source.fd, (struct sockaddr *)&ss, &size);
    ASSERT(rc == 0);
    linux_addr(&ss, out);
}

void linux_listener_close(struct os_listener *base)
{
    struct linux_listener *l = listener_of(base);
    os_timer_cancel(base->os, &l->rest);
    linux_source_close(linux_of(base->os), &l->source);
}
