/* tests/unit/net/test_link.c -- what net/link.h promises, over QUIC and in memory.
 *
 * Subject: net/link.h by net/quic_link.c and by net/mem_link.c
 * Method:  every test runs over both; see rig.h
 */
#include "rig.h"

enum {
    MANY = 2000,
    LARGE = 10 * 1000 * 1000
};

static bool in_memory;
static uint8_t large[LARGE];

static void open_two(struct rig *r, struct side **a, struct side **b)
{
    if (in_memory) {
        rig_open_memory(r);
    } else {
        rig_open(r);
    }
    *a = side_open(r, 1);
    *b = side_open(r, 2);
}

static void join_two(struct rig *r, struct side **a, struct side **b)
{
    open_two(r, a, b);
    side_dial(*a, *b);
    RIG_UNTIL(r, (*a)->ups == 1 && (*b)->ups == 1);
}

static void test_connect(void)
{
    struct rig r;
    struct side *a;
    struct side *b;
    join_two(&r, &a, &b);
    CHECK(ids_key_equal(&a->from, &b->key));
    CHECK(ids_key_equal(&b->from, &a->key));
    CHECK(link_peer_is_up(a->link, &b->key));
    CHECK(link_peer_is_up(b->link, &a->key));
    rig_close(&r);
}

static void test_answer(void)
{
    struct rig r;
    struct side *a;
    struct side *b;
    join_two(&r, &a, &b);
    b->answer = ANSWER_ECHO;
    CHECK(side_send(a, b, LINK_CALL, "hello") == ERR_OK);
    RIG_UNTIL(&r, a->frames[LINK_CALL] == 1);
    CHECK(a->last_count == 5 && memcmp(a->last, "hello", 5) == 0);
    rig_close(&r);
}

static void test_parts(void)
{
    struct rig r;
    struct side *a;
    struct side *b;
    struct bytes none = bytes_of(NULL, 0);
    join_two(&r, &a, &b);
    CHECK(link_send(a->link, &b->key, LINK_LOG, bytes_text("he"), bytes_text("ad")) == ERR_OK);
    RIG_UNTIL(&r, b->frames[LINK_LOG] == 1);
    CHECK(b->last_count == 4 && memcmp(b->last, "head", 4) == 0);
    CHECK(link_send(a->link, &b->key, LINK_LOG, none, bytes_text("body")) == ERR_OK);
    RIG_UNTIL(&r, b->frames[LINK_LOG] == 2);
    CHECK(b->last_count == 4 && memcmp(b->last, "body", 4) == 0);
    CHECK(link_send(a->link, &b->key, LINK_LOG, none, none) == ERR_OK);
    RIG_UNTIL(&r, b->frames[LINK_LOG] == 3);
    CHECK_U64(b->last_count, 0);
    rig_close(&r);
}

static void test_order(void)
{
    struct rig r;
    struct side *a;
    struct side *b;
    join_two(&r, &a, &b);
    for (uint64_t i = 0; i < MANY; i++) {
        uint8_t head[8];
        struct writer w = writer_of(head, sizeof head);
        writer_u64(&w, i / LINK_CLASS_COUNT);
        CHECK(link_send(a->link, &b->key, (enum link_class)(i % LINK_CLASS_COUNT), writer_bytes(&w),
                        bytes_of(large, (i * 37) % 3000)) == ERR_OK);
    }
    RIG_UNTIL(&r, b->frames[0] + b->frames[1] + b->frames[2] + b->frames[3] == MANY);
    static_assert(LINK_CLASS_COUNT == 4, "all classes are counted");
    CHECK_U64(b->out_of_order, 0);
    rig_close(&r);
}

static void test_large(void)
{
    struct rig r;
    struct side *a;
    struct side *b;
    uint64_t sum = 0;
    join_two(&r, &a, &b);
    for (size_t i = 0; i < LARGE; i++) {
        large[i] = (uint8_t)(i * 13 + i / 977);
        sum = sum * 31 + large[i];
    }
    CHECK(link_send(a->link, &b->key, LINK_LOG, bytes_of(large, LARGE), bytes_of(NULL, 0)) ==
          ERR_OK);
    CHECK(link_send(b->link, &a->key, LINK_CALL, bytes_of(large, 7),
                    bytes_of(large + 7, LARGE - 7)) == ERR_OK);
    RIG_UNTIL(&r, a->bytes[LINK_CALL] == LARGE && b->bytes[LINK_LOG] == LARGE);
    CHECK(a->sum == sum && b->sum == sum);
    rig_close(&r);
}

static void test_too_large(void)
{
    struct rig r;
    struct side *a;
    struct side *b;
    join_two(&r, &a, &b);
    CHECK(link_send(a->link, &b->key, LINK_LOG, bytes_of(large, LARGE), bytes_of(large, 1)) ==
          ERR_FRAME_TOO_LARGE);
    CHECK(side_send(a, b, LINK_LOG, "next") == ERR_OK);
    RIG_UNTIL(&r, b->frames[LINK_LOG] == 1);
    CHECK_U64(b->last_count, 4);
    rig_close(&r);
}

