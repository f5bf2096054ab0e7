/* tests/unit/actor/stage.h -- a played machine for actors: its clock jumps, nobody waits.
 *
 * Shape:      stage_open, stage_turn until nothing can happen, stage_close
 * Thread:     one
 */
#ifndef TESTS_ACTOR_STAGE_H
#define TESTS_ACTOR_STAGE_H

#include "sim/loop.h"
#include "tap.h"

struct stage {
    struct mem mem;
    struct sim_loop loop;
    struct os *os;
};

__attribute__((unused)) static void stage_open(struct stage *s)
{
    memset(s, 0, sizeof *s);
    mem_init(&s->mem, "test", 1 << 20);
    sim_loop_init(&s->loop, &s->mem, NULL, 1);
    s->os = &s->loop.os;
}

__attribute__((unused)) static void stage_close(struct stage *s)
{
    sim_loop_done(&s->loop);
    CHECK_U64(s->mem.used, 0);
}

/* stage_rest -- turn until nothing can happen any more; fails when that does not end. */
__attribute__((unused)) static void stage_rest(struct stage *s)
{
    int turns = 0;
    while (sim_turn(&s->loop)) {
        CHECK(turns++ < 100000);
    }
}

#endif
