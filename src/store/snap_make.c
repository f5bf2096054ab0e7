/* store/snap_make.c -- a snapshot is written: head, rows in chunks, end; a step a job.
 *
 * Why: steps, because a job cannot wait, and the log's disk must not be flooded; what a step adds
 *      goes to a file in the job, to memory at its end
 */
#include "base/mark.h"
#include "base/panic.h"
#include "store/snap_impl.h"

/* ---- steps, on the worker ---- */

static enum err head_step(struct snap *s)
{
    struct snap_make *m = &s->make;
    struct writer w = writer_of(m->room->row, SNAP_HEAD_BYTES_MAX);
    snap_head_encode(&m->meta, &w);
    ASSERT(!w.bad);
    m->out = writer_bytes(&w);
    if (s->dir != NULL) {
        char name[SNAP_NAME_BYTES];
        snap_name(&m->meta.id, "part", name);
        TRY(snap_blob_create(&m->blob, s->dir, name));
    }
    m->phase = SNAP_MAKE_ROWS;
    return ERR_OK;
}

/* The row that comes next, of this table or a later one; m->row is false at the end of all. */
static enum err row_next(struct snap_make *m)
{
    while (m->table < TABLE_COUNT) {
        struct bytes from = bytes_of(m->room->last, m->last_bytes);
        enum err e =
            tables_view_seek(&m->view, m->table, from, m->last_bytes > 0, &m->key, &m->value);
        if (e == ERR_OK) {
            if (m->key.count > BTREE_KEY_BYTES_MAX || m->value.count > SNAP_VALUE_BYTES_MAX) {
                return ERR_CORRUPT; /* no such row is ever put */
            }
            memcpy(m->room->last, m->key.data, m->key.count);
            m->last_bytes = m->key.count;
            m->row = true;
            m->row_at = 0;
            m->rows++;
            return ERR_OK;
        }
        if (e != ERR_NOT_FOUND) {
            return e;
        }
        m->table = (enum table_id)(m->table + 1);
        m->last_bytes = 0;
    }
    return ERR_OK;
}

/* Copy what is left of a part of the row that begins at `at` in it; returns how much. */
static size_t part_copy(struct snap_make *m, struct bytes part, size_t at, uint8_t *out,
                        size_t room)
{
    size_t skip = m->row_at > at ? m->row_at - at : 0;
    if (skip >= part.count || room == 0) {
        return 0;
    }
    size_t n = part.count - skip < room ? part.count - skip : room;
    memcpy(out, part.data + skip, n);
    m->row_at += n;
    return n;
}

static size_t row_copy(struct snap_make *m, uint8_t *out, size_t room)
{
    uint8_t head[SNAP_ROW_HEAD_BYTES];
    struct writer w = writer_of(head, sizeof head);
    writer_u8(&w, (uint8_t)m->table);
    writer_u32(&w, (uint32_t)m->key.count);
    writer_u32(&w, (uint32_t)m->value.count);
    struct bytes key = bytes_of(m->room->last, m->last_bytes); /* the view's own may have moved */
    size_t key_at = sizeof head;
    size_t value_at = key_at + key.count;
    size_t n = part_copy(m, writer_bytes(&w), 0, out, room);
    n += part_copy(m, key, key_at, out + n, room - n);
    n += part_copy(m, m->value, value_at, out + n, room - n);
    m->row = m->row_at < value_at + m->value.count;
    return n;
}

static enum err rows_step(struct snap_make *m)
{
    uint8_t *data = m->room->chunk + SNAP_CHUNK_HEAD_BYTES;
    size_t fill = 0;
    while (fill < SNAP_CHUNK_BYTES_MAX) {
        if (!m->row) {
            TRY(row_next(m));
        }
        if (!m->row) {
            m->phase = SNAP_MAKE_END;
            break;
        }
        fill += row_copy(m, data + fill, SNAP_CHUNK_BYTES_MAX - fill);
    }
    if (fill > 0) {
        snap_chunk_encode(m->room->chunk, (uint32_t)fill, m->sequence++);
        m->out = bytes_of(m->room->chunk, SNAP_CHUNK_HEAD_BYTES + fill);
    }
    return ERR_OK;
}

static void abandon(struct snap *s)
{
    struct snap_make *m = &s->make;
    if (s->dir != NULL && m->blob.file != NULL) {
        snap_blob_close(&m->blob);
    }
    if (s->dir != NULL) {
        char name[SNAP_NAME_BYTES];
        snap_name(&m->meta.id, "part", name);
        IGNORE(os_dir_unlink(s->dir, name)); /* what stays is removed at the next start */
    }
}

static enum err step(struct snap *s)
{
    struct snap_make *m = &s->make;
    bool end = m->phase == SNAP_MAKE_END;
    m->out = (struct bytes){ 0 };
    if (m->phase == SNAP_MAKE_HEAD) {
        TRY(head_step(s));
    } else if (m->phase == SNAP_MAKE_ROWS) {
        TRY(rows_step(m));
    } else {
        snap_end_encode(m->room->chunk, m->sequence, m->rows, &m->hash);
        m->out = bytes_of(m->room->chunk, SNAP_END_BYTES);
    }
    if (!end && m->out.count > 0) {
        blake3_update(&m->hash, m->out.data, m->out.count);
    }
    if (s->dir != NULL && m->out.count > 0) {
        TRY(snap_blob_append(&m->blob, m->out));
    }
    if (end) {
        TRY(snap_finish(s, &m->meta.id, &m->blob));
        m->phase = SNAP_MAKE_WHOLE;
    }
    return ERR_OK;
}

