/* raft/raft.c -- building a core and stepping it: time, messages by term, completions. */
#include "raft/raft.h"

#include "base/hash64.h"
#include "base/mark.h"
#include "raft/impl.h"
#include "raft/raft_codec.h"

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

size_t raft_size(void)
{
    return sizeof(struct raft);
}

static bool conf_good(const struct raft_conf *c)
{
    return c->index == 0 ||
           (c->voter_count > 0 && c->voter_count <= RAFT_VOTERS_MAX &&
            c->outgoing_count <= RAFT_VOTERS_MAX && c->learner_count <= RAFT_LEARNERS_MAX);
}

static bool boot_good(const struct raft_config *c, const struct raft_boot *b)
{
    uint64_t before = b->snap_index;
    uint64_t term = b->snap_term;
    if (c->id == 0 || c->election_ns_max <= c->election_ns_min || b->last < b->snap_index ||
        b->applied > b->last || b->applied < b->snap_index || b->run_count > RAFT_TERM_RUNS_MAX ||
        (b->run_count > 0) != (b->last > b->snap_index)) {
        return false;
    }
    for (uint32_t i = 0; i < b->run_count; i++) {
        bool first_fits = i == 0 ? b->runs[i].first == before + 1 : b->runs[i].first > before;
        if (!first_fits || b->runs[i].first > b->last || b->runs[i].term < term ||
            (i > 0 && b->runs[i].term == term)) {
            return false;
        }
        before = b->runs[i].first;
        term = b->runs[i].term;
    }
    return term <= b->term && b->effective.index <= b->last &&
           b->committed.index <= b->effective.index && conf_good(&b->committed) &&
           conf_good(&b->effective) && b->size_count <= b->last - b->snap_index;
}

static void boot_log(struct raft *r, const struct raft_boot *b)
{
    r->snap_index = b->snap_index;
    r->snap_term = b->snap_term;
    r->last = b->last;
    r->durable = b->last;
    r->commit = b->applied;
    r->applied = b->applied;
    r->apply_sent = b->applied;
    r->run_count = b->run_count;
    for (uint32_t i = 0; i < b->run_count; i++) {
        r->run[i] = b->runs[i];
    }
    uint32_t known = b->size_count < RAFT_SIZE_RING ? b->size_count : RAFT_SIZE_RING;
    r->size_first = b->last - known + 1;
    for (uint32_t i = 0; i < known; i++) {
        uint64_t index = r->size_first + i;
        r->size[index % RAFT_SIZE_RING] = b->sizes[b->size_count - known + i];
        r->uncommitted_bytes += index > r->commit ? r->size[index % RAFT_SIZE_RING] : 0;
    }
}

/* Field by field: padding is no state. */
static void config_copy(struct raft_config *to, const struct raft_config *from)
{
    to->id = from->id;
    to->election_ns_min = from->election_ns_min;
    to->election_ns_max = from->election_ns_max;
    to->heartbeat_ns = from->heartbeat_ns;
    to->seed = from->seed;
    to->no_pre_vote = from->no_pre_vote;
    to->no_check_quorum = from->no_check_quorum;
    to->inflight_max = from->inflight_max;
    to->append_bytes_max = from->append_bytes_max;
}

enum err raft_init(void *mem, const struct raft_config *config, const struct raft_boot *boot,
                   struct raft **out)
{
    struct raft *r = mem;
    if (!boot_good(config, boot)) {
        return ERR_CORRUPT;
    }
    config_copy(&r->config, config);
    r->now_ns = boot->now_ns;
    prng_seed(&r->prng, config->seed);
    /* an answer to what was asked before a restart may come after it: no number twice */
    r->round = prng_next(&r->prng) >> 16;
    r->read_asked = prng_next(&r->prng) >> 16;
    r->term = boot->term;
    r->vote = boot->vote;
    r->role = RAFT_FOLLOWER;
    ring_init(&r->proposals, RAFT_PROPOSALS_MAX);
    ring_init(&r->reads, RAFT_READ_BATCHES_MAX);
    boot_log(r, boot);
    if (boot->effective.index != 0) {
        raft_conf_use(r, &boot->effective);
    }
    if (boot->committed.index != 0) {
        raft_conf_copy(&r->committed, &boot->committed);
    }
    r->sticky_until_ns = boot->restarted ? r->now_ns + config->election_ns_min : 0;
    r->quiet_until_ns = r->sticky_until_ns;
    r->boot_term = boot->term;
    r->boot_vote = boot->vote;
    r->boot_last = boot->last;
    raft_election_reset(r);
    raft_check(r);
    *out = r;
    return ERR_OK;
}

