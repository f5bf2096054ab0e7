/* tests/unit/sim/test_swarm.c -- Subject: what faults must and must not do besides what their rows
 * say (test_classes.c). Method: worlds in which one class alone is on.
 */
#include "finding.h"

enum {
    NODES = 3,
    LOOK_MS = 5 /* ms between two looks */
};

static struct sim_world *world_of(uint64_t seed, uint32_t nodes, enum sim_fault_class only)
{
    struct sim_options o = { .seed = seed, .nodes = nodes, .faults_all = true };
    o.faults_off = ~sim_fault_bit(only);
    struct sim_world *w = sim_world_open(&o);
    CHECK(w != NULL);
    for (uint32_t i = 0; i < nodes; i++) {
        sim_host_start(&w->host[i]);
    }
    sim_faults_start(&w->faults);
    return w;
}

static struct sim_world *world_with(enum sim_fault_class only)
{
    return world_of(1, NODES, only);
}

/* A node alone, before its cluster has begun, and after a whole run: all calls come to an end. */
static void floods(void)
{
    struct sim_options o = { .seed = 2, .nodes = 1, .faults_off = UINT64_MAX };
    o.virtual_ns = 20 * SIM_S;
    struct sim_world *w = sim_world_open(&o);
    CHECK(w != NULL);
    sim_host_start(&w->host[0]);
    CHECK(sim_flood_start(&w->flood, &w->host[0]));
    CHECK(!sim_flood_start(&w->flood, &w->host[0]));
    sim_world_until(w, w->now_ns + 20 * SIM_S);
    CHECK(!w->failed && w->flood.host == NULL);
    CHECK_U64(w->flood.refused, w->flood.count);
    CHECK(sim_world_run(w));
    CHECK(sim_flood_start(&w->flood, &w->host[0]));
    w->flood.over = false;
    sim_world_until(w, w->now_ns + 20 * SIM_S);
    CHECK(!w->failed && w->flood.host == NULL);
    CHECK(w->flood.done > 0);
    sim_world_close(w);
}

/* What has nobody to befall is no fault: one node has no links, and a log may have no place that
 * may rot. */
static void counted(void)
{
    static const enum sim_fault_class links[] = { SIM_FAULT_ISOLATE, SIM_FAULT_HALVES,
                                                  SIM_FAULT_ONE_WAY, SIM_FAULT_BREAK,
                                                  SIM_FAULT_LOSS,    SIM_FAULT_FLAP,
                                                  SIM_FAULT_SWIZZLE, SIM_FAULT_MAJORITIES };
    for (size_t i = 0; i < sizeof links / sizeof links[0]; i++) {
        struct sim_options o = { .seed = 1, .nodes = 1, .faults_all = true };
        o.faults_off = ~sim_fault_bit(links[i]);
        struct sim_world *w = sim_world_open(&o);
        CHECK(w != NULL);
        sim_host_start(&w->host[0]);
        sim_faults_start(&w->faults);
        sim_world_until(w, w->now_ns + 200 * SIM_S);
        CHECK_U64(w->faults.total, 0);
        sim_world_close(w);
    }
    struct sim_world *w = world_with(SIM_FAULT_DISK_ROT); /* nobody has begun: logs are empty */
    sim_world_until(w, w->now_ns + 200 * SIM_S);
    CHECK_U64(w->faults.injected[SIM_FAULT_DISK_ROT], 0);
    sim_world_close(w);
}

static bool has_a_dead_disk(const struct sim_host *h)
{
    return h->loop.stuck_until_ns == UINT64_MAX;
}

/* A disk that hangs for good ends with its machine, which is switched off and on. */
static void dead_disks(void)
{
    struct sim_world *w = world_with(SIM_FAULT_DISK_STUCK);
    const struct sim_host *h = NULL;
    while (h == NULL && w->now_ns < 1000 * SIM_S && !w->failed) {
        sim_world_until(w, w->now_ns + LOOK_MS * SIM_MS);
        for (uint32_t i = 0; i < NODES; i++) {
            h = has_a_dead_disk(&w->host[i]) ? &w->host[i] : h;
        }
    }
    CHECK(h != NULL);
    while (h->state == SIM_HOST_UP && has_a_dead_disk(h) && w->now_ns < 2000 * SIM_S) {
        sim_world_until(w, w->now_ns + LOOK_MS * SIM_MS);
    }
    CHECK(h->state == SIM_HOST_DOWN || (h->state == SIM_HOST_UP && h->process == 2));
    while ((h->state != SIM_HOST_UP || has_a_dead_disk(h)) && w->now_ns < 3000 * SIM_S) {
        sim_world_until(w, w->now_ns + LOOK_MS * SIM_MS);
    }
    CHECK(h->state == SIM_HOST_UP && h->process > 1 && !w->failed);
    sim_world_close(w);
}

/* What the operator wants of those on their way back is what the nodes are asked. */
static void keeps(void)
{
    uint32_t kept = 0;
    uint32_t ended = 0;
    struct sim_world *w = world_of(1, NODES, SIM_FAULT_MEMBERS);
    sim_begin_ask(w);
    sim_faults_start(&w->faults);
    while ((kept == 0 || ended == 0) && w->now_ns < 4000 * SIM_S && !w->failed) {
        sim_world_until(w, w->now_ns + SIM_MS);
        for (uint32_t i = 0; i < SIM_ADMIN_CALLS_MAX; i++) {
            const struct sim_admin_call *c = &w->admin.call[i];
            bool set = c->asked != NULL && c->step.kind == SIM_ADMIN_VOTERS;
            CHECK(!set || c->call.keep_rejoining == c->step.keep);
            kept += set && c->call.keep_rejoining;
            ended += set && !c->call.keep_rejoining;
        }
    }
    CHECK(kept > 0 && ended > 0 && !w->failed);
    sim_world_close(w);
}

/* A job that a sick disk began takes no longer than others when the faults are over. */
static void slow_jobs_end(void)
{
    struct sim_world *w = finding_world(1);
    sim_clients_rest(&w->clients);
    sim_world_until(w, w->now_ns + 20 * SIM_S);
    CHECK_U64(sim_clients_busy(&w->clients), 0);
    w->host[0].loop.job_ns_min = 60 * SIM_S;
    w->host[0].loop.job_ns_max = 60 * SIM_S;
    CHECK(sim_clients_ask(&w->clients, 0, 0, true, 0));
    sim_world_until(w, w->now_ns + 50 * SIM_MS);
    CHECK_U64(sim_clients_busy(&w->clients), 1);
    sim_faults_stop(&w->faults);
    sim_world_until(w, w->now_ns + 50 * SIM_MS);
    CHECK_U64(sim_clients_busy(&w->clients), 0);
    CHECK(!w->failed);
    sim_world_close(w);
}

int main(void)
{
    TAP_TEST("faults: every call of a flood is answered or refused", floods);
    TAP_TEST("faults: only those that acted are counted", counted);
    TAP_TEST("faults: a disk that hangs for good ends with its machine", dead_disks);
    TAP_TEST("faults: a slow job ends with them", slow_jobs_end);
    TAP_TEST("faults: the operator keeps who comes back, or ends it", keeps);
    return tap_done();
}
