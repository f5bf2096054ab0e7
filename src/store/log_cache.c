/* store/log_cache.c -- a ring of entries that grows by doubling. */
#include "store/log_cache.h"

#include "base/mark.h"
#include "base/panic.h"

enum {
    CACHE_CAPACITY_FIRST = 256
};

void log_cache_init(struct log_cache *c, struct mem *mem, uint64_t last)
{
    memset(c, 0, sizeof *c);
    c->mem = mem;
    c->first = last + 1;
    c->last = last;
}

static struct log_cached *slot_of(const struct log_cache *c, uint64_t index)
{
    return &c->slot[index & (c->capacity - 1)];
}

static void drop(struct log_cache *c, uint64_t index)
{
    struct log_cached *s = slot_of(c, index);
    ASSERT(c->bytes >= s->bytes);
    c->bytes -= s->bytes;
    mem_free(c->mem, s->data);
    s->data = NULL;
}

void log_cache_done(struct log_cache *c)
{
    log_cache_evict(c, 0, UINT64_MAX);
    mem_free(c->mem, c->slot);
    c->slot = NULL;
    c->capacity = 0;
}

/* A ring of another size, with the same entries. */
static enum err move(struct log_cache *c, uint64_t capacity)
{
    struct log_cached *slot = mem_alloc(c->mem, capacity * sizeof *slot);
    if (slot == NULL) {
        return ERR_NO_MEMORY;
    }
    for (uint64_t i = c->first; i <= c->last; i++) {
        slot[i & (capacity - 1)] = *slot_of(c, i);
    }
    mem_free(c->mem, c->slot);
    c->slot = slot;
    c->capacity = capacity;
    return ERR_OK;
}

static enum err grow(struct log_cache *c)
{
    if (c->last + 1 - c->first < c->capacity) {
        return ERR_OK;
    }
    return move(c, c->capacity == 0 ? CACHE_CAPACITY_FIRST : c->capacity * 2);
}

enum err log_cache_push(struct log_cache *c, const struct log_entry *e)
{
    ASSERT(e->index == c->last + 1);
    TRY(grow(c));
    uint8_t *data = NULL;
    if (e->data.count > 0) {
        data = mem_alloc(c->mem, e->data.count);
        if (data == NULL) {
            return ERR_NO_MEMORY;
        }
        memcpy(data, e->data.data, e->data.count);
    }
    c->last++;
    struct log_cached *s = slot_of(c, c->last);
    s->term = e->term;
    s->kind = e->kind;
    s->data = data;
    s->bytes = (uint32_t)e->data.count;
    c->bytes += s->bytes;
    return ERR_OK;
}

void log_cache_truncate(struct log_cache *c, uint64_t to)
{
    while (c->last > to && c->last >= c->first) {
        drop(c, c->last);
        c->last--;
    }
    if (c->last > to) { /* what was held is gone, and more than that */
        c->last = to;
        c->first = to + 1;
    }
}

void log_cache_evict(struct log_cache *c, uint64_t bytes_max, uint64_t durable)
{
    while (c->first <= c->last && c->first <= durable && (c->bytes > bytes_max || bytes_max == 0)) {
        MARK_IF(bytes_max > 0, "store: the cache gives way");
        drop(c, c->first);
        c->first++;
    }
}

void log_cache_forget(struct log_cache *c, uint64_t to)
{
    while (c->first <= c->last && c->first <= to) {
        drop(c, c->first);
        c->first++;
    }
    uint64_t capacity = c->capacity;
    while (capacity > CACHE_CAPACITY_FIRST && c->last + 1 - c->first < capacity / 4) {
        capacity /= 2;
    }
    if (capacity != c->capacity) {
        IGNORE(move(c, capacity)); /* without memory the larger ring goes on */
    }
}

void log_cache_reset(struct log_cache *c, uint64_t last)
{
    log_cache_forget(c, UINT64_MAX);
    c->first = last + 1;
    c->last = last;
}

bool log_cache_find(const struct log_cache *c, uint64_t index, struct log_entry *out)
{
    if (index < c->first || index > c->last) {
        return false;
    }
    const struct log_cached *s = slot_of(c, index);
    out->index = index;
    out->term = s->term;
    out->kind = s->kind;
    out->data = bytes_of(s->data, s->bytes);
    return true;
}
