/* node/snapshot_codec.c -- offers, wishes and parts of snapshots, as docs/WIRE.md tabulates
 * them. */
#include "node/snapshot_codec.h"

static void id_encode(const struct snap_id *id, struct writer *w)
{
    writer_varint(w, id->index);
    writer_varint(w, id->term);
    writer_u64(w, id->id);
}

static struct snap_id id_decode(struct reader *r)
{
    struct snap_id id;
    id.index = reader_varint(r);
    id.term = reader_varint(r);
    id.id = reader_u64(r);
    return id;
}

void snapshot_offer_encode(const struct snap_offer *o, struct writer *w)
{
    writer_u8(w, FRAME_SNAP_OFFER);
    writer_varint(w, o->from);
    writer_varint(w, o->to);
    writer_varint(w, o->term);
    writer_varint(w, o->epoch);
    id_encode(&o->id, w);
    writer_varint(w, o->bytes);
}

enum err snapshot_offer_decode(struct bytes frame, struct snap_offer *out)
{
    struct reader r = reader_of(frame);
    struct snap_offer o;
    if (reader_u8(&r) != FRAME_SNAP_OFFER) {
        return ERR_MALFORMED;
    }
    o.from = reader_varint(&r);
    o.to = reader_varint(&r);
    o.term = reader_varint(&r);
    o.epoch = reader_varint(&r);
    o.id = id_decode(&r);
    o.bytes = reader_varint(&r);
    if (!reader_done(&r) || o.id.index == 0 || o.id.index > UINT64_MAX / 2 ||
        o.term > UINT64_MAX / 2 || o.id.term > o.term) {
        return ERR_MALFORMED;
    }
    *out = o;
    return ERR_OK;
}

void snapshot_want_encode(const struct snap_want *x, struct writer *w)
{
    writer_u8(w, FRAME_SNAP_WANT);
    id_encode(&x->id, w);
    writer_u8(w, (uint8_t)x->verdict);
    writer_varint(w, x->offset);
}

enum err snapshot_want_decode(struct bytes frame, struct snap_want *out)
{
    struct reader r = reader_of(frame);
    struct snap_want x;
    if (reader_u8(&r) != FRAME_SNAP_WANT) {
        return ERR_MALFORMED;
    }
    x.id = id_decode(&r);
    uint8_t verdict = reader_u8(&r);
    x.offset = reader_varint(&r);
    if (!reader_done(&r) || verdict > SNAP_DAMAGED) {
        return ERR_MALFORMED;
    }
    x.verdict = (enum snap_verdict)verdict;
    *out = x;
    return ERR_OK;
}

void snapshot_part_encode(const struct snap_part *p, struct writer *w)
{
    writer_u8(w, FRAME_SNAP_PART);
    id_encode(&p->id, w);
    writer_varint(w, p->offset);
    writer_varint(w, p->data.count);
}

enum err snapshot_part_decode(struct bytes frame, struct snap_part *out)
{
    struct reader r = reader_of(frame);
    struct snap_part p;
    if (reader_u8(&r) != FRAME_SNAP_PART) {
        return ERR_MALFORMED;
    }
    p.id = id_decode(&r);
    p.offset = reader_varint(&r);
    p.data = reader_blob(&r, SNAP_CHUNK_BYTES_MAX);
    if (!reader_done(&r) || p.data.count == 0) {
        return ERR_MALFORMED;
    }
    *out = p;
    return ERR_OK;
}
