/* tests/unit/sim/test_told.c -- Subject: what clients, a flood and the operator are told, on its
 * way to the judges; and what they are not told. Method: a node that is well is asked as in any
 * run; then the test answers in its place, truly or with one lie, or lets it forget the call.
 */
#include "finding.h"

#include "sim/lincheck.h"

enum {
    KEY = 3,
    OTHER = 4
};
#define LONG_NS (60 * SIM_S) /* longer than anybody waits */

static struct sim_world *w;
static struct sim_host *h;
static struct sim_client *c;
static struct service_reply reply;
static uint8_t value[SIM_TEXT_BYTES];
static uint64_t serial;  /* of the newest write */
static int64_t created;  /* its revision, and how often it was written then */
static int64_t modified; /* likewise of the newest one */
static int64_t version;

/* ---- asking and answering ---- */

static void open_world(void)
{
    w = finding_world(1);
    h = &w->host[0];
    c = &w->clients.client[0];
    sim_clients_rest(&w->clients);
    sim_world_until(w, w->now_ns + LONG_NS);
    CHECK(!w->failed && sim_clients_busy(&w->clients) == 0);
    created = modified = version = 0;
}

static void close_world(const char *words)
{
    CHECK(finding_is(w, words));
    sim_world_close(w);
}

/* The node will do what it was asked, and not tell. */
static void forget(struct service_call *call)
{
    struct service *s = node_service(h->node);
    CHECK(sim_host_enter(h));
    s->table->forget(s, call);
    sim_host_leave(h);
}

/* A key is written, or read; the answer is true. */
static void ask(bool write, uint32_t key)
{
    struct node_look look;
    sim_world_until(w, w->now_ns + SIM_S); /* what was asked before is done */
    node_look(h->node, &look);
    CHECK(sim_clients_ask(&w->clients, 0, 0, write, key));
    forget(&c->call);
    reply = (struct service_reply){ .revision = look.revision + write, .node = 1 };
    reply.leader_hint = 1;
    reply.term = w->look.seen[0].term;
    reply.code = write || (key == KEY && version > 0) ? ERR_OK : ERR_NOT_FOUND;
    if (write && key == KEY) {
        serial = c->op.serial;
        modified = reply.revision;
        created = version++ == 0 ? modified : created;
    }
    if (reply.code == ERR_OK && !write) {
        reply.record = (struct service_record){ .create_revision = created, .version = version };
        reply.record.mod_revision = modified;
        reply.record.value = sim_value_make(serial, value, sizeof value);
    }
}

static void answer(void)
{
    c->call.done(&c->call, &reply);
}

static void write_key(uint32_t key)
{
    ask(true, key);
    answer();
    CHECK(!w->failed);
}

static void read_key(void)
{
    ask(false, KEY);
    answer();
}

/* A key that was written so often is about to be read. */
static void written(int times)
{
    for (int i = 0; i < times; i++) {
        write_key(KEY);
    }
    ask(false, KEY);
}

/* ---- lies ---- */

static void nothing(void)
{
    read_key();
    written(2);
    answer();
    write_key(OTHER);
    read_key();
}

static void revision_of_init(void)
{
    ask(true, KEY);
    reply.revision = 1;
    answer();
}

static void no_revision(void)
{
    ask(true, KEY);
    reply.revision = 0;
    answer();
}

static void revision_beyond_all(void)
{
    ask(true, KEY);
    reply.revision = SIM_INDEX_MAX;
    answer();
}

static void revision_of_another(void)
{
    write_key(OTHER);
    ask(true, KEY);
    reply.revision--;
    answer();
}

static void written_by_another(void)
{
    ask(true, KEY);
    reply.node = 2;
    answer();
}

static void written_in_another_term(void)
{
    ask(true, KEY);
    reply.term++;
    reply.leader_hint = 0;
    answer();
}

