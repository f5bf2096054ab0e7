/* node/config_check.c -- what only the whole configuration shows: required, contradicting, unwise.
 *
 * Thread: any
 */
#include "node/config_rows.h"

#include <inttypes.h>

enum {
    ELECTION_LOW_MS = 1000,
    ELECTION_HIGH_MS = 10000,
    DISK_USED_WARN = 80, /* percent */
    HTTP_PORT_DEFAULT = 8080,
    NODE_PORT_DEFAULT = 26000,
    FILE_BYTES_MAX = 4096, /* of a cookie or key file */
    MODE_OTHERS = 077      /* what group and others may do with a file */
};

static void parent_of(const char *path, char out[CONFIG_PATH_BYTES_MAX])
{
    size_t n = strnlen(path, CONFIG_PATH_BYTES_MAX - 1);
    while (n > 1 && path[n - 1] == '/') {
        n--;
    }
    while (n > 0 && path[n - 1] != '/') {
        n--;
    }
    while (n > 1 && path[n - 1] == '/') {
        n--;
    }
    memcpy(out, n == 0 ? "." : path, n == 0 ? 1 : n);
    out[n == 0 ? 1 : n] = '\0';
}

static bool dir_exists(const struct config_loader *l, const char *path)
{
    return l->source->dir_exists == NULL || l->source->dir_exists(l->source->arg, path);
}

static void check_parent(struct config_loader *l, const char *what, const char *path)
{
    char parent[CONFIG_PATH_BYTES_MAX];
    parent_of(path, parent);
    if (path[0] != '\0' && !dir_exists(l, path) && !dir_exists(l, parent)) {
        config_issue_add(l->report, true,
                         "%s %.120s: its parent %.120s does not exist; make it first", what, path,
                         parent);
    }
}

/* A path that is not given lies in the data directory. */
static void path_in_force(const struct config *c, const char *path, const char *inside,
                          char out[CONFIG_PATH_BYTES_MAX])
{
    struct writer w = writer_of(out, CONFIG_PATH_BYTES_MAX - 1);
    if (path[0] != '\0') {
        writer_text(&w, "%s", path);
    } else {
        writer_text(&w, "%s/%s", c->data_dir, inside);
    }
    out[w.offset] = '\0';
}

static void check_disk(struct config_loader *l)
{
    const struct config *c = l->config;
    char parent[CONFIG_PATH_BYTES_MAX];
    parent_of(c->data_dir, parent);
    const char *on = dir_exists(l, c->data_dir) ? c->data_dir
                     : dir_exists(l, parent)    ? parent
                                                : ".";
    int used = l->source->disk_used != NULL ? l->source->disk_used(l->source->arg, on) : -1;
    if (used > DISK_USED_WARN) {
        config_issue_add(l->report, false,
                         "the disk of %.120s is %d %% full; writes are refused from 95 %% on", on,
                         used);
    }
}

/* A refused path is no path: what would be said of the one below it, nobody has asked for. */
static void check_paths(struct config_loader *l)
{
    struct config *c = l->config;
    char parent[CONFIG_PATH_BYTES_MAX];
    char other[CONFIG_PATH_BYTES_MAX];
    bool known = !c->refused[CONFIG_DATA_DIR];
    if (c->layer[CONFIG_DATA_DIR] == CONFIG_LAYER_DEFAULT) {
        known = c->node_id != 0 && !c->refused[CONFIG_NODE_ID];
    }
    if (known && c->layer[CONFIG_DATA_DIR] == CONFIG_LAYER_DEFAULT) {
        struct writer w = writer_of(c->data_dir, sizeof c->data_dir - 1);
        writer_text(&w, "./data/node-%" PRIu64, c->node_id);
        c->data_dir[w.offset] = '\0';
    } else if (known) {
        check_parent(l, "data_dir", c->data_dir);
    }
    parent_of(c->log_path, parent);
    bool log_known = !c->refused[CONFIG_LOG_PATH];
    if (log_known && strcmp(parent, c->data_dir) != 0) {
        check_parent(l, "log_path", c->log_path);
    }
    parent_of(c->state_machine_path, parent);
    bool state_known = !c->refused[CONFIG_STATE_MACHINE_PATH];
    if (state_known && strcmp(parent, c->data_dir) != 0) {
        check_parent(l, "state_machine_path", c->state_machine_path);
    }
    path_in_force(c, c->log_path, "wal", parent);
    path_in_force(c, c->state_machine_path, "state", other);
    if (known && log_known && state_known && strcmp(parent, other) == 0) {
        config_issue_add(l->report, true,
                         "log_path and state_machine_path are the same; give each its own");
    }
    if (!c->refused[CONFIG_DATA_DIR]) {
        check_disk(l);
    }
}

