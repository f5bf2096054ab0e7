/* tests/scenario/partitions.c -- links that are cut: one way, both ways, in every shape. */
#include "play.h"

static void isolated_leader(struct play *p)
{
    uint64_t old = play_begin(p);
    uint32_t before = play_writes(p, old, 0);
    play_isolate(p, old);
    uint32_t write = play_write(p, old, 0);
    uint32_t read = play_read(p, old, 0);
    uint64_t leader = play_new_leader(p, old);
    play_await_no_longer_leads(p, old);
    play_expect_not_ok(p, read);
    play_reads(p, leader, 0, before);
    uint32_t after = play_writes(p, leader, 0);
    play_expect_not_ok(p, write);
    play_expect_not_ok(p, play_read(p, old, 0));
    play_heal(p);
    play_await_agree(p);
    play_reads(p, old, 0, after);
}

static void follower_cut_off(struct play *p)
{
    uint64_t leader = play_begin(p);
    uint64_t alone = play_follower(p, leader, 1);
    play_isolate(p, alone);
    uint32_t kept = play_writes(p, leader, 0);
    play_expect_not_ok(p, play_read(p, alone, 0));
    play_expect_not_ok(p, play_write(p, alone, 0));
    play_reads(p, leader, 0, kept);
    play_heal(p);
    play_await_agree(p);
    play_reads(p, alone, 0, kept);
}

/* It hears nobody, everybody hears it. */
static void leader_sends_only(struct play *p)
{
    uint64_t old = play_begin(p);
    uint64_t a = play_follower(p, old, 1);
    uint64_t b = play_follower(p, old, 2);
    play_cut_way(p, a, old);
    play_cut_way(p, b, old);
    uint32_t write = play_write(p, old, 0);
    play_await_no_longer_leads(p, old);
    play_expect_not_ok(p, write);
    uint64_t leader = play_new_leader(p, old);
    play_writes(p, leader, 1);
    play_heal(p);
    play_await_agree(p);
}

/* Nobody hears it, it hears everybody. */
static void leader_receives_only(struct play *p)
{
    uint64_t old = play_begin(p);
    play_cut_way(p, old, play_follower(p, old, 1));
    play_cut_way(p, old, play_follower(p, old, 2));
    uint32_t write = play_write(p, old, 0);
    uint64_t leader = play_new_leader(p, old);
    play_writes(p, leader, 1);
    play_await_no_longer_leads(p, old);
    play_expect_not_ok(p, write);
    play_heal(p);
    play_await_agree(p);
}

static void follower_sends_only(struct play *p)
{
    uint64_t leader = play_begin(p);
    uint64_t deaf = play_follower(p, leader, 1);
    play_cut_way(p, leader, deaf);
    play_cut_way(p, play_follower(p, leader, 2), deaf);
    play_elections_pass(p, 10);
    play_expect(p, play_leader(p) == leader, "a node that only sends unseats nobody");
    play_writes(p, leader, 0);
    play_heal(p);
    play_await_agree(p);
}

static void follower_receives_only(struct play *p)
{
    uint64_t leader = play_begin(p);
    uint64_t mute = play_follower(p, leader, 1);
    play_cut_way(p, mute, leader);
    play_cut_way(p, mute, play_follower(p, leader, 2));
    uint32_t kept = play_writes(p, leader, 0);
    play_elections_pass(p, 10);
    play_expect(p, play_leader(p) == leader, "the leader does without its answers");
    play_reads(p, leader, 0, kept);
    play_heal(p);
    play_await_agree(p);
}

/* The leader is in the smaller half. */
static void halves(struct play *p)
{
    uint64_t old = play_begin(p);
    uint64_t with_it = play_follower(p, old, 1);
    for (uint64_t k = 2; k <= 4; k++) {
        play_cut(p, old, play_follower(p, old, k));
        play_cut(p, with_it, play_follower(p, old, k));
    }
    uint32_t lost = play_write(p, with_it, 0);
    uint64_t leader = play_new_leader(p, old);
    uint32_t kept = play_writes(p, leader, 0);
    play_await_no_longer_leads(p, old);
    play_expect_not_ok(p, lost);
    play_heal(p);
    play_await_agree(p);
    play_reads(p, with_it, 0, kept);
}

