/* sim/aspen-sim.c -- the program: one seed, or seeds without end.
 *
 * Why: its main lives here because cmd must not know the simulator
 */
#include "sim/chance.h"
#include "sim/marks.h"
#include "sim/options.h"
#include "sim/run.h"

#include <malloc.h>

enum {
    SIM_MAP_BYTES = 256 * 1024 /* a process's large tables come as zero pages, and go as a whole */
};

/* What was said may have gone nowhere; a finding is the worse news. */
static int leave(int code)
{
    if (fflush(stdout) == 0 && !ferror(stdout)) {
        return code;
    }
    fputs("aspen-sim: cannot write to standard output\n", stderr);
    return code == 0 ? 2 : code;
}

int main(int argc, char **argv)
{
    struct sim_request request;
    int code = sim_options_parse(argc, argv, &request);
    if (code >= 0) {
        return leave(code);
    }
    mallopt(M_MMAP_THRESHOLD, SIM_MAP_BYTES);
    request.world.chance = sim_chance_begin;
    code = sim_run(&request);
    if (request.marks && !sim_marks_print(stdout)) {
        fputs("aspen-sim: --marks: this build counts none\n", stderr);
        return 2;
    }
    return leave(code);
}
