/* base/err.c -- expansions of the error list: names, classes, statuses, texts. */
#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>

struct err_row {
    const char *name;
    const char *text;
    int http;
    enum err_class class;
};

#define ERR_ROW(name, class, http, text) { #name, text, http, ERR_CLASS_##class },
static const struct err_row err_rows[] = { ERR_LIST(ERR_ROW) };
#undef ERR_ROW

int err_count(void)
{
    return (int)(sizeof err_rows / sizeof err_rows[0]);
}

static const struct err_row *row_of(enum err e)
{
    int i = (int)e;
    return i >= 0 && i < err_count() ? &err_rows[i] : NULL;
}

const char *err_name(enum err e)
{
    const struct err_row *row = row_of(e);
    return row != NULL ? row->name : "UNKNOWN";
}

const char *err_text(enum err e)
{
    const struct err_row *row = row_of(e);
    return row != NULL ? row->text : "unknown error";
}

enum err_class err_class(enum err e)
{
    const struct err_row *row = row_of(e);
    return row != NULL ? row->class : ERR_CLASS_FATAL;
}

int err_http(enum err e)
{
    const struct err_row *row = row_of(e);
    return row != NULL ? row->http : 500;
}

enum err diag_set(struct diag *d, enum err code, const char *format, ...)
{
    if (d != NULL) {
        d->code = code;
        va_list args;
        va_start(args, format);
        vsnprintf(d->text, sizeof d->text, format, args);
        va_end(args);
    }
    return code;
}
