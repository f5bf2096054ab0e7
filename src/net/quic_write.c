/* net/quic_write.c -- what goes out: packets as full as they get, batches as long as they get.
 *
 * Why: a turn's frames leave together; one system call carries up to 64 packets of one size
 */
#include "net/quic.h"

#include "base/panic.h"

enum {

    FILLS_MAX = 16 /* pieces of different streams in one packet */
};

/* The next bytes worth sending. */
struct pick {
    int64_t id;
    struct quic_out *out; /* NULL: the hello */
    uint32_t flags;
    size_t count;
    ngtcp2_vec pieces[QUIC_PEEK_MAX];
};

/* Where a packet goes. */
struct slot {
    uint8_t *at;
    size_t size;
};

/* Packets of one size to one place. */
struct batch {
    struct quic_conn *c;
    ngtcp2_path_storage to;
    uint8_t ecn;
    uint16_t segment;
    uint32_t count;
    size_t begin; /* in quic.out */
    size_t end;
};

void quic_send(struct quic *q, const ngtcp2_path *path, struct quic_conn *c,
               const struct os_udp_send *batch)
{
    struct os_udp_send send = *batch;
    struct quic_socket *s = path->user_data;
    if (s == NULL) {
        s = c->socket;
    }
    quic_addr_of(&path->remote, &send.remote);
    send.local = c->source;
    uint32_t count =
        send.segment == 0 ? 1 : (uint32_t)((send.payload.count + send.segment - 1) / send.segment);
    q->stats.datagrams_out += count;
    q->stats.bytes_out += send.payload.count;
    if (os_udp_send(s->udp, &send) == ERR_IO) {
        memset(&c->source, 0, sizeof c->source); /* that address may be gone from this machine */
        if (c->state == QUIC_HANDSHAKE && !c->server) {
            quic_conn_fault(c, QUIC_FAULT_SILENT, 0); /* try the next address at once */
        }
    }
}

static void batch_flush(struct batch *b)
{
    struct quic *q = b->c->q;
    if (b->end > b->begin) {
        struct os_udp_send send = { .ecn = b->ecn,
                                    .segment = b->count > 1 ? b->segment : 0,
                                    .payload = bytes_of(q->out + b->begin, b->end - b->begin) };
        quic_send(q, &b->to.path, b->c, &send);
    }
    b->begin = 0;
    b->end = 0;
    b->count = 0;
}

/* count bytes were written at b->end. */
static void batch_add(struct batch *b, const ngtcp2_path_storage *ps, uint8_t ecn, size_t count)
{
    uint8_t *out = b->c->q->out;
    bool fits = b->count == 0 || (ecn == b->ecn && count <= b->segment &&
                                  ngtcp2_path_eq(&ps->path, &b->to.path) != 0);
    if (!fits) {
        size_t at = b->end;
        batch_flush(b);
        memmove(out, out + at, count);
    }
    if (b->count == 0) {
        ngtcp2_path_storage_zero(&b->to);
        ngtcp2_path_copy(&b->to.path, &ps->path);
        b->ecn = ecn;
        b->segment = (uint16_t)count;
    }
    b->end += count;
    b->count++;
    if (count < b->segment || b->count == QUIC_BATCH_PACKETS_MAX ||
        b->end + QUIC_PACKET_BYTES_MAX > QUIC_BATCH_BYTES_MAX) {
        batch_flush(b);
    }
}

static bool pick_class(struct quic_conn *c, uint32_t class, struct pick *p)
{
    struct quic_out *out = &c->out[class];
    struct bytes views[QUIC_PEEK_MAX];
    if (out->blocked || out->id < 0 || sendq_unsent(&out->queue) == 0) {
        return false;
    }
    p->id = out->id;
    p->out = out;
    p->flags = 0;
    p->count = sendq_peek(&out->queue, views, QUIC_PEEK_MAX);
    for (size_t i = 0; i < p->count; i++) {
        p->pieces[i].base = (uint8_t *)(uintptr_t)views[i].data;
        p->pieces[i].len = views[i].count;
    }
    return true;
}

/* The hello, then control, then log and calls in turns. */
static bool pick(struct quic_conn *c, struct pick *p)
{
    if (c->hello_stream >= 0 && c->hello_sent < sizeof c->hello_out) {
        p->id = c->hello_stream;
        p->out = NULL;
        p->flags = NGTCP2_WRITE_STREAM_FLAG_FIN;
        p->count = 1;
        p->pieces[0].base = c->hello_out + c->hello_sent;
        p->pieces[0].len = sizeof c->hello_out - c->hello_sent;
        return true;
    }
    if (!quic_conn_ready(c)) {
        return false;
    }
    uint32_t first = c->turn_class % 2 == 0 ? LINK_LOG : LINK_CALL;
    uint32_t second = first == LINK_LOG ? LINK_CALL : LINK_LOG;
    return pick_class(c, LINK_CONTROL, p) || pick_class(c, first, p) || pick_class(c, second, p) ||
           pick_class(c, LINK_SNAPSHOT, p);
}

