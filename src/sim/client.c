/* sim/client.c -- one operation after the other: think, pick a node, ask, take down the answer. */
#include "sim/client.h"

#include "base/panic.h"
#include "sim/world.h"

enum {
    CLIENT_TRIES_NODE = 4, /* nodes that are tried before it thinks again */
    CLIENT_ATTEMPTS_MAX = 12,
    CLIENT_LARGE_BYTES = 20 * 1000, /* more than the first window of a connection */
    CLIENT_COUNT_MIN = 2,
    CLIENT_WRITES_PERCENT_MIN = 20,
    CLIENT_WRITES_PERCENT_MAX = 80,
    CLIENT_SERIALIZABLE_PERCENT_MAX = 20,
    CLIENT_ONCE_PERCENT_STEP = 40, /* none, two fifths or four of the writes are repeated */
    CLIENT_LARGE_ONE_IN = 20,      /* in a third of the worlds */
    CLIENT_LARGE_ONE_IN_MIN = 2,   /* with many full packets */
    CLIENT_LARGE_ONE_IN_MAX = 8,
    CLIENT_VALUE_BYTES_MAX = 10 * SIM_TEXT_BYTES /* of a small one */
};
#define CLIENT_GRACE_NS (2 * SIM_S)    /* a node may be so late with its answer */
#define CLIENT_AGAIN_NS (200 * SIM_MS) /* mean of the time until a write is asked elsewhere */
/* Times the number of clients: the world as a whole sees two to ten operations a second, which the
 * history can be searched for. */
#define CLIENT_THINK_NS_MIN (100 * SIM_MS)
#define CLIENT_THINK_NS_MAX (600 * SIM_MS)
#define CLIENT_DEADLINE_NS_MIN (50 * SIM_MS)
#define CLIENT_DEADLINE_NS_MAX SIM_S
#define CLIENT_DEADLINE_SPAN_NS_MAX                                                                \
    (8 * SIM_S) /* between the shortest of a world and the longest */

/* ---- the history ---- */

static void note(struct sim_client *c, uint32_t pair, enum history_event event, uint64_t serial,
                 int64_t revision)
{
    struct sim_world *w = c->world;
    char key[SIM_TEXT_BYTES];
    char value[SIM_TEXT_BYTES];
    struct history_row row = { .t_ns = w->now_ns,
                               .process = c->index * SIM_PAIRS_MAX + pair,
                               .event = event,
                               .op = c->writes ? HISTORY_PUT : HISTORY_GET,
                               .key = sim_key_text(c->key[pair], key),
                               .revision = revision };
    if (serial != 0) {
        row.value = sim_serial_text(serial, value);
    }
    if (!c->serializable && history_add(&w->clients.history, &row) != ERR_OK) {
        sim_world_fail(w, "the history is full");
    }
}

static void note_all(struct sim_client *c, enum history_event event, int64_t revision)
{
    for (uint32_t i = 0; i < c->pair_count; i++) {
        note(c, i, event, c->writes ? c->serial : 0, revision);
    }
}

/* ---- the end of an operation ---- */

static void think(struct sim_client *c, uint64_t wait_ns);
static void attempt(struct sim_client *c);

static void finish(struct sim_client *c)
{
    struct sim_clients *all = &c->world->clients;
    if (c->due != NULL) {
        sim_world_drop(c->world, c->due);
        c->due = NULL;
    }
    c->asked = NULL;
    c->state = SIM_CLIENT_RESTS;
    if (!all->resting) {
        think(c, sim_wait(&all->prng, all->load.think_ns));
    }
}

static void again_due(struct sim_world *w, struct sim_event *e)
{
    struct sim_client *c = &w->clients.client[e->a];
    c->due = NULL;
    attempt(c);
}

