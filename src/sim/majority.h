/* sim/majority.h -- who is a majority of a configuration, counted one by one.
 *
 * Shape:      sets of nodes are bits: bit i is node i + 1
 * Thread:     any, pure
 * Why:        raft/quorum.c is what is judged: it is not asked
 */
#ifndef SIM_MAJORITY_H
#define SIM_MAJORITY_H

#include "raft/raft.h"

/* sim_node_bit -- of a node's number; 0 for one that no world has. */
static inline uint64_t sim_node_bit(uint64_t id)
{
    return id >= 1 && id <= 64 ? UINT64_C(1) << (id - 1) : 0;
}

/* sim_node_bits -- of several. */
uint64_t sim_node_bits(const uint64_t *ids, uint32_t count);

/* sim_node_count -- how many nodes a set has. */
uint32_t sim_node_count(uint64_t nodes);

/* sim_majority -- whether the nodes are a majority of the voters, and of the outgoing ones when
 * there are any; learners count for nothing. */
bool sim_majority(const struct raft_conf *c, uint64_t nodes);

/* sim_voters, sim_members -- who votes, in either half; who is there at all. */
uint64_t sim_voters(const struct raft_conf *c);
uint64_t sim_members(const struct raft_conf *c);

#endif
