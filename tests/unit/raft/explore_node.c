/* tests/unit/raft/explore_node.c -- one process of a world: its log, its disk, its state machine
 * and its snapshots, with the effects of its core carried out as a driver may. */
#include "explore.h"

#include "base/panic.h"

#include <stdlib.h>

uint64_t explore_conf_at(const struct explore_log *l, uint64_t index)
{
    for (uint64_t k = index < l->last ? index : l->last; k > l->base; k--) {
        if (l->entry[k].kind == RAFT_ENTRY_CONF) {
            return l->entry[k].value;
        }
    }
    return l->conf;
}

uint64_t explore_conf_new(struct explore *w, const struct raft_conf *c, uint64_t ticket)
{
    ASSERT(w->confs + 1 < EXPLORE_CONFS_MAX);
    struct explore_conf *x = &w->conf[++w->confs];
    struct writer wr = writer_of(x->bytes, sizeof x->bytes);
    x->conf = *c;
    x->ticket = ticket;
    raft_conf_encode(c, &wr);
    x->size = (uint32_t)wr.offset;
    return w->confs;
}

/* ---- the disk ---- */

static void log_write(struct explore_log *l, const struct explore_write *x)
{
    l->last = x->cut ? x->cut_to : l->last;
    for (uint64_t k = 0; k < x->count; k++) {
        l->entry[x->first + k] = x->entries[k];
        l->last = x->first + k;
    }
    if (x->install) {
        l->base = x->first;
        l->conf = x->conf;
    }
    if (x->hard) {
        l->term = x->term;
        l->vote = x->vote;
    }
    l->ticket = x->ticket;
}

static struct explore_entry entry_of(struct explore *w, const struct raft_effect *e, uint64_t k,
                                     const struct raft_event *ev, const struct explore_packet *from)
{
    if (e->source == RAFT_FROM_MSG) {
        return from->entries[e->skip + k];
    }
    struct explore_entry x = { .term = e->term, .kind = e->kind };
    x.value = e->source == RAFT_FROM_PROPOSE ? ev->ticket + k : 0;
    if (e->kind == RAFT_ENTRY_CONF) {
        struct raft_conf c;
        enum err err = raft_conf_decode(bytes_of(e->payload, e->payload_count), &c, NULL);
        ASSERT(err == ERR_OK);
        c.index = e->first;
        x.value = explore_conf_new(w, &c, ev->type == RAFT_EV_CONF ? ev->ticket : 0);
        explore_count(EXPLORE_CHANGES);
    }
    return x;
}

static struct explore_write *write_new(struct explore_node *n, const struct raft_effect *e)
{
    ASSERT(n->queued < EXPLORE_WRITES_MAX);
    struct explore_write *x = &n->queue[n->queued++];
    *x = (struct explore_write){ .ticket = e->ticket };
    return x;
}

static void on_write(struct explore *w, uint32_t i, const struct raft_effect *e,
                     const struct raft_event *ev, const struct explore_packet *from)
{
    struct explore_node *n = &w->node[i];
    struct explore_write *x = write_new(n, e);
    x->cut = e->truncate;
    x->cut_to = e->truncate_to;
    x->hard = e->hard;
    x->term = e->hard_term;
    x->vote = e->hard_vote;
    if (e->source != RAFT_FROM_NONE) {
        x->first = e->first;
        x->count = e->last - e->first + 1;
        x->entries = calloc(x->count, sizeof *x->entries);
    }
    n->leads = n->leads && !x->hard; /* a new term: it leads no more */
    if (x->cut) {
        explore_count(EXPLORE_TRUNCATIONS);
        if (n->leads || x->cut_to < n->commit) {
            explore_fail(w, "a leader truncates, or what is committed goes", i + 1, x->cut_to);
        }
        n->seen.last = x->cut_to;
    }
    for (uint64_t k = 0; k < x->count; k++) {
        x->entries[k] = entry_of(w, e, k, ev, from);
        ASSERT(x->first + k <= EXPLORE_LOG_MAX && x->first + k == n->seen.last + 1 + k);
        const struct explore_entry *before =
            k > 0 ? &x->entries[k - 1] : &n->seen.entry[x->first - 1];
        explore_judge_entry(w, x->first + k, &x->entries[k], before);
    }
    log_write(&n->seen, x);
}

static void on_install(struct explore *w, uint32_t i, const struct raft_effect *e,
                       const struct explore_packet *from)
{
    struct explore_node *n = &w->node[i];
    struct explore_write *x = write_new(n, e);
    if (from == NULL || from->msg.type != RAFT_MSG_SNAPSHOT || from->msg.index != e->index ||
        from->msg.log_term != e->term || n->leads || e->index <= n->commit || n->making != 0) {
        explore_fail(w, "a snapshot is installed that is none", i + 1, e->index);
        return;
    }
    x->install = true;
    x->first = e->index;
    x->count = 1;
    x->conf = from->conf;
    x->entries = calloc(1, sizeof *x->entries);
    x->entries[0] = (struct explore_entry){ .term = e->term, .chain = from->chain };
    log_write(&n->seen, x);
    n->install = e->index;
    explore_count(EXPLORE_INSTALLS);
}

