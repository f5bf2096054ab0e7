/* raft/snap.c -- snapshots: when one is made, who is sent one, what it does to a log (Raft 7).
 *
 * Shape:      the driver makes them and carries their bytes; the core knows index, term and
 *             configuration. Policy and sending follow from the state after every step, so that no
 *             trigger can be lost.
 * Invariants: only what is applied is in a snapshot, and only what is in one goes from the log; an
 *             installed one leaves nothing of the log before it, whatever it held
 */
#include "base/mark.h"
#include "raft/impl.h"
#include "raft/raft_codec.h"

enum {
    /* kept at most for peers that are being sent a snapshot: more than come while one is sent */
    SNAP_PIN_ENTRIES = 16 * RAFT_SIZE_RING,
    TERMS_MANY = RAFT_TERM_RUNS_MAX / 4 * 3, /* in the log: a snapshot is wanted */
    TERMS_KEPT = RAFT_TERM_RUNS_MAX / 2      /* fewer are left of them by the next one */
};
#define SNAP_PIN_BYTES (4096ull * MIB) /* as SNAP_PIN_ENTRIES; the driver knows what room it has */

static_assert(0 < TERMS_KEPT && TERMS_KEPT < TERMS_MANY && TERMS_MANY < RAFT_TERM_RUNS_MAX,
              "room for terms is made before it is used up, and not for each of them");

bool raft_snap_installing(const struct raft *r)
{
    return r->applied < r->snap_index;
}

/* ---- Making ---- */

static void build(struct raft *r, struct raft_out *out)
{
    if (!r->snap_building && !raft_snap_installing(r)) {
        r->snap_building = true;
        raft_emit(out, RAFT_DO_SNAPSHOT);
    }
}

/* So far the log goes, whoever wants more of it: without room for its term nobody stands for
 * election. */
static uint64_t terms_to(const struct raft *r)
{
    if (r->run_count < TERMS_KEPT) {
        return r->snap_index;
    }
    uint64_t to = r->run[r->run_count - TERMS_KEPT + 1].first - 1;
    return to < r->made_index ? to : r->made_index;
}

void raft_snap_go_on(struct raft *r, struct raft_out *out)
{
    uint64_t entries = r->applied > r->made_index ? r->applied - r->made_index : 0;
    bool terms = r->run_count >= TERMS_MANY && (entries > 0 || terms_to(r) > r->snap_index);
    bool grown = entries >= r->config.snap_entries ||
                 (r->config.snap_bytes != 0 && r->snap_bytes >= r->config.snap_bytes);
    if (r->config.snap_entries != 0 && ((grown && entries > 0) || terms)) {
        MARK_IF(terms, "raft: many terms ask for a snapshot");
        build(r, out);
    }
}

static void answer_ticket(struct raft *r, struct raft_out *out, enum err code)
{
    if (r->snap_ticket != 0) {
        raft_reply(r, out, r->snap_ticket, 1, code, code == ERR_OK ? r->made_index : 0);
        r->snap_ticket = 0;
    }
}

void raft_snap_ask(struct raft *r, const struct raft_event *ev, struct raft_out *out)
{
    if (r->last == 0 || r->snap_ticket != 0 || raft_snap_installing(r)) {
        enum err e = r->last == 0 ? ERR_NOT_INITIALIZED : ERR_BUSY;
        raft_reply(r, out, ev->ticket, 1, e, 0);
        return;
    }
    r->snap_ticket = ev->ticket;
    if (r->applied <= r->made_index && r->made_index <= r->snap_index) {
        answer_ticket(r, out, ERR_OK); /* nothing has happened since, and the log is short */
        return;
    }
    build(r, out);
}

/* Bytes of the entries behind index; those whose sizes are forgotten count like others. */
static uint64_t bytes_behind(const struct raft *r, uint64_t index)
{
    uint64_t known = 0;
    uint64_t bytes = 0;
    for (uint64_t i = r->last; i > index && raft_log_size(r, i) != UINT32_MAX; i--) {
        bytes += raft_log_size(r, i);
        known++;
    }
    return known == 0 ? 0 : bytes / known * (r->last - index);
}

