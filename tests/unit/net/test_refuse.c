/* tests/unit/net/test_refuse.c -- whoever does not belong here is refused, counted and told.
 *
 * Subject: net/quic_*.c, net/tls.c, net/admit.c
 * Method:  wrong links, a hostile client (villain.h) and raw datagrams against one link; in the
 * end a
 *          good peer must still be served
 */
#include "raw.h"
#include "villain.h"

enum {
    CODE_COOKIE = 1,
    CODE_FRAME = 2,
    TLS_NO_PROTOCOL = 0x178,
    TLS_NO_CERTIFICATE = 0x174,
    UNPROVED_MAX = 2
};

/* A good peer connects and is answered. */
static void served(struct rig *r, struct side *target)
{
    struct side *good = side_open(r, 200);
    uint64_t before = good->frames[LINK_CONTROL];
    target->answer = ANSWER_ECHO;
    side_dial(good, target);
    RIG_UNTIL(r, good->ups == 1);
    CHECK(side_send(good, target, LINK_CONTROL, "still there?") == ERR_OK);
    RIG_UNTIL(r, good->frames[LINK_CONTROL] == before + 1);
}

static void test_wrong_key(void)
{
    struct rig r;
    rig_open(&r);
    struct side *a = side_open(&r, 1);
    struct side *b = side_open(&r, 2);
    struct side *other = side_new(&r, 3); /* never opened: only its key */
    struct os_addr addr = side_addr(b);
    CHECK(link_peer_set(a->link, &other->key, &addr, 1) == ERR_OK);
    RIG_UNTIL(&r, side_stats(a).refused_key > 0);
    CHECK(a->notices[QUIC_LINK_REFUSED_KEY] > 0);
    CHECK_U64(a->ups + b->ups, 0);
    link_peer_forget(a->link, &other->key);
    served(&r, b);
    rig_close(&r);
}

static void test_wrong_cookie(void)
{
    struct rig r;
    rig_open(&r);
    struct side *b = side_open(&r, 2);
    struct side *a = side_new(&r, 1);
    struct quic_link_options o = side_options(a);
    o.cookie = bytes_text("another cookie");
    side_open_with(a, &o);
    side_dial(a, b);
    RIG_UNTIL(&r, side_stats(b).refused_cookie > 0 && side_stats(a).refused_cookie > 0);
    CHECK(b->notices[QUIC_LINK_REFUSED_COOKIE] > 0);
    const struct quic_link_notice *n = &b->notice[QUIC_LINK_REFUSED_COOKIE];
    CHECK(n->key_known && ids_key_equal(&n->key, &a->key));
    CHECK_U64(a->ups + b->ups, 0);
    side_close(a);
    served(&r, b);
    rig_close(&r);
    EXPECT_MARK("net: a callback refuses a packet");
    EXPECT_MARK("net: a wrong cookie");
}

static void test_wrong_cookie_server(void)
{
    struct rig r;
    rig_open(&r);
    struct side *a = side_open(&r, 2);
    struct side *b = side_new(&r, 1);
    struct quic_link_options o = side_options(b);
    o.cookie = bytes_text("a cookie ");
    side_open_with(b, &o);
    side_dial(a, b);
    RIG_UNTIL(&r, side_stats(a).refused_cookie > 0);
    CHECK_U64(a->ups + b->ups, 0);
    rig_close(&r);
}

static void test_villain_good(void)
{
    struct rig r;
    struct villain v;
    rig_open(&r);
    struct side *b = side_open(&r, 2);
    villain_new(&v, &r, b);
    villain_go(&v);
    RIG_UNTIL(&r, b->ups == 1);
    CHECK(!v.closed);
    villain_done(&v);
    rig_close(&r);
}

static void test_alpn(void)
{
    struct rig r;
    struct villain v;
    rig_open(&r);
    struct side *b = side_open(&r, 2);
    villain_new(&v, &r, b);
    v.alpn = "h3";
    villain_go(&v);
    RIG_UNTIL(&r, v.closed);
    CHECK_U64(v.why.error_code, TLS_NO_PROTOCOL);
    CHECK_U64(side_stats(b).refused_alpn, 1);
    villain_done(&v);
    served(&r, b);
    rig_close(&r);
    EXPECT_MARK("net: no common protocol");
}