static void written_beyond_terms(void)
{
    ask(true, KEY);
    reply.term = SIM_TERMS_MAX;
    reply.leader_hint = 0;
    answer();
}

static void too_many(void)
{
    w->clients.serial = SIM_INDEX_MAX - 1;
    ask(true, KEY);
}

static void other_bytes(void)
{
    written(1);
    value[SIM_TEXT_BYTES - 1] ^= 1;
    answer();
}

static void bytes_to_come(void)
{
    written(1);
    sim_value_make(w->clients.serial + 1, value, sizeof value);
    answer();
}

static void read_by_another(void)
{
    ask(false, KEY);
    reply.node = 2;
    answer();
}

static void term_back(void)
{
    read_key();
    ask(false, KEY);
    reply.term--;
    reply.leader_hint = 0;
    answer();
}

static void read_beyond_all(void)
{
    written(1);
    w->judge.revision[w->judge.applied] = SIM_INDEX_MAX; /* or another judge were first */
    reply.revision = SIM_INDEX_MAX;
    answer();
}

static void nothing_beyond_all(void)
{
    ask(false, KEY);
    w->judge.revision[w->judge.applied] = SIM_INDEX_MAX;
    reply.revision = SIM_INDEX_MAX;
    answer();
}

static void value_of_another(void)
{
    write_key(KEY);
    uint64_t first = serial;
    write_key(OTHER);
    written(1);
    sim_value_make(first + 1, value, sizeof value);
    reply.record.mod_revision = modified - 1;
    answer();
}

static void created_twice(void)
{
    written(2);
    answer();
    ask(false, KEY);
    reply.record.create_revision--;
    answer();
}

static void two_versions(void)
{
    write_key(KEY);
    write_key(OTHER);
    written(1);
    answer();
    ask(false, KEY);
    reply.record.version++;
    answer();
}

/* The judges of versions are asked now, and not only in the end. */
static void count_beyond(void)
{
    write_key(KEY);
    write_key(OTHER);
    written(1);
    reply.record.version++;
    answer();
    sim_judge_versions(&w->judge);
}

static void count_below(void)
{
    written(3);
    reply.record.version--;
    answer();
    sim_judge_versions(&w->judge);
}

/* A write of which nobody was told may have been of this key. */
static void count_unknown(void)
{
    write_key(KEY);
    ask(true, OTHER);
    reply.code = ERR_OUTCOME_UNKNOWN;
    answer();
    written(1);
    reply.record.version++;
    answer();
    sim_judge_versions(&w->judge);
}

static void gone(void)
{
    written(1);
    reply.code = ERR_NOT_FOUND;
    answer();
    sim_judge_versions(&w->judge);
}

/* It was read when it was the newest; another has replaced it, and it is read again. */
static void replaced(void)
{
    written(1);
    answer();
    struct service_record first = reply.record;
    uint64_t before = serial;
    written(1);
    reply.record = first;
    reply.record.value = sim_value_make(before, value, sizeof value);
    answer();
    CHECK(!w->failed);
    sim_judge_versions(&w->judge);
}

static const struct {
    const char *words; /* of the finding; NULL: there is none */
    void (*lie)(void);
} cases[] = {
    { NULL, nothing },
    { "a write was acknowledged with revision 1", revision_of_init },
    { "a write was acknowledged with revision 0", no_revision },
    { "an answer says revision", revision_beyond_all },
    { " wrote value ", revision_of_another },
    { "did a write as leader of term", written_by_another },
    { "did a write as leader of term", written_in_another_term },
    { "did a write as leader of term", written_beyond_terms },
    { "more writes than the judges can watch", too_many },
    { "a read returned bytes that nobody wrote", other_bytes },
    { "a read returned bytes that nobody wrote", bytes_to_come },
    { "answers a read as node 2", read_by_another },
    { "reads went back", term_back },
    { "an answer says revision", read_beyond_all },
    { "an answer says revision", nothing_beyond_all },
    { "which was written to others", value_of_another },
    { "was created at revision", created_twice },
    { ", and version ", two_versions },
    { "it was written 2 times until then", count_beyond },
    { "it was written 3 times until then", count_below },
    { NULL, count_unknown },
    { "had what was there before", gone },
    { "had what was there before", replaced },
};

