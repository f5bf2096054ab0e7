/* node/logger.h -- structured log lines: level, event, key=value fields; text or JSON.
 *
 * Shape:      logger_log(logger, LOGGER_WARN, "peer refused", logger_hex("peer", key, 32), ...)
 * Invariants: a line is one write of at most LOGGER_LINE_BYTES_MAX bytes, ends in a newline and
 *             holds no control byte before it; what does not fit is cut and marked `cut=true`
 * Order:      warnings and errors of one event pass at most LOGGER_BURST times a second; the next
 *             line of that event, or logger_flush, carries how many were suppressed
 * Owns:       nothing; fields are borrowed for the call
 * Thread:     the loop's, no locks
 */
#ifndef NODE_LOGGER_H
#define NODE_LOGGER_H

#include "base/bytes.h"
#include "os/io.h"

enum {
    LOGGER_LINE_BYTES_MAX = 2048,
    LOGGER_FIELDS_MAX = 16,
    LOGGER_BURST = 10,   /* lines of one event a second */
    LOGGER_WINDOWS = 64, /* events watched at a time */
    LOGGER_EVENT_BYTES_MAX = 64
};

enum logger_level {
    LOGGER_ERROR,
    LOGGER_WARN,
    LOGGER_INFO,
    LOGGER_DEBUG,
    LOGGER_TRACE,
    LOGGER_LEVEL_COUNT,
};

enum logger_format {
    LOGGER_FORMAT_TEXT,
    LOGGER_FORMAT_JSON
};

enum logger_kind {
    LOGGER_KIND_U64,
    LOGGER_KIND_I64,
    LOGGER_KIND_BOOL,
    LOGGER_KIND_TEXT,
    LOGGER_KIND_HEX
};

struct logger_field {
    const char *name; /* lower case, words joined by _ */
    enum logger_kind kind;
    uint64_t number; /* signed ones by their bits */
    struct bytes text;
};

/* Where lines go and what time it is. */
struct logger_sink {
    void (*write)(void *arg, struct bytes line);
    uint64_t (*wall_ns)(void *arg); /* since 1970 */
    uint64_t (*now_ns)(void *arg);  /* monotonic */
    void *arg;
};

/* How often one event was logged in its running second. */
struct logger_window {
    char event[LOGGER_EVENT_BYTES_MAX];
    enum logger_level level;
    uint64_t begin_ns;
    uint32_t passed;
    uint64_t suppressed;
};

struct logger {
    enum logger_level level;
    enum logger_format format;
    uint64_t node_id; /* 0: not in the lines */
    struct logger_sink sink;
    uint32_t window_count;
    struct logger_window window[LOGGER_WINDOWS];
    uint64_t suppressed_total;
};

/* logger_init -- lines up to level go to sink; node_id 0 leaves the number out. */
void logger_init(struct logger *l, enum logger_level level, enum logger_format format,
                 uint64_t node_id, const struct logger_sink *sink);

/* logger_sink_os -- lines to stderr of the process, times from os. */
struct logger_sink logger_sink_os(struct os *os);

/* logger_emit -- one line; use logger_log. */
void logger_emit(struct logger *l, enum logger_level level, const char *event,
                 const struct logger_field *fields, size_t count);

/* logger_flush -- tell what was suppressed in seconds that are over; call it now and then. */
void logger_flush(struct logger *l);

/* logger_level_parse, logger_format_parse -- err ERR_MALFORMED: out untouched. */
MUST_CHECK
enum err logger_level_parse(struct bytes text, enum logger_level *out);
MUST_CHECK
enum err logger_format_parse(struct bytes text, enum logger_format *out);

/* logger_u64 -- a field of a line; name is static text, as in all below. */
static inline struct logger_field logger_u64(const char *name, uint64_t v)
{
    struct logger_field f = { name, LOGGER_KIND_U64, v, { NULL, 0 } };
    return f;
}

/* logger_i64 -- likewise, signed. */
static inline struct logger_field logger_i64(const char *name, int64_t v)
{
    struct logger_field f = { name, LOGGER_KIND_I64, (uint64_t)v, { NULL, 0 } };
    return f;
}

/* logger_bool -- true or false. */
static inline struct logger_field logger_bool(const char *name, bool v)
{
    struct logger_field f = { name, LOGGER_KIND_BOOL, v ? 1 : 0, { NULL, 0 } };
    return f;
}

/* logger_text -- NULL is written as an empty text. */
static inline struct logger_field logger_text(const char *name, const char *v)
{
    struct logger_field f = { name, LOGGER_KIND_TEXT, 0, bytes_text(v == NULL ? "" : v) };
    return f;
}

/* logger_hex -- count bytes in lower-case hex. */
static inline struct logger_field logger_hex(const char *name, const void *data, size_t count)
{
    struct logger_field f = { name, LOGGER_KIND_HEX, 0, bytes_of(data, count) };
    return f;
}

/* logger_err -- the field "error", by its name. */
static inline struct logger_field logger_err(enum err e)
{
    return logger_text("error", err_name(e));
}

/* logger_on -- a line of this level would be written. */
static inline bool logger_on(const struct logger *l, enum logger_level level)
{
    return level <= l->level;
}

#define LOGGER_BARE(l, level, event) logger_emit((l), (level), (event), NULL, 0)
#define LOGGER_FULL(l, level, event, ...)                                                          \
    logger_emit((l), (level), (event), (const struct logger_field[]){ __VA_ARGS__ },               \
                sizeof((const struct logger_field[]){ __VA_ARGS__ }) /                             \
                    sizeof(struct logger_field))
#define LOGGER_PICK(e, a, b, c, d, f, g, h, i, j, k, l, m, n, o, p, q, name, ...) name

/* logger_log -- logger_log(l, level, "event", fields...); fields are made only when the level is
 * on. */
#define logger_log(l, level, ...)                                                                  \
    do {                                                                                           \
        if (logger_on((l), (level))) {                                                             \
            LOGGER_PICK(__VA_ARGS__, LOGGER_FULL, LOGGER_FULL, LOGGER_FULL, LOGGER_FULL,           \
                        LOGGER_FULL, LOGGER_FULL, LOGGER_FULL, LOGGER_FULL, LOGGER_FULL,           \
                        LOGGER_FULL, LOGGER_FULL, LOGGER_FULL, LOGGER_FULL, LOGGER_FULL,           \
                        LOGGER_FULL, LOGGER_FULL, LOGGER_BARE, 0)                                  \
            ((l), (level), __VA_ARGS__);                                                           \
        }                                                                                          \
    } while (0)

#endif
