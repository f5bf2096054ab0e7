/* tests/unit/store/test_damage.c -- Subject: what a log makes of files that are damaged, missing or
 * another's. Method: write, close, change files, open: either all is there, or it is refused by
 * name and no byte is changed.
 */
#include "rig.h"

#include "base/crc32c.h"
#include "store/vote.h"
#include "store/wal_batch.h"

#define SEG1 "0000000000000001.seg"
#define SEG2 "0000000000000002.seg"
#define SEG3 "0000000000000003.seg"
#define SEG4 "0000000000000004.seg"

enum {
    VOTE_MAGIC = 0x45544f56,
    VOTE_SALT = 1, /* offsets in its payload */
    VOTE_SEGMENT = 25,
    VOTE_SEGMENT_BYTES = 33,
    SEG1_BYTES = 2 << 20,
    SEG3_BYTES = 8 << 20
};

static struct rig r;

/* Three batches of one block each at 0, 4096, 8192, and the seal at 12288. */
static void three_batches(void)
{
    rig_open(&r, false);
    rig_vote(&r, 1, 9);
    for (uint64_t i = 1; i <= 3; i++) {
        rig_append(&r, i, 1, 1, 100);
        rig_wait(&r);
    }
    rig_stop(&r);
}

/* Enough for a second and a third segment (2, 4, 8 MiB). */
static void three_segments(void)
{
    rig_open(&r, false);
    rig_vote(&r, 1, 9);
    for (uint64_t i = 1; i <= 100; i++) {
        rig_append(&r, i, 1, 1, 65000);
        rig_wait(&r);
    }
    rig_stop(&r);
    CHECK(rig_size(&r, SEG3) > 0);
}

static void head_edit(const char *name, long offset, void (*edit)(uint8_t *raw))
{
    uint8_t raw[WAL_HEAD_BYTES];
    rig_get(&r, name, offset, raw, sizeof raw);
    edit(raw);
    uint32_t crc = crc32c(0, raw + 8, sizeof raw - 8);
    struct writer w = writer_of(raw + 4, 4);
    writer_u32(&w, crc);
    rig_put(&r, name, offset, raw, sizeof raw);
}

/* A number in the newest record of the vote is another one. */
static void vote_edit(size_t at, uint64_t value)
{
    struct slot_file s;
    uint8_t payload[SLOT_PAYLOAD_MAX];
    size_t count = 0;
    CHECK(slot_open(r.dir, "vote", VOTE_MAGIC, false, &s, payload, &count) == ERR_OK);
    struct writer w = writer_of(payload + at, 8);
    writer_u64(&w, value);
    CHECK(slot_write(&s, bytes_of(payload, count)) == ERR_OK);
    slot_close(&s);
}

static void format_later(uint8_t *raw)
{
    raw[8] = 9;
}

static uint64_t listed;

static enum err list_many(struct os_dir *d, os_dir_entry_fn fn, void *arg)
{
    char name[32];
    (void)d;
    for (uint64_t i = 1; i <= listed; i++) {
        snprintf(name, sizeof name, "%016llx.seg", (unsigned long long)i);
        fn(arg, name);
    }
    return ERR_OK;
}

/* A bound that is met is told as what it is, not as a want of memory. */
static void many_segments(void)
{
    three_batches();
    const struct os_table *real = r.loop.os->table;
    struct os_table table = *real;
    table.dir_list = list_many;
    r.loop.os->table = &table;
    listed = 65536;
    CHECK(rig_try(&r) != ERR_OK && strstr(r.diag.text, "more than") == NULL);
    listed++;
    CHECK(rig_try(&r) == ERR_NO_MEMORY);
    CHECK(strstr(r.diag.text, "more than 65536 segments") != NULL);
    r.loop.os->table = real;
    rig_start(&r);
    rig_close(&r);
    EXPECT_MARK("store: more segments than a log may have");
}

