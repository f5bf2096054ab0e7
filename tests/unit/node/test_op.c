/* tests/unit/node/test_op.c -- Subject: client operations in flight. Method: operations in every
 * state meet every end; what their askers are told is looked at. */
#include "tap.h"

#include "node/op.h"

static struct {
    struct mem mem;
    struct op_pool *pool;
    struct service_call call;
    uint32_t answers;
    enum err code;
    uint32_t remote_answers;
    uint64_t remote_ticket;
} t;

static void on_done(struct service_call *call, const struct service_reply *reply)
{
    CHECK(call == &t.call);
    t.answers++;
    t.code = reply->code;
}

static void on_remote(void *arg, const struct op *op, const struct service_reply *reply)
{
    (void)arg;
    t.remote_answers++;
    t.remote_ticket = op->remote_ticket;
    t.code = reply->code;
}

static void open_pool(void)
{
    memset(&t, 0, sizeof t);
    mem_init(&t.mem, "operations", 64u << 20);
    t.call.done = on_done;
    t.pool = op_pool_open(&t.mem, 1000, NULL, on_remote, NULL);
}

static void close_pool(void)
{
    op_pool_close(t.pool);
    CHECK_U64(t.mem.used, 0);
}

static struct op *take(enum op_kind kind, enum op_state state, uint64_t deadline_ns)
{
    struct op *op = NULL;
    CHECK(op_take(t.pool, kind, bytes_text("data"), 1, deadline_ns, &op) == ERR_OK);
    op->state = state;
    op->call = &t.call;
    t.call.ticket = op->ticket;
    return op;
}

/* What the asker of an operation in this state is told when its time is over. */
static enum err expired(enum op_kind kind, enum op_state state)
{
    take(kind, state, 10);
    op_expire(t.pool, 9);
    uint32_t before = t.answers;
    op_expire(t.pool, 10);
    CHECK_U64(t.answers, before + 1);
    return t.code;
}

static void outcomes(void)
{
    open_pool();
    CHECK(expired(OP_WRITE, OP_QUEUED) == ERR_TIMEOUT);
    CHECK(expired(OP_WRITE, OP_PROPOSED) == ERR_OUTCOME_UNKNOWN);
    CHECK(expired(OP_WRITE, OP_FORWARDED) == ERR_OUTCOME_UNKNOWN);
    CHECK(expired(OP_READ, OP_READING) == ERR_TIMEOUT);
    CHECK(expired(OP_INIT, OP_PROPOSED) == ERR_OUTCOME_UNKNOWN);
    close_pool();
    EXPECT_MARK("node: a proposed write expires");
}

/* A peer is gone: only what it had ends, with the outcome open. */
static void peer_gone(void)
{
    struct node_key gone = { { 1 } };
    struct node_key other = { { 2 } };
    open_pool();
    struct op *kept[3] = { take(OP_WRITE, OP_FORWARDED, 10), take(OP_WRITE, OP_PROPOSED, 10),
                           take(OP_WRITE, OP_QUEUED, 10) };
    kept[0]->forwarded_to = other;
    kept[1]->forwarded_to = gone;
    struct op *lost = take(OP_WRITE, OP_FORWARDED, 10);
    lost->forwarded_to = gone;
    uint64_t ticket = lost->ticket;
    op_fail_forwarded(t.pool, &gone);
    CHECK(t.answers == 1 && t.code == ERR_OUTCOME_UNKNOWN);
    CHECK(op_find(t.pool, ticket) == NULL);
    CHECK_U64(op_count(t.pool), 3);
    op_fail_all(t.pool, ERR_SHUTTING_DOWN);
    CHECK(t.answers == 4 && t.code == ERR_SHUTTING_DOWN); /* the newest one was queued only */
    close_pool();
}

