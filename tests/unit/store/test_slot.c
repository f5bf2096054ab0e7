/* tests/unit/store/test_slot.c -- Subject: a small record on a disk whose sync fails. Method: each
 * operation of a write fails in turn, or none; the process comes back and reads what the kernel
 * still has; its next write is cut by the power, or its next start is, by many seeds: what it was
 * told at its start must be there.
 */
#include "tap.h"

#include "base/limits.h"
#include "sim/loop.h"
#include "store/slot.h"

enum {
    MAGIC = 0x1234,
    OPS = 4, /* of one slot_write, and of a start after the first: a write and a sync for each */
    SEEDS = 40
};

static struct {
    struct mem mem;
    struct sim_disk disk;
    struct sim_loop loop;
    struct os_dir *dir;
    struct slot_file slot;
} w;

static void process_starts(void)
{
    sim_loop_init(&w.loop, &w.mem, &w.disk, 5);
    CHECK(os_dir_open(&w.loop.os, "home", true, &w.dir) == ERR_OK);
}

static void process_ends(void)
{
    slot_close(&w.slot);
    os_dir_close(w.dir);
    sim_loop_done(&w.loop);
}

/* Opens it, and says what it holds; 0: nothing. */
static uint8_t open_slot(bool create)
{
    uint8_t payload[SLOT_PAYLOAD_MAX];
    size_t count = 0;
    CHECK(slot_open(w.dir, "slot", MAGIC, create, &w.slot, payload, &count) == ERR_OK);
    return count == sizeof payload ? payload[0] : 0;
}

/* Of several sectors, so that one that is cut is torn often. */
static enum err put(uint8_t value)
{
    uint8_t payload[SLOT_PAYLOAD_MAX];
    memset(payload, value, sizeof payload);
    return slot_write(&w.slot, bytes_of(payload, sizeof payload));
}

/* A value is written, and a second one with a failure at one of its operations (0: none); then
 * starts times a process comes and goes. What the last one was told. */
static uint8_t second_write(uint64_t seed, uint64_t fault, int starts)
{
    mem_init(&w.mem, "slot", 8 * MIB);
    sim_disk_init(&w.disk, &w.mem, seed);
    process_starts();
    CHECK_U64(open_slot(true), 0);
    CHECK(put(1) == ERR_OK);
    w.disk.fault_at = fault == 0 ? 0 : w.disk.ops + fault;
    w.disk.fault = fault % 2 == 0 ? ERR_SYNC_FAILED : ERR_IO;
    CHECK((put(2) == ERR_OK) == (fault == 0));
    uint8_t told = fault == 0 ? 2 : 1;
    for (int i = 0; i < starts; i++) {
        process_ends();
        sim_disk_survive(&w.disk); /* what it wrote is read, synced or not */
        process_starts();
        told = open_slot(false);
        CHECK(told == 2 || (fault > 0 && told == 1));
    }
    return told;
}

/* After the power came back. */
static void must_hold(uint8_t told, uint8_t begun)
{
    process_ends();
    sim_disk_restart(&w.disk);
    process_starts();
    uint8_t found = open_slot(false);
    CHECK(found == told || found == begun);
    process_ends();
    sim_disk_done(&w.disk);
    CHECK_U64(w.mem.used, 0);
}

static void write_is_cut(uint64_t seed, uint64_t fault, int starts)
{
    uint8_t told = second_write(seed, fault, starts);
    w.disk.crash_at = w.disk.ops + 1 + seed % OPS;
    CHECK(put(3) != ERR_OK);
    must_hold(told, 3);
}

/* The start that is cut may have found the second value, which nobody was told of yet. Two of its
 * operations are left out when a slot is damaged: then the cut comes after it. */
static void start_is_cut(uint64_t seed, uint64_t fault, int starts)
{
    uint8_t told = second_write(seed, fault, starts), payload[SLOT_PAYLOAD_MAX];
    size_t count = 0;
    process_ends();
    sim_disk_survive(&w.disk);
    process_starts();
    w.disk.crash_at = w.disk.ops + 1 + seed % OPS;
    if (slot_open(w.dir, "slot", MAGIC, false, &w.slot, payload, &count) == ERR_OK) {
        told = payload[0];
    }
    must_hold(told, starts == 0 ? 2 : told);
}

static void sync_fails(void)
{
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        for (uint64_t fault = 1; fault <= OPS; fault++) {
            write_is_cut(seed, fault, 1);
            write_is_cut(seed, fault, 2);
        }
    }
}

static void start_fails(void)
{
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        for (uint64_t fault = 0; fault <= OPS; fault++) {
            for (int starts = 0; starts <= 2; starts++) {
                start_is_cut(seed, fault, starts);
            }
        }
    }
}

static void first_write_is_cut(void)
{
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        for (uint64_t op = 1; op <= OPS; op++) {
            mem_init(&w.mem, "slot", 8 * MIB);
            sim_disk_init(&w.disk, &w.mem, seed);
            process_starts();
            CHECK_U64(open_slot(true), 0);
            w.disk.crash_at = w.disk.ops + op;
            CHECK(put(1) != ERR_OK);
            must_hold(0, 1);
        }
    }
}

int main(void)
{
    TAP_TEST("slot: what a start has read is there, whatever failed before it", sync_fails);
    TAP_TEST("slot: a start that is cut by the power leaves what was there", start_fails);
    TAP_TEST("slot: a first record that is cut by the power was never there", first_write_is_cut);
    return tap_done();
}
