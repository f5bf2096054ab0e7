/* tests/unit/raft/test_cluster.c -- Subject: the core as a cluster. Method: a seeded world of
 * three or five cores that loses, repeats and reorders messages, delays disks and crashes nodes;
 * after every step: one leader a term, committed entries agree, nothing acknowledged is lost. */
#include "tap.h"

#include "base/prng.h"
#include "raft/raft.h"
#include "raft/raft_codec.h"

enum {
    NODES_MAX = 5,
    LOG_MAX = 4096,
    QUEUE_MAX = 512,
    WRITES_MAX = 256
};

struct entry {
    uint64_t term;
    uint64_t value;
    uint8_t kind;
    uint8_t conf[RAFT_CONF_BYTES_MAX];
    uint32_t size;
};

struct write {
    uint64_t ticket, last, last_term;
};

struct node {
    bool up;
    struct raft *core;
    struct entry log[LOG_MAX];
    uint64_t last; /* written, maybe not durable */
    uint64_t durable;
    uint64_t hard_term, hard_vote, durable_term, durable_vote;
    struct write write[WRITES_MAX];
    uint32_t write_count;
    uint64_t wal_done, applied;
};

struct packet {
    struct raft_msg msg;
    struct raft_entry entries[64];
    struct entry data[64];
    uint64_t after;
    uint32_t from; /* node whose disk gates it */
};

static struct {
    uint32_t count;
    uint64_t now;
    struct prng prng;
    struct node node[NODES_MAX];
    struct packet queue[QUEUE_MAX];
    uint32_t queued;
    struct raft_out out;
    uint64_t leader_of[LOG_MAX]; /* by term */
    struct entry committed[LOG_MAX];
    uint64_t commit_max;
    uint64_t acked[LOG_MAX];
    uint32_t acked_count;
    uint64_t next_value, next_ticket;
    uint64_t ticket_value[LOG_MAX * 4];
} w;

static struct raft_config config_of(uint32_t i)
{
    struct raft_config c = { 0 };
    c.id = i + 1;
    c.election_ns_min = 100;
    c.election_ns_max = 200;
    c.heartbeat_ns = 10;
    c.seed = prng_next(&w.prng);
    return c;
}

static void step(uint32_t i, struct raft_event *ev, const struct packet *p, uint64_t value);

static void boot(uint32_t i, bool restarted)
{
    struct node *n = &w.node[i];
    static struct raft_run runs[LOG_MAX];
    static uint32_t sizes[LOG_MAX];
    struct raft_boot b = { 0 };
    b.now_ns = w.now;
    b.restarted = restarted;
    b.term = n->durable_term;
    b.vote = n->durable_vote;
    b.last = n->durable;
    for (uint64_t k = 1; k <= n->durable; k++) {
        if (b.run_count == 0 || runs[b.run_count - 1].term != n->log[k].term) {
            runs[b.run_count].first = k;
            runs[b.run_count++].term = n->log[k].term;
        }
        sizes[b.size_count++] = n->log[k].size;
        if (n->log[k].kind == RAFT_ENTRY_CONF) {
            CHECK(raft_conf_decode(bytes_of(n->log[k].conf, n->log[k].size), &b.effective, NULL) ==
                  ERR_OK);
            b.effective.index = k;
        }
    }
    b.runs = runs;
    b.sizes = sizes;
    struct raft_config c = config_of(i);
    free(n->core);
    n->last = n->durable;
    n->hard_term = n->durable_term;
    n->hard_vote = n->durable_vote;
    n->write_count = 0;
    n->wal_done = 0;
    n->applied = 0;
    n->up = true;
    void *mem = calloc(1, raft_size());
    CHECK(raft_init(mem, &c, &b, &n->core) == ERR_OK);
}

static void on_write(uint32_t i, const struct raft_effect *e, const struct packet *p,
                     uint64_t value)
{
    struct node *n = &w.node[i];
    if (e->truncate) {
        CHECK(e->truncate_to < n->last);
        n->last = e->truncate_to;
    }
    for (uint64_t k = e->first; k <= e->last; k++) {
        CHECK_U64(k, n->last + 1);
        struct entry *x = &n->log[k];
        memset(x, 0, sizeof *x);
        if (e->source == RAFT_FROM_MSG) {
            *x = p->data[e->skip + (k - e->first)];
        } else {
            x->term = e->term;
            x->kind = e->kind;
            x->value = e->source == RAFT_FROM_PROPOSE ? value + (k - e->first) : 0;
            x->size = e->source == RAFT_FROM_PROPOSE ? 8 : e->payload_count;
            memcpy(x->conf, e->payload, e->payload_count);
        }
        n->last = k;
    }
    if (e->hard) {
        n->hard_term = e->hard_term;
        n->hard_vote = e->hard_vote;
    }
    CHECK(n->write_count < WRITES_MAX);
    struct write *wr = &n->write[n->write_count++];
    wr->ticket = e->ticket;
    wr->last = e->last >= e->first ? e->last : 0;
    wr->last_term = e->last >= e->first ? n->log[e->last].term : 0;
}