static void test_gone(void)
{
    struct rig r;
    struct side *a;
    struct side *b;
    open_two(&r, &a, &b);
    CHECK(side_send(a, b, LINK_CONTROL, "x") == ERR_PEER_GONE);
    side_dial(a, b);
    CHECK(side_send(a, b, LINK_CONTROL, "x") == ERR_PEER_GONE);
    CHECK(!link_peer_is_up(a->link, &b->key));
    rig_close(&r);
}

static void test_full(void)
{
    struct rig r;
    struct side *a;
    struct side *b;
    uint32_t queued = 0;
    join_two(&r, &a, &b);
    while (queued < 100 && link_send(a->link, &b->key, LINK_LOG, bytes_of(large, 1000 * 1000),
                                     bytes_of(NULL, 0)) == ERR_OK) {
        queued++;
    }
    CHECK_U64(queued, NET_QUEUE_BYTES_MAX / (1000 * 1000));
    CHECK(side_send(a, b, LINK_CONTROL, "other class") == ERR_OK);
    CHECK_U64(side_stats(a).queue_full, 1);
    RIG_UNTIL(&r, b->frames[LINK_LOG] == queued && b->frames[LINK_CONTROL] == 1);
    CHECK(side_send(a, b, LINK_LOG, "room again") == ERR_OK);
    RIG_UNTIL(&r, b->frames[LINK_LOG] == queued + 1);
    rig_close(&r);
    if (!in_memory) {
        EXPECT_MARK("net: the queue to a peer is full");
    }
}

/* A heartbeat does not wait behind appends: it is there before the first large one is whole. */
static void test_control_first(void)
{
    struct rig r;
    struct side *a;
    struct side *b;
    uint32_t queued = 0;
    join_two(&r, &a, &b);
    while (queued < 8 && link_send(a->link, &b->key, LINK_LOG, bytes_of(large, 1000 * 1000),
                                   bytes_of(NULL, 0)) == ERR_OK) {
        queued++;
    }
    CHECK_U64(queued, 8);
    CHECK(side_send(a, b, LINK_CONTROL, "heartbeat") == ERR_OK);
    RIG_UNTIL(&r, b->frames[LINK_CONTROL] == 1 || b->frames[LINK_LOG] > 0);
    CHECK(in_memory || b->frames[LINK_LOG] == 0); /* the link in memory delivers whole frames */
    RIG_UNTIL(&r, b->frames[LINK_LOG] == queued);
    rig_close(&r);
}

static void test_forget(void)
{
    struct rig r;
    struct side *a;
    struct side *b;
    join_two(&r, &a, &b);
    link_peer_forget(a->link, &b->key);
    CHECK_U64(a->downs, 0); /* not from inside the call */
    CHECK(side_send(a, b, LINK_CONTROL, "x") == ERR_PEER_GONE);
    RIG_UNTIL(&r, a->downs == 1 && b->downs == 1);
    rig_run_ms(&r, 150);
    CHECK_U64(a->ups, 1);
    rig_close(&r);
}

static void test_close(void)
{
    struct rig r;
    struct side *a;
    struct side *b;
    join_two(&r, &a, &b);
    side_close(b);
    RIG_UNTIL(&r, a->downs == 1);
    CHECK_U64(b->downs, 0); /* whoever closes is told nothing */
    CHECK(!link_peer_is_up(a->link, &b->key));
    rig_close(&r);
}

static void test_again(void)
{
    struct rig r;
    struct side *a;
    struct side *b;
    join_two(&r, &a, &b);
    uint64_t before = a->epoch;
    side_close(b);
    RIG_UNTIL(&r, a->downs == 1);
    b->epoch = 0; /* a new life */
    side_start(b);
    side_dial(a, b);
    RIG_UNTIL(&r, a->ups == 2);
    CHECK(a->epoch > before);
    CHECK(memcmp(a->events, "udu", 4) == 0);
    rig_close(&r);
}

static void test_forget_inside(void)
{
    struct rig r;
    struct side *a;
    struct side *b;
    join_two(&r, &a, &b);
    b->answer = ANSWER_FORGET;
    CHECK(side_send(a, b, LINK_CONTROL, "one") == ERR_OK);
    CHECK(side_send(a, b, LINK_CONTROL, "two") == ERR_OK);
    RIG_UNTIL(&r, b->downs == 1);
    CHECK(memcmp(b->events, "u0d", 3) == 0);
    rig_close(&r);
}

static void test_close_inside(void)
{
    struct rig r;
    struct side *a;
    struct side *b;
    join_two(&r, &a, &b);
    b->answer = ANSWER_CLOSE;
    CHECK(side_send(a, b, LINK_CONTROL, "one") == ERR_OK);
    CHECK(side_send(a, b, LINK_CONTROL, "two") == ERR_OK);
    RIG_UNTIL(&r, a->downs == 1);
    CHECK(strcmp(b->events, "u0") == 0);
    rig_close(&r);
}

