/* base/ids.c -- text forms of identities. */
#include "base/ids.h"

void ids_hex(const uint8_t *data, size_t count, char *out)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < count; i++) {
        out[2 * i] = digits[data[i] >> 4];
        out[2 * i + 1] = digits[data[i] & 15u];
    }
    out[2 * count] = '\0';
}

static int digit_of(uint8_t c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    if (c >= 'A' && c <= 'F') {
        return c - 'A' + 10;
    }
    return -1;
}

enum err ids_unhex(struct bytes text, uint8_t *out, size_t count)
{
    if (text.count != 2 * count) {
        return ERR_MALFORMED;
    }
    for (size_t i = 0; i < text.count; i++) {
        if (digit_of(text.data[i]) < 0) {
            return ERR_MALFORMED;
        }
    }
    for (size_t i = 0; i < count; i++) {
        out[i] = (uint8_t)(digit_of(text.data[2 * i]) * 16 + digit_of(text.data[2 * i + 1]));
    }
    return ERR_OK;
}

enum err ids_u64(struct bytes text, uint64_t *out)
{
    uint64_t v = 0;
    if (text.count == 0 || text.count > 20) {
        return ERR_MALFORMED;
    }
    for (size_t i = 0; i < text.count; i++) {
        uint8_t c = text.data[i];
        if (c < '0' || c > '9' || v > (UINT64_MAX - (uint64_t)(c - '0')) / 10) {
            return ERR_MALFORMED;
        }
        v = v * 10 + (uint64_t)(c - '0');
    }
    *out = v;
    return ERR_OK;
}
