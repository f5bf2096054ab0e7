/* net/identity.h -- who a node is: an Ed25519 key pair from a 32-byte seed, and its forms on the
 * wire.
 *
 * Shape:      the public key is the name of the node; hex for people, base32hex in the TLS server
 *             name, DER constants around it for TLS (docs/WIRE.md)
 * Owns:       the seed inside; identity_done wipes it
 * Thread:     any, pure
 */
#ifndef NET_IDENTITY_H
#define NET_IDENTITY_H

#include "base/ids.h"

enum {
    IDENTITY_SEED_BYTES = 32,
    IDENTITY_HEX_MAX = 65,    /* 64 digits and a NUL */
    IDENTITY_SNI_MAX = 66,    /* 52 characters, ".iroh.invalid" and a NUL */
    IDENTITY_SPKI_BYTES = 44, /* SubjectPublicKeyInfo */
    IDENTITY_PKCS8_BYTES = 48
};

struct identity {
    uint8_t seed[IDENTITY_SEED_BYTES]; /* secret */
    struct node_key key;
};

/* identity_from_seed -- derive the public key. */
void identity_from_seed(const uint8_t seed[IDENTITY_SEED_BYTES], struct identity *out);

/* identity_done -- wipe the secret. */
void identity_done(struct identity *id);

/* identity_hex -- the key as 64 lower-case digits and a NUL. */
void identity_hex(const struct node_key *key, char out[IDENTITY_HEX_MAX]);

/* identity_sni -- the TLS server name of a key, NUL-terminated. */
void identity_sni(const struct node_key *key, char out[IDENTITY_SNI_MAX]);

/* identity_spki -- the public key as TLS carries it. */
void identity_spki(const struct node_key *key, uint8_t out[IDENTITY_SPKI_BYTES]);

/* identity_pkcs8 -- the secret as TLS libraries read it; the caller wipes out afterwards. */
void identity_pkcs8(const struct identity *id, uint8_t out[IDENTITY_PKCS8_BYTES]);

/* identity_from_spki -- the key inside; out untouched on error. err ERR_MALFORMED: not Ed25519,
 * not 44 bytes, not a point of the curve or one of small order. */
MUST_CHECK
enum err identity_from_spki(struct bytes spki, struct node_key *out);

#endif
