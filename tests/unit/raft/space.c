/* tests/unit/raft/space.c -- breadth first over the worlds of a plan.
 *
 * Shape:      worlds that wait to be gone on from lie packed (zeros as counts) in two long strips,
 *             one a depth; of those that were seen only the hash is kept, and how they came about
 * Why:        64 bits of hash take two worlds for one with a chance of n*n/2^65: one in a million
 *             at six million worlds
 */
#include "space.h"

#include <stdio.h>
#include <stdlib.h>

struct seen {
    uint64_t hash; /* 0: free */
    uint32_t before;
    struct space_step step;
};

struct strip {
    uint8_t *data;
    size_t count, room;
};

static struct {
    struct seen *slot;
    uint64_t slots; /* a power of two */
    uint64_t states, steps;
    struct strip now, next;
    uint32_t depth;
    struct space from, to;
} x;

/* ---- worlds that were seen ---- */

static uint64_t place(uint64_t hash)
{
    uint64_t at = hash & (x.slots - 1);
    while (x.slot[at].hash != 0 && x.slot[at].hash != hash) {
        at = (at + 1) & (x.slots - 1);
    }
    return at;
}

/* Twice the room; numbers of slots change, so ways are kept by number of world: see way(). */
static struct seen *way_of; /* by number */
static uint64_t way_room;

static bool seen_add(uint64_t hash, uint32_t before, struct space_step step)
{
    if (2 * (x.states + 1) > x.slots) {
        struct seen *old = x.slot;
        uint64_t count = x.slots;
        x.slots = count == 0 ? 1 << 16 : 2 * count;
        x.slot = calloc(x.slots, sizeof *x.slot);
        for (uint64_t k = 0; k < count; k++) {
            if (old[k].hash != 0) {
                x.slot[place(old[k].hash)] = old[k];
            }
        }
        free(old);
    }
    uint64_t at = place(hash);
    if (x.slot[at].hash == hash) {
        return false;
    }
    x.slot[at].hash = hash;
    if (x.states == way_room) {
        way_room = way_room == 0 ? 1 << 16 : 2 * way_room;
        way_of = realloc(way_of, way_room * sizeof *way_of);
        ASSERT(way_of != NULL);
    }
    way_of[x.states++] = (struct seen){ hash, before, step };
    return true;
}

static void way_print(uint32_t number, struct space_step last)
{
    static const char *const names[SPACE_ACTS] = { "campaign", "propose", "change",
                                                   "write",    "tell",    "crash",
                                                   "up",       "deliver", "double" };
    struct space_step steps[SPACE_DEPTH_MAX] = { last };
    uint32_t count = 1;
    while (number != 0 && count < SPACE_DEPTH_MAX) {
        steps[count++] = way_of[number].step;
        number = way_of[number].before;
    }
    printf("# depth %u:", count);
    while (count-- > 0) {
        printf(" %s(%u,%u)", names[steps[count].act], steps[count].a + 1u, steps[count].b + 1u);
    }
    printf("\n");
}

/* ---- worlds that wait ---- */

static void put(struct strip *s, const void *from, size_t size)
{
    if (s->count + size > s->room) {
        s->room = 2 * (s->room + size) + (1 << 20);
        s->data = realloc(s->data, s->room);
        ASSERT(s->data != NULL);
    }
    memcpy(s->data + s->count, from, size);
    s->count += size;
}

/* Number of the world, then runs: how many words are 0, how many are not, and these. */
static void pack(struct strip *s, const struct space *w, uint32_t number)
{
    const uint64_t *word = (const uint64_t *)(const void *)w;
    size_t count = sizeof *w / sizeof *word;
    put(s, &number, sizeof number);
    for (size_t at = 0; at < count;) {
        uint16_t run[2] = { 0, 0 };
        while (at < count && word[at] == 0) {
            run[0]++;
            at++;
        }
        const uint64_t *from = word + at;
        while (at < count && word[at] != 0) {
            run[1]++;
            at++;
        }
        put(s, run, sizeof run);
        put(s, from, run[1] * sizeof *word);
    }
}

