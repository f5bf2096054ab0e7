/* sim/net.c -- connections that come and go, frames that take their time. */
#include "sim/net.h"

#include "base/panic.h"
#include "sim/world.h"

#define NET_TELL_NS (2 * SIM_MS)    /* until a side knows of its new connection */
#define NET_RESET_NS (50 * SIM_MS)  /* until a side knows that it has lost one */
#define NET_IDLE_NS_MIN (5 * SIM_S) /* silence after which a connection is given up */
#define NET_IDLE_NS_MAX (30 * SIM_S)
#define NET_DIAL_NS_MIN (20 * SIM_MS) /* between attempts to connect */
#define NET_DIAL_NS_MAX (2 * SIM_S)

static const struct sim_quality net_good = { .latency_ns = SIM_NET_LATENCY_NS,
                                             .jitter_ns = SIM_NET_JITTER_NS };

static struct sim_link *link_of(struct link *l)
{
    return CONTAINER_OF(l, struct sim_link, link);
}

static struct sim_net *net_of(const struct sim_link *l)
{
    return &l->host->world->net;
}

static uint64_t *connection_of(struct sim_net *n, uint32_t a, uint32_t b)
{
    return a < b ? &n->connection[a][b] : &n->connection[b][a];
}

/* ---- telling a side ---- */

static void tell_down(struct sim_net *n, uint32_t side, uint32_t peer)
{
    struct sim_link *l = &n->link[side];
    uint64_t serial = l->told[peer];
    if (l->open && serial != 0) {
        l->told[peer] = 0;
        l->handler->peer_down(l->arg, &n->world->key[peer], serial);
    }
}

static void tell_up(struct sim_net *n, uint32_t side, uint32_t peer, uint64_t serial)
{
    struct sim_link *l = &n->link[side];
    if (l->open && l->told[peer] != serial) {
        tell_down(n, side, peer);
        l->told[peer] = serial;
        l->stats.handshakes++;
        l->handler->peer_up(l->arg, &n->world->key[peer], serial);
    }
}

/* An event for one side waits while its machine is paused. */
static bool wait_for_host(struct sim_world *w, struct sim_event *e, uint32_t side, sim_event_fn fn)
{
    struct sim_host *h = &w->host[side];
    if (h->state != SIM_HOST_UP || h->paused_until_ns <= w->now_ns) {
        return false;
    }
    struct sim_event *again = sim_world_at(w, h->paused_until_ns, fn);
    again->a = e->a;
    again->b = e->b;
    again->n = e->n;
    again->ptr = e->ptr;
    return true;
}

/* a: side, b: peer, n: serial */
static void up_due(struct sim_world *w, struct sim_event *e)
{
    if (wait_for_host(w, e, e->a, up_due)) {
        return;
    }
    if (*connection_of(&w->net, e->a, e->b) == e->n && sim_host_enter(&w->host[e->a])) {
        tell_up(&w->net, e->a, e->b, e->n);
        sim_host_leave(&w->host[e->a]);
    }
}

static void down_due(struct sim_world *w, struct sim_event *e)
{
    if (wait_for_host(w, e, e->a, down_due)) {
        return;
    }
    if (w->net.link[e->a].told[e->b] == e->n && sim_host_enter(&w->host[e->a])) {
        tell_down(&w->net, e->a, e->b);
        sim_host_leave(&w->host[e->a]);
    }
}

static void side_at(struct sim_net *n, uint64_t at_ns, sim_event_fn fn, uint32_t side,
                    uint32_t peer, uint64_t serial)
{
    struct sim_event *e = sim_world_at(n->world, at_ns, fn);
    e->a = side;
    e->b = peer;
    e->n = serial;
}

/* ---- connections ---- */

static void connect_due(struct sim_world *w, struct sim_event *e);

static void connect_soon(struct sim_net *n, uint32_t a, uint32_t b, uint64_t wait_ns)
{
    uint32_t low = a < b ? a : b;
    uint32_t high = a < b ? b : a;
    if (!n->connecting[low][high]) {
        n->connecting[low][high] = true;
        side_at(n, n->world->now_ns + wait_ns, connect_due, low, high, 0);
    }
}

