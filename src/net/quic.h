/* net/quic.h -- what the files of the QUIC link share; included from this room only.
 *
 * Shape:      struct quic is the link: sockets, peers, connections; a connection belongs to a
 *             peer from its admission on, a peer has at most one that is up and at most one that
 *             it dials
 * Invariants: a connection with a fault reads and writes nothing more and is buried at the end of
 *             the turn; ngtcp2 is entered from here only, never from inside one of its callbacks
 * Owns:       all of it; ngtcp2 allocates from the same account
 * Thread:     the loop's
 */
#ifndef NET_QUIC_H
#define NET_QUIC_H

#include "base/map.h"
#include "base/prng.h"
#include "net/admit.h"
#include "net/frames.h"
#include "net/quic_link.h"
#include "net/sendq.h"
#include "net/tls.h"

#include <netinet/in.h>
#include <ngtcp2/ngtcp2.h>

enum {
    QUIC_CID_BYTES = 8,
    QUIC_CONN_CIDS_MAX = 16, /* of ours, for one connection */
    QUIC_CIDS_MAX = NET_CONNS_MAX * QUIC_CONN_CIDS_MAX,
    QUIC_INBOUND_MAX = NET_CONNS_MAX - NET_PEERS_MAX, /* the rest is kept for dialling */
    QUIC_RETRY_ABOVE =
        QUIC_INBOUND_MAX / 2, /* unproved ones, before addresses must be proved too */
    QUIC_SECRET_BYTES = 32,
    QUIC_STREAMS_IN_MAX = LINK_CLASS_COUNT + 1, /* the hello and one for each class */
    QUIC_PACKET_BYTES_MAX = 1452,               /* sent; path discovery works up to it */
    QUIC_PACKET_BYTES_SAFE = 1200,              /* passes wherever QUIC does */
    QUIC_SEND_BYTES = 64 * 1024,                /* scratch for one batch of packets */
    QUIC_BATCH_BYTES_MAX = 65000,
    QUIC_BATCH_PACKETS_MAX = 64,
    QUIC_TURN_PACKETS_MAX = 128, /* written by one connection in one turn */
    QUIC_PEEK_MAX = 8,           /* pieces of a send queue given to QUIC at a time */
    QUIC_STRANGER_REPLIES_BURST = 64,
};

#define QUIC_INITIAL_RTT_NS (10ull * 1000 * 1000)
#define QUIC_STALL_NS (1000ull * 1000 * 1000) /* bytes under way for so long: is it their size? */
#define QUIC_SAFE_NS (600ull * 1000 * 1000 * 1000) /* before large packets are tried again */
#define QUIC_HANDSHAKE_NS (1500ull * 1000 * 1000)
#define QUIC_STRANGER_REPLY_NS (5ull * 1000 * 1000) /* one reply each: 200 a second */
#define QUIC_STREAM_WINDOW (1250000ull)
#define QUIC_STREAM_WINDOW_MAX (6ull * MIB)
#define QUIC_WINDOW_FIRST (1250000ull) /* bounds what an unproved peer makes us keep */
#define QUIC_WINDOW_MORE (6ull * MIB)  /* granted at admission */
#define QUIC_WINDOW_MAX (16ull * MIB)

/* Application codes of CONNECTION_CLOSE (docs/WIRE.md). */
enum quic_code {
    QUIC_CODE_CLOSED = 0,    /* the link was closed, or the peer forgotten */
    QUIC_CODE_COOKIE = 1,    /* proof wrong, late or missing */
    QUIC_CODE_FRAME = 2,     /* a frame or stream that breaks the rules */
    QUIC_CODE_DUPLICATE = 3, /* another connection of the pair stays */
    QUIC_CODE_BUSY = 4,      /* no room for this peer */
};

/* First byte of every stream; class streams are QUIC_STREAM_CLASS + class. */
enum {
    QUIC_STREAM_HELLO = 0,
    QUIC_STREAM_CLASS = 1
};

enum quic_state {
    QUIC_HANDSHAKE, /* TLS */
    QUIC_PROVING,   /* our hello is under way, the peer's is awaited */
    QUIC_UP,        /* admitted */
};

/* How a connection ends. */
enum quic_fault {
    QUIC_FAULT_NONE,
    QUIC_FAULT_SILENT,    /* nothing to tell: idle, reset, or closed by the peer */
    QUIC_FAULT_TRANSPORT, /* fault_code is an error of ngtcp2 */
    QUIC_FAULT_CODE,      /* fault_code is an application code */
};

union quic_sockaddr {
    struct sockaddr any;
    struct sockaddr_in four;
    struct sockaddr_in6 six;
};

struct quic_socket {
    struct quic *q;
    struct os_udp *udp;
    struct os_addr bound;
    bool wildcard;
    union quic_sockaddr name; /* of bound: the local end of every path, whatever address was hit */
    ngtcp2_socklen name_size;
};

