/* cmd/cli_view.c -- the members of the cluster as a table: place, address, how far, last heard.
 *
 * Why: only the leader knows how far the others are and whether they answer; so it is asked where
 *      it is known, whichever endpoints were named
 */
#include "cmd/cli.h"

#include <stdio.h>

enum {
    LEADER_TIMEOUT_MS = 2000, /* it may be down; then the others' view has to do */
    CONTACT_MS_MAX = 10000    /* from here on in seconds */
};

static json_int_t integer(const json_t *m, const char *name)
{
    return json_integer_value(json_object_get(m, name));
}

static bool leads(const json_t *m)
{
    const char *state = json_string_value(json_object_get(m, "state"));
    return state != NULL && strcmp(state, "Leader") == 0;
}

/* ---- whose view ---- */

/* A leader's counts for more than any other; then the one of the newest term, configuration. */
static bool better(const json_t *m, const json_t *than)
{
    if (leads(m) != leads(than)) {
        return leads(m);
    }
    if (leads(m)) {
        return integer(m, "current_term") > integer(than, "current_term");
    }
    return integer(m, "config_index") > integer(than, "config_index");
}

static const char *address_of(const json_t *view, json_int_t id)
{
    size_t i = 0;
    json_t *node = NULL;
    json_array_foreach(json_object_get(view, "nodes"), i, node)
    {
        const char *addr = json_string_value(json_object_get(node, "addr"));
        if (integer(node, "id") == id && addr != NULL && addr[0] != '\0') {
            return cli_host(addr);
        }
    }
    return NULL;
}

/* Of one cluster; what neither of them says is the same. */
static bool akin(const json_t *a, const json_t *b)
{
    const char *of_a = json_string_value(json_object_get(a, "cluster"));
    const char *of_b = json_string_value(json_object_get(b, "cluster"));
    return of_a == NULL || of_b == NULL ? of_a == of_b : strcmp(of_a, of_b) == 0;
}

/* The leader's own view, asked where the members say it is; NULL: not there, or not it. Numbers and
 * terms begin at 1 in every cluster, so they do not tell one from another. */
static json_t *ask_leader(const struct cli *cli, const json_t *view)
{
    static struct cli other;
    char text[512];
    int rc = CLI_OK;
    json_int_t id = integer(view, "current_leader");
    const char *addr = id != 0 ? address_of(view, id) : NULL;
    uint64_t ms = cli->timeout_ms < LEADER_TIMEOUT_MS ? cli->timeout_ms : LEADER_TIMEOUT_MS;
    other = (struct cli){ .timeout_ms = ms, .endpoint_count = 1 };
    if (addr == NULL || strlen(addr) + sizeof "http://" > CLI_URL_BYTES_MAX) {
        return NULL;
    }
    snprintf(other.endpoint[0], CLI_URL_BYTES_MAX, "http://%s", addr);
    json_t *m = cli_ask(&other, 0, "/raft-metrics", NULL, &rc, text, sizeof text);
    if (m == NULL || integer(m, "node_id") != id || !leads(m) || !akin(m, view) ||
        integer(m, "current_term") < integer(view, "current_term")) {
        json_decref(m);
        return NULL;
    }
    return m;
}

/* The best view of those that answered, or the leader's; NULL: there is no cluster. */
static json_t *view_of(const struct cli *cli, const json_t *all)
{
    size_t i = 0;
    json_t *m = NULL;
    json_t *best = NULL;
    json_array_foreach(all, i, m)
    {
        if (integer(m, "config_index") > 0 && (best == NULL || better(m, best))) {
            best = m;
        }
    }
    json_t *asked = best != NULL && !leads(best) ? ask_leader(cli, best) : NULL;
    return asked != NULL ? asked : json_incref(best);
}

/* ---- its rows ---- */

static const char *place_of(const json_t *view, json_int_t id)
{
    bool joint = json_is_true(json_object_get(view, "joint"));
    bool incoming = cli_has(json_object_get(view, "members"), id);
    bool outgoing = cli_has(json_object_get(view, "outgoing"), id);
    if (cli_has(json_object_get(view, "learners"), id)) {
        return "learner";
    }
    if (!incoming && !outgoing) {
        return "no member";
    }
    return !joint || (incoming && outgoing) ? "voter" : incoming ? "voter (new)" : "voter (old)";
}

