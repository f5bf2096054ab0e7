/* tests/unit/raft/space/small.h -- the project's bounds, but for three nodes and a handful of
 * entries: a core is a few KiB, and a world of them is quick to copy. Read before anything else.
 *
 * Invariants: no bound below is reached by any plan of this folder, so the core never behaves as it
 *             would not with the real ones
 * Thread:     any, constants
 */
#ifndef TESTS_SPACE_SMALL_H
#define TESTS_SPACE_SMALL_H

#include "base/limits.h"

#undef RAFT_VOTERS_MAX
#undef RAFT_LEARNERS_MAX
#undef RAFT_PEERS_MAX
#undef RAFT_INFLIGHT_MSGS_MAX
#undef RAFT_TERM_RUNS_MAX
#undef RAFT_SIZE_RING
#undef RAFT_READ_BATCHES_MAX
#undef RAFT_PROPOSALS_MAX

#define RAFT_VOTERS_MAX 4u
#define RAFT_LEARNERS_MAX 4u
#define RAFT_PEERS_MAX 8u
#define RAFT_INFLIGHT_MSGS_MAX 8u
#define RAFT_TERM_RUNS_MAX 16u
#define RAFT_SIZE_RING 32u
#define RAFT_READ_BATCHES_MAX 2u
#define RAFT_PROPOSALS_MAX 16u

#endif
