/* tests/unit/raft/space/judge.c -- what must hold in every world of the state space,
 * counted from disks and logs alone; raft_step asserts what concerns a single core. */
#include "space.h"

static const char *broken;

void judge_break(const char *what)
{
    broken = broken == NULL ? what : broken;
}

const char *judge_broken(void)
{
    return broken;
}

void judge_reset(void)
{
    broken = NULL;
}

static bool same(const struct space_entry *a, const struct space_entry *b)
{
    return a->term == b->term && a->kind == b->kind && a->value == b->value;
}

static bool has_committed(const struct space *s, const struct space_log *l, uint8_t index)
{
    for (uint8_t k = 1; k <= index; k++) {
        if (k > l->last || !same(&l->entry[k], &s->committed[k])) {
            return false;
        }
    }
    return true;
}

static const struct raft_conf *in_force(const struct space_log *l)
{
    uint64_t index = 0;
    return disk_conf(disk_conf_at(l, l->last, &index));
}

/* Counted one by one: how many disks hold the entries up to index; or, index 0, a vote. Of a voter
 * only the disk of the life that it is bound to counts, also when that has been lost since. */
static bool most(const struct space *s, const uint64_t *ids, const uint64_t *lives, uint8_t count,
                 uint8_t index, uint8_t term, uint64_t whom)
{
    uint32_t have = 0;
    for (uint8_t k = 0; k < count; k++) {
        const struct space_node *n = &s->node[ids[k] - 1];
        const struct space_log *d = lives[k] == 0 || lives[k] == n->life ? &n->disk : &s->wiped;
        have += index != 0 ? has_committed(s, d, index)
                           : d->term > term || (d->term == term && d->vote == whom);
    }
    return count == 0 || 2 * have > count;
}

static bool quorum(const struct space *s, const struct raft_conf *c, uint8_t index, uint8_t term,
                   uint64_t whom)
{
    return most(s, c->voter, c->voter_life, c->voter_count, index, term, whom) &&
           most(s, c->outgoing, c->outgoing_life, c->outgoing_count, index, term, whom);
}

void judge_msg(const struct space *s, const struct space_msg *m)
{
    const struct space_log *d = &s->node[m->from - 1].disk;
    const struct space_log *l = &s->node[m->to - 1].seen;
    const struct raft *to = &s->core[m->to - 1];
    if (d->term < m->term && m->type != RAFT_MSG_PREVOTE && m->type != RAFT_MSG_PREVOTE_REPLY) {
        judge_break("a message left before its term was durable");
    }
    if (m->type == RAFT_MSG_VOTE_REPLY && !m->reject && d->term == m->term && d->vote != m->to) {
        judge_break("a vote left before it was durable");
    }
    if (m->type != RAFT_MSG_APPEND_REPLY || m->reject || d->term != m->term ||
        to->role != RAFT_LEADER || to->term != m->term) {
        return;
    }
    for (uint8_t k = 1; k <= m->index; k++) {
        if (k > d->last || !same(&d->entry[k], &l->entry[k])) {
            judge_break("an acknowledgement left before its entries were durable");
        }
    }
}

void judge_cut(const struct space *s, uint32_t i, uint8_t to)
{
    const struct space_log *l = &s->node[i].seen;
    if (s->core[i].role == RAFT_LEADER) {
        judge_break("a leader truncates");
    }
    for (uint8_t k = (uint8_t)(to + 1); k <= l->last && k <= s->commit; k++) {
        if (same(&l->entry[k], &s->committed[k])) {
            judge_break("what is committed is truncated");
        }
    }
}

static void judge_leader(struct space *s, uint32_t i)
{
    const struct raft *r = &s->core[i];
    const struct space_log *l = &s->node[i].seen;
    uint8_t *leader = &s->leader_of[r->term];
    if (*leader != 0 && *leader != i + 1) {
        judge_break("two leaders in a term");
    }
    if (*leader == 0) {
        uint8_t k = s->commit;
        while (k > 0 && s->committed_in[k] >= r->term) {
            k--;
        }
        if (!has_committed(s, l, k)) {
            judge_break("a leader lacks what is committed");
        }
        if (!quorum(s, in_force(l), 0, (uint8_t)r->term, i + 1)) {
            judge_break("a leader without the votes of its configuration");
        }
    }
    *leader = (uint8_t)(i + 1);
}

