/* store/snap_format.h -- the bytes of a snapshot: rows of the state machine that any node can read.
 *
 * Shape:      head, chunks, end; all integers little-endian
 *             head:  magic u32 | crc32c u32 of the rest of the head | format u16 | 0 u16 | bytes of
 *                    the configuration u32 | cluster 16 | index, term, id, revision, hash, rows u64
 *                    each | configuration
 *             chunk: crc32c u32 of the rest | bytes u32, not 0 | sequence u64 from 0 | data
 *             end:   crc32c u32 of the rest | 0 u32 | sequence u64 | rows u64 | BLAKE3 32 of all
 *                    before the end, then sequence and rows
 *             data of all chunks in a row: table u8 | bytes of key u32, of value u32 | key | value;
 *             a row may go on in the next chunk
 * Invariants: rows ascend by table and key; decode never panics
 * Thread:     any, pure
 */
#ifndef STORE_SNAP_FORMAT_H
#define STORE_SNAP_FORMAT_H

#include "base/blake3.h"
#include "base/bytes.h"
#include "base/ids.h"
#include "base/limits.h"

enum {
    SNAP_FORMAT = 1,
    SNAP_HEAD_BYTES = 80, /* without configuration */
    SNAP_HEAD_BYTES_MAX = SNAP_HEAD_BYTES + SNAP_CONF_BYTES_MAX,
    SNAP_CHUNK_HEAD_BYTES = 16,
    SNAP_END_BYTES = 56,
    SNAP_ROW_HEAD_BYTES = 9
};
#define SNAP_ROWS_UNKNOWN UINT64_MAX

/* Which snapshot: of the state after entry (index, term); id tells two makings of it apart. */
struct snap_id {
    uint64_t index;
    uint64_t term;
    uint64_t id;
};

struct snap_meta {
    struct snap_id id;
    struct cluster_id cluster;
    uint64_t revision;
    uint64_t hash;     /* of the state machine */
    uint64_t rows;     /* SNAP_ROWS_UNKNOWN: it was not known at the beginning */
    struct bytes conf; /* encoded configuration in force at index; borrowed */
};

/* A chunk's head, or the end of all when bytes is 0. */
struct snap_chunk {
    uint32_t crc;
    uint32_t bytes;
    uint64_t sequence;
};

/* snap_id_equal -- the same snapshot. */
bool snap_id_equal(const struct snap_id *a, const struct snap_id *b);

/* snap_head_encode -- at most SNAP_HEAD_BYTES_MAX; bad when conf is too long. */
void snap_head_encode(const struct snap_meta *m, struct writer *w);

/* snap_head_size -- bytes of a head from its first SNAP_HEAD_BYTES.
 *   err  ERR_MALFORMED, ERR_NEWER_FORMAT */
MUST_CHECK
enum err snap_head_size(const uint8_t *fixed, size_t *out_bytes);

/* snap_head_decode -- a whole head; conf is a view into it. err ERR_MALFORMED, ERR_NEWER_FORMAT. */
MUST_CHECK
enum err snap_head_decode(struct bytes head, struct snap_meta *out);

/* snap_chunk_encode -- into the SNAP_CHUNK_HEAD_BYTES in front of bytes of data. */
void snap_chunk_encode(uint8_t *chunk, uint32_t bytes, uint64_t sequence);

/* snap_chunk_decode -- a chunk's head alone. err ERR_MALFORMED: too long, or out of sequence. */
MUST_CHECK
enum err snap_chunk_decode(const uint8_t *head, uint64_t sequence, struct snap_chunk *out);

/* snap_chunk_good -- head and data agree. */
bool snap_chunk_good(const struct snap_chunk *c, const uint8_t *chunk);

/* snap_end_encode -- SNAP_END_BYTES; hash has seen all that is before. */
void snap_end_encode(uint8_t *out, uint64_t sequence, uint64_t rows, const struct blake3 *hash);

/* snap_end_decode -- the whole end. err ERR_MALFORMED: another one belongs here. */
MUST_CHECK
enum err snap_end_decode(const uint8_t *end, uint64_t sequence, uint64_t rows,
                         const struct blake3 *hash);

#endif
