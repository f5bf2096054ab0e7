/* node/bootstrap.c -- a node from nothing to ready, and back.
 *
 * Order: directory, identity, book, log, state machine, core, actors, link; closed in reverse, but
 *        the log before the state machine (close_storage says why)
 */
#include "base/mark.h"
#include "base/panic.h"
#include "net/identity.h"
#include "net/quic_link.h"
#include "node/boot_log.h"
#include "node/impl.h"

#include <stdio.h>
#include <stdlib.h>

#define STRAY_LINE_NS (10000 * NS_PER_MS) /* between log lines about strangers */
enum {
    STORE_MEM_BYTES = 768 * 1024 * 1024,
    OP_DATA_BYTES_MAX = 64 * 1024 * 1024,
    FRAME_BYTES_FIRST = 2 * BOOK_BYTES_MAX
};

/* ---- storage ---- */

enum err node_dir_open(struct node *n, const char *path, const char *inside, struct os_dir **out,
                       struct diag *diag)
{
    char text[CONFIG_PATH_BYTES_MAX + 8];
    if (path[0] == '\0') {
        snprintf(text, sizeof text, "%s/%s", n->config->data_dir, inside);
        path = text;
    }
    enum err e = os_dir_open(n->os, path, true, out);
    return e == ERR_OK ? e : diag_set(diag, e, "directory %s: %s", path, err_text(e));
}

static void on_durable(void *arg, uint64_t ticket, uint64_t index, uint64_t term)
{
    struct node *n = arg;
    n->durable_ticket = ticket;
    if (index != 0) {
        n->durable_index = index;
        n->durable_term = term;
    }
    n->durable_news = true;
    actor_poke(&n->raft_actor);
}

static void on_synced(void *arg, uint64_t took_ns)
{
    metrics_observe(&((struct node *)arg)->metrics, METRICS_APPEND_LATENCY, took_ns);
}

static void on_failed(void *arg, enum err e)
{
    struct node *n = arg;
    struct raft_event ev = { .type = RAFT_EV_DISK };
    struct node_step step = { 0 };
    logger_log(n->logger, LOGGER_ERROR, "the log failed", logger_err(e));
    if (n->core != NULL && !n->dead) {
        raft_actor_step(n, &ev, &step); /* a leader steps down before it goes */
    }
    node_fail(n, NODE_PART_RAFT, e, "the log failed");
}

/* While the log is read, for the core to begin with. */
static void on_found(void *arg, const struct log_entry *e)
{
    struct node *n = arg;
    boot_log_found(n->boot, e);
    if (e->kind == RAFT_ENTRY_CONF) {
        raft_effects_conf_seen(n, e);
    }
}

static void on_truncated(void *arg, uint64_t to)
{
    struct node *n = arg;
    boot_log_truncated(n->boot, to);
    mesh_members_gone(n, to);
}

static void on_installed(void *arg, uint64_t index, uint64_t term)
{
    struct node *n = arg;
    (void)index;
    (void)term;
    boot_log_installed(n->boot);
    mesh_members_gone(n, 0);
}

static enum err open_log(struct node *n, struct log_recovered *rec, struct diag *diag)
{
    bool in_memory = n->config->storage_backend == CONFIG_STORAGE_INMEMORY;
    struct log_options o = { .in_memory = in_memory,
                             .mem = &n->store_mem,
                             .votes = n->dir,
                             .cache_bytes = n->bounds.log_cache_bytes,
                             .segment_bytes = n->bounds.segment_bytes };
    struct log_handler h = { on_durable, on_failed, on_found,    on_truncated,
                             n,          on_synced, on_installed };
    memcpy(&o.salt, n->home.incarnation.b, sizeof o.salt);
    return log_open(n->os, n->log_dir, &o, &h, rec, &n->log, diag);
}

