/* tests/scenario/disks.c -- disks that hang, are slow, fail, or are full. */
#include "play.h"

/* Two others have the entry, but the leader can neither apply nor answer: it gives way. */
static void leader_hangs(struct play *p)
{
    uint64_t old = play_begin(p);
    play_disk_sticks(p, old);
    uint32_t write = play_write(p, old, 0);
    uint64_t leader = play_new_leader(p, old);
    play_reads(p, leader, 0, write); /* committed all the same */
    play_expect_code(p, write, ERR_OUTCOME_UNKNOWN);
    uint32_t kept = play_writes(p, leader, 0);
    play_elections_pass(p, 20);
    play_expect(p, play_leader(p) == leader, "the hung node does not disturb");
    play_disk_goes(p, old);
    play_await_agree(p);
    play_reads(p, old, 0, kept);
}

static void leader_stalls(struct play *p)
{
    uint64_t leader = play_begin(p);
    play_disk_sticks(p, leader);
    uint32_t write = play_write(p, leader, 0);
    play_elections_pass(p, 2);
    play_disk_goes(p, leader);
    play_expect_ok(p, write);
    play_expect(p, play_leader(p) == leader, "a stall is no reason for an election");
}

static void follower_hangs(struct play *p)
{
    uint64_t leader = play_begin(p);
    uint64_t slow = play_follower(p, leader, 1);
    play_disk_sticks(p, slow);
    uint32_t kept = 0;
    for (int i = 0; i < 10; i++) {
        kept = play_writes(p, leader, 0);
    }
    play_disk_goes(p, slow);
    play_await_agree(p);
    play_reads(p, slow, 0, kept);
}

static void majority_hangs(struct play *p)
{
    uint64_t leader = play_begin(p);
    uint64_t a = play_follower(p, leader, 1);
    uint64_t b = play_follower(p, leader, 2);
    play_disk_sticks(p, a);
    play_disk_sticks(p, b);
    uint32_t write = play_write(p, leader, 0);
    play_elections_pass(p, 2);
    play_expect_pending(p, write); /* on one disk is not enough */
    play_expect_code(p, write, ERR_OUTCOME_UNKNOWN);
    play_disk_goes(p, a);
    play_disk_goes(p, b);
    play_await_agree(p);
    EXPECT_MARK("node: a reply after the deadline");
}

static void slow_disks(struct play *p)
{
    play_begin(p);
    for (uint64_t n = 1; n <= 3; n++) {
        play_disk_slow(p, n, 100);
    }
    for (int i = 0; i < 5; i++) {
        play_writes(p, play_leader(p), 0);
    }
    play_await_agree(p);
}

static void leader_sync_fails(struct play *p)
{
    uint64_t old = play_begin(p);
    play_disk_fails(p, old, 1, ERR_SYNC_FAILED);
    uint32_t write = play_write(p, old, 0);
    play_await_down(p, old);
    play_expect(p, play_host(p, old)->state == SIM_HOST_STOPPED, "it stopped by itself");
    uint64_t leader = play_new_leader(p, old);
    play_outcome(p, write);
    play_writes(p, leader, 1);
    play_start(p, old);
    play_await_agree(p);
}

/* The n-th operation of a follower's disk fails, whichever it is. */
static void follower_disk_fails(struct play *p)
{
    uint64_t leader = play_begin(p);
    uint64_t bad = play_follower(p, leader, 1);
    play_disk_fails(p, bad, play_number(p), ERR_IO);
    uint32_t kept = play_writes(p, leader, 0);
    for (int i = 0; i < 5; i++) {
        kept = play_writes(p, leader, 0);
    }
    play_start(p, bad);
    play_await_agree(p);
    play_reads(p, leader, 0, kept);
}

static bool refuses_writes(const struct play *p, uint64_t node, uint64_t unused)
{
    struct service_status s;
    struct sim_host *h = play_host(p, node);
    (void)unused;
    node_service(h->node)->table->status(node_service(h->node), &s);
    return s.disk_full;
}

static bool takes_writes(const struct play *p, uint64_t node, uint64_t unused)
{
    return !refuses_writes(p, node, unused);
}

static void disk_full(struct play *p)
{
    uint64_t leader = play_begin(p);
    uint32_t kept = play_writes(p, leader, 0);
    for (uint64_t n = 1; n <= 3; n++) {
        play_disk_full(p, n, true);
    }
    play_await(p, refuses_writes, leader, 0, "it to notice that its disk is full");
    play_expect_code(p, play_write(p, leader, 0), ERR_DISK_FULL);
    play_reads(p, leader, 0, kept);
    for (uint64_t n = 1; n <= 3; n++) {
        play_disk_full(p, n, false);
    }
    play_await(p, takes_writes, leader, 0, "it to take writes again by itself");
    play_expect(p, play_leader(p) == leader, "it led all the time");
    play_writes(p, leader, 0);
}

static void follower_full(struct play *p)
{
    uint64_t leader = play_begin(p);
    uint64_t full = play_follower(p, leader, 1);
    play_disk_full(p, full, true);
    play_await(p, refuses_writes, full, 0, "it to notice that its disk is full");
    play_expect_code(p, play_write(p, full, 0), ERR_DISK_FULL);
    uint32_t kept = play_writes(p, leader, 0);
    play_reads(p, full, 0, kept);
    play_disk_full(p, full, false);
    play_await(p, takes_writes, full, 0, "it to take writes again by itself");
    play_writes(p, full, 0);
}

/* What was put aside to be flushed has to be written by the stop, which comes before the next try:
 * behind it the log replays nothing that the state machine says to have applied. */
static void stopped_before_a_flush_is_tried_again(struct play *p)
{
    play_begin(p);
    uint32_t kept = play_writes(p, 1, 0);
    play_disk_full(p, 1, true);
    play_await(p, refuses_writes, 1, 0, "it to notice that its disk is full");
    for (uint64_t k = 0; k < 2500; k++) {
        play_step(p);
    }
    play_disk_full(p, 1, false);
    play_stop(p, 1);
    play_await_down(p, 1);
    play_start(p, 1);
    play_reads(p, 1, 0, kept);
    EXPECT_MARK("node: a stop writes what a flush could not");
}

int main(void)
{
    PLAY(3, "disks: leader's disk hangs (R=3, it gives way, what it committed stays)",
         leader_hangs);
    PLAY(3, "disks: leader's disk stalls for two election timeouts (R=3, it stays)", leader_stalls);
    PLAY(3, "disks: a follower's disk hangs (R=3)", follower_hangs);
    PLAY(3, "disks: a majority's disks hang (R=3, write unknown)", majority_hangs);
    PLAY(3, "disks: every sync takes 100 ms (R=3)", slow_disks);
    PLAY(3, "disks: leader's write fails (R=3, it stops, the others go on)", leader_sync_fails);
    PLAY_EACH(3, "disks: a follower's n-th operation fails (R=3, n=1..12)", follower_disk_fails, 1,
              12);
    PLAY(3, "disks: full everywhere (R=3, writes refused, reads served, comes back)", disk_full);
    PLAY(3, "disks: full on a follower (R=3, the leader goes on)", follower_full);
    PLAY(1, "disks: full during a flush, stopped when there is room again (R=1)",
         stopped_before_a_flush_is_tried_again);
    return tap_done();
}
