/* tests/unit/sim/classes_machine.h -- classes of faults of machines: processes that end, time that
 * passes, clocks. */
#ifndef TESTS_UNIT_SIM_CLASSES_MACHINE_H
#define TESTS_UNIT_SIM_CLASSES_MACHINE_H

#include "classes.h"

enum {
    CRASHES = 12, /* worlds of each class */
    PROBE_BYTES = 64 * 1024
};

#define PROBE "elsewhere/probe" /* in no node's directory */

/* ---- what a crash takes ---- */

static uint8_t probe[PROBE_BYTES];

/* Written and not synced, but for its name. */
static void probe_put(struct sim_host *h)
{
    int file = -1;
    memset(probe, 0x5a, sizeof probe);
    CHECK(sim_disk_create(&h->disk, PROBE, &file) == ERR_OK);
    CHECK(sim_disk_sync_names(&h->disk, PROBE) == ERR_OK);
    CHECK(sim_disk_write(&h->disk, file, 0, probe, sizeof probe) == ERR_OK);
}

static bool probe_whole(struct sim_host *h)
{
    static uint8_t found[PROBE_BYTES];
    size_t have = 0;
    int file = sim_disk_find(&h->disk, PROBE);
    CHECK(file >= 0);
    CHECK(sim_disk_read(&h->disk, file, 0, found, sizeof found, &have) == ERR_OK);
    return have == sizeof found && memcmp(found, probe, sizeof found) == 0;
}

/* The first node that crashes has lost some of what it had not synced: true; or nothing of it. */
static bool crash_takes(uint64_t seed, enum sim_fault_class class)
{
    struct sim_host *crashed = NULL;
    struct sim_world *w = class_open(seed, CLASS_NODES, class);
    sim_begin_ask(w);
    for (uint32_t i = 0; i < CLASS_NODES; i++) {
        probe_put(&w->host[i]);
    }
    while (crashed == NULL && w->now_ns < 4000 * SIM_S && !w->failed) {
        sim_world_until(w, w->now_ns + SIM_MS);
        for (uint32_t i = 0; i < CLASS_NODES && crashed == NULL; i++) {
            struct sim_host *h = &w->host[i];
            bool down = h->state == SIM_HOST_DOWN || h->process > 1;
            CHECK(down || probe_whole(h));
            crashed = down ? h : NULL;
        }
    }
    CHECK(crashed != NULL);
    bool takes = !probe_whole(crashed);
    sim_world_close(w);
    return takes;
}

/* The power goes, or only the process, in some of the worlds each; or the power always does. */
static void crashes_take(enum sim_fault_class class, bool spares)
{
    uint32_t taken = 0;
    for (uint64_t seed = 1; seed <= CRASHES; seed++) {
        taken += crash_takes(seed, class);
    }
    printf("# %s: %u of %d\n", sim_fault_name(class), taken, CRASHES);
    CHECK(taken > CRASHES / 3 && (taken < CRASHES) == spares);
}

static void class_crash(void)
{
    crashes_take(SIM_FAULT_CRASH, true);
}

static uint64_t acted; /* faults */
static uint64_t again; /* processes that are not the first of their node */

static void count_starts(const struct sim_world *w)
{
    acted += w->faults.total;
    for (uint32_t i = 0; i < CLASS_NODES; i++) {
        again += w->host[i].process - 1;
    }
}

/* Nobody stops a node, and yet some are in another process than their first. */
static void class_crash_inside(void)
{
    crashes_take(SIM_FAULT_CRASH_INSIDE, true);
    acted = again = 0;
    class_run(sim_fault_bit(SIM_FAULT_CRASH_INSIDE), count_starts);
    printf("# %" PRIu64 " faults, %" PRIu64 " starts\n", acted, again);
    CHECK(acted >= CLASS_SEEDS / 2 && again >= acted / 3);
}

static void class_crash_all(void)
{
    crashes_take(SIM_FAULT_CRASH_ALL, false);
}

