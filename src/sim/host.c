/* sim/host.c -- processes of a node: start, step, stop, crash; the machine's own idea of time. */
#include "sim/host.h"

#include "base/panic.h"
#include "net/identity.h"
#include "sim/world.h"

enum {
    HOST_RATE_ONE = 1024,
    HOST_SEGMENT_BYTES = 256 * KIB, /* or twice that: the usual size costs too much time */
    HOST_INFLIGHT_MAX = 8,          /* of hostile bounds, each from 1 on */
    HOST_APPEND_BYTES_MAX = 4 * KIB,
    HOST_BATCH_MAX = 16,
    HOST_APPLY_MAX = 16,
    HOST_ROUNDS_MAX = 4,
    HOST_SNAP_ENTRIES_MAX = 256,
    HOST_KEEP_ENTRIES_MAX = 128,
    HOST_CACHE_BYTES_MAX = 16 * KIB,
    HOST_OVERLAY_BYTES_MIN = 4 * KIB,
    HOST_OVERLAY_BYTES_MAX = 256 * KIB,
    HOST_TURNS_MAX = 200000, /* in a second: ten times what a flood takes */
    HOST_TURN_DOUBLINGS = 9  /* fewer than so many: a turn takes up to 256 us */
};
#define HOST_CLOCK_NS_MAX (1000 * SIM_S) /* how far a machine's clock may be ahead at first */
#define HOST_MEM_BYTES (640ull * MIB)    /* a bound: a link's and a loop's */
#define HOST_DISK_BYTES (512ull * MIB)

/* ---- time ---- */

uint64_t sim_host_local(const struct sim_host *h)
{
    return h->base_local_ns + (h->world->now_ns - h->base_world_ns) * h->rate / HOST_RATE_ONE;
}

static uint64_t world_of(const struct sim_host *h, uint64_t local_ns)
{
    uint64_t ahead = local_ns > h->base_local_ns ? local_ns - h->base_local_ns : 0;
    return h->base_world_ns + (ahead * HOST_RATE_ONE + h->rate - 1) / h->rate;
}

static void rebase(struct sim_host *h)
{
    h->base_local_ns = sim_host_local(h);
    h->base_world_ns = h->world->now_ns;
}

/* ---- waking ---- */

static void wake_due(struct sim_world *w, struct sim_event *e);

static void arm(struct sim_host *h)
{
    struct sim_world *w = h->world;
    uint64_t next = h->node != NULL ? sim_loop_next(&h->loop) : UINT64_MAX;
    if (next == UINT64_MAX) {
        if (h->wake != NULL) {
            sim_world_drop(w, h->wake);
            h->wake = NULL;
        }
        return;
    }
    uint64_t at = world_of(h, next);
    uint64_t least = h->ran_ns + h->turn_ns;
    at = at > least ? at : least;
    at = at > w->now_ns ? at : w->now_ns;
    uint64_t woken = h->paused_until_ns + h->turn_ns; /* who waited for it is heard first */
    at = at > woken ? at : woken;
    if (h->wake == NULL) {
        h->wake = sim_world_at(w, at, wake_due);
        h->wake->ptr = h;
    } else if (h->wake_ns != at) {
        enum err err = heap_set(&w->queue, &h->wake->item, at);
        ASSERT(err == ERR_OK); /* it is inside */
    }
    h->wake_ns = at;
}

/* A node that goes on and on, and waits for nothing, takes a whole core. */
static void judge_rest(struct sim_host *h)
{
    if (h->ran_ns - h->busy_ns >= SIM_S) {
        h->busy_ns = h->ran_ns;
        h->turns = 0;
    }
    if (++h->turns > HOST_TURNS_MAX) {
        sim_world_fail(h->world, "node %llu does not come to rest: %d turns in a second",
                       (unsigned long long)h->id, HOST_TURNS_MAX);
    }
}

static void wake_due(struct sim_world *w, struct sim_event *e)
{
    struct sim_host *h = e->ptr;
    h->wake = NULL;
    if (sim_host_enter(h)) {
        h->ran_ns = w->now_ns;
        judge_rest(h);
        sim_loop_run(&h->loop, h->loop.now_ns);
        sim_judge_office(&w->judge, h);
        sim_host_leave(h);
    } else {
        arm(h);
    }
}

