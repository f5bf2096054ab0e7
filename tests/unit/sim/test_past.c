/* tests/unit/sim/test_past.c -- Subject: a log that is compacted, and that snapshots are installed
 * into, after a power cut. Method: a seeded workload over small segments is cut at its first disk
 * operation, then at its second, and so on; each start must find the log as it was at some moment
 * after the newest durable write, beginning somewhere between the newest snapshot and the newest
 * compaction. The same with faults instead of cuts.
 */
#include "tap.h"

#include "sim/loop.h"
#include "store/log.h"

#include <malloc.h>

enum {
    STEPS_MAX = 3000,
    INDEX_MAX = 8000,
    ROUNDS = 60,
    SEGMENT = 32 * 1024,
    KEPT_MAX = 8 * SEGMENT
};

/* One thing that happens to a log. */
struct step {
    enum {
        STEP_ENTRY,
        STEP_CUT,
        STEP_INSTALL
    } kind;
    uint64_t index; /* of the entry, or the newest one left */
    uint64_t term;
    uint64_t ticket;
};

static struct world {
    struct mem mem;
    struct prng prng;
    struct sim_disk disk;
    struct sim_loop loop;
    struct os_dir *dir;
    struct log *log;
    struct log_recovered rec;
    struct step step[STEPS_MAX];
    uint32_t steps;
    uint64_t ticket;
    uint64_t durable_ticket;
    uint64_t install_ticket;
    uint64_t durable_index;
    uint64_t base; /* compacted up to, at most */
    uint64_t last;
    uint64_t term;
    bool failed;
} w;

/* The log after a number of steps. */
static struct state {
    uint64_t terms[INDEX_MAX];
    uint64_t floor; /* of the newest snapshot */
    uint64_t last;
} m;

static struct bytes entry_data(uint64_t index, uint64_t term)
{
    static uint8_t data[6000];
    struct prng p;
    prng_seed(&p, index * 1000003 + term);
    size_t bytes = (size_t)prng_below(&p, sizeof data);
    prng_fill(&p, data, bytes);
    return bytes_of(data, bytes);
}

static void on_durable(void *arg, uint64_t ticket, uint64_t index, uint64_t term)
{
    (void)arg;
    (void)term;
    CHECK(ticket > w.durable_ticket && !w.failed);
    w.durable_ticket = ticket;
    bool old = ticket < w.install_ticket; /* of entries that the snapshot has replaced */
    w.durable_index = index != 0 && !old ? index : w.durable_index;
}

static void on_failed(void *arg, enum err e)
{
    (void)arg;
    CHECK(e != ERR_OK && !w.failed && (w.disk.down || w.disk.fault_at != 0));
    w.failed = true;
}

static bool equals(void)
{
    if (w.rec.last != m.last || w.rec.first <= m.floor) {
        return false;
    }
    uint64_t before = w.rec.first - 1;
    if (before > m.last || w.rec.before_term != (before > 0 ? m.terms[before] : 0)) {
        return false;
    }
    for (uint64_t i = w.rec.first; i <= m.last; i++) {
        struct log_entry e;
        CHECK(log_read(w.log, i, &e) == ERR_OK);
        if (e.term != m.terms[i]) {
            return false;
        }
        CHECK(bytes_equal(e.data, entry_data(i, e.term)));
    }
    return true;
}

static void step_take(const struct step *s)
{
    m.last = s->index;
    if (s->kind != STEP_CUT) {
        m.terms[s->index] = s->term;
    }
    m.floor = s->kind == STEP_INSTALL ? s->index : m.floor;
}

