/* node/state.c -- the state machine's store: opened at its own index, flushed behind the kv
 * actor's back.
 *
 * Shape:      a flush begins when the overlay is large, when much log would have to be replayed,
 *             once after writing has paused, and at the end
 * Invariants: applied <= durable index of the log, so the store is never ahead of it; while a flush
 *             runs, the overlay is bounded: nothing is applied beyond twice its bound
 * Thread:     the loop's
 */
#include "base/mark.h"
#include "base/panic.h"
#include "node/impl.h"
#include "node/state_conf.h"
#include "raft/raft_codec.h"
#include "store/backing_lmdb.h"

enum {
    STATE_CALM_SECONDS = 5 /* then memory that only work needs is given back */
};
#define STATE_REPLAY_BYTES (64ull * MIB) /* log behind the store that a restart has to read */

static void flushed(void *arg, enum err e, uint64_t took_ns)
{
    struct node *n = arg;
    struct state *s = &n->state;
    bool waited = s->no_room;
    s->no_room = e == ERR_NO_SPACE;
    if (e == ERR_OK) {
        mem_free(&n->mem, s->flushed.bytes);
        s->flushed = s->flushing;
        s->flushing.bytes = NULL;
        s->checkpoint_news = true;
        metrics_add(&n->metrics, METRICS_FLUSHES, 1);
        metrics_observe(&n->metrics, METRICS_FLUSH_LATENCY, took_ns);
        MARK_IF(n->dead, "node: a flush ends while its node is closed");
        if (!n->dead) { /* at the end of a node its actors go first */
            state_moved(n);
        }
    } else if (e == ERR_NO_SPACE) {
        MARK("node: no room for the state machine");
        n->disk_full = true; /* the watch of the disk clears it, once this flush has ended */
        if (!waited) {
            logger_log(n->logger, LOGGER_ERROR, "no space for the state machine, will try again");
        }
    } else {
        node_fail(n, NODE_PART_KV, e, "the state machine could not be written");
    }
}

static enum err open_backing(struct node *n, struct diag *diag)
{
    struct state *s = &n->state;
    struct backing_lmdb_options o = { .mem = &n->store_mem };
    memcpy(&o.salt, n->home.incarnation.b, sizeof o.salt);
    TRY(node_dir_open(n, n->config->state_machine_path, "state", &s->dir, diag));
    return backing_lmdb_open(s->dir, &o, &s->backing, diag);
}

/* The store against the log: neither may know of entries that the other denies. That the log does
 * not begin behind the store's end close_gap has seen to, and a snapshot whose rows say another
 * index than its head is refused before they are the store's (kv_check_end). */
static enum err check_against_log(struct node *n, const struct log_recovered *rec,
                                  struct diag *diag)
{
    const struct kv *kv = &n->kv;
    const struct log_run *runs = NULL;
    uint64_t term = 0;
    if (kv->applied > rec->last) {
        return diag_set(diag, ERR_CORRUPT,
                        "the state machine has applied entry %llu, but the log ends at %llu",
                        (unsigned long long)kv->applied, (unsigned long long)rec->last);
    }
    uint32_t count = log_runs(n->log, &runs);
    for (uint32_t i = 0; i < count && runs[i].first <= kv->applied; i++) {
        term = runs[i].term;
    }
    if (kv->applied >= rec->first && term != kv->applied_term) {
        return diag_set(diag, ERR_CORRUPT,
                        "entry %llu has term %llu in the state machine, %llu in the log",
                        (unsigned long long)kv->applied, (unsigned long long)kv->applied_term,
                        (unsigned long long)term);
    }
    return ERR_OK;
}

enum err state_tail_encode(struct book *book, const struct raft_conf *c, const uint64_t *more,
                           uint32_t more_count, struct writer *w)
{
    uint64_t ids[RAFT_PEERS_MAX + SERVICE_MEMBERS_MAX];
    uint32_t count = 0;
    struct raft_conf stay = *c;
    stay.outgoing_count = 0;
    for (uint8_t i = 0; i < c->voter_count; i++) {
        ids[count++] = c->voter[i];
    }
    for (uint8_t i = 0; i < c->learner_count; i++) {
        ids[count++] = c->learner[i];
    }
    ASSERT(more_count <= SERVICE_MEMBERS_MAX);
    for (uint32_t i = 0; i < more_count; i++) {
        if (!raft_conf_is_member(&stay, more[i])) {
            ids[count++] = more[i];
        }
    }
    return book_tail_encode(book, ids, count, w);
}

/* The bytes of the configuration in force at what is applied, with the endpoints as known now. */
static void conf_encode(struct node *n, struct writer *w)
{
    const struct raft_conf *c = &n->state.conf;
    state_conf_head(&n->cluster, c->index, w);
    raft_conf_encode(c, w);
    size_t at = w->offset;
    if (state_tail_encode(&n->book, c, c->outgoing, c->outgoing_count, w) != ERR_OK) {
        w->offset = at; /* whoever reads it knows its peers in other ways */
    }
}

