/* tests/unit/raft/explore_judge.c -- what must hold at any moment over all nodes of a world. */
#include "explore.h"

#include <stdio.h>

static uint64_t seen[EXPLORE_EVENTS];

void explore_count(enum explore_event what)
{
    seen[what]++;
}

uint64_t explore_seen(enum explore_event what)
{
    return seen[what];
}

void explore_fail(struct explore *w, const char *what, uint64_t a, uint64_t b)
{
    if (w->failure[0] == '\0') {
        snprintf(w->failure, sizeof w->failure, "%s (%llu, %llu)", what, (unsigned long long)a,
                 (unsigned long long)b);
    }
}

/* Log matching: index and term name one log up to there, in every node and every life. */
void explore_judge_entry(struct explore *w, uint64_t index, struct explore_entry *e,
                         const struct explore_entry *before)
{
    uint64_t chain = (before->chain ^ e->term) * 0x9e3779b97f4a7c15u;
    chain = (chain ^ (chain >> 29) ^ e->value ^ e->kind) * 0xbf58476d1ce4e5b9u;
    e->chain = chain;
    for (uint32_t k = 0; k < 32; k++) {
        struct explore_chain *c = &w->chain[index][k];
        if (c->term == e->term && c->chain != chain) {
            explore_fail(w, "logs that agree at an entry differ before it", index, e->term);
        }
        if (c->term == 0 || c->term == e->term) {
            *c = (struct explore_chain){ e->term, chain };
            return;
        }
    }
    explore_fail(w, "too many terms at one index", index, e->term);
}

/* Votes and acknowledgements speak of what a crash would leave. */
void explore_judge_packet(struct explore *w, uint32_t i, const struct explore_packet *p)
{
    const struct explore_log *d = &w->node[i].disk;
    const struct raft_msg *m = &p->msg;
    bool grant = m->type == RAFT_MSG_VOTE_REPLY && !m->reject;
    if (m->type != RAFT_MSG_PREVOTE && m->type != RAFT_MSG_PREVOTE_REPLY && d->term < m->term) {
        explore_fail(w, "a message left before its term was durable", i + 1, m->term);
    }
    if (grant && d->term == m->term && d->vote != m->to) {
        explore_fail(w, "a vote left before it was durable", i + 1, m->term);
    }
    if (grant || m->type == RAFT_MSG_VOTE) {
        uint64_t *vote = &w->vote_of[i][m->term];
        uint64_t whom = grant ? m->to : m->from;
        if (*vote != 0 && *vote != whom) {
            explore_fail(w, "two votes in a term", i + 1, m->term);
        }
        *vote = whom;
    }
    if (m->type == RAFT_MSG_APPEND_REPLY && !m->reject && m->term == d->term &&
        (d->last < m->index || d->entry[m->index].chain != p->chain)) {
        explore_fail(w, "an acknowledgement left before its entries were durable", i + 1, m->index);
    }
}

static void judge_leader(struct explore *w, uint32_t i, const struct raft_status *s)
{
    const struct explore_log *l = &w->node[i].seen;
    uint64_t *leader = &w->leader_of[s->term];
    if (*leader != 0 && *leader != s->id) {
        explore_fail(w, "two leaders in a term", s->term, s->id);
    }
    if (*leader == 0) {
        explore_count(EXPLORE_LEADERS);
        uint64_t k = w->commit;
        while (k > 0 && w->committed_in[k] >= s->term) {
            k--; /* a late winner of an old term owes nothing to newer ones */
        }
        if (l->last < k || l->entry[k].chain != w->committed[k].chain) {
            explore_fail(w, "a leader lacks what is committed", s->id, k);
        }
    }
    *leader = s->id;
}

/* On how many disks is the entry, with all before it? */
static void judge_quorum(struct explore *w, uint64_t index)
{
    uint32_t have = 0;
    for (uint32_t i = 0; i < w->count; i++) {
        const struct explore_log *d = &w->node[i].disk;
        have += d->last >= index && d->entry[index].chain == w->committed[index].chain;
    }
    if (2 * have <= w->count) {
        explore_fail(w, "committed without a majority of disks", index, have);
    }
}

