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
#include "store/lmdb_build.h"
#include "store/lmdb_check.h"

#define MAP_BYTES_FIRST (4ull * 1024 * 1024 * 1024)
#define MAP_BYTES_MAX (16ull * 1024 * 1024 * 1024 * 1024)
#define CHECK_BYTES_MAX (256ull * 1024 * 1024) /* a larger file would delay the start */
#define MAP_BYTES_SPARE (256ull * 1024 * 1024)
enum {
    ROW_PAGES_BYTES = 16 * 1024 /* a row may rewrite a leaf of its own and the path to it */
};

struct backing_lmdb {
    struct backing base; /* first */
    struct mem *mem;
    struct os_dir *dir;
    uint64_t salt;
    struct lmdb_env lmdb; /* closed: the rows of a snapshot could not be opened */
    struct lmdb_build build;
    MDB_txn *txn; /* read transaction of this turn, NULL before the first */
    bool reading; /* txn is under way */
    uint64_t map_bytes;
    uint8_t room[LMDB_KEY_BYTES_MAX]; /* key of the last seek */
    MDB_txn *view;                    /* NULL: there is none */
    uint8_t view_room[LMDB_KEY_BYTES_MAX];
};

/* Address space for a file and for what it grows by. */
static void map_fit(struct backing_lmdb *b, uint64_t bytes, uint64_t spare)
{
    while (b->map_bytes < MAP_BYTES_MAX && b->map_bytes < bytes + bytes / 2 + spare) {
        b->map_bytes *= 2;
    }
}

static enum err read_begin(struct backing_lmdb *b)
{
    if (b->reading) {
        return ERR_OK;
    }
    if (b->lmdb.env == NULL) {
        return ERR_IO;
    }
    int rc = b->txn == NULL ? mdb_txn_begin(b->lmdb.env, NULL, MDB_RDONLY, &b->txn)
                            : mdb_txn_renew(b->txn);
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
    return lmdb_rows_get(b->txn, &b->lmdb.dbs, id, key, out);
}

static enum err lmdb_seek(struct backing *base, enum table_id id, struct bytes from, bool after,
                          struct bytes *out_key, struct bytes *out_value)
{
    struct backing_lmdb *b = (struct backing_lmdb *)base;
    TRY(read_begin(b));
    return lmdb_rows_seek(b->txn, &b->lmdb.dbs, id, from, after, b->room, out_key, out_value);
}

static void lmdb_rest(struct backing *base)
{
    struct backing_lmdb *b = (struct backing_lmdb *)base;
    if (b->reading) {
        mdb_txn_reset(b->txn);
        b->reading = false;
    }
}

/* The map is address space only; it grows before a write could fill it. */
static enum err lmdb_prepare(struct backing *base, uint64_t rows, uint64_t bytes)
{
    struct backing_lmdb *b = (struct backing_lmdb *)base;
    if (b->lmdb.env == NULL) {
        return ERR_IO;
    }
    uint64_t want = lmdb_env_bytes(&b->lmdb) + rows * ROW_PAGES_BYTES + 4 * bytes;
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
    MARK("store: the map grows");
    lmdb_rest(base);
    enum err e = lmdb_err(mdb_env_set_mapsize(b->lmdb.env, map));
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
    if (b->lmdb.env == NULL) {
        return ERR_IO;
    }
    TRY(lmdb_prepare(base, 0, lmdb_env_bytes(&b->lmdb)));
    enum err e = lmdb_err(mdb_txn_begin(b->lmdb.env, NULL, MDB_RDONLY, &b->view));
    b->view = e == ERR_OK ? b->view : NULL;
    return e;
}

static enum err lmdb_view_seek(struct backing *base, enum table_id id, struct bytes from,
                               bool after, struct bytes *out_key, struct bytes *out_value)
{
    struct backing_lmdb *b = (struct backing_lmdb *)base;
    return lmdb_rows_seek(b->view, &b->lmdb.dbs, id, from, after, b->view_room, out_key, out_value);
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
        TRY(value.data != NULL ? lmdb_rows_put(txn, &b->lmdb.dbs, id, key, value)
                               : lmdb_rows_del(txn, &b->lmdb.dbs, id, key));
        more = btree_seek(tree, key, true, &key, &value);
    }
    return ERR_OK;
}

