/* raft/members.c -- configurations as values: who is in one, and what a change makes of it.
 *
 * Invariants: ids ascend wherever this file makes a configuration; unused places are 0
 */
#include "raft/impl.h"

static bool set_has(const uint64_t *set, uint8_t count, uint64_t id)
{
    for (uint8_t i = 0; i < count; i++) {
        if (set[i] == id) {
            return true;
        }
    }
    return false;
}

bool raft_conf_is_voter(const struct raft_conf *c, uint64_t id)
{
    return set_has(c->voter, c->voter_count, id) || set_has(c->outgoing, c->outgoing_count, id);
}

bool raft_conf_is_learner(const struct raft_conf *c, uint64_t id)
{
    return set_has(c->learner, c->learner_count, id) && !raft_conf_is_voter(c, id);
}

bool raft_conf_is_member(const struct raft_conf *c, uint64_t id)
{
    return raft_conf_is_voter(c, id) || raft_conf_is_learner(c, id);
}

/* What stands beside an id; 0: it is not there. */
static uint64_t beside(const uint64_t *set, const uint64_t *lives, uint8_t count, uint64_t id)
{
    for (uint8_t i = 0; i < count; i++) {
        if (set[i] == id) {
            return lives[i];
        }
    }
    return 0;
}

uint64_t raft_conf_life(const struct raft_conf *c, uint64_t id)
{
    uint64_t life = beside(c->voter, c->voter_life, c->voter_count, id);
    return life != 0 ? life : beside(c->outgoing, c->outgoing_life, c->outgoing_count, id);
}

bool raft_conf_counts(const struct raft_conf *c, uint64_t id, uint64_t life)
{
    uint64_t bound = raft_conf_life(c, id);
    return raft_conf_is_voter(c, id) && (bound == 0 || bound == life);
}

uint64_t raft_conf_was(const struct raft_conf *c, uint64_t id)
{
    return beside(c->learner, c->learner_was, c->learner_count, id);
}

uint32_t raft_conf_members(const struct raft_conf *c)
{
    uint32_t count = (uint32_t)c->voter_count + c->learner_count;
    for (uint8_t i = 0; i < c->outgoing_count; i++) {
        count += !set_has(c->voter, c->voter_count, c->outgoing[i]) &&
                 !set_has(c->learner, c->learner_count, c->outgoing[i]);
    }
    return count;
}

/* Ascending, each once, with its life beside it; false: no room. */
static bool set_add(uint64_t *set, uint64_t *lives, uint8_t *count, uint8_t max, uint64_t id,
                    uint64_t life)
{
    uint8_t at = *count;
    if (set_has(set, *count, id)) {
        return true;
    }
    if (*count == max) {
        return false;
    }
    while (at > 0 && set[at - 1] > id) {
        set[at] = set[at - 1];
        lives[at] = lives[at - 1];
        at--;
    }
    set[at] = id;
    lives[at] = life;
    (*count)++;
    return true;
}

static void set_drop(uint64_t *set, uint64_t *lives, uint8_t *count, uint64_t id)
{
    uint8_t kept = 0;
    for (uint8_t i = 0; i < *count; i++) {
        if (set[i] != id) {
            lives[kept] = lives[i];
            set[kept++] = set[i];
        }
    }
    for (uint8_t i = kept; i < *count; i++) {
        set[i] = 0; /* equal configurations are equal bytes */
        lives[i] = 0;
    }
    *count = kept;
}

/* Equal as sets: each is free of doubles. */
static bool set_same(const uint64_t *a, uint8_t a_count, const uint64_t *b, uint8_t b_count)
{
    for (uint8_t i = 0; i < a_count; i++) {
        if (!set_has(b, b_count, a[i])) {
            return false;
        }
    }
    return a_count == b_count;
}

