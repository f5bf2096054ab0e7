/* tests/unit/base/test_prng.c -- Subject: xoshiro256** seeded by splitmix64.
 *
 * Method: the published reference's numbers; counts of what is drawn from ranges
 */
#include "tap.h"

#include "base/prng.h"

enum {
    DRAWS = 60000
};

/* The reference implementation of xoshiro256** from state 1, 2, 3, 4. */
static void vectors(void)
{
    static const uint64_t expected[10] = {
        11520u,
        0u,
        1509978240u,
        1215971899390074240u,
        1216172134540287360u,
        607988272756665600u,
        16172922978634559625u,
        8476171486693032832u,
        10595114339597558777u,
        2904607092377533576u,
    };
    struct prng p = { { 1, 2, 3, 4 } };
    for (int i = 0; i < 10; i++) {
        CHECK_U64(prng_next(&p), expected[i]);
    }
}

/* The reference implementation of splitmix64 from state 1234567. */
static void seeding(void)
{
    struct prng p;
    prng_seed(&p, 1234567);
    CHECK_U64(p.s[0], 6457827717110365317u);
    CHECK_U64(p.s[1], 3203168211198807973u);
    CHECK_U64(p.s[2], 9817491932198370423u);
    CHECK_U64(p.s[3], 4593380528125082431u);
}

static void determined(void)
{
    struct prng a;
    struct prng b;
    struct prng c;
    bool differ = false;
    prng_seed(&a, 0);
    prng_seed(&b, 0);
    prng_seed(&c, 1);
    CHECK((a.s[0] | a.s[1] | a.s[2] | a.s[3]) != 0);
    for (int i = 0; i < 1000; i++) {
        uint64_t v = prng_next(&a);
        CHECK_U64(prng_next(&b), v);
        differ = differ || prng_next(&c) != v;
    }
    CHECK(differ);
}

/* Chi-square over bound cells; the limits are about six deviations from the mean. */
static void no_bias(void)
{
    static const uint64_t bounds[] = { 2, 3, 5, 6, 7, 10, 100 };
    struct prng p;
    prng_seed(&p, 5);
    for (size_t b = 0; b < sizeof bounds / sizeof bounds[0]; b++) {
        uint64_t cells[100] = { 0 };
        uint64_t bound = bounds[b];
        for (int i = 0; i < DRAWS; i++) {
            uint64_t v = prng_below(&p, bound);
            CHECK(v < bound);
            cells[v]++;
        }
        double mean = (double)DRAWS / (double)bound;
        double sum = 0;
        for (uint64_t i = 0; i < bound; i++) {
            double d = (double)cells[i] - mean;
            sum += d * d / mean;
        }
        double free_cells = (double)(bound - 1);
        CHECK(sum < free_cells + 6 * (free_cells + 10)); /* generous for few cells */
    }
}

/* A modulo would draw the lower third of this range twice as often as the rest. */
static void no_modulo_bias(void)
{
    uint64_t bound = ((uint64_t)1 << 63) + ((uint64_t)1 << 62); /* three quarters of all */
    struct prng p;
    int low = 0;
    prng_seed(&p, 6);
    for (int i = 0; i < DRAWS; i++) {
        uint64_t v = prng_below(&p, bound);
        CHECK(v < bound);
        low += v < bound / 3;
    }
    CHECK(low > DRAWS / 3 - 1000 && low < DRAWS / 3 + 1000); /* modulo: half */
}

static void borders(void)
{
    struct prng p;
    prng_seed(&p, 8);
    for (int i = 0; i < 1000; i++) {
        CHECK_U64(prng_below(&p, 1), 0);
        CHECK(prng_below(&p, UINT64_MAX) < UINT64_MAX);
    }
}

static void fill(void)
{
    for (size_t count = 0; count <= 17; count++) {
        struct prng a;
        struct prng b;
        uint8_t out[18];
        memset(out, 0xee, sizeof out);
        prng_seed(&a, 9);
        prng_seed(&b, 9);
        prng_fill(&a, out, count);
        uint64_t word = 0;
        for (size_t i = 0; i < count; i++) {
            word = i % 8 == 0 ? prng_next(&b) : word >> 8;
            CHECK_U64(out[i], word & 0xffu);
        }
        CHECK_U64(out[count], 0xee);
    }
}

static void below_nothing(void)
{
    struct prng p;
    prng_seed(&p, 1);
    prng_below(&p, 0);
}

static void deaths(void)
{
    CHECK(tap_dies(below_nothing));
}

int main(void)
{
    TAP_TEST("prng: the reference's numbers", vectors);
    TAP_TEST("prng: the reference's way to seed", seeding);
    TAP_TEST("prng: a seed determines the sequence, another seed gives another", determined);
    TAP_TEST("prng: ranges are drawn evenly", no_bias);
    TAP_TEST("prng: a range that does not divide 2^64 favours nobody", no_modulo_bias);
    TAP_TEST("prng: the smallest and the largest range", borders);
    TAP_TEST("prng: fill writes the words little-endian and nothing behind", fill);
    TAP_TEST("prng: a range of nothing panics", deaths);
    return tap_done();
}
