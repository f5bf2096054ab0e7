/* tests/unit/os/test_worker.c -- Subject: the thread for blocking jobs. Method: logs of both sides.
 */
#include "loop.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/resource.h>

enum {
    JOBS = 200,
    CHAIN = 5,
    YIELDS = 200
};

struct bench {
    struct loop l;
    struct os_worker *worker;
    int run_order[JOBS];
    int run_count;
    int done_order[JOBS];
    int done_count;
    pthread_t loop_thread;
    atomic_bool gate;
};

struct task {
    struct os_job job;
    struct bench *b;
    int id;
    int nice;
    int again; /* submissions from inside done */
    bool wrong_thread;
};

static void task_run(void *arg)
{
    struct task *t = arg;
    t->wrong_thread = t->wrong_thread || pthread_equal(pthread_self(), t->b->loop_thread);
    t->b->run_order[t->b->run_count++ % JOBS] = t->id;
}

static void task_done(void *arg)
{
    struct task *t = arg;
    t->wrong_thread = t->wrong_thread || !pthread_equal(pthread_self(), t->b->loop_thread);
    t->b->done_order[t->b->done_count++ % JOBS] = t->id;
    if (t->again > 0) {
        t->again--;
        os_worker_submit(t->b->worker, &t->job);
    }
}

static void gated_run(void *arg)
{
    struct task *t = arg;
    while (!atomic_load(&t->b->gate)) {
        sched_yield();
    }
    task_run(arg);
}

static struct bench *open_bench(void)
{
    struct bench *b = calloc(1, sizeof *b);
    CHECK(b != NULL);
    loop_open(&b->l);
    b->loop_thread = pthread_self();
    CHECK(os_worker_open(b->l.os, "a name longer than the system takes", OS_SOON, &b->worker) ==
          ERR_OK);
    return b;
}

static void close_bench(struct bench *b)
{
    os_worker_close(b->worker);
    loop_close(&b->l);
    free(b);
}

static void task_init(struct task *t, struct bench *b, int id, void (*run)(void *arg))
{
    memset(t, 0, sizeof *t);
    t->b = b;
    t->id = id;
    t->job = (struct os_job){ .run = run, .done = task_done, .arg = t };
}

static void in_order(void)
{
    struct bench *b = open_bench();
    struct task t[JOBS];
    for (int i = 0; i < JOBS; i++) {
        task_init(&t[i], b, i, task_run);
        os_worker_submit(b->worker, &t[i].job);
    }
    CHECK_U64(b->done_count, 0); /* later, on the loop */
    LOOP_UNTIL(&b->l, b->done_count == JOBS);
    for (int i = 0; i < JOBS; i++) {
        CHECK(b->run_order[i] == i && b->done_order[i] == i && !t[i].wrong_thread);
    }
    close_bench(b);
}

static void one_at_a_time(void)
{
    struct bench *b = open_bench();
    struct task t[2];
    task_init(&t[0], b, 0, gated_run);
    task_init(&t[1], b, 1, task_run);
    os_worker_submit(b->worker, &t[0].job);
    os_worker_submit(b->worker, &t[1].job);
    for (int i = 0; i < 10; i++) {
        os_linux_turn(b->l.linux_loop, 100000);
    }
    CHECK_U64(b->done_count, 0); /* the second waits behind the first */
    atomic_store(&b->gate, true);
    LOOP_UNTIL(&b->l, b->done_count == 2);
    CHECK(b->run_order[0] == 0 && b->run_order[1] == 1);
    close_bench(b);
}

static void done_submits(void)
{
    struct bench *b = open_bench();
    struct task t;
    task_init(&t, b, 1, task_run);
    t.again = CHAIN;
    os_worker_submit(b->worker, &t.job);
    LOOP_UNTIL(&b->l, b->done_count == CHAIN + 1);
    close_bench(b);
}

static void close_waits(void)
{
    struct bench *b = open_bench();
    struct task t[JOBS];
    for (int i = 0; i < JOBS; i++) {
        task_init(&t[i], b, i, task_run);
        t[i].again = i == JOBS - 1 ? CHAIN : 0; /* the last one goes on while it closes */
        os_worker_submit(b->worker, &t[i].job);
    }
    os_worker_close(b->worker);
    CHECK_U64(b->run_count, JOBS + CHAIN);
    CHECK_U64(b->done_count, JOBS + CHAIN);
    CHECK(!t[0].wrong_thread && !t[JOBS - 1].wrong_thread);
    loop_close(&b->l);
    free(b);
    EXPECT_MARK("os: a job ends while its thread is closed");
}

