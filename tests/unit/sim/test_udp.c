/* tests/unit/sim/test_udp.c -- Subject: UDP sockets of a simulated machine. Method: a wire that
 * keeps what is sent to it, and datagrams put into the machine by hand.
 */
#include "tap.h"

#include "sim/udp.h"

enum {
    PORT = 26000,
    SENT_MAX = 8
};

static struct world {
    struct mem mem;
    struct sim_disk disk;
    struct sim_loop loop;
    struct sim_udp_wire wire;
    uint32_t sent;
    struct os_addr source[SENT_MAX];
    uint32_t batches;
    uint32_t received;
    uint32_t largest; /* batch */
    uint64_t sum;     /* of the first bytes, each times its place */
    struct os_datagram last;
    struct os_udp *close_first;
    struct os_udp *udp;
} w;

static struct os_addr addr(uint8_t last, uint16_t port)
{
    return (struct os_addr){ .family = 4, .ip = { 10, 0, 0, last }, .port = port };
}

static enum err on_wire(void *arg, const struct os_addr *source, const struct os_udp_send *send)
{
    (void)arg;
    (void)send;
    CHECK(w.sent < SENT_MAX);
    w.source[w.sent++] = *source;
    return ERR_OK;
}

static void on_datagrams(void *arg, const struct os_datagram *d, uint32_t count)
{
    (void)arg;
    w.batches++;
    w.largest = count > w.largest ? count : w.largest;
    for (uint32_t i = 0; i < count; i++) {
        w.sum += (uint64_t)d[i].payload.data[0] * ++w.received;
        w.last = d[i];
    }
    if (w.close_first != NULL) {
        os_udp_close(w.close_first);
        w.close_first = NULL;
        w.udp = NULL;
    }
}

static void start(void)
{
    memset(&w, 0, sizeof w);
    mem_init(&w.mem, "udp", 64u << 20);
    sim_disk_init(&w.disk, &w.mem, 1);
    sim_loop_init(&w.loop, &w.mem, &w.disk, 1);
    w.wire = (struct sim_udp_wire){ on_wire, &w };
    w.loop.addr = addr(1, 0);
    w.loop.wire = &w.wire;
}

static void stop(void)
{
    if (w.udp != NULL) {
        os_udp_close(w.udp);
    }
    sim_loop_done(&w.loop);
    sim_disk_done(&w.disk);
    CHECK_U64(w.mem.used, 0);
}

static bool arrive(uint8_t byte)
{
    struct os_datagram d = {
        .local = addr(1, PORT), .remote = addr(2, PORT), .ecn = 2, .payload = bytes_of(&byte, 1)
    };
    return sim_udp_arrive(&w.loop, &d);
}

static void bound_once(void)
{
    struct os_addr any = { .family = 4, .port = PORT };
    struct os_addr free_port = { .family = 4 };
    struct os_addr other = addr(2, PORT);
    struct os_addr six = { .family = 6 };
    struct os_addr got;
    struct os_udp *second = NULL;
    start();
    CHECK(os_udp_open(&w.loop.os, &six, on_datagrams, NULL, &w.udp) == ERR_IO);
    CHECK(os_udp_open(&w.loop.os, &other, on_datagrams, NULL, &w.udp) == ERR_IO);
    CHECK(os_udp_open(&w.loop.os, &any, on_datagrams, NULL, &w.udp) == ERR_OK);
    CHECK(os_udp_open(&w.loop.os, &any, on_datagrams, NULL, &second) == ERR_ADDRESS_IN_USE);
    CHECK(os_udp_open(&w.loop.os, &free_port, on_datagrams, NULL, &second) == ERR_OK);
    os_udp_addr(second, &got);
    CHECK(got.port != 0 && got.port != PORT);
    os_udp_close(second);
    CHECK_U64(os_interfaces(&w.loop.os, &got, 1), 1);
    CHECK(got.ip[3] == 1);
    stop();
}

static void source_named(void)
{
    struct os_addr any = { .family = 4, .port = PORT };
    struct os_udp_send send = { .remote = addr(2, PORT), .payload = bytes_text("x") };
    start();
    CHECK(os_udp_open(&w.loop.os, &any, on_datagrams, NULL, &w.udp) == ERR_OK);
    CHECK(os_udp_send(w.udp, &send) == ERR_OK);
    CHECK(w.source[0].ip[3] == 1 && w.source[0].port == PORT);
    send.local = addr(3, PORT);
    CHECK(os_udp_send(w.udp, &send) == ERR_IO);
    CHECK_U64(w.sent, 1);
    stop();
}

static void in_batches(void)
{
    struct os_addr here = addr(1, PORT);
    uint64_t sum = 0;
    start();
    CHECK(!arrive(1)); /* nobody listens */
    CHECK(os_udp_open(&w.loop.os, &here, on_datagrams, NULL, &w.udp) == ERR_OK);
    for (uint32_t i = 0; i < 150; i++) {
        CHECK(arrive((uint8_t)i));
        sum += (uint64_t)i * (i + 1);
    }
    CHECK(w.received == 0 && sim_loop_next(&w.loop) == w.loop.now_ns);
    CHECK(sim_turn(&w.loop));
    CHECK_U64(w.received, 150);
    CHECK_U64(w.batches, 3);
    CHECK_U64(w.largest, OS_UDP_BATCH);
    CHECK_U64(w.sum, sum);
    CHECK(w.last.ecn == 2 && w.last.local.port == PORT && w.last.remote.ip[3] == 2);
    stop();
}

static void full(void)
{
    struct os_addr here = addr(1, PORT);
    uint32_t taken = 0;
    start();
    CHECK(os_udp_open(&w.loop.os, &here, on_datagrams, NULL, &w.udp) == ERR_OK);
    while (taken <= SIM_UDP_WAITING_MAX && arrive(0)) {
        taken++;
    }
    CHECK_U64(taken, SIM_UDP_WAITING_MAX);
    CHECK(sim_turn(&w.loop));
    CHECK_U64(w.received, SIM_UDP_TURN_MAX);
    CHECK(arrive(0));
    stop();
}

static void closed_inside(void)
{
    struct os_addr here = addr(1, PORT);
    start();
    CHECK(os_udp_open(&w.loop.os, &here, on_datagrams, NULL, &w.udp) == ERR_OK);
    for (int i = 0; i < 100; i++) {
        CHECK(arrive(0));
    }
    w.close_first = w.udp;
    CHECK(sim_turn(&w.loop));
    CHECK_U64(w.received, OS_UDP_BATCH);
    CHECK(!arrive(0));
    stop();
}

int main(void)
{
    TAP_TEST("sim: a machine binds its own address, a port once", bound_once);
    TAP_TEST("sim: a socket sends from the machine's address alone", source_named);
    TAP_TEST("sim: datagrams wait for the turn and come in order and in batches", in_batches);
    TAP_TEST("sim: a socket that is full drops what comes next", full);
    TAP_TEST("sim: a socket may be closed by what it received", closed_inside);
    return tap_done();
}
