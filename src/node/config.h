/* node/config.h -- the configuration of a node: one row a key, three layers, every mistake at once.
 *
 * Shape:      CONFIG_ROWS is the list; flags, TOML keys, environment names, --help, --check-config
 *             and the suggestions for unknown names are all made from it
 * Order:      environment < TOML < command line; within one layer the later one wins
 * Invariants: after ERR_OK every value is inside its bounds and texts are NUL-terminated
 * Owns:       struct config is plain data; nothing in it points anywhere
 * Thread:     any; process state (arguments, environment, files) comes in through the source
 */
#ifndef NODE_CONFIG_H
#define NODE_CONFIG_H

#include "base/mem.h"
#include "node/peers.h"

enum {
    CONFIG_BINDS_MAX = 4,
    CONFIG_RELAYS_MAX = 4,
    CONFIG_TEXT_BYTES_MAX = 512,
    CONFIG_PATH_BYTES_MAX = 1024,
    CONFIG_SECRET_BYTES = 32,
    CONFIG_FILE_BYTES_MAX = 256 * 1024,
    CONFIG_ARGS_MAX = 512,
    CONFIG_ENV_MAX = 4096,
    CONFIG_ISSUES_MAX = 64,
    CONFIG_ISSUE_BYTES_MAX = 384,
    CONFIG_MEM_BYTES = 4 * 1024 * 1024 /* what config_load may take, and gives back */
};

/* Exit codes of aspen-node. */
enum config_exit {
    CONFIG_EXIT_OK = 0,
    CONFIG_EXIT_FAILED = 1, /* at run time; --check-config that found mistakes */
    CONFIG_EXIT_CONFIG = 2,
    CONFIG_EXIT_DATA = 3, /* other node's directory, newer or older than it may be, locked */
    CONFIG_EXIT_CORRUPT = 4,
};

enum config_layer {
    CONFIG_LAYER_DEFAULT,
    CONFIG_LAYER_ENV,
    CONFIG_LAYER_TOML,
    CONFIG_LAYER_FLAG,
};

enum config_storage {
    CONFIG_STORAGE_INMEMORY,
    CONFIG_STORAGE_DURABLE
};

enum config_control {
    CONFIG_CONTROL_RAFT,
    CONFIG_CONTROL_DETERMINISTIC,
    CONFIG_CONTROL_DQLITE
};

/* Every key; config_rows.h has their names, bounds, defaults and texts in the same order. */
enum config_key {
    CONFIG_NODE_ID,
    CONFIG_DATA_DIR,
    CONFIG_STORAGE_BACKEND,
    CONFIG_LOG_PATH,
    CONFIG_STATE_MACHINE_PATH,
    CONFIG_HOST,
    CONFIG_PORT,
    CONFIG_BIND,
    CONFIG_COOKIE,
    CONFIG_COOKIE_FILE,
    CONFIG_HTTP_ADDR,
    CONFIG_CONTROL_BACKEND,
    CONFIG_HEARTBEAT_INTERVAL_MS,
    CONFIG_ELECTION_TIMEOUT_MIN_MS,
    CONFIG_ELECTION_TIMEOUT_MAX_MS,
    CONFIG_AUTO_REJOIN,
    CONFIG_LEASE_READS,
    CONFIG_MAX_CLOCK_DRIFT_PPM,
    CONFIG_SECRET_KEY,
    CONFIG_SECRET_KEY_FILE,
    CONFIG_RELAY_URL,
    CONFIG_ENABLE_GOSSIP,
    CONFIG_GOSSIP_TICKET,
    CONFIG_ENABLE_MDNS,
    CONFIG_ENABLE_DNS_DISCOVERY,
    CONFIG_DNS_DISCOVERY_URL,
    CONFIG_ENABLE_PKARR,
    CONFIG_PKARR_RELAY_URL,
    CONFIG_PEERS,
    CONFIG_LOG_LEVEL,
    CONFIG_LOG_FORMAT,
    CONFIG_KEY_COUNT,
};

struct config_addrs {
    uint32_t count;
    struct os_addr addr[CONFIG_BINDS_MAX];
};

struct config_urls {
    uint32_t count;
    char url[CONFIG_RELAYS_MAX][CONFIG_TEXT_BYTES_MAX];
};

