/* tests/unit/raft/explore.c -- what happens in a world: events by chance, effects carried out as a
 * driver may, disks and links at their worst. */
#include "explore.h"

#include "base/panic.h"

#include <stdlib.h>

enum {
    CHAOS_TURNS = 6000,
    CALM_TURNS_MAX = 60000,
    ELECTION = 100,
    HEARTBEAT = 10,
};

static struct explore w;

const char *explore_failure(void)
{
    return w.failure;
}

uint64_t explore_trace(void)
{
    return w.trace;
}

static uint32_t below(uint64_t bound)
{
    return (uint32_t)prng_below(&w.prng, bound);
}

static void step(uint32_t i, struct raft_event *ev, const struct explore_packet *from);

/* ---- disks ---- */

static void log_write(struct explore_log *l, const struct explore_write *x)
{
    l->last = x->cut ? x->cut_to : l->last;
    for (uint64_t k = 0; k < x->count; k++) {
        l->entry[x->first + k] = x->entries[k];
        l->last = x->first + k;
    }
    if (x->hard) {
        l->term = x->term;
        l->vote = x->vote;
    }
    l->ticket = x->ticket;
}

static struct explore_entry entry_of(const struct raft_effect *e, uint64_t k, uint64_t ticket,
                                     const struct explore_packet *from)
{
    if (e->source == RAFT_FROM_MSG) {
        return from->entries[e->skip + k];
    }
    struct explore_entry x = { .term = e->term, .kind = e->kind };
    x.value = e->source == RAFT_FROM_PROPOSE ? ticket + k : 0;
    return x;
}

static void on_write(uint32_t i, const struct raft_effect *e, uint64_t ticket,
                     const struct explore_packet *from)
{
    struct explore_node *n = &w.node[i];
    ASSERT(n->queued < EXPLORE_WRITES_MAX);
    struct explore_write *x = &n->queue[n->queued++];
    *x = (struct explore_write){ .ticket = e->ticket,
                                 .cut = e->truncate,
                                 .cut_to = e->truncate_to,
                                 .hard = e->hard,
                                 .term = e->hard_term,
                                 .vote = e->hard_vote };
    if (e->source != RAFT_FROM_NONE) {
        x->first = e->first;
        x->count = e->last - e->first + 1;
        x->entries = calloc(x->count, sizeof *x->entries);
    }
    n->leads = n->leads && !x->hard; /* a new term: it leads no more */
    if (x->cut) {
        explore_count(EXPLORE_TRUNCATIONS);
        if (n->leads || x->cut_to < n->commit) {
            explore_fail(&w, "a leader truncates, or what is committed goes", i + 1, x->cut_to);
        }
        n->seen.last = x->cut_to;
    }
    for (uint64_t k = 0; k < x->count; k++) {
        x->entries[k] = entry_of(e, k, ticket, from);
        ASSERT(x->first + k <= EXPLORE_LOG_MAX && x->first + k == n->seen.last + 1 + k);
        const struct explore_entry *before =
            k > 0 ? &x->entries[k - 1] : &n->seen.entry[x->first - 1];
        explore_judge_entry(&w, x->first + k, &x->entries[k], before);
    }
    log_write(&n->seen, x);
}

static void writes_drop(struct explore_node *n, uint32_t count)
{
    for (uint32_t k = 0; k < count; k++) {
        free(n->queue[k].entries);
    }
    n->queued -= count;
    memmove(n->queue, n->queue + count, n->queued * sizeof n->queue[0]);
}

/* Some of what waits reaches the disk; the process hears of it later. */
static void disk(struct explore_node *n, uint32_t count)
{
    struct explore_done d = { 0 };
    for (uint32_t k = 0; k < count; k++) {
        const struct explore_write *x = &n->queue[k];
        log_write(&n->disk, x);
        d.ticket = x->ticket;
        if (x->count > 0) {
            d.index = x->first + x->count - 1;
            d.term = x->entries[x->count - 1].term;
        }
    }
    writes_drop(n, count);
    if (count > 0) {
        ASSERT(n->done_count < EXPLORE_WRITES_MAX);
        n->done[n->done_count++] = d;
    }
}

