/* store/log.c -- group commit: what gathers while one batch is synced becomes the next batch.
 *
 * Shape: `queue` holds batches in order; the newest may still grow. One job is in flight at a time.
 *        When writing has paused, an empty seal batch carries the durable mark forward.
 */
#include "store/log.h"

#include "base/mark.h"
#include "base/panic.h"
#include "store/log_cache.h"
#include "store/log_queue.h"
#include "store/log_terms.h"
#include "store/wal_keep.h"

#define LOG_SEAL_NS (50 * NS_PER_MS) /* of silence before the seal */
#define LOG_FILL_RETRY_NS NS_PER_S   /* between attempts on a full disk */

struct log {
    struct os *os;
    struct os_dir *dir;
    struct mem *mem;
    struct log_handler handler;
    bool in_memory;
    bool failed;
    bool closing; /* no new segment is begun */
    struct log_cache cache;
    uint64_t cache_bytes_max;
    struct log_terms terms;
    uint64_t base;    /* the log begins behind this entry */
    uint64_t durable; /* index */
    uint32_t cuts; /* truncations and installs that are not on disk yet: durable may speak of what
                    * they drop */

    struct log_queue queue;
    uint64_t told_ticket; /* in memory: newest queued ticket */
    struct os_job turn;   /* in memory: grants durability */

    struct os_worker *worker;
    struct os_worker *filler;
    struct log_batch *flying;
    struct os_job write_job;
    enum err write_err;
    struct wal_place place;
    bool rotate;
    uint64_t write_ns;
    struct os_job fill_job;
    bool filling;
    enum err fill_err;
    uint64_t fill_segment;
    uint64_t fill_size;
    struct os_timer fill_timer; /* there was no space: when to try again */
    struct os_timer seal_timer;
    bool sealed;

    struct wal wal;
    uint64_t disk_base; /* what the disk may begin behind: base, but for an install under way */
    uint64_t disk_base_term;
    uint64_t disk_last; /* newest entry in the segments */
    struct os_job give_job;
    bool giving;
    enum err give_err;
    struct wal_give give;
    struct vote_file vote; /* the log worker's, once it is there */
    struct log_stats stats;
};

static void submit(struct log *l);

/* ---- the log thread's job ---- */

static void write_run(void *arg)
{
    struct log *l = arg;
    struct log_batch *b = l->flying;
    uint64_t began = os_now(l->os);
    l->write_err = b->hard ? vote_write(&l->vote, &b->vote) : ERR_OK;
    if (l->write_err == ERR_OK && l->rotate) {
        MARK("store: the log rotates");
        l->write_err = wal_rotate(&l->wal);
    }
    if (l->write_err == ERR_OK && (b->head.entries > 0 || b->head.flags != 0)) {
        l->write_err = wal_write(&l->wal, &b->head, b->data, &l->place);
    }
    l->write_ns = os_now(l->os) - began;
}

static void fail(struct log *l, enum err e)
{
    if (!l->failed) {
        l->failed = true;
        os_timer_cancel(l->os, &l->seal_timer);
        if (l->handler.failed != NULL) {
            l->handler.failed(l->handler.arg, e);
        }
    }
}

/* The first batch of a segment says what a log needs to begin with it. */
static enum err rotated(struct log *l, const struct wal_head *h)
{
    struct wal_segment s = { h->segment, l->wal.segment_bytes, h->batch, l->disk_last,
                             h->prev_crc };
    return l->rotate ? wal_keep_push(&l->wal, &s) : ERR_OK;
}

