/* net/frames.h -- cuts a stream of bytes into frames: u32 little-endian length, then so many bytes.
 *
 * Shape:      a frame that lies whole in one piece of input is handed on in place; others are
 *             gathered
 * Invariants: memory grows with what arrived, never with what a length announces
 * Owns:       the gathering buffer, counted in the given account
 * Thread:     the loop's
 */
#ifndef NET_FRAMES_H
#define NET_FRAMES_H

#include "base/bytes.h"
#include "base/limits.h"
#include "base/mem.h"

enum {
    FRAMES_HEAD_BYTES = 4,
    FRAMES_BUFFER_BYTES = 4 * 1024,      /* smallest gathering buffer */
    FRAMES_BUFFER_BYTES_KEPT = 64 * 1024 /* a larger one is given back after its frame */
};

struct frames {
    uint8_t head[FRAMES_HEAD_BYTES];
    uint32_t head_count;
    uint32_t size; /* of the frame that is being gathered, once the head is whole */
    uint8_t *body;
    uint32_t count;
    uint32_t capacity;
};

/* Called for each frame, borrowed; false ends frames_feed at once. */
typedef bool (*frames_fn)(void *arg, struct bytes frame);

/* frames_init -- at the begin of a stream. */
void frames_init(struct frames *f);

/* frames_done -- free what was gathered; mem is the account that frames_feed was given. */
void frames_done(struct frames *f, struct mem *mem);

/* frames_feed -- take the next bytes of the stream.
 *   err ERR_FRAME_TOO_LARGE  a length above NET_FRAME_BYTES_MAX;  ERR_NO_MEMORY;
 *       ERR_SHUTTING_DOWN fn
 *   said stop. The stream cannot go on after any of them. */
MUST_CHECK
enum err frames_feed(struct frames *f, struct mem *mem, struct bytes in, frames_fn fn, void *arg);

/* frames_partial -- true when the stream ended here in the middle of a frame. */
static inline bool frames_partial(const struct frames *f)
{
    return f->head_count > 0;
}

#endif
