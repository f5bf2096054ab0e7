/* tests/unit/node/test_config.c -- layers, checks, messages, help and the printed configuration.
 *
 * Subject: node/config*.c
 * Method:  arguments, environment and files are arrays in the test; nothing of the process is read
 */
#include "node/config.h"
#include "node/logger.h"

#include "tap.h"

#define HEX "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

enum {
    ARGS_MAX = 64
};

struct world {
    const char *argv[ARGS_MAX];
    int argc;
    const char *env[ARGS_MAX];
    const char *toml;   /* content of node.toml; NULL: no such file */
    const char *secret; /* content of secret.txt */
    int mode;           /* of secret.txt */
    const char *no_dir; /* directory that is missing */
    int disk_used;
};

static struct world world;
static struct config config;
static struct config_report report;
static char page[64 * 1024];

static enum err world_read(void *arg, const char *path, char *out, size_t max, size_t *out_count)
{
    struct world *w = arg;
    const char *text = strcmp(path, "node.toml") == 0    ? w->toml
                       : strcmp(path, "secret.txt") == 0 ? w->secret
                                                         : NULL;
    if (text == NULL) {
        return ERR_NO_FILE;
    }
    size_t n = strlen(text);
    if (n > max) {
        return ERR_FRAME_TOO_LARGE;
    }
    memcpy(out, text, n);
    *out_count = n;
    return ERR_OK;
}

static int world_mode(void *arg, const char *path)
{
    return strcmp(path, "secret.txt") == 0 ? ((struct world *)arg)->mode : -1;
}

static bool world_dir(void *arg, const char *path)
{
    struct world *w = arg;
    return w->no_dir == NULL || strncmp(path, w->no_dir, strlen(w->no_dir)) != 0;
}

static int world_disk(void *arg, const char *path)
{
    (void)path;
    return ((struct world *)arg)->disk_used;
}

static void start(void)
{
    memset(&world, 0, sizeof world);
    world.mode = 0600;
    world.argv[world.argc++] = "aspen-node";
}

static void flag(const char *text)
{
    world.argv[world.argc++] = text;
}

/* A configuration without mistakes and with as few warnings as can be. */
static void start_good(void)
{
    start();
    flag("--node-id=1");
    flag("--cookie=secret-of-ours");
    flag("--http-addr=127.0.0.1:9001");
    flag("--port=0");
    flag("--disable-gossip");
    flag("--disable-mdns");
}

static enum err load(void)
{
    struct config_source src = { world.argc, world.argv, world.env,  world_read,
                                 world_mode, world_dir,  world_disk, &world };
    struct mem mem;
    mem_init(&mem, "config", CONFIG_MEM_BYTES);
    enum err code = config_load(&src, &mem, &config, &report);
    CHECK_U64(mem.used, 0);
    struct writer w = writer_of(page, sizeof page - 1);
    config_report_print(&report, &w);
    CHECK(!w.bad);
    page[w.offset] = '\0';
    return code;
}

static void load_ok(void)
{
    if (load() != ERR_OK) {
        printf("# %s", page);
        CHECK(false);
    }
}

/* The load fails with exactly that many mistakes, one of which holds text. */
static void load_bad(uint32_t errors, const char *text)
{
    CHECK(load() == ERR_BAD_CONFIG);
    if (report.errors != errors || strstr(page, text) == NULL) {
        printf("# expected %u x ...%s... in: %s", errors, text, page);
        CHECK(false);
    }
    CHECK(config_exit_code(&report) == CONFIG_EXIT_CONFIG);
}

