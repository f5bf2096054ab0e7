/* tests/script/invariants.c -- what must hold over all nodes at any moment, after the TLA+ model
 * of Raft.
 *
 * Shape: one leader a term; log matching; leader completeness; state machine safety; what is
 *        committed stays; one vote a term; no node's term falls, nor its commit index while it
 *        lives; a committed entry is durable on a quorum. The core checks its own in every step.
 */
#include "world.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    TERMS_MAX = 1000 * 1000
};

/* What was seen so far in one world, line after line. */
struct world_seen {
    uint8_t leader_of[TERMS_MAX];
    uint64_t committed[WORLD_LOG_MAX]; /* term of each committed entry */
    uint64_t commit_max;
    uint64_t vote[WORLD_NODES_MAX + 1]; /* the newest one, given in vote_term: terms never fall */
    uint64_t vote_term[WORLD_NODES_MAX + 1];
    uint64_t term[WORLD_NODES_MAX + 1];
    uint64_t wipes[WORLD_NODES_MAX + 1];
    uint64_t commit[WORLD_NODES_MAX + 1]; /* in the life that boots counts */
    uint64_t boots[WORLD_NODES_MAX + 1];
};

static bool broken(struct world *w, const char *what, uint64_t a, uint64_t b)
{
    snprintf(w->failure, sizeof w->failure, "invariant: %s (%llu, %llu)", what,
             (unsigned long long)a, (unsigned long long)b);
    return false;
}

/* The core has a snapshot that the node's disk is yet to be told of. */
static bool install_waits(const struct world_node *n)
{
    for (uint32_t i = 0; i < n->pending.count; i++) {
        if (n->pending.row[n->pending.first + i].effect.type == RAFT_DO_INSTALL) {
            return true;
        }
    }
    return false;
}

/* Of an entry that the log has, or that went into the snapshot before it; 0: nobody knows yet. */
static uint64_t term_of(const struct world *w, uint64_t id, uint64_t index)
{
    const struct world_node *n = &w->node[id];
    struct raft_status st;
    raft_status(n->core, &st);
    if (index >= st.snap_index) {
        return raft_term_at(n->core, index);
    }
    return install_waits(n) ? 0 : n->disk.log[index].term;
}

/* A commit index is not synced: a new process begins with what its state machine has, of an old
 * copy of a disk with less. */
static bool check_commit(struct world *w, struct world_seen *s, uint64_t id, uint64_t commit)
{
    const struct world_node *n = &w->node[id];
    if (n->boots != s->boots[id]) {
        s->boots[id] = n->boots;
        s->commit[id] = 0;
    }
    if (commit < s->commit[id]) {
        return broken(w, "a commit index fell", id, commit);
    }
    s->commit[id] = commit;
    return true;
}

static bool check_node(struct world *w, struct world_seen *s, uint64_t id)
{
    struct raft_status st;
    raft_status(w->node[id].core, &st);
    if (w->node[id].wipes != s->wipes[id]) { /* what another disk promised binds it to nothing */
        s->vote[id] = 0;
        s->term[id] = 0;
        s->wipes[id] = w->node[id].wipes;
    }
    if (st.term >= TERMS_MAX) {
        return broken(w, "terms run away", id, st.term);
    }
    if (st.role == RAFT_LEADER) {
        if (s->leader_of[st.term] != 0 && s->leader_of[st.term] != id) {
            return broken(w, "two leaders in a term", id, st.term);
        }
        s->leader_of[st.term] = (uint8_t)id;
    }
    uint64_t term = w->node[id].safe.term; /* what is not durable yet nobody was told */
    uint64_t vote = w->node[id].safe.vote;
    if (vote != 0) {
        if (s->vote[id] != 0 && s->vote_term[id] == term && s->vote[id] != vote) {
            return broken(w, "two votes in a term", id, term);
        }
        s->vote[id] = vote;
        s->vote_term[id] = term;
    }
    if (st.term < s->term[id]) {
        return broken(w, "a term fell", id, st.term);
    }
    s->term[id] = term;
    if (!check_commit(w, s, id, st.commit)) {
        return false;
    }
    for (uint64_t i = 1; i <= st.commit; i++) {
        uint64_t at = term_of(w, id, i);
        if (at == 0 && i < st.snap_index) {
            continue;
        }
        if (i > s->commit_max) {
            s->committed[i] = at;
            s->commit_max = i;
        }
        if (s->committed[i] != at) {
            return broken(w, "a committed entry changed", id, i);
        }
    }
    raft_check(w->node[id].core);
    return true;
}

