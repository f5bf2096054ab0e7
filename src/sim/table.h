/* sim/table.h -- the table of nodes that follows the newest events of a finding.
 *
 * Thread: one
 */
#ifndef SIM_TABLE_H
#define SIM_TABLE_H

#include "sim/world.h"

/* sim_table_print -- a line for each node, under one that names the columns; peers: and what its
 * core knows of others, which one that broke its own word is not asked. */
void sim_table_print(const struct sim_world *w, FILE *out, bool peers);

#endif
