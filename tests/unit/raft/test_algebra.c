/* tests/unit/raft/test_algebra.c -- Subject: changes of configurations as an algebra. Method: from
 * every set of voters and learners of five ids to every other, and back, in several orders; every
 * two majorities of a phase and the next, by subsets; every error at every place of a list. */
#include "tap.h"

#include "raft/raft.h"

enum {
    IDS = 5,
    SETS = 1 << IDS,
    PLACES = 3, /* none, voter, learner */
    ALL = PLACES * PLACES * PLACES * PLACES * PLACES,
    MANY = RAFT_PEERS_MAX + 1
};

/* A configuration as the place of each id, digits of a number. */
static uint32_t place(uint32_t code, uint64_t id)
{
    for (uint64_t i = 1; i < id; i++) {
        code /= PLACES;
    }
    return code % PLACES;
}

static struct raft_conf conf_of(uint32_t code)
{
    struct raft_conf c = { 0 };
    for (uint64_t id = 1; id <= IDS; id++) {
        if (place(code, id) == 1) {
            c.voter[c.voter_count++] = id;
        } else if (place(code, id) == 2) {
            c.learner[c.learner_count++] = id;
        }
    }
    return c;
}

static bool has(const uint64_t *ids, uint8_t count, uint64_t id)
{
    bool found = false;
    for (uint8_t i = 0; i < count; i++) {
        found = found || ids[i] == id;
    }
    return found;
}

/* No id twice on a side, and none a voter and a learner at once; who is a learner and in the
 * outgoing half is on its way from one to the other. */
static void disjoint(const struct raft_conf *c)
{
    uint32_t seen = 0;
    for (uint64_t id = 1; id <= IDS; id++) {
        bool voter = has(c->voter, c->voter_count, id);
        bool learner = has(c->learner, c->learner_count, id);
        CHECK(!voter || !learner);
        seen += (uint32_t)voter + (uint32_t)learner + has(c->outgoing, c->outgoing_count, id);
    }
    CHECK_U64(seen, (uint64_t)c->voter_count + c->learner_count + c->outgoing_count);
}

/* What leads from one to the other: in order of ids or against it, only what differs or each. */
static uint32_t way(uint32_t from, uint32_t to, bool backwards, bool all, struct raft_change *out)
{
    static const enum raft_change_kind kinds[PLACES] = { RAFT_CHANGE_REMOVE, RAFT_CHANGE_VOTER,
                                                         RAFT_CHANGE_LEARNER };
    uint32_t count = 0;
    for (uint64_t k = 1; k <= IDS; k++) {
        uint64_t id = backwards ? IDS + 1 - k : k;
        if (all || place(from, id) != place(to, id)) {
            out[count++] = (struct raft_change){ kinds[place(to, id)], id, 0 };
        }
    }
    return count;
}

static void settle(struct raft_conf *c)
{
    if (c->outgoing_count > 0) {
        struct raft_conf joint = *c;
        raft_conf_leave(&joint, c);
    }
}

static void from_to(uint32_t from, uint32_t to)
{
    struct raft_conf now = conf_of(from);
    struct raft_conf want = conf_of(to);
    struct raft_change change[IDS];
    for (int form = 0; form < 4; form++) {
        struct raft_conf next;
        uint32_t count = way(from, to, (form & 1) != 0, (form & 2) != 0, change);
        enum err e = raft_conf_change(&now, change, count, &next);
        CHECK((e == ERR_OK) == (want.voter_count > 0));
        if (e != ERR_OK) {
            CHECK(e == ERR_BAD_REQUEST);
            continue;
        }
        disjoint(&next);
        struct raft_conf done = next;
        settle(&done);
        disjoint(&done);
        CHECK(raft_conf_same(&done, &want) && raft_conf_same(&want, &done));
        CHECK(memcmp(&done, &want, sizeof done) == 0); /* equal ones are equal bytes */
        CHECK(raft_conf_same(&now, &want) == (from == to));
        count = way(to, from, false, false, change); /* and back again */
        CHECK(raft_conf_change(&done, change, count, &next) == ERR_OK);
        settle(&next);
        CHECK(raft_conf_same(&next, &now));
    }
}

