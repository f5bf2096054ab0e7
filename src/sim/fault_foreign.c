/* sim/fault_foreign.c -- a node of another cluster among those of this one, for a while. */
#include "sim/copy.h"
#include "sim/fault_impl.h"
#include "sim/majority.h"
#include "sim/world.h"

enum {
    FOREIGN_STAYS_ONE_IN = 3 /* of them: until the end */
};
#define FOREIGN_LOOK_NS SIM_S
#define FOREIGN_WELCOME_NS (2 * SIM_S) /* mean of the time until somebody wants it here */

/* Nobody counts on it: it is in no configuration that any node knows, and what it was once it need
 * not be again. */
static bool outside(const struct sim_world *w, const struct sim_host *h)
{
    uint64_t known = w->look.conf.index == 0 ? w->founders : sim_members(&w->look.conf);
    for (uint32_t i = 0; i < w->node_count; i++) {
        const struct sim_seen *s = &w->look.seen[i];
        known |= i != h->index ? sim_members(&s->effective) | sim_members(&s->committed) : 0;
    }
    return (known & sim_node_bit(h->id)) == 0 && w->flood.host != h && h->state == SIM_HOST_UP;
}

/* As an operator does it who has read what a refusal says. */
static void empty(struct sim_faults *f, struct sim_host *h)
{
    if (f->backup.host == h) {
        sim_fault_backup_drop(f);
    }
    sim_host_crash(h);
    sim_copy_wipe(h);
    h->wiped = false; /* nobody waits for a promise of it */
}

static void empty_due(struct sim_world *w, struct sim_event *e)
{
    struct sim_host *h = &w->host[e->a];
    if (w->faults.over || w->foreign.host != e->a + 1) {
        return;
    }
    if (h->state != SIM_HOST_UP) { /* it is not seen from outside what it is */
        sim_fault_later(&w->faults, FOREIGN_LOOK_NS, empty_due, e->a);
        return;
    }
    if (sim_foreign_host(w, h)) {
        empty(&w->faults, h);
        sim_fault_later(&w->faults, FOREIGN_LOOK_NS, sim_fault_start_due, e->a);
    }
    sim_foreign_end(w);
}

static void welcome_due(struct sim_world *w, struct sim_event *e)
{
    if (!w->faults.over && w->look.conf.index != 0) {
        IGNORE(sim_admin_welcome(&w->admin, e->n));
    }
}

/* The first that is outside, from a drawn one on. */
static struct sim_host *any_outside(struct sim_faults *f)
{
    struct sim_world *w = f->world;
    uint32_t first = sim_fault_any_host(f)->index;
    for (uint32_t i = 0; i < w->node_count; i++) {
        struct sim_host *h = &w->host[(first + i) % w->node_count];
        if (outside(w, h)) {
            return h;
        }
    }
    return NULL;
}

bool sim_fault_do_foreign(struct sim_faults *f)
{
    struct sim_world *w = f->world;
    struct sim_host *h = w->foreign.host == 0 ? any_outside(f) : NULL;
    if (h == NULL) {
        return false;
    }
    if (w->look.seen[h->index].last > 0) { /* it was a member */
        empty(f, h);
        sim_host_start(h);
    }
    if (!sim_host_enter(h)) {
        return false;
    }
    sim_foreign_begin(w, h);
    sim_host_leave(h);
    sim_fault_later(f, sim_wait(&f->prng, FOREIGN_WELCOME_NS), welcome_due, h->index)->n = h->id;
    if (!sim_chance(&f->prng, FOREIGN_STAYS_ONE_IN)) {
        sim_fault_later(f, FOREIGN_LOOK_NS + 10 * sim_fault_length(f), empty_due, h->index);
    }
    return true;
}