static void every_byte(void)
{
    three_batches();
    for (long at = 0; at < 2 * 4096; at += at % 4096 < 240 ? 1 : 331) {
        bool padding = at % 4096 >= WAL_HEAD_BYTES + 13 + 100;
        rig_flip(&r, SEG1, at);
        if (!padding) {
            const char *where = at < 4096 ? "batch 1 at offset 0" : "batch 2 at offset 4096";
            CHECK(rig_try(&r) == ERR_CORRUPT);
            CHECK(strstr(r.diag.text, where) != NULL);
            CHECK(strstr(r.diag.text, "segment 0000000000000001") != NULL);
        }
        rig_flip(&r, SEG1, at);
    }
    rig_start(&r); /* nothing was changed all along */
    CHECK_U64(r.rec.last, 3);
    rig_close(&r);
}

static void newer(void)
{
    for (long at = 0; at <= 12288; at += 4096) {
        three_batches();
        for (long i = at; i <= 12288; i += 4096) {
            head_edit(SEG1, i, format_later);
        }
        rig_refused(&r, ERR_NEWER_FORMAT, "segment 0000000000000001");
        rig_close(&r);
    }
    EXPECT_MARK("store: a log of a newer program");
}

static void foreign(void)
{
    three_batches();
    r.salt = 43;
    rig_refused(&r, ERR_WRONG_NODE, "vote: it belongs to another data directory");
    vote_edit(VOTE_SALT, 43);
    rig_refused(&r, ERR_WRONG_NODE, "start: it belongs to another data directory");
    CHECK(os_dir_rename(r.dir, "start", "elsewhere") == ERR_OK);
    rig_refused(&r, ERR_WRONG_NODE, "segment 0000000000000001: batch at offset 0: it belongs to");
    CHECK(os_dir_rename(r.dir, "elsewhere", "start") == ERR_OK);
    r.salt = 42;
    rig_refused(&r, ERR_WRONG_NODE, "vote: it belongs to another data directory");
    vote_edit(VOTE_SALT, 42);
    rig_start(&r);
    CHECK_U64(r.rec.last, 3);
    rig_close(&r);
    EXPECT_MARK("store: a log of another node");
    EXPECT_MARK("store: a vote of another directory");
}

/* A torn batch of several blocks leaves none of them behind: what comes next may be smaller. */
static void long_tail(void)
{
    static uint8_t zeroes[4 * 4096];
    static uint8_t tail[sizeof zeroes];
    rig_open(&r, false);
    rig_append(&r, 1, 1, 1, 100);
    rig_wait(&r);
    rig_append(&r, 2, 1, 1, 3 * 4096); /* over four blocks, from the second one on */
    rig_wait(&r);
    rig_stop(&r);
    rig_put(&r, SEG1, 5 * 4096, zeroes, 4096); /* its seal */
    rig_flip(&r, SEG1, 4096 + 200);
    rig_start(&r);
    CHECK(r.rec.repaired);
    CHECK_U64(r.rec.last, 1);
    rig_get(&r, SEG1, 4096, tail, sizeof tail);
    CHECK(memcmp(tail, zeroes, sizeof tail) == 0);
    rig_close(&r);
}

static void unchain(uint8_t *raw)
{
    raw[80] ^= 0x41; /* of the crc that the batch before has */
}

/* A batch that is whole, in its place and numbered right, but follows another than the one here. */
static void unchained(void)
{
    three_batches();
    head_edit(SEG1, 4096, unchain);
    rig_refused(&r, ERR_CORRUPT, "batch 2 at offset 4096");
    rig_close(&r);
}

static void to_seven(uint8_t *raw)
{
    struct writer w = writer_of(raw + 36, 24);
    writer_u64(&w, 7); /* truncate_to, and the one entry goes on behind it */
    writer_u64(&w, 8);
    writer_u64(&w, 8);
}

