/* tests/unit/sim/classes_net.h -- classes of faults between machines: cuts by their shape, clogs by
 * what waits, links by how good they are. */
#ifndef TESTS_UNIT_SIM_CLASSES_NET_H
#define TESTS_UNIT_SIM_CLASSES_NET_H

#include "classes.h"

enum {
    MANY = 5, /* nodes, where a shape needs more than three */
    FLAPS = 5,
    FLAP_S = 60, /* longer than the last of them takes */
    CHANCES = 6
};

/* ---- cuts ---- */

static bool is_cut(const struct sim_world *w, uint32_t from, uint32_t to)
{
    return from != to && w->net.cut[from][to] > 0;
}

/* Ways that are cut. */
static uint32_t ways(const struct sim_world *w)
{
    uint32_t n = 0;
    for (uint32_t a = 0; a < w->node_count; a++) {
        for (uint32_t b = 0; b < w->node_count; b++) {
            n += is_cut(w, a, b);
        }
    }
    return n;
}

/* Whom each node sees, itself too; both ways, or it does not count. */
static void seen_by(const struct sim_world *w, uint32_t out[SIM_NODES_MAX])
{
    for (uint32_t a = 0; a < w->node_count; a++) {
        out[a] = 0;
        for (uint32_t b = 0; b < w->node_count; b++) {
            out[a] |= !is_cut(w, a, b) && !is_cut(w, b, a) ? 1u << b : 0;
        }
    }
}

/* The one node that is cut off from all others, while nothing else is; node_count: none. */
static uint32_t lonely(const struct sim_world *w)
{
    uint32_t seen[SIM_NODES_MAX];
    seen_by(w, seen);
    uint32_t i = 0;
    while (i < w->node_count && seen[i] != 1u << i) {
        i++;
    }
    return ways(w) == 2 * (w->node_count - 1) ? i : w->node_count;
}

static void class_isolate_any(void)
{
    for (uint64_t seed = 1; seed <= 5; seed++) {
        struct sim_world *w = class_open(seed, MANY, SIM_FAULT_ISOLATE);
        class_first(w, SIM_FAULT_ISOLATE);
        CHECK(lonely(w) < MANY);
        class_ended(w);
        CHECK_U64(ways(w), 0);
        sim_world_close(w);
    }
}

/* At once, or when it has answered a client. */
static void class_isolate_leader(void)
{
    uint32_t at_once = 0;
    uint32_t planned = 0;
    for (uint64_t seed = 1; seed <= CLASS_SEEDS && (at_once == 0 || planned == 0); seed++) {
        struct sim_world *w = class_open_begun(seed, CLASS_NODES, sim_fault_bit(SIM_FAULT_LEADER));
        class_first(w, SIM_FAULT_LEADER);
        planned += w->faults.treason;
        if (!w->faults.treason) {
            CHECK_U64(lonely(w) + 1, sim_look_leader(&w->look, UINT64_MAX, false));
            at_once++;
        }
        sim_world_close(w);
    }
    CHECK(at_once > 0 && planned > 0);
}

/* Who sees each other sees the same ones, but for the bridge. */
static void check_groups(const struct sim_world *w, uint32_t bridges)
{
    uint32_t seen[SIM_NODES_MAX];
    seen_by(w, seen);
    uint32_t bridge = 0;
    for (uint32_t a = 0; a < w->node_count; a++) {
        bridge |= seen[a] == (1u << w->node_count) - 1 ? 1u << a : 0;
    }
    CHECK_U64((uint32_t)__builtin_popcount(bridge), bridges);
    for (uint32_t a = 0; a < w->node_count; a++) {
        for (uint32_t b = 0; b < w->node_count; b++) {
            bool sees = (seen[a] >> b & 1u) != 0 && ((bridge >> a | bridge >> b) & 1u) == 0;
            CHECK(!sees || seen[a] == seen[b]);
        }
    }
}

static void parted(enum sim_fault_class class, uint32_t bridges)
{
    for (uint64_t seed = 1; seed <= 10; seed++) {
        struct sim_world *w = class_open(seed, MANY, class);
        class_first(w, class);
        CHECK(ways(w) > 0);
        check_groups(w, bridges);
        sim_world_close(w);
    }
}

static void class_halves(void)
{
    parted(SIM_FAULT_HALVES, 0);
}

static void class_bridge(void)
{
    parted(SIM_FAULT_BRIDGE, 1);
}

