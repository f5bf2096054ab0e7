/* tests/unit/node/test_send.c -- Subject: snapshots on their way from this node. Method: the parts
 * of one node on a played machine, a link that records frames, and a core put into the state that
 * matters. */
#include "driver.h"

static void want(uint8_t peer, const struct snap_id *id, enum snap_verdict verdict)
{
    uint8_t frame[SNAP_FRAME_HEAD_BYTES_MAX];
    struct writer w = writer_of(frame, sizeof frame);
    struct snap_want x = { .id = *id, .verdict = verdict };
    struct node_key key = { { peer } };
    snapshot_want_encode(&x, &w);
    snapshot_send_want(&t.n, &key, writer_bytes(&w));
}

/* However a snapshot on its way ends, its place is free again, and the core hears of it: there are
 * few places, a peer may refuse, and one may say nothing more. */
static void snapshots_end(void)
{
    struct raft_msg m = { .type = RAFT_MSG_SNAPSHOT, .from = 1, .term = 3, .index = 1 };
    const struct snap_id id = { .index = 1, .term = 3 };
    const struct snap_id other = { .index = 2, .term = 3 };
    struct node *n = &t.n;
    begin(1);
    n->told_role = RAFT_LEADER;
    for (m.to = 2; m.to < 2 + NODE_SNAP_SENDERS + 1; m.to++) {
        snapshot_send_begin(n, &m);
    }
    CHECK(n->snap_refused_count == 1 && n->snap_refused[0] == m.to - 1);
    for (uint32_t i = 0; i < NODE_SNAP_SENDERS; i++) {
        n->snap_out[i].phase = SNAP_OUT_OFFERED;
        n->snap_out[i].id = id;
    }
    want(2, &other, SNAP_REFUSED); /* not of what is on its way */
    CHECK(n->snap_out[0].phase == SNAP_OUT_OFFERED);
    want(2, &id, SNAP_REFUSED);
    CHECK(n->snap_out[0].phase == SNAP_OUT_FAILED && n->snap_out[1].phase == SNAP_OUT_OFFERED);
    n->snap_out[1].phase = SNAP_OUT_SENDING;
    snapshot_send_second(n, os_now(n->os) + 10 * NS_PER_S);
    CHECK(n->snap_out[1].phase == SNAP_OUT_SENDING);
    snapshot_send_second(n, os_now(n->os) + 10 * NS_PER_S + 1);
    CHECK(n->snap_out[1].phase == SNAP_OUT_FAILED);
    snapshot_send_tell(n);
    CHECK(n->snap_out[0].phase == SNAP_OUT_FREE && n->snap_out[1].phase == SNAP_OUT_FREE);
    CHECK_U64(n->snap_refused_count, 0);
    end();
    EXPECT_MARK("node: too many peers need a snapshot");
    EXPECT_MARK("node: a peer refuses a snapshot");
    EXPECT_MARK("node: a snapshot on its way is given up");
}

/* Rows take their time, and a sender gives up who is silent for long: who writes them says every
 * second that it is there. */
static void rows_are_written(void)
{
    const struct snap_id id = { .index = 1, .term = 3 };
    struct node *n = &t.n;
    begin(1);
    n->snap_in = (struct snap_in){ .phase = SNAP_IN_ROWS, .key = key_2, .id = id, .bytes = 700 };
    n->snap_in.heard_ns = os_now(n->os);
    for (uint32_t second = 1; second <= 10; second++) {
        t.loop.now_ns += NS_PER_S - 1;
        snapshot_receive_second(n, os_now(n->os));
        CHECK_U64(t.frames, second - 1);
        t.loop.now_ns += 1;
        snapshot_receive_second(n, os_now(n->os));
        CHECK_U64(t.frames, second);
        CHECK(t.want.verdict == SNAP_GO_ON && t.want.offset == 700);
        CHECK(snap_id_equal(&t.want.id, &id));
    }
    end();
}

/* A place is taken from who says nothing when another one waits for it, and from who goes away: it
 * would keep others from theirs until it is given up. */
