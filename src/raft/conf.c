/* raft/conf.c -- configurations in force, and the table of peers that follows from them.
 *
 * Invariants: a configuration is in force from the moment its entry is in the log, committed or
 *             not; when that entry is truncated, the one before is in force again
 */
#include "base/mark.h"
#include "raft/impl.h"
#include "raft/raft_codec.h"

void raft_conf_copy(struct raft_conf *to, const struct raft_conf *from)
{
    ASSERT(from->voter_count <= RAFT_VOTERS_MAX && from->outgoing_count <= RAFT_VOTERS_MAX &&
           from->learner_count <= RAFT_LEARNERS_MAX);
    memset(to, 0, sizeof *to);
    to->index = from->index;
    to->manual = from->manual;
    to->voter_count = from->voter_count;
    to->outgoing_count = from->outgoing_count;
    to->learner_count = from->learner_count;
    size_t voters = from->voter_count * sizeof to->voter[0];
    size_t outgoing = from->outgoing_count * sizeof to->outgoing[0];
    size_t learners = from->learner_count * sizeof to->learner[0];
    memcpy(to->voter, from->voter, voters);
    memcpy(to->voter_life, from->voter_life, voters);
    memcpy(to->outgoing, from->outgoing, outgoing);
    memcpy(to->outgoing_life, from->outgoing_life, outgoing);
    memcpy(to->learner, from->learner, learners);
    memcpy(to->learner_was, from->learner_was, learners);
}

struct raft_peer *raft_peer_find(struct raft *r, uint64_t id)
{
    for (uint32_t i = 0; i < r->peer_count; i++) {
        if (r->peer[i].id == id) {
            return &r->peer[i];
        }
    }
    return NULL;
}

static void peer_add(struct raft *r, uint64_t id)
{
    if (id == r->config.id || raft_peer_find(r, id) != NULL) {
        return;
    }
    ASSERT(r->peer_count < RAFT_PEERS_MAX);
    MARK_IF(r->role == RAFT_LEADER, "raft: a leader has a new peer");
    struct raft_peer *p = &r->peer[r->peer_count++];
    memset(p, 0, sizeof *p);
    p->id = id;
    ring_init(&p->inflight, RAFT_INFLIGHT_MSGS_MAX);
    p->next = r->last + 1;
    p->epoch = r->epoch_gone + 1;
    p->ack_ns = r->now_ns; /* its silence counts from here */
}

/* Members of the committed configuration that the one in force lacks. */
static uint32_t leaving(const struct raft *r)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < r->peer_count; i++) {
        count += !raft_conf_is_member(&r->effective, r->peer[i].id);
    }
    return count;
}

/* The leader binds a voter to the life that it hears; who does not lead may have last heard of that
 * one before, and knows no better now than that it is not that life any more. */
static void lives_follow(struct raft *r)
{
    for (uint32_t i = 0; r->role != RAFT_LEADER && i < r->peer_count; i++) {
        uint64_t bound = raft_conf_life(&r->effective, r->peer[i].id);
        if (bound != 0 && r->peer[i].life != bound) {
            r->peer[i].life = 0;
        }
    }
}

/* Peers are the members of the configuration in force, this node left out. Who is to leave stays
 * until that is committed, as far as there is room: it is told, and knocks at nobody's door. */
static void peers_follow(struct raft *r)
{
    const struct raft_conf *c = &r->effective;
    for (uint32_t i = 0; i < r->peer_count;) {
        uint64_t id = r->peer[i].id;
        bool told = raft_conf_is_member(&r->committed, id) && r->committed.index < c->index &&
                    raft_conf_members(c) + leaving(r) <= RAFT_PEERS_MAX;
        if (raft_conf_is_member(c, id) || told) {
            i++;
        } else { /* answers to it, should it come back, are of no connection to come */
            uint64_t epoch = r->peer[i].epoch;
            r->epoch_gone = epoch > r->epoch_gone ? epoch : r->epoch_gone;
            memmove(&r->peer[i], &r->peer[--r->peer_count], sizeof r->peer[0]);
        }
    }
    for (uint8_t i = 0; i < c->voter_count; i++) {
        peer_add(r, c->voter[i]);
    }
    for (uint8_t i = 0; i < c->outgoing_count; i++) {
        peer_add(r, c->outgoing[i]);
    }
    for (uint8_t i = 0; i < c->learner_count; i++) {
        peer_add(r, c->learner[i]);
    }
    lives_follow(r);
}

void raft_conf_use(struct raft *r, const struct raft_conf *c)
{
    ASSERT(c->index > r->effective.index);
    if (r->effective.index != 0) {
        raft_conf_copy(&r->committed,
                       &r->effective); /* a second one is proposed only after the first committed */
    }
    raft_conf_copy(&r->effective, c);
    peers_follow(r);
}

void raft_conf_settled(struct raft *r)
{
    raft_conf_copy(&r->committed, &r->effective);
    peers_follow(r);
}

void raft_conf_set(struct raft *r, const struct raft_conf *c)
{
    raft_conf_copy(&r->committed, c);
    raft_conf_copy(&r->effective, c);
    peers_follow(r);
}

void raft_conf_revert(struct raft *r, uint64_t to)
{
    if (r->effective.index > to) {
        static const struct raft_conf none;
        if (r->committed.index > to) { /* two at once were not committed: only a liar does that */
            MARK("raft: two configurations are truncated");
            raft_conf_copy(&r->committed, &none);
        }
        raft_conf_copy(&r->effective, &r->committed);
        peers_follow(r);
    }
}