/* What is found is what was at some moment; history is cut there. */
static void check(void)
{
    uint32_t found = UINT32_MAX;
    memset(&m, 0, sizeof m);
    for (uint32_t i = 0; i <= w.steps && found == UINT32_MAX; i++) {
        bool complete = i == w.steps || w.step[i].ticket > w.durable_ticket;
        if (complete && equals()) {
            found = i;
        } else if (i < w.steps) {
            step_take(&w.step[i]);
        }
    }
    CHECK(found != UINT32_MAX);
    w.steps = found;
    w.last = m.last;
    CHECK(w.rec.first <= w.base + 1 || w.rec.first == m.floor + 1);
    w.base = w.rec.first - 1;
    w.durable_index = w.last;
}

static bool start(void)
{
    struct diag diag;
    struct log_options o = { .salt = 42, .mem = &w.mem, .segment_bytes = SEGMENT };
    struct log_handler h = { .durable = on_durable, .failed = on_failed };
    w.failed = false;
    w.log = NULL;
    sim_loop_init(&w.loop, &w.mem, &w.disk, prng_next(&w.prng));
    CHECK(os_dir_open(&w.loop.os, "data", true, &w.dir) == ERR_OK);
    enum err e = log_open(&w.loop.os, w.dir, &o, &h, &w.rec, &w.log, &diag);
    if (e != ERR_OK) {
        if (!w.disk.down && w.disk.fault_at == 0) {
            printf("# start: %s\n", diag.text);
        }
        CHECK(w.disk.down || w.disk.fault_at != 0);
        return false;
    }
    check();
    return true;
}

static void stop(void)
{
    if (w.log != NULL) {
        log_close(w.log);
    }
    os_dir_close(w.dir);
    sim_loop_done(&w.loop);
}

static void install(void)
{
    uint64_t newest = w.durable_index > w.base ? w.durable_index : w.base;
    w.last = newest + prng_below(&w.prng, 20) - (newest > w.base + 3 ? prng_below(&w.prng, 3) : 0);
    w.step[w.steps++] = (struct step){ STEP_INSTALL, w.last, ++w.term, ++w.ticket };
    w.base = w.last;
    w.durable_index = w.last;
    w.install_ticket = w.ticket;
    enum err e = log_install(w.log, w.ticket, w.last, w.term);
    CHECK(e == ERR_OK || w.failed);
}

static void append(void)
{
    static uint8_t copies[5][6000];
    struct log_entry e[5];
    struct log_write lw = { .ticket = ++w.ticket, .entries = e };
    if (prng_below(&w.prng, 5) == 0 && w.last > w.durable_index) {
        lw.truncate = true;
        lw.truncate_to = w.durable_index + prng_below(&w.prng, w.last - w.durable_index);
        w.last = lw.truncate_to;
        w.term++;
        w.step[w.steps++] = (struct step){ STEP_CUT, w.last, 0, w.ticket };
    }
    lw.count = 1 + (uint32_t)prng_below(&w.prng, 5);
    for (uint32_t i = 0; i < lw.count; i++) {
        struct bytes data = entry_data(++w.last, w.term);
        memcpy(copies[i], data.data, data.count);
        e[i] = (struct log_entry){ w.last, w.term, 1, bytes_of(copies[i], data.count) };
        w.step[w.steps++] = (struct step){ STEP_ENTRY, w.last, w.term, w.ticket };
    }
    enum err err = log_append(w.log, &lw);
    CHECK(err == ERR_OK || w.failed);
}

static bool alive(void)
{
    return !w.failed && !w.disk.down;
}

static void live(uint32_t rounds)
{
    for (uint32_t i = 0; i < rounds && alive() && w.steps + 10 < STEPS_MAX; i++) {
        uint64_t what = prng_below(&w.prng, 12);
        if (what == 0 && w.steps > 0) {
            install();
        } else {
            append();
        }
        for (uint64_t turns = prng_below(&w.prng, 12); turns > 0 && alive(); turns--) {
            sim_turn(&w.loop);
        }
        uint64_t sure = w.durable_index < w.last ? w.durable_index : w.last;
        if (alive() && what < 5 && sure > w.base) {
            w.base += 1 + prng_below(&w.prng, sure - w.base);
            CHECK(log_compact(w.log, w.base) == ERR_OK);
        }
    }
}

