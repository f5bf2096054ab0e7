/* tests/unit/store/test_overlap.c -- Subject: entries that replace others while those are still on
 * their way to the disk. Method: a played loop, so that the moment between two batches can be
 * looked at; what is read then must be the newest, from the cache or from disk.
 */
#include "tap.h"

#include "sim/loop.h"
#include "store/log.h"

enum {
    MANY = 15,
    LARGE = 1024 * 1024,
    BLOCKS = 3 * 4096,
    HALF = LARGE - 96 - 13, /* of an entry that fills half a segment */
    BLOCK = 4096,           /* of a batch without entries */
    CACHE = 2 * LARGE,
    SEEDS = 8 /* of what survives a power cut */
};

#define FULL_NS (5 * NS_PER_S) /* of a disk without space */

static struct {
    struct mem mem;
    struct sim_disk disk;
    struct sim_loop loop;
    struct os_dir *dir;
    struct log *log;
    struct log_recovered rec;
    uint64_t durable;
    uint32_t cache_bytes;
    uint64_t filled; /* entries of `fill` */
} w;

static void on_durable(void *arg, uint64_t ticket, uint64_t index, uint64_t term)
{
    (void)arg;
    (void)index;
    (void)term;
    w.durable = ticket;
}

static void start(void)
{
    struct diag diag;
    struct log_options o = { .salt = 42, .mem = &w.mem, .cache_bytes = w.cache_bytes };
    struct log_handler h = { .durable = on_durable };
    w.durable = 0;
    sim_loop_init(&w.loop, &w.mem, &w.disk, 5);
    CHECK(os_dir_open(&w.loop.os, "data", true, &w.dir) == ERR_OK);
    CHECK(log_open(&w.loop.os, w.dir, &o, &h, &w.rec, &w.log, &diag) == ERR_OK);
}

static void stop(void)
{
    log_close(w.log);
    os_dir_close(w.dir);
    sim_loop_done(&w.loop);
}

static void begin(void)
{
    memset(&w, 0, sizeof w);
    w.cache_bytes = 1;
    mem_init(&w.mem, "overlap", 512u << 20);
    sim_disk_init(&w.disk, &w.mem, 9);
    start();
}

static void end(void)
{
    stop();
    sim_disk_done(&w.disk);
    CHECK_U64(w.mem.used, 0);
}

static void append(uint64_t ticket, uint64_t first, uint32_t count, uint64_t term, size_t bytes)
{
    static uint8_t data[LARGE];
    struct log_entry e[MANY];
    memset(data, (int)term, bytes);
    for (uint32_t i = 0; i < count; i++) {
        e[i] = (struct log_entry){ first + i, term, 3, bytes_of(data, bytes) };
    }
    struct log_write lw = { .ticket = ticket, .entries = e, .count = count };
    lw.truncate = first <= log_last(w.log);
    lw.truncate_to = first - 1;
    CHECK(log_append(w.log, &lw) == ERR_OK);
}

static void check(uint64_t first, uint64_t last, uint64_t term)
{
    for (uint64_t i = first; i <= last; i++) {
        struct log_entry e;
        CHECK(log_read(w.log, i, &e) == ERR_OK);
        CHECK_U64(e.index, i);
        CHECK_U64(e.term, term);
        CHECK_U64(e.data.data[0], term);
    }
}

static void turn_until(uint64_t ticket, uint64_t first, uint64_t last, uint64_t term)
{
    for (int i = 0; i < 10000 && w.durable < ticket; i++) {
        sim_turn(&w.loop);
        check(first, last, term);
    }
    CHECK(w.durable >= ticket);
}

static void replaced(void)
{
    begin();
    append(1, 1, 10, 1, 100);
    append(2, 6, MANY, 2, LARGE);
    turn_until(2, 6, 5 + MANY, 2);
    check(1, 5, 1);
    end();
    EXPECT_MARK("store: a durable entry is truncated");
}

