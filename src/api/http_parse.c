/* api/http_parse.c -- heads, line by line. */
#include "api/http_parse.h"

#include <strings.h>

enum {
    STATUS_OK = 200,
    STATUS_BAD = 400,
    STATUS_TARGET = 414,
    STATUS_HEADER = 431,
    STATUS_CODING = 501,
    STATUS_VERSION = 505,
    LENGTH_DIGITS_MAX = 18,
};

struct parse {
    struct bytes in;
    struct http_head *out;
    int minor; /* of the version */
    bool host;
    bool length;
    bool coding;
    bool close;
    bool keep;
};

static bool is_token(uint8_t c)
{
    static const char extra[] = "!#$%&'*+-.^_`|~";
    bool alnum = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    return alnum || (c != '\0' && strchr(extra, c) != NULL);
}

static bool word_is(struct bytes w, const char *text)
{
    return w.count == strlen(text) && strncasecmp((const char *)w.data, text, w.count) == 0;
}

static struct bytes trim(struct bytes b)
{
    while (b.count > 0 && (b.data[0] == ' ' || b.data[0] == '\t')) {
        b = bytes_of(b.data + 1, b.count - 1);
    }
    while (b.count > 0 && (b.data[b.count - 1] == ' ' || b.data[b.count - 1] == '\t')) {
        b.count--;
    }
    return b;
}

static enum http_method method_of(struct bytes m)
{
    if (bytes_equal(m, bytes_text("GET"))) {
        return HTTP_GET;
    }
    if (bytes_equal(m, bytes_text("HEAD"))) {
        return HTTP_HEAD;
    }
    return bytes_equal(m, bytes_text("POST")) ? HTTP_POST : HTTP_OTHER;
}

/* Path of the target: origin form, or absolute form without its scheme and authority. */
static int target_parse(struct parse *p, struct bytes t)
{
    size_t begin = 0;
    if (t.count > HTTP_TARGET_BYTES_MAX) {
        return STATUS_TARGET;
    }
    for (size_t i = 0; i < t.count; i++) {
        if (t.data[i] <= ' ' || t.data[i] >= 0x7f || t.data[i] == '#') {
            return STATUS_BAD;
        }
    }
    if (t.count > 7 && strncasecmp((const char *)t.data, "http://", 7) == 0) {
        begin = 7;
        while (begin < t.count && t.data[begin] != '/') {
            begin++;
        }
    }
    bool star = t.count == 1 && t.data[0] == '*';
    if (!star && (begin >= t.count || t.data[begin] != '/')) {
        return STATUS_BAD;
    }
    size_t end = begin;
    while (end < t.count && t.data[end] != '?') {
        end++;
    }
    p->out->path_offset = (size_t)(t.data - p->in.data) + begin;
    p->out->path_bytes = end - begin;
    return STATUS_OK;
}

static int request_line(struct parse *p, struct bytes line)
{
    size_t a = 0;
    while (a < line.count && is_token(line.data[a])) {
        a++;
    }
    size_t b = a + 1;
    while (b < line.count && line.data[b] != ' ') {
        b++;
    }
    if (a == 0 || a >= line.count || line.data[a] != ' ' || b >= line.count) {
        return a + 1 < line.count && b >= HTTP_TARGET_BYTES_MAX ? STATUS_TARGET : STATUS_BAD;
    }
    struct bytes version = bytes_of(line.data + b + 1, line.count - b - 1);
    p->out->method = method_of(bytes_of(line.data, a));
    if (bytes_equal(version, bytes_text("HTTP/1.1"))) {
        p->minor = 1;
    } else if (!bytes_equal(version, bytes_text("HTTP/1.0"))) {
        bool http = version.count == 8 && memcmp(version.data, "HTTP/", 5) == 0;
        return http && version.data[6] == '.' ? STATUS_VERSION : STATUS_BAD;
    }
    return target_parse(p, bytes_of(line.data + a + 1, b - a - 1));
}

static int length_field(struct parse *p, struct bytes v)
{
    uint64_t n = 0;
    if (p->length || v.count == 0 || v.count > LENGTH_DIGITS_MAX) {
        return STATUS_BAD;
    }
    for (size_t i = 0; i < v.count; i++) {
        if (v.data[i] < '0' || v.data[i] > '9') {
            return STATUS_BAD;
        }
        n = n * 10 + (uint64_t)(v.data[i] - '0');
    }
    p->length = true;
    p->out->length = n;
    return STATUS_OK;
}

static int coding_field(struct parse *p, struct bytes v)
{
    if (p->coding || p->minor == 0) {
        return STATUS_BAD;
    }
    p->coding = true;
    p->out->chunked = true;
    return word_is(v, "chunked") ? STATUS_OK : STATUS_CODING;
}

