/* tests/unit/sim/test_reads.c -- Subject: a log whose disk cannot read for a moment. Method: one
 * planned error at every read of a start, of a log that was closed, cut off by a power cut, or
 * torn; then the same at every read of an entry. An error is told as what it is: never taken for
 * the end of a log, for an empty slot, or for damage, and the next try finds all that was promised.
 */
#include "tap.h"

#include "sim/loop.h"
#include "store/log.h"

#include <malloc.h>

enum {
    ENTRIES = 24,
    BYTES = 9000, /* at most: over more than two blocks */
    SEGMENT = 48 * 1024,
    SEEDS = 12,
    ATTEMPT_TURNS = 4000
};

static struct {
    struct mem mem;
    struct sim_disk disk;
    struct sim_loop loop;
    struct os_dir *dir;
    struct log *log;
    struct log_recovered rec;
    uint64_t ticket; /* durable */
    uint64_t written;
    uint64_t base; /* compacted up to */
    enum err failed;
    uint64_t errors; /* that a start was given, of all histories */
} w;

static void on_durable(void *arg, uint64_t ticket, uint64_t index, uint64_t term)
{
    (void)arg;
    (void)index;
    (void)term;
    w.ticket = ticket;
}

static void on_failed(void *arg, enum err e)
{
    (void)arg;
    w.failed = e;
}

static struct bytes entry_data(uint64_t index)
{
    static uint8_t data[BYTES];
    struct prng p;
    prng_seed(&p, index);
    size_t bytes = 1 + (size_t)prng_below(&p, sizeof data);
    prng_fill(&p, data, bytes);
    return bytes_of(data, bytes);
}

static enum err start(void)
{
    struct diag diag = { 0 };
    struct log_options o = {
        .salt = 42, .mem = &w.mem, .segment_bytes = SEGMENT, .cache_bytes = 1
    };
    struct log_handler h = { .durable = on_durable, .failed = on_failed };
    w.log = NULL;
    w.failed = ERR_OK;
    sim_loop_init(&w.loop, &w.mem, &w.disk, 5);
    CHECK(os_dir_open(&w.loop.os, "data", true, &w.dir) == ERR_OK);
    enum err e = log_open(&w.loop.os, w.dir, &o, &h, &w.rec, &w.log, &diag);
    if (e != ERR_OK && e != ERR_IO) {
        printf("# start: %s: %s\n", err_name(e), diag.text);
    }
    return e;
}

static void stop(void)
{
    if (w.log != NULL) {
        log_close(w.log);
    }
    w.log = NULL;
    os_dir_close(w.dir);
    sim_loop_done(&w.loop);
}

static void await(uint64_t ticket)
{
    for (int i = 0; i < ATTEMPT_TURNS && w.ticket < ticket; i++) {
        sim_turn(&w.loop);
    }
    CHECK(w.ticket >= ticket);
}

/* One entry a write, term and vote with every fourth; what is told to be durable is a promise. */
static void live(void)
{
    for (uint64_t i = 1; i <= ENTRIES; i++) {
        struct log_entry e = { i, 1, 1, entry_data(i) };
        struct log_write lw = { .ticket = i, .entries = &e, .count = 1 };
        lw.hard = i % 4 == 1;
        lw.term = i;
        lw.vote = i + 100;
        CHECK(log_append(w.log, &lw) == ERR_OK);
        w.written = i;
        await(i);
    }
}

enum ending {
    ENDING_CLOSED,
    ENDING_COMPACTED,
    ENDING_CUT, /* the newest write was told just now: nothing says yet that it was durable */
    ENDING_TORN,
    ENDING_COUNT
};

