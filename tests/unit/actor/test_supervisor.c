/* tests/unit/actor/test_supervisor.c -- Subject: restarts, backoff, intensity, escalation.
 *
 * Method: children that fail on demand under a played clock; then every event in every state
 */
#include "stage.h"

#include "actor/supervisor.h"
#include "base/limits.h"

enum {
    CHILDREN = 3,
    RESTARTS_MAX = 4,
    STARTS_MAX = 64
};

struct part {
    struct supervisor_child *child;
    struct stage *stage;
    int starts;
    int stops;
    bool running;
    bool wrong; /* started while running, or stopped while not */
    int starts_to_fail;
    uint64_t started_ns[STARTS_MAX];
};

struct rig {
    struct stage stage;
    struct supervisor sup;
    struct part part[CHILDREN];
    char order[64]; /* who was started and stopped: "a b A B" */
    int escalations;
    const char *escalated;
    enum err why;
};

static struct rig rig;

static void record(const struct part *p, char base)
{
    size_t n = strlen(rig.order);
    if (n + 1 < sizeof rig.order) {
        rig.order[n] = (char)(base + (p - rig.part));
        rig.order[n + 1] = '\0';
    }
}

static enum err part_start(void *self)
{
    struct part *p = self;
    p->wrong = p->wrong || p->running;
    p->started_ns[p->starts++ % STARTS_MAX] = os_now(p->stage->os);
    record(p, 'a');
    if (p->starts_to_fail > 0) {
        p->starts_to_fail--;
        return ERR_BUSY;
    }
    p->running = true;
    return ERR_OK;
}

static void part_stop(void *self)
{
    struct part *p = self;
    p->wrong = p->wrong || !p->running;
    p->running = false;
    p->stops++;
    record(p, 'A');
}

static void escalate(void *arg, const char *child, enum err why)
{
    struct rig *r = arg;
    r->escalations++;
    r->escalated = child;
    r->why = why;
}

static void rig_open(enum supervisor_policy policy)
{
    static const char *const names[CHILDREN] = { "first", "second", "third" };
    memset(&rig, 0, sizeof rig);
    stage_open(&rig.stage);
    supervisor_init(&rig.sup, rig.stage.os, escalate, &rig);
    for (int i = 0; i < CHILDREN; i++) {
        struct supervisor_spec spec = { .name = names[i],
                                        .policy = policy,
                                        .start = part_start,
                                        .stop = part_stop,
                                        .self = &rig.part[i],
                                        .backoff_ns_min = NS_PER_S,
                                        .backoff_ns_max = 5 * NS_PER_S,
                                        .restarts_max = RESTARTS_MAX,
                                        .window_ns = 60 * NS_PER_S };
        rig.part[i].stage = &rig.stage;
        rig.part[i].child = supervisor_add(&rig.sup, &spec);
    }
}

/* Stop all; nobody was started twice or stopped twice, and nobody is left running. */
static void rig_close(void)
{
    supervisor_stop(&rig.sup);
    stage_rest(&rig.stage);
    for (int i = 0; i < CHILDREN; i++) {
        CHECK(!rig.part[i].wrong && !rig.part[i].running);
        CHECK_U64(rig.part[i].child->state, SUPERVISOR_DOWN);
    }
    stage_close(&rig.stage);
}

static void fail(int i, enum err why)
{
    supervisor_failed(rig.part[i].child, why);
}

static void starts_and_stops(void)
{
    rig_open(SUPERVISOR_RESTART);
    CHECK(supervisor_start(&rig.sup) == ERR_OK);
    CHECK(supervisor_start(&rig.sup) == ERR_OK); /* those that are up stay up */
    supervisor_stop(&rig.sup);
    supervisor_stop(&rig.sup);
    CHECK(strcmp(rig.order, "abcCBA") == 0);
    CHECK(supervisor_start(&rig.sup) == ERR_OK); /* and again */
    rig_close();
}

static void start_fails(void)
{
    rig_open(SUPERVISOR_RESTART);
    rig.part[2].starts_to_fail = 1;
    CHECK(supervisor_start(&rig.sup) == ERR_BUSY);
    CHECK(strcmp(rig.order, "abcBA") == 0 && rig.escalations == 0);
    CHECK(supervisor_start(&rig.sup) == ERR_OK);
    rig_close();
}

