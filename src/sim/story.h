/* sim/story.h -- what happened, in order: a hash of all of it, the newest events, lines on demand.
 *
 * Shape:      every event is folded into the hash; the newest SIM_STORY_EVENTS are kept for the
 *             table that follows a failure
 * Invariants: the same seed gives the same hash, on any machine: numbers of the world, names of
 *             events and bytes of frames go into it, nothing else
 * Owns:       the events, inside the struct
 * Thread:     one
 */
#ifndef SIM_STORY_H
#define SIM_STORY_H

#include "base/bytes.h"

#include <stdio.h>

enum {
    SIM_STORY_EVENTS = 4096,
    SIM_STORY_SHOWN = 60 /* events of the table */
};

/* State of one node as the table shows it. */
struct sim_story_node {
    uint8_t role; /* letter: F, P(re-candidate), C, L, S(topped), '-' down */
    uint64_t term;
    uint64_t last;
    uint64_t commit;
    uint64_t applied;
};

struct sim_story_event {
    uint64_t number;
    uint64_t at_ns;
    uint64_t node; /* id; 0: the world */
    const char *what;
    uint64_t a;
    uint64_t b;
    struct sim_story_node state;
};

struct sim_story {
    uint64_t hash;
    uint64_t count;
    FILE *lines; /* NULL: none are printed as they come */
    struct sim_story_event event[SIM_STORY_EVENTS];
};

/* sim_story_init -- nothing has happened; events are printed to lines as they come, unless NULL. */
void sim_story_init(struct sim_story *s, FILE *lines);

/* sim_story_add -- an event; what must be static text. state may be NULL. */
void sim_story_add(struct sim_story *s, uint64_t at_ns, uint64_t node, const char *what, uint64_t a,
                   uint64_t b, const struct sim_story_node *state);

/* sim_story_fold_bytes -- bytes that belong to the hash, and how many there are. */
void sim_story_fold_bytes(struct sim_story *s, struct bytes b);

/* sim_story_fold -- numbers that belong to the hash but are no event. */
void sim_story_fold(struct sim_story *s, uint64_t v);

/* sim_story_table -- the newest events, oldest first, under a line that names the columns. */
void sim_story_table(const struct sim_story *s, FILE *out);

#endif
