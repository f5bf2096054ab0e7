/* tests/scenario/members.c -- plays about members that change, and about those outside. */
#include "play.h"

/* ---- changes that would leave no majority ---- */

/* Two of three are left; one more away, and nothing could be decided any more. */
static void removal_without_majority(struct play *p)
{
    uint64_t leader = play_begin(p);
    uint64_t alive = play_follower(p, leader, 1);
    uint64_t dead = play_follower(p, leader, 2);
    uint64_t index = play_status(p, leader).conf.index;
    char name[32];
    snprintf(name, sizeof name, "node %llu ", (unsigned long long)dead);
    play_crash(p, dead);
    play_elections_pass(p, 2);
    uint32_t unsafe = play_remove(p, leader, alive);
    play_expect_code(p, unsafe, ERR_NO_MAJORITY);
    play_expect_says(p, unsafe, name);
    play_expect_says(p, unsafe, "aspen cluster remove");
    play_expect(p, play_status(p, leader).conf.index == index, "nothing was begun");
    play_expect(p, play_leader(p) == leader, "it led all the time");
    play_writes(p, alive, 0);
    play_expect_ok(p, play_remove(p, alive, dead)); /* what it says */
    play_writes(p, alive, 0);
    EXPECT_MARK("node: a change that would leave no majority waits");
}

/* It had everything, then it died. */
static void promotion_of_the_dead(struct play *p)
{
    uint64_t leader = play_begin(p);
    uint64_t other = play_follower(p, leader, 1);
    uint64_t both[] = { leader, other };
    play_expect_ok(p, play_voters(p, leader, both, 1));
    play_expect_ok(p, play_learner(p, leader, other));
    play_writes(p, leader, 0);
    play_await_commit(p, other, play_status(p, leader).commit);
    play_crash(p, other);
    play_elections_pass(p, 2);
    uint32_t unsafe = play_voters(p, leader, both, 2);
    play_expect_code(p, unsafe, ERR_NO_MAJORITY);
    play_writes(p, leader, 0);
    play_start(p, other);
    play_expect_ok(p, play_voters(p, leader, both, 2));
}

/* Two operators want other members, the second one n ms after the first, of another node, while the
 * leader's disk is slow. Each is told of what it has made, not of what the other one has. */
static void two_at_once(struct play *p)
{
    uint64_t leader = play_begin(p);
    uint64_t other = play_follower(p, leader, 1);
    const uint64_t gone[] = { play_follower(p, leader, 2), play_follower(p, leader, 3) };
    uint64_t all = 0;
    uint32_t ask[2];
    for (uint64_t n = 1; n <= 4; n++) {
        all |= UINT64_C(1) << n;
    }
    play_disk_slow(p, leader, 2);
    ask[0] = play_remove(p, leader, gone[0]);
    for (uint64_t ms = 0; ms < play_number(p) / 2; ms++) {
        play_step(p);
    }
    ask[1] = play_remove(p, play_number(p) % 2 == 0 ? leader : other, gone[1]);
    play_expect_ok(p, ask[0]);
    play_expect_ok(p, ask[1]);
    uint32_t first = p->ask[ask[0]].voters == (all & ~(UINT64_C(1) << gone[0])) ? 0 : 1;
    play_expect(p, p->ask[ask[first]].voters == (all & ~(UINT64_C(1) << gone[first])),
                "one is told that its node is gone");
    play_expect(p,
                p->ask[ask[1 - first]].voters ==
                    (all & ~(UINT64_C(1) << gone[0] | UINT64_C(1) << gone[1])),
                "the other one that both are");
    if (play_number(p) == 0) {
        EXPECT_MARK("node: a change waits for the answer to the one before");
    }
}

/* Heard again before the deadline: it was only waited for. */
static void heard_in_time(struct play *p)
{
    uint64_t leader = play_begin(p);
    uint64_t alive = play_follower(p, leader, 1);
    uint64_t away = play_follower(p, leader, 2);
    play_crash(p, away);
    play_elections_pass(p, 2);
    uint32_t change = play_remove(p, leader, alive);
    play_elections_pass(p, 2);
    play_expect_pending(p, change);
    play_start(p, away);
    play_expect_ok(p, change);
}

