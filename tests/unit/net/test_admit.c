/* tests/unit/net/test_admit.c -- the proof of the cookie.
 *
 * Subject: net/admit.c
 * Method:  one session; whatever differs between the two sides must be refused
 */
#include "net/admit.h"

#include "tap.h"

static const struct admit_hello hello = { .instance = 0x1122334455667788u,
                                          .attempt = 3,
                                          .last = 9,
                                          .reset = { 0x99, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12,
                                                     13, 14, 0xff } };

static void session(struct admit_session *s)
{
    memset(s, 0, sizeof *s);
    memset(s->exporter, 0xe1, sizeof s->exporter);
    memset(s->client.b, 0xc1, NODE_KEY_BYTES);
    memset(s->server.b, 0x5e, NODE_KEY_BYTES);
}

/* The outcome at the other side when both hold the same but for what the caller changed. */
static enum err outcome(const char *cookie, const struct admit_session *other, enum admit_role role)
{
    uint8_t key[ADMIT_KEY_BYTES];
    uint8_t out[ADMIT_HELLO_BYTES];
    struct admit_session s;
    struct admit_hello got;
    session(&s);
    admit_key(bytes_text("right"), key);
    admit_encode(key, &s, ADMIT_CLIENT, &hello, out);
    admit_key(bytes_text(cookie), key);
    return admit_check(key, other, role, out, &got);
}

static void test_right(void)
{
    uint8_t key[ADMIT_KEY_BYTES];
    uint8_t out[ADMIT_HELLO_BYTES];
    struct admit_session s;
    struct admit_hello got = { 0 };
    session(&s);
    admit_key(bytes_text("right"), key);
    admit_encode(key, &s, ADMIT_SERVER, &hello, out);
    CHECK(admit_check(key, &s, ADMIT_SERVER, out, &got) == ERR_OK);
    CHECK_U64(got.instance, hello.instance);
    CHECK_U64(got.attempt, 3);
    CHECK_U64(got.last, 9);
    CHECK(memcmp(got.reset, hello.reset, ADMIT_RESET_BYTES) == 0);
}

static void test_cookie(void)
{
    struct admit_session s;
    session(&s);
    CHECK(outcome("right", &s, ADMIT_CLIENT) == ERR_OK);
    CHECK(outcome("wrong", &s, ADMIT_CLIENT) == ERR_WRONG_COOKIE);
    CHECK(outcome("righ", &s, ADMIT_CLIENT) == ERR_WRONG_COOKIE);
}

static void test_role(void)
{
    struct admit_session s;
    session(&s);
    CHECK(outcome("right", &s, ADMIT_SERVER) == ERR_WRONG_COOKIE);
}

static void test_session(void)
{
    struct admit_session s;
    session(&s);
    s.exporter[31] ^= 1;
    CHECK(outcome("right", &s, ADMIT_CLIENT) == ERR_WRONG_COOKIE);
    session(&s);
    s.client.b[0] ^= 1;
    CHECK(outcome("right", &s, ADMIT_CLIENT) == ERR_WRONG_COOKIE);
    session(&s);
    s.server.b[31] ^= 0x80;
    CHECK(outcome("right", &s, ADMIT_CLIENT) == ERR_WRONG_COOKIE);
}

static void test_flips(void)
{
    uint8_t key[ADMIT_KEY_BYTES];
    uint8_t out[ADMIT_HELLO_BYTES];
    struct admit_session s;
    struct admit_hello got;
    session(&s);
    admit_key(bytes_text("right"), key);
    admit_encode(key, &s, ADMIT_CLIENT, &hello, out);
    for (size_t i = 0; i < sizeof out * 8; i++) {
        out[i / 8] ^= (uint8_t)(1u << (i % 8));
        CHECK(admit_check(key, &s, ADMIT_CLIENT, out, &got) == ERR_WRONG_COOKIE);
        out[i / 8] ^= (uint8_t)(1u << (i % 8));
    }
}

static void test_id(void)
{
    struct admit_session s;
    session(&s);
    uint64_t id = admit_id(&s);
    CHECK(id != 0);
    s.exporter[39] ^= 1;
    CHECK(admit_id(&s) != id);
    memset(s.exporter, 0, sizeof s.exporter);
    CHECK_U64(admit_id(&s), 1);
}

static void test_layout(void)
{
    static const uint8_t numbers[] = { 0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11, 3, 0, 0, 0,
                                       0,    0,    0,    0,    9,    0,    0,    0,    0, 0, 0, 0 };
    uint8_t key[ADMIT_KEY_BYTES];
    uint8_t out[ADMIT_HELLO_BYTES];
    struct admit_session s;
    session(&s);
    admit_key(bytes_text("right"), key);
    admit_encode(key, &s, ADMIT_CLIENT, &hello, out);
    CHECK(memcmp(out, numbers, sizeof numbers) == 0);
    CHECK(memcmp(out + sizeof numbers, hello.reset, ADMIT_RESET_BYTES) == 0);
}

int main(void)
{
    TAP_TEST("admit: the right proof is accepted, with its numbers", test_right);
    TAP_TEST("admit: another cookie is refused", test_cookie);
    TAP_TEST("admit: a proof sent back to its maker is refused", test_role);
    TAP_TEST("admit: a proof of another session or other keys is refused", test_session);
    TAP_TEST("admit: no bit of a hello can be changed", test_flips);
    TAP_TEST("admit: the connection's number comes from the session and is never 0", test_id);
    TAP_TEST("admit: the numbers lie as docs/WIRE.md says", test_layout);
    return tap_done();
}
