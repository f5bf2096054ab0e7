/* sim/judge_conf.c -- configurations, seen from outside: the committed ones form one chain, each
 * step of which keeps two majorities together; what is committed is held, and who leads was chosen,
 * by majorities of them, counted one by one.
 */
#include "sim/majority.h"
#include "sim/world.h"

#include <inttypes.h>

void sim_judge_conf_init(struct sim_judge *j)
{
    struct mem *mem = &j->world->mem;
    j->chain = mem_take(mem, SIM_CONFS_MAX * sizeof *j->chain);
    j->voted = mem_take(mem, SIM_TERMS_MAX * sizeof *j->voted);
    j->claim = mem_take(mem, SIM_CLAIMS_MAX * sizeof *j->claim);
}

void sim_judge_conf_done(struct sim_judge *j)
{
    mem_free(&j->world->mem, j->chain);
    mem_free(&j->world->mem, j->voted);
    mem_free(&j->world->mem, j->claim);
}

/* ---- the chain ---- */

static bool same_set(const uint64_t *a, uint8_t a_count, const uint64_t *b, uint8_t b_count)
{
    return a_count == b_count && sim_node_bits(a, a_count) == sim_node_bits(b, b_count);
}

/* Voters change by way of a joint configuration only, which is left to its newer half; who is to
 * vote was there before. */
static bool step_good(const struct raft_conf *from, const struct raft_conf *to)
{
    if (from->outgoing_count > 0) {
        return to->outgoing_count == 0 &&
               same_set(from->voter, from->voter_count, to->voter, to->voter_count);
    }
    uint64_t votes = sim_node_bits(to->voter, to->voter_count);
    const uint64_t *kept = to->outgoing_count > 0 ? to->outgoing : to->voter;
    uint8_t count = to->outgoing_count > 0 ? to->outgoing_count : to->voter_count;
    return (votes & ~sim_members(from)) == 0 &&
           same_set(from->voter, from->voter_count, kept, count);
}

static bool shape_good(const struct raft_conf *c)
{
    uint64_t votes = sim_node_bits(c->voter, c->voter_count);
    return votes != 0 && (votes & sim_node_bits(c->learner, c->learner_count)) == 0;
}

/* The newest committed one up to an index; NULL: there is none. */
static const struct raft_conf *chain_at(const struct sim_judge *j, uint64_t index)
{
    uint32_t i = j->chain_count;
    while (i > 0 && j->chain[i - 1].index > index) {
        i--;
    }
    return i > 0 ? &j->chain[i - 1] : NULL;
}

static void link_in(struct sim_judge *j, const struct sim_host *h, const struct raft_conf *c)
{
    uint32_t at = j->chain_count;
    if (at == SIM_CONFS_MAX) {
        sim_world_fail(j->world, "the run has more configurations than the judges can watch");
        return;
    }
    for (; at > 0 && j->chain[at - 1].index > c->index; at--) {
        j->chain[at] = j->chain[at - 1];
    }
    j->chain[at] = *c;
    j->chain_count++;
    bool good = at == 0 || step_good(&j->chain[at - 1], c);
    good = good && (at + 1 == j->chain_count || step_good(c, &j->chain[at + 1]));
    if (!good || !shape_good(c)) {
        sim_world_fail(j->world,
                       "node %" PRIu64 ": the configuration of entry %" PRIu64
                       " does not follow from the one before it",
                       h->id, c->index);
    } else if (!sim_majority(c, sim_judge_holders(j, h, c->index))) {
        sim_world_fail(j->world,
                       "the configuration of entry %" PRIu64
                       " is committed, but no majority of it has it on disk",
                       c->index);
    }
}

/* It is committed: one content on all nodes, whenever they say so. */
static void committed(struct sim_judge *j, const struct sim_host *h, const struct raft_conf *c)
{
    const struct raft_conf *known = chain_at(j, c->index);
    if (known == NULL || known->index != c->index) {
        link_in(j, h, c);
    } else if (!raft_conf_same(known, c)) {
        sim_world_fail(j->world,
                       "node %" PRIu64 ": the configuration of entry %" PRIu64
                       " is another one than elsewhere",
                       h->id, c->index);
    }
}

