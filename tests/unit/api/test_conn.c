/* tests/unit/api/test_conn.c -- the life of a connection: order, keep-alive, deadlines, clients
 * that leave.
 *
 * Subject: api/http_conn.c, api/server.c
 * Method:  a fake service holds every call until the test answers it; the clock is the test's
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

/* ---- order ---- */

static void test_pipeline_order(void)
{
    start();
    struct door_client *c = door_connect(&d);
    door_send(c, WRITE GET_LEADER "GET /nowhere HTTP/1.1\r\nHost: a\r\n\r\n" WRITE);
    CHECK_U64(c->got_used, 0); /* the first one is under way, so nobody else is answered */
    fake_answer(&f, ERR_OK);
    door_turn(&d);
    CHECK_U64(door_replies(c), 3);
    CHECK(door_body_has(c, 0, "\"revision\":7") && door_body_has(c, 1, "{\"leader\":1}"));
    CHECK_U64(door_status(c, 2), 404);
    fake_answer(&f, ERR_OK);
    door_turn(&d);
    CHECK_U64(door_replies(c), 4);
    door_close(&d);
}

static void test_pipeline_deep(void)
{
    start();
    struct door_client *c = door_connect(&d);
    for (int i = 0; i < 5000; i++) {
        door_put(c, bytes_text(GET_LEADER));
    }
    door_turn(&d);
    CHECK_U64(door_replies(c), 5000);
    door_close(&d);
}

/* Requests cut anywhere give the same answers. */
static void test_pipeline_cut(void)
{
    static const char text[] = GET_LEADER "POST /add-peer HTTP/1.1\r\nHost: a\r\n"
                                          "Transfer-Encoding: chunked\r\n\r\n"
                                          "3\r\n{\"a\r\n1\r\n\"\r\nB\r\n:1}        \r\n0\r\n\r\n"
                                          "HEAD /leader HTTP/1.1\r\nHost: a\r\n\r\n";
    for (size_t cut = 1; cut < sizeof text - 1; cut++) {
        start();
        struct door_client *c = door_connect(&d);
        door_send_bytes(c, bytes_of(text, cut));
        door_send_bytes(c, bytes_of(text + cut, sizeof text - 1 - cut));
        CHECK_U64(door_status(c, 0), 200);
        CHECK_U64(door_status(c, 1), 400);
        CHECK(door_body_has(c, 1, "expected {"));
        CHECK(door_has(bytes_of(c->got, c->got_used), "Content-Length: 12\r\n\r\n"));
        CHECK(!c->closed && !c->shut);
        door_close(&d);
    }
}

static void test_blank_line(void)
{
    start();
    struct door_client *c = door_connect(&d);
    door_send(c, "\r\n" GET_LEADER "\r\n" GET_LEADER);
    CHECK_U64(door_replies(c), 2);
    CHECK_U64(door_status(c, 1), 200);
    door_close(&d);
}

/* ---- keep-alive ---- */

static void test_keep(void)
{
    start();
    struct door_client *c = door_connect(&d);
    for (int i = 0; i < 10; i++) {
        door_send(c, GET_LEADER);
        door_pass(&d, 3600 * 1000); /* being idle is no offence */
    }
    CHECK_U64(door_replies(c), 10);
    CHECK(!c->closed && !door_head_has(c, 9, "\r\nConnection:"));
    door_close(&d);
}

static void test_close(void)
{
    start();
    struct door_client *c = door_connect(&d);
    door_send(c, "GET /leader HTTP/1.1\r\nHost: a\r\nConnection: x, Close\r\n\r\n" GET_LEADER);
    CHECK_U64(door_replies(c), 1); /* what stands behind a close is not a request */
    CHECK(door_head_has(c, 0, "\r\nConnection: close\r\n"));
    CHECK(c->shut);
    door_close(&d);
}

static void test_old(void)
{
    start();
    struct door_client *c = door_connect(&d);
    door_send(c, "GET /leader HTTP/1.0\r\n\r\n");
    CHECK_U64(door_status(c, 0), 200);
    CHECK(door_head_has(c, 0, "\r\nConnection: close\r\n") && c->shut);
    door_close(&d);
}

