/* tests/unit/os/test_tcp.c -- Subject: listeners and connections. (Pausing: test_pause.c)
 *
 * Method: the loop serves, plain sockets are the clients; every callback is counted
 */
#include "loop.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>

enum {
    CONNS_MAX = 8,
    BIG_BYTES = 4 * 1024 * 1024
};

enum act {
    NOTHING,
    CLOSE_IN_ACCEPT,
    REFUSE,
    CLOSE_IN_DATA,
    CLOSE_IN_END,
    CLOSE_IN_WRITABLE,
    CLOSE_OTHERS, /* from inside data */
    CLOSE_LISTENER
};

struct server;

struct conn {
    struct server *s;
    struct os_conn *conn; /* NULL: closed */
    size_t bytes;
    uint8_t last;
    int ends;
    int writables;
    int failures;
    int calls_after_close;
};

struct server {
    struct loop l;
    struct os_listener *listener;
    struct os_addr addr;
    struct conn conn[CONNS_MAX];
    int count;
    int refused;
    enum act act;
};

static void hang_up(struct conn *c)
{
    if (c->conn != NULL) {
        os_conn_close(c->conn);
        c->conn = NULL;
    }
}

static void *accepted(void *arg, struct os_conn *conn, const struct os_addr *remote)
{
    struct server *s = arg;
    CHECK(remote->family == 4 && remote->port != 0);
    if (s->act == REFUSE) {
        s->refused++;
        return NULL;
    }
    CHECK(s->count < CONNS_MAX);
    struct conn *c = &s->conn[s->count++];
    *c = (struct conn){ .s = s, .conn = conn };
    os_conn_start(conn);
    if (s->act == CLOSE_IN_ACCEPT) {
        hang_up(c);
    }
    if (s->act == CLOSE_LISTENER) {
        os_listener_close(s->listener);
        s->listener = NULL;
    }
    return c;
}

static void data(void *context, struct bytes bytes)
{
    struct conn *c = context;
    c->calls_after_close += c->conn == NULL;
    c->bytes += bytes.count;
    c->last = bytes.data[bytes.count - 1];
    if (c->s->act == CLOSE_IN_DATA) {
        hang_up(c);
    }
    for (int i = 0; c->s->act == CLOSE_OTHERS && i < c->s->count; i++) {
        if (&c->s->conn[i] != c) {
            hang_up(&c->s->conn[i]);
        }
    }
}

static void ended(void *context)
{
    struct conn *c = context;
    c->calls_after_close += c->conn == NULL;
    c->ends++;
    if (c->s->act == CLOSE_IN_END) {
        hang_up(c);
    }
}

static void writable(void *context)
{
    struct conn *c = context;
    c->calls_after_close += c->conn == NULL;
    c->writables++;
    if (c->s->act == CLOSE_IN_WRITABLE) {
        hang_up(c);
    }
}

static void failed(void *context)
{
    struct conn *c = context;
    c->calls_after_close += c->conn == NULL;
    c->failures++;
    hang_up(c);
}

static const struct os_tcp_handler handler = { accepted, data, ended, writable, failed };

static struct server *serve(enum act act)
{
    struct server *s = calloc(1, sizeof *s);
    struct os_addr any = { .family = 4, .ip = { 127, 0, 0, 1 } };
    loop_open(&s->l);
    s->act = act;
    CHECK(os_tcp_listen(s->l.os, &any, &handler, s, &s->listener) == ERR_OK);
    os_listener_addr(s->listener, &s->addr);
    return s;
}

static void end_server(struct server *s)
{
    int after_close = 0;
    for (int i = 0; i < 5; i++) { /* what is left to be told comes now */
        os_linux_turn(s->l.linux_loop, 0);
    }
    for (int i = 0; i < s->count; i++) {
        hang_up(&s->conn[i]);
        after_close += s->conn[i].calls_after_close;
    }
    if (s->listener != NULL) {
        os_listener_close(s->listener);
    }
    loop_close(&s->l);
    free(s);
    CHECK_U64(after_close, 0);
}

static int client(const struct server *s)
{
    struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(s->addr.port) };
    struct timeval patience = { .tv_sec = 10 };
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK(fd >= 0 && connect(fd, (const struct sockaddr *)&to, sizeof to) == 0);
    CHECK(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) == 0);
    return fd;
}

static void say(int fd, const char *text)
{
    CHECK(send(fd, text, strlen(text), MSG_NOSIGNAL) == (ssize_t)strlen(text));
}

/* The other side is gone: the end, or a reset. */
static bool hears_the_end(int fd)
{
    char c;
    ssize_t n = recv(fd, &c, 1, 0);
    return n == 0 || (n < 0 && errno == ECONNRESET);
}

static void refuse(void)
{
    struct server *s = serve(REFUSE);
    int fd = client(s);
    LOOP_UNTIL(&s->l, s->refused == 1);
    CHECK(hears_the_end(fd));
    close(fd);
    end_server(s);
}

