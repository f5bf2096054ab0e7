/* tests/unit/node/driver.h -- the parts of one node on a played machine, a link that records
 * frames, and a core that can be put into the state that matters.
 *
 * Shape:  begin, then the node t.n; end gives all of it back
 * Owns:   everything in t
 * Thread: one
 */
#ifndef NODE_DRIVER_H
#define NODE_DRIVER_H

#include "tap.h"

#include "node/impl.h"
#include "node/snapshot_codec.h"
#include "node/state_conf.h"
#include "raft/raft_codec.h"
#include "sim/loop.h"

#include <stdlib.h>

static struct {
    struct node n;
    struct mem mem;
    struct sim_disk disk;
    struct sim_loop loop;
    struct config config;
    struct logger logger;
    struct link link;
    enum err link_err;
    uint32_t frames;
    enum link_class class;     /* of the last one */
    struct node_key to;        /* likewise */
    uint32_t asks;             /* forwarded writes and changes */
    struct call_request asked; /* the last one, its bytes are in asked_bytes */
    uint8_t asked_bytes[256];
    struct call_answer answer; /* the last one sent */
    struct raft_msg said;      /* likewise, of Raft */
    struct snap_want want;     /* likewise, of who receives a snapshot */
    struct node_key dialled[4];
    uint32_t dials;
    struct node_key forgotten; /* by the link, the last one */
    uint32_t forgets;
    struct service_call call;
    uint32_t called;
    enum err code;               /* of the last call that ended */
    struct service_members told; /* by the answer, none: count 0 */
    char detail[CALL_DETAIL_BYTES_MAX + 1];
    uint64_t log_ticket; /* newest of the log */
} t;

static const struct node_key key_2 = { { 2 } };

/* As the peer reads it: a head and the entries behind it. */
static void heard(struct bytes head, struct bytes body)
{
    static struct raft_entry entries[RAFT_APPEND_ENTRIES_MAX];
    static uint8_t frame[4u << 20];
    struct writer w = writer_of(frame, sizeof frame);
    writer_put(&w, bytes_of(head.data + FRAME_RAFT_HEAD_BYTES, head.count - FRAME_RAFT_HEAD_BYTES));
    writer_put(&w, body);
    CHECK(!w.bad &&
          raft_msg_decode(writer_bytes(&w), &t.said, entries, RAFT_APPEND_ENTRIES_MAX) == ERR_OK);
}

/* As the leader reads it. */
static void forwarded(struct bytes head, struct bytes body)
{
    struct writer w = writer_of(t.asked_bytes, sizeof t.asked_bytes);
    writer_put(&w, head);
    writer_put(&w, body);
    CHECK(!w.bad && call_request_decode(writer_bytes(&w), &t.asked) == ERR_OK);
    t.asks++;
}

static enum err link_record(struct link *l, const struct node_key *peer, enum link_class class,
                            struct bytes head, struct bytes body)
{
    (void)l;
    t.to = *peer;
    t.class = class;
    t.frames += t.link_err == ERR_OK;
    if (t.link_err == ERR_OK && head.data[0] == FRAME_RAFT) {
        heard(head, body);
    }
    if (t.link_err == ERR_OK && (head.data[0] == FRAME_WRITE || head.data[0] == FRAME_CONTROL)) {
        forwarded(head, body);
    }
    if (t.link_err == ERR_OK && head.data[0] == FRAME_ANSWER) {
        CHECK(call_answer_decode(head, &t.answer) == ERR_OK);
    }
    if (t.link_err == ERR_OK && head.data[0] == FRAME_SNAP_WANT) {
        CHECK(snapshot_want_decode(head, &t.want) == ERR_OK);
    }
    return t.link_err;
}

static enum err link_dial(struct link *l, const struct node_key *peer, const struct os_addr *addrs,
                          uint32_t count)
{
    (void)l;
    CHECK(addrs != NULL && count > 0 && t.dials < sizeof t.dialled / sizeof t.dialled[0]);
    t.dialled[t.dials++] = *peer;
    return ERR_OK;
}

