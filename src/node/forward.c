/* node/forward.c -- a follower hands a write or a change of the cluster to the leader, the leader
 * answers it. */
#include "base/mark.h"
#include "base/panic.h"
#include "kv/command.h"
#include "node/control_codec.h"
#include "node/impl.h"

enum {
    FORWARD_MS_MAX = 60000,
    FORWARD_MARGIN_MS = 1000 /* for the way back, and what a clock of a tenth of a second is late */
};

/* How long the leader may take. Of a change of the cluster it says at the end what it waited for:
 * that is to be here before the asker's own time is over. */
static uint64_t time_left_ms(const struct op *op, uint64_t now_ns)
{
    uint64_t left = op->deadline_ns > now_ns ? (op->deadline_ns - now_ns) / NS_PER_MS : 0;
    uint64_t margin = left / 4 < FORWARD_MARGIN_MS ? left / 4 : FORWARD_MARGIN_MS;
    return op->kind == OP_CONTROL ? left - margin : left;
}

/* Leader unknown or unreachable: false, the operation is as it was, and its connection's return
 * will be told. Nobody tells when a full queue has room again: then it ends here. */
bool forward_out(struct node *n, struct op *op, uint64_t leader)
{
    uint8_t head[CALL_HEAD_BYTES_MAX];
    struct writer w = writer_of(head, sizeof head);
    const struct book_entry *peer = book_by_id(&n->book, leader);
    ASSERT(!op->remote);
    if (peer == NULL || !peer->up) {
        MARK("node: the leader cannot be reached");
        return false;
    }
    struct call_request c = { .kind = op->kind == OP_CONTROL ? FRAME_CONTROL : FRAME_WRITE,
                              .ticket = op->ticket,
                              .timeout_ms = time_left_ms(op, os_now(n->os)),
                              .command = { op->data, op->data_bytes } };
    call_request_encode(&c, &w);
    ASSERT(!w.bad);
    enum err e = link_send(n->link, &peer->key, LINK_CALL, writer_bytes(&w), c.command);
    if (e == ERR_PEER_GONE) {
        MARK("node: the leader goes as a write is handed to it");
        return false;
    }
    if (e != ERR_OK) {
        MARK("node: no room to forward a write");
        metrics_add(&n->metrics, METRICS_QUEUE_FULL, 1);
        backend_answer(n, op, ERR_BUSY, 0);
        return true;
    }
    op->state = OP_FORWARDED;
    op->forwarded_to = peer->key;
    op->last_word_ns = 0;
    op_keep_data(n->ops, op); /* see wait_again */
    metrics_add(&n->metrics, METRICS_FORWARDS_OUT, 1);
    return true;
}

static void answer(struct node *n, const struct node_key *peer, uint64_t ticket,
                   const struct service_reply *reply)
{
    uint8_t frame[CALL_HEAD_BYTES_MAX + CALL_DETAIL_BYTES_MAX];
    uint8_t room[CONTROL_MEMBERS_BYTES_MAX];
    struct writer w = writer_of(frame, sizeof frame);
    struct writer members = writer_of(room, sizeof room);
    if (reply->members != NULL) {
        control_members_encode(reply->members, &members);
    }
    struct call_answer a = { .ticket = ticket,
                             .code = reply->code,
                             .revision = reply->revision,
                             .term = reply->term,
                             .node = reply->node,
                             .leader_hint = reply->leader_hint,
                             .members = writer_bytes(&members) };
    if (reply->detail != NULL && strlen(reply->detail) <= CALL_DETAIL_BYTES_MAX) {
        a.detail = bytes_text(reply->detail);
    }
    call_answer_encode(&a, &w);
    ASSERT(!w.bad && !members.bad);
    if (link_send(n->link, peer, LINK_CALL, writer_bytes(&w), a.members) != ERR_OK) {
        metrics_add(&n->metrics, METRICS_RPC_ERRORS, 1); /* the asker's deadline takes care */
    }
}

void forward_remote(void *arg, const struct op *op, const struct service_reply *reply)
{
    struct node *n = arg;
    const struct book_entry *peer = book_by_key(&n->book, &op->remote_key);
    if (peer != NULL && peer->up && peer->epoch == op->remote_epoch) {
        answer(n, &op->remote_key, op->remote_ticket, reply);
    }
}

