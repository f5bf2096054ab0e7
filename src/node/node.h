/* node/node.h -- a whole node: opened from a configuration, asked through its service, closed.
 *
 * Order:   node_open starts log, state machine, consensus and network in this order; node_close
 *          ends them from the network on, the log before the state machine. Between, the loop runs.
 * Owns:    everything below it; config and logger belong to the caller and outlive it
 * Thread:  the loop's
 */
#ifndef NODE_NODE_H
#define NODE_NODE_H

#include "net/link.h"
#include "node/config.h"
#include "node/logger.h"
#include "node/metrics.h"
#include "node/service.h"
#include "raft/raft.h"
#include "store/backing.h"

struct node;

enum {
    NODE_MEM_BYTES = 1024 * 1024 * 1024 /* limit of what a node may take, not a reservation */
};

/* Bounds of one node. A field that is 0 takes the bound of base/limits.h, and none may pass it:
 * tests and simulations make them hostile. */
struct node_bounds {
    uint32_t inflight_messages; /* appends a peer */
    uint32_t append_bytes;      /* of one append */
    uint32_t batch_operations;  /* handed to the core at once */
    uint32_t apply_entries;     /* a turn */
    uint32_t actor_rounds;      /* a turn */
    uint32_t log_cache_bytes;
    uint32_t segment_bytes; /* first segment of the log; must hold the largest entry */
    uint32_t overlay_bytes; /* of the state machine before it is flushed */
    uint32_t snap_entries;  /* applied until the log before them may go */
    uint32_t keep_entries;  /* of the log, for peers that lag a little */
};

/* What a node stands on where it is not the real thing. */
struct node_seams {
    /* NULL: QUIC */
    enum err (*link_open)(void *arg, const struct node_key *key, const struct link_handler *handler,
                          void *handler_arg, struct link **out);
    struct backing *backing; /* NULL: LMDB; the node closes it in any case */
    void *arg;
};

struct node_options {
    const struct config *config;
    struct logger *logger;
    /* the node cannot go on (its disk failed, say): close it and end with config_exit_of(why) */
    void (*failed)(void *arg, enum err why);
    void *arg;
    struct node_bounds bounds;
    struct node_seams seams;
};

/* node_open -- start everything. diag tells what failed and what to do.
 *   err  ERR_LOCKED, ERR_WRONG_NODE, ERR_NEWER_FORMAT, ERR_BAD_PERMISSIONS, ERR_CORRUPT,
 *        ERR_ADDRESS_IN_USE, ERR_IO, ERR_NO_SPACE, ERR_NO_MEMORY */
MUST_CHECK
enum err node_open(struct os *os, const struct node_options *options, struct node **out,
                   struct diag *diag);

/* node_service -- what the API asks. */
struct service *node_service(struct node *n);

/* node_stop -- answer everybody who waits with SHUTTING_DOWN, take nothing new. */
void node_stop(struct node *n);

/* node_close -- stop and free; blocks while the log and the state machine finish their last
 * write. */
void node_close(struct node *n);

/* node_dump -- its state and its last events as text, for a panic; reads, never locks. */
void node_dump(const struct node *n, int fd);

/* What a judge compares between nodes. */
struct node_look {
    const struct raft *core;
    uint64_t applied;          /* index */
    int64_t revision;          /* of the data */
    uint64_t state_hash;       /* equal wherever applied is equal */
    struct cluster_id cluster; /* of its first entry, decided or not; zeros: it has none */
};

/* node_look -- a picture of now; the core is borrowed until the node is asked anything. */
void node_look(const struct node *n, struct node_look *out);

/* node_dir -- its data directory, or NULL when it has none. */
struct os_dir *node_dir(struct node *n);

#endif
