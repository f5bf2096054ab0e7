/* tests/scenario/play.h -- plays: a cluster on a stage, with directions, requests and expectations.
 *
 * Shape:      a play is a function; its lines are calls of this file, which read like stage
 *             directions: who starts, what breaks, who asks whom for what, and what must come of
 *             it. The world is the simulator's (sim/world.h) with all chance faults off; the judges
 *             watch all the time, and after the last line the common end game is played: everything
 *             heals, a majority must serve, agree, and have lost nothing.
 * Invariants: nodes go by their ids, 1..R; nothing waits for time where it can wait for a state;
 *             every wait has a bound in virtual time. What does not hold ends the play and prints
 *             the table of the last events.
 * Order:      play_begin (or play_start_all) first
 * Owns:       the world, inside the play
 * Thread:     one
 */
#ifndef TESTS_PLAY_H
#define TESTS_PLAY_H

#include "node/call_codec.h"
#include "raft/raft.h"
#include "sim/copy.h"
#include "sim/world.h"
#include "tap.h"

enum {
    PLAY_ASKS_MAX = 1024,
    PLAY_KEYS = 8
};
#define PLAY_ELECTION_MS_MIN 300
#define PLAY_ELECTION_MS_MAX 600
#define PLAY_HEARTBEAT_MS 60
#define PLAY_PATIENCE_NS (60 * SIM_S) /* no wait is longer */

struct play;

enum play_outcome {
    PLAY_PENDING,
    PLAY_OK,
    PLAY_FAILED, /* certainly not done */
    PLAY_UNKNOWN
};

/* One operation of a client, with all its attempts. */
struct play_ask {
    struct service_call call; /* first */
    struct play *play;
    uint64_t at; /* node that was asked last */
    enum play_outcome outcome;
    enum err code;
    bool writes;
    bool serializable; /* not for the judge of linearizability */
    bool doubtful;     /* an attempt may have taken effect */
    uint32_t key;
    uint64_t serial; /* of the value written or read; 0: nothing was there */
    uint32_t bytes;
    uint64_t sequence; /* of an exactly-once write */
    int64_t revision;
    int64_t version;           /* of the key, by a read */
    uint64_t voters, learners; /* bit n for node n, as the answer to a change names them */
    bool noted;
    char detail[CALL_DETAIL_BYTES_MAX + 1]; /* of the last refusal */
};

struct play {
    struct sim_world *world;
    jmp_buf out;
    struct sim_copy copy[SIM_NODES_MAX];
    struct play_ask ask[PLAY_ASKS_MAX];
    uint32_t asks;
    uint64_t expect; /* the configuration that changes are asked of, by its index; 0: any */
    bool keep;       /* who is on its way back stays so, when voters are named */
    const char *const *borne; /* findings, by a part of their text and NULL last, that this play
                                 brings about beyond what can be withstood; NULL: none. Its end is
                                 only that all are answered */
    bool no_end;              /* the play has said how it ends */
};

/* PLAY -- one play, on a stage of so many nodes, under a title "area: situation (R=nodes, ...)". */
#define PLAY(nodes, title, fn)                                                                     \
    do {                                                                                           \
        marks_begin(&tap_state.marks);                                                             \
        bool play_good_ = play_perform(nodes, fn, 0);                                              \
        tap_state.tests++;                                                                         \
        tap_state.failed += !play_good_;                                                           \
        printf("%sok %d - %s\n", play_good_ ? "" : "not ", tap_state.tests, title);                \
        marks_print(&tap_state.marks);                                                             \
        fflush(stdout);                                                                            \
    } while (0)

