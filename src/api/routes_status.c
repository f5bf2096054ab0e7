/* api/routes_status.c -- what a node says of itself: health, metrics, leader, endpoint. */
#include "api/json_in.h"
#include "api/router.h"
#include "api/server.h"

#include <stdio.h>

enum {
    STATUS_TEXT_BYTES_MAX = 64 * 1024
};

static const struct service_status *status_of(struct http_conn *c)
{
    struct service *s = c->api->service;
    s->table->status(s, &c->api->status);
    return &c->api->status;
}

static json_t *check(bool good, const char *detail)
{
    return json_pack("{s:s,s:s}", "status", good ? "healthy" : "unhealthy", "detail", detail);
}

static const char *leader_text(const struct service_status *st)
{
    bool member = st->conf_joint; /* one of those that leave, perhaps */
    for (uint32_t i = 0; i < st->voter_count; i++) {
        member = member || st->voter[i] == st->node_id;
    }
    for (uint32_t i = 0; i < st->learner_count; i++) {
        member = member || st->learner[i] == st->node_id;
    }
    if (st->leader != 0) {
        return "a leader is known";
    }
    if (!st->initialized) {
        return "the cluster is not initialised";
    }
    return member ? "no leader is known"
                  : "no leader is known: this node is no member of the cluster";
}

void route_health(struct http_conn *c)
{
    const struct service_status *st = status_of(c);
    bool leader = st->leader != 0;
    bool storage = !st->storage_failed;
    bool space = !st->disk_full;
    bool raft = st->role != SERVICE_SHUTDOWN;
    bool all = leader && storage && space && raft;
    json_t *tree =
        json_pack("{s:s,s:I,s:I,s:I,s:{s:o,s:o,s:o,s:o}}", "status", all ? "healthy" : "unhealthy",
                  "node_id", (json_int_t)st->node_id, "raft_node_id", (json_int_t)st->node_id,
                  "ractor_port", (json_int_t)st->node_port, "checks", "raft",
                  check(raft, raft ? "consensus answers" : "stopped"), "leader",
                  check(leader, leader_text(st)), "storage",
                  check(storage, storage ? "writable" : "a write or sync failed"), "disk",
                  check(space, space ? "enough space" : "less than 5 % is free"));
    char *text = tree != NULL ? json_dumps(tree, JSON_COMPACT) : NULL;
    json_decref(tree);
    if (text == NULL) {
        router_error(c, ERR_NO_MEMORY, NULL, 0);
        return;
    }
    http_conn_answer(c, all ? 200 : 503, "application/json", bytes_of(NULL, 0), bytes_text(text));
    free(text);
}

static json_t *log_id(uint64_t term, uint64_t index)
{
    return index == 0
               ? json_null()
               : json_pack("{s:I,s:I}", "term", (json_int_t)term, "index", (json_int_t)index);
}

/* Of the leader: what holds of each other member, under its number. */
static json_t *of_peers(const struct service_status *st,
                        json_t *(*what)(const struct service_status *st, uint32_t i))
{
    if (st->role != SERVICE_LEADER) {
        return json_null();
    }
    json_t *tree = json_object();
    for (uint32_t i = 0; i < st->peer_count; i++) {
        char id[24];
        snprintf(id, sizeof id, "%llu", (unsigned long long)st->peer[i].id);
        json_object_set_new(tree, id, what(st, i));
    }
    return tree;
}

static json_t *match(const struct service_status *st, uint32_t i)
{
    return log_id(st->peer[i].match_term, st->peer[i].match_index);
}

/* Entries of the leader's log that it is not known to have. */
static json_t *lag(const struct service_status *st, uint32_t i)
{
    uint64_t has = st->peer[i].match_index;
    return json_integer((json_int_t)(st->last_index > has ? st->last_index - has : 0));
}

/* Since it last answered; null for one that never did in this term. */
static json_t *contact(const struct service_status *st, uint32_t i)
{
    int64_t ms = st->peer[i].contact_ms;
    return ms >= 0 ? json_integer(ms) : json_null();
}

static json_t *ids(const uint64_t *list, uint32_t count)
{
    json_t *tree = json_array();
    for (uint32_t i = 0; i < count; i++) {
        json_array_append_new(tree, json_integer((json_int_t)list[i]));
    }
    return tree;
}

/* As in the state of the cluster. */
static json_t *nodes(struct http_conn *c)
{
    struct service *s = c->api->service;
    const struct service_members *m = &c->api->members;
    json_t *tree = json_array();
    s->table->members(s, &c->api->members);
    for (uint32_t i = 0; i < m->count; i++) {
        json_array_append_new(tree, json_in_node(m, i));
    }
    return tree;
}

static json_t *id_or_null(uint64_t id)
{
    return id != 0 ? json_integer((json_int_t)id) : json_null();
}

static json_t *incarnation(uint64_t life)
{
    char hex[24];
    snprintf(hex, sizeof hex, "%016llx", (unsigned long long)life);
    return life != 0 ? json_string(hex) : json_null();
}

static json_t *cluster(const struct cluster_id *id)
{
    static const struct cluster_id none;
    char hex[2 * CLUSTER_ID_BYTES + 1];
    ids_hex(id->b, CLUSTER_ID_BYTES, hex);
    return memcmp(id, &none, sizeof none) != 0 ? json_string(hex) : json_null();
}

static const char *role_text(enum service_role role)
{
    static const char *const names[] = { "Learner", "Follower", "Candidate", "Leader", "Shutdown" };
    return names[role];
}

