/* sim/world.c -- the queue of what comes next, and the moving of the clock. */
#include "sim/world.h"

#include "base/panic.h"
#include "sim/majority.h"

#include <stdarg.h>
#include <stdlib.h>

enum {
    WORLD_BLOCK_EVENTS = 256,
    WORLD_LEASE_ONE_IN = 3,
    WORLD_SPARE_MAX = 3 /* machines whose nodes are no members at first, where members change */
};
#define WORLD_MEM_BYTES (4096ull * MIB)

/* ---- chance ---- */

bool sim_chance(struct prng *p, uint64_t one_in)
{
    return one_in != 0 && prng_below(p, one_in) == 0;
}

uint64_t sim_between(struct prng *p, uint64_t least, uint64_t most)
{
    return least + prng_below(p, most - least + 1);
}

/* Each of up to five times, with one chance in three, the wait grows by a drawn mean: integers
 * only, so that every machine draws the same. */
uint64_t sim_wait(struct prng *p, uint64_t mean_ns)
{
    uint64_t wait = prng_below(p, mean_ns + 1);
    for (int i = 0; i < 5 && prng_below(p, 3) == 0; i++) {
        wait += prng_below(p, 2 * mean_ns + 1);
    }
    return wait;
}

/* ---- events ---- */

static struct sim_event *event_take(struct sim_world *w)
{
    if (list_empty(&w->free_events)) {
        ASSERT(w->event_blocks < SIM_QUEUE_MAX / WORLD_BLOCK_EVENTS);
        struct sim_event *block = mem_take(&w->mem, WORLD_BLOCK_EVENTS * sizeof *block);
        w->event_block[w->event_blocks++] = block;
        for (int i = WORLD_BLOCK_EVENTS - 1; i >= 0; i--) {
            list_push_front(&w->free_events, &block[i].free);
        }
    }
    struct sim_event *e = CONTAINER_OF(w->free_events.next, struct sim_event, free);
    list_remove(&e->free);
    return e;
}

struct sim_event *sim_world_at(struct sim_world *w, uint64_t at_ns, sim_event_fn fn)
{
    struct sim_event *e = event_take(w);
    e->fn = fn;
    e->a = 0;
    e->b = 0;
    e->n = 0;
    e->ptr = NULL;
    enum err err = heap_set(&w->queue, &e->item, at_ns > w->now_ns ? at_ns : w->now_ns);
    ASSERT(err == ERR_OK); /* as many slots as events */
    return e;
}

void sim_world_drop(struct sim_world *w, struct sim_event *e)
{
    heap_remove(&w->queue, &e->item);
    list_push_front(&w->free_events, &e->free);
}

static bool told_enough(const struct sim_world *w)
{
    uint64_t most = w->options.events_max;
    return most != 0 && w->story.count >= most;
}

bool sim_world_over(const struct sim_world *w)
{
    return w->failed || told_enough(w);
}

/* To the next event; what goes on and on while no time passes would never end. */
static void move_clock(struct sim_world *w, uint64_t to_ns)
{
    ASSERT(to_ns >= w->now_ns);
    w->instant_events = to_ns > w->now_ns ? 0 : w->instant_events + 1;
    w->now_ns = to_ns;
    if (w->instant_events > SIM_INSTANT_EVENTS_MAX) {
        sim_world_fail(w, "the world does not come to rest: more than %d events at one instant",
                       SIM_INSTANT_EVENTS_MAX);
    }
}

void sim_world_until(struct sim_world *w, uint64_t at_ns)
{
    struct heap_item *next = heap_min(&w->queue);
    while (!sim_world_over(w) && next != NULL && next->key <= at_ns) {
        struct sim_event *e = CONTAINER_OF(next, struct sim_event, item);
        heap_remove(&w->queue, next);
        move_clock(w, next->key);
        e->fn(w, e);
        list_push_front(&w->free_events, &e->free);
        next = heap_min(&w->queue);
    }
    if (!sim_world_over(w) && w->now_ns < at_ns) {
        w->now_ns = at_ns;
    }
}

/* ---- the story ---- */

/* The last step may have more to tell than was asked for. */
void sim_world_tell(struct sim_world *w, uint64_t node, const char *what, uint64_t a, uint64_t b)
{
    static const char letters[] = "FPCLS";
    struct sim_story_node state = { 0 };
    if (told_enough(w)) {
        return;
    }
    if (node == 0) {
        sim_story_add(&w->story, w->now_ns, 0, what, a, b, NULL);
        return;
    }
    const struct sim_seen *s = &w->look.seen[node - 1];
    state.role = s->alive ? (uint8_t)letters[s->role] : (uint8_t)'-';
    state.term = s->term;
    state.last = s->last;
    state.commit = s->commit;
    state.applied = s->applied;
    sim_story_add(&w->story, w->now_ns, node, what, a, b, &state);
}

void sim_world_fail(struct sim_world *w, const char *format, ...)
{
    va_list args;
    if (w->failed) {
        return;
    }
    w->failed = true;
    va_start(args, format);
    vsnprintf(w->failure, sizeof w->failure, format, args);
    va_end(args);
    sim_world_tell(w, 0, "finding", 0, 0);
}

/* ---- opening and closing ---- */