static enum err written(struct log *l, const struct log_batch *b)
{
    const struct wal_head *h = &b->head;
    l->stats.syncs++;
    l->stats.sync_ns_total += l->write_ns;
    l->stats.sync_ns_max = l->write_ns > l->stats.sync_ns_max ? l->write_ns : l->stats.sync_ns_max;
    if (l->handler.synced != NULL) {
        l->handler.synced(l->handler.arg, l->write_ns);
    }
    if (h->entries == 0 && h->flags == 0) {
        return ERR_OK; /* hard state only */
    }
    l->stats.batches++;
    l->stats.entries += h->entries;
    l->stats.bytes_written += wal_batch_bytes(h);
    TRY(rotated(l, h));
    l->wal.batch_durable = h->batch;
    if ((h->flags & (WAL_FLAG_TRUNCATE | WAL_FLAG_INSTALL)) != 0) {
        ASSERT(l->cuts > 0);
        l->cuts--;
    }
    if ((h->flags & WAL_FLAG_TRUNCATE) != 0) {
        wal_index_truncate(&l->wal.index, h->truncate_to);
        MARK_IF(l->durable > h->truncate_to, "store: a durable entry is truncated");
        l->durable = l->durable < h->truncate_to ? l->durable : h->truncate_to;
        l->disk_last = h->truncate_to;
    }
    if ((h->flags & WAL_FLAG_INSTALL) != 0) {
        wal_index_truncate(&l->wal.index, 0);
        l->durable = h->truncate_to;
        l->disk_last = h->truncate_to;
        l->disk_base = h->truncate_to;
        l->disk_base_term = h->last_term;
    }
    if (h->entries == 0) {
        return ERR_OK;
    }
    l->durable = h->last;
    l->disk_last = h->last;
    return wal_index_add(&l->wal.index, h->first, h->last, l->place, wal_batch_bytes(h));
}

/* ---- segments that are not needed any more ---- */

static void give_start(struct log *l)
{
    if (!l->giving && !l->failed && !l->closing &&
        wal_keep_plan(&l->wal, l->disk_base, l->disk_base_term, &l->give)) {
        l->giving = true;
        os_worker_submit(l->filler, &l->give_job);
    }
}

static void give_run(void *arg)
{
    struct log *l = arg;
    l->give_err = wal_keep_give(&l->wal, &l->give);
}

static void give_done(void *arg)
{
    struct log *l = arg;
    l->giving = false;
    if (l->give_err == ERR_NO_SPACE) {
        MARK("store: no space to compact");
        return; /* nothing is lost but space: the next compaction tries again */
    }
    if (l->give_err != ERR_OK) {
        fail(l, l->give_err);
        return;
    }
    wal_keep_done(&l->wal, &l->give);
    give_start(l);
}

/* ---- the next segment ---- */

static void fill_run(void *arg)
{
    struct log *l = arg;
    l->fill_err = wal_fill(&l->wal, l->fill_segment, l->fill_size);
}

static void fill_done(void *arg)
{
    struct log *l = arg;
    l->filling = false;
    l->stats.no_room = l->fill_err == ERR_NO_SPACE;
    if (l->fill_err == ERR_NO_SPACE && !l->closing &&
        os_timer_set(l->os, &l->fill_timer, os_now(l->os) + LOG_FILL_RETRY_NS) == ERR_OK) {
        MARK("store: no space for a segment");
        return; /* nothing was promised yet: what is queued waits for space */
    }
    if (l->fill_err != ERR_OK) {
        fail(l, l->fill_err);
        return;
    }
    l->wal.fill_bytes = l->fill_size;
    l->wal.disk_bytes += l->fill_size;
    submit(l);
}

static void fill_start(struct log *l)
{
    os_timer_cancel(l->os, &l->fill_timer);
    if (l->filling || l->wal.fill_bytes != 0 || l->failed || l->closing) {
        return;
    }
    l->filling = true;
    l->fill_segment = l->wal.segment + 1;
    l->fill_size = wal_fill_size(&l->wal);
    os_worker_submit(l->filler, &l->fill_job);
}

static void fill_again(void *arg, uint64_t now_ns)
{
    (void)now_ns;
    fill_start(arg);
}

