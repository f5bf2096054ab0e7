/* tests/unit/os/test_loop.c -- Subject: timers, turn-end hooks, wake-ups, signals of the real loop.
 *
 * Method: callbacks write into a log; the order is asserted, never how long something took
 */
#include "loop.h"

#include "base/limits.h"

#include <pthread.h>
#include <sys/resource.h>
#include <time.h>

enum {
    TIMERS = 50,
    THREADS = 4,
    WAKES = 1000
};

struct probe {
    struct loop *l;
    struct os_timer timer;
    struct os_job hook;
    int id;
    int fired;
    uint64_t at;
    struct probe *other;
};

static struct loop *open_log(struct loop *l)
{
    loop_open(l);
    return l;
}

static int fired_ids[TIMERS * 2];
static int fired_count;

static void note(void *arg, uint64_t now_ns)
{
    struct probe *p = arg;
    p->fired++;
    p->at = now_ns;
    if (fired_count < TIMERS * 2) {
        fired_ids[fired_count++] = p->id;
    }
}

static void probe_init(struct probe *p, struct loop *l, int id, os_timer_fn fn)
{
    memset(p, 0, sizeof *p);
    p->l = l;
    p->id = id;
    os_timer_init(&p->timer, fn, p);
}

/* ---- timers ---- */

static void timers_in_order(void)
{
    struct loop l;
    struct probe p[TIMERS];
    open_log(&l);
    fired_count = 0;
    uint64_t begin = os_now(l.os);
    for (int i = 0; i < TIMERS; i++) {
        int place = i * 7 % TIMERS; /* set in another order than they are due */
        probe_init(&p[place], &l, place, note);
        CHECK(os_timer_set(l.os, &p[place].timer, begin + (uint64_t)place * 100000) == ERR_OK);
    }
    LOOP_UNTIL(&l, fired_count == TIMERS);
    for (int i = 0; i < TIMERS; i++) {
        CHECK_U64(fired_ids[i], i);
        CHECK(p[i].fired == 1 && p[i].at >= begin + (uint64_t)i * 100000); /* never early */
    }
    loop_close(&l);
}

static void timers_equal(void)
{
    struct loop l;
    struct probe p[TIMERS];
    open_log(&l);
    fired_count = 0;
    uint64_t at = os_now(l.os) + NS_PER_MS;
    for (int i = 0; i < TIMERS; i++) {
        probe_init(&p[i], &l, i, note);
        CHECK(os_timer_set(l.os, &p[i].timer, at) == ERR_OK);
    }
    LOOP_UNTIL(&l, fired_count == TIMERS);
    for (int i = 0; i < TIMERS; i++) {
        CHECK_U64(fired_ids[i], i);
    }
    loop_close(&l);
}

static void timers_cancelled(void)
{
    struct loop l;
    struct probe a;
    struct probe b;
    open_log(&l);
    probe_init(&a, &l, 1, note);
    probe_init(&b, &l, 2, note);
    os_timer_cancel(l.os, &a.timer); /* not armed: fine */
    CHECK(os_timer_set(l.os, &a.timer, os_now(l.os)) == ERR_OK);
    CHECK(os_timer_set(l.os, &b.timer, os_now(l.os) + NS_PER_MS) == ERR_OK);
    os_timer_cancel(l.os, &a.timer);
    LOOP_UNTIL(&l, b.fired == 1);
    CHECK_U64(a.fired, 0);
    loop_close(&l);
}

static void timers_moved(void)
{
    struct loop l;
    struct probe a;
    struct probe b;
    open_log(&l);
    fired_count = 0;
    probe_init(&a, &l, 1, note);
    probe_init(&b, &l, 2, note);
    uint64_t now = os_now(l.os);
    CHECK(os_timer_set(l.os, &a.timer, now + NS_PER_MS) == ERR_OK);
    CHECK(os_timer_set(l.os, &b.timer, now + 2 * NS_PER_MS) == ERR_OK);
    CHECK(os_timer_set(l.os, &a.timer, now + 3 * NS_PER_MS) == ERR_OK);
    LOOP_UNTIL(&l, a.fired == 1);
    CHECK(fired_count == 2 && fired_ids[0] == 2 && fired_ids[1] == 1);
    loop_close(&l);
}

