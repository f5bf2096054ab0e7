/* tests/unit/sim/test_faults.c -- Subject: a log on a disk that answers with errors. Method: one
 * planned fault at every operation of a workload, then a look at what was promised. */
#include "tap.h"

#include "sim/loop.h"
#include "store/log.h"

#include <malloc.h>

enum {
    BYTES = 60 * 1024,
    ENTRIES = 60,
    SEED = 9, /* of the disk: what a power cut takes */
    SEEDS = 6
};

static uint64_t disk_seed = SEED;

static struct {
    struct mem mem;
    struct sim_disk disk;
    struct sim_loop loop;
    struct os_dir *dir;
    struct log *log;
    uint64_t ticket; /* durable */
    enum err failed;
} w;

static void on_durable(void *arg, uint64_t ticket, uint64_t index, uint64_t term)
{
    (void)arg;
    (void)index;
    (void)term;
    CHECK(w.failed == ERR_OK); /* nothing becomes durable after a failure */
    w.ticket = ticket;
}

static void on_failed(void *arg, enum err e)
{
    (void)arg;
    CHECK(w.failed == ERR_OK); /* told once */
    w.failed = e;
}

static enum err start(struct log_recovered *rec)
{
    struct diag diag;
    struct log_options o = { .salt = 42, .mem = &w.mem };
    struct log_handler h = { .durable = on_durable, .failed = on_failed };
    w.ticket = 0;
    w.failed = ERR_OK;
    w.log = NULL;
    sim_loop_init(&w.loop, &w.mem, &w.disk, 5);
    CHECK(os_dir_open(&w.loop.os, "data", true, &w.dir) == ERR_OK);
    return log_open(&w.loop.os, w.dir, &o, &h, rec, &w.log, &diag);
}

static void stop(void)
{
    if (w.log != NULL) {
        log_close(w.log);
    }
    os_dir_close(w.dir);
    sim_loop_done(&w.loop);
}

/* One entry a write, so that ticket and index are the same. */
static void append(uint64_t index)
{
    static uint8_t data[BYTES];
    struct log_entry e = { index, 1, 1, bytes_of(data, BYTES) };
    struct log_write lw = { .ticket = index, .entries = &e, .count = 1 };
    CHECK(log_append(w.log, &lw) == ERR_OK);
    for (int turns = 0; turns < 2000 && w.ticket < index && w.failed == ERR_OK; turns++) {
        sim_turn(&w.loop);
    }
}

/* Over more than one segment. */
static void live(void)
{
    for (uint64_t i = 1; i <= ENTRIES && w.failed == ERR_OK; i++) {
        append(i);
    }
}

/* What a process finds it will stand by, so a power cut right after that must not take it: what the
 * one before wrote, and failed to sync, or had no time to. */
static void started_again(uint64_t promised)
{
    struct log_recovered rec;
    w.disk.fault_at = 0;
    CHECK(start(&rec) == ERR_OK);
    uint64_t found = rec.last;
    CHECK(found >= promised);
    stop();
    sim_disk_restart(&w.disk);
    CHECK(start(&rec) == ERR_OK);
    CHECK(rec.last >= found);
    stop();
}

/* Nor what it adds itself: the file that it goes on with must keep its name. Where nothing may grow
 * while it starts it makes no other file, whose name would be synced with that one. */
static void went_on(uint64_t promised)
{
    struct log_recovered rec;
    w.disk.fault_at = 0;
    w.disk.full = true;
    enum err e = start(&rec);
    w.disk.full = false;
    if (e == ERR_NO_SPACE) { /* the process before had not come far */
        stop();
        e = start(&rec);
    }
    CHECK(e == ERR_OK);
    CHECK(rec.last >= promised);
    promised = rec.last + 1;
    append(promised);
    CHECK(w.ticket == promised);
    stop();
    sim_disk_restart(&w.disk);
    CHECK(start(&rec) == ERR_OK);
    CHECK(rec.last >= promised);
    stop();
}

enum after {
    AFTER_CUT, /* the failed pages are gone, as a kernel would have it */
    AFTER_START,
    AFTER_WRITE
};

static void look_again(enum after after, uint64_t promised)
{
    struct log_recovered rec;
    if (after == AFTER_START) {
        started_again(promised);
        return;
    }
    if (after == AFTER_WRITE) {
        went_on(promised);
        return;
    }
    sim_disk_restart(&w.disk);
    CHECK(start(&rec) == ERR_OK);
    CHECK(rec.last >= promised);
    stop();
}

static void begin(void)
{
    memset(&w, 0, sizeof w);
    mem_init(&w.mem, "faults", 64u << 20);
    sim_disk_init(&w.disk, &w.mem, disk_seed);
}

static void end(void)
{
    sim_disk_done(&w.disk);
    CHECK_U64(w.mem.used, 0);
}

static void fault_everywhere(enum err fault, uint64_t survived_min, enum after after)
{
    bool reached = true;
    uint64_t stopped = 0;
    uint64_t survived = 0;
    for (uint64_t at = 1; reached; at++) {
        struct log_recovered rec;
        begin();
        w.disk.fault_at = at;
        w.disk.fault = fault;
        uint64_t promised = 0;
        if (start(&rec) == ERR_OK) {
            live();
            promised = w.ticket;
            stopped += w.failed != ERR_OK;
            survived += w.failed == ERR_OK;
            CHECK(w.failed != ERR_OK || promised == ENTRIES);
        }
        stop();
        reached = w.disk.ops >= at;
        look_again(after, promised);
        end();
    }
    printf("# %s: stopped %llu times, went on %llu times\n", err_name(fault),
           (unsigned long long)stopped, (unsigned long long)survived);
    CHECK(stopped > 50 && survived >= survived_min);
}

static void io(void)
{
    fault_everywhere(ERR_IO, 1, AFTER_CUT);
}

static void sync_failed(void)
{
    fault_everywhere(ERR_SYNC_FAILED, 1, AFTER_CUT);
}

static void process_ended(void)
{
    fault_everywhere(ERR_SYNC_FAILED, 1, AFTER_START);
}

static void process_went_on(void)
{
    for (disk_seed = SEED; disk_seed < SEED + SEEDS; disk_seed++) {
        fault_everywhere(ERR_IO, 1, AFTER_WRITE);
    }
    disk_seed = SEED;
}

/* No space while a segment is prepared is not a failed write: it waits, and goes on. */
static void no_space(void)
{
    fault_everywhere(ERR_NO_SPACE, 50, AFTER_CUT);
}

int main(void)
{
    mallopt(M_MMAP_THRESHOLD, 1 << 30); /* half of the time went into fresh pages */
    mallopt(M_TRIM_THRESHOLD, 1 << 30);
    TAP_TEST("log: an I/O error anywhere stops it or changes nothing", io);
    TAP_TEST("log: a failed sync is never taken for a good one", sync_failed);
    TAP_TEST("log: what a new process finds, no power cut takes any more", process_ended);
    TAP_TEST("log: nor what it writes to the files that it found", process_went_on);
    TAP_TEST("log: no space for a next segment is waited out", no_space);
    return tap_done();
}
