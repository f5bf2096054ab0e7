/* sim/lincheck_search.h -- the state of one search, shared by the files that build and walk it.
 *
 * Shape:      known operations in a list of their events (Wing and Gong): those that begin before
 *             the first end in the list may come next. What may come next and is chosen leaves the
 *             list, and comes back on the way back.
 * Invariants: what was taken comes back in the opposite order
 * Owns:       its blocks, in the key's account
 * Thread:     the owner's
 */
#ifndef SIM_LINCHECK_SEARCH_H
#define SIM_LINCHECK_SEARCH_H

#include "sim/lincheck_impl.h"

enum {
    LINCHECK_ABSENT = 0 /* number of the value that is none */
};

/* A known operation. */
struct lincheck_item {
    uint32_t op;
    uint32_t need;    /* value asked for; LINCHECK_NONE: any */
    uint32_t out;     /* value left behind; LINCHECK_NONE: a get */
    uint32_t version; /* LINCHECK_NONE: not known */
    uint32_t before;  /* item that must have come; LINCHECK_NONE */
    uint32_t inv;     /* nodes of the list */
    uint32_t ret;
    bool makes; /* its version */
    bool done;
};

/* An event of the list; number 0 is the head. */
struct lincheck_node {
    uint32_t prev;
    uint32_t next;
    uint32_t item;
    bool ret;
};

/* Writes with unknown outcome that are all the same: the earliest one that is left stands for all,
 * since whatever another one can do, it can do too. */
struct lincheck_class {
    uint32_t need; /* LINCHECK_NONE: any */
    uint32_t out;
    uint32_t before; /* item; LINCHECK_NONE. A class with one has one member */
    uint32_t first;  /* in members */
    uint32_t count;
    uint32_t used;
    uint32_t next; /* class with the same out; LINCHECK_NONE */
};

struct lincheck_search {
    struct lincheck_key *k;
    struct lincheck_ids values; /* number of a value less one */
    struct lincheck_item *items;
    struct lincheck_node *nodes;
    struct lincheck_class *classes;
    uint64_t *members;       /* times of invocation */
    uint32_t *version_value; /* number of each version's value */
    uint32_t *class_of;      /* by value: the first class that leaves it behind */
    uint32_t item_count;
    uint32_t class_count;
    uint32_t member_count;
    uint32_t value_count;
};

/* lincheck_search_build -- the list and the classes; GOOD, MEMORY, or BAD when somebody saw a value
 * that nobody wrote, or that was certainly overwritten. */
enum lincheck_step lincheck_search_build(struct lincheck_search *s, struct lincheck_key *k);
void lincheck_search_done(struct lincheck_search *s);

#endif