/* Each sees its two neighbours, the first and the last each other too. */
static void class_ring(void)
{
    for (uint32_t nodes = 4; nodes <= SIM_NODES_MAX; nodes++) {
        uint32_t seen[SIM_NODES_MAX];
        struct sim_world *w = class_open(1, nodes, SIM_FAULT_RING);
        class_first(w, SIM_FAULT_RING);
        seen_by(w, seen);
        for (uint32_t a = 0; a < nodes; a++) {
            uint32_t before = (a + nodes - 1) % nodes;
            CHECK_U64(seen[a], 1u << a | 1u << before | 1u << (a + 1) % nodes);
        }
        sim_world_close(w);
    }
}

/* Each sees a majority, and no two see the same one; where there is more than one order, the order
 * is drawn. */
static void class_majorities(void)
{
    for (uint32_t nodes = 4; nodes <= SIM_NODES_MAX; nodes++) {
        uint32_t first_seen = 0;
        uint32_t others = 0;
        for (uint64_t seed = 1; seed <= CLASS_SEEDS; seed++) {
            uint32_t seen[SIM_NODES_MAX];
            struct sim_world *w = class_open(seed, nodes, SIM_FAULT_MAJORITIES);
            class_first(w, SIM_FAULT_MAJORITIES);
            seen_by(w, seen);
            for (uint32_t a = 0; a < nodes; a++) {
                CHECK((uint32_t)__builtin_popcount(seen[a]) > nodes / 2);
                for (uint32_t b = 0; b < a; b++) {
                    CHECK(seen[a] != seen[b]);
                }
            }
            others += seed > 1 && seen[0] != first_seen;
            first_seen = seed == 1 ? seen[0] : first_seen;
            sim_world_close(w);
        }
        CHECK(others > 0);
    }
}

/* Ways from one node to all others, or the other way round: none else is cut. */
static void half_dead(enum sim_fault_class class, bool deaf)
{
    struct sim_world *w = class_open(1, CLASS_NODES, class);
    uint32_t host = 0;
    class_first(w, class);
    for (uint32_t a = 0; a < CLASS_NODES; a++) {
        uint32_t other = (a + 1) % CLASS_NODES;
        uint32_t third = (a + 2) % CLASS_NODES;
        host += deaf ? is_cut(w, other, a) && is_cut(w, third, a)
                     : is_cut(w, a, other) && is_cut(w, a, third);
    }
    CHECK_U64(host, 1);
    CHECK_U64(ways(w), CLASS_NODES - 1);
    sim_world_close(w);
}

static void class_mute(void)
{
    half_dead(SIM_FAULT_MUTE, false);
}

static void class_deaf(void)
{
    half_dead(SIM_FAULT_DEAF, true);
}

static void class_one_way(void)
{
    for (uint64_t seed = 1; seed <= 5; seed++) {
        struct sim_world *w = class_open(seed, CLASS_NODES, SIM_FAULT_ONE_WAY);
        class_first(w, SIM_FAULT_ONE_WAY);
        CHECK_U64(ways(w), 1);
        sim_world_close(w);
    }
}

static uint32_t links_cut(const struct sim_world *w)
{
    uint32_t bits = 0;
    for (uint32_t i = 0; i < CLASS_NODES * CLASS_NODES; i++) {
        bits |= is_cut(w, i / CLASS_NODES, i % CLASS_NODES) ? 1u << i : 0;
    }
    return bits;
}

/* A flap is 11 cuts on average, and every one of them ends before the next one. */
static void class_flap(void)
{
    struct sim_world *w = class_open(1, CLASS_NODES, SIM_FAULT_FLAP);
    w->faults.mean_ns = SIM_S; /* one after the other */
    uint64_t cuts = 0;
    uint32_t before = 0;
    uint64_t end_ns = CLASS_PATIENCE_S * SIM_S; /* if they do not come */
    while (w->now_ns < end_ns) {
        CHECK(class_look(w));
        if (w->faults.on != 0 && w->faults.total == FLAPS) {
            w->faults.on = 0;
            end_ns = w->now_ns + FLAP_S * SIM_S;
        }
        uint32_t now = links_cut(w);
        cuts += (now & ~before) != 0;
        before = now;
    }
    CHECK_U64(w->faults.injected[SIM_FAULT_FLAP], FLAPS);
    CHECK_U64(w->faults.injected[SIM_FAULT_FLAP], w->faults.total);
    CHECK(cuts >= 3 * w->faults.total);
    sim_world_close(w);
}

/* ---- connections and clogs ---- */

