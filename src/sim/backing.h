/* sim/backing.h -- rows under the tables in the simulator: a finished write survives, an
 * interrupted one is there as a whole or not at all; so does a swap. What was being built is gone.
 *
 * Owns:       its rows, counted in the account, through any number of restarts
 * Thread:     one
 */
#ifndef SIM_BACKING_H
#define SIM_BACKING_H

#include "sim/disk.h"
#include "store/backing.h"
#include "store/btree.h"

struct sim_backing {
    struct backing base; /* first */
    struct sim_disk
        *disk; /* its operations are counted with the disk's; NULL: nothing ever fails */
    struct btree tree[TABLE_COUNT];
    struct btree view[TABLE_COUNT];
    struct btree next[TABLE_COUNT]; /* being built */
    bool viewed;
    bool swapped; /* a restart finds next */
    uint32_t puts;
};

/* sim_backing_init -- empty; mem bounds the rows, disk decides when a write fails or is cut off.
 */
void sim_backing_init(struct sim_backing *b, struct mem *mem, struct sim_disk *disk);

/* sim_backing_done -- free the rows, at the end of all restarts. */
void sim_backing_done(struct sim_backing *b);

#endif
