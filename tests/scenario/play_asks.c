/* tests/scenario/play_asks.c -- what clients ask, what they are told, and what is expected. */
#include "play.h"

#include <stdlib.h>

enum {
    ASK_VALUE_BYTES = 32,
    ASK_PROCESS = 1000, /* of the history; below are the simulator's own clients */
    ASK_CLIENT = 77     /* of request ids */
};
#define ASK_DEADLINE_NS (2 * SIM_S)
#define ASK_CHANGE_DEADLINE_NS (10 * SIM_S) /* as a node gives it that is told none */

static const char *const outcome_names[] = { "pending", "ok", "failed", "unknown" };

/* ---- the history ---- */

static void note(struct play_ask *a, enum history_event event)
{
    struct sim_world *w = a->play->world;
    char key[SIM_TEXT_BYTES];
    char value[SIM_TEXT_BYTES];
    struct history_row row = { .t_ns = w->now_ns,
                               .process = ASK_PROCESS + (uint32_t)(a - a->play->ask),
                               .event = event,
                               .op = a->writes ? HISTORY_PUT : HISTORY_GET,
                               .key = sim_key_text(a->key, key) };
    row.revision = event == HISTORY_OK ? a->revision : 0;
    if (a->serial != 0 && (a->writes || event == HISTORY_OK)) {
        row.value = sim_serial_text(a->serial, value);
    }
    a->noted = event != HISTORY_INV;
    if (!a->serializable && history_add(&w->clients.history, &row) != ERR_OK) {
        play_fail(a->play, "the history is full");
    }
}

/* ---- answers ---- */

static void settle(struct play_ask *a, enum play_outcome outcome, enum err code)
{
    a->outcome = outcome;
    a->code = code;
    a->doubtful = a->doubtful || outcome == PLAY_UNKNOWN;
    sim_world_tell(a->play->world, 0, outcome_names[outcome], (uint64_t)(a - a->play->ask),
                   (uint64_t)code);
    if (outcome == PLAY_OK && !a->noted) { /* a retry of what is done is no news */
        note(a, HISTORY_OK);
    }
}

/* What the simulator's own clients show to the judges. */
static void show(const struct play_ask *a, const struct service_reply *reply)
{
    struct sim_judge *j = &a->play->world->judge;
    if (a->key == PLAY_KEYS) {
        return; /* the beginning of the cluster is no write */
    }
    sim_judge_reply(j, play_host(a->play, a->at), a->writes, reply);
    if (reply->code == ERR_OK && a->writes) {
        sim_judge_value(j, reply->revision, a->serial);
    } else if (reply->code == ERR_OK && a->serial != 0) {
        sim_judge_record(j, a->key, a->serial, reply->revision, &reply->record);
    } else if (reply->code == ERR_NOT_FOUND && !a->writes) {
        sim_judge_absent(j, a->key, reply->revision);
    }
}

static void done(struct service_call *call, const struct service_reply *reply)
{
    struct play_ask *a = (struct play_ask *)call;
    if (a->play == NULL || a->outcome != PLAY_PENDING) {
        return;
    }
    for (uint32_t i = 0; reply->members != NULL && i < reply->members->count; i++) {
        const uint64_t bit = UINT64_C(1) << reply->members->member[i].id;
        a->voters |= reply->members->member[i].voter ? bit : 0;
        a->learners |= reply->members->member[i].voter ? 0 : bit;
    }
    const char *detail = reply->detail != NULL ? reply->detail : "";
    snprintf(a->detail, sizeof a->detail, "%s", detail);
    if (!sim_host_boundary(play_host(a->play, a->at))) {
        settle(a, a->writes ? PLAY_UNKNOWN : PLAY_FAILED,
               ERR_PEER_GONE); /* the node died with it */
    } else if (reply->code == ERR_OUTCOME_UNKNOWN) {
        settle(a, PLAY_UNKNOWN, reply->code);
    } else if (a->writes) {
        a->revision = reply->revision;
        show(a, reply);
        settle(a, reply->code == ERR_OK ? PLAY_OK : PLAY_FAILED, reply->code);
    } else if (reply->code == ERR_OK || reply->code == ERR_NOT_FOUND) {
        bool found = reply->code == ERR_OK;
        a->serial = found ? sim_value_serial(reply->record.value) : 0;
        a->bytes = (uint32_t)reply->record.value.count;
        a->revision = found ? reply->record.mod_revision : 0;
        a->version = found ? reply->record.version : 0;
        if (found && a->serial == 0) {
            sim_world_fail(a->play->world, "a read returned bytes that nobody wrote");
        }
        show(a, reply);
        settle(a, PLAY_OK, reply->code);
    } else {
        settle(a, PLAY_FAILED, reply->code);
    }
}

