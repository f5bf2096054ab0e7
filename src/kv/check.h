/* kv/check.h -- rows of a state machine that somebody else has made: do they agree with each other?
 *
 * Shape:      kv_check_begin, kv_check_row for each row in order, kv_check_end
 * Invariants: what is passed opens as a state machine of that entry, with that hash, and takes any
 *             command; never panics. The rows of sessions are paired by a sum of 64 bits: not for
 *             forgers who search for another one
 * Owns:       nothing
 * Thread:     any, one at a time
 */
#ifndef KV_CHECK_H
#define KV_CHECK_H

#include "kv/kv.h"

struct kv_check {
    struct kv said; /* by the row that says how far the tables are */
    bool any_said;
    uint64_t hash; /* and the rest as it was counted */
    uint64_t keys;
    uint64_t sessions;
    uint64_t session_orders;
    uint64_t pairs; /* of client and index: those of the clients' rows less those of the order's */
    int64_t newest; /* revision of a record or a session */
    uint64_t newest_index; /* of a session */
};

/* What it is to be: as a snapshot's head says. */
struct kv_check_wanted {
    uint64_t applied;
    uint64_t applied_term;
    uint64_t revision;
    uint64_t hash; /* kv_hash */
};

/* kv_check_begin -- nothing has come yet. */
void kv_check_begin(struct kv_check *c);

/* kv_check_row -- err ERR_MALFORMED (no such row is ever put), ERR_NEWER_FORMAT. */
MUST_CHECK
enum err kv_check_row(struct kv_check *c, enum table_id id, struct bytes key, struct bytes value);

/* kv_check_end -- all rows came. err ERR_MALFORMED: they deny each other, or what is wanted. */
MUST_CHECK
enum err kv_check_end(const struct kv_check *c, const struct kv_check_wanted *wanted);

/* kv_is_conf -- the row of kv_conf_save. */
bool kv_is_conf(enum table_id id, struct bytes key);

#endif
