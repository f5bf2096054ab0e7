/* store/log_terms.c -- runs in an array; new ones at its end, old ones leave its front. */
#include "store/log_terms.h"

#include <string.h>

enum {
    TERMS_CAPACITY_FIRST = 16
};

enum err log_terms_push(struct log_terms *t, uint64_t index, uint64_t term)
{
    if (t->count > 0 && t->run[t->count - 1].term == term) {
        return ERR_OK;
    }
    if (t->count == t->capacity) {
        uint32_t capacity = t->capacity == 0 ? TERMS_CAPACITY_FIRST : t->capacity * 2;
        struct log_run *moved = mem_resize(t->mem, t->run, capacity * sizeof *moved);
        if (moved == NULL) {
            return ERR_NO_MEMORY;
        }
        t->run = moved;
        t->capacity = capacity;
    }
    t->run[t->count].first = index;
    t->run[t->count++].term = term;
    return ERR_OK;
}

uint64_t log_terms_at(const struct log_terms *t, uint64_t index)
{
    uint64_t term = 0;
    for (uint32_t i = 0; i < t->count && t->run[i].first <= index; i++) {
        term = t->run[i].term;
    }
    return term;
}

void log_terms_truncate(struct log_terms *t, uint64_t to)
{
    while (t->count > 0 && t->run[t->count - 1].first > to) {
        t->count--;
    }
}

void log_terms_forget(struct log_terms *t, uint64_t to, uint64_t last)
{
    if (last <= to) {
        t->count = 0;
        return;
    }
    uint32_t gone = 0;
    while (gone + 1 < t->count && t->run[gone + 1].first <= to + 1) {
        gone++;
    }
    if (gone > 0) {
        t->count -= gone;
        memmove(t->run, t->run + gone, t->count * sizeof *t->run);
    }
    if (t->count > 0 && t->run[0].first <= to) {
        t->run[0].first = to + 1;
    }
}

void log_terms_done(struct log_terms *t)
{
    mem_free(t->mem, t->run);
    t->run = NULL;
    t->count = 0;
    t->capacity = 0;
}
