/* sim/udp.h -- UDP sockets of a simulated machine, and the wire that they are plugged into.
 *
 * Shape:      the machine has one address and any number of sockets on it; what they send goes to
 *             the wire datagram by datagram, what the wire brings waits in the socket until the
 *             machine's next turn and is handed over in batches
 * Invariants: a machine without a wire has no UDP; a socket keeps at most SIM_UDP_WAITING_MAX
 *             datagrams, the rest is dropped as by a full receive buffer
 * Owns:       what waits in a socket, in the machine's account
 * Thread:     one
 * Why:        the wire is a seam so that a machine that needs no network does not carry the world
 */
#ifndef SIM_UDP_H
#define SIM_UDP_H

#include "sim/loop.h"

enum {
    SIM_UDP_WAITING_MAX = 1024,
    SIM_UDP_TURN_MAX = 256 /* datagrams handed over in one turn */
};

/* Where datagrams go: source is the socket's address, with its port. */
struct sim_udp_wire {
    enum err (*send)(void *arg, const struct os_addr *source, const struct os_udp_send *send);
    void *arg;
};

/* sim_udp_arrive -- a datagram for one of the machine's ports; false: nobody listens, or full. */
bool sim_udp_arrive(struct sim_loop *l, const struct os_datagram *d);

/* sim_udp_pending -- whether anything waits. */
bool sim_udp_pending(const struct sim_loop *l);

/* sim_udp_run -- hand over what waits. */
void sim_udp_run(struct sim_loop *l);

/* ---- for the table in loop.c ---- */
enum err sim_udp_open(struct os *os, const struct os_addr *bind, os_udp_recv_fn fn, void *arg,
                      struct os_udp **out);
void sim_udp_addr(struct os_udp *udp, struct os_addr *out);
enum err sim_udp_send(struct os_udp *udp, const struct os_udp_send *send);
void sim_udp_close(struct os_udp *udp);

#endif
