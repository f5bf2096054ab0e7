/* tests/unit/node/test_local.c -- the deterministic backend behind struct service.
 *
 * Subject: node/backend_local.c, node/backend_data.c
 * Method:  an os of three functions: a clock that stands still and the end of a turn, run by the
 *          test
 */
#include "node/backend_local.h"

#include "tap.h"

enum {
    CALLS = 8
};

/* What came of one call. */
struct asked {
    struct service_call call;
    uint32_t answers;
    struct service_reply reply;
    char value[64];
    struct service_members members;
    uint32_t order;
};

static struct os_job *hook;
static struct mem mem;
static struct service *service;
static struct asked asked[CALLS];
static uint32_t order;

static uint64_t fake_now(struct os *os)
{
    (void)os;
    return 1;
}

static void fake_turn_end(struct os *os, struct os_job *job)
{
    (void)os;
    hook = job;
}

static const struct os_table fake_table = { .now = fake_now, .turn_end = fake_turn_end };
static struct os fake_os = { &fake_table };

static void turn(void)
{
    struct os_job *job = hook;
    hook = NULL;
    if (job != NULL) {
        job->run(job->arg);
    }
}

static void done(struct service_call *call, const struct service_reply *reply)
{
    struct asked *a = CONTAINER_OF(call, struct asked, call);
    a->answers++;
    a->order = ++order;
    a->reply = *reply;
    if (reply->record.value.count > 0 && reply->record.value.count < sizeof a->value) {
        memcpy(a->value, reply->record.value.data, reply->record.value.count);
    }
    if (reply->members != NULL) {
        a->members = *reply->members;
    }
}

static struct service_call *call(int i)
{
    memset(&asked[i], 0, sizeof asked[i]);
    asked[i].call.done = done;
    return &asked[i].call;
}

static void start(void)
{
    struct backend_local_options options;
    memset(&options, 0, sizeof options);
    options.node_id = 1;
    options.node_port = 26001;
    mem_init(&mem, "local", BACKEND_LOCAL_MEM_BYTES);
    hook = NULL;
    order = 0;
    CHECK(backend_local_open(&fake_os, &mem, &options, &service) == ERR_OK);
}

static void stop(void)
{
    backend_local_close(service);
    CHECK_U64(mem.used, 0);
}

static struct service_member member(uint64_t id)
{
    struct service_member m = { id, bytes_text("127.0.0.1:1"), bytes_of(NULL, 0) };
    return m;
}

/* Members 1..count become a cluster. */
static void init(uint32_t count)
{
    struct service_member m[3] = { member(1), member(2), member(3) };
    CHECK(service->table->init(service, m, count, call(0)) == ERR_OK);
    turn();
    CHECK(asked[0].answers == 1 && asked[0].reply.code == ERR_OK);
}

static enum err set(int i, const char *key, const char *value)
{
    struct service_pair pair = { bytes_text(key), bytes_text(value) };
    return service->table->write(service, &pair, 1, call(i));
}

static enum err get(int i, const char *key)
{
    return service->table->read(service, bytes_text(key), SERVICE_LINEARIZABLE, call(i));
}

static void test_later(void)
{
    start();
    init(1);
    CHECK(set(0, "k", "v") == ERR_OK);
    CHECK(get(1, "k") == ERR_OK);
    CHECK(set(2, "k", "w") == ERR_OK);
    CHECK_U64(asked[0].answers + asked[1].answers + asked[2].answers, 0);
    turn();
    CHECK(asked[0].order < asked[1].order && asked[1].order < asked[2].order);
    CHECK_U64(asked[2].answers, 1);
    CHECK(strcmp(asked[1].value, "v") == 0);
    stop();
}

