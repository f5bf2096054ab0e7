/* sim/judge_end.c -- the end game: faults stop, a majority drawn by the seed must elect, serve,
 * agree, and have lost nothing. */
#include "sim/lincheck.h"
#include "sim/majority.h"
#include "sim/world.h"

#include <inttypes.h>

enum {
    END_OPERATIONS = 10, /* of each kind */
    END_ATTEMPTS = 2,    /* of one: a leader that changes just now may cost the first */
    END_ELECTIONS = 10   /* election timeouts until there must be a leader */
};
#define END_STEP_NS (10 * SIM_MS)
#define END_ANSWER_NS (20 * SIM_S) /* longer than a client's longest deadline, with its grace */
#define END_REST_NS (60 * SIM_S)   /* until all old calls are answered, or all are equal */
/* Until a majority is connected at the latest: nodes dial each other again every two seconds, those
 * that were down start, and what waited in clogs and floods is dealt with. */
#define END_SETTLE_NS (6 * SIM_S)
#define END_DIAL_NS (6 * SIM_S) /* the longest pause between dials, and two handshakes */

/* Wait for a condition over the world. */
static bool wait_for(struct sim_world *w, uint64_t ns, bool (*holds)(struct sim_world *w))
{
    uint64_t end = w->now_ns + ns;
    while (!sim_world_over(w) && !holds(w) && w->now_ns < end) {
        sim_world_until(w, w->now_ns + END_STEP_NS);
    }
    return !sim_world_over(w) && holds(w);
}

/* It had all the time, and no: a world that was over before proves nothing. */
static bool in_vain(struct sim_world *w, uint64_t ns, bool (*holds)(struct sim_world *w))
{
    return !wait_for(w, ns, holds) && !sim_world_over(w);
}

static bool survives(const struct sim_world *w, uint32_t i)
{
    return (w->clients.survivors >> i & 1u) != 0;
}

static bool has_leader(struct sim_world *w)
{
    return sim_look_leader(&w->look, w->clients.survivors, true) != 0;
}

/* Packets that found no way are sent again at doubled intervals, so that a connection that has been
 * cut off may be silent for as long again, but not longer than the silence that ends it; then it is
 * dialled anew. */
static uint64_t settle_ns(const struct sim_world *w)
{
    return END_SETTLE_NS + (w->options.quic ? w->wire.idle_ns + END_DIAL_NS : 0);
}

static bool all_answered(struct sim_world *w)
{
    return sim_clients_busy(&w->clients) == 0;
}

static bool admin_answered(struct sim_world *w)
{
    return sim_admin_busy(&w->admin) == 0;
}

static bool all_equal(struct sim_world *w)
{
    uint64_t applied = 0;
    for (uint32_t i = 0; i < w->node_count; i++) {
        const struct sim_seen *s = &w->look.seen[i];
        if (!survives(w, i)) {
            continue;
        }
        if (!s->alive || s->applied != s->last || (applied != 0 && s->applied != applied)) {
            return false;
        }
        applied = s->applied;
    }
    return true;
}

/* Who is a member of anything that may be in force; nobody, before the cluster has begun. */
static uint64_t members(const struct sim_world *w)
{
    uint64_t nodes = sim_members(&w->look.conf);
    for (uint32_t i = 0; i < w->node_count; i++) {
        const struct raft_conf *c = &w->look.seen[i].effective;
        nodes |= c->index > w->look.conf.index ? sim_members(c) : 0;
    }
    return nodes;
}

/* Start what may be started. */
static uint64_t able(struct sim_world *w)
{
    uint64_t nodes = 0;
    for (uint32_t i = 0; i < w->node_count; i++) {
        struct sim_host *h = &w->host[i];
        sim_host_start(h);
        bool good = h->state == SIM_HOST_UP && sim_host_whole(h) && !sim_foreign_host(w, h);
        nodes |= good ? sim_node_bit(h->id) : 0;
    }
    return nodes;
}

