/* store/lmdb_rows.h -- rows whose keys may be longer than LMDB's 511 bytes, in exact order.
 *
 * Shape:      a key is cut into pieces of LMDB_PIECE bytes. The first piece is a row of the
 *             table's own database; when a key goes on, that row names a subtree, whose rows live
 *             in LONG under subtree number (8 bytes, big-endian) + next piece, and so on.
 *             row = flags u8 | subtree u64 (if flagged) | value (if flagged)
 * Invariants: a row has a value or a subtree; a subtree is never empty
 * Owns:       nothing; cursors live for one call
 * Thread:     whoever has the transaction
 */
#ifndef STORE_LMDB_ROWS_H
#define STORE_LMDB_ROWS_H

#include "store/backing.h"

#include <lmdb.h>

enum {
    LMDB_PIECE = 500,
    LMDB_KEY_BYTES_MAX = 4096,
    LMDB_LEVELS_MAX = LMDB_KEY_BYTES_MAX / LMDB_PIECE + 1
};

struct lmdb_dbs {
    MDB_dbi table[TABLE_COUNT];
    MDB_dbi extra; /* subtrees of long keys */
    MDB_dbi head;  /* format, salt, next subtree number */
};

/* lmdb_err -- our name for LMDB's. */
enum err lmdb_err(int rc);

/* lmdb_rows_check -- is one row of LMDB as it was written? err ERR_CORRUPT. */
MUST_CHECK
enum err lmdb_rows_check(struct bytes key, struct bytes row);

/* lmdb_rows_get -- view into the map. err ERR_NOT_FOUND, ERR_CORRUPT, ERR_IO. */
MUST_CHECK
enum err lmdb_rows_get(MDB_txn *txn, const struct lmdb_dbs *dbs, enum table_id id, struct bytes key,
                       struct bytes *out);

/* lmdb_rows_seek -- the first row >= from, or > from. The key is put together in room, which has
 * LMDB_KEY_BYTES_MAX bytes. err ERR_NOT_FOUND, ERR_CORRUPT, ERR_IO. */
MUST_CHECK
enum err lmdb_rows_seek(MDB_txn *txn, const struct lmdb_dbs *dbs, enum table_id id,
                        struct bytes from, bool after, uint8_t *room, struct bytes *out_key,
                        struct bytes *out_value);

/* lmdb_rows_put -- in a write transaction. err ERR_BUSY (the map is full), ERR_NO_SPACE, ERR_IO,
 * ... */
MUST_CHECK
enum err lmdb_rows_put(MDB_txn *txn, const struct lmdb_dbs *dbs, enum table_id id, struct bytes key,
                       struct bytes value);

/* lmdb_rows_append -- the same for a key larger than all of its table. err as above. */
MUST_CHECK
enum err lmdb_rows_append(MDB_txn *txn, const struct lmdb_dbs *dbs, enum table_id id,
                          struct bytes key, struct bytes value);

/* lmdb_rows_del -- a key that is not there is fine. */
MUST_CHECK
enum err lmdb_rows_del(MDB_txn *txn, const struct lmdb_dbs *dbs, enum table_id id,
                       struct bytes key);

#endif