static void one_for_one(void)
{
    rig_open(SUPERVISOR_RESTART);
    CHECK(supervisor_start(&rig.sup) == ERR_OK);
    fail(1, ERR_IO);
    CHECK(rig.part[1].stops == 1 && rig.part[1].starts == 1); /* a restart comes later */
    CHECK_U64(rig.part[1].child->state, SUPERVISOR_WAITING);
    fail(1, ERR_IO); /* it is down: not counted again */
    stage_rest(&rig.stage);
    CHECK_U64(rig.part[1].child->state, SUPERVISOR_UP);
    CHECK(strcmp(rig.order, "abcBb") == 0);
    CHECK(rig.part[1].child->restarts == 1 && rig.part[1].child->failures == 1);
    CHECK(rig.escalations == 0);
    rig_close();
}

static void grows(void)
{
    static const uint64_t pauses[RESTARTS_MAX] = { NS_PER_S, 2 * NS_PER_S, 4 * NS_PER_S,
                                                   5 * NS_PER_S };
    rig_open(SUPERVISOR_RESTART);
    CHECK(supervisor_start(&rig.sup) == ERR_OK);
    for (int i = 0; i < RESTARTS_MAX; i++) {
        uint64_t failed_ns = os_now(rig.stage.os);
        fail(0, ERR_IO);
        stage_rest(&rig.stage);
        uint64_t pause = rig.part[0].started_ns[i + 1] - failed_ns;
        CHECK(pause >= pauses[i] && pause < pauses[i] + NS_PER_S / 100);
    }
    CHECK_U64(rig.escalations, 0);
    fail(0, ERR_NO_SPACE); /* one too many */
    CHECK(rig.escalations == 1 && rig.why == ERR_NO_SPACE && strcmp(rig.escalated, "first") == 0);
    CHECK_U64(rig.part[0].child->state, SUPERVISOR_GIVEN_UP);
    stage_rest(&rig.stage);
    CHECK_U64(rig.part[0].starts, RESTARTS_MAX + 1);
    fail(0, ERR_IO);
    CHECK_U64(rig.escalations, 1); /* told once */
    CHECK_U64(rig.part[1].starts, 1);
    rig_close();
    EXPECT_MARK("actor: a child is given up");
}

static void forgiven(void)
{
    rig_open(SUPERVISOR_RESTART);
    CHECK(supervisor_start(&rig.sup) == ERR_OK);
    for (int i = 0; i < 5 * RESTARTS_MAX; i++) {
        fail(0, ERR_IO);
        stage_rest(&rig.stage);
        rig.stage.loop.now_ns += 61 * NS_PER_S; /* longer than the window */
    }
    CHECK(rig.escalations == 0 && rig.part[0].child->restarts == 5 * RESTARTS_MAX);
    CHECK_U64(rig.part[0].child->failures, 1);
    rig_close();
    EXPECT_MARK("actor: old failures are forgiven");
}

static void restart_fails(void)
{
    rig_open(SUPERVISOR_RESTART);
    CHECK(supervisor_start(&rig.sup) == ERR_OK);
    rig.part[0].starts_to_fail = 2;
    fail(0, ERR_IO);
    stage_rest(&rig.stage);
    CHECK(rig.part[0].running && rig.part[0].starts == 4 && rig.escalations == 0);
    rig.part[0].starts_to_fail = 100; /* it never comes back */
    fail(0, ERR_IO);
    stage_rest(&rig.stage);
    CHECK(rig.escalations == 1 && rig.why == ERR_BUSY && !rig.part[0].running);
    CHECK_U64(rig.part[0].child->failures, RESTARTS_MAX + 1);
    rig_close();
}

static void fail_node(void)
{
    rig_open(SUPERVISOR_FAIL_NODE);
    CHECK(supervisor_start(&rig.sup) == ERR_OK);
    fail(2, ERR_CORRUPT);
    CHECK(rig.escalations == 1 && rig.why == ERR_CORRUPT && strcmp(rig.escalated, "third") == 0);
    CHECK(rig.part[2].running && rig.part[2].stops == 0); /* its owner stops the whole */
    fail(2, ERR_IO);
    CHECK_U64(rig.escalations, 1);
    stage_rest(&rig.stage);
    CHECK_U64(rig.part[2].starts, 1);
    rig_close();
    CHECK(strcmp(rig.order, "abcCBA") == 0);
}

static void no_timer_left(void)
{
    rig_open(SUPERVISOR_RESTART);
    CHECK(supervisor_start(&rig.sup) == ERR_OK);
    uint32_t capacity = rig.stage.loop.timers.capacity;
    rig.stage.loop.timers.capacity = 0;
    fail(0, ERR_IO);
    rig.stage.loop.timers.capacity = capacity;
    CHECK(rig.escalations == 1 && rig.why == ERR_IO); /* no way to wait: no silence */
    rig_close();
}

