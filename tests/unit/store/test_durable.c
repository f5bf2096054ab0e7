/* tests/unit/store/test_durable.c -- Subject: what LMDB promises when a flush has ended. Method:
 * the program stands between LMDB and the C library: it sees how each environment is opened, counts
 * syncs, and lets them fail. The simulated backing knows nothing of this, and a killed process
 * loses nothing either: only a power cut would.
 */
#include "loop.h"

#include "store/backing_lmdb.h"
#include "store/btree.h"

#include <dlfcn.h>
#include <errno.h>
#include <lmdb.h>
#include <stdatomic.h>

enum {
    RELAXED = MDB_NOSYNC | MDB_NOMETASYNC | MDB_WRITEMAP | MDB_MAPASYNC,
    ENVS_MAX = 8,
    PAGE_BYTES = 4096,
    LARGE_PAGES = 3 * (1024 * 1024 * 1024 / PAGE_BYTES)
};

static atomic_uint syncs;
static atomic_bool broken; /* every sync fails */
static size_t pages_more;  /* that every file seems to have */
static MDB_env *opened[ENVS_MAX];
static unsigned opened_count;

/* Found by LMDB before the C library's. */
int fdatasync(int fd)
{
    static int (*real)(int);
    if (real == NULL) {
        *(void **)&real = dlsym(RTLD_NEXT, "fdatasync");
    }
    atomic_fetch_add(&syncs, 1);
    if (atomic_load(&broken)) {
        errno = EIO;
        return -1;
    }
    return real(fd);
}

/* Likewise, by the store: of directories. */
int fsync(int fd)
{
    static int (*real)(int);
    if (real == NULL) {
        *(void **)&real = dlsym(RTLD_NEXT, "fsync");
    }
    if (atomic_load(&broken)) {
        errno = EIO;
        return -1;
    }
    return real(fd);
}

/* Found by the store before LMDB's. */
int mdb_env_info(MDB_env *env, MDB_envinfo *out)
{
    static int (*real)(MDB_env *, MDB_envinfo *);
    if (real == NULL) {
        *(void **)&real = dlsym(RTLD_NEXT, "mdb_env_info");
    }
    int rc = real(env, out);
    out->me_last_pgno += pages_more;
    return rc;
}

/* Likewise. */
int mdb_env_open(MDB_env *env, const char *path, unsigned flags, mdb_mode_t mode)
{
    static int (*real)(MDB_env *, const char *, unsigned, mdb_mode_t);
    if (real == NULL) {
        *(void **)&real = dlsym(RTLD_NEXT, "mdb_env_open");
    }
    opened[opened_count++ % ENVS_MAX] = env;
    return real(env, path, flags, mode);
}

static struct world {
    struct loop loop;
    struct mem mem;
    struct os_dir *dir;
    struct backing *backing;
    struct btree tree[TABLE_COUNT];
} w;

static unsigned newest_flags(void)
{
    unsigned flags = 0;
    CHECK(opened_count > 0);
    CHECK(mdb_env_get_flags(opened[(opened_count - 1) % ENVS_MAX], &flags) == 0);
    return flags;
}

static void start(void)
{
    struct backing_lmdb_options o = { .salt = 7, .map_bytes = 1u << 20, .mem = &w.mem };
    struct diag diag;
    memset(&w, 0, sizeof w);
    loop_open(&w.loop);
    mem_init(&w.mem, "durable", 64u << 20);
    CHECK(os_dir_open(w.loop.os, w.loop.path, false, &w.dir) == ERR_OK);
    CHECK(backing_lmdb_open(w.dir, &o, &w.backing, &diag) == ERR_OK);
    for (int i = 0; i < TABLE_COUNT; i++) {
        btree_init(&w.tree[i], &w.mem);
    }
}

