/* tests/unit/store/test_tables.c -- Subject: tables over each kind of backing. Method: random
 * changes and reads beside a sorted array, with flushes and new beginnings at random moments;
 * keys around every length at which LMDB's own limit shows. */
#include "loop.h"

#include "base/prng.h"
#include "sim/backing.h"
#include "sim/loop.h"
#include "store/backing_lmdb.h"
#include "store/flush.h"

#include <sys/resource.h>

enum {
    KEYS = 600,
    KEY_ROOM = 2100,
    STEPS = 6000
};

enum kind {
    KIND_MEMORY,
    KIND_LMDB,
    KIND_SIM
};

struct row {
    uint8_t key[KEY_ROOM];
    size_t key_bytes;
    bool there;
    uint64_t value;
    size_t value_bytes;
};

static struct world {
    struct loop loop;
    struct mem mem;
    struct tables tables;
    struct flush flush;
    struct os_dir *dir;
    struct sim_backing sim;
    struct sim_disk disk;
    struct sim_loop sim_loop; /* the simulated backing has no threads */
    enum kind kind;
    uint32_t ended; /* flushes */
    struct prng prng;
    struct row row[KEYS]; /* sorted by key */
} w;

static void flushed(void *arg, enum err e, uint64_t took_ns)
{
    (void)arg;
    (void)took_ns;
    CHECK(e == ERR_OK);
    w.ended++;
}

static struct backing *backing_new(void)
{
    struct backing_lmdb_options o = { .salt = 7, .map_bytes = 1u << 20, .mem = &w.mem };
    struct backing *b = NULL;
    struct diag diag;
    if (w.kind == KIND_SIM) {
        return &w.sim.base;
    }
    if (w.kind == KIND_LMDB) {
        CHECK(backing_lmdb_open(w.dir, &o, &b, &diag) == ERR_OK);
    }
    return b;
}

static void turn(void)
{
    if (w.kind == KIND_SIM) {
        sim_turn(&w.sim_loop);
    } else {
        os_linux_turn(w.loop.linux_loop, 0);
    }
}

static void start(void)
{
    struct os *os = w.kind == KIND_SIM ? &w.sim_loop.os : w.loop.os;
    tables_open(&w.tables, &w.mem, backing_new());
    CHECK(flush_open(&w.flush, os, &w.tables, flushed, NULL) == ERR_OK);
}

static void stop(void)
{
    flush_close(&w.flush);
    if (w.tables.backing != NULL) {
        backing_close(w.tables.backing);
    }
    tables_close(&w.tables);
}

/* Lengths at which something changes: pieces of 500, LMDB's limit, and the longest key. */
static size_t some_length(void)
{
    static const size_t lengths[] = { 1,   2,    8,    499,  500,  501,  511,  512,
                                      999, 1000, 1001, 1500, 2047, 2048, 2049, 30 };
    return lengths[prng_below(&w.prng, sizeof lengths / sizeof lengths[0])];
}

static int row_compare(const void *a, const void *b)
{
    const struct row *x = a;
    const struct row *y = b;
    return bytes_compare(bytes_of(x->key, x->key_bytes), bytes_of(y->key, y->key_bytes));
}

static void keys_make(void)
{
    static const uint8_t letters[3] = { 0, 'a', 255 };
    memset(w.row, 0, sizeof w.row);
    for (uint32_t i = 0; i < KEYS; i++) {
        size_t n = some_length();
        w.row[i].key_bytes = n;
        memset(w.row[i].key, 'p', n); /* one long common prefix, changed in a few places */
        for (int j = 0; j < 2; j++) {
            size_t at = prng_below(&w.prng, 3) == 0 ? prng_below(&w.prng, n) : n - 1;
            w.row[i].key[at] = letters[prng_below(&w.prng, 3)];
        }
    }
    qsort(w.row, KEYS, sizeof w.row[0], row_compare);
}

static struct bytes key_at(uint32_t i)
{
    return bytes_of(w.row[i].key, w.row[i].key_bytes);
}

static bool key_repeats(uint32_t i)
{
    return i > 0 && bytes_equal(key_at(i), key_at(i - 1));
}

static void value_check(uint32_t i, struct bytes v)
{
    CHECK_U64(v.count, w.row[i].value_bytes);
    for (size_t j = 0; j + 8 <= v.count; j += 8) {
        CHECK(memcmp(v.data + j, &w.row[i].value, 8) == 0);
    }
}

