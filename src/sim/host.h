/* sim/host.h -- one machine of the world and the processes of the node on it.
 *
 * Shape:      disk and rows survive; a process is a loop, a node and its clients' calls. The
 *             machine's clock runs at a rate of its own.
 * Invariants: once a machine has crashed inside a step nothing more that it does counts: the disk
 *             refuses, the network and the clients hear nothing
 * Order:      sim_host_enter before anybody calls into the node from outside its loop,
 *             sim_host_leave after it
 * Owns:       everything of the machine
 * Thread:     one
 */
#ifndef SIM_HOST_H
#define SIM_HOST_H

#include "node/node.h"
#include "sim/backing.h"
#include "sim/fault.h"
#include "sim/loop.h"

enum {
    SIM_HOST_PORT = 26000 /* of QUIC */
};

#define SIM_HOST_GRACE_NS (2 * SIM_S) /* a node may be so late with its answer */

struct sim_world;
struct sim_event;

enum sim_host_state {
    SIM_HOST_DOWN,
    SIM_HOST_UP,
    SIM_HOST_STOPPED /* by itself, with a reason; may be started again when it is allowed */
};

struct sim_host {
    struct sim_world *world;
    uint32_t index;
    uint64_t id; /* index + 1 */
    struct config config;
    struct node_bounds bounds;
    struct logger logger;

    /* what survives */
    struct mem disk_mem;
    struct sim_disk disk;
    struct sim_backing backing;

    /* this process */
    enum sim_host_state state;
    uint64_t process; /* counted from 1 */
    struct mem mem;
    struct sim_loop loop;
    struct node *node;
    bool crashed;    /* inside a step of this process */
    bool spared;     /* its next crash ends the process, not the machine */
    bool dying;      /* the node says that it cannot go on */
    enum err reason; /* why it stopped */
    struct sim_event *wake;
    uint64_t wake_ns;

    /* time */
    uint64_t base_world_ns;
    uint64_t base_local_ns;
    int64_t wall_shift_ns; /* of the wall clock, in this process and the next ones */
    uint32_t rate;         /* in 1024ths */
    uint64_t paused_until_ns;
    uint64_t ran_ns;  /* its newest turn */
    uint64_t busy_ns; /* since then its turns are counted, for a second */
    uint64_t turns;
    uint64_t turn_ns; /* what a turn of this machine takes */
    uint64_t usual_turn_ns;
    enum sim_moment doom; /* it crashes soon after the next one of these, or inside it */

    /* what it may stop for */
    bool damaged;         /* its disk was damaged beyond what it can repair alone */
    bool restored;        /* its disk is an older copy, and lacks what it had */
    bool reminded;        /* and this process may be reminded of it by peers, and stop */
    bool wiped;           /* its disk was lost, and it is not known yet to be counted again */
    bool disk_failed;     /* this process was given an error of the disk */
    uint64_t stale_given; /* reads of older bytes before this process */
};

/* sim_host_init -- machine number index of a world, with an empty disk; its node is down.
 * sim_host_done -- end the process it has, if any, and give back the disk. */
void sim_host_init(struct sim_host *h, struct sim_world *w, uint32_t index);
void sim_host_done(struct sim_host *h);

/* sim_host_start -- a new process; nothing when it is up already. */
void sim_host_start(struct sim_host *h);

/* sim_host_wiped -- it lost its disk, and has not seen yet that its new incarnation is a voter. */
bool sim_host_wiped(struct sim_host *h);

/* sim_host_whole -- its disk has all that it ever promised, and counts. */
bool sim_host_whole(struct sim_host *h);

/* sim_host_owes -- it is up, should have answered when its clock was at patience_ns (which has
 * SIM_HOST_GRACE_NS in it), and has no excuse: one that is slow, or slept until lately, is late. */
bool sim_host_owes(const struct sim_host *h, uint64_t patience_ns);

/* sim_host_start_twice -- a second process on the directory of the one that runs: it must be
 * refused as such, and change nothing, or the world fails; false: none runs. */
bool sim_host_start_twice(struct sim_host *h);

/* sim_host_stop -- as on SIGTERM. */
void sim_host_stop(struct sim_host *h);

/* sim_host_crash -- now: what was not synced is lost in any part. */
void sim_host_crash(struct sim_host *h);

/* sim_host_crash_soon -- inside the effect-th effect from now (a write, a sync, a message, an
 * answer). */
void sim_host_crash_soon(struct sim_host *h, uint64_t effect);

/* sim_host_boundary -- an effect is about to leave the machine; false: it crashed before that. */
bool sim_host_boundary(struct sim_host *h);

/* sim_host_pause -- no step before that time; the clock goes on. What comes from the network waits
 * for the time that was told when it came: a pause that is cut short leaves it there. */
void sim_host_pause(struct sim_host *h, uint64_t until_ns);

/* sim_host_rate, sim_host_jump -- the clock's rate in 1024ths; a jump forward. */
void sim_host_rate(struct sim_host *h, uint32_t rate);
void sim_host_jump(struct sim_host *h, uint64_t ns);

/* sim_host_wall -- the wall clock is so far from where it should be; the other one goes on. */
void sim_host_wall(struct sim_host *h, int64_t shift_ns);

/* sim_host_local -- the machine's clock now. */
uint64_t sim_host_local(const struct sim_host *h);

/* sim_host_key -- the public key of a machine's node. */
void sim_host_key(uint32_t index, struct node_key *out);

/* sim_host_addr -- where a machine's endpoint is. */
struct os_addr sim_host_addr(uint32_t index);

/* sim_host_enter -- the node may be called; false: it is down or paused (until paused_until_ns). */
bool sim_host_enter(struct sim_host *h);

/* sim_host_leave -- what was called may have caused something: judge it, and wake it in time. */
void sim_host_leave(struct sim_host *h);

/* sim_host_poke -- something has arrived for its loop: wake it in time. */
void sim_host_poke(struct sim_host *h);

#endif