static void judge_logs(const struct space *s, uint32_t i)
{
    const struct space_log *a = &s->node[i].seen;
    for (uint32_t j = 0; j < 2 * SPACE_NODES; j++) {
        const struct space_node *n = &s->node[j % SPACE_NODES];
        const struct space_log *b = j < SPACE_NODES ? &n->seen : &n->disk;
        uint8_t k = a->last < b->last ? a->last : b->last;
        while (k > 0 && a->entry[k].term != b->entry[k].term) {
            k--;
        }
        for (; k > 0; k--) {
            if (!same(&a->entry[k], &b->entry[k])) {
                judge_break("logs that agree at an entry differ before it");
            }
        }
    }
}

/* Entries that a core knows to be committed are so for all; the first to know has a majority of
 * disks, of the configuration in force at it. */
static void judge_commits(struct space *s, uint32_t i)
{
    const struct raft *r = &s->core[i];
    const struct space_log *l = &s->node[i].seen;
    uint8_t from = s->commit;
    while (s->commit < r->commit) {
        s->commit++;
        s->committed[s->commit] = l->entry[s->commit];
        s->committed_in[s->commit] = (uint8_t)r->term;
    }
    if (!has_committed(s, l, (uint8_t)r->commit)) {
        judge_break("different entries are committed");
    }
    if (s->commit > from && !quorum(s, in_force(l), s->commit, 0, 0)) {
        judge_break("committed without a majority of disks");
    }
    if (s->commit > from && r->role == RAFT_LEADER && l->entry[s->commit].term != r->term) {
        judge_break("an entry of an older term is committed by counting");
    }
}

/* A node in its second life is another one. */
static bool decides(const uint64_t *ids, const uint64_t *lives, uint8_t count, uint32_t set)
{
    uint32_t have = 0;
    for (uint8_t k = 0; k < count; k++) {
        have += set >> (ids[k] + (lives[k] > 1 ? SPACE_NODES : 0)) & 1;
    }
    return count == 0 || 2 * have > count;
}

static bool conf_decides(const struct raft_conf *c, uint32_t set)
{
    return decides(c->voter, c->voter_life, c->voter_count, set) &&
           decides(c->outgoing, c->outgoing_life, c->outgoing_count, set);
}

/* No set of nodes decides in one while the others decide in the other. */
static bool overlap(const struct raft_conf *a, const struct raft_conf *b)
{
    uint32_t all = (1u << (2 * SPACE_NODES + 1)) - 2;
    for (uint32_t set = 0; set <= all; set += 2) {
        if (conf_decides(a, set) && conf_decides(b, all & ~set)) {
            return false;
        }
    }
    return true;
}

/* Along a log each configuration overlaps the one before; a leader begins one only when the one
 * before is committed. */
static void judge_confs(const struct space *s, uint32_t i)
{
    const struct space_log *l = &s->node[i].seen;
    const struct raft *r = &s->core[i];
    uint8_t before = 1;
    uint8_t pending = 0;
    for (uint8_t k = 2; k <= l->last; k++) {
        if (l->entry[k].kind != RAFT_ENTRY_CONF) {
            continue;
        }
        if (!overlap(disk_conf(l->entry[before].value), disk_conf(l->entry[k].value))) {
            judge_break("two configurations in a row decide without each other");
        }
        before = k;
        pending = (uint8_t)(pending + (k > r->commit));
    }
    if (r->role == RAFT_LEADER && pending > 1) {
        judge_break("a second configuration before the first is committed");
    }
    if (l->last > 0 && !raft_conf_same(&r->effective, in_force(l))) {
        judge_break("not the newest configuration is in force");
    }
}

void judge_world(struct space *s, uint32_t i)
{
    const struct raft *r = &s->core[i];
    const struct space_node *n = &s->node[i];
    if (r->last != n->seen.last || r->term < n->disk.term || r->term != n->seen.term ||
        r->vote != n->seen.vote || raft_term_at(r, r->last) != n->seen.entry[n->seen.last].term) {
        judge_break("the core's log or vote is not the driver's");
        return;
    }
    for (uint8_t k = 1; k <= r->durable; k++) {
        if (k > n->disk.last || !same(&n->disk.entry[k], &n->seen.entry[k])) {
            judge_break("what is taken as durable is not on the disk");
        }
    }
    judge_logs(s, i);
    judge_confs(s, i);
    judge_commits(s, i);
    if (r->role == RAFT_LEADER) {
        judge_leader(s, i);
    }
}