static void to_seven_alone(uint8_t *raw)
{
    struct writer w = writer_of(raw + 36, 44);
    writer_u64(&w, 7);
    writer_u64(&w, 1); /* first > last: no entries */
    writer_u64(&w, 0);
    writer_u64(&w, 0); /* term */
    writer_u32(&w, 0);
    writer_u32(&w, 0); /* bytes */
    writer_u32(&w, 0);
}

/* A batch that is right in all else truncates to where the log has never come: what would be
 * between is nowhere. */
static void truncated_beyond(void)
{
    static void (*const edits[])(uint8_t *) = { to_seven, to_seven_alone };
    for (size_t i = 0; i < 2; i++) {
        rig_open(&r, false);
        rig_vote(&r, 1, 9);
        for (uint64_t index = 1; index <= 3; index++) {
            rig_append(&r, index, 1, 1, 100);
            rig_wait(&r);
        }
        rig_append(&r, 3, 1, 2, 100);
        rig_wait(&r);
        rig_stop(&r);
        head_edit(SEG1, 12288, edits[i]);
        rig_refused(&r, ERR_CORRUPT, "batch 4 at offset 12288");
        rig_close(&r);
    }
}

/* What rots while the log is open is an error to who reads it, never an answer. */
static void rotten_read(void)
{
    struct log_entry e;
    three_batches();
    rig_start(&r);
    rig_flip(&r, SEG1, 4096 + WAL_HEAD_BYTES + 13 + 50);
    CHECK(log_read(r.log, 2, &e) == ERR_CORRUPT);
    rig_check(&r, 1, 1);
    rig_check(&r, 3, 1);
    rig_flip(&r, SEG1, 4096 + WAL_HEAD_BYTES + 13 + 50);
    rig_check(&r, 2, 1);
    rig_close(&r);
}

/* Terms whose entries were all truncated are gone for good. */
static void truncated_terms(void)
{
    const struct log_run *runs = NULL;
    rig_open(&r, false);
    rig_vote(&r, 1, 9);
    rig_append(&r, 1, 3, 1, 100);
    rig_append(&r, 4, 2, 2, 100);
    rig_append(&r, 4, 1, 3, 100);
    rig_wait(&r);
    rig_stop(&r);
    rig_start(&r);
    CHECK_U64(r.rec.last, 4);
    CHECK_U64(log_runs(r.log, &runs), 2);
    CHECK(runs[0].first == 1 && runs[0].term == 1 && runs[1].first == 4 && runs[1].term == 3);
    rig_check(&r, 4, 3);
    rig_close(&r);
}

static void segment_of_another(void)
{
    static uint8_t block[4096];
    three_segments();
    rig_get(&r, SEG1, 0, block, sizeof block);
    rig_put(&r, SEG3, 0, block, sizeof block);
    rig_refused(&r, ERR_CORRUPT, "written for another segment");
    rig_close(&r);
    EXPECT_MARK("store: a batch of another segment");
}

static void missing(const char *name, const char *what)
{
    char path[128];
    three_segments();
    snprintf(path, sizeof path, "%s/%s", r.loop.path, name);
    CHECK(unlink(path) == 0);
    rig_refused(&r, ERR_CORRUPT, what);
    rig_close(&r);
}

static bool is_gone(const char *name)
{
    struct os_stat st;
    return os_dir_stat(r.dir, name, &st) == ERR_NO_FILE;
}

static void missing_first(void)
{
    missing(SEG1, "segment 0000000000000001 is missing");
}

static void missing_middle(void)
{
    missing(SEG2, "segment 0000000000000002 is missing");
    EXPECT_MARK("store: a segment is missing");
}

/* Nothing behind it would miss it. */
static void missing_newest(void)
{
    missing(SEG3, "segment 0000000000000003 is missing, the vote says that it was begun");
    EXPECT_MARK("store: the newest segment is missing");
}