static enum err open_dir(struct node *n, struct diag *diag)
{
    const char *path = n->config->data_dir;
    uint64_t pid = 0;
    if (n->config->layer[CONFIG_DATA_DIR] == CONFIG_LAYER_DEFAULT) {
        struct os_dir *parent = NULL;
        TRY(os_dir_open(n->os, "./data", true, &parent)); /* the default's own parent */
        os_dir_close(parent);
    }
    enum err e = os_dir_open(n->os, path, true, &n->dir);
    if (e != ERR_OK) {
        return diag_set(diag, e, "data directory %s: %s", path, err_text(e));
    }
    e = os_dir_lock(n->dir, "LOCK", &pid);
    if (e == ERR_LOCKED) {
        return diag_set(diag, e, "data directory %s is in use by process %llu", path,
                        (unsigned long long)pid);
    }
    return e == ERR_OK ? e : diag_set(diag, e, "%s/LOCK: %s", path, err_text(e));
}

static enum err renew(struct node *n, struct diag *diag)
{
    const struct config *c = n->config;
    struct home_rest rest = { .log = n->log_dir };
    enum err e = node_dir_open(n, c->state_machine_path, "state", &rest.state, diag);
    e = e == ERR_OK ? node_dir_open(n, "", "snap", &rest.snaps, diag) : e;
    e = e == ERR_OK ? home_renew(n->os, n->dir, &rest, &n->home, diag) : e;
    if (rest.state != NULL) {
        os_dir_close(rest.state);
    }
    if (rest.snaps != NULL) {
        os_dir_close(rest.snaps);
    }
    if (e == ERR_OK && !n->home.fresh) {
        logger_log(n->logger, LOGGER_WARN, "neither vote nor log is here: another incarnation");
    }
    return e;
}

/* An identity alone is no life to go on with: what was promised in it is forgotten. */
static enum err open_log_dir(struct node *n, struct diag *diag)
{
    bool any = false;
    TRY(node_dir_open(n, n->config->log_path, "wal", &n->log_dir, diag));
    enum err e = log_any(n->log_dir, n->dir, &any);
    if (e != ERR_OK) {
        return diag_set(diag, e, "vote and log: %s", err_text(e));
    }
    return any ? ERR_OK : renew(n, diag);
}

static enum err open_home(struct node *n, struct diag *diag)
{
    struct identity id;
    if (n->config->secret_key_set) {
        memcpy(n->secret, n->config->secret_key, sizeof n->secret);
    } else {
        TRY(home_secret(n->os, n->dir, n->secret, diag));
    }
    identity_from_seed(n->secret, &id);
    enum err e = home_open(n->os, n->dir, n->config->node_id, &id.key, &n->home, diag);
    identity_done(&id);
    bool in_memory = n->config->storage_backend == CONFIG_STORAGE_INMEMORY;
    e = e == ERR_OK && !in_memory ? open_log_dir(n, diag) : e;
    memcpy(&n->life, n->home.incarnation.b, sizeof n->life);
    if (in_memory) {
        os_entropy(n->os, &n->life, sizeof n->life); /* its data ends with the process */
    }
    n->life += n->life == 0;
    return e;
}

/* ---- the core ---- */

enum err node_terms_forget(struct node *n, struct log_recovered *rec)
{
    const struct log_run *runs = NULL;
    uint32_t count = log_runs(n->log, &runs);
    if (count <= RAFT_TERM_RUNS_MAX / 2) {
        return ERR_OK;
    }
    uint64_t to = runs[count - RAFT_TERM_RUNS_MAX / 2].first - 1;
    to = to < n->kv.applied ? to : n->kv.applied;
    if (to < rec->first) {
        return ERR_OK;
    }
    MARK("node: a start leaves old terms behind");
    for (uint32_t i = 0; i < count && runs[i].first <= to; i++) {
        rec->before_term = runs[i].term;
    }
    rec->first = to + 1;
    return log_compact(n->log, to);
}