/* One node ends in order, all that it wrote is there, and it starts again later. */
static void class_stop(void)
{
    struct sim_host *stopped = NULL;
    struct sim_world *w = class_open(1, CLASS_NODES, SIM_FAULT_STOP);
    for (uint32_t i = 0; i < CLASS_NODES; i++) {
        probe_put(&w->host[i]);
    }
    class_first(w, SIM_FAULT_STOP);
    for (uint32_t i = 0; i < CLASS_NODES; i++) {
        CHECK(w->host[i].state == SIM_HOST_UP || stopped == NULL);
        stopped = w->host[i].state == SIM_HOST_UP ? stopped : &w->host[i];
    }
    CHECK(stopped != NULL && stopped->state == SIM_HOST_DOWN && !stopped->crashed);
    CHECK(stopped->process == 1 && probe_whole(stopped));
    class_ended(w);
    CHECK(stopped->state == SIM_HOST_UP && stopped->process == 2);
    sim_world_close(w);
}

/* It is refused for the lock alone: without locks the second process is a finding, though this one
 * comes no further than to its first read. */
static void class_twice(void)
{
    struct sim_world *w = class_open(1, CLASS_NODES, SIM_FAULT_TWICE);
    class_first(w, SIM_FAULT_TWICE);
    CHECK(!w->failed);
    w->faults.on = sim_fault_bit(SIM_FAULT_TWICE);
    for (uint32_t i = 0; i < CLASS_NODES; i++) {
        memset(w->host[i].disk.lock, 0, sizeof w->host[i].disk.lock);
        w->host[i].disk.read_fault_at = w->host[i].disk.reads + 1;
    }
    while (class_step(w)) {
    }
    CHECK(finding_is(w, "is started twice"));
    sim_world_close(w);
}

/* ---- what befalls a machine ---- */

static bool is_paused(const struct sim_host *h)
{
    return h->state == SIM_HOST_UP && h->paused_until_ns > h->world->now_ns;
}

static bool runs_slow(const struct sim_host *h)
{
    return h->turn_ns >= SIM_MS && h->turn_ns > h->usual_turn_ns;
}

static bool is_fast_or_slow(const struct sim_host *h)
{
    return h->rate != 1024;
}

static uint64_t ahead_ns[CLASS_NODES]; /* how far each clock was ahead of the world's */

static bool has_jumped(const struct sim_host *h)
{
    return sim_host_local(h) - h->world->now_ns > ahead_ns[h->index];
}

static bool is_of_another_day(const struct sim_host *h)
{
    return h->wall_shift_ns != 0;
}

static bool has_a_slow_disk(const struct sim_host *h)
{
    return h->loop.job_ns_max > SIM_LOOP_JOB_NS_MAX;
}

static bool has_a_sick_disk(const struct sim_host *h)
{
    return h->loop.job_ns_max > SIM_S;
}

static bool has_a_hung_disk(const struct sim_host *h)
{
    return h->loop.stuck_until_ns > sim_host_local(h) && h->loop.stuck_until_ns != UINT64_MAX;
}

static bool has_a_dead_disk(const struct sim_host *h)
{
    return h->loop.stuck_until_ns == UINT64_MAX;
}

/* A class that is counted is seen of a host: the count of one that does nothing grows alike. */
static void befalls(enum sim_fault_class class, bool (*is)(const struct sim_host *h))
{
    struct sim_world *w = class_open(1, CLASS_NODES, class);
    bool found = false;
    for (uint32_t i = 0; i < CLASS_NODES; i++) {
        ahead_ns[i] = sim_host_local(&w->host[i]) - w->now_ns;
        CHECK(!is(&w->host[i]));
    }
    while (!found) {
        CHECK(class_step(w));
        for (uint32_t i = 0; i < CLASS_NODES; i++) {
            found = found || is(&w->host[i]);
        }
    }
    CHECK(w->faults.injected[class] > 0);
    sim_world_close(w);
}

static void class_pause_host(void)
{
    befalls(SIM_FAULT_PAUSE, is_paused);
}

static void class_slow(void)
{
    befalls(SIM_FAULT_SLOW, runs_slow);
}

static void class_rate(void)
{
    befalls(SIM_FAULT_RATE, is_fast_or_slow);
}

static void class_jump(void)
{
    befalls(SIM_FAULT_JUMP, has_jumped);
}

static void class_wall(void)
{
    befalls(SIM_FAULT_WALL, is_of_another_day);
}

static void class_disk_slow(void)
{
    befalls(SIM_FAULT_DISK_SLOW, has_a_slow_disk);
    befalls(SIM_FAULT_DISK_SLOW, has_a_sick_disk);
}

static void class_disk_stuck(void)
{
    befalls(SIM_FAULT_DISK_STUCK, has_a_hung_disk);
    befalls(SIM_FAULT_DISK_STUCK, has_a_dead_disk);
}

#endif
