/* tests/unit/store/test_install.c -- Subject: the rows of a snapshot in the place of a node's own,
 * on disk over LMDB and in memory. Method: two nodes with different rows; every case for both
 * kinds; afterwards a node has the rows of one or of the other, never some of each.
 */
#include "snap_rig.h"

static uint8_t *data;
static size_t bytes;
static struct snap_id id;

/* a has 2,000 rows of version 1 and a snapshot of them, b 2,500 of version 2 and the bytes. */
static void setup(void)
{
    rows_put(&n.a, 0, 2000, 1, 700);
    id = make(&n.a, 77);
    data = read_all(&n.a, &id, &bytes);
    rows_put(&n.b, 500, 2500, 2, 300);
    flush_now(&n.b);
    CHECK(send_all(&n.b, &id, data, bytes, SNAP_CHUNK_BYTES_MAX) == ERR_OK);
    free(data);
}

static uint32_t count_rows(struct peer *p)
{
    static uint8_t last[BTREE_KEY_BYTES_MAX];
    uint32_t rows = 0;
    for (int i = 0; i < TABLE_COUNT; i++) {
        struct bytes key = { 0 };
        struct bytes value;
        enum err e = table_seek(&p->tables, (enum table_id)i, key, false, &key, &value);
        while (e == ERR_OK) {
            rows++;
            memcpy(last, key.data, key.count);
            e = table_seek(&p->tables, (enum table_id)i, bytes_of(last, key.count), true, &key,
                           &value);
        }
        CHECK(e == ERR_NOT_FOUND);
    }
    return rows;
}

static bool has(struct peer *p, uint32_t first, uint32_t count, uint32_t version, size_t size)
{
    tables_rest(&p->tables);
    if (count_rows(p) != count + 1) {
        return false;
    }
    for (uint32_t i = first; i < first + count; i++) {
        struct bytes value;
        enum table_id table = i % 5 == 0 ? TABLE_SESSION : TABLE_KEY;
        if (table_get(&p->tables, table, row_key(i), &value) != ERR_OK ||
            !bytes_equal(value, row_value(i, version, size))) {
            return false;
        }
    }
    return true;
}

static bool has_new(struct peer *p)
{
    return has(p, 0, 2000, 1, 700);
}

static bool has_old(struct peer *p)
{
    return has(p, 500, 2500, 2, 300);
}

static void build(void)
{
    uint32_t before = n.b.builts;
    CHECK(snap_build(n.b.snap, &n.b.tables, &id) == ERR_OK);
    LOOP_UNTIL(&n.loop, n.b.builts > before);
}

static void swap(void)
{
    uint32_t before = n.b.swappeds;
    CHECK(snap_swap(n.b.snap) == ERR_OK);
    CHECK(flush_busy(&n.b.flush));
    LOOP_UNTIL(&n.loop, n.b.swappeds > before);
    CHECK(n.b.swapped == ERR_OK && !flush_busy(&n.b.flush));
}

static void restart(void)
{
    peer_stop(&n.b);
    peer_start(&n.b);
}

static void installed(void)
{
    setup();
    CHECK(snap_swap(n.b.snap) == ERR_NOT_FOUND);
    build();
    CHECK(n.b.built == ERR_OK);
    CHECK(bytes_equal(n.b.meta.conf, bytes_text("who is in")));
    CHECK(has_old(&n.b));
    CHECK(snap_build(n.b.snap, &n.b.tables, &id) == ERR_BUSY);
    swap();
    CHECK(bytes_equal(n.b.meta.conf, bytes_text("who is in")));
    CHECK(has_new(&n.b));
    rows_put(&n.b, 0, 2100, 3, 100);
    flush_now(&n.b);
    CHECK(has(&n.b, 0, 2100, 3, 100));
    if (!n.in_memory) {
        restart();
        CHECK(has(&n.b, 0, 2100, 3, 100));
    }
}

