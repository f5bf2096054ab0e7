/* sim/value.c -- names, values and their serial numbers. */
#include "sim/value.h"

#include "base/panic.h"

#include <stdio.h>

enum {
    VALUE_LETTERS = 26, /* of the filling */
    VALUE_DIGITS = 10   /* of a serial number, at most */
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

/* "s17/240:": the serial number, and the length of all of it. */
static size_t head(uint64_t serial, size_t bytes, char out[SIM_TEXT_BYTES])
{
    int n = snprintf(out, SIM_TEXT_BYTES, "s%llu/%zu:", (unsigned long long)serial, bytes);
    ASSERT(n < SIM_TEXT_BYTES);
    return (size_t)n;
}

struct bytes sim_value_make(uint64_t serial, uint8_t *out, size_t bytes)
{
    char text[SIM_TEXT_BYTES];
    size_t count = head(serial, bytes, text);
    ASSERT(bytes >= SIM_TEXT_BYTES);
    memset(out, filling(serial), bytes);
    memcpy(out, text, count);
    return bytes_of(out, bytes);
}

uint64_t sim_value_serial(struct bytes v)
{
    char text[SIM_TEXT_BYTES];
    uint64_t serial = 0;
    if (v.count < SIM_TEXT_BYTES || v.data[0] != 's') {
        return 0;
    }
    for (size_t i = 1; i <= VALUE_DIGITS && v.data[i] >= '0' && v.data[i] <= '9'; i++) {
        serial = serial * 10 + (uint64_t)(v.data[i] - '0');
    }
    size_t count = head(serial, v.count, text);
    bool good = memcmp(v.data, text, count) == 0;
    for (size_t i = count; good && i < v.count; i++) {
        good = v.data[i] == filling(serial);
    }
    return good ? serial : 0;
}
