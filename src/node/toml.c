/* node/toml.c -- statements of TOML: keys, headers, values, and which table may be opened again.
 *
 * Shape:      toml_parse copies the text and walks it line by line; values nest by bounded
 *             recursion (every level is a node, and nodes know their depth)
 * Invariants: a table is opened by one header at most; what a dotted key made may be extended only
 *             in the same section; inline values are closed for ever
 * Thread:     any, pure
 */
#include "node/toml_parser.h"

#include "base/panic.h"
#include "node/utf8.h"

#include <stdalign.h>

static enum err value_read(struct toml_parser *p, struct toml *v);

enum err toml_fail(struct toml_parser *p, const char *why)
{
    p->error->line = p->line;
    p->error->column = (uint32_t)(p->at - p->line_begin + 1);
    size_t n = strnlen(why, TOML_ERROR_BYTES_MAX - 1);
    memcpy(p->error->text, why, n);
    p->error->text[n] = '\0';
    return ERR_MALFORMED;
}

void toml_skip_blank(struct toml_parser *p)
{
    while (toml_peek(p) == ' ' || toml_peek(p) == '\t') {
        p->at++;
    }
}

/* From a # to the newline, that excluded; nothing without #. */
static enum err skip_comment(struct toml_parser *p)
{
    if (toml_peek(p) != '#') {
        return ERR_OK;
    }
    while (p->at < p->count && toml_peek(p) != '\n') {
        uint8_t c = toml_peek(p);
        if ((c < 0x20 && c != '\t') || c == 0x7F) {
            return toml_fail(p, "a control character in a comment");
        }
        p->at++;
    }
    return ERR_OK;
}

/* Blanks, newlines and comments. */
static enum err skip_lines(struct toml_parser *p)
{
    for (;;) {
        size_t before = p->at;
        toml_skip_blank(p);
        TRY(skip_comment(p));
        if (p->at < p->count && toml_peek(p) == '\n') {
            toml_newline(p);
        }
        if (p->at == before) {
            return ERR_OK;
        }
    }
}

static bool is_bare(uint8_t c)
{
    uint8_t low = c | 0x20;
    return (c >= '0' && c <= '9') || (low >= 'a' && low <= 'z') || c == '_' || c == '-';
}

static enum err key_part(struct toml_parser *p, struct bytes *out)
{
    uint8_t c = toml_peek(p);
    if (c == '"' || c == '\'') {
        return toml_string_read(p, false, out);
    }
    size_t begin = p->at;
    while (is_bare(toml_peek(p))) {
        p->at++;
    }
    if (p->at == begin) {
        return toml_fail(p, "a key is expected here");
    }
    *out = bytes_of(p->text + begin, p->at - begin);
    return ERR_OK;
}

/* A dotted key and the blanks behind it. */
static enum err key_read(struct toml_parser *p, struct toml_key *out)
{
    out->line = p->line;
    out->column = (uint32_t)(p->at - p->line_begin + 1);
    out->count = 0;
    for (;;) {
        if (out->count == TOML_DEPTH_MAX) {
            return toml_fail(p, "a key has too many parts");
        }
        TRY(key_part(p, &out->part[out->count]));
        out->count++;
        toml_skip_blank(p);
        if (toml_peek(p) != '.') {
            return ERR_OK;
        }
        p->at++;
        toml_skip_blank(p);
    }
}

/* Which table a part of a header before the last one leads to; made when it is not there. */
static enum err header_step(struct toml_parser *p, const struct toml_key *key, uint32_t i,
                            struct toml **cont)
{
    struct toml *child = toml_node_find(p, *cont, key->part[i]);
    if (child == NULL) {
        return toml_node_add(p, *cont, key->part[i], key, cont);
    }
    if ((child->flags & TOML_FLAG_FROZEN) != 0) {
        return toml_fail(p, "an inline value cannot be extended");
    }
    if (child->type == TOML_ARRAY) {
        ASSERT(child->last != NULL);
        child = child->last;
    }
    if (child->type != TOML_TABLE) {
        return toml_fail(p, "a part of this name is a value already, not a table");
    }
    *cont = child;
    return ERR_OK;
}

