/* sim/history.c -- rows in one growing block, their texts in chunks that never move. */
#include "sim/history.h"

#include "base/panic.h"

enum {
    CHUNK_BYTES = 64 * 1024,
    ROWS_FIRST = 1024
};

struct history_chunk {
    struct history_chunk *older;
    size_t size;
    size_t used;
    uint8_t data[];
};

void history_init(struct history *h, struct mem *mem)
{
    memset(h, 0, sizeof *h);
    h->mem = mem;
}

void history_done(struct history *h)
{
    while (h->texts != NULL) {
        struct history_chunk *older = h->texts->older;
        mem_free(h->mem, h->texts);
        h->texts = older;
    }
    mem_free(h->mem, h->rows);
    history_init(h, h->mem);
}

static enum err rows_grow(struct history *h)
{
    if (h->row_count == HISTORY_ROWS_MAX) {
        return ERR_QUEUE_FULL;
    }
    if (h->row_count < h->row_capacity) {
        return ERR_OK;
    }
    uint32_t capacity = h->row_capacity == 0 ? ROWS_FIRST : 2 * h->row_capacity;
    capacity = capacity > HISTORY_ROWS_MAX ? HISTORY_ROWS_MAX : capacity;
    struct history_row *rows = mem_resize(h->mem, h->rows, capacity * sizeof *rows);
    if (rows == NULL) {
        return ERR_NO_MEMORY;
    }
    h->rows = rows;
    h->row_capacity = capacity;
    return ERR_OK;
}

/* Room for count more bytes in the newest chunk. */
static enum err texts_grow(struct history *h, size_t count)
{
    if (h->texts != NULL && h->texts->size - h->texts->used >= count) {
        return ERR_OK;
    }
    size_t size = count > CHUNK_BYTES ? count : CHUNK_BYTES;
    struct history_chunk *chunk = mem_alloc(h->mem, sizeof *chunk + size);
    if (chunk == NULL) {
        return ERR_NO_MEMORY;
    }
    chunk->older = h->texts;
    chunk->size = size;
    chunk->used = 0;
    h->texts = chunk;
    return ERR_OK;
}

static struct bytes keep(struct history *h, struct bytes text)
{
    if (text.data == NULL) {
        return text;
    }
    struct history_chunk *chunk = h->texts;
    ASSERT(chunk->size - chunk->used >= text.count);
    uint8_t *to = chunk->data + chunk->used;
    memcpy(to, text.data, text.count);
    chunk->used += text.count;
    return bytes_of(to, text.count);
}

/* The row without what the format does not have at its place. */
static struct history_row relevant(const struct history_row *row)
{
    struct history_row r = *row;
    bool inv = r.event == HISTORY_INV;
    bool ok = r.event == HISTORY_OK;
    bool valued =
        (inv && (r.op == HISTORY_PUT || r.op == HISTORY_CAS)) || (ok && r.op == HISTORY_GET);
    r.value = valued ? r.value : bytes_of(NULL, 0);
    r.old = inv && r.op == HISTORY_CAS ? r.old : bytes_of(NULL, 0);
    r.revision = ok ? r.revision : 0;
    return r;
}

enum err history_add(struct history *h, const struct history_row *row)
{
    struct history_row r = relevant(row);
    TRY(rows_grow(h));
    TRY(texts_grow(h, r.key.count + r.value.count + r.old.count));
    r.key = keep(h, r.key);
    r.value = keep(h, r.value);
    r.old = keep(h, r.old);
    h->rows[h->row_count++] = r;
    return ERR_OK;
}

const char *history_op_name(enum history_op op)
{
    static const char *const names[] = { "get", "put", "del", "cas" };
    return (unsigned)op < sizeof names / sizeof names[0] ? names[op] : "?";
}

const char *history_event_name(enum history_event event)
{
    static const char *const names[] = { "inv", "ok", "fail", "info" };
    return (unsigned)event < sizeof names / sizeof names[0] ? names[event] : "?";
}
