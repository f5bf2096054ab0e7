/* tests/unit/api/test_routes.c -- every route to the letter: status, body, headers, errors.
 *
 * Subject: api/routes_*.c, api/router.c
 * Method:  a fake service that the test answers; fields of a reply are looked up by their path
 */
#include "door.h"
#include "fake.h"

#include <jansson.h>

static struct door d;
static struct fake f;
static struct door_client *c;

static void start(void)
{
    fake_init(&f);
    door_init(&d);
    door_open(&d, &f.base);
    c = door_connect(&d);
}

static void post(const char *path, const char *body)
{
    char text[4096];
    c->got_used = 0;
    snprintf(text, sizeof text, "POST %s HTTP/1.1\r\nHost: a\r\nContent-Length: %zu\r\n\r\n%s",
             path, strlen(body), body);
    door_send(c, text);
}

static void get(const char *path)
{
    char text[256];
    c->got_used = 0;
    snprintf(text, sizeof text, "GET %s HTTP/1.1\r\nHost: a\r\n\r\n", path);
    door_send(c, text);
}

static void answer(const struct service_reply *reply)
{
    fake_reply(&f, reply);
    door_turn(&d);
}

static void fail(enum err code)
{
    fake_answer(&f, code);
    door_turn(&d);
}

/* The field at a path like "a/b/0" of the reply's body, as compact JSON, is text. */
static bool is(const char *path, const char *text)
{
    struct door_reply r;
    if (!door_reply(c, 0, &r)) {
        return false;
    }
    json_t *tree = json_loadb((const char *)r.body.data, r.body.count, 0, NULL);
    const json_t *at = tree;
    char copy[128];
    snprintf(copy, sizeof copy, "%s", path);
    for (char *word = strtok(copy, "/"); at != NULL && word != NULL; word = strtok(NULL, "/")) {
        at = json_is_array(at) ? json_array_get(at, (size_t)atoi(word)) : json_object_get(at, word);
    }
    char *got = at != NULL ? json_dumps(at, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;
    bool same = got != NULL && strcmp(got, text) == 0;
    if (!same) {
        printf("# %s is %s instead of %s\n", path, got != NULL ? got : "missing", text);
    }
    free(got);
    json_decref(tree);
    return same;
}

/* An error of the interface: status, a code, a text, JSON. */
static bool is_error(int status, const char *code)
{
    char quoted[64];
    snprintf(quoted, sizeof quoted, "\"%s\"", code);
    if (door_status(c, 0) != status) {
        printf("# status %d instead of %d\n", door_status(c, 0), status);
        return false;
    }
    return is("code", quoted) && door_body_has(c, 0, "{\"error\":\"") &&
           door_head_has(c, 0, "\r\nContent-Type: application/json\r\n");
}

#define BAD(path, body)                                                                            \
    do {                                                                                           \
        post(path, body);                                                                          \
        CHECK(is_error(400, "BAD_REQUEST"));                                                       \
        CHECK_U64(f.begun, 0);                                                                     \
    } while (0)

/* ---- /write and /read ---- */

static const char set_body[] = "{\"command\":{\"Set\":{\"key\":\"k\",\"value\":\"v\"}}}";

static void test_write(void)
{
    start();
    post("/write", set_body);
    CHECK(strcmp(f.key, "k") == 0 && strcmp(f.value, "v") == 0);
    struct service_reply r = { .code = ERR_OK, .revision = 7, .term = 3, .node = 2 };
    answer(&r);
    CHECK_U64(door_status(c, 0), 200);
    CHECK(is("command", "{\"Set\":{\"key\":\"k\",\"value\":\"v\"}}") && is("revision", "7"));
    CHECK(door_head_has(c, 0, "\r\nAspen-Revision: 7\r\n"));
    CHECK(door_head_has(c, 0, "\r\nAspen-Term: 3\r\n"));
    CHECK(door_head_has(c, 0, "\r\nAspen-Node: 2\r\n"));
    CHECK(door_head_has(c, 0, "\r\nContent-Type: application/json\r\n"));
    door_close(&d);
}

static void test_write_multi(void)
{
    start();
    post("/write", "{\"command\":{\"SetMulti\":{\"pairs\":[[\"k1\",\"v1\"],[\"k2\",\"v2\"]]}}}");
    CHECK_U64(f.pair_count, 2);
    fail(ERR_OK);
    CHECK(is("command", "{\"SetMulti\":{\"pairs\":[[\"k1\",\"v1\"],[\"k2\",\"v2\"]]}}"));
    door_close(&d);
}

static void test_read(void)
{
    start();
    post("/read", "{\"key\":\"k\"}");
    CHECK(strcmp(f.key, "k") == 0 && f.how == SERVICE_LINEARIZABLE);
    struct service_reply r = { .code = ERR_OK, .revision = 9, .term = 3, .node = 1 };
    r.record.value = bytes_text("v\"");
    r.record.create_revision = 5;
    r.record.mod_revision = 7;
    r.record.version = 2;
    answer(&r);
    CHECK_U64(door_status(c, 0), 200);
    CHECK(is("key", "\"k\"") && is("value", "\"v\\\"\"") && is("mod_revision", "7"));
    CHECK(is("create_revision", "5") && is("version", "2") && is("lease", "0"));
    CHECK(door_head_has(c, 0, "\r\nAspen-Revision: 9\r\n")); /* the store's, not the key's */
    door_close(&d);
}

static void test_read_missing(void)
{
    start();
    post("/read", "{\"key\":\"k\"}");
    struct service_reply r = { .code = ERR_NOT_FOUND, .revision = 9, .term = 3, .node = 1 };
    answer(&r);
    CHECK(is_error(404, "NOT_FOUND"));
    CHECK(door_head_has(c, 0, "\r\nAspen-Revision: 9\r\nAspen-Term: 3\r\nAspen-Node: 1\r\n"));
    door_close(&d);
}

/* The body {"key": ... } of count times U+0001, each of them six bytes long. */
static void post_escapes(size_t count)
{
    char body[4000] = "{\"key\":\"";
    CHECK(6 * count + 16 < sizeof body);
    for (size_t i = 0; i < count; i++) {
        strcat(body, "\\u0001");
    }
    strcat(body, "\"}");
    post("/read", body);
}

/* A key or a value of nothing but bytes that take six: there is room for either. */
static void test_read_escapes(void)
{
    static uint8_t value[2000];
    struct door_reply r;
    struct service_reply ok = { .code = ERR_OK, .revision = 9, .term = 3, .node = 1 };
    memset(value, 1, sizeof value);
    start();
    post_escapes(600);
    answer(&ok);
    CHECK(door_reply(c, 0, &r) && r.status == 200 && r.body.count > 600 * 6);
    post("/read", "{\"key\":\"k\"}");
    ok.record.value = bytes_of(value, sizeof value);
    answer(&ok);
    CHECK(door_reply(c, 0, &r) && r.status == 200 && r.body.count > sizeof value * 6);
    post_escapes(600);
    answer(&ok);
    CHECK(door_reply(c, 0, &r) && r.status == 200 && r.body.count > (600 + sizeof value) * 6);
    door_close(&d);
}

/* The command comes back through a tree, in which a number may be longer than it was sent. */
static void test_write_longer(void)
{
    char body[4000] = "{\"command\":{\"Set\":{\"key\":\"\\u0001\",\"value\":\"v\"},\"more\":[0";
    struct door_reply r;
    start();
    for (int i = 0; i < 600; i++) {
        strcat(body, ",1e15");
    }
    strcat(body, "]}}");
    post("/write", body);
    fail(ERR_OK);
    CHECK(door_reply(c, 0, &r) && r.status == 200 && r.body.count > 2 * strlen(body));
    CHECK(is("command/Set/key", "\"\\u0001\"") && is("command/more/600", "1000000000000000.0"));
    door_close(&d);
}

static void test_read_how(void)
{
    start();
    post("/read", "{\"key\":\"k\",\"consistency\":\"serializable\"}");
    CHECK(f.how == SERVICE_SERIALIZABLE);
    fail(ERR_NOT_FOUND);
    post("/read", "{\"key\":\"k\",\"consistency\":\"linearizable\"}");
    CHECK(f.how == SERVICE_LINEARIZABLE);
    door_close(&d);
}

static void test_read_bad(void)
{
    start();
    BAD("/read", "{}");
    BAD("/read", "{\"key\":1}");
    BAD("/read", "{\"key\":null}");
    BAD("/read", "{\"key\":\"k\",\"consistency\":\"eventual\"}");
    BAD("/read", "{\"key\":\"k\",\"consistency\":null}");
    BAD("/read", "{\"key\":\"k\",\"consistency\":1}");
    BAD("/read", "{\"key\":\"k\",\"consistency\":1e999}");
    BAD("/read", "[\"k\"]");
    post("/read", "");
    CHECK(is_error(400, "BAD_JSON"));
    door_close(&d);
}

/* ---- every error of the service ---- */

struct row {
    enum err code;
    int status;
    const char *name;
};

static const struct row errors[] = {
    { ERR_KEY_EMPTY, 400, "KEY_EMPTY" },
    { ERR_UNKNOWN_NODE, 400, "UNKNOWN_NODE" },
    { ERR_UNKNOWN_ENDPOINT, 400, "UNKNOWN_ENDPOINT" },
    { ERR_ALREADY_INITIALIZED, 400, "ALREADY_INITIALIZED" },
    { ERR_TOO_MANY_OPS, 400, "TOO_MANY_OPS" },
    { ERR_COMPARE_FAILED, 409, "COMPARE_FAILED" },
    { ERR_CONF_CHANGED, 409, "CONF_CHANGED" },
    { ERR_NOT_INITIALIZED, 412, "NOT_INITIALIZED" },
    { ERR_KEY_TOO_LARGE, 413, "KEY_TOO_LARGE" },
    { ERR_VALUE_TOO_LARGE, 413, "VALUE_TOO_LARGE" },
    { ERR_TXN_TOO_LARGE, 413, "TXN_TOO_LARGE" },
    { ERR_TOO_MANY_REQUESTS, 429, "TOO_MANY_REQUESTS" },
    { ERR_NOT_BUILT, 501, "NOT_BUILT" },
    { ERR_OUTCOME_UNKNOWN, 502, "OUTCOME_UNKNOWN" },
    { ERR_NO_LEADER, 503, "NO_LEADER" },
    { ERR_NO_QUORUM, 503, "NO_QUORUM" },
    { ERR_SHUTTING_DOWN, 503, "SHUTTING_DOWN" },
    { ERR_QUEUE_FULL, 503, "QUEUE_FULL" },
    { ERR_BUSY, 503, "BUSY" },
    { ERR_TIMEOUT, 503, "TIMEOUT" },
    { ERR_DISK_FULL, 507, "DISK_FULL" },
    { ERR_NO_SPACE, 507, "NO_SPACE" },
    { ERR_INTERNAL, 500, "INTERNAL" },
};

static bool retry_as_said(int status)
{
    bool said = door_head_has(c, 0, "\r\nRetry-After: ");
    return said == (status == 503 || status == 429);
}

static void test_errors_later(void)
{
    start();
    for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++) {
        post("/write", set_body);
        fail(errors[i].code);
        CHECK(is_error(errors[i].status, errors[i].name) && retry_as_said(errors[i].status));
        post("/read", "{\"key\":\"k\"}");
        fail(errors[i].code);
        CHECK(is_error(errors[i].status, errors[i].name) && retry_as_said(errors[i].status));
    }
    CHECK(!c->shut);
    door_close(&d);
}

