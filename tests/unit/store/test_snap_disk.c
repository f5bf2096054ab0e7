/* tests/unit/store/test_snap_disk.c -- Subject: files of snapshots over restarts, and what a long
 * view means for the rows below. Method: files cut, damaged, added and removed between two starts.
 */
#include "snap_rig.h"

#include "base/crc32c.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdatomic.h>
#include <unistd.h>

static atomic_bool nameless; /* every sync of a directory fails */

/* Found by the store before the C library's; bytes of files are synced by another call. */
int fsync(int fd)
{
    static int (*real)(int);
    if (real == NULL) {
        *(void **)&real = dlsym(RTLD_NEXT, "fsync");
    }
    if (atomic_load(&nameless)) {
        errno = EIO;
        return -1;
    }
    return real(fd);
}

static uint8_t *data;
static size_t bytes;
static struct snap_id id;

static void begin(size_t value)
{
    rig_open(false);
    rows_put(&n.a, 0, 3000, 1, value);
    id = make(&n.a, 77);
    data = read_all(&n.a, &id, &bytes);
}

static void end(void)
{
    free(data);
    rig_close();
}

static void restart(struct peer *p)
{
    peer_stop(p);
    peer_start(p);
}

static void part_path(const char *suffix, char out[200])
{
    snprintf(out, 200, "%s/snap-b/%016llx-%016llx-%016llx.%s", n.loop.path,
             (unsigned long long)id.index, (unsigned long long)id.term, (unsigned long long)id.id,
             suffix);
}

/* The first so many bytes of the snapshot, and then a new process. */
static void received_until(size_t count)
{
    CHECK(ready(&n.b, &id, bytes) == ERR_OK);
    while (n.b.offset < count) {
        size_t left = count - (size_t)n.b.offset;
        size_t part = left < SNAP_CHUNK_BYTES_MAX ? left : SNAP_CHUNK_BYTES_MAX;
        CHECK(give(&n.b, &id, n.b.offset, bytes_of(data + n.b.offset, part)) == ERR_OK);
    }
    restart(&n.b);
}

static const size_t first_chunk =
    SNAP_HEAD_BYTES + 9 + SNAP_CHUNK_HEAD_BYTES + SNAP_CHUNK_BYTES_MAX;

static void goes_on(void)
{
    static const struct {
        size_t given;
        size_t found;
    } at[] = {
        { 50, 0 },
        { SNAP_HEAD_BYTES + 8, 0 },
        { SNAP_HEAD_BYTES + 9, SNAP_HEAD_BYTES + 9 },
        { SNAP_HEAD_BYTES + 500, SNAP_HEAD_BYTES + 9 },
        { first_chunk - 1, SNAP_HEAD_BYTES + 9 },
        { first_chunk, first_chunk },
        { first_chunk + 1, first_chunk },
        { first_chunk + SNAP_CHUNK_BYTES_MAX, first_chunk },
    };
    begin(1000);
    for (size_t i = 0; i < sizeof at / sizeof at[0]; i++) {
        received_until(at[i].given);
        CHECK(ready(&n.b, &id, bytes) == ERR_OK);
        CHECK_U64(n.b.offset, at[i].found);
        restart(&n.b);
    }
    CHECK(send_all(&n.b, &id, data, bytes, 100000) == ERR_OK);
    end();
    EXPECT_MARK("store: a snapshot is received further after a restart");
}

/* All of it came, but the process ended before it had been looked at. */
static void all_there(void)
{
    char path[200];
    begin(100);
    peer_stop(&n.b);
    part_path("part", path);
    FILE *f = fopen(path, "wb");
    CHECK(f != NULL && fwrite(data, 1, bytes, f) == bytes && fclose(f) == 0);
    peer_start(&n.b);
    CHECK(ready(&n.b, &id, bytes) == ERR_OK);
    CHECK_U64(n.b.offset, bytes);
    LOOP_UNTIL(&n.loop, n.b.receiveds == 1);
    CHECK(n.b.received == ERR_OK);
    end();
}

