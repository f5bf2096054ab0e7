/* store/flush.h -- carries the overlay of the tables into their backing, behind everybody's back.
 *
 * Shape:      flush_begin freezes the overlay and hands it to a worker; the handler hears how it
 *             ended
 * Invariants: one flush at a time; a flush that found no space is tried again with the same rows
 * Order:      the caller writes its rows of TABLE_META before flush_begin, so that they move along
 * Owns:       a worker; the tables belong to the caller
 * Thread:     the loop's
 */
#ifndef STORE_FLUSH_H
#define STORE_FLUSH_H

#include "base/limits.h"
#include "os/io.h"
#include "store/table.h"

#define FLUSH_RETRY_NS NS_PER_S

struct flush {
    struct os *os;
    struct tables *tables;
    struct os_worker *worker;
    struct os_job job;
    struct os_timer retry;
    enum err result;
    uint64_t began_ns;
    uint64_t retry_rows; /* asked of the backing when its map was too small */
    /* the end of a flush. ERR_NO_SPACE: it goes on trying, this is told once a try; any other
     * error: nothing will be flushed any more */
    void (*done)(void *arg, enum err e, uint64_t took_ns);
    void *arg;
};

/* flush_open -- tables without a backing need none. err ERR_NO_MEMORY, ERR_IO (no thread). */
MUST_CHECK
enum err flush_open(struct flush *f, struct os *os, struct tables *tables,
                    void (*done)(void *arg, enum err e, uint64_t took_ns), void *arg);

/* flush_begin -- err ERR_BUSY (one is under way), ERR_IO, ERR_NO_MEMORY: nothing happened. */
MUST_CHECK
enum err flush_begin(struct flush *f);

/* flush_busy -- one is under way, or waits for space or for the end of a view; or the tables are
 * about to become those of a snapshot. */
bool flush_busy(const struct flush *f);

/* flush_close -- waits for the write under way, if any. */
void flush_close(struct flush *f);

#endif