/* [a.b] */
static enum err header_table(struct toml_parser *p, const struct toml_key *key, struct toml *cont)
{
    struct bytes last = key->part[key->count - 1];
    struct toml *child = toml_node_find(p, cont, last);
    if (child == NULL) {
        TRY(toml_node_add(p, cont, last, key, &child));
    } else if (child->type != TOML_TABLE || child->flags != 0 || child->section != 0) {
        return toml_fail(p, "this table is there already");
    }
    child->flags |= TOML_FLAG_EXPLICIT;
    p->table = child;
    return ERR_OK;
}

/* [[a.b]] */
static enum err header_array(struct toml_parser *p, const struct toml_key *key, struct toml *cont)
{
    struct bytes last = key->part[key->count - 1];
    struct toml *child = toml_node_find(p, cont, last);
    if (child == NULL) {
        TRY(toml_node_add(p, cont, last, key, &child));
        child->type = TOML_ARRAY;
        child->flags = TOML_FLAG_EXPLICIT;
    } else if (child->type != TOML_ARRAY || (child->flags & TOML_FLAG_FROZEN) != 0) {
        return toml_fail(p, "this name is there already and is not a list of tables");
    }
    return toml_node_add(p, child, bytes_of(NULL, 0), key, &p->table);
}

static enum err header_read(struct toml_parser *p)
{
    p->section++;
    bool array = toml_begins(p, "[[");
    p->at += array ? 2 : 1;
    toml_skip_blank(p);
    struct toml_key key;
    TRY(key_read(p, &key));
    struct toml *cont = p->root;
    for (uint32_t i = 0; i + 1 < key.count; i++) {
        TRY(header_step(p, &key, i, &cont));
    }
    TRY(array ? header_array(p, &key, cont) : header_table(p, &key, cont));
    if (!toml_begins(p, array ? "]]" : "]")) {
        return toml_fail(p, array ? "a header is not closed by ]]" : "a header is not closed by ]");
    }
    p->at += array ? 2 : 1;
    return ERR_OK;
}

/* Follow the dotted parts before the last; section 0 inside an inline table. What dotted keys of an
 * earlier section made lies below a table that a header opened, so its flag stops the way there. */
static enum err dotted_step(struct toml_parser *p, const struct toml_key *key, uint32_t i,
                            uint32_t section, struct toml **cont)
{
    struct toml *child = toml_node_find(p, *cont, key->part[i]);
    if (child == NULL) {
        TRY(toml_node_add(p, *cont, key->part[i], key, &child));
    } else if (child->type != TOML_TABLE) {
        return toml_fail(p, "a part of this key is a value already, not a table");
    } else if (child->flags != 0) {
        return toml_fail(p, "a table made elsewhere cannot be extended by a dotted key");
    }
    child->section = section;
    *cont = child;
    return ERR_OK;
}

static enum err pair_read(struct toml_parser *p, struct toml *table, uint32_t section)
{
    struct toml_key key;
    TRY(key_read(p, &key));
    if (toml_peek(p) != '=') {
        return toml_fail(p, "= is expected after a key");
    }
    p->at++;
    toml_skip_blank(p);
    struct toml *cont = table;
    for (uint32_t i = 0; i + 1 < key.count; i++) {
        TRY(dotted_step(p, &key, i, section, &cont));
    }
    struct bytes last = key.part[key.count - 1];
    if (toml_node_find(p, cont, last) != NULL) {
        return toml_fail(p, "this key is there already");
    }
    struct toml *value = NULL;
    TRY(toml_node_add(p, cont, last, &key, &value));
    return value_read(p, value);
}

static enum err array_read(struct toml_parser *p, struct toml *v)
{
    p->at++;
    TRY(skip_lines(p));
    while (toml_peek(p) != ']') {
        struct toml *item = NULL;
        TRY(toml_node_add(p, v, bytes_of(NULL, 0), NULL, &item));
        TRY(value_read(p, item));
        TRY(skip_lines(p));
        if (toml_peek(p) == ',') {
            p->at++;
            TRY(skip_lines(p));
        } else if (toml_peek(p) != ']') {
            return toml_fail(p, "a list is not closed by ]");
        }
    }
    p->at++;
    return ERR_OK;
}

