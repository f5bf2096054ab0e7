/* store/snap_read.c -- the bytes of a snapshot by offset, for whoever sends them. */
#include "base/mark.h"
#include "store/snap_impl.h"

struct snap_reader {
    struct snap *s;
    struct snap_item *item;
    struct snap_blob file; /* on disk: a handle of its own */
};

static const struct snap_blob *bytes_of_reader(const struct snap_reader *r)
{
    return r->s->dir != NULL ? &r->file : &r->item->blob;
}

static enum err file_open(struct snap *s, const struct snap_id *id, struct snap_blob *out)
{
    char name[SNAP_NAME_BYTES];
    snap_name(id, "snap", name);
    enum err e = snap_blob_open(out, s->dir, name);
    return e == ERR_NO_FILE ? ERR_NOT_FOUND : e;
}

enum err snap_reader_open(struct snap *s, const struct snap_id *id, struct snap_reader **out)
{
    struct snap_item *item = snap_find(s, id);
    if (item == NULL) {
        return ERR_NOT_FOUND;
    }
    struct snap_reader *r = mem_alloc(s->mem, sizeof *r);
    if (r == NULL) {
        return ERR_NO_MEMORY;
    }
    memset(r, 0, sizeof *r);
    r->s = s;
    r->item = item;
    enum err e = s->dir != NULL ? file_open(s, id, &r->file) : ERR_OK;
    if (e != ERR_OK) {
        mem_free(s->mem, r);
        return e;
    }
    item->users++;
    *out = r;
    return ERR_OK;
}

uint64_t snap_reader_bytes(const struct snap_reader *r)
{
    return bytes_of_reader(r)->bytes;
}

enum err snap_reader_read(struct snap_reader *r, uint64_t offset, void *out, size_t count,
                          size_t *out_count)
{
    uint64_t bytes = snap_reader_bytes(r);
    uint64_t left = offset < bytes ? bytes - offset : 0;
    size_t want = count < left ? count : (size_t)left;
    TRY(snap_blob_read(bytes_of_reader(r), offset, out, want, out_count));
    MARK_IF(*out_count < want, "store: a snapshot is cut short while it is read");
    return *out_count < want ? ERR_CORRUPT : ERR_OK;
}

void snap_reader_close(struct snap_reader *r)
{
    struct snap *s = r->s;
    if (s->dir != NULL) {
        snap_blob_close(&r->file);
    }
    snap_leave(s, r->item);
    mem_free(s->mem, r);
}

static enum err head_read(const struct snap_blob *b, uint8_t *room, struct snap_meta *out)
{
    size_t have = 0;
    size_t bytes = 0;
    TRY(snap_blob_read(b, 0, room, SNAP_HEAD_BYTES_MAX, &have));
    if (have < SNAP_HEAD_BYTES) {
        return ERR_MALFORMED;
    }
    TRY(snap_head_size(room, &bytes));
    return bytes <= have ? snap_head_decode(bytes_of(room, bytes), out) : ERR_MALFORMED;
}

enum err snap_meta(struct snap *s, const struct snap_id *id, uint8_t *room, struct snap_meta *out)
{
    struct snap_reader *r = NULL;
    TRY(snap_reader_open(s, id, &r));
    enum err e = head_read(bytes_of_reader(r), room, out);
    e = e == ERR_OK && !snap_id_equal(&out->id, id) ? ERR_MALFORMED : e;
    snap_reader_close(r);
    return e;
}
