/* sim/late.h -- how late a thing on a way arrives, and old things that come again: what frames of
 * the message level and packets of the datagram level have in common.
 *
 * Invariants: time, clogs and chances are those of struct sim_net; each level draws from a
 *             generator of its own
 * Owns:       what is kept to come again, in the world's account
 * Thread:     one
 */
#ifndef SIM_LATE_H
#define SIM_LATE_H

#include "base/mem.h"
#include "base/prng.h"

enum {
    SIM_LATE_KEPT = 64 /* old things that may come again */
};

struct sim_net;
struct sim_quality;
struct sim_world;
struct sim_event;

struct sim_late {
    void *kept[SIM_LATE_KEPT];
    uint32_t count;
};

/* sim_late_order -- when it arrives, when it keeps its place behind the ones before it. newest: of
 * its way, so far. */
uint64_t sim_late_order(const struct sim_net *n, struct prng *p, uint32_t from, uint32_t to,
                        uint64_t *newest);

/* sim_late_overtake -- how much later one comes that nobody waits for: mostly not at all. */
uint64_t sim_late_overtake(const struct sim_quality *q, struct prng *p);

/* sim_late_again -- a thing of so many bytes is sent: one in a while is copied and kept. Returns an
 * old one that is to come again, the caller's from now on, and when; NULL: none does. */
void *sim_late_again(struct sim_late *l, struct sim_world *w, const struct sim_quality *q,
                     struct prng *p, const void *thing, size_t bytes, uint64_t *out_at_ns);

/* sim_late_copy -- one more of a thing. */
void *sim_late_copy(struct sim_world *w, const void *thing, size_t bytes);

/* sim_late_done -- the world has ended: give back what is kept, and what was on the way in events
 * with this function. */
void sim_late_done(struct sim_late *l, struct sim_world *w,
                   void (*fn)(struct sim_world *w, struct sim_event *e));

#endif