/* Some are lost, and all are there again a while later, these under another number. */
static void class_break_some(void)
{
    uint64_t before[CLASS_NODES][CLASS_NODES];
    uint32_t lost = 0;
    struct sim_world *w = class_open_begun(1, CLASS_NODES, sim_fault_bit(SIM_FAULT_BREAK));
    memset(before, 0, sizeof before);
    while (w->faults.total == 0) {
        for (uint32_t i = 0; i < CLASS_NODES * CLASS_NODES; i++) {
            before[i / CLASS_NODES][i % CLASS_NODES] =
                w->net.connection[i / CLASS_NODES][i % CLASS_NODES];
        }
        CHECK(class_step(w));
    }
    for (uint32_t i = 0; i < CLASS_NODES * CLASS_NODES; i++) {
        lost += before[i / CLASS_NODES][i % CLASS_NODES] !=
                w->net.connection[i / CLASS_NODES][i % CLASS_NODES];
    }
    CHECK(lost > 0);
    class_ended(w);
    for (uint32_t a = 0; a < CLASS_NODES; a++) {
        for (uint32_t b = a + 1; b < CLASS_NODES; b++) {
            lost -= before[a][b] != w->net.connection[a][b];
            CHECK(w->net.connection[a][b] != 0);
        }
    }
    CHECK_U64(lost, 0);
    sim_world_close(w);
}

static bool is_clogged(const struct sim_world *w, uint32_t from, uint32_t to)
{
    return from != to && w->net.clogged_ns[from][to] > w->now_ns;
}

/* Whether anything that was sent this way waits for the end of the clog. */
static bool waits(const struct sim_world *w, uint32_t from, uint32_t to)
{
    bool any = false;
    for (int class = 0; class < LINK_CLASS_COUNT; class ++) {
        any = any || w->net.arrives_ns[from][to][class] >= w->net.clogged_ns[from][to];
    }
    return any;
}

/* Some ways of one node, all to the same moment; frames wait there, and go on afterwards. */
static void class_clog_some(void)
{
    uint32_t waited = 0;
    for (uint64_t seed = 1; seed <= 5; seed++) {
        uint32_t of[CLASS_NODES] = { 0 };
        uint32_t clogged = 0;
        uint64_t until_ns = 0;
        struct sim_world *w = class_open_begun(seed, CLASS_NODES, sim_fault_bit(SIM_FAULT_CLOG));
        class_first(w, SIM_FAULT_CLOG);
        for (uint32_t i = 0; i < CLASS_NODES * CLASS_NODES; i++) {
            if (is_clogged(w, i / CLASS_NODES, i % CLASS_NODES)) {
                uint64_t end_ns = w->net.clogged_ns[i / CLASS_NODES][i % CLASS_NODES];
                CHECK(until_ns == 0 || until_ns == end_ns);
                until_ns = end_ns;
                of[i / CLASS_NODES]++;
                of[i % CLASS_NODES]++;
                clogged++;
            }
        }
        CHECK(of[0] == clogged || of[1] == clogged || of[2] == clogged);
        until_ns = clogged > 0 ? until_ns : w->now_ns; /* each way by its own chance */
        sim_world_until(w, until_ns - (until_ns - w->now_ns) / 8);
        for (uint32_t i = 0; i < CLASS_NODES * CLASS_NODES; i++) {
            waited += is_clogged(w, i / CLASS_NODES, i % CLASS_NODES) &&
                      waits(w, i / CLASS_NODES, i % CLASS_NODES);
        }
        class_ended(w);
        CHECK(w->now_ns > until_ns);
        sim_world_close(w);
    }
    CHECK(waited > 0);
}

/* When a way was clogged first, and when it was free again. */
struct clog {
    uint64_t from_ns;
    uint64_t to_ns;
};

static void clogs_of_first(struct sim_world *w, struct clog out[CLASS_NODES * CLASS_NODES])
{
    memset(out, 0, CLASS_NODES * CLASS_NODES * sizeof *out);
    class_first(w, SIM_FAULT_SWIZZLE);
    for (uint64_t end_ns = w->now_ns + 200 * SIM_S; w->now_ns < end_ns;) {
        for (uint32_t i = 0; i < CLASS_NODES * CLASS_NODES; i++) {
            bool clogged = w->net.clogged_ns[i / CLASS_NODES][i % CLASS_NODES] > w->now_ns;
            out[i].from_ns = clogged && out[i].from_ns == 0 ? w->now_ns : out[i].from_ns;
            out[i].to_ns = clogged ? w->now_ns : out[i].to_ns;
        }
        sim_world_until(w, w->now_ns + CLASS_LOOK_MS * SIM_MS);
    }
}

