/* tests/unit/sim/test_lincheck.c -- Subject: the judge of histories. Method: histories in one line
 * each, whose verdicts follow from the definition, and what is not a history at all. */
#include "score.h"

#include "sim/lincheck.h"

#include <time.h>

struct known {
    const char *name;
    const char *history;
};

static const struct known good[] = {
    { "nothing at all", "" },
    { "a get of what was never there", "1:get 1:ok=-" },
    { "a put and its get", "1:put=a 1:ok@2 1:get 1:ok=a@2" },
    { "the same without revisions", "1:put=a 1:ok 1:get 1:ok=a" },
    { "an old value while the new one is written", "1:put=a 1:ok@2 1:put=b 2:get 2:ok=a@2 1:ok@3" },
    { "a new value while it is written", "1:put=a 1:ok@2 1:put=b 2:get 2:ok=b@3 1:ok@3" },
    { "old and new for two who overlap the write",
      "1:put=a 1:ok@2 1:put=b 2:get 3:get 2:ok=b@3 3:ok=a@2 1:ok@3" },
    { "a get that outlasts two writes sees the first",
      "9:get 1:put=a 1:ok@2 1:put=b 1:ok@3 9:ok=a@2" },
    { "concurrent writes against the order of their beginnings",
      "1:put=a 2:put=b 1:ok@3 2:ok@2 1:get 1:ok=a@3" },
    { "equal times are concurrent", "1:put=a 1:ok@2 1:put=b +2:get 1:ok@3 +2:ok=a@2" },
    { "a get that begins when the write ends may miss it", "1:put=a 1:ok@2 +2:get 2:ok=-" },
    { "absent after a del", "1:put=a 1:ok@2 1:del 1:ok@3 1:get 1:ok=-" },
    { "absent after a del without revision", "1:put=a 1:ok@2 1:del 1:ok 1:get 1:ok=-" },
    { "a del that finds nothing, before all", "1:del 1:ok@1 1:put=a 1:ok@2 1:get 1:ok=a@2" },
    { "two dels that say the same revision", "1:put=a 1:ok@2 1:del 1:ok@3 1:del 1:ok@3" },
    { "a del that finds nothing says a later revision of the store",
      "1:put=a 1:ok@2 1:del 1:ok@3 2:x.put=z 2:ok@4 1:del 1:ok@4 1:put=b 1:ok@5" },
    { "absent again between two values",
      "1:put=a 1:ok@2 9:get 1:del 1:ok@3 1:put=b 1:ok@4 9:ok=-" },
    { "absent after two writes at once and a del that ended with them",
      "1:put=a 2:put=b 3:del 1:ok 2:ok 3:ok 4:get 4:ok=-" },
    { "absent after a write and an unknown cas that may have removed it",
      "1:put=a 2:cas=a>- 1:ok 4:get 4:ok=- 4:get 4:ok=-" },
    { "a chain of cas", "1:cas=->a 1:ok@2 1:cas=a>b 1:ok@3 2:cas=b>c 2:ok@4 1:get 1:ok=c@4" },
    { "a cas that removes", "1:put=a 1:ok@2 1:cas=a>- 1:ok@3 1:get 1:ok=-" },
    { "a cas that removes, and a del that finds nothing",
      "1:put=a 1:ok@2 1:cas=a>- 1:ok@3 1:del 1:ok@3 1:get 1:ok=-" },
    { "the same, the del asked first", "1:put=a 1:ok@2 2:del 1:cas=a>- 1:ok@3 2:ok@3" },
    { "one cas of two wins", "1:put=a 1:ok@2 1:cas=a>b 2:cas=a>c 1:ok@3 2:fail 1:get 1:ok=b@3" },
    { "a failed write is not there", "1:put=a 1:ok@2 1:put=b 1:fail 1:get 1:ok=a@2" },
    { "a failed cas says nothing", "1:put=a 1:ok@2 2:cas=a>b 2:fail 1:get 1:ok=a@2" },
    { "ABA: one value in two versions",
      "1:put=a 1:ok@2 1:put=b 1:ok@3 1:put=a 1:ok@4 1:get 1:ok=a@4" },
    { "ABA without revisions", "1:put=a 1:ok 1:put=b 1:ok 2:put=a 1:get 1:ok=a 2:ok 1:get 1:ok=a" },
    { "an unknown write that nobody saw", "1:put=a 1:ok@2 1:put=b 1:info 1:get 1:ok=a@2" },
    { "an unknown write seen at once", "1:put=a 1:ok@2 1:put=b 1:info 1:get 1:ok=b@3" },
    { "an unknown write seen late",
      "1:put=a 1:ok@2 1:put=b 1:info 1:get 1:ok=a@2 1:get 1:ok=a@2 1:get 1:ok=b@3" },
    { "an unknown write overwritten unseen",
      "1:put=a 1:ok@2 1:put=b 1:info 1:put=c 1:ok@4 1:get 1:ok=c@4" },
    { "an unknown write takes effect after later ones",
      "1:put=b 1:info 2:put=a 2:ok@2 2:get 2:ok=a@2 2:get 2:ok=b@3" },
    { "a write without any answer, seen", "1:put=a 2:get 2:ok=a@2" },
    { "a write without any answer, not seen", "1:put=a 2:get 2:ok=-" },
    { "an unknown write that a cas needs", "1:put=a 1:info 2:cas=a>b 2:ok@3" },
    { "an unknown del that an absence needs", "1:put=a 1:ok@2 1:del 1:info 1:get 1:ok=-" },
    { "an unknown del not yet done", "1:put=a 1:ok@2 1:del 1:info 1:get 1:ok=a@2 1:get 1:ok=-" },
    { "a chain of unknown cas",
      "1:cas=->a 1:info 2:cas=a>b 2:info 3:cas=b>c 3:info 1:get 1:ok=c@4" },
    { "one unknown write seen at two times, without revisions",
      "1:put=a 1:info 2:put=b 2:ok 2:get 2:ok=a 2:get 2:ok=a" },
    { "two unknown writes of one value, seen twice",
      "1:put=a 1:info 2:put=a 2:info 3:put=b 3:info 4:get 4:ok=a@2 4:get 4:ok=b@3 "
      "4:get 4:ok=a@4" },
    { "an unknown get says nothing", "1:put=a 1:ok@2 1:get 1:info 1:get 1:ok=a@2" },
    { "a failed get says nothing", "1:put=a 1:ok@2 1:get 1:fail 1:get 1:ok=a@2" },
    { "keys do not mix", "1:x.put=a 1:ok@2 1:y.put=b 1:ok@3 1:x.get 1:ok=a@2 1:y.get 1:ok=b@3" },
    { "one revision for two keys", "1:x.put=a 2:y.put=b 1:ok@2 2:ok@2 1:y.get 1:ok=b@2" },
    { "an acknowledged write without revision among others",
      "1:put=a 1:ok@2 1:put=b 1:ok 1:get 1:ok=b@3 1:put=c 1:ok@4" },
    { "the empty value is not absence", "1:put= 1:ok@2 1:get 1:ok=@2" },
    { "a get that found nothing carries the store's revision", "1:get 1:ok=-@7 1:put=a 1:ok@8" },
};

