/* tests/unit/base/test_panic.c -- Subject: panic and the flight recorder that it dumps.
 *
 * Method: a child process dies; what it wrote to stderr is read
 */
#include "tap.h"

#include "base/panic.h"
#include "base/trace.h"

#include <sys/wait.h>
#include <unistd.h>

static void dump_trace(void *arg, int fd)
{
    trace_dump(arg, fd);
}

static void dump_and_panic(void *arg, int fd)
{
    const char *text = arg;
    ssize_t n = write(fd, text, strlen(text));
    (void)n;
    PANIC("again");
}

static void repeat(void *arg, int fd)
{
    const char *said = panic_said();
    (void)arg;
    ssize_t n = write(fd, said, strlen(said));
    (void)n;
}

static void asserts(void)
{
    int apples = 2;
    ASSERT(apples == 2);
    ASSERT(apples == 3);
}

static void with_trace(void)
{
    static struct trace t;
    trace_init(&t);
    trace_add(&t, 1500000000, "test: first", 1, 2, UINT64_MAX);
    trace_add(&t, 2000001000, "test: second", 4, 5, 6);
    panic_hook_set(dump_trace, &t);
    PANIC("the end");
}

static void hook_removed(void)
{
    panic_hook_set(dump_trace, NULL);
    panic_hook_set(NULL, NULL);
    PANIC("quiet");
}

static void hook_panics(void)
{
    static char text[] = "dumped\n";
    panic_hook_set(dump_and_panic, text);
    PANIC("once");
}

static void hook_repeats(void)
{
    panic_hook_set(repeat, NULL);
    PANIC("no apples");
}

/* What is forked within a hook may set one of its own, which is entered once. */
static void fork_and_panic(void *arg, int fd)
{
    static char text[] = "of the child\n";
    pid_t pid = fork();
    if (pid == 0) {
        panic_hook_set(dump_and_panic, text);
        PANIC("in the child");
    }
    waitpid(pid, NULL, 0);
    dump_and_panic(arg, fd);
}

static void hook_forks(void)
{
    static char text[] = "dumped\n";
    panic_hook_set(fork_and_panic, text);
    PANIC("once");
}

static void long_text(void)
{
    static char text[2000];
    memset(text, 'x', sizeof text - 1);
    PANIC(text);
}

static void no_panic(void)
{
    ASSERT(1 + 1 == 2);
}

static void says_where(void)
{
    char words[1024];
    CHECK(tap_panics(asserts, words, sizeof words));
    CHECK(strncmp(words, "panic: ", 7) == 0);
    CHECK(strstr(words, "test_panic.c:") != NULL);
    CHECK(strstr(words, "apples == 3\n") != NULL);
    CHECK(!tap_panics(no_panic, words, sizeof words) && words[0] == '\0');
}

static void dumps(void)
{
    char words[1024];
    CHECK(tap_panics(with_trace, words, sizeof words));
    char *end = strstr(words, "the end\n");
    char *first = strstr(words, "test: first");
    char *second = strstr(words, "test: second");
    CHECK(end != NULL && first != NULL && second != NULL);
    CHECK(end < first && first < second);
    CHECK(strstr(words, "1.500000  test: first") != NULL);
    CHECK(strstr(words, " 1 2 18446744073709551615\n") != NULL);
    CHECK(strstr(words, "2.000001  test: second") != NULL);
}

static void hooks(void)
{
    char words[1024];
    CHECK(tap_panics(hook_removed, words, sizeof words) && strstr(words, "quiet") != NULL);
    CHECK(tap_panics(hook_panics, words, sizeof words));
    CHECK(strstr(words, "again") != NULL);
    char *dumped = strstr(words, "dumped");
    CHECK(dumped != NULL && strstr(dumped + 1, "dumped") == NULL);
}

static void forked(void)
{
    char words[1024];
    CHECK(tap_panics(hook_forks, words, sizeof words));
    char *child = strstr(words, ": in the child\nof the child\n");
    CHECK(child != NULL);
    char *own = strstr(child, "\nof the child\n");
    CHECK(strstr(own + 1, "of the child\n") == own + 1 && strstr(own + 2, "of the child") == NULL);
    char *dumped = strstr(words, "dumped\n");
    CHECK(dumped != NULL && dumped > child && strstr(dumped + 1, "dumped") == NULL);
}

static void said(void)
{
    char words[1024];
    CHECK(panic_said()[0] == '\0');
    CHECK(tap_panics(hook_repeats, words, sizeof words));
    char *end = strchr(words, '\n');
    CHECK(end != NULL && strstr(end, ": no apples") != NULL);
    CHECK(strlen(end + 1) == (size_t)(end - words));
    CHECK(memcmp(words, end + 1, (size_t)(end - words)) == 0);
}

static void cut(void)
{
    char words[4000];
    CHECK(tap_panics(long_text, words, sizeof words));
    CHECK(strlen(words) > 400 && strlen(words) < 600);
}

/* ---- the ring alone ---- */

/* Lines of a dump; the number at the end of the first and of the last. */
static int dump_of(const struct trace *t, unsigned long long *first, unsigned long long *last)
{
    FILE *f = tmpfile();
    char line[256];
    int lines = 0;
    CHECK(f != NULL);
    trace_dump(t, fileno(f));
    CHECK(fseek(f, 0, SEEK_SET) == 0);
    while (fgets(line, sizeof line, f) != NULL) {
        const char *tail = strrchr(line, ' ');
        CHECK(tail != NULL && line[strlen(line) - 1] == '\n');
        *last = strtoull(tail, NULL, 10);
        *first = lines == 0 ? *last : *first;
        lines++;
    }
    fclose(f);
    return lines;
}

static void wraps(void)
{
    static struct trace t;
    unsigned long long first = 0;
    unsigned long long last = 0;
    static const uint64_t counts[] = { 1, TRACE_EVENTS - 1, TRACE_EVENTS, TRACE_EVENTS + 1,
                                       3 * TRACE_EVENTS + 7 };
    trace_init(&t);
    CHECK_U64(dump_of(&t, &first, &last), 0);
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        trace_init(&t);
        for (uint64_t k = 1; k <= counts[i]; k++) {
            trace_add(&t, k, "test: event", 0, 0, k);
        }
        uint64_t kept = counts[i] < TRACE_EVENTS ? counts[i] : TRACE_EVENTS;
        CHECK_U64(t.count, counts[i]);
        CHECK_U64(dump_of(&t, &first, &last), kept);
        CHECK_U64(last, counts[i]);
        CHECK_U64(first, counts[i] - kept + 1);
    }
}

int main(void)
{
    TAP_TEST("panic: an assertion that fails says where and what, one that holds nothing",
             says_where);
    TAP_TEST("panic: the flight recorder is dumped behind the reason, oldest first", dumps);
    TAP_TEST("panic: a hook can be taken back, and is entered once", hooks);
    TAP_TEST("panic: what is forked in a hook has its own, entered once too", forked);
    TAP_TEST("panic: a hook is told what was said", said);
    TAP_TEST("panic: a long reason is cut", cut);
    TAP_TEST("trace: the newest events are kept, in order, at every fill", wraps);
    return tap_done();
}
