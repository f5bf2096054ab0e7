/* tests/unit/base/test_containers.c -- Subject: list, ring, heap, map.
 *
 * Method: seeded random operations against the simplest model; then what each of them asserts
 */
#include "tap.h"

#include "base/heap.h"
#include "base/list.h"
#include "base/map.h"
#include "base/prng.h"
#include "base/ring.h"

enum {
    ROUNDS = 20000,
    ITEMS = 40,
    CAPACITY = 32
};

struct item {
    struct list link;
    struct heap_item heap;
    int id;
};

static void items_init(struct item *items)
{
    memset(items, 0, ITEMS * sizeof *items);
    for (int i = 0; i < ITEMS; i++) {
        list_init(&items[i].link);
        items[i].id = i;
    }
}

/* ---- list ---- */

static void model_cut(int *model, int *count, int id)
{
    for (int i = 0; i < *count; i++) {
        if (model[i] == id) {
            memmove(model + i, model + i + 1, (size_t)(*count - i - 1) * sizeof *model);
            (*count)--;
            return;
        }
    }
}

static void list_same(struct list *l, const int *model, int count)
{
    int at = 0;
    LIST_EACH(node, l) {
        CHECK(at < count);
        CHECK_U64(CONTAINER_OF(node, struct item, link)->id, model[at]);
        CHECK(node->next->prev == node && node->prev->next == node);
        at++;
    }
    CHECK_U64(at, count);
    CHECK(list_empty(l) == (count == 0));
}

static void list_model(void)
{
    struct item items[ITEMS];
    struct list l;
    struct prng p;
    int model[ITEMS];
    int count = 0;
    items_init(items);
    list_init(&l);
    prng_seed(&p, 1);
    for (int round = 0; round < ROUNDS; round++) {
        struct item *it = &items[prng_below(&p, ITEMS)];
        bool inside = !list_empty(&it->link);
        bool front = prng_below(&p, 2) == 0;
        list_remove(&it->link); /* fine when it is in none */
        if (inside) {
            model_cut(model, &count, it->id);
        } else if (front) {
            list_push_front(&l, &it->link);
            memmove(model + 1, model, (size_t)count++ * sizeof *model);
            model[0] = it->id;
        } else {
            list_push_back(&l, &it->link);
            model[count++] = it->id;
        }
        list_same(&l, model, count);
    }
}

/* ---- ring ---- */

static void ring_model(void)
{
    struct ring r;
    struct prng p;
    uint32_t slots[8];
    uint32_t next = 0;
    uint32_t oldest = 0;
    ring_init(&r, 8);
    r.head = UINT32_MAX - 20; /* positions run over their end */
    prng_seed(&p, 2);
    for (int round = 0; round < ROUNDS; round++) {
        CHECK(ring_full(&r) == (next - oldest == 8));
        if (prng_below(&p, 2) == 0 && !ring_full(&r)) {
            slots[ring_push(&r)] = next++;
        } else if (next > oldest) {
            CHECK_U64(slots[ring_pop(&r)], oldest);
            oldest++;
        }
        CHECK_U64(r.count, next - oldest);
        for (uint32_t i = 0; i < r.count; i++) {
            CHECK_U64(slots[ring_at(&r, i)], oldest + i);
        }
    }
}

static void ring_odd(void)
{
    struct ring r;
    ring_init(&r, 6);
}

static void ring_none(void)
{
    struct ring r;
    ring_init(&r, 0);
}

static void ring_overfull(void)
{
    struct ring r;
    ring_init(&r, 1);
    ring_push(&r);
    ring_push(&r);
}

static void ring_empty_pop(void)
{
    struct ring r;
    ring_init(&r, 1);
    ring_pop(&r);
}

static void ring_beyond(void)
{
    struct ring r;
    ring_init(&r, 2);
    ring_push(&r);
    ring_at(&r, 1);
}

static void ring_deaths(void)
{
    CHECK(tap_dies(ring_odd));
    CHECK(tap_dies(ring_none));
    CHECK(tap_dies(ring_overfull));
    CHECK(tap_dies(ring_empty_pop));
    CHECK(tap_dies(ring_beyond));
}

/* ---- heap ---- */

static struct item *model_min(struct item *items)
{
    struct item *best = NULL;
    for (int i = 0; i < ITEMS; i++) {
        const struct heap_item *h = &items[i].heap;
        if (h->slot != 0 && (best == NULL || h->key < best->heap.key ||
                             (h->key == best->heap.key && h->order < best->heap.order))) {
            best = &items[i];
        }
    }
    return best;
}

static void heap_model(void)
{
    struct item items[ITEMS];
    struct mem mem;
    struct heap h;
    struct prng p;
    uint32_t count = 0;
    uint32_t refused = 0;
    items_init(items);
    mem_init(&mem, "test", 1 << 20);
    heap_init(&h, &mem, CAPACITY);
    prng_seed(&p, 3);
    CHECK(heap_min(&h) == NULL);
    for (int round = 0; round < ROUNDS; round++) {
        struct heap_item *it = &items[prng_below(&p, ITEMS)].heap;
        bool inside = it->slot != 0;
        if (prng_below(&p, 4) == 0) {
            heap_remove(&h, it);
            count -= inside;
            CHECK_U64(it->slot, 0);
        } else {
            uint64_t key = prng_below(&p, 20);
            enum err e = heap_set(&h, it, key);
            CHECK(e == (!inside && count == CAPACITY ? ERR_QUEUE_FULL : ERR_OK));
            refused += e != ERR_OK;
            count += !inside && e == ERR_OK;
            CHECK(e != ERR_OK || it->key == key);
        }
        struct item *best = model_min(items);
        CHECK_U64(h.count, count);
        CHECK(heap_min(&h) == (best != NULL ? &best->heap : NULL));
    }
    CHECK(refused > 0);
    heap_done(&h);
    CHECK_U64(mem.used, 0);
}

