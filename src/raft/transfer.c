/* raft/transfer.c -- giving the office to another (thesis 3.10).
 *
 * Shape:      the leader takes nothing new, waits until the successor has its whole log, and bids
 *             it stand at once; the successor's request for votes says so, and loyalty to the old
 *             leader does not count against it
 * Invariants: of the leader's state only: it ends with the office. A lease is lost for the rest of
 *             the term, since the bidding may arrive long after everybody gave the transfer up.
 */
#include "base/mark.h"
#include "raft/impl.h"

/* The voter that has most of the log, this node left out, of those that answer if there are some;
 * 0: there is none. */
static uint64_t best(const struct raft *r)
{
    uint64_t id = 0;
    uint64_t match = 0;
    bool answers = false;
    for (uint32_t i = 0; i < r->peer_count; i++) {
        const struct raft_peer *p = &r->peer[i];
        bool votes = raft_conf_is_voter(&r->effective, p->id) && !raft_life_lost(r, p->id);
        bool heard = r->now_ns - p->ack_ns <= r->config.election_ns_max;
        bool better = heard != answers ? heard : p->match > match;
        if (votes && (id == 0 || better)) {
            id = p->id;
            match = p->match;
            answers = heard;
        }
    }
    return id;
}

void raft_transfer_begin(struct raft *r, uint64_t to, uint64_t ticket, struct raft_out *out)
{
    ASSERT(r->role == RAFT_LEADER && r->transfer_to == 0);
    r->transfer_to = to != 0 ? to : best(r);
    r->transfer_ticket = ticket;
    r->transfer_deadline_ns = r->now_ns + r->config.election_ns_max;
    r->transfer_told = false;
    raft_transfer_go_on(r, out);
}

static enum err refuse(const struct raft *r, uint64_t to)
{
    if (r->role != RAFT_LEADER) {
        return r->last == 0 ? ERR_NOT_INITIALIZED : ERR_NOT_LEADER;
    }
    if (to != 0 && !raft_conf_is_voter(&r->effective, to)) {
        return ERR_UNKNOWN_NODE;
    }
    if (r->transfer_to != 0) {
        return ERR_BUSY;
    }
    if (to != 0 && raft_life_lost(r, to)) {
        MARK("raft: the office is not for who lost its disk");
        return ERR_NOT_CAUGHT_UP;
    }
    return to == 0 && best(r) == 0 ? ERR_UNKNOWN_NODE : ERR_OK;
}

void raft_transfer(struct raft *r, const struct raft_event *ev, struct raft_out *out)
{
    enum err e = refuse(r, ev->peer);
    if (e != ERR_OK || ev->peer == r->config.id) {
        raft_reply(r, out, ev->ticket, 1, e, 0); /* it leads already: that is done */
        return;
    }
    raft_transfer_begin(r, ev->peer, ev->ticket, out);
}

void raft_transfer_go_on(struct raft *r, struct raft_out *out)
{
    const struct raft_peer *p = r->transfer_to != 0 ? raft_peer_find(r, r->transfer_to) : NULL;
    if (r->role != RAFT_LEADER || p == NULL || r->transfer_told || p->match < r->last) {
        return;
    }
    r->transfer_told = true; /* again with the next heartbeat: it may be lost */
    r->transfer_bid = r->last;
    r->lease_lost = true;
    struct raft_msg *m = raft_send(r, out, p->id, RAFT_MSG_TIMEOUT_NOW, r->hard_ticket);
    m->index = r->last;
    m->log_term = raft_term_at(r, r->last);
}

void raft_transfer_end(struct raft *r, struct raft_out *out, enum err code)
{
    if (r->transfer_ticket != 0) {
        raft_reply(r, out, r->transfer_ticket, 1, code, code == ERR_OK ? 0 : r->transfer_bid);
    }
    r->transfer_to = 0;
    r->transfer_ticket = 0;
    r->transfer_deadline_ns = 0;
    r->transfer_told = false;
    r->transfer_bid = 0;
}

void raft_transfer_expire(struct raft *r, struct raft_out *out)
{
    if (r->transfer_to == 0 || r->now_ns < r->transfer_deadline_ns) {
        return;
    }
    MARK("raft: a transfer takes too long");
    raft_transfer_end(r, out, ERR_TIMEOUT);
    if (!raft_is_voter(r) && r->effective.index <= r->commit) {
        raft_follow(r, out, r->term, 0); /* the others elect whom they like */
        return;
    }
    raft_emit(out, RAFT_DO_ROLE); /* who waited for another leader may come back */
}

void raft_timeout_now_msg(struct raft *r, const struct raft_msg *m, struct raft_out *out)
{
    if (raft_usurper(r, m)) {
        return;
    }
    raft_heard(r, m, out);
    bool whole = r->durable >= m->index && raft_term_at(r, m->index) == m->log_term;
    MARK_IF(!whole, "raft: a successor that lacks something waits");
    if (whole && raft_may_stand(r)) {
        raft_reads_fail(r, out, ERR_NO_LEADER);
        raft_stand(r, out, true);
    }
}
