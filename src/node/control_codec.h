/* node/control_codec.h -- bytes of a change of the cluster on its way to the leader, and of the
 * members that its answer names.
 *
 * Shape:      kind u8, then all fields in a fixed order, whatever the kind
 * Invariants: decode never panics, bounds every count and refuses what is left over
 * Owns:       nothing; views point into the bytes
 * Thread:     any, pure
 */
#ifndef NODE_CONTROL_CODEC_H
#define NODE_CONTROL_CODEC_H

#include "node/service.h"

enum control_kind {
    CONTROL_ADD_LEARNER = 1,   /* id[0], addr, raft_addr, tail */
    CONTROL_CHANGE_MEMBERSHIP, /* id */
    CONTROL_REMOVE,            /* id[0], voter or learner */
    CONTROL_TRANSFER,          /* id[0], none: whoever is best */
    CONTROL_SNAPSHOT,          /* of the node that is asked: never sent to another */
    CONTROL_KIND_COUNT,
};

struct control {
    enum control_kind kind;
    bool keep_rejoining; /* CHANGE_MEMBERSHIP: learners on their way back stay so, named or not */
    uint64_t expect;     /* index of the configuration that is meant; 0: any */
    uint32_t id_count;
    uint64_t id[SERVICE_MEMBERS_MAX];
    struct bytes addr; /* of the learner, as its operator names it */
    struct bytes raft_addr;
    struct bytes
        tail; /* its endpoint as the asked node knows it, see book_tail_encode; or nothing */
};

enum {
    CONTROL_TAIL_BYTES_MAX = 4096,
    CONTROL_BYTES_MAX =
        CONTROL_TAIL_BYTES_MAX + 2 * (NODE_ADDR_BYTES_MAX + 4) + 10 * (SERVICE_MEMBERS_MAX + 2) + 8,
    CONTROL_MEMBERS_BYTES_MAX = SERVICE_MEMBERS_MAX * (2 * (NODE_ADDR_BYTES_MAX + 4) + 12) + 20,
};

/* control_encode -- at most CONTROL_BYTES_MAX bytes. */
void control_encode(const struct control *c, struct writer *w);

/* control_decode -- err ERR_MALFORMED: out untouched. */
MUST_CHECK
enum err control_decode(struct bytes b, struct control *out);

/* control_members_encode -- at most CONTROL_MEMBERS_BYTES_MAX bytes. */
void control_members_encode(const struct service_members *m, struct writer *w);

/* control_members_decode -- err ERR_MALFORMED: out is not to be used. */
MUST_CHECK
enum err control_members_decode(struct bytes b, struct service_members *out);

#endif
