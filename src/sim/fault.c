/* sim/fault.c -- drawing classes and moments, and doing what each class says. */
#include "sim/fault.h"

#include "base/panic.h"
#include "sim/world.h"

enum {
    FAULT_FLOOD_ONE_IN = 12
};
#define FAULT_RESTART_NS (5 * SIM_S) /* mean of how long a node is down */
#define FAULT_DOOM_NS (20 * SIM_S)   /* until a node that was to crash by itself is started */
#define FAULT_DISK_NS (30 * SIM_S)   /* the same, of one whose disk was to fail */

/* Of draws there is one in an expression: the order within it is the compiler's, and a seed tells
 * the same story whoever built it. */
static struct sim_host *any_host(struct sim_faults *f)
{
    return &f->world->host[prng_below(&f->prng, f->world->node_count)];
}

static uint64_t length(struct sim_faults *f)
{
    return sim_wait(&f->prng, f->length_ns);
}

/* A later moment of this fault; it knows a host (a) and numbers (b, n). */
static struct sim_event *later(struct sim_faults *f, uint64_t wait_ns, sim_event_fn fn, uint32_t a)
{
    struct sim_event *e = sim_world_at(f->world, f->world->now_ns + wait_ns, fn);
    e->a = a;
    return e;
}

/* ---- processes ---- */

static void start_due(struct sim_world *w, struct sim_event *e)
{
    if (!w->faults.over) {
        sim_host_start(&w->host[e->a]);
    }
}

/* After a while, or so soon that others hardly notice. */
static void start_later(struct sim_faults *f, uint32_t host)
{
    uint64_t ns = sim_chance(&f->prng, 3) ? sim_between(&f->prng, 1, 100) * SIM_MS
                                          : sim_wait(&f->prng, FAULT_RESTART_NS);
    later(f, ns, start_due, host);
}

static void crash(struct sim_faults *f)
{
    struct sim_host *h = any_host(f);
    h->spared = sim_chance(&f->prng, 3);
    sim_host_crash(h);
    start_later(f, h->index);
}

/* Its end comes at some effect from now, or when it has promised something; later on it is started
 * whatever came of it. */
static void crash_inside(struct sim_faults *f)
{
    struct sim_host *h = any_host(f);
    h->spared = sim_chance(&f->prng, 3);
    h->doom = (enum sim_moment)prng_below(&f->prng, SIM_MOMENT_COUNT);
    if (h->doom == SIM_MOMENT_NONE) {
        sim_host_crash_soon(h, sim_between(&f->prng, 1, 40));
    } else if (h->doom == SIM_MOMENT_SYNC) {
        h->disk.crash_sync = true;
    } else if (h->doom == SIM_MOMENT_HARD) {
        h->disk.crash_vote = true;
    }
    later(f, FAULT_DOOM_NS, start_due, h->index);
}

static void crash_all(struct sim_faults *f)
{
    for (uint32_t i = 0; i < f->world->node_count; i++) {
        f->world->host[i].spared = false;
        sim_host_crash(&f->world->host[i]);
        start_later(f, i);
    }
}

static void stop(struct sim_faults *f)
{
    struct sim_host *h = any_host(f);
    sim_host_stop(h);
    start_later(f, h->index);
}

/* It goes on where it was, and the first thing it hears is what clients want. */
static void resume_due(struct sim_world *w, struct sim_event *e)
{
    if (!w->faults.over) {
        sim_clients_rush(&w->clients, &w->host[e->a]);
    }
}

static void pause_this(struct sim_faults *f, struct sim_host *h)
{
    uint64_t ns = length(f);
    later(f, ns, resume_due, h->index);
    sim_host_pause(h, f->world->now_ns + ns);
}

static void pause_host(struct sim_faults *f)
{
    pause_this(f, any_host(f));
}

static void quick_due(struct sim_world *w, struct sim_event *e)
{
    w->host[e->a].turn_ns = w->host[e->a].usual_turn_ns;
}

static void slow(struct sim_faults *f)
{
    struct sim_host *h = any_host(f);
    h->turn_ns = sim_between(&f->prng, 1, 100) * SIM_MS;
    later(f, length(f), quick_due, h->index);
}

