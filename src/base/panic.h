/* base/panic.h -- assertions that stay on in release builds, and the panic that ends the process.
 *
 * Invariants: an ASSERT is about our own mistakes only; bytes from disk, network or clients never
 *             reach one
 * Thread:     any
 * Why:        a node that no longer knows its state must stop; the cluster carries on
 */
#ifndef BASE_PANIC_H
#define BASE_PANIC_H

#include "base/err.h"

#include <stddef.h>

enum {
    PANIC_LINE_BYTES = 512
};

/* A function that writes its part of the story to fd; called once by a process, on panic. */
typedef void (*panic_dump_fn)(void *arg, int fd);

/* panic_hook_set -- what to call before the process aborts (one hook; NULL removes it). A process
 *   that is forked has it too, within a hook as well, until it sets its own.
 *   The only process-wide state of base: an abort is a matter of the process. */
void panic_hook_set(panic_dump_fn dump, void *arg);

/* panic_said -- for the hook: the line that panic_fail printed, "panic: FILE:LINE: WHAT", without
 * its end, cut at PANIC_LINE_BYTES; empty before. */
const char *panic_said(void);

/* panic_fail -- print where and why to stderr, run the hook once, abort. */
NORETURN void panic_fail(const char *file, int line, const char *what);

/* ASSERT -- cond holds, or our own code is wrong; stays on in releases. */
#define ASSERT(cond)                                                                               \
    do {                                                                                           \
        if (__builtin_expect(!(cond), 0)) {                                                        \
            panic_fail(__FILE__, __LINE__, #cond);                                                 \
        }                                                                                          \
    } while (0)

/* PANIC -- this place is reached by a mistake of our own only; what is static text. */
#define PANIC(what) panic_fail(__FILE__, __LINE__, (what))

#endif
