/* store/log_cache.h -- the newest entries in memory, for peers and for apply.
 *
 * Invariants: holds first..last without a gap; what is not durable yet is never evicted
 * Owns:       the entries' bytes, counted in the account
 * Thread:     the loop's
 */
#ifndef STORE_LOG_CACHE_H
#define STORE_LOG_CACHE_H

#include "store/log.h"

struct log_cached {
    uint64_t term;
    uint8_t *data;
    uint32_t bytes;
    uint8_t kind;
};

struct log_cache {
    struct mem *mem;
    struct log_cached *slot;
    uint64_t capacity; /* power of two */
    uint64_t first;    /* first > last: empty */
    uint64_t last;
    uint64_t bytes;
};

/* log_cache_init -- empty; the next entry will be last + 1. */
void log_cache_init(struct log_cache *c, struct mem *mem, uint64_t last);
void log_cache_done(struct log_cache *c);

/* log_cache_push -- copy entry last + 1. err ERR_NO_MEMORY: nothing changed. */
MUST_CHECK
enum err log_cache_push(struct log_cache *c, const struct log_entry *e);

/* log_cache_truncate -- entries after `to` are gone. */
void log_cache_truncate(struct log_cache *c, uint64_t to);

/* log_cache_evict -- drop the oldest until at most bytes_max are held, none after durable. */
void log_cache_evict(struct log_cache *c, uint64_t bytes_max, uint64_t durable);

/* log_cache_forget -- entries up to `to` are gone, durable or not, and space for many more with
 * them. */
void log_cache_forget(struct log_cache *c, uint64_t to);

/* log_cache_reset -- all entries are gone; the next one will be last + 1. */
void log_cache_reset(struct log_cache *c, uint64_t last);

/* log_cache_find -- true and a view, or false when it is not held. */
bool log_cache_find(const struct log_cache *c, uint64_t index, struct log_entry *out);

#endif
