/* tests/unit/raft/space_world.c -- one world of the state space: what can happen in it, and what
 * of it can still matter.
 *
 * Invariants: time stands still, elections are called for; what is applied is applied at once, a
 *             new life begins with nothing applied but the first entry; reminders are lost. So a
 *             world is finite, and what is left out only takes steps away.
 */
#include "space.h"

#include "base/hash64.h"

static struct raft_out out;
static struct raft_conf confs[SPACE_CONFS_MAX];
static uint8_t conf_count;

/* ---- configurations, by number ---- */

const struct raft_conf *space_conf(uint8_t value)
{
    return &confs[value];
}

static uint8_t conf_number(const struct raft_conf *c)
{
    for (uint8_t k = 1; k <= conf_count; k++) {
        if (raft_conf_same(&confs[k], c)) {
            return k;
        }
    }
    ASSERT(conf_count + 1 < SPACE_CONFS_MAX);
    confs[++conf_count] = *c;
    return conf_count;
}

static uint8_t conf_at(const struct space_log *l, uint8_t index, uint64_t *out_index)
{
    while (index > 0 && l->entry[index].kind != RAFT_ENTRY_CONF) {
        index--;
    }
    *out_index = index;
    return l->entry[index].value;
}

/* ---- lives ---- */

static void boot(struct space *s, uint32_t i)
{
    struct space_node *n = &s->node[i];
    struct raft_run runs[SPACE_LOG_MAX];
    uint32_t sizes[SPACE_LOG_MAX];
    struct raft_config c = { .id = i + 1, .no_pre_vote = true, .no_check_quorum = true };
    struct raft_boot b = { .now_ns = 1, .restarted = n->boots > 0, .applied = 1 };
    struct raft *core = NULL;
    c.election_ns_min = 1000;
    c.election_ns_max = 2000;
    c.heartbeat_ns = 100;
    c.seed = i * 100u + n->boots;
    n->seen = n->disk;
    b.term = n->disk.term;
    b.vote = n->disk.vote;
    b.last = n->disk.last;
    for (uint8_t k = 1; k <= n->disk.last; k++) {
        uint64_t term = n->disk.entry[k].term;
        if (b.run_count == 0 || runs[b.run_count - 1].term != term) {
            runs[b.run_count++] = (struct raft_run){ k, term };
        }
        sizes[b.size_count++] = 1;
    }
    b.runs = runs;
    b.sizes = sizes;
    b.effective = confs[conf_at(&n->disk, n->disk.last, &b.effective.index)];
    uint64_t newest = 0;
    uint64_t before = 0;
    uint8_t now = conf_at(&n->disk, n->disk.last, &newest);
    uint8_t old = newest > 1 ? conf_at(&n->disk, (uint8_t)(newest - 1), &before) : now;
    b.effective = confs[now];
    b.effective.index = newest;
    b.committed = confs[old];
    b.committed.index = newest > 1 ? before : newest;
    n->target = 1;
    memset(&s->core[i], 0, sizeof s->core[i]);
    enum err e = raft_init(&s->core[i], &c, &b, &core);
    ASSERT(e == ERR_OK && core == &s->core[i]);
}

void space_begin(struct space *s, const struct space_plan *plan)
{
    struct raft_conf c = { 0 };
    memset(s, 0, sizeof *s);
    s->left = plan->budget;
    for (uint8_t k = 1; k <= plan->voters; k++) {
        c.voter[c.voter_count++] = k;
    }
    s->commit = 1;
    s->committed[1] = (struct space_entry){ 1, RAFT_ENTRY_CONF, conf_number(&c) };
    s->committed_in[1] = 1;
    for (uint32_t i = 0; i < SPACE_NODES; i++) {
        struct space_log *d = &s->node[i].disk;
        d->entry[1] = s->committed[1];
        d->last = 1;
        d->term = 1;
        boot(s, i);
    }
}

/* ---- effects ---- */

