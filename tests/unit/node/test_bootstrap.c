/* tests/unit/node/test_bootstrap.c -- Subject: what a start tells the core of the configuration,
 * and of chance; what an init binds, and where its members are. Method: the parts of one node on a
 * played machine. */
#include "driver.h"

/* A bound on clocks that does not arrive makes old leaders answer out of leases that are over. */
static void limits_arrive(void)
{
    struct raft_config told;
    struct config *c = &t.config;
    begin(0);
    c->election_timeout_min_ms = 1500;
    c->election_timeout_max_ms = 3000;
    c->heartbeat_interval_ms = 250;
    t.n.life = 77;
    for (uint32_t ppm = 0; ppm <= 1234; ppm += 617) {
        c->max_clock_drift_ppm = ppm;
        c->lease_reads = ppm > 0;
        c->auto_rejoin = ppm == 617;
        node_core_config(&t.n, &told);
        CHECK_U64(told.drift_ppm, ppm);
        CHECK(told.lease_reads == (ppm > 0) && told.auto_rejoin == (ppm == 617));
        CHECK(told.id == 1 && told.life == 77 && told.snap_bytes == NODE_SNAP_BYTES);
        CHECK_U64(told.election_ns_min, 1500 * NS_PER_MS);
        CHECK_U64(told.election_ns_max, 3000 * NS_PER_MS);
        CHECK_U64(told.heartbeat_ns, 250 * NS_PER_MS);
    }
    end();
}

/* The core numbers its questions from its seed on, and an answer to one of before a restart may
 * come after it: it would be taken for the answer to a new one. */
static void chance_is_new(void)
{
    struct raft_config told;
    uint64_t seeds[4];
    begin(0);
    for (uint32_t i = 0; i < 4; i++) {
        node_core_config(&t.n, &told);
        seeds[i] = told.seed;
        for (uint32_t k = 0; k < i; k++) {
            CHECK(seeds[k] != seeds[i]);
        }
    }
    end();
}

static void peer_says(const struct node_key *key, uint64_t epoch, uint64_t life, uint64_t question)
{
    const struct call_life l = { .life = life, .question = question };
    uint8_t frame[CALL_LIFE_BYTES];
    struct writer w = writer_of(frame, sizeof frame);
    call_life_encode(&l, &w);
    mesh_handler.frame(&t.n, key, epoch, LINK_CONTROL, writer_bytes(&w));
}

static void says_its_life(uint64_t epoch, uint64_t life, uint64_t question)
{
    peer_says(&key_2, epoch, life, question);
}

static uint64_t asked(uint64_t id)
{
    return book_by_id(&t.n.book, id)->asked;
}

static uint64_t last_after_a_turn(void)
{
    struct raft_status s;
    raft_actor_turn(&t.n);
    raft_status(t.n.core, &s);
    return s.last;
}

/* A node was wiped between its introduction and the init: the cluster is founded with the one that
 * is there, not with the one that was. */
static void init_after_a_wipe(void)
{
    const struct service_member members[] = {
        { .id = 1, .addr = bytes_text("a"), .raft_addr = bytes_text("b") },
        { .id = 2, .addr = bytes_text("c"), .raft_addr = bytes_text("d") }
    };
    struct raft_status s;
    begin(0);
    t.n.life = 11;
    says_its_life(7, 22, 0);
    mesh_handler.peer_down(&t.n, &key_2, 7);
    mesh_handler.peer_up(&t.n, &key_2, 8);
    CHECK(init_begin(&t.n.service, members, 2, &t.call) == ERR_OK);
    CHECK_U64(last_after_a_turn(), 0); /* it has not said yet which one it is */
    says_its_life(8, 33, 0);
    CHECK_U64(last_after_a_turn(), 0); /* nor since it was asked */
    says_its_life(8, 33, asked(2));
    CHECK_U64(last_after_a_turn(), 1);
    raft_status(t.n.core, &s);
    CHECK(s.conf.voter_life[0] == 11 && s.conf.voter_life[1] == 33);
    end();
}

