/* tests/unit/base/test_hash64.c -- Subject: the fast hash. Method: pinned values, avalanche. */
#include "tap.h"

#include "base/hash64.h"
#include "base/prng.h"

/* Nodes compare these values: a change of them is a change of the format. */
static void pinned(void)
{
    CHECK_U64(hash64(0, bytes_of(NULL, 0)), 0xe7157c6bd1493c30u);
    CHECK_U64(hash64(0, bytes_text("a")), 0x4c338c5813daf743u);
    CHECK_U64(hash64(7, bytes_text("the quick brown fox jumps")), 0x045137ac78fca7f4u);
}

/* Blocks of exactly their size at every alignment: the value depends on the bytes alone. */
static void placement(void)
{
    uint8_t source[40];
    struct prng p;
    prng_seed(&p, 1);
    prng_fill(&p, source, sizeof source);
    for (size_t count = 0; count <= sizeof source; count++) {
        uint64_t expected = hash64(3, bytes_of(source, count));
        for (size_t skip = 0; skip < 9; skip++) {
            uint8_t *block = malloc(skip + count + (skip + count == 0));
            memcpy(block + skip, source, count);
            CHECK_U64(hash64(3, bytes_of(block + skip, count)), expected);
            free(block);
        }
    }
}

static void lengths(void)
{
    static const uint8_t zeroes[64] = { 0 };
    for (size_t a = 0; a <= sizeof zeroes; a++) {
        CHECK(hash64(1, bytes_of(zeroes, a)) != hash64(2, bytes_of(zeroes, a)));
        for (size_t b = 0; b < a; b++) {
            CHECK(hash64(0, bytes_of(zeroes, a)) != hash64(0, bytes_of(zeroes, b)));
        }
    }
}

/* A flipped bit of the input flips about half of the output. */
static void avalanche(void)
{
    uint8_t source[32];
    struct prng p;
    uint64_t flipped = 0;
    prng_seed(&p, 2);
    prng_fill(&p, source, sizeof source);
    uint64_t whole = hash64(0, bytes_of(source, sizeof source));
    for (size_t bit = 0; bit < 8 * sizeof source; bit++) {
        source[bit / 8] ^= (uint8_t)(1u << (bit % 8));
        uint64_t other = hash64(0, bytes_of(source, sizeof source));
        int changed = __builtin_popcountll(whole ^ other);
        CHECK(changed >= 10 && changed <= 54);
        flipped += (uint64_t)changed;
        source[bit / 8] ^= (uint8_t)(1u << (bit % 8));
    }
    CHECK(flipped > 30 * 256 && flipped < 34 * 256);
}

int main(void)
{
    TAP_TEST("hash64: values that nodes compare do not change", pinned);
    TAP_TEST("hash64: the bytes count, not where they lie", placement);
    TAP_TEST("hash64: length and seed matter", lengths);
    TAP_TEST("hash64: every bit of the input reaches the output", avalanche);
    return tap_done();
}