static void test_errors_at_once(void)
{
    static const char *const paths[] = {
        "/write",   "/read", "/init", "/add-learner", "/change-membership", "/trigger-snapshot",
        "/add-peer"
    };
    char key[2 * NODE_KEY_BYTES + 1];
    char body[1024];
    memset(key, 'a', sizeof key - 1);
    key[sizeof key - 1] = '\0';
    snprintf(
        body, sizeof body,
        "{\"command\":{\"Set\":{\"key\":\"k\",\"value\":\"v\"}},\"key\":\"k\","
        "\"initial_members\":[{\"id\":1,\"addr\":\"a\"}],\"learner\":{\"id\":4,\"addr\":\"a\"},"
        "\"members\":[1],\"node_id\":2,\"endpoint_addr\":{\"id\":\"%s\",\"addrs\":[]}}",
        key);
    start();
    for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++) {
        f.refuse = errors[i].code;
        for (size_t k = 0; k < sizeof paths / sizeof paths[0]; k++) {
            post(paths[k], body);
            CHECK(is_error(errors[i].status, errors[i].name) && retry_as_said(errors[i].status));
        }
    }
    f.refuse = ERR_OK;
    post("/write", body); /* and the connection lives on */
    CHECK_U64(f.begun, 1);
    door_close(&d);
}

