/* store/lmdb_env.c -- opening, and the row that says whose rows these are. */
#include "store/lmdb_env.h"

#include <stdio.h>

enum {
    BACKING_FORMAT = 1,
    HEAD_BYTES = 16,
    LMDB_PATH_BYTES_MAX = 4096 + 16
};

static enum err open_dbs(struct lmdb_env *b, MDB_txn *txn)
{
    static const char *names[TABLE_COUNT] = { "key", "session", "meta" };
    for (int i = 0; i < TABLE_COUNT; i++) {
        TRY(lmdb_err(mdb_dbi_open(txn, names[i], MDB_CREATE, &b->dbs.table[i])));
    }
    TRY(lmdb_err(mdb_dbi_open(txn, "extra", MDB_CREATE, &b->dbs.extra)));
    return lmdb_err(mdb_dbi_open(txn, "head", MDB_CREATE, &b->dbs.head));
}

/* The head row says which format and whose rows these are. */
static enum err check_head(struct lmdb_env *b, MDB_txn *txn, uint64_t salt)
{
    MDB_val k = { 4, "head" };
    MDB_val v;
    uint8_t text[HEAD_BYTES];
    int rc = mdb_get(txn, b->dbs.head, &k, &v);
    if (rc == MDB_NOTFOUND) {
        struct writer w = writer_of(text, sizeof text);
        writer_u64(&w, BACKING_FORMAT);
        writer_u64(&w, salt);
        v = (MDB_val){ sizeof text, text };
        return lmdb_err(mdb_put(txn, b->dbs.head, &k, &v, 0));
    }
    TRY(lmdb_err(rc));
    struct reader r = reader_of(bytes_of(v.mv_data, v.mv_size));
    uint64_t format = reader_u64(&r);
    uint64_t theirs = reader_u64(&r);
    if (r.bad || format == 0) {
        return ERR_CORRUPT;
    }
    return format > BACKING_FORMAT ? ERR_NEWER_FORMAT : theirs != salt ? ERR_WRONG_NODE : ERR_OK;
}

enum err lmdb_env_open(struct lmdb_env *b, struct os_dir *dir, const char *file, unsigned flags,
                       uint64_t map_bytes, uint64_t salt)
{
    MDB_txn *txn = NULL;
    char path[LMDB_PATH_BYTES_MAX];
    int n = snprintf(path, sizeof path, "%s%s%s", os_dir_path(dir), file != NULL ? "/" : "",
                     file != NULL ? file : "");
    if (n < 0 || n >= (int)sizeof path) {
        return ERR_NO_FILE;
    }
    flags |= MDB_NOTLS | MDB_NORDAHEAD | (file != NULL ? MDB_NOSUBDIR : 0u);
    TRY(lmdb_err(mdb_env_create(&b->env)));
    TRY(lmdb_err(mdb_env_set_maxdbs(b->env, TABLE_COUNT + 2)));
    TRY(lmdb_err(mdb_env_set_mapsize(b->env, map_bytes)));
    TRY(lmdb_err(mdb_env_open(b->env, path, flags, 0600)));
    TRY(lmdb_err(mdb_txn_begin(b->env, NULL, 0, &txn)));
    enum err e = open_dbs(b, txn);
    e = e == ERR_OK ? check_head(b, txn, salt) : e;
    if (e != ERR_OK) {
        mdb_txn_abort(txn);
        return e;
    }
    return lmdb_err(mdb_txn_commit(txn)); /* frees the transaction either way */
}

void lmdb_env_close(struct lmdb_env *b)
{
    if (b->env != NULL) {
        mdb_env_close(b->env);
        b->env = NULL;
    }
}

uint64_t lmdb_env_bytes(const struct lmdb_env *b)
{
    MDB_envinfo info;
    MDB_stat stat;
    IGNORE(lmdb_err(mdb_env_info(b->env, &info))); /* cannot fail with an open environment */
    IGNORE(lmdb_err(mdb_env_stat(b->env, &stat)));
    return ((uint64_t)info.me_last_pgno + 1) * stat.ms_psize;
}
