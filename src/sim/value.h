/* sim/value.h -- names of keys, and values that tell which write they are.
 *
 * Shape:      a value is its serial number, its length, and filling that follows from the number,
 *             so that a reader can tell what is not whole, or was never written
 * Thread:     one
 */
#ifndef SIM_VALUE_H
#define SIM_VALUE_H

#include "base/bytes.h"

enum {
    SIM_TEXT_BYTES = 24 /* of a name or a serial number; no value is shorter */
};

/* sim_key_text, sim_serial_text -- name of a key, and of a value in a history. */
struct bytes sim_key_text(uint32_t key, char out[SIM_TEXT_BYTES]);
struct bytes sim_serial_text(uint64_t serial, char out[SIM_TEXT_BYTES]);

/* sim_value_make -- fill out; bytes is at least SIM_TEXT_BYTES, serial below 10^10. */
struct bytes sim_value_make(uint64_t serial, uint8_t *out, size_t bytes);

/* sim_value_serial -- of a value, all of it; 0: these bytes were never written as they are. */
uint64_t sim_value_serial(struct bytes value);

#endif
