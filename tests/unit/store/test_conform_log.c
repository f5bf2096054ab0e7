/* tests/unit/store/test_conform_log.c -- Subject: appending, reading and voting, on disk and in
 * memory. Method: small cases, one observation each; sizes at which a block, a batch or a segment
 * ends.
 */
#include "conform.h"

#include "store/wal_batch.h"

static void empty(void)
{
    const struct log_run *runs;
    CHECK_U64(log_last(r.log), 0);
    CHECK_U64(log_runs(r.log, &runs), 0);
    CHECK_U64(log_unsynced_bytes(r.log), 0);
    check_none(0);
    check_none(1);
    check_none(UINT64_MAX);
}

static void read_at_once(void)
{
    rig_append(&r, 1, 1, 1, 100);
    CHECK_U64(r.durable, 0);
    CHECK_U64(log_last(r.log), 1);
    rig_check(&r, 1, 1);
    rig_wait(&r);
    rig_check(&r, 1, 1);
}

static void told_what(void)
{
    rig_append(&r, 1, 3, 7, 100);
    rig_wait(&r);
    CHECK_U64(r.index, 3);
    CHECK_U64(r.term, 7);
}

static void never_from_inside(void)
{
    rig_append(&r, 1, 1, 1, 100);
    CHECK_U64(r.durable, 0);
    rig_wait(&r);
    CHECK_U64(r.durable, 1);
}

static void one_write(void)
{
    rig_append(&r, 1, 200, 1, 100);
    rig_wait(&r);
    check_range(1, 200, 1);
}

static void many_writes(void)
{
    for (uint64_t i = 1; i <= 200; i++) {
        rig_append(&r, i, 1, 1, 100); /* the rig checks that tickets rise */
    }
    rig_wait(&r);
    CHECK_U64(r.index, 200);
    check_range(1, 200, 1);
}

static void no_bytes(void)
{
    struct log_entry e;
    append_raw(1, bytes_of(NULL, 0));
    append_raw(1, bytes_of("x", 1));
    append_raw(1, bytes_of(NULL, 0));
    rig_wait(&r);
    CHECK(log_read(r.log, 1, &e) == ERR_OK && e.data.count == 0);
    CHECK(log_read(r.log, 2, &e) == ERR_OK && e.data.count == 1 && e.data.data[0] == 'x');
    CHECK(log_read(r.log, 3, &e) == ERR_OK && e.data.count == 0);
}

static void kinds(void)
{
    for (uint32_t k = 0; k < 256; k++) {
        append_raw((uint8_t)k, bytes_of(&k, sizeof k));
    }
    rig_wait(&r);
    for (uint32_t k = 0; k < 256; k++) {
        struct log_entry e;
        CHECK(log_read(r.log, k + 1, &e) == ERR_OK);
        CHECK(e.kind == k && memcmp(e.data.data, &k, sizeof k) == 0);
    }
}

/* Entries whose batch ends `off` bytes from the end of a block. */
static void block_end(size_t off)
{
    size_t bytes = WAL_BLOCK_BYTES - WAL_HEAD_BYTES - WAL_RECORD_HEAD_BYTES + off - 3;
    for (uint64_t i = 1; i <= 7; i++) {
        rig_append(&r, i, 1, 1, bytes + i - 1);
        rig_wait(&r);
    }
    restart();
    CHECK_U64(r.rec.last, kept(7));
    CHECK_U64(r.found, kept(7));
}

static void block_ends(void)
{
    block_end(0);
}

static void two_block_ends(void)
{
    block_end(WAL_BLOCK_BYTES);
}

static void largest(void)
{
    rig_append(&r, 1, 1, 1, ENTRY_BYTES_MAX);
    rig_append(&r, 2, 1, 1, ENTRY_BYTES_MAX);
    rig_append(&r, 3, 1, 1, 16);
    rig_wait(&r);
    check_range(1, 3, 1);
}

