/* raft/replicate.c -- the leader's side: what to send to whom, and what is committed (Raft 5.3,
 * 5.4.2).
 *
 * Invariants: for every peer exactly one of these holds: something is sent, its window is full, it
 *             is being probed, or it has everything. Commit is a joint quorum of durable matches,
 *             and only of the own term.
 */
#include "base/mark.h"
#include "raft/impl.h"

void raft_peer_reset(struct raft *r, struct raft_peer *p)
{
    p->state = RAFT_PEER_PROBE;
    p->probing = false;
    p->next = p->match + 1;
    p->inflight_bytes = 0;
    p->judged_match = UINT64_MAX;
    p->sent_commit = 0;
    p->snap = 0;
    ring_init(&p->inflight, RAFT_INFLIGHT_MSGS_MAX);
    ASSERT(p->next <= r->last + 1);
}

void raft_replicate_all(struct raft *r, struct raft_out *out)
{
    for (uint32_t i = 0; i < r->peer_count; i++) {
        raft_replicate(r, &r->peer[i], out);
    }
}

void raft_lead(struct raft *r, struct raft_out *out)
{
    ASSERT(r->role == RAFT_CANDIDATE && r->vote == r->config.id);
    r->role = RAFT_LEADER;
    r->leader = r->config.id;
    r->read_seq = 0;
    r->heartbeat_deadline_ns = r->now_ns + r->config.heartbeat_ns;
    for (uint32_t i = 0; i < r->peer_count; i++) {
        struct raft_peer *p = &r->peer[i];
        p->match = 0;
        p->reborn = false;
        p->read_seq = 0;
        p->lease_ns = 0;
        p->ack_ns = r->now_ns; /* it has just been chosen: quorum contact counts from here */
        raft_peer_reset(r, p);
        p->next = r->last + 1;
    }
    raft_emit(out, RAFT_DO_ROLE);
    struct raft_effect *e = raft_write(r, out);
    raft_log_push(r, r->term, 0);
    r->noop_index = r->last;
    e->source = RAFT_FROM_CORE;
    e->kind = RAFT_ENTRY_NOOP;
    e->first = r->last;
    e->last = r->last;
    e->term = r->term;
    raft_replicate_all(r, out);
}

static uint32_t window_msgs(const struct raft *r)
{
    uint32_t max = r->config.inflight_max;
    return max == 0 || max > RAFT_INFLIGHT_MSGS_MAX ? RAFT_INFLIGHT_MSGS_MAX : max;
}

static bool window_full(const struct raft *r, const struct raft_peer *p)
{
    if (p->state == RAFT_PEER_PROBE) {
        return p->probing;
    }
    ASSERT(p->state == RAFT_PEER_REPLICATE);
    return p->inflight.count >= window_msgs(r) || p->inflight_bytes >= RAFT_INFLIGHT_BYTES_MAX;
}

/* As many entries from first on as one message may carry; at least one. Where sizes are forgotten
 * the driver cuts it. */
static uint64_t batch_end(const struct raft *r, uint64_t first, uint64_t *out_bytes)
{
    uint64_t limit =
        r->config.append_bytes_max != 0 ? r->config.append_bytes_max : RAFT_APPEND_BYTES_MAX;
    uint64_t most =
        r->last - first < RAFT_APPEND_ENTRIES_MAX ? r->last : first + RAFT_APPEND_ENTRIES_MAX - 1;
    uint64_t bytes = raft_log_size(r, first);
    uint64_t last = first;
    if (bytes == UINT32_MAX) {
        return most;
    }
    while (last < most && bytes < limit) {
        uint64_t more = raft_log_size(r, last + 1);
        if (bytes + more > limit) {
            MARK("raft: an append is cut by its size");
            break;
        }
        bytes += more;
        last++;
    }
    *out_bytes = bytes;
    return last;
}

/* One append from next on, empty when there is nothing. */
static void send_append(struct raft *r, struct raft_peer *p, struct raft_out *out, bool empty)
{
    uint64_t bytes = 0;
    uint64_t last = empty || p->next > r->last ? p->next - 1 : batch_end(r, p->next, &bytes);
    struct raft_msg *m = raft_send(r, out, p->id, RAFT_MSG_APPEND, r->hard_ticket);
    m->index = p->next - 1;
    m->log_term = raft_term_at(r, p->next - 1);
    m->commit = r->commit;
    m->epoch = p->epoch;
    m->read_seq = r->read_seq;
    m->sent_ns = r->now_ns;
    m->first = p->next;
    m->last = last;
    p->sent_commit = r->commit < last ? r->commit : last;
    if (p->state == RAFT_PEER_PROBE) {
        p->probing = true;
        p->judged_ns = r->now_ns;
        return;
    }
    if (last >= p->next) {
        struct raft_inflight *slot = &p->slot[ring_push(&p->inflight)];
        slot->last = last;
        slot->bytes = (uint32_t)(bytes > UINT32_MAX ? UINT32_MAX : bytes);
        p->inflight_bytes += slot->bytes;
        p->next = last + 1;
    }
}

