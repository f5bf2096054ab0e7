/* tests/unit/sim/test_swarm.c -- Subject: what classes of faults do to a world, as far as it can be
 * seen from outside. Method: worlds in which one class alone is on.
 */
#include "tap.h"

#include "sim/world.h"

#include <inttypes.h>

enum {
    NODES = 3,
    STALES = 30, /* worlds */
    RINGS = 20,  /* worlds of each size */
    FLAPS = 5,
    FLAP_S = 60,  /* longer than the last of them takes */
    LOOK_MS = 5,  /* ms between two looks */
    CRASHES = 12, /* worlds of each class */
    PROBE_BYTES = 64 * 1024
};

#define PROBE "elsewhere/probe" /* in no node's directory */

static struct sim_world *world_of(uint64_t seed, uint32_t nodes, enum sim_fault_class only)
{
    struct sim_options o = { .seed = seed, .nodes = nodes, .faults_all = true };
    o.faults_off = ~sim_fault_bit(only);
    struct sim_world *w = sim_world_open(&o);
    CHECK(w != NULL);
    for (uint32_t i = 0; i < nodes; i++) {
        sim_host_start(&w->host[i]);
    }
    sim_faults_start(&w->faults);
    return w;
}

static struct sim_world *world_with(enum sim_fault_class only)
{
    return world_of(1, NODES, only);
}

/* Until the first fault, and no other one comes after it. */
static void first_fault(struct sim_world *w)
{
    while (w->faults.total == 0 && w->now_ns < 4000 * SIM_S) {
        sim_world_until(w, w->now_ns + SIM_MS);
    }
    w->faults.on = 0;
}

static uint32_t links_cut(const struct sim_world *w)
{
    uint32_t bits = 0;
    for (uint32_t a = 0; a < NODES; a++) {
        for (uint32_t b = 0; b < NODES; b++) {
            bits |= w->net.cut[a][b] > 0 ? 1u << (a * NODES + b) : 0;
        }
    }
    return bits;
}

/* A flap is 11 cuts on average, and every one of them ends before the next one. */
static void flaps(void)
{
    struct sim_world *w = world_with(SIM_FAULT_FLAP);
    uint64_t cuts = 0;
    uint32_t before = 0;
    uint64_t end_ns = w->now_ns + 4000 * SIM_S; /* if they do not come */
    while (w->now_ns < end_ns && !w->failed) {
        sim_world_until(w, w->now_ns + LOOK_MS * SIM_MS);
        if (w->faults.on != 0 && w->faults.total == FLAPS) {
            w->faults.on = 0;
            end_ns = w->now_ns + FLAP_S * SIM_S;
        }
        uint32_t now = links_cut(w);
        cuts += (now & ~before) != 0;
        before = now;
    }
    CHECK(!w->failed);
    CHECK_U64(w->faults.injected[SIM_FAULT_FLAP], FLAPS);
    CHECK_U64(w->faults.injected[SIM_FAULT_FLAP], w->faults.total);
    CHECK(cuts >= 3 * w->faults.total);
    sim_world_close(w);
}

/* Whom each node sees, itself too; both ways, or it does not count. */
static void seen_by(const struct sim_world *w, uint32_t out[SIM_NODES_MAX])
{
    for (uint32_t a = 0; a < w->node_count; a++) {
        out[a] = 0;
        for (uint32_t b = 0; b < w->node_count; b++) {
            bool sees = w->net.cut[a][b] == 0 && w->net.cut[b][a] == 0;
            out[a] |= sees ? 1u << b : 0;
        }
    }
}

/* Each sees a majority, and no two see the same one; where there is more than one order, the order
 * is drawn. */
