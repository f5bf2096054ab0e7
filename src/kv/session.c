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

static uint64_t session_number(struct bytes key)
{
    uint64_t number = 0;
    for (int i = 1; i < SESSION_KEY_BYTES; i++) {
        number = number << 8 | key.data[i];
    }
    return number;
}

bool kv_session_decode(struct bytes key, struct bytes value, struct kv_session_row *out)
{
    struct reader r = reader_of(value);
    memset(out, 0, sizeof *out);
    out->kind = key.count == SESSION_KEY_BYTES ? (char)key.data[0] : '?';
    if (out->kind == 'c') {
        out->client = session_number(key);
        out->sequence = reader_u64(&r);
        out->revision = (int64_t)reader_u64(&r);
        out->index = reader_u64(&r);
    } else if (out->kind == 'i') {
        out->index = session_number(key);
        out->client = reader_u64(&r);
    } else {
        return false;
    }
    return reader_done(&r);
}

/* What is remembered of a client. */
static enum err session_get(const struct kv *kv, uint64_t client, struct kv_session_row *out)
{
    uint8_t room[SESSION_KEY_BYTES];
    struct bytes key = session_key('c', client, room);
    struct bytes row;
    TRY(table_get(kv->tables, TABLE_SESSION, key, &row));
    return kv_session_decode(key, row, out) ? ERR_OK : ERR_CORRUPT;
}

enum err kv_session_find(const struct kv *kv, uint64_t client, uint64_t sequence, bool *out_found,
                         struct kv_result *out)
{
    struct kv_session_row s;
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
    struct kv_session_row oldest;
    TRY(table_seek(kv->tables, TABLE_SESSION, session_key('i', 0, from), false, &key, &row));
    if (!kv_session_decode(key, row, &oldest)) { /* all that may follow is of that kind */
        return ERR_CORRUPT;
    }
    return forget(kv, oldest.client, oldest.index);
}

enum err kv_session_note(struct kv *kv, uint64_t client, uint64_t sequence, uint64_t index,
                         const struct kv_result *result)
{
    uint8_t key[SESSION_KEY_BYTES];
    uint8_t text[SESSION_ROW_BYTES];
    struct kv_session_row before;
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
