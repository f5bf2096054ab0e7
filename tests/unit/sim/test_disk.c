/* tests/unit/sim/test_disk.c -- Subject: rot on a simulated disk, and one that is full. Method:
 * batches written and synced as a log does it, then one bit flipped: never where nothing later
 * tells that it was there.
 */
#include "tap.h"

#include "base/crc32c.h"
#include "base/limits.h"
#include "sim/disk.h"

enum {
    BATCH = 2 * SIM_SECTOR_BYTES,
    LARGE = 64 * SIM_SECTOR_BYTES,
    ROTS = 64,
    RENAMES = 100
};

static struct world {
    struct mem mem;
    struct sim_disk disk;
    int file;
    uint8_t bytes[LARGE];
} w;

static void start(void)
{
    mem_init(&w.mem, "test", 64 * MIB);
    sim_disk_init(&w.disk, &w.mem, 1);
    CHECK(sim_disk_create(&w.disk, "wal/1.seg", &w.file) == ERR_OK);
    sim_disk_hold(&w.disk, w.file);
    CHECK(sim_disk_sync_names(&w.disk, "wal/") == ERR_OK);
}

static void stop(void)
{
    sim_disk_release(&w.disk, w.file);
    sim_disk_done(&w.disk);
    CHECK_U64(w.mem.used, 0);
}

static void put(uint64_t offset, uint8_t fill, size_t count)
{
    memset(w.bytes, fill, count);
    CHECK(sim_disk_write(&w.disk, w.file, offset, w.bytes, count) == ERR_OK);
    CHECK(sim_disk_sync(&w.disk, w.file) == ERR_OK);
}

/* A slot as docs/DISK.md has it, as far as its checksum goes; torn: with another one's counter. */
static void slot_of(uint8_t *slot, uint8_t fill, bool torn)
{
    memset(slot, fill, SIM_PAGE_BYTES);
    struct writer w_crc = writer_of(slot + 4, 4);
    writer_u32(&w_crc, crc32c(0, slot + 8, SIM_PAGE_BYTES - 8));
    slot[8] ^= torn ? 1 : 0;
}

static void put_slot(uint64_t place, uint8_t fill, bool torn)
{
    slot_of(w.bytes, fill, torn);
    CHECK(sim_disk_write(&w.disk, w.file, place * SIM_PAGE_BYTES, w.bytes, SIM_PAGE_BYTES) ==
          ERR_OK);
    CHECK(sim_disk_sync(&w.disk, w.file) == ERR_OK);
}

/* Rots many times; returns how many bytes from the start on all of it stays below. */
static size_t rotten_below(void)
{
    static uint8_t before[LARGE + 4 * BATCH];
    static uint8_t after[sizeof before];
    size_t end = 0;
    memset(before, 0, sizeof before);
    memset(after, 0, sizeof after);
    for (uint64_t seed = 1; seed <= ROTS; seed++) {
        size_t have = 0;
        size_t again = 0;
        CHECK(sim_disk_read(&w.disk, w.file, 0, before, sizeof before, &have) == ERR_OK);
        if (!sim_disk_rot(&w.disk, seed)) {
            return 0;
        }
        CHECK(sim_disk_read(&w.disk, w.file, 0, after, sizeof after, &again) == ERR_OK);
        CHECK_U64(again, have);
        for (size_t i = end; i < have; i++) {
            end = before[i] != after[i] ? i + 1 : end;
        }
    }
    return end;
}

static void newest_spared(void)
{
    start();
    put(0, 0, LARGE); /* a segment is filled with zeroes first */
    CHECK_U64(rotten_below(), 0);
    put(0, 1, LARGE);
    CHECK_U64(rotten_below(), 0);
    put(LARGE, 2, BATCH);
    size_t end = rotten_below();
    CHECK(end > 0 && end <= LARGE);
    stop();
}

static void tail_cut_off(void)
{
    start();
    put(0, 1, BATCH);
    put(BATCH, 2, BATCH);
    put(2 * BATCH, 3, BATCH);
    put(2 * BATCH, 0, BATCH); /* a torn tail: the second one is the newest again */
    put(2 * BATCH, 0, BATCH);
    CHECK_U64(rotten_below(), 0);
    put(2 * BATCH, 4, BATCH);
    size_t end = rotten_below();
    CHECK(end > 0 && end <= 2 * BATCH);
    stop();
}

