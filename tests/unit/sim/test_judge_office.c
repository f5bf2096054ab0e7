/* tests/unit/sim/test_judge_office.c -- Subject: the judges of who must not stay leader. Method: a
 * leader that is well is shown to them as one that should not be: it hears nobody, its disk hangs,
 * its change does not end, it is no voter any more; and as one that has an excuse.
 */
#include "trio.h"

static struct sim_office *office;

/* It leads, and stands there. */
static void judge(void)
{
    sim_judge_leads(&w->judge, h, &s);
}

/* Nobody has answered it since it leads, which is for ever. */
static void unheard(void)
{
    office = &w->judge.office[h->index];
    office->since_ns = 0;
    memset(office->heard_ns, 0, sizeof office->heard_ns);
    memset(office->arrived, 0, sizeof office->arrived);
}

static void nothing(void)
{
    judge();
    sim_judge_office(&w->judge, h);
}

/* ---- a majority ---- */

static void alone(void)
{
    unheard();
    office->heard_ns[h->index] = h->loop.now_ns; /* it hears itself */
    judge();
}

static void alone_as_it_stands(void)
{
    unheard();
    sim_judge_office(&w->judge, h);
}

static void alone_and_new(void)
{
    unheard();
    sim_judge_elected(&w->judge, h);
    judge();
}

static void hears_one(void)
{
    unheard();
    office->arrived[f->index] = true;
    judge();
    CHECK(!office->arrived[f->index]);
    judge(); /* it has heard it a moment ago */
}

/* Of the voters that are to go it hears nobody. */
static void hears_one_half(void)
{
    unheard();
    office->arrived[f->index] = true;
    s.conf.outgoing_count = 1;
    s.conf.outgoing[0] = 6 - h->id - f->id;
    judge();
}

static void hears_both_halves(void)
{
    unheard();
    office->arrived[f->index] = true;
    s.conf.outgoing_count = 1;
    s.conf.outgoing[0] = f->id;
    judge();
}

/* Of so many voters, itself among them, f alone answers, or nobody. */
static void heard_of(uint8_t voters, bool answers)
{
    unheard();
    office->arrived[f->index] = answers;
    s.conf.voter_count = voters;
    s.conf.voter[0] = h->id;
    s.conf.voter[1] = f->id;
    s.conf.voter[2] = 6 - h->id - f->id;
    s.conf.voter[3] = 4;
    judge();
}

/* Half of them are no majority. */
static void alone_of_two(void)
{
    heard_of(2, false);
}

static void hears_one_of_two(void)
{
    heard_of(2, true);
}

static void hears_one_of_four(void)
{
    heard_of(4, true);
}

/* Their silence counts from now on. */
static void hears_no_newcomer(void)
{
    unheard();
    seen->effective.voter_count = seen->committed.voter_count = 1;
    seen->effective.voter[0] = seen->committed.voter[0] = h->id;
    judge();
}

/* Half as long as they may take to say so. */
static void silent_for_a_while(void)
{
    unheard();
    office->since_ns = h->loop.now_ns - w->election_ns_min / 2;
    judge();
}

/* What was delivered to it came from f, and says this of itself. */
static void told(enum frame_kind kind, const struct raft_msg *m)
{
    unheard();
    sim_judge_heard(&w->judge, h, f->index, trio_frame(kind, m));
    judge();
}

static struct raft_msg reply(enum raft_msg_type type)
{
    return (struct raft_msg){ .type = type, .from = f->id, .to = h->id, .term = s.term };
}

static void has_an_ack(void)
{
    struct raft_msg m = reply(RAFT_MSG_APPEND_REPLY);
    told(FRAME_RAFT, &m);
}

static void has_an_answer(void)
{
    struct raft_msg m = reply(RAFT_MSG_HEARTBEAT_REPLY);
    told(FRAME_RAFT, &m);
}

static void has_one_of_an_older_term(void)
{
    struct raft_msg m = reply(RAFT_MSG_HEARTBEAT_REPLY);
    m.term--;
    told(FRAME_RAFT, &m);
}

static void has_one_of_a_newer_term(void)
{
    struct raft_msg m = reply(RAFT_MSG_HEARTBEAT_REPLY);
    m.term++;
    told(FRAME_RAFT, &m);
}

static void has_one_in_the_name_of_another(void)
{
    struct raft_msg m = reply(RAFT_MSG_HEARTBEAT_REPLY);
    m.from = 6 - h->id - f->id;
    told(FRAME_RAFT, &m);
}

static void has_no_reply(void)
{
    struct raft_msg m = reply(RAFT_MSG_VOTE_REPLY); /* one that elected it, come late */
    told(FRAME_RAFT, &m);
}

static void has_no_message(void)
{
    struct raft_msg m = reply(RAFT_MSG_HEARTBEAT_REPLY);
    told(FRAME_ANSWER, &m);
}

/* ---- a disk ---- */

/* The disk hangs since then, and since then owes what comes after the entry it had last. */
static void hangs(uint64_t disk_ns, uint64_t owes_ns, uint64_t had)
{
    office = &w->judge.office[h->index];
    h->loop.stuck_since_ns = disk_ns;
    h->loop.stuck_until_ns = UINT64_MAX / 2;
    office->durable = had;
    office->waits_ns = owes_ns;
    judge();
    h->loop.stuck_until_ns = 0;
}

