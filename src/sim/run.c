/* sim/run.c -- running one seed, or many, and telling about it. */
#include "sim/run.h"

#include "base/panic.h"
#include "sim/artifact.h"
#include "sim/shrink.h"
#include "sim/table.h"

#include <signal.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define RUN_PROGRESS_NS (2 * SIM_S)
#define RUN_BENCH_NS (10 * SIM_S) /* processor time that a measurement takes */

/* Processor time, not time of day: what else runs on the machine does not count. */
static uint64_t cpu_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * SIM_S + (uint64_t)t.tv_nsec;
}

static uint64_t day_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * SIM_S + (uint64_t)t.tv_nsec;
}

/* ---- who is told to stop says where it was, and the total ---- */

enum {
    RUN_FINDING = 1, /* exit codes */
    RUN_UNWRITTEN = 2,
    RUN_STOPPED = 128, /* and the signal, as a shell says it */
    RUN_LINE_BYTES = 1024
};

/* The world under way: a seed that hangs is found by whoever ends it. And what came of those before
 * it, where that is told in the end. */
static char run_line[RUN_LINE_BYTES];
static char run_total[RUN_LINE_BYTES];
static pid_t run_pid; /* not of those in which a world is made smaller */

static void on_stop(int signal)
{
    if (getpid() == run_pid) {
        ssize_t told = write(STDERR_FILENO, run_line, strlen(run_line));
        ssize_t counted = write(STDOUT_FILENO, run_total, strlen(run_total));
        _exit(told < 0 || counted < 0 ? RUN_FINDING : RUN_STOPPED + signal);
    }
    _exit(RUN_STOPPED + signal);
}

/* Who began us without this signal, as a shell does in the background, wants it so. */
static void listen_to(int number)
{
    struct sigaction now;
    if (sigaction(number, NULL, &now) == 0 && now.sa_handler != SIG_IGN) {
        signal(number, on_stop);
    }
}

/* What is said on a signal is not changed while one comes. */
static void note(char to[RUN_LINE_BYTES], const char *text)
{
    sigset_t stop;
    sigset_t before;
    sigemptyset(&stop);
    sigaddset(&stop, SIGINT);
    sigaddset(&stop, SIGTERM);
    sigprocmask(SIG_BLOCK, &stop, &before);
    snprintf(to, RUN_LINE_BYTES, "%s", text);
    sigprocmask(SIG_SETMASK, &before, NULL);
}

static void print_replay(const struct sim_request *r, const struct sim_options *o, FILE *out)
{
    fputs("replay: ", out);
    sim_options_print(o, r->twice, out);
    fputc('\n', out);
}

static void note_world(const struct sim_options *o)
{
    char line[RUN_LINE_BYTES];
    FILE *f = fmemopen(line, sizeof line, "w");
    if (f != NULL) {
        fputs("stopped in: ", f);
        sim_options_print(o, false, f);
        fputc('\n', f);
        fclose(f);
        note(run_line, line);
        listen_to(SIGINT);
        listen_to(SIGTERM);
    }
}

/* ---- one world ---- */

struct run {
    struct sim_world *world;
    const struct sim_request *request;
};

static void collect(const struct sim_world *w, struct sim_outcome *out)
{
    out->failed = w->failed;
    snprintf(out->failure, sizeof out->failure, "%s", w->failure);
    out->hash = w->story.hash;
    out->events = w->story.count;
    out->virtual_ns = w->now_ns;
    out->nodes = w->node_count;
    out->faults = w->faults.total;
    out->operations = w->clients.writes_ok + w->clients.reads_ok;
    out->leaders = w->judge.leaders;
    out->undecided = w->judge.undecided;
}

static enum err write_line(void *arg, struct bytes line)
{
    return fwrite(line.data, 1, line.count, arg) == line.count ? ERR_OK : ERR_IO;
}

static bool save_history(const struct sim_world *w, const char *path)
{
    FILE *file = sim_artifact_open(path);
    if (file == NULL) {
        return false;
    }
    enum err e = history_write(&w->clients.history, write_line, file);
    if (e == ERR_NO_MEMORY) {
        fprintf(stderr, "aspen-sim: %s is not whole: %s\n", path, err_text(e));
    }
    return sim_artifact_close(file, path) && e == ERR_OK;
}

