/* sim/client_told.c -- what a client is told: it is judged, and goes into the history. */
#include "base/panic.h"
#include "sim/client_impl.h"
#include "sim/world.h"

/* ---- the history ---- */

static void note(struct sim_client *c, uint32_t pair, enum history_event event, uint64_t serial,
                 int64_t revision)
{
    struct sim_world *w = c->world;
    char key[SIM_TEXT_BYTES];
    char value[SIM_TEXT_BYTES];
    struct history_row row = { .t_ns = w->now_ns,
                               .process = c->index * SIM_PAIRS_MAX + pair,
                               .event = event,
                               .op = c->op.writes ? HISTORY_PUT : HISTORY_GET,
                               .key = sim_key_text(c->op.key[pair], key),
                               .revision = revision };
    if (serial != 0) {
        row.value = sim_serial_text(serial, value);
    }
    if (!c->op.serializable && history_add(&w->clients.history, &row) != ERR_OK) {
        sim_world_fail(w, "the history is full");
    }
}

static void note_all(struct sim_client *c, enum history_event event, int64_t revision)
{
    for (uint32_t i = 0; i < c->op.pair_count; i++) {
        note(c, i, event, c->op.writes ? c->op.serial : 0, revision);
    }
}

/* It is written down, with what it may come to. */
void sim_client_begin(struct sim_client *c)
{
    c->state = SIM_CLIENT_WAITS;
    note_all(c, HISTORY_INV, 0);
    if (c->op.writes) {
        sim_judge_write(&c->world->judge, c->op.serial, c->op.key, c->op.pair_count);
    }
}

/* ---- the end of an operation ---- */

static void end(struct sim_client *c)
{
    struct sim_clients *all = &c->world->clients;
    sim_client_wait_no_more(c);
    c->asked = NULL;
    c->state = SIM_CLIENT_RESTS;
    if (!all->resting) {
        sim_client_think(c);
    }
}

/* It did not take effect, or nobody knows. With a request id it is asked again. */
void sim_client_failed(struct sim_client *c, bool unknown)
{
    struct sim_clients *all = &c->world->clients;
    c->doubtful = c->doubtful || unknown;
    c->asked = NULL;
    if (c->op.writes && c->op.request != 0 && c->attempts < c->op.attempts_max) {
        sim_client_again(c);
        return;
    }
    bool open = c->op.writes && c->doubtful;
    note_all(c, open ? HISTORY_INFO : HISTORY_FAIL, 0);
    all->writes_unknown += open;
    all->writes_failed += c->op.writes && !open;
    all->reads_failed += !c->op.writes;
    sim_world_tell(c->world, 0, open ? "client: unknown" : "client: failed", c->index,
                   c->op.serial);
    end(c);
}

static bool not_done(enum err e)
{
    return e != ERR_OUTCOME_UNKNOWN;
}

static void write_done(struct sim_client *c, const struct service_reply *reply)
{
    if (reply->code != ERR_OK) {
        sim_client_failed(c, !not_done(reply->code));
        return;
    }
    if (reply->revision <= 1) {
        sim_world_fail(c->world, "a write was acknowledged with revision %lld",
                       (long long)reply->revision);
    }
    sim_judge_value(&c->world->judge, reply->revision, c->op.serial);
    note_all(c, HISTORY_OK, reply->revision);
    c->world->clients.writes_ok++;
    c->world->clients.written_key = c->op.key[0];
    sim_world_tell(c->world, 0, "client: written", c->index, (uint64_t)reply->revision);
    end(c);
}

static void read_done(struct sim_client *c, const struct service_reply *reply)
{
    bool found = reply->code == ERR_OK;
    uint64_t serial = found ? sim_value_serial(reply->record.value) : 0;
    if (!found && reply->code != ERR_NOT_FOUND) {
        sim_client_failed(c, false);
        return;
    }
    if (found && (serial == 0 || serial > c->world->clients.serial)) {
        sim_world_fail(c->world, "a read returned bytes that nobody wrote");
    }
    if (found) {
        sim_judge_record(&c->world->judge, c->op.key[0], serial, reply->revision, &reply->record);
    } else {
        sim_judge_absent(&c->world->judge, c->op.key[0], reply->revision);
    }
    note(c, 0, HISTORY_OK, serial, found ? reply->record.mod_revision : 0);
    c->world->clients.reads_ok++;
    sim_world_tell(c->world, 0, "client: read", c->index, serial);
    end(c);
}

void sim_client_told(struct service_call *call, const struct service_reply *reply)
{
    struct sim_client *c = CONTAINER_OF(call, struct sim_client, call);
    struct sim_host *h = c->asked;
    if (h == NULL || h->process != c->process || !sim_host_boundary(h)) {
        return; /* the node died before the answer left it: sim_clients_lost knows */
    }
    sim_judge_reply(&c->world->judge, h, c->op.writes, reply);
    if (c->op.writes && reply->code == ERR_OK) {
        sim_fault_moment(&c->world->faults, h, SIM_MOMENT_ANSWER);
    }
    if (c->op.writes) {
        write_done(c, reply);
    } else {
        read_done(c, reply);
    }
}

void sim_clients_lost(struct sim_clients *all, struct sim_host *h)
{
    for (uint32_t i = 0; i < all->load.clients; i++) {
        struct sim_client *c = &all->client[i];
        if (c->asked == h) {
            sim_client_failed(c, true);
        }
    }
}
