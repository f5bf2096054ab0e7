/* tests/unit/raft/test_progress.c -- Subject: what a leader sends to a peer. Method: seeded runs of
 * a leader and a follower whose logs differ at first; messages are lost, repeated and reordered,
 * connections and snapshots come and go. After every step the peer is in exactly one situation
 * (entries are out to it, a snapshot is, something is awaited, it has everything) and its window is
 * counted again from the sizes of the entries. From time to time all that is under way is lost and
 * the faults stop: within a few heartbeats the follower has everything.
 *
 * usage: test_raft_progress [FIRST-SEED COUNT] */
#include "tap.h"

#include "base/prng.h"
#include "raft/impl.h"
#include "raft/raft_codec.h"

enum {
    SEEDS = 300,
    TURNS = 250,
    LOG_MAX = 1200,
    MSGS_MAX = 256,
    BATCH_MAX = LOG_MAX,
    DUE_MAX = 64,
    HEARTBEAT = 100,
    NEVER = 1 << 28,   /* nobody stands by itself */
    HEARTBEATS_MAX = 6 /* until the follower has everything once the network works */
};

struct node {
    struct raft *core;
    struct raft_entry log[LOG_MAX + 1];
    bool making; /* a snapshot */
};

struct packet {
    struct raft_msg msg;
    struct raft_entry entries[BATCH_MAX];
};

static struct {
    struct node node[2];
    struct packet packet[MSGS_MAX];
    uint32_t packets;
    uint64_t now;
    struct prng prng;
    struct raft_out out[2];
    struct raft_conf conf;
    uint8_t conf_bytes[RAFT_CONF_BYTES_MAX];
    uint32_t conf_size;
} w;

static uint64_t seed_now;
static uint64_t seen[3]; /* snapshots, rejections, repairs */

static void name_seed(void *arg, int fd)
{
    (void)arg;
    dprintf(fd, "\n# seed %llu\n", (unsigned long long)seed_now);
}

static uint64_t below(uint64_t bound)
{
    return prng_below(&w.prng, bound);
}

static void step(uint32_t i, struct raft_event ev, const struct packet *from);

/* ---- effects ---- */

static void send(uint32_t i, const struct raft_effect *e)
{
    if (w.packets == MSGS_MAX) {
        return; /* lost, and noticed as any other loss */
    }
    struct packet *p = &w.packet[w.packets++];
    p->msg = e->msg;
    p->msg.count = 0;
    for (uint64_t k = e->msg.first; e->msg.type == RAFT_MSG_APPEND && k <= e->msg.last; k++) {
        if (p->msg.count < BATCH_MAX) {
            p->entries[p->msg.count++] = w.node[i].log[k];
        }
    }
    if (e->msg.type == RAFT_MSG_SNAPSHOT) {
        seen[0]++;
        p->msg.count = 1;
        p->entries[0] = (struct raft_entry){ .size = w.conf_size,
                                             .kind = RAFT_ENTRY_CONF,
                                             .data = w.conf_bytes };
    }
    seen[1] += e->msg.type == RAFT_MSG_APPEND_REPLY && e->msg.reject;
}

/* The entries are in the log before a message of the same step is encoded from it. */
static void write_log(uint32_t i, const struct raft_effect *e, const struct raft_event *ev,
                      const struct packet *from)
{
    for (uint64_t k = e->first; e->source != RAFT_FROM_NONE && k <= e->last; k++) {
        struct raft_entry *x = &w.node[i].log[k];
        uint64_t at = k - e->first;
        *x = (struct raft_entry){ .term = e->term, .kind = e->kind };
        if (e->source == RAFT_FROM_MSG) {
            *x = from->entries[e->skip + at];
        } else if (e->source == RAFT_FROM_PROPOSE) {
            x->size = ev->sizes[at];
        }
    }
}

static void completed(uint32_t i, const struct raft_effect *e)
{
    struct raft_event done = { .type = RAFT_EV_PERSISTED, .ticket = e->ticket };
    struct raft_event applied = { .type = RAFT_EV_APPLIED, .index = e->last };
    if (e->type == RAFT_DO_WRITE && e->source != RAFT_FROM_NONE) {
        done.index = e->last;
        done.term = e->term;
    }
    if (e->type == RAFT_DO_INSTALL) {
        applied.index = e->index;
    }
    if (e->type != RAFT_DO_APPLY) {
        step(i, done, NULL);
    }
    if (e->type != RAFT_DO_WRITE) {
        step(i, applied, NULL);
    }
}