/* Completions are told in order, several as one, with the newest entry that any of them had. */
static void tell(uint32_t i, uint32_t count)
{
    struct explore_node *n = &w.node[i];
    struct raft_event ev = { .type = RAFT_EV_PERSISTED };
    for (uint32_t k = 0; k < count; k++) {
        ev.ticket = n->done[k].ticket;
        if (n->done[k].index != 0) {
            n->told_index = n->done[k].index;
            n->told_term = n->done[k].term;
        }
    }
    ev.index = n->told_index;
    ev.term = n->told_term;
    n->done_count -= count;
    memmove(n->done, n->done + count, n->done_count * sizeof n->done[0]);
    if (count > 0) {
        step(i, &ev, NULL);
    }
}

/* ---- messages ---- */

static void packet_free(uint32_t k)
{
    free(w.packet[k].entries);
    w.packet[k] = w.packet[--w.packets];
}

static void on_send(uint32_t i, const struct raft_effect *e)
{
    const struct explore_node *n = &w.node[i];
    if (w.packets == EXPLORE_PACKETS_MAX) {
        packet_free(below(w.packets));
    }
    struct explore_packet *p = &w.packet[w.packets++];
    *p = (struct explore_packet){ .msg = e->msg, .after = e->after };
    p->chain = e->msg.index <= n->seen.last ? n->seen.entry[e->msg.index].chain : 0;
    p->msg.count = 0;
    if (e->msg.type == RAFT_MSG_APPEND && e->msg.last >= e->msg.first) {
        if (n->disk.ticket < e->after) {
            explore_fail(&w, "an append of a leader waits for the disk", i + 1, e->after);
        }
        p->msg.count = (uint32_t)(e->msg.last - e->msg.first + 1);
        p->entries = calloc(p->msg.count, sizeof *p->entries);
        memcpy(p->entries, &n->seen.entry[e->msg.first], p->msg.count * sizeof *p->entries);
    }
}

/* Keep a copy of what was under way: it may come again after its sender's end. */
static void remember(const struct explore_packet *p)
{
    struct explore_packet *slot = &w.past[below(EXPLORE_PAST_MAX)];
    free(slot->entries);
    *slot = *p;
    if (p->entries != NULL) {
        slot->entries = calloc(p->msg.count, sizeof *p->entries);
        memcpy(slot->entries, p->entries, p->msg.count * sizeof *p->entries);
    }
}

static void hand_over(const struct explore_packet *p)
{
    static struct raft_entry metas[EXPLORE_LOG_MAX];
    uint32_t to = (uint32_t)p->msg.to - 1;
    struct raft_msg m = p->msg;
    struct raft_event ev = { .type = RAFT_EV_MSG, .msg = &m };
    if (!w.node[to].up) {
        return;
    }
    for (uint32_t k = 0; k < m.count; k++) {
        bool conf = p->entries[k].kind == RAFT_ENTRY_CONF;
        metas[k] = (struct raft_entry){ p->entries[k].term, conf ? w.conf_size : 8,
                                        p->entries[k].kind, w.conf_bytes };
    }
    m.entries = metas;
    step(to, &ev, p);
}

static void release(void)
{
    for (uint32_t k = 0; k < w.packets; k++) {
        struct explore_packet *p = &w.packet[k];
        uint32_t from = (uint32_t)p->msg.from - 1;
        if (!p->left && w.node[from].disk.ticket >= p->after) {
            p->left = true;
            explore_judge_packet(&w, from, p);
        }
    }
}

