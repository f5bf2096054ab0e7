/* tests/script/world.h -- the cluster that a script drives: real cores, a disk, a clock and a
 * network each.
 *
 * Shape:      an event is stepped at once; its effects wait in the node until it is pumped.
 *             Messages wait
 *             in the network until they are delivered.
 * Invariants: nothing is delivered, written, applied or ticked unless the script says so
 * Thread:     one
 */
#ifndef TESTS_SCRIPT_WORLD_H
#define TESTS_SCRIPT_WORLD_H

#include "raft/raft.h"

enum {
    WORLD_NODES_MAX = 63, /* ids 1..63: more than a configuration has members */
    WORLD_LOG_MAX = 65536,
    WORLD_EFFECTS_MAX = 65536, /* that wait in one node */
    WORLD_WRITES_MAX = 65536,  /* of one node, not durable yet */
    WORLD_NET_MAX = 65536,
    WORLD_READS_MAX = 65536,
    WORLD_TICK_NS = 10 * 1000 * 1000,
    WORLD_RATE_ONE = 1000 * 1000 /* of a clock that is right */
};

struct world_entry {
    uint64_t term;
    uint8_t kind;
    uint32_t size;
    const uint8_t *data; /* command text, or an encoded configuration; the world keeps it */
};

/* An effect that waits to be carried out, with the bytes that it speaks of; or a write that was
 * carried out and is not durable yet. */
struct world_effect {
    struct raft_effect effect;
    uint64_t due_ns; /* slow disk: a write is not durable before */
    uint32_t entry_count;
    struct world_entry *entries;
};

/* First in, first out. */
struct world_queue {
    struct world_effect *row;
    uint32_t first;
    uint32_t count;
    uint32_t room;
};

/* What a disk holds. */
struct world_disk {
    struct world_entry *log; /* by index */
    uint64_t last;
    uint64_t snap_index, snap_term; /* the log begins after it; the rows before are what the state
                                       machine was made of */
    uint64_t made_index;            /* newest snapshot */
    uint64_t term, vote;
};

struct world_read {
    char tag[32];
    uint64_t id; /* of the node asked */
    uint64_t ticket;
    int state; /* 0 pending, 1 ok, 2 failed */
    uint64_t index;
    bool confirmed; /* of a pending one: it waits for its node to have applied so far */
};

struct world_node {
    bool exists;
    bool up;
    struct raft *core;
    uint64_t boots; /* each has its own seed, even within a tick */
    uint64_t wipes; /* disks that it has lost */
    uint64_t lives; /* that ended so, with something promised */
    uint64_t now_ns;
    uint64_t rate_ppm; /* of its clock */
    /* disk */
    struct world_disk disk; /* what was written */
    struct world_disk safe; /* what survives a crash that loses unsynced writes */
    struct world_disk copy; /* what was so when it was copied */
    uint64_t copy_applied;
    struct world_queue writes; /* that tell disk and safe apart */
    uint64_t wal_done;
    bool disk_hold, disk_fail, disk_lose, disk_torn;
    uint64_t corrupt; /* an entry that cannot be read at the next start, 0: none */
    uint64_t disk_slow_ns;
    /* state machine */
    bool apply_hold;
    uint64_t apply_target;
    uint64_t apply_after; /* not before this write is durable: it brings a snapshot */
    uint64_t applied;
    uint64_t snap_keep; /* of the snapshot that was asked for */
    /* effects */
    struct world_queue pending;
};

struct world_msg {
    struct raft_msg msg;
    struct raft_entry *metas;
    uint32_t entry_count;
    struct world_entry *entries; /* of a snapshot: all that it contains, then its configuration */
    uint64_t after;              /* leaves when its sender's disk is so far */
    bool gated;
};

struct world_seen; /* by the invariants */

/* Bytes of entries, which disks and messages share. */
struct world_bytes {
    struct world_bytes *next;
    uint8_t data[];
};

