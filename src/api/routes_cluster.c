/* api/routes_cluster.c -- /init, membership, office, /add-peer, /trigger-snapshot. */
#include "api/json_in.h"
#include "api/router.h"
#include "api/server.h"

static const char voters_bound[] = "a cluster has 1 to 16 voters, each named once";

/* ClusterState of the interface. */
static json_t *members_json(const struct service_members *m)
{
    json_t *nodes = json_array();
    json_t *voters = json_array();
    json_t *learners = json_array();
    for (uint32_t i = 0; i < m->count; i++) {
        json_int_t id = (json_int_t)m->member[i].id;
        json_t *node = json_in_node(m, i);
        json_array_append_new(nodes, node);
        if (m->member[i].voter) {
            json_array_append_new(voters, json_integer(id));
        } else {
            json_array_append(learners, node);
        }
    }
    return json_pack("{s:o,s:o,s:o,s:I}", "nodes", nodes, "members", voters, "learners", learners,
                     "config_index", (json_int_t)m->index);
}

static void cluster_done(struct service_call *call, const struct service_reply *r)
{
    struct http_conn *c = CONTAINER_OF(call, struct http_conn, call);
    c->calling = false;
    if (r->code != ERR_OK) {
        router_error(c, r->code, r->detail, r->leader_hint);
        return;
    }
    json_t *tree = r->members != NULL ? members_json(r->members) : json_object();
    if (r->leader_hint != 0) {
        json_object_set_new(tree, "leader", json_integer((json_int_t)r->leader_hint));
    }
    json_in_answer(c, tree);
}

static bool addr_fits(struct bytes text)
{
    return text.count < NODE_ADDR_BYTES_MAX &&
           (text.count == 0 || memchr(text.data, '\0', text.count) == NULL);
}

static bool member_of(const json_t *object, struct service_member *out)
{
    const json_t *raft_addr = json_object_get(object, "raft_addr");
    memset(out, 0, sizeof *out);
    if (!json_in_u64(object, "id", &out->id) || !json_in_text(object, "addr", &out->addr)) {
        return false;
    }
    if (raft_addr != NULL && !json_is_null(raft_addr) &&
        !json_in_text(object, "raft_addr", &out->raft_addr)) {
        return false;
    }
    return addr_fits(out->addr) && addr_fits(out->raft_addr);
}

static void begin_call(struct http_conn *c)
{
    memset(&c->call, 0, sizeof c->call);
    c->call.done = cluster_done;
    c->calling = true;
}

static void call_result(struct http_conn *c, enum err e, const char *detail)
{
    if (e != ERR_OK) {
        c->calling = false;
        router_error(c, e, e == ERR_BAD_REQUEST ? detail : NULL, 0);
    }
}

/* "expect": the index of the configuration that is meant to change. False: no such thing, and the
 * client has been told. A node without a cluster says 0, which no configuration has: whoever means
 * it never means what is. */
static bool expect_of(struct http_conn *c, const json_t *body)
{
    struct service_call *call = &c->call;
    if (json_object_get(body, "expect") == NULL) {
        return true;
    }
    bool good = json_in_u64(body, "expect", &call->expect);
    call->expect = call->expect != 0 ? call->expect : SERVICE_EXPECT_NONE;
    if (!good) {
        call_result(c, ERR_BAD_REQUEST, "\"expect\" is a config_index, a number as {\"expect\":7}");
    }
    return good;
}

void route_init(struct http_conn *c)
{
    struct service_member members[SERVICE_MEMBERS_MAX];
    json_t *body = json_in_body(c, false);
    if (body == NULL) {
        return;
    }
    const json_t *list = json_object_get(body, "initial_members");
    size_t count = json_array_size(list);
    bool good = json_is_array(list) && count > 0 && count <= SERVICE_MEMBERS_MAX;
    for (size_t i = 0; good && i < count; i++) {
        good = member_of(json_array_get(list, i), &members[i]);
    }
    if (!good) {
        router_error(c, ERR_BAD_REQUEST,
                     "expected {\"initial_members\":[{\"id\":1,\"addr\":\"host:port\"},...]}", 0);
        return;
    }
    begin_call(c);
    struct service *s = c->api->service;
    call_result(c, s->table->init(s, members, (uint32_t)count, &c->call),
                "the members must be distinct, numbered from 1, at most 16, and name this node");
}

void route_add_learner(struct http_conn *c)
{
    struct service_member member;
    json_t *body = json_in_body(c, false);
    if (body == NULL) {
        return;
    }
    begin_call(c);
    if (!member_of(json_object_get(body, "learner"), &member)) {
        call_result(c, ERR_BAD_REQUEST, "expected {\"learner\":{\"id\":4,\"addr\":\"host:port\"}}");
        return;
    }
    if (!expect_of(c, body)) {
        return;
    }
    struct service *s = c->api->service;
    call_result(c, s->table->add_learner(s, &member, &c->call), "a node id is above 0");
}

/* "keep_rejoining": whoever is on its way back as a voter stays so, named or not.
 * False: no such thing. */
static bool keep_of(const json_t *body, struct service_call *call)
{
    const json_t *keep = json_object_get(body, "keep_rejoining");
    call->keep_rejoining = json_is_true(keep);
    return keep == NULL || json_is_boolean(keep);
}

