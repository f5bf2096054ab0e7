/* sim/chance.h -- what libraries ask the machine for behind our back: GnuTLS's chance and time.
 *
 * Shape:      the program defines GnuTLS's own random function, which its library then finds first;
 *             from sim_chance_begin on it draws from the world's seed
 * Invariants: nothing is left of one world for the next one
 * Thread:     one
 * Why:        of the program aspen-sim alone, never of a library that something else might link;
 *             the only mutable process-wide state of this room, for want of an argument in those
 *             functions
 */
#ifndef SIM_CHANCE_H
#define SIM_CHANCE_H

#include <stdint.h>

/* sim_chance_begin -- a world begins; its clock is at now_ns. NULL: it has ended. */
void sim_chance_begin(uint64_t seed, const uint64_t *now_ns);

#endif
