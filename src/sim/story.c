/* sim/story.c -- folding, keeping and printing events. */
#include "sim/story.h"

#include <string.h>

void sim_story_init(struct sim_story *s, FILE *lines)
{
    memset(s, 0, sizeof *s);
    s->hash = 0x9e3779b97f4a7c15u;
    s->lines = lines;
}

void sim_story_fold(struct sim_story *s, uint64_t v)
{
    uint64_t h = s->hash ^ v;
    h *= 0xff51afd7ed558ccdu; /* MurmurHash3's finaliser */
    h ^= h >> 32;
    s->hash = h * 0xc4ceb9fe1a85ec53u;
}

void sim_story_fold_bytes(struct sim_story *s, struct bytes b)
{
    size_t i = 0;
    for (; i + 8 <= b.count; i += 8) {
        uint64_t word = 0; /* the same on any machine: the first byte is the lowest */
        for (unsigned k = 0; k < 8; k++) {
            word |= (uint64_t)b.data[i + k] << (8 * k);
        }
        sim_story_fold(s, word);
    }
    uint64_t rest = b.count;
    for (; i < b.count; i++) {
        rest = rest << 8 | b.data[i];
    }
    sim_story_fold(s, rest);
}

static void print_head(FILE *out)
{
    fprintf(out, "%10s %14s %4s %-22s %12s %12s  %4s %6s %8s %8s %8s\n", "event", "seconds", "node",
            "what", "a", "b", "role", "term", "last", "commit", "applied");
}

static void print_event(const struct sim_story_event *e, FILE *out)
{
    fprintf(out, "%10llu %14.6f %4llu %-22s %12llu %12llu", (unsigned long long)e->number,
            (double)e->at_ns / 1e9, (unsigned long long)e->node, e->what, (unsigned long long)e->a,
            (unsigned long long)e->b);
    if (e->state.role != 0) {
        fprintf(out, "  %4c %6llu %8llu %8llu %8llu", e->state.role,
                (unsigned long long)e->state.term, (unsigned long long)e->state.last,
                (unsigned long long)e->state.commit, (unsigned long long)e->state.applied);
    }
    fputc('\n', out);
}

void sim_story_add(struct sim_story *s, uint64_t at_ns, uint64_t node, const char *what, uint64_t a,
                   uint64_t b, const struct sim_story_node *state)
{
    struct sim_story_event *e = &s->event[s->count % SIM_STORY_EVENTS];
    memset(e, 0, sizeof *e);
    e->number = ++s->count;
    e->at_ns = at_ns;
    e->node = node;
    e->what = what;
    e->a = a;
    e->b = b;
    sim_story_fold(s, at_ns);
    sim_story_fold(s, node);
    sim_story_fold_bytes(s, bytes_text(what));
    sim_story_fold(s, a);
    sim_story_fold(s, b);
    if (state != NULL) {
        e->state = *state;
        sim_story_fold(s, state->term);
        sim_story_fold(s, state->role);
        sim_story_fold(s, state->last);
        sim_story_fold(s, state->commit);
        sim_story_fold(s, state->applied);
    }
    if (s->lines != NULL) {
        if (e->number == 1) {
            print_head(s->lines);
        }
        print_event(e, s->lines);
    }
}

void sim_story_table(const struct sim_story *s, FILE *out)
{
    uint64_t shown = s->count < SIM_STORY_SHOWN ? s->count : SIM_STORY_SHOWN;
    print_head(out);
    for (uint64_t i = s->count - shown; i < s->count; i++) {
        print_event(&s->event[i % SIM_STORY_EVENTS], out);
    }
}
