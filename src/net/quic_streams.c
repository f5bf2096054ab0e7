/* net/quic_streams.c -- what travels on a connection: one hello each way, then a stream for each
 * class.
 *
 * Order: our hello goes out when the handshake has completed; frames follow once the peer proved
 *        itself and is known to have our hello, so that no honest peer ever sees a frame before
 *        the proof
 */
#include "net/quic.h"

#include "base/mark.h"
#include "base/panic.h"

static int refuse_cookie(struct quic_conn *c)
{
    MARK("net: a wrong cookie");
    quic_refuse(c->q, QUIC_LINK_REFUSED_COOKIE, &c->remote, &c->tls.peer);
    quic_conn_fault(c, QUIC_FAULT_CODE, QUIC_CODE_COOKIE);
    return NGTCP2_ERR_CALLBACK_FAILURE;
}

static int refuse_frame(struct quic_conn *c)
{
    MARK("net: a malformed frame");
    c->q->stats.bad_frames++;
    quic_refuse(c->q, QUIC_LINK_REFUSED_FRAME, &c->remote, &c->tls.peer);
    quic_conn_fault(c, QUIC_FAULT_CODE, QUIC_CODE_FRAME);
    return NGTCP2_ERR_CALLBACK_FAILURE;
}

static enum admit_role role_of(bool server)
{
    return server ? ADMIT_SERVER : ADMIT_CLIENT;
}

int quic_streams_start(struct quic_conn *c)
{
    struct quic *q = c->q;
    if (tls_session_alpn(&c->tls) == TLS_ALPN_COUNT) {
        quic_refuse(q, QUIC_LINK_REFUSED_ALPN, &c->remote, NULL);
        quic_conn_fault(c, QUIC_FAULT_SILENT, 0);
        return NGTCP2_ERR_CALLBACK_FAILURE;
    }
    if (!c->tls.peer_known) { /* a server that got no key at all: the check was never asked */
        quic_refuse(q, QUIC_LINK_REFUSED_KEY, &c->remote, NULL);
        quic_conn_fault(c, QUIC_FAULT_CODE, QUIC_CODE_COOKIE);
        return NGTCP2_ERR_CALLBACK_FAILURE;
    }
    c->session.client = c->server ? c->tls.peer : q->identity.key;
    c->session.server = c->server ? q->identity.key : c->tls.peer;
    if (tls_session_export(&c->tls, ADMIT_EXPORTER_LABEL, c->session.exporter,
                           sizeof c->session.exporter) != ERR_OK ||
        ngtcp2_conn_open_uni_stream(c->conn, &c->hello_stream, NULL) != 0) {
        return refuse_frame(c);
    }
    q->stats.handshakes++;
    c->id = admit_id(&c->session);
    c->ours.instance = q->instance;
    c->hello_out[0] = QUIC_STREAM_HELLO;
    admit_encode(q->cookie_key, &c->session, role_of(c->server), &c->ours, c->hello_out + 1);
    c->state = QUIC_PROVING;
    c->admit_by_ns = os_now(q->os) + q->options.admission_ns;
    return 0;
}

bool quic_conn_ready(const struct quic_conn *c)
{
    return c->state == QUIC_UP && c->hello_arrived;
}

/* Take bytes of the peer's hello; the connection is up when it is whole and right. */
static int hello_data(struct quic_conn *c, struct bytes data)
{
    if (data.count > ADMIT_HELLO_BYTES - c->hello_in_count) {
        return refuse_cookie(c);
    }
    memcpy(c->hello_in + c->hello_in_count, data.data, data.count);
    c->hello_in_count += (uint32_t)data.count;
    if (c->hello_in_count < ADMIT_HELLO_BYTES) {
        return 0;
    }
    ASSERT(c->state == QUIC_PROVING);
    if (admit_check(c->q->cookie_key, &c->session, role_of(!c->server), c->hello_in, &c->theirs) !=
        ERR_OK) {
        return refuse_cookie(c);
    }
    c->state = QUIC_UP;
    if (c->server) {
        ASSERT(c->q->unproved > 0);
        c->q->unproved--;
    }
    ngtcp2_conn_extend_max_offset(c->conn, QUIC_WINDOW_MORE);
    quic_peer_admit(c);
    return c->fault == QUIC_FAULT_NONE ? 0 : NGTCP2_ERR_CALLBACK_FAILURE;
}

/* What the frame cutter needs to hand a frame on. */
struct delivery {
    struct quic_conn *c;
    enum link_class class;
};

