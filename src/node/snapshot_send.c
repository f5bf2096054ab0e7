/* node/snapshot_send.c -- a leader's snapshots on their way to peers that lack the log.
 *
 * Shape:      the core names the peer; the newest snapshot from which the log goes on is offered,
 *             or one is made first; then one part at a time, each when the one before is stored
 *             there. So what was broken off goes on with the snapshot that it began with, as long
 *             as the log reaches back to it; for that the log behind it is kept a while.
 * Invariants: the core knows which snapshot it is before the log is shortened again; every one
 *             that the core sent ends: the peer says done (the core hears its acknowledgement), or
 *             the core is told that it failed
 * Thread:     the loop's
 */
#include "base/mark.h"
#include "node/impl.h"
#include "node/snapshot_codec.h"

enum {
    SEND_SILENCE_S = 10,  /* a peer that says nothing for so long gets no more of it */
    SEND_YIELD_S = 2,     /* likewise, when another one waits for its place */
    SEND_HELD_S = 60,     /* that a peer may be away, or this node, and go on where it was */
    SEND_PAUSE_S_MAX = 16 /* between offers to a peer that refuses them */
};

static struct snap_out *out_of(struct node *n, uint64_t peer)
{
    for (uint32_t i = 0; i < NODE_SNAP_SENDERS; i++) {
        if (n->snap_out[i].phase != SNAP_OUT_FREE && n->snap_out[i].msg.to == peer) {
            return &n->snap_out[i];
        }
    }
    return NULL;
}

static void end(struct snap_out *o)
{
    if (o->reader != NULL) {
        snap_reader_close(o->reader);
    }
    *o = (struct snap_out){ .phase = SNAP_OUT_FREE };
}

static void failed(struct node *n, struct snap_out *o)
{
    if (o->reader != NULL) {
        snap_reader_close(o->reader);
        o->reader = NULL;
    }
    o->phase = SNAP_OUT_FAILED;
    actor_poke(&n->raft_actor);
}

/* The log goes on from it, as the core has it: on disk it may be longer. */
static bool fits(const struct node *n, uint64_t index)
{
    struct raft_status s;
    raft_status(n->core, &s);
    return index >= s.snap_index;
}

void snapshot_send_hold(struct node *n, const struct snap_id *id)
{
    struct snap_held *h = &n->snap_held[0];
    for (uint32_t i = 0; i < NODE_SNAP_HELD && h->index != id->index; i++) {
        struct snap_held *other = &n->snap_held[i];
        h = other->index == id->index || other->until_ns < h->until_ns ? other : h;
    }
    h->index = id->index;
    h->until_ns = os_now(n->os) + SEND_HELD_S * NS_PER_S;
}

uint64_t snapshot_send_held(const struct node *n)
{
    uint64_t least = 0;
    for (uint32_t i = 0; i < NODE_SNAP_HELD; i++) {
        const struct snap_held *h = &n->snap_held[i];
        bool held = os_now(n->os) < h->until_ns && fits(n, h->index);
        least = held && (least == 0 || h->index < least) ? h->index : least;
    }
    return least;
}

/* The place of a peer, or the one that is needed least. */
static struct snap_pause *pause_of(struct node *n, uint64_t peer)
{
    struct snap_pause *least = &n->snap_pause[0];
    for (uint32_t i = 0; i < RAFT_PEERS_MAX; i++) {
        struct snap_pause *p = &n->snap_pause[i];
        if (p->peer == peer) {
            return p;
        }
        least = p->until_ns < least->until_ns ? p : least;
    }
    return least;
}

static void pause_longer(struct node *n, uint64_t peer)
{
    struct snap_pause *p = pause_of(n, peer);
    uint64_t pause = p->peer == peer ? 2 * p->pause_ns : NS_PER_S;
    p->peer = peer;
    p->pause_ns = pause < SEND_PAUSE_S_MAX * NS_PER_S ? pause : SEND_PAUSE_S_MAX * NS_PER_S;
    p->until_ns = os_now(n->os) + p->pause_ns;
}

