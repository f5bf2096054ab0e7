/* tests/unit/store/test_log.c -- Subject: the log over a real directory. Method: write, close or
 * abandon, damage, open again. */
#include "loop.h"

#include "base/prng.h"
#include "store/log.h"
#include "store/wal_batch.h"

struct seen {
    uint64_t ticket, index, term, found, truncated;
    uint64_t last_value;
    bool failed;
};

static void on_durable(void *arg, uint64_t ticket, uint64_t index, uint64_t term)
{
    struct seen *s = arg;
    s->ticket = ticket;
    s->index = index;
    s->term = term;
}

static void on_failed(void *arg, enum err e)
{
    struct seen *s = arg;
    s->failed = e != ERR_OK;
}

static void on_found(void *arg, const struct log_entry *e)
{
    struct seen *s = arg;
    s->found = e->index;
    memcpy(&s->last_value, e->data.data, sizeof s->last_value);
}

static void on_truncated(void *arg, uint64_t to)
{
    struct seen *s = arg;
    s->truncated = to;
}

static struct log *open_log(struct loop *l, struct os_dir *dir, struct seen *s,
                            struct log_recovered *rec, enum err expected)
{
    struct log_options o = { .salt = 42, .mem = &l->mem };
    struct log_handler h = { on_durable, on_failed, on_found, on_truncated, s, NULL, NULL };
    struct log *log = NULL;
    struct diag d = { 0 };
    memset(s, 0, sizeof *s);
    enum err e = log_open(l->os, dir, &o, &h, rec, &log, &d);
    if (e != expected) {
        printf("# %s: %s\n", err_name(e), d.text);
    }
    CHECK(e == expected);
    return log;
}

static void append(struct log *log, uint64_t ticket, uint64_t first, uint32_t count, uint64_t term,
                   size_t bytes)
{
    static uint8_t data[64][70000];
    struct log_entry e[64];
    for (uint32_t i = 0; i < count; i++) {
        uint64_t value = (first + i) * 1000 + term;
        memset(data[i], (int)(value & 0xff), bytes);
        memcpy(data[i], &value, sizeof value);
        e[i] = (struct log_entry){ first + i, term, 3, bytes_of(data[i], bytes) };
    }
    struct log_write w = { .ticket = ticket, .entries = e, .count = count };
    w.truncate = first <= log_last(log);
    w.truncate_to = first - 1;
    CHECK(log_append(log, &w) == ERR_OK);
}

static void check_entry(struct log *log, uint64_t index, uint64_t term)
{
    struct log_entry e;
    uint64_t value = 0;
    CHECK(log_read(log, index, &e) == ERR_OK);
    CHECK_U64(e.term, term);
    memcpy(&value, e.data.data, sizeof value);
    CHECK_U64(value, index * 1000 + term);
}

static void reopen(void)
{
    struct loop l;
    struct os_dir *dir = NULL;
    struct seen s;
    struct log_recovered rec;
    loop_open(&l);
    CHECK(os_dir_open(l.os, l.path, false, &dir) == ERR_OK);
    struct log *log = open_log(&l, dir, &s, &rec, ERR_OK);
    CHECK_U64(rec.last, 0);
    struct log_write vote = { .ticket = 1, .hard = true, .term = 7, .vote = 3 };
    CHECK(log_append(log, &vote) == ERR_OK);
    append(log, 2, 1, 10, 1, 100);
    append(log, 3, 11, 40, 2, 60000);
    append(log, 4, 8, 5, 3, 300);
    LOOP_UNTIL(&l, s.ticket == 4);
    CHECK_U64(s.index, 12);
    CHECK_U64(s.term, 3);
    check_entry(log, 7, 1);
    check_entry(log, 8, 3);
    log_close(log);
    log = open_log(&l, dir, &s, &rec, ERR_OK);
    CHECK_U64(rec.last, 12);
    CHECK_U64(rec.term, 7);
    CHECK_U64(rec.vote, 3);
    CHECK(!rec.repaired);
    for (uint64_t i = 1; i <= 12; i++) {
        check_entry(log, i, i <= 7 ? 1 : 3);
    }
    struct log_entry e;
    CHECK(log_read(log, 13, &e) == ERR_NOT_FOUND);
    append(log, 1, 13, 1, 4, 50);
    LOOP_UNTIL(&l, s.ticket == 1);
    check_entry(log, 13, 4);
    log_close(log);
    os_dir_close(dir);
    loop_close(&l);
    EXPECT_MARK("store: a truncation needs a batch of its own");
}

static void segments(void)
{
    struct loop l;
    struct os_dir *dir = NULL;
    struct seen s;
    struct log_recovered rec;
    loop_open(&l);
    CHECK(os_dir_open(l.os, l.path, false, &dir) == ERR_OK);
    struct log *log = open_log(&l, dir, &s, &rec, ERR_OK);
    for (uint64_t k = 0; k < 10; k++) {
        append(log, k + 1, 1 + k * 32, 32, 1 + k / 4, 65000);
    }
    LOOP_UNTIL(&l, s.ticket == 10);
    for (uint64_t i = 1; i <= 320; i += 7) {
        check_entry(log, i, 1 + (i - 1) / 32 / 4);
    }
    log_close(log);
    log = open_log(&l, dir, &s, &rec, ERR_OK);
    CHECK_U64(rec.last, 320);
    check_entry(log, 320, 3);
    check_entry(log, 1, 1);
    log_close(log);
    os_dir_close(dir);
    loop_close(&l);
    EXPECT_MARK("store: a batch is full");
    EXPECT_MARK("store: the cache gives way");
}

