/* sim/fault_leader.c -- the plot against leaders: what happens to one that has just told a client
 * what nobody else may know. */
#include "sim/fault_impl.h"
#include "sim/world.h"

enum {
    FAULT_SOON_EFFECTS_MAX = 3 /* from a promise to the crash */
};
#define FAULT_RUSH_NS UINT64_C(1000) /* until clients ask one that was just cut off */

struct sim_host *sim_fault_leader(struct sim_faults *f)
{
    uint64_t id = sim_look_leader(&f->world->look, UINT64_MAX, false);
    return id != 0 ? &f->world->host[id - 1] : NULL;
}

/* Its clock runs as slow as it may, the others' as fast: it takes itself for the leader longer. */
static void hold_its_clock(struct sim_faults *f, struct sim_host *h)
{
    uint32_t least = 0;
    uint32_t most = 0;
    if ((f->on & sim_fault_bit(SIM_FAULT_RATE)) == 0) {
        return;
    }
    sim_fault_rates(f, &least, &most);
    for (uint32_t i = 0; i < f->world->node_count; i++) {
        sim_host_rate(&f->world->host[i], i == h->index ? least : most);
    }
}

/* It is alone and does not know it, and clients go on writing: a tail that nobody else has. */
static void isolate_rushed(struct sim_faults *f, struct sim_host *h)
{
    uint64_t before = f->world->net.cuts;
    sim_fault_isolate(f, h->index);
    sim_fault_later(f, FAULT_RUSH_NS, sim_fault_rush_due, h->index);
    f->plot = (enum sim_plot)prng_below(&f->prng, SIM_PLOT_COUNT);
    f->deposed = h->index;
    f->deposed_cut_first = before + 1;
    f->deposed_cut_last = f->world->net.cuts;
    if (f->plot == SIM_PLOT_DOUBT) {
        hold_its_clock(f, h);
    }
}

/* As soon as its successor has answered a client, that one is cut off, and the old leader is back
 * with what only it has. */
static void coup(struct sim_faults *f, struct sim_host *successor)
{
    f->plot = SIM_PLOT_NONE;
    sim_fault_isolate(f, successor->index);
    for (uint64_t number = f->deposed_cut_first; number <= f->deposed_cut_last; number++) {
        sim_net_heal(&f->world->net, number); /* and no cut that others have made since */
    }
}

static void doubt_due(struct sim_world *w, struct sim_event *e)
{
    if (!w->faults.over) {
        sim_clients_doubt(&w->clients, &w->host[e->a]);
    }
}

/* Clients hurry to the successor. What it has answered first, others ask the old leader for. */
static void succeeded(struct sim_faults *f, struct sim_host *successor, enum sim_moment moment)
{
    if (f->plot == SIM_PLOT_COUP && moment == SIM_MOMENT_ANSWER) {
        coup(f, successor);
    } else if (f->plot == SIM_PLOT_DOUBT && moment == SIM_MOMENT_OFFICE) {
        sim_fault_later(f, FAULT_RUSH_NS, sim_fault_rush_due, successor->index);
    } else if (f->plot == SIM_PLOT_DOUBT && moment == SIM_MOMENT_ANSWER) {
        f->plot = SIM_PLOT_NONE;
        sim_fault_later(f, FAULT_RUSH_NS, doubt_due, f->deposed);
    }
}

/* Now, or right after it has answered a client: nobody else may know yet what it knows. */
bool sim_fault_do_isolate_leader(struct sim_faults *f)
{
    struct sim_host *h = sim_fault_leader(f);
    if (h != NULL && sim_chance(&f->prng, 2)) {
        isolate_rushed(f, h);
        return true;
    }
    bool planned = f->treason;
    f->treason = true;
    return !planned;
}

static void betray(struct sim_faults *f)
{
    struct sim_host *h = sim_fault_leader(f);
    f->treason = false;
    if (h == NULL) {
        return;
    }
    switch (prng_below(&f->prng, 3)) {
    case 0:
        sim_host_crash_soon(h, 1);
        sim_fault_later(f, FAULT_DOOM_NS, sim_fault_start_due, h->index);
        break;
    case 1:
        sim_fault_pause(f, h);
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
        sim_host_crash_soon(h, sim_between(&f->prng, 1, FAULT_SOON_EFFECTS_MAX));
    }
    if (f->treason && moment == SIM_MOMENT_ANSWER) {
        betray(f);
    } else if (f->plot != SIM_PLOT_NONE) {
        struct sim_host *leader = sim_fault_leader(f);
        if (leader != NULL && leader->index != f->deposed) {
            succeeded(f, leader, moment);
        }
    }
}
