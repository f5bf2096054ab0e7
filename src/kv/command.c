/* kv/command.c -- the codec of commands. */
#include "kv/command.h"

enum {
    COMMAND_VERSION = 1,
    COMMAND_OP_BYTES_MAX = 32,
    COMMAND_HEAD_BYTES_MAX = 32
};

static enum err op_check(const struct command_op *op)
{
    if (op->key.count == 0) {
        return ERR_KEY_EMPTY;
    }
    if (op->key.count > KV_KEY_BYTES_MAX) {
        return ERR_KEY_TOO_LARGE;
    }
    return op->value.count > KV_VALUE_BYTES_MAX ? ERR_VALUE_TOO_LARGE : ERR_OK;
}

enum err command_check(const struct command *c)
{
    size_t bytes = 0;
    if (c->count == 0) {
        return ERR_BAD_REQUEST;
    }
    if (c->count > KV_TXN_OPS_MAX) {
        return ERR_TOO_MANY_OPS;
    }
    for (uint32_t i = 0; i < c->count; i++) {
        TRY(op_check(&c->ops[i]));
        bytes += c->ops[i].key.count + c->ops[i].value.count;
        for (uint32_t k = 0; k < i; k++) {
            if (bytes_equal(c->ops[k].key, c->ops[i].key)) {
                return ERR_BAD_REQUEST;
            }
        }
    }
    return bytes > KV_TXN_BYTES_MAX ? ERR_TXN_TOO_LARGE : ERR_OK;
}

size_t command_bytes(const struct command *c)
{
    size_t bytes = COMMAND_HEAD_BYTES_MAX;
    for (uint32_t i = 0; i < c->count; i++) {
        bytes += COMMAND_OP_BYTES_MAX + c->ops[i].key.count + c->ops[i].value.count;
    }
    return bytes;
}

void command_encode(const struct command *c, struct writer *w)
{
    writer_u8(w, COMMAND_VERSION);
    writer_u64(w, c->client);
    writer_u64(w, c->sequence);
    writer_varint(w, c->count);
    for (uint32_t i = 0; i < c->count; i++) {
        const struct command_op *op = &c->ops[i];
        writer_u8(w, (uint8_t)op->kind);
        writer_blob(w, op->key);
        if (op->kind == COMMAND_PUT) {
            writer_blob(w, op->value);
            writer_u64(w, (uint64_t)op->lease);
        }
    }
}

static bool op_decode(struct reader *r, struct command_op *op)
{
    uint8_t kind = reader_u8(r);
    memset(op, 0, sizeof *op);
    op->key = reader_blob(r, KV_KEY_BYTES_MAX);
    if (kind == COMMAND_PUT) {
        op->value = reader_blob(r, KV_VALUE_BYTES_MAX);
        op->lease = (int64_t)reader_u64(r);
    }
    op->kind = (enum command_kind)kind;
    return !r->bad && (kind == COMMAND_PUT || kind == COMMAND_DELETE);
}

enum err command_decode(struct bytes b, struct command *out, struct command_op *ops)
{
    struct reader r = reader_of(b);
    struct command c = { .ops = ops };
    uint8_t version = reader_u8(&r);
    c.client = reader_u64(&r);
    c.sequence = reader_u64(&r);
    uint64_t count = reader_varint(&r);
    if (r.bad || version != COMMAND_VERSION || count > KV_TXN_OPS_MAX) {
        return ERR_MALFORMED;
    }
    c.count = (uint32_t)count;
    for (uint32_t i = 0; i < c.count; i++) {
        if (!op_decode(&r, &ops[i])) {
            return ERR_MALFORMED;
        }
    }
    if (!reader_done(&r)) {
        return ERR_MALFORMED;
    }
    TRY(command_check(&c));
    *out = c;
    return ERR_OK;
}
