/* node/toml_time.c -- the four forms of dates and times in TOML (RFC 3339, the blank allowed for
 * T).
 *
 * Invariants: the cursor moves only past what is whole: a date with a torn time behind it is a
 *             date, and what follows is then refused by the statement's end
 * Thread:     any, pure
 */
#include "node/toml_parser.h"

/* Exactly count digits at offset at; -1 when they are not all digits. The NUL at the end stops
 * it. */
static int number_at(const struct toml_parser *p, size_t at, uint32_t count)
{
    int v = 0;
    for (uint32_t i = 0; i < count; i++) {
        uint8_t c = p->text[at + i];
        if (c < '0' || c > '9') {
            return -1;
        }
        v = v * 10 + (c - '0');
    }
    return v;
}

static bool in_range(int v, int min, int max)
{
    return v >= min && v <= max;
}

/* HH:MM:SS[.fraction] at offset at; the offset behind it, or 0. */
static size_t clock_at(const struct toml_parser *p, size_t at, struct toml_time *out)
{
    int hour = number_at(p, at, 2);
    if (!in_range(hour, 0, 23) || p->text[at + 2] != ':') {
        return 0;
    }
    int minute = number_at(p, at + 3, 2);
    if (!in_range(minute, 0, 59) || p->text[at + 5] != ':') {
        return 0;
    }
    int second = number_at(p, at + 6, 2);
    if (!in_range(second, 0, 59)) {
        return 0;
    }
    out->hour = (uint8_t)hour;
    out->minute = (uint8_t)minute;
    out->second = (uint8_t)second;
    at += 8;
    if (p->text[at] != '.' || number_at(p, at + 1, 1) < 0) {
        return at;
    }
    at++;
    uint32_t unit = 100000000;
    for (; number_at(p, at, 1) >= 0; at++) {
        out->nanosecond += (uint32_t)number_at(p, at, 1) * unit;
        unit /= 10;
    }
    return at;
}

/* Z or +HH:MM at offset at; the offset behind it, or 0. */
static size_t zone_at(const struct toml_parser *p, size_t at, struct toml_time *out)
{
    uint8_t c = p->text[at];
    if (c == 'Z' || c == 'z') {
        return at + 1;
    }
    if (c != '+' && c != '-') {
        return 0;
    }
    int hour = number_at(p, at + 1, 2);
    if (!in_range(hour, 0, 23) || p->text[at + 3] != ':') {
        return 0;
    }
    int minute = number_at(p, at + 4, 2);
    if (!in_range(minute, 0, 59)) {
        return 0;
    }
    int minutes = hour * 60 + minute;
    out->offset_minutes = (int16_t)(c == '-' ? -minutes : minutes);
    return at + 6;
}

static bool day_exists(const struct toml_time *t)
{
    static const uint8_t days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
    bool leap = (t->year % 4 == 0 && t->year % 100 != 0) || t->year % 400 == 0;
    uint32_t last = days[t->month - 1] + (uint32_t)(t->month == 2 && leap ? 1 : 0);
    return t->year > 0 && t->day <= last;
}

/* YYYY-MM-DD at the cursor; the offset behind it, or 0. */
static size_t date_at(const struct toml_parser *p, struct toml_time *out)
{
    int year = number_at(p, p->at, 4);
    if (year < 0 || p->text[p->at + 4] != '-') {
        return 0;
    }
    int month = number_at(p, p->at + 5, 2);
    if (!in_range(month, 1, 12) || p->text[p->at + 7] != '-') {
        return 0;
    }
    int day = number_at(p, p->at + 8, 2);
    if (!in_range(day, 1, 31)) {
        return 0;
    }
    out->year = (uint16_t)year;
    out->month = (uint8_t)month;
    out->day = (uint8_t)day;
    return p->at + 10;
}

bool toml_time_read(struct toml_parser *p, struct toml *v, bool *out_wrong)
{
    struct toml_time t;
    memset(&t, 0, sizeof t);
    size_t end = date_at(p, &t);
    if (end == 0) {
        end = clock_at(p, p->at, &t);
        if (end == 0) {
            return false;
        }
        v->type = TOML_LOCAL_TIME;
        v->time = t;
        p->at = end;
        return true;
    }
    *out_wrong = !day_exists(&t);
    v->type = TOML_LOCAL_DATE;
    uint8_t between = p->text[end];
    size_t clock_end = 0;
    if (between == 'T' || between == 't' || between == ' ') {
        clock_end = clock_at(p, end + 1, &t);
    }
    if (clock_end > 0) {
        v->type = TOML_LOCAL_DATETIME;
        end = clock_end;
        size_t zone_end = zone_at(p, end, &t);
        if (zone_end > 0) {
            v->type = TOML_DATETIME;
            end = zone_end;
        }
    }
    v->time = t;
    p->at = end;
    return true;
}
