/* sim/judge_core.c -- Raft's promises, seen from outside: one leader a term, one vote a term, what
 * is committed stays, what was acknowledged or voted survives the power cut. */
#include "base/panic.h"
#include "node/call_codec.h"
#include "raft/raft_codec.h"
#include "sim/world.h"

#include <inttypes.h>

enum {
    JUDGE_BACK = 1024,      /* entries below the commit index that a new life is compared by */
    JUDGE_MATCH_BACK = 256, /* entries that logs are compared by */
    JUDGE_MATCH_EVERY = 256 /* looks between comparisons of logs */
};

void sim_judge_init(struct sim_judge *j, struct sim_world *w)
{
    j->world = w;
    j->leader_of = mem_take(&w->mem, SIM_TERMS_MAX * sizeof *j->leader_of);
    j->committed_term = mem_take(&w->mem, SIM_INDEX_MAX * sizeof *j->committed_term);
    j->state_hash = mem_take(&w->mem, SIM_INDEX_MAX * sizeof *j->state_hash);
    j->revision = mem_take(&w->mem, SIM_INDEX_MAX * sizeof *j->revision);
    j->serial = mem_take(&w->mem, SIM_INDEX_MAX * sizeof *j->serial);
    j->written = mem_take(&w->mem, SIM_INDEX_MAX * sizeof *j->written);
}

void sim_judge_done(struct sim_judge *j)
{
    struct mem *mem = &j->world->mem;
    mem_free(mem, j->leader_of);
    mem_free(mem, j->committed_term);
    mem_free(mem, j->state_hash);
    mem_free(mem, j->revision);
    mem_free(mem, j->serial);
    mem_free(mem, j->written);
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
    uint64_t i = j->committed;
    while (i > 0 && j->committed_term[i] > s->term) {
        i--; /* its votes came late: it leads a term that is over, and owes nothing newer */
    }
    if (i > 0 && (s->last < i || term_of(j, h, i) != j->committed_term[i])) {
        sim_world_fail(j->world,
                       "leader %" PRIu64 " of term %" PRIu64 " lacks the committed entry %" PRIu64,
                       h->id, s->term, i);
    }
}

uint64_t sim_judge_leader(const struct sim_judge *j, uint64_t among, bool settled)
{
    uint64_t leader = 0;
    uint64_t term = 0;
    for (uint32_t i = 0; i < j->world->node_count; i++) {
        const struct sim_seen *s = &j->seen[i];
        bool good = !settled || (s->commit > 0 && j->committed_term[s->commit] == s->term);
        bool leads = s->alive && s->role == RAFT_LEADER && (among >> i & 1u) != 0;
        if (leads && good && s->term > term) {
            leader = i + 1;
            term = s->term;
        }
    }
    return leader;
}

/* ---- commits ---- */

/* Nodes on whose disks an entry is: those that are down count by what they had made durable, and by
 * what they acknowledged in the very step that ended them. */
static uint32_t holders(struct sim_judge *j, uint64_t index, uint64_t term)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < j->world->node_count; i++) {
        const struct sim_host *h = &j->world->host[i];
        const struct sim_seen *seen = &j->seen[i];
        struct raft_status s = { .durable = seen->durable };
        if (seen->acked_term >= term && seen->acked_index > s.durable) {
            s.durable = seen->acked_index;
        }
        bool same = true;
        if (h->node != NULL) {
            raft_status(core_of(h), &s);
            same = term_of(j, h, index) == term;
        }
        count += h->restored || (s.durable >= index && same); /* it has had it */
    }
    return count;
}

static void judge_commit(struct sim_judge *j, const struct sim_host *h, const struct raft_status *s)
{
    struct sim_seen *seen = &j->seen[h->index];
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
            j->committed = i > j->committed ? i : j->committed;
        }
    }
    if (s->commit > seen->commit && s->commit == j->committed &&
        2 * holders(j, s->commit, s->commit == 0 ? 0 : j->committed_term[s->commit]) <=
            j->world->node_count) {
        sim_world_fail(j->world, "entry %" PRIu64 " is committed, but no majority has it on disk",
                       s->commit);
    }
}

