/* store/snap_receive.c -- bytes of a snapshot arrive in order, and count when all are right.
 *
 * Why: how far it came is not written down: after a restart the chunks themselves say it, each by
 *      its checksum. So nothing has to be synced before the end.
 */
#include "base/mark.h"
#include "base/panic.h"
#include "store/snap_impl.h"

/* ---- jobs ---- */

/* How much of a part is whole, from its beginning. */
static enum err whole_bytes(struct snap_receive *r, uint64_t *out)
{
    struct snap_scan *scan = &r->scan;
    enum err e = snap_scan_begin(scan, &r->blob, r->room);
    while (e == ERR_OK && !scan->ended) {
        *out = scan->offset;
        e = snap_scan_next(scan);
        e = e == ERR_OK && !scan->ended ? snap_scan_rows(scan, NULL, NULL) : e;
    }
    *out = scan->ended ? scan->offset : *out;
    if (*out > 0 && !snap_id_equal(&scan->meta.id, &r->id)) {
        *out = 0; /* its name is not its own */
    }
    return e == ERR_MALFORMED || e == ERR_NEWER_FORMAT ? ERR_OK : e;
}

static enum err resume(struct snap *s)
{
    struct snap_receive *r = &s->receive;
    uint64_t whole = 0;
    char name[SNAP_NAME_BYTES];
    if (s->dir == NULL) {
        return ERR_OK;
    }
    if (r->others) {
        TRY(snap_remove_parts(s, &r->id));
    }
    snap_name(&r->id, "part", name);
    TRY(snap_blob_create(&r->blob, s->dir, name));
    if (r->blob.bytes > 0) {
        TRY(whole_bytes(r, &whole));
        MARK_IF(whole > 0, "store: a snapshot is received further after a restart");
    }
    bool fits = whole < r->bytes || (whole == r->bytes && r->scan.ended);
    return snap_blob_cut(&r->blob, fits ? whole : 0);
}

static enum err verify(struct snap *s)
{
    struct snap_receive *r = &s->receive;
    TRY(snap_scan_all(&r->scan, &r->blob, r->room));
    if (!snap_id_equal(&r->scan.meta.id, &r->id)) {
        MARK("store: another snapshot came than was announced");
        return ERR_MALFORMED;
    }
    return snap_finish(s, &r->id, &r->blob);
}

/* What came is no snapshot. */
static void part_remove(struct snap *s)
{
    struct snap_receive *r = &s->receive;
    if (s->dir != NULL) {
        char name[SNAP_NAME_BYTES];
        snap_name(&r->id, "part", name);
        snap_blob_close(&r->blob);
        IGNORE(os_dir_unlink(s->dir, name)); /* it will be found wrong again */
    }
}

/* Without room the rest will not come, and what came must not keep it from others. */
static enum err append(struct snap *s)
{
    struct snap_receive *r = &s->receive;
    if (s->dir == NULL) {
        return ERR_OK; /* the account of its memory is the loop's */
    }
    enum err e = snap_blob_append(&r->blob, bytes_of(r->room->chunk, r->count));
    if (e == ERR_NO_SPACE) {
        MARK("store: no space for what is received of a snapshot");
        TRY(snap_blob_cut(&r->blob, 0));
    }
    return e;
}

static void run(void *arg)
{
    struct snap *s = arg;
    struct snap_receive *r = &s->receive;
    switch (r->phase) {
    case SNAP_RECEIVE_RESUME:
        r->result = resume(s);
        break;
    case SNAP_RECEIVE_APPEND:
        r->result = append(s);
        break;
    case SNAP_RECEIVE_VERIFY:
        r->result = verify(s);
        if (r->result == ERR_MALFORMED || r->result == ERR_NEWER_FORMAT) {
            part_remove(s);
        }
        break;
    case SNAP_RECEIVE_READY:
        r->result = ERR_OK;
        break;
    }
}

/* ---- their ends ---- */

static void submit(struct snap *s, enum snap_receive_phase phase)
{
    s->receive.phase = phase;
    s->receive.offset = s->receive.blob.bytes;
    s->receive.flying = true;
    os_worker_submit(s->worker, &s->receive.job);
}

static void release(struct snap *s)
{
    struct snap_receive *r = &s->receive;
    if (s->dir == NULL || r->blob.file != NULL) {
        snap_blob_close(&r->blob);
    }
    mem_free(s->mem, r->room);
    r->room = NULL;
    r->busy = false;
}

static void told(struct snap *s, enum err e, const struct snap_id *id, uint64_t offset)
{
    if (s->handler.stored != NULL) {
        s->handler.stored(s->handler.arg, e, id, offset);
    }
}

static void ended(struct snap *s, enum err e)
{
    struct snap_receive *r = &s->receive;
    struct snap_meta meta = r->scan.meta;
    if (e == ERR_OK) {
        e = snap_add(s, &r->id, &r->blob);
        r->blob = e == ERR_OK ? (struct snap_blob){ 0 } : r->blob;
    }
    struct snap_room *room = r->room; /* conf is in it */
    r->room = NULL;
    release(s);
    if (s->handler.received != NULL) {
        s->handler.received(s->handler.arg, e, e == ERR_OK ? &meta : NULL);
    }
    mem_free(s->mem, room);
}

