/* node/control_op.c -- changes of the cluster: learners, voters, who leads. Asked on any node, done
 * by the leader.
 *
 * Shape:      an operation in n->controls begins here when this node leads, else with whoever does,
 *             or it waits for that as every write. What only needs time (a change under way, a
 *             learner that lags, a voter that is not heard) waits in n->controls, until the
 *             deadline, and then says for what.
 * Thread:     the loop's
 */
#include "base/mark.h"
#include "base/panic.h"
#include "node/control_codec.h"
#include "node/impl.h"
#include "raft/raft_codec.h"

enum {
    CONTROL_MS_DEFAULT = 10000,
    CONTROL_GREETING_MS = 500 /* so long a new learner may take to say of which cluster it is */
};

static void answer_text(struct node *n, struct op *op, enum err code, const char *text)
{
    struct service_reply reply = backend_reply(n, code);
    reply.detail = text;
    op_answer(n->ops, op, &reply);
}

/* ---- the door ---- */

static enum err begin(struct node *n, const struct control *c, struct service_call *call)
{
    uint8_t room[CONTROL_BYTES_MAX];
    struct writer w = writer_of(room, sizeof room);
    struct op *op = NULL;
    if (log_last(n->log) == 0) {
        return ERR_NOT_INITIALIZED;
    }
    control_encode(c, &w);
    ASSERT(!w.bad);
    if (call->deadline_ns == 0) {
        call->deadline_ns = os_now(n->os) + CONTROL_MS_DEFAULT * NS_PER_MS;
    }
    TRY(backend_begin(n, OP_CONTROL, writer_bytes(&w), call, &op));
    list_push_back(&n->controls, &op->wait);
    housekeeping_arm(n);
    actor_poke(&n->raft_actor);
    return ERR_OK;
}

enum err control_add_learner(struct service *s, const struct service_member *member,
                             struct service_call *call)
{
    struct node *n = (struct node *)s;
    uint8_t room[CONTROL_TAIL_BYTES_MAX];
    struct writer tail = writer_of(room, sizeof room);
    struct control c = { .kind = CONTROL_ADD_LEARNER, .expect = call->expect, .id_count = 1 };
    if (member->id == 0 || member->addr.count >= NODE_ADDR_BYTES_MAX ||
        member->raft_addr.count >= NODE_ADDR_BYTES_MAX) {
        return ERR_BAD_REQUEST;
    }
    c.id[0] = member->id;
    c.addr = member->addr;
    c.raft_addr = member->raft_addr;
    if (book_tail_encode(&n->book, c.id, 1, &tail) == ERR_OK && !tail.bad) {
        c.tail = writer_bytes(&tail); /* else the leader may know where it is */
    }
    return begin(n, &c, call);
}

enum err control_change_membership(struct service *s, const uint64_t *ids, uint32_t count,
                                   struct service_call *call)
{
    struct control c = { .kind = CONTROL_CHANGE_MEMBERSHIP, .expect = call->expect };
    c.keep_rejoining = call->keep_rejoining;
    if (count == 0 || count > RAFT_VOTERS_MAX) {
        return ERR_BAD_REQUEST;
    }
    for (uint32_t i = 0; i < count; i++) {
        for (uint32_t k = 0; k < i; k++) {
            if (ids[k] == ids[i]) {
                return ERR_BAD_REQUEST;
            }
        }
        if (ids[i] == 0) {
            return ERR_BAD_REQUEST;
        }
        c.id[c.id_count++] = ids[i];
    }
    return begin((struct node *)s, &c, call);
}

enum err control_remove(struct service *s, uint64_t id, struct service_call *call)
{
    struct control c = { .kind = CONTROL_REMOVE, .expect = call->expect, .id_count = 1 };
    c.id[0] = id;
    return id == 0 ? ERR_BAD_REQUEST : begin((struct node *)s, &c, call);
}

enum err control_transfer(struct service *s, uint64_t to, struct service_call *call)
{
    struct control c = { .kind = CONTROL_TRANSFER, .id_count = to != 0 ? 1 : 0 };
    c.id[0] = to;
    return begin((struct node *)s, &c, call);
}

