/* tests/unit/raft/test_core.c -- Subject: one core alone. Method: hand-made events of peers, disks
 * and clocks that a cluster meets once in a thousand days; the effects are looked at one by one. */
#include "alone.h"

/* Node 1 of some voters, with a log of these runs; sizes of the newest entries are known. */
static void boot(uint8_t voters, uint64_t term, uint64_t last, uint64_t applied,
                 const struct raft_run *runs, uint32_t run_count)
{
    static uint32_t sizes[RAFT_SIZE_RING];
    struct raft_config c = config();
    struct raft_boot b = { .term = term, .last = last, .applied = applied };
    for (uint32_t i = 0; i < RAFT_SIZE_RING; i++) {
        sizes[i] = 10;
    }
    b.runs = runs;
    b.run_count = run_count;
    b.sizes = sizes;
    b.size_count = last < RAFT_SIZE_RING ? (uint32_t)last : RAFT_SIZE_RING - 1;
    b.effective = conf_of(voters);
    b.committed = applied > 0 ? b.effective : (struct raft_conf){ 0 };
    boot_on(&c, &b);
}

static void boot_small(uint8_t voters)
{
    static const struct raft_run run = { 1, 1 };
    boot(voters, 1, 1, 1, &run, 1);
}

/* ---- the disk ---- */

/* Entry 2 is written for term 2, overwritten for term 3, and comes back with the leader of term 4
 * while the disk has only heard of the first write. */
static void aba(void)
{
    uint64_t old = 2;
    uint64_t other = 3;
    uint64_t back[] = { 2, 4 };
    boot_small(3);
    append(2, 2, 1, 1, &old, 1);
    uint64_t first = t.last_ticket;
    append(3, 3, 1, 1, &other, 1);
    append(2, 4, 1, 1, back, 2);
    uint64_t newest = t.last_ticket;
    persisted(first, 2, 2);
    CHECK_U64(t.status.durable, 1); /* entry 3 of term 3 is still to come on that disk */
    append(2, 4, 1, 1, back, 1);
    const struct raft_effect *reply = find(RAFT_DO_SEND, RAFT_MSG_APPEND_REPLY, 0);
    CHECK(reply != NULL && reply->msg.index == 2 && reply->after == newest);
    persisted(newest, 3, 4);
    CHECK_U64(t.status.durable, 3);
    EXPECT_MARK("raft: a completion older than a truncation");
}

/* What was overwritten a moment ago may be on the disk and acknowledged before the core is told;
 * the old leader's log is longer, but no match for that. */
static void vote_against_the_written(void)
{
    uint64_t old[] = { 2, 2, 2 };
    uint64_t three = 3;
    boot_small(3);
    append(2, 2, 1, 1, old, 3);
    persisted(t.last_ticket, 4, 2);
    append(3, 3, 1, 1, &three, 1);
    t.now += 2 * ELECTION;
    for (int type = RAFT_MSG_PREVOTE; type <= RAFT_MSG_VOTE; type += 2) {
        struct raft_msg ask = {
            .type = (enum raft_msg_type)type, .from = 2, .term = 4, .index = 4, .log_term = 2
        };
        message(ask);
        const struct raft_effect *e = find(RAFT_DO_SEND, type + 1, 0);
        CHECK(e != NULL && e->msg.reject);
    }
}

/* An append that repeats a part of what is here says nothing of what stands behind it, which may be
 * another leader's. */
static void known_part(void)
{
    static const struct raft_run runs[] = { { 1, 1 }, { 2, 2 } };
    struct raft_entry two = { 2, 1, RAFT_ENTRY_COMMAND, (const uint8_t *)"" };
    struct raft_msg m = { .type = RAFT_MSG_APPEND, .from = 2, .term = 3, .epoch = 1 };
    for (uint32_t count = 0; count <= 1; count++) {
        boot(3, 2, 5, 1, runs, 2);
        m.index = 2 - count;
        m.log_term = 2 - count;
        m.commit = 5;
        m.count = count;
        m.entries = &two;
        message(m);
        const struct raft_effect *e = find(RAFT_DO_SEND, RAFT_MSG_APPEND_REPLY, 0);
        CHECK(e != NULL && !e->msg.reject);
        CHECK_U64(e->msg.index, 2);
        CHECK_U64(t.status.commit, 2);
        CHECK_U64(t.status.last, 5); /* nothing contradicts it yet */
    }
}

/* ---- the bounds of the log ---- */