bool sim_host_enter(struct sim_host *h)
{
    uint64_t now = sim_host_local(h);
    if (h->state != SIM_HOST_UP || h->paused_until_ns > h->world->now_ns) {
        return false;
    }
    h->loop.now_ns = now > h->loop.now_ns ? now : h->loop.now_ns;
    return true;
}

void sim_host_poke(struct sim_host *h)
{
    arm(h);
}

/* ---- the end of a process ---- */

static void bury(struct sim_host *h, const char *how)
{
    sim_clients_lost(&h->world->clients, h);
    sim_flood_lost(&h->world->flood, h);
    sim_admin_lost(&h->world->admin, h);
    sim_look_dying(&h->world->look, h);
    node_close(h->node);
    h->node = NULL;
    h->state = SIM_HOST_DOWN;
    sim_loop_done(&h->loop);
    ASSERT(h->mem.used == 0);
    arm(h);
    sim_look_gone(&h->world->look, h);
    sim_world_tell(h->world, h->id, how, h->process, (uint64_t)h->reason);
}

/* The disk goes on with all that was written to it, or with what a power cut leaves of that. */
static void disk_next(struct sim_host *h)
{
    if (h->spared) {
        sim_disk_survive(&h->disk);
    } else {
        sim_disk_restart(&h->disk);
    }
    h->spared = false;
}

static void cut_short(struct sim_host *h, const char *how)
{
    h->crashed = true;
    h->disk.down = true;
    bury(h, how);
    disk_next(h);
}

bool sim_host_wiped(struct sim_host *h)
{
    struct node_look look;
    struct raft_status s;
    if (!h->wiped || h->state != SIM_HOST_UP) {
        return h->wiped;
    }
    node_look(h->node, &look);
    raft_status(look.core, &s);
    bool decided = s.conf.index != 0 && s.committed_conf_index == s.conf.index &&
                   s.commit >= s.conf.index && s.conf.outgoing_count == 0;
    h->wiped = !decided || raft_conf_life(&s.conf, h->id) != s.life;
    return h->wiped;
}

bool sim_host_whole(struct sim_host *h)
{
    return !h->damaged && !h->restored && !sim_host_wiped(h);
}

bool sim_host_owes(const struct sim_host *h, uint64_t patience_ns)
{
    bool slow = h->turn_ns > SIM_MS || h->paused_until_ns + SIM_HOST_GRACE_NS > h->world->now_ns;
    return h->state == SIM_HOST_UP && !slow && patience_ns <= sim_host_local(h);
}

/* Whether a node may end with this reason, given what was done to its machine. */
static bool may_stop(const struct sim_host *h, enum err why)
{
    if ((h->damaged || h->disk.stale.given > h->stale_given) && why == ERR_CORRUPT) {
        return true;
    }
    if (h->reminded && why == ERR_OUTDATED) {
        return true;
    }
    bool disk = why == ERR_IO || why == ERR_SYNC_FAILED || why == ERR_NO_SPACE;
    return disk && h->disk_failed;
}

static void stopped(struct sim_host *h)
{
    if (!may_stop(h, h->reason)) {
        sim_world_fail(h->world, "node %llu stopped for no reason that was given to it: %s",
                       (unsigned long long)h->id, err_text(h->reason));
    }
    cut_short(h, "stops");
    h->state = SIM_HOST_STOPPED;
}

void sim_host_leave(struct sim_host *h)
{
    if (h->state != SIM_HOST_UP) {
        return;
    }
    if (h->crashed || h->disk.down) {
        cut_short(h, "crashes inside");
    } else if (h->dying) {
        stopped(h);
    } else {
        sim_look_node(&h->world->look, h);
        arm(h);
    }
}

/* ---- the beginning of a process ---- */

static void on_failed(void *arg, enum err why)
{
    struct sim_host *h = arg;
    h->dying = true;
    h->reason = why;
}

