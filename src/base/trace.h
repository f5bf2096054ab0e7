/* base/trace.h -- flight recorder: the last events of a node as fixed-size records.
 *
 * Shape:      a ring of the newest TRACE_EVENTS records; older ones are overwritten
 * Owns:       the records, inside the struct
 * Thread:     the owner's; trace_dump may read it from a panic, when nothing else runs
 */
#ifndef BASE_TRACE_H
#define BASE_TRACE_H

#include <stdint.h>

enum {
    TRACE_EVENTS = 512
};

struct trace_event {
    uint64_t ns;      /* clock of the owner */
    const char *what; /* static text, "room: event" */
    uint64_t a;
    uint64_t b;
    uint64_t c;
};

struct trace {
    uint64_t count; /* events ever recorded */
    struct trace_event events[TRACE_EVENTS];
};

/* trace_init -- no events yet. */
void trace_init(struct trace *t);

/* trace_add -- record; O(1), no allocation. what must be static text. */
void trace_add(struct trace *t, uint64_t ns, const char *what, uint64_t a, uint64_t b, uint64_t c);

/* trace_dump -- oldest first, one line each, to a file descriptor; safe on panic. */
void trace_dump(const struct trace *t, int fd);

#endif
