/* kv/session.c -- rows of request ids; numbers in keys are big-endian, so that they sort. */
#include "kv/session.h"

#include "base/panic.h"

enum {
    SESSION_KEY_BYTES = 9,
    SESSION_ROW_BYTES = 24
};

static struct bytes session_key(uint8_t kind, uint64_t number, uint8_t out[SESSION_KEY_BYTES])
{
    out[0] = kind;
    for (int i = 0; i < 8; i++) {
        out[1 + i] = (uint8_t)(number >> (56 - 8 * i));
    }
    return bytes_of(out, SESSION_KEY_BYTES);
}

bool kv_session_find(const struct kv *kv, uint64_t client, uint64_t sequence, struct kv_result *out)
{
    uint8_t key[SESSION_KEY_BYTES];
    struct bytes row;
    if (!table_get(kv->tables, TABLE_SESSION, session_key('c', client, key), &row)) {
        return false;
    }
    struct reader r = reader_of(row);
    uint64_t last = reader_u64(&r);
    int64_t revision = (int64_t)reader_u64(&r);
    if (sequence > last) {
        return false;
    }
    out->code = sequence == last ? ERR_OK : ERR_BAD_REQUEST;
    out->revision = sequence == last ? revision : kv->revision;
    return true;
}

static enum err forget(struct kv *kv, uint64_t client, uint64_t index)
{
    uint8_t key[SESSION_KEY_BYTES];
    TRY(kv_row_del(kv, TABLE_SESSION, session_key('i', index, key)));
    TRY(kv_row_del(kv, TABLE_SESSION, session_key('c', client, key)));
    kv->sessions--;
    return ERR_OK;
}

static enum err forget_oldest(struct kv *kv)
{
    uint8_t from[SESSION_KEY_BYTES];
    struct bytes key;
    struct bytes row;
    bool found =
        table_seek(kv->tables, TABLE_SESSION, session_key('i', 0, from), false, &key, &row);
    ASSERT(found && key.count == SESSION_KEY_BYTES && row.count == 8);
    uint64_t index = 0;
    for (int i = 1; i < SESSION_KEY_BYTES; i++) {
        index = index << 8 | key.data[i];
    }
    struct reader r = reader_of(row);
    return forget(kv, reader_u64(&r), index);
}

enum err kv_session_note(struct kv *kv, uint64_t client, uint64_t sequence, uint64_t index,
                         const struct kv_result *result)
{
    uint8_t key[SESSION_KEY_BYTES];
    uint8_t text[SESSION_ROW_BYTES];
    struct bytes row;
    if (table_get(kv->tables, TABLE_SESSION, session_key('c', client, key), &row)) {
        struct reader r = reader_of(bytes_of(row.data + 16, row.count - 16));
        TRY(forget(kv, client, reader_u64(&r)));
    } else if (kv->sessions >= KV_SESSIONS_MAX) {
        TRY(forget_oldest(kv));
    }
    struct writer w = writer_of(text, sizeof text);
    writer_u64(&w, sequence);
    writer_u64(&w, (uint64_t)result->revision);
    writer_u64(&w, index);
    TRY(kv_row_put(kv, TABLE_SESSION, session_key('c', client, key), writer_bytes(&w)));
    w = writer_of(text, sizeof text);
    writer_u64(&w, client);
    TRY(kv_row_put(kv, TABLE_SESSION, session_key('i', index, key), writer_bytes(&w)));
    kv->sessions++;
    return ERR_OK;
}
