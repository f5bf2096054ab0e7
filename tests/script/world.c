/* tests/script/world.c -- nodes: boot, events, effects, disk, state machine. */
#include "world.h"

#include "raft/raft_codec.h"

#include <stdio.h>
#include <stdlib.h>

static void *need(void *block)
{
    if (block == NULL) {
        fprintf(stderr, "raft-script: out of memory\n");
        exit(2);
    }
    return block;
}

/* ---- boot ---- */

struct boot_room {
    struct raft_run runs[WORLD_LOG_MAX];
    uint32_t sizes[WORLD_LOG_MAX];
};

struct raft_conf world_conf(const struct world_node *n, uint64_t index)
{
    struct raft_conf found = { 0 };
    for (uint64_t i = index; i > 0 && found.index == 0; i--) {
        const struct world_entry *e = &n->log[i];
        if (e->kind == RAFT_ENTRY_CONF &&
            raft_conf_decode(bytes_of(e->data, e->size), &found, NULL) == ERR_OK) {
            found.index = i;
        }
    }
    return found;
}

uint64_t world_life(const struct world *w, uint64_t id)
{
    return w->lives ? 100 * id + w->node[id].wipes + 1 : 0;
}

static void boot(struct world *w, uint64_t id, bool restarted, uint64_t applied)
{
    struct world_node *n = &w->node[id];
    struct boot_room *room = need(calloc(1, sizeof *room));
    struct raft_boot b = { .now_ns = n->now_ns, .restarted = restarted, .applied = applied };
    struct raft_config config = w->config;
    b.term = n->term;
    b.vote = n->vote;
    b.last = n->last;
    b.snap_index = n->snap_index;
    b.snap_term = n->snap_term;
    b.made_index = n->made_index;
    b.made_term = n->log[n->made_index].term;
    b.made_conf = world_conf(n, n->made_index);
    b.effective = world_conf(n, n->last);
    b.committed = b.effective.index > 1 ? world_conf(n, b.effective.index - 1) : b.effective;
    for (uint64_t i = n->snap_index + 1; i <= n->last; i++) {
        const struct world_entry *e = &n->log[i];
        if (b.run_count == 0 || room->runs[b.run_count - 1].term != e->term) {
            room->runs[b.run_count++] = (struct raft_run){ i, e->term };
        }
        room->sizes[b.size_count++] = e->size;
    }
    b.runs = room->runs;
    b.sizes = room->sizes;
    config.id = id;
    config.life = world_life(w, id);
    config.seed += id * 7919 + n->now_ns + 104729 * n->boots++;
    free(n->core);
    n->core = NULL;
    void *mem = need(calloc(1, raft_size()));
    if (raft_init(mem, &config, &b, &n->core) != ERR_OK) {
        fprintf(stderr, "raft-script: node %llu cannot boot from its disk\n",
                (unsigned long long)id);
        exit(2);
    }
    free(room);
    n->up = true;
    n->applied = applied;
    n->apply_target = applied;
    n->apply_after = 0;
    n->wal_done = 0;
    n->write_count = 0;
}

void world_node_add(struct world *w, uint64_t id)
{
    struct world_node *n = &w->node[id];
    n->exists = true;
    n->rate_percent = 100;
    n->log = need(calloc(WORLD_LOG_MAX, sizeof *n->log));
    for (uint64_t i = 1; i <= WORLD_NODES_MAX; i++) {
        n->now_ns = w->node[i].now_ns > n->now_ns ? w->node[i].now_ns : n->now_ns;
    }
    n->now_ns = n->now_ns == 0 ? 1000ull * WORLD_TICK_NS : n->now_ns;
    boot(w, id, false, 0);
}

static void first_entry(struct world_node *n, const struct raft_conf *conf)
{
    struct world_entry *e = &n->log[1];
    struct writer wr = writer_of(e->data, sizeof e->data);
    raft_conf_encode(conf, &wr);
    e->term = 1;
    e->kind = RAFT_ENTRY_CONF;
    e->size = (uint32_t)wr.offset;
    n->last = 1;
    n->durable = 1;
    n->term = 1;
    n->durable_term = 1;
}

