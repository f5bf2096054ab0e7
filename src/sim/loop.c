/* sim/loop.c -- what can happen next, and making it happen. */
#include "sim/loop.h"

#include "base/panic.h"

enum {
    SIM_START_NS = 1000000000
};

struct sim_worker {
    struct os_worker base;
    struct list link;
    struct list jobs;
    struct list finished;
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
    (void)os;
    (void)out;
    (void)max;
    return 0;
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

static enum err worker_open(struct os *os, const char *name, struct os_worker **out)
{
    struct sim_worker *w = mem_alloc(loop_of(os)->mem, sizeof *w);
    (void)name;
    if (w == NULL) {
        return ERR_NO_MEMORY;
    }
    w->base.os = os;
    list_init(&w->jobs);
    list_init(&w->finished);
    list_push_back(&loop_of(os)->workers, &w->link);
    *out = &w->base;
    return ERR_OK;
}

static void worker_submit(struct os_worker *base, struct os_job *job)
{
    list_push_back(&CONTAINER_OF(base, struct sim_worker, base)->jobs, &job->link);
}

static struct os_job *take(struct list *from)
{
    struct os_job *job = CONTAINER_OF(from->next, struct os_job, link);
    list_remove(&job->link);
    return job;
}

static bool worker_runs(struct sim_worker *w)
{
    if (list_empty(&w->jobs)) {
        return false;
    }
    struct os_job *job = take(&w->jobs);
    job->run(job->arg);
    list_push_back(&w->finished, &job->link);
    return true;
}

static bool worker_tells(struct sim_worker *w)
{
    if (list_empty(&w->finished)) {
        return false;
    }
    struct os_job *job = take(&w->finished);
    job->done(job->arg);
    return true;
}

static void worker_close(struct os_worker *base)
{
    struct sim_worker *w = CONTAINER_OF(base, struct sim_worker, base);
    while (worker_runs(w) || worker_tells(w)) { /* ends: a closer submits no more */
    }
    list_remove(&w->link);
    mem_free(loop_of(base->os)->mem, w);
}

/* ---- one turn ---- */

static bool wakers_turn(struct sim_loop *l)
{
    struct list *node = l->wakers.next;
    bool did = false;
    while (node != &l->wakers) {
        struct sim_waker *w = CONTAINER_OF(node, struct sim_waker, link);
        node = node->next;
        if (w->pending) {
            w->pending = false;
            did = true;
            w->fn(w->arg);
        }
    }
    return did;
}

/* One step of one worker, whichever chance names first. */
static bool workers_turn(struct sim_loop *l)
{
    uint32_t count = 0;
    for (struct list *n = l->workers.next; n != &l->workers; n = n->next) {
        count++;
    }
    if (count == 0) {
        return false;
    }
    uint64_t skip = prng_below(&l->prng, count);
    struct list *node = l->workers.next;
    for (; skip > 0; skip--) {
        node = node->next;
    }
    for (uint32_t i = 0; i < count; i++) {
        struct sim_worker *w = CONTAINER_OF(node, struct sim_worker, link);
        bool tells = prng_below(&l->prng, 2) == 0;
        if (tells ? worker_tells(w) || worker_runs(w) : worker_runs(w) || worker_tells(w)) {
            return true;
        }
        node = node->next == &l->workers ? l->workers.next : node->next;
    }
    return false;
}

static bool hooks_turn(struct sim_loop *l)
{
    struct list batch;
    list_init(&batch);
    while (!list_empty(&l->hooks)) {
        list_push_back(&batch, &take(&l->hooks)->link);
    }
    bool did = !list_empty(&batch);
    while (!list_empty(&batch)) {
        struct os_job *hook = take(&batch);
        hook->run(hook->arg);
    }
    return did;
}

static bool timers_turn(struct sim_loop *l, bool jump)
{
    struct heap_item *item = heap_min(&l->timers);
    if (item == NULL || (item->key > l->now_ns && !jump)) {
        return false;
    }
    l->now_ns = item->key > l->now_ns ? item->key : l->now_ns;
    heap_remove(&l->timers, item);
    struct os_timer *t = CONTAINER_OF(item, struct os_timer, item);
    t->fn(t->arg, l->now_ns);
    return true;
}

bool sim_turn(struct sim_loop *l)
{
    l->now_ns += 1000; /* nothing takes no time */
    bool did = wakers_turn(l);
    did = workers_turn(l) || did;
    did = timers_turn(l, false) || did;
    did = hooks_turn(l) || did;
    return did || timers_turn(l, true);
}

/* ---- the table; sockets are not played ---- */

static const struct os_table sim_table = {
    .now = now,
    .wall = now,
    .entropy = entropy,
    .timer_set = timer_set,
    .timer_cancel = timer_cancel,
    .turn_end = turn_end,
    .interfaces = interfaces,
    .waker_open = waker_open,
    .wake = wake,
    .waker_close = waker_close,
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
    prng_seed(&l->prng, seed);
    heap_init(&l->timers, mem, SIM_TIMERS_MAX);
    list_init(&l->hooks);
    list_init(&l->workers);
    list_init(&l->wakers);
}

void sim_loop_done(struct sim_loop *l)
{
    ASSERT(list_empty(&l->workers) && list_empty(&l->wakers));
    heap_done(&l->timers);
}