enum err state_mark_now(struct node *n, struct state_mark *out)
{
    struct writer w = writer_of(n->conf_room, SNAP_CONF_BYTES_MAX);
    mem_free(&n->mem, out->bytes);
    *out = (struct state_mark){ .applied = n->kv.applied,
                                .term = n->kv.applied_term,
                                .revision = n->kv.revision,
                                .hash = kv_hash(&n->kv),
                                .conf = n->state.conf };
    if (n->state.conf.index != 0) {
        conf_encode(n, &w);
        ASSERT(!w.bad);
        out->bytes = mem_alloc(&n->mem, w.offset);
        if (out->bytes == NULL) {
            return ERR_NO_MEMORY;
        }
        memcpy(out->bytes, n->conf_room, w.offset);
        out->count = w.offset;
        TRY(kv_conf_save(&n->kv, writer_bytes(&w)));
    }
    return kv_save(&n->kv);
}

/* The configuration that came with the state machine. */
static enum err conf_load(struct node *n)
{
    struct bytes row;
    struct state_conf conf;
    struct raft_conf c;
    struct bytes tail;
    enum err e = kv_conf(&n->kv, &row);
    if (e == ERR_NOT_FOUND) {
        return ERR_OK; /* nothing was flushed yet */
    }
    TRY(e);
    if (state_conf_decode(row, &conf) != ERR_OK ||
        raft_conf_decode(conf.entry, &c, &tail) != ERR_OK || conf.index > n->kv.applied) {
        return ERR_CORRUPT;
    }
    c.index = conf.index;
    n->state.conf = c;
    n->cluster = conf.cluster;
    mesh_members(n, c.index, tail); /* the log may have told of later ones */
    return ERR_OK;
}

enum err state_reopen(struct node *n)
{
    struct state *s = &n->state;
    TRY(kv_open(&n->kv, &s->tables));
    TRY(conf_load(n));
    mem_free(&n->mem, s->flushed.bytes);
    s->flushed = (struct state_mark){ 0 };
    TRY(state_mark_now(n, &s->flushed));
    tables_rest(&s->tables);
    return ERR_OK;
}

void state_conf_seen(struct node *n, uint64_t index, struct bytes data)
{
    struct raft_conf c;
    if (raft_conf_decode(data, &c, NULL) == ERR_OK) {
        c.index = index;
        n->state.conf = c;
    }
}

void state_moved(struct node *n)
{
    if (n->dead) {
        return;
    }
    snapshot_receive_go_on(n);
    actor_poke(&n->kv_actor);
    actor_poke(&n->raft_actor);
}

/* A log that begins behind the state machine: a snapshot closes the gap, as it would have before a
 * crash. */
static enum err close_gap(struct node *n, const struct log_recovered *rec, struct diag *diag)
{
    struct snap_id id;
    bool needed = false;
    TRY(snap_gap(n->snaps, n->log, rec, n->kv.applied, &needed, &id, diag));
    if (!needed) {
        return ERR_OK;
    }
    logger_log(n->logger, LOGGER_WARN, "a snapshot is installed as a crash has left it",
               logger_u64("index", id.index));
    return snap_install(n->snaps, &n->state.tables, &id, diag);
}

enum err state_open(struct node *n, const struct log_recovered *rec, struct diag *diag)
{
    struct state *s = &n->state;
    s->backing = n->seams.backing;
    if (s->backing == NULL && n->config->storage_backend != CONFIG_STORAGE_INMEMORY) {
        TRY(open_backing(n, diag));
    }
    tables_open(&s->tables, &n->store_mem, s->backing);
    s->open = true;
    enum err e = flush_open(&s->flush, n->os, &s->tables, flushed, n);
    if (e != ERR_OK) {
        return diag_set(diag, e, "no thread for the state machine: %s", err_text(e));
    }
    TRY(snapshot_make_open(n, rec->last, diag));
    e = kv_open(&n->kv, &s->tables);
    if (e == ERR_OK) {
        TRY(close_gap(n, rec, diag));
        e = state_reopen(n);
    }
    if (e != ERR_OK) {
        n->kv.applied = s->flushed.applied; /* nothing to save */
        return diag_set(diag, e, "state machine: %s", err_text(e));
    }
    n->apply_target = n->kv.applied;
    n->applied_told = n->kv.applied;
    return check_against_log(n, rec, diag);
}