static const struct known bad[] = {
    { "a value that nobody wrote", "1:get 1:ok=a" },
    { "a value that nobody wrote, with revision", "1:get 1:ok=a@2" },
    { "a stale read", "1:put=a 1:ok@2 1:put=b 1:ok@3 2:get 2:ok=a@2" },
    { "a stale read without revisions", "1:put=a 1:ok 1:put=b 1:ok 2:get 2:ok=a" },
    { "a stale absence", "1:put=a 1:ok@2 2:get 2:ok=-" },
    { "a stale absence without revisions", "1:put=a 1:ok 2:get 2:ok=-" },
    { "absent after two writes at once, without revisions",
      "1:put=a 2:put=b 1:ok 2:ok 3:get 3:ok=-" },
    { "a cas from absence after two writes at once", "1:put=a 2:put=b 1:ok 2:ok 3:cas=->c 3:ok" },
    { "a value back from the dead", "1:put=a 1:ok@2 1:del 1:ok@3 2:get 2:ok=a@2" },
    { "read inversion: two readers, new then old",
      "1:put=a 1:ok@2 1:put=b 2:get 2:ok=b@3 3:get 3:ok=a@2 1:ok@3" },
    { "read inversion without revisions", "1:put=a 1:ok 1:put=b 2:get 2:ok=b 3:get 3:ok=a 1:ok" },
    { "read inversion of one process at one instant",
      "1:put=a 1:ok@2 1:put=b 2:get +2:ok=b@3 +2:get +2:ok=a@2 1:ok@3" },
    { "a value from the future", "2:get 2:ok=a@2 1:put=a 1:ok@2" },
    { "a value from the future without revisions", "2:get 2:ok=a 1:put=a 1:ok" },
    { "an unknown write seen before it began", "2:get 2:ok=a@2 1:put=a 1:info" },
    { "a read of a failed write", "1:put=a 1:ok@2 1:put=b 1:fail 1:get 1:ok=b@3" },
    { "a lost update: two cas from one value", "1:put=a 1:ok@2 1:cas=a>b 2:cas=a>c 1:ok@3 2:ok@4" },
    { "a lost update without revisions", "1:put=a 1:ok 1:cas=a>b 2:cas=a>c 1:ok 2:ok" },
    { "a lost write", "1:put=a 1:ok@2 2:put=b 2:ok@3 1:get 1:ok=a@2" },
    { "a cas from a value that was gone", "1:put=a 1:ok@2 1:put=b 1:ok@3 1:cas=a>c 1:ok@4" },
    { "a cas from absence onto a value", "1:put=a 1:ok@2 1:cas=->b 1:ok@3" },
    { "a cas from a value that nobody wrote", "1:cas=a>b 1:info 2:cas=z>y 2:ok@5" },
    { "a chain of cas with a link missing", "1:cas=->a 1:ok@2 1:cas=a>b 1:fail 1:cas=b>c 1:ok@3" },
    { "revisions against real time", "1:put=a 1:ok@3 1:put=b 1:ok@2" },
    { "revisions against real time, told by a reader",
      "1:put=a 1:ok@2 2:put=b 1:put=c 1:ok@4 3:get 3:ok=b@3 2:ok@3" },
    { "one revision for two writes", "1:put=a 2:put=b 1:ok@2 2:ok@2" },
    { "one revision for a put and a del", "1:put=a 2:del 1:ok@2 2:ok@2" },
    { "a del that left the key", "1:put=a 1:ok@2 1:del 1:ok@2" },
    { "the value of another revision", "1:put=a 1:ok@2 1:put=b 1:ok@3 1:get 1:ok=a@3" },
    { "the revision of another value, old value", "1:put=a 1:ok@2 1:put=b 2:get 1:ok@3 2:ok=b@2" },
    { "a value at a revision of its own", "1:put=a 1:ok@2 1:get 1:ok=a@7" },
    { "two values at one revision", "1:put=a 1:info 2:put=b 2:info 3:get 3:ok=a@2 3:get 3:ok=b@2" },
    { "a value at the revision of a del", "1:put=a 1:ok@2 1:del 1:ok@3 2:get 2:ok=a@3" },
    { "an unknown write seen, then unseen",
      "1:put=a 1:ok@2 1:put=b 1:info 1:get 1:ok=b@3 1:get 1:ok=a@2" },
    { "an unknown write seen, then unseen, without revisions",
      "1:put=a 1:ok 1:put=b 1:info 1:get 1:ok=b 1:get 1:ok=a" },
    { "an unknown write seen twice with another between",
      "1:put=a 1:info 2:put=b 2:ok@3 2:get 2:ok=a@2 2:get 2:ok=b@3" },
    { "one unknown write in two versions",
      "1:put=a 1:info 2:get 2:ok=a@2 2:put=b 2:ok@3 2:get 2:ok=a@4" },
    { "an unknown del seen, then unseen",
      "1:put=a 1:ok@2 1:del 1:info 1:get 1:ok=- 1:get 1:ok=a@2" },
    { "an unknown write with no room between revisions",
      "1:put=a 1:ok@2 1:put=b 1:ok@3 9:put=z 9:info 2:cas=z>c 2:ok@4" },
    { "an unknown cas whose value was never there",
      "1:put=a 1:ok@2 2:cas=x>b 2:info 1:get 1:ok=b@3" },
    { "an unknown write that must have happened, and did not for the next",
      "1:put=a 1:info 2:cas=a>b 2:ok 3:cas=a>c 3:ok" },
    { "two processes disagree about the order of two writes",
      "1:put=a 2:put=b 3:get 3:ok=a 4:get 4:ok=b 3:get 3:ok=a 4:get 4:ok=b 1:ok 2:ok" },
    { "absent after put and a del that came before", "1:del 1:ok@1 1:put=a 1:ok@2 2:get 2:ok=-" },
    { "ABA: the first version after the second", "1:put=a 1:ok@2 1:put=b 1:ok@3 1:put=a 1:ok@4 "
                                                 "1:get 1:ok=a@2" },
    { "the empty value is not absence", "1:put= 1:ok@2 1:get 1:ok=-" },
    { "a cas from absence onto the empty value", "1:put= 1:ok@2 1:cas=->b 1:ok@3" },
    { "the empty value at the revision of a del", "1:put=a 1:ok@2 1:del 1:ok@3 2:get 2:ok=@3" },
    { "a violation in the last of three keys",
      "1:x.put=a 1:ok@2 1:y.put=b 1:ok@3 1:z.put=c 1:ok@4 1:z.put=d 1:ok@5 1:z.get 1:ok=c@4" },
};

