/* tests/unit/node/test_forward.c -- Subject: node/forward.c, what becomes of a write or a change
 * of the cluster that was forwarded to the leader. Method: as test_driver.c: the parts of node 1 on
 * a played machine, a link that records frames, and answers of leaders that are made here. */
#include "driver.h"

#include "node/control_codec.h"

static const struct node_key key_3 = { { 3 } };

static const enum op_kind kinds[] = { OP_WRITE, OP_CONTROL };
#define KINDS (sizeof kinds / sizeof kinds[0])

/* What a client asks. */
static struct bytes wish(enum op_kind kind)
{
    static uint8_t room[CONTROL_BYTES_MAX];
    struct control c = { .kind = CONTROL_REMOVE, .id_count = 1, .id = { 3 } };
    struct writer w = writer_of(room, sizeof room);
    control_encode(&c, &w);
    return kind == OP_WRITE ? bytes_text("x") : writer_bytes(&w);
}

static struct op *ask(enum op_kind kind)
{
    struct op *op = NULL;
    uint64_t now = os_now(t.n.os);
    CHECK(op_take(t.n.ops, kind, wish(kind), now, now + NS_PER_S, &op) == ERR_OK);
    op->call = &t.call;
    list_push_back(kind == OP_WRITE ? &t.n.writes : &t.n.controls, &op->wait);
    return op;
}

/* A client's operation is with node 2, which leads. */
static struct op *forwarded_to_2(enum op_kind kind)
{
    begin(1);
    follow_2();
    struct op *op = ask(kind);
    raft_actor_turn(&t.n);
    CHECK(t.asks == 1 && op->state == OP_FORWARDED && t.asked.ticket == op->ticket);
    CHECK(t.asked.kind == (kind == OP_WRITE ? FRAME_WRITE : FRAME_CONTROL));
    return op;
}

static void answered(const struct node_key *by, uint64_t ticket, enum err code)
{
    uint8_t frame[CALL_HEAD_BYTES_MAX];
    struct writer w = writer_of(frame, sizeof frame);
    struct call_answer a = { .ticket = ticket, .code = code };
    call_answer_encode(&a, &w);
    forward_answer_in(&t.n, by, writer_bytes(&w));
}

static void leads_3(void)
{
    struct raft_msg m = { .type = RAFT_MSG_HEARTBEAT, .from = 3, .to = 1, .term = 4, .epoch = 1 };
    raft_actor_message(&t.n, &m);
    raft_actor_turn(&t.n);
}

/* The leader gives its office away, has lost it, or stops: what it did not begin waits for the next
 * one, as if it had been asked while nobody led. */
static void refused_by_the_leader(void)
{
    static const enum err why[] = { ERR_NO_LEADER, ERR_NOT_LEADER, ERR_SHUTTING_DOWN };
    for (size_t i = 0; i < KINDS * (sizeof why / sizeof why[0]); i++) {
        enum op_kind kind = kinds[i % KINDS];
        struct op *op = forwarded_to_2(kind);
        uint64_t ticket = op->ticket;
        answered(&key_2, ticket, why[i / KINDS]);
        raft_actor_turn(&t.n);
        CHECK(t.called == 0 && t.asks == 1 && op->state == OP_QUEUED);
        answered(&key_2, ticket, ERR_OK); /* nobody was asked */
        CHECK_U64(t.called, 0);
        leads_3();
        CHECK(t.asks == 2 && ids_key_equal(&t.to, &key_3) && op->state == OP_FORWARDED);
        CHECK(t.asked.ticket == ticket && bytes_equal(t.asked.command, wish(kind)));
        answered(&key_3, ticket, ERR_OK);
        CHECK(t.called == 1 && t.code == ERR_OK && op_count(t.n.ops) == 0);
        end();
    }
    EXPECT_MARK("node: a forwarded write waits for the next leader");
    EXPECT_MARK("node: a forwarded change waits for the next leader");
}

/* A node that was removed hears of no next leader: what comes back to it after it has lost the last
 * one is told now, not at its deadline. */
static void comes_back_to_one_that_was_removed(void)
{
    const struct raft_conf before = core_conf;
    core_conf = (struct raft_conf){ .voter_count = 2, .voter = { 2, 3 } };
    struct op *op = forwarded_to_2(OP_WRITE);
    struct raft_event ev = { .type = RAFT_EV_TIME, .now_ns = os_now(t.n.os) + 3 * NS_PER_S };
    raft_step(t.n.core, &ev, t.n.out);
    t.n.told_leader = 0;
    t.n.raft_actor.poked = false;
    answered(&key_2, op->ticket, ERR_NOT_LEADER);
    CHECK(t.called == 0 && t.n.raft_actor.poked);
    raft_actor_turn(&t.n);
    CHECK(t.called == 1 && t.code == ERR_NO_LEADER && op_count(t.n.ops) == 0);
    core_conf = before;
    end();
}

