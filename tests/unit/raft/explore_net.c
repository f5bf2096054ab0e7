/* tests/unit/raft/explore_net.c -- messages of a world: lost, doubled, reordered, replayed. */
#include "explore.h"

#include "base/panic.h"

#include <stdlib.h>

static struct explore_entry *entries_copy(const struct explore_packet *p)
{
    if (p->entries == NULL) {
        return NULL;
    }
    struct explore_entry *own = calloc(p->msg.count, sizeof *own);
    memcpy(own, p->entries, p->msg.count * sizeof *own);
    return own;
}

/* It will not come: the sender of a snapshot hears of that some time. */
static void lost(struct explore *w, const struct explore_packet *p)
{
    if (p->msg.type == RAFT_MSG_SNAPSHOT) {
        w->failed[p->msg.from - 1][p->msg.to - 1] = true;
    }
}

static void packet_free(struct explore *w, uint32_t k)
{
    free(w->packet[k].entries);
    w->packet[k] = w->packet[--w->packets];
}

static void snapshot_send(struct explore *w, const struct raft_effect *e, struct explore_packet *p)
{
    struct raft_conf c;
    if (raft_conf_decode(bytes_of(e->payload, e->payload_count), &c, NULL) != ERR_OK) {
        explore_fail(w, "a snapshot without a configuration", e->msg.from, e->msg.index);
        return;
    }
    c.index = e->msg.hint;
    explore_judge_snapshot(w, e->msg.index, e->msg.log_term, &c);
    p->chain = w->committed[e->msg.index].chain;
    p->conf = w->committed[e->msg.hint].value;
    p->msg.count = 1;
}

void explore_send(struct explore *w, uint32_t i, const struct raft_effect *e)
{
    const struct explore_node *n = &w->node[i];
    const struct explore_log *l = &n->seen;
    if (w->packets == EXPLORE_PACKETS_MAX) {
        uint32_t k = explore_below(w, w->packets);
        lost(w, &w->packet[k]);
        packet_free(w, k);
    }
    struct explore_packet *p = &w->packet[w->packets++];
    *p = (struct explore_packet){ .msg = e->msg, .after = e->after };
    p->chain =
        e->msg.index <= l->last && e->msg.index >= l->base ? l->entry[e->msg.index].chain : 0;
    p->msg.count = 0;
    if (e->msg.type == RAFT_MSG_SNAPSHOT) {
        snapshot_send(w, e, p);
    }
    if (e->msg.type == RAFT_MSG_APPEND && e->msg.last >= e->msg.first) {
        if (n->disk.ticket < e->after) {
            explore_fail(w, "an append of a leader waits for the disk", i + 1, e->after);
        }
        if (e->msg.first <= l->base || e->msg.last > l->last) {
            explore_fail(w, "entries are sent that are not in the log", i + 1, e->msg.first);
            return;
        }
        p->msg.count = (uint32_t)(e->msg.last - e->msg.first + 1);
        p->entries = calloc(p->msg.count, sizeof *p->entries);
        memcpy(p->entries, &l->entry[e->msg.first], p->msg.count * sizeof *p->entries);
    }
}

/* Keep a copy of what was under way: it may come again after its sender's end. */
static void remember(struct explore *w, const struct explore_packet *p)
{
    struct explore_packet *slot = &w->past[explore_below(w, EXPLORE_PAST_MAX)];
    free(slot->entries);
    *slot = *p;
    slot->entries = entries_copy(p);
}

static bool answered(const struct explore *w, const struct explore_packet *p)
{
    for (uint32_t k = 0; k < w->out.count; k++) {
        const struct raft_effect *e = &w->out.effect[k];
        if (e->type == RAFT_DO_SEND && e->msg.type == RAFT_MSG_APPEND_REPLY &&
            e->msg.to == p->msg.from) {
            return true;
        }
    }
    return false;
}

void explore_hand_over(struct explore *w, const struct explore_packet *p)
{
    static struct raft_entry metas[EXPLORE_LOG_MAX];
    uint32_t to = (uint32_t)p->msg.to - 1;
    struct raft_msg m = p->msg;
    struct raft_event ev = { .type = RAFT_EV_MSG, .msg = &m };
    if (!w->node[to].up) {
        lost(w, p);
        return;
    }
    for (uint32_t k = 0; k < m.count; k++) {
        bool snapshot = m.type == RAFT_MSG_SNAPSHOT;
        bool conf = snapshot || p->entries[k].kind == RAFT_ENTRY_CONF;
        const struct explore_conf *c = &w->conf[snapshot ? p->conf
                                                : conf   ? p->entries[k].value
                                                         : 0];
        metas[k] =
            (struct raft_entry){ snapshot ? m.log_term : p->entries[k].term, conf ? c->size : 8,
                                 snapshot ? RAFT_ENTRY_CONF : p->entries[k].kind, c->bytes };
    }
    m.entries = metas;
    explore_step(w, to, &ev, p);
    if (!answered(w, p)) { /* not wanted */
        lost(w, p);
    }
}

void explore_release(struct explore *w)
{
    for (uint32_t k = 0; k < w->packets; k++) {
        struct explore_packet *p = &w->packet[k];
        uint32_t from = (uint32_t)p->msg.from - 1;
        if (!p->left && w->node[from].disk.ticket >= p->after) {
            p->left = true;
            explore_judge_packet(w, from, p);
        }
    }
}

void explore_deliver(struct explore *w, bool faults)
{
    uint32_t k = explore_below(w, w->packets);
    struct explore_packet p = w->packet[k];
    bool cut = w->down[p.msg.from - 1][p.msg.to - 1];
    if (!p.left) {
        return;
    }
    remember(w, &p);
    if (faults && explore_below(w, 1000) < 50) {
        w->packet[k].entries = entries_copy(&p); /* it comes a second time */
    } else {
        w->packet[k] = w->packet[--w->packets];
    }
    if (!cut && !(faults && explore_below(w, 1000) < w->loss)) {
        explore_hand_over(w, &p);
    } else {
        lost(w, &p);
    }
    free(p.entries);
}

void explore_packets_die(struct explore *w, uint32_t i)
{
    for (uint32_t k = 0; k < w->packets;) {
        if (w->packet[k].msg.from == i + 1 && !w->packet[k].left) {
            packet_free(w, k);
        } else {
            k++;
        }
    }
}

void explore_packets_free(struct explore *w)
{
    while (w->packets > 0) {
        packet_free(w, 0);
    }
    for (uint32_t k = 0; k < EXPLORE_PAST_MAX; k++) {
        free(w->past[k].entries);
    }
    memset(w->past, 0, sizeof w->past);
}