static void link_forget(struct link *l, const struct node_key *peer)
{
    (void)l;
    t.forgotten = *peer;
    t.forgets++;
}

static void called(struct service_call *call, const struct service_reply *reply)
{
    (void)call;
    t.called++;
    t.code = reply->code;
    t.told = reply->members != NULL ? *reply->members : (struct service_members){ 0 };
    snprintf(t.detail, sizeof t.detail, "%s", reply->detail != NULL ? reply->detail : "");
}

static void durable(void *arg, uint64_t ticket, uint64_t index, uint64_t term)
{
    (void)arg;
    (void)ticket;
    (void)index;
    (void)term;
}

static void actors(struct node *n)
{
    struct actor_spec raft = { "raft", raft_actor_receive, raft_actor_turn, n, 64, 64 };
    struct actor_spec kv = { "kv", kv_actor_receive, kv_actor_turn, n, 64, 64 };
    struct list *lists[] = { &n->writes,   &n->reads,   &n->waiting,   &n->inits,
                             &n->controls, &n->changes, &n->read_waits };
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
        list_init(lists[i]);
    }
    actor_sched_init(&n->sched, n->os, &n->mem);
    actor_spawn(&n->sched, &n->raft_actor, &raft);
    actor_spawn(&n->sched, &n->kv_actor, &kv);
}

/* Of each entry that the core begins with, as it is told. */
static uint32_t entry_bytes = 10;

/* Who votes in the core's first configuration. */
static struct raft_conf core_conf = { .voter_count = 3, .voter = { 1, 2, 3 } };

/* A core of node 1, one of three voters, that has seen term 3; with up to three entries. */
static void core(struct node *n, uint64_t last)
{
    static const struct raft_run run = { 1, 1 };
    const uint32_t sizes[] = { entry_bytes, entry_bytes, entry_bytes };
    struct raft_config c = { .id = 1, .seed = 1 };
    struct raft_boot b = { .now_ns = os_now(n->os), .term = 3, .last = last };
    c.election_ns_min = 1000000000;
    c.election_ns_max = 2000000000;
    c.heartbeat_ns = 100000000;
    b.runs = &run;
    b.sizes = sizes;
    b.run_count = last > 0;
    b.size_count = (uint32_t)last;
    b.effective = core_conf;
    b.effective.index = last;
    n->out = mem_take(&n->mem, sizeof *n->out);
    CHECK(raft_init(mem_take(&n->mem, raft_size()), &c, &b, &n->core) == ERR_OK);
}

static void begin(uint64_t last)
{
    static const struct link_table table = { .peer_set = link_dial,
                                             .peer_forget = link_forget,
                                             .send = link_record };
    struct node *n = &t.n;
    struct log_recovered rec;
    struct diag d = { 0 };
    struct log_options o = { .in_memory = true, .mem = &n->store_mem };
    struct log_handler h = { .durable = durable };
    struct book_entry *e = NULL;
    memset(&t, 0, sizeof t);
    mem_init(&t.mem, "sim", 64u << 20);
    mem_init(&n->mem, "node", 256u << 20);
    mem_init(&n->store_mem, "store", 64u << 20);
    sim_disk_init(&t.disk, &t.mem, 1);
    sim_loop_init(&t.loop, &t.mem, &t.disk, 1);
    n->os = &t.loop.os;
    n->config = &t.config;
    n->logger = &t.logger; /* errors only, and there are none */
    t.config.node_id = 1;
    t.link.table = &table;
    n->link = &t.link;
    t.call.done = called;
    metrics_init(&n->metrics);
    os_timer_init(&n->raft_timer, raft_actor_due, n);
    os_timer_init(&n->expire_timer, housekeeping_expire, n);
    os_timer_init(&n->second_timer, housekeeping_second, n);
    n->batch = mem_take(&n->mem, NODE_BATCH_MAX * sizeof *n->batch);
    n->batch_sizes = mem_take(&n->mem, NODE_BATCH_MAX * sizeof *n->batch_sizes);
    n->entries = mem_take(&n->mem, RAFT_APPEND_ENTRIES_MAX * sizeof *n->entries);
    n->frame_capacity = 2 * BOOK_BYTES_MAX;
    n->frame = mem_take(&n->mem, n->frame_capacity);
    n->bounds.batch_operations = NODE_BATCH_MAX;
    n->next_ticket = 1;
    map_init(&n->by_ticket, &n->mem, CALLS_MAX);
    n->ops = op_pool_open(&n->mem, 1u << 20, backend_answered, forward_remote, n);
    book_init(&n->book);
    for (uint8_t id = 1; id <= 3; id++) {
        struct node_key key = { { id } };
        CHECK(book_learn(&n->book, id, &key, 0, &e) == ERR_OK);
        e->up = id != 1;
        e->epoch = 7;
    }
    CHECK(log_open(n->os, NULL, &o, &h, &rec, &n->log, &d) == ERR_OK);
    tables_open(&n->state.tables, &n->store_mem, NULL);
    actors(n);
    core(n, last);
}

