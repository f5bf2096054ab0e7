/* tests/unit/net/test_identity.c -- the forms of a key.
 *
 * Subject: net/identity.c
 * Method:  vectors of specs/iroh-wire.md appendix A: secret xx is 32 times the byte xx
 */
#include "net/identity.h"

#include "tap.h"

struct vector {
    uint8_t byte;
    const char *hex;
    const char *sni;
};

static const struct vector vectors[] = {
    { 0x00, "3b6a27bcceb6a42d62a3a8d02a6f0d73653215771de243a63ac048a18b59da29",
      "7dl2ff6emqi2qol3l382krodedij45bn3nh479hqo14a32qpr8kg.iroh.invalid" },
    { 0x03, "ed4928c628d1c2c6eae90338905995612959273a5c63f93636c14614ac8737d1",
      "tl4ihhh8q71cdqn90cs90mclc4kli9pqbhhvidhmo5319b476v8g.iroh.invalid" },
    { 0x07, "ea4a6c63e29c520abef5507b132ec5f9954776aebebe7b92421eea691446d22c",
      "t956oov2jh90lfnla1th6bm5v6aketlenqv7n4i23rl6i526q8m0.iroh.invalid" },
    { 0x09, "fd1724385aa0c75b64fb78cd602fa1d991fdebf76b13c58ed702eac835e9f618",
      "vkbi8e2qk33lmp7rf36m0bt1r68vrqvndc9sb3mn0blcgdf9uoc0.iroh.invalid" },
    { 0x2a, "197f6b23e16c8532c6abc838facd5ea789be0c76b2920334039bfa8b3d368d61",
      "35vmm8v1di2j5hlbp0sfljauku4rs33mma906d03jft8mf9mhlgg.iroh.invalid" },
};

enum {
    VECTORS = sizeof vectors / sizeof vectors[0]
};

static void identity_of(uint8_t byte, struct identity *out)
{
    uint8_t seed[IDENTITY_SEED_BYTES];
    memset(seed, byte, sizeof seed);
    identity_from_seed(seed, out);
}

static void test_hex(void)
{
    for (size_t i = 0; i < VECTORS; i++) {
        struct identity id;
        char hex[IDENTITY_HEX_MAX];
        identity_of(vectors[i].byte, &id);
        identity_hex(&id.key, hex);
        CHECK(strcmp(hex, vectors[i].hex) == 0);
    }
}

static void test_sni(void)
{
    for (size_t i = 0; i < VECTORS; i++) {
        struct identity id;
        char sni[IDENTITY_SNI_MAX];
        identity_of(vectors[i].byte, &id);
        identity_sni(&id.key, sni);
        CHECK(strcmp(sni, vectors[i].sni) == 0);
    }
}

static void test_spki(void)
{
    struct identity id;
    uint8_t spki[IDENTITY_SPKI_BYTES];
    char hex[2 * IDENTITY_SPKI_BYTES + 1];
    identity_of(7, &id);
    identity_spki(&id.key, spki);
    ids_hex(spki, sizeof spki, hex);
    CHECK(strcmp(hex, "302a300506032b6570032100"
                      "ea4a6c63e29c520abef5507b132ec5f9954776aebebe7b92421eea691446d22c") == 0);
}

static void test_pkcs8(void)
{
    struct identity id;
    uint8_t pkcs8[IDENTITY_PKCS8_BYTES];
    char hex[2 * IDENTITY_PKCS8_BYTES + 1];
    identity_of(0x2a, &id);
    identity_pkcs8(&id, pkcs8);
    ids_hex(pkcs8, sizeof pkcs8, hex);
    CHECK(strncmp(hex, "302e020100300506032b6570042204202a2a2a", 38) == 0);
    CHECK(hex[94] == '2' && hex[95] == 'a');
}

static void test_spki_round(void)
{
    struct identity id;
    struct node_key key;
    uint8_t spki[IDENTITY_SPKI_BYTES];
    identity_of(3, &id);
    identity_spki(&id.key, spki);
    CHECK(identity_from_spki(bytes_of(spki, sizeof spki), &key) == ERR_OK);
    CHECK(ids_key_equal(&key, &id.key));
}

static void test_spki_prefix(void)
{
    struct identity id;
    struct node_key key;
    uint8_t spki[IDENTITY_SPKI_BYTES];
    identity_of(3, &id);
    for (size_t i = 0; i < 12; i++) {
        identity_spki(&id.key, spki);
        spki[i] ^= 1;
        CHECK(identity_from_spki(bytes_of(spki, sizeof spki), &key) == ERR_MALFORMED);
    }
}

static void test_spki_length(void)
{
    uint8_t spki[IDENTITY_SPKI_BYTES + 1] = { 0 };
    struct identity id;
    struct node_key key;
    identity_of(3, &id);
    identity_spki(&id.key, spki);
    for (size_t n = 0; n <= sizeof spki; n++) {
        CHECK((identity_from_spki(bytes_of(spki, n), &key) == ERR_OK) == (n == 44));
    }
}

static void test_small_order(void)
{
    struct node_key zero = { { 1 } }; /* the neutral element */
    struct node_key key;
    uint8_t spki[IDENTITY_SPKI_BYTES];
    identity_spki(&zero, spki);
    CHECK(identity_from_spki(bytes_of(spki, sizeof spki), &key) == ERR_MALFORMED);
}

static void test_wipe(void)
{
    static const uint8_t zero[IDENTITY_SEED_BYTES];
    struct identity id;
    identity_of(9, &id);
    identity_done(&id);
    CHECK(memcmp(id.seed, zero, sizeof zero) == 0);
}

int main(void)
{
    TAP_TEST("identity: public keys match the vectors", test_hex);
    TAP_TEST("identity: server names match the vectors", test_sni);
    TAP_TEST("identity: the public key in DER matches the vector", test_spki);
    TAP_TEST("identity: the secret in DER has the constant prefix", test_pkcs8);
    TAP_TEST("identity: a key survives its DER form", test_spki_round);
    TAP_TEST("identity: another algorithm is refused", test_spki_prefix);
    TAP_TEST("identity: a DER form of another length is refused", test_spki_length);
    TAP_TEST("identity: a point of small order is refused", test_small_order);
    TAP_TEST("identity: done wipes the secret", test_wipe);
    return tap_done();
}
