/* tests/unit/sim/test_crash.c -- Subject: log, vote, identity and state machine of one node after
 * a power cut. Method: a seeded workload is cut at its first disk operation, then at its second,
 * and so on; each time the node starts again from what the disk kept, must find nothing missing
 * that it was told is durable and nothing that was never written, goes on, and is cut a second
 * time somewhere.
 */
#include "tap.h"

#include "kv/kv.h"
#include "sim/backing.h"
#include "sim/loop.h"
#include "store/flush.h"
#include "store/home.h"
#include "store/log.h"

#include <malloc.h>

enum {
    STEPS_MAX = 4000, /* of a history: entries and truncations */
    ROUNDS = 70,      /* of a workload between cuts */
    ENTRY_BYTES = 150 * 1024
};

/* One thing that happens to a log. */
struct step {
    uint64_t index; /* entry; 0: a truncation */
    uint64_t term;
    uint64_t to;
    uint64_t ticket; /* the write it belongs to */
};

struct hard {
    uint64_t term;
    uint64_t vote;
    uint64_t ticket;
};

static struct world {
    struct mem mem;
    struct prng prng;
    struct sim_disk disk;
    struct sim_loop loop;
    struct sim_backing backing;
    struct os_dir *dir;
    struct home home;
    struct log *log;
    struct tables tables;
    struct flush flush;
    struct kv kv;
    bool home_known;
    struct home home_first;
    uint64_t flushing;
    uint64_t flushed;

    struct step step[STEPS_MAX]; /* all that was ever asked for, in order */
    uint32_t steps;
    struct hard hard[STEPS_MAX];
    uint32_t hards;
    uint64_t ticket;
    uint64_t durable_ticket; /* told */
    uint64_t durable_index;
    uint64_t commit; /* entries up to here are never truncated */
    uint64_t last;
    uint64_t term;
    bool reborn; /* the term of this process is not on the disk yet */
    bool failed;
    uint32_t repaired;
    uint32_t flushes;
    uint32_t rotations;
} w;

/* ---- entries: their bytes follow from index and term ---- */

static uint8_t room[ENTRY_BYTES + 4096];

static struct bytes entry_data(uint64_t index, uint64_t term)
{
    struct prng p;
    char key[24];
    static uint8_t value[ENTRY_BYTES];
    prng_seed(&p, index * 1000003 + term);
    int n = snprintf(key, sizeof key, "k%llu", (unsigned long long)prng_below(&p, 40));
    size_t bytes = prng_below(&p, 12) == 0 ? ENTRY_BYTES : (size_t)prng_below(&p, 300);
    prng_fill(&p, value, bytes);
    struct command_op op = { COMMAND_PUT, bytes_of(key, (size_t)n), bytes_of(value, bytes), 0 };
    if (prng_below(&p, 5) == 0) {
        op = (struct command_op){ COMMAND_DELETE, op.key, { 0 }, 0 };
    }
    struct command c = { prng_below(&p, 4), index, 1, &op };
    struct writer out = writer_of(room, sizeof room);
    command_encode(&c, &out);
    CHECK(!out.bad);
    return writer_bytes(&out);
}

/* ---- handlers ---- */

static void on_durable(void *arg, uint64_t ticket, uint64_t index, uint64_t term)
{
    (void)arg;
    (void)term;
    CHECK(ticket > w.durable_ticket);
    w.durable_ticket = ticket;
    w.durable_index = index != 0 ? index : w.durable_index;
}

static void on_failed(void *arg, enum err e)
{
    (void)arg;
    CHECK(e != ERR_OK && w.disk.down);
    w.failed = true;
}

static void on_flushed(void *arg, enum err e, uint64_t took_ns)
{
    (void)arg;
    (void)took_ns;
    CHECK(e == ERR_OK || w.disk.down);
    w.failed = w.failed || e != ERR_OK;
    w.flushed = e == ERR_OK ? w.flushing : w.flushed;
    w.flushes += e == ERR_OK;
}

/* ---- what the disk must hold ---- */

static bool log_equals(const uint64_t *terms, uint64_t last)
{
    struct log_entry e;
    if (log_last(w.log) != last) {
        return false;
    }
    for (uint64_t i = 1; i <= last; i++) {
        CHECK(log_read(w.log, i, &e) == ERR_OK);
        if (e.term != terms[i]) {
            return false;
        }
    }
    return true;
}

/* What a node has in its log it has in its term: that is on the disk first. */
static void entries_check(uint64_t term)
{
    struct log_entry e;
    for (uint64_t i = 1; i <= log_last(w.log); i++) {
        CHECK(log_read(w.log, i, &e) == ERR_OK);
        CHECK(bytes_equal(e.data, entry_data(i, e.term)));
        CHECK(e.term <= term);
    }
}

/* The log must be what it was at some moment after the newest durable write was complete; history
 * is then cut there, as the next cut is judged from it. */
