/* tests/unit/store/conform.h -- one suite, two stores: every case is run against the log on disk
 * and the log in memory, and must see the same but for what a restart forgets.
 *
 * Shape:      a case is a function that finds an open, empty log in `r`; CONFORM runs a table of
 *             them for both stores
 * Thread:     one
 */
#ifndef STORE_CONFORM_H
#define STORE_CONFORM_H

#include "rig.h"

struct conform_case {
    const char *name;
    void (*run)(void);
};

static struct rig r;
static void (*conform_now)(void);
static bool conform_memory;

/* kept -- what a restart leaves of x. */
RIG_UNUSED static uint64_t kept(uint64_t x)
{
    return conform_memory ? 0 : x;
}

static void conform_one(void)
{
    rig_open(&r, conform_memory);
    conform_now();
    rig_close(&r);
}

RIG_UNUSED static void restart(void)
{
    rig_stop(&r);
    rig_start(&r);
}

/* In a function of its own: a longjmp back into a loop may forget where that was. */
RIG_UNUSED static void conform_try(const char *name)
{
    TAP_TEST(name, conform_one);
}

RIG_UNUSED static void conform(const struct conform_case *cases, size_t count)
{
    for (int memory = 0; memory < 2; memory++) {
        for (size_t i = 0; i < count; i++) {
            char name[200];
            conform_memory = memory != 0;
            conform_now = cases[i].run;
            snprintf(name, sizeof name, "%s (%s)", cases[i].name, memory ? "memory" : "disk");
            conform_try(name);
        }
    }
}

/* append_raw -- one entry of any bytes behind the last. */
RIG_UNUSED static void append_raw(uint8_t kind, struct bytes data)
{
    struct log_entry e = { log_last(r.log) + 1, 1, kind, data };
    struct log_write w = { .ticket = ++r.ticket, .entries = &e, .count = 1 };
    CHECK(log_append(r.log, &w) == ERR_OK);
}

RIG_UNUSED static void check_range(uint64_t first, uint64_t last, uint64_t term)
{
    for (uint64_t i = first; i <= last; i++) {
        rig_check(&r, i, term);
    }
}

RIG_UNUSED static void truncate_to(uint64_t to)
{
    struct log_write w = { .ticket = ++r.ticket, .truncate = true, .truncate_to = to };
    CHECK(log_append(r.log, &w) == ERR_OK);
}

RIG_UNUSED static void check_none(uint64_t index)
{
    struct log_entry e;
    CHECK(log_read(r.log, index, &e) == ERR_NOT_FOUND);
}

#endif