static const struct known malformed[] = {
    { "two operations of one process", "1:put=a 1:get" },
    { "an answer to nothing", "1:ok=a" },
    { "two answers", "1:put=a 1:ok@2 1:ok@2" },
    { "an answer after info", "1:put=a 1:info 1:ok@2" },
    { "an answer to another operation", "1:put=a 1:ok!" },
    { "a put of nothing", "1:put=-" },
    { "a negative revision", "1:put=a 1:ok@-2" },
};

#define COUNT(rows) (sizeof(rows) / sizeof(rows)[0])

static struct mem mem;
static struct history h;
static struct lincheck_result r;

static void start(void)
{
    mem_init(&mem, "lincheck", 256u << 20);
    history_init(&h, &mem);
}

static void stop(void)
{
    history_done(&h);
    CHECK_U64(mem.used, 0);
}

static void all_are(const struct known *rows, size_t count, enum lincheck_verdict verdict)
{
    size_t wrong = 0;
    start();
    for (size_t i = 0; i < count; i++) {
        history_done(&h);
        score_play(&h, rows[i].history);
        lincheck_run(&h, &mem, NULL, &r);
        if (r.verdict != verdict) {
            printf("# %s: %s is %s: %s\n", rows[i].name, rows[i].history,
                   lincheck_verdict_name(r.verdict), r.reason);
            wrong++;
        }
        bool blamed = verdict == LINCHECK_BAD || verdict == LINCHECK_MALFORMED;
        CHECK((r.reason[0] != '\0') == blamed && (r.row > 0) == blamed);
        CHECK(strchr(r.reason, '\n') == NULL);
    }
    CHECK_U64(wrong, 0);
    stop();
}