static void on_send(uint32_t i, const struct raft_effect *e)
{
    if (w.queued == QUEUE_MAX) {
        return; /* the network drops what does not fit */
    }
    struct packet *p = &w.queue[w.queued++];
    p->msg = e->msg;
    p->after = e->after;
    p->from = i;
    p->msg.count = 0;
    if (e->msg.type == RAFT_MSG_APPEND && e->msg.last >= e->msg.first) {
        CHECK(e->msg.last - e->msg.first < 64);
        for (uint64_t k = e->msg.first; k <= e->msg.last; k++) {
            p->data[p->msg.count++] = w.node[i].log[k];
        }
    }
}

static void on_apply(uint32_t i, const struct raft_effect *e)
{
    struct node *n = &w.node[i];
    for (uint64_t k = e->first; k <= e->last; k++) {
        CHECK_U64(k, n->applied + 1);
        CHECK(k <= n->durable);
        if (k > w.commit_max) {
            w.committed[k] = n->log[k];
            w.commit_max = k;
        }
        CHECK_U64(w.committed[k].term, n->log[k].term);
        CHECK_U64(w.committed[k].value, n->log[k].value);
        n->applied = k;
    }
    struct raft_event ev = { .type = RAFT_EV_APPLIED, .index = n->applied };
    step(i, &ev, NULL, 0);
}

static void on_reply(const struct raft_effect *e)
{
    for (uint32_t k = 0; k < e->count && e->code == ERR_OK && e->index > 1; k++) {
        w.acked[w.acked_count++] = w.ticket_value[e->ticket + k];
    }
}

static void step(uint32_t i, struct raft_event *ev, const struct packet *p, uint64_t value)
{
    struct node *n = &w.node[i];
    ev->now_ns = w.now;
    raft_step(n->core, ev, &w.out);
    static struct raft_out copies[8];
    static int depth;
    CHECK(depth < 8);
    struct raft_out *out = &copies[depth++];
    out->count = w.out.count;
    memcpy(out->effect, w.out.effect, w.out.count * sizeof w.out.effect[0]);
    for (uint32_t k = 0; k < out->count; k++) {
        const struct raft_effect *e = &out->effect[k];
        switch (e->type) {
        case RAFT_DO_WRITE:
            on_write(i, e, p, value);
            break;
        case RAFT_DO_SEND:
            on_send(i, e);
            break;
        case RAFT_DO_APPLY:
            on_apply(i, e);
            break;
        case RAFT_DO_REPLY:
            on_reply(e);
            break;
        default:
            break;
        }
    }
    depth--;
    struct raft_status s;
    raft_status(n->core, &s);
    if (s.role == RAFT_LEADER) {
        CHECK(w.leader_of[s.term] == 0 || w.leader_of[s.term] == s.id);
        w.leader_of[s.term] = s.id;
    }
}

/* One sync of a node's disk: some or all of what is queued becomes durable. */
static void disk(uint32_t i)
{
    struct node *n = &w.node[i];
    if (!n->up || n->write_count == 0) {
        return;
    }
    uint32_t take = 1 + (uint32_t)prng_below(&w.prng, n->write_count);
    struct raft_event ev = { .type = RAFT_EV_PERSISTED };
    for (uint32_t k = 0; k < take; k++) {
        ev.ticket = n->write[k].ticket;
        if (n->write[k].last != 0) {
            ev.index = n->write[k].last;
            ev.term = n->write[k].last_term;
        }
    }
    memmove(n->write, n->write + take, (n->write_count - take) * sizeof n->write[0]);
    n->write_count -= take;
    if (n->write_count == 0) { /* only then is the picture in memory what is on disk */
        n->durable = n->last;
        n->durable_term = n->hard_term;
        n->durable_vote = n->hard_vote;
        n->wal_done = ev.ticket;
        step(i, &ev, NULL, 0);
    } else {
        n->write_count += 0;
        /* keep it simple: completions are told when the whole queue is on disk */
        memmove(n->write + 1, n->write, n->write_count * sizeof n->write[0]);
        n->write[0].ticket = ev.ticket;
        n->write[0].last = ev.index;
        n->write[0].last_term = ev.term;
        n->write_count++;
    }
}

