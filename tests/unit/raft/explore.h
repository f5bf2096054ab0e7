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
    EXPLORE_CONFS_MAX = 512,
    EXPLORE_MS = 1000000,
    EXPLORE_ELECTION = 100 * EXPLORE_MS,
    EXPLORE_HEARTBEAT = 10 * EXPLORE_MS,
};

/* A configuration that was ever written, by the number that its entries carry. */
struct explore_conf {
    struct raft_conf conf;
    uint64_t ticket; /* of who asked for it; 0: nobody */
    uint32_t size;
    uint8_t bytes[RAFT_CONF_BYTES_MAX];
};

struct explore_entry {
    uint64_t term;
    uint64_t value; /* of a command: its ticket; of a configuration: its number */
    uint64_t chain; /* of everything up to here: equal chains are equal logs */
    uint8_t kind;
};

/* One write on its way to the disk. */
struct explore_write {
    uint64_t ticket;
    bool install; /* the snapshot whose end is entries[0], at first */
    bool cut;
    uint64_t cut_to;
    uint64_t first;
    uint64_t count;
    struct explore_entry *entries;
    bool hard;
    uint64_t term, vote;
    uint64_t conf; /* install: of the snapshot */
};

struct explore_log {
    struct explore_entry entry[EXPLORE_LOG_MAX + 1];
    uint64_t base; /* entries up to here are gone; entry[base] names them all */
    uint64_t conf; /* in force there */
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
    uint64_t clock;          /* what its clock is ahead */
    uint64_t rate;           /* its nanoseconds in a millisecond of the world */
    struct explore_log seen; /* as the process sees it */
    struct explore_log disk; /* what survives */
    struct explore_write queue[EXPLORE_WRITES_MAX];
    uint32_t queued;
    struct explore_done done[EXPLORE_WRITES_MAX]; /* on the disk, not told yet */
    uint32_t done_count;
    uint64_t told_index, told_term;
    uint64_t target, applied, flushed;
    uint64_t install;         /* on its way into the state machine; 0: none */
    uint64_t made, made_conf; /* newest snapshot on the disk */
    uint64_t making;          /* one that is being made; 0: none */
    uint64_t making_conf;
    uint64_t read; /* newest index that a read waits for; 0: none */
    uint64_t commit, term;
    bool leads;
};

struct explore_packet {
    struct raft_msg msg;
    uint64_t after;
    bool left;      /* its sender's disk was far enough */
    uint64_t chain; /* append reply, snapshot: of what it acknowledges, or is */
    uint64_t conf;  /* snapshot */
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
    enum raft_event_type what;
    enum explore_end end;
    uint64_t floor; /* read: newest index that a client had heard of when it was asked */
    uint64_t term;  /* of its node when it was asked */
    bool manual;
    uint32_t count;
    struct raft_change change[3];
};

struct explore_chain {
    uint64_t term, chain;
};

struct explore {
    uint32_t count;
    uint64_t now;
    struct prng prng;
    uint32_t loss, crash, cut; /* in a thousand */
    uint32_t change;           /* in a thousand: members, office, snapshots */
    uint32_t slow;             /* in a thousand: the disk does not move */
    uint32_t haste;            /* of the clock against everything else */
    struct raft_config config;
    struct explore_conf conf[EXPLORE_CONFS_MAX];
    uint64_t confs;
    struct explore_node node[EXPLORE_NODES_MAX];
    bool down[EXPLORE_NODES_MAX][EXPLORE_NODES_MAX];   /* links, one way */
    bool greet[EXPLORE_NODES_MAX][EXPLORE_NODES_MAX];  /* a new connection, not told yet */
    bool failed[EXPLORE_NODES_MAX][EXPLORE_NODES_MAX]; /* a snapshot, not told yet */
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
    EXPLORE_LEASE_READS,
    EXPLORE_TRUNCATIONS,
    EXPLORE_CRASHES,
    EXPLORE_CHANGES,
    EXPLORE_TRANSFERS,
    EXPLORE_COMPACTIONS,
    EXPLORE_INSTALLS,
    EXPLORE_EVENTS
};

/* explore_world -- one world from its seed; false: explore_failure says what broke. */
bool explore_world(uint64_t seed);
const char *explore_failure(void);

/* explore_trace -- hash over all states of the last world. */
uint64_t explore_trace(void);

/* explore_seen -- how often something happened in all worlds so far. */
uint64_t explore_seen(enum explore_event what);

/* ---- explore.c: what happens ---- */

uint32_t explore_below(struct explore *w, uint64_t bound);

/* ---- explore_node.c: a process, its disk, its state machine ---- */

void explore_boot(struct explore *w, uint32_t i, bool restarted);
void explore_crash(struct explore *w, uint32_t i);
/* an event with the node's own time; its effects are carried out and judged */
void explore_step(struct explore *w, uint32_t i, struct raft_event *ev,
                  const struct explore_packet *from);
/* some of what waits reaches the disk; the process hears of it later */
void explore_disk(struct explore *w, uint32_t i, uint32_t count);
void explore_tell(struct explore *w, uint32_t i, uint32_t count);
void explore_apply(struct explore *w, uint32_t i, bool all);
void explore_snap_end(struct explore *w, uint32_t i, bool good);
void explore_writes_drop(struct explore_node *n, uint32_t count);
/* number of the configuration in force at an index that the log still knows of */
uint64_t explore_conf_at(const struct explore_log *l, uint64_t index);
uint64_t explore_conf_new(struct explore *w, const struct raft_conf *c, uint64_t ticket);

/* ---- explore_net.c: messages ---- */

void explore_send(struct explore *w, uint32_t i, const struct raft_effect *e);
void explore_release(struct explore *w);
void explore_deliver(struct explore *w, bool faults);
void explore_hand_over(struct explore *w, const struct explore_packet *p);
/* what a process had not let go yet is gone with it */
void explore_packets_die(struct explore *w, uint32_t i);
void explore_packets_free(struct explore *w);

/* ---- explore_judge.c: what must hold ---- */

void explore_fail(struct explore *w, const char *what, uint64_t a, uint64_t b);
void explore_count(enum explore_event what);
/* an entry entered the log of a process */
void explore_judge_entry(struct explore *w, uint64_t index, struct explore_entry *e,
                         const struct explore_entry *before);
/* a message is about to leave */
void explore_judge_packet(struct explore *w, uint32_t i, const struct explore_packet *p);
/* a snapshot is on its way, or is there */
void explore_judge_snapshot(struct explore *w, uint64_t index, uint64_t term,
                            const struct raft_conf *c);
/* after a step of node i */
void explore_judge_step(struct explore *w, uint32_t i);
/* a ticket range ended */
void explore_judge_end(struct explore *w, uint32_t i, const struct raft_effect *e);
/* after the faults have stopped */
void explore_judge_rest(struct explore *w);

#endif
