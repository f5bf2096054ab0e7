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

uint32_t raft_conf_members(const struct raft_conf *c)
{
    uint32_t count = (uint32_t)c->voter_count + c->learner_count;
    for (uint8_t i = 0; i < c->outgoing_count; i++) {
        count += !set_has(c->voter, c->voter_count, c->outgoing[i]) &&
                 !set_has(c->learner, c->learner_count, c->outgoing[i]);
    }
    return count;
}

/* Ascending, each once; false: no room. */
static bool set_add(uint64_t *set, uint8_t *count, uint8_t max, uint64_t id)
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
        at--;
    }
    set[at] = id;
    (*count)++;
    return true;
}

static void set_drop(uint64_t *set, uint8_t *count, uint64_t id)
{
    uint8_t kept = 0;
    for (uint8_t i = 0; i < *count; i++) {
        if (set[i] != id) {
            set[kept++] = set[i];
        }
    }
    for (uint8_t i = kept; i < *count; i++) {
        set[i] = 0; /* equal configurations are equal bytes */
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

bool raft_conf_same(const struct raft_conf *a, const struct raft_conf *b)
{
    return a->manual == b->manual && set_same(a->voter, a->voter_count, b->voter, b->voter_count) &&
           set_same(a->outgoing, a->outgoing_count, b->outgoing, b->outgoing_count) &&
           set_same(a->learner, a->learner_count, b->learner, b->learner_count);
}

static bool change_one(struct raft_conf *c, const struct raft_change *change)
{
    uint64_t id = change->id;
    switch (change->kind) {
    case RAFT_CHANGE_VOTER:
        set_drop(c->learner, &c->learner_count, id);
        return set_add(c->voter, &c->voter_count, RAFT_VOTERS_MAX, id);
    case RAFT_CHANGE_LEARNER:
        set_drop(c->voter, &c->voter_count, id);
        return set_add(c->learner, &c->learner_count, RAFT_LEARNERS_MAX, id);
    case RAFT_CHANGE_REMOVE:
        set_drop(c->voter, &c->voter_count, id);
        set_drop(c->learner, &c->learner_count, id);
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
        bool room = set_add(c.voter, &c.voter_count, RAFT_VOTERS_MAX, now->voter[i]);
        ASSERT(room);
    }
    for (uint8_t i = 0; i < now->learner_count; i++) {
        bool room = set_add(c.learner, &c.learner_count, RAFT_LEARNERS_MAX, now->learner[i]);
        ASSERT(room);
    }
    for (uint32_t i = 0; i < count; i++) {
        if (changes[i].id == 0 || !change_one(&c, &changes[i])) {
            return ERR_BAD_REQUEST;
        }
    }
    if (!set_same(c.voter, c.voter_count, now->voter, now->voter_count)) {
        for (uint8_t i = 0; i < now->voter_count; i++) {
            bool room = set_add(c.outgoing, &c.outgoing_count, RAFT_VOTERS_MAX, now->voter[i]);
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
    out->outgoing_count = 0;
    out->manual = false;
    out->index = 0;
}
