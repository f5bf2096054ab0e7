/* sim/net.h -- the message seam of all nodes, with time, loss and cuts.
 *
 * Shape:      a link for each node (net/link.h); a pair of nodes has at most one connection, known
 *             by a serial number that is the epoch on both sides
 * Invariants: frames of LINK_CALL keep the seam's promise (in order, none twice, none altered, lost
 *             only with their connection); those of the other classes may be lost, doubled, late or
 *             out of order, as hard as the seed wants it
 * Owns:       frames on the way
 * Thread:     one
 * Why:        Raft is to survive worse than QUIC does to it; a forwarded client operation is not
 *             idempotent, so it relies on the seam
 */
#ifndef SIM_NET_H
#define SIM_NET_H

#include "base/prng.h"
#include "net/link.h"
#include "sim/late.h"

enum {
    SIM_NODES_MAX = 9,
    SIM_CUTS_MAX = 16384 /* in force at once: cuts of minutes, dozens of them every tenth second */
};

/* A good network. */
#define SIM_NET_LATENCY_NS UINT64_C(200000)
#define SIM_NET_JITTER_NS UINT64_C(300000)

struct sim_world;
struct sim_host;

struct sim_link {
    struct link link; /* first */
    struct sim_host *host;
    const struct link_handler *handler;
    void *arg;
    bool open;
    bool known[SIM_NODES_MAX];    /* peers that it was told to keep a connection to */
    uint64_t told[SIM_NODES_MAX]; /* serial of the connection it knows; 0: none */
    struct link_stats stats;
};

/* One frame on the way. */
struct sim_frame {
    uint32_t from;
    uint32_t to;
    uint64_t serial; /* of the connection that it was sent on */
    bool again;      /* an old one: it comes on whatever connection there is */
    enum link_class class;
    size_t count;
    uint8_t bytes[];
};

/* How bad a directed link is; chances are one in so many, 0: never. */
struct sim_quality {
    uint64_t latency_ns; /* the least */
    uint64_t jitter_ns;  /* mean of what comes on top */
    uint32_t drop;
    uint32_t twice;
    uint32_t reorder;
    uint32_t replay;
    uint32_t truncate;
    uint32_t refuse; /* the queue is full */
};

/* What a liar does to a frame of its own, for scenarios. */
typedef void (*sim_lie_fn)(void *arg, uint32_t from, uint32_t to, enum link_class class,
                           uint8_t *bytes, size_t *count);

/* One cut in force; number 0: none. */
struct sim_cut {
    uint64_t number;
    uint32_t from;
    uint32_t to;
};

struct sim_net {
    struct sim_world *world;
    struct prng prng;
    struct sim_link link[SIM_NODES_MAX];
    uint64_t serial;                                   /* newest */
    uint64_t connection[SIM_NODES_MAX][SIM_NODES_MAX]; /* [a][b], a < b: serial; 0: none */
    bool connecting[SIM_NODES_MAX][SIM_NODES_MAX];     /* [a][b], a < b: an attempt is due */
    uint32_t cut[SIM_NODES_MAX][SIM_NODES_MAX];        /* [from][to]: cuts in force */
    uint64_t cuts;                                     /* number of the newest */
    struct sim_cut in_force[SIM_CUTS_MAX];             /* by number, in turn */
    uint64_t clogged_ns[SIM_NODES_MAX][SIM_NODES_MAX]; /* nothing arrives before */
    uint64_t arrives_ns[SIM_NODES_MAX][SIM_NODES_MAX][LINK_CLASS_COUNT]; /* the newest in order */
    struct sim_quality quality;                                          /* of all links */
    bool uneven; /* each link has one of its own instead */
    struct sim_quality link_quality[SIM_NODES_MAX][SIM_NODES_MAX]; /* [from][to] */
    struct sim_late late;                                          /* frames */
    sim_lie_fn lie;
    void *lie_arg;
    uint64_t frames;
    uint64_t lost;
};

/* sim_net_init, sim_net_done -- a good network without connections; the seed draws what becomes of
 * frames. done gives back those under way, when the world has ended. */
void sim_net_init(struct sim_net *n, struct sim_world *w, uint64_t seed);
void sim_net_done(struct sim_net *n);

/* sim_net_open -- node_seams' link_open; arg is the host. */
MUST_CHECK
enum err sim_net_open(void *arg, const struct node_key *key, const struct link_handler *handler,
                      void *handler_arg, struct link **out);

/* sim_net_break -- lose the connection of two nodes and what is on it; they connect again. false:
 * they had none. */
bool sim_net_break(struct sim_net *n, uint32_t a, uint32_t b);

/* sim_net_cut -- frames from one to the other vanish; returns the number of this cut. Others may be
 * in force on the same way.
 * sim_net_heal -- this cut ends, and no other one; nothing when it has ended already.
 * sim_net_mend -- all cuts of a way end. */
uint64_t sim_net_cut(struct sim_net *n, uint32_t from, uint32_t to);
void sim_net_heal(struct sim_net *n, uint64_t number);
void sim_net_mend(struct sim_net *n, uint32_t from, uint32_t to);

/* sim_net_quality -- of a directed link, now. */
const struct sim_quality *sim_net_quality(const struct sim_net *n, uint32_t from, uint32_t to);

/* sim_net_uneven -- from now on until sim_net_calm links differ; they begin as good ones. */
void sim_net_uneven(struct sim_net *n);

/* sim_net_calm -- no cut, no clog, no loss any more. */
void sim_net_calm(struct sim_net *n);

#endif
