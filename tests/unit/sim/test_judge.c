/* tests/unit/sim/test_judge.c -- Subject: the judges of what a read says, old states included.
 * Method: a world of one node that leads; then answers that it never gave are shown to its judges,
 * true ones and ones with one lie.
 */
#include "finding.h"

enum {
    KEY = 3,
    OTHER = 4,
    SPARE = 10 /* revisions behind those of the world itself */
};

static struct sim_world *w;
static int64_t base;   /* the newest revision */
static uint64_t first; /* serial of three writes that are shown: KEY, OTHER, KEY */
static struct service_reply reply;

static void open_world(void)
{
    struct sim_options o = { .seed = 3, .nodes = 1, .faults_off = UINT64_MAX };
    struct node_look look;
    uint32_t keys[] = { KEY, OTHER, KEY };
    w = sim_world_open(&o);
    CHECK(w != NULL);
    w->clients.load.keys = 1; /* the test has the others */
    w->clients.load.pairs_max = 1;
    w->options.virtual_ns = 10 * SIM_S;
    CHECK(sim_world_run(w));
    node_look(w->host[0].node, &look);
    base = look.revision;
    CHECK(base > SPARE);
    first = ++w->clients.serial;
    w->clients.serial += 2;
    for (uint32_t i = 0; i < 3; i++) {
        sim_judge_write(&w->judge, first + i, &keys[i], 1);
        sim_judge_value(&w->judge, base + 1 + i, first + i);
    }
    CHECK(!w->failed);
    reply = (struct service_reply){ .revision = base, .term = w->look.seen[0].term, .node = 1 };
    reply.leader_hint = 1;
    reply.code = ERR_NOT_FOUND;
}

/* In the end the judges find what has these words; NULL: nothing. */
static void close_world(const char *words)
{
    if (!w->failed) {
        sim_judge_versions(&w->judge);
    }
    CHECK(finding_is(w, words));
    sim_world_close(w);
}

static void found(uint32_t key, uint64_t serial, int64_t mod, int64_t version, int64_t store)
{
    struct service_record r = { .create_revision = base + 1, .version = version };
    r.mod_revision = mod;
    sim_judge_record(&w->judge, key, serial, store, &r);
}

static void true_ones(void)
{
    open_world();
    sim_judge_absent(&w->judge, KEY, base);
    found(KEY, first, base + 1, 1, base + 1);
    found(KEY, first, base + 1, 1, base + 2);
    found(KEY, first + 2, base + 3, 2, base + 3);
    sim_judge_absent(&w->judge, OTHER, base + 1); /* old, and true */
    sim_judge_reply(&w->judge, &w->host[0], false, &reply);
    close_world(NULL);
}

static void stores(void)
{
    open_world();
    sim_judge_absent(&w->judge, KEY, base + 1);
    close_world("had what was there before");
    open_world();
    sim_judge_absent(&w->judge, OTHER, base + 3);
    close_world("had what was there before");
    open_world();
    found(KEY, first, base + 1, 1, base + 3); /* a new header over an old value */
    close_world("had what was there before");
    open_world();
    found(KEY, first + 2, base + 3, 2, base + 3);
    sim_judge_absent(&w->judge, KEY, base + 2); /* it was made at base + 1, as the record says */
    close_world("was not there in a store");
}

static void values(void)
{
    open_world();
    found(KEY, first + 1, base + 2, 1, base + 2);
    close_world("which was written to others");
    open_world();
    found(KEY, first, base + 3, 2, base + 3);
    close_world("for another");
    open_world();
    sim_judge_value(&w->judge, base + 4, first + 2); /* a retry that was done again */
    close_world("took effect at revisions");
    open_world();
    sim_judge_value(&w->judge, base + 3, first + 2); /* one that was not */
    close_world(NULL);
}

static void headers(void)
{
    open_world();
    reply.revision = base + SPARE;
    sim_judge_reply(&w->judge, &w->host[0], false, &reply);
    close_world("more than what is committed can have made");
    open_world();
    sim_judge_reply(&w->judge, &w->host[0], false, &reply);
    reply.revision = base - 1;
    sim_judge_reply(&w->judge, &w->host[0], false, &reply);
    close_world("reads went back");
    for (uint64_t hint = 2; hint < 1000; hint += 997) {
        open_world();
        reply.leader_hint = hint;
        sim_judge_reply(&w->judge, &w->host[0], false, &reply);
        close_world("hints at node");
    }
    open_world();
    reply.term++; /* which nobody was seen to lead */
    sim_judge_reply(&w->judge, &w->host[0], false, &reply);
    close_world("hints at node");
    open_world();
    reply.leader_hint = 0;
    sim_judge_reply(&w->judge, &w->host[0], false, &reply);
    close_world(NULL);
}

/* What was cut, or has grown, was never written; nor was the value of another number. */
static void lengths(void)
{
    uint8_t value[300];
    for (uint64_t serial = 1; serial < 100000; serial = serial * 7 + 1) {
        for (size_t bytes = SIM_TEXT_BYTES; bytes <= 250; bytes++) {
            memset(value, 0, sizeof value);
            CHECK_U64(sim_value_make(serial, value, bytes).count, bytes);
            CHECK_U64(sim_value_serial(bytes_of(value, bytes)), serial);
            CHECK_U64(sim_value_serial(bytes_of(value, bytes - 1)), 0);
            value[bytes] = value[bytes - 1]; /* one letter more of the filling */
            CHECK_U64(sim_value_serial(bytes_of(value, bytes + 1)), 0);
        }
    }
    for (size_t at = 0; at < 250; at++) {
        value[at] ^= 1;
        CHECK_U64(sim_value_serial(bytes_of(value, 250)), 0);
        value[at] ^= 1;
    }
    for (size_t count = 0; count < SIM_TEXT_BYTES; count++) {
        CHECK_U64(sim_value_serial(bytes_of(value, count)), 0);
    }
}

int main(void)
{
    TAP_TEST("judges: reads of states that existed are true, however old", true_ones);
    TAP_TEST("judges: a store has what was newest at its revision", stores);
    TAP_TEST("judges: a value is the one that its revision wrote to that key", values);
    TAP_TEST("judges: a header is no newer than what is committed, and hints at leaders", headers);
    TAP_TEST("judges: a value that is cut or longer was never written", lengths);
    return tap_done();
}