static void test_detail(void)
{
    start();
    post("/write", set_body);
    struct service_reply r = { .code = ERR_NO_LEADER,
                               .detail = "who \"leads\"?",
                               .leader_hint = 2 };
    answer(&r);
    CHECK(is("error", "\"who \\\"leads\\\"?\"") && is("leader", "2"));
    door_close(&d);
}

/* ---- the cluster ---- */

static void test_init(void)
{
    static struct service_members m;
    memset(&m, 0, sizeof m);
    m.count = 3;
    for (uint32_t i = 0; i < 3; i++) {
        m.member[i].id = i + 1;
        m.member[i].voter = i < 2;
        snprintf(m.member[i].addr, sizeof m.member[i].addr, "127.0.0.1:2100%u", i + 1);
    }
    strcpy(m.member[0].raft_addr, "127.0.0.1:26001");
    start();
    post("/init", "{\"initial_members\":[{\"id\":1,\"addr\":\"x:1\",\"raft_addr\":\"y:2\"},"
                  "{\"id\":2,\"addr\":\"x:3\",\"raft_addr\":null}]}");
    CHECK(f.last == FAKE_INIT && f.id_count == 2);
    CHECK_U64(f.member.id, 2);
    CHECK(bytes_equal(f.member.addr, bytes_text("x:3")) && f.member.raft_addr.count == 0);
    struct service_reply r = { .code = ERR_OK, .members = &m };
    answer(&r);
    CHECK_U64(door_status(c, 0), 200);
    CHECK(
        is("nodes/0", "{\"id\":1,\"addr\":\"127.0.0.1:21001\",\"raft_addr\":\"127.0.0.1:26001\"}"));
    CHECK(is("nodes/1", "{\"id\":2,\"addr\":\"127.0.0.1:21002\",\"raft_addr\":null}"));
    CHECK(is("members", "[1,2]"));
    CHECK(is("learners", "[{\"id\":3,\"addr\":\"127.0.0.1:21003\",\"raft_addr\":null}]"));
    door_close(&d);
}