/* ---- clocks ---- */

static void rate(struct sim_faults *f)
{
    uint32_t in_1024ths = (uint32_t)sim_between(&f->prng, 922, 1126); /* 0.9 to 1.1 */
    sim_host_rate(any_host(f), in_1024ths);
}

static void jump(struct sim_faults *f)
{
    uint64_t ns = sim_wait(&f->prng, 5 * SIM_S);
    sim_host_jump(any_host(f), ns);
}

static void wall(struct sim_faults *f)
{
    struct sim_host *h = any_host(f);
    int64_t by = (int64_t)prng_below(&f->prng, 7200 * SIM_S) - (int64_t)(3600 * SIM_S);
    sim_host_wall(h, by);
}

/* ---- the network ---- */

static void heal_due(struct sim_world *w, struct sim_event *e)
{
    if (!w->faults.over) { /* the end game has its own cuts */
        sim_net_heal(&w->net, e->a, e->b);
    }
}

static void cut(struct sim_faults *f, uint32_t from, uint32_t to, uint64_t ns)
{
    if (from != to) {
        sim_net_cut(&f->world->net, from, to);
        later(f, ns, heal_due, from)->b = to;
    }
}

static void cut_both(struct sim_faults *f, uint32_t a, uint32_t b, uint64_t ns)
{
    cut(f, a, b, ns);
    cut(f, b, a, ns);
}

static void isolate(struct sim_faults *f, uint32_t host)
{
    uint64_t ns = length(f);
    for (uint32_t i = 0; i < f->world->node_count; i++) {
        cut_both(f, host, i, ns);
    }
}

static void isolate_any(struct sim_faults *f)
{
    isolate(f, any_host(f)->index);
}

/* Of those that believe they lead, the one of the newest term. */
static struct sim_host *leader_of(struct sim_faults *f)
{
    struct sim_host *found = NULL;
    uint64_t term = 0;
    for (uint32_t i = 0; i < f->world->node_count; i++) {
        const struct sim_seen *s = &f->world->judge.seen[i];
        if (s->alive && s->role == RAFT_LEADER && s->term > term) {
            found = &f->world->host[i];
            term = s->term;
        }
    }
    return found;
}

/* It is alone and does not know it, and clients go on writing: a tail that nobody else has. */
static void isolate_rushed(struct sim_faults *f, struct sim_host *h)
{
    isolate(f, h->index);
    later(f, 1000, resume_due, h->index);
    f->deposed = sim_chance(&f->prng, 2) ? h->index + 1 : 0;
}

/* As soon as its successor has answered a client, that one is cut off, and the old leader is back
 * with what only it has. */
static void coup(struct sim_faults *f)
{
    struct sim_host *h = leader_of(f);
    uint32_t old = f->deposed - 1;
    if (h == NULL || h->index == old) {
        return;
    }
    f->deposed = 0;
    isolate(f, h->index);
    for (uint32_t i = 0; i < f->world->node_count; i++) {
        if (i != h->index) {
            sim_net_heal(&f->world->net, old, i);
            sim_net_heal(&f->world->net, i, old);
        }
    }
}

/* Now, or right after it has answered a client: nobody else may know yet what it knows. */
static void isolate_leader(struct sim_faults *f)
{
    struct sim_host *h = leader_of(f);
    if (h != NULL && sim_chance(&f->prng, 2)) {
        isolate_rushed(f, h);
    } else {
        f->treason = true;
    }
}

static void betray(struct sim_faults *f)
{
    struct sim_host *h = leader_of(f);
    f->treason = false;
    if (h == NULL) {
        return;
    }
    switch (prng_below(&f->prng, 3)) {
    case 0:
        sim_host_crash_soon(h, 1);
        later(f, FAULT_DOOM_NS, start_due, h->index);
        break;
    case 1:
        pause_this(f, h);
        break;
    default:
        isolate_rushed(f, h);
        break;
    }
}

void sim_fault_moment(struct sim_faults *f, struct sim_host *h, enum sim_moment moment)
{
    if (f->over) {
        return;
    }
    if (h->doom == moment) {
        h->doom = SIM_MOMENT_NONE;
        sim_host_crash_soon(h, sim_between(&f->prng, 1, 3));
    }
    if (f->treason && moment == SIM_MOMENT_ANSWER) {
        betray(f);
    } else if (f->deposed != 0 && moment == SIM_MOMENT_ANSWER) {
        coup(f);
    }
}

