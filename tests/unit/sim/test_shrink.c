/* tests/unit/sim/test_shrink.c -- Subject: how a failing world is made smaller. Method: instead of
 * worlds that run a rule says which of them fail; everything that was tried is looked at.
 */
#include "tap.h"

#include "sim/shrink.h"

enum {
    TRIES_MAX = 256
};

static struct sim_options tried[TRIES_MAX];
static uint32_t tries;
static uint32_t nodes_bits; /* numbers of nodes that show it */
static uint64_t ns_least;   /* it needs so much time */
static uint64_t needed;     /* and these classes of faults */

static bool still(void *arg, const struct sim_options *o)
{
    (void)arg;
    CHECK(tries < TRIES_MAX);
    tried[tries++] = *o;
    bool nodes = o->nodes == 0 || (nodes_bits >> o->nodes & 1u) != 0;
    return nodes && o->virtual_ns >= ns_least && (o->faults_off & needed) == 0;
}

static struct sim_options search(struct sim_options o, uint32_t nodes)
{
    tries = 0;
    sim_shrink_search(&o, nodes, still, NULL);
    return o;
}

/* Numbers of nodes in the order in which they were tried, each once. */
static void check_tried(const struct sim_options *from, const char *wanted)
{
    char all[TRIES_MAX] = "";
    uint32_t before = from->nodes;
    for (uint32_t i = 0; i < tries; i++) {
        if (tried[i].nodes != before && tried[i].nodes != 0 &&
            strchr(all, (int)('0' + tried[i].nodes)) == NULL) {
            all[strlen(all)] = (char)('0' + tried[i].nodes);
            before = tried[i].nodes;
        }
    }
    if (strcmp(all, wanted) != 0) {
        printf("# tried %s, wanted %s\n", all, wanted);
    }
    CHECK(strcmp(all, wanted) == 0);
}

static void every_count(void)
{
    struct sim_options named = { .seed = 1, .nodes = 9, .virtual_ns = SIM_S };
    struct sim_options drawn = { .seed = 1, .virtual_ns = SIM_S };
    ns_least = SIM_S;
    needed = UINT64_MAX >> 1;
    nodes_bits = 1u << 9 | 1u << 6 | 1u << 4; /* not 8, 7 and 5 */
    CHECK_U64(search(named, 9).nodes, 4);
    check_tried(&named, "87654321");
    nodes_bits = 1u << 2;
    CHECK_U64(search(drawn, 7).nodes, 2);
    check_tried(&drawn, "654321");
    nodes_bits = 0;
    CHECK_U64(search(drawn, 7).nodes, 0); /* as it was drawn */
    check_tried(&drawn, "654321");
}

/* A world of two that was drawn has no smaller one of three or five. */
static void never_larger(void)
{
    ns_least = 700 * SIM_MS;
    needed = sim_fault_bit(SIM_FAULT_LOSS);
    nodes_bits = UINT32_MAX;
    for (uint32_t nodes = 1; nodes <= SIM_NODES_MAX; nodes++) {
        for (uint32_t named = 0; named <= 1; named++) {
            struct sim_options o = { .seed = 1, .virtual_ns = 120 * SIM_S };
            o.nodes = named * nodes;
            o.faults_off = sim_fault_bit(SIM_FAULT_CRASH);
            struct sim_options least = search(o, nodes);
            CHECK(least.nodes == 1 || nodes == 1);
            CHECK(least.virtual_ns >= ns_least && least.virtual_ns < SIM_S);
            CHECK((~least.faults_off & (sim_fault_bit(SIM_FAULT_COUNT) - 1)) == needed);
            for (uint32_t i = 0; i < tries; i++) {
                const struct sim_options *before = i > 0 ? &tried[i - 1] : &o;
                CHECK(tried[i].nodes <= nodes);
                CHECK(tried[i].virtual_ns <= o.virtual_ns && tried[i].virtual_ns > 0);
                CHECK((tried[i].faults_off & o.faults_off) == o.faults_off);
                CHECK(before->nodes == 0 || tried[i].nodes != 0);
            }
        }
    }
}

int main(void)
{
    TAP_TEST("shrink: every smaller number of nodes is tried, from the largest on", every_count);
    TAP_TEST("shrink: nothing that is tried is larger, or has more faults", never_larger);
    return tap_done();
}