static void test_init_bad(void)
{
    static char long_addr[1024] = "{\"initial_members\":[{\"id\":1,\"addr\":\"";
    start();
    BAD("/init", "{}");
    BAD("/init", "{\"initial_members\":{}}");
    BAD("/init", "{\"initial_members\":[]}");
    BAD("/init", "{\"initial_members\":[1,2,3]}");
    BAD("/init", "{\"initial_members\":[{\"id\":1}]}");
    BAD("/init", "{\"initial_members\":[{\"addr\":\"x:1\"}]}");
    BAD("/init", "{\"initial_members\":[{\"id\":\"1\",\"addr\":\"x:1\"}]}");
    BAD("/init", "{\"initial_members\":[{\"id\":-1,\"addr\":\"x:1\"}]}");
    BAD("/init", "{\"initial_members\":[{\"id\":1.0,\"addr\":\"x:1\"}]}");
    BAD("/init", "{\"initial_members\":[{\"id\":1,\"addr\":\"x:1\",\"raft_addr\":7}]}");
    BAD("/init", "{\"initial_members\":[{\"id\":9223372036854775808,\"addr\":\"x:1\"}]}");
    BAD("/init", "{\"initial_members\":[{\"id\":1,\"addr\":\"x:1\",\"raft_addr\":1e999}]}");
    BAD("/init", "{\"initial_members\":[{\"id\":1,\"addr\":\"x\\u0000:1\"}]}");
    memset(long_addr + strlen(long_addr), 'x', NODE_ADDR_BYTES_MAX);
    strcat(long_addr, "\"}]}");
    BAD("/init", long_addr);
    door_close(&d);
}

static void test_learner(void)
{
    start();
    post("/add-learner", "{\"learner\":{\"id\":4,\"addr\":\"x:1\",\"raft_addr\":null}}");
    CHECK(f.last == FAKE_ADD_LEARNER && f.member.id == 4);
    fail(ERR_NOT_BUILT);
    CHECK(is_error(501, "NOT_BUILT"));
    door_close(&d);
    start();
    BAD("/add-learner", "{\"id\":4,\"addr\":\"x:1\"}");
    BAD("/add-learner", "{\"learner\":4}");
    BAD("/add-learner", "{\"learner\":{\"id\":4}}");
    door_close(&d);
}

