/* store/snap_install.c -- the rows of a snapshot become those of the tables.
 *
 * Why: with a backing the rows go to a second set of files on the worker, without one to new trees
 *      on the loop, a chunk a turn, because the account of their memory is the loop's
 */
#include "base/mark.h"
#include "base/panic.h"
#include "store/snap_impl.h"

static void next_done(struct snap_build *b)
{
    for (int i = 0; i < TABLE_COUNT; i++) {
        btree_done(&b->next[i]);
    }
}

/* ---- steps, on the worker ---- */

static enum err row_check(struct snap_build *b, enum table_id id, struct bytes key,
                          struct bytes value)
{
    return b->check.begin != NULL ? b->check.row(b->check.arg, id, key, value) : ERR_OK;
}

static enum err row_to_backing(void *arg, enum table_id id, struct bytes key, struct bytes value)
{
    struct snap_build *b = arg;
    TRY(row_check(b, id, key, value));
    return backing_build_put(b->tables->backing, id, key, value);
}

static enum err open_step(struct snap *s)
{
    struct snap_build *b = &s->build;
    if (s->dir != NULL) {
        char name[SNAP_NAME_BYTES];
        snap_name(&b->item->id, "snap", name);
        TRY(snap_blob_open(&b->file, s->dir, name));
    }
    TRY(snap_scan_begin(&b->scan, s->dir != NULL ? &b->file : &b->item->blob, b->room));
    if (!snap_id_equal(&b->scan.meta.id, &b->item->id)) {
        return ERR_MALFORMED;
    }
    b->phase = SNAP_BUILD_ROWS;
    if (b->check.begin != NULL) {
        b->check.begin(b->check.arg);
    }
    return b->tables->backing != NULL ? backing_build_begin(b->tables->backing) : ERR_OK;
}

static enum err rows_step(struct snap_build *b)
{
    struct backing *backing = b->tables->backing;
    TRY(snap_scan_next(&b->scan));
    if (b->scan.ended) {
        if (b->check.begin != NULL) {
            TRY(b->check.end(b->check.arg, &b->scan.meta));
        }
        b->phase = SNAP_BUILD_BUILT;
        return backing != NULL ? backing_build_seal(backing) : ERR_OK;
    }
    return backing != NULL ? snap_scan_rows(&b->scan, row_to_backing, b) : ERR_OK;
}

static void run(void *arg)
{
    struct snap *s = arg;
    struct snap_build *b = &s->build;
    switch (b->phase) {
    case SNAP_BUILD_OPEN:
        b->result = open_step(s);
        break;
    case SNAP_BUILD_ROWS:
        b->result = rows_step(b);
        break;
    case SNAP_BUILD_SWAP:
        b->result = b->tables->backing != NULL ? backing_build_swap(b->tables->backing) : ERR_OK;
        break;
    case SNAP_BUILD_BUILT:
        b->result = ERR_OK;
        break;
    }
}

/* ---- between steps, on the loop ---- */

static enum err row_to_tree(void *arg, enum table_id id, struct bytes key, struct bytes value)
{
    struct snap_build *b = arg;
    TRY(row_check(b, id, key, value));
    return btree_put(&b->next[id], key, value);
}

/* The end. The room outlives the event: the configuration is in it. */
static void finish(struct snap *s, enum err e, bool lost,
                   void (*tell)(void *arg, enum err e, const struct snap_meta *meta))
{
    struct snap_build *b = &s->build;
    struct snap_room *room = b->room;
    struct snap_meta meta = b->scan.meta;
    struct snap_item *item = b->item;
    if (b->file.file != NULL) {
        snap_blob_close(&b->file);
    }
    next_done(b);
    b->room = NULL;
    b->busy = false;
    b->result = e;
    snap_leave(s, item);
    if (lost && snap_find(s, &meta.id) == item) {
        snap_lose(s, item);
    }
    if (tell != NULL && !b->alone) {
        tell(s->handler.arg, e, e == ERR_OK ? &meta : NULL);
    }
    mem_free(s->mem, room);
}

static void give_up(struct snap *s, enum err e)
{
    struct snap_build *b = &s->build;
    if (b->tables->backing != NULL) {
        IGNORE(backing_build_end(b->tables->backing, false)); /* dropping never fails */
    }
    b->scan.meta.id = b->item->id;
    finish(s, e, e == ERR_MALFORMED || e == ERR_NEWER_FORMAT, s->handler.built);
}

/* The old rows' place is taken, if the files could be exchanged. */
static void swapped(struct snap *s)
{
    struct snap_build *b = &s->build;
    struct tables *t = b->tables;
    enum err e = b->result;
    if (t->backing != NULL) {
        enum err end = backing_build_end(t->backing, e == ERR_OK);
        e = e == ERR_OK ? end : e;
    }
    tables_adopt(t, b->next); /* the overlay belonged to the old rows in any case */
    finish(s, e, false, s->handler.swapped);
}

