/* sim/lincheck.h -- is a history linearizable? Every key is a register that begins absent.
 *
 * Shape:      key by key, cheap ones first. The revisions that replies carry give the order of the
 *             writes: a near-linear check that it extends real time, and that every read saw its
 *             version. Only a key where that decides nothing (an unknown outcome that somebody saw,
 *             replies without revision) is searched: Wing and Gong's method with Lowe's memo.
 * Invariants: good and bad are proofs; unknown is the answer when a bound was met first
 * Owns:       nothing after the call
 * Thread:     any; pure but for the account
 * Why:        registers compose: a history is linearizable exactly when each key's part of it is
 *
 * put sets, del removes, cas sets where the value was old (an ok says it was), get returns; fail
 * had no effect and says nothing else; info, and no answer at all, had its effect at any time after
 * its invocation, or never. Order in real time is by t: what ended before another one began comes
 * before it; at equal times they are concurrent, but for one process, whose operations follow each
 * other.
 */
#ifndef SIM_LINCHECK_H
#define SIM_LINCHECK_H

#include "sim/history.h"

enum {
    LINCHECK_STATES_DEFAULT = 1000 * 1000,
    LINCHECK_REASON_BYTES = 256
};

struct lincheck_options {
    uint64_t states_max; /* states of all searches, beyond one an operation; 0: the default */
};

enum lincheck_verdict {
    LINCHECK_GOOD,
    LINCHECK_BAD,
    LINCHECK_UNKNOWN,   /* no violation found, and at least one key not decided */
    LINCHECK_MALFORMED, /* not a history: see reason and row */
};

struct lincheck_result {
    enum lincheck_verdict verdict;
    struct bytes key; /* bad, unknown, malformed: a view into the history; else empty */
    uint32_t row;     /* bad, malformed: of the operation's reply (or invocation), from 1; else 0 */
    uint32_t process; /* of that row */
    uint64_t t_ns;    /* of that row */
    uint64_t keys;    /* looked at, the one of the violation included */
    uint64_t ops;     /* operations of these keys */
    uint64_t searched; /* of these keys, those that revisions did not decide */
    uint64_t states;   /* visited by searches */
    /* One line of ASCII without key, process and time; empty when good. */
    char reason[LINCHECK_REASON_BYTES];
};

/* lincheck_run -- judge h; memory is taken from mem and given back. options may be NULL.
 * An account too small for the work gives LINCHECK_UNKNOWN, never a failure. */
void lincheck_run(const struct history *h, struct mem *mem, const struct lincheck_options *options,
                  struct lincheck_result *result);

/* lincheck_verdict_name -- good, bad, unknown, malformed. */
const char *lincheck_verdict_name(enum lincheck_verdict v);

#endif