/* One append can bring a new term and many entries at once. */
static void many_entries(void)
{
    static uint64_t terms[RAFT_APPEND_ENTRIES_MAX];
    for (uint32_t i = 0; i < RAFT_APPEND_ENTRIES_MAX; i++) {
        terms[i] = 2;
    }
    boot_small(3);
    append(2, 2, 1, 1, terms, RAFT_APPEND_ENTRIES_MAX);
    CHECK_U64(t.status.last, RAFT_APPEND_ENTRIES_MAX + 1);
}

/* The disk tells of an entry that another one has replaced meanwhile. */
static void overwritten(void)
{
    uint64_t old = 2;
    uint64_t other = 3;
    boot_small(3);
    append(2, 2, 1, 1, &old, 1);
    uint64_t first = t.last_ticket;
    append(3, 3, 1, 1, &other, 1);
    persisted(first, 2, 2);
    CHECK_U64(t.status.durable, 1);
    persisted(t.last_ticket, 2, 3);
    CHECK_U64(t.status.durable, 2);
    EXPECT_MARK("raft: a completion of what was overwritten");
}

/* As many terms as a log can hold; what would bring one more is not taken. */
static void too_many_terms(void)
{
    static struct raft_run runs[RAFT_TERM_RUNS_MAX];
    static uint64_t terms[RAFT_APPEND_ENTRIES_MAX];
    for (uint32_t i = 0; i < RAFT_TERM_RUNS_MAX; i++) {
        runs[i] = (struct raft_run){ i + 1, (i + 1) * 2 };
    }
    boot(3, 20000, RAFT_TERM_RUNS_MAX, 1, runs, RAFT_TERM_RUNS_MAX);
    uint64_t more = 20000;
    uint64_t same = 2 * RAFT_TERM_RUNS_MAX;
    append(2, 20000, RAFT_TERM_RUNS_MAX, same, &more, 1);
    CHECK_U64(t.status.last, RAFT_TERM_RUNS_MAX);
    append(2, 20000, RAFT_TERM_RUNS_MAX, same, &same, 1);
    CHECK_U64(t.status.last, RAFT_TERM_RUNS_MAX + 1); /* the term is there already */
    for (uint32_t i = 0; i < RAFT_APPEND_ENTRIES_MAX; i++) {
        terms[i] = i + 3;
    }
    terms[RAFT_APPEND_ENTRIES_MAX - 1] = same; /* ends as the log does, differs before */
    append(2, 20000, 1, 2, terms, RAFT_APPEND_ENTRIES_MAX);
    CHECK_U64(t.status.last, RAFT_TERM_RUNS_MAX + 1); /* one term too many */
    append(2, 20000, 1, 2, terms, RAFT_APPEND_ENTRIES_MAX - 1);
    CHECK_U64(t.status.last, RAFT_TERM_RUNS_MAX); /* just fits */
    CHECK_U64(t.status.last_term, RAFT_APPEND_ENTRIES_MAX + 1);
    step((struct raft_event){ .type = RAFT_EV_CAMPAIGN });
    CHECK(t.status.role == RAFT_FOLLOWER);
    EXPECT_MARK("raft: no candidate without room for a term");
    EXPECT_MARK("raft: no room for the terms of an append");
}

/* The state machine may be far behind the log when a node restarts: more entries than sizes are
 * remembered are not known to be committed. */
static void long_tail(void)
{
    static const struct raft_run run = { 1, 1 };
    uint64_t two = 2;
    uint64_t three = 3;
    boot(3, 1, 200000, 1000, &run, 1);
    append(2, 2, 200000, 1, &two, 1);
    CHECK_U64(t.status.last, 200001);
    struct raft_msg m = { .type = RAFT_MSG_APPEND, .from = 2, .term = 2, .epoch = 1 };
    m.index = 200001;
    m.log_term = 2;
    m.commit = 200001;
    message(m);
    CHECK_U64(t.status.commit, 200001);
    CHECK_U64(t.status.uncommitted_bytes, 0);
    boot(3, 1, 200000, 1000, &run, 1);
    append(2, 2, 200000, 1, &two, 1);
    append(3, 3, 1500, 1, &three, 1);
    CHECK_U64(t.status.last, 1501);
    CHECK_U64(t.status.uncommitted_bytes, 1);
    EXPECT_MARK("raft: applying is bounded");
}

/* ---- the leader ---- */

static void heartbeat(uint64_t from, uint64_t term)
{
    message(
        (struct raft_msg){ .type = RAFT_MSG_HEARTBEAT, .from = from, .term = term, .epoch = 1 });
}

