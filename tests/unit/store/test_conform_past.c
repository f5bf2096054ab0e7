/* tests/unit/store/test_conform_past.c -- Subject: what a log forgets: compaction and installed
 * snapshots, on disk and in memory. Method: small cases; random histories beside an array of terms.
 */
#include "conform.h"

enum {
    SMALL_SEGMENT = 64 * 1024,
    HISTORY_MAX = 40000
};

static void compact(uint64_t to)
{
    CHECK(log_compact(r.log, to) == ERR_OK);
}

static void install(uint64_t index, uint64_t term)
{
    CHECK(log_install(r.log, ++r.ticket, index, term) == ERR_OK);
}

static void forgotten(void)
{
    rig_append(&r, 1, 10, 1, 100);
    rig_wait(&r);
    compact(6);
    CHECK_U64(log_first(r.log), 7);
    CHECK_U64(log_last(r.log), 10);
    for (uint64_t i = 0; i <= 6; i++) {
        check_none(i);
    }
    check_range(7, 10, 1);
}

static void forgotten_again(void)
{
    rig_append(&r, 1, 10, 1, 100);
    rig_wait(&r);
    compact(6);
    compact(3);
    compact(6);
    compact(0);
    CHECK_U64(log_first(r.log), 7);
    compact(7);
    CHECK_U64(log_first(r.log), 8);
    check_range(8, 10, 1);
}

static void all_forgotten(void)
{
    const struct log_run *run;
    rig_append(&r, 1, 5, 2, 100);
    rig_wait(&r);
    compact(5);
    CHECK_U64(log_first(r.log), 6);
    CHECK_U64(log_last(r.log), 5);
    CHECK_U64(log_runs(r.log, &run), 0);
    check_none(5);
    rig_append(&r, 6, 2, 3, 100);
    rig_wait(&r);
    check_range(6, 7, 3);
    CHECK_U64(log_runs(r.log, &run), 1);
    CHECK(run[0].first == 6 && run[0].term == 3);
}

static void terms_forgotten(void)
{
    const struct log_run *run;
    rig_append(&r, 1, 3, 1, 100);
    rig_append(&r, 4, 3, 2, 100);
    rig_append(&r, 7, 3, 5, 100);
    rig_wait(&r);
    compact(3);
    CHECK_U64(log_runs(r.log, &run), 2);
    CHECK(run[0].first == 4 && run[0].term == 2);
    compact(4);
    CHECK_U64(log_runs(r.log, &run), 2);
    CHECK(run[0].first == 5 && run[0].term == 2 && run[1].first == 7 && run[1].term == 5);
    compact(8);
    CHECK_U64(log_runs(r.log, &run), 1);
    CHECK(run[0].first == 9 && run[0].term == 5);
}

static void memory_back(void)
{
    for (uint64_t i = 0; i < 10; i++) {
        rig_append(&r, i * 200 + 1, 200, 1, 1000);
        rig_wait(&r);
    }
    size_t before = r.loop.mem.used;
    compact(1990);
    CHECK(r.loop.mem.used + 1900 * 1000 < before);
    check_range(1991, 2000, 1);
    rig_append(&r, 2001, 200, 1, 1000);
    rig_wait(&r);
    check_range(1991, 2200, 1);
}

static void cut_at_the_beginning(void)
{
    rig_append(&r, 1, 10, 1, 100);
    rig_wait(&r);
    compact(4);
    truncate_to(4);
    CHECK_U64(log_last(r.log), 4);
    rig_append(&r, 5, 3, 2, 100);
    rig_wait(&r);
    check_none(4);
    check_range(5, 7, 2);
    CHECK_U64(log_last(r.log), 7);
}

