/* tests/unit/raft/test_members.c -- Subject: what a change makes of a configuration. Method: every
 * set of voters and learners of five ids under every change of each id, against sets of bits.
 */
#include "tap.h"

#include "raft/raft.h"

enum {
    IDS = 5,
    SETS = 1 << IDS,
    KINDS = 4, /* none, voter, learner, remove */
    CHANGES = KINDS * KINDS * KINDS * KINDS * KINDS
};

static uint32_t bits(const uint64_t *ids, uint8_t count)
{
    uint32_t set = 0;
    for (uint8_t i = 0; i < count; i++) {
        CHECK(ids[i] >= 1 && ids[i] <= IDS && (i == 0 || ids[i - 1] < ids[i]));
        set |= 1u << (ids[i] - 1);
    }
    return set;
}

static struct raft_conf conf_of(uint32_t voters, uint32_t learners)
{
    struct raft_conf c = { 0 };
    for (uint64_t id = IDS; id >= 1; id--) { /* in any order */
        if ((voters & 1u << (id - 1)) != 0) {
            c.voter[c.voter_count++] = id;
        }
        if ((learners & 1u << (id - 1)) != 0) {
            c.learner[c.learner_count++] = id;
        }
    }
    return c;
}

static void judge(uint32_t voters, uint32_t learners, uint32_t code)
{
    struct raft_conf now = conf_of(voters, learners);
    struct raft_change changes[IDS];
    struct raft_conf next;
    uint32_t count = 0;
    uint32_t want_voters = voters;
    uint32_t want_learners = learners;
    for (uint64_t id = 1; id <= IDS; id++, code /= KINDS) {
        uint32_t bit = 1u << (id - 1);
        if (code % KINDS == 0) {
            continue;
        }
        changes[count++] = (struct raft_change){ (enum raft_change_kind)(code % KINDS), id, 0 };
        want_voters = (want_voters & ~bit) | (code % KINDS == RAFT_CHANGE_VOTER ? bit : 0);
        want_learners = (want_learners & ~bit) | (code % KINDS == RAFT_CHANGE_LEARNER ? bit : 0);
    }
    enum err e = raft_conf_change(&now, changes, count, &next);
    if (want_voters == 0) {
        CHECK(e == ERR_BAD_REQUEST);
        return;
    }
    CHECK(e == ERR_OK);
    CHECK_U64(bits(next.voter, next.voter_count), want_voters);
    CHECK_U64(bits(next.learner, next.learner_count), want_learners);
    CHECK((want_voters & want_learners) == 0 && next.index == 0 && !next.manual);
    CHECK_U64(bits(next.outgoing, next.outgoing_count), want_voters == voters ? 0 : voters);
    CHECK(raft_conf_same(&next, &now) == (want_voters == voters && want_learners == learners));
    uint32_t all = want_voters | want_learners | (want_voters == voters ? 0 : voters);
    CHECK_U64(raft_conf_members(&next), (uint64_t)__builtin_popcount(all));
    for (uint64_t id = 1; id <= IDS; id++) {
        uint32_t bit = 1u << (id - 1);
        bool votes = ((want_voters | (want_voters == voters ? 0 : voters)) & bit) != 0;
        CHECK(raft_conf_is_voter(&next, id) == votes);
        CHECK(raft_conf_is_learner(&next, id) == (!votes && (want_learners & bit) != 0));
        CHECK(raft_conf_is_member(&next, id) == ((all & bit) != 0));
    }
    if (next.outgoing_count > 0) {
        struct raft_conf left;
        struct raft_conf by_itself = next;
        next.manual = true; /* left when asked only: not the same */
        CHECK(!raft_conf_same(&next, &by_itself));
        raft_conf_leave(&next, &left);
        CHECK_U64(bits(left.voter, left.voter_count), want_voters);
        CHECK_U64(bits(left.learner, left.learner_count), want_learners);
        CHECK(left.outgoing_count == 0 && !left.manual);
    }
}

static void every_change(void)
{
    for (uint32_t voters = 1; voters < SETS; voters++) {
        for (uint32_t learners = 0; learners < SETS; learners++) {
            for (uint32_t code = 0; (voters & learners) == 0 && code < CHANGES; code++) {
                judge(voters, learners, code);
            }
        }
    }
}

