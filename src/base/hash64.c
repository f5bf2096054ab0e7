/* base/hash64.c -- multiply and fold, eight bytes a step (the idea of wyhash, with our
 * constants). */
#include "base/hash64.h"

static uint64_t fold(uint64_t a, uint64_t b)
{
    __extension__ typedef unsigned __int128 wide;
    wide product = (wide)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static uint64_t word_of(const uint8_t *at, size_t count)
{
    uint64_t v = 0;
    for (size_t i = 0; i < count; i++) {
        v |= (uint64_t)at[i] << (8 * i);
    }
    return v;
}

uint64_t hash64(uint64_t seed, struct bytes b)
{
    uint64_t h = seed ^ 0x9e3779b97f4a7c15u;
    size_t at = 0;
    for (; b.count - at >= 8; at += 8) {
        h = fold(h ^ word_of(b.data + at, 8), 0xd6e8feb86659fd93u);
    }
    const uint8_t *rest = at > 0 ? b.data + at : b.data; /* NULL + 0 is undefined */
    h = fold(h ^ word_of(rest, b.count - at), 0xa0761d6478bd642fu);
    return fold(h ^ b.count, 0xe7037ed1a0b428dbu);
}
