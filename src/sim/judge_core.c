/* sim/judge_core.c -- Raft's promises, seen from outside: one leader a term, one vote a term, what
 * is committed stays, what was acknowledged or voted survives the power cut. */
#include "base/panic.h"
#include "sim/majority.h"
#include "sim/world.h"

#include <inttypes.h>

enum {
    JUDGE_MATCH_BACK = 256, /* entries that logs are compared by */
    JUDGE_MATCH_EVERY = 256 /* looks between comparisons of logs */
};

void sim_judge_init(struct sim_judge *j, struct sim_world *w)
{
    j->world = w;
    j->seen = w->look.seen;
    j->leader_of = mem_take(&w->mem, SIM_TERMS_MAX * sizeof *j->leader_of);
    j->committed_term = mem_take(&w->mem, SIM_INDEX_MAX * sizeof *j->committed_term);
    j->committed_in = mem_take(&w->mem, SIM_INDEX_MAX * sizeof *j->committed_in);
    j->state_hash = mem_take(&w->mem, SIM_INDEX_MAX * sizeof *j->state_hash);
    j->revision = mem_take(&w->mem, SIM_INDEX_MAX * sizeof *j->revision);
    j->serial = mem_take(&w->mem, SIM_INDEX_MAX * sizeof *j->serial);
    j->written = mem_take(&w->mem, SIM_INDEX_MAX * sizeof *j->written);
    sim_judge_conf_init(j);
}

void sim_judge_done(struct sim_judge *j)
{
    struct mem *mem = &j->world->mem;
    mem_free(mem, j->leader_of);
    mem_free(mem, j->committed_term);
    mem_free(mem, j->committed_in);
    mem_free(mem, j->state_hash);
    mem_free(mem, j->revision);
    mem_free(mem, j->serial);
    mem_free(mem, j->written);
    sim_judge_conf_done(j);
}

static const struct raft *core_of(const struct sim_host *h)
{
    struct node_look look;
    node_look(h->node, &look);
    return look.core;
}

/* Of an entry in a node's log. What is in the snapshot before the log is believed to be what was
 * committed: the state that was made of it is compared elsewhere. */
static uint64_t term_of(const struct sim_judge *j, const struct sim_host *h, uint64_t index)
{
    struct raft_status s;
    raft_status(core_of(h), &s);
    bool gone = index < s.snap_index && index < SIM_INDEX_MAX;
    return gone ? j->committed_term[index] : raft_term_at(core_of(h), index);
}

/* ---- terms and votes ---- */

static void judge_term(struct sim_judge *j, const struct sim_host *h, const struct raft_status *s)
{
    const struct sim_seen *seen = &j->seen[h->index];
    if (s->term < seen->term) {
        sim_world_fail(j->world, "node %" PRIu64 ": term went back from %" PRIu64 " to %" PRIu64,
                       h->id, seen->term, s->term);
    }
    if (s->term == seen->term && seen->vote != 0 && s->vote != seen->vote) {
        sim_world_fail(j->world, "node %" PRIu64 ": the vote of term %" PRIu64 " changed", h->id,
                       s->term);
    }
    if (s->term >= SIM_TERMS_MAX) {
        sim_world_fail(j->world, "terms run away: %" PRIu64, s->term);
    }
}

static void judge_leader(struct sim_judge *j, const struct sim_host *h, const struct raft_status *s)
{
    const struct sim_seen *seen = &j->seen[h->index];
    if (s->role != RAFT_LEADER || j->world->failed) {
        return;
    }
    uint64_t *leader = &j->leader_of[s->term];
    if (*leader != 0 && *leader != h->id) {
        sim_world_fail(j->world, "two leaders in term %" PRIu64 ": %" PRIu64 " and %" PRIu64,
                       s->term, *leader, h->id);
        return;
    }
    if (seen->role == RAFT_LEADER && seen->term == s->term) {
        if (s->last < seen->last) {
            sim_world_fail(j->world, "leader %" PRIu64 " shortened its log", h->id);
        }
        return;
    }
    *leader = h->id;
    j->leaders++;
    sim_judge_elected(j, h);
    sim_judge_chosen(j, h, s);
    uint64_t i = j->committed;
    while (i > 0 && j->committed_in[i] > s->term) {
        i--; /* its votes came late: it leads a term that is over, and owes no later office's */
    }
    if (i > 0 && (s->last < i || term_of(j, h, i) != j->committed_term[i])) {
        sim_world_fail(j->world,
                       "leader %" PRIu64 " of term %" PRIu64 " lacks the committed entry %" PRIu64,
                       h->id, s->term, i);
    }
}

/* ---- commits ---- */

/* Those that are down count by what they had made durable, and by what they acknowledged in the
 * very step that ended them. */
