/* os/linux/tcp.c -- connections on the loop.
 *
 * Invariants: a connection is read once a turn at most; a peer's end is told once, a failure once
 * Why:        level-triggered readiness: what one turn leaves, the next one finds. A pause leaves
 *             the watch in place until data does come: a request and its answer cost no epoll_ctl
 */
#include "os/linux/tcp.h"

#include "base/mark.h"
#include "base/panic.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <unistd.h>

struct linux_conn {
    struct os_conn base;
    struct linux_source source;
    struct os_tcp_handler handler;
    void *context;
    bool reading;
    bool writing;   /* wants to hear of room */
    uint32_t armed; /* events that epoll watches for */
    bool ended;
    bool failed;
};

static struct linux_conn *conn_of(struct os_conn *c)
{
    return CONTAINER_OF(c, struct linux_conn, base);
}

static void conn_arm(struct linux_conn *c)
{
    bool in = c->reading && !c->ended;
    bool out = c->writing;
    ASSERT(!c->failed); /* it has left the set */
    uint32_t events = (in ? EPOLLIN : 0u) | (out ? EPOLLOUT : 0u);
    if (events != c->armed) {
        c->armed = events;
        linux_source_mod(linux_of(c->base.os), &c->source, events);
    }
}

static void conn_fail(struct linux_conn *c)
{
    if (c->failed) {
        return;
    }
    c->failed = true;
    /* a hang-up is reported whatever was asked for: leave the set, or the loop would spin */
    epoll_ctl(linux_of(c->base.os)->epoll_fd, EPOLL_CTL_DEL, c->source.fd, NULL);
    c->handler.failed(c->context);
}

static void conn_read(struct linux_conn *c)
{
    struct os_linux *l = linux_of(c->base.os);
    ssize_t n = recv(c->source.fd, l->tcp_scratch, LINUX_TCP_SCRATCH, 0);
    if (n > 0) {
        c->handler.data(c->context, bytes_of(l->tcp_scratch, (size_t)n));
    } else if (n == 0) {
        c->ended = true;
        conn_arm(c);
        c->handler.end(c->context);
    } else if (errno != EAGAIN && errno != EINTR) {
        conn_fail(c);
    }
}

static void conn_ready(struct linux_source *s, uint32_t events)
{
    struct linux_conn *c = CONTAINER_OF(s, struct linux_conn, source);
    if ((events & EPOLLERR) != 0) {
        conn_fail(c);
        return;
    }
    if ((events & EPOLLOUT) != 0) {
        c->writing = false;
        conn_arm(c);
        c->handler.writable(c->context);
    }
    if (s->dead || c->failed) {
        return;
    }
    if ((events & EPOLLIN) != 0 && c->reading) {
        conn_read(c);
    } else if ((events & EPOLLHUP) != 0) {
        conn_fail(c);
    } else if ((events & EPOLLIN) != 0) {
        MARK("os: a paused connection has data");
        conn_arm(c); /* paused, and there is data: look away, or the loop would spin */
    }
}

void linux_conn_accept(struct os_linux *loop, int fd, const struct os_addr *remote,
                       const struct os_tcp_handler *handler, void *arg)
{
    struct linux_conn *c = mem_alloc(loop->mem, sizeof *c);
    if (c == NULL) {
        close(fd);
        return;
    }
    memset(c, 0, sizeof *c);
    int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    c->base.os = &loop->os;
    c->handler = *handler;
    c->source.fd = fd;
    c->source.ready = conn_ready;
    c->source.block = c;
    if (linux_source_add(loop, &c->source, 0) != ERR_OK) {
        close(fd);
        mem_free(loop->mem, c);
        return;
    }
    c->context = handler->accepted(arg, &c->base, remote);
    if (c->context == NULL && !c->source.dead) {
        linux_source_close(loop, &c->source);
    }
}

void linux_conn_start(struct os_conn *base)
{
    struct linux_conn *c = conn_of(base);
    if (!c->reading && !c->failed) {
        c->reading = true;
        conn_arm(c);
    }
}

void linux_conn_pause(struct os_conn *base)
{
    struct linux_conn *c = conn_of(base);
    c->reading = false; /* the watch stays until there is data */
}

size_t linux_conn_write(struct os_conn *base, struct bytes data)
{
    struct linux_conn *c = conn_of(base);
    ssize_t n = -1;
    if (c->failed) {
        return data.count; /* nobody reads it; the failure has been told */
    }
    do {
        n = send(c->source.fd, data.data, data.count, MSG_NOSIGNAL);
    } while (n < 0 && errno == EINTR);
    if (n < 0 && errno != EAGAIN) {
        return data.count; /* broken: the loop reports it */
    }
    size_t taken = n > 0 ? (size_t)n : 0;
    if (taken < data.count && !c->writing) {
        c->writing = true;
        conn_arm(c);
    }
    return taken;
}

void linux_conn_shutdown(struct os_conn *base)
{
    shutdown(conn_of(base)->source.fd, SHUT_WR);
}

void linux_conn_close(struct os_conn *base)
{
    linux_source_close(linux_of(base->os), &conn_of(base)->source);
}