/* What may have been done is not done again; and what is refused for another reason would be
 * refused again. */
static void answered_for_good(void)
{
    static const enum err why[] = { ERR_OUTCOME_UNKNOWN, ERR_BUSY,        ERR_QUEUE_FULL,
                                    ERR_TIMEOUT,         ERR_DISK_FULL,   ERR_NO_QUORUM,
                                    ERR_INTERNAL,        ERR_SYNC_FAILED, ERR_BAD_REQUEST };
    for (size_t i = 0; i < KINDS * (sizeof why / sizeof why[0]); i++) {
        struct op *op = forwarded_to_2(kinds[i % KINDS]);
        answered(&key_2, op->ticket, why[i / KINDS]);
        CHECK(t.called == 1 && t.code == why[i / KINDS] && op_count(t.n.ops) == 0);
        leads_3();
        CHECK_U64(t.asks, 1);
        end();
    }
}

/* The leader may lead on after all, and nobody says so: one that waits asks it, and what it hears
 * goes for the others. */
static void leads_on(void)
{
    uint64_t ticket[3] = { forwarded_to_2(OP_WRITE)->ticket };
    ticket[1] = ask(OP_CONTROL)->ticket;
    ticket[2] = ask(OP_WRITE)->ticket;
    raft_actor_turn(&t.n);
    CHECK_U64(t.asks, 3);
    for (int i = 0; i < 3; i++) {
        answered(&key_2, ticket[i], ERR_NO_LEADER);
    }
    for (uint32_t again = 1; again <= 2; again++) {
        raft_actor_turn(&t.n);
        CHECK(t.called == 0 && t.asks == 2 + again);
        housekeeping_expire(&t.n, os_now(t.n.os) + again * NS_PER_S / 10);
        raft_actor_turn(&t.n);
        CHECK(t.asks == 3 + again && op_find(t.n.ops, t.asked.ticket)->state == OP_FORWARDED);
        if (again == 1) {
            answered(&key_2, t.asked.ticket, ERR_NOT_LEADER);
        }
    }
    answered(&key_2, t.asked.ticket, ERR_OK);
    raft_actor_turn(&t.n);
    CHECK(t.called == 1 && t.asks == 7 && list_empty(&t.n.waiting));
    end();
}

/* The next leader is heard before the last word of the one that has the write: that one knows best
 * what became of it. */
static void last_word(void)
{
    static const enum err word[] = { ERR_OK, ERR_OUTCOME_UNKNOWN, ERR_DISK_FULL };
    for (size_t i = 0; i < KINDS * (sizeof word / sizeof word[0]); i++) {
        struct op *op = forwarded_to_2(kinds[i % KINDS]);
        leads_3();
        CHECK(t.called == 0 && t.asks == 1);
        answered(&key_2, op->ticket, word[i / KINDS]);
        CHECK(t.called == 1 && t.code == word[i / KINDS]);
        end();
    }
    for (size_t i = 0; i < KINDS; i++) {
        struct op *op = forwarded_to_2(kinds[i]);
        op->deadline_ns += OP_LAST_WORD_NS;
        leads_3();
        answered(&key_2, op->ticket, ERR_NOT_LEADER);
        raft_actor_turn(&t.n);
        CHECK(t.called == 0 && t.asks == 2 && ids_key_equal(&t.to, &key_3));
        op_expire(t.n.ops, os_now(t.n.os) + OP_LAST_WORD_NS); /* it is with another leader now */
        CHECK(t.called == 0 && op->state == OP_FORWARDED);
        end();
    }
}

/* A change may wait with a leader that has lost its office and does not know that yet: once it
 * does, it says that nothing was done. */
static void a_change_has_time(void)
{
    struct op *op = forwarded_to_2(OP_CONTROL);
    leads_3();
    op_expire(t.n.ops, os_now(t.n.os) + OP_LAST_WORD_NS);
    CHECK(t.called == 0 && op->state == OP_FORWARDED);
    op_expire(t.n.ops, op->deadline_ns);
    CHECK(t.called == 1 && t.code == ERR_OUTCOME_UNKNOWN);
    end();
}

