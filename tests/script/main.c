/* tests/script/main.c -- raft-script [--outcome] FILE...: run scripts over the real core.
 *
 * Exit codes: 0 every file passed, 1 an expectation failed, 2 something was not understood
 * Why:        `# mark: NAME` is a comment to every other driver: scripts stay portable
 */
#include "marks.h"
#include "script.h"

#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

/* One file on its way. */
struct run {
    const char *path;
    FILE *in;
    FILE *out; /* what lines had to say: told when the run counts */
    struct script *script;
    struct marks marks;
    uint32_t number; /* of the line */
    int rc;
    bool lives, leases; /* what the whole cluster is asked to do */
    bool done;          /* it counts */
    bool fell;          /* its core asserted */
};

/* Where a core that asserts is left; what it said stands on stderr. */
static sigjmp_buf left;

static NORETURN void leave(int signal)
{
    siglongjmp(left, signal);
}

/* `# mark: NAME`: the script vouches that it has reached that rare path of the core by here. */
static bool vouches(struct run *r, char *line)
{
    static const char sign[] = "# mark: ";
    if (strncmp(line, sign, sizeof sign - 1) != 0) {
        return true;
    }
    char *name = line + sizeof sign - 1;
    name[strcspn(name, "\r\n")] = '\0';
    if (marks_reached(&r->marks, name)) {
        fprintf(r->out, "# expected mark %s\n", name);
        return true;
    }
    return false;
}

/* The next line without its end; false: there is none, or *bad: it is too long, or no text. */
static bool next_line(FILE *f, char *line, size_t room, bool *bad)
{
    size_t n = 0;
    int c = getc(f);
    bool any = c != EOF;
    while (c != EOF && c != '\n' && c != '\0' && n + 1 < room) {
        line[n++] = (char)c;
        c = getc(f);
    }
    line[n] = '\0';
    *bad = (c != EOF && c != '\n') || !script_is_text(line);
    return any && !*bad;
}

/* --outcome: what each node came to, to be compared with another implementation's; what `expect`
 * sees. */
static void print_outcome(const struct script *s)
{
    static const char *const keys[] = { "commit", "last", "applied", "config", "app" };
    for (unsigned id = 1; id <= WORLD_NODES_MAX; id++) {
        const struct world_node *n = &s->world.node[id];
        if (!n->exists) {
            continue;
        }
        if (!n->up) {
            printf("outcome %u down\n", id);
            continue;
        }
        printf("outcome %u", id);
        for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
            script_tell(s, id, keys[i]);
        }
        printf("\n");
    }
    for (uint32_t i = 0; i < s->world.read_count; i++) {
        static const char *const states[] = { "pending", "ok", "fail" };
        const struct world_read *r = &s->world.read[i];
        printf("outcome read %s %s %llu\n", r->tag, states[r->state], (unsigned long long)r->index);
    }
}

static void fail(struct run *r, const char *why)
{
    fprintf(r->out, "FAIL line %u: %s\n", r->number, why);
    r->script->fails++;
    r->rc = 1;
}

/* True: what lines ask for must be a choice of the whole cluster, from its first line on. */
static bool begins_anew(struct run *r)
{
    const struct world *w = &r->script->world;
    bool anew = (w->wants_lives && !r->lives) || (w->wants_leases && !r->leases);
    r->lives = r->lives || w->wants_lives;
    r->leases = r->leases || w->wants_leases;
    return anew;
}

