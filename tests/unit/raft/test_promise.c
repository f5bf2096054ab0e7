/* tests/unit/raft/test_promise.c -- Subject: raft/promise.c, what peers remember of a disk that was
 * put back. Method: one core alone, reminded by hand. */
#include "alone.h"

/* Node 1 of three whose disk knows term 5, its vote in it, and 3 entries of term 4. */
static void boot(uint64_t vote)
{
    static const struct raft_run run = { 1, 4 };
    struct raft_config c = config();
    struct raft_boot b = { .term = 5, .vote = vote, .last = 3, .applied = 1 };
    b.runs = &run;
    b.run_count = 1;
    b.effective = conf_of(3);
    b.committed = b.effective;
    boot_on(&c, &b);
}

static bool stops(uint64_t by, uint64_t term, uint64_t index, uint64_t vote)
{
    struct raft_msg m = { .type = RAFT_MSG_REMINDER, .from = by, .term = 5 };
    m.log_term = term;
    m.index = index;
    m.id = vote;
    message(m);
    return t.status.role == RAFT_STOPPED;
}

/* A disk that knows the term may lack the vote that was given in it. */
static void lost_vote(void)
{
    boot(0);
    CHECK(!stops(2, 0, 0, 4));
    CHECK(stops(2, 0, 0, 5));
    boot(3);
    CHECK(!stops(3, 0, 0, 5));
    CHECK(stops(2, 0, 0, 5));
}

/* Entries of the term that the disk knows. */
static void lost_ack(void)
{
    boot(0);
    CHECK(!stops(2, 4, 9, 0)); /* of an older term: it may have been overwritten since */
    CHECK(!stops(2, 5, 3, 0));
    CHECK(stops(2, 5, 4, 0));
}

static uint64_t reminded_vote(uint64_t by)
{
    message((struct raft_msg){ .type = RAFT_MSG_PREVOTE, .from = by, .term = 1 });
    const struct raft_effect *e = find(RAFT_DO_SEND, RAFT_MSG_REMINDER, 0);
    return e != NULL ? e->msg.id : 0;
}

/* Of the votes of a peer the newest is what it is reminded of, and no refusal is one. */
static void newest_vote(void)
{
    struct raft_msg m = { .type = RAFT_MSG_VOTE_REPLY, .from = 2, .term = 4 };
    boot(0);
    CHECK_U64(reminded_vote(2), 0);
    message(m);
    CHECK_U64(reminded_vote(2), 4);
    m.term = 5;
    message(m);
    CHECK_U64(reminded_vote(2), 5);
    m.term = 4; /* it was on its way for long */
    message(m);
    CHECK_U64(reminded_vote(2), 5);
    m.term = 6;
    m.reject = true;
    message(m);
    CHECK_U64(reminded_vote(2), 5);
}

static void acked(uint64_t from, uint64_t term, uint64_t index)
{
    message((struct raft_msg){
        .type = RAFT_MSG_APPEND_REPLY, .from = from, .term = term, .index = index });
}

static uint64_t reminded_index(uint64_t of)
{
    message((struct raft_msg){ .type = RAFT_MSG_PREVOTE, .from = of, .term = 1 });
    const struct raft_effect *e = find(RAFT_DO_SEND, RAFT_MSG_REMINDER, 0);
    return e != NULL ? e->msg.index : 0;
}

/* More nodes than have room came and went; 100 is the one that was heard last. */
static void others_came(uint64_t term)
{
    for (uint64_t id = 100 + 2ull * RAFT_PEERS_MAX; id >= 100; id--) {
        acked(id, term, 1000 - id);
    }
}

/* What members have promised is kept whoever else comes, and finds room whoever came before. */
static void members_have_room(void)
{
    boot(0);
    acked(2, 4, 2);
    others_came(5);
    acked(3, 5, 3);
    CHECK_U64(reminded_index(2), 2);
    CHECK_U64(reminded_index(3), 3);
    CHECK_U64(reminded_index(100), 900); /* so is what others said, the newest of it */
    CHECK_U64(reminded_index(100 + 2ull * RAFT_PEERS_MAX), 0);
    EXPECT_MARK("raft: the promises of one that has left make room");
}

