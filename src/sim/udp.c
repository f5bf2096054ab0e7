/* sim/udp.c -- sockets: binding, what waits in them, batches. */
#include "sim/udp.h"

#include "base/panic.h"

enum {
    UDP_PORT_FIRST = 32768, /* chosen by the system */
    UDP_PORT_COUNT = 28000
};

struct sim_udp {
    struct os_udp base;
    struct list link; /* in the loop's sockets */
    os_udp_recv_fn fn;
    void *arg;
    struct os_addr bound;
    struct list inbox;
    uint32_t waiting;
};

/* One datagram that has arrived. */
struct sim_letter {
    struct list link;
    struct os_datagram datagram;
    uint8_t bytes[];
};

static struct sim_udp *socket_of(struct os_udp *base)
{
    return CONTAINER_OF(base, struct sim_udp, base);
}

static struct sim_loop *loop_of(struct os *os)
{
    return CONTAINER_OF(os, struct sim_loop, os);
}

static struct sim_udp *socket_at(const struct sim_loop *l, uint16_t port)
{
    LIST_EACH(node, (struct list *)&l->sockets) {
        struct sim_udp *s = CONTAINER_OF(node, struct sim_udp, link);
        if (s->bound.port == port) {
            return s;
        }
    }
    return NULL;
}

static bool wildcard(const struct os_addr *a)
{
    static const uint8_t zero[sizeof a->ip];
    return memcmp(a->ip, zero, sizeof zero) == 0;
}

static bool mine(const struct sim_loop *l, const struct os_addr *a)
{
    return a->family == l->addr.family && memcmp(a->ip, l->addr.ip, sizeof a->ip) == 0;
}

/* ---- arriving ---- */

bool sim_udp_arrive(struct sim_loop *l, const struct os_datagram *d)
{
    struct sim_udp *s = socket_at(l, d->local.port);
    if (s == NULL || s->waiting == SIM_UDP_WAITING_MAX) {
        return false;
    }
    struct sim_letter *letter = mem_alloc(l->mem, sizeof *letter + d->payload.count);
    if (letter == NULL) {
        return false;
    }
    letter->datagram = *d;
    memcpy(letter->bytes, d->payload.data, d->payload.count);
    letter->datagram.payload = bytes_of(letter->bytes, d->payload.count);
    list_push_back(&s->inbox, &letter->link);
    s->waiting++;
    l->letters++;
    return true;
}

bool sim_udp_pending(const struct sim_loop *l)
{
    return l->letters > 0;
}

static struct sim_letter *take(struct sim_udp *s)
{
    struct sim_letter *letter = CONTAINER_OF(s->inbox.next, struct sim_letter, link);
    list_remove(&letter->link);
    s->waiting--;
    loop_of(s->base.os)->letters--;
    return letter;
}

/* One batch of one socket, which its receiver may close meanwhile; how many there were. */
static uint32_t hand_over(struct sim_loop *l, struct sim_udp *s)
{
    struct sim_letter *letters[OS_UDP_BATCH];
    struct os_datagram batch[OS_UDP_BATCH];
    uint32_t count = 0;
    while (count < OS_UDP_BATCH && s->waiting > 0) {
        letters[count] = take(s);
        batch[count] = letters[count]->datagram;
        count++;
    }
    s->fn(s->arg, batch, count);
    for (uint32_t i = 0; i < count; i++) {
        mem_free(l->mem, letters[i]);
    }
    return count;
}

static struct sim_udp *waiting_one(struct sim_loop *l)
{
    LIST_EACH(node, &l->sockets) {
        struct sim_udp *s = CONTAINER_OF(node, struct sim_udp, link);
        if (s->waiting > 0) {
            return s;
        }
    }
    return NULL;
}

void sim_udp_run(struct sim_loop *l)
{
    uint32_t done = 0;
    while (l->letters > 0 && done < SIM_UDP_TURN_MAX) {
        done += hand_over(l, waiting_one(l)); /* looked for anew: any socket may have gone */
    }
}

/* ---- the table ---- */

static bool port_choose(struct sim_loop *l, struct os_addr *a)
{
    for (int i = 0; i < 64 && a->port == 0; i++) {
        uint16_t port = (uint16_t)(UDP_PORT_FIRST + prng_below(&l->prng, UDP_PORT_COUNT));
        a->port = socket_at(l, port) == NULL ? port : 0;
    }
    return a->port != 0;
}

enum err sim_udp_open(struct os *os, const struct os_addr *bind, os_udp_recv_fn fn, void *arg,
                      struct os_udp **out)
{
    struct sim_loop *l = loop_of(os);
    struct os_addr a = *bind;
    if (l->wire == NULL || a.family != l->addr.family || !(wildcard(&a) || mine(l, &a))) {
        return ERR_IO; /* the machine has one address */
    }
    if (a.port != 0 ? socket_at(l, a.port) != NULL : !port_choose(l, &a)) {
        return ERR_ADDRESS_IN_USE;
    }
    struct sim_udp *s = mem_alloc(l->mem, sizeof *s);
    if (s == NULL) {
        return ERR_NO_MEMORY;
    }
    *s = (struct sim_udp){ .base = { os }, .fn = fn, .arg = arg, .bound = a };
    list_init(&s->inbox);
    list_push_back(&l->sockets, &s->link);
    *out = &s->base;
    return ERR_OK;
}

void sim_udp_addr(struct os_udp *udp, struct os_addr *out)
{
    *out = socket_of(udp)->bound;
}

enum err sim_udp_send(struct os_udp *udp, const struct os_udp_send *send)
{
    const struct sim_udp *s = socket_of(udp);
    struct sim_loop *l = loop_of(udp->os);
    struct os_addr source = l->addr;
    source.port = s->bound.port;
    bool foreign = send->local.family != 0 && !mine(l, &send->local);
    if (foreign || send->remote.family != l->addr.family) {
        return ERR_IO;
    }
    return l->wire->send(l->wire->arg, &source, send);
}

void sim_udp_close(struct os_udp *udp)
{
    struct sim_udp *s = socket_of(udp);
    struct sim_loop *l = loop_of(udp->os);
    while (s->waiting > 0) {
        mem_free(l->mem, take(s));
    }
    list_remove(&s->link);
    mem_free(l->mem, s);
}
