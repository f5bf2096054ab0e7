/* tests/unit/store/test_rot.c -- Subject: LMDB's file when it is cut, overwritten or half made.
 * Method: rows with known values are flushed, the file is damaged, opened and read: every value is
 * the right one or an error, and the process lives. More: how many flips.
 */
#include "rig.h"

#include "store/backing_lmdb.h"
#include "store/btree.h"

enum {
    ROWS = 300,
    VALUE = 400
};

static struct rig r; /* its directory; no log is opened */
static struct mem mem;
static uint8_t *file_bytes;
static size_t file_size;

static struct bytes key_of(uint32_t i, char out[600])
{
    int n = snprintf(out, 600, "key-%05u", i);
    if (i % 20 == 7) { /* with a subtree */
        memset(out + n, 'k', (size_t)(600 - n));
        n = 600;
    }
    return bytes_of(out, (size_t)n);
}

static struct bytes value_of(uint32_t i, uint8_t out[6000])
{
    struct prng p;
    size_t n = i % 50 == 3 ? 6000 : VALUE;
    prng_seed(&p, i + 1);
    prng_fill(&p, out, n);
    return bytes_of(out, n);
}

static enum err open_it(struct backing **out)
{
    struct backing_lmdb_options o = { .salt = 7, .mem = &mem };
    return backing_lmdb_open(r.dir, &o, out, &r.diag);
}

static void keep(void)
{
    FILE *f = rig_file(&r, "data.mdb", "rb");
    file_size = (size_t)rig_size(&r, "data.mdb");
    file_bytes = malloc(file_size);
    CHECK(file_bytes != NULL && fread(file_bytes, 1, file_size, f) == file_size);
    fclose(f);
}

static void restore(void)
{
    FILE *f = rig_file(&r, "data.mdb", "wb");
    CHECK(fwrite(file_bytes, 1, file_size, f) == file_size && fclose(f) == 0);
}

static void begin(void)
{
    struct backing *b = NULL;
    struct btree tree[TABLE_COUNT];
    struct backing_batch batch;
    memset(&r, 0, sizeof r);
    loop_open(&r.loop);
    CHECK(os_dir_open(r.loop.os, r.loop.path, false, &r.dir) == ERR_OK);
    mem_init(&mem, "rot", 64u << 20);
    CHECK(open_it(&b) == ERR_OK);
    for (int t = 0; t < TABLE_COUNT; t++) {
        btree_init(&tree[t], &mem);
        batch.tree[t] = &tree[t];
    }
    for (uint32_t i = 0; i < ROWS; i++) {
        char key[600];
        uint8_t value[6000];
        CHECK(btree_put(&tree[TABLE_KEY], key_of(i, key), value_of(i, value)) == ERR_OK);
    }
    CHECK(backing_write(b, &batch) == ERR_OK);
    for (int t = 0; t < TABLE_COUNT; t++) {
        btree_done(&tree[t]);
    }
    backing_close(b);
    keep();
}

static void end(void)
{
    free(file_bytes);
    os_dir_close(r.dir);
    CHECK_U64(mem.used, 0);
    loop_close(&r.loop);
}

/* How many rows are there with their value; errors are counted, another value is a lie. */
static uint32_t rows_right(struct backing *b, uint32_t *out_errors)
{
    uint32_t right = 0;
    *out_errors = 0;
    for (uint32_t i = 0; i < ROWS; i++) {
        char key[600];
        uint8_t value[6000];
        struct bytes got;
        enum err e = backing_get(b, TABLE_KEY, key_of(i, key), &got);
        CHECK(e != ERR_OK || bytes_equal(got, value_of(i, value)));
        right += e == ERR_OK;
        *out_errors += e != ERR_OK && e != ERR_NOT_FOUND;
    }
    return right;
}

static void cut_anywhere(void)
{
    begin();
    for (size_t bytes = 0; bytes < file_size; bytes += bytes % 4096 == 0 ? 4095 : 1) {
        struct backing *b = NULL;
        uint32_t errors = 0;
        restore();
        rig_cut(&r, "data.mdb", (long)bytes);
        enum err e = open_it(&b);
        CHECK(e == ERR_OK || e == ERR_CORRUPT);
        CHECK(e == ERR_OK || strstr(r.diag.text, "data.mdb") != NULL);
        CHECK(e == ERR_OK || open_it(&b) == ERR_CORRUPT); /* and again, not only once */
        if (e == ERR_OK) {
            uint32_t right = rows_right(b, &errors);
            CHECK(bytes == 0 ? right == 0 && errors == 0 : right == ROWS);
            backing_close(b);
        }
    }
    end();
    EXPECT_MARK("store: the page check refuses a file");
}

