/* os/linux/loop.c -- the epoll loop: sources, timers, turn-end hooks, signals.
 *
 * Order: events, then timers that are due, then turn-end hooks, then the memory of closed sources
 * Why:   epoll_pwait2 takes nanoseconds; QUIC's deadlines and ours are far below a millisecond
 */
#include "base/limits.h"
#include "base/mark.h"
#include "base/panic.h"
#include "os/linux/impl.h"

#include <errno.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

enum err linux_source_add(struct os_linux *l, struct linux_source *s, uint32_t events)
{
    struct epoll_event ev = { .events = events, .data = { .ptr = s } };
    list_init(&s->link);
    return epoll_ctl(l->epoll_fd, EPOLL_CTL_ADD, s->fd, &ev) == 0 ? ERR_OK : ERR_IO;
}

void linux_source_mod(struct os_linux *l, struct linux_source *s, uint32_t events)
{
    struct epoll_event ev = { .events = events, .data = { .ptr = s } };
    int rc = epoll_ctl(l->epoll_fd, EPOLL_CTL_MOD, s->fd, &ev);
    ASSERT(rc == 0); /* only fails for a descriptor that is not ours */
}

void linux_source_close(struct os_linux *l, struct linux_source *s)
{
    ASSERT(!s->dead);
    s->dead = true;
    close(s->fd); /* leaves epoll with its last descriptor */
    s->fd = -1;
    list_push_back(&l->dead, &s->link);
}

static void bury(struct os_linux *l)
{
    while (!list_empty(&l->dead)) {
        struct linux_source *s = CONTAINER_OF(l->dead.next, struct linux_source, link);
        list_remove(&s->link);
        mem_free(l->mem, s->block);
    }
}

static enum err timer_set(struct os *os, struct os_timer *t, uint64_t at_ns)
{
    struct os_linux *l = linux_of(os);
    MARK_IF(at_ns < l->timers_from, "os: a callback sets a timer for the past");
    return heap_set(&l->timers, &t->item, at_ns > l->timers_from ? at_ns : l->timers_from);
}

static void timer_cancel(struct os *os, struct os_timer *t)
{
    heap_remove(&linux_of(os)->timers, &t->item);
}

static void turn_end(struct os *os, struct os_job *hook)
{
    if (hook->link.next == NULL) {
        list_init(&hook->link);
    }
    if (list_empty(&hook->link)) {
        list_push_back(&linux_of(os)->hooks, &hook->link);
    }
}

static const struct os_table linux_table = {
    .now = linux_now,
    .wall = linux_wall,
    .entropy = linux_entropy,
    .timer_set = timer_set,
    .timer_cancel = timer_cancel,
    .turn_end = turn_end,
    .interfaces = linux_interfaces,
    .memory_rest = linux_memory_rest,
    .waker_open = linux_waker_open,
    .wake = linux_wake,
    .waker_close = linux_waker_close,
    .udp_open = linux_udp_open,
    .udp_addr = linux_udp_addr,
    .udp_send = linux_udp_send,
    .udp_close = linux_udp_close,
    .tcp_listen = linux_tcp_listen,
    .listener_addr = linux_listener_addr,
    .listener_close = linux_listener_close,
    .conn_start = linux_conn_start,
    .conn_pause = linux_conn_pause,
    .conn_write = linux_conn_write,
    .conn_shutdown = linux_conn_shutdown,
    .conn_close = linux_conn_close,
    .dir_open = linux_dir_open,
    .dir_close = linux_dir_close,
    .dir_lock = linux_dir_lock,
    .dir_list = linux_dir_list,
    .dir_rename = linux_dir_rename,
    .dir_unlink = linux_dir_unlink,
    .dir_sync = linux_dir_sync,
    .dir_space = linux_dir_space,
    .dir_stat = linux_dir_stat,
    .dir_path = linux_dir_path,
    .file_open = linux_file_open,
    .file_read = linux_file_read,
    .file_write = linux_file_write,
    .file_sync = linux_file_sync,
    .file_size = linux_file_size,
    .file_truncate = linux_file_truncate,
    .file_close = linux_file_close,
    .worker_open = linux_worker_open,
    .worker_submit = linux_worker_submit,
    .worker_close = linux_worker_close,
};

enum err os_linux_open(struct mem *mem, struct os_linux **out, struct diag *diag)
{
    struct os_linux *l = mem_take(mem, sizeof *l);
    l->os.table = &linux_table;
    l->mem = mem;
    list_init(&l->dead);
    list_init(&l->hooks);
    list_init(&l->wakers);
    l->signal_source.fd = -1;
    l->wake_source.fd = -1;
    heap_init(&l->timers, mem, OS_LINUX_TIMERS_MAX);
    l->tcp_scratch = mem_take(mem, LINUX_TCP_SCRATCH);
    l->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (l->epoll_fd < 0 || linux_wakers_start(l) != ERR_OK) {
        enum err e = diag_set(diag, ERR_IO, "cannot make an event loop: errno %d", errno);
        os_linux_close(l);
        return e;
    }
    *out = l;
    return ERR_OK;
}

