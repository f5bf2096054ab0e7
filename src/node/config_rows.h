/* node/config_rows.h -- the table of every configuration key; a new key is one row here.
 *
 * Shape:      X(KEY, field, TYPE, flag, flag alias, TOML key, TOML alias, in [iroh], min, max,
 *             default, help). Environment names are made from it: ASPEN_<TOML KEY>,
 *             ASPEN_<ALIAS>, and ASPEN_IROH_<TOML KEY> for keys of [iroh]
 * Invariants: rows stand in the order of enum config_key; a flag that begins with `disable-` or
 *             `no-` sets its boolean to false; min and max bound numbers
 * Thread:     any, constants; only config*.c include it
 */
#ifndef NODE_CONFIG_ROWS_H
#define NODE_CONFIG_ROWS_H

#include "node/config.h"

#include <stddef.h>

enum config_type {
    CONFIG_TYPE_U64,
    CONFIG_TYPE_U32,
    CONFIG_TYPE_TEXT,
    CONFIG_TYPE_PATH,
    CONFIG_TYPE_URL,
    CONFIG_TYPE_COOKIE, /* a text that is never shown */
    CONFIG_TYPE_HEX32,  /* 64 hex digits, never shown */
    CONFIG_TYPE_BOOL,
    CONFIG_TYPE_ADDR,
    CONFIG_TYPE_ADDRS,
    CONFIG_TYPE_URLS,
    CONFIG_TYPE_PEERS,
    CONFIG_TYPE_STORAGE,
    CONFIG_TYPE_CONTROL,
    CONFIG_TYPE_LEVEL,
    CONFIG_TYPE_FORMAT,
    CONFIG_TYPE_COUNT,
};

enum {
    CONFIG_MS_MAX = 24 * 60 * 60 * 1000,
    CONFIG_HEARTBEAT_DEFAULT_MS = 500,
    CONFIG_DRIFT_PPM_MAX = 500000
};

/* clang-format off */
#define CONFIG_ROWS(X) \
    X(NODE_ID, node_id, U64, "node-id", NULL, "node_id", NULL, false, 1, INT64_MAX, NULL, \
      "number of the node, above 0; required") \
    X(DATA_DIR, data_dir, PATH, "data-dir", NULL, "data_dir", NULL, false, 1, 0, NULL, \
      "where the node keeps everything; ./data/node-<id> when not given") \
    X(STORAGE_BACKEND, storage_backend, STORAGE, "storage-backend", NULL, "storage_backend", \
      NULL, false, 0, 0, "durable", "where data lives") \
    X(LOG_PATH, log_path, PATH, "log-path", "redb-log-path", "log_path", "redb_log_path", \
      false, 1, 0, NULL, "directory of the log; inside the data directory when not given") \
    X(STATE_MACHINE_PATH, state_machine_path, PATH, "state-machine-path", "redb-sm-path", \
      "state_machine_path", "redb_sm_path", false, 1, 0, NULL, \
      "directory of the state machine; inside the data directory when not given") \
    X(HOST, host, TEXT, "host", NULL, "host", NULL, false, 1, 0, "127.0.0.1", \
      "name of this machine; not used yet") \
    X(PORT, port, U32, "port", "ractor-port", "port", "ractor_port", false, 0, 65535, \
      "26000", "TCP port of the node server, which is not built yet; /health repeats it") \
    X(BIND, bind, ADDRS, "bind", NULL, "bind", NULL, false, 1, CONFIG_BINDS_MAX, \
      "0.0.0.0:0,[::]:0", "UDP address of the QUIC endpoint; may be repeated") \
    X(COOKIE, cookie, COOKIE, "cookie", NULL, "cookie", NULL, false, 1, 0, "aspen-cookie", \
      "secret that all nodes of a cluster share") \
    X(COOKIE_FILE, cookie_file, PATH, "cookie-file", NULL, "cookie_file", NULL, false, 1, 0, \
      NULL, "file that holds the cookie") \
    X(HTTP_ADDR, http_addr, ADDR, "http-addr", NULL, "http_addr", NULL, false, 0, 0, \
      "127.0.0.1:8080", "TCP address of the HTTP API; port 0 = any") \
    X(CONTROL_BACKEND, control_backend, CONTROL, "control-backend", NULL, "control_backend", \
      NULL, false, 0, 0, "raft", "what decides") \
    X(HEARTBEAT_INTERVAL_MS, heartbeat_interval_ms, U32, "heartbeat-interval-ms", NULL, \
      "heartbeat_interval_ms", NULL, false, 1, CONFIG_MS_MAX, "500", \
      "how often a leader shows that it lives") \
    X(ELECTION_TIMEOUT_MIN_MS, election_timeout_min_ms, U32, "election-timeout-min-ms", NULL, \
      "election_timeout_min_ms", NULL, false, 1, CONFIG_MS_MAX, "1500", \
      "shortest time without a leader before an election") \
    X(ELECTION_TIMEOUT_MAX_MS, election_timeout_max_ms, U32, "election-timeout-max-ms", NULL, \
      "election_timeout_max_ms", NULL, false, 1, CONFIG_MS_MAX, "3000", \
      "longest time without a leader before an election") \
    X(AUTO_REJOIN, auto_rejoin, BOOL, "auto-rejoin", "no-auto-rejoin", "auto_rejoin", NULL, \
      false, 0, 0, "true", \
      "the default: a voter that lost its disk comes back by itself, as a learner first") \
    X(LEASE_READS, lease_reads, BOOL, "lease-reads", NULL, "lease_reads", NULL, false, 0, 0, \
      "false", "a leader reads without asking the others while its lease runs") \
    X(MAX_CLOCK_DRIFT_PPM, max_clock_drift_ppm, U32, "max-clock-drift-ppm", NULL, \
      "max_clock_drift_ppm", NULL, false, 0, CONFIG_DRIFT_PPM_MAX, "10000", \
      "by how much the clocks of two nodes may differ, in millionths; leases are that shorter") \
    X(SECRET_KEY, secret_key, HEX32, "secret-key", "iroh-secret-key", "secret_key", NULL, \
      true, 0, 0, NULL, "Ed25519 secret key of the node; generated once when not given") \
    X(SECRET_KEY_FILE, secret_key_file, PATH, "secret-key-file", NULL, "secret_key_file", \
      NULL, true, 1, 0, NULL, "file that holds the secret key") \
    X(RELAY_URL, relay_url, URLS, "relay-url", "iroh-relay-url", "relay_url", NULL, true, 0, \
      CONFIG_RELAYS_MAX, NULL, "relay server; may be repeated") \
    X(ENABLE_GOSSIP, enable_gossip, BOOL, "disable-gossip", NULL, "enable_gossip", NULL, \
      true, 0, 0, "true", "do not look for peers by gossip") \
    X(GOSSIP_TICKET, gossip_ticket, TEXT, "ticket", NULL, "gossip_ticket", NULL, true, 1, 0, \
      NULL, "cluster ticket to join with") \
    X(ENABLE_MDNS, enable_mdns, BOOL, "disable-mdns", NULL, "enable_mdns", NULL, true, 0, 0, \
      "true", "do not look for peers on the local network") \
    X(ENABLE_DNS_DISCOVERY, enable_dns_discovery, BOOL, "enable-dns-discovery", NULL, \
      "enable_dns_discovery", NULL, true, 0, 0, "false", "look for peers in DNS") \
    X(DNS_DISCOVERY_URL, dns_discovery_url, URL, "dns-discovery-url", NULL, \
      "dns_discovery_url", NULL, true, 1, 0, NULL, "DNS service to look in") \
    X(ENABLE_PKARR, enable_pkarr, BOOL, "enable-pkarr", NULL, "enable_pkarr", NULL, true, 0, \
      0, "false", "publish and find addresses through pkarr") \
    X(PKARR_RELAY_URL, pkarr_relay_url, URL, "pkarr-relay-url", NULL, "pkarr_relay_url", \
      NULL, true, 1, 0, NULL, "pkarr relay to use") \
    X(PEERS, peers, PEERS, "peers", NULL, "peers", NULL, false, 0, NET_PEERS_MAX, NULL, \
      "a peer, ID@endpoint-id[@ip:port,...] or ID@{endpoint JSON}; may be repeated") \
    X(LOG_LEVEL, log_level, LEVEL, "log-level", NULL, "log_level", NULL, false, 0, 0, "info", \
      "how much is logged") \
    X(LOG_FORMAT, log_format, FORMAT, "log-format", NULL, "log_format", NULL, false, 0, 0, \
      "text", "how lines look")
