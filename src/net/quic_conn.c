/* net/quic_conn.c -- a connection from its first packet to its burial. */
#include "net/quic.h"

#include "base/mark.h"
#include "base/panic.h"

#include <ngtcp2/ngtcp2_crypto.h>

enum {
    DIAL_CID_BYTES = 18, /* the client's first choice for the server, thrown away soon */

    PACKET_BYTES_ACCEPTED = 1472,
    PEER_CIDS_MAX = 5,
    STREAMS_OFFERED = 100,
    ALERT_BASE = 0x100, /* QUIC's codes of TLS alerts (RFC 9001 section 4.8) */
};

static ngtcp2_conn *conn_behind(ngtcp2_crypto_conn_ref *ref)
{
    struct quic_conn *c = ref->user_data;
    return c->conn;
}

enum err quic_conn_cid_add(struct quic_conn *c, uint64_t key)
{
    if (c->cid_count == QUIC_CONN_CIDS_MAX) {
        return ERR_QUEUE_FULL;
    }
    TRY(map_put(&c->q->cids, key, (uint64_t)(uintptr_t)c));
    c->cids[c->cid_count++] = key;
    return ERR_OK;
}

void quic_conn_cid_remove(struct quic_conn *c, uint64_t key)
{
    for (uint32_t i = 0; i < c->cid_count; i++) {
        if (c->cids[i] == key) {
            c->cids[i] = c->cids[--c->cid_count];
            map_remove(&c->q->cids, key);
            MARK("net: an id of a connection is retired");
            return;
        }
    }
}

static void settings_fill(struct quic *q, uint64_t now, ngtcp2_settings *out)
{
    ngtcp2_settings_default(out);
    out->initial_ts = now;
    out->initial_rtt = QUIC_INITIAL_RTT_NS;
    out->handshake_timeout = QUIC_HANDSHAKE_NS;
    out->max_tx_udp_payload_size = QUIC_PACKET_BYTES_MAX;
    out->max_window = QUIC_WINDOW_MAX;
    out->max_stream_window = QUIC_STREAM_WINDOW_MAX;
    out->rand_ctx.native_handle = q;
}

static void params_fill(const struct quic *q, ngtcp2_transport_params *out)
{
    ngtcp2_transport_params_default(out);
    out->initial_max_stream_data_bidi_local = QUIC_STREAM_WINDOW;
    out->initial_max_stream_data_bidi_remote = QUIC_STREAM_WINDOW;
    out->initial_max_stream_data_uni = QUIC_STREAM_WINDOW;
    out->initial_max_data = QUIC_WINDOW_FIRST;
    out->initial_max_streams_bidi = STREAMS_OFFERED;
    out->initial_max_streams_uni = STREAMS_OFFERED;
    out->max_idle_timeout = q->options.idle_ns;
    out->max_udp_payload_size = PACKET_BYTES_ACCEPTED;
    out->active_connection_id_limit = PEER_CIDS_MAX;
}

static void on_timer(void *arg, uint64_t now)
{
    struct quic_conn *c = arg;
    struct quic *q = c->q;
    quic_enter(q);
    if (c->state == QUIC_PROVING && now >= c->admit_by_ns) {
        MARK("net: no proof in time");
        quic_refuse(q, QUIC_LINK_REFUSED_COOKIE, &c->remote, &c->tls.peer);
        quic_conn_fault(c, QUIC_FAULT_CODE, QUIC_CODE_COOKIE);
    } else if (c->fault == QUIC_FAULT_NONE && ngtcp2_conn_get_expiry(c->conn) <= now) {
        int rc = ngtcp2_conn_handle_expiry(c->conn, now);
        if (rc == NGTCP2_ERR_IDLE_CLOSE || rc == NGTCP2_ERR_HANDSHAKE_TIMEOUT) {
            MARK("net: silence ends a connection");
            quic_conn_fault(c, QUIC_FAULT_SILENT, 0);
        } else if (rc != 0) {
            quic_conn_fault(c, QUIC_FAULT_TRANSPORT, rc);
        }
    }
    quic_conn_dirty(c);
    quic_leave(q);
}

