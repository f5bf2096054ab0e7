/* store/wal_index.h -- where on disk an entry is: one record for each stretch of batches.
 *
 * Shape:      a record covers entries first..last, held by neighbouring batches from one place on;
 *             a new one begins every WAL_INDEX_SPAN bytes, with a segment, and after a truncation
 * Invariants: records are in order of index and do not overlap; inside one no entry occurs twice
 * Owns:       the array, counted in the account
 * Thread:     the loop's
 */
#ifndef STORE_WAL_INDEX_H
#define STORE_WAL_INDEX_H

#include "base/mem.h"

#include <stdint.h>

enum {
    WAL_INDEX_SPAN = 64 * 1024
};

struct wal_place {
    uint64_t segment;
    uint64_t offset;
};

struct wal_stretch {
    uint64_t first;
    uint64_t last;
    struct wal_place place;
    uint64_t end_offset; /* of its last batch */
};

struct wal_index {
    struct mem *mem;
    struct wal_stretch *stretch;
    uint32_t count;
    uint32_t capacity;
    bool cut; /* a truncation came: the next batch begins a stretch */
};

/* wal_index_init, wal_index_done -- no entries; free the stretches. */
void wal_index_init(struct wal_index *x, struct mem *mem);
void wal_index_done(struct wal_index *x);

/* wal_index_add -- a batch of bytes at place holds first..last. err ERR_NO_MEMORY. */
MUST_CHECK
enum err wal_index_add(struct wal_index *x, uint64_t first, uint64_t last, struct wal_place place,
                       uint64_t bytes);

/* wal_index_truncate -- entries after `to` are gone. */
void wal_index_truncate(struct wal_index *x, uint64_t to);

/* wal_index_forget -- stretches without an entry after `to` are gone, and their space. */
void wal_index_forget(struct wal_index *x, uint64_t to);

/* wal_index_find -- the stretch that holds index, or NULL. */
const struct wal_stretch *wal_index_find(const struct wal_index *x, uint64_t index);

#endif
