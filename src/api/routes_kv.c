/* api/routes_kv.c -- /write and /read.
 *
 * Shape: the usual request is scanned where it lies, at its arrival and again for its answer; any
 *        other goes through a tree, which the connection keeps in c->request
 */
#include "api/json_hot.h"
#include "api/json_in.h"
#include "api/json_out.h"
#include "api/router.h"
#include "api/server.h"
#include "base/panic.h"

#include <stdio.h>

enum {
    KV_HEADERS_BYTES_MAX = 160,
    KV_REPLY_BYTES_MIN = 512,
    KV_ROOM_BYTES = 4096 /* answers up to this size are built on the stack */
};

static struct bytes reply_headers(const struct service_reply *r, char *out)
{
    int n =
        snprintf(out, KV_HEADERS_BYTES_MAX,
                 "Aspen-Revision: %lld\r\nAspen-Term: %llu\r\nAspen-Node: %llu\r\n",
                 (long long)r->revision, (unsigned long long)r->term, (unsigned long long)r->node);
    return bytes_of(out, n > 0 ? (size_t)n : 0);
}

static struct http_conn *conn_of(struct service_call *call)
{
    struct http_conn *c = CONTAINER_OF(call, struct http_conn, call);
    c->calling = false;
    return c;
}

/* Room for an answer: the caller's small one or an allocation; NULL when memory is short. */
static uint8_t *room_take(struct http_conn *c, uint8_t *small, size_t bytes)
{
    return bytes <= KV_ROOM_BYTES ? small : mem_alloc(c->api->mem, bytes);
}

static void answer(struct http_conn *c, const struct service_reply *r, struct bytes body,
                   const uint8_t *small)
{
    char headers[KV_HEADERS_BYTES_MAX];
    http_conn_answer(c, 200, "application/json", reply_headers(r, headers), body);
    if (body.data != small) {
        mem_free(c->api->mem, (void *)(uintptr_t)body.data);
    }
}

/* The command as it was sent; returns false when it is in the tree. */
static bool put_command(const struct http_conn *c, struct writer *w)
{
    struct bytes key;
    struct bytes value;
    if (c->request != NULL || !json_hot_set(http_conn_body(c), &key, &value)) {
        return false;
    }
    writer_put(w, bytes_text("{\"Set\":{\"key\":\""));
    writer_put(w, key);
    writer_put(w, bytes_text("\",\"value\":\""));
    writer_put(w, value);
    writer_put(w, bytes_text("\"}}"));
    return true;
}

static void write_done(struct service_call *call, const struct service_reply *r)
{
    struct http_conn *c = conn_of(call);
    uint8_t small[KV_ROOM_BYTES];
    if (r->code != ERR_OK) {
        router_error(c, r->code, r->detail, r->leader_hint);
        return;
    }
    const json_t *command = json_object_get(c->request, "command");
    size_t dumped = c->request != NULL ? json_dumpb(command, NULL, 0, JSON_COMPACT) : 0;
    size_t size = http_conn_body(c).count + dumped + KV_REPLY_BYTES_MIN;
    uint8_t *room = room_take(c, small, size);
    if (room == NULL) {
        http_conn_close(c);
        return;
    }
    struct writer w = writer_of(room, size);
    writer_put(&w, bytes_text("{\"command\":"));
    if (!put_command(c, &w)) {
        json_dumpb(command, (char *)room + w.offset, dumped, JSON_COMPACT);
        w.offset += dumped;
    }
    writer_text(&w, ",\"revision\":%lld}\n", (long long)r->revision);
    ASSERT(!w.bad);
    answer(c, r, writer_bytes(&w), small);
}

/* The pairs of {"pairs":[[k,v],...]}. */
static enum err pairs_of(const json_t *set, struct service_pair *pairs, uint32_t *out_count)
{
    const json_t *list = json_object_get(set, "pairs");
    size_t count = json_array_size(list);
    if (!json_is_array(list) || count == 0) {
        return ERR_BAD_REQUEST;
    }
    if (count > KV_TXN_OPS_MAX) {
        return ERR_TOO_MANY_OPS;
    }
    for (size_t i = 0; i < count; i++) {
        const json_t *pair = json_array_get(list, i);
        const json_t *k = json_array_get(pair, 0);
        const json_t *v = json_array_get(pair, 1);
        if (json_array_size(pair) != 2 || !json_is_string(k) || !json_is_string(v)) {
            return ERR_BAD_REQUEST;
        }
        pairs[i].key = bytes_of(json_string_value(k), json_string_length(k));
        pairs[i].value = bytes_of(json_string_value(v), json_string_length(v));
    }
    *out_count = (uint32_t)count;
    return ERR_OK;
}

static enum err command_of(const json_t *body, struct service_pair *pairs, uint32_t *out_count)
{
    const json_t *command = json_object_get(body, "command");
    const json_t *set = json_object_get(command, "Set");
    const json_t *multi = json_object_get(command, "SetMulti");
    if ((set == NULL) == (multi == NULL)) {
        return ERR_BAD_REQUEST;
    }
    if (multi != NULL) {
        return pairs_of(multi, pairs, out_count);
    }
    *out_count = 1;
    bool good =
        json_in_text(set, "key", &pairs[0].key) && json_in_text(set, "value", &pairs[0].value);
    return good ? ERR_OK : ERR_BAD_REQUEST;
}

