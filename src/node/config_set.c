/* node/config_set.c -- from a value as it is typed to the field of struct config, or to a message.
 *
 * Invariants: a mistake leaves the field as it was and marks the key refused; a secret is never
 *             repeated in a message
 * Thread:     any
 */
#include "node/config_rows.h"

#include "base/panic.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

enum {
    SHOWN_MAX = 100 /* bytes of a wrong value that a message repeats */
};

#define SHOWN(b) (int)((b).count > SHOWN_MAX ? SHOWN_MAX : (b).count), (const char *)(b).data

/* One value on its way: what key, what text, and how to name its source. */
struct setting {
    struct config_loader *l;
    const struct config_row *row;
    struct bytes text;
    const char *where;
    void *field;
};

void config_issue_add(struct config_report *report, bool error, const char *format, ...)
{
    if (error) {
        report->errors++;
    } else {
        report->warnings++;
    }
    if (report->count == CONFIG_ISSUES_MAX) {
        return;
    }
    struct config_issue *issue = &report->issue[report->count++];
    issue->error = error;
    va_list args;
    va_start(args, format);
    int n = vsnprintf(issue->text, sizeof issue->text, format, args);
    va_end(args);
    ASSERT(n >= 0);
    for (size_t i = 0; issue->text[i] != '\0'; i++) {
        if ((uint8_t)issue->text[i] < ' ' || issue->text[i] == 0x7F) {
            issue->text[i] = '?';
        }
    }
}

static void mistake(const struct setting *s, const char *remedy)
{
    s->l->config->refused[s->row->key] = true;
    if (config_row_is_secret(s->row)) {
        config_issue_add(s->l->report, true, "%s: %s", s->where, remedy);
    } else {
        config_issue_add(s->l->report, true, "%s: '%.*s' %s", s->where, SHOWN(s->text), remedy);
    }
}

static void set_number(const struct setting *s)
{
    uint64_t v = 0;
    bool valid = ids_u64(s->text, &v) == ERR_OK;
    if (!valid || v < s->row->min || v > s->row->max) {
        char remedy[128];
        IGNORE(snprintf(remedy, sizeof remedy,
                        "is not valid; give a whole number from %" PRIu64 " to %" PRIu64,
                        s->row->min, s->row->max) > 0
                   ? ERR_OK
                   : ERR_INTERNAL); /* cut texts are fine */
        mistake(s, remedy);
    } else if (s->row->type == CONFIG_TYPE_U32) {
        uint32_t narrow = (uint32_t)v;
        memcpy(s->field, &narrow, sizeof narrow);
    } else {
        memcpy(s->field, &v, sizeof v);
    }
}

static bool has_control(struct bytes text)
{
    for (size_t i = 0; i < text.count; i++) {
        if (text.data[i] < ' ' || text.data[i] == 0x7F) {
            return true;
        }
    }
    return false;
}

static void set_text(const struct setting *s)
{
    bool secret = s->row->type == CONFIG_TYPE_COOKIE;
    if (s->text.count == 0) {
        mistake(s, secret ? "the cookie is empty; give a secret that all nodes share"
                          : "is empty; give a value or leave it out");
    } else if (s->text.count >= s->row->size) {
        mistake(s, secret ? "the cookie is too long; 256 bytes are the most" : "is too long");
    } else if (has_control(s->text)) {
        mistake(s, secret ? "the cookie holds a control character; leave it out"
                          : "holds a control character; leave it out");
    } else {
        char *field = s->field;
        memset(field, 0, s->row->size);
        memcpy(field, s->text.data, s->text.count);
    }
}

static bool is_url(struct bytes text)
{
    bool http = text.count > 7 && memcmp(text.data, "http://", 7) == 0;
    bool https = text.count > 8 && memcmp(text.data, "https://", 8) == 0;
    for (size_t i = 0; i < text.count; i++) {
        if (text.data[i] <= ' ' || text.data[i] >= 0x7F) {
            return false;
        }
    }
    return (http || https) && text.count < CONFIG_TEXT_BYTES_MAX;
}

static void set_url(const struct setting *s)
{
    if (!is_url(s->text)) {
        mistake(s, "is not a URL; it begins with http:// or https://");
    } else {
        set_text(s);
    }
}

static void set_bool(const struct setting *s)
{
    bool yes = bytes_equal(s->text, bytes_text("true")) || bytes_equal(s->text, bytes_text("1"));
    bool no = bytes_equal(s->text, bytes_text("false")) || bytes_equal(s->text, bytes_text("0"));
    if (!yes && !no) {
        mistake(s, "is neither true nor false");
        return;
    }
    memcpy(s->field, &yes, sizeof yes);
}

static void set_hex(const struct setting *s)
{
    uint8_t key[CONFIG_SECRET_BYTES];
    if (ids_unhex(s->text, key, sizeof key) != ERR_OK) {
        mistake(s, "the secret key must be exactly 64 hex digits");
        return;
    }
    memcpy(s->field, key, sizeof key);
    s->l->config->secret_key_set = true;
}

static void set_choice(const struct setting *s)
{
    const struct config_choice *choices = config_row_choices(s->row->type);
    ASSERT(choices != NULL);
    const char *nearest = choices[0].name;
    uint32_t best = UINT32_MAX;
    char typed[CONFIG_NAME_BYTES_MAX] = { 0 };
    memcpy(typed, s->text.data, s->text.count < sizeof typed ? s->text.count : sizeof typed - 1);
    for (; choices->name != NULL; choices++) {
        if (bytes_equal(s->text, bytes_text(choices->name))) {
            memcpy(s->field, &choices->value, sizeof choices->value);
            return;
        }
        uint32_t distance = config_distance(typed, choices->name);
        if (distance < best) {
            best = distance;
            nearest = choices->name;
        }
    }
    char remedy[192];
    struct writer w = writer_of(remedy, sizeof remedy - 1);
    writer_text(&w, "is not one of %s; did you mean '%s'?", config_row_value_name(s->row), nearest);
    remedy[w.offset] = '\0';
    mistake(s, remedy);
}