static void disk_hangs(void)
{
    s.last = s.durable + 1;
    hangs(0, 0, s.durable);
}

static void disk_has_just_hung(void)
{
    s.last = s.durable + 1;
    hangs(h->loop.now_ns - w->election_ns_max, 0, s.durable);
}

static void disk_has_just_been_asked(void)
{
    s.last = s.durable + 1;
    hangs(0, h->loop.now_ns - w->election_ns_max, s.durable);
}

static void disk_goes_on(void)
{
    s.last = s.durable + 1;
    hangs(0, 0, s.durable - 1);
}

static void disk_owes_nothing(void)
{
    s.last = s.durable;
    hangs(0, 0, s.durable);
}

/* ---- changes ---- */

static void gives_to(uint64_t id)
{
    s.transfer_to = id;
    judge();
}

static void gives_to_a_stranger(void)
{
    gives_to(9);
}

static void gives_to_a_voter(void)
{
    gives_to(f->id);
}

static void gives_to_one_that_was_a_voter(void)
{
    w->look.voters |= UINT64_C(1) << 8;
    gives_to(9);
}

/* It may leave the joint configuration since then. */
static void joint_since(uint64_t ns)
{
    w->judge.office[h->index].joint_ns = ns;
    s.conf.outgoing_count = s.conf.voter_count;
    memcpy(s.conf.outgoing, s.conf.voter, sizeof s.conf.voter);
    judge();
}

static void stays_joint(void)
{
    joint_since(0);
}

static void is_joint_since_now(void)
{
    joint_since(UINT64_MAX);
}

static void is_joint_for_a_while(void)
{
    joint_since(h->loop.now_ns - RAFT_HANG_ELECTIONS * w->election_ns_max);
}

static void is_joint_and_not_committed(void)
{
    s.conf.index = s.commit + 1;
    joint_since(0);
}

/* It commits nothing yet: whatever was there before waits for that. */
static void is_joint_and_not_settled(void)
{
    s.term++;
    joint_since(0);
}

static void alien_since(uint64_t ns)
{
    w->judge.office[h->index].alien_ns = ns;
    for (uint8_t i = 0, k = 0; i < 3; i++) {
        s.conf.voter[k] = i + 1u;
        k = (uint8_t)(k + (i != h->index));
    }
    s.conf.voter_count = 2;
    judge();
}

static void leads_others(void)
{
    alien_since(0);
}

static void leads_others_since_now(void)
{
    alien_since(UINT64_MAX);
}

static void leads_others_unapplied(void)
{
    s.applied = s.conf.index - 1;
    alien_since(0);
}

static void leads_others_on_its_way(void)
{
    s.conf.outgoing_count = 1;
    s.conf.outgoing[0] = h->id;
    alien_since(0);
}

static const struct trio_case cases[] = {
    { NULL, nothing },
    { "leads though no majority answers", alone },
    { "leads though no majority answers", alone_as_it_stands },
    { NULL, alone_and_new },
    { NULL, hears_one },
    { "leads though no majority answers", hears_one_half },
    { NULL, hears_both_halves },
    { "leads though no majority answers", alone_of_two },
    { NULL, hears_one_of_two },
    { "leads though no majority answers", hears_one_of_four },
    { NULL, hears_no_newcomer },
    { NULL, silent_for_a_while },
    { NULL, has_an_ack },
    { NULL, has_an_answer },
    { "leads though no majority answers", has_one_of_an_older_term },
    { "leads though no majority answers", has_one_of_a_newer_term },
    { "leads though no majority answers", has_one_in_the_name_of_another },
    { "leads though no majority answers", has_no_reply },
    { "leads though no majority answers", has_no_message },
    { "leads though its disk hangs", disk_hangs },
    { NULL, disk_has_just_hung },
    { NULL, disk_has_just_been_asked },
    { NULL, disk_goes_on },
    { NULL, disk_owes_nothing },
    { "gives its office to node 9, never a voter", gives_to_a_stranger },
    { NULL, gives_to_a_voter },
    { NULL, gives_to_one_that_was_a_voter },
    { "stays in a joint configuration", stays_joint },
    { NULL, is_joint_since_now },
    { NULL, is_joint_for_a_while },
    { NULL, is_joint_and_not_committed },
    { NULL, is_joint_and_not_settled },
    { "leads and is no voter any more", leads_others },
    { NULL, leads_others_since_now },
    { NULL, leads_others_unapplied },
    { NULL, leads_others_on_its_way },
};

static void lies(void)
{
    trio_play(cases, sizeof cases / sizeof cases[0]);
}

/* Leaders are asked all the time: elections are said to be shorter than the pauses between their
 * heartbeats. */
static void asked_in_every_turn(void)
{
    open_world();
    sim_world_until(w, w->now_ns + 5 * SIM_S);
    CHECK(!w->failed);
    w->election_ns_min = 0;
    sim_world_until(w, w->now_ns + 5 * SIM_S);
    CHECK(finding_is(w, "leads though no majority answers"));
    sim_world_close(w);
}

int main(void)
{
    TAP_TEST("office: who must not lead is found, and who has an excuse is not", lies);
    TAP_TEST("office: each turn of a leader is judged", asked_in_every_turn);
    return tap_done();
}