static void test_change(void)
{
    start();
    post("/change-membership", "{\"members\":[1,2,5]}");
    CHECK(f.last == FAKE_CHANGE && f.id_count == 3 && f.ids[2] == 5 && !f.keep_rejoining);
    fail(ERR_UNKNOWN_NODE);
    CHECK(is_error(400, "UNKNOWN_NODE"));
    post("/change-membership", "{\"members\":[1,2],\"keep_rejoining\":true}");
    CHECK(f.last == FAKE_CHANGE && f.id_count == 2 && f.keep_rejoining);
    fail(ERR_CONF_PENDING);
    post("/change-membership", "{\"members\":[1,2],\"keep_rejoining\":false}");
    CHECK(f.last == FAKE_CHANGE && !f.keep_rejoining);
    fail(ERR_CONF_PENDING);
    door_close(&d);
    start();
    BAD("/change-membership", "{}");
    BAD("/change-membership", "{\"members\":[]}");
    CHECK(door_body_has(c, 0, "1 to 16 voters")); /* the form is right; this is what is wrong */
    BAD("/change-membership", "{\"members\":1}");
    BAD("/change-membership", "{\"members\":[0]}");
    BAD("/change-membership", "{\"members\":[-1]}");
    BAD("/change-membership", "{\"members\":[\"1\"]}");
    BAD("/change-membership", "{\"members\":[1.5]}");
    BAD("/change-membership", "{\"members\":[1],\"keep_rejoining\":1}");
    CHECK(door_body_has(c, 0, "true or false"));
    BAD("/change-membership", "{\"members\":[1],\"keep_rejoining\":\"true\"}");
    BAD("/change-membership", "{\"members\":[1],\"keep_rejoining\":null}");
    door_close(&d);
}

static void test_remove(void)
{
    start();
    post("/remove-member", "{\"id\":4}");
    CHECK(f.last == FAKE_REMOVE && f.ids[0] == 4);
    fail(ERR_UNKNOWN_NODE);
    CHECK(is_error(400, "UNKNOWN_NODE"));
    door_close(&d);
    start();
    BAD("/remove-member", "{}");
    BAD("/remove-member", "{\"id\":0}");
    BAD("/remove-member", "{\"id\":\"4\"}");
    door_close(&d);
}

/* The configuration that was meant goes with the request; what is none is not any. */
static void test_expect(void)
{
    static const struct {
        const char *path, *body;
        enum fake_kind kind;
    } routes[] = {
        { "/add-learner", "{\"learner\":{\"id\":4,\"addr\":\"x:1\"}%s}", FAKE_ADD_LEARNER },
        { "/change-membership", "{\"members\":[1,2]%s}", FAKE_CHANGE },
        { "/remove-member", "{\"id\":4%s}", FAKE_REMOVE },
    };
    static const char *const bad[] = { ",\"expect\":\"7\"", ",\"expect\":-1", ",\"expect\":null" };
    char body[256];
    start();
    for (size_t i = 0; i < sizeof routes / sizeof routes[0]; i++) {
        for (uint64_t meant = 0; meant <= 7; meant += 7) {
            snprintf(body, sizeof body, routes[i].body, meant == 0 ? "" : ",\"expect\":7");
            post(routes[i].path, body);
            CHECK(f.last == routes[i].kind && f.expect == meant);
            fail(ERR_CONF_CHANGED);
            CHECK(is_error(409, "CONF_CHANGED"));
        }
        snprintf(body, sizeof body, routes[i].body, ",\"expect\":0"); /* as a new node says it */
        post(routes[i].path, body);
        CHECK(f.last == routes[i].kind && f.expect == SERVICE_EXPECT_NONE);
        fail(ERR_CONF_CHANGED);
    }
    door_close(&d);
    start();
    for (size_t i = 0; i < sizeof routes / sizeof routes[0]; i++) {
        for (size_t k = 0; k < sizeof bad / sizeof bad[0]; k++) {
            snprintf(body, sizeof body, routes[i].body, bad[k]);
            BAD(routes[i].path, body);
            CHECK(door_body_has(c, 0, "is a config_index, a number"));
        }
    }
    door_close(&d);
}

