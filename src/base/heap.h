/* base/heap.h -- 4-ary min-heap of intrusive items ordered by a 64-bit key; timers live in one.
 *
 * Invariants: item->slot is its place plus one while inside, 0 outside; ties leave in insertion
 *             order
 * Owns:       the slot array, counted in the given account; items belong to the caller
 * Thread:     the owner's
 */
#ifndef BASE_HEAP_H
#define BASE_HEAP_H

#include "base/mem.h"

#include <stdbool.h>
#include <stdint.h>

struct heap_item {
    uint64_t key;   /* smallest leaves first; change only through heap_set */
    uint64_t order; /* tie break, set by heap_set */
    uint32_t slot;  /* 0: in no heap */
};

struct heap {
    struct mem *mem;
    struct heap_item **slots;
    uint32_t count;
    uint32_t capacity;
    uint64_t order_next;
};

/* heap_init -- capacity is fixed; panics when the account cannot hold it. */
void heap_init(struct heap *h, struct mem *mem, uint32_t capacity);

/* heap_done -- give the slots back; the items belong to their owners. */
void heap_done(struct heap *h);

/* heap_set -- insert, or move when inside already. err ERR_QUEUE_FULL: nothing changed. */
MUST_CHECK
enum err heap_set(struct heap *h, struct heap_item *item, uint64_t key);

/* heap_remove -- take out; nothing happens when it is in no heap. */
void heap_remove(struct heap *h, struct heap_item *item);

/* heap_min -- item with the smallest key, left inside; NULL when empty. */
struct heap_item *heap_min(const struct heap *h);

#endif
