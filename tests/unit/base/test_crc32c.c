/* tests/unit/base/test_crc32c.c -- Subject: CRC-32C by instruction and by table.
 *
 * Method: published vectors (RFC 3720 B.4) on both; then both against the plain bitwise definition
 */
#include "tap.h"

#include "base/crc32c.h"
#include "base/prng.h"

typedef uint32_t (*crc_fn)(uint32_t crc, const void *data, size_t count);

static uint32_t bitwise(uint32_t crc, const uint8_t *at, size_t count)
{
    crc = ~crc;
    for (size_t i = 0; i < count; i++) {
        crc ^= at[i];
        for (int bit = 0; bit < 8; bit++) {
            crc = (crc >> 1) ^ ((crc & 1u) != 0 ? 0x82f63b78u : 0);
        }
    }
    return ~crc;
}

static void published(crc_fn fn)
{
    static const uint8_t scsi_read[48] = {
        0x01, 0xc0, 0, 0,    0, 0, 0, 0,    0,    0, 0, 0, 0, 0, 0, 0, 0x14, 0, 0, 0, 0, 0, 4, 0,
        0,    0,    0, 0x14, 0, 0, 0, 0x18, 0x28, 0, 0, 0, 0, 0, 0, 0, 2,    0, 0, 0, 0, 0, 0, 0,
    };
    uint8_t block[32];
    CHECK_U64(fn(0, NULL, 0), 0);
    CHECK_U64(fn(0, "123456789", 9), 0xe3069283u);
    memset(block, 0, sizeof block);
    CHECK_U64(fn(0, block, 32), 0x8a9136aau);
    memset(block, 0xff, sizeof block);
    CHECK_U64(fn(0, block, 32), 0x62a8ab43u);
    for (int i = 0; i < 32; i++) {
        block[i] = (uint8_t)i;
    }
    CHECK_U64(fn(0, block, 32), 0x46dd794eu);
    for (int i = 0; i < 32; i++) {
        block[i] = (uint8_t)(31 - i);
    }
    CHECK_U64(fn(0, block, 32), 0x113fdb5cu);
    CHECK_U64(fn(0, scsi_read, sizeof scsi_read), 0xd9963a56u);
}

static void vectors(void)
{
    published(crc32c);
}

static void vectors_table(void)
{
    published(crc32c_table);
}

static void ways_agree(void)
{
    enum {
        ROUNDS = 2000,
        BYTES_MAX = 300
    };
    struct prng p;
    prng_seed(&p, 1);
    for (int round = 0; round < ROUNDS; round++) {
        size_t skip = (size_t)prng_below(&p, 16); /* every alignment */
        size_t count = (size_t)prng_below(&p, BYTES_MAX);
        uint32_t seed = (uint32_t)prng_next(&p);
        uint8_t *block = malloc(skip + count + 1);
        prng_fill(&p, block, skip + count);
        uint32_t expected = bitwise(seed, block + skip, count);
        CHECK_U64(crc32c(seed, block + skip, count), expected);
        CHECK_U64(crc32c_table(seed, block + skip, count), expected);
        free(block);
    }
}

static void pieces(void)
{
    uint8_t block[100];
    struct prng p;
    prng_seed(&p, 2);
    prng_fill(&p, block, sizeof block);
    uint32_t whole = crc32c(0, block, sizeof block);
    for (size_t cut = 0; cut <= sizeof block; cut++) {
        CHECK_U64(crc32c(crc32c(0, block, cut), block + cut, sizeof block - cut), whole);
    }
}

static void flips(void)
{
    uint8_t block[64] = { 0 };
    uint32_t whole = crc32c(0, block, sizeof block);
    for (size_t bit = 0; bit < 8 * sizeof block; bit++) {
        block[bit / 8] ^= (uint8_t)(1u << (bit % 8));
        CHECK(crc32c(0, block, sizeof block) != whole);
        block[bit / 8] ^= (uint8_t)(1u << (bit % 8));
    }
}

int main(void)
{
    TAP_TEST("crc32c: the published vectors", vectors);
    TAP_TEST("crc32c: the published vectors by table", vectors_table);
    TAP_TEST("crc32c: instruction, table and definition agree on any length and alignment",
             ways_agree);
    TAP_TEST("crc32c: pieces give what the whole gives", pieces);
    TAP_TEST("crc32c: every single flipped bit is seen", flips);
    return tap_done();
}
