/* store/wal_batch.c -- encoding and decoding of batches. */
#include "store/wal_batch.h"

#include "base/crc32c.h"
#include "base/panic.h"

#define WAL_MAGIC 0x4c415741u /* "AWAL" */

static_assert(WAL_HEAD_BYTES < WAL_BLOCK_BYTES, "a header is inside the first block");

void wal_head_encode(struct wal_head *h, uint8_t *out)
{
    struct writer w = writer_of(out, WAL_HEAD_BYTES);
    writer_u32(&w, WAL_MAGIC);
    writer_u32(&w, 0);
    writer_u16(&w, (h->flags & WAL_FLAG_INSTALL) != 0 ? WAL_FORMAT : WAL_FORMAT - 1);
    writer_u16(&w, h->flags);
    writer_u64(&w, h->segment);
    writer_u64(&w, h->batch);
    writer_u64(&w, h->durable);
    writer_u64(&w, h->truncate_to);
    writer_u64(&w, h->first);
    writer_u64(&w, h->last);
    writer_u64(&w, h->last_term);
    writer_u32(&w, h->entries);
    writer_u32(&w, h->body_bytes);
    writer_u32(&w, h->body_crc);
    writer_u32(&w, h->prev_crc);
    writer_u64(&w, h->salt);
    writer_u32(&w, 0);
    ASSERT(!w.bad && w.offset == WAL_HEAD_BYTES);
    h->crc = crc32c(0, out + 8, WAL_HEAD_BYTES - 8);
    struct writer head = writer_of(out + 4, 4);
    writer_u32(&head, h->crc);
}

enum err wal_head_decode(const uint8_t *in, struct wal_head *out)
{
    struct reader r = reader_of(bytes_of(in, WAL_HEAD_BYTES));
    struct wal_head h = { 0 };
    uint32_t magic = reader_u32(&r);
    h.crc = reader_u32(&r);
    if (magic != WAL_MAGIC || h.crc != crc32c(0, in + 8, WAL_HEAD_BYTES - 8)) {
        return ERR_MALFORMED;
    }
    uint16_t format = reader_u16(&r);
    h.flags = reader_u16(&r);
    h.segment = reader_u64(&r);
    h.batch = reader_u64(&r);
    h.durable = reader_u64(&r);
    h.truncate_to = reader_u64(&r);
    h.first = reader_u64(&r);
    h.last = reader_u64(&r);
    h.last_term = reader_u64(&r);
    h.entries = reader_u32(&r);
    h.body_bytes = reader_u32(&r);
    h.body_crc = reader_u32(&r);
    h.prev_crc = reader_u32(&r);
    h.salt = reader_u64(&r);
    if (format > WAL_FORMAT) {
        return ERR_NEWER_FORMAT;
    }
    bool none = h.entries == 0;
    bool install = (h.flags & WAL_FLAG_INSTALL) != 0;
    if (install != (format == WAL_FORMAT) || (install && (!none || h.flags != WAL_FLAG_INSTALL))) {
        return ERR_MALFORMED;
    }
    bool range_good = none ? h.first > h.last : h.last - h.first == h.entries - 1ull;
    if (!range_good || (none && h.body_bytes != 0) ||
        h.body_bytes > WAL_BATCH_BYTES_MAX + ENTRY_BYTES_MAX) {
        return ERR_MALFORMED;
    }
    *out = h;
    return ERR_OK;
}

uint64_t wal_batch_bytes(const struct wal_head *h)
{
    uint64_t bytes = WAL_HEAD_BYTES + (uint64_t)h->body_bytes;
    return (bytes + WAL_BLOCK_BYTES - 1) / WAL_BLOCK_BYTES * WAL_BLOCK_BYTES;
}

void wal_record_encode(const struct wal_record *rec, struct writer *w)
{
    writer_u32(w, (uint32_t)rec->data.count);
    writer_u8(w, rec->kind);
    writer_u64(w, rec->term);
    writer_put(w, rec->data);
}

enum err wal_record_decode(struct reader *r, struct wal_record *out)
{
    uint32_t count = reader_u32(r);
    out->kind = reader_u8(r);
    out->term = reader_u64(r);
    out->data = reader_take(r, count);
    return r->bad ? ERR_MALFORMED : ERR_OK;
}