static void rotten_part(void)
{
    char path[200];
    begin(1000);
    part_path("part", path);
    for (size_t at = 0; at < 2 * first_chunk; at += at < 200 ? 13 : 300001) {
        received_until(2 * first_chunk);
        FILE *f = fopen(path, "r+b");
        CHECK(f != NULL && fseek(f, (long)at, SEEK_SET) == 0);
        uint8_t byte = (uint8_t)(data[at] ^ 0x10);
        CHECK(fwrite(&byte, 1, 1, f) == 1 && fclose(f) == 0);
        CHECK(ready(&n.b, &id, bytes) == ERR_OK);
        CHECK(n.b.offset <= at);
        restart(&n.b);
    }
    CHECK(send_all(&n.b, &id, data, bytes, SNAP_CHUNK_BYTES_MAX) == ERR_OK);
    end();
}

/* A part of other bytes under this one's name, and one that is longer than was announced. */
static void strange_part(void)
{
    char path[200];
    begin(100);
    part_path("part", path);
    FILE *f = fopen(path, "wb");
    data[32] ^= 1; /* of its index */
    CHECK(f != NULL && fwrite(data, 1, bytes, f) == bytes && fclose(f) == 0);
    data[32] ^= 1;
    CHECK(ready(&n.b, &id, bytes) == ERR_OK);
    CHECK_U64(n.b.offset, 0);
    restart(&n.b);
    f = fopen(path, "wb");
    CHECK(f != NULL && fwrite(data, 1, bytes, f) == bytes && fclose(f) == 0);
    CHECK(ready(&n.b, &id, bytes - 10) == ERR_OK);
    CHECK_U64(n.b.offset, 0);
    restart(&n.b);
    CHECK(send_all(&n.b, &id, data, bytes, SNAP_CHUNK_BYTES_MAX) == ERR_OK);
    end();
}

/* A part that is whole as far as it came, but of another snapshot: what follows would make neither,
 * and the one who sends would be told that its own is damaged. */
static void part_of_another(void)
{
    struct snap_id own;
    char from[200];
    char to[200];
    begin(1000);
    own = id;
    received_until(first_chunk);
    part_path("part", from);
    id.index += 10;
    part_path("part", to);
    peer_stop(&n.b);
    CHECK(rename(from, to) == 0);
    peer_start(&n.b);
    CHECK(ready(&n.b, &id, bytes) == ERR_OK);
    CHECK_U64(n.b.offset, 0);
    restart(&n.b);
    CHECK(send_all(&n.b, &own, data, bytes, SNAP_CHUNK_BYTES_MAX) == ERR_OK);
    end();
}

static uint32_t files(const char *name)
{
    char command[200];
    char text[32] = "";
    snprintf(command, sizeof command, "ls '%s/%s' | wc -l", n.loop.path, name);
    FILE *f = popen(command, "r");
    CHECK(f != NULL && fgets(text, sizeof text, f) != NULL && pclose(f) == 0);
    return (uint32_t)strtoul(text, NULL, 10);
}

static void put_file(const char *name, struct bytes what)
{
    char path[200];
    snprintf(path, sizeof path, "%s/snap-b/%s", n.loop.path, name);
    FILE *f = fopen(path, "wb");
    CHECK(f != NULL && fwrite(what.data, 1, what.count, f) == what.count && fclose(f) == 0);
}

static void touch(const char *name)
{
    put_file(name, bytes_text("x"));
}

/* A file of this name whose head says this; in its place among those of a directory. */
static void put_head(uint64_t named, uint64_t index, uint64_t own, uint8_t format)
{
    uint8_t head[SNAP_HEAD_BYTES + 64];
    char name[100];
    struct writer w = writer_of(head, sizeof head);
    struct snap_meta meta = rig_meta(index);
    meta.id = (struct snap_id){ index, 1, own };
    snap_head_encode(&meta, &w);
    head[8] = format;
    uint32_t crc = crc32c(0, head + 8, writer_bytes(&w).count - 8);
    for (size_t i = 0; i < 4; i++) {
        head[4 + i] = (uint8_t)(crc >> 8 * i);
    }
    snprintf(name, sizeof name, "%016llx-%016llx-%016llx.snap", (unsigned long long)named, 1ull,
             (unsigned long long)own);
    put_file(name, writer_bytes(&w));
}

