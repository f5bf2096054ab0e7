/* tests/unit/raft/test_life.c -- Subject: what a leader makes of words from several incarnations of
 * a peer. Method: a core alone, whose peers are played.
 */
#include "alone.h"

enum {
    OWN = 11,
    THEIRS = 13,
    FORMER = 3
};

static bool leases;

/* Node 1, node 3 bound to that life; of node 2 nothing is known. */
static void boot_with(uint64_t life)
{
    static const struct raft_run run = { 1, 1 };
    static const uint32_t size = 10;
    struct raft_config c = config();
    struct raft_boot b = { .last = 1, .runs = &run, .run_count = 1, .sizes = &size };
    c.life = OWN;
    c.lease_reads = leases;
    c.election_ns_min *= leases ? 1000000 : 1; /* a lease is reckoned in milliseconds */
    c.election_ns_max *= leases ? 1000000 : 1;
    b.size_count = 1;
    b.term = 1;
    b.effective = conf_of(3);
    b.effective.voter_life[0] = OWN;
    b.effective.voter_life[2] = life;
    boot_on(&c, &b);
}

static void office(void)
{
    boot_with(THEIRS);
    lead(3);
    persisted(t.last_ticket, 2, 2);
}

/* A heartbeat's answer. */
static void word_of(uint64_t life)
{
    struct raft_msg m = { .type = RAFT_MSG_HEARTBEAT_REPLY, .from = 3, .life = life, .epoch = 1 };
    m.term = t.status.term;
    message(m);
}

/* Node 3 has entries up to index, over whichever connection is the newest. */
static void acknowledged(uint64_t index)
{
    struct raft_msg m = { .type = RAFT_MSG_APPEND_REPLY, .from = 3, .life = THEIRS };
    m.term = t.status.term;
    m.index = index;
    for (m.epoch = 1; m.epoch < 8; m.epoch++) {
        message(m);
    }
}

/* A message of a life that is over comes late. The leader starts over with the peer, yet what is
 * committed stays so, and more is when the peer has said again what it has. */
static void late_words(void)
{
    uint32_t size = 1;
    office();
    acknowledged(2);
    CHECK_U64(t.status.commit, 2);
    word_of(FORMER);
    word_of(THEIRS);
    CHECK(t.status.role == RAFT_LEADER && t.status.commit == 2);
    step((struct raft_event){ .type = RAFT_EV_PROPOSE, .ticket = 7, .count = 1, .sizes = &size });
    persisted(t.last_ticket, 3, 2);
    CHECK_U64(t.status.commit, 2);
    acknowledged(3);
    CHECK_U64(t.status.commit, 3);
}

/* The leader, and what it knows of node 3, without which it has no majority. */
static void is_as_it_was(void)
{
    CHECK(t.status.role == RAFT_LEADER && t.status.commit == 2);
    CHECK(t.status.peer[1].id == 3 && t.status.peer[1].life == THEIRS);
    CHECK_U64(t.status.peer[1].match, 2);
}

static void snapshot_of(uint64_t life)
{
    uint8_t bytes[RAFT_CONF_BYTES_MAX];
    struct writer w = writer_of(bytes, sizeof bytes);
    struct raft_conf c = conf_of(3);
    raft_conf_encode(&c, &w);
    t.entries[0] = (struct raft_entry){ 0, (uint32_t)w.offset, RAFT_ENTRY_CONF, bytes };
    message((struct raft_msg){ .type = RAFT_MSG_SNAPSHOT,
                               .from = 3,
                               .life = life,
                               .term = 1,
                               .epoch = 1,
                               .index = 2,
                               .log_term = 1,
                               .hint = 1,
                               .count = 1,
                               .entries = t.entries });
}