/* Members of all rows: the configuration with the most. */
static void full_of_members(void)
{
    struct raft_config c = config();
    struct raft_boot b = { .term = 5, .last = 1, .applied = 1 };
    static const struct raft_run run = { 1, 4 };
    b.runs = &run;
    b.run_count = 1;
    b.effective = conf_of(RAFT_VOTERS_MAX);
    for (uint8_t i = 0; i < RAFT_VOTERS_MAX; i++) { /* it is none of them */
        b.effective.voter[i] = 100 + i;
        b.effective.learner[i] = 200 + i;
    }
    b.effective.learner_count = RAFT_VOTERS_MAX;
    b.committed = b.effective;
    boot_on(&c, &b);
    for (uint64_t i = 0; i < RAFT_VOTERS_MAX; i++) {
        acked(100 + i, 5, 1 + i);
        acked(200 + i, 5, 1 + i);
    }
    acked(9, 5, 7);
    CHECK_U64(reminded_index(9), 0);
    append(9, 6, 1, 4, (const uint64_t[]){ 6 }, 1);
    CHECK_U64(t.status.last, 2);
    CHECK(!stops(9, 6, 2, 0));
    CHECK(stops(9, 6, 3, 0));
    EXPECT_MARK("raft: no room for the promises of one that is no member");
}

/* A node that left and comes back knows what this one has told it; this one knows the most that it
 * has told those that left, and takes no promise of its own for lost. */
static void kept_although_forgotten(void)
{
    boot(0);
    append(9, 6, 3, 4, (const uint64_t[]){ 6 }, 1);
    others_came(6);
    CHECK(!stops(9, 6, 4, 0));
    acked(9, 6, 1); /* it has a row again */
    CHECK(!stops(9, 6, 4, 0));
    CHECK(stops(9, 6, 5, 0));
}

/* The same of a vote. */
static void voted_although_forgotten(void)
{
    struct raft_msg m = { .type = RAFT_MSG_VOTE, .from = 9, .term = 6, .index = 9, .log_term = 5 };
    boot(0);
    t.now += 3 * ELECTION;
    message(m);
    CHECK(find(RAFT_DO_SEND, RAFT_MSG_VOTE_REPLY, 0) != NULL);
    CHECK_U64(t.status.vote, 9);
    others_came(6);
    CHECK(!stops(9, 0, 0, 6));
    CHECK(stops(9, 0, 0, 7));
}

/* Nothing is made of who only reminds. */
static void reminders_take_no_room(void)
{
    boot(0);
    acked(90, 5, 5);
    for (uint64_t id = 100; id < 100 + 2ull * RAFT_PEERS_MAX; id++) {
        CHECK(!stops(id, 0, 0, 0));
    }
    CHECK_U64(reminded_index(90), 5);
    CHECK(stops(400, 5, 9, 5));
}

int main(void)
{
    TAP_TEST("promise: a vote that the disk lacks ends the node, one that it has does not",
             lost_vote);
    TAP_TEST("promise: an acknowledgement that the disk lacks ends the node", lost_ack);
    TAP_TEST("promise: a peer is reminded of its newest vote", newest_vote);
    TAP_TEST("promise: what members have promised is kept, whoever came and went before",
             members_have_room);
    TAP_TEST("promise: who is no member takes no room from members", full_of_members);
    TAP_TEST("promise: what was told to one that left is not taken for lost when it comes back",
             kept_although_forgotten);
    TAP_TEST("promise: nor is a vote that was given to it", voted_although_forgotten);
    TAP_TEST("promise: a reminder takes no room", reminders_take_no_room);
    return tap_done();
}
