/* tests/unit/raft/test_snapshots.c -- Subject: one core alone, that makes and gets snapshots.
 * Method: hand-made events that scripts cannot bring about; effects are looked at one by one. */
#include "alone.h"

static const uint32_t sizes[] = { 1u << 30, 1u << 30, 1u << 30, 1u << 30, 1u << 30, 1u << 30 };
static uint32_t sizes_known; /* of the newest entries */

/* Node 1 of three, its log from 6 on, of so many terms; a snapshot wanted every so many entries,
 * and made of all of them or of none. */
static void boot_policy(uint32_t terms, uint64_t entries, bool made)
{
    static struct raft_run runs[RAFT_TERM_RUNS_MAX];
    struct raft_config c = config();
    struct raft_boot b = { .snap_index = 5, .snap_term = 1 };
    for (uint32_t i = 0; i < terms; i++) {
        runs[i] = (struct raft_run){ 6 + i, 1 + i };
    }
    c.snap_entries = entries;
    b.term = terms;
    b.last = 5 + terms;
    b.applied = b.last;
    b.made_index = made ? b.last : 0;
    b.made_term = made ? terms : 0;
    b.made_conf = conf_of(3);
    b.runs = runs;
    b.run_count = terms;
    b.effective = conf_of(3);
    b.committed = b.effective;
    b.sizes = sizes;
    b.size_count = sizes_known;
    boot_on(&c, &b);
}

static void boot_compacted(uint32_t terms)
{
    boot_policy(terms, UINT64_MAX, false);
}

static void boot_made(uint32_t terms)
{
    boot_policy(terms, UINT64_MAX, true);
}

static void snap_made(uint64_t index)
{
    struct raft_conf conf = conf_of(3);
    step((struct raft_event){ .type = RAFT_EV_SNAP_MADE, .index = index, .conf = &conf });
}

/* A peer needs a snapshot, there is none, and making one fails: it is tried again, and sent. */
static void snapshot_made_at_last(void)
{
    boot_compacted(1);
    lead(3);
    append_reply(2, 6, true, 1);
    CHECK(find(RAFT_DO_SNAPSHOT, 0, 0) != NULL && find(RAFT_DO_SEND, 0, 0) == NULL);
    t.now += HEARTBEAT;
    heartbeat_reply(2);
    CHECK(find(RAFT_DO_SNAPSHOT, 0, 0) == NULL); /* one at a time */
    snap_made(0);
    t.now += HEARTBEAT;
    heartbeat_reply(2);
    CHECK(find(RAFT_DO_SNAPSHOT, 0, 0) != NULL);
    snap_made(6);
    const struct raft_effect *e = find(RAFT_DO_SEND, RAFT_MSG_SNAPSHOT, 0);
    CHECK(e != NULL && e->msg.to == 2 && e->msg.index == 6);
    EXPECT_MARK("raft: a peer waits for a snapshot to be made");
    EXPECT_MARK("raft: a snapshot could not be made");
}

static void made_of(uint64_t index, uint64_t pin, bool unpinned)
{
    struct raft_conf conf = conf_of(3);
    step((struct raft_event){ .type = RAFT_EV_SNAP_MADE,
                              .index = index,
                              .conf = &conf,
                              .pin = pin,
                              .unpinned = unpinned });
}

static void sending(uint64_t peer, uint64_t index)
{
    step((struct raft_event){ .type = RAFT_EV_SNAP_SENDING, .peer = peer, .index = index });
}

/* A leader of 5 voters with entries 6 to 11 and a state on disk of 9; 2 lacks what is gone, and is
 * sent the snapshot of 9, says the core. */
static void boot_sending(void)
{
    boot_policy(6, UINT64_MAX, false);
    lead(3);
    append_reply(3, 12, false, 0);
    persisted(t.last_ticket, 12, t.status.term);
    step((struct raft_event){ .type = RAFT_EV_APPLIED, .index = 12 });
    made_of(9, 5, false);
    CHECK_U64(t.status.snap_index, 5); /* a snapshot of 5 may be sent further */
    append_reply(2, 11, true, 1);
    const struct raft_effect *e = find(RAFT_DO_SEND, RAFT_MSG_SNAPSHOT, 0);
    CHECK(e != NULL && e->msg.to == 2 && e->msg.index == 9);
}

