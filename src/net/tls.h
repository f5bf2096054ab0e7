/* net/tls.h -- TLS 1.3 for QUIC: raw Ed25519 keys on both sides, one protocol, no tickets.
 *
 * Shape:      struct tls is a node's credentials; struct tls_session the handshake of one
 *             connection
 * Invariants: peer_known is set only for a key that was shown, checked, and is the one dialled
 * Order:      tls_session_open, handshake, tls_session_export, tls_session_close
 * Owns:       GnuTLS objects; GnuTLS allocates for itself, capped by the number of connections
 * Thread:     the loop's
 */
#ifndef NET_TLS_H
#define NET_TLS_H

#include "base/mem.h"
#include "net/identity.h"

#include <gnutls/gnutls.h>
#include <ngtcp2/ngtcp2_crypto.h>

/* Protocols a node speaks, in the order it prefers them; one connection for each pair of nodes and
 * protocol. */
enum tls_alpn {
    TLS_ALPN_RAFT, /* aspen-raft/1 */
    TLS_ALPN_COUNT,
};

struct tls;

struct tls_session {
    ngtcp2_crypto_conn_ref ref; /* what ngtcp2 finds behind the session */
    gnutls_session_t session;   /* NULL before open and after close */
    struct node_key own;
    bool server;
    bool expect_known; /* the client's: the key it dialled */
    struct node_key expect;
    bool peer_known;
    bool wrong_key; /* a key was shown and refused */
    struct node_key peer;
};

/* tls_open -- credentials from a key pair. err ERR_INTERNAL: the library refuses them. */
MUST_CHECK
enum err tls_open(struct mem *mem, const struct identity *id, struct tls **out, struct diag *diag);
void tls_close(struct tls *t);

/* tls_session_open -- s->ref is filled by the caller before; expect is NULL for a server. offers
 * is the one protocol of a client, TLS_ALPN_COUNT for all (a server). err ERR_NO_MEMORY,
 * ERR_INTERNAL. */
MUST_CHECK
enum err tls_session_open(struct tls *t, struct tls_session *s, const struct node_key *expect,
                          enum tls_alpn offers);
void tls_session_close(struct tls_session *s);

/* tls_session_alpn -- what was agreed, TLS_ALPN_COUNT when nothing was. */
enum tls_alpn tls_session_alpn(const struct tls_session *s);

/* tls_session_export -- secret bytes that only the two ends of this session know (RFC 8446 7.5).
 *   err ERR_INTERNAL  the handshake has not completed */
MUST_CHECK
enum err tls_session_export(const struct tls_session *s, const char *label, uint8_t *out,
                            size_t count);

#endif
