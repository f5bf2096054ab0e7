/* tests/unit/raft/space/test_space.c -- Subject: the core in every order of events. Method:
 * all states that three small cores can reach within the budgets of each plan below; the search
 * must come to its end, and must have been where the plan wants it to go.
 *
 * usage: test_space [soak|NAME]   the plans of `make test` (in a sanitizer build: the small ones);
 *                                 soak: all; else one of them */
#include "tap.h"

#include "space.h"

#include <time.h>

#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

#define ADD(node)                                                                                  \
    {                                                                                              \
        RAFT_CHANGE_VOTER, node, 0                                                                 \
    }
#define REMOVE(node)                                                                               \
    {                                                                                              \
        RAFT_CHANGE_REMOVE, node, 0                                                                \
    }
#define LEARN(node)                                                                                \
    {                                                                                              \
        RAFT_CHANGE_LEARNER, node, 0                                                               \
    }

enum level {
    SMALL, /* under the sanitizers too */
    USUAL,
    LARGE /* in `make soak` */
};

/* budgets: highest term, entries, commands, changes, crashes, doubles, connections made anew, lost
 * disks */
static const struct {
    enum level level;
    struct space_plan plan;
} plans[] = {
    { SMALL, { .name = "two elections", .budget = { 3, 3, 0, 0, 0, 0, 0, 0 }, .voters = 3 } },
    { SMALL, { .name = "a command", .budget = { 2, 3, 1, 0, 0, 0, 0, 0 }, .voters = 3 } },
    { SMALL, { .name = "a double", .budget = { 2, 2, 0, 0, 0, 1, 0, 0 }, .voters = 3 } },
    { SMALL,
      { .name = "a crash", .budget = { 2, 2, 0, 0, 1, 0, 0, 0 }, .voters = 3, .slow_disk = true } },
    { SMALL,
      { .name = "a third voter",
        .budget = { 3, 4, 0, 1, 0, 0, 0, 0 },
        .voters = 2,
        .change = { ADD(3) },
        .change_count = 1 } },
    { SMALL,
      { .name = "one voter for another",
        .budget = { 3, 5, 0, 1, 0, 0, 0, 0 },
        .voters = 1,
        .change = { ADD(2), REMOVE(1) },
        .change_count = 2 } },
    { SMALL,
      { .name = "one entry a message",
        .budget = { 3, 3, 0, 0, 0, 0, 0, 0 },
        .voters = 3,
        .single = true } },
    { USUAL,
      { .name = "a voter less, two elections",
        .budget = { 3, 3, 0, 1, 0, 0, 0, 0 },
        .voters = 3,
        .change = { REMOVE(3) },
        .change_count = 1 } },
    { USUAL, { .name = "three elections", .budget = { 4, 4, 0, 0, 0, 0, 0, 0 }, .voters = 3 } },
    { USUAL,
      { .name = "elections and a command", .budget = { 3, 4, 1, 0, 0, 0, 0, 0 }, .voters = 3 } },
    { USUAL,
      { .name = "elections, slow disks",
        .budget = { 3, 3, 0, 0, 0, 0, 0, 0 },
        .voters = 3,
        .slow_disk = true } },
    { USUAL,
      { .name = "a command and a crash",
        .budget = { 2, 3, 1, 0, 1, 0, 0, 0 },
        .voters = 3,
        .slow_disk = true } },
    { USUAL,
      { .name = "a command and a double", .budget = { 2, 3, 1, 0, 0, 1, 0, 0 }, .voters = 3 } },
    { USUAL,
      { .name = "old leaders are told",
        .budget = { 3, 3, 0, 0, 0, 0, 0, 0 },
        .voters = 3,
        .told = true } },
    { USUAL, { .name = "a new connection", .budget = { 2, 3, 1, 0, 0, 0, 1, 0 }, .voters = 3 } },
    { USUAL,
      { .name = "a third voter and a crash",
        .budget = { 3, 4, 0, 1, 1, 0, 0, 0 },
        .voters = 2,
        .change = { ADD(3) },
        .change_count = 1 } },
    { USUAL,
      { .name = "a lost disk, two elections",
        .budget = { 3, 2, 0, 0, 0, 0, 0, 1 },
        .voters = 3,
        .frail = 3 } },
    { USUAL,
      { .name = "another second voter",
        .budget = { 3, 5, 0, 1, 0, 0, 0, 0 },
        .voters = 2,
        .change = { ADD(3), REMOVE(2) },
        .change_count = 2 } },
    { USUAL,
      { .name = "a voter less, a crash and a double, the first steps",
        .budget = { 3, 4, 0, 1, 1, 1, 0, 0 },
        .voters = 3,
        .change = { REMOVE(3) },
        .change_count = 1,
        .led = true,
        .depth = 11 } },
    { LARGE,
      { .name = "heartbeats", .budget = { 2, 2, 0, 0, 0, 0, 0, 0 }, .voters = 3, .beats = true } },
    { LARGE,
      { .name = "elections, a command, a double",
        .budget = { 3, 3, 1, 0, 0, 1, 0, 0 },
        .voters = 3 } },
    { LARGE,
      { .name = "three elections and a command",
        .budget = { 4, 5, 1, 0, 0, 0, 0, 0 },
        .voters = 3 } },
    { LARGE,
      { .name = "a voter less",
        .budget = { 3, 4, 0, 1, 0, 0, 0, 0 },
        .voters = 3,
        .change = { REMOVE(3) },
        .change_count = 1 } },
    { LARGE,
      { .name = "a lost disk", .budget = { 3, 3, 0, 0, 0, 0, 0, 1 }, .voters = 3, .frail = 3 } },
    { LARGE,
      { .name = "a lost disk, demoted",
        .budget = { 2, 4, 0, 0, 0, 0, 0, 1 },
        .voters = 3,
        .frail = 3,
        .rejoin = true } },
    { LARGE,
      { .name = "elections and a crash",
        .budget = { 3, 2, 0, 0, 1, 0, 0, 0 },
        .voters = 3,
        .slow_disk = true } },
    { LARGE,
      { .name = "a voter less, a crash and a double",
        .budget = { 3, 4, 0, 1, 1, 1, 0, 0 },
        .voters = 3,
        .change = { REMOVE(3) },
        .change_count = 1,
        .led = true } },
    { LARGE,
      { .name = "a third voter, a crash and a double",
        .budget = { 3, 4, 0, 1, 1, 1, 0, 0 },
        .voters = 2,
        .change = { ADD(3) },
        .change_count = 1 } },
    { LARGE,
      { .name = "a voter less, a crash and a double, slow disks, the first steps",
        .budget = { 3, 4, 0, 1, 1, 1, 0, 0 },
        .voters = 3,
        .change = { REMOVE(3) },
        .change_count = 1,
        .slow_disk = true,
        .led = true,
        .depth = 14 } },
};