/* A disk as a process has left it. */
static void history(uint64_t seed, enum ending ending)
{
    uint64_t errors = w.errors;
    memset(&w, 0, sizeof w);
    w.errors = errors;
    mem_init(&w.mem, "reads", 64u << 20);
    sim_disk_init(&w.disk, &w.mem, seed);
    CHECK(start() == ERR_OK);
    live();
    if (ending == ENDING_COMPACTED) {
        w.base = ENTRIES / 2;
        CHECK(log_compact(w.log, w.base) == ERR_OK);
        for (int i = 0; i < 100; i++) {
            sim_turn(&w.loop);
        }
    } else if (ending == ENDING_TORN) {
        struct log_entry e = { ENTRIES + 1, 1, 1, entry_data(ENTRIES + 1) };
        struct log_write lw = { .ticket = ENTRIES + 1, .entries = &e, .count = 1 };
        w.disk.crash_sync = true;
        CHECK(log_append(w.log, &lw) == ERR_OK);
        for (int i = 0; i < ATTEMPT_TURNS && !w.disk.down; i++) {
            sim_turn(&w.loop);
        }
        w.written++;
        CHECK(w.disk.down);
    }
    w.disk.down = w.disk.down || ending == ENDING_CUT;
    stop();
    if (w.disk.down) {
        sim_disk_restart(&w.disk);
    }
}

static void done(void)
{
    sim_disk_done(&w.disk);
    CHECK_U64(w.mem.used, 0);
}

/* All that was told to be durable. */
static void all_there(void)
{
    CHECK(w.rec.last >= w.ticket && w.rec.last <= w.written);
    CHECK(w.rec.first == w.base + 1);
    uint64_t hard = (ENTRIES - 1) / 4 * 4 + 1;
    CHECK_U64(w.rec.term, hard);
    CHECK_U64(w.rec.vote, hard + 100);
    for (uint64_t i = w.rec.first; i <= w.rec.last; i++) {
        struct log_entry e;
        CHECK(log_read(w.log, i, &e) == ERR_OK);
        CHECK(bytes_equal(e.data, entry_data(i)));
    }
}

/* False: a start has fewer reads than that. */
static bool start_without(uint64_t seed, enum ending ending, uint64_t read)
{
    history(seed, ending);
    w.disk.read_fault_at = w.disk.reads + read;
    enum err e = start();
    bool reached = w.disk.reads >= w.disk.read_fault_at;
    CHECK(e == (reached ? ERR_IO : ERR_OK));
    stop();
    w.errors += reached;
    sim_disk_survive(&w.disk);
    CHECK(start() == ERR_OK);
    all_there();
    stop();
    sim_disk_restart(&w.disk); /* what a start stands by, no power cut takes */
    CHECK(start() == ERR_OK);
    all_there();
    stop();
    done();
    return reached;
}

static void starts(void)
{
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        enum ending ending = (enum ending)(seed % ENDING_COUNT);
        uint64_t read = 1;
        while (start_without(seed, ending, read)) {
            read++;
        }
        CHECK(read > 10);
    }
    printf("# %llu starts were given an error\n", (unsigned long long)w.errors);
}

static void entries(void)
{
    uint64_t errors = 0;
    history(1, ENDING_CLOSED);
    CHECK(start() == ERR_OK);
    for (uint64_t i = 1; i <= w.rec.last; i++) {
        enum err e = ERR_IO;
        for (uint64_t read = 1; e != ERR_OK; read++) {
            struct log_entry got;
            CHECK(log_read(w.log, 1 + i % w.rec.last, &got) == ERR_OK); /* another batch is kept */
            w.disk.read_fault_at = w.disk.reads + read;
            e = log_read(w.log, i, &got);
            CHECK(e == ERR_IO || (e == ERR_OK && w.disk.reads < w.disk.read_fault_at));
            errors += e == ERR_IO;
            w.disk.read_fault_at = 0;
            CHECK(log_read(w.log, i, &got) == ERR_OK); /* what was read in part is not kept */
            CHECK(got.index == i && bytes_equal(got.data, entry_data(i)));
        }
    }
    CHECK(errors >= 2 * w.rec.last); /* a head and a body, at least */
    stop();
    done();
}

int main(void)
{
    mallopt(M_MMAP_THRESHOLD, 1 << 30);
    mallopt(M_TRIM_THRESHOLD, 1 << 30);
    TAP_TEST("log: an error of any read at start is told, and nothing is lost by it", starts);
    TAP_TEST("log: an error while an entry is read is told, and never kept", entries);
    return tap_done();
}
