/* node/toml.h -- TOML 1.0 in full: text in, a tree in the caller's memory out.
 *
 * Shape:      struct toml is one value with its key; tables and arrays hold their children in order
 * Invariants: the tree is what Python's tomllib makes of the same text, with these bounds: integers
 *             of 64 bits (the format's own), nesting TOML_DEPTH_MAX, text TOML_TEXT_BYTES_MAX,
 *             years 1 to 9999; fractions of a second keep nine digits
 * Owns:       everything lives in the given block; keys and texts are valid as long as it is
 * Thread:     any, pure, no allocation
 */
#ifndef NODE_TOML_H
#define NODE_TOML_H

#include "base/bytes.h"

enum {
    TOML_DEPTH_MAX = 48, /* arrays, inline tables and parts of keys in each other */
    TOML_TEXT_BYTES_MAX = 256 * 1024,
    TOML_ERROR_BYTES_MAX = 160,
    TOML_MEMORY_FACTOR = 64,
    TOML_MEMORY_BASE = 4096
};

enum toml_type {
    TOML_TABLE,
    TOML_ARRAY,
    TOML_STRING,
    TOML_INTEGER,
    TOML_FLOAT,
    TOML_BOOLEAN,
    TOML_DATETIME,       /* with offset */
    TOML_LOCAL_DATETIME, /* without */
    TOML_LOCAL_DATE,
    TOML_LOCAL_TIME,
};

struct toml_time {
    uint16_t year; /* 1..9999 */
    uint8_t month, day, hour, minute, second;
    uint32_t nanosecond;
    int16_t offset_minutes; /* east of UTC */
};

struct toml {
    enum toml_type type;
    uint8_t flags;         /* the parser's */
    uint8_t depth;         /* 0: the root */
    uint32_t section;      /* the parser's */
    uint32_t line, column; /* where it was written, from 1 */
    struct bytes key;      /* empty in arrays */
    struct toml *next;     /* in the order of the text */
    struct toml *parent;
    uint64_t hash; /* place in the parser's index of keys */
    struct toml *lower, *higher;
    union {
        struct {
            struct toml *first, *last;
            uint32_t count;
        };
        struct bytes text;
        int64_t integer;
        double number;
        bool boolean;
        struct toml_time time;
    };
};

struct toml_error {
    uint32_t line, column; /* from 1; columns count bytes */
    char text[TOML_ERROR_BYTES_MAX];
};

/* toml_parse -- the whole document as its root table.
 *   in   memory  count bytes, aligned for a pointer; the tree lives there. A document needs at most
 *                TOML_MEMORY_FACTOR bytes of it a byte of its own, and TOML_MEMORY_BASE
 *   err  ERR_MALFORMED  error says where and why;  ERR_NO_MEMORY  memory is too small */
MUST_CHECK
enum err toml_parse(struct bytes text, void *memory, size_t count, struct toml **out_root,
                    struct toml_error *error);

/* toml_find -- child of a table by its key, or NULL. */
const struct toml *toml_find(const struct toml *table, const char *key);

/* toml_type_name -- "a string", "an integer", ... for messages. */
const char *toml_type_name(enum toml_type type);

#endif
