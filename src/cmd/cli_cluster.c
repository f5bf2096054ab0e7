/* cmd/cli_cluster.c -- status of all endpoints, and starting a cluster from them. */
#include "cmd/cli.h"

#include <stdio.h>
#include <stdlib.h>

static long long number(const json_t *tree, const char *name)
{
    const json_t *v = json_object_get(tree, name);
    return json_is_object(v) ? (long long)json_integer_value(json_object_get(v, "index"))
                             : (long long)json_integer_value(v);
}

static void status_row(const char *url, const json_t *m)
{
    char leader[24] = "-";
    const json_t *id = json_object_get(m, "current_leader");
    if (json_is_integer(id)) {
        snprintf(leader, sizeof leader, "%lld", (long long)json_integer_value(id));
    }
    printf("%-28s %4lld  %-9s %6s %6lld %9lld %9lld %9lld\n", url, number(m, "node_id"),
           json_string_value(json_object_get(m, "state")), leader, number(m, "current_term"),
           number(m, "last_log_index"), number(m, "committed"), number(m, "last_applied"));
}

/* What is to be done about one voter that lost its disk. */
static void wiped_line(long long id, bool lost, bool by_itself)
{
    if (lost) {
        printf(
            "node %lld lost its disk, and with it the majority is lost: stop it, put its old data "
            "directory back, start it\n",
            id);
    } else if (by_itself) {
        printf("node %lld lost its disk: it comes back by itself, as a learner first\n", id);
    } else {
        printf("node %lld lost its disk and is not counted: aspen cluster remove %lld, then aspen "
               "cluster add %lld=ADDR, then aspen cluster promote %lld\n",
               id, id, id, id);
    }
}

/* Below the table: voters that lost their disks, each once, whoever tells of it; the leader knows
 * best. */
static void wiped_lines(const json_t *all)
{
    json_t *said = json_array();
    for (int pass = 0; pass < 2; pass++) {
        size_t i = 0;
        json_t *m = NULL;
        json_array_foreach(all, i, m)
        {
            const char *state = json_string_value(json_object_get(m, "state"));
            bool leads = state != NULL && strcmp(state, "Leader") == 0;
            size_t k = 0;
            json_t *id = NULL;
            json_array_foreach(json_object_get(m, "wiped"), k, id)
            {
                if (leads == (pass == 0) && !cli_has(said, json_integer_value(id))) {
                    wiped_line((long long)json_integer_value(id),
                               json_is_true(json_object_get(m, "majority_lost")),
                               json_is_true(json_object_get(m, "auto_rejoin")));
                    json_array_append(said, id);
                }
            }
            json_array_foreach(json_object_get(m, "rejoining"), k, id)
            {
                if (leads && !cli_has(said, json_integer_value(id))) {
                    printf("node %lld is rejoining: a voter again when it has caught up\n",
                           (long long)json_integer_value(id));
                    json_array_append(said, id);
                }
            }
        }
    }
    json_decref(said);
}

static int status(struct cli *cli, bool members)
{
    char text[512];
    int worst = CLI_OK;
    json_t *all = json_array();
    if (cli->output == CLI_TABLE) {
        printf("%-28s %4s  %-9s %6s %6s %9s %9s %9s\n", "ENDPOINT", "NODE", "STATE", "LEADER",
               "TERM", "LAST", "COMMIT", "APPLIED");
    }
    for (uint32_t i = 0; i < cli->endpoint_count; i++) {
        int rc = CLI_OK;
        json_t *m = cli_ask(cli, i, "/raft-metrics", NULL, &rc, text, sizeof text);
        if (m == NULL) {
            worst = rc;
            fprintf(stderr, "%s\n", text);
            continue;
        }
        json_object_set_new(m, "endpoint", json_string(cli->endpoint[i]));
        if (cli->output == CLI_TABLE) {
            status_row(cli->endpoint[i], m);
        }
        json_array_append_new(all, m);
    }
    if (cli->output != CLI_TABLE) {
        json_dumpf(all, stdout, JSON_COMPACT);
        putchar('\n');
    } else {
        if (members) {
            cli_view(cli, all);
        }
        wiped_lines(all);
    }
    json_decref(all);
    return worst;
}

int cli_status(struct cli *cli)
{
    return status(cli, false);
}

int cli_status_members(struct cli *cli)
{
    return status(cli, true);
}

static json_t *members_named(struct cli *cli)
{
    json_t *members = json_array();
    for (int i = 1; i < cli->argc; i++) {
        const char *addr = NULL;
        json_int_t id = cli_named(cli->argv[i], &addr);
        if (id == 0) {
            json_decref(members);
            return NULL;
        }
        json_array_append_new(members, json_pack("{s:I,s:s}", "id", id, "addr", addr));
    }
    return members;
}

/* Tell every endpoint about every other one. */
static int introduce(struct cli *cli, const json_t *infos)
{
    char text[512];
    for (uint32_t to = 0; to < cli->endpoint_count; to++) {
        for (uint32_t i = 0; i < cli->endpoint_count; i++) {
            int rc = CLI_OK;
            if (i == to) {
                continue;
            }
            json_t *done =
                cli_ask(cli, to, "/add-peer", json_array_get(infos, i), &rc, text, sizeof text);
            if (done == NULL) {
                fprintf(stderr, "aspen: %s\n", text);
                return rc;
            }
            json_decref(done);
        }
    }
    return CLI_OK;
}

/* Members from what the endpoints say of themselves, introduced to each other. */
static json_t *members_asked(struct cli *cli, int *out_exit)
{
    char text[512];
    json_t *infos = json_array();
    json_t *members = json_array();
    *out_exit = CLI_OK;
    for (uint32_t i = 0; i < cli->endpoint_count && *out_exit == CLI_OK; i++) {
        json_t *info = cli_ask(cli, i, "/node-info", NULL, out_exit, text, sizeof text);
        if (info == NULL) {
            fprintf(stderr, "aspen: %s\n", text);
            break;
        }
        json_t *id = json_object_get(info, "node_id");
        json_array_append_new(members,
                              json_pack("{s:O,s:s}", "id", id, "addr", cli_host(cli->endpoint[i])));
        json_array_append_new(infos, info);
    }
    if (*out_exit == CLI_OK) {
        *out_exit = introduce(cli, infos);
    }
    json_decref(infos);
    if (*out_exit != CLI_OK) {
        json_decref(members);
        members = NULL;
    }
    return members;
}

static void print_members(const json_t *state)
{
    size_t i = 0;
    json_t *node = NULL;
    json_array_foreach(json_object_get(state, "nodes"), i, node)
    {
        printf("node %lld  %s\n", (long long)json_integer_value(json_object_get(node, "id")),
               json_string_value(json_object_get(node, "addr")));
    }
}

int cli_init(struct cli *cli)
{
    int rc = CLI_OK;
    json_t *members = cli->argc > 1 ? members_named(cli) : members_asked(cli, &rc);
    if (members == NULL) {
        return rc == CLI_OK ? CLI_USAGE : rc;
    }
    json_t *body = json_pack("{s:o}", "initial_members", members);
    json_t *state = cli_ask_any(cli, "/init", body, &rc);
    json_decref(body);
    if (state == NULL) {
        return rc;
    }
    if (cli->output == CLI_TABLE) {
        print_members(state);
    } else {
        json_dumpf(state, stdout, JSON_COMPACT);
        putchar('\n');
    }
    json_decref(state);
    return CLI_OK;
}
