/* tests/unit/sim/test_start.c -- what a start tells the core of the configuration and of chance.
 *
 * Subject: node/bootstrap.c
 * Method:  one node of a world, started again with another configuration; then the core's own copy
 */
#include "tap.h"

#include "node/impl.h"
#include "raft/impl.h"
#include "sim/world.h"

static const struct raft *core_of(struct sim_host *h)
{
    sim_host_stop(h);
    sim_host_start(h);
    CHECK(h->node != NULL && h->node->core != NULL);
    return h->node->core;
}

/* A bound on clocks that does not arrive makes old leaders answer out of leases that are over. */
static void limits_arrive(void)
{
    struct sim_options o = { .seed = 1, .nodes = 1, .virtual_ns = SIM_S };
    o.faults_off = UINT64_MAX;
    struct sim_world *w = sim_world_open(&o);
    CHECK(w != NULL && sim_world_run(w));
    for (uint32_t ppm = 0; ppm <= 1234; ppm += 617) {
        w->host[0].config.max_clock_drift_ppm = ppm;
        w->host[0].config.lease_reads = ppm > 0;
        const struct raft *core = core_of(&w->host[0]);
        const struct config *c = w->host[0].node->config;
        CHECK_U64(core->config.drift_ppm, ppm);
        CHECK(core->config.lease_reads == (ppm > 0));
        CHECK(core->config.auto_rejoin == c->auto_rejoin && core->config.id == c->node_id);
        CHECK_U64(core->config.election_ns_min, c->election_timeout_min_ms * NS_PER_MS);
        CHECK_U64(core->config.election_ns_max, c->election_timeout_max_ms * NS_PER_MS);
        CHECK_U64(core->config.heartbeat_ns, c->heartbeat_interval_ms * NS_PER_MS);
    }
    sim_world_close(w);
}

/* An answer to a question of before a restart may come after it: no start may number its questions
 * as the one before did, nor wait as long before it stands for election. */
static void chance_is_new(void)
{
    struct sim_options o = { .seed = 1, .nodes = 1, .virtual_ns = SIM_S };
    o.faults_off = UINT64_MAX;
    struct sim_world *w = sim_world_open(&o);
    CHECK(w != NULL && sim_world_run(w));
    uint64_t asked = core_of(&w->host[0])->read_asked;
    uint64_t round = w->host[0].node->core->round;
    for (uint32_t i = 0; i < 3; i++) {
        const struct raft *core = core_of(&w->host[0]);
        CHECK(core->read_asked != asked && core->round != round);
        asked = core->read_asked;
        round = core->round;
    }
    sim_world_close(w);
}

int main(void)
{
    TAP_TEST("start: the core is told what the configuration says", limits_arrive);
    TAP_TEST("start: chance is another one at every start", chance_is_new);
    return tap_done();
}