void route_raft_metrics(struct http_conn *c)
{
    const struct service_status *st = status_of(c);
    char hash[24];
    snprintf(hash, sizeof hash, "%016llx", (unsigned long long)st->state_hash);
    json_t *tree =
        json_pack("{s:I,s:s,s:o,s:I,s:I,s:o}", "node_id", (json_int_t)st->node_id, "state",
                  role_text(st->role), "current_leader", id_or_null(st->leader), "current_term",
                  (json_int_t)st->term, "last_log_index", (json_int_t)st->last_index,
                  "last_applied", log_id(st->applied_term, st->applied_index));
    json_object_set_new(tree, "committed", log_id(st->committed_term, st->committed_index));
    json_object_set_new(tree, "snapshot", log_id(st->snapshot_term, st->snapshot_index));
    json_object_set_new(tree, "purged", log_id(st->purged_term, st->purged_index));
    json_object_set_new(tree, "replication", of_peers(st, match));
    json_object_set_new(tree, "lag", of_peers(st, lag));
    json_object_set_new(tree, "millis_since_contact", of_peers(st, contact));
    json_object_set_new(tree, "config_index", json_integer((json_int_t)st->conf_index));
    json_object_set_new(tree, "joint", json_boolean(st->conf_joint));
    json_object_set_new(tree, "transfer_to", id_or_null(st->transfer_to));
    json_object_set_new(tree, "millis_since_quorum_ack",
                        st->quorum_ack_ms >= 0 ? json_integer(st->quorum_ack_ms) : json_null());
    json_object_set_new(tree, "members", ids(st->voter, st->voter_count));
    json_object_set_new(tree, "learners", ids(st->learner, st->learner_count));
    json_object_set_new(tree, "outgoing", ids(st->outgoing, st->outgoing_count));
    json_object_set_new(tree, "nodes", nodes(c));
    json_object_set_new(tree, "wiped", ids(st->wiped, st->wiped_count));
    json_object_set_new(tree, "rejoining", ids(st->rejoining, st->rejoining_count));
    json_object_set_new(tree, "majority_lost", json_boolean(st->wiped_majority));
    json_object_set_new(tree, "auto_rejoin", json_boolean(st->auto_rejoin));
    json_object_set_new(tree, "incarnation", incarnation(st->incarnation));
    json_object_set_new(tree, "cluster", cluster(&st->cluster));
    json_object_set_new(tree, "vote", id_or_null(st->vote));
    json_object_set_new(tree, "revision", json_integer(st->revision));
    json_object_set_new(tree, "state_hash", json_string(hash));
    json_in_answer(c, tree);
}

void route_leader(struct http_conn *c)
{
    json_in_answer(c, json_pack("{s:o}", "leader", id_or_null(status_of(c)->leader)));
}

void route_node_info(struct http_conn *c)
{
    const struct service_status *st = status_of(c);
    struct os_addr addrs[NODE_ADDRS_MAX];
    char hex[2 * NODE_KEY_BYTES + 1];
    json_t *list = json_array();
    struct service *s = c->api->service;
    uint32_t count = s->table->addrs(s, addrs, NODE_ADDRS_MAX);
    for (uint32_t i = 0; i < count; i++) {
        char text[OS_ADDR_TEXT_MAX];
        os_addr_format(&addrs[i], text);
        json_array_append_new(list, json_pack("{s:s}", "Ip", text));
    }
    ids_hex(st->key.b, NODE_KEY_BYTES, hex);
    json_in_answer(c, json_pack("{s:I,s:{s:s,s:o}}", "node_id", (json_int_t)st->node_id,
                                "endpoint_addr", "id", hex, "addrs", list));
}

void route_cluster_ticket(struct http_conn *c)
{
    router_error(c, ERR_NOT_BUILT, "tickets are not available in this version", 0);
}

/* What the door itself counts. */
static void http_metrics(const struct api *a, uint64_t node_id, struct writer *out)
{
    const struct {
        const char *name;
        const char *type;
        const char *help;
        uint64_t value;
    } rows[] = {
        { "http_connections", "gauge", "Connections now", a->count },
        { "http_connections_total", "counter", "Connections accepted", a->accepted },
        { "http_turned_away_total", "counter", "Connections over a cap", a->turned_away },
        { "http_evicted_total", "counter", "Idle connections that made way", a->evicted },
        { "http_requests_total", "counter", "Requests that could be read", a->requests },
        { "http_refused_total", "counter", "Requests that could not be read", a->refused },
        { "http_memory_bytes", "gauge", "Memory of connections", a->mem->used },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        writer_text(out,
                    "# HELP aspen_%s %s\n# TYPE aspen_%s %s\naspen_%s{node_id=\"%llu\"} %llu\n",
                    rows[i].name, rows[i].help, rows[i].name, rows[i].type, rows[i].name,
                    (unsigned long long)node_id, (unsigned long long)rows[i].value);
    }
}

static void answer_text(struct http_conn *c, void (*fill)(struct service *s, struct writer *out),
                        bool door)
{
    uint8_t *room = mem_alloc(c->api->mem, STATUS_TEXT_BYTES_MAX);
    if (room == NULL) {
        router_error(c, ERR_NO_MEMORY, NULL, 0);
        return;
    }
    struct writer w = writer_of(room, STATUS_TEXT_BYTES_MAX);
    fill(c->api->service, &w);
    if (door) {
        http_metrics(c->api, status_of(c)->node_id, &w);
    }
    http_conn_answer(c, 200, "text/plain; version=0.0.4", bytes_of(NULL, 0), writer_bytes(&w));
    mem_free(c->api->mem, room);
}

void route_metrics(struct http_conn *c)
{
    answer_text(c, c->api->service->table->metrics, true);
}

void route_iroh_metrics(struct http_conn *c)
{
    answer_text(c, c->api->service->table->transport_metrics, false);
}
