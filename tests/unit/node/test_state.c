/* tests/unit/node/test_state.c -- Subject: the state machine's store: when it is flushed, what a
 * start believes of it, and what it says of the members. Method: the parts of one node on a played
 * machine, over rows that survive as the simulator's do. */
#include "driver.h"

#include "sim/backing.h"

enum {
    LAST = 3 /* entry of the log */
};

static struct sim_backing rows;

/* Node 2 leads, and has committed all. */
static void decide(void)
{
    struct raft_msg m = { .type = RAFT_MSG_HEARTBEAT, .from = 2, .to = 1, .term = 3, .epoch = 1 };
    m.index = m.commit = LAST;
    m.log_term = 1;
    core_step((struct raft_event){ .type = RAFT_EV_MSG, .msg = &m });
}

/* The state machine of a node whose log has all entries, of term 1, and whose disk has nothing
 * yet. */
static void begin_state(void)
{
    static uint8_t value[100];
    struct node *n = &t.n;
    begin(LAST);
    decide();
    tables_close(&n->state.tables);
    sim_backing_init(&rows, &t.mem, &t.disk);
    n->seams.backing = &rows.base;
    t.config.storage_backend = CONFIG_STORAGE_INMEMORY;
    n->conf_room = mem_take(&n->mem, SNAP_CONF_BYTES_MAX);
    n->results = mem_take(&n->mem, NODE_RESULTS * sizeof *n->results);
    n->bounds.apply_entries = NODE_APPLY_MAX;
    n->bounds.overlay_bytes = OVERLAY_BYTES_DEFAULT;
    for (uint64_t i = 1; i <= LAST; i++) {
        struct log_entry e = { i, 1, RAFT_ENTRY_NOOP, bytes_of(value, sizeof value) };
        struct log_write w = { .ticket = ++t.log_ticket, .entries = &e, .count = 1 };
        CHECK(log_append(n->log, &w) == ERR_OK);
    }
    sim_loop_run(&t.loop, os_now(n->os)); /* a log in memory is durable at once */
}

static void end_state(void)
{
    struct node *n = &t.n;
    state_close(n, false);
    tables_open(&n->state.tables, &n->store_mem, NULL);
    mem_free(&n->mem, n->conf_room);
    mem_free(&n->mem, n->results);
    mem_free(&n->mem, n->snap_room);
    sim_backing_done(&rows);
    end();
}

/* The rows of a state machine that has applied so much, and what it says of the members, if it
 * does. */
static void rows_at(uint64_t applied, uint64_t term, struct bytes conf)
{
    struct tables tables;
    struct kv kv;
    tables_open(&tables, &t.n.store_mem, &rows.base);
    CHECK(kv_open(&kv, &tables) == ERR_OK);
    while (kv.applied < applied) {
        kv_skip(&kv, kv.applied + 1, term);
    }
    CHECK(conf.count == 0 || kv_conf_save(&kv, conf) == ERR_OK);
    CHECK(kv_save(&kv) == ERR_OK && tables_freeze(&tables) == ERR_OK);
    CHECK(tables_write(&tables) == ERR_OK);
    tables_thaw(&tables);
    tables_close(&tables);
}

static enum err opened(struct diag *d)
{
    struct log_recovered rec = { .first = log_first(t.n.log), .last = log_last(t.n.log) };
    *d = (struct diag){ 0 };
    return state_open(&t.n, &rec, d);
}

/* ---- flushes ---- */

static void applied_to(uint64_t index)
{
    struct node *n = &t.n;
    n->apply_target = index;
    n->applied_told = n->kv.applied;
    kv_actor_turn(n);
    CHECK_U64(n->kv.applied, index);
}

static uint64_t flushes(void)
{
    for (uint32_t turn = 0; turn < 1000 && flush_busy(&t.n.state.flush); turn++) {
        sim_loop_run(&t.loop, sim_loop_next(&t.loop));
    }
    CHECK(!flush_busy(&t.n.state.flush));
    return t.n.metrics.counter[METRICS_FLUSHES];
}

