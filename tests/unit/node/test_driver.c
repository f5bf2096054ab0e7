/* tests/unit/node/test_driver.c -- Subject: the actors' side of consensus: what becomes of
 * operations that cannot be done here and now. Method: the parts of one node on a played machine,
 * a link that records frames, and a core put into the state that matters. */
#include "driver.h"

static struct op *take(bool remote)
{
    struct op *op = NULL;
    uint64_t now = os_now(t.n.os);
    CHECK(op_take(t.n.ops, OP_WRITE, bytes_text("x"), now, now + 1000000000, &op) == ERR_OK);
    op->remote = remote;
    op->remote_key = key_2;
    op->remote_epoch = 7;
    op->remote_ticket = 55;
    op->call = remote ? NULL : &t.call;
    list_push_back(&t.n.writes, &op->wait);
    return op;
}

/* Who forwarded it has connected again since: in that life its number may mean another write. */
static void former_life(void)
{
    begin(1);
    take(true);
    book_by_key(&t.n.book, &key_2)->epoch++;
    raft_actor_turn(&t.n);
    CHECK_U64(op_count(t.n.ops), 0);
    CHECK_U64(t.answer.ticket, 0);
    end();
}

/* A peer's write arrives as the office is lost: it is not kept until its deadline. */
static void lost_office(void)
{
    for (int known = 0; known <= 1; known++) {
        begin(1);
        if (known) {
            follow_2();
        }
        take(true);
        raft_actor_turn(&t.n);
        CHECK_U64(op_count(t.n.ops), 0);
        CHECK(t.answer.ticket == 55 && t.answer.code == ERR_NOT_LEADER);
        end();
    }
    EXPECT_MARK("node: a peer's write goes back");
}

/* The way to the leader is full: later, not never. */
static void way_full(void)
{
    begin(1);
    follow_2();
    t.link_err = ERR_QUEUE_FULL;
    take(false);
    raft_actor_turn(&t.n);
    CHECK(t.called == 1 && t.code == ERR_BUSY);
    t.link_err = ERR_PEER_GONE; /* its return is told, the write waits for it */
    take(false);
    raft_actor_turn(&t.n);
    CHECK(t.called == 1 && !list_empty(&t.n.waiting));
    t.link_err = ERR_OK;
    raft_actor_redispatch(&t.n);
    raft_actor_turn(&t.n);
    CHECK(t.called == 1 && t.frames == 1 && list_empty(&t.n.waiting));
    op_fail_forwarded(t.n.ops, &key_2);
    CHECK(t.called == 2 && t.code == ERR_OUTCOME_UNKNOWN); /* it may have been done */
    end();
    EXPECT_MARK("node: no room to forward a write");
    EXPECT_MARK("node: the leader goes as a write is handed to it");
    EXPECT_MARK("node: the peer that has a write is lost");
}

/* A leader whose disk is full refuses what is forwarded as it refuses its own clients. */
static void forwarded_to_a_full_disk(void)
{
    uint8_t frame[64];
    struct writer w = writer_of(frame, sizeof frame);
    uint8_t put[64];
    struct writer cw = writer_of(put, sizeof put);
    struct command_op op = { COMMAND_PUT, bytes_text("k"), bytes_text("v"), 0 };
    struct command command = { 0, 0, 1, &op };
    command_encode(&command, &cw);
    struct call_request c = {
        .kind = FRAME_WRITE, .ticket = 9, .timeout_ms = 1000, .command = writer_bytes(&cw)
    };
    begin(1);
    t.n.told_role = RAFT_LEADER;
    t.n.disk_full = true;
    call_request_encode(&c, &w);
    writer_put(&w, c.command);
    forward_in(&t.n, &key_2, 7, writer_bytes(&w));
    CHECK_U64(op_count(t.n.ops), 0);
    CHECK(t.answer.ticket == 9 && t.answer.code == ERR_DISK_FULL);
    end();
}

static uint64_t failed(void)
{
    return t.n.metrics.counter[METRICS_WRITES_FAILED];
}

