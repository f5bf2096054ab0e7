/* sim/artifact.h -- a JSON file about one run, for whoever looks at it later.
 *
 * Thread: one
 */
#ifndef SIM_ARTIFACT_H
#define SIM_ARTIFACT_H

#include "sim/run.h"

/* sim_artifact_dir -- make it and what leads to it, where that is missing; false: it cannot be
 * written to, which stderr was told. */
bool sim_artifact_dir(const char *dir);

/* sim_artifact_write -- DIR/<run id>.json: run id, time, seed, test, events (the newest ones),
 * metrics, status, error, duration. A file that cannot be written is said on stderr. */
void sim_artifact_write(const struct sim_world *w, const struct sim_outcome *o, const char *dir);

#endif