static void left_over(void)
{
    struct snap_id found;
    uint8_t room[SNAP_HEAD_BYTES_MAX];
    struct snap_meta meta;
    rig_open(false);
    peer_stop(&n.b);
    put_head(5, 5, 1, SNAP_FORMAT);
    put_head(9, 9, 2, SNAP_FORMAT);
    put_head(7, 7, 3, SNAP_FORMAT);
    touch("0000000000000008-0000000000000001-0000000000000003.part");
    touch("0000000000000004-0000000000000001-0000000000000003.part");
    touch("notes.txt");
    touch("000000000000000A-0000000000000001-0000000000000003.snap");
    touch("+00000000000000a-0000000000000001-0000000000000003.snap");
    touch("0000000000000008-0000000000000001-0000000000000003.snapx");
    peer_start(&n.b);
    CHECK(snap_newest(n.b.snap, UINT64_MAX, &found) && found.index == 9 && found.id == 2);
    CHECK(snap_at(n.b.snap, 7, 1, &found) && !snap_at(n.b.snap, 5, 1, &found));
    restart(&n.b);
    CHECK_U64(files("snap-b"), 6); /* two, and what nobody here has written */
    found.id += 100;
    CHECK(snap_meta(n.b.snap, &found, room, &meta) == ERR_NOT_FOUND);
    rig_close();
    EXPECT_MARK("store: a part of a snapshot is left over");
}

/* Names are anybody's. What is offered, or keeps another from its place, has the head that its name
 * promises, and is of an entry that the log has. */
static void names_not_believed(void)
{
    struct snap_id found;
    rig_open(false);
    peer_stop(&n.b);
    n.b.most = 20;
    touch("8000000000000001-0000000000000001-0000000000000007.snap"); /* no head at all */
    put_head((1ull << 63) + 2, 9, 2, SNAP_FORMAT);                    /* of another name */
    put_head(20, 20, 3, SNAP_FORMAT + 1);
    put_head(21, 21, 4, SNAP_FORMAT);
    put_head(22, 22, 5, SNAP_FORMAT);
    put_head(20, 20, 6, SNAP_FORMAT);
    put_head(7, 7, 8, SNAP_FORMAT);
    peer_start(&n.b);
    CHECK(snap_newest(n.b.snap, UINT64_MAX, &found) && found.index == 20 && found.id == 6);
    CHECK(snap_newest(n.b.snap, 19, &found) && found.index == 7);
    CHECK(!snap_newest(n.b.snap, 6, &found));
    CHECK(n.b.denieds == 2 && n.b.newers == 1 && n.b.aheads == 2);
    CHECK_U64(files("snap-b"), 4); /* with the newer program's, and one part */
    restart(&n.b);
    CHECK(n.b.denieds == 2 && n.b.newers == 2 && n.b.aheads == 2);
    rig_close();
    EXPECT_MARK("store: the head of a snapshot denies its name");
}

/* All of it came, but the log that begins behind it was not durable when the process ended: it does
 * not count, and does not come again. */
static void ahead_of_the_log(void)
{
    struct snap_id found;
    begin(100);
    CHECK(send_all(&n.b, &id, data, bytes, SNAP_CHUNK_BYTES_MAX) == ERR_OK);
    n.b.most = id.index - 1;
    restart(&n.b);
    CHECK(!snap_newest(n.b.snap, UINT64_MAX, &found) && files("snap-b") == 1);
    CHECK(ready(&n.b, &id, bytes) == ERR_OK);
    CHECK_U64(n.b.offset, bytes);
    LOOP_UNTIL(&n.loop, n.b.receiveds == 2);
    CHECK(n.b.received == ERR_OK && snap_newest(n.b.snap, UINT64_MAX, &found));
    n.b.most = id.index;
    restart(&n.b);
    CHECK(snap_newest(n.b.snap, UINT64_MAX, &found) && snap_id_equal(&found, &id));
    end();
    EXPECT_MARK("store: a snapshot is of an entry that the log does not have");
}