/* A file has another size for a while: refused, and as it was before when the size is back. */
static void sized(const char *name, long size, const char *what)
{
    static uint8_t was[SEG3_BYTES];
    long bytes = rig_size(&r, name);
    CHECK(bytes <= (long)sizeof was);
    rig_get(&r, name, 0, was, (size_t)bytes);
    rig_cut(&r, name, size);
    rig_refused(&r, ERR_CORRUPT, what);
    rig_cut(&r, name, bytes);
    rig_put(&r, name, 0, was, (size_t)bytes);
}

/* Cut between batches, inside of one, in the zeroes behind one, behind all; or longer. */
static void newest_of_another_size(void)
{
    static const long sizes[] = { 0,
                                  4096,
                                  8192,
                                  8192 + 60,
                                  8192 + 300,
                                  12288 + 4096,
                                  SEG1_BYTES - 1,
                                  SEG1_BYTES - 4096,
                                  SEG1_BYTES + 1,
                                  SEG1_BYTES + 4096 };
    three_batches();
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        char what[96];
        snprintf(what, sizeof what, "segment 0000000000000001 has %ld bytes, and not 2097152",
                 sizes[i]);
        sized(SEG1, sizes[i], what);
    }
    rig_start(&r);
    CHECK_U64(r.rec.last, 3);
    rig_close(&r);
    EXPECT_MARK("store: a segment has another size");
}

/* Of an older one, or of one that was only begun, no size is known, but that it is none at all. */
static void older_of_no_size(void)
{
    static const long sizes[] = { 0, SEG1_BYTES - 4096 + 7, SEG1_BYTES + 1, (64l << 20) + 4096 };
    three_segments();
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        sized(SEG1, sizes[i], "bytes, a size that none is given");
    }
    fclose(rig_file(&r, SEG4, "wb"));
    sized(SEG4, (64l << 20) + 1, "segment 0000000000000004 has 67108865 bytes");
    rig_start(&r);
    CHECK_U64(r.rec.last, 100);
    rig_close(&r);
}

static void zeroed(const char *name)
{
    long n = rig_size(&r, name);
    rig_cut(&r, name, 0);
    rig_cut(&r, name, n);
}

/* The power went between the name of a segment and its first batch; the vote goes back too. */
static void begun_and_known(void)
{
    three_segments();
    zeroed(SEG3);
    rig_start(&r);
    uint64_t last = r.rec.last;
    CHECK(last > 80 && last < 100);
    rig_stop(&r);
    CHECK(rig_size(&r, SEG2) == 2l * SEG1_BYTES && is_gone(SEG3));
    rig_start(&r);
    for (uint64_t i = last + 1; i <= 100; i++) {
        rig_append(&r, i, 1, 1, 65000);
        rig_wait(&r);
    }
    rig_stop(&r);
    CHECK(!is_gone(SEG3));
    rig_start(&r);
    CHECK_U64(r.rec.last, 100);
    rig_close(&r);
    EXPECT_MARK("store: the vote learns where the log ends");
    EXPECT_MARK("store: the log rotates");
}

/* The vote knows of all batches before the newest segment, whatever is left of them and of it. */
static void begun_behind_a_loss(void)
{
    static uint8_t zeroes[SEG1_BYTES];
    three_segments();
    zeroed(SEG3);
    rig_put(&r, SEG2, SEG1_BYTES, zeroes, sizeof zeroes);
    rig_refused(&r, ERR_CORRUPT, "cannot be read");
    rig_close(&r);
}

/* The power went before the vote knew of the first segment. */
static void begun_and_unknown(void)
{
    rig_open(&r, false);
    rig_stop(&r);
    vote_edit(VOTE_SEGMENT, 0);
    rig_start(&r);
    rig_append(&r, 1, 1, 1, 100);
    rig_wait(&r);
    rig_stop(&r);
    CHECK(os_dir_unlink(r.dir, SEG1) == ERR_OK);
    rig_refused(&r, ERR_CORRUPT, "no segment is there, but the vote says that 0000000000000001");
    rig_close(&r);
}

