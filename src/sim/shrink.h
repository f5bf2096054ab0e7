/* sim/shrink.h -- a failing world made smaller while it still fails.
 *
 * Thread: one; each attempt is a process of its own, because a failing world may panic
 */
#ifndef SIM_SHRINK_H
#define SIM_SHRINK_H

#include "sim/options.h"

#define SIM_SHRINK_PANIC "panic: " /* so the finding of a world begins that ends by itself */

/* sim_shrink -- make a failing world smaller, print the smallest one that still has this finding,
 * and its table. nodes: how many it had. */
void sim_shrink(const struct sim_request *request, const struct sim_options *options,
                uint32_t nodes, const char *finding);

/* Whether a world has the finding still. */
typedef bool (*sim_shrink_fn)(void *arg, const struct sim_options *o);

/* sim_shrink_search -- less time, then every smaller number of nodes, then fewer classes of faults,
 * then less time again; a change stays in o when fails says so. No world that is tried is larger in
 * anything than the one before. nodes: how many the world of o has, drawn or named. */
void sim_shrink_search(struct sim_options *o, uint32_t nodes, sim_shrink_fn fails, void *arg);

/* sim_shrink_same -- two findings are one but for numbers, which differ in a smaller world. */
bool sim_shrink_same(const char *a, const char *b);

#endif
