/* tests/unit/os/test_udp.c -- Subject: datagrams over loopback, in batches and with offload.
 *
 * Method: two sockets on one loop; what arrives is compared datagram by datagram
 */
#include "loop.h"

#include "base/prng.h"
#include "os/linux/udp.h"

enum {
    DATAGRAMS_MAX = 400,
    SEGMENT = 1200,
    SEGMENTS_MAX = 50 /* of this size, in one send */
};

struct side {
    struct os_udp *udp;
    struct os_addr addr;
    uint32_t count;
    uint32_t batches;
    size_t size[DATAGRAMS_MAX];
    uint8_t first[DATAGRAMS_MAX]; /* first byte of each */
    struct os_addr local;
    struct os_addr remote;
    uint8_t ecn;
    bool close_inside;
};

static void received(void *arg, const struct os_datagram *datagrams, uint32_t count)
{
    struct side *s = arg;
    CHECK(count > 0 && count <= OS_UDP_BATCH);
    s->batches++;
    for (uint32_t i = 0; i < count; i++) {
        CHECK(s->count < DATAGRAMS_MAX);
        s->size[s->count] = datagrams[i].payload.count;
        s->first[s->count] = datagrams[i].payload.count > 0 ? datagrams[i].payload.data[0] : 0;
        s->local = datagrams[i].local;
        s->remote = datagrams[i].remote;
        s->ecn = datagrams[i].ecn;
        s->count++;
    }
    if (s->close_inside) {
        os_udp_close(s->udp);
        s->udp = NULL;
    }
}

static struct os_addr loopback(uint8_t family)
{
    struct os_addr a = { .family = family };
    if (family == 4) {
        memcpy(a.ip, "\x7f\0\0\1", 4);
    } else {
        a.ip[15] = 1;
    }
    return a;
}

static bool side_open(struct loop *l, struct side *s, uint8_t family)
{
    struct os_addr bind = loopback(family);
    memset(s, 0, sizeof *s);
    if (os_udp_open(l->os, &bind, received, s, &s->udp) != ERR_OK) {
        return false;
    }
    os_udp_addr(s->udp, &s->addr);
    return s->addr.port != 0;
}

static enum err say(struct side *from, const struct side *to, const void *data, size_t count,
                    uint16_t segment)
{
    struct os_udp_send send = { .remote = to->addr,
                                .segment = segment,
                                .payload = bytes_of(data, count) };
    return os_udp_send(from->udp, &send);
}

static void one_datagram(uint8_t family)
{
    struct loop l;
    struct side a;
    struct side b;
    loop_open(&l);
    if (!side_open(&l, &a, family)) {
        printf("# no loopback of family %d\n", family);
        loop_close(&l);
        return;
    }
    CHECK(side_open(&l, &b, family));
    struct os_udp_send send = {
        .local = a.addr, .remote = b.addr, .ecn = 2, .payload = bytes_text("hello")
    };
    CHECK(os_udp_send(a.udp, &send) == ERR_OK);
    CHECK_U64(b.count, 0); /* later, from the loop */
    LOOP_UNTIL(&l, b.count == 1);
    CHECK(b.size[0] == 5 && b.first[0] == 'h' && b.ecn == 2);
    CHECK(os_addr_equal(&b.remote, &a.addr) && os_addr_equal(&b.local, &b.addr));
    os_udp_close(a.udp);
    os_udp_close(b.udp);
    loop_close(&l);
}

static void both_families(void)
{
    one_datagram(4);
    one_datagram(6);
}

