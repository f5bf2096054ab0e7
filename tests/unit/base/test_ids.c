/* tests/unit/base/test_ids.c -- Subject: text forms of identities. Method: every byte, refusals. */
#include "tap.h"

#include "base/ids.h"
#include "base/prng.h"

#include <inttypes.h>

static void hex_bytes(void)
{
    for (unsigned v = 0; v < 256; v++) {
        uint8_t in = (uint8_t)v;
        uint8_t out = 0;
        char text[3];
        char expected[3];
        ids_hex(&in, 1, text);
        snprintf(expected, sizeof expected, "%02x", v);
        CHECK(strcmp(text, expected) == 0);
        CHECK(ids_unhex(bytes_text(text), &out, 1) == ERR_OK && out == in);
        snprintf(expected, sizeof expected, "%02X", v);
        CHECK(ids_unhex(bytes_text(expected), &out, 1) == ERR_OK && out == in);
    }
}

/* All pairs of bytes: digits and nothing else are taken. */
static void hex_refuses(void)
{
    int taken = 0;
    for (unsigned a = 0; a < 256; a++) {
        for (unsigned b = 0; b < 256; b++) {
            uint8_t text[2] = { (uint8_t)a, (uint8_t)b };
            uint8_t out = 0x5a;
            enum err e = ids_unhex(bytes_of(text, 2), &out, 1);
            CHECK(e == ERR_OK || (e == ERR_MALFORMED && out == 0x5a));
            taken += e == ERR_OK;
        }
    }
    CHECK_U64(taken, 22 * 22);
}

static void hex_lengths(void)
{
    static const char digits[] = "00112233445566778899aabbccddeeff00112233";
    for (size_t count = 0; count <= 20; count++) {
        for (size_t given = 0; given <= 40; given++) {
            uint8_t out[20] = { 0 };
            enum err e = ids_unhex(bytes_of(digits, given), out, count);
            CHECK(e == (given == 2 * count ? ERR_OK : ERR_MALFORMED));
        }
    }
}

static void number(const char *text, enum err expected, uint64_t value)
{
    uint64_t v = 77;
    CHECK(ids_u64(bytes_text(text), &v) == expected);
    CHECK_U64(v, expected == ERR_OK ? value : 77);
}

static void numbers(void)
{
    number("0", ERR_OK, 0);
    number("007", ERR_OK, 7);
    number("18446744073709551615", ERR_OK, UINT64_MAX);
    number("18446744073709551616", ERR_MALFORMED, 0);
    number("18446744073709551620", ERR_MALFORMED, 0);
    number("99999999999999999999", ERR_MALFORMED, 0);
    number("000000000000000000001", ERR_MALFORMED, 0); /* longer than any number */
    number("", ERR_MALFORMED, 0);
    number("-1", ERR_MALFORMED, 0);
    number("+1", ERR_MALFORMED, 0);
    number(" 1", ERR_MALFORMED, 0);
    number("1 ", ERR_MALFORMED, 0);
    number("0x1", ERR_MALFORMED, 0);
    number("1e3", ERR_MALFORMED, 0);
    number("1/", ERR_MALFORMED, 0);
    number("1:", ERR_MALFORMED, 0);
    uint64_t v = 77;
    CHECK(ids_u64(bytes_of("1\0", 2), &v) == ERR_MALFORMED && v == 77);
}

static void numbers_back(void)
{
    struct prng p;
    prng_seed(&p, 1);
    for (int i = 0; i < 10000; i++) {
        uint64_t v = prng_next(&p) >> prng_below(&p, 64);
        uint64_t back = 0;
        char text[32];
        snprintf(text, sizeof text, "%" PRIu64, v);
        CHECK(ids_u64(bytes_text(text), &back) == ERR_OK);
        CHECK_U64(back, v);
    }
}

static void keys(void)
{
    struct node_key a = { { 0 } };
    struct node_key b = { { 0 } };
    CHECK(ids_key_equal(&a, &b));
    for (size_t i = 0; i < NODE_KEY_BYTES; i++) {
        b.b[i] ^= 1;
        CHECK(!ids_key_equal(&a, &b));
        b.b[i] ^= 1;
    }
}

int main(void)
{
    TAP_TEST("hex: every byte, in both cases, there and back", hex_bytes);
    TAP_TEST("hex: of all pairs of bytes only digits are taken", hex_refuses);
    TAP_TEST("hex: exactly the asked length", hex_lengths);
    TAP_TEST("numbers: digits without sign, space or overflow", numbers);
    TAP_TEST("numbers: random ones there and back", numbers_back);
    TAP_TEST("keys: equal in all bytes or not at all", keys);
    return tap_done();
}
