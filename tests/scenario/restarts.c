/* tests/scenario/restarts.c -- coming back: alone, far behind, all together, and on an old disk. */
#include "play.h"

static void single_reads_at_once(struct play *p)
{
    play_begin(p);
    uint32_t kept = play_writes(p, 1, 0);
    play_stop(p, 1);
    play_start(p, 1);
    play_reads(p, 1, 0, kept); /* asked before it leads: it waits, and is served */
    play_writes(p, 1, 1);
}

static void far_behind(struct play *p)
{
    uint64_t leader = play_begin(p);
    uint64_t away = play_follower(p, leader, 1);
    uint32_t kept = 0;
    play_stop(p, away);
    for (uint32_t i = 0; i < 500; i++) {
        kept = play_writes(p, leader, i % PLAY_KEYS);
    }
    play_start(p, away);
    play_await_agree(p);
    play_reads(p, away, 499 % PLAY_KEYS, kept);
    EXPECT_MARK("node: a message for a peer that is away");
}

/* It is killed again while it catches up. */
static void killed_while_behind(struct play *p)
{
    uint64_t leader = play_begin(p);
    uint64_t away = play_follower(p, leader, 1);
    uint32_t kept = 0;
    play_stop(p, away);
    for (uint32_t i = 0; i < 200; i++) {
        kept = play_writes(p, leader, 0);
    }
    for (uint64_t i = 0; i < 20; i++) {
        play_start(p, away);
        for (uint64_t k = 0; k < 5 * i; k++) {
            play_step(p);
        }
        play_crash(p, away);
    }
    play_start(p, away);
    play_await_agree(p);
    play_reads(p, away, 0, kept);
}

/* Nothing new for a second begins a flush; the disk takes its time, so some stop comes inside. */
static void stopped_in_a_flush(struct play *p)
{
    play_begin(p);
    for (uint64_t i = 0; i < 20; i++) {
        play_disk_slow(p, 1, 200);
        uint32_t kept = play_writes(p, 1, 0);
        for (uint64_t k = 0; k < 1000 + 100 * i; k++) {
            play_step(p);
        }
        play_stop(p, 1);
        play_await_down(p, 1);
        play_start(p, 1);
        play_reads(p, 1, 0, kept);
    }
    EXPECT_MARK("node: a flush ends while its node is closed");
}

static void orderly_stop_of_all(struct play *p)
{
    uint64_t leader = play_begin(p);
    uint32_t kept = play_writes(p, leader, 0);
    for (uint64_t n = 1; n <= p->world->node_count; n++) {
        play_stop(p, n);
    }
    play_start_all(p);
    leader = play_leader(p);
    play_reads(p, leader, 0, kept);
    play_await_agree(p);
}

static void rolling_restart(struct play *p)
{
    uint64_t leader = play_begin(p);
    for (uint64_t n = 1; n <= 3; n++) {
        uint32_t kept = play_writes(p, leader, 0);
        play_stop(p, n);
        leader = play_leader(p);
        play_reads(p, leader, 0, kept);
        play_start(p, n);
        play_await_agree(p);
        leader = play_leader(p);
    }
}

/* They come back one by one; two suffice. */
static void one_by_one(struct play *p)
{
    uint64_t leader = play_begin(p);
    uint32_t kept = play_writes(p, leader, 0);
    play_await_agree(p);
    play_crash_all(p);
    play_start(p, 1);
    play_elections_pass(p, 5);
    play_expect_no_leader(p);
    play_start(p, 2);
    play_reads(p, play_leader(p), 0, kept);
    play_start(p, 3);
    play_await_agree(p);
}

/* In which term a node would be if another one asked it for its vote now: of a copy of its core,
 * for connections take longer than loyalty lasts. */