static void check_timeouts(struct config_loader *l)
{
    const struct config *c = l->config;
    bool beat_known = !c->refused[CONFIG_HEARTBEAT_INTERVAL_MS];
    bool min_known = !c->refused[CONFIG_ELECTION_TIMEOUT_MIN_MS];
    bool max_known = !c->refused[CONFIG_ELECTION_TIMEOUT_MAX_MS];
    if (min_known && max_known && c->election_timeout_max_ms <= c->election_timeout_min_ms) {
        config_issue_add(l->report, true,
                         "election_timeout_max_ms (%" PRIu32
                         ") must be above election_timeout_min_ms (%" PRIu32 "); raise it",
                         c->election_timeout_max_ms, c->election_timeout_min_ms);
    }
    if (beat_known && min_known && c->heartbeat_interval_ms >= c->election_timeout_min_ms) {
        config_issue_add(l->report, false,
                         "heartbeat_interval_ms (%" PRIu32
                         ") is not below election_timeout_min_ms (%" PRIu32
                         "); followers will keep electing; a third of it is usual",
                         c->heartbeat_interval_ms, c->election_timeout_min_ms);
    }
    if (min_known && c->election_timeout_min_ms < ELECTION_LOW_MS) {
        config_issue_add(l->report, false,
                         "election_timeout_min_ms (%" PRIu32
                         ") is below 1000; a slow moment may cost the leader its place",
                         c->election_timeout_min_ms);
    }
    if (max_known && c->election_timeout_max_ms > ELECTION_HIGH_MS) {
        config_issue_add(l->report, false,
                         "election_timeout_max_ms (%" PRIu32
                         ") is above 10000; a lost leader is replaced late",
                         c->election_timeout_max_ms);
    }
}

static void check_ports(struct config_loader *l)
{
    const struct config *c = l->config;
    bool http_known = !c->refused[CONFIG_HTTP_ADDR];
    bool port_known = !c->refused[CONFIG_PORT];
    if (http_known && c->http_addr.port == HTTP_PORT_DEFAULT) {
        config_issue_add(l->report, false,
                         "http_addr uses the default port 8080; a second node here needs another");
    }
    if (port_known && c->port == NODE_PORT_DEFAULT) {
        config_issue_add(l->report, false,
                         "port is the default 26000; a second node here needs another");
    }
    if (http_known && port_known && c->port != 0 && c->port == c->http_addr.port) {
        config_issue_add(l->report, false, /* nothing listens at port in this version */
                         "port and http_addr are both TCP port %" PRIu32
                         "; a later version will use both, give each its own",
                         c->port);
    }
    for (uint32_t i = 0; !c->refused[CONFIG_BIND] && i < c->bind.count; i++) {
        for (uint32_t k = 0; k < i; k++) {
            if (c->bind.addr[i].port != 0 && os_addr_equal(&c->bind.addr[i], &c->bind.addr[k])) {
                config_issue_add(l->report, true, "bind names one address twice; keep one");
            }
        }
    }
}

/* What the product will have, and this version takes without using it. */
static void check_unbuilt(struct config_loader *l)
{
    const struct config *c = l->config;
    const struct {
        bool on;
        const char *name;
        enum config_key key;
    } features[] = {
        { c->enable_gossip, "gossip", CONFIG_ENABLE_GOSSIP },
        { c->enable_mdns, "mDNS", CONFIG_ENABLE_MDNS },
        { c->enable_dns_discovery || c->dns_discovery_url[0] != '\0', "DNS discovery",
          CONFIG_ENABLE_DNS_DISCOVERY },
        { c->enable_pkarr || c->pkarr_relay_url[0] != '\0', "pkarr", CONFIG_ENABLE_PKARR },
        { c->relay_url.count > 0, "relay", CONFIG_RELAY_URL },
        { c->gossip_ticket[0] != '\0', "ticket", CONFIG_GOSSIP_TICKET },
    };
    char list[128];
    struct writer w = writer_of(list, sizeof list - 1);
    for (size_t i = 0; i < sizeof features / sizeof features[0]; i++) {
        if (features[i].on && !c->refused[features[i].key]) {
            writer_text(&w, "%s%s", w.offset > 0 ? ", " : "", features[i].name);
        }
    }
    list[w.offset] = '\0';
    if (w.offset > 0) {
        config_issue_add(l->report, false,
                         "not built in this version, and not used: %s; name peers by --peers or "
                         "/add-peer",
                         list);
    }
    bool host = c->layer[CONFIG_HOST] != CONFIG_LAYER_DEFAULT && !c->refused[CONFIG_HOST];
    bool port =
        !c->refused[CONFIG_PORT] && c->layer[CONFIG_PORT] != CONFIG_LAYER_DEFAULT && c->port != 0;
    if (host || port) {
        config_issue_add(l->report, false,
                         "not used in this version: %s%s%s; nodes reach each other at the address "
                         "of bind",
                         host ? "host" : "", host && port ? ", " : "", port ? "port" : "");
    }
    if (!c->refused[CONFIG_CONTROL_BACKEND] && c->control_backend == CONFIG_CONTROL_DQLITE) {
        config_issue_add(l->report, true,
                         "control_backend dqlite is not built in this version; use raft");
    }
}