/* Sends of many segments, the last of them shorter, interleaved from two senders. */
static void batches(bool offload)
{
    static uint8_t block[SEGMENTS_MAX * SEGMENT];
    struct loop l;
    struct side a;
    struct side b;
    size_t expected[DATAGRAMS_MAX];
    uint32_t count = 0;
    struct prng p;
    prng_seed(&p, 1);
    loop_open(&l);
    CHECK(side_open(&l, &a, 4) && side_open(&l, &b, 4));
    linux_udp_of(a.udp)->no_segment = !offload;
    for (uint8_t round = 1; round < 10; round++) {
        size_t bytes = (size_t)prng_below(&p, sizeof block) + 1;
        memset(block, round, bytes);
        CHECK(say(&a, &b, block, bytes, SEGMENT) == ERR_OK);
        for (size_t at = 0; at < bytes; at += SEGMENT) {
            expected[count++] = bytes - at < SEGMENT ? bytes - at : SEGMENT;
        }
        LOOP_UNTIL(&l, b.count == count);
        CHECK_U64(b.first[count - 1], round);
    }
    for (uint32_t i = 0; i < count; i++) {
        CHECK_U64(b.size[i], expected[i]);
    }
    CHECK(linux_udp_of(a.udp)->no_segment == !offload);
    os_udp_close(a.udp);
    os_udp_close(b.udp);
    loop_close(&l);
}

static void offloaded(void)
{
    batches(true);
}

static void one_by_one(void)
{
    batches(false);
    EXPECT_MARK("os: the kernel cuts no batches");
}

/* More segments than any system cuts at once: they go alone, and so do all that follow. */
static void too_many_segments(void)
{
    static uint8_t block[4 * DATAGRAMS_MAX - 8];
    struct loop l;
    struct side a;
    struct side b;
    loop_open(&l);
    CHECK(side_open(&l, &a, 4) && side_open(&l, &b, 4));
    CHECK(say(&a, &b, block, sizeof block, 4) == ERR_OK);
    CHECK(linux_udp_of(a.udp)->no_segment);
    CHECK(say(&a, &b, block, 6, 4) == ERR_OK);
    LOOP_UNTIL(&l, b.count == DATAGRAMS_MAX);
    CHECK(b.size[DATAGRAMS_MAX - 2] == 4 && b.size[DATAGRAMS_MAX - 1] == 2);
    os_udp_close(a.udp);
    os_udp_close(b.udp);
    loop_close(&l);
}

static void sizes(void)
{
    static uint8_t block[70000];
    struct loop l;
    struct side a;
    struct side b;
    loop_open(&l);
    CHECK(side_open(&l, &a, 4) && side_open(&l, &b, 4));
    CHECK(say(&a, &b, block, 0, 0) == ERR_OK); /* an empty datagram is one */
    CHECK(say(&a, &b, block, 1, SEGMENT) == ERR_OK);
    CHECK(say(&a, &b, block, SEGMENT, SEGMENT) == ERR_OK);
    CHECK(say(&a, &b, block, 65507, 0) == ERR_OK); /* the largest */
    CHECK(say(&a, &b, block, 65508, 0) == ERR_IO);
    CHECK(say(&a, &b, block, sizeof block, 0) == ERR_IO);
    CHECK(say(&a, &b, block, 2, 0) == ERR_OK); /* the socket lives on */
    LOOP_UNTIL(&l, b.count == 5);
    static const size_t expected[] = { 0, 1, SEGMENT, 65507, 2 };
    for (uint32_t i = 0; i < 5; i++) {
        CHECK_U64(b.size[i], expected[i]);
    }
    os_udp_close(a.udp);
    os_udp_close(b.udp);
    loop_close(&l);
}

