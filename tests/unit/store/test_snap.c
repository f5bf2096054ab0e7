/* tests/unit/store/test_snap.c -- Subject: making, sending, receiving and keeping snapshots, on
 * disk over LMDB and in memory. Method: two nodes; every case for both kinds.
 */
#include "snap_rig.h"

/* What a snapshot holds, row by row. */
struct seen {
    uint32_t next; /* row expected */
    uint32_t rows;
    uint32_t version;
    size_t bytes;
    uint32_t count[TABLE_COUNT];
};

static enum err see(void *arg, enum table_id id, struct bytes key, struct bytes value)
{
    struct seen *s = arg;
    s->count[id]++;
    s->rows++;
    if (id == TABLE_META) {
        return ERR_OK;
    }
    uint32_t i = (uint32_t)strtoul((const char *)key.data + 4, NULL, 10);
    CHECK(bytes_equal(key, row_key(i)));
    CHECK(bytes_equal(value, row_value(i, s->version, s->bytes)));
    return ERR_OK;
}

static void look(struct peer *p, const struct snap_id *id, struct seen *s)
{
    struct snap_room *room = malloc(sizeof *room);
    struct snap_blob blob;
    struct snap_scan scan;
    size_t bytes = 0;
    uint8_t *data = read_all(p, id, &bytes);
    struct mem mem;
    mem_init(&mem, "look", 256u << 20);
    snap_blob_memory(&blob, &mem);
    CHECK(snap_blob_append(&blob, bytes_of(data, bytes)) == ERR_OK);
    CHECK(snap_scan_begin(&scan, &blob, room) == ERR_OK);
    CHECK(snap_scan_next(&scan) == ERR_OK);
    while (!scan.ended) {
        CHECK(snap_scan_rows(&scan, see, s) == ERR_OK);
        CHECK(snap_scan_next(&scan) == ERR_OK);
    }
    CHECK_U64(scan.rows, s->rows);
    snap_blob_close(&blob);
    free(data);
    free(room);
}

static void made_whole(void)
{
    struct seen s = { .version = 1, .bytes = 1000 };
    struct snap_id newest;
    rows_put(&n.a, 0, 3000, 1, 1000);
    struct snap_id id = make(&n.a, 77);
    CHECK(snap_newest(n.a.snap, UINT64_MAX, &newest) && snap_id_equal(&newest, &id));
    CHECK(snap_at(n.a.snap, 77, 8, &newest) && !snap_at(n.a.snap, 77, 7, &newest));
    look(&n.a, &id, &s);
    CHECK_U64(s.rows, 3001);
    CHECK_U64(s.count[TABLE_KEY], 2400);
    CHECK_U64(s.count[TABLE_SESSION], 600);
    CHECK_U64(s.count[TABLE_META], 1);
}

static void head_told(void)
{
    static uint8_t room[SNAP_HEAD_BYTES_MAX];
    struct snap_meta meta;
    rows_put(&n.a, 0, 10, 1, 100);
    struct snap_id id = make(&n.a, 77);
    CHECK(snap_meta(n.a.snap, &id, room, &meta) == ERR_OK);
    CHECK(snap_id_equal(&meta.id, &id));
    CHECK(meta.revision == 154 && meta.hash == 231 && meta.cluster.b[2] == 3);
    CHECK(bytes_equal(meta.conf, bytes_text("who is in")));
    id.id++;
    CHECK(snap_meta(n.a.snap, &id, room, &meta) == ERR_NOT_FOUND);
}

static void nothing_in_it(void)
{
    struct seen s = { 0 };
    struct snap_id id = make(&n.a, 1);
    look(&n.a, &id, &s);
    CHECK_U64(s.rows, 0);
    size_t bytes = 0;
    uint8_t *data = read_all(&n.a, &id, &bytes);
    CHECK(send_all(&n.b, &id, data, bytes, 1000) == ERR_OK);
    free(data);
}