/* Two groups by the bits of a drawn number; the bridge sees both. */
static void part(struct sim_faults *f, uint32_t bridge)
{
    uint64_t side = prng_next(&f->prng);
    uint64_t ns = length(f);
    for (uint32_t a = 0; a < f->world->node_count; a++) {
        for (uint32_t b = 0; b < a; b++) {
            bool apart = (side >> a & 1u) != (side >> b & 1u);
            if (apart && a != bridge && b != bridge) {
                cut_both(f, a, b, ns);
            }
        }
    }
}

static void halves(struct sim_faults *f)
{
    part(f, SIM_NODES_MAX); /* nobody */
}

static void bridge(struct sim_faults *f)
{
    part(f, any_host(f)->index);
}

static void ring(struct sim_faults *f)
{
    uint32_t n = f->world->node_count;
    uint64_t ns = length(f);
    for (uint32_t a = 0; a < n; a++) {
        for (uint32_t b = 0; b < a; b++) {
            if (a - b != 1 && a - b != n - 1) {
                cut_both(f, a, b, ns);
            }
        }
    }
}

static void half_dead(struct sim_faults *f, bool sends)
{
    uint32_t host = any_host(f)->index;
    uint64_t ns = length(f);
    for (uint32_t i = 0; i < f->world->node_count; i++) {
        cut(f, sends ? i : host, sends ? host : i, ns);
    }
}

static void mute(struct sim_faults *f)
{
    half_dead(f, false);
}

static void deaf(struct sim_faults *f)
{
    half_dead(f, true);
}

static void one_way(struct sim_faults *f)
{
    uint64_t ns = length(f);
    uint32_t to = any_host(f)->index;
    uint32_t from = any_host(f)->index;
    cut(f, from, to, ns);
}

static void flap_due(struct sim_world *w, struct sim_event *e)
{
    if (!w->faults.over) {
        cut_both(&w->faults, e->a, e->b, e->n);
    }
}

/* Half of every period the link is there. */
static void flap(struct sim_faults *f)
{
    uint32_t a = any_host(f)->index;
    uint32_t b = any_host(f)->index;
    uint64_t period = sim_between(&f->prng, 20, 2000) * SIM_MS;
    uint64_t times = sim_between(&f->prng, 2, 20);
    for (uint64_t i = 0; i < times && a != b; i++) {
        struct sim_event *e = later(f, i * period, flap_due, a);
        e->b = b;
        e->n = period / 2;
    }
}

static void break_some(struct sim_faults *f)
{
    for (uint32_t a = 0; a < f->world->node_count; a++) {
        for (uint32_t b = 0; b < a; b++) {
            if (sim_chance(&f->prng, 2)) {
                sim_net_break(&f->world->net, a, b);
            }
        }
    }
}

static void clog_some(struct sim_faults *f)
{
    uint32_t host = any_host(f)->index;
    uint64_t until = f->world->now_ns + length(f);
    for (uint32_t i = 0; i < f->world->node_count; i++) {
        if (sim_chance(&f->prng, 2)) {
            f->world->net.clogged_ns[host][i] = until;
        }
        if (sim_chance(&f->prng, 2)) {
            f->world->net.clogged_ns[i][host] = until;
        }
    }
}

static void calm_due(struct sim_world *w, struct sim_event *e)
{
    struct sim_quality *q = &w->net.quality;
    if (e->b != 0) {
        q->drop = q->twice = q->reorder = q->replay = q->truncate = q->refuse = 0;
    } else {
        q->latency_ns = SIM_NET_LATENCY_NS;
        q->jitter_ns = SIM_NET_JITTER_NS;
    }
}

static void loss(struct sim_faults *f)
{
    struct sim_quality *q = &f->world->net.quality;
    uint32_t *chances[] = {
        &q->drop, &q->twice, &q->reorder, &q->replay, &q->truncate, &q->refuse
    };
    for (size_t i = 0; i < sizeof chances / sizeof chances[0]; i++) {
        *chances[i] = sim_chance(&f->prng, 2) ? (uint32_t)sim_between(&f->prng, 2, 100) : 0;
    }
    later(f, length(f), calm_due, 0)->b = 1;
}

