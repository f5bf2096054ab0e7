/* node/raft_effects.c -- carrying out what the core asks for, strictly downward.
 *
 * Order: effects are run in the order in which they came; none of them steps the core again
 */
#include "base/mark.h"
#include "base/panic.h"
#include "node/impl.h"
#include "raft/raft_codec.h"

/* A configuration entry entered the log: its tail tells who the members are. */
void raft_effects_conf_seen(struct node *n, const struct log_entry *e)
{
    struct raft_conf c;
    struct bytes tail;
    if (raft_conf_decode(e->data, &c, &tail) == ERR_OK) {
        mesh_members(n, e->index, tail);
    }
    if (e->index == 1) {
        n->cluster = origin_begun(e->data, e->term);
    }
}

static uint32_t entries_of_core(struct node *n, const struct raft_effect *e,
                                const struct node_step *step)
{
    struct log_entry *x = &n->entries[0];
    *x = (struct log_entry){ e->first, e->term, e->kind, bytes_of(e->payload, e->payload_count) };
    ASSERT(e->tail_count == 0 || e->tail_count == step->tail.count);
    if (e->tail_count == 0) {
        return 1; /* the core's own, or an event without */
    }
    size_t total = e->payload_count + step->tail.count;
    ASSERT(total <= n->frame_capacity);
    memcpy(n->frame, e->payload, e->payload_count);
    memmove(n->frame + e->payload_count, step->tail.data, step->tail.count); /* init's lies there */
    x->data = bytes_of(n->frame, total);
    return 1;
}

static uint32_t entries_of(struct node *n, const struct raft_effect *e,
                           const struct node_step *step)
{
    uint32_t count = e->last >= e->first ? (uint32_t)(e->last - e->first + 1) : 0;
    if (e->source == RAFT_FROM_CORE) {
        return entries_of_core(n, e, step);
    }
    for (uint32_t i = 0; i < count; i++) {
        struct log_entry *x = &n->entries[i];
        if (e->source == RAFT_FROM_PROPOSE) {
            const struct op *op = step->ops[i];
            *x = (struct log_entry){ e->first + i, e->term, e->kind,
                                     bytes_of(op->data, op->data_bytes) };
        } else {
            const struct raft_entry *m = &step->msg->entries[e->skip + i];
            *x = (struct log_entry){ e->first + i, m->term, m->kind, bytes_of(m->data, m->size) };
        }
    }
    return count;
}

static void run_write(struct node *n, const struct raft_effect *e, const struct node_step *step)
{
    struct log_write w = { .ticket = e->ticket,
                           .truncate = e->truncate,
                           .truncate_to = e->truncate_to,
                           .entries = n->entries,
                           .hard = e->hard,
                           .term = e->hard_term,
                           .vote = e->hard_vote };
    if (e->source != RAFT_FROM_NONE) {
        w.count = entries_of(n, e, step);
    }
    if (e->truncate) {
        mesh_members_gone(n, e->truncate_to);
    }
    enum err err = log_append(n->log, &w);
    if (err != ERR_OK) {
        node_fail(n, NODE_PART_RAFT, err, "the log cannot be written");
        return;
    }
    metrics_add(&n->metrics, METRICS_LOG_ENTRIES, w.count);
    for (uint32_t i = 0; i < w.count; i++) {
        if (n->entries[i].kind == RAFT_ENTRY_CONF) {
            raft_effects_conf_seen(n, &n->entries[i]);
            lives_watch(n);
        }
    }
    for (uint32_t i = 0; e->source == RAFT_FROM_PROPOSE && i < w.count; i++) {
        step->ops[i]->state = OP_PROPOSED;
        op_drop_data(n->ops, step->ops[i]); /* the log has its copy */
    }
}

static struct op *op_of(struct node *n, uint64_t ticket)
{
    uint64_t op_ticket = 0;
    if (!map_find(&n->by_ticket, ticket, &op_ticket)) {
        return NULL;
    }
    map_remove(&n->by_ticket, ticket);
    return op_find(n->ops, op_ticket); /* NULL: its deadline came first */
}

static void reply_one(struct node *n, struct op *op, const struct raft_effect *e, uint64_t index)
{
    if (op->kind == OP_CONTROL) {
        control_reply(n, op, e);
        return;
    }
    if (e->code == ERR_OK && op->kind == OP_INIT) {
        return; /* written; it is done when a leader has committed, see init_advance */
    }
    if (e->code == ERR_OK) {
        const struct kv_result *r = &n->results[index & (NODE_RESULTS - 1)];
        backend_answer(n, op, r->code, r->revision);
        return;
    }
    bool routable = e->code == ERR_NOT_LEADER || e->code == ERR_NO_LEADER;
    if (routable && !op->remote && op->data != NULL) {
        MARK("node: a refused operation waits for a leader");
        raft_actor_wait(n, op); /* certainly not done */
        return;
    }
    backend_answer(n, op, e->code, 0);
}

