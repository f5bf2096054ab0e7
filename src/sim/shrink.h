/* sim/shrink.h -- a failing world made smaller while it still fails.
 *
 * Thread: one; each attempt is a process of its own, because a failing world may panic
 */
#ifndef SIM_SHRINK_H
#define SIM_SHRINK_H

#include "sim/options.h"

/* sim_shrink -- try fewer nodes, less time, fewer classes of faults; print the smallest world that
 * still has a finding, and its table. */
void sim_shrink(const struct sim_request *request, const struct sim_options *options);

#endif