static void replaced_twice(void)
{
    begin();
    append(1, 1, 10, 1, 100);
    append(2, 6, MANY, 2, LARGE);
    append(3, 8, MANY, 3, LARGE);
    append(4, 3, MANY, 4, LARGE);
    turn_until(4, 3, 2 + MANY, 4);
    stop();
    start();
    CHECK_U64(w.rec.last, 2 + MANY);
    check(1, 2, 1);
    check(3, 2 + MANY, 4);
    end();
}

/* A truncation is written alone, and the entries behind it are the next batch: until then nothing
 * but the cache, which holds no more than it must, has them. */
static void behind_a_cut(void)
{
    begin();
    append(1, 1, 10, 1, 100);
    turn_until(1, 1, 10, 1);
    struct log_write cut = { .ticket = 2, .truncate = true, .truncate_to = 5 };
    CHECK(log_append(w.log, &cut) == ERR_OK);
    append(3, 6, 5, 2, 100);
    turn_until(3, 6, 10, 2);
    check(1, 5, 1);
    end();
}

/* Two batches; of the second one an entry was read. */
static void begin_and_read(void)
{
    begin();
    append(1, 1, 5, 1, 100);
    turn_until(1, 1, 5, 1);
    append(2, 6, 6, 1, 100);
    turn_until(2, 1, 11, 1);
    check(6, 6, 1);
}

/* The batch that was read last is held; a snapshot takes its place in the same segment, and the
 * next batch has the same numbers. */
static void behind_an_install(void)
{
    begin_and_read();
    CHECK(log_install(w.log, 3, 5, 2) == ERR_OK);
    append(4, 6, 6, 3, 100);
    turn_until(4, 6, 11, 3);
    check(6, 11, 3);
    end();
}

static void rest(void)
{
    for (int i = 0; i < 1000 && sim_turn(&w.loop); i++) {
    }
}

static uint64_t cached(void)
{
    struct log_stats s;
    log_stats(w.log, &s);
    return s.cache_bytes;
}

/* Nothing is dropped while a cut is on its way, and all as ever when it is on disk. */
static void cache_bounded(void)
{
    begin();
    stop();
    w.cache_bytes = CACHE;
    start();
    append(1, 1, 5, 1, LARGE);
    turn_until(1, 1, 5, 1);
    CHECK(cached() <= CACHE);
    CHECK(log_install(w.log, 2, 5, 2) == ERR_OK);
    append(3, 6, 5, 3, LARGE);
    CHECK_U64(cached(), 5 * LARGE);
    turn_until(3, 6, 10, 3);
    CHECK(cached() <= CACHE);
    append(4, 8, 5, 4, LARGE);
    turn_until(4, 8, 12, 4);
    CHECK(cached() <= CACHE && cached() > LOG_CACHE_BYTES_IDLE);
    rest();
    log_rest(w.log);
    CHECK(cached() <= LOG_CACHE_BYTES_IDLE);
    check(6, 7, 3);
    check(8, 12, 4);
    end();
}

/* Is the newest batch in which entries were written followed by one without? */
static bool witnessed(void)
{
    struct log_stats before;
    struct log_stats after;
    log_stats(w.log, &before);
    rest();
    log_stats(w.log, &after);
    return after.batches == before.batches + 1 && after.entries == before.entries;
}

/* All entries are compacted away, the batch that is kept is a seal: the log goes on behind them. */
static void seal_alone(void)
{
    struct os_stat st;
    begin();
    append(1, 1, 1, 1, HALF);
    turn_until(1, 1, 1, 1);
    append(2, 2, 1, 1, HALF);
    turn_until(2, 1, 2, 1);
    CHECK(witnessed());
    CHECK(log_compact(w.log, 2) == ERR_OK);
    while (os_dir_stat(w.dir, "0000000000000001.seg", &st) == ERR_OK) {
        CHECK(sim_turn(&w.loop));
    }
    for (int i = 0; i < 2; i++) {
        stop();
        start();
        CHECK_U64(w.rec.first, 3);
        CHECK_U64(w.rec.last, 2);
        CHECK_U64(log_last(w.log), 2);
    }
    append(1, 3, 1, 1, 100);
    turn_until(1, 3, 3, 1);
    end();
    EXPECT_MARK("store: no batch that is kept has an entry");
}