static void refused(struct sim_host *h, enum err why, const struct diag *diag)
{
    bool crashed = h->disk.down;
    h->reason = why;
    sim_loop_done(&h->loop);
    ASSERT(h->mem.used == 0);
    if (!crashed && !may_stop(h, why)) {
        sim_world_fail(h->world, "node %llu does not start: %s: %s", (unsigned long long)h->id,
                       err_text(why), diag->text);
    }
    disk_next(h);
    h->state = crashed ? SIM_HOST_DOWN : SIM_HOST_STOPPED;
    sim_world_tell(h->world, h->id, crashed ? "crashes inside" : "does not start", h->process,
                   (uint64_t)why);
}

/* A disk that was put back is as good as any other when it holds again as much as it did before.
 * And of what it lacks nobody reminds a node that has come to a later term by itself: a log may
 * have been truncated rightly there. */
static void look_back(struct sim_host *h)
{
    struct node_look look;
    struct raft_status s;
    const struct sim_seen *had = &h->world->look.had[h->index];
    if (!h->restored) {
        return;
    }
    node_look(h->node, &look);
    raft_status(look.core, &s);
    bool shorter = s.last < had->durable;
    bool revotes = had->vote != 0 && s.vote != had->vote;
    h->reminded = s.term < had->term || (s.term == had->term && (shorter || revotes));
    h->restored = shorter || h->reminded;
}

static struct node_options options_of(struct sim_host *h)
{
    struct node_options o = { .config = &h->config,
                              .logger = &h->logger,
                              .failed = on_failed,
                              .arg = h,
                              .bounds = h->bounds };
    o.seams.link_open = sim_net_open;
    if (h->world->options.quic) {
        o.seams.link_open = h->world->wire.tapped ? sim_tap_open : NULL;
    }
    o.seams.backing = &h->backing.base;
    o.seams.arg = h;
    return o;
}

bool sim_host_start_twice(struct sim_host *h)
{
    struct mem mem;
    struct sim_loop loop;
    struct node *second = NULL;
    struct diag diag = { 0 };
    uint64_t ops = h->disk.ops;
    if (h->state != SIM_HOST_UP) {
        return false;
    }
    struct node_options o = options_of(h);
    mem_init(&mem, "second", HOST_MEM_BYTES);
    sim_loop_init(&loop, &mem, &h->disk, h->process);
    enum err e = node_open(&loop.os, &o, &second, &diag);
    if (e != ERR_LOCKED || h->disk.ops != ops) {
        sim_world_fail(h->world, "node %llu is started twice: %s, %llu operations: %s",
                       (unsigned long long)h->id, err_text(e),
                       (unsigned long long)(h->disk.ops - ops), diag.text);
    }
    if (e == ERR_OK) {
        return true; /* what it holds goes with the world */
    }
    sim_loop_done(&loop);
    ASSERT(mem.used == 0);
    return true;
}

void sim_host_start(struct sim_host *h)
{
    struct diag diag = { 0 };
    if (h->state == SIM_HOST_UP) {
        return;
    }
    h->process++;
    h->crashed = false;
    h->dying = false;
    h->reason = ERR_OK;
    h->disk_failed =
        h->disk.full || h->disk.fault_at > h->disk.ops || h->disk.read_fault_at > h->disk.reads;
    h->stale_given = h->disk.stale.given;
    mem_init(&h->mem, "machine", HOST_MEM_BYTES);
    uint64_t job_ns_min = h->loop.job_ns_min;
    uint64_t job_ns_max = h->loop.job_ns_max;
    sim_loop_init(&h->loop, &h->mem, &h->disk, prng_next(&h->world->prng));
    if (job_ns_max != 0) {
        h->loop.job_ns_min = job_ns_min;
        h->loop.job_ns_max = job_ns_max;
    }
    h->loop.now_ns = sim_host_local(h);
    h->loop.wall_shift_ns = h->wall_shift_ns;
    struct node_options o = options_of(h);
    if (h->world->options.quic) {
        sim_wire_plug(&h->world->wire, h);
    }
    h->state = SIM_HOST_UP; /* while it opens, effects count */
    enum err e = node_open(&h->loop.os, &o, &h->node, &diag);
    if (e != ERR_OK) {
        h->node = NULL;
        refused(h, e, &diag);
        return;
    }
    sim_look_born(&h->world->look, h);
    look_back(h);
    sim_world_tell(h->world, h->id, "starts", h->process, 0);
    sim_host_leave(h);
}