/* Node 3 has said that it has begun nothing, and may begin with node 2 since; which then loses its
 * disk, and says the same. Only what is said when all incarnations are known counts. */
static void init_asks_again_after_a_wipe(void)
{
    static const struct node_key key_3 = { { 3 } };
    const struct service_member members[] = { { .id = 1 }, { .id = 2 }, { .id = 3 } };
    begin(0);
    t.n.life = 11;
    mesh_handler.peer_up(&t.n, &key_3, 5);
    CHECK(mesh_peer(&t.n, 3, &key_3, NULL, 0) == ERR_OK);
    says_its_life(7, 22, 0);
    peer_says(&key_3, 5, 44, 0);
    CHECK(init_begin(&t.n.service, members, 3, &t.call) == ERR_OK);
    CHECK_U64(last_after_a_turn(), 0);
    uint64_t first = asked(3);
    says_its_life(7, 22, asked(2));
    mesh_handler.peer_down(&t.n, &key_2, 7);
    mesh_handler.peer_up(&t.n, &key_2, 8);
    peer_says(&key_3, 5, 44, first);
    CHECK_U64(last_after_a_turn(), 0);
    says_its_life(8, 33, 0);
    CHECK_U64(last_after_a_turn(), 0);
    CHECK(asked(3) > first);
    says_its_life(8, 33, asked(2));
    CHECK_U64(last_after_a_turn(), 0);
    peer_says(&key_3, 5, 44, first);
    CHECK_U64(last_after_a_turn(), 0);
    peer_says(&key_3, 5, 44, asked(3));
    CHECK_U64(last_after_a_turn(), 1);
    end();
}

/* The clock repeats a question; any answer to one of them will do. Not one to a question that was
 * never asked. */
static void init_repeats_its_question(void)
{
    const struct service_member members[] = { { .id = 1 }, { .id = 2 } };
    begin(0);
    t.n.life = 11;
    says_its_life(7, 22, 0);
    CHECK(init_begin(&t.n.service, members, 2, &t.call) == ERR_OK);
    CHECK_U64(last_after_a_turn(), 0);
    uint64_t first = asked(2);
    init_expire(&t.n, 0);
    CHECK(asked(2) > first);
    says_its_life(7, 22, asked(2) + 1);
    CHECK_U64(last_after_a_turn(), 0);
    says_its_life(7, 22, first);
    CHECK_U64(last_after_a_turn(), 1);
    end();
}

/* This node's init of these members is written, and then a leader commits: of three, one or two of
 * whom had been asked to begin as well. */
static enum err begun_with(const uint64_t *ids, uint32_t count)
{
    uint8_t room[64];
    struct writer w = writer_of(room, sizeof room);
    struct op *op = NULL;
    struct raft_msg m = { .type = RAFT_MSG_HEARTBEAT, .from = 2, .to = 1, .term = 3, .epoch = 1 };
    begin(3);
    for (uint32_t i = 0; i < count; i++) {
        writer_u64(&w, ids[i]);
        writer_blob(&w, bytes_text("a"));
        writer_blob(&w, bytes_text(""));
    }
    CHECK(backend_begin(&t.n, OP_INIT, writer_bytes(&w), &t.call, &op) == ERR_OK);
    op->state = OP_PROPOSED;
    list_push_back(&t.n.inits, &op->wait);
    init_advance(&t.n);
    CHECK_U64(t.called, 0); /* nobody leads */
    m.index = m.commit = 3;
    m.log_term = 1;
    core_step((struct raft_event){ .type = RAFT_EV_MSG, .msg = &m });
    init_advance(&t.n);
    CHECK_U64(t.called, 1);
    enum err code = t.code;
    end();
    return code;
}

/* Who was asked to begin with others than those who did has not done what it was asked for. */
static void init_that_gave_way(void)
{
    const uint64_t same[] = { 3, 1, 2 };
    const uint64_t fewer[] = { 1, 2 };
    const uint64_t others[] = { 1, 2, 9 };
    CHECK(begun_with(same, 3) == ERR_OK);
    CHECK(begun_with(fewer, 2) == ERR_ALREADY_INITIALIZED);
    CHECK(begun_with(others, 3) == ERR_ALREADY_INITIALIZED);
    EXPECT_MARK("node: another beginning stayed");
}