static void cancel_other(void *arg, uint64_t now_ns)
{
    struct probe *p = arg;
    note(arg, now_ns);
    os_timer_cancel(p->l->os, &p->other->timer);
}

static void timers_cancel_inside(void)
{
    struct loop l;
    struct probe p[3];
    open_log(&l);
    for (int i = 0; i < 3; i++) {
        probe_init(&p[i], &l, i, i == 0 ? cancel_other : note);
        CHECK(os_timer_set(l.os, &p[i].timer, 1 + (uint64_t)i) == ERR_OK); /* all are due */
    }
    p[0].other = &p[1];
    LOOP_UNTIL(&l, p[2].fired == 1);
    CHECK(p[0].fired == 1 && p[1].fired == 0);
    loop_close(&l);
}

static void again_at_once(void *arg, uint64_t now_ns)
{
    struct probe *p = arg;
    note(arg, now_ns);
    CHECK(os_timer_set(p->l->os, &p->timer, 0) == ERR_OK); /* long past */
}

static void timers_in_the_past(void)
{
    struct loop l;
    struct probe a;
    struct probe b;
    open_log(&l);
    probe_init(&a, &l, 1, again_at_once);
    probe_init(&b, &l, 2, note);
    CHECK(os_timer_set(l.os, &a.timer, 0) == ERR_OK);
    CHECK(os_timer_set(l.os, &b.timer, 1) == ERR_OK);
    for (int turn = 1; turn <= 10; turn++) {
        os_linux_turn(l.linux_loop, 0);
        CHECK_U64(a.fired, turn); /* once a turn */
        CHECK_U64(b.fired, 1);    /* nobody is starved */
    }
    os_timer_cancel(l.os, &a.timer);
    loop_close(&l);
    EXPECT_MARK("os: a callback sets a timer for the past");
}

static void timers_bounded(void)
{
    struct loop l;
    struct os_timer *t = calloc(OS_LINUX_TIMERS_MAX + 1, sizeof *t);
    open_log(&l);
    for (uint32_t i = 0; i <= OS_LINUX_TIMERS_MAX; i++) {
        os_timer_init(&t[i], note, NULL);
        CHECK(os_timer_set(l.os, &t[i], UINT64_MAX) ==
              (i < OS_LINUX_TIMERS_MAX ? ERR_OK : ERR_QUEUE_FULL));
    }
    CHECK(os_timer_set(l.os, &t[0], UINT64_MAX - 1) == ERR_OK); /* moving needs no room */
    os_timer_cancel(l.os, &t[0]);
    CHECK(os_timer_set(l.os, &t[OS_LINUX_TIMERS_MAX], UINT64_MAX) == ERR_OK);
    loop_close(&l);
    free(t);
}

/* ---- turn-end hooks ---- */

static void hook_note(void *arg)
{
    struct probe *p = arg;
    p->fired++;
}

static void hook_again(void *arg)
{
    struct probe *p = arg;
    p->fired++;
    os_turn_end(p->l->os, &p->hook);
}

static void hooks_once(void)
{
    struct loop l;
    struct probe p;
    open_log(&l);
    probe_init(&p, &l, 1, note);
    p.hook = (struct os_job){ .run = hook_note, .arg = &p };
    os_turn_end(l.os, &p.hook);
    os_turn_end(l.os, &p.hook);
    CHECK_U64(p.fired, 0); /* later, never inside the call */
    os_linux_turn(l.linux_loop, UINT64_MAX);
    CHECK_U64(p.fired, 1);
    os_linux_turn(l.linux_loop, 0);
    CHECK_U64(p.fired, 1);
    loop_close(&l);
}