static void snapshots_yield(void)
{
    struct raft_msg m = { .type = RAFT_MSG_SNAPSHOT, .from = 1, .term = 3, .index = 1 };
    struct node *n = &t.n;
    begin(1);
    t.loop.now_ns = 10 * NS_PER_S;
    for (m.to = 2; m.to < 2 + NODE_SNAP_SENDERS; m.to++) {
        snapshot_send_begin(n, &m);
        n->snap_out[m.to - 2].phase = SNAP_OUT_SENDING;
    }
    n->snap_out[0].heard_ns += 1;
    t.loop.now_ns += 2 * NS_PER_S;
    snapshot_send_begin(n, &m); /* all have said something not long ago */
    CHECK(n->snap_refused_count == 1 && n->snap_out[1].phase == SNAP_OUT_SENDING);
    t.loop.now_ns += 2;
    snapshot_send_begin(n, &m);
    CHECK(n->snap_out[1].phase == SNAP_OUT_FAILED && n->snap_out[0].phase == SNAP_OUT_SENDING);
    snapshot_send_tell(n);
    snapshot_send_begin(n, &m);
    CHECK(n->snap_out[1].phase == SNAP_OUT_WAITING && n->snap_out[1].msg.to == m.to);
    mesh_handler.peer_down(n, &key_2, book_by_key(&n->book, &key_2)->epoch);
    CHECK(n->snap_out[0].phase == SNAP_OUT_FAILED && n->snap_out[1].phase == SNAP_OUT_WAITING);
    end();
    EXPECT_MARK("node: a silent peer makes room for another one's snapshot");
    EXPECT_MARK("node: a peer goes away in the middle of its snapshot");
}

/* Who has refused is left alone for 1 s, 2 s, and so on to 16 s; until it has taken one. */
static void snapshot_pauses(void)
{
    struct raft_msg m = { .type = RAFT_MSG_SNAPSHOT, .from = 1, .to = 2, .term = 3, .index = 1 };
    const struct snap_id id = { .index = 1, .term = 3 };
    struct node *n = &t.n;
    begin(1);
    for (uint64_t pause = 1; pause <= 32; pause *= 2) {
        uint64_t real = pause < 16 ? pause : 16;
        n->snap_out[0] = (struct snap_out){ .phase = SNAP_OUT_SENDING, .msg.to = 2, .id = id };
        want(2, &id, SNAP_REFUSED);
        snapshot_send_tell(n);
        snapshot_send_begin(n, &m);
        CHECK(n->snap_out[0].phase == SNAP_OUT_FREE && n->snap_refused_count == 1);
        t.loop.now_ns += real * NS_PER_S - 1;
        snapshot_send_begin(n, &m);
        CHECK(n->snap_out[0].phase == SNAP_OUT_FREE && n->snap_refused_count == 2);
        snapshot_send_tell(n);
        t.loop.now_ns += 1;
        snapshot_send_begin(n, &m);
        CHECK(n->snap_out[0].phase == SNAP_OUT_WAITING && n->snap_refused_count == 0);
    }
    n->snap_out[0].phase = SNAP_OUT_SENDING;
    n->snap_out[0].id = id;
    want(2, &id, SNAP_DONE);
    n->snap_out[0] = (struct snap_out){ .phase = SNAP_OUT_WAITING, .msg.to = 2 };
    snapshot_send_failed(n); /* none could be made: likewise */
    snapshot_send_tell(n);
    t.loop.now_ns += NS_PER_S - 1;
    snapshot_send_begin(n, &m);
    CHECK(n->snap_out[0].phase == SNAP_OUT_FREE);
    t.loop.now_ns += 1;
    snapshot_send_begin(n, &m);
    CHECK(n->snap_out[0].phase == SNAP_OUT_WAITING);
    end();
}

/* The log was shortened while a snapshot was on its way: what the peer lacks then is gone, so its
 * thanks are no end. And the log is kept for what was broken off, but not for ever. */