/* Node 3, in that life, answers the newest heartbeat, over whichever connection is the newest. */
static void answered_loyal(uint64_t life, uint64_t read_seq, uint64_t loyal_ns)
{
    struct raft_msg m = { .type = RAFT_MSG_HEARTBEAT_REPLY, .from = 3, .life = life };
    m.term = t.status.term;
    m.hint = loyal_ns;
    m.read_seq = read_seq;
    m.sent_ns = t.now;
    for (m.epoch = 1; m.epoch < 8; m.epoch++) {
        message(m);
    }
    CHECK_U64(t.status.peer[1].life, life);
}

static void answered(uint64_t life, uint64_t read_seq)
{
    answered_loyal(life, read_seq, ELECTION * 1000000ull);
}

/* In another life; then comes a word of the bound one, which was long on its way. */
static void answered_by_another(uint64_t read_seq)
{
    answered(FORMER, read_seq);
    word_of(THEIRS);
}

/* A life without its disk knows of no vote that it gave before: what it confirms is none of the
 * life that is bound, though that one is heard again. */
static void confirmed_by_another(void)
{
    office();
    acknowledged(2);
    t.now += HEARTBEAT;
    step((struct raft_event){ .type = RAFT_EV_READ, .ticket = 5, .count = 1 });
    answered_by_another(1);
    CHECK(t.status.quorum_ack_ns < t.now); /* nor does it keep a leader in office */
    heartbeat_reply(2);                    /* for no round */
    CHECK(find(RAFT_DO_READ_OK, 0, 0) == NULL);
    CHECK_U64(t.status.peer[1].life, THEIRS);
}

/* Nor is its loyalty that of the other: there is no lease. */
static void loyalty_of_another(void)
{
    struct raft_event read = { .type = RAFT_EV_READ, .ticket = 5, .count = 1, .lease = true };
    leases = true;
    office();
    acknowledged(2);
    step(read);
    CHECK(find(RAFT_DO_READ_OK, 0, 0) == NULL); /* nobody has answered a time yet */
    answered_by_another(0);
    step(read);
    CHECK(find(RAFT_DO_READ_OK, 0, 0) == NULL);
    CHECK_U64(t.status.peer[1].life, THEIRS);
    answered(THEIRS, 0);
    step(read);
    CHECK(find(RAFT_DO_READ_OK, 0, 0) != NULL);
    leases = false;
}

/* One whose shortest election timeout is shorter than the leader's may vote for another before a
 * lease that is reckoned with the leader's own is over. */
static void loyalty_too_short(void)
{
    struct raft_event read = { .type = RAFT_EV_READ, .ticket = 5, .count = 1, .lease = true };
    leases = true;
    office();
    acknowledged(2);
    answered_loyal(THEIRS, 0, ELECTION * 1000000ull - 1);
    step(read);
    CHECK(find(RAFT_DO_READ_OK, 0, 0) == NULL);
    t.now += 1; /* it has started again since, with another timeout */
    answered_loyal(THEIRS, 0, ELECTION * 1000000ull);
    step(read);
    CHECK(find(RAFT_DO_READ_OK, 0, 0) != NULL);
    leases = false;
    EXPECT_MARK("raft: a peer is loyal for too short a time for a lease");
}

/* The rows of a snapshot may take minutes: the core hears of it in a later term, and may lead. */
static void old_terms(void)
{
    office();
    acknowledged(2);
    t.now += 2 * ELECTION;
    word_of(THEIRS);
    snapshot_of(0);
    is_as_it_was();
    snapshot_of(FORMER);
    is_as_it_was();
    EXPECT_MARK("raft: a leader is told of a life in an older term");
}

/* Whose life is known may leave it out: that is no other one. */
static void unsaid(void)
{
    office();
    acknowledged(2);
    t.now += 2 * ELECTION;
    word_of(THEIRS);
    word_of(0);
    is_as_it_was();
}

/* Followers do not hear each other: one that last heard a peer in its former life does not call it
 * lost when the leader has bound it to the next one. */