static void poke(struct os_dir *dir, uint64_t offset, uint8_t value)
{
    struct os_file *f = NULL;
    CHECK(os_file_open(dir, "0000000000000001.seg", OS_OPEN_READ | OS_OPEN_WRITE, &f) == ERR_OK);
    CHECK(os_file_write(f, offset, &value, 1) == ERR_OK);
    os_file_close(f);
}

/* Three batches of one block each at 0, 4096, 8192, and the seal at 12288. */
static void three_batches(struct loop *l, struct os_dir *dir, struct seen *s)
{
    struct log_recovered rec;
    struct log *log = open_log(l, dir, s, &rec, ERR_OK);
    for (uint64_t k = 1; k <= 3; k++) {
        append(log, k, k, 1, 1, 100);
        LOOP_UNTIL(l, s->ticket == k);
    }
    log_close(log);
}

static void torn(void)
{
    struct loop l;
    struct os_dir *dir = NULL;
    struct seen s;
    struct log_recovered rec;
    loop_open(&l);
    CHECK(os_dir_open(l.os, l.path, false, &dir) == ERR_OK);
    three_batches(&l, dir, &s);
    poke(dir, 12288, 0xff);      /* no seal */
    poke(dir, 8192 + 150, 0xee); /* the last batch is torn: nobody says that it was durable */
    struct log *log = open_log(&l, dir, &s, &rec, ERR_OK);
    CHECK_U64(rec.last, 2);
    CHECK(rec.repaired);
    append(log, 1, 3, 1, 2, 100);
    LOOP_UNTIL(&l, s.ticket == 1);
    log_close(log);
    log = open_log(&l, dir, &s, &rec, ERR_OK);
    CHECK_U64(rec.last, 3);
    check_entry(log, 3, 2);
    log_close(log);
    os_dir_close(dir);
    loop_close(&l);
    EXPECT_MARK("store: an entry is read from the disk");
    EXPECT_MARK("store: a torn tail is cut");
}

static void corrupt(void)
{
    struct loop l;
    struct os_dir *dir = NULL;
    struct seen s;
    struct log_recovered rec;
    loop_open(&l);
    CHECK(os_dir_open(l.os, l.path, false, &dir) == ERR_OK);
    three_batches(&l, dir, &s);
    poke(dir, 4096 + 150, 0xee);
    open_log(&l, dir, &s, &rec, ERR_CORRUPT);
    poke(dir, 4096 + 150, 0xed); /* still wrong, and refused again: nothing was repaired away */
    open_log(&l, dir, &s, &rec, ERR_CORRUPT);
    os_dir_close(dir);
    loop_close(&l);
    EXPECT_MARK("store: an acknowledged batch is gone");
}

static void corrupt_last(void)
{
    struct loop l;
    struct os_dir *dir = NULL;
    struct seen s;
    struct log_recovered rec;
    loop_open(&l);
    CHECK(os_dir_open(l.os, l.path, false, &dir) == ERR_OK);
    three_batches(&l, dir, &s);
    poke(dir, 8192 + 150, 0xee); /* the seal behind it is the witness */
    open_log(&l, dir, &s, &rec, ERR_CORRUPT);
    os_dir_close(dir);
    loop_close(&l);
}

/* Entries of two batches, in any order: the next one, one before, one of the other batch. */
static void any_order(void)
{
    struct loop l;
    struct os_dir *dir = NULL;
    struct seen s;
    struct log_recovered rec;
    struct prng p;
    loop_open(&l);
    prng_seed(&p, 7);
    CHECK(os_dir_open(l.os, l.path, false, &dir) == ERR_OK);
    struct log *log = open_log(&l, dir, &s, &rec, ERR_OK);
    append(log, 1, 1, 60, 1, 100);
    LOOP_UNTIL(&l, s.ticket == 1);
    append(log, 2, 61, 40, 2, 333);
    LOOP_UNTIL(&l, s.ticket == 2);
    log_close(log);
    log = open_log(&l, dir, &s, &rec, ERR_OK);
    for (uint32_t i = 0; i < 500; i++) {
        uint64_t first = 1 + prng_below(&p, 100);
        for (uint64_t k = first; k <= 100 && k <= first + i % 3; k++) {
            check_entry(log, k, k <= 60 ? 1 : 2);
        }
    }
    log_close(log);
    os_dir_close(dir);
    loop_close(&l);
}

int main(void)
{
    TAP_TEST("log: what was durable is read back after closing, truncation included", reopen);
    TAP_TEST("log: entries span segments, batches and the cache", segments);
    TAP_TEST("log: entries are read from the disk in any order", any_order);
    TAP_TEST("log: a torn last batch is cut off and overwritten", torn);
    TAP_TEST("log: a rotten batch below the durable mark is refused, every time", corrupt);
    TAP_TEST("log: the seal witnesses for the last batch", corrupt_last);
    return tap_done();
}
