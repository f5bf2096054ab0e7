/* sim/fault.c -- drawing classes and moments, the table of all, and the end of all. */
#include "sim/fault_impl.h"
#include "sim/world.h"

enum {
    FAULT_ADMIN_ONE_IN = 6
};
#define FAULT_MEAN_NS_MIN (50 * SIM_MS) /* mean of the time between two draws */
#define FAULT_MEAN_NS_MAX (2 * SIM_S)
#define FAULT_LENGTH_NS_MIN (200 * SIM_MS) /* mean of how long one lasts */
#define FAULT_LENGTH_NS_MAX (8 * SIM_S)

/* Of draws there is one in an expression: the order within it is the compiler's, and a seed tells
 * the same story whoever built it. */
struct sim_host *sim_fault_any_host(struct sim_faults *f)
{
    return &f->world->host[prng_below(&f->prng, f->world->node_count)];
}

uint64_t sim_fault_length(struct sim_faults *f)
{
    return sim_wait(&f->prng, f->length_ns);
}

/* A later moment of this fault; it knows a host (a) and numbers (b, n). */
struct sim_event *sim_fault_later(struct sim_faults *f, uint64_t wait_ns, sim_event_fn fn,
                                  uint32_t a)
{
    struct sim_event *e = sim_world_at(f->world, f->world->now_ns + wait_ns, fn);
    e->a = a;
    return e;
}

struct fault_row {
    const char *name;
    bool (*fn)(struct sim_faults *f); /* false: it found nothing to do */
};

static const struct fault_row fault_rows[] = {
#define FAULT_ROW(name, text, fn) { text, sim_fault_do_##fn },
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

/* One fault of a class now; told before, for what follows is its doing, counted when it acted. */
static void inject(struct sim_faults *f, enum sim_fault_class class)
{
    sim_world_tell(f->world, 0, fault_rows[class].name, f->total + 1, 0);
    bool acted = fault_rows[class].fn(f);
    f->injected[class] += acted;
    f->total += acted;
}

/* Any class, and now and then one of the operator's again: what he begins takes long. */
static enum sim_fault_class draw_class(struct sim_faults *f)
{
    static const enum sim_fault_class his[] = { SIM_FAULT_MEMBERS, SIM_FAULT_MEMBERS,
                                                SIM_FAULT_TRANSFER, SIM_FAULT_SNAPSHOT,
                                                SIM_FAULT_FOREIGN };
    if (sim_chance(&f->prng, FAULT_ADMIN_ONE_IN)) {
        return his[prng_below(&f->prng, sizeof his / sizeof his[0])];
    }
    return (enum sim_fault_class)prng_below(&f->prng, classes(f));
}

static void fault_due(struct sim_world *w, struct sim_event *e)
{
    struct sim_faults *f = &w->faults;
    (void)e;
    if (f->over) {
        return;
    }
    enum sim_fault_class class = draw_class(f);
    if ((f->on & sim_fault_bit(class)) != 0) {
        inject(f, class);
    }
    sim_fault_later(f, sim_wait(&f->prng, f->mean_ns), fault_due, 0);
}

void sim_faults_start(struct sim_faults *f)
{
    sim_fault_later(f, SIM_S + sim_wait(&f->prng, f->mean_ns), fault_due, 0);
}

void sim_faults_stop(struct sim_faults *f)
{
    struct sim_world *w = f->world;
    f->over = true;
    sim_flood_stop(&w->flood);
    sim_admin_stop(&w->admin);
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
        h->disk.read_fault_at = 0;
        sim_disk_stale_end(&h->disk);
        h->disk.snap_rot = 0;
        h->disk.full = false;
        sim_host_poke(h);
    }
}

void sim_faults_done(struct sim_faults *f)
{
    sim_fault_backup_drop(f);
}

void sim_faults_init(struct sim_faults *f, struct sim_world *w, uint64_t seed)
{
    f->world = w;
    prng_seed(&f->prng, seed);
    uint64_t all = UINT64_MAX >> (64 - classes(f));
    f->on = prng_next(&f->prng) & all;
    f->on = w->options.faults_all ? all : f->on;
    f->on &= ~w->options.faults_off;
    f->mean_ns = sim_between(&f->prng, FAULT_MEAN_NS_MIN, FAULT_MEAN_NS_MAX);
    f->length_ns = sim_between(&f->prng, FAULT_LENGTH_NS_MIN, FAULT_LENGTH_NS_MAX);
    f->uneven = sim_chance(&f->prng, 2);
}