/* The newest one up to the commit index of a node is the newest one that there is up to there. */
static void judge_newest(struct sim_judge *j, const struct sim_host *h, uint64_t commit,
                         uint64_t index)
{
    const struct raft_conf *known = chain_at(j, commit);
    uint64_t newest = known != NULL ? known->index : 0;
    if (index <= commit && index != newest) {
        sim_world_fail(j->world,
                       "node %" PRIu64 " acts on the configuration of entry %" PRIu64
                       ", but that of %" PRIu64 " is committed",
                       h->id, index, newest);
    }
}

/* Whoever a leader has just made a voter has on disk what was committed when it was asked for. */
static void judge_promoted(struct sim_judge *j, const struct sim_host *h,
                           const struct raft_status *s, const struct raft_conf *before)
{
    const struct sim_seen *seen = &j->seen[h->index];
    bool leads = s->role == RAFT_LEADER && seen->role == RAFT_LEADER && s->term == seen->term;
    if (!leads || s->conf.index <= seen->last || s->conf.outgoing_count == 0 || seen->commit == 0) {
        return;
    }
    uint64_t more = sim_node_bits(s->conf.voter, s->conf.voter_count) & ~sim_voters(before);
    for (uint8_t i = 0; i < before->learner_count; i++) {
        if (before->learner_was[i] != 0) { /* it lost its disk: it is back by rounds */
            more &= ~sim_node_bit(before->learner[i]);
        }
    }
    if ((more & ~sim_judge_holders(j, h, seen->commit)) != 0) {
        sim_world_fail(j->world,
                       "leader %" PRIu64 " makes voters of nodes that lack the entry %" PRIu64,
                       h->id, seen->commit);
    }
}

void sim_judge_conf(struct sim_judge *j, const struct sim_host *h, const struct raft_status *s)
{
    const struct raft_conf *in_force = &s->conf;
    struct node_look look;
    struct raft_conf before;
    node_look(h->node, &look);
    raft_committed_conf(look.core, &before);
    if (in_force->index == 0) {
        return;
    }
    if (before.index != 0) { /* a second one is proposed only when the first is committed */
        committed(j, h, &before);
    }
    if (in_force->index <= s->commit) {
        committed(j, h, in_force);
        judge_newest(j, h, s->commit, in_force->index);
        return;
    }
    judge_newest(j, h, s->commit, before.index);
    judge_promoted(j, h, s, &before);
    /* a later one was there and was truncated: by it the node knows that this one is committed */
    bool first = before.index == 0 || before.index == in_force->index;
    if (in_force->index > s->last || !shape_good(in_force) ||
        (!first && !step_good(&before, in_force))) {
        sim_world_fail(j->world,
                       "node %" PRIu64 " acts on a configuration of entry %" PRIu64
                       " that cannot be",
                       h->id, in_force->index);
    }
}

/* ---- majorities ---- */

void sim_judge_voted(struct sim_judge *j, const struct sim_host *h, const struct raft_msg *m)
{
    if (m->term < SIM_TERMS_MAX) {
        j->voted[m->term][h->index] = (uint8_t)m->to;
    }
}

/* Who leads was chosen by a majority of the configuration that it acts on, and is a voter of it or,
 * while that is not committed, of the one before. */
void sim_judge_chosen(struct sim_judge *j, const struct sim_host *h, const struct raft_status *s)
{
    struct node_look look;
    struct raft_conf before;
    node_look(h->node, &look);
    raft_committed_conf(look.core, &before);
    uint64_t votes = sim_node_bit(h->id);
    for (uint32_t i = 0; i < j->world->node_count; i++) {
        votes |= j->voted[s->term][i] == h->id ? sim_node_bit(i + 1) : 0;
    }
    uint64_t may = sim_voters(&s->conf);
    may |= s->conf.index > s->commit ? sim_voters(&before) : 0;
    bool heard = !j->world->options.quic || j->world->wire.tapped;
    if (heard && !sim_majority(&s->conf, votes)) {
        sim_world_fail(j->world,
                       "node %" PRIu64 " leads term %" PRIu64 " without the votes of a majority",
                       h->id, s->term);
    } else if ((may & sim_node_bit(h->id)) == 0) {
        sim_world_fail(j->world, "node %" PRIu64 " leads term %" PRIu64 " and is no voter", h->id,
                       s->term);
    }
}