static void pause_end(struct node *n, uint64_t peer)
{
    struct snap_pause *p = pause_of(n, peer);
    if (p->peer == peer) {
        *p = (struct snap_pause){ 0 };
    }
}

static bool pausing(struct node *n, uint64_t peer)
{
    const struct snap_pause *p = pause_of(n, peer);
    return p->peer == peer && os_now(n->os) < p->until_ns;
}

/* What is damaged, or gone, will be so another time: the next offer is of another one. What else
 * may keep a file from being opened, descriptors or memory that are short, says nothing of it; and
 * one that this node itself still needs stays, whatever it is. */
static void unreadable(struct node *n, struct snap_out *o, enum err e, bool opened)
{
    bool bad = e == ERR_CORRUPT || e == ERR_NOT_FOUND || e == ERR_MALFORMED ||
               (opened && e != ERR_NO_MEMORY);
    MARK("node: a snapshot on its way cannot be read");
    logger_log(n->logger, LOGGER_WARN, "a snapshot cannot be read", logger_err(e),
               logger_u64("peer", o->msg.to), logger_u64("index", o->id.index));
    pause_longer(n, o->msg.to);
    failed(n, o);
    if (bad && !snapshot_receive_installing(n)) {
        snap_forget(n->snaps, &o->id);
    }
}

static void offer(struct node *n, struct snap_out *o)
{
    uint8_t room[SNAP_FRAME_HEAD_BYTES_MAX];
    struct writer w = writer_of(room, sizeof room);
    const struct book_entry *peer = book_by_id(&n->book, o->msg.to);
    struct snap_offer x = { .from = o->msg.from,
                            .to = o->msg.to,
                            .term = o->msg.term,
                            .epoch = o->msg.epoch,
                            .id = o->id,
                            .bytes = snap_reader_bytes(o->reader) };
    snapshot_offer_encode(&x, &w);
    if (peer == NULL || !peer->up ||
        link_send(n->link, &peer->key, LINK_SNAPSHOT, writer_bytes(&w), bytes_of(NULL, 0)) !=
            ERR_OK) {
        failed(n, o);
    }
}

static void begin(struct node *n, struct snap_out *o, const struct snap_id *id)
{
    enum err e = snap_reader_open(n->snaps, id, &o->reader);
    o->id = *id;
    o->phase = SNAP_OUT_OFFERED;
    o->heard_ns = os_now(n->os);
    snapshot_send_hold(n, id);
    actor_poke(&n->raft_actor);
    if (e != ERR_OK) {
        unreadable(n, o, e, false);
    } else {
        offer(n, o);
    }
}

/* The newest of a committed entry that the log goes on from. One of another term was never made of
 * this log, whatever its name says. */
static bool newest(struct node *n, struct snap_id *out)
{
    struct raft_status s;
    raft_status(n->core, &s);
    while (snap_newest(n->snaps, s.commit, out) && fits(n, out->index)) {
        if (raft_term_at(n->core, out->index) == out->term) {
            return true;
        }
        MARK("node: a snapshot is of another log");
        logger_log(n->logger, LOGGER_WARN, "a snapshot of another log is removed",
                   logger_u64("index", out->index), logger_u64("term", out->term));
        snap_forget(n->snaps, out);
    }
    return false;
}

void snapshot_send_start(struct node *n)
{
    for (uint32_t i = 0; i < NODE_SNAP_SENDERS; i++) {
        struct snap_out *o = &n->snap_out[i];
        struct snap_id id;
        uint64_t bytes = 0;
        if (o->phase != SNAP_OUT_WAITING) {
            continue;
        }
        if (newest(n, &id)) {
            begin(n, o, &id);
        } else if (!snap_making(n->snaps, &bytes) && !flush_busy(&n->state.flush)) {
            enum err e = snapshot_make_file(n);
            if (e != ERR_OK && e != ERR_BUSY) {
                failed(n, o);
            }
        }
    }
}