/* Slower than a heartbeat, quicker than an election: it counts. */
static void slow_is_not_dead(struct play *p)
{
    uint64_t leader = play_begin(p);
    uint64_t slow = play_follower(p, leader, 1);
    uint64_t other = play_follower(p, leader, 2);
    play_clog(p, slow, PLAY_ELECTION_MS_MIN - PLAY_HEARTBEAT_MS);
    play_elections_pass(p, 1);
    play_clog(p, slow, PLAY_ELECTION_MS_MIN - PLAY_HEARTBEAT_MS);
    for (int i = 0; i < 3 * PLAY_HEARTBEAT_MS; i++) {
        play_step(p);
    }
    uint64_t index = play_status(p, leader).conf.index;
    uint32_t change = play_remove(p, leader, other);
    play_step(p);
    play_step(p);
    play_expect(p, play_status(p, leader).conf.index > index, "it begins at once");
    play_expect_ok(p, change);
}

/* What a new leader was told by the one before it does not count: it asks for itself. */
static void dead_since_the_term_began(struct play *p)
{
    uint64_t old = play_begin(p);
    play_crash(p, old);
    uint64_t leader = play_new_leader(p, old);
    uint64_t other = 6 - old - leader;
    uint32_t unsafe = play_remove(p, leader, other);
    play_expect_code(p, unsafe, ERR_NO_MAJORITY);
    play_writes(p, other, 0);
}

/* The leader's reasons reach who asked another node, though both have the same time. */
static void asked_elsewhere(struct play *p)
{
    uint64_t leader = play_begin(p);
    uint64_t asked = play_follower(p, leader, 1);
    uint64_t late = play_follower(p, leader, 3);
    uint64_t all[] = { 1, 2, 3, 4 };
    play_expect_ok(p, play_remove(p, leader, late));
    play_expect_ok(p, play_learner(p, leader, late));
    play_elections_pass(p, 1);
    play_crash(p, late);
    play_elections_pass(p, 2); /* nothing is written: it has everything, as far as they know */
    uint64_t index = play_status(p, leader).conf.index;
    uint32_t behind = play_voters(p, asked, all, 4);
    play_expect_code(p, behind, ERR_NOT_CAUGHT_UP);
    play_expect(p, play_status(p, leader).conf.index == index, "nothing was begun");
    char name[64];
    snprintf(name, sizeof name, "node %llu does not answer", (unsigned long long)late);
    play_expect_says(p, behind, name);
    play_expect_says(p, behind, " s now: start it");
    play_expect_says(p, behind, "aspen cluster remove");
    EXPECT_MARK("node: a learner that does not answer is not promoted");
    play_expect_ok(p, play_remove(p, asked, late));
    uint64_t dead = play_follower(p, leader, 2);
    play_crash(p, dead);
    play_elections_pass(p, 2);
    uint32_t unsafe = play_remove(p, asked, asked);
    play_expect_code(p, unsafe, ERR_NO_MAJORITY);
    play_expect_says(p, unsafe, "aspen cluster remove");
    play_writes(p, asked, 0);
}

/* It died a moment ago, as nobody can know yet: it has to answer after it was asked for. It is
 * heard again before the deadline, and has everything: it was only waited for. */
static void learner_heard_in_time(struct play *p)
{
    uint64_t leader = play_begin(p);
    uint64_t away = play_follower(p, leader, 1);
    uint64_t all[] = { 1, 2, 3 };
    play_expect_ok(p, play_remove(p, leader, away));
    play_expect_ok(p, play_learner(p, leader, away));
    play_elections_pass(p, 1);
    play_crash(p, away);
    uint32_t change = play_voters(p, leader, all, 3);
    play_elections_pass(p, 2);
    play_expect_pending(p, change);
    play_start(p, away);
    play_expect_ok(p, change);
}

