/* sim/fault.h -- what goes wrong: classes drawn for each seed, and moments drawn within it.
 *
 * Shape:      a seed switches each class on or off and draws its rates (a swarm); then faults come
 *             at random times, last a while, and heal
 * Invariants: disk faults stay within what replication can repair without help from peers: a lost
 *             promise that counts is never drawn, a damaged node may stop with its reason, and of
 *             every configuration that may be in force a majority is neither damaged nor older
 *             than it was. A disk is lost while all nodes know which incarnation counts, and the
 *             next one when that one is counted again
 * Thread:     one
 */
#ifndef SIM_FAULT_H
#define SIM_FAULT_H

#include "base/prng.h"
#include "raft/raft.h"
#include "sim/copy.h"
#include "sim/net.h"

/* A row for each class: what --without calls it, and sim_fault_do_..., which does it once. */
#define SIM_FAULTS(X)                                                                              \
    X(CRASH, "crash", crash)                /* no power, or one in three: only no process */       \
    X(CRASH_INSIDE, "inside", crash_inside) /* the same, inside an effect */                       \
    X(CRASH_ALL, "all", crash_all)          /* the whole cluster loses power */                    \
    X(STOP, "stop", stop)                   /* an orderly stop */                                  \
    X(TWICE, "twice", twice)                /* a second process on the directory of the first */   \
    X(PAUSE, "pause", pause_host)           /* time passes, nothing runs */                        \
    X(SLOW, "slow", slow)                   /* every step takes long */                            \
    X(RATE, "rate", rate)                   /* a clock that runs fast or slow */                   \
    X(JUMP, "jump", jump)                   /* a clock that jumps forward */                       \
    X(WALL, "wall", wall)                   /* a wall clock that jumps either way */               \
    X(ISOLATE, "isolate", isolate_any)      /* one node alone */                                   \
    X(LEADER, "leader", isolate_leader)     /* the leader alone */                                 \
    X(HALVES, "halves", halves)             /* two groups */                                       \
    X(BRIDGE, "bridge", bridge)             /* two groups, one node sees both */                   \
    X(RING, "ring", ring)                   /* everybody sees the neighbours only */               \
    X(MAJORITIES, "majorities", majorities) /* everybody sees another majority */                  \
    X(MUTE, "mute", mute)                   /* a node that only receives */                        \
    X(DEAF, "deaf", deaf)                   /* a node that only sends */                           \
    X(ONE_WAY, "one-way", one_way)          /* one link, one way */                                \
    X(FLAP, "flap", flap)                   /* a link that comes and goes */                       \
    X(BREAK, "break", break_some)           /* connections lost, at once made again */             \
    X(CLOG, "clog", clog_some)              /* frames wait, then come all at once */               \
    X(SWIZZLE, "swizzle", swizzle)          /* nodes clogged in turn, unclogged in another */      \
    X(LOSS, "loss", loss)                   /* frames lost, doubled, late, replayed, cut short */  \
    X(LATENCY, "latency", latency)          /* a slow network */                                   \
    X(DISK_SLOW, "disk-slow", disk_slow)    /* jobs of the disk take long */                       \
    X(DISK_STUCK, "disk-stuck", disk_stuck) /* no job of the disk ends for a while */              \
    X(DISK_ERROR, "disk-error", disk_error) /* one operation fails */                              \
    X(DISK_READ, "disk-read", disk_read)    /* one read fails, of a start or later */              \
    X(DISK_STALE, "disk-stale", disk_stale) /* a read gives what was there before */               \
    X(DISK_FULL, "disk-full", disk_full)    /* no space for a while */                             \
    X(DISK_ROT, "disk-rot", disk_rot)       /* damage to what was safe long ago */                 \
    X(SNAP_ROT, "snap-rot", snap_rot)       /* a snapshot is damaged, or cut short */              \
    X(BACKUP, "backup", backup)             /* an older copy of a disk comes back */               \
    X(BURST, "burst", burst)                /* clients that do not think */                        \
    X(QUIET, "quiet", quiet)                /* clients that rest */                                \
    X(FLOOD, "flood", flood)                /* thousands of operations of one node */              \
    X(WIPE, "wipe", wipe)                   /* a disk is lost, the key is not */                   \
    X(TRANSFER, "transfer", transfer)       /* the office goes to another */                       \
    X(SNAPSHOT, "snapshot", snapshot)       /* one is made */                                      \
    X(MEMBERS, "members", members)          /* members come, go, and change their votes */         \
    X(FOREIGN, "foreign", foreign)          /* a node begins alone, beside the cluster */          \
    /* of datagrams, with --quic only; last, so that the message level draws without them */       \
    X(REBIND, "rebind", rebind)    /* a machine seen under another address */                      \
    X(NARROW, "narrow", narrow)    /* large packets vanish */                                      \
    X(CORRUPT, "corrupt", corrupt) /* flipped bits */