static void test_no_key(void)
{
    struct rig r;
    struct villain v;
    rig_open(&r);
    struct side *b = side_open(&r, 2);
    villain_new(&v, &r, b);
    v.no_key = true;
    villain_go(&v);
    RIG_UNTIL(&r, v.closed);
    CHECK_U64(v.why.error_code, TLS_NO_CERTIFICATE);
    CHECK_U64(side_stats(b).refused_key, 1);
    CHECK_U64(b->ups, 0);
    villain_done(&v);
    served(&r, b);
    rig_close(&r);
}

/* It shows the key of the very node that it dials. */
static void test_own_key(void)
{
    struct rig r;
    struct villain v;
    rig_open(&r);
    struct side *b = side_open(&r, 2);
    villain_new(&v, &r, b);
    v.seed = 2;
    villain_go(&v);
    RIG_UNTIL(&r, side_stats(b).refused_key == 1);
    CHECK_U64(b->ups, 0);
    villain_done(&v);
    rig_close(&r);
}

static void test_late(void)
{
    struct rig r;
    struct villain v;
    rig_open(&r);
    struct side *b = side_new(&r, 2);
    struct quic_link_options o = side_options(b);
    o.admission_ns = 100 * 1000000ull;
    side_open_with(b, &o);
    villain_new(&v, &r, b);
    v.cookie = NULL;
    v.stream_count = 0;
    villain_go(&v);
    RIG_UNTIL(&r, v.closed);
    CHECK(villain_got(&v, CODE_COOKIE));
    CHECK_U64(side_stats(b).refused_cookie, 1);
    CHECK_U64(side_stats(b).connections, 0);
    villain_done(&v);
    rig_close(&r);
    EXPECT_MARK("net: no proof in time");
}

/* Bytes on the second stream, after the hello or instead of it. */
static void against_streams(const char *cookie, uint64_t code, const void *bytes, size_t count,
                            bool bidi, bool end)
{
    struct rig r;
    struct villain v;
    rig_open(&r);
    struct side *b = side_open(&r, 2);
    villain_new(&v, &r, b);
    v.cookie = cookie;
    v.stream_count = 2;
    v.streams[0].done = cookie == NULL;
    v.streams[1].bidi = bidi;
    v.streams[1].end = end;
    v.streams[1].count = count;
    memcpy(v.streams[1].bytes, bytes, count);
    villain_go(&v);
    RIG_UNTIL(&r, v.closed);
    CHECK(villain_got(&v, code));
    CHECK_U64(side_stats(b).bad_frames, code == CODE_FRAME ? 1 : 0);
    CHECK_U64(side_stats(b).refused_cookie, code == CODE_COOKIE ? 1 : 0);
    CHECK_U64(b->downs, b->ups);
    villain_done(&v);
    served(&r, b);
    rig_close(&r);
}

static void test_frame_first(void)
{
    against_streams(NULL, CODE_COOKIE, "\1\1\0\0\0x", 6, false, false);
    EXPECT_MARK("net: frames before the proof");
}

static void test_bidi_first(void)
{
    against_streams(NULL, CODE_COOKIE, "\0", 1, true, false);
    EXPECT_MARK("net: a stream too many");
}

static void test_false_hello(void)
{
    uint8_t hello[1 + ADMIT_HELLO_BYTES] = { 0 };
    against_streams(NULL, CODE_COOKIE, hello, sizeof hello, false, true);
}

static void test_long_hello(void)
{
    uint8_t hello[2 + ADMIT_HELLO_BYTES] = { 0 };
    against_streams(NULL, CODE_COOKIE, hello, sizeof hello, false, true);
}

/* A true hello, a few bytes at a time, with more bytes of the same behind it or none. */
static void in_pieces(struct rig *r, struct side **out_b, struct villain *v, size_t piece,
                      size_t more)
{
    rig_open(r);
    *out_b = side_open(r, 2);
    villain_new(v, r, *out_b);
    v->streams[0].piece = piece;
    v->streams[0].more = more;
    memset(v->streams[0].bytes + 1 + ADMIT_HELLO_BYTES, 1, more);
    villain_go(v);
}

static void test_hello_in_pieces(void)
{
    struct rig r;
    struct villain v;
    struct side *b = NULL;
    in_pieces(&r, &b, &v, 1, 0);
    RIG_UNTIL(&r, b->ups == 1);
    CHECK(!v.closed);
    villain_done(&v);
    rig_close(&r);
}