static void deliver(bool faults)
{
    uint32_t k = below(w.packets);
    struct explore_packet p = w.packet[k];
    bool cut = w.down[p.msg.from - 1][p.msg.to - 1];
    if (!p.left) {
        return;
    }
    remember(&p);
    if (faults && below(1000) < 50) {
        struct explore_entry *own = NULL; /* it comes a second time */
        if (p.entries != NULL) {
            own = calloc(p.msg.count, sizeof *own);
            memcpy(own, p.entries, p.msg.count * sizeof *own);
        }
        w.packet[k].entries = own;
    } else {
        w.packet[k] = w.packet[--w.packets];
    }
    if (!cut && !(faults && below(1000) < w.loss)) {
        hand_over(&p);
    }
    free(p.entries);
}

/* ---- lives ---- */

static void boot(uint32_t i, bool restarted)
{
    static struct raft_run runs[EXPLORE_LOG_MAX];
    static uint32_t sizes[EXPLORE_LOG_MAX];
    struct explore_node *n = &w.node[i];
    struct raft_config c = w.config;
    struct raft_boot b = { .now_ns = w.now, .restarted = restarted };
    c.id = i + 1;
    c.seed = prng_next(&w.prng);
    n->seen = n->disk;
    n->seen.ticket = 0;
    n->disk.ticket = 0;
    b.term = n->disk.term;
    b.vote = n->disk.vote;
    b.last = n->disk.last;
    b.applied = n->flushed;
    for (uint64_t k = 1; k <= b.last; k++) {
        const struct explore_entry *e = &n->disk.entry[k];
        if (b.run_count == 0 || runs[b.run_count - 1].term != e->term) {
            runs[b.run_count++] = (struct raft_run){ k, e->term };
        }
        sizes[b.size_count++] = e->kind == RAFT_ENTRY_CONF ? w.conf_size : 8;
    }
    b.runs = runs;
    b.sizes = sizes;
    b.effective = b.last > 0 ? w.conf : (struct raft_conf){ 0 };
    b.committed = b.applied > 0 ? w.conf : (struct raft_conf){ 0 };
    n->up = true;
    n->target = n->applied = n->commit = n->flushed;
    n->term = b.term;
    n->told_index = n->told_term = 0;
    void *mem = calloc(1, raft_size());
    enum err e = raft_init(mem, &c, &b, &n->core);
    ASSERT(e == ERR_OK);
}

static void crash(uint32_t i)
{
    struct explore_node *n = &w.node[i];
    disk(n, below(n->queued + 1u)); /* any prefix may have made it */
    writes_drop(n, n->queued);
    n->done_count = 0;
    n->up = false;
    n->leads = false;
    n->flushed += n->applied > n->flushed ? below(n->applied - n->flushed + 1) : 0;
    free(n->core);
    n->core = NULL;
    release();
    for (uint32_t k = 0; k < w.packets;) {
        bool gone = w.packet[k].msg.from == i + 1 && !w.packet[k].left;
        if (gone) {
            packet_free(k);
        } else {
            k++;
        }
    }
    for (uint64_t k = 1; k <= w.tickets; k++) {
        if (w.ticket[k].node == i && w.ticket[k].end == EXPLORE_OPEN) {
            w.ticket[k].end = EXPLORE_LOST;
        }
    }
    explore_count(EXPLORE_CRASHES);
}

/* ---- events ---- */

static void step(uint32_t i, struct raft_event *ev, const struct explore_packet *from)
{
    struct explore_node *n = &w.node[i];
    ev->now_ns = w.now;
    raft_step(n->core, ev, &w.out);
    for (uint32_t k = 0; k < w.out.count; k++) {
        const struct raft_effect *e = &w.out.effect[k];
        w.trace = (w.trace ^ e->type ^ e->index ^ e->ticket) * 0x100000001b3u;
        if (e->type == RAFT_DO_WRITE) {
            on_write(i, e, ev->ticket, from);
        } else if (e->type == RAFT_DO_SEND) {
            on_send(i, e);
        } else if (e->type == RAFT_DO_APPLY) {
            if (e->first != n->target + 1 || e->last > n->disk.last) {
                explore_fail(&w, "applied out of order, or before it is durable", i + 1, e->first);
            }
            n->target = e->last;
        }
    }
    explore_judge_step(&w, i);
    for (uint32_t k = 0; k < w.out.count; k++) {
        enum raft_effect_type type = w.out.effect[k].type;
        if (type == RAFT_DO_READ_OK || (type == RAFT_DO_REPLY && ev->type != RAFT_EV_INIT)) {
            explore_judge_end(&w, i, &w.out.effect[k]);
        }
    }
    release();
}

