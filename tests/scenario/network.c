/* tests/scenario/network.c -- slow, lossy, clogged, disorderly: links stay, frames suffer. */
#include "play.h"

/* A write and a read of it at whoever leads, so many times; how many of both were served. What was
 * read behind a write that was served is that one, whatever became of others. */
static uint32_t served(struct play *p, uint32_t times)
{
    uint32_t good = 0;
    for (uint32_t i = 0; i < times; i++) {
        uint64_t leader = play_leader(p);
        uint32_t write = play_write(p, leader, i % PLAY_KEYS);
        bool written = play_outcome(p, write) == PLAY_OK;
        uint32_t read = play_read(p, leader, i % PLAY_KEYS);
        bool found = play_outcome(p, read) == PLAY_OK;
        if (written && found) {
            play_expect(p, p->ask[read].serial == p->ask[write].serial, "the write is read");
        }
        good += written && found;
    }
    return good;
}

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
    play_begin(p);
    uint64_t lost = p->world->net.lost;
    play_network(p)->drop = 5;
    play_expect(p, served(p, 30) == 30, "all is served");
    play_expect(p, p->world->net.lost > lost + 30, "though many frames were lost");
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
    play_begin(p);
    play_network(p)->reorder = 3;
    play_network(p)->twice = 3;
    play_network(p)->replay = 5;
    play_expect(p, served(p, 40) == 40, "all is served");
    play_heal(p);
    play_await_agree(p);
}

static void frames_cut_short(struct play *p)
{
    play_begin(p);
    play_network(p)->truncate = 4;
    play_expect(p, served(p, 30) == 30, "all is served");
    play_heal(p);
    play_await_agree(p);
}

/* What is on its way is lost, and may not be done; what was answered is there in the end. */
static void connections_lost(struct play *p)
{
    uint64_t leader = play_begin(p);
    uint64_t kept = p->ask[play_writes(p, leader, 0)].serial;
    for (int i = 0; i < 10; i++) {
        leader = play_leader(p);
        uint32_t write = play_write(p, leader, 0);
        play_break(p, 1, 2);
        play_break(p, 2, 3);
        play_break(p, 1, 3);
        kept = play_outcome(p, write) == PLAY_OK ? p->ask[write].serial : kept;
    }
    play_await_agree(p);
    uint32_t read = play_read(p, play_leader(p), 0);
    play_expect_ok(p, read);
    play_expect(p, p->ask[read].serial >= kept, "the newest that was answered, or later");
}

static void full_queues(struct play *p)
{
    play_begin(p);
    play_network(p)->refuse = 4;
    play_expect(p, served(p, 20) == 20, "all is served");
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