static void latency(struct sim_faults *f)
{
    struct sim_quality *q = &f->world->net.quality;
    q->latency_ns = sim_between(&f->prng, 1, 50) * SIM_MS;
    q->jitter_ns = sim_between(&f->prng, 1, 100) * SIM_MS;
    later(f, length(f), calm_due, 0);
}

/* ---- disks ---- */

static void disk_quick_due(struct sim_world *w, struct sim_event *e)
{
    w->host[e->a].loop.job_ns_min = SIM_LOOP_JOB_NS_MIN;
    w->host[e->a].loop.job_ns_max = SIM_LOOP_JOB_NS_MAX;
}

static void disk_slow(struct sim_faults *f)
{
    struct sim_host *h = any_host(f);
    h->loop.job_ns_min = SIM_MS;
    h->loop.job_ns_max = sim_between(&f->prng, 2, 500) * SIM_MS;
    later(f, length(f), disk_quick_due, h->index);
}

static void disk_stuck(struct sim_faults *f)
{
    struct sim_host *h = any_host(f);
    uint64_t now = sim_host_local(h);
    sim_loop_stick(&h->loop, now, now + length(f));
}

static void disk_error(struct sim_faults *f)
{
    static const enum err kinds[] = { ERR_IO, ERR_SYNC_FAILED, ERR_NO_SPACE };
    struct sim_host *h = any_host(f);
    h->disk.fault_at = h->disk.ops + sim_between(&f->prng, 1, 60);
    h->disk.fault = kinds[prng_below(&f->prng, 3)];
    h->spared = sim_chance(&f->prng, 2);
    h->disk_failed = true;
    later(f, FAULT_DISK_NS, start_due, h->index);
}

static void space_due(struct sim_world *w, struct sim_event *e)
{
    w->host[e->a].disk.full = false;
    start_due(w, e);
}

static void disk_full(struct sim_faults *f)
{
    struct sim_host *h = any_host(f);
    h->disk.full = true;
    h->disk_failed = true;
    later(f, length(f), space_due, h->index);
}

static uint32_t damaged(const struct sim_world *w)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < w->node_count; i++) {
        count += w->host[i].damaged;
    }
    return count;
}

static void disk_rot(struct sim_faults *f)
{
    struct sim_host *h = any_host(f);
    bool bearable = 2 * (damaged(f->world) + 1) < f->world->node_count;
    if (bearable && sim_disk_rot(&h->disk, ".seg", prng_next(&f->prng))) {
        h->damaged = true;
        later(f, length(f), start_due, h->index);
        sim_host_crash(h); /* else it might never look there */
    }
}

/* ---- load ---- */

static void think_due(struct sim_world *w, struct sim_event *e)
{
    w->clients.load.think_ns = e->n;
    if (w->clients.resting && !w->faults.over) {
        sim_clients_start(&w->clients);
    }
}

static void load(struct sim_faults *f, bool none)
{
    struct sim_clients *c = &f->world->clients;
    if (c->resting || c->load.think_ns < 10 * SIM_MS) {
        return; /* one at a time */
    }
    uint64_t ns = none ? length(f) : sim_wait(&f->prng, SIM_S / 2);
    later(f, ns, think_due, 0)->n = c->load.think_ns;
    if (none) {
        sim_clients_rest(c);
    } else {
        c->load.think_ns = SIM_MS;
    }
}

static void burst(struct sim_faults *f)
{
    load(f, false);
}

static void quiet(struct sim_faults *f)
{
    load(f, true);
}

/* Seldom, for it costs as much as minutes of all the rest. Half of the time it is the leader, and
 * half of these are cut off meanwhile, so that what they take piles up. */
static void flood(struct sim_faults *f)
{
    bool leader = sim_chance(&f->prng, 2);
    bool alone = leader && sim_chance(&f->prng, 2);
    struct sim_host *h = leader ? leader_of(f) : any_host(f);
    bool now = sim_chance(&f->prng, FAULT_FLOOD_ONE_IN);
    if (now && h != NULL && sim_flood_start(&f->world->flood, h) && alone) {
        isolate(f, h->index);
    }
}

