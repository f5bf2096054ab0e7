/* sim/artifact.c -- the fields of a run, as JSON. Texts are our own and need few escapes. */
#include "sim/artifact.h"

#include <errno.h>
#include <inttypes.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum {
    ARTIFACT_PATH_BYTES = 1024,
    ARTIFACT_NAME_BYTES = 64 /* of a file, behind its directory */
};

static void put_text(FILE *f, const char *text)
{
    fputc('"', f);
    for (; *text != '\0'; text++) {
        if (*text == '"' || *text == '\\') {
            fputc('\\', f);
        }
        fputc((unsigned char)*text < ' ' ? ' ' : *text, f);
    }
    fputc('"', f);
}

/* A number that was asked for, or null. */
static void put_asked(FILE *f, const char *name, uint64_t number)
{
    fprintf(f, ", \"%s\": ", name);
    if (number != 0) {
        fprintf(f, "%" PRIu64, number);
    } else {
        fputs("null", f);
    }
}

/* All that a run depends on, besides the source: as fields, and as the line to type. */
static void put_options(FILE *f, const struct sim_options *o, bool twice)
{
    const char *before = "";
    fprintf(f, "  \"options\": {\"seed\": %" PRIu64 ", \"ms\": %" PRIu64, o->seed,
            o->virtual_ns / SIM_MS);
    put_asked(f, "nodes", o->nodes);
    put_asked(f, "until", o->events_max);
    fputs(", \"without\": [", f);
    for (int i = 0; i < SIM_FAULT_COUNT; i++) {
        if ((o->faults_off & sim_fault_bit((enum sim_fault_class)i)) != 0) {
            fprintf(f, "%s\"%s\"", before, sim_fault_name((enum sim_fault_class)i));
            before = ", ";
        }
    }
    fprintf(f, "], \"all_faults\": %s, \"quic\": %s, \"twice\": %s},\n",
            o->faults_all ? "true" : "false", o->quic ? "true" : "false", twice ? "true" : "false");
    fputs("  \"replay\": \"", f);
    sim_options_print(o, twice, f); /* no character that JSON would escape */
    fputs("\",\n", f);
}

static void put_events(FILE *f, const struct sim_story *s)
{
    uint64_t shown = s->count < SIM_STORY_EVENTS ? s->count : SIM_STORY_EVENTS;
    fputs("  \"events\": [\n", f);
    for (uint64_t i = s->count - shown; i < s->count; i++) {
        const struct sim_story_event *e = &s->event[i % SIM_STORY_EVENTS];
        fprintf(f,
                "    {\"event\": %" PRIu64 ", \"ns\": %" PRIu64 ", \"node\": %" PRIu64
                ", \"what\": ",
                e->number, e->at_ns, e->node);
        put_text(f, e->what);
        fprintf(f, ", \"a\": %" PRIu64 ", \"b\": %" PRIu64 "}%s\n", e->a, e->b,
                i + 1 < s->count ? "," : "");
    }
    fputs("  ],\n", f);
}

static void put_metrics(FILE *f, const struct sim_world *w, const struct sim_outcome *o)
{
    const struct sim_clients *c = &w->clients;
    fprintf(f,
            "  \"metrics\": {\"nodes\": %u, \"events\": %" PRIu64 ", \"virtual_ns\": %" PRIu64
            ", \"elections\": %" PRIu64 ", \"frames\": %" PRIu64 ", \"frames_lost\": %" PRIu64
            ", \"writes\": %" PRIu64 ", \"writes_failed\": %" PRIu64
            ", \"writes_unknown\": %" PRIu64 ", \"reads\": %" PRIu64 ", \"reads_failed\": %" PRIu64
            ", \"history_undecided\": %s,\n",
            o->nodes, o->events, o->virtual_ns, o->leaders, w->net.frames + w->wire.packets,
            w->net.lost + w->wire.lost, c->writes_ok, c->writes_failed, c->writes_unknown,
            c->reads_ok, c->reads_failed, o->undecided ? "true" : "false");
    fputs("    \"faults\": {", f);
    for (int i = 0; i < SIM_FAULT_COUNT; i++) {
        fprintf(f, "%s\"%s\": %" PRIu64, i > 0 ? ", " : "", sim_fault_name((enum sim_fault_class)i),
                w->faults.injected[i]);
    }
    fputs("}},\n", f);
}

