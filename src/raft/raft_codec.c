/* raft/raft_codec.c -- bytes of messages and configurations; docs/WIRE.md has the tables. */
#include "raft/raft_codec.h"

#include "raft/impl.h"

enum {
    CODEC_CONF_FORMAT = 1,       /* no life is known */
    CODEC_CONF_FORMAT_LIVES = 2, /* each id has one beside it */
    CODEC_CONF_MANUAL = 1,       /* flag */
    FLAG_REJECT = 1,
    FLAG_TRANSFER = 2,
    FLAG_ALL = 3,
};

void raft_msg_encode(const struct raft_msg *m, struct writer *w)
{
    uint32_t count =
        m->type == RAFT_MSG_APPEND && m->last >= m->first ? (uint32_t)(m->last - m->first + 1) : 0;
    count = m->type == RAFT_MSG_SNAPSHOT ? 1 : count; /* by liars only: see raft_msg_decode */
    writer_u8(w, (uint8_t)m->type);
    writer_u8(w, (uint8_t)((m->reject ? FLAG_REJECT : 0) | (m->transfer ? FLAG_TRANSFER : 0)));
    writer_varint(w, m->from);
    writer_varint(w, m->to);
    writer_varint(w, m->life);
    writer_varint(w, m->term);
    writer_varint(w, m->index);
    writer_varint(w, m->log_term);
    writer_varint(w, m->hint);
    writer_varint(w, m->commit);
    writer_varint(w, m->epoch);
    writer_varint(w, m->read_seq);
    writer_varint(w, m->sent_ns);
    writer_varint(w, m->id);
    writer_varint(w, count);
}

void raft_entry_encode(uint64_t term, uint8_t kind, uint32_t size, struct writer *w)
{
    writer_varint(w, term);
    writer_u8(w, kind);
    writer_varint(w, size);
}

static bool entry_decode(struct reader *r, struct raft_entry *out)
{
    out->term = reader_varint(r);
    out->kind = reader_u8(r);
    struct bytes data = reader_blob(r, ENTRY_BYTES_MAX);
    out->data = data.data;
    out->size = (uint32_t)data.count;
    return !r->bad && out->kind >= RAFT_ENTRY_NOOP && out->kind <= RAFT_ENTRY_COMMAND;
}

static void fields_decode(struct reader *r, struct raft_msg *m)
{
    m->from = reader_varint(r);
    m->to = reader_varint(r);
    m->life = reader_varint(r);
    m->term = reader_varint(r);
    m->index = reader_varint(r);
    m->log_term = reader_varint(r);
    m->hint = reader_varint(r);
    m->commit = reader_varint(r);
    m->epoch = reader_varint(r);
    m->read_seq = reader_varint(r);
    m->sent_ns = reader_varint(r);
    m->id = reader_varint(r);
}

enum err raft_msg_decode(struct bytes b, struct raft_msg *out, struct raft_entry *entries,
                         uint32_t max)
{
    struct reader r = reader_of(b);
    struct raft_msg m = { 0 };
    uint8_t type = reader_u8(&r);
    uint8_t flags = reader_u8(&r);
    fields_decode(&r, &m);
    uint64_t count = reader_varint(&r);
    if (r.bad || type < RAFT_MSG_PREVOTE || type >= RAFT_MSG_TYPE_COUNT ||
        (flags & ~(unsigned)FLAG_ALL) != 0 ||
        (count > 0 && type != RAFT_MSG_APPEND && type != RAFT_MSG_SNAPSHOT)) {
        return ERR_MALFORMED;
    }
    if (count > max) {
        return ERR_TOO_MANY_OPS;
    }
    m.type = (enum raft_msg_type)type;
    m.reject = (flags & FLAG_REJECT) != 0;
    m.transfer = (flags & FLAG_TRANSFER) != 0;
    m.count = (uint32_t)count;
    m.entries = entries;
    m.first = m.index + 1;
    m.last = m.index + count;
    for (uint32_t i = 0; i < m.count; i++) {
        if (!entry_decode(&r, &entries[i])) {
            return ERR_MALFORMED;
        }
    }
    if (!reader_done(&r) || m.index > UINT64_MAX / 2 || m.term > UINT64_MAX / 2) {
        return ERR_MALFORMED;
    }
    *out = m;
    return ERR_OK;
}

