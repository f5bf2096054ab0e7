/* store/snap_format.c -- encoding and decoding. */
#include "store/snap_format.h"

#include "base/crc32c.h"
#include "base/panic.h"

#define SNAP_MAGIC 0x504e5341u /* "ASNP" */

bool snap_id_equal(const struct snap_id *a, const struct snap_id *b)
{
    return a->index == b->index && a->term == b->term && a->id == b->id;
}

static void u32_put(uint8_t *at, uint32_t v)
{
    struct writer w = writer_of(at, 4);
    writer_u32(&w, v);
}

void snap_head_encode(const struct snap_meta *m, struct writer *w)
{
    uint8_t *head = w->data + w->offset;
    size_t begin = w->offset;
    writer_u32(w, SNAP_MAGIC);
    writer_u32(w, 0);
    writer_u16(w, SNAP_FORMAT);
    writer_u16(w, 0);
    writer_u32(w, (uint32_t)m->conf.count);
    writer_put(w, bytes_of(m->cluster.b, CLUSTER_ID_BYTES));
    writer_u64(w, m->id.index);
    writer_u64(w, m->id.term);
    writer_u64(w, m->id.id);
    writer_u64(w, m->revision);
    writer_u64(w, m->hash);
    writer_u64(w, m->rows);
    ASSERT(w->bad || w->offset - begin == SNAP_HEAD_BYTES);
    writer_put(w, m->conf);
    w->bad = w->bad || m->conf.count > SNAP_CONF_BYTES_MAX;
    if (!w->bad) {
        u32_put(head + 4, crc32c(0, head + 8, w->offset - begin - 8));
    }
}

enum err snap_head_size(const uint8_t *fixed, size_t *out_bytes)
{
    struct reader r = reader_of(bytes_of(fixed, SNAP_HEAD_BYTES));
    uint32_t magic = reader_u32(&r);
    reader_u32(&r);
    uint16_t format = reader_u16(&r);
    reader_u16(&r);
    uint32_t conf = reader_u32(&r);
    if (magic != SNAP_MAGIC) {
        return ERR_MALFORMED;
    }
    if (format > SNAP_FORMAT) {
        return ERR_NEWER_FORMAT;
    }
    *out_bytes = SNAP_HEAD_BYTES + (size_t)conf;
    return format != 0 && conf <= SNAP_CONF_BYTES_MAX ? ERR_OK : ERR_MALFORMED;
}

enum err snap_head_decode(struct bytes head, struct snap_meta *out)
{
    struct reader r = reader_of(head);
    size_t bytes = 0;
    if (head.count < SNAP_HEAD_BYTES) {
        return ERR_MALFORMED;
    }
    TRY(snap_head_size(head.data, &bytes));
    reader_u32(&r);
    uint32_t crc = reader_u32(&r);
    if (bytes != head.count || crc != crc32c(0, head.data + 8, head.count - 8)) {
        return ERR_MALFORMED;
    }
    reader_u64(&r); /* format and lengths: seen */
    reader_copy(&r, out->cluster.b, CLUSTER_ID_BYTES);
    out->id.index = reader_u64(&r);
    out->id.term = reader_u64(&r);
    out->id.id = reader_u64(&r);
    out->revision = reader_u64(&r);
    out->hash = reader_u64(&r);
    out->rows = reader_u64(&r);
    out->conf = reader_take(&r, reader_left(&r));
    return r.bad ? ERR_MALFORMED : ERR_OK;
}

void snap_chunk_encode(uint8_t *chunk, uint32_t bytes, uint64_t sequence)
{
    struct writer w = writer_of(chunk + 4, SNAP_CHUNK_HEAD_BYTES - 4);
    ASSERT(bytes > 0 && bytes <= SNAP_CHUNK_BYTES_MAX);
    writer_u32(&w, bytes);
    writer_u64(&w, sequence);
    u32_put(chunk, crc32c(0, chunk + 4, SNAP_CHUNK_HEAD_BYTES - 4 + (size_t)bytes));
}

enum err snap_chunk_decode(const uint8_t *head, uint64_t sequence, struct snap_chunk *out)
{
    struct reader r = reader_of(bytes_of(head, SNAP_CHUNK_HEAD_BYTES));
    out->crc = reader_u32(&r);
    out->bytes = reader_u32(&r);
    out->sequence = reader_u64(&r);
    bool good = out->bytes <= SNAP_CHUNK_BYTES_MAX && out->sequence == sequence;
    return good ? ERR_OK : ERR_MALFORMED;
}

bool snap_chunk_good(const struct snap_chunk *c, const uint8_t *chunk)
{
    return c->crc == crc32c(0, chunk + 4, SNAP_CHUNK_HEAD_BYTES - 4 + (size_t)c->bytes);
}

void snap_end_encode(uint8_t *out, uint64_t sequence, uint64_t rows, const struct blake3 *hash)
{
    struct writer w = writer_of(out, SNAP_END_BYTES);
    struct blake3 whole = *hash;
    writer_u64(&w, 0); /* crc, and the length that no chunk has */
    writer_u64(&w, sequence);
    writer_u64(&w, rows);
    blake3_update(&whole, out + 8, 16);
    blake3_final(&whole, out + 24, BLAKE3_OUT);
    u32_put(out, crc32c(0, out + 4, SNAP_END_BYTES - 4));
}

enum err snap_end_decode(const uint8_t *end, uint64_t sequence, uint64_t rows,
                         const struct blake3 *hash)
{
    uint8_t want[SNAP_END_BYTES];
    snap_end_encode(want, sequence, rows, hash);
    return memcmp(want, end, SNAP_END_BYTES) == 0 ? ERR_OK : ERR_MALFORMED;
}