/* PLAY_EACH -- the same play with n = first..last, which it finds in play_number; one title. */
#define PLAY_EACH(nodes, title, fn, first, last)                                                   \
    do {                                                                                           \
        marks_begin(&tap_state.marks);                                                             \
        bool play_good_ = true;                                                                    \
        for (uint64_t play_n_ = (first); play_n_ <= (last) && play_good_; play_n_++) {             \
            play_good_ = play_perform(nodes, fn, play_n_);                                         \
            if (!play_good_) {                                                                     \
                printf("# with n = %llu\n", (unsigned long long)play_n_);                          \
            }                                                                                      \
        }                                                                                          \
        tap_state.tests++;                                                                         \
        tap_state.failed += !play_good_;                                                           \
        printf("%sok %d - %s\n", play_good_ ? "" : "not ", tap_state.tests, title);                \
        marks_print(&tap_state.marks);                                                             \
        fflush(stdout);                                                                            \
    } while (0)

/* In a play, what does not hold ends the play. */
#undef EXPECT_MARK
#define EXPECT_MARK(name)                                                                          \
    do {                                                                                           \
        play_expect(p, marks_reached(&tap_state.marks, name), "mark " name);                       \
        printf("# expected mark %s\n", name);                                                      \
    } while (0)

/* play_perform -- open the stage, play, play the end game, close; false: something did not hold. */
bool play_perform(uint32_t nodes, void (*fn)(struct play *p), uint64_t number);
uint64_t play_number(const struct play *p);

/* play_fail -- end the play with a reason. */
__attribute__((format(printf, 2, 3), noreturn)) void play_fail(struct play *p, const char *format,
                                                               ...);

/* ---- the stage (play_stage.c) ---- */

/* play_begin -- everybody starts, node 1 is asked to begin; returns the leader once all agree. */
uint64_t play_begin(struct play *p);
void play_start_all(struct play *p);
/* play_init -- ask a node to begin the cluster of all nodes; an ask whose outcome is awaited. */
uint32_t play_init(struct play *p, uint64_t at);
/* play_init_of -- likewise, of the nodes first..last. */
uint32_t play_init_of(struct play *p, uint64_t at, uint64_t first, uint64_t last);
/* play_follower -- the k-th node (from 1) that is not the leader. */
uint64_t play_follower(const struct play *p, uint64_t leader, uint64_t k);
struct sim_host *play_host(const struct play *p, uint64_t node);
const struct sim_seen *play_seen(const struct play *p, uint64_t node);
/* play_status -- what a node's core says of itself now; all 0 while it is down. */
struct raft_status play_status(const struct play *p, uint64_t node);

void play_start(struct play *p, uint64_t node);
void play_stop(struct play *p, uint64_t node);
void play_crash(struct play *p, uint64_t node);
void play_crash_all(struct play *p);
void play_pause(struct play *p, uint64_t node);
void play_resume(struct play *p, uint64_t node);

void play_cut_way(struct play *p, uint64_t from, uint64_t to);
void play_cut(struct play *p, uint64_t a, uint64_t b);
void play_isolate(struct play *p, uint64_t node);
void play_mend_way(struct play *p, uint64_t from, uint64_t to);
void play_mend(struct play *p, uint64_t a, uint64_t b);
void play_break(struct play *p, uint64_t a, uint64_t b);
/* play_heal -- no cut, no loss, no clog, no slowness of the network any more. */
void play_heal(struct play *p);
struct sim_quality *play_network(struct play *p);
/* play_clog -- frames to and from a node wait for so long, then come all at once. */
void play_clog(struct play *p, uint64_t node, uint64_t ms);

void play_disk_sticks(struct play *p, uint64_t node);
void play_disk_goes(struct play *p, uint64_t node);
void play_disk_slow(struct play *p, uint64_t node, uint64_t ms);
/* play_disk_fails -- the ops-th operation from now ends with why. */
void play_disk_fails(struct play *p, uint64_t node, uint64_t ops, enum err why);
void play_disk_full(struct play *p, uint64_t node, bool full);
void play_disk_copy(struct play *p, uint64_t node);
void play_disk_restore(struct play *p, uint64_t node);
/* play_disk_wipe -- of a node that is down: its disk is another one, empty. */
void play_disk_wipe(struct play *p, uint64_t node);
/* play_disk_forget -- likewise, but the identity of the directory was put back. */
void play_disk_forget(struct play *p, uint64_t node);