static void ask(uint32_t i, enum raft_event_type type)
{
    static const uint32_t sizes[3] = { 8, 8, 8 };
    struct raft_event ev = { .type = type, .ticket = w.tickets + 1, .sizes = sizes };
    ev.count = 1 + below(3);
    if (w.tickets + ev.count > EXPLORE_TICKETS_MAX ||
        (type == RAFT_EV_PROPOSE && w.node[i].seen.last + 50 > EXPLORE_LOG_MAX)) {
        return;
    }
    for (uint32_t k = 0; k < ev.count; k++) {
        w.ticket[++w.tickets] =
            (struct explore_ticket){ i, type == RAFT_EV_READ, EXPLORE_OPEN, w.acked };
    }
    step(i, &ev, NULL);
}

static void apply(uint32_t i, bool all)
{
    struct explore_node *n = &w.node[i];
    if (n->applied < n->target) {
        struct raft_event ev = { .type = RAFT_EV_APPLIED };
        n->applied += all ? n->target - n->applied : 1 + below(n->target - n->applied);
        ev.index = n->applied;
        step(i, &ev, NULL);
    }
}

static void simple(uint32_t i, enum raft_event_type type)
{
    struct raft_event ev = { .type = type, .peer = 1 + below(w.count) };
    step(i, &ev, NULL);
}

static void disturb(uint32_t i)
{
    uint32_t other = below(w.count);
    uint32_t dice = below(8);
    if (dice < 2) {
        w.down[i][other] = dice == 0;
    } else if (dice < 4) {
        for (uint32_t k = 0; k < w.count; k++) {
            w.down[i][k] = w.down[k][i] = dice == 2;
        }
    } else if (dice == 4) {
        memset(w.down, 0, sizeof w.down);
    } else if (dice == 5) {
        w.now += ELECTION / 2 + below(2 * ELECTION); /* everybody slept */
    } else if (dice == 6) {
        simple(i, RAFT_EV_CAMPAIGN);
    } else {
        const struct explore_packet *old = &w.past[below(EXPLORE_PAST_MAX)];
        if (old->msg.to != 0) {
            hand_over(old);
        }
    }
}

static void turn(bool faults)
{
    uint32_t i = below(w.count);
    struct explore_node *n = &w.node[i];
    uint32_t dice = below(1000);
    if (!n->up) {
        if (dice < 50 || !faults) {
            boot(i, true);
        }
    } else if (faults && dice < w.crash) {
        crash(i);
    } else if (faults && dice < w.crash + w.cut) {
        disturb(i);
    } else if (dice < 60) {
        simple(i, dice < 45 ? RAFT_EV_PEER_UP : RAFT_EV_PEER_DOWN);
    } else if (dice < 110) {
        ask(i, dice < 85 ? RAFT_EV_PROPOSE : RAFT_EV_READ);
    } else if (dice < 200) {
        bool waits = faults && below(1000) < w.slow && n->queued < EXPLORE_WRITES_MAX / 2;
        disk(n, n->queued > 0 && !waits ? 1 + below(n->queued) : 0);
        release();
    } else if (dice < 300) {
        bool waits = faults && below(1000) < w.slow && n->done_count < EXPLORE_WRITES_MAX / 2;
        tell(i, n->done_count > 0 && !waits ? 1 + below(n->done_count) : 0);
    } else if (dice < 360) {
        apply(i, false);
    } else if (dice < 900) {
        if (w.packets > 0) {
            deliver(faults);
        }
    } else {
        w.now += 1 + below(w.haste);
        simple(i, RAFT_EV_TIME);
    }
}

