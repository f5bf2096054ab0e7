/* sim/client_draw.c -- what is left to chance: the load of a run, and what a client does next. */
#include "sim/client_impl.h"
#include "sim/world.h"

enum {
    CLIENT_ATTEMPTS_MAX = 12,
    CLIENT_LARGE_BYTES = 20 * 1000, /* more than the first window of a connection */
    CLIENT_LARGE_BYTES_MAX = 48 * KIB,
    CLIENT_COUNT_MIN = 2,
    CLIENT_WRITES_PERCENT_MIN = 20,
    CLIENT_WRITES_PERCENT_MAX = 80,
    CLIENT_SERIALIZABLE_PERCENT_MAX = 20,
    CLIENT_ONCE_PERCENT_STEP = 40, /* none, two fifths or four of the writes are repeated */
    CLIENT_LARGE_ONE_IN = 20,      /* in a third of the worlds */
    CLIENT_HUGE_ONE_IN = 6,        /* of those; and of their large values */
    CLIENT_LARGE_ONE_IN_MIN = 2,   /* with many full packets */
    CLIENT_LARGE_ONE_IN_MAX = 8,
    CLIENT_VALUE_BYTES_MAX = 10 * SIM_TEXT_BYTES /* of a small one */
};
/* Times the number of clients: the world as a whole sees two to ten operations a second, which the
 * history can be searched for. */
#define CLIENT_THINK_NS_MIN (100 * SIM_MS)
#define CLIENT_THINK_NS_MAX (600 * SIM_MS)
#define CLIENT_DEADLINE_NS_MIN (50 * SIM_MS)
#define CLIENT_DEADLINE_NS_MAX SIM_S
#define CLIENT_DEADLINE_SPAN_NS_MAX                                                                \
    (8 * SIM_S) /* between the shortest of a world and the longest */

void sim_clients_draw_load(struct sim_clients *all)
{
    struct prng *p = &all->prng;
    struct sim_load *l = &all->load;
    l->clients = (uint32_t)sim_between(p, CLIENT_COUNT_MIN, SIM_CLIENTS_MAX);
    l->keys = (uint32_t)sim_between(p, 1, SIM_KEYS_MAX);
    l->pairs_max = (uint32_t)sim_between(p, 1, SIM_PAIRS_MAX);
    l->think_ns = l->clients * sim_between(p, CLIENT_THINK_NS_MIN, CLIENT_THINK_NS_MAX);
    l->deadline_ns_min = sim_between(p, CLIENT_DEADLINE_NS_MIN, CLIENT_DEADLINE_NS_MAX);
    l->deadline_ns_max = l->deadline_ns_min + sim_between(p, SIM_MS, CLIENT_DEADLINE_SPAN_NS_MAX);
    l->writes_percent =
        (uint32_t)sim_between(p, CLIENT_WRITES_PERCENT_MIN, CLIENT_WRITES_PERCENT_MAX);
    l->serializable_percent = (uint32_t)prng_below(p, CLIENT_SERIALIZABLE_PERCENT_MAX);
    l->once_percent = (uint32_t)prng_below(p, 3) * CLIENT_ONCE_PERCENT_STEP;
    l->large_one_in = sim_chance(p, 3) ? CLIENT_LARGE_ONE_IN : 0;
    l->huge = l->large_one_in != 0 && sim_chance(p, CLIENT_HUGE_ONE_IN);
    l->large_bytes_min = KIB;
    l->sticky = sim_chance(p, 2);
    if (all->world->options.quic && sim_chance(p, 2)) { /* many full packets, all the time */
        l->large_one_in =
            (uint32_t)sim_between(p, CLIENT_LARGE_ONE_IN_MIN, CLIENT_LARGE_ONE_IN_MAX);
        l->large_bytes_min = CLIENT_LARGE_BYTES;
        l->huge = false;
    }
}

/* Many kilobytes, now and then as many as a transaction of all the pairs may have: their bytes cost
 * more time than all the rest. */
static uint32_t large(struct prng *p, const struct sim_load *l, uint32_t pairs)
{
    uint32_t fits = KV_TXN_BYTES_MAX / pairs - SIM_TEXT_BYTES;
    uint32_t huge = fits < SIM_VALUE_BYTES_MAX ? fits : SIM_VALUE_BYTES_MAX;
    bool is_huge = l->huge && sim_chance(p, CLIENT_HUGE_ONE_IN);
    return (uint32_t)sim_between(p, l->large_bytes_min, is_huge ? huge : CLIENT_LARGE_BYTES_MAX);
}

void sim_client_draw(struct sim_client *c)
{
    struct sim_clients *all = &c->world->clients;
    const struct sim_load *l = &all->load;
    struct prng *p = &all->prng;
    c->op.writes = prng_below(p, 100) < l->writes_percent;
    c->op.serializable = !c->op.writes && prng_below(p, 100) < l->serializable_percent;
    c->doubtful = false;
    c->attempts = 0;
    c->op.attempts_max = 1;
    c->op.request = 0;
    c->op.pair_count = 1;
    c->op.key[0] = (uint32_t)prng_below(p, l->keys);
    if (!c->op.writes) {
        return;
    }
    uint32_t most = l->pairs_max < l->keys ? l->pairs_max : l->keys;
    c->op.pair_count = (uint32_t)sim_between(p, 1, most);
    for (uint32_t i = 1; i < c->op.pair_count; i++) {
        c->op.key[i] = (c->op.key[0] + i) % l->keys;
    }
    c->op.serial = ++all->serial;
    c->op.value_bytes = (uint32_t)sim_between(p, SIM_TEXT_BYTES, CLIENT_VALUE_BYTES_MAX);
    if (sim_chance(p, l->large_one_in)) {
        c->op.value_bytes = large(p, l, c->op.pair_count);
    }
    if (prng_below(p, 100) < l->once_percent) {
        c->op.request = c->op.serial;
        c->op.attempts_max = CLIENT_ATTEMPTS_MAX;
    }
}

void sim_client_reads(struct sim_client *c, uint32_t key)
{
    c->op.writes = false;
    c->op.serializable = false;
    c->op.pair_count = 1;
    c->op.key[0] = key;
    c->op.attempts_max = 1;
    c->op.request = 0;
}