/* How many appends with entries the last step sent to node 2. */
static uint32_t appends_to_2(void)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < t.out.count; i++) {
        const struct raft_effect *e = &t.out.effect[i];
        n += e->type == RAFT_DO_SEND && e->msg.to == 2 && e->msg.type == RAFT_MSG_APPEND;
    }
    return n;
}

/* A follower is so far behind that the sizes of its next entries are forgotten. */
static void far_behind(void)
{
    static const struct raft_run run = { 1, 1 };
    boot(3, 1, 200000, 200000, &run, 1);
    lead(3);
    append_reply(2, 200000, true, 1001);
    const struct raft_effect *e = find(RAFT_DO_SEND, RAFT_MSG_APPEND, 0);
    CHECK(e != NULL && e->msg.first == 1001 && e->msg.last == 1000 + RAFT_APPEND_ENTRIES_MAX);
    CHECK_U64(appends_to_2(), 1);
    append_reply(2, 3000, false, 0); /* the driver had cut it there */
    e = find(RAFT_DO_SEND, RAFT_MSG_APPEND, 0);
    CHECK(e != NULL && e->msg.first == 3001 && e->msg.last == 3000 + RAFT_APPEND_ENTRIES_MAX);
    CHECK_U64(appends_to_2(), 1); /* one at a time */
    heartbeat_reply(2);
    CHECK_U64(appends_to_2(), 0); /* it may still be on its way */
    t.now += HEARTBEAT;
    heartbeat_reply(2);
    CHECK_U64(appends_to_2(), 1); /* it was lost */
    append_reply(2, 199000, false, 0);
    append_reply(2, 200001, false, 0);
    CHECK_U64(t.status.peer[0].match, 200001);
    CHECK(t.status.peer[0].state == RAFT_PEER_REPLICATE);
    EXPECT_MARK("raft: a size is forgotten");
}

/* Large entries fill a window before there are many: who is slow is sent no more, until it
 * answers. */
static void window_of_bytes(void)
{
    static const uint32_t size = RAFT_APPEND_BYTES_MAX;
    struct raft_event propose = { .type = RAFT_EV_PROPOSE, .count = 1, .sizes = &size };
    const uint64_t room = RAFT_INFLIGHT_BYTES_MAX / RAFT_APPEND_BYTES_MAX;
    uint64_t sent = 0;
    boot_small(3);
    lead(3);
    append_reply(2, 2, false, 0);
    while (propose.ticket < 2 * room) {
        propose.ticket++;
        step(propose);
        sent += appends_to_2();
    }
    CHECK_U64(sent, room);
    append_reply(2, 3, false, 0);
    CHECK_U64(appends_to_2(), 1); /* into the room that the first has left */
    append_reply(2, 3 + room, false, 0);
    CHECK_U64(appends_to_2(), room - 1); /* the rest */
}

/* What belongs to an earlier connection counts no more: since then the peer may have lost it. */
static void earlier_connection(void)
{
    boot_small(3);
    lead(3);
    step((struct raft_event){ .type = RAFT_EV_PEER_UP, .peer = 2 });
    append_reply(2, 2, false, 0);
    CHECK_U64(t.status.peer[0].match, 0);
    CHECK_U64(t.status.commit, 1);
    append_reply(2, 1, true, 1);
    CHECK_U64(t.status.peer[0].match, 0);
}

/* Of the leader 2, an entry with so many of the voters 1, 2, 3, ..., committed. */
static void members(uint8_t voters)
{
    uint8_t bytes[RAFT_CONF_BYTES_MAX];
    struct writer w = writer_of(bytes, sizeof bytes);
    struct raft_conf c = conf_of(voters);
    struct raft_msg m = { .type = RAFT_MSG_APPEND, .from = 2, .term = 1, .epoch = 1, .count = 1 };
    raft_conf_encode(&c, &w);
    t.entries[0] = (struct raft_entry){ 1, (uint32_t)w.offset, RAFT_ENTRY_CONF, bytes };
    m.index = t.status.last;
    m.log_term = 1;
    m.commit = m.index + 1;
    m.entries = t.entries;
    message(m);
    CHECK_U64(t.status.conf.index, m.index + 1);
    persisted(t.last_ticket, m.index + 1, 1);
}

/* A member that was removed and taken back is reached over a connection whose number is new,
 * whoever else has gone since: answers from before say nothing of what it has now. */