/* Up to which entry, and of which term, the peer is known to have our log. */
static void beat(struct raft *r, struct raft_peer *p, struct raft_out *out)
{
    struct raft_msg *m = raft_send(r, out, p->id, RAFT_MSG_HEARTBEAT, r->hard_ticket);
    m->index = p->match;
    m->log_term = raft_term_at(r, p->match);
    m->commit = r->commit < p->match ? r->commit : p->match;
    m->epoch = p->epoch;
    m->read_seq = r->read_seq;
    m->sent_ns = r->now_ns;
    p->sent_commit = m->commit > p->sent_commit ? m->commit : p->sent_commit;
}

/* Nothing to send, nothing on its way: tell the peer how far it may apply. */
static void send_commit(struct raft *r, struct raft_peer *p, struct raft_out *out)
{
    uint64_t commit = r->commit < p->match ? r->commit : p->match;
    if (p->state != RAFT_PEER_REPLICATE || p->inflight.count > 0 || p->sent_commit >= commit) {
        return;
    }
    beat(r, p, out);
}

/* Something for a peer that may lack entries which the log has no more. */
static void send_or_snap(struct raft *r, struct raft_peer *p, struct raft_out *out, bool empty)
{
    if (p->next <= r->snap_index) {
        raft_snap_send(r, p, out);
    } else {
        send_append(r, p, out, empty);
    }
}

void raft_replicate(struct raft *r, struct raft_peer *p, struct raft_out *out)
{
    if (p->state == RAFT_PEER_PROBE && p->probing && p->next <= r->snap_index) {
        return; /* it was sent a snapshot in vain: it has to show that it lives, see judge */
    }
    if (p->next <= r->snap_index || p->state == RAFT_PEER_SNAPSHOT) {
        raft_snap_send(r, p, out);
        return;
    }
    for (int i = 0; i < RAFT_SENDS_PER_PEER_MAX && p->next <= r->last; i++) {
        bool sized = raft_log_size(r, p->next) != UINT32_MAX;
        if (window_full(r, p) || (!sized && p->inflight.count > 0)) {
            MARK_IF(sized && p->state == RAFT_PEER_REPLICATE, "raft: a window is full");
            return;
        }
        if (!sized) { /* nobody knows how much will go: one at a time, its answer tells */
            MARK("raft: a size is forgotten");
            p->state = RAFT_PEER_PROBE;
        }
        send_append(r, p, out, false);
    }
    if (p->state == RAFT_PEER_PROBE && !p->probing && p->match < r->last) {
        send_append(r, p, out, true); /* is what is before `next` there? */
    }
    send_commit(r, p, out);
}

void raft_heartbeat(struct raft *r, struct raft_out *out)
{
    r->heartbeat_deadline_ns = r->now_ns + r->config.heartbeat_ns;
    for (uint32_t i = 0; i < r->peer_count; i++) {
        beat(r, &r->peer[i], out);
    }
}

static void inflight_free(struct raft_peer *p, uint64_t match)
{
    while (p->inflight.count > 0) {
        struct raft_inflight *slot = &p->slot[ring_at(&p->inflight, 0)];
        if (slot->last > match) {
            return;
        }
        ASSERT(p->inflight_bytes >= slot->bytes);
        p->inflight_bytes -= slot->bytes;
        ring_pop(&p->inflight);
    }
}

/* Of another log than this office has probed, or of none: an older term is refused without a hint
 * (message.c), perhaps an earlier office of this very leader. */
static bool stale_rejection(const struct raft *r, const struct raft_peer *p,
                            const struct raft_msg *m)
{
    return p->state == RAFT_PEER_SNAPSHOT || m->index <= p->match || m->index > r->last ||
           (p->state == RAFT_PEER_PROBE && m->index != p->next - 1) ||
           (m->hint == 0 && m->log_term == 0);
}

