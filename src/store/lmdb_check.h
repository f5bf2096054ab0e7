/* store/lmdb_check.h -- is LMDB's file whole? Read before LMDB sees it, as bytes.
 *
 * Shape:      every page that the newest meta page leads to is read once: numbers, bounds, order of
 *             keys, counts, the row's own checksum; no page is used twice or free and used
 * Invariants: never panics; what passes gives LMDB no reason to
 * Thread:     the loop's, at start
 * Why:        LMDB trusts its pages: a damaged one ends the process by a signal or an assertion, or
 *             hides rows
 */
#ifndef STORE_LMDB_CHECK_H
#define STORE_LMDB_CHECK_H

#include "base/mem.h"
#include "os/io.h"

/* lmdb_check -- file of bytes, at most max of which are worth the time; a file that ends before its
 * last page is checked in any case.
 *   out  out_bytes  what the file should have at least; 0: LMDB will not open it at all
 *   err  ERR_CORRUPT, ERR_IO, ERR_NO_MEMORY */
MUST_CHECK
enum err lmdb_check(struct os_file *file, struct mem *mem, uint64_t max, uint64_t *out_bytes);

#endif