/* Rows that are larger than a chunk, and rows of every length around its end. */
static void large_rows(void)
{
    struct seen s = { .version = 1, .bytes = SNAP_VALUE_BYTES_MAX };
    rows_put(&n.a, 1, 4, 1, SNAP_VALUE_BYTES_MAX);
    struct snap_id id = make(&n.a, 5);
    look(&n.a, &id, &s);
    CHECK_U64(s.count[TABLE_KEY], 4);
    EXPECT_MARK("store: a row of a snapshot goes on in the next chunk");
}

/* What is written while a snapshot is being made is not in it. */
static void one_moment(void)
{
    struct seen s = { .version = 1, .bytes = 5000 };
    struct snap_meta meta = rig_meta(50);
    rows_put(&n.a, 0, 1000, 1, 5000);
    flush_now(&n.a);
    CHECK(snap_make(n.a.snap, &n.a.tables, &meta) == ERR_OK);
    CHECK(snap_make(n.a.snap, &n.a.tables, &meta) == ERR_BUSY);
    for (uint32_t version = 2; version < 8 && n.a.mades == 0; version++) {
        rows_put(&n.a, 0, 1200, version, 4000);
        for (uint32_t i = 0; i < 1200; i += 7) {
            enum table_id id = i % 5 == 0 ? TABLE_SESSION : TABLE_KEY;
            CHECK(table_del(&n.a.tables, id, row_key(i)) == ERR_OK);
        }
        flush_now(&n.a);
        tables_rest(&n.a.tables);
    }
    LOOP_UNTIL(&n.loop, n.a.mades > 0);
    CHECK(n.a.made == ERR_OK);
    look(&n.a, &n.a.meta.id, &s);
    CHECK_U64(s.rows, 1001);
}

static void sent(void)
{
    static const size_t portions[] = { SNAP_CHUNK_BYTES_MAX, 65536, 997 };
    static const char *const names[][2] = { { "t0", "s0" }, { "t1", "s1" }, { "t2", "s2" } };
    rows_put(&n.a, 0, 400, 1, 1000);
    struct snap_id id = make(&n.a, 77);
    size_t bytes = 0;
    uint8_t *data = read_all(&n.a, &id, &bytes);
    for (size_t i = 0; i < 3; i++) {
        struct seen s = { .version = 1, .bytes = 1000 };
        struct snap_id newest;
        peer_close(&n.b);
        peer_open(&n.b, names[i][0], names[i][1]);
        CHECK(!snap_newest(n.b.snap, UINT64_MAX, &newest));
        CHECK(send_all(&n.b, &id, data, bytes, portions[i]) == ERR_OK);
        CHECK(bytes_equal(n.b.meta.conf, bytes_text("who is in")));
        look(&n.b, &id, &s);
        CHECK_U64(s.rows, 401);
        CHECK(snap_receive(n.b.snap, &id, bytes) == ERR_FILE_EXISTS);
    }
    free(data);
}

