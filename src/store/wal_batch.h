/* store/wal_batch.h -- the bytes of one batch: what one sync makes durable.
 *
 * Shape:      header of 96 bytes, records, zeroes up to the next 4 KiB
 *             offset size
 *                  0    4  magic
 *                  4    4  crc32c of the rest of the header
 *                  8    2  format: 1, with flag 4 it is 2
 *                 10    2  flags: 1 seal, 2 truncate, 4 install
 *                 12    8  segment
 *                 20    8  batch, +1 each
 *                 28    8  durable: highest batch known durable when this one was written
 *                 36    8  truncate_to: entries after it are gone, when the flag is set; with flag
 *                           4 all are, and the log goes on behind it
 *                 44    8  first index (first > last: no entries)
 *                 52    8  last index
 *                 60    8  term of the last entry; with flag 4 that of truncate_to
 *                 68    4  entries
 *                 72    4  body bytes
 *                 76    4  crc32c of the body
 *                 80    4  crc field of the previous batch's header
 *                 84    8  salt
 *                 92    4  zero
 *             record: bytes u32 | kind u8 | term u64 | data; its index is first + position
 * Invariants: decode never panics; salt and segment make another log's or another life's bytes
 *             invalid
 * Thread:     any, pure
 * Why:        an install has a newer format, so that a program that does not know it stops there
 */
#ifndef STORE_WAL_BATCH_H
#define STORE_WAL_BATCH_H

#include "base/bytes.h"
#include "base/limits.h"

enum {
    WAL_HEAD_BYTES = 96,
    WAL_RECORD_HEAD_BYTES = 13,
    WAL_FORMAT = 2,
    WAL_FLAG_SEAL = 1,
    WAL_FLAG_TRUNCATE = 2,
    WAL_FLAG_INSTALL = 4, /* a snapshot is the log's past: alone in its batch */
};

struct wal_head {
    uint32_t crc; /* of the header itself; the next one's prev_crc */
    uint16_t flags;
    uint64_t segment;
    uint64_t batch;
    uint64_t durable;
    uint64_t truncate_to;
    uint64_t first;
    uint64_t last;
    uint64_t last_term;
    uint32_t entries;
    uint32_t body_bytes;
    uint32_t body_crc;
    uint32_t prev_crc;
    uint64_t salt;
};

/* wal_head_encode -- into out[WAL_HEAD_BYTES]; sets h->crc. */
void wal_head_encode(struct wal_head *h, uint8_t *out);

/* wal_head_decode -- err ERR_MALFORMED: not a header of this format; ERR_NEWER_FORMAT. */
MUST_CHECK
enum err wal_head_decode(const uint8_t *in, struct wal_head *out);

/* wal_batch_bytes -- of the whole batch on disk, padding included. */
uint64_t wal_batch_bytes(const struct wal_head *h);

struct wal_record {
    uint64_t term;
    uint8_t kind;
    struct bytes data;
};

/* wal_record_encode -- head and data. */
void wal_record_encode(const struct wal_record *rec, struct writer *w);

/* wal_record_decode -- the next record of a body. err ERR_MALFORMED. */
MUST_CHECK
enum err wal_record_decode(struct reader *r, struct wal_record *out);

#endif
