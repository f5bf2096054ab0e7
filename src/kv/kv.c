/* kv/kv.c -- applying commands and answering reads. */
#include "kv/kv.h"

#include "base/hash64.h"
#include "base/mark.h"
#include "base/panic.h"
#include "kv/check.h"
#include "kv/record.h"
#include "kv/session.h"

/* Hash of one row; rows are summed, so their order does not matter. */
uint64_t kv_row_hash(enum table_id id, struct bytes key, struct bytes value)
{
    return hash64(hash64((uint64_t)id + 1, key), value);
}

static enum err row_replace(struct kv *kv, enum table_id id, struct bytes key,
                            const struct bytes *old, struct bytes value)
{
    uint64_t hash = kv->hash - (old != NULL ? kv_row_hash(id, key, *old) : 0);
    TRY(table_put(kv->tables, id, key, value));
    kv->hash = hash + kv_row_hash(id, key, value);
    return ERR_OK;
}

enum err kv_row_put(struct kv *kv, enum table_id id, struct bytes key, struct bytes value)
{
    struct bytes old;
    enum err e = table_get(kv->tables, id, key, &old);
    if (e != ERR_OK && e != ERR_NOT_FOUND) {
        return e;
    }
    return row_replace(kv, id, key, e == ERR_OK ? &old : NULL, value);
}

enum err kv_row_del(struct kv *kv, enum table_id id, struct bytes key)
{
    struct bytes old;
    TRY(table_get(kv->tables, id, key, &old));
    uint64_t hash = kv->hash - kv_row_hash(id, key, old);
    TRY(table_del(kv->tables, id, key));
    kv->hash = hash;
    return ERR_OK;
}

/* ---- The row that says how far the state machine is ---- */

enum {
    STATE_FORMAT = 1,
    STATE_ROW_BYTES = 49
};

static struct bytes state_key(void)
{
    static const uint8_t name[5] = { 's', 't', 'a', 't', 'e' };
    return bytes_of(name, sizeof name);
}

bool kv_state_is(struct bytes key)
{
    return bytes_equal(key, state_key());
}

enum err kv_state_decode(struct bytes row, struct kv *kv)
{
    struct reader r = reader_of(row);
    uint8_t format = reader_u8(&r);
    kv->applied = reader_u64(&r);
    kv->applied_term = reader_u64(&r);
    kv->revision = (int64_t)reader_u64(&r);
    kv->hash = reader_u64(&r);
    kv->sessions = reader_u64(&r);
    kv->keys = reader_u64(&r);
    if (format > STATE_FORMAT) {
        return ERR_NEWER_FORMAT;
    }
    return r.bad || reader_left(&r) != 0 || kv->revision < 1 ? ERR_CORRUPT : ERR_OK;
}

enum err kv_open(struct kv *kv, struct tables *tables)
{
    struct bytes row;
    memset(kv, 0, sizeof *kv);
    kv->tables = tables;
    kv->revision = 1;
    enum err e = table_get(tables, TABLE_META, state_key(), &row);
    if (e != ERR_OK) {
        return e == ERR_NOT_FOUND ? ERR_OK : e;
    }
    return kv_state_decode(row, kv);
}

enum err kv_save(struct kv *kv)
{
    uint8_t row[STATE_ROW_BYTES];
    struct writer w = writer_of(row, sizeof row);
    writer_u8(&w, STATE_FORMAT);
    writer_u64(&w, kv->applied);
    writer_u64(&w, kv->applied_term);
    writer_u64(&w, (uint64_t)kv->revision);
    writer_u64(&w, kv->hash);
    writer_u64(&w, kv->sessions);
    writer_u64(&w, kv->keys);
    ASSERT(!w.bad);
    return table_put(kv->tables, TABLE_META, state_key(), writer_bytes(&w));
}

static struct bytes conf_key(void)
{
    static const uint8_t name[4] = { 'c', 'o', 'n', 'f' };
    return bytes_of(name, sizeof name);
}

bool kv_is_conf(enum table_id id, struct bytes key)
{
    return id == TABLE_META && bytes_equal(key, conf_key());
}