void play_asks_end(struct play *p)
{
    for (uint32_t i = 0; i < p->asks; i++) {
        struct play_ask *a = &p->ask[i];
        if (!a->noted && a->key < PLAY_KEYS) {
            note(a, a->writes && (a->doubtful || a->outcome == PLAY_PENDING) ? HISTORY_INFO
                                                                             : HISTORY_FAIL);
        }
        if (a->outcome == PLAY_PENDING) {
            a->play = NULL; /* what comes now comes too late */
        }
    }
}

/* ---- asking ---- */

static void submit(struct play *p, struct play_ask *a, uint64_t at)
{
    struct sim_host *h = play_host(p, at);
    char key[SIM_TEXT_BYTES];
    if (!sim_host_enter(h)) {
        play_fail(p, "node %llu cannot be asked: it is down or paused", (unsigned long long)at);
    }
    struct service *s = node_service(h->node);
    struct bytes name = sim_key_text(a->key, key);
    a->at = at;
    a->outcome = PLAY_PENDING;
    a->call =
        (struct service_call){ .done = done, .deadline_ns = sim_host_local(h) + ASK_DEADLINE_NS };
    a->call.client = a->sequence != 0 ? ASK_CLIENT : 0;
    a->call.sequence = a->sequence;
    sim_world_tell(p->world, at, a->writes ? "asked to write" : "asked to read",
                   (uint64_t)(a - p->ask), a->key);
    enum err e = ERR_OK;
    if (a->writes) {
        uint8_t *value = malloc(a->bytes);
        struct service_pair pair = { name, sim_value_make(a->serial, value, a->bytes) };
        e = s->table->write(s, &pair, 1, &a->call);
        free(value);
    } else {
        e = s->table->read(s, name, a->serializable ? SERVICE_SERIALIZABLE : SERVICE_LINEARIZABLE,
                           &a->call);
    }
    if (e != ERR_OK) {
        settle(a, PLAY_FAILED, e);
    }
    sim_host_leave(h);
}

static struct play_ask *ask_new(struct play *p, uint32_t key)
{
    if (p->asks == PLAY_ASKS_MAX) {
        play_fail(p, "too many asks");
    }
    struct play_ask *a = &p->ask[p->asks++];
    *a = (struct play_ask){ .play = p, .key = key };
    return a;
}

static uint32_t number(const struct play_ask *a)
{
    return (uint32_t)(a - a->play->ask);
}

static uint32_t ask_write(struct play *p, uint64_t at, uint32_t key, uint32_t bytes, bool once)
{
    struct play_ask *a = ask_new(p, key);
    a->writes = true;
    a->serial = ++p->world->clients.serial;
    a->bytes = bytes;
    a->sequence = once ? a->serial : 0;
    note(a, HISTORY_INV);
    sim_judge_write(&p->world->judge, a->serial, &key, 1);
    submit(p, a, at);
    return number(a);
}

uint32_t play_write(struct play *p, uint64_t at, uint32_t key)
{
    return ask_write(p, at, key, ASK_VALUE_BYTES, false);
}