static void on_compact(struct explore *w, uint32_t i, uint64_t index)
{
    struct explore_node *n = &w->node[i];
    if (index > n->applied || index > n->made || index <= n->seen.base) {
        explore_fail(w, "entries go that are in no snapshot", i + 1, index);
        return;
    }
    n->seen.conf = explore_conf_at(&n->seen, index);
    n->seen.base = index;
    if (explore_below(w, 2) == 0) { /* or the disk keeps them, until it has time */
        n->disk.conf = n->seen.conf;
        n->disk.base = index;
    }
    explore_count(EXPLORE_COMPACTIONS);
}

void explore_writes_drop(struct explore_node *n, uint32_t count)
{
    for (uint32_t k = 0; k < count; k++) {
        free(n->queue[k].entries);
    }
    n->queued -= count;
    memmove(n->queue, n->queue + count, n->queued * sizeof n->queue[0]);
}

void explore_disk(struct explore *w, uint32_t i, uint32_t count)
{
    struct explore_node *n = &w->node[i];
    struct explore_done d = { 0 };
    for (uint32_t k = 0; k < count; k++) {
        const struct explore_write *x = &n->queue[k];
        log_write(&n->disk, x);
        d.ticket = x->ticket;
        if (x->count > 0) {
            d.index = x->first + x->count - 1;
            d.term = x->entries[x->count - 1].term;
        }
        if (x->install) { /* a crash from here on is finished before the next life */
            n->flushed = x->first;
            n->made = x->first;
            n->made_conf = x->conf;
        }
    }
    explore_writes_drop(n, count);
    if (count > 0) {
        ASSERT(n->done_count < EXPLORE_WRITES_MAX);
        n->done[n->done_count++] = d;
    }
    explore_release(w);
}

/* Completions are told in order, several as one, with the newest entry that any of them had. */
void explore_tell(struct explore *w, uint32_t i, uint32_t count)
{
    struct explore_node *n = &w->node[i];
    struct raft_event ev = { .type = RAFT_EV_PERSISTED };
    for (uint32_t k = 0; k < count; k++) {
        ev.ticket = n->done[k].ticket;
        if (n->done[k].index != 0) {
            n->told_index = n->done[k].index;
            n->told_term = n->done[k].term;
        }
    }
    ev.index = n->told_index;
    ev.term = n->told_term;
    n->done_count -= count;
    memmove(n->done, n->done + count, n->done_count * sizeof n->done[0]);
    if (count > 0) {
        explore_step(w, i, &ev, NULL);
    }
}

/* ---- the state machine and its snapshots ---- */

void explore_apply(struct explore *w, uint32_t i, bool all)
{
    struct explore_node *n = &w->node[i];
    struct raft_event ev = { .type = RAFT_EV_APPLIED };
    if (n->applied < n->target) {
        n->applied += all ? n->target - n->applied : 1 + explore_below(w, n->target - n->applied);
    } else if (n->install != 0 && n->disk.base >= n->install) {
        n->applied = n->target = n->install;
        n->install = 0;
    } else {
        return;
    }
    ev.index = n->applied;
    explore_step(w, i, &ev, NULL);
    if (n->read != 0 && n->applied >= n->read) { /* who read has seen all of that */
        w->acked = n->applied > w->acked ? n->applied : w->acked;
        n->read = 0;
    }
}

static void snap_keep(struct explore_node *n)
{
    n->made = n->making;
    n->made_conf = n->making_conf;
    n->flushed = n->making > n->flushed ? n->making : n->flushed;
}

void explore_snap_end(struct explore *w, uint32_t i, bool good)
{
    struct explore_node *n = &w->node[i];
    struct raft_event ev = { .type = RAFT_EV_SNAP_MADE };
    if (n->making == 0) {
        return;
    }
    if (good) {
        snap_keep(n);
        ev.index = n->making;
        ev.conf = &w->conf[n->making_conf].conf;
        ev.keep = explore_below(w, 3) == 0 ? 0 : explore_below(w, 20);
    }
    n->making = 0;
    explore_step(w, i, &ev, NULL);
}

/* ---- lives ---- */

static void boot_members(struct explore *w, const struct explore_node *n, struct raft_boot *b)
{
    const struct explore_log *d = &n->disk;
    uint64_t newest = explore_conf_at(d, d->last);
    uint64_t before = 0;
    if (newest != 0) {
        uint64_t at = w->conf[newest].conf.index;
        bool settled = at <= b->applied && (at <= d->base || explore_below(w, 2) == 0);
        before = settled ? newest : at > d->base ? explore_conf_at(d, at - 1) : newest;
    }
    b->effective = w->conf[newest].conf;
    b->committed = w->conf[before].conf;
    b->made_index = n->made;
    b->made_term = n->made != 0 ? w->committed[n->made].term : 0;
    b->made_conf = w->conf[n->made_conf].conf;
}