uint64_t sim_judge_holders(const struct sim_judge *j, const struct sim_host *h, uint64_t index)
{
    uint64_t nodes = 0;
    uint64_t term = term_of(j, h, index);
    for (uint32_t i = 0; i < j->world->node_count; i++) {
        const struct sim_host *other = &j->world->host[i];
        const struct sim_promise *said = &j->promise[i];
        struct raft_status s = { .durable = j->seen[i].durable };
        if (said->acked_term >= term && said->acked_index > s.durable) {
            s.durable = said->acked_index;
        }
        bool same = true;
        if (other->node != NULL && !sim_foreign_host(j->world, other)) {
            raft_status(core_of(other), &s);
            same = term_of(j, other, index) == term;
        }
        bool lost = said->lost_term >= term && said->lost_index >= index;
        bool has = lost || (s.durable >= index && same); /* or has had it */
        nodes |= has ? sim_node_bit(other->id) : 0;
    }
    return nodes;
}

static void judge_commit(struct sim_judge *j, const struct sim_host *h, const struct raft_status *s)
{
    const struct sim_seen *seen = &j->seen[h->index];
    if (s->commit < seen->commit) {
        sim_world_fail(j->world, "node %" PRIu64 ": commit went back from %" PRIu64 " to %" PRIu64,
                       h->id, seen->commit, s->commit);
    }
    if (s->commit >= SIM_INDEX_MAX) {
        sim_world_fail(j->world, "the run is longer than the judges can watch");
        return;
    }
    bool leads = s->role == RAFT_LEADER && seen->role == RAFT_LEADER && s->term == seen->term;
    if (leads && s->commit > seen->commit && term_of(j, h, s->commit) != s->term) {
        sim_world_fail(j->world,
                       "leader %" PRIu64 " of term %" PRIu64 " counted replicas of entry %" PRIu64
                       ", which is not of its term",
                       h->id, s->term, s->commit);
    }
    for (uint64_t i = seen->commit + 1; i <= s->commit && !j->world->failed; i++) {
        uint64_t term = term_of(j, h, i);
        uint64_t *known = &j->committed_term[i];
        if (*known != 0 && *known != term) {
            sim_world_fail(j->world,
                           "node %" PRIu64 ": entry %" PRIu64 " committed with term %" PRIu64
                           ", elsewhere with %" PRIu64,
                           h->id, i, term, *known);
        } else if (*known == 0 && term != 0) {
            *known = term;
            j->committed_in[i] = s->term;
            j->committed = i > j->committed ? i : j->committed;
        }
    }
    sim_judge_conf(j, h, s);
    if (s->commit > seen->commit && s->commit == j->committed && !j->world->failed) {
        sim_judge_held(j, h, s);
    }
}

/* What is committed stays in every log that has it. */
static void judge_holds(struct sim_judge *j, const struct sim_host *h, const struct raft_status *s)
{
    uint64_t at = j->promise[h->index].holds;
    if (at > 0 && (s->last < at || term_of(j, h, at) != j->committed_term[at])) {
        sim_world_fail(j->world, "node %" PRIu64 " gave up the committed entry %" PRIu64, h->id,
                       at);
        return;
    }
    while (at < j->committed && at < s->last &&
           term_of(j, h, at + 1) == j->committed_term[at + 1]) {
        at++;
    }
    j->promise[h->index].holds = at;
}

/* ---- logs ---- */

/* The same index and term mean the same log up to there. */
static void match_pair(struct sim_judge *j, const struct sim_host *a, const struct sim_host *b)
{
    struct raft_status sa;
    struct raft_status sb;
    raft_status(core_of(a), &sa);
    raft_status(core_of(b), &sb);
    uint64_t at = sa.last < sb.last ? sa.last : sb.last;
    uint64_t end = at > JUDGE_MATCH_BACK ? at - JUDGE_MATCH_BACK : 0;
    end = sa.snap_index > end ? sa.snap_index : end;
    end = sb.snap_index > end ? sb.snap_index : end;
    bool met = false;
    for (; at > end; at--) {
        bool same = term_of(j, a, at) == term_of(j, b, at);
        if (met && !same) {
            sim_world_fail(j->world,
                           "the logs of nodes %" PRIu64 " and %" PRIu64
                           " agree above entry %" PRIu64 ", but not in it",
                           a->id, b->id, at);
            return;
        }
        met = met || same;
    }
}

static bool looked_at(const struct sim_judge *j, const struct sim_host *h)
{
    return h->node != NULL && !sim_foreign_host(j->world, h);
}

static void match_all(struct sim_judge *j)
{
    for (uint32_t a = 0; a < j->world->node_count; a++) {
        for (uint32_t b = 0; b < a; b++) {
            const struct sim_host *one = &j->world->host[a];
            const struct sim_host *other = &j->world->host[b];
            if (looked_at(j, one) && looked_at(j, other)) {
                match_pair(j, one, other);
            }
        }
    }
}

/* ---- looking ---- */