static void bound_since(void)
{
    uint8_t bytes[RAFT_CONF_BYTES_MAX];
    struct writer w = writer_of(bytes, sizeof bytes);
    struct raft_conf c = conf_of(3);
    boot_with(FORMER);
    message((struct raft_msg){
        .type = RAFT_MSG_HEARTBEAT, .from = 3, .life = FORMER, .term = 2, .epoch = 1 });
    CHECK_U64(t.status.leader, 3);
    c.voter_life[0] = OWN;
    c.voter_life[2] = THEIRS;
    raft_conf_encode(&c, &w);
    t.entries[0] = (struct raft_entry){ 3, (uint32_t)w.offset, RAFT_ENTRY_CONF, bytes };
    message((struct raft_msg){ .type = RAFT_MSG_APPEND,
                               .from = 2,
                               .term = 3,
                               .epoch = 1,
                               .index = 1,
                               .log_term = 1,
                               .count = 1,
                               .entries = t.entries });
    CHECK_U64(t.status.conf.index, 2);
    CHECK_U64(t.status.wiped_count, 0);
    message((struct raft_msg){ .type = RAFT_MSG_PREVOTE,
                               .from = 3,
                               .life = FORMER,
                               .term = 4,
                               .index = 1,
                               .log_term = 1 });
    CHECK_U64(t.status.wiped_count, 1); /* heard since */
}

/* A leader of 1 and 2; 3, which lost its disk, comes back as a learner. */
static void office_rejoining(void)
{
    static const struct raft_run run = { 1, 1 };
    struct raft_config c = config();
    struct raft_boot b = { .term = 1, .last = 1, .runs = &run, .run_count = 1 };
    c.life = OWN;
    c.auto_rejoin = true;
    b.effective = conf_of(2);
    b.effective.voter_life[0] = OWN;
    b.effective.learner[0] = 3;
    b.effective.learner_was[0] = FORMER;
    b.effective.learner_count = 1;
    boot_on(&c, &b);
    lead(2);
    persisted(t.last_ticket, 2, 2);
    append_reply(2, 2, false, 0);
}

/* One more entry is committed, and a while goes by, with words of 2. */
static void committed_for(uint64_t beats)
{
    static const uint32_t size = 1;
    step((struct raft_event){ .type = RAFT_EV_PROPOSE, .ticket = 7, .count = 1, .sizes = &size });
    persisted(t.last_ticket, t.status.last, t.status.term);
    append_reply(2, t.status.last, false, 0);
    CHECK_U64(t.status.commit, t.status.last);
    while (beats-- > 0) {
        t.now += HEARTBEAT;
        heartbeat_reply(2);
    }
}

/* A learner that is always an entry behind is a voter again after a round that took less than an
 * election: after none that took longer, or commits would wait for it as long. */
static void short_rounds(void)
{
    office_rejoining();
    committed_for(0);
    acknowledged(2);
    CHECK_U64(t.status.commit, 3);
    for (uint64_t round = 0; round < 3; round++) {
        committed_for(ELECTION / HEARTBEAT + 1);
        acknowledged(t.status.commit - 1);
        CHECK(t.status.role == RAFT_LEADER);
        CHECK(t.status.conf.voter_count == 2 && t.status.conf.outgoing_count == 0);
    }
    committed_for(ELECTION / HEARTBEAT - 1);
    acknowledged(t.status.commit - 1);
    CHECK(t.status.conf.voter_count == 3 && t.status.conf.outgoing_count == 2);
}

int main(void)
{
    TAP_TEST("life: words of a former life take nothing back", late_words);
    TAP_TEST("life: words of an older term tell a leader nothing", old_terms);
    TAP_TEST("life: a round that another life confirmed is not confirmed", confirmed_by_another);
    TAP_TEST("life: the loyalty of another life is no lease", loyalty_of_another);
    TAP_TEST("life: a loyalty shorter than the leader's is no lease", loyalty_too_short);
    TAP_TEST("life: who says no life has begun none", unsaid);
    TAP_TEST("life: who was bound to another life since is not lost", bound_since);
    TAP_TEST("life: who comes back has had a short round", short_rounds);
    free(t.core);
    return tap_done();
}
