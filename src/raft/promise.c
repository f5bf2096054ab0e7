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

/* Whether entries up to an index of a term are more than those up to another. */
static bool beyond(uint64_t term, uint64_t index, uint64_t than_term, uint64_t than_index)
{
    return term > than_term || (term == than_term && index > than_index);
}

/* How much a row is needed: of who counts most, of who is to leave less, of the others least. */
static uint32_t weight(const struct raft *r, uint64_t id)
{
    return raft_conf_is_member(&r->effective, id)   ? 2
           : raft_conf_is_member(&r->committed, id) ? 1
                                                    : 0;
}

/* Whether the newest of what was heard from one is older than that of another. */
static bool older(const struct raft_promise *p, const struct raft_promise *than)
{
    uint64_t term = p->heard_vote > p->heard_term ? p->heard_vote : p->heard_term;
    uint64_t other = than->heard_vote > than->heard_term ? than->heard_vote : than->heard_term;
    return beyond(other, than->heard_index, term, p->heard_index);
}

/* The row that is needed least, and the oldest of them. */
static struct raft_promise *least(struct raft *r)
{
    struct raft_promise *found = &r->promise[0];
    for (uint32_t i = 1; i < r->promise_count; i++) {
        struct raft_promise *p = &r->promise[i];
        uint32_t w = weight(r, p->id);
        uint32_t best = weight(r, found->id);
        if (w < best || (w == best && older(p, found))) {
            found = p;
        }
    }
    return found;
}

static void said(struct raft_promise *p, uint64_t term, uint64_t index, uint64_t vote)
{
    if (beyond(term, index, p->said_term, p->said_index)) {
        p->said_term = term;
        p->said_index = index;
    }
    p->said_vote = vote > p->said_vote ? vote : p->said_vote;
}

/* A row for who has none; NULL: all are needed more. What was said to those that had to go is
 * remembered as one, and stands for each of them, should it come back: so that none of them can
 * remind this node of something that it takes for lost. */
static struct raft_promise *row_new(struct raft *r, uint64_t id)
{
    struct raft_promise *p = &r->promise[r->promise_count];
    if (r->promise_count < RAFT_PEERS_MAX) {
        r->promise_count++;
    } else {
        p = least(r);
        if (weight(r, p->id) > 0 && weight(r, p->id) >= weight(r, id)) {
            MARK("raft: no room for the promises of one that is no member");
            return NULL;
        }
        MARK("raft: the promises of one that has left make room");
        said(&r->promise_gone, p->said_term, p->said_index, p->said_vote);
    }
    *p = r->promise_gone;
    p->id = id;
    return p;
}

static struct raft_promise *row_of(struct raft *r, uint64_t id)
{
    struct raft_promise *p = find(r, id);
    return p != NULL ? p : row_new(r, id);
}

void raft_promise_ack(struct raft *r, uint64_t to, uint64_t index)
{
    struct raft_promise *p = row_of(r, to);
    said(p != NULL ? p : &r->promise_gone, r->term, index, 0);
}

void raft_promise_vote(struct raft *r, uint64_t to)
{
    struct raft_promise *p = row_of(r, to);
    said(p != NULL ? p : &r->promise_gone, 0, 0, r->term);
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
    const struct raft_promise *row = find(r, m->from);
    const struct raft_promise *p = row != NULL ? row : &r->promise_gone;
    if (not_ours(r, m)) {
        MARK("raft: a promise of another life");
        return true;
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
