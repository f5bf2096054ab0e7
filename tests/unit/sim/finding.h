/* tests/unit/sim/finding.h -- what the tests of judges share: a world in which all is well, and
 * whether its judges say what they should.
 *
 * Shape:      the test lies in the world, or has somebody lie, then asks finding_is
 * Invariants: no fault is drawn: whatever is found was the test's doing
 */
#ifndef TESTS_UNIT_SIM_FINDING_H
#define TESTS_UNIT_SIM_FINDING_H

#include "tap.h"

#include "sim/world.h"

/* Whether it was this that was found, by a part of its text; NULL: nothing was. */
__attribute__((unused)) static bool finding_is(const struct sim_world *w, const char *words)
{
    bool is = words == NULL ? !w->failed : w->failed && strstr(w->failure, words) != NULL;
    if (!is) {
        printf("# wanted: %s; said: %s\n", words != NULL ? words : "nothing", w->failure);
    }
    return is;
}

__attribute__((unused)) static struct sim_host *finding_leader(struct sim_world *w)
{
    uint64_t leader = sim_look_leader(&w->look, UINT64_MAX, true);
    CHECK(!w->failed && leader != 0);
    return &w->host[leader - 1];
}

/* All nodes are voters, and one key has been written and read for a while; the test has the other
 * ones. */
__attribute__((unused)) static struct sim_world *finding_world(uint32_t nodes)
{
    struct sim_options o = { .seed = 3, .nodes = nodes, .faults_off = UINT64_MAX };
    struct sim_world *w = sim_world_open(&o);
    CHECK(w != NULL);
    w->clients.load.keys = 1;
    for (uint32_t i = 0; i < nodes; i++) {
        sim_host_start(&w->host[i]);
    }
    sim_begin_ask(w);
    sim_clients_start(&w->clients);
    sim_world_until(w, w->now_ns + 20 * SIM_S);
    finding_leader(w);
    CHECK_U64(w->look.conf.voter_count, nodes);
    return w;
}

#endif