static void lies(void)
{
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        open_world();
        cases[i].lie();
        close_world(cases[i].words);
    }
}

/* One field of a record that was written twice, and of its header, is as it cannot be. */
static void records(void)
{
    for (int field = 0; field <= 8; field++) {
        open_world();
        written(2);
        struct service_record *r = &reply.record;
        r->create_revision = field == 1 ? 1 : r->create_revision;
        r->create_revision = field == 2 ? r->mod_revision + 1 : r->create_revision;
        r->create_revision = field == 3 ? r->mod_revision : r->create_revision;
        r->version = field == 4 ? 0 : field == 5 ? 1 : field == 6 ? 3 : r->version;
        r->lease = field == 7;
        reply.revision = field == 8 ? r->mod_revision - 1 : reply.revision;
        answer();
        close_world(field == 0 ? NULL : "read a record that cannot be");
    }
}

/* What was told is in the history, and when: no read is too early or too late in it. */
static void history(void)
{
    for (int lie = 0; lie <= 2; lie++) {
        struct lincheck_result r;
        open_world();
        written(1);
        reply.code = lie == 1 ? ERR_NOT_FOUND : reply.code;
        answer();
        if (lie == 2) { /* a value that another one has replaced */
            uint64_t before = serial;
            written(1);
            sim_value_make(before, value, sizeof value);
            reply.record.mod_revision = created;
            reply.record.version = 1;
            answer();
        }
        CHECK(!w->failed);
        lincheck_run(&w->clients.history, &w->mem, NULL, &r);
        CHECK(r.verdict == (lie == 0 ? LINCHECK_GOOD : LINCHECK_BAD));
        close_world(NULL);
    }
    open_world();
    uint32_t rows = w->clients.history.row_count;
    w->clients.history.row_count = HISTORY_ROWS_MAX;
    ask(false, KEY);
    w->clients.history.row_count = rows;
    close_world("the history is full");
}

/* A write that was refused was not done, and of one whose end is unknown nobody knows. This
 * node did it, and a read says so. */
static void refused(void)
{
    for (int lie = 0; lie <= 1; lie++) {
        struct lincheck_result r;
        open_world();
        uint64_t unknown = w->clients.writes_unknown;
        uint64_t failed = w->clients.writes_failed;
        ask(true, KEY);
        reply.code = lie == 1 ? ERR_BUSY : ERR_OUTCOME_UNKNOWN;
        answer();
        CHECK_U64(w->clients.writes_unknown - unknown, lie == 0);
        CHECK_U64(w->clients.writes_failed - failed, lie == 1);
        read_key();
        CHECK(!w->failed);
        lincheck_run(&w->clients.history, &w->mem, NULL, &r);
        CHECK(r.verdict == (lie == 0 ? LINCHECK_GOOD : LINCHECK_BAD));
        close_world(NULL);
    }
}

/* ---- silence ---- */

/* A machine that is slow has an excuse, until it is not any more. */
static void clients_wait(void)
{
    open_world();
    CHECK(sim_clients_ask(&w->clients, 0, 0, true, KEY));
    sim_world_until(w, w->now_ns + LONG_NS);
    close_world(NULL);
    open_world();
    h->turn_ns = 2 * SIM_MS;
    ask(true, KEY);
    sim_world_until(w, w->now_ns + LONG_NS);
    CHECK(!w->failed);
    h->turn_ns = h->usual_turn_ns;
    sim_world_until(w, w->now_ns + LONG_NS);
    close_world("node 1 left a call of client 0 without an answer");
    open_world();
    ask(false, KEY);
    sim_host_crash(h); /* nobody answers for it */
    sim_world_until(w, w->now_ns + LONG_NS);
    CHECK_U64(sim_clients_busy(&w->clients), 0);
    close_world(NULL);
}