static void begin(struct node *n)
{
    struct state *s = &n->state;
    if (s->backing == NULL || n->dead || flush_busy(&s->flush) || snapshot_receive_installing(n) ||
        s->flushed.applied == n->kv.applied) {
        return;
    }
    enum err e = state_mark_now(n, &s->flushing);
    e = e == ERR_OK ? flush_begin(&s->flush) : e;
    if (e != ERR_OK) {
        node_fail(n, NODE_PART_KV, e, "the state machine cannot be flushed");
        return;
    }
    s->log_bytes = 0;
}

/* What the core asked for may be there already; in memory there is nothing to be flushed. */
static void checkpoint(struct node *n)
{
    struct state *s = &n->state;
    if (s->checkpoint_wanted && s->backing == NULL && !snapshot_receive_installing(n)) {
        enum err e = state_mark_now(n, &s->flushed);
        if (e != ERR_OK) {
            node_fail(n, NODE_PART_KV, e, "the state machine cannot be saved");
            return;
        }
    }
    if (s->checkpoint_wanted && s->flushed.applied == n->kv.applied) {
        s->checkpoint_news = true;
        actor_poke(&n->raft_actor);
    }
    begin(n);
    s->checkpoint_wanted = s->checkpoint_wanted && !s->checkpoint_news && !flush_busy(&s->flush);
}

bool state_stalled(const struct node *n)
{
    const struct state *s = &n->state;
    if (snapshot_receive_installing(n)) {
        return true;
    }
    return flush_busy(&s->flush) && tables_overlay_bytes(&s->tables) / 2 >= n->bounds.overlay_bytes;
}

enum err state_room(const struct node *n)
{
    const struct mem *m = &n->store_mem;
    if (n->disk_full) {
        return ERR_DISK_FULL;
    }
    if (log_unsynced_bytes(n->log) > LOG_UNSYNCED_BYTES_MAX) {
        return ERR_BUSY; /* a quorum may go on without this disk, its queue must not */
    }
    if (n->state.backing == NULL && m->used > m->limit - m->limit / 4) {
        return ERR_DISK_FULL; /* memory is the disk */
    }
    return state_stalled(n) ? ERR_BUSY : ERR_OK;
}

/* That a beginning is decided is written down with the first state: a node that forgot it again
 * could be taken for one of another cluster. */
static bool unborn(const struct node *n)
{
    return n->state.flushed.applied == 0 && n->kv.applied > 0;
}

void state_turn(struct node *n)
{
    struct state *s = &n->state;
    if (tables_rest(&s->tables)) {
        actor_poke(&n->kv_actor);
    }
    if (tables_overlay_bytes(&s->tables) >= n->bounds.overlay_bytes ||
        s->log_bytes >= STATE_REPLAY_BYTES || s->checkpoint_wanted || unborn(n)) {
        checkpoint(n);
    }
    snapshot_send_start(n);
}

void state_second(struct node *n)
{
    struct state *s = &n->state;
    bool paused = s->seen == n->kv.applied;
    s->seen = n->kv.applied;
    s->calm_seconds = paused ? s->calm_seconds + 1 : 0;
    if (paused) {
        begin(n);
    }
    if (s->calm_seconds == STATE_CALM_SECONDS) {
        log_rest(n->log);
        os_memory_rest(n->os);
    }
}

/* What is applied goes to disk before the node ends; the log replays it if that fails. */
static void flush_last(struct node *n)
{
    struct state *s = &n->state;
    if (s->flushed.applied == n->kv.applied || snapshot_receive_installing(n)) {
        return;
    }
    MARK_IF(s->tables.flushing, "node: a stop writes what a flush could not");
    enum err e = s->tables.flushing ? tables_write(&s->tables) : ERR_OK;
    if (e == ERR_OK && s->tables.flushing) {
        tables_thaw(&s->tables);
    }
    e = e == ERR_OK ? state_mark_now(n, &s->flushing) : e;
    e = e == ERR_OK ? tables_freeze(&s->tables) : e;
    e = e == ERR_OK ? tables_write(&s->tables) : e;
    if (e != ERR_OK) {
        logger_log(n->logger, LOGGER_WARN, "the last flush failed, the log will be replayed",
                   logger_err(e));
    }
}

void state_close(struct node *n, bool whole)
{
    struct state *s = &n->state;
    if (n->snaps != NULL) {
        snap_close(n->snaps);
    }
    if (s->open) {
        flush_close(&s->flush);
        if (s->backing != NULL && whole) {
            flush_last(n);
        }
        tables_close(&s->tables);
    }
    if (s->backing != NULL) {
        backing_close(s->backing);
    }
    if (s->dir != NULL) {
        os_dir_close(s->dir);
    }
    if (n->snap_dir != NULL) {
        os_dir_close(n->snap_dir);
    }
    mem_free(&n->mem, s->flushed.bytes);
    mem_free(&n->mem, s->flushing.bytes);
}
