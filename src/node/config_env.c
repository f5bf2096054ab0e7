/* node/config_env.c -- the environment: every variable that begins with ASPEN_ must be known.
 *
 * Thread: any
 */
#include "node/config_rows.h"

/* Variables of the other programs of the product, and the path of the file itself. */
static const char *const foreign[] = { "ASPEN_CONFIG", "ASPEN_ENDPOINTS" };

static bool is_foreign(const char *name)
{
    for (size_t i = 0; i < sizeof foreign / sizeof foreign[0]; i++) {
        if (strcmp(name, foreign[i]) == 0) {
            return true;
        }
    }
    return false;
}

/* Row of that name, or NULL and the nearest name. */
static const struct config_row *row_of_env(const char *name, char nearest[CONFIG_NAME_BYTES_MAX])
{
    uint32_t best = UINT32_MAX;
    for (unsigned k = 0; k < CONFIG_KEY_COUNT; k++) {
        const struct config_row *row = config_row((enum config_key)k);
        char known[CONFIG_NAME_BYTES_MAX];
        for (uint32_t i = 0; config_row_env(row, i, known); i++) {
            if (strcmp(name, known) == 0) {
                return row;
            }
            uint32_t distance = config_distance(name, known);
            if (distance < best) {
                best = distance;
                memcpy(nearest, known, CONFIG_NAME_BYTES_MAX);
            }
        }
    }
    return NULL;
}

static void variable_use(struct config_loader *l, const char *variable)
{
    const char *equals = strchr(variable, '=');
    if (equals == NULL) {
        return;
    }
    char name[CONFIG_NAME_BYTES_MAX] = { 0 };
    size_t n = (size_t)(equals - variable);
    memcpy(name, variable, n < sizeof name ? n : sizeof name - 1);
    if (strcmp(name, "ASPEN_CONFIG") == 0 && l->toml_path == NULL) {
        l->toml_path = equals + 1;
    }
    if (is_foreign(name)) {
        return;
    }
    char nearest[CONFIG_NAME_BYTES_MAX] = { 0 };
    const struct config_row *row = row_of_env(name, nearest);
    if (row == NULL) {
        config_issue_add(l->report, true,
                         "%s: no such variable; did you mean %s? Unset it if it is not for Aspen",
                         name, nearest);
        return;
    }
    config_set(l, row, CONFIG_LAYER_ENV, bytes_text(equals + 1), name);
}

void config_env_read(struct config_loader *l)
{
    const char *const *env = l->source->env;
    memset(l->given, 0, sizeof l->given);
    for (uint32_t i = 0; env != NULL && i < CONFIG_ENV_MAX && env[i] != NULL; i++) {
        if (strncmp(env[i], "ASPEN_", 6) == 0) {
            variable_use(l, env[i]);
        }
    }
}