static void start_one(struct world *w, uint64_t id, const struct raft_conf *conf)
{
    world_node_add(w, id);
    first_entry(&w->node[id], conf);
    boot(w, id, false, 1);
}

void world_start(struct world *w, const struct raft_conf *conf)
{
    w->started = true;
    w->next_ticket = 1;
    for (uint8_t i = 0; i < conf->voter_count; i++) {
        start_one(w, conf->voter[i], conf);
    }
    for (uint8_t i = 0; i < conf->learner_count; i++) {
        start_one(w, conf->learner[i], conf);
    }
}

static void pending_clear(struct world_node *n)
{
    for (uint32_t i = 0; i < n->pending_count; i++) {
        free(n->pending[i].entries);
    }
    n->pending_count = 0;
}

void world_done(struct world *w)
{
    world_drop(w, 0, 0, 0);
    for (uint64_t id = 1; id <= WORLD_NODES_MAX; id++) {
        struct world_node *n = &w->node[id];
        pending_clear(n);
        free(n->core);
        free(n->log);
        free(n->old_log);
        free(n->copy_log);
    }
}

/* ---- crash and restart ---- */

/* Before the first write that is not durable at once: keep what is. */
static void keep_durable(struct world_node *n)
{
    if (n->has_unsynced) {
        return;
    }
    if (n->old_log == NULL) {
        n->old_log = need(calloc(WORLD_LOG_MAX, sizeof *n->old_log));
    }
    memcpy(n->old_log, n->log, WORLD_LOG_MAX * sizeof *n->log);
    n->old_last = n->last;
    n->old_snap_index = n->snap_index;
    n->old_snap_term = n->snap_term;
    n->old_made_index = n->made_index;
    n->has_unsynced = true;
}

static void all_durable(struct world_node *n)
{
    n->durable = n->last;
    n->durable_term = n->term;
    n->durable_vote = n->vote;
    n->has_unsynced = false;
}

void world_crash(struct world *w, uint64_t id)
{
    struct world_node *n = &w->node[id];
    n->up = false;
    pending_clear(n);
    for (uint32_t i = 0; i < w->net_count;) {
        if (w->net[i]->msg.from == id && w->net[i]->gated) { /* it never left */
            free(w->net[i]->entries);
            free(w->net[i]);
            memmove(&w->net[i], &w->net[i + 1], (--w->net_count - i) * sizeof w->net[0]);
        } else {
            i++;
        }
    }
    if (n->disk_lose && n->has_unsynced) {
        memcpy(n->log, n->old_log, WORLD_LOG_MAX * sizeof *n->log);
        n->last = n->old_last;
        n->snap_index = n->old_snap_index;
        n->snap_term = n->old_snap_term;
        n->made_index = n->old_made_index;
        n->term = n->durable_term;
        n->vote = n->durable_vote;
    }
    all_durable(n);
    n->write_count = 0;
    n->disk_lose = false;
    for (uint64_t k = 1; k <= WORLD_NODES_MAX; k++) {
        world_snap_failed(w, k, id); /* whatever it was being sent */
    }
}

void world_restart(struct world *w, uint64_t id, bool wipe)
{
    struct world_node *n = &w->node[id];
    if (wipe) {
        memset(n->log, 0, WORLD_LOG_MAX * sizeof *n->log);
        n->last = 0;
        n->snap_index = 0;
        n->snap_term = 0;
        n->made_index = 0;
        n->corrupt = 0;
        n->term = 0;
        n->vote = 0;
        n->applied = 0;
        n->wipes++;
        all_durable(n);
    }
    if (n->corrupt > n->snap_index && n->corrupt <= n->last) {
        return; /* what was acknowledged cannot be read: it refuses to start */
    }
    if (n->applied < n->snap_index) {
        n->applied = n->snap_index; /* an install that a crash interrupted is finished first */
    }
    n->disk_hold = false;
    n->disk_fail = false;
    n->apply_hold = false;
    boot(w, id, n->term > 0, n->applied); /* the state machine keeps what it applied */
}