/* Of these as many as a draw leaves, but a majority of whatever may be in force. */
static uint64_t drop_some(struct sim_world *w, uint64_t nodes)
{
    uint64_t drops = prng_below(&w->prng, w->node_count + 1);
    for (; drops > 0; drops--) {
        uint64_t rest = nodes & ~sim_node_bit(prng_below(&w->prng, w->node_count) + 1);
        nodes = sim_look_suffices(&w->look, rest) ? rest : nodes;
    }
    return nodes;
}

/* The survivors; 0: there are none. A cluster that nobody could begin begins now: it takes
 * all of those that are to be its members. */
static uint64_t draw_survivors(struct sim_world *w)
{
    uint64_t nodes = able(w);
    if (w->look.conf.index != 0) {
        nodes &= members(w);
        return sim_look_suffices(&w->look, nodes) ? drop_some(w, nodes) : 0;
    }
    return (nodes & w->founders) == w->founders ? w->founders : 0;
}

static void cut_off(struct sim_world *w, uint32_t i)
{
    for (uint32_t k = 0; k < w->node_count; k++) {
        if (k != i) {
            sim_net_cut(&w->net, i, k);
            sim_net_cut(&w->net, k, i);
        }
    }
}

/* Members that do not survive are away for good: down, or out of reach. Who is no member may also
 * be there, and disturb nobody. */
static void leave_others(struct sim_world *w)
{
    uint64_t of_cluster = members(w) != 0 ? members(w) : w->founders;
    for (uint32_t i = 0; i < w->node_count; i++) {
        bool member = (of_cluster & sim_node_bit(i + 1)) != 0;
        if (survives(w, i) || (!member && sim_chance(&w->prng, 2))) {
            continue;
        }
        if (sim_chance(&w->prng, 2)) {
            sim_host_crash(&w->host[i]);
        }
        cut_off(w, i);
    }
}

/* ---- a change under way comes to its end ---- */

static const struct sim_seen *leader_of(const struct sim_world *w)
{
    uint64_t id = sim_look_leader(&w->look, w->clients.survivors, true);
    return id != 0 ? &w->look.seen[id - 1] : NULL;
}

/* Whoever leads acts on a configuration that is committed, is not joint, and has it as a voter. */
static bool has_calm_leader(struct sim_world *w)
{
    const struct sim_seen *s = leader_of(w);
    uint64_t id = sim_look_leader(&w->look, w->clients.survivors, true);
    return s != NULL && s->effective.index <= s->commit && s->effective.outgoing_count == 0 &&
           (sim_voters(&s->effective) & sim_node_bit(id)) != 0;
}

/* Nothing is asked of those that are no members any more; false: an operation that came late has
 * made voters of nodes that are away, and nothing can be demanded. */
static bool keep_members(struct sim_world *w)
{
    if (!sim_look_suffices(&w->look, w->clients.survivors)) {
        return false;
    }
    if (in_vain(w, END_ELECTIONS * w->election_ns_max, has_calm_leader)) {
        sim_world_fail(w, "liveness: a change of the members does not come to its end");
        return false;
    }
    w->clients.survivors &= sim_members(&w->look.conf);
    return sim_look_suffices(&w->look, w->clients.survivors);
}

static uint32_t any_survivor(struct sim_world *w)
{
    uint32_t i = 0;
    do {
        i = (uint32_t)prng_below(&w->prng, w->node_count);
    } while (!survives(w, i));
    return i;
}

/* One operation must succeed. */
static bool served(struct sim_world *w, bool write, uint32_t key)
{
    struct sim_clients *c = &w->clients;
    for (int i = 0; i < END_ATTEMPTS && !sim_world_over(w); i++) {
        uint64_t before = write ? c->writes_ok : c->reads_ok;
        bool asked = sim_clients_ask(c, 0, any_survivor(w), write, key);
        if (asked && wait_for(w, END_ANSWER_NS, all_answered) &&
            (write ? c->writes_ok : c->reads_ok) > before) {
            return true;
        }
        wait_for(w, END_ELECTIONS * w->election_ns_max, has_leader);
    }
    return sim_world_over(w); /* nobody can say that it was not */
}

