/* node/toml_string.c -- the four forms of a TOML string, unescaped in place.
 *
 * Invariants: what is written never passes what was read, since every escape is at least as long as
 *             what it stands for
 * Thread:     any, pure
 */
#include "node/toml_parser.h"

#include "node/utf8.h"

/* Where a string is being put together; bytes up to end are the string. */
struct target {
    uint8_t *begin;
    uint8_t *end;
};

static bool is_control(uint8_t c)
{
    return (c < 0x20 && c != '\t') || c == 0x7F;
}

static enum err hex_escape(struct toml_parser *p, uint32_t digits, struct target *t)
{
    uint32_t code = 0;
    for (uint32_t i = 0; i < digits; i++) {
        uint8_t c = toml_peek(p);
        uint8_t low = c | 0x20;
        if (c >= '0' && c <= '9') {
            code = code << 4 | (uint32_t)(c - '0');
        } else if (low >= 'a' && low <= 'f') {
            code = code << 4 | (uint32_t)(low - 'a' + 10);
        } else {
            return toml_fail(p, "an escape has too few hex digits");
        }
        p->at++;
    }
    if (code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF)) {
        return toml_fail(p, "an escape names no Unicode scalar value");
    }
    t->end += utf8_put(code, t->end);
    return ERR_OK;
}

/* A backslash at the end of a line swallows blanks and newlines up to the next text. */
static enum err line_escape(struct toml_parser *p)
{
    toml_skip_blank(p);
    if (p->at == p->count) {
        return ERR_OK;
    }
    if (toml_peek(p) != '\n') {
        return toml_fail(p, "unknown escape in a string");
    }
    while (toml_peek(p) == '\n') {
        toml_newline(p);
        toml_skip_blank(p);
    }
    return ERR_OK;
}

/* The cursor stands behind a backslash. */
static enum err escape(struct toml_parser *p, bool multi, struct target *t)
{
    static const char from[] = "btnfr\"\\";
    static const char to[] = "\b\t\n\f\r\"\\";
    uint8_t c = toml_peek(p);
    if (multi && (c == ' ' || c == '\t' || c == '\n')) {
        return line_escape(p);
    }
    const char *found = c != '\0' ? strchr(from, c) : NULL;
    if (found != NULL) {
        *t->end++ = (uint8_t)to[found - from];
        p->at++;
        return ERR_OK;
    }
    if (c == 'u' || c == 'U') {
        p->at++;
        return hex_escape(p, c == 'u' ? 4 : 8, t);
    }
    return toml_fail(p, "unknown escape in a string");
}

/* Up to two quotes may stand directly before the closing three. */
static void extra_quotes(struct toml_parser *p, uint8_t quote, struct target *t)
{
    for (int i = 0; i < 2 && toml_peek(p) == quote; i++) {
        *t->end++ = quote;
        p->at++;
    }
}

/* Text up to the closing quotes, which are stepped over. */
static enum err string_body(struct toml_parser *p, uint8_t quote, bool multi, struct target *t)
{
    const char *closing = quote == '"' ? "\"\"\"" : "'''";
    while (p->at < p->count) {
        uint8_t c = toml_peek(p);
        if (c == quote && (!multi || toml_begins(p, closing))) {
            p->at += multi ? 3 : 1;
            if (multi) {
                extra_quotes(p, quote, t);
            }
            return ERR_OK;
        }
        if (c == '\\' && quote == '"') {
            p->at++;
            TRY(escape(p, multi, t));
            continue;
        }
        if (c == '\n' && multi) {
            toml_newline(p);
        } else if (is_control(c)) {
            return toml_fail(p, c == '\n' ? "a string without its closing quote"
                                          : "a control character in a string; write an escape");
        } else {
            p->at++;
        }
        *t->end++ = c;
    }
    return toml_fail(p, "a string without its closing quote");
}

enum err toml_string_read(struct toml_parser *p, bool multi, struct bytes *out)
{
    uint8_t quote = toml_peek(p);
    bool is_long = multi && toml_begins(p, quote == '"' ? "\"\"\"" : "'''");
    p->at += is_long ? 3 : 1;
    if (is_long && toml_peek(p) == '\n') {
        toml_newline(p);
    }
    struct target t = { p->text + p->at, p->text + p->at };
    TRY(string_body(p, quote, is_long, &t));
    *out = bytes_of(t.begin, (size_t)(t.end - t.begin));
    return ERR_OK;
}