struct os *os_linux_os(struct os_linux *l)
{
    return &l->os;
}

static void signal_ready(struct linux_source *s, uint32_t events)
{
    struct os_linux *l = CONTAINER_OF(s, struct os_linux, signal_source);
    struct signalfd_siginfo info;
    (void)events;
    if (read(s->fd, &info, sizeof info) == (ssize_t)sizeof info) {
        l->signal_fn(l->signal_arg, (int)info.ssi_signo);
    }
}

enum err os_linux_signals(struct os_linux *l, void (*fn)(void *arg, int signal), void *arg)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    if (sigprocmask(SIG_BLOCK, &set, NULL) != 0) {
        return ERR_IO;
    }
    l->signal_fn = fn;
    l->signal_arg = arg;
    l->signal_source.ready = signal_ready;
    l->signal_source.fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    return l->signal_source.fd < 0 ? ERR_IO : linux_source_add(l, &l->signal_source, EPOLLIN);
}

/* What a callback sets is for a later turn, however long past: it would come before those that
 * wait, and the loop would not end. */
static void run_timers(struct os_linux *l)
{
    uint64_t now = linux_now(&l->os);
    struct heap_item *item = heap_min(&l->timers);
    l->timers_from = now + 1;
    for (; item != NULL && item->key <= now; item = heap_min(&l->timers)) {
        heap_remove(&l->timers, item);
        struct os_timer *t = CONTAINER_OF(item, struct os_timer, item);
        t->fn(t->arg, now);
    }
    l->timers_from = 0;
}

/* Hooks may ask for hooks: rounds are bounded so that sockets are never starved. */
static void run_hooks(struct os_linux *l)
{
    for (int round = 0; round < LINUX_HOOK_ROUNDS && !list_empty(&l->hooks); round++) {
        struct list batch;
        list_init(&batch);
        while (!list_empty(&l->hooks)) {
            struct list *node = l->hooks.next;
            list_remove(node);
            list_push_back(&batch, node);
        }
        while (!list_empty(&batch)) {
            struct os_job *hook = CONTAINER_OF(batch.next, struct os_job, link);
            list_remove(&hook->link);
            hook->run(hook->arg);
        }
    }
}

static uint64_t wait_time(struct os_linux *l, uint64_t wait_ns)
{
    if (!list_empty(&l->hooks)) {
        return 0;
    }
    struct heap_item *item = heap_min(&l->timers);
    if (item == NULL) {
        return wait_ns;
    }
    uint64_t now = linux_now(&l->os);
    uint64_t until = item->key > now ? item->key - now : 0;
    return until < wait_ns ? until : wait_ns;
}

void os_linux_turn(struct os_linux *l, uint64_t wait_ns)
{
    struct epoll_event events[LINUX_EVENTS];
    uint64_t wait = wait_time(l, wait_ns);
    struct timespec ts = { .tv_sec = (time_t)(wait / NS_PER_S),
                           .tv_nsec = (long)(wait % NS_PER_S) };
    int n = epoll_pwait2(l->epoll_fd, events, LINUX_EVENTS, wait == UINT64_MAX ? NULL : &ts, NULL);
    for (int i = 0; i < n; i++) {
        struct linux_source *s = events[i].data.ptr;
        MARK_IF(s->dead, "os: an event of a closed source");
        if (!s->dead) {
            s->ready(s, events[i].events);
        }
    }
    run_timers(l);
    run_hooks(l);
    bury(l);
}

void os_linux_run(struct os_linux *l)
{
    l->stopping = false;
    while (!l->stopping) {
        os_linux_turn(l, UINT64_MAX);
    }
}

void os_linux_stop(struct os_linux *l)
{
    l->stopping = true;
}

void os_linux_close(struct os_linux *l)
{
    if (l == NULL) {
        return;
    }
    bury(l);
    int fds[] = { l->signal_source.fd, l->wake_source.fd, l->epoll_fd };
    for (size_t i = 0; i < sizeof fds / sizeof fds[0]; i++) {
        if (fds[i] >= 0) {
            close(fds[i]);
        }
    }
    heap_done(&l->timers);
    mem_free(l->mem, l->tcp_scratch);
    mem_free(l->mem, l->udp_scratch);
    mem_free(l->mem, l);
}
