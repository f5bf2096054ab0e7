/* cmd/cli.h -- the commands of `aspen` and what they share. */
#ifndef CMD_CLI_H
#define CMD_CLI_H

#include "cmd/http_client.h"

#include <jansson.h>

enum {
    CLI_ENDPOINTS_MAX = 32,
    CLI_ARGS_MAX = 64,
    CLI_URL_BYTES_MAX = 256,
};

enum cli_exit {
    CLI_OK = 0,
    CLI_FAILED = 1,
    CLI_USAGE = 2,
    CLI_NOT_FOUND = 3,
    CLI_UNKNOWN = 4, /* the write may have happened */
    CLI_UNREACHABLE = 5,
};

enum cli_output {
    CLI_TABLE,
    CLI_JSON,
    CLI_RAW
};

struct cli {
    uint32_t endpoint_count;
    char endpoint[CLI_ENDPOINTS_MAX][CLI_URL_BYTES_MAX];
    uint64_t timeout_ms; /* of each request */
    bool timeout_given;
    enum cli_output output;
    bool serializable;
    bool elsewhere; /* the last request was certainly not carried out: ask another endpoint */
    int argc;       /* command and its arguments */
    char *argv[CLI_ARGS_MAX];
};

/* cli_endpoints -- a comma-separated list; false when it is empty or too long. */
bool cli_endpoints(struct cli *cli, const char *list);

/* cli_ask -- one endpoint; the parsed reply, or NULL with a message in text. A node that says of
 * itself that it is unhealthy has replied: *out_exit is CLI_FAILED then. */
json_t *cli_ask(struct cli *cli, uint32_t endpoint, const char *path, const json_t *body,
                int *out_exit, char *text, size_t text_size);

/* cli_ask_any -- endpoints in turn until one answers; a request that may have been carried out is
 * not sent to the next one. Prints what went wrong: what ended the asking, else what a node said
 * last, else which connection failed last. */
json_t *cli_ask_any(struct cli *cli, const char *path, const json_t *body, int *out_exit);

/* cli_has -- id stands in a list of numbers. */
bool cli_has(const json_t *list, json_int_t id);

/* cli_id -- a node id, as --node-id takes it; 0 with a message when it is none. */
json_int_t cli_id(const char *text);

/* cli_named -- the id of ID=ADDR, and where its HOST:PORT begins, behind an http:// that may be
 * there; 0 with a message when it is none. */
json_int_t cli_named(const char *text, const char **out_addr);

/* cli_host -- an endpoint without http://. */
const char *cli_host(const char *url);

/* cli_view -- the members as a table, from what endpoints answered to /raft-metrics; the leader is
 * asked as well, where it was not. */
void cli_view(const struct cli *cli, const json_t *all);

/* The commands; each returns the exit code of the process. */
int cli_status(struct cli *cli);
int cli_status_members(struct cli *cli);
int cli_init(struct cli *cli);
int cli_cluster(struct cli *cli);
int cli_put(struct cli *cli);
int cli_get(struct cli *cli);
int cli_leader(struct cli *cli);
int cli_health(struct cli *cli);

#endif