static void connect_due(struct sim_world *w, struct sim_event *e)
{
    struct sim_net *n = &w->net;
    uint32_t a = e->a;
    uint32_t b = e->b;
    bool wanted = n->link[a].known[b] || n->link[b].known[a];
    n->connecting[a][b] = false;
    if (*connection_of(n, a, b) != 0 || !wanted || (!n->link[a].open && !n->link[b].open)) {
        return;
    }
    bool way = n->cut[a][b] == 0 && n->cut[b][a] == 0;
    if (!way || !n->link[a].open || !n->link[b].open) {
        connect_soon(n, a, b, sim_between(&n->prng, NET_DIAL_NS_MIN, NET_DIAL_NS_MAX));
        return;
    }
    uint64_t serial = ++n->serial;
    *connection_of(n, a, b) = serial;
    memset(n->arrives_ns[a][b], 0, sizeof n->arrives_ns[a][b]);
    memset(n->arrives_ns[b][a], 0, sizeof n->arrives_ns[b][a]);
    side_at(n, w->now_ns + prng_below(&n->prng, NET_TELL_NS), up_due, a, b, serial);
    side_at(n, w->now_ns + prng_below(&n->prng, NET_TELL_NS), up_due, b, a, serial);
    sim_world_tell(w, a + 1, "connects", b + 1, serial);
}

bool sim_net_break(struct sim_net *n, uint32_t a, uint32_t b)
{
    uint64_t serial = *connection_of(n, a, b);
    if (n->world->options.quic) {
        sim_wire_break(&n->world->wire, a, b);
    }
    if (serial == 0) {
        return n->world->options.quic;
    }
    *connection_of(n, a, b) = 0;
    uint64_t now = n->world->now_ns;
    side_at(n, now + prng_below(&n->prng, NET_RESET_NS), down_due, a, b, serial);
    side_at(n, now + prng_below(&n->prng, NET_RESET_NS), down_due, b, a, serial);
    connect_soon(n, a, b, sim_between(&n->prng, NET_DIAL_NS_MIN, NET_DIAL_NS_MAX));
    sim_world_tell(n->world, a + 1, "loses connection", b + 1, serial);
    return true;
}

/* A side has vanished without a word: the other one finds out by silence, or when it is back. */
static void vanish(struct sim_net *n, uint32_t side, uint32_t peer)
{
    uint64_t serial = *connection_of(n, side, peer);
    *connection_of(n, side, peer) = 0;
    if (serial != 0) {
        uint64_t idle = sim_between(&n->prng, NET_IDLE_NS_MIN, NET_IDLE_NS_MAX);
        side_at(n, n->world->now_ns + idle, down_due, peer, side, serial);
        connect_soon(n, side, peer, sim_between(&n->prng, NET_DIAL_NS_MIN, NET_DIAL_NS_MAX));
    }
}

/* A way that stays cut for so long ends the connection: nothing is acknowledged. */
static void silence_due(struct sim_world *w, struct sim_event *e)
{
    struct sim_net *n = &w->net;
    bool cut = n->cut[e->a][e->b] > 0 || n->cut[e->b][e->a] > 0;
    if (cut && *connection_of(n, e->a, e->b) == e->n && e->n != 0) {
        sim_net_break(n, e->a, e->b);
    }
}

uint64_t sim_net_cut(struct sim_net *n, uint32_t from, uint32_t to)
{
    uint64_t number = ++n->cuts;
    struct sim_cut *c = &n->in_force[number % SIM_CUTS_MAX];
    ASSERT(c->number == 0);
    *c = (struct sim_cut){ number, from, to };
    n->cut[from][to]++;
    uint64_t idle = sim_between(&n->prng, NET_IDLE_NS_MIN, NET_IDLE_NS_MAX);
    side_at(n, n->world->now_ns + idle, silence_due, from, to, *connection_of(n, from, to));
    return number;
}

void sim_net_heal(struct sim_net *n, uint64_t number)
{
    struct sim_cut *c = &n->in_force[number % SIM_CUTS_MAX];
    if (number != 0 && c->number == number) {
        c->number = 0;
        n->cut[c->from][c->to]--;
    }
}

void sim_net_mend(struct sim_net *n, uint32_t from, uint32_t to)
{
    for (uint32_t i = 0; i < SIM_CUTS_MAX; i++) {
        if (n->in_force[i].number != 0 && n->in_force[i].from == from && n->in_force[i].to == to) {
            sim_net_heal(n, n->in_force[i].number);
        }
    }
}

const struct sim_quality *sim_net_quality(const struct sim_net *n, uint32_t from, uint32_t to)
{
    return n->uneven ? &n->link_quality[from][to] : &n->quality;
}

void sim_net_uneven(struct sim_net *n)
{
    for (uint32_t i = 0; i < SIM_NODES_MAX * SIM_NODES_MAX && !n->uneven; i++) {
        n->link_quality[i / SIM_NODES_MAX][i % SIM_NODES_MAX] = net_good;
    }
    n->uneven = true;
}

