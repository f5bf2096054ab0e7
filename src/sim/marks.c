/* sim/marks.c -- the marks of this program, by how often they were reached. */
#include "sim/marks.h"

#include "base/mark.h"

#include <string.h>

#ifdef ASPEN_MARKS

enum {
    SIM_MARKS_MAX = 1024 /* sites in the program */
};

struct tally {
    const char *name;
    const char *file;
    uint64_t count;
};

/* Sites of one name (an inline function, expanded in several files) are one; most often first. */
static size_t tally(struct tally *all)
{
    size_t n = 0;
    for (struct mark *const *at = MARK_FIRST; at < MARK_END && n < SIM_MARKS_MAX; at++) {
        struct tally t = { (*at)->name, (*at)->file, mark_count(*at) };
        size_t i = 0;
        while (i < n && strcmp(all[i].name, t.name) != 0) {
            i++;
        }
        t.count += i < n ? all[i].count : 0;
        n += i == n ? 1 : 0;
        for (; i > 0 && all[i - 1].count < t.count; i--) {
            all[i] = all[i - 1];
        }
        all[i] = t;
    }
    return n;
}

bool sim_marks_print(FILE *out)
{
    struct tally all[SIM_MARKS_MAX];
    size_t n = tally(all);
    for (size_t i = 0; i < n; i++) {
        fprintf(out, "%12llu  %-48s  %s\n", (unsigned long long)all[i].count, all[i].name,
                all[i].file);
    }
    return true;
}

#else

bool sim_marks_print(FILE *out)
{
    (void)out;
    return false;
}

#endif
