/* tests/scenario/beginnings.c -- init: once, twice, on two nodes at once, with members away. */
#include "play.h"

static struct service_status status_of(struct play *p, uint64_t node)
{
    struct service_status s;
    struct service *service = node_service(play_host(p, node)->node);
    service->table->status(service, &s);
    return s;
}

static void expect_one_cluster(struct play *p)
{
    struct service_status first = status_of(p, 1);
    for (uint64_t n = 2; n <= p->world->node_count; n++) {
        struct service_status s = status_of(p, n);
        bool same = memcmp(&s.cluster, &first.cluster, sizeof s.cluster) == 0;
        play_expect(p, same, "all are of one cluster");
        play_expect(p, s.state_hash == first.state_hash, "with one state");
    }
}

static void before_init(struct play *p)
{
    play_start_all(p);
    play_elections_pass(p, 5);
    play_expect_no_leader(p);
    play_expect_code(p, play_write(p, 1, 0), ERR_NOT_INITIALIZED);
    play_expect_code(p, play_read(p, 2, 0), ERR_NOT_INITIALIZED);
    play_expect_ok(p, play_init(p, 2));
    play_writes(p, play_leader(p), 0);
    play_await_agree(p);
    expect_one_cluster(p);
    EXPECT_MARK("node: a message waits for a later sync");
}

static void init_twice(struct play *p)
{
    uint64_t leader = play_begin(p);
    uint32_t kept = play_writes(p, leader, 0);
    for (uint64_t n = 1; n <= 3; n++) {
        play_expect_code(p, play_init(p, n), ERR_ALREADY_INITIALIZED);
    }
    play_reads(p, leader, 0, kept);
}

static void init_on_two(struct play *p)
{
    play_start_all(p);
    uint32_t one = play_init(p, 1);
    uint32_t other = play_init(p, 2);
    play_writes(p, play_leader(p), 0);
    play_outcome(p, one);
    play_outcome(p, other);
    play_await_agree(p);
    expect_one_cluster(p);
}

static bool has_begun(const struct play *p, uint64_t node, uint64_t value)
{
    (void)value;
    return play_status(p, node).last > 0;
}

/* All say that they have begun nothing; then nothing comes through any more. */
static uint32_t cut_off_at_init(struct play *p, uint64_t node)
{
    play_start_all(p);
    play_elections_pass(p, 2);
    uint32_t init = play_init(p, node);
    play_await(p, has_begun, node, 0, "it to begin");
    play_isolate(p, node);
    return init;
}

/* Two are asked at once, and each begins before it hears of the other, which is cut off then. */
static void cut_off_at_two(struct play *p, uint64_t node, uint64_t other, uint32_t *out_cut,
                           uint32_t *out_other)
{
    play_start_all(p);
    play_elections_pass(p, 2);
    *out_cut = play_init(p, node);
    *out_other = play_init(p, other);
    play_await(p, has_begun, node, 0, "it to begin");
    play_await(p, has_begun, other, 0, "it to begin as well");
    play_isolate(p, node);
}

static void init_on_two_apart(struct play *p)
{
    uint32_t one, other;
    cut_off_at_two(p, 1, 2, &one, &other);
    play_expect_ok(p, other);
    play_writes(p, play_new_leader(p, 1), 0);
    play_expect_not_ok(p, one);
    play_heal(p);
    play_await_agree(p);
    expect_one_cluster(p);
}

/* It is connected, as far as anybody knows, and may have begun with others meanwhile. */
static void member_unheard(struct play *p)
{
    play_start_all(p);
    play_elections_pass(p, 2);
    play_isolate(p, 1);
    uint32_t init = play_init(p, 2);
    play_expect_code(p, init, ERR_TIMEOUT);
    play_expect_says(p, init, "node 1 did not answer in time: start it, then ask again");
    play_expect(p, play_status(p, 2).last == 0, "nothing was begun");
    init = play_init(p, 2);
    play_elections_pass(p, 1);
    play_heal(p);
    play_expect_ok(p, init);
    play_writes(p, play_leader(p), 0);
    play_await_agree(p);
    expect_one_cluster(p);
}