static void stopped_while_waiting(void)
{
    rig_open(SUPERVISOR_RESTART);
    CHECK(supervisor_start(&rig.sup) == ERR_OK);
    fail(1, ERR_IO);
    supervisor_stop(&rig.sup);
    stage_rest(&rig.stage);
    CHECK_U64(rig.part[1].starts, 1); /* the timer was taken back */
    CHECK(strcmp(rig.order, "abcBCA") == 0);
    rig_close();
    EXPECT_MARK("actor: a restart is called off");
}

/* ---- every event in every state ---- */

enum act {
    START,
    FAIL,
    STOP,
    ACT_COUNT
};

static void bring(enum supervisor_state state)
{
    rig_open(SUPERVISOR_RESTART);
    if (state != SUPERVISOR_DOWN) {
        CHECK(supervisor_start(&rig.sup) == ERR_OK);
    }
    if (state == SUPERVISOR_WAITING) {
        fail(0, ERR_IO);
    }
    for (int i = 0; state == SUPERVISOR_GIVEN_UP && i <= RESTARTS_MAX; i++) {
        fail(0, ERR_IO);
        stage_rest(&rig.stage);
    }
    CHECK_U64(rig.part[0].child->state, state);
}

static void table(void)
{
    static const enum supervisor_state after[SUPERVISOR_STATE_COUNT][ACT_COUNT] = {
        [SUPERVISOR_DOWN] = { SUPERVISOR_UP, SUPERVISOR_DOWN, SUPERVISOR_DOWN },
        [SUPERVISOR_UP] = { SUPERVISOR_UP, SUPERVISOR_WAITING, SUPERVISOR_DOWN },
        [SUPERVISOR_WAITING] = { SUPERVISOR_WAITING, SUPERVISOR_WAITING, SUPERVISOR_DOWN },
        [SUPERVISOR_GIVEN_UP] = { SUPERVISOR_GIVEN_UP, SUPERVISOR_GIVEN_UP, SUPERVISOR_DOWN },
    };
    for (int state = 0; state < SUPERVISOR_STATE_COUNT; state++) {
        for (int act = 0; act < ACT_COUNT; act++) {
            bring((enum supervisor_state)state);
            int escalations = rig.escalations;
            if (act == START) {
                CHECK(supervisor_start(&rig.sup) == ERR_OK);
            } else if (act == FAIL) {
                fail(0, ERR_IO);
            } else {
                supervisor_stop(&rig.sup);
            }
            CHECK_U64(rig.part[0].child->state, after[state][act]);
            CHECK_U64(rig.escalations, escalations);
            rig_close();
        }
    }
}

static void too_many(void)
{
    rig_open(SUPERVISOR_RESTART);
    for (int i = CHILDREN; i <= SUPERVISOR_CHILDREN_MAX; i++) {
        supervisor_add(&rig.sup, &rig.part[0].child->spec);
    }
}

static void no_stop(void)
{
    rig_open(SUPERVISOR_RESTART);
    struct supervisor_spec spec = rig.part[0].child->spec;
    spec.stop = NULL;
    supervisor_add(&rig.sup, &spec);
}

static void deaths(void)
{
    CHECK(tap_dies(too_many));
    CHECK(tap_dies(no_stop));
}

int main(void)
{
    TAP_TEST("supervisor: starts in order, stops in reverse, each once", starts_and_stops);
    TAP_TEST("supervisor: a start that fails stops those before it", start_fails);
    TAP_TEST("supervisor: one that fails is restarted alone, and later", one_for_one);
    TAP_TEST("supervisor: pauses double up to their bound, then it is escalated, once", grows);
    TAP_TEST("supervisor: failures older than the window are forgiven", forgiven);
    TAP_TEST("supervisor: a restart that fails counts and waits again", restart_fails);
    TAP_TEST("supervisor: without a policy of restarts it is escalated at once", fail_node);
    TAP_TEST("supervisor: without a timer for the pause it is escalated", no_timer_left);
    TAP_TEST("supervisor: one that waits is not restarted after a stop", stopped_while_waiting);
    TAP_TEST("supervisor: every event has its answer in every state", table);
    TAP_TEST("supervisor: too many children and half a child panic", deaths);
    return tap_done();
}
