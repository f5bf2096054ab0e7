/* cmd/cli_members.c -- `aspen cluster`: who is a member, and changing that. */
#include "cmd/cli.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    MEMBERS_TIMEOUT_MS = 15000 /* longer than a node waits for a change to be done */
};

/* A node id of an argument; 0 with a message when it is none. */
static unsigned long long number_of(const char *text)
{
    char *end = NULL;
    unsigned long long id = strtoull(text, &end, 10);
    if (end == text || *end != '\0' || text[0] == '-' || id == 0) {
        fprintf(stderr, "aspen: %s is no node id\n", text);
        return 0;
    }
    return id;
}

static int print_state(struct cli *cli, json_t *state, int rc)
{
    size_t i = 0;
    json_t *node = NULL;
    if (state == NULL) {
        return rc;
    }
    if (cli->output != CLI_TABLE) {
        json_dumpf(state, stdout, JSON_COMPACT);
        putchar('\n');
        json_decref(state);
        return CLI_OK;
    }
    json_int_t leader = json_integer_value(json_object_get(state, "leader"));
    printf("%-6s %-8s %-7s %s\n", "NODE", "PLACE", "LEADER", "ADDRESS");
    json_array_foreach(json_object_get(state, "nodes"), i, node)
    {
        json_int_t id = json_integer_value(json_object_get(node, "id"));
        printf("%-6lld %-8s %-7s %s\n", (long long)id,
               cli_has(json_object_get(state, "members"), id) ? "voter" : "learner",
               id == leader ? "yes" : "", json_string_value(json_object_get(node, "addr")));
    }
    json_decref(state);
    return CLI_OK;
}

static int ask(struct cli *cli, const char *path, json_t *body)
{
    int rc = CLI_OK;
    json_t *state = cli_ask_any(cli, path, body, &rc);
    json_decref(body);
    return print_state(cli, state, rc);
}

/* ---- members as the cluster says ---- */

/* Voters of the newest configuration that any endpoint knows, as a list; NULL with a message when
 * nobody tells. */
static json_t *voters_now(struct cli *cli, json_int_t *out_index, int *out_exit)
{
    char text[512] = "the cluster is not initialised; start it with: aspen init";
    json_t *voters = NULL;
    *out_index = 0;
    *out_exit = CLI_FAILED;
    for (uint32_t i = 0; i < cli->endpoint_count; i++) {
        json_t *m = cli_ask(cli, i, "/raft-metrics", NULL, out_exit, text, sizeof text);
        json_int_t index = json_integer_value(json_object_get(m, "config_index"));
        if (index > *out_index) {
            json_decref(voters);
            voters = json_deep_copy(json_object_get(m, "members"));
            *out_index = index;
        }
        json_decref(m);
    }
    if (voters == NULL) {
        fprintf(stderr, "aspen: %s\n", text);
        *out_exit = *out_exit == CLI_OK ? CLI_FAILED : *out_exit;
    }
    return voters;
}

static bool list_drop(json_t *list, json_int_t id)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        if (json_integer_value(json_array_get(list, i)) == id) {
            json_array_remove(list, i);
            return true;
        }
    }
    return false;
}

static json_t *change_body(json_t *voters, json_int_t index)
{
    return json_pack("{s:o,s:I}", "members", voters, "expect", index);
}

/* ---- the commands ---- */

/* ID=ADDR, or ID=URL of a node that answers HTTP: then the cluster is told its endpoint as well. */
static int introduce(struct cli *cli, const char *addr)
{
    char text[512];
    int rc = CLI_OK;
    static struct cli other;
    other = (struct cli){ .timeout_ms = cli->timeout_ms };
    if (!cli_endpoints(&other, addr)) {
        return CLI_OK;
    }
    json_t *info = cli_ask(&other, 0, "/node-info", NULL, &rc, text, sizeof text);
    if (info == NULL) {
        return CLI_OK; /* its endpoint may be known already; if not, the answer will say so */
    }
    for (uint32_t i = 0; i < cli->endpoint_count; i++) {
        json_t *done = cli_ask(cli, i, "/add-peer", info, &rc, text, sizeof text);
        json_decref(done);
    }
    json_decref(info);
    return CLI_OK;
}

/* The id of ID=ADDR, added as a learner; 0 with *out_exit when that failed. */
static json_int_t add_one(struct cli *cli, const char *what, json_t **out_state, int *out_exit)
{
    char *end = NULL;
    unsigned long long id = strtoull(what, &end, 10);
    *out_exit = CLI_USAGE;
    if (end == what || *end != '=' || id == 0 || end[1] == '\0') {
        fprintf(stderr, "aspen: %s is not ID=ADDR, as in 4=127.0.0.1:8084\n", what);
        return 0;
    }
    introduce(cli, end + 1);
    json_t *body = json_pack("{s:{s:I,s:s}}", "learner", "id", (json_int_t)id, "addr", end + 1);
    *out_state = cli_ask_any(cli, "/add-learner", body, out_exit);
    json_decref(body);
    return *out_state != NULL ? (json_int_t)id : 0;
}