/* A destination or source that cannot be: that send fails, and only that send. */
static void wrong_address(void)
{
    static uint8_t block[4 * SEGMENT];
    struct loop l;
    struct side a;
    struct side b;
    loop_open(&l);
    CHECK(side_open(&l, &a, 4) && side_open(&l, &b, 4));
    struct os_udp_send send = { .remote = b.addr,
                                .segment = SEGMENT,
                                .payload = bytes_of(block, sizeof block) };
    send.remote.port = 0;
    CHECK(os_udp_send(a.udp, &send) == ERR_IO);
    CHECK(!linux_udp_of(a.udp)->no_segment); /* offload is not to blame */
    send.remote = b.addr;
    send.local = (struct os_addr){ .family = 4, .ip = { 192, 0, 2, 1 } };
    CHECK(os_udp_send(a.udp, &send) == ERR_IO);
    CHECK(!linux_udp_of(a.udp)->no_segment);
    CHECK(say(&a, &b, block, sizeof block, SEGMENT) == ERR_OK);
    LOOP_UNTIL(&l, b.count == 4);
    os_udp_close(a.udp);
    os_udp_close(b.udp);
    loop_close(&l);
}

/* Nobody listens there: the complaint that comes back does not stop the socket. */
static void nobody_there(void)
{
    struct loop l;
    struct side a;
    struct side b;
    struct side gone;
    loop_open(&l);
    CHECK(side_open(&l, &a, 4) && side_open(&l, &b, 4) && side_open(&l, &gone, 4));
    os_udp_close(gone.udp);
    for (int i = 0; i < 10; i++) {
        enum err e = say(&a, &gone, "x", 1, 0);
        CHECK(e == ERR_OK || e == ERR_IO);
        os_linux_turn(l.linux_loop, 0);
    }
    CHECK(say(&a, &b, "y", 1, 0) == ERR_OK && say(&b, &a, "z", 1, 0) == ERR_OK);
    LOOP_UNTIL(&l, a.count == 1 && b.count == 1);
    os_udp_close(a.udp);
    os_udp_close(b.udp);
    loop_close(&l);
}

static void refused(void)
{
    struct loop l;
    struct side a;
    struct os_udp *other = NULL;
    loop_open(&l);
    CHECK(side_open(&l, &a, 4));
    CHECK(os_udp_open(l.os, &a.addr, received, &a, &other) == ERR_ADDRESS_IN_USE);
    struct os_addr far = { .family = 4, .ip = { 192, 0, 2, 1 } };
    CHECK(os_udp_open(l.os, &far, received, &a, &other) == ERR_IO);
    size_t limit = l.mem.limit;
    l.mem.limit = l.mem.used;
    struct os_addr any = loopback(4);
    CHECK(os_udp_open(l.os, &any, received, &a, &other) == ERR_NO_MEMORY && other == NULL);
    l.mem.limit = limit;
    os_udp_close(a.udp);
    loop_close(&l);
}

static void close_inside(void)
{
    static const uint8_t block[200];
    struct loop l;
    struct side a;
    struct side b;
    loop_open(&l);
    CHECK(side_open(&l, &a, 4) && side_open(&l, &b, 4));
    b.close_inside = true;
    for (int i = 0; i < 20; i++) {
        CHECK(say(&a, &b, block, sizeof block, 2) == ERR_OK); /* glued: more than one batch */
    }
    LOOP_UNTIL(&l, b.batches > 0);
    for (int i = 0; i < 10; i++) {
        os_linux_turn(l.linux_loop, 0);
    }
    CHECK(b.batches == 1 && b.udp == NULL);
    os_udp_close(a.udp);
    loop_close(&l);
}

int main(void)
{
    TAP_TEST("udp: a datagram comes with its addresses and its mark, in both families",
             both_families);
    TAP_TEST("udp: a send of many segments arrives as so many datagrams", offloaded);
    TAP_TEST("udp: the same where offload is refused", one_by_one);
    TAP_TEST("udp: what the system does not cut goes alone from then on", too_many_segments);
    TAP_TEST("udp: nothing, the largest, and what is too large", sizes);
    TAP_TEST("udp: an address that cannot be does not cost the offload", wrong_address);
    TAP_TEST("udp: a socket survives that nobody listens", nobody_there);
    TAP_TEST("udp: an address that is taken or foreign is refused", refused);
    TAP_TEST("udp: a socket closed from inside its callback is told nothing more", close_inside);
    return tap_done();
}