static void taken_back(void)
{
    const uint64_t connections = 5;
    boot_small(4);
    for (uint64_t i = 1; i < connections; i++) {
        step((struct raft_event){ .type = RAFT_EV_PEER_UP, .peer = 4 });
    }
    members(3);
    members(2);
    members(4);
    t.now += 2 * ELECTION;
    lead(4);
    struct raft_msg m = { .type = RAFT_MSG_APPEND_REPLY, .from = 4, .term = t.status.term };
    m.index = 4;
    for (m.epoch = 0; m.epoch <= connections + 1; m.epoch++) {
        message(m);
        CHECK(t.status.peer_count == 3 && t.status.peer[2].id == 4);
        CHECK_U64(t.status.peer[2].match, m.epoch <= connections ? 0 : m.index);
    }
}

static void propose(uint64_t ticket, uint32_t count)
{
    static const uint32_t sizes[8] = { 1, 1, 1, 1, 1, 1, 1, 1 };
    step((struct raft_event){
        .type = RAFT_EV_PROPOSE, .ticket = ticket, .count = count, .sizes = sizes });
}

/* Everybody who waits hears of it when a leader loses its office: writes are open, reads undone. */
static void office_lost(void)
{
    boot_small(3);
    lead(3);
    propose(7, 2);
    step((struct raft_event){ .type = RAFT_EV_READ, .ticket = 9, .count = 3 });
    message((struct raft_msg){
        .type = RAFT_MSG_HEARTBEAT, .from = 2, .term = t.status.term + 1, .epoch = 1 });
    CHECK(t.status.role == RAFT_FOLLOWER);
    const struct raft_effect *write = find(RAFT_DO_REPLY, 0, 0);
    const struct raft_effect *read = find(RAFT_DO_REPLY, 0, 1);
    CHECK(write != NULL && write->ticket == 7 && write->count == 2);
    CHECK(write->code == ERR_OUTCOME_UNKNOWN);
    CHECK(read != NULL && read->ticket == 9 && read->count == 3 && read->code == ERR_NO_LEADER);
}

/* What peers had and confirmed in one office says nothing in the next: logs were cut since. */
static void second_office(void)
{
    uint64_t other = 0;
    boot_small(5);
    lead(5);
    uint64_t term = t.status.term;
    propose(7, 4);
    persisted(t.last_ticket, t.status.last, term);
    append_reply(2, t.status.last, false, 0);
    step((struct raft_event){ .type = RAFT_EV_READ, .ticket = 11, .count = 1 });
    for (uint64_t from = 2; from <= 4; from++) {
        struct raft_msg beat = { .type = RAFT_MSG_HEARTBEAT_REPLY, .from = from, .epoch = 1 };
        beat.term = term;
        beat.read_seq = 1;
        message(beat);
    }
    other = term + 1;
    append(3, term + 1, 2, term, &other, 1);
    CHECK_U64(t.status.last, 3);
    persisted(t.last_ticket, 3, term + 1);
    t.now += 10 * ELECTION;
    lead(5);
    for (uint32_t i = 0; i < t.status.peer_count; i++) {
        CHECK_U64(t.status.peer[i].match, 0);
    }
    persisted(t.last_ticket, t.status.last, t.status.term);
    append_reply(2, t.status.last, false, 0);
    append_reply(3, t.status.last, false, 0);
    CHECK_U64(t.status.commit, t.status.last);
    step((struct raft_event){ .type = RAFT_EV_READ, .ticket = 12, .count = 1 });
    CHECK(find(RAFT_DO_READ_OK, 0, 0) == NULL); /* nobody was asked in this office yet */
}

/* A rejection that was overtaken by acknowledgements sends nothing again. */
static void overtaken_rejection(void)
{
    boot_small(3);
    lead(3);
    append_reply(2, 2, false, 0);
    propose(7, 3);
    append_reply(2, 5, false, 0);
    append_reply(2, 1, true, 1);
    CHECK_U64(appends_to_2(), 0);
}

/* ---- elections ---- */

