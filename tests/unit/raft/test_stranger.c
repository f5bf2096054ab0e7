/* tests/unit/raft/test_stranger.c -- messages from whoever is no member, and messages that are
 * nonsense.
 *
 * Subject: raft/raft.c, what step does with terms; every file, that no message ends the node
 * Method:  one core of three with one committed entry, stepped by hand
 */
#include "tap.h"

#include "base/prng.h"
#include "raft/raft.h"
#include "raft/raft_codec.h"

enum {
    STRANGER = 9,
    SOAK = 200000,
    CONFS = 3 /* that entries and snapshots of the soak hold */
};

static struct raft *core;
static struct raft_out out;
static uint64_t now;
static struct raft_msg asked; /* the newest request for a vote */
static uint32_t installs;

static void boot(bool empty)
{
    static const struct raft_run run = { 1, 1 };
    static const uint32_t size = 40;
    struct raft_config config = {
        .id = 1, .election_ns_min = 100, .election_ns_max = 200, .heartbeat_ns = 10, .seed = 7
    };
    struct raft_boot b = { .now_ns = 1 };
    now = 1;
    if (!empty) {
        b.term = 5;
        b.last = 1;
        b.applied = 0;
        b.run_count = 1;
        b.runs = &run;
        b.size_count = 1;
        b.sizes = &size;
        b.effective = (struct raft_conf){ .index = 1, .voter_count = 3, .voter = { 1, 2, 3 } };
    }
    free(core);
    core = NULL;
    void *mem = calloc(1, raft_size());
    CHECK(mem != NULL && raft_init(mem, &config, &b, &core) == ERR_OK);
}

static void hear(enum raft_msg_type type, uint64_t from, uint64_t term)
{
    struct raft_msg m = { .type = type, .from = from, .to = 1, .term = term };
    struct raft_event ev = { .type = RAFT_EV_MSG, .now_ns = now, .msg = &m };
    m.first = 1;
    raft_step(core, &ev, &out);
}

static uint64_t term(void)
{
    struct raft_status s;
    raft_status(core, &s);
    return s.term;
}

static void test_far_terms(void)
{
    for (int type = RAFT_MSG_PREVOTE; type < RAFT_MSG_TYPE_COUNT; type++) {
        boot(false);
        now = 1000; /* no leader was heard for long */
        hear((enum raft_msg_type)type, STRANGER, 6 + RAFT_TERM_JUMP_MAX);
        CHECK(term() < RAFT_TERM_JUMP_MAX);
        hear((enum raft_msg_type)type, STRANGER, INT64_MAX);
        CHECK(term() < RAFT_TERM_JUMP_MAX);
    }
    EXPECT_MARK("raft: an absurd term of a stranger");
}

/* A member of a configuration that has not arrived here yet looks like a stranger. */
static void test_near_terms(void)
{
    boot(false);
    hear(RAFT_MSG_HEARTBEAT, STRANGER, 1000);
    CHECK_U64(term(), 1000);
    boot(false);
    hear(RAFT_MSG_HEARTBEAT, STRANGER, 5 + RAFT_TERM_JUMP_MAX);
    CHECK_U64(term(), 5 + RAFT_TERM_JUMP_MAX);
}

/* A member may lie as well, and no cluster is that old when a new node comes. */
static void test_members(void)
{
    boot(false);
    hear(RAFT_MSG_HEARTBEAT, 2, 1ull << 60);
    CHECK(term() < RAFT_TERM_JUMP_MAX);
    hear(RAFT_MSG_HEARTBEAT, 2, 1ull << 30);
    CHECK_U64(term(), 1ull << 30);
    boot(true); /* a new node knows no members */
    hear(RAFT_MSG_HEARTBEAT, STRANGER, 1ull << 60);
    CHECK(term() < RAFT_TERM_JUMP_MAX);
}

static uint64_t number(struct prng *p)
{
    static const uint64_t odd[] = { 0, 1, 2, 65535, 65536, UINT32_MAX, INT64_MAX, UINT64_MAX };
    return prng_below(p, 4) == 0 ? odd[prng_below(p, 8)] : prng_below(p, 40);
}

/* Step, with a disk and a state machine that are done at once. */
static void drive(struct raft_event *ev)
{
    struct raft_event done = { .type = RAFT_EV_PERSISTED, .now_ns = now };
    struct raft_status st;
    uint64_t applied = 0;
    ev->now_ns = now;
    raft_step(core, ev, &out);
    for (uint32_t i = 0; i < out.count; i++) {
        const struct raft_effect *e = &out.effect[i];
        if (e->type == RAFT_DO_WRITE) {
            done.ticket = e->ticket;
            done.index = e->source != RAFT_FROM_NONE ? e->last : done.index;
            done.term = e->source != RAFT_FROM_NONE ? e->term : done.term;
        }
        if (e->type == RAFT_DO_INSTALL) {
            done.ticket = e->ticket;
            applied = e->index;
            installs++;
        }
        if (e->type == RAFT_DO_SEND &&
            (e->msg.type == RAFT_MSG_VOTE || e->msg.type == RAFT_MSG_PREVOTE)) {
            asked = e->msg;
        }
        applied = e->type == RAFT_DO_APPLY ? e->last : applied;
    }
    if (done.ticket != 0) {
        drive(&done);
    }
    raft_status(core, &st);
    if (applied > st.applied) {
        struct raft_event ev2 = { .type = RAFT_EV_APPLIED, .index = applied };
        drive(&ev2);
    }
}

