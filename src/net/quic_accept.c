/* net/quic_accept.c -- whose is this datagram? A connection's, a newcomer's, or nobody's.
 *
 * Invariants: strangers get at most one small answer each, within an allowance; what is kept for
 *             one that has not proved anything is bounded by QUIC_INBOUND_MAX connections
 */
#include "net/quic.h"

#include "base/blake3.h"
#include "base/mark.h"
#include "base/panic.h"

#include <ngtcp2/ngtcp2_crypto.h>
#include <sodium.h>

enum {
    REPLY_BYTES_MAX = 256,
    FIRST_BYTES_MIN = 1200, /* of a datagram with a first packet (RFC 9000 section 14.1) */
    RESET_BYTES_MIN = 21,   /* 5 random bytes and the token */
    RESET_BYTES_USUAL = 40,
    RESET_TOKEN_BYTES = ADMIT_RESET_BYTES,
    VERSION_RESERVED = 0x1a2a3a4a /* shows that unknown versions must be borne (section 15) */
};

#define RETRY_TOKEN_NS (10ull * 1000 * 1000 * 1000)

static const uint8_t disco_magic[] = { 0x54, 0x53, 0xf0, 0x9f, 0x92, 0xac };

void quic_cid_draw(struct quic *q, uint8_t out[QUIC_CID_BYTES])
{
    uint64_t unused;
    do { /* once, but for chances below 2^-40 */
        os_entropy(q->os, out, QUIC_CID_BYTES);
    } while (memcmp(out, disco_magic + 1, sizeof disco_magic - 1) == 0 ||
             map_find(&q->cids, quic_cid_key(q, out, QUIC_CID_BYTES), &unused));
}

uint64_t quic_cid_key(const struct quic *q, const uint8_t *cid, size_t count)
{
    uint64_t key;
    if (count == sizeof key) {
        memcpy(&key, cid, sizeof key);
        return key;
    }
    struct blake3 h; /* chosen by a stranger: spread it so that he cannot aim */
    blake3_init_keyed(&h, q->retry_secret);
    blake3_update(&h, cid, count);
    blake3_final(&h, (uint8_t *)&key, sizeof key);
    return key;
}

/* One answer out of the allowance. */
static bool may_reply(struct quic *q)
{
    uint64_t now = os_now(q->os);
    uint64_t more = (now - q->reply_ns) / QUIC_STRANGER_REPLY_NS;
    if (more > 0) {
        uint64_t left = q->reply_left + more;
        q->reply_left =
            (uint32_t)(left < QUIC_STRANGER_REPLIES_BURST ? left : QUIC_STRANGER_REPLIES_BURST);
        q->reply_ns += more * QUIC_STRANGER_REPLY_NS;
    }
    if (q->reply_left == 0) {
        MARK("net: the allowance for strangers is used up");
        return false;
    }
    q->reply_left--;
    return true;
}

static void reply(struct quic_socket *s, const struct os_datagram *d, const uint8_t *data,
                  ngtcp2_ssize count)
{
    if (count <= 0) {
        return;
    }
    struct os_udp_send send = { .remote = d->remote, .payload = bytes_of(data, (size_t)count) };
    if (s->wildcard) {
        send.local = d->local;
    }
    s->q->stats.datagrams_out++;
    s->q->stats.bytes_out += (uint64_t)count;
    IGNORE(os_udp_send(s->udp, &send)); /* a stranger may ask again */
}

static void reply_versions(struct quic_socket *s, const struct os_datagram *d,
                           const ngtcp2_version_cid *vc)
{
    static const uint32_t versions[] = { NGTCP2_PROTO_VER_V1, VERSION_RESERVED };
    uint8_t out[REPLY_BYTES_MAX * 3]; /* two connection ids of up to 255 bytes */
    uint8_t chance = (uint8_t)prng_next(&s->q->prng);
    if (d->payload.count < FIRST_BYTES_MIN || !may_reply(s->q)) {
        return;
    }
    MARK("net: an unknown version is answered");
    reply(s, d, out,
          ngtcp2_pkt_write_version_negotiation(out, sizeof out, chance, vc->scid, vc->scidlen,
                                               vc->dcid, vc->dcidlen, versions, 2));
}

