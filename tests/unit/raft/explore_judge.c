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

/* Whether a log has what is known as `chain` up to index, be it in a snapshot. */
static bool has(const struct explore *w, const struct explore_log *l, uint64_t index,
                uint64_t chain)
{
    if (index < l->base) {
        return l->base <= w->commit && l->entry[l->base].chain == w->committed[l->base].chain &&
               w->committed[index].chain == chain;
    }
    return l->last >= index && l->entry[index].chain == chain;
}

typedef bool (*member_fn)(const struct explore *w, uint32_t i, uint64_t a, uint64_t b);

static bool most(const struct explore *w, const uint64_t *ids, uint8_t count, member_fn fn,
                 uint64_t a, uint64_t b)
{
    uint32_t have = 0;
    for (uint8_t k = 0; k < count; k++) {
        have += fn(w, (uint32_t)ids[k] - 1, a, b);
    }
    return count == 0 || 2 * have > count;
}

/* Both halves, one by one, not by the function of the core. */
static bool quorum(const struct explore *w, const struct raft_conf *c, member_fn fn, uint64_t a,
                   uint64_t b)
{
    return c->voter_count > 0 && most(w, c->voter, c->voter_count, fn, a, b) &&
           most(w, c->outgoing, c->outgoing_count, fn, a, b);
}

static const struct raft_conf *in_force(const struct explore *w, uint32_t i)
{
    const struct explore_log *l = &w->node[i].seen;
    return &w->conf[explore_conf_at(l, l->last)].conf;
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
    if (m->type == RAFT_MSG_APPEND_REPLY && !m->reject && m->term == d->term && m->index != 0 &&
        !has(w, d, m->index, p->chain != 0 ? p->chain : w->committed[m->index].chain)) {
        explore_fail(w, "an acknowledgement left before its entries were durable", i + 1, m->index);
    }
}

/* A snapshot holds what is committed, and the configuration that was in force there. */
void explore_judge_snapshot(struct explore *w, uint64_t index, uint64_t term,
                            const struct raft_conf *c)
{
    uint64_t k = index;
    if (index == 0 || index > w->commit || w->committed[index].term != term) {
        explore_fail(w, "a snapshot of what is not committed", index, term);
        return;
    }
    while (k > 0 && w->committed[k].kind != RAFT_ENTRY_CONF) {
        k--;
    }
    if (c->index != k || !raft_conf_same(c, &w->conf[w->committed[k].value].conf)) {
        explore_fail(w, "a snapshot with another configuration", c->index, k);
    }
}

static bool voted(const struct explore *w, uint32_t i, uint64_t term, uint64_t whom)
{
    const struct explore_log *d = &w->node[i].disk;
    return w->vote_of[i][term] == whom || (d->term == term && d->vote == whom);
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
        if (!has(w, l, k, w->committed[k].chain)) {
            explore_fail(w, "a leader lacks what is committed", s->id, k);
        }
        if (!quorum(w, in_force(w, i), voted, s->term, s->id)) {
            explore_fail(w, "a leader without the votes of its configuration", s->id, s->term);
        }
    }
    *leader = s->id;
}

static bool on_disk(const struct explore *w, uint32_t i, uint64_t index, uint64_t chain)
{
    return has(w, &w->node[i].disk, index, chain);
}

static void judge_commits(struct explore *w, uint32_t i, const struct raft_status *s)
{
    const struct explore_log *l = &w->node[i].seen;
    for (uint64_t k = w->node[i].commit + 1; k <= s->commit; k++) {
        if (k > w->commit) {
            if (k <= l->base) {
                explore_fail(w, "a snapshot of what is not committed", s->id, k);
                return;
            }
            w->committed[k] = l->entry[k];
            w->committed_in[k] = s->term;
            w->commit = k;
            if (!quorum(w, in_force(w, i), on_disk, k, l->entry[k].chain)) {
                explore_fail(w, "committed without a majority of disks", k, s->id);
            }
            explore_count(EXPLORE_COMMITS);
        }
    }
    if (!has(w, l, s->commit, w->committed[s->commit].chain)) {
        explore_fail(w, "different entries are committed", s->id, s->commit);
    }
}

static void judge_members(struct explore *w, uint32_t i, const struct raft_status *s)
{
    const struct raft_conf *c = in_force(w, i);
    if (s->conf.index != c->index || !raft_conf_same(&s->conf, c)) {
        explore_fail(w, "not the newest configuration is in force", s->id, s->conf.index);
    }
    uint64_t settled = w->conf[explore_conf_at(&w->node[i].seen, s->commit)].conf.index;
    if (s->role == RAFT_LEADER && c->index != settled) {
        uint64_t before = w->conf[explore_conf_at(&w->node[i].seen, c->index - 1)].conf.index;
        if (before > w->commit) {
            explore_fail(w, "two configurations are open", before, c->index);
        }
    }
}

void explore_judge_step(struct explore *w, uint32_t i)
{
    struct explore_node *n = &w->node[i];
    const struct explore_log *l = &n->seen;
    struct raft_status s;
    raft_status(n->core, &s);
    if (s.term >= EXPLORE_TERMS_MAX || s.term < n->term || s.commit < n->commit ||
        s.commit > l->last) {
        explore_fail(w, "a term ran away or fell, or commit fell", s.id, s.term);
        return;
    }
    if (s.last != l->last || s.last_term != l->entry[l->last].term || s.snap_index != l->base ||
        s.snap_term != l->entry[l->base].term) {
        explore_fail(w, "the core's log is not the driver's", s.id, s.last);
    }
    if (n->disk.last < s.durable ||
        (s.durable >= l->base && !has(w, &n->disk, s.durable, l->entry[s.durable].chain))) {
        explore_fail(w, "what is taken as durable is not on the disk", s.id, s.durable);
    }
    judge_commits(w, i, &s);
    judge_members(w, i, &s);
    if (s.role == RAFT_LEADER) {
        judge_leader(w, i, &s);
    }
    n->commit = s.commit;
    n->term = s.term;
    n->leads = s.role == RAFT_LEADER;
}