/* However a client's write ends, it is counted once; a peer's is counted by the peer. */
static void counted(void)
{
    struct service_pair pair = { bytes_text("k"), bytes_text("v") };
    uint8_t frame[64];
    struct writer w = writer_of(frame, sizeof frame);
    begin(1);
    t.n.service.table = &backend_raft_table;
    follow_2();
    t.n.disk_full = true;
    CHECK(backend_raft_table.write(&t.n.service, &pair, 1, &t.call) == ERR_DISK_FULL);
    CHECK_U64(failed(), 1); /* at the door */
    CHECK(backend_raft_table.read(&t.n.service, bytes_of(NULL, 0), 0, &t.call) == ERR_KEY_EMPTY);
    CHECK_U64(t.n.metrics.counter[METRICS_READS_FAILED], 1);
    struct op *op = take(false);
    raft_actor_turn(&t.n);
    struct call_answer a = { .ticket = op->ticket, .code = ERR_DISK_FULL };
    call_answer_encode(&a, &w);
    forward_answer_in(&t.n, &key_2, writer_bytes(&w));
    CHECK_U64(failed(), 2); /* by the leader */
    op = take(false);
    raft_actor_turn(&t.n);
    w = writer_of(frame, sizeof frame);
    a = (struct call_answer){ .ticket = op->ticket, .code = ERR_OK, .revision = 2 };
    call_answer_encode(&a, &w);
    forward_answer_in(&t.n, &key_2, writer_bytes(&w));
    CHECK(failed() == 2 && t.n.metrics.counter[METRICS_WRITES] == 1);
    take(false);
    op_expire(t.n.ops, UINT64_MAX);
    CHECK_U64(failed(), 3); /* by its deadline */
    take(false);
    raft_actor_turn(&t.n);
    op_fail_forwarded(t.n.ops, &key_2);
    CHECK_U64(failed(), 4); /* with an open outcome */
    take(false);
    node_stop(&t.n);
    CHECK_U64(failed(), 5); /* by the end of the node */
    CHECK(backend_raft_table.write(&t.n.service, &pair, 1, &t.call) != ERR_OK && failed() == 6);
    take(true);
    raft_actor_turn(&t.n);
    CHECK(t.answer.ticket == 55 && failed() == 6 && t.called == 5);
    end();
    EXPECT_MARK("node: a waiting operation expires");
}

/* Entries of one term each. */
static void many_terms_more(uint64_t first, uint64_t count)
{
    for (uint64_t i = first; i < first + count; i++) {
        struct log_entry e = { i, i, RAFT_ENTRY_COMMAND, bytes_text("x") };
        struct log_write w = { .ticket = ++t.log_ticket, .entries = &e, .count = 1 };
        CHECK(log_append(t.n.log, &w) == ERR_OK);
    }
}

/* Elections end when the log is full of terms: said in time, once, and again if it comes back. */
static void many_terms(void)
{
    static char lines[4096];
    struct service_status st;
    const uint64_t warn = RAFT_TERM_RUNS_MAX / 8 * 7;
    begin(0);
    t.logger.level = LOGGER_WARN;
    keep_lines(lines);
    many_terms_more(1, warn - 1);
    housekeeping_second(&t.n, os_now(t.n.os));
    CHECK(lines[0] == '\0');
    many_terms_more(warn, 1);
    housekeeping_second(&t.n, os_now(t.n.os));
    CHECK(strstr(lines, "terms=3584") != NULL);
    lines[0] = '\0';
    housekeeping_second(&t.n, os_now(t.n.os));
    CHECK(lines[0] == '\0');
    node_status(&t.n.service, &st);
    CHECK_U64(st.log_terms, warn);
    struct log_write cut = { .ticket = ++t.log_ticket, .truncate = true, .truncate_to = warn / 2 };
    CHECK(log_append(t.n.log, &cut) == ERR_OK);
    housekeeping_second(&t.n, os_now(t.n.os));
    CHECK(lines[0] == '\0');
    many_terms_more(warn / 2 + 1, warn / 2);
    housekeeping_second(&t.n, os_now(t.n.os));
    CHECK(strstr(lines, "terms=3584") != NULL);
    end();
}

/* A start finds what has shared a segment with newer entries, more terms than the core takes: what
 * is applied goes again. */
static void terms_of_old_segments(void)
{
    const uint64_t last = RAFT_TERM_RUNS_MAX + 100;
    const struct log_run *runs = NULL;
    struct log_recovered rec = { .first = 1, .last = last };
    begin(0);
    many_terms_more(1, last);
    sim_loop_run(&t.loop, os_now(t.n.os));
    CHECK(node_terms_forget(&t.n, &rec) == ERR_OK); /* nothing is applied: all are needed */
    CHECK(rec.first == 1 && log_runs(t.n.log, &runs) == last);
    t.n.kv.applied = 50;
    CHECK(node_terms_forget(&t.n, &rec) == ERR_OK);
    CHECK(rec.first == 51 && rec.before_term == 50 && log_first(t.n.log) == 51);
    t.n.kv.applied = last;
    CHECK(node_terms_forget(&t.n, &rec) == ERR_OK);
    CHECK_U64(log_runs(t.n.log, &runs), RAFT_TERM_RUNS_MAX / 2);
    CHECK(rec.first == runs[0].first && rec.before_term == rec.first - 1);
    CHECK(node_terms_forget(&t.n, &rec) == ERR_OK && rec.first == log_first(t.n.log));
    end();
    EXPECT_MARK("node: a start leaves old terms behind");
}

