/* tests/unit/raft/test_transfer.c -- Subject: one core alone that gives its office away. Method:
 * hand-made events of peers and disk; effects are looked at one by one. */
#include "alone.h"

/* Node 1 of some voters leads, its own entry written by 2 and 3 as well. */
static void boot_leader(uint8_t voters)
{
    static const struct raft_run run = { 1, 1 };
    static const uint32_t size = 10;
    struct raft_config c = config();
    struct raft_boot b = { .term = 1, .last = 1, .applied = 1, .runs = &run, .run_count = 1 };
    b.sizes = &size;
    b.size_count = 1;
    b.effective = conf_of(voters);
    b.committed = b.effective;
    boot_on(&c, &b);
    lead(voters);
    persisted(t.last_ticket, 2, t.status.term);
    append_reply(2, 2, false, 0);
    append_reply(3, 2, false, 0);
    CHECK_U64(t.status.commit, 2);
}

/* Both have the same log; who is silent would lead nobody. */
static void successor_answers(void)
{
    boot_leader(3);
    for (int i = 0; i < 3; i++) {
        t.now += ELECTION;
        heartbeat_reply(3);
    }
    step((struct raft_event){ .type = RAFT_EV_TRANSFER, .ticket = 1 });
    CHECK_U64(t.status.transfer_to, 3);
}

/* 1 of 1 to 4 is to go. The configuration without it is in its log at 4, and nowhere else. */
static void begin_to_leave(void)
{
    static const struct raft_change change = { RAFT_CHANGE_REMOVE, 1, 0 };
    boot_leader(4);
    step((struct raft_event){ .type = RAFT_EV_CONF, .ticket = 7, .changes = &change, .count = 1 });
    CHECK_U64(t.status.conf.outgoing_count, 4);
    step((struct raft_event){ .type = RAFT_EV_TRANSFER, .ticket = 8, .peer = 4 });
    persisted(t.last_ticket, 3, t.status.term);
    append_reply(2, 3, false, 0);
    append_reply(3, 3, false, 0);
    CHECK(t.status.conf.index == 4 && t.status.conf.outgoing_count == 0);
    CHECK_U64(t.status.transfer_to, 4);
    persisted(t.last_ticket, 4, t.status.term);
}

/* An operator gives the office to a voter that never answers. Until the end of that the leader has
 * seen its change half through: it stays until the other half is committed, for perhaps only its
 * log is long enough to be elected. Then it chooses one that answers. */
static void leaves_when_it_is_committed(void)
{
    begin_to_leave();
    const struct raft_effect *told = NULL;
    for (int i = 0; told == NULL && i <= 2 * ELECTION / HEARTBEAT; i++) {
        heartbeat_reply(2); /* both live, and have not taken entry 4 */
        heartbeat_reply(3);
        t.now += HEARTBEAT;
        step((struct raft_event){ .type = RAFT_EV_TIME });
        told = find(RAFT_DO_REPLY, 0, 0);
    }
    CHECK(told != NULL && told->ticket == 8 && told->code == ERR_TIMEOUT);
    CHECK(t.status.role == RAFT_LEADER && t.status.commit == 3);
    append_reply(2, 4, false, 0);
    append_reply(3, 4, false, 0);
    CHECK_U64(t.status.commit, 4);
    CHECK(t.status.role == RAFT_LEADER);
    step((struct raft_event){ .type = RAFT_EV_APPLIED, .index = 4 });
    const struct raft_effect *bid = find(RAFT_DO_SEND, RAFT_MSG_TIMEOUT_NOW, 0);
    CHECK(bid != NULL && bid->msg.to == t.status.transfer_to && bid->msg.to != 4);
}

static uint64_t bidden_when_given_up(void)
{
    const struct raft_effect *told = NULL;
    for (int i = 0; told == NULL && i <= 2 * ELECTION / HEARTBEAT; i++) {
        heartbeat_reply(3);
        t.now += HEARTBEAT;
        step((struct raft_event){ .type = RAFT_EV_TIME });
        told = find(RAFT_DO_REPLY, 0, 0);
    }
    CHECK(told != NULL && told->code == ERR_TIMEOUT);
    CHECK(t.status.role == RAFT_LEADER && t.status.transfer_to == 0);
    return told != NULL ? told->index : 0;
}

/* It answers no heartbeat, but what it was bidden may be on its way. Not in the next attempt, if it
 * lacks an entry then: that one is over. */
static void bidden_and_silent(void)
{
    boot_leader(3);
    step((struct raft_event){ .type = RAFT_EV_TRANSFER, .ticket = 8, .peer = 2 });
    CHECK(find(RAFT_DO_SEND, RAFT_MSG_TIMEOUT_NOW, 0) != NULL);
    CHECK_U64(bidden_when_given_up(), 2);
    const uint32_t size = 10;
    step((struct raft_event){ .type = RAFT_EV_PROPOSE, .ticket = 9, .sizes = &size, .count = 1 });
    persisted(t.last_ticket, 3, t.status.term);
    append_reply(3, 3, false, 0);
    CHECK_U64(t.status.commit, 3);
    step((struct raft_event){ .type = RAFT_EV_TRANSFER, .ticket = 10, .peer = 2 });
    CHECK_U64(bidden_when_given_up(), 0);
}

int main(void)
{
    TAP_TEST("transfer: a bidding may arrive after its end", bidden_and_silent);
    TAP_TEST("transfer: a leader picks a successor that answers", successor_answers);
    TAP_TEST("transfer: who leaves stays until that is committed", leaves_when_it_is_committed);
    return tap_done();
}
