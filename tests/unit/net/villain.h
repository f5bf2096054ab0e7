/* tests/unit/net/villain.h -- a hostile client: real QUIC and TLS, and whatever a test makes it
 * say.
 *
 * Shape:  struct villain dials one address from a socket of its own in the rig's loop; when the
 *         handshake has completed it writes up to three streams, and notes how it was sent away
 * Why:    only a peer that masters the protocol can break its rules one at a time
 */
#ifndef TESTS_NET_VILLAIN_H
#define TESTS_NET_VILLAIN_H

#include "net/admit.h"
#include "rig.h"

#include <arpa/inet.h>
#include <gnutls/abstract.h>
#include <gnutls/gnutls.h>
#include <netinet/in.h>
#include <ngtcp2/ngtcp2.h>
#include <ngtcp2/ngtcp2_crypto.h>
#include <ngtcp2/ngtcp2_crypto_gnutls.h>

enum {
    VILLAIN_STREAMS = 6,
    VILLAIN_BYTES = 4096
};

struct villain_stream {
    bool bidi;
    bool end;
    uint8_t bytes[VILLAIN_BYTES];
    size_t count;
    size_t piece; /* bytes that travel together at most; 0: what fits */
    size_t more;  /* of the hello's stream: bytes of the test's behind it */
    size_t sent;
    bool done;
    int64_t id; /* -1: not open */
};

struct villain {
    struct rig *rig;
    const char *alpn;
    const char *cookie; /* NULL: no hello at all */
    bool no_key;
    bool noisy; /* a spoilt copy before every datagram, and the same one once more behind it */
    uint8_t seed;
    uint64_t last; /* in its hello: the connection that it had before */
    struct node_key target;
    struct os_addr to;
    struct os_udp *udp;
    ngtcp2_conn *conn;
    gnutls_session_t session;
    gnutls_certificate_credentials_t cred;
    ngtcp2_crypto_conn_ref ref;
    struct os_timer timer;
    struct sockaddr_in local;
    struct sockaddr_in remote;
    struct villain_stream streams[VILLAIN_STREAMS];
    uint32_t stream_count;
    bool completed;
    bool closed;
    ngtcp2_connection_close_error why;
};

static ngtcp2_conn *villain_conn(ngtcp2_crypto_conn_ref *ref)
{
    return ((struct villain *)ref->user_data)->conn;
}

static void villain_rand(uint8_t *dest, size_t count, const ngtcp2_rand_ctx *ctx)
{
    (void)ctx;
    memset(dest, 7, count);
}

static int villain_cid(ngtcp2_conn *conn, ngtcp2_cid *cid, uint8_t *token, size_t count, void *user)
{
    struct villain *v = user;
    (void)conn;
    os_entropy(v->rig->os, cid->data, count);
    cid->datalen = count;
    os_entropy(v->rig->os, token, NGTCP2_STATELESS_RESET_TOKENLEN);
    return 0;
}

/* What both ends of its connection know, in the order of the one that it plays. */
static bool villain_session(struct villain *v, enum admit_role role, struct admit_session *out)
{
    struct identity id;
    uint8_t seed[IDENTITY_SEED_BYTES];
    memset(seed, v->seed, sizeof seed);
    identity_from_seed(seed, &id);
    out->client = role == ADMIT_CLIENT ? id.key : v->target;
    out->server = role == ADMIT_CLIENT ? v->target : id.key;
    return gnutls_prf_rfc5705(v->session, strlen(ADMIT_EXPORTER_LABEL), ADMIT_EXPORTER_LABEL, 0,
                              NULL, sizeof out->exporter, (char *)out->exporter) >= 0;
}

/* A true hello for the cookie it has; the first stream was left free for it. */
static bool villain_hello(struct villain *v, enum admit_role role)
{
    struct admit_session s;
    struct admit_hello hello = { .instance = 77, .last = v->last };
    uint8_t key[ADMIT_KEY_BYTES];
    hello.attempt = role == ADMIT_CLIENT ? 1 : 0;
    if (!villain_session(v, role, &s)) {
        return false;
    }
    admit_key(bytes_text(v->cookie), key);
    v->streams[0].bytes[0] = 0;
    admit_encode(key, &s, role, &hello, v->streams[0].bytes + 1);
    v->streams[0].count = 1 + ADMIT_HELLO_BYTES + v->streams[0].more;
    return true;
}