static void run(void *arg)
{
    struct snap *s = arg;
    if (s->make.phase == SNAP_MAKE_ABANDON) {
        abandon(s);
        return;
    }
    s->make.result = step(s);
}

/* ---- between steps, on the loop ---- */

static void submit(struct snap *s)
{
    s->make.told = s->make.blob.bytes;
    s->make.flying = true;
    os_worker_submit(s->worker, &s->make.job);
}

/* The end, one way or the other. */
static void finish(struct snap *s, enum err e)
{
    struct snap_make *m = &s->make;
    if (e == ERR_OK) {
        e = snap_add(s, &m->meta.id, &m->blob);
        m->blob = e == ERR_OK ? (struct snap_blob){ 0 } : m->blob;
    }
    if (e != ERR_OK && s->dir == NULL) {
        snap_blob_close(&m->blob);
    }
    tables_view_close(&m->view);
    struct snap_room *room = m->room; /* conf is in it */
    m->room = NULL;
    m->busy = false;
    if (s->handler.made != NULL) {
        s->handler.made(s->handler.arg, e, e == ERR_OK ? &m->meta : NULL);
    }
    mem_free(s->mem, room);
}

static void give_up(struct snap *s, enum err why)
{
    struct snap_make *m = &s->make;
    m->why = why;
    m->phase = SNAP_MAKE_ABANDON;
    if (s->closing) {
        abandon(s);
        finish(s, why);
        return;
    }
    submit(s);
}

/* The next step, when its time has come. */
static void go_on(struct snap *s)
{
    struct snap_make *m = &s->make;
    uint64_t took = m->blob.bytes / SNAP_BYTES_PER_S * NS_PER_S +
                    m->blob.bytes % SNAP_BYTES_PER_S * NS_PER_S / SNAP_BYTES_PER_S;
    uint64_t due = m->began_ns + took;
    if (due <= os_now(s->os) || os_timer_set(s->os, &m->timer, due) != ERR_OK) {
        submit(s);
    }
}

static void due(void *arg, uint64_t now_ns)
{
    (void)now_ns;
    submit(arg);
}

static void done(void *arg)
{
    struct snap *s = arg;
    struct snap_make *m = &s->make;
    m->flying = false;
    if (m->phase == SNAP_MAKE_ABANDON) {
        finish(s, m->why);
        return;
    }
    enum err e = m->result;
    if (e == ERR_OK && s->dir == NULL && m->out.count > 0) {
        e = snap_blob_append(&m->blob, m->out);
    }
    if (e == ERR_OK && m->phase == SNAP_MAKE_WHOLE) {
        finish(s, ERR_OK); /* too late to give it up */
        return;
    }
    e = e == ERR_OK && (m->cancelled || s->closing) ? ERR_SHUTTING_DOWN : e;
    if (e != ERR_OK) {
        MARK_IF(e == ERR_SHUTTING_DOWN, "store: a snapshot is given up");
        give_up(s, e);
        return;
    }
    go_on(s);
}

enum err snap_make(struct snap *s, struct tables *tables, const struct snap_meta *meta)
{
    struct snap_make *m = &s->make;
    ASSERT(meta->conf.count <= SNAP_CONF_BYTES_MAX);
    if (m->busy || s->closing) {
        return ERR_BUSY;
    }
    struct snap_room *room = mem_alloc(s->mem, sizeof *room);
    if (room == NULL) {
        return ERR_NO_MEMORY;
    }
    struct tables_view view;
    enum err e = tables_view_open(tables, &view);
    if (e != ERR_OK) {
        mem_free(s->mem, room);
        return e;
    }
    snap_make_init(s);
    m->busy = true;
    m->room = room;
    m->view = view;
    m->meta = *meta;
    os_entropy(s->os, &m->meta.id.id, sizeof m->meta.id.id);
    if (meta->conf.count > 0) {
        memcpy(room->head, meta->conf.data, meta->conf.count);
    }
    m->meta.conf = bytes_of(room->head, meta->conf.count);
    m->began_ns = os_now(s->os);
    blake3_init(&m->hash);
    if (s->dir == NULL) {
        snap_blob_memory(&m->blob, s->mem);
    }
    submit(s);
    return ERR_OK;
}

bool snap_making(const struct snap *s, uint64_t *out_bytes)
{
    *out_bytes = s->make.told;
    return s->make.busy;
}

void snap_make_cancel(struct snap *s)
{
    struct snap_make *m = &s->make;
    if (!m->busy || m->cancelled) {
        return;
    }
    m->cancelled = true;
    if (!m->flying) { /* it waits for its time */
        os_timer_cancel(s->os, &m->timer);
        give_up(s, ERR_SHUTTING_DOWN);
    }
}

void snap_make_init(struct snap *s)
{
    memset(&s->make, 0, sizeof s->make);
    s->make.job = (struct os_job){ .run = run, .done = done, .arg = s };
    list_init(&s->make.job.link);
    os_timer_init(&s->make.timer, due, s);
}

void snap_make_close(struct snap *s)
{
    os_timer_cancel(s->os, &s->make.timer);
    if (s->make.busy) {
        give_up(s, ERR_SHUTTING_DOWN);
    }
}
