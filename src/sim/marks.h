/* sim/marks.h -- which rare paths (base/mark.h) the worlds of this process came by.
 *
 * Thread: one
 */
#ifndef SIM_MARKS_H
#define SIM_MARKS_H

#include <stdbool.h>
#include <stdio.h>

/* sim_marks_print -- a line each, `count  name  file`, never-reached ones last; false: this build
 * counts none. */
bool sim_marks_print(FILE *out);

#endif
