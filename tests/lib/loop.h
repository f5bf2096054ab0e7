/* tests/lib/loop.h -- a real loop and a directory of its own, for tests that need the machine.
 *
 * Shape:      loop_open, turn it with LOOP_UNTIL until a condition holds or the bound is reached
 * Thread:     one
 */
#ifndef TESTS_LOOP_H
#define TESTS_LOOP_H

#include "os/linux/linux.h"
#include "tap.h"

struct loop {
    struct mem mem;
    struct os_linux *linux_loop;
    struct os *os;
    char path[64];
};

#define LOOP_NS_MAX (60ull * 1000 * 1000 * 1000)

__attribute__((unused)) static void loop_open(struct loop *l)
{
    memset(l, 0, sizeof *l);
    mem_init(&l->mem, "test", 512u * 1024 * 1024);
    CHECK(os_linux_open(&l->mem, &l->linux_loop, NULL) == ERR_OK);
    l->os = os_linux_os(l->linux_loop);
    snprintf(l->path, sizeof l->path, "/tmp/aspen-test-XXXXXX");
    CHECK(mkdtemp(l->path) != NULL);
}

__attribute__((unused)) static void loop_close(struct loop *l)
{
    char command[128];
    os_linux_close(l->linux_loop);
    snprintf(command, sizeof command, "rm -rf '%s'", l->path);
    CHECK(system(command) == 0);
    CHECK_U64(l->mem.used, 0);
}

/* LOOP_UNTIL -- turn the loop until cond holds; fails when it does not within LOOP_NS_MAX. */
#define LOOP_UNTIL(l, cond)                                                                        \
    do {                                                                                           \
        uint64_t loop_end_ = os_now((l)->os) + LOOP_NS_MAX;                                        \
        while (!(cond) && os_now((l)->os) < loop_end_) {                                           \
            os_linux_turn((l)->linux_loop, 1000 * 1000);                                           \
        }                                                                                          \
        CHECK(cond);                                                                               \
    } while (0)

#endif