#define HEX64 "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

static void test_add_peer(void)
{
    start();
    post("/add-peer", "{\"node_id\":2,\"endpoint_addr\":{\"id\":\"" HEX64 "\",\"addrs\":["
                      "{\"Relay\":\"https://relay.example/\"},{\"Ip\":\"127.0.0.1:45454\"},"
                      "{\"Ip\":\"[::1]:45455\"}]}}");
    CHECK_U64(door_status(c, 0), 200);
    struct door_reply r;
    CHECK(door_reply(c, 0, &r) && bytes_equal(r.body, bytes_text("{}")));
    CHECK(f.peer_id == 2 && f.peer_key.b[1] == 0x11 && f.peer_addr_count == 2);
    CHECK(f.peer_addr[0].family == 4 && f.peer_addr[0].port == 45454);
    CHECK(f.peer_addr[1].family == 6 && f.peer_addr[1].port == 45455);
    door_close(&d);
}

static void test_add_peer_bad(void)
{
    start();
    BAD("/add-peer", "{}");
    BAD("/add-peer", "{\"node_id\":2}");
    BAD("/add-peer", "{\"node_id\":0,\"endpoint_addr\":{\"id\":\"" HEX64 "\",\"addrs\":[]}}");
    BAD("/add-peer", "{\"node_id\":\"2\",\"endpoint_addr\":{\"id\":\"" HEX64 "\",\"addrs\":[]}}");
    BAD("/add-peer", "{\"node_id\":2,\"endpoint_addr\":{\"id\":\"0011\",\"addrs\":[]}}");
    BAD("/add-peer", "{\"node_id\":2,\"endpoint_addr\":{\"id\":\"" HEX64 "00\",\"addrs\":[]}}");
    BAD("/add-peer", "{\"node_id\":2,\"endpoint_addr\":{\"id\":\"" HEX64 "\",\"addrs\":{}}}");
    BAD("/add-peer", "{\"node_id\":2,\"endpoint_addr\":{\"id\":\"" HEX64 "\",\"addrs\":[\"x\"]}}");
    BAD("/add-peer",
        "{\"node_id\":2,\"endpoint_addr\":{\"id\":\"" HEX64 "\",\"addrs\":[{\"Ip\":\"x:1\"}]}}");
    BAD("/add-peer", "{\"node_id\":2,\"endpoint_addr\":{\"id\":\"" HEX64
                     "\",\"addrs\":[{\"Ip\":\"1.2.3.4\"}]}}");
    BAD("/add-peer",
        "{\"node_id\":2,\"endpoint_addr\":{\"id\":\"" HEX64 "\",\"addrs\":[{\"Ip\":1}]}}");
    CHECK_U64(f.peer_id, 0);
    door_close(&d);
}

static void test_snapshot(void)
{
    start();
    struct service_reply r = { .code = ERR_OK };
    post("/trigger-snapshot", "");
    answer(&r);
    CHECK(is("snapshot", "null"));
    r.snapshot_term = 2;
    r.snapshot_index = 90;
    post("/trigger-snapshot", "{}");
    answer(&r);
    CHECK(is("snapshot", "{\"term\":2,\"index\":90}"));
    post("/trigger-snapshot", "x");
    CHECK(is_error(400, "BAD_JSON"));
    door_close(&d);
}

/* ---- what a node says of itself ---- */

static void test_health(void)
{
    start();
    f.status.node_port = 26001;
    get("/health");
    CHECK_U64(door_status(c, 0), 200);
    CHECK(is("status", "\"healthy\"") && is("node_id", "1") && is("raft_node_id", "1"));
    CHECK(is("ractor_port", "26001") && is("checks/storage/status", "\"healthy\""));
    f.status.leader = 0;
    get("/health");
    CHECK_U64(door_status(c, 0), 503);
    CHECK(is("status", "\"unhealthy\"") && is("checks/leader/status", "\"unhealthy\""));
    CHECK(is("checks/leader/detail",
             "\"no leader is known: this node is no member of the cluster\""));
    f.status.learner[f.status.learner_count++] = 1;
    get("/health");
    CHECK(is("checks/leader/detail", "\"no leader is known\""));
    f.status.leader = 1;
    f.status.storage_failed = true;
    get("/health");
    CHECK_U64(door_status(c, 0), 503);
    f.status.storage_failed = false;
    f.status.disk_full = true;
    get("/health");
    CHECK_U64(door_status(c, 0), 503);
    door_close(&d);
}

