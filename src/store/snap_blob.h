/* store/snap_blob.h -- the bytes of one snapshot: a file, or pieces of memory.
 *
 * Shape:      grows at its end, is read anywhere
 * Owns:       the open file, or the pieces, counted in the account
 * Thread:     a file: any, one at a time; memory: reading any, everything else the loop's, because
 *             the account is
 */
#ifndef STORE_SNAP_BLOB_H
#define STORE_SNAP_BLOB_H

#include "base/mem.h"
#include "os/io.h"

enum {
    SNAP_PIECE_BYTES = 64 * 1024
};

struct snap_blob {
    struct os_file *file; /* NULL: in memory */
    uint64_t bytes;
    struct mem *mem;
    uint8_t **piece;
    uint32_t piece_count;
    uint32_t piece_capacity;
};

/* snap_blob_open -- an existing file, to read it. err ERR_NO_FILE, ERR_IO. */
MUST_CHECK
enum err snap_blob_open(struct snap_blob *b, struct os_dir *dir, const char *name);

/* snap_blob_create -- a file to write to; what it holds stays. err ERR_NO_SPACE, ERR_IO. */
MUST_CHECK
enum err snap_blob_create(struct snap_blob *b, struct os_dir *dir, const char *name);

/* snap_blob_memory -- empty, in memory. */
void snap_blob_memory(struct snap_blob *b, struct mem *mem);

/* snap_blob_append -- err ERR_NO_MEMORY, ERR_NO_SPACE, ERR_IO: what is behind bytes is unknown. */
MUST_CHECK
enum err snap_blob_append(struct snap_blob *b, struct bytes data);

/* snap_blob_cut -- only the first bytes stay. err ERR_IO. */
MUST_CHECK
enum err snap_blob_cut(struct snap_blob *b, uint64_t bytes);

/* snap_blob_read -- out_count less than count only at the end. err ERR_IO. */
MUST_CHECK
enum err snap_blob_read(const struct snap_blob *b, uint64_t offset, void *out, size_t count,
                        size_t *out_count);

/* snap_blob_close -- the file stays, memory is given back. */
void snap_blob_close(struct snap_blob *b);

#endif
