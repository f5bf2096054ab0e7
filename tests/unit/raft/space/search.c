/* tests/unit/raft/space/search.c -- breadth first over the worlds of a plan.
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
    uint64_t hash;
    uint32_t before; /* number of the world that it came from */
    struct space_step step;
};

struct strip {
    uint8_t *data;
    size_t count, room;
};

static struct {
    const struct space_plan *plan;
    struct seen *seen; /* by number, in the order in which they were found */
    uint32_t *slot;    /* numbers + 1, by hash; 0: free */
    uint64_t slots;    /* a power of two, more than twice as many as were seen */
    struct strip now, next;
    struct space from, to;
    uint32_t number; /* of `from` */
    struct space_step step;
    struct space_result result;
} x;

/* ---- worlds that were seen ---- */

static void *grown(void *was, size_t size)
{
    void *now = realloc(was, size);
    ASSERT(now != NULL);
    return now;
}

static uint64_t place(uint64_t hash)
{
    uint64_t at = hash & (x.slots - 1);
    while (x.slot[at] != 0 && x.seen[x.slot[at] - 1].hash != hash) {
        at = (at + 1) & (x.slots - 1);
    }
    return at;
}

static void slots_double(void)
{
    x.slots = x.slots == 0 ? 1 << 16 : 2 * x.slots;
    free(x.slot);
    x.slot = calloc(x.slots, sizeof *x.slot);
    ASSERT(x.slot != NULL);
    x.seen = grown(x.seen, x.slots / 2 * sizeof *x.seen);
    for (uint64_t k = 0; k < x.result.states; k++) {
        x.slot[place(x.seen[k].hash)] = (uint32_t)(k + 1);
    }
}

static bool seen_add(uint64_t hash)
{
    if (2 * (x.result.states + 1) > x.slots) {
        slots_double();
    }
    uint64_t at = place(hash);
    if (x.slot[at] != 0) {
        return false;
    }
    x.seen[x.result.states++] = (struct seen){ hash, x.number, x.step };
    x.slot[at] = (uint32_t)x.result.states;
    return true;
}

/* ---- worlds that wait ---- */

static void put(struct strip *s, const void *from, size_t size)
{
    if (s->count + size > s->room) {
        s->room = 2 * (s->room + size) + MIB;
        s->data = grown(s->data, s->room);
    }
    memcpy(s->data + s->count, from, size);
    s->count += size;
}

/* Number of the world and its messages, then runs: how many words are 0, how many are not, and
 * these. */
static void pack(struct strip *s, struct space *w, uint32_t number)
{
    size_t count = (world_size(w) + sizeof(uint64_t) - 1) / sizeof(uint64_t);
    const uint8_t *word = (const uint8_t *)w;
    static const uint64_t zero;
    put(s, &number, sizeof number);
    put(s, &w->msgs, sizeof w->msgs);
    for (size_t at = 0; at < count;) {
        uint16_t run[2] = { 0, 0 };
        while (at < count && memcmp(word + at * sizeof zero, &zero, sizeof zero) == 0) {
            run[0]++;
            at++;
        }
        size_t from = at;
        while (at < count && memcmp(word + at * sizeof zero, &zero, sizeof zero) != 0) {
            run[1]++;
            at++;
        }
        put(s, run, sizeof run);
        put(s, word + from * sizeof zero, run[1] * sizeof zero);
    }
}

static void take(const struct strip *s, size_t *at, void *to, size_t size)
{
    memcpy(to, s->data + *at, size);
    *at += size;
}

static uint32_t unpack(const struct strip *s, size_t *at, struct space *w)
{
    uint32_t number = 0;
    take(s, at, &number, sizeof number);
    take(s, at, &w->msgs, sizeof w->msgs);
    size_t count = (world_size(w) + sizeof(uint64_t) - 1) / sizeof(uint64_t);
    uint8_t *word = (uint8_t *)w;
    for (size_t k = 0; k < count;) {
        uint16_t run[2];
        take(s, at, run, sizeof run);
        memset(word + k * sizeof(uint64_t), 0, run[0] * sizeof(uint64_t));
        k += run[0];
        take(s, at, word + k * sizeof(uint64_t), run[1] * sizeof(uint64_t));
        k += run[1];
    }
    return number;
}

/* ---- breadth first ---- */

