/* cmd/cli.c -- asking endpoints, and the commands on keys. */
#include "cmd/cli.h"

#include <stdio.h>
#include <stdlib.h>

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

static int exit_of(int status)
{
    switch (status) {
    case 404:
        return CLI_NOT_FOUND;
    case 502:
        return CLI_UNKNOWN;
    default:
        return CLI_FAILED;
    }
}

static int exit_of_err(enum err e, const struct http_reply *r, bool writes)
{
    if (e == ERR_BAD_REQUEST) {
        return CLI_USAGE;
    }
    return r->sent && writes ? CLI_UNKNOWN : CLI_UNREACHABLE;
}

json_t *cli_ask(struct cli *cli, uint32_t endpoint, const char *path, const json_t *body,
                int *out_exit, char *text, size_t text_size)
{
    struct http_reply r;
    json_error_t error;
    char *sent = body != NULL ? json_dumps(body, JSON_COMPACT) : NULL;
    enum err e = http_client_request(cli->endpoint[endpoint], path, sent, cli->timeout_ms, &r);
    free(sent);
    if (e != ERR_OK) {
        *out_exit = exit_of_err(e, &r, body != NULL);
        snprintf(text, text_size, "%s: %s", cli->endpoint[endpoint], err_text(e));
        return NULL;
    }
    json_t *tree = json_loadb(r.body, r.count, 0, &error);
    int status = r.status;
    http_client_free(&r);
    if (status == 200 && tree != NULL) {
        *out_exit = CLI_OK;
        return tree;
    }
    const char *why = json_string_value(json_object_get(tree, "error"));
    *out_exit = exit_of(status);
    snprintf(text, text_size, "%s: %s (%d)", cli->endpoint[endpoint], why != NULL ? why : "?",
             status);
    json_decref(tree);
    return NULL;
}

json_t *cli_ask_any(struct cli *cli, const char *path, const json_t *body, int *out_exit)
{
    char text[512] = "";
    for (uint32_t i = 0; i < cli->endpoint_count; i++) {
        json_t *tree = cli_ask(cli, i, path, body, out_exit, text, sizeof text);
        if (tree != NULL) {
            return tree;
        }
        if (*out_exit != CLI_UNREACHABLE) {
            break;
        }
    }
    fprintf(stderr, "aspen: %s\n", text);
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
    if (cli->argc != 3) {
        fprintf(stderr, "usage: aspen put KEY VALUE\n");
        return CLI_USAGE;
    }
    json_t *body = json_pack("{s:{s:{s:s,s:s}}}", "command", "Set", "key", cli->argv[1], "value",
                             cli->argv[2]);
    if (body == NULL) {
        fprintf(stderr, "aspen: key and value must be UTF-8\n");
        return CLI_USAGE;
    }
    json_t *reply = cli_ask_any(cli, "/write", body, &rc);
    if (reply != NULL && cli->output == CLI_JSON) {
        print_json(reply);
    } else if (reply != NULL && cli->output == CLI_TABLE) {
        printf("revision %lld\n",
               (long long)json_integer_value(json_object_get(reply, "revision")));
    }
    json_decref(body);
    json_decref(reply);
    return rc;
}

int cli_get(struct cli *cli)
{
    int rc = CLI_FAILED;
    if (cli->argc != 2) {
        fprintf(stderr, "usage: aspen get KEY [--serializable]\n");
        return CLI_USAGE;
    }
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
    } else {
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
