/* tests/unit/store/test_past.c -- Subject: files of a log that begins above entry 1. Method: write,
 * compact or install, close, damage: what was given back is told apart from what is lost.
 */
#include "rig.h"

#include "base/crc32c.h"
#include "store/slot.h"
#include "store/wal_batch.h"

enum {
    SMALL_SEGMENT = 64 * 1024,
    START_MAGIC = 0x54415453
};

static struct rig r;

static void seg_name(uint64_t number, const char *suffix, char out[32])
{
    snprintf(out, 32, "%016llx.%s", (unsigned long long)number, suffix);
}

static bool is_there(const char *name)
{
    struct os_stat st;
    return os_dir_stat(r.dir, name, &st) == ERR_OK;
}

static bool seg_there(uint64_t number)
{
    char name[32];
    seg_name(number, "seg", name);
    return is_there(name);
}

/* The oldest segment that is there. */
static uint64_t oldest(void)
{
    uint64_t n = 1;
    while (!seg_there(n)) {
        CHECK(n++ < 1000);
    }
    return n;
}

/* 400 entries of 3 KB over eight or so segments. */
static void many_segments(void)
{
    rig_segment_bytes = SMALL_SEGMENT;
    rig_open(&r, false);
    rig_vote(&r, 1, 9);
    for (uint64_t i = 1; i <= 400; i += 5) {
        rig_append(&r, i, 5, i <= 200 ? 1 : 2, 3000);
        rig_wait(&r);
    }
}

static void ready(uint64_t to)
{
    many_segments();
    CHECK(seg_there(1));
    CHECK(log_compact(r.log, to) == ERR_OK);
    LOOP_UNTIL(&r.loop, !seg_there(1));
    rig_stop(&r);
}

/* Of the segments as files, and of one that is made ahead. */
static uint64_t file_bytes(void)
{
    char name[32];
    uint64_t bytes = 0;
    uint64_t n = oldest();
    for (; seg_there(n); n++) {
        seg_name(n, "seg", name);
        bytes += (uint64_t)rig_size(&r, name);
    }
    seg_name(n, "part", name);
    return is_there(name) ? bytes + (uint64_t)rig_size(&r, name) : bytes;
}

static uint64_t counted_bytes(void)
{
    struct log_stats s;
    log_stats(r.log, &s);
    return s.disk_bytes;
}

static void given_back(void)
{
    many_segments();
    LOOP_UNTIL(&r.loop, counted_bytes() == file_bytes()); /* none is being made */
    uint64_t before = counted_bytes();
    CHECK(log_compact(r.log, 350) == ERR_OK);
    LOOP_UNTIL(&r.loop, counted_bytes() <= before / 3 * 2);
    CHECK(oldest() > 3);
    LOOP_UNTIL(&r.loop, counted_bytes() == file_bytes());
    rig_stop(&r);
    rig_start(&r);
    CHECK(r.rec.first > 200 && r.rec.first <= 351);
    CHECK_U64(r.rec.before_term, 2);
    CHECK_U64(r.rec.last, 400);
    CHECK_U64(r.found, 400);
    for (uint64_t i = r.rec.first; i <= 400; i++) {
        rig_check(&r, i, 2);
    }
    CHECK_U64(counted_bytes(), file_bytes());
    rig_close(&r);
}

/* A segment that has its name, and nothing in it, is removed: made again when it is needed. */
static void begun_only(void)
{
    static const uint8_t zeroes[SMALL_SEGMENT];
    char name[32];
    many_segments();
    rig_stop(&r);
    uint64_t n = 1;
    while (seg_there(n)) {
        n++;
    }
    seg_name(n, "seg", name);
    fclose(rig_file(&r, name, "wb"));
    rig_put(&r, name, 0, zeroes, sizeof zeroes);
    rig_start(&r);
    CHECK(!seg_there(n));
    seg_name(n, "part", name);
    CHECK_U64(counted_bytes(), file_bytes() - (is_there(name) ? (uint64_t)rig_size(&r, name) : 0));
    rig_close(&r);
}

/* The terms of a log that begins in the middle of one. */
static void term_before(void)
{
    const struct log_run *run;
    ready(199);
    rig_start(&r);
    CHECK_U64(r.rec.before_term, 1);
    CHECK(log_runs(r.log, &run) >= 1);
    CHECK_U64(run[0].first, r.rec.first);
    CHECK_U64(run[0].term, 1);
    rig_close(&r);
}

static void lost_first(void)
{
    char name[32];
    ready(300);
    seg_name(oldest(), "seg", name);
    char path[128];
    snprintf(path, sizeof path, "%s/%s", r.loop.path, name);
    CHECK(unlink(path) == 0);
    name[16] = '\0';
    rig_refused(&r, ERR_CORRUPT, name);
    rig_close(&r);
}

