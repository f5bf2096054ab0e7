/* node/config_flags.c -- the command line: --flag value, --flag=value, and switches.
 *
 * Thread: any
 */
#include "node/config_rows.h"

#include "base/panic.h"

enum {
    SWITCH_COUNT = 4
};

/* Flags that are no configuration keys. */
static const char *const switches[SWITCH_COUNT] = { "config", "help", "version", "check-config" };

/* One argument, taken apart. */
struct flag {
    char name[CONFIG_NAME_BYTES_MAX]; /* without dashes */
    const char *value;                /* NULL: none */
    int next;                         /* argument behind it */
};

static const struct config_row *row_of_flag(const char *name)
{
    for (unsigned i = 0; i < CONFIG_KEY_COUNT; i++) {
        const struct config_row *row = config_row((enum config_key)i);
        if (strcmp(name, row->flag) == 0 ||
            (row->flag_alias != NULL && strcmp(name, row->flag_alias) == 0)) {
            return row;
        }
    }
    return NULL;
}

static void nearer(const char *typed, const char *name, const char **nearest, uint32_t *best)
{
    uint32_t distance = name != NULL ? config_distance(typed, name) : UINT32_MAX;
    if (distance < *best) {
        *best = distance;
        *nearest = name;
    }
}

static const char *nearest_flag(const char *typed)
{
    const char *nearest = "";
    uint32_t best = UINT32_MAX;
    for (unsigned i = 0; i < CONFIG_KEY_COUNT; i++) {
        nearer(typed, config_row((enum config_key)i)->flag, &nearest, &best);
        nearer(typed, config_row((enum config_key)i)->flag_alias, &nearest, &best);
    }
    for (int i = 0; i < SWITCH_COUNT; i++) {
        nearer(typed, switches[i], &nearest, &best);
    }
    return nearest;
}

static bool is_truth(const char *text)
{
    return strcmp(text, "true") == 0 || strcmp(text, "false") == 0;
}

static bool is_known_switch(const char *name)
{
    for (int i = 0; i < SWITCH_COUNT; i++) {
        if (strcmp(name, switches[i]) == 0) {
            return true;
        }
    }
    return false;
}

/* True when name stands alone: its value, if any, is true or false. */
static bool is_switch(const char *name)
{
    const struct config_row *row = row_of_flag(name);
    if (row != NULL) {
        return row->type == CONFIG_TYPE_BOOL;
    }
    return strcmp(name, "config") != 0;
}

/* True when the argument behind a flag is its value. What follows an unknown name is taken along:
 * it may be a secret behind a typing error, and must not be repeated as an argument of its own. */
static bool takes_next(const char *name, const char *next)
{
    if (row_of_flag(name) != NULL || strcmp(name, "config") == 0) {
        return is_switch(name) ? is_truth(next) : strncmp(next, "--", 2) != 0;
    }
    return !is_known_switch(name) && next[0] != '-';
}

/* Take argument i apart; false when it is no flag. */
static bool flag_cut(const struct config_source *src, int i, struct flag *out)
{
    const char *arg = src->argv[i];
    out->value = NULL;
    out->next = i + 1;
    memset(out->name, 0, sizeof out->name);
    bool short_help = strcmp(arg, "-h") == 0;
    if (short_help) {
        arg = "--help";
    }
    if (arg[0] != '-' || arg[1] != '-' || arg[2] == '\0') {
        return false;
    }
    const char *equals = strchr(arg, '=');
    size_t n = equals != NULL ? (size_t)(equals - arg) - 2 : strlen(arg) - 2;
    memcpy(out->name, arg + 2, n < sizeof out->name ? n : sizeof out->name - 1);
    if (equals != NULL) {
        out->value = equals + 1;
        return true;
    }
    const char *next = out->next < src->argc ? src->argv[out->next] : NULL;
    if (next != NULL && takes_next(out->name, next)) {
        out->value = next;
        out->next++;
    }
    return true;
}

void config_flags_scan(struct config_loader *l)
{
    const struct config_source *src = l->source;
    struct flag f;
    for (int i = 1; i < src->argc && i < CONFIG_ARGS_MAX; i = f.next) {
        if (!flag_cut(src, i, &f)) {
            continue;
        }
        if (strcmp(f.name, "config") == 0 && f.value != NULL) {
            l->toml_path = f.value;
        } else if (strcmp(f.name, "help") == 0) {
            l->report->action = CONFIG_ACTION_HELP;
        } else if (strcmp(f.name, "version") == 0 && l->report->action != CONFIG_ACTION_HELP) {
            l->report->action = CONFIG_ACTION_VERSION;
        } else if (strcmp(f.name, "check-config") == 0 && l->report->action == CONFIG_ACTION_RUN) {
            l->report->action = CONFIG_ACTION_CHECK;
        }
    }
}

/* --disable-x, --no-x, --disable-x=true and --no-x=true turn the key off. */
static void set_switch(struct config_loader *l, const struct config_row *row, const struct flag *f,
                       const char *where)
{
    const char *value = f->value != NULL ? f->value : "true";
    bool inverse = strncmp(f->name, "disable-", 8) == 0 || strncmp(f->name, "no-", 3) == 0;
    if (inverse && is_truth(value)) {
        value = strcmp(value, "true") == 0 ? "false" : "true";
    }
    config_set(l, row, CONFIG_LAYER_FLAG, bytes_text(value), where);
}

static void flag_use(struct config_loader *l, const struct flag *f)
{
    char where[CONFIG_WHERE_BYTES_MAX];
    struct writer w = writer_of(where, sizeof where - 1);
    writer_text(&w, "--%s", f->name);
    where[w.offset] = '\0';
    const struct config_row *row = row_of_flag(f->name);
    bool own = is_known_switch(f->name);
    if (row == NULL && !own) {
        config_issue_add(l->report, true, "%s: no such flag; did you mean --%s? (--help lists all)",
                         where, nearest_flag(f->name));
    } else if (row != NULL && row->type == CONFIG_TYPE_BOOL) {
        set_switch(l, row, f, where);
    } else if (f->value == NULL && !is_switch(f->name)) {
        config_issue_add(l->report, true, "%s: needs a value; give %s VALUE or %s=VALUE", where,
                         where, where);
        if (row != NULL) {
            l->config->refused[row->key] = true;
            l->config->layer[row->key] = CONFIG_LAYER_FLAG;
        }
    } else if (own && is_switch(f->name) && f->value != NULL) {
        config_issue_add(l->report, true, "%s: takes no value; leave it out", where);
    } else if (row != NULL) {
        config_set(l, row, CONFIG_LAYER_FLAG, bytes_text(f->value), where);
    }
}

void config_flags_read(struct config_loader *l)
{
    const struct config_source *src = l->source;
    memset(l->given, 0, sizeof l->given);
    if (src->argc > CONFIG_ARGS_MAX) {
        config_issue_add(l->report, true, "more than %d arguments; use a file and --config",
                         CONFIG_ARGS_MAX);
        return;
    }
    struct flag f;
    for (int i = 1; i < src->argc; i = f.next) {
        if (flag_cut(src, i, &f)) {
            flag_use(l, &f);
        } else {
            config_issue_add(l->report, true, "'%.60s': not a flag; flags begin with --",
                             src->argv[i]);
        }
    }
}
