/* net/quic_link.c -- the link as its owner sees it: open, the table of functions, the turn,
 * close. */
#include "net/quic.h"

#include "base/blake3.h"
#include "base/mark.h"
#include "base/panic.h"

#include <sodium.h>

enum {
    TURN_CONNS_MAX = 4 * NET_CONNS_MAX /* writes and burials in one turn */
};

#define IDLE_NS (30ull * 1000 * 1000 * 1000)
#define KEEP_ALIVE_NS (5ull * 1000 * 1000 * 1000)
#define ADMISSION_NS (3ull * 1000 * 1000 * 1000)
#define DIAL_NS_MIN (50ull * 1000 * 1000)
#define DIAL_NS_MAX (2000ull * 1000 * 1000)
#define RESET_CONTEXT "aspen 2026 stateless reset v1"

static void quic_free(struct quic *q);

static struct quic *quic_of(struct link *l)
{
    return CONTAINER_OF(l, struct quic, base);
}

const char *quic_link_refusal_name(enum quic_link_refusal what)
{
    static const char *const names[QUIC_LINK_REFUSAL_COUNT] = {
        "wrong key",      "wrong or missing proof of the cookie",   "no common protocol",
        "malformed data", "datagram that belongs to no connection", "too many connections"
    };
    ASSERT(what < QUIC_LINK_REFUSAL_COUNT);
    return names[what];
}

void quic_enter(struct quic *q)
{
    q->depth++;
}

void quic_leave(struct quic *q)
{
    ASSERT(q->depth > 0);
    if (--q->depth == 0 && q->closed) {
        quic_free(q);
    }
}

void quic_refuse(struct quic *q, enum quic_link_refusal what, const struct os_addr *remote,
                 const struct node_key *key)
{
    struct quic_link_notice notice = { .what = what, .count = ++q->refused[what] };
    if (q->options.notice == NULL || q->closed) {
        return;
    }
    if (remote != NULL) {
        notice.remote = *remote;
    }
    if (key != NULL) {
        notice.key_known = true;
        notice.key = *key;
    }
    q->options.notice(q->options.notice_arg, &notice);
}

static void on_datagrams(void *arg, const struct os_datagram *datagrams, uint32_t count)
{
    struct quic_socket *s = arg;
    struct quic *q = s->q;
    quic_enter(q);
    for (uint32_t i = 0; i < count && !q->closed; i++) {
        quic_accept(s, &datagrams[i]);
    }
    quic_leave(q);
}

/* Everything that asked for it writes once; what has ended is buried. */
static void on_turn_end(void *arg)
{
    struct quic *q = arg;
    quic_enter(q);
    for (uint32_t i = 0; i < TURN_CONNS_MAX && !list_empty(&q->dirty) && !q->closed; i++) {
        struct quic_conn *c = CONTAINER_OF(q->dirty.next, struct quic_conn, dirty);
        list_remove(&c->dirty);
        if (c->fault == QUIC_FAULT_NONE) {
            quic_conn_write(c);
        }
        if (c->fault != QUIC_FAULT_NONE) {
            quic_conn_bury(c);
        } else if (c->state == QUIC_UP && c->confirmed && c->tls.session != NULL) {
            ngtcp2_conn_set_tls_native_handle(c->conn, NULL); /* the keys are with ngtcp2 now */
            tls_session_close(&c->tls);
        }
    }
    if (!list_empty(&q->dirty) && !q->closed) {
        os_turn_end(q->os, &q->turn);
    }
    quic_leave(q);
}

static enum err link_set(struct link *l, const struct node_key *key, const struct os_addr *addrs,
                         uint32_t count)
{
    struct quic *q = quic_of(l);
    uint32_t wanted = 0;
    if (ids_key_equal(key, &q->identity.key)) {
        return ERR_WRONG_IDENTITY;
    }
    LIST_EACH(node, &q->peers) {
        const struct quic_peer *p = CONTAINER_OF(node, struct quic_peer, link);
        wanted += p->wanted && !ids_key_equal(&p->key, key) ? 1 : 0;
    }
    if (wanted >= LINK_PEERS_MAX) {
        return ERR_BUSY;
    }
    struct quic_peer *p = quic_peer_get(q, key);
    if (p == NULL) {
        return ERR_BUSY;
    }
    quic_peer_set(p, addrs, count);
    return ERR_OK;
}

