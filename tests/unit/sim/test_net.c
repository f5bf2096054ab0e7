/* tests/unit/sim/test_net.c -- Subject: frames of the message level that come late. Method: a small
 * world without chance faults; the test sends frames that no node knows, and counts who hears them.
 */
#include "tap.h"

#include "sim/world.h"

enum {
    NODES = 2,
    FRAMES = 200,
    FRAME_KIND = 0xff /* of no known kind: counted, and not answered */
};
#define AGAIN_NS (150 * SIM_S) /* longer than an old frame may take */

static struct sim_world *open_world(void)
{
    struct sim_options o = { .seed = 3, .nodes = NODES, .faults_off = UINT64_MAX };
    struct sim_world *w = sim_world_open(&o);
    CHECK(w != NULL);
    for (uint32_t i = 0; i < NODES; i++) {
        sim_host_start(&w->host[i]);
    }
    sim_world_until(w, w->now_ns + 3 * SIM_S);
    CHECK(w->net.link[0].told[1] != 0 && w->net.link[1].told[0] != 0);
    return w;
}

/* From the first node to the second, as long as the first one knows a connection. */
static void send_some(struct sim_world *w, uint8_t last)
{
    const uint8_t frame[] = { FRAME_KIND, 1, 2, last };
    struct link *l = &w->net.link[0].link;
    CHECK(sim_host_enter(&w->host[0]));
    for (int i = 0; i < FRAMES; i++) {
        CHECK(link_send(l, &w->key[1], LINK_LOG, bytes_of(frame, sizeof frame),
                        bytes_of(NULL, 0)) == ERR_OK);
    }
    sim_host_leave(&w->host[0]);
}

/* The connection is lost, which the sender does not know yet; then there is no way, for good. */
static void no_connection(void)
{
    struct sim_world *w = open_world();
    w->net.quality.replay = 1;
    send_some(w, 3);
    sim_net_break(&w->net, 0, 1);
    send_some(w, 3);
    sim_net_cut(&w->net, 0, 1);
    sim_net_cut(&w->net, 1, 0);
    uint64_t heard = w->net.link[1].stats.frames_in;
    sim_world_until(w, w->now_ns + AGAIN_NS);
    CHECK_U64(w->net.link[1].stats.frames_in, heard);
    CHECK_U64(w->net.link[1].told[0], 0);
    sim_world_close(w);
}

/* The other way round: what was sent before comes on the connection that there is by then. */
static void next_connection(void)
{
    struct sim_world *w = open_world();
    w->net.quality.replay = 1;
    send_some(w, 3);
    sim_net_break(&w->net, 0, 1);
    w->net.quality.replay = 0;
    sim_world_until(w, w->now_ns + 5 * SIM_S);
    CHECK(w->net.link[1].told[0] > 1);
    uint64_t heard = w->net.link[1].stats.frames_in;
    sim_world_until(w, w->now_ns + AGAIN_NS);
    CHECK(w->net.link[1].stats.frames_in > heard);
    sim_world_close(w);
}

static uint64_t story_of(uint8_t last)
{
    struct sim_world *w = open_world();
    send_some(w, last);
    sim_world_until(w, w->now_ns + SIM_S);
    uint64_t hash = w->story.hash;
    sim_world_close(w);
    return hash;
}

static void bytes_told(void)
{
    CHECK_U64(story_of(3), story_of(3));
    CHECK(story_of(3) != story_of(4));
}

/* Each cut ends by its own number, once. */
static void cuts_numbered(void)
{
    struct sim_world *w = open_world();
    uint64_t one = sim_net_cut(&w->net, 0, 1);
    uint64_t other = sim_net_cut(&w->net, 0, 1);
    CHECK(one != other);
    sim_net_heal(&w->net, one);
    sim_net_heal(&w->net, one);
    CHECK_U64(w->net.cut[0][1], 1);
    sim_net_heal(&w->net, other);
    CHECK_U64(w->net.cut[0][1], 0);
    uint64_t old = sim_net_cut(&w->net, 0, 1);
    sim_net_calm(&w->net);
    sim_net_cut(&w->net, 0, 1);
    sim_net_heal(&w->net, old);
    CHECK_U64(w->net.cut[0][1], 1);
    sim_net_cut(&w->net, 0, 1);
    sim_net_mend(&w->net, 0, 1);
    CHECK_U64(w->net.cut[0][1], 0);
    sim_world_close(w);
}

/* One way is bad, the other one is not. */
static void directed(void)
{
    struct sim_world *w = open_world();
    sim_net_uneven(&w->net);
    w->net.link_quality[1][0].drop = 1;
    uint64_t heard = w->net.link[1].stats.frames_in;
    send_some(w, 3);
    sim_world_until(w, w->now_ns + SIM_S);
    CHECK_U64(w->net.link[1].stats.frames_in, heard + FRAMES);
    w->net.link_quality[0][1].drop = 1;
    send_some(w, 3);
    sim_world_until(w, w->now_ns + SIM_S);
    CHECK_U64(w->net.link[1].stats.frames_in, heard + FRAMES);
    sim_net_calm(&w->net);
    send_some(w, 3);
    sim_world_until(w, w->now_ns + SIM_S);
    CHECK_U64(w->net.link[1].stats.frames_in, heard + 2 * FRAMES);
    sim_world_close(w);
}

int main(void)
{
    TAP_TEST("net: no frame comes without a connection", no_connection);
    TAP_TEST("net: an old frame comes on the connection there is", next_connection);
    TAP_TEST("net: the bytes of a frame are in the story", bytes_told);
    TAP_TEST("net: the end of a cut ends no other one", cuts_numbered);
    TAP_TEST("net: a link may be bad one way", directed);
    return tap_done();
}