/* Where to go on after a rejection: skip the whole conflicting term (Raft 5.3, last paragraphs). */
static uint64_t next_after_reject(const struct raft *r, const struct raft_msg *m)
{
    uint64_t next = m->hint;
    if (m->log_term != 0) {
        uint64_t ours = raft_log_term_last(r, m->log_term);
        if (ours > r->snap_index && raft_term_at(r, ours) == m->log_term) {
            MARK("raft: a conflicting term is skipped");
            next = ours + 1;
        }
    }
    return next < m->index ? next : m->index;
}

static void rejected(struct raft *r, struct raft_peer *p, const struct raft_msg *m,
                     struct raft_out *out)
{
    if (m->index <= p->match) {
        raft_remind(r, p->id, out); /* an old message, or it denies what it has acknowledged */
    }
    if (stale_rejection(r, p, m)) {
        MARK("raft: a stale rejection");
        return;
    }
    uint64_t next = next_after_reject(r, m);
    raft_peer_reset(r, p);
    p->next = next > p->match ? next : p->match + 1;
    send_or_snap(r, p, out, false);
}

static void heard_of(const struct raft *r, struct raft_peer *p, const struct raft_msg *m)
{
    p->ack_ns = r->now_ns;
    if (m->read_seq <= r->read_seq && m->read_seq > p->read_seq) {
        p->read_seq = m->read_seq;
    }
    if (!m->reject && m->sent_ns <= r->now_ns && m->sent_ns > p->lease_ns) {
        p->lease_ns = m->sent_ns;
        p->loyal = m->hint >= r->config.election_ns_min;
        MARK_IF(!p->loyal, "raft: a peer is loyal for too short a time for a lease");
    }
}

static void acknowledged(struct raft *r, struct raft_peer *p, uint64_t match, struct raft_out *out)
{
    uint64_t id = p->id;
    p->match = match > p->match ? match : p->match;
    p->next = p->next > p->match ? p->next : p->match + 1;
    if (p->state != RAFT_PEER_SNAPSHOT || p->match >= (p->snap != 0 ? p->snap : r->snap_index)) {
        MARK_IF(p->state == RAFT_PEER_SNAPSHOT, "raft: a peer goes on from its snapshot");
        p->probing = false;
        p->snap = 0;
        p->state = RAFT_PEER_REPLICATE;
    }
    inflight_free(p, p->match);
    raft_commit_advance(r, out);
    p = raft_peer_find(r, id); /* peers that were to go may be gone now: the others have moved */
    if (p != NULL) {
        raft_replicate(r, p, out);
    }
}

void raft_append_reply(struct raft *r, const struct raft_msg *m, struct raft_out *out)
{
    struct raft_peer *p = raft_peer_find(r, m->from);
    MARK_IF(p != NULL && m->epoch != p->epoch, "raft: an answer of an older connection");
    if (r->role != RAFT_LEADER || p == NULL || m->epoch != p->epoch) {
        return;
    }
    heard_of(r, p, m);
    if (m->reject) {
        rejected(r, p, m, out);
    } else if (m->index <= r->last) {
        acknowledged(r, p, m->index, out);
    }
    raft_read_confirm(r, out);
}

/* It lives: is what was sent to it lost? */
static void judge(struct raft *r, struct raft_peer *p, struct raft_out *out)
{
    bool stuck = p->judged_match == p->match;
    p->judged_ns = r->now_ns;
    p->judged_match = p->match;
    if (p->state == RAFT_PEER_PROBE) {
        MARK("raft: a probe is repeated");
        p->probing = false;
        raft_replicate(r, p, out);
    } else if (p->state == RAFT_PEER_REPLICATE && p->match + 1 < p->next && stuck) {
        MARK("raft: a gap is found by a probe");
        send_or_snap(r, p, out, true); /* a gap is rejected, and then filled */
    } else if (p->state == RAFT_PEER_SNAPSHOT && p->snap == 0) {
        raft_snap_send(r, p, out); /* making one may have failed */
    } else if (p->snap != 0 && p->snap >= r->snap_index && stuck) {
        MARK("raft: a peer is asked whether it has its snapshot");
        send_append(r, p, out, true); /* its acknowledgement may be lost */
    }
}

void raft_heartbeat_reply(struct raft *r, const struct raft_msg *m, struct raft_out *out)
{
    struct raft_peer *p = raft_peer_find(r, m->from);
    if (r->role != RAFT_LEADER || p == NULL || m->epoch != p->epoch) {
        return;
    }
    heard_of(r, p, m);
    /* heartbeats also carry the rounds of reads, by the thousand: once a beat is enough */
    if (r->now_ns - p->judged_ns >= r->config.heartbeat_ns / 2) {
        judge(r, p, out);
    }
    raft_read_confirm(r, out);
}