static enum err inline_read(struct toml_parser *p, struct toml *v)
{
    p->at++;
    toml_skip_blank(p);
    if (toml_peek(p) == '}') {
        p->at++;
        return ERR_OK;
    }
    for (;;) {
        TRY(pair_read(p, v, 0));
        toml_skip_blank(p);
        uint8_t c = toml_peek(p);
        if (c != '}' && c != ',') {
            return toml_fail(p, "an inline table is not closed by } on its line");
        }
        p->at++;
        if (c == '}') {
            return ERR_OK;
        }
        toml_skip_blank(p);
    }
}

static enum err value_read(struct toml_parser *p, struct toml *v)
{
    ASSERT(v->depth <= TOML_DEPTH_MAX);
    switch (toml_peek(p)) {
    case '"':
    case '\'': {
        struct bytes text;
        TRY(toml_string_read(p, true, &text));
        v->type = TOML_STRING;
        v->text = text;
        return ERR_OK;
    }
    case '[':
        v->type = TOML_ARRAY;
        TRY(array_read(p, v));
        v->flags = TOML_FLAG_FROZEN;
        return ERR_OK;
    case '{':
        v->type = TOML_TABLE;
        TRY(inline_read(p, v));
        v->flags = TOML_FLAG_FROZEN;
        return ERR_OK;
    default:
        return toml_scalar_read(p, v);
    }
}

static enum err statement_read(struct toml_parser *p)
{
    toml_skip_blank(p);
    uint8_t c = toml_peek(p);
    if (c == '[') {
        TRY(header_read(p));
    } else if (is_bare(c) || c == '"' || c == '\'') {
        TRY(pair_read(p, p->table, p->section));
    }
    toml_skip_blank(p);
    TRY(skip_comment(p));
    if (p->at == p->count) {
        return ERR_OK;
    }
    if (toml_peek(p) != '\n') {
        return toml_fail(p, "this does not belong here; a line holds one key = value or [table]");
    }
    toml_newline(p);
    return ERR_OK;
}

/* Private copy with CRLF made LF; the whole of it must be UTF-8. */
static enum err text_copy(struct toml_parser *p, struct bytes text)
{
    size_t i = 0;
    while (i < text.count) {
        uint32_t code = 0;
        size_t n = utf8_next(text.data + i, text.count - i, &code);
        p->at = p->count;
        if (n == 0) {
            return toml_fail(p, "the text is not UTF-8");
        }
        bool crlf = code == '\r' && i + 1 < text.count && text.data[i + 1] == '\n';
        if (!crlf) {
            memcpy(p->text + p->count, text.data + i, n);
            p->count += n;
        }
        if (code == '\n') {
            p->line++;
            p->line_begin = p->count;
        }
        i += n;
    }
    p->text[p->count] = '\0';
    p->at = 0;
    p->line = 1;
    p->line_begin = 0;
    return ERR_OK;
}

enum err toml_parse(struct bytes text, void *memory, size_t count, struct toml **out_root,
                    struct toml_error *error)
{
    ASSERT((uintptr_t)memory % alignof(struct toml) == 0);
    struct toml_parser p;
    memset(&p, 0, sizeof p);
    p.error = error;
    p.line = 1;
    p.section = 1;
    if (text.count > TOML_TEXT_BYTES_MAX) {
        return toml_fail(&p, "the text is too long");
    }
    /* The NUL, and room to look a few bytes ahead of the cursor at the end of the text. */
    size_t copy = (text.count + 32) / alignof(struct toml) * alignof(struct toml);
    if (count < copy) {
        IGNORE(toml_fail(&p, "no memory for the text")); /* only the text is wanted */
        return ERR_NO_MEMORY;
    }
    p.memory = (uint8_t *)memory;
    p.memory_count = count;
    p.memory_used = copy;
    p.text = p.memory;
    TRY(text_copy(&p, text));
    memset(p.text + p.count, 0, copy - p.count);
    TRY(toml_node_add(&p, NULL, bytes_of(NULL, 0), NULL, &p.root));
    p.table = p.root;
    while (p.at < p.count) {
        TRY(statement_read(&p));
    }
    *out_root = p.root;
    return ERR_OK;
}
