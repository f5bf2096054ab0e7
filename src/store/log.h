/* store/log.h -- the Raft log of one node: appended in batches, read by index, recovered at start.
 *
 * Shape:      log_append queues; a worker writes and syncs everything that gathered meanwhile as
 *             one batch; the handler hears when a ticket is durable. With in_memory nothing is
 *             written, and durability is granted at the end of the turn.
 * Invariants: tickets become durable in order; after a failure none does
 * Order:      an entry can be read as soon as log_append returned
 * Owns:       copies of all bytes; what log_read gives is valid until the next call of any log
 *             function or the end of the turn
 * Thread:     the loop's; the worker sees only the batch that it writes
 */
#ifndef STORE_LOG_H
#define STORE_LOG_H

#include "base/limits.h"
#include "os/io.h"

struct log_entry {
    uint64_t index;
    uint64_t term;
    uint8_t kind; /* the caller's; kept as it is */
    struct bytes data;
};

struct log_run {
    uint64_t first; /* index of the first entry of this term */
    uint64_t term;
};

/* What the log tells its owner; always from the loop. */
struct log_handler {
    /* everything up to ticket is durable; (index, term) is the last entry of the newest write among
     * them that had entries, index 0 when none had */
    void (*durable)(void *arg, uint64_t ticket, uint64_t index, uint64_t term);
    /* told once; nothing becomes durable afterwards */
    void (*failed)(void *arg, enum err e);
    /* while opening: the entries found, in order; truncated: those after `to` are gone again */
    void (*found)(void *arg, const struct log_entry *e);
    void (*truncated)(void *arg, uint64_t to);
    void *arg;
    /* one write with its sync has ended well and took so long; NULL: nobody asks */
    void (*synced)(void *arg, uint64_t took_ns);
    /* while opening: a snapshot was installed: all that was found so far is gone, what comes
     * begins behind (index, term) */
    void (*installed)(void *arg, uint64_t index, uint64_t term);
};

/* What was on disk. */
struct log_recovered {
    uint64_t term; /* hard state */
    uint64_t vote;
    uint64_t first;       /* of the log: what is before it is in a snapshot */
    uint64_t before_term; /* of entry first - 1; 0 when first is 1 */
    uint64_t last;        /* first - 1: empty */
    bool repaired;        /* a torn tail was cut off */
};

struct log_options {
    bool in_memory;
    uint64_t salt;        /* drawn with the data directory */
    struct mem *mem;      /* of the cache and the batches; bounds them */
    struct os_dir *votes; /* where the vote is kept, outlives the log; NULL: beside the segments */
    /* lower bounds than base/limits.h has; 0: those. A segment must hold the largest entry. */
    uint32_t cache_bytes;
    uint32_t segment_bytes;
};

struct log_write {
    uint64_t ticket; /* larger than any before */
    bool truncate;
    uint64_t truncate_to;
    const struct log_entry *entries; /* index last+1.. in order; bytes borrowed for the call */
    uint32_t count;
    bool hard;
    uint64_t term;
    uint64_t vote;
};

/* Counters since start, and the size of things now. */
struct log_stats {
    uint64_t syncs;
    uint64_t batches;
    uint64_t entries;
    uint64_t bytes_written; /* to segments, padding included */
    uint64_t sync_ns_total;
    uint64_t sync_ns_max;
    uint64_t disk_bytes; /* of all segments; besides at most WAL_SPARES_MAX wait for their use */
    uint64_t cache_bytes;
    bool no_room; /* the next segment waits for space on the disk */
};

struct log;

/* log_any -- was a log ever begun here: is a segment in dir, or a vote in votes? With neither, what
 * its node has promised is forgotten, if it ever promised anything. err ERR_IO, ERR_SYNC_FAILED. */
MUST_CHECK
enum err log_any(struct os_dir *dir, struct os_dir *votes, bool *out);

/* log_open -- recover what is there, or begin a new log. dir is the log's own and outlives it; NULL
 * with in_memory.
 *   err  ERR_CORRUPT       an acknowledged batch cannot be read, or the vote is gone; diag names
 *                          segment, batch and index
 *        ERR_WRONG_NODE    the segments are another directory's
 *        ERR_NEWER_FORMAT, ERR_IO, ERR_NO_SPACE, ERR_NO_MEMORY */
MUST_CHECK
enum err log_open(struct os *os, struct os_dir *dir, const struct log_options *options,
                  const struct log_handler *handler, struct log_recovered *out_recovered,
                  struct log **out, struct diag *diag);

/* log_append -- hard state, then truncation, then entries, all under one ticket: on the disk too,
 * no entry comes before its term.
 *   err  ERR_SYNC_FAILED  the log has failed before; nothing was queued
 *        ERR_NO_MEMORY    give this log up: a part may be queued, and never becomes durable */
MUST_CHECK
enum err log_append(struct log *l, const struct log_write *w);

/* log_compact -- entries up to `to` are not needed any more: at once they are not found, their
 * terms forgotten and their memory given back. Segments that hold none but such are removed or used
 * again later, behind everybody's back; what shares a segment with later entries stays on disk, and
 * a restart may begin there again. An index that is compacted already changes nothing.
 *   pre  to <= log_last, and durable
 *   err  ERR_SYNC_FAILED  the log has failed before */
MUST_CHECK
enum err log_compact(struct log *l, uint64_t to);

/* log_install -- a snapshot is the log's past now: every entry is dropped, committed or not, and
 * the log is empty and goes on at index + 1. One record, durable with its ticket (told with index
 * 0); until then a crash leaves the old log whole. Segments before it are given back afterwards.
 * What a ticket before this one says of its last entry is not true of this log any more.
 *   in   ticket  larger than any before
 *   pre  index + 1 >= log_first
 *   err  ERR_SYNC_FAILED, ERR_NO_MEMORY: nothing happened */
MUST_CHECK
enum err log_install(struct log *l, uint64_t ticket, uint64_t index, uint64_t term);

/* log_read -- one entry. err ERR_NOT_FOUND (compacted, or never there), ERR_CORRUPT, ERR_IO,
 * ERR_NO_MEMORY. */
MUST_CHECK
enum err log_read(struct log *l, uint64_t index, struct log_entry *out);

/* log_first -- index of the oldest entry, or of the first one to come. */
uint64_t log_first(const struct log *l);

/* log_last -- newest index, durable or not; log_first - 1: empty. */
uint64_t log_last(const struct log *l);

/* log_rest -- nothing has happened for a while: of the entries in memory keep the newest
 * LOG_CACHE_BYTES_IDLE, the disk has them all. A log in memory keeps everything. */
void log_rest(struct log *l);

/* log_unsynced_bytes -- queued or being written. */
size_t log_unsynced_bytes(const struct log *l);

/* log_runs -- terms of all entries; valid until the next append. Returns how many. */
uint32_t log_runs(const struct log *l, const struct log_run **out);

/* log_stats -- counters since log_open. */
void log_stats(const struct log *l, struct log_stats *out);

/* log_close -- waits for what is queued, seals, frees. The handler hears nothing more. */
void log_close(struct log *l);

#endif
