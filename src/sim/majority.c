/* sim/majority.c -- counting. */
#include "sim/majority.h"

uint64_t sim_node_bits(const uint64_t *ids, uint32_t count)
{
    uint64_t bits = 0;
    for (uint32_t i = 0; i < count; i++) {
        bits |= sim_node_bit(ids[i]);
    }
    return bits;
}

uint32_t sim_node_count(uint64_t nodes)
{
    uint32_t count = 0;
    for (; nodes != 0; nodes &= nodes - 1) {
        count++;
    }
    return count;
}

static bool most(const uint64_t *ids, uint32_t count, uint64_t nodes)
{
    uint32_t there = 0;
    for (uint32_t i = 0; i < count; i++) {
        there += (sim_node_bit(ids[i]) & nodes) != 0;
    }
    return 2 * there > count;
}

bool sim_majority(const struct raft_conf *c, uint64_t nodes)
{
    return most(c->voter, c->voter_count, nodes) &&
           (c->outgoing_count == 0 || most(c->outgoing, c->outgoing_count, nodes));
}

uint64_t sim_voters(const struct raft_conf *c)
{
    return sim_node_bits(c->voter, c->voter_count) | sim_node_bits(c->outgoing, c->outgoing_count);
}

uint64_t sim_members(const struct raft_conf *c)
{
    return sim_voters(c) | sim_node_bits(c->learner, c->learner_count);
}