static void snapshot_left_behind(void)
{
    struct raft_msg m = { .type = RAFT_MSG_HEARTBEAT, .from = 2, .to = 1, .term = 3, .epoch = 1 };
    const struct raft_conf conf = { .index = 1, .voter_count = 3, .voter = { 1, 2, 3 } };
    const struct snap_id old = { .index = 0, .term = 3 };
    const struct snap_id id = { .index = 1, .term = 3 };
    struct node *n = &t.n;
    begin(1);
    m.index = m.commit = 1;
    m.log_term = raft_term_at(n->core, 1);
    core_step((struct raft_event){ .type = RAFT_EV_MSG, .msg = &m });
    core_step((struct raft_event){ .type = RAFT_EV_APPLIED, .index = 1 });
    core_step((struct raft_event){ .type = RAFT_EV_SNAP_MADE, .index = 1, .conf = &conf });
    n->told_role = RAFT_LEADER;
    n->snap_out[0] = (struct snap_out){ .phase = SNAP_OUT_SENDING, .msg.to = 2, .id = old };
    n->snap_out[1] = (struct snap_out){ .phase = SNAP_OUT_SENDING, .msg.to = 3, .id = id };
    n->snap_out[0].heard_ns = n->snap_out[1].heard_ns = os_now(n->os);
    snapshot_send_second(n, os_now(n->os)); /* the rest of it would be sent in vain */
    CHECK(n->snap_out[0].phase == SNAP_OUT_FAILED && n->snap_out[1].phase == SNAP_OUT_SENDING);
    n->snap_out[0] = (struct snap_out){ .phase = SNAP_OUT_SENDING, .msg.to = 2, .id = old };
    want(2, &old, SNAP_DONE);
    CHECK(n->snap_out[0].phase == SNAP_OUT_FAILED);
    n->snap_out[0] = (struct snap_out){ .phase = SNAP_OUT_SENDING, .msg.to = 2, .id = id };
    want(2, &id, SNAP_DONE);
    CHECK(n->snap_out[0].phase == SNAP_OUT_FREE);
    CHECK_U64(snapshot_send_held(n), 1);
    t.loop.now_ns += 59 * NS_PER_S;
    CHECK_U64(snapshot_send_held(n), 1);
    t.loop.now_ns += 1 * NS_PER_S;
    CHECK_U64(snapshot_send_held(n), 0);
    end();
    EXPECT_MARK("node: the log has left a snapshot behind that was sent");
    EXPECT_MARK("node: the log has left a snapshot behind on its way");
}

/* Two that were broken off are held each for its minute, the older one first; one that the log has
 * left behind is not. */
static void both_are_held(void)
{
    const struct raft_conf conf = { .index = 1, .voter_count = 3, .voter = { 1, 2, 3 } };
    struct raft_msg m = { .type = RAFT_MSG_HEARTBEAT, .from = 2, .to = 1, .term = 3, .epoch = 1 };
    struct node *n = &t.n;
    begin(3);
    snapshot_send_hold(n, &(struct snap_id){ .index = 2, .term = 1 });
    t.loop.now_ns += 30 * NS_PER_S;
    snapshot_send_hold(n, &(struct snap_id){ .index = 3, .term = 1 });
    CHECK_U64(snapshot_send_held(n), 2);
    t.loop.now_ns += 20 * NS_PER_S;
    snapshot_send_hold(n, &(struct snap_id){ .index = 2, .term = 1 });
    t.loop.now_ns += 39 * NS_PER_S;
    CHECK_U64(snapshot_send_held(n), 2);
    m.index = m.commit = 3;
    m.log_term = 1;
    core_step((struct raft_event){ .type = RAFT_EV_MSG, .msg = &m });
    core_step((struct raft_event){ .type = RAFT_EV_APPLIED, .index = 3 });
    core_step((struct raft_event){ .type = RAFT_EV_SNAP_MADE, .index = 3, .conf = &conf });
    snapshot_send_hold(n, &(struct snap_id){ .index = 3, .term = 1 });
    CHECK_U64(snapshot_send_held(n), 3);
    end();
}

static uint32_t made_files;

static void file_made(void *arg, enum err e, const struct snap_meta *meta)
{
    (void)arg;
    CHECK(e == ERR_OK && meta != NULL);
    made_files++;
}

static void make_file_of(uint64_t index, uint64_t term)
{
    struct snap_meta meta = { .id = { .index = index, .term = term }, .rows = SNAP_ROWS_UNKNOWN };
    meta.conf = bytes_text("who is in");
    CHECK(snap_make(t.n.snaps, &t.n.state.tables, &meta) == ERR_OK);
}

