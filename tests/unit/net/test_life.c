/* tests/unit/net/test_life.c -- connections over time: restarts, ghosts, duplicates, silence, load.
 *
 * Subject: net/quic_peer.c, net/quic_conn.c, net/quic_write.c
 * Method:  links in one loop; a peer that dies without a word is a child process that is killed
 */
#include "rig.h"

#include <signal.h>

enum {
    MS = 1000000,
    RESTART_MS_MAX = 15000,  /* half of the silence that ends a ghost */
    RESTART_MS_QUICK = 1000, /* usually below 100; a busy machine takes longer now and then */
    RESTART_TRIES = 8,       /* in one of which it is quick */
    CHILD_MS_MAX = 60000,    /* it is killed before; but for a test that ends early */
    LARGE = 10 * 1000 * 1000,
    BOTH_ROUNDS = 20, /* in which two dial each other at once */
    BOTH_ROUNDS_MAX = 200,
    SNAPSHOTS = 10, /* a megabyte in all */
    DIALS = 20      /* so many doublings of a millisecond take longer than any test */
};

static uint8_t large[LARGE];

/* A port that is free now. */
static uint16_t free_port(struct rig *r)
{
    struct os_udp *udp;
    struct os_addr any = loopback(0);
    CHECK(os_udp_open(r->os, &any, NULL, NULL, &udp) == ERR_OK);
    os_udp_addr(udp, &any);
    os_udp_close(udp);
    return any.port;
}

/* A node of its own process on a port: dials a peer that has an address, echoes, until killed. */
static pid_t child_start(uint8_t seed, uint16_t port, const struct node_key *peer,
                         const struct os_addr *addr)
{
    fflush(stdout);
    pid_t pid = fork();
    if (pid != 0) {
        return pid;
    }
    static struct rig r;
    rig_open(&r);
    struct side *s = side_new(&r, seed);
    struct quic_link_options o = side_options(s);
    o.bind[0].port = port;
    side_open_with(s, &o);
    s->answer = ANSWER_ECHO;
    if (addr != NULL && link_peer_set(s->link, peer, addr, 1) != ERR_OK) {
        _exit(1);
    }
    uint64_t end = os_now(r.os) + CHILD_MS_MAX * (uint64_t)MS;
    while (os_now(r.os) < end && getppid() != 1) {
        os_linux_turn(r.loop, 100ull * MS);
    }
    _exit(0);
}

static void child_kill(pid_t pid)
{
    int status;
    CHECK(kill(pid, SIGKILL) == 0);
    CHECK(waitpid(pid, &status, 0) == pid);
}

/* Say it, as a heartbeat does, until it comes back: a connection that gives way to another one of
 * the pair may lose what was said on it. Returns in how many ms. */
static uint64_t say(struct rig *r, struct side *a, struct side *b, enum link_class class)
{
    uint64_t begin = os_now(r->os);
    while (a->frames[class] == 0 && os_now(r->os) < begin + RESTART_MS_MAX * (uint64_t)MS) {
        IGNORE(side_send(a, b, class, "tick"));
        os_linux_turn(r->loop, 10ull * MS);
    }
    CHECK(a->frames[class] > 0);
    return (os_now(r->os) - begin) / MS;
}

/* Kill the peer while frames flow, start it again on its port: in how many ms is it back? */
static uint64_t restart_once(uint8_t own, uint8_t other, bool child_dials)
{
    struct rig r;
    rig_open(&r);
    struct side *a = side_open(&r, own);
    struct side *b = side_new(&r, other); /* for its key */
    uint16_t port = free_port(&r);
    struct os_addr there = loopback(port);
    struct os_addr here = side_addr(a);
    pid_t pid = child_start(other, port, &a->key, child_dials ? &here : NULL);
    CHECK(link_peer_set(a->link, &b->key, &there, 1) == ERR_OK);
    say(&r, a, b, LINK_LOG);
    uint64_t epoch = a->epoch;
    child_kill(pid);
    pid = child_start(other, port, &a->key, child_dials ? &here : NULL);
    uint64_t took = say(&r, a, b, LINK_CONTROL); /* of that class only the new process has heard */
    CHECK(a->epoch > epoch && a->downs > 0);
    printf("# back after %llu ms\n", (unsigned long long)took);
    child_kill(pid);
    rig_close(&r);
    return took;
}

