/* store/wal.h -- segments of the write-ahead log: writing batches, reading them back, recovering.
 *
 * Shape:      wal/<16 hex>.seg, zero-filled ahead; batches follow each other, one that does not fit
 *             begins the next segment. <16 hex>.part is a segment that is still being prepared.
 * Invariants: batch numbers rise by one; each header carries the crc of the one before
 * Order:      the writer's fields belong to the worker while a job runs, to the loop otherwise
 * Owns:       the files it opened and the index
 * Thread:     as each card says
 */
#ifndef STORE_WAL_H
#define STORE_WAL_H

#include "os/io.h"
#include "store/vote.h"
#include "store/wal_batch.h"
#include "store/wal_index.h"
#include "store/wal_start.h"

enum {
    WAL_NAME_BYTES = 24
};

/* A segment that is kept. */
struct wal_segment {
    uint64_t number;
    uint64_t bytes;
    uint64_t batch;    /* its first */
    uint64_t last;     /* newest entry before that batch */
    uint32_t prev_crc; /* of the header before it */
};

/* Segments from..to-1 are to go, those from start.segment on are needed. */
struct wal_give {
    struct wal_start start;
    uint64_t from;
    uint64_t to;
    bool record; /* start is not on disk yet */
};

struct wal {
    struct os *os;
    struct os_dir *dir;
    struct mem *mem;
    struct vote_file *vote; /* the log's; knows the newest segment */
    uint64_t salt;
    struct wal_index index;

    /* writer */
    struct os_file *file; /* of the current segment */
    uint64_t segment;
    uint64_t segment_bytes;
    uint64_t segment_first; /* size of the first one, and the least of any */
    uint64_t offset;        /* where the next batch goes */
    uint64_t next_batch;    /* its number, from 1 */
    uint32_t prev_crc;

    /* the loop's: where the log begins, and in which segments it is */
    uint64_t base; /* the log begins behind this entry */
    uint64_t base_term;
    struct wal_start start; /* as it is on disk */
    uint64_t batch_durable; /* newest one that the loop heard of */
    struct wal_segment *kept;
    uint32_t kept_count;
    uint32_t kept_capacity;

    /* the fill worker's: files that may become segments, and the record of the start */
    uint64_t spare[WAL_SPARES_MAX];
    uint32_t spare_count;
    struct slot_file start_file;

    /* preparing the next segment, by a worker of its own */
    uint64_t fill_bytes; /* size of the prepared segment; 0: none */
    uint64_t disk_bytes;

    /* reader: the last batch read */
    struct os_file *read_file;
    uint64_t read_segment;
    uint8_t *read_body;
    size_t read_capacity;
    struct wal_head read_head; /* entries 0: nothing is held */
    uint64_t read_next;        /* index of the record that begins at read_offset of the body */
    size_t read_offset;
};

/* What recovery finds, in order; truncations before the entries of their batch. Entries up to base
 * are found too, where they share a segment with later ones. */
struct wal_found {
    void (*batch)(void *arg, const struct wal_head *h, struct bytes body);
    void *arg;
};

/* wal_open -- recover and be ready to write. Loop, at start.
 *   in   vote   what it says of the newest segment must be there; outlives the wal
 *        segment_first  bytes of the first segment, a multiple of WAL_BLOCK_BYTES
 *   out  out_repaired  a torn tail was cut off; base, base_term: the log begins behind that entry
 *   err  ERR_CORRUPT, ERR_NEWER_FORMAT, ERR_WRONG_NODE (another directory's batches): nothing was
 *        changed; ERR_IO, ERR_NO_SPACE, ERR_NO_MEMORY; diag tells */
MUST_CHECK
enum err wal_open(struct wal *w, struct os *os, struct os_dir *dir, struct mem *mem,
                  struct vote_file *vote, uint64_t segment_first, const struct wal_found *found,
                  bool *out_repaired, struct diag *diag);

/* wal_close -- close the files. Loop, when no job runs. */
void wal_close(struct wal *w);

/* wal_fits -- the current segment has room for a batch of bytes. Loop, when no job runs. */
bool wal_fits(const struct wal *w, uint64_t bytes);

/* wal_fill -- prepare the next segment: create its .part, or take a spare, and zero-fill it. Fill
 * worker. */
MUST_CHECK
enum err wal_fill(struct wal *w, uint64_t segment, uint64_t bytes);

/* wal_fill_size -- how large the next segment should be. */
uint64_t wal_fill_size(const struct wal *w);

/* wal_rotate -- go on in the prepared segment. Log worker. */
MUST_CHECK
enum err wal_rotate(struct wal *w);

/* wal_write -- complete the head of the batch in data (head room in front, capacity up to the next
 * block behind), write it and make it durable. Log worker.
 *   out  out_place  where it went */
MUST_CHECK
enum err wal_write(struct wal *w, struct wal_head *h, uint8_t *data, struct wal_place *out_place);

/* wal_read -- one entry by index; the view is valid until the next call. Loop.
 *   err  ERR_NOT_FOUND, ERR_CORRUPT, ERR_IO, ERR_NO_MEMORY */
MUST_CHECK
enum err wal_read(struct wal *w, uint64_t index, struct wal_record *out);

/* wal_name -- file name of a segment, suffix "seg", "part" or "old". */
void wal_name(uint64_t segment, const char *suffix, char out[WAL_NAME_BYTES]);

/* wal_name_segment -- the number of a segment's file name; false: it is none. */
bool wal_name_segment(const char *name, uint64_t *out);

/* wal_any -- is there a segment in dir? One is, before anything is promised. err ERR_IO. */
MUST_CHECK
enum err wal_any(struct os_dir *dir, bool *out);

/* wal_zero -- write zeroes over a range, both multiples of WAL_BLOCK_BYTES. Any thread. */
MUST_CHECK
enum err wal_zero(struct os_file *file, uint64_t offset, uint64_t bytes);

/* wal_recover -- read all segments; sets the writer's place. Used by wal_open. */
MUST_CHECK
enum err wal_recover(struct wal *w, const struct wal_found *found, bool *out_repaired,
                     struct diag *diag);

#endif