/* Tell the sender of a packet for a connection that is no more, in fewer bytes than it sent. A
 * small packet gets the smallest reset, as it may be one itself: two ends that know nothing of each
 * other are quiet after two of them. */
static void reply_reset(struct quic_socket *s, const struct os_datagram *d,
                        const ngtcp2_version_cid *vc)
{
    uint8_t out[RESET_BYTES_USUAL];
    uint8_t noise[RESET_BYTES_USUAL];
    uint8_t token[RESET_TOKEN_BYTES];
    ngtcp2_cid cid = { .datalen = vc->dcidlen };
    if (d->payload.count <= RESET_BYTES_MIN || !may_reply(s->q)) {
        return;
    }
    size_t size = d->payload.count > RESET_BYTES_USUAL ? RESET_BYTES_USUAL : RESET_BYTES_MIN;
    ASSERT(vc->dcidlen == QUIC_CID_BYTES);
    memcpy(cid.data, vc->dcid, vc->dcidlen);
    if (ngtcp2_crypto_generate_stateless_reset_token(token, s->q->reset_secret, QUIC_SECRET_BYTES,
                                                     &cid) != 0) {
        return;
    }
    MARK("net: a stateless reset is sent");
    prng_fill(&s->q->prng, noise, size - RESET_TOKEN_BYTES);
    reply(s, d, out,
          ngtcp2_pkt_write_stateless_reset(out, size, token, noise, size - RESET_TOKEN_BYTES));
}

static void reply_retry(struct quic_socket *s, const struct os_datagram *d, const ngtcp2_pkt_hd *hd)
{
    struct quic *q = s->q;
    uint8_t out[REPLY_BYTES_MAX];
    uint8_t token[NGTCP2_CRYPTO_MAX_RETRY_TOKENLEN];
    union quic_sockaddr remote;
    ngtcp2_socklen size = quic_addr_sockaddr(&d->remote, &remote);
    ngtcp2_cid scid = { .datalen = QUIC_CID_BYTES };
    if (!may_reply(q)) {
        return;
    }
    quic_cid_draw(q, scid.data);
    ngtcp2_ssize n =
        ngtcp2_crypto_generate_retry_token(token, q->retry_secret, QUIC_SECRET_BYTES, hd->version,
                                           &remote.any, size, &scid, &hd->dcid, os_now(q->os));
    if (n > 0) {
        reply(s, d, out,
              ngtcp2_crypto_write_retry(out, sizeof out, hd->version, &hd->scid, &scid, &hd->dcid,
                                        token, (size_t)n));
    }
}

/* The connection id that the client chose before our Retry, from the token it brings back. */
static bool token_valid(struct quic *q, const struct os_datagram *d, const ngtcp2_pkt_hd *hd,
                        ngtcp2_cid *original)
{
    union quic_sockaddr remote;
    ngtcp2_socklen size = quic_addr_sockaddr(&d->remote, &remote);
    return hd->token.len > 0 &&
           ngtcp2_crypto_verify_retry_token(
               original, hd->token.base, hd->token.len, q->retry_secret, QUIC_SECRET_BYTES,
               hd->version, &remote.any, size, &hd->dcid, RETRY_TOKEN_NS, os_now(q->os)) == 0;
}