static void test_leader(void)
{
    struct door_reply r;
    start();
    f.status.leader = 2;
    get("/leader");
    CHECK(door_reply(c, 0, &r) && bytes_equal(r.body, bytes_text("{\"leader\":2}")));
    f.status.leader = 0;
    get("/leader");
    CHECK(door_reply(c, 0, &r) && bytes_equal(r.body, bytes_text("{\"leader\":null}")));
    door_close(&d);
}

static void test_node_info(void)
{
    start();
    memset(f.status.key.b, 0xab, NODE_KEY_BYTES);
    get("/node-info");
    CHECK(is("node_id", "1"));
    CHECK(is("endpoint_addr/id",
             "\"abababababababababababababababababababababababababababababababab"
             "\""));
    CHECK(is("endpoint_addr/addrs", "[{\"Ip\":\"127.0.0.1:45454\"},{\"Ip\":\"[::1]:45455\"}]"));
    door_close(&d);
}

static void test_raft_metrics(void)
{
    start();
    f.status.term = 2;
    f.status.last_index = 9;
    f.status.applied_index = 8;
    f.status.applied_term = 2;
    f.status.quorum_ack_ms = 12;
    f.status.peer_count = 1;
    f.status.peer[0].id = 2;
    f.status.peer[0].match_term = 2;
    f.status.peer[0].match_index = 9;
    f.status.voter_count = 2;
    f.status.voter[0] = 1;
    f.status.voter[1] = 2;
    get("/raft-metrics");
    CHECK(is("node_id", "1") && is("state", "\"Leader\"") && is("current_leader", "1"));
    CHECK(is("current_term", "2") && is("last_log_index", "9"));
    CHECK(is("last_applied", "{\"term\":2,\"index\":8}") && is("committed", "null"));
    CHECK(is("snapshot", "null") && is("purged", "null"));
    CHECK(is("replication", "{\"2\":{\"term\":2,\"index\":9}}") && is("lag", "{\"2\":0}"));
    CHECK(is("millis_since_quorum_ack", "12") && is("members", "[1,2]") && is("learners", "[]"));
    CHECK(is("wiped", "[]") && is("rejoining", "[]") && is("incarnation", "null"));
    CHECK(is("cluster", "null"));
    f.status.wiped_count = 1;
    f.status.wiped[0] = 2;
    f.status.peer[0].match_index = 6;
    f.status.wiped_majority = true;
    f.status.rejoining_count = 1;
    f.status.rejoining[0] = 3;
    f.status.auto_rejoin = true;
    f.status.incarnation = 0xabc;
    f.status.cluster = (struct cluster_id){ { 0xde, 0xad, [CLUSTER_ID_BYTES - 1] = 1 } };
    get("/raft-metrics");
    CHECK(is("wiped", "[2]") && is("rejoining", "[3]") && is("majority_lost", "true"));
    CHECK(is("lag", "{\"2\":3}"));
    CHECK(is("auto_rejoin", "true") && is("incarnation", "\"0000000000000abc\""));
    CHECK(is("cluster", "\"dead0000000000000000000000000001\""));
    door_close(&d);
}

/* What an operator must see of each member: place, address, when it was last heard. */
static void test_raft_metrics_members(void)
{
    start();
    f.status.peer_count = 2;
    f.status.peer[0].id = 2;
    f.status.peer[0].contact_ms = 45;
    f.status.peer[1].id = 3;
    f.status.peer[1].contact_ms = -1;
    f.status.outgoing_count = 2;
    f.status.outgoing[0] = 1;
    f.status.outgoing[1] = 4;
    f.members.count = 1;
    f.members.member[0].id = 2;
    f.members.member[0].voter = true;
    snprintf(f.members.member[0].addr, sizeof f.members.member[0].addr, "127.0.0.1:21002");
    get("/raft-metrics");
    CHECK(is("millis_since_contact", "{\"2\":45,\"3\":null}"));
    CHECK(is("outgoing", "[1,4]"));
    CHECK(is("nodes", "[{\"id\":2,\"addr\":\"127.0.0.1:21002\",\"raft_addr\":null}]"));
    f.status.role = SERVICE_FOLLOWER;
    get("/raft-metrics");
    CHECK(is("millis_since_contact", "null"));
    door_close(&d);
}

