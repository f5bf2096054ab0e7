/* tests/unit/raft/explore.h -- a seeded world of cores, judged after every step. */
#ifndef TESTS_RAFT_EXPLORE_H
#define TESTS_RAFT_EXPLORE_H

#include "base/prng.h"
#include "raft/raft.h"
#include "raft/raft_codec.h"

enum {
    EXPLORE_SEEDS = 400, /* some seconds, sanitizers included */
    EXPLORE_NODES_MAX = 7,
    EXPLORE_LOG_MAX = 600,
    EXPLORE_TERMS_MAX = 4096,
    EXPLORE_PACKETS_MAX = 400,
    EXPLORE_PAST_MAX = 64, /* old messages that may come again */
    EXPLORE_TICKETS_MAX = 8192,
    EXPLORE_WRITES_MAX = 512,
};

struct explore_entry {
    uint64_t term;
    uint64_t value; /* of a command: its ticket */
    uint64_t chain; /* of everything up to here: equal chains are equal logs */
    uint8_t kind;
};

/* One write on its way to the disk. */
struct explore_write {
    uint64_t ticket;
    bool cut;
    uint64_t cut_to;
    uint64_t first;
    uint64_t count;
    struct explore_entry *entries;
    bool hard;
    uint64_t term, vote;
};

struct explore_log {
    struct explore_entry entry[EXPLORE_LOG_MAX + 1];
    uint64_t last;
    uint64_t term, vote;
    uint64_t ticket; /* newest write in it */
};

struct explore_done {
    uint64_t ticket, index, term;
};

struct explore_node {
    bool up;
    struct raft *core;
    struct explore_log seen; /* as the process sees it */
    struct explore_log disk; /* what survives */
    struct explore_write queue[EXPLORE_WRITES_MAX];
    uint32_t queued;
    struct explore_done done[EXPLORE_WRITES_MAX]; /* on the disk, not told yet */
    uint32_t done_count;
    uint64_t told_index, told_term;
    uint64_t target, applied, flushed;
    uint64_t commit, term;
    bool leads;
};

struct explore_packet {
    struct raft_msg msg;
    uint64_t after;
    bool left;      /* its sender's disk was far enough */
    uint64_t chain; /* append reply: of what it acknowledges */
    struct explore_entry *entries;
};

enum explore_end {
    EXPLORE_OPEN,
    EXPLORE_OK,
    EXPLORE_NOT_DONE,
    EXPLORE_UNKNOWN,
    EXPLORE_LOST /* its node crashed */
};

struct explore_ticket {
    uint32_t node;
    bool read;
    enum explore_end end;
    uint64_t floor; /* read: newest index that a client had heard of when it was asked */
};

struct explore_chain {
    uint64_t term, chain;
};

struct explore {
    uint32_t count;
    uint64_t now;
    struct prng prng;
    uint32_t loss, crash, cut; /* in a thousand */
    uint32_t slow;             /* in a thousand: the disk does not move */
    uint32_t haste;            /* of the clock against everything else */
    struct raft_config config;
    struct raft_conf conf;
    uint8_t conf_bytes[RAFT_CONF_BYTES_MAX];
    uint32_t conf_size;
    struct explore_node node[EXPLORE_NODES_MAX];
    bool down[EXPLORE_NODES_MAX][EXPLORE_NODES_MAX]; /* links, one way */
    struct explore_packet packet[EXPLORE_PACKETS_MAX];
    uint32_t packets;
    struct explore_packet past[EXPLORE_PAST_MAX];
    struct explore_ticket ticket[EXPLORE_TICKETS_MAX];
    uint64_t tickets;
    uint64_t acked; /* newest index of which a client heard */
    /* what was ever seen */
    uint64_t leader_of[EXPLORE_TERMS_MAX];
    uint64_t vote_of[EXPLORE_NODES_MAX][EXPLORE_TERMS_MAX];
    struct explore_chain chain[EXPLORE_LOG_MAX + 1][32];
    struct explore_entry committed[EXPLORE_LOG_MAX + 1];
    uint64_t committed_in[EXPLORE_LOG_MAX + 1]; /* term */
    uint64_t commit;
    uint64_t trace;
    char failure[200];
    struct raft_out out;
};

enum explore_event {
    EXPLORE_LEADERS,
    EXPLORE_COMMITS,
    EXPLORE_READS,
    EXPLORE_TRUNCATIONS,
    EXPLORE_CRASHES,
    EXPLORE_EVENTS
};

/* explore_world -- one world from its seed; false: explore_failure says what broke. */
bool explore_world(uint64_t seed);
const char *explore_failure(void);

/* explore_trace -- hash over all states of the last world. */
uint64_t explore_trace(void);

/* explore_seen -- how often something happened in all worlds so far. */
uint64_t explore_seen(enum explore_event what);

/* ---- between explore.c (what happens) and explore_judge.c (what must hold) ---- */

void explore_fail(struct explore *w, const char *what, uint64_t a, uint64_t b);
void explore_count(enum explore_event what);
/* an entry entered the log of a process */
void explore_judge_entry(struct explore *w, uint64_t index, struct explore_entry *e,
                         const struct explore_entry *before);
/* a message is about to leave */
void explore_judge_packet(struct explore *w, uint32_t i, const struct explore_packet *p);
/* after a step of node i */
void explore_judge_step(struct explore *w, uint32_t i);
/* a ticket range ended */
void explore_judge_end(struct explore *w, uint32_t i, const struct raft_effect *e);
/* after the faults have stopped */
void explore_judge_rest(struct explore *w);

#endif
