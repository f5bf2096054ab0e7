/* raft/quorum.c -- majorities, plain and joint, over any value of a member.
 *
 * Why: one function for commits, votes, reads and leases: a quorum scan that is right once is right
 *      everywhere
 */
#include "raft/raft.h"

#include "base/panic.h"

/* The value that a majority of ids has or exceeds: sort descending, take the middle. */
static uint64_t majority(const uint64_t *ids, const uint64_t *lives, uint8_t count,
                         raft_value_fn value, const void *arg)
{
    uint64_t sorted[RAFT_VOTERS_MAX];
    ASSERT(count <= RAFT_VOTERS_MAX);
    if (count == 0) {
        return UINT64_MAX;
    }
    for (uint8_t i = 0; i < count; i++) {
        uint64_t v = value(arg, ids[i], lives[i]);
        uint8_t at = i;
        while (at > 0 && sorted[at - 1] < v) {
            sorted[at] = sorted[at - 1];
            at--;
        }
        sorted[at] = v;
    }
    return sorted[count / 2];
}

uint64_t raft_quorum(const struct raft_conf *c, raft_value_fn value, const void *arg)
{
    if (c->voter_count == 0 && c->outgoing_count == 0) {
        return 0;
    }
    uint64_t incoming = majority(c->voter, c->voter_life, c->voter_count, value, arg);
    uint64_t outgoing = majority(c->outgoing, c->outgoing_life, c->outgoing_count, value, arg);
    return incoming < outgoing ? incoming : outgoing;
}