static void both_ways(void)
{
    struct server *s = serve(NOTHING);
    int fd = client(s);
    char out[4] = { 0 };
    say(fd, "hello");
    LOOP_UNTIL(&s->l, s->conn[0].bytes == 5);
    CHECK_U64(os_conn_write(s->conn[0].conn, bytes_text("yes")), 3);
    CHECK(recv(fd, out, 3, MSG_WAITALL) == 3 && strcmp(out, "yes") == 0);
    close(fd);
    LOOP_UNTIL(&s->l, s->conn[0].ends == 1);
    end_server(s);
}

static void half_closed(void)
{
    struct server *s = serve(NOTHING);
    int fd = client(s);
    char out[4] = { 0 };
    say(fd, "hello");
    shutdown(fd, SHUT_WR);
    LOOP_UNTIL(&s->l, s->conn[0].ends == 1);
    CHECK_U64(s->conn[0].bytes, 5);
    for (int i = 0; i < 10; i++) {
        os_linux_turn(s->l.linux_loop, 0);
    }
    CHECK(s->conn[0].ends == 1 && s->conn[0].failures == 0); /* told once, and no more */
    CHECK_U64(os_conn_write(s->conn[0].conn, bytes_text("yes")), 3);
    CHECK(recv(fd, out, 3, MSG_WAITALL) == 3); /* the other way is still open */
    hang_up(&s->conn[0]);
    CHECK(hears_the_end(fd));
    close(fd);
    end_server(s);
}

static void own_half_closed(void)
{
    struct server *s = serve(NOTHING);
    int fd = client(s);
    LOOP_UNTIL(&s->l, s->count == 1);
    CHECK_U64(os_conn_write(s->conn[0].conn, bytes_text("bye")), 3);
    os_conn_shutdown(s->conn[0].conn);
    char out[8];
    CHECK(recv(fd, out, sizeof out, MSG_WAITALL) == 3); /* the bytes, then the end */
    say(fd, "more");
    LOOP_UNTIL(&s->l, s->conn[0].bytes == 4);
    CHECK(s->conn[0].failures == 0);
    shutdown(fd, SHUT_WR); /* now both ways have ended: nothing can come of it any more */
    LOOP_UNTIL(&s->l, s->conn[0].ends == 1 || s->conn[0].failures == 1);
    close(fd);
    end_server(s);
}

static void reset(void)
{
    struct server *s = serve(NOTHING);
    int fd = client(s);
    struct linger now = { .l_onoff = 1 };
    LOOP_UNTIL(&s->l, s->count == 1);
    CHECK(setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now) == 0);
    close(fd);
    LOOP_UNTIL(&s->l, s->conn[0].failures == 1);
    CHECK_U64(s->conn[0].ends, 0);
    end_server(s);
}

/* Write until the system takes no more; returns the bytes taken. */
static size_t fill(struct conn *c, const uint8_t *block)
{
    size_t taken = 0;
    while (taken < BIG_BYTES * 16ull) {
        size_t n = os_conn_write(c->conn, bytes_of(block, BIG_BYTES));
        taken += n;
        if (n < BIG_BYTES) {
            return taken;
        }
    }
    CHECK(taken == 0); /* the system takes without end */
    return 0;
}

static void drain_some(int fd, size_t count)
{
    static char sink[65536];
    while (count > 0) {
        ssize_t n = recv(fd, sink, count < sizeof sink ? count : sizeof sink, 0);
        CHECK(n > 0);
        count -= (size_t)n;
    }
}

static void full_buffer(void)
{
    struct server *s = serve(NOTHING);
    uint8_t *block = calloc(1, BIG_BYTES);
    int fd = client(s);
    LOOP_UNTIL(&s->l, s->count == 1);
    size_t taken = fill(&s->conn[0], block);
    for (int i = 0; i < 5; i++) {
        os_linux_turn(s->l.linux_loop, 0);
    }
    CHECK_U64(s->conn[0].writables, 0); /* nobody reads: no room */
    drain_some(fd, taken);
    LOOP_UNTIL(&s->l, s->conn[0].writables == 1);
    CHECK(os_conn_write(s->conn[0].conn, bytes_text("x")) == 1);
    drain_some(fd, 1);
    for (int i = 0; i < 5; i++) {
        os_linux_turn(s->l.linux_loop, 0);
    }
    CHECK_U64(s->conn[0].writables, 1); /* told once */
    close(fd);
    free(block);
    end_server(s);
}

static void close_inside(enum act act)
{
    struct server *s = serve(act);
    uint8_t *block = calloc(1, BIG_BYTES);
    int fd = client(s);
    LOOP_UNTIL(&s->l, s->count == 1);
    if (act == CLOSE_IN_DATA) {
        say(fd, "x");
    } else if (act == CLOSE_IN_END) {
        shutdown(fd, SHUT_WR);
    } else if (act == CLOSE_IN_WRITABLE) {
        size_t taken = fill(&s->conn[0], block);
        say(fd, "x"); /* readable in the same turn: must not be told behind the close */
        drain_some(fd, taken);
    }
    LOOP_UNTIL(&s->l, s->conn[0].conn == NULL);
    CHECK(hears_the_end(fd));
    close(fd);
    free(block);
    end_server(s);
}