static void overlay_dropped(void)
{
    setup();
    rows_put(&n.b, 5000, 300, 9, 100); /* applied, and not flushed */
    build();
    rows_put(&n.b, 6000, 300, 9, 100);
    swap();
    CHECK(has_new(&n.b));
    if (!n.in_memory) {
        restart();
        CHECK(has_new(&n.b));
    }
}

static void given_up(void)
{
    setup();
    CHECK(snap_build(n.b.snap, &n.b.tables, &id) == ERR_OK);
    snap_build_cancel(n.b.snap);
    LOOP_UNTIL(&n.loop, n.b.builts == 1);
    CHECK(n.b.built == ERR_SHUTTING_DOWN);
    build();
    CHECK(n.b.built == ERR_OK);
    snap_build_cancel(n.b.snap);
    snap_build_cancel(n.b.snap);
    CHECK_U64(n.b.builts, 2);
    CHECK(snap_swap(n.b.snap) == ERR_NOT_FOUND);
    CHECK(has_old(&n.b));
    build();
    swap();
    CHECK(has_new(&n.b));
    EXPECT_MARK("store: an install is given up");
}

/* The process ends after so many turns; on disk the next one finds old rows or new ones. */
static void ended_in_the_middle(void)
{
    setup();
    if (n.in_memory) {
        build();
        peer_stop(&n.b);
        peer_start(&n.b);
        return;
    }
    for (int turns = 0; turns < 8; turns++) {
        CHECK(snap_build(n.b.snap, &n.b.tables, &id) == ERR_OK);
        for (int i = 0; i < turns; i++) {
            os_linux_turn(n.loop.linux_loop, 1000000);
        }
        restart();
        CHECK(has_old(&n.b));
    }
    build();
    CHECK(snap_swap(n.b.snap) == ERR_OK);
    restart(); /* the job under way is waited for */
    CHECK(has_new(&n.b));
}

/* A crash leaves the new file half written; nobody looks into it. */
static void left_over(void)
{
    char path[200];
    if (n.in_memory) {
        return;
    }
    setup();
    peer_stop(&n.b);
    snprintf(path, sizeof path, "%s/state-b/next.mdb", n.loop.path);
    FILE *f = fopen(path, "wb");
    CHECK(f != NULL && fputs("half of it", f) >= 0 && fclose(f) == 0);
    peer_start(&n.b);
    CHECK(access(path, F_OK) != 0);
    CHECK(has_old(&n.b));
    EXPECT_MARK("store: rows that were never in force are removed");
}

static void not_now(void)
{
    struct snap_meta meta = rig_meta(90);
    setup();
    build();
    CHECK(snap_make(n.b.snap, &n.b.tables, &meta) == ERR_OK);
    if (!n.in_memory) {
        CHECK(snap_swap(n.b.snap) == ERR_BUSY);
        LOOP_UNTIL(&n.loop, n.b.mades == 1);
        rows_put(&n.b, 500, 10, 2, 300);
        CHECK(flush_begin(&n.b.flush) == ERR_OK);
        CHECK(snap_swap(n.b.snap) == ERR_BUSY);
        LOOP_UNTIL(&n.loop, !flush_busy(&n.b.flush));
    }
    swap(); /* in memory a making goes on with the rows of its moment */
    CHECK(has_new(&n.b));
    while (tables_rest(&n.b.tables)) {
    }
    LOOP_UNTIL(&n.loop, n.b.mades == 1);
    CHECK(n.b.made == ERR_OK);
}

/* A view that began now would outlive the file that it looks into. */
static void no_making_meanwhile(void)
{
    struct snap_meta meta = rig_meta(90);
    setup();
    build();
    CHECK(snap_swap(n.b.snap) == ERR_OK);
    CHECK(snap_make(n.b.snap, &n.b.tables, &meta) == ERR_BUSY);
    LOOP_UNTIL(&n.loop, n.b.swappeds == 1);
    CHECK(n.b.swapped == ERR_OK && n.b.mades == 0);
    CHECK(has_new(&n.b));
    make(&n.b, 90);
    CHECK(n.b.made == ERR_OK);
    EXPECT_MARK("store: no view while other rows take the place");
}