static enum err lmdb_write(struct backing *base, const struct backing_batch *batch)
{
    struct backing_lmdb *b = (struct backing_lmdb *)base;
    MDB_txn *txn = NULL;
    if (b->lmdb.env == NULL) {
        return ERR_IO;
    }
    TRY(lmdb_err(mdb_txn_begin(b->lmdb.env, NULL, 0, &txn)));
    enum err e = ERR_OK;
    uint64_t bytes = 0;
    for (int i = 0; i < TABLE_COUNT && e == ERR_OK; i++) {
        e = write_tree(b, txn, (enum table_id)i, batch->tree[i]);
        bytes += batch->tree[i]->bytes;
    }
    if (e == ERR_OK) {
        e = lmdb_err(mdb_txn_commit(txn)); /* frees the transaction either way */
    } else {
        mdb_txn_abort(txn);
    }
    return lmdb_env_err(&b->lmdb, e, bytes);
}

static void close_env(struct backing_lmdb *b)
{
    if (b->txn != NULL) {
        mdb_txn_abort(b->txn);
        b->txn = NULL;
    }
    b->reading = false;
    lmdb_env_close(&b->lmdb);
}

static void lmdb_close(struct backing *base)
{
    struct backing_lmdb *b = (struct backing_lmdb *)base;
    lmdb_view_end(base);
    lmdb_build_drop(&b->build);
    close_env(b);
    mem_free(b->mem, b);
}

/* ---- New rows in the place of all ---- */

static enum err lmdb_begin(struct backing *base)
{
    struct backing_lmdb *b = (struct backing_lmdb *)base;
    return lmdb_build_begin(&b->build, b->dir, b->salt);
}

static enum err lmdb_put(struct backing *base, enum table_id id, struct bytes key,
                         struct bytes value)
{
    struct backing_lmdb *b = (struct backing_lmdb *)base;
    return lmdb_build_put(&b->build, id, key, value);
}

static enum err lmdb_seal(struct backing *base)
{
    struct backing_lmdb *b = (struct backing_lmdb *)base;
    return lmdb_build_seal(&b->build);
}

/* The old file goes on being read where it is open. */
static enum err lmdb_swap(struct backing *base)
{
    struct backing_lmdb *b = (struct backing_lmdb *)base;
    TRY(os_dir_rename(b->dir, LMDB_BUILD_NAME, "data.mdb"));
    return os_dir_sync(b->dir);
}

static enum err lmdb_end(struct backing *base, bool adopt)
{
    struct backing_lmdb *b = (struct backing_lmdb *)base;
    struct os_stat stat = { 0 };
    if (!adopt) {
        lmdb_build_drop(&b->build);
        return ERR_OK;
    }
    ASSERT(b->view == NULL);
    b->build.dir = NULL; /* its file is data.mdb now */
    close_env(b);
    TRY(os_dir_stat(b->dir, "data.mdb", &stat));
    map_fit(b, stat.bytes, MAP_BYTES_SPARE);
    return lmdb_env_open(&b->lmdb, b->dir, NULL, 0, b->map_bytes, b->salt);
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
    .build_begin = lmdb_begin,
    .build_put = lmdb_put,
    .build_seal = lmdb_seal,
    .build_swap = lmdb_swap,
    .build_end = lmdb_end,
    .close = lmdb_close,
};

/* ---- Opening ---- */

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

/* A file without rows, whole before it has its name. */
static enum err make_new(struct backing_lmdb *b, struct os_dir *dir, uint64_t salt)
{
    static const char part[] = "data.mdb.part";
    enum err e = os_dir_unlink(dir, part);
    if (e != ERR_OK && e != ERR_NO_FILE) {
        return e;
    }
    e = lmdb_env_open(&b->lmdb, dir, part, MDB_NOLOCK, b->map_bytes, salt);
    lmdb_env_close(&b->lmdb);
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
    b->dir = dir;
    b->salt = options->salt;
    b->map_bytes = options->map_bytes != 0 ? options->map_bytes : MAP_BYTES_FIRST;
    enum err e = os_dir_unlink(dir, LMDB_BUILD_NAME);
    MARK_IF(e == ERR_OK, "store: rows that were never in force are removed");
    e = e == ERR_OK || e == ERR_NO_FILE ? os_dir_stat(dir, "data.mdb", &stat) : e;
    if (e == ERR_NO_FILE || (e == ERR_OK && stat.bytes == 0)) {
        e = make_new(b, dir, options->salt);
    } else if (e == ERR_OK) {
        e = file_check(b, dir, "data.mdb");
    }
    uint64_t spare = options->map_bytes != 0 ? options->map_bytes : MAP_BYTES_SPARE;
    map_fit(b, stat.bytes, spare);
    e = e == ERR_OK ? lmdb_env_open(&b->lmdb, dir, NULL, 0, b->map_bytes, options->salt) : e;
    if (e != ERR_OK) {
        lmdb_close(&b->base);
        return diag_set(diag, e, "state machine %s/data.mdb: %s", os_dir_path(dir), err_text(e));
    }
    *out = &b->base;
    return ERR_OK;
}