/* What every node would refuse once it is committed need not go into the log. */
static enum err command_good(const struct call_request *w)
{
    struct command_op ops[KV_TXN_OPS_MAX];
    struct command c;
    struct control control;
    if (w->kind == FRAME_WRITE) {
        return command_decode(w->command, &c, ops);
    }
    TRY(control_decode(w->command, &control));
    return control.kind == CONTROL_SNAPSHOT ? ERR_BAD_REQUEST
                                            : ERR_OK; /* each node makes its own */
}

/* A peer's operation, to be answered to it. */
static enum err take(struct node *n, const struct call_request *c, struct op **out)
{
    uint64_t now = os_now(n->os);
    uint64_t wait_ms = c->timeout_ms < FORWARD_MS_MAX ? c->timeout_ms : FORWARD_MS_MAX;
    enum op_kind kind = c->kind == FRAME_CONTROL ? OP_CONTROL : OP_WRITE;
    if (n->stopping) {
        return ERR_SHUTTING_DOWN;
    }
    TRY(command_good(c));
    if (kind == OP_WRITE) {
        TRY(state_room(n)); /* members may change on a full disk */
    }
    return op_take(n->ops, kind, c->command, now, now + wait_ms * NS_PER_MS, out);
}

void forward_in(struct node *n, const struct node_key *peer, uint64_t epoch, struct bytes frame)
{
    struct call_request c;
    struct op *op = NULL;
    if (call_request_decode(frame, &c) != ERR_OK) {
        MARK("node: a forwarded write that makes no sense");
        metrics_add(&n->metrics, METRICS_RPC_ERRORS, 1);
        return;
    }
    metrics_add(&n->metrics, METRICS_FORWARDS_IN, 1);
    enum err e = take(n, &c, &op);
    if (e == ERR_OK) {
        op->remote = true;
        op->remote_key = *peer;
        op->remote_epoch = epoch;
        op->remote_ticket = c.ticket;
        MARK_IF(n->told_role != RAFT_LEADER, "node: a forwarded write finds no leader");
        e = n->told_role == RAFT_LEADER ? backend_submit(n, op) : ERR_NOT_LEADER;
        if (e != ERR_OK) {
            backend_answer(n, op, e, 0);
        }
        return;
    }
    struct service_reply reply = { .code = e, .node = n->config->node_id };
    answer(n, peer, c.ticket, &reply);
}

/* Where nothing was done for certain, it is as if it had been asked while nobody led: the leader
 * was giving its office away, had lost it, or stops. */
static bool wait_again(struct node *n, struct op *op, enum err code)
{
    bool undone = code == ERR_NO_LEADER || code == ERR_NOT_LEADER || code == ERR_SHUTTING_DOWN;
    if (!undone || op->data == NULL) {
        return false;
    }
    MARK_IF(op->kind == OP_WRITE, "node: a forwarded write waits for the next leader");
    MARK_IF(op->kind == OP_CONTROL, "node: a forwarded change waits for the next leader");
    raft_actor_wait(n, op);
    const struct book_entry *refused = book_by_key(&n->book, &op->forwarded_to);
    if (n->told_leader != 0 && (refused == NULL || refused->id != n->told_leader)) {
        raft_actor_redispatch(n); /* the next one was heard first */
    }
    actor_poke(&n->raft_actor); /* where nobody may wait, it is told now */
    return true;
}

void forward_answer_in(struct node *n, const struct node_key *peer, struct bytes frame)
{
    struct call_answer a;
    if (call_answer_decode(frame, &a) != ERR_OK) {
        metrics_add(&n->metrics, METRICS_RPC_ERRORS, 1);
        return;
    }
    struct op *op = op_find(n->ops, a.ticket);
    if (op == NULL || op->state != OP_FORWARDED || !ids_key_equal(&op->forwarded_to, peer)) {
        MARK("node: an answer after its deadline");
        return; /* its deadline came first */
    }
    if (wait_again(n, op, a.code)) {
        return;
    }
    struct service_reply reply = { .code = a.code == ERR_NOT_LEADER ? ERR_NO_LEADER : a.code,
                                   .revision = a.revision,
                                   .term = a.term,
                                   .node = a.node,
                                   .leader_hint = a.leader_hint };
    char detail[CALL_DETAIL_BYTES_MAX + 1] = { 0 };
    if (a.detail.count > 0) {
        memcpy(detail, a.detail.data, a.detail.count);
        reply.detail = detail;
    }
    if (a.members.count > 0 && control_members_decode(a.members, &n->members) == ERR_OK) {
        reply.members = &n->members;
    }
    op_answer(n->ops, op, &reply);
    if (!list_empty(&n->waiting)) {
        raft_actor_redispatch(n); /* it leads: see raft_actor_ask_again */
    }
}
