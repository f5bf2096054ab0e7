/* actor/supervisor.h -- what happens when a part of the node fails: restart it, or give up.
 *
 * Shape:      one row a child; its states and the events are a table (supervisor.c)
 * Invariants: a child is restarted at most `restarts_max` times in a window of `window_ns` that
 *             begins with its first failure; one more escalates. A child without a restart policy
 *             escalates at once, and is left as it is: its owner stops the whole. stop is called
 *             once for each start that succeeded.
 * Owns:       nothing of the children; they live in their owner's memory
 * Thread:     the loop's; restarts come from a timer, never from inside supervisor_failed
 */
#ifndef ACTOR_SUPERVISOR_H
#define ACTOR_SUPERVISOR_H

#include "os/io.h"

enum {
    SUPERVISOR_CHILDREN_MAX = 16
};

enum supervisor_policy {
    SUPERVISOR_FAIL_NODE, /* the node stops: the cluster carries on without it */
    SUPERVISOR_RESTART,   /* this child alone, after a growing pause */
};

enum supervisor_state {
    SUPERVISOR_DOWN,
    SUPERVISOR_UP,
    SUPERVISOR_WAITING, /* for its restart */
    SUPERVISOR_GIVEN_UP,
    SUPERVISOR_STATE_COUNT,
};

struct supervisor_spec {
    const char *name; /* static text */
    enum supervisor_policy policy;
    enum err (*start)(void *self);
    void (*stop)(void *self);
    void *self;
    uint64_t backoff_ns_min; /* doubles with each failure in the window, up to max */
    uint64_t backoff_ns_max;
    uint32_t restarts_max;
    uint64_t window_ns;
};

struct supervisor;

struct supervisor_child {
    struct supervisor_spec spec;
    struct supervisor *owner;
    enum supervisor_state state;
    bool running;      /* started and not stopped: one that was given up may be either */
    uint32_t failures; /* in the running window, which begins with the first of them */
    uint64_t window_begin_ns;
    uint64_t restarts; /* ever */
    struct os_timer timer;
};

struct supervisor {
    struct os *os;
    void (*escalate)(void *arg, const char *child, enum err why);
    void *arg;
    uint32_t count;
    struct supervisor_child child[SUPERVISOR_CHILDREN_MAX];
};

/* supervisor_init -- no children yet; escalate hears which child was given up, and why. */
void supervisor_init(struct supervisor *s, struct os *os,
                     void (*escalate)(void *arg, const char *child, enum err why), void *arg);

/* supervisor_add -- a child, not started yet. */
struct supervisor_child *supervisor_add(struct supervisor *s, const struct supervisor_spec *spec);

/* supervisor_start -- all children in order; err of the first that fails: the others are stopped
 * again. */
MUST_CHECK
enum err supervisor_start(struct supervisor *s);

/* supervisor_failed -- a child says that it cannot go on. Its stop is called from inside, its
 * restart is not. Nothing happens when it is not up. */
void supervisor_failed(struct supervisor_child *c, enum err why);

/* supervisor_stop -- all children in reverse order; they can be started again. */
void supervisor_stop(struct supervisor *s);

#endif
