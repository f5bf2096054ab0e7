/* api/json_in.c -- strict parsing: duplicates refused, a bounded number of values, nothing
 * behind. */
#include "api/json_in.h"

#include "api/router.h"
#include "api/server.h"
#include "base/ids.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    JSON_IN_VALUES_MAX = 16 * 1024,
    JSON_IN_NUMBER_BYTES_MAX = 64 /* of a number with a fraction or an exponent */
};

/* A number that fits, but no whole one: a field of ours that holds it is refused as before. */
static const char stand_in[] = "0e0";

static void tree_free(void *tree)
{
    json_decref(tree);
}

/* A small value costs a hundred bytes as a tree, so a body of nothing but values would cost a
 * hundred times its size: count them first. Bodies up to two bytes a value cannot hold too many. */
static bool too_many_values(struct bytes body)
{
    size_t count = 0;
    bool text = false;
    for (size_t i = 0; body.count > 2 * JSON_IN_VALUES_MAX && i < body.count; i++) {
        uint8_t c = body.data[i];
        if (text && c == '\\') {
            i++;
        } else if (c == '"') {
            text = !text;
        } else if (!text && (c == ',' || c == '[' || c == '{')) {
            count++;
        }
    }
    return count > JSON_IN_VALUES_MAX;
}

static size_t digits(struct bytes b, size_t at)
{
    size_t n = 0;
    while (at + n < b.count && b.data[at + n] >= '0' && b.data[at + n] <= '9') {
        n++;
    }
    return n;
}

/* Bytes of the number at `at`, as JSON writes it; 0: there is none, and the parser will say so. */
static size_t number_bytes(struct bytes b, size_t at, bool *out_whole)
{
    size_t i = at + (b.data[at] == '-');
    size_t n = digits(b, i);
    if (n == 0 || (n > 1 && b.data[i] == '0')) {
        return 0;
    }
    i += n;
    *out_whole = true;
    if (i < b.count && b.data[i] == '.') {
        n = digits(b, i + 1);
        i += 1 + n;
        *out_whole = false;
    }
    if (n > 0 && i < b.count && (b.data[i] == 'e' || b.data[i] == 'E')) {
        i++;
        i += i < b.count && (b.data[i] == '+' || b.data[i] == '-');
        n = digits(b, i);
        i += n;
        *out_whole = false;
    }
    return n > 0 ? i - at : 0;
}

/* jansson refuses a body for a number beyond int64 or double, wherever it stands. */
static bool number_fits(struct bytes text, bool whole)
{
    uint64_t v = 0;
    bool minus = text.data[0] == '-';
    char copy[JSON_IN_NUMBER_BYTES_MAX];
    if (whole) {
        struct bytes number = bytes_of(text.data + minus, text.count - minus);
        return ids_u64(number, &v) == ERR_OK && v <= (uint64_t)INT64_MAX + minus;
    }
    if (text.count >= sizeof copy) {
        return false;
    }
    memcpy(copy, text.data, text.count);
    copy[text.count] = '\0';
    return isfinite(strtod(copy, NULL));
}

/* The next number from *at on, outside of texts, that does not fit; false: there is none. */
static bool next_unfit(struct bytes b, size_t *at, size_t *out_count)
{
    bool text = false;
    for (size_t i = *at; i < b.count; i++) {
        uint8_t c = b.data[i];
        bool whole = true;
        if (text && c == '\\') {
            i++;
        } else if (c == '"') {
            text = !text;
        } else if (!text && (c == '-' || (c >= '0' && c <= '9'))) {
            size_t n = number_bytes(b, i, &whole);
            if (n == 0) {
                return false;
            }
            if (!number_fits(bytes_of(b.data + i, n), whole)) {
                *at = i;
                *out_count = n;
                return true;
            }
            i += n - 1;
        }
    }
    return false;
}

/* The body as a tree. Fields that are not known are ignored, also those whose numbers fit into
 * nothing: a copy has the stand-in at their places. */
static json_t *parse(struct http_conn *c, struct bytes body, json_error_t *error, bool *out_memory)
{
    const size_t flags = JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL;
    size_t at = 0;
    size_t count = 0;
    *out_memory = true;
    if (!next_unfit(body, &at, &count)) {
        return json_loadb((const char *)body.data, body.count, flags, error);
    }
    char *copy = mem_alloc(c->api->mem, body.count);
    if (copy == NULL) {
        *out_memory = false;
        return NULL;
    }
    memcpy(copy, body.data, body.count);
    do {
        memset(copy + at, ' ', count);
        memcpy(copy + at, stand_in, sizeof stand_in - 1);
        at += count;
    } while (next_unfit(body, &at, &count));
    json_t *tree = json_loadb(copy, body.count, flags, error);
    mem_free(c->api->mem, copy);
    return tree;
}

json_t *json_in_body(struct http_conn *c, bool empty_ok)
{
    struct bytes body = http_conn_body(c);
    json_error_t error;
    json_t *tree = NULL;
    bool memory = true;
    if (too_many_values(body)) {
        router_error(c, ERR_BAD_JSON, "the body holds too many values", 0);
        return NULL;
    }
    if (empty_ok && body.count == 0) {
        tree = json_object();
    } else {
        tree = parse(c, body, &error, &memory);
    }
    if (!memory) {
        router_error(c, ERR_NO_MEMORY, NULL, 0);
        return NULL;
    }
    if (tree == NULL) {
        char text[256];
        snprintf(text, sizeof text, "the body is not valid JSON: %.150s at line %d, column %d",
                 error.text, error.line, error.column);
        router_error(c, ERR_BAD_JSON, text, 0);
        return NULL;
    }
    if (!json_is_object(tree)) {
        json_decref(tree);
        router_error(c, ERR_BAD_REQUEST, "the body is not a JSON object", 0);
        return NULL;
    }
    c->request = tree;
    c->request_free = tree_free;
    return tree;
}

bool json_in_text(const json_t *object, const char *name, struct bytes *out)
{
    const json_t *v = json_object_get(object, name);
    if (!json_is_string(v)) {
        return false;
    }
    *out = bytes_of(json_string_value(v), json_string_length(v));
    return true;
}

bool json_in_u64(const json_t *object, const char *name, uint64_t *out)
{
    const json_t *v = json_object_get(object, name);
    if (!json_is_integer(v) || json_integer_value(v) < 0) {
        return false;
    }
    *out = (uint64_t)json_integer_value(v);
    return true;
}

json_t *json_in_node(const struct service_members *m, uint32_t i)
{
    const char *raft_addr = m->member[i].raft_addr;
    return json_pack("{s:I,s:s,s:o}", "id", (json_int_t)m->member[i].id, "addr", m->member[i].addr,
                     "raft_addr", raft_addr[0] != '\0' ? json_string(raft_addr) : json_null());
}

void json_in_answer(struct http_conn *c, json_t *tree)
{
    char *text = tree != NULL ? json_dumps(tree, JSON_COMPACT) : NULL;
    json_decref(tree);
    if (text == NULL) {
        router_error(c, ERR_NO_MEMORY, NULL, 0);
        return;
    }
    http_conn_answer(c, 200, "application/json", bytes_of(NULL, 0), bytes_text(text));
    free(text);
}