static void link_forget(struct link *l, const struct node_key *key)
{
    struct quic_peer *p = quic_peer_find(quic_of(l), key);
    if (p != NULL) {
        quic_peer_forget(p);
    }
}

static bool link_is_up(struct link *l, const struct node_key *key)
{
    const struct quic_peer *p = quic_peer_find(quic_of(l), key);
    return p != NULL && p->up != NULL && p->up->fault == QUIC_FAULT_NONE;
}

static enum err link_push(struct link *l, const struct node_key *key, enum link_class class,
                          struct bytes head, struct bytes body)
{
    static const uint8_t kinds[LINK_CLASS_COUNT] = { QUIC_STREAM_CLASS + LINK_CONTROL,
                                                     QUIC_STREAM_CLASS + LINK_LOG,
                                                     QUIC_STREAM_CLASS + LINK_CALL,
                                                     QUIC_STREAM_CLASS + LINK_SNAPSHOT };
    struct quic *q = quic_of(l);
    struct quic_peer *p = quic_peer_find(q, key);
    uint8_t size[FRAMES_HEAD_BYTES];
    ASSERT(class < LINK_CLASS_COUNT);
    if (p == NULL || p->up == NULL || p->up->fault != QUIC_FAULT_NONE) {
        return ERR_PEER_GONE;
    }
    if (head.count > NET_FRAME_BYTES_MAX || body.count > NET_FRAME_BYTES_MAX - head.count) {
        return ERR_FRAME_TOO_LARGE;
    }
    struct sendq *queue = &p->up->out[class].queue;
    struct writer w = writer_of(size, sizeof size);
    writer_u32(&w, (uint32_t)(head.count + body.count));
    struct bytes parts[] = { bytes_of(&kinds[class], queue->end == 0 ? 1 : 0), writer_bytes(&w),
                             head, body };
    uint64_t unsent = sendq_unsent(queue) + parts[0].count + parts[1].count + head.count;
    if (unsent + body.count > NET_QUEUE_BYTES_MAX ||
        sendq_append(queue, q->mem, parts, 4) != ERR_OK) {
        MARK("net: the queue to a peer is full");
        q->stats.queue_full++;
        return ERR_QUEUE_FULL;
    }
    q->stats.frames_out++;
    quic_conn_dirty(p->up);
    return ERR_OK;
}

/* Addresses behind a socket that is bound to all: of the interfaces, loopback only for want of
 * better. */
static uint32_t interface_addrs(struct quic *q, const struct quic_socket *s, struct os_addr *out,
                                uint32_t max)
{
    struct os_addr all[NODE_ADDRS_MAX];
    uint32_t count = os_interfaces(q->os, all, NODE_ADDRS_MAX);
    uint32_t n = 0;
    bool other = false;
    for (uint32_t i = 0; i < count; i++) {
        other = other || !quic_addr_is_loopback(&all[i]);
    }
    for (uint32_t i = 0; i < count && n < max; i++) {
        if (all[i].family == s->bound.family && !(other && quic_addr_is_loopback(&all[i]))) {
            out[n] = all[i];
            out[n++].port = s->bound.port;
        }
    }
    return n;
}

static uint32_t link_list(struct link *l, struct os_addr *out, uint32_t max)
{
    struct quic *q = quic_of(l);
    uint32_t n = 0;
    for (uint32_t i = 0; i < q->socket_count && n < max; i++) {
        if (q->sockets[i].wildcard) {
            n += interface_addrs(q, &q->sockets[i], out + n, max - n);
        } else {
            out[n++] = q->sockets[i].bound;
        }
    }
    return n;
}