/* False: the run is to begin anew. */
static bool run_lines(struct run *r)
{
    char line[SCRIPT_LINE_BYTES_MAX];
    struct script *s = r->script;
    bool bad = false;
    while (r->rc != 2 && next_line(r->in, line, sizeof line, &bad)) {
        r->number++;
        if (!vouches(r, line)) {
            fail(r, "the mark was not reached");
        }
        enum script_result result = script_line(s, line);
        if (begins_anew(r)) {
            return false;
        }
        if (result == SCRIPT_FAILED) {
            fail(r, s->message);
        } else if (result == SCRIPT_UNKNOWN) {
            fprintf(stderr, "raft-script: %s: line %u: %s\n", r->path, r->number, s->message);
            r->rc = 2;
        }
    }
    if (bad) {
        fprintf(stderr, "raft-script: %s: line %u is no text, or longer than %d bytes\n", r->path,
                r->number + 1, SCRIPT_LINE_BYTES_MAX - 1);
        r->rc = 2;
    }
    if (ferror(r->in)) {
        fprintf(stderr, "raft-script: %s cannot be read\n", r->path);
        r->rc = 2;
    }
    return true;
}

/* False: once more. */
static bool run_once(struct run *r, bool outcome)
{
    char *said = NULL;
    size_t size = 0;
    r->script = calloc(1, sizeof *r->script);
    r->out = open_memstream(&said, &size);
    if (r->script == NULL || r->out == NULL) {
        fprintf(stderr, "raft-script: out of memory\n");
        exit(2);
    }
    r->rc = 0;
    r->number = 0;
    r->done = true;
    r->script->world.lives = r->lives;
    r->script->world.config.lease_reads = r->leases;
    r->script->world.config.drift_ppm = SCRIPT_DRIFT_PPM;
    marks_begin(&r->marks);
    rewind(r->in);
    if (sigsetjmp(left, 1) == 0) {
        r->done = run_lines(r);
    } else {
        fail(r, "the core says that it is broken");
        r->fell = true;
    }
    fclose(r->out);
    if (r->done) {
        fputs(said, stdout);
        if (outcome && r->script->world.started && !r->fell) {
            print_outcome(r->script);
        }
        marks_print(&r->marks);
        printf("%s %s checks=%u fails=%u\n", r->rc == 0 ? "PASS" : "FAIL", r->path,
               r->script->checks, r->script->fails);
        fflush(stdout);
    }
    free(said);
    if (!r->fell) { /* nothing of a core that fell is safe to touch */
        world_done(&r->script->world);
        free(r->script);
    }
    return r->done;
}

static int run_file(const char *path, bool outcome)
{
    struct run r = { .path = path, .in = fopen(path, "r") };
    if (r.in == NULL) {
        fprintf(stderr, "raft-script: %s cannot be read\n", path);
        printf("FAIL %s checks=0 fails=0\n", path);
        return 2;
    }
    while (!run_once(&r, outcome)) {
    }
    fclose(r.in);
    return r.rc;
}

static const char usage[] =
    "usage: raft-script [--outcome] FILE...\n"
    "Runs scripts (tests/script/README.md) over the real core: FAIL line N for each expectation\n"
    "that does not hold, and for each file PASS or FAIL, its checks and its fails.\n"
    "  --outcome  then a line for each node and read with what they came to\n"
    "  --help     this text\n"
    "Exit code: 0 all files passed; 1 an expectation or an invariant failed; 2 a line was not\n"
    "understood or asks for more than there is room for, a file cannot be read, or this usage.\n";

int main(int argc, char **argv)
{
    int worst = 0;
    bool outcome = argc > 1 && strcmp(argv[1], "--outcome") == 0;
    int first = outcome ? 2 : 1;
    if (argc > 1 && strcmp(argv[1], "--help") == 0) {
        fputs(usage, stdout);
        return 0;
    }
    if (argc <= first) {
        fputs(usage, stderr);
        return 2;
    }
    if (argv[first][0] == '-') {
        fprintf(stderr, "raft-script: no option %s (a file of that name: ./%s)\n%s", argv[first],
                argv[first], usage);
        return 2;
    }
    signal(SIGABRT, leave);
    for (int i = first; i < argc; i++) {
        int rc = run_file(argv[i], outcome);
        worst = rc > worst ? rc : worst;
    }
    return worst;
}
