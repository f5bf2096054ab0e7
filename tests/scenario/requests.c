/* tests/scenario/requests.c -- reads and writes asked of any node: forwarded, repeated, large. */
#include "play.h"

static void reads_everywhere(struct play *p)
{
    uint64_t leader = play_begin(p);
    for (uint32_t i = 0; i < 10; i++) {
        uint32_t kept = play_writes(p, 1 + i % 3, 0);
        for (uint64_t n = 1; n <= 3; n++) {
            play_reads(p, n, 0, kept);
        }
    }
    play_reads_nothing(p, leader, 1);
}

/* A follower that cannot be reached answers what it has, when asked for no more. */
static void local_reads(struct play *p)
{
    uint64_t leader = play_begin(p);
    uint64_t alone = play_follower(p, leader, 1);
    uint32_t old = play_writes(p, leader, 0);
    play_await_agree(p);
    play_isolate(p, alone);
    play_writes(p, leader, 0);
    uint32_t read = play_read_local(p, alone, 0);
    play_expect_ok(p, read);
    play_expect(p, p->ask[read].serial == p->ask[old].serial, "what it had");
    play_expect_not_ok(p, play_read(p, alone, 0));
    EXPECT_MARK("node: a refused operation waits for a leader");
}

/* What a new leader has committed before it leads, it serves only once it knows so. */
static void read_on_a_new_leader(struct play *p)
{
    uint64_t old = play_begin(p);
    for (int i = 0; i < 5; i++) {
        uint32_t kept = play_writes(p, old, 0);
        play_crash(p, old);
        uint32_t read = play_read(p, play_follower(p, old, 1), 0);
        uint64_t leader = play_new_leader(p, old);
        if (play_outcome(p, read) == PLAY_OK) {
            play_expect(p, p->ask[read].serial == p->ask[kept].serial, "nothing stale");
        }
        play_reads(p, leader, 0, kept);
        play_start(p, old);
        old = play_leader(p);
    }
}

static void forwarded(struct play *p)
{
    uint64_t leader = play_begin(p);
    uint32_t kept = play_writes(p, play_follower(p, leader, 1), 0);
    play_reads(p, play_follower(p, leader, 2), 0, kept);
}

/* Asked before anybody leads: it waits for a leader. */
static void waits_for_a_leader(struct play *p)
{
    uint64_t old = play_begin(p);
    play_crash(p, old);
    uint32_t write = play_write(p, play_follower(p, old, 1), 0);
    play_new_leader(p, old);
    if (play_outcome(p, write) == PLAY_OK) {
        play_reads(p, play_follower(p, old, 2), 0, write);
    }
    EXPECT_MARK("node: the leader that has a write is deposed");
}

/* Nothing is taken while the office is given away; once that took too long, what waits is done, at
 * a follower too, which nobody tells so. */
static void transfer_to_the_silent(struct play *p)
{
    uint64_t leader = play_begin(p);
    uint64_t silent = play_follower(p, leader, 1);
    uint64_t other = play_follower(p, leader, 2);
    uint32_t forwarded[5];
    play_pause(p, silent);
    uint32_t transfer = play_transfer(p, leader, silent);
    play_step(p);
    uint32_t write = play_write(p, leader, 0);
    for (uint32_t i = 0; i < 5; i++) {
        forwarded[i] = play_write(p, other, 1 + i);
    }
    uint32_t read = play_read(p, other, 7);
    play_step(p);
    play_expect_pending(p, write);
    play_expect_code(p, transfer, ERR_OUTCOME_UNKNOWN); /* it was bidden, and may yet hear it */
    uint64_t given_up_ns = p->world->now_ns;
    play_expect_ok(p, write);
    play_expect(p, p->world->now_ns - given_up_ns < PLAY_HEARTBEAT_MS * SIM_MS, "at once");
    for (uint32_t i = 0; i < 5; i++) {
        play_expect_ok(p, forwarded[i]);
    }
    play_expect_ok(p, read);
    play_expect(p, play_leader(p) == leader, "it led all the time");
    play_resume(p, silent);
}

