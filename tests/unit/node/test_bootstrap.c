/* tests/unit/node/test_bootstrap.c -- Subject: what a start tells the core of the configuration,
 * and of chance. Method: the parts of one node on a played machine. */
#include "driver.h"

/* A bound on clocks that does not arrive makes old leaders answer out of leases that are over. */
static void limits_arrive(void)
{
    struct raft_config told;
    struct config *c = &t.config;
    begin(0);
    c->election_timeout_min_ms = 1500;
    c->election_timeout_max_ms = 3000;
    c->heartbeat_interval_ms = 250;
    t.n.life = 77;
    for (uint32_t ppm = 0; ppm <= 1234; ppm += 617) {
        c->max_clock_drift_ppm = ppm;
        c->lease_reads = ppm > 0;
        c->auto_rejoin = ppm == 617;
        node_core_config(&t.n, &told);
        CHECK_U64(told.drift_ppm, ppm);
        CHECK(told.lease_reads == (ppm > 0) && told.auto_rejoin == (ppm == 617));
        CHECK(told.id == 1 && told.life == 77 && told.snap_bytes == NODE_SNAP_BYTES);
        CHECK_U64(told.election_ns_min, 1500 * NS_PER_MS);
        CHECK_U64(told.election_ns_max, 3000 * NS_PER_MS);
        CHECK_U64(told.heartbeat_ns, 250 * NS_PER_MS);
    }
    end();
}

/* The core numbers its questions from its seed on, and an answer to one of before a restart may
 * come after it: it would be taken for the answer to a new one. */
static void chance_is_new(void)
{
    struct raft_config told;
    uint64_t seeds[4];
    begin(0);
    for (uint32_t i = 0; i < 4; i++) {
        node_core_config(&t.n, &told);
        seeds[i] = told.seed;
        for (uint32_t k = 0; k < i; k++) {
            CHECK(seeds[k] != seeds[i]);
        }
    }
    end();
}

int main(void)
{
    TAP_TEST("bootstrap: the core is told what the configuration says", limits_arrive);
    TAP_TEST("bootstrap: chance is another one at every start", chance_is_new);
    return tap_done();
}
