/* tests/unit/store/test_conform_cut.c -- Subject: truncation and restart, on disk and in memory.
 * Method: small cases; random histories beside an array of terms.
 */
#include "conform.h"

static void to_the_last(void)
{
    rig_append(&r, 1, 5, 1, 100);
    truncate_to(5);
    rig_wait(&r);
    CHECK_U64(log_last(r.log), 5);
    check_range(1, 5, 1);
}

static void to_nothing(void)
{
    const struct log_run *run;
    rig_append(&r, 1, 5, 1, 100);
    truncate_to(0);
    rig_wait(&r);
    CHECK_U64(log_last(r.log), 0);
    CHECK_U64(log_runs(r.log, &run), 0);
    check_none(1);
    restart();
    CHECK_U64(r.rec.last, 0);
}

static void gone_at_once(void)
{
    rig_append(&r, 1, 5, 1, 100);
    rig_wait(&r);
    truncate_to(3);
    check_none(4);
    check_none(5);
    rig_check(&r, 3, 1);
    rig_wait(&r);
    check_none(4);
}

static void ticket_alone(void)
{
    rig_append(&r, 1, 5, 1, 100);
    rig_wait(&r);
    uint64_t before = r.ticket;
    truncate_to(2);
    rig_wait(&r);
    CHECK_U64(r.durable, before + 1);
}

static void replaced(void)
{
    rig_append(&r, 1, 10, 1, 100);
    rig_append(&r, 4, 3, 2, 100);
    rig_wait(&r);
    CHECK_U64(log_last(r.log), 6);
    check_range(1, 3, 1);
    check_range(4, 6, 2);
    check_none(7);
}

static void replaced_durable(void)
{
    rig_append(&r, 1, 10, 1, 100);
    rig_wait(&r);
    rig_append(&r, 4, 30, 2, 100);
    rig_wait(&r);
    check_range(1, 3, 1);
    check_range(4, 33, 2);
}

static void replaced_all(void)
{
    rig_append(&r, 1, 10, 1, 100);
    rig_wait(&r);
    rig_append(&r, 1, 4, 2, 100);
    rig_wait(&r);
    restart();
    CHECK_U64(r.rec.last, kept(4));
    check_range(1, kept(4), 2);
}

static void twice_at_once(void)
{
    rig_append(&r, 1, 10, 1, 100);
    truncate_to(7);
    truncate_to(4);
    rig_append(&r, 5, 1, 3, 100);
    rig_wait(&r);
    restart();
    CHECK_U64(r.rec.last, kept(5));
    check_range(1, kept(4), 1);
    check_range(5, kept(5), 3);
}

static void with_vote(void)
{
    struct log_entry e = { 3, 6, 3, rig_data(3, 6, 100) };
    rig_append(&r, 1, 10, 1, 100);
    struct log_write w = { .ticket = ++r.ticket, .entries = &e, .count = 1 };
    w.truncate = true;
    w.truncate_to = 2;
    w.hard = true;
    w.term = 6;
    w.vote = 4;
    CHECK(log_append(r.log, &w) == ERR_OK);
    rig_wait(&r);
    restart();
    CHECK_U64(r.rec.last, kept(3));
    CHECK_U64(r.rec.term, kept(6));
}

static void runs_cut(void)
{
    const struct log_run *run;
    rig_append(&r, 1, 3, 1, 16);
    rig_append(&r, 4, 3, 2, 16);
    rig_append(&r, 7, 3, 3, 16);
    truncate_to(4);
    CHECK_U64(log_runs(r.log, &run), 2);
    truncate_to(3);
    CHECK_U64(log_runs(r.log, &run), 1);
    rig_append(&r, 4, 1, 5, 16);
    CHECK_U64(log_runs(r.log, &run), 2);
    CHECK(run[1].first == 4 && run[1].term == 5);
    rig_wait(&r);
}

static void below_the_cache(void)
{
    for (uint64_t i = 1; i <= 120; i++) {
        rig_append(&r, i, 1, 1, 100 * 1024);
        rig_wait(&r);
    }
    rig_append(&r, 5, 2, 2, 100);
    check_range(1, 4, 1);
    check_range(5, 6, 2);
    check_none(7);
    rig_wait(&r);
    check_range(1, 4, 1);
    check_range(5, 6, 2);
}

static void across_segments(void)
{
    for (uint64_t i = 1; i <= 100; i++) {
        rig_append(&r, i, 1, 1, 100 * 1024);
        rig_wait(&r);
    }
    rig_append(&r, 10, 100, 2, 80 * 1024);
    rig_wait(&r);
    restart();
    CHECK_U64(r.rec.last, kept(109));
    check_range(1, kept(9), 1);
    for (uint64_t i = 10; i <= kept(109); i++) {
        rig_check(&r, i, 2);
    }
}

static void again_and_again(void)
{
    for (uint64_t t = 1; t <= 100; t++) {
        rig_append(&r, t < 3 ? t : 3, 20, t, 200);
    }
    rig_wait(&r);
    restart();
    CHECK_U64(r.rec.last, kept(22));
    check_range(3, kept(22), 100);
}

/* Random appends, truncations and restarts beside an array. */
static void history(uint64_t seed, size_t bytes_max)
{
    static uint64_t terms[4096];
    struct prng p;
    uint64_t last = 0;
    prng_seed(&p, seed);
    for (uint64_t step = 1; step <= 300; step++) {
        uint64_t to = prng_below(&p, 4) == 0 ? prng_below(&p, last + 1) : last;
        uint32_t count = 1 + (uint32_t)prng_below(&p, 8);
        rig_append(&r, to + 1, count, step, (size_t)prng_below(&p, bytes_max));
        last = to + count;
        for (uint64_t i = to + 1; i <= last; i++) {
            terms[i] = step;
        }
        if (prng_below(&p, 3) == 0) {
            rig_wait(&r);
        }
        if (prng_below(&p, 40) == 0) {
            restart();
            last = kept(last);
        }
        CHECK_U64(log_last(r.log), last);
        uint64_t i = last == 0 ? 0 : 1 + prng_below(&p, last);
        if (i > 0) {
            rig_check(&r, i, terms[i]);
        }
    }
    rig_wait(&r);
    for (uint64_t i = 1; i <= last; i++) {
        rig_check(&r, i, terms[i]);
    }
}

