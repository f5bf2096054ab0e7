/* sim/loop.c -- what can happen next, and making it happen. */
#include "sim/loop.h"

#include "base/panic.h"
#include "sim/udp.h"

enum {
    SIM_TELL_NS_MAX = 20 * 1000 /* from the end of a job until the loop hears of it */
};

/* One job at a time: it runs at at_ns, then its end is told at at_ns. */
struct sim_worker {
    struct os_worker base;
    struct list link;
    struct list jobs; /* the first one is at work */
    bool ran;
    uint64_t at_ns;
};

struct sim_waker {
    struct os_waker base;
    struct list link;
    os_wake_fn fn;
    void *arg;
    bool pending;
};

static struct sim_loop *loop_of(struct os *os)
{
    return CONTAINER_OF(os, struct sim_loop, os);
}

/* ---- time and chance ---- */

static uint64_t now(struct os *os)
{
    return loop_of(os)->now_ns;
}

static uint64_t wall(struct os *os)
{
    const struct sim_loop *l = loop_of(os);
    return SIM_LOOP_WALL_NS + l->now_ns + (uint64_t)l->wall_shift_ns;
}

static void entropy(struct os *os, void *out, size_t count)
{
    prng_fill(&loop_of(os)->prng, out, count);
}

static enum err timer_set(struct os *os, struct os_timer *t, uint64_t at_ns)
{
    return heap_set(&loop_of(os)->timers, &t->item, at_ns);
}

static void timer_cancel(struct os *os, struct os_timer *t)
{
    heap_remove(&loop_of(os)->timers, &t->item);
}

static void turn_end(struct os *os, struct os_job *hook)
{
    if (hook->link.next == NULL) {
        list_init(&hook->link);
    }
    if (list_empty(&hook->link)) {
        list_push_back(&loop_of(os)->hooks, &hook->link);
    }
}

static uint32_t interfaces(struct os *os, struct os_addr *out, uint32_t max)
{
    const struct sim_loop *l = loop_of(os);
    if (l->addr.family == 0 || max == 0) {
        return 0;
    }
    out[0] = l->addr;
    return 1;
}

/* The process is not the node's: another one needs the pages in a moment. */
static void memory_rest(struct os *os)
{
    (void)os;
}

/* ---- wake-ups ---- */

static enum err waker_open(struct os *os, os_wake_fn fn, void *arg, struct os_waker **out)
{
    struct sim_waker *w = mem_alloc(loop_of(os)->mem, sizeof *w);
    if (w == NULL) {
        return ERR_NO_MEMORY;
    }
    *w = (struct sim_waker){ .base = { os }, .fn = fn, .arg = arg };
    list_push_back(&loop_of(os)->wakers, &w->link);
    *out = &w->base;
    return ERR_OK;
}

static void wake(struct os_waker *w)
{
    CONTAINER_OF(w, struct sim_waker, base)->pending = true;
}

static void waker_close(struct os_waker *base)
{
    struct sim_waker *w = CONTAINER_OF(base, struct sim_waker, base);
    list_remove(&w->link);
    mem_free(loop_of(base->os)->mem, w);
}

/* ---- workers ---- */

static struct sim_worker *worker_of(struct os_worker *base)
{
    return CONTAINER_OF(base, struct sim_worker, base);
}

static enum err worker_open(struct os *os, const char *name, enum os_haste haste,
                            struct os_worker **out)
{
    struct sim_worker *w = mem_alloc(loop_of(os)->mem, sizeof *w);
    (void)name;
    (void)haste;
    if (w == NULL) {
        return ERR_NO_MEMORY;
    }
    *w = (struct sim_worker){ .base = { os } };
    list_init(&w->jobs);
    list_push_back(&loop_of(os)->workers, &w->link);
    *out = &w->base;
    return ERR_OK;
}

static void job_begin(struct sim_worker *w)
{
    struct sim_loop *l = loop_of(w->base.os);
    uint64_t span = l->job_ns_max - l->job_ns_min + 1;
    w->ran = false;
    w->at_ns = l->now_ns + l->job_ns_min + prng_below(&l->prng, span);
}

static void worker_submit(struct os_worker *base, struct os_job *job)
{
    struct sim_worker *w = worker_of(base);
    bool idle = list_empty(&w->jobs);
    list_push_back(&w->jobs, &job->link);
    if (idle) {
        job_begin(w);
    }
}

/* The job at work runs, or its end is told; the next one begins. */
static void worker_step(struct sim_worker *w)
{
    struct os_job *job = CONTAINER_OF(w->jobs.next, struct os_job, link);
    struct sim_loop *l = loop_of(w->base.os);
    if (!w->ran) {
        job->run(job->arg);
        w->ran = true;
        w->at_ns = l->now_ns + prng_below(&l->prng, SIM_TELL_NS_MAX);
        return;
    }
    list_remove(&job->link);
    if (!list_empty(&w->jobs)) {
        job_begin(w);
    }
    job->done(job->arg);
}

/* When the job at work goes on; UINT64_MAX: there is none. */
static uint64_t worker_next(const struct sim_loop *l, const struct sim_worker *w)
{
    if (list_empty(&w->jobs)) {
        return UINT64_MAX;
    }
    bool stuck = !w->ran && w->at_ns < l->stuck_until_ns;
    return stuck ? l->stuck_until_ns : w->at_ns;
}

void sim_loop_stick(struct sim_loop *l, uint64_t now_ns, uint64_t until_ns)
{
    l->stuck_since_ns = l->stuck_until_ns > now_ns ? l->stuck_since_ns : now_ns;
    l->stuck_until_ns = until_ns;
}