/* Ways that were clogged one after the other: in the same order free again, or the other way. */
static void count_orders(const struct clog c[CLASS_NODES * CLASS_NODES], uint64_t *same,
                         uint64_t *other)
{
    for (uint32_t i = 0; i < CLASS_NODES * CLASS_NODES; i++) {
        for (uint32_t k = 0; k < CLASS_NODES * CLASS_NODES && c[i].from_ns != 0; k++) {
            bool after = c[k].from_ns > c[i].from_ns;
            *same += after && c[k].to_ns > c[i].to_ns;
            *other += after && c[k].to_ns < c[i].to_ns;
        }
    }
}

/* Both ways of a node at once, all of them clogged together for a moment. */
static void class_swizzle(void)
{
    uint64_t same = 0;
    uint64_t other = 0;
    for (uint64_t seed = 1; seed <= CLASS_SEEDS; seed++) {
        struct clog c[CLASS_NODES * CLASS_NODES];
        uint64_t last_from = 0;
        uint64_t first_to = UINT64_MAX;
        struct sim_world *w = class_open(seed, CLASS_NODES, SIM_FAULT_SWIZZLE);
        clogs_of_first(w, c);
        CHECK_U64(w->faults.injected[SIM_FAULT_SWIZZLE], 1);
        for (uint32_t i = 0; i < CLASS_NODES * CLASS_NODES; i++) {
            const struct clog *back = &c[i % CLASS_NODES * CLASS_NODES + i / CLASS_NODES];
            CHECK(c[i].from_ns == back->from_ns && c[i].to_ns == back->to_ns);
            CHECK(c[i].from_ns == 0 || i / CLASS_NODES != i % CLASS_NODES);
            last_from = c[i].from_ns > last_from ? c[i].from_ns : last_from;
            first_to = c[i].from_ns != 0 && c[i].to_ns < first_to ? c[i].to_ns : first_to;
        }
        CHECK(last_from != 0 && last_from <= first_to);
        count_orders(c, &same, &other);
        sim_world_close(w);
    }
    CHECK(same > 0 && other > 0);
}

/* ---- how good links are ---- */

static void chances_of(const struct sim_quality *q, uint32_t out[CHANCES])
{
    const uint32_t all[] = { q->drop, q->twice, q->reorder, q->replay, q->truncate, q->refuse };
    memcpy(out, all, sizeof all);
}

static bool is_slow(const struct sim_quality *q)
{
    return q->latency_ns != SIM_NET_LATENCY_NS || q->jitter_ns != SIM_NET_JITTER_NS;
}

static bool is_lossy(const struct sim_quality *q)
{
    uint32_t chance[CHANCES];
    uint32_t any = 0;
    chances_of(q, chance);
    for (int i = 0; i < CHANCES; i++) {
        any |= chance[i];
    }
    return any != 0;
}

/* All links alike, or some of them each in its own way and others not. */
static uint32_t links_that(const struct sim_world *w, bool (*are)(const struct sim_quality *q))
{
    uint32_t n = 0;
    for (uint32_t a = 0; a < CLASS_NODES; a++) {
        for (uint32_t b = 0; b < CLASS_NODES; b++) {
            n += a != b && are(sim_net_quality(&w->net, a, b));
        }
    }
    return n;
}

/* Every chance by itself, in the bounds that are drawn; an uneven world spares some links. */
static void class_loss(void)
{
    uint32_t on[CHANCES] = { 0 };
    uint32_t partly = 0;
    for (uint64_t seed = 1; seed <= CLASS_SEEDS; seed++) {
        uint32_t chance[CHANCES];
        struct sim_world *w = class_open(seed, CLASS_NODES, SIM_FAULT_LOSS);
        class_first(w, SIM_FAULT_LOSS);
        chances_of(&w->net.quality, chance);
        for (int i = 0; i < CHANCES; i++) {
            CHECK(chance[i] == 0 || (chance[i] >= 2 && chance[i] <= 100));
            on[i] += chance[i] != 0;
        }
        CHECK_U64(links_that(w, is_slow), 0);
        partly += w->net.uneven && links_that(w, is_lossy) < CLASS_NODES * (CLASS_NODES - 1);
        class_ended(w);
        CHECK(!is_lossy(&w->net.quality) && links_that(w, is_lossy) == 0);
        sim_world_close(w);
    }
    for (int i = 0; i < CHANCES; i++) {
        CHECK(on[i] > 0 && on[i] < CLASS_SEEDS);
    }
    CHECK(partly > 0);
}

