/* tests/unit/node/test_receive.c -- Subject: a snapshot on its way to this node. Method: the parts
 * of one node on a played machine; what comes is a file that it has made itself. */
#include "driver.h"

/* The endpoints of nodes 1 to 3, and of 4, as so many know them; of number 3 with this key. */
static void tail_of(uint64_t last, const struct node_key *key_3, struct writer *w)
{
    static struct book told;
    const uint64_t ids[] = { 1, 2, 3, 4 };
    struct book_entry *e = NULL;
    book_init(&told);
    for (uint64_t id = 1; id <= last; id++) {
        const struct node_key key = { { (uint8_t)id } };
        CHECK(book_learn(&told, id, id == 3 ? key_3 : &key, 0, &e) == ERR_OK);
    }
    CHECK(book_tail_encode(&told, ids, (uint32_t)last, w) == ERR_OK);
}

/* A file of entry 1, as another node's would be. */
static void snapshot_here(const struct cluster_id *cluster, struct snap_id *out)
{
    const struct node_key key_3 = { { 3 } };
    uint8_t bytes[1024];
    struct writer w = writer_of(bytes, sizeof bytes);
    struct raft_conf conf = { .index = 1, .voter_count = 3, .voter = { 1, 2, 3 } };
    struct snap_meta meta = { .id = { 1, 1, 0 }, .cluster = *cluster, .rows = SNAP_ROWS_UNKNOWN };
    struct kv kv;
    state_conf_head(cluster, 1, &w);
    raft_conf_encode(&conf, &w);
    tail_of(3, &key_3, &w);
    meta.conf = writer_bytes(&w);
    CHECK(kv_open(&kv, &t.n.state.tables) == ERR_OK);
    kv_skip(&kv, 1, 1);
    CHECK(kv_conf_save(&kv, meta.conf) == ERR_OK && kv_save(&kv) == ERR_OK);
    meta.revision = (uint64_t)kv.revision;
    meta.hash = kv_hash(&kv);
    CHECK(snap_make(t.n.snaps, &t.n.state.tables, &meta) == ERR_OK);
    while (!snap_newest(t.n.snaps, UINT64_MAX, out)) {
        CHECK(sim_turn(&t.loop));
    }
}

/* Node 2 offers one of this cluster. */
static void offered_by_2(const struct cluster_id *cluster)
{
    struct node *n = &t.n;
    struct diag d = { 0 };
    uint8_t frame[SNAP_FRAME_HEAD_BYTES_MAX];
    struct writer w = writer_of(frame, sizeof frame);
    struct snap_offer o = { .from = 2, .to = 1, .term = 3, .epoch = 1, .bytes = 1 };
    t.config.storage_backend = CONFIG_STORAGE_INMEMORY;
    CHECK(snapshot_make_open(n, UINT64_MAX, &d) == ERR_OK);
    snapshot_here(cluster, &o.id);
    snapshot_offer_encode(&o, &w);
    snapshot_receive_offer(n, &key_2, writer_bytes(&w));
}

/* The core hears in which life the sender of a snapshot is, as of every message. */
static void of_a_life(void)
{
    const struct cluster_id cluster = { { 1 } };
    struct node *n = &t.n;
    struct raft_status s;
    begin(1);
    book_by_key(&n->book, &key_2)->life = 77;
    offered_by_2(&cluster);
    CHECK(n->snap_in.phase == SNAP_IN_ROWS);
    snapshot_receive_built(n, ERR_OK, NULL);
    raft_status(n->core, &s);
    CHECK(s.leader == 2 && s.commit == 1); /* it was heard */
    CHECK_U64(n->snap_in.msg.life, 77);
    snap_close(n->snaps);
    mem_free(&n->mem, n->snap_room);
    end();
}

/* A node with so many entries is offered one of this cluster by its leader, until the core has said
 * whether it wants it. */
static void begin_offered(const struct cluster_id *cluster, const struct origin *own, uint64_t last)
{
    struct node *n = &t.n;
    begin(last);
    follow_2();
    n->cluster = own->cluster;
    n->members_index = 9; /* of a log that the snapshot replaces */
    n->apply_target = own->decided ? 1 : 0;
    n->conf_room = mem_take(&n->mem, SNAP_CONF_BYTES_MAX);
    offered_by_2(cluster);
    while (n->snap_in.phase == SNAP_IN_ROWS) {
        CHECK(sim_turn(&t.loop));
    }
}

