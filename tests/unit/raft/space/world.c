/* tests/unit/raft/space/world.c -- one world of the state space: what can happen in it.
 *
 * Invariants: time stands still: elections and heartbeats are called for; what is committed and
 *             durable is applied at once, and a new process begins with nothing applied but the
 *             first entry. So a world is finite, and no order of events is left out.
 */
#include "space.h"

static struct raft_out out;

void world_begin(struct space *s, const struct space_plan *plan)
{
    struct raft_conf c = { 0 };
    memset(s, 0, sizeof *s);
    s->left = plan->budget;
    ASSERT(plan->budget.entries <= SPACE_LOG_MAX && plan->budget.term < SPACE_TERMS_MAX);
    ASSERT(plan->budget.wipes <= 1);
    for (uint8_t k = 1; k <= plan->voters; k++) {
        c.voter_life[c.voter_count] = plan->frail != 0;
        c.voter[c.voter_count++] = k;
    }
    s->commit = 1;
    s->committed[1] = (struct space_entry){ 1, RAFT_ENTRY_CONF, disk_conf_number(&c) };
    s->committed_in[1] = 1;
    for (uint32_t i = 0; i < SPACE_NODES; i++) {
        struct space_log *d = &s->node[i].disk;
        d->entry[1] = s->committed[1];
        d->last = 1;
        d->term = 1;
        s->node[i].life = plan->frail != 0;
        disk_boot(s, plan, i);
    }
}

size_t world_size(const struct space *s)
{
    return offsetof(struct space, msg) + s->msgs * sizeof s->msg[0];
}

static bool step(struct space *s, const struct space_plan *plan, uint32_t i, struct raft_event *ev,
                 const struct space_msg *from);

/* What the core has asked for; false: it leads out of the budget. */
static bool effects(struct space *s, uint32_t i, const struct space_msg *from)
{
    struct space_node *n = &s->node[i];
    for (uint32_t k = 0; k < out.count; k++) {
        const struct raft_effect *e = &out.effect[k];
        if ((e->type == RAFT_DO_WRITE && !disk_queue(s, i, e, from)) ||
            (e->type == RAFT_DO_SEND && !post_send(s, i, e))) {
            return false;
        }
        if (e->type == RAFT_DO_APPLY) {
            if (e->first != n->target + 1u || e->last > n->disk.last) {
                judge_break("applied out of order, or before it is durable");
            }
            n->target = (uint8_t)e->last;
        } else if (e->type == RAFT_DO_FATAL) {
            judge_break("a core gave up");
        }
    }
    return s->core[i].term <= s->left.term;
}

static bool write_and_tell(struct space *s, const struct space_plan *plan, uint32_t i)
{
    struct raft_event ev;
    disk_write(s, i, &ev);
    return step(s, plan, i, &ev, NULL);
}

/* One event; where disks are quick, all that follows from its writes too. */
static bool step(struct space *s, const struct space_plan *plan, uint32_t i, struct raft_event *ev,
                 const struct space_msg *from)
{
    struct space_node *n = &s->node[i];
    uint8_t target = n->target;
    ev->now_ns = ev->now_ns == 0 ? 1 : ev->now_ns;
    raft_step(&s->core[i], ev, &out);
    if (!effects(s, i, from)) {
        return false;
    }
    judge_world(s, i);
    canon_core(s, i);
    if (n->target != target) {
        struct raft_event applied = { .type = RAFT_EV_APPLIED, .index = n->target };
        if (!step(s, plan, i, &applied, NULL)) {
            return false;
        }
    }
    return plan->slow_disk || n->queued == 0 || write_and_tell(s, plan, i);
}

static void fall(struct space *s, uint32_t i)
{
    struct space_node *n = &s->node[i];
    post_crashed(s, i);
    memset(n->queue, 0, sizeof n->queue);
    n->queued = 0;
    n->boots++;
}

static bool crash(struct space *s, const struct space_plan *plan, uint32_t i, uint8_t kept)
{
    struct space_node *n = &s->node[i];
    struct raft_event untold;
    if (s->left.crashes == 0 || kept > n->queued) {
        return false;
    }
    s->left.crashes--;
    for (uint8_t k = 0; k < kept; k++) {
        disk_write(s, i, &untold);
    }
    fall(s, i);
    disk_boot(s, plan, i);
    judge_world(s, i);
    return true;
}