static struct os_space spaces[3];

static enum err space_of(struct os_dir *d, struct os_space *out)
{
    *out = spaces[d == t.n.dir ? 0 : d == t.n.log_dir ? 1 : 2];
    return ERR_OK;
}

/* Log and state machine on disks of their own: each of the three may be the full one. */
static void fullest_disk(void)
{
    static char lines[4096];
    struct os_dir dirs[3];
    struct os_table table;
    begin(1);
    keep_lines(lines);
    table = *t.n.os->table;
    table.dir_space = space_of;
    t.n.os->table = &table;
    for (int full = 0; full < 3; full++) {
        for (int i = 0; i < 3; i++) {
            spaces[i] = (struct os_space){ 1000000, i == full ? 10000 : 900000 };
            dirs[i].os = t.n.os;
        }
        t.n.dir = &dirs[0];
        t.n.log_dir = &dirs[1];
        t.n.state.dir = &dirs[2];
        housekeeping_second(&t.n, os_now(t.n.os));
        CHECK(t.n.disk_full && t.n.space.free_bytes == 10000);
        spaces[full].free_bytes = 900000;
        housekeeping_second(&t.n, os_now(t.n.os));
        CHECK(!t.n.disk_full);
    }
    t.n.dir = t.n.log_dir = t.n.state.dir = NULL;
    end();
}

static struct os_timer others[SIM_TIMERS_MAX];

static void others_due(void *arg, uint64_t now_ns)
{
    (void)arg;
    (void)now_ns;
}

static void take_timers(void *arg, struct bytes line)
{
    (void)arg;
    (void)line;
    enum err e = ERR_OK;
    for (uint32_t i = 0; i < SIM_TIMERS_MAX && e == ERR_OK; i++) {
        if (others[i].item.slot == 0) {
            os_timer_init(&others[i], others_due, NULL);
            e = os_timer_set(t.n.os, &others[i], os_now(t.n.os) + 3600 * NS_PER_S);
        }
    }
}

/* All timers are taken, the last one in the middle of the watch: it comes again all the same. */
static void watch_goes_on(void)
{
    struct os_dir dir;
    struct os_table table;
    begin(1);
    t.logger.sink = (struct logger_sink){ take_timers, no_time, no_time, NULL };
    table = *t.n.os->table;
    table.dir_space = space_of;
    t.n.os->table = &table;
    dir.os = t.n.os;
    t.n.dir = &dir;
    spaces[0] = (struct os_space){ 1000000, 900000 };
    housekeeping_second(&t.n, os_now(t.n.os));
    take_timers(NULL, bytes_of(NULL, 0));
    spaces[0].free_bytes = 0;
    sim_loop_run(&t.loop, os_now(t.n.os) + 3 * NS_PER_S / 2);
    CHECK(t.n.disk_full); /* and a line has taken the place of the timer */
    spaces[0].free_bytes = 900000;
    sim_loop_run(&t.loop, os_now(t.n.os) + NS_PER_S);
    CHECK(!t.n.disk_full);
    for (uint32_t i = 0; i < SIM_TIMERS_MAX; i++) {
        os_timer_cancel(t.n.os, &others[i]);
    }
    t.n.dir = NULL;
    end();
}