/* What follows a step; true: another one. */
static bool after(struct snap *s)
{
    struct snap_build *b = &s->build;
    enum err e = b->result;
    if (b->phase == SNAP_BUILD_SWAP) {
        swapped(s);
        return false;
    }
    if (e == ERR_OK && b->phase == SNAP_BUILD_ROWS && b->tables->backing == NULL &&
        b->scan.chunk.bytes > 0) {
        e = snap_scan_rows(&b->scan, row_to_tree, b);
    }
    e = e == ERR_OK && (b->cancelled || s->closing) ? ERR_SHUTTING_DOWN : e;
    if (e != ERR_OK) {
        MARK_IF(e == ERR_SHUTTING_DOWN, "store: an install is given up");
        give_up(s, e);
        return false;
    }
    bool built = b->phase == SNAP_BUILD_BUILT;
    if (built && !b->alone && s->handler.built != NULL) {
        s->handler.built(s->handler.arg, ERR_OK, &b->scan.meta); /* it may ask for the swap */
    }
    return !built;
}

static void submit(struct snap *s)
{
    s->build.flying = true;
    os_worker_submit(s->worker, &s->build.job);
}

static void done(void *arg)
{
    struct snap *s = arg;
    s->build.flying = false;
    if (after(s)) {
        submit(s);
    }
}

/* ---- the interface ---- */

static enum err begin(struct snap *s, struct tables *tables, const struct snap_id *id)
{
    struct snap_build *b = &s->build;
    struct snap_item *item = snap_find(s, id);
    if (item == NULL) {
        return ERR_NOT_FOUND;
    }
    if (b->busy || s->closing) {
        return ERR_BUSY;
    }
    struct snap_room *room = mem_alloc(s->mem, sizeof *room);
    if (room == NULL) {
        return ERR_NO_MEMORY;
    }
    snap_build_init(s);
    b->busy = true;
    b->room = room;
    b->tables = tables;
    b->item = item;
    b->check = s->handler.check;
    item->users++;
    for (int i = 0; i < TABLE_COUNT; i++) {
        btree_init(&b->next[i], tables->mem);
    }
    return ERR_OK;
}

enum err snap_build(struct snap *s, struct tables *tables, const struct snap_id *id)
{
    TRY(begin(s, tables, id));
    submit(s);
    return ERR_OK;
}

enum err snap_swap(struct snap *s)
{
    struct snap_build *b = &s->build;
    if (!b->busy || b->flying ||
        b->phase != SNAP_BUILD_BUILT) { /* in this order: see snap_impl.h */
        return ERR_NOT_FOUND;
    }
    if (b->tables->flushing || (s->make.busy && b->tables->backing != NULL)) {
        return ERR_BUSY;
    }
    b->tables->swapping = true;
    b->phase = SNAP_BUILD_SWAP;
    submit(s);
    return ERR_OK;
}

void snap_build_cancel(struct snap *s)
{
    struct snap_build *b = &s->build;
    if (!b->busy || b->tables->swapping) {
        return;
    }
    if (b->flying) {
        b->cancelled = true;
        return;
    }
    b->alone = true; /* `built` has come already */
    give_up(s, ERR_SHUTTING_DOWN);
}

/* Its term in the log; 0: it is in none of its runs. */
static uint64_t term_in(const struct log *log, const struct log_recovered *rec, uint64_t index)
{
    const struct log_run *runs = NULL;
    uint32_t count = log_runs(log, &runs);
    uint64_t term = index + 1 == rec->first ? rec->before_term : 0;
    for (uint32_t i = 0; i < count && runs[i].first <= index && index <= rec->last; i++) {
        term = runs[i].term;
    }
    return term;
}

enum err snap_gap(const struct snap *s, const struct log *log, const struct log_recovered *rec,
                  uint64_t applied, bool *out_needed, struct snap_id *out, struct diag *diag)
{
    *out_needed = applied + 1 < rec->first;
    if (!*out_needed) {
        return ERR_OK;
    }
    LIST_EACH(link, &s->items) {
        *out = CONTAINER_OF(link, struct snap_item, link)->id;
        if (out->index + 1 >= rec->first && out->term == term_in(log, rec, out->index)) {
            MARK("store: a snapshot closes a gap at start");
            return ERR_OK;
        }
    }
    MARK("store: a gap that no snapshot closes");
    return diag_set(diag, ERR_CORRUPT,
                    "the log begins at entry %llu, but the state machine ends at %llu, and there "
                    "is no snapshot of what is between. Restore this node from a peer",
                    (unsigned long long)rec->first, (unsigned long long)applied);
}

enum err snap_install(struct snap *s, struct tables *tables, const struct snap_id *id,
                      struct diag *diag)
{
    struct snap_build *b = &s->build;
    char name[SNAP_NAME_BYTES];
    enum err e = begin(s, tables, id);
    if (e == ERR_OK) {
        ASSERT(!tables->flushing);
        b->alone = true;
        do {
            run(s);
        } while (after(s));
        if (b->busy) { /* built */
            tables->swapping = true;
            b->phase = SNAP_BUILD_SWAP;
            run(s);
            swapped(s);
        }
        e = b->result;
    }
    if (e == ERR_OK) {
        return ERR_OK;
    }
    snap_name(id, "snap", name);
    e = e == ERR_MALFORMED ? ERR_CORRUPT : e;
    return diag_set(diag, e, "snapshot %s, which the state machine needs: %s", name, err_text(e));
}

void snap_build_init(struct snap *s)
{
    memset(&s->build, 0, sizeof s->build);
    s->build.job = (struct os_job){ .run = run, .done = done, .arg = s };
    list_init(&s->build.job.link);
}

void snap_build_close(struct snap *s)
{
    if (s->build.busy) {
        s->build.alone = true;
        give_up(s, ERR_SHUTTING_DOWN);
    }
}
