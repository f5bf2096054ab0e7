/* tests/unit/raft/test_quorum.c -- Subject: majorities. Method: every plain and joint configuration
 * of up to five voters a side, with every overlap and every value of each voter, against the
 * definition over subsets; larger ones drawn, and counted once more member by member. */
#include "tap.h"

#include "base/prng.h"
#include "raft/raft.h"

enum {
    ROUNDS = 20000,
    IDS = 12,
    VALUES = 6,
    SIDE_MAX = 5, /* voters a side of what is tried in full */
    FEW = 3       /* values there: 0, 1, 2 */
};

static uint64_t values[IDS + 1];

static uint64_t value_of(const void *arg, uint64_t id, uint64_t life)
{
    (void)arg;
    return life == 0 ? values[id] : 0;
}

static bool most_have(const uint64_t *ids, uint8_t count, uint64_t value)
{
    uint32_t have = 0;
    for (uint8_t i = 0; i < count; i++) {
        have += values[ids[i]] >= value;
    }
    return count == 0 || 2 * have > count;
}

/* The largest value that more than half of each side has. */
static uint64_t counted(const struct raft_conf *c)
{
    uint64_t best = 0;
    for (uint64_t v = 0; v < VALUES; v++) {
        bool both =
            most_have(c->voter, c->voter_count, v) && most_have(c->outgoing, c->outgoing_count, v);
        best = both ? v : best;
    }
    return best;
}

static void draw(struct prng *p, uint64_t *ids, uint8_t count)
{
    uint64_t all[IDS];
    for (uint64_t i = 0; i < IDS; i++) {
        all[i] = i + 1;
    }
    for (uint8_t i = 0; i < count; i++) {
        uint64_t at = i + prng_below(p, IDS - i);
        ids[i] = all[at];
        all[at] = all[i];
    }
}

static void play(bool joint)
{
    struct prng p;
    prng_seed(&p, 4);
    for (int round = 0; round < ROUNDS; round++) {
        struct raft_conf c = { .voter_count = (uint8_t)(1 + prng_below(&p, 9)) };
        c.outgoing_count = joint ? (uint8_t)(1 + prng_below(&p, 9)) : 0;
        draw(&p, c.voter, c.voter_count);
        draw(&p, c.outgoing, c.outgoing_count);
        for (uint64_t i = 1; i <= IDS; i++) {
            values[i] = prng_below(&p, VALUES);
        }
        CHECK_U64(raft_quorum(&c, value_of, NULL), counted(&c));
    }
}

static void plain(void)
{
    play(false);
}

static void joint(void)
{
    play(true);
}

/* ---- all small ones ---- */

/* The definition: some subset of more than half of the side all of whose members have it. A side
 * without voters asks for nobody. */
static bool subset_has(const uint64_t *ids, uint8_t count, uint64_t value)
{
    for (uint32_t subset = 0; subset < 1u << count; subset++) {
        bool all = 2 * __builtin_popcount(subset) > count;
        for (uint8_t i = 0; all && i < count; i++) {
            all = (subset & 1u << i) == 0 || values[ids[i]] >= value;
        }
        if (all) {
            return true;
        }
    }
    return count == 0;
}

static uint64_t defined(const struct raft_conf *c)
{
    uint64_t best = 0; /* nobody decides nothing; and everybody has 0 */
    for (uint64_t v = 1; c->voter_count + c->outgoing_count > 0 && v < FEW; v++) {
        bool both = subset_has(c->voter, c->voter_count, v) &&
                    subset_has(c->outgoing, c->outgoing_count, v);
        best = both ? v : best;
    }
    return best;
}

/* Every value of each of the ids 1..count, as digits of a number. */
static uint32_t every_value(const struct raft_conf *c, uint64_t count)
{
    uint32_t codes = 1;
    for (uint64_t id = 1; id <= count; id++) {
        codes *= FEW;
    }
    for (uint32_t code = 0; code < codes; code++) {
        uint32_t rest = code;
        for (uint64_t id = 1; id <= count; id++, rest /= FEW) {
            values[id] = rest % FEW;
        }
        CHECK_U64(raft_quorum(c, value_of, NULL), defined(c));
    }
    return codes;
}

