/* sim/history_scan.c -- the scanner by hand: strings, integers, and values to pass over. */
#include "sim/history_scan.h"

static bool fail(struct history_scan *s, const char *wrong)
{
    if (s->wrong == NULL) {
        s->wrong = wrong;
    }
    return false;
}

uint8_t history_scan_next(struct history_scan *s)
{
    while (s->at < s->end && (*s->at == ' ' || *s->at == '\t' || *s->at == '\r')) {
        s->at++;
    }
    return s->at < s->end ? *s->at : 0;
}

bool history_scan_mark(struct history_scan *s, char c)
{
    bool there = history_scan_next(s) == (uint8_t)c && s->at < s->end;
    s->at += there;
    return there;
}

bool history_scan_word(struct history_scan *s, const char *word)
{
    size_t n = strlen(word);
    history_scan_next(s);
    bool there = (size_t)(s->end - s->at) >= n && memcmp(s->at, word, n) == 0;
    s->at += there ? n : 0;
    return there;
}

/* How many bytes the character at the front has in UTF-8; 0: it is none. */
static size_t utf8_count(const uint8_t *at, size_t left)
{
    uint8_t c = at[0];
    size_t count = c < 0x80 ? 1 : c < 0xC2 ? 0 : c < 0xE0 ? 2 : c < 0xF0 ? 3 : c < 0xF5 ? 4 : 0;
    if (count > left) {
        return 0;
    }
    for (size_t i = 1; i < count; i++) {
        if ((at[i] & 0xC0) != 0x80) {
            return 0;
        }
    }
    bool wrong = (c == 0xE0 && at[1] < 0xA0) || (c == 0xED && at[1] > 0x9F) ||
                 (c == 0xF0 && at[1] < 0x90) || (c == 0xF4 && at[1] > 0x8F);
    return wrong ? 0 : count;
}

/* ---- Strings ---- */

/* Goes over plain characters; false when one is not UTF-8 or a control character. */
static bool plain(struct history_scan *s)
{
    while (s->at < s->end && *s->at != '"' && *s->at != '\\') {
        if (*s->at >= 0x20 && *s->at < 0x80) {
            s->at++;
            continue;
        }
        size_t count = *s->at < 0x20 ? 0 : utf8_count(s->at, (size_t)(s->end - s->at));
        if (count == 0) {
            return fail(s, "a string holds a byte that JSON does not allow there");
        }
        s->at += count;
    }
    return s->at < s->end || fail(s, "a string does not end");
}

/* Four hex digits after \u. */
static bool hex4(struct history_scan *s, uint32_t *out)
{
    uint32_t v = 0;
    if (s->end - s->at < 4) {
        return fail(s, "an escape is cut short");
    }
    for (int i = 0; i < 4; i++) {
        uint8_t c = *s->at++;
        uint8_t low = c | 0x20;
        if (c >= '0' && c <= '9') {
            v = v * 16 + (c - '0');
        } else if (low >= 'a' && low <= 'f') {
            v = v * 16 + (low - 'a') + 10;
        } else {
            return fail(s, "an escape is not four hex digits");
        }
    }
    *out = v;
    return true;
}

/* A code point as UTF-8. The escape that it came from was longer. */
static void put_point(struct history_scan *s, uint32_t point)
{
    uint8_t *to = s->scratch + s->used;
    if (point < 0x80) {
        to[0] = (uint8_t)point;
        s->used += 1;
    } else if (point < 0x800) {
        to[0] = (uint8_t)(0xC0 | point >> 6);
        to[1] = (uint8_t)(0x80 | (point & 0x3F));
        s->used += 2;
    } else if (point < 0x10000) {
        to[0] = (uint8_t)(0xE0 | point >> 12);
        to[1] = (uint8_t)(0x80 | (point >> 6 & 0x3F));
        to[2] = (uint8_t)(0x80 | (point & 0x3F));
        s->used += 3;
    } else {
        to[0] = (uint8_t)(0xF0 | point >> 18);
        to[1] = (uint8_t)(0x80 | (point >> 12 & 0x3F));
        to[2] = (uint8_t)(0x80 | (point >> 6 & 0x3F));
        to[3] = (uint8_t)(0x80 | (point & 0x3F));
        s->used += 4;
    }
}

/* The second half of a surrogate pair, which follows at once: within a string no blank is free. */
static bool low_half(struct history_scan *s, uint32_t *out)
{
    bool there = s->end - s->at >= 2 && s->at[0] == '\\' && s->at[1] == 'u';
    s->at += there ? 2 : 0;
    return there && hex4(s, out) && *out >= 0xDC00 && *out <= 0xDFFF;
}

static bool escape_u(struct history_scan *s)
{
    uint32_t point = 0;
    uint32_t low = 0;
    if (!hex4(s, &point)) {
        return false;
    }
    if (point >= 0xDC80 && point <= 0xDCFF) { /* a byte that is not part of UTF-8 */
        s->scratch[s->used++] = (uint8_t)(point - 0xDC00);
        return true;
    }
    if (point >= 0xD800 && point <= 0xDBFF) {
        if (!low_half(s, &low)) {
            return fail(s, "a surrogate stands alone");
        }
        point = 0x10000 + ((point - 0xD800) << 10) + (low - 0xDC00);
    } else if (point >= 0xDC00 && point <= 0xDFFF) {
        return fail(s, "a surrogate stands alone");
    }
    put_point(s, point);
    return true;
}