static bool parse_addr(const struct setting *s, struct bytes text, struct os_addr *out)
{
    memset(out, 0, sizeof *out);
    struct setting part = *s;
    part.text = text;
    if (os_addr_parse(text, out) != ERR_OK) {
        mistake(&part, "is not ADDR:PORT, for instance 127.0.0.1:4433 or [::1]:4433");
        return false;
    }
    return true;
}

static void set_addr(const struct setting *s)
{
    struct os_addr addr;
    if (parse_addr(s, s->text, &addr)) {
        memcpy(s->field, &addr, sizeof addr);
    }
}

/* The next piece of a list with commas, blanks around it taken off. */
static bool list_next(struct bytes *rest, struct bytes *out)
{
    if (rest->data == NULL) {
        return false;
    }
    const uint8_t *comma = rest->count > 0 ? memchr(rest->data, ',', rest->count) : NULL;
    size_t n = comma != NULL ? (size_t)(comma - rest->data) : rest->count;
    *out = bytes_of(rest->data, n);
    *rest = comma != NULL ? bytes_of(comma + 1, rest->count - n - 1) : bytes_of(NULL, 0);
    while (out->count > 0 && out->data[0] == ' ') {
        *out = bytes_of(out->data + 1, out->count - 1);
    }
    while (out->count > 0 && out->data[out->count - 1] == ' ') {
        out->count--;
    }
    return true;
}

static void set_addrs(const struct setting *s)
{
    struct config_addrs *list = s->field;
    struct bytes rest = s->text;
    struct bytes item;
    while (list_next(&rest, &item)) {
        struct os_addr addr;
        if (!parse_addr(s, item, &addr)) {
            continue;
        }
        if (list->count == CONFIG_BINDS_MAX) {
            mistake(s, "is one address too many; 4 are the most");
            return;
        }
        list->addr[list->count++] = addr;
    }
}

static void set_urls(const struct setting *s)
{
    struct config_urls *list = s->field;
    struct bytes rest = s->text;
    struct bytes item;
    while (list_next(&rest, &item)) {
        struct setting part = *s;
        part.text = item;
        if (!is_url(item)) {
            mistake(&part, "is not a URL; it begins with http:// or https://");
            continue;
        }
        if (list->count == CONFIG_RELAYS_MAX) {
            mistake(&part, "is one URL too many; 4 are the most");
            return;
        }
        memset(list->url[list->count], 0, sizeof list->url[0]);
        memcpy(list->url[list->count], item.data, item.count);
        list->count++;
    }
}

static void set_peers(const struct setting *s)
{
    struct peers *list = s->field;
    struct bytes rest = s->text;
    struct bytes item;
    if (s->text.count == 0) {
        mistake(s, "is no peer; it looks like 2@<64 hex digits>@10.0.0.2:4433");
    }
    while (peers_next(&rest, &item)) {
        struct diag diag;
        struct peers_entry entry;
        if (peers_parse(item, &entry, &diag) != ERR_OK ||
            peers_add(list, &entry, &diag) != ERR_OK) {
            s->l->config->refused[s->row->key] = true;
            config_issue_add(s->l->report, true, "%s: peer %.*s: %s", s->where, SHOWN(item),
                             diag.text);
        }
    }
}

static void set_by_type(const struct setting *s)
{
    switch (s->row->type) {
    case CONFIG_TYPE_U64:
    case CONFIG_TYPE_U32:
        set_number(s);
        return;
    case CONFIG_TYPE_TEXT:
    case CONFIG_TYPE_PATH:
    case CONFIG_TYPE_COOKIE:
        set_text(s);
        return;
    case CONFIG_TYPE_URL:
        set_url(s);
        return;
    case CONFIG_TYPE_HEX32:
        set_hex(s);
        return;
    case CONFIG_TYPE_BOOL:
        set_bool(s);
        return;
    case CONFIG_TYPE_ADDR:
        set_addr(s);
        return;
    case CONFIG_TYPE_ADDRS:
        set_addrs(s);
        return;
    case CONFIG_TYPE_URLS:
        set_urls(s);
        return;
    case CONFIG_TYPE_PEERS:
        set_peers(s);
        return;
    case CONFIG_TYPE_STORAGE:
    case CONFIG_TYPE_CONTROL:
    case CONFIG_TYPE_LEVEL:
    case CONFIG_TYPE_FORMAT:
        set_choice(s);
        return;
    case CONFIG_TYPE_COUNT:
        break;
    }
    PANIC("unknown type of key");
}

void config_set(struct config_loader *l, const struct config_row *row, enum config_layer layer,
                struct bytes text, const char *where)
{
    struct setting s = { l, row, text, where, (uint8_t *)l->config + row->offset };
    ASSERT(row->offset + row->size <= sizeof *l->config);
    bool list = config_row_is_list(row);
    if (l->given[row->key] && !list && layer != CONFIG_LAYER_FLAG) {
        l->config->refused[row->key] = true;
        config_issue_add(l->report, true, "%s: the same key is set by its other name too; keep one",
                         where);
        return;
    }
    if (list && !l->given[row->key]) {
        memset(s.field, 0, row->size);
    }
    l->given[row->key] = true;
    l->config->layer[row->key] = layer;
    set_by_type(&s);
}