static void put(uint32_t i)
{
    static uint8_t value[4096];
    size_t n = prng_below(&w.prng, 20) == 0 ? 4096 : 8 * prng_below(&w.prng, 12);
    w.row[i].value = prng_next(&w.prng);
    for (size_t j = 0; j < n; j += 8) {
        memcpy(value + j, &w.row[i].value, 8);
    }
    CHECK(table_put(&w.tables, TABLE_KEY, key_at(i), bytes_of(value, n)) == ERR_OK);
    w.row[i].there = true;
    w.row[i].value_bytes = n;
}

static void del(uint32_t i)
{
    enum err e = table_del(&w.tables, TABLE_KEY, key_at(i));
    CHECK(e == (w.row[i].there ? ERR_OK : ERR_NOT_FOUND));
    w.row[i].there = false;
}

static void get(uint32_t i)
{
    struct bytes v;
    enum err e = table_get(&w.tables, TABLE_KEY, key_at(i), &v);
    CHECK(e == (w.row[i].there ? ERR_OK : ERR_NOT_FOUND));
    if (e == ERR_OK) {
        value_check(i, v);
    }
}

static void seek(uint32_t i, bool after)
{
    struct bytes k;
    struct bytes v;
    enum err e = table_seek(&w.tables, TABLE_KEY, key_at(i), after, &k, &v);
    uint32_t want = after ? i + 1 : i;
    while (want < KEYS && (!w.row[want].there || key_repeats(want))) {
        want++;
    }
    CHECK(e == (want < KEYS ? ERR_OK : ERR_NOT_FOUND));
    if (e == ERR_OK) {
        CHECK(bytes_equal(k, key_at(want)));
        value_check(want, v);
    }
}

static void walk(void)
{
    static uint8_t last[KEY_ROOM];
    struct bytes k = bytes_of(last, 0);
    struct bytes v;
    uint32_t i = 0;
    while (table_seek(&w.tables, TABLE_KEY, k, k.count > 0, &k, &v) == ERR_OK) {
        while (i < KEYS && (!w.row[i].there || key_repeats(i))) {
            i++;
        }
        CHECK(i < KEYS && bytes_equal(k, key_at(i)));
        memcpy(last, k.data, k.count);
        k = bytes_of(last, k.count);
        i++;
    }
    while (i < KEYS && (!w.row[i].there || key_repeats(i))) {
        i++;
    }
    CHECK_U64(i, KEYS);
}

static void flush_wait(void)
{
    uint64_t end = os_now(w.loop.os) + LOOP_NS_MAX;
    while (flush_busy(&w.flush) && os_now(w.loop.os) < end) {
        turn();
    }
    CHECK(!flush_busy(&w.flush));
}

static void flush_now(void)
{
    if (w.kind != KIND_MEMORY && !flush_busy(&w.flush)) {
        CHECK(flush_begin(&w.flush) == ERR_OK);
    }
}

static void reopen(void)
{
    if (w.kind == KIND_MEMORY) {
        return;
    }
    flush_wait();
    flush_now();
    flush_wait();
    stop();
    start();
}

static void step(void)
{
    uint32_t i = (uint32_t)prng_below(&w.prng, KEYS);
    while (key_repeats(i)) {
        i--;
    }
    switch (prng_below(&w.prng, 12)) {
    case 0:
    case 1:
    case 2:
        put(i);
        break;
    case 3:
    case 4:
        del(i);
        break;
    case 5:
    case 6:
        get(i);
        break;
    default:
        seek(i, prng_below(&w.prng, 2) == 0);
        break;
    }
    if (prng_below(&w.prng, 50) == 0) {
        flush_now();
    }
    if (prng_below(&w.prng, 30) == 0) {
        turn();
        tables_rest(&w.tables);
    }
    if (prng_below(&w.prng, 300) == 0) {
        reopen();
    }
}

static void run(enum kind kind, uint64_t seed)
{
    memset(&w, 0, sizeof w);
    w.kind = kind;
    loop_open(&w.loop);
    mem_init(&w.mem, "tables", 256u << 20);
    prng_seed(&w.prng, seed);
    sim_disk_init(&w.disk, &w.mem, seed);
    sim_loop_init(&w.sim_loop, &w.mem, &w.disk, seed);
    sim_backing_init(&w.sim, &w.mem, NULL);
    CHECK(os_dir_open(w.loop.os, w.loop.path, false, &w.dir) == ERR_OK);
    start();
    keys_make();
    for (uint32_t i = 0; i < STEPS; i++) {
        step();
    }
    walk();
    reopen();
    walk();
    CHECK(kind == KIND_MEMORY || w.ended > 10);
    for (uint32_t i = 0; i < KEYS; i++) { /* all gone: no subtree may be left over */
        if (!key_repeats(i)) {
            del(i);
        }
    }
    reopen();
    walk();
    stop();
    sim_backing_done(&w.sim);
    sim_loop_done(&w.sim_loop);
    sim_disk_done(&w.disk);
    os_dir_close(w.dir);
    CHECK_U64(w.mem.used, 0);
    loop_close(&w.loop);
}