static void log_write(struct space_log *l, const struct space_write *x)
{
    l->last = x->cut ? x->cut_to : l->last;
    for (uint8_t k = 0; k < x->count; k++) {
        l->entry[x->first + k] = x->entry[k];
        l->last = (uint8_t)(x->first + k);
    }
    for (uint8_t k = (uint8_t)(l->last + 1); k <= SPACE_LOG_MAX; k++) {
        l->entry[k] = (struct space_entry){ 0 };
    }
    l->term = x->hard ? x->term : l->term;
    l->vote = x->hard ? x->vote : l->vote;
}

static bool on_write(struct space *s, uint32_t i, const struct raft_effect *e,
                     const struct space_msg *from)
{
    struct space_node *n = &s->node[i];
    if (n->queued == SPACE_WRITES_MAX || (e->source != RAFT_FROM_NONE && e->last > SPACE_LOG_MAX)) {
        return false;
    }
    struct space_write *x = &n->queue[n->queued++];
    memset(x, 0, sizeof *x);
    x->cut = e->truncate;
    x->cut_to = (uint8_t)e->truncate_to;
    x->hard = e->hard;
    x->term = (uint8_t)e->hard_term;
    x->vote = (uint8_t)e->hard_vote;
    if (e->source != RAFT_FROM_NONE) {
        x->first = (uint8_t)e->first;
        x->count = (uint8_t)(e->last - e->first + 1);
    }
    if (x->cut && (x->cut_to < s->core[i].commit || s->core[i].role == RAFT_LEADER)) {
        space_break("a leader truncates, or what is committed goes");
    }
    for (uint8_t k = 0; k < x->count; k++) {
        struct space_entry *y = &x->entry[k];
        if (e->source == RAFT_FROM_MSG) {
            *y = from->entry[e->skip + k];
        } else {
            *y = (struct space_entry){ (uint8_t)e->term, e->kind, 0 };
        }
        if (e->source == RAFT_FROM_CORE && e->kind == RAFT_ENTRY_CONF) {
            struct raft_conf c;
            enum err err = raft_conf_decode(bytes_of(e->payload, e->payload_count), &c, NULL);
            ASSERT(err == ERR_OK);
            y->value = conf_number(&c);
        }
    }
    log_write(&n->seen, x);
    return true;
}

static bool msg_same(const struct space_msg *a, const struct space_msg *b)
{
    return memcmp(a, b, sizeof *a) == 0;
}

static bool on_send(struct space *s, uint32_t i, const struct raft_effect *e)
{
    const struct raft_msg *m = &e->msg;
    struct space_msg x;
    memset(&x, 0, sizeof x);
    x.type = (uint8_t)m->type;
    x.from = (uint8_t)m->from;
    x.to = (uint8_t)m->to;
    x.term = (uint8_t)m->term;
    x.index = (uint8_t)m->index;
    x.log_term = (uint8_t)m->log_term;
    x.hint = (uint8_t)m->hint;
    x.commit = (uint8_t)m->commit;
    x.epoch = (uint8_t)m->epoch;
    x.reject = m->reject;
    x.transfer = m->transfer;
    x.id = m->id;
    x.waits = (uint8_t)(e->after > s->node[i].written ? e->after - s->node[i].written : 0);
    if (m->type == RAFT_MSG_REMINDER) {
        return true;
    }
    for (uint64_t k = m->first; m->type == RAFT_MSG_APPEND && k <= m->last; k++) {
        x.entry[x.count++] = s->node[i].seen.entry[k];
    }
    for (uint8_t k = 0; k < s->msgs; k++) {
        if (msg_same(&s->msg[k], &x)) {
            return true;
        }
    }
    if (s->msgs == SPACE_MSGS_MAX) {
        space_break("no room for a message: the bound of the explorer is too small");
        return false;
    }
    if (x.waits == 0) {
        space_judge_msg(s, &x);
    }
    s->msg[s->msgs++] = x;
    return true;
}

