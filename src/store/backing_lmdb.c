/* store/backing_lmdb.c -- the environment, its transactions, and room to grow.
 *
 * Why: no NOSYNC, no WRITEMAP, no MAPASYNC: without them the file is whole after any power cut;
 *      with them it was unreadable after every one that was tried. A new file gets its name when
 *      it is whole. An old one is checked before LMDB sees it, see lmdb_check.h.
 */
#include "store/backing_lmdb.h"

#include "base/mark.h"
#include "base/mem.h"
#include "base/panic.h"
#include "store/btree.h"
#include "store/lmdb_check.h"
#include "store/lmdb_rows.h"

#include <stdio.h>

#define MAP_BYTES_FIRST (4ull * 1024 * 1024 * 1024)
#define MAP_BYTES_MAX (16ull * 1024 * 1024 * 1024 * 1024)
#define CHECK_BYTES_MAX (256ull * 1024 * 1024) /* a larger file would delay the start */
#define MAP_BYTES_SPARE (256ull * 1024 * 1024)
enum {
    BACKING_FORMAT = 1,
    HEAD_BYTES = 16,
    LMDB_PATH_BYTES_MAX = 4096 + 16,
    ROW_PAGES_BYTES = 16 * 1024 /* a row may rewrite a leaf of its own and the path to it */
};

struct backing_lmdb {
    struct backing base; /* first */
    struct mem *mem;
    MDB_env *env;
    struct lmdb_dbs dbs;
    MDB_txn *txn; /* read transaction of this turn, NULL before the first */
    bool reading; /* txn is under way */
    uint64_t map_bytes;
    uint8_t room[LMDB_KEY_BYTES_MAX]; /* key of the last seek */
    MDB_txn *view;                    /* NULL: there is none */
    uint8_t view_room[LMDB_KEY_BYTES_MAX];
};

static enum err read_begin(struct backing_lmdb *b)
{
    if (b->reading) {
        return ERR_OK;
    }
    int rc =
        b->txn == NULL ? mdb_txn_begin(b->env, NULL, MDB_RDONLY, &b->txn) : mdb_txn_renew(b->txn);
    b->reading = rc == 0;
    return lmdb_err(rc);
}

static enum err lmdb_get(struct backing *base, enum table_id id, struct bytes key,
                         struct bytes *out)
{
    struct backing_lmdb *b = (struct backing_lmdb *)base;
    if (key.count == 0 || key.count > LMDB_KEY_BYTES_MAX) {
        return ERR_NOT_FOUND;
    }
    TRY(read_begin(b));
    return lmdb_rows_get(b->txn, &b->dbs, id, key, out);
}

static enum err lmdb_seek(struct backing *base, enum table_id id, struct bytes from, bool after,
                          struct bytes *out_key, struct bytes *out_value)
{
    struct backing_lmdb *b = (struct backing_lmdb *)base;
    TRY(read_begin(b));
    return lmdb_rows_seek(b->txn, &b->dbs, id, from, after, b->room, out_key, out_value);
}

static void lmdb_rest(struct backing *base)
{
    struct backing_lmdb *b = (struct backing_lmdb *)base;
    if (b->reading) {
        mdb_txn_reset(b->txn);
        b->reading = false;
    }
}

static uint64_t lmdb_disk_bytes(struct backing *base)
{
    struct backing_lmdb *b = (struct backing_lmdb *)base;
    MDB_envinfo info;
    MDB_stat stat;
    IGNORE(lmdb_err(mdb_env_info(b->env, &info))); /* cannot fail with an open environment */
    IGNORE(lmdb_err(mdb_env_stat(b->env, &stat)));
    return ((uint64_t)info.me_last_pgno + 1) * stat.ms_psize;
}

/* The map is address space only; it grows before a write could fill it. */
static enum err lmdb_prepare(struct backing *base, uint64_t rows, uint64_t bytes)
{
    struct backing_lmdb *b = (struct backing_lmdb *)base;
    uint64_t want = lmdb_disk_bytes(base) + rows * ROW_PAGES_BYTES + 4 * bytes;
    uint64_t map = b->map_bytes;
    while (map < want + want / 4 && map < MAP_BYTES_MAX) {
        map *= 2;
    }
    if (map == b->map_bytes) {
        return ERR_OK;
    }
    if (b->view != NULL) {
        MARK("store: a view is in the way of a larger map");
        return ERR_BUSY; /* the map must not move under it */
    }
    lmdb_rest(base);
    enum err e = lmdb_err(mdb_env_set_mapsize(b->env, map));
    b->map_bytes = e == ERR_OK ? map : b->map_bytes;
    return e;
}

