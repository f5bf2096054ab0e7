/* os/linux/wake.c -- wake-ups from other threads: one eventfd, one flag a waker.
 *
 * Thread: linux_wake from any; the rest on the loop
 * Why:    a flag that is already set means that the loop has been told: no system call then
 */
#include "os/linux/impl.h"

#include <stdatomic.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct linux_waker {
    struct os_waker base;
    atomic_bool pending;
    os_wake_fn fn;
    void *arg;
    struct list link;
    int wake_fd;
};

static void wake_ready(struct linux_source *s, uint32_t events)
{
    struct os_linux *l = CONTAINER_OF(s, struct os_linux, wake_source);
    uint64_t told = 0;
    (void)events;
    if (read(s->fd, &told, sizeof told) < 0) {
        return;
    }
    struct list batch; /* a callback may close any waker: each list has only live ones */
    list_init(&batch);
    while (!list_empty(&l->wakers)) {
        struct list *node = l->wakers.next;
        list_remove(node);
        list_push_back(&batch, node);
    }
    while (!list_empty(&batch)) {
        struct linux_waker *w = CONTAINER_OF(batch.next, struct linux_waker, link);
        list_remove(&w->link);
        list_push_back(&l->wakers, &w->link);
        if (atomic_exchange(&w->pending, false)) {
            w->fn(w->arg);
        }
    }
}

enum err linux_wakers_start(struct os_linux *l)
{
    l->wake_source.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    l->wake_source.ready = wake_ready;
    return l->wake_source.fd < 0 ? ERR_IO : linux_source_add(l, &l->wake_source, EPOLLIN);
}

enum err linux_waker_open(struct os *os, os_wake_fn fn, void *arg, struct os_waker **out)
{
    struct os_linux *l = linux_of(os);
    struct linux_waker *w = mem_alloc(l->mem, sizeof *w);
    if (w == NULL) {
        return ERR_NO_MEMORY;
    }
    w->base.os = os;
    atomic_init(&w->pending, false);
    w->fn = fn;
    w->arg = arg;
    w->wake_fd = l->wake_source.fd;
    list_push_back(&l->wakers, &w->link);
    *out = &w->base;
    return ERR_OK;
}

void linux_wake(struct os_waker *base)
{
    struct linux_waker *w = CONTAINER_OF(base, struct linux_waker, base);
    if (!atomic_exchange(&w->pending, true)) {
        uint64_t one = 1;
        ssize_t n = write(w->wake_fd, &one, sizeof one);
        (void)n; /* full means that the loop has been told many times over */
    }
}

void linux_waker_close(struct os_waker *base)
{
    struct linux_waker *w = CONTAINER_OF(base, struct linux_waker, base);
    list_remove(&w->link);
    mem_free(linux_of(base->os)->mem, w);
}