/* What takes time is told in its order, when the step that began it all is over. */
static void step(uint32_t i, struct raft_event ev, const struct packet *from)
{
    static struct raft_effect due[DUE_MAX];
    static uint32_t count;
    bool outermost = count == 0;
    ev.now_ns = w.now;
    raft_step(w.node[i].core, &ev, &w.out[i]);
    for (uint32_t k = 0; k < w.out[i].count; k++) {
        const struct raft_effect *e = &w.out[i].effect[k];
        if (e->type == RAFT_DO_WRITE) {
            write_log(i, e, &ev, from);
        }
        if (e->type == RAFT_DO_SEND) {
            send(i, e);
        } else if (e->type == RAFT_DO_WRITE || e->type == RAFT_DO_INSTALL ||
                   e->type == RAFT_DO_APPLY) {
            CHECK(count < DUE_MAX);
            due[count++] = *e;
        }
        w.node[i].making = w.node[i].making || e->type == RAFT_DO_SNAPSHOT;
    }
    for (uint32_t k = 0; outermost && k < count; k++) {
        completed(i, &due[k]);
    }
    count = outermost ? 0 : count;
}

/* ---- the network ---- */

static void take(uint32_t k, bool lost, bool again)
{
    struct packet p = w.packet[k];
    if (!again) {
        w.packet[k] = w.packet[--w.packets];
    }
    p.msg.entries = p.entries;
    if (!lost) {
        step((uint32_t)p.msg.to - 1, (struct raft_event){ .type = RAFT_EV_MSG, .msg = &p.msg }, &p);
    } else if (p.msg.type == RAFT_MSG_SNAPSHOT) {
        step(0, (struct raft_event){ .type = RAFT_EV_SNAP_FAILED, .peer = p.msg.to }, NULL);
    }
}

static void made(bool good, uint64_t keep)
{
    struct raft *r = w.node[0].core;
    if (w.node[0].making) {
        w.node[0].making = false;
        step(0,
             (struct raft_event){ .type = RAFT_EV_SNAP_MADE,
                                  .index = good ? r->applied : 0,
                                  .conf = &w.conf,
                                  .keep = keep },
             NULL);
    }
}

/* ---- what must hold ---- */

static void judge(void)
{
    const struct raft *r = w.node[0].core;
    const struct raft_peer *p = &r->peer[0];
    if (r->role != RAFT_LEADER) {
        return;
    }
    bool snap = p->state == RAFT_PEER_SNAPSHOT;
    bool sent = p->state == RAFT_PEER_REPLICATE && p->inflight.count > 0;
    bool waits = p->state == RAFT_PEER_PROBE && p->probing && p->match < r->last;
    bool whole = !snap && !sent && !waits && p->match == r->last;
    CHECK(snap + sent + waits + whole == 1);
    CHECK(!snap || p->snap != 0 || r->snap_building || r->made_index >= r->snap_index);
    CHECK(raft_deadline(r) <= w.now + HEARTBEAT); /* whatever is awaited, there is a timer */
    uint64_t bytes = 0;
    uint64_t from = p->next;
    for (uint32_t k = p->inflight.count; k > 0; k--) {
        const struct raft_inflight *slot = &p->slot[ring_at(&p->inflight, k - 1)];
        const struct raft_inflight *before = k > 1 ? &p->slot[ring_at(&p->inflight, k - 2)] : NULL;
        uint64_t size = 0;
        CHECK_U64(slot->last + 1, from); /* no gap in the window */
        from = before != NULL ? before->last + 1 : p->match + 1;
        for (uint64_t i = from; before != NULL && i <= slot->last; i++) {
            size += w.node[0].log[i].size;
        }
        CHECK(before == NULL || slot->bytes == size);
        bytes += slot->bytes;
    }
    CHECK_U64(p->inflight_bytes, bytes);
    bytes = 0;
    for (uint64_t i = r->commit + 1; i <= r->last; i++) {
        bytes += w.node[0].log[i].size;
    }
    CHECK_U64(r->uncommitted_bytes, bytes);
}

static void quiet(void)
{
    const struct raft *a = w.node[0].core;
    const struct raft *b = w.node[1].core;
    uint32_t beats = 0;
    while (w.packets > 0) {
        take(0, true, false);
    }
    while (a->peer[0].match < a->last || b->last != a->last || b->commit != a->commit) {
        CHECK(beats++ < HEARTBEATS_MAX);
        w.now += HEARTBEAT;
        step(0, (struct raft_event){ .type = RAFT_EV_TIME }, NULL);
        made(true, 0);
        for (uint32_t n = 0; w.packets > 0; n++) {
            CHECK(n < 4 * LOG_MAX);
            take(0, false, false);
            made(true, 0);
            judge();
        }
    }
    seen[2]++;
    for (uint64_t k = b->snap_index + 1; k <= b->last; k++) {
        CHECK(raft_term_at(b, k) == w.node[0].log[k].term);
    }
}

/* ---- a run ---- */

