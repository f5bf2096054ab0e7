/* tests/scenario/play.c -- a play from its first line to its end, and the table if it fails. */
#include "play.h"

#include "base/panic.h"
#include "sim/table.h"

#include <stdarg.h>
#include <stdlib.h>

enum {
    PLAY_SEED = 20260
};

struct perform {
    struct play play;
    uint64_t number;
};

uint64_t play_number(const struct play *p)
{
    return ((const struct perform *)p)->number;
}

/* Every line a comment of TAP. */
static void print_story(const struct sim_world *w)
{
    char *text = NULL;
    size_t count = 0;
    FILE *f = open_memstream(&text, &count);
    if (f == NULL) {
        return;
    }
    sim_story_table(&w->story, f);
    sim_table_print(w, f, false);
    fclose(f);
    for (char *line = strtok(text, "\n"); line != NULL; line = strtok(NULL, "\n")) {
        printf("# %s\n", line);
    }
    free(text);
}

static void on_panic(void *arg, int fd)
{
    (void)fd;
    print_story(arg);
    fflush(stdout);
}

void play_fail(struct play *p, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    print_story(p->world);
    printf("# ");
    vprintf(format, args);
    putchar('\n');
    va_end(args);
    longjmp(p->out, 1);
}

/* No chance but the network's own small delays; the same timings for everybody. */
static void set_stage(struct play *p)
{
    struct sim_world *w = p->world;
    w->election_ns_min = PLAY_ELECTION_MS_MIN * SIM_MS;
    w->election_ns_max = PLAY_ELECTION_MS_MAX * SIM_MS;
    w->heartbeat_ns = PLAY_HEARTBEAT_MS * SIM_MS;
    w->clients.load = (struct sim_load){ .clients = 1,
                                         .keys = PLAY_KEYS,
                                         .pairs_max = 1,
                                         .deadline_ns_min = 2 * SIM_S,
                                         .deadline_ns_max = 3 * SIM_S,
                                         .writes_percent = 50 };
    sim_clients_rest(&w->clients);
    for (uint32_t i = 0; i < w->node_count; i++) {
        struct sim_host *h = &w->host[i];
        h->config.election_timeout_min_ms = PLAY_ELECTION_MS_MIN;
        h->config.election_timeout_max_ms = PLAY_ELECTION_MS_MAX;
        h->config.heartbeat_interval_ms = PLAY_HEARTBEAT_MS;
        h->bounds = (struct node_bounds){ .segment_bytes = 0 };
    }
}

static void end_game(struct play *p)
{
    struct sim_world *w = p->world;
    w->net.lie = NULL;
    play_heal(p);
    if (p->borne != NULL) {
        play_await_answers(p);
        play_asks_end(p);
        return;
    }
    play_asks_end(p);
    if (!p->no_end) {
        sim_judge_end(&w->judge);
    }
    if (w->failed) {
        play_fail(p, "end game: %s", w->failure);
    }
}

bool play_perform(uint32_t nodes, void (*fn)(struct play *p), uint64_t number)
{
    struct sim_options o = { .seed = PLAY_SEED + number, .nodes = nodes, .faults_off = UINT64_MAX };
    struct perform *self = calloc(1, sizeof *self);
    volatile bool good = false;
    if (self == NULL) {
        return false;
    }
    struct play *p = &self->play;
    const char *trace = getenv("PLAY_TRACE"); /* any value: events as they come */
    o.trace = trace != NULL ? stdout : NULL;
    o.node_log = trace != NULL ? stdout : NULL;
    self->number = number;
    p->world = sim_world_open(&o);
    if (p->world == NULL) {
        free(self);
        return false;
    }
    panic_hook_set(on_panic, p->world);
    if (setjmp(p->out) == 0) {
        set_stage(p);
        fn(p);
        end_game(p);
        good = true;
    }
    panic_hook_set(NULL, NULL);
    for (uint32_t i = 0; i < nodes; i++) {
        sim_copy_done(&p->copy[i], &p->world->host[i]);
    }
    sim_world_close(p->world);
    free(self);
    return good;
}
