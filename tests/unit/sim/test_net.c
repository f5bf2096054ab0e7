/* tests/unit/sim/test_net.c -- Subject: frames of the message level on bad links. Method: a small
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

/* ---- what a bad link does to frames ---- */

static struct {
    uint32_t count;
    uint32_t cut;        /* shorter than it was sent */
    uint32_t overtaken;  /* by a later one */
    uint32_t of[FRAMES]; /* how often each of them came, by its number */
    uint8_t newest;
} came;

static void on_frame(void *arg, const struct node_key *peer, uint64_t epoch, enum link_class class,
                     struct bytes frame)
{
    (void)arg;
    (void)peer;
    (void)epoch;
    (void)class;
    if (frame.data[0] != FRAME_KIND) {
        return;
    }
    came.count++;
    came.cut += frame.count < 4;
    if (frame.count == 4) {
        came.overtaken += frame.data[3] < came.newest;
        came.newest = frame.data[3] > came.newest ? frame.data[3] : came.newest;
        came.of[frame.data[3]]++;
    }
}

static bool each_came(uint32_t times)
{
    bool all = true;
    for (uint32_t i = 0; i < FRAMES; i++) {
        all = all && came.of[i] == times;
    }
    return all;
}

/* So many numbered frames on a link of this quality; who hears them is the test. */
static void send_numbered(const struct sim_quality *bad, enum link_class class)
{
    static struct link_handler ear;
    struct sim_world *w = open_world();
    struct sim_link *l = &w->net.link[1];
    ear = *l->handler;
    ear.frame = on_frame;
    l->handler = &ear;
    memset(&came, 0, sizeof came);
    w->net.quality.drop = bad->drop;
    w->net.quality.twice = bad->twice;
    w->net.quality.reorder = bad->reorder;
    w->net.quality.replay = bad->replay;
    w->net.quality.truncate = bad->truncate;
    CHECK(sim_host_enter(&w->host[0]));
    for (uint32_t i = 0; i < FRAMES; i++) {
        const uint8_t frame[] = { FRAME_KIND, 1, 2, (uint8_t)i };
        CHECK(link_send(&w->net.link[0].link, &w->key[1], class, bytes_of(frame, sizeof frame),
                        bytes_of(NULL, 0)) == ERR_OK);
    }
    sim_host_leave(&w->host[0]);
    sim_world_until(w, w->now_ns + AGAIN_NS);
    CHECK(!w->failed);
    sim_world_close(w);
}

static void orders(void)
{
    send_numbered(&(struct sim_quality){ 0 }, LINK_LOG);
    CHECK(each_came(1) && came.overtaken == 0);
    send_numbered(&(struct sim_quality){ .reorder = 2 }, LINK_LOG);
    CHECK(each_came(1) && came.overtaken > FRAMES / 10);
}

static void doubles(void)
{
    send_numbered(&(struct sim_quality){ .twice = 1 }, LINK_LOG);
    CHECK(each_came(2));
    send_numbered(&(struct sim_quality){ .replay = 1 }, LINK_LOG);
    CHECK(came.count > FRAMES + FRAMES / 10 && !each_came(1));
}

static void cuts_short(void)
{
    send_numbered(&(struct sim_quality){ .truncate = 2 }, LINK_LOG);
    CHECK_U64(came.count, FRAMES);
    CHECK(came.cut > FRAMES / 4 && came.cut < FRAMES);
}

/* Whoever forwards a write must rely on it: it is not done twice. */
static void spares_calls(void)
{
    struct sim_quality all = { .drop = 1, .twice = 1, .reorder = 1, .replay = 1, .truncate = 1 };
    send_numbered(&all, LINK_CALL);
    CHECK(each_came(1) && came.count == FRAMES && came.overtaken == 0);
}

int main(void)
{
    TAP_TEST("net: no frame comes without a connection", no_connection);
    TAP_TEST("net: an old frame comes on the connection there is", next_connection);
    TAP_TEST("net: the bytes of a frame are in the story", bytes_told);
    TAP_TEST("net: the end of a cut ends no other one", cuts_numbered);
    TAP_TEST("net: a link may be bad one way", directed);
    TAP_TEST("net: frames come in order, or overtake each other", orders);
    TAP_TEST("net: frames come twice, and again later", doubles);
    TAP_TEST("net: frames are cut short", cuts_short);
    TAP_TEST("net: calls meet nothing of that", spares_calls);
    return tap_done();
}
