/* base/prng.h -- seeded generator (xoshiro256**); the only randomness in pure rooms.
 *
 * Invariants: the same seed gives the same sequence on every machine; never all zero
 * Thread:     the owner's
 */
#ifndef BASE_PRNG_H
#define BASE_PRNG_H

#include <stddef.h>
#include <stdint.h>

struct prng {
    uint64_t s[4];
};

/* prng_seed -- begin the sequence of seed; any seed will do, 0 too. */
void prng_seed(struct prng *p, uint64_t seed);

/* prng_next -- the next 64 bits. */
uint64_t prng_next(struct prng *p);

/* prng_below -- uniform in 0..bound-1, without modulo bias; bound > 0. */
uint64_t prng_below(struct prng *p, uint64_t bound);

/* prng_fill -- the next count bytes. */
void prng_fill(struct prng *p, void *out, size_t count);

#endif