static void only_the_next(void)
{
    struct snap_id id;
    uint64_t offset = 0;
    uint8_t some[1000] = { 0 };
    rows_put(&n.a, 0, 400, 1, 1000);
    id = make(&n.a, 77);
    size_t bytes = 0;
    uint8_t *data = read_all(&n.a, &id, &bytes);
    struct snap_id other = { 77, 8, id.id + 1 };
    CHECK(snap_receive(n.b.snap, &id, 100) == ERR_MALFORMED);
    CHECK(!snap_receiving(n.b.snap, &other, &offset));
    CHECK(ready(&n.b, &id, bytes) == ERR_OK);
    CHECK(give(&n.b, &id, 0, bytes_of(data, 1000)) == ERR_OK);
    CHECK(give(&n.b, &id, 0, bytes_of(data, 1000)) == ERR_BAD_REQUEST);
    CHECK(give(&n.b, &id, 999, bytes_of(data, 1000)) == ERR_BAD_REQUEST);
    CHECK(give(&n.b, &id, 1001, bytes_of(data, 1000)) == ERR_BAD_REQUEST);
    CHECK(give(&n.b, &id, 1000, bytes_of(data, 0)) == ERR_MALFORMED);
    other.id = id.id + 1;
    CHECK(give(&n.b, &other, 1000, bytes_of(some, 1)) == ERR_NOT_FOUND);
    CHECK(snap_receive_chunk(n.b.snap, &id, 1000, bytes_of(data + 1000, 500)) == ERR_OK);
    CHECK(snap_receive_chunk(n.b.snap, &id, 1000, bytes_of(data + 1000, 500)) == ERR_BUSY);
    CHECK(snap_receive(n.b.snap, &id, bytes) == ERR_BUSY);
    LOOP_UNTIL(&n.loop, n.b.offset == 1500);
    CHECK(snap_receiving(n.b.snap, &other, &offset) && offset == 1500);
    CHECK(snap_id_equal(&other, &id));
    CHECK(ready(&n.b, &id, bytes) == ERR_OK); /* asked again: it goes on where it was */
    CHECK_U64(n.b.offset, 1500);
    CHECK(give(&n.b, &id, 1500, bytes_of(data + 1500, 500)) == ERR_OK);
    while (n.b.offset + 1000 < bytes) {
        CHECK(give(&n.b, &id, n.b.offset, bytes_of(data + n.b.offset, 1000)) == ERR_OK);
    }
    CHECK(give(&n.b, &id, n.b.offset, bytes_of(data, 1001)) == ERR_MALFORMED);
    free(data);
}

static void replaced(void)
{
    rows_put(&n.a, 0, 400, 1, 1000);
    struct snap_id first = make(&n.a, 77);
    size_t bytes = 0;
    uint8_t *data = read_all(&n.a, &first, &bytes);
    struct snap_id second = { 78, 8, 3 };
    uint64_t offset = 0;
    struct snap_id now;
    CHECK(ready(&n.b, &second, 5000) == ERR_OK);
    CHECK(give(&n.b, &second, 0, bytes_of(data, 1000)) == ERR_OK);
    CHECK(send_all(&n.b, &first, data, bytes, 100000) == ERR_OK);
    CHECK(!snap_receiving(n.b.snap, &now, &offset));
    snap_receive_cancel(n.b.snap);
    CHECK(ready(&n.b, &second, 5000) == ERR_OK);
    CHECK_U64(n.b.offset, 0);
    snap_receive_cancel(n.b.snap);
    CHECK(give(&n.b, &second, 0, bytes_of(data, 1000)) == ERR_NOT_FOUND);
    free(data);
}

static void two_kept(void)
{
    struct snap_id id[5];
    struct snap_id found;
    struct snap_reader *r = NULL;
    uint8_t byte = 0;
    size_t have = 0;
    rows_put(&n.a, 0, 100, 1, 1000);
    for (uint64_t i = 0; i < 5; i++) {
        id[i] = make(&n.a, 10 + i);
        if (i == 1) {
            CHECK(snap_reader_open(n.a.snap, &id[0], &r) == ERR_OK);
        }
    }
    CHECK(snap_newest(n.a.snap, UINT64_MAX, &found) && found.index == 14);
    CHECK(snap_at(n.a.snap, 13, 2, &found));
    CHECK(!snap_at(n.a.snap, 12, 2, &found) && !snap_at(n.a.snap, 10, 2, &found));
    CHECK(snap_reader_read(r, 0, &byte, 1, &have) == ERR_OK && have == 1 && byte == 'A');
    snap_reader_close(r);
    CHECK(snap_reader_open(n.a.snap, &id[0], &r) == ERR_NOT_FOUND);
}