/* One stream of the peer. */
struct quic_in {
    int64_t id;
    bool named; /* the first byte was read: kind is known */
    uint8_t kind;
    struct frames frames;
};

/* One stream of ours. */
struct quic_out {
    int64_t id; /* -1: not opened yet */
    bool blocked;
    uint64_t moved_ns; /* when bytes of it last went out from rest, or arrived */
    struct sendq queue;
};

struct quic_conn {
    struct list link;  /* in quic.conns */
    struct list dirty; /* in quic.dirty: something to write, or to bury */
    struct quic *q;
    struct quic_peer *peer; /* dialled or admitted; NULL before */
    ngtcp2_conn *conn;
    struct quic_socket *socket;
    struct os_addr remote;
    struct os_addr source; /* what to send from; family 0: the system chooses */
    struct tls_session tls;
    struct os_timer timer;
    uint32_t cid_count;
    uint64_t cids[QUIC_CONN_CIDS_MAX]; /* keys in quic.cids that lead here */
    enum quic_state state;
    enum quic_fault fault;
    int64_t fault_code;
    bool server;
    bool confirmed;
    uint64_t opened_ns;
    uint64_t admit_by_ns; /* 0 until the handshake has completed */
    uint64_t up_ns;
    uint64_t epoch;
    uint64_t id; /* the same on both sides */
    struct admit_session session;
    struct admit_hello ours;
    struct admit_hello theirs;
    uint8_t hello_out[1 + ADMIT_HELLO_BYTES];
    uint32_t hello_sent;
    int64_t hello_stream; /* -1: not opened */
    bool hello_arrived;   /* ours: frames may follow */
    uint8_t hello_in[ADMIT_HELLO_BYTES];
    uint32_t hello_in_count;
    uint32_t in_count;
    struct quic_in in[QUIC_STREAMS_IN_MAX];
    struct quic_out out[LINK_CLASS_COUNT];
    uint32_t turn_class;    /* log and calls take turns */
    uint64_t safe_until_ns; /* packets are small until then */
};

struct quic_peer {
    struct list link; /* in quic.peers */
    struct quic *q;
    struct node_key key;
    bool wanted; /* link_peer_set named it */
    struct os_addr addrs[NODE_ADDRS_MAX];
    uint32_t addr_count;
    uint32_t addr_next;
    struct os_addr learnt; /* where it last came from; family 0: never */
    struct quic_conn *up;
    struct quic_conn *dialling;
    struct os_timer timer;
    bool round_over; /* the dial under way is the last of its round */
    uint64_t backoff_ns;
    uint64_t attempts;
    uint64_t last; /* id of the connection admitted last */
};

struct quic {
    struct link base;
    struct os *os;
    struct mem *mem;
    ngtcp2_mem allocator;
    struct link_handler handler;
    void *arg;
    struct quic_link_options options; /* seed wiped, cookie not kept */
    struct identity identity;
    struct tls *tls;
    uint8_t cookie_key[ADMIT_KEY_BYTES];
    uint8_t reset_secret[QUIC_SECRET_BYTES];
    uint8_t retry_secret[QUIC_SECRET_BYTES];
    uint64_t instance;
    struct quic_socket sockets[QUIC_LINK_BINDS_MAX];
    uint32_t socket_count;
    struct list conns;
    struct list dirty;
    struct list peers;
    struct map cids;
    struct prng prng;
    struct os_job turn;
    uint8_t *out; /* QUIC_SEND_BYTES */
    uint64_t epoch;
    uint32_t inbound;  /* connections accepted */
    uint32_t unproved; /* of these, not admitted yet */
    uint32_t retry_above;
    uint32_t depth;    /* how many callbacks of ours are on the stack */
    bool closed;       /* link_close was called; nothing is told any more */
    uint64_t reply_ns; /* when the allowance for strangers was last counted */
    uint32_t reply_left;
    struct link_stats stats;
    uint64_t refused[QUIC_LINK_REFUSAL_COUNT];
};

/* quic_enter, quic_leave -- around everything the os calls; a link closed in between goes at the
 * end. */
void quic_enter(struct quic *q);
void quic_leave(struct quic *q);

/* quic_refuse -- count and tell. remote and key may be NULL. */
void quic_refuse(struct quic *q, enum quic_link_refusal what, const struct os_addr *remote,
                 const struct node_key *key);

/* quic_addr_sockaddr -- to the system's form; returns its size. */
ngtcp2_socklen quic_addr_sockaddr(const struct os_addr *a, union quic_sockaddr *out);

/* quic_addr_of -- from the system's form. */
void quic_addr_of(const ngtcp2_addr *a, struct os_addr *out);