static bool escape(struct history_scan *s)
{
    static const char from[] = "\"\\/bfnrt";
    static const char to[] = "\"\\/\b\f\n\r\t";
    s->at++; /* the backslash */
    uint8_t c = s->at < s->end ? *s->at++ : 0;
    if (c == 'u') {
        return escape_u(s);
    }
    const char *known = c != 0 ? strchr(from, c) : NULL;
    if (known == NULL) {
        return fail(s, "an escape is none of JSON's");
    }
    s->scratch[s->used++] = (uint8_t)to[known - from];
    return true;
}

bool history_scan_text(struct history_scan *s, struct bytes *out)
{
    if (!history_scan_mark(s, '"')) {
        return fail(s, "a string is missing");
    }
    const uint8_t *from = s->at;
    if (!plain(s)) {
        return false;
    }
    if (*s->at == '"') {
        *out = bytes_of(from, (size_t)(s->at++ - from));
        return true;
    }
    if (s->scratch == NULL) {
        s->needs_scratch = true;
        return fail(s, "a string has escapes");
    }
    size_t begin = s->used;
    while (true) {
        memcpy(s->scratch + s->used, from, (size_t)(s->at - from));
        s->used += (size_t)(s->at - from);
        if (*s->at == '"') {
            s->at++;
            *out = bytes_of(s->scratch + begin, s->used - begin);
            return true;
        }
        if (!escape(s)) {
            return false;
        }
        from = s->at;
        if (!plain(s)) {
            return false;
        }
    }
}

bool history_scan_text_or_null(struct history_scan *s, struct bytes *out)
{
    if (history_scan_word(s, "null")) {
        *out = bytes_of(NULL, 0);
        return true;
    }
    return history_scan_text(s, out);
}

/* ---- Numbers, and values to pass over ---- */

static size_t digits(struct history_scan *s)
{
    const uint8_t *from = s->at;
    while (s->at < s->end && *s->at >= '0' && *s->at <= '9') {
        s->at++;
    }
    return (size_t)(s->at - from);
}

bool history_scan_u64(struct history_scan *s, uint64_t max, uint64_t *out)
{
    history_scan_next(s);
    const uint8_t *from = s->at;
    size_t count = digits(s);
    bool more = s->at < s->end && (*s->at == '.' || (*s->at | 0x20) == 'e');
    if (count == 0 || more || (count > 1 && *from == '0')) {
        return fail(s, "an integer of 0 or more is missing");
    }
    uint64_t v = 0;
    for (const uint8_t *at = from; at < s->at; at++) {
        uint64_t digit = *at - '0';
        if (v > max / 10 || v * 10 > max - digit) {
            return fail(s, "an integer is too large");
        }
        v = v * 10 + digit;
    }
    *out = v;
    return true;
}

static bool one_of(struct history_scan *s, char a, char b)
{
    bool there = s->at < s->end && (*s->at == (uint8_t)a || *s->at == (uint8_t)b);
    s->at += there;
    return there;
}

static bool number(struct history_scan *s)
{
    one_of(s, '-', '-');
    const uint8_t *from = s->at;
    size_t count = digits(s);
    bool good = count == 1 || (count > 1 && *from != '0');
    if (good && one_of(s, '.', '.')) {
        good = digits(s) > 0;
    }
    if (good && one_of(s, 'e', 'E')) {
        one_of(s, '+', '-');
        good = digits(s) > 0;
    }
    return good || fail(s, "a value is none of JSON's");
}

static bool scalar(struct history_scan *s)
{
    struct bytes text;
    if (history_scan_next(s) == '"') {
        return history_scan_text(s, &text);
    }
    return history_scan_word(s, "null") || history_scan_word(s, "true") ||
           history_scan_word(s, "false") || number(s);
}

static bool name(struct history_scan *s)
{
    struct bytes text;
    return history_scan_text(s, &text) && (history_scan_mark(s, ':') || fail(s, "':' is missing"));
}

/* After a value: closes what ends here; true when a next value follows or depth is 0. */
static bool close_all(struct history_scan *s, const char *closers, size_t *depth)
{
    while (*depth > 0) {
        if (history_scan_mark(s, ',')) {
            return closers[*depth - 1] == ']' || name(s);
        }
        if (!history_scan_mark(s, closers[*depth - 1])) {
            return fail(s, "',' or a closing bracket is missing");
        }
        --*depth;
    }
    return true;
}

bool history_scan_skip(struct history_scan *s)
{
    char closers[HISTORY_SCAN_DEPTH_MAX];
    size_t depth = 0;
    do {
        bool object = history_scan_next(s) == '{';
        bool open = object || history_scan_next(s) == '[';
        if (open && depth == HISTORY_SCAN_DEPTH_MAX) {
            return fail(s, "values are nested too deeply");
        }
        if (open) {
            s->at++;
            closers[depth++] = object ? '}' : ']';
            if (history_scan_next(s) != (uint8_t)closers[depth - 1]) {
                if (object && !name(s)) {
                    return false;
                }
                continue;
            }
        } else if (!scalar(s)) {
            return false;
        }
        if (!close_all(s, closers, &depth)) {
            return false;
        }
    } while (depth > 0);
    return true;
}

void history_scan_put_text(struct writer *out, struct bytes text)
{
    writer_u8(out, '"');
    for (size_t i = 0; i < text.count;) {
        uint8_t c = text.data[i];
        size_t count = utf8_count(text.data + i, text.count - i);
        if (c == '"' || c == '\\') {
            writer_u8(out, '\\');
            writer_u8(out, c);
        } else if (c < 0x20) {
            writer_text(out, "\\u%04x", c);
        } else if (count == 0) {
            writer_text(out, "\\udc%02x", c);
        } else {
            writer_put(out, bytes_of(text.data + i, count));
        }
        i += count > 0 ? count : 1;
    }
    writer_u8(out, '"');
}