/* It answers and lacks something: that is said, not that it is gone. */
static void behind_is_not_dead(struct play *p)
{
    uint64_t leader = play_begin(p);
    uint64_t slow = play_follower(p, leader, 1);
    uint64_t all[] = { 1, 2, 3 };
    char name[64];
    snprintf(name, sizeof name, "node %llu has not caught up yet", (unsigned long long)slow);
    play_expect_ok(p, play_remove(p, leader, slow));
    play_expect_ok(p, play_learner(p, leader, slow));
    play_disk_slow(p, slow, 20000);
    play_writes(p, leader, 0);
    uint32_t behind = play_voters(p, leader, all, 3);
    play_expect_code(p, behind, ERR_NOT_CAUGHT_UP);
    play_expect_says(p, behind, name);
    play_disk_slow(p, slow, 1);
    play_expect_ok(p, play_voters(p, leader, all, 3));
}

/* Each says the one thing that is so, and what to type. */
static void reasons(struct play *p)
{
    uint64_t leader = play_begin(p);
    uint64_t other = play_follower(p, leader, 1);
    uint64_t stranger[] = { leader, 9 };
    for (uint64_t at = 1; at <= 2; at++) {
        uint32_t voter = play_learner(p, at, other);
        play_expect_code(p, voter, ERR_BAD_REQUEST);
        play_expect_says(p, voter, other == 1 ? "node 1 is a voter" : "node 2 is a voter");
        play_expect_says(p, voter,
                         other == 1 ? "aspen cluster remove 1" : "aspen cluster remove 2");
        uint32_t unknown = play_remove(p, at, 9);
        play_expect_code(p, unknown, ERR_UNKNOWN_NODE);
        play_expect_says(p, unknown, "node 9 is no member: see aspen cluster status");
        unknown = play_voters(p, at, stranger, 2);
        play_expect_code(p, unknown, ERR_UNKNOWN_NODE);
        play_expect_says(p, unknown, "node 9 is no member: aspen cluster add 9=ADDR");
    }
    play_expect_ok(p, play_remove(p, leader, other));
    uint32_t last = play_remove(p, leader, leader);
    play_expect_code(p, last, ERR_BAD_REQUEST);
    play_expect_says(p, last, "is the only voter: ");
    play_expect_says(p, last, "aspen cluster promote");
}

/* A change that was sent again, or late, would undo what others did meanwhile. */
static void meant_for_another(struct play *p)
{
    uint64_t leader = play_begin(p);
    uint64_t asked = play_follower(p, leader, 1);
    uint64_t learner = play_follower(p, leader, 2);
    uint64_t all[] = { 1, 2, 3 };
    uint64_t before = play_status(p, leader).conf.index;
    play_expect_ok(p, play_remove(p, leader, learner));
    uint64_t between = play_status(p, leader).conf.index;
    play_expect_ok(p, play_learner(p, leader, learner));
    uint64_t now = play_status(p, leader).conf.index;
    play_await_agree(p);
    for (int i = 0; i < 2; i++) {
        uint64_t at = i == 0 ? leader : asked;
        p->expect = i == 0 ? before : between;
        play_expect_code(p, play_remove(p, at, learner), ERR_CONF_CHANGED);
        play_expect_code(p, play_learner(p, at, learner), ERR_CONF_CHANGED);
        play_expect_code(p, play_voters(p, at, all, 3), ERR_CONF_CHANGED);
        play_expect(p, play_status(p, leader).conf.index == now, "nothing was begun");
    }
    p->expect = now;
    play_expect_ok(p, play_remove(p, asked, learner));
    p->expect = play_status(p, leader).conf.index;
    play_expect_ok(p, play_learner(p, asked, learner));
    p->expect = play_status(p, leader).conf.index;
    play_expect_ok(p, play_voters(p, asked, all, 3));
}

/* ---- where a learner is ---- */

/* As this node would say it. */
static bool is_at(const struct play *p, uint64_t node, uint64_t id, const char *addr)
{
    struct service_members m;
    struct service *s = node_service(play_host(p, node)->node);
    s->table->members(s, &m);
    for (uint32_t i = 0; i < m.count; i++) {
        if (m.member[i].id == id) {
            return strcmp(m.member[i].addr, addr) == 0;
        }
    }
    return false;
}

static bool is_at_good(const struct play *p, uint64_t node, uint64_t id)
{
    return is_at(p, node, id, "good:1");
}