/* Node 2 leads. */
__attribute__((unused)) static void follow_2(void)
{
    struct raft_msg m = { .type = RAFT_MSG_HEARTBEAT, .from = 2, .to = 1, .term = 3, .epoch = 1 };
    struct raft_event ev = { .type = RAFT_EV_MSG, .msg = &m, .now_ns = os_now(t.n.os) };
    raft_step(t.n.core, &ev, t.n.out);
    t.n.told_leader = 2;
    t.n.told_term = 3;
}

static void end(void)
{
    struct node *n = &t.n;
    CHECK(n->failed_what == NULL); /* nothing of this ends a node */
    os_timer_cancel(n->os, &n->raft_timer);
    os_timer_cancel(n->os, &n->expire_timer);
    os_timer_cancel(n->os, &n->second_timer);
    actor_stop(&n->kv_actor);
    actor_stop(&n->raft_actor);
    log_close(n->log);
    tables_close(&n->state.tables);
    op_pool_close(n->ops);
    map_done(&n->by_ticket);
    void *blocks[] = { n->batch, n->batch_sizes, n->entries, n->frame, n->out, n->core };
    for (size_t i = 0; i < sizeof blocks / sizeof blocks[0]; i++) {
        mem_free(&n->mem, blocks[i]);
    }
    sim_loop_done(&t.loop);
    sim_disk_done(&t.disk);
}

__attribute__((unused)) static void core_step(struct raft_event ev)
{
    ev.now_ns = os_now(t.n.os);
    raft_step(t.n.core, &ev, t.n.out);
}

/* Node 1 stands, and node 2 is for it. */
__attribute__((unused)) static void lead_1(void)
{
    const struct raft_out *out = t.n.out;
    core_step((struct raft_event){ .type = RAFT_EV_CAMPAIGN });
    for (int type = RAFT_MSG_PREVOTE; type <= RAFT_MSG_VOTE; type += 2) {
        struct raft_msg yes = { .type = (enum raft_msg_type)(type + 1), .from = 2, .to = 1 };
        struct raft_event written = { .type = RAFT_EV_PERSISTED };
        for (uint32_t i = 0; i < out->count; i++) {
            const struct raft_effect *e = &out->effect[i];
            if (e->type == RAFT_DO_SEND && (int)e->msg.type == type) {
                yes.term = e->msg.term;
                yes.id = e->msg.id;
            }
            written.ticket = e->type == RAFT_DO_WRITE ? e->ticket : written.ticket;
        }
        core_step((struct raft_event){ .type = RAFT_EV_MSG, .msg = &yes });
        if (type == RAFT_MSG_VOTE) {
            core_step(written);
        }
    }
}

static void keep_line(void *arg, struct bytes line)
{
    snprintf(arg, 4096, "%.*s", (int)line.count, (const char *)line.data);
}

static uint64_t no_time(void *arg)
{
    (void)arg;
    return 0;
}

/* The last line of the log is in room, which has 4096 bytes. */
__attribute__((unused)) static void keep_lines(char *room)
{
    room[0] = '\0';
    t.logger.sink = (struct logger_sink){ keep_line, no_time, no_time, room };
}

#endif