static void lost_all(void)
{
    char command[160];
    ready(300);
    snprintf(command, sizeof command, "cd '%s' && rm *.seg", r.loop.path);
    CHECK(system(command) == 0);
    rig_refused(&r, ERR_CORRUPT, "no segment");
    snprintf(command, sizeof command, "cd '%s' && rm vote", r.loop.path);
    CHECK(system(command) == 0);
    CHECK(rig_try(&r) == ERR_CORRUPT); /* a new vote was made, and still the log is not new */
    CHECK(strstr(r.diag.text, "the log begins with it") != NULL);
    rig_close(&r);
}

static void lost_start(void)
{
    char path[128];
    ready(300);
    snprintf(path, sizeof path, "%s/start", r.loop.path);
    CHECK(unlink(path) == 0);
    rig_refused(&r, ERR_CORRUPT, "segment 0000000000000001 is missing");
    rig_close(&r);
}

static void rotten_start(void)
{
    ready(300);
    for (long at = 0; at < 8192; at += at % 4096 < 90 ? 1 : 509) {
        rig_flip(&r, "start", at);
        rig_start(&r); /* the other slot counts, and heals this one */
        CHECK_U64(r.rec.last, 400);
        rig_stop(&r);
    }
    rig_flip(&r, "start", 30);
    rig_flip(&r, "start", 4096 + 30);
    rig_refused(&r, ERR_CORRUPT, "log: start: ");
    rig_close(&r);
    EXPECT_MARK("store: where the log begins is forgotten");
}

/* A record that is whole but says what no program wrote. */
static void strange_start(void)
{
    struct slot_file s;
    uint8_t payload[SLOT_PAYLOAD_MAX];
    size_t count = 0;
    ready(300);
    CHECK(slot_open(r.dir, "start", START_MAGIC, false, &s, payload, &count) == ERR_OK);
    payload[0] = 2;
    CHECK(slot_write(&s, bytes_of(payload, count)) == ERR_OK);
    rig_refused(&r, ERR_NEWER_FORMAT, "start: format 2");
    payload[0] = 1;
    payload[1] ^= 1;
    CHECK(slot_write(&s, bytes_of(payload, count)) == ERR_OK);
    rig_refused(&r, ERR_WRONG_NODE, "belongs to another data directory");
    payload[1] ^= 1;
    for (size_t n = 1; n < count; n += 7) {
        CHECK(slot_write(&s, bytes_of(payload, n)) == ERR_OK);
        rig_refused(&r, ERR_CORRUPT, "start: ");
    }
    for (size_t i = 9; i < count; i++) { /* any number may be another: refused or survived */
        uint8_t byte = payload[i];
        payload[i] = (uint8_t)(byte ^ 0x81);
        CHECK(slot_write(&s, bytes_of(payload, count)) == ERR_OK);
        if (rig_try(&r) == ERR_OK) {
            rig_stop(&r);
        }
        payload[i] = byte;
    }
    slot_close(&s);
    rig_close(&r);
}

/* What was durable when the log was compacted is known to have been, without any later batch. */
static void lost_end(void)
{
    ready(300);
    uint64_t n = oldest();
    while (seg_there(n + 1)) {
        n++;
    }
    char name[32];
    seg_name(n, "seg", name);
    static uint8_t zeroes[SMALL_SEGMENT * 8];
    long bytes = rig_size(&r, name);
    CHECK((size_t)bytes <= sizeof zeroes);
    rig_put(&r, name, 0, zeroes, (size_t)bytes);
    rig_refused(&r, ERR_CORRUPT, "cannot be read");
    rig_close(&r);
}

/* A compaction whose process ended before it had removed anything. */
static void unfinished(void)
{
    char command[200];
    many_segments();
    snprintf(command, sizeof command, "cd '%s' && mkdir ../%s-old && cp *.seg ../%s-old",
             r.loop.path, strrchr(r.loop.path, '/') + 1, strrchr(r.loop.path, '/') + 1);
    CHECK(system(command) == 0);
    CHECK(log_compact(r.log, 300) == ERR_OK);
    LOOP_UNTIL(&r.loop, !seg_there(1));
    rig_stop(&r);
    uint64_t first = oldest();
    snprintf(command, sizeof command,
             "cd '%s' && cp -n ../%s-old/*1.seg ../%s-old/*2.seg . && rm -r ../%s-old", r.loop.path,
             strrchr(r.loop.path, '/') + 1, strrchr(r.loop.path, '/') + 1,
             strrchr(r.loop.path, '/') + 1);
    CHECK(system(command) == 0);
    CHECK(seg_there(1) && seg_there(2));
    rig_start(&r);
    CHECK_U64(oldest(), first);
    CHECK_U64(r.rec.last, 400);
    rig_close(&r);
    EXPECT_MARK("store: a compaction is finished at start");
}

