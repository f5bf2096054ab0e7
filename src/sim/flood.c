/* sim/flood.c -- asking thousands of times, and taking down that each was answered. */
#include "sim/flood.h"

#include "base/panic.h"
#include "sim/world.h"

enum {
    FLOOD_LARGE_ONE_IN = 4,
    FLOOD_SMALL_CALLS_MIN = 200,
    FLOOD_SMALL_CALLS_MAX = 3000,
    FLOOD_LARGE_CALLS_MIN = 9000, /* more than a mailbox holds */
    FLOOD_AT_ONCE_ONE_IN = 2,
    FLOOD_SLICES = 50,
    FLOOD_KEY = 1000 /* none of the clients' */
};
#define FLOOD_SLICE_NS_MIN (2 * SIM_MS)
#define FLOOD_SLICE_NS_MAX (20 * SIM_MS)
#define FLOOD_DEADLINE_NS_MIN (500 * SIM_MS)
#define FLOOD_DEADLINE_NS_MAX (5 * SIM_S)

static void end(struct sim_flood *f)
{
    sim_world_tell(f->world, f->host->id, "flood is over", f->done, f->refused);
    mem_free(&f->world->mem, f->call);
    f->call = NULL;
    f->host = NULL;
}

static void call_done(struct service_call *call, const struct service_reply *reply)
{
    struct sim_flood_call *c = (struct sim_flood_call *)call;
    struct sim_flood *f = c->flood;
    struct sim_judge *j = &f->world->judge;
    if (!c->pending || !sim_host_boundary(f->host)) {
        return; /* the node died before the answer left it: sim_flood_lost knows */
    }
    c->pending = false;
    f->pending--;
    f->done += reply->code == ERR_OK;
    sim_judge_reply(j, f->host, c->serial != 0, reply);
    if (reply->code != ERR_OK) {
        return;
    }
    bool wrote = c->serial != 0;
    uint64_t serial = wrote ? c->serial : sim_value_serial(reply->record.value);
    if (serial == 0 || serial > f->world->clients.serial) {
        sim_world_fail(f->world, "a read of a flood returned bytes that nobody wrote");
        return;
    }
    sim_judge_value(j, wrote ? reply->revision : reply->record.mod_revision, serial);
}

static enum err ask(struct sim_flood *f, struct sim_flood_call *c)
{
    char key[SIM_TEXT_BYTES];
    uint8_t value[SIM_TEXT_BYTES];
    struct service *s = node_service(f->host->node);
    c->flood = f;
    c->pending = true;
    c->call.done = call_done;
    c->call.deadline_ns = sim_host_local(f->host) + f->deadline_ns;
    if (prng_below(&f->prng, 100) >= f->writes_percent) {
        return s->table->read(s, sim_key_text(FLOOD_KEY, key), SERVICE_LINEARIZABLE, &c->call);
    }
    c->serial = ++f->world->clients.serial;
    sim_judge_write(&f->world->judge, c->serial, NULL, 0);
    struct service_pair pair = { sim_key_text(FLOOD_KEY, key),
                                 sim_value_make(c->serial, value, sizeof value) };
    return s->table->write(s, &pair, 1, &c->call);
}

static bool lives(const struct sim_flood *f)
{
    return f->host->state == SIM_HOST_UP && f->host->process == f->process;
}

/* The node has had all the time it asked for, and more. */
static void patience_due(struct sim_world *w, struct sim_event *e)
{
    struct sim_flood *f = &w->flood;
    const struct sim_host *h = f->host;
    (void)e;
    if (f->pending == 0 || !lives(f)) {
        end(f);
        return;
    }
    if (sim_host_owes(h, f->patience_ns)) {
        sim_world_fail(w, "node %llu left %u calls of a flood without an answer",
                       (unsigned long long)h->id, f->pending);
    }
    sim_world_at(w, w->now_ns + SIM_HOST_GRACE_NS, patience_due);
}

/* What could not be asked of a node that sleeps is asked when it wakes up, all at once. */
static void slice_due(struct sim_world *w, struct sim_event *e)
{
    struct sim_flood *f = &w->flood;
    struct sim_host *h = f->host;
    uint32_t to = f->asked + (f->count + f->slice - 1) / f->slice;
    to = f->over ? f->asked : to < f->count ? to : f->count;
    if (lives(f) && to > f->asked && !sim_host_enter(h)) {
        sim_world_at(w, h->paused_until_ns, slice_due)->n = e->n;
        return;
    }
    for (; lives(f) && f->asked < to && !h->crashed && !h->disk.down; f->asked++) {
        struct sim_flood_call *c = &f->call[f->asked];
        f->pending++;
        if (ask(f, c) != ERR_OK && c->pending) {
            c->pending = false; /* it was not begun */
            f->pending--;
            f->refused++;
        }
    }
    f->patience_ns = sim_host_local(h) + f->deadline_ns + SIM_HOST_GRACE_NS;
    bool more = lives(f) && to > 0 && f->asked < f->count && !f->over;
    sim_host_leave(h);
    if (more) {
        sim_world_at(w, w->now_ns + e->n, slice_due)->n = e->n;
    } else {
        sim_world_at(w, w->now_ns + f->deadline_ns + SIM_HOST_GRACE_NS, patience_due);
    }
}

bool sim_flood_start(struct sim_flood *f, struct sim_host *h)
{
    struct prng *p = &f->prng;
    bool large = sim_chance(p, FLOOD_LARGE_ONE_IN);
    uint64_t count = large ? sim_between(p, FLOOD_LARGE_CALLS_MIN, SIM_FLOOD_CALLS_MAX)
                           : sim_between(p, FLOOD_SMALL_CALLS_MIN, FLOOD_SMALL_CALLS_MAX);
    if (f->host != NULL || f->total + count > SIM_FLOOD_WORLD_CALLS_MAX ||
        h->state != SIM_HOST_UP || sim_foreign_host(f->world, h)) {
        return false;
    }
    f->host = h;
    f->process = h->process;
    f->count = (uint32_t)count;
    f->total += count;
    f->asked = f->pending = 0;
    f->done = f->refused = 0;
    f->slice = sim_chance(p, FLOOD_AT_ONCE_ONE_IN) ? 1 : FLOOD_SLICES;
    f->writes_percent = (uint32_t)prng_below(p, 3) * 50;
    f->deadline_ns = sim_between(p, FLOOD_DEADLINE_NS_MIN, FLOOD_DEADLINE_NS_MAX);
    f->call = mem_alloc(&f->world->mem, count * sizeof *f->call);
    ASSERT(f->call != NULL);
    memset(f->call, 0, count * sizeof *f->call);
    sim_world_tell(f->world, h->id, "flood", count, f->writes_percent);
    sim_world_at(f->world, f->world->now_ns, slice_due)->n =
        sim_between(p, FLOOD_SLICE_NS_MIN, FLOOD_SLICE_NS_MAX);
    return true;
}

void sim_flood_stop(struct sim_flood *f)
{
    f->over = true;
}

void sim_flood_lost(struct sim_flood *f, const struct sim_host *h)
{
    for (uint32_t i = 0; f->host == h && i < f->count; i++) {
        f->call[i].pending = false;
    }
    f->pending = f->host == h ? 0 : f->pending;
}

void sim_flood_init(struct sim_flood *f, struct sim_world *w, uint64_t seed)
{
    f->world = w;
    prng_seed(&f->prng, seed);
}

void sim_flood_done(struct sim_flood *f)
{
    mem_free(&f->world->mem, f->call);
}