uint32_t play_write_large(struct play *p, uint64_t at, uint32_t key, uint32_t bytes)
{
    return ask_write(p, at, key, bytes, false);
}

uint32_t play_write_once(struct play *p, uint64_t at, uint32_t key)
{
    return ask_write(p, at, key, ASK_VALUE_BYTES, true);
}

void play_again(struct play *p, uint32_t ask, uint64_t at)
{
    if (p->ask[ask].sequence == 0 || p->ask[ask].outcome == PLAY_PENDING) {
        play_fail(p, "only an answered write with a request id can be asked again");
    }
    submit(p, &p->ask[ask], at);
}

static uint32_t ask_read(struct play *p, uint64_t at, uint32_t key, bool local)
{
    struct play_ask *a = ask_new(p, key);
    a->serializable = local;
    note(a, HISTORY_INV);
    submit(p, a, at);
    return number(a);
}

uint32_t play_read(struct play *p, uint64_t at, uint32_t key)
{
    return ask_read(p, at, key, false);
}

uint32_t play_read_local(struct play *p, uint64_t at, uint32_t key)
{
    return ask_read(p, at, key, true);
}

/* No key of the history: a request about the cluster, at a host that is entered. */
static struct play_ask *ask_cluster(struct play *p, uint64_t at, uint64_t deadline_ns,
                                    const char *what)
{
    struct play_ask *a = ask_new(p, PLAY_KEYS);
    struct sim_host *h = play_host(p, at);
    a->writes = true;
    a->at = at;
    a->serializable = true;
    if (!sim_host_enter(h)) {
        play_fail(p, "node %llu cannot be asked: it is down", (unsigned long long)at);
    }
    a->call = (struct service_call){ .done = done, .deadline_ns = sim_host_local(h) + deadline_ns };
    a->call.expect = p->expect;
    a->call.keep_rejoining = p->keep;
    sim_world_tell(p->world, at, what, number(a), 0);
    return a;
}

static uint32_t asked(struct play_ask *a, enum err e)
{
    if (e != ERR_OK) {
        settle(a, PLAY_FAILED, e);
    }
    sim_host_leave(play_host(a->play, a->at));
    return number(a);
}

uint32_t play_init(struct play *p, uint64_t at)
{
    return play_init_of(p, at, 1, p->world->node_count);
}

uint32_t play_init_of(struct play *p, uint64_t at, uint64_t first, uint64_t last)
{
    struct service_member members[SIM_NODES_MAX];
    struct play_ask *a = ask_cluster(p, at, ASK_DEADLINE_NS, "asked to begin");
    struct service *s = node_service(play_host(p, at)->node);
    uint32_t count = 0;
    for (uint64_t id = first; id <= last; id++) {
        members[count++] = (struct service_member){ .id = id, .addr = bytes_text("stage") };
    }
    return asked(a, s->table->init(s, members, count, &a->call));
}

uint32_t play_voters(struct play *p, uint64_t at, const uint64_t *ids, uint32_t count)
{
    struct play_ask *a = ask_cluster(p, at, ASK_CHANGE_DEADLINE_NS, "asked for voters");
    struct service *s = node_service(play_host(p, at)->node);
    return asked(a, s->table->change_membership(s, ids, count, &a->call));
}

uint32_t play_learner(struct play *p, uint64_t at, uint64_t id)
{
    return play_learner_at(p, at, id, "stage");
}

uint32_t play_learner_at(struct play *p, uint64_t at, uint64_t id, const char *addr)
{
    struct service_member member = { .id = id, .addr = bytes_text(addr) };
    struct play_ask *a = ask_cluster(p, at, ASK_CHANGE_DEADLINE_NS, "asked for a learner");
    struct service *s = node_service(play_host(p, at)->node);
    return asked(a, s->table->add_learner(s, &member, &a->call));
}