/* What a restart would have to replay counts from the flush before: one is due whenever it is too
 * much, and not after every turn from then on. */
static void much_log_once(void)
{
    struct diag d;
    begin_state();
    CHECK(opened(&d) == ERR_OK);
    applied_to(1);
    CHECK_U64(flushes(), 1);            /* what was begun is written down at once */
    t.n.state.log_bytes = 64 * MIB - 1; /* of many entries before */
    applied_to(2);
    CHECK_U64(flushes(), 2);
    applied_to(3);
    CHECK_U64(flushes(), 2);
    end_state();
}

/* Between the log that begins behind a snapshot and the rows of that snapshot nothing is flushed:
 * old rows would be written over, and the log behind them is gone. */
static void not_while_installing(void)
{
    static const enum snap_in_phase phases[] = { SNAP_IN_LOG, SNAP_IN_SWAP };
    struct diag d;
    begin_state();
    CHECK(opened(&d) == ERR_OK);
    applied_to(1);
    CHECK_U64(flushes(), 1);
    applied_to(2);
    for (size_t i = 0; i < sizeof phases / sizeof phases[0]; i++) {
        t.n.snap_in.phase = phases[i];
        t.n.state.log_bytes = 64 * MIB;
        state_turn(&t.n);
        state_second(&t.n);
        state_second(&t.n); /* writing has paused */
        CHECK(!flush_busy(&t.n.state.flush));
    }
    t.n.snap_in.phase = SNAP_IN_NONE;
    state_second(&t.n);
    CHECK_U64(flushes(), 2);
    end_state();
}

static void until_full(void)
{
    for (uint32_t turn = 0; turn < 1000 && !t.n.disk_full; turn++) {
        CHECK(sim_turn(&t.loop));
    }
    CHECK(t.n.disk_full);
}

/* A full disk is no failure: clients are refused, and when there is room what was applied is
 * written, without anybody's asking. */
static void disk_full(void)
{
    struct diag d;
    static char line[4096];
    begin_state();
    keep_lines(line);
    CHECK(opened(&d) == ERR_OK);
    t.disk.full = true;
    applied_to(1);
    until_full();
    CHECK(flush_busy(&t.n.state.flush) && !t.n.dead);
    CHECK_U64(t.n.metrics.counter[METRICS_FLUSHES], 0);
    t.disk.full = false;
    CHECK_U64(flushes(), 1);
    CHECK(strstr(line, "no space for the state machine") != NULL);
    end_state();
    EXPECT_MARK("node: no room for the state machine");
}

static enum err half_used(struct os_dir *d, struct os_space *out)
{
    (void)d;
    *out = (struct os_space){ 1000000, 500000 };
    return ERR_OK;
}

/* Behind a quota, or a part of the disk that is kept for others, the disk as a whole is not full:
 * what the flush has met counts until it has found room, and is said once. */
static void full_behind_a_quota(void)
{
    struct diag d;
    static char line[4096];
    struct os_dir dir;
    begin_state();
    keep_lines(line);
    CHECK(opened(&d) == ERR_OK);
    struct os_table table = *t.n.os->table;
    table.dir_space = half_used;
    t.n.os->table = &table;
    dir.os = t.n.os;
    t.n.dir = &dir;
    t.disk.full = true;
    applied_to(1);
    until_full();
    CHECK(strstr(line, "no space for the state machine") != NULL);
    line[0] = '\0';
    for (int second = 0; second < 3; second++) {
        sim_loop_run(&t.loop, os_now(t.n.os) + NS_PER_S);
        housekeeping_second(&t.n, os_now(t.n.os));
        CHECK(t.n.disk_full && state_room(&t.n) == ERR_DISK_FULL);
    }
    CHECK(line[0] == '\0');
    t.disk.full = false;
    CHECK_U64(flushes(), 1);
    housekeeping_second(&t.n, os_now(t.n.os));
    CHECK(!t.n.disk_full && state_room(&t.n) == ERR_OK);
    t.n.dir = NULL;
    end_state();
}

/* ---- a start ---- */