/* A good file that rots later is noticed before its rows are in force, and can come again. */
static void rotten(void)
{
    char path[200];
    rig_close();
    for (size_t at = 100; at < 1200000; at += 160001) {
        rig_open(false);
        setup();
        snprintf(path, sizeof path, "%s/snap-b/%016llx-%016llx-%016llx.snap", n.loop.path,
                 (unsigned long long)id.index, (unsigned long long)id.term,
                 (unsigned long long)id.id);
        FILE *f = fopen(path, "r+b");
        CHECK(f != NULL && fseek(f, (long)at, SEEK_SET) == 0 && fputc('?', f) == '?');
        CHECK(fputc('!', f) == '!' && fclose(f) == 0);
        build();
        CHECK(n.b.built == ERR_MALFORMED);
        CHECK(snap_swap(n.b.snap) == ERR_NOT_FOUND);
        CHECK(has_old(&n.b));
        data = read_all(&n.a, &id, &bytes);
        CHECK(send_all(&n.b, &id, data, bytes, SNAP_CHUNK_BYTES_MAX) == ERR_OK);
        free(data);
        build();
        swap();
        CHECK(has_new(&n.b));
        rig_close();
    }
    rig_open(n.in_memory);
    EXPECT_MARK("store: a snapshot that was whole is damaged");
}

static void at_start(void)
{
    struct diag diag;
    struct snap_id none = { 1, 2, 3 };
    setup();
    CHECK(snap_install(n.b.snap, &n.b.tables, &none, &diag) == ERR_NOT_FOUND);
    CHECK(strstr(diag.text, "0000000000000001-0000000000000002") != NULL);
    CHECK(has_old(&n.b));
    CHECK(snap_install(n.b.snap, &n.b.tables, &id, &diag) == ERR_OK);
    CHECK(has_new(&n.b) && n.b.builts == 0 && n.b.swappeds == 0);
    if (!n.in_memory) {
        restart();
        CHECK(has_new(&n.b));
    }
}

static void at_start_rotten(void)
{
    char command[200];
    struct diag diag;
    if (n.in_memory) {
        return;
    }
    setup();
    snprintf(command, sizeof command, "truncate -s -1 '%s'/snap-b/*.snap", n.loop.path);
    CHECK(system(command) == 0);
    CHECK(snap_install(n.b.snap, &n.b.tables, &id, &diag) == ERR_CORRUPT);
    CHECK(has_old(&n.b));
}

static void no_memory(void)
{
    setup();
    size_t limit = n.b.mem.limit;
    n.b.mem.limit = n.b.mem.used + 1000;
    CHECK(snap_build(n.b.snap, &n.b.tables, &id) == ERR_NO_MEMORY);
    n.b.mem.limit = n.b.mem.used + sizeof(struct snap_room) + 300000;
    if (n.in_memory) {
        build();
        CHECK(n.b.built == ERR_NO_MEMORY);
        CHECK(has_old(&n.b));
    }
    n.b.mem.limit = limit;
    build();
    swap();
    CHECK(has_new(&n.b));
}

/* More than one transaction of the new file, and keys of every length. */
static void large(void)
{
    rows_put(&n.a, 0, 6000, 1, 5000);
    id = make(&n.a, 77);
    data = read_all(&n.a, &id, &bytes);
    CHECK(send_all(&n.b, &id, data, bytes, SNAP_CHUNK_BYTES_MAX) == ERR_OK);
    free(data);
    build();
    swap();
    CHECK(has(&n.b, 0, 6000, 1, 5000));
    if (!n.in_memory) {
        restart();
        CHECK(has(&n.b, 0, 6000, 1, 5000));
    }
}

/* ---- the gap between log and state machine ---- */

static void ignored(void *arg, uint64_t ticket, uint64_t index, uint64_t term)
{
    (void)index;
    (void)term;
    *(uint64_t *)arg = ticket;
}