enum sim_fault_class {
#define SIM_FAULT_NAME(name, text, fn) SIM_FAULT_##name,
    SIM_FAULTS(SIM_FAULT_NAME)
#undef SIM_FAULT_NAME
    SIM_FAULT_COUNT,
    SIM_FAULT_MESSAGE_COUNT = SIM_FAULT_REBIND /* of the message level */
};
static_assert(SIM_FAULT_COUNT <= 64, "a set of classes fits 64 bits");

/* What a crash waits for: something that a node has just done and must never take back, of which
 * sim_fault_moment is told; or is about to do, and the disk crashes inside (crash_sync,
 * crash_vote). */
enum sim_moment {
    SIM_MOMENT_NONE,
    SIM_MOMENT_VOTE,   /* voted, or asked for votes */
    SIM_MOMENT_ACK,    /* said that it has entries */
    SIM_MOMENT_ANSWER, /* told a client that its write is done */
    SIM_MOMENT_OFFICE, /* leads */
    SIM_MOMENT_SYNC,   /* makes a write durable: inside its next sync */
    SIM_MOMENT_HARD,   /* makes a term or a vote durable: likewise, of the file of both */
    SIM_MOMENT_COUNT
};

struct sim_host;
struct sim_world;

/* What is planned against a leader that was just cut off and does not know it, once it has a
 * successor that clients hear of. */
enum sim_plot {
    SIM_PLOT_NONE,
    SIM_PLOT_COUP,  /* the successor is cut off in its turn, the old one comes back */
    SIM_PLOT_DOUBT, /* the old one is asked for what the successor has just answered */
    SIM_PLOT_COUNT
};

/* An older copy of one machine's disk, which waits for the moment at which it may come back. */
struct sim_backup {
    struct sim_copy copy;
    struct raft_conf conf; /* that a node acts on which starts from it */
    struct sim_host *host; /* NULL: there is none */
    uint32_t looks;        /* for the moment */
};

struct sim_faults {
    struct sim_world *world;
    struct prng prng;
    uint64_t on; /* bits of the classes of this seed */
    uint64_t mean_ns;
    uint64_t length_ns; /* mean of how long one lasts */
    bool over;
    bool uneven;        /* links are worse one by one, not all alike */
    uint64_t losses;    /* number of the newest */
    uint64_t latencies; /* likewise */
    enum sim_plot plot;
    uint32_t deposed;           /* index of the leader that it is against */
    uint64_t deposed_cut_first; /* numbers of the cuts that keep it alone */
    uint64_t deposed_cut_last;
    struct sim_backup backup;
    bool treason; /* something happens to the leader when a write has been answered */
    uint64_t injected[SIM_FAULT_COUNT]; /* that acted: one may find nothing to do */
    uint64_t total;
};

/* sim_faults_init -- draw the classes that are on and how often they come; nothing happens yet. */
void sim_faults_init(struct sim_faults *f, struct sim_world *w, uint64_t seed);

/* sim_faults_start -- from now on things go wrong. */
void sim_faults_start(struct sim_faults *f);

/* sim_faults_stop -- no new ones, and all that heals by itself is healed now. */
void sim_faults_stop(struct sim_faults *f);

/* sim_faults_done -- before the machines' end: give back what is kept of their disks. */
void sim_faults_done(struct sim_faults *f);

/* sim_fault_moment -- a node has just done this (none of those that the disk sees): is it the
 * moment that a fault waited for? */
void sim_fault_moment(struct sim_faults *f, struct sim_host *h, enum sim_moment moment);

/* sim_fault_bit -- of a class, in a set of them. */
static inline uint64_t sim_fault_bit(enum sim_fault_class class)
{
    return UINT64_C(1) << class;
}

/* sim_fault_name -- as --without takes it. */
const char *sim_fault_name(enum sim_fault_class class);

/* sim_fault_find -- class of a name; SIM_FAULT_COUNT: none. */
enum sim_fault_class sim_fault_find(const char *name);

#endif