static void end_offered(void)
{
    struct node *n = &t.n;
    snap_close(n->snaps);
    mem_free(&n->mem, n->snap_room);
    mem_free(&n->mem, n->conf_room);
    mem_free(&n->mem, n->state.flushed.bytes);
    end();
}

static bool same(const struct cluster_id *a, const struct cluster_id *b)
{
    return memcmp(a, b, sizeof *a) == 0;
}

/* Of a beginning that was decided nothing is taken back. One that was not gives way as a whole, to
 * a snapshot too, and whatever its first term. */
static void of_another_cluster(void)
{
    const struct cluster_id theirs = { { 1, [CLUSTER_ID_BYTES - 1] = 1 } };
    struct origin own = { { { 2, [CLUSTER_ID_BYTES - 1] = 1 } }, true };
    begin_offered(&theirs, &own, 0);
    CHECK(t.n.snap_in.phase == SNAP_IN_NONE && t.want.verdict == SNAP_REFUSED);
    CHECK(same(&t.n.cluster, &own.cluster));
    end_offered();
    own.decided = false;
    for (uint64_t last = 0; last <= 1; last++) { /* an entry of its index and term: not the same */
        begin_offered(&theirs, &own, last);
        CHECK(t.n.snap_in.phase == SNAP_IN_LOG && same(&t.n.cluster, &theirs));
        end_offered();
    }
}

/* The state takes its place once the log's record of it is durable, not when an earlier write is: a
 * crash between would leave a log that ends before its state. */
static void waits_for_its_record(void)
{
    const struct cluster_id cluster = { { 1 } };
    const struct origin fresh = { 0 };
    struct node *n = &t.n;
    begin_offered(&cluster, &fresh, 0);
    CHECK(n->snap_in.phase == SNAP_IN_LOG && n->snap_in.ticket > 0);
    n->durable_ticket = n->snap_in.ticket - 1;
    snapshot_receive_go_on(n);
    CHECK(n->snap_in.phase == SNAP_IN_LOG && !n->state.tables.swapping);
    n->durable_ticket = n->snap_in.ticket;
    snapshot_receive_go_on(n);
    CHECK(n->snap_in.phase == SNAP_IN_SWAP && n->state.tables.swapping);
    while (n->snap_in.phase == SNAP_IN_SWAP) {
        CHECK(sim_turn(&t.loop));
    }
    CHECK(n->kv.applied == 1 && !n->dead);
    end_offered();
}

/* A flush that is under way writes rows of before: the swap waits until it has ended. */
static void waits_for_a_flush(void)
{
    const struct cluster_id cluster = { { 1 } };
    const struct origin fresh = { 0 };
    struct node *n = &t.n;
    begin_offered(&cluster, &fresh, 0);
    n->durable_ticket = n->snap_in.ticket;
    n->state.tables.flushing = true;
    snapshot_receive_go_on(n);
    CHECK(n->snap_in.phase == SNAP_IN_SWAP && !n->snap_in.swapping && !n->state.tables.swapping);
    n->state.tables.flushing = false;
    snapshot_receive_go_on(n);
    CHECK(n->snap_in.swapping && n->state.tables.swapping);
    while (n->snap_in.phase == SNAP_IN_SWAP) {
        CHECK(sim_turn(&t.loop));
    }
    CHECK(n->kv.applied == 1 && !n->dead);
    end_offered();
    EXPECT_MARK("node: a snapshot waits for a flush, or for one that is made");
}

/* Behind the snapshot the log goes on while its rows wait for their place: by then number 3 is
 * another machine's, and 4 has come. The snapshot takes nothing of that back. */
static void configuration_before_the_swap(void)
{
    const struct cluster_id cluster = { { 1 } };
    const struct origin fresh = { 0 };
    const struct node_key since = { { 33 } };
    const struct raft_conf conf = {
        .voter_count = 2, .voter = { 1, 2 }, .learner_count = 2, .learner = { 3, 4 }
    };
    uint8_t bytes[1024];
    struct writer w = writer_of(bytes, sizeof bytes);
    struct node *n = &t.n;
    raft_conf_encode(&conf, &w);
    tail_of(4, &since, &w);
    struct raft_entry e = { .term = 3, .kind = RAFT_ENTRY_CONF, .data = bytes };
    e.size = (uint32_t)w.offset;
    const struct raft_msg m = { .type = RAFT_MSG_APPEND,
                                .from = 2,
                                .to = 1,
                                .term = 3,
                                .epoch = 1,
                                .index = 1,
                                .log_term = 1,
                                .count = 1,
                                .entries = &e };
    begin_offered(&cluster, &fresh, 0);
    n->durable_ticket = n->snap_in.ticket;
    raft_actor_message(n, &m);
    CHECK(ids_key_equal(&book_by_id(&n->book, 3)->key, &since));
    snapshot_receive_go_on(n);
    while (n->snap_in.phase == SNAP_IN_SWAP) {
        CHECK(sim_turn(&t.loop));
    }
    CHECK(n->kv.applied == 1 && !n->dead);
    CHECK(ids_key_equal(&book_by_id(&n->book, 3)->key, &since));
    CHECK(book_by_id(&n->book, 3)->named && book_by_id(&n->book, 4)->named);
    CHECK(mesh_sender_good(n, &since, 3));
    end_offered();
    EXPECT_MARK("node: an older configuration comes after a newer one");
}

