/* sim/image.h -- the bytes of a file, in pages that versions and copies of it share.
 *
 * Shape:      a table of pages; one that is not there is all zeroes
 * Invariants: a page with several users is never written: who writes takes one of its own
 * Owns:       its table, and a share of each page, in the account it was given each time
 * Thread:     one
 * Why:        a log fills its segments with zeroes, and machines are copied whole: neither should
 *             cost the bytes
 */
#ifndef SIM_IMAGE_H
#define SIM_IMAGE_H

#include "base/mem.h"

#include <stdint.h>

enum {
    SIM_PAGE_BYTES = 4096
};

struct sim_page;

struct sim_image {
    struct sim_page **page;
    size_t pages; /* in the table */
};

/* sim_image_reserve -- the table has room for so many bytes; it never shrinks.
 *   err  ERR_NO_SPACE: nothing has changed */
MUST_CHECK
enum err sim_image_reserve(struct mem *mem, struct sim_image *m, size_t bytes);

/* sim_image_drop -- an image without bytes; once more is fine. */
void sim_image_drop(struct mem *mem, struct sim_image *m);

/* sim_image_read -- copy bytes out; all of them within the table. */
void sim_image_read(const struct sim_image *m, size_t offset, void *out, size_t count);

/* sim_image_write -- bytes change, all of them within the table.
 *   err  ERR_NO_SPACE: the account is full; a part of them, from the first on, was written */
MUST_CHECK
enum err sim_image_write(struct mem *mem, struct sim_image *m, size_t offset, const void *data,
                         size_t count);

/* sim_image_put -- likewise, of a version that has these pages in an account that has room for many
 * disks: what happens to a disk must not fail. */
void sim_image_put(struct mem *mem, struct sim_image *m, size_t offset, const void *data,
                   size_t count);

/* sim_image_zero -- write zeroes.
 *   err  as sim_image_write */
MUST_CHECK
enum err sim_image_zero(struct mem *mem, struct sim_image *m, size_t offset, size_t count);

/* sim_image_share -- the pages that hold bytes first..end-1 are those of from, whole, from now on;
 * both tables reach so far. Takes no memory. */
void sim_image_share(struct mem *mem, struct sim_image *m, const struct sim_image *from,
                     size_t first, size_t end);

/* sim_image_same -- the first count bytes are equal; both tables reach so far. */
bool sim_image_same(const struct sim_image *a, const struct sim_image *b, size_t count);

#endif