/* Each piece is short enough, all of them together are not: nothing behind the buffer is touched,
 * and a hello that would have been good is none. */
static void test_long_hello_in_pieces(void)
{
    for (size_t more = 1; more <= ADMIT_HELLO_BYTES / 2; more += 3) {
        struct rig r;
        struct villain v;
        struct side *b = NULL;
        in_pieces(&r, &b, &v, (1 + ADMIT_HELLO_BYTES + more) / 2 + 1, more);
        RIG_UNTIL(&r, v.closed || b->ups > 0);
        CHECK_U64(b->ups, 0);
        CHECK(villain_got(&v, CODE_COOKIE));
        CHECK_U64(side_stats(b).refused_cookie, 1);
        villain_done(&v);
        rig_close(&r);
    }
}

static void test_frame_too_large(void)
{
    against_streams("a cookie", CODE_FRAME, "\1\x81\x96\x98\x00", 5, false, false);
}

static void test_frame_cut(void)
{
    against_streams("a cookie", CODE_FRAME, "\1\5\0\0\0cu", 7, false, true);
    EXPECT_MARK("net: a malformed frame");
}

static void test_unknown_class(void)
{
    against_streams("a cookie", CODE_FRAME, "\5\0\0\0\0", 5, false, false);
}

/* The hello's stream, and others that are opened and say nothing: there is room for one of each
 * class, and not for one more. */
static void silent_streams(struct rig *r, struct villain *v, struct side **out_b, uint32_t count)
{
    rig_open(r);
    *out_b = side_open(r, 2);
    villain_new(v, r, *out_b);
    v->stream_count = 1 + count;
    villain_go(v);
}

static void test_streams(void)
{
    struct rig r;
    struct villain v;
    struct side *b = NULL;
    silent_streams(&r, &v, &b, LINK_CLASS_COUNT);
    RIG_UNTIL(&r, b->ups == 1);
    rig_run_ms(&r, 50);
    CHECK(!v.closed);
    villain_done(&v);
    rig_close(&r);
}

static void test_stream_too_many(void)
{
    struct rig r;
    struct villain v;
    struct side *b = NULL;
    silent_streams(&r, &v, &b, LINK_CLASS_COUNT + 1);
    RIG_UNTIL(&r, v.closed);
    CHECK(villain_got(&v, CODE_FRAME));
    CHECK_U64(side_stats(b).bad_frames, 1);
    CHECK_U64(b->downs, b->ups);
    villain_done(&v);
    served(&r, b);
    rig_close(&r);
}

/* A frame's stream cannot be lost alone: what it carried would be missing, and nobody would know
 * it. */
static void test_stream_reset(void)
{
    struct rig r;
    struct villain v;
    rig_open(&r);
    struct side *b = side_open(&r, 2);
    villain_new(&v, &r, b);
    v.stream_count = 2;
    v.streams[1].count = 6;
    memcpy(v.streams[1].bytes, "\2\1\0\0\0x", 6);
    villain_go(&v);
    RIG_UNTIL(&r, b->frames[LINK_LOG] == 1);
    villain_reset(&v, 1);
    RIG_UNTIL(&r, v.closed);
    CHECK(villain_got(&v, CODE_FRAME));
    CHECK_U64(side_stats(b).bad_frames, 1);
    CHECK_U64(b->downs, 1);
    villain_done(&v);
    served(&r, b);
    rig_close(&r);
}

/* The hello's stream has served when the hello is whole. */
static void test_hello_reset(void)
{
    struct rig r;
    struct villain v;
    rig_open(&r);
    struct side *b = side_open(&r, 2);
    villain_new(&v, &r, b);
    villain_go(&v);
    RIG_UNTIL(&r, b->ups == 1);
    villain_reset(&v, 0);
    v.stream_count = 2;
    v.streams[1].count = 6;
    memcpy(v.streams[1].bytes, "\2\1\0\0\0x", 6);
    villain_write(&v);
    RIG_UNTIL(&r, v.closed || b->frames[LINK_LOG] == 1);
    CHECK(!v.closed);
    CHECK_U64(b->downs, 0);
    villain_done(&v);
    rig_close(&r);
}

static void test_second_hello(void)
{
    against_streams("a cookie", CODE_FRAME, "\0", 1, false, false);
    EXPECT_MARK("net: a stream of its kind is there already");
}