static void test_defaults(void)
{
    start();
    flag("--node-id=7");
    load_ok();
    CHECK_U64(config.node_id, 7);
    CHECK(strcmp(config.data_dir, "./data/node-7") == 0);
    CHECK_U64(config.storage_backend, CONFIG_STORAGE_DURABLE);
    CHECK(strcmp(config.host, "127.0.0.1") == 0);
    CHECK_U64(config.port, 26000);
    CHECK_U64(config.bind.count, 2);
    CHECK(config.bind.addr[0].family == 4 && config.bind.addr[1].family == 6);
    CHECK(strcmp(config.cookie, "aspen-cookie") == 0);
    CHECK_U64(config.http_addr.port, 8080);
    CHECK_U64(config.control_backend, CONFIG_CONTROL_RAFT);
    CHECK_U64(config.heartbeat_interval_ms, 500);
    CHECK_U64(config.election_timeout_min_ms, 1500);
    CHECK_U64(config.election_timeout_max_ms, 3000);
    CHECK(!config.secret_key_set && config.enable_gossip && config.enable_mdns);
    CHECK(!config.enable_dns_discovery && !config.enable_pkarr && config.auto_rejoin);
    CHECK_U64(config.log_level, LOGGER_INFO);
    CHECK_U64(config.layer[CONFIG_PORT], CONFIG_LAYER_DEFAULT);
    CHECK_U64(config.layer[CONFIG_NODE_ID], CONFIG_LAYER_FLAG);
}

static void test_warnings(void)
{
    start();
    flag("--node-id=7");
    world.disk_used = 81;
    load_ok();
    CHECK(strstr(page, "cookie is the default") != NULL);
    CHECK(strstr(page, "default port 8080") != NULL);
    CHECK(strstr(page, "default 26000") != NULL);
    CHECK(strstr(page, "81 % full") != NULL);
    CHECK(strstr(page, "not used: gossip, mDNS;") != NULL);
    CHECK_U64(report.warnings, 5);
    start_good();
    world.disk_used = 80;
    load_ok();
    CHECK_U64(report.warnings, 0);
}

/* Nothing listens at port yet, so it hinders nobody; port 0 is any. */
static void test_one_port_twice(void)
{
    static const struct {
        const char *http_addr, *port;
        bool same;
    } rows[] = { { "--http-addr=127.0.0.1:26000", NULL, true },
                 { "--http-addr=127.0.0.1:9001", "--port=9001", true },
                 { "--http-addr=127.0.0.1:9001", "--port=9002", false },
                 { "--http-addr=127.0.0.1:0", "--port=0", false } };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        start();
        flag("--node-id=1");
        flag(rows[i].http_addr);
        if (rows[i].port != NULL) {
            flag(rows[i].port);
        }
        load_ok();
        bool told = strstr(page, "warning: port and http_addr are both TCP port ") != NULL;
        CHECK(told == rows[i].same);
    }
}

/* What is taken and not used is said, when somebody counts on it. */
static void test_unused(void)
{
    start_good();
    load_ok();
    CHECK(strstr(page, "not used") == NULL);
    world.env[0] = "ASPEN_HOST=h";
    load_ok();
    CHECK_U64(report.warnings, 1);
    CHECK(strstr(page, "not used in this version: host; ") != NULL);
    start();
    flag("--node-id=1");
    flag("--cookie=secret-of-ours");
    flag("--http-addr=127.0.0.1:9001");
    flag("--port=9002");
    flag("--host=h");
    flag("--disable-gossip");
    flag("--disable-mdns");
    load_ok();
    CHECK_U64(report.warnings, 1);
    CHECK(strstr(page, "not used in this version: host, port; ") != NULL);
}

static void test_same_place(void)
{
    start_good();
    flag("--data-dir=/d");
    flag("--state-machine-path=/d/wal");
    load_bad(1, "log_path and state_machine_path are the same");
    start_good();
    flag("--data-dir=/d");
    flag("--log-path=/e");
    flag("--state-machine-path=/e");
    load_bad(1, "log_path and state_machine_path are the same");
}

static void test_timeout_warnings(void)
{
    start_good();
    flag("--heartbeat-interval-ms=900");
    flag("--election-timeout-min-ms=900");
    flag("--election-timeout-max-ms=10001");
    load_ok();
    CHECK_U64(report.warnings, 3);
}