static bool wipe(struct space *s, const struct space_plan *plan, uint32_t i)
{
    struct space_node *n = &s->node[i];
    if (s->left.wipes == 0 || plan->frail != i + 1) {
        return false;
    }
    s->left.wipes--;
    fall(s, i);
    s->wiped = n->disk;
    memset(&n->disk, 0, sizeof n->disk);
    n->life++;
    disk_boot(s, plan, i);
    judge_world(s, i);
    return true;
}

static bool deliver(struct space *s, const struct space_plan *plan, uint8_t k, bool again)
{
    struct raft_entry entries[SPACE_LOG_MAX];
    uint8_t bytes[SPACE_LOG_MAX][RAFT_CONF_BYTES_MAX];
    if (k >= s->msgs || s->msg[k].waits > 0 || (again && s->left.doubles == 0)) {
        return false;
    }
    struct space_msg x = s->msg[k];
    struct raft_msg m = post_take(&x, entries, bytes);
    struct raft_event ev = { .type = RAFT_EV_MSG, .msg = &m };
    if (again) {
        s->left.doubles--;
    } else {
        post_drop(s, k);
    }
    return step(s, plan, x.to - 1u, &ev, &x);
}

/* Rounds differ from term to term and from life to life, as those that are drawn do. */
static bool campaign(struct space *s, const struct space_plan *plan, uint32_t i)
{
    struct raft *r = &s->core[i];
    struct raft_event ev = { .type = RAFT_EV_CAMPAIGN };
    if (r->term >= s->left.term || r->role == RAFT_LEADER) {
        return false;
    }
    r->round = 2 * r->term + 32u * s->node[i].boots;
    return step(s, plan, i, &ev, NULL);
}

static bool ask(struct space *s, const struct space_plan *plan, uint32_t i, uint8_t act)
{
    static const uint32_t size = 1;
    struct raft_event ev = { .type = RAFT_EV_PROPOSE, .ticket = 1, .count = 1, .sizes = &size };
    uint8_t *left = act == SPACE_PROPOSE ? &s->left.commands : &s->left.changes;
    if (s->core[i].role != RAFT_LEADER || *left == 0) {
        return false;
    }
    (*left)--;
    if (act == SPACE_CHANGE) {
        ev.type = RAFT_EV_CONF;
        ev.changes = plan->change;
        ev.count = plan->change_count;
    }
    return step(s, plan, i, &ev, NULL);
}

static bool act(struct space *s, const struct space_plan *plan, struct space_step w)
{
    struct raft_event up = { .type = RAFT_EV_PEER_UP, .peer = w.b + 1u };
    struct raft_event beat = { .type = RAFT_EV_TIME };
    bool leads = w.act < SPACE_DELIVER && s->core[w.a].role == RAFT_LEADER;
    switch ((enum space_act)w.act) {
    case SPACE_CAMPAIGN:
        return campaign(s, plan, w.a);
    case SPACE_BEAT:
        beat.now_ns = s->core[w.a].heartbeat_deadline_ns;
        return plan->beats && leads && step(s, plan, w.a, &beat, NULL);
    case SPACE_WRITE:
        return s->node[w.a].queued > 0 && write_and_tell(s, plan, w.a);
    case SPACE_WIPE:
        return wipe(s, plan, w.a);
    case SPACE_CRASH:
        return crash(s, plan, w.a, w.b);
    case SPACE_UP:
        if (s->left.ups == 0 || w.a == w.b || !leads) {
            return false;
        }
        s->left.ups--;
        return step(s, plan, w.a, &up, NULL);
    case SPACE_DELIVER:
    case SPACE_DOUBLE:
        return deliver(s, plan, w.a, w.act == SPACE_DOUBLE);
    case SPACE_PROPOSE:
    case SPACE_CHANGE:
        return ask(s, plan, w.a, w.act);
    case SPACE_ACTS:
        break;
    }
    return false;
}

bool world_step(struct space *s, const struct space_plan *plan, struct space_step w)
{
    bool happened = act(s, plan, w);
    post_bury(s, plan);
    return happened;
}