static void test_bidi(void)
{
    against_streams("a cookie", CODE_FRAME, "\1\0\0\0\0", 5, true, false);
}

static void test_class_twice(void)
{
    struct rig r;
    struct villain v;
    rig_open(&r);
    struct side *b = side_open(&r, 2);
    villain_new(&v, &r, b);
    v.stream_count = 3;
    for (int i = 1; i < 3; i++) {
        memcpy(v.streams[i].bytes, "\2\0\0\0\0", 5);
        v.streams[i].count = 5;
    }
    villain_go(&v);
    RIG_UNTIL(&r, v.closed);
    CHECK(villain_got(&v, CODE_FRAME));
    CHECK_U64(b->frames[LINK_LOG], 1);
    villain_done(&v);
    rig_close(&r);
}

static void no_datagrams(void *arg, const struct os_datagram *d, uint32_t count)
{
    (void)d;
    *(uint32_t *)arg += count;
}

/* Noise of every length, with a first byte of every kind. */
static void test_garbage(void)
{
    struct rig r;
    uint8_t noise[1500];
    uint32_t answers = 0;
    uint64_t sent = 0;
    struct os_udp *udp;
    struct os_addr any = loopback(0);
    rig_open(&r);
    struct side *b = side_open(&r, 2);
    struct side *good = side_open(&r, 3);
    side_dial(good, b);
    RIG_UNTIL(&r, good->ups == 1 && b->ups == 1);
    size_t used = b->mem.used;
    CHECK(os_udp_open(r.os, &any, no_datagrams, &answers, &udp) == ERR_OK);
    for (size_t size = 0; size <= sizeof noise; size++) {
        static const uint8_t firsts[] = { 0x00, 0x40, 0x54, 0xc0, 0xc3, 0xff };
        for (size_t k = 0; k < sizeof firsts; k++) {
            struct os_udp_send send = { .remote = side_addr(b), .payload = bytes_of(noise, size) };
            prng_fill(&r.prng, noise, sizeof noise);
            noise[0] = firsts[k];
            memcpy(noise + 1, "\0\0\0\1", k % 2 == 0 ? 4 : 0);
            sent += os_udp_send(udp, &send) == ERR_OK ? 1 : 0;
        }
        os_linux_turn(r.loop, 0);
    }
    RIG_UNTIL(&r, side_stats(b).garbage >= sent * 9 / 10);
    CHECK(answers < 400);
    rig_run_ms(&r, 50);
    CHECK_U64(good->downs + b->downs, 0);
    CHECK(b->mem.used < used + 64 * 1024);
    CHECK(side_send(good, b, LINK_CONTROL, "still") == ERR_OK);
    RIG_UNTIL(&r, b->frames[LINK_CONTROL] == 1);
    os_udp_close(udp);
    rig_close(&r);
    EXPECT_MARK("net: the allowance for strangers is used up");
}

/* Every datagram of handshake, hello and frames comes spoilt, right, and a second time. */
static void test_noisy(void)
{
    struct rig r;
    rig_open(&r);
    prng_seed(&r.prng, 5);
    struct side *b = side_open(&r, 2);
    for (uint32_t round = 1; round <= 20; round++) {
        struct villain v;
        villain_new(&v, &r, b);
        v.noisy = true;
        v.seed = (uint8_t)(100 + round);
        memcpy(v.streams[1].bytes, "\1\5\0\0\0twice", 10);
        v.streams[1].count = 10;
        villain_go(&v);
        RIG_UNTIL(&r, b->ups == round);
        v.stream_count = 2; /* not before the hello is known to be there, as honest peers do */
        villain_write(&v);
        RIG_UNTIL(&r, b->frames[LINK_CONTROL] == round);
        rig_run_ms(&r, 2);
        CHECK(!v.closed);
        CHECK_U64(b->frames[LINK_CONTROL], round); /* once, however often it came */
        CHECK(b->last_count == 5 && memcmp(b->last, "twice", 5) == 0);
        villain_done(&v);
    }
    served(&r, b);
    rig_close(&r);
    EXPECT_MARK("net: a spoilt first packet is buried");
}

/* One that throws back whatever it gets, as another node without that connection would. */
struct wall {
    struct os_udp *udp;
    struct os_addr to;
    uint32_t thrown;
    size_t smallest;
};

