/* tests/unit/sim/test_foreign.c -- Subject: a node of another cluster in a world, and what is said
 * when the two mix. Method: a world of which a node has begun alone; then what its judge is told is
 * a lie, one at a time. */
#include "tap.h"

#include "sim/majority.h"
#include "sim/world.h"

static struct sim_host *foreign_of(struct sim_world *w)
{
    return &w->host[w->foreign.host - 1];
}

/* Until a node has begun alone beside a cluster that has begun, and runs. */
static struct sim_world *world_with_one(void)
{
    struct sim_options o = { .seed = 3, .nodes = 5, .faults_all = true };
    o.faults_off = ~(sim_fault_bit(SIM_FAULT_MEMBERS) | sim_fault_bit(SIM_FAULT_FOREIGN));
    struct sim_world *w = sim_world_open(&o);
    CHECK(w != NULL);
    for (uint32_t i = 0; i < w->node_count; i++) {
        sim_host_start(&w->host[i]);
    }
    sim_begin_ask(w);
    sim_faults_start(&w->faults);
    bool there = false;
    while (!there && w->now_ns < 600 * SIM_S) {
        sim_world_until(w, w->now_ns + SIM_MS);
        there = w->foreign.begun && w->look.conf.index > 0 && sim_foreign_host(w, foreign_of(w));
    }
    CHECK(there && !w->failed);
    return w;
}

/* A voter of the cluster of the world that runs. */
static struct sim_host *ours(struct sim_world *w)
{
    uint32_t i = 0;
    while (i + 1 < w->node_count &&
           ((sim_voters(&w->look.conf) & sim_node_bit(w->host[i].id)) == 0 ||
            w->host[i].state != SIM_HOST_UP || sim_foreign_host(w, &w->host[i]))) {
        i++;
    }
    return &w->host[i];
}

static struct raft_status status_of(const struct sim_host *h)
{
    struct node_look look;
    struct raft_status s;
    node_look(h->node, &look);
    raft_status(look.core, &s);
    return s;
}

static bool says(struct sim_world *w, struct sim_host *h, const struct raft_status *s,
                 const char *what)
{
    w->failed = false;
    IGNORE(sim_foreign_look(w, h, s));
    bool said = w->failed && strstr(w->failure, what) != NULL;
    w->failed = false;
    return said;
}

static void the_truth_is_fine(void)
{
    struct sim_world *w = world_with_one();
    while (status_of(foreign_of(w)).role != RAFT_LEADER && w->now_ns < 900 * SIM_S) {
        sim_world_until(w, w->now_ns + SIM_MS);
    }
    struct raft_status theirs = status_of(foreign_of(w));
    struct raft_status own = status_of(ours(w));
    CHECK(sim_foreign_host(w, foreign_of(w)) && !sim_foreign_host(w, ours(w)));
    CHECK(theirs.conf.voter_count == 1 && theirs.role == RAFT_LEADER);
    CHECK(sim_foreign_look(w, foreign_of(w), &theirs) && !w->failed);
    CHECK(!sim_foreign_look(w, ours(w), &own) && !w->failed);
    CHECK(!w->look.seen[foreign_of(w)->index].alive); /* no judge has seen it */
    sim_world_close(w);
}

static void a_vote_that_it_shares(void)
{
    struct sim_world *w = world_with_one();
    struct raft_status s = status_of(foreign_of(w));
    s.conf.voter[s.conf.voter_count++] = ours(w)->id;
    CHECK(says(w, foreign_of(w), &s, "shares its votes"));
    sim_world_close(w);
}

static void a_vote_that_it_has(void)
{
    struct sim_world *w = world_with_one();
    struct raft_status s = status_of(ours(w));
    s.conf.voter[s.conf.voter_count++] = foreign_of(w)->id;
    s.conf.index = w->foreign.since;
    CHECK(!says(w, ours(w), &s, "has a vote")); /* it had one before, perhaps */
    s.conf.index = w->foreign.since + 1;
    CHECK(says(w, ours(w), &s, "has a vote"));
    sim_world_close(w);
}

static void a_beginning_that_is_taken(void)
{
    struct sim_world *w = world_with_one();
    struct raft_status s = status_of(ours(w));
    struct node_look look;
    node_look(ours(w)->node, &look);
    w->foreign.cluster = look.cluster;
    CHECK(says(w, ours(w), &s, "has the beginning of another cluster"));
    sim_world_close(w);
}

/* It is seen again when it has been emptied, and may be a member then. */
static void emptied(void)
{
    struct sim_world *w = world_with_one();
    uint32_t i = w->foreign.host - 1;
    while (w->foreign.host == i + 1 && w->now_ns < 3000 * SIM_S && !w->failed) {
        sim_world_until(w, w->now_ns + 100 * SIM_MS);
    }
    CHECK(w->foreign.host != i + 1 && !sim_foreign_host(w, &w->host[i]));
    w->faults.on &= ~sim_fault_bit(SIM_FAULT_FOREIGN);
    while (!w->look.seen[i].alive && w->now_ns < 3600 * SIM_S && !w->failed) {
        sim_world_until(w, w->now_ns + 100 * SIM_MS);
    }
    CHECK(w->look.seen[i].alive && !w->failed);
    sim_world_close(w);
}

int main(void)
{
    TAP_TEST("foreign: it is left alone, and nothing is found", the_truth_is_fine);
    TAP_TEST("foreign: a vote that it shares is a finding", a_vote_that_it_shares);
    TAP_TEST("foreign: a vote that it has is a finding", a_vote_that_it_has);
    TAP_TEST("foreign: its beginning in another's log is a finding", a_beginning_that_is_taken);
    TAP_TEST("foreign: emptied, it is a node like the others", emptied);
    return tap_done();
}