void route_change_membership(struct http_conn *c)
{
    uint64_t ids[SERVICE_MEMBERS_MAX];
    json_t *body = json_in_body(c, false);
    if (body == NULL) {
        return;
    }
    const json_t *list = json_object_get(body, "members");
    size_t count = json_array_size(list);
    bool good = json_is_array(list) && count > 0 && count <= SERVICE_MEMBERS_MAX;
    for (size_t i = 0; good && i < count; i++) {
        const json_t *id = json_array_get(list, i);
        good = json_is_integer(id) && json_integer_value(id) > 0;
        ids[i] = good ? (uint64_t)json_integer_value(id) : 0;
    }
    begin_call(c);
    if (json_is_array(list) && (count == 0 || count > SERVICE_MEMBERS_MAX)) {
        call_result(c, ERR_BAD_REQUEST, voters_bound);
        return;
    }
    if (!good) {
        call_result(c, ERR_BAD_REQUEST, "expected {\"members\":[1,2,3]}");
        return;
    }
    if (!expect_of(c, body)) {
        return;
    }
    if (!keep_of(body, &c->call)) {
        call_result(c, ERR_BAD_REQUEST, "\"keep_rejoining\" is true or false");
        return;
    }
    struct service *s = c->api->service;
    call_result(c, s->table->change_membership(s, ids, (uint32_t)count, &c->call), voters_bound);
}

void route_remove_member(struct http_conn *c)
{
    uint64_t id = 0;
    json_t *body = json_in_body(c, false);
    if (body == NULL) {
        return;
    }
    begin_call(c);
    if (!json_in_u64(body, "id", &id) || id == 0) {
        call_result(c, ERR_BAD_REQUEST, "expected {\"id\":4}");
        return;
    }
    if (!expect_of(c, body)) {
        return;
    }
    struct service *s = c->api->service;
    call_result(c, s->table->remove_member(s, id, &c->call), NULL);
}

void route_transfer(struct http_conn *c)
{
    uint64_t to = 0;
    json_t *body = json_in_body(c, true);
    if (body == NULL) {
        return;
    }
    const json_t *named = json_object_get(body, "to");
    begin_call(c);
    if (named != NULL && !json_is_null(named) && (!json_in_u64(body, "to", &to) || to == 0)) {
        call_result(c, ERR_BAD_REQUEST, "expected {\"to\":2}, or nothing: whoever is best");
        return;
    }
    struct service *s = c->api->service;
    call_result(c, s->table->transfer(s, to, &c->call), NULL);
}

/* Addresses of an endpoint: {"Ip":"1.2.3.4:5"}; relays are taken note of by others. */
static bool endpoint_of(const json_t *object, struct node_key *key, struct os_addr *addrs,
                        uint32_t *out_count)
{
    struct bytes text;
    const json_t *list = json_object_get(object, "addrs");
    *out_count = 0;
    if (!json_in_text(object, "id", &text) || ids_unhex(text, key->b, NODE_KEY_BYTES) != ERR_OK) {
        return false;
    }
    if (list != NULL && !json_is_array(list)) {
        return false;
    }
    for (size_t i = 0; i < json_array_size(list) && *out_count < NODE_ADDRS_MAX; i++) {
        const json_t *a = json_array_get(list, i);
        if (json_in_text(a, "Ip", &text)) {
            if (os_addr_parse(text, &addrs[*out_count]) != ERR_OK) {
                return false;
            }
            (*out_count)++;
        } else if (!json_in_text(a, "Relay", &text)) {
            return false;
        }
    }
    return true;
}

void route_add_peer(struct http_conn *c)
{
    struct node_key key;
    struct os_addr addrs[NODE_ADDRS_MAX];
    uint32_t count = 0;
    uint64_t id = 0;
    json_t *body = json_in_body(c, false);
    if (body == NULL) {
        return;
    }
    if (!json_in_u64(body, "node_id", &id) || id == 0 ||
        !endpoint_of(json_object_get(body, "endpoint_addr"), &key, addrs, &count)) {
        router_error(c, ERR_BAD_REQUEST,
                     "expected {\"node_id\":2,\"endpoint_addr\":{\"id\":\"64 hex digits\","
                     "\"addrs\":[{\"Ip\":\"127.0.0.1:4545\"}]}}",
                     0);
        return;
    }
    struct service *s = c->api->service;
    enum err e = s->table->add_peer(s, id, &key, addrs, count);
    if (e != ERR_OK) {
        router_error(
            c, e,
            e == ERR_BAD_REQUEST
                ? "the id or key is this node's own or belongs to another member; a machine "
                  "without its old key is another node: aspen cluster replace ID NEW=ADDR"
                : NULL,
            0);
        return;
    }
    json_in_answer(c, json_object());
}

static void snapshot_done(struct service_call *call, const struct service_reply *r)
{
    struct http_conn *c = CONTAINER_OF(call, struct http_conn, call);
    c->calling = false;
    if (r->code != ERR_OK) {
        router_error(c, r->code, r->detail, r->leader_hint);
    } else if (r->snapshot_index == 0) {
        json_in_answer(c, json_pack("{s:n}", "snapshot"));
    } else {
        json_in_answer(c,
                       json_pack("{s:{s:I,s:I}}", "snapshot", "term", (json_int_t)r->snapshot_term,
                                 "index", (json_int_t)r->snapshot_index));
    }
}

void route_trigger_snapshot(struct http_conn *c)
{
    if (json_in_body(c, true) == NULL) {
        return;
    }
    begin_call(c);
    c->call.done = snapshot_done;
    struct service *s = c->api->service;
    call_result(c, s->table->trigger_snapshot(s, &c->call), NULL);
}