/* Nobody could say which incarnation of it counts. */
static void member_away(struct play *p)
{
    play_start(p, 1);
    play_start(p, 2);
    uint32_t early = play_init(p, 1);
    play_expect_code(p, early, ERR_TIMEOUT);
    play_expect(p, strstr(p->ask[early].detail, "node 3 did not answer") != NULL, "it is named");
    play_expect_no_leader(p);
    play_expect(p, play_status(p, 1).last == 0, "nothing was begun");
    uint32_t again = play_init(p, 1);
    play_elections_pass(p, 1);
    play_expect_pending(p, again);
    play_start(p, 3);
    play_expect_ok(p, again);
    play_writes(p, play_leader(p), 0);
    play_await_agree(p);
    expect_one_cluster(p);
}

static void members_go_away(struct play *p)
{
    play_start_all(p);
    play_elections_pass(p, 2);
    uint32_t init = play_init(p, 1);
    play_await(p, has_begun, 1, 0, "it to begin");
    play_crash(p, 2);
    play_crash(p, 3);
    play_expect_not_ok(p, init);
    play_expect_no_leader(p);
    play_start(p, 2);
    play_writes(p, play_leader(p), 0);
    play_start(p, 3);
    play_await_agree(p);
    expect_one_cluster(p);
    EXPECT_MARK("node: a beginning that is not decided in time");
}

/* A member that is there at the beginning loses its disk as the only one that has what a leader has
 * committed; the leader is away. Who is left must not decide without it. */
static void wiped_before_it_is_known(struct play *p)
{
    play_start_all(p);
    play_elections_pass(p, 2);
    uint32_t init = play_init(p, 1);
    play_await(p, has_begun, 1, 0, "it to begin");
    play_isolate(p, 3);
    play_expect_ok(p, init);
    uint64_t leader = play_leader(p);
    uint64_t other = 3 - leader;
    uint32_t kept = play_writes(p, leader, 0);
    play_crash(p, leader);
    play_crash(p, other);
    play_disk_wipe(p, other);
    play_heal(p);
    play_start(p, other);
    play_elections_pass(p, 20);
    play_expect_no_leader(p);
    play_start(p, leader);
    play_reads(p, play_leader(p), 0, kept);
}

/* It dies inside the n-th effect of the beginning; asked again, the cluster begins. */
static void dies_at_init(struct play *p)
{
    play_start_all(p);
    sim_host_crash_soon(play_host(p, 1), play_number(p));
    uint32_t init = play_init(p, 1);
    play_await_down(p, 1);
    play_outcome(p, init);
    play_start(p, 1);
    play_outcome(p, play_init(p, 1)); /* begun, or begun before */
    play_writes(p, play_leader(p), 0);
    play_await_agree(p);
    expect_one_cluster(p);
}

/* Who missed the beginning is asked to begin, too. Its entry is of another first term, but no more
 * than what a leader has committed since: it wins no election with it. */
static void init_after_all(struct play *p)
{
    uint32_t late, first;
    cut_off_at_two(p, 3, 1, &late, &first);
    play_expect_ok(p, first);
    uint64_t leader = play_leader(p);
    uint32_t kept = play_writes(p, leader, 0);
    play_expect_not_ok(p, late);
    play_crash(p, leader);
    play_heal(p);
    uint64_t heir = play_new_leader(p, leader);
    play_expect(p, heir != 3, "node 3 does not lead");
    play_reads(p, heir, 0, kept);
    play_start(p, leader);
    play_await_agree(p);
    expect_one_cluster(p);
    EXPECT_MARK("raft: a configuration is truncated");
}

/* The cut lasts until its connections are gone. */
static void disconnected(struct play *p, uint64_t node)
{
    for (uint64_t n = 1; n <= 3; n++) {
        if (n != node) {
            play_break(p, node, n);
        }
    }
}

static bool connected(const struct play *p, uint64_t node, uint64_t other)
{
    return p->world->net.link[node - 1].told[other - 1] != 0;
}

/* Others begin without it, while what it began with them is its own affair. Both entries have one
 * term: its own cannot give way, and is told what to do. */
