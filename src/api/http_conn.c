/* api/http_conn.c -- the life of a connection. */
#include "api/http_conn.h"

#include "api/router.h"
#include "api/server.h"
#include "base/mark.h"
#include "base/panic.h"

enum {
    CONN_IN_FIRST = 2048,
    CONN_OUT_FIRST = 1024,
    CONN_SMALL_BYTES = 16 * 1024, /* input that always finds room */
    CONN_LINGER_MS = 1000,
    CONN_HEADERS_BYTES_MAX = 512,
    /* raw bytes at most: a body, a head, and what one read may bring behind them */
    CONN_IN_MAX = HTTP_HEAD_BYTES_MAX + HTTP_BODY_BYTES_MAX + 128 * 1024,
};

/* A new deadline, whatever ran before. False: without one a connection may not live, it is
 * closed. */
static bool arm(struct http_conn *c, enum http_conn_wait wait)
{
    static const uint32_t ms[] = { 0, HTTP_HEAD_MS_MAX, HTTP_BODY_MS_MAX, HTTP_WRITE_MS_MAX,
                                   CONN_LINGER_MS };
    struct os *os = c->api->os;
    ASSERT(wait != HTTP_WAIT_NONE && wait <= HTTP_WAIT_LINGER);
    c->wait = wait;
    if (os_timer_set(os, &c->timer, os_now(os) + ms[wait] * NS_PER_MS) != ERR_OK) {
        MARK("api: no timer for a connection");
        http_conn_close(c);
        return false;
    }
    return true;
}

/* The deadline of this wait: when it runs already it stays, or drops would prolong it. */
static bool await(struct http_conn *c, enum http_conn_wait wait)
{
    return c->wait == wait || arm(c, wait);
}

static void await_nothing(struct http_conn *c)
{
    c->wait = HTTP_WAIT_NONE;
    os_timer_cancel(c->api->os, &c->timer);
}

static bool room(struct http_conn *c, uint8_t **buffer, size_t *capacity, size_t need, size_t first)
{
    size_t size = *capacity == 0 ? first : *capacity;
    while (size < need) {
        size *= 2;
    }
    if (size == *capacity) {
        return true;
    }
    uint8_t *moved = mem_resize(c->api->mem, *buffer, size);
    if (moved == NULL) {
        return false;
    }
    *buffer = moved;
    *capacity = size;
    return true;
}

/* What a large request took goes back before the next one is whole. */
static void shrink_in(struct http_conn *c)
{
    if (!c->head_known && c->in_capacity > CONN_SMALL_BYTES && c->in_used <= CONN_SMALL_BYTES) {
        uint8_t *moved = mem_resize(c->api->mem, c->in, CONN_SMALL_BYTES);
        if (moved != NULL) {
            c->in = moved;
            c->in_capacity = CONN_SMALL_BYTES;
        }
    }
}

/* Room for need bytes of input. Large requests may fill three quarters of the account, so that
 * small ones, and answers, always find room. */
static bool room_in(struct http_conn *c, size_t need)
{
    const struct mem *m = c->api->mem;
    bool fits = need <= CONN_SMALL_BYTES || m->used + need <= m->limit / 4 * 3;
    return fits && room(c, &c->in, &c->in_capacity, need, CONN_IN_FIRST);
}

/* An empty buffer goes back. */
static void give_back(struct http_conn *c, uint8_t **buffer, size_t *capacity)
{
    if (*buffer != NULL) {
        mem_free(c->api->mem, *buffer);
        *buffer = NULL;
        *capacity = 0;
    }
}

static void conn_free(struct http_conn *c)
{
    give_back(c, &c->in, &c->in_capacity);
    give_back(c, &c->out, &c->out_capacity);
    server_conn_gone(c->api, c);
}

void http_conn_close(struct http_conn *c)
{
    if (c->state == HTTP_CONN_CLOSED) {
        return;
    }
    c->state = HTTP_CONN_CLOSED;
    await_nothing(c);
    if (c->calling) {
        c->api->service->table->forget(c->api->service, &c->call);
        c->calling = false;
    }
    if (c->request != NULL) {
        c->request_free(c->request);
        c->request = NULL;
    }
    server_discharge(c->api, c);
    os_conn_close(c->conn);
    conn_free(c);
}

/* Say the end, then swallow what still comes: closing at once could destroy the answer on its
 * way. */
static void linger(struct http_conn *c)
{
    os_conn_shutdown(c->conn);
    if (c->ended) {
        http_conn_close(c);
        return;
    }
    c->state = HTTP_CONN_LINGERING;
    c->in_used = 0;
    if (arm(c, HTTP_WAIT_LINGER)) {
        os_conn_start(c->conn);
    }
}

/* True when everything is out; else the loop tells when there is room again. */
static bool flush(struct http_conn *c)
{
    size_t left = c->out_used - c->out_sent;
    size_t n = left > 0 ? os_conn_write(c->conn, bytes_of(c->out + c->out_sent, left)) : 0;
    ASSERT(n <= left);
    c->out_sent += n;
    if (n < left) {
        if (n > 0) {
            arm(c, HTTP_WAIT_WRITE); /* whoever takes something has time again */
        } else {
            await(c, HTTP_WAIT_WRITE);
        }
        return false;
    }
    c->out_sent = 0;
    c->out_used = 0;
    return true;
}