static void log_check(const struct log_recovered *rec)
{
    static uint64_t terms[STEPS_MAX + 1];
    uint64_t last = 0;
    uint32_t found = UINT32_MAX;
    for (uint32_t i = 0; i <= w.steps && found == UINT32_MAX; i++) {
        bool complete = i == w.steps || w.step[i].ticket > w.durable_ticket;
        if (complete && log_equals(terms, last)) {
            found = i;
        }
        if (i < w.steps && w.step[i].index == 0) {
            last = w.step[i].to;
        } else if (i < w.steps) {
            last = w.step[i].index;
            terms[last] = w.step[i].term;
        }
    }
    CHECK(found != UINT32_MAX);
    w.steps = found;
    w.last = log_last(w.log);
    CHECK(w.last >= w.commit);
    entries_check(rec->term);
}

static void vote_check(const struct log_recovered *rec)
{
    uint32_t at = UINT32_MAX;
    for (uint32_t i = 0; i < w.hards; i++) {
        bool newest = i + 1 == w.hards || w.hard[i + 1].ticket > w.durable_ticket;
        if (newest && w.hard[i].term == rec->term && w.hard[i].vote == rec->vote) {
            at = i;
        }
    }
    CHECK(at != UINT32_MAX);
    w.hards = at + 1;
    w.reborn = true;
    w.term = w.term > rec->term ? w.term : rec->term;
}

static void apply_to(struct kv *kv, uint64_t index)
{
    while (kv->applied < index) {
        struct log_entry e;
        struct kv_result r;
        CHECK(log_read(w.log, kv->applied + 1, &e) == ERR_OK);
        CHECK(kv_apply(kv, e.index, e.term, entry_data(e.index, e.term), &r) == ERR_OK);
    }
}

/* The state that survived, brought up to date, is the state of a replica that never fell. */
static void state_check(void)
{
    struct tables tables;
    struct kv fresh;
    CHECK(w.kv.applied >= w.flushed && w.kv.applied <= log_last(w.log));
    tables_open(&tables, &w.mem, NULL);
    CHECK(kv_open(&fresh, &tables) == ERR_OK);
    apply_to(&fresh, w.kv.applied);
    CHECK_U64(kv_hash(&fresh), kv_hash(&w.kv));
    CHECK_U64(fresh.keys, w.kv.keys);
    apply_to(&fresh, w.commit);
    apply_to(&w.kv, w.commit);
    CHECK_U64(kv_hash(&fresh), kv_hash(&w.kv));
    CHECK_U64((uint64_t)fresh.revision, (uint64_t)w.kv.revision);
    tables_close(&tables);
}

/* ---- one process ---- */

static bool start(void)
{
    struct log_recovered rec;
    struct diag diag;
    struct node_key key = { { 1, 2, 3 } };
    struct log_options o = { .salt = 42, .mem = &w.mem };
    struct log_handler h = { .durable = on_durable, .failed = on_failed };
    w.failed = false;
    w.log = NULL;
    w.flush = (struct flush){ 0 };
    sim_loop_init(&w.loop, &w.mem, &w.disk, prng_next(&w.prng));
    tables_open(&w.tables, &w.mem, &w.backing.base);
    CHECK(os_dir_open(&w.loop.os, "data", true, &w.dir) == ERR_OK);
    enum err e = home_open(&w.loop.os, w.dir, 7, &key, &w.home, &diag);
    if (e == ERR_OK) {
        CHECK(!w.home_known || memcmp(&w.home.incarnation, &w.home_first.incarnation,
                                      sizeof w.home.incarnation) == 0);
        w.home_first = w.home;
        w.home_known = true;
        e = log_open(&w.loop.os, w.dir, &o, &h, &rec, &w.log, &diag);
    }
    if (e != ERR_OK) {
        if (!w.disk.down) {
            printf("# start: %s\n", diag.text);
        }
        CHECK(w.disk.down);
        return false;
    }
    w.repaired += rec.repaired;
    log_check(&rec);
    vote_check(&rec);
    CHECK(flush_open(&w.flush, &w.loop.os, &w.tables, on_flushed, NULL) == ERR_OK);
    CHECK(kv_open(&w.kv, &w.tables) == ERR_OK);
    state_check();
    w.durable_index = w.last;
    return true;
}

static void stop(void)
{
    flush_close(&w.flush);
    if (w.log != NULL) {
        log_close(w.log);
    }
    tables_close(&w.tables);
    os_dir_close(w.dir);
    sim_loop_done(&w.loop);
}