struct world {
    struct raft_config config;
    bool lives;        /* nodes know which disk they have */
    bool lives_told;   /* the script says whether they do */
    bool wants_lives;  /* a member has lost what it had promised: the script is one for lives */
    bool wants_leases; /* it reads by lease: all nodes must be of that mind */
    bool started;
    bool checks_invariants;
    struct world_node node[WORLD_NODES_MAX + 1];
    struct world_msg *net[WORLD_NET_MAX];
    uint32_t net_count;
    bool cut[WORLD_NODES_MAX + 1][WORLD_NODES_MAX + 1];
    uint64_t sent[WORLD_NODES_MAX + 1][WORLD_NODES_MAX + 1];
    uint64_t next_ticket;
    uint64_t asked_ticket; /* of the last propose, conf, read, transfer, campaign; 0: none */
    enum err asked_err;
    struct world_read read[WORLD_READS_MAX];
    uint32_t read_count;
    struct world_seen *seen;
    struct world_bytes *bytes;
    char failure[512]; /* an invariant that broke */
    char limit[128];   /* of the driver, that was reached: nothing has a meaning any more */
    struct raft_out out;
};

/* world_start -- the nodes named, booted with the initial configuration as durable entry 1, term
 * 1. */
void world_start(struct world *w, const struct raft_conf *conf);
void world_done(struct world *w);

/* world_node_add -- an empty, uninitialised node. */
void world_node_add(struct world *w, uint64_t id);

/* world_limit -- the script asks for more than the driver has room for; the first one is told. */
void world_limit(struct world *w, const char *what, uint64_t id);

/* world_life -- of a node as it is now: 100 times its id and the number of its disk, not counting
 * those with nothing but the first entry where the script says nothing of lives; 0: not told
 * apart. */
uint64_t world_life(const struct world *w, uint64_t id);

void world_crash(struct world *w, uint64_t id);
void world_restart(struct world *w, uint64_t id, bool wipe);

/* world_copy -- keep what a node's disk holds now; world_restore: its disk is that again. */
void world_copy(struct world *w, uint64_t id);
bool world_restore(struct world *w, uint64_t id);

/* world_step -- one event into a core; its effects join the pending ones. */
void world_step(struct world *w, uint64_t id, struct raft_event *ev, const struct world_msg *m,
                const char *command);

/* world_snap_failed -- tell a sender that a snapshot did not reach its peer, or was not wanted. */
void world_snap_failed(struct world *w, uint64_t from, uint64_t to);

void world_tick(struct world *w, uint64_t id);

/* world_conf -- the newest configuration at or below index, of what a node has. */
struct raft_conf world_conf(const struct world_node *n, uint64_t index);

/* world_pump -- carry out all effects of a node, and those that follow; true: there were any. */
bool world_pump(struct world *w, uint64_t id);

/* world_deliver, world_drop -- queued messages from a to b, of a type (0: any); how many. */
uint32_t world_deliver(struct world *w, uint64_t a, uint64_t b, int type);
uint32_t world_drop(struct world *w, uint64_t a, uint64_t b, int type);
uint32_t world_count(const struct world *w, uint64_t a, uint64_t b, int type);

/* world_msg_new -- with room for its entries, and for what the core is told of them. */
struct world_msg *world_msg_new(const struct raft_msg *msg, uint32_t entry_count,
                                uint32_t meta_count);
void world_msg_free(struct world_msg *m);

/* world_lose -- the message at a place in the queue is gone. */
void world_lose(struct world *w, uint32_t i);
void world_dup(struct world *w, uint64_t a, uint64_t b);
void world_reorder(struct world *w, uint64_t a, uint64_t b);

/* world_settle -- pump and deliver until nothing moves; false when it does not end. */
bool world_settle(struct world *w);

/* world_refuse -- what was asked last has found nobody. */
void world_refuse(struct world *w);

void world_propose(struct world *w, uint64_t id, const char *data);
void world_ask(struct world *w, uint64_t id, enum raft_event_type type, uint64_t peer);
void world_change(struct world *w, uint64_t id, const struct raft_change *changes, uint32_t count,
                  bool manual);

/* world_read -- also of a node that is down: it has failed. */
void world_read(struct world *w, uint64_t id, const char *tag, bool lease);

/* world_snapshot -- of all that is applied; the log keeps so many entries before it. */
void world_snapshot(struct world *w, uint64_t id, uint64_t keep);
void world_disk_release(struct world *w, uint64_t id);

/* world_check -- the invariants over all nodes; false and a text when one is broken. */
bool world_check(struct world *w);

#endif
