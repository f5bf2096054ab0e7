/* tests/unit/sim/test_options.c -- Subject: the command line: what it takes, the line that replays
 * a world, and what makes one smaller. Method: options are printed, the line is read as a command
 * line again, and both must ask for the same world.
 */
#include "tap.h"

#include "sim/options.h"
#include "sim/shrink.h"

#include <stdlib.h>

enum {
    WORDS_MAX = 32
};

/* What the printed line asks for. */
static struct sim_options again(const struct sim_options *o)
{
    struct sim_request r;
    char *words[WORDS_MAX + 1] = { NULL };
    char *line = NULL;
    size_t bytes = 0;
    int count = 0;
    FILE *f = open_memstream(&line, &bytes);
    CHECK(f != NULL);
    sim_options_print(o, false, f);
    fclose(f);
    for (char *w = strtok(line, " \n"); w != NULL && count < WORDS_MAX; w = strtok(NULL, " \n")) {
        words[count++] = w;
    }
    CHECK(sim_options_parse(count, words, &r) == -1);
    free(line);
    return r.world;
}

static void all_faults(void)
{
    struct sim_options o = { .seed = 5, .nodes = 5, .virtual_ns = 600 * SIM_S, .faults_all = true };
    CHECK(again(&o).faults_all);
    o.faults_all = false;
    CHECK(!again(&o).faults_all);
}

static void minutes_whole(void)
{
    static const uint64_t times_ms[] = { 1,     2,     499,    20000,   19999,    20001,
                                         30000, 60000, 120000, 1234567, 86399999, 599999999 };
    for (size_t i = 0; i < sizeof times_ms / sizeof times_ms[0]; i++) {
        struct sim_options o = { .seed = 4, .virtual_ns = times_ms[i] * SIM_MS };
        CHECK_U64(again(&o).virtual_ns, o.virtual_ns);
    }
    for (uint64_t ms = 1; ms <= 60001; ms += 7) {
        struct sim_options o = { .seed = 4, .virtual_ns = ms * SIM_MS };
        CHECK_U64(again(&o).virtual_ns, o.virtual_ns);
    }
}

/* What the program makes of a history that is to go there. */
static int history_to(const char *value)
{
    struct sim_request r;
    char text[16];
    char program[] = "aspen-sim";
    char seed[] = "--seed";
    char number[] = "4";
    char history[] = "--history";
    char *words[] = { program, seed, number, history, text, NULL };
    snprintf(text, sizeof text, "%s", value);
    return sim_options_parse(5, words, &r);
}

/* "-" is standard input for who reads a history; standard output has other things to say, and a
 * file of that name nobody finds where he looks for it. */
static void history_named(void)
{
    CHECK(history_to("-") == 2);
    CHECK(history_to("./-") == -1);
    CHECK(history_to("-x") == -1);
}

/* Whether an option takes that value; the world that it asks for then. */
static bool takes(const char *option, const char *value, struct sim_options *out)
{
    struct sim_request r;
    char name[32];
    char text[64];
    char program[] = "aspen-sim";
    char *words[] = { program, name, text, NULL };
    snprintf(name, sizeof name, "%s", option);
    snprintf(text, sizeof text, "%s", value);
    int code = sim_options_parse(3, words, &r);
    CHECK(code == -1 || code == 2);
    *out = r.world;
    return code == -1;
}

static void minutes_decimal(void)
{
    static const struct {
        const char *text;
        uint64_t ms;
    } good[] = { { "2", 120000 }, { "0.5", 30000 }, { "010", 600000 }, { "10000", 600000000 } };
    static const char *bad[] = { "",      " 1",  "1 ",   "+1",       "-1",      "0x1p-1", "inf",
                                 "nan",   "1e3", "1e-3", "infinity", "0x2",     "1,5",    ".",
                                 "1.2.3", "1..", "0",    "0.0",      "10000.1", "2m",     "\t1" };
    struct sim_options o;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        CHECK(takes("--minutes", good[i].text, &o));
        CHECK_U64(o.virtual_ns, good[i].ms * SIM_MS);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        printf("# '%s'\n", bad[i]);
        CHECK(!takes("--minutes", bad[i], &o));
    }
}

static void classes_named(void)
{
    static const char *bad[] = {
        "", ",", "crash,", ",crash", "crash,,loss", "crash, loss", "crush"
    };
    struct sim_options o;
    CHECK(takes("--without", "crash", &o));
    CHECK(o.faults_off == sim_fault_bit(SIM_FAULT_CRASH));
    CHECK(takes("--without", "crash,loss", &o));
    CHECK(o.faults_off == (sim_fault_bit(SIM_FAULT_CRASH) | sim_fault_bit(SIM_FAULT_LOSS)));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        printf("# '%s'\n", bad[i]);
        CHECK(!takes("--without", bad[i], &o));
    }
}

static void same_finding(void)
{
    CHECK(sim_shrink_same("node 3 lost entries: has 19", "node 12 lost entries: has 7"));
    CHECK(!sim_shrink_same("node 3 lost entries: has 19", "node 3 lost entries: has"));
    CHECK(!sim_shrink_same("node 3 lost entries", "node 3 forgot its vote of term 4"));
    CHECK(!sim_shrink_same("liveness: key 1 cannot be read", ""));
}

int main(void)
{
    TAP_TEST("options: a world of all faults says so", all_faults);
    TAP_TEST("options: the time of a world is said to the millisecond", minutes_whole);
    TAP_TEST("options: minutes are decimal digits, with one point or none", minutes_decimal);
    TAP_TEST("options: a history goes to a file", history_named);
    TAP_TEST("options: a list of classes has no empty place", classes_named);
    TAP_TEST("shrink: a finding is known by its text, whatever its numbers", same_finding);
    return tap_done();
}
