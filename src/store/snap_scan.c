/* store/snap_scan.c -- reading with checks; rows that lie across chunks are put together. */
#include "store/snap_scan.h"

#include "base/mark.h"
#include "base/panic.h"

static enum err read_exact(const struct snap_scan *s, uint64_t offset, void *out, size_t count)
{
    size_t have = 0;
    TRY(snap_blob_read(s->blob, offset, out, count, &have));
    return have == count ? ERR_OK : ERR_MALFORMED;
}

enum err snap_scan_begin(struct snap_scan *s, const struct snap_blob *blob, struct snap_room *room)
{
    size_t bytes = 0;
    memset(s, 0, sizeof *s);
    s->blob = blob;
    s->room = room;
    TRY(read_exact(s, 0, room->head, SNAP_HEAD_BYTES));
    TRY(snap_head_size(room->head, &bytes));
    TRY(read_exact(s, SNAP_HEAD_BYTES, room->head + SNAP_HEAD_BYTES, bytes - SNAP_HEAD_BYTES));
    TRY(snap_head_decode(bytes_of(room->head, bytes), &s->meta));
    blake3_init(&s->hash);
    blake3_update(&s->hash, room->head, bytes);
    s->offset = bytes;
    return ERR_OK;
}

static enum err end_read(struct snap_scan *s)
{
    uint8_t end[SNAP_END_BYTES];
    TRY(read_exact(s, s->offset, end, sizeof end));
    TRY(snap_end_decode(end, s->sequence, s->rows, &s->hash));
    bool good = s->row_bytes == 0 && s->offset + sizeof end == s->blob->bytes &&
                (s->meta.rows == SNAP_ROWS_UNKNOWN || s->meta.rows == s->rows);
    if (!good) {
        return ERR_MALFORMED;
    }
    s->offset += sizeof end;
    s->ended = true;
    return ERR_OK;
}

enum err snap_scan_next(struct snap_scan *s)
{
    uint8_t *chunk = s->room->chunk;
    ASSERT(!s->ended);
    TRY(read_exact(s, s->offset, chunk, SNAP_CHUNK_HEAD_BYTES));
    TRY(snap_chunk_decode(chunk, s->sequence, &s->chunk));
    if (s->chunk.bytes == 0) {
        return end_read(s);
    }
    size_t bytes = SNAP_CHUNK_HEAD_BYTES + (size_t)s->chunk.bytes;
    TRY(read_exact(s, s->offset + SNAP_CHUNK_HEAD_BYTES, chunk + SNAP_CHUNK_HEAD_BYTES,
                   s->chunk.bytes));
    if (!snap_chunk_good(&s->chunk, chunk)) {
        MARK("store: a chunk of a snapshot is damaged");
        return ERR_MALFORMED;
    }
    blake3_update(&s->hash, chunk, bytes);
    s->offset += bytes;
    s->sequence++;
    return ERR_OK;
}

/* ---- Rows ---- */

/* Bytes of a row from its head, or 0 when there is no such row. */
static size_t row_size(const uint8_t *head)
{
    struct reader r = reader_of(bytes_of(head, SNAP_ROW_HEAD_BYTES));
    uint8_t table = reader_u8(&r);
    uint32_t key = reader_u32(&r);
    uint32_t value = reader_u32(&r);
    bool good = table < TABLE_COUNT && key > 0 && key <= BTREE_KEY_BYTES_MAX &&
                value <= SNAP_VALUE_BYTES_MAX;
    return good ? SNAP_ROW_HEAD_BYTES + (size_t)key + value : 0;
}

/* A whole row, larger than the one before. */
static enum err row_take(struct snap_scan *s, const uint8_t *row, size_t bytes, snap_row_fn fn,
                         void *arg)
{
    struct reader r = reader_of(bytes_of(row, bytes));
    uint8_t table = reader_u8(&r);
    uint32_t key_bytes = reader_u32(&r);
    reader_u32(&r);
    struct bytes key = reader_take(&r, key_bytes);
    struct bytes value = reader_take(&r, reader_left(&r));
    bool later =
        !s->any || table > s->last_table ||
        (table == s->last_table && bytes_compare(key, bytes_of(s->room->last, s->last_bytes)) > 0);
    if (r.bad || !later) {
        return ERR_MALFORMED;
    }
    memcpy(s->room->last, key.data, key.count);
    s->last_bytes = key.count;
    s->last_table = table;
    s->any = true;
    s->rows++;
    return fn != NULL ? fn(arg, (enum table_id)table, key, value) : ERR_OK;
}

/* Add at most so many bytes to the row that is put together; returns how many it took. */
static size_t row_fill(struct snap_scan *s, struct bytes data, size_t want)
{
    size_t need = want > s->row_bytes ? want - s->row_bytes : 0;
    size_t n = data.count < need ? data.count : need;
    memcpy(s->room->row + s->row_bytes, data.data, n);
    s->row_bytes += n;
    return n;
}

enum err snap_scan_rows(struct snap_scan *s, snap_row_fn fn, void *arg)
{
    struct bytes data = bytes_of(s->room->chunk + SNAP_CHUNK_HEAD_BYTES, s->chunk.bytes);
    while (data.count > 0) {
        size_t size = SNAP_ROW_HEAD_BYTES;
        if (s->row_bytes < SNAP_ROW_HEAD_BYTES) {
            size_t n = row_fill(s, data, SNAP_ROW_HEAD_BYTES);
            data = bytes_of(data.data + n, data.count - n);
        }
        if (s->row_bytes < SNAP_ROW_HEAD_BYTES) {
            return ERR_OK;
        }
        size = row_size(s->room->row);
        if (size == 0) {
            return ERR_MALFORMED;
        }
        size_t n = row_fill(s, data, size);
        data = bytes_of(data.data + n, data.count - n);
        if (s->row_bytes < size) {
            MARK("store: a row of a snapshot goes on in the next chunk");
            return ERR_OK;
        }
        s->row_bytes = 0;
        TRY(row_take(s, s->room->row, size, fn, arg));
    }
    return ERR_OK;
}

enum err snap_scan_all(struct snap_scan *s, const struct snap_blob *blob, struct snap_room *room)
{
    TRY(snap_scan_begin(s, blob, room));
    TRY(snap_scan_next(s));
    while (!s->ended) {
        TRY(snap_scan_rows(s, NULL, NULL));
        TRY(snap_scan_next(s));
    }
    return ERR_OK;
}
