/* sim/run.h -- worlds one after the other: what each came to, and what is said of it.
 *
 * Thread: one
 */
#ifndef SIM_RUN_H
#define SIM_RUN_H

#include "sim/options.h"

/* What one world came to. */
struct sim_outcome {
    bool failed;
    char failure[SIM_FAILURE_BYTES];
    uint64_t hash; /* of the story */
    uint64_t events;
    uint64_t virtual_ns;
    uint64_t cpu_ns; /* processor time of this process: of one core, whatever else that one does */
    uint32_t nodes;
    uint64_t faults;
    uint64_t operations; /* of clients, that ended with success */
    uint64_t leaders;
    bool unwritten; /* a file about it, which stderr was told */
    bool undecided; /* the history was too tangled to be judged within the bound */
};

/* sim_run -- do what is asked; the exit code. */
int sim_run(const struct sim_request *request);

/* sim_run_tell -- a line about one world. */
void sim_run_tell(const struct sim_options *o, const struct sim_outcome *out, FILE *to);

/* sim_run_world -- one world, start to end. A panic inside it prints the line that replays it.
 * first: what the same world came to before; another story is a finding. NULL: it is the first. */
void sim_run_world(const struct sim_request *request, const struct sim_options *options,
                   const struct sim_outcome *first, struct sim_outcome *out);

#endif