struct config {
    uint64_t node_id;
    char data_dir[CONFIG_PATH_BYTES_MAX];
    uint32_t storage_backend;                       /* enum config_storage */
    char log_path[CONFIG_PATH_BYTES_MAX];           /* empty: inside data_dir */
    char state_machine_path[CONFIG_PATH_BYTES_MAX]; /* empty: inside data_dir */
    char host[NODE_ADDR_BYTES_MAX];
    uint32_t port; /* 0..65535; 0 = any */
    struct config_addrs bind;
    char cookie[NET_COOKIE_BYTES_MAX + 1]; /* from cookie or cookie_file */
    char cookie_file[CONFIG_PATH_BYTES_MAX];
    struct os_addr http_addr;
    uint32_t control_backend; /* enum config_control */
    uint32_t heartbeat_interval_ms;
    uint32_t election_timeout_min_ms;
    uint32_t election_timeout_max_ms;
    bool auto_rejoin;
    bool lease_reads;             /* a leader reads alone while its lease runs */
    uint32_t max_clock_drift_ppm; /* how much the rates of two clocks may differ */
    bool secret_key_set;          /* else: the one kept in data_dir, generated once */
    uint8_t secret_key[CONFIG_SECRET_BYTES];
    char secret_key_file[CONFIG_PATH_BYTES_MAX];
    struct config_urls relay_url;
    bool enable_gossip;
    char gossip_ticket[CONFIG_PATH_BYTES_MAX];
    bool enable_mdns;
    bool enable_dns_discovery;
    char dns_discovery_url[CONFIG_TEXT_BYTES_MAX];
    bool enable_pkarr;
    char pkarr_relay_url[CONFIG_TEXT_BYTES_MAX];
    struct peers peers;  /* the node's own id may be among them */
    uint32_t log_level;  /* enum logger_level */
    uint32_t log_format; /* enum logger_format */
    enum config_layer layer[CONFIG_KEY_COUNT];
    bool refused[CONFIG_KEY_COUNT]; /* a value was given that may not be: the field is not it */
};

/* Where the values come from. Functions may be NULL: then no file can be read, every directory is
 * there, and nothing is known of the disk. */
struct config_source {
    int argc;
    const char *const *argv; /* argv[0] is the program's name */
    const char *const *env;  /* NAME=value, ended by NULL; NULL: none */
    /* whole file into out; err ERR_NO_FILE, ERR_IO, ERR_FRAME_TOO_LARGE (more than max) */
    enum err (*file_read)(void *arg, const char *path, char *out, size_t max, size_t *out_count);
    /* permission bits of a file; -1 unknown */
    int (*file_mode)(void *arg, const char *path);
    bool (*dir_exists)(void *arg, const char *path);
    /* percent of the file system of path that is used, 0..100; -1 unknown */
    int (*disk_used)(void *arg, const char *path);
    void *arg;
};

/* config_source_os -- the arguments and environment of main, everything else through os. */
void config_source_os(struct os *os, int argc, const char *const *argv, const char *const *env,
                      struct config_source *out);

enum config_action {
    CONFIG_ACTION_RUN,
    CONFIG_ACTION_HELP,
    CONFIG_ACTION_VERSION,
    CONFIG_ACTION_CHECK,
};

struct config_issue {
    bool error; /* else a warning */
    char text[CONFIG_ISSUE_BYTES_MAX];
};

/* Everything found, in the order it was found. */
struct config_report {
    enum config_action action;
    uint32_t errors;
    uint32_t warnings;
    uint32_t count; /* issues kept; errors + warnings may be more */
    struct config_issue issue[CONFIG_ISSUES_MAX];
};

/* config_load -- gather all layers, check everything, report every mistake.
 *   in   mem  room for CONFIG_MEM_BYTES; nothing is kept in it
 *   out  config  filled as far as possible, mistakes or not
 *   err  ERR_BAD_CONFIG  report->errors > 0; never for CONFIG_ACTION_HELP and _VERSION
 *        ERR_NO_MEMORY   mem is too small */
MUST_CHECK
enum err config_load(const struct config_source *source, struct mem *mem, struct config *out,
                     struct config_report *report);

/* config_exit_code -- what the process ends with when the action is not RUN or load failed. */
enum config_exit config_exit_code(const struct config_report *report);

/* config_exit_of -- class of an error met at start or at run time. */
enum config_exit config_exit_of(enum err e);

/* config_help -- the page of --help. */
void config_help(const char *program, struct writer *out);

/* config_print -- effective values, one a line, each with its layer; secrets hidden, and refused
 * values named as such. */
void config_print(const struct config *c, struct writer *out);

/* config_report_print -- one line an issue: "error: ..." or "warning: ...". */
void config_report_print(const struct config_report *report, struct writer *out);

/* config_name_count, config_name -- every flag name without dashes, for completions and tests;
 * NULL past the end. */
uint32_t config_name_count(void);
const char *config_name(uint32_t i);

#endif
