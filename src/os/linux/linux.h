/* os/linux/linux.h -- the Linux side of os/io.h: one epoll loop on the thread that runs it.
 *
 * Order:   open, hand os_linux_os to whoever needs it, run until stop, close after everything
 *          that was opened through it is closed
 * Thread:  the one that calls os_linux_run or os_linux_turn; os_linux_stop from the loop only
 */
#ifndef OS_LINUX_LINUX_H
#define OS_LINUX_LINUX_H

#include "os/io.h"

struct os_linux;

/* Room that a loop needs in its account, and how many timers may be armed at a time. */
enum {
    OS_LINUX_MEM_BYTES = 16 * 1024 * 1024,
    OS_LINUX_TIMERS_MAX = 16384
};

/* os_linux_open -- mem must have room for OS_LINUX_MEM_BYTES and outlive the loop. err ERR_IO. */
MUST_CHECK
enum err os_linux_open(struct mem *mem, struct os_linux **out, struct diag *diag);

/* os_linux_os -- the object that all rooms take. */
struct os *os_linux_os(struct os_linux *l);

/* os_linux_files -- ask the system for count descriptors, where fewer are allowed; what it grants
 * may be less: listeners rest when none is left. For the whole process. */
void os_linux_files(uint32_t count);

/* os_linux_signals -- call fn(arg) on the loop for SIGINT and SIGTERM, which are blocked for the
 * process from then on; call it before any worker is opened. err ERR_IO. */
MUST_CHECK
enum err os_linux_signals(struct os_linux *l, void (*fn)(void *arg, int signal), void *arg);

/* os_linux_run -- turn after turn until os_linux_stop. */
void os_linux_run(struct os_linux *l);

/* os_linux_turn -- one turn: wait at most wait_ns for events, handle them. */
void os_linux_turn(struct os_linux *l, uint64_t wait_ns);

/* os_linux_stop -- os_linux_run returns after this turn. */
void os_linux_stop(struct os_linux *l);

/* os_linux_close -- everything opened through it must be closed before. */
void os_linux_close(struct os_linux *l);

#endif
