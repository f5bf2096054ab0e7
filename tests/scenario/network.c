/* tests/scenario/network.c -- slow, lossy, clogged, disorderly: links stay, frames suffer. */
#include "play.h"

static void slow_network(struct play *p)
{
    uint64_t leader = play_begin(p);
    play_network(p)->latency_ns = 40 * SIM_MS;
    play_network(p)->jitter_ns = 20 * SIM_MS;
    for (uint32_t i = 0; i < 20; i++) {
        uint32_t kept = play_writes(p, leader, i % PLAY_KEYS);
        play_reads(p, leader, i % PLAY_KEYS, kept);
    }
    play_expect(p, play_leader(p) == leader, "a slow network is no reason for an election");
}

/* Frames of Raft are lost one in five; what clients ask of the leader succeeds all the same. */
static void message_drops(struct play *p)
{
    uint64_t leader = play_begin(p);
    play_network(p)->drop = 5;
    for (uint32_t i = 0; i < 30; i++) {
        leader = play_leader(p);
        play_outcome(p, play_write(p, leader, i % PLAY_KEYS));
        play_outcome(p, play_read(p, leader, i % PLAY_KEYS));
    }
    play_heal(p);
    play_await_agree(p);
}

static void clogged_then_burst(struct play *p)
{
    uint64_t leader = play_begin(p);
    uint64_t slow = play_follower(p, leader, 1);
    play_clog(p, slow, 5000);
    uint32_t kept = 0;
    for (uint32_t i = 0; i < 50; i++) {
        kept = play_writes(p, leader, 0);
    }
    play_await_agree(p);
    play_reads(p, slow, 0, kept);
}

/* All that the leader says and hears comes late, at once: it had lost its office meanwhile. */
static void clogged_leader(struct play *p)
{
    uint64_t old = play_begin(p);
    play_clog(p, old, 4000);
    uint32_t write = play_write(p, old, 0);
    uint64_t leader = play_new_leader(p, old);
    uint32_t kept = play_writes(p, leader, 0);
    play_expect_not_ok(p, write);
    play_await_agree(p);
    play_reads(p, leader, 0, kept);
}

static void disorder(struct play *p)
{
    uint64_t leader = play_begin(p);
    play_network(p)->reorder = 3;
    play_network(p)->twice = 3;
    play_network(p)->replay = 5;
    for (uint32_t i = 0; i < 40; i++) {
        leader = play_leader(p);
        play_outcome(p, play_write(p, leader, i % PLAY_KEYS));
        play_outcome(p, play_read(p, leader, i % PLAY_KEYS));
    }
    play_heal(p);
    play_await_agree(p);
}

static void frames_cut_short(struct play *p)
{
    uint64_t leader = play_begin(p);
    play_network(p)->truncate = 4;
    for (uint32_t i = 0; i < 30; i++) {
        leader = play_leader(p);
        play_outcome(p, play_write(p, leader, i % PLAY_KEYS));
    }
    play_heal(p);
    play_await_agree(p);
}

static void connections_lost(struct play *p)
{
    uint64_t leader = play_begin(p);
    for (int i = 0; i < 10; i++) {
        leader = play_leader(p);
        uint32_t write = play_write(p, leader, 0);
        play_break(p, 1, 2);
        play_break(p, 2, 3);
        play_break(p, 1, 3);
        play_outcome(p, write);
    }
    play_await_agree(p);
}

static void full_queues(struct play *p)
{
    uint64_t leader = play_begin(p);
    play_network(p)->refuse = 4;
    for (uint32_t i = 0; i < 20; i++) {
        leader = play_leader(p);
        play_outcome(p, play_write(p, leader, 0));
    }
    play_heal(p);
    play_await_agree(p);
}

int main(void)
{
    PLAY(3, "network: slow, 40 ms one way (R=3, no election)", slow_network);
    PLAY(3, "network: one frame in five lost (R=3)", message_drops);
    PLAY(3, "network: follower clogged, then a burst (R=3)", clogged_then_burst);
    PLAY(3, "network: leader clogged, then a burst (R=3, it was deposed)", clogged_leader);
    PLAY(3, "network: frames reordered, doubled, replayed (R=3)", disorder);
    PLAY(3, "network: frames cut short (R=3)", frames_cut_short);
    PLAY(3, "network: all connections lost, ten times (R=3)", connections_lost);
    PLAY(3, "network: send queues full now and then (R=3)", full_queues);
    return tap_done();
}
