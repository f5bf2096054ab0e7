/* net/quic_link.h -- the message seam over QUIC: net/link.h with real packets.
 *
 * Shape:      one UDP socket for each bind address, at most one connection kept for each peer,
 *             three streams each way on it; the wire is in docs/WIRE.md
 * Invariants: nothing of a peer is read before it proved key and cookie; what a stranger sends
 *             costs bounded memory and is counted
 * Order:      quic_link_open, then the functions of net/link.h, link_close before the os closes
 * Owns:       everything it opens, until link_close; the cookie and the options are copied
 * Thread:     the loop's
 */
#ifndef NET_QUIC_LINK_H
#define NET_QUIC_LINK_H

#include "net/link.h"

enum {
    QUIC_LINK_BINDS_MAX = 4,
    QUIC_LINK_SEED_BYTES = 32
};

/* Why something was refused. */
enum quic_link_refusal {
    QUIC_LINK_REFUSED_KEY,    /* not the key that was dialled, no raw Ed25519 key, or our own key */
    QUIC_LINK_REFUSED_COOKIE, /* the proof was wrong, late or missing, or the peer refused ours */
    QUIC_LINK_REFUSED_ALPN,   /* the two sides share no protocol */
    QUIC_LINK_REFUSED_FRAME,  /* a frame or stream that breaks docs/WIRE.md */
    QUIC_LINK_REFUSED_GARBAGE, /* a datagram that belongs to nothing */
    QUIC_LINK_REFUSED_FULL,    /* as many connections as there may be */
    QUIC_LINK_REFUSAL_COUNT,
};

/* quic_link_refusal_name -- a few words, static text. */
const char *quic_link_refusal_name(enum quic_link_refusal what);

/* One refusal, for whoever logs. */
struct quic_link_notice {
    enum quic_link_refusal what;
    uint64_t count;        /* how often this happened since start, this one included */
    struct os_addr remote; /* where it came from; family 0 when unknown */
    bool key_known;        /* key holds the key that was shown, or dialled */
    struct node_key key;
};

/* Called from the loop; may be called often under attack, so whoever logs limits the rate. */
typedef void (*quic_link_notice_fn)(void *arg, const struct quic_link_notice *notice);

/* Times that are 0 take their default. */
struct quic_link_options {
    uint8_t seed[QUIC_LINK_SEED_BYTES]; /* secret Ed25519 seed of the node */
    struct bytes cookie;                /* 1..NET_COOKIE_BYTES_MAX bytes, the same on all nodes */
    struct os_addr bind[QUIC_LINK_BINDS_MAX];
    uint32_t bind_count;    /* 0: 0.0.0.0:0 and [::]:0 */
    uint64_t idle_ns;       /* silence after which a connection is given up; default 30 s */
    uint64_t keep_alive_ns; /* silence after which it is tried; default 5 s */
    uint64_t admission_ns;  /* from connecting to the proof of the cookie; default 3 s */
    uint64_t dial_ns_min; /* pause after the first failed dial, doubled each time; default 50 ms */
    uint64_t dial_ns_max; /* longest pause; default 2 s */
    uint32_t
        unproved_max; /* that many dial in unproved before addresses must be proved; default 48 */
    quic_link_notice_fn notice; /* NULL: counted only */
    void *notice_arg;
};

/* Room that a link needs in its account. */
#define QUIC_LINK_MEM_BYTES (512ull * MIB)

/* quic_link_open -- bind the sockets and listen; peers are added with link_peer_set.
 *   err ERR_ADDRESS_IN_USE, ERR_IO  an address cannot be bound; a family that the machine lacks is
 *                                   passed over while another one works
 *       ERR_BAD_CONFIG              the cookie is empty or too long */
MUST_CHECK
enum err quic_link_open(struct os *os, struct mem *mem, const struct quic_link_options *options,
                        const struct link_handler *handler, void *arg, struct link **out,
                        struct diag *diag);

#endif