static void all_good(void)
{
    all_are(good, COUNT(good), LINCHECK_GOOD);
}

static void all_bad(void)
{
    all_are(bad, COUNT(bad), LINCHECK_BAD);
}

static void all_malformed(void)
{
    all_are(malformed, COUNT(malformed), LINCHECK_MALFORMED);
}

/* What no text form says. */
static void malformed_rows(void)
{
    struct history_row inv = { .t_ns = 5, .process = 1, .op = HISTORY_GET, .key = bytes_text("k") };
    struct history_row back = inv;
    back.event = HISTORY_OK;
    back.t_ns = 4;
    start();
    CHECK(history_add(&h, &inv) == ERR_OK && history_add(&h, &back) == ERR_OK);
    lincheck_run(&h, &mem, NULL, &r);
    CHECK(r.verdict == LINCHECK_MALFORMED && strcmp(r.reason, "time goes back") == 0);
    CHECK_U64(r.row, 2);
    history_done(&h);
    inv.key = bytes_of(NULL, 0);
    CHECK(history_add(&h, &inv) == ERR_OK);
    lincheck_run(&h, &mem, NULL, &r);
    CHECK(r.verdict == LINCHECK_MALFORMED);
    history_done(&h);
    inv.key = bytes_text("k");
    CHECK(history_add(&h, &inv) == ERR_OK);
    back.t_ns = 6;
    back.key = bytes_text("l");
    CHECK(history_add(&h, &back) == ERR_OK);
    lincheck_run(&h, &mem, NULL, &r);
    CHECK(r.verdict == LINCHECK_MALFORMED);
    stop();
}

static void blame(void)
{
    start();
    score_play(&h, "1:a.put=a 1:ok@2 2:b.put=c 2:ok@3 2:b.put=d 2:ok@4 7:b.get 7:ok=c@3 1:a.get "
                   "1:ok=a@2");
    lincheck_run(&h, &mem, NULL, &r);
    CHECK(r.verdict == LINCHECK_BAD);
    CHECK(bytes_equal(r.key, bytes_text("b")));
    CHECK_U64(r.row, 8);
    CHECK_U64(r.process, 7);
    CHECK_U64(r.t_ns, 108);
    CHECK(strstr(r.reason, "revision 3") != NULL && strstr(r.reason, "revision 4") != NULL);
    stop();
}

