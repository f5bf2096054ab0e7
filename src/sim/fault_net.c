/* sim/fault_net.c -- what happens between machines: cuts, clogs, loss, and with --quic what only
 * packets meet. */
#include "sim/fault_impl.h"
#include "sim/world.h"

enum {
    FAULT_FLAPS_MIN = 2,
    FAULT_FLAPS_MAX = 20
};
#define FAULT_FLAP_NS_MIN (20 * SIM_MS) /* from one cut to the next */
#define FAULT_FLAP_NS_MAX (2 * SIM_S)

/* ---- the network ---- */

static void heal_due(struct sim_world *w, struct sim_event *e)
{
    sim_net_heal(&w->net, e->n);
}

/* The number of this cut; 0: there is no such way. */
static uint64_t cut(struct sim_faults *f, uint32_t from, uint32_t to, uint64_t ns)
{
    if (from == to) {
        return 0;
    }
    uint64_t number = sim_net_cut(&f->world->net, from, to);
    sim_fault_later(f, ns, heal_due, from)->n = number;
    return number;
}

static bool cut_both(struct sim_faults *f, uint32_t a, uint32_t b, uint64_t ns)
{
    uint64_t there = cut(f, a, b, ns);
    uint64_t back = cut(f, b, a, ns);
    return there != 0 || back != 0;
}

/* Whether there is anybody to talk to. */
static bool company(const struct sim_faults *f)
{
    return f->world->node_count > 1;
}

void sim_fault_isolate(struct sim_faults *f, uint32_t host)
{
    uint64_t ns = sim_fault_length(f);
    for (uint32_t i = 0; i < f->world->node_count; i++) {
        cut_both(f, host, i, ns);
    }
}

bool sim_fault_do_isolate_any(struct sim_faults *f)
{
    sim_fault_isolate(f, sim_fault_any_host(f)->index);
    return company(f);
}

/* Two groups by the bits of a drawn number; the bridge sees both. */
static bool part(struct sim_faults *f, uint32_t bridge)
{
    bool any = false;
    uint64_t side = prng_next(&f->prng);
    uint64_t ns = sim_fault_length(f);
    for (uint32_t a = 0; a < f->world->node_count; a++) {
        for (uint32_t b = 0; b < a; b++) {
            bool apart = (side >> a & 1u) != (side >> b & 1u);
            if (apart && a != bridge && b != bridge) {
                any = cut_both(f, a, b, ns) || any;
            }
        }
    }
    return any;
}

bool sim_fault_do_halves(struct sim_faults *f)
{
    return part(f, SIM_NODES_MAX); /* nobody */
}

bool sim_fault_do_bridge(struct sim_faults *f)
{
    return part(f, sim_fault_any_host(f)->index);
}

bool sim_fault_do_ring(struct sim_faults *f)
{
    uint32_t n = f->world->node_count;
    uint64_t ns = sim_fault_length(f);
    bool any = false;
    for (uint32_t a = 0; a < n; a++) {
        for (uint32_t b = 0; b < a; b++) {
            if (a - b != 1 && a - b != n - 1) {
                any = cut_both(f, a, b, ns) || any;
            }
        }
    }
    return any;
}

/* Hosts in a drawn order. */
static void shuffle(struct sim_faults *f, uint32_t *host, uint32_t count)
{
    for (uint32_t i = count; i > 1; i--) {
        uint32_t k = (uint32_t)prng_below(&f->prng, i);
        uint32_t other = host[k];
        host[k] = host[i - 1];
        host[i - 1] = other;
    }
}

/* In a ring of a drawn order everybody sees so many neighbours on each side as make a majority with
 * it: no two see the same one. Of three or fewer all are neighbours. */
bool sim_fault_do_majorities(struct sim_faults *f)
{
    uint32_t ring[SIM_NODES_MAX];
    uint32_t n = f->world->node_count;
    uint32_t reach = (n / 2 + 1) / 2;
    uint64_t ns = sim_fault_length(f);
    bool any = false;
    for (uint32_t i = 0; i < n; i++) {
        ring[i] = i;
    }
    shuffle(f, ring, n);
    for (uint32_t a = 0; a < n; a++) {
        for (uint32_t b = 0; b < a; b++) {
            if (a - b > reach && n - (a - b) > reach) {
                any = cut_both(f, ring[a], ring[b], ns) || any;
            }
        }
    }
    return any;
}