/* By the newest configuration up to the entry; one that was joint and committed before may have
 * been left already, by an entry that comes later. */
void sim_judge_held(struct sim_judge *j, const struct sim_host *h, const struct raft_status *s)
{
    const struct raft_conf *c = chain_at(j, s->commit);
    if (c == NULL) {
        return; /* nothing is committed before the first configuration is */
    }
    struct raft_conf left = *c;
    left.outgoing_count = c->index < s->commit ? 0 : c->outgoing_count;
    if (!sim_majority(&left, sim_judge_holders(j, h, s->commit))) {
        sim_world_fail(j->world, "entry %" PRIu64 " is committed, but no majority has it on disk",
                       s->commit);
    }
}

/* ---- what the operator was told ---- */

void sim_judge_claim(struct sim_judge *j, const struct sim_host *h,
                     const struct sim_admin_step *step, const struct service_reply *r)
{
    struct node_look look;
    struct raft_status s;
    node_look(h->node, &look);
    raft_status(look.core, &s);
    bool there = r->snapshot_index <= s.applied && (r->snapshot_index > 0 || s.applied == 0);
    bool same = r->snapshot_index < s.snap_index ||
                raft_term_at(look.core, r->snapshot_index) == r->snapshot_term;
    if (step->kind == SIM_ADMIN_SNAPSHOT && (!there || !same)) {
        sim_world_fail(j->world,
                       "node %" PRIu64 " says that it has a snapshot of entry %" PRIu64
                       ", term %" PRIu64,
                       h->id, r->snapshot_index, r->snapshot_term);
    }
    if (step->kind != SIM_ADMIN_SNAPSHOT && j->claim_count < SIM_CLAIMS_MAX) {
        j->claim[j->claim_count++] = *step;
    }
}

/* Somebody who lost its disk is on its way back as a voter. */
static bool awaits(const struct raft_conf *c)
{
    bool any = false;
    for (uint8_t i = 0; i < c->learner_count; i++) {
        any = any || c->learner_was[i] != 0;
    }
    return any;
}

static bool answers(const struct raft_conf *c, const struct sim_admin_step *step)
{
    uint64_t bit = sim_node_bit(step->id);
    switch (step->kind) {
    case SIM_ADMIN_ADD:
        return (sim_node_bits(c->learner, c->learner_count) & bit) != 0;
    case SIM_ADMIN_VOTERS:
        return c->outgoing_count == 0 && sim_voters(c) == step->voters &&
               (step->keep || !awaits(c));
    case SIM_ADMIN_REMOVE:
        return c->outgoing_count == 0 && (sim_members(c) & bit) == 0;
    case SIM_ADMIN_TRANSFER:
    case SIM_ADMIN_SNAPSHOT:
        break;
    }
    return false;
}

/* One of the configurations since it was asked is what was wanted; or the one that was meant, or
 * the one after it, by way of a joint one. */
static bool came_true(const struct sim_judge *j, const struct sim_admin_step *step)
{
    uint32_t first = 0;
    if (step->kind == SIM_ADMIN_TRANSFER) {
        return step->id == 0 || (j->world->look.voters & sim_node_bit(step->id)) != 0;
    }
    while (first < j->chain_count && j->chain[first].index < step->from) {
        first++;
    }
    uint32_t last = j->chain_count;
    if (step->expect != 0) {
        const struct raft_conf *meant = chain_at(j, step->expect);
        if (meant == NULL || meant->index != step->expect) {
            return false;
        }
        first = (uint32_t)(meant - j->chain);
        last = first + 3 < last ? first + 3 : last;
    }
    bool found = false;
    for (uint32_t i = first; i < last; i++) {
        found = found || answers(&j->chain[i], step);
    }
    return found;
}

void sim_judge_claims(struct sim_judge *j)
{
    static const char *const names[] = { "add", "change", "remove", "transfer", "snapshot" };
    for (uint32_t i = 0; i < j->claim_count; i++) {
        const struct sim_admin_step *step = &j->claim[i];
        if (!came_true(j, step)) {
            sim_world_fail(
                j->world,
                "the operator was told that it is done, but it is not: %s of node %" PRIu64
                ", voters %" PRIx64 ", when entry %" PRIu64 " was in force, %" PRIu64 " meant",
                names[step->kind], step->id, step->voters, step->from, step->expect);
        }
    }
}
