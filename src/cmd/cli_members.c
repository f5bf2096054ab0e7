/* cmd/cli_members.c -- `aspen cluster`: who is a member, and changing that. */
#include "cmd/cli.h"

#include <stdio.h>

enum {
    MEMBERS_TIMEOUT_MS = 15000 /* longer than a node waits for a change to be done */
};

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

/* What the endpoint with the newest configuration says; NULL with a message: nobody tells. */
static json_t *newest(struct cli *cli, int *out_exit)
{
    char text[512] = "the cluster is not initialised; start it with: aspen init";
    json_t *best = NULL;
    json_int_t index = 0;
    *out_exit = CLI_FAILED;
    for (uint32_t i = 0; i < cli->endpoint_count; i++) {
        json_t *m = cli_ask(cli, i, "/raft-metrics", NULL, out_exit, text, sizeof text);
        json_int_t at = json_integer_value(json_object_get(m, "config_index"));
        if (at > index) {
            json_decref(best);
            best = json_incref(m);
            index = at;
        }
        json_decref(m);
    }
    if (best == NULL) {
        fprintf(stderr, "aspen: %s\n", text);
        *out_exit = *out_exit == CLI_OK ? CLI_FAILED : *out_exit;
    }
    return best;
}

/* Voters of the newest configuration that any endpoint knows; NULL with a message. */
static json_t *voters_now(struct cli *cli, json_int_t *out_index, int *out_exit)
{
    json_t *m = newest(cli, out_exit);
    json_t *voters = m != NULL ? json_deep_copy(json_object_get(m, "members")) : NULL;
    *out_index = json_integer_value(json_object_get(m, "config_index"));
    json_decref(m);
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

/* Only one node is given a vote, or another one's place: who lost its disk and is on its way back
 * stands among the learners meanwhile, and is not meant. */
static json_t *change_body(json_t *voters, json_int_t index)
{
    return json_pack("{s:o,s:I,s:b}", "members", voters, "expect", index, "keep_rejoining", 1);
}

/* ---- the commands ---- */

/* What the node at ADDR says of itself; NULL: text says why nobody does. That is no failure yet:
 * its endpoint may be known already. */
static json_t *info_at(struct cli *cli, const char *addr, char *text, size_t size)
{
    int rc = CLI_OK;
    static struct cli other;
    other = (struct cli){ .timeout_ms = cli->timeout_ms };
    text[0] = '\0';
    if (!cli_endpoints(&other, addr)) {
        return NULL;
    }
    json_t *info = cli_ask(&other, 0, "/node-info", NULL, &rc, text, size);
    if (info != NULL && !json_is_integer(json_object_get(info, "node_id"))) {
        snprintf(text, size, "%s: the answer is not of this interface", addr);
        json_decref(info);
        return NULL;
    }
    return info;
}

/* As any endpoint knows; nobody's word is no. */
static bool is_member(struct cli *cli, json_int_t id)
{
    int rc = CLI_OK;
    char ignored[512];
    bool member = false;
    for (uint32_t i = 0; i < cli->endpoint_count; i++) {
        json_t *m = cli_ask(cli, i, "/raft-metrics", NULL, &rc, ignored, sizeof ignored);
        member = member || cli_has(json_object_get(m, "members"), id) ||
                 cli_has(json_object_get(m, "learners"), id);
        json_decref(m);
    }
    return member;
}

/* The cluster is told the endpoint of the node at ADDR. False with a message: it is another one. */
static bool introduce(struct cli *cli, json_int_t id, const char *addr, const json_t *info)
{
    char ignored[512];
    int rc = CLI_OK;
    long long there = (long long)json_integer_value(json_object_get(info, "node_id"));
    if (there != id && is_member(cli, there)) {
        fprintf(stderr, "aspen: node %lld answers at %s, a member already, not node %lld\n", there,
                addr, (long long)id);
        return false;
    }
    if (there != id) {
        bool replaces = cli->argc > 3;
        fprintf(stderr,
                "aspen: node %lld answers at %s, not node %lld: aspen cluster %s%s%s %lld=%s\n",
                there, addr, (long long)id, cli->argv[1], replaces ? " " : "",
                replaces ? cli->argv[2] : "", there, addr);
        return false;
    }
    for (uint32_t i = 0; i < cli->endpoint_count; i++) {
        json_decref(cli_ask(cli, i, "/add-peer", info, &rc, ignored, sizeof ignored));
    }
    return true;
}

/* Whether a learner has this id, and another address than addr. */
static bool learner_elsewhere(const json_t *now, json_int_t id, const char *addr)
{
    size_t i = 0;
    json_t *node = NULL;
    json_array_foreach(json_object_get(now, "nodes"), i, node)
    {
        const char *there = json_string_value(json_object_get(node, "addr"));
        if (json_integer_value(json_object_get(node, "id")) == id && there != NULL &&
            strcmp(there, addr) == 0) {
            return false;
        }
    }
    return cli_has(json_object_get(now, "learners"), id);
}

/* Nobody answers at ADDR as this node would. A new one may be added all the same, it may start
 * later; one that is there already keeps the address where it was found. */
static bool may_be_silent(struct cli *cli, json_int_t id, const char *addr, const char *silent,
                          int *out_exit)
{
    json_t *now = newest(cli, out_exit);
    if (now == NULL) {
        return false;
    }
    bool moves = learner_elsewhere(now, id, addr);
    json_decref(now);
    if (moves) {
        long long told = (long long)id;
        fprintf(stderr,
                "aspen: node %lld is a learner already, and at %s nobody answers as node %lld "
                "would (%s): its address stays; start it there first, or name the address where "
                "it answers\n",
                told, addr, told, silent);
        *out_exit = CLI_FAILED;
    }
    return !moves;
}

/* Added as a learner: the cluster then; NULL with *out_exit when that failed. */
static json_t *add_one(struct cli *cli, json_int_t id, const char *addr, int *out_exit)
{
    char silent[512];
    json_t *info = info_at(cli, addr, silent, sizeof silent);
    bool other = info != NULL && !introduce(cli, id, addr, info);
    bool unheard = info == NULL;
    json_decref(info);
    if (other) {
        *out_exit = CLI_FAILED;
        return NULL;
    }
    if (unheard && !may_be_silent(cli, id, addr, silent, out_exit)) {
        return NULL;
    }
    json_t *body = json_pack("{s:{s:I,s:s}}", "learner", "id", id, "addr", addr);
    json_t *state = cli_ask_any(cli, "/add-learner", body, out_exit);
    json_decref(body);
    if (unheard && (state != NULL || *out_exit == CLI_FAILED)) {
        fprintf(stderr, "aspen: at %s nobody answers as node %lld would (%s): start node %lld%s\n",
                addr, (long long)id, silent, (long long)id,
                state != NULL ? "; it is a learner, with that address" : "");
    }
    return state;
}

static int cluster_add(struct cli *cli)
{
    int rc = CLI_OK;
    const char *addr = NULL;
    json_int_t id = cli_named(cli->argv[2], &addr);
    if (id == 0) {
        return CLI_USAGE;
    }
    json_t *state = add_one(cli, id, addr, &rc);
    rc = print_state(cli, state, rc);
    if (rc == CLI_OK && cli->output == CLI_TABLE) {
        printf("a learner receives everything and has no vote; to give it one: aspen cluster "
               "promote %lld\n",
               (long long)id);
    }
    return rc;
}

static int cluster_promote(struct cli *cli)
{
    json_int_t index = 0;
    int rc = CLI_OK;
    json_int_t id = cli_id(cli->argv[2]);
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
    json_int_t id = cli_id(cli->argv[2]);
    return id == 0 ? CLI_USAGE : ask(cli, "/remove-member", json_pack("{s:I}", "id", id));
}

/* Whether one may take the other's place in this configuration; else why not, in a message. */
static bool replaceable(const json_t *now, json_int_t old, json_int_t fresh)
{
    long long o = (long long)old;
    long long f = (long long)fresh;
    if (cli_has(json_object_get(now, "learners"), old)) {
        fprintf(
            stderr,
            "aspen: node %lld is a learner, no voter; take it away: aspen cluster remove %lld\n", o,
            o);
    } else if (!cli_has(json_object_get(now, "members"), old)) {
        fprintf(stderr, "aspen: node %lld is no member: see aspen cluster status\n", o);
    } else if (cli_has(json_object_get(now, "members"), fresh)) {
        fprintf(
            stderr,
            "aspen: node %lld is a voter already; take node %lld away: aspen cluster remove %lld\n",
            f, o, o);
    } else {
        return true;
    }
    return false;
}

/* The second half: one change of the voters. What the first half has left is said. */
static int exchange(struct cli *cli, json_int_t old, json_int_t fresh, const json_t *state)
{
    int rc = CLI_FAILED;
    json_int_t index = json_integer_value(json_object_get(state, "config_index"));
    if (replaceable(state, old, fresh)) { /* somebody else may have changed it meanwhile */
        json_t *voters = json_deep_copy(json_object_get(state, "members"));
        list_drop(voters, old);
        json_array_append_new(voters, json_integer(fresh));
        rc = ask(cli, "/change-membership", change_body(voters, index));
    }
    if (rc == CLI_UNKNOWN) {
        fprintf(stderr, "aspen: whether node %lld has its place: aspen cluster status\n",
                (long long)fresh);
    } else if (rc != CLI_OK) {
        fprintf(stderr,
                "aspen: node %lld stays a learner: try again, or take it away: aspen cluster "
                "remove %lld\n",
                (long long)fresh, (long long)fresh);
    }
    return rc;
}

/* OLD NEW=ADDR: NEW is added as a learner, then takes the place. All that can be refused is refused
 * before anything is changed. */
static int cluster_replace(struct cli *cli)
{
    int rc = CLI_USAGE;
    const char *addr = NULL;
    json_int_t old = cli_id(cli->argv[2]);
    json_int_t fresh = old != 0 ? cli_named(cli->argv[3], &addr) : 0;
    if (fresh != 0 && fresh == old) {
        fprintf(stderr, "aspen: the new node needs a number of its own, not %lld\n",
                (long long)old);
        return CLI_USAGE;
    }
    json_t *now = fresh != 0 ? newest(cli, &rc) : NULL;
    if (now == NULL) {
        return rc;
    }
    bool good = replaceable(now, old, fresh);
    json_decref(now);
    json_t *state = good ? add_one(cli, fresh, addr, &rc) : NULL;
    if (state == NULL) {
        return good ? rc : CLI_FAILED;
    }
    rc = exchange(cli, old, fresh, state);
    json_decref(state);
    return rc;
}

static int cluster_transfer(struct cli *cli)
{
    json_int_t to = cli->argc > 2 ? cli_id(cli->argv[2]) : 0;
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
