/* tests/unit/api/test_bounds.c -- what the door holds at most: memory, bodies, connections, timers.
 *
 * Subject: api/http_conn.c, api/server.c
 * Method:  a fake service holds every call until the test answers it; many clients, or an account
 *          that is full
 */
#include "door.h"
#include "fake.h"

static struct door d;
static struct fake f;

static void start(void)
{
    fake_init(&f);
    door_init(&d);
    door_open(&d, &f.base);
}

/* ---- memory ---- */

/* Large bodies of many clients do not take the room of a small request. */
static void test_memory(void)
{
    static uint8_t zeros[64 * 1024];
    enum {
        GREEDY = 80
    };
    struct door_client *greedy[GREEDY];
    uint32_t refused = 0;
    start();
    memset(zeros, ' ', sizeof zeros);
    for (int i = 0; i < GREEDY; i++) {
        greedy[i] = door_connect(&d);
        door_send(greedy[i], "POST /write HTTP/1.1\r\nHost: a\r\nContent-Length: 4194304\r\n\r\n");
        for (int k = 0; k < 63; k++) {
            door_send_bytes(greedy[i], bytes_of(zeros, sizeof zeros));
        }
        int status = door_status(greedy[i], 0);
        CHECK(status == 0 || status == 503);
        refused += status == 503;
    }
    CHECK(refused > 0 && refused < GREEDY);
    struct door_client *c = door_connect(&d);
    door_send(c, WRITE);
    fake_answer(&f, ERR_OK);
    door_turn(&d);
    CHECK_U64(door_status(c, 0), 200);
    door_pass(&d, HTTP_BODY_MS_MAX + 2000);
    for (int i = 0; i < GREEDY; i++) {
        CHECK(greedy[i]->closed);
    }
    door_close(&d);
    EXPECT_MARK("api: no room for a request");
}

/* A client that fills its share of the queue leaves the rest to others. */
static void test_share(void)
{
    static uint8_t body[1024 * 1024];
    enum {
        SHARE = HTTP_CLIENT_BYTES_MAX / sizeof body
    };
    static const char head[] = "POST /write HTTP/1.1\r\nHost: a\r\nContent-Length: 1048576\r\n\r\n";
    struct door_client *c = NULL;
    start();
    memset(body, ' ', sizeof body);
    memcpy(body, "{\"command\":{\"Set\":{\"key\":\"k\",\"value\":\"v\"}}}", 43);
    for (int i = 0; i <= SHARE; i++) {
        c = door_connect(&d);
        door_put(c, bytes_text(head));
        door_send_bytes(c, bytes_of(body, sizeof body));
    }
    CHECK_U64(f.waiting, SHARE);
    CHECK_U64(door_status(c, 0), 429);
    CHECK(door_head_has(c, 0, "\r\nRetry-After: 1\r\n") && !c->shut);
    door_send(c, WRITE); /* small ones pass */
    struct door_client *other = door_connect_from(&d, 1);
    door_put(other, bytes_text(head));
    door_send_bytes(other, bytes_of(body, sizeof body));
    CHECK_U64(f.waiting, SHARE + 2);
    fake_answer(&f, ERR_OK);
    fake_answer(&f, ERR_OK);
    door_reset(CONTAINER_OF(d.clients.next->next->next, struct door_client, link));
    door_turn(&d);
    for (int i = 0; i < 4; i++) { /* two were answered and one is gone: three find room again */
        c = door_connect(&d);
        door_put(c, bytes_text(head));
        door_send_bytes(c, bytes_of(body, sizeof body));
        CHECK_U64(door_status(c, 0), i < 3 ? 0 : 429);
    }
    door_close(&d);
    EXPECT_MARK("api: a client's bodies are too much together");
}

static void test_idle_memory(void)
{
    start();
    size_t before = d.api_mem.used;
    for (int i = 0; i < 100; i++) {
        door_send(door_connect(&d), GET_LEADER);
    }
    size_t each = (d.api_mem.used - before) / 100;
    CHECK(each < 1024); /* an idle connection keeps no buffers */
    door_close(&d);
}

/* ---- connections ---- */

static void test_cap_ip(void)
{
    start();
    for (uint32_t i = 0; i < HTTP_CONNS_PER_IP_MAX; i++) {
        struct door_client *c = door_connect(&d);
        CHECK(c->accepted);
        door_send(c, "GET");
    }
    struct door_client *c = door_connect(&d);
    CHECK(!c->accepted);
    CHECK_U64(door_status(c, 0), 503);
    CHECK(door_head_has(c, 0, "\r\nRetry-After: 1\r\n"));
    struct door_client *other = door_connect_from(&d, 1);
    CHECK(other->accepted);
    door_send(other, GET_LEADER);
    CHECK_U64(door_status(other, 0), 200);
    door_reset(CONTAINER_OF(d.clients.next, struct door_client, link));
    CHECK(door_connect(&d)->accepted); /* one went, so one may come */
    door_close(&d);
}

/* A host may choose any address of its /64, and is one client with all of them. */
static void test_cap_ip6(void)
{
    struct os_addr addr = { .family = 6, .ip = { 0x20, 1, 0xd, 0xb8 }, .port = 4000 };
    start();
    for (uint32_t i = 0; i <= HTTP_CONNS_PER_IP_MAX; i++) {
        addr.ip[8 + i % 8] ^= (uint8_t)(1 + i % 251);
        CHECK(door_connect_at(&d, &addr)->accepted == (i < HTTP_CONNS_PER_IP_MAX));
    }
    addr.ip[7] = 1;
    CHECK(door_connect_at(&d, &addr)->accepted); /* another network */
    CHECK(door_connect(&d)->accepted);
    door_close(&d);
}