void explore_judge_step(struct explore *w, uint32_t i)
{
    struct explore_node *n = &w->node[i];
    struct raft_status s;
    raft_status(n->core, &s);
    if (s.term >= EXPLORE_TERMS_MAX || s.term < n->term || s.commit < n->commit) {
        explore_fail(w, "a term ran away or fell, or commit fell", s.id, s.term);
        return;
    }
    if (s.last != n->seen.last || s.last_term != n->seen.entry[s.last].term) {
        explore_fail(w, "the core's log is not the driver's", s.id, s.last);
    }
    if (n->disk.last < s.durable ||
        n->disk.entry[s.durable].chain != n->seen.entry[s.durable].chain) {
        explore_fail(w, "what is taken as durable is not on the disk", s.id, s.durable);
    }
    for (uint64_t k = n->commit + 1; k <= s.commit; k++) {
        if (k > w->commit) {
            w->committed[k] = n->seen.entry[k];
            w->committed_in[k] = s.term;
            w->commit = k;
            judge_quorum(w, k);
            explore_count(EXPLORE_COMMITS);
        }
    }
    if (n->seen.entry[s.commit].chain != w->committed[s.commit].chain) {
        explore_fail(w, "different entries are committed", s.id, s.commit);
    }
    if (s.role == RAFT_LEADER) {
        judge_leader(w, i, &s);
    }
    n->commit = s.commit;
    n->term = s.term;
    n->leads = s.role == RAFT_LEADER;
}

static enum explore_end end_of(enum err code)
{
    return code == ERR_OK                ? EXPLORE_OK
           : code == ERR_OUTCOME_UNKNOWN ? EXPLORE_UNKNOWN
                                         : EXPLORE_NOT_DONE;
}

void explore_judge_end(struct explore *w, uint32_t i, const struct raft_effect *e)
{
    for (uint64_t k = e->ticket; k < e->ticket + e->count; k++) {
        struct explore_ticket *t = &w->ticket[k];
        if (k == 0 || k > w->tickets || t->node != i || t->end != EXPLORE_OPEN) {
            explore_fail(w, "a ticket ended twice, or was never given", k, i + 1);
            return;
        }
        t->end = e->type == RAFT_DO_READ_OK ? EXPLORE_OK : end_of(e->code);
        if (e->type == RAFT_DO_READ_OK && e->index < t->floor) {
            explore_fail(w, "a stale read", e->index, t->floor);
        }
        if (e->type == RAFT_DO_READ_OK || t->read) {
            explore_count(EXPLORE_READS);
        } else if (e->code == ERR_OK) {
            uint64_t index = e->index + (k - e->ticket);
            if (index > w->commit || w->committed[index].value != k) {
                explore_fail(w, "acknowledged, but something else is there", k, index);
            }
            w->acked = index > w->acked ? index : w->acked;
        }
    }
}

void explore_judge_rest(struct explore *w)
{
    uint32_t leaders = 0;
    for (uint32_t i = 0; i < w->count; i++) {
        const struct explore_node *n = &w->node[i];
        leaders += n->leads;
        if (n->applied != w->commit || n->seen.last != w->commit) {
            explore_fail(w, "a node did not catch up", i + 1, n->applied);
        }
    }
    if (leaders != 1) {
        explore_fail(w, "not one leader", leaders, 0);
    }
    for (uint64_t k = 1; k <= w->tickets; k++) {
        if (w->ticket[k].end == EXPLORE_OPEN) {
            explore_fail(w, "a ticket never ended", k, w->ticket[k].node + 1);
        }
    }
    for (uint64_t k = 2; k <= w->commit; k++) {
        uint64_t v = w->committed[k].value;
        if (v != 0 && w->ticket[v].end == EXPLORE_NOT_DONE) {
            explore_fail(w, "done, though said to be not done", v, k);
        }
    }
}