/* A member grants what was asked, so that the core leads now and then. */
static void grant(void)
{
    struct raft_msg m = { .type = (enum raft_msg_type)(asked.type + 1),
                          .from = 2,
                          .to = 1,
                          .term = asked.term,
                          .id = asked.id };
    struct raft_event ev = { .type = RAFT_EV_MSG, .msg = &m };
    drive(&ev);
}

/* Time passes, and clients ask. */
static void live(struct prng *p)
{
    struct raft_status st;
    raft_status(core, &st);
    if (st.role == RAFT_PRECANDIDATE || st.role == RAFT_CANDIDATE) {
        grant();
    }
    static const uint32_t sizes[3] = { 10, 20, 30 };
    static uint64_t ticket = 1;
    struct raft_event time = { .type = RAFT_EV_TIME };
    struct raft_event write = { .type = RAFT_EV_PROPOSE, .sizes = sizes };
    struct raft_event read = { .type = RAFT_EV_READ, .count = 1 };
    now += prng_below(p, 80);
    drive(&time);
    write.count = (uint32_t)prng_below(p, 4);
    write.ticket = ticket;
    read.ticket = ticket + write.count;
    ticket = read.ticket + 1;
    drive(prng_below(p, 4) == 0 ? &read : &write);
}

static struct raft_entry conf_entry[CONFS];

/* This node a voter, a learner, in a joint configuration. */
static void make_confs(void)
{
    static uint8_t bytes[CONFS][RAFT_CONF_BYTES_MAX];
    static const struct raft_conf confs[CONFS] = {
        { .voter_count = 3, .voter = { 1, 2, 3 } },
        { .voter_count = 2, .voter = { 2, 3 }, .learner_count = 1, .learner = { 1 } },
        { .voter_count = 1, .voter = { 2 }, .outgoing_count = 2, .outgoing = { 1, 2 } },
    };
    for (size_t i = 0; i < CONFS; i++) {
        struct writer w = writer_of(bytes[i], sizeof bytes[i]);
        raft_conf_encode(&confs[i], &w);
        conf_entry[i] = (struct raft_entry){ 0, (uint32_t)w.offset, RAFT_ENTRY_CONF, bytes[i] };
    }
}

static struct raft_entry any_entry(struct prng *p, uint64_t of_term)
{
    struct raft_entry e = { 0, 9, (uint8_t)(1 + prng_below(p, 3)), (const uint8_t *)"a command" };
    if (e.kind == RAFT_ENTRY_CONF) {
        e = conf_entry[prng_below(p, CONFS)];
    }
    e.term = prng_below(p, 4) == 0 ? number(p) : of_term;
    return e;
}

/* A message of any type; half of the snapshots are such as could be. */
static struct raft_msg any_message(struct prng *p, struct raft_entry entries[static 4])
{
    struct raft_msg m = { .type = (enum raft_msg_type)(1 + prng_below(p, RAFT_MSG_TYPE_COUNT - 1)),
                          .reject = prng_below(p, 2) == 0,
                          .transfer = prng_below(p, 4) == 0,
                          .elsewhere = prng_below(p, 8) == 0,
                          .from = prng_below(p, 5),
                          .to = 1,
                          .term = prng_below(p, 50) == 0 ? number(p) & INT64_MAX
                                                         : term() + (prng_below(p, 30) == 0),
                          .index = number(p) & INT64_MAX,
                          .log_term = number(p),
                          .hint = number(p),
                          .commit = number(p),
                          .epoch = prng_below(p, 3),
                          .read_seq = number(p),
                          .id = prng_below(p, 4),
                          .entries = entries };
    m.count = m.type == RAFT_MSG_APPEND ? (uint32_t)prng_below(p, 5) : 0;
    for (uint32_t k = 0; k < m.count; k++) {
        entries[k] = any_entry(p, m.term);
    }
    if (m.type == RAFT_MSG_SNAPSHOT) {
        m.count = prng_below(p, 8) == 0 ? (uint32_t)prng_below(p, 3) : 1;
        entries[0] = prng_below(p, 8) == 0 ? any_entry(p, 0) : conf_entry[prng_below(p, CONFS)];
        entries[1] = entries[0];
    }
    if (m.type == RAFT_MSG_SNAPSHOT && prng_below(p, 2) == 0) {
        m.index = 1 + prng_below(p, 60);
        m.log_term = 1 + prng_below(p, m.term < 6 ? m.term + 1 : 6);
        m.hint = 1 + prng_below(p, 60);
    }
    m.first = m.index + 1;
    m.last = m.index + m.count;
    return m;
}