static void on_thrown(void *arg, const struct os_datagram *d, uint32_t count)
{
    struct wall *w = arg;
    for (uint32_t i = 0; i < count; i++) {
        struct os_udp_send send = { .remote = w->to, .payload = d[i].payload };
        w->smallest = d[i].payload.count < w->smallest ? d[i].payload.count : w->smallest;
        w->thrown++;
        CHECK(os_udp_send(w->udp, &send) == ERR_OK);
    }
}

static void test_reset_volley(void)
{
    struct rig r;
    uint8_t stray[100] = { 0x40, 1, 2, 3, 4, 5, 6, 7, 8 };
    struct wall w = { .smallest = sizeof stray };
    struct os_addr any = loopback(0);
    rig_open(&r);
    struct side *b = side_open(&r, 2);
    w.to = side_addr(b);
    CHECK(os_udp_open(r.os, &any, on_thrown, &w, &w.udp) == ERR_OK);
    struct os_udp_send send = { .remote = w.to, .payload = bytes_of(stray, sizeof stray) };
    CHECK(os_udp_send(w.udp, &send) == ERR_OK);
    RIG_UNTIL(&r, w.smallest == 21); /* the smallest one that there is: not answered again */
    CHECK_U64(w.thrown, 2);
    os_udp_close(w.udp);
    rig_close(&r);
    EXPECT_MARK("net: a stateless reset is sent");
}

/* The token that ends connections comes from the node's key: it is the same after a restart, and
 * not what another node, or whoever reads the source, would say. */
static void test_reset_token(void)
{
    enum {
        TOKEN = 16
    };
    struct rig r;
    struct raw raw;
    uint8_t stray[100] = { 0x40, 1, 2, 3, 4, 5, 6, 7, 8 };
    uint8_t tokens[3][TOKEN];
    rig_open(&r);
    struct side *a = side_open(&r, 1);
    struct side *b = side_open(&r, 2);
    raw_open(&raw, &r);
    for (int i = 0; i < 3; i++) {
        if (i == 2) {
            side_close(a);
            side_start(a);
        }
        raw_send(&raw, i == 1 ? b : a, bytes_of(stray, sizeof stray));
        RIG_UNTIL(&r, raw.count == 1);
        CHECK(raw.last.count > TOKEN);
        memcpy(tokens[i], raw.last.data + raw.last.count - TOKEN, TOKEN);
    }
    CHECK(memcmp(tokens[0], tokens[1], TOKEN) != 0);
    CHECK(memcmp(tokens[0], tokens[2], TOKEN) == 0);
    os_udp_close(raw.udp);
    rig_close(&r);
}

static const uint8_t unknown_version[RAW_FIRST_BYTES] = { 0xc0, 0xba, 0xba, 0xba, 0xba, 8, 1, 2,
                                                          3,    4,    5,    6,    7,    8, 8 };

/* A version nobody speaks gets the list of those we do, but not for a small packet: whose address
 * stands on it may be sent more bytes then than its forger has spent. */
static void test_version(void)
{
    static const size_t sizes[] = { 20, 600, RAW_FIRST_BYTES - 1 };
    static const uint8_t draft[] = { 0xc0, 0xff, 0, 0, 0x1d }; /* a version that the library has */
    struct rig r;
    struct raw raw;
    uint8_t packet[RAW_FIRST_BYTES];
    memcpy(packet, unknown_version, sizeof packet);
    memcpy(packet, draft, sizeof draft);
    rig_open(&r);
    struct side *b = side_open(&r, 2);
    raw_open(&raw, &r);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        raw_send(&raw, b, bytes_of(unknown_version, sizes[i]));
        raw_send(&raw, b, bytes_of(packet, sizes[i]));
    }
    raw_send(&raw, b, bytes_of(unknown_version, RAW_FIRST_BYTES));
    RIG_UNTIL(&r, raw.count > 0);
    CHECK_U64(side_stats(b).datagrams_in, 7); /* one after the other, and this was the last */
    CHECK_U64(side_stats(b).datagrams_out, 1);
    CHECK_U64(raw.count, 1);
    raw_send(&raw, b, bytes_of(packet, sizeof packet));
    RIG_UNTIL(&r, raw.count > 0);
    CHECK_U64(raw.count, 1);
    CHECK_U64(side_stats(b).connections, 0);
    os_udp_close(raw.udp);
    rig_close(&r);
    EXPECT_MARK("net: an unknown version is answered");
}