void config_check(struct config_loader *l)
{
    const struct config *c = l->config;
    if (c->node_id == 0 && !l->config->refused[CONFIG_NODE_ID]) {
        config_issue_add(
            l->report, true,
            "node_id is not set; give --node-id N, ASPEN_NODE_ID or node_id, N above 0");
    }
    check_paths(l);
    check_timeouts(l);
    if (!l->config->refused[CONFIG_COOKIE] && !l->config->refused[CONFIG_COOKIE_FILE] &&
        strcmp(c->cookie, config_row(CONFIG_COOKIE)->initial) == 0) {
        config_issue_add(l->report, false,
                         "the cookie is the default one, which everybody knows; give --cookie or "
                         "--cookie-file");
    }
    check_ports(l);
    check_unbuilt(l);
}

/* A file in place of a value: it wins over a lower layer, and loses to a higher one. */
static bool file_wins(struct config_loader *l, enum config_key value, enum config_key file)
{
    const struct config *c = l->config;
    enum config_layer of_file = c->layer[file];
    if (of_file == CONFIG_LAYER_DEFAULT || l->config->refused[file]) {
        return false;
    }
    if (of_file == c->layer[value]) {
        config_issue_add(l->report, true, "%s and %s are both given; keep one",
                         config_row(value)->toml, config_row(file)->toml);
        l->config->refused[value] = true;
        return false;
    }
    return of_file > c->layer[value];
}

/* A key that others can read is no secret; a cookie is shared by many nodes anyway, but with care.
 */
static void check_mode(struct config_loader *l, enum config_key value, const char *path,
                       const char *where)
{
    const struct config_source *src = l->source;
    int mode = src->file_mode != NULL ? src->file_mode(src->arg, path) : -1;
    if (mode >= 0 && (mode & MODE_OTHERS) != 0) {
        config_issue_add(l->report, value == CONFIG_SECRET_KEY,
                         "%s: has mode %03o and may be read by others; chmod 600 it", where,
                         (unsigned)mode);
    }
}

static void file_use(struct config_loader *l, enum config_key value, enum config_key file)
{
    const struct config_source *src = l->source;
    const char *path = (const char *)l->config + config_row(file)->offset;
    char text[FILE_BYTES_MAX];
    char where[CONFIG_WHERE_BYTES_MAX];
    size_t count = 0;
    if (!file_wins(l, value, file)) {
        return;
    }
    struct writer w = writer_of(where, sizeof where - 1);
    writer_text(&w, "%s %.120s", config_row(file)->toml, path);
    where[w.offset] = '\0';
    enum err read = src->file_read == NULL
                        ? ERR_NO_FILE
                        : src->file_read(src->arg, path, text, sizeof text, &count);
    if (read != ERR_OK) {
        l->config->refused[value] = true;
        config_issue_add(l->report, true, "%s: %s; give a file that can be read", where,
                         err_text(read));
        return;
    }
    check_mode(l, value, path, where);
    while (count > 0 && (text[count - 1] == '\n' || text[count - 1] == '\r')) {
        count--;
    }
    l->given[value] = false;
    config_set(l, config_row(value), l->config->layer[file], bytes_of(text, count), where);
    explicit_bzero(text, sizeof text);
}

void config_files_read(struct config_loader *l)
{
    file_use(l, CONFIG_COOKIE, CONFIG_COOKIE_FILE);
    file_use(l, CONFIG_SECRET_KEY, CONFIG_SECRET_KEY_FILE);
}
