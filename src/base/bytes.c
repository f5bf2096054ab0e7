/* base/bytes.c -- bounded cursors; every read and write of raw memory checks its bound here. */
#include "base/bytes.h"

enum {
    VARINT_BYTES_MAX = 10
};

int bytes_compare(struct bytes a, struct bytes b)
{
    size_t n = a.count < b.count ? a.count : b.count;
    int c = n == 0 ? 0 : memcmp(a.data, b.data, n);
    if (c != 0) {
        return c;
    }
    return a.count < b.count ? -1 : a.count > b.count;
}

size_t reader_left(const struct reader *r)
{
    return r->bad ? 0 : r->size - r->offset;
}

/* The next count bytes, or NULL and bad. */
static const uint8_t *reader_step(struct reader *r, size_t count)
{
    if (r->bad || count > r->size - r->offset) {
        r->bad = true;
        return NULL;
    }
    const uint8_t *at = r->offset > 0 ? r->data + r->offset : r->data; /* NULL + 0 is undefined */
    r->offset += count;
    return at;
}

static uint64_t reader_le(struct reader *r, size_t count)
{
    const uint8_t *at = reader_step(r, count);
    uint64_t v = 0;
    for (size_t i = 0; at != NULL && i < count; i++) {
        v |= (uint64_t)at[i] << (8 * i);
    }
    return v;
}

uint8_t reader_u8(struct reader *r)
{
    return (uint8_t)reader_le(r, 1);
}

uint16_t reader_u16(struct reader *r)
{
    return (uint16_t)reader_le(r, 2);
}

uint32_t reader_u32(struct reader *r)
{
    return (uint32_t)reader_le(r, 4);
}

uint64_t reader_u64(struct reader *r)
{
    return reader_le(r, 8);
}

uint64_t reader_varint(struct reader *r)
{
    uint64_t v = 0;
    for (unsigned i = 0; i < VARINT_BYTES_MAX; i++) {
        const uint8_t *at = reader_step(r, 1);
        if (at == NULL) {
            return 0;
        }
        uint64_t low = *at & 0x7fu;
        bool last = (*at & 0x80u) == 0;
        bool overflow = i == VARINT_BYTES_MAX - 1 && *at > 1;
        bool overlong = last && i > 0 && low == 0;
        if (overflow || overlong) {
            break;
        }
        v |= low << (7 * i);
        if (last) {
            return v;
        }
    }
    r->bad = true;
    return 0;
}

struct bytes reader_take(struct reader *r, size_t count)
{
    const uint8_t *at = reader_step(r, count);
    return at != NULL ? bytes_of(at, count) : bytes_of(NULL, 0);
}

struct bytes reader_blob(struct reader *r, size_t max)
{
    uint64_t count = reader_varint(r);
    if (count > max || count > reader_left(r)) {
        r->bad = true;
        return bytes_of(NULL, 0);
    }
    return reader_take(r, (size_t)count);
}

void reader_copy(struct reader *r, void *out, size_t count)
{
    const uint8_t *at = reader_step(r, count);
    if (count == 0) {
        return;
    }
    if (at != NULL) {
        memcpy(out, at, count);
    } else {
        memset(out, 0, count);
    }
}

bool reader_done(const struct reader *r)
{
    return !r->bad && r->offset == r->size;
}

/* Room for count bytes, or NULL and bad. */
static uint8_t *writer_step(struct writer *w, size_t count)
{
    if (w->bad || count > w->size - w->offset) {
        w->bad = true;
        return NULL;
    }
    uint8_t *at = w->offset > 0 ? w->data + w->offset : w->data; /* NULL + 0 is undefined */
    w->offset += count;
    return at;
}

static void writer_le(struct writer *w, uint64_t v, size_t count)
{
    uint8_t *at = writer_step(w, count);
    for (size_t i = 0; at != NULL && i < count; i++) {
        at[i] = (uint8_t)(v >> (8 * i));
    }
}

void writer_u8(struct writer *w, uint8_t v)
{
    writer_le(w, v, 1);
}

void writer_u16(struct writer *w, uint16_t v)
{
    writer_le(w, v, 2);
}

void writer_u32(struct writer *w, uint32_t v)
{
    writer_le(w, v, 4);
}

void writer_u64(struct writer *w, uint64_t v)
{
    writer_le(w, v, 8);
}

void writer_varint(struct writer *w, uint64_t v)
{
    uint8_t text[VARINT_BYTES_MAX];
    size_t count = 0;
    do {
        uint8_t low = (uint8_t)(v & 0x7fu);
        v >>= 7;
        text[count++] = (uint8_t)(low | (v != 0 ? 0x80u : 0u));
    } while (v != 0);
    writer_put(w, bytes_of(text, count));
}

void writer_put(struct writer *w, struct bytes b)
{
    uint8_t *at = writer_step(w, b.count);
    if (at != NULL && b.count > 0) {
        memcpy(at, b.data, b.count);
    }
}

void writer_blob(struct writer *w, struct bytes b)
{
    size_t start = w->offset;
    writer_varint(w, b.count);
    writer_put(w, b);
    if (w->bad) {
        w->offset = start;
    }
}

void writer_zero(struct writer *w, size_t count)
{
    uint8_t *at = writer_step(w, count);
    if (at != NULL && count > 0) {
        memset(at, 0, count);
    }
}
