/* sim/fault_load.c -- what clients are made to do: rest, hurry, come by the thousand. */
#include "sim/fault_impl.h"
#include "sim/world.h"

enum {
    FAULT_FLOOD_ONE_IN = 12
};
#define FAULT_BURST_NS (SIM_S / 2) /* mean of how long clients do not think */
#define FAULT_BURST_THINK_NS SIM_MS
#define FAULT_THINK_NS_LEAST (10 * SIM_MS) /* clients that think for less are in a burst already */

static void think_due(struct sim_world *w, struct sim_event *e)
{
    w->clients.load.think_ns = e->n;
    if (w->clients.resting && !w->faults.over) {
        sim_clients_start(&w->clients);
    }
}

static bool load(struct sim_faults *f, bool none)
{
    struct sim_clients *c = &f->world->clients;
    if (c->resting || c->load.think_ns < FAULT_THINK_NS_LEAST) {
        return false; /* one at a time */
    }
    uint64_t ns = none ? sim_fault_length(f) : sim_wait(&f->prng, FAULT_BURST_NS);
    sim_fault_later(f, ns, think_due, 0)->n = c->load.think_ns;
    if (none) {
        sim_clients_rest(c);
    } else {
        c->load.think_ns = FAULT_BURST_THINK_NS;
    }
    return true;
}

bool sim_fault_do_burst(struct sim_faults *f)
{
    return load(f, false);
}

bool sim_fault_do_quiet(struct sim_faults *f)
{
    return load(f, true);
}

/* Seldom, for it costs as much as minutes of all the rest. Half of the time it is the leader, and
 * half of these are cut off meanwhile, so that what they take piles up. */
bool sim_fault_do_flood(struct sim_faults *f)
{
    bool leader = sim_chance(&f->prng, 2);
    bool alone = leader && sim_chance(&f->prng, 2);
    struct sim_host *h = leader ? sim_fault_leader(f) : sim_fault_any_host(f);
    bool now = sim_chance(&f->prng, FAULT_FLOOD_ONE_IN);
    if (!now || h == NULL || !sim_flood_start(&f->world->flood, h)) {
        return false;
    }
    if (alone) {
        sim_fault_isolate(f, h->index);
    }
    return true;
}
