/* node/config_rows.c -- the rows as a table, their names in each source, and the nearest known
 * name.
 *
 * Thread: any, pure
 */
#include "node/config_rows.h"

#include "base/panic.h"
#include "node/logger.h"

#define ROW(key, field, type, flag, alias, toml, toml_alias, iroh, min, max, initial, help)        \
    { CONFIG_##key,                                                                                \
      CONFIG_TYPE_##type,                                                                          \
      offsetof(struct config, field),                                                              \
      sizeof(((struct config *)NULL)->field),                                                      \
      flag,                                                                                        \
      alias,                                                                                       \
      toml,                                                                                        \
      toml_alias,                                                                                  \
      iroh,                                                                                        \
      min,                                                                                         \
      max,                                                                                         \
      initial,                                                                                     \
      help },

static const struct config_row rows[] = { CONFIG_ROWS(ROW) };

static_assert(sizeof rows / sizeof rows[0] == CONFIG_KEY_COUNT, "one row a key");

const struct config_row *config_row(enum config_key key)
{
    ASSERT((unsigned)key < CONFIG_KEY_COUNT);
    ASSERT(rows[key].key == key);
    return &rows[key];
}

const struct config_choice *config_row_choices(enum config_type type)
{
    static const struct config_choice storage[] = {
        { "durable", CONFIG_STORAGE_DURABLE },
        { "inmemory", CONFIG_STORAGE_INMEMORY },
        { "redb", CONFIG_STORAGE_DURABLE },
        { NULL, 0 },
    };
    static const struct config_choice control[] = {
        { "raft", CONFIG_CONTROL_RAFT },
        { "deterministic", CONFIG_CONTROL_DETERMINISTIC },
        { "dqlite", CONFIG_CONTROL_DQLITE },
        { "raft_actor", CONFIG_CONTROL_RAFT },
        { NULL, 0 },
    };
    static const struct config_choice levels[] = {
        { "error", LOGGER_ERROR }, { "warn", LOGGER_WARN },   { "info", LOGGER_INFO },
        { "debug", LOGGER_DEBUG }, { "trace", LOGGER_TRACE }, { NULL, 0 },
    };
    static const struct config_choice formats[] = {
        { "text", LOGGER_FORMAT_TEXT },
        { "json", LOGGER_FORMAT_JSON },
        { NULL, 0 },
    };
    switch (type) {
    case CONFIG_TYPE_STORAGE:
        return storage;
    case CONFIG_TYPE_CONTROL:
        return control;
    case CONFIG_TYPE_LEVEL:
        return levels;
    case CONFIG_TYPE_FORMAT:
        return formats;
    default:
        return NULL;
    }
}

bool config_row_is_list(const struct config_row *row)
{
    return row->type == CONFIG_TYPE_ADDRS || row->type == CONFIG_TYPE_URLS ||
           row->type == CONFIG_TYPE_PEERS;
}

bool config_row_is_secret(const struct config_row *row)
{
    return row->type == CONFIG_TYPE_COOKIE || row->type == CONFIG_TYPE_HEX32 ||
           row->key == CONFIG_GOSSIP_TICKET;
}

const char *config_row_value_name(const struct config_row *row)
{
    static const char *const names[CONFIG_TYPE_COUNT] = {
        [CONFIG_TYPE_U64] = "N",
        [CONFIG_TYPE_U32] = "N",
        [CONFIG_TYPE_TEXT] = "TEXT",
        [CONFIG_TYPE_PATH] = "PATH",
        [CONFIG_TYPE_URL] = "URL",
        [CONFIG_TYPE_COOKIE] = "TEXT",
        [CONFIG_TYPE_HEX32] = "HEX64",
        [CONFIG_TYPE_BOOL] = "",
        [CONFIG_TYPE_ADDR] = "ADDR:PORT",
        [CONFIG_TYPE_ADDRS] = "ADDR:PORT",
        [CONFIG_TYPE_URLS] = "URL",
        [CONFIG_TYPE_PEERS] = "PEER",
        [CONFIG_TYPE_STORAGE] = "inmemory|durable",
        [CONFIG_TYPE_CONTROL] = "raft|deterministic|dqlite",
        [CONFIG_TYPE_LEVEL] = "error|warn|info|debug|trace",
        [CONFIG_TYPE_FORMAT] = "text|json",
    };
    return names[row->type];
}

bool config_row_env(const struct config_row *row, uint32_t i, char out[CONFIG_NAME_BYTES_MAX])
{
    const char *prefix = "ASPEN_";
    const char *name = row->toml;
    if (i == 1 && row->iroh) {
        prefix = "ASPEN_IROH_";
    } else if (i == 1 && row->toml_alias != NULL) {
        name = row->toml_alias;
    } else if (i > 0) {
        return false;
    }
    struct writer w = writer_of(out, CONFIG_NAME_BYTES_MAX - 1);
    writer_text(&w, "%s%s", prefix, name);
    ASSERT(!w.bad);
    out[w.offset] = '\0';
    for (size_t k = 0; k < w.offset; k++) {
        bool lower = out[k] >= 'a' && out[k] <= 'z';
        out[k] = (char)(lower ? out[k] - 'a' + 'A' : out[k]);
    }
    return true;
}

bool config_row_toml(const struct config_row *row, uint32_t i, char out[CONFIG_NAME_BYTES_MAX])
{
    const char *name = i == 0 ? row->toml : row->toml_alias;
    if (i > 1 || name == NULL) {
        return false;
    }
    struct writer w = writer_of(out, CONFIG_NAME_BYTES_MAX - 1);
    writer_text(&w, "%s%s", row->iroh ? "iroh." : "", name);
    ASSERT(!w.bad);
    out[w.offset] = '\0';
    return true;
}

static uint32_t least(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

uint32_t config_distance(const char *a, const char *b)
{
    /* Three rows of the table of Damerau and Levenshtein (adjacent letters swapped count once). */
    uint32_t row[3][CONFIG_NAME_BYTES_MAX + 1];
    size_t na = strnlen(a, CONFIG_NAME_BYTES_MAX);
    size_t nb = strnlen(b, CONFIG_NAME_BYTES_MAX);
    for (size_t j = 0; j <= nb; j++) {
        row[0][j] = (uint32_t)j;
    }
    for (size_t i = 1; i <= na; i++) {
        uint32_t *now = row[i % 3];
        const uint32_t *last = row[(i + 2) % 3];
        const uint32_t *before = row[(i + 1) % 3];
        now[0] = (uint32_t)i;
        for (size_t j = 1; j <= nb; j++) {
            uint32_t cost = a[i - 1] == b[j - 1] ? 0 : 1;
            uint32_t best = least(least(last[j] + 1, now[j - 1] + 1), last[j - 1] + cost);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
                best = least(best, before[j - 2] + 1);
            }
            now[j] = best;
        }
    }
    return row[na % 3][nb];
}

uint32_t config_name_count(void)
{
    return CONFIG_KEY_COUNT;
}

const char *config_name(uint32_t i)
{
    return i < CONFIG_KEY_COUNT ? rows[i].flag : NULL;
}