/* A result is kept until the core was told: nothing is applied over it, however late that is. */
static void results_kept(void)
{
    const uint64_t last = 2 * NODE_RESULTS + 10;
    struct node *n = &t.n;
    begin(0);
    n->results = mem_take(&n->mem, NODE_RESULTS * sizeof *n->results);
    n->bounds.apply_entries = NODE_APPLY_MAX;
    n->bounds.overlay_bytes = OVERLAY_BYTES_DEFAULT;
    CHECK(kv_open(&n->kv, &n->state.tables) == ERR_OK);
    for (uint64_t i = 1; i <= last; i++) {
        struct log_entry e = { i, 1, RAFT_ENTRY_NOOP, bytes_of(NULL, 0) };
        struct log_write w = { .ticket = ++t.log_ticket, .entries = &e, .count = 1 };
        CHECK(log_append(n->log, &w) == ERR_OK);
    }
    n->apply_target = last;
    for (uint64_t told = 0; told < last; told = n->kv.applied) {
        n->applied_told = told;
        for (uint32_t i = 0; i < 2 * NODE_RESULTS / NODE_APPLY_MAX; i++) {
            kv_actor_turn(n);
        }
        uint64_t all = last - told < NODE_RESULTS ? last - told : NODE_RESULTS;
        CHECK_U64(n->kv.applied, told + all);
        CHECK(all > 0);
    }
    mem_free(&n->mem, n->results);
    end();
}

/* The core has forgotten how large old entries are: an append carries fewer than it asked for, and
 * says so. */
static void append_cut(void)
{
    static uint8_t value[400 * 1024];
    struct raft_effect e = {
        .type = RAFT_DO_SEND,
        .msg = { .type = RAFT_MSG_APPEND, .from = 1, .to = 2, .term = 1, .first = 1, .last = 4 }
    };
    begin(0);
    for (uint64_t i = 1; i <= 4; i++) {
        struct log_entry entry = { i, 1, RAFT_ENTRY_COMMAND, bytes_of(value, sizeof value) };
        struct log_write w = { .ticket = i, .entries = &entry, .count = 1 };
        CHECK(log_append(t.n.log, &w) == ERR_OK);
    }
    raft_send_gate(&t.n, &e);
    CHECK_U64(t.frames, 1);
    CHECK_U64(t.said.count, RAFT_APPEND_BYTES_MAX / sizeof value);
    CHECK_U64(t.said.last, RAFT_APPEND_BYTES_MAX / sizeof value);
    end();
    EXPECT_MARK("node: an append carries fewer entries than asked for");
}

/* A large append is long on its way: nothing that keeps a leader in office waits behind it. */
static void nothing_behind_the_log(void)
{
    struct raft_effect e = { .type = RAFT_DO_SEND,
                             .msg = { .type = RAFT_MSG_APPEND, .from = 1, .to = 2, .term = 3 } };
    static const enum raft_msg_type types[] = { RAFT_MSG_HEARTBEAT, RAFT_MSG_HEARTBEAT_REPLY,
                                                RAFT_MSG_VOTE, RAFT_MSG_READ };
    begin(1);
    e.msg.first = 2; /* without entries */
    e.msg.last = 1;
    raft_send_gate(&t.n, &e);
    CHECK(t.frames == 1 && t.class == LINK_LOG);
    for (uint32_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        e.msg = (struct raft_msg){ .type = types[i], .from = 1, .to = 2, .term = 3 };
        raft_send_gate(&t.n, &e);
        CHECK(t.frames == i + 2 && t.class == LINK_CONTROL);
    }
    end();
}

/* An answer counts from the peer that was asked, and from nobody else. */
static void answer_of_another(void)
{
    static const struct node_key key_3 = { { 3 } };
    uint8_t frame[64];
    struct writer w = writer_of(frame, sizeof frame);
    begin(1);
    follow_2();
    struct op *op = take(false);
    raft_actor_turn(&t.n);
    struct call_answer a = { .ticket = op->ticket, .code = ERR_OK, .revision = 2 };
    call_answer_encode(&a, &w);
    forward_answer_in(&t.n, &key_3, writer_bytes(&w));
    CHECK(t.called == 0 && op_count(t.n.ops) == 1);
    forward_answer_in(&t.n, &key_2, writer_bytes(&w));
    CHECK(t.called == 1 && t.code == ERR_OK && op_count(t.n.ops) == 0);
    forward_answer_in(&t.n, &key_2, writer_bytes(&w));
    CHECK_U64(t.called, 1);
    end();
}

/* Nobody will answer what the leader was asked once it is gone, or once another node leads and it
 * had time for a last word: its asker hears that the outcome is open, not at its deadline. Who did
 * not lead ends nothing. */
