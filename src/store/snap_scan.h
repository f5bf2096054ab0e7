/* store/snap_scan.h -- a walk through a snapshot: head, chunk after chunk, rows, end; all checked.
 *
 * Invariants: nothing is told before its checksum was right; never panics, whatever the bytes are
 * Owns:       nothing; the memory is the caller's
 * Thread:     any
 */
#ifndef STORE_SNAP_SCAN_H
#define STORE_SNAP_SCAN_H

#include "store/backing.h"
#include "store/btree.h"
#include "store/snap_blob.h"
#include "store/snap_format.h"

enum {
    SNAP_CHUNK_ROOM = SNAP_CHUNK_HEAD_BYTES + SNAP_CHUNK_BYTES_MAX,
    SNAP_ROW_ROOM = SNAP_ROW_HEAD_BYTES + BTREE_KEY_BYTES_MAX + SNAP_VALUE_BYTES_MAX
};

/* Memory of a walk: taken by the loop, used by whoever walks. */
struct snap_room {
    uint8_t head[SNAP_HEAD_BYTES_MAX];
    uint8_t chunk[SNAP_CHUNK_ROOM];
    uint8_t row[SNAP_ROW_ROOM];
    uint8_t last[BTREE_KEY_BYTES_MAX]; /* key of the row before */
};

struct snap_scan {
    const struct snap_blob *blob;
    struct snap_room *room;
    struct snap_meta meta; /* conf is in room */
    struct snap_chunk chunk;
    uint64_t offset; /* behind what was found to be whole */
    uint64_t sequence;
    uint64_t rows;
    struct blake3 hash;
    bool ended; /* the end was found, and all is right */
    /* rows */
    size_t row_bytes; /* of one that goes on in the next chunk */
    uint8_t last_table;
    size_t last_bytes;
    bool any;
};

typedef enum err (*snap_row_fn)(void *arg, enum table_id id, struct bytes key, struct bytes value);

/* snap_scan_begin -- read and check the head. err ERR_MALFORMED, ERR_NEWER_FORMAT, ERR_IO. */
MUST_CHECK
enum err snap_scan_begin(struct snap_scan *s, const struct snap_blob *blob, struct snap_room *room);

/* snap_scan_next -- the next chunk into room, or the end: then s->ended, and nothing is behind it.
 * Every chunk's rows must have been taken before. err ERR_MALFORMED, ERR_IO. */
MUST_CHECK
enum err snap_scan_next(struct snap_scan *s);

/* snap_scan_rows -- fn for each row that ends in this chunk, in order; views during the call; fn
 * NULL: they are checked alone. err ERR_MALFORMED (no such rows are made), or what fn said. */
MUST_CHECK
enum err snap_scan_rows(struct snap_scan *s, snap_row_fn fn, void *arg);

/* snap_scan_all -- the whole of it. err as above. */
MUST_CHECK
enum err snap_scan_all(struct snap_scan *s, const struct snap_blob *blob, struct snap_room *room);

#endif