enum err kv_conf_save(struct kv *kv, struct bytes conf)
{
    return table_put(kv->tables, TABLE_META, conf_key(), conf);
}

enum err kv_conf(const struct kv *kv, struct bytes *out)
{
    return table_get(kv->tables, TABLE_META, conf_key(), out);
}

/* ---- Commands ---- */

static enum err put(struct kv *kv, const struct command_op *op, int64_t revision)
{
    struct kv_record rec = { .create_revision = revision };
    struct bytes old;
    uint8_t small[1024];
    enum err found = table_get(kv->tables, TABLE_KEY, op->key, &old);
    if (found == ERR_OK) {
        TRY(kv_record_decode(old, &rec));
    } else if (found != ERR_NOT_FOUND) {
        return found;
    }
    rec.mod_revision = revision;
    rec.version++;
    rec.lease = op->lease;
    rec.value = op->value;
    size_t bytes = RECORD_HEAD_BYTES + op->value.count;
    uint8_t *room = bytes <= sizeof small ? small : mem_alloc(kv->tables->mem, bytes);
    if (room == NULL) {
        return ERR_NO_MEMORY;
    }
    struct writer w = writer_of(room, bytes);
    kv_record_encode(&rec, &w);
    ASSERT(!w.bad);
    enum err e =
        row_replace(kv, TABLE_KEY, op->key, found == ERR_OK ? &old : NULL, writer_bytes(&w));
    kv->keys += e == ERR_OK && found == ERR_NOT_FOUND ? 1 : 0;
    if (room != small) {
        mem_free(kv->tables->mem, room);
    }
    return e;
}

static enum err del(struct kv *kv, const struct command_op *op)
{
    enum err e = kv_row_del(kv, TABLE_KEY, op->key);
    kv->keys -= e == ERR_OK ? 1 : 0;
    return e;
}

static enum err execute(struct kv *kv, const struct command *c, struct kv_result *out)
{
    int64_t revision = kv->revision + 1;
    bool changed = false;
    for (uint32_t i = 0; i < c->count; i++) {
        const struct command_op *op = &c->ops[i];
        enum err e = op->kind == COMMAND_PUT ? put(kv, op, revision) : del(kv, op);
        if (e != ERR_OK && e != ERR_NOT_FOUND) {
            return e;
        }
        changed = changed || e == ERR_OK;
    }
    MARK_IF(!changed, "kv: a command changes nothing");
    kv->revision = changed ? revision : kv->revision;
    out->code = ERR_OK;
    out->revision = kv->revision;
    return ERR_OK;
}

enum err kv_apply(struct kv *kv, uint64_t index, uint64_t term, struct bytes command,
                  struct kv_result *out)
{
    struct command_op ops[KV_TXN_OPS_MAX];
    struct command c;
    enum err e = command_decode(command, &c, ops);
    kv_skip(kv, index, term);
    out->revision = kv->revision;
    out->code = e;
    if (e != ERR_OK) {
        MARK("kv: a command that nobody can read");
        return ERR_OK; /* refused here as everywhere */
    }
    if (c.client != 0) {
        bool found = false;
        TRY(kv_session_find(kv, c.client, c.sequence, &found, out));
        if (found) {
            MARK_IF(out->code == ERR_OK, "kv: a retry is answered from its session");
            return ERR_OK; /* a retry: the first answer again */
        }
    }
    TRY(execute(kv, &c, out));
    return c.client != 0 ? kv_session_note(kv, c.client, c.sequence, index, out) : ERR_OK;
}

void kv_skip(struct kv *kv, uint64_t index, uint64_t term)
{
    ASSERT(index == kv->applied + 1);
    ASSERT(term >= kv->applied_term);
    kv->applied = index;
    kv->applied_term = term;
}

enum err kv_get(const struct kv *kv, struct bytes key, struct kv_record *out)
{
    struct bytes row;
    TRY(table_get(kv->tables, TABLE_KEY, key, &row));
    return kv_record_decode(row, out);
}

uint64_t kv_hash(const struct kv *kv)
{
    return kv->hash + (uint64_t)kv->revision * 0x9e3779b97f4a7c15u;
}
