/* sim/wire.c -- packets: sent, lost, altered, late, and arriving under some address. */
#include "sim/wire.h"

#include "base/panic.h"
#include "sim/world.h"

enum {
    WIRE_HEADERS = 28, /* IPv4 and UDP */
    WIRE_ALIASES = 200
};

/* ---- addresses ---- */

/* A socket's address as others see it. */
static struct os_addr outside(const struct sim_router *r, struct os_addr a)
{
    if (r->alias != 0) {
        a.ip[1] = r->moved ? (uint8_t)r->alias : 0;
        a.port = (uint16_t)(a.port + r->alias);
    }
    return a;
}

/* The machine's own address that an outer one leads to; false: nowhere any more. */
static bool inside(const struct sim_router *r, const struct os_addr *a, struct os_addr *out)
{
    uint8_t net = r->alias != 0 && r->moved ? (uint8_t)r->alias : 0;
    uint32_t alias = r->alias;
    *out = *a;
    out->ip[1] = 0;
    if (alias != 0 && a->ip[1] == net && a->port >= SIM_HOST_PORT + alias) {
        out->port = (uint16_t)(a->port - alias);
        return true;
    }
    return a->ip[1] == 0 && (alias == 0 || r->own);
}

/* Whose address it is; SIM_NODES_MAX: nobody's. */
static uint32_t owner(const struct sim_wire *x, const struct os_addr *a)
{
    bool ours = a->family == 4 && a->ip[0] == 10 && a->ip[2] == 0 && a->ip[3] > 0;
    return ours && a->ip[3] <= x->world->node_count ? a->ip[3] - 1u : SIM_NODES_MAX;
}

/* ---- packets ---- */

static void fold(struct sim_story *s, const struct sim_packet *p)
{
    sim_story_fold(s, (uint64_t)p->from << 32 | p->to << 8 | (uint64_t)p->ecn);
    sim_story_fold_bytes(s, bytes_of(p->bytes, p->count));
}

static void lose(struct sim_wire *x, struct sim_packet *p)
{
    x->lost++;
    mem_free(&x->world->mem, p);
}

static void arrive_due(struct sim_world *w, struct sim_event *e)
{
    struct sim_wire *x = &w->wire;
    struct sim_packet *p = e->ptr;
    struct sim_host *h = &w->host[p->to];
    struct os_datagram d = { .remote = p->source,
                             .ecn = p->ecn,
                             .payload = bytes_of(p->bytes, p->count) };
    x->on_way--;
    bool heard = h->state == SIM_HOST_UP && h->node != NULL &&
                 inside(&x->router[p->to], &p->remote, &d.local) && sim_udp_arrive(&h->loop, &d);
    if (heard) {
        sim_story_fold(&w->story, w->now_ns * 97 + p->count + p->to);
        sim_host_poke(h);
    } /* else nobody listens there */
    mem_free(&w->mem, p);
}

static void packet_at(struct sim_wire *x, struct sim_packet *p, uint64_t at_ns)
{
    if (x->on_way >= SIM_WIRE_PACKETS_MAX) {
        lose(x, p);
        return;
    }
    x->on_way++;
    sim_world_at(x->world, at_ns, arrive_due)->ptr = p;
}

static uint64_t in_order(struct sim_wire *x, const struct sim_packet *p)
{
    return sim_late_order(&x->world->net, &x->prng, p->from, p->to, &x->arrives_ns[p->from][p->to]);
}

static void replay(struct sim_wire *x, const struct sim_packet *p)
{
    uint64_t at = 0;
    const struct sim_quality *q = sim_net_quality(&x->world->net, p->from, p->to);
    void *old = sim_late_again(&x->late, x->world, q, &x->prng, p, sizeof *p + p->count, &at);
    if (old != NULL) {
        packet_at(x, old, at);
    }
}

static uint64_t mtu_between(const struct sim_wire *x, uint32_t from, uint32_t to)
{
    uint64_t a = x->router[from].mtu;
    uint64_t b = x->router[to].mtu;
    return a < b ? a : b;
}