/* A start with a log whose beginning is gone as far as that. */
static enum err starts_with(uint64_t applied, uint64_t term, uint64_t gone, struct diag *d)
{
    begin_state();
    CHECK(log_compact(t.n.log, gone) == ERR_OK);
    rows_at(applied, term, bytes_of(NULL, 0));
    enum err e = opened(d);
    end_state();
    return e;
}

/* Neither may know of entries that the other denies: a disk that was put together of two is not
 * taken for one. */
static void log_and_state_agree(void)
{
    struct diag d;
    CHECK(starts_with(3, 1, 0, &d) == ERR_OK && starts_with(1, 1, 0, &d) == ERR_OK);
    CHECK(starts_with(4, 1, 0, &d) == ERR_CORRUPT);
    CHECK(strstr(d.text, "has applied entry 4, but the log ends at 3") != NULL);
    CHECK(starts_with(2, 1, 2, &d) == ERR_OK); /* the log goes on from it */
    CHECK(starts_with(1, 1, 2, &d) == ERR_CORRUPT);
    CHECK(strstr(d.text, "begins at entry 3, but the state machine ends at 1") != NULL);
    for (uint64_t applied = 2; applied <= 3; applied++) {
        CHECK(starts_with(applied, 2, 1, &d) == ERR_CORRUPT);
        CHECK(strstr(d.text, "has term 2 in the state machine, 1 in the log") != NULL);
    }
}

/* ---- members ---- */

/* A start with a row that says the members of entry index; so many of its bytes are there. */
static enum err starts_with_members(uint64_t index, uint64_t applied, size_t missing)
{
    static const struct raft_conf conf = { .voter_count = 3, .voter = { 1, 2, 3 } };
    static const struct cluster_id cluster = { { 1 } };
    uint8_t row[STATE_CONF_HEAD_BYTES + RAFT_CONF_BYTES_MAX];
    struct writer w = writer_of(row, sizeof row);
    struct diag d;
    state_conf_head(&cluster, index, &w);
    raft_conf_encode(&conf, &w);
    begin_state();
    rows_at(applied, 1, bytes_of(row, w.offset - missing));
    enum err e = opened(&d);
    CHECK(e != ERR_OK || t.n.state.conf.index == index);
    end_state();
    return e;
}

/* A damaged row is no configuration: who the members of a later entry are is not decided yet. */
static void members_of_what_is_applied(void)
{
    CHECK(starts_with_members(1, 2, 0) == ERR_OK && starts_with_members(2, 2, 0) == ERR_OK);
    CHECK(starts_with_members(0, 2, 0) == ERR_CORRUPT);
    CHECK(starts_with_members(3, 2, 0) == ERR_CORRUPT); /* though the log has it */
    CHECK(starts_with_members(UINT64_MAX, 2, 0) == ERR_CORRUPT);
    CHECK(starts_with_members(1, 2, 1) == ERR_CORRUPT);
}

/* Who installs the state of another node finds there where everybody is: voters, learners, and who
 * is voter only until the change is over. */
static void where_all_are(void)
{
    struct raft_conf conf = { .index = 1,
                              .voter_count = 2,
                              .voter = { 1, 2 },
                              .learner_count = 1,
                              .learner = { 4 },
                              .outgoing_count = 3,
                              .outgoing = { 1, 2, 5 } };
    static struct book reader;
    struct state_conf row;
    struct raft_conf c;
    struct bytes tail;
    struct diag d;
    begin_state();
    for (uint8_t id = 4; id <= 6; id++) {
        struct node_key key = { { id } };
        CHECK(mesh_peer(&t.n, id, &key, NULL, 0) == ERR_OK);
    }
    CHECK(opened(&d) == ERR_OK);
    applied_to(1);
    CHECK_U64(flushes(), 1);
    t.n.state.conf = conf;
    CHECK(state_mark_now(&t.n, &t.n.state.flushed) == ERR_OK);
    const struct state_mark *m = &t.n.state.flushed;
    CHECK(state_conf_decode(bytes_of(m->bytes, m->count), &row) == ERR_OK && row.index == 1);
    CHECK(raft_conf_decode(row.entry, &c, &tail) == ERR_OK && c.outgoing_count == 3);
    book_init(&reader);
    CHECK(book_tail_learn(&reader, tail, 0) == ERR_OK);
    CHECK_U64(reader.count, 4);
    CHECK(book_by_id(&reader, 1) != NULL && book_by_id(&reader, 2) != NULL);
    CHECK(book_by_id(&reader, 4) != NULL && book_by_id(&reader, 5) != NULL);
    end_state();
}