static void test_layers(void)
{
    start();
    world.env[0] = "ASPEN_NODE_ID=1";
    world.env[1] = "ASPEN_PORT=1001";
    world.env[2] = "ASPEN_HOST=from-env";
    world.env[3] = "PATH=/bin";
    world.toml = "port = 1002\nhost = \"from-toml\"\n";
    flag("--config");
    flag("node.toml");
    flag("--port=1003");
    load_ok();
    CHECK_U64(config.node_id, 1);
    CHECK_U64(config.layer[CONFIG_NODE_ID], CONFIG_LAYER_ENV);
    CHECK(strcmp(config.host, "from-toml") == 0);
    CHECK_U64(config.layer[CONFIG_HOST], CONFIG_LAYER_TOML);
    CHECK_U64(config.port, 1003);
    CHECK_U64(config.layer[CONFIG_PORT], CONFIG_LAYER_FLAG);
}

static void test_flag_forms(void)
{
    start();
    flag("--node-id");
    flag("4");
    flag("--ractor-port=9");
    flag("--iroh-secret-key=" HEX);
    flag("--redb-log-path=/l");
    flag("--redb-sm-path");
    flag("/s");
    flag("--iroh-relay-url=https://r1.example");
    flag("--relay-url");
    flag("https://r2.example");
    flag("--bind=127.0.0.1:1");
    flag("--bind=[::1]:2");
    flag("--storage-backend=redb");
    flag("--control-backend=raft_actor");
    flag("--disable-gossip");
    flag("--disable-mdns=false");
    flag("--no-auto-rejoin");
    flag("--enable-pkarr");
    flag("true");
    flag("--log-format=json");
    flag("--log-level=trace");
    load_ok();
    CHECK_U64(config.node_id, 4);
    CHECK_U64(config.port, 9);
    CHECK(config.secret_key_set && config.secret_key[1] == 0x11);
    CHECK(strcmp(config.log_path, "/l") == 0 && strcmp(config.state_machine_path, "/s") == 0);
    CHECK_U64(config.relay_url.count, 2);
    CHECK_U64(config.bind.count, 2);
    CHECK_U64(config.bind.addr[1].port, 2);
    CHECK_U64(config.storage_backend, CONFIG_STORAGE_DURABLE);
    CHECK(!config.enable_gossip && config.enable_mdns && config.enable_pkarr);
    CHECK(!config.auto_rejoin);
    CHECK_U64(config.log_format, LOGGER_FORMAT_JSON);
    CHECK_U64(config.log_level, LOGGER_TRACE);
}

static void test_toml(void)
{
    start();
    world.toml = "node_id = 3\ndata_dir = '/d'\nstorage_backend = 'inmemory'\n"
                 "bind = ['127.0.0.1:5', '[::1]:6']\nhttp_addr = '127.0.0.1:0'\n"
                 "cookie = 'toml cookie'\nractor_port = 0\npeers = ['1@" HEX "@127.0.0.1:9']\n"
                 "election_timeout_max_ms = 4000\n"
                 "[iroh]\nsecret_key = '" HEX "'\nenable_gossip = false\nrelay_url = 'https://r/'\n"
                 "enable_dns_discovery = true\n";
    flag("--config=node.toml");
    load_ok();
    CHECK_U64(config.node_id, 3);
    CHECK_U64(config.storage_backend, CONFIG_STORAGE_INMEMORY);
    CHECK_U64(config.bind.count, 2);
    CHECK_U64(config.port, 0);
    CHECK_U64(config.peers.count, 1);
    CHECK_U64(config.peers.entry[0].addr[0].port, 9);
    CHECK(config.secret_key_set && !config.enable_gossip && config.enable_dns_discovery);
    CHECK_U64(config.relay_url.count, 1);
}

