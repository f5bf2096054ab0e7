/* tests/unit/sim/test_install.c -- Subject: log, state machine and snapshots of one node together,
 * after a power cut. Method: a node that applies entries, flushes, makes snapshots and compacts its
 * log, and twice receives a snapshot of a leader and installs it, is cut at its first disk
 * operation, then at its second, and so on. Each start must find a state machine that is whole and
 * of one entry, and a log that goes on from it, or a snapshot that closes the gap; and nothing that
 * was known to be durable is missing.
 */
#include "tap.h"

#include "sim/backing.h"
#include "sim/loop.h"
#include "store/flush.h"
#include "store/log.h"
#include "store/snap.h"

#include <malloc.h>

enum {
    KEYS = 40,
    ROUNDS = 40,
    SEGMENT = 32 * 1024,
    LEADER_BYTES_MAX = 1 << 20,
    PORTION = 9000
};

/* A leader's snapshot, as bytes. */
static struct leader {
    struct snap_id id;
    uint8_t data[LEADER_BYTES_MAX];
    size_t bytes;
} leader[2];

static struct world {
    struct mem mem;
    struct prng prng;
    struct sim_disk disk;
    struct sim_loop loop;
    struct sim_backing backing;
    struct os_dir *log_dir;
    struct os_dir *snap_dir;
    struct log *log;
    struct tables tables;
    struct flush flush;
    struct snap *snap;
    uint64_t ticket;
    uint64_t install_ticket;
    struct snap_id installing; /* index 0: nothing */
    uint64_t durable_ticket;
    uint64_t durable; /* index */
    uint64_t applied;
    uint64_t applied_term;
    uint64_t term;
    uint64_t flushing;
    uint64_t flushed;
    uint64_t promised; /* entries up to here were durable, or in a snapshot that was installed */
    uint64_t made;
    struct snap_id made_id;
    bool failed;
    bool swap_due;
    bool swapping;
    uint64_t closed; /* gaps, at starts */
    uint64_t swaps;
} w;

/* ---- the state after so many entries ---- */

static struct bytes key_of(uint64_t i, char text[24])
{
    int n = snprintf(text, 24, "key-%02llu", (unsigned long long)(i % KEYS));
    return bytes_of(text, (size_t)n);
}

static struct bytes value_of(uint64_t i)
{
    static uint8_t value[4000];
    struct prng p;
    prng_seed(&p, i);
    size_t bytes = 8 + (size_t)prng_below(&p, 2000);
    prng_fill(&p, value, bytes);
    return bytes_of(value, bytes);
}

static void apply_one(struct tables *t, uint64_t i)
{
    char text[24];
    CHECK(table_put(t, TABLE_KEY, key_of(i, text), value_of(i)) == ERR_OK);
}

static void state_save(struct tables *t, uint64_t applied, uint64_t term)
{
    uint8_t row[16];
    struct writer out = writer_of(row, sizeof row);
    writer_u64(&out, applied);
    writer_u64(&out, term);
    CHECK(table_put(t, TABLE_META, bytes_text("state"), writer_bytes(&out)) == ERR_OK);
}

static void state_load(struct tables *t)
{
    struct bytes row;
    w.applied = 0;
    w.applied_term = 0;
    if (table_get(t, TABLE_META, bytes_text("state"), &row) == ERR_OK) {
        struct reader r = reader_of(row);
        w.applied = reader_u64(&r);
        w.applied_term = reader_u64(&r);
        CHECK(reader_done(&r));
    }
}

/* Every row is of the newest entry of its key, none is of a later one. */
static void state_check(void)
{
    char text[24];
    for (uint64_t k = 0; k < KEYS; k++) {
        struct bytes value;
        uint64_t newest = w.applied >= k ? w.applied - (w.applied - k) % KEYS : 0;
        enum err e = table_get(&w.tables, TABLE_KEY, key_of(k, text), &value);
        CHECK(e == (newest > 0 ? ERR_OK : ERR_NOT_FOUND));
        CHECK(newest == 0 || bytes_equal(value, value_of(newest)));
    }
}

