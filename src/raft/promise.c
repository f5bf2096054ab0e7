/* raft/promise.c -- what nodes have promised each other, kept in memory, so that a node whose disk
 * was put back to an older state is told before it breaks a promise (docs/decisions/0004).
 *
 * Shape:      every node remembers of every peer the newest acknowledgement and the newest vote
 *             that it got from it, and reminds it: on a new connection, when it stands for
 *             election, when it denies what it has acknowledged. A node that is reminded of a
 *             promise which neither this process of it made nor its disk held when the process
 *             began stops.
 * Invariants: no false alarm: what this process said is noted before the message leaves; what an
 *             earlier one said was durable before it left, so the disk that this one began with
 *             holds it, or has moved on to a later term, in which it says nothing any more
 * Why:        within a term an acknowledged prefix is never truncated, and a vote never changes
 */
#include "base/mark.h"
#include "raft/impl.h"

static struct raft_promise *find(struct raft *r, uint64_t id)
{
    for (uint32_t i = 0; i < r->promise_count; i++) {
        if (r->promise[i].id == id) {
            return &r->promise[i];
        }
    }
    return NULL;
}

/* The row of a peer, made when there is none; NULL: the table is full. */
static struct raft_promise *row_of(struct raft *r, uint64_t id)
{
    struct raft_promise *p = find(r, id);
    if (p == NULL && r->promise_count < RAFT_PEERS_MAX) {
        p = &r->promise[r->promise_count++];
        memset(p, 0, sizeof *p);
        p->id = id;
    }
    return p;
}

/* Whether entries up to an index of a term are more than those up to another. */
static bool beyond(uint64_t term, uint64_t index, uint64_t than_term, uint64_t than_index)
{
    return term > than_term || (term == than_term && index > than_index);
}

void raft_promise_ack(struct raft *r, uint64_t to, uint64_t index)
{
    struct raft_promise *p = row_of(r, to);
    if (p != NULL && beyond(r->term, index, p->said_term, p->said_index)) {
        p->said_term = r->term;
        p->said_index = index;
    }
}

void raft_promise_vote(struct raft *r, uint64_t to)
{
    struct raft_promise *p = row_of(r, to);
    if (p != NULL && r->term > p->said_vote) {
        p->said_vote = r->term;
    }
}

/* What this peer has promised in the life that counts is kept, whatever other lives say. */
static bool kept(const struct raft *r, const struct raft_promise *p)
{
    uint64_t bound = raft_conf_life(&r->effective, p->id);
    bool voter = raft_conf_is_voter(&r->effective, p->id);
    return p->heard_life != 0 && voter && (bound == 0 || bound == p->heard_life);
}

void raft_promise_heard(struct raft *r, const struct raft_msg *m)
{
    bool ack = m->type == RAFT_MSG_APPEND_REPLY && !m->reject;
    bool vote = m->type == RAFT_MSG_VOTE_REPLY && !m->reject;
    struct raft_promise *p = ack || vote ? row_of(r, m->from) : NULL;
    if (p == NULL || (p->heard_life != m->life && kept(r, p))) {
        return;
    }
    if (p->heard_life != m->life) {
        p->heard_life = m->life;
        p->heard_term = 0;
        p->heard_index = 0;
        p->heard_vote = 0;
    }
    if (ack && beyond(m->term, m->index, p->heard_term, p->heard_index)) {
        p->heard_term = m->term;
        p->heard_index = m->index;
    }
    if (vote && m->term > p->heard_vote) {
        p->heard_vote = m->term;
    }
}

uint64_t raft_promised_by(const struct raft *r, uint64_t id)
{
    for (uint32_t i = 0; i < r->promise_count; i++) {
        if (r->promise[i].id == id) {
            return r->promise[i].heard_life;
        }
    }
    return 0;
}

void raft_remind(struct raft *r, uint64_t to, struct raft_out *out)
{
    const struct raft_promise *p = find(r, to);
    if (p == NULL || (p->heard_term == 0 && p->heard_vote == 0)) {
        return;
    }
    struct raft_msg *m = raft_send(r, out, to, RAFT_MSG_REMINDER, r->hard_ticket);
    m->log_term = p->heard_term;
    m->index = p->heard_index;
    m->hint = p->heard_life;
    m->id = p->heard_vote;
    m->reject = raft_conf_is_voter(&r->effective, to) && raft_conf_life(&r->effective, to) == 0;
}

/* The promise was given in another life, and this one is not counted in its place. */
static bool not_ours(const struct raft *r, const struct raft_msg *m)
{
    const struct raft_conf *c = &r->effective;
    bool apart = raft_conf_life(c, r->config.id) != 0 || raft_conf_was(c, r->config.id) != 0;
    return m->hint != r->config.life && (!m->reject || apart);
}

bool raft_reminded(struct raft *r, const struct raft_msg *m)
{
    const struct raft_promise *p = row_of(r, m->from);
    if (not_ours(r, m)) {
        MARK("raft: a promise of another life");
        return true;
    }
    if (p == NULL) {
        return true; /* what this process said to it is not known: nothing can be concluded */
    }
    bool ack_lost =
        beyond(m->log_term, m->index, p->said_term, p->said_index) &&
        beyond(m->log_term, m->index, r->boot_term, m->log_term == r->boot_term ? r->boot_last : 0);
    bool vote_held = m->id == r->boot_term && r->boot_vote == m->from;
    bool vote_lost = m->id > p->said_vote && m->id >= r->boot_term && !vote_held;
    if (ack_lost || vote_lost) {
        MARK("raft: the disk is older than a promise");
    }
    return !ack_lost && !vote_lost;
}