static uint64_t term_if_asked(const struct play *p, uint64_t node, uint64_t by)
{
    struct node_look look;
    struct raft_status st = play_status(p, node);
    struct raft_msg m = { .type = RAFT_MSG_VOTE,
                          .from = by,
                          .to = node,
                          .term = st.term + 1,
                          .index = st.last,
                          .log_term = st.last_term };
    struct raft_event ev = { .type = RAFT_EV_MSG, .msg = &m };
    struct raft *copy = malloc(raft_size());
    struct raft_out *out = malloc(sizeof *out);
    node_look(play_host(p, node)->node, &look);
    raft_clone(copy, look.core);
    raft_step(copy, &ev, out);
    raft_status(copy, &st);
    free(out);
    free(copy);
    return st.term;
}

/* It has voted for nobody in this term, but was loyal to whom the others chose, and may have let
 * that one read by a lease: for an election timeout from its start it helps nobody into office. */
static void loyal_without_a_vote(struct play *p)
{
    uint64_t old = play_begin(p);
    uint64_t late = play_follower(p, old, 1);
    play_writes(p, late, 0);
    play_await_agree(p);
    play_crash(p, late);
    play_crash(p, old);
    play_start(p, old);
    uint64_t leader = play_leader(p);
    play_start(p, late);
    play_writes(p, leader, 0);
    play_await_agree(p);
    struct raft_status st = play_status(p, late);
    play_expect(p, st.leader == leader && st.vote == 0, "it follows whom it has not chosen");
    play_crash(p, late);
    play_start(p, late);
    play_expect(p, play_status(p, late).term == st.term, "it is back");
    play_expect(p, term_if_asked(p, late, 6 - late - leader) == st.term, "it stays loyal");
}

/* Killed before the first pause: that the beginning was decided is on disk, not only the entry. */
static void killed_in_its_first_second(struct play *p)
{
    play_begin(p);
    play_await_agree(p);
    for (uint32_t ms = 0; ms < PLAY_ELECTION_MS_MIN / 2; ms++) {
        play_step(p);
    }
    for (uint64_t n = 1; n <= 3; n++) {
        play_crash(p, n);
    }
    play_start(p, 1);
    play_expect(p, play_status(p, 1).applied > 0, "it knows that its cluster was begun");
}

/* ---- older copies of a disk ---- */

/* The acknowledgement that an old copy forgets has committed a write, and it is told; how many are
 * to be kept. */
static uint32_t old_copy_is_told(struct play *p, uint64_t leader, uint64_t old, uint64_t other)
{
    play_writes(p, leader, 0);
    play_await_agree(p);
    play_disk_copy(p, old);
    play_isolate(p, other);
    uint32_t kept = play_writes(p, leader, 0);
    play_crash(p, old);
    play_disk_restore(p, old);
    play_start(p, old);
    play_await_stopped(p, old, ERR_OUTDATED);
    return kept;
}

static void old_copy(struct play *p)
{
    uint64_t leader = play_begin(p);
    uint64_t old = play_follower(p, leader, 1);
    uint32_t kept = old_copy_is_told(p, leader, old, play_follower(p, leader, 2));
    play_heal(p);
    play_reads(p, play_leader(p), 0, kept);
    play_start(p, old); /* and again */
    play_await_stopped(p, old, ERR_OUTDATED);
}

/* Who was promised to leads no more when the old copy comes; it remembers all the same. (From a
 * leader an append may come first: then what was promised is there again.) */
static void old_copy_after_an_election(struct play *p)
{
    uint64_t leader = play_begin(p);
    uint64_t old = play_follower(p, leader, 1);
    uint64_t other = play_follower(p, leader, 2);
    play_disk_copy(p, old);
    play_isolate(p, other);
    uint32_t kept = play_writes(p, leader, 0);
    play_crash(p, old);
    play_disk_restore(p, old);
    play_await_no_longer_leads(p, leader);
    play_heal(p);
    play_reads(p, play_leader(p), 0, kept); /* only one has that, and gives it to the other */
    play_expect_ok(p, play_transfer(p, play_leader(p), other));
    play_expect(p, play_leader(p) == other, "another one leads");
    play_start(p, old);
    play_await_stopped(p, old, ERR_OUTDATED);
    play_reads(p, other, 0, kept);
}