static void test_env_names(void)
{
    start();
    static const char *const env[] = {
        "ASPEN_NODE_ID=1",
        "ASPEN_RACTOR_PORT=77",
        "ASPEN_IROH_SECRET_KEY=" HEX,
        "ASPEN_IROH_RELAY_URL=https://a,https://b",
        "ASPEN_IROH_ENABLE_GOSSIP=false",
        "ASPEN_IROH_GOSSIP_TICKET=aspenx",
        "ASPEN_IROH_ENABLE_MDNS=0",
        "ASPEN_IROH_ENABLE_DNS_DISCOVERY=1",
        "ASPEN_IROH_DNS_DISCOVERY_URL=https://dns",
        "ASPEN_IROH_ENABLE_PKARR=true",
        "ASPEN_IROH_PKARR_RELAY_URL=https://pkarr",
        "ASPEN_PEERS=2@" HEX "@127.0.0.1:1,127.0.0.1:2,3@1" HEX,
        "ASPEN_ENDPOINTS=http://127.0.0.1:8080",
    };
    memcpy(world.env, env, sizeof env);
    load_bad(1, "peer 3@1");
    world.env[11] = "ASPEN_PEERS=2@" HEX "@127.0.0.1:1,127.0.0.1:2";
    load_ok();
    CHECK_U64(config.port, 77);
    CHECK_U64(config.relay_url.count, 2);
    CHECK(!config.enable_gossip && !config.enable_mdns);
    CHECK(config.enable_dns_discovery && config.enable_pkarr);
    CHECK_U64(config.peers.entry[0].addr_count, 2);
    CHECK(strstr(page, "gossip,") == NULL && strstr(page, "DNS discovery, pkarr, relay, ticket"));
}

static void test_env_alias_twice(void)
{
    start_good();
    world.env[0] = "ASPEN_PORT=1";
    world.env[1] = "ASPEN_RACTOR_PORT=2";
    load_bad(1, "ASPEN_RACTOR_PORT: the same key");
}

static void test_env_config(void)
{
    start_good();
    world.env[0] = "ASPEN_CONFIG=node.toml";
    world.toml = "host = 'h'";
    load_ok();
    CHECK(strcmp(config.host, "h") == 0);
}

static void test_unknown(void)
{
    start_good();
    flag("--hearbeat-interval-ms=5");
    load_bad(1, "--hearbeat-interval-ms: no such flag; did you mean --heartbeat-interval-ms?");
    start_good();
    world.env[0] = "ASPEN_COKIE=x";
    load_bad(1, "did you mean ASPEN_COOKIE?");
    start_good();
    flag("--config=node.toml");
    world.toml = "\nhtpt_addr = '127.0.0.1:1'";
    load_bad(1, "node.toml:2: htpt_addr: no such key; did you mean http_addr?");
    world.toml = "relay_url = 'https://x'";
    load_bad(1, "did you mean iroh.relay_url?");
    world.toml = "[iroh]\nport = 1";
    load_bad(1, "did you mean port?");
    world.toml = "[extra]\nport = 1";
    load_bad(1, "extra: no such key");
    start_good();
    flag("stray");
    load_bad(1, "'stray': not a flag");
    start_good();
    flag("--storage-backend=inmemroy");
    load_bad(1, "did you mean 'inmemory'?");
}