static void restart(uint8_t own, uint8_t other, bool child_dials)
{
    uint64_t took = UINT64_MAX;
    for (int i = 0; i < RESTART_TRIES && took > RESTART_MS_QUICK; i++) {
        took = restart_once(own, other, child_dials);
    }
    CHECK(took <= RESTART_MS_QUICK);
}

static void test_restart_dialler(void)
{
    restart(1, 2, true);
    restart(2, 1, true);
}

static void test_restart_reset(void)
{
    restart(1, 2, false);
    restart(2, 1, false);
    EXPECT_MARK("net: a stateless reset is believed");
}

/* Whichever of the two keys is the smaller one, it is back quickly, in one of some tries. */
static void quick(uint64_t (*once)(uint8_t own, uint8_t other))
{
    for (uint8_t own = 1; own <= 2; own++) {
        uint64_t took = UINT64_MAX;
        for (int i = 0; i < RESTART_TRIES && took > RESTART_MS_QUICK; i++) {
            took = once(own, 3 - own);
        }
        CHECK(took <= RESTART_MS_QUICK);
    }
}

/* The child has dialled, and does not once it is started again, as a node that has lost its disk:
 * it knows nobody. Its resets are for an id that was never told with a token, but in its hello. */
static uint64_t restart_forgetful(uint8_t own, uint8_t other)
{
    struct rig r;
    rig_open(&r);
    struct side *a = side_open(&r, own);
    struct side *b = side_new(&r, other);
    uint16_t port = free_port(&r);
    struct os_addr there = loopback(port);
    struct os_addr here = side_addr(a);
    pid_t pid = child_start(other, port, &a->key, &here);
    RIG_UNTIL(&r, a->ups == 1);
    CHECK(link_peer_set(a->link, &b->key, &there, 1) == ERR_OK);
    say(&r, a, b, LINK_LOG);
    CHECK_U64(a->ups, 1);
    child_kill(pid);
    pid = child_start(other, port, &a->key, NULL);
    uint64_t took = say(&r, a, b, LINK_CONTROL);
    printf("# back after %llu ms\n", (unsigned long long)took);
    child_kill(pid);
    rig_close(&r);
    return took;
}

static void test_restart_forgetful(void)
{
    quick(restart_forgetful);
    EXPECT_MARK("net: who dialled is no more");
}

/* It comes back on another port: nobody is where it was, to say that what it had is no more. */
static uint64_t restart_elsewhere(uint8_t own, uint8_t other)
{
    struct rig r;
    rig_open(&r);
    struct side *a = side_open(&r, own);
    struct side *b = side_new(&r, other);
    struct os_addr here = side_addr(a);
    pid_t pid = child_start(other, free_port(&r), &a->key, &here);
    RIG_UNTIL(&r, a->ups == 1);
    CHECK(link_peer_is_up(a->link, &b->key));
    child_kill(pid);
    pid = child_start(other, free_port(&r), &a->key, &here);
    uint64_t took = say(&r, a, b, LINK_CONTROL);
    printf("# back after %llu ms\n", (unsigned long long)took);
    CHECK(a->ups == 2 && a->downs == 1);
    child_kill(pid);
    rig_close(&r);
    return took;
}

static void test_restart_elsewhere(void)
{
    quick(restart_elsewhere);
}

static void test_silence(void)
{
    struct rig r;
    rig_open(&r);
    struct side *a = side_new(&r, 1);
    struct quic_link_options o = side_options(a);
    o.idle_ns = 400ull * MS;
    o.keep_alive_ns = 100ull * MS;
    side_open_with(a, &o);
    struct side *b = side_new(&r, 2);
    uint16_t port = free_port(&r);
    struct os_addr there = loopback(port);
    pid_t pid = child_start(2, port, NULL, NULL);
    CHECK(link_peer_set(a->link, &b->key, &there, 1) == ERR_OK);
    RIG_UNTIL(&r, a->ups == 1);
    rig_run_ms(&r, 700); /* longer than the silence that ends it: tries keep it alive */
    CHECK_U64(a->downs, 0);
    CHECK(kill(pid, SIGSTOP) == 0);
    RIG_UNTIL(&r, a->downs == 1);
    CHECK(kill(pid, SIGCONT) == 0);
    RIG_UNTIL(&r, a->ups == 2);
    child_kill(pid);
    rig_close(&r);
    EXPECT_MARK("net: silence ends a connection");
}

