/* tests/scenario/elections.c -- who leads, when nobody does, and that never two do in one term. */
#include "play.h"

static void one_leader(struct play *p)
{
    uint64_t leader = play_begin(p);
    play_writes(p, leader, 0);
    play_elections_pass(p, 5);
    play_expect(p, play_leader(p) == leader, "it still leads: nobody had a reason to stand");
    play_expect(p, p->world->judge.leaders == 1, "there was one election");
}

static void leader_dies(struct play *p)
{
    uint64_t old = play_begin(p);
    uint32_t kept = play_writes(p, old, 0);
    play_crash(p, old);
    uint64_t leader = play_new_leader(p, old);
    play_reads(p, leader, 0, kept);
    play_start(p, old);
    play_await_agree(p);
    play_expect(p, play_leader(p) == leader, "the old one follows when it is back");
}

static void two_of_five_die(struct play *p)
{
    uint64_t old = play_begin(p);
    uint32_t kept = play_writes(p, old, 0);
    play_crash(p, old);
    play_crash(p, play_follower(p, old, 1));
    uint64_t leader = play_new_leader(p, old);
    play_reads(p, leader, 0, kept);
    play_writes(p, leader, 1);
}

static void leaders_die_in_turn(struct play *p)
{
    uint64_t leader = play_begin(p);
    uint32_t kept = 0;
    for (int i = 0; i < 8; i++) {
        kept = play_writes(p, leader, 0);
        play_crash(p, leader);
        uint64_t next = play_new_leader(p, leader);
        play_start(p, leader);
        leader = next;
        play_reads(p, leader, 0, kept);
    }
}

static void two_of_three_down(struct play *p)
{
    uint64_t leader = play_begin(p);
    uint64_t a = play_follower(p, leader, 1);
    uint64_t b = play_follower(p, leader, 2);
    uint32_t kept = play_writes(p, leader, 0);
    play_crash(p, a);
    play_crash(p, b);
    uint32_t write = play_write(p, leader, 1);
    play_await_no_longer_leads(p, leader);
    play_expect_not_ok(p, write);
    play_elections_pass(p, 10);
    play_expect_no_leader(p);
    play_expect_not_ok(p, play_read(p, leader, 0));
    play_start(p, a);
    play_reads(p, play_leader(p), 0, kept);
    play_start(p, b);
    play_await_agree(p);
}

static void isolated_keeps_its_term(struct play *p)
{
    uint64_t leader = play_begin(p);
    uint64_t alone = play_follower(p, leader, 1);
    uint64_t term = play_seen(p, leader)->term;
    play_isolate(p, alone);
    play_elections_pass(p, 20);
    play_expect(p, play_seen(p, alone)->term == term, "it asked, but did not raise its term");
    play_heal(p);
    play_await_agree(p);
    play_expect(p, play_leader(p) == leader, "its return has not unseated the leader");
    play_expect(p, play_seen(p, leader)->term == term, "nor raised the term");
}

static void short_log_is_not_elected(struct play *p)
{
    uint64_t leader = play_begin(p);
    uint64_t behind = play_follower(p, leader, 1);
    uint64_t other = play_follower(p, leader, 2);
    play_isolate(p, behind);
    uint32_t kept = play_writes(p, leader, 0);
    play_crash(p, leader);
    play_heal(p);
    uint64_t next = play_new_leader(p, leader);
    play_expect(p, next == other, "the one that has the entry leads");
    play_reads(p, next, 0, kept);
}

int main(void)
{
    PLAY(3, "elections: a well cluster keeps its leader (R=3)", one_leader);
    PLAY(3, "elections: leader dies, comes back as a follower (R=3)", leader_dies);
    PLAY(5, "elections: leader and another one die, three go on (R=5)", two_of_five_die);
    PLAY(5, "elections: eight leaders die one after the other (R=5)", leaders_die_in_turn);
    PLAY(3, "elections: two down, no progress, one comes back (R=3)", two_of_three_down);
    PLAY(3, "elections: an isolated node keeps its term, pre-vote (R=3)", isolated_keeps_its_term);
    PLAY(3, "elections: a node that lacks an entry is not elected (R=3)", short_log_is_not_elected);
    return tap_done();
}