static void heap_ties(void)
{
    struct item items[ITEMS];
    struct mem mem;
    struct heap h;
    items_init(items);
    mem_init(&mem, "test", 1 << 20);
    heap_init(&h, &mem, ITEMS);
    for (int i = 0; i < ITEMS; i++) {
        CHECK(heap_set(&h, &items[i].heap, 5) == ERR_OK);
    }
    CHECK(heap_set(&h, &items[0].heap, 5) == ERR_OK); /* set again: behind the others */
    for (int i = 1; i <= ITEMS; i++) {
        struct heap_item *min = heap_min(&h);
        CHECK_U64(CONTAINER_OF(min, struct item, heap)->id, i % ITEMS);
        heap_remove(&h, min);
    }
    heap_done(&h);
}

static void heap_foreign(void)
{
    struct item items[ITEMS];
    struct mem mem;
    struct heap a;
    struct heap b;
    items_init(items);
    mem_init(&mem, "test", 1 << 20);
    heap_init(&a, &mem, 4);
    heap_init(&b, &mem, 4);
    IGNORE(heap_set(&a, &items[0].heap, 1)); /* has room */
    IGNORE(heap_set(&b, &items[1].heap, 1)); /* has room */
    heap_remove(&b, &items[0].heap);
}

static void heap_deaths(void)
{
    CHECK(tap_dies(heap_foreign));
}

/* ---- map ---- */

static void map_model(void)
{
    uint64_t value[ITEMS];
    bool there[ITEMS] = { false };
    struct mem mem;
    struct map m;
    struct prng p;
    uint32_t count = 0;
    uint32_t refused = 0;
    mem_init(&mem, "test", 1 << 20);
    map_init(&m, &mem, CAPACITY);
    prng_seed(&p, 4);
    for (int round = 0; round < ROUNDS; round++) {
        uint64_t key = prng_below(&p, ITEMS);
        if (prng_below(&p, 3) == 0) {
            CHECK(map_remove(&m, key * 64) == there[key]);
            count -= there[key];
            there[key] = false;
        } else {
            uint64_t v = prng_next(&p);
            enum err e = map_put(&m, key * 64, v);
            CHECK(e == (!there[key] && count == CAPACITY ? ERR_QUEUE_FULL : ERR_OK));
            if (e == ERR_OK) {
                count += !there[key];
                there[key] = true;
                value[key] = v;
            }
            refused += e != ERR_OK;
        }
        CHECK_U64(m.count, count);
        for (uint64_t k = 0; k < ITEMS; k++) {
            uint64_t got = 77;
            CHECK(map_find(&m, k * 64, &got) == there[k]);
            CHECK_U64(got, there[k] ? value[k] : 77);
        }
    }
    CHECK(refused > 0);
    map_done(&m);
    CHECK_U64(mem.used, 0);
}

/* Any capacity can be filled to the last pair and emptied again, with keys of all kinds. */
static void map_full(void)
{
    static const uint64_t steps[] = { 1, 4096, UINT64_MAX, (uint64_t)1 << 40 };
    for (uint32_t capacity = 1; capacity <= 100; capacity++) {
        uint64_t step = steps[capacity % 4];
        struct mem mem;
        struct map m;
        mem_init(&mem, "test", 1 << 20);
        map_init(&m, &mem, capacity);
        for (uint32_t i = 0; i < capacity; i++) {
            CHECK(map_put(&m, i * step, i) == ERR_OK);
        }
        CHECK(map_put(&m, capacity * step, 1) == ERR_QUEUE_FULL);
        for (uint32_t i = 0; i < capacity; i++) {
            CHECK(map_remove(&m, i * step));
            CHECK(!map_remove(&m, i * step));
        }
        CHECK_U64(m.count, 0);
        map_done(&m);
    }
}

static void map_nothing(void)
{
    struct mem mem;
    struct map m;
    mem_init(&mem, "test", 1 << 20);
    map_init(&m, &mem, 0);
}

static void map_poor(void)
{
    struct mem mem;
    struct map m;
    mem_init(&mem, "test", 100);
    map_init(&m, &mem, 100);
}

static void map_deaths(void)
{
    CHECK(tap_dies(map_nothing));
    CHECK(tap_dies(map_poor));
}

int main(void)
{
    TAP_TEST("list: random pushes and removals agree with a model", list_model);
    TAP_TEST("ring: random pushes and pops agree with a model, across the wrap", ring_model);
    TAP_TEST("ring: odd capacities, overflow and underflow panic", ring_deaths);
    TAP_TEST("heap: random changes keep the smallest first, a full one refuses", heap_model);
    TAP_TEST("heap: ties leave in the order in which they were set", heap_ties);
    TAP_TEST("heap: an item of another heap panics", heap_deaths);
    TAP_TEST("map: random changes agree with a model, a full one refuses", map_model);
    TAP_TEST("map: every capacity can be filled and emptied", map_full);
    TAP_TEST("map: no capacity, or none that the account can hold, panics", map_deaths);
    return tap_done();
}