/* Both dial in the same turn; whatever crosses on the way, one connection is left on both. */
static void test_duplicates(void)
{
    for (int round = 0; round < 20; round++) {
        struct rig r;
        rig_open(&r);
        struct side *a = side_open(&r, (uint8_t)(10 + round));
        struct side *b = side_open(&r, (uint8_t)(100 + round));
        side_dial(a, b);
        side_dial(b, a);
        for (int i = 0; i < round % 5; i++) {
            rig_turn(&r, 0);
        }
        side_dial(a, b); /* again: changes nothing */
        RIG_UNTIL(&r, a->ups > 0 && b->ups > 0);
        rig_run_ms(&r, 60);
        RIG_UNTIL(&r, side_stats(a).connections == 1 && side_stats(b).connections == 1);
        uint32_t ups = a->ups + b->ups;
        rig_run_ms(&r, 60);
        CHECK_U64(a->ups + b->ups, ups); /* no flapping */
        CHECK_U64(a->ups, a->downs + 1);
        CHECK(side_send(a, b, LINK_CALL, "x") == ERR_OK);
        RIG_UNTIL(&r, b->frames[LINK_CALL] == 1);
        rig_close(&r);
    }
}

/* Without the pause that the larger key makes, so that two connections really come about. */
static void test_both_at_once(void)
{
    const char *rare = "net: the newer of two connections gives way";
    for (int round = 0;
         round < BOTH_ROUNDS || (round < BOTH_ROUNDS_MAX && !marks_reached(&tap_state.marks, rare));
         round++) {
        struct rig r;
        rig_open(&r);
        struct side *a = side_open(&r, (uint8_t)(10 + round));
        struct side *b = side_open(&r, (uint8_t)(100 + round));
        struct side *late = memcmp(a->key.b, b->key.b, NODE_KEY_BYTES) < 0 ? b : a;
        struct side *early = late == a ? b : a;
        side_dial(late, early);
        rig_run_ms(&r, 38 + (uint64_t)(round % 3)); /* a loaded machine is late by itself */
        side_dial(early, late);
        RIG_UNTIL(&r, a->ups > 0 && b->ups > 0);
        rig_run_ms(&r, 60);
        RIG_UNTIL(&r, side_stats(a).connections == 1 && side_stats(b).connections == 1);
        CHECK(link_peer_is_up(a->link, &b->key) && link_peer_is_up(b->link, &a->key));
        CHECK(a->ups <= 2 && b->ups <= 2); /* it is one of the two, not a third */
        rig_close(&r);
    }
    EXPECT_MARK("net: the newer of two connections gives way");
}

static void test_moved(void)
{
    struct rig r;
    rig_open(&r);
    struct side *a = side_open(&r, 1);
    struct side *b = side_new(&r, 2);
    struct os_addr nowhere = loopback(free_port(&r));
    CHECK(link_peer_set(a->link, &b->key, &nowhere, 1) == ERR_OK);
    rig_run_ms(&r, 30);
    side_start(b);
    side_dial(a, b);
    RIG_UNTIL(&r, a->ups == 1);
    rig_close(&r);
}

static void on_datagram(void *arg, const struct os_datagram *d, uint32_t count)
{
    (void)d;
    *(uint32_t *)arg += count;
}

/* Somebody else is where it was, and hears of the dial no more once the new address is known: a
 * dial of which nothing is heard asks again and again. */
static void test_moved_amidst(void)
{
    struct rig r;
    uint32_t heard = 0;
    struct os_udp *udp;
    struct os_addr there = loopback(0);
    rig_open(&r);
    struct side *a = side_open(&r, 1);
    struct side *b = side_open(&r, 2);
    CHECK(os_udp_open(r.os, &there, on_datagram, &heard, &udp) == ERR_OK);
    os_udp_addr(udp, &there);
    CHECK(link_peer_set(a->link, &b->key, &there, 1) == ERR_OK);
    RIG_UNTIL(&r, heard >= 2);
    side_dial(a, b);
    rig_run_ms(&r, 5); /* what was under way */
    uint32_t before = heard;
    RIG_UNTIL(&r, a->ups == 1 && b->ups == 1);
    CHECK_U64(heard, before);
    os_udp_close(udp);
    rig_close(&r);
}

