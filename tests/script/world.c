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

void world_limit(struct world *w, const char *what, uint64_t id)
{
    if (w->limit[0] == '\0') {
        snprintf(w->limit, sizeof w->limit, "%s (node %llu)", what, (unsigned long long)id);
    }
}

/* Kept until the world ends. */
static const uint8_t *keep(struct world *w, const void *data, size_t size)
{
    struct world_bytes *b = need(malloc(sizeof *b + size + 1)); /* never none: it is compared */
    memcpy(b->data, data, size);
    b->next = w->bytes;
    w->bytes = b;
    return b->data;
}

/* ---- queues ---- */

static bool queue_put(struct world_queue *q, const struct world_effect *x, uint32_t most)
{
    if (q->count == most) {
        return false;
    }
    if (q->first > 0 && q->first + q->count == q->room) {
        memmove(q->row, q->row + q->first, q->count * sizeof *q->row);
        q->first = 0;
    }
    if (q->count == q->room) {
        q->room = q->room == 0 ? 64 : 2 * q->room;
        q->row = need(realloc(q->row, q->room * sizeof *q->row));
    }
    q->row[q->first + q->count++] = *x;
    return true;
}

static struct world_effect queue_take(struct world_queue *q)
{
    struct world_effect x = q->row[q->first++];
    if (--q->count == 0) {
        q->first = 0;
    }
    return x;
}

static void queue_clear(struct world_queue *q)
{
    while (q->count > 0) {
        free(queue_take(q).entries);
    }
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
        const struct world_entry *e = &n->disk.log[i];
        if (e->kind == RAFT_ENTRY_CONF &&
            raft_conf_decode(bytes_of(e->data, e->size), &found, NULL) == ERR_OK) {
            found.index = i;
        }
    }
    return found;
}

uint64_t world_life(const struct world *w, uint64_t id)
{
    return w->lives ? 100 * id + w->node[id].lives + 1 : 0;
}

