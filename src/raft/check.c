/* raft/check.c -- the invariants, asserted after every step, in release builds too. */
#include "raft/impl.h"

static void check_log(const struct raft *r)
{
    ASSERT(r->snap_index <= r->apply_sent); /* more than applied while a snapshot is installed */
    ASSERT(r->applied <= r->apply_sent);
    ASSERT(r->apply_sent <= r->commit);
    ASSERT(r->apply_sent <= r->durable || r->apply_sent == r->snap_index);
    ASSERT(r->made_index <= r->apply_sent);
    ASSERT(r->commit <= r->last);
    ASSERT(r->durable <= r->last);
    ASSERT(r->wal_done <= r->wal_issued);
    ASSERT(r->hard_ticket <= r->wal_issued);
    ASSERT(r->cut_ticket <= r->wal_issued);
    ASSERT(r->run_count <= RAFT_TERM_RUNS_MAX);
    ASSERT((r->run_count > 0) == (r->last > r->snap_index));
    ASSERT(raft_term_at(r, r->last) <= r->term);
    ASSERT(r->commit < r->last || r->uncommitted_bytes == 0); /* nothing leaks from the account */
}

static void check_conf(const struct raft *r)
{
    const struct raft_conf *c = &r->effective;
    ASSERT(c->index <= r->last);
    ASSERT(r->committed.index <= c->index);
    ASSERT(!c->manual || c->outgoing_count > 0);
    for (uint8_t i = 0; i < c->learner_count; i++) {
        for (uint8_t k = 0; k < c->voter_count; k++) {
            ASSERT(c->learner[i] != c->voter[k]);
        }
    }
}

static void check_peer(const struct raft *r, const struct raft_peer *p)
{
    uint64_t bytes = 0;
    uint64_t before = p->match;
    ASSERT(p->id != r->config.id);
    ASSERT(p->match <= r->last);
    ASSERT(p->next > p->match && p->next <= r->last + 1);
    ASSERT(p->state == RAFT_PEER_REPLICATE || p->inflight.count == 0);
    for (uint32_t i = 0; i < p->inflight.count; i++) {
        const struct raft_inflight *slot = &p->slot[ring_at(&p->inflight, i)];
        ASSERT(slot->last > before && slot->last < p->next);
        before = slot->last;
        bytes += slot->bytes;
    }
    ASSERT(bytes == p->inflight_bytes);
    /* who lacks something is sent something */
    ASSERT(p->next > r->last || p->state == RAFT_PEER_SNAPSHOT ||
           (p->state == RAFT_PEER_REPLICATE ? p->inflight.count > 0 : p->probing));
    ASSERT(p->snap == 0 || p->state == RAFT_PEER_SNAPSHOT);
    ASSERT(p->next > r->snap_index || p->state != RAFT_PEER_PROBE || p->probing);
}

/* Who has been heard in another life may have had it before: nobody can tell any more. */
static uint64_t matches(const struct raft *r, uint64_t id, uint64_t life, uint64_t index)
{
    for (uint32_t i = 0; i < r->peer_count; i++) {
        if (r->peer[i].id == id) {
            bool lost = life != 0 && r->peer[i].life != 0 && r->peer[i].life != life;
            return lost || r->peer[i].reborn || r->peer[i].match >= index;
        }
    }
    return id == r->config.id && r->durable >= index;
}

/* Counted one by one, not by the function that found the commit index. */
static void check_majority(const struct raft *r, const uint64_t *ids, const uint64_t *lives,
                           uint8_t count)
{
    uint64_t have = 0;
    for (uint8_t i = 0; i < count; i++) {
        have += matches(r, ids[i], lives[i], r->commit);
    }
    ASSERT(count == 0 || 2 * have > count);
}

static void check_leader(const struct raft *r)
{
    ASSERT(r->leader == r->config.id);
    ASSERT(r->vote == r->config.id);
    ASSERT(r->hard_ticket <= r->wal_done); /* nothing of this term left before it was durable */
    ASSERT(r->noop_index > 0 &&
           (r->noop_index <= r->snap_index || raft_term_at(r, r->noop_index) == r->term));
    ASSERT(raft_term_at(r, r->last) == r->term);
    for (uint32_t i = 0; i < r->peer_count; i++) {
        check_peer(r, &r->peer[i]);
    }
    bool entering = r->effective.index > r->commit && r->effective.outgoing_count > 0;
    if (r->commit >= r->noop_index) { /* what was committed before needed nobody of the new half */
        check_majority(r, r->effective.outgoing, r->effective.outgoing_life,
                       r->effective.outgoing_count);
        check_majority(r, r->effective.voter, r->effective.voter_life,
                       entering ? 0 : r->effective.voter_count);
    }
    ASSERT(r->transfer_to == 0 || r->transfer_to != r->config.id);
}

void raft_check_step(const struct raft *r, const struct raft_before *b)
{
    ASSERT(r->term >= b->term);
    ASSERT(r->term > b->term || b->vote == 0 || r->vote == b->vote);
    ASSERT(r->commit >= b->commit);
    ASSERT(r->applied >= b->applied);
    ASSERT(!b->leads || r->term > b->term || r->last >= b->last); /* a leader only appends */
}

void raft_check(const struct raft *r)
{
    check_log(r);
    check_conf(r);
    if (r->role == RAFT_LEADER) {
        check_leader(r);
    } else {
        ASSERT(r->leader != r->config.id);
        ASSERT(r->proposals.count == 0);
        ASSERT(r->noop_index == 0);
        ASSERT(r->conf_ticket == 0 && r->transfer_to == 0 && r->transfer_ticket == 0);
    }
    if (r->role == RAFT_CANDIDATE) {
        ASSERT(r->vote == r->config.id);
    }
}
