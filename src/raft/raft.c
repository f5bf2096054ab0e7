/* raft/raft.c -- stepping a core: events in, time, completions; effects out; status. */
#include "raft/raft.h"

#include "base/hash64.h"
#include "base/mark.h"
#include "raft/impl.h"

struct raft_effect *raft_emit(struct raft_out *out, enum raft_effect_type type)
{
    ASSERT(out->count < RAFT_EFFECTS_MAX);
    struct raft_effect *e = &out->effect[out->count++];
    memset(e, 0, offsetof(struct raft_effect, payload));
    memset(&e->hint, 0, sizeof *e - offsetof(struct raft_effect, hint));
    e->type = type;
    return e;
}

void raft_reply(const struct raft *r, struct raft_out *out, uint64_t ticket, uint32_t count,
                enum err code, uint64_t index)
{
    struct raft_effect *e = raft_emit(out, RAFT_DO_REPLY);
    e->ticket = ticket;
    e->count = count;
    e->code = code;
    e->index = index;
    e->hint = r->leader;
}

struct raft_msg *raft_send(struct raft *r, struct raft_out *out, uint64_t to,
                           enum raft_msg_type type, uint64_t after)
{
    struct raft_effect *e = raft_emit(out, RAFT_DO_SEND);
    e->after = after;
    e->msg.type = type;
    e->msg.from = r->config.id;
    e->msg.to = to;
    e->msg.life = r->config.life;
    e->msg.term = r->term;
    return &e->msg;
}

struct raft_effect *raft_write(struct raft *r, struct raft_out *out)
{
    struct raft_effect *e = raft_emit(out, RAFT_DO_WRITE);
    if (r->wal_done == r->wal_issued) {
        r->wal_moved_ns = r->now_ns;
    }
    e->ticket = ++r->wal_issued;
    e->source = RAFT_FROM_NONE;
    e->first = 1; /* first > last: no entries */
    return e;
}

/* When its disk counts as hung, if no write ends before; UINT64_MAX: it has none. */
static uint64_t hang_ns(const struct raft *r)
{
    if (r->wal_done == r->wal_issued) {
        return UINT64_MAX;
    }
    return r->wal_moved_ns + RAFT_HANG_ELECTIONS * r->config.election_ns_max;
}

void raft_write_hard(struct raft *r, struct raft_out *out)
{
    struct raft_effect *e = raft_write(r, out);
    e->hard = true;
    e->hard_term = r->term;
    e->hard_vote = r->vote;
    r->hard_ticket = e->ticket;
}

void raft_stop(struct raft *r, struct raft_out *out, enum err why)
{
    raft_follow(r, out, r->term, 0);
    raft_reads_fail(r, out, ERR_SHUTTING_DOWN);
    if (r->snap_ticket != 0) {
        raft_reply(r, out, r->snap_ticket, 1, ERR_SHUTTING_DOWN, 0);
        r->snap_ticket = 0;
    }
    r->role = RAFT_STOPPED;
    raft_emit(out, RAFT_DO_FATAL)->code = why;
}

uint64_t raft_init_term(const struct raft_conf *c, uint64_t id)
{
    uint64_t rank = 0;
    for (uint8_t i = 0; i < c->voter_count; i++) {
        rank += c->voter[i] <= id;
    }
    return rank;
}

static void step_init(struct raft *r, const struct raft_event *ev, struct raft_out *out)
{
    struct raft_conf c;
    raft_conf_copy(&c, ev->conf);
    if (r->last != 0 || r->leader != 0) { /* a term alone may be left by a crash in here */
        MARK("raft: a second init");
        raft_reply(r, out, ev->ticket, 1, ERR_ALREADY_INITIALIZED, 0);
        return;
    }
    if (!raft_conf_is_voter(&c, r->config.id) || ev->tail_size > ENTRY_BYTES_MAX / 2) {
        raft_reply(r, out, ev->ticket, 1, ERR_BAD_REQUEST, 0);
        return;
    }
    if (r->term < RAFT_INIT_TERM) {
        r->term = RAFT_INIT_TERM;
        r->vote = 0;
        raft_write_hard(r, out);
    }
    raft_conf_write(r, &c, raft_init_term(&c, r->config.id), ev->tail_size, out);
    raft_reply(r, out, ev->ticket, 1, ERR_OK, 1);
    r->election_deadline_ns = r->now_ns; /* stand as soon as the entry is durable */
}

/* Its disk hangs: it may commit through others, but neither applies nor answers. */
static bool hung(const struct raft *r)
{
    return r->now_ns >= hang_ns(r);
}

bool raft_may_stand(const struct raft *r) /* what is not on disk yet can promise nothing */
{
    return raft_may_lead(r) && r->durable > 0 && r->durable >= r->snap_index &&
           r->run_count < RAFT_TERM_RUNS_MAX && !hung(r);
}

/* Whoever may not stand has nobody to vote for, but knows after an election timeout, as all others
 * do, that the leader it has heard of leads it no more. */
static bool follows_blindly(const struct raft *r)
{
    return r->role == RAFT_FOLLOWER && r->leader != 0 && r->last > 0 && !raft_may_stand(r);
}