/* Segments that were given back become new ones, with nothing of theirs left in them. */
static void used_again(void)
{
    ready(390);
    rig_start(&r);
    for (uint64_t i = 401; i <= 900; i += 5) {
        rig_append(&r, i, 5, 3, 3000);
        rig_wait(&r);
        CHECK(log_compact(r.log, i - 1) == ERR_OK);
    }
    rig_stop(&r);
    rig_start(&r);
    CHECK_U64(r.rec.last, 900);
    CHECK(r.rec.first > 700);
    for (uint64_t i = r.rec.first; i <= 900; i++) {
        rig_check(&r, i, 3);
    }
    rig_close(&r);
}

/* Copies of spares would fill the disk: only as many stay as can be used. */
static void many_spares(void)
{
    char name[32];
    int left = 0;
    ready(300);
    for (uint64_t i = 0x100; i < 0x108; i++) {
        seg_name(i, "old", name);
        fclose(rig_file(&r, name, "wb"));
    }
    rig_start(&r);
    for (uint64_t i = 0; i < 0x108; i++) {
        seg_name(i, "old", name);
        left += is_there(name);
    }
    CHECK_U64(left, WAL_SPARES_MAX);
    rig_close(&r);
}

static void head_edit(const char *name, long offset, uint8_t format, uint8_t flags)
{
    uint8_t raw[WAL_HEAD_BYTES];
    rig_get(&r, name, offset, raw, sizeof raw);
    raw[8] = format;
    raw[10] = flags;
    uint32_t crc = crc32c(0, raw + 8, sizeof raw - 8);
    struct writer w = writer_of(raw + 4, 4);
    writer_u32(&w, crc);
    rig_put(&r, name, offset, raw, sizeof raw);
}

/* A program of before knows format 1 alone: it must not take an install for a batch of its own. */
static void install_format(void)
{
    static const char seg[] = "0000000000000001.seg";
    uint8_t raw[WAL_HEAD_BYTES];
    rig_segment_bytes = 0;
    rig_open(&r, false);
    rig_append(&r, 1, 1, 1, 100);
    rig_wait(&r);
    CHECK(log_install(r.log, ++r.ticket, 9, 2) == ERR_OK);
    rig_wait(&r);
    rig_stop(&r);
    rig_get(&r, seg, 4096, raw, sizeof raw);
    CHECK(raw[8] == 2 && raw[10] == WAL_FLAG_INSTALL);
    rig_get(&r, seg, 8192, raw, sizeof raw);
    CHECK(raw[8] == 1);
    head_edit(seg, 4096, 1, WAL_FLAG_INSTALL);
    rig_refused(&r, ERR_CORRUPT, "batch 2 at offset 4096");
    head_edit(seg, 4096, 2, WAL_FLAG_INSTALL | WAL_FLAG_TRUNCATE);
    rig_refused(&r, ERR_CORRUPT, "batch 2 at offset 4096");
    head_edit(seg, 4096, 2, 0);
    rig_refused(&r, ERR_CORRUPT, "batch 2 at offset 4096");
    rig_close(&r);
}

/* The old segments go when a snapshot was installed, without anybody asking. */
static void install_gives_back(void)
{
    many_segments();
    rig_append(&r, 401, 5, 2, 3000);
    CHECK(log_install(r.log, ++r.ticket, 1000, 5) == ERR_OK);
    rig_append(&r, 1001, 5, 6, 3000);
    rig_wait(&r);
    LOOP_UNTIL(&r.loop, oldest() > 3);
    rig_stop(&r);
    rig_start(&r);
    CHECK_U64(r.rec.first, 1001);
    CHECK_U64(r.rec.before_term, 5);
    CHECK_U64(r.rec.last, 1005);
    for (uint64_t i = 1001; i <= 1005; i++) {
        rig_check(&r, i, 6);
    }
    rig_close(&r);
}

int main(void)
{
    TAP_TEST("past: segments of compacted entries are given back", given_back);
    TAP_TEST("past: a segment that was only begun is removed, and not counted", begun_only);
    TAP_TEST("past: the term before the first entry survives", term_before);
    TAP_TEST("past: a lost first segment is not taken for a compacted one", lost_first);
    TAP_TEST("past: a log that is gone is not taken for a new one", lost_all);
    TAP_TEST("past: without its start, a compacted log is refused", lost_start);
    TAP_TEST("past: any byte of the start may rot, not both copies", rotten_start);
    TAP_TEST("past: a start that nobody here wrote is refused", strange_start);
    TAP_TEST("past: the end of a compacted log is missed when it is lost", lost_end);
    TAP_TEST("past: a compaction that was cut off is finished", unfinished);
    TAP_TEST("past: a log lives on for many times its length", used_again);
    TAP_TEST("past: only as many spares are kept as can be used", many_spares);
    TAP_TEST("past: an install is of a format that older programs refuse", install_format);
    TAP_TEST("past: an install gives back what was before it", install_gives_back);
    return tap_done();
}
