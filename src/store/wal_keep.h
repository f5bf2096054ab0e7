/* store/wal_keep.h -- which segments a log keeps, and giving back those before.
 *
 * Shape:      one record for each segment that is kept, in order; what is given back is removed, or
 *             renamed to <16 hex>.old to become a later segment: at most WAL_SPARES_MAX are
 * Invariants: the start record (wal_start.h) is durable before the first segment goes, so a crash
 *             at any point leaves segments too many, never too few
 * Owns:       nothing but what struct wal has
 * Thread:     as each card says
 */
#ifndef STORE_WAL_KEEP_H
#define STORE_WAL_KEEP_H

#include "store/wal.h"

/* wal_keep_push -- a segment was begun. Loop. err ERR_NO_MEMORY. */
MUST_CHECK
enum err wal_keep_push(struct wal *w, const struct wal_segment *s);

/* wal_keep_plan -- which segments are not needed by a log that begins behind (index, term); false:
 * each is. At most WAL_GIVE_MAX at once. Loop, when no such job runs. */
bool wal_keep_plan(struct wal *w, uint64_t index, uint64_t term, struct wal_give *out);

/* wal_keep_give -- remember where the log begins, then remove or set aside. Fill worker.
 *   err  ERR_NO_SPACE: try again later; ERR_IO, ERR_SYNC_FAILED */
MUST_CHECK
enum err wal_keep_give(struct wal *w, const struct wal_give *g);

/* wal_keep_done -- forget the segments that went. Loop, at the end of the job. */
void wal_keep_done(struct wal *w, const struct wal_give *g);

/* wal_keep_spare -- the name of a spare segment becomes `part`, whatever is in it; false: there is
 * none. Fill worker. err ERR_IO. */
MUST_CHECK
enum err wal_keep_spare(struct wal *w, const char *part, bool *out);

/* wal_keep_find -- the spares that are there at start; more than can be used are removed.
 *   err ERR_IO */
MUST_CHECK
enum err wal_keep_find(struct wal *w);

#endif