static void test_second_address(void)
{
    struct rig r;
    rig_open(&r);
    struct side *a = side_open(&r, 1);
    struct side *b = side_open(&r, 2);
    struct os_addr addrs[3] = { { .family = 6, .ip = { [15] = 1 }, .port = 1 },
                                loopback(free_port(&r)),
                                side_addr(b) };
    CHECK(link_peer_set(a->link, &b->key, addrs, 3) == ERR_OK);
    RIG_UNTIL(&r, a->ups == 1);
    rig_close(&r);
}

/* Of a peer only an address is named that nobody is at; it dials once, and goes. Where it came from
 * is then among the addresses that are tried. */
static void test_learnt_address(void)
{
    struct rig r;
    rig_open(&r);
    struct side *a = side_open(&r, 1);
    struct side *b = side_open(&r, 2);
    struct os_addr nowhere = loopback(free_port(&r));
    CHECK(link_peer_set(a->link, &b->key, &nowhere, 1) == ERR_OK);
    side_dial(b, a);
    RIG_UNTIL(&r, a->ups == 1 && b->ups == 1);
    link_peer_forget(b->link, &a->key); /* it does not dial any more */
    RIG_UNTIL(&r, a->downs == 1);
    RIG_UNTIL(&r, a->ups == 2 && b->ups == 2);
    rig_close(&r);
}

/* Dials a side with another cookie, which counts how often it came. */
static struct side *dial_in_vain(struct rig *r, uint64_t min_ns, uint64_t max_ns)
{
    struct side *b = side_open(r, 2);
    struct side *a = side_new(r, 1);
    struct quic_link_options o = side_options(a);
    o.cookie = bytes_text("another cookie");
    o.dial_ns_min = min_ns;
    o.dial_ns_max = max_ns;
    side_open_with(a, &o);
    side_dial(a, b);
    return b;
}

static void test_pause_grows(void)
{
    struct rig r;
    rig_open(&r);
    struct side *b = dial_in_vain(&r, 20ull * MS, 60000ull * MS);
    rig_run_ms(&r, 600); /* 20 + 40 + 80 + 160 and 320 */
    CHECK(side_stats(b).refused_cookie > 0 && side_stats(b).refused_cookie <= 6);
    rig_close(&r);
}

/* A peer that was away for a day is dialled again within seconds. */
static void test_pause_bounded(void)
{
    struct rig r;
    rig_open(&r);
    struct side *b = dial_in_vain(&r, 1ull * MS, 4ull * MS);
    RIG_UNTIL(&r, side_stats(b).refused_cookie >= DIALS);
    rig_close(&r);
}

/* A peer that is let in and says good-bye at once, each time: how often is it dialled? */
static void goodbye(uint8_t own, uint8_t other)
{
    struct rig r;
    rig_open(&r);
    struct side *b = side_open(&r, other);
    struct side *a = side_new(&r, own);
    struct quic_link_options o = side_options(a);
    o.dial_ns_min = 20ull * MS;
    o.dial_ns_max = 60000ull * MS;
    side_open_with(a, &o);
    side_dial(a, b);
    RIG_UNTIL(&r, a->ups == 1 && b->ups == 1);
    uint64_t end = os_now(r.os) + 600ull * MS; /* 20 + 40 + 80 + 160 and 320 */
    while (os_now(r.os) < end) {
        if (a->ups > a->downs && b->ups > b->downs) {
            link_peer_forget(b->link, &a->key);
        }
        os_linux_turn(r.loop, 10ull * MS);
    }
    printf("# up %u times\n", a->ups);
    CHECK(a->ups > 1 && a->ups <= 6);
    rig_close(&r);
}

static void test_short_life(void)
{
    goodbye(1, 2);
    goodbye(2, 1);
}

/* What has lived for long is dialled again at once, whatever the pause between dials in vain. */
static void test_long_life(void)
{
    struct rig r;
    rig_open(&r);
    struct side *b = side_open(&r, 2);
    struct side *a = side_new(&r, 1);
    struct quic_link_options o = side_options(a);
    o.dial_ns_min = 4ull * RIG_MS_MAX * MS;
    o.dial_ns_max = o.dial_ns_min;
    side_open_with(a, &o);
    side_dial(a, b);
    RIG_UNTIL(&r, a->ups == 1 && b->ups == 1);
    rig_run_ms(&r, 1100);
    link_peer_forget(b->link, &a->key);
    RIG_UNTIL(&r, a->ups == 2);
    rig_close(&r);
}