static uint32_t unpack(const struct strip *s, size_t *at, struct space *w)
{
    uint64_t *word = (uint64_t *)(void *)w;
    size_t count = sizeof *w / sizeof *word;
    uint32_t number = 0;
    memcpy(&number, s->data + *at, sizeof number);
    *at += sizeof number;
    for (size_t k = 0; k < count;) {
        uint16_t run[2];
        memcpy(run, s->data + *at, sizeof run);
        *at += sizeof run;
        memset(word + k, 0, run[0] * sizeof *word);
        k += run[0];
        memcpy(word + k, s->data + *at, run[1] * sizeof *word);
        *at += run[1] * sizeof *word;
        k += run[1];
    }
    return number;
}

/* ---- breadth first ---- */

static uint32_t number_now;
static struct space_step step_now;

static void on_panic(void *arg, int fd)
{
    (void)arg;
    (void)fd;
    way_print(number_now, step_now);
    fflush(stdout);
}

static bool go(const struct space_plan *plan, uint32_t number, struct space_step step)
{
    number_now = number;
    step_now = step;
    memcpy(&x.to, &x.from, sizeof x.to);
    if (!space_do(&x.to, plan, step)) {
        return space_broken(false) == NULL;
    }
    x.steps++;
    if (space_broken(false) != NULL) {
        way_print(number, step);
        return false;
    }
    if (seen_add(space_hash(&x.to), number, step)) {
        pack(&x.next, &x.to, (uint32_t)(x.states - 1));
    }
    return true;
}

static bool expand(const struct space_plan *plan, uint32_t number)
{
    bool good = true;
    for (uint8_t i = 0; i < SPACE_NODES; i++) {
        for (uint8_t act = SPACE_CAMPAIGN; act <= SPACE_TELL && good; act++) {
            good = go(plan, number, (struct space_step){ act, i, 0 });
        }
        for (uint8_t b = 0; b <= x.from.node[i].queued && good; b++) {
            good = go(plan, number, (struct space_step){ SPACE_CRASH, i, b });
        }
        for (uint8_t b = 0; b < SPACE_NODES && good; b++) {
            good = go(plan, number, (struct space_step){ SPACE_UP, i, b });
        }
    }
    for (uint8_t k = 0; k < x.from.msgs && good; k++) {
        good = go(plan, number, (struct space_step){ SPACE_DELIVER, k, 0 }) &&
               go(plan, number, (struct space_step){ SPACE_DOUBLE, k, 0 });
    }
    return good;
}

static void clear(void)
{
    free(x.slot);
    free(x.now.data);
    free(x.next.data);
    free(way_of);
    way_of = NULL;
    way_room = 0;
    memset(&x, 0, sizeof x);
}

const char *space_explore(const struct space_plan *plan)
{
    bool good = true;
    space_broken(true);
    panic_hook_set(on_panic, NULL);
    space_begin(&x.to, plan);
    seen_add(space_hash(&x.to), 0, (struct space_step){ 0, 0, 0 });
    pack(&x.next, &x.to, 0);
    while (good && x.next.count > 0 && (plan->states_max == 0 || x.states < plan->states_max)) {
        struct strip done = x.now;
        x.now = x.next;
        x.next = done;
        x.next.count = 0;
        x.depth++;
        if (getenv("SP")) fprintf(stderr, "%u %llu %zu\n", x.depth, (unsigned long long)x.states, x.now.count);
        for (size_t at = 0; at < x.now.count && good;) {
            uint32_t number = unpack(&x.now, &at, &x.from);
            good = expand(plan, number);
        }
    }
    printf("# %s: %llu states, %llu steps, depth %u%s\n", plan->name, (unsigned long long)x.states,
           (unsigned long long)x.steps, x.depth - 1, x.next.count > 0 ? ", not all" : "");
    panic_hook_set(NULL, NULL);
    clear();
    return space_broken(true);
}