static void deliver(uint32_t k)
{
    static struct packet p;
    p = w.queue[k];
    bool gone = !w.node[p.from].up;
    if (!gone && w.node[p.from].wal_done < p.after) {
        return; /* its disk is not that far */
    }
    bool again = prng_below(&w.prng, 10) == 0;
    if (!again) {
        w.queue[k] = w.queue[--w.queued];
    }
    uint32_t to = (uint32_t)p.msg.to - 1;
    if (gone || !w.node[to].up || prng_below(&w.prng, 10) == 0) {
        return;
    }
    for (uint32_t i = 0; i < p.msg.count; i++) {
        p.entries[i].term = p.data[i].term;
        p.entries[i].kind = p.data[i].kind;
        p.entries[i].size = p.data[i].size;
        p.entries[i].data = p.data[i].conf;
    }
    p.msg.entries = p.entries;
    struct raft_event ev = { .type = RAFT_EV_MSG, .msg = &p.msg };
    step(to, &ev, &p, 0);
}

static void crash(uint32_t i)
{
    w.node[i].up = false;
    for (uint32_t k = 0; k < w.queued;) {
        if (w.queue[k].from == i) {
            w.queue[k] = w.queue[--w.queued];
        } else {
            k++;
        }
    }
}

static void propose(uint32_t i)
{
    uint32_t sizes[3] = { 8, 8, 8 };
    uint32_t count = 1 + (uint32_t)prng_below(&w.prng, 3);
    struct raft_event ev = {
        .type = RAFT_EV_PROPOSE, .ticket = w.next_ticket, .count = count, .sizes = sizes
    };
    uint64_t value = w.next_value;
    for (uint32_t k = 0; k < count; k++) {
        w.ticket_value[w.next_ticket + k] = value + k;
    }
    w.next_ticket += count;
    w.next_value += count;
    step(i, &ev, NULL, value);
}

static void init(uint32_t i)
{
    struct raft_conf c = { 0 };
    for (uint32_t k = 0; k < w.count; k++) {
        c.voter[c.voter_count++] = k + 1;
    }
    struct raft_event ev = { .type = RAFT_EV_INIT, .ticket = w.next_ticket++, .conf = &c };
    step(i, &ev, NULL, 0);
}

static void turn(bool faults)
{
    uint32_t i = (uint32_t)prng_below(&w.prng, w.count);
    struct node *n = &w.node[i];
    uint64_t dice = prng_below(&w.prng, 1000);
    if (!n->up) {
        if (dice < 20 || !faults) {
            boot(i, true);
        }
        return;
    }
    if (dice < 3 && faults) {
        crash(i);
    } else if (dice < 30) {
        if (w.next_value < LOG_MAX / 8) {
            propose(i);
        }
    } else if (dice < 400) {
        disk(i);
    } else if (dice < 900 && w.queued > 0) {
        deliver((uint32_t)prng_below(&w.prng, w.queued));
    } else {
        w.now += dice < 950 ? 1 : 0;
        struct raft_event ev = { .type = RAFT_EV_TIME };
        step(i, &ev, NULL, 0);
    }
}

static void world(uint64_t seed, uint32_t count)
{
    for (uint32_t i = 0; i < NODES_MAX; i++) {
        free(w.node[i].core);
    }
    memset(&w, 0, sizeof w);
    prng_seed(&w.prng, seed);
    w.count = count;
    w.now = 1000;
    w.next_value = 1;
    w.next_ticket = 1;
    for (uint32_t i = 0; i < count; i++) {
        boot(i, false);
    }
    init(0);
    for (int k = 0; k < 20000; k++) {
        turn(true);
    }
    for (int k = 0; k < 60000; k++) {
        turn(false);
    }
    uint32_t leaders = 0;
    for (uint32_t i = 0; i < count; i++) {
        struct raft_status s;
        raft_status(w.node[i].core, &s);
        leaders += s.role == RAFT_LEADER;
    }
    CHECK(leaders >= 1);
    CHECK(w.acked_count > 10);
    for (uint32_t a = 0; a < w.acked_count; a++) {
        bool found = false;
        for (uint64_t k = 1; k <= w.commit_max && !found; k++) {
            found = w.committed[k].value == w.acked[a];
        }
        CHECK(found);
    }
}

static void three(void)
{
    for (uint64_t seed = 1; seed <= 12; seed++) {
        world(seed, 3);
    }
}

static void five(void)
{
    for (uint64_t seed = 101; seed <= 106; seed++) {
        world(seed, 5);
    }
    EXPECT_MARK("raft: a vote is refused out of loyalty");
    EXPECT_MARK("raft: a vote is given again");
}

int main(void)
{
    TAP_TEST("cluster: three nodes under loss, repetition, slow disks and crashes", three);
    TAP_TEST("cluster: five nodes under loss, repetition, slow disks and crashes", five);
    return tap_done();
}
