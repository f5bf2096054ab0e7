/* sim/fault_impl.h -- what the files of the faults share; nobody else includes it.
 *
 * Shape:      fault.c draws and keeps the table; fault_machine.c, fault_net.c, fault_leader.c,
 *             fault_load.c and fault_admin.c have a function for each of its rows
 * Thread:     one
 */
#ifndef SIM_FAULT_IMPL_H
#define SIM_FAULT_IMPL_H

#include "sim/world.h"

#define FAULT_DOOM_NS (20 * SIM_S) /* until a node that was to crash by itself is started */

/* ---- fault.c ---- */

/* sim_fault_any_host -- of the world, drawn. */
struct sim_host *sim_fault_any_host(struct sim_faults *f);

/* sim_fault_length -- how long a fault lasts, drawn. */
uint64_t sim_fault_length(struct sim_faults *f);

/* sim_fault_later -- a later moment of this fault; it knows a host (a) and numbers (b, n). */
struct sim_event *sim_fault_later(struct sim_faults *f, uint64_t wait_ns, sim_event_fn fn,
                                  uint32_t a);

/* ---- fault_machine.c ---- */

/* sim_fault_start_due -- host a is started, if it is down.
 * sim_fault_rush_due -- some clients that think ask host a now, all at once. */
void sim_fault_start_due(struct sim_world *w, struct sim_event *e);
void sim_fault_rush_due(struct sim_world *w, struct sim_event *e);

/* sim_fault_backup_drop -- give back the copy of a disk, if there is one. */
void sim_fault_backup_drop(struct sim_faults *f);

/* sim_fault_pause -- for a while nothing runs there. */
void sim_fault_pause(struct sim_faults *f, struct sim_host *h);

/* sim_fault_rates -- how slow and how fast a clock may run here, in 1024ths. */
void sim_fault_rates(const struct sim_faults *f, uint32_t *least, uint32_t *most);

/* ---- fault_net.c, fault_leader.c ---- */

/* sim_fault_isolate -- a host is alone for a while. */
void sim_fault_isolate(struct sim_faults *f, uint32_t host);

/* sim_fault_leader -- of those that believe they lead, the one of the newest term; or NULL. */
struct sim_host *sim_fault_leader(struct sim_faults *f);

/* A row's function; false: it found nothing to do. */
#define FAULT_DECLARED(name, text, fn) bool sim_fault_do_##fn(struct sim_faults *f);
SIM_FAULTS(FAULT_DECLARED)
#undef FAULT_DECLARED

#endif