/* Voters 1..n and, of those, the ones in `shared`, who go with so many others; in an order or the
 * other. */
static struct raft_conf conf_of(uint8_t n, uint32_t shared, uint8_t others, bool backwards)
{
    struct raft_conf c = { 0 };
    for (uint8_t i = 0; i < n; i++) {
        c.voter[c.voter_count++] = i + 1u;
    }
    for (uint8_t k = 0; k < SIDE_MAX + others; k++) {
        uint8_t i = backwards ? (uint8_t)(SIDE_MAX + others - 1 - k) : k;
        if (i < SIDE_MAX && (shared & 1u << i) != 0) {
            c.outgoing[c.outgoing_count++] = i + 1u;
        } else if (i >= SIDE_MAX) {
            c.outgoing[c.outgoing_count++] = (uint64_t)n + i - SIDE_MAX + 1;
        }
    }
    return c;
}

static void every_small_one(void)
{
    uint64_t tried = 0;
    uint32_t confs = 0;
    for (uint8_t n = 0; n <= SIDE_MAX; n++) {
        for (uint32_t shared = 0; shared < 1u << n; shared++) {
            uint8_t both = (uint8_t)__builtin_popcount(shared);
            for (uint8_t others = 0; both + others <= SIDE_MAX; others++) {
                for (int backwards = 0; backwards < 2; backwards++) {
                    struct raft_conf c = conf_of(n, shared, others, backwards != 0);
                    tried += every_value(&c, (uint64_t)n + others);
                    confs++;
                }
            }
        }
    }
    printf("# %u configurations, %llu assignments of values\n", confs, (unsigned long long)tried);
    CHECK_U64(confs, 498);
}

/* An empty half of a joint configuration asks for nobody, whatever the other says. */
static void half_is_empty(void)
{
    struct raft_conf c = { .outgoing_count = 3, .outgoing = { 1, 2, 3 } };
    values[1] = 7;
    values[2] = 5;
    values[3] = 0;
    CHECK_U64(raft_quorum(&c, value_of, NULL), 5);
}

/* Whoever is bound is asked for in that life, in both halves. */
static void lives(void)
{
    struct raft_conf c = { .voter_count = 3, .voter = { 1, 2, 3 } };
    c.outgoing_count = 3;
    memcpy(c.outgoing, c.voter, sizeof c.voter);
    values[1] = values[2] = values[3] = 5;
    CHECK_U64(raft_quorum(&c, value_of, NULL), 5);
    c.voter_life[2] = 7; /* value_of knows nobody in that life */
    CHECK_U64(raft_quorum(&c, value_of, NULL), 5);
    c.voter_life[0] = 7;
    CHECK_U64(raft_quorum(&c, value_of, NULL), 0);
    memset(c.voter_life, 0, sizeof c.voter_life);
    c.outgoing_life[0] = 7;
    c.outgoing_life[1] = 7;
    CHECK_U64(raft_quorum(&c, value_of, NULL), 0);
}

static void nobody(void)
{
    struct raft_conf c = { 0 };
    CHECK_U64(raft_quorum(&c, value_of, NULL), 0);
}

int main(void)
{
    TAP_TEST("quorum: more than half of the voters have it", plain);
    TAP_TEST("quorum: joint, more than half of both sides have it", joint);
    TAP_TEST("quorum: all of up to five and five voters, every overlap and value", every_small_one);
    TAP_TEST("quorum: an empty half asks for nobody", half_is_empty);
    TAP_TEST("quorum: a voter is asked for in the life that counts", lives);
    TAP_TEST("quorum: nobody decides nothing", nobody);
    return tap_done();
}