/* Address space for what may be written while the map cannot grow, then a transaction that another
 * thread may use: the environment ties none to its thread. */
static enum err lmdb_view_begin(struct backing *base)
{
    struct backing_lmdb *b = (struct backing_lmdb *)base;
    if (b->view != NULL) {
        return ERR_BUSY;
    }
    TRY(lmdb_prepare(base, 0, lmdb_disk_bytes(base)));
    enum err e = lmdb_err(mdb_txn_begin(b->env, NULL, MDB_RDONLY, &b->view));
    b->view = e == ERR_OK ? b->view : NULL;
    return e;
}

static enum err lmdb_view_seek(struct backing *base, enum table_id id, struct bytes from,
                               bool after, struct bytes *out_key, struct bytes *out_value)
{
    struct backing_lmdb *b = (struct backing_lmdb *)base;
    return lmdb_rows_seek(b->view, &b->dbs, id, from, after, b->view_room, out_key, out_value);
}

static void lmdb_view_end(struct backing *base)
{
    struct backing_lmdb *b = (struct backing_lmdb *)base;
    if (b->view != NULL) {
        mdb_txn_abort(b->view);
        b->view = NULL;
    }
}

static enum err write_tree(struct backing_lmdb *b, MDB_txn *txn, enum table_id id,
                           const struct btree *tree)
{
    struct bytes key = { 0 };
    struct bytes value;
    bool more = btree_seek(tree, key, false, &key, &value);
    while (more) {
        TRY(value.data != NULL ? lmdb_rows_put(txn, &b->dbs, id, key, value)
                               : lmdb_rows_del(txn, &b->dbs, id, key));
        more = btree_seek(tree, key, true, &key, &value);
    }
    return ERR_OK;
}

static enum err lmdb_write(struct backing *base, const struct backing_batch *batch)
{
    struct backing_lmdb *b = (struct backing_lmdb *)base;
    MDB_txn *txn = NULL;
    TRY(lmdb_err(mdb_txn_begin(b->env, NULL, 0, &txn)));
    enum err e = ERR_OK;
    for (int i = 0; i < TABLE_COUNT && e == ERR_OK; i++) {
        e = write_tree(b, txn, (enum table_id)i, batch->tree[i]);
    }
    if (e != ERR_OK) {
        mdb_txn_abort(txn);
        return e;
    }
    return lmdb_err(mdb_txn_commit(txn)); /* frees the transaction either way */
}

static void close_env(struct backing_lmdb *b)
{
    if (b->txn != NULL) {
        mdb_txn_abort(b->txn);
        b->txn = NULL;
    }
    if (b->env != NULL) {
        mdb_env_close(b->env);
        b->env = NULL;
    }
}

static void lmdb_close(struct backing *base)
{
    struct backing_lmdb *b = (struct backing_lmdb *)base;
    lmdb_view_end(base);
    close_env(b);
    mem_free(b->mem, b);
}

static const struct backing_table lmdb_table = {
    .get = lmdb_get,
    .seek = lmdb_seek,
    .rest = lmdb_rest,
    .prepare = lmdb_prepare,
    .write = lmdb_write,
    .view_begin = lmdb_view_begin,
    .view_seek = lmdb_view_seek,
    .view_end = lmdb_view_end,
    .close = lmdb_close,
};

/* ---- Opening ---- */

static enum err open_dbs(struct backing_lmdb *b, MDB_txn *txn)
{
    static const char *names[TABLE_COUNT] = { "key", "session", "meta" };
    for (int i = 0; i < TABLE_COUNT; i++) {
        TRY(lmdb_err(mdb_dbi_open(txn, names[i], MDB_CREATE, &b->dbs.table[i])));
    }
    TRY(lmdb_err(mdb_dbi_open(txn, "extra", MDB_CREATE, &b->dbs.extra)));
    return lmdb_err(mdb_dbi_open(txn, "head", MDB_CREATE, &b->dbs.head));
}

/* The head row says which format and whose rows these are. */
static enum err check_head(struct backing_lmdb *b, MDB_txn *txn, uint64_t salt)
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