static void boot(struct world *w, uint64_t id, bool restarted, uint64_t applied)
{
    struct world_node *n = &w->node[id];
    struct boot_room *room = need(calloc(1, sizeof *room));
    struct raft_boot b = { .now_ns = n->now_ns, .restarted = restarted, .applied = applied };
    struct raft_config config = w->config;
    const struct world_disk *d = &n->disk;
    b.term = d->term;
    b.vote = d->vote;
    b.last = d->last;
    b.snap_index = d->snap_index;
    b.snap_term = d->snap_term;
    b.made_index = d->made_index;
    b.made_term = d->log[d->made_index].term;
    b.made_conf = world_conf(n, d->made_index);
    b.effective = world_conf(n, d->last);
    b.committed = b.effective.index > 1 ? world_conf(n, b.effective.index - 1) : b.effective;
    for (uint64_t i = d->snap_index + 1; i <= d->last; i++) {
        const struct world_entry *e = &d->log[i];
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
    n->up = raft_init(mem, &config, &b, &n->core) == ERR_OK;
    free(room);
    if (!n->up) {
        free(mem);
        world_limit(w, "it cannot boot from its disk", id);
    }
    n->applied = applied;
    n->apply_target = applied;
    n->apply_after = 0;
    n->wal_done = 0;
}

void world_node_add(struct world *w, uint64_t id)
{
    struct world_node *n = &w->node[id];
    n->exists = true;
    n->rate_ppm = WORLD_RATE_ONE;
    n->disk.log = need(calloc(WORLD_LOG_MAX, sizeof *n->disk.log));
    n->safe.log = need(calloc(WORLD_LOG_MAX, sizeof *n->safe.log));
    for (uint64_t i = 1; i <= WORLD_NODES_MAX; i++) {
        n->now_ns = w->node[i].now_ns > n->now_ns ? w->node[i].now_ns : n->now_ns;
    }
    n->now_ns = n->now_ns == 0 ? 1000ull * WORLD_TICK_NS : n->now_ns;
    boot(w, id, false, 0);
}

static void first_entry(struct world *w, struct world_disk *d, const struct raft_conf *conf)
{
    struct world_entry *e = &d->log[1];
    uint8_t bytes[RAFT_CONF_BYTES_MAX];
    struct writer wr = writer_of(bytes, sizeof bytes);
    raft_conf_encode(conf, &wr);
    e->data = keep(w, bytes, wr.offset);
    e->term = 1;
    e->kind = RAFT_ENTRY_CONF;
    e->size = (uint32_t)wr.offset;
    d->last = 1;
    d->term = 1;
}

static void start_one(struct world *w, uint64_t id, const struct raft_conf *conf)
{
    world_node_add(w, id);
    first_entry(w, &w->node[id].disk, conf);
    first_entry(w, &w->node[id].safe, conf);
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

void world_done(struct world *w)
{
    while (w->net_count > 0) {
        world_msg_free(w->net[--w->net_count]);
    }
    while (w->bytes != NULL) {
        struct world_bytes *b = w->bytes;
        w->bytes = b->next;
        free(b);
    }
    free(w->seen);
    for (uint64_t id = 1; id <= WORLD_NODES_MAX; id++) {
        struct world_node *n = &w->node[id];
        queue_clear(&n->pending);
        queue_clear(&n->writes);
        free(n->pending.row);
        free(n->writes.row);
        free(n->core);
        free(n->disk.log);
        free(n->safe.log);
        free(n->copy.log);
    }
}

/* ---- crash and restart ---- */

/* The log of `to` stays where it is. */
static void disk_copy(struct world_disk *to, const struct world_disk *from)
{
    struct world_entry *log = to->log;
    memcpy(log, from->log, (from->last + 1) * sizeof *log);
    *to = *from;
    to->log = log;
}

/* An install is a write like others: the rows are what the snapshot was made of, the log begins
 * after them. */
static void disk_write(struct world_disk *d, const struct world_effect *x)
{
    const struct raft_effect *e = &x->effect;
    if (e->type == RAFT_DO_INSTALL) {
        memcpy(&d->log[1], x->entries, x->entry_count * sizeof *x->entries);
        d->last = e->index;
        d->snap_index = e->index;
        d->snap_term = e->term;
        d->made_index = e->index;
        return;
    }
    if (e->truncate) {
        d->last = e->truncate_to;
    }
    for (uint32_t i = 0; i < x->entry_count; i++) {
        d->log[++d->last] = x->entries[i];
    }
    if (e->hard) {
        d->term = e->hard_term;
        d->vote = e->hard_vote;
    }
}

/* The oldest write that is not durable yet is. */
static void disk_sync(struct world_node *n)
{
    struct world_effect x = queue_take(&n->writes);
    disk_write(&n->safe, &x);
    free(x.entries);
}

static void disk_clear(struct world_disk *d)
{
    struct world_entry *log = d->log;
    memset(log, 0, (d->last + 1) * sizeof *log);
    *d = (struct world_disk){ .log = log };
}

/* The next life of a node knows nothing of what this one was asked to read. */
static void reads_forget(struct world *w, uint64_t id)
{
    for (uint32_t i = 0; i < w->read_count; i++) {
        w->read[i].confirmed = w->read[i].confirmed && w->read[i].id != id;
    }
}

void world_crash(struct world *w, uint64_t id)
{
    struct world_node *n = &w->node[id];
    n->up = false;
    queue_clear(&n->pending);
    for (uint32_t i = 0; i < w->net_count;) {
        if (w->net[i]->msg.from == id && w->net[i]->gated) { /* it never left */
            world_msg_free(w->net[i]);
            memmove(&w->net[i], &w->net[i + 1], (--w->net_count - i) * sizeof w->net[0]);
        } else {
            i++;
        }
    }
    if (n->disk_lose) {
        queue_clear(&n->writes);
        disk_copy(&n->disk, &n->safe);
    }
    while (n->writes.count > (n->disk_torn ? 1 : 0)) {
        disk_sync(n);
    }
    if (n->writes.count > 0) { /* half of it is there: found torn and cut off */
        queue_clear(&n->writes);
        disk_copy(&n->disk, &n->safe);
    }
    n->disk_lose = false;
    n->disk_torn = false;
    reads_forget(w, id);
    for (uint64_t k = 1; k <= WORLD_NODES_MAX; k++) {
        world_snap_failed(w, k, id); /* whatever it was being sent */
    }
}

/* In the newest configuration that another node has. */
static bool is_member(const struct world *w, uint64_t id)
{
    struct raft_conf newest = { 0 };
    bool found = false;
    for (uint64_t k = 1; k <= WORLD_NODES_MAX; k++) {
        if (k != id && w->node[k].exists) {
            struct raft_conf c = world_conf(&w->node[k], w->node[k].disk.last);
            newest = c.index > newest.index ? c : newest;
        }
    }
    for (uint32_t i = 0; i < RAFT_VOTERS_MAX; i++) {
        found = found || (i < newest.voter_count && newest.voter[i] == id) ||
                (i < newest.outgoing_count && newest.outgoing[i] == id) ||
                (i < newest.learner_count && newest.learner[i] == id);
    }
    return found;
}

static void wipe_disk(struct world *w, uint64_t id)
{
    struct world_node *n = &w->node[id];
    const struct world_disk *d = &n->disk;
    bool promised = d->last > 1 || d->term > 1 || d->vote != 0;
    w->wants_lives = w->wants_lives || (promised && !w->lives_told && is_member(w, id));
    n->lives += promised || w->lives_told ? 1 : 0;
    n->wipes++;
    disk_clear(&n->disk);
    disk_clear(&n->safe);
    n->corrupt = 0;
    n->applied = 0;
}

void world_restart(struct world *w, uint64_t id, bool wipe)
{
    struct world_node *n = &w->node[id];
    if (wipe) {
        wipe_disk(w, id);
    }
    if (n->corrupt > n->disk.snap_index && n->corrupt <= n->disk.last) {
        return; /* what was acknowledged cannot be read: it refuses to start */
    }
    if (n->applied < n->disk.snap_index) {
        n->applied = n->disk.snap_index; /* an install that a crash interrupted is finished first */
    }
    n->disk_hold = false;
    n->disk_fail = false;
    n->apply_hold = false;
    boot(w, id, n->disk.term > 0, n->applied); /* the state machine keeps what it applied */
}

void world_copy(struct world *w, uint64_t id)
{
    struct world_node *n = &w->node[id];
    if (n->copy.log == NULL) {
        n->copy.log = need(calloc(WORLD_LOG_MAX, sizeof *n->copy.log));
    }
    disk_copy(&n->copy, &n->safe);
    n->copy.made_index = n->copy.snap_index;
    n->copy_applied = n->applied;
}

bool world_restore(struct world *w, uint64_t id)
{
    struct world_node *n = &w->node[id];
    if (n->copy.log == NULL) {
        return false;
    }
    disk_copy(&n->disk, &n->copy);
    disk_copy(&n->safe, &n->copy);
    n->applied = n->copy_applied;
    return true;
}

/* ---- events ---- */

/* The bytes that a WRITE speaks of, kept until it is carried out. */
static void entries_keep(struct world *w, struct world_effect *to, const struct world_msg *m,
                         const char *command)
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
            x->data = keep(w, command, x->size);
        } else {
            x->size = e->payload_count;
            x->data = keep(w, e->payload, e->payload_count);
        }
    }
}