/* 1,2 and 4,5 do not see each other, 3 sees all: there is a majority around it. */
static void bridge(struct play *p)
{
    play_begin(p);
    for (uint64_t a = 1; a <= 2; a++) {
        for (uint64_t b = 4; b <= 5; b++) {
            play_cut(p, a, b);
        }
    }
    play_elections_pass(p, 10);
    uint64_t leader = play_leader(p);
    uint32_t kept = play_writes(p, leader, 0);
    play_reads(p, leader, 0, kept);
    play_heal(p);
    play_await_agree(p);
}

/* Three in a row: the ends see only the middle. */
static void chain(struct play *p)
{
    uint64_t leader = play_begin(p);
    uint64_t end = play_follower(p, leader, 1);
    play_cut(p, leader, end);
    uint32_t kept = play_writes(p, leader, 0);
    play_elections_pass(p, 20);
    leader = play_leader(p);
    play_reads(p, leader, 0, kept);
    play_heal(p);
    play_await_agree(p);
}

/* Everybody sees two neighbours, which are a majority with oneself. */
static void ring(struct play *p)
{
    play_begin(p);
    for (uint64_t a = 1; a <= 5; a++) {
        for (uint64_t b = a + 2; b <= 5; b++) {
            if (a + 4 != b) {
                play_cut(p, a, b);
            }
        }
    }
    play_elections_pass(p, 10);
    uint64_t leader = play_leader(p);
    uint32_t kept = play_writes(p, leader, 0);
    play_heal(p);
    play_await_agree(p);
    play_reads(p, play_leader(p), 0, kept);
}

static void flapping(struct play *p)
{
    uint64_t leader = play_begin(p);
    uint64_t other = play_follower(p, leader, 1);
    uint64_t term = play_seen(p, leader)->term;
    for (int i = 0; i < 40; i++) {
        play_cut(p, leader, other);
        for (int k = 0; k < 150; k++) {
            play_step(p);
        }
        play_mend(p, leader, other);
        for (int k = 0; k < 150; k++) {
            play_step(p);
        }
        play_writes(p, leader, 0);
    }
    play_expect(p, play_leader(p) == leader, "it still leads");
    play_expect(p, play_seen(p, leader)->term == term, "in the same term");
    play_await_agree(p);
}

static void every_pair(struct play *p)
{
    play_begin(p);
    for (uint64_t a = 1; a <= 5; a++) {
        for (uint64_t b = a + 1; b <= 5; b++) {
            play_cut(p, a, b);
        }
    }
    play_await_no_leader(p);
    play_elections_pass(p, 10);
    play_expect_no_leader(p);
    play_heal(p);
    play_writes(p, play_leader(p), 0);
    play_await_agree(p);
}

/* A new leader every time: the last one is cut off while it has entries that nobody else has. */
static void split_again_and_again(struct play *p)
{
    uint64_t leader = play_begin(p);
    for (int i = 0; i < 6; i++) {
        play_isolate(p, leader);
        uint32_t lost = play_write(p, leader, 0);
        uint64_t next = play_new_leader(p, leader);
        uint32_t kept = play_writes(p, next, 0);
        play_expect_not_ok(p, lost);
        play_heal(p);
        play_reads(p, next, 0, kept);
        leader = play_leader(p);
    }
    play_await_agree(p); /* and the judges saw one leader a term */
}

int main(void)
{
    PLAY(3, "partitions: isolate leader (R=3, steps down, reads fail, write open)",
         isolated_leader);
    PLAY(3, "partitions: isolate follower (R=3)", follower_cut_off);
    PLAY(3, "partitions: leader, send only (R=3)", leader_sends_only);
    PLAY(3, "partitions: leader, receive only (R=3)", leader_receives_only);
    PLAY(3, "partitions: follower, send only (R=3)", follower_sends_only);
    PLAY(3, "partitions: follower, receive only (R=3)", follower_receives_only);
    PLAY(5, "partitions: leader in the smaller half (R=5)", halves);
    PLAY(5, "partitions: bridge, one node sees both halves (R=5)", bridge);
    PLAY(3, "partitions: chain, leader at one end (R=3)", chain);
    PLAY(5, "partitions: ring, everybody sees two neighbours (R=5)", ring);
    PLAY(3, "partitions: flapping link to one follower, forty times (R=3)", flapping);
    PLAY(5, "partitions: nobody sees anybody, then everybody all (R=5)", every_pair);
    PLAY(3, "partitions: split brain six times, one leader a term (R=3)", split_again_and_again);
    return tap_done();
}