/* A leader of an older term that is back hears of the newer one, by whatever it sends. */
static void old_leader_told(void)
{
    uint64_t one = 1;
    boot_small(3);
    heartbeat(3, 5);
    heartbeat(2, 4);
    const struct raft_effect *e = find(RAFT_DO_SEND, RAFT_MSG_APPEND_REPLY, 0);
    CHECK(e != NULL && e->msg.to == 2 && e->msg.term == 5 && e->msg.reject);
    append(2, 4, 1, 1, &one, 1);
    e = find(RAFT_DO_SEND, RAFT_MSG_APPEND_REPLY, 0);
    CHECK(e != NULL && e->msg.to == 2 && e->msg.term == 5 && e->msg.reject);
    CHECK(find(RAFT_DO_WRITE, 0, 0) == NULL);
    message((struct raft_msg){ .type = RAFT_MSG_SNAPSHOT, .from = 2, .term = 4, .index = 9 });
    e = find(RAFT_DO_SEND, RAFT_MSG_APPEND_REPLY, 0);
    CHECK(e != NULL && e->msg.to == 2 && e->msg.term == 5 && e->msg.reject);
    boot_small(3); /* nor is it obeyed by a node that knows of no leader in its term */
    message((struct raft_msg){ .type = RAFT_MSG_VOTE_REPLY, .from = 3, .term = 5, .reject = true });
    append(2, 4, 1, 1, &one, 1);
    CHECK(t.status.leader == 0 && find(RAFT_DO_WRITE, 0, 0) == NULL);
}

static void prevotes(void)
{
    boot_small(3);
    uint64_t deadline = raft_deadline(t.core);
    message((struct raft_msg){
        .type = RAFT_MSG_PREVOTE, .from = 2, .term = 2, .index = 1, .log_term = 1, .id = 4 });
    const struct raft_effect *yes = find(RAFT_DO_SEND, RAFT_MSG_PREVOTE_REPLY, 0);
    CHECK(yes != NULL && !yes->msg.reject);
    CHECK_U64(raft_deadline(t.core), deadline); /* saying yes changes nothing here */
    CHECK_U64(t.status.term, 1);
    step((struct raft_event){ .type = RAFT_EV_CAMPAIGN });
    struct raft_msg answer = { .type = RAFT_MSG_PREVOTE_REPLY, .from = 2, .term = 2 };
    answer.id = find(RAFT_DO_SEND, RAFT_MSG_PREVOTE, 0)->msg.id;
    t.now += 4 * ELECTION;
    step((struct raft_event){ .type = RAFT_EV_TIME });
    CHECK(find(RAFT_DO_SEND, RAFT_MSG_PREVOTE, 0)->msg.id != answer.id);
    message(answer); /* to a round that is over */
    CHECK(t.status.role == RAFT_PRECANDIDATE);
    answer.term = 9;
    answer.reject = true;
    message(answer); /* but a term is a term */
    CHECK(t.status.role == RAFT_FOLLOWER && t.status.term == 9);
}

/* ---- time ---- */

/* Nodes that always wait equally long stand together and split their votes. */
static void drawn_timeouts(void)
{
    uint64_t least = UINT64_MAX;
    uint64_t most = 0;
    for (int i = 0; i < 200; i++) {
        boot_small(3);
        uint64_t wait = raft_deadline(t.core) - t.now;
        CHECK(wait >= ELECTION && wait < 2 * ELECTION);
        least = wait < least ? wait : least;
        most = wait > most ? wait : most;
    }
    CHECK(least < ELECTION + ELECTION / 10 && most > 2 * ELECTION - ELECTION / 10);
}

/* Its timeout is over, and a candidate asks just then: whoever gives its vote leaves the candidate
 * a whole timeout to win, whoever refuses it stands itself (Raft 5.2). */
static void voter_waits(void)
{
    struct raft_msg ask = { .type = RAFT_MSG_VOTE, .from = 2, .term = 2, .index = 1 };
    for (uint64_t good = 0; good <= 1; good++) {
        boot_small(3);
        t.now += 2 * ELECTION;
        ask.log_term = good;
        message(ask);
        const struct raft_effect *e = find(RAFT_DO_SEND, RAFT_MSG_VOTE_REPLY, 0);
        CHECK(e != NULL && e->msg.reject == (good == 0));
        CHECK(t.status.term == 2);
        CHECK(t.status.role == (good == 1 ? RAFT_FOLLOWER : RAFT_PRECANDIDATE));
        CHECK(raft_deadline(t.core) >= t.now + ELECTION);
    }
}

/* ---- reads ---- */

/* Who hears a leader stays, however long that goes on; then one timeout of silence is enough. */
static void loyal(void)
{
    boot_small(3);
    for (int i = 0; i < 100; i++) {
        heartbeat(2, 1);
        CHECK(raft_deadline(t.core) >= t.now + ELECTION);
        t.now += HEARTBEAT;
        step((struct raft_event){ .type = RAFT_EV_TIME });
        CHECK(t.status.role == RAFT_FOLLOWER && t.status.leader == 2);
    }
    t.now += 2 * ELECTION;
    step((struct raft_event){ .type = RAFT_EV_TIME });
    CHECK(t.status.role == RAFT_PRECANDIDATE);
}

