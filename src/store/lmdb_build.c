/* store/lmdb_build.c -- rows are appended, and synced, in transactions of some size. */
#include "store/lmdb_build.h"

#include "base/limits.h"

#define BUILD_MAP_BYTES (4ull * 1024 * 1024 * 1024)
enum {
    BUILD_TXN_BYTES = 16 * 1024 * 1024 /* what it holds in memory */
};

/* Each is synced: one long sync at the end would hold up the log, which is on the same disk. */
static enum err txn_end(struct lmdb_build *b)
{
    MDB_txn *txn = b->txn;
    uint64_t bytes = b->txn_bytes;
    b->txn = NULL;
    b->txn_bytes = 0;
    enum err e = txn != NULL ? lmdb_err(mdb_txn_commit(txn)) : ERR_OK; /* frees it either way */
    e = e == ERR_OK ? lmdb_err(mdb_env_sync(b->lmdb.env, 1)) : e;
    return lmdb_env_err(&b->lmdb, e, bytes);
}

/* Between transactions the map may grow: one never writes half of what is added here. */
static enum err txn_begin(struct lmdb_build *b)
{
    if (lmdb_env_bytes(&b->lmdb) > b->map_bytes / 2) {
        b->map_bytes *= 2;
        TRY(lmdb_err(mdb_env_set_mapsize(b->lmdb.env, b->map_bytes)));
    }
    enum err e = lmdb_err(mdb_txn_begin(b->lmdb.env, NULL, 0, &b->txn));
    b->txn = e == ERR_OK ? b->txn : NULL;
    return e;
}

enum err lmdb_build_begin(struct lmdb_build *b, struct os_dir *dir, uint64_t salt)
{
    lmdb_build_drop(b);
    enum err e = os_dir_unlink(dir, LMDB_BUILD_NAME);
    if (e != ERR_OK && e != ERR_NO_FILE) {
        return e;
    }
    b->dir = dir;
    b->map_bytes = BUILD_MAP_BYTES;
    return lmdb_env_open(&b->lmdb, dir, LMDB_BUILD_NAME, MDB_NOLOCK | MDB_NOSYNC, b->map_bytes,
                         salt);
}

enum err lmdb_build_put(struct lmdb_build *b, enum table_id id, struct bytes key,
                        struct bytes value)
{
    if (b->txn_bytes > BUILD_TXN_BYTES) {
        TRY(txn_end(b));
    }
    if (b->txn == NULL) {
        TRY(txn_begin(b));
    }
    b->txn_bytes += key.count + value.count + WAL_BLOCK_BYTES / 32; /* a row's own share */
    return lmdb_rows_append(b->txn, &b->lmdb.dbs, id, key, value);
}

/* LMDB's own sync, and once more by the file: the one that the loop's side of the house trusts. */
static enum err file_sync(struct lmdb_build *b)
{
    struct os_file *file = NULL;
    TRY(os_file_open(b->dir, LMDB_BUILD_NAME, OS_OPEN_READ | OS_OPEN_WRITE, &file));
    enum err e = os_file_sync(file);
    os_file_close(file);
    return e;
}

enum err lmdb_build_seal(struct lmdb_build *b)
{
    TRY(txn_end(b));
    lmdb_env_close(&b->lmdb);
    return file_sync(b);
}

void lmdb_build_drop(struct lmdb_build *b)
{
    if (b->txn != NULL) {
        mdb_txn_abort(b->txn);
        b->txn = NULL;
    }
    lmdb_env_close(&b->lmdb);
    if (b->dir != NULL) {
        IGNORE(os_dir_unlink(b->dir, LMDB_BUILD_NAME)); /* else the next start removes it */
        b->dir = NULL;
    }
}