static void history_small(void)
{
    history(1, 300);
}

static void history_mixed(void)
{
    history(2, 20000);
}

/* ---- restart ---- */

static void nothing(void)
{
    for (int i = 0; i < 3; i++) {
        restart();
        CHECK_U64(r.rec.last, 0);
        CHECK_U64(r.rec.term, 0);
        CHECK(!r.rec.repaired);
    }
}

static void entries(void)
{
    rig_append(&r, 1, 20, 3, 100);
    rig_wait(&r);
    restart();
    CHECK_U64(r.rec.last, kept(20));
    CHECK_U64(r.found, kept(20));
    CHECK_U64(r.rec.first, 1);
    CHECK_U64(log_last(r.log), kept(20));
    check_range(1, kept(20), 3);
}

static void goes_on(void)
{
    for (uint64_t round = 0; round < 10; round++) {
        uint64_t first = kept(round * 5) + 1;
        rig_append(&r, first, 5, round + 1, 100);
        rig_wait(&r);
        restart();
        CHECK_U64(r.rec.last, kept(round * 5 + 5));
        CHECK(!r.rec.repaired);
    }
}

/* What was queued is written before the log closes. */
static void without_waiting(void)
{
    rig_append(&r, 1, 20, 3, 1000);
    rig_append(&r, 21, 20, 3, 1000);
    restart();
    CHECK_U64(r.rec.last, kept(40));
    check_range(1, kept(40), 3);
}

static void segments(void)
{
    for (uint64_t i = 1; i <= 120; i++) {
        rig_append(&r, i, 1, 1, 64 * 1024);
        rig_wait(&r);
    }
    for (int i = 0; i < 2; i++) {
        restart();
        CHECK_U64(r.rec.last, kept(120));
        check_range(1, kept(120), 1);
        if (conform_memory) {
            return;
        }
    }
}

static void large(void)
{
    rig_append(&r, 1, 1, 1, ENTRY_BYTES_MAX);
    rig_append(&r, 2, 1, 1, 16);
    rig_append(&r, 3, 1, 1, ENTRY_BYTES_MAX);
    rig_wait(&r);
    restart();
    CHECK_U64(r.rec.last, kept(3));
    check_range(1, kept(3), 1);
}

static void cut_and_nothing_else(void)
{
    rig_append(&r, 1, 20, 1, 100);
    truncate_to(8);
    rig_wait(&r);
    restart();
    CHECK_U64(r.rec.last, kept(8));
    CHECK_U64(r.found, kept(8));
    if (!conform_memory) {
        check_none(9);
        rig_append(&r, 9, 1, 2, 100);
        rig_wait(&r);
        rig_check(&r, 9, 2);
    }
}

static void cut_after(void)
{
    rig_append(&r, 1, 20, 1, 100);
    rig_wait(&r);
    restart();
    if (!conform_memory) {
        rig_append(&r, 11, 1, 2, 100);
        rig_wait(&r);
        restart();
        CHECK_U64(r.rec.last, 11);
        check_range(1, 10, 1);
        rig_check(&r, 11, 2);
    }
    CHECK_U64(log_last(r.log), kept(11));
}

static void terms_after(void)
{
    const struct log_run *run;
    rig_append(&r, 1, 3, 1, 16);
    rig_append(&r, 4, 3, 4, 16);
    rig_append(&r, 5, 3, 9, 16);
    rig_wait(&r);
    restart();
    CHECK_U64(log_runs(r.log, &run), kept(3));
    if (!conform_memory) {
        CHECK(run[1].first == 4 && run[1].term == 4 && run[2].first == 5 && run[2].term == 9);
    }
}

int main(void)
{
    static const struct conform_case cases[] = {
        { "truncate: to the last entry it changes nothing", to_the_last },
        { "truncate: to nothing, and nothing is there after a restart", to_nothing },
        { "truncate: what is cut off cannot be read at once", gone_at_once },
        { "truncate: alone it becomes durable", ticket_alone },
        { "truncate: entries replace others that were never durable", replaced },
        { "truncate: entries replace durable ones, and are more", replaced_durable },
        { "truncate: entries replace all, and are fewer", replaced_all },
        { "truncate: twice before anything is written", twice_at_once },
        { "truncate: with entries and a vote under one ticket", with_vote },
        { "truncate: runs of terms are cut too", runs_cut },
        { "truncate: below what the cache holds", below_the_cache },
        { "truncate: across segments", across_segments },
        { "truncate: a hundred times in a row", again_and_again },
        { "truncate: random histories of small entries", history_small },
        { "truncate: random histories of mixed entries", history_mixed },
        { "restart: of an empty log, three times", nothing },
        { "restart: entries are found in order and read", entries },
        { "restart: ten lives of five entries", goes_on },
        { "restart: what was queued is written at the end", without_waiting },
        { "restart: of several segments, twice", segments },
        { "restart: the largest entries", large },
        { "restart: a truncation without entries holds", cut_and_nothing_else },
        { "restart: truncation goes on behind it", cut_after },
        { "restart: the runs of terms are the same", terms_after },
    };
    conform(cases, sizeof cases / sizeof cases[0]);
    return tap_done();
}
