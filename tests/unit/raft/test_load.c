/* tests/unit/raft/test_load.c -- Subject: one core alone, with more to do than there is room for.
 * Method: hand-made events of peers, disk and state machine; effects are looked at one by one. */
#include "alone.h"

/* Node 1 of some voters, with their configuration alone in its log. */
static void boot(uint8_t voters)
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
}

/* So many entries of one byte. */
static void propose_many(uint64_t ticket, uint32_t count)
{
    static uint32_t sizes[RAFT_SIZE_RING];
    CHECK(count <= RAFT_SIZE_RING);
    for (uint32_t i = 0; i < count; i++) {
        sizes[i] = 1;
    }
    step((struct raft_event){
        .type = RAFT_EV_PROPOSE, .ticket = ticket, .count = count, .sizes = sizes });
}

static void propose(uint64_t ticket)
{
    propose_many(ticket, 1);
}

static void is_refused(uint64_t ticket)
{
    const struct raft_effect *e = find(RAFT_DO_REPLY, 0, 0);
    CHECK(e != NULL && e->ticket == ticket && e->code == ERR_BUSY);
}

/* Under full load there is no room for the end of a change when its first half is committed: the
 * leader goes on with it as soon as a proposal has ended. */
static void change_under_full_load(void)
{
    static const struct raft_change change = { RAFT_CHANGE_REMOVE, 3, 0 };
    boot(3);
    lead(3);
    persisted(t.last_ticket, 2, t.status.term);
    append_reply(2, 2, false, 0);
    step((struct raft_event){ .type = RAFT_EV_CONF, .ticket = 7, .changes = &change, .count = 1 });
    CHECK_U64(t.status.conf.index, 3);
    for (uint64_t i = 0; i < RAFT_PROPOSALS_MAX; i++) {
        propose(100 + i);
    }
    CHECK_U64(t.status.last, 3 + RAFT_PROPOSALS_MAX);
    persisted(t.last_ticket, t.status.last, t.status.term);
    append_reply(2, 3, false, 0);
    CHECK_U64(t.status.commit, 3);
    CHECK_U64(t.status.conf.outgoing_count, 3);
    append_reply(2, 4, false, 0);
    step((struct raft_event){ .type = RAFT_EV_APPLIED, .index = 4 });
    CHECK_U64(t.status.conf.outgoing_count, 0);
    persisted(t.last_ticket, t.status.last, t.status.term);
    append_reply(2, t.status.last, false, 0);
    step((struct raft_event){ .type = RAFT_EV_APPLIED, .index = t.status.last });
    const struct raft_effect *e = find(RAFT_DO_REPLY, 0, RAFT_PROPOSALS_MAX - 1);
    CHECK(e != NULL && e->ticket == 7 && e->code == ERR_OK && e->index == t.status.last);
}

/* No more entries wait for a majority than sizes are remembered, however small they are and however
 * few ranges they came in: of one that is forgotten nobody knows any more how much waits. */
static void entries_are_bounded(void)
{
    boot(3);
    lead(3);
    const struct raft_status before = t.status;
    propose_many(100, RAFT_SIZE_RING);
    is_refused(100);
    uint32_t most = RAFT_SIZE_RING - 1 - (uint32_t)(before.last - before.commit);
    propose_many(101, most / 2);
    propose_many(102, most - most / 2 + 1);
    is_refused(102);
    propose_many(103, most - most / 2);
    CHECK_U64(t.status.last, before.last + most);
    propose(104);
    is_refused(104);
    CHECK_U64(t.status.last, before.last + most);
    CHECK_U64(t.status.uncommitted_bytes, before.uncommitted_bytes + most);
    persisted(t.last_ticket, t.status.last, t.status.term);
    append_reply(2, t.status.last, false, 0);
    CHECK_U64(t.status.uncommitted_bytes, 0);
    propose(105);
    CHECK_U64(t.status.last, before.last + most + 1);
}

/* The only voter, its own entry written. */
static void boot_leader(void)
{
    boot(1);
    step((struct raft_event){ .type = RAFT_EV_CAMPAIGN });
    persisted(t.last_ticket, 0, 0);
    persisted(t.last_ticket, 2, t.status.term);
    CHECK(t.status.role == RAFT_LEADER);
}

/* A disk that always has one more write waiting is no disk that hangs, as long as writes end; one
 * whose writes do not end is. */
static void disk_that_is_never_done(void)
{
    const uint64_t hang = UINT64_C(2) * ELECTION * RAFT_HANG_ELECTIONS;
    boot_leader();
    uint64_t began = t.now;
    while (t.now <= began + 3 * hang) {
        uint64_t written = t.last_ticket;
        uint64_t last = t.status.last;
        propose(t.now);
        t.now += HEARTBEAT;
        persisted(written, last, t.status.term);
        CHECK(t.status.role == RAFT_LEADER);
    }
    t.now += hang - 1;
    step((struct raft_event){ .type = RAFT_EV_TIME });
    CHECK(t.status.role == RAFT_LEADER);
    t.now++;
    step((struct raft_event){ .type = RAFT_EV_TIME });
    CHECK(t.status.role == RAFT_FOLLOWER);
}

/* The only voter, with so many entries of 1 MiB committed behind its own one, and applied to that
 * one. The effect that asks for the first of them. */
static const struct raft_effect *committed_large(uint32_t count)
{
    static uint32_t large[32];
    for (uint32_t i = 0; i < 32; i++) {
        large[i] = MIB;
    }
    boot_leader();
    step((struct raft_event){ .type = RAFT_EV_APPLIED, .index = 2 });
    step((struct raft_event){
        .type = RAFT_EV_PROPOSE, .ticket = 7, .count = count, .sizes = large });
    persisted(t.last_ticket, t.status.last, t.status.term);
    CHECK_U64(t.status.commit, 2 + count);
    return find(RAFT_DO_APPLY, 0, 0);
}

/* No more bytes are on their way to the state machine than it has room for, however many entries
 * are committed. */
static void applying_is_bounded(void)
{
    const uint32_t most = RAFT_APPLY_BYTES_MAX / MIB;
    const struct raft_effect *e = committed_large(most + 4);
    CHECK(e != NULL && e->first == 3);
    CHECK_U64(e->last, 2 + most);
    step((struct raft_event){ .type = RAFT_EV_APPLIED, .index = 4 });
    e = find(RAFT_DO_APPLY, 0, 0);
    CHECK(e != NULL && e->first == 3 + most);
    CHECK_U64(e->last, 4 + most); /* as much as has been applied */
}

/* What is applied makes room for as much, however much that was in a life. */
static void applied_makes_room(void)
{
    const uint32_t most = RAFT_APPLY_BYTES_MAX / MIB;
    const struct raft_effect *e = committed_large(3 * most);
    for (uint64_t first = 3; first < 3 + 3 * most; first += most) {
        CHECK(e != NULL && e->first == first);
        CHECK_U64(e->last, first + most - 1);
        step((struct raft_event){ .type = RAFT_EV_APPLIED, .index = e->last });
        e = find(RAFT_DO_APPLY, 0, 0);
    }
    CHECK(e == NULL);
}

int main(void)
{
    TAP_TEST("load: a change goes on when there is room for its end", change_under_full_load);
    TAP_TEST("load: entries that wait for a majority are bounded", entries_are_bounded);
    TAP_TEST("load: a disk with one more write waiting does not hang", disk_that_is_never_done);
    TAP_TEST("load: bytes out to the state machine are bounded", applying_is_bounded);
    TAP_TEST("load: what is applied makes room for as much", applied_makes_room);
    return tap_done();
}
