/* base/ids.h -- the identities that travel through all rooms, and their text forms.
 *
 * Shape:      node ids are numbers > 0 chosen by the operator; a key is an Ed25519 public key; an
 *             incarnation is drawn when a data directory is made, so a wiped disk is a new one
 * Thread:     any, pure
 */
#ifndef BASE_IDS_H
#define BASE_IDS_H

#include "base/bytes.h"

enum {
    NODE_KEY_BYTES = 32,
    INCARNATION_BYTES = 16,
    CLUSTER_ID_BYTES = 16
};

struct node_key {
    uint8_t b[NODE_KEY_BYTES];
};

struct incarnation {
    uint8_t b[INCARNATION_BYTES];
};

struct cluster_id {
    uint8_t b[CLUSTER_ID_BYTES];
};

/* ids_key_equal -- of public keys, so not in constant time. */
static inline bool ids_key_equal(const struct node_key *a, const struct node_key *b)
{
    return memcmp(a->b, b->b, NODE_KEY_BYTES) == 0;
}

/* ids_hex -- lower-case hex of count bytes and a NUL; out holds 2*count+1. */
void ids_hex(const uint8_t *data, size_t count, char *out);

/* ids_unhex -- exactly 2*count hex digits of either case. err ERR_MALFORMED: out untouched. */
MUST_CHECK
enum err ids_unhex(struct bytes text, uint8_t *out, size_t count);

/* ids_u64 -- decimal digits only, no sign, no overflow. err ERR_MALFORMED: out untouched. */
MUST_CHECK
enum err ids_u64(struct bytes text, uint64_t *out);

#endif