/* Above the bound of unproved ones a newcomer must show that its address is real. */
static void test_retry(void)
{
    struct rig r;
    struct villain v;
    rig_open(&r);
    struct side *b = side_new(&r, 2);
    struct quic_link_options o = side_options(b);
    o.unproved_max = 1;
    side_open_with(b, &o);
    villain_new(&v, &r, b);
    v.cookie = NULL;
    v.stream_count = 0;
    villain_go(&v);
    RIG_UNTIL(&r, side_stats(b).connections == 1);
    uint64_t before = side_stats(b).datagrams_in;
    served(&r, b);
    CHECK(side_stats(b).datagrams_in > before + 2);
    villain_done(&v);
    rig_close(&r);
    EXPECT_MARK("net: a newcomer has proved its address");
    EXPECT_MARK("net: a newcomer must prove its address");
}

enum {
    RETRY_ID = 5 + 1 + RAW_CID_BYTES + 1, /* in a Retry to a sender with such an id: the new id */
    RETRY_TOKEN = RETRY_ID + RAW_CID_BYTES,
    RETRY_TAG = 16 /* at its end */
};

static bool is_retry(const struct raw *raw)
{
    return raw->last.count > RETRY_TOKEN + RETRY_TAG && (raw->bytes[0] & 0xf0u) == 0xf0u;
}

/* A side with so many unproved ones that the next must prove its address. */
static struct side *side_wary(struct rig *r, uint8_t seed, struct villain *v)
{
    struct side *s = side_new(r, seed);
    struct quic_link_options o = side_options(s);
    o.unproved_max = 1;
    o.admission_ns = 60ull * 1000 * 1000 * 1000;
    side_open_with(s, &o);
    villain_new(v, r, s);
    v->cookie = NULL;
    v->stream_count = 0;
    villain_go(v);
    RIG_UNTIL(r, side_stats(s).connections == 1);
    return s;
}

/* The proof of an address is good where it was asked for, and nowhere else: nobody but that link
 * can say it. */
static void test_retry_token(void)
{
    struct rig r;
    struct raw raw;
    struct villain v[2];
    uint8_t packet[RAW_FIRST_BYTES];
    uint8_t again[RAW_FIRST_BYTES];
    rig_open(&r);
    struct side *a = side_wary(&r, 1, &v[0]);
    struct side *b = side_wary(&r, 2, &v[1]);
    raw_open(&raw, &r);
    raw_send(&raw, a, raw_first(packet, "any such", bytes_of(NULL, 0)));
    RIG_UNTIL(&r, raw.count == 1);
    CHECK(is_retry(&raw));
    const struct bytes token =
        bytes_of(raw.bytes + RETRY_TOKEN, raw.last.count - RETRY_TOKEN - RETRY_TAG);
    const struct bytes proof = raw_first(again, raw.bytes + RETRY_ID, token);
    raw_send(&raw, a, proof);
    rig_run_ms(&r, 100);
    CHECK_U64(raw.count, 0); /* let in, and found spoilt */
    raw_send(&raw, b, proof);
    RIG_UNTIL(&r, raw.count == 1);
    CHECK(is_retry(&raw));
    os_udp_close(raw.udp);
    villain_done(&v[0]);
    villain_done(&v[1]);
    rig_close(&r);
}

/* Only those that have not proved anything yet count: neither who is in nor who was sent away makes
 * newcomers prove their address. */
static void test_no_retry(void)
{
    struct rig r;
    struct raw raw;
    uint8_t packet[RAW_FIRST_BYTES];
    rig_open(&r);
    struct side *b = side_new(&r, 2);
    struct quic_link_options o = side_options(b);
    o.unproved_max = UNPROVED_MAX;
    side_open_with(b, &o);
    for (uint8_t i = 0; i <= UNPROVED_MAX; i++) {
        side_dial(side_open(&r, 10 + i), b);
        RIG_UNTIL(&r, b->ups == i + 1u);
    }
    raw_open(&raw, &r);
    for (uint32_t i = 0; i <= UNPROVED_MAX; i++) {
        raw_send(&raw, b, raw_first(packet, "any such", bytes_of(NULL, 0)));
    }
    const struct bytes any = bytes_of(unknown_version, RAW_FIRST_BYTES); /* is answered anyhow */
    raw_send(&raw, b, any);
    RIG_UNTIL(&r, raw.count > 0);
    CHECK_U64(raw.count, 1);
    CHECK(!is_retry(&raw));
    os_udp_close(raw.udp);
    rig_close(&r);
}

