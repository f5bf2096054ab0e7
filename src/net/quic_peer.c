/* net/quic_peer.c -- peers: dialling, dialling again, and which of two connections stays.
 *
 * Shape: the hello of the side that dialled says which process it is (instance), its how-many-th
 *        dial this is (attempt) and which connection it had before (last); both sides hold the
 *        same numbers of both connections and so decide alike (beats)
 * Why:   both nodes may dial at once, and one that was restarted must not wait for its ghost to
 *        expire
 */
#include "net/quic.h"

#include "base/mark.h"
#include "base/panic.h"

#define PREFER_PAUSE_NS (40ull * 1000 * 1000) /* the larger key gives the smaller one that much */
#define QUICK_NS (1000ull * 1000)
#define SHORT_LIFE_NS (1000ull * 1000 * 1000) /* a connection that lived less did not help */

static void on_timer(void *arg, uint64_t now);

struct quic_peer *quic_peer_find(struct quic *q, const struct node_key *key)
{
    LIST_EACH(node, &q->peers) {
        struct quic_peer *p = CONTAINER_OF(node, struct quic_peer, link);
        if (ids_key_equal(&p->key, key)) {
            return p;
        }
    }
    return NULL;
}

struct quic_peer *quic_peer_get(struct quic *q, const struct node_key *key)
{
    struct quic_peer *p = quic_peer_find(q, key);
    if (p != NULL) {
        return p;
    }
    p = mem_alloc(q->mem, sizeof *p);
    if (p == NULL) {
        return NULL;
    }
    memset(p, 0, sizeof *p);
    p->q = q;
    p->key = *key;
    os_timer_init(&p->timer, on_timer, p);
    list_push_back(&q->peers, &p->link);
    return p;
}

void quic_peer_release(struct quic_peer *p)
{
    if (p->wanted) {
        return;
    }
    LIST_EACH(node, &p->q->conns) {
        if (CONTAINER_OF(node, struct quic_conn, link)->peer == p) {
            return;
        }
    }
    ASSERT(p->up == NULL && p->dialling == NULL);
    os_timer_cancel(p->q->os, &p->timer);
    list_remove(&p->link);
    mem_free(p->q->mem, p);
}

/* This node has the smaller key of the two: it dials first. */
static bool prefers(const struct quic_peer *p)
{
    return memcmp(p->q->identity.key.b, p->key.b, NODE_KEY_BYTES) < 0;
}

/* Dial after a pause when there is neither a connection nor a dial. */
static void wake(struct quic_peer *p, uint64_t pause_ns)
{
    struct quic *q = p->q;
    if (!p->wanted || p->up != NULL || p->dialling != NULL || q->closed) {
        return;
    }
    IGNORE(os_timer_set(q->os, &p->timer, os_now(q->os) + pause_ns)); /* else the peer dials us */
}

/* The pause before the next round: doubled each time, and up to a quarter more by chance. */
static uint64_t backoff(struct quic_peer *p)
{
    const struct quic_link_options *o = &p->q->options;
    uint64_t pause = p->backoff_ns < o->dial_ns_min ? o->dial_ns_min : p->backoff_ns;
    p->backoff_ns = pause * 2 < o->dial_ns_max ? pause * 2 : o->dial_ns_max;
    return pause + prng_below(&p->q->prng, pause / 4 + 1);
}

/* The address to try next, in turn, the one it last came from among them; false: none is known. */
static bool address_next(struct quic_peer *p, struct os_addr *out, bool *out_last)
{
    bool extra = p->learnt.family != 0;
    for (uint32_t i = 0; i < p->addr_count && extra; i++) {
        extra = !os_addr_equal(&p->addrs[i], &p->learnt);
    }
    uint32_t total = p->addr_count + (extra ? 1 : 0);
    if (total == 0) {
        return false;
    }
    uint32_t i = p->addr_next % total;
    p->addr_next = i + 1;
    *out = i < p->addr_count ? p->addrs[i] : p->learnt;
    *out_last = i + 1 == total;
    return true;
}

static void on_timer(void *arg, uint64_t now)
{
    struct quic_peer *p = arg;
    struct os_addr to;
    (void)now;
    quic_enter(p->q);
    if (p->wanted && p->up == NULL && p->dialling == NULL && !p->q->closed &&
        address_next(p, &to, &p->round_over) && quic_conn_dial(p, &to) != ERR_OK) {
        wake(p, p->round_over ? backoff(p) : QUICK_NS);
    }
    quic_leave(p->q);
}