/* While one takes its place, the log begins behind it already: another offer waits. */
static void one_at_a_time(void)
{
    const struct cluster_id cluster = { { 1 } };
    const struct origin fresh = { 0 };
    uint8_t frame[SNAP_FRAME_HEAD_BYTES_MAX];
    struct node *n = &t.n;
    begin_offered(&cluster, &fresh, 0);
    CHECK(n->snap_in.phase == SNAP_IN_LOG);
    for (uint32_t swapping = 0; swapping <= 1; swapping++) {
        struct snap_offer o = { .from = 3, .to = 1, .term = 4, .epoch = 1, .bytes = 1 };
        struct writer w = writer_of(frame, sizeof frame);
        struct node_key key_3 = { { 3 } };
        uint32_t phase = n->snap_in.phase;
        o.id = (struct snap_id){ 2, 2, 5 };
        snapshot_offer_encode(&o, &w);
        snapshot_receive_offer(n, &key_3, writer_bytes(&w));
        CHECK(n->snap_in.phase == phase && n->snap_in.id.index == 1 && n->snap_in.msg.from == 2);
        n->durable_ticket = n->snap_in.ticket;
        snapshot_receive_go_on(n);
        CHECK(n->snap_in.phase == SNAP_IN_SWAP);
    }
    while (n->snap_in.phase == SNAP_IN_SWAP) {
        CHECK(sim_turn(&t.loop));
    }
    CHECK(n->kv.applied == 1 && !n->dead);
    end_offered();
}

/* The leader is elected again while the rows are built, and offers the same again: that is what the
 * core hears, for what was offered in an older term is no word of a leader's any more. */
static void of_the_newest_offer(void)
{
    const struct cluster_id cluster = { { 1 } };
    struct node *n = &t.n;
    struct diag d = { 0 };
    struct snap_offer o = { .from = 2, .to = 1, .term = 3, .epoch = 1, .bytes = 1 };
    begin(0);
    t.config.storage_backend = CONFIG_STORAGE_INMEMORY;
    n->conf_room = mem_take(&n->mem, SNAP_CONF_BYTES_MAX);
    CHECK(snapshot_make_open(n, UINT64_MAX, &d) == ERR_OK);
    snapshot_here(&cluster, &o.id);
    for (uint32_t again = 0; again <= 1; again++) {
        uint8_t frame[SNAP_FRAME_HEAD_BYTES_MAX];
        struct writer w = writer_of(frame, sizeof frame);
        struct raft_msg m = { .type = RAFT_MSG_HEARTBEAT, .from = 2, .to = 1 };
        o.term += again;
        o.epoch += again;
        m.term = o.term;
        m.epoch = o.epoch;
        raft_actor_message(n, &m);
        snapshot_offer_encode(&o, &w);
        snapshot_receive_offer(n, &key_2, writer_bytes(&w));
        CHECK(n->snap_in.phase == SNAP_IN_ROWS);
    }
    while (n->snap_in.phase == SNAP_IN_ROWS) {
        CHECK(sim_turn(&t.loop));
    }
    CHECK(n->snap_in.phase == SNAP_IN_LOG);
    CHECK_U64(n->snap_in.msg.term, 4);
    CHECK_U64(n->snap_in.msg.epoch, 2);
    end_offered();
}

/* ---- whose offer ---- */

static void offered(uint8_t from, uint64_t term, const struct snap_id *id)
{
    uint8_t frame[SNAP_FRAME_HEAD_BYTES_MAX];
    struct writer w = writer_of(frame, sizeof frame);
    struct snap_offer o = { .from = from, .to = 1, .term = term, .epoch = 1, .bytes = 5000 };
    const struct node_key key = { { from } };
    o.id = *id;
    snapshot_offer_encode(&o, &w);
    snapshot_receive_offer(&t.n, &key, writer_bytes(&w));
}

