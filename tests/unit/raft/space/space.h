/* tests/unit/raft/space/space.h -- every state that a few small cores can reach, within budgets.
 *
 * Shape:      breadth first over worlds: three cores, their disks, and every message that was ever
 *             sent; a world is known by a hash of what of it can still matter
 * Invariants: judge_world holds in every world that is reached, judge_msg for every message
 * Owns:       a world is plain data; the search has the memory of what it has seen
 * Thread:     one
 * Why:        seeds find what is likely; this finds what is possible, by the shortest way
 */
#ifndef TESTS_SPACE_H
#define TESTS_SPACE_H

#include "small.h"

#include "raft/impl.h"
#include "raft/raft.h"
#include "raft/raft_codec.h"

enum {
    SPACE_NODES = 3,
    SPACE_LOG_MAX = 8,
    SPACE_WRITES_MAX = 8,
    SPACE_MSGS_MAX = 160,
    SPACE_TERMS_MAX = 8,
    SPACE_CONFS_MAX = 16,
    SPACE_CHANGES_MAX = 3,
    SPACE_DEPTH_MAX = 256,
};

/* How far, and what may happen how often. */
struct space_budget {
    uint8_t term;     /* nobody is in a higher one */
    uint8_t entries;  /* in a log, the first configuration included */
    uint8_t commands; /* of clients */
    uint8_t changes;  /* of the configuration */
    uint8_t crashes;
    uint8_t doubles; /* messages that come twice */
    uint8_t ups;     /* connections that are made anew */
    uint8_t wipes;   /* of the one disk that the plan names; at most one */
};

struct space_plan {
    const char *name;
    struct space_budget budget;
    uint8_t voters; /* 1..voters, at first */
    struct raft_change change[SPACE_CHANGES_MAX];
    uint32_t change_count;
    bool slow_disk; /* a write is durable later than it is made, and a crash may lose it */
    bool beats;     /* leaders send heartbeats */
    bool pre_vote;
    bool single;   /* one entry a message */
    bool told;     /* who speaks in an old term may be told of the new one; else that is lost */
    uint8_t frail; /* nodes have lives, voters are bound to their first one, and this one may lose
                      its disk and begin another; 0: none */
    bool rejoin;   /* the leader brings it back */
    bool led;      /* begin where node 1 leads and everybody has what it sent */
    uint8_t depth; /* steps from there on; 0: until nothing is left to go on from */
};

struct space_entry {
    uint8_t term;
    uint8_t kind;
    uint8_t value; /* of a configuration: its number */
};

struct space_log {
    struct space_entry entry[SPACE_LOG_MAX + 1];
    uint8_t last;
    uint8_t term;
    uint8_t vote;
};

/* A write that the core has asked for and that is not durable yet. */
struct space_write {
    bool cut;
    bool hard;
    uint8_t cut_to;
    uint8_t first;
    uint8_t count;
    uint8_t term;
    uint8_t vote;
    struct space_entry entry[SPACE_LOG_MAX];
};

struct space_node {
    struct space_log seen; /* as the process sees it */
    struct space_log disk; /* what survives */
    uint8_t queued;
    struct space_write queue[SPACE_WRITES_MAX];
    uint8_t boots;
    uint8_t life;   /* 0: not told apart */
    uint8_t target; /* what it was asked to apply */
};

/* A message; it has left when `waits` is 0, else it waits for so many writes of its sender. */
struct space_msg {
    uint8_t type, from, to, term, index, log_term, hint, commit, epoch, id, waits, life;
    bool reject, transfer;
    uint8_t count;
    struct space_entry entry[SPACE_LOG_MAX];
};

struct space {
    struct raft core[SPACE_NODES];
    struct space_node node[SPACE_NODES];
    struct space_budget left;
    /* what was */
    struct space_log wiped; /* the disk of the frail one's first life, when it was lost */
    uint8_t leader_of[SPACE_TERMS_MAX];
    uint8_t commit;
    struct space_entry committed[SPACE_LOG_MAX + 1];
    uint8_t committed_in[SPACE_LOG_MAX + 1];
    uint32_t msgs;
    struct space_msg msg[SPACE_MSGS_MAX]; /* the last one: only what is used is copied */
};

