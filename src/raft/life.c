/* raft/life.c -- which incarnation of a node counts, and how one that lost its disk comes back
 * (docs/decisions/0007).
 *
 * Shape:      every message says in which life its sender is. What is known of a peer is of the
 *             newest life heard of. A voter is bound to a life in the configuration, and is counted
 *             while that is the one; with another it is demoted to a learner and made a voter again
 *             once it has caught up, by a joint change each.
 * Invariants: no life is ever replaced beside a vote: it goes with the place of the voter, and the
 *             majority without it must agree
 * Why:        all of it follows from the configuration and from who is there, so a new leader goes
 *             on where an old one ended
 */
#include "base/mark.h"
#include "raft/impl.h"

const struct raft_peer *raft_life_peer(const struct raft *r, uint64_t id, uint64_t life)
{
    for (uint32_t i = 0; i < r->peer_count; i++) {
        const struct raft_peer *p = &r->peer[i];
        if (p->id == id) {
            return life == 0 || p->life == life ? p : NULL;
        }
    }
    return NULL;
}

bool raft_life_own(const struct raft *r, uint64_t life)
{
    return life == 0 || life == r->config.life;
}

void raft_life_heard(struct raft *r, const struct raft_msg *m, struct raft_out *out)
{
    struct raft_peer *p = raft_peer_find(r, m->from);
    bool late = r->role == RAFT_LEADER && m->term < r->term;
    if (p == NULL || p->life == m->life || m->life == 0) {
        return;
    }
    if (late) {
        MARK("raft: a leader is told of a life in an older term");
        return; /* whatever counts for it was said in its own, and a message may have waited long */
    }
    bool other = p->life != 0;
    p->life = m->life;
    if (!other) {
        return; /* nothing was known before */
    }
    MARK("raft: a peer has begun another life");
    p->ballot = RAFT_BALLOT_OPEN;
    p->match = 0;
    p->reborn = true;
    p->read_seq = 0;
    p->lease_ns = 0;
    p->ack_ns = 0;
    p->round_end = 0;
    p->epoch++; /* what was sent to the life before is answered for nobody */
    if (r->role == RAFT_LEADER) {
        raft_peer_reset(r, p);
        p->next = r->last + 1;
        raft_replicate(r, p, out);
    }
}

bool raft_life_lost(const struct raft *r, uint64_t id)
{
    uint64_t bound = raft_conf_life(&r->effective, id);
    const struct raft_peer *p = raft_life_peer(r, id, 0);
    uint64_t now = id == r->config.id ? r->config.life : p != NULL ? p->life : 0;
    return bound != 0 && now != 0 && now != bound;
}

/* The one life in which this peer has acknowledged an entry of this term, if it is not another one
 * whose promises are kept; else 0. */
static uint64_t plain(struct raft *r, uint64_t id)
{
    const struct raft_peer *p = raft_peer_find(r, id);
    uint64_t promised = raft_promised_by(r, id);
    bool acked = p != NULL && p->match >= r->noop_index;
    return acked && (promised == 0 || promised == p->life) ? p->life : 0;
}

void raft_life_bind(struct raft *r, struct raft_conf *c)
{
    for (uint8_t i = 0; r->config.life != 0 && i < c->voter_count; i++) {
        if (c->voter_life[i] == 0) {
            c->voter_life[i] = c->voter[i] == r->config.id ? r->config.life : plain(r, c->voter[i]);
        }
    }
}

/* Rounds as in the thesis, 4.2.1: what was there when a round began is here at its end, and the
 * round was short. How long it has been silent need not be asked: it becomes a voter in the very
 * step that hears of its last entry, or an election timeout later at most: whoever leads waits no
 * longer for a majority or for the end of a transfer. */