/* The driver sends what it has, an older one: the log behind that one stays, and the peer goes on
 * there. */
static void older_is_sent(void)
{
    boot_sending();
    sending(2, 4); /* the log does not go on from it */
    sending(2, 13);
    sending(3, 7); /* is sent none */
    sending(2, 7);
    made_of(11, 0, false);
    CHECK_U64(t.status.snap_index, 7);
    append_reply(2, 7, false, 0);
    const struct raft_effect *e = find(RAFT_DO_SEND, RAFT_MSG_APPEND, 0);
    CHECK(e != NULL && e->msg.to == 2 && e->msg.index == 7 && e->msg.first == 8);
    EXPECT_MARK("raft: a peer is sent an older snapshot");
}

/* What is kept for peers gives way to a disk that has no room. */
static void pins_are_bounded(void)
{
    boot_sending();
    sending(2, 7);
    made_of(11, 6, true);
    CHECK_U64(t.status.snap_index, 11);
    append_reply(2, 7, false, 0); /* in vain: the next one */
    const struct raft_effect *e = find(RAFT_DO_SEND, RAFT_MSG_SNAPSHOT, 0);
    CHECK(e != NULL && e->msg.to == 2 && e->msg.index == 11);
    EXPECT_MARK("raft: the log waits for a snapshot that was broken off");
}

/* Nor are more bytes kept than a disk can spare; entries whose sizes are forgotten count like those
 * behind them. */
static void pinned_bytes_are_bounded(void)
{
    static const struct {
        uint32_t known;
        uint64_t pin, snap_index;
    } cases[] = { { 6, 7, 7 }, { 6, 6, 9 }, { 1, 7, 7 }, { 1, 6, 9 }, { 0, 5, 5 } };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        sizes_known = cases[i].known;
        boot_policy(6, UINT64_MAX, false);
        made_of(9, cases[i].pin, false);
        CHECK_U64(t.status.snap_index, cases[i].snap_index);
    }
    sizes_known = 0;
}

/* 2 refuses the append that tells it of a commit index: what came in it was told to nobody. It is
 * sent a snapshot, and acknowledges an older append instead: now it has the entry, and is told. */
static void refused_commit_is_told_again(void)
{
    static const uint32_t size = 1;
    boot_compacted(1);
    lead(3);
    append_reply(2, 7, false, 0);
    step((struct raft_event){ .type = RAFT_EV_PROPOSE, .ticket = 1, .count = 1, .sizes = &size });
    const struct raft_effect *e = find(RAFT_DO_SEND, RAFT_MSG_APPEND, 0); /* late on its way to 2 */
    CHECK(e != NULL && e->msg.to == 2 && e->msg.first == 8 && e->msg.commit < 8);
    persisted(t.last_ticket, 8, t.status.term);
    append_reply(3, 8, false, 0);
    step((struct raft_event){ .type = RAFT_EV_APPLIED, .index = 8 });
    for (int i = 0; i < 2; i++) {
        t.now += HEARTBEAT;
        heartbeat_reply(2);
    }
    e = find(RAFT_DO_SEND, RAFT_MSG_APPEND, 0); /* has it been lost? */
    CHECK(e != NULL && e->msg.to == 2 && e->msg.index == 8 && e->msg.commit == 8);
    snap_made(8);
    append_reply(2, 8, true, 8);
    CHECK(find(RAFT_DO_SEND, RAFT_MSG_SNAPSHOT, 0) != NULL);
    append_reply(2, 8, false, 0);
    e = find(RAFT_DO_SEND, RAFT_MSG_HEARTBEAT, 0);
    CHECK(e != NULL && e->msg.to == 2 && e->msg.index == 8 && e->msg.commit == 8);
}