/* What is committed stays in every log that has it. */
static void judge_holds(struct sim_judge *j, const struct sim_host *h, const struct raft_status *s)
{
    struct sim_seen *seen = &j->seen[h->index];
    uint64_t at = seen->holds;
    if (at > 0 && (s->last < at || term_of(j, h, at) != j->committed_term[at])) {
        sim_world_fail(j->world, "node %" PRIu64 " gave up the committed entry %" PRIu64, h->id,
                       at);
        return;
    }
    while (at < j->committed && at < s->last &&
           term_of(j, h, at + 1) == j->committed_term[at + 1]) {
        at++;
    }
    seen->holds = at;
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

static void match_all(struct sim_judge *j)
{
    for (uint32_t a = 0; a < j->world->node_count; a++) {
        for (uint32_t b = 0; b < a; b++) {
            const struct sim_host *one = &j->world->host[a];
            const struct sim_host *other = &j->world->host[b];
            if (one->node != NULL && other->node != NULL) {
                match_pair(j, one, other);
            }
        }
    }
}

/* ---- looking ---- */

static void remember(struct sim_judge *j, const struct sim_host *h, const struct raft_status *s)
{
    struct sim_seen *seen = &j->seen[h->index];
    bool news =
        !seen->alive || seen->role != s->role || seen->term != s->term || seen->leader != s->leader;
    seen->alive = true;
    seen->life = h->life;
    seen->role = s->role;
    seen->term = s->term;
    seen->vote = s->vote;
    seen->leader = s->leader;
    seen->last = s->last;
    seen->last_term = s->last_term;
    seen->commit = s->commit;
    seen->durable = s->durable;
    seen->durable_term = term_of(j, h, s->durable);
    seen->applied = s->applied;
    if (news) {
        sim_world_tell(j->world, h->id, "role", s->leader, s->vote);
    }
}

void sim_judge_node(struct sim_judge *j, struct sim_host *h)
{
    struct raft_status s;
    const struct sim_seen *seen = &j->seen[h->index];
    raft_status(core_of(h), &s);
    sim_judge_state(j, h);
    if (s.term == seen->term && s.role == seen->role && s.commit == seen->commit &&
        s.last == seen->last && s.durable == seen->durable && s.vote == seen->vote &&
        s.leader == seen->leader && seen->alive) {
        j->seen[h->index].applied = s.applied;
        return;
    }
    judge_term(j, h, &s);
    judge_leader(j, h, &s);
    judge_commit(j, h, &s);
    if (!j->world->failed) {
        judge_holds(j, h, &s);
    }
    remember(j, h, &s);
    if (++j->looks % JUDGE_MATCH_EVERY == 0) {
        match_all(j);
    }
}

void sim_judge_dying(struct sim_judge *j, struct sim_host *h)
{
    struct sim_seen *seen = &j->seen[h->index];
    struct raft_status s;
    raft_status(core_of(h), &s);
    seen->durable = s.durable;
    seen->durable_term = term_of(j, h, s.durable);
}

void sim_judge_gone(struct sim_judge *j, struct sim_host *h)
{
    j->seen[h->index].alive = false;
}

/* ---- what a power cut must not undo ---- */

void sim_judge_frame(struct sim_judge *j, struct sim_host *h, struct bytes frame)
{
    struct sim_seen *seen = &j->seen[h->index];
    struct raft_entry none[1];
    struct raft_msg m;
    if (frame.count < 2 || frame.data[0] != FRAME_RAFT) {
        return;
    }
    struct bytes body = bytes_of(frame.data + 1, frame.count - 1);
    if (raft_msg_decode(body, &m, none, 1) != ERR_OK) {
        return; /* an append with entries: it promises nothing but its term */
    }
    bool asks = m.type == RAFT_MSG_PREVOTE || m.type == RAFT_MSG_PREVOTE_REPLY;
    seen->said_term = !asks && m.term > seen->said_term ? m.term : seen->said_term;
    if (m.type == RAFT_MSG_VOTE_REPLY && !m.reject) {
        if (seen->voted_term == m.term && seen->voted_for != m.to) {
            sim_world_fail(
                j->world, "node %" PRIu64 " voted for %" PRIu64 " and %" PRIu64 " in term %" PRIu64,
                h->id, seen->voted_for, m.to, m.term);
        }
        seen->voted_term = m.term;
        seen->voted_for = m.to;
    }
    if (m.type == RAFT_MSG_VOTE || (m.type == RAFT_MSG_VOTE_REPLY && !m.reject)) {
        sim_fault_moment(&j->world->faults, h, SIM_MOMENT_VOTE);
    } else if (m.type == RAFT_MSG_APPEND_REPLY && !m.reject) {
        sim_fault_moment(&j->world->faults, h, SIM_MOMENT_ACK);
    }
    if (m.type == RAFT_MSG_APPEND_REPLY && !m.reject &&
        (m.term > seen->acked_term || m.index > seen->acked_index)) {
        seen->acked_term = m.term;
        seen->acked_index = m.index;
    }
}

/* What a life has said, the next one knows. */
static void judge_memory(struct sim_judge *j, const struct sim_host *h, const struct raft_status *s)
{
    const struct sim_seen *seen = &j->seen[h->index];
    if (s->term < seen->said_term || s->term < seen->voted_term) {
        sim_world_fail(j->world, "node %" PRIu64 " forgot the term %" PRIu64 " that it spoke of",
                       h->id, seen->said_term);
    }
    if (s->term == seen->voted_term && seen->voted_for != 0 && s->vote != seen->voted_for) {
        sim_world_fail(j->world, "node %" PRIu64 " forgot its vote of term %" PRIu64, h->id,
                       s->term);
    }
    if (s->term == seen->acked_term && s->last < seen->acked_index) {
        sim_world_fail(j->world,
                       "node %" PRIu64 " lost entries: acknowledged %" PRIu64 ", has %" PRIu64,
                       h->id, seen->acked_index, s->last);
    }
    if (seen->durable > 0 && term_of(j, h, seen->durable) != seen->durable_term) {
        sim_world_fail(j->world, "node %" PRIu64 " lost the durable entry %" PRIu64, h->id,
                       seen->durable);
    }
}

void sim_judge_born(struct sim_judge *j, struct sim_host *h)
{
    struct sim_seen *seen = &j->seen[h->index];
    struct raft_status s;
    raft_status(core_of(h), &s);
    if (!h->restored) {
        judge_memory(j, h, &s);
    }
    seen->alive = false;
    seen->role = RAFT_FOLLOWER;
    seen->term = s.term;
    seen->vote = 0;
    seen->last = 0;
    seen->holds = 0;
    seen->applied = 0;
    seen->commit = s.commit > JUDGE_BACK ? s.commit - JUDGE_BACK : 0;
}
