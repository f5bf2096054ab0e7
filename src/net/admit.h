/* net/admit.h -- the proof of the cookie: one message each way before anything else is read.
 *
 * Shape:      hello = instance, attempt, last (u64 little-endian each), reset (16 bytes), proof
 *             (32 bytes); the proof is a keyed BLAKE3 over the TLS exporter, both keys, the role of
 *             the sender and what stands before it
 * Invariants: a proof is good for one session and one direction only; it never shows the cookie
 * Thread:     any, pure
 * Why:        TLS proves who the peer is; the cookie proves that it belongs here, and the
 *             exporter binds it to this very session, so that nobody can pass it on (docs/WIRE.md)
 */
#ifndef NET_ADMIT_H
#define NET_ADMIT_H

#include "base/bytes.h"
#include "base/ids.h"

enum {
    ADMIT_KEY_BYTES = 32,
    ADMIT_RESET_BYTES = 16,
    ADMIT_PROOF_BYTES = 32,
    ADMIT_EXPORTER_BYTES = 40, /* 32 for the proof, 8 name the connection */
    ADMIT_HELLO_BYTES = 24 + ADMIT_RESET_BYTES + ADMIT_PROOF_BYTES
};

/* Label of the TLS exporter (RFC 8446 section 7.5), empty context. */
#define ADMIT_EXPORTER_LABEL "EXPORTER-aspen-admission-v1"

/* Context string of the key derivation from the cookie. */
#define ADMIT_CONTEXT "aspen 2026 admission proof v1"

enum admit_role {
    ADMIT_CLIENT = 1, /* the side that dialled */
    ADMIT_SERVER = 2,
};

/* What both sides know after the handshake. */
struct admit_session {
    uint8_t exporter[ADMIT_EXPORTER_BYTES];
    struct node_key client;
    struct node_key server;
};

/* What one side says; the numbers settle which of two connections stays. QUIC has no place for the
 * token that resets the first connection id of the side that dialled: without it the other would
 * wait for a restarted process until the connection is idle for too long. */
struct admit_hello {
    uint64_t instance; /* drawn when the link was opened */
    uint64_t attempt;  /* of the dialling side: its how-many-th dial to this peer; else 0 */
    uint64_t last;     /* of the dialling side: the connection it had admitted last; else 0 */
    uint8_t reset[ADMIT_RESET_BYTES]; /* of the dialling side; else zeros */
};

/* admit_key -- the key of proofs from the cookie. */
void admit_key(struct bytes cookie, uint8_t out[ADMIT_KEY_BYTES]);

/* admit_id -- a number that names the connection, the same on both sides, never 0. */
uint64_t admit_id(const struct admit_session *s);

/* admit_encode -- the hello of one side with its proof. */
void admit_encode(const uint8_t key[ADMIT_KEY_BYTES], const struct admit_session *s,
                  enum admit_role role, const struct admit_hello *hello,
                  uint8_t out[ADMIT_HELLO_BYTES]);

/* admit_check -- read the hello that role sent; takes the same time wherever a byte is wrong.
 *   err ERR_WRONG_COOKIE  out untouched */
MUST_CHECK
enum err admit_check(const uint8_t key[ADMIT_KEY_BYTES], const struct admit_session *s,
                     enum admit_role role, const uint8_t in[ADMIT_HELLO_BYTES],
                     struct admit_hello *out);

#endif
