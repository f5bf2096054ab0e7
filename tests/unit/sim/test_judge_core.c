/* tests/unit/sim/test_judge_core.c -- Subject: the judges of terms, votes, logs, commits,
 * configurations, claims and offices. Method: a world of three voters that are well; each case
 * shows its judges what a node never did, one lie at a time, and they must find that one.
 */
#include "finding.h"

static struct sim_world *w;
static struct sim_host *h;    /* leads */
static struct sim_host *f;    /* follows it */
static struct sim_seen *seen; /* of h, and of f */
static struct sim_seen *seen_f;
static struct sim_promise *said;
static struct raft_status s; /* of h, and of f */
static struct raft_status s_f;

static void status_of(const struct sim_host *host, struct raft_status *out)
{
    struct node_look look;
    node_look(host->node, &look);
    raft_status(look.core, out);
}

static void open_world(void)
{
    w = finding_world(3);
    h = finding_leader(w);
    f = &w->host[h->id % 3];
    seen = &w->look.seen[h->index];
    seen_f = &w->look.seen[f->index];
    said = &w->judge.promise[f->index];
    status_of(h, &s);
    status_of(f, &s_f);
    CHECK(s.conf.index < s.commit && said->holds > 1 && seen_f->commit > 1);
}

static void judge(void)
{
    sim_judge_node(&w->judge, h, &s);
}

static void judge_f(void)
{
    sim_judge_node(&w->judge, f, &s_f);
}

/* ---- terms, votes and leaders ---- */

static void nothing(void)
{
    seen->alive = false;
    seen_f->alive = false;
    judge();
    judge_f();
    sim_judge_born(&w->judge, f, &s_f);
    sim_judge_office(&w->judge, h);
    sim_judge_claims(&w->judge);
    sim_judge_cluster(&w->judge);
}

static void term_back(void)
{
    s_f.term--;
    judge_f();
}

static void vote_changed(void)
{
    s.vote = f->id;
    judge();
}

static void terms_run(void)
{
    s_f.term = SIM_TERMS_MAX;
    judge_f();
}

static void second_leader(void)
{
    s_f.role = RAFT_LEADER;
    judge_f();
}

static void shortened(void)
{
    s.last--;
    judge();
}

/* A term more, which it leads. */
static void next_term(bool chosen)
{
    s_f.term++;
    s_f.role = RAFT_LEADER;
    memset(w->judge.voted[s_f.term], chosen ? (int)f->id : 0, sizeof w->judge.voted[0]);
}

static void unchosen(void)
{
    next_term(false);
    w->judge.voted[s_f.term][h->index] = (uint8_t)h->id; /* for itself, not for the other */
    judge_f();
}

static void no_voter(void)
{
    next_term(true);
    for (uint8_t i = 0, k = 0; i < 3; i++) {
        s_f.conf.voter[k] = i + 1u;
        k = (uint8_t)(k + (i != f->index));
    }
    s_f.conf.voter_count = 2;
    judge_f();
}

static void lacks(void)
{
    next_term(true);
    s_f.last = w->judge.committed - 1;
    judge_f();
}

/* ---- commits and logs ---- */

static void commit_back(void)
{
    s_f.commit = seen_f->commit - 1;
    judge_f();
}

static void too_long(void)
{
    s_f.commit = SIM_INDEX_MAX;
    judge_f();
}

static void older_term(void)
{
    s.term++;
    seen->term = s.term;
    seen->commit--;
    judge();
}

static void other_commit(void)
{
    w->judge.committed_term[seen_f->commit]++;
    said->holds = 0;
    seen_f->commit--;
    judge_f();
}

static void cut(void)
{
    s_f.last = said->holds - 1;
    judge_f();
}

static void replaced(void)
{
    w->judge.committed_term[said->holds]++;
    seen_f->durable--; /* something is new, so that the judges look */
    judge_f();
}

static void held_by_nobody(void)
{
    s.commit = s.last + 1;
    sim_judge_held(&w->judge, h, &s);
}

static void other_state(void)
{
    w->judge.state_hash[s_f.applied]++;
    seen_f->alive = false;
    judge_f();
}

static void revision_back(void)
{
    seen_f->revision++;
    seen_f->applied--;
    judge_f();
}

/* ---- promises ---- */

static void votes_twice(void)
{
    struct raft_msg m = { .type = RAFT_MSG_VOTE_REPLY, .term = s.term + 1, .to = 1 };
    sim_judge_said(&w->judge, f, &m);
    CHECK(!w->failed);
    m.to = 3;
    sim_judge_said(&w->judge, f, &m);
}

static void born(void)
{
    sim_judge_born(&w->judge, f, &s_f);
}