static enum err gap(uint64_t base, uint64_t base_term, uint64_t applied, bool *needed,
                    struct snap_id *out)
{
    struct log_options o = { .in_memory = true, .mem = &n.b.mem };
    uint64_t durable = 0;
    struct log_handler h = { .durable = ignored, .arg = &durable };
    struct log_recovered rec;
    struct diag diag;
    struct log *log = NULL;
    CHECK(log_open(n.loop.os, NULL, &o, &h, &rec, &log, &diag) == ERR_OK);
    CHECK(log_install(log, 1, base, base_term) == ERR_OK);
    for (uint64_t i = 1; i <= 20; i++) {
        struct log_entry e = { base + i, base_term + i / 10, 3, bytes_text("entry") };
        struct log_write lw = { .ticket = 1 + i, .entries = &e, .count = 1 };
        CHECK(log_append(log, &lw) == ERR_OK);
    }
    LOOP_UNTIL(&n.loop, durable == 21);
    rec = (struct log_recovered){ .first = base + 1, .before_term = base_term, .last = base + 20 };
    enum err e = snap_gap(n.b.snap, log, &rec, applied, needed, out, &diag);
    CHECK(e == ERR_OK || strstr(diag.text, "no snapshot of what is between") != NULL);
    log_close(log);
    return e;
}

static void gaps(void)
{
    bool needed = true;
    struct snap_id found;
    setup(); /* a snapshot of entry 77, term 8 */
    CHECK(gap(77, 8, 77, &needed, &found) == ERR_OK && !needed);
    CHECK(gap(77, 8, 90, &needed, &found) == ERR_OK && !needed);
    CHECK(gap(77, 8, 76, &needed, &found) == ERR_OK && needed && snap_id_equal(&found, &id));
    CHECK(gap(70, 8, 0, &needed, &found) == ERR_OK && needed && snap_id_equal(&found, &id));
    CHECK(gap(60, 7, 0, &needed, &found) == ERR_OK && needed && snap_id_equal(&found, &id));
    CHECK(gap(60, 8, 0, &needed, &found) == ERR_CORRUPT); /* of another term there */
    CHECK(gap(77, 9, 0, &needed, &found) == ERR_CORRUPT);
    CHECK(gap(78, 8, 0, &needed, &found) == ERR_CORRUPT); /* older than the log's beginning */
    CHECK(gap(50, 8, 0, &needed, &found) == ERR_CORRUPT); /* behind the log's end */
    EXPECT_MARK("store: a snapshot closes a gap at start");
    EXPECT_MARK("store: a gap that no snapshot closes");
}

static const struct {
    const char *name;
    void (*run)(void);
} cases[] = {
    { "install: the rows of a snapshot take the place of all others", installed },
    { "install: what was applied to the old rows goes with them", overlay_dropped },
    { "install: it can be given up until the swap", given_up },
    { "install: a process that ends leaves old rows or new ones", ended_in_the_middle },
    { "install: a new file that was left half written goes", left_over },
    { "install: not while a flush or a making needs the old rows", not_now },
    { "install: while the rows are exchanged no snapshot of them is begun", no_making_meanwhile },
    { "install: a snapshot that has rotted is refused and can come again", rotten },
    { "install: at start it is done at once", at_start },
    { "install: at start a rotten snapshot is damage", at_start_rotten },
    { "install: without memory the old rows stay", no_memory },
    { "install: a large one, with long keys", large },
    { "install: a gap is closed by the snapshot that fits, or named", gaps },
};

static void (*case_now)(void);
static bool case_memory;

static void one(void)
{
    rig_open(case_memory);
    case_now();
    rig_close();
}

static void try_one(const char *name)
{
    TAP_TEST(name, one);
}

int main(void)
{
    for (int memory = 0; memory < 2; memory++) {
        for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
            char name[200];
            case_now = cases[i].run;
            case_memory = memory != 0;
            snprintf(name, sizeof name, "%s (%s)", cases[i].name, memory ? "memory" : "disk");
            try_one(name);
        }
    }
    return tap_done();
}
