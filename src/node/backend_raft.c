/* node/backend_raft.c -- the service over consensus: what the API asks becomes operations. */
#include "base/panic.h"
#include "node/impl.h"

enum {
    SILENT_NAMES_MAX = 4 /* more do not fit into an answer */
};

static void member_add(struct node *n, uint64_t id, bool voter, struct service_members *out)
{
    const struct book_entry *e = book_by_id(&n->book, id);
    out->member[out->count].id = id;
    out->member[out->count].voter = voter;
    if (e != NULL) {
        memcpy(out->member[out->count].addr, e->addr, sizeof e->addr);
        memcpy(out->member[out->count].raft_addr, e->raft_addr, sizeof e->raft_addr);
    }
    out->count++;
}

static void members_of(struct node *n, const struct raft_conf *c, struct service_members *out)
{
    memset(out, 0, sizeof *out);
    out->index = c->index;
    for (uint8_t i = 0; i < c->voter_count; i++) {
        member_add(n, c->voter[i], true, out);
    }
    for (uint8_t i = 0; i < c->learner_count; i++) {
        member_add(n, c->learner[i], false, out);
    }
}

static uint32_t backend_members(struct service *s, struct service_members *out)
{
    struct node *n = (struct node *)s;
    struct raft_status st;
    raft_status(n->core, &st);
    members_of(n, &st.conf, out);
    return out->count;
}

struct service_reply backend_reply(const struct node *n, enum err code)
{
    return (struct service_reply){ .code = code,
                                   .term = n->told_term,
                                   .node = n->config->node_id,
                                   .leader_hint = n->told_leader };
}

void backend_answer_members(struct node *n, struct op *op)
{
    struct service_reply reply = backend_reply(n, ERR_OK);
    struct raft_conf committed; /* the leader may bring somebody back already */
    raft_committed_conf(n->core, &committed);
    members_of(n, &committed, &n->members);
    reply.members = &n->members;
    op_answer(n->ops, op, &reply);
}

/* Connected with this node; of which life is for the leader to judge. */
static uint64_t answers(const void *arg, uint64_t id, uint64_t life)
{
    const struct node *n = arg;
    bool up = id == n->config->node_id;
    (void)life;
    for (uint32_t i = 0; i < n->book.count; i++) {
        up = up || (n->book.entry[i].id == id && n->book.entry[i].up);
    }
    return up ? 1 : 0;
}

void backend_silent(uint64_t id, uint32_t count, struct writer *out)
{
    if (count <= SILENT_NAMES_MAX) {
        writer_text(out, "%snode %llu", count > 1 ? ", " : "", (unsigned long long)id);
    }
}

const char *backend_silent_end(uint32_t count, struct writer *out)
{
    writer_text(out, "%s %s not answer", count > SILENT_NAMES_MAX ? " and others" : "",
                count > 1 ? "do" : "does");
    return count > 1 ? "them" : "it";
}

/* Of these voters those that do not answer, but for the voters of `named`; returns how many in
 * all. */
static uint32_t name_silent(const struct node *n, const uint64_t *ids, uint8_t id_count,
                            const struct raft_conf *named, uint32_t count, struct writer *out)
{
    for (uint8_t i = 0; i < id_count; i++) {
        bool again = false;
        for (uint8_t k = 0; named != NULL && k < named->voter_count; k++) {
            again = again || named->voter[k] == ids[i];
        }
        if (!again && answers(n, ids[i], 0) == 0) {
            backend_silent(ids[i], ++count, out);
        }
    }
    return count;
}

