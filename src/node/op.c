/* node/op.c -- pool of client operations; a free list over one block, a map from ticket to slot.
 *
 * Why: slots are handed out from the front and reused last-in first-out, so that an idle node
 *      touches only the pages that its busiest moment needed
 */
#include "node/op.h"

#include "base/mark.h"
#include "base/panic.h"

struct op_pool {
    struct mem *mem;
    struct op *slots;
    uint32_t fresh; /* slots never used start here */
    struct list free;
    struct list busy; /* in the order they were taken; deadlines nearly sorted */
    struct map by_ticket;
    uint32_t count;
    size_t data_bytes;
    size_t data_bytes_max;
    uint64_t next_ticket;
    op_reply_fn answered;
    op_reply_fn remote;
    void *arg; /* of both */
};

struct op_pool *op_pool_open(struct mem *mem, size_t data_bytes_max, op_reply_fn answered,
                             op_reply_fn remote, void *arg)
{
    struct op_pool *p = mem_take(mem, sizeof *p);
    p->mem = mem;
    p->slots = mem_take(mem, CALLS_MAX * sizeof *p->slots);
    list_init(&p->free);
    list_init(&p->busy);
    map_init(&p->by_ticket, mem, CALLS_MAX);
    p->data_bytes_max = data_bytes_max;
    p->next_ticket = 1;
    p->answered = answered;
    p->remote = remote;
    p->arg = arg;
    return p;
}

void op_pool_close(struct op_pool *p)
{
    if (p == NULL) {
        return;
    }
    while (!list_empty(&p->busy)) {
        struct op *op = CONTAINER_OF(p->busy.next, struct op, link);
        list_remove(&op->link);
        mem_free(p->mem, op->data);
    }
    map_done(&p->by_ticket);
    mem_free(p->mem, p->slots);
    mem_free(p->mem, p);
}

static struct op *take_slot(struct op_pool *p)
{
    if (!list_empty(&p->free)) {
        struct op *op = CONTAINER_OF(p->free.next, struct op, link);
        list_remove(&op->link);
        return op;
    }
    return p->fresh < CALLS_MAX ? &p->slots[p->fresh++] : NULL;
}

enum err op_take(struct op_pool *p, enum op_kind kind, struct bytes data, uint64_t now_ns,
                 uint64_t deadline_ns, struct op **out)
{
    if (p->count >= CALLS_MAX || p->data_bytes + data.count > p->data_bytes_max) {
        MARK("node: too many operations");
        return ERR_BUSY;
    }
    uint8_t *copy = NULL;
    if (data.count > 0) {
        copy = mem_alloc(p->mem, data.count);
        if (copy == NULL) {
            return ERR_BUSY;
        }
        memcpy(copy, data.data, data.count);
    }
    struct op *op = take_slot(p);
    ASSERT(op != NULL);
    memset(op, 0, sizeof *op);
    list_init(&op->wait);
    op->kind = kind;
    op->state = OP_QUEUED;
    op->ticket = p->next_ticket++;
    op->began_ns = now_ns;
    op->deadline_ns = deadline_ns;
    op->data = copy;
    op->data_bytes = data.count;
    p->data_bytes += data.count;
    list_push_back(&p->busy, &op->link);
    p->count++;
    enum err e = map_put(&p->by_ticket, op->ticket, (uint64_t)(op - p->slots));
    ASSERT(e == ERR_OK);
    *out = op;
    return ERR_OK;
}

struct op *op_find(struct op_pool *p, uint64_t ticket)
{
    uint64_t slot = 0;
    if (!map_find(&p->by_ticket, ticket, &slot)) {
        return NULL;
    }
    ASSERT(slot < p->fresh && p->slots[slot].ticket == ticket);
    return &p->slots[slot];
}

void op_drop_data(struct op_pool *p, struct op *op)
{
    ASSERT(p->data_bytes >= op->data_bytes);
    p->data_bytes -= op->data_bytes;
    mem_free(p->mem, op->data);
    op->data = NULL;
    op->data_bytes = 0;
}

void op_keep_data(struct op_pool *p, struct op *op)
{
    if (p->data_bytes > p->data_bytes_max / 2) {
        MARK("node: no room to keep a forwarded write");
        op_drop_data(p, op);
    }
}