static void ask_read(uint64_t ticket)
{
    step((struct raft_event){ .type = RAFT_EV_READ, .ticket = ticket, .count = 1 });
}

/* The answer to a question that was asked before a restart may come after it. */
static void read_reply_of_the_past(void)
{
    struct raft_msg answer = { .type = RAFT_MSG_READ_REPLY, .from = 2, .term = 1, .index = 1 };
    boot_small(3);
    heartbeat(2, 1);
    ask_read(1);
    answer.id = find(RAFT_DO_SEND, RAFT_MSG_READ, 0)->msg.id;
    boot_small(3);
    heartbeat(2, 1);
    ask_read(2);
    message(answer);
    CHECK(find(RAFT_DO_READ_OK, 0, 0) == NULL);
}

/* A leader that has no room for a question is still the leader: its asker is to hear "later". */
static void read_refused_by_a_busy_leader(void)
{
    struct raft_msg question = { .type = RAFT_MSG_READ, .from = 2 };
    struct raft_msg answer = { .type = RAFT_MSG_READ_REPLY, .from = 2, .term = 1, .reject = true };
    boot_small(3);
    lead(3);
    question.term = t.status.term;
    for (uint32_t i = 0; i <= RAFT_READ_BATCHES_MAX; i++) {
        question.id = i + 1;
        message(question);
    }
    const struct raft_effect *e = find(RAFT_DO_SEND, RAFT_MSG_READ_REPLY, 0);
    CHECK(e != NULL && e->msg.reject && e->msg.hint == 1);
    boot_small(3);
    for (uint64_t leader = 0; leader <= 2; leader += 2) {
        heartbeat(2, 1);
        ask_read(1);
        answer.id = find(RAFT_DO_SEND, RAFT_MSG_READ, 0)->msg.id;
        answer.hint = leader;
        message(answer);
        e = find(RAFT_DO_REPLY, 0, 0);
        CHECK(e != NULL && e->code == (leader == 2 ? ERR_BUSY : ERR_NO_LEADER));
    }
    EXPECT_MARK("raft: a read waits for the own term");
    EXPECT_MARK("raft: a read of a peer is refused");
    EXPECT_MARK("raft: a read comes back refused");
}

/* Who is no member has no leader here: it is told so, and takes none of the room. */
static void read_of_a_stranger(void)
{
    boot_small(3);
    lead(3);
    persisted(t.last_ticket, 2, t.status.term);
    append_reply(2, 2, false, 0);
    struct raft_msg question = { .type = RAFT_MSG_READ, .from = 9, .term = t.status.term, .id = 7 };
    message(question);
    const struct raft_effect *e = find(RAFT_DO_SEND, 0, 0);
    CHECK(e != NULL && e->msg.type == RAFT_MSG_READ_REPLY && e->msg.to == 9);
    CHECK(e != NULL && e->msg.reject && e->msg.id == 7);
    CHECK(find(RAFT_DO_SEND, 0, 1) == NULL);
}

/* Bytes that wait for a majority are bounded: the next proposal is told so at once, nothing is
 * written for it. */
static void bytes_bounded(void)
{
    static const uint32_t size = MIB;
    struct raft_event propose = { .type = RAFT_EV_PROPOSE, .count = 1, .sizes = &size };
    boot_small(3);
    lead(3);
    while (t.status.uncommitted_bytes < RAFT_UNCOMMITTED_BYTES_MAX) {
        propose.ticket++;
        step(propose);
        CHECK(propose.ticket <= RAFT_UNCOMMITTED_BYTES_MAX / MIB);
    }
    uint64_t last = t.status.last;
    propose.ticket++;
    step(propose);
    const struct raft_effect *e = find(RAFT_DO_REPLY, 0, 0);
    CHECK(e != NULL && e->code == ERR_BUSY);
    CHECK_U64(t.status.last, last);
}