static void beyond_a_batch(void)
{
    rig_append(&r, 1, 50, 1, 60000); /* one write, three batches */
    rig_wait(&r);
    CHECK_U64(r.index, 50);
    check_range(1, 50, 1);
}

/* Two batches of one write end `blocks` before the end of the first segment (512 blocks). */
static void segment_end(size_t blocks)
{
    size_t first = 256 * WAL_BLOCK_BYTES - WAL_HEAD_BYTES - WAL_RECORD_HEAD_BYTES;
    rig_append(&r, 1, 1, 1, first);
    rig_wait(&r);
    rig_append(&r, 2, 1, 1, first - blocks * WAL_BLOCK_BYTES);
    rig_wait(&r);
    rig_append(&r, 3, 1, 2, WAL_BLOCK_BYTES - WAL_HEAD_BYTES - WAL_RECORD_HEAD_BYTES);
    rig_append(&r, 4, 1, 2, 100);
    rig_wait(&r);
    check_range(1, 2, 1);
    check_range(3, 4, 2);
    restart();
    CHECK_U64(r.rec.last, kept(4));
    CHECK(!r.rec.repaired);
}

static void segment_full(void)
{
    segment_end(0);
}

static void segment_one_block_left(void)
{
    segment_end(1);
}

static void segment_two_blocks_left(void)
{
    segment_end(2);
}

static void cache_left_behind(void)
{
    for (uint64_t i = 1; i <= 160; i++) {
        rig_append(&r, i, 1, 1 + i / 50, 100 * 1024); /* twice what is held in memory */
        rig_wait(&r);
    }
    for (uint64_t i = 160; i >= 1; i--) {
        rig_check(&r, i, 1 + i / 50);
    }
    for (uint64_t i = 1; i <= 160; i++) {
        rig_check(&r, i * 37 % 160 + 1, 1 + (i * 37 % 160 + 1) / 50);
    }
}

static void runs(void)
{
    const struct log_run *run;
    rig_append(&r, 1, 3, 2, 16);
    rig_append(&r, 4, 1, 2, 16);
    rig_append(&r, 5, 2, 9, 16);
    CHECK_U64(log_runs(r.log, &run), 2);
    CHECK(run[0].first == 1 && run[0].term == 2);
    CHECK(run[1].first == 5 && run[1].term == 9);
    rig_wait(&r);
}

static void many_terms(void)
{
    const struct log_run *run;
    for (uint64_t i = 1; i <= 5000; i++) {
        rig_append(&r, i, 1, 3 * i, 16);
    }
    rig_wait(&r);
    restart();
    CHECK_U64(log_runs(r.log, &run), kept(5000));
    for (uint64_t i = 1; i <= kept(5000); i++) {
        CHECK(run[i - 1].first == i && run[i - 1].term == 3 * i);
    }
}

static void queue_drains(void)
{
    rig_append(&r, 1, 10, 1, 1000);
    rig_wait(&r);
    CHECK_U64(log_unsynced_bytes(r.log), 0);
}

static void memory_bound(void)
{
    struct mem *m = &r.loop.mem;
    size_t limit = m->limit;
    m->limit = m->used + 1024;
    struct log_entry e = { 1, 1, 1, rig_data(1, 1, 100) };
    struct log_write w = { .ticket = 1, .entries = &e, .count = 1 };
    CHECK(log_append(r.log, &w) == ERR_NO_MEMORY);
    CHECK_U64(log_last(r.log), 0);
    m->limit = limit;
    rig_append(&r, 1, 1, 1, 100);
    rig_wait(&r);
    rig_check(&r, 1, 1);
    EXPECT_MARK("store: no memory for a write");
}

/* ---- vote ---- */

static void vote_alone(void)
{
    rig_vote(&r, 3, 2);
    rig_wait(&r);
    CHECK_U64(r.index, 0);
    CHECK_U64(log_last(r.log), 0);
}

static void vote_kept(void)
{
    rig_vote(&r, 3, 2);
    rig_wait(&r);
    restart();
    CHECK_U64(r.rec.term, kept(3));
    CHECK_U64(r.rec.vote, kept(2));
}