static void old_copy_of_a_leader(struct play *p)
{
    uint64_t old = play_begin(p);
    play_disk_copy(p, old);
    play_crash(p, old);
    uint64_t leader = play_new_leader(p, old);
    play_start(p, old);
    play_await_agree(p);
    uint32_t kept = play_writes(p, leader, 0);
    play_await_agree(p);
    play_crash(p, old);
    play_disk_restore(p, old);
    play_start(p, old);
    play_await_stopped(p, old, ERR_OUTDATED);
    play_reads(p, leader, 0, kept);
}

/* It was told once; whoever told it has forgotten, and would elect a leader with it that lacks what
 * was acknowledged. */
static void old_copy_that_nobody_remembers(struct play *p)
{
    uint64_t leader = play_begin(p);
    uint64_t old = play_follower(p, leader, 1);
    uint64_t other = play_follower(p, leader, 2);
    uint32_t kept = old_copy_is_told(p, leader, old, other);
    play_crash(p, leader);
    play_crash(p, other);
    play_heal(p);
    play_start(p, other);
    play_start(p, old);
    play_await_stopped(p, old, ERR_OUTDATED);
    play_elections_pass(p, 5);
    play_expect_no_leader(p);
    play_start(p, leader);
    play_reads(p, play_leader(p), 0, kept);
}

/* A voter in the life that its disk has now, as it knows itself. */
static bool counted(const struct play *p, uint64_t node, uint64_t before)
{
    struct raft_status st = play_status(p, node);
    bool decided = st.conf.index != 0 && st.committed_conf_index == st.conf.index;
    return decided && st.conf.outgoing_count == 0 && st.life != before &&
           raft_conf_life(&st.conf, node) == st.life;
}

static void wipe_and_return(struct play *p, uint64_t node, void (*wipe)(struct play *, uint64_t))
{
    uint64_t before = play_status(p, node).life;
    play_crash(p, node);
    wipe(p, node);
    play_leader(p);
    play_start(p, node);
    play_await(p, counted, node, before, "a voter without its disk to be one again");
    play_await_agree(p);
}

static void loses(struct play *p, void (*wipe)(struct play *, uint64_t))
{
    uint64_t leader = play_begin(p);
    uint64_t wiped = play_follower(p, leader, 1);
    uint64_t other = play_follower(p, leader, 2);
    play_await_agree(p);
    wipe_and_return(p, wiped, wipe);
    uint32_t kept = play_writes(p, leader, 0);
    play_crash(p, other); /* the two that are left decide */
    leader = play_leader(p);
    play_reads(p, wiped, 0, kept);
    play_writes(p, leader, 1);
}

static void wiped_disk(struct play *p)
{
    loses(p, play_disk_wipe);
}

/* Who it is it knows, but neither what it has promised nor what it had. */
static void forgotten_disk(struct play *p)
{
    loses(p, play_disk_forget);
}

/* It is a learner, as the leader knows it, and is to be the voter again that it was. */
static bool on_its_way(const struct play *p, uint64_t leader, uint64_t node)
{
    struct raft_status st = play_status(p, leader);
    return st.conf.outgoing_count == 0 && raft_conf_was(&st.conf, node) != 0;
}

static bool is_voter(const struct play *p, uint64_t at, uint64_t node)
{
    struct raft_status st = play_status(p, at);
    return st.conf.outgoing_count == 0 && raft_conf_is_voter(&st.conf, node);
}

/* While it is away again, halfway back, its operator moves it and gives another learner a vote:
 * neither takes back that it is to be a voter. Whoever names the voters without a word about it
 * does. */