/* ---- what is done to it ---- */

void sim_host_stop(struct sim_host *h)
{
    if (h->state == SIM_HOST_UP && sim_host_enter(h)) {
        node_stop(h->node);
        bury(h, "is stopped");
        if (h->disk.down) {
            disk_next(h);
        }
    }
}

void sim_host_crash(struct sim_host *h)
{
    if (h->state == SIM_HOST_UP) {
        cut_short(h, "crashes");
    }
}

void sim_host_crash_soon(struct sim_host *h, uint64_t effect)
{
    h->disk.crash_at = h->disk.ops + effect;
}

bool sim_host_boundary(struct sim_host *h)
{
    bool last = false;
    if (h->crashed || h->disk.down) {
        return false;
    }
    if (h->disk.fault_at == h->disk.ops + 1) {
        h->disk.fault_at++; /* an error planned for the disk is not for us: it comes later */
    }
    IGNORE(sim_disk_op(&h->disk, &last));
    if (last) {
        h->crashed = true;
        return prng_below(&h->world->prng, 2) == 0; /* it left just before, or it did not */
    }
    return true;
}

void sim_host_pause(struct sim_host *h, uint64_t until_ns)
{
    h->paused_until_ns = until_ns;
    arm(h);
}

void sim_host_rate(struct sim_host *h, uint32_t rate)
{
    rebase(h);
    h->rate = rate;
    arm(h);
}

void sim_host_jump(struct sim_host *h, uint64_t ns)
{
    rebase(h);
    h->base_local_ns += ns;
    arm(h);
}

void sim_host_wall(struct sim_host *h, int64_t shift_ns)
{
    h->wall_shift_ns = shift_ns;
    h->loop.wall_shift_ns = shift_ns;
}

/* ---- set-up ---- */

static uint64_t world_time(void *arg)
{
    return ((struct sim_host *)arg)->world->now_ns;
}

static void log_line(void *arg, struct bytes line)
{
    struct sim_host *h = arg;
    if (h->world->options.node_log != NULL) {
        fwrite(line.data, 1, line.count, h->world->options.node_log);
    }
}

static void seed_of(uint64_t id, uint8_t out[CONFIG_SECRET_BYTES])
{
    memset(out, (int)id, CONFIG_SECRET_BYTES);
}

void sim_host_key(uint32_t index, struct node_key *out)
{
    struct identity who;
    uint8_t seed[CONFIG_SECRET_BYTES];
    seed_of(index + 1, seed);
    identity_from_seed(seed, &who);
    *out = who.key;
    identity_done(&who);
}

static void configure(struct sim_host *h)
{
    struct sim_world *w = h->world;
    struct config *c = &h->config;
    c->node_id = h->id;
    snprintf(c->data_dir, sizeof c->data_dir, "n%llu", (unsigned long long)h->id);
    c->layer[CONFIG_DATA_DIR] = CONFIG_LAYER_FLAG;
    c->storage_backend = CONFIG_STORAGE_DURABLE;
    snprintf(c->cookie, sizeof c->cookie, "simulation");
    c->election_timeout_min_ms = (uint32_t)(w->election_ns_min / SIM_MS);
    c->election_timeout_max_ms = (uint32_t)(w->election_ns_max / SIM_MS);
    c->heartbeat_interval_ms = (uint32_t)(w->heartbeat_ns / SIM_MS);
    c->auto_rejoin = true;
    c->lease_reads = w->drift_ppm != 0;
    c->max_clock_drift_ppm = w->drift_ppm;
    c->secret_key_set = true;
    seed_of(h->id, c->secret_key);
    c->log_level = LOGGER_WARN;
    c->bind.count = 1; /* not asked for at the message level */
    c->bind.addr[0] = sim_host_addr(h->index);
    if (h->index % 2 == 0) {
        memset(c->bind.addr[0].ip, 0, sizeof c->bind.addr[0].ip); /* all addresses of the machine */
    }
    for (uint32_t i = 0; i < w->node_count; i++) {
        struct peers_entry *p = &c->peers.entry[c->peers.count++];
        p->id = i + 1;
        p->key = w->key[i];
        p->addr_count = 1;
        p->addr[0] = sim_host_addr(i);
    }
}