void sim_judge_node(struct sim_judge *j, struct sim_host *h, const struct raft_status *s)
{
    const struct sim_seen *seen = &j->seen[h->index];
    sim_judge_state(j, h);
    if (s->term == seen->term && s->role == seen->role && s->commit == seen->commit &&
        s->last == seen->last && s->durable == seen->durable && s->vote == seen->vote &&
        s->leader == seen->leader && seen->alive) {
        return;
    }
    judge_term(j, h, s);
    judge_leader(j, h, s);
    judge_commit(j, h, s);
    if (!j->world->failed) {
        judge_holds(j, h, s);
    }
    j->promise[h->index].durable_term = term_of(j, h, s->durable);
    if (++j->looks % JUDGE_MATCH_EVERY == 0) {
        match_all(j);
    }
}

/* What it has acknowledged until now counts for whoever heard of it, though it lacks it. */
static void lose(struct sim_judge *j, const struct sim_host *h)
{
    struct sim_promise *said = &j->promise[h->index];
    uint64_t durable = j->world->look.seen[h->index].durable;
    uint64_t term = said->acked_term > said->durable_term ? said->acked_term : said->durable_term;
    uint64_t index = said->acked_index > durable ? said->acked_index : durable;
    said->lost_term = term > said->lost_term ? term : said->lost_term; /* it may lose twice */
    said->lost_index = index > said->lost_index ? index : said->lost_index;
}

void sim_judge_wiped(struct sim_judge *j, const struct sim_host *h)
{
    struct sim_promise *said = &j->promise[h->index];
    struct sim_promise fresh = { 0 };
    lose(j, h);
    fresh.lost_term = said->lost_term;
    fresh.lost_index = said->lost_index;
    *said = fresh;
}

void sim_judge_copied(struct sim_judge *j, const struct sim_host *h)
{
    j->copied[h->index] = j->promise[h->index];
}

void sim_judge_restored(struct sim_judge *j, const struct sim_host *h)
{
    struct sim_promise *said = &j->promise[h->index];
    const struct sim_promise *old = &j->copied[h->index];
    lose(j, h);
    said->durable_term = old->durable_term;
    said->said_term = old->said_term;
    said->acked_term = old->acked_term;
    said->acked_index = old->acked_index;
    said->voted_term = old->voted_term;
    said->voted_for = old->voted_for;
}

/* ---- what a power cut must not undo ---- */

void sim_judge_said(struct sim_judge *j, const struct sim_host *h, const struct raft_msg *m)
{
    struct sim_promise *said = &j->promise[h->index];
    bool asks = m->type == RAFT_MSG_PREVOTE || m->type == RAFT_MSG_PREVOTE_REPLY;
    said->said_term = !asks && m->term > said->said_term ? m->term : said->said_term;
    if (m->type == RAFT_MSG_VOTE_REPLY && !m->reject) {
        if (said->voted_term == m->term && said->voted_for != m->to) {
            sim_world_fail(
                j->world, "node %" PRIu64 " voted for %" PRIu64 " and %" PRIu64 " in term %" PRIu64,
                h->id, said->voted_for, m->to, m->term);
        }
        said->voted_term = m->term;
        said->voted_for = m->to;
        sim_judge_voted(j, h, m);
    }
    if (m->type == RAFT_MSG_APPEND_REPLY && !m->reject &&
        (m->term > said->acked_term || m->index > said->acked_index)) {
        said->acked_term = m->term;
        said->acked_index = m->index;
    }
}

/* What a process has said, the next one knows. */
static void judge_memory(struct sim_judge *j, const struct sim_host *h, const struct raft_status *s)
{
    const struct sim_seen *seen = &j->seen[h->index];
    const struct sim_promise *said = &j->promise[h->index];
    if (s->term < said->said_term || s->term < said->voted_term) {
        sim_world_fail(j->world, "node %" PRIu64 " forgot the term %" PRIu64 " that it spoke of",
                       h->id, said->said_term);
    }
    if (s->term == said->voted_term && said->voted_for != 0 && s->vote != said->voted_for) {
        sim_world_fail(j->world, "node %" PRIu64 " forgot its vote of term %" PRIu64, h->id,
                       s->term);
    }
    if (s->term == said->acked_term && s->last < said->acked_index) {
        sim_world_fail(j->world,
                       "node %" PRIu64 " lost entries: acknowledged %" PRIu64 ", has %" PRIu64,
                       h->id, said->acked_index, s->last);
    }
    if (seen->durable > 0 && term_of(j, h, seen->durable) != said->durable_term) {
        sim_world_fail(j->world, "node %" PRIu64 " lost the durable entry %" PRIu64, h->id,
                       seen->durable);
    }
}

void sim_judge_born(struct sim_judge *j, struct sim_host *h, const struct raft_status *s)
{
    judge_memory(j, h, s);
    j->promise[h->index].holds = 0;
}

void sim_judge_dying(struct sim_judge *j, struct sim_host *h, const struct raft_status *s)
{
    j->promise[h->index].durable_term = term_of(j, h, s->durable);
}
