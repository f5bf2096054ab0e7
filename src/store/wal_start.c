/* store/wal_start.c -- the record's bytes. */
#include "store/wal_start.h"

#include "base/mark.h"

enum {
    START_FORMAT = 1,
    START_BYTES = 61
};
#define START_MAGIC 0x54415453u /* "STAT" */
static const char start_name[] = "start";

static enum err start_decode(struct bytes payload, uint64_t salt, struct wal_start *out,
                             struct diag *diag)
{
    struct reader r = reader_of(payload);
    uint8_t format = reader_u8(&r);
    uint64_t theirs = reader_u64(&r);
    out->index = reader_u64(&r);
    out->term = reader_u64(&r);
    out->segment = reader_u64(&r);
    out->batch = reader_u64(&r);
    out->last = reader_u64(&r);
    out->durable = reader_u64(&r);
    out->prev_crc = reader_u32(&r);
    if (format > START_FORMAT) {
        return diag_set(diag, ERR_NEWER_FORMAT,
                        "log: start: format %u is newer than this program; nothing was changed",
                        format);
    }
    if (theirs != salt && !r.bad) {
        return diag_set(diag, ERR_WRONG_NODE,
                        "log: start: it belongs to another data directory; nothing was changed");
    }
    bool good = !r.bad && reader_left(&r) == 0 && out->segment > 0 && out->batch > 0;
    return good ? ERR_OK : diag_set(diag, ERR_CORRUPT, "log: start: the record makes no sense");
}

enum err wal_start_open(struct os_dir *dir, uint64_t salt, struct slot_file *out,
                        struct wal_start *out_start, struct diag *diag)
{
    uint8_t payload[SLOT_PAYLOAD_MAX];
    size_t count = 0;
    struct slot_file s = { 0 };
    *out_start = (struct wal_start){ .segment = 1, .batch = 1 };
    enum err e = slot_open(dir, start_name, START_MAGIC, false, &s, payload, &count);
    if (e == ERR_NO_FILE) {
        return ERR_OK;
    }
    if (e != ERR_OK) {
        MARK_IF(e == ERR_CORRUPT, "store: where the log begins is forgotten");
        return diag_set(diag, e, "log: start: %s", err_text(e));
    }
    if (count > 0) { /* an empty one was being made: nothing had been compacted */
        e = start_decode(bytes_of(payload, count), salt, out_start, diag);
    }
    if (e != ERR_OK) {
        slot_close(&s);
        return e;
    }
    *out = s;
    return ERR_OK;
}

enum err wal_start_write(struct os_dir *dir, struct slot_file *s, uint64_t salt,
                         const struct wal_start *start)
{
    uint8_t payload[START_BYTES];
    struct writer w = writer_of(payload, sizeof payload);
    writer_u8(&w, START_FORMAT);
    writer_u64(&w, salt);
    writer_u64(&w, start->index);
    writer_u64(&w, start->term);
    writer_u64(&w, start->segment);
    writer_u64(&w, start->batch);
    writer_u64(&w, start->last);
    writer_u64(&w, start->durable);
    writer_u32(&w, start->prev_crc);
    if (s->file == NULL) {
        uint8_t old[SLOT_PAYLOAD_MAX];
        size_t count = 0;
        TRY(slot_open(dir, start_name, START_MAGIC, true, s, old, &count));
    }
    return slot_write(s, writer_bytes(&w));
}
