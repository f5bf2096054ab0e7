/* store/wal_index.c -- stretches, sorted; binary search. */
#include "store/wal_index.h"

#include "base/panic.h"

#include <string.h>

enum {
    INDEX_CAPACITY_FIRST = 64
};

void wal_index_init(struct wal_index *x, struct mem *mem)
{
    x->mem = mem;
    x->stretch = NULL;
    x->count = 0;
    x->capacity = 0;
    x->cut = false;
}

void wal_index_done(struct wal_index *x)
{
    mem_free(x->mem, x->stretch);
    wal_index_init(x, x->mem);
}

static enum err grow(struct wal_index *x)
{
    if (x->count < x->capacity) {
        return ERR_OK;
    }
    uint32_t capacity = x->capacity == 0 ? INDEX_CAPACITY_FIRST : x->capacity * 2;
    struct wal_stretch *moved = mem_resize(x->mem, x->stretch, capacity * sizeof *moved);
    if (moved == NULL) {
        return ERR_NO_MEMORY;
    }
    x->stretch = moved;
    x->capacity = capacity;
    return ERR_OK;
}

enum err wal_index_add(struct wal_index *x, uint64_t first, uint64_t last, struct wal_place place,
                       uint64_t bytes)
{
    ASSERT(first <= last);
    struct wal_stretch *top = x->count > 0 ? &x->stretch[x->count - 1] : NULL;
    ASSERT(top == NULL || first == top->last + 1);
    if (top != NULL && !x->cut && top->place.segment == place.segment &&
        place.offset + bytes - top->place.offset <= WAL_INDEX_SPAN) {
        top->last = last;
        top->end_offset = place.offset + bytes;
        return ERR_OK;
    }
    TRY(grow(x));
    struct wal_stretch *s = &x->stretch[x->count++];
    s->first = first;
    s->last = last;
    s->place = place;
    s->end_offset = place.offset + bytes;
    x->cut = false;
    return ERR_OK;
}

void wal_index_truncate(struct wal_index *x, uint64_t to)
{
    while (x->count > 0 && x->stretch[x->count - 1].first > to) {
        x->count--;
    }
    if (x->count > 0 && x->stretch[x->count - 1].last > to) {
        x->stretch[x->count - 1].last = to;
    }
    x->cut = true;
}

/* Room for many more than there are is given back; without memory to move to, it stays. */
static void shrink(struct wal_index *x)
{
    uint32_t capacity = x->capacity;
    while (capacity > INDEX_CAPACITY_FIRST && x->count < capacity / 4) {
        capacity /= 2;
    }
    struct wal_stretch *moved =
        capacity != x->capacity ? mem_resize(x->mem, x->stretch, capacity * sizeof *moved) : NULL;
    if (moved != NULL) {
        x->stretch = moved;
        x->capacity = capacity;
    }
}

void wal_index_forget(struct wal_index *x, uint64_t to)
{
    uint32_t gone = 0;
    while (gone < x->count && x->stretch[gone].last <= to) {
        gone++;
    }
    if (gone > 0) {
        x->count -= gone;
        memmove(x->stretch, x->stretch + gone, x->count * sizeof *x->stretch);
        shrink(x);
    }
}

const struct wal_stretch *wal_index_find(const struct wal_index *x, uint64_t index)
{
    uint32_t low = 0;
    uint32_t high = x->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (x->stretch[middle].last < index) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < x->count && x->stretch[low].first <= index ? &x->stretch[low] : NULL;
}