void world_copy(struct world *w, uint64_t id)
{
    struct world_node *n = &w->node[id];
    bool unsynced = n->has_unsynced;
    if (n->copy_log == NULL) {
        n->copy_log = need(calloc(WORLD_LOG_MAX, sizeof *n->copy_log));
    }
    memcpy(n->copy_log, unsynced ? n->old_log : n->log, WORLD_LOG_MAX * sizeof *n->log);
    n->copy_last = unsynced ? n->old_last : n->last;
    n->copy_term = unsynced ? n->durable_term : n->term;
    n->copy_vote = unsynced ? n->durable_vote : n->vote;
    n->copy_applied = n->applied;
    n->copy_snap_index = unsynced ? n->old_snap_index : n->snap_index;
    n->copy_snap_term = unsynced ? n->old_snap_term : n->snap_term;
}

bool world_restore(struct world *w, uint64_t id)
{
    struct world_node *n = &w->node[id];
    if (n->copy_log == NULL) {
        return false;
    }
    memcpy(n->log, n->copy_log, WORLD_LOG_MAX * sizeof *n->log);
    n->last = n->copy_last;
    n->term = n->copy_term;
    n->vote = n->copy_vote;
    n->applied = n->copy_applied;
    n->snap_index = n->copy_snap_index;
    n->snap_term = n->copy_snap_term;
    n->made_index = n->copy_snap_index;
    all_durable(n);
    return true;
}

/* ---- events ---- */

/* The bytes that a WRITE speaks of, kept until it is carried out. */
static void entries_keep(struct world_effect *to, const struct world_msg *m, const char *command)
{
    const struct raft_effect *e = &to->effect;
    if (e->type == RAFT_DO_INSTALL) {
        to->entry_count = (uint32_t)e->index;
        to->entries = need(calloc(to->entry_count, sizeof *to->entries));
        memcpy(to->entries, m->entries, to->entry_count * sizeof *to->entries);
        return;
    }
    if (e->type != RAFT_DO_WRITE || e->source == RAFT_FROM_NONE || e->last < e->first) {
        return;
    }
    to->entry_count = (uint32_t)(e->last - e->first + 1);
    to->entries = need(calloc(to->entry_count, sizeof *to->entries));
    for (uint32_t i = 0; i < to->entry_count; i++) {
        struct world_entry *x = &to->entries[i];
        if (e->source == RAFT_FROM_MSG) {
            *x = m->entries[e->skip + i];
            continue;
        }
        x->term = e->term;
        x->kind = e->kind;
        if (e->source == RAFT_FROM_PROPOSE) {
            x->size = (uint32_t)strlen(command);
            memcpy(x->data, command, x->size);
        } else {
            x->size = e->payload_count;
            memcpy(x->data, e->payload, e->payload_count);
        }
    }
}

static void read_result(struct world *w, uint64_t id, const struct raft_effect *e, int state)
{
    for (uint32_t i = 0; i < w->read_count; i++) {
        struct world_read *r = &w->read[i];
        if (r->id == id && r->state == 0 && r->ticket >= e->ticket &&
            r->ticket < e->ticket + e->count) {
            r->state = state;
            r->index = e->index;
        }
    }
}

static void notice(struct world *w, uint64_t id, const struct raft_effect *e)
{
    if (e->type == RAFT_DO_READ_OK) {
        read_result(w, id, e, 1);
    } else if (e->type == RAFT_DO_REPLY && e->code != ERR_OK) {
        read_result(w, id, e, 2);
        if (w->asked_ticket >= e->ticket && w->asked_ticket < e->ticket + e->count) {
            w->asked_err = e->code;
        }
    }
}

void world_step(struct world *w, uint64_t id, struct raft_event *ev, const struct world_msg *m,
                const char *command)
{
    struct world_node *n = &w->node[id];
    ev->now_ns = n->now_ns;
    raft_step(n->core, ev, &w->out);
    for (uint32_t i = 0; i < w->out.count; i++) {
        if (n->pending_count == WORLD_EFFECTS_MAX) {
            fprintf(stderr, "raft-script: too many effects wait in node %llu\n",
                    (unsigned long long)id);
            exit(2);
        }
        struct world_effect *to = &n->pending[n->pending_count++];
        to->effect = w->out.effect[i];
        to->entry_count = 0;
        to->entries = NULL;
        entries_keep(to, m, command);
        notice(w, id, &w->out.effect[i]);
    }
}

