/* kv/kv.h -- the state machine: commands in log order, reads, and the hash that replicas compare.
 *
 * Shape:      etcd's data model: one revision a transaction that changes something, an empty
 *             store is at revision 1; a record has create, mod, version, lease and value
 * Invariants: deterministic: the same commands give the same tables and the same hash everywhere,
 *             in whatever portions they were applied. Applied index, term, revision and data
 *             move together.
 * Owns:       nothing; the tables belong to the caller
 * Thread:     the loop's
 */
#ifndef KV_KV_H
#define KV_KV_H

#include "kv/command.h"
#include "store/table.h"

enum {
    KV_SESSIONS_MAX = 4096
};

/* What became of one command. */
struct kv_result {
    enum err code;
    int64_t revision;
};

struct kv_record {
    int64_t create_revision;
    int64_t mod_revision;
    int64_t version;
    int64_t lease;
    struct bytes value; /* view until the next change */
};

struct kv {
    struct tables *tables;
    uint64_t applied; /* index */
    uint64_t applied_term;
    int64_t revision;
    uint64_t hash; /* sum of the hashes of all rows of TABLE_KEY and TABLE_SESSION */
    uint64_t sessions;
    uint64_t keys;
};

/* kv_open -- the state that the tables hold. err ERR_CORRUPT, ERR_NEWER_FORMAT, ERR_IO. */
MUST_CHECK
enum err kv_open(struct kv *kv, struct tables *tables);

/* kv_save -- applied index, term, revision and hash into the tables, so that a flush that begins
 * now carries them with the data. err ERR_NO_MEMORY. */
MUST_CHECK
enum err kv_save(struct kv *kv);

/* kv_conf_save, kv_conf -- bytes of the caller's that move with the state machine: the
 * configuration at its applied index. kv_conf: a view until the next change. err ERR_NO_MEMORY;
 * ERR_NOT_FOUND, ERR_CORRUPT, ERR_IO. */
MUST_CHECK
enum err kv_conf_save(struct kv *kv, struct bytes conf);
MUST_CHECK
enum err kv_conf(const struct kv *kv, struct bytes *out);

/* kv_apply -- execute the command of entry (index, term). A command that cannot be read or is
 * refused changes nothing but the applied index, on every replica alike.
 *   pre  index == applied + 1
 *   err  ERR_NO_MEMORY, ERR_CORRUPT, ERR_IO: the state machine is behind the log now: stop the
 *        node */
MUST_CHECK
enum err kv_apply(struct kv *kv, uint64_t index, uint64_t term, struct bytes command,
                  struct kv_result *out);

/* kv_skip -- an entry that is no command (an empty one, a configuration). */
void kv_skip(struct kv *kv, uint64_t index, uint64_t term);

/* kv_get -- one record; its value is a view until the next change or tables_rest.
 *   err  ERR_NOT_FOUND, ERR_CORRUPT, ERR_IO */
MUST_CHECK
enum err kv_get(const struct kv *kv, struct bytes key, struct kv_record *out);

/* kv_hash -- of all that replicas must agree on at equal applied index. */
uint64_t kv_hash(const struct kv *kv);

#endif