static void leader_lost(void)
{
    static const struct node_key key_3 = { { 3 } };
    struct raft_msg m = { .type = RAFT_MSG_HEARTBEAT, .from = 3, .to = 1, .term = 4, .epoch = 1 };
    struct node *n = &t.n;
    for (int deposed = 0; deposed <= 1; deposed++) {
        begin(1);
        follow_2();
        take(false);
        raft_actor_turn(n);
        mesh_handler.peer_down(n, &key_2, 6); /* of a connection before this one */
        mesh_handler.peer_down(n, &key_3, 7);
        CHECK(t.called == 0 && op_count(n->ops) == 1);
        if (deposed) {
            raft_actor_message(n, &m);
            op_expire(n->ops, os_now(n->os) + OP_LAST_WORD_NS - 1);
            CHECK(t.called == 0 && op_count(n->ops) == 1);
            op_expire(n->ops, os_now(n->os) + OP_LAST_WORD_NS);
        } else {
            mesh_handler.peer_down(n, &key_2, 7);
        }
        CHECK(t.called == 1 && t.code == ERR_OUTCOME_UNKNOWN && op_count(n->ops) == 0);
        end();
    }
}

/* The core has not answered for as many operations as there are numbers, though their clients are
 * told since: the next one is refused, and nothing turns in vain. */
static void numbers_used_up(void)
{
    struct node *n = &t.n;
    begin(0);
    n->bounds.batch_operations = 1;
    for (uint64_t ticket = 1; ticket <= CALLS_MAX; ticket++) {
        CHECK(map_put(&n->by_ticket, n->next_ticket + ticket, ticket) == ERR_OK);
    }
    struct op *op = take(false);
    raft_actor_turn(n);
    CHECK(t.called == 1 && t.code == ERR_BUSY && op->state == OP_FREE);
    CHECK(list_empty(&n->writes) && !n->raft_actor.poked);
    end();
    EXPECT_MARK("node: too many operations wait for the core");
}

/* The core answers for an operation after its deadline: its number is free again all the same, or
 * the last one would be gone some day. */
static void number_after_the_deadline(void)
{
    struct raft_msg m = { .type = RAFT_MSG_HEARTBEAT, .from = 2, .to = 1, .term = 9, .epoch = 1 };
    struct node *n = &t.n;
    begin(1);
    lead_1();
    struct op *read = take(false);
    read->kind = OP_READ;
    list_remove(&read->wait);
    list_push_back(&n->reads, &read->wait);
    raft_actor_turn(n);
    CHECK_U64(n->by_ticket.count, 1);
    op_expire(n->ops, UINT64_MAX);
    CHECK(t.called == 1 && n->by_ticket.count == 1);
    raft_actor_message(n, &m); /* its office is over, the core answers */
    CHECK_U64(n->by_ticket.count, 0);
    CHECK_U64(t.called, 1);
    end();
}

/* Messages wait for a disk that hangs, as many as there is room for; what has none is as good as
 * lost on the way. */
static void gate_full(void)
{
    const struct raft_effect e = {
        .type = RAFT_DO_SEND,
        .after = 1,
        .msg = { .type = RAFT_MSG_VOTE_REPLY, .from = 1, .to = 2, .term = 3 }
    };
    struct node *n = &t.n;
    begin(1);
    ring_init(&n->gated_ring, NODE_GATED_MAX);
    n->gated = mem_take(&n->mem, NODE_GATED_MAX * sizeof *n->gated);
    for (uint32_t i = 0; i <= NODE_GATED_MAX; i++) {
        raft_send_gate(n, &e);
    }
    CHECK_U64(t.frames, 0);
    CHECK_U64(n->metrics.counter[METRICS_NETWORK_ERRORS], 1);
    n->durable_ticket = 1;
    raft_send_release(n);
    CHECK_U64(t.frames, NODE_GATED_MAX);
    mem_free(&n->mem, n->gated);
    end();
    EXPECT_MARK("node: no room for a message that waits");
}

/* A change that nobody does in time says why. */
static void change_expires(void)
{
    struct log_entry first = { 1, 1, RAFT_ENTRY_NOOP, bytes_of(NULL, 0) };
    struct log_write w = { .ticket = 1, .entries = &first, .count = 1 };
    begin(1);
    CHECK(log_append(t.n.log, &w) == ERR_OK);
    CHECK(control_remove(&t.n.service, 3, &t.call) == ERR_OK);
    raft_actor_turn(&t.n);
    housekeeping_expire(&t.n, t.call.deadline_ns - 1);
    CHECK_U64(t.called, 0);
    housekeeping_expire(&t.n, t.call.deadline_ns);
    CHECK(t.called == 1 && t.code == ERR_NO_LEADER && op_count(t.n.ops) == 0);
    CHECK(strstr(t.detail, "no leader is known: ") != NULL);
    end();
}