static int villain_completed(ngtcp2_conn *conn, void *user)
{
    struct villain *v = user;
    (void)conn;
    v->completed = true;
    return v->cookie == NULL || villain_hello(v, ADMIT_CLIENT) ? 0 : NGTCP2_ERR_CALLBACK_FAILURE;
}

static void villain_callbacks(ngtcp2_callbacks *c)
{
    memset(c, 0, sizeof *c);
    c->client_initial = ngtcp2_crypto_client_initial_cb;
    c->recv_crypto_data = ngtcp2_crypto_recv_crypto_data_cb;
    c->encrypt = ngtcp2_crypto_encrypt_cb;
    c->decrypt = ngtcp2_crypto_decrypt_cb;
    c->hp_mask = ngtcp2_crypto_hp_mask_cb;
    c->recv_retry = ngtcp2_crypto_recv_retry_cb;
    c->rand = villain_rand;
    c->get_new_connection_id = villain_cid;
    c->update_key = ngtcp2_crypto_update_key_cb;
    c->delete_crypto_aead_ctx = ngtcp2_crypto_delete_crypto_aead_ctx_cb;
    c->delete_crypto_cipher_ctx = ngtcp2_crypto_delete_crypto_cipher_ctx_cb;
    c->get_path_challenge_data = ngtcp2_crypto_get_path_challenge_data_cb;
    c->version_negotiation = ngtcp2_crypto_version_negotiation_cb;
    c->handshake_completed = villain_completed;
}

static ngtcp2_path villain_path(struct villain *v)
{
    ngtcp2_path path = { { (struct sockaddr *)&v->local, sizeof v->local },
                         { (struct sockaddr *)&v->remote, sizeof v->remote },
                         NULL };
    return path;
}

static void villain_send(struct villain *v, const uint8_t *data, size_t count)
{
    struct os_udp_send send = { .remote = v->to, .payload = bytes_of(data, count) };
    if (v->noisy) {
        uint8_t spoilt[1452];
        memcpy(spoilt, data, count);
        spoilt[prng_below(&v->rig->prng, count)] ^= (uint8_t)(1 + prng_below(&v->rig->prng, 255));
        struct os_udp_send first = { .remote = v->to, .payload = bytes_of(spoilt, count) };
        IGNORE(os_udp_send(v->udp, &first));
        IGNORE(os_udp_send(v->udp, &send));
    }
    IGNORE(os_udp_send(v->udp, &send));
}

static struct villain_stream *villain_next(struct villain *v)
{
    for (uint32_t i = 0; v->completed && i < v->stream_count; i++) {
        struct villain_stream *s = &v->streams[i];
        if (!s->done) {
            if (s->id < 0) {
                int rc = s->bidi ? ngtcp2_conn_open_bidi_stream(v->conn, &s->id, NULL)
                                 : ngtcp2_conn_open_uni_stream(v->conn, &s->id, NULL);
                CHECK(rc == 0);
            }
            return s;
        }
    }
    return NULL;
}

static void villain_write(struct villain *v)
{
    uint8_t out[1452];
    for (int i = 0; i < 100 && !v->closed; i++) {
        ngtcp2_path_storage ps;
        ngtcp2_pkt_info info;
        ngtcp2_ssize taken = -1;
        struct villain_stream *s = villain_next(v);
        ngtcp2_vec piece = { s == NULL ? NULL : s->bytes + s->sent,
                             s == NULL ? 0 : s->count - s->sent };
        if (s != NULL && s->piece > 0 && s->piece < piece.len) {
            piece.len = s->piece;
        }
        ngtcp2_path_storage_zero(&ps);
        ngtcp2_ssize n = ngtcp2_conn_writev_stream(
            v->conn, &ps.path, &info, out, sizeof out, &taken,
            s != NULL && s->end ? NGTCP2_WRITE_STREAM_FLAG_FIN : 0, s == NULL ? -1 : s->id, &piece,
            s == NULL ? 0 : 1, os_now(v->rig->os));
        if (taken >= 0 && s != NULL) {
            s->sent += (size_t)taken;
            s->done = s->sent == s->count;
        }
        if (n <= 0) {
            break;
        }
        villain_send(v, out, (size_t)n);
    }
    if (!v->closed) {
        CHECK(os_timer_set(v->rig->os, &v->timer, ngtcp2_conn_get_expiry(v->conn) + 1) == ERR_OK);
    }
}

