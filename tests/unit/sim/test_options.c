/* tests/unit/sim/test_options.c -- Subject: the line that replays a world, and what makes one
 * smaller. Method: options are printed, the line is read as a command line again, and both must ask
 * for the same world.
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
    TAP_TEST("shrink: a finding is known by its text, whatever its numbers", same_finding);
    return tap_done();
}