static void bounds(void)
{
    struct raft_conf now = { .voter_count = 1, .voter = { 1 } };
    struct raft_conf out;
    struct raft_change many[RAFT_PEERS_MAX + 1];
    for (uint32_t i = 0; i < RAFT_PEERS_MAX + 1; i++) {
        many[i] = (struct raft_change){ RAFT_CHANGE_VOTER, i + 1, 0 };
    }
    CHECK(raft_conf_change(&now, many, RAFT_VOTERS_MAX, &out) == ERR_OK);
    CHECK_U64(out.voter_count, RAFT_VOTERS_MAX);
    CHECK(raft_conf_change(&now, many, RAFT_VOTERS_MAX + 1, &out) == ERR_BAD_REQUEST);
    for (uint32_t i = 0; i < RAFT_PEERS_MAX + 1; i++) {
        many[i].kind = i < RAFT_VOTERS_MAX ? RAFT_CHANGE_VOTER : RAFT_CHANGE_LEARNER;
    }
    CHECK(raft_conf_change(&now, many, RAFT_PEERS_MAX, &out) == ERR_OK);
    CHECK(raft_conf_change(&now, many, RAFT_PEERS_MAX + 1, &out) == ERR_BAD_REQUEST);
    /* a full house that changes all of its voters at once has too many members while joint */
    struct raft_conf full = { 0 };
    for (uint8_t i = 0; i < RAFT_VOTERS_MAX; i++) {
        full.voter[full.voter_count++] = i + 1u;
        full.learner[full.learner_count++] = 100u + i;
        many[i] = (struct raft_change){ RAFT_CHANGE_REMOVE, i + 1u, 0 };
    }
    many[RAFT_VOTERS_MAX] = (struct raft_change){ RAFT_CHANGE_VOTER, 50, 0 };
    CHECK(raft_conf_change(&full, many, RAFT_VOTERS_MAX + 1, &out) == ERR_BAD_REQUEST);
    many[0] = (struct raft_change){ RAFT_CHANGE_VOTER, 0, 0 };
    CHECK(raft_conf_change(&now, many, 1, &out) == ERR_BAD_REQUEST);
    many[0] = (struct raft_change){ (enum raft_change_kind)9, 5, 0 };
    CHECK(raft_conf_change(&now, many, 1, &out) == ERR_BAD_REQUEST);
}

/* A place keeps its life through every change; a new voter has none yet. */
static void lives(void)
{
    struct raft_conf now = { .voter_count = 3, .voter = { 1, 2, 3 }, .voter_life = { 7, 8, 9 } };
    struct raft_change change[3] = { { RAFT_CHANGE_LEARNER, 2, 8 }, { RAFT_CHANGE_VOTER, 4, 0 } };
    struct raft_conf out;
    struct raft_conf left;
    CHECK(raft_conf_change(&now, change, 2, &out) == ERR_OK);
    CHECK(raft_conf_life(&out, 1) == 7 && raft_conf_life(&out, 3) == 9);
    CHECK(raft_conf_life(&out, 4) == 0 && raft_conf_counts(&out, 4, 5));
    CHECK(raft_conf_life(&out, 2) == 8 && raft_conf_was(&out, 2) == 8); /* it still goes */
    CHECK(raft_conf_counts(&out, 2, 8) && !raft_conf_counts(&out, 2, 88));
    raft_conf_leave(&out, &left);
    CHECK(raft_conf_life(&left, 2) == 0 && raft_conf_was(&left, 2) == 8);
    CHECK(!raft_conf_counts(&left, 2, 8) && raft_conf_life(&left, 3) == 9);
    change[0] = (struct raft_change){ RAFT_CHANGE_LEARNER, 2, 0 }; /* for good */
    CHECK(raft_conf_change(&left, change, 1, &out) == ERR_OK);
    CHECK(raft_conf_was(&out, 2) == 0 && out.outgoing_count == 0 && !raft_conf_same(&out, &left));
    /* out and in again at once is no way to another life */
    change[0] = (struct raft_change){ RAFT_CHANGE_REMOVE, 3, 0 };
    change[1] = (struct raft_change){ RAFT_CHANGE_VOTER, 3, 0 };
    CHECK(raft_conf_change(&now, change, 2, &out) == ERR_OK);
    CHECK(raft_conf_life(&out, 3) == 9 && raft_conf_same(&out, &now));
    out.voter_life[2] = 10;
    CHECK(!raft_conf_same(&out, &now));
}

int main(void)
{
    TAP_TEST("members: a place has one life, a new one none yet", lives);
    TAP_TEST("members: every change of every configuration of five", every_change);
    TAP_TEST("members: no more than there is room for", bounds);
    return tap_done();
}
