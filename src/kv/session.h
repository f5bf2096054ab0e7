/* kv/session.h -- request ids that were applied, so that a retry is not applied twice; this
 * folder only.
 *
 * Shape:      two rows a client: 'c' client -> sequence, revision, index; 'i' index -> client,
 *             which orders clients by their last write
 * Invariants: at most KV_SESSIONS_MAX clients; the one that wrote longest ago is forgotten first,
 *             on every replica alike
 */
#ifndef KV_SESSION_H
#define KV_SESSION_H

#include "kv/kv.h"

/* kv_session_find -- was this request applied? Then *out_found and out gets its first result; an
 * older request of the same client than its last gives ERR_BAD_REQUEST as the result.
 *   err  ERR_CORRUPT, ERR_IO */
MUST_CHECK
enum err kv_session_find(const struct kv *kv, uint64_t client, uint64_t sequence, bool *out_found,
                         struct kv_result *out);

/* kv_session_note -- remember the result. err ERR_NO_MEMORY, ERR_CORRUPT, ERR_IO. */
MUST_CHECK
enum err kv_session_note(struct kv *kv, uint64_t client, uint64_t sequence, uint64_t index,
                         const struct kv_result *result);

/* A row of TABLE_SESSION. */
struct kv_session_row {
    char kind; /* 'c' or 'i' */
    uint64_t client;
    uint64_t index;
    uint64_t sequence; /* of 'c' alone */
    int64_t revision;  /* likewise */
};

/* kv_session_decode -- false: it is none. */
bool kv_session_decode(struct bytes key, struct bytes value, struct kv_session_row *out);

/* kv_row_hash -- of one row. */
uint64_t kv_row_hash(enum table_id id, struct bytes key, struct bytes value);

/* kv_state_is -- key of the row in TABLE_META that says how far the tables are.
 * kv_state_decode -- that row: all of out but its tables. err ERR_CORRUPT, ERR_NEWER_FORMAT. */
bool kv_state_is(struct bytes key);
MUST_CHECK
enum err kv_state_decode(struct bytes row, struct kv *out);

/* kv_row_put, kv_row_del -- change a row and the hash with it.
 *   err  ERR_NO_MEMORY, ERR_NOT_FOUND, ERR_CORRUPT, ERR_IO */
MUST_CHECK
enum err kv_row_put(struct kv *kv, enum table_id id, struct bytes key, struct bytes value);
MUST_CHECK
enum err kv_row_del(struct kv *kv, enum table_id id, struct bytes key);

#endif
