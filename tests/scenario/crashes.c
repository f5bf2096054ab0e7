/* tests/scenario/crashes.c -- kill at every effect of a write, power cuts, the same node again and
 * again. */
#include "play.h"

/* A write is asked; the leader dies inside its n-th effect from then: a write to disk, a sync, a
 * message, the answer. */
static void leader_dies_inside(struct play *p)
{
    uint64_t old = play_begin(p);
    uint32_t before = play_writes(p, old, 0);
    sim_host_crash_soon(play_host(p, old), play_number(p));
    uint32_t write = play_write(p, old, 0);
    play_await_down(p, old); /* heartbeats are effects too */
    uint64_t leader = play_new_leader(p, old);
    uint32_t read = play_read(p, leader, 0);
    play_expect_ok(p, read);
    bool done = p->ask[read].serial == p->ask[write].serial;
    bool known = play_outcome(p, write) == PLAY_OK;
    play_expect(p, done || !known, "what was acknowledged is there");
    play_expect(p, done || p->ask[read].serial == p->ask[before].serial, "it is whole, or not");
    play_start(p, old);
    play_await_agree(p);
    play_reads(p, old, 0, done ? write : before);
}

static void follower_dies_inside(struct play *p)
{
    uint64_t leader = play_begin(p);
    uint64_t dies = play_follower(p, leader, 1);
    sim_host_crash_soon(play_host(p, dies), play_number(p));
    uint32_t kept = play_writes(p, leader, 0);
    play_await_down(p, dies);
    play_reads(p, leader, 0, kept);
    play_start(p, dies);
    play_await_agree(p);
    play_reads(p, dies, 0, kept);
}

/* Alone, so that what its own disk has is all there is. */
static void single_dies_inside(struct play *p)
{
    play_begin(p);
    uint32_t before = play_writes(p, 1, 0);
    sim_host_crash_soon(play_host(p, 1), play_number(p));
    uint32_t write = play_write(p, 1, 0);
    while (play_outcome(p, write) == PLAY_OK) {
        before = write;
        if (play_host(p, 1)->state != SIM_HOST_UP) {
            break; /* it died with the answer */
        }
        write = play_write(p, 1, 0);
    }
    play_await_down(p, 1);
    play_start(p, 1);
    play_leader(p);
    uint32_t read = play_read(p, 1, 0);
    play_expect_ok(p, read);
    bool done = p->ask[read].serial == p->ask[write].serial;
    play_expect(p, done || p->ask[read].serial == p->ask[before].serial, "it is whole, or not");
}

/* It dies inside the n-th effect of its own start, and starts again. */
static void dies_while_starting(struct play *p)
{
    uint64_t leader = play_begin(p);
    uint64_t dies = play_follower(p, leader, 1);
    play_crash(p, dies);
    uint32_t kept = play_writes(p, leader, 0);
    sim_host_crash_soon(play_host(p, dies), play_number(p));
    play_start(p, dies);
    play_await_down(p, dies);
    play_start(p, dies);
    play_await_agree(p);
    play_reads(p, dies, 0, kept);
}

static void same_node_again(struct play *p)
{
    uint64_t leader = play_begin(p);
    uint64_t dies = play_follower(p, leader, 1);
    uint32_t kept = 0;
    for (int i = 0; i < 20; i++) {
        play_crash(p, dies);
        kept = play_writes(p, leader, 0);
        play_start(p, dies);
        kept = play_writes(p, leader, 0);
    }
    play_await_agree(p);
    play_reads(p, dies, 0, kept);
}

/* Everybody writes, the power goes, what was not synced is lost. */
static void power_goes(struct play *p)
{
    uint64_t leader = play_begin(p);
    uint32_t write[16];
    for (uint32_t i = 0; i < 16; i++) {
        write[i] = play_write(p, i % 2 == 0 ? leader : play_follower(p, leader, 1), i % PLAY_KEYS);
    }
    for (uint64_t k = play_number(p); k > 0; k--) {
        play_step(p);
    }
    play_crash_all(p);
    play_start_all(p);
    leader = play_leader(p);
    for (uint32_t i = 0; i < 16; i++) {
        play_outcome(p, write[i]);
    }
    for (uint32_t key = 0; key < PLAY_KEYS; key++) { /* and linearizable, says the end game */
        play_expect_ok(p, play_read(p, leader, key));
    }
}

static void power_goes_for_most(struct play *p)
{
    uint64_t leader = play_begin(p);
    uint32_t kept = play_writes(p, leader, 0);
    uint32_t open = play_write(p, leader, 0);
    for (uint64_t k = 0; k < 2; k++) {
        play_crash(p, play_follower(p, leader, k + 1));
    }
    play_crash(p, leader);
    play_elections_pass(p, 5);
    play_expect_no_leader(p);
    for (uint64_t k = 0; k < 2; k++) {
        play_start(p, play_follower(p, leader, k + 1));
    }
    uint64_t next = play_new_leader(p, leader);
    play_outcome(p, open);
    uint32_t read = play_read(p, next, 0);
    play_expect_ok(p, read);
    bool fits =
        p->ask[read].serial == p->ask[kept].serial || p->ask[read].serial == p->ask[open].serial;
    play_expect(p, fits, "what was acknowledged, or the open one");
}

int main(void)
{
    PLAY_EACH(3, "crashes: leader dies inside the n-th effect of a write (R=3, n=1..40)",
              leader_dies_inside, 1, 40);
    PLAY_EACH(3, "crashes: follower dies inside the n-th effect of a write (R=3, n=1..20)",
              follower_dies_inside, 1, 20);
    PLAY_EACH(1, "crashes: a node alone dies inside the n-th effect of a write (R=1, n=1..12)",
              single_dies_inside, 1, 12);
    PLAY_EACH(3, "crashes: a node dies inside the n-th effect of its start (R=3, n=1..20)",
              dies_while_starting, 1, 20);
    PLAY(3, "crashes: the same node, twenty times (R=3)", same_node_again);
    PLAY_EACH(3, "crashes: power goes during sixteen writes (R=3, n=0..9 ms later)", power_goes, 0,
              9);
    PLAY_EACH(5, "crashes: power goes during sixteen writes (R=5, n=0..4 ms later)", power_goes, 0,
              4);
    PLAY(5, "crashes: three of five lose power (R=5, no progress, comes back)",
         power_goes_for_most);
    return tap_done();
}