static void test_raft_metrics_follower(void)
{
    static const char *const names[] = { "\"Learner\"", "\"Follower\"", "\"Candidate\"", NULL,
                                         "\"Shutdown\"" };
    start();
    f.status.leader = 0;
    for (int role = SERVICE_LEARNER; role <= SERVICE_SHUTDOWN; role++) {
        f.status.role = (enum service_role)role;
        get("/raft-metrics");
        CHECK(names[role] == NULL || is("state", names[role]));
        CHECK(names[role] == NULL || (is("replication", "null") && is("lag", "null")));
        CHECK(is("current_leader", "null") && is("millis_since_quorum_ack", "null"));
    }
    door_close(&d);
}

static void test_metrics(void)
{
    start();
    post("/write", "x");
    get("/metrics");
    CHECK_U64(door_status(c, 0), 200);
    CHECK(door_head_has(c, 0, "\r\nContent-Type: text/plain; version=0.0.4\r\n"));
    CHECK(door_body_has(c, 0, "aspen_node_info{node_id=\"1\"} 1\n"));
    CHECK(door_body_has(c, 0, "\naspen_http_requests_total{node_id=\"1\"} 2\n"));
    struct door_client *bad = door_connect(&d);
    door_send(bad, "x\n");
    get("/metrics");
    CHECK(door_body_has(c, 0, "\naspen_http_refused_total{node_id=\"1\"} 1\n"));
    CHECK(door_body_has(c, 0, "\naspen_http_connections{node_id=\"1\"} 2\n"));
    get("/iroh-metrics");
    CHECK_U64(door_status(c, 0), 200);
    door_close(&d);
}

static void test_ticket(void)
{
    start();
    get("/cluster-ticket");
    CHECK(is_error(501, "NOT_BUILT"));
    door_close(&d);
}

int main(void)
{
    TAP_TEST("routes: /write answers its command, the revision and three headers", test_write);
    TAP_TEST("routes: /write takes several pairs", test_write_multi);
    TAP_TEST("routes: /read answers the record, and the store's revision in a header", test_read);
    TAP_TEST("routes: /read of a missing key is 404, with the headers", test_read_missing);
    TAP_TEST("routes: /read answers keys and values of nothing but escapes", test_read_escapes);
    TAP_TEST("routes: /write answers a command that has become longer", test_write_longer);
    TAP_TEST("routes: /read takes a consistency", test_read_how);
    TAP_TEST("routes: /read refuses what is missing or mistyped", test_read_bad);
    TAP_TEST("routes: every error that comes later has its status and code", test_errors_later);
    TAP_TEST("routes: every error that comes at once has them, on each route", test_errors_at_once);
    TAP_TEST("routes: an error carries its story and a hint at the leader", test_detail);
    TAP_TEST("routes: /init hands on its members and answers the cluster", test_init);
    TAP_TEST("routes: /init refuses what is missing or mistyped", test_init_bad);
    TAP_TEST("routes: /add-learner", test_learner);
    TAP_TEST("routes: /change-membership", test_change);
    TAP_TEST("routes: /remove-member", test_remove);
    TAP_TEST("routes: the configuration that a change is meant for goes with it", test_expect);
    TAP_TEST("routes: /add-peer takes addresses of both families, and relays", test_add_peer);
    TAP_TEST("routes: /add-peer refuses what is missing or mistyped", test_add_peer_bad);
    TAP_TEST("routes: /trigger-snapshot needs no body", test_snapshot);
    TAP_TEST("routes: /health is 503 when a check fails", test_health);
    TAP_TEST("routes: /leader is a number or null", test_leader);
    TAP_TEST("routes: /node-info lists the addresses", test_node_info);
    TAP_TEST("routes: /raft-metrics of a leader", test_raft_metrics);
    TAP_TEST("routes: /raft-metrics about each member", test_raft_metrics_members);
    TAP_TEST("routes: /raft-metrics of everybody else", test_raft_metrics_follower);
    TAP_TEST("routes: /metrics counts what the door took and refused", test_metrics);
    TAP_TEST("routes: /cluster-ticket is not built yet", test_ticket);
    return tap_done();
}