static const struct space_plan *plan;

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void explore(void)
{
    const struct space_budget *b = &plan->budget;
    double begun = seconds();
    printf("# terms to %u, entries %u, commands %u, changes %u of %u voters, crashes %u, doubles "
           "%u, connections %u, lost disks %u%s%s%s%s; any loss, any order\n",
           b->term, b->entries, b->commands, b->changes, plan->voters, b->crashes, b->doubles,
           b->ups, b->wipes, plan->single ? ", one entry a message" : "",
           plan->slow_disk ? ", slow disks" : "", plan->beats ? ", heartbeats" : "",
           plan->told ? ", old terms answered" : "");
    if (plan->led || plan->depth > 0) {
        printf("# from %s, %u steps (0: all)\n", plan->led ? "an elected leader" : "the beginning",
               plan->depth);
    }
    struct space_result r = space_explore(plan, 0);
    printf("# %llu states, %llu steps, depth %u, at most %u messages under way, %.1f s: %s\n",
           (unsigned long long)r.states, (unsigned long long)r.steps, r.depth, r.msgs,
           seconds() - begun, r.all ? "all of them" : "not all of them");
    if (r.broken != NULL) {
        printf("# broken: %s\n", r.broken);
    }
    CHECK(r.broken == NULL);
    CHECK(r.all);
    CHECK(r.spent); /* else the plan shows less than it says */
    if (plan->depth == 0) {
        CHECK_U64(r.commit, b->entries);
        CHECK_U64(r.led, b->term);
    }
}

static void try_one(const struct space_plan *wanted)
{
    char name[128];
    plan = wanted;
    snprintf(name, sizeof name, "space: %s, in every order", plan->name);
    TAP_TEST(name, explore);
}

int main(int argc, char **argv)
{
    const char *only = argc > 1 && strcmp(argv[1], "soak") != 0 ? argv[1] : NULL;
    enum level level = argc > 1 ? LARGE : SANITIZED ? SMALL : USUAL;
    for (size_t k = 0; k < sizeof plans / sizeof plans[0]; k++) {
        if (plans[k].level <= level && (only == NULL || strcmp(only, plans[k].plan.name) == 0)) {
            try_one(&plans[k].plan);
        }
    }
    return tap_done();
}
