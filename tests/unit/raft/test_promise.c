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

/* Who finds no room proves nothing; what was remembered before stays. */
static void full(void)
{
    boot(0);
    for (uint64_t id = 2; id < 2 + RAFT_PEERS_MAX; id++) {
        CHECK(!stops(id, 0, 0, 0));
    }
    CHECK(!stops(2 + RAFT_PEERS_MAX, 5, 9, 5));
    CHECK_U64(t.status.term, 5);
    CHECK(stops(1 + RAFT_PEERS_MAX, 5, 9, 5));
}

int main(void)
{
    TAP_TEST("promise: a vote that the disk lacks ends the node, one that it has does not",
             lost_vote);
    TAP_TEST("promise: an acknowledgement that the disk lacks ends the node", lost_ack);
    TAP_TEST("promise: a peer is reminded of its newest vote", newest_vote);
    TAP_TEST("promise: a reminder of whom no room is left for concludes nothing", full);
    return tap_done();
}
