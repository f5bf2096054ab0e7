/* tests/unit/raft/space/disk.c -- disks of the state space: what is written, what
 * survives, what a core is built from. */
#include "space.h"

static struct raft_conf confs[SPACE_CONFS_MAX];
static uint8_t conf_count;

const struct raft_conf *disk_conf(uint8_t value)
{
    ASSERT(value >= 1 && value <= conf_count);
    return &confs[value];
}

uint8_t disk_conf_number(const struct raft_conf *c)
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

uint8_t disk_conf_at(const struct space_log *l, uint8_t index, uint64_t *out_index)
{
    while (index > 0 && l->entry[index].kind != RAFT_ENTRY_CONF) {
        index--;
    }
    *out_index = index;
    return l->entry[index].value;
}

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

static struct space_entry entry_of(const struct raft_effect *e, const struct space_msg *from,
                                   uint8_t k)
{
    struct space_entry y = { (uint8_t)e->term, e->kind, 0 };
    if (e->source == RAFT_FROM_MSG) {
        return from->entry[e->skip + k];
    }
    if (e->source == RAFT_FROM_CORE && e->kind == RAFT_ENTRY_CONF) {
        struct raft_conf c;
        enum err err = raft_conf_decode(bytes_of(e->payload, e->payload_count), &c, NULL);
        ASSERT(err == ERR_OK);
        y.value = disk_conf_number(&c);
    }
    y.kind = e->source == RAFT_FROM_PROPOSE ? RAFT_ENTRY_COMMAND : y.kind;
    return y;
}

bool disk_queue(struct space *s, uint32_t i, const struct raft_effect *e,
                const struct space_msg *from)
{
    struct space_node *n = &s->node[i];
    bool entries = e->source != RAFT_FROM_NONE;
    if (n->queued == SPACE_WRITES_MAX || (entries && e->last > s->left.entries)) {
        return false;
    }
    struct space_write *x = &n->queue[n->queued++];
    memset(x, 0, sizeof *x);
    x->cut = e->truncate;
    x->cut_to = (uint8_t)e->truncate_to;
    x->hard = e->hard;
    x->term = (uint8_t)e->hard_term;
    x->vote = (uint8_t)e->hard_vote;
    if (x->cut) {
        judge_cut(s, i, x->cut_to);
    }
    x->first = entries ? (uint8_t)e->first : 0;
    x->count = entries ? (uint8_t)(e->last - e->first + 1) : 0;
    for (uint8_t k = 0; k < x->count; k++) {
        x->entry[k] = entry_of(e, from, k);
    }
    log_write(&n->seen, x);
    return true;
}

void disk_write(struct space *s, uint32_t i, struct raft_event *out)
{
    struct space_node *n = &s->node[i];
    const struct space_write *x = &n->queue[0];
    ASSERT(n->queued > 0);
    *out = (struct raft_event){ .type = RAFT_EV_PERSISTED, .ticket = s->core[i].wal_done + 1 };
    log_write(&n->disk, x);
    if (x->count > 0) {
        out->index = x->first + x->count - 1u;
        out->term = x->entry[x->count - 1].term;
    }
    n->queued--;
    memmove(n->queue, n->queue + 1, n->queued * sizeof n->queue[0]);
    memset(&n->queue[n->queued], 0, sizeof n->queue[0]);
    post_written(s, i);
}

/* The two newest configurations in the log, or the only one twice. */
static void boot_confs(const struct space_log *d, struct raft_boot *b)
{
    uint64_t newest = 0;
    uint64_t before = 0;
    uint8_t now = disk_conf_at(d, d->last, &newest);
    uint8_t old = newest > 1 ? disk_conf_at(d, (uint8_t)(newest - 1), &before) : now;
    b->effective = *disk_conf(now);
    b->effective.index = newest;
    b->committed = *disk_conf(old);
    b->committed.index = newest > 1 ? before : newest;
}

void disk_boot(struct space *s, const struct space_plan *plan, uint32_t i)
{
    struct space_node *n = &s->node[i];
    struct raft_run runs[SPACE_LOG_MAX];
    uint32_t sizes[SPACE_LOG_MAX];
    struct raft_config c = { .id = i + 1, .life = n->life, .no_pre_vote = !plan->pre_vote };
    struct raft_boot b = { .now_ns = 1, .restarted = n->boots > 0, .applied = n->disk.last > 0 };
    struct raft *core = NULL;
    c.auto_rejoin = plan->rejoin;
    c.no_check_quorum = true; /* no vote is refused out of loyalty: more can happen */
    c.election_ns_min = 1000;
    c.election_ns_max = 2000;
    c.heartbeat_ns = 2;
    c.append_bytes_max = plan->single ? 1 : 0;
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
    if (n->disk.last > 0) {
        boot_confs(&n->disk, &b);
    }
    n->target = (uint8_t)b.applied;
    memset(&s->core[i], 0, sizeof s->core[i]);
    enum err e = raft_init(&s->core[i], &c, &b, &core);
    ASSERT(e == ERR_OK && core == &s->core[i]);
    canon_core(s, i);
}
