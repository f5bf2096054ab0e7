/* raft/check.c -- the invariants, asserted after every step, in release builds too. */
#include "raft/impl.h"

static void check_log(const struct raft *r)
{
    ASSERT(r->snap_index <= r->applied);
    ASSERT(r->applied <= r->apply_sent);
    ASSERT(r->apply_sent <= r->commit);
    ASSERT(r->apply_sent <= r->durable);
    ASSERT(r->commit <= r->last);
    ASSERT(r->durable <= r->last);
    ASSERT(r->wal_done <= r->wal_issued);
    ASSERT(r->hard_ticket <= r->wal_issued);
    ASSERT(r->cut_ticket <= r->wal_issued);
    ASSERT(r->run_count <= RAFT_TERM_RUNS_MAX);
    ASSERT((r->run_count > 0) == (r->last > r->snap_index));
    ASSERT(raft_term_at(r, r->last) <= r->term);
}

static void check_conf(const struct raft *r)
{
    const struct raft_conf *c = &r->effective;
    ASSERT(c->index <= r->last);
    ASSERT(r->committed.index <= c->index);
    for (uint8_t i = 0; i < c->learner_count; i++) {
        ASSERT(!raft_conf_is_voter(c, c->learner[i]));
    }
}

static void check_peer(const struct raft *r, const struct raft_peer *p)
{
    ASSERT(p->id != r->config.id);
    ASSERT(p->match <= r->last);
    ASSERT(p->next > p->match && p->next <= r->last + 1);
    ASSERT(p->inflight.count > 0 || p->inflight_bytes == 0);
    ASSERT(p->state == RAFT_PEER_REPLICATE || p->inflight.count == 0);
}

static void check_leader(const struct raft *r)
{
    ASSERT(r->leader == r->config.id);
    ASSERT(r->noop_index > 0 && raft_term_at(r, r->noop_index) == r->term);
    ASSERT(raft_term_at(r, r->last) == r->term);
    for (uint32_t i = 0; i < r->peer_count; i++) {
        check_peer(r, &r->peer[i]);
    }
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
    }
    if (r->role == RAFT_CANDIDATE) {
        ASSERT(r->vote == r->config.id);
    }
}
