/* sim/options.h -- the command line of aspen-sim.
 *
 * Thread: one
 */
#ifndef SIM_OPTIONS_H
#define SIM_OPTIONS_H

#include "sim/world.h"

/* What the program is asked to do. */
struct sim_request {
    struct sim_options world;
    bool seeded;          /* seed was named: that one only, or `seeds` from it on */
    uint64_t seeds;       /* 0: one when seeded, else without end */
    bool twice;           /* every seed runs twice, and must tell the same story */
    bool bench;           /* how fast is it: worlds of a set length, for a set time */
    bool timed;           /* a length was named */
    bool shrink;          /* a failing seed is made smaller */
    bool marks;           /* say in the end which rare paths were reached */
    bool keep_going;      /* a finding is told, and the next seed runs */
    bool table;           /* show the last events */
    uint64_t for_s;       /* no new seed after so many seconds; 0: no bound */
    const char *artifact; /* directory; NULL: none */
    const char *history;  /* file for the clients' history; NULL: none */
};

/* sim_options_parse -- fill out; returns -1 to go on, or the exit code when there is nothing to do
 * (help, list, a mistake: 2). */
int sim_options_parse(int argc, char **argv, struct sim_request *out);

/* sim_options_one -- whether one seed is all that is asked for: then it is told of by itself. */
bool sim_options_one(const struct sim_request *r);

/* sim_options_print -- the command line that runs exactly this world, or twice; no newline. */
void sim_options_print(const struct sim_options *o, bool twice, FILE *out);

#endif
