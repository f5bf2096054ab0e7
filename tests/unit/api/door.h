/* tests/unit/api/door.h -- the HTTP door on a machine of its own: clients, clock and turns are
 * the test's.
 *
 * Shape:      door_open, door_connect, door_send, door_turn; what came back is parsed by door_reply
 * Invariants: nothing sleeps and nothing opens a socket; at door_close no byte of memory is left
 *             over
 * Thread:     one
 * Why:        deadlines, half-closed clients and full send buffers are played, not waited for
 */
#ifndef TESTS_API_DOOR_H
#define TESTS_API_DOOR_H

#include "api/api.h"
#include "base/mem.h"

#include "tap.h"

enum {
    DOOR_TIMERS = 8192,
    DOOR_DATA_BYTES_MAX = 64 * 1024, /* of one delivery, as the real loop */
    DOOR_TURNS_MAX = 100000,
};
/* Two requests: one that is answered at once, one that is a call of the service. */
#define GET_LEADER "GET /leader HTTP/1.1\r\nHost: a\r\n\r\n"
#define WRITE                                                                                      \
    "POST /write HTTP/1.1\r\nHost: a\r\nContent-Length: 45\r\n\r\n"                                \
    "{\"command\":{\"Set\":{\"key\":\"k\",\"value\":\"v\"}}}  "

#define DOOR_NS_PER_MS 1000000ull

struct door_client {
    struct os_conn base;
    struct door *door;
    struct list link;
    struct os_addr addr;
    void *context;
    bool accepted; /* the server took it */
    bool reading;  /* the server wants data */
    bool ended;    /* the client sends no more */
    bool end_told; /* and the server knows */
    bool starving; /* a write of the server was cut short */
    bool shut;     /* the server sends no more */
    bool closed;   /* the server is through with it */
    uint8_t *to;   /* on its way to the server */
    size_t to_used, to_size;
    uint8_t *got; /* what the server sent */
    size_t got_used, got_size;
    size_t window; /* bytes that still fit towards the client */
};

struct door {
    struct os os;
    struct os_listener listener;
    bool listening;
    struct mem mem;
    struct mem api_mem;
    uint64_t now_ns;
    struct heap timers;
    bool timers_full; /* no more can be set */
    struct list hooks;
    struct list clients;
    struct os_tcp_handler handler;
    void *arg;
    struct service *service;
    struct api *api;
};

struct door_reply {
    int status;
    struct bytes head; /* status line and fields, with the last CRLF */
    struct bytes body;
};

static inline struct door *door_of(struct os *os)
{
    return CONTAINER_OF(os, struct door, os);
}

static inline struct door_client *door_client_of(struct os_conn *c)
{
    return CONTAINER_OF(c, struct door_client, base);
}

static uint64_t door_now(struct os *os)
{
    return door_of(os)->now_ns;
}

static enum err door_timer_set(struct os *os, struct os_timer *t, uint64_t at_ns)
{
    struct door *d = door_of(os);
    return d->timers_full ? ERR_QUEUE_FULL : heap_set(&d->timers, &t->item, at_ns);
}

static void door_timer_cancel(struct os *os, struct os_timer *t)
{
    heap_remove(&door_of(os)->timers, &t->item);
}

static void door_turn_end(struct os *os, struct os_job *hook)
{
    if (hook->link.next == NULL) {
        list_init(&hook->link);
    }
    if (list_empty(&hook->link)) {
        list_push_back(&door_of(os)->hooks, &hook->link);
    }
}

static enum err door_listen(struct os *os, const struct os_addr *bind,
                            const struct os_tcp_handler *handler, void *arg,
                            struct os_listener **out)
{
    struct door *d = door_of(os);
    (void)bind;
    d->handler = *handler;
    d->arg = arg;
    d->listening = true;
    d->listener.os = os;
    *out = &d->listener;
    return ERR_OK;
}

static void door_listener_addr(struct os_listener *l, struct os_addr *out)
{
    (void)l;
    memset(out, 0, sizeof *out);
}

static void door_listener_close(struct os_listener *l)
{
    door_of(l->os)->listening = false;
}

static void door_conn_start(struct os_conn *c)
{
    CHECK(!door_client_of(c)->closed);
    door_client_of(c)->reading = true;
}

static void door_conn_pause(struct os_conn *c)
{
    CHECK(!door_client_of(c)->closed);
    door_client_of(c)->reading = false;
}

static void door_grow(uint8_t **buffer, size_t *size, size_t need)
{
    if (need > *size) {
        *size = need * 2 + 256;
        *buffer = realloc(*buffer, *size);
        CHECK(*buffer != NULL);
    }
}

static size_t door_conn_write(struct os_conn *base, struct bytes data)
{
    struct door_client *c = door_client_of(base);
    size_t n = data.count < c->window ? data.count : c->window;
    CHECK(!c->closed && !c->shut);
    door_grow(&c->got, &c->got_size, c->got_used + n);
    if (n > 0) {
        memcpy(c->got + c->got_used, data.data, n);
    }
    c->got_used += n;
    c->window -= n;
    c->starving = n < data.count;
    return n;
}

