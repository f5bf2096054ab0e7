/* sim/shrink.c -- one change at a time, kept when the finding stays. */
#include "sim/shrink.h"

#include "sim/run.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    SHRINK_ROUNDS = 12 /* halvings of the time */
};

/* Whether this world fails; what it says of itself goes nowhere. */
static bool fails(const struct sim_request *r, const struct sim_options *o)
{
    int status = 0;
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        struct sim_request quiet = *r;
        struct sim_options world = *o;
        struct sim_outcome out;
        int nowhere = open("/dev/null", O_WRONLY);
        dup2(nowhere, STDERR_FILENO);
        quiet.table = false;
        quiet.artifact = NULL;
        quiet.history = NULL;
        world.trace = NULL;
        world.node_log = NULL;
        sim_run_world(&quiet, &world, &out);
        _exit(out.failed ? 1 : 0);
    }
    return pid > 0 && waitpid(pid, &status, 0) == pid && status != 0;
}

static void fewer_nodes(const struct sim_request *r, struct sim_options *o)
{
    for (uint32_t nodes = 1; nodes <= 5; nodes += 2) {
        struct sim_options smaller = *o;
        smaller.nodes = nodes;
        if ((o->nodes == 0 || nodes < o->nodes) && fails(r, &smaller)) {
            *o = smaller;
            return;
        }
    }
}

static void fewer_faults(const struct sim_request *r, struct sim_options *o)
{
    for (int c = 0; c < SIM_FAULT_COUNT; c++) {
        struct sim_options smaller = *o;
        smaller.faults_off |= sim_fault_bit((enum sim_fault_class)c);
        if (smaller.faults_off != o->faults_off && fails(r, &smaller)) {
            *o = smaller;
        }
    }
}

/* Halve the time, then take quarters away, as far as the finding stays. */
static void shorter(const struct sim_request *r, struct sim_options *o)
{
    uint64_t step = o->virtual_ns / 2;
    for (int i = 0; i < SHRINK_ROUNDS && step >= 100 * SIM_MS; i++) {
        struct sim_options smaller = *o;
        smaller.virtual_ns -= step / SIM_MS * SIM_MS; /* as --minutes can say it */
        if (smaller.virtual_ns > 0 && fails(r, &smaller)) {
            *o = smaller;
            step = step < o->virtual_ns ? step : o->virtual_ns / 2;
        } else {
            step /= 2;
        }
    }
}

void sim_shrink(const struct sim_request *request, const struct sim_options *options)
{
    struct sim_options o = *options;
    struct sim_outcome out;
    if (!fails(request, &o)) {
        printf("shrink: the finding does not come again\n");
        return;
    }
    shorter(request, &o);
    fewer_nodes(request, &o);
    fewer_faults(request, &o);
    shorter(request, &o);
    printf("shrink: the smallest world that still fails\n");
    struct sim_request last = *request;
    last.table = true;
    sim_run_world(&last, &o, &out);
}