static void test_records(void)
{
    start();
    init(1);
    CHECK(set(0, "k", "1") == ERR_OK && set(1, "k", "2") == ERR_OK && get(2, "k") == ERR_OK &&
          get(3, "none") == ERR_OK);
    turn();
    CHECK_U64(asked[0].reply.revision, 2);
    CHECK_U64(asked[1].reply.revision, 3);
    CHECK(asked[2].reply.code == ERR_OK && strcmp(asked[2].value, "2") == 0);
    CHECK_U64(asked[2].reply.record.create_revision, 2);
    CHECK_U64(asked[2].reply.record.mod_revision, 3);
    CHECK_U64(asked[2].reply.record.version, 2);
    CHECK(asked[3].reply.code == ERR_NOT_FOUND);
    CHECK_U64(asked[3].reply.revision, 3);
    stop();
}

static void test_multi(void)
{
    start();
    init(1);
    struct service_pair pairs[] = { { bytes_text("b"), bytes_text("1") },
                                    { bytes_text("a"), bytes_text("2") },
                                    { bytes_text("b"), bytes_text("3") } };
    CHECK(service->table->write(service, pairs, 3, call(0)) == ERR_OK);
    CHECK(get(1, "a") == ERR_OK && get(2, "b") == ERR_OK);
    turn();
    CHECK_U64(asked[0].reply.revision, 2);
    CHECK(strcmp(asked[1].value, "2") == 0 && strcmp(asked[2].value, "3") == 0);
    CHECK_U64(asked[2].reply.record.mod_revision, 2);
    stop();
}

static void test_many_keys(void)
{
    start();
    init(1);
    for (uint32_t i = 0; i < 500; i++) {
        char key[16];
        snprintf(key, sizeof key, "k%u", i * 7919 % 500);
        CHECK(set(0, key, key) == ERR_OK);
        turn();
    }
    for (uint32_t i = 0; i < 500; i++) {
        char key[16];
        snprintf(key, sizeof key, "k%u", i);
        CHECK(get(1, key) == ERR_OK);
        turn();
        CHECK(strcmp(asked[1].value, key) == 0);
    }
    stop();
}

static void test_limits(void)
{
    static char big[KV_VALUE_BYTES_MAX + 1];
    static struct service_pair many[KV_TXN_OPS_MAX + 1];
    start();
    init(1);
    struct service_pair pair = { bytes_text(""), bytes_text("v") };
    CHECK(service->table->write(service, &pair, 1, call(0)) == ERR_KEY_EMPTY);
    pair.key = bytes_of(big, KV_KEY_BYTES_MAX + 1);
    CHECK(service->table->write(service, &pair, 1, call(0)) == ERR_KEY_TOO_LARGE);
    pair.key = bytes_text("k");
    pair.value = bytes_of(big, sizeof big);
    CHECK(service->table->write(service, &pair, 1, call(0)) == ERR_VALUE_TOO_LARGE);
    CHECK(service->table->write(service, &pair, 0, call(0)) == ERR_BAD_REQUEST);
    for (uint32_t i = 0; i <= KV_TXN_OPS_MAX; i++) {
        many[i].key = bytes_text("k");
        many[i].value = bytes_of(big, 100 * 1024);
    }
    CHECK(service->table->write(service, many, KV_TXN_OPS_MAX + 1, call(0)) == ERR_TOO_MANY_OPS);
    CHECK(service->table->write(service, many, KV_TXN_OPS_MAX, call(0)) == ERR_TXN_TOO_LARGE);
    CHECK(hook == NULL);
    stop();
}

static void test_memory(void)
{
    static char big[KV_VALUE_BYTES_MAX];
    start();
    init(1);
    mem.limit = mem.used + 3 * MIB;
    struct service_pair pair = { bytes_text("a"), bytes_of(big, sizeof big) };
    uint32_t full = 0;
    for (int i = 0; i < 6; i++) {
        char key[2] = { (char)('a' + i), '\0' };
        pair.key = bytes_text(key);
        CHECK(service->table->write(service, &pair, 1, call(0)) == ERR_OK);
        turn();
        full += asked[0].reply.code == ERR_NO_MEMORY ? 1 : 0;
    }
    CHECK(full > 0 && full < 6);
    CHECK(set(1, "small", "v") == ERR_OK);
    turn();
    CHECK(asked[1].reply.code == ERR_OK);
    stop();
}

