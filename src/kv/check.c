/* kv/check.c -- counting again what the rows of a state machine say of themselves. */
#include "kv/check.h"

#include "kv/record.h"
#include "kv/session.h"

void kv_check_begin(struct kv_check *c)
{
    memset(c, 0, sizeof *c);
}

static enum err record_check(struct kv_check *c, struct bytes key, struct bytes value)
{
    struct kv_record rec;
    if (key.count > KV_KEY_BYTES_MAX || kv_record_decode(value, &rec) != ERR_OK ||
        rec.value.count > KV_VALUE_BYTES_MAX) {
        return ERR_MALFORMED;
    }
    c->keys++;
    c->newest = rec.mod_revision > c->newest ? rec.mod_revision : c->newest;
    return ERR_OK;
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
    } else if (kv_session_is(key, value, 'c')) {
        c->sessions++;
    } else if (kv_session_is(key, value, 'i')) {
        c->session_orders++;
    } else {
        e = ERR_MALFORMED;
    }
    c->hash += kv_row_hash(id, key, value);
    return e;
}

enum err kv_check_end(const struct kv_check *c, const struct kv_check_wanted *wanted)
{
    const struct kv *s = &c->said;
    bool counted = s->hash == c->hash && s->keys == c->keys && s->sessions == c->sessions &&
                   s->sessions == c->session_orders && c->newest <= s->revision;
    bool fits = s->applied == wanted->applied && s->applied_term == wanted->applied_term &&
                (uint64_t)s->revision == wanted->revision && kv_hash(s) == wanted->hash;
    return c->any_said && counted && fits ? ERR_OK : ERR_MALFORMED;
}
