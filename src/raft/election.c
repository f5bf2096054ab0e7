/* raft/election.c -- pre-votes, votes, terms and who is followed (Raft 5.2, 5.4.1; thesis 9.6).
 *
 * Invariants: a pre-vote changes neither term, vote nor timer of whoever answers it; a vote leaves
 *             only when it is durable; a candidate boasts of nothing but its durable log, a voter
 *             judges by all of its own
 */
#include "base/mark.h"
#include "raft/impl.h"

void raft_election_reset(struct raft *r)
{
    uint64_t span = r->config.election_ns_max - r->config.election_ns_min;
    uint64_t wait = r->config.election_ns_min + prng_below(&r->prng, span);
    r->election_deadline_ns = r->now_ns + wait;
}

bool raft_is_voter(const struct raft *r)
{
    return raft_conf_counts(&r->effective, r->config.id, r->config.life);
}

bool raft_may_lead(const struct raft *r)
{
    bool leaving = r->effective.index > r->commit &&
                   raft_conf_counts(&r->committed, r->config.id, r->config.life);
    MARK_IF(leaving && !raft_is_voter(r), "raft: a voter that is leaving is still needed");
    return raft_is_voter(r) || leaving;
}

static void role_changed(struct raft_out *out)
{
    raft_emit(out, RAFT_DO_ROLE);
}

void raft_follow(struct raft *r, struct raft_out *out, uint64_t term, uint64_t leader)
{
    bool changed = r->role != RAFT_FOLLOWER || r->leader != leader || term > r->term;
    ASSERT(term >= r->term);
    MARK_IF(r->role == RAFT_LEADER && r->proposals.count > 0,
            "raft: proposals of a fallen leader stay open");
    if (r->role == RAFT_LEADER) {
        raft_transfer_end(r, out, term > r->term ? ERR_OK : ERR_NO_LEADER);
        raft_proposals_fail(r, out, ERR_OUTCOME_UNKNOWN);
        if (r->conf_ticket != 0) {
            MARK("raft: a change of a fallen leader stays open");
            raft_reply(r, out, r->conf_ticket, 1, ERR_OUTCOME_UNKNOWN, 0);
        }
    }
    if (r->role == RAFT_LEADER || r->leader != leader) {
        raft_reads_fail(r, out, ERR_NO_LEADER);
    }
    if (r->role != RAFT_FOLLOWER) {
        raft_election_reset(r);
    }
    r->role = RAFT_FOLLOWER;
    r->leader = leader;
    r->own_ballot = RAFT_BALLOT_OPEN;
    r->noop_index = 0;
    r->conf_ticket = 0;
    r->lease_lost = false;
    if (term > r->term) {
        r->term = term;
        r->vote = 0;
        raft_write_hard(r, out);
    }
    if (changed) {
        role_changed(out);
    }
}

static void ballots_clear(struct raft *r)
{
    for (uint32_t i = 0; i < r->peer_count; i++) {
        r->peer[i].ballot = RAFT_BALLOT_OPEN;
    }
}

/* Ask everybody who may vote. The last durable entry is what counts. */
static void ask(struct raft *r, struct raft_out *out, enum raft_msg_type type, uint64_t term,
                bool transfer)
{
    for (uint32_t i = 0; i < r->peer_count; i++) {
        if (!raft_conf_is_voter(&r->effective, r->peer[i].id)) {
            continue;
        }
        struct raft_msg *m = raft_send(r, out, r->peer[i].id, type, r->hard_ticket);
        m->term = term;
        m->index = r->durable;
        m->log_term = raft_term_at(r, r->durable);
        m->id = r->round;
        m->transfer = transfer;
    }
}

void raft_stand(struct raft *r, struct raft_out *out, bool transfer)
{
    ASSERT(raft_may_lead(r));
    r->role = RAFT_CANDIDATE;
    r->leader = 0;
    r->term++;
    r->vote = r->config.id;
    r->round++;
    ballots_clear(r);
    raft_election_reset(r);
    raft_write_hard(r, out);
    r->own_ballot = RAFT_BALLOT_YES;
    r->own_vote_ticket = r->hard_ticket;
    role_changed(out);
    ask(r, out, RAFT_MSG_VOTE, r->term, transfer);
    raft_election_tally(r, out);
}

void raft_campaign(struct raft *r, struct raft_out *out)
{
    bool runs_full = r->run_count == RAFT_TERM_RUNS_MAX;
    MARK_IF(runs_full, "raft: no candidate without room for a term");
    if (r->role == RAFT_LEADER || r->role == RAFT_STOPPED || !raft_may_lead(r) || runs_full ||
        r->durable < r->snap_index) {
        return;
    }
    raft_reads_fail(r, out, ERR_NO_LEADER);
    if (r->config.no_pre_vote) {
        raft_stand(r, out, false);
        return;
    }
    r->role = RAFT_PRECANDIDATE;
    r->leader = 0;
    r->round++;
    ballots_clear(r);
    raft_election_reset(r);
    r->own_ballot = RAFT_BALLOT_YES;
    r->own_vote_ticket = r->wal_done;
    role_changed(out);
    ask(r, out, RAFT_MSG_PREVOTE, r->term + 1, false);
    raft_election_tally(r, out);
}

static uint64_t yes_of(const void *arg, uint64_t id, uint64_t life)
{
    const struct raft *r = arg;
    if (id == r->config.id) {
        return raft_life_own(r, life) && r->own_ballot == RAFT_BALLOT_YES &&
               r->wal_done >= r->own_vote_ticket;
    }
    const struct raft_peer *p = raft_life_peer(r, id, life);
    return p != NULL ? p->ballot == RAFT_BALLOT_YES : 0;
}

