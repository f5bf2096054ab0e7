/* node/raft_actor.c -- the single writer of consensus: gathers a turn's events, steps the core.
 *
 * Shape: operations are collected while the mailbox is emptied and go to the core at the end of the
 *        turn, all writes as one event and all reads as one, so that they share a sync and a round
 */
#include "base/mark.h"
#include "base/panic.h"
#include "node/impl.h"

/* For whoever reads a panic: what the core was given last. */
static void trace_event(struct node *n, const struct raft_event *ev)
{
    static const char *const names[RAFT_EV_TYPE_COUNT] = {
        [RAFT_EV_TIME] = "raft: time",
        [RAFT_EV_MSG] = "raft: message (from, type, term)",
        [RAFT_EV_INIT] = "raft: init (ticket)",
        [RAFT_EV_PROPOSE] = "raft: propose (ticket, count)",
        [RAFT_EV_READ] = "raft: read (ticket, count)",
        [RAFT_EV_PERSISTED] = "raft: persisted (ticket, index, term)",
        [RAFT_EV_APPLIED] = "raft: applied (index)",
        [RAFT_EV_PEER_UP] = "raft: peer up (id)",
        [RAFT_EV_PEER_DOWN] = "raft: peer down (id)",
        [RAFT_EV_CAMPAIGN] = "raft: campaign",
        [RAFT_EV_CONF] = "raft: configuration (ticket)",
        [RAFT_EV_TRANSFER] = "raft: transfer (ticket, id)",
        [RAFT_EV_FORGET] = "raft: forget the leader",
        [RAFT_EV_SNAPSHOT] = "raft: snapshot (ticket)",
        [RAFT_EV_SNAP_MADE] = "raft: snapshot made (index)",
        [RAFT_EV_SNAP_FAILED] = "raft: snapshot not sent (id)",
        [RAFT_EV_SNAP_SENDING] = "raft: snapshot on its way (id)",
        [RAFT_EV_DISK] = "raft: the log failed",
    };
    uint64_t number[3] = { ev->ticket, ev->index != 0 ? ev->index : ev->count, ev->term };
    if (ev->msg != NULL) {
        number[0] = ev->msg->from;
        number[1] = (uint64_t)ev->msg->type;
        number[2] = ev->msg->term;
    } else if (ev->ticket == 0) {
        number[0] = ev->peer != 0 ? ev->peer : ev->index;
        number[1] = 0;
    }
    trace_add(&n->trace, ev->now_ns, names[ev->type], number[0], number[1], number[2]);
}

void raft_actor_step(struct node *n, struct raft_event *ev, const struct node_step *step)
{
    ev->now_ns = os_now(n->os);
    trace_event(n, ev);
    raft_step(n->core, ev, n->out);
    raft_effects_run(n, step);
}

bool raft_actor_outsider(const struct node *n, const struct raft_status *s)
{
    return s->leader == 0 && !raft_conf_is_member(&s->conf, n->config->node_id);
}

void raft_actor_message(struct node *n, const struct raft_msg *msg)
{
    struct raft_event ev = { .type = RAFT_EV_MSG, .msg = msg };
    struct node_step step = { .msg = msg };
    raft_actor_step(n, &ev, &step);
    actor_poke(&n->raft_actor);
}

static void take_op(struct node *n, struct op *op)
{
    list_remove(&op->wait);
    op->waits_for = ERR_OK;
    list_push_back(op->kind == OP_WRITE     ? &n->writes
                   : op->kind == OP_CONTROL ? &n->controls
                                            : &n->reads,
                   &op->wait);
}

void raft_actor_receive(void *self, const struct actor_msg *msg)
{
    struct node *n = self;
    if (msg->kind == RAFT_ACTOR_OP) {
        struct op *op = op_find(n->ops, msg->a);
        MARK_IF(op == NULL, "node: an operation expires in the mailbox");
        if (op != NULL) { /* else its deadline came first */
            take_op(n, op);
        }
        return;
    }
    ASSERT(msg->kind == RAFT_ACTOR_PEER);
    struct raft_event ev = { .type = msg->b != 0 ? RAFT_EV_PEER_UP : RAFT_EV_PEER_DOWN,
                             .peer = msg->a };
    struct node_step step = { 0 };
    raft_actor_step(n, &ev, &step);
}