/* Whether nothing can come of it any more: its receiver has left its term, or the office that the
 * answer is to; such a message is taken as lost. */
static bool dead(const struct space *s, const struct space_msg *m)
{
    const struct raft *r = &s->core[m->to - 1];
    bool ack = m->type == RAFT_MSG_APPEND_REPLY || m->type == RAFT_MSG_HEARTBEAT_REPLY;
    if (m->term != r->term) {
        return m->term < r->term;
    }
    if (ack && r->role == RAFT_LEADER) {
        for (uint32_t k = 0; k < r->peer_count; k++) {
            if (r->peer[k].id == m->from) {
                return m->epoch != r->peer[k].epoch;
            }
        }
        return false;
    }
    return (ack && r->role == RAFT_FOLLOWER) ||
           (m->type == RAFT_MSG_VOTE_REPLY && r->role != RAFT_CANDIDATE);
}

static void bury(struct space *s)
{
    for (uint8_t k = 0; k < s->msgs;) {
        if (dead(s, &s->msg[k])) {
            s->msg[k] = s->msg[--s->msgs];
        } else {
            k++;
        }
    }
}

static bool step(struct space *s, uint32_t i, struct raft_event *ev, const struct space_msg *from)
{
    struct space_node *n = &s->node[i];
    ev->now_ns = 1;
    raft_step(&s->core[i], ev, &out);
    uint8_t target = 0;
    for (uint32_t k = 0; k < out.count; k++) {
        const struct raft_effect *e = &out.effect[k];
        if ((e->type == RAFT_DO_WRITE && !on_write(s, i, e, from)) ||
            (e->type == RAFT_DO_SEND && !on_send(s, i, e))) {
            return false;
        }
        if (e->type == RAFT_DO_APPLY) {
            if (e->first != n->target + 1u || e->last > n->disk.last) {
                space_break("applied out of order, or before it is durable");
            }
            n->target = target = (uint8_t)e->last;
        } else if (e->type == RAFT_DO_FATAL) {
            space_break("a core gave up");
        }
    }
    if (n->seen.last > s->left.entries) {
        return false;
    }
    space_judge(s, i);
    bury(s);
    if (target != 0) {
        struct raft_event applied = { .type = RAFT_EV_APPLIED, .index = target };
        return step(s, i, &applied, NULL);
    }
    return true;
}

/* ---- what can happen ---- */

static void write_oldest(struct space *s, uint32_t i)
{
    struct space_node *n = &s->node[i];
    const struct space_write *x = &n->queue[0];
    log_write(&n->disk, x);
    if (x->count > 0) {
        n->untold_index = (uint8_t)(x->first + x->count - 1);
        n->untold_term = x->entry[x->count - 1].term;
    }
    n->written++;
    n->untold++;
    n->queued--;
    memmove(n->queue, n->queue + 1, n->queued * sizeof n->queue[0]);
    memset(&n->queue[n->queued], 0, sizeof n->queue[0]);
    for (uint8_t k = 0; k < s->msgs; k++) {
        struct space_msg *m = &s->msg[k];
        if (m->from == i + 1 && m->waits > 0 && --m->waits == 0) {
            space_judge_msg(s, m);
        }
    }
}

static bool tell(struct space *s, uint32_t i)
{
    struct space_node *n = &s->node[i];
    struct raft_event ev = { .type = RAFT_EV_PERSISTED, .ticket = n->written };
    ev.index = n->untold_index;
    ev.term = n->untold_term;
    n->untold = 0;
    return step(s, i, &ev, NULL);
}

static bool crash(struct space *s, uint32_t i, uint8_t kept)
{
    struct space_node *n = &s->node[i];
    if (s->left.crashes == 0 || kept > n->queued) {
        return false;
    }
    s->left.crashes--;
    for (uint8_t k = 0; k < kept; k++) {
        write_oldest(s, i);
    }
    for (uint8_t k = 0; k < s->msgs;) {
        if (s->msg[k].from == i + 1 && s->msg[k].waits > 0) {
            s->msg[k] = s->msg[--s->msgs];
        } else {
            k++;
        }
    }
    memset(n->queue, 0, sizeof n->queue);
    n->queued = n->untold = n->untold_index = n->untold_term = 0;
    n->written = 0;
    n->boots++;
    boot(s, i);
    space_judge(s, i);
    return true;
}

