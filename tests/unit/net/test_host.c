/* tests/unit/net/test_host.c -- what the dialling side shows a server that is not ours: name,
 * protocol, kinds of certificates, key; and what becomes of its connection when that server has
 * dialled, too.
 *
 * Subject: net/tls.c, net/quic_conn.c, net/quic_write.c, net/quic_peer.c
 * Method:  a server made of ngtcp2 and GnuTLS alone, as another implementation would be, and the
 *          link that dials it; what the server saw is held against the interface (RFC 7250, the
 *          form of the server name of iroh)
 */
#include "villain.h"

enum {
    HOST_SEED = 0,
    CLIENT_SEED = 5,
    CODE_COOKIE = 1,
    CODE_DUPLICATE = 3,
    MS = 1000000,
    ADMISSION_MS = 300,
    WINDOW_FIRST = 1250000,
    WINDOW_PEER = 6 * 1024 * 1024
};

/* Of the seed of 32 zero bytes; the vector of iroh itself. */
#define HOST_NAME "7dl2ff6emqi2qol3l382krodedij45bn3nh479hqo14a32qpr8kg.iroh.invalid"

/* A villain's parts in the other role; remote is learnt from the first datagram. */
static struct villain host;

static int host_name(gnutls_session_t session, char *out, size_t size)
{
    unsigned type = 0;
    return gnutls_server_name_get(session, out, &size, &type, 0);
}

static int host_completed(ngtcp2_conn *conn, void *user)
{
    (void)conn;
    ((struct villain *)user)->completed = true;
    return 0;
}

static void host_tls(struct villain *v)
{
    gnutls_datum_t alpn = { (unsigned char *)(uintptr_t)v->alpn, (unsigned)strlen(v->alpn) };
    CHECK(gnutls_certificate_allocate_credentials(&v->cred) == 0);
    villain_key(v);
    CHECK(gnutls_init(&v->session, GNUTLS_SERVER | GNUTLS_ENABLE_RAWPK |
                                       GNUTLS_NO_END_OF_EARLY_DATA | GNUTLS_NO_AUTO_SEND_TICKET) ==
          0);
    CHECK(gnutls_priority_set_direct(v->session,
                                     "NORMAL:-VERS-ALL:+VERS-TLS1.3:-CTYPE-ALL:+CTYPE-CLI-RAWPK:"
                                     "+CTYPE-SRV-RAWPK:-GROUP-ALL:+GROUP-X25519:-SIGN-ALL:"
                                     "+SIGN-EDDSA-ED25519:%DISABLE_TLS13_COMPAT_MODE",
                                     NULL) == 0);
    CHECK(ngtcp2_crypto_gnutls_configure_server_session(v->session) == 0);
    CHECK(gnutls_credentials_set(v->session, GNUTLS_CRD_CERTIFICATE, v->cred) == 0);
    CHECK(gnutls_alpn_set_protocols(v->session, &alpn, 1, GNUTLS_ALPN_MANDATORY) == 0);
    gnutls_certificate_server_set_request(v->session, GNUTLS_CERT_REQUIRE);
    v->ref.get_conn = villain_conn;
    v->ref.user_data = v;
    gnutls_session_set_ptr(v->session, &v->ref);
}

static void host_accept(struct villain *v, const struct os_datagram *d)
{
    ngtcp2_pkt_hd hd;
    ngtcp2_callbacks callbacks;
    ngtcp2_settings settings;
    ngtcp2_transport_params params;
    ngtcp2_cid scid = { .datalen = 8 };
    CHECK(ngtcp2_accept(&hd, d->payload.data, d->payload.count) == 0);
    v->to = d->remote;
    v->remote = villain_sockaddr(&v->to);
    os_entropy(v->rig->os, scid.data, scid.datalen);
    villain_callbacks(&callbacks);
    callbacks.client_initial = NULL;
    callbacks.recv_retry = NULL;
    callbacks.recv_client_initial = ngtcp2_crypto_recv_client_initial_cb;
    callbacks.handshake_completed = host_completed;
    ngtcp2_settings_default(&settings);
    settings.initial_ts = os_now(v->rig->os);
    ngtcp2_transport_params_default(&params);
    params.original_dcid = hd.dcid;
    params.initial_max_data = 1 << 20;
    params.initial_max_stream_data_uni = 1 << 18;
    params.initial_max_streams_uni = 10;
    ngtcp2_path path = villain_path(v);
    CHECK(ngtcp2_conn_server_new(&v->conn, &hd.scid, &scid, &path, hd.version, &callbacks,
                                 &settings, &params, NULL, v) == 0);
    host_tls(v);
    ngtcp2_conn_set_tls_native_handle(v->conn, v->session);
}

static void host_recv(void *arg, const struct os_datagram *d, uint32_t count)
{
    struct villain *v = arg;
    if (v->conn == NULL && count > 0) {
        host_accept(v, d);
    }
    villain_recv(arg, d, count);
}

