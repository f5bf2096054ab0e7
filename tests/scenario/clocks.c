/* tests/scenario/clocks.c -- clocks that jump, run fast or slow, pauses, and wall clocks. */
#include "play.h"

/* It sleeps through its own deposition; on waking it has not heard of it yet. */
static void paused_leader(struct play *p)
{
    uint64_t old = play_begin(p);
    play_writes(p, old, 0);
    play_pause(p, old);
    uint64_t leader = play_new_leader(p, old);
    uint32_t newer = play_writes(p, leader, 0);
    play_resume(p, old);
    uint32_t read = play_read(p, old, 0);
    if (play_outcome(p, read) == PLAY_OK) {
        play_expect(p, p->ask[read].serial == p->ask[newer].serial, "nothing stale was read");
    }
    play_await_no_longer_leads(p, old);
    play_await_agree(p);
}

/* The same, and it cannot be reached when it wakes. */
static void paused_and_alone(struct play *p)
{
    uint64_t old = play_begin(p);
    play_writes(p, old, 0);
    play_pause(p, old);
    uint64_t leader = play_new_leader(p, old);
    play_writes(p, leader, 0);
    play_isolate(p, old);
    play_resume(p, old);
    play_expect_not_ok(p, play_read(p, old, 0));
    play_await_no_longer_leads(p, old);
}

static void short_pause(struct play *p)
{
    uint64_t leader = play_begin(p);
    uint64_t term = play_seen(p, leader)->term;
    play_pause(p, leader);
    for (int i = 0; i < PLAY_ELECTION_MS_MIN / 3; i++) {
        play_step(p);
    }
    play_resume(p, leader);
    play_writes(p, leader, 0);
    play_expect(p, play_seen(p, leader)->term == term, "nobody noticed");
}

static void leader_jumps(struct play *p)
{
    uint64_t old = play_begin(p);
    sim_host_jump(play_host(p, old), 3600 * SIM_S);
    uint64_t leader = play_leader(p);
    play_writes(p, leader, 0);
    play_await_agree(p);
}

static void follower_jumps(struct play *p)
{
    uint64_t leader = play_begin(p);
    for (int i = 0; i < 10; i++) {
        sim_host_jump(play_host(p, play_follower(p, leader, 1)), 5 * SIM_S);
        play_elections_pass(p, 1);
        leader = play_leader(p);
        play_writes(p, leader, 0);
    }
    play_await_agree(p);
}

static void fast_and_slow(struct play *p)
{
    uint64_t leader = play_begin(p);
    sim_host_rate(play_host(p, leader), 922);                       /* 0.9 */
    sim_host_rate(play_host(p, play_follower(p, leader, 1)), 1126); /* 1.1 */
    play_elections_pass(p, 20);
    play_expect(p, play_leader(p) == leader, "a tenth off is no reason for an election");
    play_writes(p, leader, 0);
}

static uint64_t wall_of(const struct play *p, uint64_t node)
{
    return os_wall(&play_host(p, node)->loop.os);
}

/* The reading is of our days, it goes back, and a restart does not mend it. */
static void wall_clock_backwards(struct play *p)
{
    uint64_t leader = play_begin(p);
    uint32_t kept = play_writes(p, leader, 0);
    for (uint64_t n = 1; n <= 3; n++) {
        uint64_t before = wall_of(p, n);
        sim_host_wall(play_host(p, n), -(int64_t)(3600 * SIM_S));
        play_expect(p, before > SIM_LOOP_WALL_NS, "the wall clock knows the year");
        play_expect(p, wall_of(p, n) == before - 3600 * SIM_S, "it went back an hour");
    }
    uint64_t again = play_follower(p, leader, 1);
    uint64_t was = wall_of(p, again);
    play_crash(p, again);
    play_start(p, again);
    play_expect(p, wall_of(p, again) < was + SIM_S, "and stays there when the node starts again");
    play_elections_pass(p, 5);
    play_expect(p, play_leader(p) == leader, "the wall clock decides nothing");
    play_reads(p, leader, 0, kept);
    play_writes(p, leader, 0);
}

static void slow_processor(struct play *p)
{
    uint64_t leader = play_begin(p);
    struct sim_host *slow = play_host(p, play_follower(p, leader, 1));
    slow->turn_ns = 50 * SIM_MS;
    for (int i = 0; i < 20; i++) {
        play_writes(p, leader, 0);
    }
    slow->turn_ns = slow->usual_turn_ns;
    play_await_agree(p);
}

int main(void)
{
    PLAY(3, "clocks: leader paused past its lease (R=3, no stale read)", paused_leader);
    PLAY(3, "clocks: leader paused, wakes up alone (R=3, its reads fail)", paused_and_alone);
    PLAY(3, "clocks: leader paused for less than an election timeout (R=3)", short_pause);
    PLAY(3, "clocks: leader's clock jumps an hour (R=3)", leader_jumps);
    PLAY(3, "clocks: a follower's clock jumps again and again (R=3)", follower_jumps);
    PLAY(3, "clocks: leader slow, follower fast by a tenth (R=3)", fast_and_slow);
    PLAY(3, "clocks: wall clocks go back an hour (R=3)", wall_clock_backwards);
    PLAY(3, "clocks: a follower's processor is slow (R=3)", slow_processor);
    return tap_done();
}
