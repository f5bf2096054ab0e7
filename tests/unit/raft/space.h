/* tests/unit/raft/space.h -- every state that a few small cores can reach, within budgets.
 *
 * Shape:      breadth first over worlds of three cores, their disks and the messages under way;
 *             a world is known by a hash of what can still matter of it
 * Invariants: space_judge holds in every world that is reached
 * Why:        seeds find what is likely; this finds what is possible, by the shortest way
 */
#ifndef TESTS_RAFT_SPACE_H
#define TESTS_RAFT_SPACE_H

#include "raft/impl.h"
#include "raft/raft.h"
#include "raft/raft_codec.h"

enum {
    SPACE_NODES = 3,
    SPACE_LOG_MAX = 11,
    SPACE_WRITES_MAX = 8,
    SPACE_MSGS_MAX = 40,
    SPACE_TERMS_MAX = 8,
    SPACE_CONFS_MAX = 16,
    SPACE_DEPTH_MAX = 256,
};

/* What may happen how often. */
struct space_budget {
    uint8_t term;    /* the highest that anybody stands for */
    uint8_t entries; /* in a log, the first included */
    uint8_t commands;
    uint8_t changes;
    uint8_t crashes;
    uint8_t doubles; /* messages that come twice */
    uint8_t ups;     /* connections that are made anew */
};

struct space_plan {
    const char *name;
    struct space_budget budget;
    uint8_t voters; /* 1..voters, at first */
    struct raft_change change[3];
    uint32_t change_count;
    bool told_late;      /* a disk and its process are two */
    uint32_t states_max; /* give up beyond; 0: never */
};

struct space_entry {
    uint8_t term;
    uint8_t kind;
    uint8_t value; /* of a configuration: its number */
};

struct space_log {
    struct space_entry entry[SPACE_LOG_MAX + 1];
    uint8_t last;
    uint8_t term, vote;
};

struct space_write {
    uint8_t ticket; /* counted from the newest that was told */
    bool cut, hard;
    uint8_t cut_to, first, count, term, vote;
    struct space_entry entry[SPACE_LOG_MAX];
};

struct space_node {
    struct space_log seen; /* as the process sees it */
    struct space_log disk; /* what survives */
    uint8_t queued;
    struct space_write queue[SPACE_WRITES_MAX];
    uint8_t untold; /* writes on the disk of which the process has not heard */
    uint8_t untold_index, untold_term;
    uint64_t written; /* ticket of the newest write on the disk */
    uint8_t boots;
    uint8_t target; /* what it was asked to apply */
};

/* A message; it has left when `waits` is 0, else it waits for so many writes of its sender. */
struct space_msg {
    uint8_t type, from, to, term, index, log_term, hint, commit, epoch, waits;
    bool reject, transfer;
    uint8_t count;
    struct space_entry entry[SPACE_LOG_MAX];
    uint64_t id;
};

struct space {
    struct space_budget left;
    struct space_node node[SPACE_NODES];
    uint8_t msgs;
    struct space_msg msg[SPACE_MSGS_MAX];
    /* what was */
    uint8_t leader_of[SPACE_TERMS_MAX];
    uint8_t commit;
    struct space_entry committed[SPACE_LOG_MAX + 1];
    uint8_t committed_in[SPACE_LOG_MAX + 1];
    /* the cores follow, SPACE_NODES of raft_size() bytes */
    _Alignas(16) struct raft core[SPACE_NODES];
};

enum space_act {
    SPACE_CAMPAIGN,
    SPACE_PROPOSE,
    SPACE_CHANGE,
    SPACE_WRITE,
    SPACE_TELL,
    SPACE_CRASH, /* b: writes that make it to the disk */
    SPACE_UP,    /* b: peer */
    SPACE_DELIVER,
    SPACE_DOUBLE, /* delivered, and still under way */
    SPACE_ACTS
};

struct space_step {
    uint8_t act, a, b;
};

/* space_explore -- all worlds of a plan; NULL, or what broke, with the way there on stdout. */
const char *space_explore(const struct space_plan *plan);

/* ---- space_world.c: one world, one step ---- */

void space_begin(struct space *s, const struct space_plan *plan);

/* space_do -- false: that cannot happen here; s may be anything then. */
bool space_do(struct space *s, const struct space_plan *plan, struct space_step step);

/* space_hash -- of what can still matter. */
uint64_t space_hash(const struct space *s);

const struct raft_conf *space_conf(uint8_t value);

/* ---- space_judge.c: what must hold ---- */

/* the first thing that broke since the last call to space_broken(true) */
void space_break(const char *what);
const char *space_broken(bool reset);
/* a message is about to leave */
void space_judge_msg(const struct space *s, const struct space_msg *m);
/* after a step of node i */
void space_judge(struct space *s, uint32_t i);

#endif
