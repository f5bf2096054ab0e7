/* tests/unit/node/test_parts.c -- Subject: what happens when a part of a node fails; the dump.
 *
 * Method: one real node on a real loop, in a directory of its own; failures are provoked
 */
#include "loop.h"

#include "base/panic.h"
#include "node/impl.h"
#include "node/node.h"

#include <sys/stat.h>

struct rig {
    struct loop l;
    struct config config;
    struct logger logger;
    struct node *node;
    char dir[80];
    char log[64 * 1024];
    size_t log_count;
    int failures;
    enum err why;
    int answers;
    enum err answer;
};

static void log_write(void *arg, struct bytes line)
{
    struct rig *r = arg;
    if (line.count < sizeof r->log - r->log_count) {
        memcpy(r->log + r->log_count, line.data, line.count);
        r->log_count += line.count;
    }
}

static uint64_t log_time(void *arg)
{
    (void)arg;
    return 1;
}

static void on_failed(void *arg, enum err why)
{
    struct rig *r = arg;
    r->failures++;
    r->why = why;
}

static void configure(struct rig *r)
{
    char data_dir[128];
    const char *argv[] = { "aspen-node", "--node-id=1", data_dir, "--bind=127.0.0.1:0",
                           "--cookie=not-a-secret" };
    static struct config_report report;
    struct config_source source;
    struct mem mem;
    snprintf(data_dir, sizeof data_dir, "--data-dir=%s", r->dir);
    mem_init(&mem, "config", CONFIG_MEM_BYTES);
    config_source_os(r->l.os, 5, argv, NULL, &source);
    enum err e = config_load(&source, &mem, &r->config, &report);
    if (e != ERR_OK) {
        printf("# %s\n", report.issue[0].text);
    }
    CHECK(e == ERR_OK);
}

static struct rig *rig_new(void)
{
    struct rig *r = calloc(1, sizeof *r);
    CHECK(r != NULL);
    loop_open(&r->l);
    snprintf(r->dir, sizeof r->dir, "%s/n1", r->l.path);
    configure(r);
    struct logger_sink sink = { log_write, log_time, log_time, r };
    logger_init(&r->logger, LOGGER_INFO, LOGGER_FORMAT_TEXT, 1, &sink);
    return r;
}

static void rig_open(struct rig *r)
{
    struct node_options o = {
        .config = &r->config, .logger = &r->logger, .failed = on_failed, .arg = r
    };
    struct diag diag = { 0 };
    enum err e = node_open(r->l.os, &o, &r->node, &diag);
    if (e != ERR_OK) {
        printf("# %s\n", diag.text);
    }
    CHECK(e == ERR_OK);
}

static void rig_close(struct rig *r)
{
    node_close(r->node);
    loop_close(&r->l);
    free(r);
}

static void state_machine_fails(void)
{
    struct rig *r = rig_new();
    rig_open(r);
    node_fail(r->node, NODE_PART_KV, ERR_CORRUPT, "a page is not what it was");
    CHECK(r->failures == 1 && r->why == ERR_CORRUPT && r->node->dead);
    CHECK(strstr(r->log, "node failed") != NULL && strstr(r->log, "part=kv") != NULL);
    CHECK(strstr(r->log, "a page is not what it was") != NULL);
    node_fail(r->node, NODE_PART_RAFT, ERR_IO, "again");
    for (int i = 0; i < 10; i++) {
        os_linux_turn(r->l.linux_loop, 1000000);
    }
    CHECK_U64(r->failures, 1);
    rig_close(r);
}

/* Whatever it is that keeps the log from being read: who goes on to lead sends nobody anything. */
static void log_unreadable(void)
{
    const struct raft_effect e = {
        .type = RAFT_DO_SEND,
        .msg = { .type = RAFT_MSG_APPEND, .from = 1, .to = 2, .term = 1, .first = 7, .last = 7 }
    };
    const struct node_key key = { { 2 } };
    struct book_entry *peer = NULL;
    struct rig *r = rig_new();
    rig_open(r);
    CHECK(mesh_learn(r->node, &r->node->book, 2, &key, &peer) == ERR_OK);
    peer->up = true;
    raft_send_gate(r->node, &e);
    CHECK(r->failures == 1 && r->why == ERR_NOT_FOUND && r->node->dead);
    CHECK(strstr(r->log, "the log cannot be read") != NULL);
    peer->up = false;
    rig_close(r);
}

static bool there(const struct rig *r, const char *name)
{
    char path[128];
    struct stat st;
    snprintf(path, sizeof path, "%s/%s", r->dir, name);
    return stat(path, &st) == 0;
}

/* The name that the book is written under is taken by a directory, for a while. */
static void book_fails(void)
{
    struct rig *r = rig_new();
    char path[128];
    snprintf(path, sizeof path, "%s/nodes.part", r->dir);
    CHECK(mkdir(r->dir, 0755) == 0 && mkdir(path, 0755) == 0);
    rig_open(r);
    const struct supervisor_child *keeper = &r->node->parts.child[NODE_PART_KEEPER];
    LOOP_UNTIL(&r->l, keeper->state == SUPERVISOR_WAITING);
    CHECK(!there(r, "nodes"));
    CHECK(rmdir(path) == 0);
    LOOP_UNTIL(&r->l, there(r, "nodes"));
    CHECK(keeper->restarts == 1 && keeper->state == SUPERVISOR_UP);
    CHECK(r->failures == 0 && !r->node->dead);
    rig_close(r);
    EXPECT_MARK("node: the book cannot be kept");
}