/* Entries, after which so many blocks are left of their segment: the first one takes two, the
 * second one four. */
static void fill(uint32_t entries, uint32_t blocks)
{
    for (uint32_t i = 1; i <= entries; i++) {
        w.filled++;
        append(w.filled, w.filled, 1, 1, i < entries ? HALF : HALF - blocks * BLOCK);
        turn_until(w.filled, w.filled, w.filled, 1);
    }
}

static uint64_t on_disk(void)
{
    struct log_stats s;
    log_stats(w.log, &s);
    return s.disk_bytes;
}

static bool there(const char *name)
{
    struct os_stat st;
    return os_dir_stat(w.dir, name, &st) == ERR_OK;
}

/* A seal alone is in the newest segment: when those before it are given back, nothing but what is
 * recorded of them tells where the log ends, and in which term. */
static void ends_at(uint64_t last, uint64_t term, const char *before, const char *newest)
{
    rest();
    CHECK(there(newest));
    CHECK(log_compact(w.log, last) == ERR_OK);
    for (int i = 0; i < 3; i++) {
        stop();
        start();
        rest();
        CHECK_U64(w.rec.first, last + 1);
        CHECK_U64(w.rec.last, last);
        CHECK_U64(w.rec.before_term, term);
    }
    CHECK(!there(before) && there(newest));
    append(9, last + 1, 1, 3, 100);
    turn_until(9, last + 1, last + 1, 3);
    end();
}

static void end_behind_a_cut(void)
{
    begin();
    fill(2, 1);
    struct log_write cut = { .ticket = 3, .truncate = true, .truncate_to = 1 };
    CHECK(log_append(w.log, &cut) == ERR_OK);
    turn_until(3, 1, 1, 1);
    ends_at(1, 1, "0000000000000001.seg", "0000000000000002.seg");
}

/* What an install gives back waits for a compaction that takes its time, and by then the seal is
 * there. */
static void end_behind_an_install(void)
{
    begin();
    fill(2, 0);
    fill(4, 1);
    while (on_disk() < (2 + 4 + 8) * LARGE) {
        CHECK(sim_turn(&w.loop)); /* the third segment waits */
    }
    w.loop.job_ns_min = w.loop.job_ns_max = NS_PER_S;
    CHECK(log_compact(w.log, 2) == ERR_OK);
    w.loop.job_ns_min = SIM_LOOP_JOB_NS_MIN;
    w.loop.job_ns_max = SIM_LOOP_JOB_NS_MAX;
    CHECK(log_install(w.log, 7, 8, 2) == ERR_OK);
    turn_until(7, 9, 8, 0);
    while (there("0000000000000001.seg")) {
        CHECK(there("0000000000000002.seg") && sim_turn(&w.loop));
    }
    ends_at(8, 2, "0000000000000002.seg", "0000000000000003.seg");
}

/* A vote is no batch, but a pause follows it, and with it a seal. */
static void vote_and_pause(uint64_t ticket)
{
    struct log_write vote = { .ticket = ticket, .hard = true, .term = ticket, .vote = 1 };
    CHECK(log_append(w.log, &vote) == ERR_OK);
    rest();
}

static void end_behind_a_restart(void)
{
    begin();
    fill(2, 2);
    stop(); /* the first of two seals */
    start();
    vote_and_pause(3);
    vote_and_pause(4);
    ends_at(2, 1, "0000000000000001.seg", "0000000000000002.seg");
}