static void door_conn_shutdown(struct os_conn *c)
{
    CHECK(!door_client_of(c)->closed);
    door_client_of(c)->shut = true;
}

static void door_conn_close(struct os_conn *c)
{
    CHECK(!door_client_of(c)->closed);
    door_client_of(c)->closed = true;
}

static const struct os_table door_table = {
    .now = door_now,
    .wall = door_now,
    .timer_set = door_timer_set,
    .timer_cancel = door_timer_cancel,
    .turn_end = door_turn_end,
    .tcp_listen = door_listen,
    .listener_addr = door_listener_addr,
    .listener_close = door_listener_close,
    .conn_start = door_conn_start,
    .conn_pause = door_conn_pause,
    .conn_write = door_conn_write,
    .conn_shutdown = door_conn_shutdown,
    .conn_close = door_conn_close,
};

/* door_init -- the machine alone; a service may be opened on d->os before door_open. */
__attribute__((unused)) static void door_init(struct door *d)
{
    memset(d, 0, sizeof *d);
    d->os.table = &door_table;
    d->now_ns = 1000 * DOOR_NS_PER_MS;
    mem_init(&d->mem, "door", 64u * 1024 * 1024);
    mem_init(&d->api_mem, "api", API_MEM_BYTES);
    heap_init(&d->timers, &d->mem, DOOR_TIMERS);
    list_init(&d->hooks);
    list_init(&d->clients);
}

__attribute__((unused)) static void door_open(struct door *d, struct service *service)
{
    struct api_options options;
    struct diag diag;
    memset(&options, 0, sizeof options);
    d->service = service;
    CHECK(api_open(&d->os, &d->api_mem, service, &options, &d->api, &diag) == ERR_OK);
    CHECK(d->listening);
}

/* One turn of the loop: data, ends and room for every client, then hooks. True: something
 * happened. */
static bool door_turn_once(struct door *d)
{
    bool busy = false;
    for (struct list *n = d->clients.next; n != &d->clients; n = n->next) {
        struct door_client *c = CONTAINER_OF(n, struct door_client, link);
        if (c->accepted && !c->closed && c->starving && c->window > 0) {
            c->starving = false;
            busy = true;
            d->handler.writable(c->context);
        }
        if (c->accepted && !c->closed && c->reading && c->to_used > 0) {
            uint8_t piece[DOOR_DATA_BYTES_MAX];
            size_t count = c->to_used < sizeof piece ? c->to_used : sizeof piece;
            memcpy(piece, c->to, count);
            memmove(c->to, c->to + count, c->to_used - count);
            c->to_used -= count;
            busy = true;
            d->handler.data(c->context, bytes_of(piece, count));
        } else if (c->accepted && !c->closed && c->reading && c->ended && !c->end_told) {
            c->end_told = true;
            busy = true;
            d->handler.end(c->context);
        }
    }
    struct list batch;
    list_init(&batch);
    while (!list_empty(&d->hooks)) {
        struct list *node = d->hooks.next;
        list_remove(node);
        list_push_back(&batch, node);
    }
    while (!list_empty(&batch)) {
        struct os_job *hook = CONTAINER_OF(batch.next, struct os_job, link);
        list_remove(&hook->link);
        busy = true;
        hook->run(hook->arg);
    }
    return busy;
}

/* door_turn -- until nothing is left to do at this instant. */
__attribute__((unused)) static void door_turn(struct door *d)
{
    int turns = 0;
    while (door_turn_once(d)) {
        CHECK(++turns < DOOR_TURNS_MAX);
    }
}

/* door_pass -- the clock goes on by ms; timers fire in their order. */
__attribute__((unused)) static void door_pass(struct door *d, uint64_t ms)
{
    uint64_t end = d->now_ns + ms * DOOR_NS_PER_MS;
    for (;;) {
        struct heap_item *item = heap_min(&d->timers);
        if (item == NULL || item->key > end) {
            break;
        }
        struct os_timer *t = CONTAINER_OF(item, struct os_timer, item);
        d->now_ns = item->key > d->now_ns ? item->key : d->now_ns;
        heap_remove(&d->timers, item);
        t->fn(t->arg, d->now_ns);
        door_turn(d);
    }
    d->now_ns = end;
}

/* door_connect_at -- a client with this address; check ->accepted. */
__attribute__((unused)) static struct door_client *door_connect_at(struct door *d,
                                                                   const struct os_addr *addr)
{
    struct door_client *c = calloc(1, sizeof *c);
    CHECK(c != NULL);
    c->base.os = &d->os;
    c->door = d;
    c->addr = *addr;
    c->window = SIZE_MAX;
    list_push_back(&d->clients, &c->link);
    c->context = d->listening ? d->handler.accepted(d->arg, &c->base, &c->addr) : NULL;
    c->accepted = c->context != NULL;
    c->closed = c->closed || !c->accepted;
    return c;
}

