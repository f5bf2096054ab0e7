/* store/lmdb_env.h -- one open file of LMDB with our databases in it.
 *
 * Owns:       the environment
 * Thread:     one at a time; LMDB's own transactions as its manual says
 */
#ifndef STORE_LMDB_ENV_H
#define STORE_LMDB_ENV_H

#include "os/io.h"
#include "store/lmdb_rows.h"

struct lmdb_env {
    MDB_env *env; /* NULL: closed */
    struct lmdb_dbs dbs;
    struct os_dir *dir;
    struct os_file *file; /* the same one, by a descriptor of ours; NULL: not opened */
};

/* lmdb_env_open -- made when it is not there; zeroed before, closed by lmdb_env_close after an
 * error too.
 *   in   file  in dir; NULL: data.mdb with its lock.mdb
 *        flags  of LMDB, besides those that are always set
 *   err  ERR_CORRUPT, ERR_WRONG_NODE (rows of another salt), ERR_NEWER_FORMAT, ERR_NO_FILE (the
 *        path is too long), ERR_NO_SPACE, ERR_NO_MEMORY, ERR_IO */
MUST_CHECK
enum err lmdb_env_open(struct lmdb_env *b, struct os_dir *dir, const char *file, unsigned flags,
                       uint64_t map_bytes, uint64_t salt);

/* lmdb_env_close -- fine when closed; its transactions are ended before. */
void lmdb_env_close(struct lmdb_env *b);

/* lmdb_env_err -- e, which a transaction that writes so many bytes of rows came to, at once and
 * before the next one: ERR_IO where it is no want of room, else
 *   err  ERR_NO_SPACE: LMDB knows a write that found room for its beginning only as one that failed
 *        ERR_SYNC_FAILED: what was written is not on disk */
MUST_CHECK
enum err lmdb_env_err(struct lmdb_env *b, enum err e, uint64_t bytes);

/* lmdb_env_bytes -- of the file, up to its last page. */
uint64_t lmdb_env_bytes(const struct lmdb_env *b);

#endif
