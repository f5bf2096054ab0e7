/* tests/unit/raft/test_explore.c -- Subject: the core in any order of events. Method: seeded
 * worlds of one to seven cores. Members come and go, the office is given away, logs become
 * snapshots, reads go by lease while clocks differ as much as they may. Messages are lost,
 * repeated, reordered and replayed from lives long ended; links are cut one way; disks complete
 * late, and a crash keeps any prefix of what was unsynced; state machines restart from any older
 * flush. After every step the eight properties of the TLA+ model hold: one leader a term, a
 * leader only appends, logs match, a leader has all that is committed, the same is applied
 * everywhere, votes are durable, commit never falls, what is committed stays, on the disks of a
 * majority. At the end the faults stop: a leader is found, everybody catches up, every ticket
 * has ended once and rightly, and no read was stale.
 *
 * usage: test_raft_explore [FIRST-SEED COUNT]   more worlds than the ring has time for */
#include "tap.h"

#include "base/panic.h"
#include "explore.h"

/* Which world a panic of the core ended. */
static void name_seed(void *arg, int fd)
{
    dprintf(fd, "\n# seed %llu\n", (unsigned long long)*(const uint64_t *)arg);
}

static void run(uint64_t first, uint64_t count)
{
    static uint64_t seed;
    panic_hook_set(name_seed, &seed);
    for (seed = first; seed < first + count; seed++) {
        if (!explore_world(seed)) {
            printf("# seed %llu: %s\n", (unsigned long long)seed, explore_failure());
            CHECK(false);
            return;
        }
    }
}

static void ring(void)
{
    run(1, EXPLORE_SEEDS);
}

static void twice(void)
{
    for (uint64_t seed = 1; seed <= 8; seed++) {
        CHECK(explore_world(seed));
        uint64_t first = explore_trace();
        CHECK(explore_world(seed));
        CHECK_U64(explore_trace(), first);
    }
    EXPECT_MARK("raft: a batch is applied in part");
    EXPECT_MARK("raft: a read finds no quorum");
}

static uint64_t wanted_first;
static uint64_t wanted_count;

static void wanted(void)
{
    run(wanted_first, wanted_count);
}

int main(int argc, char **argv)
{
    if (argc == 3) {
        wanted_first = strtoull(argv[1], NULL, 10);
        wanted_count = strtoull(argv[2], NULL, 10);
        TAP_TEST("explore: the worlds asked for", wanted);
    } else {
        TAP_TEST("explore: any order of messages, disks, crashes and cuts keeps every promise",
                 ring);
        TAP_TEST("explore: the same seed gives the same bytes", twice);
    }
    static const char *const names[EXPLORE_EVENTS] = {
        "elections", "commits", "reads",     "reads by lease", "truncations",
        "crashes",   "changes", "transfers", "compactions",    "installs",
    };
    for (int k = 0; k < EXPLORE_EVENTS; k++) {
        printf("# %llu %s\n", (unsigned long long)explore_seen((enum explore_event)k), names[k]);
    }
    return tap_done();
}