static void draw_times(struct sim_world *w)
{
    static const uint64_t election_ms[] = { 150, 300, 1000, 1500 };
    uint64_t least = election_ms[prng_below(&w->prng, 4)];
    w->election_ns_min = least * SIM_MS;
    w->election_ns_max = least * SIM_MS * sim_between(&w->prng, 15, 30) / 10;
    w->heartbeat_ns = w->election_ns_min / sim_between(&w->prng, 3, 10);
}

/* In some worlds leaders read by lease. Their clocks keep to the bound then: none jumps, and the
 * slowest and the fastest differ by no more. */
static void draw_lease(struct sim_world *w)
{
    static const uint32_t ppm[] = { 1000, 10000, 50000, 200000, 400000 };
    uint32_t drawn = ppm[prng_below(&w->prng, sizeof ppm / sizeof ppm[0])];
    bool lease = sim_chance(&w->prng, WORLD_LEASE_ONE_IN) && w->faults.on != 0;
    w->drift_ppm = lease ? drawn : 0; /* scenarios, which turn clocks themselves, have none */
    if (w->drift_ppm != 0) {
        w->faults.on &= ~sim_fault_bit(SIM_FAULT_JUMP);
    }
}

/* How many machines there are, and whose nodes are members at first: all of them, unless members
 * change. */
static void draw_nodes(struct sim_world *w)
{
    static const uint32_t sizes[] = { 1, 2, 3, 3, 3, 3, 4, 5, 5, 5, 7, 9 };
    uint32_t count = sizes[prng_below(&w->prng, sizeof sizes / sizeof sizes[0])];
    uint32_t spare = (uint32_t)prng_below(&w->prng, WORLD_SPARE_MAX + 1);
    bool change = (w->faults.on & sim_fault_bit(SIM_FAULT_MEMBERS)) != 0;
    uint32_t asked = w->options.nodes;
    uint32_t founders = asked == 0 || count < asked ? count : asked;
    w->node_count = founders + spare < SIM_NODES_MAX ? founders + spare : SIM_NODES_MAX;
    w->node_count = asked != 0 ? asked : change ? w->node_count : count;
    w->founders = UINT64_MAX >> (64 - (change ? founders : w->node_count));
}

struct sim_world *sim_world_open(const struct sim_options *options)
{
    struct sim_world *w = calloc(1, sizeof *w);
    if (w == NULL) {
        return NULL;
    }
    w->options = *options;
    mem_init(&w->mem, "simulation", WORLD_MEM_BYTES);
    heap_init(&w->queue, &w->mem, SIM_QUEUE_MAX);
    list_init(&w->free_events);
    w->now_ns = SIM_START_NS;
    prng_seed(&w->prng, options->seed);
    sim_story_init(&w->story, options->trace);
    draw_times(w);
    uint64_t seeds[3];
    prng_fill(&w->prng, seeds, sizeof seeds);
    sim_faults_init(&w->faults, w, seeds[2]);
    draw_nodes(w);
    draw_lease(w);
    sim_net_init(&w->net, w, seeds[0]);
    sim_wire_init(&w->wire, w, ~seeds[0]);
    if (options->chance != NULL) {
        options->chance(seeds[1] ^ seeds[2], &w->now_ns);
    }
    sim_clients_init(&w->clients, w, seeds[1]);
    sim_flood_init(&w->flood, w, ~seeds[1]);
    sim_admin_init(&w->admin, w, ~seeds[2]);
    sim_look_init(&w->look, w);
    sim_judge_init(&w->judge, w);
    for (uint32_t i = 0; i < w->node_count; i++) {
        sim_host_key(i, &w->key[i]);
    }
    for (uint32_t i = 0; i < w->node_count; i++) {
        sim_host_init(&w->host[i], w, i);
    }
    sim_begin_init(w, ~seeds[2]);
    return w;
}

bool sim_world_run(struct sim_world *w)
{
    for (uint32_t i = 0; i < w->node_count && !sim_world_over(w); i++) {
        sim_host_start(&w->host[i]);
    }
    sim_begin_ask(w);
    sim_clients_start(&w->clients);
    sim_faults_start(&w->faults);
    sim_world_until(w, w->now_ns + w->options.virtual_ns);
    if (!sim_world_over(w)) {
        sim_judge_end(&w->judge);
    }
    return !w->failed;
}

uint32_t sim_world_index(const struct sim_world *w, const struct node_key *key)
{
    uint32_t i = 0;
    while (i < w->node_count && !ids_key_equal(&w->key[i], key)) {
        i++;
    }
    return i;
}

void sim_world_close(struct sim_world *w)
{
    sim_faults_done(&w->faults);
    for (uint32_t i = 0; i < w->node_count; i++) {
        sim_host_done(&w->host[i]);
    }
    sim_net_done(&w->net);
    sim_wire_done(&w->wire);
    sim_clients_done(&w->clients);
    sim_flood_done(&w->flood);
    sim_judge_done(&w->judge);
    for (uint32_t i = 0; i < w->event_blocks; i++) {
        mem_free(&w->mem, w->event_block[i]);
    }
    heap_done(&w->queue);
    if (w->options.chance != NULL) {
        w->options.chance(0, NULL);
    }
    ASSERT(w->failed || w->mem.used == 0);
    free(w);
}