static void operator_waits(void)
{
    for (int lie = 0; lie <= 1; lie++) {
        open_world();
        CHECK(sim_admin_snapshot(&w->admin));
        if (lie == 1) {
            forget(&w->admin.call[0].call);
        }
        sim_world_until(w, w->now_ns + 2 * LONG_NS);
        CHECK_U64(sim_admin_busy(&w->admin), lie);
        close_world(lie == 0 ? NULL : "node 1 left a call of the operator without an answer");
    }
}

static void operator_is_told(void)
{
    open_world();
    CHECK(sim_admin_snapshot(&w->admin));
    forget(&w->admin.call[0].call);
    reply = (struct service_reply){ .snapshot_index = w->look.seen[0].applied + 1 };
    w->admin.call[0].call.done(&w->admin.call[0].call, &reply);
    close_world("says that it has a snapshot of entry");
}

/* Returns a call that was asked and is not answered yet. */
static struct sim_flood_call *flood(bool writes)
{
    struct sim_flood *f = &w->flood;
    CHECK(sim_flood_start(f, h));
    f->writes_percent = writes ? 100 : 0;
    while (f->pending == 0) {
        CHECK(!sim_world_over(w) && f->asked == 0);
        sim_world_until(w, heap_min(&w->queue)->key);
    }
    uint32_t i = 0;
    while (!f->call[i].pending) {
        CHECK(++i < f->asked);
    }
    return &f->call[i];
}

static void flood_waits(void)
{
    for (int lie = 0; lie <= 1; lie++) {
        open_world();
        struct sim_flood_call *call = flood(true);
        if (lie == 1) {
            forget(&call->call);
        }
        sim_world_until(w, w->now_ns + LONG_NS);
        close_world(lie == 0 ? NULL : "node 1 left 1 calls of a flood without an answer");
    }
}

enum {
    FLOOD_TRUE,
    FLOOD_BYTES,
    FLOOD_TO_COME,
    FLOOD_HEADER,
    FLOOD_REVISION
};

static void flood_is_told(void)
{
    static const char *const words[] = { NULL, "a read of a flood returned bytes",
                                         "a read of a flood returned bytes",
                                         "answers a read as node 2", " wrote value " };
    for (int lie = FLOOD_TRUE; lie <= FLOOD_REVISION; lie++) {
        open_world();
        written(1);
        answer();
        write_key(OTHER);
        ask(false, KEY);
        answer();
        struct sim_flood_call *call = flood(false); /* it reads another key, but who knows */
        forget(&call->call);
        if (lie == FLOOD_BYTES) {
            value[SIM_TEXT_BYTES - 1] ^= 1;
        } else if (lie == FLOOD_TO_COME) {
            sim_value_make(w->clients.serial + 1, value, sizeof value);
        } else if (lie == FLOOD_HEADER) {
            reply.node = 2;
        } else if (lie == FLOOD_REVISION) {
            reply.record.mod_revision++;
            reply.record.version++;
        }
        call->call.done(&call->call, &reply);
        close_world(words[lie]);
    }
}

int main(void)
{
    TAP_TEST("told: each lie of an answer is found, and the truth is none", lies);
    TAP_TEST("told: a record is one that can be", records);
    TAP_TEST("told: all that a client asked and heard is in the history", history);
    TAP_TEST("told: a refused write was not done, and an unknown one may be", refused);
    TAP_TEST("told: a client waits in vain only where there is an excuse", clients_wait);
    TAP_TEST("told: so does the operator", operator_waits);
    TAP_TEST("told: what the operator hears is judged", operator_is_told);
    TAP_TEST("told: every call of a flood is waited for", flood_waits);
    TAP_TEST("told: what a flood hears is judged", flood_is_told);
    return tap_done();
}