/* A save that a crash broke off has left more than the next one writes: what is renamed is the book
 * and nothing behind it, or the next start would take it for damaged. */
static void book_over_a_leftover(void)
{
    static uint8_t leftover[64 * 1024];
    struct rig *r = rig_new();
    char path[128];
    snprintf(path, sizeof path, "%s/nodes.part", r->dir);
    CHECK(mkdir(r->dir, 0755) == 0);
    FILE *f = fopen(path, "w");
    CHECK(f != NULL && fwrite(leftover, sizeof leftover, 1, f) == 1 && fclose(f) == 0);
    rig_open(r);
    LOOP_UNTIL(&r->l, there(r, "nodes"));
    node_close(r->node);
    rig_open(r);
    CHECK(strstr(r->log, "the book of nodes") == NULL);
    rig_close(r);
}

static bool kept(const struct rig *r)
{
    char path[128];
    struct stat st;
    snprintf(path, sizeof path, "%s/nodes", r->dir);
    return stat(path, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 4;
}

/* Whatever stands where the book should be: the node starts without it, and keeps a new one as soon
 * as it can. */
static void book_unread(void)
{
    struct rig *r = rig_new();
    char path[128];
    snprintf(path, sizeof path, "%s/nodes", r->dir);
    rig_open(r);
    LOOP_UNTIL(&r->l, kept(r));
    for (int kind = 0; kind < 3; kind++) {
        node_close(r->node);
        memset(r->log, 0, sizeof r->log);
        r->log_count = 0;
        CHECK(unlink(path) == 0);
        if (kind == 0) {
            FILE *f = fopen(path, "w");
            CHECK(f != NULL && fwrite("BOOK", 4, 1, f) == 1 && fclose(f) == 0);
        } else {
            CHECK((kind == 1 ? mkfifo(path, 0600) : mkdir(path, 0755)) == 0);
        }
        rig_open(r);
        CHECK(strstr(r->log, "the book of nodes cannot be read") != NULL);
        CHECK(strstr(r->log, kind == 0 ? "CORRUPT" : "WRONG_KIND") != NULL);
        if (kind == 2) { /* it cannot be renamed over a directory */
            LOOP_UNTIL(&r->l, r->node->parts.child[NODE_PART_KEEPER].state == SUPERVISOR_WAITING);
            CHECK(rmdir(path) == 0);
        }
        LOOP_UNTIL(&r->l, kept(r));
    }
    CHECK(r->failures == 0);
    rig_close(r);
    EXPECT_MARK("node: the book cannot be read");
}

static void on_answer(struct service_call *call, const struct service_reply *reply);

struct ask {
    struct service_call call;
    struct rig *rig;
};

static void on_answer(struct service_call *call, const struct service_reply *reply)
{
    struct rig *r = CONTAINER_OF(call, struct ask, call)->rig;
    r->answers++;
    r->answer = reply->code;
}

static void rig_init(struct rig *r)
{
    struct service *s = node_service(r->node);
    struct service_member self = { .id = 1 };
    static struct ask ask;
    ask = (struct ask){ .call = { .done = on_answer }, .rig = r };
    CHECK(s->table->init(s, &self, 1, &ask.call) == ERR_OK);
    LOOP_UNTIL(&r->l, r->answers == 1);
    CHECK(r->answer == ERR_OK);
}

static void dump(void *arg, int fd)
{
    node_dump(arg, fd);
}

static void panic_of_a_node(void)
{
    struct rig *r = rig_new();
    char command[128];
    rig_open(r);
    rig_init(r);
    panic_hook_set(dump, r->node);
    snprintf(command, sizeof command, "rm -rf '%s'", r->l.path);
    for (int i = 0; i < 100 && system(command) != 0; i++) { /* a worker may still make files */
    }
    PANIC("for the test");
}

static void dumped(void)
{
    static char words[256 * 1024];
    CHECK(tap_panics(panic_of_a_node, words, sizeof words));
    char *reason = strstr(words, "for the test");
    char *state = strstr(words, "node 1: role ");
    CHECK(reason != NULL && state != NULL && reason < state);
    CHECK(strstr(state, "raft: init (ticket)") != NULL);
    CHECK(strstr(state, "raft: role (role, term, leader)") != NULL);
    CHECK(strstr(state, "raft: persisted (ticket, index, term)") != NULL);
}

int main(void)
{
    TAP_TEST("parts: a state machine that fails ends the node, once, and says why",
             state_machine_fails);
    TAP_TEST("parts: so does a log that cannot be read", log_unreadable);
    TAP_TEST("parts: a book that cannot be kept is written later, and the node lives on",
             book_fails);
    TAP_TEST("parts: nothing of a broken save stays behind the book", book_over_a_leftover);
    TAP_TEST("parts: a node starts without a book that cannot be read", book_unread);
    TAP_TEST("dump: a panic shows the state of the node and its last events", dumped);
    return tap_done();
}