static void slow_run(void *arg)
{
    atomic_store(&((struct task *)arg)->b->gate, true);
    for (int i = 0; i < YIELDS; i++) {
        sched_yield(); /* likely still running when close looks; the result is the same if not */
    }
    task_run(arg);
}

static void close_while_running(void)
{
    struct bench *b = open_bench();
    struct task t;
    task_init(&t, b, 1, slow_run);
    os_worker_submit(b->worker, &t.job);
    while (!atomic_load(&b->gate)) {
        sched_yield();
    }
    os_worker_close(b->worker);
    CHECK(b->run_count == 1 && b->done_count == 1);
    loop_close(&b->l);
    free(b);
}

static void close_idle(void)
{
    for (int i = 0; i < 50; i++) {
        struct bench *b = open_bench();
        close_bench(b);
    }
}

static void two_workers(void)
{
    struct bench *a = open_bench();
    struct os_worker *second = NULL;
    struct task held;
    struct task quick;
    CHECK(os_worker_open(a->l.os, "second", OS_SOON, &second) == ERR_OK);
    task_init(&held, a, 0, gated_run);
    task_init(&quick, a, 1, task_run);
    os_worker_submit(a->worker, &held.job);
    os_worker_submit(second, &quick.job);
    LOOP_UNTIL(&a->l, a->done_count == 1); /* one that blocks does not hold the other */
    CHECK_U64(a->done_order[0], 1);
    atomic_store(&a->gate, true);
    LOOP_UNTIL(&a->l, a->done_count == 2);
    os_worker_close(second);
    close_bench(a);
}

static void nice_run(void *arg)
{
    struct task *t = arg;
    t->nice = getpriority(PRIO_PROCESS, 0);
    task_run(arg);
}

/* Work that nobody waits for takes what the others leave over, and only its own thread does. */
static void haste(void)
{
    struct bench *a = open_bench();
    struct os_worker *patient = NULL;
    struct task soon;
    struct task sometime;
    int here = getpriority(PRIO_PROCESS, 0);
    int behind = here + 10 < 19 ? here + 10 : 19;
    CHECK(os_worker_open(a->l.os, "patient", OS_SOMETIME, &patient) == ERR_OK);
    task_init(&soon, a, 0, nice_run);
    task_init(&sometime, a, 1, nice_run);
    os_worker_submit(patient, &sometime.job);
    LOOP_UNTIL(&a->l, a->done_count == 1);
    os_worker_submit(a->worker, &soon.job);
    LOOP_UNTIL(&a->l, a->done_count == 2);
    CHECK(sometime.nice == behind && soon.nice == here);
    CHECK(getpriority(PRIO_PROCESS, 0) == here);
    os_worker_close(patient);
    close_bench(a);
}

static void no_memory(void)
{
    struct loop l;
    struct os_worker *w = NULL;
    loop_open(&l);
    size_t limit = l.mem.limit;
    l.mem.limit = l.mem.used + 64;
    CHECK(os_worker_open(l.os, "poor", OS_SOON, &w) == ERR_NO_MEMORY && w == NULL);
    l.mem.limit = limit;
    loop_close(&l);
}

static void submit_half(void)
{
    struct bench *b = open_bench();
    struct task t;
    task_init(&t, b, 1, task_run);
    t.job.done = NULL;
    os_worker_submit(b->worker, &t.job);
}

static void deaths(void)
{
    CHECK(tap_dies(submit_half));
}

int main(void)
{
    TAP_TEST("worker: jobs run and are reported in order, each on its thread", in_order);
    TAP_TEST("worker: one job at a time", one_at_a_time);
    TAP_TEST("worker: a done may submit again", done_submits);
    TAP_TEST("worker: close waits for all that was submitted, and for what follows from it",
             close_waits);
    TAP_TEST("worker: close waits for the job that runs", close_while_running);
    TAP_TEST("worker: one without work closes at once", close_idle);
    TAP_TEST("worker: one that blocks does not hold another", two_workers);
    TAP_TEST("worker: one for which nobody waits leaves the processor to others", haste);
    TAP_TEST("worker: without memory there is none", no_memory);
    TAP_TEST("worker: a job without an end panics", deaths);
    return tap_done();
}