static int host_field(struct parse *p, struct bytes v)
{
    if (p->host) {
        return STATUS_BAD;
    }
    for (size_t i = 0; i < v.count; i++) {
        uint8_t c = v.data[i];
        bool allowed = is_token(c) || c == ':' || c == '[' || c == ']' || c == '(' || c == ')' ||
                       c == ';' || c == '=' || c == ',';
        if (!allowed) {
            return STATUS_BAD;
        }
    }
    p->host = true;
    return STATUS_OK;
}

static void connection_field(struct parse *p, struct bytes v)
{
    size_t begin = 0;
    for (size_t i = 0; i <= v.count; i++) {
        if (i == v.count || v.data[i] == ',') {
            struct bytes word = trim(bytes_of(v.data + begin, i - begin));
            p->close = p->close || word_is(word, "close");
            p->keep = p->keep || word_is(word, "keep-alive");
            begin = i + 1;
        }
    }
}

static int field(struct parse *p, struct bytes line)
{
    size_t colon = 0;
    while (colon < line.count && is_token(line.data[colon])) {
        colon++;
    }
    if (colon == 0 || colon >= line.count || line.data[colon] != ':') {
        return STATUS_BAD;
    }
    struct bytes name = bytes_of(line.data, colon);
    struct bytes v = trim(bytes_of(line.data + colon + 1, line.count - colon - 1));
    for (size_t i = 0; i < v.count; i++) {
        if ((v.data[i] < ' ' && v.data[i] != '\t') || v.data[i] == 0x7f) {
            return STATUS_BAD;
        }
    }
    if (word_is(name, "content-length")) {
        return length_field(p, v);
    }
    if (word_is(name, "transfer-encoding")) {
        return coding_field(p, v);
    }
    if (word_is(name, "host")) {
        return host_field(p, v);
    }
    if (word_is(name, "connection")) {
        connection_field(p, v);
    } else if (word_is(name, "expect")) {
        if (!word_is(v, "100-continue")) {
            return 417;
        }
        p->out->expect_continue = p->minor == 1;
    }
    return STATUS_OK;
}

/* Facts that need all fields. */
static int finish(struct parse *p)
{
    if (p->minor == 1 && !p->host) {
        return STATUS_BAD;
    }
    if (p->length && p->coding) {
        return STATUS_BAD;
    }
    p->out->old = p->minor == 0;
    p->out->keep_alive = p->minor == 1 ? !p->close : p->keep && !p->close;
    return STATUS_OK;
}

/* The line that begins at offset: its end without CRLF. 0 more is needed, 200, or a refusal. */
static int line_at(struct bytes in, size_t offset, size_t *out_end)
{
    for (size_t i = offset; i < in.count; i++) {
        if (in.data[i] == '\n' || in.data[i] == '\0') {
            return STATUS_BAD;
        }
        if (in.data[i] == '\r') {
            if (i + 1 == in.count) {
                return 0;
            }
            *out_end = i;
            return in.data[i + 1] == '\n' ? STATUS_OK : STATUS_BAD;
        }
    }
    return 0;
}

/* The running line has no end yet: wait for more, unless the head is as long as it may be. */
static int more_or(struct bytes in, bool first)
{
    if (in.count < HTTP_HEAD_BYTES_MAX) {
        return 0;
    }
    return first ? STATUS_TARGET : STATUS_HEADER;
}

static int head_parse(struct parse *p)
{
    size_t offset = 0;
    size_t end = 0;
    if (p->in.count >= 2 && p->in.data[0] == '\r' && p->in.data[1] == '\n') {
        offset = 2; /* one blank line before a request is forgiven (RFC 9112, 2.2) */
    }
    for (uint32_t lines = 0; lines <= HTTP_FIELDS_MAX + 1; lines++) {
        int status = line_at(p->in, offset, &end);
        if (status == 0) {
            return more_or(p->in, lines == 0);
        }
        struct bytes line = bytes_of(p->in.data + offset, end - offset);
        if (status == STATUS_OK && line.count == 0 && lines > 0) {
            p->out->bytes = end + 2;
            return finish(p);
        }
        if (status == STATUS_OK) {
            status = lines == 0 ? request_line(p, line) : field(p, line);
        }
        if (status != STATUS_OK) {
            return status;
        }
        offset = end + 2;
    }
    return STATUS_HEADER;
}

void http_head_parse(struct bytes in, struct http_head *out, int *out_status)
{
    /* what lies behind the largest head is not looked at, or segments would change the verdict */
    size_t count = in.count < HTTP_HEAD_BYTES_MAX ? in.count : HTTP_HEAD_BYTES_MAX;
    struct parse p = { .in = bytes_of(in.data, count), .out = out };
    memset(out, 0, sizeof *out);
    *out_status = head_parse(&p);
}