static void make_file(uint64_t index)
{
    make_file_of(index, 1);
}

static void until_made(uint32_t count)
{
    for (uint32_t turn = 0; turn < 1000 && made_files < count; turn++) {
        sim_loop_run(&t.loop, sim_loop_next(&t.loop));
    }
    CHECK_U64(made_files, count);
}

/* A file that was made for another peer long ago is of no use once the log begins behind it: the
 * peer would refuse what follows, and be offered the same file again, for ever. */
static void old_file_is_not_offered(void)
{
    const struct raft_conf conf = { .index = 1, .voter_count = 3, .voter = { 1, 2, 3 } };
    struct raft_msg m = { .type = RAFT_MSG_HEARTBEAT, .from = 2, .to = 1, .term = 3, .epoch = 1 };
    struct snap_handler h = { .made = file_made };
    struct diag d = { 0 };
    struct node *n = &t.n;
    begin(3);
    CHECK(snap_open(n->os, NULL, &n->store_mem, UINT64_MAX, &h, &n->snaps, &d) == ERR_OK);
    make_file(1);
    until_made(1);
    m.index = m.commit = 3;
    m.log_term = 1;
    core_step((struct raft_event){ .type = RAFT_EV_MSG, .msg = &m });
    core_step((struct raft_event){ .type = RAFT_EV_APPLIED, .index = 3 });
    core_step((struct raft_event){ .type = RAFT_EV_SNAP_MADE, .index = 3, .conf = &conf });
    n->told_role = RAFT_LEADER;
    n->snap_out[0] = (struct snap_out){ .phase = SNAP_OUT_WAITING, .msg.from = 1, .msg.to = 2 };
    make_file(3);
    snapshot_send_start(n);
    CHECK(n->snap_out[0].phase == SNAP_OUT_WAITING && t.frames == 0);
    until_made(2);
    snapshot_send_start(n);
    CHECK(n->snap_out[0].phase == SNAP_OUT_OFFERED && t.frames == 1);
    CHECK_U64(n->snap_out[0].id.index, 3);
    snap_reader_close(n->snap_out[0].reader);
    snap_close(n->snaps);
    end();
}

/* The core knows that these are committed. */
static void committed(uint64_t index)
{
    struct raft_msg m = { .type = RAFT_MSG_HEARTBEAT, .from = 2, .to = 1, .term = 3, .epoch = 1 };
    m.index = m.commit = index;
    m.log_term = 1;
    core_step((struct raft_event){ .type = RAFT_EV_MSG, .msg = &m });
}

/* What is ahead of all that is committed here, or of another term than the log, was never made of
 * it: a peer would take it, and the core would not have it. */
static void files_of_another_log(void)
{
    const struct {
        uint64_t index, term;
    } file[] = { { 3, 1 }, { 2, 2 } };
    struct raft_msg m = { .type = RAFT_MSG_SNAPSHOT, .from = 1, .to = 2, .term = 3, .index = 1 };
    struct snap_handler h = { .made = file_made };
    struct diag d = { 0 };
    struct node *n = &t.n;
    for (size_t i = 0; i < sizeof file / sizeof file[0]; i++) {
        char line[4096];
        struct snap_id id;
        begin(3);
        made_files = 0;
        CHECK(snap_open(n->os, NULL, &n->store_mem, UINT64_MAX, &h, &n->snaps, &d) == ERR_OK);
        committed(2);
        make_file_of(1, 1);
        until_made(1);
        make_file_of(file[i].index, file[i].term);
        until_made(2);
        n->told_role = RAFT_LEADER;
        t.logger.level = LOGGER_WARN;
        keep_lines(line);
        snapshot_send_begin(n, &m);
        snapshot_send_start(n);
        CHECK(n->snap_out[0].phase == SNAP_OUT_OFFERED && t.frames == 1);
        CHECK_U64(n->snap_out[0].id.index, 1);
        bool kept = snap_at(n->snaps, file[i].index, file[i].term, &id); /* it may be to come */
        CHECK(kept == (file[i].term == 1) && kept == (line[0] == '\0'));
        snapshot_send_close(n);
        snap_close(n->snaps);
        end();
    }
    EXPECT_MARK("node: a snapshot is of another log");
}

