/* net/sendq.h -- bytes of one stream from the call that queues them until the peer acknowledged
 * them.
 *
 * Shape:      a list of chunks; three positions walk over them: end (queued), sent, acked
 * Invariants: acked <= sent <= end; bytes between acked and sent do not move (ngtcp2 keeps
 *             pointers)
 * Owns:       the chunks, counted in the given account
 * Thread:     the loop's
 */
#ifndef NET_SENDQ_H
#define NET_SENDQ_H

#include "base/bytes.h"
#include "base/list.h"
#include "base/mem.h"

enum {
    SENDQ_CHUNK_BYTES = 16 * 1024,
    SENDQ_CHUNK_BYTES_MAX = 256 * 1024 /* of one long frame */
};

struct sendq_chunk {
    struct list link;
    uint32_t used;
    uint32_t capacity;
    uint8_t data[];
};

struct sendq {
    struct list chunks; /* oldest first */
    uint64_t first;     /* position of the first byte of the oldest chunk */
    uint64_t acked;
    uint64_t sent;
    uint64_t end;
    struct sendq_chunk *cursor; /* where sent stands; NULL: at the first chunk to come */
    uint32_t cursor_at;
};

/* sendq_init -- empty, at position 0. */
void sendq_init(struct sendq *s);

/* sendq_done -- free all chunks; nothing may point into them any more. */
void sendq_done(struct sendq *s, struct mem *mem);

/* sendq_append -- copy count parts in order. err ERR_NO_MEMORY: nothing was queued. */
MUST_CHECK
enum err sendq_append(struct sendq *s, struct mem *mem, const struct bytes *parts, uint32_t count);

/* sendq_unsent -- bytes queued and not yet sent. */
static inline uint64_t sendq_unsent(const struct sendq *s)
{
    return s->end - s->sent;
}

/* sendq_peek -- views of the unsent bytes in order; returns how many, at most max. They stay
 * valid until the bytes are acknowledged. */
uint32_t sendq_peek(const struct sendq *s, struct bytes *out, uint32_t max);

/* sendq_sent -- the next count unsent bytes are on their way. */
void sendq_sent(struct sendq *s, uint64_t count);

/* sendq_acked -- everything before position arrived; frees what is no longer needed. */
void sendq_acked(struct sendq *s, struct mem *mem, uint64_t position);

#endif