/* clang-format on */

struct config_row {
    enum config_key key;
    enum config_type type;
    size_t offset; /* in struct config */
    size_t size;
    const char *flag, *flag_alias; /* without dashes; the alias may be NULL */
    const char *toml, *toml_alias;
    bool iroh; /* stands in the table [iroh] */
    uint64_t min, max;
    const char *initial; /* default as it would be typed; NULL: not set */
    const char *help;
};

/* One name of a value that is chosen from a list; the first name of a value is the one shown. */
struct config_choice {
    const char *name;
    uint32_t value;
};

enum {
    CONFIG_NAME_BYTES_MAX = 64,
    CONFIG_WHERE_BYTES_MAX = 160,
    CONFIG_NAMES_PER_ROW = 3
};

/* State of one config_load. */
struct config_loader {
    const struct config_source *source;
    struct config *config;
    struct config_report *report;
    const char *toml_path;        /* NULL: none */
    bool given[CONFIG_KEY_COUNT]; /* in the layer that is being read */
};

/* ---- config_rows.c */
const struct config_row *config_row(enum config_key key);
/* config_row_choices -- ended by a NULL name; NULL for types without a list. */
const struct config_choice *config_row_choices(enum config_type type);
bool config_row_is_list(const struct config_row *row);
bool config_row_is_secret(const struct config_row *row);
/* config_row_value_name -- what stands for the value in --help: N, DIR, ADDR:PORT ... */
const char *config_row_value_name(const struct config_row *row);
/* config_row_env -- i-th environment name; false when the row has no more. */
bool config_row_env(const struct config_row *row, uint32_t i, char out[CONFIG_NAME_BYTES_MAX]);
/* config_row_toml -- i-th full TOML name, iroh. included; false when the row has no more. */
bool config_row_toml(const struct config_row *row, uint32_t i, char out[CONFIG_NAME_BYTES_MAX]);
/* config_distance -- edits (insert, delete, replace, swap) from a to b; names of bounded length. */
uint32_t config_distance(const char *a, const char *b);

/* ---- config_set.c */
/* config_issue_add -- one message more, counted even when there is no room to keep it. */
void config_issue_add(struct config_report *report, bool error, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* config_set -- give a key its value as typed; where names the source in messages. */
void config_set(struct config_loader *l, const struct config_row *row, enum config_layer layer,
                struct bytes text, const char *where);

/* ---- config_flags.c, config_env.c, config_toml.c: one layer each */
/* config_flags_scan -- action and --config only. */
void config_flags_scan(struct config_loader *l);
void config_flags_read(struct config_loader *l);
void config_env_read(struct config_loader *l);
MUST_CHECK
enum err config_toml_read(struct config_loader *l, struct mem *mem);

/* ---- config_check.c */
void config_check(struct config_loader *l);
/* config_files_read -- replace cookie_file and secret_key_file by what is in them. */
void config_files_read(struct config_loader *l);

#endif
