/* store/lmdb_env.c -- opening, and the row that says whose rows these are. */
#include "store/lmdb_env.h"

#include "base/mark.h"

#include <stdio.h>

enum {
    BACKING_FORMAT = 1,
    HEAD_BYTES = 16,
    LMDB_PATH_BYTES_MAX = 4096 + 16,
    ROOM_SPARE_BYTES = 1024 * 1024, /* less than that beside the rows: a disk may well be full */
    ROOM_PROBE_BYTES = 64 * 1024
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
    b->dir = dir;
    TRY(os_file_open(dir, file != NULL ? file : "data.mdb", OS_OPEN_READ | OS_OPEN_WRITE,
                     &b->file));
    TRY(lmdb_err(mdb_txn_begin(b->env, NULL, 0, &txn)));
    enum err e = open_dbs(b, txn);
    e = e == ERR_OK ? check_head(b, txn, salt) : e;
    if (e != ERR_OK) {
        mdb_txn_abort(txn);
        return e;
    }
    return lmdb_env_err(b, lmdb_err(mdb_txn_commit(txn)), 0); /* frees it either way */
}

void lmdb_env_close(struct lmdb_env *b)
{
    if (b->env != NULL) {
        mdb_env_close(b->env);
        b->env = NULL;
    }
    if (b->file != NULL) {
        os_file_close(b->file);
        b->file = NULL;
    }
}

/* Is there room behind the end? A quota is seen by nobody but who writes. */
static enum err probe(struct lmdb_env *b)
{
    static const uint8_t zeroes[ROOM_PROBE_BYTES];
    uint64_t bytes = 0;
    TRY(os_file_size(b->file, &bytes));
    enum err e = os_file_write(b->file, bytes, zeroes, sizeof zeroes);
    enum err cut = os_file_truncate(b->file, bytes);
    return e == ERR_OK ? cut : e;
}

/* A write that was cut short is not in force: the meta page is written behind all others, and the
 * next transaction writes every page anew. So it may be done again, unless a sync has failed: that
 * is told to every descriptor once, and to ours too. A meta page that could not be written has shut
 * the environment: the next transaction does not begin. */
enum err lmdb_env_err(struct lmdb_env *b, enum err e, uint64_t bytes)
{
    struct os_space space = { 0 };
    if (e != ERR_IO || b->file == NULL) {
        return e;
    }
    bool known = os_dir_space(b->dir, &space) == ERR_OK; /* first of all: room may come */
    TRY(os_file_sync(b->file));
    bool none = known && space.free_bytes < bytes + ROOM_SPARE_BYTES;
    if (none || probe(b) == ERR_NO_SPACE) {
        MARK("store: rows find room for their beginning only");
        return ERR_NO_SPACE;
    }
    return e;
}

uint64_t lmdb_env_bytes(const struct lmdb_env *b)
{
    MDB_envinfo info;
    MDB_stat stat;
    IGNORE(lmdb_err(mdb_env_info(b->env, &info))); /* cannot fail with an open environment */
    IGNORE(lmdb_err(mdb_env_stat(b->env, &stat)));
    return ((uint64_t)info.me_last_pgno + 1) * stat.ms_psize;
}
