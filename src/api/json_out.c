/* api/json_out.c -- escaping of strings (RFC 8259, 7). */
#include "api/json_out.h"

#include "api/json_hot.h"

/* Length of the UTF-8 sequence at the front; 0 when it is not one (RFC 3629, 4). */
static size_t sequence(struct bytes b)
{
    uint8_t c = b.data[0];
    size_t n = c < 0x80 ? 1 : c >= 0xc2 && c < 0xe0 ? 2 : c >= 0xe0 && c < 0xf0 ? 3 : 4;
    if (n == 4 && (c < 0xf0 || c > 0xf4)) {
        return 0;
    }
    if (n > b.count) {
        return 0;
    }
    for (size_t i = 1; i < n; i++) {
        if ((b.data[i] & 0xc0u) != 0x80) {
            return 0;
        }
    }
    bool overlong = (c == 0xe0 && b.data[1] < 0xa0) || (c == 0xf0 && b.data[1] < 0x90);
    bool surrogate = c == 0xed && b.data[1] > 0x9f;
    bool beyond = c == 0xf4 && b.data[1] > 0x8f;
    return overlong || surrogate || beyond ? 0 : n;
}

static void escape(struct writer *w, uint8_t c)
{
    static const char hex[] = "0123456789abcdef";
    static const char plain[] = "\"\\\b\f\n\r\t";
    static const char letter[] = "\"\\bfnrt";
    const char *at = c != '\0' ? strchr(plain, c) : NULL;
    writer_u8(w, '\\');
    if (at != NULL) {
        writer_u8(w, (uint8_t)letter[at - plain]);
        return;
    }
    writer_put(w, bytes_text("u00"));
    writer_u8(w, (uint8_t)hex[c >> 4]);
    writer_u8(w, (uint8_t)hex[c & 15]);
}

void json_out_string(struct writer *w, struct bytes text)
{
    size_t begin = 0; /* of what can be copied as it is */
    writer_u8(w, '"');
    size_t plain = json_hot_plain(text);
    for (size_t i = plain; i < text.count;) {
        uint8_t c = text.data[i];
        size_t n = c >= 0x20 && c < 0x80 ? 1 : sequence(bytes_of(text.data + i, text.count - i));
        bool special = c < 0x20 || c == '"' || c == '\\' || n == 0;
        if (special) {
            writer_put(w, bytes_of(text.data + begin, i - begin));
            if (n == 0) {
                writer_put(w, bytes_text("\xef\xbf\xbd"));
            } else {
                escape(w, c);
            }
            i++;
            begin = i;
        } else {
            i += n;
        }
    }
    writer_put(w, bytes_of(text.data + begin, text.count - begin));
    writer_u8(w, '"');
}
