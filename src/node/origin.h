/* node/origin.h -- which cluster a node is of, as it says so to others.
 *
 * Shape:      a cluster's id is a hash of its voters and their lives, one of the entry that began
 *             it, and the term of that entry; it is decided once that is known to be committed
 * Invariants: a beginning that is not decided may give way to another one, as every entry may, to
 *             one of other voters only while nothing follows it; two that are decided never meet.
 *             Two of one term are of one entry in Raft's eyes, so they never meet either
 * Owns:       nothing
 * Thread:     any, pure
 * Why:        first terms and first indexes are alike in all clusters, so the logs of two of them
 *             would be taken for one (docs/decisions/0008)
 */
#ifndef NODE_ORIGIN_H
#define NODE_ORIGIN_H

#include "base/bytes.h"
#include "base/ids.h"

struct origin {
    struct cluster_id cluster; /* zeros: of none */
    bool decided;
};

enum {
    ORIGIN_BYTES = 1 + CLUSTER_ID_BYTES
};

/* origin_begun -- the id of the cluster that this entry, the first one of its log, begins. */
struct cluster_id origin_begun(struct bytes entry, uint64_t term);

/* origin_known -- of a cluster at all. */
bool origin_known(const struct origin *o);

/* origin_term -- of the first entry, 255 for all above; 0: of none. */
uint64_t origin_term(const struct origin *o);

/* origin_differs -- both have a first entry, and it is not the same one. */
bool origin_differs(const struct origin *a, const struct origin *b);

/* origin_foreign -- these two cannot be of one cluster. */
bool origin_foreign(const struct origin *a, const struct origin *b);

/* origin_rivals -- their first entries name other voters, or other lives of them: each may be
 * decided without the other, by a majority of its own. */
bool origin_rivals(const struct origin *a, const struct origin *b);

/* origin_encode -- ORIGIN_BYTES: flags u8 (1: decided), id. */
void origin_encode(const struct origin *o, struct writer *w);

/* origin_decode -- err ERR_MALFORMED: bytes are missing, an unknown flag, decided and of none. */
MUST_CHECK
enum err origin_decode(struct reader *r, struct origin *out);

#endif
