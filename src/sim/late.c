/* sim/late.c -- order, overtaking, and coming again. */
#include "sim/late.h"

#include "base/panic.h"
#include "sim/world.h"

enum {
    LATE_KEEP_ONE_IN = 4 /* of what is sent, as long as there is room */
};
#define LATE_AGAIN_NS (120 * SIM_S) /* after how long at most a kept thing comes again */
#define LATE_OVERTAKEN_NS (300 * SIM_MS)

uint64_t sim_late_order(const struct sim_net *n, struct prng *p, uint32_t from, uint32_t to,
                        uint64_t *newest)
{
    const struct sim_quality *q = sim_net_quality(n, from, to);
    uint64_t at = n->world->now_ns + q->latency_ns + sim_wait(p, q->jitter_ns);
    uint64_t clogged = n->clogged_ns[from][to];
    at = at > clogged ? at : clogged;
    at = at > *newest ? at : *newest + 1;
    *newest = at;
    return at;
}

uint64_t sim_late_overtake(const struct sim_quality *q, struct prng *p)
{
    return sim_chance(p, q->reorder) ? prng_below(p, LATE_OVERTAKEN_NS) : 0;
}

void *sim_late_copy(struct sim_world *w, const void *thing, size_t bytes)
{
    void *copy = mem_alloc(&w->mem, bytes);
    ASSERT(copy != NULL);
    memcpy(copy, thing, bytes);
    return copy;
}

void *sim_late_again(struct sim_late *l, struct sim_world *w, const struct sim_quality *q,
                     struct prng *p, const void *thing, size_t bytes, uint64_t *out_at_ns)
{
    if (q->replay == 0) {
        return NULL;
    }
    if (l->count < SIM_LATE_KEPT && sim_chance(p, LATE_KEEP_ONE_IN)) {
        l->kept[l->count++] = sim_late_copy(w, thing, bytes);
    }
    if (l->count == 0 || !sim_chance(p, q->replay)) {
        return NULL;
    }
    uint32_t i = (uint32_t)prng_below(p, l->count);
    void *old = l->kept[i];
    l->kept[i] = l->kept[--l->count];
    *out_at_ns = w->now_ns + prng_below(p, LATE_AGAIN_NS);
    return old;
}

void sim_late_done(struct sim_late *l, struct sim_world *w, sim_event_fn fn)
{
    for (uint32_t i = 0; i < w->queue.count; i++) {
        struct sim_event *e = CONTAINER_OF(w->queue.slots[i], struct sim_event, item);
        if (e->fn == fn) {
            mem_free(&w->mem, e->ptr);
        }
    }
    for (uint32_t i = 0; i < l->count; i++) {
        mem_free(&w->mem, l->kept[i]);
    }
}
