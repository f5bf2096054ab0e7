/* store/lmdb_build.h -- a new file of rows beside the one in force, written in order.
 *
 * Order:      begin, puts by ascending table and key, seal; then it may be renamed
 * Owns:       the file next.mdb until it is renamed
 * Thread:     one at a time, any
 * Why:        nobody reads it before it is whole, so it is synced once, at its end
 */
#ifndef STORE_LMDB_BUILD_H
#define STORE_LMDB_BUILD_H

#include "store/lmdb_env.h"

#define LMDB_BUILD_NAME "next.mdb"

struct lmdb_build {
    struct os_dir *dir; /* NULL: nothing is being built */
    struct lmdb_env lmdb;
    MDB_txn *txn;
    uint64_t txn_bytes;
    uint64_t map_bytes;
};

/* lmdb_build_begin -- an empty file. err ERR_NO_SPACE, ERR_NO_MEMORY, ERR_IO. */
MUST_CHECK
enum err lmdb_build_begin(struct lmdb_build *b, struct os_dir *dir, uint64_t salt);

/* lmdb_build_put -- a row behind all others. err ERR_NO_SPACE, ERR_NO_MEMORY, ERR_IO. */
MUST_CHECK
enum err lmdb_build_put(struct lmdb_build *b, enum table_id id, struct bytes key,
                        struct bytes value);

/* lmdb_build_seal -- whole, closed and synced. err ERR_NO_SPACE, ERR_SYNC_FAILED, ERR_IO. */
MUST_CHECK
enum err lmdb_build_seal(struct lmdb_build *b);

/* lmdb_build_drop -- close, and remove what has not been renamed; fine when nothing is built. */
void lmdb_build_drop(struct lmdb_build *b);

#endif