/* Anywhere in it, or its end is gone, for whoever reads it and after a crash; but not while it is
 * written, no other file, and only once. */
static void snapshots_rot(void)
{
    static uint8_t after[LARGE];
    size_t cut = 0;
    size_t changed = 0;
    for (uint64_t seed = 1; seed <= ROTS; seed++) {
        size_t have = 0;
        start();
        for (size_t i = 0; i < LARGE; i++) {
            w.bytes[i] = (uint8_t)(1 + i / SIM_SECTOR_BYTES);
        }
        w.disk.snap_rot = seed;
        CHECK(sim_disk_write(&w.disk, w.file, 0, w.bytes, LARGE) == ERR_OK);
        sim_rot_open(&w.disk, "wal/1.snap", w.file);
        CHECK(sim_disk_sync(&w.disk, w.file) == ERR_OK);
        sim_rot_open(&w.disk, "wal/1.seg", w.file);
        CHECK_U64(w.disk.snap_rot, seed);
        sim_rot_open(&w.disk, "wal/1.snap", w.file);
        CHECK_U64(w.disk.snap_rot, 0);
        sim_disk_restart(&w.disk);
        CHECK(sim_disk_read(&w.disk, w.file, 0, after, LARGE, &have) == ERR_OK);
        cut += have < LARGE;
        changed += have == LARGE && memcmp(w.bytes, after, LARGE) != 0;
        stop();
    }
    CHECK(cut > ROTS / 4 && changed > ROTS / 4);
    CHECK_U64(cut + changed, ROTS);
}

/* What is there may change and shrink. */
static void full(void)
{
    start();
    put(0, 1, BATCH);
    w.disk.full = true;
    CHECK(sim_disk_write(&w.disk, w.file, BATCH, w.bytes, 1) == ERR_NO_SPACE);
    CHECK(sim_disk_truncate(&w.disk, w.file, BATCH + 1) == ERR_NO_SPACE);
    CHECK_U64(w.disk.file[w.file].now_bytes, BATCH);
    put(0, 2, BATCH);
    CHECK(sim_disk_truncate(&w.disk, w.file, 1) == ERR_OK);
    w.disk.full = false;
    CHECK(sim_disk_truncate(&w.disk, w.file, LARGE) == ERR_OK);
    stop();
}

/* A kernel drops what it failed to write: it is read as before, but no further sync saves it, only
 * one that follows a further write. */
static void sync_failed(void)
{
    static uint8_t found[LARGE];
    size_t have = 0;
    start();
    put(0, 1, LARGE);
    memset(w.bytes, 2, LARGE);
    CHECK(sim_disk_write(&w.disk, w.file, 0, w.bytes, LARGE) == ERR_OK);
    w.disk.fault_at = w.disk.ops + 1;
    w.disk.fault = ERR_SYNC_FAILED;
    CHECK(sim_disk_sync(&w.disk, w.file) == ERR_SYNC_FAILED);
    put(BATCH, 2, BATCH);
    sim_disk_survive(&w.disk); /* another process: it reads the same */
    CHECK(sim_disk_read(&w.disk, w.file, 0, found, LARGE, &have) == ERR_OK && have == LARGE);
    CHECK(memcmp(found, w.bytes, BATCH) == 0 && memcmp(found + 2 * BATCH, w.bytes, BATCH) == 0);
    CHECK(sim_disk_sync(&w.disk, w.file) == ERR_OK);
    sim_disk_restart(&w.disk);
    CHECK(sim_disk_read(&w.disk, w.file, 0, found, LARGE, &have) == ERR_OK && have == LARGE);
    CHECK(memcmp(found + BATCH, w.bytes, BATCH) == 0);
    CHECK(memchr(found + 2 * BATCH, 1, LARGE - 2 * BATCH) != NULL);
    stop();
}

