/* net/link.h -- the message seam: whole messages between nodes, over QUIC or in memory.
 *
 * Shape:      a link carries frames (bytes) to and from peers known by their key, on a few stream
 *             classes; it knows nothing of what is inside
 * Invariants: within one epoch of a peer and one class frames arrive in order, none twice, none
 *             altered; a lost connection may lose a tail; every new connection is a new epoch
 * Order:      peer_up comes before any frame of its epoch, peer_down after the last one
 * Owns:       a frame handed to send is copied; a frame handed to the handler is borrowed until
 *             return
 * Thread:     the loop's; callbacks come from the loop, never from inside a call
 * Why:        Raft and forwarding are written and simulated against this, not against QUIC
 */
#ifndef NET_LINK_H
#define NET_LINK_H

#include "base/bytes.h"
#include "base/ids.h"
#include "base/limits.h"
#include "os/io.h"

/* Stream classes: one long-lived stream each, so that a heartbeat never waits behind an append. */
enum link_class {
    LINK_CONTROL,  /* votes, heartbeats, acknowledgements, reads */
    LINK_LOG,      /* appends with entries */
    LINK_CALL,     /* requests of clients forwarded between nodes, and their answers */
    LINK_SNAPSHOT, /* the state machine for who lacks the log: gives way to everything else */
    LINK_CLASS_COUNT,
};

enum {
    LINK_PEERS_MAX = NET_PEERS_MAX
};

/* What the owner of a link gives: called from the loop. */
struct link_handler {
    /* the peer proved key and cookie; epoch is larger than any before for this key */
    void (*peer_up)(void *arg, const struct node_key *peer, uint64_t epoch);
    void (*peer_down)(void *arg, const struct node_key *peer, uint64_t epoch);
    void (*frame)(void *arg, const struct node_key *peer, uint64_t epoch, enum link_class class,
                  struct bytes frame);
};

/* Counters since start; all monotone. */
struct link_stats {
    uint64_t handshakes;
    uint64_t refused_key;    /* peer's key was not the one dialled, or not a raw Ed25519 key */
    uint64_t refused_cookie; /* proof of the cookie failed or was missing */
    uint64_t refused_alpn;   /* foreign protocol */
    uint64_t garbage;        /* datagrams that belong to nothing */
    uint64_t bad_frames;     /* frames that cost the peer its connection */
    uint64_t datagrams_in;
    uint64_t datagrams_out;
    uint64_t bytes_in;
    uint64_t bytes_out;
    uint64_t frames_in;
    uint64_t frames_out;
    uint64_t queue_full; /* frames refused by send */
    uint32_t connections;
    uint32_t peers_up;
};

struct link;

struct link_table {
    enum err (*peer_set)(struct link *l, const struct node_key *peer, const struct os_addr *addrs,
                         uint32_t count);
    void (*peer_forget)(struct link *l, const struct node_key *peer);
    bool (*peer_is_up)(struct link *l, const struct node_key *peer);
    enum err (*send)(struct link *l, const struct node_key *peer, enum link_class class,
                     struct bytes head, struct bytes body);
    uint32_t (*addrs)(struct link *l, struct os_addr *out, uint32_t max);
    void (*stats)(struct link *l, struct link_stats *out);
    void (*close)(struct link *l);
};

/* First member of every implementation. */
struct link {
    const struct link_table *table;
};

/* link_peer_set -- (re)define where a peer may be found; the link keeps a connection to it alive,
 * dialling again with backoff. Addresses learnt from an incoming connection are used as well.
 *   err ERR_BUSY  LINK_PEERS_MAX peers are known already */
MUST_CHECK
static inline enum err link_peer_set(struct link *l, const struct node_key *peer,
                                     const struct os_addr *addrs, uint32_t count)
{
    return l->table->peer_set(l, peer, addrs, count);
}

/* link_peer_forget -- close and never dial again. */
static inline void link_peer_forget(struct link *l, const struct node_key *peer)
{
    l->table->peer_forget(l, peer);
}

/* link_peer_is_up -- a connection is admitted; frames can be queued. */
static inline bool link_peer_is_up(struct link *l, const struct node_key *peer)
{
    return l->table->peer_is_up(l, peer);
}

/* link_send -- queue one frame, head followed by body (either may be empty); copied.
 *   err ERR_PEER_GONE, ERR_QUEUE_FULL, ERR_FRAME_TOO_LARGE: nothing was queued */
MUST_CHECK
static inline enum err link_send(struct link *l, const struct node_key *peer, enum link_class class,
                                 struct bytes head, struct bytes body)
{
    return l->table->send(l, peer, class, head, body);
}

/* link_addrs -- addresses at which this node can be reached, loopback where nothing else is; never
 * the wildcard. Returns how many were written, at most max. */
static inline uint32_t link_addrs(struct link *l, struct os_addr *out, uint32_t max)
{
    return l->table->addrs(l, out, max);
}

/* link_stats -- counters since the link was opened. */
static inline void link_stats(struct link *l, struct link_stats *out)
{
    l->table->stats(l, out);
}

/* link_close -- tell the peers, free everything; no callback afterwards. */
static inline void link_close(struct link *l)
{
    l->table->close(l);
}

#endif