/* Everything works, nobody asks: ticks until all agree, or it takes too long. */
static void settle(uint64_t until_ns)
{
    while (w.now < until_ns) {
        w.now += HEARTBEAT / 2;
        for (uint32_t i = 0; i < w.count; i++) {
            if (!w.node[i].up) {
                boot(i, true);
            }
            simple(i, RAFT_EV_TIME);
        }
        for (int round = 0; round < 8; round++) {
            for (uint32_t i = 0; i < w.count; i++) {
                disk(&w.node[i], w.node[i].queued);
                tell(i, w.node[i].done_count);
                apply(i, true);
            }
            release();
            for (uint32_t k = w.packets; k > 0 && w.packets > 0; k--) {
                deliver(false);
            }
        }
    }
}

static void begin(uint64_t seed)
{
    static const uint32_t counts[] = { 3, 3, 5, 3, 1, 3, 5, 7 };
    struct writer wr = writer_of(w.conf_bytes, sizeof w.conf_bytes);
    prng_seed(&w.prng, seed);
    w.count = counts[seed % 8];
    w.now = 1000;
    w.loss = (uint32_t[]){ 0, 50, 200 }[below(3)];
    w.crash = (uint32_t[]){ 0, 2, 10 }[below(3)];
    w.cut = (uint32_t[]){ 0, 5, 30 }[below(3)];
    w.slow = (uint32_t[]){ 0, 500, 950 }[below(3)];
    w.haste = (uint32_t[]){ 2, 8, 20 }[below(3)];
    w.config = (struct raft_config){ .election_ns_min = ELECTION,
                                     .election_ns_max = 2 * ELECTION,
                                     .heartbeat_ns = HEARTBEAT };
    w.config.no_pre_vote = below(4) == 0;
    w.config.no_check_quorum = below(4) == 0;
    w.config.inflight_max = (uint32_t[]){ 0, 1, 4 }[below(3)];
    w.config.append_bytes_max = (uint32_t[]){ 0, 1, 24 }[below(3)];
    w.conf = (struct raft_conf){ .index = 1 };
    for (uint32_t i = 0; i < w.count; i++) {
        w.conf.voter[w.conf.voter_count++] = i + 1;
    }
    raft_conf_encode(&w.conf, &wr);
    w.conf_size = (uint32_t)wr.offset;
    for (uint32_t i = 0; i < w.count; i++) {
        boot(i, false);
    }
    struct raft_event ev = { .type = RAFT_EV_INIT, .conf = &w.conf };
    step(0, &ev, NULL);
    disk(&w.node[0], w.node[0].queued); /* else a crash could end it before it began */
}

static void clear(void)
{
    while (w.packets > 0) {
        packet_free(0);
    }
    for (uint32_t k = 0; k < EXPLORE_PAST_MAX; k++) {
        free(w.past[k].entries);
    }
    for (uint32_t i = 0; i < EXPLORE_NODES_MAX; i++) {
        writes_drop(&w.node[i], w.node[i].queued);
        free(w.node[i].core);
        w.node[i].core = NULL;
    }
    memset(w.past, 0, sizeof w.past);
}

bool explore_world(uint64_t seed)
{
    memset(&w, 0, offsetof(struct explore, out));
    begin(seed);
    for (int k = 0; k < CHAOS_TURNS && w.failure[0] == '\0'; k++) {
        turn(true);
    }
    memset(w.down, 0, sizeof w.down);
    for (int k = 0; k < CHAOS_TURNS / 4 && w.failure[0] == '\0'; k++) {
        turn(false);
    }
    if (w.failure[0] == '\0') {
        settle(w.now + 20 * ELECTION);
        explore_judge_rest(&w);
    }
    for (uint32_t i = 0; i < w.count && w.node[i].core != NULL; i++) {
        w.trace ^= raft_hash(w.node[i].core);
    }
    clear();
    return w.failure[0] == '\0';
}