/* Everything but ngtcp2 and TLS; NULL when memory is short. */
static struct quic_conn *conn_make(struct quic *q, struct quic_socket *s, const struct os_addr *to)
{
    struct quic_conn *c = mem_alloc(q->mem, sizeof *c);
    if (c == NULL) {
        return NULL;
    }
    memset(c, 0, sizeof *c);
    list_init(&c->dirty);
    c->q = q;
    c->socket = s;
    c->remote = *to;
    c->hello_stream = -1;
    c->opened_ns = os_now(q->os);
    c->tls.ref.get_conn = conn_behind;
    c->tls.ref.user_data = c;
    for (uint32_t i = 0; i < LINK_CLASS_COUNT; i++) {
        c->out[i].id = -1;
        sendq_init(&c->out[i].queue);
    }
    os_timer_init(&c->timer, on_timer, c);
    list_push_back(&q->conns, &c->link);
    q->stats.connections++;
    return c;
}

/* Undo conn_make and what was added since, without telling anybody. */
static void conn_free(struct quic_conn *c)
{
    struct quic *q = c->q;
    ASSERT(q->stats.connections > 0);
    q->stats.connections--;
    if (c->server) {
        ASSERT(q->inbound > 0);
        q->inbound--;
        q->unproved -= c->state == QUIC_UP ? 0 : 1;
    }
    os_timer_cancel(q->os, &c->timer);
    list_remove(&c->link);
    list_remove(&c->dirty);
    while (c->cid_count > 0) {
        map_remove(&q->cids, c->cids[--c->cid_count]);
    }
    tls_session_close(&c->tls);
    if (c->conn != NULL) {
        ngtcp2_conn_del(c->conn);
    }
    quic_streams_done(c);
    mem_free(q->mem, c);
}

static ngtcp2_path path_of(struct quic_socket *s, const struct os_addr *to,
                           union quic_sockaddr *store)
{
    ngtcp2_path path = { { &s->name.any, s->name_size }, { &store->any, 0 }, s };
    path.remote.addrlen = quic_addr_sockaddr(to, store);
    return path;
}

/* Our first connection id, in the map already. */
static enum err cid_make(struct quic_conn *c, ngtcp2_cid *out)
{
    quic_cid_draw(c->q, out->data);
    out->datalen = QUIC_CID_BYTES;
    return quic_conn_cid_add(c, quic_cid_key(c->q, out->data, out->datalen));
}

/* The token that tells the other side that this node knows this id of its own no longer. */
static enum err reset_token(const struct quic *q, const ngtcp2_cid *cid,
                            uint8_t out[ADMIT_RESET_BYTES])
{
    int rc =
        ngtcp2_crypto_generate_stateless_reset_token(out, q->reset_secret, QUIC_SECRET_BYTES, cid);
    return rc == 0 ? ERR_OK : ERR_INTERNAL;
}

static enum err client_make(struct quic_conn *c, const struct node_key *key)
{
    struct quic *q = c->q;
    ngtcp2_callbacks callbacks;
    ngtcp2_settings settings;
    ngtcp2_transport_params params;
    ngtcp2_cid dcid = { .datalen = DIAL_CID_BYTES };
    ngtcp2_cid scid;
    union quic_sockaddr store;
    ngtcp2_path path = path_of(c->socket, &c->remote, &store);
    os_entropy(q->os, dcid.data, dcid.datalen);
    TRY(cid_make(c, &scid));
    TRY(reset_token(q, &scid, c->ours.reset));
    quic_callbacks_fill(&callbacks);
    settings_fill(q, c->opened_ns, &settings);
    params_fill(q, &params);
    if (ngtcp2_conn_client_new(&c->conn, &dcid, &scid, &path, NGTCP2_PROTO_VER_V1, &callbacks,
                               &settings, &params, &q->allocator, c) != 0) {
        c->conn = NULL;
        return ERR_NO_MEMORY;
    }
    TRY(tls_session_open(q->tls, &c->tls, key, TLS_ALPN_RAFT));
    ngtcp2_conn_set_tls_native_handle(c->conn, c->tls.session);
    ngtcp2_conn_set_keep_alive_timeout(c->conn, q->options.keep_alive_ns);
    return ERR_OK;
}

/* The socket that reaches an address: same family, and loopback to loopback. */
static struct quic_socket *socket_for(struct quic *q, const struct os_addr *to)
{
    for (uint32_t i = 0; i < q->socket_count; i++) {
        struct quic_socket *s = &q->sockets[i];
        if (s->bound.family == to->family &&
            (s->wildcard || quic_addr_is_loopback(&s->bound) == quic_addr_is_loopback(to))) {
            return s;
        }
    }
    return NULL;
}