static uint64_t not_no_of(const void *arg, uint64_t id, uint64_t life)
{
    const struct raft *r = arg;
    (void)life; /* one that has lost its disk says nothing that counts, but may be put back */
    for (uint32_t i = 0; i < r->peer_count; i++) {
        if (r->peer[i].id == id) {
            return r->peer[i].ballot != RAFT_BALLOT_NO;
        }
    }
    return 1;
}

void raft_election_tally(struct raft *r, struct raft_out *out)
{
    if (r->role != RAFT_PRECANDIDATE && r->role != RAFT_CANDIDATE) {
        return;
    }
    bool durable = r->wal_done >= r->own_vote_ticket; /* else nobody was asked yet */
    if (durable && raft_quorum(&r->effective, yes_of, r) != 0) {
        if (r->role == RAFT_PRECANDIDATE) {
            raft_stand(r, out, false);
        } else {
            raft_lead(r, out);
        }
    } else if (raft_quorum(&r->effective, not_no_of, r) == 0) {
        MARK("raft: a majority says no");
        raft_follow(r, out, r->term, 0);
    }
}

/* Raft 5.4.1: the candidate's log is at least as complete as this one, with what is still on its
 * way to the disk: it may be there already, and acknowledged, before this core is told. A vote
 * waits for the same disk, so nothing is lost by being strict. */
static bool log_good(const struct raft *r, const struct raft_msg *m)
{
    uint64_t term = raft_term_at(r, r->last);
    return m->log_term > term || (m->log_term == term && m->index >= r->last);
}

/* A leader was heard a moment ago, or may have been promised loyalty before a restart. */
static bool sticky(const struct raft *r)
{
    return !r->config.no_check_quorum && (r->role == RAFT_LEADER || r->now_ns < r->sticky_until_ns);
}

static void prevote(struct raft *r, const struct raft_msg *m, struct raft_out *out)
{
    bool yes = m->term > r->term && log_good(r, m) && (m->transfer || !sticky(r));
    MARK_IF(!yes && sticky(r), "raft: a pre-vote is refused out of loyalty");
    struct raft_msg *reply = raft_send(r, out, m->from, RAFT_MSG_PREVOTE_REPLY, r->hard_ticket);
    reply->term = yes ? m->term : r->term;
    reply->reject = !yes;
    reply->id = m->id;
}

static void vote(struct raft *r, const struct raft_msg *m, struct raft_out *out)
{
    if (m->term > r->term) {
        if (!m->transfer && sticky(r)) {
            MARK("raft: a vote is refused out of loyalty");
            return; /* not even the term: the leader in office is to stay */
        }
        raft_follow(r, out, m->term, 0);
    }
    bool idle = r->role == RAFT_FOLLOWER || r->role == RAFT_PRECANDIDATE;
    bool quiet = !r->config.no_check_quorum && r->now_ns < r->quiet_until_ns;
    MARK_IF(quiet && r->vote == 0 && log_good(r, m), "raft: a new process votes for nobody yet");
    bool fresh = r->vote == 0 && r->leader == 0 && log_good(r, m) && !quiet;
    bool again = r->vote == m->from; /* asked twice: the first answer may have been lost */
    bool yes = m->term == r->term && idle && (fresh || again);
    if (yes && r->role == RAFT_PRECANDIDATE) {
        MARK("raft: a pre-candidate votes for another");
        raft_follow(r, out, r->term, 0);
    }
    MARK_IF(yes && again, "raft: a vote is given again");
    MARK_IF(idle && r->vote == 0 && !log_good(r, m), "raft: a vote is refused to an older log");
    if (yes && !again) {
        r->vote = m->from;
        raft_write_hard(r, out);
        raft_election_reset(r);
    }
    if (yes) {
        raft_promise_vote(r, m->from);
    }
    struct raft_msg *reply = raft_send(r, out, m->from, RAFT_MSG_VOTE_REPLY, r->hard_ticket);
    reply->reject = !yes;
    reply->id = m->id;
}

static void ballot(struct raft *r, const struct raft_msg *m, enum raft_role role,
                   struct raft_out *out)
{
    if (m->reject && m->term > r->term) {
        MARK("raft: a candidate learns of a newer term");
        raft_follow(r, out, m->term, 0);
        return;
    }
    uint64_t expected = role == RAFT_PRECANDIDATE ? r->term + 1 : r->term;
    struct raft_peer *p = raft_peer_find(r, m->from);
    bool current = r->role == role && m->id == r->round && p != NULL;
    if (!current || (!m->reject && m->term != expected)) {
        return;
    }
    if (p->ballot == RAFT_BALLOT_OPEN) {
        p->ballot = m->reject ? RAFT_BALLOT_NO : RAFT_BALLOT_YES;
    }
    raft_election_tally(r, out);
}

void raft_election_msg(struct raft *r, const struct raft_msg *m, struct raft_out *out)
{
    switch (m->type) {
    case RAFT_MSG_PREVOTE:
        raft_remind(r, m->from, out);
        prevote(r, m, out);
        break;
    case RAFT_MSG_VOTE:
        raft_remind(r, m->from, out);
        vote(r, m, out);
        break;
    case RAFT_MSG_PREVOTE_REPLY:
        ballot(r, m, RAFT_PRECANDIDATE, out);
        break;
    default:
        ASSERT(m->type == RAFT_MSG_VOTE_REPLY);
        ballot(r, m, RAFT_CANDIDATE, out);
        break;
    }
}