static void step_time(struct raft *r, struct raft_out *out)
{
    raft_reads_expire(r, out);
    if (r->role == RAFT_LEADER) {
        bool alone = !r->config.no_check_quorum &&
                     r->now_ns - raft_quorum_ack(r) > r->config.election_ns_min;
        if (alone || hung(r)) {
            MARK_IF(!alone, "raft: a leader whose disk hangs gives way");
            MARK_IF(alone, "raft: a lonely leader gives way");
            raft_follow(r, out, r->term, 0);
            return;
        }
        raft_transfer_expire(r, out);
        if (r->role == RAFT_LEADER && r->now_ns >= r->heartbeat_deadline_ns) {
            raft_heartbeat(r, out);
            r->transfer_told = false;
        }
        return;
    }
    if (r->now_ns < r->election_deadline_ns) {
        return;
    }
    if (follows_blindly(r)) {
        MARK("raft: a leader that fell silent is forgotten");
        raft_follow(r, out, r->term, 0);
    } else if (raft_may_stand(r)) {
        raft_campaign(r, out);
    }
}

static void step_persisted(struct raft *r, const struct raft_event *ev, struct raft_out *out)
{
    ASSERT(ev->ticket <= r->wal_issued);
    if (ev->ticket > r->wal_done) {
        r->wal_done = ev->ticket;
        r->wal_moved_ns = r->now_ns;
    }
    MARK_IF(ev->ticket < r->cut_ticket && ev->index > r->durable,
            "raft: a completion older than a truncation");
    MARK_IF(ev->index > r->last ||
                (ev->index > r->durable && raft_term_at(r, ev->index) != ev->term),
            "raft: a completion of what was overwritten");
    /* (index, term) names one entry for good: if it is still here, so is all before it. But one
     * that was overwritten and came back since is still to be overwritten on the disk. */
    if (ev->ticket >= r->cut_ticket && ev->index > r->durable && ev->index <= r->last &&
        raft_term_at(r, ev->index) == ev->term) {
        r->durable = ev->index;
    }
    if (ev->ticket >= r->cut_ticket && r->durable < r->snap_index) {
        MARK("raft: a snapshot is installed for good");
        r->durable = r->snap_index; /* it came with a ticket, but without entries */
    }
    raft_election_tally(r, out);
    raft_commit_advance(r, out);
    raft_apply_more(r, out);
}

static void step_peer_up(struct raft *r, uint64_t id, struct raft_out *out)
{
    struct raft_peer *p = raft_peer_find(r, id);
    if (p == NULL) {
        return;
    }
    p->epoch++;
    raft_remind(r, id, out);
    if (r->role == RAFT_LEADER) {
        MARK("raft: a peer comes back to its leader");
        raft_peer_reset(r, p);
        if (p->match == 0) {
            p->next = r->last + 1; /* nothing is known of its log: most likely it ends near ours */
        }
        raft_replicate(r, p, out);
    }
}

static void step_forget(struct raft *r, struct raft_out *out)
{
    if (r->role == RAFT_FOLLOWER && r->leader != 0 && !r->config.lease_reads) {
        MARK("raft: a leader is forgotten");
        raft_follow(r, out, r->term, 0);
        r->sticky_until_ns = r->quiet_until_ns; /* promises from before a restart stay */
    }
}

/* A leader may read by its lease while its followers are loyal: none breaks that, asked or not. */
static void step_campaign(struct raft *r, struct raft_out *out)
{
    bool loyal = r->role == RAFT_FOLLOWER && r->leader != 0 && r->now_ns < r->sticky_until_ns;
    if (loyal && r->config.lease_reads && !r->config.no_check_quorum) {
        MARK("raft: no candidacy while a lease may run");
        return;
    }
    raft_campaign(r, out);
}

static void step(struct raft *r, const struct raft_event *ev, struct raft_out *out)
{
    switch (ev->type) {
    case RAFT_EV_MSG:
        raft_message(r, ev->msg, out);
        break;
    case RAFT_EV_INIT:
        step_init(r, ev, out);
        break;
    case RAFT_EV_PROPOSE:
        raft_propose(r, ev, out);
        break;
    case RAFT_EV_READ:
        raft_read(r, ev, out);
        break;
    case RAFT_EV_PERSISTED:
        step_persisted(r, ev, out);
        break;
    case RAFT_EV_APPLIED:
        raft_applied(r, ev->index, out);
        break;
    case RAFT_EV_PEER_UP:
        step_peer_up(r, ev->peer, out);
        break;
    case RAFT_EV_CAMPAIGN:
        step_campaign(r, out);
        break;
    case RAFT_EV_CONF:
        raft_conf_propose(r, ev, out);
        break;
    case RAFT_EV_TRANSFER:
        raft_transfer(r, ev, out);
        break;
    case RAFT_EV_FORGET:
        step_forget(r, out);
        break;
    case RAFT_EV_SNAPSHOT:
        raft_snap_ask(r, ev, out);
        break;
    case RAFT_EV_SNAP_MADE:
        raft_snap_made(r, ev, out);
        break;
    case RAFT_EV_SNAP_FAILED:
        raft_snap_failed(r, ev->peer);
        break;
    case RAFT_EV_SNAP_SENDING:
        raft_snap_sending(r, ev->peer, ev->index);
        break;
    case RAFT_EV_TIME:      /* below */
    case RAFT_EV_PEER_DOWN: /* by silence */
    case RAFT_EV_DISK:      /* raft_step has heard it */
    case RAFT_EV_TYPE_COUNT:
        break;
    }
}

