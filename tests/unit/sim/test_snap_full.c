/* tests/unit/sim/test_snap_full.c -- Subject: a disk that is full while a snapshot is received.
 * Method: bytes of no meaning, for what they say is looked at only when all of them are here.
 */
#include "tap.h"

#include "sim/loop.h"
#include "store/snap.h"

enum {
    CHUNK = 256 * 1024,
    TURNS_MAX = 1000
};

static struct {
    struct mem mem;
    struct sim_disk disk;
    struct sim_loop loop;
    struct os_dir *dir;
    struct snap *snap;
    bool told;
    enum err e;
    uint64_t offset;
} w;

static const struct snap_id id = { 7, 1, 9 };

static void on_stored(void *arg, enum err e, const struct snap_id *which, uint64_t offset)
{
    (void)arg;
    CHECK(snap_id_equal(which, &id));
    w.told = true;
    w.e = e;
    w.offset = offset;
}

static void await(enum err e, uint64_t offset)
{
    for (int i = 0; i < TURNS_MAX && !w.told; i++) {
        sim_turn(&w.loop);
    }
    CHECK(w.told && w.e == e);
    CHECK_U64(w.offset, offset);
    w.told = false;
}

static enum err give(uint64_t offset)
{
    static uint8_t chunk[CHUNK];
    memset(chunk, 1, sizeof chunk);
    return snap_receive_chunk(w.snap, &id, offset, bytes_of(chunk, sizeof chunk));
}

static uint64_t disk_bytes(void)
{
    uint64_t sum = 0;
    for (int i = 0; i < SIM_FILES_MAX; i++) {
        sum += w.disk.file[i].now_bytes;
    }
    return sum;
}

static void full(void)
{
    struct snap_handler h = { .stored = on_stored };
    struct diag diag;
    memset(&w, 0, sizeof w);
    mem_init(&w.mem, "full", 64u << 20);
    sim_disk_init(&w.disk, &w.mem, 3);
    sim_loop_init(&w.loop, &w.mem, &w.disk, 5);
    CHECK(os_dir_open(&w.loop.os, "snap", true, &w.dir) == ERR_OK);
    CHECK(snap_open(&w.loop.os, w.dir, &w.mem, UINT64_MAX, &h, &w.snap, &diag) == ERR_OK);
    CHECK(snap_receive(w.snap, &id, 4 * CHUNK) == ERR_OK);
    await(ERR_OK, 0);
    CHECK(give(0) == ERR_OK);
    await(ERR_OK, CHUNK);
    w.disk.full = true;
    CHECK(give(CHUNK) == ERR_OK);
    await(ERR_NO_SPACE, 0);
    CHECK_U64(disk_bytes(), 0); /* others may need it */
    snap_receive_cancel(w.snap);
    w.disk.full = false;
    CHECK(snap_receive(w.snap, &id, 4 * CHUNK) == ERR_OK);
    await(ERR_OK, 0);
    CHECK(give(0) == ERR_OK);
    await(ERR_OK, CHUNK);
    snap_close(w.snap);
    os_dir_close(w.dir);
    sim_loop_done(&w.loop);
    sim_disk_done(&w.disk);
    CHECK_U64(w.mem.used, 0);
    EXPECT_MARK("store: no space for what is received of a snapshot");
}

int main(void)
{
    TAP_TEST("snap: without space what was received goes, and is received again later", full);
    return tap_done();
}