void node_core_config(struct node *n, struct raft_config *out)
{
    const struct config *c = n->config;
    memset(out, 0, sizeof *out);
    out->id = c->node_id;
    out->life = n->life;
    out->auto_rejoin = c->auto_rejoin;
    out->election_ns_min = c->election_timeout_min_ms * NS_PER_MS;
    out->election_ns_max = c->election_timeout_max_ms * NS_PER_MS;
    out->heartbeat_ns = c->heartbeat_interval_ms * NS_PER_MS;
    out->lease_reads = c->lease_reads;
    out->drift_ppm = c->max_clock_drift_ppm;
    out->inflight_max = n->bounds.inflight_messages;
    out->append_bytes_max = n->bounds.append_bytes;
    out->snap_entries = n->bounds.snap_entries;
    out->snap_bytes = NODE_SNAP_BYTES;
    os_entropy(n->os, &out->seed, sizeof out->seed);
}

static enum err open_core(struct node *n, const struct log_recovered *rec, struct diag *diag)
{
    const struct log_run *runs = NULL;
    uint32_t run_count = log_runs(n->log, &runs);
    if (run_count > 0 && runs[run_count - 1].term > rec->term) {
        return diag_set(diag, ERR_CORRUPT,
                        "vote: it says term %llu, but the log has entries of term %llu: the file "
                        "is older than the log. Restore this node from a peer",
                        (unsigned long long)rec->term,
                        (unsigned long long)runs[run_count - 1].term);
    }
    uint64_t entries = rec->last + 1 - rec->first;
    uint32_t size_count = entries < RAFT_SIZE_RING ? (uint32_t)entries : RAFT_SIZE_RING - 1;
    struct raft_run *raft_runs = mem_alloc(&n->mem, (run_count + 1) * sizeof *raft_runs);
    uint32_t *sizes = mem_alloc(&n->mem, (size_count + 1) * sizeof *sizes);
    struct raft_boot boot = { .now_ns = os_now(n->os), .term = rec->term, .vote = rec->vote };
    struct raft_config config;
    if (raft_runs == NULL || sizes == NULL) {
        mem_free(&n->mem, raft_runs);
        mem_free(&n->mem, sizes);
        return diag_set(diag, ERR_NO_MEMORY, "no memory to start consensus");
    }
    for (uint32_t i = 0; i < run_count; i++) {
        raft_runs[i] = (struct raft_run){ runs[i].first, runs[i].term };
    }
    boot_log_sizes(n->boot, rec->last, sizes, size_count);
    boot.restarted = rec->term > 0;
    boot.snap_index = rec->first - 1;
    boot.snap_term = rec->before_term;
    boot.last = rec->last;
    boot.applied = n->kv.applied;
    boot.made_index = n->kv.applied; /* what is on disk: a snapshot can be made of it */
    boot.made_term = n->kv.applied_term;
    boot.made_conf = n->state.conf;
    boot.run_count = run_count;
    boot.runs = raft_runs;
    boot.size_count = size_count;
    boot.sizes = sizes;
    boot_log_conf(n->boot, &n->state.conf, &boot);
    node_core_config(n, &config);
    n->out = mem_take(&n->mem, sizeof *n->out);
    enum err e = raft_init(mem_take(&n->mem, raft_size()), &config, &boot, &n->core);
    mem_free(&n->mem, raft_runs);
    mem_free(&n->mem, sizes);
    return e == ERR_OK ? e : diag_set(diag, e, "the log and the vote contradict each other");
}

