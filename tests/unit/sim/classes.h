/* tests/unit/sim/classes.h -- what the tests of classes of faults share: worlds in which nothing
 * else goes wrong, and the moment of the first fault.
 *
 * Shape:      a class has a function of the name of its own in fault.h, class_*, which shows that
 *             it does what its row says: not that it is counted, but what can be seen of it
 */
#ifndef TESTS_UNIT_SIM_CLASSES_H
#define TESTS_UNIT_SIM_CLASSES_H

#include "finding.h"

#include <inttypes.h>

enum {
    CLASS_NODES = 3,
    CLASS_SEEDS = 20,       /* worlds, where what is drawn differs */
    CLASS_LOOK_MS = 5,      /* between two looks */
    CLASS_END_S = 120,      /* a fault that was drawn has ended by then */
    CLASS_PATIENCE_S = 4000 /* a fault has come by then */
};
#define CLASS_MEAN_NS (20 * SIM_MS) /* most that are drawn are of classes that are off */
#define CLASS_LENGTH_NS (10 * SIM_S)
#define CLASS_BEGIN_NS (20 * SIM_S)

/* Of a world of so many nodes in which these classes (bits) alone are on. */
static struct sim_options class_options(uint64_t seed, uint32_t nodes, uint64_t classes)
{
    struct sim_options o = { .seed = seed, .nodes = nodes, .faults_all = true };
    o.faults_off = ~classes;
    o.quic = classes >> SIM_FAULT_MESSAGE_COUNT != 0;
    return o;
}

static struct sim_world *class_world(uint64_t seed, uint32_t nodes, uint64_t classes)
{
    struct sim_options o = class_options(seed, nodes, classes);
    struct sim_world *w = sim_world_open(&o);
    CHECK(w != NULL);
    w->faults.mean_ns = CLASS_MEAN_NS;
    w->faults.length_ns = CLASS_LENGTH_NS;
    for (uint32_t i = 0; i < nodes; i++) {
        sim_host_start(&w->host[i]);
    }
    return w;
}

/* All nodes have started, and faults come. */
static struct sim_world *class_open(uint64_t seed, uint32_t nodes, enum sim_fault_class only)
{
    struct sim_world *w = class_world(seed, nodes, sim_fault_bit(only));
    sim_faults_start(&w->faults);
    return w;
}

/* Likewise, when all nodes are voters, have a leader, and clients ask. */
static struct sim_world *class_open_begun(uint64_t seed, uint32_t nodes, uint64_t classes)
{
    struct sim_world *w = class_world(seed, nodes, classes);
    sim_begin_ask(w);
    sim_clients_start(&w->clients);
    sim_world_until(w, w->now_ns + CLASS_BEGIN_NS);
    finding_leader(w);
    sim_faults_start(&w->faults);
    return w;
}

/* The next instant at which anything happens; false: it has gone on for too long, or is over. */
static bool class_step(struct sim_world *w)
{
    sim_world_until(w, heap_min(&w->queue)->key);
    return !w->failed && w->now_ns < CLASS_PATIENCE_S * SIM_S;
}

/* The first fault of this class has just struck; no other one comes. */
static void class_first(struct sim_world *w, enum sim_fault_class class)
{
    while (w->faults.injected[class] == 0) {
        CHECK(class_step(w));
    }
    w->faults.on = 0;
}

/* A moment; false: as above. */
static bool class_look(struct sim_world *w)
{
    sim_world_until(w, w->now_ns + CLASS_LOOK_MS * SIM_MS);
    return !w->failed && w->now_ns < CLASS_PATIENCE_S * SIM_S;
}

/* What was drawn has come to its end by itself. */
static void class_ended(struct sim_world *w)
{
    w->faults.on = 0;
    sim_world_until(w, w->now_ns + CLASS_END_S * SIM_S);
    CHECK(!w->failed);
}

/* Worlds in which nothing but these goes wrong; each is well in the end, and is looked at. */
static void class_run(uint64_t classes, void (*look)(const struct sim_world *w))
{
    for (uint64_t seed = 1; seed <= CLASS_SEEDS; seed++) {
        struct sim_options o = class_options(seed, CLASS_NODES, classes);
        o.virtual_ns = 60 * SIM_S;
        struct sim_world *w = sim_world_open(&o);
        CHECK(w != NULL);
        CHECK(sim_world_run(w));
        look(w);
        sim_world_close(w);
    }
}

#endif