static void test_three(void)
{
    struct rig r;
    struct side *a;
    struct side *b;
    open_two(&r, &a, &b);
    struct side *c = side_open(&r, 3);
    struct side *all[] = { a, b, c };
    for (int i = 0; i < 9; i++) {
        if (i / 3 != i % 3) {
            side_dial(all[i / 3], all[i % 3]);
        }
    }
    for (int i = 0; i < 9; i++) {
        if (i / 3 != i % 3) {
            RIG_UNTIL(&r, link_peer_is_up(all[i / 3]->link, &all[i % 3]->key));
        }
    }
    rig_run_ms(&r, 200);
    for (int i = 0; i < 3; i++) {
        CHECK_U64(side_stats(all[i]).peers_up, 2);
        CHECK_U64(side_stats(all[i]).connections, 2);
        CHECK(side_send(all[i], all[(i + 1) % 3], LINK_LOG, "round") == ERR_OK);
    }
    RIG_UNTIL(&r, a->frames[LINK_LOG] + b->frames[LINK_LOG] + c->frames[LINK_LOG] == 3);
    rig_close(&r);
}

static void test_self(void)
{
    struct rig r;
    struct side *a;
    struct side *b;
    struct os_addr addr;
    open_two(&r, &a, &b);
    addr = side_addr(a);
    CHECK(link_peer_set(a->link, &a->key, &addr, 1) == ERR_WRONG_IDENTITY);
    rig_close(&r);
}

static void test_busy(void)
{
    struct rig r;
    struct side *a;
    struct side *b;
    struct node_key key = { { 0 } };
    open_two(&r, &a, &b);
    CHECK(link_peer_set(a->link, &b->key, NULL, 0) == ERR_OK);
    for (uint8_t i = 1; i < LINK_PEERS_MAX; i++) {
        key.b[0] = i;
        CHECK(link_peer_set(a->link, &key, NULL, 0) == ERR_OK);
    }
    key.b[0]++;
    CHECK(link_peer_set(a->link, &key, NULL, 0) == ERR_BUSY);
    key.b[0]--;
    CHECK(link_peer_set(a->link, &key, NULL, 0) == ERR_OK); /* known already */
    rig_close(&r);
}

static void test_addrs(void)
{
    struct rig r;
    struct side *a;
    struct side *b;
    struct os_addr addr;
    open_two(&r, &a, &b);
    CHECK_U64(link_addrs(a->link, &addr, 0), 0);
    CHECK_U64(link_addrs(a->link, &addr, 1), 1);
    CHECK(addr.family == 4 && addr.ip[0] == 127 && addr.port != 0);
    rig_close(&r);
}

static void test_stats(void)
{
    struct rig r;
    struct side *a;
    struct side *b;
    join_two(&r, &a, &b);
    CHECK(side_send(a, b, LINK_CONTROL, "counted") == ERR_OK);
    RIG_UNTIL(&r, b->frames[LINK_CONTROL] == 1);
    CHECK_U64(side_stats(a).frames_out, 1);
    CHECK_U64(side_stats(b).frames_in, 1);
    CHECK_U64(side_stats(b).handshakes, 1);
    CHECK_U64(side_stats(b).connections, 1);
    CHECK_U64(side_stats(b).peers_up, 1);
    CHECK(side_stats(b).bytes_in >= 7);
    CHECK(side_stats(a).bytes_out >= 7);
    rig_close(&r);
}

struct test {
    const char *what;
    void (*fn)(void);
};

static const struct test tests[] = {
    { "one side dials, both are up and know each other", test_connect },
    { "a peer that was never set is answered over its own connection", test_answer },
    { "head and body arrive as one frame, either may be empty", test_parts },
    { "frames of a class arrive in order, once, unaltered", test_order },
    { "frames of 10 MB pass both ways", test_large },
    { "a frame above the bound is refused and nothing is queued", test_too_large },
    { "a peer that is not up cannot be sent to", test_gone },
    { "a full queue refuses, other classes go on, room comes back", test_full },
    { "a heartbeat overtakes large appends", test_control_first },
    { "forgetting a peer ends the connection and it stays ended", test_forget },
    { "closing tells the peer, and nobody else", test_close },
    { "a peer that comes back is a new epoch", test_again },
    { "a peer may be forgotten inside a callback", test_forget_inside },
    { "a link may be closed inside a callback", test_close_inside },
    { "three that dial each other end with one connection a pair", test_three },
    { "the own key is refused as a peer", test_self },
    { "peers are bounded", test_busy },
    { "addresses are real", test_addrs },
    { "statistics count", test_stats },
};

static void run_one(const char *where, const struct test *t)
{
    char name[128];
    snprintf(name, sizeof name, "link over %s: %s", where, t->what);
    TAP_TEST(name, t->fn);
}

static void run(const char *where)
{
    for (size_t i = 0; i < sizeof tests / sizeof tests[0]; i++) {
        run_one(where, &tests[i]);
    }
}

int main(void)
{
    in_memory = true;
    run("memory");
    in_memory = false;
    run("QUIC");
    return tap_done();
}
