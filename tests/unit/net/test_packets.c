/* tests/unit/net/test_packets.c -- the packets that leave: how they share batches, and their size.
 *
 * Subject: net/quic_write.c
 * Method:  two links in one loop; everything they give to their sockets is looked at on its way
 */
#include "rig.h"

#include "base/limits.h"

enum {
    LARGE = 2 * 1000 * 1000,
    CID_BYTES = 8,
    ROUNDS_MAX = 20,
    SOCKETS = 2,
    SAFE_BYTES = 1200, /* passes everywhere: what is sent when larger ones seem to vanish */
    REST_MS = 1200,    /* bytes under way for a second are held up */
    TRIES = 3
};

static uint8_t large[LARGE];

/* What one socket was given. */
struct seen {
    const struct os_udp *udp;
    uint64_t cut_turn; /* the turn of the newest batch that a shorter packet ended; 0: none */
};

static struct {
    enum err (*really_send)(struct os_udp *udp, const struct os_udp_send *send);
    struct seen sockets[SOCKETS];
    uint64_t turn;
    uint64_t batches;
    uint64_t behind_shorter; /* batches that went in the same turn as one that was ended so */
    uint64_t wrong;          /* places in a batch where the next packet does not begin */
} wire;

/* Of a datagram of a batch whose first one is given: both are packets of a connection that is up,
 * for the same id (RFC 9000 section 17.3). */
static bool goes_on(const uint8_t *first, const uint8_t *at, size_t count)
{
    return count > CID_BYTES && (at[0] & 0x80u) == 0 && memcmp(at + 1, first + 1, CID_BYTES) == 0;
}

static struct seen *seen_by(const struct os_udp *udp)
{
    for (uint32_t i = 0; i < SOCKETS; i++) {
        if (wire.sockets[i].udp == udp || wire.sockets[i].udp == NULL) {
            wire.sockets[i].udp = udp;
            return &wire.sockets[i];
        }
    }
    tap_fail(__FILE__, __LINE__, "a socket too many");
    return &wire.sockets[0];
}

static enum err wire_send(struct os_udp *udp, const struct os_udp_send *send)
{
    struct seen *s = seen_by(udp);
    const uint8_t *data = send->payload.data;
    size_t count = send->payload.count;
    wire.behind_shorter += s->cut_turn == wire.turn ? 1 : 0;
    if (send->segment > 0 && (data[0] & 0x80u) == 0) {
        wire.batches++;
        for (size_t at = send->segment; at < count; at += send->segment) {
            wire.wrong += goes_on(data, data + at, count - at) ? 0 : 1;
        }
        s->cut_turn = count % send->segment != 0 ? wire.turn : s->cut_turn;
    }
    struct os_udp_send unmarked = *send;
    unmarked.ecn = 0; /* as many a path does: what differs in its mark shares no batch */
    return wire.really_send(udp, &unmarked);
}

/* One turn after the other is told apart by this. */
static uint64_t next_turn(void)
{
    return ++wire.turn;
}

/* While the size that the path carries is being found, packets of that size follow larger ones:
 * the first of them ends the batch. Wherever it is cut there begins a packet, and none is lost. */
static void test_shorter(void)
{
    for (int round = 0; round < ROUNDS_MAX && wire.behind_shorter == 0; round++) {
        struct rig r;
        rig_open(&r);
        struct os_table machine = *r.os->table;
        const struct os_table *before = r.os->table;
        memset(&wire, 0, sizeof wire);
        wire.really_send = machine.udp_send;
        machine.udp_send = wire_send;
        r.os->table = &machine;
        struct side *a = side_open(&r, 1);
        struct side *b = side_open(&r, 2);
        side_dial(a, b);
        RIG_UNTIL(&r, next_turn() > 0 && b->ups == 1);
        CHECK(link_send(b->link, &a->key, LINK_LOG, bytes_of(large, LARGE), bytes_of(NULL, 0)) ==
              ERR_OK);
        RIG_UNTIL(&r, next_turn() > 0 && a->frames[LINK_LOG] == 1);
        CHECK_U64(wire.wrong, 0);
        CHECK_U64(side_stats(a).garbage + side_stats(b).garbage, 0);
        printf("# %llu batches, %llu behind a shorter packet\n", (unsigned long long)wire.batches,
               (unsigned long long)wire.behind_shorter);
        r.os->table = before;
        rig_close(&r);
    }
    CHECK(wire.behind_shorter > 0); /* it was played */
}

/* How large packets are while many leave: bytes of one, on the average. */
static uint64_t packet_bytes(struct rig *r, struct side *from, struct side *to)
{
    const struct link_stats before = side_stats(from);
    uint64_t frames = to->frames[LINK_LOG];
    CHECK(link_send(from->link, &to->key, LINK_LOG, bytes_of(large, LARGE), bytes_of(NULL, 0)) ==
          ERR_OK);
    RIG_UNTIL(r, to->frames[LINK_LOG] == frames + 1);
    const struct link_stats after = side_stats(from);
    return (after.bytes_out - before.bytes_out) / (after.datagrams_out - before.datagrams_out);
}

/* How large are packets behind what is played on a path that is known? */
static uint64_t bytes_behind(void (*play)(struct rig *r, struct side *a, struct side *b))
{
    struct rig r;
    struct side *a;
    struct side *b;
    rig_open_pair(&r, &a, &b);
    packet_bytes(&r, a, b); /* until the path is known and settled */
    play(&r, a, b);
    uint64_t bytes = packet_bytes(&r, a, b);
    rig_close(&r);
    return bytes;
}

/* On a machine that stands still for a second a class may have been held up indeed. */
static void stay_large(void (*play)(struct rig *r, struct side *a, struct side *b))
{
    uint64_t bytes = 0;
    for (int i = 0; i < TRIES && bytes <= SAFE_BYTES; i++) {
        bytes = bytes_behind(play);
    }
    CHECK(bytes > SAFE_BYTES);
}

/* Two turns write after a rest, one after the other, before anything of it can have been
 * acknowledged. */
static void play_rest(struct rig *r, struct side *a, struct side *b)
{
    rig_run_ms(r, REST_MS);
    for (int i = 0; i < 2; i++) {
        CHECK(side_send(a, b, LINK_LOG, "after a rest") == ERR_OK);
        rig_turn(r, 0);
    }
}

/* A class that had nothing to send for longer than bytes may be under way has not been held up. */
static void test_rest(void)
{
    stay_large(play_rest);
}

/* Every turn writes: what acknowledges a packet is read two turns later, when the next one is under
 * way already. */
static void play_busy(struct rig *r, struct side *a, struct side *b)
{
    uint64_t until = os_now(r->os) + REST_MS * NS_PER_MS;
    uint64_t frames = b->frames[LINK_LOG];
    while (os_now(r->os) < until) {
        CHECK(side_send(a, b, LINK_LOG, "without a rest") == ERR_OK);
        rig_turn(r, NS_PER_MS);
    }
    CHECK(b->frames[LINK_LOG] > frames); /* they do arrive */
}

/* A class that has bytes under way for longer, but others all the time, is not held up either. */
static void test_busy(void)
{
    stay_large(play_busy);
}

int main(void)
{
    TAP_TEST("packets: a packet behind a shorter one begins another batch", test_shorter);
    TAP_TEST("packets: after a rest they are as large as before", test_rest);
    TAP_TEST("packets: so they are while bytes are under way without a rest", test_busy);
    return tap_done();
}