/* Flip one byte of a value wherever it lies in the file: pages keep older copies in their gaps. */
static void flip_value(uint32_t i)
{
    uint8_t value[6000];
    struct bytes v = value_of(i, value);
    uint32_t times = 0;
    for (size_t at = 0; at + 16 <= file_size; at++) {
        if (memcmp(file_bytes + at, v.data, 16) == 0) {
            rig_flip(&r, "data.mdb", (long)(at + i * 37 % v.count));
            times++;
        }
    }
    CHECK(times > 0);
}

/* A walk over all rows; it stops where one is rotten, it does not step over. */
static enum err walk(struct backing *b)
{
    char copy[600];
    struct bytes k = bytes_of("k", 1);
    struct bytes v;
    enum err e = ERR_OK;
    while (e == ERR_OK) {
        e = backing_seek(b, TABLE_KEY, k, true, &k, &v);
        if (e == ERR_OK) {
            memcpy(copy, k.data, k.count);
            k = bytes_of(copy, k.count);
        }
    }
    return e;
}

static void rotten_values(void)
{
    begin();
    for (uint32_t i = 0; i < ROWS; i += 9) {
        struct backing *b = NULL;
        uint32_t errors = 0;
        restore();
        CHECK(open_it(&b) == ERR_OK);
        flip_value(i); /* under a running process */
        CHECK_U64(rows_right(b, &errors), ROWS - 1);
        CHECK_U64(errors, 1);
        CHECK(walk(b) == ERR_CORRUPT);
        backing_close(b);
        CHECK(open_it(&b) == ERR_CORRUPT);
        CHECK(open_it(&b) == ERR_CORRUPT); /* and again */
    }
    end();
    EXPECT_MARK("store: a row has rotted");
}

static uint32_t flips = 2000;

static void rotten_anywhere(void)
{
    struct prng p;
    uint32_t refused = 0;
    begin();
    prng_seed(&p, 5);
    for (uint32_t i = 0; i < flips; i++) {
        struct backing *b = NULL;
        uint32_t errors = 0;
        long at = (long)prng_below(&p, i % 4 == 0 ? 400 : file_size);
        at += i % 8 == 0 ? (long)(4096 * prng_below(&p, file_size / 4096 - 1)) : 0;
        rig_flip(&r, "data.mdb", at);
        enum err e = open_it(&b);
        if (e == ERR_OK) {
            uint32_t right = rows_right(b, &errors);
            bool older = at < 2 * 4096 && right == 0; /* the other meta page: the log replays */
            CHECK(older || right == ROWS);
            CHECK_U64(errors, 0);
            CHECK(walk(b) == ERR_NOT_FOUND);
            backing_close(b);
        }
        refused += e != ERR_OK;
        rig_flip(&r, "data.mdb", at);
    }
    printf("# %u of %u refused\n", refused, flips);
    CHECK(refused > flips / 2);
    end();
}

static void half_made(void)
{
    struct backing *b = NULL;
    uint32_t errors = 0;
    begin();
    for (size_t round = 0; round < 2; round++) {
        rig_cut(&r, "data.mdb", 0); /* a name without bytes, as a power cut may leave it */
        FILE *f = rig_file(&r, "data.mdb.part", "wb");
        CHECK(fwrite("half", 1, round * 4, f) == round * 4 && fclose(f) == 0);
        CHECK(open_it(&b) == ERR_OK);
        CHECK_U64(rows_right(b, &errors), 0);
        CHECK_U64(errors, 0);
        backing_close(b);
        CHECK(rig_size(&r, "data.mdb") > 0);
    }
    end();
}

int main(int argc, char **argv)
{
    flips = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : flips;
    TAP_TEST("rot: a file cut anywhere is whole, new, or refused every time", cut_anywhere);
    TAP_TEST("rot: a rotten value is an error, never an answer", rotten_values);
    TAP_TEST("rot: any flipped byte hides no row and ends no process", rotten_anywhere);
    TAP_TEST("rot: a file that was never finished is made anew", half_made);
    return tap_done();
}
