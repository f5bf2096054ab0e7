/* bench/protocols.c -- Aspen's JSON, etcd's JSON gateway, Redis' RESP. */
#include "protocols.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum {
    BODY_BYTES_MAX = PROTOCOL_REQUEST_BYTES_MAX - 512,
    KEY_TEXT_BYTES = PROTOCOL_KEY_BYTES + 1,
    BASE64_BYTES_MAX = (PROTOCOL_VALUE_BYTES_MAX + 2) / 3 * 4 + 1
};

static void key_text(uint32_t key, char *out)
{
    snprintf(out, KEY_TEXT_BYTES, "k%08u", key % 100000000u);
}

static size_t post(const struct protocol_op *op, const char *target, const char *body,
                   size_t body_bytes, char *out)
{
    int n = snprintf(out, PROTOCOL_REQUEST_BYTES_MAX,
                     "POST %s HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\n"
                     "Content-Length: %zu\r\n\r\n",
                     target, op->host, body_bytes);
    memcpy(out + n, body, body_bytes);
    return (size_t)n + body_bytes;
}

/* ---- HTTP answers ---- */

static const char *find(const char *in, size_t count, const char *what)
{
    return in == NULL ? NULL : memmem(in, count, what, strlen(what));
}

/* The value of a header, or NULL; head ends with an empty line. */
static const char *header(const char *head, size_t count, const char *name)
{
    const char *end = head + count;
    size_t name_bytes = strlen(name);
    for (const char *line = find(head, count, "\r\n"); line != NULL && line + 2 < end;
         line = find(line, (size_t)(end - line), "\r\n")) {
        line += 2;
        if ((size_t)(end - line) > name_bytes && strncasecmp(line, name, name_bytes) == 0 &&
            line[name_bytes] == ':') {
            return line + name_bytes + 1;
        }
    }
    return NULL;
}

/* The size of a chunked body; 0: not whole; -1: broken. */
static long chunked_bytes(const char *in, size_t count)
{
    size_t at = 0;
    while (at < count) {
        const char *line_end = find(in + at, count - at, "\r\n");
        if (line_end == NULL) {
            return 0;
        }
        size_t size = strtoul(in + at, NULL, 16);
        size_t next = (size_t)(line_end - in) + 2 + size + 2;
        if (size > PROTOCOL_ANSWER_BYTES_MAX) {
            return -1;
        }
        if (next > count) {
            return 0;
        }
        if (size == 0) {
            return (long)next;
        }
        at = next;
    }
    return 0;
}

/* The whole answer's size; its status and body. */
static long http_answer(const char *in, size_t count, int *out_status, const char **out_body)
{
    if (count >= 7 && memcmp(in, "HTTP/1.", 7) != 0) {
        return -1;
    }
    const char *head_end = find(in, count, "\r\n\r\n");
    if (head_end == NULL) {
        return 0;
    }
    size_t head = (size_t)(head_end - in) + 4;
    const char *length = header(in, head, "content-length");
    *out_status = (int)strtol(in + 9, NULL, 10);
    *out_body = in + head;
    if (length != NULL) {
        size_t whole = head + strtoul(length, NULL, 10);
        return count >= whole ? (long)whole : 0;
    }
    long body = chunked_bytes(in + head, count - head);
    return body <= 0 ? body : (long)head + body;
}

/* An answer is good with status 200 and, for a read, with a value in it. */
static long json_answer(bool write, const char *in, size_t count, bool *out_good)
{
    int status = 0;
    const char *body = NULL;
    long whole = http_answer(in, count, &status, &body);
    if (whole > 0) {
        size_t body_bytes = (size_t)(in + whole - body);
        *out_good = status == 200 && (write || find(body, body_bytes, "\"value\":\"") != NULL);
    }
    return whole;
}

/* ---- Aspen ---- */

static size_t aspen_request(const struct protocol_op *op, char *out)
{
    char body[BODY_BYTES_MAX];
    char key[KEY_TEXT_BYTES];
    key_text(op->key, key);
    int n = op->write ? snprintf(body, sizeof body,
                                 "{\"command\":{\"Set\":{\"key\":\"%s\",\"value\":\"%.*s\"}}}", key,
                                 (int)op->value_bytes, op->value)
                      : snprintf(body, sizeof body, "{\"key\":\"%s\"}", key);
    return post(op, op->write ? "/write" : "/read", body, (size_t)n, out);
}

/* ---- etcd ---- */

static void base64(const char *in, size_t count, char *out)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < count; i += 3) {
        uint32_t v = (uint32_t)(uint8_t)in[i] << 16;
        v |= i + 1 < count ? (uint32_t)(uint8_t)in[i + 1] << 8 : 0;
        v |= i + 2 < count ? (uint32_t)(uint8_t)in[i + 2] : 0;
        *out++ = digits[v >> 18];
        *out++ = digits[(v >> 12) & 63];
        *out++ = i + 1 < count ? digits[(v >> 6) & 63] : '=';
        *out++ = i + 2 < count ? digits[v & 63] : '=';
    }
    *out = '\0';
}

static size_t etcd_request(const struct protocol_op *op, char *out)
{
    char body[BODY_BYTES_MAX];
    char key[KEY_TEXT_BYTES];
    char key64[BASE64_BYTES_MAX];
    char value64[BASE64_BYTES_MAX];
    key_text(op->key, key);
    base64(key, PROTOCOL_KEY_BYTES, key64);
    int n = 0;
    if (op->write) {
        base64(op->value, op->value_bytes, value64);
        n = snprintf(body, sizeof body, "{\"key\":\"%s\",\"value\":\"%s\"}", key64, value64);
    } else {
        n = snprintf(body, sizeof body, "{\"key\":\"%s\"}", key64);
    }
    return post(op, op->write ? "/v3/kv/put" : "/v3/kv/range", body, (size_t)n, out);
}

/* ---- Redis ---- */

static size_t redis_request(const struct protocol_op *op, char *out)
{
    char key[KEY_TEXT_BYTES];
    key_text(op->key, key);
    int n = op->write
                ? snprintf(out, PROTOCOL_REQUEST_BYTES_MAX,
                           "*3\r\n$3\r\nSET\r\n$%d\r\n%s\r\n$%zu\r\n%.*s\r\n", PROTOCOL_KEY_BYTES,
                           key, op->value_bytes, (int)op->value_bytes, op->value)
                : snprintf(out, PROTOCOL_REQUEST_BYTES_MAX, "*2\r\n$3\r\nGET\r\n$%d\r\n%s\r\n",
                           PROTOCOL_KEY_BYTES, key);
    return (size_t)n;
}

static long redis_answer(bool write, const char *in, size_t count, bool *out_good)
{
    const char *end = find(in, count, "\r\n");
    if (end == NULL) {
        return 0;
    }
    long line = end - in + 2;
    if (in[0] == '$' && in[1] != '-') {
        long whole = line + strtol(in + 1, NULL, 10) + 2;
        *out_good = !write;
        return (long)count >= whole ? whole : 0;
    }
    *out_good = write && in[0] == '+';
    return in[0] == '+' || in[0] == '-' || in[0] == '$' ? line : -1;
}

const struct protocol *protocol_find(const char *name)
{
    static const struct protocol all[] = {
        { "aspen", aspen_request, json_answer },
        { "etcd", etcd_request, json_answer },
        { "redis", redis_request, redis_answer },
    };
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        if (strcmp(all[i].name, name) == 0) {
            return &all[i];
        }
    }
    return NULL;
}
