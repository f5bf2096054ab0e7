/* store/log_queue.h -- batches that wait for the disk, and the one that still gathers.
 *
 * Invariants: in order of their writes; only the newest grows; an install is alone in its batch
 * Owns:       the batches in it, counted in the account; one that was taken out comes back by
 *             log_queue_free
 * Thread:     the loop's; a batch that was taken out is the worker's while it is written
 */
#ifndef STORE_LOG_QUEUE_H
#define STORE_LOG_QUEUE_H

#include "base/list.h"
#include "store/log.h"
#include "store/vote.h"
#include "store/wal_batch.h"

struct log_batch {
    struct list link;
    uint64_t ticket; /* newest write that ends in it; 0: none does */
    struct wal_head head;
    bool hard;
    struct vote vote;
    uint8_t *block; /* as allocated */
    uint8_t *data;  /* aligned for unbuffered writes */
    size_t capacity;
};

struct log_queue {
    struct mem *mem;
    struct list list;
    struct log_batch *spare;
    size_t bytes; /* of records: queued, or taken out and not freed yet */
    uint64_t batch_bytes_max;
};

/* log_queue_init, log_queue_done -- empty; free what is in it. */
void log_queue_init(struct log_queue *q, struct mem *mem);
void log_queue_done(struct log_queue *q);

/* log_queue_first -- the oldest batch; NULL: there is none. */
struct log_batch *log_queue_first(const struct log_queue *q);

/* log_queue_new -- an empty batch at the end; NULL: no memory. */
struct log_batch *log_queue_new(struct log_queue *q);

/* log_queue_open -- the batch that still gathers, when it can take bytes more and, if asked for, a
 * truncation or an install; else a new one. NULL: no memory. */
struct log_batch *log_queue_open(struct log_queue *q, size_t bytes, bool truncates);

/* log_queue_add -- copy an entry into the newest batch. err ERR_NO_MEMORY. */
MUST_CHECK
enum err log_queue_add(struct log_queue *q, struct log_batch *b, const struct log_entry *e);

/* log_queue_ticket -- the write of this ticket ends in the newest batch. */
void log_queue_ticket(struct log_queue *q, uint64_t ticket);

/* log_queue_free -- the end of a batch that was taken out of the list. */
void log_queue_free(struct log_queue *q, struct log_batch *b);

#endif
