/* tests/script/main.c -- raft-script [--outcome] FILE...: run scripts over the real core.
 *
 * Exit codes: 0 every file passed, 1 an expectation failed, 2 something was not understood
 * Why:        `# mark: NAME` is a comment to every other driver: scripts stay portable
 */
#include "marks.h"
#include "script.h"

#include <stdio.h>
#include <stdlib.h>

/* `# mark: NAME`: the script vouches that it has reached that rare path of the core by here. */
static bool vouches(const struct marks *marks, char *line)
{
    static const char sign[] = "# mark: ";
    if (strncmp(line, sign, sizeof sign - 1) != 0) {
        return true;
    }
    char *name = line + sizeof sign - 1;
    name[strcspn(name, "\r\n")] = '\0';
    if (marks_reached(marks, name)) {
        printf("# expected mark %s\n", name);
        return true;
    }
    return false;
}

/* Leases are a choice of the whole cluster: made for scripts that read by them. */
static bool reads_by_lease(FILE *f)
{
    char line[SCRIPT_LINE_BYTES_MAX];
    bool found = false;
    while (fgets(line, sizeof line, f) != NULL) {
        line[strcspn(line, "#\r\n")] = '\0';
        size_t n = strlen(line);
        while (n > 0 && line[n - 1] == ' ') {
            line[--n] = '\0';
        }
        found = found ||
                (strncmp(line, "read ", 5) == 0 && n > 6 && strcmp(line + n - 6, " lease") == 0);
    }
    rewind(f);
    return found;
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

static int run_file(const char *path, bool outcome)
{
    FILE *f = fopen(path, "r");
    struct script *s = calloc(1, sizeof *s);
    char line[SCRIPT_LINE_BYTES_MAX];
    uint32_t number = 0;
    int rc = 0;
    bool bad = false;
    struct marks marks;
    marks_begin(&marks);
    if (f == NULL || s == NULL) {
        fprintf(stderr, "raft-script: %s cannot be read\n", path);
        free(s);
        if (f != NULL) {
            fclose(f);
        }
        return 2;
    }
    s->world.config.lease_reads = reads_by_lease(f);
    s->world.config.drift_ppm = SCRIPT_DRIFT_PPM;
    while (rc != 2 && next_line(f, line, sizeof line, &bad)) {
        number++;
        if (!vouches(&marks, line)) {
            printf("FAIL line %u: the mark was not reached\n", number);
            s->fails++;
            rc = 1;
        }
        enum script_result r = script_line(s, line);
        if (r == SCRIPT_FAILED) {
            printf("FAIL line %u: %s\n", number, s->message);
            s->fails++;
            rc = 1;
        } else if (r == SCRIPT_UNKNOWN) {
            fprintf(stderr, "raft-script: %s: line %u: %s\n", path, number, s->message);
            rc = 2;
        }
    }
    if (bad) {
        fprintf(stderr, "raft-script: %s: line %u is too long, or no text\n", path, number + 1);
        rc = 2;
    }
    if (ferror(f)) {
        fprintf(stderr, "raft-script: %s cannot be read\n", path);
        rc = 2;
    }
    fclose(f);
    if (outcome && s->world.started) {
        print_outcome(s);
    }
    marks_print(&marks);
    printf("%s %s checks=%u fails=%u\n", rc == 0 ? "PASS" : "FAIL", path, s->checks, s->fails);
    world_done(&s->world);
    free(s);
    return rc;
}

int main(int argc, char **argv)
{
    int worst = 0;
    bool outcome = argc > 1 && strcmp(argv[1], "--outcome") == 0;
    int first = outcome ? 2 : 1;
    if (argc <= first) {
        fprintf(stderr, "usage: raft-script [--outcome] FILE...\n");
        return 2;
    }
    for (int i = first; i < argc; i++) {
        int rc = run_file(argv[i], outcome);
        worst = rc > worst ? rc : worst;
    }
    return worst;
}
