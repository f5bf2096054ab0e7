/* tests/lib/marks.h -- which marks of the code (base/mark.h) were reached since a moment.
 *
 * Shape:      marks_begin, run something, marks_reached or marks_print; in a build without marks
 *             everything counts as reached and nothing is printed
 * Thread:     one, but for the counters themselves
 */
#ifndef TESTS_MARKS_H
#define TESTS_MARKS_H

#include "base/mark.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define MARKS_MAX 1024 /* sites in one program */

struct marks {
    unsigned long long before[MARKS_MAX];
};

#ifdef ASPEN_MARKS

__attribute__((unused)) static void marks_begin(struct marks *m)
{
    size_t i = 0;
    for (struct mark *const *at = MARK_FIRST; at < MARK_END && i < MARKS_MAX; at++) {
        m->before[i++] = mark_count(*at);
    }
}

__attribute__((unused)) static bool marks_reached(const struct marks *m, const char *name)
{
    size_t i = 0;
    for (struct mark *const *at = MARK_FIRST; at < MARK_END && i < MARKS_MAX; at++, i++) {
        if (mark_count(*at) > m->before[i] && strcmp((*at)->name, name) == 0) {
            return true;
        }
    }
    return false;
}

__attribute__((unused)) static void marks_print(const struct marks *m)
{
    size_t i = 0;
    for (struct mark *const *at = MARK_FIRST; at < MARK_END && i < MARKS_MAX; at++, i++) {
        if (mark_count(*at) > m->before[i]) {
            printf("# mark %s\n", (*at)->name);
        }
    }
}

#else

__attribute__((unused)) static void marks_begin(struct marks *m)
{
    (void)m;
}

__attribute__((unused)) static bool marks_reached(const struct marks *m, const char *name)
{
    (void)m;
    (void)name;
    return true;
}

__attribute__((unused)) static void marks_print(const struct marks *m)
{
    (void)m;
}

#endif

#endif