/* No leader in time: it is certain that nothing was done, and its asker hears whom to start. */
static void refused_until_the_deadline(void)
{
    for (size_t i = 0; i < KINDS; i++) {
        struct op *op = forwarded_to_2(kinds[i]);
        uint64_t deadline = op->deadline_ns;
        book_by_id(&t.n.book, 3)->up = false;
        answered(&key_2, op->ticket, ERR_NO_LEADER);
        book_by_id(&t.n.book, 2)->up = false;
        housekeeping_expire(&t.n, deadline - 1);
        raft_actor_turn(&t.n);
        CHECK_U64(t.called, 0);
        housekeeping_expire(&t.n, deadline);
        CHECK(t.called == 1 && t.code == ERR_NO_LEADER && op_count(t.n.ops) == 0);
        CHECK(strstr(t.detail, "node 2, node 3 do not answer this node: start them") != NULL);
        end();
    }
    EXPECT_MARK("node: nobody led in time");
}

/* Its bytes are kept for that, not at the cost of new operations: half of the room is theirs. */
static void half_of_the_room(void)
{
    static uint8_t large[(1u << 19) + 1]; /* of 1 MiB, see begin */
    static uint8_t small[1u << 19];
    struct op *op = forwarded_to_2(OP_WRITE);
    struct op *other = NULL;
    uint64_t deadline = op->deadline_ns;
    answered(&key_2, op->ticket, ERR_OK);
    CHECK(op_take(t.n.ops, OP_WRITE, bytes_of(small, sizeof small), 0, deadline, &op) == ERR_OK);
    op_keep_data(t.n.ops, op);
    CHECK(op->data != NULL);
    CHECK(op_take(t.n.ops, OP_WRITE, bytes_text("x"), 0, deadline, &other) == ERR_OK);
    op_keep_data(t.n.ops, other);
    CHECK(other->data == NULL);
    op_withdraw(t.n.ops, other);
    op_withdraw(t.n.ops, op);
    CHECK(op_take(t.n.ops, OP_WRITE, bytes_of(large, sizeof large), 0, deadline, &op) == ERR_OK);
    op->call = &t.call;
    op->state = OP_FORWARDED;
    op->forwarded_to = key_2;
    op_keep_data(t.n.ops, op);
    answered(&key_2, op->ticket, ERR_NOT_LEADER); /* it cannot be asked again */
    CHECK(t.called == 2 && t.code == ERR_NO_LEADER && op_count(t.n.ops) == 0);
    end();
    EXPECT_MARK("node: no room to keep a forwarded write");
}

/* What another node gives its client, this one does not keep for ever: a number that a peer sends
 * may be any. */
static void a_peers_time_is_bounded(void)
{
    static const struct {
        uint64_t said_ms, kept_ms;
    } times[] = { { 0, 0 },         { 59999, 59999 },      { 60000, 60000 },
                  { 70000, 60000 }, { 1ull << 63, 60000 }, { UINT64_MAX, 60000 } };
    for (size_t i = 0; i < sizeof times / sizeof times[0]; i++) {
        struct call_request c = { .kind = FRAME_CONTROL,
                                  .ticket = 9,
                                  .timeout_ms = times[i].said_ms,
                                  .command = wish(OP_CONTROL) };
        uint8_t frame[CALL_HEAD_BYTES_MAX + CONTROL_BYTES_MAX];
        struct writer w = writer_of(frame, sizeof frame);
        begin(1);
        t.n.told_role = RAFT_LEADER;
        call_request_encode(&c, &w);
        writer_put(&w, c.command);
        forward_in(&t.n, &key_2, 7, writer_bytes(&w));
        const struct op *op = op_find(t.n.ops, 1);
        CHECK(op != NULL && op->remote_ticket == 9);
        CHECK_U64(op->deadline_ns, os_now(t.n.os) + times[i].kept_ms * NS_PER_MS);
        end();
    }
}

int main(void)
{
    TAP_TEST("forward: what a leader without office refuses waits for the next one",
             refused_by_the_leader);
    TAP_TEST("forward: a write that comes back to a node that was removed",
             comes_back_to_one_that_was_removed);
    TAP_TEST("forward: what may have been done is never tried again", answered_for_good);
    TAP_TEST("forward: a leader that stays in office is asked again, by one for all", leads_on);
    TAP_TEST("forward: a leader of before has the last word", last_word);
    TAP_TEST("forward: who has a change has until its deadline for that", a_change_has_time);
    TAP_TEST("forward: without a next leader it was certainly not done",
             refused_until_the_deadline);
    TAP_TEST("forward: what is kept leaves half of the room", half_of_the_room);
    TAP_TEST("forward: a peer's operation is kept for a minute at most", a_peers_time_is_bounded);
    return tap_done();
}