void world_snap_failed(struct world *w, uint64_t from, uint64_t to)
{
    if (w->node[from].up) {
        struct raft_event ev = { .type = RAFT_EV_SNAP_FAILED, .peer = to };
        world_step(w, from, &ev, NULL, NULL);
    }
}

void world_tick(struct world *w, uint64_t id)
{
    struct world_node *n = &w->node[id];
    if (!n->up) {
        return;
    }
    n->now_ns += (uint64_t)WORLD_TICK_NS * n->rate_percent / 100;
    struct raft_event ev = { .type = RAFT_EV_TIME };
    world_step(w, id, &ev, NULL, NULL);
}

void world_propose(struct world *w, uint64_t id, const char *data)
{
    uint32_t size = (uint32_t)strlen(data);
    struct raft_event ev = { .type = RAFT_EV_PROPOSE, .count = 1, .sizes = &size };
    ev.ticket = w->next_ticket++;
    w->asked_ticket = ev.ticket;
    w->asked_err = ERR_OK;
    world_step(w, id, &ev, NULL, data);
}

void world_ask(struct world *w, uint64_t id, enum raft_event_type type, uint64_t peer)
{
    struct raft_event ev = { .type = type, .peer = peer };
    ev.ticket = w->next_ticket++;
    if (type == RAFT_EV_CAMPAIGN || type == RAFT_EV_TRANSFER) { /* what `expect err` looks at */
        w->asked_ticket = ev.ticket;
        w->asked_err = ERR_OK;
    }
    world_step(w, id, &ev, NULL, NULL);
}

void world_change(struct world *w, uint64_t id, const struct raft_change *changes, uint32_t count,
                  bool manual)
{
    struct raft_event ev = { .type = RAFT_EV_CONF,
                             .ticket = w->next_ticket++,
                             .changes = changes,
                             .count = count,
                             .manual = manual };
    w->asked_ticket = ev.ticket;
    w->asked_err = ERR_OK;
    world_step(w, id, &ev, NULL, NULL);
}

void world_snapshot(struct world *w, uint64_t id, uint64_t keep)
{
    w->node[id].snap_keep = keep;
    world_ask(w, id, RAFT_EV_SNAPSHOT, 0);
    world_pump(w, id);
}

void world_read(struct world *w, uint64_t id, const char *tag, bool lease)
{
    struct raft_event ev = {
        .type = RAFT_EV_READ, .count = 1, .ticket = w->next_ticket++, .lease = lease
    };
    struct world_read *r = NULL;
    for (uint32_t i = 0; i < w->read_count; i++) {
        if (strcmp(w->read[i].tag, tag) == 0) {
            r = &w->read[i];
        }
    }
    if (r == NULL) {
        if (w->read_count == WORLD_READS_MAX) {
            fprintf(stderr, "raft-script: too many reads\n");
            exit(2);
        }
        r = &w->read[w->read_count++];
    }
    memset(r, 0, sizeof *r);
    snprintf(r->tag, sizeof r->tag, "%s", tag);
    r->id = id;
    r->ticket = ev.ticket;
    w->asked_ticket = ev.ticket;
    w->asked_err = ERR_OK;
    world_step(w, id, &ev, NULL, NULL);
}

/* ---- carrying effects out ---- */

static void disk_complete(struct world *w, uint64_t id)
{
    struct world_node *n = &w->node[id];
    struct raft_event ev = { .type = RAFT_EV_PERSISTED };
    uint32_t take = 0;
    while (take < n->write_count && n->write[take].due_ns <= n->now_ns) {
        ev.ticket = n->write[take].ticket;
        if (n->write[take].index != 0) {
            ev.index = n->write[take].index;
            ev.term = n->write[take].term;
        }
        take++;
    }
    if (take == 0 || take < n->write_count || n->disk_hold || n->disk_fail) {
        return; /* one sync for all of them: what is told as durable survives a crash */
    }
    n->write_count = 0;
    all_durable(n);
    n->wal_done = ev.ticket;
    world_step(w, id, &ev, NULL, NULL);
}