static void cancelled(void)
{
    struct snap_meta meta = rig_meta(50);
    struct snap_id found;
    uint64_t bytes = 0;
    rows_put(&n.a, 0, 2000, 1, 5000);
    flush_now(&n.a);
    snap_make_cancel(n.a.snap);
    CHECK(snap_make(n.a.snap, &n.a.tables, &meta) == ERR_OK);
    LOOP_UNTIL(&n.loop, !snap_making(n.a.snap, &bytes) || bytes > 1000000);
    CHECK(bytes > 1000000); /* that much in no time would be too fast */
    snap_make_cancel(n.a.snap);
    snap_make_cancel(n.a.snap);
    LOOP_UNTIL(&n.loop, n.a.mades > 0);
    CHECK(n.a.made == ERR_SHUTTING_DOWN);
    CHECK(!snap_newest(n.a.snap, UINT64_MAX, &found) && !snap_making(n.a.snap, &bytes));
    make(&n.a, 51);
    CHECK(snap_newest(n.a.snap, UINT64_MAX, &found) && found.index == 51);
    EXPECT_MARK("store: a snapshot is given up");
}

static void closed_in_the_middle(void)
{
    struct snap_meta meta = rig_meta(50);
    struct snap_id found;
    rows_put(&n.a, 0, 2000, 1, 5000);
    flush_now(&n.a);
    for (int turns = 0; turns < 12; turns += 3) {
        CHECK(snap_make(n.a.snap, &n.a.tables, &meta) == ERR_OK);
        for (int i = 0; i < turns; i++) {
            os_linux_turn(n.loop.linux_loop, 1000000);
        }
        peer_stop(&n.a);
        peer_start(&n.a);
        CHECK(!snap_newest(n.a.snap, UINT64_MAX, &found));
    }
}

static void paced(void)
{
    struct snap_meta meta = rig_meta(50);
    rows_put(&n.a, 0, 2000, 1, 5000);
    flush_now(&n.a);
    uint64_t began = os_now(n.loop.os);
    CHECK(snap_make(n.a.snap, &n.a.tables, &meta) == ERR_OK);
    LOOP_UNTIL(&n.loop, n.a.mades > 0);
    CHECK(os_now(n.loop.os) - began > 9ull * MIB * NS_PER_S / SNAP_BYTES_PER_S);
}

static void no_memory(void)
{
    struct snap_meta meta = rig_meta(50);
    struct snap_id found;
    rows_put(&n.a, 0, 400, 1, 5000);
    flush_now(&n.a);
    size_t limit = n.a.mem.limit;
    n.a.mem.limit = n.a.mem.used + 100000;
    CHECK(snap_make(n.a.snap, &n.a.tables, &meta) == ERR_NO_MEMORY);
    CHECK(snap_receive(n.a.snap, &meta.id, 50000) == ERR_NO_MEMORY);
    n.a.mem.limit = n.a.mem.used + sizeof(struct snap_room) + 100000;
    if (n.in_memory) { /* the bytes themselves have no room */
        CHECK(snap_make(n.a.snap, &n.a.tables, &meta) == ERR_OK);
        LOOP_UNTIL(&n.loop, n.a.mades > 0);
        CHECK(n.a.made == ERR_NO_MEMORY);
        CHECK(!snap_newest(n.a.snap, UINT64_MAX, &found));
        CHECK(snap_receive(n.a.snap, &meta.id, 50000000) == ERR_NO_MEMORY);
    }
    n.a.mem.limit = limit;
    make(&n.a, 51);
}

/* ---- damage ---- */

static uint8_t *good;
static size_t good_bytes;
static struct snap_id good_id;

static void good_make(size_t value)
{
    rows_put(&n.a, 0, 60, 1, value);
    good_id = make(&n.a, 77);
    good = read_all(&n.a, &good_id, &good_bytes);
}

static void refused(const uint8_t *data, size_t bytes)
{
    struct snap_id found;
    enum err e = send_all(&n.b, &good_id, data, bytes, SNAP_CHUNK_BYTES_MAX);
    CHECK(e == ERR_MALFORMED || e == ERR_NEWER_FORMAT);
    CHECK(!snap_newest(n.b.snap, UINT64_MAX, &found));
}