/* ---- what a peer is told again, and by whom ---- */

/* A leader with a snapshot of entry 1, offered to node 2. */
static void begin_offered(void)
{
    struct raft_msg m = { .type = RAFT_MSG_SNAPSHOT, .from = 1, .to = 2, .term = 3, .index = 1 };
    struct snap_handler h = { .made = file_made };
    struct diag d = { 0 };
    struct node *n = &t.n;
    begin(1);
    made_files = 0;
    CHECK(snap_open(n->os, NULL, &n->store_mem, UINT64_MAX, &h, &n->snaps, &d) == ERR_OK);
    n->snap_room = mem_take(&n->mem, SNAP_CHUNK_BYTES_MAX);
    committed(1);
    make_file(1);
    until_made(1);
    n->told_role = RAFT_LEADER;
    snapshot_send_begin(n, &m);
    snapshot_send_start(n);
    CHECK(n->snap_out[0].phase == SNAP_OUT_OFFERED && t.frames == 1);
}

static void end_offered(void)
{
    snapshot_send_close(&t.n);
    snap_close(t.n.snaps);
    mem_free(&t.n.mem, t.n.snap_room);
    end();
}

/* An offer may be lost on its way, and a peer that never had it asks for nothing: it is repeated
 * until it is answered, well before the peer is given up. */
static void offers_are_repeated(void)
{
    struct node *n = &t.n;
    begin_offered();
    t.loop.now_ns += NS_PER_S;
    snapshot_send_second(n, os_now(n->os));
    CHECK_U64(t.frames, 1); /* it may still be answered */
    for (uint32_t second = 1; second < 10; second++) {
        t.loop.now_ns += second > 1 ? NS_PER_S : 1;
        snapshot_send_second(n, os_now(n->os));
        CHECK(t.frames == 1 + second && n->snap_out[0].phase == SNAP_OUT_OFFERED);
    }
    want(2, &n->snap_out[0].id, SNAP_GO_ON);
    CHECK_U64(n->snap_out[0].phase, SNAP_OUT_SENDING);
    uint32_t frames = t.frames;
    t.loop.now_ns += 2 * NS_PER_S;
    snapshot_send_second(n, os_now(n->os));
    CHECK_U64(t.frames, frames); /* it is here: what it wants next, it says */
    end_offered();
}

/* A snapshot takes as long as it takes: given up is who says nothing for long, not who asks for one
 * part after the other, slowly. */
static void slow_peers_are_served(void)
{
    struct node *n = &t.n;
    begin_offered();
    for (uint32_t parts = 1; parts <= 5; parts++) {
        t.loop.now_ns += 9 * NS_PER_S;
        snapshot_send_second(n, os_now(n->os));
        uint32_t frames = t.frames;
        want(2, &n->snap_out[0].id, SNAP_GO_ON);
        CHECK(t.frames == frames + 1 && n->snap_out[0].phase == SNAP_OUT_SENDING);
    }
    t.loop.now_ns += 10 * NS_PER_S + 1;
    snapshot_send_second(n, os_now(n->os));
    CHECK_U64(n->snap_out[0].phase, SNAP_OUT_FAILED);
    end_offered();
}

/* Who does not lead any more sends nothing further: the next leader has a snapshot of its own, and
 * the places are needed when this node leads again. */
static void deposed(void)
{
    struct node *n = &t.n;
    for (int phase = SNAP_OUT_OFFERED; phase <= SNAP_OUT_SENDING; phase++) {
        begin_offered();
        n->snap_out[0].phase = (enum snap_out_phase)phase;
        snapshot_send_second(n, os_now(n->os));
        CHECK_U64(n->snap_out[0].phase, phase);
        n->told_role = RAFT_FOLLOWER;
        snapshot_send_second(n, os_now(n->os));
        CHECK_U64(n->snap_out[0].phase, SNAP_OUT_FAILED);
        CHECK_U64(t.frames, 1);
        end_offered();
    }
}

/* ---- its file ---- */