static void test_control_first(void)
{
    struct rig r;
    struct side *a;
    struct side *b;
    rig_open_pair(&r, &a, &b);
    CHECK(link_send(a->link, &b->key, LINK_LOG, bytes_of(large, LARGE), bytes_of(NULL, 0)) ==
          ERR_OK);
    rig_turn(&r, 0);
    CHECK(side_send(a, b, LINK_CONTROL, "heartbeat") == ERR_OK);
    CHECK(side_send(a, b, LINK_CALL, "call") == ERR_OK);
    RIG_UNTIL(&r, b->frames[LINK_LOG] == 1);
    CHECK(strcmp(b->events, "u021") == 0);
    rig_close(&r);
}

/* Of what waits when a turn ends a snapshot goes last, whatever came first. Its frames fit into the
 * window of its stream, which would hold it up else. */
static void test_snapshot_last(void)
{
    struct rig r;
    struct side *a;
    struct side *b;
    rig_open_pair(&r, &a, &b);
    for (int i = 0; i < SNAPSHOTS; i++) {
        CHECK(link_send(a->link, &b->key, LINK_SNAPSHOT, bytes_of(large, LARGE / 100),
                        bytes_of(NULL, 0)) == ERR_OK);
    }
    CHECK(side_send(a, b, LINK_CALL, "call") == ERR_OK);
    CHECK(side_send(a, b, LINK_LOG, "append") == ERR_OK);
    CHECK(side_send(a, b, LINK_CONTROL, "heartbeat") == ERR_OK);
    RIG_UNTIL(&r, b->frames[LINK_SNAPSHOT] == SNAPSHOTS);
    printf("# %s\n", b->events);
    CHECK(memcmp(b->events, "u012333", 7) == 0 || memcmp(b->events, "u021333", 7) == 0);
    rig_close(&r);
}

static void test_coalesced(void)
{
    struct rig r;
    struct side *a;
    struct side *b;
    rig_open_pair(&r, &a, &b);
    rig_run_ms(&r, 300); /* until the path is known and settled */
    uint64_t before = side_stats(a).datagrams_out;
    for (int i = 0; i < 100; i++) {
        CHECK(side_send(a, b, LINK_CONTROL, "0123456789") == ERR_OK);
    }
    RIG_UNTIL(&r, b->frames[LINK_CONTROL] == 100);
    CHECK(side_stats(a).datagrams_out - before <= 3); /* 1,400 bytes: one packet or two */
    rig_close(&r);
}

static void test_idle_memory(void)
{
    struct rig r;
    rig_open(&r);
    struct side *a = side_open(&r, 1);
    struct side *b = side_open(&r, 2);
    struct side *c = side_open(&r, 3);
    side_dial(a, b);
    side_dial(a, c);
    RIG_UNTIL(&r, a->ups == 2 && b->ups == 1 && c->ups == 1);
    b->answer = ANSWER_ECHO;
    for (int i = 0; i < 20; i++) {
        CHECK(link_send(a->link, &b->key, LINK_LOG, bytes_of(large, 700 * 1000),
                        bytes_of(NULL, 0)) == ERR_OK);
    }
    RIG_UNTIL(&r, a->frames[LINK_LOG] == 20);
    rig_run_ms(&r, 200);
    printf("# %zu KiB with two peers\n", a->mem.used / 1024);
    CHECK(a->mem.used < 512 * 1024);
    rig_close(&r);
}

static void test_no_ipv6(void)
{
    struct rig r;
    struct os_addr addrs[8];
    rig_open(&r);
    struct side *a = side_new(&r, 1);
    struct quic_link_options o = side_options(a);
    o.bind_count = 0; /* both families, IPv6 only where the machine has it */
    side_open_with(a, &o);
    uint32_t count = link_addrs(a->link, addrs, 8);
    CHECK(count > 0);
    for (uint32_t i = 0; i < count; i++) {
        static const uint8_t zero[16];
        CHECK(memcmp(addrs[i].ip, zero, 16) != 0);
        CHECK(addrs[i].port != 0);
    }
    rig_close(&r);
}

