/* sim/begin.c -- asking for the beginning of the cluster, until it says that it has begun. */
#include "sim/begin.h"

#include "sim/majority.h"
#include "sim/world.h"

enum {
    BEGIN_TWICE_ONE_IN = 3 /* worlds of several nodes */
};

void sim_begin_init(struct sim_world *w, uint64_t seed)
{
    struct sim_begin *b = &w->begin;
    struct prng p; /* its own: the other worlds stay what they were */
    prng_seed(&p, seed);
    b->count = 1;
    uint32_t last = 0; /* of the first members */
    while (last + 1 < w->node_count && (w->founders & sim_node_bit(last + 2)) != 0) {
        last++;
    }
    if (last > 0 && sim_chance(&p, BEGIN_TWICE_ONE_IN)) {
        b->host[b->count++] = (uint32_t)sim_between(&p, 1, last);
    }
}

static void answered(struct service_call *call, const struct service_reply *reply)
{
    (void)call;
    (void)reply;
}

static void ask_due(struct sim_world *w, struct sim_event *e)
{
    (void)e;
    sim_begin_ask(w);
}

static void ask(struct sim_world *w, struct sim_host *h, struct service_call *call)
{
    static const struct service_call fresh = { .done = answered };
    struct service_member members[SIM_NODES_MAX];
    uint32_t count = 0;
    for (uint32_t i = 0; i < w->node_count; i++) {
        if ((w->founders & sim_node_bit(i + 1)) != 0) {
            members[count++] = (struct service_member){ .id = i + 1, .addr = bytes_text("sim") };
        }
    }
    *call = fresh;
    struct service *s = node_service(h->node);
    IGNORE(s->table->init(s, members, count, call)); /* asked again */
}

void sim_begin_ask(struct sim_world *w)
{
    struct sim_begin *b = &w->begin;
    if (w->look.committed > 1) {
        return;
    }
    for (uint32_t i = 0; i < b->count; i++) {
        struct sim_host *h = &w->host[b->host[i]];
        if (i > 0) {
            sim_world_tell(w, h->id, "second init", 0, 0);
        }
        if (sim_host_enter(h)) {
            ask(w, h, &b->call[i]);
            sim_host_leave(h);
        }
    }
    sim_world_at(w, w->now_ns + SIM_S, ask_due);
}