enum err control_snapshot(struct service *s, struct service_call *call)
{
    struct control c = { .kind = CONTROL_SNAPSHOT };
    return begin((struct node *)s, &c, call);
}

static struct control control_of(const struct op *op)
{
    struct control c;
    enum err e = control_decode(bytes_of(op->data, op->data_bytes), &c);
    ASSERT(e == ERR_OK); /* it was encoded here, or decoded at the door */
    return c;
}

static void refuse(struct node *n, struct op *op, enum err why)
{
    struct control c = control_of(op);
    uint8_t room[CALL_DETAIL_BYTES_MAX + 1];
    struct writer w = writer_of(room, sizeof room);
    answer_text(n, op, why, control_why(n, &c, why, &w));
}

/* Not now; until its deadline it is tried again. */
static void wait_for(struct node *n, struct op *op, enum err what)
{
    op->waits_for = what;
    list_push_back(&n->controls, &op->wait);
}

/* ---- on the leader ---- */

/* The book as it would be with the learner's endpoint, if the request brings it, and the texts of
 * its operator; dirty where that is news. The node's own book hears of it from the entry: who is
 * refused has changed nothing. */
static enum err endpoint_next(struct node *n, const struct control *c, struct book *next)
{
    struct book *scratch = mem_alloc(&n->mem, sizeof *scratch);
    if (scratch == NULL) {
        return ERR_BUSY;
    }
    book_init(scratch);
    enum err e = book_tail_learn(scratch, c->tail, os_wall(n->os));
    const struct book_entry *told = e == ERR_OK ? book_by_id(scratch, c->id[0]) : NULL;
    struct book_entry *known = NULL;
    next->dirty = false;
    if (told != NULL) {
        e = mesh_peer_may(n, told->id, &told->key);
        e = e == ERR_OK ? mesh_learn(n, next, told->id, &told->key, &known) : e;
    }
    if (known != NULL && told->addr_count > 0) {
        book_addrs_set(next, known, told->addrs, told->addr_count, os_wall(n->os));
    }
    mem_free(&n->mem, scratch);
    TRY(e);
    known = book_by_id(next, c->id[0]);
    if (known == NULL) {
        return ERR_UNKNOWN_ENDPOINT;
    }
    book_texts_set(next, known, c->addr, c->raft_addr);
    return ERR_OK;
}

/* Who joins is heard first; one that is not there may be added all the same. */
static bool greeted(struct node *n, const struct op *op, const struct book_entry *joins)
{
    const struct book_entry *e = book_by_key(&n->book, &joins->key);
    bool known = e != NULL && (e->up || e->addr_count > 0); /* it is dialled already */
    if (!known && joins->addr_count > 0) {
        uint64_t own = e != NULL ? e->id : 0; /* the number that it joins with, the entry tells */
        IGNORE(mesh_peer(n, own, &joins->key, joins->addrs, joins->addr_count)); /* full */
    }
    return (e != NULL && e->up && e->life != 0) ||
           os_now(n->os) - op->began_ns >= CONTROL_GREETING_MS * NS_PER_MS;
}

static void step(struct node *n, struct op *op, struct raft_event *ev, struct bytes tail)
{
    struct node_step s = { .tail = tail };
    if (map_put(&n->by_ticket, n->next_ticket, op->ticket) != ERR_OK) {
        backend_answer(n, op, ERR_BUSY, 0);
        return;
    }
    ev->ticket = n->next_ticket++;
    op->state = OP_PROPOSED;
    raft_actor_step(n, ev, &s);
}