static int cluster_add(struct cli *cli)
{
    int rc = CLI_OK;
    json_t *state = NULL;
    add_one(cli, cli->argv[2], &state, &rc);
    rc = print_state(cli, state, rc);
    if (rc == CLI_OK && cli->output == CLI_TABLE) {
        printf("a learner receives everything and has no vote; to give it one: aspen cluster "
               "promote %lld\n",
               strtoll(cli->argv[2], NULL, 10));
    }
    return rc;
}

static int cluster_promote(struct cli *cli)
{
    json_int_t index = 0;
    int rc = CLI_OK;
    json_int_t id = (json_int_t)number_of(cli->argv[2]);
    json_t *voters = id != 0 ? voters_now(cli, &index, &rc) : NULL;
    if (voters == NULL) {
        return id == 0 ? CLI_USAGE : rc;
    }
    list_drop(voters, id);
    json_array_append_new(voters, json_integer(id));
    return ask(cli, "/change-membership", change_body(voters, index));
}

static int cluster_remove(struct cli *cli)
{
    json_int_t id = (json_int_t)number_of(cli->argv[2]);
    return id == 0 ? CLI_USAGE : ask(cli, "/remove-member", json_pack("{s:I}", "id", id));
}

/* OLD NEW=ADDR: one change of the voters, after the new one has been added as a learner. */
static int cluster_replace(struct cli *cli)
{
    int rc = CLI_USAGE;
    json_t *state = NULL;
    json_int_t old = (json_int_t)number_of(cli->argv[2]);
    json_int_t fresh = old != 0 ? add_one(cli, cli->argv[3], &state, &rc) : 0;
    if (fresh == 0) {
        return rc;
    }
    json_int_t index = json_integer_value(json_object_get(state, "config_index"));
    json_t *voters = json_deep_copy(json_object_get(state, "members"));
    json_decref(state);
    if (!list_drop(voters, old)) {
        fprintf(stderr, "aspen: node %lld is no voter: see aspen cluster status\n", (long long)old);
        json_decref(voters);
        return CLI_FAILED;
    }
    json_array_append_new(voters, json_integer(fresh));
    return ask(cli, "/change-membership", change_body(voters, index));
}

static int cluster_transfer(struct cli *cli)
{
    json_int_t to = cli->argc > 2 ? (json_int_t)number_of(cli->argv[2]) : 0;
    if (cli->argc > 2 && to == 0) {
        return CLI_USAGE;
    }
    return ask(cli, "/transfer-leadership", to != 0 ? json_pack("{s:I}", "to", to) : json_object());
}

static const struct {
    const char *name;
    int (*run)(struct cli *cli);
    int arguments_min; /* behind the name */
    int arguments_max;
    const char *usage;
    const char *help;
} commands[] = {
    { "status", cli_status_members, 0, 0, "status",
      "every endpoint, every member: place, lag, last contact" },
    { "add", cluster_add, 1, 1, "add ID=ADDR", "a node that receives everything and has no vote" },
    { "promote", cluster_promote, 1, 1, "promote ID", "give a learner that has caught up a vote" },
    { "remove", cluster_remove, 1, 1, "remove ID", "a voter or learner is no member any more" },
    { "replace", cluster_replace, 2, 2, "replace OLD NEW=ADDR",
      "a new node takes the place of a voter, in one change" },
    { "transfer", cluster_transfer, 0, 1, "transfer [ID]",
      "another voter is to lead: this one, or whoever is best" },
};

int cli_cluster(struct cli *cli)
{
    if (!cli->timeout_given) {
        cli->timeout_ms = MEMBERS_TIMEOUT_MS;
    }
    for (size_t i = 0; cli->argc > 1 && i < sizeof commands / sizeof commands[0]; i++) {
        int given = cli->argc - 2;
        if (strcmp(cli->argv[1], commands[i].name) != 0) {
            continue;
        }
        if (given < commands[i].arguments_min || given > commands[i].arguments_max) {
            fprintf(stderr, "usage: aspen cluster %s\n", commands[i].usage);
            return CLI_USAGE;
        }
        return commands[i].run(cli);
    }
    fprintf(stderr, "usage: aspen cluster COMMAND\n");
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        fprintf(stderr, "  %-22s %s\n", commands[i].usage, commands[i].help);
    }
    return CLI_USAGE;
}