/* What is confirmed and applied is read. */
static void reads_serve(struct world *w, uint64_t id)
{
    for (uint32_t i = 0; i < w->read_count; i++) {
        struct world_read *r = &w->read[i];
        if (r->id == id && r->confirmed && r->index <= w->node[id].applied) {
            r->confirmed = false;
            r->state = 1;
        }
    }
}

static void read_result(struct world *w, uint64_t id, const struct raft_effect *e, bool confirmed)
{
    for (uint32_t i = 0; i < w->read_count; i++) {
        struct world_read *r = &w->read[i];
        if (r->id == id && r->state == 0 && r->ticket >= e->ticket &&
            r->ticket < e->ticket + e->count) {
            r->state = confirmed ? 0 : 2;
            r->confirmed = confirmed;
            r->index = e->index;
        }
    }
    reads_serve(w, id);
}

static void notice(struct world *w, uint64_t id, const struct raft_effect *e)
{
    if (e->type == RAFT_DO_READ_OK) {
        read_result(w, id, e, true);
    } else if (e->type == RAFT_DO_REPLY && e->code != ERR_OK) {
        read_result(w, id, e, false);
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
        struct world_effect x = { .effect = w->out.effect[i] };
        entries_keep(w, &x, m, command);
        if (!queue_put(&n->pending, &x, WORLD_EFFECTS_MAX)) {
            free(x.entries);
            world_limit(w, "too many effects wait", id);
        }
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
    n->now_ns += (uint64_t)WORLD_TICK_NS * n->rate_ppm / WORLD_RATE_ONE;
    struct raft_event ev = { .type = RAFT_EV_TIME };
    world_step(w, id, &ev, NULL, NULL);
}

void world_refuse(struct world *w)
{
    w->asked_ticket = w->next_ticket++;
    w->asked_err = ERR_PEER_GONE;
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
            world_limit(w, "too many reads", id);
            return;
        }
        r = &w->read[w->read_count++];
    }
    memset(r, 0, sizeof *r);
    snprintf(r->tag, sizeof r->tag, "%s", tag);
    r->id = id;
    r->ticket = ev.ticket;
    w->asked_ticket = ev.ticket;
    w->asked_err = ERR_OK;
    if (!w->node[id].up) {
        r->state = 2;
        world_refuse(w);
        return;
    }
    world_step(w, id, &ev, NULL, NULL);
}

