/* tests/unit/net/test_places.c -- a connection that has ended leaves nothing behind: neither a
 * place that it took nor an id that leads to it.
 *
 * Subject: net/quic_conn.c, net/quic_accept.c
 * Method:  more connections, one after the other, than there are places; a hostile client
 *          (villain.h) that changes its ids; in the end a good peer must be let in
 */
#include "raw.h"
#include "villain.h"

enum {
    MS = 1000000,
    PLACES = 96 /* for connections that were accepted (src/net/README.md) */
};

/* There is a place left: a newcomer gets in, and nobody was ever told that there is none. */
static void place_left(struct rig *r, struct side *at)
{
    uint32_t ups = at->ups;
    side_dial(side_open(r, 200), at);
    RIG_UNTIL(r, at->ups > ups);
    CHECK_U64(at->notices[QUIC_LINK_REFUSED_FULL], 0);
}

/* First packets that are spoilt: the connection ends before it has said anything. */
static void test_spoilt(void)
{
    struct rig r;
    struct raw raw;
    uint8_t packet[RAW_FIRST_BYTES];
    rig_open(&r);
    struct side *b = side_open(&r, 2);
    raw_open(&raw, &r);
    for (uint32_t i = 1; i <= PLACES; i++) {
        raw_send(&raw, b, raw_first(packet, "any such", bytes_of(NULL, 0)));
        RIG_UNTIL(&r, side_stats(b).garbage == i);
    }
    CHECK_U64(side_stats(b).connections, 0);
    place_left(&r, b);
    os_udp_close(raw.udp);
    rig_close(&r);
}

/* One that dials again and again, as soon as it may. */
static struct side *dialler(struct rig *r, const char *cookie)
{
    struct side *a = side_new(r, 1);
    struct quic_link_options o = side_options(a);
    o.cookie = bytes_text(cookie);
    o.dial_ns_min = 1ull * MS;
    o.dial_ns_max = 1ull * MS;
    side_open_with(a, &o);
    return a;
}

/* The handshake is through, the proof is wrong. */
static void test_unproved(void)
{
    struct rig r;
    rig_open(&r);
    struct side *b = side_open(&r, 2);
    struct side *a = dialler(&r, "another cookie");
    side_dial(a, b);
    RIG_UNTIL(&r, side_stats(b).refused_cookie >= PLACES);
    side_close(a);
    place_left(&r, b);
    rig_close(&r);
}

/* It was let in, and went. */
static void test_proved(void)
{
    struct rig r;
    rig_open(&r);
    struct side *b = side_open(&r, 2);
    struct side *a = dialler(&r, "a cookie");
    side_dial(a, b);
    for (uint32_t i = 1; i <= PLACES; i++) {
        RIG_UNTIL(&r, b->ups == i && a->ups == i);
        link_peer_forget(b->link, &a->key);
        RIG_UNTIL(&r, b->downs == i && a->downs == i);
    }
    side_close(a);
    place_left(&r, b);
    rig_close(&r);
}

/* A stranger that completes the handshake and says nothing. */
static void stranger(struct villain *v, struct rig *r, struct side *at)
{
    villain_new(v, r, at);
    v->cookie = NULL;
    v->stream_count = 0;
    villain_go(v);
}

static void test_full(void)
{
    static struct villain v[PLACES + 1];
    struct rig r;
    rig_open(&r);
    struct side *b = side_new(&r, 2);
    struct quic_link_options o = side_options(b);
    o.unproved_max = PLACES + 1;
    o.admission_ns = 60000ull * MS;
    side_open_with(b, &o);
    for (uint32_t i = 0; i < PLACES; i++) {
        stranger(&v[i], &r, b);
        RIG_UNTIL(&r, v[i].completed);
    }
    CHECK_U64(b->notices[QUIC_LINK_REFUSED_FULL], 0);
    CHECK_U64(side_stats(b).connections, PLACES);
    stranger(&v[PLACES], &r, b);
    RIG_UNTIL(&r, b->notices[QUIC_LINK_REFUSED_FULL] > 0);
    CHECK_U64(side_stats(b).connections, PLACES);
    v[0].streams[0].bidi = true; /* what nobody may open: it is sent away */
    v[0].streams[0].count = 1;
    v[0].stream_count = 1;
    villain_write(&v[0]);
    RIG_UNTIL(&r, v[0].closed && v[PLACES].completed); /* it knocked again */
    for (uint32_t i = 0; i <= PLACES; i++) {
        villain_done(&v[i]);
    }
    rig_close(&r);
}

/* A packet for a connection id: noise behind it, from an address that is no peer's. */
static void knock_again(struct raw *raw, struct side *at, const ngtcp2_cid *id)
{
    uint8_t packet[100] = { 0x40 };
    CHECK(id->datalen == RAW_CID_BYTES);
    memcpy(packet + 1, id->data, RAW_CID_BYTES);
    raw_send(raw, at, bytes_of(packet, sizeof packet));
}

/* The id is nobody's, sooner or later: a packet that carries it belongs to no connection. */
static void nobodys(struct rig *r, struct raw *raw, struct side *at, const ngtcp2_cid *id)
{
    uint64_t before = side_stats(at).garbage;
    uint64_t end = os_now(r->os) + RIG_MS_MAX * 1000000ull;
    while (side_stats(at).garbage == before && os_now(r->os) < end) {
        knock_again(raw, at, id);
        rig_run_ms(r, 5);
    }
    CHECK(side_stats(at).garbage > before);
}

/* An id leads to its connection no longer than it may: neither when the peer has retired it, nor
 * when the connection has ended, retired or not. */
static void test_retired(void)
{
    struct rig r;
    struct raw raw;
    struct villain v;
    ngtcp2_cid ids[2];
    bool renamed = false;
    rig_open(&r);
    struct side *b = side_open(&r, 2);
    raw_open(&raw, &r);
    villain_new(&v, &r, b);
    villain_go(&v);
    RIG_UNTIL(&r, b->ups == 1);
    RIG_UNTIL(&r, (renamed = renamed || villain_rename(&v, &ids[0])));
    ids[1] = *ngtcp2_conn_get_dcid(v.conn);
    nobodys(&r, &raw, b, &ids[0]);
    uint64_t before = side_stats(b).garbage;
    knock_again(&raw, b, &ids[1]); /* in use: not counted */
    knock_again(&raw, b, &ids[0]);
    RIG_UNTIL(&r, side_stats(b).garbage > before);
    CHECK_U64(side_stats(b).garbage, before + 1);
    CHECK(!v.closed && b->downs == 0);
    link_peer_forget(b->link, &b->from);
    RIG_UNTIL(&r, b->downs == 1 && v.closed);
    nobodys(&r, &raw, b, &ids[0]);
    nobodys(&r, &raw, b, &ids[1]);
    CHECK_U64(side_stats(b).connections, 0);
    villain_done(&v);
    os_udp_close(raw.udp);
    rig_close(&r);
    EXPECT_MARK("net: an id of a connection is retired");
}

int main(void)
{
    TAP_TEST("places: a spoilt first packet gives its place back", test_spoilt);
    TAP_TEST("places: who has not proved itself gives its place back", test_unproved);
    TAP_TEST("places: who was let in and goes gives its place back", test_proved);
    TAP_TEST("places: when all are taken a newcomer is refused, and let in when one is free",
             test_full);
    TAP_TEST("places: an id that was retired leads to its connection no more", test_retired);
    return tap_done();
}