static void picked(struct quic_conn *c, const struct pick *p, uint64_t taken, uint64_t now)
{
    if (p->out == NULL) {
        c->hello_sent += (uint32_t)taken;
    } else {
        bool rested = p->out->queue.sent == p->out->queue.acked;
        p->out->moved_ns = rested ? now : p->out->moved_ns;
        sendq_sent(&p->out->queue, taken);
    }
}

/* How large packets may be. A path that was found to carry large ones may cease to, without a word,
 * while small ones go on and keep the connection alive (RFC 8899 section 4.3): ngtcp2 would send
 * its large ones again for ever. */
static size_t room(struct quic_conn *c, uint64_t now)
{
    for (uint32_t i = 0; i < LINK_CLASS_COUNT; i++) {
        const struct quic_out *out = &c->out[i];
        if (out->queue.sent > out->queue.acked && now - out->moved_ns > QUIC_STALL_NS) {
            c->safe_until_ns = now + QUIC_SAFE_NS;
        }
    }
    return now < c->safe_until_ns ? QUIC_PACKET_BYTES_SAFE : QUIC_PACKET_BYTES_MAX;
}

/* One packet into dest: its size, 0 when there is nothing to send now, or an error. */
static ngtcp2_ssize packet(struct quic_conn *c, struct slot *dest, ngtcp2_path_storage *ps,
                           ngtcp2_pkt_info *info, uint64_t now)
{
    for (int i = 0; i < FILLS_MAX; i++) {
        struct pick p;
        ngtcp2_ssize taken = -1;
        if (!pick(c, &p)) {
            break;
        }
        ngtcp2_ssize n = ngtcp2_conn_writev_stream(c->conn, &ps->path, info, dest->at, dest->size,
                                                   &taken, p.flags | NGTCP2_WRITE_STREAM_FLAG_MORE,
                                                   p.id, p.pieces, p.count, now);
        if (taken > 0) {
            picked(c, &p, (uint64_t)taken, now);
        }
        if (n == NGTCP2_ERR_STREAM_DATA_BLOCKED && p.out != NULL) {
            p.out->blocked = true;
        } else if (n != NGTCP2_ERR_WRITE_MORE) {
            return n;
        }
    }
    return ngtcp2_conn_writev_stream(c->conn, &ps->path, info, dest->at, dest->size, NULL, 0, -1,
                                     NULL, 0, now);
}

/* Streams are opened when the first frame of their class wants to go. */
static void open_streams(struct quic_conn *c)
{
    for (uint32_t i = 0; i < LINK_CLASS_COUNT && quic_conn_ready(c); i++) {
        struct quic_out *out = &c->out[i];
        if (out->id < 0 && sendq_unsent(&out->queue) > 0 &&
            ngtcp2_conn_open_uni_stream(c->conn, &out->id, NULL) != 0) {
            quic_conn_fault(c, QUIC_FAULT_CODE, QUIC_CODE_FRAME); /* it must allow five streams */
        }
    }
}

/* When ngtcp2 wants to be called next; one nanosecond later, or it would not count as expired. */
static void arm(struct quic_conn *c, bool at_once)
{
    uint64_t at = ngtcp2_conn_get_expiry(c->conn);
    at += at < UINT64_MAX ? 1 : 0;
    if (c->state == QUIC_PROVING && c->admit_by_ns < at) {
        at = c->admit_by_ns;
    }
    if (at_once) {
        at = os_now(c->q->os);
    }
    if (at == UINT64_MAX) {
        os_timer_cancel(c->q->os, &c->timer);
    } else if (os_timer_set(c->q->os, &c->timer, at) != ERR_OK) {
        quic_conn_fault(c, QUIC_FAULT_CODE, QUIC_CODE_BUSY);
    }
}

void quic_conn_write(struct quic_conn *c)
{
    struct batch b = { .c = c };
    ngtcp2_path_storage ps;
    uint64_t now = os_now(c->q->os);
    size_t size = room(c, now);
    int packets = 0;
    ngtcp2_path_storage_zero(&ps);
    open_streams(c);
    while (packets < QUIC_TURN_PACKETS_MAX && c->fault == QUIC_FAULT_NONE) {
        ngtcp2_pkt_info info = { 0 };
        struct slot slot = { c->q->out + b.end, size };
        ngtcp2_ssize n = packet(c, &slot, &ps, &info, now);
        if (n < 0) {
            quic_conn_fault(c, QUIC_FAULT_TRANSPORT, n);
        }
        if (n <= 0) {
            break;
        }
        batch_add(&b, &ps, (uint8_t)info.ecn, (size_t)n);
        c->turn_class++;
        packets++;
    }
    batch_flush(&b);
    if (c->fault != QUIC_FAULT_NONE) {
        return;
    }
    if (c->confirmed && packets > 0) {
        ngtcp2_conn_update_pkt_tx_time(c->conn, now);
    }
    arm(c, packets == QUIC_TURN_PACKETS_MAX);
}
