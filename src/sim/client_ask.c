/* sim/client_ask.c -- whom a client asks, and how: a node, a deadline, one call. */
#include "sim/client_impl.h"
#include "sim/world.h"

enum {
    CLIENT_TRIES_NODE = 4 /* nodes that are tried before it thinks again */
};

static enum err call(struct sim_client *c, struct sim_host *h)
{
    struct sim_clients *all = &c->world->clients;
    char key[SIM_PAIRS_MAX][SIM_TEXT_BYTES];
    struct service_pair pairs[SIM_PAIRS_MAX];
    struct service *s = node_service(h->node);
    if (!c->op.writes) {
        return s->table->read(s, sim_key_text(c->op.key[0], key[0]),
                              c->op.serializable ? SERVICE_SERIALIZABLE : SERVICE_LINEARIZABLE,
                              &c->call);
    }
    struct bytes value = sim_value_make(c->op.serial, all->filling, c->op.value_bytes);
    for (uint32_t i = 0; i < c->op.pair_count; i++) {
        pairs[i] = (struct service_pair){ sim_key_text(c->op.key[i], key[i]), value };
    }
    return s->table->write(s, pairs, c->op.pair_count, &c->call);
}

static struct sim_host *pick(struct sim_client *c)
{
    struct sim_clients *all = &c->world->clients;
    struct sim_world *w = c->world;
    for (int i = 0; i < CLIENT_TRIES_NODE; i++) {
        uint64_t at = all->load.sticky && i == 0 && c->attempts <= 1
                          ? c->index % w->node_count
                          : prng_below(&all->prng, w->node_count);
        struct sim_host *h = &w->host[at];
        bool asked = (all->survivors >> at & 1u) != 0 && !sim_foreign_host(w, h);
        if (asked && sim_host_enter(h)) {
            return h;
        }
    }
    return NULL;
}

void sim_client_ask(struct sim_client *c, struct sim_host *h)
{
    struct sim_clients *all = &c->world->clients;
    uint64_t local = sim_host_local(h);
    uint64_t span = sim_between(&all->prng, all->load.deadline_ns_min, all->load.deadline_ns_max);
    c->call = (struct service_call){ .done = sim_client_told, .deadline_ns = local + span };
    c->call.client = c->op.request != 0 ? c->index + 1 : 0;
    c->call.sequence = c->op.request;
    c->asked = h;
    c->process = h->process;
    sim_client_wait(c, span);
    enum err e = call(c, h);
    if (e != ERR_OK) {
        sim_client_failed(c, false); /* it was not begun */
    }
    sim_host_leave(h);
}

void sim_client_attempt(struct sim_client *c)
{
    struct sim_host *h = pick(c);
    c->attempts++;
    if (h == NULL) {
        sim_client_failed(c, false);
        return;
    }
    sim_client_ask(c, h);
}