static bool deliver(struct space *s, uint8_t k, bool again)
{
    struct raft_entry entries[SPACE_LOG_MAX];
    uint8_t bytes[SPACE_LOG_MAX][RAFT_CONF_BYTES_MAX];
    struct space_msg x = s->msg[k];
    struct raft_msg m = { .type = (enum raft_msg_type)x.type, .from = x.from, .to = x.to };
    struct raft_event ev = { .type = RAFT_EV_MSG, .msg = &m };
    if (x.waits > 0 || (again && s->left.doubles == 0)) {
        return false;
    }
    if (again) {
        s->left.doubles--;
    } else {
        s->msg[k] = s->msg[--s->msgs];
    }
    m.term = x.term;
    m.index = x.index;
    m.log_term = x.log_term;
    m.hint = x.hint;
    m.commit = x.commit;
    m.epoch = x.epoch;
    m.reject = x.reject;
    m.transfer = x.transfer;
    m.id = x.id;
    m.sent_ns = 1;
    m.count = x.count;
    m.entries = entries;
    for (uint8_t j = 0; j < x.count; j++) {
        entries[j] = (struct raft_entry){ x.entry[j].term, 1, x.entry[j].kind, bytes[j] };
        if (x.entry[j].kind == RAFT_ENTRY_CONF) {
            struct writer w = writer_of(bytes[j], sizeof bytes[j]);
            raft_conf_encode(&confs[x.entry[j].value], &w);
            entries[j].size = (uint32_t)w.offset;
        }
    }
    return step(s, x.to - 1u, &ev, &x);
}

static bool ask(struct space *s, const struct space_plan *plan, uint32_t i, uint8_t act)
{
    static const uint32_t size = 1;
    struct raft_event ev = { .type = RAFT_EV_CAMPAIGN, .ticket = 1, .count = 1, .sizes = &size };
    const struct raft *r = &s->core[i];
    if (act == SPACE_CAMPAIGN) {
        return r->term < s->left.term && r->role != RAFT_LEADER && step(s, i, &ev, NULL);
    }
    uint8_t *left = act == SPACE_PROPOSE ? &s->left.commands : &s->left.changes;
    if (r->role != RAFT_LEADER || *left == 0) {
        return false;
    }
    (*left)--;
    ev.type = RAFT_EV_PROPOSE;
    if (act == SPACE_CHANGE) {
        ev.type = RAFT_EV_CONF;
        ev.changes = plan->change;
        ev.count = plan->change_count;
    }
    return step(s, i, &ev, NULL);
}

/* Of three nodes and a message each is named; what cannot happen is false. */
bool space_do(struct space *s, const struct space_plan *plan, struct space_step w)
{
    struct space_node *n = w.a < SPACE_NODES ? &s->node[w.a] : NULL;
    struct raft_event up = { .type = RAFT_EV_PEER_UP, .peer = w.b + 1u };
    switch ((enum space_act)w.act) {
    case SPACE_WRITE:
        if (n->queued == 0) {
            return false;
        }
        write_oldest(s, w.a);
        return plan->told_late || tell(s, w.a);
    case SPACE_TELL:
        return plan->told_late && n->untold > 0 && tell(s, w.a);
    case SPACE_CRASH:
        return crash(s, w.a, w.b);
    case SPACE_UP:
        if (s->left.ups == 0 || w.a == w.b || s->core[w.a].role != RAFT_LEADER) {
            return false;
        }
        s->left.ups--;
        return step(s, w.a, &up, NULL);
    case SPACE_DELIVER:
    case SPACE_DOUBLE:
        return w.a < s->msgs && deliver(s, w.a, w.act == SPACE_DOUBLE);
    default:
        return ask(s, plan, w.a, w.act);
    }
}

