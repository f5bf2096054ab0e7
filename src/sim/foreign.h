/* sim/foreign.h -- a node that was begun alone, beside the cluster of the world: with the same
 * cookie, and connected to all.
 *
 * Shape:      one at a time, on a machine whose node is no member. What it does is true in its own
 *             cluster, so the judges of the world do not look at it; that it keeps to itself, and
 *             the others to themselves, is judged here
 * Owns:       its call
 * Thread:     one
 */
#ifndef SIM_FOREIGN_H
#define SIM_FOREIGN_H

#include "base/ids.h"
#include "node/service.h"
#include "raft/raft.h"

struct sim_world;
struct sim_host;

struct sim_foreign {
    uint32_t host;  /* index + 1; 0: none */
    bool begun;     /* its cluster has an id */
    uint64_t since; /* entry of the newest configuration then: it may be in older ones */
    struct cluster_id cluster;
    struct service_call call;
};

/* sim_foreign_begin -- a host that was entered, and knows of no cluster, is asked to begin one with
 * itself alone. */
void sim_foreign_begin(struct sim_world *w, struct sim_host *h);

/* sim_foreign_end -- there is none any more: its disk is empty. */
void sim_foreign_end(struct sim_world *w);

/* sim_foreign_host -- the node that runs on this host is of that other cluster, as its log stands;
 * false where none runs. */
bool sim_foreign_host(const struct sim_world *w, const struct sim_host *h);

/* sim_foreign_look -- after a step of a node: true when it is of that other cluster. A finding,
 * when that has taken a node of this one, or this one it. */
bool sim_foreign_look(struct sim_world *w, struct sim_host *h, const struct raft_status *s);

#endif
