/* tests/unit/sim/test_wire.c -- Subject: QUIC links over the simulated wire, when the wire gets
 * worse than it was. Method: a small world without faults; the test turns the screws itself. GnuTLS
 * draws its own chance here, so that packets differ from run to run and times must not.
 */
#include "finding.h"

enum {
    NODES = 2,
    FRAME_BYTES = 20000, /* of no known kind: counted, and not answered */
    LARGE_BYTES = 4 * 1000 * 1000,
    FRAME_KIND = 0xff
};
#define AGAIN_NS (150 * SIM_S) /* longer than an old packet may take */

static uint8_t frame[LARGE_BYTES];

static struct sim_world *open_world(void)
{
    struct sim_options o = { .seed = 3, .nodes = NODES, .faults_off = UINT64_MAX, .quic = true };
    struct sim_world *w = sim_world_open(&o);
    CHECK(w != NULL);
    w->wire.tapped = true;
    w->wire.idle_ns = 30 * SIM_S;
    for (uint32_t i = 0; i < NODES; i++) {
        sim_host_start(&w->host[i]);
    }
    sim_world_until(w, w->now_ns + 3 * SIM_S);
    memset(frame, FRAME_KIND, sizeof frame);
    return w;
}

static struct link_stats stats_of(struct sim_world *w, uint32_t host)
{
    struct link_stats s;
    link_stats(w->wire.tap[host].inner, &s);
    return s;
}

static void send_frame(struct sim_world *w, uint32_t from, size_t bytes)
{
    CHECK(sim_host_enter(&w->host[from]));
    CHECK(link_send(&w->wire.tap[from].link, &w->key[1 - from], LINK_LOG, bytes_of(frame, bytes),
                    bytes_of(NULL, 0)) == ERR_OK);
    sim_host_leave(&w->host[from]);
}

/* A frame from a node to the other; how long until it is there, at most most_ns. */
static uint64_t frame_takes(struct sim_world *w, uint32_t from, uint64_t most_ns)
{
    uint64_t before = stats_of(w, 1 - from).frames_in;
    uint64_t began = w->now_ns;
    send_frame(w, from, FRAME_BYTES);
    while (stats_of(w, 1 - from).frames_in == before && w->now_ns < began + most_ns) {
        sim_world_until(w, w->now_ns + SIM_MS);
    }
    return w->now_ns - began;
}

static void narrowed(uint64_t mtu)
{
    struct sim_world *w = open_world();
    CHECK(frame_takes(w, 0, SIM_S) < 50 * SIM_MS);
    CHECK_U64(stats_of(w, 0).peers_up, 1);
    for (uint32_t i = 0; i < NODES; i++) {
        w->wire.router[i].mtu = mtu;
    }
    CHECK(frame_takes(w, 0, 20 * SIM_S) < 4 * SIM_S); /* until it is noticed */
    for (int i = 0; i < 20; i++) {
        CHECK(frame_takes(w, 0, SIM_S) < 50 * SIM_MS);
        sim_world_until(w, w->now_ns + SIM_S);
    }
    CHECK_U64(stats_of(w, 0).peers_up, 1);
    CHECK_U64(stats_of(w, 0).handshakes, 1); /* on the same connection */
    CHECK(!w->failed);
    sim_world_close(w);
}

/* Half of a large frame is there when the path gets narrow, much of the rest is under way. */
static void narrowed_amidst(void)
{
    struct sim_world *w = open_world();
    const struct link_stats before = stats_of(w, 1);
    send_frame(w, 0, LARGE_BYTES);
    uint64_t until = w->now_ns + 20 * SIM_S;
    while (stats_of(w, 1).bytes_in < before.bytes_in + LARGE_BYTES / 2 && w->now_ns < until) {
        sim_world_until(w, w->now_ns + SIM_MS);
    }
    CHECK_U64(stats_of(w, 1).frames_in, before.frames_in);
    w->wire.router[1].mtu = SIM_WIRE_MTU_LEAST;
    uint64_t began = w->now_ns;
    while (stats_of(w, 1).frames_in == before.frames_in && w->now_ns < until) {
        sim_world_until(w, w->now_ns + SIM_MS);
    }
    CHECK(w->now_ns - began < 4 * SIM_S);
    CHECK_U64(stats_of(w, 0).handshakes, 1);
    CHECK(!w->failed);
    sim_world_close(w);
}