static void members_change_while_it_returns(struct play *p)
{
    uint64_t leader = play_begin(p);
    uint64_t wiped = play_follower(p, leader, 1);
    uint64_t asked = play_follower(p, leader, 2);
    uint64_t fresh = play_follower(p, leader, 3);
    uint64_t named[] = { leader, asked, fresh };
    p->keep = play_number(p) == 1;
    play_expect_ok(p, play_remove(p, leader, fresh));
    play_expect_ok(p, play_learner(p, leader, fresh));
    uint64_t before = play_status(p, wiped).life;
    play_disk_slow(p, asked, 50); /* no change is done without it: each can be seen */
    play_crash(p, wiped);
    play_disk_wipe(p, wiped);
    play_start(p, wiped);
    play_await(p, on_its_way, leader, wiped, "the leader to have made it a learner");
    play_crash(p, wiped);
    play_expect_ok(p, play_learner_at(p, asked, wiped, "moved:1"));
    play_expect(p, on_its_way(p, leader, wiped), "it may come back from another address");
    play_expect_ok(p, play_voters(p, asked, named, 3));
    play_expect(p, is_voter(p, leader, fresh), "the other learner has its vote");
    play_expect(p, on_its_way(p, leader, wiped) == p->keep,
                "it is outside only where it was meant");
    play_start(p, wiped);
    if (p->keep) {
        play_await(p, counted, wiped, before, "a voter without its disk to be one again");
    }
    play_await_agree(p);
    play_expect(p, is_voter(p, leader, wiped) == p->keep, "it is what was asked for");
}

static void wiped_leader(struct play *p)
{
    uint64_t wiped = play_begin(p);
    uint32_t kept = play_writes(p, wiped, 0);
    play_await_agree(p);
    wipe_and_return(p, wiped, play_disk_wipe);
    uint64_t leader = play_leader(p);
    play_reads(p, wiped, 0, kept);
    play_crash(p, play_follower(p, leader, play_follower(p, leader, 1) == wiped ? 2 : 1));
    play_writes(p, leader, 1);
}

/* One disk after the other, until none is left of those that the cluster began with. */
static void every_disk_wiped(struct play *p)
{
    uint64_t leader = play_begin(p);
    uint32_t kept = play_writes(p, leader, 0);
    play_await_agree(p);
    for (uint64_t n = 1; n <= p->world->node_count; n++) {
        wipe_and_return(p, n, play_disk_wipe);
        play_leader(p);
    }
    play_await_agree(p);
    for (uint64_t n = 1; n <= p->world->node_count; n++) {
        play_reads(p, n, 0, kept);
    }
}

static bool all_but_one_wiped(const struct play *p, uint64_t node, uint64_t count)
{
    return play_status(p, node).wiped_count == count;
}

/* Two of three: nobody knows what was decided, so nobody leads. An old disk is the way out, but
 * there is none. */
static void two_disks_wiped(struct play *p)
{
    uint64_t leader = play_begin(p);
    play_writes(p, leader, 0);
    play_await_agree(p);
    for (uint64_t k = 1; k <= 2; k++) {
        play_crash(p, play_follower(p, leader, k));
        play_disk_wipe(p, play_follower(p, leader, k));
    }
    for (uint64_t k = 1; k <= 2; k++) {
        play_start(p, play_follower(p, leader, k));
    }
    play_await(p, all_but_one_wiped, leader, 2, "the last disk's node to see two lost");
    play_await_no_leader(p);
    play_elections_pass(p, 5);
    play_expect_no_leader(p);
    play_expect(p, play_status(p, leader).wiped_majority, "it says that the majority is lost");
    uint32_t change = play_remove(p, leader, play_follower(p, leader, 1));
    play_expect_code(p, change, ERR_NO_LEADER);
    bool helps = strstr(p->ask[change].detail, "put its old data directory back") != NULL;
    play_expect(p, helps, "and what helps");
}

/* Nothing was promised since the copy: it is as good as the disk itself. */
static void fresh_copy(struct play *p)
{
    uint64_t leader = play_begin(p);
    uint64_t moved = play_follower(p, leader, 1);
    play_writes(p, leader, 0);
    play_await_agree(p);
    play_stop(p, moved);
    play_disk_copy(p, moved);
    uint32_t kept = play_writes(p, leader, 0);
    play_disk_restore(p, moved);
    play_start(p, moved);
    play_await_agree(p);
    play_reads(p, moved, 0, kept);
}

