/* node/toml_parser.h -- what the files of the TOML parser share; nothing else includes it.
 *
 * Shape:      a cursor over a private copy of the text (CRLF already LF, a NUL behind its end);
 *             strings are unescaped in place, behind the cursor
 * Invariants: at <= count; text[count] is NUL; a failure is sticky and ends the parse
 * Thread:     any, pure
 */
#ifndef NODE_TOML_PARSER_H
#define NODE_TOML_PARSER_H

#include "node/toml.h"

enum {
    TOML_FLAG_EXPLICIT = 1, /* opened by a header */
    TOML_FLAG_FROZEN = 2    /* an inline value: closed for ever */
};

struct toml_parser {
    uint8_t *text;
    size_t count;
    size_t at;
    uint32_t line;
    size_t line_begin;
    uint8_t *memory;
    size_t memory_count;
    size_t memory_used;
    struct toml *root;
    struct toml *index; /* search tree over (parent, key) */
    struct toml *table; /* that of the last header */
    uint32_t section;   /* counts headers, from 1 */
    struct toml_error *error;
};

/* One key with its dotted parts, and where it began. */
struct toml_key {
    uint32_t line, column;
    uint32_t count;
    struct bytes part[TOML_DEPTH_MAX];
};

/* toml_fail -- note the place of the cursor and why. err always ERR_MALFORMED. */
enum err toml_fail(struct toml_parser *p, const char *why);

/* The byte under the cursor; 0 at the end (a NUL in the text is refused wherever it stands). */
static inline uint8_t toml_peek(const struct toml_parser *p)
{
    return p->text[p->at];
}

/* toml_newline -- step over the newline under the cursor. */
static inline void toml_newline(struct toml_parser *p)
{
    p->at++;
    p->line++;
    p->line_begin = p->at;
}

/* toml_begins -- word stands under the cursor. */
static inline bool toml_begins(const struct toml_parser *p, const char *word)
{
    size_t n = strlen(word);
    return p->count - p->at >= n && memcmp(p->text + p->at, word, n) == 0;
}

/* toml_skip_blank -- spaces and tabs. */
void toml_skip_blank(struct toml_parser *p);

/* toml_string_read -- any of the four forms; multi selects whether the long ones are allowed. */
MUST_CHECK
enum err toml_string_read(struct toml_parser *p, bool multi, struct bytes *out);

/* toml_scalar_read -- number, date, time or boolean into v. */
MUST_CHECK
enum err toml_scalar_read(struct toml_parser *p, struct toml *v);

/* toml_time_read -- true when a date or time stood there and v is it; false with the cursor
 * unmoved.
 * out_wrong: the digits have the form but name no day. */
bool toml_time_read(struct toml_parser *p, struct toml *v, bool *out_wrong);

/* toml_node_add -- new last child of parent, type to be set. err ERR_MALFORMED (too deep),
 * ERR_NO_MEMORY. */
MUST_CHECK
enum err toml_node_add(struct toml_parser *p, struct toml *parent, struct bytes key,
                       const struct toml_key *place, struct toml **out);

/* toml_node_find -- child by key through the index, or NULL. */
struct toml *toml_node_find(const struct toml_parser *p, const struct toml *parent,
                            struct bytes key);

#endif