static enum err flush(const char *key)
{
    struct backing_batch batch = { { NULL } };
    CHECK(btree_put(&w.tree[0], bytes_of(key, strlen(key)), bytes_of("v", 1)) == ERR_OK);
    for (int i = 0; i < TABLE_COUNT; i++) {
        batch.tree[i] = &w.tree[i];
    }
    CHECK(backing_prepare(w.backing, 1, 100) == ERR_OK);
    return backing_write(w.backing, &batch);
}

static void stop(void)
{
    for (int i = 0; i < TABLE_COUNT; i++) {
        btree_done(&w.tree[i]);
    }
    backing_close(w.backing);
    os_dir_close(w.dir);
    loop_close(&w.loop);
    CHECK_U64(w.mem.used, 0);
}

static void synced(void)
{
    start();
    CHECK_U64(newest_flags() & RELAXED, 0);
    unsigned before = atomic_load(&syncs);
    CHECK(flush("a") == ERR_OK);
    CHECK(atomic_load(&syncs) > before);
    stop();
}

static void failed(void)
{
    start();
    atomic_store(&broken, true);
    CHECK(flush("a") != ERR_OK);
    atomic_store(&broken, false);
    stop();
}

/* What is built beside the rows in force is synced once, at its end; then it is like any other. */
static void built(void)
{
    start();
    CHECK(backing_build_begin(w.backing) == ERR_OK);
    CHECK(backing_build_put(w.backing, (enum table_id)0, bytes_of("a", 1), bytes_of("v", 1)) ==
          ERR_OK);
    unsigned before = atomic_load(&syncs);
    atomic_store(&broken, true);
    CHECK(backing_build_seal(w.backing) != ERR_OK);
    CHECK(atomic_load(&syncs) > before);
    atomic_store(&broken, false);
    CHECK(backing_build_end(w.backing, false) == ERR_OK);
    CHECK(backing_build_begin(w.backing) == ERR_OK);
    CHECK(backing_build_seal(w.backing) == ERR_OK);
    CHECK(backing_build_swap(w.backing) == ERR_OK);
    CHECK(backing_build_end(w.backing, true) == ERR_OK);
    CHECK_U64(newest_flags() & RELAXED, 0);
    stop();
}

/* The name too: what was installed is not asked for again. */
static void swapped(void)
{
    struct os_stat stat;
    start();
    CHECK(backing_build_begin(w.backing) == ERR_OK);
    CHECK(backing_build_seal(w.backing) == ERR_OK);
    atomic_store(&broken, true);
    CHECK(backing_build_swap(w.backing) == ERR_SYNC_FAILED);
    atomic_store(&broken, false);
    CHECK(os_dir_stat(w.dir, "next.mdb", &stat) == ERR_NO_FILE); /* it was renamed before */
    CHECK(backing_build_end(w.backing, false) == ERR_OK);
    stop();
}

/* Rows of some GiB take too long to be written here: LMDB says that there are so many. */
static void large(void)
{
    MDB_envinfo info;
    start();
    CHECK(backing_build_begin(w.backing) == ERR_OK);
    pages_more = LARGE_PAGES;
    CHECK(backing_build_put(w.backing, (enum table_id)0, bytes_of("a", 1), bytes_of("v", 1)) ==
          ERR_OK);
    pages_more = 0;
    CHECK(mdb_env_info(opened[(opened_count - 1) % ENVS_MAX], &info) == 0);
    CHECK(info.me_mapsize / PAGE_BYTES > LARGE_PAGES + LARGE_PAGES / 2);
    CHECK(backing_build_end(w.backing, false) == ERR_OK);
    stop();
}

int main(void)
{
    TAP_TEST("durable: a flush has been synced when it ends", synced);
    TAP_TEST("durable: a flush whose sync failed is no flush", failed);
    TAP_TEST("durable: rows beside those in force are synced before they take their place", built);
    TAP_TEST("durable: their place is theirs only when its name is synced", swapped);
    TAP_TEST("durable: what is built may be larger than its first map", large);
    return tap_done();
}