static bool is_at_new(const struct play *p, uint64_t node, uint64_t id)
{
    return is_at(p, node, id, "new:2");
}

/* What is refused changes nothing, what the leader knows of the learner neither: the next change
 * would carry it to everybody. */
static void refused_address(struct play *p)
{
    uint64_t leader = play_begin(p);
    uint64_t asked = play_follower(p, leader, 1);
    uint64_t learner = play_follower(p, leader, 2);
    play_expect_ok(p, play_remove(p, leader, learner));
    play_expect_ok(p, play_learner_at(p, leader, learner, "good:1"));
    for (uint64_t node = 1; node <= 3; node++) {
        play_await(p, is_at_good, node, learner, "the learner to be known");
    }
    for (int i = 0; i < 2; i++) {
        p->expect = 1;
        uint32_t refused = play_learner_at(p, i == 0 ? leader : asked, learner, "refused:2");
        play_expect_code(p, refused, ERR_CONF_CHANGED);
        for (uint64_t node = 1; node <= 3; node++) {
            play_expect(p, is_at_good(p, node, learner), "the learner is where it was");
        }
    }
}

/* A learner that is named anew, with another address: the log says so, and everybody knows. With
 * the same one there is nothing to say. */
static void another_address(struct play *p)
{
    uint64_t leader = play_begin(p);
    uint64_t asked = play_follower(p, leader, 1);
    uint64_t learner = play_follower(p, leader, 2);
    play_expect_ok(p, play_remove(p, leader, learner));
    play_expect_ok(p, play_learner_at(p, leader, learner, "good:1"));
    p->expect = play_status(p, leader).conf.index;
    play_expect_ok(p, play_learner_at(p, asked, learner, "new:2"));
    uint64_t index = play_status(p, leader).conf.index;
    play_expect(p, index > p->expect, "the log says where it is");
    for (uint64_t node = 1; node <= 3; node++) {
        play_await(p, is_at_new, node, learner, "everybody to know where it is");
    }
    p->expect = index;
    play_expect_ok(p, play_learner_at(p, asked, learner, "new:2"));
    play_expect(p, play_status(p, leader).conf.index == index, "there was nothing to say");
    EXPECT_MARK("raft: members are named anew");
}

/* ---- changes whose leader loses power ---- */

struct replacement {
    uint64_t old; /* leads when it begins, and stays a member */
    uint64_t stays, goes, comes;
    uint32_t kept; /* a write before it */
};

static bool is_joint(const struct play *p, uint64_t node, uint64_t unused)
{
    (void)unused;
    return play_status(p, node).conf.outgoing_count > 0;
}

static bool is_durable(const struct play *p, uint64_t node, uint64_t index)
{
    return play_status(p, node).durable >= index;
}

/* Over, for this node: replaced or not, and committed. */
static bool came(const struct play *p, uint64_t node, uint64_t comes)
{
    struct raft_status st = play_status(p, node);
    return st.conf.outgoing_count == 0 && st.conf.index <= st.commit &&
           raft_conf_is_voter(&st.conf, comes);
}

static bool came_not(const struct play *p, uint64_t node, uint64_t comes)
{
    struct raft_status st = play_status(p, node);
    return st.conf.outgoing_count == 0 && st.conf.index <= st.commit &&
           !raft_conf_is_voter(&st.conf, comes);
}

/* Everything is there for it; disks are slow, so that every part of it lasts. */
static struct replacement stage_replacement(struct play *p)
{
    struct replacement r = { .old = play_begin(p) };
    r.stays = play_follower(p, r.old, 1);
    r.goes = play_follower(p, r.old, 2);
    r.comes = play_follower(p, r.old, 3);
    play_expect_ok(p, play_remove(p, r.old, r.comes));
    play_expect_ok(p, play_learner(p, r.old, r.comes));
    r.kept = play_writes(p, r.stays, 0);
    play_await_commit(p, r.comes, play_status(p, r.old).commit);
    for (uint64_t n = 1; n <= 4; n++) {
        play_disk_slow(p, n, PLAY_HEARTBEAT_MS / 2);
    }
    return r;
}