/* ---- what can still matter ---- */

struct sum {
    uint64_t count;
    uint64_t word[512];
};

static void add(struct sum *x, uint64_t v)
{
    ASSERT(x->count < sizeof x->word / sizeof x->word[0]);
    x->word[x->count++] = v;
}

static uint64_t end(struct sum *x)
{
    uint8_t *at = (uint8_t *)x->word;
    return hash64(1, bytes_of(at, x->count * sizeof x->word[0]));
}

/* A ticket that is done is as good as any other that is done. */
static uint64_t pending(const struct raft *r, uint64_t ticket)
{
    return ticket > r->wal_done ? ticket - r->wal_done : 0;
}

static void add_peer(struct sum *x, const struct raft *r, uint64_t id)
{
    for (uint32_t i = 0; i < r->peer_count; i++) {
        const struct raft_peer *p = &r->peer[i];
        if (p->id != id) {
            continue;
        }
        add(x, p->epoch);
        if (r->role != RAFT_LEADER) { /* all else begins anew with an office */
            add(x, r->role == RAFT_CANDIDATE ? p->ballot : 0);
            return;
        }
        add(x, p->state);
        add(x, p->probing);
        add(x, p->match);
        add(x, p->next);
        add(x, p->sent_commit);
        add(x, p->judged_match);
        for (uint32_t k = 0; k < p->inflight.count; k++) {
            add(x, p->slot[ring_at(&p->inflight, k)].last);
        }
    }
}

static void add_core(struct sum *x, const struct raft *r)
{
    add(x, r->role);
    add(x, r->leader);
    add(x, r->term);
    add(x, r->vote);
    add(x, r->role == RAFT_CANDIDATE ? r->round : 0);
    add(x, r->round);
    add(x, r->own_ballot);
    add(x, pending(r, r->wal_issued));
    add(x, pending(r, r->own_vote_ticket));
    add(x, pending(r, r->hard_ticket));
    add(x, pending(r, r->cut_ticket));
    add(x, r->durable);
    add(x, r->commit);
    add(x, r->applied);
    add(x, r->committed.index);
    add(x, r->effective.index);
    add(x, r->epoch_gone);
    add(x, r->noop_index);
    add(x, r->transfer_to);
    add(x, r->transfer_told);
    for (uint64_t id = 1; id <= SPACE_NODES; id++) {
        add(x, 0xfeed);
        add_peer(x, r, id);
    }
}

static void add_bytes(struct sum *x, const void *from, size_t size)
{
    add(x, hash64(2, bytes_of(from, size)));
}

uint64_t space_hash(const struct space *s)
{
    static struct sum x;
    uint64_t under_way = 0;
    x.count = 0;
    add_bytes(&x, &s->left, sizeof s->left);
    add_bytes(&x, s->leader_of, sizeof s->leader_of);
    add_bytes(&x, s->committed, sizeof s->committed);
    add_bytes(&x, s->committed_in, sizeof s->committed_in);
    add(&x, s->commit);
    for (uint32_t i = 0; i < SPACE_NODES; i++) {
        const struct space_node *n = &s->node[i];
        add_bytes(&x, &n->seen, sizeof n->seen);
        add_bytes(&x, &n->disk, sizeof n->disk);
        add_bytes(&x, n->queue, n->queued * sizeof n->queue[0]);
        add(&x, n->untold);
        add(&x, n->untold > 0 ? n->untold_index : 0);
        add(&x, n->untold > 0 ? n->untold_term : 0);
        add(&x, n->boots);
        add_core(&x, &s->core[i]);
    }
    for (uint8_t k = 0; k < s->msgs; k++) { /* a set: in no order */
        under_way += hash64(3, bytes_of((const uint8_t *)&s->msg[k], sizeof s->msg[k]));
    }
    add(&x, under_way);
    return end(&x);
}
