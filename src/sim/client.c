/* sim/client.c -- all clients: they begin, rest, hurry. */
#include "sim/client.h"

#include "sim/client_impl.h"
#include "sim/world.h"

/* Some of those that think ask this host, all at once; a doubter for the key written last. */
static void hurry(struct sim_clients *all, struct sim_host *h, bool doubt)
{
    for (uint32_t i = 0; i < all->load.clients; i++) {
        struct sim_client *c = &all->client[i];
        bool hurries = c->state == SIM_CLIENT_THINKS && sim_chance(&all->prng, 2);
        if (hurries && !sim_foreign_host(c->world, h) && sim_host_enter(h)) {
            sim_client_wait_no_more(c);
            sim_client_draw(c);
            if (doubt) {
                sim_client_reads(c, all->written_key);
            }
            c->attempts = 1;
            sim_client_begin(c);
            sim_client_ask(c, h);
        }
    }
}

void sim_clients_rush(struct sim_clients *all, struct sim_host *h)
{
    hurry(all, h, false);
}

void sim_clients_doubt(struct sim_clients *all, struct sim_host *h)
{
    hurry(all, h, true);
}

bool sim_clients_ask(struct sim_clients *all, uint32_t client, uint32_t host, bool write,
                     uint32_t key)
{
    struct sim_client *c = &all->client[client];
    if (c->state != SIM_CLIENT_RESTS || !sim_host_enter(&c->world->host[host])) {
        return false;
    }
    sim_client_draw(c);
    uint64_t request = c->op.request;
    sim_client_reads(c, key);
    if (write) {
        c->op.writes = true;
        c->op.request = request;
    }
    if (write && request == 0) {
        c->op.serial = ++all->serial;
        c->op.value_bytes = SIM_TEXT_BYTES;
    }
    c->attempts = 1;
    sim_client_begin(c);
    sim_client_ask(c, &c->world->host[host]);
    return true;
}

void sim_clients_start(struct sim_clients *all)
{
    all->resting = false;
    for (uint32_t i = 0; i < all->load.clients; i++) {
        if (all->client[i].state == SIM_CLIENT_RESTS) {
            sim_client_think(&all->client[i]);
        }
    }
}

void sim_clients_rest(struct sim_clients *all)
{
    all->resting = true;
    for (uint32_t i = 0; i < all->load.clients; i++) {
        struct sim_client *c = &all->client[i];
        if (c->state == SIM_CLIENT_THINKS) {
            sim_client_wait_no_more(c);
            c->state = SIM_CLIENT_RESTS;
        }
    }
}

uint32_t sim_clients_busy(const struct sim_clients *all)
{
    uint32_t busy = 0;
    for (uint32_t i = 0; i < all->load.clients; i++) {
        busy += all->client[i].state == SIM_CLIENT_WAITS;
    }
    return busy;
}

void sim_clients_init(struct sim_clients *all, struct sim_world *w, uint64_t seed)
{
    all->world = w;
    all->survivors = UINT64_MAX;
    prng_seed(&all->prng, seed);
    history_init(&all->history, &w->mem);
    sim_clients_draw_load(all);
    for (uint32_t i = 0; i < SIM_CLIENTS_MAX; i++) {
        all->client[i].world = w;
        all->client[i].index = i;
        all->client[i].state = SIM_CLIENT_RESTS;
    }
}

void sim_clients_done(struct sim_clients *all)
{
    history_done(&all->history);
}