static bool half_dead(struct sim_faults *f, bool sends)
{
    uint32_t host = sim_fault_any_host(f)->index;
    uint64_t ns = sim_fault_length(f);
    for (uint32_t i = 0; i < f->world->node_count; i++) {
        cut(f, sends ? i : host, sends ? host : i, ns);
    }
    return company(f);
}

bool sim_fault_do_mute(struct sim_faults *f)
{
    return half_dead(f, false);
}

bool sim_fault_do_deaf(struct sim_faults *f)
{
    return half_dead(f, true);
}

bool sim_fault_do_one_way(struct sim_faults *f)
{
    uint64_t ns = sim_fault_length(f);
    uint32_t to = sim_fault_any_host(f)->index;
    uint32_t from = sim_fault_any_host(f)->index;
    return cut(f, from, to, ns) != 0;
}

static void flap_due(struct sim_world *w, struct sim_event *e)
{
    if (!w->faults.over) {
        cut_both(&w->faults, e->a, e->b, e->n);
    }
}

/* Half of every period the link is there. */
bool sim_fault_do_flap(struct sim_faults *f)
{
    uint32_t a = sim_fault_any_host(f)->index;
    uint32_t b = sim_fault_any_host(f)->index;
    uint64_t period = sim_between(&f->prng, FAULT_FLAP_NS_MIN, FAULT_FLAP_NS_MAX);
    uint64_t times = sim_between(&f->prng, FAULT_FLAPS_MIN, FAULT_FLAPS_MAX);
    for (uint64_t i = 0; i < times && a != b; i++) {
        struct sim_event *e = sim_fault_later(f, i * period, flap_due, a);
        e->b = b;
        e->n = period / 2;
    }
    return a != b;
}

bool sim_fault_do_break_some(struct sim_faults *f)
{
    bool any = false;
    for (uint32_t a = 0; a < f->world->node_count; a++) {
        for (uint32_t b = 0; b < a; b++) {
            if (sim_chance(&f->prng, 2)) {
                any = sim_net_break(&f->world->net, a, b) || any;
            }
        }
    }
    return any;
}

bool sim_fault_do_clog_some(struct sim_faults *f)
{
    uint32_t host = sim_fault_any_host(f)->index;
    uint64_t until = f->world->now_ns + sim_fault_length(f);
    for (uint32_t i = 0; i < f->world->node_count; i++) {
        if (sim_chance(&f->prng, 2)) {
            f->world->net.clogged_ns[host][i] = until;
        }
        if (sim_chance(&f->prng, 2)) {
            f->world->net.clogged_ns[i][host] = until;
        }
    }
    return company(f);
}

/* All ways of host a are clogged until then (n), or for longer, as they were. */
static void swizzle_due(struct sim_world *w, struct sim_event *e)
{
    struct sim_net *net = &w->net;
    if (w->faults.over) {
        return;
    }
    for (uint32_t i = 0; i < w->node_count; i++) {
        uint64_t *ways[] = { &net->clogged_ns[e->a][i], &net->clogged_ns[i][e->a] };
        for (size_t k = 0; k < 2 && i != e->a; k++) {
            *ways[k] = *ways[k] > e->n ? *ways[k] : e->n;
        }
    }
    sim_world_tell(w, e->a + 1, "clogged", (e->n - w->now_ns) / SIM_MS, 0);
}

/* Some hosts are clogged one by one, and when the last one is they are unclogged one by one, in an
 * order of their own. All is drawn at once, for a frame on a clogged way is told when it is sent
 * how long it waits. */
bool sim_fault_do_swizzle(struct sim_faults *f)
{
    uint32_t host[SIM_NODES_MAX];
    uint64_t at_ns[SIM_NODES_MAX]; /* by host: when it is clogged */
    uint32_t n = f->world->node_count;
    uint32_t count = (uint32_t)sim_between(&f->prng, 1, n);
    uint64_t step = sim_fault_length(f) / count;
    uint64_t ns = 0;
    for (uint32_t i = 0; i < n; i++) {
        host[i] = i;
    }
    shuffle(f, host, n);
    for (uint32_t i = 0; i < count; i++) {
        at_ns[host[i]] = ns;
        ns += sim_wait(&f->prng, step);
    }
    shuffle(f, host, count);
    for (uint32_t i = 0; i < count && company(f); i++) {
        ns += sim_wait(&f->prng, step);
        uint64_t until_ns = f->world->now_ns + ns;
        sim_fault_later(f, at_ns[host[i]], swizzle_due, host[i])->n = until_ns;
    }
    return company(f);
}

