/* kv/check.c -- counting again what the rows of a state machine say of themselves. */
#include "kv/check.h"

#include "base/hash64.h"
#include "kv/record.h"
#include "kv/session.h"

void kv_check_begin(struct kv_check *c)
{
    memset(c, 0, sizeof *c);
}

/* Of a key that lives: at most one version a revision since it began. */
static bool versions_good(const struct kv_record *rec)
{
    return rec->create_revision >= 1 && rec->create_revision <= rec->mod_revision &&
           rec->version >= 1 && rec->version - 1 <= rec->mod_revision - rec->create_revision;
}

static enum err record_check(struct kv_check *c, struct bytes key, struct bytes value)
{
    struct kv_record rec;
    if (key.count == 0 || key.count > KV_KEY_BYTES_MAX || kv_record_decode(value, &rec) != ERR_OK ||
        rec.value.count > KV_VALUE_BYTES_MAX || !versions_good(&rec)) {
        return ERR_MALFORMED;
    }
    c->keys++;
    c->newest = rec.mod_revision > c->newest ? rec.mod_revision : c->newest;
    return ERR_OK;
}

/* The same of both rows of a client. */
static uint64_t pair_hash(const struct kv_session_row *row)
{
    uint8_t room[16];
    struct writer w = writer_of(room, sizeof room);
    writer_u64(&w, row->client);
    writer_u64(&w, row->index);
    return hash64(1, writer_bytes(&w));
}

static enum err session_check(struct kv_check *c, struct bytes key, struct bytes value)
{
    struct kv_session_row row;
    if (!kv_session_decode(key, value, &row) || row.client == 0 || row.index == 0) {
        return ERR_MALFORMED;
    }
    c->newest_index = row.index > c->newest_index ? row.index : c->newest_index;
    if (row.kind == 'i') {
        c->session_orders++;
        c->pairs -= pair_hash(&row);
        return ERR_OK;
    }
    c->sessions++;
    c->pairs += pair_hash(&row);
    c->newest = row.revision > c->newest ? row.revision : c->newest;
    return row.revision >= 1 ? ERR_OK : ERR_MALFORMED;
}

enum err kv_check_row(struct kv_check *c, enum table_id id, struct bytes key, struct bytes value)
{
    enum err e = ERR_OK;
    if (id == TABLE_META && kv_state_is(key)) {
        c->any_said = true;
        e = kv_state_decode(value, &c->said);
        return e == ERR_CORRUPT ? ERR_MALFORMED : e;
    }
    if (id == TABLE_META) {
        return ERR_OK; /* of others, who look at it themselves */
    }
    if (id == TABLE_KEY) {
        e = record_check(c, key, value);
    } else {
        e = session_check(c, key, value);
    }
    c->hash += kv_row_hash(id, key, value);
    return e;
}

enum err kv_check_end(const struct kv_check *c, const struct kv_check_wanted *wanted)
{
    const struct kv *s = &c->said;
    bool counted = s->hash == c->hash && s->keys == c->keys && s->sessions == c->sessions &&
                   s->sessions == c->session_orders && c->newest <= s->revision;
    bool paired = c->pairs == 0 && c->newest_index <= s->applied && s->sessions <= KV_SESSIONS_MAX;
    bool reached = (uint64_t)s->revision - 1 <= s->applied; /* an entry makes one at most */
    bool fits = s->applied == wanted->applied && s->applied_term == wanted->applied_term &&
                (uint64_t)s->revision == wanted->revision && kv_hash(s) == wanted->hash;
    return c->any_said && counted && paired && reached && fits ? ERR_OK : ERR_MALFORMED;
}