/* Node 1 of three, so many entries from 6 on, all of one term and in no snapshot; one is wanted
 * every so many bytes. */
static void boot_long(uint64_t entries, uint64_t bytes)
{
    static const struct raft_run run = { 6, 1 };
    struct raft_config c = config();
    struct raft_boot b = { .term = 1, .snap_index = 5, .snap_term = 1, .runs = &run };
    c.snap_entries = UINT64_MAX;
    c.snap_bytes = bytes;
    b.run_count = 1;
    b.last = 5 + entries;
    b.applied = b.last;
    b.effective = conf_of(3);
    b.committed = b.effective;
    boot_on(&c, &b);
}

/* Nor are more entries kept than come while a snapshot is sent: neither for the one broken off, nor
 * for the one on its way. */
static void pinned_entries_are_bounded(void)
{
    const uint64_t most = UINT64_C(16) * RAFT_SIZE_RING;
    for (uint64_t more = 0; more < 2; more++) {
        boot_long(9 + most + more - 5, 0);
        made_of(20, 9, false);
        CHECK_U64(t.status.snap_index, more == 0 ? 9 : 20);
        boot_long(9 + most + more - 5 - 1, 0);
        lead(3); /* one more */
        made_of(9, 0, false);
        append_reply(2, 9 + most + more - 1, true, 1);
        const struct raft_effect *e = find(RAFT_DO_SEND, RAFT_MSG_SNAPSHOT, 0);
        CHECK(e != NULL && e->msg.to == 2 && e->msg.index == 9);
        made_of(20, 0, false);
        CHECK_U64(t.status.snap_index, more == 0 ? 9 : 20);
    }
}

/* What the log does not reach back to any more keeps nothing of the rest. */
static void pins_behind_the_log(void)
{
    boot_sending();
    sending(2, 7);
    made_of(10, 0, true);
    CHECK_U64(t.status.snap_index, 10);
    made_of(11, 6, false); /* neither the one broken off, nor the one on its way */
    CHECK_U64(t.status.snap_index, 11);
    made_of(12, 11, false);
    CHECK_U64(t.status.snap_index, 11);
}

/* An acknowledgement of what it has overtakes the choice: from there the log goes on. */
static void has_more(void)
{
    boot_sending();
    append_reply(2, 8, false, 0);
    sending(2, 7);
    t.now += HEARTBEAT;
    heartbeat_reply(2);
    const struct raft_effect *e = find(RAFT_DO_SEND, RAFT_MSG_APPEND, 0);
    CHECK(e != NULL && e->msg.to == 2 && e->msg.index == 8);
    EXPECT_MARK("raft: a peer has more than the snapshot that it is sent");
}

/* A follower tells whoever led an older term; when that one leads again, such an answer to an
 * append of its earlier office says nothing of the follower's log: no snapshot for who lacks
 * nothing. */
static void answer_of_an_earlier_office(void)
{
    boot_compacted(1);
    lead(3);
    append_reply(2, 6, true, 0);
    CHECK(find(RAFT_DO_SNAPSHOT, 0, 0) == NULL && find(RAFT_DO_SEND, 0, 0) == NULL);
    append_reply(2, 7, false, 0);
    CHECK_U64(t.status.peer[0].match, 7);
    CHECK(t.status.peer[0].state == RAFT_PEER_REPLICATE);
}

/* Room for terms is bounded, so many of them are a reason of their own. */
static void terms_ask_for_a_snapshot(void)
{
    boot_compacted(RAFT_TERM_RUNS_MAX / 4 * 3 - 1);
    step((struct raft_event){ .type = RAFT_EV_TIME });
    CHECK(find(RAFT_DO_SNAPSHOT, 0, 0) == NULL);
    boot_compacted(RAFT_TERM_RUNS_MAX / 4 * 3);
    step((struct raft_event){ .type = RAFT_EV_TIME });
    CHECK(find(RAFT_DO_SNAPSHOT, 0, 0) != NULL);
    EXPECT_MARK("raft: many terms ask for a snapshot");
}