static const char *reason_of(int status)
{
    static const struct {
        int status;
        const char *text;
    } rows[] = {
        { 200, "OK" },
        { 400, "Bad Request" },
        { 403, "Forbidden" },
        { 404, "Not Found" },
        { 405, "Method Not Allowed" },
        { 408, "Request Timeout" },
        { 409, "Conflict" },
        { 412, "Precondition Failed" },
        { 413, "Content Too Large" },
        { 414, "URI Too Long" },
        { 417, "Expectation Failed" },
        { 429, "Too Many Requests" },
        { 431, "Request Header Fields Too Large" },
        { 500, "Internal Server Error" },
        { 501, "Not Implemented" },
        { 502, "Bad Gateway" },
        { 503, "Service Unavailable" },
        { 505, "HTTP Version Not Supported" },
        { 507, "Insufficient Storage" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (rows[i].status == status) {
            return rows[i].text;
        }
    }
    return "Error";
}

static void request_over(struct http_conn *c)
{
    size_t used = c->head.chunked ? c->chunks.in : c->head.bytes + (size_t)c->head.length;
    if (c->request != NULL) {
        c->request_free(c->request);
        c->request = NULL;
    }
    server_discharge(c->api, c);
    c->calling = false;
    c->continued = false;
    if (c->head_known && used <= c->in_used) {
        memmove(c->in, c->in + used, c->in_used - used);
        c->in_used -= used;
    }
    c->head_known = false;
    c->state = HTTP_CONN_READING;
}

void http_conn_answer(struct http_conn *c, int status, const char *type, struct bytes headers,
                      struct bytes body)
{
    size_t need = c->out_used + CONN_HEADERS_BYTES_MAX + headers.count + body.count;
    if (c->state == HTTP_CONN_CLOSED) {
        return;
    }
    c->close_after = c->close_after || c->api->stopping || (c->head_known && !c->head.keep_alive);
    if (!room(c, &c->out, &c->out_capacity, need, CONN_OUT_FIRST)) {
        MARK("api: no room for an answer");
        http_conn_close(c);
        return;
    }
    struct writer w = writer_of(c->out + c->out_used, c->out_capacity - c->out_used);
    writer_text(&w, "HTTP/1.1 %d %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\n", status,
                reason_of(status), type, body.count);
    writer_put(&w, headers);
    if (c->close_after) {
        writer_put(&w, bytes_text("Connection: close\r\n"));
    } else if (c->head_known && c->head.old) {
        writer_put(&w, bytes_text("Connection: keep-alive\r\n"));
    }
    writer_put(&w, bytes_text("\r\n"));
    if (!c->head_known || c->head.method != HTTP_HEAD) {
        writer_put(&w, body);
    }
    ASSERT(!w.bad);
    c->out_used += w.offset;
    request_over(c);
    os_turn_end(c->api->os, &c->api->hook); /* answers of one turn leave together */
    server_conn_ready(c->api, c);
}

/* The request cannot be understood, or not be held: say so and close. */
static void refuse(struct http_conn *c, int status)
{
    c->api->refused++;
    c->close_after = true;
    c->state = HTTP_CONN_BUSY;
    router_refuse(c, status);
}

static bool body_whole(struct http_conn *c)
{
    int status = 0;
    if (!c->head.chunked) {
        return c->in_used - c->head.bytes >= c->head.length;
    }
    http_chunks_feed(&c->chunks, c->in, c->in_used, c->head.bytes, &status);
    if (status != 0 && status != 200) {
        refuse(c, status);
        return false;
    }
    if (status == 0) {
        c->chunks.in = c->chunks.out; /* all was taken: frames of chunks need no room */
        c->in_used = c->chunks.out;
    }
    return status == 200;
}

static void send_continue(struct http_conn *c)
{
    static const char line[] = "HTTP/1.1 100 Continue\r\n\r\n";
    if (!c->head.expect_continue || c->continued || c->out_used > 0) {
        return;
    }
    c->continued = true;
    if (room(c, &c->out, &c->out_capacity, sizeof line, CONN_OUT_FIRST)) {
        memcpy(c->out, line, sizeof line - 1);
        c->out_used = sizeof line - 1;
        flush(c);
    }
}

/* Head and body as far as they are here; true when a request was handed to its route. */
static bool take_request(struct http_conn *c)
{
    int status = 0;
    if (!c->head_known) {
        http_head_parse(bytes_of(c->in, c->in_used), &c->head, &status);
        if (status == 0) {
            return false;
        }
        if (status != 200) {
            refuse(c, status);
            return false;
        }
        c->head_known = true;
        http_chunks_init(&c->chunks, c->head.bytes);
        if (c->head.length > HTTP_BODY_BYTES_MAX) {
            refuse(c, 413);
            return false;
        }
    }
    if (!body_whole(c)) {
        if (c->state == HTTP_CONN_READING) {
            send_continue(c);
        }
        return false;
    }
    await_nothing(c);
    c->state = HTTP_CONN_BUSY;
    c->api->requests++;
    os_conn_pause(c->conn);
    size_t count = http_conn_body(c).count;
    if (count > CONN_SMALL_BYTES && !server_charge(c->api, c, count)) {
        MARK("api: a client's bodies are too much together");
        router_error(c, ERR_TOO_MANY_REQUESTS, NULL, 0);
    } else {
        router_route(c);
    }
    return true;
}

void http_conn_go(struct http_conn *c)
{
    if (c->state == HTTP_CONN_CLOSED || !flush(c)) {
        return;
    }
    if (c->close_after && c->state == HTTP_CONN_READING) {
        linger(c);
        return;
    }
    if (c->state != HTTP_CONN_READING) {
        return;
    }
    if (c->in_used > 0 && take_request(c)) {
        return;
    }
    if (c->state != HTTP_CONN_READING || c->out_used > 0) {
        return; /* refused, or 100 Continue is on its way */
    }
    if (c->ended) {
        http_conn_close(c); /* what is left is no whole request */
        return;
    }
    if (c->in_used == 0) {
        give_back(c, &c->in, &c->in_capacity);
        give_back(c, &c->out, &c->out_capacity);
        await_nothing(c);
        if (c->api->stopping) {
            http_conn_close(c);
            return;
        }
    } else {
        shrink_in(c);
        if (!await(c, c->head_known ? HTTP_WAIT_BODY : HTTP_WAIT_HEAD)) {
            return;
        }
    }
    os_conn_start(c->conn);
}

struct bytes http_conn_path(const struct http_conn *c)
{
    return bytes_of(c->in + c->head.path_offset, c->head.path_bytes);
}

struct bytes http_conn_body(const struct http_conn *c)
{
    size_t count = c->head.chunked ? c->chunks.out - c->head.bytes : (size_t)c->head.length;
    return bytes_of(c->in + c->head.bytes, count);
}

bool http_conn_idle(const struct http_conn *c)
{
    return c->state == HTTP_CONN_READING && c->in_used == 0 && c->out_used == 0;
}

void http_conn_stop(struct http_conn *c)
{
    if (c->state == HTTP_CONN_READING && c->out_used == 0) {
        http_conn_close(c); /* a request that is not whole yet was not begun */
    } else {
        c->close_after = true;
    }
}

/* ---- what the loop tells ---- */

static void on_data(void *context, struct bytes data)
{
    struct http_conn *c = context;
    if (c->state == HTTP_CONN_LINGERING || c->state == HTTP_CONN_CLOSED) {
        return;
    }
    if (c->in_used + data.count > CONN_IN_MAX) {
        MARK("api: more input than a connection may hold");
        http_conn_close(c);
        return;
    }
    if (!room_in(c, c->in_used + data.count)) {
        if (c->state == HTTP_CONN_READING) {
            MARK("api: no room for a request");
            refuse(c, 503);
        } else {
            MARK("api: no room for what is behind a request");
            http_conn_close(c);
        }
        return;
    }
    if (c->in_used == 0 && c->state == HTTP_CONN_READING && !arm(c, HTTP_WAIT_HEAD)) {
        return;
    }
    memcpy(c->in + c->in_used, data.data, data.count);
    c->in_used += data.count;
    if (c->state == HTTP_CONN_READING) {
        http_conn_go(c);
    }
}

static void on_end(void *context)
{
    struct http_conn *c = context;
    c->ended = true;
    if (c->state == HTTP_CONN_LINGERING) {
        http_conn_close(c);
    } else if (c->state == HTTP_CONN_READING) {
        http_conn_go(c);
    }
}

static void on_writable(void *context)
{
    http_conn_go(context);
}

static void on_failed(void *context)
{
    http_conn_close(context);
}

static void on_timer(void *arg, uint64_t now_ns)
{
    struct http_conn *c = arg;
    bool late = c->wait == HTTP_WAIT_HEAD || c->wait == HTTP_WAIT_BODY;
    (void)now_ns;
    c->wait = HTTP_WAIT_NONE;
    if (late && c->state == HTTP_CONN_READING && c->in_used > 0 && c->out_used == 0) {
        refuse(c, 408);
    } else {
        MARK_IF(c->out_used > 0, "api: an answer is not taken in time");
        http_conn_close(c);
    }
}

static void *on_accepted(void *arg, struct os_conn *conn, const struct os_addr *remote)
{
    static const char full[] = "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\n"
                               "Content-Length: 0\r\nConnection: close\r\n\r\n";
    struct http_conn *c = server_conn_new(arg, remote);
    if (c == NULL) {
        size_t n = os_conn_write(conn, bytes_of(full, sizeof full - 1));
        (void)n; /* nobody waits for the rest */
        return NULL;
    }
    c->conn = conn;
    os_timer_init(&c->timer, on_timer, c);
    if (!arm(c, HTTP_WAIT_HEAD)) { /* who says nothing at all does not stay either */
        return NULL;
    }
    os_conn_start(conn);
    return c;
}

const struct os_tcp_handler http_conn_handler = { on_accepted, on_data, on_end, on_writable,
                                                  on_failed };
