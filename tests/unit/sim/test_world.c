/* tests/unit/sim/test_world.c -- Subject: the clock of a world. Method: a world whose nodes are
 * down; the test brings the events itself.
 */
#include "tap.h"

#include "sim/world.h"

static struct sim_world *open_world(void)
{
    struct sim_options o = { .seed = 1, .nodes = 1, .faults_off = UINT64_MAX };
    struct sim_world *w = sim_world_open(&o);
    CHECK(w != NULL);
    return w;
}

static void again_at_once(struct sim_world *w, struct sim_event *e)
{
    (void)e;
    sim_world_at(w, w->now_ns, again_at_once);
}

static void restless(void)
{
    struct sim_world *w = open_world();
    sim_world_at(w, w->now_ns + SIM_S, again_at_once);
    sim_world_until(w, w->now_ns + 2 * SIM_S);
    CHECK(w->failed);
    CHECK(strstr(w->failure, "does not come to rest") != NULL);
    sim_world_close(w);
}

static void count(struct sim_world *w, struct sim_event *e)
{
    (void)w;
    ++*(uint32_t *)e->ptr;
}

static void many_at_once(void)
{
    struct sim_world *w = open_world();
    uint32_t happened = 0;
    for (uint32_t i = 0; i < SIM_QUEUE_MAX / 2; i++) {
        sim_world_at(w, w->now_ns + SIM_S, count)->ptr = &happened;
    }
    sim_world_until(w, w->now_ns + 2 * SIM_S);
    CHECK(!w->failed);
    CHECK_U64(happened, SIM_QUEUE_MAX / 2);
    sim_world_close(w);
}

int main(void)
{
    TAP_TEST("world: what goes on while no time passes is a finding", restless);
    TAP_TEST("world: many events at one instant are none", many_at_once);
    return tap_done();
}
