/* tests/unit/base/test_mem.c -- Subject: accounts of memory. Method: limits, the seal, a model. */
#include "tap.h"

#include "base/mem.h"
#include "base/prng.h"

#include <stdint.h>

enum {
    LIMIT = 4096,
    HEAD = 64, /* no header is larger */
    BLOCKS = 16
};

static void counted(void)
{
    struct mem m;
    mem_init(&m, "test", LIMIT);
    uint8_t *a = mem_take(&m, 100);
    CHECK(m.used >= 100 && m.used <= 100 + HEAD);
    for (int i = 0; i < 100; i++) {
        CHECK_U64(a[i], 0);
    }
    uint8_t *b = mem_alloc(&m, 50);
    CHECK(b != NULL && m.used >= 150 && m.peak == m.used);
    size_t peak = m.peak;
    mem_free(&m, a);
    mem_free(&m, b);
    mem_free(&m, NULL);
    CHECK_U64(m.used, 0);
    CHECK_U64(m.peak, peak);
}

static void limit(void)
{
    struct mem m;
    mem_init(&m, "test", LIMIT);
    void *most = mem_alloc(&m, LIMIT - HEAD);
    CHECK(most != NULL && m.used <= LIMIT);
    size_t used = m.used;
    CHECK(mem_alloc(&m, HEAD) == NULL);
    CHECK(mem_alloc(&m, SIZE_MAX) == NULL);
    CHECK(mem_alloc(&m, SIZE_MAX - 8) == NULL);
    CHECK_U64(m.used, used);
    mem_free(&m, most);
    CHECK(mem_alloc(&m, LIMIT) == NULL); /* the header counts */
    CHECK_U64(m.used, 0);
}

static void resize(void)
{
    struct mem m;
    mem_init(&m, "test", LIMIT);
    char *a = mem_resize(&m, NULL, 10);
    CHECK(a != NULL);
    memcpy(a, "123456789", 10);
    a = mem_resize(&m, a, 2000);
    CHECK(a != NULL && strcmp(a, "123456789") == 0 && m.used >= 2000);
    size_t used = m.used;
    CHECK(mem_resize(&m, a, LIMIT) == NULL && m.used == used && strcmp(a, "123456789") == 0);
    CHECK(mem_resize(&m, a, SIZE_MAX) == NULL && m.used == used);
    a = mem_resize(&m, a, 10);
    CHECK(a != NULL && m.used < used && strcmp(a, "123456789") == 0);
    a = mem_resize(&m, a, 3000); /* its own room counts for itself */
    CHECK(a != NULL);
    mem_free(&m, a);
    CHECK_U64(m.used, 0);
}

static void sealed(void)
{
    struct mem m;
    mem_init(&m, "test", LIMIT);
    void *a = mem_take(&m, 10);
    mem_seal(&m);
    void *b = mem_alloc(&m, 10);
    CHECK(b != NULL);
    mem_free(&m, a);
    mem_free(&m, b);
    CHECK_U64(m.used, 0);
}

static void random_calls(void)
{
    uint8_t *block[BLOCKS] = { NULL };
    size_t size[BLOCKS] = { 0 };
    struct mem m;
    struct prng p;
    int refused = 0;
    mem_init(&m, "test", LIMIT);
    prng_seed(&p, 1);
    for (int round = 0; round < 20000; round++) {
        size_t i = (size_t)prng_below(&p, BLOCKS);
        size_t want = (size_t)prng_below(&p, 700);
        if (prng_below(&p, 3) == 0) {
            mem_free(&m, block[i]);
            block[i] = NULL;
            size[i] = 0;
        } else {
            uint8_t *moved = mem_resize(&m, block[i], want);
            refused += moved == NULL;
            for (size_t k = 0; moved != NULL && k < size[i] && k < want; k++) {
                CHECK_U64(moved[k], i); /* what was there came along */
            }
            if (moved != NULL) {
                memset(moved, (int)i, want);
                block[i] = moved;
                size[i] = want;
            }
        }
        size_t sum = 0;
        for (size_t k = 0; k < BLOCKS; k++) {
            sum += size[k];
        }
        CHECK(m.used >= sum && m.used <= LIMIT && m.used <= m.peak);
    }
    CHECK(refused > 0);
    for (size_t i = 0; i < BLOCKS; i++) {
        mem_free(&m, block[i]);
    }
    CHECK_U64(m.used, 0);
}

static void take_too_much(void)
{
    struct mem m;
    mem_init(&m, "test", LIMIT);
    mem_take(&m, LIMIT + 1);
}

static void take_sealed(void)
{
    struct mem m;
    mem_init(&m, "test", LIMIT);
    mem_seal(&m);
    mem_take(&m, 1);
}

static void free_foreign(void)
{
    struct mem a;
    struct mem b;
    mem_init(&a, "one", LIMIT);
    mem_init(&b, "another", LIMIT);
    mem_free(&b, mem_take(&a, 10));
}

static void deaths(void)
{
    CHECK(tap_dies(take_too_much));
    CHECK(tap_dies(take_sealed));
    CHECK(tap_dies(free_foreign));
}

int main(void)
{
    TAP_TEST("mem: blocks are counted with their headers, the peak stays", counted);
    TAP_TEST("mem: what would pass the limit is refused and changes nothing", limit);
    TAP_TEST("mem: a block that cannot grow is kept as it is", resize);
    TAP_TEST("mem: a sealed account still serves run-time blocks", sealed);
    TAP_TEST("mem: random calls agree with a model and stay within the limit", random_calls);
    TAP_TEST("mem: start-up blocks over the limit or after the seal panic", deaths);
    return tap_done();
}