/* What only needs time; where another configuration was meant, the core refuses. */
static enum err not_now(const struct node *n, const struct control *c, const struct raft_status *st,
                        const struct raft_event *ev, uint64_t began_ns)
{
    bool meant = c->expect == 0 || c->expect == st->conf.index;
    if (!list_empty(&n->changes)) {
        MARK("node: a change waits for the answer to the one before");
        return ERR_CONF_PENDING; /* which tells the members that it has made */
    }
    if (meant && !control_majority(n, st, ev->changes, ev->count)) {
        MARK("node: a change that would leave no majority waits");
        return ERR_NO_MAJORITY;
    }
    if (meant && !control_heard(n, st, ev->changes, ev->count, began_ns)) {
        MARK("node: a learner that does not answer is not promoted");
        return ERR_NOT_CAUGHT_UP;
    }
    return ERR_OK;
}

/* The entry names the members as this book does. True: it was written. The operation may be gone
 * afterwards, and with it what c borrows. */
static bool change(struct node *n, struct op *op, const struct control *c,
                   const struct raft_status *st, struct book *book)
{
    struct raft_status after;
    struct raft_change changes[CONTROL_CHANGES_MAX];
    struct raft_event ev = { .type = RAFT_EV_CONF, .changes = changes, .expect = c->expect };
    struct writer tail =
        writer_of(n->frame + RAFT_CONF_BYTES_MAX, n->frame_capacity - RAFT_CONF_BYTES_MAX);
    enum err e = control_changes(c, &st->conf, changes, &ev.count);
    e = e == ERR_OK && control_foreign(n, book, c, &st->conf) != 0 ? ERR_WRONG_CLUSTER : e;
    e = e == ERR_OK ? state_tail_encode(book, &st->conf, c->id, c->id_count, &tail) : e;
    if (e != ERR_OK) {
        refuse(n, op, e);
        return false;
    }
    enum err later = not_now(n, c, st, &ev, op->began_ns);
    if (later != ERR_OK) {
        wait_for(n, op, later);
        return false;
    }
    list_push_back(&n->changes, &op->wait);
    ev.tail_size = (uint32_t)tail.offset;
    ev.anew = c->kind == CONTROL_ADD_LEARNER && book->dirty; /* the learner is elsewhere now */
    step(n, op, &ev, writer_bytes(&tail));
    raft_status(n->core, &after);
    return after.conf.index != st->conf.index;
}

/* The entry tells this node's book of the learner, but for addresses where it knows others. */
static void add_one(struct node *n, struct op *op, const struct control *c,
                    const struct raft_status *st)
{
    struct book *next = mem_alloc(&n->mem, sizeof *next);
    if (next == NULL) {
        refuse(n, op, ERR_BUSY);
        return;
    }
    *next = n->book;
    uint64_t id = c->id[0];
    enum err e = endpoint_next(n, c, next);
    if (e != ERR_OK) {
        refuse(n, op, e);
    } else if (!greeted(n, op, book_by_id(next, id))) {
        wait_for(n, op, ERR_TIMEOUT);
    } else if (change(n, op, c, st, next)) {
        const struct book_entry *now = book_by_id(next, id);
        IGNORE(mesh_peer(n, id, &now->key, now->addrs, now->addr_count)); /* full: as before */
    }
    mem_free(&n->mem, next);
}

static void snapshot_one(struct node *n, struct op *op)
{
    struct raft_event ev = { .type = RAFT_EV_SNAPSHOT };
    step(n, op, &ev, bytes_of(NULL, 0));
}

/* One that does not answer would cost all writes an election timeout, and not lead. */
static void transfer_one(struct node *n, struct op *op, const struct raft_status *st, uint64_t to)
{
    struct raft_event ev = { .type = RAFT_EV_TRANSFER, .peer = to };
    if (raft_conf_is_voter(&st->conf, to) && control_silent(n, st, to)) {
        MARK("node: the office is not offered to who does not answer");
        refuse(n, op, ERR_NOT_CAUGHT_UP);
        return;
    }
    step(n, op, &ev, bytes_of(NULL, 0));
}

static void lead_one(struct node *n, struct op *op, const struct raft_status *st)
{
    struct control c = control_of(op);
    if (c.kind == CONTROL_TRANSFER) {
        transfer_one(n, op, st, c.id_count > 0 ? c.id[0] : 0);
    } else if (st->conf.outgoing_count > 0) {
        wait_for(n, op, ERR_CONF_PENDING);
    } else if (c.kind == CONTROL_ADD_LEARNER) {
        add_one(n, op, &c, st);
    } else {
        change(n, op, &c, st, &n->book);
    }
}