/* What is on this way still waits in an old clog. */
static bool late(const struct sim_net *n, uint32_t from, uint32_t to)
{
    for (int c = 0; c < LINK_CLASS_COUNT; c++) {
        if (n->arrives_ns[from][to][c] > n->world->now_ns + SIM_S) {
            return true;
        }
    }
    return false;
}

void sim_net_calm(struct sim_net *n)
{
    memset(n->cut, 0, sizeof n->cut);
    memset(n->in_force, 0, sizeof n->in_force);
    memset(n->clogged_ns, 0, sizeof n->clogged_ns);
    n->quality = net_good;
    n->uneven = false;
    for (uint32_t a = 0; a < n->world->node_count; a++) {
        for (uint32_t b = 0; b < a; b++) {
            if (late(n, a, b) || late(n, b, a)) {
                sim_net_break(n, a, b);
            }
        }
    }
}

/* ---- frames ---- */

static void fold(struct sim_story *s, const struct sim_frame *f, uint64_t now_ns)
{
    sim_story_fold(s, now_ns);
    sim_story_fold(s, (uint64_t)f->from << 32 | f->to << 8 | f->class);
    sim_story_fold_bytes(s, bytes_of(f->bytes, f->count));
}

/* a: from, b: to (as wait_for_host copies them), ptr: frame */
static void frame_due(struct sim_world *w, struct sim_event *e)
{
    struct sim_net *n = &w->net;
    struct sim_frame *f = e->ptr;
    struct sim_link *l = &n->link[e->b];
    if (wait_for_host(w, e, e->b, frame_due)) {
        return;
    }
    uint64_t serial = *connection_of(n, e->a, e->b);
    bool there = serial != 0 && (f->again ? n->cut[e->a][e->b] == 0 : serial == f->serial);
    if (there && l->open && sim_host_enter(&w->host[e->b])) {
        tell_up(n, e->b, e->a, serial);
        if (l->open && !w->host[e->b].crashed) {
            l->stats.frames_in++;
            fold(&w->story, f, w->now_ns);
            sim_judge_heard(&w->judge, &w->host[e->b], e->a, bytes_of(f->bytes, f->count));
            l->handler->frame(l->arg, &w->key[e->a], serial, f->class,
                              bytes_of(f->bytes, f->count));
        }
        sim_host_leave(&w->host[e->b]);
    }
    mem_free(&w->mem, f);
}

static void frame_at(struct sim_net *n, struct sim_frame *f, uint64_t at_ns)
{
    struct sim_event *e = sim_world_at(n->world, at_ns, frame_due);
    e->a = f->from;
    e->b = f->to;
    e->ptr = f;
    n->frames++;
}

static uint64_t in_order(struct sim_net *n, const struct sim_frame *f)
{
    return sim_late_order(n, &n->prng, f->from, f->to, &n->arrives_ns[f->from][f->to][f->class]);
}

/* An old one may come long after, on whatever connection there is then. */
static void replay(struct sim_net *n, const struct sim_frame *f)
{
    uint64_t at = 0;
    const struct sim_quality *q = sim_net_quality(n, f->from, f->to);
    struct sim_frame *old =
        sim_late_again(&n->late, n->world, q, &n->prng, f, sizeof *f + f->count, &at);
    if (old != NULL) {
        old->again = true;
        frame_at(n, old, at);
    }
}

/* Raft's frames meet everything; those of the calls only time. */
static void frame_send(struct sim_net *n, struct sim_frame *f)
{
    const struct sim_quality *q = sim_net_quality(n, f->from, f->to);
    bool raft = f->class != LINK_CALL;
    if (n->cut[f->from][f->to] > 0 || (raft && sim_chance(&n->prng, q->drop))) {
        n->lost++;
        mem_free(&n->world->mem, f);
        return;
    }
    if (raft) {
        replay(n, f);
    }
    if (raft && sim_chance(&n->prng, q->twice)) {
        frame_at(n, sim_late_copy(n->world, f, sizeof *f + f->count), in_order(n, f));
    }
    if (raft && f->count > 1 && sim_chance(&n->prng, q->truncate)) {
        f->count = 1 + prng_below(&n->prng, f->count - 1);
    }
    uint64_t at = in_order(n, f);
    frame_at(n, f, at + (raft ? sim_late_overtake(q, &n->prng) : 0));
}

/* ---- the link ---- */

