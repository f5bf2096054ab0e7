/* node/toml_tree.c -- nodes of the TOML tree and the index that finds a key in any table.
 *
 * Shape:      nodes come from a bump allocator; the index is one binary search tree ordered by a
 *             hash of (parent, key), so that a table with many keys costs no search through them
 * Thread:     any, pure
 */
#include "node/toml_parser.h"

#include "base/hash64.h"
#include "base/panic.h"

/* Parents differ by their place in the block. */
static uint64_t key_hash(const struct toml_parser *p, const struct toml *parent, struct bytes key)
{
    return hash64((uint64_t)((const uint8_t *)parent - p->memory), key);
}

struct toml *toml_node_find(const struct toml_parser *p, const struct toml *parent,
                            struct bytes key)
{
    uint64_t hash = key_hash(p, parent, key);
    struct toml *n = p->index;
    while (n != NULL) {
        if (n->hash == hash && n->parent == parent && bytes_equal(n->key, key)) {
            return n;
        }
        n = hash < n->hash ? n->lower : n->higher;
    }
    return NULL;
}

static void index_add(struct toml_parser *p, struct toml *node)
{
    node->hash = key_hash(p, node->parent, node->key);
    struct toml **at = &p->index;
    while (*at != NULL) {
        at = node->hash < (*at)->hash ? &(*at)->lower : &(*at)->higher;
    }
    *at = node;
}

enum err toml_node_add(struct toml_parser *p, struct toml *parent, struct bytes key,
                       const struct toml_key *place, struct toml **out)
{
    ASSERT(parent == NULL || parent->type == TOML_TABLE || parent->type == TOML_ARRAY);
    if (parent != NULL && parent->depth == TOML_DEPTH_MAX) {
        return toml_fail(p, "nested too deeply");
    }
    if (p->memory_count - p->memory_used < sizeof(struct toml)) {
        IGNORE(toml_fail(p, "the document has too many values")); /* only the text is wanted */
        return ERR_NO_MEMORY;
    }
    struct toml *n = (struct toml *)(void *)(p->memory + p->memory_used);
    p->memory_used += sizeof(struct toml);
    memset(n, 0, sizeof *n);
    n->key = key;
    n->parent = parent;
    n->line = place != NULL ? place->line : p->line;
    n->column = place != NULL ? place->column : (uint32_t)(p->at - p->line_begin + 1);
    *out = n;
    if (parent == NULL) {
        return ERR_OK;
    }
    n->depth = (uint8_t)(parent->depth + 1);
    if (parent->last == NULL) {
        parent->first = n;
    } else {
        parent->last->next = n;
    }
    parent->last = n;
    parent->count++;
    if (parent->type == TOML_TABLE) {
        index_add(p, n);
    }
    return ERR_OK;
}

const struct toml *toml_find(const struct toml *table, const char *key)
{
    ASSERT(table->type == TOML_TABLE);
    for (const struct toml *n = table->first; n != NULL; n = n->next) {
        if (bytes_equal(n->key, bytes_text(key))) {
            return n;
        }
    }
    return NULL;
}

const char *toml_type_name(enum toml_type type)
{
    switch (type) {
    case TOML_TABLE:
        return "a table";
    case TOML_ARRAY:
        return "a list";
    case TOML_STRING:
        return "a string";
    case TOML_INTEGER:
        return "an integer";
    case TOML_FLOAT:
        return "a float";
    case TOML_BOOLEAN:
        return "a boolean";
    case TOML_DATETIME:
    case TOML_LOCAL_DATETIME:
    case TOML_LOCAL_DATE:
        return "a date";
    case TOML_LOCAL_TIME:
        return "a time";
    }
    PANIC("unknown type of value");
}
