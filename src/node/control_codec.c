/* node/control_codec.c -- changes of the cluster and lists of members as bytes; docs/WIRE.md. */
#include "node/control_codec.h"

enum {
    KEEP_REJOINING = 0x80 /* beside the kind: who does not know it refuses the change */
};

void control_encode(const struct control *c, struct writer *w)
{
    writer_u8(w, (uint8_t)((unsigned)c->kind | (c->keep_rejoining ? KEEP_REJOINING : 0u)));
    writer_varint(w, c->expect);
    writer_varint(w, c->id_count);
    for (uint32_t i = 0; i < c->id_count; i++) {
        writer_varint(w, c->id[i]);
    }
    writer_blob(w, c->addr);
    writer_blob(w, c->raft_addr);
    writer_blob(w, c->tail);
}

enum err control_decode(struct bytes b, struct control *out)
{
    struct reader r = reader_of(b);
    uint8_t first = reader_u8(&r);
    struct control c = { .keep_rejoining = (first & KEEP_REJOINING) != 0 };
    c.kind = (enum control_kind)(first & ~KEEP_REJOINING);
    c.expect = reader_varint(&r);
    uint64_t count = reader_varint(&r);
    if (r.bad || c.kind < CONTROL_ADD_LEARNER || c.kind >= CONTROL_KIND_COUNT ||
        count > SERVICE_MEMBERS_MAX || (count == 0 && c.kind < CONTROL_TRANSFER) ||
        (c.keep_rejoining && c.kind != CONTROL_CHANGE_MEMBERSHIP)) {
        return ERR_MALFORMED;
    }
    c.id_count = (uint32_t)count;
    for (uint32_t i = 0; i < c.id_count; i++) {
        c.id[i] = reader_varint(&r);
        if (c.id[i] == 0) {
            return ERR_MALFORMED;
        }
    }
    c.addr = reader_blob(&r, NODE_ADDR_BYTES_MAX - 1);
    c.raft_addr = reader_blob(&r, NODE_ADDR_BYTES_MAX - 1);
    c.tail = reader_blob(&r, CONTROL_TAIL_BYTES_MAX);
    if (!reader_done(&r)) {
        return ERR_MALFORMED;
    }
    *out = c;
    return ERR_OK;
}

void control_members_encode(const struct service_members *m, struct writer *w)
{
    writer_varint(w, m->index);
    writer_varint(w, m->count);
    for (uint32_t i = 0; i < m->count; i++) {
        writer_varint(w, m->member[i].id);
        writer_u8(w, m->member[i].voter ? 1 : 0);
        writer_blob(w, bytes_text(m->member[i].addr));
        writer_blob(w, bytes_text(m->member[i].raft_addr));
    }
}

static void text_decode(struct reader *r, char *out)
{
    struct bytes b = reader_blob(r, NODE_ADDR_BYTES_MAX - 1);
    memset(out, 0, NODE_ADDR_BYTES_MAX);
    if (!r->bad && b.count > 0) {
        memcpy(out, b.data, b.count);
    }
}

enum err control_members_decode(struct bytes b, struct service_members *out)
{
    struct reader r = reader_of(b);
    out->index = reader_varint(&r);
    uint64_t count = reader_varint(&r);
    if (r.bad || count > SERVICE_MEMBERS_MAX) {
        return ERR_MALFORMED;
    }
    out->count = (uint32_t)count;
    for (uint32_t i = 0; i < out->count; i++) {
        out->member[i].id = reader_varint(&r);
        out->member[i].voter = reader_u8(&r) == 1;
        text_decode(&r, out->member[i].addr);
        text_decode(&r, out->member[i].raft_addr);
    }
    return reader_done(&r) ? ERR_OK : ERR_MALFORMED;
}
