/* api/json_hot.c -- a scanner for two fixed shapes; eight bytes of a string at a time. */
#include "api/json_hot.h"

#define LOW_BITS 0x0101010101010101u
#define HIGH_BITS 0x8080808080808080u

/* A high bit for each byte that is zero; exact below the first one, which is all that matters. */
static uint64_t zero_bytes(uint64_t v)
{
    return (v - LOW_BITS) & ~v & HIGH_BITS;
}

static bool is_plain(uint8_t c)
{
    return c >= 0x20 && c < 0x80 && c != '"' && c != '\\';
}

size_t json_hot_plain(struct bytes text)
{
    size_t i = 0;
    for (; i + 8 <= text.count; i += 8) {
        uint64_t v = 0;
        memcpy(&v, text.data + i, 8);
        uint64_t below_blank = (v - 0x20 * LOW_BITS) & ~v;
        uint64_t special = zero_bytes(v ^ ('"' * LOW_BITS)) | zero_bytes(v ^ ('\\' * LOW_BITS));
        if (((v | below_blank | special) & HIGH_BITS) != 0) {
            break;
        }
    }
    while (i < text.count && is_plain(text.data[i])) {
        i++;
    }
    return i;
}

static void skip_blanks(struct reader *r)
{
    while (r->offset < r->size) {
        uint8_t c = r->data[r->offset];
        if (c != ' ' && c != '\t' && c != '\n' && c != '\r') {
            return;
        }
        r->offset++;
    }
}

/* The next thing but blanks is this character. */
static bool mark(struct reader *r, char c)
{
    skip_blanks(r);
    return reader_u8(r) == (uint8_t)c && !r->bad;
}

static bool string(struct reader *r, struct bytes *out)
{
    if (!mark(r, '"')) {
        return false;
    }
    size_t n = json_hot_plain(bytes_of(r->data + r->offset, r->size - r->offset));
    *out = reader_take(r, n);
    return reader_u8(r) == '"' && !r->bad;
}

/* "name": */
static bool name(struct reader *r, const char *text)
{
    struct bytes got;
    return string(r, &got) && bytes_equal(got, bytes_text(text)) && mark(r, ':');
}

static bool ends(struct reader *r)
{
    skip_blanks(r);
    return reader_done(r);
}

bool json_hot_set(struct bytes body, struct bytes *out_key, struct bytes *out_value)
{
    struct reader r = reader_of(body);
    return mark(&r, '{') && name(&r, "command") && mark(&r, '{') && name(&r, "Set") &&
           mark(&r, '{') && name(&r, "key") && string(&r, out_key) && mark(&r, ',') &&
           name(&r, "value") && string(&r, out_value) && mark(&r, '}') && mark(&r, '}') &&
           mark(&r, '}') && ends(&r);
}

bool json_hot_key(struct bytes body, struct bytes *out_key)
{
    struct reader r = reader_of(body);
    return mark(&r, '{') && name(&r, "key") && string(&r, out_key) && mark(&r, '}') && ends(&r);
}