static void forgets_term(void)
{
    said->said_term = s_f.term + 1;
    born();
}

static void forgets_vote(void)
{
    said->voted_term = s_f.term;
    said->voted_for = s_f.vote + 1;
    born();
}

static void loses_entries(void)
{
    said->acked_term = s_f.term;
    said->acked_index = s_f.last + 1;
    born();
}

static void loses_durable(void)
{
    said->durable_term++;
    born();
}

/* ---- configurations ---- */

static void conf(void)
{
    sim_judge_conf(&w->judge, h, &s);
}

static void conf_of_its_own(void)
{
    s.conf.voter_count = 2;
    conf();
}

static void conf_jumps(void)
{
    s.conf.index = s.commit;
    s.conf.voter_count = 2; /* one less, without a joint one */
    conf();
}

static void conf_votes_and_learns(void)
{
    s.conf.index = s.commit;
    s.conf.learner[s.conf.learner_count++] = s.conf.voter[0];
    conf();
}

static void conf_outdated(void)
{
    struct sim_judge *j = &w->judge;
    j->chain[j->chain_count] = j->chain[j->chain_count - 1];
    j->chain[j->chain_count++].index = s.commit;
    conf();
}

static void conf_of_no_entry(void)
{
    s.conf.index = s.last + 1;
    conf();
}

static void conf_held_by_nobody(void)
{
    s.conf.index = s.commit = s.last + 1;
    conf();
}

static void conf_promotes(void)
{
    s.conf.index = seen->last + 1;
    memcpy(s.conf.outgoing, s.conf.voter, sizeof s.conf.voter);
    s.conf.outgoing_count = s.conf.voter_count;
    s.conf.voter[s.conf.voter_count++] = 9; /* who has nothing */
    conf();
}

/* ---- claims and offices ---- */

static void snapshot_claimed(void)
{
    struct sim_admin_step step = { .kind = SIM_ADMIN_SNAPSHOT };
    struct service_reply r = { .snapshot_index = s.applied + 1, .snapshot_term = s.term };
    sim_judge_claim(&w->judge, h, &step, &r);
}

static void change_claimed(void)
{
    struct sim_admin_step step = { .kind = SIM_ADMIN_REMOVE, .id = f->id };
    struct service_reply r = { 0 };
    sim_judge_claim(&w->judge, h, &step, &r);
    CHECK(!w->failed);
    sim_judge_claims(&w->judge);
}

static void leads_alone(void)
{
    struct sim_office *o = &w->judge.office[h->index];
    o->since_ns = 0;
    memset(o->heard_ns, 0, sizeof o->heard_ns);
    o->heard_ns[h->index] = h->loop.now_ns; /* it hears itself */
    memset(o->arrived, 0, sizeof o->arrived);
    sim_judge_office(&w->judge, h);
}

static const struct {
    const char *words; /* of the finding; NULL: there is none */
    void (*lie)(void);
} cases[] = {
    { NULL, nothing },
    { "term went back", term_back },
    { "the vote of term", vote_changed },
    { "terms run away", terms_run },
    { "two leaders in term", second_leader },
    { "shortened its log", shortened },
    { "without the votes of a majority", unchosen },
    { "and is no voter", no_voter },
    { "lacks the committed entry", lacks },
    { "commit went back", commit_back },
    { "longer than the judges can watch", too_long },
    { "counted replicas of entry", older_term },
    { "elsewhere with", other_commit },
    { "gave up the committed entry", cut },
    { "gave up the committed entry", replaced },
    { "but no majority has it on disk", held_by_nobody },
    { "has another state than others", other_state },
    { "revision went back", revision_back },
    { " voted for 1 and 3 in term", votes_twice },
    { "forgot the term", forgets_term },
    { "forgot its vote", forgets_vote },
    { "lost entries", loses_entries },
    { "lost the durable entry", loses_durable },
    { "is another one than elsewhere", conf_of_its_own },
    { "does not follow from the one before", conf_jumps },
    { "does not follow from the one before", conf_votes_and_learns },
    { "but that of", conf_outdated },
    { "that cannot be", conf_of_no_entry },
    { "but no majority of it has it on disk", conf_held_by_nobody },
    { "makes voters of nodes that lack", conf_promotes },
    { "says that it has a snapshot of", snapshot_claimed },
    { "the operator was told that it is done", change_claimed },
    { "leads though no majority answers", leads_alone },
};

static void lies(void)
{
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        open_world();
        cases[i].lie();
        CHECK(finding_is(w, cases[i].words));
        sim_world_close(w);
    }
}

int main(void)
{
    TAP_TEST("judges: each lie of a node is found, and the truth is none", lies);
    return tap_done();
}