static void installed(void)
{
    const struct log_run *run;
    rig_append(&r, 1, 10, 1, 100);
    rig_wait(&r);
    install(100, 7);
    CHECK_U64(log_first(r.log), 101);
    CHECK_U64(log_last(r.log), 100);
    CHECK_U64(log_runs(r.log, &run), 0);
    for (uint64_t i = 0; i <= 101; i++) {
        check_none(i);
    }
    rig_wait(&r);
    CHECK_U64(r.durable, r.ticket);
    restart();
    CHECK_U64(r.rec.first, kept(100) + 1);
    CHECK_U64(r.rec.before_term, kept(7));
    CHECK_U64(r.rec.last, kept(100));
    CHECK_U64(r.installed, kept(100));
    check_none(10);
    check_none(100);
    rig_append(&r, kept(100) + 1, 3, 8, 100);
    rig_wait(&r);
    check_range(kept(100) + 1, kept(100) + 3, 8);
}

/* Entries behind the snapshot's index are another past's: they go too. */
static void installed_below_the_end(void)
{
    rig_append(&r, 1, 10, 1, 100);
    rig_wait(&r);
    rig_append(&r, 11, 10, 2, 100); /* not durable */
    install(5, 3);
    CHECK_U64(log_last(r.log), 5);
    check_none(6);
    check_none(15);
    rig_append(&r, 6, 2, 4, 100);
    check_range(6, 7, 4);
    rig_wait(&r);
    check_range(6, 7, 4);
    check_none(8);
    restart();
    CHECK_U64(r.rec.first, kept(5) + 1);
    CHECK_U64(r.rec.before_term, kept(3));
    CHECK_U64(r.rec.last, kept(7));
    if (!conform_memory) {
        check_range(6, 7, 4);
    }
    check_none(8);
}

static void installed_at_once(void)
{
    rig_append(&r, 1, 3, 1, 100);
    install(10, 2);
    rig_append(&r, 11, 3, 3, 100);
    install(20, 4);
    install(30, 5);
    rig_append(&r, 31, 1, 5, 100);
    truncate_to(30);
    rig_append(&r, 31, 2, 6, 100);
    check_range(31, 32, 6);
    rig_wait(&r);
    CHECK_U64(r.index, 32);
    check_range(31, 32, 6);
    restart();
    CHECK_U64(r.rec.first, kept(30) + 1);
    CHECK_U64(r.rec.last, kept(32));
    if (!conform_memory) {
        EXPECT_MARK("store: entries follow an install at once");
    }
}

static void installed_with_vote(void)
{
    rig_append(&r, 1, 3, 1, 100);
    rig_vote(&r, 9, 2);
    install(10, 8);
    rig_vote(&r, 10, 3);
    rig_wait(&r);
    restart();
    CHECK_U64(r.rec.term, kept(10));
    CHECK_U64(r.rec.last, kept(10));
}

static void installed_then_compacted(void)
{
    install(50, 2);
    rig_append(&r, 51, 100, 2, 1000);
    rig_wait(&r);
    compact(120);
    check_none(120);
    check_range(121, 150, 2);
    restart();
    CHECK_U64(r.rec.last, kept(150));
    CHECK(conform_memory || (r.rec.first > 50 && r.rec.first <= 121 && r.rec.before_term == 2));
    for (uint64_t i = r.rec.first; i <= r.rec.last; i++) {
        rig_check(&r, i, 2);
    }
}

static void installed_into_an_empty_log(void)
{
    install(7, 3);
    rig_wait(&r);
    CHECK_U64(r.index, 0);
    restart();
    CHECK_U64(r.rec.last, kept(7));
    CHECK_U64(r.rec.before_term, kept(3));
}

/* ---- random histories ---- */

static struct {
    struct prng prng;
    uint64_t terms[HISTORY_MAX];
    uint64_t floor; /* of the newest snapshot */
    uint64_t base;
    uint64_t last;
    uint64_t term;
} m;