/* It did not take effect, or nobody knows. With a request id it is asked again. */
static void failed(struct sim_client *c, bool unknown)
{
    struct sim_clients *all = &c->world->clients;
    c->doubtful = c->doubtful || unknown;
    c->asked = NULL;
    if (c->writes && c->request != 0 && c->attempts < c->attempts_max) {
        if (c->due != NULL) {
            sim_world_drop(c->world, c->due);
        }
        c->due = sim_world_at(c->world, c->world->now_ns + sim_wait(&all->prng, CLIENT_AGAIN_NS),
                              again_due);
        c->due->a = c->index;
        return;
    }
    bool open = c->writes && c->doubtful;
    note_all(c, open ? HISTORY_INFO : HISTORY_FAIL, 0);
    all->writes_unknown += open;
    all->writes_failed += c->writes && !open;
    all->reads_failed += !c->writes;
    sim_world_tell(c->world, 0, open ? "client: unknown" : "client: failed", c->index, c->serial);
    finish(c);
}

static bool not_done(enum err e)
{
    return e != ERR_OUTCOME_UNKNOWN;
}

static void write_done(struct sim_client *c, const struct service_reply *reply)
{
    if (reply->code != ERR_OK) {
        failed(c, !not_done(reply->code));
        return;
    }
    if (reply->revision <= 1) {
        sim_world_fail(c->world, "a write was acknowledged with revision %lld",
                       (long long)reply->revision);
    }
    sim_judge_value(&c->world->judge, reply->revision, c->serial);
    note_all(c, HISTORY_OK, reply->revision);
    c->world->clients.writes_ok++;
    sim_world_tell(c->world, 0, "client: written", c->index, (uint64_t)reply->revision);
    finish(c);
}

static void read_done(struct sim_client *c, const struct service_reply *reply)
{
    bool found = reply->code == ERR_OK;
    uint64_t serial = found ? sim_value_serial(reply->record.value) : 0;
    if (!found && reply->code != ERR_NOT_FOUND) {
        failed(c, false);
        return;
    }
    if (found && (serial == 0 || serial > c->world->clients.serial)) {
        sim_world_fail(c->world, "a read returned bytes that nobody wrote");
    }
    if (found) {
        sim_judge_record(&c->world->judge, c->key[0], serial, &reply->record);
    }
    note(c, 0, HISTORY_OK, serial, found ? reply->record.mod_revision : 0);
    c->world->clients.reads_ok++;
    sim_world_tell(c->world, 0, "client: read", c->index, serial);
    finish(c);
}

static void call_done(struct service_call *call, const struct service_reply *reply)
{
    struct sim_client *c = CONTAINER_OF(call, struct sim_client, call);
    struct sim_host *h = c->asked;
    if (h == NULL || h->life != c->life || !sim_host_boundary(h)) {
        return; /* the node died before the answer left it: sim_clients_lost knows */
    }
    sim_judge_reply(&c->world->judge, h, c->writes, reply);
    if (c->writes && reply->code == ERR_OK) {
        sim_fault_moment(&c->world->faults, h, SIM_MOMENT_ANSWER);
    }
    if (c->writes) {
        write_done(c, reply);
    } else {
        read_done(c, reply);
    }
}

void sim_clients_lost(struct sim_clients *all, struct sim_host *h)
{
    for (uint32_t i = 0; i < all->load.clients; i++) {
        struct sim_client *c = &all->client[i];
        if (c->asked == h) {
            failed(c, true);
        }
    }
}

/* The node has had all the time it asked for, and more. */
static void patience_due(struct sim_world *w, struct sim_event *e)
{
    struct sim_client *c = &w->clients.client[e->a];
    struct sim_host *h = c->asked;
    c->due = NULL;
    ASSERT(h != NULL);
    bool slow = h->turn_ns > SIM_MS || h->paused_until_ns + CLIENT_GRACE_NS > w->now_ns;
    if (h->state == SIM_HOST_UP && !slow && c->patience_ns <= sim_host_local(h)) {
        sim_world_fail(w, "node %llu left a call of client %u without an answer",
                       (unsigned long long)h->id, c->index);
        return;
    }
    c->due = sim_world_at(w, w->now_ns + CLIENT_GRACE_NS, patience_due);
    c->due->a = c->index;
}

/* ---- asking ---- */