/* One that has said nothing for a while goes on later with what it has; another one may be well. */
static void yield(struct node *n)
{
    struct snap_out *silent = NULL;
    for (uint32_t i = 0; i < NODE_SNAP_SENDERS; i++) {
        struct snap_out *o = &n->snap_out[i];
        bool asked = o->phase == SNAP_OUT_OFFERED || o->phase == SNAP_OUT_SENDING;
        bool quiet = os_now(n->os) - o->heard_ns > SEND_YIELD_S * NS_PER_S;
        if (asked && quiet && (silent == NULL || o->heard_ns < silent->heard_ns)) {
            silent = o;
        }
    }
    if (silent != NULL) {
        MARK("node: a silent peer makes room for another one's snapshot");
        failed(n, silent);
    }
}

static void not_now(struct node *n, uint64_t peer)
{
    if (n->snap_refused_count < NODE_SNAP_REFUSED) {
        n->snap_refused[n->snap_refused_count++] = peer;
    }
    actor_poke(&n->raft_actor);
}

void snapshot_send_begin(struct node *n, const struct raft_msg *m)
{
    struct snap_out *o = out_of(n, m->to);
    if (pausing(n, m->to)) {
        MARK("node: a peer that has refused a snapshot is left alone");
        not_now(n, m->to);
        return;
    }
    for (uint32_t i = 0; o == NULL && i < NODE_SNAP_SENDERS; i++) {
        o = n->snap_out[i].phase == SNAP_OUT_FREE ? &n->snap_out[i] : NULL;
    }
    if (o == NULL) {
        MARK("node: too many peers need a snapshot");
        yield(n);
        not_now(n, m->to); /* it comes again when the peer shows that it lives */
        return;
    }
    end(o);
    o->phase = SNAP_OUT_WAITING;
    o->msg = *m;
    o->heard_ns = os_now(n->os);
    actor_poke(&n->kv_actor); /* from there it starts */
}

void snapshot_send_away(struct node *n, uint64_t peer)
{
    struct snap_out *o = out_of(n, peer);
    if (o != NULL) {
        MARK("node: a peer goes away in the middle of its snapshot");
        failed(n, o);
    }
}

void snapshot_send_failed(struct node *n)
{
    for (uint32_t i = 0; i < NODE_SNAP_SENDERS; i++) {
        if (n->snap_out[i].phase == SNAP_OUT_WAITING) {
            pause_longer(n, n->snap_out[i].msg.to); /* what has failed will fail again at once */
            failed(n, &n->snap_out[i]);
        }
    }
}

static void part(struct node *n, struct snap_out *o, const struct node_key *peer, uint64_t offset)
{
    uint8_t room[SNAP_FRAME_HEAD_BYTES_MAX];
    struct writer w = writer_of(room, sizeof room);
    size_t count = 0;
    enum err e = snap_reader_read(o->reader, offset, n->snap_room, SNAP_CHUNK_BYTES_MAX, &count);
    if (e != ERR_OK) {
        unreadable(n, o, e, true);
        return;
    }
    struct snap_part p = { .id = o->id, .offset = offset, .data = bytes_of(n->snap_room, count) };
    snapshot_part_encode(&p, &w);
    if (link_send(n->link, peer, LINK_SNAPSHOT, writer_bytes(&w), p.data) != ERR_OK) {
        failed(n, o);
    }
}

/* A file that has rotted here would be refused for ever: the next offer is of another one. */
static void refused(struct node *n, struct snap_out *o, enum snap_verdict verdict)
{
    pause_longer(n, o->msg.to);
    failed(n, o);
    if (verdict == SNAP_DAMAGED) {
        MARK("node: a peer calls a snapshot damaged");
        logger_log(n->logger, LOGGER_WARN, "a peer calls a snapshot damaged, another one is made",
                   logger_u64("peer", o->msg.to), logger_u64("index", o->id.index));
        snap_forget(n->snaps, &o->id);
    }
}

