/* node/call_codec.h -- bytes of a client operation that a follower forwards, and of its answer.
 *
 * Shape:      frame = kind u8 | ticket varint | fields; the ticket is the forwarding node's
 * Invariants: decode never panics and refuses what is left over
 * Owns:       nothing; views point into the frame
 * Thread:     any, pure
 */
#ifndef NODE_CALL_CODEC_H
#define NODE_CALL_CODEC_H

#include "base/bytes.h"
#include "base/limits.h"
#include "node/frame.h"

#include <stdint.h>

struct call_request {
    enum frame_kind kind; /* FRAME_WRITE or FRAME_CONTROL */
    uint64_t ticket;
    uint64_t timeout_ms;  /* how long the asker still waits */
    struct bytes command; /* or change */
};

struct call_answer {
    uint64_t ticket;
    enum err code;
    int64_t revision;
    uint64_t term;
    uint64_t node;        /* id of the node that answered */
    uint64_t leader_hint; /* 0: unknown */
    struct bytes detail;  /* text, or nothing */
    struct bytes members; /* as control_members_encode gives them, or nothing */
};

/* Who a node is, and what it holds. */
struct call_life {
    uint64_t life; /* its incarnation, as in Raft messages */
    struct origin origin;
    uint64_t last;     /* index of the last entry in its log, on disk or not; 0: none */
    uint64_t question; /* that this answers; 0: said unasked */
};

enum {
    CALL_LIFE_BYTES = 25 + ORIGIN_BYTES,
    CALL_LIFE_ASK_BYTES = 9,
    CALL_HEAD_BYTES_MAX = 96,
    CALL_DETAIL_BYTES_MAX = 256
};

/* call_request_encode -- everything but the command, which follows as the frame's body. */
void call_request_encode(const struct call_request *c, struct writer *w);

/* call_request_decode -- frame with its kind byte. err ERR_MALFORMED. */
MUST_CHECK
enum err call_request_decode(struct bytes frame, struct call_request *out);

/* call_answer_encode -- everything but the members, which follow as the frame's body. The error
 * travels by name, so that versions may differ in their lists. */
void call_answer_encode(const struct call_answer *a, struct writer *w);

/* call_answer_decode -- an error name that is not known here reads as ERR_OUTCOME_UNKNOWN. err
 * ERR_MALFORMED. */
MUST_CHECK
enum err call_answer_decode(struct bytes frame, struct call_answer *out);

/* call_life_encode, call_life_decode -- frame with its kind byte. err ERR_MALFORMED. */
void call_life_encode(const struct call_life *l, struct writer *w);
MUST_CHECK
enum err call_life_decode(struct bytes frame, struct call_life *out);

/* call_life_ask_encode, call_life_ask_decode -- a question's number, never 0. err ERR_MALFORMED. */
void call_life_ask_encode(uint64_t question, struct writer *w);
MUST_CHECK
enum err call_life_ask_decode(struct bytes frame, uint64_t *out_question);

#endif