static void write_done(void *arg)
{
    struct log *l = arg;
    struct log_batch *b = l->flying;
    l->flying = NULL;
    enum err e = l->write_err == ERR_OK ? written(l, b) : l->write_err;
    uint64_t ticket = b->ticket;
    uint64_t index = b->head.entries > 0 ? b->head.last : 0;
    uint64_t term = b->head.last_term;
    bool installed = (b->head.flags & WAL_FLAG_INSTALL) != 0;
    l->sealed = (b->head.flags & WAL_FLAG_SEAL) != 0;
    log_queue_free(&l->queue, b);
    if (e != ERR_OK) {
        fail(l, e);
        return;
    }
    if (l->wal.offset > l->wal.segment_bytes / 2) {
        fill_start(l); /* before the next job: from then on the writer's fields are the worker's */
    }
    submit(l);
    if (l->flying == NULL && !l->sealed &&
        os_timer_set(l->os, &l->seal_timer, os_now(l->os) + LOG_SEAL_NS) != ERR_OK) {
        l->sealed = false; /* no timer: the next pause tries again */
    }
    if (ticket != 0 && l->handler.durable != NULL) {
        l->handler.durable(l->handler.arg, ticket, index, term);
    }
    if (installed) {
        give_start(l);
    }
    if (l->cuts == 0) {
        log_cache_evict(&l->cache, l->cache_bytes_max, l->durable);
    }
}

static void submit(struct log *l)
{
    if (l->failed || l->flying != NULL) {
        return;
    }
    struct log_batch *b = log_queue_first(&l->queue);
    if (b == NULL) {
        return;
    }
    bool writes = b->head.entries > 0 || b->head.flags != 0;
    l->rotate = writes && !wal_fits(&l->wal, wal_batch_bytes(&b->head));
    if (l->rotate && l->wal.fill_bytes == 0) {
        MARK("store: a batch waits for its segment");
        fill_start(l); /* goes on when the segment is there */
        return;
    }
    list_remove(&b->link);
    l->flying = b;
    os_timer_cancel(l->os, &l->seal_timer);
    os_worker_submit(l->worker, &l->write_job);
}

static void seal(struct log *l)
{
    if (l->failed || l->sealed || l->flying != NULL || log_queue_first(&l->queue) != NULL ||
        l->wal.next_batch == 1) {
        return;
    }
    struct log_batch *b = log_queue_new(&l->queue);
    if (b != NULL) {
        b->head.flags = WAL_FLAG_SEAL;
        MARK("store: a pause is sealed");
        submit(l);
    }
}

static void seal_due(void *arg, uint64_t now_ns)
{
    (void)now_ns;
    seal(arg);
}

/* ---- in memory ---- */

static void turn_run(void *arg)
{
    struct log *l = arg;
    struct log_entry e = { 0 };
    uint64_t ticket = l->told_ticket;
    l->durable = l->cache.last;
    if (l->durable > 0 && !log_cache_find(&l->cache, l->durable, &e)) {
        e.index = 0;
    }
    l->handler.durable(l->handler.arg, ticket, e.index, e.term);
}

/* ---- the interface ---- */

static enum err append_entries(struct log *l, const struct log_write *w)
{
    for (uint32_t i = 0; i < w->count; i++) {
        const struct log_entry *e = &w->entries[i];
        ASSERT(e->index == l->cache.last + 1);
        if (!l->in_memory) {
            struct log_batch *b =
                log_queue_open(&l->queue, WAL_RECORD_HEAD_BYTES + e->data.count, false);
            if (b == NULL) {
                return ERR_NO_MEMORY;
            }
            TRY(log_queue_add(&l->queue, b, e));
        }
        TRY(log_terms_push(&l->terms, e->index, e->term));
        TRY(log_cache_push(&l->cache, e));
    }
    return ERR_OK;
}

static enum err queue_write(struct log *l, const struct log_write *w)
{
    if (w->hard || w->truncate) {
        struct log_batch *b = log_queue_open(&l->queue, 0, w->truncate);
        if (b == NULL) {
            return ERR_NO_MEMORY;
        }
        if (w->hard) {
            b->hard = true;
            b->vote.term = w->term;
            b->vote.node = w->vote;
        }
        if (w->truncate) {
            b->head.flags |= WAL_FLAG_TRUNCATE;
            l->cuts++;
            b->head.truncate_to = w->truncate_to;
        }
    }
    TRY(append_entries(l, w));
    log_queue_ticket(&l->queue, w->ticket);
    return ERR_OK;
}

