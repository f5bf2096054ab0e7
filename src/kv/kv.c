/* kv/kv.c -- applying commands and answering reads. */
#include "kv/kv.h"

#include "base/hash64.h"
#include "base/panic.h"
#include "kv/record.h"
#include "kv/session.h"

/* Hash of one row; rows are summed, so their order does not matter. */
uint64_t kv_row_hash(enum table_id id, struct bytes key, struct bytes value)
{
    return hash64(hash64((uint64_t)id + 1, key), value);
}

enum err kv_row_put(struct kv *kv, enum table_id id, struct bytes key, struct bytes value)
{
    struct bytes old;
    uint64_t hash = kv->hash;
    if (table_get(kv->tables, id, key, &old)) {
        hash -= kv_row_hash(id, key, old);
    }
    hash += kv_row_hash(id, key, value);
    TRY(table_put(kv->tables, id, key, value));
    kv->hash = hash;
    return ERR_OK;
}

enum err kv_row_del(struct kv *kv, enum table_id id, struct bytes key)
{
    struct bytes old;
    if (!table_get(kv->tables, id, key, &old)) {
        return ERR_NOT_FOUND;
    }
    uint64_t hash = kv->hash - kv_row_hash(id, key, old);
    TRY(table_del(kv->tables, id, key));
    kv->hash = hash;
    return ERR_OK;
}

enum err kv_open(struct kv *kv, struct tables *tables)
{
    memset(kv, 0, sizeof *kv);
    kv->tables = tables;
    kv->revision = 1;
    return ERR_OK;
}

static enum err put(struct kv *kv, const struct command_op *op, int64_t revision)
{
    struct kv_record rec = { 0 };
    struct bytes old;
    if (table_get(kv->tables, TABLE_KEY, op->key, &old)) {
        TRY(kv_record_decode(old, &rec));
    } else {
        rec.create_revision = revision;
    }
    rec.mod_revision = revision;
    rec.version++;
    rec.lease = op->lease;
    rec.value = op->value;
    uint8_t small[1024];
    size_t bytes = RECORD_HEAD_BYTES + op->value.count;
    uint8_t *room = bytes <= sizeof small ? small : mem_alloc(kv->tables->tree[0].mem, bytes);
    if (room == NULL) {
        return ERR_NO_MEMORY;
    }
    struct writer w = writer_of(room, bytes);
    kv_record_encode(&rec, &w);
    ASSERT(!w.bad);
    enum err e = kv_row_put(kv, TABLE_KEY, op->key, writer_bytes(&w));
    if (room != small) {
        mem_free(kv->tables->tree[0].mem, room);
    }
    return e;
}

static enum err execute(struct kv *kv, const struct command *c, struct kv_result *out)
{
    int64_t revision = kv->revision + 1;
    bool changed = false;
    for (uint32_t i = 0; i < c->count; i++) {
        const struct command_op *op = &c->ops[i];
        enum err e =
            op->kind == COMMAND_PUT ? put(kv, op, revision) : kv_row_del(kv, TABLE_KEY, op->key);
        if (e != ERR_OK && e != ERR_NOT_FOUND) {
            return e;
        }
        changed = changed || e == ERR_OK;
    }
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
        return ERR_OK; /* refused here as everywhere */
    }
    if (c.client != 0 && kv_session_find(kv, c.client, c.sequence, out)) {
        return ERR_OK; /* a retry: the first answer again */
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
    if (!table_get(kv->tables, TABLE_KEY, key, &row)) {
        return ERR_NOT_FOUND;
    }
    return kv_record_decode(row, out);
}

uint64_t kv_hash(const struct kv *kv)
{
    return kv->hash + (uint64_t)kv->revision * 0x9e3779b97f4a7c15u;
}