static void test_each_mistake(void)
{
    static const struct {
        const char *flag;
        const char *text;
    } rows[] = {
        { "--node-id=0", "whole number from 1" },
        { "--node-id=x", "--node-id: 'x'" },
        { "--node-id=-1", "whole number" },
        { "--node-id", "needs a value" },
        { "--cookie=", "the cookie is empty" },
        { "--heartbeat-interval-ms=0", "whole number from 1" },
        { "--election-timeout-min-ms=0", "whole number from 1" },
        { "--election-timeout-max-ms=0", "whole number from 1" },
        { "--election-timeout-max-ms=1500", "must be above" },
        { "--secret-key=abc", "exactly 64 hex digits" },
        { "--secret-key=x" HEX, "exactly 64 hex digits" },
        { "--http-addr=localhost:1", "not ADDR:PORT" },
        { "--http-addr=127.0.0.1", "not ADDR:PORT" },
        { "--bind=1.2.3.4:99999", "not ADDR:PORT" },
        { "--port=65536", "from 0 to 65535" },
        { "--peers=2@abc", "peer 2@abc" },
        { "--peers=", "is no peer" },
        { "--relay-url=ftp://x", "not a URL" },
        { "--dns-discovery-url=x", "not a URL" },
        { "--control-backend=dqlite", "not built" },
        { "--log-level=loud", "error|warn|info|debug|trace" },
        { "--data-dir=/none/sub/dir", "its parent /none/sub does not exist" },
        { "--data-dir=", "is empty" },
        { "--log-path=/none/sub/log", "parent" },
        { "--cookie-file=none.txt", "both given" },
        { "--secret-key-file=none.txt", "no such file" },
        { "--config=none.toml", "no such file" },
        { "--enable-pkarr=maybe", "neither true nor false" },
        { "--check-config=maybe", "takes no value" },
        { "--", "not a flag" },
        { "-x", "not a flag" },
        { "---node-id=1", "no such flag" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        start_good();
        flag(rows[i].flag);
        world.no_dir = "/none";
        CHECK(load() == ERR_BAD_CONFIG);
        if (report.errors != 1 || strstr(page, rows[i].text) == NULL) {
            printf("# %s: %u: %s", rows[i].flag, report.errors, page);
            CHECK(false);
        }
    }
}

static void test_missing_id(void)
{
    start();
    load_bad(1, "node_id is not set");
}

static void test_all_at_once(void)
{
    start();
    flag("--node-id=0");
    flag("--cookie=");
    flag("--prot=1");
    world.env[0] = "ASPEN_NOPE=1";
    world.env[1] = "ASPEN_PORT=x";
    world.toml = "nope = 1\nheartbeat_interval_ms = 'a'\n";
    flag("--config=node.toml");
    load_bad(7, "nope: no such key");
    CHECK(strstr(page, "is a string; it must be an integer") != NULL);
}

static void test_bound_of_issues(void)
{
    start_good();
    static char text[CONFIG_ISSUES_MAX * 40];
    size_t n = 0;
    for (int i = 0; i < CONFIG_ISSUES_MAX + 5; i++) {
        n += (size_t)snprintf(text + n, sizeof text - n, "unknown_%d = 1\n", i);
    }
    world.toml = text;
    flag("--config=node.toml");
    load_bad(CONFIG_ISSUES_MAX + 5, "and 5 more");
}

static void test_toml_error(void)
{
    start_good();
    world.toml = "a = 1\nb = @\n";
    flag("--config=node.toml");
    load_bad(1, "node.toml:2:5: ");
}

static void test_toml_types(void)
{
    static const char *const rows[] = {
        "port = '1'",        "port = 1.0",   "host = 1",         "peers = 5",
        "peers = [5]",       "iroh = 1",     "bind = []",        "[iroh]\nenable_gossip = 'x'",
        "port = 1979-05-27", "cookie = [ ]", "cookie = { a=1 }",
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        start_good();
        world.toml = rows[i];
        flag("--config=node.toml");
        CHECK(load() == ERR_BAD_CONFIG);
        CHECK_U64(report.errors, 1);
    }
}

static void test_lists_replace(void)
{
    start_good();
    world.toml = "bind = ['127.0.0.1:1', '127.0.0.1:2']\npeers = []\n";
    world.env[0] = "ASPEN_PEERS=1@" HEX;
    flag("--config=node.toml");
    flag("--bind=127.0.0.1:3");
    load_ok();
    CHECK_U64(config.bind.count, 1);
    CHECK_U64(config.bind.addr[0].port, 3);
    CHECK_U64(config.peers.count, 0);
}

static void test_five_binds(void)
{
    start_good();
    for (int i = 0; i < 5; i++) {
        flag("--bind=127.0.0.1:0");
    }
    load_bad(1, "too many");
}

static void test_cookie_file(void)
{
    start();
    flag("--node-id=1");
    world.env[0] = "ASPEN_COOKIE=low";
    world.secret = "from the file\n";
    flag("--cookie-file=secret.txt");
    load_ok();
    CHECK(strcmp(config.cookie, "from the file") == 0);
    flag("--cookie=typed");
    load_bad(1, "cookie and cookie_file are both given");
    start();
    flag("--node-id=1");
    flag("--cookie=typed");
    world.secret = "from the file";
    world.env[0] = "ASPEN_COOKIE_FILE=secret.txt";
    load_ok();
    CHECK(strcmp(config.cookie, "typed") == 0);
    start();
    flag("--node-id=1");
    flag("--cookie-file=none.txt");
    load_bad(1, "cookie_file none.txt: no such file");
    start();
    flag("--node-id=1");
    world.secret = "\n";
    flag("--cookie-file=secret.txt");
    load_bad(1, "the cookie is empty");
}

static void test_key_file(void)
{
    start_good();
    world.secret = HEX "\n";
    flag("--secret-key-file=secret.txt");
    load_ok();
    CHECK(config.secret_key_set && config.secret_key[31] == 0xFF);
    world.secret = HEX "0";
    load_bad(1, "64 hex digits");
}

/* 0640 and 0604 are too much for a key, and worth a word for a cookie. */
static void test_file_modes(void)
{
    static const int modes[] = { 0640, 0604, 0644, 0620 };
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
        start_good();
        world.secret = HEX "\n";
        world.mode = modes[i];
        flag("--secret-key-file=secret.txt");
        load_bad(1, "chmod 600");
        CHECK(strstr(page, HEX) == NULL);
    }
    start();
    world.secret = "of ours\n";
    world.mode = 0644;
    flag("--node-id=1");
    flag("--cookie-file=secret.txt");
    load_ok();
    CHECK(strstr(page, "warning: cookie_file secret.txt: has mode 644") != NULL);
}