/* A node that was removed, or was never added, says so: its clients would wait for it in vain. */
static void asked_of_a_stranger(void)
{
    const struct raft_conf members = core_conf;
    core_conf = (struct raft_conf){ .voter_count = 2, .voter = { 2, 3 } };
    begin(1);
    core_conf = members;
    struct op *read = take(false);
    read->kind = OP_READ;
    list_remove(&read->wait);
    list_push_back(&t.n.reads, &read->wait);
    for (uint32_t i = 1; i <= 2; i++) {
        raft_actor_turn(&t.n);
        CHECK(t.called == i && t.code == ERR_NO_LEADER);
        CHECK(strcmp(t.detail, "no leader is known: this node is no member of the cluster, "
                               "ask one that is") == 0);
        t.detail[0] = '\0';
        take(false);
    }
    end();
}

/* Three entries are applied and on disk. */
static void checkpoint(void)
{
    struct raft_msg m = { .type = RAFT_MSG_HEARTBEAT, .from = 2, .to = 1, .term = 3, .epoch = 1 };
    struct node *n = &t.n;
    begin(3);
    many_terms_more(1, 3);
    sim_loop_run(&t.loop, os_now(n->os));
    m.index = m.commit = 3;
    m.log_term = 1;
    core_step((struct raft_event){ .type = RAFT_EV_MSG, .msg = &m });
    for (uint64_t i = 1; i <= 3; i++) {
        core_step((struct raft_event){ .type = RAFT_EV_APPLIED, .index = i });
    }
    n->kv.applied = n->apply_target = n->applied_told = 3;
    n->state.flushed.applied = 3;
    n->state.flushed.conf =
        (struct raft_conf){ .index = 3, .voter_count = 3, .voter = { 1, 2, 3 } };
}

/* The first entry of the log after the core was told of it. */
static uint64_t first_kept(void)
{
    t.n.state.checkpoint_news = true;
    raft_actor_turn(&t.n);
    return log_first(t.n.log);
}

/* Peers that lag a little are sent entries, not the state: some stay, but no more bytes than half
 * of those after which the log is to be shortened. */
static void kept_for_peers(void)
{
    checkpoint();
    t.n.bounds.keep_entries = 2;
    CHECK_U64(first_kept(), 2);
    end();
    entry_bytes = NODE_SNAP_BYTES / 2;
    checkpoint();
    t.n.bounds.keep_entries = 2;
    CHECK_U64(first_kept(), 3);
    end();
    entry_bytes = 10;
    checkpoint();
    CHECK_U64(first_kept(), 4);
    end();
}

/* The log waits for no peer when its disk fills up, nor, where that is memory, when this is short:
 * writes would be refused until that peer has its snapshot. */
static void space_is_short(void)
{
    struct mem *m = &t.n.store_mem;
    for (int disk = 0; disk <= 1; disk++) {
        checkpoint();
        snapshot_send_hold(&t.n, &(struct snap_id){ .index = 2, .term = 1 });
        uint64_t more = disk ? 0 : m->limit / 2;
        CHECK_U64(first_kept(), 3);
        t.n.disk_warned = disk;
        m->used += more;
        CHECK_U64(first_kept(), 4);
        m->used -= more;
        end();
    }
}

static void has_entries(uint64_t from, uint64_t last)
{
    struct raft_msg m = { .type = RAFT_MSG_APPEND_REPLY, .from = from, .to = 1, .epoch = 1 };
    m.term = 4;
    m.index = last;
    core_step((struct raft_event){ .type = RAFT_EV_MSG, .msg = &m });
}

/* A vote is what this node gave, whoever leads; a peer's term is that of the last entry it has. */
static void status_of_votes_and_peers(void)
{
    struct service_status st;
    begin(3);
    follow_2();
    node_status(&t.n.service, &st);
    CHECK(st.leader == 2 && st.vote == 0); /* it gave none */
    t.loop.now_ns += 10 * NS_PER_S;
    lead_1();
    node_status(&t.n.service, &st);
    CHECK(st.role == SERVICE_LEADER && st.vote == 1 && st.term == 4 && st.last_index == 4);
    has_entries(2, 3);
    node_status(&t.n.service, &st);
    CHECK(st.peer_count == 2 && st.peer[0].id == 2 && st.peer[1].id == 3);
    CHECK(st.peer[0].match_index == 3 && st.peer[0].match_term == 1);
    CHECK(st.peer[1].match_index == 0 && st.peer[1].match_term == 0);
    has_entries(2, 4);
    node_status(&t.n.service, &st);
    CHECK(st.peer[0].match_index == 4 && st.peer[0].match_term == 4);
    end();
}

