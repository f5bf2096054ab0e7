/* raft/read.c -- linearizable reads without writing (thesis 6.4): one round to a quorum for a
 * batch.
 *
 * Invariants: a round confirms only reads that arrived before it was sent; a read's index is the
 *             commit index at its arrival, or the own term's first entry when that is not committed
 * Why:        rounds are numbers of our own making, monotone in a term; nothing of a client's
 *             travels
 */
#include "base/mark.h"
#include "raft/impl.h"

static uint64_t seq_of(const void *arg, uint64_t id, uint64_t life)
{
    const struct raft *r = arg;
    if (id == r->config.id) {
        return raft_life_own(r, life) ? r->read_seq : 0;
    }
    const struct raft_peer *p = raft_life_peer(r, id, life);
    return p != NULL ? p->read_seq : 0;
}

static void finish(struct raft *r, const struct raft_read *q, struct raft_out *out)
{
    if (q->origin != 0) {
        struct raft_msg *m = raft_send(r, out, q->origin, RAFT_MSG_READ_REPLY, r->hard_ticket);
        m->id = q->id;
        m->index = q->index;
        return;
    }
    struct raft_effect *e = raft_emit(out, RAFT_DO_READ_OK);
    e->ticket = q->ticket;
    e->count = q->count;
    e->index = q->index;
}

void raft_read_confirm(struct raft *r, struct raft_out *out)
{
    if (r->role != RAFT_LEADER || r->commit < r->noop_index) {
        MARK_IF(r->role == RAFT_LEADER && r->reads.count > 0,
                "raft: a read waits for the own term");
        return; /* nothing of the own term is committed: the commit index may be too low */
    }
    uint64_t confirmed = raft_quorum(&r->effective, seq_of, r);
    while (r->reads.count > 0) {
        const struct raft_read *q = &r->read[ring_at(&r->reads, 0)];
        if (q->seq > confirmed) {
            return;
        }
        ASSERT(q->index <= r->commit);
        finish(r, q, out);
        ring_pop(&r->reads);
    }
}

static uint64_t lease_of(const void *arg, uint64_t id, uint64_t life)
{
    const struct raft *r = arg;
    if (id == r->config.id) {
        return raft_life_own(r, life) ? r->now_ns : 0;
    }
    const struct raft_peer *p = raft_life_peer(r, id, life);
    return p != NULL && p->loyal ? p->lease_ns : 0;
}

/* Until when nobody else can lead; 0: no lease. */
static uint64_t lease_end(const struct raft *r)
{
    bool may = r->role == RAFT_LEADER && r->config.lease_reads && !r->config.no_check_quorum &&
               !r->lease_lost && r->transfer_to == 0 && r->commit >= r->noop_index;
    uint64_t from = may ? raft_quorum(&r->effective, lease_of, r) : 0;
    uint64_t loyal = r->config.election_ns_min / 1000000 * (1000000 - r->config.drift_ppm);
    return from == 0 ? 0 : from + loyal;
}

static struct raft_read *enqueue(struct raft *r)
{
    struct raft_read *q = &r->read[ring_push(&r->reads)];
    memset(q, 0, sizeof *q);
    q->deadline_ns = r->now_ns + r->config.election_ns_max;
    return q;
}

/* On the leader: queue, and ask everybody whether it still leads. */
static struct raft_read *enqueue_leader(struct raft *r)
{
    struct raft_read *q = enqueue(r);
    q->seq = ++r->read_seq;
    q->index = r->commit > r->noop_index ? r->commit : r->noop_index;
    return q;
}

void raft_read(struct raft *r, const struct raft_event *ev, struct raft_out *out)
{
    enum err e = ERR_OK;
    if (r->last == 0) {
        e = ERR_NOT_INITIALIZED;
    } else if (r->leader == 0 || r->transfer_to != 0) {
        e = ERR_NO_LEADER;
    } else if (ring_full(&r->reads)) {
        MARK("raft: too many reads wait");
        e = ERR_BUSY;
    }
    if (e != ERR_OK) {
        raft_reply(r, out, ev->ticket, ev->count, e, 0);
        return;
    }
    bool lead = r->role == RAFT_LEADER;
    if (ev->lease && r->now_ns < lease_end(r)) {
        MARK("raft: a read by lease");
        struct raft_read q = { .ticket = ev->ticket, .count = ev->count, .index = r->commit };
        finish(r, &q, out);
        return;
    }
    struct raft_read *q = lead ? enqueue_leader(r) : enqueue(r);
    q->ticket = ev->ticket;
    q->count = ev->count;
    if (lead) {
        raft_heartbeat(r, out);
        raft_read_confirm(r, out);
        return;
    }
    q->seq = ++r->read_asked;
    struct raft_msg *m = raft_send(r, out, r->leader, RAFT_MSG_READ, r->hard_ticket);
    m->id = q->seq;
}

void raft_read_msg(struct raft *r, const struct raft_msg *m, struct raft_out *out)
{
    bool member = raft_peer_find(r, m->from) != NULL;
    if (r->role != RAFT_LEADER || !member || ring_full(&r->reads)) {
        MARK("raft: a read of a peer is refused");
        struct raft_msg *reply = raft_send(r, out, m->from, RAFT_MSG_READ_REPLY, r->hard_ticket);
        reply->reject = true;
        reply->id = m->id;
        reply->hint = r->leader;
        return;
    }
    struct raft_read *q = enqueue_leader(r);
    q->origin = m->from;
    q->id = m->id;
    q->count = 1;
    raft_heartbeat(r, out);
    raft_read_confirm(r, out);
}

void raft_read_reply(struct raft *r, const struct raft_msg *m, struct raft_out *out)
{
    if (r->role == RAFT_LEADER || m->from != r->leader) {
        MARK("raft: a read answer of an old leader");
        return;
    }
    for (uint32_t i = 0; i < r->reads.count; i++) {
        struct raft_read *q = &r->read[ring_at(&r->reads, i)];
        if (q->seq != m->id || q->count == 0) {
            continue;
        }
        if (m->reject) {
            MARK("raft: a read comes back refused");
            enum err why = m->hint == m->from ? ERR_BUSY : ERR_NO_LEADER;
            raft_reply(r, out, q->ticket, q->count, why, 0);
        } else {
            q->index = m->index;
            finish(r, q, out);
        }
        q->count = 0; /* answered; leaves the ring when it is the oldest */
        break;
    }
    while (r->reads.count > 0 && r->read[ring_at(&r->reads, 0)].count == 0) {
        ring_pop(&r->reads);
    }
}

static void fail_oldest(struct raft *r, struct raft_out *out, enum err code)
{
    const struct raft_read *q = &r->read[ring_pop(&r->reads)];
    if (q->origin == 0 && q->count > 0) {
        raft_reply(r, out, q->ticket, q->count, code, 0);
    }
}

void raft_reads_fail(struct raft *r, struct raft_out *out, enum err code)
{
    while (r->reads.count > 0) {
        fail_oldest(r, out, code);
    }
}

void raft_reads_expire(struct raft *r, struct raft_out *out)
{
    while (r->reads.count > 0 && r->read[ring_at(&r->reads, 0)].deadline_ns <= r->now_ns) {
        MARK("raft: a read finds no quorum");
        fail_oldest(r, out, ERR_NO_QUORUM);
    }
}

uint64_t raft_reads_deadline(const struct raft *r)
{
    return r->reads.count > 0 ? r->read[ring_at(&r->reads, 0)].deadline_ns : UINT64_MAX;
}