/* A start reads the log first. Its configurations are newer than the one of the state machine,
 * which may name a machine that was exchanged since. */
static void who_it_is_now(void)
{
    struct raft_conf conf = {
        .index = 1, .voter_count = 2, .voter = { 1, 2 }, .learner_count = 1, .learner = { 4 }
    };
    const struct node_key before = { { 4 } };
    const struct node_key since = { { 44 } };
    struct diag d;
    begin_state();
    CHECK(mesh_peer(&t.n, 4, &before, NULL, 0) == ERR_OK);
    CHECK(opened(&d) == ERR_OK);
    applied_to(1);
    CHECK_U64(flushes(), 1);
    t.n.state.conf = conf;
    t.n.state.log_bytes = 64 * MIB;
    applied_to(2);
    CHECK_U64(flushes(), 2);
    for (uint64_t newer = 0; newer <= 1; newer++) {
        struct book_entry *e = NULL;
        CHECK(book_learn(&t.n.book, 4, &since, 0, &e) == ERR_OK);
        book_forget(&t.n.book, book_by_key(&t.n.book, &before));
        t.n.members_index = newer * LAST;
        CHECK(state_reopen(&t.n) == ERR_OK);
        CHECK(ids_key_equal(&book_by_id(&t.n.book, 4)->key, newer ? &since : &before));
    }
    end_state();
}

/* The log's newest configuration is the core's own, and says nothing of endpoints: those of the
 * state machine are the newest that there are. */
static void core_s_own(void)
{
    struct raft_conf conf = {
        .index = 1, .voter_count = 2, .voter = { 1, 2 }, .learner_count = 1, .learner = { 4 }
    };
    const struct node_key key_4 = { { 4 } };
    uint8_t own[RAFT_CONF_BYTES_MAX];
    struct writer w = writer_of(own, sizeof own);
    struct diag d;
    begin_state();
    CHECK(mesh_peer(&t.n, 4, &key_4, NULL, 0) == ERR_OK);
    CHECK(opened(&d) == ERR_OK);
    t.n.state.conf = conf;
    applied_to(1);
    CHECK_U64(flushes(), 1);
    book_init(&t.n.book); /* it could not be read */
    t.n.members_index = 0;
    raft_conf_encode(&conf, &w);
    struct log_entry e = { LAST, 1, RAFT_ENTRY_CONF, writer_bytes(&w) };
    raft_effects_conf_seen(&t.n, &e);
    CHECK_U64(t.n.book.count, 0);
    CHECK(state_reopen(&t.n) == ERR_OK);
    for (uint64_t id = 1; id <= 4; id += id) {
        CHECK(book_by_id(&t.n.book, id) != NULL && book_by_id(&t.n.book, id)->named);
    }
    end_state();
}

int main(void)
{
    TAP_TEST("state: much log begins one flush", much_log_once);
    TAP_TEST("state: no flush begins while a snapshot is installed", not_while_installing);
    TAP_TEST("state: a flush that finds no space is made when there is some", disk_full);
    TAP_TEST("state: a node stays full as long as a flush waits for room", full_behind_a_quota);
    TAP_TEST("state: a start refuses a log and a state that deny each other", log_and_state_agree);
    TAP_TEST("state: a start refuses members of an entry that is not applied",
             members_of_what_is_applied);
    TAP_TEST("state: it says where all members are", where_all_are);
    TAP_TEST("state: at a start the log's configurations come after its own", who_it_is_now);
    TAP_TEST("state: but for the core's own, which name nobody", core_s_own);
    return tap_done();
}