enum space_act {
    SPACE_CAMPAIGN,
    SPACE_BEAT,
    SPACE_PROPOSE,
    SPACE_CHANGE,
    SPACE_WIPE,  /* all that was written is gone: another life */
    SPACE_WRITE, /* the oldest write becomes durable, and the core is told */
    SPACE_CRASH, /* b: writes that make it to the disk */
    SPACE_UP,    /* b: peer */
    SPACE_DELIVER,
    SPACE_DOUBLE, /* delivered, and still under way */
    SPACE_ACTS
};

struct space_step {
    uint8_t act;
    uint8_t a; /* node, or message */
    uint8_t b;
};

/* What was found. */
struct space_result {
    const char *broken; /* NULL: nothing */
    bool all;           /* nothing was left to go on from, within the depth of the plan */
    bool spent;         /* all that a plan may do but once was done in one of them */
    uint64_t states;
    uint64_t steps;
    uint32_t depth;
    uint32_t msgs;  /* at most in a world */
    uint8_t commit; /* the highest that was reached */
    uint8_t led;    /* the highest term that had a leader */
};

/* ---- search.c ---- */

/* space_explore -- all worlds of a plan, states_max at most (0: no bound); what broke is printed
 * with the shortest way there. */
struct space_result space_explore(const struct space_plan *plan, uint64_t states_max);

/* ---- world.c: one world, one step ---- */

/* world_begin -- all nodes have the first configuration on disk. */
void world_begin(struct space *s, const struct space_plan *plan);

/* world_step -- false: that cannot happen here, or leads out of the budget; s may be anything then.
 */
bool world_step(struct space *s, const struct space_plan *plan, struct space_step step);

/* world_size -- bytes of s that are in use, from its beginning. */
size_t world_size(const struct space *s);

/* ---- disk.c ---- */

/* disk_queue -- the write that the core has asked for, seen at once; false: no room. */
bool disk_queue(struct space *s, uint32_t i, const struct raft_effect *e,
                const struct space_msg *from);

/* disk_write -- the oldest write of a node becomes durable; out: what the core is to be told. */
void disk_write(struct space *s, uint32_t i, struct raft_event *out);

/* disk_boot -- a core of what is on the disk of node i. */
void disk_boot(struct space *s, const struct space_plan *plan, uint32_t i);

/* disk_conf -- a configuration by its number; disk_conf_number: the number, a new one if need be.
 */
const struct raft_conf *disk_conf(uint8_t value);
uint8_t disk_conf_number(const struct raft_conf *c);

/* disk_conf_at -- number of the newest configuration up to index, and where it stands. */
uint8_t disk_conf_at(const struct space_log *l, uint8_t index, uint64_t *out_index);

/* ---- post.c ---- */

/* post_send -- what the core sends is under way, or waits for its disk; false: no room. */
bool post_send(struct space *s, uint32_t i, const struct raft_effect *e);

/* post_written -- a write of node i is durable: what waited for it leaves. */
void post_written(struct space *s, uint32_t i);

/* post_crashed -- what waited for the disk of node i is gone. */
void post_crashed(struct space *s, uint32_t i);

/* post_take -- message k as the core sees it; entries and bytes have room for SPACE_LOG_MAX. */
struct raft_msg post_take(const struct space_msg *x, struct raft_entry *entries,
                          uint8_t (*bytes)[RAFT_CONF_BYTES_MAX]);

/* post_drop -- message k is gone. */
void post_drop(struct space *s, uint32_t k);

/* post_bury -- messages of which nothing can come any more are gone. */
void post_bury(struct space *s, const struct space_plan *plan);

/* ---- canon.c ---- */

/* canon_core -- what cannot matter of a core has one value: time, seeds, tickets that are done. */
void canon_core(struct space *s, uint32_t i);

/* canon_hash -- the same for worlds in which the same can happen, nodes that play the same part
 * taken for each other where the plan names none of them. */
uint64_t canon_hash(const struct space *s, const struct space_plan *plan);

/* ---- judge.c ---- */

/* judge_break -- something does not hold; the first one since judge_reset counts. */
void judge_break(const char *what);

/* judge_broken -- what did not hold since judge_reset; NULL: nothing. */
const char *judge_broken(void);

/* judge_reset -- nothing is broken. */
void judge_reset(void);

/* judge_msg -- a message leaves its node. */
void judge_msg(const struct space *s, const struct space_msg *m);

/* judge_cut -- entries after `to` are about to go from the log of node i. */
void judge_cut(const struct space *s, uint32_t i, uint8_t to);

/* judge_world -- after a step of node i. */
void judge_world(struct space *s, uint32_t i);

#endif