/* A part that is newer than all that is whole stays, until another one is received. */
static void part_stays(void)
{
    begin(100);
    received_until(500);
    CHECK_U64(files("snap-b"), 1);
    restart(&n.b);
    CHECK_U64(files("snap-b"), 1);
    struct snap_id other = { 80, 9, 1 };
    CHECK(ready(&n.b, &other, bytes) == ERR_OK);
    CHECK_U64(files("snap-b"), 1);
    CHECK(ready(&n.b, &id, bytes) == ERR_OK);
    CHECK_U64(n.b.offset, 0);
    end();
}

static void old_files_go(void)
{
    rig_open(false);
    rows_put(&n.a, 0, 10, 1, 100);
    for (uint64_t i = 1; i <= 6; i++) {
        make(&n.a, i);
    }
    LOOP_UNTIL(&n.loop, files("snap-a") == 2);
    restart(&n.a);
    CHECK_U64(files("snap-a"), 2);
    rig_close();
    EXPECT_MARK("store: an older snapshot gives way");
}

/* More than there is room for is refused before the first byte; so is more than anybody has. */
static void too_large(void)
{
    struct os_space space;
    struct snap_id other;
    uint64_t offset = 0;
    begin(100);
    CHECK(os_dir_space(n.b.snap_dir, &space) == ERR_OK);
    CHECK(snap_receive(n.b.snap, &id, SNAP_BYTES_MAX + 1) == ERR_MALFORMED);
    CHECK(snap_receive(n.b.snap, &id, UINT64_MAX) == ERR_MALFORMED);
    uint64_t most = space.total_bytes < SNAP_BYTES_MAX ? space.total_bytes : SNAP_BYTES_MAX;
    CHECK(snap_receive(n.b.snap, &id, most) == (most > space.free_bytes ? ERR_NO_SPACE : ERR_OK));
    CHECK(most <= space.free_bytes || !snap_receiving(n.b.snap, &other, &offset));
    CHECK_U64(files("snap-b"), 0);
    end();
}

static void removed_behind_its_back(void)
{
    struct snap_reader *r = NULL;
    char command[200];
    begin(100);
    snprintf(command, sizeof command, "rm '%s'/snap-a/*", n.loop.path);
    CHECK(system(command) == 0);
    CHECK(snap_reader_open(n.a.snap, &id, &r) == ERR_NOT_FOUND);
    end();
}

/* While it is sent, its file is cut short, or grows: less than was offered is never taken for its
 * end, nor is what was added ever sent. */
static void length_changes(void)
{
    struct snap_reader *r = NULL;
    static uint8_t out[2 * SNAP_CHUNK_BYTES_MAX];
    char name[200];
    size_t have = 0;
    begin(1000);
    snprintf(name, sizeof name, "%s/snap-a/%016llx-%016llx-%016llx.snap", n.loop.path,
             (unsigned long long)id.index, (unsigned long long)id.term, (unsigned long long)id.id);
    CHECK(snap_reader_open(n.a.snap, &id, &r) == ERR_OK);
    CHECK(truncate(name, (off_t)bytes + 5000) == 0);
    CHECK_U64(snap_reader_bytes(r), bytes);
    CHECK(snap_reader_read(r, bytes - 100, out, sizeof out, &have) == ERR_OK && have == 100);
    CHECK(snap_reader_read(r, bytes + 100, out, sizeof out, &have) == ERR_OK && have == 0);
    CHECK(truncate(name, (off_t)bytes - 1) == 0);
    CHECK(snap_reader_read(r, 0, out, 1000, &have) == ERR_OK && have == 1000);
    CHECK(snap_reader_read(r, bytes - 100, out, 100, &have) == ERR_CORRUPT);
    CHECK(snap_reader_read(r, bytes - 1, out, 100, &have) == ERR_CORRUPT); /* nothing is left */
    snap_reader_close(r);
    end();
    EXPECT_MARK("store: a snapshot is cut short while it is read");
}