/* A leader with a file of entry 1 on disk, which node 2 needs. */
static void begin_on_disk(struct snap_id *out)
{
    struct raft_msg m = { .type = RAFT_MSG_SNAPSHOT, .from = 1, .to = 2, .term = 3, .index = 1 };
    struct diag d = { 0 };
    struct node *n = &t.n;
    begin(1);
    t.config.storage_backend = CONFIG_STORAGE_DURABLE;
    CHECK(snapshot_make_open(n, UINT64_MAX, &d) == ERR_OK);
    committed(1);
    make_file(1);
    while (!snap_newest(n->snaps, UINT64_MAX, out)) {
        CHECK(sim_turn(&t.loop));
    }
    n->told_role = RAFT_LEADER;
    snapshot_send_begin(n, &m);
}

static void end_on_disk(void)
{
    snapshot_send_close(&t.n);
    snap_close(t.n.snaps);
    os_dir_close(t.n.snap_dir);
    mem_free(&t.n.mem, t.n.snap_room);
    end();
}

static void file_cut(void *arg, const char *name)
{
    struct os_file *f = NULL;
    (void)arg;
    CHECK(os_file_open(t.n.snap_dir, name, OS_OPEN_READ | OS_OPEN_WRITE, &f) == ERR_OK);
    CHECK(os_file_truncate(f, 40) == ERR_OK);
    os_file_close(f);
}

static void file_name(void *arg, const char *name)
{
    snprintf(arg, 100, "%s", name);
}

/* It is forgotten, and the core hears that it chose in vain; not at once again, for what fails for
 * good would be made without end. */
static void given_up(const char *line, const char *why)
{
    struct raft_msg m = { .type = RAFT_MSG_SNAPSHOT, .from = 1, .to = 2, .term = 3, .index = 1 };
    struct snap_id id;
    struct node *n = &t.n;
    CHECK(n->snap_out[0].phase == SNAP_OUT_FAILED && !snap_newest(n->snaps, UINT64_MAX, &id));
    CHECK(strstr(line, "a snapshot cannot be read") != NULL && strstr(line, why) != NULL);
    snapshot_send_tell(n);
    snapshot_send_begin(n, &m);
    CHECK(n->snap_out[0].phase == SNAP_OUT_FREE && n->snap_refused_count == 1);
}

/* The peer would ask for its rest every second, and so never be silent. */
static void file_cut_short(void)
{
    struct snap_id id;
    char line[4096];
    begin_on_disk(&id);
    snapshot_send_start(&t.n);
    want(2, &id, SNAP_GO_ON);
    CHECK(t.n.snap_out[0].phase == SNAP_OUT_SENDING && t.frames == 2);
    CHECK(os_dir_list(t.n.snap_dir, file_cut, NULL) == ERR_OK);
    t.logger.level = LOGGER_WARN;
    keep_lines(line);
    want(2, &id, SNAP_GO_ON);
    given_up(line, "error=CORRUPT");
    CHECK_U64(t.frames, 2);
    end_on_disk();
    EXPECT_MARK("node: a snapshot on its way cannot be read");
}

/* It is offered no more: the peer would be told of it again and again. */
static void file_gone(void)
{
    struct snap_id id;
    char line[4096];
    char name[100];
    begin_on_disk(&id);
    CHECK(os_dir_list(t.n.snap_dir, file_name, name) == ERR_OK);
    CHECK(os_dir_unlink(t.n.snap_dir, name) == ERR_OK);
    t.logger.level = LOGGER_WARN;
    keep_lines(line);
    snapshot_send_start(&t.n);
    given_up(line, "error=NOT_FOUND");
    CHECK_U64(t.frames, 0);
    end_on_disk();
}

/* A file that does not count has a line that names it: somebody has put it there. */
static void file_dismissed(void)
{
    static const char name[] = "8000000000000001-0000000000000063-0000000000000007.snap";
    char line[4096];
    struct os_dir *dir = NULL;
    struct os_file *f = NULL;
    struct diag d = { 0 };
    begin(1);
    CHECK(node_dir_open(&t.n, "", "snap", &dir, &d) == ERR_OK);
    CHECK(os_file_open(dir, name, OS_OPEN_WRITE | OS_OPEN_CREATE, &f) == ERR_OK);
    CHECK(os_file_write(f, 0, "ASNP", 4) == ERR_OK);
    os_file_close(f);
    t.config.storage_backend = CONFIG_STORAGE_DURABLE;
    t.logger.level = LOGGER_WARN;
    keep_lines(line);
    CHECK(snapshot_make_open(&t.n, 1, &d) == ERR_OK);
    CHECK(strstr(line, "a file that is no snapshot is removed") != NULL);
    CHECK(strstr(line, name) != NULL);
    CHECK_U64(snapshot_send_held(&t.n), 0);
    CHECK(os_file_open(dir, name, OS_OPEN_READ, &f) == ERR_NO_FILE);
    os_dir_close(dir);
    end_on_disk();
}