/* Node 1 follows 2 in term 3, whose snapshot is on its way; what else it may hear meanwhile. */
static void begin_receiving(void)
{
    struct node *n = &t.n;
    struct diag d = { 0 };
    begin(0);
    follow_2();
    t.config.storage_backend = CONFIG_STORAGE_INMEMORY;
    CHECK(snapshot_make_open(n, UINT64_MAX, &d) == ERR_OK);
    offered(2, 3, &(struct snap_id){ 50, 3, 7 });
    while (t.want.id.id != 7) {
        CHECK(sim_turn(&t.loop));
    }
    CHECK(n->snap_in.phase == SNAP_IN_BYTES);
}

static void end_receiving(void)
{
    snap_close(t.n.snaps);
    mem_free(&t.n.mem, t.n.snap_room);
    end();
}

/* Whatever is not what was offered last is refused with a line that says why; and its sender is not
 * to blame for another's. */
static void another_came(void)
{
    const struct snap_meta other = { .id = { 50, 3, 8 } };
    char line[4096];
    begin_receiving();
    t.logger.level = LOGGER_WARN;
    keep_lines(line);
    snapshot_receive_whole(&t.n, ERR_OK, &other);
    CHECK(strstr(line, "another snapshot came than was offered") != NULL);
    CHECK(strstr(line, "error=OK") == NULL);
    CHECK(t.n.snap_in.phase == SNAP_IN_NONE && t.want.verdict == SNAP_REFUSED);
    end_receiving();
    EXPECT_MARK("node: another snapshot came than was offered");
}

/* A leader that has come back from an older term, one that cannot be in this one, and one of a term
 * that no election reaches: the leader's own snapshot goes on. The first hears which term it is. */
static void of_no_leader(void)
{
    const uint64_t terms[] = { 1, 3, 3 + RAFT_TERM_JUMP_MAX + 1 };
    const struct snap_id other = { 9, 1, 5 };
    struct node *n = &t.n;
    for (size_t i = 0; i < sizeof terms / sizeof terms[0]; i++) {
        begin_receiving();
        offered(3, terms[i], &other);
        CHECK(n->snap_in.phase == SNAP_IN_BYTES && n->snap_in.msg.from == 2);
        CHECK_U64(n->snap_in.id.index, 50);
        CHECK((t.said.type == RAFT_MSG_APPEND_REPLY) == (terms[i] == 1));
        CHECK(terms[i] != 1 || (t.said.reject && t.said.to == 3 && t.said.term == 3));
        offered(3, terms[i], &n->snap_in.id); /* nor is it its own */
        CHECK_U64(n->snap_in.msg.from, 2);
        end_receiving();
    }
    EXPECT_MARK("node: a snapshot of an older leader");
    EXPECT_MARK("node: a snapshot of nobody who leads");
}

/* The next leader's takes its place, be it heard of by this offer or before. */
static void of_the_next_leader(void)
{
    const struct snap_id other = { 60, 4, 5 };
    for (uint32_t heard = 0; heard <= 1; heard++) {
        struct raft_msg m = { .type = RAFT_MSG_HEARTBEAT, .from = 3, .to = 1, .term = 4 };
        begin_receiving();
        m.epoch = 1;
        if (heard == 1) {
            core_step((struct raft_event){ .type = RAFT_EV_MSG, .msg = &m });
        }
        offered(3, 4, &other);
        CHECK(t.n.snap_in.msg.from == 3 && t.n.snap_in.id.index == 60);
        end_receiving();
    }
}

int main(void)
{
    TAP_TEST("receive: a snapshot is of its sender's life", of_a_life);
    TAP_TEST("receive: a snapshot of another cluster", of_another_cluster);
    TAP_TEST("receive: while one takes its place, another waits", one_at_a_time);
    TAP_TEST("receive: a snapshot waits for its record in the log", waits_for_its_record);
    TAP_TEST("receive: a snapshot takes back nothing that the log says behind it",
             configuration_before_the_swap);
    TAP_TEST("receive: a snapshot waits for a flush", waits_for_a_flush);
    TAP_TEST("receive: a snapshot is of its newest offer", of_the_newest_offer);
    TAP_TEST("receive: another snapshot than was offered is refused", another_came);
    TAP_TEST("receive: a snapshot of nobody who leads is not taken", of_no_leader);
    TAP_TEST("receive: the next leader's snapshot is taken", of_the_next_leader);
    return tap_done();
}
