/* actor/supervisor.c -- the table of states and events, and its actions. */
#include "actor/supervisor.h"

#include "base/mark.h"
#include "base/panic.h"

#include <assert.h>

enum event {
    EVENT_START,
    EVENT_FAILED,
    EVENT_TIMER,
    EVENT_STOP,
    EVENT_COUNT,
};

typedef enum err (*action_fn)(struct supervisor_child *c, enum err why);

static enum err nothing(struct supervisor_child *c, enum err why)
{
    (void)c;
    (void)why;
    return ERR_OK;
}

static enum err give_up(struct supervisor_child *c, enum err why)
{
    MARK("actor: a child is given up");
    c->state = SUPERVISOR_GIVEN_UP;
    c->owner->escalate(c->owner->arg, c->spec.name, why);
    return why;
}

/* Failures older than the window are forgiven. */
static void count_failure(struct supervisor_child *c, uint64_t now)
{
    if (c->failures == 0 || now - c->window_begin_ns > c->spec.window_ns) {
        MARK_IF(c->failures > 0, "actor: old failures are forgiven");
        c->failures = 0;
        c->window_begin_ns = now;
    }
    c->failures++;
}

static uint64_t backoff(const struct supervisor_child *c)
{
    uint64_t pause = c->spec.backoff_ns_min;
    for (uint32_t i = 1; i < c->failures && pause < c->spec.backoff_ns_max; i++) {
        pause *= 2;
    }
    return pause < c->spec.backoff_ns_max ? pause : c->spec.backoff_ns_max;
}

static enum err schedule(struct supervisor_child *c, enum err why)
{
    struct os *os = c->owner->os;
    uint64_t now = os_now(os);
    count_failure(c, now);
    if (c->spec.policy == SUPERVISOR_FAIL_NODE || c->failures > c->spec.restarts_max ||
        os_timer_set(os, &c->timer, now + backoff(c)) != ERR_OK) {
        return give_up(c, why);
    }
    c->state = SUPERVISOR_WAITING;
    return ERR_OK;
}

static enum err start(struct supervisor_child *c, enum err why)
{
    (void)why;
    enum err e = c->spec.start(c->spec.self);
    if (e == ERR_OK) {
        c->state = SUPERVISOR_UP;
        c->running = true;
    }
    return e;
}

static enum err restart(struct supervisor_child *c, enum err why)
{
    (void)why;
    c->restarts++;
    enum err e = start(c, ERR_OK);
    return e == ERR_OK ? e : schedule(c, e);
}

static enum err stop(struct supervisor_child *c, enum err why)
{
    bool running = c->running;
    (void)why;
    c->state = SUPERVISOR_DOWN;
    c->running = false;
    if (running) {
        c->spec.stop(c->spec.self);
    }
    return ERR_OK;
}

static enum err crash(struct supervisor_child *c, enum err why)
{
    if (c->spec.policy != SUPERVISOR_FAIL_NODE) {
        IGNORE(stop(c, why)); /* stopping does not fail */
    }
    return schedule(c, why);
}

static enum err cancel(struct supervisor_child *c, enum err why)
{
    (void)why;
    MARK("actor: a restart is called off");
    os_timer_cancel(c->owner->os, &c->timer);
    c->state = SUPERVISOR_DOWN;
    return ERR_OK;
}

static const action_fn table[SUPERVISOR_STATE_COUNT][EVENT_COUNT] = {
    [SUPERVISOR_DOWN] = { [EVENT_START] = start,
                          [EVENT_FAILED] = nothing,
                          [EVENT_TIMER] = nothing,
                          [EVENT_STOP] = nothing },
    [SUPERVISOR_UP] = { [EVENT_START] = nothing,
                        [EVENT_FAILED] = crash,
                        [EVENT_TIMER] = nothing,
                        [EVENT_STOP] = stop },
    [SUPERVISOR_WAITING] = { [EVENT_START] = nothing,
                             [EVENT_FAILED] = nothing,
                             [EVENT_TIMER] = restart,
                             [EVENT_STOP] = cancel },
    [SUPERVISOR_GIVEN_UP] = { [EVENT_START] = nothing,
                              [EVENT_FAILED] = nothing,
                              [EVENT_TIMER] = nothing,
                              [EVENT_STOP] = stop },
};

static_assert(sizeof table / sizeof table[0] == SUPERVISOR_STATE_COUNT, "every state has a row");
static_assert(sizeof table[0] / sizeof table[0][0] == EVENT_COUNT, "every event has a column");

static enum err happen(struct supervisor_child *c, enum event event, enum err why)
{
    action_fn action = table[c->state][event];
    ASSERT(action != NULL);
    return action(c, why);
}

static void timer_due(void *arg, uint64_t now_ns)
{
    (void)now_ns;
    IGNORE(happen(arg, EVENT_TIMER, ERR_OK)); /* what fails here has been escalated */
}

void supervisor_init(struct supervisor *s, struct os *os,
                     void (*escalate)(void *arg, const char *child, enum err why), void *arg)
{
    memset(s, 0, sizeof *s);
    s->os = os;
    s->escalate = escalate;
    s->arg = arg;
}

struct supervisor_child *supervisor_add(struct supervisor *s, const struct supervisor_spec *spec)
{
    ASSERT(s->count < SUPERVISOR_CHILDREN_MAX);
    ASSERT(spec->start != NULL && spec->stop != NULL);
    struct supervisor_child *c = &s->child[s->count++];
    c->spec = *spec;
    c->owner = s;
    c->state = SUPERVISOR_DOWN;
    os_timer_init(&c->timer, timer_due, c);
    return c;
}

enum err supervisor_start(struct supervisor *s)
{
    for (uint32_t i = 0; i < s->count; i++) {
        enum err e = happen(&s->child[i], EVENT_START, ERR_OK);
        if (e != ERR_OK) {
            supervisor_stop(s);
            return e;
        }
    }
    return ERR_OK;
}

void supervisor_failed(struct supervisor_child *c, enum err why)
{
    IGNORE(happen(c, EVENT_FAILED, why)); /* what cannot be cured is escalated */
}

void supervisor_stop(struct supervisor *s)
{
    for (uint32_t i = s->count; i > 0; i--) {
        IGNORE(happen(&s->child[i - 1], EVENT_STOP, ERR_OK)); /* stopping does not fail */
    }
}