void world_disk_release(struct world *w, uint64_t id)
{
    if (w->node[id].up) {
        disk_complete(w, id);
    }
}

static void do_write(struct world *w, uint64_t id, const struct world_effect *x)
{
    struct world_node *n = &w->node[id];
    const struct raft_effect *e = &x->effect;
    if (n->disk_fail) {
        struct raft_event ev = { .type = RAFT_EV_DISK };
        world_step(w, id, &ev, NULL, NULL);
        return;
    }
    keep_durable(n);
    if (e->truncate) {
        n->last = e->truncate_to;
    }
    for (uint32_t i = 0; i < x->entry_count; i++) {
        if (n->last + 1 >= WORLD_LOG_MAX) {
            fprintf(stderr, "raft-script: the log is full\n");
            exit(2);
        }
        n->log[++n->last] = x->entries[i];
    }
    if (e->hard) {
        n->term = e->hard_term;
        n->vote = e->hard_vote;
    }
    if (n->write_count == sizeof n->write / sizeof n->write[0]) {
        fprintf(stderr, "raft-script: too many writes wait\n");
        exit(2);
    }
    struct world_write *wr = &n->write[n->write_count++];
    wr->ticket = e->ticket;
    wr->index = x->entry_count > 0 ? e->last : 0;
    wr->term = x->entry_count > 0 ? x->entries[x->entry_count - 1].term : 0;
    wr->due_ns = n->now_ns + n->disk_slow_ns;
    if (n->write_count > 1 && wr[-1].due_ns > wr->due_ns) { /* the clock was set back */
        wr->due_ns = wr[-1].due_ns;
    }
    disk_complete(w, id);
}

/* A write like others: the rows are what the snapshot was made of, the log begins after them. */
static void do_install(struct world *w, uint64_t id, const struct world_effect *x)
{
    struct world_node *n = &w->node[id];
    const struct raft_effect *e = &x->effect;
    keep_durable(n);
    memcpy(&n->log[1], x->entries, x->entry_count * sizeof *x->entries);
    n->last = e->index;
    n->snap_index = e->index;
    n->snap_term = e->term;
    n->made_index = e->index;
    n->apply_target = e->index;
    n->apply_after = e->ticket;
    struct world_effect none = { .effect = { .ticket = e->ticket } };
    do_write(w, id, &none);
}

/* Of all that is applied, at once. */
static void do_snapshot(struct world *w, uint64_t id)
{
    struct world_node *n = &w->node[id];
    struct raft_conf conf = world_conf(n, n->applied);
    struct raft_event ev = {
        .type = RAFT_EV_SNAP_MADE, .index = n->applied, .conf = &conf, .keep = n->snap_keep
    };
    n->made_index = n->applied;
    n->snap_keep = 0;
    world_step(w, id, &ev, NULL, NULL);
}

static void do_compact(struct world_node *n, uint64_t to)
{
    n->snap_index = to;
    n->snap_term = n->log[to].term;
    if (n->has_unsynced) {
        n->old_snap_index = to;
        n->old_snap_term = n->log[to].term;
    }
}

/* A snapshot is all that it was made of; its message has the configuration for the core. */
static void snapshot_pack(const struct world_node *n, const struct raft_effect *e,
                          struct world_msg *x)
{
    uint32_t count = (uint32_t)e->msg.index;
    x->entries = need(calloc(count + 1, sizeof *x->entries));
    memcpy(x->entries, &n->log[1], count * sizeof *x->entries);
    x->entries[count].kind = RAFT_ENTRY_CONF;
    x->entries[count].size = e->payload_count;
    memcpy(x->entries[count].data, e->payload, e->payload_count);
    x->metas[0] =
        (struct raft_entry){ 0, e->payload_count, RAFT_ENTRY_CONF, x->entries[count].data };
    x->entry_count = count + 1;
    x->msg.count = 1;
    x->msg.entries = x->metas;
}