static bool caught_up(struct raft *r, struct raft_peer *p)
{
    if (plain(r, p->id) == 0) {
        return false;
    }
    if (p->match >= r->commit) {
        return true;
    }
    if (p->round_end != 0 && p->match < p->round_end) {
        return false;
    }
    bool done = p->round_end != 0 && r->now_ns - p->round_ns <= r->config.election_ns_min;
    p->round_end = r->last;
    p->round_ns = r->now_ns;
    return done;
}

/* Who lost its disk and is here; who has come back as a learner and has everything. */
static uint32_t changes(struct raft *r, struct raft_change *out)
{
    const struct raft_conf *c = &r->effective;
    uint32_t count = 0;
    for (uint8_t i = 0; i < c->voter_count; i++) {
        uint64_t id = c->voter[i];
        const struct raft_peer *p = raft_peer_find(r, id);
        if (p != NULL && raft_life_lost(r, id) && p->match > 0) {
            out[count++] = (struct raft_change){ RAFT_CHANGE_LEARNER, id, c->voter_life[i] };
        }
    }
    for (uint8_t i = 0; count == 0 && i < c->learner_count; i++) { /* one thing after the other */
        struct raft_peer *p = raft_peer_find(r, c->learner[i]);
        if (p != NULL && c->learner_was[i] != 0 && caught_up(r, p)) {
            out[count++] = (struct raft_change){ RAFT_CHANGE_VOTER, p->id, 0 };
        }
    }
    return count;
}

bool raft_life_unbound(struct raft *r, struct raft_conf *out)
{
    raft_conf_copy(out, &r->effective);
    raft_life_bind(r, out);
    MARK_IF(!raft_conf_same(out, &r->effective), "raft: a voter is bound to its life");
    return r->config.life != 0 && !raft_conf_same(out, &r->effective);
}

/* Nothing is begun that a majority would not end: it has been heard of a moment ago. */
bool raft_life_go_on(struct raft *r, struct raft_conf *out)
{
    struct raft_change change[RAFT_VOTERS_MAX + RAFT_LEARNERS_MAX];
    uint32_t count = 0;
    if (r->config.life == 0 || r->transfer_to != 0) {
        return false;
    }
    if (raft_life_unbound(r, out)) {
        return true;
    }
    count = r->config.auto_rejoin ? changes(r, change) : 0;
    if (count == 0 || r->now_ns - raft_quorum_ack(r) > 2 * r->config.heartbeat_ns ||
        raft_conf_change(&r->effective, change, count, out) != ERR_OK) {
        return false;
    }
    MARK_IF(change[0].kind == RAFT_CHANGE_LEARNER, "raft: a voter without its disk is a learner");
    MARK_IF(change[0].kind == RAFT_CHANGE_VOTER, "raft: a learner is the voter again that it was");
    raft_life_bind(r, out);
    return true;
}

/* Whoever is not known to have lost its disk. */
static uint64_t whole_of(const void *arg, uint64_t id, uint64_t life)
{
    (void)life;
    return raft_life_lost(arg, id) ? 0 : 1;
}

/* In the half that comes, too. */
static bool stays(const struct raft_conf *c, uint64_t id)
{
    for (uint8_t i = 0; i < c->voter_count; i++) {
        if (c->voter[i] == id) {
            return true;
        }
    }
    return false;
}

void raft_life_status(const struct raft *r, struct raft_status *out)
{
    const struct raft_conf *c = &r->effective;
    out->life = r->config.life;
    for (uint8_t i = 0; i < c->voter_count; i++) {
        if (raft_life_lost(r, c->voter[i])) {
            out->wiped[out->wiped_count++] = c->voter[i];
        }
    }
    for (uint8_t i = 0; i < c->outgoing_count; i++) {
        if (raft_life_lost(r, c->outgoing[i]) && !stays(c, c->outgoing[i])) {
            out->wiped[out->wiped_count++] = c->outgoing[i];
        }
    }
    out->wiped_majority = out->wiped_count > 0 && raft_quorum(c, whole_of, r) == 0;
}