uint32_t play_remove(struct play *p, uint64_t at, uint64_t id)
{
    struct play_ask *a = ask_cluster(p, at, ASK_CHANGE_DEADLINE_NS, "asked to remove");
    struct service *s = node_service(play_host(p, at)->node);
    return asked(a, s->table->remove_member(s, id, &a->call));
}

uint32_t play_transfer(struct play *p, uint64_t at, uint64_t to)
{
    struct play_ask *a = ask_cluster(p, at, ASK_CHANGE_DEADLINE_NS, "asked to hand over");
    struct service *s = node_service(play_host(p, at)->node);
    return asked(a, s->table->transfer(s, to, &a->call));
}

/* ---- expecting ---- */

static bool answered(const struct play *p, uint64_t ask, uint64_t unused)
{
    (void)unused;
    return p->ask[ask].outcome != PLAY_PENDING;
}

enum play_outcome play_outcome(struct play *p, uint32_t ask)
{
    play_await(p, answered, ask, 0, "an answer to this ask");
    return p->ask[ask].outcome;
}

static bool all_answered(const struct play *p, uint64_t unused, uint64_t unused_too)
{
    (void)unused;
    (void)unused_too;
    for (uint32_t i = 0; i < p->asks; i++) {
        const struct play_ask *a = &p->ask[i];
        if (a->outcome == PLAY_PENDING && play_host(p, a->at)->state == SIM_HOST_UP) {
            return false;
        }
    }
    return true;
}

void play_await_answers(struct play *p)
{
    play_await(p, all_answered, 0, 0, "every ask to be answered");
}

static void unexpected(struct play *p, uint32_t ask, const char *wanted)
{
    const struct play_ask *a = &p->ask[ask];
    play_fail(p, "ask %u (a %s of k%u at node %llu) should be %s: it is %s, %s", ask,
              a->writes ? "write" : "read", a->key, (unsigned long long)a->at, wanted,
              outcome_names[a->outcome], err_name(a->code));
}

void play_expect_pending(struct play *p, uint32_t ask)
{
    if (p->ask[ask].outcome != PLAY_PENDING) {
        unexpected(p, ask, "pending");
    }
}

void play_expect_ok(struct play *p, uint32_t ask)
{
    if (play_outcome(p, ask) != PLAY_OK) {
        unexpected(p, ask, "ok");
    }
}

void play_expect_code(struct play *p, uint32_t ask, enum err code)
{
    if (play_outcome(p, ask) == PLAY_PENDING || p->ask[ask].code != code) {
        unexpected(p, ask, err_name(code));
    }
}

void play_expect_says(struct play *p, uint32_t ask, const char *text)
{
    if (strstr(p->ask[ask].detail, text) == NULL) {
        play_fail(p, "expected in the refusal: \"%s\"; it is: \"%s\"", text, p->ask[ask].detail);
    }
}

enum play_outcome play_expect_not_ok(struct play *p, uint32_t ask)
{
    if (play_outcome(p, ask) == PLAY_OK) {
        unexpected(p, ask, "failed or unknown");
    }
    return p->ask[ask].outcome;
}

uint32_t play_writes(struct play *p, uint64_t at, uint32_t key)
{
    uint32_t ask = play_write(p, at, key);
    play_expect_ok(p, ask);
    return ask;
}

void play_reads(struct play *p, uint64_t at, uint32_t key, uint32_t write)
{
    uint32_t ask = play_read(p, at, key);
    play_expect_ok(p, ask);
    if (p->ask[ask].serial != p->ask[write].serial || p->ask[ask].bytes != p->ask[write].bytes) {
        play_fail(p, "node %llu read s%llu from k%u, but s%llu was written", (unsigned long long)at,
                  (unsigned long long)p->ask[ask].serial, key,
                  (unsigned long long)p->ask[write].serial);
    }
}

void play_reads_nothing(struct play *p, uint64_t at, uint32_t key)
{
    play_expect_code(p, play_read(p, at, key), ERR_NOT_FOUND);
}