static uint32_t replace(struct play *p, const struct replacement *r, uint64_t at)
{
    uint64_t next[] = { r->old, r->stays, r->comes };
    return play_voters(p, at, next, 3);
}

/* Everybody is back, and all members agree on what became of it. */
static void expect_end(struct play *p, const struct replacement *r, play_condition end)
{
    play_start(p, r->old);
    play_await(p, end, r->old, r->comes, "the same end of the change");
    play_await(p, end, r->stays, r->comes, "the same end of the change");
    play_await(p, end, r->comes, r->comes, "the same end of the change");
    play_reads(p, r->comes, 0, r->kept);
    play_writes(p, r->old, 1);
}

/* It is on the disk of nobody but the leader that dies: it never was. */
static void joint_with_its_leader_only(struct play *p)
{
    struct replacement r = stage_replacement(p);
    play_isolate(p, r.old);
    replace(p, &r, r.old);
    play_await(p, is_joint, r.old, 0, "it to begin");
    play_await(p, is_durable, r.old, play_status(p, r.old).conf.index, "it to have it on disk");
    play_expect(p, play_status(p, r.old).commit < play_status(p, r.old).conf.index, "open");
    play_crash(p, r.old);
    play_heal(p);
    uint64_t leader = play_new_leader(p, r.old);
    play_reads(p, leader, 0, r.kept);
    play_writes(p, leader, 1);
    expect_end(p, &r, came_not);
    play_expect_ok(p, replace(p, &r, r.goes)); /* nothing of it is in the way */
    play_await(p, came, r.old, r.comes, "the change");
}

/* Whoever leads next has it, and brings it to its end. */
static void expect_finished(struct play *p, const struct replacement *r, uint32_t change)
{
    play_new_leader(p, r->old);
    play_reads(p, r->stays, 0, r->kept);
    play_expect_code(p, change, ERR_OUTCOME_UNKNOWN);
    play_await(p, came, r->stays, r->comes, "the change to be finished");
    play_writes(p, r->stays, 2);
    expect_end(p, r, came);
}

/* All have the joint configuration, nobody knows that it is committed. */
static uint32_t begin_joint(struct play *p, const struct replacement *r)
{
    uint32_t change = replace(p, r, r->stays);
    play_await(p, is_joint, r->stays, 0, "it to be told");
    play_await(p, is_joint, r->goes, 0, "it to be told");
    play_await(p, is_joint, r->comes, 0, "it to be told");
    play_expect(p, is_joint(p, r->old, 0), "the leader has it");
    play_expect(p, play_status(p, r->old).commit < play_status(p, r->old).conf.index, "open");
    return change;
}

static void joint_uncommitted(struct play *p)
{
    struct replacement r = stage_replacement(p);
    uint32_t change = begin_joint(p, &r);
    play_crash(p, r.old);
    expect_finished(p, &r, change);
}

/* The leader knows that it is committed, and nobody else what comes next. */
static void joint_committed(struct play *p)
{
    struct replacement r = stage_replacement(p);
    uint32_t change = begin_joint(p, &r);
    uint64_t joint = play_status(p, r.old).conf.index;
    play_cut_way(p, r.old, r.stays);
    play_cut_way(p, r.old, r.goes);
    play_cut_way(p, r.old, r.comes);
    play_await_commit(p, r.old, joint);
    play_expect(p, !came(p, r.old, r.comes), "it is not left");
    play_expect(p, is_joint(p, r.stays, 0) && is_joint(p, r.comes, 0), "nor by others");
    play_crash(p, r.old);
    play_heal(p);
    expect_finished(p, &r, change);
}

/* ---- those outside ---- */

static bool names_nobody(const struct play *p, uint64_t node, uint64_t unused)
{
    struct service_status st;
    struct sim_host *h = play_host(p, node);
    (void)unused;
    if (!sim_host_enter(h)) {
        return false;
    }
    node_service(h->node)->table->status(node_service(h->node), &st);
    sim_host_leave(h);
    return st.leader == 0;
}

