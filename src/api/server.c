/* api/server.c -- opening, accepting within bounds, draining.
 *
 * Why: a closed connection is freed at the end of the turn, so that a callback further up the
 *      stack may still look at it
 */
#include "api/server.h"

#include "base/mark.h"
#include "base/panic.h"

enum {
    IP_COUNT_BITS = 16,
    IP_COUNT_MASK = 0xffff,
};

/* Every connection is in `conns`, `ready` or `dead` by its one link. */
static void turn_end(void *arg)
{
    struct api *a = arg;
    struct list batch;
    list_init(&batch);
    while (!list_empty(&a->ready)) {
        struct list *node = a->ready.next;
        list_remove(node);
        list_push_back(&batch, node);
    }
    while (!list_empty(&batch)) {
        struct http_conn *c = CONTAINER_OF(batch.next, struct http_conn, link);
        list_remove(&c->link);
        if (c->state == HTTP_CONN_CLOSED) {
            mem_free(a->mem, c);
            continue;
        }
        list_push_back(&a->conns, &c->link);
        http_conn_go(c);
    }
}

/* Who is counted as one client: an IPv4 address, or the /64 that an IPv6 host may choose from. */
static uint64_t ip_key(const struct os_addr *addr)
{
    uint64_t key = addr->family;
    uint32_t count = addr->family == 4 ? 4 : 8;
    for (uint32_t i = 0; i < count; i++) {
        key = key << 8 ^ addr->ip[i];
    }
    return key;
}

/* What is known of an address: connections in the low 16 bits, bytes above them. */
static uint64_t ip_get(const struct api *a, const struct os_addr *addr)
{
    uint64_t value = 0;
    return map_find(&a->per_ip, ip_key(addr), &value) ? value : 0;
}

static void ip_set(struct api *a, const struct os_addr *addr, uint64_t value)
{
    if (value == 0) {
        map_remove(&a->per_ip, ip_key(addr));
        return;
    }
    enum err e = map_put(&a->per_ip, ip_key(addr), value);
    ASSERT(e == ERR_OK); /* never more addresses than connections */
}

static uint64_t ip_count(const struct api *a, const struct os_addr *addr)
{
    static_assert(HTTP_CONNS_MAX <= IP_COUNT_MASK, "connections fit their bits");
    return ip_get(a, addr) & IP_COUNT_MASK;
}

bool server_charge(struct api *a, struct http_conn *c, size_t count)
{
    uint64_t value = ip_get(a, &c->remote);
    ASSERT(c->charged == 0);
    if ((value >> IP_COUNT_BITS) + count > HTTP_CLIENT_BYTES_MAX) {
        return false;
    }
    c->charged = count;
    ip_set(a, &c->remote, value + ((uint64_t)count << IP_COUNT_BITS));
    return true;
}

void server_discharge(struct api *a, struct http_conn *c)
{
    if (c->charged > 0) {
        uint64_t value = ip_get(a, &c->remote);
        ASSERT(value >> IP_COUNT_BITS >= c->charged);
        ip_set(a, &c->remote, value - ((uint64_t)c->charged << IP_COUNT_BITS));
        c->charged = 0;
    }
}

/* Whoever answered last stands at the end of the list, so the first idle one has waited longest. */
static void make_way(struct api *a)
{
    LIST_EACH(node, &a->conns) {
        struct http_conn *c = CONTAINER_OF(node, struct http_conn, link);
        if (http_conn_idle(c)) {
            MARK("api: an idle connection makes way");
            a->evicted++;
            http_conn_close(c);
            return;
        }
    }
}

struct http_conn *server_conn_new(struct api *a, const struct os_addr *remote)
{
    uint64_t of_ip = ip_count(a, remote);
    if (a->count >= HTTP_CONNS_MAX && of_ip < HTTP_CONNS_PER_IP_MAX) {
        make_way(a);
        of_ip = ip_count(a, remote);
    }
    bool full = a->count >= HTTP_CONNS_MAX || of_ip >= HTTP_CONNS_PER_IP_MAX || a->stopping;
    struct http_conn *c = full ? NULL : mem_alloc(a->mem, sizeof *c);
    if (c == NULL) {
        MARK_IF(!full, "api: no room for a connection");
        a->turned_away++;
        return NULL;
    }
    ip_set(a, remote, ip_get(a, remote) + 1);
    memset(c, 0, sizeof *c);
    c->api = a;
    c->remote = *remote;
    list_push_back(&a->conns, &c->link);
    a->count++;
    a->accepted++;
    return c;
}

void server_conn_ready(struct api *a, struct http_conn *c)
{
    list_remove(&c->link);
    list_push_back(&a->ready, &c->link);
    os_turn_end(a->os, &a->hook);
}

void server_conn_gone(struct api *a, struct http_conn *c)
{
    ASSERT(a->count > 0);
    a->count--;
    ASSERT(c->charged == 0 && ip_count(a, &c->remote) > 0);
    ip_set(a, &c->remote, ip_get(a, &c->remote) - 1);
    server_conn_ready(a, c); /* freed there */
}

enum err api_open(struct os *os, struct mem *mem, struct service *service,
                  const struct api_options *options, struct api **out, struct diag *diag)
{
    struct api *a = mem_take(mem, sizeof *a);
    a->os = os;
    a->mem = mem;
    a->service = service;
    map_init(&a->per_ip, mem, HTTP_CONNS_MAX);
    list_init(&a->conns);
    list_init(&a->ready);
    list_init(&a->hook.link);
    a->hook.run = turn_end;
    a->hook.arg = a;
    enum err e = os_tcp_listen(os, &options->addr, &http_conn_handler, a, &a->listener);
    if (e != ERR_OK) {
        char text[OS_ADDR_TEXT_MAX];
        os_addr_format(&options->addr, text);
        map_done(&a->per_ip);
        mem_free(mem, a);
        return diag_set(diag, e, "http address %s: %s", text, err_text(e));
    }
    os_listener_addr(a->listener, &a->addr);
    *out = a;
    return ERR_OK;
}

void api_addr(const struct api *a, struct os_addr *out)
{
    *out = a->addr;
}

static void each(struct api *a, void (*fn)(struct http_conn *c))
{
    struct list *node = a->conns.next;
    while (node != &a->conns) {
        struct http_conn *c = CONTAINER_OF(node, struct http_conn, link);
        node = node->next;
        fn(c);
    }
}

void api_stop(struct api *a)
{
    if (a->stopping) {
        return;
    }
    a->stopping = true;
    os_listener_close(a->listener);
    each(a, http_conn_stop);
}

bool api_idle(const struct api *a)
{
    return a->count == 0;
}

void api_close(struct api *a)
{
    api_stop(a);
    each(a, http_conn_close);
    turn_end(a);
    each(a, http_conn_close);
    turn_end(a);
    list_remove(&a->hook.link);
    map_done(&a->per_ip);
    mem_free(a->mem, a);
}