/* What stands behind a name that was typed wrong is its value, and may be a secret. */
static void test_unknown_takes_value(void)
{
    start_good();
    flag("--cookei");
    flag("geheim");
    flag("--nod-id");
    flag("7");
    flag("--chek-config");
    load_bad(3, "--cookei: no such flag; did you mean --cookie?");
    CHECK(strstr(page, "geheim") == NULL && strstr(page, "'7'") == NULL);
    start_good();
    flag("--version"); /* a switch takes nothing along */
    flag("word");
    load_ok();
    CHECK(report.action == CONFIG_ACTION_VERSION);
    start_good();
    flag("--check-config");
    flag("word");
    CHECK(load() == ERR_BAD_CONFIG && strstr(page, "'word': not a flag") != NULL);
}

static void test_actions(void)
{
    start();
    flag("--cookie=");
    flag("--version");
    flag("--help");
    CHECK(load() == ERR_OK);
    CHECK(report.action == CONFIG_ACTION_HELP);
    start();
    flag("--version");
    CHECK(load() == ERR_OK);
    CHECK(report.action == CONFIG_ACTION_VERSION);
    start_good();
    flag("--check-config");
    CHECK(load() == ERR_OK);
    CHECK(report.action == CONFIG_ACTION_CHECK);
    CHECK(config_exit_code(&report) == CONFIG_EXIT_OK);
    flag("--port=x");
    CHECK(load() == ERR_BAD_CONFIG);
    CHECK(config_exit_code(&report) == CONFIG_EXIT_FAILED);
}

static void test_exit_codes(void)
{
    CHECK_U64(config_exit_of(ERR_OK), 0);
    CHECK_U64(config_exit_of(ERR_ADDRESS_IN_USE), 1);
    CHECK_U64(config_exit_of(ERR_BAD_CONFIG), 2);
    CHECK_U64(config_exit_of(ERR_LOCKED), 3);
    CHECK_U64(config_exit_of(ERR_WRONG_NODE), 3);
    CHECK_U64(config_exit_of(ERR_NEWER_FORMAT), 3);
    CHECK_U64(config_exit_of(ERR_OUTDATED), 3);
    CHECK_U64(config_exit_of(ERR_CORRUPT), 4);
}

