/* node/parts.c -- the parts of a node as rows of a supervisor: how each starts, and what its
 * failure means.
 *
 * Why: without its log or its state machine a node knows nothing, so it fails as a whole and the
 *      cluster carries on; the book of addresses decides nothing and is written again later
 */
#include "node/impl.h"

enum {
    PART_BUDGET = 1024 /* messages of one actor in a round */
};

static enum err raft_start(void *self)
{
    struct node *n = self;
    struct actor_spec spec = { "raft", raft_actor_receive, raft_actor_turn,
                               n,      MAILBOX_MESSAGES,   PART_BUDGET };
    actor_spawn(&n->sched, &n->raft_actor, &spec);
    return ERR_OK;
}

static void raft_stop(void *self)
{
    actor_stop(&((struct node *)self)->raft_actor);
}

static enum err kv_start(void *self)
{
    struct node *n = self;
    struct actor_spec spec = { "kv", kv_actor_receive, kv_actor_turn,
                               n,    MAILBOX_MESSAGES, PART_BUDGET };
    actor_spawn(&n->sched, &n->kv_actor, &spec);
    return ERR_OK;
}

static void kv_stop(void *self)
{
    actor_stop(&((struct node *)self)->kv_actor);
}

/* In the order of enum node_part. */
static const struct supervisor_spec rows[NODE_PART_COUNT] = {
    [NODE_PART_RAFT] = { .name = "raft",
                         .policy = SUPERVISOR_FAIL_NODE,
                         .start = raft_start,
                         .stop = raft_stop },
    [NODE_PART_KV] = { .name = "kv",
                       .policy = SUPERVISOR_FAIL_NODE,
                       .start = kv_start,
                       .stop = kv_stop },
    /* a disk that is full for a week must not end the node: it is tried without end */
    [NODE_PART_KEEPER] = { .name = "keeper",
                           .policy = SUPERVISOR_RESTART,
                           .start = book_keeper_start,
                           .stop = book_keeper_stop,
                           .backoff_ns_min = NS_PER_S,
                           .backoff_ns_max = 60 * NS_PER_S,
                           .restarts_max = UINT32_MAX,
                           .window_ns = 600 * NS_PER_S },
};

static void given_up(void *arg, const char *part, enum err why)
{
    struct node *n = arg;
    n->dead = true;
    logger_log(n->logger, LOGGER_ERROR, "node failed", logger_text("part", part),
               logger_text("what", n->failed_what), logger_err(why));
    n->failed(n->failed_arg, why);
}

enum err node_parts_open(struct node *n)
{
    actor_sched_init(&n->sched, n->os, &n->mem);
    n->sched.rounds_max = n->bounds.actor_rounds;
    supervisor_init(&n->parts, n->os, given_up, n);
    for (int i = 0; i < NODE_PART_COUNT; i++) {
        struct supervisor_spec spec = rows[i];
        spec.self = n;
        supervisor_add(&n->parts, &spec);
    }
    return supervisor_start(&n->parts);
}

void node_parts_close(struct node *n)
{
    if (n->parts.os != NULL) {
        supervisor_stop(&n->parts);
        actor_sched_done(&n->sched); /* or the loop would run a turn of a node that is gone */
    }
}

void node_fail(struct node *n, enum node_part part, enum err why, const char *what)
{
    if (n->dead) {
        return;
    }
    trace_add(&n->trace, os_now(n->os), what, part, (uint64_t)why, 0);
    metrics_add(&n->metrics, METRICS_STORAGE_ERRORS, 1);
    n->failed_what = what;
    supervisor_failed(&n->parts.child[part], why);
}
