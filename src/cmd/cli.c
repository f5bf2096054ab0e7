/* cmd/cli.c -- asking endpoints, and the commands on keys. */
#include "cmd/cli.h"

#include "base/ids.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    HTTP_DONE = 200,
    HTTP_NOT_FOUND = 404,
    HTTP_OUTCOME_UNKNOWN = 502,
    HTTP_UNAVAILABLE = 503
};

bool cli_endpoints(struct cli *cli, const char *list)
{
    cli->endpoint_count = 0;
    while (*list != '\0') {
        size_t n = strcspn(list, ",");
        if (n > 0) {
            if (cli->endpoint_count == CLI_ENDPOINTS_MAX || n >= CLI_URL_BYTES_MAX) {
                return false;
            }
            char *to = cli->endpoint[cli->endpoint_count++];
            memcpy(to, list, n);
            to[n] = '\0';
        }
        list += n + (list[n] == ',' ? 1 : 0);
    }
    return cli->endpoint_count > 0;
}

bool cli_has(const json_t *list, json_int_t id)
{
    size_t i = 0;
    json_t *v = NULL;
    json_array_foreach(list, i, v)
    {
        if (json_integer_value(v) == id) {
            return true;
        }
    }
    return false;
}

/* Digits alone, and no more than the interface carries: what is beyond would become another one. */
static json_int_t id_of(struct bytes digits)
{
    uint64_t id = 0;
    return ids_u64(digits, &id) == ERR_OK && id <= INT64_MAX ? (json_int_t)id : 0;
}

json_int_t cli_id(const char *text)
{
    json_int_t id = id_of(bytes_text(text));
    if (id == 0) {
        fprintf(stderr, "aspen: %s is no node id, 1 to %lld\n", text, (long long)INT64_MAX);
    }
    return id;
}

const char *cli_host(const char *url)
{
    return strncmp(url, "http://", 7) == 0 ? url + 7 : url;
}

/* A host, a port, and nothing else; [::1]:80 for IPv6. */
static bool host_and_port(const char *addr)
{
    const char *colon = strrchr(addr, ':');
    const char *close = strrchr(addr, ']');
    bool alone = addr[strcspn(addr, "/ \t")] == '\0';
    return colon != NULL && alone && (close == NULL || colon == close + 1);
}

json_int_t cli_named(const char *text, const char **out_addr)
{
    size_t n = strcspn(text, "=");
    json_int_t id = text[n] == '=' && text[n + 1] != '\0' ? id_of(bytes_of(text, n)) : 0;
    if (id == 0) {
        fprintf(stderr,
                "aspen: %s is not ID=ADDR, as in 4=127.0.0.1:8084, with an ID of 1 to %lld\n", text,
                (long long)INT64_MAX);
    }
    const char *typed = text + n + (id != 0 ? 1 : 0);
    *out_addr = cli_host(typed);
    if (id != 0 && (!http_client_url_good(typed) || !host_and_port(*out_addr))) {
        fprintf(stderr, "aspen: %s is not HOST:PORT, as in 4=127.0.0.1:8084\n", typed);
        return 0;
    }
    return id;
}

static int exit_of(int status)
{
    switch (status) {
    case HTTP_NOT_FOUND:
        return CLI_NOT_FOUND;
    case HTTP_OUTCOME_UNKNOWN:
        return CLI_UNKNOWN;
    default:
        return CLI_FAILED;
    }
}

/* Asking twice is harmless for everything that only reads. */
static bool changes(const char *path, const json_t *body)
{
    return body != NULL && strcmp(path, "/read") != 0;
}

/* No answer, or half of one: what is known of the request then, in a message and an exit code. */
static int explain(enum err e, const struct http_reply *r, bool writes, const char *url, char *text,
                   size_t size)
{
    if (e == ERR_BAD_REQUEST) {
        snprintf(text, size, "%s is not http://host:port", url);
        return CLI_USAGE;
    }
    const char *why = e == ERR_TIMEOUT ? "no answer in time" : err_text(e);
    if (r->sent && writes) {
        snprintf(text, size, "%s: %s; it is not known whether it was carried out", url, why);
        return CLI_UNKNOWN;
    }
    snprintf(text, size, "%s: %s", url, why);
    return CLI_UNREACHABLE;
}