static void test_secrets(void)
{
    start_good();
    flag("--ticket=aspenhidden");
    flag("--secret-key=" HEX);
    load_ok();
    struct writer w = writer_of(page, sizeof page - 1);
    config_print(&config, &w);
    page[w.offset] = '\0';
    CHECK(!w.bad && strstr(page, "http_addr = \"127.0.0.1:9001\"  # command line\n") != NULL);
    CHECK(strstr(page, "secret-of-ours") == NULL && strstr(page, "0011") == NULL &&
          strstr(page, "aspenhidden") == NULL);
    start_good();
    flag("--secret-key=0123456789abcdef");
    load_bad(1, "--secret-key: ");
    CHECK(strstr(page, "0123456789abcdef") == NULL);
}

/* What --check-config prints is a file that gives the same configuration. */
static void test_print_reads_back(void)
{
    static char text[64 * 1024];
    start_good();
    flag("--relay-url=https://r/");
    flag("--peers=1@" HEX "@127.0.0.1:5");
    flag("--host=a\"b\\c");
    load_ok();
    struct writer w = writer_of(text, sizeof text - 1);
    config_print(&config, &w);
    text[w.offset] = '\0';
    enum config_layer layers[CONFIG_KEY_COUNT];
    memcpy(layers, config.layer, sizeof layers);
    start();
    world.toml = text;
    flag("--config=node.toml");
    flag("--cookie=secret-of-ours");
    load_ok();
    CHECK_U64(config.layer[CONFIG_HOST], CONFIG_LAYER_TOML);
    memcpy(config.layer, layers, sizeof layers);
    w = writer_of(page, sizeof page);
    config_print(&config, &w);
    CHECK(bytes_equal(writer_bytes(&w), bytes_text(text)));
}

/* start_good, but for the flag that is given here; each default would be warned of. */
static void start_good_but(const char *text)
{
    static const char *const good[] = { "--node-id=1",      "--cookie=ours",
                                        "--port=0",         "--http-addr=127.0.0.1:9001",
                                        "--disable-gossip", "--disable-mdns" };
    size_t n = strcspn(text, "=");
    start();
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        if (strncmp(good[i], text, n) != 0 || (good[i][n] != '=' && good[i][n] != '\0')) {
            flag(good[i]);
        }
    }
    flag(text);
}

