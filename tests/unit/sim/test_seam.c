/* tests/unit/sim/test_seam.c -- Subject: the watch over what links promise. Method: frames are sent
 * and handed over by hand: in order and with gaps, then with one lie.
 */
#include "finding.h"

enum {
    FRAME_BYTES = 3
};

static struct sim_world *w;
static struct sim_seam *seam;

static void open_world(void)
{
    struct sim_options o = { .seed = 1, .nodes = 3, .quic = true, .faults_off = UINT64_MAX };
    w = sim_world_open(&o);
    CHECK(w != NULL);
    seam = &w->wire.seam;
}

static void close_world(const char *words)
{
    CHECK(finding_is(w, words));
    sim_world_close(w);
}

static struct bytes frame_of(uint32_t number, uint8_t out[FRAME_BYTES])
{
    out[0] = (uint8_t)number;
    out[1] = (uint8_t)(number >> 8);
    out[2] = 7;
    return bytes_of(out, FRAME_BYTES);
}

static void sent(uint32_t number)
{
    uint8_t bytes[FRAME_BYTES];
    struct bytes frame = frame_of(number, bytes);
    sim_seam_sent(seam, 0, 1, LINK_LOG, bytes_of(frame.data, 1), bytes_of(frame.data + 1, 2));
}

static void arrives_on(uint32_t from, uint32_t to, enum link_class class, uint32_t number)
{
    uint8_t bytes[FRAME_BYTES];
    sim_seam_arrived(seam, from, to, class, frame_of(number, bytes));
}

static void arrives(uint32_t number)
{
    arrives_on(0, 1, LINK_LOG, number);
}

static void begin(void)
{
    open_world();
    for (uint32_t i = 1; i <= 5; i++) {
        sent(i);
    }
    arrives(2); /* the first one was lost with its connection */
}

static void kept(void)
{
    begin();
    arrives(3);
    arrives(5);
    sent(6);
    arrives(6);
    close_world(NULL);
}

static void broken(void)
{
    begin();
    arrives(2); /* twice */
    close_world("link: node 2 was handed a frame of class");
    begin();
    arrives(1); /* overtaken */
    close_world("that node 1 did not send after the one before");
    begin();
    arrives(6); /* never sent */
    close_world("that node 1 did not send after the one before");
    begin();
    arrives_on(0, 2, LINK_LOG, 3); /* to another */
    close_world("link: node 3 was handed a frame of class");
    begin();
    arrives_on(2, 1, LINK_LOG, 3); /* by another */
    close_world("that node 3 did not send after the one before");
    begin();
    arrives_on(0, 1, LINK_CALL, 3); /* of another class */
    close_world("link: node 2 was handed a frame of class");
}

static void of_other_lengths(void)
{
    uint8_t bytes[FRAME_BYTES];
    for (size_t count = 0; count <= FRAME_BYTES; count++) {
        begin();
        sim_seam_arrived(seam, 0, 1, LINK_LOG, bytes_of(frame_of(3, bytes).data, count));
        close_world(count == FRAME_BYTES ? NULL : "link: node 2 was handed a frame of class");
    }
}

/* When more are lost than it remembers, the next one is believed, and nothing older. */
static void forgotten(void)
{
    begin();
    for (uint32_t i = 6; i < 6 + SIM_SEAM_FRAMES; i++) {
        sent(i);
    }
    arrives(3);
    CHECK(!w->failed);
    arrives(4);
    close_world("that node 1 did not send after the one before");
}

int main(void)
{
    TAP_TEST("seam: frames in their order, with gaps, are well", kept);
    TAP_TEST("seam: twice, overtaken, never sent or misled is a finding", broken);
    TAP_TEST("seam: so is a part of a frame", of_other_lengths);
    TAP_TEST("seam: what was forgotten is believed once", forgotten);
    return tap_done();
}