static void append(void)
{
    struct log_entry e[5];
    static uint8_t copies[5][ENTRY_BYTES + 4096];
    struct log_write lw = { .ticket = ++w.ticket };
    if (prng_below(&w.prng, 6) == 0 || w.reborn) {
        w.reborn = false;
        w.term += 1 + prng_below(&w.prng, 2);
        lw.hard = true;
        lw.term = w.term;
        lw.vote = prng_below(&w.prng, 4);
        w.hard[w.hards++] = (struct hard){ w.term, lw.vote, w.ticket };
    }
    if (prng_below(&w.prng, 5) == 0 && w.last > w.commit) {
        lw.truncate = true;
        lw.truncate_to = w.commit + prng_below(&w.prng, w.last - w.commit);
        w.last = lw.truncate_to;
        w.durable_index = w.durable_index < w.last ? w.durable_index : w.last;
        w.step[w.steps++] = (struct step){ .to = w.last, .ticket = w.ticket };
    }
    uint64_t count = lw.hard && !lw.truncate ? prng_below(&w.prng, 3) : 1 + prng_below(&w.prng, 4);
    for (uint64_t i = 0; i < count; i++) {
        w.last++;
        struct bytes data = entry_data(w.last, w.term);
        memcpy(copies[i], data.data, data.count);
        e[i] = (struct log_entry){ w.last, w.term, 1, bytes_of(copies[i], data.count) };
        w.step[w.steps++] = (struct step){ w.last, w.term, 0, w.ticket };
    }
    lw.entries = e;
    lw.count = (uint32_t)count;
    if (count == 0 && !lw.hard && !lw.truncate) {
        return;
    }
    enum err err = log_append(w.log, &lw);
    CHECK(err == ERR_OK || w.failed);
}

static bool alive(void)
{
    return !w.failed && !w.disk.down;
}

static void live(uint32_t rounds)
{
    for (uint32_t i = 0; i < rounds && alive() && w.steps + 10 < STEPS_MAX; i++) {
        append();
        for (uint64_t turns = prng_below(&w.prng, 12); turns > 0 && alive(); turns--) {
            sim_turn(&w.loop);
        }
        uint64_t sure = w.durable_index < w.last ? w.durable_index : w.last;
        if (alive() && sure > w.commit) {
            w.commit += prng_below(&w.prng, sure - w.commit + 1);
        }
        if (alive() && w.commit > w.kv.applied) {
            apply_to(&w.kv, w.commit);
        }
        if (alive() && prng_below(&w.prng, 8) == 0 && !flush_busy(&w.flush)) {
            CHECK(kv_save(&w.kv) == ERR_OK);
            w.flushing = w.kv.applied;
            CHECK(flush_begin(&w.flush) == ERR_OK);
        }
        tables_rest(&w.tables);
    }
}

/* One history: cut at operation `cut`, again somewhere, and then looked at once more. False when
 * the workload ended before the cut. */
static bool history(uint64_t seed, uint64_t cut)
{
    memset(&w, 0, sizeof w);
    mem_init(&w.mem, "crash", 512u << 20);
    prng_seed(&w.prng, seed);
    sim_disk_init(&w.disk, &w.mem, seed + cut);
    sim_backing_init(&w.backing, &w.mem, &w.disk);
    w.hards = 1; /* the empty one: term 0, vote 0 */
    w.disk.crash_at = cut;
    if (start()) {
        live(ROUNDS);
    }
    stop();
    bool reached = w.disk.down;
    for (int again = 0; again < 2 && reached; again++) {
        sim_disk_restart(&w.disk);
        w.disk.crash_at = again == 0 ? w.disk.ops + 1 + prng_below(&w.prng, 60) : 0;
        if (start()) {
            live(10);
        }
        stop();
    }
    sim_backing_done(&w.backing);
    sim_disk_done(&w.disk);
    CHECK_U64(w.mem.used, 0);
    return reached;
}

/* The plain build cuts everywhere; under a sanitizer, which looks for other things, a third of the
 * cuts must do. */
#ifdef __SANITIZE_ADDRESS__
#define CUT_STEP 3
#else
#define CUT_STEP 1
#endif

static uint64_t seed_first = 1;
static uint64_t seeds = 1;
static uint64_t cut_step = CUT_STEP;

static void every_cut(void)
{
    uint64_t histories = 0;
    uint64_t repaired = 0;
    uint64_t flushes = 0;
    for (uint64_t seed = seed_first; seed < seed_first + seeds; seed++) {
        uint64_t cut = 1;
        while (history(seed, cut)) {
            repaired += w.repaired;
            flushes += w.flushes;
            histories++;
            cut += cut_step;
        }
    }
    printf("# %llu histories, %llu torn tails repaired, %llu flushes\n",
           (unsigned long long)histories, (unsigned long long)repaired,
           (unsigned long long)flushes);
    CHECK(histories > 100 && repaired > 10 && flushes > 100);
}

int main(int argc, char **argv)
{
    seed_first = argc > 1 ? strtoull(argv[1], NULL, 10) : seed_first;
    seeds = argc > 2 ? strtoull(argv[2], NULL, 10) : seeds;
    cut_step = argc > 3 ? strtoull(argv[3], NULL, 10) : cut_step;
    mallopt(M_MMAP_THRESHOLD, 1 << 30); /* half of the time went into fresh pages */
    mallopt(M_TRIM_THRESHOLD, 1 << 30);
    TAP_TEST("a cut at any disk operation loses nothing that was durable", every_cut);
    return tap_done();
}