/* play_say, play_say_bytes -- a frame of Raft comes to a node on the session of another one, which
 * never sent it. */
void play_say(struct play *p, const struct raft_msg *m, struct bytes entries);
void play_say_bytes(struct play *p, uint64_t from, uint64_t to, struct bytes frame);

/* ---- waiting (play_stage.c) ---- */

/* play_await -- until holds(p, node, value); `what` ends the sentence "waited in vain for ...". */
typedef bool (*play_condition)(const struct play *p, uint64_t node, uint64_t value);
void play_await(struct play *p, play_condition holds, uint64_t node, uint64_t value,
                const char *what);
/* play_leader -- wait for a leader that has committed in its term and all that are up and can hear
 * it follow; returns it. play_new_leader: another one than old. */
uint64_t play_leader(struct play *p);
uint64_t play_new_leader(struct play *p, uint64_t old);
void play_await_no_leader(struct play *p);
void play_await_no_longer_leads(struct play *p, uint64_t node);
void play_await_agree(struct play *p);
void play_await_commit(struct play *p, uint64_t node, uint64_t index);
/* play_await_stopped -- the node ends by itself, for this reason. */
void play_await_stopped(struct play *p, uint64_t node, enum err why);
void play_await_down(struct play *p, uint64_t node);
/* play_elections_pass -- so many of the longest election timeouts go by. */
void play_elections_pass(struct play *p, uint64_t count);
void play_expect_no_leader(struct play *p);
void play_expect_up(struct play *p, uint64_t node);
void play_expect(struct play *p, bool holds, const char *what);
/* play_step -- a millisecond goes by; ends the play on a finding. */
void play_step(struct play *p);

/* ---- requests (play_asks.c) ---- */

uint32_t play_write(struct play *p, uint64_t at, uint32_t key);
uint32_t play_write_large(struct play *p, uint64_t at, uint32_t key, uint32_t bytes);
uint32_t play_write_once(struct play *p, uint64_t at, uint32_t key);
/* play_again -- the same exactly-once write, asked of a node again. */
void play_again(struct play *p, uint32_t ask, uint64_t at);
uint32_t play_read(struct play *p, uint64_t at, uint32_t key);
uint32_t play_read_local(struct play *p, uint64_t at, uint32_t key);

/* play_voters, play_learner, play_learner_at, play_remove, play_transfer -- ask a node to change
 * members, or who leads; no key, no history. */
uint32_t play_voters(struct play *p, uint64_t at, const uint64_t *ids, uint32_t count);
uint32_t play_learner(struct play *p, uint64_t at, uint64_t id);
uint32_t play_learner_at(struct play *p, uint64_t at, uint64_t id, const char *addr);
uint32_t play_remove(struct play *p, uint64_t at, uint64_t id);
uint32_t play_transfer(struct play *p, uint64_t at, uint64_t to);

void play_expect_pending(struct play *p, uint32_t ask);
void play_expect_ok(struct play *p, uint32_t ask);
void play_expect_code(struct play *p, uint32_t ask, enum err code);
/* play_expect_says -- a refusal that was expected has this in its text. */
void play_expect_says(struct play *p, uint32_t ask, const char *text);
/* play_expect_not_ok -- failed or unknown; returns which. */
enum play_outcome play_expect_not_ok(struct play *p, uint32_t ask);
enum play_outcome play_outcome(struct play *p, uint32_t ask);
/* play_await_answers -- until nobody waits for a node that is up. */
void play_await_answers(struct play *p);
/* play_writes -- a write that must succeed. play_reads: a read must find what that write wrote;
 * play_reads_nothing: must find nothing. */
uint32_t play_writes(struct play *p, uint64_t at, uint32_t key);
void play_reads(struct play *p, uint64_t at, uint32_t key, uint32_t write);
void play_reads_nothing(struct play *p, uint64_t at, uint32_t key);

/* For play.c: notes what is still open in the history, and lets nobody answer later. */
void play_asks_end(struct play *p);

#endif