/* ---- what became of it ---- */

static void answer_snapshot(struct node *n, struct op *op)
{
    struct service_reply reply = backend_reply(n, ERR_OK);
    struct raft_status st;
    raft_status(n->core, &st);
    reply.snapshot_index = st.made_index;
    reply.snapshot_term = st.made_term;
    op_answer(n->ops, op, &reply);
}

void control_reply(struct node *n, struct op *op, const struct raft_effect *e)
{
    bool later = e->code == ERR_CONF_PENDING || e->code == ERR_NOT_CAUGHT_UP ||
                 e->code == ERR_BUSY || e->code == ERR_NO_LEADER || e->code == ERR_NOT_LEADER;
    enum control_kind kind = control_of(op).kind;
    list_remove(&op->wait);                                /* of changes that are in the log */
    bool bidden = e->code == ERR_TIMEOUT && e->index != 0; /* that may arrive yet */
    if (kind == CONTROL_TRANSFER && (e->code == ERR_NO_LEADER || bidden)) {
        MARK("node: a transfer ends with the office, and may go on");
        refuse(n, op, ERR_OUTCOME_UNKNOWN);
    } else if (e->code == ERR_OK && kind == CONTROL_SNAPSHOT) {
        answer_snapshot(n, op);
    } else if (e->code == ERR_OK && kind == CONTROL_TRANSFER) {
        op->settled = true; /* until somebody leads */
        list_push_back(&n->controls, &op->wait);
    } else if (e->code == ERR_OK) {
        backend_answer_members(n, op);
    } else if (later) {
        op->state = OP_QUEUED;
        wait_for(n, op, e->code);
    } else {
        refuse(n, op, e->code);
    }
}

static void advance_one(struct node *n, struct op *op)
{
    struct raft_status st;
    raft_status(n->core, &st);
    bool leads = st.role == RAFT_LEADER && st.transfer_to == 0; /* as raft_admit has it */
    list_remove(&op->wait);
    if (op->settled && st.leader != 0) {
        backend_answer_members(n, op);
    } else if (op->settled) {
        list_push_back(&n->controls, &op->wait);
    } else if (control_of(op).kind == CONTROL_SNAPSHOT) {
        snapshot_one(n, op);
    } else if (leads) {
        lead_one(n, op, &st);
    } else if (op->remote) {
        backend_answer(n, op, st.role == RAFT_LEADER ? ERR_NO_LEADER : ERR_NOT_LEADER, 0);
    } else if (raft_actor_outsider(n, &st)) {
        refuse(n, op, ERR_NO_LEADER);
    } else if (st.role == RAFT_LEADER || st.leader == 0 || !forward_out(n, op, st.leader)) {
        raft_actor_wait(n, op);
    }
}

void control_advance(struct node *n)
{
    struct list now;
    list_init(&now);
    while (!list_empty(&n->controls)) { /* what waits on is for the next turn */
        struct op *op = CONTAINER_OF(n->controls.next, struct op, wait);
        list_remove(&op->wait);
        list_push_back(&now, &op->wait);
    }
    while (!list_empty(&now)) {
        advance_one(n, CONTAINER_OF(now.next, struct op, wait));
    }
}

void control_expire(struct node *n, uint64_t now_ns)
{
    struct list *node = n->controls.next;
    while (node != &n->controls) {
        struct op *op = CONTAINER_OF(node, struct op, wait);
        node = node->next;
        if (op->deadline_ns <= now_ns && op->state == OP_QUEUED) {
            MARK("node: a change of the cluster expires");
            refuse(n, op, op->waits_for != ERR_OK ? op->waits_for : ERR_TIMEOUT);
        }
    }
    if (!list_empty(&n->controls)) {
        actor_poke(&n->raft_actor); /* a learner may have caught up meanwhile */
    }
}
