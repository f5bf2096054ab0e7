/* base/mark.h -- marks in the code for rare paths, so that a test can prove that it reaches them.
 *
 * Shape:      MARK("room: what happens") on the rare path, EXPECT_MARK of the same name in one test
 * Invariants: a name stands once in the sources and in one test (tools/tidy: marks)
 * Thread:     any
 * Why:        nothing in a release build: a pure room stays pure. With ASPEN_MARKS each site is a
 *             counter that the linker gathers in a section, so nothing is registered
 */
#ifndef BASE_MARK_H
#define BASE_MARK_H

#ifdef ASPEN_MARKS

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

struct mark {
    const char *name;
    const char *file;
    _Atomic uint64_t count;
};

/* MARK -- execution comes by here; text is a constant, unique in the tree. Pointers are gathered,
 * not the counters: their array has no gaps, whatever the compiler aligns. */
#define MARK(text)                                                                                 \
    do {                                                                                           \
        static struct mark mark_ = { text, __FILE__, 0 };                                          \
        static struct mark *const mark_at_ __attribute__((used, section("aspen_marks"))) = &mark_; \
        (void)mark_at_;                                                                            \
        atomic_fetch_add_explicit(&mark_.count, 1, memory_order_relaxed);                          \
    } while (0)

/* MARK_IF -- the same where a condition holds that the code itself need not ask for; cond has no
 * effect of its own, and is not evaluated without marks. */
#define MARK_IF(cond, text)                                                                        \
    do {                                                                                           \
        if (cond) {                                                                                \
            MARK(text);                                                                            \
        }                                                                                          \
    } while (0)

/* __start_aspen_marks, __stop_aspen_marks -- the section, named by the linker. Weak: a program may
 * hold no mark at all. */
extern struct mark *const __start_aspen_marks[] __attribute__((weak));
extern struct mark *const __stop_aspen_marks[] __attribute__((weak));

#define MARK_FIRST ((struct mark *const *)__start_aspen_marks)
#define MARK_END ((struct mark *const *)__stop_aspen_marks)

/* mark_count -- how often execution came by. */
static inline uint64_t mark_count(const struct mark *m)
{
    return atomic_load_explicit(&m->count, memory_order_relaxed);
}

#else

/* MARK, without marks -- nothing. */
#define MARK(text)                                                                                 \
    do {                                                                                           \
    } while (0)

/* MARK_IF, without marks -- nothing. */
#define MARK_IF(cond, text)                                                                        \
    do {                                                                                           \
    } while (0)

#endif

#endif