/* The log goes on from a snapshot of this index, and is not too long for it to be kept. */
static bool pins(const struct raft *r, uint64_t index)
{
    return index != 0 && index >= r->snap_index && r->last - index <= SNAP_PIN_ENTRIES &&
           bytes_behind(r, index) <= SNAP_PIN_BYTES;
}

/* Not what a peer will need right after the snapshot that it is sent, or will be sent further. */
static uint64_t pinned_to(const struct raft *r, const struct raft_event *ev, uint64_t to)
{
    if (ev->unpinned) {
        return to;
    }
    if (ev->pin < to && pins(r, ev->pin)) {
        MARK("raft: the log waits for a snapshot that was broken off");
        to = ev->pin;
    }
    for (uint32_t i = 0; r->role == RAFT_LEADER && i < r->peer_count; i++) {
        const struct raft_peer *p = &r->peer[i];
        if (p->state == RAFT_PEER_SNAPSHOT && p->snap < to && pins(r, p->snap)) {
            MARK("raft: the log waits for a peer's snapshot");
            to = p->snap;
        }
    }
    return to;
}

/* How far the log may go. */
static uint64_t compact_to(const struct raft *r, const struct raft_event *ev)
{
    uint64_t least = r->made_index > ev->keep ? r->made_index - ev->keep : 0;
    uint64_t to = r->made_index;
    for (uint64_t bytes = 0; to > least && to > r->snap_index; to--) {
        bytes += raft_log_size(r, to) == UINT32_MAX ? 0 : raft_log_size(r, to);
        if (ev->keep_bytes != 0 && bytes > ev->keep_bytes) {
            break;
        }
    }
    to = pinned_to(r, ev, to);
    MARK_IF(to < terms_to(r), "raft: old terms are not kept for peers");
    return to > terms_to(r) ? to : terms_to(r);
}

void raft_snap_made(struct raft *r, const struct raft_event *ev, struct raft_out *out)
{
    r->snap_building = false;
    bool good = ev->index > 0 && ev->index >= r->made_index && ev->index >= r->snap_index &&
                ev->index <= r->applied; /* the same again: for the log's sake */
    if (!good) {
        MARK("raft: a snapshot could not be made");
        answer_ticket(r, out, ERR_IO);
        return;
    }
    r->snap_bytes = ev->index > r->made_index ? 0 : r->snap_bytes;
    r->made_index = ev->index;
    r->made_term = raft_term_at(r, ev->index);
    raft_conf_copy(&r->made_conf, ev->conf);
    answer_ticket(r, out, ERR_OK);
    uint64_t to = compact_to(r, ev);
    if (to > r->snap_index) {
        raft_log_compact(r, to);
        raft_emit(out, RAFT_DO_COMPACT)->index = to;
    }
    for (uint32_t i = 0; r->role == RAFT_LEADER && i < r->peer_count; i++) {
        raft_replicate(r, &r->peer[i], out); /* some wait for it, some lack what has just gone */
    }
}

/* ---- Sending ---- */

void raft_snap_send(struct raft *r, struct raft_peer *p, struct raft_out *out)
{
    if (p->state == RAFT_PEER_SNAPSHOT && p->snap != 0) {
        return; /* it is on its way */
    }
    raft_peer_reset(r, p);
    p->state = RAFT_PEER_SNAPSHOT;
    p->snap = 0;
    if (r->made_index < r->snap_index) {
        MARK("raft: a peer waits for a snapshot to be made");
        build(r, out);
        return;
    }
    p->snap = r->made_index;
    p->next = p->snap + 1;
    struct raft_msg *m = raft_send(r, out, p->id, RAFT_MSG_SNAPSHOT, r->hard_ticket);
    struct raft_effect *e = &out->effect[out->count - 1];
    struct writer w = writer_of(e->payload, sizeof e->payload);
    raft_conf_encode(&r->made_conf, &w);
    ASSERT(!w.bad);
    e->payload_count = (uint32_t)w.offset;
    m->index = r->made_index;
    m->log_term = r->made_term;
    m->hint = r->made_conf.index;
    m->epoch = p->epoch;
}