/* The cheap key is bad: the dear one is never searched. */
static void first_violation(void)
{
    start();
    score_play(&h, "1:x.put=a 1:ok 1:x.get 1:ok=a 1:x.put=b 1:ok 1:x.get 1:ok=b 1:y.get 1:ok=z@4");
    lincheck_run(&h, &mem, NULL, &r);
    CHECK(r.verdict == LINCHECK_BAD && bytes_equal(r.key, bytes_text("y")));
    CHECK_U64(r.searched, 1);
    CHECK_U64(r.ops, 5);
    stop();
}

static void add(uint64_t t, uint32_t process, enum history_event event, enum history_op op,
                const char *old, const char *value)
{
    struct history_row row = { .t_ns = t,
                               .process = process,
                               .event = event,
                               .op = op,
                               .key = bytes_text("k"),
                               .old = bytes_text(old),
                               .value = value != NULL ? bytes_text(value) : bytes_of(NULL, 0) };
    CHECK(history_add(&h, &row) == ERR_OK);
}

/* Unknown cas between all pairs of SPOTS values, and a value that can be reached once but is seen
 * twice: every walk through the others would have to be tried. */
static void explode(void)
{
    enum {
        SPOTS = 8
    };
    static char names[SPOTS][16];
    uint32_t process = 10;
    start();
    add(1, 1, HISTORY_INV, HISTORY_PUT, "", "s0");
    add(2, 1, HISTORY_OK, HISTORY_PUT, "", "");
    for (int i = 0; i < SPOTS; i++) {
        snprintf(names[i], sizeof names[i], "s%d", i);
    }
    for (int i = 0; i < SPOTS; i++) {
        for (int j = 0; j < SPOTS; j++) {
            add(3, process++, HISTORY_INV, HISTORY_CAS, names[i], names[j]);
        }
    }
    add(3, process++, HISTORY_INV, HISTORY_CAS, "s7", "end");
    for (int i = 0; i < SPOTS; i++) {
        add(3, process++, HISTORY_INV, HISTORY_CAS, "end", names[i]);
    }
    for (uint64_t t = 4; t < 10; t += 2) {
        add(t, 2, HISTORY_INV, HISTORY_GET, "", "");
        add(t + 1, 2, HISTORY_OK, HISTORY_GET, "", t == 6 ? "s0" : "end");
    }
    clock_t from = clock();
    lincheck_run(&h, &mem, &(struct lincheck_options){ .states_max = 100000 }, &r);
    double seconds = (double)(clock() - from) / CLOCKS_PER_SEC;
    printf("# %s: %llu states in %.3f s %s\n", lincheck_verdict_name(r.verdict),
           (unsigned long long)r.states, seconds, r.reason);
    CHECK(r.verdict == LINCHECK_UNKNOWN && bytes_equal(r.key, bytes_text("k")));
    CHECK(strstr(r.reason, "states") != NULL);
    CHECK(r.states >= 100000 && r.states < 110000);
    CHECK(seconds < 5);
    mem.limit = mem.used + (1u << 20); /* ends at the account, too */
    lincheck_run(&h, &mem, NULL, &r);
    CHECK(r.verdict == LINCHECK_UNKNOWN && strstr(r.reason, "memory") != NULL);
    mem.limit = mem.used;
    lincheck_run(&h, &mem, NULL, &r);
    CHECK(r.verdict == LINCHECK_UNKNOWN && strstr(r.reason, "memory") != NULL);
    stop();
}

/* Writes at once, without revisions: too many to try every order. */
static void crowd_puts(void)
{
    enum {
        CROWD = 24
    };
    static char names[CROWD][16];
    for (uint32_t i = 0; i < CROWD; i++) {
        snprintf(names[i], sizeof names[i], "v%u", i);
        add(2, 10 + i, HISTORY_INV, HISTORY_PUT, "", names[i]);
    }
    for (uint32_t i = 0; i < CROWD; i++) {
        add(3, 10 + i, HISTORY_OK, HISTORY_PUT, "", "");
    }
}

/* Later, what is there. */
static void crowd_get(const char *seen)
{
    add(10, 1, HISTORY_INV, HISTORY_GET, "", "");
    add(11, 1, HISTORY_OK, HISTORY_GET, "", seen);
}

static void crowd(const char *seen)
{
    crowd_puts();
    crowd_get(seen);
}

