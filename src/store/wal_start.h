/* store/wal_start.h -- where the log begins: what was compacted away, told apart from what was
 * lost.
 *
 * Shape:      file `start`, two slots (slot.h); payload: format u8 | salt u64 | index, term,
 *             segment, batch, last, durable u64 each | prev_crc u32
 * Invariants: written and durable before the first segment goes; a log without this file begins
 *             at entry 1 in segment 1
 * Thread:     wal_start_open at start; wal_start_write on the fill worker
 */
#ifndef STORE_WAL_START_H
#define STORE_WAL_START_H

#include "store/slot.h"

struct wal_start {
    uint64_t index;    /* the log begins behind this entry */
    uint64_t term;     /* of that entry */
    uint64_t segment;  /* oldest one kept */
    uint64_t batch;    /* its first */
    uint64_t last;     /* newest entry before that batch */
    uint64_t durable;  /* highest batch known durable when this was written */
    uint32_t prev_crc; /* of the header before that batch */
};

/* wal_start_open -- what the file says; without one, the beginning of a new log and out->file NULL.
 *   err  ERR_CORRUPT, ERR_WRONG_NODE (another directory's), ERR_NEWER_FORMAT, ERR_IO */
MUST_CHECK
enum err wal_start_open(struct os_dir *dir, uint64_t salt, struct slot_file *out,
                        struct wal_start *out_start, struct diag *diag);

/* wal_start_write -- durable on return; makes the file when there is none.
 *   err  ERR_NO_SPACE (only while it is made), ERR_IO, ERR_SYNC_FAILED */
MUST_CHECK
enum err wal_start_write(struct os_dir *dir, struct slot_file *s, uint64_t salt,
                         const struct wal_start *start);

#endif