static bool any(const uint64_t *lives, uint8_t count)
{
    bool found = false;
    for (uint8_t i = 0; i < count; i++) {
        found = found || lives[i] != 0;
    }
    return found;
}

/* A configuration has one form: that with lives only where there are any. */
static bool has_lives(const struct raft_conf *c)
{
    return any(c->voter_life, c->voter_count) || any(c->outgoing_life, c->outgoing_count) ||
           any(c->learner_was, c->learner_count);
}

/* lives NULL: none are written. */
static void ids_encode(const uint64_t *ids, const uint64_t *lives, uint8_t count, struct writer *w)
{
    writer_u8(w, count);
    for (uint8_t i = 0; i < count; i++) {
        writer_varint(w, ids[i]);
        if (lives != NULL) {
            writer_varint(w, lives[i]);
        }
    }
}

void raft_conf_encode(const struct raft_conf *c, struct writer *w)
{
    bool lives = has_lives(c);
    writer_u8(w, lives ? CODEC_CONF_FORMAT_LIVES : CODEC_CONF_FORMAT);
    writer_u8(w, c->manual ? CODEC_CONF_MANUAL : 0);
    ids_encode(c->voter, lives ? c->voter_life : NULL, c->voter_count, w);
    ids_encode(c->outgoing, lives ? c->outgoing_life : NULL, c->outgoing_count, w);
    ids_encode(c->learner, lives ? c->learner_was : NULL, c->learner_count, w);
}

/* Ids > 0, each once, and their lives, unless lives is NULL. */
static bool ids_decode(struct reader *r, uint64_t *ids, uint64_t *lives, uint8_t max,
                       uint8_t *out_count)
{
    uint8_t count = reader_u8(r);
    if (r->bad || count > max) {
        return false;
    }
    for (uint8_t i = 0; i < count; i++) {
        ids[i] = reader_varint(r);
        if (lives != NULL) {
            lives[i] = reader_varint(r);
        }
        for (uint8_t k = 0; k < i; k++) {
            if (ids[k] == ids[i]) {
                return false;
            }
        }
        if (r->bad || ids[i] == 0) {
            return false;
        }
    }
    *out_count = count;
    return true;
}

/* No learner votes but in the half that goes, and there are not too many of all. */
static bool members_good(const struct raft_conf *c)
{
    for (uint8_t i = 0; i < c->learner_count; i++) {
        for (uint8_t k = 0; k < c->voter_count; k++) {
            if (c->learner[i] == c->voter[k]) {
                return false;
            }
        }
    }
    return raft_conf_members(c) <= RAFT_PEERS_MAX;
}

enum err raft_conf_decode(struct bytes b, struct raft_conf *out, struct bytes *tail)
{
    struct reader r = reader_of(b);
    struct raft_conf c = { 0 };
    uint8_t format = reader_u8(&r);
    uint8_t flags = reader_u8(&r);
    bool lives = format == CODEC_CONF_FORMAT_LIVES;
    if ((format != CODEC_CONF_FORMAT && !lives) || flags > CODEC_CONF_MANUAL ||
        !ids_decode(&r, c.voter, lives ? c.voter_life : NULL, RAFT_VOTERS_MAX, &c.voter_count) ||
        !ids_decode(&r, c.outgoing, lives ? c.outgoing_life : NULL, RAFT_VOTERS_MAX,
                    &c.outgoing_count) ||
        !ids_decode(&r, c.learner, lives ? c.learner_was : NULL, RAFT_LEARNERS_MAX,
                    &c.learner_count) ||
        c.voter_count == 0 || has_lives(&c) != lives) {
        return ERR_MALFORMED;
    }
    c.manual = flags == CODEC_CONF_MANUAL;
    if ((c.manual && c.outgoing_count == 0) || !members_good(&c)) {
        return ERR_MALFORMED;
    }
    *out = c;
    if (tail != NULL) {
        *tail = bytes_of(b.data + r.offset, b.count - r.offset);
    }
    return ERR_OK;
}