/* ---- events ---- */

/* Something was made to fail. */
static bool excused(void)
{
    return w.disk.down || w.disk.fault_at != 0;
}

static void on_durable(void *arg, uint64_t ticket, uint64_t index, uint64_t term)
{
    (void)arg;
    (void)term;
    w.durable_ticket = ticket;
    if (ticket >= w.install_ticket && index != 0) {
        w.durable = index;
        w.promised = index;
    }
    if (w.install_ticket != 0 && ticket >= w.install_ticket && w.installing.index != 0) {
        w.promised = w.promised > w.installing.index ? w.promised : w.installing.index;
        w.swap_due = !w.swapping;
    }
}

/* A turn; what is installed takes the place of the old rows as soon as nobody needs them. */
static void turn(void)
{
    sim_turn(&w.loop);
    if (w.swap_due && !w.failed && !w.disk.down) {
        enum err e = snap_swap(w.snap);
        CHECK(e == ERR_OK || e == ERR_BUSY);
        w.swapping = e == ERR_OK;
        w.swap_due = e != ERR_OK;
    }
}

static void on_failed(void *arg, enum err e)
{
    (void)arg;
    CHECK(e != ERR_OK && excused());
    w.failed = true;
}

static void on_flushed(void *arg, enum err e, uint64_t took_ns)
{
    (void)arg;
    (void)took_ns;
    CHECK(e == ERR_OK || excused());
    w.failed = w.failed || e != ERR_OK;
    w.flushed = e == ERR_OK ? w.flushing : w.flushed;
}

static void on_made(void *arg, enum err e, const struct snap_meta *meta)
{
    (void)arg;
    CHECK(e == ERR_OK || excused());
    w.failed = w.failed || e != ERR_OK;
    if (e == ERR_OK) {
        w.made = meta->id.index;
        w.made_id = meta->id;
        uint64_t to = w.made > 5 ? w.made - 5 : 0; /* a tail for slow peers */
        CHECK(log_compact(w.log, to) == ERR_OK || w.failed);
    }
}

static void on_stored(void *arg, enum err e, const struct snap_id *id, uint64_t offset)
{
    (void)arg;
    CHECK(e == ERR_OK || excused());
    w.failed = w.failed || e != ERR_OK;
    const struct leader *l = snap_id_equal(id, &leader[0].id) ? &leader[0] : &leader[1];
    if (e == ERR_OK && offset < l->bytes) {
        size_t left = l->bytes - (size_t)offset;
        struct bytes next = bytes_of(l->data + offset, left < PORTION ? left : PORTION);
        CHECK(snap_receive_chunk(w.snap, id, offset, next) == ERR_OK);
    }
}

static void on_received(void *arg, enum err e, const struct snap_meta *meta)
{
    (void)arg;
    CHECK(e == ERR_OK || excused());
    w.failed = w.failed || e != ERR_OK;
    if (e == ERR_OK && meta->id.index > w.applied) {
        CHECK(snap_build(w.snap, &w.tables, &meta->id) == ERR_OK);
    }
}

static void on_built(void *arg, enum err e, const struct snap_meta *meta)
{
    (void)arg;
    CHECK(e == ERR_OK || excused());
    w.failed = w.failed || e != ERR_OK;
    if (e == ERR_OK && !w.failed) {
        w.installing = meta->id;
        w.install_ticket = ++w.ticket;
        w.term = w.term > meta->id.term ? w.term : meta->id.term;
        e = log_install(w.log, w.ticket, meta->id.index, meta->id.term);
        CHECK(e == ERR_OK || excused());
    }
}

static void on_swapped(void *arg, enum err e, const struct snap_meta *meta)
{
    (void)arg;
    CHECK(e == ERR_OK || excused());
    w.failed = w.failed || e != ERR_OK;
    if (e == ERR_OK) {
        state_load(&w.tables);
        CHECK_U64(w.applied, meta->id.index);
        state_check();
        w.flushed = w.applied;
        w.durable = w.durable > w.applied ? w.durable : w.applied;
        w.installing.index = 0;
        w.swapping = false;
        w.swaps++;
    }
}