static void run_reply(struct node *n, const struct raft_effect *e)
{
    for (uint32_t i = 0; i < e->count; i++) {
        struct op *op = op_of(n, e->ticket + i);
        MARK_IF(op == NULL, "node: a reply after the deadline");
        if (op != NULL) {
            reply_one(n, op, e, e->index + i);
        }
    }
}

static void run_read_ok(struct node *n, const struct raft_effect *e)
{
    for (uint32_t i = 0; i < e->count; i++) {
        struct op *op = op_of(n, e->ticket + i);
        if (op != NULL) {
            op->read_index = e->index;
            kv_actor_read(n, op);
        }
    }
}

static const char *role_name(enum raft_role role)
{
    static const char *const names[] = { "follower", "candidate", "candidate", "leader",
                                         "stopped" };
    return names[role];
}

/* Clients of a leader that was lost need not wait until their deadline to hear so. */
static void leader_changed(struct node *n, uint64_t leader)
{
    const struct book_entry *e = book_by_id(&n->book, leader);
    metrics_add(&n->metrics, METRICS_LEADER_CHANGES, 1);
    if (leader == n->config->node_id) {
        op_fail_deposed(n->ops, &n->home.key, os_now(n->os));
    } else if (e != NULL) {
        op_fail_deposed(n->ops, &e->key, os_now(n->os));
    }
}

static void run_role(struct node *n)
{
    struct raft_status s;
    raft_status(n->core, &s);
    bool new_leader = s.leader != 0 && s.leader != n->told_leader;
    if (s.role == RAFT_CANDIDATE && s.term != n->told_term) {
        metrics_add(&n->metrics, METRICS_ELECTIONS, 1);
    }
    if (s.leader != n->told_leader || s.role != n->told_role || s.term != n->told_term) {
        bool quiet = s.leader == n->told_leader && s.role != RAFT_LEADER;
        logger_log(n->logger, quiet ? LOGGER_DEBUG : LOGGER_INFO, "raft role",
                   logger_text("role", role_name(s.role)), logger_u64("term", s.term),
                   logger_u64("leader", s.leader));
    }
    trace_add(&n->trace, os_now(n->os), "raft: role (role, term, leader)", (uint64_t)s.role, s.term,
              s.leader);
    n->told_role = s.role;
    n->told_leader = s.leader;
    n->told_term = s.term;
    if (new_leader) {
        leader_changed(n, s.leader);
    }
    if (s.leader != 0) {
        raft_actor_redispatch(n);
    }
}

/* Who reminded this node may have forgotten it at its next start; data in memory has none. */
static void run_fatal(struct node *n, const struct raft_effect *e)
{
    bool outdated = e->code == ERR_OUTDATED;
    if (outdated && n->config->storage_backend == CONFIG_STORAGE_DURABLE) {
        enum err written = home_disown(n->dir);
        if (written != ERR_OK) {
            logger_log(n->logger, LOGGER_ERROR,
                       "the next start will not know that this disk is old", logger_err(written));
        }
    }
    node_fail(n, NODE_PART_RAFT, e->code,
              outdated ? "a peer was promised what is not on this disk" : "consensus has stopped");
}

static void run_compact(struct node *n, const struct raft_effect *e)
{
    enum err err = log_compact(n->log, e->index);
    if (err != ERR_OK) {
        logger_log(n->logger, LOGGER_WARN, "the log was not shortened", logger_err(err));
    }
}

void raft_effects_run(struct node *n, const struct node_step *step)
{
    for (uint32_t i = 0; i < n->out->count && !n->dead; i++) {
        const struct raft_effect *e = &n->out->effect[i];
        switch (e->type) {
        case RAFT_DO_WRITE:
            run_write(n, e, step);
            break;
        case RAFT_DO_SEND:
            if (e->msg.type == RAFT_MSG_SNAPSHOT) {
                snapshot_send_begin(n, &e->msg);
            } else {
                raft_send_gate(n, e);
            }
            break;
        case RAFT_DO_APPLY:
            ASSERT(e->first == n->apply_target + 1);
            n->apply_target = e->last;
            if (e->first == 1) {
                mesh_origin_tell(n); /* which cluster this node is of, is decided now */
            }
            actor_poke(&n->kv_actor);
            break;
        case RAFT_DO_REPLY:
            run_reply(n, e);
            break;
        case RAFT_DO_READ_OK:
            run_read_ok(n, e);
            break;
        case RAFT_DO_SNAPSHOT:
            n->state.checkpoint_wanted = true;
            actor_poke(&n->kv_actor);
            break;
        case RAFT_DO_COMPACT:
            run_compact(n, e);
            break;
        case RAFT_DO_INSTALL:
            snapshot_receive_install(n, e);
            break;
        case RAFT_DO_ROLE:
            run_role(n);
            break;
        case RAFT_DO_FATAL:
            run_fatal(n, e);
            break;
        }
    }
}
