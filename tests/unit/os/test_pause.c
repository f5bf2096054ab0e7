/* tests/unit/os/test_pause.c -- a paused connection: nothing is told, nothing is lost, nothing
 * spins. */
#include "os/linux/linux.h"
#include "tap.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

enum {
    TURNS_MAX = 200,
    QUIET_NS = 20 * 1000 * 1000
};

struct rig {
    struct mem mem;
    struct os_linux *loop;
    struct os *os;
    struct os_listener *listener;
    struct os_conn *conn;
    int client;
    size_t bytes;
    int calls;
    bool ended;
    bool due;
};

static void *on_accepted(void *arg, struct os_conn *conn, const struct os_addr *remote)
{
    struct rig *r = arg;
    (void)remote;
    r->conn = conn;
    os_conn_start(conn);
    return r;
}

static void on_data(void *context, struct bytes data)
{
    struct rig *r = context;
    r->bytes += data.count;
    r->calls++;
    os_conn_pause(r->conn);
}

static void on_end(void *context)
{
    ((struct rig *)context)->ended = true;
}

static void on_nothing(void *context)
{
    (void)context;
}

static void on_due(void *arg, uint64_t now_ns)
{
    (void)now_ns;
    ((struct rig *)arg)->due = true;
}

static const struct os_tcp_handler handler = { on_accepted, on_data, on_end, on_nothing,
                                               on_nothing };

static void open_rig(struct rig *r)
{
    struct os_addr any = { .family = 4, .ip = { 127, 0, 0, 1 } };
    struct os_addr bound;
    struct diag diag = { 0 };
    memset(r, 0, sizeof *r);
    mem_init(&r->mem, "test", 8u << 20);
    CHECK(os_linux_open(&r->mem, &r->loop, &diag) == ERR_OK);
    r->os = os_linux_os(r->loop);
    CHECK(os_tcp_listen(r->os, &any, &handler, r, &r->listener) == ERR_OK);
    os_listener_addr(r->listener, &bound);
    struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(bound.port) };
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    r->client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK(connect(r->client, (const struct sockaddr *)&to, sizeof to) == 0);
}

static void close_rig(struct rig *r)
{
    close(r->client);
    os_conn_close(r->conn);
    os_listener_close(r->listener);
    os_linux_close(r->loop);
}

static void say(struct rig *r, const char *text)
{
    CHECK(send(r->client, text, strlen(text), MSG_NOSIGNAL) == (ssize_t)strlen(text));
}

/* Turns of the loop until it has been quiet for a while. */
static int turns_until_quiet(struct rig *r)
{
    struct os_timer timer;
    int turns = 0;
    os_timer_init(&timer, on_due, r);
    r->due = false;
    CHECK(os_timer_set(r->os, &timer, os_now(r->os) + QUIET_NS) == ERR_OK);
    while (!r->due && turns < TURNS_MAX) {
        os_linux_turn(r->loop, UINT64_MAX);
        turns++;
    }
    os_timer_cancel(r->os, &timer);
    return turns;
}

static void test_nothing_while_paused(void)
{
    struct rig r;
    open_rig(&r);
    say(&r, "one");
    turns_until_quiet(&r); /* told, and paused by the handler */
    say(&r, "two");
    turns_until_quiet(&r);
    CHECK_U64(r.calls, 1);
    CHECK_U64(r.bytes, 3);
    close_rig(&r);
    EXPECT_MARK("os: a paused connection has data");
}

static void test_all_after_start(void)
{
    struct rig r;
    open_rig(&r);
    say(&r, "one");
    turns_until_quiet(&r);
    say(&r, "two");
    shutdown(r.client, SHUT_WR);
    turns_until_quiet(&r);
    os_conn_start(r.conn);
    turns_until_quiet(&r);
    CHECK_U64(r.bytes, 6);
    os_conn_start(r.conn);
    turns_until_quiet(&r);
    CHECK(r.ended);
    close_rig(&r);
}

static void test_no_spin(void)
{
    struct rig r;
    open_rig(&r);
    say(&r, "one");
    turns_until_quiet(&r);
    say(&r, "two");
    CHECK(turns_until_quiet(&r) <= 3); /* the news that there is data, and the timer */
    close_rig(&r);
}

int main(void)
{
    TAP_TEST("a paused connection tells nothing", test_nothing_while_paused);
    TAP_TEST("what came while paused is told after the start, and then the end",
             test_all_after_start);
    TAP_TEST("data for a paused connection does not keep the loop turning", test_no_spin);
    return tap_done();
}