static bool deliver(void *arg, struct bytes frame)
{
    struct delivery *d = arg;
    struct quic *q = d->c->q;
    q->stats.frames_in++;
    q->handler.frame(q->arg, &d->c->tls.peer, d->c->epoch, d->class, frame);
    return d->c->fault == QUIC_FAULT_NONE && !q->closed;
}

int quic_streams_open(struct quic_conn *c, int64_t id)
{
    bool bidi = (id & 2) == 0;
    if (bidi || c->in_count == QUIC_STREAMS_IN_MAX) {
        MARK("net: a stream too many");
        return c->state == QUIC_UP ? refuse_frame(c) : refuse_cookie(c);
    }
    struct quic_in *in = &c->in[c->in_count++];
    in->id = id;
    frames_init(&in->frames);
    return ngtcp2_conn_set_stream_user_data(c->conn, id, in) == 0 ? 0 : NGTCP2_ERR_CALLBACK_FAILURE;
}

/* The first byte says what a stream is; each kind comes once, and the hello before the others. */
static int name_stream(struct quic_conn *c, struct quic_in *in, uint8_t kind)
{
    if (kind != QUIC_STREAM_HELLO && c->state != QUIC_UP) {
        MARK("net: frames before the proof");
        return refuse_cookie(c);
    }
    for (uint32_t i = 0; i < c->in_count; i++) {
        if (c->in[i].named && c->in[i].kind == kind) {
            MARK("net: a stream of its kind is there already");
            return refuse_frame(c);
        }
    }
    if (kind >= QUIC_STREAM_CLASS + LINK_CLASS_COUNT) {
        return refuse_frame(c);
    }
    in->named = true;
    in->kind = kind;
    return 0;
}

static int frame_data(struct quic_conn *c, struct quic_in *in, struct bytes data, bool end)
{
    struct delivery d = { c, (enum link_class)(in->kind - QUIC_STREAM_CLASS) };
    if (!c->hello_arrived) { /* the peer sends frames only after our hello */
        c->hello_arrived = true;
        quic_conn_dirty(c);
    }
    enum err e = frames_feed(&in->frames, c->q->mem, data, deliver, &d);
    if (e == ERR_NO_MEMORY) {
        quic_conn_fault(c, QUIC_FAULT_CODE, QUIC_CODE_BUSY);
        return NGTCP2_ERR_CALLBACK_FAILURE;
    }
    if (e == ERR_SHUTTING_DOWN) {
        return NGTCP2_ERR_CALLBACK_FAILURE;
    }
    return e != ERR_OK || end ? refuse_frame(c) : 0;
}

int quic_streams_data(struct quic_conn *c, struct quic_in *in, struct bytes data, bool end)
{
    size_t whole = data.count;
    if (c->fault != QUIC_FAULT_NONE || c->q->closed || in == NULL) {
        return NGTCP2_ERR_CALLBACK_FAILURE;
    }
    if (!in->named && data.count > 0) {
        int rc = name_stream(c, in, data.data[0]);
        if (rc != 0) {
            return rc;
        }
        data = bytes_of(data.data + 1, data.count - 1);
    }
    int rc = 0;
    if (!in->named) {
        rc = end ? refuse_frame(c) : 0;
    } else if (in->kind == QUIC_STREAM_HELLO) {
        rc = hello_data(c, data);
    } else {
        rc = frame_data(c, in, data, end);
    }
    if (rc == 0) {
        ngtcp2_conn_extend_max_stream_offset(c->conn, in->id, whole);
        ngtcp2_conn_extend_max_offset(c->conn, whole);
    }
    return rc;
}

int quic_streams_broken(struct quic_conn *c, const struct quic_in *in)
{
    if (in != NULL && in->named && in->kind == QUIC_STREAM_HELLO && c->state == QUIC_UP) {
        return 0; /* it has served */
    }
    return c->state == QUIC_UP ? refuse_frame(c) : refuse_cookie(c);
}

void quic_streams_acked(struct quic_conn *c, int64_t id, uint64_t position)
{
    if (id == c->hello_stream) {
        if (position == sizeof c->hello_out) {
            c->hello_arrived = true;
            quic_conn_dirty(c);
        }
        return;
    }
    for (uint32_t i = 0; i < LINK_CLASS_COUNT; i++) {
        if (c->out[i].id == id) {
            c->out[i].moved_ns = os_now(c->q->os);
            sendq_acked(&c->out[i].queue, c->q->mem, position);
        }
    }
}

void quic_streams_done(struct quic_conn *c)
{
    for (uint32_t i = 0; i < c->in_count; i++) {
        frames_done(&c->in[i].frames, c->q->mem);
    }
    for (uint32_t i = 0; i < LINK_CLASS_COUNT; i++) {
        sendq_done(&c->out[i].queue, c->q->mem);
    }
}
