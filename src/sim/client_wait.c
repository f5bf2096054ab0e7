/* sim/client_wait.c -- what a client waits for: the end of its thinking, an answer, another try. */
#include "base/panic.h"
#include "sim/client_impl.h"
#include "sim/world.h"

#define CLIENT_AGAIN_NS (200 * SIM_MS) /* mean of the time until a write is asked elsewhere */

void sim_client_wait_no_more(struct sim_client *c)
{
    if (c->due != NULL) {
        sim_world_drop(c->world, c->due);
        c->due = NULL;
    }
}

static void due_at(struct sim_client *c, uint64_t wait_ns, sim_event_fn fn)
{
    c->due = sim_world_at(c->world, c->world->now_ns + wait_ns, fn);
    c->due->a = c->index;
}

static void think_due(struct sim_world *w, struct sim_event *e)
{
    struct sim_client *c = &w->clients.client[e->a];
    c->due = NULL;
    sim_client_draw(c);
    sim_client_begin(c);
    sim_client_attempt(c);
}

void sim_client_think(struct sim_client *c)
{
    struct sim_clients *all = &c->world->clients;
    c->state = SIM_CLIENT_THINKS;
    due_at(c, sim_wait(&all->prng, all->load.think_ns), think_due);
}

static void again_due(struct sim_world *w, struct sim_event *e)
{
    struct sim_client *c = &w->clients.client[e->a];
    c->due = NULL;
    sim_client_attempt(c);
}

void sim_client_again(struct sim_client *c)
{
    sim_client_wait_no_more(c);
    due_at(c, sim_wait(&c->world->clients.prng, CLIENT_AGAIN_NS), again_due);
}

/* The node has had all the time it asked for, and more. */
static void patience_due(struct sim_world *w, struct sim_event *e)
{
    struct sim_client *c = &w->clients.client[e->a];
    struct sim_host *h = c->asked;
    c->due = NULL;
    ASSERT(h != NULL);
    if (sim_host_owes(h, c->patience_ns)) {
        sim_world_fail(w, "node %llu left a call of client %u without an answer",
                       (unsigned long long)h->id, c->index);
        return;
    }
    due_at(c, SIM_HOST_GRACE_NS, patience_due);
}

void sim_client_wait(struct sim_client *c, uint64_t span_ns)
{
    c->patience_ns = sim_host_local(c->asked) + span_ns + SIM_HOST_GRACE_NS;
    due_at(c, span_ns + SIM_HOST_GRACE_NS, patience_due);
}
