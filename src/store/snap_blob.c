/* store/snap_blob.c -- one interface, two places. */
#include "store/snap_blob.h"

#include "base/panic.h"

enum {
    PIECES_FIRST = 16
};

static enum err open_file(struct snap_blob *b, struct os_dir *dir, const char *name, uint32_t flags)
{
    memset(b, 0, sizeof *b);
    TRY(os_file_open(dir, name, flags, &b->file));
    enum err e = os_file_size(b->file, &b->bytes);
    if (e != ERR_OK) {
        snap_blob_close(b);
    }
    return e;
}

enum err snap_blob_open(struct snap_blob *b, struct os_dir *dir, const char *name)
{
    return open_file(b, dir, name, OS_OPEN_READ);
}

enum err snap_blob_create(struct snap_blob *b, struct os_dir *dir, const char *name)
{
    return open_file(b, dir, name, OS_OPEN_READ | OS_OPEN_WRITE | OS_OPEN_CREATE);
}

void snap_blob_memory(struct snap_blob *b, struct mem *mem)
{
    memset(b, 0, sizeof *b);
    b->mem = mem;
}

static enum err piece_add(struct snap_blob *b)
{
    if (b->piece_count == b->piece_capacity) {
        uint32_t capacity = b->piece_capacity == 0 ? PIECES_FIRST : b->piece_capacity * 2;
        uint8_t **moved = mem_resize(b->mem, b->piece, capacity * sizeof *moved);
        if (moved == NULL) {
            return ERR_NO_MEMORY;
        }
        b->piece = moved;
        b->piece_capacity = capacity;
    }
    uint8_t *piece = mem_alloc(b->mem, SNAP_PIECE_BYTES);
    if (piece == NULL) {
        return ERR_NO_MEMORY;
    }
    b->piece[b->piece_count++] = piece;
    return ERR_OK;
}

enum err snap_blob_append(struct snap_blob *b, struct bytes data)
{
    if (b->file != NULL) {
        TRY(os_file_write(b->file, b->bytes, data.data, data.count));
        b->bytes += data.count;
        return ERR_OK;
    }
    while (data.count > 0) {
        size_t at = (size_t)(b->bytes % SNAP_PIECE_BYTES);
        if (b->bytes / SNAP_PIECE_BYTES == b->piece_count) {
            TRY(piece_add(b));
        }
        size_t room = SNAP_PIECE_BYTES - at;
        size_t n = data.count < room ? data.count : room;
        memcpy(b->piece[b->piece_count - 1] + at, data.data, n);
        b->bytes += n;
        data = bytes_of(data.data + n, data.count - n);
    }
    return ERR_OK;
}

enum err snap_blob_cut(struct snap_blob *b, uint64_t bytes)
{
    ASSERT(bytes <= b->bytes);
    if (b->file != NULL && bytes < b->bytes) {
        TRY(os_file_truncate(b->file, bytes));
    }
    b->bytes = bytes;
    while (b->piece_count > (bytes + SNAP_PIECE_BYTES - 1) / SNAP_PIECE_BYTES) {
        mem_free(b->mem, b->piece[--b->piece_count]);
    }
    return ERR_OK;
}

enum err snap_blob_read(const struct snap_blob *b, uint64_t offset, void *out, size_t count,
                        size_t *out_count)
{
    if (b->file != NULL) {
        return os_file_read(b->file, offset, out, count, out_count);
    }
    uint64_t left = offset < b->bytes ? b->bytes - offset : 0;
    size_t want = count < left ? count : (size_t)left;
    for (size_t have = 0; have < want;) {
        size_t at = (size_t)((offset + have) % SNAP_PIECE_BYTES);
        size_t room = SNAP_PIECE_BYTES - at;
        size_t n = want - have < room ? want - have : room;
        memcpy((uint8_t *)out + have, b->piece[(offset + have) / SNAP_PIECE_BYTES] + at, n);
        have += n;
    }
    *out_count = want;
    return ERR_OK;
}

void snap_blob_close(struct snap_blob *b)
{
    if (b->file != NULL) {
        os_file_close(b->file);
        b->file = NULL;
        return;
    }
    while (b->piece_count > 0) {
        mem_free(b->mem, b->piece[--b->piece_count]);
    }
    mem_free(b->mem, b->piece);
    memset(b, 0, sizeof *b);
}
