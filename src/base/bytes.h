/* base/bytes.h -- views of bytes and bounded cursors over them; the only place that walks raw
 * memory.
 *
 * Shape:      struct bytes is a borrowed view; reader and writer are cursors with a sticky failure
 * Invariants: offset <= size; once bad, always bad: a reader then yields zeroes, a writer writes
 *             nothing
 * Owns:       nothing; a view is valid as long as what it views
 * Thread:     any, pure
 */
#ifndef BASE_BYTES_H
#define BASE_BYTES_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct bytes {
    const uint8_t *data; /* borrowed; may be NULL when count is 0 */
    size_t count;        /* bytes */
};

/* bytes_of -- view of count bytes at data. */
static inline struct bytes bytes_of(const void *data, size_t count)
{
    struct bytes b = { (const uint8_t *)data, count };
    return b;
}

/* bytes_text -- view of a NUL-terminated text, the NUL excluded. */
static inline struct bytes bytes_text(const char *text)
{
    return bytes_of(text, strlen(text));
}

/* bytes_equal -- same length and content; not in constant time, so not for secrets. */
static inline bool bytes_equal(struct bytes a, struct bytes b)
{
    return a.count == b.count && (a.count == 0 || memcmp(a.data, b.data, a.count) == 0);
}

/* bytes_compare -- unsigned lexicographic order, shorter first on a tie; <0, 0, >0. */
int bytes_compare(struct bytes a, struct bytes b);

/* Reads front to back. All integers little-endian. */
struct reader {
    const uint8_t *data;
    size_t size;
    size_t offset;
    bool bad; /* asked for more than there is, or for something not canonical */
};

/* reader_of -- a reader at the front of b, which it borrows. */
static inline struct reader reader_of(struct bytes b)
{
    struct reader r = { b.data, b.count, 0, false };
    return r;
}

/* reader_left -- bytes not read yet. */
size_t reader_left(const struct reader *r);

/* reader_u8, reader_u16, reader_u32, reader_u64 -- the next integer; 0 and bad when short. */
uint8_t reader_u8(struct reader *r);
uint16_t reader_u16(struct reader *r);
uint32_t reader_u32(struct reader *r);
uint64_t reader_u64(struct reader *r);

/* reader_varint -- unsigned LEB128, at most 10 bytes; an overlong or overflowing form is bad. */
uint64_t reader_varint(struct reader *r);

/* reader_take -- the next count bytes as a view into the source; empty and bad when short. */
struct bytes reader_take(struct reader *r, size_t count);

/* reader_blob -- varint length, then that many bytes; bad when longer than max or than the rest. */
struct bytes reader_blob(struct reader *r, size_t max);

/* reader_copy -- copy count bytes to out; zeroes them and turns bad when short. */
void reader_copy(struct reader *r, void *out, size_t count);

/* reader_done -- true when nothing failed and nothing is left over. */
bool reader_done(const struct reader *r);

/* Writes front to back into memory of the caller. */
struct writer {
    uint8_t *data;
    size_t size;
    size_t offset;
    bool bad; /* something did not fit; offset stands where it last did */
};

/* writer_of -- a writer at the front of size bytes, which it borrows. */
static inline struct writer writer_of(void *data, size_t size)
{
    struct writer w = { (uint8_t *)data, size, 0, false };
    return w;
}

/* writer_u8, writer_u16, writer_u32, writer_u64 -- append an integer; bad when it does not fit. */
void writer_u8(struct writer *w, uint8_t v);
void writer_u16(struct writer *w, uint16_t v);
void writer_u32(struct writer *w, uint32_t v);
void writer_u64(struct writer *w, uint64_t v);

/* writer_varint -- append unsigned LEB128, 1 to 10 bytes, in its shortest form. */
void writer_varint(struct writer *w, uint64_t v);

/* writer_put -- append the bytes alone; their length must be known to who reads them. */
void writer_put(struct writer *w, struct bytes b);

/* writer_blob -- append varint length, then the bytes. */
void writer_blob(struct writer *w, struct bytes b);

/* writer_zero -- append count zero bytes. */
void writer_zero(struct writer *w, size_t count);

/* writer_text -- printf form; bad when text and a NUL do not fit; the NUL is not counted. */
void writer_text(struct writer *w, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* writer_bytes -- view of what was written so far. */
static inline struct bytes writer_bytes(const struct writer *w)
{
    return bytes_of(w->data, w->offset);
}

#endif
