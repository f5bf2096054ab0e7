/* base/map.c -- linear probing with backward-shift deletion. */
#include "base/map.h"

#include "base/panic.h"

/* Finaliser of splitmix64: neighbouring keys land far apart. */
static uint64_t mix(uint64_t x)
{
    x ^= x >> 30;
    x *= 0xbf58476d1ce4e5b9u;
    x ^= x >> 27;
    x *= 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

void map_init(struct map *m, struct mem *mem, uint32_t capacity)
{
    ASSERT(capacity > 0 && capacity <= UINT32_MAX / 4);
    uint32_t slots = 4;
    while (slots < capacity + capacity / 3 + 1) {
        slots *= 2;
    }
    m->mem = mem;
    m->slots = mem_take(mem, slots * sizeof *m->slots);
    m->slot_count = slots;
    m->capacity = capacity;
    m->count = 0;
}

void map_done(struct map *m)
{
    mem_free(m->mem, m->slots);
    m->slots = NULL;
    m->count = 0;
}

static uint32_t home(const struct map *m, uint64_t key)
{
    return (uint32_t)mix(key) & (m->slot_count - 1);
}

/* Slot of key, or the free slot where it would go. */
static uint32_t probe(const struct map *m, uint64_t key)
{
    uint32_t i = home(m, key);
    while (m->slots[i].used && m->slots[i].key != key) {
        i = (i + 1) & (m->slot_count - 1); /* ends: there is always a free slot */
    }
    return i;
}

enum err map_put(struct map *m, uint64_t key, uint64_t value)
{
    struct map_slot *s = &m->slots[probe(m, key)];
    if (!s->used) {
        if (m->count == m->capacity) {
            return ERR_QUEUE_FULL;
        }
        m->count++;
    }
    s->used = true;
    s->key = key;
    s->value = value;
    return ERR_OK;
}

bool map_find(const struct map *m, uint64_t key, uint64_t *out_value)
{
    const struct map_slot *s = &m->slots[probe(m, key)];
    if (s->used) {
        *out_value = s->value;
    }
    return s->used;
}

bool map_remove(struct map *m, uint64_t key)
{
    uint32_t hole = probe(m, key);
    if (!m->slots[hole].used) {
        return false;
    }
    uint32_t mask = m->slot_count - 1;
    for (uint32_t i = (hole + 1) & mask; m->slots[i].used; i = (i + 1) & mask) {
        uint32_t from_home = (i - home(m, m->slots[i].key)) & mask;
        uint32_t from_hole = (i - hole) & mask;
        if (from_home >= from_hole) {
            m->slots[hole] = m->slots[i];
            hole = i;
        }
    }
    m->slots[hole].used = false;
    m->count--;
    return true;
}
