/* tests/scenario/rivals.c -- two beginnings with other members, each decided by a majority of its
 * own: an operator's mistake that costs no acknowledged write. */
#include "play.h"

enum {
    CUTS = 4
};

/* The judges know of one cluster; what two of them do is judged by the plays. */
static void begin(struct play *p)
{
    static const char *const all[] = { "", NULL };
    p->borne = all;
    p->no_end = true;
    play_start_all(p);
    play_elections_pass(p, 2);
}

static bool has_begun(const struct play *p, uint64_t node, uint64_t value)
{
    (void)value;
    return play_status(p, node).last > 0;
}

/* Nodes 1 and 2 have begun with 3; nodes 3 and 4 with 2. A write is acknowledged by 1 and 2 before
 * 2 has heard that anything is committed, or it has forgotten that in a restart. Then 2 meets
 * those of the other list, before it hears of 1. */
static void lists_overlap(struct play *p)
{
    uint64_t how = play_number(p) % CUTS;
    begin(p);
    uint32_t other = play_init_of(p, 4, 2, 4);
    play_init_of(p, 1, 1, 3);
    play_await(p, has_begun, 4, 0, "it to begin");
    play_await(p, has_begun, 1, 0, "it to begin as well");
    for (uint64_t a = 1; a <= 2; a++) {
        play_cut(p, a, 3);
        play_cut(p, a, 4);
    }
    play_expect_ok(p, other);
    while (play_status(p, 1).role != RAFT_LEADER && p->world->now_ns < PLAY_PATIENCE_NS) {
        play_step(p);
    }
    uint32_t write = play_write(p, 1, 0);
    while (p->ask[write].outcome == PLAY_PENDING) {
        play_step(p);
        if (how == 2 && play_status(p, 2).last == 3) {
            play_cut_way(p, 1, 2);
        }
    }
    play_expect_ok(p, write);
    if (how != 2) {
        play_crash(p, 2);
    }
    if (how == 0) {
        play_crash(p, 1);
        play_heal(p);
    } else if (how == 3) {
        play_heal(p);
    } else {
        play_isolate(p, 1);
        play_mend(p, 2, 3);
        play_mend(p, 2, 4);
    }
    if (how != 2) {
        play_start(p, 2);
    }
    play_elections_pass(p, 5);
    play_heal(p);
    if (how == 0) {
        play_start(p, 1);
    }
    play_elections_pass(p, 40);
    play_reads(p, 1, 0, write);
    play_reads(p, 2, 0, write);
}

/* Node 5 leads a beginning of 3, 4 and 5 that is never decided, for 4 is gone. Node 3 is a voter of
 * 1, 2 and 3, who have decided theirs; without 1 it is needed there. */
static void led_by_the_undecided(struct play *p)
{
    begin(p);
    play_disk_slow(p, 5, 100);
    play_init_of(p, 5, 3, 5);
    play_await(p, has_begun, 5, 0, "it to begin");
    play_isolate(p, 3);
    while (play_status(p, 5).role != RAFT_LEADER && p->world->now_ns < PLAY_PATIENCE_NS) {
        play_step(p);
    }
    play_expect(p, play_status(p, 5).role == RAFT_LEADER, "node 5 leads its own");
    for (uint32_t key = 0; key < 3; key++) {
        play_write(p, 5, key);
    }
    play_step(p);
    play_crash(p, 4);
    play_elections_pass(p, 3);
    play_heal(p);
    for (uint64_t n = 1; n <= 3; n++) {
        play_cut(p, n, 5);
    }
    play_expect_ok(p, play_init_of(p, 1, 1, 3));
    play_elections_pass(p, 3);
    play_crash(p, 1);
    play_cut(p, 2, 3);
    play_mend(p, 3, 5);
    play_mend(p, 2, 5);
    play_elections_pass(p, 20);
    play_heal(p);
    play_elections_pass(p, 10);
    play_writes(p, 2, 3);
    play_writes(p, 3, 4);
}

/* Of one list, but not of one group: node 1 has begun with 3, whose disk is lost since. What both
 * have acknowledged is on node 1 alone, of which node 2 heard last that it had not begun. Node 2,
 * or 3 itself, is asked to begin as well, at once or after a restart. */
static void a_disk_between(struct play *p)
{
    uint64_t other = 2 + play_number(p) % 2;
    begin(p);
    uint32_t init = play_init(p, 1);
    play_await(p, has_begun, 1, 0, "it to begin");
    play_isolate(p, 2);
    play_expect_ok(p, init);
    uint32_t write = play_writes(p, play_status(p, 1).leader, 0);
    play_isolate(p, 1);
    play_crash(p, 3);
    play_disk_wipe(p, 3);
    play_mend(p, 2, 3);
    play_start(p, 3);
    play_elections_pass(p, 2);
    if (play_number(p) / 2 != 0) {
        play_crash(p, other);
        play_start(p, other);
        play_elections_pass(p, 2);
    }
    play_expect_code(p, play_init(p, other), ERR_TIMEOUT);
    play_expect_no_leader(p);
    play_heal(p);
    play_expect_code(p, play_init(p, other), ERR_ALREADY_INITIALIZED);
    play_elections_pass(p, 20);
    play_reads(p, play_leader(p), 0, write);
}

int main(void)
{
    PLAY_EACH(4, "rivals: lists that overlap, both decided (R=4, n=0..19, no write is lost)",
              lists_overlap, 0, 19);
    PLAY(5, "rivals: a voter of one is wanted by a leader of the other (R=5, it is not held)",
         led_by_the_undecided);
    PLAY_EACH(3, "rivals: one list twice, and a disk lost between (R=3, n=0..3, nothing is lost)",
              a_disk_between, 0, 3);
    return tap_done();
}
