/* node/frame.h -- what a frame between nodes is: its first byte, on whatever stream class.
 *
 * Why:    nodes and those who listen to them tell frames apart without knowing what is in them
 * Thread: any
 */
#ifndef NODE_FRAME_H
#define NODE_FRAME_H

#include "node/origin.h"

enum frame_kind {
    FRAME_RAFT = 1,       /* node/origin.h, then a Raft message as raft/raft_codec.h says */
    FRAME_WRITE = 2,      /* a command to propose; this and the next two: node/call_codec.h */
    FRAME_ANSWER = 3,     /* what came of it */
    FRAME_CONTROL = 4,    /* a change of the cluster, as node/control_codec.h says */
    FRAME_SNAP_OFFER = 5, /* of a snapshot, and its pieces, as node/snapshot_codec.h says */
    FRAME_SNAP_WANT = 6,
    FRAME_SNAP_PART = 7,
    FRAME_LIFE = 8,    /* who the sender is, see node/call_codec.h */
    FRAME_LIFE_ASK = 9 /* u64: a question's number, to be repeated in a frame of the kind before */
};

enum {
    FRAME_RAFT_HEAD_BYTES = 1 + ORIGIN_BYTES
};

#endif