/* Asked of every node n ms after the office was offered to one that is a little away: whoever leads
 * by then, all is done, and nobody has to ask again. */
static void asked_during_a_transfer(struct play *p)
{
    uint64_t leader = play_begin(p);
    uint64_t next = play_follower(p, leader, 1);
    uint32_t write[3];
    uint32_t read[3];
    play_clog(p, next, PLAY_ELECTION_MS_MIN / 10);
    uint32_t transfer = play_transfer(p, leader, next);
    for (uint64_t ms = 0; ms < play_number(p); ms++) {
        play_step(p);
    }
    for (uint64_t n = 1; n <= 3; n++) {
        write[n - 1] = play_write(p, n, (uint32_t)n);
        read[n - 1] = play_read(p, n, 7);
    }
    for (uint64_t n = 1; n <= 3; n++) {
        play_expect_ok(p, write[n - 1]);
        play_expect_ok(p, read[n - 1]);
    }
    play_expect_ok(p, transfer);
    play_expect(p, play_leader(p) == next, "the office was taken over");
}

/* Asked of nodes that are removed n ms before or soon: done, or refused as soon as they know it;
 * nobody waits for a leader of which such a node never hears. */
static void asked_while_removed(struct play *p)
{
    uint64_t leader = play_begin(p);
    uint64_t stays = play_follower(p, leader, 1);
    uint64_t gone = play_follower(p, leader, 2);
    play_await_agree(p);
    uint32_t change = play_voters(p, gone, &stays, 1);
    for (uint64_t ms = 0; ms < play_number(p); ms++) {
        play_step(p);
    }
    uint64_t asked_ns = p->world->now_ns;
    uint32_t ask[] = { play_write(p, gone, 0), play_read(p, gone, 1), play_write(p, leader, 2),
                       play_read(p, leader, 3) };
    for (size_t i = 0; i < sizeof ask / sizeof ask[0]; i++) {
        play_outcome(p, ask[i]);
    }
    uint64_t took_ns = p->world->now_ns - asked_ns;
    play_expect(p, took_ns < 3 * PLAY_ELECTION_MS_MAX * SIM_MS, "nobody waits in vain");
    play_expect_ok(p, change);
    if (play_number(p) == 40) {
        EXPECT_MARK("node: who waits at a node that is removed is told");
    }
}

/* Likewise a change, asked of the leader that was, of the next one and of who is neither: it is
 * begun by who leads, once. */
static void changed_during_a_transfer(struct play *p)
{
    uint64_t leader = play_begin(p);
    uint64_t next = play_follower(p, leader, 1);
    uint64_t asked[] = { leader, next, play_follower(p, leader, 2) };
    uint64_t away = play_follower(p, leader, 3);
    play_clog(p, next, PLAY_ELECTION_MS_MIN / 10);
    uint32_t transfer = play_transfer(p, leader, next);
    for (uint64_t ms = 0; ms < play_number(p) / 3; ms++) {
        play_step(p);
    }
    uint32_t change = play_remove(p, asked[play_number(p) % 3], away);
    play_expect_ok(p, change);
    play_expect_ok(p, transfer);
    play_expect(p, play_leader(p) == next, "the office was taken over");
    struct raft_status st = play_status(p, next);
    play_expect(p, st.conf.voter_count == 3 && !raft_conf_is_voter(&st.conf, away), "it is done");
}

static bool has_voters(const struct play *p, uint64_t node, uint64_t count)
{
    return play_status(p, node).conf.voter_count == count;
}

/* What waits with a leader, here for a majority of the voters to be, waits for the next one when
 * that leader loses its office: nothing was begun. */
