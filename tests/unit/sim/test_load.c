/* tests/unit/sim/test_load.c -- Subject: what the clients of a world write. Method: worlds in which
 * nothing goes wrong; their clients are looked at every few moments, and what they were told then.
 */
#include "tap.h"

#include "base/limits.h"
#include "sim/world.h"

enum {
    WORLDS = 200,
    NODES = 3,
    HUGE_BYTES = 256 * 1024
};

static struct {
    uint32_t small; /* worlds of each kind */
    uint32_t large;
    uint32_t huge;
    uint32_t written; /* of huge values */
} seen;

/* What a client asks for now, and whether it was told that it is done when it asks for another. */
static void look(const struct sim_world *w, struct sim_operation *before)
{
    for (uint32_t i = 0; i < w->clients.load.clients; i++) {
        const struct sim_client *c = &w->clients.client[i];
        const struct sim_operation *op = &c->op;
        if (c->state == SIM_CLIENT_WAITS && op->writes) {
            CHECK(op->value_bytes <= KV_VALUE_BYTES_MAX);
            CHECK(op->pair_count * op->value_bytes < KV_TXN_BYTES_MAX);
            before[i] = *op;
        }
    }
}

static void run(struct sim_world *w)
{
    struct sim_operation op[SIM_CLIENTS_MAX] = { 0 };
    for (uint32_t i = 0; i < NODES; i++) {
        sim_host_start(&w->host[i]);
    }
    sim_begin_ask(w);
    sim_clients_start(&w->clients);
    while (w->now_ns < 60 * SIM_S && !w->failed) {
        uint64_t ok = w->clients.writes_ok;
        sim_world_until(w, w->now_ns + SIM_MS);
        for (uint32_t i = 0; i < w->clients.load.clients; i++) {
            bool done = w->clients.client[i].state != SIM_CLIENT_WAITS && op[i].writes;
            seen.written += done && w->clients.writes_ok > ok && op[i].value_bytes > HUGE_BYTES;
            op[i].writes = op[i].writes && !done;
        }
        look(w, op);
    }
    CHECK(!w->failed && w->clients.writes_failed == 0);
}

/* As large as the product takes, in some worlds; and they are written. */
static void sizes(void)
{
    for (uint64_t seed = 1; seed <= WORLDS; seed++) {
        struct sim_options o = { .seed = seed, .nodes = NODES, .faults_off = UINT64_MAX };
        struct sim_world *w = sim_world_open(&o);
        CHECK(w != NULL);
        const struct sim_load *l = &w->clients.load;
        seen.small += l->large_one_in == 0;
        seen.large += l->large_one_in != 0 && !l->huge;
        seen.huge += l->huge;
        for (uint32_t i = 0; i < NODES && l->huge; i++) {
            CHECK_U64(w->host[i].bounds.segment_bytes, 0); /* as in every day: it fits */
        }
        if (l->huge) {
            run(w);
        }
        sim_world_close(w);
    }
    printf("# %u, %u and %u worlds, %u written\n", seen.small, seen.large, seen.huge, seen.written);
    CHECK(seen.small > WORLDS / 3 && seen.large > WORLDS / 8 && seen.huge > WORLDS / 50);
    CHECK(seen.written > 0);
}

int main(void)
{
    TAP_TEST("load: small values, large ones, and the largest that there may be", sizes);
    return tap_done();
}