/* quic_addr_is_wildcard, quic_addr_is_loopback -- of either family. */
bool quic_addr_is_wildcard(const struct os_addr *a);
bool quic_addr_is_loopback(const struct os_addr *a);

/* quic_cid_draw -- a fresh connection id, never one that looks like a disco packet. */
void quic_cid_draw(struct quic *q, uint8_t out[QUIC_CID_BYTES]);

/* quic_cid_key -- the map key of a connection id of any length. */
uint64_t quic_cid_key(const struct quic *q, const uint8_t *cid, size_t count);

/* quic_conn_cid_add -- packets for this id are the connection's. err ERR_QUEUE_FULL. */
MUST_CHECK
enum err quic_conn_cid_add(struct quic_conn *c, uint64_t key);
void quic_conn_cid_remove(struct quic_conn *c, uint64_t key);

/* quic_callbacks_fill -- the functions that ngtcp2 calls back. */
void quic_callbacks_fill(ngtcp2_callbacks *out);

/* quic_conn_dial -- start a connection to a peer. err ERR_IO (no socket for this address),
 * ERR_BUSY (too many connections), ERR_NO_MEMORY. */
MUST_CHECK
enum err quic_conn_dial(struct quic_peer *p, const struct os_addr *remote);

/* What a first packet brought. */
struct quic_knock {
    struct quic_socket *socket;
    const struct os_datagram *datagram;
    const ngtcp2_pkt_hd *head;
    const ngtcp2_cid *original; /* before a Retry; NULL: there was none */
};

/* quic_conn_accept -- a connection for a first packet, which the caller reads into it then.
 *   err ERR_BUSY, ERR_NO_MEMORY */
MUST_CHECK
enum err quic_conn_accept(struct quic *q, const struct quic_knock *knock, struct quic_conn **out);

/* quic_conn_read -- one datagram. */
void quic_conn_read(struct quic_conn *c, const struct quic_socket *s, const struct os_datagram *d);

/* quic_conn_fault -- it ends at the end of this turn; the first fault counts. */
void quic_conn_fault(struct quic_conn *c, enum quic_fault fault, int64_t code);

/* quic_conn_dirty -- write at the end of this turn. */
void quic_conn_dirty(struct quic_conn *c);

/* quic_conn_write -- all that may be written now; a fault may come of it. */
void quic_conn_write(struct quic_conn *c);

/* quic_conn_bury -- tell the peer why (unless silent), tell the owner, free. */
void quic_conn_bury(struct quic_conn *c);

/* quic_conn_ready -- frames may be written: both sides are known to have proved the cookie. */
bool quic_conn_ready(const struct quic_conn *c);

/* quic_send -- hand one batch of packets to the socket. */
void quic_send(struct quic *q, const ngtcp2_path *path, struct quic_conn *c,
               const struct os_udp_send *batch);

/* quic_streams_start -- after the handshake: our hello. err as a callback of ngtcp2 returns it. */
int quic_streams_start(struct quic_conn *c);

/* quic_streams_open, quic_streams_data -- the peer opened a stream, sent bytes; as callbacks
 * return. */
int quic_streams_open(struct quic_conn *c, int64_t id);
int quic_streams_data(struct quic_conn *c, struct quic_in *in, struct bytes data, bool end);

/* quic_streams_broken -- the peer took a stream back; as callbacks return. */
int quic_streams_broken(struct quic_conn *c, const struct quic_in *in);

/* quic_streams_acked -- the peer has everything of our stream before position. */
void quic_streams_acked(struct quic_conn *c, int64_t id, uint64_t position);

/* quic_streams_done -- free queues and buffers. */
void quic_streams_done(struct quic_conn *c);

/* quic_peer_set -- the addresses of a wanted peer; dial when that changes something. */
void quic_peer_set(struct quic_peer *p, const struct os_addr *addrs, uint32_t count);

/* quic_peer_forget -- close and dial no more; p may be gone afterwards. */
void quic_peer_forget(struct quic_peer *p);

/* quic_accept -- every datagram comes here first. */
void quic_accept(struct quic_socket *s, const struct os_datagram *d);

/* quic_peer_find -- NULL when unknown. */
struct quic_peer *quic_peer_find(struct quic *q, const struct node_key *key);

/* quic_peer_get -- find or make; NULL when memory is short. */
struct quic_peer *quic_peer_get(struct quic *q, const struct node_key *key);

/* quic_peer_admit -- c proved everything: it becomes the peer's connection, or the loser of two. */
void quic_peer_admit(struct quic_conn *c);

/* quic_peer_lost -- c is being buried: tell the owner when it was up, dial again when wanted. */
void quic_peer_lost(struct quic_conn *c);

/* quic_peer_release -- free it when nobody wants it and nothing uses it. */
void quic_peer_release(struct quic_peer *p);

#endif