/* What has no room, or no sense any more, is answered all the same. */
static void refused(void)
{
    static const uint32_t size = 10;
    struct raft_event propose = { .type = RAFT_EV_PROPOSE, .count = 1, .sizes = &size };
    struct raft_conf conf = conf_of(3);
    boot_small(3);
    lead(3);
    for (uint32_t i = 0; i <= RAFT_PROPOSALS_MAX; i++) {
        propose.ticket++;
        step(propose);
    }
    CHECK(find(RAFT_DO_REPLY, 0, 0)->code == ERR_BUSY);
    EXPECT_MARK("raft: too many proposals wait");
    for (uint32_t i = 0; i <= RAFT_READ_BATCHES_MAX; i++) {
        ask_read(i + 1);
    }
    CHECK(find(RAFT_DO_REPLY, 0, 0)->code == ERR_BUSY);
    EXPECT_MARK("raft: too many reads wait");
    step((struct raft_event){ .type = RAFT_EV_INIT, .ticket = 1, .conf = &conf });
    CHECK(find(RAFT_DO_REPLY, 0, 0)->code == ERR_ALREADY_INITIALIZED);
    EXPECT_MARK("raft: a second init");
    step((struct raft_event){ .type = RAFT_EV_DISK });
    CHECK(t.status.role == RAFT_STOPPED);
    ask_read(1);
    CHECK(find(RAFT_DO_REPLY, 0, 0)->code == ERR_SHUTTING_DOWN);
    EXPECT_MARK("raft: a stopped core is asked");
}

/* A disk that contradicts itself builds no core. */
static void contradictions(void)
{
    static const struct raft_run run = { 6, 2 };
    static const uint32_t sizes[5] = { 1, 1, 1, 1, 1 };
    struct raft_config c = config();
    struct raft_boot good = { .now_ns = 1, .term = 3, .last = 9, .snap_index = 5, .snap_term = 1 };
    good.applied = 7;
    good.made_index = 7;
    good.runs = &run;
    good.run_count = 1;
    good.sizes = sizes;
    good.size_count = 4;
    good.effective = good.committed = conf_of(3);
    boot_on(&c, &good);
    struct raft_boot bad[8];
    for (int i = 0; i < 8; i++) {
        bad[i] = good;
    }
    bad[0].applied = 10;                    /* beyond the log */
    bad[1].applied = bad[1].made_index = 4; /* before it */
    bad[2].made_index = 8;
    bad[3].size_count = 5;
    bad[4].effective.voter_count = RAFT_VOTERS_MAX + 1;
    bad[5].effective.index = 10;
    bad[6].term = 1; /* older than the log's */
    bad[7].effective.learner_count = RAFT_LEARNERS_MAX + 1;
    for (int i = 0; i < 8; i++) {
        struct raft *none = NULL;
        void *mem = calloc(1, raft_size());
        bool no = raft_init(mem, &c, &bad[i], &none) == ERR_CORRUPT;
        free(mem);
        CHECK(no && none == NULL);
    }
}

/* ---- the block ---- */

/* This node is the only member; unused fields stay as they are. */
static void alone(struct raft_conf *c)
{
    c->manual = false;
    c->index = 1;
    c->voter_count = 1;
    c->voter[0] = 1;
    c->voter_life[0] = 0;
    c->outgoing_count = 0;
    c->learner_count = 0;
}

/* Twice the same life, told by structs whose padding and unused fields hold other bytes. */
static uint64_t hash_of_a_life(int filler, uint64_t *out_hash)
{
    static const struct raft_run run = { 1, 1 };
    static const uint32_t size = 10;
    struct raft_config c;
    struct raft_conf conf;
    struct raft_boot b;
    memset(&c, filler, sizeof c);
    memset(&conf, filler, sizeof conf);
    memset(&b, filler, sizeof b);
    struct raft_config plain = config();
    c.id = plain.id;
    c.election_ns_min = plain.election_ns_min;
    c.election_ns_max = plain.election_ns_max;
    c.heartbeat_ns = plain.heartbeat_ns;
    c.seed = 5;
    c.no_pre_vote = false;
    c.no_check_quorum = false;
    c.inflight_max = 0;
    c.append_bytes_max = 0;
    c.snap_entries = 0;
    c.snap_bytes = 0;
    c.lease_reads = false;
    c.drift_ppm = 0;
    c.life = 0;
    c.auto_rejoin = false;
    alone(&conf);
    b.now_ns = 1;
    b.restarted = false;
    b.term = 1;
    b.vote = 0;
    b.snap_index = 0;
    b.snap_term = 0;
    b.last = 1;
    b.applied = 1;
    b.made_index = 0;
    b.made_term = 0;
    b.made_conf = conf;
    b.run_count = 1;
    b.runs = &run;
    b.size_count = 1;
    b.sizes = &size;
    b.committed = conf;
    b.effective = conf;
    free(t.core);
    void *mem = calloc(1, raft_size());
    CHECK(raft_init(mem, &c, &b, &t.core) == ERR_OK);
    step((struct raft_event){ .type = RAFT_EV_CAMPAIGN });
    persisted(t.last_ticket, 0, 0);
    *out_hash = raft_hash(t.core);
    CHECK(t.status.role == RAFT_LEADER);
    b.last = 0;
    b.applied = 0;
    b.run_count = 0;
    b.size_count = 0;
    b.term = 0;
    b.committed.index = 0;
    b.effective.index = 0;
    free(t.core);
    mem = calloc(1, raft_size());
    CHECK(raft_init(mem, &c, &b, &t.core) == ERR_OK);
    step((struct raft_event){ .type = RAFT_EV_INIT, .conf = &conf });
    CHECK_U64(t.status.last, 1);
    return raft_hash(t.core);
}