static void every_pair(void)
{
    uint32_t pairs = 0;
    for (uint32_t from = 0; from < ALL; from++) {
        if (conf_of(from).voter_count == 0) {
            continue;
        }
        for (uint32_t to = 0; to < ALL; to++) {
            from_to(from, to);
            pairs++;
        }
    }
    printf("# %u pairs\n", pairs);
    CHECK_U64(pairs, (ALL - SETS) * ALL);
}

/* The last change of an id is the one that counts. */
static void last_one_counts(void)
{
    for (uint32_t from = 0; from < ALL; from++) {
        struct raft_conf now = conf_of(from);
        for (uint32_t code = 0; now.voter_count > 0 && code < PLACES * PLACES * IDS; code++) {
            uint64_t id = 1 + code / (PLACES * PLACES);
            enum raft_change_kind first = (enum raft_change_kind)(1 + code % PLACES);
            enum raft_change_kind then = (enum raft_change_kind)(1 + code / PLACES % PLACES);
            struct raft_change both[2] = { { first, id, 0 }, { then, id, 0 } };
            struct raft_conf a;
            struct raft_conf b;
            enum err e = raft_conf_change(&now, both, 2, &a);
            CHECK(e == raft_conf_change(&now, both + 1, 1, &b));
            CHECK(e != ERR_OK || raft_conf_same(&a, &b));
        }
    }
}

/* ---- phases overlap ---- */

static uint64_t in_set(const void *arg, uint64_t id, uint64_t life)
{
    (void)life;
    return *(const uint32_t *)arg >> (id - 1) & 1;
}

static bool decides(const struct raft_conf *c, uint32_t set)
{
    return raft_quorum(c, in_set, &set) == 1;
}

/* Whoever decides in one phase has a voter in common with whoever decides in the next: so votes,
 * and so entries, are never decided twice. */
static void overlap(const struct raft_conf *a, const struct raft_conf *b)
{
    for (uint32_t x = 0; x < SETS; x++) {
        for (uint32_t y = 0; decides(a, x) && y < SETS; y++) {
            CHECK((x & y) != 0 || !decides(b, y));
        }
    }
}

static void phases(void)
{
    for (uint32_t from = 0; from < ALL; from++) {
        for (uint32_t to = 0; to < ALL; to++) {
            struct raft_conf now = conf_of(from);
            struct raft_conf done = conf_of(to);
            struct raft_change change[IDS];
            struct raft_conf joint;
            if (now.voter_count == 0 || done.voter_count == 0 || now.learner_count > 0 ||
                done.learner_count > 0 || from == to) {
                continue;
            }
            uint32_t count = way(from, to, false, false, change);
            CHECK(raft_conf_change(&now, change, count, &joint) == ERR_OK);
            CHECK(joint.outgoing_count > 0);
            overlap(&now, &now);
            overlap(&now, &joint);
            overlap(&joint, &joint);
            overlap(&joint, &done);
        }
    }
}

/* ---- sameness ---- */

static void sameness(void)
{
    struct raft_conf a = { .index = 3, .voter_count = 3, .voter = { 1, 2, 3 } };
    struct raft_conf b = { .index = 9, .voter_count = 3, .voter = { 3, 1, 2 } };
    a.outgoing_count = b.outgoing_count = 2;
    a.outgoing[0] = b.outgoing[1] = 4;
    a.outgoing[1] = b.outgoing[0] = 5;
    a.learner_count = b.learner_count = 1;
    a.learner[0] = b.learner[0] = 6;
    CHECK(raft_conf_same(&a, &b)); /* neither order nor index counts */
    b.manual = true;
    CHECK(!raft_conf_same(&a, &b));
    b.manual = false;
    b.learner[0] = 7;
    CHECK(!raft_conf_same(&a, &b));
    b.learner[0] = 6;
    b.outgoing_count = 1;
    CHECK(!raft_conf_same(&a, &b) && !raft_conf_same(&b, &a));
    b.outgoing_count = 2;
    b.outgoing_life[1] = 8;
    CHECK(!raft_conf_same(&a, &b) && !raft_conf_same(&b, &a));
}

/* ---- errors ---- */