static void made_keeping(uint64_t index, uint64_t keep, uint64_t pin)
{
    struct raft_conf conf = conf_of(3);
    step((struct raft_event){
        .type = RAFT_EV_SNAP_MADE, .index = index, .conf = &conf, .keep = keep, .pin = pin });
}

/* What the log keeps is bounded in entries and in bytes, whichever is less; entries whose sizes are
 * forgotten weigh nothing, and no bound is 0. */
static void kept_bytes_are_bounded(void)
{
    static const struct {
        uint32_t known;
        uint64_t keep, gib, snap_index;
    } cases[] = {
        { 6, UINT64_MAX, 2, 9 }, { 6, UINT64_MAX, 0, 5 }, { 6, UINT64_MAX, 6, 5 },
        { 6, UINT64_MAX, 5, 6 }, { 6, 1, 2, 10 },         { 2, UINT64_MAX, 1, 10 },
        { 2, UINT64_MAX, 2, 5 },
    };
    struct raft_conf conf = conf_of(3);
    struct raft_event made = { .type = RAFT_EV_SNAP_MADE, .index = 11, .conf = &conf };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        sizes_known = cases[i].known;
        boot_policy(6, UINT64_MAX, false);
        made.keep = cases[i].keep;
        made.keep_bytes = cases[i].gib << 30;
        step(made);
        CHECK_U64(t.status.snap_index, cases[i].snap_index);
    }
    sizes_known = 0;
}

/* What the log keeps for peers gives way to elections, but for half of the terms. */
static void terms_are_not_kept(void)
{
    const uint64_t last = 5 + RAFT_TERM_RUNS_MAX / 4 * 3;
    boot_compacted(RAFT_TERM_RUNS_MAX / 4 * 3);
    made_keeping(last, UINT64_MAX, 5);
    CHECK_U64(t.status.snap_index, last - RAFT_TERM_RUNS_MAX / 2 + 1);
    step((struct raft_event){ .type = RAFT_EV_TIME });
    CHECK(find(RAFT_DO_SNAPSHOT, 0, 0) == NULL);
    boot_compacted(RAFT_TERM_RUNS_MAX / 2 - 1);
    made_keeping(5 + RAFT_TERM_RUNS_MAX / 2 - 1, UINT64_MAX, 0);
    CHECK_U64(t.status.snap_index, 5);
    EXPECT_MARK("raft: old terms are not kept for peers");
}

/* A core that comes up with its room for terms used up: all of it is on disk already, and it stands
 * for election again. */
static void room_for_terms_is_made(void)
{
    const uint64_t last = 5 + RAFT_TERM_RUNS_MAX;
    boot_compacted(RAFT_TERM_RUNS_MAX);
    made_keeping(6, UINT64_MAX, 0);
    CHECK(find(RAFT_DO_SNAPSHOT, 0, 0) != NULL); /* not far enough */
    made_keeping(last, UINT64_MAX, 0);
    CHECK_U64(t.status.snap_index, last - RAFT_TERM_RUNS_MAX / 2 + 1);
    boot_made(RAFT_TERM_RUNS_MAX);
    step((struct raft_event){ .type = RAFT_EV_CAMPAIGN });
    CHECK(t.status.role == RAFT_FOLLOWER);
    CHECK(find(RAFT_DO_SNAPSHOT, 0, 0) != NULL);
    made_keeping(last, UINT64_MAX, 0);
    CHECK_U64(t.status.snap_index, last - RAFT_TERM_RUNS_MAX / 2 + 1);
    CHECK(find(RAFT_DO_SNAPSHOT, 0, 0) == NULL);
    step((struct raft_event){ .type = RAFT_EV_CAMPAIGN });
    CHECK(t.status.role == RAFT_PRECANDIDATE);
}

