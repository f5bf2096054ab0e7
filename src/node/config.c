/* node/config.c -- config_load: the layers one above the other, then the checks; exit codes.
 *
 * Thread: any
 */
#include "node/config_rows.h"

#include "base/panic.h"

static void defaults_read(struct config_loader *l)
{
    memset(l->given, 0, sizeof l->given);
    for (unsigned i = 0; i < CONFIG_KEY_COUNT; i++) {
        const struct config_row *row = config_row((enum config_key)i);
        if (row->initial != NULL) {
            config_set(l, row, CONFIG_LAYER_DEFAULT, bytes_text(row->initial), row->toml);
        }
    }
    ASSERT(l->report->errors == 0);
}

enum err config_load(const struct config_source *source, struct mem *mem, struct config *out,
                     struct config_report *report)
{
    ASSERT(source->argc == 0 || source->argv != NULL);
    memset(out, 0, sizeof *out);
    memset(report, 0, sizeof *report);
    struct config_loader l;
    memset(&l, 0, sizeof l);
    l.source = source;
    l.config = out;
    l.report = report;
    defaults_read(&l);
    config_flags_scan(&l);
    if (report->action == CONFIG_ACTION_HELP || report->action == CONFIG_ACTION_VERSION) {
        return ERR_OK;
    }
    config_env_read(&l);
    TRY(config_toml_read(&l, mem));
    config_flags_read(&l);
    config_files_read(&l);
    config_check(&l);
    return report->errors > 0 ? ERR_BAD_CONFIG : ERR_OK;
}

enum config_exit config_exit_code(const struct config_report *report)
{
    if (report->errors == 0) {
        return CONFIG_EXIT_OK;
    }
    return report->action == CONFIG_ACTION_CHECK ? CONFIG_EXIT_FAILED : CONFIG_EXIT_CONFIG;
}

enum config_exit config_exit_of(enum err e)
{
    switch (e) {
    case ERR_OK:
        return CONFIG_EXIT_OK;
    case ERR_BAD_CONFIG:
        return CONFIG_EXIT_CONFIG;
    case ERR_LOCKED:
    case ERR_WRONG_NODE:
    case ERR_NEWER_FORMAT:
    case ERR_BAD_PERMISSIONS:
    case ERR_OUTDATED:
        return CONFIG_EXIT_DATA;
    case ERR_CORRUPT:
        return CONFIG_EXIT_CORRUPT;
    default:
        return CONFIG_EXIT_FAILED;
    }
}