static void pure(void)
{
    uint64_t booted[2];
    uint64_t first = hash_of_a_life(0x00, &booted[0]);
    uint64_t second = hash_of_a_life(0xa5, &booted[1]);
    CHECK_U64(booted[0], booted[1]);
    CHECK_U64(first, second);
    struct raft *copy = calloc(1, raft_size());
    CHECK(copy != NULL);
    raft_clone(copy, t.core);
    CHECK_U64(raft_hash(copy), second);
    free(copy);
}

/* Votes of others come only after the own hard state left; whoever says otherwise makes no leader
 * of a candidate that could forget its vote. */
static void votes_before_the_disk(void)
{
    boot_small(3);
    step((struct raft_event){ .type = RAFT_EV_CAMPAIGN });
    struct raft_msg ballot = { .from = 2 };
    for (int type = RAFT_MSG_PREVOTE; type <= RAFT_MSG_VOTE; type += 2) {
        const struct raft_effect *ask = find(RAFT_DO_SEND, type, 0);
        ballot.type = (enum raft_msg_type)(type + 1);
        ballot.term = ask->msg.term;
        ballot.id = ask->msg.id;
        for (ballot.from = 2; ballot.from <= 3; ballot.from++) {
            message(ballot);
            if (type == RAFT_MSG_PREVOTE) {
                break;
            }
        }
    }
    CHECK(t.status.role == RAFT_CANDIDATE);
    persisted(t.last_ticket, 0, 0);
    CHECK(t.status.role == RAFT_LEADER);
}

int main(void)
{
    TAP_TEST("core: its bytes depend on what happened, not on padding of events", pure);
    TAP_TEST("core: nobody leads before the own vote is durable", votes_before_the_disk);
    TAP_TEST("core: an answer from before a restart answers no read", read_reply_of_the_past);
    TAP_TEST("core: a leader without room for reads says so", read_refused_by_a_busy_leader);
    TAP_TEST("core: a read of who is no member is refused", read_of_a_stranger);
    TAP_TEST("core: a proposal beyond the bytes that may wait is refused at once", bytes_bounded);
    TAP_TEST("core: what has no room or no sense is answered", refused);
    TAP_TEST("core: who is far behind gets large appends, one at a time", far_behind);
    TAP_TEST("core: a window is full of bytes before it is full of messages", window_of_bytes);
    TAP_TEST("core: answers of an earlier connection are not believed", earlier_connection);
    TAP_TEST("core: nor those of who was removed and taken back", taken_back);
    TAP_TEST("core: who waits hears of it when a leader loses its office", office_lost);
    TAP_TEST("core: a second office begins with nothing of the first", second_office);
    TAP_TEST("core: a rejection that was overtaken sends nothing again", overtaken_rejection);
    TAP_TEST("core: a leader of an older term is told, and not obeyed", old_leader_told);
    TAP_TEST("core: pre-votes change nothing, and belong to their round", prevotes);
    TAP_TEST("core: election timeouts are drawn between the bounds", drawn_timeouts);
    TAP_TEST("core: who hears a leader does not stand", loyal);
    TAP_TEST("core: who gives its vote does not stand for a whole timeout", voter_waits);
    TAP_TEST("core: a log far ahead of what is committed takes entries, and can be cut", long_tail);
    TAP_TEST("core: a new term comes with as many entries as an append can have", many_entries);
    TAP_TEST("core: a log full of terms takes no further one and lives on", too_many_terms);
    TAP_TEST("core: an append proves what it covers, not what stands behind", known_part);
    TAP_TEST("core: a voter judges by all it has written", vote_against_the_written);
    TAP_TEST("core: a completion of an overwritten entry makes nothing durable", overwritten);
    TAP_TEST("core: a late completion of an overwritten write makes nothing durable", aba);
    TAP_TEST("core: a disk that contradicts itself builds none", contradictions);
    return tap_done();
}