static enum err peer_set(struct link *base, const struct node_key *peer,
                         const struct os_addr *addrs, uint32_t count)
{
    struct sim_link *l = link_of(base);
    struct sim_net *n = net_of(l);
    uint32_t i = sim_world_index(n->world, peer);
    (void)addrs;
    (void)count;
    if (i < n->world->node_count && i != l->host->index && !l->known[i]) {
        l->known[i] = true;
        connect_soon(n, l->host->index, i, prng_below(&n->prng, NET_DIAL_NS_MIN));
    }
    return ERR_OK;
}

static void peer_forget(struct link *base, const struct node_key *peer)
{
    struct sim_link *l = link_of(base);
    uint32_t i = sim_world_index(net_of(l)->world, peer);
    if (i < net_of(l)->world->node_count) {
        l->known[i] = false;
        sim_net_break(net_of(l), l->host->index, i);
    }
}

static bool peer_is_up(struct link *base, const struct node_key *peer)
{
    struct sim_link *l = link_of(base);
    uint32_t i = sim_world_index(net_of(l)->world, peer);
    return i < net_of(l)->world->node_count && l->told[i] != 0;
}

static enum err send_frame(struct link *base, const struct node_key *peer, enum link_class class,
                           struct bytes head, struct bytes body)
{
    struct sim_link *l = link_of(base);
    struct sim_net *n = net_of(l);
    uint32_t to = sim_world_index(n->world, peer);
    size_t count = head.count + body.count;
    if (to >= n->world->node_count || l->told[to] == 0) {
        return ERR_PEER_GONE;
    }
    if (count > NET_FRAME_BYTES_MAX) {
        return ERR_FRAME_TOO_LARGE;
    }
    if (sim_chance(&n->prng, sim_net_quality(n, l->host->index, to)->refuse)) {
        return ERR_QUEUE_FULL;
    }
    if (!sim_host_boundary(l->host)) {
        return ERR_OK; /* it thinks so */
    }
    struct sim_frame *f = mem_alloc(&n->world->mem, sizeof *f + count);
    ASSERT(f != NULL);
    f->from = l->host->index;
    f->to = to;
    f->serial = l->told[to];
    f->again = false;
    f->class = class;
    f->count = count;
    if (head.count > 0) {
        memcpy(f->bytes, head.data, head.count);
    }
    if (body.count > 0) {
        memcpy(f->bytes + head.count, body.data, body.count);
    }
    l->stats.frames_out++;
    sim_look_frame(&n->world->look, l->host, bytes_of(f->bytes, f->count));
    if (n->lie != NULL) {
        n->lie(n->lie_arg, l->host->index, to, class, f->bytes, &f->count);
    }
    frame_send(n, f);
    return ERR_OK;
}

static uint32_t addrs(struct link *base, struct os_addr *out, uint32_t max)
{
    if (max == 0) {
        return 0;
    }
    out[0] = sim_host_addr(link_of(base)->host->index);
    return 1;
}

static void stats(struct link *base, struct link_stats *out)
{
    *out = link_of(base)->stats;
}

static void close_link(struct link *base)
{
    struct sim_link *l = link_of(base);
    struct sim_net *n = net_of(l);
    l->open = false;
    for (uint32_t i = 0; i < n->world->node_count; i++) {
        if (i == l->host->index) {
            continue;
        }
        if (l->host->crashed) {
            vanish(n, l->host->index, i);
        } else {
            sim_net_break(n, l->host->index, i);
        }
        l->told[i] = 0;
    }
}

static const struct link_table sim_link_table = { peer_set, peer_forget, peer_is_up, send_frame,
                                                  addrs,    stats,       close_link };

enum err sim_net_open(void *arg, const struct node_key *key, const struct link_handler *handler,
                      void *handler_arg, struct link **out)
{
    struct sim_host *h = arg;
    struct sim_link *l = &h->world->net.link[h->index];
    ASSERT(sim_world_index(h->world, key) == h->index && !l->open);
    memset(l, 0, sizeof *l);
    l->link.table = &sim_link_table;
    l->host = h;
    l->handler = handler;
    l->arg = handler_arg;
    l->open = true;
    for (uint32_t i = 0; i < h->world->node_count; i++) {
        if (i != h->index && h->world->net.link[i].known[h->index]) {
            connect_soon(&h->world->net, h->index, i, NET_DIAL_NS_MIN);
        }
    }
    *out = &l->link;
    return ERR_OK;
}

void sim_net_init(struct sim_net *n, struct sim_world *w, uint64_t seed)
{
    n->world = w;
    prng_seed(&n->prng, seed);
    n->quality = net_good;
}

/* Frames on the way are events of the world, which has ended. */
void sim_net_done(struct sim_net *n)
{
    sim_late_done(&n->late, n->world, frame_due);
}