/* What this write will take at most, so that it fails before it begins. */
static bool memory_left(const struct log *l, const struct log_write *w)
{
    size_t need = 4 * WAL_BATCH_BYTES_MAX;
    for (uint32_t i = 0; i < w->count; i++) {
        need += 3 * (w->entries[i].data.count + 128);
    }
    return l->mem->limit - l->mem->used > need;
}

enum err log_append(struct log *l, const struct log_write *w)
{
    ASSERT(w->ticket > l->told_ticket);
    if (l->failed) {
        return ERR_SYNC_FAILED;
    }
    if (!memory_left(l, w)) {
        MARK("store: no memory for a write");
        return ERR_NO_MEMORY;
    }
    l->told_ticket = w->ticket;
    if (w->truncate) {
        ASSERT(w->truncate_to >= l->base);
        log_cache_truncate(&l->cache, w->truncate_to);
        log_terms_truncate(&l->terms, w->truncate_to);
        l->wal.read_head.entries = 0;
    }
    if (l->in_memory) {
        TRY(append_entries(l, w));
        os_turn_end(l->os, &l->turn);
        return ERR_OK;
    }
    enum err e = queue_write(l, w);
    if (e != ERR_OK) {
        fail(l, e); /* half queued: nothing after it may become durable */
        return e;
    }
    submit(l);
    return ERR_OK;
}

enum err log_compact(struct log *l, uint64_t to)
{
    if (l->failed) {
        return ERR_SYNC_FAILED;
    }
    if (to <= l->base) {
        return ERR_OK;
    }
    ASSERT(to <= l->durable && to <= l->cache.last);
    l->disk_base_term = log_terms_at(&l->terms, to);
    l->disk_base = to;
    l->base = to;
    log_terms_forget(&l->terms, to, l->cache.last);
    log_cache_forget(&l->cache, to);
    if (!l->in_memory) {
        wal_index_forget(&l->wal.index, to);
        give_start(l);
    }
    return ERR_OK;
}

enum err log_install(struct log *l, uint64_t ticket, uint64_t index, uint64_t term)
{
    struct log_write w = { .ticket = ticket };
    ASSERT(ticket > l->told_ticket && index >= l->base);
    if (l->failed) {
        return ERR_SYNC_FAILED;
    }
    struct log_batch *b = NULL;
    if (!l->in_memory) {
        b = memory_left(l, &w) ? log_queue_open(&l->queue, 0, true) : NULL;
        if (b == NULL) {
            return ERR_NO_MEMORY;
        }
        b->head.flags = WAL_FLAG_INSTALL;
        b->head.truncate_to = index;
        b->head.last_term = term;
        b->ticket = ticket;
        l->cuts++;
    }
    l->told_ticket = ticket;
    l->base = index;
    log_cache_reset(&l->cache, index);
    log_terms_truncate(&l->terms, 0);
    l->wal.read_head.entries = 0;
    if (l->in_memory) {
        os_turn_end(l->os, &l->turn);
    } else {
        submit(l);
    }
    return ERR_OK;
}

enum err log_read(struct log *l, uint64_t index, struct log_entry *out)
{
    struct wal_record rec;
    if (index <= l->base || index > l->cache.last) {
        return ERR_NOT_FOUND;
    }
    if (log_cache_find(&l->cache, index, out)) {
        return ERR_OK;
    }
    if (l->in_memory) {
        return ERR_NOT_FOUND;
    }
    MARK("store: an entry is read from the disk");
    TRY(wal_read(&l->wal, index, &rec));
    out->index = index;
    out->term = rec.term;
    out->kind = rec.kind;
    out->data = rec.data;
    return ERR_OK;
}

void log_rest(struct log *l)
{
    if (!l->in_memory && l->cuts == 0 && log_queue_first(&l->queue) == NULL && l->flying == NULL) {
        log_cache_evict(&l->cache, LOG_CACHE_BYTES_IDLE, l->durable);
    }
}

uint64_t log_first(const struct log *l)
{
    return l->base + 1;
}

uint64_t log_last(const struct log *l)
{
    return l->cache.last;
}

size_t log_unsynced_bytes(const struct log *l)
{
    return l->queue.bytes;
}