/* The same, and everyone's life. */
static bool lives_same(const uint64_t *a, const uint64_t *a_lives, uint8_t a_count,
                       const uint64_t *b, const uint64_t *b_lives, uint8_t b_count)
{
    for (uint8_t i = 0; i < a_count; i++) {
        if (beside(b, b_lives, b_count, a[i]) != a_lives[i]) {
            return false;
        }
    }
    return set_same(a, a_count, b, b_count);
}

bool raft_conf_same(const struct raft_conf *a, const struct raft_conf *b)
{
    return a->manual == b->manual &&
           lives_same(a->voter, a->voter_life, a->voter_count, b->voter, b->voter_life,
                      b->voter_count) &&
           lives_same(a->outgoing, a->outgoing_life, a->outgoing_count, b->outgoing,
                      b->outgoing_life, b->outgoing_count) &&
           lives_same(a->learner, a->learner_was, a->learner_count, b->learner, b->learner_was,
                      b->learner_count);
}

static bool voter_add(struct raft_conf *c, uint64_t id, uint64_t life)
{
    return set_add(c->voter, c->voter_life, &c->voter_count, RAFT_VOTERS_MAX, id, life);
}

static bool learner_add(struct raft_conf *c, uint64_t id, uint64_t was)
{
    return set_add(c->learner, c->learner_was, &c->learner_count, RAFT_LEARNERS_MAX, id, was);
}

static bool change_one(struct raft_conf *c, const struct raft_conf *now,
                       const struct raft_change *change)
{
    uint64_t id = change->id;
    switch (change->kind) {
    case RAFT_CHANGE_VOTER:
        set_drop(c->learner, c->learner_was, &c->learner_count, id);
        return voter_add(c, id, raft_conf_life(now, id)); /* in no change it gets another life */
    case RAFT_CHANGE_LEARNER:
        set_drop(c->voter, c->voter_life, &c->voter_count, id);
        set_drop(c->learner, c->learner_was, &c->learner_count, id);
        return learner_add(c, id, change->was);
    case RAFT_CHANGE_REMOVE:
        set_drop(c->voter, c->voter_life, &c->voter_count, id);
        set_drop(c->learner, c->learner_was, &c->learner_count, id);
        return true;
    }
    return false;
}

enum err raft_conf_change(const struct raft_conf *now, const struct raft_change *changes,
                          uint32_t count, struct raft_conf *out)
{
    struct raft_conf c = { 0 };
    ASSERT(now->outgoing_count == 0);
    for (uint8_t i = 0; i < now->voter_count; i++) {
        bool room = voter_add(&c, now->voter[i], now->voter_life[i]);
        ASSERT(room);
    }
    for (uint8_t i = 0; i < now->learner_count; i++) {
        bool room = learner_add(&c, now->learner[i], now->learner_was[i]);
        ASSERT(room);
    }
    for (uint32_t i = 0; i < count; i++) {
        if (changes[i].id == 0 || !change_one(&c, now, &changes[i])) {
            return ERR_BAD_REQUEST;
        }
    }
    if (!set_same(c.voter, c.voter_count, now->voter, now->voter_count)) {
        for (uint8_t i = 0; i < now->voter_count; i++) {
            bool room = set_add(c.outgoing, c.outgoing_life, &c.outgoing_count, RAFT_VOTERS_MAX,
                                now->voter[i], now->voter_life[i]);
            ASSERT(room);
        }
    }
    if (c.voter_count == 0 || raft_conf_members(&c) > RAFT_PEERS_MAX) {
        return ERR_BAD_REQUEST;
    }
    *out = c;
    return ERR_OK;
}

void raft_conf_leave(const struct raft_conf *joint, struct raft_conf *out)
{
    ASSERT(joint->outgoing_count > 0);
    raft_conf_copy(out, joint);
    memset(out->outgoing, 0, sizeof out->outgoing);
    memset(out->outgoing_life, 0, sizeof out->outgoing_life);
    out->outgoing_count = 0;
    out->manual = false;
    out->index = 0;
}
