/* api/routes_kv.c -- /write and /read. */
#include "api/json_in.h"
#include "api/json_out.h"
#include "api/router.h"
#include "api/server.h"

#include <stdio.h>

enum {
    KV_HEADERS_BYTES_MAX = 160,
    KV_REPLY_BYTES_MIN = 512
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

static void write_done(struct service_call *call, const struct service_reply *r)
{
    struct http_conn *c = conn_of(call);
    char headers[KV_HEADERS_BYTES_MAX];
    char tail[48];
    if (r->code != ERR_OK) {
        router_error(c, r->code, r->detail, r->leader_hint);
        return;
    }
    const json_t *command = json_object_get(c->request, "command");
    size_t need = json_dumpb(command, NULL, 0, JSON_COMPACT);
    uint8_t *room = mem_alloc(c->api->mem, need + KV_REPLY_BYTES_MIN);
    if (room == NULL) {
        http_conn_close(c);
        return;
    }
    struct writer w = writer_of(room, need + KV_REPLY_BYTES_MIN);
    writer_put(&w, bytes_text("{\"command\":"));
    json_dumpb(command, (char *)room + w.offset, need, JSON_COMPACT);
    w.offset += need;
    snprintf(tail, sizeof tail, ",\"revision\":%lld}\n", (long long)r->revision);
    writer_put(&w, bytes_text(tail));
    http_conn_answer(c, 200, "application/json", reply_headers(r, headers), writer_bytes(&w));
    mem_free(c->api->mem, room);
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

void route_write(struct http_conn *c)
{
    struct service_pair pairs[KV_TXN_OPS_MAX];
    uint32_t count = 0;
    json_t *body = json_in_body(c, false);
    if (body == NULL) {
        return;
    }
    enum err e = command_of(body, pairs, &count);
    if (e == ERR_BAD_REQUEST) {
        router_error(c, e,
                     "expected {\"command\":{\"Set\":{\"key\":text,\"value\":text}}} or "
                     "{\"command\":{\"SetMulti\":{\"pairs\":[[key,value],...]}}}",
                     0);
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
    char tail[160];
    struct bytes key = { 0 };
    if (r->code == ERR_NOT_FOUND) {
        router_error_with(c, r->code, r->detail, 0, reply_headers(r, headers)); /* an answer, too */
        return;
    }
    if (r->code != ERR_OK) {
        router_error(c, r->code, r->detail, r->leader_hint);
        return;
    }
    json_in_text(c->request, "key", &key);
    size_t size = json_out_string_max(key.count) + json_out_string_max(r->record.value.count) +
                  KV_REPLY_BYTES_MIN;
    uint8_t *room = mem_alloc(c->api->mem, size);
    if (room == NULL) {
        http_conn_close(c);
        return;
    }
    struct writer w = writer_of(room, size);
    writer_put(&w, bytes_text("{\"key\":"));
    json_out_string(&w, key);
    writer_put(&w, bytes_text(",\"value\":"));
    json_out_string(&w, r->record.value);
    snprintf(tail, sizeof tail,
             ",\"create_revision\":%lld,\"mod_revision\":%lld,\"version\":%lld,\"lease\":%lld}\n",
             (long long)r->record.create_revision, (long long)r->record.mod_revision,
             (long long)r->record.version, (long long)r->record.lease);
    writer_put(&w, bytes_text(tail));
    http_conn_answer(c, 200, "application/json", reply_headers(r, headers), writer_bytes(&w));
    mem_free(c->api->mem, room);
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

void route_read(struct http_conn *c)
{
    struct bytes key;
    enum service_consistency how = SERVICE_LINEARIZABLE;
    json_t *body = json_in_body(c, false);
    if (body == NULL) {
        return;
    }
    if (!json_in_text(body, "key", &key) || !consistency_of(body, &how)) {
        router_error(c, ERR_BAD_REQUEST,
                     "expected {\"key\":text}, and optionally \"consistency\": "
                     "\"linearizable\" or \"serializable\"",
                     0);
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