static bool blocked(const struct sim_wire *x, const struct sim_packet *p)
{
    return x->world->net.cut[p->from][p->to] > 0 ||
           x->silent_ns[p->from][p->to] > x->world->now_ns ||
           p->count + WIRE_HEADERS > mtu_between(x, p->from, p->to);
}

/* One draw a line: the order within an expression is the compiler's. */
static void flip(struct sim_wire *x, struct sim_packet *p)
{
    uint64_t bit = prng_below(&x->prng, 8);
    uint64_t at = prng_below(&x->prng, p->count);
    p->bytes[at] ^= (uint8_t)(1u << bit);
    x->flipped++;
}

static void packet_send(struct sim_wire *x, struct sim_packet *p)
{
    const struct sim_quality *q = sim_net_quality(&x->world->net, p->from, p->to);
    x->packets++;
    fold(&x->world->story, p);
    if (blocked(x, p) || sim_chance(&x->prng, q->drop)) {
        lose(x, p);
        return;
    }
    replay(x, p);
    if (sim_chance(&x->prng, q->twice)) {
        packet_at(x, sim_late_copy(x->world, p, sizeof *p + p->count), in_order(x, p));
    }
    if (p->count > 1 && sim_chance(&x->prng, q->truncate)) {
        p->count = 1 + prng_below(&x->prng, p->count - 1);
    }
    if (p->count > 0 && sim_chance(&x->prng, x->corrupt)) {
        flip(x, p);
    }
    uint64_t at = in_order(x, p);
    packet_at(x, p, at + sim_late_overtake(q, &x->prng));
}

/* ---- what a machine sends ---- */

/* A packet of its own for each segment, and each an effect that the machine may not live to see. */
static enum err wire_send(void *arg, const struct os_addr *source, const struct os_udp_send *s)
{
    struct sim_host *h = arg;
    struct sim_wire *x = &h->world->wire;
    uint32_t to = owner(x, &s->remote);
    size_t segment = s->segment == 0 ? s->payload.count : s->segment;
    if (to == SIM_NODES_MAX || to == h->index) {
        return ERR_IO; /* unreachable */
    }
    if (sim_chance(&x->prng, sim_net_quality(&x->world->net, h->index, to)->refuse)) {
        return ERR_WOULD_BLOCK;
    }
    size_t largest = segment < s->payload.count ? segment : s->payload.count;
    if (x->mtu_told && largest + WIRE_HEADERS > mtu_between(x, h->index, to)) {
        return ERR_IO;
    }
    for (size_t at = 0; at < s->payload.count; at += segment) {
        size_t left = s->payload.count - at;
        size_t count = left < segment ? left : segment;
        if (!sim_host_boundary(h)) {
            return ERR_OK; /* it thinks so */
        }
        struct sim_packet *p = mem_alloc(&x->world->mem, sizeof *p + count);
        ASSERT(p != NULL);
        *p = (struct sim_packet){ .source = outside(&x->router[h->index], *source),
                                  .remote = s->remote,
                                  .from = h->index,
                                  .to = to,
                                  .ecn = s->ecn,
                                  .count = count };
        memcpy(p->bytes, s->payload.data + at, count);
        packet_send(x, p);
    }
    return ERR_OK;
}

void sim_wire_plug(struct sim_wire *x, struct sim_host *h)
{
    h->loop.addr = sim_host_addr(h->index);
    h->loop.addr.port = 0;
    x->plug[h->index] = (struct sim_udp_wire){ wire_send, h };
    h->loop.wire = &x->plug[h->index];
}

/* ---- what goes wrong ---- */

void sim_wire_break(struct sim_wire *x, uint32_t a, uint32_t b)
{
    struct sim_world *w = x->world;
    struct sim_tap *t = &x->tap[a];
    if (sim_chance(&x->prng, 8)) {
        uint64_t until = w->now_ns + x->idle_ns + prng_below(&x->prng, 5 * SIM_S);
        x->silent_ns[a][b] = until;
        x->silent_ns[b][a] = until;
        sim_world_tell(w, a + 1, "no way to", b + 1, until);
    } else if (t->inner != NULL && sim_host_enter(&w->host[a])) {
        struct os_addr addr = sim_host_addr(b);
        link_peer_forget(t->inner, &w->key[b]);
        IGNORE(link_peer_set(t->inner, &w->key[b], &addr, 1)); /* there is room: it was known */
        sim_world_tell(w, a + 1, "hangs up on", b + 1, 0);
        sim_host_leave(&w->host[a]);
    }
}