static void hooks_bounded(void)
{
    struct loop l;
    struct probe p;
    struct probe timer;
    open_log(&l);
    probe_init(&p, &l, 1, note);
    probe_init(&timer, &l, 2, note);
    p.hook = (struct os_job){ .run = hook_again, .arg = &p };
    os_turn_end(l.os, &p.hook);
    CHECK(os_timer_set(l.os, &timer.timer, os_now(l.os) + NS_PER_MS) == ERR_OK);
    LOOP_UNTIL(&l, timer.fired == 1); /* the turn ends although the hook never does */
    CHECK(p.fired > 1);
    loop_close(&l);
}

/* ---- wake-ups ---- */

struct waked {
    struct os_waker *waker;
    struct os_waker *victim;
    int calls;
    pthread_t thread;
};

static void waked(void *arg)
{
    struct waked *w = arg;
    w->calls++;
    w->thread = pthread_self();
    if (w->victim != NULL) {
        os_waker_close(w->victim);
        w->victim = NULL;
    }
}

static void *wake_many(void *arg)
{
    for (int i = 0; i < WAKES; i++) {
        os_wake(arg);
    }
    return NULL;
}

static void wakes_coalesced(void)
{
    struct loop l;
    struct waked w = { 0 };
    pthread_t threads[THREADS];
    open_log(&l);
    CHECK(os_waker_open(l.os, waked, &w, &w.waker) == ERR_OK);
    for (int i = 0; i < THREADS; i++) {
        CHECK(pthread_create(&threads[i], NULL, wake_many, w.waker) == 0);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    CHECK_U64(w.calls, 0); /* later, on the loop */
    LOOP_UNTIL(&l, w.calls > 0);
    os_linux_turn(l.linux_loop, 0);
    CHECK_U64(w.calls, 1);
    CHECK(pthread_equal(w.thread, pthread_self()));
    os_wake(w.waker);
    LOOP_UNTIL(&l, w.calls == 2);
    os_waker_close(w.waker);
    loop_close(&l);
}

/* While the loop turns, no wake is lost: after the last one the callback comes once more. */
static void wakes_not_lost(void)
{
    struct loop l;
    struct waked w = { 0 };
    open_log(&l);
    CHECK(os_waker_open(l.os, waked, &w, &w.waker) == ERR_OK);
    for (int round = 0; round < 20; round++) {
        pthread_t thread;
        CHECK(pthread_create(&thread, NULL, wake_many, w.waker) == 0);
        for (int i = 0; i < 10; i++) {
            os_linux_turn(l.linux_loop, 0);
        }
        pthread_join(thread, NULL);
        os_linux_turn(l.linux_loop, 0);
        int before = w.calls;
        os_wake(w.waker);
        LOOP_UNTIL(&l, w.calls == before + 1);
    }
    os_waker_close(w.waker);
    loop_close(&l);
}

static void wakes_close_inside(void)
{
    struct loop l;
    struct waked w[3];
    open_log(&l);
    memset(w, 0, sizeof w);
    for (int i = 0; i < 3; i++) {
        CHECK(os_waker_open(l.os, waked, &w[i], &w[i].waker) == ERR_OK);
    }
    w[0].victim = w[1].waker; /* the next in line, and woken too */
    for (int i = 0; i < 3; i++) {
        os_wake(w[i].waker);
    }
    LOOP_UNTIL(&l, w[2].calls == 1);
    CHECK(w[0].calls == 1 && w[1].calls == 0);
    w[0].victim = w[0].waker; /* itself */
    os_wake(w[0].waker);
    LOOP_UNTIL(&l, w[0].calls == 2);
    os_waker_close(w[2].waker);
    loop_close(&l);
}

/* ---- clock, entropy, running, signals ---- */

static void clocks(void)
{
    struct loop l;
    open_log(&l);
    uint64_t last = os_now(l.os);
    for (int i = 0; i < 10000; i++) {
        uint64_t now = os_now(l.os);
        CHECK(now >= last);
        last = now;
    }
    uint64_t wall = os_wall(l.os) / 1000000000u;
    uint64_t libc = (uint64_t)time(NULL);
    CHECK(wall + 2 >= libc && wall <= libc + 2);
    loop_close(&l);
}

static void entropy(void)
{
    struct loop l;
    uint8_t a[600] = { 0 }; /* more than the system promises in one call */
    uint8_t b[600] = { 0 };
    open_log(&l);
    os_entropy(l.os, a, sizeof a);
    os_entropy(l.os, b, sizeof b);
    CHECK(memcmp(a, b, sizeof a) != 0 && memcmp(a + 568, b + 568, 32) != 0);
    loop_close(&l);
}

static void stop_it(void *arg, uint64_t now_ns)
{
    struct probe *p = arg;
    note(arg, now_ns);
    os_linux_stop(p->l->linux_loop);
}

static void runs_until_stop(void)
{
    struct loop l;
    struct probe p;
    open_log(&l);
    probe_init(&p, &l, 1, stop_it);
    for (int i = 1; i <= 2; i++) { /* it can be run again */
        CHECK(os_timer_set(l.os, &p.timer, os_now(l.os) + NS_PER_MS) == ERR_OK);
        os_linux_run(l.linux_loop);
        CHECK_U64(p.fired, i);
    }
    loop_close(&l);
}

static int last_signal;

static void on_signal(void *arg, int signal)
{
    (void)arg;
    last_signal = signal;
}

static void signals(void)
{
    struct loop l;
    open_log(&l);
    CHECK(os_linux_signals(l.linux_loop, on_signal, NULL) == ERR_OK);
    CHECK(kill(getpid(), SIGTERM) == 0);
    CHECK_U64(last_signal, 0);
    LOOP_UNTIL(&l, last_signal == SIGTERM);
    CHECK(kill(getpid(), SIGINT) == 0);
    LOOP_UNTIL(&l, last_signal == SIGINT);
    loop_close(&l);
}

static void descriptors(void)
{
    struct rlimit before;
    struct rlimit after;
    CHECK(getrlimit(RLIMIT_NOFILE, &before) == 0);
    os_linux_files(1); /* never fewer than there are */
    CHECK(getrlimit(RLIMIT_NOFILE, &after) == 0 && after.rlim_cur == before.rlim_cur);
    os_linux_files(UINT32_MAX); /* never more than is allowed */
    CHECK(getrlimit(RLIMIT_NOFILE, &after) == 0);
    CHECK(after.rlim_cur >= before.rlim_cur && after.rlim_max == before.rlim_max);
}

static void poor_loop(void)
{
    struct mem mem;
    struct os_linux *loop = NULL;
    mem_init(&mem, "test", 1000);
    IGNORE(os_linux_open(&mem, &loop, NULL)); /* it does not come back */
}

static void deaths(void)
{
    CHECK(tap_dies(poor_loop));
}

int main(void)
{
    TAP_TEST("timers: fire in the order of their deadlines, never early", timers_in_order);
    TAP_TEST("timers: equal deadlines fire in the order in which they were set", timers_equal);
    TAP_TEST("timers: a cancelled one does not fire", timers_cancelled);
    TAP_TEST("timers: setting again moves", timers_moved);
    TAP_TEST("timers: a callback may cancel one that is due", timers_cancel_inside);
    TAP_TEST("timers: one that is always due fires once a turn and starves nobody",
             timers_in_the_past);
    TAP_TEST("timers: one too many is refused", timers_bounded);
    TAP_TEST("hooks: run once at the end of the turn, however often asked for", hooks_once);
    TAP_TEST("hooks: one that asks for itself does not hold the turn", hooks_bounded);
    TAP_TEST("wakes: any number from other threads is one call on the loop", wakes_coalesced);
    TAP_TEST("wakes: none is lost while the loop turns", wakes_not_lost);
    TAP_TEST("wakes: a callback may close the next one and itself", wakes_close_inside);
    TAP_TEST("clock: never goes back; wall: agrees with the system", clocks);
    TAP_TEST("entropy: long requests are filled to their end", entropy);
    TAP_TEST("loop: runs until it is stopped, and again", runs_until_stop);
    TAP_TEST("loop: signals come as events", signals);
    TAP_TEST("loop: descriptors are asked for within what is allowed", descriptors);
    TAP_TEST("loop: an account that cannot hold it panics", deaths);
    return tap_done();
}