static void changed_by_the_next(struct play *p)
{
    uint64_t leader = play_begin(p);
    uint64_t other = play_follower(p, leader, 1);
    uint64_t third = play_follower(p, leader, 2);
    uint64_t voters[] = { other, play_follower(p, leader, 3), play_follower(p, leader, 4) };
    play_crash(p, voters[1]);
    play_crash(p, voters[2]);
    play_elections_pass(p, 2);
    uint32_t change = play_voters(p, other, voters, 3);
    play_elections_pass(p, 1);
    play_expect(p, play_status(p, leader).role == RAFT_LEADER, "three of five are there");
    play_cut(p, leader, third);
    play_new_leader(p, leader);
    play_expect_pending(p, change);
    play_start(p, voters[1]);
    play_start(p, voters[2]);
    play_expect_ok(p, change);
    play_heal(p);
    play_await(p, has_voters, other, 3, "it to be done"); /* who is out follows nobody */
}

/* Who has not answered for long is not offered it: the refusal comes at once, and costs nobody. */
static void transfer_to_the_dead(struct play *p)
{
    uint64_t leader = play_begin(p);
    uint64_t dead = play_follower(p, leader, 1);
    play_crash(p, dead);
    play_elections_pass(p, 2);
    uint32_t transfer = play_transfer(p, play_follower(p, leader, 2), dead);
    play_expect_code(p, transfer, ERR_NOT_CAUGHT_UP);
    play_writes(p, leader, 0);
    play_expect(p, play_leader(p) == leader, "it led all the time");
    EXPECT_MARK("node: the office is not offered to who does not answer");
}

/* The leader dies inside its n-th effect after a write was forwarded to it. The same request, asked
 * again of another node, is done once. */
static void forwarded_and_dead(struct play *p)
{
    uint64_t old = play_begin(p);
    uint64_t asked = play_follower(p, old, 1);
    sim_host_crash_soon(play_host(p, old), play_number(p));
    uint32_t write = play_write_once(p, asked, 0);
    play_await_down(p, old);
    uint64_t leader = play_new_leader(p, old);
    if (play_outcome(p, write) != PLAY_OK) {
        play_again(p, write, play_follower(p, old, 2));
        play_expect_ok(p, write);
    }
    uint32_t read = play_read(p, leader, 0);
    play_expect_ok(p, read);
    play_expect(p, p->ask[read].serial == p->ask[write].serial, "it is done");
    play_expect(p, p->ask[read].version == 1, "and once");
}

static void once_across_leaders(struct play *p)
{
    uint64_t old = play_begin(p);
    uint32_t write = play_write_once(p, old, 0);
    play_expect_ok(p, write);
    int64_t revision = p->ask[write].revision;
    uint32_t newer = play_writes(p, old, 0);
    play_crash(p, old);
    uint64_t leader = play_new_leader(p, old);
    p->ask[write].sequence = p->ask[write].serial;
    for (uint64_t k = 1; k <= 2; k++) {
        play_again(p, write, play_follower(p, old, k));
        play_expect_ok(p, write);
        play_expect(p, p->ask[write].revision == revision, "the first answer again");
    }
    play_reads(p, leader, 0, newer);
    play_start(p, old);
    play_await_agree(p);
}

/* Asked twice before the first is answered, of two nodes. */
static void once_through_two_nodes(struct play *p)
{
    uint64_t leader = play_begin(p);
    uint32_t write = play_write_once(p, leader, 0);
    play_pause(p, leader);
    play_expect_pending(p, write);
    uint64_t next = play_new_leader(p, leader);
    play_resume(p, leader);
    play_outcome(p, write);
    play_again(p, write, next);
    play_expect_ok(p, write);
    uint32_t read = play_read(p, next, 0);
    play_expect_ok(p, read);
    play_expect(p, p->ask[read].version == 1, "it is done once");
}

static void large_values(struct play *p)
{
    uint64_t leader = play_begin(p);
    uint32_t kept[PLAY_KEYS];
    for (uint32_t i = 0; i < PLAY_KEYS; i++) {
        kept[i] = play_write_large(p, i % 2 == 0 ? leader : play_follower(p, leader, 1), i,
                                   KV_VALUE_BYTES_MAX);
        play_expect_ok(p, kept[i]);
    }
    play_expect_code(p, play_write_large(p, leader, 0, KV_VALUE_BYTES_MAX + 1),
                     ERR_VALUE_TOO_LARGE);
    play_crash(p, leader);
    uint64_t next = play_new_leader(p, leader);
    play_start(p, leader);
    play_await_agree(p);
    for (uint32_t i = 0; i < PLAY_KEYS; i++) {
        play_reads(p, i % 2 == 0 ? next : leader, i, kept[i]);
    }
}

