/* tests/unit/raft/test_space.c -- Subject: the core in every order of events. Method: all states
 * that three small cores can reach within a budget of terms, entries, crashes, messages that come
 * twice and connections made anew; any message may be late for ever, so may any write. */
#include "tap.h"

#include "space.h"

static const struct space_plan plans[] = {
    { .name = "three", .budget = { 3, 4, 1, 0, 0, 0, 0 }, .voters = 3 },
};

static void all(void)
{
    for (size_t k = 0; k < sizeof plans / sizeof plans[0]; k++) {
        const char *broken = space_explore(&plans[k]);
        if (broken != NULL) {
            printf("# %s: %s\n", plans[k].name, broken);
        }
        CHECK(broken == NULL);
    }
}

/* usage: test_raft_space TERM ENTRIES COMMANDS CHANGES CRASHES DOUBLES UPS LATE VOTERS [KIND ID]...
 */
static struct space_plan wanted;

static void one(void)
{
    const char *broken = space_explore(&wanted);
    printf("# %s\n", broken != NULL ? broken : "nothing broke");
    CHECK(broken == NULL);
}

int main(int argc, char **argv)
{
    if (argc < 10) {
        TAP_TEST("space: every state within the budgets keeps every promise", all);
        return tap_done();
    }
    uint8_t n[20] = { 0 };
    for (int k = 1; k < argc && k < 20; k++) {
        n[k] = (uint8_t)atoi(argv[k]);
    }
    wanted = (struct space_plan){ .name = "wanted",
                                  .budget = { n[1], n[2], n[3], n[4], n[5], n[6], n[7] },
                                  .told_late = n[8] != 0,
                                  .voters = n[9] };
    for (int k = 10; k + 1 < argc && k < 16; k += 2) {
        wanted.change[wanted.change_count].kind = (enum raft_change_kind)n[k];
        wanted.change[wanted.change_count++].id = n[k + 1];
    }
    TAP_TEST("space: the plan asked for", one);
    return tap_done();
}
