/* store/log_queue.c -- gathering: encoding entries into buffers that grow by doubling. */
#include "store/log_queue.h"

#include "base/mark.h"
#include "base/mem.h"
#include "base/panic.h"

enum {
    LOG_BUFFER_BYTES_FIRST = 16 * 1024,
    LOG_BUFFER_BYTES_KEPT = 256 * 1024, /* larger buffers are given back after use */
};

void log_queue_init(struct log_queue *q, struct mem *mem)
{
    memset(q, 0, sizeof *q);
    q->mem = mem;
    list_init(&q->list);
}

static void drop(struct log_queue *q, struct log_batch *b)
{
    mem_free(q->mem, b->block);
    mem_free(q->mem, b);
}

void log_queue_done(struct log_queue *q)
{
    struct log_batch *b = log_queue_first(q);
    while (b != NULL) {
        list_remove(&b->link);
        drop(q, b);
        b = log_queue_first(q);
    }
    if (q->spare != NULL) {
        drop(q, q->spare);
        q->spare = NULL;
    }
}

struct log_batch *log_queue_first(const struct log_queue *q)
{
    return q->list.next != &q->list ? CONTAINER_OF(q->list.next, struct log_batch, link) : NULL;
}

static enum err batch_grow(struct log_queue *q, struct log_batch *b, size_t capacity)
{
    uint8_t *block = mem_alloc(q->mem, capacity + WAL_BLOCK_BYTES);
    if (block == NULL) {
        return ERR_NO_MEMORY;
    }
    uintptr_t at = ((uintptr_t)block + WAL_BLOCK_BYTES - 1) & ~(uintptr_t)(WAL_BLOCK_BYTES - 1);
    uint8_t *data = (uint8_t *)at;
    if (b->data != NULL) {
        memcpy(data, b->data, WAL_HEAD_BYTES + (size_t)b->head.body_bytes);
    }
    mem_free(q->mem, b->block);
    b->block = block;
    b->data = data;
    b->capacity = capacity;
    return ERR_OK;
}

void log_queue_free(struct log_queue *q, struct log_batch *b)
{
    q->bytes -= b->head.body_bytes;
    if (q->spare == NULL && b->capacity <= LOG_BUFFER_BYTES_KEPT) {
        q->spare = b;
        return;
    }
    drop(q, b);
}

struct log_batch *log_queue_new(struct log_queue *q)
{
    struct log_batch *b = q->spare;
    q->spare = NULL;
    if (b == NULL) {
        b = mem_alloc(q->mem, sizeof *b);
        if (b == NULL) {
            return NULL;
        }
        memset(b, 0, sizeof *b);
        if (batch_grow(q, b, LOG_BUFFER_BYTES_FIRST) != ERR_OK) {
            mem_free(q->mem, b);
            return NULL;
        }
    }
    memset(&b->head, 0, sizeof b->head);
    b->head.first = 1; /* first > last: no entries */
    b->ticket = 0;
    b->hard = false;
    list_push_back(&q->list, &b->link);
    return b;
}

struct log_batch *log_queue_open(struct log_queue *q, size_t bytes, bool truncates)
{
    if (log_queue_first(q) != NULL) {
        struct log_batch *b = CONTAINER_OF(q->list.prev, struct log_batch, link);
        bool fits = b->head.entries == 0 || b->head.body_bytes + bytes <= q->batch_bytes_max;
        bool virgin = b->head.entries == 0 && b->head.flags == 0;
        bool alone = (b->head.flags & WAL_FLAG_INSTALL) != 0;
        MARK_IF(!fits, "store: a batch is full");
        MARK_IF(truncates && !virgin, "store: a truncation needs a batch of its own");
        MARK_IF(alone, "store: entries follow an install at once");
        if (fits && !alone && (!truncates || virgin)) {
            return b;
        }
    }
    return log_queue_new(q);
}

enum err log_queue_add(struct log_queue *q, struct log_batch *b, const struct log_entry *e)
{
    size_t need = WAL_HEAD_BYTES + (size_t)b->head.body_bytes + WAL_RECORD_HEAD_BYTES +
                  e->data.count + WAL_BLOCK_BYTES;
    size_t capacity = b->capacity;
    while (capacity < need) {
        capacity *= 2;
    }
    if (capacity != b->capacity) {
        TRY(batch_grow(q, b, capacity));
    }
    struct wal_record rec = { e->term, e->kind, e->data };
    struct writer w = writer_of(b->data + WAL_HEAD_BYTES + b->head.body_bytes,
                                WAL_RECORD_HEAD_BYTES + e->data.count);
    wal_record_encode(&rec, &w);
    ASSERT(!w.bad);
    if (b->head.entries == 0) {
        b->head.first = e->index;
    }
    b->head.flags &= (uint16_t)~WAL_FLAG_SEAL; /* one that waited: it says nothing of these */
    b->head.last = e->index;
    b->head.last_term = e->term;
    b->head.entries++;
    b->head.body_bytes += (uint32_t)w.offset;
    q->bytes += w.offset;
    return ERR_OK;
}

void log_queue_ticket(struct log_queue *q, uint64_t ticket)
{
    ASSERT(log_queue_first(q) != NULL);
    CONTAINER_OF(q->list.prev, struct log_batch, link)->ticket = ticket;
}