/* Nobody finds it any more. */
static void take_off(struct op_pool *p, struct op *op)
{
    ASSERT(op->state != OP_FREE);
    bool known = map_remove(&p->by_ticket, op->ticket);
    ASSERT(known);
    list_remove(&op->wait);
    list_remove(&op->link);
    op->state = OP_FREE;
}

static void free_slot(struct op_pool *p, struct op *op)
{
    op_drop_data(p, op);
    list_push_front(&p->free, &op->link);
    ASSERT(p->count > 0);
    p->count--;
}

void op_withdraw(struct op_pool *p, struct op *op)
{
    take_off(p, op);
    free_slot(p, op);
}

void op_answer(struct op_pool *p, struct op *op, const struct service_reply *reply)
{
    take_off(p, op);
    if (p->answered != NULL) {
        p->answered(p->arg, op, reply);
    }
    if (op->remote) {
        p->remote(p->arg, op, reply);
    } else if (op->call != NULL) {
        struct service_call *call = op->call;
        op->call = NULL;
        call->done(call, reply);
    }
    free_slot(p, op);
}

void op_fail(struct op_pool *p, struct op *op, enum err code)
{
    struct service_reply reply = { .code = code };
    op_answer(p, op, &reply);
}

void op_forget(struct op_pool *p, struct service_call *call)
{
    struct op *op = op_find(p, call->ticket);
    if (op != NULL && op->call == call) {
        op->call = NULL;
    }
}

/* What may be in somebody's log has an open outcome, everything else was not done. Reads are not
 * proposed, and not forwarded. */
static enum err outcome_of(const struct op *op, enum err not_done)
{
    bool open = op->state == OP_PROPOSED || op->state == OP_FORWARDED;
    return open ? ERR_OUTCOME_UNKNOWN : not_done;
}

void op_expire(struct op_pool *p, uint64_t now_ns)
{
    struct list *node = p->busy.next;
    while (node != &p->busy) {
        struct op *op = CONTAINER_OF(node, struct op, link);
        node = node->next;
        bool no_word =
            op->state == OP_FORWARDED && op->last_word_ns != 0 && op->last_word_ns <= now_ns;
        if (op->deadline_ns <= now_ns || no_word) {
            MARK_IF(op->state == OP_QUEUED, "node: a waiting operation expires");
            MARK_IF(op->state == OP_FORWARDED, "node: a forwarded write expires");
            MARK_IF(op->state == OP_PROPOSED, "node: a proposed write expires");
            MARK_IF(op->state == OP_READING, "node: a read expires");
            op_fail(p, op, outcome_of(op, ERR_TIMEOUT));
        }
    }
}

void op_fail_forwarded(struct op_pool *p, const struct node_key *peer)
{
    struct list *node = p->busy.next;
    while (node != &p->busy) {
        struct op *op = CONTAINER_OF(node, struct op, link);
        node = node->next;
        if (op->state == OP_FORWARDED && ids_key_equal(&op->forwarded_to, peer)) {
            MARK("node: the peer that has a write is lost");
            op_fail(p, op, outcome_of(op, ERR_NO_LEADER));
        }
    }
}

void op_fail_deposed(struct op_pool *p, const struct node_key *leader, uint64_t now_ns)
{
    LIST_EACH(node, &p->busy) {
        struct op *op = CONTAINER_OF(node, struct op, link);
        bool writes = op->kind != OP_CONTROL; /* a change may wait there until it knows */
        if (writes && op->state == OP_FORWARDED && op->last_word_ns == 0 &&
            !ids_key_equal(&op->forwarded_to, leader)) {
            MARK("node: the leader that has a write is deposed");
            op->last_word_ns = now_ns + OP_LAST_WORD_NS;
        }
    }
}

void op_fail_all(struct op_pool *p, enum err code)
{
    while (!list_empty(&p->busy)) {
        struct op *op = CONTAINER_OF(p->busy.next, struct op, link);
        op_fail(p, op, outcome_of(op, code));
    }
}

uint32_t op_count(const struct op_pool *p)
{
    return p->count;
}
