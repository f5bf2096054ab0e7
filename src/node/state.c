/* node/state.c -- the state machine's store: opened at its own index, flushed behind the kv
 * actor's back.
 *
 * Shape:      a flush begins when the overlay is large, when much log would have to be replayed,
 *             once after writing has paused, and at the end
 * Invariants: applied <= durable index of the log, so the store is never ahead of it; while a flush
 *             runs, the overlay is bounded: nothing is applied beyond twice its bound
 * Thread:     the loop's
 */
#include "base/panic.h"
#include "node/impl.h"
#include "store/backing_lmdb.h"

enum {
    STATE_CALM_SECONDS = 5 /* then memory that only work needs is given back */
};
#define STATE_REPLAY_BYTES (64ull * MIB) /* log behind the store that a restart has to read */

static void flushed(void *arg, enum err e, uint64_t took_ns)
{
    struct node *n = arg;
    struct state *s = &n->state;
    if (e == ERR_OK) {
        s->flushed = s->flushing;
        metrics_add(&n->metrics, METRICS_FLUSHES, 1);
        metrics_observe(&n->metrics, METRICS_FLUSH_LATENCY, took_ns);
        if (!n->dead) {               /* at the end of a node its actors go first */
            actor_poke(&n->kv_actor); /* it may have waited for this */
        }
    } else if (e == ERR_NO_SPACE) {
        n->disk_full = true; /* the watch of the disk clears it */
        logger_log(n->logger, LOGGER_ERROR, "no space for the state machine, will try again");
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

/* The store against the log: neither may know of entries that the other denies. */
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
    if (kv->applied + 1 < rec->first) {
        return diag_set(diag, ERR_CORRUPT,
                        "the log begins at entry %llu, but the state machine ends at %llu",
                        (unsigned long long)rec->first, (unsigned long long)kv->applied);
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
    e = kv_open(&n->kv, &s->tables);
    if (e != ERR_OK) {
        n->kv.applied = s->flushed; /* nothing to save */
        return diag_set(diag, e, "state machine: %s", err_text(e));
    }
    tables_rest(&s->tables);
    s->flushed = n->kv.applied;
    n->apply_target = n->kv.applied;
    n->applied_told = n->kv.applied;
    return check_against_log(n, rec, diag);
}

static void begin(struct node *n)
{
    struct state *s = &n->state;
    if (s->backing == NULL || n->dead || flush_busy(&s->flush) || s->flushed == n->kv.applied) {
        return;
    }
    enum err e = kv_save(&n->kv);
    e = e == ERR_OK ? flush_begin(&s->flush) : e;
    if (e != ERR_OK) {
        node_fail(n, NODE_PART_KV, e, "the state machine cannot be flushed");
        return;
    }
    s->flushing = n->kv.applied;
    s->log_bytes = 0;
}

bool state_stalled(const struct node *n)
{
    const struct state *s = &n->state;
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

void state_turn(struct node *n)
{
    struct state *s = &n->state;
    if (tables_rest(&s->tables)) {
        actor_poke(&n->kv_actor);
    }
    if (tables_overlay_bytes(&s->tables) >= n->bounds.overlay_bytes ||
        s->log_bytes >= STATE_REPLAY_BYTES) {
        begin(n);
    }
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
        mem_rest();
    }
}

/* What is applied goes to disk before the node ends; the log replays it if that fails. */
static void flush_last(struct node *n)
{
    struct state *s = &n->state;
    if (s->flushed == n->kv.applied) {
        return;
    }
    enum err e = s->tables.flushing ? tables_write(&s->tables) : ERR_OK;
    if (e == ERR_OK && s->tables.flushing) {
        tables_thaw(&s->tables);
    }
    e = e == ERR_OK ? kv_save(&n->kv) : e;
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
}
