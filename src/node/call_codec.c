/* node/call_codec.c -- forwarded operations and answers, as docs/WIRE.md tabulates them. */
#include "node/call_codec.h"

#include "base/limits.h"
#include "node/control_codec.h"

enum {
    CALL_NAME_BYTES_MAX = 32
};

void call_request_encode(const struct call_request *c, struct writer *w)
{
    writer_u8(w, (uint8_t)c->kind);
    writer_varint(w, c->ticket);
    writer_varint(w, c->timeout_ms);
    writer_varint(w, c->command.count);
}

enum err call_request_decode(struct bytes frame, struct call_request *out)
{
    struct reader r = reader_of(frame);
    struct call_request c = { .kind = (enum frame_kind)reader_u8(&r) };
    if (c.kind != FRAME_WRITE && c.kind != FRAME_CONTROL) {
        return ERR_MALFORMED;
    }
    c.ticket = reader_varint(&r);
    c.timeout_ms = reader_varint(&r);
    c.command = reader_blob(&r, ENTRY_BYTES_MAX);
    if (!reader_done(&r)) {
        return ERR_MALFORMED;
    }
    *out = c;
    return ERR_OK;
}

void call_answer_encode(const struct call_answer *a, struct writer *w)
{
    writer_u8(w, FRAME_ANSWER);
    writer_varint(w, a->ticket);
    writer_blob(w, bytes_text(err_name(a->code)));
    writer_u64(w, (uint64_t)a->revision);
    writer_varint(w, a->term);
    writer_varint(w, a->node);
    writer_varint(w, a->leader_hint);
    writer_blob(w, a->detail);
    writer_varint(w, a->members.count);
}

static enum err code_of_name(struct bytes name)
{
    for (int i = 0; i < err_count(); i++) {
        if (bytes_equal(name, bytes_text(err_name((enum err)i)))) {
            return (enum err)i;
        }
    }
    return ERR_OUTCOME_UNKNOWN; /* a name of tomorrow says nothing about what was done */
}

enum err call_answer_decode(struct bytes frame, struct call_answer *out)
{
    struct reader r = reader_of(frame);
    if (reader_u8(&r) != FRAME_ANSWER) {
        return ERR_MALFORMED;
    }
    struct call_answer a = { 0 };
    a.ticket = reader_varint(&r);
    struct bytes name = reader_blob(&r, CALL_NAME_BYTES_MAX);
    a.revision = (int64_t)reader_u64(&r);
    a.term = reader_varint(&r);
    a.node = reader_varint(&r);
    a.leader_hint = reader_varint(&r);
    a.detail = reader_blob(&r, CALL_DETAIL_BYTES_MAX);
    a.members = reader_blob(&r, CONTROL_MEMBERS_BYTES_MAX);
    if (!reader_done(&r)) {
        return ERR_MALFORMED;
    }
    a.code = code_of_name(name);
    *out = a;
    return ERR_OK;
}

void call_life_encode(const struct call_life *l, struct writer *w)
{
    writer_u8(w, FRAME_LIFE);
    writer_u64(w, l->life);
    origin_encode(&l->origin, w);
    writer_u64(w, l->last);
    writer_u64(w, l->question);
}

enum err call_life_decode(struct bytes frame, struct call_life *out)
{
    struct call_life l;
    struct reader r = reader_of(frame);
    bool kind = reader_u8(&r) == FRAME_LIFE;
    l.life = reader_u64(&r);
    enum err e = origin_decode(&r, &l.origin);
    l.last = reader_u64(&r);
    l.question = reader_u64(&r);
    if (!kind || e != ERR_OK || !reader_done(&r)) {
        return ERR_MALFORMED;
    }
    *out = l;
    return ERR_OK;
}

void call_life_ask_encode(uint64_t question, struct writer *w)
{
    writer_u8(w, FRAME_LIFE_ASK);
    writer_u64(w, question);
}

enum err call_life_ask_decode(struct bytes frame, uint64_t *out_question)
{
    struct reader r = reader_of(frame);
    bool kind = reader_u8(&r) == FRAME_LIFE_ASK;
    uint64_t question = reader_u64(&r);
    if (!kind || question == 0 || !reader_done(&r)) {
        return ERR_MALFORMED;
    }
    *out_question = question;
    return ERR_OK;
}