static void link_count(struct link *l, struct link_stats *out)
{
    const struct quic *q = quic_of(l);
    *out = q->stats;
    out->refused_key = q->refused[QUIC_LINK_REFUSED_KEY];
    out->refused_cookie = q->refused[QUIC_LINK_REFUSED_COOKIE];
    out->refused_alpn = q->refused[QUIC_LINK_REFUSED_ALPN];
    out->garbage = q->refused[QUIC_LINK_REFUSED_GARBAGE];
}

static void link_shut(struct link *l)
{
    struct quic *q = quic_of(l);
    q->closed = true;
    if (q->depth == 0) {
        quic_free(q);
    }
}

static const struct link_table quic_table = {
    .peer_set = link_set,
    .peer_forget = link_forget,
    .peer_is_up = link_is_up,
    .send = link_push,
    .addrs = link_list,
    .stats = link_count,
    .close = link_shut,
};

static void quic_free(struct quic *q)
{
    q->closed = true;
    while (!list_empty(&q->conns)) {
        struct quic_conn *c = CONTAINER_OF(q->conns.next, struct quic_conn, link);
        quic_conn_fault(c, QUIC_FAULT_CODE, QUIC_CODE_CLOSED);
        quic_conn_bury(c);
    }
    while (!list_empty(&q->peers)) {
        struct quic_peer *p = CONTAINER_OF(q->peers.next, struct quic_peer, link);
        p->wanted = false;
        quic_peer_release(p);
    }
    if (q->turn.link.next != NULL) {
        list_remove(&q->turn.link); /* a hook may be pending */
    }
    for (uint32_t i = 0; i < q->socket_count; i++) {
        os_udp_close(q->sockets[i].udp);
    }
    tls_close(q->tls);
    map_done(&q->cids);
    mem_free(q->mem, q->out);
    identity_done(&q->identity);
    struct mem *mem = q->mem;
    sodium_memzero(q, sizeof *q);
    mem_free(mem, q);
}

static void *allocator_malloc(size_t count, void *user)
{
    return mem_alloc(user, count);
}

static void allocator_free(void *block, void *user)
{
    mem_free(user, block);
}

static void *allocator_calloc(size_t items, size_t count, void *user)
{
    if (count != 0 && items > SIZE_MAX / count) {
        return NULL;
    }
    void *block = mem_alloc(user, items * count);
    if (block != NULL) {
        memset(block, 0, items * count);
    }
    return block;
}

static void *allocator_realloc(void *block, size_t count, void *user)
{
    return mem_resize(user, block, count);
}

static uint64_t or_default(uint64_t value, uint64_t otherwise)
{
    return value == 0 ? otherwise : value;
}

static void options_take(struct quic *q, const struct quic_link_options *o)
{
    struct quic_link_options *mine = &q->options;
    *mine = *o;
    mine->idle_ns = or_default(o->idle_ns, IDLE_NS);
    mine->keep_alive_ns = or_default(o->keep_alive_ns, KEEP_ALIVE_NS);
    mine->admission_ns = or_default(o->admission_ns, ADMISSION_NS);
    mine->dial_ns_min = or_default(o->dial_ns_min, DIAL_NS_MIN);
    mine->dial_ns_max = or_default(o->dial_ns_max, DIAL_NS_MAX);
    mine->cookie = bytes_of(NULL, 0);
    sodium_memzero(mine->seed, sizeof mine->seed);
    q->retry_above = o->unproved_max == 0 ? QUIC_RETRY_ABOVE : o->unproved_max;
    if (mine->bind_count == 0) {
        mine->bind_count = 2;
        memset(mine->bind, 0, sizeof mine->bind);
        mine->bind[0].family = 4;
        mine->bind[1].family = 6;
    }
}