/* The leader of the highest term that there was has everything that is committed. */
static bool check_leader(struct world *w, const struct world_seen *s, uint64_t id, uint64_t highest)
{
    struct raft_status st;
    raft_status(w->node[id].core, &st);
    if (st.role != RAFT_LEADER || st.term != highest) {
        return true;
    }
    for (uint64_t i = 1; i <= s->commit_max; i++) {
        if (term_of(w, id, i) != s->committed[i]) {
            return broken(w, "the leader lacks a committed entry", id, i);
        }
    }
    return true;
}

struct holder {
    const struct world *w;
    const struct raft_conf *conf;
    uint64_t index;
    uint64_t term;
};

static uint64_t holds(const void *arg, uint64_t id, uint64_t life)
{
    const struct holder *h = arg;
    const struct world_node *n = &h->w->node[id];
    bool gone = life != 0 ? life != world_life(h->w, id) : n->wipes > 0;
    if (gone) {
        return 1; /* it had it, or not: the disk that said so is no more */
    }
    return n->exists && n->safe.last >= h->index && n->safe.log[h->index].term == h->term;
}

/* What a leader has committed in its own term is on the disks of a quorum. */
static bool check_quorum(struct world *w, uint64_t id)
{
    struct raft_status st;
    raft_status(w->node[id].core, &st);
    struct holder h = { w, &st.conf, st.commit, raft_term_at(w->node[id].core, st.commit) };
    if (st.conf.index > st.commit && st.conf.outgoing_count > 0) { /* not needed before */
        memcpy(st.conf.voter, st.conf.outgoing, sizeof st.conf.voter);
        memcpy(st.conf.voter_life, st.conf.outgoing_life, sizeof st.conf.voter_life);
        st.conf.voter_count = st.conf.outgoing_count;
    }
    if (st.role == RAFT_LEADER && h.term == st.term && raft_quorum(&st.conf, holds, &h) == 0) {
        return broken(w, "a committed entry is not on a quorum of disks", id, st.commit);
    }
    return true;
}

static bool check_pair(struct world *w, uint64_t a, uint64_t b)
{
    const struct raft *x = w->node[a].core;
    const struct raft *y = w->node[b].core;
    struct raft_status sx;
    struct raft_status sy;
    raft_status(x, &sx);
    raft_status(y, &sy);
    bool same = false; /* from here down, both must agree */
    uint64_t start = sx.snap_index > sy.snap_index ? sx.snap_index : sy.snap_index;
    for (uint64_t i = sx.last < sy.last ? sx.last : sy.last; i > start; i--) {
        bool equal = raft_term_at(x, i) == raft_term_at(y, i);
        if (same && !equal) {
            return broken(w, "logs that agree at an entry differ before it", a, b);
        }
        same = same || equal;
    }
    uint64_t applied =
        w->node[a].applied < w->node[b].applied ? w->node[a].applied : w->node[b].applied;
    for (uint64_t i = 1; i <= applied; i++) {
        const struct world_entry *ex = &w->node[a].disk.log[i];
        const struct world_entry *ey = &w->node[b].disk.log[i];
        if (ex->term != ey->term || ex->size != ey->size || memcmp(ex->data, ey->data, ex->size)) {
            return broken(w, "different entries were applied", a, b);
        }
    }
    return true;
}

bool world_check(struct world *w)
{
    uint64_t highest = 0;
    if (w->seen == NULL) {
        w->seen = calloc(1, sizeof *w->seen);
        if (w->seen == NULL) {
            world_limit(w, "no memory for what was seen", 0);
            return true;
        }
    }
    struct world_seen *seen = w->seen;
    for (uint64_t a = 1; a <= WORLD_NODES_MAX; a++) {
        struct raft_status st;
        if (!w->node[a].up) { /* its office may be newer than that of who still leads */
            highest = w->node[a].disk.term > highest ? w->node[a].disk.term : highest;
            continue;
        }
        if (!check_node(w, seen, a)) {
            return false;
        }
        raft_status(w->node[a].core, &st);
        highest = st.term > highest ? st.term : highest;
    }
    for (uint64_t a = 1; a <= WORLD_NODES_MAX; a++) {
        if (!w->node[a].up) {
            continue;
        }
        if (!check_leader(w, seen, a, highest) || !check_quorum(w, a)) {
            return false;
        }
        for (uint64_t b = a + 1; b <= WORLD_NODES_MAX; b++) {
            if (w->node[b].up && !check_pair(w, a, b)) {
                return false;
            }
        }
    }
    return true;
}