/* What --check-config shows of a refused value, and no word about the one below it. */
static void test_refused(void)
{
    static const struct {
        const char *flag, *line, *toml; /* toml: what would be warned of, or refused */
    } rows[] = {
        { "--node-id=x", "# node_id was refused  # command line\n# data_dir is not set\n", "" },
        { "--data-dir=", "# data_dir was refused  # command line\n", "data_dir = '/none/a/b'" },
        { "--log-path=", "# log_path was refused  # command line\n", "log_path = '/none/a/b'" },
        { "--port=70000", "# port was refused  # command line\n", "" },
        { "--port", "# port was refused  # command line\n", "" },
        { "--http-addr=8080", "# http_addr was refused  # command line\n", "" },
        { "--bind=1.1.1.1:1,1.1.1.1:1,x", "# bind was refused  # command line\n", "" },
        { "--heartbeat-interval-ms=-1", "# heartbeat_interval_ms was refused  # command line\n",
          "heartbeat_interval_ms = 2000" },
        { "--election-timeout-min-ms=0", "# election_timeout_min_ms was refused  # command line\n",
          "election_timeout_min_ms = 400" },
        { "--election-timeout-max-ms=0", "# election_timeout_max_ms was refused  # command line\n",
          "election_timeout_max_ms = 20000" },
        { "--cookie=", "# cookie was refused  # command line\n", "" },
        { "--disable-gossip=maybe", "# enable_gossip was refused  # command line\n", "" },
        { "--relay-url=https://r/,x", "# relay_url was refused  # command line\n", "" },
        { "--control-backend=raf", "# control_backend was refused  # command line\n",
          "control_backend = 'dqlite'" },
        { "--secret-key=12", "# secret_key was refused  # command line\n", "" },
        { "--log-level=info", "# port was refused  # file\n", "port = 'x'" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        start_good_but(rows[i].flag);
        flag("--config=node.toml");
        world.toml = rows[i].toml;
        world.no_dir = "/none";
        if (i + 1 == sizeof rows / sizeof rows[0]) {
            world.argv[3] = "--log-format=text"; /* no port but the file's */
        }
        CHECK(load() == ERR_BAD_CONFIG);
        if (report.errors != 1 || report.warnings != 0) {
            printf("# %s: %s", rows[i].flag, page);
            CHECK(false);
        }
        struct writer w = writer_of(page, sizeof page - 1);
        config_print(&config, &w);
        page[w.offset] = '\0';
        CHECK(strstr(page, rows[i].line) != NULL);
    }
}

static void test_help(void)
{
    struct writer w = writer_of(page, sizeof page - 1);
    config_help("aspen-node", &w);
    CHECK(!w.bad);
    page[w.offset] = '\0';
    for (uint32_t i = 0; i < config_name_count(); i++) {
        char line[80];
        snprintf(line, sizeof line, "\n  --%s", config_name(i));
        CHECK(strstr(page, line) != NULL);
    }
    CHECK(strstr(page, "2 configuration (1\nwith --check-config)") != NULL); /* test_actions */
    CHECK(strstr(page, "ASPEN_IROH_SECRET_KEY") != NULL && strstr(page, "--ractor-port") != NULL);
    CHECK(config_name(config_name_count()) == NULL);
}

int main(void)
{
    TAP_TEST("config: defaults", test_defaults);
    TAP_TEST("config: warnings", test_warnings);
    TAP_TEST("config: one port for HTTP and for the node server is a warning", test_one_port_twice);
    TAP_TEST("config: what is taken and not used is said", test_unused);
    TAP_TEST("config: log and state machine lie apart", test_same_place);
    TAP_TEST("config: warnings about timeouts", test_timeout_warnings);
    TAP_TEST("config: environment < file < command line", test_layers);
    TAP_TEST("config: both forms of a flag, aliases and switches", test_flag_forms);
    TAP_TEST("config: every kind of key in a file", test_toml);
    TAP_TEST("config: names in the environment", test_env_names);
    TAP_TEST("config: two names of one key in the environment", test_env_alias_twice);
    TAP_TEST("config: the environment may name the file", test_env_config);
    TAP_TEST("config: an unknown name is told with the nearest one", test_unknown);
    TAP_TEST("config: each mistake has one message", test_each_mistake);
    TAP_TEST("config: the node id is required", test_missing_id);
    TAP_TEST("config: all mistakes are told at once", test_all_at_once);
    TAP_TEST("config: what does not fit the report is counted", test_bound_of_issues);
    TAP_TEST("config: a broken file is told with its place", test_toml_error);
    TAP_TEST("config: a value of the wrong type is refused", test_toml_types);
    TAP_TEST("config: a list replaces that of the layer below", test_lists_replace);
    TAP_TEST("config: a list is bounded", test_five_binds);
    TAP_TEST("config: the cookie may stand in a file", test_cookie_file);
    TAP_TEST("config: the secret key may stand in a file", test_key_file);
    TAP_TEST("config: a key file that others can read is refused", test_file_modes);
    TAP_TEST("config: an unknown flag keeps its value to itself", test_unknown_takes_value);
    TAP_TEST("config: help, version and check", test_actions);
    TAP_TEST("config: exit codes", test_exit_codes);
    TAP_TEST("config: secrets are never shown", test_secrets);
    TAP_TEST("config: what is printed reads back the same", test_print_reads_back);
    TAP_TEST("config: a refused value is shown as refused, and not judged", test_refused);
    TAP_TEST("config: help names every flag", test_help);
    return tap_done();
}