/* Every bound as low as it goes: one byte, one message, one entry at a time. */
static void hostile_bounds(struct play *p)
{
    for (uint64_t n = 1; n <= 3; n++) {
        play_host(p, n)->bounds = (struct node_bounds){ .inflight_messages = 1,
                                                        .append_bytes = 1,
                                                        .batch_operations = 1,
                                                        .apply_entries = 1,
                                                        .log_cache_bytes = 1,
                                                        .segment_bytes = 256 * KIB,
                                                        .overlay_bytes = 1 };
    }
    uint64_t leader = play_begin(p);
    uint64_t away = play_follower(p, leader, 1);
    uint32_t kept = 0;
    play_crash(p, away);
    for (uint32_t i = 0; i < 40; i++) {
        kept = play_write_large(p, leader, 0, 20 * KIB);
        play_expect_ok(p, kept);
    }
    play_start(p, away);
    play_await_agree(p);
    play_reads(p, away, 0, kept);
    play_crash_all(p);
    play_start_all(p);
    play_reads(p, play_leader(p), 0, kept);
}

static void burst(struct play *p)
{
    uint64_t leader = play_begin(p);
    uint32_t ask[300];
    for (uint32_t i = 0; i < 300; i++) {
        ask[i] = i % 3 == 2 ? play_read(p, 1 + i % 3, i % PLAY_KEYS)
                            : play_write(p, 1 + i / 7 % 3, i % PLAY_KEYS);
    }
    for (uint32_t i = 0; i < 300; i++) {
        play_expect_ok(p, ask[i]);
    }
    play_expect(p, play_leader(p) == leader, "it led all the time");
}

int main(void)
{
    PLAY(3, "requests: every node reads the newest write (R=3)", reads_everywhere);
    PLAY(3, "requests: local read on an isolated follower (R=3, what it has)", local_reads);
    PLAY(3, "requests: read while the leader changes (R=3, nothing stale)", read_on_a_new_leader);
    PLAY(3, "requests: a write forwarded by a follower (R=3)", forwarded);
    PLAY(3, "requests: a write asked while nobody leads (R=3)", waits_for_a_leader);
    PLAY(3, "requests: a write during a transfer to a silent node (R=3, done after it)",
         transfer_to_the_silent);
    PLAY_EACH(3, "requests: all nodes are asked during a transfer (R=3, n=0..60, all done)",
              asked_during_a_transfer, 0, 60);
    PLAY_EACH(3, "requests: nodes that are removed are asked (R=3, n=0..40, none in vain)",
              asked_while_removed, 0, 40);
    PLAY_EACH(4, "requests: a change is asked for during a transfer (R=4, n=0..180, done)",
              changed_during_a_transfer, 0, 180);
    PLAY(5, "requests: a change waits and its leader loses its office (R=5, the next one does it)",
         changed_by_the_next);
    PLAY(3, "requests: the office is not offered to the dead (R=3, refused)", transfer_to_the_dead);
    PLAY_EACH(3, "requests: forwarded, leader dies inside, asked again (R=3, n=1..25, done once)",
              forwarded_and_dead, 1, 25);
    PLAY(3, "requests: asked again of other leaders (R=3, the first answer)", once_across_leaders);
    PLAY(3, "requests: asked again while the first is open (R=3, done once)",
         once_through_two_nodes);
    PLAY(3, "requests: values of one MiB, and one byte more (R=3)", large_values);
    PLAY(3, "requests: every bound as low as it goes (R=3)", hostile_bounds);
    PLAY(3, "requests: three hundred at once, of all nodes (R=3)", burst);
    return tap_done();
}