enum err quic_conn_dial(struct quic_peer *p, const struct os_addr *remote)
{
    struct quic *q = p->q;
    struct quic_socket *s = socket_for(q, remote);
    ASSERT(p->dialling == NULL);
    if (s == NULL) {
        return ERR_IO;
    }
    if (q->stats.connections >= NET_CONNS_MAX) {
        return ERR_BUSY;
    }
    struct quic_conn *c = conn_make(q, s, remote);
    if (c == NULL) {
        return ERR_NO_MEMORY;
    }
    enum err e = client_make(c, &p->key);
    if (e != ERR_OK) {
        conn_free(c);
        return e;
    }
    c->peer = p;
    c->ours.attempt = ++p->attempts;
    c->ours.last = p->last;
    p->dialling = c;
    quic_conn_dirty(c);
    return ERR_OK;
}

static enum err server_make(struct quic_conn *c, const struct quic_knock *k)
{
    struct quic *q = c->q;
    ngtcp2_callbacks callbacks;
    ngtcp2_settings settings;
    ngtcp2_transport_params params;
    ngtcp2_cid scid;
    union quic_sockaddr store;
    ngtcp2_path path = path_of(c->socket, &c->remote, &store);
    TRY(cid_make(c, &scid));
    TRY(quic_conn_cid_add(c, quic_cid_key(q, k->head->dcid.data, k->head->dcid.datalen)));
    quic_callbacks_fill(&callbacks);
    settings_fill(q, c->opened_ns, &settings);
    params_fill(q, &params);
    params.original_dcid = k->head->dcid;
    if (k->original != NULL) {
        settings.token = k->head->token;
        params.original_dcid = *k->original;
        params.retry_scid = k->head->dcid;
        params.retry_scid_present = 1;
    }
    TRY(reset_token(q, &scid, params.stateless_reset_token));
    params.stateless_reset_token_present = 1;
    if (ngtcp2_conn_server_new(&c->conn, &k->head->scid, &scid, &path, k->head->version, &callbacks,
                               &settings, &params, &q->allocator, c) != 0) {
        c->conn = NULL;
        return ERR_NO_MEMORY;
    }
    TRY(tls_session_open(q->tls, &c->tls, NULL, TLS_ALPN_COUNT));
    ngtcp2_conn_set_tls_native_handle(c->conn, c->tls.session);
    ngtcp2_conn_set_keep_alive_timeout(c->conn, q->options.keep_alive_ns);
    return ERR_OK;
}

enum err quic_conn_accept(struct quic *q, const struct quic_knock *k, struct quic_conn **out)
{
    if (q->inbound >= QUIC_INBOUND_MAX || q->stats.connections >= NET_CONNS_MAX) {
        return ERR_BUSY;
    }
    struct quic_conn *c = conn_make(q, k->socket, &k->datagram->remote);
    if (c == NULL) {
        return ERR_NO_MEMORY;
    }
    c->server = true;
    q->inbound++;
    q->unproved++;
    if (k->socket->wildcard) { /* answer from the very address that was asked */
        c->source = k->datagram->local;
    }
    enum err e = server_make(c, k);
    if (e != ERR_OK) {
        conn_free(c);
        return e;
    }
    *out = c;
    return ERR_OK;
}

void quic_conn_fault(struct quic_conn *c, enum quic_fault fault, int64_t code)
{
    ASSERT(fault != QUIC_FAULT_NONE);
    if (c->fault == QUIC_FAULT_NONE) {
        c->fault = fault;
        c->fault_code = code;
    }
    quic_conn_dirty(c);
}

void quic_conn_dirty(struct quic_conn *c)
{
    if (list_empty(&c->dirty)) {
        list_push_back(&c->q->dirty, &c->dirty);
        os_turn_end(c->q->os, &c->q->turn);
    }
}

/* A TLS alert, ours or the peer's, as the refusal that it is. */
static void refuse_alert(struct quic_conn *c, uint64_t alert)
{
    const struct node_key *key = c->tls.peer_known     ? &c->tls.peer
                                 : c->tls.expect_known ? &c->tls.expect
                                                       : NULL;
    bool alpn = alert == GNUTLS_A_NO_APPLICATION_PROTOCOL;
    MARK_IF(!alpn, "net: a wrong key");
    MARK_IF(alpn, "net: no common protocol");
    quic_refuse(c->q, alpn ? QUIC_LINK_REFUSED_ALPN : QUIC_LINK_REFUSED_KEY, &c->remote, key);
}

