/* sim/begin.h -- how a world's cluster begins: `init` is asked on one host, or on two at once.
 *
 * Invariants: whoever is asked is named the same members; one cluster must come of it
 * Owns:       its calls
 * Thread:     one
 */
#ifndef SIM_BEGIN_H
#define SIM_BEGIN_H

#include "node/service.h"

enum {
    SIM_BEGIN_HOSTS_MAX = 2
};

struct sim_world;

struct sim_begin {
    struct service_call call[SIM_BEGIN_HOSTS_MAX];
    uint32_t host[SIM_BEGIN_HOSTS_MAX];
    uint32_t count;
};

/* sim_begin_init -- draw from the seed who is asked, when the world has its nodes. */
void sim_begin_init(struct sim_world *w, uint64_t seed);

/* sim_begin_ask -- now, and every second until an entry behind the first one is committed. */
void sim_begin_ask(struct sim_world *w);

#endif