/* A power cut leaves a renamed file its old name, or the new one: never both, never none. */
static void renamed(void)
{
    uint32_t taken = 0;
    for (uint64_t seed = 1; seed <= RENAMES; seed++) {
        int file = -1;
        mem_init(&w.mem, "disk", 64u << 20);
        sim_disk_init(&w.disk, &w.mem, seed);
        CHECK(sim_disk_create(&w.disk, seed % 2 == 0 ? "d/a" : "d/z", &file) == ERR_OK);
        CHECK(sim_disk_sync_names(&w.disk, "d/") == ERR_OK);
        CHECK(sim_disk_rename(&w.disk, seed % 2 == 0 ? "d/a" : "d/z", "d/m") == ERR_OK);
        CHECK(sim_disk_rename(&w.disk, "d/m", "d/n") == ERR_OK);
        sim_disk_restart(&w.disk);
        bool old = sim_disk_find(&w.disk, seed % 2 == 0 ? "d/a" : "d/z") == file;
        bool new = sim_disk_find(&w.disk, "d/n") == file;
        CHECK(old != new &&sim_disk_find(&w.disk, "d/m") < 0);
        taken += new;
        sim_disk_done(&w.disk);
    }
    CHECK(taken > RENAMES / 4 && taken < RENAMES * 3 / 4);
}

/* Reads all of the file; true when bytes first..end-1, and no other ones, are not as good says. */
static bool reads_otherwise(const uint8_t *good, size_t count, size_t *out_first, size_t *out_end)
{
    static uint8_t found[4 * LARGE];
    size_t have = 0;
    CHECK(sim_disk_read(&w.disk, w.file, 0, found, count, &have) == ERR_OK && have == count);
    *out_first = count;
    *out_end = 0;
    for (size_t i = 0; i < count; i++) {
        if (found[i] != good[i]) {
            *out_first = i < *out_first ? i : *out_first;
            *out_end = i + 1;
        }
    }
    return *out_end > 0;
}

/* What stood there before is zeroes, a batch of 1s, then one of 2s: a sector or a page of the 1s
 * comes back, for so many reads as were asked for, and not of the newest batch. */
static void stale_log(void)
{
    static uint8_t good[2 * LARGE];
    uint32_t pages = 0;
    start();
    put(0, 1, LARGE);
    put(0, 2, LARGE);
    CHECK(!sim_disk_stale(&w.disk, 1, 1)); /* nothing tells of it */
    put(LARGE, 3, LARGE);
    memset(good, 2, LARGE);
    memset(good + LARGE, 3, LARGE);
    for (uint64_t seed = 1; seed <= ROTS; seed++) {
        size_t first = 0;
        size_t end = 0;
        CHECK(sim_disk_stale(&w.disk, seed, 2) && !sim_disk_stale(&w.disk, seed, 2));
        for (int i = 0; i < 2; i++) {
            CHECK(reads_otherwise(good, sizeof good, &first, &end));
            CHECK(end <= LARGE && first % SIM_SECTOR_BYTES == 0);
            CHECK(end - first == SIM_SECTOR_BYTES || end - first == SIM_PAGE_BYTES);
        }
        pages += end - first == SIM_PAGE_BYTES;
        CHECK(!reads_otherwise(good, sizeof good, &first, &end));
        CHECK_U64(w.disk.stale.given, 2 * seed);
    }
    CHECK(pages > 0 && pages < ROTS);
    CHECK(sim_disk_stale(&w.disk, 1, 2));
    put(0, 2, LARGE); /* what is written is what is read */
    size_t first = 0;
    size_t end = 0;
    CHECK(!reads_otherwise(good, sizeof good, &first, &end) && w.disk.stale.reads == 0);
    stop();
}