static void test_old_keep(void)
{
    start();
    struct door_client *c = door_connect(&d);
    door_send(c, "GET /leader HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n");
    CHECK(door_head_has(c, 0, "\r\nConnection: keep-alive\r\n") && !c->shut);
    door_send(c, "GET /leader HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    CHECK_U64(door_replies(c), 2);
    door_close(&d);
}

static void test_body_on_get(void)
{
    start();
    struct door_client *c = door_connect(&d);
    door_send(c, "GET /leader HTTP/1.1\r\nHost: a\r\nContent-Length: 33\r\n\r\n" GET_LEADER);
    CHECK_U64(door_replies(c), 1); /* the body is no request, whatever it looks like */
    door_send(c, GET_LEADER);
    CHECK_U64(door_replies(c), 2);
    door_close(&d);
}

/* ---- methods ---- */

static void test_head(void)
{
    start();
    struct door_client *c = door_connect(&d);
    door_send(c, "HEAD /leader HTTP/1.1\r\nHost: a\r\n\r\n");
    struct bytes got = bytes_of(c->got, c->got_used);
    CHECK(door_has(got, "HTTP/1.1 200 OK\r\n") && door_has(got, "\r\nContent-Length: 12\r\n"));
    CHECK(memcmp(c->got + c->got_used - 4, "\r\n\r\n", 4) == 0);
    door_close(&d);
}

static void test_methods(void)
{
    static const char *const wrong[] = { "PUT /leader", "DELETE /leader", "POST /leader",
                                         "OPTIONS /leader", "get /leader" };
    start();
    struct door_client *c = door_connect(&d);
    for (int i = 0; i < 5; i++) {
        char text[128];
        snprintf(text, sizeof text, "%s HTTP/1.1\r\nHost: a\r\n\r\n", wrong[i]);
        door_send(c, text);
        CHECK_U64(door_status(c, i), 405);
        CHECK(door_head_has(c, i, "\r\nAllow: GET, HEAD\r\n"));
        CHECK(door_body_has(c, i, "\"code\":\"BAD_METHOD\""));
    }
    door_send(c, "GET /write HTTP/1.1\r\nHost: a\r\n\r\n");
    CHECK_U64(door_status(c, 5), 405);
    CHECK(door_head_has(c, 5, "\r\nAllow: POST\r\n"));
    CHECK(!c->shut && f.begun == 0);
    door_close(&d);
}

static void test_no_route(void)
{
    static const char *const paths[] = { "/", "/leader/",   "/Leader",    "//leader",  "/leade",
                                         "*", "/leader%00", "/../leader", "/metrics/x" };
    start();
    struct door_client *c = door_connect(&d);
    for (int i = 0; i < 9; i++) {
        char text[128];
        snprintf(text, sizeof text, "GET %s HTTP/1.1\r\nHost: a\r\n\r\n", paths[i]);
        door_send(c, text);
        CHECK_U64(door_status(c, i), 404);
        CHECK(door_body_has(c, i, "\"code\":\"NO_ROUTE\""));
    }
    CHECK(!c->shut);
    door_close(&d);
}

static void test_targets(void)
{
    start();
    struct door_client *c = door_connect(&d);
    door_send(c, "GET /leader?a=b&c HTTP/1.1\r\nHost: a\r\n\r\n");
    door_send(c, "GET http://a:80/leader?x HTTP/1.1\r\nHost: a\r\n\r\n");
    CHECK_U64(door_status(c, 0), 200);
    CHECK_U64(door_status(c, 1), 200);
    door_close(&d);
}

/* ---- bodies ---- */

/* Once a request, and for each request of a connection that asks. */
static void test_continue(void)
{
    start();
    struct door_client *c = door_connect(&d);
    for (int at = 0; at < 6; at += 2) {
        door_send(c, "POST /write HTTP/1.1\r\nHost: a\r\nExpect: 100-Continue\r\n"
                     "Content-Length: 43\r\n\r\n");
        CHECK_U64(door_status(c, at), 100);
        door_send(c, "{\"command\":{\"Set\":{\"key\":\"k\",");
        CHECK_U64(door_replies(c), at + 1); /* said once */
        door_send(c, "\"value\":\"v\"}}}");
        fake_answer(&f, ERR_OK);
        door_turn(&d);
        CHECK_U64(door_replies(c), at + 2);
        CHECK_U64(door_status(c, at + 1), 200);
    }
    door_close(&d);
}

static void test_continue_refused(void)
{
    start();
    struct door_client *c = door_connect(&d);
    door_send(c, "POST /write HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n"
                 "Content-Length: 4194305\r\n\r\n");
    CHECK_U64(door_status(c, 0), 413); /* before the body is sent */
    CHECK(door_body_has(c, 0, "\"code\":\"BODY_TOO_LARGE\""));
    door_close(&d);
}

/* A body of the largest size, in chunks of one byte: six raw bytes for each. */
static void test_tiny_chunks(void)
{
    static char piece[6 * 4096 + 1];
    start();
    for (size_t i = 0; i < 4096; i++) {
        memcpy(piece + 6 * i, "1\r\n \r\n", 7);
    }
    struct door_client *c = door_connect(&d);
    door_send(c, "POST /read HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                 "b\r\n{\"key\":\"kk\"\r\n");
    for (uint32_t i = 0; i < HTTP_BODY_BYTES_MAX / 4096 - 1; i++) {
        door_send_bytes(c, bytes_of(piece, 6 * 4096));
    }
    door_send(c, "1\r\n}\r\n0\r\n\r\n" GET_LEADER);
    CHECK_U64(f.begun, 1);
    fake_answer(&f, ERR_NOT_FOUND);
    door_turn(&d);
    CHECK_U64(door_replies(c), 2);
    CHECK_U64(d.api_mem.peak < 3 * HTTP_BODY_BYTES_MAX, 1);
    door_close(&d);
}

/* ---- deadlines ---- */

static void test_silent(void)
{
    start();
    struct door_client *c = door_connect(&d);
    door_pass(&d, HTTP_HEAD_MS_MAX - 1);
    CHECK(!c->closed);
    door_pass(&d, 2);
    CHECK(c->closed);
    CHECK_U64(c->got_used, 0);
    door_close(&d);
}

static void test_slow_head(void)
{
    start();
    struct door_client *c = door_connect(&d);
    const char *text =
        "GET /leader HTTP/1.1\r\nHost: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    for (uint32_t i = 0; c->got_used == 0 && text[i] != '\0'; i++) {
        CHECK(i < HTTP_HEAD_MS_MAX / 500 + 2);
        door_send_bytes(c, bytes_of(text + i, 1));
        door_pass(&d, 500);
    }
    CHECK_U64(door_status(c, 0), 408);
    CHECK(door_body_has(c, 0, "\"code\":\"REQUEST_TIMEOUT\"") && c->shut);
    door_pass(&d, 2000);
    CHECK(c->closed);
    door_close(&d);
}

static void test_slow_body(void)
{
    start();
    struct door_client *c = door_connect(&d);
    door_send(c, "POST /write HTTP/1.1\r\nHost: a\r\nContent-Length: 4000\r\n\r\n");
    for (uint32_t ms = 0; c->got_used == 0; ms += 500) {
        CHECK(ms <= HTTP_BODY_MS_MAX + 500);
        door_send(c, "x");
        door_pass(&d, 500);
    }
    CHECK_U64(door_status(c, 0), 408);
    door_close(&d);
}

static void test_slow_chunks(void)
{
    start();
    struct door_client *c = door_connect(&d);
    door_send(c, "POST /write HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
    for (uint32_t ms = 0; c->got_used == 0; ms += 500) {
        CHECK(ms <= HTTP_BODY_MS_MAX + 500);
        door_send(c, "1\r\nx\r\n");
        door_pass(&d, 500);
    }
    CHECK_U64(door_status(c, 0), 408);
    door_close(&d);
}

/* Half a head that came in one segment with a whole request has a deadline as well. */
static void test_slow_second(void)
{
    start();
    struct door_client *c = door_connect(&d);
    door_send(c, GET_LEADER "GET /leader HTTP");
    CHECK_U64(door_replies(c), 1);
    for (uint32_t ms = 0; door_replies(c) == 1; ms += 500) {
        CHECK(ms <= HTTP_HEAD_MS_MAX + 500);
        door_send(c, "/");
        door_pass(&d, 500);
    }
    CHECK_U64(door_status(c, 1), 408);
    door_close(&d);
}

/* A body that begins in the segment of the request before it has one, too. */
static void test_slow_second_body(void)
{
    start();
    struct door_client *c = door_connect(&d);
    door_send(c, GET_LEADER "POST /write HTTP/1.1\r\nHost: a\r\nContent-Length: 4000\r\n\r\nx");
    door_pass(&d, HTTP_BODY_MS_MAX + 1);
    CHECK_U64(door_status(c, 1), 408);
    door_close(&d);
}

static void test_slow_reader(void)
{
    start();
    struct door_client *c = door_connect(&d);
    c->window = 10;
    door_send(c, GET_LEADER GET_LEADER);
    CHECK_U64(c->got_used, 10);
    door_pass(&d, HTTP_WRITE_MS_MAX - 1000);
    c->window = 1; /* something was taken: it has time again */
    door_turn(&d);
    door_pass(&d, HTTP_WRITE_MS_MAX - 1000);
    CHECK(!c->closed);
    door_put(c, bytes_text(GET_LEADER)); /* sending more is not taking */
    door_pass(&d, 1001);
    CHECK(c->closed);
    door_close(&d);
    EXPECT_MARK("api: an answer is not taken in time");
}

static void test_pushed_back(void)
{
    start();
    struct door_client *c = door_connect(&d);
    c->window = 10;
    door_send(c, GET_LEADER GET_LEADER GET_LEADER);
    CHECK(!c->reading);
    c->window = SIZE_MAX;
    door_turn(&d);
    CHECK_U64(door_replies(c), 3);
    CHECK(c->reading);
    door_close(&d);
}

/* ---- clients that leave ---- */

static void test_half_closed(void)
{
    start();
    struct door_client *c = door_connect(&d);
    door_put(c, bytes_text(WRITE));
    door_end(c);
    CHECK(!c->closed);
    fake_answer(&f, ERR_OK);
    door_turn(&d);
    CHECK_U64(door_status(c, 0), 200); /* it still listens */
    CHECK(c->closed);
    door_close(&d);
}

static void test_half_closed_pipeline(void)
{
    start();
    struct door_client *c = door_connect(&d);
    door_put(c, bytes_text(GET_LEADER GET_LEADER GET_LEADER "GET /lea"));
    door_end(c);
    CHECK_U64(door_replies(c), 3);
    CHECK(c->closed);
    door_close(&d);
}

static void test_end_refused(void)
{
    start();
    struct door_client *c = door_connect(&d);
    door_put(c, bytes_text("GET\n"));
    door_end(c);
    CHECK_U64(door_status(c, 0), 400);
    CHECK(c->closed); /* nothing can come any more, so nothing is waited for */
    door_close(&d);
}

static void test_end_at_once(void)
{
    start();
    struct door_client *c = door_connect(&d);
    door_end(c);
    CHECK(c->closed);
    CHECK_U64(c->got_used, 0);
    door_close(&d);
}

static void test_gone_while_busy(void)
{
    start();
    struct door_client *c = door_connect(&d);
    door_send(c, WRITE);
    CHECK_U64(f.waiting, 1);
    door_reset(c);
    CHECK(c->closed);
    CHECK_U64(f.forgotten, 1); /* nobody is there to be answered */
    CHECK_U64(f.waiting, 0);
    door_close(&d);
}

static void test_gone_mid_answer(void)
{
    start();
    struct door_client *c = door_connect(&d);
    c->window = 10;
    door_send(c, WRITE);
    fake_answer(&f, ERR_OK);
    door_turn(&d);
    CHECK_U64(c->got_used, 10);
    door_reset(c);
    CHECK(c->closed);
    CHECK_U64(f.forgotten, 0);
    door_close(&d);
}

static void test_gone_mid_request(void)
{
    static const char text[] = WRITE;
    start();
    for (size_t n = 1; n < sizeof text - 1; n++) {
        struct door_client *c = door_connect(&d);
        door_send_bytes(c, bytes_of(text, n));
        if (n % 2 == 0) {
            door_end(c);
        } else {
            door_reset(c);
        }
        CHECK(c->closed);
        CHECK_U64(c->got_used, 0);
    }
    CHECK_U64(f.begun, 0);
    door_close(&d);
}

/* After a refusal the rest of a large body is swallowed, for a bounded time. */
static void test_linger(void)
{
    start();
    struct door_client *c = door_connect(&d);
    door_send(c, "POST /write HTTP/1.1\r\nHost: a\r\nContent-Length: 5000000\r\n\r\n");
    CHECK_U64(door_status(c, 0), 413);
    for (int i = 0; i < 20; i++) {
        door_send(c, "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx");
        CHECK_U64(c->to_used, 0);
        door_pass(&d, 40);
    }
    CHECK(!c->closed);
    door_pass(&d, 1000);
    CHECK(c->closed);
    CHECK_U64(door_replies(c), 1);
    door_close(&d);
}

/* ---- caps ---- */

/* ---- stopping ---- */

static void test_stop(void)
{
    start();
    struct door_client *idle = door_connect(&d);
    struct door_client *half = door_connect(&d);
    struct door_client *busy = door_connect(&d);
    door_send(idle, GET_LEADER);
    door_send(half, "GET /lea");
    door_send(busy, WRITE GET_LEADER);
    api_stop(d.api);
    door_turn(&d);
    CHECK(idle->closed && half->closed && !busy->closed && !api_idle(d.api));
    CHECK(!door_connect(&d)->accepted);
    fake_answer(&f, ERR_OK);
    door_turn(&d);
    CHECK_U64(door_status(busy, 0), 200);
    CHECK(door_head_has(busy, 0, "\r\nConnection: close\r\n") && busy->shut);
    CHECK_U64(door_replies(busy), 1);
    door_end(busy);
    CHECK(api_idle(d.api));
    door_close(&d);
}

/* An answer that was on its way when the stop came does not let another dozen follow. */
static void test_stop_ready(void)
{
    start();
    struct door_client *c = door_connect(&d);
    door_send(c, WRITE GET_LEADER GET_LEADER GET_LEADER);
    fake_answer(&f, ERR_OK);
    api_stop(d.api);
    door_turn(&d);
    CHECK_U64(door_replies(c), 2);
    CHECK(door_head_has(c, 1, "\r\nConnection: close\r\n") && c->shut);
    door_close(&d);
}

static void test_close_busy(void)
{
    start();
    door_send(door_connect(&d), WRITE);
    CHECK_U64(f.waiting, 1);
    api_stop(d.api);
    door_close(&d); /* nothing is left over, and the call is forgotten */
    CHECK_U64(f.waiting, 0);
}

static void order_tests(void)
{
    TAP_TEST("conn: pipelined requests are answered in their order", test_pipeline_order);
    TAP_TEST("conn: five thousand requests in one go are all answered", test_pipeline_deep);
    TAP_TEST("conn: where a stream of requests is cut does not matter", test_pipeline_cut);
    TAP_TEST("conn: one blank line before a request is forgiven", test_blank_line);
    TAP_TEST("conn: an idle connection stays, for hours", test_keep);
    TAP_TEST("conn: Connection: close is heard, and said back", test_close);
    TAP_TEST("conn: HTTP/1.0 is answered and closed", test_old);
    TAP_TEST("conn: HTTP/1.0 with keep-alive stays, and is told so", test_old_keep);
    TAP_TEST("conn: the body of a GET is not taken for a request", test_body_on_get);
    TAP_TEST("conn: HEAD has the length and no body", test_head);
    TAP_TEST("conn: a wrong method gets 405 and Allow", test_methods);
    TAP_TEST("conn: only the exact path is a route", test_no_route);
    TAP_TEST("conn: a query and an absolute target are understood", test_targets);
}

static void body_tests(void)
{
    TAP_TEST("conn: 100 Continue is said once a request, when it is asked for", test_continue);
    TAP_TEST("conn: a body that is too large is refused before it is sent", test_continue_refused);
    TAP_TEST("conn: the largest body fits in chunks of one byte", test_tiny_chunks);
}

static void deadline_tests(void)
{
    TAP_TEST("conn: who says nothing is closed", test_silent);
    TAP_TEST("conn: a head that drips in gets 408 at the deadline of the whole", test_slow_head);
    TAP_TEST("conn: a body that drips in gets 408 at the deadline of the whole", test_slow_body);
    TAP_TEST("conn: chunks that drip in get 408 at the deadline of the whole", test_slow_chunks);
    TAP_TEST("conn: the half head behind a request has a deadline", test_slow_second);
    TAP_TEST("conn: the half body behind a request has a deadline", test_slow_second_body);
    TAP_TEST("conn: who takes nothing of an answer is cut off", test_slow_reader);
    TAP_TEST("conn: who does not take answers may not ask on", test_pushed_back);
}

static void end_tests(void)
{
    TAP_TEST("conn: a client that has shut its side gets its answer", test_half_closed);
    TAP_TEST("conn: and all pipelined ones, half a request excepted", test_half_closed_pipeline);
    TAP_TEST("conn: a refusal to a client that has shut its side is the end", test_end_refused);
    TAP_TEST("conn: a client that leaves at once is no trouble", test_end_at_once);
    TAP_TEST("conn: a client that is gone while its call runs is forgotten", test_gone_while_busy);
    TAP_TEST("conn: a client may go in the middle of its answer", test_gone_mid_answer);
    TAP_TEST("conn: a client may go at any byte of its request", test_gone_mid_request);
    TAP_TEST("conn: after a refusal the rest is swallowed, for a second", test_linger);
    TAP_TEST("conn: stopping closes the idle and answers the busy", test_stop);
    TAP_TEST("conn: a stop is heard by a connection that is answering", test_stop_ready);
    TAP_TEST("conn: closing forgets what is under way", test_close_busy);
}

int main(void)
{
    order_tests();
    body_tests();
    deadline_tests();
    end_tests();
    return tap_done();
}
