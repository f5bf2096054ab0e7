/* tests/unit/sim/test_world.c -- Subject: the clock of a world. Method: a world whose nodes are
 * down; the test brings the events itself.
 */
#include "tap.h"

#include "sim/world.h"

enum {
    SEEDS = 60
};

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

/* Asked on two hosts at once, before either can know of the other: one cluster comes of it. */
static void begins_twice(void)
{
    uint32_t twice = 0;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct sim_options o = { .seed = seed, .virtual_ns = SIM_S, .faults_off = UINT64_MAX };
        struct sim_world *w = sim_world_open(&o);
        CHECK(w != NULL && (w->begin.count == 1 || w->begin.host[1] != w->begin.host[0]));
        CHECK(w->node_count > 1 || w->begin.count == 1);
        if (w->begin.count > 1) {
            twice++;
            CHECK(sim_world_run(w));
            CHECK(w->look.committed > 1);
        }
        sim_world_close(w);
    }
    CHECK(twice >= SEEDS / 6 && twice <= SEEDS / 2);
}

/* One voter fewer on one of two nodes that have applied the same. */
static void two_clusters(void)
{
    struct sim_options o = { .seed = 1, .nodes = 3, .virtual_ns = SIM_S };
    o.faults_off = UINT64_MAX;
    struct sim_world *w = sim_world_open(&o);
    CHECK(w != NULL && sim_world_run(w));
    sim_judge_cluster(&w->judge);
    CHECK(!w->failed);
    struct sim_options other = { .seed = 1, .nodes = 2, .virtual_ns = SIM_S };
    other.faults_off = UINT64_MAX;
    struct sim_world *v = sim_world_open(&other);
    CHECK(v != NULL && sim_world_run(v));
    sim_host_start(&v->host[0]); /* the end game may have left some down */
    for (uint32_t i = 0; i < 3; i++) {
        sim_host_start(&w->host[i]);
    }
    struct node *node = w->host[0].node;
    w->host[0].node = v->host[0].node; /* as if it were the first one of the three */
    for (uint32_t i = 0; i < 3; i++) {
        w->look.seen[i].alive = true;
        w->look.seen[i].applied = w->look.seen[i].last = 9;
        w->look.seen[i].last_term = 3;
    }
    w->look.seen[0].last_term = 2; /* what is not committed may differ, configurations too */
    sim_judge_cluster(&w->judge);
    CHECK(!w->failed);
    w->look.seen[0].last_term = 3;
    sim_judge_cluster(&w->judge);
    w->host[0].node = node;
    CHECK(w->failed && strstr(w->failure, "are of two clusters") != NULL);
    sim_world_close(v);
    sim_world_close(w);
}

int main(void)
{
    TAP_TEST("world: init on two hosts at once begins one cluster", begins_twice);
    TAP_TEST("world: nodes of two clusters are a finding", two_clusters);
    TAP_TEST("world: what goes on while no time passes is a finding", restless);
    TAP_TEST("world: many events at one instant are none", many_at_once);
    return tap_done();
}