/* door_connect_from -- one at 127.0.host.1. */
__attribute__((unused)) static struct door_client *door_connect_from(struct door *d, uint8_t host)
{
    struct os_addr addr = { .family = 4, .ip = { 127, 0, host, 1 }, .port = 4000 };
    return door_connect_at(d, &addr);
}

__attribute__((unused)) static struct door_client *door_connect(struct door *d)
{
    return door_connect_from(d, 0);
}

/* door_put -- bytes on their way; door_turn delivers them. */
__attribute__((unused)) static void door_put(struct door_client *c, struct bytes data)
{
    door_grow(&c->to, &c->to_size, c->to_used + data.count);
    if (data.count > 0) {
        memcpy(c->to + c->to_used, data.data, data.count);
    }
    c->to_used += data.count;
}

__attribute__((unused)) static void door_send_bytes(struct door_client *c, struct bytes data)
{
    door_put(c, data);
    door_turn(c->door);
}

__attribute__((unused)) static void door_send(struct door_client *c, const char *text)
{
    door_send_bytes(c, bytes_text(text));
}

/* door_end -- the client says that it sends no more. */
__attribute__((unused)) static void door_end(struct door_client *c)
{
    c->ended = true;
    door_turn(c->door);
}

/* door_reset -- the connection breaks. */
__attribute__((unused)) static void door_reset(struct door_client *c)
{
    if (c->accepted && !c->closed) {
        c->door->handler.failed(c->context);
    }
    door_turn(c->door);
}

/* door_leave -- forget a client that the server has closed (or never took). */
__attribute__((unused)) static void door_leave(struct door_client *c)
{
    CHECK(c->closed);
    list_remove(&c->link);
    free(c->to);
    free(c->got);
    free(c);
}

__attribute__((unused)) static void door_close(struct door *d)
{
    api_close(d->api);
    while (!list_empty(&d->clients)) {
        door_leave(CONTAINER_OF(d->clients.next, struct door_client, link));
    }
    CHECK_U64(d->timers.count, 0);
    CHECK_U64(d->api_mem.used, 0);
    heap_done(&d->timers);
    CHECK_U64(d->mem.used, 0);
}

/* ---- what came back ---- */

static size_t door_find(struct bytes in, const char *what)
{
    size_t n = strlen(what);
    for (size_t i = 0; i + n <= in.count; i++) {
        if (memcmp(in.data + i, what, n) == 0) {
            return i;
        }
    }
    return SIZE_MAX;
}

/* door_has -- text stands somewhere in there. */
__attribute__((unused)) static bool door_has(struct bytes in, const char *what)
{
    return door_find(in, what) != SIZE_MAX;
}

/* The reply at offset; false when it is not whole. */
static bool door_reply_at(struct bytes all, size_t *offset, bool head, struct door_reply *out)
{
    struct bytes rest = bytes_of(all.data + *offset, all.count - *offset);
    size_t end = door_find(rest, "\r\n\r\n");
    if (end == SIZE_MAX || rest.count < 12 || memcmp(rest.data, "HTTP/1.1 ", 9) != 0) {
        return false;
    }
    out->head = bytes_of(rest.data, end + 2);
    out->status = atoi((const char *)rest.data + 9);
    size_t length = door_find(out->head, "\r\nContent-Length: ");
    size_t count = 0;
    if (length != SIZE_MAX && !head) {
        count = (size_t)strtoul((const char *)rest.data + length + 18, NULL, 10);
    }
    if (end + 4 + count > rest.count) {
        return false;
    }
    out->body = bytes_of(rest.data + end + 4, count);
    *offset += end + 4 + count;
    return true;
}

/* door_reply -- the index-th reply from 0; false when there is none. */
__attribute__((unused)) static bool door_reply(const struct door_client *c, int index,
                                               struct door_reply *out)
{
    size_t offset = 0;
    for (int i = 0; i <= index; i++) {
        if (!door_reply_at(bytes_of(c->got, c->got_used), &offset, false, out)) {
            return false;
        }
    }
    return true;
}

/* door_replies -- how many whole replies came; fails when something else is behind them. */
__attribute__((unused)) static int door_replies(const struct door_client *c)
{
    struct door_reply r;
    size_t offset = 0;
    int count = 0;
    while (offset < c->got_used &&
           door_reply_at(bytes_of(c->got, c->got_used), &offset, false, &r)) {
        count++;
    }
    CHECK_U64(offset, c->got_used);
    return count;
}

/* door_status -- of the index-th reply; 0: there is none. */
__attribute__((unused)) static int door_status(const struct door_client *c, int index)
{
    struct door_reply r;
    return door_reply(c, index, &r) ? r.status : 0;
}

/* door_body_has -- the index-th reply's body contains text. */
__attribute__((unused)) static bool door_body_has(const struct door_client *c, int index,
                                                  const char *text)
{
    struct door_reply r;
    return door_reply(c, index, &r) && door_has(r.body, text);
}

__attribute__((unused)) static bool door_head_has(const struct door_client *c, int index,
                                                  const char *text)
{
    struct door_reply r;
    return door_reply(c, index, &r) && door_has(r.head, text);
}

#endif