/* The other voters go on without this disk: what waits for it is bounded, and works off. */
static void disk_hangs(void)
{
    static const uint8_t value[MIB];
    struct log_options o = { .mem = &t.n.store_mem };
    struct log_handler h = { .durable = durable };
    struct log_recovered rec;
    struct diag d = { 0 };
    struct os_dir *dir = NULL;
    begin(0);
    t.mem.limit = t.n.store_mem.limit = 256u << 20;
    log_close(t.n.log);
    CHECK(os_dir_open(t.n.os, "wal", true, &dir) == ERR_OK);
    CHECK(log_open(t.n.os, dir, &o, &h, &rec, &t.n.log, &d) == ERR_OK);
    sim_loop_stick(&t.loop, os_now(t.n.os), UINT64_MAX / 2);
    uint64_t taken = 0;
    while (state_room(&t.n) == ERR_OK) {
        struct log_entry e = { taken + 1, 1, RAFT_ENTRY_COMMAND, bytes_of(value, sizeof value) };
        struct log_write w = { .ticket = ++taken, .entries = &e, .count = 1 };
        CHECK(taken <= LOG_UNSYNCED_BYTES_MAX / MIB + 1);
        CHECK(log_append(t.n.log, &w) == ERR_OK);
    }
    CHECK(state_room(&t.n) == ERR_BUSY && taken >= LOG_UNSYNCED_BYTES_MAX / MIB);
    sim_loop_unstick(&t.loop);
    while (log_unsynced_bytes(t.n.log) > 0) {
        CHECK(sim_turn(&t.loop));
    }
    CHECK(state_room(&t.n) == ERR_OK);
    end();
    os_dir_close(dir);
}

/* A disk of the state machine that is slow: what is applied meanwhile is bounded, and clients hear
 * that the node is busy. */
static void flush_hangs(void)
{
    static const uint8_t value[1000];
    struct node *n = &t.n;
    begin(0);
    n->results = mem_take(&n->mem, NODE_RESULTS * sizeof *n->results);
    n->bounds.apply_entries = NODE_APPLY_MAX;
    n->bounds.overlay_bytes = sizeof value;
    CHECK(kv_open(&n->kv, &n->state.tables) == ERR_OK);
    many_terms_more(1, 1);
    n->apply_target = 1;
    n->state.flush.tables = &n->state.tables;
    n->state.tables.flushing = true;
    CHECK(state_room(n) == ERR_OK);
    CHECK(table_put(&n->state.tables, TABLE_KEY, bytes_text("a"), bytes_of(value, 1000)) == ERR_OK);
    CHECK(state_room(n) == ERR_OK);
    CHECK(table_put(&n->state.tables, TABLE_KEY, bytes_text("b"), bytes_of(value, 1000)) == ERR_OK);
    CHECK(state_room(n) == ERR_BUSY);
    kv_actor_turn(n);
    CHECK_U64(n->kv.applied, 0);
    n->state.tables.flushing = false;
    CHECK(state_room(n) == ERR_OK);
    kv_actor_turn(n);
    CHECK_U64(n->kv.applied, 1);
    mem_free(&n->mem, n->results);
    end();
}

/* The core refuses an init: another node's cluster has reached this one. */
static void init_refused(void)
{
    struct service_member member = { .id = 1,
                                     .addr = bytes_text("a"),
                                     .raft_addr = bytes_text("b") };
    begin(0);
    CHECK(init_begin(&t.n.service, &member, 1, &t.call) == ERR_OK);
    struct raft_msg m = { .type = RAFT_MSG_HEARTBEAT, .from = 2, .to = 1, .term = 5 };
    raft_actor_message(&t.n, &m);
    raft_actor_turn(&t.n);
    CHECK(t.called == 1 && t.code == ERR_ALREADY_INITIALIZED);
    end();
}

/* News that a newer connection has overtaken, an operation that its deadline overtook, a leader
 * whose connection is down. */
static void overtaken(void)
{
    struct actor_msg late = { .kind = RAFT_ACTOR_OP, .a = 999 };
    begin(1);
    mesh_handler.peer_down(&t.n, &key_2, 6);
    CHECK(book_by_key(&t.n.book, &key_2)->up);
    EXPECT_MARK("node: news of an older connection");
    raft_actor_receive(&t.n, &late);
    CHECK(list_empty(&t.n.writes));
    EXPECT_MARK("node: an operation expires in the mailbox");
    follow_2();
    book_by_key(&t.n.book, &key_2)->up = false;
    take(false);
    raft_actor_turn(&t.n);
    CHECK(t.called == 0 && t.frames == 0 && !list_empty(&t.n.waiting));
    EXPECT_MARK("node: the leader cannot be reached");
    end();
}

