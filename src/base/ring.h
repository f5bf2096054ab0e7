/* base/ring.h -- bookkeeping of a fixed-capacity queue; the slots are an array of the caller.
 *
 * Invariants: count <= capacity; capacity is a power of two
 * Thread:     the owner's
 * Why:        positions, not pointers: a struct that holds a ring can be copied or hashed as bytes
 */
#ifndef BASE_RING_H
#define BASE_RING_H

#include "base/panic.h"

#include <stdbool.h>
#include <stdint.h>

struct ring {
    uint32_t capacity;
    uint32_t head; /* position of the oldest, free-running */
    uint32_t count;
};

/* ring_init -- empty; capacity is a power of two. */
static inline void ring_init(struct ring *r, uint32_t capacity)
{
    ASSERT(capacity > 0 && (capacity & (capacity - 1)) == 0);
    r->capacity = capacity;
    r->head = 0;
    r->count = 0;
}

/* ring_full -- ring_push would assert. */
static inline bool ring_full(const struct ring *r)
{
    return r->count == r->capacity;
}

/* ring_push -- slot to fill for the newest; asserts that there is room. */
static inline uint32_t ring_push(struct ring *r)
{
    ASSERT(r->count < r->capacity);
    return (r->head + r->count++) & (r->capacity - 1);
}

/* ring_at -- slot of the i-th oldest, i < count. */
static inline uint32_t ring_at(const struct ring *r, uint32_t i)
{
    ASSERT(i < r->count);
    return (r->head + i) & (r->capacity - 1);
}

/* ring_pop -- slot of the oldest, which leaves the ring; asserts that there is one. */
static inline uint32_t ring_pop(struct ring *r)
{
    ASSERT(r->count > 0);
    r->count--;
    return r->head++ & (r->capacity - 1);
}

#endif
