/* node/config_toml.c -- the file of --config: keys at the top, network keys in [iroh].
 *
 * Thread: any
 */
#include "node/config_rows.h"

#include "node/toml.h"

#include <inttypes.h>

enum {
    ARENA_BYTES = 3 * 1024 * 1024
};

static void where_of(const struct config_loader *l, const struct toml *v, const char *name,
                     char out[CONFIG_WHERE_BYTES_MAX])
{
    struct writer w = writer_of(out, CONFIG_WHERE_BYTES_MAX - 1);
    writer_text(&w, "%.80s:%" PRIu32 ": %s", l->toml_path, v->line, name);
    out[w.offset] = '\0';
}

static void name_of(const struct toml *v, bool iroh, char out[CONFIG_NAME_BYTES_MAX])
{
    struct writer w = writer_of(out, CONFIG_NAME_BYTES_MAX - 1);
    int n =
        (int)(v->key.count < CONFIG_NAME_BYTES_MAX / 2 ? v->key.count : CONFIG_NAME_BYTES_MAX / 2);
    writer_text(&w, "%s%.*s", iroh ? "iroh." : "", n, (const char *)v->key.data);
    out[w.offset] = '\0';
}

static bool has_leaf(const char *known, const char *name)
{
    const char *leaf = strchr(known, '.');
    return leaf != NULL && strcmp(leaf + 1, name) == 0;
}

/* Row of that full name, or NULL and the nearest name (a key of [iroh] at the top counts as
 * near). */
static const struct config_row *row_of_toml(const char *name, char nearest[CONFIG_NAME_BYTES_MAX])
{
    uint32_t best = UINT32_MAX;
    for (unsigned k = 0; k < CONFIG_KEY_COUNT; k++) {
        const struct config_row *row = config_row((enum config_key)k);
        char known[CONFIG_NAME_BYTES_MAX];
        for (uint32_t i = 0; config_row_toml(row, i, known); i++) {
            if (strcmp(name, known) == 0) {
                return row;
            }
            uint32_t distance =
                has_leaf(known, name) || has_leaf(name, known) ? 0 : config_distance(name, known);
            if (distance < best) {
                best = distance;
                memcpy(nearest, known, CONFIG_NAME_BYTES_MAX);
            }
        }
    }
    return NULL;
}

static enum toml_type type_of(const struct config_row *row)
{
    switch (row->type) {
    case CONFIG_TYPE_U64:
    case CONFIG_TYPE_U32:
        return TOML_INTEGER;
    case CONFIG_TYPE_BOOL:
        return TOML_BOOLEAN;
    default:
        return TOML_STRING;
    }
}

/* One scalar, of the type its key wants, as it would be typed elsewhere. */
static void scalar_use(struct config_loader *l, const struct config_row *row, const struct toml *v,
                       const char *where)
{
    char number[32];
    struct writer w = writer_of(number, sizeof number);
    if (v->type != type_of(row)) {
        l->config->refused[row->key] = true;
        l->config->layer[row->key] = CONFIG_LAYER_TOML;
        config_issue_add(l->report, true, "%s: is %s; it must be %s%s", where,
                         toml_type_name(v->type), toml_type_name(type_of(row)),
                         config_row_is_list(row) ? " or a list of strings" : "");
    } else if (v->type == TOML_STRING) {
        config_set(l, row, CONFIG_LAYER_TOML, v->text, where);
    } else {
        if (v->type == TOML_INTEGER) {
            writer_text(&w, "%" PRId64, v->integer);
        } else {
            writer_text(&w, "%s", v->boolean ? "true" : "false");
        }
        config_set(l, row, CONFIG_LAYER_TOML, writer_bytes(&w), where);
    }
}

/* An empty list is a value too: it takes away what a lower layer gave. */
static void list_clear(struct config_loader *l, const struct config_row *row)
{
    if (row->type == CONFIG_TYPE_ADDRS) {
        l->config->refused[row->key] = true;
        l->config->layer[row->key] = CONFIG_LAYER_TOML;
        config_issue_add(l->report, true,
                         "%s: bind is an empty list; give an address or leave it out",
                         l->toml_path);
        return;
    }
    memset((uint8_t *)l->config + row->offset, 0, row->size);
    l->config->layer[row->key] = CONFIG_LAYER_TOML;
    l->given[row->key] = true;
}

static void key_use(struct config_loader *l, const struct toml *v, bool iroh)
{
    char name[CONFIG_NAME_BYTES_MAX];
    char where[CONFIG_WHERE_BYTES_MAX];
    char nearest[CONFIG_NAME_BYTES_MAX] = { 0 };
    name_of(v, iroh, name);
    where_of(l, v, name, where);
    const struct config_row *row = row_of_toml(name, nearest);
    if (row == NULL) {
        config_issue_add(l->report, true, "%s: no such key; did you mean %s?", where, nearest);
        return;
    }
    if (!config_row_is_list(row) || v->type != TOML_ARRAY) {
        scalar_use(l, row, v, where);
        return;
    }
    if (v->count == 0) {
        list_clear(l, row);
    }
    for (const struct toml *item = v->first; item != NULL; item = item->next) {
        where_of(l, item, name, where);
        scalar_use(l, row, item, where);
    }
}

static void document_use(struct config_loader *l, const struct toml *root)
{
    for (const struct toml *v = root->first; v != NULL; v = v->next) {
        bool iroh = bytes_equal(v->key, bytes_text("iroh"));
        if (!iroh) {
            key_use(l, v, false);
        } else if (v->type != TOML_TABLE) {
            config_issue_add(l->report, true,
                             "%s:%" PRIu32 ": iroh is %s; it must be a table, [iroh]", l->toml_path,
                             v->line, toml_type_name(v->type));
        } else {
            for (const struct toml *c = v->first; c != NULL; c = c->next) {
                key_use(l, c, true);
            }
        }
    }
}

static void text_use(struct config_loader *l, struct bytes text, void *arena)
{
    struct toml *root = NULL;
    struct toml_error error;
    if (toml_parse(text, arena, ARENA_BYTES, &root, &error) != ERR_OK) {
        config_issue_add(l->report, true, "%s:%" PRIu32 ":%" PRIu32 ": %s", l->toml_path,
                         error.line, error.column, error.text);
        return;
    }
    document_use(l, root);
}

enum err config_toml_read(struct config_loader *l, struct mem *mem)
{
    const struct config_source *src = l->source;
    memset(l->given, 0, sizeof l->given);
    if (l->toml_path == NULL) {
        return ERR_OK;
    }
    char *text = mem_alloc(mem, CONFIG_FILE_BYTES_MAX);
    void *arena = mem_alloc(mem, ARENA_BYTES);
    enum err code = text == NULL || arena == NULL ? ERR_NO_MEMORY : ERR_OK;
    if (code == ERR_OK) {
        size_t count = 0;
        enum err read = ERR_NO_FILE;
        if (src->file_read != NULL) {
            read = src->file_read(src->arg, l->toml_path, text, CONFIG_FILE_BYTES_MAX, &count);
        }
        if (read != ERR_OK) {
            config_issue_add(l->report, true, "--config %s: %s; give a file that can be read",
                             l->toml_path, err_text(read));
        } else {
            text_use(l, bytes_of(text, count), arena);
        }
    }
    mem_free(mem, arena);
    mem_free(mem, text);
    return code;
}