static bool either_leads(const struct play *p, uint64_t node, uint64_t other)
{
    return play_seen(p, node)->role == RAFT_LEADER || play_seen(p, other)->role == RAFT_LEADER;
}

static const char *const the_loss[] = { "lacks the committed entry", ", elsewhere with ",
                                        "has another state than others", NULL };

/* The limit: whoever heard the promise is away. The old copy is taken, and the write is lost. */
static void nobody_knows(struct play *p)
{
    uint64_t leader = play_begin(p);
    uint64_t old = play_follower(p, leader, 1);
    uint64_t other = play_follower(p, leader, 2);
    p->borne = the_loss;
    play_await_agree(p);
    play_disk_copy(p, old);
    play_isolate(p, other);
    play_writes(p, leader, 0);
    play_crash(p, leader);
    play_crash(p, old);
    play_disk_restore(p, old);
    play_heal(p);
    play_start(p, old);
    play_await(p, either_leads, old, other, "one of the two to lead with the other's vote");
    play_expect_up(p, old);
    play_reads_nothing(p, other, 0);
}

int main(void)
{
    PLAY(1, "restarts: a node alone, read at once (R=1)", single_reads_at_once);
    PLAY(3, "restarts: a follower that is 500 entries behind (R=3)", far_behind);
    PLAY(3, "restarts: killed twenty times while it catches up (R=3)", killed_while_behind);
    PLAY(1, "restarts: orderly stop and start of all (R=1)", orderly_stop_of_all);
    PLAY(1, "restarts: stopped in the middle of a flush (R=1)", stopped_in_a_flush);
    PLAY(3, "restarts: orderly stop and start of all (R=3)", orderly_stop_of_all);
    PLAY(5, "restarts: orderly stop and start of all (R=5)", orderly_stop_of_all);
    PLAY(3, "restarts: one after the other, never two (R=3)", rolling_restart);
    PLAY(3, "restarts: all crash, come back one by one (R=3)", one_by_one);
    PLAY(3, "restarts: all killed in their first second (R=3)", killed_in_its_first_second);
    PLAY(3, "restarts: loyal to a leader it has not voted for (R=3)", loyal_without_a_vote);
    PLAY(3, "restarts: old copy of a follower's disk (R=3, refused)", old_copy);
    PLAY(3, "restarts: old copy, and another one leads by now (R=3, refused)",
         old_copy_after_an_election);
    PLAY(3, "restarts: old copy of a leader's disk (R=3, refused)", old_copy_of_a_leader);
    PLAY(3, "restarts: old copy that nobody remembers any more (R=3, refused)",
         old_copy_that_nobody_remembers);
    PLAY(3, "restarts: wiped disk, same key (R=3, a voter again)", wiped_disk);
    PLAY(5, "restarts: wiped disk, same key (R=5, a voter again)", wiped_disk);
    PLAY(3, "restarts: all but its identity is lost (R=3, another life)", forgotten_disk);
    PLAY_EACH(4, "restarts: members change while a wiped one returns (R=4, back unless meant)",
              members_change_while_it_returns, 0, 1);
    PLAY(3, "restarts: wiped disk of the leader (R=3, a voter again)", wiped_leader);
    PLAY(3, "restarts: one disk after the other (R=3, all voters again)", every_disk_wiped);
    PLAY(5, "restarts: one disk after the other (R=5, all voters again)", every_disk_wiped);
    PLAY(3, "restarts: two disks of three (R=3, no leader, no lie)", two_disks_wiped);
    PLAY(3, "restarts: a copy that has forgotten nothing (R=3, taken)", fresh_copy);
    PLAY(3, "restarts: old copy, and nobody alive knows (R=3, taken: the limit)", nobody_knows);
    return tap_done();
}
