/* node/backend_local.h -- the `deterministic` backend: one state machine in memory, no consensus.
 *
 * Shape:      a struct service over a sorted array; a call is carried out at once, as one entry
 *             of a log that nobody keeps, so the same calls always give the same answers
 * Order:      answers come from os_turn_end, in the order the calls were made, never inside a call
 * Owns:       everything it makes, counted in the given account, until backend_local_close
 * Thread:     the loop's
 * Why:        the API can be built and tested without a network, a disk or a clock
 */
#ifndef NODE_BACKEND_LOCAL_H
#define NODE_BACKEND_LOCAL_H

#include "base/mem.h"
#include "node/logger.h"
#include "node/service.h"

struct backend_local_options {
    uint64_t node_id; /* > 0 */
    uint16_t node_port;
    struct node_key key;
    struct os_addr addr;   /* what addrs answers; family 0: none */
    struct logger *logger; /* NULL: silent */
};

enum {
    BACKEND_LOCAL_MEM_BYTES = 256 * 1024 * 1024 /* a limit, not a reservation */
};

/* backend_local_open -- err ERR_NO_MEMORY, or what the kv room says. */
MUST_CHECK
enum err backend_local_open(struct os *os, struct mem *mem,
                            const struct backend_local_options *options, struct service **out);

/* backend_local_close -- calls that wait are answered no more. */
void backend_local_close(struct service *s);

#endif