static void open_memory(struct node *n)
{
    struct list *lists[] = { &n->writes,   &n->reads,   &n->waiting,   &n->inits,
                             &n->controls, &n->changes, &n->read_waits };
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
        list_init(lists[i]);
    }
    n->batch = mem_take(&n->mem, NODE_BATCH_MAX * sizeof *n->batch);
    n->batch_sizes = mem_take(&n->mem, NODE_BATCH_MAX * sizeof *n->batch_sizes);
    n->entries = mem_take(&n->mem, RAFT_APPEND_ENTRIES_MAX * sizeof *n->entries);
    n->received = mem_take(&n->mem, RAFT_APPEND_ENTRIES_MAX * sizeof *n->received);
    n->results = mem_take(&n->mem, NODE_RESULTS * sizeof *n->results);
    n->gated = mem_take(&n->mem, NODE_GATED_MAX * sizeof *n->gated);
    ring_init(&n->gated_ring, NODE_GATED_MAX);
    n->frame = mem_take(&n->mem, FRAME_BYTES_FIRST);
    n->frame_capacity = FRAME_BYTES_FIRST;
    n->book_bytes = mem_take(&n->mem, BOOK_BYTES_MAX);
    n->conf_room = mem_take(&n->mem, SNAP_CONF_BYTES_MAX);
    n->next_ticket = 1;
    map_init(&n->by_ticket, &n->mem, CALLS_MAX);
    n->ops = op_pool_open(&n->mem, OP_DATA_BYTES_MAX, backend_answered, forward_remote, n);
    os_timer_init(&n->raft_timer, raft_actor_due, n);
    os_timer_init(&n->expire_timer, housekeeping_expire, n);
    os_timer_init(&n->second_timer, housekeeping_second, n);
}

/* ---- the link ---- */

/* Anybody can send these by the million: one line now and then, with the number so far. */
static bool worth_a_line(struct node *n, enum quic_link_refusal what)
{
    uint64_t *told_ns = what == QUIC_LINK_REFUSED_GARBAGE ? &n->stray_told_ns
                        : what == QUIC_LINK_REFUSED_FULL  ? &n->full_told_ns
                                                          : NULL;
    uint64_t now = os_now(n->os);
    if (told_ns == NULL) {
        return true;
    }
    if (*told_ns != 0 && now - *told_ns < STRAY_LINE_NS) {
        return false;
    }
    *told_ns = now;
    return true;
}

static void on_notice(void *arg, const struct quic_link_notice *notice)
{
    struct node *n = arg;
    char text[OS_ADDR_TEXT_MAX] = "";
    if (!worth_a_line(n, notice->what)) {
        return;
    }
    if (notice->remote.family != 0) {
        os_addr_format(&notice->remote, text);
    }
    logger_log(n->logger, LOGGER_WARN, "peer refused",
               logger_text("why", quic_link_refusal_name(notice->what)),
               logger_text("remote", text), logger_u64("count", notice->count));
}

/* The port used before is asked for again, so that peers find the node where it was. */
static void bind_addrs(struct node *n, struct quic_link_options *o)
{
    for (uint32_t i = 0; i < n->config->bind.count && i < QUIC_LINK_BINDS_MAX; i++) {
        struct os_addr a = n->config->bind.addr[i];
        uint16_t before = n->book.udp_port[a.family == 6 ? 1 : 0];
        if (a.port == 0 && before != 0) {
            a.port = before;
        }
        o->bind[o->bind_count++] = a;
    }
}

static void note_ports(struct node *n)
{
    struct os_addr addrs[NODE_ADDRS_MAX];
    uint32_t count = link_addrs(n->link, addrs, NODE_ADDRS_MAX);
    struct book_entry *self = book_by_key(&n->book, &n->home.key);
    for (uint32_t i = 0; i < count; i++) {
        uint16_t *kept = &n->book.udp_port[addrs[i].family == 6 ? 1 : 0];
        n->book.dirty = n->book.dirty || *kept != addrs[i].port;
        *kept = addrs[i].port;
    }
    book_addrs_set(&n->book, self, addrs, count, os_wall(n->os));
}