/* ---- carrying effects out ---- */

/* What is due becomes durable, in order and by one sync: what is told so stays after a crash. */
static bool disk_complete(struct world *w, uint64_t id)
{
    struct world_node *n = &w->node[id];
    struct raft_event ev = { .type = RAFT_EV_PERSISTED };
    bool any = false;
    while (n->writes.count > 0 && !n->disk_hold && !n->disk_fail) {
        const struct world_effect *x = &n->writes.row[n->writes.first];
        if (x->due_ns > n->now_ns) {
            break;
        }
        ev.ticket = x->effect.ticket;
        if (x->effect.type == RAFT_DO_WRITE && x->entry_count > 0) {
            ev.index = x->effect.last;
            ev.term = x->entries[x->entry_count - 1].term;
        }
        disk_sync(n);
        any = true;
    }
    if (any) {
        n->wal_done = ev.ticket;
        world_step(w, id, &ev, NULL, NULL);
    }
    return any;
}

void world_disk_release(struct world *w, uint64_t id)
{
    struct world_node *n = &w->node[id];
    for (uint32_t i = 0; i < n->writes.count; i++) {
        n->writes.row[n->writes.first + i].due_ns = 0;
    }
    if (n->up) {
        disk_complete(w, id);
    }
}

/* Takes the entries of *x. */
static void do_write(struct world *w, uint64_t id, struct world_effect *x)
{
    struct world_node *n = &w->node[id];
    const struct world_queue *q = &n->writes;
    if (n->disk_fail) {
        struct raft_event ev = { .type = RAFT_EV_DISK };
        world_step(w, id, &ev, NULL, NULL);
        return;
    }
    if (n->disk.last + x->entry_count >= WORLD_LOG_MAX) {
        world_limit(w, "the log is full", id);
        return;
    }
    x->due_ns = n->now_ns + n->disk_slow_ns;
    if (q->count > 0 && q->row[q->first + q->count - 1].due_ns > x->due_ns) {
        x->due_ns = q->row[q->first + q->count - 1].due_ns; /* the clock was set back */
    }
    if (!queue_put(&n->writes, x, WORLD_WRITES_MAX)) {
        world_limit(w, "too many writes wait", id);
        return;
    }
    disk_write(&n->disk, x);
    if (x->effect.type == RAFT_DO_INSTALL) {
        n->apply_target = x->effect.index;
        n->apply_after = x->effect.ticket;
    }
    x->entries = NULL;
    disk_complete(w, id);
}

/* Of all that is applied, at once. */
static void do_snapshot(struct world *w, uint64_t id)
{
    struct world_node *n = &w->node[id];
    struct raft_conf conf = world_conf(n, n->applied);
    struct raft_event ev = {
        .type = RAFT_EV_SNAP_MADE, .index = n->applied, .conf = &conf, .keep = n->snap_keep
    };
    n->disk.made_index = n->applied;
    n->safe.made_index = n->applied; /* what is applied is durable */
    n->snap_keep = 0;
    world_step(w, id, &ev, NULL, NULL);
}