static void vote_newest(void)
{
    for (uint64_t t = 1; t <= 50; t++) {
        rig_vote(&r, t, t % 5);
    }
    rig_wait(&r);
    restart();
    CHECK_U64(r.rec.term, kept(50));
    CHECK_U64(r.rec.vote, 0);
}

static void vote_for_nobody(void)
{
    rig_vote(&r, 3, 2);
    rig_vote(&r, 4, 0);
    rig_wait(&r);
    restart();
    CHECK_U64(r.rec.term, kept(4));
    CHECK_U64(r.rec.vote, 0);
}

static void vote_then_granted(void)
{
    rig_vote(&r, 4, 0);
    rig_wait(&r);
    rig_vote(&r, 4, 3);
    rig_wait(&r);
    restart();
    CHECK_U64(r.rec.term, kept(4));
    CHECK_U64(r.rec.vote, kept(3));
}

static void vote_extremes(void)
{
    rig_vote(&r, UINT64_MAX, UINT64_MAX);
    rig_wait(&r);
    restart();
    CHECK_U64(r.rec.term, kept(UINT64_MAX));
    CHECK_U64(r.rec.vote, kept(UINT64_MAX));
}

static void vote_with_entries(void)
{
    struct log_entry e = { 1, 5, 3, rig_data(1, 5, 100) };
    struct log_write w = { .ticket = ++r.ticket, .entries = &e, .count = 1 };
    w.hard = true;
    w.term = 5;
    w.vote = 1;
    CHECK(log_append(r.log, &w) == ERR_OK);
    rig_wait(&r);
    CHECK_U64(r.index, 1);
    restart();
    CHECK_U64(r.rec.term, kept(5));
    CHECK_U64(r.rec.last, kept(1));
}

static void vote_between_entries(void)
{
    rig_append(&r, 1, 5, 1, 100);
    rig_vote(&r, 2, 1);
    rig_append(&r, 6, 5, 2, 100);
    rig_vote(&r, 3, 2);
    rig_wait(&r);
    restart();
    CHECK_U64(r.rec.term, kept(3));
    CHECK_U64(r.rec.last, kept(10));
}

int main(void)
{
    static const struct conform_case cases[] = {
        { "log: an empty one has nothing to read", empty },
        { "log: an entry is read as soon as it is appended", read_at_once },
        { "log: durability comes with the newest index and term", told_what },
        { "log: durability is never told from inside the call", never_from_inside },
        { "log: many entries in one write", one_write },
        { "log: many writes, tickets in order", many_writes },
        { "log: entries without bytes", no_bytes },
        { "log: kinds and bytes are kept as they are", kinds },
        { "log: batches that end around the end of a block", block_ends },
        { "log: batches that end around the end of the second block", two_block_ends },
        { "log: the largest entry, twice", largest },
        { "log: a write larger than a batch", beyond_a_batch },
        { "log: a batch that fills the segment", segment_full },
        { "log: one block left in the segment", segment_one_block_left },
        { "log: two blocks left in the segment", segment_two_blocks_left },
        { "log: entries that have left the cache are read, in any order", cache_left_behind },
        { "log: a run of entries for each term", runs },
        { "log: five thousand terms, after a restart too", many_terms },
        { "log: nothing is unsynced when all is durable", queue_drains },
        { "log: without memory an append changes nothing", memory_bound },
        { "vote: alone it becomes durable, without an index", vote_alone },
        { "vote: it is there after a restart", vote_kept },
        { "vote: the newest of many counts", vote_newest },
        { "vote: a later term without a vote counts", vote_for_nobody },
        { "vote: one given later in the same term counts", vote_then_granted },
        { "vote: any numbers are kept", vote_extremes },
        { "vote: it comes with entries under one ticket", vote_with_entries },
        { "vote: it comes between entries", vote_between_entries },
    };
    conform(cases, sizeof cases / sizeof cases[0]);
    return tap_done();
}