static void lower_term(struct raft *r, const struct raft_msg *m, struct raft_out *out)
{
    if (m->type == RAFT_MSG_PREVOTE) {
        MARK("raft: a pre-vote of an old term");
        raft_election_msg(r, m, out); /* answers with the term here */
    } else if (m->type == RAFT_MSG_APPEND || m->type == RAFT_MSG_HEARTBEAT) {
        MARK("raft: a leader of an old term is told");
        /* a leader of an older term that has come back: tell it, or it would not step down */
        struct raft_msg *reply = raft_send(r, out, m->from, RAFT_MSG_APPEND_REPLY, r->hard_ticket);
        reply->reject = true;
        reply->epoch = m->epoch;
        reply->index = m->index;
    } else if (m->type == RAFT_MSG_VOTE) {
        MARK("raft: a vote of an old term");
        struct raft_msg *reply = raft_send(r, out, m->from, RAFT_MSG_VOTE_REPLY, r->hard_ticket);
        reply->reject = true;
        reply->id = m->id;
    }
}

/* Messages of a higher term change ours, but for those that only ask or may be refused. Here and in
 * dispatch no default: a new type must say what it does. */
static bool adopts(const struct raft_msg *m)
{
    switch (m->type) {
    case RAFT_MSG_PREVOTE:
    case RAFT_MSG_PREVOTE_REPLY:
    case RAFT_MSG_VOTE:
        return false;
    case RAFT_MSG_VOTE_REPLY:
    case RAFT_MSG_APPEND:
    case RAFT_MSG_APPEND_REPLY:
    case RAFT_MSG_HEARTBEAT:
    case RAFT_MSG_HEARTBEAT_REPLY:
    case RAFT_MSG_READ:
    case RAFT_MSG_READ_REPLY:
        return true;
    case RAFT_MSG_REMINDER: /* step_msg has heard it */
    case RAFT_MSG_TYPE_COUNT:
        break;
    }
    PANIC("a message of no type");
}

static void dispatch(struct raft *r, const struct raft_msg *m, struct raft_out *out)
{
    switch (m->type) {
    case RAFT_MSG_APPEND:
        raft_append_msg(r, m, out);
        break;
    case RAFT_MSG_APPEND_REPLY:
        raft_append_reply(r, m, out);
        break;
    case RAFT_MSG_HEARTBEAT:
        raft_heartbeat_msg(r, m, out);
        break;
    case RAFT_MSG_HEARTBEAT_REPLY:
        raft_heartbeat_reply(r, m, out);
        break;
    case RAFT_MSG_READ:
        raft_read_msg(r, m, out);
        break;
    case RAFT_MSG_READ_REPLY:
        raft_read_reply(r, m, out);
        break;
    case RAFT_MSG_PREVOTE:
    case RAFT_MSG_PREVOTE_REPLY:
    case RAFT_MSG_VOTE:
    case RAFT_MSG_VOTE_REPLY:
        raft_election_msg(r, m, out);
        break;
    case RAFT_MSG_REMINDER: /* step_msg has heard it */
    case RAFT_MSG_TYPE_COUNT:
        PANIC("a message of no type");
    }
}

/* Elections do not run that far ahead: such a term, adopted and kept, would leave none to elect a
 * leader in. */
static bool term_absurd(const struct raft *r, const struct raft_msg *m)
{
    return m->term > r->term && m->term - r->term > RAFT_TERM_JUMP_MAX;
}

/* For good: give up office, answer nobody. */
static void stop(struct raft *r, struct raft_out *out, enum err why)
{
    raft_follow(r, out, r->term, 0);
    raft_reads_fail(r, out, ERR_SHUTTING_DOWN);
    r->role = RAFT_STOPPED;
    raft_emit(out, RAFT_DO_FATAL)->code = why;
}