uint32_t log_runs(const struct log *l, const struct log_run **out)
{
    *out = l->terms.run;
    return l->terms.count;
}

void log_stats(const struct log *l, struct log_stats *out)
{
    *out = l->stats;
    out->disk_bytes = l->wal.disk_bytes;
    out->cache_bytes = l->cache.bytes;
}

/* ---- opening and closing ---- */

struct opening {
    struct log *l;
    uint64_t last;
    uint64_t told; /* newest entry that the handler knows of */
    enum err e;
    struct wal_head at; /* where e was met */
};

static void on_cut(struct opening *o, const struct wal_head *h)
{
    struct log *l = o->l;
    if ((h->flags & WAL_FLAG_TRUNCATE) != 0) {
        uint64_t to = h->truncate_to > l->wal.base ? h->truncate_to : l->wal.base;
        log_terms_truncate(&l->terms, to);
        o->last = h->truncate_to;
        if (l->handler.truncated != NULL && o->told >= to) {
            l->handler.truncated(l->handler.arg, to);
        }
    }
    if ((h->flags & WAL_FLAG_INSTALL) != 0) {
        log_terms_truncate(&l->terms, 0);
        o->last = h->truncate_to;
        o->told = h->truncate_to;
        if (l->handler.installed != NULL) {
            l->handler.installed(l->handler.arg, h->truncate_to, h->last_term);
        }
    }
}

static void on_batch(void *arg, const struct wal_head *h, struct bytes body)
{
    struct opening *o = arg;
    struct log *l = o->l;
    struct reader r = reader_of(body);
    on_cut(o, h);
    for (uint32_t i = 0; i < h->entries && o->e == ERR_OK; i++) {
        struct wal_record rec;
        o->e = wal_record_decode(&r, &rec);
        if (o->e != ERR_OK) {
            o->e = ERR_CORRUPT;
            o->at = *h;
            return;
        }
        struct log_entry e = { h->first + i, rec.term, rec.kind, rec.data };
        o->last = e.index;
        if (e.index <= l->wal.base) {
            continue; /* it only shares a segment with what is still needed */
        }
        o->told = e.index;
        o->e = log_terms_push(&l->terms, e.index, e.term);
        if (l->handler.found != NULL) {
            l->handler.found(l->handler.arg, &e);
        }
    }
}

enum err log_any(struct os_dir *dir, struct os_dir *votes, bool *out)
{
    TRY(wal_any(dir, out));
    return *out ? ERR_OK : vote_any(votes, out);
}

/* The vote is made before the first segment, and a term is entered only when there is one. */
static enum err open_vote(struct log *l, struct os_dir *dir, uint64_t salt, struct diag *diag)
{
    bool any = false;
    enum err e = wal_any(l->dir, &any);
    if (e != ERR_OK) {
        return diag_set(diag, e, "log: the list of segments: %s", err_text(e));
    }
    TRY(vote_open(dir, salt, !any, &l->vote, diag));
    bool lost = !any && l->vote.segment != 0;
    MARK_IF(lost, "store: a vote without a log");
    return !lost ? ERR_OK
                 : diag_set(diag, ERR_CORRUPT,
                            "log: no segment is there, but the vote says that %016llx was begun: "
                            "give the log's own directory, or restore this node from a peer",
                            (unsigned long long)l->vote.segment);
}

/* The newest entry of a log whose kept batches may all be without any: a seal, behind a compaction
 * of everything. */
static uint64_t last_of(const struct opening *o)
{
    MARK_IF(o->last == 0 && o->l->wal.start.last != 0, "store: no batch that is kept has an entry");
    return o->last != 0 ? o->last : o->l->wal.start.last;
}