/* Whether one was on its way is not known after a restart. The newest is held for the same while as
 * if it had been, so that a large one goes on where it was. */
static void held_after_a_restart(void)
{
    struct node *n = &t.n;
    struct diag d = { 0 };
    begin(1);
    t.config.storage_backend = CONFIG_STORAGE_DURABLE;
    CHECK(snapshot_make_open(n, UINT64_MAX, &d) == ERR_OK);
    CHECK_U64(snapshot_send_held(n), 0); /* there was none */
    for (uint64_t index = 1; index <= 2; index++) {
        struct snap_id id = { 0 };
        make_file(index);
        while (!snap_newest(n->snaps, UINT64_MAX, &id) || id.index < index) {
            CHECK(sim_turn(&t.loop));
        }
    }
    CHECK_U64(snapshot_send_held(n), 0); /* nobody was sent it */
    snap_close(n->snaps);
    os_dir_close(n->snap_dir);
    mem_free(&n->mem, n->snap_room);
    CHECK(snapshot_make_open(n, UINT64_MAX, &d) == ERR_OK);
    CHECK_U64(snapshot_send_held(n), 2);
    t.loop.now_ns += 60 * NS_PER_S;
    CHECK_U64(snapshot_send_held(n), 0);
    snap_close(n->snaps);
    os_dir_close(n->snap_dir);
    mem_free(&n->mem, n->snap_room);
    end();
}

static enum err no_descriptor(struct os_dir *d, const char *name, uint32_t flags,
                              struct os_file **out)
{
    (void)d;
    (void)name;
    (void)flags;
    (void)out;
    return ERR_IO; /* as of too many open files */
}

/* A file that cannot be opened now may be the only one: it is good, and stays. */
static void not_to_be_opened(void)
{
    struct snap_id id;
    begin_on_disk(&id);
    const struct os_table *real = t.n.os->table;
    struct os_table table = *real;
    table.file_open = no_descriptor;
    t.n.os->table = &table;
    snapshot_send_start(&t.n);
    t.n.os->table = real;
    CHECK(snap_newest(t.n.snaps, UINT64_MAX, &id));
    end_on_disk();
}

int main(void)
{
    TAP_TEST("send: however a snapshot on its way ends, its place is free", snapshots_end);
    TAP_TEST("send: who writes the rows of a snapshot is not silent", rows_are_written);
    TAP_TEST("send: a silent peer keeps nobody from a snapshot", snapshots_yield);
    TAP_TEST("send: a peer that refuses snapshots is left alone, longer and longer",
             snapshot_pauses);
    TAP_TEST("send: a snapshot that the log has left behind is no end", snapshot_left_behind);
    TAP_TEST("send: a file that the log has left behind is not offered", old_file_is_not_offered);
    TAP_TEST("send: a file that was not made of this log is not offered", files_of_another_log);
    TAP_TEST("send: two snapshots that were broken off are held both", both_are_held);
    TAP_TEST("send: an offer is repeated until it is answered", offers_are_repeated);
    TAP_TEST("send: a peer that takes its time is served to the end", slow_peers_are_served);
    TAP_TEST("send: who does not lead any more sends no snapshots", deposed);
    TAP_TEST("send: a snapshot whose file is cut short is given up", file_cut_short);
    TAP_TEST("send: a snapshot whose file is gone is not offered", file_gone);
    TAP_TEST("send: a file that is no snapshot is removed, and named", file_dismissed);
    TAP_TEST("send: the newest snapshot is held after a restart", held_after_a_restart);
    TAP_TEST("send: a file that cannot be opened now stays", not_to_be_opened);
    return tap_done();
}
