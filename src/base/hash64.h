/* base/hash64.h -- fast 64-bit hash for tables and comparisons between nodes; not for adversaries.
 *
 * Invariants: the same bytes and seed give the same value on every machine
 * Thread:     any, pure
 */
#ifndef BASE_HASH64_H
#define BASE_HASH64_H

#include "base/bytes.h"

/* hash64 -- of b, chained from seed. */
uint64_t hash64(uint64_t seed, struct bytes b);

#endif
