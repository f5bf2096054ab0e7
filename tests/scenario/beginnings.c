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

static void init_on_two_apart(struct play *p)
{
    play_start_all(p);
    play_isolate(p, 1);
    uint32_t one = play_init(p, 1);
    uint32_t other = play_init(p, 2);
    play_expect_ok(p, other);
    play_writes(p, play_new_leader(p, 1), 0);
    play_expect_not_ok(p, one);
    play_heal(p);
    play_await_agree(p);
    expect_one_cluster(p);
}

static void member_away(struct play *p)
{
    play_start(p, 1);
    play_start(p, 2);
    play_expect_ok(p, play_init(p, 1));
    uint32_t kept = play_writes(p, play_leader(p), 0);
    play_start(p, 3);
    play_await_agree(p);
    play_reads(p, 3, 0, kept);
    expect_one_cluster(p);
}

static void most_members_away(struct play *p)
{
    play_start(p, 1);
    play_expect_not_ok(p, play_init(p, 1));
    play_expect_no_leader(p);
    play_start(p, 2);
    play_writes(p, play_leader(p), 0);
    play_start(p, 3);
    play_await_agree(p);
    expect_one_cluster(p);
    EXPECT_MARK("node: a proposed write expires");
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
    play_start_all(p);
    play_isolate(p, 3);
    play_expect_ok(p, play_init(p, 1));
    uint64_t leader = play_leader(p);
    uint32_t kept = play_writes(p, leader, 0);
    play_expect_not_ok(p, play_init(p, 3));
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

int main(void)
{
    PLAY(3, "beginnings: nothing before init, then everything (R=3)", before_init);
    PLAY(3, "beginnings: init a second time, on each node (R=3, refused)", init_twice);
    PLAY(3, "beginnings: init of two nodes at once (R=3, one cluster)", init_on_two);
    PLAY(3, "beginnings: init of two nodes that do not see each other (R=3, one cluster)",
         init_on_two_apart);
    PLAY(3, "beginnings: init of a node that missed the beginning (R=3, one cluster)",
         init_after_all);
    PLAY(3, "beginnings: a member is away (R=3, it joins later)", member_away);
    PLAY(3, "beginnings: two members are away (R=3, nothing until one comes)", most_members_away);
    PLAY_EACH(3, "beginnings: node dies inside the n-th effect of init (R=3, n=1..20)",
              dies_at_init, 1, 20);
    return tap_done();
}
