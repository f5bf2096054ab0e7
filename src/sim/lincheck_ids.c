/* sim/lincheck_ids.c -- numbers for texts: open addressing, doubled when half full. */
#include "sim/lincheck_impl.h"

#include "base/hash64.h"

enum {
    IDS_FIRST = 16
};

struct lincheck_ids_slot {
    uint32_t tag; /* of the hash: most misses need no look at the text */
    uint32_t id;  /* plus 1; 0: empty */
};

void lincheck_ids_init(struct lincheck_ids *ids, struct mem *mem)
{
    memset(ids, 0, sizeof *ids);
    ids->mem = mem;
}

void lincheck_ids_done(struct lincheck_ids *ids)
{
    mem_free(ids->mem, ids->texts);
    mem_free(ids->mem, ids->slots);
    lincheck_ids_init(ids, ids->mem);
}

/* The slot of text, or the empty one where it belongs. */
static struct lincheck_ids_slot *find(const struct lincheck_ids *ids, struct bytes text,
                                      uint64_t hash)
{
    uint32_t mask = 2 * ids->capacity - 1;
    uint32_t i = (uint32_t)hash & mask;
    uint32_t tag = (uint32_t)(hash >> 32);
    while (ids->slots[i].id != 0) {
        struct lincheck_ids_slot *s = &ids->slots[i];
        if (s->tag == tag && bytes_equal(ids->texts[s->id - 1], text)) {
            break;
        }
        i = (i + 1) & mask;
    }
    return &ids->slots[i];
}

static enum err grow(struct lincheck_ids *ids)
{
    uint32_t capacity = ids->capacity == 0 ? IDS_FIRST : 2 * ids->capacity;
    struct lincheck_ids_slot *slots = mem_alloc(ids->mem, 2 * (size_t)capacity * sizeof *slots);
    struct bytes *texts =
        slots == NULL ? NULL : mem_resize(ids->mem, ids->texts, capacity * sizeof *texts);
    if (texts == NULL) {
        mem_free(ids->mem, slots);
        return ERR_NO_MEMORY;
    }
    memset(slots, 0, 2 * (size_t)capacity * sizeof *slots);
    mem_free(ids->mem, ids->slots);
    ids->slots = slots;
    ids->texts = texts;
    ids->capacity = capacity;
    for (uint32_t i = 0; i < ids->count; i++) {
        uint64_t hash = hash64(0, texts[i]);
        *find(ids, texts[i], hash) = (struct lincheck_ids_slot){ (uint32_t)(hash >> 32), i + 1 };
    }
    return ERR_OK;
}

enum err lincheck_ids_of(struct lincheck_ids *ids, struct bytes text, uint32_t *out)
{
    if (ids->count == ids->capacity) {
        TRY(grow(ids));
    }
    uint64_t hash = hash64(0, text);
    struct lincheck_ids_slot *s = find(ids, text, hash);
    if (s->id == 0) {
        ids->texts[ids->count++] = text;
        *s = (struct lincheck_ids_slot){ (uint32_t)(hash >> 32), ids->count };
    }
    *out = s->id - 1;
    return ERR_OK;
}