/* A configuration says where its members were when it was written: that serves who knows nothing
 * of them, and nobody who was told since. */
static void addresses_of_a_configuration(void)
{
    const struct os_addr old = { .family = 4, .ip = { 10, 0, 0, 2 }, .port = 1 };
    const struct os_addr now = { .family = 4, .ip = { 10, 0, 0, 9 }, .port = 2 };
    const uint64_t id = 2;
    static struct book b;
    uint8_t tail[512];
    struct writer w = writer_of(tail, sizeof tail);
    struct book_entry *e = NULL;
    book_init(&b);
    CHECK(book_learn(&b, id, &key_2, 0, &e) == ERR_OK);
    book_addrs_set(&b, e, &old, 1, 0);
    CHECK(book_tail_encode(&b, &id, 1, &w) == ERR_OK);
    book_addrs_set(&b, e, &now, 1, 1);
    CHECK(book_tail_learn(&b, writer_bytes(&w), 2) == ERR_OK);
    CHECK(e->addr_count == 1 && os_addr_equal(&e->addrs[0], &now));
    book_init(&b);
    CHECK(book_tail_learn(&b, writer_bytes(&w), 2) == ERR_OK);
    e = book_by_id(&b, id);
    CHECK(e != NULL && e->addr_count == 1 && os_addr_equal(&e->addrs[0], &old));
}

/* Who reads a configuration looks for its members itself: the node that told it may be the only one
 * that knew them, and gone tomorrow. Who is without an address is waited for, and nobody looks for
 * himself. */
static void members_are_dialled(void)
{
    static const struct raft_conf four = { .voter_count = 4, .voter = { 1, 3, 4, 5 } };
    static const uint64_t ids[] = { 1, 3, 4, 5 };
    static struct book leaders;
    uint8_t bytes[1024];
    struct writer w = writer_of(bytes, sizeof bytes);
    struct book_entry *e = NULL;
    book_init(&leaders);
    for (uint8_t i = 0; i < 4; i++) {
        const struct node_key key = { { (uint8_t)ids[i] } };
        const struct os_addr at = { .family = 4, .ip = { 10, 0, 0, (uint8_t)ids[i] }, .port = 1 };
        CHECK(book_learn(&leaders, ids[i], &key, 0, &e) == ERR_OK);
        book_addrs_set(&leaders, e, &at, ids[i] != 3, 0);
    }
    raft_conf_encode(&four, &w);
    CHECK(book_tail_encode(&leaders, ids, 4, &w) == ERR_OK);
    struct log_entry entry = { 2, 3, RAFT_ENTRY_CONF, writer_bytes(&w) };
    begin(1);
    raft_effects_conf_seen(&t.n, &entry);
    CHECK_U64(t.dials, 2);
    CHECK(t.dialled[0].b[0] == 4 && t.dialled[1].b[0] == 5);
    CHECK(book_by_id(&t.n.book, 5)->addr_count == 1);
    end();
}

int main(void)
{
    TAP_TEST("bootstrap: the core is told what the configuration says", limits_arrive);
    TAP_TEST("bootstrap: chance is another one at every start", chance_is_new);
    TAP_TEST("bootstrap: an init binds no life of a former connection", init_after_a_wipe);
    TAP_TEST("bootstrap: an init asks all again when one has lost its disk",
             init_asks_again_after_a_wipe);
    TAP_TEST("bootstrap: an init repeats its question", init_repeats_its_question);
    TAP_TEST("bootstrap: an init that gave way to one of others says so", init_that_gave_way);
    TAP_TEST("bootstrap: a configuration takes back no newer address",
             addresses_of_a_configuration);
    TAP_TEST("bootstrap: the members of a configuration are dialled", members_are_dialled);
    return tap_done();
}