static void test_not_initialized(void)
{
    start();
    uint64_t ids[] = { 1 };
    struct service_member m = member(2);
    CHECK(set(0, "k", "v") == ERR_OK && get(1, "k") == ERR_OK);
    CHECK(service->table->add_learner(service, &m, call(2)) == ERR_OK);
    CHECK(service->table->change_membership(service, ids, 1, call(3)) == ERR_OK);
    CHECK(service->table->trigger_snapshot(service, call(4)) == ERR_OK);
    turn();
    for (int i = 0; i < 5; i++) {
        CHECK(asked[i].answers == 1 && asked[i].reply.code == ERR_NOT_INITIALIZED);
    }
    struct service_status st;
    service->table->status(service, &st);
    CHECK(!st.initialized && st.leader == 0 && strcmp(st.backend, "deterministic") == 0);
    stop();
}

static void test_init(void)
{
    start();
    struct service_member others[2] = { member(2), member(3) };
    struct service_member twice[2] = { member(1), member(1) };
    CHECK(service->table->init(service, others, 2, call(1)) == ERR_OK);
    CHECK(service->table->init(service, twice, 2, call(2)) == ERR_OK);
    CHECK(service->table->init(service, others, 0, call(3)) == ERR_OK);
    turn();
    for (int i = 1; i < 4; i++) {
        CHECK(asked[i].reply.code == ERR_BAD_REQUEST && asked[i].reply.detail != NULL);
    }
    init(3);
    CHECK_U64(asked[0].members.count, 3);
    CHECK(strcmp(asked[0].members.member[2].addr, "127.0.0.1:1") == 0);
    CHECK(asked[0].members.member[2].raft_addr[0] == '\0');
    CHECK(service->table->init(service, twice, 1, call(1)) == ERR_OK);
    turn();
    CHECK(asked[1].reply.code == ERR_ALREADY_INITIALIZED);
    stop();
}

static void test_membership(void)
{
    start();
    init(3);
    struct service_member learner = member(4);
    CHECK(service->table->add_learner(service, &learner, call(0)) == ERR_OK);
    uint64_t ids[] = { 1, 4 };
    CHECK(service->table->change_membership(service, ids, 2, call(1)) == ERR_OK);
    uint64_t unknown[] = { 1, 9 };
    CHECK(service->table->change_membership(service, unknown, 2, call(2)) == ERR_OK);
    uint64_t twice[] = { 1, 1 };
    CHECK(service->table->change_membership(service, twice, 2, call(3)) == ERR_OK);
    CHECK(service->table->add_learner(service, &learner, call(4)) == ERR_OK);
    turn();
    CHECK(asked[0].members.count == 4 && !asked[0].members.member[3].voter);
    CHECK(asked[1].members.count == 2 && asked[1].members.member[1].id == 4);
    CHECK(asked[1].members.member[1].voter);
    CHECK(asked[2].reply.code == ERR_UNKNOWN_NODE && asked[2].reply.members == NULL);
    CHECK(asked[3].reply.code == ERR_BAD_REQUEST);
    CHECK(asked[4].reply.code == ERR_BAD_REQUEST);
    struct service_status st;
    service->table->status(service, &st);
    CHECK(st.voter_count == 2 && st.learner_count == 0 && st.role == SERVICE_LEADER);
    CHECK_U64(st.peer_count, 1);
    stop();
}

static void test_snapshot(void)
{
    start();
    init(1);
    CHECK(set(0, "k", "v") == ERR_OK);
    CHECK(service->table->trigger_snapshot(service, call(1)) == ERR_OK);
    turn();
    CHECK(asked[1].reply.snapshot_term == 1 && asked[1].reply.snapshot_index == 2);
    struct service_status st;
    service->table->status(service, &st);
    CHECK_U64(st.snapshot_index, 2);
    CHECK_U64(st.applied_index, 2);
    stop();
}

static void test_forget(void)
{
    start();
    init(1);
    CHECK(set(0, "k", "v") == ERR_OK && set(1, "l", "v") == ERR_OK);
    service->table->forget(service, &asked[0].call);
    service->table->forget(service, &asked[5].call);
    turn();
    CHECK_U64(asked[0].answers, 0);
    CHECK_U64(asked[1].answers, 1);
    stop();
}

