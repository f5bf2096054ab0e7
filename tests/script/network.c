/* tests/script/network.c -- queued messages: delivered, dropped, doubled, reordered; and
 * settling. */
#include "world.h"

#include <stdlib.h>

enum {
    SETTLE_ROUNDS_MAX = 10000
};

static bool matches(const struct world_msg *m, uint64_t a, uint64_t b, int type)
{
    return !m->gated && (a == 0 || m->msg.from == a) && (b == 0 || m->msg.to == b) &&
           (type == 0 || (int)m->msg.type == type);
}

static struct world_msg *take(struct world *w, uint32_t i)
{
    struct world_msg *m = w->net[i];
    memmove(&w->net[i], &w->net[i + 1], (--w->net_count - i) * sizeof w->net[0]);
    return m;
}

void world_lose(struct world *w, uint32_t i)
{
    struct world_msg *m = take(w, i);
    if (m->msg.type == RAFT_MSG_SNAPSHOT) {
        world_snap_failed(w, m->msg.from, m->msg.to);
    }
    world_msg_free(m);
}

/* Whether the step that was just made answers an append or a snapshot of `to`. */
static bool answered(const struct world *w, uint64_t to)
{
    for (uint32_t i = 0; i < w->out.count; i++) {
        const struct raft_effect *e = &w->out.effect[i];
        if (e->type == RAFT_DO_SEND && e->msg.type == RAFT_MSG_APPEND_REPLY && e->msg.to == to) {
            return true;
        }
    }
    return false;
}

/* A snapshot that nobody takes has failed: its stream tells the sender. */
static void arrive(struct world *w, struct world_msg *m)
{
    uint64_t to = m->msg.to;
    bool taken = false;
    if (w->node[to].exists && w->node[to].up && !w->cut[m->msg.from][to]) {
        struct raft_event ev = { .type = RAFT_EV_MSG, .msg = &m->msg };
        m->msg.entries = m->metas;
        world_step(w, to, &ev, m, NULL);
        taken = answered(w, m->msg.from);
    }
    if (m->msg.type == RAFT_MSG_SNAPSHOT && !taken) {
        world_snap_failed(w, m->msg.from, to);
    }
    world_msg_free(m);
}

uint32_t world_deliver(struct world *w, uint64_t a, uint64_t b, int type)
{
    uint32_t count = 0;
    uint32_t left = w->net_count; /* what arrives may not queue more: effects wait for a pump */
    for (uint32_t i = 0; left > 0; left--) {
        if (matches(w->net[i], a, b, type)) {
            arrive(w, take(w, i));
            count++;
        } else {
            i++;
        }
    }
    return count;
}

uint32_t world_drop(struct world *w, uint64_t a, uint64_t b, int type)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < w->net_count;) {
        if (matches(w->net[i], a, b, type)) {
            world_lose(w, i);
            count++;
        } else {
            i++;
        }
    }
    return count;
}

uint32_t world_count(const struct world *w, uint64_t a, uint64_t b, int type)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < w->net_count; i++) {
        count += matches(w->net[i], a, b, type);
    }
    return count;
}

void world_dup(struct world *w, uint64_t a, uint64_t b)
{
    uint32_t count = w->net_count;
    for (uint32_t i = 0; i < count; i++) {
        if (!matches(w->net[i], a, b, 0)) {
            continue;
        }
        if (w->net_count == WORLD_NET_MAX) {
            world_limit(w, "the network is full", w->net[i]->msg.from);
            return;
        }
        const struct world_msg *of = w->net[i];
        struct world_msg *m = world_msg_new(&of->msg, of->entry_count, of->msg.count);
        m->after = of->after;
        m->gated = of->gated;
        for (uint32_t k = 0; k < m->entry_count; k++) {
            m->entries[k] = of->entries[k];
        }
        for (uint32_t k = 0; k < m->msg.count; k++) {
            m->metas[k] = of->metas[k];
            m->metas[k].data = m->entries[m->entry_count - m->msg.count + k].data;
        }
        w->net[w->net_count++] = m;
    }
}

void world_reorder(struct world *w, uint64_t a, uint64_t b)
{
    uint32_t i = 0;
    uint32_t k = w->net_count;
    while (i < k) {
        if (!matches(w->net[i], a, b, 0)) {
            i++;
        } else if (!matches(w->net[k - 1], a, b, 0)) {
            k--;
        } else {
            struct world_msg *m = w->net[i];
            w->net[i++] = w->net[--k];
            w->net[k] = m;
        }
    }
}

bool world_settle(struct world *w)
{
    for (int round = 0; round < SETTLE_ROUNDS_MAX; round++) {
        bool any = false;
        for (uint64_t id = 1; id <= WORLD_NODES_MAX; id++) {
            any = (w->node[id].exists && world_pump(w, id)) || any;
        }
        any = world_deliver(w, 0, 0, 0) > 0 || any;
        if (!any || w->limit[0] != '\0') {
            return true;
        }
    }
    return false;
}