/* As it was when there were fewer segments: a later vote may be forgotten with it. */
static void vote_older(void)
{
    for (uint64_t knows = 0; knows <= 2; knows++) {
        three_segments();
        vote_edit(VOTE_SEGMENT, knows);
        vote_edit(VOTE_SEGMENT_BYTES, knows * SEG1_BYTES);
        rig_refused(&r, ERR_CORRUPT, "vote: it is older than the log");
        rig_close(&r);
    }
    EXPECT_MARK("store: a vote is older than its log");
}

static void all_missing(void)
{
    three_batches();
    char path[128];
    snprintf(path, sizeof path, "%s/" SEG1, r.loop.path);
    CHECK(unlink(path) == 0);
    rig_refused(&r, ERR_CORRUPT, "no segment");
    rig_close(&r);
    EXPECT_MARK("store: a vote without a log");
}

static void any_is(bool want)
{
    bool any = !want;
    CHECK(log_any(r.dir, r.dir, &any) == ERR_OK && any == want);
}

/* A node has lived where a segment or a vote is, however damaged; not where its first vote was cut
 * off by the power before it was whole. */
static void any_of_it(void)
{
    three_batches();
    any_is(true);
    rig_flip(&r, "vote", 30);
    rig_flip(&r, "vote", 4096 + 30);
    CHECK(os_dir_unlink(r.dir, SEG1) == ERR_OK);
    any_is(true);
    rig_cut(&r, "vote", 0);
    any_is(false);
    fclose(rig_file(&r, SEG3, "wb"));
    any_is(true);
    CHECK(os_dir_unlink(r.dir, SEG3) == ERR_OK && os_dir_unlink(r.dir, "vote") == ERR_OK);
    any_is(false);
    rig_close(&r);
}

/* A segment is begun only when the one before is durable: its mere name is a witness. */
static void begun_segment(void)
{
    three_batches();
    rig_put(&r, SEG1, 12288, (uint8_t[96]){ 0 }, 96); /* no seal */
    rig_flip(&r, SEG1, 8192 + 120);
    FILE *f = rig_file(&r, SEG2, "wb");
    CHECK(ftruncate(fileno(f), 1 << 20) == 0 && fclose(f) == 0);
    rig_refused(&r, ERR_CORRUPT, "batch 3 at offset 8192");
    rig_flip(&r, SEG1, 8192 + 120);
    rig_start(&r);
    CHECK_U64(r.rec.last, 3);
    rig_close(&r);
    EXPECT_MARK("store: a segment was begun in vain");
}

static void two_begun(void)
{
    three_segments();
    long n = rig_size(&r, SEG2);
    rig_cut(&r, SEG2, 0);
    rig_cut(&r, SEG2, n);
    n = rig_size(&r, SEG3);
    rig_cut(&r, SEG3, 0);
    rig_cut(&r, SEG3, n);
    rig_refused(&r, ERR_CORRUPT, "segment 0000000000000002: batch");
    rig_close(&r);
}

/* Names that nobody gave are nobody's segments, above all not the real one's double. */
static void strange_names(void)
{
    static const char *names[] = { "0x00000000000001.seg", "+000000000000001.seg",
                                   "000000000000000A.seg", "1.seg", "0000000000000001.segx" };
    three_batches();
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        fclose(rig_file(&r, names[i], "wb"));
    }
    rig_start(&r);
    CHECK_U64(r.rec.last, 3);
    rig_close(&r);
}

static void vote_every_byte(void)
{
    three_batches();
    for (long at = 0; at < 8192; at += at % 4096 < 60 ? 1 : 509) {
        rig_flip(&r, "vote", at);
        rig_start(&r);
        CHECK_U64(r.rec.term, 1);
        CHECK_U64(r.rec.vote, 9);
        rig_stop(&r);
    }
    rig_close(&r);
}

static void vote_shorter(void)
{
    static const long sizes[] = { 8191, 4097, 4096 };
    three_batches();
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        rig_cut(&r, "vote", sizes[i]);
        rig_start(&r);
        CHECK_U64(r.rec.term, 1);
        CHECK_U64(r.rec.vote, 9);
        rig_stop(&r);
        CHECK(rig_size(&r, "vote") == 8192);
    }
    rig_close(&r);
}