/* Fill the door: half of the connections from each of two addresses. */
static void fill(const char *text)
{
    for (uint32_t i = 0; i < HTTP_CONNS_MAX; i++) {
        struct door_client *c = door_connect_from(&d, (uint8_t)(1 + i % 2));
        CHECK(c->accepted);
        door_put(c, bytes_text(text));
    }
    door_turn(&d);
}

static void test_cap_idle(void)
{
    start();
    fill(GET_LEADER);
    struct door_client *oldest = CONTAINER_OF(d.clients.next, struct door_client, link);
    struct door_client *second = CONTAINER_OF(oldest->link.next, struct door_client, link);
    door_send(oldest, GET_LEADER); /* now the second one has been idle longest */
    struct door_client *c = door_connect(&d);
    CHECK(c->accepted && second->closed && !oldest->closed);
    door_send(c, GET_LEADER);
    CHECK_U64(door_status(c, 0), 200);
    door_close(&d);
    EXPECT_MARK("api: an idle connection makes way");
}

static void test_cap_busy(void)
{
    start();
    fill(WRITE);
    CHECK_U64(f.waiting, HTTP_CONNS_MAX);
    struct door_client *c = door_connect(&d);
    CHECK(!c->accepted);
    CHECK_U64(door_status(c, 0), 503); /* no work that is under way is given up for a newcomer */
    CHECK_U64(f.forgotten, 0);
    door_close(&d);
}

/* ---- where something is used up ---- */

/* All memory of the door is taken. */
static size_t use_up(void)
{
    size_t limit = d.api_mem.limit;
    d.api_mem.limit = d.api_mem.used;
    return limit;
}

static void test_no_memory(void)
{
    start();
    struct door_client *busy = door_connect(&d);
    struct door_client *half = door_connect(&d);
    door_send(busy, WRITE);
    size_t limit = use_up();
    CHECK(!door_connect(&d)->accepted);
    door_send(half, GET_LEADER);
    CHECK(half->closed); /* not even the refusal finds room */
    fake_answer(&f, ERR_OK);
    door_turn(&d);
    CHECK(busy->closed && busy->got_used == 0);
    d.api_mem.limit = limit;
    struct door_client *c = door_connect(&d);
    door_send(c, GET_LEADER);
    CHECK_U64(door_status(c, 0), 200);
    door_close(&d);
    EXPECT_MARK("api: no room for a connection");
    EXPECT_MARK("api: no room for an answer");
}

/* A loop may tell what it had read before it was told to pause. It is kept for later, as far as
 * there is room, and within a bound. */
static void test_told_while_paused(void)
{
    static uint8_t spaces[DOOR_DATA_BYTES_MAX];
    start();
    memset(spaces, ' ', sizeof spaces);
    struct door_client *c = door_connect(&d);
    door_send(c, WRITE);
    d.handler.data(c->context, bytes_text(GET_LEADER));
    fake_answer(&f, ERR_OK);
    door_turn(&d);
    CHECK_U64(door_replies(c), 2);
    door_send(c, WRITE);
    uint32_t taken = 0;
    while (!c->closed) {
        d.handler.data(c->context, bytes_of(spaces, sizeof spaces));
        taken++;
    }
    CHECK(taken > HTTP_BODY_BYTES_MAX / sizeof spaces &&
          taken < 2 * HTTP_BODY_BYTES_MAX / sizeof spaces);
    c = door_connect(&d);
    door_send(c, WRITE);
    size_t limit = use_up();
    d.handler.data(c->context, bytes_of(spaces, sizeof spaces));
    CHECK(c->closed);
    d.api_mem.limit = limit;
    door_turn(&d);
    CHECK_U64(f.forgotten, 2);
    door_close(&d);
    EXPECT_MARK("api: more input than a connection may hold");
    EXPECT_MARK("api: no room for what is behind a request");
}

/* Without a deadline no connection lives, neither a new one nor one that begins to speak again. */
static void test_no_timer(void)
{
    start();
    struct door_client *c = door_connect(&d);
    door_send(c, GET_LEADER);
    CHECK_U64(door_status(c, 0), 200);
    d.timers_full = true;
    CHECK(!door_connect(&d)->accepted);
    door_send(c, GET_LEADER);
    CHECK(c->closed && door_replies(c) == 1);
    d.timers_full = false;
    CHECK(door_connect(&d)->accepted);
    door_close(&d);
    EXPECT_MARK("api: no timer for a connection");
}

int main(void)
{
    TAP_TEST("bounds: large bodies leave room for small requests", test_memory);
    TAP_TEST("bounds: large bodies of one client get 429 beyond its share", test_share);
    TAP_TEST("bounds: an idle connection keeps no buffers", test_idle_memory);
    TAP_TEST("bounds: one address gets at most its share of connections", test_cap_ip);
    TAP_TEST("bounds: the addresses of one IPv6 network are one client", test_cap_ip6);
    TAP_TEST("bounds: when all are taken the longest idle one makes way", test_cap_idle);
    TAP_TEST("bounds: when all are at work a newcomer gets 503", test_cap_busy);
    TAP_TEST("bounds: without memory who is answered or new is closed", test_no_memory);
    TAP_TEST("bounds: what is told while it pauses is kept, within a bound",
             test_told_while_paused);
    TAP_TEST("bounds: without a deadline it is closed", test_no_timer);
    return tap_done();
}