/* The files that were asked for; false: one was not written. */
static bool save(const struct sim_world *w, const struct sim_outcome *o,
                 const struct sim_request *r)
{
    bool history = r->history == NULL || save_history(w, r->history);
    bool artifact = r->artifact == NULL || sim_artifact_write(w, o, r->twice, r->artifact);
    return history && artifact;
}

/* What is left of a world in which an assertion failed. */
static void keep_rest(const struct sim_world *w, const struct sim_request *r)
{
    struct sim_outcome out = { 0 };
    collect(w, &out);
    out.failed = true;
    snprintf(out.failure, sizeof out.failure, "%s", panic_said());
    save(w, &out, r); /* a panic is the worse news */
    if (r->shrink) {
        sim_shrink(r, &w->options, w->node_count, out.failure);
    }
}

/* An assertion failed inside a node or here: say how to see it again. */
static void on_panic(void *arg, int fd)
{
    const struct run *run = arg;
    struct sim_world *w = run->world;
    FILE *out = fdopen(dup(fd), "w");
    fflush(stdout); /* lines of the story that were asked for */
    if (out != NULL) {
        print_replay(run->request, &w->options, out);
        sim_story_table(&w->story, out);
        sim_table_print(w, out, false); /* a core that broke its own word is not asked */
        fclose(out);
    }
    keep_rest(w, run->request);
}

/* The same seed twice must tell the same story. */
static void compare(const struct sim_outcome *first, struct sim_outcome *out)
{
    if (!out->failed && (out->hash != first->hash || out->events != first->events)) {
        out->failed = true;
        snprintf(out->failure, sizeof out->failure,
                 "two runs of one seed tell different stories: %016llx and %016llx",
                 (unsigned long long)first->hash, (unsigned long long)out->hash);
    }
}

void sim_run_world(const struct sim_request *request, const struct sim_options *options,
                   const struct sim_outcome *first, struct sim_outcome *out)
{
    uint64_t began = cpu_ns();
    struct sim_world *w = sim_world_open(options);
    struct run run = { w, request };
    memset(out, 0, sizeof *out);
    if (w == NULL) {
        PANIC("no memory for a world");
    }
    panic_hook_set(on_panic, &run);
    note_world(options);
    sim_world_run(w);
    collect(w, out);
    out->cpu_ns = cpu_ns() - began;
    if (first != NULL) {
        compare(first, out);
    }
    out->unwritten = !save(w, out, request);
    if (out->failed && request->table) {
        print_replay(request, options, stdout);
        sim_story_table(&w->story, stdout);
        sim_table_print(w, stdout, true);
        printf("finding: %s\n", out->failure);
    }
    panic_hook_set(NULL, NULL);
    sim_world_close(w);
}

/* ---- seeds ---- */

struct total {
    uint64_t seeds;
    uint64_t findings;
    uint64_t virtual_ns;
    uint64_t cpu_ns;
    uint64_t faults;
    uint64_t operations;
    uint64_t undecided;
    uint64_t unwritten; /* worlds of which a file is missing */
};

static void add(struct total *t, const struct sim_outcome *o)
{
    t->seeds++;
    t->virtual_ns += o->virtual_ns;
    t->cpu_ns += o->cpu_ns;
    t->faults += o->faults;
    t->operations += o->operations;
    t->undecided += o->undecided;
    t->findings += o->failed;
    t->unwritten += o->unwritten;
}

static void progress_text(const struct total *t, char out[RUN_LINE_BYTES])
{
    double speed = t->cpu_ns > 0 ? (double)t->virtual_ns / (double)t->cpu_ns : 0;
    snprintf(out, RUN_LINE_BYTES,
             "%llu seeds, %llu findings, %.1f virtual hours, %.0f times the time of one core, "
             "%llu faults, %llu operations, %llu histories undecided\n",
             (unsigned long long)t->seeds, (unsigned long long)t->findings,
             (double)t->virtual_ns / 3.6e12, speed, (unsigned long long)t->faults,
             (unsigned long long)t->operations, (unsigned long long)t->undecided);
}