void raft_snap_sending(struct raft *r, uint64_t id, uint64_t index)
{
    struct raft_peer *p = raft_peer_find(r, id);
    if (r->role != RAFT_LEADER || p == NULL || p->state != RAFT_PEER_SNAPSHOT || p->snap == 0 ||
        index < r->snap_index || index > r->applied) {
        return;
    }
    if (index <= p->match) {
        MARK("raft: a peer has more than the snapshot that it is sent");
        raft_snap_failed(r, id);
        return;
    }
    MARK_IF(index < p->snap, "raft: a peer is sent an older snapshot");
    p->next = index + 1;
    p->snap = index;
}

void raft_snap_failed(struct raft *r, uint64_t id)
{
    struct raft_peer *p = raft_peer_find(r, id);
    if (r->role != RAFT_LEADER || p == NULL || p->state != RAFT_PEER_SNAPSHOT || p->snap == 0) {
        return;
    }
    MARK("raft: a snapshot did not arrive");
    raft_peer_reset(r, p);
    p->probing = true; /* as if asked: tried again when a heartbeat shows that it lives */
    p->judged_ns = r->now_ns;
}

/* ---- Receiving ---- */

static bool message_good(const struct raft_msg *m, struct raft_conf *conf)
{
    if (m->count != 1 || m->entries[0].kind != RAFT_ENTRY_CONF || m->log_term == 0 ||
        m->log_term > m->term || m->hint == 0 || m->hint > m->index ||
        raft_conf_decode(bytes_of(m->entries[0].data, m->entries[0].size), conf, NULL) != ERR_OK) {
        MARK("raft: a snapshot that makes no sense");
        return false;
    }
    conf->index = m->hint;
    return true;
}

static void install(struct raft *r, const struct raft_msg *m, const struct raft_conf *conf,
                    struct raft_out *out)
{
    MARK_IF(r->last >= m->index, "raft: a snapshot replaces a conflicting log");
    struct raft_effect *e = raft_write(r, out);
    e->type = RAFT_DO_INSTALL;
    e->index = m->index;
    e->term = m->log_term;
    r->cut_ticket = e->ticket;
    raft_log_restart(r, m->index, m->log_term);
    r->made_index = m->index;
    r->made_term = m->log_term;
    raft_conf_copy(&r->made_conf, conf);
    r->snap_bytes = 0;
    raft_conf_set(r, conf);
}

void raft_snap_msg(struct raft *r, const struct raft_msg *m, struct raft_out *out)
{
    struct raft_conf conf;
    if (raft_usurper(r, m) || !message_good(m, &conf)) {
        return;
    }
    raft_heard(r, m, out);
    uint64_t match = m->index;
    if (m->index <= r->commit) {
        MARK("raft: a snapshot of what is committed");
        match = r->commit;
    } else if (!m->elsewhere && raft_term_at(r, m->index) == m->log_term) {
        MARK("raft: a snapshot of what is in the log");
        raft_commit_to(r, m->index);
        raft_apply_more(r, out);
    } else if (raft_snap_installing(r) || r->snap_building) {
        MARK("raft: a snapshot comes while another is handled");
        return; /* it will come again */
    } else {
        install(r, m, &conf, out);
    }
    uint64_t after = match <= r->durable ? r->hard_ticket : r->wal_issued;
    struct raft_msg *reply = raft_answer(r, m, out, RAFT_MSG_APPEND_REPLY, after);
    reply->index = match;
    raft_promise_ack(r, m->from, match);
}