void explore_boot(struct explore *w, uint32_t i, bool restarted)
{
    static struct raft_run runs[EXPLORE_LOG_MAX];
    static uint32_t sizes[EXPLORE_LOG_MAX];
    struct explore_node *n = &w->node[i];
    struct raft_config c = w->config;
    struct raft_boot b = { .restarted = restarted };
    b.now_ns = n->clock + w->now * n->rate / EXPLORE_MS;
    c.id = i + 1;
    c.seed = prng_next(&w->prng);
    n->disk.ticket = 0;
    n->seen = n->disk;
    if (explore_below(w, 10) == 0) { /* its bytes are not what they were: it counts as none */
        n->made = n->made_conf = 0;
    }
    b.term = n->disk.term;
    b.vote = n->disk.vote;
    b.snap_index = n->disk.base;
    b.snap_term = n->disk.entry[n->disk.base].term;
    b.last = n->disk.last;
    b.applied = n->flushed;
    for (uint64_t k = b.snap_index + 1; k <= b.last; k++) {
        const struct explore_entry *e = &n->disk.entry[k];
        if (b.run_count == 0 || runs[b.run_count - 1].term != e->term) {
            runs[b.run_count++] = (struct raft_run){ k, e->term };
        }
        sizes[b.size_count++] = e->kind == RAFT_ENTRY_CONF ? w->conf[e->value].size : 8;
    }
    b.runs = runs;
    b.sizes = sizes;
    boot_members(w, n, &b);
    n->up = true;
    n->target = n->applied = n->commit = n->flushed;
    n->term = b.term;
    n->told_index = n->told_term = 0;
    n->install = n->making = n->read = 0;
    for (uint32_t k = 0; restarted && k < w->count; k++) {
        w->greet[i][k] = w->greet[k][i] = k != i;
        w->failed[i][k] = false;
    }
    void *mem = calloc(1, raft_size());
    enum err e = raft_init(mem, &c, &b, &n->core);
    ASSERT(e == ERR_OK);
}

void explore_crash(struct explore *w, uint32_t i)
{
    struct explore_node *n = &w->node[i];
    explore_disk(w, i, explore_below(w, n->queued + 1u)); /* any prefix may have made it */
    explore_writes_drop(n, n->queued);
    n->done_count = 0;
    n->up = false;
    n->leads = false;
    n->flushed += n->applied > n->flushed ? explore_below(w, n->applied - n->flushed + 1) : 0;
    if (n->making > n->made && explore_below(w, 2) == 0) {
        snap_keep(n); /* it was just finished */
    }
    free(n->core);
    n->core = NULL;
    explore_packets_die(w, i);
    for (uint64_t k = 1; k <= w->tickets; k++) {
        if (w->ticket[k].node == i && w->ticket[k].end == EXPLORE_OPEN) {
            w->ticket[k].end = EXPLORE_LOST;
        }
    }
    explore_count(EXPLORE_CRASHES);
}

/* ---- steps ---- */

static void on_effect(struct explore *w, uint32_t i, const struct raft_effect *e,
                      const struct raft_event *ev, const struct explore_packet *from)
{
    struct explore_node *n = &w->node[i];
    if (e->type == RAFT_DO_WRITE) {
        on_write(w, i, e, ev, from);
    } else if (e->type == RAFT_DO_INSTALL) {
        on_install(w, i, e, from);
    } else if (e->type == RAFT_DO_SEND) {
        explore_send(w, i, e);
    } else if (e->type == RAFT_DO_APPLY) {
        if (e->first != n->target + 1 || e->last > n->disk.last || n->install != 0) {
            explore_fail(w, "applied out of order, or before it is durable", i + 1, e->first);
        }
        n->target = e->last;
    } else if (e->type == RAFT_DO_SNAPSHOT) {
        if (n->making != 0 || n->install != 0) {
            explore_fail(w, "two snapshots at once", i + 1, n->making);
        }
        n->making = n->applied;
        n->making_conf = explore_conf_at(&n->seen, n->applied);
    } else if (e->type == RAFT_DO_COMPACT) {
        on_compact(w, i, e->index);
    }
}

void explore_step(struct explore *w, uint32_t i, struct raft_event *ev,
                  const struct explore_packet *from)
{
    struct explore_node *n = &w->node[i];
    ev->now_ns = n->clock + w->now * n->rate / EXPLORE_MS;
    raft_step(n->core, ev, &w->out);
    for (uint32_t k = 0; k < w->out.count && w->failure[0] == '\0'; k++) {
        const struct raft_effect *e = &w->out.effect[k];
        w->trace = (w->trace ^ e->type ^ e->index ^ e->ticket) * 0x100000001b3u;
        on_effect(w, i, e, ev, from);
    }
    explore_judge_step(w, i);
    for (uint32_t k = 0; k < w->out.count; k++) {
        enum raft_effect_type type = w->out.effect[k].type;
        if (type == RAFT_DO_READ_OK || (type == RAFT_DO_REPLY && ev->type != RAFT_EV_INIT)) {
            explore_judge_end(w, i, &w->out.effect[k]);
        }
    }
    explore_release(w);
}
