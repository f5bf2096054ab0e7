/* sim/shrink.h -- a failing world made smaller while it still fails.
 *
 * Thread: one; each attempt is a process of its own, because a failing world may panic
 */
#ifndef SIM_SHRINK_H
#define SIM_SHRINK_H

#include "sim/options.h"

#define SIM_SHRINK_PANIC "an assertion failed" /* the finding of a world that ends by itself */

/* sim_shrink -- try fewer nodes, less time, fewer classes of faults; print the smallest world that
 * still has this finding, and its table. */
void sim_shrink(const struct sim_request *request, const struct sim_options *options,
                const char *finding);

/* sim_shrink_same -- two findings are one but for numbers, which differ in a smaller world. */
bool sim_shrink_same(const char *a, const char *b);

#endif