/* ---- what clients are told ---- */

static enum explore_end end_of(enum err code)
{
    return code == ERR_OK                ? EXPLORE_OK
           : code == ERR_OUTCOME_UNKNOWN ? EXPLORE_UNKNOWN
                                         : EXPLORE_NOT_DONE;
}

static bool set_has(const uint64_t *ids, uint8_t count, uint64_t id)
{
    for (uint8_t k = 0; k < count; k++) {
        if (ids[k] == id) {
            return true;
        }
    }
    return false;
}

/* The change is made: every member is what it was last asked to be. */
static void judge_change(struct explore *w, uint64_t index, const struct explore_ticket *t)
{
    if (index == 0 || index > w->commit || w->committed[index].kind != RAFT_ENTRY_CONF) {
        explore_fail(w, "a change ends at no configuration", index, w->commit);
        return;
    }
    const struct raft_conf *c = &w->conf[w->committed[index].value].conf;
    if (c->outgoing_count > 0 && !t->manual) {
        explore_fail(w, "a change ends half way", index, 0);
    }
    for (uint32_t k = 0; k < t->count; k++) {
        uint64_t id = t->change[k].id;
        enum raft_change_kind kind = t->change[k].kind;
        bool again = false; /* a later one of the same */
        for (uint32_t j = k + 1; j < t->count; j++) {
            again = again || t->change[j].id == id;
        }
        bool votes = set_has(c->voter, c->voter_count, id);
        bool learns = set_has(c->learner, c->learner_count, id);
        if (!again &&
            (votes != (kind == RAFT_CHANGE_VOTER) || learns != (kind == RAFT_CHANGE_LEARNER))) {
            explore_fail(w, "a change was not made", index, id);
        }
    }
}

static void judge_ok(struct explore *w, uint32_t i, const struct raft_effect *e, uint64_t k)
{
    const struct explore_ticket *t = &w->ticket[k];
    struct explore_node *n = &w->node[i];
    uint64_t index = e->index + (k - e->ticket);
    if (t->what == RAFT_EV_READ) {
        if (e->index < t->floor) {
            explore_fail(w, "a stale read", e->index, t->floor);
        }
        n->read = e->index > n->read ? e->index : n->read;
        return;
    }
    if (t->what == RAFT_EV_TRANSFER) {
        explore_count(EXPLORE_TRANSFERS);
        if (n->term <= t->term && t->change[0].id != i + 1) {
            explore_fail(w, "the office was given away in no new term", k, n->term);
        }
        return;
    }
    if (t->what == RAFT_EV_SNAPSHOT) {
        if (index > n->applied || index > n->made) {
            explore_fail(w, "a snapshot is told of that is not made", index, n->made);
        }
        return;
    }
    if (t->what == RAFT_EV_CONF) {
        judge_change(w, index, t);
    } else if (index > w->commit || w->committed[index].value != k ||
               w->committed[index].kind != RAFT_ENTRY_COMMAND) {
        explore_fail(w, "acknowledged, but something else is there", k, index);
    }
    w->acked = index > w->acked ? index : w->acked;
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
        if ((e->type == RAFT_DO_READ_OK) != (t->what == RAFT_EV_READ && t->end == EXPLORE_OK)) {
            explore_fail(w, "a ticket ends as one of another kind", k, i + 1);
        }
        if (t->what == RAFT_EV_READ) {
            explore_count(EXPLORE_READS);
        }
        if (t->end == EXPLORE_OK) {
            judge_ok(w, i, e, k);
        }
    }
}

/* ---- at rest ---- */

static void judge_tickets(struct explore *w)
{
    for (uint64_t k = 1; k <= w->tickets; k++) {
        if (w->ticket[k].end == EXPLORE_OPEN) {
            explore_fail(w, "a ticket never ended", k, w->ticket[k].node + 1);
        }
    }
    for (uint64_t k = 2; k <= w->commit; k++) {
        const struct explore_entry *e = &w->committed[k];
        bool conf = e->kind == RAFT_ENTRY_CONF;
        uint64_t ticket = conf ? w->conf[e->value].ticket : e->value;
        if (ticket != 0 && w->ticket[ticket].end == EXPLORE_NOT_DONE) {
            explore_fail(w, "done, though said to be not done", ticket, k);
        }
    }
}

void explore_judge_rest(struct explore *w)
{
    uint32_t leaders = 0;
    uint64_t k = w->commit;
    while (k > 0 && w->committed[k].kind != RAFT_ENTRY_CONF) {
        k--;
    }
    const struct raft_conf *c = &w->conf[w->committed[k].value].conf;
    if (c->outgoing_count > 0 && !c->manual) {
        explore_fail(w, "a joint configuration is not left", k, 0);
    }
    for (uint32_t i = 0; i < w->count; i++) {
        const struct explore_node *n = &w->node[i];
        bool member = raft_conf_is_member(c, i + 1);
        leaders += n->leads;
        if (member && (n->applied != w->commit || n->seen.last != w->commit)) {
            explore_fail(w, "a node did not catch up", i + 1, n->applied);
        }
        if (n->leads && !raft_conf_is_voter(c, i + 1)) {
            explore_fail(w, "who is no voter any more still leads", i + 1, k);
        }
    }
    if (leaders != 1) {
        explore_fail(w, "not one leader", leaders, 0);
    }
    judge_tickets(w);
}