static void class_latency(void)
{
    uint64_t first_ns = 0;
    uint32_t others = 0;
    uint32_t partly = 0;
    for (uint64_t seed = 1; seed <= CLASS_SEEDS; seed++) {
        struct sim_world *w = class_open(seed, CLASS_NODES, SIM_FAULT_LATENCY);
        class_first(w, SIM_FAULT_LATENCY);
        const struct sim_quality *q = &w->net.quality;
        CHECK(q->latency_ns >= SIM_MS && q->latency_ns <= 50 * SIM_MS);
        CHECK(q->jitter_ns >= SIM_MS && q->jitter_ns <= 100 * SIM_MS);
        CHECK_U64(links_that(w, is_lossy), 0);
        uint32_t slow = links_that(w, is_slow);
        partly += w->net.uneven && slow < CLASS_NODES * (CLASS_NODES - 1);
        CHECK(slow > 0);
        others += seed > 1 && q->latency_ns != first_ns;
        first_ns = seed == 1 ? q->latency_ns : first_ns;
        class_ended(w);
        CHECK(!is_slow(&w->net.quality) && links_that(w, is_slow) == 0);
        sim_world_close(w);
    }
    CHECK(partly > 0 && others > 0);
}

/* ---- of datagrams ---- */

/* One machine is seen under another port, in some worlds under another address, for a while. */
static void class_rebind(void)
{
    uint32_t moved = 0;
    uint32_t owned = 0;
    for (uint64_t seed = 1; seed <= CLASS_SEEDS / 2; seed++) {
        uint32_t aliases = 0;
        struct sim_world *w = class_open(seed, CLASS_NODES, SIM_FAULT_REBIND);
        class_first(w, SIM_FAULT_REBIND);
        for (uint32_t i = 0; i < CLASS_NODES; i++) {
            aliases += w->wire.router[i].alias != 0;
            moved += w->wire.router[i].alias != 0 && w->wire.router[i].moved;
            owned += w->wire.router[i].alias != 0 && w->wire.router[i].own;
        }
        CHECK_U64(aliases, 1);
        class_ended(w);
        for (uint32_t i = 0; i < CLASS_NODES; i++) {
            CHECK_U64(w->wire.router[i].alias, 0);
        }
        sim_world_close(w);
    }
    CHECK(moved > 0 && moved < CLASS_SEEDS / 2 && owned > 0 && owned < CLASS_SEEDS / 2);
}

static uint32_t narrow_routers(const struct sim_world *w)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < CLASS_NODES; i++) {
        CHECK(w->wire.router[i].mtu >= SIM_WIRE_MTU_LEAST);
        CHECK(w->wire.router[i].mtu <= SIM_WIRE_MTU);
        n += w->wire.router[i].mtu < SIM_WIRE_MTU;
    }
    return n;
}

/* One machine, or all; some of the senders are told. */
static void class_narrow(void)
{
    uint32_t one = 0;
    uint32_t all = 0;
    uint32_t told = 0;
    for (uint64_t seed = 1; seed <= CLASS_SEEDS / 2; seed++) {
        struct sim_world *w = class_open(seed, CLASS_NODES, SIM_FAULT_NARROW);
        class_first(w, SIM_FAULT_NARROW);
        uint32_t narrow = narrow_routers(w);
        CHECK(narrow == 1 || narrow == CLASS_NODES);
        one += narrow == 1;
        all += narrow == CLASS_NODES;
        told += w->wire.mtu_told;
        class_ended(w);
        CHECK_U64(narrow_routers(w), 0);
        sim_world_close(w);
    }
    CHECK(one > 0 && all > 0 && told > 0 && told < CLASS_SEEDS / 2);
}

/* Of many packets some, and none before it and after it. */
static void class_corrupt(void)
{
    struct sim_world *w = class_open_begun(1, CLASS_NODES, sim_fault_bit(SIM_FAULT_CORRUPT));
    while (w->faults.total == 0) {
        CHECK_U64(w->wire.flipped, 0);
        CHECK(class_step(w));
    }
    CHECK(w->wire.corrupt >= 2 && w->wire.corrupt <= 100);
    uint64_t before = w->wire.packets;
    class_ended(w);
    CHECK(w->wire.flipped > 0 && w->wire.flipped < w->wire.packets - before);
    before = w->wire.flipped;
    CHECK_U64(w->wire.corrupt, 0);
    sim_world_until(w, w->now_ns + 10 * SIM_S);
    CHECK_U64(w->wire.flipped, before);
    sim_world_close(w);
}

#endif