/* When the leader heard it last. */
static void contact_text(const json_t *view, const char *key, char *out, size_t size)
{
    const json_t *all = json_object_get(view, "millis_since_contact");
    const json_t *v = json_object_get(all, key);
    long long ms = (long long)json_integer_value(v);
    if (v == NULL) {
        snprintf(out, size, "-");
    } else if (json_is_null(v)) {
        snprintf(out, size, "never");
    } else if (ms < CONTACT_MS_MAX) {
        snprintf(out, size, "%lld ms", ms);
    } else {
        snprintf(out, size, "%lld s", ms / 1000);
    }
}

static void member_row(const json_t *view, json_int_t id, const char *url)
{
    char key[24];
    char match[24] = "-";
    char lag[24] = "-";
    char contact[32];
    bool own = leads(view) && id == integer(view, "node_id");
    const char *addr = address_of(view, id);
    snprintf(key, sizeof key, "%lld", (long long)id);
    contact_text(view, key, contact, sizeof contact);
    json_int_t last = integer(view, "last_log_index");
    const json_t *has = json_object_get(json_object_get(view, "replication"), key);
    if (own || has != NULL) {
        json_int_t index = own ? last : integer(has, "index");
        snprintf(match, sizeof match, "%lld", (long long)index);
        snprintf(lag, sizeof lag, "%lld", (long long)(last - index));
    }
    printf("%-6lld %-11s %-6s %9s %9s %9s  %s\n", (long long)id, place_of(view, id),
           id == integer(view, "current_leader") ? "yes" : "", match, lag, contact,
           addr != NULL  ? addr
           : url != NULL ? cli_host(url)
                         : "-");
}

/* The endpoint of a node that was asked; NULL: it was not. */
static const char *url_of(const json_t *all, json_int_t id)
{
    size_t i = 0;
    json_t *m = NULL;
    json_array_foreach(all, i, m)
    {
        if (integer(m, "node_id") == id) {
            return json_string_value(json_object_get(m, "endpoint"));
        }
    }
    return NULL;
}

/* Every node of a list that has no row yet. */
static void rows(const json_t *view, const char *list, const json_t *all, json_t *done)
{
    size_t i = 0;
    json_t *id = NULL;
    json_array_foreach(json_object_get(view, list), i, id)
    {
        if (!cli_has(done, json_integer_value(id))) {
            member_row(view, json_integer_value(id), url_of(all, json_integer_value(id)));
            json_array_append(done, id);
        }
    }
}

/* Nodes that were asked and are no members: removed, or not added yet. */
static void rows_outside(const json_t *view, const json_t *all, json_t *done)
{
    size_t i = 0;
    json_t *m = NULL;
    json_array_foreach(all, i, m)
    {
        json_t *id = json_object_get(m, "node_id");
        if (!cli_has(done, json_integer_value(id))) {
            member_row(view, json_integer_value(id), url_of(all, json_integer_value(id)));
            json_array_append(done, id);
        }
    }
}

static void headline(const json_t *view)
{
    json_int_t leader = integer(view, "current_leader");
    printf("\nmembers as node %lld sees them, configuration %lld%s",
           (long long)integer(view, "node_id"), (long long)integer(view, "config_index"),
           json_is_true(json_object_get(view, "joint")) ? ", a change of voters is under way" : "");
    if (!leads(view) && leader != 0) {
        printf("; node %lld leads and knows how far they are, but was not reached",
               (long long)leader);
    } else if (!leads(view)) {
        printf("; it knows no leader");
    }
    printf("\n%-6s %-11s %-6s %9s %9s %9s  %s\n", "NODE", "PLACE", "LEADER", "MATCH", "LAG",
           "CONTACT", "ADDRESS");
}

void cli_view(const struct cli *cli, const json_t *all)
{
    json_t *view = view_of(cli, all);
    if (view == NULL && json_array_size(all) > 0) {
        printf("the cluster is not initialised; start it with: aspen init\n");
    }
    if (view == NULL) {
        return;
    }
    json_t *done = json_array();
    headline(view);
    rows(view, "members", all, done);
    rows(view, "outgoing", all, done);
    rows(view, "learners", all, done);
    rows_outside(view, all, done);
    json_decref(done);
    json_decref(view);
}