/* Who asks for a snapshot means a short log as well, though nothing was applied since the last. */
static void asked_again(void)
{
    boot_made(3);
    step((struct raft_event){ .type = RAFT_EV_SNAPSHOT, .ticket = 7 });
    CHECK(find(RAFT_DO_SNAPSHOT, 0, 0) != NULL && find(RAFT_DO_REPLY, 0, 0) == NULL);
    made_keeping(8, 1, 0);
    CHECK_U64(t.status.snap_index, 7);
    const struct raft_effect *e = find(RAFT_DO_REPLY, 0, 0);
    CHECK(e != NULL && e->ticket == 7 && e->code == ERR_OK && e->index == 8);
    made_keeping(8, 0, 0);
    CHECK_U64(t.status.snap_index, 8);
    step((struct raft_event){ .type = RAFT_EV_SNAPSHOT, .ticket = 8 });
    CHECK(find(RAFT_DO_SNAPSHOT, 0, 0) == NULL && find(RAFT_DO_REPLY, 0, 0) != NULL);
}

/* It is wanted as long as the log is too long, however that came to be: not only at the moment. */
static void wanted_until_made(void)
{
    boot_policy(1, 3, false);
    step((struct raft_event){ .type = RAFT_EV_TIME });
    CHECK(find(RAFT_DO_SNAPSHOT, 0, 0) != NULL);
    step((struct raft_event){ .type = RAFT_EV_TIME });
    CHECK(find(RAFT_DO_SNAPSHOT, 0, 0) == NULL); /* it is being made */
    snap_made(0);
    CHECK(find(RAFT_DO_SNAPSHOT, 0, 0) != NULL);
    snap_made(6);
    CHECK(find(RAFT_DO_SNAPSHOT, 0, 0) == NULL);
}

/* As the leader, an entry of 60 bytes, applied. */
static void applied_60(void)
{
    static const uint32_t size = 60;
    step((struct raft_event){ .type = RAFT_EV_PROPOSE, .ticket = 7, .count = 1, .sizes = &size });
    persisted(t.last_ticket, t.status.last, t.status.term);
    append_reply(2, t.status.last, false, 0);
    step((struct raft_event){ .type = RAFT_EV_APPLIED, .index = t.status.last });
}

/* So many bytes later the next one is wanted, not with the next entry. */
static void wanted_by_bytes(void)
{
    boot_long(1, 100);
    lead(3);
    for (int i = 0; i < 2; i++) {
        applied_60();
        CHECK(find(RAFT_DO_SNAPSHOT, 0, 0) == NULL);
        applied_60();
        CHECK(find(RAFT_DO_SNAPSHOT, 0, 0) != NULL);
        snap_made(t.status.last);
        CHECK(find(RAFT_DO_SNAPSHOT, 0, 0) == NULL);
    }
}

/* A snapshot up to index, of the leader 2. */
static void snapshot_message(uint64_t index)
{
    struct raft_conf conf = conf_of(3);
    uint8_t bytes[RAFT_CONF_BYTES_MAX];
    struct writer w = writer_of(bytes, sizeof bytes);
    raft_conf_encode(&conf, &w);
    struct raft_entry members = { 0, (uint32_t)w.offset, RAFT_ENTRY_CONF, bytes };
    struct raft_msg m = { .type = RAFT_MSG_SNAPSHOT, .from = 2, .term = 1, .epoch = 1, .count = 1 };
    m.index = index;
    m.log_term = 1;
    m.hint = 1;
    m.entries = &members;
    message(m);
}

/* One that was overtaken by a newer one: what is committed stays, and the leader hears how far. */
static void overtaken(void)
{
    boot_compacted(1);
    snapshot_message(9);
    const struct raft_effect *e = find(RAFT_DO_INSTALL, 0, 0);
    CHECK(e != NULL && e->index == 9);
    uint64_t ticket = e != NULL ? e->ticket : 0;
    step((struct raft_event){ .type = RAFT_EV_PERSISTED, .ticket = ticket });
    step((struct raft_event){ .type = RAFT_EV_APPLIED, .index = 9 });
    snapshot_message(8);
    CHECK(find(RAFT_DO_INSTALL, 0, 0) == NULL);
    CHECK_U64(t.status.commit, 9);
    e = find(RAFT_DO_SEND, RAFT_MSG_APPEND_REPLY, 0);
    CHECK(e != NULL && !e->msg.reject && e->msg.index == 9);
}

