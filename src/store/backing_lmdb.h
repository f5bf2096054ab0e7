/* store/backing_lmdb.h -- rows in LMDB: one fully synced transaction a write.
 *
 * Owns:       data.mdb and lock.mdb in the directory
 * Thread:     as backing.h
 */
#ifndef STORE_BACKING_LMDB_H
#define STORE_BACKING_LMDB_H

#include "os/io.h"
#include "store/backing.h"

struct backing_lmdb_options {
    uint64_t salt;      /* of the data directory: rows of another one are refused */
    uint64_t map_bytes; /* address space to begin with; it grows by itself. 0: the default */
    struct mem *mem;
};

/* backing_lmdb_open -- dir must outlive it; made new when empty.
 *   err  ERR_CORRUPT, ERR_WRONG_NODE (another directory's rows), ERR_NEWER_FORMAT, ERR_NO_SPACE,
 *        ERR_NO_MEMORY, ERR_IO */
MUST_CHECK
enum err backing_lmdb_open(struct os_dir *dir, const struct backing_lmdb_options *options,
                           struct backing **out, struct diag *diag);

#endif