static void serve(struct sim_world *w)
{
    for (uint32_t i = 0; i < END_OPERATIONS && !sim_world_over(w); i++) {
        if (!served(w, true, i % w->clients.load.keys)) {
            sim_world_fail(w, "liveness: a write is not served though a majority is well");
        } else if (!served(w, false, i % w->clients.load.keys)) {
            sim_world_fail(w, "liveness: a read is not served though a majority is well");
        }
    }
    for (uint32_t key = 0; key < w->clients.load.keys && !sim_world_over(w); key++) {
        if (!served(w, false, key)) {
            sim_world_fail(w, "liveness: key %u cannot be read at the end", key);
        }
    }
}

static void judge_history(struct sim_world *w)
{
    struct lincheck_result r;
    lincheck_run(&w->clients.history, &w->mem, NULL, &r);
    if (r.verdict == LINCHECK_BAD || r.verdict == LINCHECK_MALFORMED) {
        sim_world_fail(w, "not linearizable: key %.*s, row %u, process %u at %.6f s: %s",
                       (int)r.key.count, (const char *)r.key.data, r.row, r.process,
                       (double)r.t_ns / 1e9, r.reason);
    }
    w->judge.undecided = r.verdict == LINCHECK_UNKNOWN;
}

/* ---- a majority that is well elects ---- */

/* Each has heard of the same connection, and nothing on it waits for the end of a clog; with QUIC,
 * where neither knows that the other has vanished, a frame has come each way since the faults
 * stopped. */
static bool connected(const struct sim_world *w, uint32_t a, uint32_t b)
{
    const struct sim_net *n = &w->net;
    if (n->link[a].told[b] == 0 || n->link[b].told[a] == 0) {
        return false;
    }
    if (w->options.quic) {
        return w->wire.heard[a][b] && w->wire.heard[b][a];
    }
    uint64_t newest = 0;
    for (int c = 0; c < LINK_CLASS_COUNT; c++) {
        newest = n->arrives_ns[a][b][c] > newest ? n->arrives_ns[a][b][c] : newest;
        newest = n->arrives_ns[b][a][c] > newest ? n->arrives_ns[b][a][c] : newest;
    }
    return n->link[a].told[b] == n->link[b].told[a] && newest < w->now_ns + END_STEP_NS;
}

/* Among the survivors there are enough for a majority that are up and connected with each other. */
static bool majority_connected(const struct sim_world *w)
{
    uint32_t peers[SIM_NODES_MAX] = { 0 };
    for (uint32_t a = 0; a < w->node_count; a++) {
        for (uint32_t b = 0; b < w->node_count; b++) {
            bool up = survives(w, a) && w->host[a].state == SIM_HOST_UP && survives(w, b) &&
                      w->host[b].state == SIM_HOST_UP;
            peers[a] |= up && (a == b || connected(w, a, b)) ? 1u << b : 0;
        }
    }
    for (uint32_t set = 1; set < 1u << w->node_count; set++) {
        bool all = true;
        for (uint32_t a = 0; a < w->node_count; a++) {
            all = all && ((set >> a & 1u) == 0 || (set & ~peers[a]) == 0);
        }
        if (all && sim_look_suffices(&w->look, set)) {
            return true;
        }
    }
    return false;
}

/* A majority follows one of them. */
static bool follows(const struct sim_world *w)
{
    uint64_t leader = sim_look_leader(&w->look, w->clients.survivors, false);
    uint64_t nodes = 0;
    for (uint32_t i = 0; i < w->node_count && leader != 0; i++) {
        const struct sim_seen *s = &w->look.seen[i];
        bool one = s->alive && s->leader == leader && s->term == w->look.seen[leader - 1].term;
        nodes |= one ? sim_node_bit(i + 1) : 0;
    }
    return sim_look_suffices(&w->look, nodes);
}