/* Everything of it waits for a leader, and is told that there is none. */
static void expect_leaderless(struct play *p, uint64_t node)
{
    uint64_t begun = p->world->now_ns;
    play_expect(p, names_nobody(p, node, 0), "it names no leader");
    uint32_t write = play_write(p, node, 0);
    uint32_t read = play_read(p, node, 0);
    play_expect_code(p, write, ERR_NO_LEADER);
    play_expect_code(p, read, ERR_NO_LEADER);
    play_expect(p, p->world->now_ns < begun + 3 * SIM_S, "in time");
}

/* Its voters are gone: a learner stands in no election, but notices all the same. */
static void learner_left_alone(struct play *p)
{
    uint64_t leader = play_begin(p);
    uint64_t learner = play_follower(p, leader, 2);
    uint64_t other = play_follower(p, leader, 1);
    play_expect_ok(p, play_remove(p, leader, learner));
    play_expect_ok(p, play_learner(p, leader, learner));
    uint32_t kept = play_writes(p, learner, 0);
    play_await_agree(p);
    play_crash(p, leader);
    play_crash(p, other);
    uint32_t read = play_read(p, learner, 0); /* on its way to a leader that is gone */
    play_elections_pass(p, 2);
    play_expect_code(p, read, ERR_NO_LEADER);
    expect_leaderless(p, learner);
    uint32_t change = play_remove(p, learner, other);
    play_expect_code(p, change, ERR_NO_LEADER);
    play_start(p, leader);
    play_start(p, other);
    leader = play_leader(p);
    play_expect(p, play_status(p, learner).leader == leader, "it knows who leads again");
    play_reads(p, learner, 0, kept);
    EXPECT_MARK("raft: a leader that fell silent is forgotten");
}

/* Not a member any more, and nobody tells it anything. */
static void removed_and_forgotten(struct play *p)
{
    uint64_t leader = play_begin(p);
    uint64_t left = play_follower(p, leader, 1);
    uint64_t gone = play_follower(p, leader, 2);
    play_expect_ok(p, play_voters(p, gone, &left, 1));
    play_await(p, names_nobody, gone, 0, "it to forget the leader");
    play_elections_pass(p, 2);
    expect_leaderless(p, gone);
    expect_leaderless(p, leader);
    play_writes(p, left, 0);
    p->no_end = true; /* those outside agree with nobody */
}

int main(void)
{
    PLAY(3, "members: a voter is removed beside a dead one (R=3, refused)",
         removal_without_majority);
    PLAY(3, "members: a learner had everything and died (R=2, no vote for it)",
         promotion_of_the_dead);
    PLAY(3, "members: the voter that is missing comes back (R=3, the change waits)", heard_in_time);
    PLAY_EACH(4, "members: two are removed at once (R=4, n=0..40, each answer is true)",
              two_at_once, 0, 40);
    PLAY(3, "members: a slow voter counts (R=3, the change is done)", slow_is_not_dead);
    PLAY(3, "members: the leader before is dead (R=3, it counts for nothing)",
         dead_since_the_term_began);
    PLAY(4, "members: asked on a follower, refused by the leader (R=4, with its reason)",
         asked_elsewhere);
    PLAY(3, "members: a silent learner answers before the deadline (R=3, it is a voter then)",
         learner_heard_in_time);
    PLAY(3, "members: a learner answers and has not everything (R=3, refused, named)",
         behind_is_not_dead);
    PLAY(2, "members: what cannot be done (R=2, the one reason, and what to type)", reasons);
    PLAY(3, "members: a change of another configuration than was meant (R=3, refused)",
         meant_for_another);
    PLAY(3, "members: a refused address of a learner (R=3, nobody heard of it)", refused_address);
    PLAY(3, "members: another address of a learner (R=3, everybody knows it)", another_address);
    PLAY(4, "members: a change that only its dead leader has (R=4, it never was)",
         joint_with_its_leader_only);
    PLAY(4, "members: the leader dies before the joint part is committed (R=4, it is finished)",
         joint_uncommitted);
    PLAY(4, "members: the leader dies before the joint part is left (R=4, it is finished)",
         joint_committed);
    PLAY(3, "members: a learner whose voters died (R=3, it names no leader)", learner_left_alone);
    PLAY(3, "members: three become one (R=3, the others name no leader)", removed_and_forgotten);
    return tap_done();
}