json_t *cli_ask(struct cli *cli, uint32_t endpoint, const char *path, const json_t *body,
                int *out_exit, char *text, size_t text_size)
{
    struct http_reply r;
    json_error_t error;
    char *sent = body != NULL ? json_dumps(body, JSON_COMPACT) : NULL;
    enum err e = http_client_request(cli->endpoint[endpoint], path, sent, cli->timeout_ms, &r);
    free(sent);
    cli->elsewhere = false;
    if (e != ERR_OK) {
        *out_exit = explain(e, &r, changes(path, body), cli->endpoint[endpoint], text, text_size);
        cli->elsewhere = *out_exit == CLI_UNREACHABLE;
        return NULL;
    }
    json_t *tree = json_loadb(r.body, r.count, JSON_ALLOW_NUL, &error);
    int status = r.status;
    http_client_free(&r);
    bool sick = status == HTTP_UNAVAILABLE && strcmp(path, "/health") == 0;
    if ((status == HTTP_DONE || sick) && tree != NULL) {
        *out_exit = sick ? CLI_FAILED : CLI_OK;
        return tree;
    }
    const char *why = json_string_value(json_object_get(tree, "error"));
    *out_exit = exit_of(status);
    cli->elsewhere = status == HTTP_UNAVAILABLE; /* certainly not done */
    snprintf(text, text_size, "%s: %s (%d)", cli->endpoint[endpoint],
             why != NULL ? why : "the answer is not of this interface", status);
    json_decref(tree);
    return NULL;
}

json_t *cli_ask_any(struct cli *cli, const char *path, const json_t *body, int *out_exit)
{
    char told[512] = "";
    char text[512] = "";
    int rc = CLI_UNREACHABLE;
    for (uint32_t i = 0; i < cli->endpoint_count; i++) {
        json_t *tree = cli_ask(cli, i, path, body, out_exit, text, sizeof text);
        if (tree != NULL) {
            return tree;
        }
        /* a connection that failed tells less than an answer */
        if (rc == CLI_UNREACHABLE || *out_exit != CLI_UNREACHABLE) {
            memcpy(told, text, sizeof told);
            rc = *out_exit;
        }
        if (!cli->elsewhere) {
            break;
        }
    }
    fprintf(stderr, "aspen: %s\n", told);
    *out_exit = rc;
    return NULL;
}

static int print_json(const json_t *tree)
{
    json_dumpf(tree, stdout, JSON_COMPACT);
    putchar('\n');
    return CLI_OK;
}

int cli_put(struct cli *cli)
{
    int rc = CLI_FAILED;
    json_t *body = json_pack("{s:{s:{s:s,s:s}}}", "command", "Set", "key", cli->argv[1], "value",
                             cli->argv[2]);
    if (body == NULL) {
        fprintf(stderr, "aspen: key and value must be UTF-8\n");
        return CLI_USAGE;
    }
    json_t *reply = cli_ask_any(cli, "/write", body, &rc);
    if (reply != NULL && cli->output == CLI_JSON) {
        print_json(reply);
    } else if (reply != NULL) {
        printf("%s%lld\n", cli->output == CLI_TABLE ? "revision " : "",
               (long long)json_integer_value(json_object_get(reply, "revision")));
    }
    json_decref(body);
    json_decref(reply);
    return rc;
}

int cli_get(struct cli *cli)
{
    int rc = CLI_FAILED;
    json_t *body = json_pack("{s:s,s:s}", "key", cli->argv[1], "consistency",
                             cli->serializable ? "serializable" : "linearizable");
    if (body == NULL) {
        fprintf(stderr, "aspen: the key must be UTF-8\n");
        return CLI_USAGE;
    }
    json_t *reply = cli_ask_any(cli, "/read", body, &rc);
    if (reply != NULL && cli->output == CLI_JSON) {
        print_json(reply);
    } else if (reply != NULL) {
        const json_t *v = json_object_get(reply, "value");
        fwrite(json_string_value(v), 1, json_string_length(v), stdout);
        if (cli->output == CLI_TABLE) {
            putchar('\n');
        }
    }
    json_decref(body);
    json_decref(reply);
    return rc;
}

int cli_leader(struct cli *cli)
{
    int rc = CLI_FAILED;
    json_t *reply = cli_ask_any(cli, "/leader", NULL, &rc);
    if (reply == NULL) {
        return rc;
    }
    const json_t *id = json_object_get(reply, "leader");
    if (cli->output == CLI_JSON) {
        print_json(reply);
    } else if (json_is_integer(id)) {
        printf("%lld\n", (long long)json_integer_value(id));
    }
    if (!json_is_integer(id)) {
        fprintf(stderr, "aspen: no leader is known\n");
        rc = CLI_FAILED;
    }
    json_decref(reply);
    return rc;
}

int cli_health(struct cli *cli)
{
    int rc = CLI_FAILED;
    json_t *reply = cli_ask_any(cli, "/health", NULL, &rc);
    if (reply == NULL) {
        return rc;
    }
    if (cli->output == CLI_JSON) {
        print_json(reply);
    } else {
        printf("%s\n", json_string_value(json_object_get(reply, "status")));
    }
    json_decref(reply);
    return rc;
}