static void verdict(enum lincheck_verdict wanted, uint64_t states_max)
{
    lincheck_run(&h, &mem, NULL, &r);
    printf("# %s, %llu states %s\n", lincheck_verdict_name(r.verdict), (unsigned long long)r.states,
           r.reason);
    CHECK(r.verdict == wanted && r.states <= states_max);
    history_done(&h);
}

/* What was certainly overwritten is not read, whatever the order of the writes; what may have come
 * last is. */
static void crowds(void)
{
    const uint64_t few = 100; /* a search takes millions */
    start();
    crowd(NULL);
    verdict(LINCHECK_BAD, 0);
    add(1, 2, HISTORY_INV, HISTORY_DEL, "", NULL); /* before them all */
    add(1, 2, HISTORY_OK, HISTORY_DEL, "", NULL);
    crowd(NULL);
    verdict(LINCHECK_BAD, 0);
    crowd(NULL);
    add(12, 2, HISTORY_INV, HISTORY_DEL, "", NULL); /* after the get */
    verdict(LINCHECK_BAD, 0);
    add(1, 2, HISTORY_INV, HISTORY_PUT, "", "old");
    add(1, 2, HISTORY_OK, HISTORY_PUT, "", "");
    crowd("old");
    verdict(LINCHECK_BAD, 0);
    crowd("new");
    add(12, 2, HISTORY_INV, HISTORY_PUT, "", "new");
    verdict(LINCHECK_BAD, 0);

    crowd("v23");
    verdict(LINCHECK_GOOD, few);
    crowd("v7");
    verdict(LINCHECK_GOOD, few);
    add(1, 2, HISTORY_INV, HISTORY_DEL, "", NULL); /* known, and the last of them all */
    crowd_puts();
    add(4, 2, HISTORY_OK, HISTORY_DEL, "", NULL);
    crowd_get(NULL);
    verdict(LINCHECK_GOOD, 1000);
    add(1, 2, HISTORY_INV, HISTORY_DEL, "", NULL); /* perhaps after them all */
    crowd(NULL);
    verdict(LINCHECK_GOOD, few);
    crowd(NULL);
    add(11, 2, HISTORY_INV, HISTORY_DEL, "", NULL); /* perhaps before the get saw nothing */
    verdict(LINCHECK_GOOD, few);
    add(1, 2, HISTORY_INV, HISTORY_CAS, "v7", NULL);
    crowd(NULL);
    verdict(LINCHECK_GOOD, few);
    add(1, 2, HISTORY_INV, HISTORY_PUT, "", "old");
    crowd("old");
    verdict(LINCHECK_GOOD, few);
    stop();
}

/* A violation elsewhere is found although one key cannot be decided. */
static void unknown_and_bad(void)
{
    start();
    score_play(&h, "1:x.put=a 1:ok 2:x.put=b 3:x.put=c 4:x.put=d 9:x.get 9:ok=c 2:ok 3:ok 4:ok "
                   "9:x.get 9:ok=b 9:x.get 9:ok=d 1:y.put=a 1:ok 1:y.put=b 1:ok 1:y.put=a 1:ok "
                   "1:y.put=c 1:ok 1:y.put=c 1:ok 1:y.get 1:ok=c 1:y.put=b 1:ok 1:y.get 1:ok=a");
    lincheck_run(&h, &mem, NULL, &r);
    CHECK(r.verdict == LINCHECK_BAD && bytes_equal(r.key, bytes_text("x")));
    lincheck_run(&h, &mem, &(struct lincheck_options){ .states_max = 1 }, &r);
    CHECK(r.verdict == LINCHECK_BAD);
    stop();
}

int main(void)
{
    printf("# %zu good, %zu bad, %zu malformed\n", COUNT(good), COUNT(bad), COUNT(malformed));
    TAP_TEST("lincheck: histories that some order explains are good", all_good);
    TAP_TEST("lincheck: classical anomalies are bad", all_bad);
    TAP_TEST("lincheck: rows that make no history are malformed", all_malformed);
    TAP_TEST("lincheck: times, keys and answers must fit", malformed_rows);
    TAP_TEST("lincheck: a violation names key, process, time and revisions", blame);
    TAP_TEST("lincheck: the first violation ends it, cheap keys first", first_violation);
    TAP_TEST("lincheck: too many states or too little memory is unknown, and soon", explode);
    TAP_TEST("lincheck: many writes at once are judged, good and bad", crowds);
    TAP_TEST("lincheck: one key out of reach hides no violation of another", unknown_and_bad);
    return tap_done();
}