static void any_byte(void)
{
    good_make(300);
    for (size_t at = 0; at < good_bytes; at += at < 200 || at + 80 > good_bytes ? 1 : 211) {
        good[at] ^= 0x41;
        refused(good, good_bytes);
        good[at] ^= 0x41;
    }
    CHECK(send_all(&n.b, &good_id, good, good_bytes, 5000) == ERR_OK);
    free(good);
    EXPECT_MARK("store: a chunk of a snapshot is damaged");
}

static void any_length(void)
{
    good_make(300);
    uint8_t *longer = calloc(1, good_bytes + 100);
    CHECK(longer != NULL);
    memcpy(longer, good, good_bytes);
    size_t shortest = SNAP_HEAD_BYTES + SNAP_END_BYTES;
    for (size_t bytes = shortest; bytes < good_bytes;
         bytes += bytes < shortest + 100 || bytes + 100 > good_bytes ? 1 : 307) {
        refused(good, bytes);
    }
    refused(longer, good_bytes + 1);
    refused(longer, good_bytes + 99);
    free(longer);
    free(good);
}

static void another_than_announced(void)
{
    good_make(300);
    good_id.id++;
    refused(good, good_bytes);
    good_id.id--;
    good_id.index++;
    refused(good, good_bytes);
    free(good);
    EXPECT_MARK("store: another snapshot came than was announced");
}

/* Snapshots of a liar: every checksum is right, the rows are not. */
static void liar(const uint8_t *rows, size_t bytes, uint64_t count)
{
    static uint8_t data[70000];
    struct snap_meta meta = rig_meta(77);
    struct writer w = writer_of(data, sizeof data);
    struct blake3 hash;
    meta.id.id = 5;
    meta.rows = count;
    good_id = meta.id;
    snap_head_encode(&meta, &w);
    if (bytes > 0) {
        size_t at = w.offset;
        writer_zero(&w, SNAP_CHUNK_HEAD_BYTES);
        writer_put(&w, bytes_of(rows, bytes));
        snap_chunk_encode(data + at, (uint32_t)bytes, 0);
    }
    blake3_init(&hash);
    blake3_update(&hash, data, w.offset);
    CHECK(w.offset + SNAP_END_BYTES <= sizeof data);
    snap_end_encode(data + w.offset, bytes > 0, count == SNAP_ROWS_UNKNOWN ? 1 : count, &hash);
    refused(data, w.offset + SNAP_END_BYTES);
}

static size_t row(uint8_t *out, uint8_t table, uint32_t key, uint32_t value, const char *text)
{
    struct writer w = writer_of(out, 1000);
    writer_u8(&w, table);
    writer_u32(&w, key);
    writer_u32(&w, value);
    writer_put(&w, bytes_text(text));
    return w.offset;
}

static void liars(void)
{
    uint8_t rows[2000];
    liar(rows, row(rows, 3, 1, 1, "kv"), SNAP_ROWS_UNKNOWN); /* no such table */
    liar(rows, row(rows, 255, 1, 1, "kv"), SNAP_ROWS_UNKNOWN);
    liar(rows, row(rows, 0, 0, 1, "v"), SNAP_ROWS_UNKNOWN); /* no key */
    liar(rows, row(rows, 0, 5000, 1, "kv"), SNAP_ROWS_UNKNOWN);
    liar(rows, row(rows, 0, UINT32_MAX, 1, "kv"), SNAP_ROWS_UNKNOWN);
    liar(rows, row(rows, 0, 1, UINT32_MAX, "kv"), SNAP_ROWS_UNKNOWN);
    liar(rows, row(rows, 0, 1, SNAP_VALUE_BYTES_MAX + 1, "kv"), SNAP_ROWS_UNKNOWN);
    liar(rows, row(rows, 0, 1, 2, "kv"), SNAP_ROWS_UNKNOWN); /* goes on in no chunk */
    liar(rows, 5, SNAP_ROWS_UNKNOWN);                        /* half of a row's head */
    liar(rows, 0, 1);                                        /* a row that is not there */
    liar(rows, row(rows, 0, 1, 1, "kv"), 2);
    size_t two = row(rows, 0, 1, 1, "kv");
    two += row(rows + two, 0, 1, 1, "kv"); /* twice the same */
    liar(rows, two, 2);
    two = row(rows, 0, 1, 1, "kv");
    two += row(rows + two, 0, 1, 1, "jv"); /* out of order */
    liar(rows, two, 2);
    two = row(rows, 1, 1, 1, "kv");
    two += row(rows + two, 0, 1, 1, "kv");
    liar(rows, two, 2);
}