const char *backend_no_leader(const struct node *n, struct writer *room)
{
    struct raft_status st;
    uint64_t id = n->config->node_id;
    raft_status(n->core, &st);
    if (!raft_conf_is_member(&st.conf, id)) {
        return "no leader is known: this node is no member of the cluster, ask one that is";
    }
    if (st.wiped_majority) {
        return "no leader is known: too many voters lost their disks, aspen cluster status names "
               "them; stop one of them, put its old data directory back, start it";
    }
    if (raft_quorum(&st.conf, answers, n) != 0) {
        return "no leader is known: see aspen cluster status, then ask again";
    }
    writer_text(room, "no leader is known: ");
    uint32_t count = name_silent(n, st.conf.voter, st.conf.voter_count, NULL, 0, room);
    count = name_silent(n, st.conf.outgoing, st.conf.outgoing_count, &st.conf, count, room);
    const char *them = backend_silent_end(count, room);
    writer_text(room, " this node: start %s", them);
    writer_u8(room, 0);
    return room->bad ? NULL : (const char *)room->data;
}

void backend_answer(struct node *n, struct op *op, enum err code, int64_t revision)
{
    uint8_t room[CALL_DETAIL_BYTES_MAX + 1];
    struct writer w = writer_of(room, sizeof room);
    struct service_reply reply = backend_reply(n, code);
    reply.revision = revision;
    if (code == ERR_NO_LEADER && !op->remote) { /* a peer's client did not ask this node */
        reply.detail = backend_no_leader(n, &w);
    }
    op_answer(n->ops, op, &reply);
}

static void count(struct node *n, enum op_kind kind, enum err code)
{
    if (kind == OP_WRITE) {
        metrics_add(&n->metrics, code == ERR_OK ? METRICS_WRITES : METRICS_WRITES_FAILED, 1);
    } else if (kind == OP_READ) {
        bool good = code == ERR_OK || code == ERR_NOT_FOUND;
        metrics_add(&n->metrics, good ? METRICS_READS : METRICS_READS_FAILED, 1);
    }
}

void backend_answered(void *arg, const struct op *op, const struct service_reply *reply)
{
    struct node *n = arg;
    if (op->remote) {
        return; /* the node that has the client counts it */
    }
    count(n, op->kind, reply->code);
    if (op->kind == OP_WRITE || op->kind == OP_READ) {
        metrics_observe(&n->metrics,
                        op->kind == OP_WRITE ? METRICS_WRITE_LATENCY : METRICS_READ_LATENCY,
                        os_now(n->os) - op->began_ns);
    }
}

enum err backend_submit(struct node *n, struct op *op)
{
    struct actor_msg msg = { .kind = RAFT_ACTOR_OP, .a = op->ticket };
    enum err e = actor_send(&n->raft_actor, &msg);
    if (e != ERR_OK) {
        metrics_add(&n->metrics, METRICS_QUEUE_FULL, 1);
    }
    housekeeping_arm(n);
    return e;
}

/* An operation that was not taken leaves no trace, and no answer. */
static enum err withdraw(struct node *n, struct op *op, enum err e)
{
    op_withdraw(n->ops, op);
    return e;
}

enum err backend_begin(struct node *n, enum op_kind kind, struct bytes data,
                       struct service_call *call, struct op **out)
{
    uint64_t now = os_now(n->os);
    uint64_t deadline =
        call->deadline_ns != 0 ? call->deadline_ns : now + CALL_MS_DEFAULT * NS_PER_MS;
    if (n->stopping || n->dead) {
        return ERR_SHUTTING_DOWN;
    }
    TRY(op_take(n->ops, kind, data, now, deadline, out));
    (*out)->call = call;
    call->ticket = (*out)->ticket;
    return ERR_OK;
}

static enum err write_encoded(struct node *n, const struct command *c, uint8_t *room, size_t bytes,
                              struct service_call *call)
{
    struct writer w = writer_of(room, bytes);
    struct op *op = NULL;
    command_encode(c, &w);
    ASSERT(!w.bad);
    TRY(backend_begin(n, OP_WRITE, writer_bytes(&w), call, &op));
    enum err e = backend_submit(n, op);
    return e == ERR_OK ? e : withdraw(n, op, e);
}