static void memory(void)
{
    run(KIND_MEMORY, 1);
}

static void lmdb(void)
{
    for (uint64_t seed = 1; seed <= 4; seed++) {
        run(KIND_LMDB, seed);
    }
    EXPECT_MARK("store: two long keys share a row");
    EXPECT_MARK("store: a shared row outlives a key");
}

static void sim(void)
{
    run(KIND_SIM, 3);
    EXPECT_MARK("store: a seek passes a deleted key");
}

static void tried(void *arg, enum err e, uint64_t took_ns)
{
    uint32_t *in_vain = arg;
    (void)took_ns;
    CHECK(e == ERR_OK || e == ERR_NO_SPACE);
    *in_vain += e == ERR_NO_SPACE;
    w.ended += e == ERR_OK;
}

static void turn_until(uint64_t at_ns)
{
    while (sim_loop_next(&w.sim_loop) <= at_ns) {
        sim_turn(&w.sim_loop);
    }
}

/* On a full disk a flush is tried every second; what it found then is what it writes, and the next
 * one may begin: nobody else would begin it again. */
static void no_space(void)
{
    struct bytes k = bytes_text("k");
    struct bytes v = { 0 };
    uint32_t in_vain = 0;
    memset(&w, 0, sizeof w);
    mem_init(&w.mem, "tables", 64u << 20);
    sim_disk_init(&w.disk, &w.mem, 5);
    sim_loop_init(&w.sim_loop, &w.mem, &w.disk, 5);
    sim_backing_init(&w.sim, &w.mem, &w.disk);
    tables_open(&w.tables, &w.mem, &w.sim.base);
    CHECK(flush_open(&w.flush, &w.sim_loop.os, &w.tables, tried, &in_vain) == ERR_OK);
    uint64_t began = w.sim_loop.now_ns;
    w.disk.full = true;
    CHECK(table_put(&w.tables, TABLE_KEY, k, bytes_text("v")) == ERR_OK);
    CHECK(flush_begin(&w.flush) == ERR_OK);
    turn_until(began + 5 * FLUSH_RETRY_NS / 2);
    CHECK(in_vain == 3 && w.ended == 0);
    CHECK(flush_begin(&w.flush) == ERR_BUSY);
    w.disk.full = false;
    turn_until(began + 7 * FLUSH_RETRY_NS / 2);
    CHECK(in_vain == 3 && w.ended == 1 && !flush_busy(&w.flush));
    CHECK(backing_get(&w.sim.base, TABLE_KEY, k, &v) == ERR_OK && bytes_equal(v, bytes_text("v")));
    stop();
    sim_backing_done(&w.sim);
    sim_loop_done(&w.sim_loop);
    sim_disk_done(&w.disk);
    CHECK_U64(w.mem.used, 0);
}

/* What the machine says when it is asked about the disk. */
static struct {
    const struct os_table *real;
    uint64_t free_bytes;
    bool quota; /* nothing more may be written, however much is free */
    bool lost;  /* a sync has failed */
} machine;

static enum err space_of(struct os_dir *d, struct os_space *out)
{
    (void)d;
    *out = (struct os_space){ 1u << 30, machine.free_bytes };
    return ERR_OK;
}

static enum err write_of(struct os_file *f, uint64_t offset, const void *data, size_t count)
{
    return machine.quota ? ERR_NO_SPACE : machine.real->file_write(f, offset, data, count);
}

static enum err sync_of(struct os_file *f)
{
    return machine.lost ? ERR_SYNC_FAILED : machine.real->file_sync(f);
}

static enum err written_with(uint64_t free_bytes, bool quota, bool lost)
{
    machine.free_bytes = free_bytes;
    machine.quota = quota;
    machine.lost = lost;
    return tables_write(&w.tables);
}

static bool all_there(size_t count)
{
    struct bytes v;
    return table_get(&w.tables, TABLE_KEY, bytes_text("old"), &v) == ERR_OK &&
           bytes_equal(v, bytes_text("v")) &&
           table_get(&w.tables, TABLE_KEY, bytes_text("new"), &v) == ERR_OK && v.count == count;
}