/* One of two slots, as long as they hold the same; where only one is good it alone is read. */
static void stale_slot(void)
{
    static uint8_t good[2 * SIM_PAGE_BYTES];
    size_t first = 0;
    size_t end = 0;
    start();
    CHECK(sim_disk_rename(&w.disk, "wal/1.seg", "d/vote") == ERR_OK);
    put_slot(0, 1, false);
    put_slot(1, 1, false);
    put_slot(0, 2, false);
    for (uint64_t seed = 1; seed <= ROTS; seed++) {
        CHECK(!sim_disk_stale(&w.disk, seed, 1));
    }
    put_slot(1, 2, true); /* the same, but for its head, which the power has torn */
    for (uint64_t seed = 1; seed <= ROTS; seed++) {
        CHECK(!sim_disk_stale(&w.disk, seed, 1));
    }
    put_slot(1, 2, false);
    slot_of(good, 2, false);
    slot_of(good + SIM_PAGE_BYTES, 2, false);
    for (uint64_t seed = 1; seed <= ROTS; seed++) {
        CHECK(sim_disk_stale(&w.disk, seed, 1));
        CHECK(reads_otherwise(good, sizeof good, &first, &end));
        CHECK(first / SIM_PAGE_BYTES == (end - 1) / SIM_PAGE_BYTES);
        CHECK(!reads_otherwise(good, sizeof good, &first, &end));
    }
    for (uint64_t seed = 1; seed <= ROTS; seed++) {
        CHECK(sim_disk_stale(&w.disk, seed, 1));
        size_t other = w.disk.stale.offset < SIM_PAGE_BYTES ? SIM_PAGE_BYTES : 0;
        sim_file_flip(&w.mem, &w.disk.file[w.file], other + SIM_SECTOR_BYTES);
        good[other + SIM_SECTOR_BYTES] ^= 1;
        CHECK(!reads_otherwise(good, sizeof good, &first, &end));
        sim_file_flip(&w.mem, &w.disk.file[w.file], other + SIM_SECTOR_BYTES);
        good[other + SIM_SECTOR_BYTES] ^= 1;
        sim_disk_stale_end(&w.disk);
        CHECK(!reads_otherwise(good, sizeof good, &first, &end));
    }
    stop();
}

/* ---- the power goes ---- */

/* Of what was not synced each sector is old, new, or new up to somewhere and old behind it. */
static void torn_sectors(void)
{
    static uint8_t after[LARGE];
    size_t old = 0;
    size_t new = 0;
    size_t torn = 0;
    size_t have = 0;
    start();
    put(0, 'a', LARGE);
    memset(w.bytes, 'b', LARGE);
    CHECK(sim_disk_write(&w.disk, w.file, 0, w.bytes, LARGE) == ERR_OK);
    sim_disk_restart(&w.disk);
    CHECK(sim_disk_read(&w.disk, w.file, 0, after, LARGE, &have) == ERR_OK);
    CHECK_U64(have, LARGE);
    for (size_t s = 0; s < LARGE; s += SIM_SECTOR_BYTES) {
        size_t taken = 0;
        while (taken < SIM_SECTOR_BYTES && after[s + taken] == 'b') {
            taken++;
        }
        for (size_t i = taken; i < SIM_SECTOR_BYTES; i++) {
            CHECK(after[s + i] == 'a');
        }
        old += taken == 0;
        new += taken == SIM_SECTOR_BYTES;
        torn += taken > 0 && taken < SIM_SECTOR_BYTES;
    }
    CHECK(old > 0 && new > 0 && torn > 0);
    stop();
}

/* Planned for a sync, it is inside the next one and not behind it. */
static void inside_a_sync(void)
{
    start();
    put(0, 'a', BATCH);
    CHECK(sim_disk_write(&w.disk, w.file, BATCH, w.bytes, BATCH) == ERR_OK);
    w.disk.crash_sync = true;
    CHECK(sim_disk_sync(&w.disk, w.file) != ERR_OK);
    CHECK(w.disk.down);
    sim_disk_restart(&w.disk);
    stop();
}

int main(void)
{
    TAP_TEST("sim: the newest batch does not rot, however large", newest_spared);
    TAP_TEST("sim: a snapshot rots anywhere, or is cut short", snapshots_rot);
    TAP_TEST("sim: what a cut tail leaves as the newest batch does not rot", tail_cut_off);
    TAP_TEST("sim: what a sync failed to save, no other one saves", sync_failed);
    TAP_TEST("sim: a file that is renamed has one name after a power cut", renamed);
    TAP_TEST("sim: an older version is read where a later batch tells of it", stale_log);
    TAP_TEST("sim: an older slot is read beside one that holds the same", stale_slot);
    TAP_TEST("sim: sectors that were not synced are torn, some of them", torn_sectors);
    TAP_TEST("sim: a crash inside a sync is inside it", inside_a_sync);
    TAP_TEST("sim: nothing grows on a full disk", full);
    return tap_done();
}