/* A snapshot replaces a log whose last write is still on its way to the disk: that one's completion
 * says nothing about the snapshot. */
static void older_completion(void)
{
    struct raft_entry entry = { 1, 1, RAFT_ENTRY_COMMAND, (const uint8_t *)"" };
    struct raft_msg m = { .type = RAFT_MSG_APPEND, .from = 2, .term = 1, .epoch = 1, .count = 1 };
    boot_compacted(1);
    m.index = 6;
    m.log_term = 1;
    m.entries = &entry;
    message(m);
    uint64_t old = t.last_ticket;
    snapshot_message(9);
    const struct raft_effect *e = find(RAFT_DO_INSTALL, 0, 0);
    CHECK(e != NULL && e->index == 9);
    uint64_t newest = e != NULL ? e->ticket : 0;
    step((struct raft_event){ .type = RAFT_EV_PERSISTED, .ticket = old, .index = 7, .term = 1 });
    CHECK(t.status.durable < 9);
    step((struct raft_event){ .type = RAFT_EV_PERSISTED, .ticket = newest });
    CHECK_U64(t.status.durable, 9);
}

/* Until its install is durable the disk has the log that it replaces, which may contradict what was
 * not committed: an append that ends there waits for the install as well. */
static void acknowledged_below(void)
{
    struct raft_entry entry = { 1, 1, RAFT_ENTRY_COMMAND, (const uint8_t *)"" };
    struct raft_msg m = { .type = RAFT_MSG_APPEND, .from = 2, .term = 1, .epoch = 1, .count = 1 };
    boot_compacted(1);
    m.index = 6;
    m.log_term = 1;
    m.entries = &entry;
    message(m);
    step((struct raft_event){
        .type = RAFT_EV_PERSISTED, .ticket = t.last_ticket, .index = 7, .term = 1 });
    CHECK_U64(t.status.durable, 7);
    snapshot_message(9);
    const struct raft_effect *e = find(RAFT_DO_INSTALL, 0, 0);
    CHECK(e != NULL);
    uint64_t ticket = e != NULL ? e->ticket : 0;
    message(m); /* it was on its way for long */
    e = find(RAFT_DO_SEND, RAFT_MSG_APPEND_REPLY, 0);
    CHECK(e != NULL && e->msg.index == 7 && e->after >= ticket);
}

/* What a snapshot message may hold by mistake, one thing wrong in each: it is as if it never came.
 * The last one is right. */
static void snapshot_of_nonsense(void)
{
    static const uint8_t noise[] = { 255, 255, 255 };
    uint8_t bytes[RAFT_CONF_BYTES_MAX];
    struct writer w = writer_of(bytes, sizeof bytes);
    struct raft_conf conf = conf_of(3);
    raft_conf_encode(&conf, &w);
    const struct raft_entry members = { 0, (uint32_t)w.offset, RAFT_ENTRY_CONF, bytes };
    const struct raft_entry command = { 0, (uint32_t)w.offset, RAFT_ENTRY_COMMAND, bytes };
    const struct raft_entry no_conf = { 0, sizeof noise, RAFT_ENTRY_CONF, noise };
    const struct {
        const char *what;
        uint32_t count;
        uint64_t index, term, conf_index;
        struct raft_entry entry;
    } cases[] = {
        { "without a configuration", 0, 9, 1, 1, members },
        { "with two", 2, 9, 1, 1, members },
        { "with a command in its place", 1, 9, 1, 1, command },
        { "with bytes that are none", 1, 9, 1, 1, no_conf },
        { "of no term", 1, 9, 0, 1, members },
        { "of a term that its sender has not reached", 1, 9, 2, 1, members },
        { "whose configuration is of no entry", 1, 9, 1, 0, members },
        { "whose configuration is beyond it", 1, 9, 1, 10, members },
        { "of nothing", 1, 0, 1, 0, members },
        { "whose configuration is its last entry", 1, 9, 1, 9, members },
    };
    const size_t count = sizeof cases / sizeof cases[0];
    for (size_t i = 0; i < count; i++) {
        struct raft_entry entries[2] = { cases[i].entry, cases[i].entry };
        struct raft_msg m = { .type = RAFT_MSG_SNAPSHOT, .from = 2, .term = 1, .entries = entries };
        m.count = cases[i].count;
        m.index = cases[i].index;
        m.log_term = cases[i].term;
        m.hint = cases[i].conf_index;
        boot_compacted(1);
        message(m);
        bool good = i == count - 1;
        printf("# a snapshot %s\n", cases[i].what);
        CHECK_U64(t.status.leader, good ? 2 : 0);
        CHECK_U64(t.status.last, good ? 9 : 6);
        CHECK((find(RAFT_DO_INSTALL, 0, 0) != NULL) == good);
        CHECK((find(RAFT_DO_SEND, RAFT_MSG_APPEND_REPLY, 0) != NULL) == good);
    }
    EXPECT_MARK("raft: a snapshot that makes no sense");
}