static void begin(uint64_t seed, uint64_t disk_seed)
{
    memset(&w, 0, sizeof w);
    mem_init(&w.mem, "past", 256u << 20);
    prng_seed(&w.prng, seed);
    sim_disk_init(&w.disk, &w.mem, disk_seed);
    w.term = 1;
}

static void end(void)
{
    sim_disk_done(&w.disk);
    CHECK_U64(w.mem.used, 0);
}

static bool history(uint64_t seed, uint64_t cut)
{
    begin(seed, seed + cut);
    w.disk.crash_at = cut;
    if (start()) {
        live(ROUNDS);
    }
    stop();
    bool reached = w.disk.down;
    for (int again = 0; again < 3 && reached; again++) {
        sim_disk_restart(&w.disk);
        w.disk.crash_at = again < 2 ? w.disk.ops + 1 + prng_below(&w.prng, 60) : 0;
        if (start()) {
            live(10);
        }
        stop();
    }
    end();
    return reached;
}

#ifdef __SANITIZE_ADDRESS__
#define CUT_STEP 3
#else
#define CUT_STEP 1
#endif

static void every_cut(void)
{
    uint64_t histories = 0;
    for (uint64_t seed = 1; seed <= 2; seed++) {
        for (uint64_t cut = seed; history(seed, cut); cut += CUT_STEP) {
            histories++;
        }
    }
    printf("# %llu histories\n", (unsigned long long)histories);
    CHECK(histories > 100);
}

static void turn(uint32_t turns)
{
    for (; turns > 0 && alive(); turns--) {
        sim_turn(&w.loop);
    }
}

/* Whatever was met, a log that goes on is shortened: of one that is compacted to its end again and
 * again no more is kept than what is in use. */
static void shortened(void)
{
    struct log_stats s;
    for (uint32_t i = 0; i < 12 && alive(); i++) {
        live(10);
        turn(100);
        if (alive()) {
            CHECK(w.durable_index == w.last);
            w.base = w.last;
            CHECK(log_compact(w.log, w.base) == ERR_OK);
        }
    }
    turn(100);
    log_stats(w.log, &s);
    CHECK(!alive() || s.disk_bytes <= KEPT_MAX);
}

static bool fault(enum err e, uint64_t at, uint64_t *out_went_on)
{
    begin(7, 7);
    w.disk.fault_at = at;
    w.disk.fault = e;
    if (start()) {
        live(ROUNDS);
    }
    bool reached = w.disk.ops >= at;
    if (reached && w.log != NULL) {
        shortened();
    }
    *out_went_on += !w.failed;
    stop();
    w.disk.fault_at = 0;
    sim_disk_restart(&w.disk);
    CHECK(start());
    live(10);
    CHECK(!w.failed);
    stop();
    end();
    return reached;
}

static void faults(enum err e, uint64_t went_on_min)
{
    uint64_t went_on = 0;
    uint64_t at = 1;
    while (fault(e, at, &went_on)) {
        at += CUT_STEP;
    }
    printf("# %s: %llu tried, %llu went on\n", err_name(e), (unsigned long long)at,
           (unsigned long long)went_on);
    CHECK(went_on >= went_on_min);
}

static void io(void)
{
    faults(ERR_IO, 1);
}

/* Space for a compaction may be missing like space for a segment: the log goes on. */
static void no_space(void)
{
    faults(ERR_NO_SPACE, 10);
    EXPECT_MARK("store: no space to compact");
}

int main(void)
{
    mallopt(M_MMAP_THRESHOLD, 1 << 30);
    mallopt(M_TRIM_THRESHOLD, 1 << 30);
    TAP_TEST("past: a cut at any disk operation leaves a log that opens, and is right", every_cut);
    TAP_TEST("past: an I/O error anywhere loses nothing that was durable", io);
    TAP_TEST("past: no space anywhere neither", no_space);
    return tap_done();
}
