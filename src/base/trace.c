/* base/trace.c -- the ring and its dump; the dump uses a fixed buffer and write only. */
#include "base/trace.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

void trace_init(struct trace *t)
{
    t->count = 0;
}

void trace_add(struct trace *t, uint64_t ns, const char *what, uint64_t a, uint64_t b, uint64_t c)
{
    struct trace_event *e = &t->events[t->count++ % TRACE_EVENTS];
    e->ns = ns;
    e->what = what;
    e->a = a;
    e->b = b;
    e->c = c;
}

void trace_dump(const struct trace *t, int fd)
{
    uint64_t first = t->count > TRACE_EVENTS ? t->count - TRACE_EVENTS : 0;
    for (uint64_t i = first; i < t->count; i++) {
        const struct trace_event *e = &t->events[i % TRACE_EVENTS];
        char line[160];
        int n =
            snprintf(line, sizeof line, "%10llu.%06llu  %-36s %llu %llu %llu\n",
                     (unsigned long long)(e->ns / 1000000000u),
                     (unsigned long long)(e->ns / 1000u % 1000000u), e->what,
                     (unsigned long long)e->a, (unsigned long long)e->b, (unsigned long long)e->c);
        if (n > 0) {
            size_t count = (size_t)n < sizeof line ? (size_t)n : sizeof line - 1;
            ssize_t written = write(fd, line, count);
            (void)written;
        }
    }
}