static void vote_gone(void)
{
    three_batches();
    rig_flip(&r, "vote", 30);
    rig_flip(&r, "vote", 4096 + 30);
    rig_refused(&r, ERR_CORRUPT, "vote: ");
    rig_cut(&r, "vote", 4095);
    rig_refused(&r, ERR_CORRUPT, "vote: ");
    rig_cut(&r, "vote", 0);
    rig_refused(&r, ERR_CORRUPT, "vote: no record is in the file");
    rig_cut(&r, "vote", 8192);
    rig_refused(&r, ERR_CORRUPT, "vote: no record is in the file");
    char path[128];
    snprintf(path, sizeof path, "%s/vote", r.loop.path);
    CHECK(unlink(path) == 0);
    rig_refused(&r, ERR_CORRUPT, "vote: the file is missing");
    rig_close(&r);
    EXPECT_MARK("store: a vote is forgotten");
}

static void vote_newer(void)
{
    struct slot_file s;
    uint8_t payload[SLOT_PAYLOAD_MAX];
    size_t count = 0;
    three_batches();
    CHECK(slot_open(r.dir, "vote", VOTE_MAGIC, false, &s, payload, &count) == ERR_OK);
    payload[0] = 3;
    CHECK(slot_write(&s, bytes_of(payload, count)) == ERR_OK);
    slot_close(&s);
    rig_refused(&r, ERR_NEWER_FORMAT, "vote: format 3");
    rig_close(&r);
}

int main(void)
{
    TAP_TEST("damage: any byte of an acknowledged batch is missed, by segment and batch",
             every_byte);
    TAP_TEST("damage: batches of a newer format are refused, never cut off", newer);
    TAP_TEST("damage: another directory's segments are refused, never cut off", foreign);
    TAP_TEST("damage: a segment in the place of another is refused", segment_of_another);
    TAP_TEST("damage: a batch that follows another is refused", unchained);
    TAP_TEST("damage: a batch that truncates behind the end is refused", truncated_beyond);
    TAP_TEST("damage: of a torn batch no block is left", long_tail);
    TAP_TEST("damage: what rots under an open log is no answer", rotten_read);
    TAP_TEST("damage: terms that were truncated stay gone", truncated_terms);
    TAP_TEST("damage: without its first segment a log is refused", missing_first);
    TAP_TEST("damage: a gap between segments is refused", missing_middle);
    TAP_TEST("damage: without its newest segment a log is refused", missing_newest);
    TAP_TEST("damage: a newest segment of another size is refused", newest_of_another_size);
    TAP_TEST("damage: an older segment of no size that one has is refused", older_of_no_size);
    TAP_TEST("damage: a segment that was begun and is known goes again", begun_and_known);
    TAP_TEST("damage: what is lost before it is missed", begun_behind_a_loss);
    TAP_TEST("damage: a first segment that is not known yet is gone on with", begun_and_unknown);
    TAP_TEST("damage: a vote that is older than the log is refused", vote_older);
    TAP_TEST("damage: a log that is gone beside a vote is refused", all_missing);
    TAP_TEST("damage: a segment or a vote says that a node has lived", any_of_it);
    TAP_TEST("damage: a begun segment witnesses for the end of the one before", begun_segment);
    TAP_TEST("damage: two segments without a batch are no torn tail", two_begun);
    TAP_TEST("damage: files with other names are left alone", strange_names);
    TAP_TEST("damage: any byte of the vote may rot, the vote stays", vote_every_byte);
    TAP_TEST("damage: a vote cut in half stays and is made whole", vote_shorter);
    TAP_TEST("damage: a vote that is gone stops the node", vote_gone);
    TAP_TEST("damage: a vote of a newer format is refused", vote_newer);
    TAP_TEST("damage: more segments than a log may have are told as such", many_segments);
    return tap_done();
}
