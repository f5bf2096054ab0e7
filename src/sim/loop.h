/* sim/loop.h -- a machine whose time, chance, files and threads are played: os/io.h's other side.
 *
 * Shape:      sim_loop_next says when something can happen, sim_loop_run lets it happen: wake-ups,
 *             a worker's job or the end of one, datagrams, timers, then the turn's hooks.
 *             sim_turn jumps from one to the next and is all that a machine alone needs.
 * Invariants: the same seed and the same calls give the same run
 * Owns:       handles until their close; the disk is the caller's and outlives any number of
 *             machines
 * Thread:     one; a worker's job runs inside sim_loop_run
 * Why:        a job happens as a whole at the end of its time: what a disk may do meanwhile is the
 *             disk's affair (sim/disk.h)
 */
#ifndef SIM_LOOP_H
#define SIM_LOOP_H

#include "os/io.h"
#include "sim/disk.h"

struct sim_udp_wire;

struct sim_loop {
    struct os os; /* first */
    struct mem *mem;
    struct sim_disk *disk;
    uint64_t now_ns;
    int64_t wall_shift_ns; /* the wall clock is so far from where it should be */
    uint64_t job_ns_min;   /* how long a worker's job takes */
    uint64_t job_ns_max;
    uint64_t stuck_since_ns; /* the disk hangs: no job ends before the other time */
    uint64_t stuck_until_ns;
    struct prng prng;
    struct heap timers;
    struct list hooks;
    struct list workers;
    struct list wakers;
    struct os_addr addr;             /* of the machine, port 0; family 0: it has no network */
    const struct sim_udp_wire *wire; /* NULL: no UDP */
    struct list sockets;
    uint32_t letters; /* datagrams that wait in them */
};

#define SIM_START_NS UINT64_C(1000000000) /* of a machine's clock, and of a world's */
#define SIM_TURN_NS UINT64_C(1000)        /* a turn at least: nothing takes no time */

/* Where the wall clock stands when the other one says 0: 2026, so that it may go back. */
#define SIM_LOOP_WALL_NS (UINT64_C(1767225600) * UINT64_C(1000000000))

enum {
    SIM_TIMERS_MAX = 1024,
    SIM_LOOP_JOB_NS_MIN = 20 * 1000, /* how long a job takes when nothing is wrong */
    SIM_LOOP_JOB_NS_MAX = 500 * 1000
};

/* sim_loop_init -- a machine that has just started, the disk is as it was. The seed decides how
 * long jobs take and what is random; of what could happen now the order is sim_loop_run's. */
void sim_loop_init(struct sim_loop *l, struct mem *mem, struct sim_disk *disk, uint64_t seed);

/* sim_loop_done -- every handle must be closed. */
void sim_loop_done(struct sim_loop *l);

/* sim_loop_next -- when something can happen, at least now_ns; UINT64_MAX: never without a call
 * from outside. */
uint64_t sim_loop_next(const struct sim_loop *l);

/* sim_loop_run -- the clock is at_ns now (never back): all that is due happens, once. */
void sim_loop_run(struct sim_loop *l, uint64_t at_ns);

/* sim_loop_stick -- from now on the disk hangs, until that time; one that hangs already goes on to.
 * sim_loop_unstick: it works again, and what it does takes no longer than a job takes now. */
void sim_loop_stick(struct sim_loop *l, uint64_t now_ns, uint64_t until_ns);
void sim_loop_unstick(struct sim_loop *l);

/* sim_turn -- jump to what is next; false when nothing can ever happen without a call from
 * outside. */
bool sim_turn(struct sim_loop *l);

/* ---- files.c: rows of the table in loop.c; their cards are in os/io.h ---- */
enum err sim_dir_open(struct os *os, const char *path, bool create, struct os_dir **out);
void sim_dir_close(struct os_dir *d);
enum err sim_dir_lock(struct os_dir *d, const char *name, uint64_t *out_pid);
enum err sim_dir_list(struct os_dir *d, os_dir_entry_fn fn, void *arg);
enum err sim_dir_rename(struct os_dir *d, const char *from, const char *to);
enum err sim_dir_unlink(struct os_dir *d, const char *name);
enum err sim_dir_sync(struct os_dir *d);
enum err sim_dir_space(struct os_dir *d, struct os_space *out);
enum err sim_dir_stat(struct os_dir *d, const char *name, struct os_stat *out);
const char *sim_dir_path(struct os_dir *d);
enum err sim_file_open(struct os_dir *d, const char *name, uint32_t flags, struct os_file **out);
enum err sim_file_read(struct os_file *f, uint64_t offset, void *out, size_t count,
                       size_t *out_count);
enum err sim_file_write(struct os_file *f, uint64_t offset, const void *data, size_t count);
enum err sim_file_sync(struct os_file *f);
enum err sim_file_size(struct os_file *f, uint64_t *out);
enum err sim_file_truncate(struct os_file *f, uint64_t bytes);
void sim_file_close(struct os_file *f);

#endif
