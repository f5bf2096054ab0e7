/* node/logger.c -- lines, escapes and the rate limit of node/logger.h.
 *
 * Shape:  a line is composed in a buffer on the stack and leaves as one write
 * Thread: the loop's, no locks
 */
#include "node/logger.h"

#include "base/panic.h"
#include "node/utf8.h"

#include <inttypes.h>
#include <time.h>

enum {
    LOGGER_TAIL_BYTES = 64,       /* kept free for the marks at a line's end */
    LOGGER_VALUE_BYTES_MAX = 768, /* of one value, before escapes */
    LOGGER_WINDOW_NS = 1000000000
};

static const char *const level_names[LOGGER_LEVEL_COUNT] = { "error", "warn", "info", "debug",
                                                             "trace" };

enum err logger_level_parse(struct bytes text, enum logger_level *out)
{
    for (unsigned i = 0; i < LOGGER_LEVEL_COUNT; i++) {
        if (bytes_equal(text, bytes_text(level_names[i]))) {
            *out = (enum logger_level)i;
            return ERR_OK;
        }
    }
    return ERR_MALFORMED;
}

enum err logger_format_parse(struct bytes text, enum logger_format *out)
{
    if (bytes_equal(text, bytes_text("text"))) {
        *out = LOGGER_FORMAT_TEXT;
    } else if (bytes_equal(text, bytes_text("json"))) {
        *out = LOGGER_FORMAT_JSON;
    } else {
        return ERR_MALFORMED;
    }
    return ERR_OK;
}

void logger_init(struct logger *l, enum logger_level level, enum logger_format format,
                 uint64_t node_id, const struct logger_sink *sink)
{
    ASSERT((unsigned)level < LOGGER_LEVEL_COUNT);
    ASSERT(sink->write != NULL && sink->wall_ns != NULL && sink->now_ns != NULL);
    memset(l, 0, sizeof *l);
    l->level = level;
    l->format = format;
    l->node_id = node_id;
    l->sink = *sink;
}

/* RFC 3339, UTC, milliseconds. */
static void put_time(struct writer *w, uint64_t wall_ns)
{
    time_t seconds = (time_t)(wall_ns / 1000000000u);
    struct tm tm;
    if (gmtime_r(&seconds, &tm) == NULL) {
        memset(&tm, 0, sizeof tm);
    }
    writer_text(w, "%04d-%02d-%02dT%02d:%02d:%02d.%03uZ", tm.tm_year + 1900, tm.tm_mon + 1,
                tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec,
                (unsigned)(wall_ns / 1000000u % 1000u));
}

static bool is_control(uint32_t code)
{
    return code < 0x20 || (code >= 0x7F && code < 0xA0) || code == 0x2028 || code == 0x2029;
}

/* Text between quotes; JSON has its own escapes, and no way to carry a byte that is not UTF-8. */
static void put_quoted(struct writer *w, struct bytes text, bool json)
{
    writer_u8(w, '"');
    size_t at = 0;
    while (at < text.count && !w->bad) {
        uint32_t code = 0;
        size_t n = utf8_next(text.data + at, text.count - at, &code);
        if (n == 0) {
            writer_text(w, json ? "\\ufffd" : "\\x%02x", text.data[at]);
            n = 1;
        } else if (code == '"' || code == '\\') {
            writer_text(w, "\\%c", (int)code);
        } else if (code == '\n') {
            writer_text(w, "\\n");
        } else if (code == '\t') {
            writer_text(w, "\\t");
        } else if (code == '\r') {
            writer_text(w, "\\r");
        } else if (is_control(code)) {
            writer_text(w, "\\u%04x", (unsigned)code);
        } else {
            writer_put(w, bytes_of(text.data + at, n));
        }
        at += n;
    }
    writer_u8(w, '"');
}

static bool is_bare(struct bytes text)
{
    for (size_t i = 0; i < text.count; i++) {
        uint8_t c = text.data[i];
        if (c <= ' ' || c >= 0x7F || c == '"' || c == '=' || c == '\\') {
            return false;
        }
    }
    return text.count > 0;
}

static void put_value(struct writer *w, const struct logger_field *f, bool json)
{
    switch (f->kind) {
    case LOGGER_KIND_U64:
        writer_text(w, "%" PRIu64, f->number);
        return;
    case LOGGER_KIND_I64:
        writer_text(w, "%" PRId64, (int64_t)f->number);
        return;
    case LOGGER_KIND_BOOL:
        writer_text(w, "%s", f->number != 0 ? "true" : "false");
        return;
    case LOGGER_KIND_HEX:
        writer_text(w, json ? "\"" : "");
        for (size_t i = 0; i < f->text.count && !w->bad; i++) {
            writer_text(w, "%02x", f->text.data[i]);
        }
        writer_text(w, json ? "\"" : "");
        return;
    case LOGGER_KIND_TEXT:
        if (!json && is_bare(f->text)) {
            writer_put(w, f->text);
        } else {
            put_quoted(w, f->text, json);
        }
        return;
    }
    PANIC("unknown kind of field");
}