/* A first packet: a new connection, or proof of its address asked for. */
static void knock(struct quic_socket *s, const struct os_datagram *d, const ngtcp2_pkt_hd *hd)
{
    struct quic *q = s->q;
    struct quic_conn *c = NULL;
    ngtcp2_cid original;
    struct quic_knock k = { .socket = s, .datagram = d, .head = hd };
    if (token_valid(q, d, hd, &original)) {
        k.original = &original;
        MARK("net: a newcomer has proved its address");
    } else if (q->unproved >= q->retry_above) {
        MARK("net: a newcomer must prove its address");
        reply_retry(s, d, hd);
        return;
    }
    if (quic_conn_accept(q, &k, &c) != ERR_OK) {
        quic_refuse(q, QUIC_LINK_REFUSED_FULL, &d->remote, NULL);
        return;
    }
    quic_conn_read(c, s, d);
    if (c->fault == QUIC_FAULT_SILENT) {
        MARK("net: a spoilt first packet is buried");
        quic_conn_bury(c); /* spoilt: at once, for the right one may be the next datagram */
    }
}

/* The id that the side that dialled had from the first: its token came in the hello. */
static bool resets_dialler(const struct quic_conn *c, struct bytes datagram)
{
    return c->server && c->state == QUIC_UP &&
           sodium_memcmp(datagram.data + datagram.count - RESET_TOKEN_BYTES, c->theirs.reset,
                         RESET_TOKEN_BYTES) == 0;
}

/* A stateless reset looks like noise, but for the token at its end, which only a connection with
 * that remote address can know (RFC 9000 section 10.3). True when it was one. */
static bool was_reset(struct quic_socket *s, const struct os_datagram *d)
{
    if (d->payload.count < RESET_BYTES_MIN) {
        return false;
    }
    LIST_EACH(node, &s->q->conns) {
        struct quic_conn *c = CONTAINER_OF(node, struct quic_conn, link);
        if (c->fault == QUIC_FAULT_NONE && os_addr_equal(&c->remote, &d->remote)) {
            if (resets_dialler(c, d->payload)) {
                MARK("net: who dialled is no more");
                quic_conn_fault(c, QUIC_FAULT_SILENT, 0);
                return true;
            }
            quic_conn_read(c, s, d);
            if (c->fault != QUIC_FAULT_NONE) {
                MARK("net: a stateless reset is believed");
                return true;
            }
        }
    }
    return false;
}

/* No connection has this id. */
static void stranger(struct quic_socket *s, const struct os_datagram *d,
                     const ngtcp2_version_cid *vc)
{
    ngtcp2_pkt_hd hd;
    bool long_header = (d->payload.data[0] & 0x80u) != 0;
    if (!long_header && was_reset(s, d)) {
        return;
    }
    if (!long_header) {
        reply_reset(s, d, vc);
    } else if (vc->version == NGTCP2_PROTO_VER_V1 &&
               ngtcp2_accept(&hd, d->payload.data, d->payload.count) == 0) {
        knock(s, d, &hd);
        return;
    } else if (vc->version != NGTCP2_PROTO_VER_V1 && vc->version != 0) {
        reply_versions(s, d, vc);
    }
    quic_refuse(s->q, QUIC_LINK_REFUSED_GARBAGE, &d->remote, NULL);
}

void quic_accept(struct quic_socket *s, const struct os_datagram *d)
{
    struct quic *q = s->q;
    ngtcp2_version_cid vc;
    uint64_t found = 0;
    q->stats.datagrams_in++;
    q->stats.bytes_in += d->payload.count;
    bool disco = d->payload.count >= sizeof disco_magic &&
                 memcmp(d->payload.data, disco_magic, sizeof disco_magic) == 0;
    if (d->payload.count == 0 || disco) {
        quic_refuse(q, QUIC_LINK_REFUSED_GARBAGE, &d->remote, NULL);
        return;
    }
    int rc = ngtcp2_pkt_decode_version_cid(&vc, d->payload.data, d->payload.count, QUIC_CID_BYTES);
    if (rc != 0 && rc != NGTCP2_ERR_VERSION_NEGOTIATION) {
        quic_refuse(q, QUIC_LINK_REFUSED_GARBAGE, &d->remote, NULL);
        return;
    }
    if (rc == 0 && map_find(&q->cids, quic_cid_key(q, vc.dcid, vc.dcidlen), &found)) {
        quic_conn_read((struct quic_conn *)(uintptr_t)found, s, d);
        return;
    }
    stranger(s, d, &vc);
}