static void way_print(void)
{
    static const char *const names[SPACE_ACTS] = { "campaign", "beat",  "propose", "change",
                                                   "wipe",     "write", "crash",   "up",
                                                   "deliver",  "double" };
    struct space_step steps[SPACE_DEPTH_MAX] = { x.step };
    uint32_t count = 1;
    for (uint32_t number = x.number; number != 0 && count < SPACE_DEPTH_MAX;) {
        steps[count++] = x.seen[number].step;
        number = x.seen[number].before;
    }
    printf("# %s, in %u steps:", x.plan->name, count);
    while (count-- > 0) {
        printf(" %s(%u,%u)", names[steps[count].act], steps[count].a + 1u, steps[count].b + 1u);
    }
    printf("\n");
}

static void on_panic(void *arg, int fd)
{
    (void)arg;
    (void)fd;
    way_print();
    fflush(stdout);
}

/* How far a world has come that was not seen before. */
static void note(const struct space *w)
{
    struct space_result *r = &x.result;
    r->msgs = w->msgs > r->msgs ? w->msgs : r->msgs;
    r->commit = w->commit > r->commit ? w->commit : r->commit;
    const struct space_budget *left = &w->left;
    r->spent |= (left->commands | left->changes | left->crashes | left->doubles | left->ups |
                 left->wipes) == 0;
    for (uint8_t t = r->led; t < SPACE_TERMS_MAX; t++) {
        r->led = w->leader_of[t] != 0 ? t : r->led;
    }
}

static bool go(uint8_t act, uint8_t a, uint8_t b)
{
    x.step = (struct space_step){ act, a, b };
    memcpy(&x.to, &x.from, world_size(&x.from));
    bool happened = world_step(&x.to, x.plan, x.step);
    if (judge_broken() != NULL) {
        way_print();
        return false;
    }
    if (!happened) {
        return true;
    }
    x.result.steps++;
    if (seen_add(canon_hash(&x.to, x.plan))) {
        note(&x.to);
        pack(&x.next, &x.to, (uint32_t)(x.result.states - 1));
    }
    return true;
}

static bool expand(void)
{
    bool good = true;
    for (uint8_t i = 0; i < SPACE_NODES; i++) {
        for (uint8_t act = SPACE_CAMPAIGN; act <= SPACE_WRITE && good; act++) {
            good = go(act, i, 0);
        }
        for (uint8_t b = 0; b <= x.from.node[i].queued && good; b++) {
            good = go(SPACE_CRASH, i, b);
        }
        for (uint8_t b = 0; b < SPACE_NODES && good; b++) {
            good = go(SPACE_UP, i, b);
        }
    }
    for (uint32_t k = 0; k < x.from.msgs && good; k++) {
        good = go(SPACE_DELIVER, (uint8_t)k, 0) && go(SPACE_DOUBLE, (uint8_t)k, 0);
    }
    return good;
}

static void clear(void)
{
    free(x.seen);
    free(x.slot);
    free(x.now.data);
    free(x.next.data);
    memset(&x, 0, sizeof x);
}

/* Node 1 is elected, and what is under way arrives, in the order in which it was sent. */
static void elect(struct space *w)
{
    bool good = world_step(w, x.plan, (struct space_step){ SPACE_CAMPAIGN, 0, 0 });
    while (good) {
        good = w->msgs > 0 && world_step(w, x.plan, (struct space_step){ SPACE_DELIVER, 0, 0 });
        for (uint8_t i = 0; i < SPACE_NODES; i++) {
            while (w->node[i].queued > 0) {
                good |= world_step(w, x.plan, (struct space_step){ SPACE_WRITE, i, 0 });
            }
        }
    }
}

static bool more(uint64_t states_max)
{
    return x.next.count > 0 && (states_max == 0 || x.result.states < states_max) &&
           (x.plan->depth == 0 || x.result.depth < x.plan->depth);
}

struct space_result space_explore(const struct space_plan *plan, uint64_t states_max)
{
    bool good = true;
    clear();
    judge_reset();
    x.plan = plan;
    panic_hook_set(on_panic, NULL);
    world_begin(&x.to, plan);
    if (plan->led) {
        elect(&x.to);
    }
    seen_add(canon_hash(&x.to, plan));
    pack(&x.next, &x.to, 0);
    while (good && more(states_max)) {
        struct strip done = x.now;
        x.now = x.next;
        x.next = done;
        x.next.count = 0;
        x.result.depth++;
        for (size_t at = 0; at < x.now.count && good;) {
            x.number = unpack(&x.now, &at, &x.from);
            good = expand();
        }
    }
    panic_hook_set(NULL, NULL);
    struct space_result result = x.result;
    result.broken = judge_broken();
    result.all = good && (x.next.count == 0 || (plan->depth > 0 && result.depth == plan->depth));
    clear();
    return result;
}
