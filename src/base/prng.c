/* base/prng.c -- xoshiro256** (Blackman and Vigna), seeded by splitmix64. */
#include "base/prng.h"

#include "base/panic.h"

static uint64_t rotl(uint64_t x, int k)
{
    return (x << k) | (x >> (64 - k));
}

void prng_seed(struct prng *p, uint64_t seed)
{
    for (int i = 0; i < 4; i++) {
        seed += 0x9e3779b97f4a7c15u;
        uint64_t z = seed;
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
        z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
        p->s[i] = z ^ (z >> 31);
    }
}

uint64_t prng_next(struct prng *p)
{
    uint64_t result = rotl(p->s[1] * 5, 7) * 9;
    uint64_t t = p->s[1] << 17;
    p->s[2] ^= p->s[0];
    p->s[3] ^= p->s[1];
    p->s[1] ^= p->s[2];
    p->s[0] ^= p->s[3];
    p->s[2] ^= t;
    p->s[3] = rotl(p->s[3], 45);
    return result;
}

uint64_t prng_below(struct prng *p, uint64_t bound)
{
    ASSERT(bound > 0);
    uint64_t skip = (0 - bound) % bound; /* 2^64 mod bound: values below it would favour some */
    for (;;) {
        uint64_t v = prng_next(p);
        if (v >= skip) {
            return v % bound;
        }
    }
}

void prng_fill(struct prng *p, void *out, size_t count)
{
    uint8_t *at = out;
    while (count > 0) {
        uint64_t v = prng_next(p);
        for (int i = 0; i < 8 && count > 0; i++, count--) {
            *at++ = (uint8_t)(v >> (8 * i));
        }
    }
}
