/* kv/record.c -- the codec of records. */
#include "kv/record.h"

enum {
    RECORD_FORMAT = 1
};

void kv_record_encode(const struct kv_record *rec, struct writer *w)
{
    writer_u8(w, RECORD_FORMAT);
    writer_u64(w, (uint64_t)rec->create_revision);
    writer_u64(w, (uint64_t)rec->mod_revision);
    writer_u64(w, (uint64_t)rec->version);
    writer_u64(w, (uint64_t)rec->lease);
    writer_put(w, rec->value);
}

enum err kv_record_decode(struct bytes b, struct kv_record *out)
{
    struct reader r = reader_of(b);
    uint8_t format = reader_u8(&r);
    out->create_revision = (int64_t)reader_u64(&r);
    out->mod_revision = (int64_t)reader_u64(&r);
    out->version = (int64_t)reader_u64(&r);
    out->lease = (int64_t)reader_u64(&r);
    out->value = reader_take(&r, reader_left(&r));
    return r.bad || format != RECORD_FORMAT ? ERR_CORRUPT : ERR_OK;
}
