/* tests/unit/sim/test_image.c -- Subject: file bytes in shared pages. Method: images and as many
 * flat arrays, the same drawn writes, zeroes and shares on both; each must read as its array does,
 * and an account that is empty at the end tells that every share was given back.
 */
#include "tap.h"

#include "base/limits.h"
#include "base/prng.h"
#include "sim/image.h"

enum {
    IMAGES = 3,
    PAGES = 5,
    BYTES = PAGES * SIM_PAGE_BYTES,
    STEPS = 20000
};

static struct world {
    struct mem mem;
    struct prng prng;
    struct sim_image image[IMAGES];
    uint8_t flat[IMAGES][BYTES];
} w;

static void start(size_t limit)
{
    memset(&w, 0, sizeof w);
    mem_init(&w.mem, "test", limit);
    prng_seed(&w.prng, 7);
    for (int i = 0; i < IMAGES; i++) {
        CHECK(sim_image_reserve(&w.mem, &w.image[i], BYTES) == ERR_OK);
    }
}

static void stop(void)
{
    for (int i = 0; i < IMAGES; i++) {
        sim_image_drop(&w.mem, &w.image[i]);
        sim_image_drop(&w.mem, &w.image[i]);
    }
    CHECK_U64(w.mem.used, 0);
}

static size_t draw(size_t below)
{
    return (size_t)prng_below(&w.prng, below);
}

/* One change of one image: bytes, zeroes that are written, zeroes, or another's pages. */
static void step(void)
{
    static uint8_t bytes[BYTES];
    size_t i = draw(IMAGES);
    size_t from = draw(IMAGES);
    bool whole = draw(2) == 0;
    size_t first = whole ? draw(PAGES) * SIM_PAGE_BYTES : draw(BYTES);
    size_t count = whole ? SIM_PAGE_BYTES : draw(BYTES - first + 1);
    switch (draw(4)) {
    case 0:
    case 1:
        memset(bytes, draw(2) == 0 ? (int)draw(256) : 0, count);
        CHECK(sim_image_write(&w.mem, &w.image[i], first, bytes, count) == ERR_OK);
        memcpy(w.flat[i] + first, bytes, count);
        return;
    case 2:
        CHECK(sim_image_zero(&w.mem, &w.image[i], first, count) == ERR_OK);
        memset(w.flat[i] + first, 0, count);
        return;
    default:
        first -= first % SIM_PAGE_BYTES;
        sim_image_share(&w.mem, &w.image[i], &w.image[from], first, first + 1);
        memmove(w.flat[i] + first, w.flat[from] + first, SIM_PAGE_BYTES);
    }
}

static void reads_as_arrays(void)
{
    static uint8_t got[BYTES];
    start(MIB);
    for (int n = 0; n < STEPS; n++) {
        step();
        size_t i = draw(IMAGES);
        size_t first = draw(BYTES);
        size_t count = draw(BYTES - first + 1);
        sim_image_read(&w.image[i], first, got, count);
        CHECK(memcmp(got, w.flat[i] + first, count) == 0);
        size_t end = draw(BYTES + 1);
        size_t other = draw(IMAGES);
        CHECK(sim_image_same(&w.image[i], &w.image[other], end) ==
              (memcmp(w.flat[i], w.flat[other], end) == 0));
    }
    stop();
}

static void zeroes_cost_nothing(void)
{
    static const uint8_t zeroes[BYTES];
    static uint8_t ones[SIM_PAGE_BYTES];
    memset(ones, 1, sizeof ones);
    start(MIB);
    size_t empty = w.mem.used;
    CHECK(sim_image_write(&w.mem, &w.image[0], 0, zeroes, BYTES) == ERR_OK);
    CHECK_U64(w.mem.used, empty);
    CHECK(sim_image_write(&w.mem, &w.image[0], SIM_PAGE_BYTES, ones, sizeof ones) == ERR_OK);
    size_t one = w.mem.used;
    sim_image_share(&w.mem, &w.image[1], &w.image[0], 0, BYTES);
    CHECK_U64(w.mem.used, one);
    CHECK(sim_image_zero(&w.mem, &w.image[0], 0, BYTES) == ERR_OK);
    CHECK_U64(w.mem.used, one); /* the other still has it */
    CHECK(sim_image_zero(&w.mem, &w.image[1], 0, BYTES) == ERR_OK);
    CHECK_U64(w.mem.used, empty);
    stop();
}

static void account_is_full(void)
{
    static uint8_t ones[BYTES];
    static uint8_t got[BYTES];
    memset(ones, 1, sizeof ones);
    start(IMAGES * SIM_PAGE_BYTES);
    CHECK(sim_image_write(&w.mem, &w.image[0], 0, ones, BYTES) == ERR_NO_SPACE);
    sim_image_read(&w.image[0], 0, got, BYTES);
    CHECK_U64(got[0], 1);
    CHECK_U64(got[BYTES - 1], 0);
    CHECK(sim_image_reserve(&w.mem, &w.image[0], 64 * MIB) == ERR_NO_SPACE);
    CHECK_U64(w.image[0].pages, PAGES);
    stop();
}

int main(void)
{
    TAP_TEST("image: drawn changes read as those of an array", reads_as_arrays);
    TAP_TEST("image: pages of zeroes take no memory, shared ones take it once",
             zeroes_cost_nothing);
    TAP_TEST("image: a full account is an error, and nothing is lost", account_is_full);
    return tap_done();
}
