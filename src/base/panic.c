/* base/panic.c -- the end of the process: say where and why, let the hook speak once, abort.
 *
 * Thread: any; the hook is entered once by a process, a second panic while it runs aborts at once
 * Why:    the one piece of mutable process-wide state in the rooms: abort concerns the process
 */
#include "base/panic.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static panic_dump_fn panic_dump;
static void *panic_dump_arg;
static char panic_line[PANIC_LINE_BYTES]; /* written once, by who enters the hook */
static atomic_int panic_entered; /* by the process of this id: what it forks has not been there */

void panic_hook_set(panic_dump_fn dump, void *arg)
{
    panic_dump = dump;
    panic_dump_arg = arg;
}

const char *panic_said(void)
{
    return panic_line;
}

void panic_fail(const char *file, int line, const char *what)
{
    char text[PANIC_LINE_BYTES];
    int n = snprintf(text, sizeof text, "panic: %s:%d: %s\n", file, line, what);
    size_t count = n > 0 ? (size_t)n : 0;
    if (count >= sizeof text) {
        count = sizeof text - 1;
    }
    ssize_t written = write(STDERR_FILENO, text, count);
    (void)written;
    if (atomic_exchange(&panic_entered, (int)getpid()) != (int)getpid() && panic_dump != NULL) {
        memcpy(panic_line, text, count);
        panic_line[strcspn(panic_line, "\n")] = '\0';
        panic_dump(panic_dump_arg, STDERR_FILENO);
    }
    abort();
}