/* ---- a process ---- */

static bool refused(enum err e, const struct diag *diag)
{
    if (e != ERR_OK && !excused()) {
        printf("# start: %s\n", diag->text);
    }
    CHECK(e == ERR_OK || excused());
    return e != ERR_OK;
}

static bool start(void)
{
    struct log_recovered rec;
    struct diag diag = { 0 };
    struct log_options o = { .salt = 42, .mem = &w.mem, .segment_bytes = SEGMENT };
    struct log_handler h = { .durable = on_durable, .failed = on_failed };
    struct snap_handler sh = { .made = on_made,
                               .stored = on_stored,
                               .received = on_received,
                               .built = on_built,
                               .swapped = on_swapped };
    struct snap_id id;
    bool needed = false;
    w.failed = false;
    w.log = NULL;
    w.snap = NULL;
    w.flush = (struct flush){ 0 };
    w.installing.index = 0;
    w.install_ticket = 0;
    w.swap_due = false;
    w.swapping = false;
    sim_loop_init(&w.loop, &w.mem, &w.disk, prng_next(&w.prng));
    tables_open(&w.tables, &w.mem, &w.backing.base);
    CHECK(os_dir_open(&w.loop.os, "wal", true, &w.log_dir) == ERR_OK);
    CHECK(os_dir_open(&w.loop.os, "snap", true, &w.snap_dir) == ERR_OK);
    if (refused(log_open(&w.loop.os, w.log_dir, &o, &h, &rec, &w.log, &diag), &diag) ||
        refused(snap_open(&w.loop.os, w.snap_dir, &w.mem, rec.last, &sh, &w.snap, &diag), &diag)) {
        return false;
    }
    state_load(&w.tables);
    CHECK(w.applied <= rec.last); /* the state machine is never ahead of the log */
    CHECK(snap_gap(w.snap, w.log, &rec, w.applied, &needed, &id, &diag) == ERR_OK);
    if (needed) {
        w.closed++;
        if (refused(snap_install(w.snap, &w.tables, &id, &diag), &diag)) {
            return false;
        }
        state_load(&w.tables);
        CHECK_U64(w.applied, id.index);
    }
    CHECK(rec.first <= w.applied + 1 && rec.last >= w.promised);
    CHECK(w.applied >= w.flushed);
    state_check();
    w.durable = rec.last;
    w.flushed = w.applied;
    CHECK(flush_open(&w.flush, &w.loop.os, &w.tables, on_flushed, NULL) == ERR_OK);
    return true;
}

static void stop(void)
{
    if (w.snap != NULL) {
        snap_close(w.snap);
    }
    flush_close(&w.flush);
    if (w.log != NULL) {
        log_close(w.log);
    }
    tables_close(&w.tables);
    backing_close(&w.backing.base);
    os_dir_close(w.log_dir);
    os_dir_close(w.snap_dir);
    sim_loop_done(&w.loop);
}

static bool alive(void)
{
    return !w.failed && !w.disk.down;
}

static void append(void)
{
    struct log_entry e[4];
    static uint8_t copies[4][4000];
    struct log_write lw = { .ticket = ++w.ticket, .entries = e };
    lw.count = 1 + (uint32_t)prng_below(&w.prng, 4);
    for (uint32_t i = 0; i < lw.count; i++) {
        uint64_t index = log_last(w.log) + 1 + i;
        struct bytes value = value_of(index);
        memcpy(copies[i], value.data, value.count);
        e[i] = (struct log_entry){ index, w.term, 3, bytes_of(copies[i], value.count) };
    }
    CHECK(log_append(w.log, &lw) == ERR_OK || excused());
}

static void apply(void)
{
    while (w.installing.index == 0 && w.applied < w.durable) {
        struct log_entry e;
        CHECK(log_read(w.log, w.applied + 1, &e) == ERR_OK);
        CHECK(bytes_equal(e.data, value_of(e.index)));
        apply_one(&w.tables, e.index);
        w.applied = e.index;
        w.applied_term = e.term;
    }
}