/* The pairs of the request at hand; false: it has been answered. */
static bool pairs_take(struct http_conn *c, struct service_pair *pairs, uint32_t *out_count,
                       enum err *out_err)
{
    *out_err = ERR_OK;
    *out_count = 1;
    if (json_hot_set(http_conn_body(c), &pairs[0].key, &pairs[0].value)) {
        return true;
    }
    const json_t *body = json_in_body(c, false);
    if (body == NULL) {
        return false;
    }
    *out_err = command_of(body, pairs, out_count);
    if (*out_err == ERR_BAD_REQUEST) {
        router_error(c, *out_err,
                     "expected {\"command\":{\"Set\":{\"key\":text,\"value\":text}}} or "
                     "{\"command\":{\"SetMulti\":{\"pairs\":[[key,value],...]}}}",
                     0);
        return false;
    }
    return true;
}

void route_write(struct http_conn *c)
{
    struct service_pair pairs[KV_TXN_OPS_MAX];
    uint32_t count = 0;
    enum err e = ERR_OK;
    if (!pairs_take(c, pairs, &count, &e)) {
        return;
    }
    memset(&c->call, 0, sizeof c->call);
    c->call.done = write_done;
    c->calling = true;
    e = e == ERR_OK ? c->api->service->table->write(c->api->service, pairs, count, &c->call) : e;
    if (e != ERR_OK) {
        c->calling = false;
        router_error(c, e, e == ERR_BAD_REQUEST ? "a key is named twice" : NULL, 0);
    }
}

static void read_done(struct service_call *call, const struct service_reply *r)
{
    struct http_conn *c = conn_of(call);
    char headers[KV_HEADERS_BYTES_MAX];
    uint8_t small[KV_ROOM_BYTES];
    struct bytes key = { 0 };
    if (r->code == ERR_NOT_FOUND) {
        router_error_with(c, r->code, r->detail, 0, reply_headers(r, headers)); /* an answer, too */
        return;
    }
    if (r->code != ERR_OK) {
        router_error(c, r->code, r->detail, r->leader_hint);
        return;
    }
    if (c->request != NULL || !json_hot_key(http_conn_body(c), &key)) {
        json_in_text(c->request, "key", &key);
    }
    size_t size = json_out_string_max(key.count) + json_out_string_max(r->record.value.count) +
                  KV_REPLY_BYTES_MIN;
    uint8_t *room = room_take(c, small, size);
    if (room == NULL) {
        http_conn_close(c);
        return;
    }
    struct writer w = writer_of(room, size);
    writer_put(&w, bytes_text("{\"key\":"));
    json_out_string(&w, key);
    writer_put(&w, bytes_text(",\"value\":"));
    json_out_string(&w, r->record.value);
    writer_text(
        &w, ",\"create_revision\":%lld,\"mod_revision\":%lld,\"version\":%lld,\"lease\":%lld}\n",
        (long long)r->record.create_revision, (long long)r->record.mod_revision,
        (long long)r->record.version, (long long)r->record.lease);
    ASSERT(!w.bad);
    answer(c, r, writer_bytes(&w), small);
}

static bool consistency_of(const json_t *body, enum service_consistency *out)
{
    struct bytes how;
    *out = SERVICE_LINEARIZABLE;
    if (json_object_get(body, "consistency") == NULL) {
        return true;
    }
    if (!json_in_text(body, "consistency", &how)) {
        return false;
    }
    if (bytes_equal(how, bytes_text("serializable"))) {
        *out = SERVICE_SERIALIZABLE;
        return true;
    }
    return bytes_equal(how, bytes_text("linearizable"));
}

/* Key and consistency of the request at hand; false: it has been answered. */
static bool read_take(struct http_conn *c, struct bytes *out_key, enum service_consistency *out_how)
{
    *out_how = SERVICE_LINEARIZABLE;
    if (json_hot_key(http_conn_body(c), out_key)) {
        return true;
    }
    const json_t *body = json_in_body(c, false);
    if (body == NULL) {
        return false;
    }
    if (!json_in_text(body, "key", out_key) || !consistency_of(body, out_how)) {
        router_error(c, ERR_BAD_REQUEST,
                     "expected {\"key\":text}, and optionally \"consistency\": "
                     "\"linearizable\" or \"serializable\"",
                     0);
        return false;
    }
    return true;
}

void route_read(struct http_conn *c)
{
    struct bytes key;
    enum service_consistency how = SERVICE_LINEARIZABLE;
    if (!read_take(c, &key, &how)) {
        return;
    }
    memset(&c->call, 0, sizeof c->call);
    c->call.done = read_done;
    c->calling = true;
    enum err e = c->api->service->table->read(c->api->service, key, how, &c->call);
    if (e != ERR_OK) {
        c->calling = false;
        router_error(c, e, NULL, 0);
    }
}