/* Who changes the members of a configuration that another has changed meanwhile is refused. */
static void change_of_another_configuration(void)
{
    static const struct raft_change change = { RAFT_CHANGE_REMOVE, 3, 0 };
    struct raft_event ev = { .type = RAFT_EV_CONF, .ticket = 7, .changes = &change, .count = 1 };
    boot_compacted(1);
    lead(3);
    append_reply(2, 7, false, 0);
    append_reply(3, 7, false, 0);
    CHECK_U64(t.status.commit, 7);
    ev.expect = 2;
    step(ev);
    CHECK(find(RAFT_DO_REPLY, 0, 0)->code == ERR_CONF_CHANGED);
    ev.expect = 1;
    step(ev);
    CHECK(find(RAFT_DO_REPLY, 0, 0) == NULL && t.status.conf.outgoing_count == 3);
    EXPECT_MARK("raft: a change of a configuration that is gone");
}

int main(void)
{
    TAP_TEST("snapshots: one that could not be made is asked for again", snapshot_made_at_last);
    TAP_TEST("snapshots: a commit index that was refused is told again",
             refused_commit_is_told_again);
    TAP_TEST("snapshots: an older one is sent, and the log goes on from it", older_is_sent);
    TAP_TEST("snapshots: a full disk ends what the log keeps for peers", pins_are_bounded);
    TAP_TEST("snapshots: what the log keeps for peers is bounded in bytes",
             pinned_bytes_are_bounded);
    TAP_TEST("snapshots: what the log keeps for peers is bounded in entries",
             pinned_entries_are_bounded);
    TAP_TEST("snapshots: what the log keeps is bounded in bytes", kept_bytes_are_bounded);
    TAP_TEST("snapshots: one that the log has left behind keeps nothing", pins_behind_the_log);
    TAP_TEST("snapshots: who has more than it is sent goes on from there", has_more);
    TAP_TEST("snapshots: none for an answer to an earlier office", answer_of_an_earlier_office);
    TAP_TEST("snapshots: many terms ask for one", terms_ask_for_a_snapshot);
    TAP_TEST("snapshots: old terms go, whoever wants them", terms_are_not_kept);
    TAP_TEST("snapshots: a log full of terms makes room for elections", room_for_terms_is_made);
    TAP_TEST("snapshots: who asks again gets a short log", asked_again);
    TAP_TEST("snapshots: one is wanted until it is made", wanted_until_made);
    TAP_TEST("snapshots: the bytes until the next are counted from the newest", wanted_by_bytes);
    TAP_TEST("snapshots: none is durable by the completion of an older write", older_completion);
    TAP_TEST("snapshots: one that was overtaken takes nothing back", overtaken);
    TAP_TEST("snapshots: what lies below one that is not durable is not acknowledged",
             acknowledged_below);
    TAP_TEST("snapshots: one of nonsense changes nothing", snapshot_of_nonsense);
    TAP_TEST("snapshots: a change names the configuration it means",
             change_of_another_configuration);
    return tap_done();
}
