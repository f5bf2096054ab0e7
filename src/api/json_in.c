/* api/json_in.c -- strict parsing: duplicates refused, a bounded number of values, nothing
 * behind. */
#include "api/json_in.h"

#include "api/router.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    JSON_IN_VALUES_MAX = 16 * 1024
};

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

json_t *json_in_body(struct http_conn *c, bool empty_ok)
{
    struct bytes body = http_conn_body(c);
    json_error_t error;
    json_t *tree = NULL;
    if (too_many_values(body)) {
        router_error(c, ERR_BAD_JSON, "the body holds too many values", 0);
        return NULL;
    }
    if (empty_ok && body.count == 0) {
        tree = json_object();
    } else {
        tree = json_loadb((const char *)body.data, body.count,
                          JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &error);
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