/* ---- how good links are ---- */

enum {
    FAULT_CHANCE_MIN = 2, /* one frame in so many */
    FAULT_CHANCE_MAX = 100
};
#define FAULT_LATENCY_NS_MAX (50 * SIM_MS)
#define FAULT_JITTER_NS_MAX (100 * SIM_MS)

static void no_loss(struct sim_faults *f, struct sim_quality *q)
{
    (void)f;
    q->drop = q->twice = q->reorder = q->replay = q->truncate = q->refuse = 0;
}

static void no_latency(struct sim_faults *f, struct sim_quality *q)
{
    (void)f;
    q->latency_ns = SIM_NET_LATENCY_NS;
    q->jitter_ns = SIM_NET_JITTER_NS;
}

static void draw_loss(struct sim_faults *f, struct sim_quality *q)
{
    uint32_t *chances[] = {
        &q->drop, &q->twice, &q->reorder, &q->replay, &q->truncate, &q->refuse
    };
    for (size_t i = 0; i < sizeof chances / sizeof chances[0]; i++) {
        bool is = sim_chance(&f->prng, 2);
        *chances[i] = is ? (uint32_t)sim_between(&f->prng, FAULT_CHANCE_MIN, FAULT_CHANCE_MAX) : 0;
    }
}

static void draw_latency(struct sim_faults *f, struct sim_quality *q)
{
    q->latency_ns = sim_between(&f->prng, SIM_MS, FAULT_LATENCY_NS_MAX);
    q->jitter_ns = sim_between(&f->prng, SIM_MS, FAULT_JITTER_NS_MAX);
}

/* All links in the same way, or in an uneven world every other one in its own. */
static void each_link(struct sim_faults *f, uint64_t one_in,
                      void (*fn)(struct sim_faults *f, struct sim_quality *q))
{
    struct sim_net *n = &f->world->net;
    fn(f, &n->quality);
    for (uint32_t i = 0; n->uneven && i < SIM_NODES_MAX * SIM_NODES_MAX; i++) {
        uint32_t from = i / SIM_NODES_MAX;
        uint32_t to = i % SIM_NODES_MAX;
        bool real = from < f->world->node_count && to < f->world->node_count && from != to;
        if (real && sim_chance(&f->prng, one_in)) {
            fn(f, &n->link_quality[from][to]);
        }
    }
}

/* A newer one of the same kind goes on. n: its number */
static void no_loss_due(struct sim_world *w, struct sim_event *e)
{
    if (e->n == w->faults.losses) {
        each_link(&w->faults, 1, no_loss);
    }
}

static void no_latency_due(struct sim_world *w, struct sim_event *e)
{
    if (e->n == w->faults.latencies) {
        each_link(&w->faults, 1, no_latency);
    }
}

static void spread(struct sim_faults *f, void (*fn)(struct sim_faults *f, struct sim_quality *q))
{
    if (f->uneven) {
        sim_net_uneven(&f->world->net);
    }
    each_link(f, 2, fn);
}

bool sim_fault_do_loss(struct sim_faults *f)
{
    spread(f, draw_loss);
    sim_fault_later(f, sim_fault_length(f), no_loss_due, 0)->n = ++f->losses;
    return company(f);
}

bool sim_fault_do_latency(struct sim_faults *f)
{
    spread(f, draw_latency);
    sim_fault_later(f, sim_fault_length(f), no_latency_due, 0)->n = ++f->latencies;
    return company(f);
}

/* ---- of datagrams ---- */

static uint64_t until(struct sim_faults *f)
{
    return f->world->now_ns + sim_fault_length(f);
}

bool sim_fault_do_rebind(struct sim_faults *f)
{
    uint64_t until_ns = until(f);
    sim_wire_rebind(&f->world->wire, sim_fault_any_host(f)->index, until_ns);
    return company(f);
}

bool sim_fault_do_narrow(struct sim_faults *f)
{
    uint64_t until_ns = until(f);
    uint32_t host = sim_chance(&f->prng, 2) ? SIM_NODES_MAX : sim_fault_any_host(f)->index;
    sim_wire_narrow(&f->world->wire, host, until_ns);
    return company(f);
}

bool sim_fault_do_corrupt(struct sim_faults *f)
{
    sim_wire_corrupt(&f->world->wire, until(f));
    return company(f);
}
