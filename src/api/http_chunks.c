/* api/http_chunks.c -- chunked bodies, put together in the buffer that they arrive in. */
#include "api/http_parse.h"

enum chunk_state {
    CHUNK_SIZE_FIRST, /* a digit must come */
    CHUNK_SIZE,
    CHUNK_SIZE_LF,
    CHUNK_DATA,
    CHUNK_DATA_CR,
    CHUNK_DATA_LF,
    CHUNK_END_CR,
    CHUNK_END_LF,
};

enum {
    CHUNK_DIGITS_MAX = 16 /* leading zeros could go on for ever */
};

void http_chunks_init(struct http_chunks *c, size_t offset)
{
    c->in = offset;
    c->out = offset;
    c->left = 0;
    c->digits = 0;
    c->state = CHUNK_SIZE_FIRST;
}

static int digit(uint8_t ch)
{
    if (ch >= '0' && ch <= '9') {
        return ch - '0';
    }
    if (ch >= 'a' && ch <= 'f') {
        return ch - 'a' + 10;
    }
    return ch >= 'A' && ch <= 'F' ? ch - 'A' + 10 : -1;
}

static int size_byte(struct http_chunks *c, uint8_t ch)
{
    int d = digit(ch);
    if (d >= 0) {
        c->left = c->left * 16 + (uint64_t)d;
        c->state = CHUNK_SIZE;
        if (++c->digits > CHUNK_DIGITS_MAX) {
            return 400;
        }
        return c->left > HTTP_BODY_BYTES_MAX ? 413 : 0;
    }
    if (ch != '\r' || c->state == CHUNK_SIZE_FIRST) {
        return 400;
    }
    c->state = CHUNK_SIZE_LF;
    c->digits = 0;
    return 0;
}

/* One byte that is not data. */
static int frame_byte(struct http_chunks *c, uint8_t ch)
{
    switch (c->state) {
    case CHUNK_SIZE_FIRST:
    case CHUNK_SIZE:
        return size_byte(c, ch);
    case CHUNK_SIZE_LF:
        c->state = c->left > 0 ? CHUNK_DATA : CHUNK_END_CR;
        return ch == '\n' ? 0 : 400;
    case CHUNK_DATA_CR:
        c->state = CHUNK_DATA_LF;
        return ch == '\r' ? 0 : 400;
    case CHUNK_DATA_LF:
        c->state = CHUNK_SIZE_FIRST;
        return ch == '\n' ? 0 : 400;
    case CHUNK_END_CR:
        c->state = CHUNK_END_LF;
        return ch == '\r' ? 0 : 400; /* anything else is a trailer */
    default:
        return ch == '\n' ? 200 : 400;
    }
}

void http_chunks_feed(struct http_chunks *c, uint8_t *data, size_t count, size_t body_offset,
                      int *out_status)
{
    *out_status = 0;
    while (c->in < count && *out_status == 0) {
        if (c->state != CHUNK_DATA) {
            *out_status = frame_byte(c, data[c->in++]);
            continue;
        }
        size_t n = count - c->in < c->left ? count - c->in : (size_t)c->left;
        memmove(data + c->out, data + c->in, n);
        c->in += n;
        c->out += n;
        c->left -= n;
        if (c->left == 0) {
            c->state = CHUNK_DATA_CR;
        }
        if (c->out - body_offset > HTTP_BODY_BYTES_MAX) {
            *out_status = 413;
        }
    }
}