static void tickets(void)
{
    open_pool();
    struct op *first = take(OP_WRITE, OP_QUEUED, 10);
    uint64_t ticket = first->ticket;
    op_fail(t.pool, first, ERR_BUSY);
    struct op *second = take(OP_WRITE, OP_QUEUED, 10);
    CHECK(second == first && second->ticket != ticket); /* the slot again, never the number */
    CHECK(op_find(t.pool, ticket) == NULL && op_find(t.pool, second->ticket) == second);
    op_forget(t.pool, &t.call);
    op_fail(t.pool, second, ERR_BUSY);
    CHECK_U64(t.answers, 1); /* its asker is gone */
    struct op *theirs = take(OP_WRITE, OP_QUEUED, 10);
    theirs->call = NULL;
    theirs->remote = true;
    theirs->remote_ticket = 77;
    op_fail(t.pool, theirs, ERR_NOT_LEADER);
    CHECK(t.answers == 1 && t.remote_answers == 1 && t.remote_ticket == 77);
    close_pool();
}

/* Its asker is gone, wherever the operation is by then: the answer goes to nobody. */
static void asker_gone(void)
{
    static const enum op_state states[] = { OP_QUEUED, OP_PROPOSED, OP_FORWARDED, OP_READING };
    static const enum op_kind kinds[] = { OP_WRITE, OP_READ, OP_INIT, OP_CONTROL };
    open_pool();
    for (size_t i = 0; i < sizeof states / sizeof states[0]; i++) {
        for (size_t k = 0; k < sizeof kinds / sizeof kinds[0]; k++) {
            struct op *op = take(kinds[k], states[i], 10);
            op_forget(t.pool, &t.call);
            CHECK_U64(op_count(t.pool), 1); /* it goes on */
            op_fail(t.pool, op, ERR_OK);
            CHECK_U64(t.answers, 0);
        }
    }
    close_pool();
}

/* What was not begun after all leaves no trace: the pool has room for as much as before. */
static void withdrawn(void)
{
    static const uint8_t big[1000];
    struct op *op = NULL;
    open_pool();
    for (uint32_t i = 0; i < 2; i++) {
        CHECK(op_take(t.pool, OP_WRITE, bytes_of(big, sizeof big), 1, 10, &op) == ERR_OK);
        uint64_t ticket = op->ticket;
        op->call = &t.call;
        op_withdraw(t.pool, op);
        CHECK(op_find(t.pool, ticket) == NULL && t.answers == 0);
        CHECK_U64(op_count(t.pool), 0);
    }
    close_pool();
}

static void bounds(void)
{
    static uint8_t big[1000];
    struct op *op = NULL;
    open_pool();
    CHECK(op_take(t.pool, OP_WRITE, bytes_of(big, 1000), 1, 10, &op) == ERR_OK);
    struct op *more = NULL;
    CHECK(op_take(t.pool, OP_WRITE, bytes_of(big, 1), 1, 10, &more) == ERR_BUSY);
    CHECK(op_take(t.pool, OP_READ, bytes_of(big, 0), 1, 10, &more) == ERR_OK);
    op_drop_data(t.pool, op);
    CHECK(op_take(t.pool, OP_WRITE, bytes_of(big, 1000), 1, 10, &more) == ERR_OK);
    for (uint32_t i = op_count(t.pool); i < CALLS_MAX; i++) {
        CHECK(op_take(t.pool, OP_READ, bytes_of(big, 0), 1, 10, &more) == ERR_OK);
    }
    CHECK(op_take(t.pool, OP_READ, bytes_of(big, 0), 1, 10, &more) == ERR_BUSY);
    op_fail_all(t.pool, ERR_SHUTTING_DOWN);
    CHECK_U64(op_count(t.pool), 0);
    close_pool();
}

int main(void)
{
    TAP_TEST("op: what may have been done is never said not to be", outcomes);
    TAP_TEST("op: with a peer ends what it had, and nothing else", peer_gone);
    TAP_TEST("op: a ticket names one operation for good", tickets);
    TAP_TEST("op: an asker that is gone is told nothing", asker_gone);
    TAP_TEST("op: what is withdrawn gives back its place and its bytes", withdrawn);
    TAP_TEST("op: operations and their bytes are bounded", bounds);
    return tap_done();
}
