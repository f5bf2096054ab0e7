/* store/wal_read.c -- entries by index from disk; the batch read last is kept for the next one. */
#include "store/wal.h"

#include "base/crc32c.h"
#include "base/panic.h"

static enum err file_of(struct wal *w, uint64_t segment)
{
    if (w->read_file != NULL && w->read_segment == segment) {
        return ERR_OK;
    }
    char name[WAL_NAME_BYTES];
    struct os_file *file = NULL;
    wal_name(segment, "seg", name);
    TRY(os_file_open(w->dir, name, OS_OPEN_READ, &file));
    if (w->read_file != NULL) {
        os_file_close(w->read_file);
    }
    w->read_file = file;
    w->read_segment = segment;
    w->read_head.entries = 0;
    return ERR_OK;
}

static enum err read_exact(struct wal *w, uint64_t offset, void *out, size_t count)
{
    size_t have = 0;
    TRY(os_file_read(w->read_file, offset, out, count, &have));
    return have == count ? ERR_OK : ERR_CORRUPT;
}

/* The body of a batch into the buffer, checked. */
static enum err body_load(struct wal *w, const struct wal_head *h, uint64_t offset)
{
    w->read_head.entries = 0;
    if (h->body_bytes > w->read_capacity) {
        uint8_t *moved = mem_resize(w->mem, w->read_body, h->body_bytes);
        if (moved == NULL) {
            return ERR_NO_MEMORY;
        }
        w->read_body = moved;
        w->read_capacity = h->body_bytes;
    }
    TRY(read_exact(w, offset + WAL_HEAD_BYTES, w->read_body, h->body_bytes));
    if (crc32c(0, w->read_body, h->body_bytes) != h->body_crc) {
        return ERR_CORRUPT;
    }
    w->read_head = *h;
    w->read_next = h->first;
    w->read_offset = 0;
    return ERR_OK;
}

/* Walk the stretch to the batch that holds index. */
static enum err batch_load(struct wal *w, const struct wal_stretch *s, uint64_t index)
{
    uint64_t offset = s->place.offset;
    TRY(file_of(w, s->place.segment));
    while (offset < s->end_offset) {
        uint8_t raw[WAL_HEAD_BYTES];
        struct wal_head h;
        TRY(read_exact(w, offset, raw, sizeof raw));
        if (wal_head_decode(raw, &h) != ERR_OK || h.salt != w->salt ||
            h.segment != s->place.segment) {
            return ERR_CORRUPT;
        }
        if (h.entries > 0 && index >= h.first && index <= h.last) {
            return body_load(w, &h, offset);
        }
        offset += wal_batch_bytes(&h);
    }
    return ERR_CORRUPT;
}

/* In the batch that is held. Records have no table, but whoever reads one mostly reads the next. */
static enum err record_find(struct wal *w, uint64_t index, struct wal_record *out)
{
    struct reader r = reader_of(bytes_of(w->read_body, w->read_head.body_bytes));
    uint64_t i = w->read_head.first;
    if (index >= w->read_next) {
        i = w->read_next;
        r.offset = w->read_offset;
    }
    for (; i <= index; i++) {
        if (wal_record_decode(&r, out) != ERR_OK) {
            return ERR_CORRUPT;
        }
    }
    w->read_next = i;
    w->read_offset = r.offset;
    return ERR_OK;
}

enum err wal_read(struct wal *w, uint64_t index, struct wal_record *out)
{
    const struct wal_stretch *s = wal_index_find(&w->index, index);
    if (s == NULL) {
        return ERR_NOT_FOUND;
    }
    const struct wal_head *h = &w->read_head;
    bool held = h->entries > 0 && index >= h->first && index <= h->last &&
                h->segment == s->place.segment && w->read_segment == h->segment &&
                h->first >= s->first;
    if (!held) {
        TRY(batch_load(w, s, index));
    }
    return record_find(w, index, out);
}
