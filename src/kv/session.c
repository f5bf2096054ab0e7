/* kv/session.c -- rows of request ids; numbers in keys are big-endian, so that they sort. */
#include "kv/session.h"

#include "base/mark.h"

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

bool kv_session_is(struct bytes key, struct bytes value, char kind)
{
    size_t bytes = kind == 'c' ? SESSION_ROW_BYTES : 8;
    return key.count == SESSION_KEY_BYTES && key.data[0] == (uint8_t)kind && value.count == bytes;
}

/* What is remembered of a client. */
struct session {
    uint64_t sequence;
    int64_t revision;
    uint64_t index;
};

static enum err session_get(const struct kv *kv, uint64_t client, struct session *out)
{
    uint8_t key[SESSION_KEY_BYTES];
    struct bytes row;
    TRY(table_get(kv->tables, TABLE_SESSION, session_key('c', client, key), &row));
    struct reader r = reader_of(row);
    out->sequence = reader_u64(&r);
    out->revision = (int64_t)reader_u64(&r);
    out->index = reader_u64(&r);
    return r.bad || reader_left(&r) != 0 ? ERR_CORRUPT : ERR_OK;
}

enum err kv_session_find(const struct kv *kv, uint64_t client, uint64_t sequence, bool *out_found,
                         struct kv_result *out)
{
    struct session s;
    enum err e = session_get(kv, client, &s);
    *out_found = e == ERR_OK && sequence <= s.sequence;
    if (*out_found) {
        bool same = sequence == s.sequence;
        MARK_IF(!same, "kv: an older sequence is refused");
        out->code = same ? ERR_OK : ERR_BAD_REQUEST;
        out->revision = same ? s.revision : kv->revision;
    }
    return e == ERR_NOT_FOUND ? ERR_OK : e;
}

/* A row that ought to be there: its absence is damage. */
static enum err row_forget(struct kv *kv, struct bytes key)
{
    enum err e = kv_row_del(kv, TABLE_SESSION, key);
    return e == ERR_NOT_FOUND ? ERR_CORRUPT : e;
}

static enum err forget(struct kv *kv, uint64_t client, uint64_t index)
{
    uint8_t key[SESSION_KEY_BYTES];
    TRY(row_forget(kv, session_key('i', index, key)));
    TRY(row_forget(kv, session_key('c', client, key)));
    kv->sessions--;
    return ERR_OK;
}

static enum err forget_oldest(struct kv *kv)
{
    uint8_t from[SESSION_KEY_BYTES];
    struct bytes key;
    struct bytes row;
    TRY(table_seek(kv->tables, TABLE_SESSION, session_key('i', 0, from), false, &key, &row));
    if (key.count != SESSION_KEY_BYTES || key.data[0] != 'i' || row.count != 8) {
        return ERR_CORRUPT;
    }
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
    struct session before;
    enum err e = session_get(kv, client, &before);
    if (e == ERR_OK) {
        TRY(forget(kv, client, before.index));
    } else if (e != ERR_NOT_FOUND) {
        return e;
    } else if (kv->sessions >= KV_SESSIONS_MAX) {
        MARK("kv: the oldest session is forgotten");
        e = forget_oldest(kv);
        if (e != ERR_OK) {
            return e == ERR_NOT_FOUND ? ERR_CORRUPT : e;
        }
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
