/* sim/fault_admin.c -- what an operator does in the middle of all the rest. */
#include "sim/fault_impl.h"
#include "sim/world.h"

bool sim_fault_do_transfer(struct sim_faults *f)
{
    return sim_admin_transfer(&f->world->admin);
}

bool sim_fault_do_snapshot(struct sim_faults *f)
{
    return sim_admin_snapshot(&f->world->admin);
}

bool sim_fault_do_members(struct sim_faults *f)
{
    return sim_admin_members(&f->world->admin);
}
