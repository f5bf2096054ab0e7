/* store/table.h -- named ordered maps of bytes: what the state machine is made of.
 *
 * Shape:      changes go to an overlay in memory; under it lies the overlay that is being
 *             flushed, and under that the backing. Reads look in that order; a deletion is a
 *             mark. Without a backing the overlay is all there is.
 * Invariants: what a group of changes belongs to (applied index and so on) is the caller's row in
 *             TABLE_META, written before tables_freeze, so it moves with the data
 * Owns:       copies of keys and values; the backing belongs to the caller
 * Thread:     the loop's; tables_write on a worker's
 */
#ifndef STORE_TABLE_H
#define STORE_TABLE_H

#include "store/backing.h"
#include "store/btree.h"

struct tables {
    struct mem *mem;
    struct backing *backing; /* NULL: memory only */
    struct btree active[TABLE_COUNT];
    struct btree frozen[TABLE_COUNT]; /* being flushed */
    struct btree spent[TABLE_COUNT];  /* flushed, freed bit by bit */
    bool flushing;
    bool swapping; /* the rows of a snapshot are about to take the place of these */
};

/* Rows as they were at one moment: of the newest finished flush or, without a backing, of all. */
struct tables_view {
    struct backing *backing;
    struct btree tree[TABLE_COUNT];
};

/* tables_open -- what the backing holds, or empty tables; mem bounds the overlays. */
void tables_open(struct tables *t, struct mem *mem, struct backing *backing);

/* tables_close -- free the overlays; what was not flushed is gone, the log has it. */
void tables_close(struct tables *t);

/* table_put -- insert or replace. err ERR_NO_MEMORY: nothing changed. */
MUST_CHECK
enum err table_put(struct tables *t, enum table_id id, struct bytes key, struct bytes value);

/* table_del -- err ERR_NOT_FOUND, ERR_NO_MEMORY, ERR_CORRUPT, ERR_IO: nothing changed. */
MUST_CHECK
enum err table_del(struct tables *t, enum table_id id, struct bytes key);

/* table_get -- view until the next change, the next read or tables_rest.
 *   err ERR_NOT_FOUND, ERR_CORRUPT, ERR_IO */
MUST_CHECK
enum err table_get(const struct tables *t, enum table_id id, struct bytes key, struct bytes *out);

/* table_seek -- first pair with key >= from, or > from; views as with table_get.
 *   err ERR_NOT_FOUND (there is none), ERR_CORRUPT, ERR_IO */
MUST_CHECK
enum err table_seek(const struct tables *t, enum table_id id, struct bytes from, bool after,
                    struct bytes *out_key, struct bytes *out_value);

/* tables_rest -- the end of a turn: views end, space of flushed rows is given back bit by bit. True
 * when there is more to give back. */
bool tables_rest(struct tables *t);

/* tables_overlay_bytes -- keys and values that are not flushed, rows that are being flushed left
 * out. */
uint64_t tables_overlay_bytes(const struct tables *t);

/* tables_freeze -- set the overlay aside for a flush and begin a new one.
 *   pre  a backing, not flushing
 *   err  ERR_IO, ERR_NO_MEMORY: nothing happened */
MUST_CHECK
enum err tables_freeze(struct tables *t);

/* tables_write -- what was frozen into the backing; on a worker. err as backing_write. */
MUST_CHECK
enum err tables_write(const struct tables *t);

/* tables_thaw -- the write ended well: drop what was frozen. */
void tables_thaw(struct tables *t);

/* tables_view_open -- O(1), see backing_view_begin for what it costs as long as it is open; without
 * a backing, nodes that are changed meanwhile are kept twice. One at a time with a backing.
 *   err  ERR_BUSY (a flush or a swap is under way, or there is a view), ERR_NO_MEMORY, ERR_IO */
MUST_CHECK
enum err tables_view_open(struct tables *t, struct tables_view *out);

/* tables_adopt -- all rows are other ones now: those that the backing has adopted or, without one,
 * the trees of next, which are taken over. The overlay is dropped. pre: no flush is under way. */
void tables_adopt(struct tables *t, struct btree *next);

/* tables_view_seek -- as table_seek; one thread at a time, any. Key until the next call, value
 * until the view is closed. err ERR_NOT_FOUND (there is none), ERR_CORRUPT, ERR_IO */
MUST_CHECK
enum err tables_view_seek(const struct tables_view *v, enum table_id id, struct bytes from,
                          bool after, struct bytes *out_key, struct bytes *out_value);

/* tables_view_close -- loop, when nobody seeks in it; costs what was changed since. */
void tables_view_close(struct tables_view *v);

#endif
