/* node/logger_stderr.c -- the sink of a real process: lines to file descriptor 2, clocks from os.
 *
 * Thread: the loop's
 * Why:    apart from logger.c, so that what formats has nothing to do with the machine
 */
#include "node/logger.h"

#include <errno.h>
#include <unistd.h>

enum {
    LOGGER_WRITE_TRIES = 8
};

/* A line that stderr does not take is lost: a log must never hold the node up. */
static void stderr_write(void *arg, struct bytes line)
{
    (void)arg;
    size_t done = 0;
    for (int i = 0; i < LOGGER_WRITE_TRIES && done < line.count; i++) {
        ssize_t n = write(STDERR_FILENO, line.data + done, line.count - done);
        if (n > 0) {
            done += (size_t)n;
        } else if (n == 0 || errno != EINTR) {
            return;
        }
    }
}

static uint64_t stderr_wall_ns(void *arg)
{
    return os_wall(arg);
}

static uint64_t stderr_now_ns(void *arg)
{
    return os_now(arg);
}

struct logger_sink logger_sink_os(struct os *os)
{
    struct logger_sink sink = { stderr_write, stderr_wall_ns, stderr_now_ns, os };
    return sink;
}