static void progress(const struct total *t)
{
    char line[RUN_LINE_BYTES];
    progress_text(t, line);
    fputs(line, stdout);
    fflush(stdout);
}

/* One seed that was named has no total. */
static bool has_total(const struct sim_request *r)
{
    return r->seeds != 0 || !r->seeded;
}

static void note_total(const struct sim_request *r, const struct total *t)
{
    char line[RUN_LINE_BYTES];
    if (has_total(r)) {
        progress_text(t, line);
        note(run_total, line);
    }
}

void sim_run_tell(const struct sim_options *o, const struct sim_outcome *out, FILE *to)
{
    fprintf(to,
            "seed %llu: %s, %u nodes, %llu events, %.1f virtual seconds, %llu faults, "
            "%llu operations, %llu elections%s, story %016llx\n",
            (unsigned long long)o->seed, out->failed ? "FINDING" : "no finding", out->nodes,
            (unsigned long long)out->events, (double)out->virtual_ns / 1e9,
            (unsigned long long)out->faults, (unsigned long long)out->operations,
            (unsigned long long)out->leaders, out->undecided ? ", history undecided" : "",
            (unsigned long long)out->hash);
}

/* False: it is to be the last one. */
static bool run_seed(const struct sim_request *r, const struct sim_options *o, struct total *t)
{
    struct sim_outcome out;
    sim_run_world(r, o, NULL, &out);
    bool shrinks = out.failed && r->shrink;
    if (r->twice && !out.failed) {
        struct sim_outcome first = out;
        sim_run_world(r, o, &first, &out);
        out.unwritten = out.unwritten || first.unwritten;
    }
    add(t, &out);
    note_total(r, t);
    if (sim_options_one(r)) {
        sim_run_tell(o, &out, stdout);
    }
    if (shrinks) {
        sim_shrink(r, o, out.nodes, out.failure);
    }
    return !out.unwritten && (!out.failed || r->keep_going);
}

static uint64_t fresh_seed(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return ((uint64_t)t.tv_sec * SIM_S + (uint64_t)t.tv_nsec) % 1000000000000u;
}

static int code_of(const struct total *t)
{
    return t->findings > 0 ? RUN_FINDING : t->unwritten > 0 ? RUN_UNWRITTEN : 0;
}

static int bench(const struct sim_request *r)
{
    struct sim_options o = r->world;
    struct total t = { 0 };
    struct sim_request quiet = *r;
    quiet.seeded = false;
    quiet.seeds = 0;
    note_total(&quiet, &t);
    o.nodes = o.nodes != 0 ? o.nodes : 5;
    o.virtual_ns = 600 * SIM_S;
    o.faults_all = true;
    while (t.cpu_ns < RUN_BENCH_NS && run_seed(&quiet, &o, &t)) {
        o.seed++;
    }
    progress(&t);
    return code_of(&t);
}

/* A long run should not end in a file that could never be written. */
static bool writable(const struct sim_request *r)
{
    FILE *f = r->history != NULL ? sim_artifact_open(r->history) : NULL;
    if (r->history != NULL && (f == NULL || !sim_artifact_close(f, r->history))) {
        return false;
    }
    return r->artifact == NULL || sim_artifact_dir(r->artifact);
}

int sim_run(const struct sim_request *r)
{
    struct sim_options o = r->world;
    struct total t = { 0 };
    uint64_t told = 0;
    uint64_t end_ns = r->for_s != 0 ? day_ns() + r->for_s * SIM_S : UINT64_MAX;
    if (!writable(r)) {
        return RUN_UNWRITTEN;
    }
    run_pid = getpid();
    if (r->bench) {
        return bench(r);
    }
    uint64_t seeds = r->seeds != 0 ? r->seeds : r->seeded ? 1 : UINT64_MAX;
    o.seed = r->seeded ? o.seed : fresh_seed();
    note_total(r, &t);
    for (uint64_t i = 0; i < seeds && day_ns() < end_ns; i++) {
        if (!run_seed(r, &o, &t)) {
            break;
        }
        o.seed++;
        if (seeds > 1 && t.cpu_ns - told > RUN_PROGRESS_NS) {
            told = t.cpu_ns;
            progress(&t);
        }
    }
    if (has_total(r)) {
        progress(&t);
    }
    return code_of(&t);
}