static void boot(uint32_t i, uint64_t last, uint64_t term)
{
    static const uint32_t sizes[16];
    struct raft_config c = { .id = i + 1, .election_ns_min = NEVER, .election_ns_max = 2 * NEVER };
    struct raft_run runs[2] = { { 1, 1 }, { 2, term } };
    struct raft_boot b = { .now_ns = w.now, .term = 3, .last = last, .applied = 1 };
    c.heartbeat_ns = HEARTBEAT;
    c.no_pre_vote = c.no_check_quorum = true;
    c.seed = seed_now * 2 + i;
    c.inflight_max = (uint32_t)below(3) * 3;
    c.append_bytes_max = (uint32_t)below(3) * 100;
    b.runs = runs;
    b.run_count = last > 1 ? 2 : 1;
    b.sizes = sizes;
    b.size_count = (uint32_t)last;
    b.committed = b.effective = w.conf;
    memset(w.node[i].core, 0, raft_size());
    w.node[i].making = false;
    for (uint64_t k = 1; k <= last; k++) {
        w.node[i].log[k] = (struct raft_entry){ .term = k == 1 ? 1 : term, .kind = 3 };
    }
    struct raft *r = NULL;
    CHECK(raft_init(w.node[i].core, &c, &b, &r) == ERR_OK);
}

static void turn(void)
{
    static const uint32_t sizes[4] = { 10, 70, 0, 130 };
    const struct raft *r = w.node[0].core;
    uint64_t dice = below(100);
    struct raft_event up = { .type = RAFT_EV_PEER_UP, .peer = 2 };
    if (dice < 20 && r->last + 8 < LOG_MAX) {
        step(0,
             (struct raft_event){ .type = RAFT_EV_PROPOSE,
                                  .ticket = 1,
                                  .count = 1 + (uint32_t)below(4),
                                  .sizes = sizes },
             NULL);
    } else if (dice < 70 && w.packets > 0) {
        take((uint32_t)below(w.packets), dice >= 60, dice >= 55 && dice < 60);
    } else if (dice < 80) {
        w.now += below(HEARTBEAT);
        step(0, (struct raft_event){ .type = RAFT_EV_TIME }, NULL);
    } else if (dice < 84) {
        step(0, up, NULL);
    } else if (dice < 88) {
        step(0, (struct raft_event){ .type = RAFT_EV_SNAPSHOT, .ticket = 1 }, NULL);
    } else if (dice < 96) {
        made(dice > 88, below(4));
    } else if (dice == 99) {
        quiet();
    }
}

static void run(uint64_t seed)
{
    prng_seed(&w.prng, seed);
    w.now = 1;
    w.packets = 0;
    boot(0, 1 + below(8), 3);
    boot(1, 1 + below(12), 2);
    step(0, (struct raft_event){ .type = RAFT_EV_CAMPAIGN }, NULL);
    while (w.packets > 0 && w.node[0].core->role != RAFT_LEADER) {
        take(0, false, false);
    }
    for (int k = 0; k < TURNS && w.node[0].core->role == RAFT_LEADER; k++) {
        turn();
        judge();
    }
    if (w.node[0].core->role == RAFT_LEADER) {
        quiet();
    }
}

static uint64_t wanted[2] = { 1, SEEDS };

static void all(void)
{
    for (seed_now = wanted[0]; seed_now < wanted[0] + wanted[1]; seed_now++) {
        run(seed_now);
    }
    printf("# %llu snapshots, %llu rejections, %llu times quiet\n", (unsigned long long)seen[0],
           (unsigned long long)seen[1], (unsigned long long)seen[2]);
    CHECK(wanted[1] < SEEDS || (seen[0] > SEEDS / 4 && seen[1] > SEEDS && seen[2] > SEEDS));
    seed_now = 0;
}

int main(int argc, char **argv)
{
    for (int i = 1; argc == 3 && i < argc; i++) {
        wanted[i - 1] = strtoull(argv[i], NULL, 10);
    }
    /* a learner may be as far behind as it likes */
    w.conf = (struct raft_conf){ .index = 1, .voter_count = 1, .voter = { 1 } };
    w.conf.learner[w.conf.learner_count++] = 2;
    struct writer bytes = writer_of(w.conf_bytes, sizeof w.conf_bytes);
    raft_conf_encode(&w.conf, &bytes);
    w.conf_size = (uint32_t)bytes.offset;
    w.node[0].core = calloc(1, raft_size());
    w.node[1].core = calloc(1, raft_size());
    panic_hook_set(name_seed, NULL);
    TAP_TEST("progress: a peer that lacks something is sent it, or awaited with a timer", all);
    if (seed_now != 0) {
        printf("# seed %llu\n", (unsigned long long)seed_now);
    }
    free(w.node[0].core);
    free(w.node[1].core);
    return tap_done();
}