/* Random bytes, and a good snapshot with random changes whose checksums were made right again. */
static void garbage(void)
{
    struct prng p;
    good_make(20);
    prng_seed(&p, 11);
    uint8_t *data = malloc(good_bytes);
    CHECK(data != NULL);
    for (int i = 0; i < 150; i++) {
        memcpy(data, good, good_bytes);
        for (uint64_t k = 1 + prng_below(&p, 4); k > 0; k--) {
            size_t at = (size_t)prng_below(&p, good_bytes - SNAP_END_BYTES);
            data[at] = (uint8_t)prng_next(&p);
        }
        struct snap_meta meta;
        size_t head = SNAP_HEAD_BYTES + 9;
        uint32_t count = (uint32_t)(good_bytes - SNAP_END_BYTES - head - SNAP_CHUNK_HEAD_BYTES);
        struct blake3 hash;
        if (i % 3 == 0) {
            prng_fill(&p, data, good_bytes);
        } else if (snap_head_decode(bytes_of(good, head), &meta) == ERR_OK) {
            memcpy(data, good, head);
            snap_chunk_encode(data + head, count, 0);
            blake3_init(&hash);
            blake3_update(&hash, data, good_bytes - SNAP_END_BYTES);
            snap_end_encode(data + good_bytes - SNAP_END_BYTES, 1, 61, &hash);
        }
        enum err e = send_all(&n.b, &good_id, data, good_bytes, SNAP_CHUNK_BYTES_MAX);
        CHECK(e == ERR_OK || e == ERR_MALFORMED || e == ERR_NEWER_FORMAT);
        if (e == ERR_OK) { /* only a value was another one */
            peer_close(&n.b);
            char state[32];
            char snap[32];
            snprintf(state, sizeof state, "state-%d", i);
            snprintf(snap, sizeof snap, "snap-%d", i);
            peer_open(&n.b, state, snap);
        }
    }
    free(data);
    free(good);
}

static const struct {
    const char *name;
    void (*run)(void);
} cases[] = {
    { "snap: a snapshot holds every row, and is listed", made_whole },
    { "snap: its head says what it is of", head_told },
    { "snap: empty tables have a snapshot too", nothing_in_it },
    { "snap: rows that are larger than a chunk", large_rows },
    { "snap: it is of one moment, whatever is written and flushed meanwhile", one_moment },
    { "snap: it arrives whole, in any portions", sent },
    { "snap: only the next bytes are taken", only_the_next },
    { "snap: another one takes the place of one half received", replaced },
    { "snap: two are kept, and read to their end", two_kept },
    { "snap: a making can be given up", cancelled },
    { "snap: a node ends while a snapshot is being made", closed_in_the_middle },
    { "snap: it is written no faster than allowed", paced },
    { "snap: without memory nothing happens", no_memory },
    { "snap: any other byte is noticed", any_byte },
    { "snap: any other length is noticed", any_length },
    { "snap: another snapshot than the announced one is refused", another_than_announced },
    { "snap: right checksums do not make up for wrong rows", liars },
    { "snap: garbage is refused", garbage },
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
