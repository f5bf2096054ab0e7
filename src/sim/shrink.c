/* sim/shrink.c -- one change at a time, kept when the finding stays. */
#include "sim/shrink.h"

#include "base/panic.h"
#include "sim/run.h"

#include <sys/wait.h>
#include <unistd.h>

#define SHRINK_TELLS "aspen-sim: " /* so a file begins that could not be written */

enum {
    SHRINK_ROUNDS = 12 /* halvings of the time */
};

/* What is made smaller: a world, and what is found in it. */
struct shrink {
    const struct sim_request *request;
    const char *finding;
    bool keep; /* the files that were asked for */
};

bool sim_shrink_same(const char *a, const char *b)
{
    while (*a != '\0' && *b != '\0') {
        bool number = *a >= '0' && *a <= '9' && *b >= '0' && *b <= '9';
        if (number) {
            a += strspn(a, "0123456789");
            b += strspn(b, "0123456789");
        } else if (*a++ != *b++) {
            return false;
        }
    }
    return *a == *b;
}

static bool is_panic(const char *finding)
{
    return strncmp(finding, SIM_SHRINK_PANIC, strlen(SIM_SHRINK_PANIC)) == 0;
}

/* In a process of its own, for a panic ends it; what the world says of itself goes to said. */
NORETURN static void child(const struct shrink *s, const struct sim_options *o, int out_fd,
                           int said_fd)
{
    struct sim_request quiet = *s->request;
    struct sim_options world = *o;
    struct sim_outcome out;
    panic_hook_set(NULL, NULL); /* it may be that of a world that panics */
    dup2(said_fd, STDERR_FILENO);
    quiet.table = false;
    quiet.shrink = false;
    quiet.twice = false;
    quiet.artifact = s->keep ? quiet.artifact : NULL;
    quiet.history = s->keep ? quiet.history : NULL;
    world.trace = NULL;
    world.node_log = NULL;
    sim_run_world(&quiet, &world, NULL, &out);
    size_t count = strlen(out.failure);
    _exit(write(out_fd, out.failure, count) == (ssize_t)count ? 0 : 1);
}

/* The line with which a panic began. */
static bool said_panic(FILE *said, char *out, size_t bytes)
{
    rewind(said);
    while (fgets(out, (int)bytes, said) != NULL) {
        if (is_panic(out)) {
            out[strcspn(out, "\n")] = '\0';
            return true;
        }
    }
    return false;
}

/* What comes of the world: a finding, as its status tells whose word it is. */
static bool attempt(const struct shrink *s, const struct sim_options *o, FILE *said, char *found,
                    int *status)
{
    int ends[2];
    fflush(stdout);
    if (pipe(ends) != 0) {
        return false;
    }
    pid_t pid = fork();
    if (pid == 0) {
        close(ends[0]);
        child(s, o, ends[1], fileno(said));
    }
    close(ends[1]);
    ssize_t count = pid > 0 ? read(ends[0], found, SIM_FAILURE_BYTES) : 0; /* all, or the end */
    close(ends[0]);
    if (pid <= 0 || waitpid(pid, status, 0) != pid) {
        return false;
    }
    found[count > 0 ? count : 0] = '\0';
    return WIFSIGNALED(*status) ? said_panic(said, found, SIM_FAILURE_BYTES) : count > 0;
}

/* Whether this world has the same finding; another one, or an end without one, is none. A panic's
 * numbers are not the world's: they are the place where it was. */
static bool fails(void *arg, const struct sim_options *o)
{
    const struct shrink *s = arg;
    char found[SIM_FAILURE_BYTES + 1] = "";
    int status = 0;
    FILE *said = tmpfile();
    if (said == NULL) {
        return false;
    }
    bool any = attempt(s, o, said, found, &status);
    fclose(said);
    if (any && WIFSIGNALED(status)) {
        return strcmp(found, s->finding) == 0;
    }
    return any && status == 0 && sim_shrink_same(found, s->finding);
}

/* A world that panics writes its files in a process of its own; what it says of them is passed on,
 * the rest was said of the first world. */
static void keep_files(const struct shrink *s, const struct sim_options *o)
{
    struct shrink last = *s;
    char line[SIM_FAILURE_BYTES + 1] = "";
    int status = 0;
    FILE *said = tmpfile();
    last.keep = true;
    if (said == NULL || !attempt(&last, o, said, line, &status)) {
        fputs("aspen-sim: the smallest world did not fail once more for its files\n", stderr);
    }
    for (bool more = said != NULL && fseek(said, 0, SEEK_SET) == 0; more;) {
        more = fgets(line, sizeof line, said) != NULL;
        if (more && strncmp(line, SHRINK_TELLS, strlen(SHRINK_TELLS)) == 0) {
            fputs(line, stderr);
        }
    }
    if (said != NULL) {
        fclose(said);
    }
}

/* ---- the search ---- */

/* A finding may need an even number of nodes, or so many that one must be away: all are tried. */
static void fewer_nodes(struct sim_options *o, uint32_t nodes, sim_shrink_fn still, void *arg)
{
    while (--nodes > 0) {
        struct sim_options smaller = *o;
        smaller.nodes = nodes;
        if (still(arg, &smaller)) {
            *o = smaller;
        }
    }
}

static void fewer_faults(struct sim_options *o, sim_shrink_fn still, void *arg)
{
    for (int c = 0; c < SIM_FAULT_COUNT; c++) {
        struct sim_options smaller = *o;
        smaller.faults_off |= sim_fault_bit((enum sim_fault_class)c);
        if (smaller.faults_off != o->faults_off && still(arg, &smaller)) {
            *o = smaller;
        }
    }
}

/* Halve the time, then take quarters away, as far as the finding stays. */
static void shorter(struct sim_options *o, sim_shrink_fn still, void *arg)
{
    uint64_t step = o->virtual_ns / 2;
    for (int i = 0; i < SHRINK_ROUNDS && step >= 100 * SIM_MS; i++) {
        struct sim_options smaller = *o;
        smaller.virtual_ns -= step / SIM_MS * SIM_MS; /* as --minutes can say it */
        if (smaller.virtual_ns > 0 && still(arg, &smaller)) {
            *o = smaller;
            step = step < o->virtual_ns ? step : o->virtual_ns / 2;
        } else {
            step /= 2;
        }
    }
}

void sim_shrink_search(struct sim_options *o, uint32_t nodes, sim_shrink_fn still, void *arg)
{
    shorter(o, still, arg);
    fewer_nodes(o, nodes, still, arg);
    fewer_faults(o, still, arg);
    shorter(o, still, arg);
}

void sim_shrink(const struct sim_request *request, const struct sim_options *options,
                uint32_t nodes, const char *finding)
{
    struct shrink s = { request, finding, false };
    struct sim_options o = *options;
    struct sim_outcome out;
    if (!fails(&s, &o)) {
        printf("shrink: the finding does not come again\n");
        return;
    }
    sim_shrink_search(&o, nodes, fails, &s);
    printf("shrink: the smallest world that still fails\n");
    if (is_panic(finding)) { /* it would end this process before it is told */
        fputs("replay: ", stdout);
        sim_options_print(&o, false, stdout);
        fputc('\n', stdout);
        fflush(stdout);
        bool smaller = o.virtual_ns != options->virtual_ns || o.nodes != options->nodes ||
                       o.faults_off != options->faults_off;
        if (smaller && (request->artifact != NULL || request->history != NULL)) {
            keep_files(&s, &o);
        }
        return;
    }
    struct sim_request last = *request;
    last.table = true;
    sim_run_world(&last, &o, NULL, &out);
}
