/* base/map.h -- fixed-capacity hash map from uint64_t to uint64_t (ids to slots, indexes to
 * tickets).
 *
 * Invariants: count <= capacity; open addressing with backward-shift deletion, no tombstones
 * Owns:       its slots, counted in the given account
 * Thread:     the owner's
 */
#ifndef BASE_MAP_H
#define BASE_MAP_H

#include "base/mem.h"

#include <stdbool.h>
#include <stdint.h>

struct map_slot {
    uint64_t key;
    uint64_t value;
    bool used;
};

struct map {
    struct mem *mem;
    struct map_slot *slots;
    uint32_t slot_count; /* power of two, at least 4/3 of capacity */
    uint32_t capacity;
    uint32_t count;
};

/* map_init -- room for capacity pairs; panics when the account cannot hold it. */
void map_init(struct map *m, struct mem *mem, uint32_t capacity);

/* map_done -- give the slots back to the account. */
void map_done(struct map *m);

/* map_put -- insert or overwrite. err ERR_QUEUE_FULL: nothing changed. */
MUST_CHECK
enum err map_put(struct map *m, uint64_t key, uint64_t value);

/* map_find -- true and the value, or false with out_value untouched. */
bool map_find(const struct map *m, uint64_t key, uint64_t *out_value);

/* map_remove -- true when it was there. */
bool map_remove(struct map *m, uint64_t key);

#endif