void quic_peer_set(struct quic_peer *p, const struct os_addr *addrs, uint32_t count)
{
    bool known = p->dialling == NULL;
    p->wanted = true;
    p->addr_count = count < NODE_ADDRS_MAX ? count : NODE_ADDRS_MAX;
    if (p->addr_count > 0) {
        memcpy(p->addrs, addrs, p->addr_count * sizeof *addrs);
    }
    for (uint32_t i = 0; i < p->addr_count && !known; i++) {
        known = os_addr_equal(&p->addrs[i], &p->dialling->remote);
    }
    if (!known) { /* it is being dialled where it no longer is */
        quic_conn_fault(p->dialling, QUIC_FAULT_SILENT, 0);
    }
    p->addr_next = 0;
    p->backoff_ns = 0;
    wake(p, prefers(p) ? 0 : PREFER_PAUSE_NS);
}

void quic_peer_forget(struct quic_peer *p)
{
    struct quic *q = p->q;
    p->wanted = false;
    p->addr_count = 0;
    LIST_EACH(node, &q->conns) {
        struct quic_conn *c = CONTAINER_OF(node, struct quic_conn, link);
        if (c->peer == p) {
            quic_conn_fault(c, QUIC_FAULT_CODE, QUIC_CODE_CLOSED);
        }
    }
    quic_peer_release(p);
}

/* What the side that dialled said. */
static const struct admit_hello *dialler(const struct quic_conn *c)
{
    return c->server ? &c->theirs : &c->ours;
}

/* Both ends come to the same answer, as they hold the same hellos of both connections. */
static bool beats(const struct quic_peer *p, const struct quic_conn *fresh,
                  const struct quic_conn *old)
{
    if (fresh->theirs.instance != old->theirs.instance) {
        return true; /* the peer was restarted: the old one leads nowhere */
    }
    if (fresh->server == old->server) {
        return dialler(fresh)->attempt > dialler(old)->attempt;
    }
    if (dialler(fresh)->last == old->id) {
        return true; /* who dialled it had the old one and has lost it */
    }
    if (dialler(old)->last == fresh->id) {
        return false;
    }
    return fresh->server != prefers(p); /* the one that the smaller key dialled */
}

/* The connection no longer counts, whatever becomes of it. */
static void take_down(struct quic_peer *p)
{
    struct quic *q = p->q;
    struct quic_conn *c = p->up;
    p->up = NULL;
    ASSERT(q->stats.peers_up > 0);
    q->stats.peers_up--;
    if (!q->closed) {
        q->handler.peer_down(q->arg, &p->key, c->epoch);
    }
}

void quic_peer_admit(struct quic_conn *c)
{
    struct quic *q = c->q;
    struct quic_peer *p = quic_peer_get(q, &c->tls.peer);
    if (p == NULL) {
        quic_conn_fault(c, QUIC_FAULT_CODE, QUIC_CODE_BUSY);
        return;
    }
    c->peer = p;
    if (p->dialling == c) {
        p->dialling = NULL;
    }
    struct quic_conn *old = p->up;
    if (old != NULL && !beats(p, c, old)) {
        MARK("net: the newer of two connections gives way");
        quic_conn_fault(c, QUIC_FAULT_CODE, QUIC_CODE_DUPLICATE);
        return;
    }
    if (old != NULL) {
        quic_conn_fault(old, QUIC_FAULT_CODE, QUIC_CODE_DUPLICATE);
        take_down(p);
    }
    p->up = c;
    p->last = c->id;
    p->learnt = c->remote;
    c->epoch = ++q->epoch;
    c->up_ns = os_now(q->os);
    q->stats.peers_up++;
    os_timer_cancel(q->os, &p->timer);
    if (!q->closed) {
        q->handler.peer_up(q->arg, &p->key, c->epoch);
    }
}

void quic_peer_lost(struct quic_conn *c)
{
    struct quic_peer *p = c->peer;
    if (p == NULL) {
        return;
    }
    uint64_t now = os_now(c->q->os);
    if (p->up == c) {
        take_down(p);
        if (now - c->up_ns < SHORT_LIFE_NS) {
            wake(p, backoff(p));
        } else {
            p->backoff_ns = 0;
            p->addr_next = 0;
            wake(p, prefers(p) ? QUICK_NS : PREFER_PAUSE_NS);
        }
    } else if (p->dialling == c) {
        p->dialling = NULL;
        wake(p, p->round_over ? backoff(p) : QUICK_NS);
    }
    c->peer = NULL; /* what was told above may have let go of the peer already */
    quic_peer_release(p);
}