void sim_loop_unstick(struct sim_loop *l)
{
    l->stuck_until_ns = 0;
    LIST_EACH(node, &l->workers) {
        struct sim_worker *w = CONTAINER_OF(node, struct sim_worker, link);
        uint64_t most = l->now_ns + l->job_ns_max;
        w->at_ns = w->at_ns > most ? most : w->at_ns;
    }
}

static void worker_close(struct os_worker *base)
{
    struct sim_worker *w = worker_of(base);
    while (!list_empty(&w->jobs)) { /* ends: a closer submits no more */
        worker_step(w);
    }
    list_remove(&w->link);
    mem_free(loop_of(base->os)->mem, w);
}

/* ---- one turn ---- */

static void wakers_run(struct sim_loop *l)
{
    struct list *node = l->wakers.next;
    while (node != &l->wakers) {
        struct sim_waker *w = CONTAINER_OF(node, struct sim_waker, link);
        node = node->next;
        if (w->pending) {
            w->pending = false;
            w->fn(w->arg);
        }
    }
}

static void workers_run(struct sim_loop *l)
{
    LIST_EACH(node, &l->workers) {
        struct sim_worker *w = CONTAINER_OF(node, struct sim_worker, link);
        if (worker_next(l, w) <= l->now_ns) {
            worker_step(w);
        }
    }
}

static void timers_run(struct sim_loop *l)
{
    struct heap_item *item = heap_min(&l->timers);
    while (item != NULL && item->key <= l->now_ns) {
        struct os_timer *t = CONTAINER_OF(item, struct os_timer, item);
        heap_remove(&l->timers, item);
        t->fn(t->arg, l->now_ns);
        item = heap_min(&l->timers);
    }
}

static struct os_job *take(struct list *from)
{
    struct os_job *job = CONTAINER_OF(from->next, struct os_job, link);
    list_remove(&job->link);
    return job;
}

/* What a hook asks for belongs to the next turn. */
static void hooks_run(struct sim_loop *l)
{
    struct list batch;
    list_init(&batch);
    while (!list_empty(&l->hooks)) {
        list_push_back(&batch, &take(&l->hooks)->link);
    }
    while (!list_empty(&batch)) {
        struct os_job *hook = take(&batch);
        hook->run(hook->arg);
    }
}

uint64_t sim_loop_next(const struct sim_loop *l)
{
    uint64_t at = UINT64_MAX;
    const struct heap_item *timer = heap_min(&l->timers);
    if (!list_empty(&l->hooks) || sim_udp_pending(l)) {
        return l->now_ns;
    }
    LIST_EACH(node, (struct list *)&l->wakers) {
        if (CONTAINER_OF(node, struct sim_waker, link)->pending) {
            return l->now_ns;
        }
    }
    LIST_EACH(node, (struct list *)&l->workers) {
        uint64_t next = worker_next(l, CONTAINER_OF(node, struct sim_worker, link));
        at = next < at ? next : at;
    }
    at = timer != NULL && timer->key < at ? timer->key : at;
    return at > l->now_ns ? at : l->now_ns;
}

void sim_loop_run(struct sim_loop *l, uint64_t at_ns)
{
    l->now_ns = at_ns > l->now_ns ? at_ns : l->now_ns;
    wakers_run(l);
    workers_run(l);
    sim_udp_run(l);
    timers_run(l);
    hooks_run(l);
}

bool sim_turn(struct sim_loop *l)
{
    uint64_t at = sim_loop_next(l);
    if (at == UINT64_MAX) {
        return false;
    }
    sim_loop_run(l, at > l->now_ns ? at : l->now_ns + SIM_TURN_NS);
    return true;
}

/* ---- the table; TCP is not played ---- */

static const struct os_table sim_table = {
    .now = now,
    .wall = wall,
    .entropy = entropy,
    .timer_set = timer_set,
    .timer_cancel = timer_cancel,
    .turn_end = turn_end,
    .interfaces = interfaces,
    .memory_rest = memory_rest,
    .waker_open = waker_open,
    .wake = wake,
    .waker_close = waker_close,
    .udp_open = sim_udp_open,
    .udp_addr = sim_udp_addr,
    .udp_send = sim_udp_send,
    .udp_close = sim_udp_close,
    .dir_open = sim_dir_open,
    .dir_close = sim_dir_close,
    .dir_lock = sim_dir_lock,
    .dir_list = sim_dir_list,
    .dir_rename = sim_dir_rename,
    .dir_unlink = sim_dir_unlink,
    .dir_sync = sim_dir_sync,
    .dir_space = sim_dir_space,
    .dir_stat = sim_dir_stat,
    .dir_path = sim_dir_path,
    .file_open = sim_file_open,
    .file_read = sim_file_read,
    .file_write = sim_file_write,
    .file_sync = sim_file_sync,
    .file_size = sim_file_size,
    .file_truncate = sim_file_truncate,
    .file_close = sim_file_close,
    .worker_open = worker_open,
    .worker_submit = worker_submit,
    .worker_close = worker_close,
};

void sim_loop_init(struct sim_loop *l, struct mem *mem, struct sim_disk *disk, uint64_t seed)
{
    memset(l, 0, sizeof *l);
    l->os.table = &sim_table;
    l->mem = mem;
    l->disk = disk;
    l->now_ns = SIM_START_NS;
    l->job_ns_min = SIM_LOOP_JOB_NS_MIN;
    l->job_ns_max = SIM_LOOP_JOB_NS_MAX;
    prng_seed(&l->prng, seed);
    heap_init(&l->timers, mem, SIM_TIMERS_MAX);
    list_init(&l->hooks);
    list_init(&l->workers);
    list_init(&l->wakers);
    list_init(&l->sockets);
}

void sim_loop_done(struct sim_loop *l)
{
    ASSERT(list_empty(&l->workers) && list_empty(&l->wakers) && list_empty(&l->sockets));
    heap_done(&l->timers);
}