static void test_wildcard(void)
{
    struct rig r;
    rig_open(&r);
    struct side *a = side_new(&r, 1);
    struct side *b = side_new(&r, 2);
    struct quic_link_options o = side_options(a);
    memset(o.bind[0].ip, 0, sizeof o.bind[0].ip);
    side_open_with(a, &o);
    o = side_options(b);
    memset(o.bind[0].ip, 0, sizeof o.bind[0].ip);
    side_open_with(b, &o);
    side_dial(a, b); /* whatever address it names */
    RIG_UNTIL(&r, a->ups == 1 && b->ups == 1);
    CHECK(side_send(b, a, LINK_CALL, "back") == ERR_OK);
    RIG_UNTIL(&r, a->frames[LINK_CALL] == 1);
    rig_close(&r);
}

/* ---- the address that a node answers from ---- */

/* Sends as the system does, but for those from a named address, which this machine has lost. */
static enum err (*really_send)(struct os_udp *udp, const struct os_udp_send *send);
static uint64_t not_sent;

static enum err send_unless_named(struct os_udp *udp, const struct os_udp_send *send)
{
    not_sent += send->local.family != 0 ? 1 : 0;
    return send->local.family != 0 ? ERR_IO : really_send(udp, send);
}

/* A node that is bound to all answers from the address that was asked. When the machine loses that
 * one, the system finds another. */
static void test_source_gone(void)
{
    struct rig r;
    rig_open(&r);
    struct os_table machine = *r.os->table;
    struct side *a = side_open(&r, 1);
    struct side *b = side_new(&r, 2);
    struct quic_link_options o = side_options(b);
    memset(o.bind[0].ip, 0, sizeof o.bind[0].ip);
    o.bind[0].port = free_port(&r);
    side_open_with(b, &o);
    struct os_addr there = loopback(o.bind[0].port);
    CHECK(link_peer_set(a->link, &b->key, &there, 1) == ERR_OK);
    RIG_UNTIL(&r, a->ups == 1 && b->ups == 1);
    const struct os_table *before = r.os->table;
    not_sent = 0;
    really_send = machine.udp_send;
    machine.udp_send = send_unless_named;
    r.os->table = &machine;
    CHECK(side_send(b, a, LINK_LOG, "from elsewhere") == ERR_OK);
    RIG_UNTIL(&r, a->frames[LINK_LOG] == 1);
    CHECK_U64(not_sent, 1);
    CHECK(a->downs == 0 && b->downs == 0);
    r.os->table = before;
    rig_close(&r);
}

int main(void)
{
    TAP_TEST("life: a peer killed and started again is back when it dials", test_restart_dialler);
    TAP_TEST("life: a peer killed and started again is back when it knows nobody",
             test_restart_reset);
    TAP_TEST("life: a peer that dialled is back although it knows nobody any more",
             test_restart_forgetful);
    TAP_TEST("life: a peer that comes back on another port is back at once",
             test_restart_elsewhere);
    TAP_TEST("life: keep-alive holds a silent peer, a frozen one is given up", test_silence);
    TAP_TEST("life: two that dial each other end with one connection", test_duplicates);
    TAP_TEST("life: two connections that are both up become one", test_both_at_once);
    TAP_TEST("life: a peer that moved is found at its new address", test_moved);
    TAP_TEST("life: an address that is a peer's no more is dialled no more", test_moved_amidst);
    TAP_TEST("life: addresses are tried in turn", test_second_address);
    TAP_TEST("life: a peer is dialled where it last came from, too", test_learnt_address);
    TAP_TEST("life: the pause between dials in vain doubles", test_pause_grows);
    TAP_TEST("life: the pause between dials in vain is bounded", test_pause_bounded);
    TAP_TEST("life: a peer that says good-bye at once is dialled ever less often", test_short_life);
    TAP_TEST("life: after a long life a peer is dialled again at once", test_long_life);
    TAP_TEST("life: a heartbeat overtakes 10 MB of log", test_control_first);
    TAP_TEST("life: a snapshot gives way to everything else", test_snapshot_last);
    TAP_TEST("life: the frames of a turn share packets", test_coalesced);
    TAP_TEST("life: memory comes back after load", test_idle_memory);
    TAP_TEST("life: without addresses it binds to all and names real ones", test_no_ipv6);
    TAP_TEST("life: bound to all, two still find each other", test_wildcard);
    TAP_TEST("life: an address that is gone is answered from no more", test_source_gone);
    return tap_done();
}