static enum err call(struct sim_client *c, struct sim_host *h)
{
    struct sim_clients *all = &c->world->clients;
    char key[SIM_PAIRS_MAX][SIM_TEXT_BYTES];
    struct service_pair pairs[SIM_PAIRS_MAX];
    struct service *s = node_service(h->node);
    if (!c->writes) {
        return s->table->read(s, sim_key_text(c->key[0], key[0]),
                              c->serializable ? SERVICE_SERIALIZABLE : SERVICE_LINEARIZABLE,
                              &c->call);
    }
    struct bytes value = sim_value_make(c->serial, all->filling, c->value_bytes);
    for (uint32_t i = 0; i < c->pair_count; i++) {
        pairs[i] = (struct service_pair){ sim_key_text(c->key[i], key[i]), value };
    }
    return s->table->write(s, pairs, c->pair_count, &c->call);
}

static struct sim_host *pick(struct sim_client *c)
{
    struct sim_clients *all = &c->world->clients;
    struct sim_world *w = c->world;
    for (int i = 0; i < CLIENT_TRIES_NODE; i++) {
        uint64_t at = all->load.sticky && i == 0 && c->attempts <= 1
                          ? c->index % w->node_count
                          : prng_below(&all->prng, w->node_count);
        struct sim_host *h = &w->host[at];
        if ((all->core >> at & 1u) != 0 && sim_host_enter(h)) {
            return h;
        }
    }
    return NULL;
}

static void ask(struct sim_client *c, struct sim_host *h)
{
    struct sim_clients *all = &c->world->clients;
    uint64_t local = sim_host_local(h);
    uint64_t span = sim_between(&all->prng, all->load.deadline_ns_min, all->load.deadline_ns_max);
    c->call = (struct service_call){ .done = call_done, .deadline_ns = local + span };
    c->call.client = c->request != 0 ? c->index + 1 : 0;
    c->call.sequence = c->request;
    c->asked = h;
    c->life = h->life;
    c->patience_ns = local + span + CLIENT_GRACE_NS;
    c->due = sim_world_at(c->world, c->world->now_ns + span + CLIENT_GRACE_NS, patience_due);
    c->due->a = c->index;
    enum err e = call(c, h);
    if (e != ERR_OK) {
        failed(c, false); /* it was not begun */
    }
    sim_host_leave(h);
}

static void attempt(struct sim_client *c)
{
    struct sim_host *h = pick(c);
    c->attempts++;
    if (h == NULL) {
        failed(c, false);
        return;
    }
    ask(c, h);
}

/* What the next operation is. */
static void draw(struct sim_client *c)
{
    struct sim_clients *all = &c->world->clients;
    const struct sim_load *l = &all->load;
    struct prng *p = &all->prng;
    c->writes = prng_below(p, 100) < l->writes_percent;
    c->serializable = !c->writes && prng_below(p, 100) < l->serializable_percent;
    c->doubtful = false;
    c->attempts = 0;
    c->attempts_max = 1;
    c->request = 0;
    c->pair_count = 1;
    c->key[0] = (uint32_t)prng_below(p, l->keys);
    if (!c->writes) {
        return;
    }
    uint32_t most = l->pairs_max < l->keys ? l->pairs_max : l->keys;
    c->pair_count = (uint32_t)sim_between(p, 1, most);
    for (uint32_t i = 1; i < c->pair_count; i++) {
        c->key[i] = (c->key[0] + i) % l->keys;
    }
    c->serial = ++all->serial;
    c->value_bytes = (uint32_t)sim_between(p, SIM_TEXT_BYTES, CLIENT_VALUE_BYTES_MAX);
    if (sim_chance(p, l->large_one_in)) {
        c->value_bytes = (uint32_t)sim_between(p, l->large_bytes_min, SIM_VALUE_BYTES_MAX);
    }
    if (prng_below(p, 100) < l->once_percent) {
        c->request = c->serial;
        c->attempts_max = CLIENT_ATTEMPTS_MAX;
    }
}