/* A disk that takes only the beginning of a write: here it is a bound on the size of files. LMDB
 * says the same of it as of a disk that fails, and the two must not be taken for each other. */
static void half_a_write(void)
{
    static const uint8_t value[200000];
    const uint64_t much = 1u << 29;
    struct rlimit before;
    struct os_stat st;
    memset(&w, 0, sizeof w);
    w.kind = KIND_LMDB;
    loop_open(&w.loop);
    mem_init(&w.mem, "tables", 64u << 20);
    struct os_table table = *w.loop.os->table;
    machine.real = w.loop.os->table;
    table.dir_space = space_of;
    table.file_write = write_of;
    table.file_sync = sync_of;
    CHECK(os_dir_open(w.loop.os, w.loop.path, false, &w.dir) == ERR_OK);
    start();
    CHECK(table_put(&w.tables, TABLE_KEY, bytes_text("old"), bytes_text("v")) == ERR_OK);
    CHECK(tables_freeze(&w.tables) == ERR_OK && tables_write(&w.tables) == ERR_OK);
    tables_thaw(&w.tables);
    CHECK(table_put(&w.tables, TABLE_KEY, bytes_text("new"), bytes_of(value, sizeof value)) ==
          ERR_OK);
    CHECK(tables_freeze(&w.tables) == ERR_OK && os_dir_stat(w.dir, "data.mdb", &st) == ERR_OK);
    CHECK(signal(SIGXFSZ, SIG_IGN) != SIG_ERR && getrlimit(RLIMIT_FSIZE, &before) == 0);
    struct rlimit bound = before;
    bound.rlim_cur = st.bytes + sizeof value / 2;
    w.loop.os->table = &table;
    CHECK(setrlimit(RLIMIT_FSIZE, &bound) == 0);
    CHECK(written_with(much, false, false) == ERR_IO);
    CHECK(written_with(sizeof value, false, false) == ERR_NO_SPACE);
    CHECK(written_with(much, true, false) == ERR_NO_SPACE);
    CHECK(written_with(0, true, true) == ERR_SYNC_FAILED);
    CHECK(all_there(sizeof value));
    CHECK(setrlimit(RLIMIT_FSIZE, &before) == 0);
    CHECK(written_with(0, false, false) == ERR_OK);
    w.loop.os->table = machine.real;
    tables_thaw(&w.tables);
    CHECK(all_there(sizeof value));
    stop();
    start(); /* what half a write left behind is none of the file's pages */
    CHECK(all_there(sizeof value));
    stop();
    os_dir_close(w.dir);
    CHECK_U64(w.mem.used, 0);
    loop_close(&w.loop);
    EXPECT_MARK("store: rows find room for their beginning only");
}

/* A directory of rows is bound to the data directory it was made in, and damage has a name. */
static void refusals(void)
{
    struct diag diag;
    struct backing *b = NULL;
    struct backing_lmdb_options o = { .salt = 7, .mem = &w.mem };
    memset(&w, 0, sizeof w);
    loop_open(&w.loop);
    mem_init(&w.mem, "tables", 64u << 20);
    CHECK(os_dir_open(w.loop.os, w.loop.path, false, &w.dir) == ERR_OK);
    CHECK(backing_lmdb_open(w.dir, &o, &b, &diag) == ERR_OK);
    backing_close(b);
    o.salt = 8;
    CHECK(backing_lmdb_open(w.dir, &o, &b, &diag) == ERR_WRONG_NODE);
    CHECK(strstr(diag.text, "data.mdb") != NULL);
    char path[128];
    snprintf(path, sizeof path, "%s/data.mdb", w.loop.path);
    FILE *f = fopen(path, "r+");
    CHECK(f != NULL && fwrite("garbage garbage garbage garbage", 1, 31, f) == 31);
    CHECK(fclose(f) == 0);
    o.salt = 7;
    enum err e = backing_lmdb_open(w.dir, &o, &b, &diag);
    CHECK(e != ERR_OK);
    os_dir_close(w.dir);
    CHECK_U64(w.mem.used, 0);
    loop_close(&w.loop);
}

int main(void)
{
    TAP_TEST("tables in memory behave like a sorted array", memory);
    TAP_TEST("tables over LMDB do too, at every length of key", lmdb);
    TAP_TEST("tables over the simulated backing do too", sim);
    TAP_TEST("tables are flushed when a full disk has room again", no_space);
    TAP_TEST("half a write is want of room, unless there is room or a sync failed", half_a_write);
    TAP_TEST("rows of another directory and damaged files are refused", refusals);
    return tap_done();
}