/* Number the operations of a list for the core; returns how many. Numbers stay taken until the core
 * answers, whatever became of their operations meanwhile; for whom none is left is told at once. */
static uint32_t number_batch(struct node *n, struct list *from, uint64_t *out_ticket)
{
    uint32_t count = 0;
    *out_ticket = n->next_ticket;
    while (!list_empty(from) && count < n->bounds.batch_operations) {
        struct op *op = CONTAINER_OF(from->next, struct op, wait);
        list_remove(&op->wait);
        if (map_put(&n->by_ticket, n->next_ticket, op->ticket) != ERR_OK) {
            MARK("node: too many operations wait for the core");
            backend_answer(n, op, ERR_BUSY, 0);
            continue;
        }
        n->next_ticket++;
        n->batch[count] = op;
        n->batch_sizes[count] = (uint32_t)op->data_bytes;
        count++;
    }
    return count;
}

static void propose_batch(struct node *n)
{
    struct raft_event ev = { .type = RAFT_EV_PROPOSE, .sizes = n->batch_sizes };
    ev.count = number_batch(n, &n->writes, &ev.ticket);
    struct node_step step = { .ops = n->batch };
    if (ev.count > 0) {
        raft_actor_step(n, &ev, &step);
    }
}

static void read_batch(struct node *n)
{
    struct raft_event ev = { .type = RAFT_EV_READ, .lease = n->config->lease_reads };
    ev.count = number_batch(n, &n->reads, &ev.ticket);
    struct node_step step = { 0 };
    for (uint32_t i = 0; i < ev.count; i++) {
        n->batch[i]->state = OP_READING;
    }
    if (ev.count > 0) {
        raft_actor_step(n, &ev, &step);
    }
}

static void refuse_all(struct node *n, struct list *from)
{
    while (!list_empty(from)) {
        backend_answer(n, CONTAINER_OF(from->next, struct op, wait), ERR_NO_LEADER, 0);
    }
}

void raft_actor_wait(struct node *n, struct op *op)
{
    op->state = OP_QUEUED;
    list_push_back(&n->waiting, &op->wait);
}

void raft_actor_expire(struct node *n, uint64_t now_ns)
{
    struct list *node = n->waiting.next;
    while (node != &n->waiting) {
        struct op *op = CONTAINER_OF(node, struct op, wait);
        node = node->next;
        if (op->deadline_ns <= now_ns) {
            MARK("node: nobody led in time");
            backend_answer(n, op, ERR_NO_LEADER, 0);
        }
    }
}

/* Follower: writes go to the leader; nobody known to lead: they wait for one. A peer's go back, its
 * client waits there: what was forwarded once is not forwarded again. */
static void route_away(struct node *n, uint64_t leader)
{
    while (!list_empty(&n->writes)) {
        struct op *op = CONTAINER_OF(n->writes.next, struct op, wait);
        list_remove(&op->wait);
        if (op->remote) {
            MARK("node: a peer's write goes back");
            backend_answer(n, op, ERR_NOT_LEADER, 0);
        } else if (leader == 0 || !forward_out(n, op, leader)) {
            raft_actor_wait(n, op);
        }
    }
    while (leader == 0 && !list_empty(&n->reads)) {
        struct op *op = CONTAINER_OF(n->reads.next, struct op, wait);
        list_remove(&op->wait);
        raft_actor_wait(n, op);
    }
}

void raft_actor_redispatch(struct node *n)
{
    while (!list_empty(&n->waiting)) {
        struct op *op = CONTAINER_OF(n->waiting.next, struct op, wait);
        take_op(n, op);
    }
    actor_poke(&n->raft_actor);
}

void raft_actor_ask_again(struct node *n)
{
    if (n->told_leader != 0 && !list_empty(&n->waiting)) {
        take_op(n, CONTAINER_OF(n->waiting.next, struct op, wait));
        actor_poke(&n->raft_actor);
    }
}