static enum err dial_known(struct node *n, struct diag *diag)
{
    for (uint32_t i = 0; i < n->config->peers.count; i++) {
        const struct peers_entry *p = &n->config->peers.entry[i];
        enum err e = p->id == n->config->node_id
                         ? ERR_OK
                         : mesh_peer(n, p->id, &p->key, p->addr, p->addr_count);
        if (e == ERR_BAD_REQUEST) {
            return diag_set(diag, ERR_BAD_CONFIG,
                            "peer %llu: its key or number is this node's own or another member's; "
                            "see /node-info of the peer",
                            (unsigned long long)p->id);
        }
        if (e != ERR_OK) {
            return diag_set(diag, e, "peer %llu: %s", (unsigned long long)p->id, err_text(e));
        }
    }
    for (uint32_t i = 0; i < n->book.count; i++) {
        const struct book_entry *b = &n->book.entry[i];
        if (b->addr_count > 0 && !ids_key_equal(&b->key, &n->home.key)) {
            TRY(link_peer_set(n->link, &b->key, b->addrs, b->addr_count));
        }
    }
    return ERR_OK;
}

static enum err open_quic(struct node *n, struct diag *diag)
{
    struct quic_link_options o = { .cookie = bytes_text(n->config->cookie),
                                   .notice = on_notice,
                                   .notice_arg = n };
    memcpy(o.seed, n->secret, sizeof o.seed);
    bind_addrs(n, &o);
    enum err e = quic_link_open(n->os, &n->mem, &o, &mesh_handler, n, &n->link, diag);
    if (e == ERR_ADDRESS_IN_USE) { /* the port used before may be taken by now: any will do */
        for (uint32_t i = 0; i < o.bind_count; i++) {
            o.bind[i] = n->config->bind.addr[i];
        }
        e = quic_link_open(n->os, &n->mem, &o, &mesh_handler, n, &n->link, diag);
    }
    memset(o.seed, 0, sizeof o.seed);
    return e;
}

static enum err open_link(struct node *n, struct diag *diag)
{
    const struct node_seams *s = &n->seams;
    enum err e = s->link_open != NULL
                     ? s->link_open(s->arg, &n->home.key, &mesh_handler, n, &n->link)
                     : open_quic(n, diag);
    if (e != ERR_OK) {
        return e;
    }
    note_ports(n);
    book_keeper_save(n);
    return dial_known(n, diag);
}

/* Who is known, this node first of all. */
static enum err open_book(struct node *n, struct diag *diag)
{
    struct book_entry *self = NULL;
    book_init(&n->book);
    TRY(book_keeper_load(n, diag));
    TRY(mesh_learn(n, &n->book, n->config->node_id, &n->home.key, &self));
    self->self = true;
    return ERR_OK;
}

/* ---- the whole ---- */

static enum err open_all(struct node *n, struct diag *diag)
{
    struct log_recovered rec;
    open_memory(n);
    TRY(open_dir(n, diag));
    TRY(open_home(n, diag));
    TRY(open_book(n, diag));
    n->boot = mem_take(&n->mem, sizeof *n->boot);
    TRY(open_log(n, &rec, diag));
    if (rec.repaired) {
        logger_log(n->logger, LOGGER_WARN, "a torn tail of the log was cut off",
                   logger_u64("last_index", rec.last));
    }
    TRY(state_open(n, &rec, diag));
    TRY(node_terms_forget(n, &rec));
    TRY(open_core(n, &rec, diag));
    mem_free(&n->mem, n->boot);
    n->boot = NULL;
    enum err e = node_parts_open(n);
    if (e != ERR_OK) {
        return diag_set(diag, e, "no thread: %s", err_text(e));
    }
    TRY(open_link(n, diag));
    actor_poke(&n->raft_actor);
    housekeeping_second(n, os_now(n->os));
    return ERR_OK;
}

static uint32_t bound_of(uint32_t wanted, uint32_t most)
{
    return wanted != 0 && wanted < most ? wanted : most;
}