/* Nothing is taken any more, but every ticket is answered. */
static void step_stopped(struct raft *r, const struct raft_event *ev, struct raft_out *out)
{
    bool asks = ev->type == RAFT_EV_PROPOSE || ev->type == RAFT_EV_READ;
    bool asks_one = ev->type == RAFT_EV_INIT || ev->type == RAFT_EV_CONF ||
                    ev->type == RAFT_EV_TRANSFER || ev->type == RAFT_EV_SNAPSHOT;
    if ((asks && ev->count > 0) || asks_one) {
        MARK("raft: a stopped core is asked");
        raft_reply(r, out, ev->ticket, asks ? ev->count : 1, ERR_SHUTTING_DOWN, 0);
    } else if (ev->type == RAFT_EV_APPLIED) {
        r->applied = ev->index;
    }
}

void raft_step(struct raft *r, const struct raft_event *ev, struct raft_out *out)
{
    struct raft_before before = { r->term,    r->vote, r->commit,
                                  r->applied, r->last, r->role == RAFT_LEADER };
    out->count = 0;
    r->lease_lost = r->lease_lost || (r->role == RAFT_LEADER && ev->now_ns < r->now_ns);
    r->now_ns = ev->now_ns > r->now_ns ? ev->now_ns : r->now_ns;
    if (r->role == RAFT_STOPPED) {
        step_stopped(r, ev, out);
        return;
    }
    if (ev->type == RAFT_EV_DISK) {
        MARK("raft: the log has failed");
        raft_stop(r, out, ERR_SYNC_FAILED); /* a failed log is never trusted again */
        return;
    }
    step(r, ev, out);
    if (r->role == RAFT_STOPPED) {
        return;
    }
    step_time(r, out);
    raft_conf_go_on(r, out);
    raft_transfer_go_on(r, out);
    raft_snap_go_on(r, out);
    raft_check_step(r, &before);
    raft_check(r);
}

uint64_t raft_deadline(const struct raft *r)
{
    uint64_t at = raft_reads_deadline(r);
    if (r->role == RAFT_STOPPED) {
        return UINT64_MAX;
    }
    if (r->role == RAFT_LEADER) {
        uint64_t alone = r->config.no_check_quorum
                             ? UINT64_MAX
                             : raft_quorum_ack(r) + r->config.election_ns_min + 1;
        at = r->heartbeat_deadline_ns < at ? r->heartbeat_deadline_ns : at;
        at = hang_ns(r) < at ? hang_ns(r) : at;
        bool transfer = r->transfer_to != 0 && r->transfer_deadline_ns < at;
        at = transfer ? r->transfer_deadline_ns : at;
        return alone < at ? alone : at;
    }
    if ((raft_may_stand(r) || follows_blindly(r)) && r->election_deadline_ns < at) {
        at = r->election_deadline_ns;
    }
    return at;
}

uint64_t raft_hash(const struct raft *r)
{
    return hash64(0, bytes_of(r, sizeof *r));
}

void raft_clone(struct raft *dst, const struct raft *src)
{
    memcpy(dst, src, sizeof *src);
}

void raft_committed_conf(const struct raft *r, struct raft_conf *out)
{
    *out = r->committed;
}

void raft_status(const struct raft *r, struct raft_status *out)
{
    memset(out, 0, sizeof *out);
    out->id = r->config.id;
    out->role = r->role;
    out->term = r->term;
    out->vote = r->vote;
    out->leader = r->leader;
    out->first = r->snap_index + 1;
    out->last = r->last;
    out->last_term = raft_term_at(r, r->last);
    out->durable = r->durable;
    out->commit = r->commit;
    out->applied = r->applied;
    out->snap_index = r->snap_index;
    out->snap_term = r->snap_term;
    out->made_index = r->made_index;
    out->made_term = r->made_term;
    out->transfer_to = r->transfer_to;
    out->uncommitted_bytes = r->uncommitted_bytes;
    out->conf = r->effective;
    out->committed_conf_index = r->committed.index;
    raft_life_status(r, out);
    if (r->role != RAFT_LEADER) {
        return;
    }
    out->quorum_ack_ns = raft_quorum_ack(r);
    for (uint32_t i = 0; i < r->peer_count; i++) {
        const struct raft_peer *p = &r->peer[i];
        struct raft_peer_status *s = &out->peer[out->peer_count++];
        s->id = p->id;
        s->life = p->life;
        s->state = p->state;
        s->match = p->match;
        s->next = p->next;
        s->ack_ns = p->lease_ns != 0 ? p->ack_ns : 0; /* else no answer, but a beginning */
        s->quiet_ns = p->ack_ns;
    }
}