static void villain_recv(void *arg, const struct os_datagram *d, uint32_t count)
{
    struct villain *v = arg;
    for (uint32_t i = 0; i < count && v->conn != NULL && !v->closed; i++) {
        ngtcp2_path path = villain_path(v);
        ngtcp2_pkt_info info = { 0 };
        int rc = ngtcp2_conn_read_pkt(v->conn, &path, &info, d[i].payload.data, d[i].payload.count,
                                      os_now(v->rig->os));
        if (rc != 0) {
            v->closed = true;
            ngtcp2_conn_get_connection_close_error(v->conn, &v->why);
        }
    }
    if (v->conn != NULL) {
        villain_write(v);
    }
}

static void villain_timer(void *arg, uint64_t now)
{
    struct villain *v = arg;
    if (ngtcp2_conn_handle_expiry(v->conn, now) != 0) {
        v->closed = true;
    }
    villain_write(v);
}

static void villain_key(struct villain *v)
{
    uint8_t seed[IDENTITY_SEED_BYTES];
    uint8_t spki[IDENTITY_SPKI_BYTES];
    uint8_t pkcs8[IDENTITY_PKCS8_BYTES];
    struct identity id;
    gnutls_datum_t der[2] = { { spki, sizeof spki }, { pkcs8, sizeof pkcs8 } };
    gnutls_datum_t pem[2];
    memset(seed, v->seed, sizeof seed);
    identity_from_seed(seed, &id);
    identity_spki(&id.key, spki);
    identity_pkcs8(&id, pkcs8);
    CHECK(gnutls_pem_base64_encode2("PUBLIC KEY", &der[0], &pem[0]) == 0);
    CHECK(gnutls_pem_base64_encode2("PRIVATE KEY", &der[1], &pem[1]) == 0);
    CHECK(gnutls_certificate_set_rawpk_key_mem(v->cred, &pem[0], &pem[1], GNUTLS_X509_FMT_PEM, NULL,
                                               0, NULL, 0, 0) == 0);
    gnutls_free(pem[0].data);
    gnutls_free(pem[1].data);
}

static void villain_tls(struct villain *v)
{
    gnutls_datum_t alpn = { (unsigned char *)(uintptr_t)v->alpn, (unsigned)strlen(v->alpn) };
    CHECK(gnutls_certificate_allocate_credentials(&v->cred) == 0);
    if (!v->no_key) {
        villain_key(v);
    }
    CHECK(gnutls_init(&v->session,
                      GNUTLS_CLIENT | GNUTLS_ENABLE_RAWPK | GNUTLS_NO_END_OF_EARLY_DATA) == 0);
    CHECK(gnutls_priority_set_direct(
              v->session,
              "NORMAL:-VERS-ALL:+VERS-TLS1.3:-CTYPE-ALL:+CTYPE-CLI-RAWPK:+CTYPE-SRV-RAWPK:"
              "-GROUP-ALL:+GROUP-X25519:-SIGN-ALL:+SIGN-EDDSA-ED25519:%DISABLE_TLS13_COMPAT_MODE",
              NULL) == 0);
    CHECK(ngtcp2_crypto_gnutls_configure_client_session(v->session) == 0);
    CHECK(gnutls_credentials_set(v->session, GNUTLS_CRD_CERTIFICATE, v->cred) == 0);
    CHECK(gnutls_alpn_set_protocols(v->session, &alpn, 1, 0) == 0);
    v->ref.get_conn = villain_conn;
    v->ref.user_data = v;
    gnutls_session_set_ptr(v->session, &v->ref);
}