static void do_compact(struct world_node *n, uint64_t to)
{
    n->disk.snap_index = to;
    n->disk.snap_term = n->disk.log[to].term;
    n->safe.snap_index = to;
    n->safe.snap_term = n->disk.log[to].term;
}

struct world_msg *world_msg_new(const struct raft_msg *msg, uint32_t entry_count,
                                uint32_t meta_count)
{
    struct world_msg *x = need(calloc(1, sizeof *x));
    x->msg = *msg;
    x->msg.count = meta_count;
    x->entry_count = entry_count;
    if (entry_count > 0) {
        x->entries = need(calloc(entry_count, sizeof *x->entries));
    }
    if (meta_count > 0) {
        x->metas = need(calloc(meta_count, sizeof *x->metas));
    }
    x->msg.entries = x->metas;
    return x;
}

void world_msg_free(struct world_msg *m)
{
    free(m->entries);
    free(m->metas);
    free(m);
}

/* A snapshot is all that it was made of; its message has the configuration for the core. */
static struct world_msg *snapshot_pack(struct world *w, const struct world_node *n,
                                       const struct raft_effect *e)
{
    uint32_t count = (uint32_t)e->msg.index;
    struct world_msg *x = world_msg_new(&e->msg, count + 1, 1);
    memcpy(x->entries, &n->disk.log[1], count * sizeof *x->entries);
    x->entries[count].kind = RAFT_ENTRY_CONF;
    x->entries[count].size = e->payload_count;
    x->entries[count].data = keep(w, e->payload, e->payload_count);
    x->metas[0] =
        (struct raft_entry){ 0, e->payload_count, RAFT_ENTRY_CONF, x->entries[count].data };
    return x;
}

static struct world_msg *append_pack(const struct world_node *n, const struct raft_effect *e)
{
    const struct raft_msg *m = &e->msg;
    uint32_t count = m->last >= m->first ? (uint32_t)(m->last - m->first + 1) : 0;
    struct world_msg *x = world_msg_new(m, count, count);
    for (uint32_t i = 0; i < count; i++) {
        x->entries[i] = n->disk.log[m->first + i];
        x->metas[i].term = x->entries[i].term;
        x->metas[i].kind = x->entries[i].kind;
        x->metas[i].size = x->entries[i].size;
        x->metas[i].data = x->entries[i].data;
    }
    return x;
}

static void do_send(struct world *w, uint64_t id, const struct raft_effect *e)
{
    struct world_node *n = &w->node[id];
    const struct raft_msg *m = &e->msg;
    if (m->to == 0 || m->to > WORLD_NODES_MAX) {
        return;
    }
    if (m->type == RAFT_MSG_APPEND && m->last > n->disk.last) {
        return; /* truncated meanwhile */
    }
    if (w->net_count == WORLD_NET_MAX) {
        world_limit(w, "the network is full", id);
        return;
    }
    struct world_msg *x = m->type == RAFT_MSG_SNAPSHOT ? snapshot_pack(w, n, e)
                          : m->type == RAFT_MSG_APPEND ? append_pack(n, e)
                                                       : world_msg_new(m, 0, 0);
    x->after = e->after;
    x->gated = e->after > n->wal_done;
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
    reads_serve(w, id);
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
    while (n->up && w->limit[0] == '\0' && (n->pending.count > 0 || may_apply(n))) {
        any = true;
        if (n->pending.count == 0) {
            do_apply(w, id);
            continue;
        }
        struct world_effect x = queue_take(&n->pending);
        if (x.effect.type == RAFT_DO_WRITE || x.effect.type == RAFT_DO_INSTALL) {
            do_write(w, id, &x);
        } else if (x.effect.type == RAFT_DO_SEND) {
            do_send(w, id, &x.effect);
        } else if (x.effect.type == RAFT_DO_APPLY) {
            n->apply_target = x.effect.last;
        } else if (x.effect.type == RAFT_DO_SNAPSHOT) {
            do_snapshot(w, id);
        } else if (x.effect.type == RAFT_DO_COMPACT) {
            do_compact(n, x.effect.index);
        }
        free(x.entries);
    }
    any = (n->up && w->limit[0] == '\0' && disk_complete(w, id)) || any;
    release(w, id);
    return any;
}