static uint64_t match_of(const void *arg, uint64_t id, uint64_t life)
{
    const struct raft *r = arg;
    if (id == r->config.id) {
        return raft_life_own(r, life) ? r->durable : 0;
    }
    const struct raft_peer *p = raft_life_peer(r, id, life);
    return p != NULL ? p->match : 0;
}

void raft_commit_to(struct raft *r, uint64_t index)
{
    ASSERT(index <= r->last);
    raft_log_settle(r, r->commit + 1, index);
    r->commit = index > r->commit ? index : r->commit;
    if (r->commit >= r->effective.index && r->committed.index != r->effective.index) {
        raft_conf_settled(r);
    }
}

/* The configuration in force is about to be committed: who has it and is no member is told, the
 * last thing that it hears of this leader. */
static void tell_leaving(struct raft *r, uint64_t index, struct raft_out *out)
{
    const struct raft_conf *c = &r->effective;
    for (uint32_t i = 0; index >= c->index && i < r->peer_count; i++) {
        const struct raft_peer *p = &r->peer[i];
        if (!raft_conf_is_member(c, p->id)) {
            struct raft_msg *m = raft_send(r, out, p->id, RAFT_MSG_APPEND, r->hard_ticket);
            m->index = c->index;
            m->log_term = raft_term_at(r, c->index);
            m->commit = c->index;
            m->epoch = p->epoch;
            m->first = c->index + 1;
            m->last = c->index;
        }
    }
}

void raft_commit_advance(struct raft *r, struct raft_out *out)
{
    uint64_t index = raft_quorum(&r->effective, match_of, r);
    MARK_IF(r->role == RAFT_LEADER && index > r->commit && index < r->noop_index,
            "raft: an old term is not committed by counting");
    if (r->role != RAFT_LEADER || index <= r->commit || index > r->last ||
        raft_term_at(r, index) != r->term) {
        return;
    }
    tell_leaving(r, index, out);
    raft_commit_to(r, index);
    for (uint32_t i = 0; i < r->peer_count; i++) {
        if (r->peer[i].next > r->last) {
            send_commit(r, &r->peer[i], out);
        }
    }
    raft_apply_more(r, out);
    raft_read_confirm(r, out);
}

static uint64_t ack_of(const void *arg, uint64_t id, uint64_t life)
{
    const struct raft *r = arg;
    if (id == r->config.id) {
        return raft_life_own(r, life) ? r->now_ns : 0;
    }
    const struct raft_peer *p = raft_life_peer(r, id, life);
    return p != NULL ? p->ack_ns : 0;
}

uint64_t raft_quorum_ack(const struct raft *r)
{
    return raft_quorum(&r->effective, ack_of, r);
}

enum err raft_admit(const struct raft *r, uint32_t count)
{
    if (r->role != RAFT_LEADER) {
        return r->last == 0 ? ERR_NOT_INITIALIZED : ERR_NOT_LEADER;
    }
    if (r->transfer_to != 0) {
        MARK("raft: nothing new while the office is given away");
        return ERR_NO_LEADER;
    }
    bool full = ring_full(&r->proposals) || r->uncommitted_bytes >= RAFT_UNCOMMITTED_BYTES_MAX ||
                r->last - r->commit + count >= RAFT_SIZE_RING;
    MARK_IF(full, "raft: too many proposals wait");
    return full ? ERR_BUSY : ERR_OK;
}

void raft_propose(struct raft *r, const struct raft_event *ev, struct raft_out *out)
{
    enum err e = ev->count == 0 ? ERR_OK : raft_admit(r, ev->count);
    if (ev->count == 0 || e != ERR_OK) {
        if (e != ERR_OK) {
            raft_reply(r, out, ev->ticket, ev->count, e, 0);
        }
        return;
    }
    struct raft_proposal *p = &r->proposal[ring_push(&r->proposals)];
    p->ticket = ev->ticket;
    p->count = ev->count;
    p->index = r->last + 1;
    struct raft_effect *w = raft_write(r, out);
    w->source = RAFT_FROM_PROPOSE;
    w->kind = RAFT_ENTRY_COMMAND;
    w->term = r->term;
    w->first = r->last + 1;
    for (uint32_t i = 0; i < ev->count; i++) {
        raft_log_push(r, r->term, ev->sizes[i]);
    }
    w->last = r->last;
    raft_replicate_all(r, out);
}
