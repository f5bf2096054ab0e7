/* tests/unit/sim/test_judge_core.c -- Subject: the judges of terms, votes, logs, commits, states
 * and promises. Method: a world of three voters that are well; each case shows its judges what a
 * node never did, one lie at a time, and they must find that one; or the truth beside it.
 */
#include "trio.h"

#include "sim/copy.h"

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
    seen->last++; /* which was not committed */
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

/* What was committed in a later term is not its to have. */
static void lacks_what_came_later(void)
{
    next_term(true);
    w->judge.committed_in[w->judge.committed] = s_f.term + 1;
    s_f.last = w->judge.committed - 1;
    said->holds = 0;
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

static void other_revision(void)
{
    w->judge.revision[s_f.applied]++;
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

/* As it leaves the node. */
static void sends(enum frame_kind kind, const struct raft_msg *m)
{
    sim_look_frame(&w->look, f, trio_frame(kind, m));
}

static void votes_twice_in_frames(void)
{
    struct raft_msg m = { .type = RAFT_MSG_VOTE_REPLY, .term = s.term + 1, .to = 1 };
    m.from = f->id;
    sends(FRAME_RAFT, &m);
    m.to = 3;
    sends(FRAME_ANSWER, &m); /* of another kind: no vote */
    CHECK(!w->failed);
    sends(FRAME_RAFT, &m);
}

/* Whoever is to crash when it promises something does when the promise leaves it. */
static void promises_and_is_doomed(void)
{
    struct raft_msg m = { .type = RAFT_MSG_APPEND_REPLY, .term = s.term, .to = h->id };
    m.from = f->id;
    f->doom = SIM_MOMENT_ACK;
    m.reject = true;
    sends(FRAME_RAFT, &m);
    m.reject = false;
    sends(FRAME_ANSWER, &m);
    CHECK(f->doom == SIM_MOMENT_ACK && f->disk.crash_at == 0);
    sends(FRAME_RAFT, &m);
    CHECK(f->doom == SIM_MOMENT_NONE && f->disk.crash_at != 0);
    m.type = RAFT_MSG_VOTE_REPLY;
    m.term = s.term + 1;
    m.from = h->id;
    m.to = f->id;
    h->doom = SIM_MOMENT_VOTE;
    sim_look_frame(&w->look, h, trio_frame(FRAME_RAFT, &m));
    CHECK(h->doom == SIM_MOMENT_NONE && h->disk.crash_at != 0);
}

static void denies_one_of_two(void)
{
    struct raft_msg m = { .type = RAFT_MSG_VOTE_REPLY, .term = s.term + 1, .to = 1 };
    sim_judge_said(&w->judge, f, &m);
    m.to = 3;
    m.reject = true;
    sim_judge_said(&w->judge, f, &m);
}

static void votes_again_when_wiped(void)
{
    struct raft_msg m = { .type = RAFT_MSG_VOTE_REPLY, .term = s.term + 1, .to = 1 };
    sim_judge_said(&w->judge, f, &m);
    sim_judge_wiped(&w->judge, f);
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

/* An older copy of its disk comes back: what it has promised since it may forget. */
static void restored_from_a_copy(void)
{
    sim_look_copied(&w->look, f);
    said->said_term = s_f.term + 1;
    said->acked_term = s_f.term;
    said->acked_index = s_f.last + 1;
    said->voted_term = s_f.term;
    said->voted_for = s_f.vote + 1;
    said->durable_term++;
    seen_f->durable++;
    sim_look_restored(&w->look, f);
    born();
}

/* But not what the copy had. */
static void restored_without_term(void)
{
    said->said_term = s_f.term + 1;
    sim_look_copied(&w->look, f);
    sim_look_restored(&w->look, f);
    born();
}

static void restored_without_vote(void)
{
    said->voted_term = s_f.term;
    said->voted_for = s_f.vote + 1;
    sim_look_copied(&w->look, f);
    sim_look_restored(&w->look, f);
    born();
}

static void restored_without_entries(void)
{
    said->acked_term = s_f.term;
    said->acked_index = s_f.last + 1;
    sim_look_copied(&w->look, f);
    sim_look_restored(&w->look, f);
    born();
}

static void restored_without_durable(void)
{
    said->durable_term++;
    sim_look_copied(&w->look, f);
    sim_look_restored(&w->look, f);
    born();
}

/* A copy of the whole disk, and its node, which starts on it and hears again what it lacks. */
static void restore(void)
{
    static struct sim_copy copy;
    sim_copy_take(&copy, f);
    sim_world_until(w, w->now_ns + 2 * SIM_S);
    status_of(f, &s_f);
    sim_host_crash(f);
    sim_copy_restore(&copy, f);
    CHECK(seen_f->durable < s_f.durable);
    CHECK_U64(w->look.had[f->index].durable, s_f.durable);
    sim_host_start(f);
    sim_copy_done(&copy, f);
    sim_world_until(w, w->now_ns + 2 * SIM_S);
}

/* It says something, and then starts without it. */
static void says(enum raft_msg_type type, uint64_t term, uint64_t index, bool reject)
{
    struct raft_msg m = { .type = type, .term = term, .index = index, .reject = reject };
    m.from = f->id;
    m.to = h->id;
    sim_judge_said(&w->judge, f, &m);
    CHECK(!w->failed);
    born();
}

static void said_term(void)
{
    says(RAFT_MSG_VOTE, s_f.term + 1, 0, false);
}

static void asked_before_a_term(void)
{
    says(RAFT_MSG_PREVOTE, s_f.term + 1, 0, false);
}

static void said_vote(void)
{
    s_f.vote = f->id;
    says(RAFT_MSG_VOTE_REPLY, s_f.term, 0, false);
}

static void said_entries(void)
{
    says(RAFT_MSG_APPEND_REPLY, s_f.term, s_f.last + 1, false);
}

static void denied_entries(void)
{
    says(RAFT_MSG_APPEND_REPLY, s_f.term, s_f.last + 1, true);
}

/* A process of its own, that nobody shows to the judges but the world. */
static void starts_with_less(void)
{
    said->acked_term = s_f.term;
    said->acked_index = s_f.last + 1000;
    sim_host_crash(f);
    sim_host_start(f);
}

/* What it says in a process that began with an older copy binds the next ones as ever. */
static void restored_and_forgets(enum raft_msg_type type)
{
    sim_look_copied(&w->look, f);
    sim_look_restored(&w->look, f);
    f->restored = true;
    born();
    CHECK(!w->failed);
    s_f.vote = type == RAFT_MSG_VOTE_REPLY ? f->id : s_f.vote; /* not for whom it says it is */
    says(type, s_f.term, s_f.last + 1, false);
}

static void restored_and_forgets_vote(void)
{
    restored_and_forgets(RAFT_MSG_VOTE_REPLY);
}

static void restored_and_forgets_entries(void)
{
    restored_and_forgets(RAFT_MSG_APPEND_REPLY);
}

/* Nobody has the entry, whatever became of their disks. */
static void held_by_older_copies(void)
{
    for (uint32_t i = 0; i < 3; i++) {
        w->host[i].restored = true;
    }
    held_by_nobody();
}

/* An older copy has come back everywhere but at the leader: what the others had counts still. */
static void held_before(bool more)
{
    for (uint32_t i = 0; i < 3; i++) {
        if (i != h->index) {
            sim_host_crash(&w->host[i]);
            sim_look_copied(&w->look, &w->host[i]);
            w->look.copied[i].durable = 1;
            sim_look_restored(&w->look, &w->host[i]);
            w->host[i].restored = true;
            s.commit = w->judge.promise[i].lost_index;
        }
    }
    s.commit += more;
    CHECK(s.commit <= s.last + 1);
    sim_judge_held(&w->judge, h, &s);
}

static void held_before_the_copy(void)
{
    held_before(false);
}

static void never_held(void)
{
    held_before(true);
}

static void restored_and_well(void)
{
    restore();
    CHECK(f->state == SIM_HOST_UP || f->reason == ERR_OUTDATED);
}

/* A new process is looked at: what it knows to be committed is looked at again. */
static void starts(void)
{
    CHECK(s_f.commit > 1 && s_f.commit == seen_f->commit);
    sim_look_born(&w->look, f);
    sim_look_node(&w->look, f);
}

static void starts_with_another(void)
{
    w->judge.committed_term[s_f.commit - 1]++; /* its log has come back with another one */
    starts();
}

/* ---- logs of two worlds ---- */

/* One node that is elected again after so many seconds. */
static struct sim_world *lonely_world(uint64_t seconds)
{
    struct sim_world *x = finding_world(1);
    uint64_t end_ns = x->now_ns + 20 * SIM_S;
    sim_world_until(x, x->now_ns + seconds * SIM_S);
    sim_host_crash(&x->host[0]);
    sim_host_start(&x->host[0]);
    sim_world_until(x, end_ns);
    CHECK(!x->failed);
    return x;
}

/* As if a node of one were another node of the other. */
static void compare_with(uint64_t seconds)
{
    struct sim_world *a = lonely_world(5);
    struct sim_world *b = lonely_world(seconds);
    struct raft_status of_a;
    struct raft_status of_b;
    status_of(&a->host[0], &of_a);
    status_of(&b->host[0], &of_b);
    CHECK(of_a.term == of_b.term && of_a.snap_index == 0 && of_b.snap_index == 0);
    a->node_count = 2;
    a->host[1].node = b->host[0].node;
    a->host[1].id = 2;
    for (int looks = 0; looks < 1000 && !a->failed; looks++) {
        a->look.seen[0].durable--; /* so that it is looked at */
        sim_judge_node(&a->judge, &a->host[0], &of_a);
    }
    a->host[1].node = NULL;
    a->node_count = 1;
    w->failed = a->failed; /* the trio says what was found */
    memcpy(w->failure, a->failure, sizeof a->failure);
    sim_world_close(b);
    sim_world_close(a);
}

static void logs_cross(void)
{
    compare_with(10);
}

static void logs_are_equal(void)
{
    compare_with(5);
}

static const struct trio_case cases[] = {
    { NULL, nothing },
    { "term went back", term_back },
    { "the vote of term", vote_changed },
    { "terms run away", terms_run },
    { "two leaders in term", second_leader },
    { "shortened its log", shortened },
    { "without the votes of a majority", unchosen },
    { "and is no voter", no_voter },
    { "lacks the committed entry", lacks },
    { NULL, lacks_what_came_later },
    { "commit went back", commit_back },
    { "longer than the judges can watch", too_long },
    { "counted replicas of entry", older_term },
    { "elsewhere with", other_commit },
    { "gave up the committed entry", cut },
    { "gave up the committed entry", replaced },
    { "but no majority has it on disk", held_by_nobody },
    { "has another state than others", other_state },
    { "has another state than others", other_revision },
    { "revision went back", revision_back },
    { " voted for 1 and 3 in term", votes_twice },
    { " voted for 1 and 3 in term", votes_twice_in_frames },
    { NULL, promises_and_is_doomed },
    { NULL, denies_one_of_two },
    { NULL, votes_again_when_wiped },
    { "forgot the term", forgets_term },
    { "forgot its vote", forgets_vote },
    { "lost entries", loses_entries },
    { "lost the durable entry", loses_durable },
    { NULL, restored_from_a_copy },
    { "forgot the term", restored_without_term },
    { "forgot its vote", restored_without_vote },
    { "lost entries", restored_without_entries },
    { "lost the durable entry", restored_without_durable },
    { "forgot its vote", restored_and_forgets_vote },
    { "lost entries", restored_and_forgets_entries },
    { "but no majority has it on disk", held_by_older_copies },
    { NULL, held_before_the_copy },
    { "but no majority has it on disk", never_held },
    { NULL, restored_and_well },
    { "forgot the term", said_term },
    { NULL, asked_before_a_term },
    { "forgot its vote", said_vote },
    { "lost entries", said_entries },
    { NULL, denied_entries },
    { "lost entries", starts_with_less },
    { NULL, starts },
    { "elsewhere with", starts_with_another },
    { "agree above entry", logs_cross },
    { NULL, logs_are_equal },
};

static void lies(void)
{
    trio_play(cases, sizeof cases / sizeof cases[0]);
}

int main(void)
{
    TAP_TEST("judges: each lie of a node is found, and the truth is none", lies);
    return tap_done();
}