static enum err open_durable(struct log *l, const struct log_options *options,
                             struct log_recovered *rec, struct diag *diag)
{
    struct opening o = { .l = l };
    struct wal_found found = { on_batch, &o };
    uint64_t first = options->segment_bytes != 0 ? options->segment_bytes : WAL_SEGMENT_BYTES_FIRST;
    l->queue.batch_bytes_max = first / 2 < WAL_BATCH_BYTES_MAX ? first / 2 : WAL_BATCH_BYTES_MAX;
    TRY(open_vote(l, options->votes != NULL ? options->votes : l->dir, options->salt, diag));
    TRY(wal_open(&l->wal, l->os, l->dir, l->mem, &l->vote, first, &found, &rec->repaired, diag));
    if (o.e != ERR_OK) {
        return diag_set(diag, o.e, "log: segment %016llx: the records of batch %llu: %s",
                        (unsigned long long)o.at.segment, (unsigned long long)o.at.batch,
                        err_text(o.e));
    }
    enum err e = os_worker_open(l->os, "aspen-log", OS_SOON, &l->worker);
    e = e == ERR_OK ? os_worker_open(l->os, "aspen-fill", OS_SOON, &l->filler) : e;
    if (e != ERR_OK) {
        return diag_set(diag, e, "log: no thread: %s", err_text(e));
    }
    rec->term = l->vote.vote.term;
    rec->vote = l->vote.vote.node;
    rec->first = l->wal.base + 1;
    rec->before_term = l->wal.base_term;
    rec->last = last_of(&o);
    l->base = l->wal.base;
    l->disk_base = l->wal.base;
    l->disk_base_term = l->wal.base_term;
    l->disk_last = rec->last;
    l->durable = rec->last;
    give_start(l);
    log_cache_init(&l->cache, l->mem, rec->last);
    return ERR_OK;
}

enum err log_open(struct os *os, struct os_dir *dir, const struct log_options *options,
                  const struct log_handler *handler, struct log_recovered *out_recovered,
                  struct log **out, struct diag *diag)
{
    struct log *l = mem_alloc(options->mem, sizeof *l);
    if (l == NULL) {
        return diag_set(diag, ERR_NO_MEMORY, "log: no memory");
    }
    memset(l, 0, sizeof *l);
    l->os = os;
    l->dir = dir;
    l->mem = options->mem;
    l->terms.mem = options->mem;
    l->handler = *handler;
    l->in_memory = options->in_memory;
    l->cache_bytes_max = options->cache_bytes != 0 ? options->cache_bytes : LOG_CACHE_BYTES_MAX;
    log_queue_init(&l->queue, l->mem);
    os_timer_init(&l->seal_timer, seal_due, l);
    os_timer_init(&l->fill_timer, fill_again, l);
    l->turn = (struct os_job){ .run = turn_run, .arg = l };
    l->write_job = (struct os_job){ .run = write_run, .done = write_done, .arg = l };
    l->fill_job = (struct os_job){ .run = fill_run, .done = fill_done, .arg = l };
    l->give_job = (struct os_job){ .run = give_run, .done = give_done, .arg = l };
    list_init(&l->turn.link);
    list_init(&l->write_job.link);
    list_init(&l->fill_job.link);
    list_init(&l->give_job.link);
    memset(out_recovered, 0, sizeof *out_recovered);
    out_recovered->first = 1;
    log_cache_init(&l->cache, l->mem, 0);
    if (!l->in_memory) {
        enum err e = open_durable(l, options, out_recovered, diag);
        if (e != ERR_OK) {
            log_close(l);
            return e;
        }
    }
    *out = l;
    return ERR_OK;
}

void log_close(struct log *l)
{
    l->handler = (struct log_handler){ 0 };
    l->closing = true;
    if (l->filler != NULL) {
        seal(l);
        /* first: the end of a segment's preparation lets batches go on */
        os_worker_close(l->filler);
    }
    if (l->worker != NULL) {
        /* what still waits for a segment stays unwritten: nobody was told */
        os_worker_close(l->worker);
    }
    os_timer_cancel(l->os, &l->seal_timer);
    os_timer_cancel(l->os, &l->fill_timer);
    list_remove(&l->turn.link); /* a turn that was asked for does not come any more */
    log_queue_done(&l->queue);
    vote_close(&l->vote);
    if (l->wal.mem != NULL) {
        wal_close(&l->wal);
    }
    log_cache_done(&l->cache);
    log_terms_done(&l->terms);
    mem_free(l->mem, l);
}
