/* tests/unit/raft/space_judge.c -- what must hold in every world of the state space. */
#include "space.h"

static const char *broken;

void space_break(const char *what)
{
    broken = broken == NULL ? what : broken;
}

const char *space_broken(bool reset)
{
    const char *was = broken;
    broken = reset ? NULL : broken;
    return was;
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
    uint8_t k = l->last;
    while (k > 0 && l->entry[k].kind != RAFT_ENTRY_CONF) {
        k--;
    }
    return space_conf(l->entry[k].value);
}

/* Counted one by one: of both halves, how many disks hold the entries up to index, or a vote. */
static bool most(const struct space *s, const uint64_t *ids, uint8_t count, uint8_t index,
                 uint8_t term, uint64_t whom)
{
    uint32_t have = 0;
    for (uint8_t k = 0; k < count; k++) {
        const struct space_log *d = &s->node[ids[k] - 1].disk;
        have += index != 0 ? has_committed(s, d, index)
                           : d->term > term || (d->term == term && d->vote == whom);
    }
    return count == 0 || 2 * have > count;
}

static bool quorum(const struct space *s, const struct raft_conf *c, uint8_t index, uint8_t term,
                   uint64_t whom)
{
    return most(s, c->voter, c->voter_count, index, term, whom) &&
           most(s, c->outgoing, c->outgoing_count, index, term, whom);
}

void space_judge_msg(const struct space *s, const struct space_msg *m)
{
    const struct space_log *d = &s->node[m->from - 1].disk;
    if (d->term < m->term) {
        space_break("a message left before its term was durable");
    }
    if (m->type == RAFT_MSG_VOTE_REPLY && !m->reject && d->term == m->term && d->vote != m->to) {
        space_break("a vote left before it was durable");
    }
    if (m->type == RAFT_MSG_APPEND_REPLY && !m->reject && d->term == m->term) {
        const struct space_log *l = &s->node[m->to - 1].seen;
        for (uint8_t k = 1; s->core[m->to - 1].role == RAFT_LEADER &&
                            s->core[m->to - 1].term == m->term && k <= m->index;
             k++) {
            if (k > d->last || !same(&d->entry[k], &l->entry[k])) {
                space_break("an acknowledgement left before its entries were durable");
            }
        }
    }
}

static void judge_leader(struct space *s, uint32_t i)
{
    const struct raft *r = &s->core[i];
    const struct space_log *l = &s->node[i].seen;
    uint8_t *leader = &s->leader_of[r->term];
    if (*leader != 0 && *leader != i + 1) {
        space_break("two leaders in a term");
    }
    if (*leader == 0) {
        uint8_t k = s->commit;
        while (k > 0 && s->committed_in[k] >= r->term) {
            k--;
        }
        if (!has_committed(s, l, k)) {
            space_break("a leader lacks what is committed");
        }
        if (!quorum(s, in_force(l), 0, (uint8_t)r->term, i + 1)) {
            space_break("a leader without the votes of its configuration");
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
                space_break("logs that agree at an entry differ before it");
            }
        }
    }
}

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
        space_break("different entries are committed");
    }
    if (s->commit > from && !quorum(s, in_force(l), s->commit, 0, 0)) {
        space_break("committed without a majority of disks");
    }
}

void space_judge(struct space *s, uint32_t i)
{
    const struct raft *r = &s->core[i];
    const struct space_node *n = &s->node[i];
    if (r->last != n->seen.last || r->term < n->disk.term ||
        raft_term_at(r, r->last) != n->seen.entry[n->seen.last].term) {
        space_break("the core's log is not the driver's");
        return;
    }
    for (uint8_t k = 1; k <= r->durable; k++) {
        if (k > n->disk.last || !same(&n->disk.entry[k], &n->seen.entry[k])) {
            space_break("what is taken as durable is not on the disk");
        }
    }
    if (!raft_conf_same(&r->effective, in_force(&n->seen))) {
        space_break("not the newest configuration is in force");
    }
    judge_logs(s, i);
    judge_commits(s, i);
    if (r->role == RAFT_LEADER) {
        judge_leader(s, i);
    }
}
