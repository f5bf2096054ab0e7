/* node/utf8.h -- one code point of UTF-8 at a time, for what reads or writes texts from outside.
 *
 * Invariants: overlong forms, surrogates and what lies above U+10FFFF are not UTF-8
 * Thread:     any, pure
 */
#ifndef NODE_UTF8_H
#define NODE_UTF8_H

#include "base/bytes.h"

/* utf8_next -- bytes of the code point at data, 1..4; 0 when these count bytes do not begin with
 * one. */
static inline size_t utf8_next(const uint8_t *data, size_t count, uint32_t *out)
{
    if (count == 0) {
        return 0;
    }
    uint32_t first = data[0];
    if (first < 0x80) {
        *out = first;
        return 1;
    }
    size_t need = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
    if (first < 0xC2 || first > 0xF4 || count < need) {
        return 0;
    }
    uint32_t code = first & (0xFFu >> (need + 1));
    for (size_t i = 1; i < need; i++) {
        if ((data[i] & 0xC0) != 0x80) {
            return 0;
        }
        code = code << 6 | (data[i] & 0x3Fu);
    }
    bool overlong = (need == 3 && code < 0x800) || (need == 4 && code < 0x10000);
    if (overlong || code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF)) {
        return 0;
    }
    *out = code;
    return need;
}

/* utf8_put -- encode a scalar value; returns bytes written, 1..4. */
static inline size_t utf8_put(uint32_t code, uint8_t out[4])
{
    if (code < 0x80) {
        out[0] = (uint8_t)code;
        return 1;
    }
    size_t need = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    for (size_t i = need - 1; i > 0; i--) {
        out[i] = (uint8_t)(0x80 | (code & 0x3F));
        code >>= 6;
    }
    out[0] = (uint8_t)((0xF00u >> need) | code);
    return need;
}

#endif
