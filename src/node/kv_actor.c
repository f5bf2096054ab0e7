/* node/kv_actor.c -- applies committed entries in order and answers reads. */
#include "base/panic.h"
#include "node/impl.h"

/* One committed entry. */
static enum err apply_one(struct node *n, uint64_t index)
{
    struct log_entry e;
    struct kv_result *result = &n->results[index & (NODE_RESULTS - 1)];
    ASSERT(index > n->applied_told && index - n->applied_told <= NODE_RESULTS);
    TRY(log_read(n->log, index, &e));
    result->code = ERR_OK;
    result->revision = n->kv.revision;
    n->state.log_bytes += e.data.count;
    if (e.kind != RAFT_ENTRY_COMMAND) {
        if (e.kind == RAFT_ENTRY_CONF) {
            state_conf_seen(n, index, e.data);
        }
        kv_skip(&n->kv, index, e.term);
        return ERR_OK;
    }
    return kv_apply(&n->kv, index, e.term, e.data, result);
}

/* Whether one more may be applied: a result stays until the raft actor has told the core of it. */
static bool may_apply(const struct node *n)
{
    return n->kv.applied < n->apply_target && !state_stalled(n) &&
           n->kv.applied - n->applied_told < NODE_RESULTS;
}

static void apply_some(struct node *n)
{
    uint32_t budget = n->bounds.apply_entries;
    uint64_t began = n->kv.applied;
    uint64_t at = n->kv.applied < n->apply_target ? os_now(n->os) : 0;
    while (budget-- > 0 && may_apply(n)) {
        enum err e = apply_one(n, n->kv.applied + 1);
        if (e != ERR_OK) {
            node_fail(n, NODE_PART_KV, e, "a committed entry cannot be applied");
            return;
        }
    }
    if (n->kv.applied > began) {
        metrics_add(&n->metrics, METRICS_APPLIED_ENTRIES, n->kv.applied - began);
        metrics_observe(&n->metrics, METRICS_APPLY_LATENCY, os_now(n->os) - at);
        actor_poke(&n->raft_actor);
    }
    if (may_apply(n)) { /* else the flush's end pokes, or the raft actor when it has told */
        actor_poke(&n->kv_actor);
    }
}

static void answer_read(struct node *n, struct op *op)
{
    struct kv_record rec = { 0 };
    enum err e = kv_get(&n->kv, bytes_of(op->data, op->data_bytes), &rec);
    struct service_reply reply = backend_reply(n, e);
    reply.revision = n->kv.revision;
    reply.record.value = rec.value;
    reply.record.create_revision = rec.create_revision;
    reply.record.mod_revision = rec.mod_revision;
    reply.record.version = rec.version;
    reply.record.lease = rec.lease;
    op_answer(n->ops, op, &reply);
}

static void answer_reads(struct node *n)
{
    struct list *node = n->read_waits.next;
    while (node != &n->read_waits) {
        struct op *op = CONTAINER_OF(node, struct op, wait);
        node = node->next;
        if (op->read_index <= n->kv.applied) {
            answer_read(n, op);
            node = n->read_waits.next; /* answering may have changed the list: from the front */
        }
    }
}

void kv_actor_read(struct node *n, struct op *op)
{
    op->state = OP_READING;
    list_remove(&op->wait);
    list_push_back(&n->read_waits, &op->wait);
    actor_poke(&n->kv_actor);
}

void kv_actor_receive(void *self, const struct actor_msg *msg)
{
    struct node *n = self;
    ASSERT(msg->kind == KV_ACTOR_READ);
    struct op *op = op_find(n->ops, msg->a);
    if (op != NULL) {
        kv_actor_read(n, op);
    }
}

void kv_actor_turn(void *self)
{
    struct node *n = self;
    if (n->dead) {
        return;
    }
    apply_some(n);
    answer_reads(n);
    state_turn(n);
}
