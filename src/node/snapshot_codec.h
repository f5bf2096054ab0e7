/* node/snapshot_codec.h -- frames that carry a snapshot from one node to another, on its own class.
 *
 * Shape:      offer -> want (how far the receiver is) -> part -> want -> ... -> want (done,
 *             refused)
 * Invariants: decode never panics and refuses what is left over
 * Owns:       nothing; data points into the frame
 * Thread:     any, pure
 */
#ifndef NODE_SNAPSHOT_CODEC_H
#define NODE_SNAPSHOT_CODEC_H

#include "base/bytes.h"
#include "node/frame.h"
#include "store/snap_format.h"

/* A Raft message in all but its configuration, which the snapshot has. */
struct snap_offer {
    uint64_t from;
    uint64_t to;
    uint64_t term;
    uint64_t epoch;
    struct snap_id id;
    uint64_t bytes; /* of the whole */
};

enum snap_verdict {
    SNAP_GO_ON,   /* the bytes before offset are here; all of them: it is being looked at */
    SNAP_DONE,    /* the core has it */
    SNAP_REFUSED, /* no use for it, now */
    SNAP_DAMAGED  /* it is none: bytes, or rows that deny their head */
};

struct snap_want {
    struct snap_id id;
    enum snap_verdict verdict;
    uint64_t offset;
};

struct snap_part {
    struct snap_id id;
    uint64_t offset;
    struct bytes data;
};

enum {
    SNAP_FRAME_HEAD_BYTES_MAX = 96
};

/* snapshot_offer_encode, snapshot_want_encode -- whole frames, kind byte first.
 * snapshot_part_encode -- all but the data, which follows as the frame's body. */
void snapshot_offer_encode(const struct snap_offer *o, struct writer *w);
void snapshot_want_encode(const struct snap_want *x, struct writer *w);
void snapshot_part_encode(const struct snap_part *p, struct writer *w);

/* snapshot_offer_decode, snapshot_want_decode, snapshot_part_decode -- err ERR_MALFORMED: out
 * untouched. */
MUST_CHECK
enum err snapshot_offer_decode(struct bytes frame, struct snap_offer *out);
MUST_CHECK
enum err snapshot_want_decode(struct bytes frame, struct snap_want *out);
MUST_CHECK
enum err snapshot_part_decode(struct bytes frame, struct snap_part *out);

#endif
