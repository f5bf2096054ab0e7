/* sim/flood.h -- thousands of operations within moments, of one node: queues fill up.
 *
 * Shape:      one flood at a time: calls are asked in slices of its time, then it waits until all
 *             of them are answered. They write a key of their own and read others, and no history
 *             knows of them; the judges of answers do.
 * Invariants: every call is answered in its time, refused at once, or its node died; a world has a
 *             bound of calls, for its judges watch so many entries
 * Owns:       its calls, until the last one is answered or lost
 * Thread:     one
 */
#ifndef SIM_FLOOD_H
#define SIM_FLOOD_H

#include "base/prng.h"
#include "node/service.h"

enum {
    SIM_FLOOD_CALLS_MAX = 20000,      /* of one flood: more than a node takes at once */
    SIM_FLOOD_WORLD_CALLS_MAX = 30000 /* of one world */
};

struct sim_world;
struct sim_host;
struct sim_flood;

struct sim_flood_call {
    struct service_call call; /* first */
    struct sim_flood *flood;
    uint64_t serial; /* of a write; 0: a read */
    bool pending;
};

struct sim_flood {
    struct sim_world *world;
    struct prng prng;
    struct sim_host *host; /* NULL: there is none */
    uint64_t process;
    struct sim_flood_call *call;
    uint32_t count;
    uint32_t asked;
    uint32_t slice;
    uint32_t pending;
    uint32_t writes_percent;
    bool over;              /* no more calls */
    uint64_t deadline_ns;   /* of each, from its asking on */
    uint64_t patience_ns;   /* of the last one, on its host's clock */
    uint64_t total;         /* calls of this world */
    uint64_t done, refused; /* of this flood */
};

/* sim_flood_init, sim_flood_done -- nothing is asked; done when no node is left. */
void sim_flood_init(struct sim_flood *f, struct sim_world *w, uint64_t seed);
void sim_flood_done(struct sim_flood *f);

/* sim_flood_start -- begin one at a host; false: there is one already, or the world had enough. */
bool sim_flood_start(struct sim_flood *f, struct sim_host *h);

/* sim_flood_stop -- nothing more is asked; what was asked is answered. */
void sim_flood_stop(struct sim_flood *f);

/* sim_flood_lost -- the process of a host has ended. */
void sim_flood_lost(struct sim_flood *f, const struct sim_host *h);

#endif