static enum err write_begin(struct node *n, const struct service_pair *pairs, uint32_t pair_count,
                            struct service_call *call)
{
    struct command_op ops[KV_TXN_OPS_MAX];
    struct command c = { call->client, call->sequence, pair_count, ops };
    if (pair_count > KV_TXN_OPS_MAX) {
        return ERR_TOO_MANY_OPS;
    }
    for (uint32_t i = 0; i < pair_count; i++) {
        ops[i] = (struct command_op){ COMMAND_PUT, pairs[i].key, pairs[i].value, 0 };
    }
    TRY(command_check(&c));
    TRY(state_room(n));
    if (log_last(n->log) == 0) {
        return ERR_NOT_INITIALIZED;
    }
    uint8_t small[4096];
    size_t bytes = command_bytes(&c);
    if (bytes <= sizeof small) {
        return write_encoded(n, &c, small, sizeof small, call);
    }
    uint8_t *room = mem_alloc(&n->mem, bytes);
    if (room == NULL) {
        return ERR_BUSY;
    }
    enum err e = write_encoded(n, &c, room, bytes, call);
    mem_free(&n->mem, room);
    return e;
}

/* What is refused at the door never was an operation. */
static enum err refused(struct node *n, enum op_kind kind, enum err e)
{
    if (e != ERR_OK) {
        count(n, kind, e);
    }
    return e;
}

static enum err backend_write(struct service *s, const struct service_pair *pairs,
                              uint32_t pair_count, struct service_call *call)
{
    struct node *n = (struct node *)s;
    return refused(n, OP_WRITE, write_begin(n, pairs, pair_count, call));
}

static enum err read_begin(struct node *n, struct bytes key, enum service_consistency how,
                           struct service_call *call)
{
    struct op *op = NULL;
    if (key.count == 0) {
        return ERR_KEY_EMPTY;
    }
    if (key.count > KV_KEY_BYTES_MAX) {
        return ERR_KEY_TOO_LARGE;
    }
    if (log_last(n->log) == 0) {
        return ERR_NOT_INITIALIZED;
    }
    TRY(backend_begin(n, OP_READ, key, call, &op));
    op->how = how;
    enum err e = ERR_OK;
    if (how == SERVICE_LINEARIZABLE) {
        e = backend_submit(n, op);
    } else {
        struct actor_msg msg = { .kind = KV_ACTOR_READ, .a = op->ticket };
        e = actor_send(&n->kv_actor, &msg);
    }
    return e == ERR_OK ? e : withdraw(n, op, e);
}

static enum err backend_read(struct service *s, struct bytes key, enum service_consistency how,
                             struct service_call *call)
{
    struct node *n = (struct node *)s;
    return refused(n, OP_READ, read_begin(n, key, how, call));
}

static enum err backend_add_peer(struct service *s, uint64_t id, const struct node_key *key,
                                 const struct os_addr *addrs, uint32_t count)
{
    return id == 0 ? ERR_BAD_REQUEST : mesh_peer((struct node *)s, id, key, addrs, count);
}

static uint32_t backend_addrs(struct service *s, struct os_addr *out, uint32_t max)
{
    return link_addrs(((struct node *)s)->link, out, max);
}

static void backend_forget(struct service *s, struct service_call *call)
{
    op_forget(((struct node *)s)->ops, call);
}

const struct service_table backend_raft_table = {
    .write = backend_write,
    .read = backend_read,
    .init = init_begin,
    .add_learner = control_add_learner,
    .change_membership = control_change_membership,
    .remove_member = control_remove,
    .transfer = control_transfer,
    .trigger_snapshot = control_snapshot,
    .add_peer = backend_add_peer,
    .status = node_status,
    .addrs = backend_addrs,
    .metrics = node_metrics_text,
    .transport_metrics = node_transport_text,
    .members = backend_members,
    .forget = backend_forget,
};
