/* tests/lib/tap.h -- test harness: prints TAP, one line a test; a test is a function with a
 * sentence.
 *
 * Shape:      TAP_TEST("commit: entries commit only when durable", fn) inside main, then tap_done()
 * Invariants: a failed CHECK ends its test, not the program; the plan is printed last; in a build
 *             with marks the rare paths that a test reached follow its line
 * Thread:     one
 */
#ifndef TESTS_TAP_H
#define TESTS_TAP_H

#include "marks.h"

#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

struct tap {
    int tests;
    int failed;
    jmp_buf out;
    struct marks marks;
};

static struct tap tap_state;

__attribute__((unused, noreturn)) static void tap_fail(const char *file, int line, const char *what)
{
    printf("# %s:%d: %s\n", file, line, what);
    longjmp(tap_state.out, 1);
}

/* CHECK -- one observation; the test ends when it does not hold. */
#define CHECK(cond)                                                                                \
    do {                                                                                           \
        if (!(cond)) {                                                                             \
            tap_fail(__FILE__, __LINE__, #cond);                                                   \
        }                                                                                          \
    } while (0)

/* CHECK_U64 -- like CHECK(a == b), and prints both when they differ. */
#define CHECK_U64(a, b)                                                                            \
    do {                                                                                           \
        unsigned long long tap_a_ = (unsigned long long)(a);                                       \
        unsigned long long tap_b_ = (unsigned long long)(b);                                       \
        if (tap_a_ != tap_b_) {                                                                    \
            printf("# got %llu, expected %llu\n", tap_a_, tap_b_);                                 \
            tap_fail(__FILE__, __LINE__, #a " == " #b);                                            \
        }                                                                                          \
    } while (0)

/* EXPECT_MARK -- this test has reached the mark of that name; the test that vouches for it. */
#define EXPECT_MARK(name)                                                                          \
    do {                                                                                           \
        if (!marks_reached(&tap_state.marks, name)) {                                              \
            tap_fail(__FILE__, __LINE__, "mark not reached: " name);                               \
        }                                                                                          \
        printf("# expected mark %s\n", name);                                                      \
    } while (0)

/* TAP_TEST -- run one test function (void -> void) under a name that is a sentence. */
#define TAP_TEST(name, fn)                                                                         \
    do {                                                                                           \
        tap_state.tests++;                                                                         \
        marks_begin(&tap_state.marks);                                                             \
        if (setjmp(tap_state.out) == 0) {                                                          \
            fn();                                                                                  \
            printf("ok %d - %s\n", tap_state.tests, name);                                         \
        } else {                                                                                   \
            tap_state.failed++;                                                                    \
            printf("not ok %d - %s\n", tap_state.tests, name);                                     \
        }                                                                                          \
        marks_print(&tap_state.marks);                                                             \
        fflush(stdout);                                                                            \
    } while (0)

/* tap_panics -- true when fn ends its process by a panic; out gets what it wrote to stderr, as a
 * text. A crash of another kind, or a return, is false. */
__attribute__((unused)) static bool tap_panics(void (*fn)(void), char *out, size_t size)
{
    int ends[2];
    fflush(stdout);
    if (pipe(ends) != 0) {
        return false;
    }
    pid_t pid = fork();
    if (pid == 0) {
        if (dup2(ends[1], STDERR_FILENO) < 0) {
            _exit(0);
        }
        if (setjmp(tap_state.out) == 0) { /* a CHECK that fails in there must not go on from here */
            fn();
        }
        fflush(stdout);
        _exit(0);
    }
    close(ends[1]);
    size_t count = 0;
    char rest[256];
    for (ssize_t n = 1; n > 0;) { /* all of it, or the child would wait for a reader */
        bool room = count + 1 < size;
        n = read(ends[0], room ? out + count : rest, room ? size - 1 - count : sizeof rest);
        count += n > 0 && room ? (size_t)n : 0;
    }
    out[count] = '\0';
    close(ends[0]);
    int status = 0;
    return waitpid(pid, &status, 0) == pid && WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}

/* tap_dies -- true when fn ends its process by a panic; stderr is silenced. */
__attribute__((unused)) static bool tap_dies(void (*fn)(void))
{
    char words[1024];
    return tap_panics(fn, words, sizeof words) && strncmp(words, "panic: ", 7) == 0;
}

__attribute__((unused)) static int tap_done(void)
{
    printf("1..%d\n", tap_state.tests);
    return tap_state.failed == 0 ? 0 : 1;
}

#endif