/* The map under LMDB cannot grow while somebody looks at it: the flush waits, and nothing is lost.
 */
static void flush_waits(void)
{
    struct tables_view view;
    struct bytes key;
    struct bytes value;
    rig_open(false);
    rows_put(&n.a, 0, 10, 1, 100);
    flush_now(&n.a);
    CHECK(tables_view_open(&n.a.tables, &view) == ERR_OK);
    struct tables_view second;
    CHECK(tables_view_open(&n.a.tables, &second) == ERR_BUSY);
    rows_put(&n.a, 0, 4000, 2, 2000);
    n.a.flushed = false;
    CHECK(flush_begin(&n.a.flush) == ERR_OK);
    for (int i = 0; i < 100; i++) {
        os_linux_turn(n.loop.linux_loop, 5000000);
        CHECK(!n.a.flushed && flush_busy(&n.a.flush));
    }
    CHECK(tables_view_seek(&view, TABLE_KEY, bytes_text("row"), false, &key, &value) == ERR_OK);
    CHECK(bytes_equal(value, row_value(1, 1, 100)));
    tables_view_close(&view);
    LOOP_UNTIL(&n.loop, n.a.flushed);
    restart(&n.a);
    CHECK(table_get(&n.a.tables, TABLE_KEY, row_key(3999), &value) == ERR_OK);
    CHECK(bytes_equal(value, row_value(3999, 2, 2000)));
    rig_close();
    EXPECT_MARK("store: the map grows");
    EXPECT_MARK("store: a view is in the way of a larger map");
    EXPECT_MARK("store: a flush waits for the end of a view");
}

/* Entries go when a snapshot is made that has them: so its name must be safe too. */
static void name_unsynced(void)
{
    struct snap_meta meta = rig_meta(78);
    struct snap_id found;
    rig_open(false);
    rows_put(&n.a, 0, 10, 1, 100);
    flush_now(&n.a);
    atomic_store(&nameless, true);
    CHECK(snap_make(n.a.snap, &n.a.tables, &meta) == ERR_OK);
    LOOP_UNTIL(&n.loop, n.a.mades == 1);
    atomic_store(&nameless, false);
    CHECK(n.a.made == ERR_SYNC_FAILED);
    CHECK(!snap_newest(n.a.snap, UINT64_MAX, &found));
    rig_close();
}

int main(void)
{
    TAP_TEST("snap: after a restart it is received further, from the last whole chunk", goes_on);
    TAP_TEST("snap: what came whole before a restart is looked at after it", all_there);
    TAP_TEST("snap: what has rotted of a part is received again", rotten_part);
    TAP_TEST("snap: a part that is another's, or too long, is begun anew", strange_part);
    TAP_TEST("snap: a part that is whole, but of another snapshot, is begun anew", part_of_another);
    TAP_TEST("snap: what is left over is removed at start, other files are left alone", left_over);
    TAP_TEST("snap: names are not believed", names_not_believed);
    TAP_TEST("snap: one that came before its install was durable does not count", ahead_of_the_log);
    TAP_TEST("snap: one part stays for the next start", part_stays);
    TAP_TEST("snap: files of older snapshots go", old_files_go);
    TAP_TEST("snap: what is too large is refused before its first byte", too_large);
    TAP_TEST("snap: a file that is gone is not found", removed_behind_its_back);
    TAP_TEST("snap: a file whose length changes while it is read", length_changes);
    TAP_TEST("snap: a flush that needs room waits for the end of a view", flush_waits);
    TAP_TEST("snap: a snapshot whose name could not be synced is none", name_unsynced);
    return tap_done();
}