bool sim_artifact_dir(const char *dir)
{
    char path[ARTIFACT_PATH_BYTES];
    size_t count = strlen(dir);
    errno = 0;
    bool fits = count > 0 && count + ARTIFACT_NAME_BYTES < sizeof path;
    for (size_t i = 1; fits && i <= count; i++) {
        if (dir[i] == '/' || dir[i] == '\0') {
            memcpy(path, dir, i);
            path[i] = '\0';
            fits = mkdir(path, 0777) == 0 || errno == EEXIST || errno == EROFS;
        }
    }
    if (fits) {
        snprintf(path, sizeof path, "%s/.", dir);
        fits = access(path, W_OK | X_OK) == 0;
    }
    if (!fits) {
        const char *name = count > 0 ? "its name is too long" : "its name is empty";
        fprintf(stderr, "aspen-sim: --artifact: '%s' is no directory to write to: %s\n", dir,
                errno != 0 ? strerror(errno) : name);
    }
    return fits;
}

static bool unwritten(const char *path)
{
    fprintf(stderr, "aspen-sim: cannot write %s: %s\n", path,
            errno != 0 ? strerror(errno) : "an earlier write failed");
    return false;
}

FILE *sim_artifact_open(const char *path)
{
    errno = 0;
    FILE *f = fopen(path, "w");
    if (f == NULL) {
        unwritten(path);
    }
    return f;
}

bool sim_artifact_close(FILE *f, const char *path)
{
    errno = 0;
    bool good = !ferror(f) && fflush(f) == 0;
    int why = errno;
    good = fclose(f) == 0 && good;
    errno = why != 0 ? why : errno;
    return good || unwritten(path);
}

bool sim_artifact_write(const struct sim_world *w, const struct sim_outcome *o, bool twice,
                        const char *dir)
{
    char path[ARTIFACT_PATH_BYTES];
    char id[ARTIFACT_NAME_BYTES - 8]; /* and its ending */
    char when[32];
    time_t now = time(NULL);
    struct tm utc;
    gmtime_r(&now, &utc);
    strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%SZ", &utc);
    snprintf(id, sizeof id, "sim-%" PRIu64 "-%016" PRIx64, w->options.seed, o->hash);
    snprintf(path, sizeof path, "%s/%s.json", dir, id);
    FILE *f = sim_artifact_open(path);
    if (f == NULL) {
        return false;
    }
    fprintf(f,
            "{\n  \"run_id\": \"%s\",\n  \"timestamp\": \"%s\",\n  \"seed\": %" PRIu64
            ",\n  \"test\": ",
            id, when, w->options.seed);
    put_text(f, w->options.quic ? "aspen-sim --quic" : "aspen-sim");
    fprintf(f, ",\n  \"version\": \"%s\",\n", ASPEN_VERSION);
    put_options(f, &w->options, twice);
    fprintf(f, "  \"story\": \"%016" PRIx64 "\",\n", o->hash);
    put_events(f, &w->story);
    put_metrics(f, w, o);
    fprintf(f, "  \"status\": \"%s\",\n  \"error\": ", o->failed ? "failed" : "passed");
    if (o->failed) {
        put_text(f, o->failure);
    } else {
        fputs("null", f);
    }
    fprintf(f, ",\n  \"duration_ms\": %" PRIu64 "\n}\n", o->cpu_ns / SIM_MS);
    return sim_artifact_close(f, path);
}