static void flush(void)
{
    if (w.installing.index == 0 && !flush_busy(&w.flush) && w.applied > w.flushed) {
        state_save(&w.tables, w.applied, w.applied_term);
        w.flushing = w.applied;
        CHECK(flush_begin(&w.flush) == ERR_OK);
    }
}

static void make(void)
{
    uint64_t bytes = 0;
    if (w.installing.index != 0 || flush_busy(&w.flush) || snap_making(w.snap, &bytes) ||
        w.flushed <= w.made || w.flushed != w.applied) {
        return;
    }
    struct snap_meta meta = { .id = { w.flushed, w.applied_term, 0 }, .rows = SNAP_ROWS_UNKNOWN };
    CHECK(snap_make(w.snap, &w.tables, &meta) == ERR_OK);
}

/* Somebody has fallen behind: the leader sends what it has. */
static void fall_behind(const struct leader *l)
{
    struct snap_id id;
    uint64_t bytes = 0;
    if (l->id.index > log_last(w.log) && !flush_busy(&w.flush) && !snap_making(w.snap, &bytes) &&
        !snap_receiving(w.snap, &id, &bytes) && w.installing.index == 0) {
        enum err e = snap_receive(w.snap, &l->id, l->bytes);
        if (e == ERR_FILE_EXISTS) {
            e = snap_build(w.snap, &w.tables, &l->id);
        }
        CHECK(e == ERR_OK || e == ERR_BUSY);
    }
}

static void live(uint32_t rounds)
{
    for (uint32_t i = 0; i < rounds && alive(); i++) {
        uint64_t what = prng_below(&w.prng, 10);
        struct snap_id id;
        uint64_t offset = 0;
        bool quiet = w.installing.index != 0 || snap_receiving(w.snap, &id, &offset);
        if (i == rounds / 2) {
            fall_behind(&leader[w.applied > leader[0].id.index]);
        } else if (!quiet) {
            append();
        }
        for (uint64_t turns = prng_below(&w.prng, 15); turns > 0 && alive(); turns--) {
            turn();
        }
        if (alive()) {
            apply();
        }
        if (alive() && what < 3 && !quiet) {
            flush();
        } else if (alive() && what < 6 && !quiet) {
            make();
        }
        tables_rest(&w.tables);
    }
    for (int turns = 0; turns < 300 && alive(); turns++) {
        turn();
    }
}

static bool history(uint64_t seed, uint64_t cut, uint64_t *out_closed, uint64_t *out_swaps)
{
    memset(&w, 0, sizeof w);
    mem_init(&w.mem, "install", 256u << 20);
    prng_seed(&w.prng, seed);
    sim_disk_init(&w.disk, &w.mem, seed + cut);
    sim_backing_init(&w.backing, &w.mem, &w.disk);
    w.term = 1;
    w.disk.crash_at = cut;
    if (start()) {
        live(ROUNDS);
    }
    stop();
    bool reached = w.disk.down;
    for (int again = 0; again < 3 && reached; again++) {
        sim_disk_restart(&w.disk);
        w.disk.crash_at = again < 2 ? w.disk.ops + 1 + prng_below(&w.prng, 80) : 0;
        if (start()) {
            live(12);
        }
        stop();
    }
    *out_closed += w.closed;
    *out_swaps += w.swaps;
    sim_backing_done(&w.backing);
    sim_disk_done(&w.disk);
    CHECK_U64(w.mem.used, 0);
    return reached;
}

/* One operation fails; whoever is told ends the process, and the next one must find all well. */
static bool fault(enum err e, uint64_t at, uint64_t *out_stopped)
{
    memset(&w, 0, sizeof w);
    mem_init(&w.mem, "install", 256u << 20);
    prng_seed(&w.prng, 3);
    sim_disk_init(&w.disk, &w.mem, at);
    sim_backing_init(&w.backing, &w.mem, &w.disk);
    w.term = 1;
    w.disk.fault_at = at;
    w.disk.fault = e;
    if (start()) {
        live(ROUNDS);
    }
    bool reached = w.disk.ops >= at;
    *out_stopped += w.failed;
    stop();
    sim_disk_restart(&w.disk);
    CHECK(start());
    live(12);
    CHECK(!w.failed);
    stop();
    sim_backing_done(&w.backing);
    sim_disk_done(&w.disk);
    CHECK_U64(w.mem.used, 0);
    return reached;
}

