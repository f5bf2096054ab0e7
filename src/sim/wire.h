/* sim/wire.h -- the network of datagrams under real QUIC endpoints: the second network level.
 *
 * Shape:      every machine has one address on one wire; the wire takes cuts, clogs and quality
 *             from the message level's struct sim_net, and adds what only datagrams know: the size
 *             of a packet, flipped bits, and a router in front of a machine that gives it another
 *             address. A tap (tap.c) on each node's link shows its frames to the judges.
 * Invariants: every byte that leaves a machine is in the hash of the story; at most
 *             SIM_WIRE_PACKETS_MAX packets are on the way, more are lost as in a full queue
 * Owns:       packets on the way
 * Thread:     one
 * Why:        QUIC promises order and integrity out of anything; here it gets anything
 */
#ifndef SIM_WIRE_H
#define SIM_WIRE_H

#include "base/prng.h"
#include "sim/net.h"
#include "sim/seam.h"
#include "sim/udp.h"

enum {
    SIM_WIRE_PACKETS_MAX = 16384,
    SIM_WIRE_MTU = 1500,      /* bytes of an IP packet */
    SIM_WIRE_MTU_LEAST = 1280 /* QUIC needs 1200 bytes and headers */
};

struct sim_packet {
    struct os_addr source; /* as the receiver sees it */
    struct os_addr remote;
    uint32_t from;
    uint32_t to;
    uint8_t ecn;
    size_t count;
    uint8_t bytes[];
};

/* The link of a node, with an ear on it. */
struct sim_tap {
    struct link link; /* first */
    struct sim_host *host;
    struct link *inner;
    const struct link_handler *handler;
    void *arg;
};

/* The router in front of a machine. */
struct sim_router {
    uint32_t rebindings; /* so far */
    uint32_t alias;      /* 0: the machine's own address is seen */
    bool moved;          /* another address, not only another port */
    bool own;            /* the machine's own address leads to it as well */
    uint64_t mtu;
    uint64_t narrow_until_ns;
};

struct sim_wire {
    struct sim_world *world;
    struct prng prng;
    struct sim_udp_wire plug[SIM_NODES_MAX];
    struct sim_tap tap[SIM_NODES_MAX];
    struct sim_router router[SIM_NODES_MAX];
    bool tapped;           /* false: nodes open their link themselves */
    uint64_t idle_ns;      /* silence after which a connection is given up */
    uint32_t unproved_max; /* newcomers before addresses must be proved; 0: as many as ever */
    bool mtu_told;         /* a sender learns that its packet is too large */
    uint32_t corrupt;      /* one packet in so many has a flipped bit; 0: none */
    uint64_t corrupt_until_ns;
    uint64_t arrives_ns[SIM_NODES_MAX][SIM_NODES_MAX]; /* the newest in order */
    uint64_t silent_ns[SIM_NODES_MAX][SIM_NODES_MAX];  /* nothing passes before */
    bool heard[SIM_NODES_MAX][SIM_NODES_MAX]; /* [by][of]: a frame came since the faults stopped */
    struct sim_seam seam;                     /* what the taps heard */
    struct sim_late late;                     /* packets */
    uint32_t on_way;
    uint64_t packets;
    uint64_t lost;
    uint64_t flipped; /* packets with a bit that is not the sender's */
};

/* sim_wire_init, sim_wire_done -- a good network for packets; the seed draws what becomes of them.
 * done gives back those under way, when the world has ended. */
void sim_wire_init(struct sim_wire *x, struct sim_world *w, uint64_t seed);
void sim_wire_done(struct sim_wire *x);

/* sim_wire_plug -- a machine's loop gets its address and its way out. */
void sim_wire_plug(struct sim_wire *x, struct sim_host *h);

/* sim_wire_break -- end the connection of two nodes: mostly by one of them saying so, sometimes by
 * a silence that is longer than it bears. */
void sim_wire_break(struct sim_wire *x, uint32_t a, uint32_t b);

/* sim_wire_rebind -- a machine is seen under another address until then. */
void sim_wire_rebind(struct sim_wire *x, uint32_t host, uint64_t until_ns);

/* sim_wire_narrow -- packets to and from a machine (SIM_NODES_MAX: all) must be smaller until
 * then. */
void sim_wire_narrow(struct sim_wire *x, uint32_t host, uint64_t until_ns);

/* sim_wire_corrupt -- bits flip until then. */
void sim_wire_corrupt(struct sim_wire *x, uint64_t until_ns);

/* sim_wire_calm -- none of that any more. */
void sim_wire_calm(struct sim_wire *x);

/* sim_tap_open -- node_seams' link_open; arg is the host. */
MUST_CHECK
enum err sim_tap_open(void *arg, const struct node_key *key, const struct link_handler *handler,
                      void *handler_arg, struct link **out);

#endif