/* The core is told of a peer that goes when there is room; until then it finds out by itself. */
static void no_room_for_news(void)
{
    struct actor_msg late = { .kind = RAFT_ACTOR_OP, .a = 999 };
    begin(1);
    while (actor_send(&t.n.raft_actor, &late) == ERR_OK) {
    }
    CHECK_U64(t.n.metrics.counter[METRICS_QUEUE_FULL], 0);
    mesh_handler.peer_down(&t.n, &key_2, 7);
    CHECK(!book_by_key(&t.n.book, &key_2)->up);
    CHECK_U64(t.n.metrics.counter[METRICS_QUEUE_FULL], 1);
    end();
    EXPECT_MARK("node: no room for news of a peer");
}

/* Bytes of operations are bounded, and a number is one node's. */
static void bounds(void)
{
    static const uint8_t half[600 * 1024];
    struct op *op = NULL;
    struct book_entry *e = NULL;
    struct node_key other = { { 9 } };
    begin(1);
    CHECK(op_take(t.n.ops, OP_WRITE, bytes_of(half, sizeof half), 0, 1, &op) == ERR_OK);
    CHECK(op_take(t.n.ops, OP_WRITE, bytes_of(half, sizeof half), 0, 1, &op) == ERR_BUSY);
    EXPECT_MARK("node: too many operations");
    CHECK(book_learn(&t.n.book, 2, &other, 0, &e) == ERR_OK);
    CHECK(book_by_key(&t.n.book, &key_2)->id == 0 && book_by_id(&t.n.book, 2) == e);
    EXPECT_MARK("node: a number moves to another key");
    end();
}

int main(void)
{
    TAP_TEST("driver: a forwarded write is sent back when the office is lost", lost_office);
    TAP_TEST("driver: what a former life of a peer forwarded is answered to nobody", former_life);
    TAP_TEST("driver: a write whose way to the leader is full is busy, not forgotten", way_full);
    TAP_TEST("driver: a full disk refuses forwarded writes too", forwarded_to_a_full_disk);
    TAP_TEST("driver: each write that fails is counted once, where its client is", counted);
    TAP_TEST("driver: a log that holds many terms is warned of once", many_terms);
    TAP_TEST("driver: a start takes no more terms than the core", terms_of_old_segments);
    TAP_TEST("driver: the fullest of the disks counts", fullest_disk);
    TAP_TEST("driver: the watch of a second goes on when all timers are taken", watch_goes_on);
    TAP_TEST("driver: what was overtaken changes nothing", overtaken);
    TAP_TEST("driver: news of a peer that find no room are counted", no_room_for_news);
    TAP_TEST("driver: operations are bounded, and a number is one node's", bounds);
    TAP_TEST("driver: a result is kept until the core was told of it", results_kept);
    TAP_TEST("driver: an append that is cut says so", append_cut);
    TAP_TEST("driver: nothing waits behind the log but the log", nothing_behind_the_log);
    TAP_TEST("driver: an answer counts from the peer that was asked", answer_of_another);
    TAP_TEST("driver: what the leader has ends with it, or with its office", leader_lost);
    TAP_TEST("driver: as many messages wait for the disk as there is room for", gate_full);
    TAP_TEST("driver: a vote is the one that was given, a peer's term that of what it has",
             status_of_votes_and_peers);
    TAP_TEST("driver: what waits for a disk that hangs is bounded", disk_hangs);
    TAP_TEST("driver: what is applied while a flush hangs is bounded", flush_hangs);
    TAP_TEST("driver: an init that consensus refuses is answered", init_refused);
    TAP_TEST("driver: a change of the cluster that nobody does in time says why", change_expires);
    TAP_TEST("driver: who is no member tells its clients so", asked_of_a_stranger);
    TAP_TEST("driver: without a number for an operation it is refused", numbers_used_up);
    TAP_TEST("driver: a number comes back though its operation has expired",
             number_after_the_deadline);
    TAP_TEST("driver: the log is kept for peers that lag a little", kept_for_peers);
    TAP_TEST("driver: where disk or memory is short, the log waits for nobody", space_is_short);
    return tap_done();
}