/* LMDB sees the file only when it is whole; pages at its end that were never written, because
 * nothing is in them, are added, or reading near them would end the process. */
static enum err file_check(struct backing_lmdb *b, struct os_dir *dir, const char *name)
{
    struct os_file *file = NULL;
    uint64_t bytes = 0;
    uint64_t want = 0;
    TRY(os_file_open(dir, name, OS_OPEN_READ | OS_OPEN_WRITE, &file));
    enum err e = lmdb_check(file, b->mem, CHECK_BYTES_MAX, &want);
    MARK_IF(e == ERR_CORRUPT, "store: the page check refuses a file");
    e = e == ERR_OK ? os_file_size(file, &bytes) : e;
    if (e == ERR_OK && bytes < want) {
        e = os_file_truncate(file, want);
    }
    os_file_close(file);
    return e;
}

static enum err open_env(struct backing_lmdb *b, struct os_dir *dir, const char *name,
                         unsigned flags, uint64_t salt)
{
    MDB_txn *txn = NULL;
    char path[LMDB_PATH_BYTES_MAX];
    int n = snprintf(path, sizeof path, "%s%s%s", os_dir_path(dir), flags != 0 ? "/" : "",
                     flags != 0 ? name : "");
    if (n < 0 || n >= (int)sizeof path) {
        return ERR_NO_FILE;
    }
    TRY(lmdb_err(mdb_env_create(&b->env)));
    TRY(lmdb_err(mdb_env_set_maxdbs(b->env, TABLE_COUNT + 2)));
    TRY(lmdb_err(mdb_env_set_mapsize(b->env, b->map_bytes)));
    TRY(lmdb_err(mdb_env_open(b->env, path, MDB_NOTLS | MDB_NORDAHEAD | flags, 0600)));
    TRY(lmdb_err(mdb_txn_begin(b->env, NULL, 0, &txn)));
    enum err e = open_dbs(b, txn);
    e = e == ERR_OK ? check_head(b, txn, salt) : e;
    if (e != ERR_OK) {
        mdb_txn_abort(txn);
        return e;
    }
    return lmdb_err(mdb_txn_commit(txn)); /* frees the transaction either way */
}

/* A file without rows, whole before it has its name. */
static enum err make_new(struct backing_lmdb *b, struct os_dir *dir, uint64_t salt)
{
    static const char part[] = "data.mdb.part";
    enum err e = os_dir_unlink(dir, part);
    if (e != ERR_OK && e != ERR_NO_FILE) {
        return e;
    }
    e = open_env(b, dir, part, MDB_NOSUBDIR | MDB_NOLOCK, salt);
    close_env(b);
    TRY(e);
    TRY(os_dir_rename(dir, part, "data.mdb"));
    return os_dir_sync(dir);
}

enum err backing_lmdb_open(struct os_dir *dir, const struct backing_lmdb_options *options,
                           struct backing **out, struct diag *diag)
{
    struct os_stat stat = { 0 };
    ASSERT(os_dir_path(dir) != NULL);
    struct backing_lmdb *b = mem_alloc(options->mem, sizeof *b);
    if (b == NULL) {
        return diag_set(diag, ERR_NO_MEMORY, "no memory for the state machine's store");
    }
    memset(b, 0, sizeof *b);
    b->base.table = &lmdb_table;
    b->mem = options->mem;
    b->map_bytes = options->map_bytes != 0 ? options->map_bytes : MAP_BYTES_FIRST;
    enum err e = os_dir_stat(dir, "data.mdb", &stat);
    if (e == ERR_NO_FILE || (e == ERR_OK && stat.bytes == 0)) {
        e = make_new(b, dir, options->salt);
    } else if (e == ERR_OK) {
        e = file_check(b, dir, "data.mdb");
    }
    uint64_t spare = options->map_bytes != 0 ? options->map_bytes : MAP_BYTES_SPARE;
    while (b->map_bytes < MAP_BYTES_MAX && b->map_bytes < stat.bytes + stat.bytes / 2 + spare) {
        b->map_bytes *= 2;
    }
    e = e == ERR_OK ? open_env(b, dir, "data.mdb", 0, options->salt) : e;
    if (e != ERR_OK) {
        lmdb_close(&b->base);
        return diag_set(diag, e, "state machine %s/data.mdb: %s", os_dir_path(dir), err_text(e));
    }
    *out = &b->base;
    return ERR_OK;
}
