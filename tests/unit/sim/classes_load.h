/* tests/unit/sim/classes_load.h -- classes of faults that are somebody's doing: of clients, of an
 * operator, of a node of another cluster. */
#ifndef TESTS_UNIT_SIM_CLASSES_LOAD_H
#define TESTS_UNIT_SIM_CLASSES_LOAD_H

#include "classes.h"

/* Clients do not think for a while, and then as before. */
static void class_burst(void)
{
    struct sim_world *w = class_open_begun(2, CLASS_NODES, sim_fault_bit(SIM_FAULT_BURST));
    uint64_t think_ns = w->clients.load.think_ns;
    CHECK(think_ns > SIM_MS);
    class_first(w, SIM_FAULT_BURST);
    CHECK(w->clients.load.think_ns <= SIM_MS && !w->clients.resting);
    class_ended(w);
    CHECK_U64(w->clients.load.think_ns, think_ns);
    sim_world_close(w);
}

/* Nothing new is asked for a while, and then it is. */
static void class_quiet(void)
{
    struct sim_world *w = class_open_begun(1, CLASS_NODES, sim_fault_bit(SIM_FAULT_QUIET));
    class_first(w, SIM_FAULT_QUIET);
    CHECK(w->clients.resting);
    class_ended(w);
    CHECK(!w->clients.resting);
    sim_world_close(w);
}

/* Thousands of calls of one node; some of those are of a leader that is cut off. */
static void class_flood(void)
{
    uint32_t alone = 0;
    uint32_t done = 0;
    uint32_t thousands = 0;
    for (uint64_t seed = 1; seed <= CLASS_SEEDS; seed++) {
        struct sim_world *w = class_open_begun(seed, CLASS_NODES, sim_fault_bit(SIM_FAULT_FLOOD));
        class_first(w, SIM_FAULT_FLOOD);
        CHECK(w->flood.host != NULL && w->flood.total >= 100);
        thousands += w->flood.total >= 1000;
        alone += w->net.cut[w->flood.host->index][w->flood.host->id % CLASS_NODES] > 0;
        class_ended(w);
        CHECK(w->flood.host == NULL);
        done += w->flood.done > 0;
        sim_world_close(w);
    }
    CHECK(alone > 0 && alone < CLASS_SEEDS && done > 0 && thousands > 0);
}

/* ---- the operator ---- */

/* A step of this kind waits for its answer. */
static bool is_asked(const struct sim_world *w, enum sim_admin_kind kind)
{
    bool any = false;
    for (uint32_t i = 0; i < SIM_ADMIN_CALLS_MAX; i++) {
        const struct sim_admin_call *c = &w->admin.call[i];
        any = any || (c->asked != NULL && c->step.kind == kind);
    }
    return any;
}

/* Nothing goes wrong, and yet there are other leaders. */
static void class_transfer(void)
{
    struct sim_world *w = class_open_begun(1, CLASS_NODES, sim_fault_bit(SIM_FAULT_TRANSFER));
    uint64_t leaders = w->judge.leaders;
    while (!is_asked(w, SIM_ADMIN_TRANSFER)) {
        CHECK(class_step(w));
    }
    while (w->judge.leaders == leaders) {
        CHECK(class_step(w));
    }
    sim_world_close(w);
}

static void class_snapshot(void)
{
    struct sim_world *w = class_open_begun(1, CLASS_NODES, sim_fault_bit(SIM_FAULT_SNAPSHOT));
    CHECK_U64(w->judge.claim_count, 0);
    while (!is_asked(w, SIM_ADMIN_SNAPSHOT)) {
        CHECK(class_step(w));
    }
    while (w->admin.done == 0) {
        CHECK(class_step(w));
    }
    sim_world_close(w);
}

/* One configuration comes after the other. */
static void class_members(void)
{
    struct sim_world *w = class_open_begun(1, CLASS_NODES, sim_fault_bit(SIM_FAULT_MEMBERS));
    uint64_t first = w->look.conf.index;
    while (!is_asked(w, SIM_ADMIN_ADD) && !is_asked(w, SIM_ADMIN_VOTERS) &&
           !is_asked(w, SIM_ADMIN_REMOVE)) {
        CHECK(class_step(w));
    }
    while (w->look.conf.index == first) {
        CHECK(class_step(w));
    }
    sim_world_close(w);
}

/* A node that is no member any more begins alone. */
static void class_foreign(void)
{
    struct sim_world *w = class_open_begun(
        1, CLASS_NODES, sim_fault_bit(SIM_FAULT_MEMBERS) | sim_fault_bit(SIM_FAULT_FOREIGN));
    while (w->foreign.host == 0 || !sim_foreign_host(w, &w->host[w->foreign.host - 1])) {
        CHECK(class_step(w));
    }
    CHECK(w->faults.injected[SIM_FAULT_FOREIGN] > 0);
    sim_world_close(w);
}

#endif