static void test_options(void)
{
    struct rig r;
    struct diag diag;
    uint8_t cookie[NET_COOKIE_BYTES_MAX + 1] = { 0 };
    rig_open(&r);
    struct side *s = side_new(&r, 1);
    struct quic_link_options o = side_options(s);
    o.cookie = bytes_of(cookie, 0);
    CHECK(quic_link_open(r.os, &s->mem, &o, &side_handler, s, &s->link, &diag) == ERR_BAD_CONFIG);
    o.cookie = bytes_of(cookie, sizeof cookie);
    CHECK(quic_link_open(r.os, &s->mem, &o, &side_handler, s, &s->link, &diag) == ERR_BAD_CONFIG);
    rig_close(&r);
}

static void test_in_use(void)
{
    struct rig r;
    struct diag diag;
    rig_open(&r);
    struct side *a = side_open(&r, 1);
    struct side *b = side_new(&r, 2);
    struct quic_link_options o = side_options(b);
    o.bind[0] = side_addr(a);
    CHECK(quic_link_open(r.os, &b->mem, &o, &side_handler, b, &b->link, &diag) ==
          ERR_ADDRESS_IN_USE);
    CHECK(strstr(diag.text, "127.0.0.1:") != NULL);
    rig_close(&r);
}

int main(void)
{
    TAP_TEST("refuse: another key than the one dialled", test_wrong_key);
    TAP_TEST("refuse: another cookie, told to both sides", test_wrong_cookie);
    TAP_TEST("refuse: a server with another cookie", test_wrong_cookie_server);
    TAP_TEST("refuse: a stranger that knows the cookie is let in", test_villain_good);
    TAP_TEST("refuse: a foreign protocol", test_alpn);
    TAP_TEST("refuse: a client without a key", test_no_key);
    TAP_TEST("refuse: a client that shows our own key", test_own_key);
    TAP_TEST("refuse: a proof that does not come in time", test_late);
    TAP_TEST("refuse: a frame before the proof", test_frame_first);
    TAP_TEST("refuse: a stream of the wrong kind before the proof", test_bidi_first);
    TAP_TEST("refuse: a false proof", test_false_hello);
    TAP_TEST("refuse: a hello that is too long", test_long_hello);
    TAP_TEST("refuse: a hello that comes byte by byte is let in", test_hello_in_pieces);
    TAP_TEST("refuse: a hello that is too long only as a whole", test_long_hello_in_pieces);
    TAP_TEST("refuse: a frame above the bound", test_frame_too_large);
    TAP_TEST("refuse: a stream that ends within a frame", test_frame_cut);
    TAP_TEST("refuse: a stream of no known class", test_unknown_class);
    TAP_TEST("refuse: not for streams that say nothing yet", test_streams);
    TAP_TEST("refuse: a stream more than there are kinds, which says nothing",
             test_stream_too_many);
    TAP_TEST("refuse: a stream of frames that is taken back", test_stream_reset);
    TAP_TEST("refuse: not for a hello's stream that is taken back afterwards", test_hello_reset);
    TAP_TEST("refuse: a second hello", test_second_hello);
    TAP_TEST("refuse: a stream of the wrong kind", test_bidi);
    TAP_TEST("refuse: a second stream of a class", test_class_twice);
    TAP_TEST("refuse: noise of every length, while a good peer is served", test_garbage);
    TAP_TEST("refuse: datagrams that are spoilt or repeated, in every stage", test_noisy);
    TAP_TEST("refuse: a stray packet, without a volley of resets", test_reset_volley);
    TAP_TEST("refuse: a reset that does not come from the node's key", test_reset_token);
    TAP_TEST("refuse: an unknown version gets the list of known ones", test_version);
    TAP_TEST("refuse: with many unproved, addresses must be proved first", test_retry);
    TAP_TEST("refuse: nobody's address, however many have proved themselves", test_no_retry);
    TAP_TEST("refuse: a proof of an address that another link asked for", test_retry_token);
    TAP_TEST("refuse: a cookie without bytes, or with too many", test_options);
    TAP_TEST("refuse: an address that is taken", test_in_use);
    return tap_done();
}