/* n: which rebinding it was */
static void rebound_due(struct sim_world *w, struct sim_event *e)
{
    struct sim_router *r = &w->wire.router[e->a];
    if (r->rebindings == e->n) {
        r->alias = 0;
    }
}

void sim_wire_rebind(struct sim_wire *x, uint32_t host, uint64_t until_ns)
{
    struct sim_router *r = &x->router[host];
    r->rebindings++;
    r->alias = 1 + r->rebindings % WIRE_ALIASES;
    r->moved = sim_chance(&x->prng, 2);
    r->own = sim_chance(&x->prng, 2);
    struct sim_event *e = sim_world_at(x->world, until_ns, rebound_due);
    e->a = host;
    e->n = r->rebindings;
}

static uint64_t later(uint64_t a_ns, uint64_t b_ns)
{
    return a_ns > b_ns ? a_ns : b_ns;
}

/* Of several that overlap the one that lasts longest ends it. */
static void wide_due(struct sim_world *w, struct sim_event *e)
{
    (void)e;
    for (uint32_t i = 0; i < SIM_NODES_MAX; i++) {
        struct sim_router *r = &w->wire.router[i];
        r->mtu = w->now_ns >= r->narrow_until_ns ? SIM_WIRE_MTU : r->mtu;
    }
}

void sim_wire_narrow(struct sim_wire *x, uint32_t host, uint64_t until_ns)
{
    uint64_t mtu = sim_between(&x->prng, SIM_WIRE_MTU_LEAST, SIM_WIRE_MTU - 1);
    for (uint32_t i = 0; i < SIM_NODES_MAX; i++) {
        struct sim_router *r = &x->router[i];
        if (host == i || host == SIM_NODES_MAX) {
            r->mtu = mtu;
            r->narrow_until_ns = later(r->narrow_until_ns, until_ns);
        }
    }
    x->mtu_told = sim_chance(&x->prng, 2);
    sim_world_at(x->world, until_ns, wide_due);
}

static void clean_due(struct sim_world *w, struct sim_event *e)
{
    (void)e;
    if (w->now_ns >= w->wire.corrupt_until_ns) {
        w->wire.corrupt = 0;
    }
}

void sim_wire_corrupt(struct sim_wire *x, uint64_t until_ns)
{
    x->corrupt = (uint32_t)sim_between(&x->prng, 2, 100);
    x->corrupt_until_ns = later(x->corrupt_until_ns, until_ns);
    sim_world_at(x->world, until_ns, clean_due);
}

/* What an old clog still holds back is overtaken from now on. */
void sim_wire_calm(struct sim_wire *x)
{
    memset(x->arrives_ns, 0, sizeof x->arrives_ns);
    memset(x->silent_ns, 0, sizeof x->silent_ns);
    memset(x->heard, 0, sizeof x->heard);
    x->corrupt = 0;
    for (uint32_t i = 0; i < SIM_NODES_MAX; i++) {
        x->router[i].alias = 0;
        x->router[i].mtu = SIM_WIRE_MTU;
    }
}

/* ---- beginning and end ---- */

void sim_wire_init(struct sim_wire *x, struct sim_world *w, uint64_t seed)
{
    x->world = w;
    x->seam.world = w;
    prng_seed(&x->prng, seed);
    x->tapped = !sim_chance(&x->prng, 8);
    x->idle_ns = x->tapped ? sim_between(&x->prng, 5, 30) * SIM_S : 30 * SIM_S; /* the default */
    x->unproved_max = (uint32_t)prng_below(&x->prng, 3); /* a few see Retry packets all the time */
    sim_wire_calm(x);
}

/* Packets on the way are events of the world, which has ended. */
void sim_wire_done(struct sim_wire *x)
{
    sim_late_done(&x->late, x->world, arrive_due);
    sim_seam_done(&x->seam);
}
