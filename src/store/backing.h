/* store/backing.h -- what lies under the tables: rows that survive the process.
 *
 * Shape:      sorted rows per table; read by key or by seeking, written as one batch that is
 *             durable and visible as a whole or not at all
 * Invariants: what is read is one finished batch, the newest when reading began, until backing_rest
 * Order:      backing_prepare, then one backing_write (on a worker), then backing_rest before the
 *             next read; one write at a time. A view sees the rows of the moment it began, whatever
 *             is written meanwhile; one view at a time. A build is a second set of rows that may
 *             take the place of all: begin, puts, seal, swap, end; no write and no view from swap
 *             to end
 * Owns:       the files
 * Thread:     the loop's; backing_write on a worker's while the loop reads; backing_view_seek on
 *             another one's while both go on
 * Why:        LMDB is one, the simulator's is another: a memory map's writes cannot be played
 */
#ifndef STORE_BACKING_H
#define STORE_BACKING_H

#include "base/bytes.h"

enum table_id {
    TABLE_KEY,     /* user key -> record */
    TABLE_SESSION, /* request ids already applied */
    TABLE_META,    /* applied index, revision, configuration, hash */
    TABLE_COUNT,
};

struct btree;
struct backing;

/* Rows of one write: a tree per table; marks are deletions. Nobody changes them meanwhile. */
struct backing_batch {
    const struct btree *tree[TABLE_COUNT];
};

struct backing_table {
    enum err (*get)(struct backing *b, enum table_id id, struct bytes key, struct bytes *out);
    enum err (*seek)(struct backing *b, enum table_id id, struct bytes from, bool after,
                     struct bytes *out_key, struct bytes *out_value);
    void (*rest)(struct backing *b);
    enum err (*prepare)(struct backing *b, uint64_t rows, uint64_t bytes);
    enum err (*write)(struct backing *b, const struct backing_batch *batch);
    enum err (*view_begin)(struct backing *b);
    enum err (*view_seek)(struct backing *b, enum table_id id, struct bytes from, bool after,
                          struct bytes *out_key, struct bytes *out_value);
    void (*view_end)(struct backing *b);
    enum err (*build_begin)(struct backing *b);
    enum err (*build_put)(struct backing *b, enum table_id id, struct bytes key,
                          struct bytes value);
    enum err (*build_seal)(struct backing *b);
    enum err (*build_swap)(struct backing *b);
    enum err (*build_end)(struct backing *b, bool adopt);
    void (*close)(struct backing *b);
};

struct backing {
    const struct backing_table *table;
};

/* backing_get -- view until backing_rest or the next call. err ERR_NOT_FOUND, ERR_CORRUPT,
 * ERR_IO. */
MUST_CHECK
static inline enum err backing_get(struct backing *b, enum table_id id, struct bytes key,
                                   struct bytes *out)
{
    return b->table->get(b, id, key, out);
}

/* backing_seek -- the first row with key >= from, or > from; views until backing_rest or the next
 * call. err ERR_NOT_FOUND (no such row), ERR_CORRUPT, ERR_IO. */
MUST_CHECK
static inline enum err backing_seek(struct backing *b, enum table_id id, struct bytes from,
                                    bool after, struct bytes *out_key, struct bytes *out_value)
{
    return b->table->seek(b, id, from, after, out_key, out_value);
}

/* backing_rest -- views end; the next read sees the newest finished write. */
static inline void backing_rest(struct backing *b)
{
    b->table->rest(b);
}

/* backing_prepare -- make room for a write of so many rows and bytes.
 *   err  ERR_BUSY: a view is in the way of more room, and a write may be too; ERR_IO, ERR_NO_MEMORY
 */
MUST_CHECK
static inline enum err backing_prepare(struct backing *b, uint64_t rows, uint64_t bytes)
{
    return b->table->prepare(b, rows, bytes);
}

/* backing_write -- all rows, durable on return.
 *   err  ERR_NO_SPACE, ERR_BUSY (prepared too small): nothing was written, try again later
 *        ERR_CORRUPT, ERR_SYNC_FAILED, ERR_IO */
MUST_CHECK
static inline enum err backing_write(struct backing *b, const struct backing_batch *batch)
{
    return b->table->write(b, batch);
}

/* backing_view_begin -- from here on a view of the newest finished write. What it costs: space that
 * writes free meanwhile is not used again before its end, so the file grows by about all that is
 * written. err ERR_BUSY (there is one), ERR_NO_MEMORY, ERR_IO. */
MUST_CHECK
static inline enum err backing_view_begin(struct backing *b)
{
    return b->table->view_begin(b);
}

/* backing_view_seek -- as backing_seek, in the view; the row is valid until the next call, its
 * value until backing_view_end. One thread at a time, any. */
MUST_CHECK
static inline enum err backing_view_seek(struct backing *b, enum table_id id, struct bytes from,
                                         bool after, struct bytes *out_key, struct bytes *out_value)
{
    return b->table->view_seek(b, id, from, after, out_key, out_value);
}

/* backing_view_end -- loop, when nobody seeks in it. */
static inline void backing_view_end(struct backing *b)
{
    b->table->view_end(b);
}

/* backing_build_begin -- no rows; what was being built is dropped. A worker's, as the next three.
 *   err  ERR_NO_SPACE, ERR_NO_MEMORY, ERR_IO */
MUST_CHECK
static inline enum err backing_build_begin(struct backing *b)
{
    return b->table->build_begin(b);
}

/* backing_build_put -- a row behind all before it, by table and key.
 *   err  ERR_NO_SPACE, ERR_NO_MEMORY, ERR_IO: give it up */
MUST_CHECK
static inline enum err backing_build_put(struct backing *b, enum table_id id, struct bytes key,
                                         struct bytes value)
{
    return b->table->build_put(b, id, key, value);
}

/* backing_build_seal -- all rows are there, and durable, but not in force: a restart finds the old
 * ones. err ERR_NO_SPACE, ERR_SYNC_FAILED, ERR_IO. */
MUST_CHECK
static inline enum err backing_build_seal(struct backing *b)
{
    return b->table->build_seal(b);
}

/* backing_build_swap -- from its end on a restart finds the new rows, until then the old ones or
 * the new ones; who reads goes on with the old ones. err ERR_SYNC_FAILED, ERR_IO: unknown which. */
MUST_CHECK
static inline enum err backing_build_swap(struct backing *b)
{
    return b->table->build_swap(b);
}

/* backing_build_end -- adopt: after the swap, reads see the new rows from here on; else what was
 * built is dropped. Loop. err ERR_NO_MEMORY, ERR_IO, ERR_CORRUPT: there are no rows to be read. */
MUST_CHECK
static inline enum err backing_build_end(struct backing *b, bool adopt)
{
    return b->table->build_end(b, adopt);
}

/* backing_close -- rests, then frees; no write may be under way. */
static inline void backing_close(struct backing *b)
{
    b->table->close(b);
}

#endif