static void swallowed(void)
{
    narrowed(SIM_WIRE_MTU_LEAST);
}

static void rebound(void)
{
    struct sim_world *w = open_world();
    uint32_t client = memcmp(w->key[0].b, w->key[1].b, NODE_KEY_BYTES) < 0 ? 0 : 1;
    CHECK(frame_takes(w, client, SIM_S) < 50 * SIM_MS);
    sim_wire_rebind(&w->wire, client, w->now_ns + 30 * SIM_S);
    for (int i = 0; i < 40; i++) {
        CHECK(frame_takes(w, client, 5 * SIM_S) < 2 * SIM_S);
        sim_world_until(w, w->now_ns + SIM_S);
    }
    CHECK_U64(w->wire.router[client].alias, 0); /* there and back */
    CHECK_U64(stats_of(w, 0).handshakes, 1);
    sim_world_close(w);
}

/* Packets come twice, or again much later; no frame does, or the tap would say so. */
static void comes_again(bool twice, bool replay)
{
    struct sim_world *w = open_world();
    struct sim_quality *q = &w->net.quality;
    CHECK_U64(stats_of(w, 0).datagrams_out, stats_of(w, 1).datagrams_in);
    q->twice = twice ? 1 : 0;
    q->replay = replay ? 2 : 0;
    for (int i = 0; i < 20; i++) {
        CHECK(frame_takes(w, 0, SIM_S) < 50 * SIM_MS);
        sim_world_until(w, w->now_ns + SIM_S);
    }
    q->twice = q->replay = 0;
    sim_world_until(w, w->now_ns + AGAIN_NS);
    uint64_t more = stats_of(w, 1).datagrams_in - stats_of(w, 0).datagrams_out;
    CHECK_U64(stats_of(w, 1).frames_in - stats_of(w, 0).frames_out, 0);
    CHECK(!w->failed);
    CHECK(twice || replay ? more > 50 : more == 0);
    sim_world_close(w);
}

static void again(void)
{
    comes_again(false, false);
    comes_again(true, false);
    comes_again(false, true);
}

/* A frame that the tap did not see leave has never been sent, for all that it knows. */
static void behind_the_tap(void)
{
    struct sim_world *w = open_world();
    CHECK(sim_host_enter(&w->host[0]));
    CHECK(link_send(w->wire.tap[0].inner, &w->key[1], LINK_LOG, bytes_of(frame, 100),
                    bytes_of(NULL, 0)) == ERR_OK);
    sim_host_leave(&w->host[0]);
    sim_world_until(w, w->now_ns + SIM_S);
    CHECK(finding_is(w, "link: node 2 was handed a frame of class"));
    sim_world_close(w);
}

/* What lasts longest ends it, whichever came first. */
static void overlap(uint64_t first_s, uint64_t second_s)
{
    struct sim_world *w = open_world();
    uint64_t began = w->now_ns;
    sim_wire_narrow(&w->wire, 0, began + first_s * SIM_S);
    sim_wire_narrow(&w->wire, SIM_NODES_MAX, began + second_s * SIM_S);
    sim_wire_corrupt(&w->wire, began + first_s * SIM_S);
    sim_wire_corrupt(&w->wire, began + second_s * SIM_S);
    for (uint64_t s = 1; s <= first_s + second_s; s += 2) {
        sim_world_until(w, began + s * SIM_S);
        CHECK((w->wire.router[0].mtu < SIM_WIRE_MTU) == (s < first_s || s < second_s));
        CHECK((w->wire.router[1].mtu < SIM_WIRE_MTU) == (s < second_s));
        CHECK((w->wire.corrupt != 0) == (s < first_s || s < second_s));
    }
    CHECK(!w->failed);
    sim_world_close(w);
}

static void overlaps(void)
{
    overlap(4, 20);
    overlap(20, 4);
}

int main(void)
{
    TAP_TEST("quic: large packets that vanish do not stop large frames for long", swallowed);
    TAP_TEST("quic: a large frame goes on when large packets vanish in its middle",
             narrowed_amidst);
    TAP_TEST("quic: packets come again, frames do not", again);
    TAP_TEST("quic: a frame that nobody sent is a finding", behind_the_tap);
    TAP_TEST("quic: of two narrow paths, or two bad ones, the longer one ends it", overlaps);
    TAP_TEST("quic: a connection follows the side that dialled to another address", rebound);
    return tap_done();
}
