/* sim/copy.h -- a copy of what a machine's disk holds, and putting it back: a restored backup;
 * or putting an empty one in.
 *
 * Invariants: a copy is what a power cut at that moment would have left, without torn parts
 * Owns:       the bytes of the copy, in the machine's disk account
 * Thread:     one
 */
#ifndef SIM_COPY_H
#define SIM_COPY_H

#include "sim/backing.h"

struct sim_host;

struct sim_copy {
    struct sim_file file[SIM_FILES_MAX];
    struct sim_name name[SIM_NAMES_MAX];
    struct sim_backing rows;
    bool taken;
};

/* sim_copy_take -- keep what is safe on the machine's disk now; the node may run. Only the newest
 * copy of a machine's disk can be put back: of it the judges know what it holds. */
void sim_copy_take(struct sim_copy *c, struct sim_host *h);

/* sim_copy_same -- the file whose name ends in suffix is still as it was copied; its safe bytes. */
bool sim_copy_same(const struct sim_copy *c, const struct sim_host *h, const char *suffix);

/* sim_copy_restore -- the machine is down: its disk is the copy again. Its node may stop because it
 * has forgotten what it promised, as long as it has; what it promises from then on, it keeps. */
void sim_copy_restore(const struct sim_copy *c, struct sim_host *h);

/* sim_copy_wipe -- the machine is down: its disk is another one, empty. Its node keeps its key. */
void sim_copy_wipe(struct sim_host *h);

/* sim_copy_done -- before the machine's end; nothing when none was taken. */
void sim_copy_done(struct sim_copy *c, struct sim_host *h);

#endif