static void closes_inside(void)
{
    close_inside(CLOSE_IN_ACCEPT);
    close_inside(CLOSE_IN_DATA);
    close_inside(CLOSE_IN_END);
    close_inside(CLOSE_IN_WRITABLE);
}

/* Four connections have news in one turn; the first that is served closes the others. */
static void closes_others(void)
{
    struct server *s = serve(NOTHING);
    int fd[4];
    for (int i = 0; i < 4; i++) {
        fd[i] = client(s);
    }
    LOOP_UNTIL(&s->l, s->count == 4);
    s->act = CLOSE_OTHERS;
    for (int i = 0; i < 4; i++) {
        say(fd[i], "x");
    }
    LOOP_UNTIL(&s->l, s->conn[0].conn == NULL || s->conn[1].conn == NULL);
    int open = 0;
    size_t bytes = 0;
    for (int i = 0; i < 4; i++) {
        open += s->conn[i].conn != NULL;
        bytes += s->conn[i].bytes;
        close(fd[i]);
    }
    CHECK(open == 1 && bytes == 1);
    end_server(s);
    EXPECT_MARK("os: an event of a closed source");
}

static void listener_gone(void)
{
    struct server *s = serve(CLOSE_LISTENER);
    int fd = client(s);
    int late = client(s); /* in the queue of the system when the listener closes */
    LOOP_UNTIL(&s->l, s->count == 1);
    say(fd, "still here");
    LOOP_UNTIL(&s->l, s->conn[0].bytes == 10);
    CHECK(s->listener == NULL && s->count == 1);
    CHECK(hears_the_end(late));
    close(fd);
    close(late);
    end_server(s);
}

static void addresses(void)
{
    struct server *s = serve(NOTHING);
    struct os_listener *other = NULL;
    struct os_addr far = { .family = 4, .ip = { 192, 0, 2, 1 } };
    CHECK(os_tcp_listen(s->l.os, &s->addr, &handler, s, &other) == ERR_ADDRESS_IN_USE);
    CHECK(os_tcp_listen(s->l.os, &far, &handler, s, &other) == ERR_IO && other == NULL);
    end_server(s);
}

static void no_memory(void)
{
    struct server *s = serve(NOTHING);
    int fd = client(s);
    size_t limit = s->l.mem.limit;
    struct pollfd gone = { .fd = fd, .events = POLLIN };
    s->l.mem.limit = s->l.mem.used;
    for (int i = 0; i < 1000 && poll(&gone, 1, 0) == 0; i++) {
        os_linux_turn(s->l.linux_loop, 1000 * 1000);
    }
    CHECK(hears_the_end(fd)); /* closed, and nobody was asked */
    CHECK_U64(s->count, 0);
    s->l.mem.limit = limit;
    close(fd);
    end_server(s);
}

static void due(void *arg, uint64_t now_ns)
{
    (void)now_ns;
    *(bool *)arg = true;
}

/* No descriptor is left: the listener rests instead of spinning, and then goes on. */
static void no_descriptors(void)
{
    struct server *s = serve(NOTHING);
    struct rlimit limit;
    struct os_timer timer;
    bool over = false;
    int turns = 0;
    int fd = client(s);
    CHECK(getrlimit(RLIMIT_NOFILE, &limit) == 0);
    struct rlimit none = { .rlim_cur = (rlim_t)fd + 1, .rlim_max = limit.rlim_max };
    CHECK(setrlimit(RLIMIT_NOFILE, &none) == 0);
    os_timer_init(&timer, due, &over);
    CHECK(os_timer_set(s->l.os, &timer, os_now(s->l.os) + 20 * 1000 * 1000) == ERR_OK);
    while (!over && turns < 1000) {
        os_linux_turn(s->l.linux_loop, UINT64_MAX);
        turns++;
    }
    int count = s->count;
    CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
    CHECK(count == 0 && turns <= 5);
    LOOP_UNTIL(&s->l, s->count == 1);
    close(fd);
    end_server(s);
}

int main(void)
{
    TAP_TEST("tcp: a connection that is refused is closed", refuse);
    TAP_TEST("tcp: bytes go both ways", both_ways);
    TAP_TEST("tcp: the peer's end is told once, and it still hears us", half_closed);
    TAP_TEST("tcp: after our end the peer is still heard", own_half_closed);
    TAP_TEST("tcp: a reset is a failure, not an end", reset);
    TAP_TEST("tcp: a full buffer takes less, and tells once when there is room", full_buffer);
    TAP_TEST("tcp: no callback comes behind a close from inside any of them", closes_inside);
    TAP_TEST("tcp: a callback may close others that have news in the same turn", closes_others);
    TAP_TEST("tcp: connections outlive their listener", listener_gone);
    TAP_TEST("tcp: an address that is taken or foreign is refused", addresses);
    TAP_TEST("tcp: a connection without memory is closed", no_memory);
    TAP_TEST("tcp: without descriptors the listener rests, then goes on", no_descriptors);
    return tap_done();
}