/* Asks again from inside its answer. */
static void done_again(struct service_call *c, const struct service_reply *reply)
{
    done(c, reply);
    CHECK(set(1, "again", "v") == ERR_OK);
    CHECK_U64(asked[1].answers, 0);
}

static void test_again(void)
{
    start();
    init(1);
    CHECK(set(0, "k", "v") == ERR_OK);
    asked[0].call.done = done_again;
    turn();
    turn();
    CHECK_U64(asked[1].answers, 1);
    stop();
}

static void test_close(void)
{
    start();
    init(1);
    CHECK(set(0, "k", "v") == ERR_OK);
    stop();
    CHECK_U64(asked[0].answers, 0);
}

static void test_bounded(void)
{
    start();
    init(1);
    struct service_call *one = call(1);
    uint32_t taken = 0;
    while (taken < CALLS_MAX + 1 &&
           service->table->read(service, bytes_text("k"), SERVICE_SERIALIZABLE, one) == ERR_OK) {
        taken++;
    }
    CHECK_U64(taken, CALLS_MAX);
    turn();
    CHECK_U64(asked[1].answers, CALLS_MAX);
    stop();
}

/* The hash after a was set to first, then to last. */
static uint64_t hash_after(const char *first, const char *last)
{
    start();
    init(1);
    CHECK(set(0, "a", first) == ERR_OK && set(0, "a", last) == ERR_OK);
    turn();
    struct service_status st;
    service->table->status(service, &st);
    stop();
    return st.state_hash;
}

static void test_deterministic(void)
{
    CHECK(hash_after("x", "w") == hash_after("y", "w"));
    CHECK(hash_after("x", "w") != hash_after("x", "v"));
}

static void test_learner_stays(void)
{
    start();
    init(3);
    struct service_member learner = member(4);
    uint64_t ids[] = { 1, 2 };
    CHECK(service->table->add_learner(service, &learner, call(0)) == ERR_OK);
    CHECK(service->table->change_membership(service, ids, 2, call(1)) == ERR_OK);
    turn();
    CHECK_U64(asked[1].members.count, 3);
    CHECK(asked[1].members.member[2].id == 4 && !asked[1].members.member[2].voter);
    stop();
}

static void test_metrics(void)
{
    static char text[48 * 1024];
    start();
    init(1);
    CHECK(set(0, "k", "v") == ERR_OK);
    turn();
    struct writer w = writer_of(text, sizeof text - 1);
    service->table->metrics(service, &w);
    service->table->transport_metrics(service, &w);
    text[w.offset] = '\0';
    CHECK(!w.bad && strstr(text, "aspen_writes_total{node_id=\"1\"} 1\n") != NULL);
    CHECK(strstr(text, "aspen_transport_garbage_total{node_id=\"1\"} 0\n") != NULL);
    stop();
}

int main(void)
{
    TAP_TEST("local: answers come at the end of the turn, in order", test_later);
    TAP_TEST("local: records carry etcd's revisions", test_records);
    TAP_TEST("local: many pairs are one revision", test_multi);
    TAP_TEST("local: every key is found again", test_many_keys);
    TAP_TEST("local: limits are refused before anything begins", test_limits);
    TAP_TEST("local: full memory refuses a write whole", test_memory);
    TAP_TEST("local: nothing goes before init", test_not_initialized);
    TAP_TEST("local: init once, with this node among the members", test_init);
    TAP_TEST("local: learners are added, voters changed, ids checked", test_membership);
    TAP_TEST("local: a learner that is not named stays a learner", test_learner_stays);
    TAP_TEST("local: a snapshot has the applied index", test_snapshot);
    TAP_TEST("local: a forgotten call is not answered", test_forget);
    TAP_TEST("local: an answer may ask again", test_again);
    TAP_TEST("local: close answers nobody and keeps nothing", test_close);
    TAP_TEST("local: waiting answers are bounded", test_bounded);
    TAP_TEST("local: the hash is of what is there, not of how it came", test_deterministic);
    TAP_TEST("local: metrics", test_metrics);
    return tap_done();
}
