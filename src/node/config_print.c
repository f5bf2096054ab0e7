/* node/config_print.c -- --help, --check-config and the messages, all made from the rows.
 *
 * Shape:  --check-config prints valid TOML, so that its output can become a file
 * Thread: any, pure
 */
#include "node/config_rows.h"

#include "base/panic.h"

#include <inttypes.h>

static const char *layer_name(enum config_layer layer)
{
    static const char *const names[] = { "default", "environment", "file", "command line" };
    ASSERT((unsigned)layer < sizeof names / sizeof names[0]);
    return names[layer];
}

/* A basic string of TOML; texts hold no control characters, but may hold quotes. */
static void put_text(struct writer *out, const char *text)
{
    writer_u8(out, '"');
    for (size_t i = 0; text[i] != '\0'; i++) {
        if (text[i] == '"' || text[i] == '\\') {
            writer_u8(out, '\\');
        }
        writer_u8(out, (uint8_t)text[i]);
    }
    writer_u8(out, '"');
}

static void put_addr(struct writer *out, const struct os_addr *a)
{
    char text[OS_ADDR_TEXT_MAX];
    os_addr_format(a, text);
    put_text(out, text);
}

static void put_list(const struct config_row *row, const void *field, struct writer *out)
{
    const struct config_addrs *addrs = field;
    const struct config_urls *urls = field;
    const struct peers *peers = field;
    writer_text(out, "[");
    if (row->type == CONFIG_TYPE_ADDRS) {
        for (uint32_t i = 0; i < addrs->count; i++) {
            writer_text(out, "%s", i > 0 ? ", " : "");
            put_addr(out, &addrs->addr[i]);
        }
    } else if (row->type == CONFIG_TYPE_URLS) {
        for (uint32_t i = 0; i < urls->count; i++) {
            writer_text(out, "%s", i > 0 ? ", " : "");
            put_text(out, urls->url[i]);
        }
    } else {
        for (uint32_t i = 0; i < peers->count; i++) {
            writer_text(out, "%s'", i > 0 ? ", " : "");
            peers_format(&peers->entry[i], out);
            writer_text(out, "'");
        }
    }
    writer_text(out, "]");
}

static const char *choice_name(const struct config_row *row, uint32_t value)
{
    const struct config_choice *choices = config_row_choices(row->type);
    while (choices->name != NULL && choices->value != value) {
        choices++;
    }
    ASSERT(choices->name != NULL);
    return choices->name;
}

static void put_value(const struct config_row *row, const void *field, struct writer *out)
{
    uint64_t wide = 0;
    uint32_t narrow = 0;
    switch (row->type) {
    case CONFIG_TYPE_U64:
        memcpy(&wide, field, sizeof wide);
        writer_text(out, "%" PRIu64, wide);
        return;
    case CONFIG_TYPE_U32:
        memcpy(&narrow, field, sizeof narrow);
        writer_text(out, "%" PRIu32, narrow);
        return;
    case CONFIG_TYPE_BOOL:
        writer_text(out, "%s", *(const bool *)field ? "true" : "false");
        return;
    case CONFIG_TYPE_ADDR:
        put_addr(out, field);
        return;
    case CONFIG_TYPE_ADDRS:
    case CONFIG_TYPE_URLS:
    case CONFIG_TYPE_PEERS:
        put_list(row, field, out);
        return;
    case CONFIG_TYPE_STORAGE:
    case CONFIG_TYPE_CONTROL:
    case CONFIG_TYPE_LEVEL:
    case CONFIG_TYPE_FORMAT:
        memcpy(&narrow, field, sizeof narrow);
        put_text(out, choice_name(row, narrow));
        return;
    default:
        put_text(out, field);
    }
}

static bool is_set(const struct config *c, const struct config_row *row)
{
    const char *field = (const char *)c + row->offset;
    switch (row->type) {
    case CONFIG_TYPE_TEXT:
    case CONFIG_TYPE_PATH:
    case CONFIG_TYPE_URL:
    case CONFIG_TYPE_COOKIE:
        return field[0] != '\0';
    case CONFIG_TYPE_HEX32:
        return c->secret_key_set;
    default:
        return true;
    }
}

static void put_row(const struct config *c, const struct config_row *row, struct writer *out)
{
    const char *layer = layer_name(c->layer[row->key]);
    if (c->refused[row->key]) {
        writer_text(out, "# %s was refused  # %s\n", row->toml, layer);
        return;
    }
    if (!is_set(c, row)) {
        writer_text(out, "# %s is not set\n", row->toml);
        return;
    }
    if (config_row_is_secret(row)) {
        writer_text(out, "# %s is hidden  # %s\n", row->toml, layer);
        return;
    }
    writer_text(out, "%s = ", row->toml);
    put_value(row, (const uint8_t *)c + row->offset, out);
    writer_text(out, "  # %s\n", layer);
}

void config_print(const struct config *c, struct writer *out)
{
    for (unsigned i = 0; i < CONFIG_KEY_COUNT; i++) {
        const struct config_row *row = config_row((enum config_key)i);
        if (!row->iroh) {
            put_row(c, row, out);
        }
    }
    writer_text(out, "\n[iroh]\n");
    for (unsigned i = 0; i < CONFIG_KEY_COUNT; i++) {
        const struct config_row *row = config_row((enum config_key)i);
        if (row->iroh) {
            put_row(c, row, out);
        }
    }
}

static void help_row(const struct config_row *row, struct writer *out)
{
    char name[CONFIG_NAME_BYTES_MAX];
    const char *value = config_row_value_name(row);
    writer_text(out, "  --%s%s%s\n      %s", row->flag, value[0] != '\0' ? " " : "", value,
                row->help);
    if (row->initial != NULL && row->type != CONFIG_TYPE_BOOL) {
        writer_text(out, " (default %s)", row->initial);
    }
    writer_text(out, "\n      ");
    if (row->flag_alias != NULL) {
        writer_text(out, "also --%s; ", row->flag_alias);
    }
    if (config_row_toml(row, 0, name)) {
        writer_text(out, "TOML %s", name);
    }
    for (uint32_t i = 0; config_row_env(row, i, name); i++) {
        writer_text(out, "%s%s", i == 0 ? "; environment " : ", ", name);
    }
    writer_text(out, "\n");
}

void config_help(const char *program, struct writer *out)
{
    writer_text(out,
                "Usage: %s --node-id N [flags]\n"
                "A node of Aspen, a strongly consistent replicated key-value store.\n\n"
                "Every flag takes `--flag value` and `--flag=value`. A value is looked for on the\n"
                "command line, then in the file of --config, then in the environment.\n\n"
                "  --config FILE\n      TOML file with the keys below; environment ASPEN_CONFIG\n"
                "  --check-config\n      validate, print every value and its source; exit 0 or 1\n"
                "  --version\n  --help\n\n",
                program);
    for (unsigned i = 0; i < CONFIG_KEY_COUNT; i++) {
        help_row(config_row((enum config_key)i), out);
    }
    writer_text(out, "\nExit codes: 0 stopped cleanly, 1 failure at run time, 2 configuration (1\n"
                     "with --check-config), 3 data directory (another node's, newer format,\n"
                     "locked), 4 corruption.\n");
}

void config_report_print(const struct config_report *report, struct writer *out)
{
    for (uint32_t i = 0; i < report->count; i++) {
        writer_text(out, "%s: %s\n", report->issue[i].error ? "error" : "warning",
                    report->issue[i].text);
    }
    uint32_t all = report->errors + report->warnings;
    if (all > report->count) {
        writer_text(out, "error: and %" PRIu32 " more\n", all - report->count);
    }
}