static void model_check(void)
{
    CHECK_U64(log_first(r.log), m.base + 1);
    CHECK_U64(log_last(r.log), m.last);
    check_none(m.base);
    check_none(m.last + 1);
    for (int i = 0; i < 5 && m.last > m.base; i++) {
        uint64_t at = m.base + 1 + prng_below(&m.prng, m.last - m.base);
        rig_check(&r, at, m.terms[at]);
    }
    const struct log_run *run;
    uint32_t count = log_runs(r.log, &run);
    CHECK((count == 0) == (m.last == m.base));
    CHECK(count == 0 || run[0].first == m.base + 1);
    for (uint32_t i = 0; i < count; i++) {
        CHECK_U64(run[i].term, m.terms[run[i].first]);
        CHECK(i == 0 || run[i].first > run[i - 1].first);
    }
}

static void model_restart(void)
{
    rig_wait(&r);
    restart();
    if (conform_memory) {
        m.floor = m.base = m.last = 0;
    }
    CHECK(r.rec.first > m.floor && r.rec.first <= m.base + 1);
    m.base = r.rec.first - 1;
    CHECK_U64(r.rec.last, m.last);
    CHECK_U64(r.rec.before_term, m.base > 0 ? m.terms[m.base] : 0);
    for (uint64_t i = m.base + 1; i <= m.last; i++) {
        rig_check(&r, i, m.terms[i]);
    }
}

static void model_append(void)
{
    uint32_t count = 1 + (uint32_t)prng_below(&m.prng, 30);
    m.term += prng_below(&m.prng, 4) == 0 ? 1 : 0;
    if (m.last > m.base && prng_below(&m.prng, 4) == 0) {
        m.last = m.base + prng_below(&m.prng, m.last - m.base);
        m.term++;
    }
    rig_append(&r, m.last + 1, count, m.term, 300 + prng_below(&m.prng, 700));
    for (uint32_t i = 0; i < count; i++) {
        m.terms[++m.last] = m.term;
    }
}

static void random_history(uint64_t seed)
{
    memset(&m, 0, sizeof m);
    prng_seed(&m.prng, seed);
    m.term = 1;
    for (int i = 0; i < 400; i++) {
        uint64_t what = prng_below(&m.prng, 40);
        if (what == 0) {
            model_restart();
        } else if (what == 1) {
            m.floor = m.base = m.last = m.base + prng_below(&m.prng, m.last - m.base + 20);
            m.terms[m.base] = ++m.term;
            install(m.base, m.term);
        } else if (what < 10 && m.last > m.base) {
            rig_wait(&r);
            m.base += 1 + prng_below(&m.prng, m.last - m.base);
            compact(m.base);
        } else {
            model_append();
        }
        if (prng_below(&m.prng, 3) == 0) {
            os_linux_turn(r.loop.linux_loop, 0);
        }
        model_check();
    }
    model_restart();
}

static void random_histories(void)
{
    rig_close(&r);
    for (uint64_t seed = 1; seed <= 6; seed++) {
        rig_segment_bytes = SMALL_SEGMENT;
        rig_open(&r, conform_memory);
        random_history(seed);
        if (seed < 6) {
            rig_close(&r);
        }
    }
    rig_segment_bytes = 0;
    if (!conform_memory) {
        EXPECT_MARK("store: a segment is used again");
    }
}

int main(void)
{
    static const struct conform_case cases[] = {
        { "past: what is compacted is not found, the rest is", forgotten },
        { "past: compacting what is compacted changes nothing", forgotten_again },
        { "past: a log compacted to its end goes on there", all_forgotten },
        { "past: terms of compacted entries are forgotten", terms_forgotten },
        { "past: the account gets memory back", memory_back },
        { "past: the beginning is as far as a truncation goes", cut_at_the_beginning },
        { "past: an install leaves an empty log behind the snapshot", installed },
        { "past: an install drops what is behind its index too", installed_below_the_end },
        { "past: installs and entries in one turn keep their order", installed_at_once },
        { "past: an install does not take a vote along", installed_with_vote },
        { "past: a log that begins with a snapshot is compacted", installed_then_compacted },
        { "past: an install is the first thing in a log", installed_into_an_empty_log },
        { "past: random histories", random_histories },
    };
    conform(cases, sizeof cases / sizeof cases[0]);
    return tap_done();
}