static struct os_addr host_open(struct rig *r)
{
    struct os_addr addr = loopback(0);
    memset(&host, 0, sizeof host);
    host.rig = r;
    host.alpn = "aspen-raft/1";
    host.seed = HOST_SEED;
    os_timer_init(&host.timer, villain_timer, &host);
    CHECK(os_udp_open(r->os, &addr, host_recv, &host, &host.udp) == ERR_OK);
    os_udp_addr(host.udp, &addr);
    host.local = villain_sockaddr(&addr);
    return addr;
}

static struct node_key key_of(uint8_t seed)
{
    uint8_t bytes[IDENTITY_SEED_BYTES];
    struct identity id;
    memset(bytes, seed, sizeof bytes);
    identity_from_seed(bytes, &id);
    return id.key;
}

static void test_shows(void)
{
    struct rig r;
    char name[128] = "";
    unsigned count = 0;
    gnutls_datum_t alpn = { NULL, 0 };
    struct node_key shown;
    struct node_key target = key_of(HOST_SEED);
    rig_open(&r);
    struct os_addr addr = host_open(&r);
    struct side *a = side_open(&r, CLIENT_SEED);
    CHECK(link_peer_set(a->link, &target, &addr, 1) == ERR_OK);
    RIG_UNTIL(&r, host.completed);
    CHECK(host_name(host.session, name, sizeof name) == 0);
    CHECK(strcmp(name, HOST_NAME) == 0);
    CHECK(gnutls_alpn_get_selected_protocol(host.session, &alpn) == 0);
    CHECK(bytes_equal(bytes_of(alpn.data, alpn.size), bytes_text("aspen-raft/1")));
    CHECK(gnutls_certificate_type_get2(host.session, GNUTLS_CTYPE_CLIENT) == GNUTLS_CRT_RAWPK);
    CHECK(gnutls_certificate_type_get2(host.session, GNUTLS_CTYPE_SERVER) == GNUTLS_CRT_RAWPK);
    CHECK(gnutls_protocol_get_version(host.session) == GNUTLS_TLS1_3);
    CHECK(gnutls_group_get(host.session) == GNUTLS_GROUP_X25519);
    const gnutls_datum_t *list = gnutls_certificate_get_peers(host.session, &count);
    CHECK(list != NULL && count == 1); /* one entry, 44 bytes of DER */
    CHECK(list[0].size == 44 && identity_from_spki(bytes_of(list[0].data, 44), &shown) == ERR_OK);
    CHECK(ids_key_equal(&shown, &a->key));
    CHECK_U64(a->ups, 0); /* no proof of the cookie has come */
    villain_done(&host);
    rig_close(&r);
}

/* A server that chooses another protocol, or none of those offered, is left. */
static void test_alpn(void)
{
    struct rig r;
    struct node_key target = key_of(HOST_SEED);
    rig_open(&r);
    struct os_addr addr = host_open(&r);
    host.alpn = "raft-rpc";
    struct side *a = side_open(&r, CLIENT_SEED);
    CHECK(link_peer_set(a->link, &target, &addr, 1) == ERR_OK);
    RIG_UNTIL(&r, side_stats(a).refused_alpn > 0 || host.closed);
    CHECK(!host.completed && a->ups == 0);
    villain_done(&host);
    rig_close(&r);
}

/* It proves another key than the one dialled. */
static void test_key(void)
{
    struct rig r;
    struct node_key target = key_of(HOST_SEED);
    rig_open(&r);
    struct os_addr addr = host_open(&r);
    host.seed = 77;
    struct side *a = side_open(&r, CLIENT_SEED);
    CHECK(link_peer_set(a->link, &target, &addr, 1) == ERR_OK);
    RIG_UNTIL(&r, side_stats(a).refused_key > 0);
    CHECK(!host.completed && a->ups == 0);
    villain_done(&host);
    rig_close(&r);
    EXPECT_MARK("net: a wrong key");
}

/* It completes the handshake, stays, acknowledges, and never proves the cookie: it is left in time,
 * though nothing else of its connection will be due for longer than the test waits, and the peer is
 * found at its other address. */
static void test_silent(void)
{
    struct rig r;
    struct node_key target = key_of(HOST_SEED);
    struct os_addr addrs[2];
    rig_open(&r);
    addrs[0] = host_open(&r);
    struct side *b = side_open(&r, HOST_SEED);
    addrs[1] = side_addr(b);
    struct side *a = side_new(&r, CLIENT_SEED);
    struct quic_link_options o = side_options(a);
    o.admission_ns = ADMISSION_MS * (uint64_t)MS;
    o.keep_alive_ns = 4ull * RIG_MS_MAX * MS;
    o.idle_ns = 8ull * RIG_MS_MAX * MS;
    side_open_with(a, &o);
    uint64_t began = os_now(r.os);
    CHECK(link_peer_set(a->link, &target, addrs, 2) == ERR_OK);
    RIG_UNTIL(&r, host.completed);
    RIG_UNTIL(&r, host.closed);
    CHECK(villain_got(&host, CODE_COOKIE));
    CHECK(os_now(r.os) >= began + o.admission_ns); /* it was given its time */
    CHECK_U64(side_stats(a).refused_cookie, 1);
    RIG_UNTIL(&r, a->ups == 1 && b->ups == 1);
    villain_done(&host);
    rig_close(&r);
}