/* Ten of the shortest election timeouts, from the moment on at which a majority is connected and
 * follows nobody: whoever may lead stands after one of the longest at most, which is three of the
 * shortest, and all hear of it. */
static void judge_election(struct sim_world *w)
{
    uint64_t *since_ns = &w->judge.leaderless_ns;
    if (follows(w) || !majority_connected(w)) {
        *since_ns = UINT64_MAX;
    } else if (*since_ns == UINT64_MAX) {
        *since_ns = w->now_ns;
        sim_world_tell(w, 0, "majority connected", 0, 0);
    } else if (w->now_ns - *since_ns > END_ELECTIONS * w->election_ns_min) {
        sim_world_fail(w,
                       "liveness: a connected majority has no leader within %d election timeouts",
                       END_ELECTIONS);
    }
}

static bool has_leader_in_time(struct sim_world *w)
{
    judge_election(w);
    return has_leader(w);
}

/* An error of a disk that struck before may be heard of only now: who stops of it is started again,
 * as by any operator. That there was one is judged where it stops. */
static void settle(struct sim_world *w)
{
    uint64_t end = w->now_ns + settle_ns(w);
    w->judge.leaderless_ns = UINT64_MAX;
    while (!sim_world_over(w) && w->now_ns < end) {
        sim_world_until(w, w->now_ns + END_STEP_NS < end ? w->now_ns + END_STEP_NS : end);
        judge_election(w);
        for (uint32_t i = 0; i < w->node_count; i++) {
            if (survives(w, i) && w->host[i].state == SIM_HOST_STOPPED) {
                sim_host_start(&w->host[i]);
            }
        }
    }
}

/* A well majority has a leader in time; false: there is none to demand it of. */
static bool gather(struct sim_world *w)
{
    uint64_t survivors = draw_survivors(w);
    if (survivors == 0) {
        return false;
    }
    w->clients.survivors = survivors;
    leave_others(w);
    settle(w);
    bool begun = w->look.conf.index != 0;
    if (begun && !sim_look_suffices(&w->look, survivors)) {
        return false;
    }
    if (in_vain(w, END_ELECTIONS * w->election_ns_max, has_leader_in_time)) {
        sim_world_fail(w, "liveness: no leader within %d election timeouts", END_ELECTIONS);
    }
    return keep_members(w);
}

/* Machines that are paused go on when they were meant to, with what has waited for them. */
static void awaken(struct sim_world *w)
{
    for (uint32_t i = 0; i < w->node_count; i++) {
        sim_world_until(w, w->host[i].paused_until_ns);
    }
}

void sim_judge_end(struct sim_judge *j)
{
    struct sim_world *w = j->world;
    sim_faults_stop(&w->faults);
    awaken(w);
    sim_clients_rest(&w->clients);
    sim_world_tell(w, 0, "end game", 0, 0);
    if (in_vain(w, END_REST_NS, admin_answered)) {
        sim_world_fail(w, "liveness: %u calls of the operator were never answered",
                       sim_admin_busy(&w->admin));
    }
    bool well = gather(w);
    if (in_vain(w, END_REST_NS, all_answered)) {
        sim_world_fail(w, "liveness: %u calls were never answered", sim_clients_busy(&w->clients));
    }
    if (well) {
        serve(w);
    }
    if (well && in_vain(w, END_REST_NS, all_equal)) {
        sim_world_fail(w, "liveness: the nodes of a well majority do not reach the same state");
    }
    if (well && !sim_world_over(w)) {
        sim_judge_claims(j);
    }
    if (!sim_world_over(w)) {
        sim_judge_versions(j);
        sim_judge_cluster(j);
        judge_history(w);
    }
}