struct os_addr sim_host_addr(uint32_t index)
{
    return (struct os_addr){ .family = 4,
                             .ip = { 10, 0, 0, (uint8_t)(index + 1) },
                             .port = SIM_HOST_PORT };
}

/* A third of the machines have the bounds of every day, a third small ones, and a third small ones
 * for batches and appends too. */
static void draw_bounds(struct sim_host *h)
{
    struct prng *p = &h->world->prng;
    struct node_bounds *b = &h->bounds;
    uint64_t hostile = prng_below(p, 3);
    b->segment_bytes = (uint32_t)HOST_SEGMENT_BYTES << prng_below(p, 2);
    b->inflight_messages = (uint32_t)sim_between(p, 1, HOST_INFLIGHT_MAX);
    b->append_bytes = (uint32_t)sim_between(p, 1, HOST_APPEND_BYTES_MAX);
    b->batch_operations = (uint32_t)sim_between(p, 1, HOST_BATCH_MAX);
    b->apply_entries = (uint32_t)sim_between(p, 1, HOST_APPLY_MAX);
    b->actor_rounds = (uint32_t)sim_between(p, 1, HOST_ROUNDS_MAX);
    b->log_cache_bytes = (uint32_t)sim_between(p, 1, HOST_CACHE_BYTES_MAX);
    b->overlay_bytes = (uint32_t)sim_between(p, HOST_OVERLAY_BYTES_MIN, HOST_OVERLAY_BYTES_MAX);
    b->snap_entries = (uint32_t)sim_between(p, 1, HOST_SNAP_ENTRIES_MAX);
    b->keep_entries = (uint32_t)sim_between(p, 1, HOST_KEEP_ENTRIES_MAX);
    h->usual_turn_ns = SIM_TURN_NS << (hostile == 0 ? 0 : prng_below(p, HOST_TURN_DOUBLINGS));
    h->turn_ns = h->usual_turn_ns;
    if (h->world->clients.load.huge) {
        b->segment_bytes = 0; /* an entry has to fit in one */
    }
    if (hostile == 0) {
        *b = (struct node_bounds){ .segment_bytes = b->segment_bytes };
    } else if (hostile == 1) {
        b->append_bytes = 0;
        b->batch_operations = 0;
    }
}

void sim_host_init(struct sim_host *h, struct sim_world *w, uint32_t index)
{
    struct logger_sink sink = { log_line, world_time, world_time, h };
    memset(h, 0, sizeof *h);
    h->world = w;
    h->index = index;
    h->id = index + 1;
    h->rate = HOST_RATE_ONE;
    h->base_world_ns = w->now_ns;
    h->base_local_ns = w->now_ns + prng_below(&w->prng, HOST_CLOCK_NS_MAX);
    mem_init(&h->disk_mem, "disk", HOST_DISK_BYTES);
    sim_disk_init(&h->disk, &h->disk_mem, prng_next(&w->prng));
    sim_backing_init(&h->backing, &h->disk_mem, &h->disk);
    logger_init(&h->logger, LOGGER_WARN, LOGGER_FORMAT_TEXT, h->id, &sink);
    configure(h);
    draw_bounds(h);
}

void sim_host_done(struct sim_host *h)
{
    if (h->state == SIM_HOST_UP) {
        h->crashed = true;
        h->disk.down = true;
        sim_clients_lost(&h->world->clients, h);
        sim_flood_lost(&h->world->flood, h);
        sim_admin_lost(&h->world->admin, h);
        node_close(h->node);
        sim_loop_done(&h->loop);
    }
    if (h->wake != NULL) {
        sim_world_drop(h->world, h->wake);
    }
    sim_backing_done(&h->backing);
    sim_disk_done(&h->disk);
}
