/* node/init_op.c -- `init`: wait until every member's endpoint is known, write entry 1, wait for a leader. */
#include "base/panic.h"
#include "node/impl.h"
#include "raft/raft_codec.h"

#include <stdio.h>

enum {
    INIT_TEXT_BYTES_MAX = 256
};

/* The operation carries the members' ids, little-endian, one after the other. */
static uint32_t ids_of(const struct op *op, uint64_t ids[SERVICE_MEMBERS_MAX])
{
    struct reader r = reader_of(bytes_of(op->data, op->data_bytes));
    uint32_t count = 0;
    while (reader_left(&r) >= 8 && count < SERVICE_MEMBERS_MAX) {
        ids[count++] = reader_u64(&r);
    }
    return count;
}

static enum err members_check(const struct node *n, const struct service_member *members,
                              uint32_t count)
{
    bool self = false;
    if (count == 0 || count > RAFT_VOTERS_MAX) {
        return ERR_BAD_REQUEST;
    }
    for (uint32_t i = 0; i < count; i++) {
        self = self || members[i].id == n->config->node_id;
        for (uint32_t k = 0; k < i; k++) {
            if (members[k].id == members[i].id) {
                return ERR_BAD_REQUEST;
            }
        }
        if (members[i].id == 0) {
            return ERR_BAD_REQUEST;
        }
    }
    return self ? ERR_OK : ERR_BAD_REQUEST;
}

/* Texts of members whose key is known; the others' come when their key does. */
static void texts_set(struct node *n, const struct service_member *members, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        struct book_entry *e = book_by_id(&n->book, members[i].id);
        if (e != NULL) {
            book_texts_set(&n->book, e, members[i].addr, members[i].raft_addr);
        }
    }
}

enum err init_begin(struct service *s, const struct service_member *members, uint32_t count,
                    struct service_call *call)
{
    struct node *n = (struct node *)s;
    struct raft_status st;
    uint8_t room[8 * SERVICE_MEMBERS_MAX];
    struct writer w = writer_of(room, sizeof room);
    struct op *op = NULL;
    raft_status(n->core, &st);
    if (n->stopping) {
        return ERR_SHUTTING_DOWN;
    }
    if (st.last > 0) {
        return ERR_ALREADY_INITIALIZED;
    }
    TRY(members_check(n, members, count));
    texts_set(n, members, count);
    for (uint32_t i = 0; i < count; i++) {
        writer_u64(&w, members[i].id);
    }
    uint64_t now = os_now(n->os);
    uint64_t deadline =
        call->deadline_ns != 0 ? call->deadline_ns : now + CALL_MS_DEFAULT * 1000000ull;
    TRY(op_take(n->ops, OP_INIT, writer_bytes(&w), now, deadline, &op));
    op->call = call;
    call->ticket = op->ticket;
    list_push_back(&n->inits, &op->wait);
    housekeeping_arm(n);
    actor_poke(&n->raft_actor);
    return ERR_OK;
}

static bool all_known(struct node *n, const uint64_t *ids, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        if (book_by_id(&n->book, ids[i]) == NULL) {
            return false;
        }
    }
    return true;
}

static void write_entry(struct node *n, struct op *op, const uint64_t *ids, uint32_t count)
{
    struct raft_conf c = { 0 };
    struct writer tail =
        writer_of(n->frame + RAFT_CONF_BYTES_MAX, n->frame_capacity - RAFT_CONF_BYTES_MAX);
    static_assert((int)RAFT_CONF_BYTES_MAX < (int)BOOK_BYTES_MAX, "the frame has room for both");
    enum err e = book_tail_encode(&n->book, ids, count, &tail);
    for (uint32_t i = 0; i < count; i++) {
        c.voter[c.voter_count++] = ids[i];
    }
    if (e != ERR_OK) {
        backend_answer(n, op, e, 0);
        return;
    }
    struct raft_event ev = { .type = RAFT_EV_INIT, .ticket = n->next_ticket++, .conf = &c };
    ev.tail_size = (uint32_t)tail.offset;
    struct node_step step = { .tail = writer_bytes(&tail) };
    op->state = OP_PROPOSED;
    raft_actor_step(n, &ev, &step);
}

static void answer_members(struct node *n, struct op *op)
{
    struct service_reply reply = { .code = ERR_OK, .members = &n->members };
    backend_members(&n->service, &n->members);
    reply.term = n->told_term;
    reply.node = n->config->node_id;
    reply.leader_hint = n->told_leader;
    op_answer(n->ops, op, &reply);
}

static void advance_one(struct node *n, struct op *op)
{
    uint64_t ids[SERVICE_MEMBERS_MAX];
    struct raft_status st;
    raft_status(n->core, &st);
    if (op->state == OP_PROPOSED) {
        if (st.leader != 0 && st.commit > 1) {
            answer_members(n, op);
        }
        return;
    }
    uint32_t count = ids_of(op, ids);
    if (st.last > 0) {
        backend_answer(n, op, ERR_ALREADY_INITIALIZED, 0);
    } else if (all_known(n, ids, count)) {
        write_entry(n, op, ids, count);
    }
}

void init_advance(struct node *n)
{
    struct list *node = n->inits.next;
    while (node != &n->inits) {
        struct op *op = CONTAINER_OF(node, struct op, wait);
        node = node->next;
        advance_one(n, op);
    }
}