static void step_msg(struct raft *r, const struct raft_msg *m, struct raft_out *out)
{
    MARK_IF(term_absurd(r, m), "raft: an absurd term of a stranger");
    bool known = m->type >= RAFT_MSG_PREVOTE && m->type < RAFT_MSG_TYPE_COUNT;
    if (!known || m->from == 0 || m->from == r->config.id || m->to != r->config.id ||
        m->term == 0 || term_absurd(r, m)) {
        return;
    }
    raft_promise_heard(r, m);
    if (m->type == RAFT_MSG_REMINDER) { /* of what was, whatever the term is now */
        if (!raft_reminded(r, m)) {
            stop(r, out, ERR_OUTDATED);
        }
        return;
    }
    if (m->term < r->term) {
        lower_term(r, m, out);
        return;
    }
    if (m->term > r->term && adopts(m)) {
        bool from_leader = m->type == RAFT_MSG_APPEND || m->type == RAFT_MSG_HEARTBEAT;
        raft_follow(r, out, m->term, from_leader ? m->from : 0);
    }
    dispatch(r, m, out);
}

/* Term of the entry that begins a cluster: the rank of who writes it among the members. Two that
 * are asked at once write different terms, so that one of the entries gives way like any other. */
static uint64_t init_term(const struct raft_conf *c, uint64_t id)
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
    uint64_t term = init_term(&c, r->config.id);
    if (r->term < term) {
        r->term = term;
        r->vote = 0;
        raft_write_hard(r, out);
    }
    struct raft_effect *e = raft_write(r, out);
    struct writer w = writer_of(e->payload, sizeof e->payload);
    raft_conf_encode(&c, &w);
    ASSERT(!w.bad);
    e->payload_count = (uint32_t)w.offset;
    e->source = RAFT_FROM_CORE;
    e->kind = RAFT_ENTRY_CONF;
    e->term = term;
    e->first = 1;
    e->last = 1;
    raft_log_push(r, term, e->payload_count + ev->tail_size);
    c.index = 1;
    raft_conf_use(r, &c);
    raft_reply(r, out, ev->ticket, 1, ERR_OK, 1);
    r->election_deadline_ns = r->now_ns; /* stand as soon as the entry is durable */
}

/* Its disk hangs: it may commit through others, but neither applies nor answers. */
static bool hung(const struct raft *r)
{
    return r->now_ns >= hang_ns(r);
}

/* A voter whose first entry is durable: what is not on disk yet can promise nothing. */
static bool may_stand(const struct raft *r)
{
    return raft_is_voter(r) && r->durable > 0 && r->run_count < RAFT_TERM_RUNS_MAX && !hung(r);
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
        } else if (r->now_ns >= r->heartbeat_deadline_ns) {
            raft_heartbeat(r, out);
        }
        return;
    }
    if (may_stand(r) && r->now_ns >= r->election_deadline_ns) {
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

static void step(struct raft *r, const struct raft_event *ev, struct raft_out *out)
{
    switch (ev->type) {
    case RAFT_EV_MSG:
        step_msg(r, ev->msg, out);
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
        raft_campaign(r, out);
        break;
    case RAFT_EV_CONF:
    case RAFT_EV_TRANSFER:
        raft_reply(r, out, ev->ticket, 1, ERR_NOT_BUILT, 0);
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
    bool asks_one =
        ev->type == RAFT_EV_INIT || ev->type == RAFT_EV_CONF || ev->type == RAFT_EV_TRANSFER;
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
    r->now_ns = ev->now_ns > r->now_ns ? ev->now_ns : r->now_ns;
    if (r->role == RAFT_STOPPED) {
        step_stopped(r, ev, out);
        return;
    }
    if (ev->type == RAFT_EV_DISK) {
        MARK("raft: the log has failed");
        stop(r, out, ERR_SYNC_FAILED); /* a failed log is never trusted again */
        return;
    }
    step(r, ev, out);
    if (r->role == RAFT_STOPPED) {
        return;
    }
    step_time(r, out);
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
        return alone < at ? alone : at;
    }
    if (may_stand(r) && r->election_deadline_ns < at) {
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
    out->uncommitted_bytes = r->uncommitted_bytes;
    out->conf = r->effective;
    out->committed_conf_index = r->committed.index;
    if (r->role != RAFT_LEADER) {
        return;
    }
    out->quorum_ack_ns = raft_quorum_ack(r);
    for (uint32_t i = 0; i < r->peer_count; i++) {
        const struct raft_peer *p = &r->peer[i];
        struct raft_peer_status *s = &out->peer[out->peer_count++];
        s->id = p->id;
        s->state = p->state;
        s->match = p->match;
        s->next = p->next;
        s->ack_ns = p->ack_ns;
    }
}