/* ---- the leader's snapshots ---- */

static bool leader_made;
static struct snap_id leader_id;

static void on_leader_made(void *arg, enum err e, const struct snap_meta *meta)
{
    (void)arg;
    CHECK(e == ERR_OK);
    leader_made = true;
    leader_id = meta->id;
}

static void leader_make(struct leader *l, uint64_t index, uint64_t term)
{
    static struct sim_disk disk;
    struct mem mem;
    struct sim_loop loop;
    struct tables tables;
    struct snap *snap = NULL;
    struct snap_reader *r = NULL;
    struct diag diag;
    struct snap_handler h = { .made = on_leader_made };
    struct snap_meta meta = { .id = { index, term, 0 }, .rows = SNAP_ROWS_UNKNOWN };
    mem_init(&mem, "leader", 64u << 20);
    sim_disk_init(&disk, &mem, 1);
    sim_loop_init(&loop, &mem, &disk, index);
    tables_open(&tables, &mem, NULL);
    CHECK(snap_open(&loop.os, NULL, &mem, UINT64_MAX, &h, &snap, &diag) == ERR_OK);
    for (uint64_t i = 1; i <= index; i++) {
        apply_one(&tables, i);
    }
    state_save(&tables, index, term);
    leader_made = false;
    CHECK(snap_make(snap, &tables, &meta) == ERR_OK);
    for (int i = 0; i < 1000 && !leader_made; i++) {
        sim_turn(&loop);
    }
    CHECK(leader_made);
    l->id = leader_id;
    CHECK(snap_reader_open(snap, &l->id, &r) == ERR_OK);
    CHECK(snap_reader_bytes(r) <= sizeof l->data);
    CHECK(snap_reader_read(r, 0, l->data, sizeof l->data, &l->bytes) == ERR_OK);
    snap_reader_close(r);
    snap_close(snap);
    tables_close(&tables);
    sim_loop_done(&loop);
    sim_disk_done(&disk);
    CHECK_U64(mem.used, 0);
}

#ifdef __SANITIZE_ADDRESS__
#define CUT_STEP 3
#else
#define CUT_STEP 1
#endif

static void every_cut(void)
{
    uint64_t histories = 0;
    uint64_t closed = 0;
    uint64_t swaps = 0;
    leader_make(&leader[0], 300, 4);
    leader_make(&leader[1], 700, 9);
    for (uint64_t seed = 1; seed <= 2; seed++) {
        for (uint64_t cut = seed; history(seed, cut, &closed, &swaps); cut += CUT_STEP) {
            histories++;
        }
    }
    printf("# %llu histories, %llu installs, %llu gaps closed at start\n",
           (unsigned long long)histories, (unsigned long long)swaps, (unsigned long long)closed);
    CHECK(histories > 100 && swaps > 50 && closed > 5);
}

static void every_fault(void)
{
    static const enum err faults[] = { ERR_IO, ERR_NO_SPACE, ERR_SYNC_FAILED };
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++) {
        uint64_t at = 1 + i;
        uint64_t stopped = 0;
        while (fault(faults[i], at, &stopped)) {
            at += CUT_STEP;
        }
        printf("# %s: %llu tried, %llu stopped\n", err_name(faults[i]), (unsigned long long)at,
               (unsigned long long)stopped);
        CHECK(stopped > 20);
    }
}

int main(void)
{
    mallopt(M_MMAP_THRESHOLD, 1 << 30);
    mallopt(M_TRIM_THRESHOLD, 1 << 30);
    TAP_TEST("install: a cut at any disk operation leaves a state and a log that fit", every_cut);
    TAP_TEST("install: so does an error of any disk operation", every_fault);
    return tap_done();
}