/* One field; false when it was cut or left out, the line then stands as before or with a part. */
static bool put_field(struct writer *w, const struct logger_field *f, bool json)
{
    struct logger_field field = *f;
    bool whole = true;
    if (field.text.count > LOGGER_VALUE_BYTES_MAX) {
        field.text.count = LOGGER_VALUE_BYTES_MAX;
        whole = false;
    }
    size_t before = w->offset;
    writer_text(w, json ? ",\"%s\":" : " %s=", field.name);
    put_value(w, &field, json);
    if (w->bad) {
        w->bad = false;
        w->offset = before;
        whole = false;
    }
    return whole;
}

static void put_head(struct writer *w, const struct logger *l, enum logger_level level,
                     const char *event)
{
    uint64_t wall_ns = l->sink.wall_ns(l->sink.arg);
    if (l->format == LOGGER_FORMAT_JSON) {
        writer_text(w, "{\"time\":\"");
        put_time(w, wall_ns);
        writer_text(w, "\",\"level\":\"%s\",\"event\":", level_names[level]);
        put_quoted(w, bytes_of(event, strnlen(event, LOGGER_EVENT_BYTES_MAX)), true);
        return;
    }
    put_time(w, wall_ns);
    writer_text(w, " %-5s ", level_names[level]);
    for (size_t i = 0; i < LOGGER_EVENT_BYTES_MAX && event[i] != '\0'; i++) {
        uint8_t c = (uint8_t)event[i];
        writer_u8(w, c < ' ' || c >= 0x7F ? '?' : c);
    }
}

static void write_line(struct logger *l, enum logger_level level, const char *event,
                       const struct logger_field *fields, size_t count, uint64_t suppressed)
{
    bool json = l->format == LOGGER_FORMAT_JSON;
    uint8_t buffer[LOGGER_LINE_BYTES_MAX];
    struct writer w = writer_of(buffer, sizeof buffer - LOGGER_TAIL_BYTES);
    bool whole = true;
    put_head(&w, l, level, event);
    if (l->node_id != 0) {
        struct logger_field node = logger_u64("node_id", l->node_id);
        whole = put_field(&w, &node, json);
    }
    for (size_t i = 0; i < count; i++) {
        whole = put_field(&w, &fields[i], json) && whole;
    }
    w.size = sizeof buffer;
    if (suppressed > 0) {
        writer_text(&w, json ? ",\"suppressed\":%" PRIu64 : " suppressed=%" PRIu64, suppressed);
    }
    if (!whole) {
        writer_text(&w, json ? ",\"cut\":true" : " cut=true");
    }
    writer_text(&w, json ? "}\n" : "\n");
    ASSERT(!w.bad);
    l->sink.write(l->sink.arg, writer_bytes(&w));
}

/* Close a window that is over; its suppressed lines get one line of their own. */
static void window_close(struct logger *l, struct logger_window *w)
{
    uint64_t suppressed = w->suppressed;
    w->suppressed = 0;
    w->passed = 0;
    if (suppressed > 0) {
        write_line(l, w->level, w->event, NULL, 0, suppressed);
    }
}

static bool window_over(const struct logger_window *w, uint64_t now_ns)
{
    return now_ns - w->begin_ns >= LOGGER_WINDOW_NS;
}

/* The event's window, a fresh one when it has none: free, or the one that began first. */
static struct logger_window *window_take(struct logger *l, const char *event, uint64_t now_ns)
{
    struct logger_window *oldest = NULL;
    for (uint32_t i = 0; i < l->window_count; i++) {
        struct logger_window *w = &l->window[i];
        if (strncmp(w->event, event, LOGGER_EVENT_BYTES_MAX - 1) == 0) {
            return w;
        }
        if (oldest == NULL || w->begin_ns < oldest->begin_ns) {
            oldest = w;
        }
    }
    struct logger_window *w = oldest;
    if (l->window_count < LOGGER_WINDOWS) {
        w = &l->window[l->window_count++];
    } else {
        window_close(l, w);
    }
    memset(w, 0, sizeof *w);
    memcpy(w->event, event, strnlen(event, LOGGER_EVENT_BYTES_MAX - 1));
    w->begin_ns = now_ns;
    return w;
}

void logger_emit(struct logger *l, enum logger_level level, const char *event,
                 const struct logger_field *fields, size_t count)
{
    ASSERT((unsigned)level < LOGGER_LEVEL_COUNT);
    ASSERT(count <= LOGGER_FIELDS_MAX);
    if (!logger_on(l, level)) {
        return;
    }
    if (level > LOGGER_WARN) {
        write_line(l, level, event, fields, count, 0);
        return;
    }
    uint64_t now_ns = l->sink.now_ns(l->sink.arg);
    struct logger_window *w = window_take(l, event, now_ns);
    w->level = level;
    uint64_t suppressed = 0;
    if (window_over(w, now_ns)) {
        suppressed = w->suppressed;
        w->suppressed = 0;
        w->passed = 0;
        w->begin_ns = now_ns;
    }
    if (w->passed >= LOGGER_BURST) {
        w->suppressed++;
        l->suppressed_total++;
        return;
    }
    w->passed++;
    write_line(l, level, event, fields, count, suppressed);
}

void logger_flush(struct logger *l)
{
    uint64_t now_ns = l->sink.now_ns(l->sink.arg);
    for (uint32_t i = 0; i < l->window_count; i++) {
        if (window_over(&l->window[i], now_ns)) {
            window_close(l, &l->window[i]);
        }
    }
}
