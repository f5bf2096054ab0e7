/* node/toml_scalar.c -- numbers and booleans of TOML.
 *
 * Thread: any, pure
 */
#include "node/toml_parser.h"

#include <math.h>
#include <stdlib.h>

static bool is_digit(uint8_t c, uint32_t base)
{
    uint8_t low = c | 0x20;
    if (base == 16 && low >= 'a' && low <= 'f') {
        return true;
    }
    return c >= '0' && c < '0' + (base < 10 ? base : 10);
}

/* End of digits with single underscores between them, from at; at itself when there is none. */
static size_t digits_end(const struct toml_parser *p, size_t at, uint32_t base)
{
    if (!is_digit(p->text[at], base)) {
        return at;
    }
    at++;
    for (;;) {
        if (is_digit(p->text[at], base)) {
            at++;
        } else if (p->text[at] == '_' && is_digit(p->text[at + 1], base)) {
            at += 2;
        } else {
            return at;
        }
    }
}

/* Digits between begin and end as a magnitude; false when it passes max. */
static bool digits_value(const struct toml_parser *p, size_t begin, size_t end, uint32_t base,
                         uint64_t max, uint64_t *out)
{
    uint64_t v = 0;
    for (size_t i = begin; i < end; i++) {
        uint8_t c = p->text[i];
        if (c == '_') {
            continue;
        }
        uint32_t digit = c <= '9' ? (uint32_t)(c - '0') : (uint32_t)((c | 0x20) - 'a' + 10);
        if (v > (max - digit) / base) {
            return false;
        }
        v = v * base + digit;
    }
    *out = v;
    return true;
}

/* 0x, 0o, 0b; false when it is none of them. */
static bool based_integer(struct toml_parser *p, struct toml *v, bool *out_wide)
{
    uint8_t mark = toml_peek(p) == '0' ? p->text[p->at + 1] : 0;
    uint32_t base = mark == 'x' ? 16 : mark == 'o' ? 8 : mark == 'b' ? 2 : 0;
    if (base == 0) {
        return false;
    }
    size_t end = digits_end(p, p->at + 2, base);
    if (end == p->at + 2) {
        return false;
    }
    uint64_t value = 0;
    *out_wide = !digits_value(p, p->at + 2, end, base, INT64_MAX, &value);
    v->type = TOML_INTEGER;
    v->integer = (int64_t)value;
    p->at = end;
    return true;
}

/* Text of a float without its underscores, closed up in place, read by strtod (which rounds
 * right). */
static double float_value(struct toml_parser *p, size_t begin, size_t end)
{
    size_t to = begin;
    for (size_t i = begin; i < end; i++) {
        if (p->text[i] != '_') {
            p->text[to++] = p->text[i];
        }
    }
    uint8_t behind = p->text[to];
    p->text[to] = '\0';
    double value = strtod((const char *)p->text + begin, NULL);
    p->text[to] = behind;
    return value;
}

/* End of a fraction and exponent from at; at itself when there are none. */
static size_t float_end(const struct toml_parser *p, size_t at)
{
    if (p->text[at] == '.') {
        size_t end = digits_end(p, at + 1, 10);
        if (end == at + 1) {
            return at;
        }
        at = end;
    }
    if ((p->text[at] | 0x20) == 'e') {
        size_t sign = p->text[at + 1] == '+' || p->text[at + 1] == '-' ? 1 : 0;
        size_t end = digits_end(p, at + 1 + sign, 10);
        if (end > at + 1 + sign) {
            at = end;
        }
    }
    return at;
}

static bool special_float(struct toml_parser *p, struct toml *v, size_t sign, bool negative)
{
    p->at += sign;
    bool is_inf = toml_begins(p, "inf");
    if (!is_inf && !toml_begins(p, "nan")) {
        p->at -= sign;
        return false;
    }
    p->at += 3;
    v->type = TOML_FLOAT;
    v->number = is_inf ? (double)INFINITY : (double)NAN;
    v->number = negative ? -v->number : v->number;
    return true;
}

static enum err number_read(struct toml_parser *p, struct toml *v)
{
    bool wide = false;
    if (based_integer(p, v, &wide)) {
        return wide ? toml_fail(p, "an integer does not fit 64 bits") : ERR_OK;
    }
    size_t sign = toml_peek(p) == '+' || toml_peek(p) == '-' ? 1 : 0;
    bool negative = toml_peek(p) == '-';
    if (special_float(p, v, sign, negative)) {
        return ERR_OK;
    }
    size_t begin = p->at + sign;
    size_t whole = p->text[begin] == '0' ? begin + 1 : digits_end(p, begin, 10);
    if (whole == begin) {
        return toml_fail(p, "no value; texts stand in quotes");
    }
    size_t end = float_end(p, whole);
    if (end > whole) {
        v->type = TOML_FLOAT;
        v->number = float_value(p, p->at, end);
        p->at = end;
        return ERR_OK;
    }
    uint64_t max = (uint64_t)INT64_MAX + (negative ? 1 : 0);
    uint64_t value = 0;
    if (!digits_value(p, begin, whole, 10, max, &value)) {
        return toml_fail(p, "an integer does not fit 64 bits");
    }
    v->type = TOML_INTEGER;
    v->integer = (int64_t)(negative ? 0 - value : value);
    p->at = whole;
    return ERR_OK;
}

enum err toml_scalar_read(struct toml_parser *p, struct toml *v)
{
    bool is_true = toml_begins(p, "true");
    if (is_true || toml_begins(p, "false")) {
        v->type = TOML_BOOLEAN;
        v->boolean = is_true;
        p->at += is_true ? 4 : 5;
        return ERR_OK;
    }
    bool wrong = false;
    if (toml_time_read(p, v, &wrong)) {
        return wrong ? toml_fail(p, "there is no such day") : ERR_OK;
    }
    return number_read(p, v);
}
