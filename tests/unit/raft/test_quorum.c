/* tests/unit/raft/test_quorum.c -- Subject: majorities. Method: every drawn configuration is
 * counted once more, member by member. */
#include "tap.h"

#include "base/prng.h"
#include "raft/raft.h"

enum {
    ROUNDS = 20000,
    IDS = 12,
    VALUES = 6
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
    TAP_TEST("quorum: a voter is asked for in the life that counts", lives);
    TAP_TEST("quorum: nobody decides nothing", nobody);
    return tap_done();
}