static void done(void *arg)
{
    struct snap *s = arg;
    struct snap_receive *r = &s->receive;
    enum snap_receive_phase phase = r->phase;
    enum err e = r->result;
    r->flying = false;
    r->phase = SNAP_RECEIVE_READY;
    if (phase == SNAP_RECEIVE_VERIFY && (e == ERR_OK || !r->cancelled)) {
        ended(s, e);
        return;
    }
    if (r->cancelled || s->closing) {
        release(s);
        return;
    }
    if (e == ERR_OK && phase == SNAP_RECEIVE_APPEND && s->dir == NULL) {
        e = snap_blob_append(&r->blob, bytes_of(r->room->chunk, r->count));
    }
    struct snap_id id = r->id;
    uint64_t offset = r->blob.bytes;
    if (e != ERR_OK && phase == SNAP_RECEIVE_RESUME) {
        release(s);
    } else if (e == ERR_OK && offset == r->bytes) {
        submit(s, SNAP_RECEIVE_VERIFY);
    }
    told(s, e, &id, offset); /* last: it may ask for anything */
}

/* ---- the interface ---- */

/* What of it is here already takes no more room. */
static enum err room_for(struct snap *s, const struct snap_id *id, uint64_t bytes)
{
    char name[SNAP_NAME_BYTES];
    struct os_space space;
    struct os_stat part = { 0 };
    if (s->dir == NULL) {
        return bytes > s->mem->limit - s->mem->used ? ERR_NO_MEMORY : ERR_OK;
    }
    snap_name(id, "part", name);
    enum err e = os_dir_stat(s->dir, name, &part);
    if (e != ERR_OK && e != ERR_NO_FILE) {
        return e;
    }
    TRY(os_dir_space(s->dir, &space));
    return bytes > space.free_bytes && bytes - space.free_bytes > part.bytes ? ERR_NO_SPACE
                                                                             : ERR_OK;
}

enum err snap_receive(struct snap *s, const struct snap_id *id, uint64_t bytes)
{
    struct snap_receive *r = &s->receive;
    if (snap_find(s, id) != NULL) {
        return ERR_FILE_EXISTS;
    }
    if (bytes < SNAP_HEAD_BYTES + SNAP_END_BYTES || bytes > SNAP_BYTES_MAX) {
        return ERR_MALFORMED;
    }
    if (r->flying || s->closing) {
        return ERR_BUSY;
    }
    TRY(room_for(s, id, bytes));
    if (r->busy && snap_id_equal(&r->id, id) && r->bytes == bytes) {
        submit(s, SNAP_RECEIVE_READY);
        return ERR_OK;
    }
    if (r->busy) {
        release(s);
    }
    struct snap_room *room = mem_alloc(s->mem, sizeof *room);
    if (room == NULL) {
        return ERR_NO_MEMORY;
    }
    snap_receive_init(s);
    r->busy = true;
    r->room = room;
    r->id = *id;
    r->bytes = bytes;
    r->others = !s->make.busy; /* else one of them is being made */
    if (s->dir == NULL) {
        snap_blob_memory(&r->blob, s->mem);
    }
    submit(s, SNAP_RECEIVE_RESUME);
    return ERR_OK;
}

enum err snap_receive_chunk(struct snap *s, const struct snap_id *id, uint64_t offset,
                            struct bytes data)
{
    struct snap_receive *r = &s->receive;
    if (!r->busy || r->cancelled || !snap_id_equal(&r->id, id)) {
        return ERR_NOT_FOUND;
    }
    if (r->flying) {
        return ERR_BUSY;
    }
    if (offset != r->blob.bytes) {
        return ERR_BAD_REQUEST;
    }
    if (data.count == 0 || data.count > SNAP_CHUNK_BYTES_MAX ||
        data.count > r->bytes - r->blob.bytes) {
        return ERR_MALFORMED;
    }
    memcpy(r->room->chunk, data.data, data.count);
    r->count = data.count;
    submit(s, SNAP_RECEIVE_APPEND);
    return ERR_OK;
}

bool snap_receiving(const struct snap *s, struct snap_id *out_id, uint64_t *out_offset)
{
    const struct snap_receive *r = &s->receive;
    if (!r->busy || r->cancelled) {
        return false;
    }
    *out_id = r->id;
    *out_offset = r->flying ? r->offset : r->blob.bytes;
    return true;
}

void snap_receive_cancel(struct snap *s)
{
    struct snap_receive *r = &s->receive;
    if (r->busy && r->flying) {
        r->cancelled = true;
    } else if (r->busy) {
        release(s);
    }
}

void snap_receive_init(struct snap *s)
{
    memset(&s->receive, 0, sizeof s->receive);
    s->receive.job = (struct os_job){ .run = run, .done = done, .arg = s };
    list_init(&s->receive.job.link);
}

void snap_receive_close(struct snap *s)
{
    if (s->receive.busy) {
        release(s);
    }
}