/* ---- two connections of a pair ---- */

/* The same process as the host, as one that dials. */
static struct villain caller;

/* The link has the smaller key of the two: where nothing else speaks for one, its own connection
 * stays. */
static struct side *pair_open(struct rig *r)
{
    rig_open(r);
    struct node_key target = key_of(HOST_SEED);
    struct node_key own;
    uint8_t seed = HOST_SEED;
    do {
        own = key_of(++seed);
    } while (memcmp(own.b, target.b, NODE_KEY_BYTES) > 0);
    struct os_addr addr = host_open(r);
    struct side *a = side_open(r, seed);
    host.target = a->key;
    host.cookie = "a cookie";
    CHECK(link_peer_set(a->link, &target, &addr, 1) == ERR_OK);
    RIG_UNTIL(r, host.completed);
    villain_new(&caller, r, a);
    caller.seed = HOST_SEED;
    return a;
}

static void host_says_hello(void)
{
    CHECK(villain_hello(&host, ADMIT_SERVER));
    host.streams[0].id = -1;
    host.stream_count = 1;
    villain_write(&host);
}

/* The caller's hello names the host's connection as the one that it had before, or none. */
static void caller_dials(bool again)
{
    struct admit_session s;
    CHECK(villain_session(&host, ADMIT_SERVER, &s));
    caller.last = again ? admit_id(&s) : 0;
    villain_go(&caller);
}

static void pair_close(struct rig *r)
{
    villain_done(&caller);
    villain_done(&host);
    rig_close(r);
}

static void test_duplicate(void)
{
    struct rig r;
    struct side *a = pair_open(&r);
    host_says_hello();
    RIG_UNTIL(&r, a->ups == 1);
    caller_dials(false);
    RIG_UNTIL(&r, villain_got(&caller, CODE_DUPLICATE));
    CHECK(!host.closed && a->ups == 1 && a->downs == 0);
    pair_close(&r);
}

static void test_lost(void)
{
    struct rig r;
    struct side *a = pair_open(&r);
    host_says_hello();
    RIG_UNTIL(&r, a->ups == 1);
    caller_dials(true);
    RIG_UNTIL(&r, villain_got(&host, CODE_DUPLICATE));
    CHECK(!caller.closed && a->ups == 2 && a->downs == 1);
    pair_close(&r);
}

/* What the peer said on a connection that it has lost since comes later than what it says on the
 * next one. */
static void test_lost_late(void)
{
    for (int again = 0; again <= 1; again++) {
        struct rig r;
        struct side *a = pair_open(&r);
        caller_dials(again == 1);
        RIG_UNTIL(&r, a->ups == 1);
        host_says_hello();
        RIG_UNTIL(&r, host.closed || caller.closed);
        CHECK(villain_got(again == 1 ? &host : &caller, CODE_DUPLICATE));
        CHECK(a->ups == (again == 1 ? 1 : 2) && a->downs == a->ups - 1);
        pair_close(&r);
    }
}

/* ---- how much may be under way ---- */

/* Who has proved nothing may have 1.25 MB under way; a peer so much more, at once, that a path of
 * some length is filled. */
static void test_window(void)
{
    struct rig r;
    struct node_key target = key_of(HOST_SEED);
    rig_open(&r);
    struct os_addr addr = host_open(&r);
    struct side *a = side_open(&r, CLIENT_SEED);
    host.target = a->key;
    host.cookie = "a cookie";
    CHECK(link_peer_set(a->link, &target, &addr, 1) == ERR_OK);
    RIG_UNTIL(&r, host.completed);
    uint64_t first = ngtcp2_conn_get_max_data_left(host.conn);
    CHECK(first > 0 && first <= WINDOW_FIRST);
    host_says_hello();
    RIG_UNTIL(&r, a->ups == 1 && ngtcp2_conn_get_max_data_left(host.conn) > WINDOW_PEER);
    villain_done(&host);
    rig_close(&r);
}

int main(void)
{
    TAP_TEST("host: the dialling side shows name, protocol and one raw key", test_shows);
    TAP_TEST("host: a server of another protocol is left", test_alpn);
    TAP_TEST("host: a server of another key is left", test_key);
    TAP_TEST("host: a server that proves nothing is left in time", test_silent);
    TAP_TEST("host: of two connections the one that the smaller key dialled stays", test_duplicate);
    TAP_TEST("host: one whose dialler had the other before takes its place", test_lost);
    TAP_TEST("host: and keeps it, when the other comes to life late", test_lost_late);
    TAP_TEST("host: who has proved the cookie may send more at a time", test_window);
    return tap_done();
}
