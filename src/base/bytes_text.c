/* base/bytes_text.c -- printf into a cursor; apart from bytes.c so that codecs do not import
 * stdio. */
#include "base/bytes.h"

#include <stdarg.h>
#include <stdio.h>

void writer_text(struct writer *w, const char *format, ...)
{
    size_t room = w->size - w->offset;
    if (w->bad || room == 0) {
        w->bad = true;
        return;
    }
    va_list args;
    va_start(args, format);
    int n = vsnprintf((char *)w->data + w->offset, room, format, args);
    va_end(args);
    if (n < 0 || (size_t)n >= room) {
        w->bad = true; /* the NUL of vsnprintf needs a byte that the text then does not use */
        return;
    }
    w->offset += (size_t)n;
}
