/* tests/unit/raft/test_follow.c -- Subject: what a follower takes of a leader whose log began with
 * another entry. Method: one core alone, messages made by hand. */
#include "alone.h"

static const struct raft_run runs[] = { { 1, 1 }, { 2, 17 } };

/* Two entries; so many of them are committed. */
static void boot(uint64_t committed)
{
    static const uint32_t sizes[] = { 1, 1 };
    struct raft_boot b = { .term = 17, .last = 2, .runs = runs, .run_count = 2 };
    struct raft_config c = config();
    b.sizes = sizes;
    b.size_count = 2;
    b.effective = conf_of(3);
    b.applied = committed;
    b.committed = committed > 0 ? b.effective : (struct raft_conf){ 0 };
    boot_on(&c, &b);
}

/* Two logs that did not begin with one entry may have entries of one index and term behind it, and
 * are not alike there: what a leader of the other sends is taken from the first entry on. */
static void another_beginning(void)
{
    static const struct raft_entry all[] = { { 1, 1, RAFT_ENTRY_COMMAND, (const uint8_t *)"" },
                                             { 17, 1, RAFT_ENTRY_COMMAND, (const uint8_t *)"" } };
    struct raft_msg m = { .type = RAFT_MSG_APPEND, .from = 2, .term = 17, .epoch = 1 };
    boot(0);
    m.elsewhere = true;
    m.index = 2;
    m.log_term = 17;
    m.commit = 2;
    message(m);
    const struct raft_effect *e = find(RAFT_DO_SEND, RAFT_MSG_APPEND_REPLY, 0);
    CHECK(e != NULL && e->msg.reject && e->msg.index == 2);
    CHECK(e->msg.hint == 1 && e->msg.log_term == 0);
    m.type = RAFT_MSG_HEARTBEAT;
    message(m);
    CHECK_U64(t.status.commit, 0);
    m.type = RAFT_MSG_APPEND;
    m.index = 0;
    m.log_term = 0;
    m.count = 2;
    m.entries = all;
    message(m);
    e = find(RAFT_DO_WRITE, 0, 0);
    CHECK(e != NULL && e->first == 1 && e->last == 2 && e->truncate && e->truncate_to == 0);
    CHECK_U64(t.status.commit, 2);
    EXPECT_MARK("raft: an append to the log of another beginning");
}

/* Likewise a snapshot of it: what is here is not what is in it. */
static void snapshot_of_another_beginning(void)
{
    struct raft_conf conf = conf_of(3);
    uint8_t bytes[RAFT_CONF_BYTES_MAX];
    struct writer w = writer_of(bytes, sizeof bytes);
    raft_conf_encode(&conf, &w);
    struct raft_entry members = { 0, (uint32_t)w.offset, RAFT_ENTRY_CONF, bytes };
    struct raft_msg m = { .type = RAFT_MSG_SNAPSHOT, .from = 2, .term = 17, .epoch = 1 };
    m.index = 2;
    m.log_term = 17;
    m.hint = 1;
    m.count = 1;
    m.entries = &members;
    for (uint32_t elsewhere = 0; elsewhere <= 1; elsewhere++) {
        boot(0);
        m.elsewhere = elsewhere != 0;
        message(m);
        CHECK((find(RAFT_DO_INSTALL, 0, 0) != NULL) == m.elsewhere);
        CHECK_U64(t.status.commit, 2);
    }
}

/* What is committed here no such leader has: it gets no vote and no answer. */
static void decided_here(void)
{
    static const enum raft_msg_type types[] = { RAFT_MSG_APPEND,      RAFT_MSG_HEARTBEAT,
                                                RAFT_MSG_SNAPSHOT,    RAFT_MSG_PREVOTE,
                                                RAFT_MSG_TIMEOUT_NOW, RAFT_MSG_VOTE };
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        struct raft_msg m = { .type = types[i], .from = 2, .term = 18, .epoch = 1, .id = 1 };
        m.index = 2;
        m.log_term = 17;
        m.elsewhere = true;
        boot(2);
        message(m);
        CHECK(find(RAFT_DO_SEND, 0, 0) == NULL && t.status.leader == 0);
        CHECK_U64(t.status.term, 17);
    }
    EXPECT_MARK("raft: another beginning cannot lead where one is decided");
    struct raft_msg answer = { .type = RAFT_MSG_VOTE_REPLY, .from = 2, .term = 18, .id = 1 };
    answer.reject = answer.elsewhere = true;
    message(answer);
    CHECK_U64(t.status.term, 18); /* or this node could never be elected by those who are there */
}

int main(void)
{
    TAP_TEST("follow: logs of two beginnings are alike nowhere", another_beginning);
    TAP_TEST("follow: a snapshot of another beginning is installed", snapshot_of_another_beginning);
    TAP_TEST("follow: where one beginning is decided no other leads", decided_here);
    return tap_done();
}
