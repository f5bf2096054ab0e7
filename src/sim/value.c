/* sim/value.c -- names, values and their serial numbers. */
#include "sim/value.h"

#include "base/panic.h"

#include <stdio.h>

enum {
    VALUE_LETTERS = 26 /* of the filling */
};

struct bytes sim_key_text(uint32_t key, char out[SIM_TEXT_BYTES])
{
    int n = snprintf(out, SIM_TEXT_BYTES, "k%u", key);
    return bytes_of(out, (size_t)n);
}

struct bytes sim_serial_text(uint64_t serial, char out[SIM_TEXT_BYTES])
{
    int n = snprintf(out, SIM_TEXT_BYTES, "s%llu", (unsigned long long)serial);
    return bytes_of(out, (size_t)n);
}

static uint8_t filling(uint64_t serial)
{
    return (uint8_t)('a' + serial % VALUE_LETTERS);
}

struct bytes sim_value_make(uint64_t serial, uint8_t *out, size_t bytes)
{
    char text[SIM_TEXT_BYTES];
    struct bytes name = sim_serial_text(serial, text);
    ASSERT(bytes >= SIM_TEXT_BYTES);
    memset(out, filling(serial), bytes);
    memcpy(out, name.data, name.count);
    out[name.count] = ':';
    return bytes_of(out, bytes);
}

uint64_t sim_value_serial(struct bytes v)
{
    uint64_t serial = 0;
    size_t i = 1;
    for (; i < v.count && v.data[i] >= '0' && v.data[i] <= '9'; i++) {
        serial = serial * 10 + (uint64_t)(v.data[i] - '0');
    }
    bool good = v.count > i && v.data[0] == 's' && v.data[i] == ':';
    for (i++; good && i < v.count; i++) {
        good = v.data[i] == filling(serial);
    }
    return good ? serial : 0;
}