/* It is written down, with what it may come to. */
static void begin(struct sim_client *c)
{
    c->state = SIM_CLIENT_WAITS;
    note_all(c, HISTORY_INV, 0);
    if (c->writes) {
        sim_judge_write(&c->world->judge, c->serial, c->key, c->pair_count);
    }
}

static void think_due(struct sim_world *w, struct sim_event *e)
{
    struct sim_client *c = &w->clients.client[e->a];
    c->due = NULL;
    draw(c);
    begin(c);
    attempt(c);
}

static void think(struct sim_client *c, uint64_t wait_ns)
{
    c->state = SIM_CLIENT_THINKS;
    c->due = sim_world_at(c->world, c->world->now_ns + wait_ns, think_due);
    c->due->a = c->index;
}

void sim_clients_rush(struct sim_clients *all, struct sim_host *h)
{
    for (uint32_t i = 0; i < all->load.clients; i++) {
        struct sim_client *c = &all->client[i];
        if (c->state == SIM_CLIENT_THINKS && sim_chance(&all->prng, 2) && sim_host_enter(h)) {
            sim_world_drop(c->world, c->due);
            c->due = NULL;
            draw(c);
            c->attempts = 1;
            begin(c);
            ask(c, h);
        }
    }
}

bool sim_clients_ask(struct sim_clients *all, uint32_t client, uint32_t host, bool write,
                     uint32_t key)
{
    struct sim_client *c = &all->client[client];
    if (c->state != SIM_CLIENT_RESTS || !sim_host_enter(&c->world->host[host])) {
        return false;
    }
    draw(c);
    c->writes = write;
    c->serializable = false;
    c->pair_count = 1;
    c->key[0] = key;
    c->attempts_max = 1;
    c->request = write ? c->request : 0;
    if (write && c->request == 0) {
        c->serial = ++all->serial;
        c->value_bytes = SIM_TEXT_BYTES;
    }
    c->attempts = 1;
    begin(c);
    ask(c, &c->world->host[host]);
    return true;
}

/* ---- all of them ---- */

void sim_clients_start(struct sim_clients *all)
{
    all->resting = false;
    for (uint32_t i = 0; i < all->load.clients; i++) {
        if (all->client[i].state == SIM_CLIENT_RESTS) {
            think(&all->client[i], sim_wait(&all->prng, all->load.think_ns));
        }
    }
}

void sim_clients_rest(struct sim_clients *all)
{
    all->resting = true;
    for (uint32_t i = 0; i < all->load.clients; i++) {
        struct sim_client *c = &all->client[i];
        if (c->state == SIM_CLIENT_THINKS) {
            sim_world_drop(c->world, c->due);
            c->due = NULL;
            c->state = SIM_CLIENT_RESTS;
        }
    }
}

uint32_t sim_clients_busy(const struct sim_clients *all)
{
    uint32_t busy = 0;
    for (uint32_t i = 0; i < all->load.clients; i++) {
        busy += all->client[i].state == SIM_CLIENT_WAITS;
    }
    return busy;
}

static void draw_load(struct sim_clients *all)
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
    l->large_bytes_min = KIB;
    l->sticky = sim_chance(p, 2);
    if (all->world->options.quic && sim_chance(p, 2)) { /* many full packets, all the time */
        l->large_one_in =
            (uint32_t)sim_between(p, CLIENT_LARGE_ONE_IN_MIN, CLIENT_LARGE_ONE_IN_MAX);
        l->large_bytes_min = CLIENT_LARGE_BYTES;
    }
}

void sim_clients_init(struct sim_clients *all, struct sim_world *w, uint64_t seed)
{
    all->world = w;
    all->core = UINT64_MAX;
    prng_seed(&all->prng, seed);
    history_init(&all->history, &w->mem);
    draw_load(all);
    for (uint32_t i = 0; i < SIM_CLIENTS_MAX; i++) {
        all->client[i].world = w;
        all->client[i].index = i;
        all->client[i].state = SIM_CLIENT_RESTS;
    }
}

void sim_clients_done(struct sim_clients *all)
{
    history_done(&all->history);
}
