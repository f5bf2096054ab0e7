/* net/identity.c -- key pair and its DER and base32hex forms (specs: RFC 8410, RFC 4648 section
 * 7). */
#include "net/identity.h"

#include "base/panic.h"

#include <sodium.h>

enum {
    SPKI_PREFIX_BYTES = 12,
    PKCS8_PREFIX_BYTES = 16
};

static const uint8_t spki_prefix[SPKI_PREFIX_BYTES] = { 0x30, 0x2a, 0x30, 0x05, 0x06, 0x03,
                                                        0x2b, 0x65, 0x70, 0x03, 0x21, 0x00 };
static const uint8_t pkcs8_prefix[PKCS8_PREFIX_BYTES] = { 0x30, 0x2e, 0x02, 0x01, 0x00, 0x30,
                                                          0x05, 0x06, 0x03, 0x2b, 0x65, 0x70,
                                                          0x04, 0x22, 0x04, 0x20 };

void identity_from_seed(const uint8_t seed[IDENTITY_SEED_BYTES], struct identity *out)
{
    uint8_t secret[crypto_sign_SECRETKEYBYTES];
    int rc = sodium_init();
    ASSERT(rc >= 0);
    memcpy(out->seed, seed, sizeof out->seed);
    rc = crypto_sign_seed_keypair(out->key.b, secret, seed);
    ASSERT(rc == 0);
    sodium_memzero(secret, sizeof secret);
}

void identity_done(struct identity *id)
{
    sodium_memzero(id->seed, sizeof id->seed);
}

void identity_hex(const struct node_key *key, char out[IDENTITY_HEX_MAX])
{
    ids_hex(key->b, NODE_KEY_BYTES, out);
}

void identity_sni(const struct node_key *key, char out[IDENTITY_SNI_MAX])
{
    static const char digits[] = "0123456789abcdefghijklmnopqrstuv";
    static const char tail[] = ".iroh.invalid";
    uint32_t bits = 0;
    unsigned held = 0;
    size_t n = 0;
    for (size_t i = 0; i < NODE_KEY_BYTES; i++) {
        bits = (bits << 8) | key->b[i];
        for (held += 8; held >= 5; held -= 5) {
            out[n++] = digits[(bits >> (held - 5)) & 31u];
        }
    }
    out[n++] = digits[(bits << (5 - held)) & 31u];
    ASSERT(n + sizeof tail == IDENTITY_SNI_MAX);
    memcpy(out + n, tail, sizeof tail);
}

void identity_spki(const struct node_key *key, uint8_t out[IDENTITY_SPKI_BYTES])
{
    memcpy(out, spki_prefix, SPKI_PREFIX_BYTES);
    memcpy(out + SPKI_PREFIX_BYTES, key->b, NODE_KEY_BYTES);
}

void identity_pkcs8(const struct identity *id, uint8_t out[IDENTITY_PKCS8_BYTES])
{
    memcpy(out, pkcs8_prefix, PKCS8_PREFIX_BYTES);
    memcpy(out + PKCS8_PREFIX_BYTES, id->seed, IDENTITY_SEED_BYTES);
}

enum err identity_from_spki(struct bytes spki, struct node_key *out)
{
    if (spki.count != IDENTITY_SPKI_BYTES ||
        memcmp(spki.data, spki_prefix, SPKI_PREFIX_BYTES) != 0 ||
        crypto_core_ed25519_is_valid_point(spki.data + SPKI_PREFIX_BYTES) != 1) {
        return ERR_MALFORMED;
    }
    memcpy(out->b, spki.data + SPKI_PREFIX_BYTES, NODE_KEY_BYTES);
    return ERR_OK;
}