/* A bad one spoils the list wherever it stands, and what a caller has is not touched. */
static void every_error(void)
{
    static const struct raft_change bad[] = {
        { RAFT_CHANGE_VOTER, 0, 0 },        { RAFT_CHANGE_LEARNER, 0, 0 },
        { RAFT_CHANGE_REMOVE, 0, 0 },       { (enum raft_change_kind)0, 2, 0 },
        { (enum raft_change_kind)4, 2, 0 }, { (enum raft_change_kind)255, 2, 0 },
    };
    const struct raft_conf now = conf_of(1);
    for (size_t k = 0; k < sizeof bad / sizeof bad[0]; k++) {
        for (uint32_t at = 0; at < IDS; at++) {
            struct raft_change list[IDS];
            struct raft_conf out;
            memset(&out, 0xa5, sizeof out);
            struct raft_conf before = out;
            for (uint32_t i = 0; i < IDS; i++) {
                list[i] = i == at ? bad[k] : (struct raft_change){ RAFT_CHANGE_VOTER, i + 1, 0 };
            }
            CHECK(raft_conf_change(&now, list, IDS, &out) == ERR_BAD_REQUEST);
            CHECK(memcmp(&out, &before, sizeof out) == 0);
        }
    }
}

/* So many of a kind, from a single voter 100 on. */
static enum err so_many(uint32_t voters, uint32_t learners, bool stays)
{
    struct raft_conf now = { .voter_count = 1, .voter = { 100 } };
    struct raft_change list[2 * MANY + 1];
    struct raft_conf out;
    uint32_t count = 0;
    for (uint32_t i = 0; i < voters; i++) {
        list[count++] = (struct raft_change){ RAFT_CHANGE_VOTER, i + 1, 0 };
    }
    for (uint32_t i = 0; i < learners; i++) {
        list[count++] = (struct raft_change){ RAFT_CHANGE_LEARNER, 200 + i, 0 };
    }
    if (!stays) {
        list[count++] = (struct raft_change){ RAFT_CHANGE_REMOVE, 100, 0 };
    }
    return raft_conf_change(&now, list, count, &out);
}

static void bounds(void)
{
    for (uint32_t voters = 0; voters < MANY; voters++) {
        for (uint32_t learners = 0; learners < MANY; learners++) {
            bool fits = voters + 1 <= RAFT_VOTERS_MAX && learners <= RAFT_LEARNERS_MAX &&
                        voters + 1 + learners <= RAFT_PEERS_MAX;
            CHECK(so_many(voters, learners, true) == (fits ? ERR_OK : ERR_BAD_REQUEST));
            /* who goes is a member until the joint configuration is left; but the list is taken in
             * its order, so the place among the voters must be free before */
            fits = fits && voters > 0;
            CHECK(so_many(voters, learners, false) == (fits ? ERR_OK : ERR_BAD_REQUEST));
        }
    }
}

static void leave_what_is_not_joint(void)
{
    struct raft_conf now = conf_of(1);
    struct raft_conf out;
    raft_conf_leave(&now, &out);
}

static void change_what_is_joint(void)
{
    struct raft_conf now = { .voter_count = 1, .voter = { 1 }, .outgoing_count = 1 };
    struct raft_change change = { RAFT_CHANGE_VOTER, 2, 0 };
    struct raft_conf out;
    enum err e = raft_conf_change(&now, &change, 1, &out);
    (void)e;
}

static void callers_duties(void)
{
    CHECK(tap_dies(leave_what_is_not_joint));
    CHECK(tap_dies(change_what_is_joint));
}

int main(void)
{
    TAP_TEST("algebra: from every configuration of five to every other, and back", every_pair);
    TAP_TEST("algebra: of two changes of an id the last one counts", last_one_counts);
    TAP_TEST("algebra: majorities of a phase and of the next have a voter in common", phases);
    TAP_TEST("algebra: the same members are the same in any order", sameness);
    TAP_TEST("algebra: a bad change spoils its list wherever it stands", every_error);
    TAP_TEST("algebra: exactly as many as there is room for", bounds);
    TAP_TEST("algebra: joint ones are left, others are changed", callers_duties);
    return tap_done();
}