/* The seal waits for a segment, and entries arrive meanwhile: they need a seal of their own. */
static void seal_overtaken(void)
{
    begin();
    append(1, 1, 1, 1, HALF);
    turn_until(1, 1, 1, 1);
    w.disk.fault = ERR_NO_SPACE;
    w.disk.fault_at = w.disk.ops + 3; /* after write and sync: the next segment is not made */
    append(2, 2, 1, 1, HALF);
    turn_until(2, 1, 2, 1);
    uint64_t paused = w.loop.now_ns + 40ull * 1000 * 1000;
    for (int i = 0; i < 100 && w.loop.now_ns < paused; i++) {
        sim_turn(&w.loop);
    }
    append(3, 3, 1, 1, 100);
    turn_until(3, 1, 3, 1);
    CHECK(witnessed());
    end();
    EXPECT_MARK("store: no space for a segment");
    EXPECT_MARK("store: a pause is sealed");
}

/* A batch waits for its segment, and nobody writes any more: nothing but the log itself can find
 * that there is space again. */
static void space_again(void)
{
    struct log_stats s;
    begin();
    append(1, 1, 1, 1, HALF);
    turn_until(1, 1, 1, 1);
    w.disk.full = true;
    append(2, 2, 1, 1, HALF);
    turn_until(2, 1, 2, 1);
    append(3, 3, 1, 1, HALF);
    uint64_t filled = w.loop.now_ns + FULL_NS;
    while (w.loop.now_ns < filled) {
        CHECK(sim_turn(&w.loop)); /* it is tried again and again */
    }
    CHECK_U64(w.durable, 2);
    log_stats(w.log, &s);
    CHECK(s.no_room);
    w.disk.full = false;
    turn_until(3, 1, 3, 1);
    log_stats(w.log, &s);
    CHECK(!s.no_room);
    end();
    EXPECT_MARK("store: a batch waits for its segment");
}

/* Only a cache has a batch whose sync failed; from the restart on that finds it there it counts as
 * durable, each of its blocks. */
static void found_unsynced(void)
{
    begin();
    append(1, 1, 1, 1, 100);
    turn_until(1, 1, 1, 1);
    w.disk.fault = ERR_IO;
    w.disk.fault_at = w.disk.ops + 2; /* after its write */
    append(2, 2, 1, 1, BLOCKS);
    rest();
    CHECK_U64(w.durable, 1);
    stop();
    start();
    CHECK_U64(w.rec.last, 2);
    stop();
    sim_disk_restart(&w.disk);
    start();
    CHECK_U64(w.rec.last, 2);
    check(1, 2, 1);
    end();
}

/* The batch that was read last is the one that is replaced, and begins right behind the cut. */
static void replaced_after_it_was_read(void)
{
    begin_and_read();
    append(3, 6, 6, 3, 100);
    turn_until(3, 6, 11, 3);
    check(6, 11, 3);
    end();
}

/* What replaces entries is in one batch with the truncation: once it counts as durable, the power
 * may go, whatever survives of what was not synced. */
static void replaced_before_a_power_cut(void)
{
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        begin();
        prng_seed(&w.disk.prng, seed);
        append(1, 1, 10, 1, 100);
        turn_until(1, 1, 10, 1);
        append(2, 6, 5, 2, 100);
        turn_until(2, 6, 10, 2);
        w.disk.down = true;
        stop();
        sim_disk_restart(&w.disk);
        start();
        CHECK_U64(w.rec.last, 10);
        check(1, 5, 1);
        check(6, 10, 2);
        end();
    }
}