static struct node_bounds bounds_of(const struct node_bounds *b)
{
    struct node_bounds out = {
        .inflight_messages = bound_of(b->inflight_messages, RAFT_INFLIGHT_MSGS_MAX),
        .append_bytes = bound_of(b->append_bytes, RAFT_APPEND_BYTES_MAX),
        .batch_operations = bound_of(b->batch_operations, NODE_BATCH_MAX),
        .apply_entries = bound_of(b->apply_entries, NODE_APPLY_MAX),
        .actor_rounds = bound_of(b->actor_rounds, ACTOR_ROUNDS_MAX),
        .log_cache_bytes = bound_of(b->log_cache_bytes, LOG_CACHE_BYTES_MAX),
        .segment_bytes = bound_of(b->segment_bytes, WAL_SEGMENT_BYTES_FIRST),
        .overlay_bytes = bound_of(b->overlay_bytes, OVERLAY_BYTES_DEFAULT),
        .snap_entries = bound_of(b->snap_entries, NODE_SNAP_ENTRIES),
        .keep_entries = bound_of(b->keep_entries, NODE_KEEP_ENTRIES),
    };
    return out;
}

enum err node_open(struct os *os, const struct node_options *options, struct node **out,
                   struct diag *diag)
{
    struct node *n = calloc(1, sizeof *n);
    if (n == NULL) {
        return diag_set(diag, ERR_NO_MEMORY, "no memory for a node");
    }
    n->service.table = &backend_raft_table;
    n->os = os;
    n->config = options->config;
    n->logger = options->logger;
    n->failed = options->failed;
    n->failed_arg = options->arg;
    n->bounds = bounds_of(&options->bounds);
    n->seams = options->seams;
    mem_init(&n->mem, "node", NODE_MEM_BYTES);
    mem_init(&n->store_mem, "store", STORE_MEM_BYTES);
    metrics_init(&n->metrics);
    trace_init(&n->trace);
    enum err e = open_all(n, diag);
    if (e != ERR_OK) {
        node_close(n);
        return e;
    }
    *out = n;
    return ERR_OK;
}

struct service *node_service(struct node *n)
{
    return &n->service;
}

void node_look(const struct node *n, struct node_look *out)
{
    out->core = n->core;
    out->applied = n->kv.applied;
    out->revision = n->kv.revision;
    out->state_hash = kv_hash(&n->kv);
    out->cluster = n->cluster;
}

struct os_dir *node_dir(struct node *n)
{
    return n->dir;
}

void node_stop(struct node *n)
{
    n->stopping = true;
    if (n->ops != NULL) {
        op_fail_all(n->ops, ERR_SHUTTING_DOWN);
    }
}

static void close_storage(struct node *n, bool whole)
{
    if (n->log != NULL) {
        log_close(n->log); /* first: what is applied is in the log, so the store is never ahead */
    }
    snapshot_send_close(n);
    state_close(n, whole);
    if (n->keeper != NULL) {
        os_worker_close(n->keeper);
    }
    if (n->log_dir != NULL) {
        os_dir_close(n->log_dir);
    }
    if (n->dir != NULL) {
        os_dir_close(n->dir);
    }
}

void node_close(struct node *n)
{
    struct os_timer *timers[] = { &n->raft_timer, &n->expire_timer, &n->second_timer };
    bool whole = !n->dead;
    node_stop(n);
    n->dead = true; /* whatever is still to come changes nothing */
    for (size_t i = 0; i < sizeof timers / sizeof timers[0]; i++) {
        os_timer_cancel(n->os, timers[i]);
    }
    if (n->link != NULL) {
        link_close(n->link);
    }
    node_parts_close(n);
    close_storage(n, whole);
    op_pool_close(n->ops);
    void *blocks[] = { n->batch, n->batch_sizes, n->entries,    n->received, n->results,
                       n->gated, n->frame,       n->book_bytes, n->out,      n->core,
                       n->boot,  n->snap_room,   n->conf_room };
    for (size_t i = 0; i < sizeof blocks / sizeof blocks[0]; i++) {
        mem_free(&n->mem, blocks[i]);
    }
    if (n->by_ticket.mem != NULL) {
        map_done(&n->by_ticket);
    }
    memset(n->secret, 0, sizeof n->secret);
    free(n);
}