/* ---- of datagrams ---- */

static uint64_t until(struct sim_faults *f)
{
    return f->world->now_ns + length(f);
}

static void rebind(struct sim_faults *f)
{
    uint64_t until_ns = until(f);
    sim_wire_rebind(&f->world->wire, any_host(f)->index, until_ns);
}

static void narrow(struct sim_faults *f)
{
    uint64_t until_ns = until(f);
    uint32_t host = sim_chance(&f->prng, 2) ? SIM_NODES_MAX : any_host(f)->index;
    sim_wire_narrow(&f->world->wire, host, until_ns);
}

static void corrupt(struct sim_faults *f)
{
    sim_wire_corrupt(&f->world->wire, until(f));
}

/* ---- all of them ---- */

struct fault_row {
    const char *name;
    void (*fn)(struct sim_faults *f);
};

static const struct fault_row fault_rows[] = {
#define FAULT_ROW(name, text, fn) { text, fn },
    SIM_FAULTS(FAULT_ROW)
#undef FAULT_ROW
};

const char *sim_fault_name(enum sim_fault_class class)
{
    return fault_rows[class].name;
}

enum sim_fault_class sim_fault_find(const char *name)
{
    int i = 0;
    while (i < SIM_FAULT_COUNT && strcmp(fault_rows[i].name, name) != 0) {
        i++;
    }
    return (enum sim_fault_class)i;
}

/* The classes that mean something at this level. */
static uint32_t classes(const struct sim_faults *f)
{
    return f->world->options.quic ? SIM_FAULT_COUNT : SIM_FAULT_MESSAGE_COUNT;
}

/* One fault of a class now. */
static void inject(struct sim_faults *f, enum sim_fault_class class)
{
    f->injected[class]++;
    f->total++;
    sim_world_tell(f->world, 0, fault_rows[class].name, f->total, 0);
    fault_rows[class].fn(f);
}

static void fault_due(struct sim_world *w, struct sim_event *e)
{
    struct sim_faults *f = &w->faults;
    (void)e;
    if (f->over) {
        return;
    }
    enum sim_fault_class class = (enum sim_fault_class)prng_below(&f->prng, classes(f));
    if ((f->on & sim_fault_bit(class)) != 0) {
        inject(f, class);
    }
    later(f, sim_wait(&f->prng, f->mean_ns), fault_due, 0);
}

void sim_faults_start(struct sim_faults *f)
{
    later(f, SIM_S + sim_wait(&f->prng, f->mean_ns), fault_due, 0);
}

void sim_faults_stop(struct sim_faults *f)
{
    struct sim_world *w = f->world;
    f->over = true;
    sim_flood_stop(&w->flood);
    sim_net_calm(&w->net);
    sim_wire_calm(&w->wire);
    for (uint32_t i = 0; i < w->node_count; i++) {
        struct sim_host *h = &w->host[i];
        h->turn_ns = h->usual_turn_ns;
        h->doom = SIM_MOMENT_NONE;
        h->loop.job_ns_min = SIM_LOOP_JOB_NS_MIN;
        h->loop.job_ns_max = SIM_LOOP_JOB_NS_MAX;
        sim_loop_unstick(&h->loop);
        h->disk.crash_at = 0;
        h->disk.crash_sync = false;
        h->disk.crash_vote = false;
        h->disk.fault_at = 0;
        h->disk.full = false;
        sim_host_pause(h, 0);
    }
}

void sim_faults_init(struct sim_faults *f, struct sim_world *w, uint64_t seed)
{
    f->world = w;
    prng_seed(&f->prng, seed);
    uint64_t all = UINT64_MAX >> (64 - classes(f));
    f->on = prng_next(&f->prng) & all;
    f->on = w->options.faults_all ? all : f->on;
    f->on &= ~w->options.faults_off;
    f->mean_ns = sim_between(&f->prng, 50, 2000) * SIM_MS;
    f->length_ns = sim_between(&f->prng, 200, 8000) * SIM_MS;
}