static void overtaken(struct play *p)
{
    uint32_t late = cut_off_at_init(p, 1);
    play_expect_ok(p, play_init_of(p, 2, 2, 3));
    disconnected(p, 1);
    play_heal(p);
    play_expect_code(p, late, ERR_ALREADY_INITIALIZED);
    play_expect_says(p, late,
                     "stop this node, empty its data directory, start it, then, if this node is no "
                     "member there: aspen cluster add 1=ADDR");
    uint64_t leader = play_status(p, 2).leader;
    play_expect_code(p, play_learner(p, leader, 1), ERR_WRONG_CLUSTER);
    play_stop(p, 1);
    play_disk_wipe(p, 1);
    play_start(p, 1);
    play_await(p, connected, 1, leader, "it to say that it is of no cluster any more");
    play_expect_ok(p, play_learner(p, leader, 1));
    play_writes(p, leader, 0);
    play_await_agree(p);
    expect_one_cluster(p);
    EXPECT_MARK("node: others have begun without this one");
}

/* Whom the other beginning names as a member hears of it by itself: it is what it was asked for. */
static void overtaken_by_the_same(struct play *p)
{
    uint32_t late, first;
    cut_off_at_two(p, 1, 2, &late, &first);
    play_expect_ok(p, first);
    disconnected(p, 1);
    play_heal(p);
    play_expect_ok(p, late);
    play_writes(p, play_leader(p), 0);
    play_await_agree(p);
    expect_one_cluster(p);
}

/* Where the terms differ, its entry gives way to what it is sent as soon as it is added. */
static void overtaken_and_added(struct play *p)
{
    uint32_t late = cut_off_at_init(p, 3);
    play_expect_ok(p, play_init_of(p, 1, 1, 2));
    disconnected(p, 3);
    play_heal(p);
    play_expect_code(p, late, ERR_ALREADY_INITIALIZED);
    play_expect_says(p, late,
                     "begun meanwhile: if this node is no member there: aspen cluster add 3=ADDR");
    play_expect_ok(p, play_learner(p, play_status(p, 1).leader, 3));
    play_writes(p, 3, 0);
    play_await_agree(p);
    expect_one_cluster(p);
}

/* Too few of the members are there: it has begun, and says whom to start. */
static void begun_alone(struct play *p)
{
    uint32_t init = cut_off_at_init(p, 1);
    disconnected(p, 1);
    play_expect_code(p, init, ERR_OUTCOME_UNKNOWN);
    play_expect_says(p, init, "node 2, node 3 do not answer this node: start them");
    play_heal(p);
    play_writes(p, play_leader(p), 0);
    play_await_agree(p);
    expect_one_cluster(p);
}

int main(void)
{
    PLAY(3, "beginnings: nothing before init, then everything (R=3)", before_init);
    PLAY(3, "beginnings: init a second time, on each node (R=3, refused)", init_twice);
    PLAY(3, "beginnings: init of two nodes at once (R=3, one cluster)", init_on_two);
    PLAY(3, "beginnings: init of two nodes that do not see each other (R=3, one cluster)",
         init_on_two_apart);
    PLAY(3, "beginnings: init of a node that missed the beginning (R=3, one cluster)",
         init_after_all);
    PLAY(3, "beginnings: others begin without who has begun (R=3, what to do)", overtaken);
    PLAY(3, "beginnings: others begin with who has begun (R=3, it is done)", overtaken_by_the_same);
    PLAY(3, "beginnings: without it, of another first term (R=3, it is added)",
         overtaken_and_added);
    PLAY(3, "beginnings: nobody hears of the beginning (R=3, whom to start)", begun_alone);
    PLAY(3, "beginnings: a member is away (R=3, refused by its name)", member_away);
    PLAY(3, "beginnings: a member is connected, and cut off (R=3, likewise)", member_unheard);
    PLAY(3, "beginnings: two members go away (R=3, nothing until one comes)", members_go_away);
    PLAY(3, "beginnings: a member's disk is lost when only it and the leader know (R=3)",
         wiped_before_it_is_known);
    PLAY_EACH(3, "beginnings: node dies inside the n-th effect of init (R=3, n=1..20)",
              dies_at_init, 1, 20);
    return tap_done();
}