static void majorities(void)
{
    for (uint32_t nodes = 4; nodes <= SIM_NODES_MAX; nodes++) {
        uint32_t first_seen = 0;
        uint32_t others = 0;
        for (uint64_t seed = 1; seed <= RINGS; seed++) {
            uint32_t seen[SIM_NODES_MAX];
            struct sim_world *w = world_of(seed, nodes, SIM_FAULT_MAJORITIES);
            first_fault(w);
            CHECK_U64(w->faults.injected[SIM_FAULT_MAJORITIES], 1);
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

/* Each sees its two neighbours, the first and the last each other too. */
static void rings(void)
{
    for (uint32_t nodes = 4; nodes <= SIM_NODES_MAX; nodes++) {
        uint32_t seen[SIM_NODES_MAX];
        struct sim_world *w = world_of(1, nodes, SIM_FAULT_RING);
        first_fault(w);
        CHECK_U64(w->faults.injected[SIM_FAULT_RING], 1);
        seen_by(w, seen);
        for (uint32_t a = 0; a < nodes; a++) {
            uint32_t before = (a + nodes - 1) % nodes;
            CHECK_U64(seen[a], 1u << a | 1u << before | 1u << (a + 1) % nodes);
        }
        sim_world_close(w);
    }
}

/* Ways from one node to all others, or the other way round: none else is cut. */
static void half_dead(void)
{
    for (int deaf = 0; deaf < 2; deaf++) {
        struct sim_world *w = world_with(deaf ? SIM_FAULT_DEAF : SIM_FAULT_MUTE);
        uint32_t host = 0;
        uint32_t cut = 0;
        first_fault(w);
        for (uint32_t a = 0; a < NODES; a++) {
            for (uint32_t b = 0; b < NODES; b++) {
                cut += a != b && w->net.cut[a][b] > 0;
            }
            uint32_t other = (a + 1) % NODES;
            uint32_t third = (a + 2) % NODES;
            bool one = deaf ? w->net.cut[other][a] > 0 && w->net.cut[third][a] > 0
                            : w->net.cut[a][other] > 0 && w->net.cut[a][third] > 0;
            host += one;
        }
        CHECK_U64(host, 1);
        CHECK_U64(cut, NODES - 1);
        sim_world_close(w);
    }
}

/* When a way was clogged first, and when it was free again. */
struct clog {
    uint64_t from_ns;
    uint64_t to_ns;
};

static void clogs_of_first(struct sim_world *w, struct clog out[NODES * NODES])
{
    memset(out, 0, NODES * NODES * sizeof *out);
    first_fault(w);
    for (uint64_t end_ns = w->now_ns + 200 * SIM_S; w->now_ns < end_ns;) {
        for (uint32_t i = 0; i < NODES * NODES; i++) {
            bool clogged = w->net.clogged_ns[i / NODES][i % NODES] > w->now_ns;
            out[i].from_ns = clogged && out[i].from_ns == 0 ? w->now_ns : out[i].from_ns;
            out[i].to_ns = clogged ? w->now_ns : out[i].to_ns;
        }
        sim_world_until(w, w->now_ns + LOOK_MS * SIM_MS);
    }
}

/* Ways that were clogged one after the other: in the same order free again, or the other way. */
static void count_orders(const struct clog c[NODES * NODES], uint64_t *same, uint64_t *other)
{
    for (uint32_t i = 0; i < NODES * NODES; i++) {
        for (uint32_t k = 0; k < NODES * NODES && c[i].from_ns != 0; k++) {
            bool after = c[k].from_ns > c[i].from_ns;
            *same += after && c[k].to_ns > c[i].to_ns;
            *other += after && c[k].to_ns < c[i].to_ns;
        }
    }
}

/* Both ways of a node at once, all of them clogged together for a moment. */
static void swizzles(void)
{
    uint64_t same = 0;
    uint64_t other = 0;
    for (uint64_t seed = 1; seed <= RINGS; seed++) {
        struct clog c[NODES * NODES];
        uint64_t last_from = 0;
        uint64_t first_to = UINT64_MAX;
        struct sim_world *w = world_of(seed, NODES, SIM_FAULT_SWIZZLE);
        clogs_of_first(w, c);
        CHECK_U64(w->faults.injected[SIM_FAULT_SWIZZLE], 1);
        for (uint32_t i = 0; i < NODES * NODES; i++) {
            const struct clog *back = &c[i % NODES * NODES + i / NODES];
            CHECK(c[i].from_ns == back->from_ns && c[i].to_ns == back->to_ns);
            CHECK(c[i].from_ns == 0 || i / NODES != i % NODES);
            last_from = c[i].from_ns > last_from ? c[i].from_ns : last_from;
            first_to = c[i].from_ns != 0 && c[i].to_ns < first_to ? c[i].to_ns : first_to;
        }
        CHECK(last_from != 0 && last_from <= first_to);
        count_orders(c, &same, &other);
        sim_world_close(w);
    }
    CHECK(same > 0 && other > 0);
}

/* A node alone, before its cluster has begun, and after a whole run: all calls come to an end. */
static void floods(void)
{
    struct sim_options o = { .seed = 2, .nodes = 1, .faults_off = UINT64_MAX };
    o.virtual_ns = 20 * SIM_S;
    struct sim_world *w = sim_world_open(&o);
    CHECK(w != NULL);
    sim_host_start(&w->host[0]);
    CHECK(sim_flood_start(&w->flood, &w->host[0]));
    CHECK(!sim_flood_start(&w->flood, &w->host[0]));
    sim_world_until(w, w->now_ns + 20 * SIM_S);
    CHECK(!w->failed && w->flood.host == NULL);
    CHECK_U64(w->flood.refused, w->flood.count);
    CHECK(sim_world_run(w));
    CHECK(sim_flood_start(&w->flood, &w->host[0]));
    w->flood.over = false;
    sim_world_until(w, w->now_ns + 20 * SIM_S);
    CHECK(!w->failed && w->flood.host == NULL);
    CHECK(w->flood.done > 0);
    sim_world_close(w);
}

/* What has nobody to befall is no fault: one node has no links, and a log may have no place that
 * may rot. */
static void counted(void)
{
    static const enum sim_fault_class links[] = { SIM_FAULT_ISOLATE, SIM_FAULT_HALVES,
                                                  SIM_FAULT_ONE_WAY, SIM_FAULT_BREAK,
                                                  SIM_FAULT_LOSS,    SIM_FAULT_FLAP,
                                                  SIM_FAULT_SWIZZLE, SIM_FAULT_MAJORITIES };
    for (size_t i = 0; i < sizeof links / sizeof links[0]; i++) {
        struct sim_options o = { .seed = 1, .nodes = 1, .faults_all = true };
        o.faults_off = ~sim_fault_bit(links[i]);
        struct sim_world *w = sim_world_open(&o);
        CHECK(w != NULL);
        sim_host_start(&w->host[0]);
        sim_faults_start(&w->faults);
        sim_world_until(w, w->now_ns + 200 * SIM_S);
        CHECK_U64(w->faults.total, 0);
        sim_world_close(w);
    }
    struct sim_world *w = world_with(SIM_FAULT_DISK_ROT); /* nobody has begun: logs are empty */
    sim_world_until(w, w->now_ns + 200 * SIM_S);
    CHECK_U64(w->faults.injected[SIM_FAULT_DISK_ROT], 0);
    sim_world_close(w);
}

static bool is_paused(const struct sim_host *h)
{
    return h->state == SIM_HOST_UP && h->paused_until_ns > h->world->now_ns;
}

static bool is_slow(const struct sim_host *h)
{
    return h->turn_ns >= SIM_MS && h->turn_ns > h->usual_turn_ns;
}

static bool is_fast_or_slow(const struct sim_host *h)
{
    return h->rate != 1024;
}

static uint64_t ahead_ns[NODES]; /* how far each clock was ahead of the world's */

static bool has_jumped(const struct sim_host *h)
{
    return sim_host_local(h) - h->world->now_ns > ahead_ns[h->index];
}

static bool is_of_another_day(const struct sim_host *h)
{
    return h->wall_shift_ns != 0;
}

static bool has_a_slow_disk(const struct sim_host *h)
{
    return h->loop.job_ns_max > SIM_LOOP_JOB_NS_MAX;
}

static bool has_a_sick_disk(const struct sim_host *h)
{
    return h->loop.job_ns_max > SIM_S;
}

static bool has_a_hung_disk(const struct sim_host *h)
{
    return h->loop.stuck_until_ns > sim_host_local(h) && h->loop.stuck_until_ns != UINT64_MAX;
}

static bool has_a_dead_disk(const struct sim_host *h)
{
    return h->loop.stuck_until_ns == UINT64_MAX;
}

static bool any_host(const struct sim_world *w, bool (*befalls)(const struct sim_host *h))
{
    bool any = false;
    for (uint32_t i = 0; i < w->node_count; i++) {
        any = any || befalls(&w->host[i]);
    }
    return any;
}

/* A class that is counted is seen: the count of one that does nothing grows alike. */
static void seen(void)
{
    static const struct {
        enum sim_fault_class class;
        bool (*befalls)(const struct sim_host *h);
    } all[] = { { SIM_FAULT_PAUSE, is_paused },           { SIM_FAULT_SLOW, is_slow },
                { SIM_FAULT_RATE, is_fast_or_slow },      { SIM_FAULT_JUMP, has_jumped },
                { SIM_FAULT_WALL, is_of_another_day },    { SIM_FAULT_DISK_SLOW, has_a_slow_disk },
                { SIM_FAULT_DISK_SLOW, has_a_sick_disk }, { SIM_FAULT_DISK_STUCK, has_a_hung_disk },
                { SIM_FAULT_DISK_STUCK, has_a_dead_disk } };
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        struct sim_world *w = world_with(all[i].class);
        bool found = false;
        for (uint32_t k = 0; k < NODES; k++) {
            ahead_ns[k] = sim_host_local(&w->host[k]) - w->now_ns;
        }
        CHECK(!any_host(w, all[i].befalls));
        while (!found && w->now_ns < 1000 * SIM_S && !w->failed) {
            sim_world_until(w, w->now_ns + LOOK_MS * SIM_MS);
            found = any_host(w, all[i].befalls);
        }
        CHECK(found && w->faults.injected[all[i].class] > 0);
        CHECK_U64(w->faults.injected[all[i].class], w->faults.total);
        sim_world_close(w);
    }
}

/* Worlds in which nothing but these goes wrong; each is well in the end. */
static void run_worlds(uint64_t classes, void (*look)(const struct sim_world *w))
{
    for (uint64_t seed = 1; seed <= STALES; seed++) {
        struct sim_options o = { .seed = seed, .nodes = NODES, .faults_all = true };
        o.faults_off = ~classes;
        o.virtual_ns = 60 * SIM_S;
        struct sim_world *w = sim_world_open(&o);
        CHECK(w != NULL);
        CHECK(sim_world_run(w));
        look(w);
        sim_world_close(w);
    }
}

static struct {
    uint64_t acted;
    uint64_t again;  /* processes that are not the first of their node */
    uint64_t given;  /* stale reads */
    uint64_t rotten; /* snapshots */
} count;

static void count_all(const struct sim_world *w)
{
    count.acted += w->faults.total;
    for (uint32_t i = 0; i < NODES; i++) {
        count.again += w->host[i].process - 1;
        count.given += w->host[i].disk.stale.given;
        count.rotten += w->host[i].disk.snaps_rotted;
    }
}

static void whole(const struct sim_world *w)
{
    for (uint32_t i = 0; i < NODES; i++) {
        CHECK(!w->host[i].damaged && w->host[i].disk.stale.reads == 0);
    }
    count_all(w);
}

/* Older bytes are read, nodes start again without harm, and one that stops has its reason. */
static void stales(void)
{
    memset(&count, 0, sizeof count);
    run_worlds(sim_fault_bit(SIM_FAULT_DISK_STALE), whole);
    printf("# %" PRIu64 " faults, %" PRIu64 " reads\n", count.acted, count.given);
    CHECK(count.acted > 0 && count.given >= count.acted / 2);
}

/* Nobody stops a node, and yet some are in another process than their first. */
static void crashes_inside(void)
{
    memset(&count, 0, sizeof count);
    run_worlds(sim_fault_bit(SIM_FAULT_CRASH_INSIDE), count_all);
    printf("# %" PRIu64 " faults, %" PRIu64 " starts\n", count.acted, count.again);
    CHECK(count.acted > STALES && count.again >= count.acted / 2);
}

/* A disk that hangs for good ends with its machine, which is switched off and on. */
static void dead_disks(void)
{
    struct sim_world *w = world_with(SIM_FAULT_DISK_STUCK);
    const struct sim_host *h = NULL;
    while (h == NULL && w->now_ns < 1000 * SIM_S && !w->failed) {
        sim_world_until(w, w->now_ns + LOOK_MS * SIM_MS);
        for (uint32_t i = 0; i < NODES; i++) {
            h = has_a_dead_disk(&w->host[i]) ? &w->host[i] : h;
        }
    }
    CHECK(h != NULL);
    while (h->state == SIM_HOST_UP && has_a_dead_disk(h) && w->now_ns < 2000 * SIM_S) {
        sim_world_until(w, w->now_ns + LOOK_MS * SIM_MS);
    }
    CHECK(h->state == SIM_HOST_DOWN || (h->state == SIM_HOST_UP && h->process == 2));
    while ((h->state != SIM_HOST_UP || has_a_dead_disk(h)) && w->now_ns < 3000 * SIM_S) {
        sim_world_until(w, w->now_ns + LOOK_MS * SIM_MS);
    }
    CHECK(h->state == SIM_HOST_UP && h->process > 1 && !w->failed);
    sim_world_close(w);
}

/* Some are read while they are rotten, and nobody is harmed. */
static void rotten_snapshots(void)
{
    memset(&count, 0, sizeof count);
    run_worlds(sim_fault_bit(SIM_FAULT_SNAP_ROT) | sim_fault_bit(SIM_FAULT_SNAPSHOT) |
                   sim_fault_bit(SIM_FAULT_ISOLATE) | sim_fault_bit(SIM_FAULT_WIPE),
               count_all);
    printf("# %" PRIu64 " faults, %" PRIu64 " rotten\n", count.acted, count.rotten);
    CHECK(count.rotten > 0);
}

/* What the operator wants of those on their way back is what the nodes are asked. */
static void keeps(void)
{
    uint32_t kept = 0;
    uint32_t ended = 0;
    struct sim_world *w = world_of(1, NODES, SIM_FAULT_MEMBERS);
    sim_begin_ask(w);
    sim_faults_start(&w->faults);
    while ((kept == 0 || ended == 0) && w->now_ns < 4000 * SIM_S && !w->failed) {
        sim_world_until(w, w->now_ns + SIM_MS);
        for (uint32_t i = 0; i < SIM_ADMIN_CALLS_MAX; i++) {
            const struct sim_admin_call *c = &w->admin.call[i];
            bool set = c->asked != NULL && c->step.kind == SIM_ADMIN_VOTERS;
            CHECK(!set || c->call.keep_rejoining == c->step.keep);
            kept += set && c->call.keep_rejoining;
            ended += set && !c->call.keep_rejoining;
        }
    }
    CHECK(kept > 0 && ended > 0 && !w->failed);
    sim_world_close(w);
}

/* ---- what a crash takes ---- */

static uint8_t probe[PROBE_BYTES];

/* Written and not synced, but for its name. */
static void probe_put(struct sim_host *h)
{
    int file = -1;
    memset(probe, 0x5a, sizeof probe);
    CHECK(sim_disk_create(&h->disk, PROBE, &file) == ERR_OK);
    CHECK(sim_disk_sync_names(&h->disk, PROBE) == ERR_OK);
    CHECK(sim_disk_write(&h->disk, file, 0, probe, sizeof probe) == ERR_OK);
}

static bool probe_whole(struct sim_host *h)
{
    static uint8_t found[PROBE_BYTES];
    size_t have = 0;
    int file = sim_disk_find(&h->disk, PROBE);
    CHECK(file >= 0);
    CHECK(sim_disk_read(&h->disk, file, 0, found, sizeof found, &have) == ERR_OK);
    return have == sizeof found && memcmp(found, probe, sizeof found) == 0;
}

/* The first node that crashes has lost some of what it had not synced: true; or nothing of it. */
static bool crash_takes(uint64_t seed, enum sim_fault_class class)
{
    struct sim_host *crashed = NULL;
    struct sim_world *w = world_of(seed, NODES, class);
    w->faults.mean_ns = 100 * SIM_MS; /* most that are drawn are of classes that are off */
    sim_faults_start(&w->faults);     /* and so soon, too, not when the seed would have the first */
    sim_begin_ask(w);
    for (uint32_t i = 0; i < NODES; i++) {
        probe_put(&w->host[i]);
    }
    while (crashed == NULL && w->now_ns < 4000 * SIM_S && !w->failed) {
        sim_world_until(w, w->now_ns + SIM_MS);
        for (uint32_t i = 0; i < NODES && crashed == NULL; i++) {
            struct sim_host *h = &w->host[i];
            bool down = h->state == SIM_HOST_DOWN || h->process > 1;
            CHECK(down || probe_whole(h));
            crashed = down ? h : NULL;
        }
    }
    CHECK(crashed != NULL);
    bool takes = !probe_whole(crashed);
    sim_world_close(w);
    return takes;
}

/* The power goes, or only the process, in some of the worlds each; of all nodes at once the power
 * does. */
static void crashes_take(void)
{
    static const struct {
        enum sim_fault_class class;
        bool spares;
    } all[] = { { SIM_FAULT_CRASH, true },
                { SIM_FAULT_CRASH_INSIDE, true },
                { SIM_FAULT_CRASH_ALL, false } };
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        uint32_t taken = 0;
        for (uint64_t seed = 1; seed <= CRASHES; seed++) {
            taken += crash_takes(seed, all[i].class);
        }
        printf("# %s: %u of %d\n", sim_fault_name(all[i].class), taken, CRASHES);
        CHECK(taken > CRASHES / 3 && (taken < CRASHES) == all[i].spares);
    }
}

int main(void)
{
    TAP_TEST("faults: a flapping link is there again between its cuts", flaps);
    TAP_TEST("faults: each node sees a majority of its own", majorities);
    TAP_TEST("faults: in a ring each node sees its neighbours", rings);
    TAP_TEST("faults: the mute only receive, the deaf only send", half_dead);
    TAP_TEST("faults: nodes are clogged in turn, and unclogged in another", swizzles);
    TAP_TEST("faults: older bytes are read of a disk, and no harm stays", stales);
    TAP_TEST("faults: every call of a flood is answered or refused", floods);
    TAP_TEST("faults: only those that acted are counted", counted);
    TAP_TEST("faults: what befalls a machine is seen there", seen);
    TAP_TEST("faults: a node crashes inside an effect, and starts again", crashes_inside);
    TAP_TEST("faults: a disk that hangs for good ends with its machine", dead_disks);
    TAP_TEST("faults: snapshots rot, and some are read then", rotten_snapshots);
    TAP_TEST("faults: the operator keeps who comes back, or ends it", keeps);
    TAP_TEST("faults: a crash takes what was not synced, or only the process", crashes_take);
    return tap_done();
}