static struct sockaddr_in villain_sockaddr(const struct os_addr *a)
{
    struct sockaddr_in s = { .sin_family = AF_INET, .sin_port = htons(a->port) };
    memcpy(&s.sin_addr, a->ip, 4);
    return s;
}

/* A villain that behaves, until the test changes it; the first stream is for the hello. */
__attribute__((unused)) static void villain_new(struct villain *v, struct rig *r,
                                                struct side *target)
{
    memset(v, 0, sizeof *v);
    v->rig = r;
    v->alpn = "aspen-raft/1";
    v->cookie = "a cookie";
    v->seed = 66;
    v->target = target->key;
    v->to = side_addr(target);
    v->stream_count = 1;
    for (uint32_t i = 0; i < VILLAIN_STREAMS; i++) {
        v->streams[i].id = -1;
    }
}

__attribute__((unused)) static void villain_go(struct villain *v)
{
    struct os_addr any = loopback(0);
    ngtcp2_callbacks callbacks;
    ngtcp2_settings settings;
    ngtcp2_transport_params params;
    ngtcp2_cid dcid = { .datalen = 18 };
    ngtcp2_cid scid = { .datalen = 8 };
    CHECK(os_udp_open(v->rig->os, &any, villain_recv, v, &v->udp) == ERR_OK);
    os_udp_addr(v->udp, &any);
    v->local = villain_sockaddr(&any);
    v->remote = villain_sockaddr(&v->to);
    os_entropy(v->rig->os, dcid.data, dcid.datalen);
    os_entropy(v->rig->os, scid.data, scid.datalen);
    os_timer_init(&v->timer, villain_timer, v);
    villain_callbacks(&callbacks);
    ngtcp2_settings_default(&settings);
    settings.initial_ts = os_now(v->rig->os);
    ngtcp2_transport_params_default(&params);
    params.initial_max_data = 1 << 20;
    params.initial_max_stream_data_uni = 1 << 18;
    params.initial_max_streams_uni = 10;
    ngtcp2_path path = villain_path(v);
    CHECK(ngtcp2_conn_client_new(&v->conn, &dcid, &scid, &path, NGTCP2_PROTO_VER_V1, &callbacks,
                                 &settings, &params, NULL, v) == 0);
    villain_tls(v);
    ngtcp2_conn_set_tls_native_handle(v->conn, v->session);
    villain_write(v);
}

__attribute__((unused)) static void villain_done(struct villain *v)
{
    os_timer_cancel(v->rig->os, &v->timer);
    ngtcp2_conn_del(v->conn);
    gnutls_deinit(v->session);
    gnutls_certificate_free_credentials(v->cred);
    os_udp_close(v->udp);
    v->conn = NULL;
}

/* Take another id for the other end, as after a move (RFC 9000 section 9.5), and retire the one
 * that it had, which is left in old. Its own name of the path is all that has to change for it.
 * False while the other end has not offered any yet. */
__attribute__((unused)) static bool villain_rename(struct villain *v, ngtcp2_cid *old)
{
    struct sockaddr_in before = v->local;
    *old = *ngtcp2_conn_get_dcid(v->conn);
    v->local.sin_port = (in_port_t)~v->local.sin_port;
    ngtcp2_path path = villain_path(v);
    if (ngtcp2_conn_initiate_immediate_migration(v->conn, &path, os_now(v->rig->os)) != 0) {
        v->local = before;
        return false;
    }
    villain_write(v);
    return true;
}

/* Take a stream back that is open. */
__attribute__((unused)) static void villain_reset(struct villain *v, uint32_t stream)
{
    CHECK(v->streams[stream].id >= 0);
    CHECK(ngtcp2_conn_shutdown_stream_write(v->conn, v->streams[stream].id, 9) == 0);
    villain_write(v);
}

/* True when it was closed with this application code. */
__attribute__((unused)) static bool villain_got(const struct villain *v, uint64_t code)
{
    return v->closed && v->why.type == NGTCP2_CONNECTION_CLOSE_ERROR_CODE_TYPE_APPLICATION &&
           v->why.error_code == code;
}

#endif