void snapshot_send_want(struct node *n, const struct node_key *peer, struct bytes frame)
{
    struct snap_want x;
    const struct book_entry *b = book_by_key(&n->book, peer);
    if (snapshot_want_decode(frame, &x) != ERR_OK) {
        metrics_add(&n->metrics, METRICS_RPC_ERRORS, 1);
        return;
    }
    struct snap_out *o = b != NULL ? out_of(n, b->id) : NULL;
    bool current = o != NULL && (o->phase == SNAP_OUT_OFFERED || o->phase == SNAP_OUT_SENDING) &&
                   snap_id_equal(&x.id, &o->id);
    if (!current) {
        return;
    }
    o->heard_ns = os_now(n->os);
    o->phase = SNAP_OUT_SENDING;
    snapshot_send_hold(n, &o->id);
    if (x.verdict == SNAP_REFUSED || x.verdict == SNAP_DAMAGED) {
        MARK("node: a peer refuses a snapshot");
        refused(n, o, x.verdict);
    } else if (x.verdict == SNAP_DONE && !fits(n, o->id.index)) {
        MARK("node: the log has left a snapshot behind that was sent");
        failed(n, o);
    } else if (x.verdict == SNAP_DONE) {
        pause_end(n, o->msg.to);
        end(o);
    } else if (x.offset < snap_reader_bytes(o->reader)) {
        part(n, o, peer, x.offset);
    }
}

void snapshot_send_second(struct node *n, uint64_t now_ns)
{
    for (uint32_t i = 0; i < NODE_SNAP_SENDERS; i++) {
        struct snap_out *o = &n->snap_out[i];
        if (o->phase != SNAP_OUT_OFFERED && o->phase != SNAP_OUT_SENDING) {
            continue;
        }
        if (n->told_role != RAFT_LEADER || now_ns - o->heard_ns > SEND_SILENCE_S * NS_PER_S) {
            MARK("node: a snapshot on its way is given up");
            failed(n, o);
        } else if (!fits(n, o->id.index)) {
            MARK("node: the log has left a snapshot behind on its way");
            failed(n, o); /* the rest of it would be sent in vain */
        } else if (o->phase == SNAP_OUT_OFFERED && now_ns - o->heard_ns > NS_PER_S) {
            offer(n, o); /* it may be lost */
        }
    }
    snapshot_send_start(n);
}

/* The core has named the newest state on disk; what is sent may be older. */
static void tell_sending(struct node *n, struct snap_out *o)
{
    struct raft_event ev = { .type = RAFT_EV_SNAP_SENDING,
                             .peer = o->msg.to,
                             .index = o->id.index };
    struct node_step step = { 0 };
    if (!o->told && (o->phase == SNAP_OUT_OFFERED || o->phase == SNAP_OUT_SENDING)) {
        o->told = true;
        raft_actor_step(n, &ev, &step);
    }
}

void snapshot_send_tell(struct node *n)
{
    struct raft_event ev = { .type = RAFT_EV_SNAP_FAILED };
    struct node_step step = { 0 };
    for (uint32_t i = 0; i < NODE_SNAP_SENDERS; i++) {
        struct snap_out *o = &n->snap_out[i];
        tell_sending(n, o);
        if (o->phase == SNAP_OUT_FAILED) {
            ev.peer = o->msg.to;
            end(o);
            raft_actor_step(n, &ev, &step);
        }
    }
    while (n->snap_refused_count > 0) {
        ev.peer = n->snap_refused[--n->snap_refused_count];
        raft_actor_step(n, &ev, &step);
    }
}

void snapshot_send_close(struct node *n)
{
    for (uint32_t i = 0; i < NODE_SNAP_SENDERS; i++) {
        end(&n->snap_out[i]);
    }
}
