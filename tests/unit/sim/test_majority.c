/* tests/unit/sim/test_majority.c -- Subject: the judges' own count of majorities. Method: tables,
 * and every set of nodes against a count by hand; nodes go by the letters a, b, ... of their
 * numbers 1, 2, ...
 */
#include "tap.h"

#include "sim/majority.h"

static uint8_t ids_of(const char *letters, uint64_t *out)
{
    uint8_t count = 0;
    for (; letters[count] != '\0'; count++) {
        out[count] = (uint64_t)(letters[count] - 'a') + 1;
    }
    return count;
}

static uint64_t bits_of(const char *letters)
{
    uint64_t ids[64];
    uint8_t count = ids_of(letters, ids);
    return sim_node_bits(ids, count);
}

static struct raft_conf conf_of(const char *voters, const char *outgoing, const char *learners)
{
    struct raft_conf c = { .index = 1 };
    c.voter_count = ids_of(voters, c.voter);
    c.outgoing_count = ids_of(outgoing, c.outgoing);
    c.learner_count = ids_of(learners, c.learner);
    return c;
}

static void bits(void)
{
    CHECK_U64(sim_node_bit(0), 0);
    CHECK_U64(sim_node_bit(1), 1);
    CHECK_U64(sim_node_bit(64), UINT64_C(1) << 63);
    CHECK_U64(sim_node_bit(65), 0);
    CHECK_U64(bits_of(""), 0);
    CHECK_U64(bits_of("ac"), 5);
    CHECK_U64(bits_of("aca"), 5);
    CHECK_U64(sim_node_count(0), 0);
    CHECK_U64(sim_node_count(5), 2);
    CHECK_U64(sim_node_count(UINT64_MAX), 64);
}

/* Half is not more than half, of nobody there is none, strangers and learners are nothing. */
static void majorities(void)
{
    static const struct {
        const char *voters;
        const char *outgoing;
        const char *nodes;
        bool is;
    } rows[] = {
        { "", "", "abc", false },       { "a", "", "", false },
        { "a", "", "a", true },         { "ab", "", "a", false },
        { "ab", "", "ab", true },       { "abc", "", "ab", true },
        { "abc", "", "bc", true },      { "abc", "", "b", false },
        { "abc", "", "bdefg", false },  { "abcd", "", "ab", false },
        { "abcd", "", "abd", true },    { "abcde", "", "cde", true },
        { "abc", "cde", "abc", false }, { "abc", "cde", "cde", false },
        { "abc", "cde", "ace", true },  { "abc", "cde", "abde", true },
        { "abc", "a", "bc", false },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct raft_conf c = conf_of(rows[i].voters, rows[i].outgoing, "efgh");
        if (sim_majority(&c, bits_of(rows[i].nodes)) != rows[i].is) {
            printf("# voters %s, outgoing %s: %s\n", rows[i].voters, rows[i].outgoing,
                   rows[i].nodes);
        }
        CHECK(sim_majority(&c, bits_of(rows[i].nodes)) == rows[i].is);
    }
}

/* Of so many voters, the numbers of every other node. */
static void counted(void)
{
    for (uint8_t voters = 1; voters <= 7; voters++) {
        struct raft_conf c = { .index = 1, .voter_count = voters };
        for (uint8_t i = 0; i < voters; i++) {
            c.voter[i] = 2 * i + 2u;
        }
        for (uint64_t set = 0; set < 1u << voters; set++) {
            uint64_t nodes = 0;
            uint32_t there = 0;
            for (uint8_t i = 0; i < voters; i++) {
                nodes |= (set >> i & 1) != 0 ? sim_node_bit(c.voter[i]) : 0;
                there += (uint32_t)(set >> i & 1);
            }
            CHECK(sim_majority(&c, nodes) == (there >= voters / 2u + 1));
            CHECK(sim_majority(&c, nodes | bits_of("aceg")) == (there >= voters / 2u + 1));
        }
    }
}

static void members(void)
{
    struct raft_conf c = conf_of("abc", "cd", "ef");
    CHECK_U64(sim_voters(&c), bits_of("abcd"));
    CHECK_U64(sim_members(&c), bits_of("abcdef"));
    c = conf_of("", "", "");
    CHECK_U64(sim_members(&c), 0);
}

int main(void)
{
    TAP_TEST("sim: nodes are bits, those of no world are none", bits);
    TAP_TEST("sim: a majority is more than half, of each half", majorities);
    TAP_TEST("sim: every set of up to seven voters is counted", counted);
    TAP_TEST("sim: who votes, and who is there", members);
    return tap_done();
}
