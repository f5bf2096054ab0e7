/* sim/lincheck_impl.h -- what the files of the checker share; nobody else includes it.
 *
 * Shape:      lincheck.c pairs rows into operations and cuts them by key; lincheck_versions.c
 *             judges a key by its revisions, lincheck_search.c by search
 * Invariants: the events of a key are in the order of the rows; times never go back
 * Thread:     any
 */
#ifndef SIM_LINCHECK_IMPL_H
#define SIM_LINCHECK_IMPL_H

#include "sim/lincheck.h"

#define LINCHECK_NONE UINT32_MAX

enum {
    LINCHECK_SHOWN_BYTES = 40 /* of a value in a reason */
};

/* How a judge leaves a key. */
enum lincheck_step {
    LINCHECK_STEP_GOOD,
    LINCHECK_STEP_BAD,
    LINCHECK_STEP_SEARCH, /* revisions do not decide */
    LINCHECK_STEP_STATES, /* the states ran out */
    LINCHECK_STEP_MEMORY, /* the account is too small */
};

enum lincheck_outcome {
    LINCHECK_KNOWN, /* ok */
    LINCHECK_MAYBE, /* a write with info or without answer */
    LINCHECK_MOOT,  /* says nothing: fail, or a get without a result */
};

struct lincheck_op {
    uint64_t inv_ns;
    uint64_t ret_ns; /* UINT64_MAX: none */
    uint32_t inv_row;
    uint32_t ret_row; /* LINCHECK_NONE: no answer */
    uint32_t key;
    uint32_t before;  /* an operation of its process and key that ended at inv_ns; LINCHECK_NONE */
    uint32_t version; /* place in the key's versions, when known */
    uint32_t item;    /* the search's */
    enum history_op op;
    enum lincheck_outcome outcome;
};

/* A version of a key, in the order of revisions; number 0 is the absence before all. */
struct lincheck_version {
    int64_t revision;
    struct bytes value; /* data NULL: absent */
    uint32_t maker;     /* operation; LINCHECK_NONE: one with unknown outcome or without revision */
};

struct lincheck_key {
    struct mem *mem;
    const struct history_row *rows;
    struct lincheck_op *ops;
    const uint32_t *events; /* operation * 2, + 1: its answer */
    uint32_t event_count;
    struct lincheck_version *versions; /* built by lincheck_versions_build */
    uint32_t version_count;
    uint64_t states_left;
    struct lincheck_result *result;
};

/* Texts to numbers from 0 on, in the order of their first appearance; texts are borrowed. */
struct lincheck_ids {
    struct mem *mem;
    struct bytes *texts;
    struct lincheck_ids_slot *slots;
    uint32_t count;
    uint32_t capacity; /* of texts; slots are twice as many, a power of two */
};

/* lincheck_ids_init, lincheck_ids_done -- no text has a number yet; slots are counted in mem. */
void lincheck_ids_init(struct lincheck_ids *ids, struct mem *mem);
void lincheck_ids_done(struct lincheck_ids *ids);

/* lincheck_ids_of -- the number of text, a new one if need be. err ERR_NO_MEMORY. */
MUST_CHECK
enum err lincheck_ids_of(struct lincheck_ids *ids, struct bytes text, uint32_t *out);

/* What an operation that is not moot leaves behind, asks for (get, cas), and says. */
bool lincheck_op_writes(const struct lincheck_op *o);
struct bytes lincheck_op_value(const struct lincheck_key *k, const struct lincheck_op *o);
bool lincheck_op_needs(const struct lincheck_op *o);
struct bytes lincheck_op_need(const struct lincheck_key *k, const struct lincheck_op *o);

/* lincheck_op_revision -- 0: none; a get that found nothing has none. */
int64_t lincheck_op_revision(const struct lincheck_key *k, const struct lincheck_op *o);

/* lincheck_value_equal -- absent equals absent only. */
bool lincheck_value_equal(struct bytes a, struct bytes b);

/* lincheck_blame -- the violation is this operation's: place and reason into the result. */
enum lincheck_step lincheck_blame(struct lincheck_key *k, uint32_t op, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* lincheck_show -- a value for a reason: quoted, printable, cut. Returns out. */
const char *lincheck_show(struct bytes value, char out[LINCHECK_SHOWN_BYTES + 8]);

/* lincheck_versions_judge -- GOOD, BAD, SEARCH or MEMORY. Leaves versions, and each operation's. */
enum lincheck_step lincheck_versions_judge(struct lincheck_key *k);
void lincheck_versions_done(struct lincheck_key *k);

/* lincheck_search -- GOOD, BAD, STATES or MEMORY; takes from states_left. Comes after
 * lincheck_versions_judge, which said SEARCH and left the versions. */
enum lincheck_step lincheck_search(struct lincheck_key *k);

#endif
