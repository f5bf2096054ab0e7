/* base/heap.c -- 4-ary min-heap; children of slot i are 4i+1..4i+4. */
#include "base/heap.h"

#include "base/panic.h"

enum {
    HEAP_ARITY = 4
};

void heap_init(struct heap *h, struct mem *mem, uint32_t capacity)
{
    h->mem = mem;
    h->slots = mem_take(mem, capacity * sizeof(struct heap_item *));
    h->count = 0;
    h->capacity = capacity;
    h->order_next = 1;
}

void heap_done(struct heap *h)
{
    mem_free(h->mem, h->slots);
    h->slots = NULL;
    h->count = 0;
}

static bool before(const struct heap_item *a, const struct heap_item *b)
{
    return a->key != b->key ? a->key < b->key : a->order < b->order;
}

static void place(struct heap *h, uint32_t i, struct heap_item *item)
{
    h->slots[i] = item;
    item->slot = i + 1;
}

static void sift_up(struct heap *h, uint32_t i, struct heap_item *item)
{
    while (i > 0) {
        uint32_t parent = (i - 1) / HEAP_ARITY;
        if (!before(item, h->slots[parent])) {
            break;
        }
        place(h, i, h->slots[parent]);
        i = parent;
    }
    place(h, i, item);
}

static void sift_down(struct heap *h, uint32_t i, struct heap_item *item)
{
    for (;;) {
        uint32_t first = i * HEAP_ARITY + 1;
        uint32_t best = UINT32_MAX;
        for (uint32_t c = first; c < first + HEAP_ARITY && c < h->count; c++) {
            if (best == UINT32_MAX || before(h->slots[c], h->slots[best])) {
                best = c;
            }
        }
        if (best == UINT32_MAX || !before(h->slots[best], item)) {
            break;
        }
        place(h, i, h->slots[best]);
        i = best;
    }
    place(h, i, item);
}

static void settle(struct heap *h, uint32_t i, struct heap_item *item)
{
    if (i > 0 && before(item, h->slots[(i - 1) / HEAP_ARITY])) {
        sift_up(h, i, item);
    } else {
        sift_down(h, i, item);
    }
}

enum err heap_set(struct heap *h, struct heap_item *item, uint64_t key)
{
    if (item->slot == 0) {
        if (h->count == h->capacity) {
            return ERR_QUEUE_FULL;
        }
        item->key = key;
        item->order = h->order_next++;
        h->count++;
        sift_up(h, h->count - 1, item);
        return ERR_OK;
    }
    ASSERT(item->slot <= h->count && h->slots[item->slot - 1] == item);
    item->key = key;
    item->order = h->order_next++;
    settle(h, item->slot - 1, item);
    return ERR_OK;
}

void heap_remove(struct heap *h, struct heap_item *item)
{
    if (item->slot == 0) {
        return;
    }
    uint32_t i = item->slot - 1;
    ASSERT(i < h->count && h->slots[i] == item);
    h->count--;
    item->slot = 0;
    if (i < h->count) {
        settle(h, i, h->slots[h->count]);
    }
}

struct heap_item *heap_min(const struct heap *h)
{
    return h->count > 0 ? h->slots[0] : NULL;
}