static void tell_durable(struct node *n)
{
    struct raft_event ev = { .type = RAFT_EV_PERSISTED,
                             .ticket = n->durable_ticket,
                             .index = n->durable_index,
                             .term = n->durable_term };
    struct node_step step = { 0 };
    n->durable_news = false;
    raft_send_release(n);
    raft_actor_step(n, &ev, &step);
    snapshot_receive_go_on(n);
}

static void tell_applied(struct node *n)
{
    struct raft_event ev = { .type = RAFT_EV_APPLIED, .index = n->kv.applied };
    struct node_step step = { 0 };
    n->applied_told = n->kv.applied;
    raft_actor_step(n, &ev, &step);
    if (n->kv.applied < n->apply_target) {
        actor_poke(&n->kv_actor); /* its ring of results is empty again */
    }
}

/* The log keeps nothing for peers when the disk fills up, or the memory that is one: at half,
 * for at three quarters writes are refused (state_room). */
static bool space_short(const struct node *n)
{
    const struct mem *m = &n->store_mem;
    return n->disk_warned || (n->state.backing == NULL && m->used > m->limit / 2);
}

/* What is on disk, as a snapshot that could be made of it. */
static void tell_checkpoint(struct node *n)
{
    struct state_mark *m = &n->state.flushed;
    struct raft_event ev = { .type = RAFT_EV_SNAP_MADE,
                             .index = m->applied,
                             .conf = &m->conf,
                             .keep = n->bounds.keep_entries,
                             .keep_bytes = NODE_SNAP_BYTES / 2,
                             .pin = snapshot_send_held(n),
                             .unpinned = space_short(n) };
    struct node_step step = { 0 };
    n->state.checkpoint_news = false;
    raft_actor_step(n, &ev, &step);
}

static void arm(struct node *n)
{
    uint64_t at = raft_deadline(n->core);
    if (at == UINT64_MAX) {
        os_timer_cancel(n->os, &n->raft_timer);
    } else if (n->raft_timer.item.slot == 0 || n->raft_timer.item.key != at) {
        if (os_timer_set(n->os, &n->raft_timer, at) != ERR_OK) {
            node_fail(n, NODE_PART_RAFT, ERR_NO_MEMORY, "no timer is left for consensus");
        }
    }
}

/* Where it is no member and hears of no leader, nobody may wait for one: neither who has just asked
 * nor whose operation came back from the leader that is gone. */
static void take_up(struct node *n)
{
    struct raft_status s;
    raft_status(n->core, &s);
    if (s.role == RAFT_LEADER || s.last == 0) {
        return;
    }
    if (raft_actor_outsider(n, &s)) {
        MARK_IF(!list_empty(&n->waiting), "node: who waits at a node that is removed is told");
        refuse_all(n, &n->writes);
        refuse_all(n, &n->reads);
        refuse_all(n, &n->waiting);
    }
    route_away(n, s.leader);
}

void raft_actor_turn(void *self)
{
    struct node *n = self;
    if (n->durable_news) {
        tell_durable(n);
    }
    if (n->applied_told < n->kv.applied) {
        tell_applied(n);
    }
    snapshot_send_tell(n);
    if (n->state.checkpoint_news) {
        tell_checkpoint(n);
    }
    if (!list_empty(&n->writes) || !list_empty(&n->reads) || !list_empty(&n->waiting)) {
        take_up(n);
        propose_batch(n);
        read_batch(n);
        if (!list_empty(&n->writes) || !list_empty(&n->reads)) {
            actor_poke(&n->raft_actor);
        }
    }
    if (!list_empty(&n->inits)) {
        init_advance(n);
    }
    if (!list_empty(&n->controls)) {
        control_advance(n);
    }
    arm(n);
}

void raft_actor_due(void *arg, uint64_t now_ns)
{
    struct node *n = arg;
    struct raft_event ev = { .type = RAFT_EV_TIME };
    struct node_step step = { 0 };
    (void)now_ns;
    raft_actor_step(n, &ev, &step);
    actor_poke(&n->raft_actor);
}