/* The peer ended it: see what it said. */
static void peer_closed(struct quic_conn *c)
{
    ngtcp2_connection_close_error why;
    ngtcp2_conn_get_connection_close_error(c->conn, &why);
    bool transport = why.type == NGTCP2_CONNECTION_CLOSE_ERROR_CODE_TYPE_TRANSPORT;
    if (c->state != QUIC_UP && transport && why.error_code >= ALERT_BASE &&
        why.error_code < 2 * ALERT_BASE) {
        refuse_alert(c, why.error_code - ALERT_BASE);
    } else if (c->state != QUIC_UP && !transport && why.error_code == QUIC_CODE_COOKIE &&
               why.type == NGTCP2_CONNECTION_CLOSE_ERROR_CODE_TYPE_APPLICATION) {
        quic_refuse(c->q, QUIC_LINK_REFUSED_COOKIE, &c->remote, &c->tls.peer);
    }
    quic_conn_fault(c, QUIC_FAULT_SILENT, 0);
}

/* read_pkt said no. */
static void read_failed(struct quic_conn *c, int rc)
{
    if (c->fault != QUIC_FAULT_NONE) {
        MARK("net: a callback refuses a packet");
        return; /* said by one of our callbacks, which counted it */
    }
    if (rc == NGTCP2_ERR_DRAINING) {
        peer_closed(c);
    } else if (rc == NGTCP2_ERR_DROP_CONN || rc == NGTCP2_ERR_RETRY) {
        quic_refuse(c->q, QUIC_LINK_REFUSED_GARBAGE, &c->remote, NULL);
        quic_conn_fault(c, QUIC_FAULT_SILENT, 0);
    } else {
        if (rc == NGTCP2_ERR_CRYPTO && c->state == QUIC_HANDSHAKE) {
            refuse_alert(c, ngtcp2_conn_get_tls_alert(c->conn));
        }
        quic_conn_fault(c, QUIC_FAULT_TRANSPORT, rc);
    }
}

void quic_conn_read(struct quic_conn *c, const struct quic_socket *s, const struct os_datagram *d)
{
    if (c->fault != QUIC_FAULT_NONE) {
        return;
    }
    union quic_sockaddr store;
    ngtcp2_path path = path_of((struct quic_socket *)(uintptr_t)s, &d->remote, &store);
    ngtcp2_pkt_info info = { .ecn = d->ecn };
    int rc = ngtcp2_conn_read_pkt(c->conn, &path, &info, d->payload.data, d->payload.count,
                                  os_now(c->q->os));
    for (uint32_t i = 0; i < LINK_CLASS_COUNT; i++) {
        c->out[i].blocked = false; /* any packet may have opened a window */
    }
    if (rc != 0) {
        read_failed(c, rc);
    }
    quic_conn_dirty(c);
}

/* The last packet: why it ends. */
static void say_why(struct quic_conn *c)
{
    struct quic *q = c->q;
    ngtcp2_connection_close_error why;
    ngtcp2_path_storage ps;
    ngtcp2_pkt_info info = { 0 };
    ngtcp2_path_storage_zero(&ps);
    ngtcp2_connection_close_error_default(&why);
    if (c->fault == QUIC_FAULT_CODE) {
        ngtcp2_connection_close_error_set_application_error(&why, (uint64_t)c->fault_code, NULL, 0);
    } else if (c->fault_code == NGTCP2_ERR_CRYPTO) {
        ngtcp2_connection_close_error_set_transport_error_tls_alert(
            &why, ngtcp2_conn_get_tls_alert(c->conn), NULL, 0);
    } else {
        ngtcp2_connection_close_error_set_transport_error_liberr(&why, (int)c->fault_code, NULL, 0);
    }
    ngtcp2_ssize n = ngtcp2_conn_write_connection_close(c->conn, &ps.path, &info, q->out,
                                                        QUIC_PACKET_BYTES_MAX, &why, os_now(q->os));
    if (n > 0) {
        struct os_udp_send batch = { .ecn = (uint8_t)info.ecn,
                                     .payload = bytes_of(q->out, (size_t)n) };
        quic_send(q, &ps.path, c, &batch);
    }
}

void quic_conn_bury(struct quic_conn *c)
{
    ASSERT(c->fault != QUIC_FAULT_NONE);
    if (c->fault != QUIC_FAULT_SILENT) {
        say_why(c);
    }
    list_remove(&c->dirty);
    quic_peer_lost(c);
    conn_free(c);
}