/* The power goes in an operation of a compaction, counted from 1; false: there are not so many. */
static bool compaction_cut(uint64_t at, uint64_t seed)
{
    begin();
    prng_seed(&w.disk.prng, seed);
    append(1, 1, 2, 1, HALF);
    append(2, 3, 1, 1, 100); /* in the second segment */
    turn_until(2, 1, 3, 1);
    rest();
    w.disk.crash_at = w.disk.ops + at;
    CHECK(log_compact(w.log, 2) == ERR_OK);
    rest();
    bool cut = w.disk.down;
    stop();
    w.disk.crash_at = 0;
    sim_disk_restart(&w.disk);
    start();
    CHECK(w.rec.first == 3 || (cut && w.rec.first == 1));
    CHECK_U64(w.rec.last, 3);
    check(w.rec.first, 3, 1);
    end();
    return cut;
}

static void compaction_cut_anywhere(void)
{
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        uint64_t at = 1;
        while (compaction_cut(at, seed)) {
            at++;
        }
        CHECK(at > 1);
    }
}

/* In an operation of a compaction, counted from 1, the disk has no space; false: there are not so
 * many. The next compaction goes on where it ended. Only a sync must not fail so: the log has. */
static bool compaction_put_off(uint64_t at, uint64_t *went_on)
{
    begin();
    fill(2, 1);
    fill(4, 1);
    append(7, 7, 2, 1, 100); /* in the third segment */
    turn_until(7, 7, 8, 1);
    rest();
    w.disk.fault = ERR_NO_SPACE;
    w.disk.fault_at = w.disk.ops + at;
    CHECK(log_compact(w.log, 7) == ERR_OK);
    rest();
    bool put_off = w.disk.ops >= w.disk.fault_at;
    w.disk.fault_at = 0;
    if (log_compact(w.log, 8) == ERR_OK) {
        rest();
        CHECK(!there("0000000000000001.seg") && !there("0000000000000002.seg"));
        append(8, 9, 1, 1, 100);
        turn_until(8, 9, 9, 1);
        *went_on += put_off;
    }
    stop();
    start();
    CHECK(w.rec.first <= 9 && w.rec.last >= 8);
    check(w.rec.first, w.rec.last, 1);
    end();
    return put_off;
}

static void compaction_put_off_anywhere(void)
{
    uint64_t at = 1;
    uint64_t went_on = 0;
    while (compaction_put_off(at, &went_on)) {
        at++;
    }
    printf("# %llu of %llu operations went on\n", (unsigned long long)went_on,
           (unsigned long long)at - 1);
    CHECK(went_on > 3);
    EXPECT_MARK("store: a segment was given back before");
}

int main(void)
{
    TAP_TEST("overlap: what replaces entries is read at every moment", replaced);
    TAP_TEST("overlap: so it is where it was read before", replaced_after_it_was_read);
    TAP_TEST("overlap: so it is when it is replaced in turn, and after a restart", replaced_twice);
    TAP_TEST("overlap: entries behind a truncation are read before they are written", behind_a_cut);
    TAP_TEST("overlap: nothing of a log is read behind the snapshot that replaced it",
             behind_an_install);
    TAP_TEST("overlap: behind a snapshot and a truncation the cache keeps its bound, and rests",
             cache_bounded);
    TAP_TEST("overlap: every pause is sealed, at a segment's end too", seal_overtaken);
    TAP_TEST("overlap: a seal alone is a log that goes on behind what is gone", seal_alone);
    TAP_TEST("overlap: so it is behind a truncation without entries", end_behind_a_cut);
    TAP_TEST("overlap: so it is behind an install without entries", end_behind_an_install);
    TAP_TEST("overlap: so it is behind a restart without entries", end_behind_a_restart);
    TAP_TEST("overlap: a batch that only a cache had is durable once it was found, whole",
             found_unsynced);
    TAP_TEST("overlap: what replaced entries outlives a power cut", replaced_before_a_power_cut);
    TAP_TEST("overlap: what waits for a segment goes on when the disk has space", space_again);
    TAP_TEST("overlap: a power cut anywhere in a compaction leaves a log", compaction_cut_anywhere);
    TAP_TEST("overlap: without space anywhere in a compaction, the next one goes on",
             compaction_put_off_anywhere);
    return tap_done();
}
