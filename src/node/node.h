/* node/node.h -- a whole node: opened from a configuration, asked through its service, closed.
 *
 * Order:   node_open starts storage, consensus, state machine and network in this order;
 *          node_close stops them in reverse. In between the loop runs.
 * Owns:    everything below it; config and logger belong to the caller and outlive it
 * Thread:  the loop's
 */
#ifndef NODE_NODE_H
#define NODE_NODE_H

#include "node/config.h"
#include "node/logger.h"
#include "node/metrics.h"
#include "node/service.h"

struct node;

enum {
    NODE_MEM_BYTES = 1024 * 1024 * 1024 /* limit of what a node may take, not a reservation */
};

struct node_options {
    const struct config *config;
    struct logger *logger;
    /* the node cannot go on (its disk failed, say): close it and end with config_exit_of(why) */
    void (*failed)(void *arg, enum err why);
    void *arg;
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

/* node_dir -- its data directory, or NULL when it has none. */
struct os_dir *node_dir(struct node *n);

#endif