static void do_send(struct world *w, uint64_t id, const struct raft_effect *e)
{
    struct world_node *n = &w->node[id];
    const struct raft_msg *m = &e->msg;
    if (m->to == 0 || m->to > WORLD_NODES_MAX) {
        return;
    }
    if (m->type == RAFT_MSG_APPEND && m->last > n->last) {
        return; /* truncated meanwhile */
    }
    if (w->net_count == WORLD_NET_MAX) {
        fprintf(stderr, "raft-script: the network is full\n");
        exit(2);
    }
    struct world_msg *x = need(calloc(1, sizeof *x));
    x->msg = *m;
    x->after = e->after;
    x->gated = e->after > n->wal_done;
    if (m->type == RAFT_MSG_SNAPSHOT) {
        snapshot_pack(n, e, x);
    } else if (m->type == RAFT_MSG_APPEND && m->last >= m->first) {
        uint32_t count = (uint32_t)(m->last - m->first + 1);
        if (count > WORLD_MSG_ENTRIES_MAX) {
            fprintf(stderr, "raft-script: an append is too long\n");
            exit(2);
        }
        x->entries = need(calloc(count, sizeof *x->entries));
        for (uint32_t i = 0; i < count; i++) {
            x->entries[i] = n->log[m->first + i];
            x->metas[i].term = x->entries[i].term;
            x->metas[i].kind = x->entries[i].kind;
            x->metas[i].size = x->entries[i].size;
            x->metas[i].data = x->entries[i].data;
        }
        x->entry_count = count;
        x->msg.count = count;
        x->msg.entries = x->metas;
    }
    w->sent[id][m->to]++;
    w->net[w->net_count++] = x;
}

static bool may_apply(const struct world_node *n)
{
    return !n->apply_hold && n->applied < n->apply_target && n->wal_done >= n->apply_after;
}

static bool do_apply(struct world *w, uint64_t id)
{
    struct world_node *n = &w->node[id];
    if (!may_apply(n)) {
        return false;
    }
    n->applied = n->apply_target;
    struct raft_event ev = { .type = RAFT_EV_APPLIED, .index = n->applied };
    world_step(w, id, &ev, NULL, NULL);
    return true;
}

/* Messages whose sender's disk is far enough are on their way; on a cut link they are lost. */
static void release(struct world *w, uint64_t id)
{
    for (uint32_t i = 0; i < w->net_count;) {
        struct world_msg *m = w->net[i];
        if (m->msg.from == id && m->gated && m->after <= w->node[id].wal_done) {
            m->gated = false;
        }
        if (!m->gated && w->cut[m->msg.from][m->msg.to]) {
            world_lose(w, i);
        } else {
            i++;
        }
    }
}

bool world_pump(struct world *w, uint64_t id)
{
    struct world_node *n = &w->node[id];
    bool any = false;
    while (n->up && (n->pending_count > 0 || may_apply(n))) {
        any = true;
        if (n->pending_count == 0) {
            do_apply(w, id);
            continue;
        }
        struct world_effect x = n->pending[0];
        memmove(&n->pending[0], &n->pending[1], --n->pending_count * sizeof n->pending[0]);
        if (x.effect.type == RAFT_DO_WRITE) {
            do_write(w, id, &x);
        } else if (x.effect.type == RAFT_DO_SEND) {
            do_send(w, id, &x.effect);
        } else if (x.effect.type == RAFT_DO_APPLY) {
            n->apply_target = x.effect.last;
        } else if (x.effect.type == RAFT_DO_INSTALL) {
            do_install(w, id, &x);
        } else if (x.effect.type == RAFT_DO_SNAPSHOT) {
            do_snapshot(w, id);
        } else if (x.effect.type == RAFT_DO_COMPACT) {
            do_compact(n, x.effect.index);
        }
        free(x.entries);
    }
    if (n->up && !n->disk_hold && n->write_count > 0 &&
        n->write[n->write_count - 1].due_ns <= n->now_ns) {
        disk_complete(w, id);
        any = true;
    }
    release(w, id);
    return any;
}