static void secrets_make(struct quic *q, const struct quic_link_options *o)
{
    struct blake3 h;
    uint64_t seed;
    identity_from_seed(o->seed, &q->identity);
    admit_key(o->cookie, q->cookie_key);
    blake3_init_derive(&h, RESET_CONTEXT); /* from the node key: good after a restart too */
    blake3_update(&h, o->seed, sizeof o->seed);
    blake3_final(&h, q->reset_secret, sizeof q->reset_secret);
    sodium_memzero(&h, sizeof h);
    os_entropy(q->os, q->retry_secret, sizeof q->retry_secret);
    os_entropy(q->os, &q->instance, sizeof q->instance);
    os_entropy(q->os, &seed, sizeof seed);
    prng_seed(&q->prng, seed);
}

/* One socket; what the machine lacks is left out as long as something works. */
static enum err socket_open(struct quic *q, const struct os_addr *bind, struct diag *diag)
{
    struct quic_socket *s = &q->sockets[q->socket_count];
    char text[OS_ADDR_TEXT_MAX];
    s->q = q;
    enum err e = os_udp_open(q->os, bind, on_datagrams, s, &s->udp);
    if (e != ERR_OK) {
        os_addr_format(bind, text);
        return diag_set(diag, e, "cannot bind UDP %s: %s", text, err_text(e));
    }
    os_udp_addr(s->udp, &s->bound);
    s->wildcard = quic_addr_is_wildcard(&s->bound);
    s->name_size = quic_addr_sockaddr(&s->bound, &s->name);
    q->socket_count++;
    return ERR_OK;
}

static enum err sockets_open(struct quic *q, struct diag *diag)
{
    for (uint32_t i = 0; i < q->options.bind_count; i++) {
        enum err e = socket_open(q, &q->options.bind[i], diag);
        bool missing = e == ERR_IO && q->options.bind[i].family == 6;
        if (e != ERR_OK && !(missing && q->options.bind_count > 1)) {
            return e;
        }
    }
    return q->socket_count > 0 ? ERR_OK : diag_set(diag, ERR_IO, "no UDP address could be bound");
}

enum err quic_link_open(struct os *os, struct mem *mem, const struct quic_link_options *options,
                        const struct link_handler *handler, void *arg, struct link **out,
                        struct diag *diag)
{
    if (options->cookie.count == 0 || options->cookie.count > NET_COOKIE_BYTES_MAX ||
        options->bind_count > QUIC_LINK_BINDS_MAX) {
        return diag_set(diag, ERR_BAD_CONFIG, "the cookie must have 1 to %u bytes",
                        NET_COOKIE_BYTES_MAX);
    }
    struct quic *q = mem_alloc(mem, sizeof *q);
    uint8_t *scratch = mem_alloc(mem, QUIC_SEND_BYTES);
    if (q == NULL || scratch == NULL) {
        mem_free(mem, q);
        mem_free(mem, scratch);
        return diag_set(diag, ERR_NO_MEMORY, "no memory for the link");
    }
    memset(q, 0, sizeof *q);
    q->base.table = &quic_table;
    q->os = os;
    q->mem = mem;
    q->out = scratch;
    q->handler = *handler;
    q->arg = arg;
    q->allocator.user_data = mem;
    q->allocator.malloc = allocator_malloc;
    q->allocator.free = allocator_free;
    q->allocator.calloc = allocator_calloc;
    q->allocator.realloc = allocator_realloc;
    q->turn.run = on_turn_end;
    q->turn.arg = q;
    q->reply_ns = os_now(os);
    q->reply_left = QUIC_STRANGER_REPLIES_BURST;
    list_init(&q->conns);
    list_init(&q->dirty);
    list_init(&q->peers);
    options_take(q, options);
    secrets_make(q, options);
    map_init(&q->cids, mem, QUIC_CIDS_MAX);
    enum err e = tls_open(mem, &q->identity, &q->tls, diag);
    if (e == ERR_OK) {
        e = sockets_open(q, diag);
    }
    if (e != ERR_OK) {
        quic_free(q);
        return e;
    }
    *out = &q->base;
    return ERR_OK;
}
