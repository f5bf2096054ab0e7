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

/* sim_artifact_write -- DIR/<run id>.json: run id, time, seed, test, version, options and the line
 * that replays them, hash of the story, events (the newest ones), metrics, status, error, duration.
 * twice: the run is one of two that must be equal. False: it was not written, which stderr was
 * told. */
bool sim_artifact_write(const struct sim_world *w, const struct sim_outcome *o, bool twice,
                        const char *dir);

/* sim_artifact_open -- a file to write to; NULL: stderr was told why there is none.
 * sim_artifact_close -- close it; false: not all of it was written, which stderr was told. */
FILE *sim_artifact_open(const char *path);
bool sim_artifact_close(FILE *f, const char *path);

#endif
