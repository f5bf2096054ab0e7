/* sim/seam.h -- the promise of net/link.h, watched on links that are real: frames of one node to
 * another on one class arrive in order, none twice, none altered, none that was never sent.
 *
 * Shape:      of every frame that was taken a hash is kept in a ring for its way and class; one
 *             that arrives must be a later one than the last that arrived
 * Invariants: when more frames were lost than the ring holds, what arrives next is believed
 * Owns:       the rings, in the world's account
 * Thread:     one
 */
#ifndef SIM_SEAM_H
#define SIM_SEAM_H

#include "net/link.h"
#include "sim/net.h"

enum {
    SIM_SEAM_FRAMES = 16384 /* of one way and class */
};

struct sim_seam_way {
    uint64_t *hash; /* SIM_SEAM_FRAMES; NULL: nothing was sent */
    uint64_t sent;  /* frames taken so far */
    uint64_t next;  /* the one after the newest that arrived */
};

struct sim_seam {
    struct sim_world *world;
    struct sim_seam_way way[SIM_NODES_MAX][SIM_NODES_MAX][LINK_CLASS_COUNT];
};

/* sim_seam_done -- give back the rings; zeroes are a seam that has heard nothing. */
void sim_seam_done(struct sim_seam *s);

/* sim_seam_sent -- the link took a frame. */
void sim_seam_sent(struct sim_seam *s, uint32_t from, uint32_t to, enum link_class class,
                   struct bytes head, struct bytes body);

/* sim_seam_arrived -- a frame is handed to a node; a finding when the promise is broken. */
void sim_seam_arrived(struct sim_seam *s, uint32_t from, uint32_t to, enum link_class class,
                      struct bytes frame);

#endif
