/* net/quic_callbacks.c -- what ngtcp2 calls: thin, each a few lines, the work is done elsewhere. */
#include "net/quic.h"

#include "base/panic.h"

#include <ngtcp2/ngtcp2_crypto.h>

static struct quic_conn *conn_of(void *user_data)
{
    return user_data;
}

static void on_rand(uint8_t *dest, size_t count, const ngtcp2_rand_ctx *ctx)
{
    struct quic *q = ctx->native_handle;
    prng_fill(&q->prng, dest, count);
}

static int on_new_cid(ngtcp2_conn *conn, ngtcp2_cid *cid, uint8_t *token, size_t count, void *user)
{
    struct quic_conn *c = conn_of(user);
    (void)conn;
    if (count != QUIC_CID_BYTES || c->cid_count == QUIC_CONN_CIDS_MAX) {
        return NGTCP2_ERR_CALLBACK_FAILURE;
    }
    quic_cid_draw(c->q, cid->data);
    cid->datalen = count;
    if (ngtcp2_crypto_generate_stateless_reset_token(token, c->q->reset_secret, QUIC_SECRET_BYTES,
                                                     cid) != 0) {
        return NGTCP2_ERR_CALLBACK_FAILURE;
    }
    return quic_conn_cid_add(c, quic_cid_key(c->q, cid->data, count)) == ERR_OK
               ? 0
               : NGTCP2_ERR_CALLBACK_FAILURE;
}

static int on_remove_cid(ngtcp2_conn *conn, const ngtcp2_cid *cid, void *user)
{
    struct quic_conn *c = conn_of(user);
    (void)conn;
    quic_conn_cid_remove(c, quic_cid_key(c->q, cid->data, cid->datalen));
    return 0;
}

static int on_path_challenge(ngtcp2_conn *conn, uint8_t *data, void *user)
{
    (void)conn;
    os_entropy(conn_of(user)->q->os, data, NGTCP2_PATH_CHALLENGE_DATALEN);
    return 0;
}

/* Messages after the handshake are tickets, which nobody here uses. */
static int on_crypto(ngtcp2_conn *conn, ngtcp2_crypto_level level, uint64_t offset,
                     const uint8_t *data, size_t count, void *user)
{
    if (conn_of(user)->tls.session == NULL) {
        return 0;
    }
    return ngtcp2_crypto_recv_crypto_data_cb(conn, level, offset, data, count, user);
}

static int on_completed(ngtcp2_conn *conn, void *user)
{
    struct quic_conn *c = conn_of(user);
    (void)conn;
    c->confirmed = c->confirmed || c->server;
    return quic_streams_start(c);
}

static int on_confirmed(ngtcp2_conn *conn, void *user)
{
    (void)conn;
    conn_of(user)->confirmed = true;
    return 0;
}

static int on_open(ngtcp2_conn *conn, int64_t id, void *user)
{
    (void)conn;
    return quic_streams_open(conn_of(user), id);
}

static int on_data(ngtcp2_conn *conn, uint32_t flags, int64_t id, uint64_t offset,
                   const uint8_t *data, size_t count, void *user, void *stream)
{
    (void)conn;
    (void)id;
    (void)offset;
    return quic_streams_data(conn_of(user), stream, bytes_of(data, count),
                             (flags & NGTCP2_STREAM_DATA_FLAG_FIN) != 0);
}

static int on_acked(ngtcp2_conn *conn, int64_t id, uint64_t offset, uint64_t count, void *user,
                    void *stream)
{
    (void)conn;
    (void)stream;
    quic_streams_acked(conn_of(user), id, offset + count);
    return 0;
}

/* Streams of classes live as long as their connection. */
static int on_reset(ngtcp2_conn *conn, int64_t id, uint64_t size, uint64_t code, void *user,
                    void *stream)
{
    (void)conn;
    (void)id;
    (void)size;
    (void)code;
    return quic_streams_broken(conn_of(user), stream);
}

void quic_callbacks_fill(ngtcp2_callbacks *out)
{
    memset(out, 0, sizeof *out);
    out->client_initial = ngtcp2_crypto_client_initial_cb;
    out->recv_client_initial = ngtcp2_crypto_recv_client_initial_cb;
    out->recv_crypto_data = on_crypto;
    out->encrypt = ngtcp2_crypto_encrypt_cb;
    out->decrypt = ngtcp2_crypto_decrypt_cb;
    out->hp_mask = ngtcp2_crypto_hp_mask_cb;
    out->recv_retry = ngtcp2_crypto_recv_retry_cb;
    out->update_key = ngtcp2_crypto_update_key_cb;
    out->delete_crypto_aead_ctx = ngtcp2_crypto_delete_crypto_aead_ctx_cb;
    out->delete_crypto_cipher_ctx = ngtcp2_crypto_delete_crypto_cipher_ctx_cb;
    out->version_negotiation = ngtcp2_crypto_version_negotiation_cb;
    out->rand = on_rand;
    out->get_new_connection_id = on_new_cid;
    out->remove_connection_id = on_remove_cid;
    out->get_path_challenge_data = on_path_challenge;
    out->handshake_completed = on_completed;
    out->handshake_confirmed = on_confirmed;
    out->stream_open = on_open;
    out->recv_stream_data = on_data;
    out->acked_stream_data_offset = on_acked;
    out->stream_reset = on_reset;
}