/* Whatever decodes may arrive, as follower, candidate and leader; raft_check stands behind every
 * step. */
static void test_nonsense(void)
{
    struct prng p;
    struct raft_entry entries[4];
    struct raft_status st = { .role = RAFT_STOPPED };
    uint32_t heard[RAFT_MSG_TYPE_COUNT] = { 0 };
    uint32_t led = 0;
    uint32_t stops = 0;
    make_confs();
    installs = 0;
    prng_seed(&p, 1);
    for (uint32_t i = 0; i < SOAK; i++) {
        if (i % 200 == 0 || st.role == RAFT_STOPPED) {
            boot(prng_below(&p, 5) == 0);
        }
        struct raft_msg m = any_message(&p, entries);
        struct raft_event ev = { .type = RAFT_EV_MSG, .msg = &m };
        heard[m.type]++;
        drive(&ev);
        live(&p);
        raft_status(core, &st);
        led += st.role == RAFT_LEADER ? 1 : 0;
        stops += st.role == RAFT_STOPPED ? 1 : 0;
    }
    printf("# led in %u of %u steps, %u snapshots, stopped %u times\n", led, SOAK, installs, stops);
    for (int type = RAFT_MSG_PREVOTE; type < RAFT_MSG_TYPE_COUNT; type++) {
        CHECK(heard[type] > SOAK / 100);
    }
    CHECK(led > SOAK / 1000);
    CHECK(installs > SOAK / 1000);
    CHECK(stops > SOAK / 1000);
    EXPECT_MARK("raft: a pre-candidate votes for another");
    EXPECT_MARK("raft: an append that makes no sense");
    EXPECT_MARK("raft: a read answer of an old leader");
}

/* A leader that others elected, and that has another entry where one is committed here. */
static void test_contradiction(void)
{
    struct raft_entry other = { 6, 9, RAFT_ENTRY_COMMAND, (const uint8_t *)"a command" };
    struct raft_msg beat = { .type = RAFT_MSG_HEARTBEAT,
                             .from = 2,
                             .to = 1,
                             .term = 6,
                             .index = 1,
                             .log_term = 1,
                             .commit = 1 };
    struct raft_msg m = { .type = RAFT_MSG_APPEND,
                          .from = 2,
                          .to = 1,
                          .term = 6,
                          .first = 1,
                          .last = 1,
                          .count = 1,
                          .entries = &other };
    struct raft_status st;
    boot(false);
    drive(&(struct raft_event){ .type = RAFT_EV_MSG, .msg = &beat });
    raft_status(core, &st);
    CHECK_U64(st.commit, 1);
    drive(&(struct raft_event){ .type = RAFT_EV_MSG, .msg = &m });
    CHECK_U64(raft_term_at(core, 1), 1);
    EXPECT_MARK("raft: a committed entry is contradicted");
}

/* A heartbeat speaks of the log as far as the entry it names: what is behind that here may be of a
 * leader of before, and is not committed by it. */
static void test_commit_beyond_the_known(void)
{
    struct raft_entry olds[2] = { { 5, 9, RAFT_ENTRY_COMMAND, (const uint8_t *)"a command" },
                                  { 5, 9, RAFT_ENTRY_COMMAND, (const uint8_t *)"a command" } };
    struct raft_msg m = { .type = RAFT_MSG_APPEND,
                          .from = 2,
                          .to = 1,
                          .term = 5,
                          .index = 1,
                          .log_term = 1,
                          .first = 2,
                          .last = 3,
                          .count = 2,
                          .entries = olds };
    struct raft_msg beat = {
        .type = RAFT_MSG_HEARTBEAT, .from = 3, .to = 1, .term = 6, .index = 1, .log_term = 1
    };
    struct raft_status st;
    boot(false);
    drive(&(struct raft_event){ .type = RAFT_EV_MSG, .msg = &m });
    for (beat.commit = 3; beat.commit >= 2; beat.commit--) {
        drive(&(struct raft_event){ .type = RAFT_EV_MSG, .msg = &beat });
        raft_status(core, &st);
        CHECK(st.leader == 3 && st.last == 3);
        CHECK_U64(st.commit, 0);
    }
    drive(&(struct raft_event){ .type = RAFT_EV_MSG, .msg = &beat });
    raft_status(core, &st);
    CHECK_U64(st.commit, 1);
}

int main(void)
{
    TAP_TEST("stranger: a term from nowhere is not adopted", test_far_terms);
    TAP_TEST("stranger: one that elections could have reached is", test_near_terms);
    TAP_TEST("stranger: what is committed stays, whoever leads", test_contradiction);
    TAP_TEST("stranger: a heartbeat commits nothing behind the entry it names",
             test_commit_beyond_the_known);
    TAP_TEST("stranger: no member is believed a term out of reach either", test_members);
    TAP_TEST("stranger: nonsense of all kinds ends no node", test_nonsense);
    free(core);
    return tap_done();
}
