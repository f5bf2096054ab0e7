/* net/mem_link.h -- the message seam in memory: links joined by a hub that moves one step at a
 * time.
 *
 * Shape:      a hub joins up to MEM_LINKS_MAX links; everything that could happen next (a
 *             connection, a frame, a notice) is one pending event, and the caller says which one
 *             happens
 * Invariants: the same calls and the same choices give the same events; net/link.h holds throughout
 * Order:      close the links, then the hub
 * Owns:       the hub owns its links and all frames on the way, counted in the given account
 * Thread:     one
 * Why:        what net/link.h promises is shown on it and on QUIC alike; chance comes from the
 *             caller's seed
 */
#ifndef NET_MEM_LINK_H
#define NET_MEM_LINK_H

#include "net/link.h"

enum {
    MEM_LINKS_MAX = LINK_PEERS_MAX + 1 /* one and all its peers */
};

struct mem_hub;

/* mem_hub_open -- err ERR_NO_MEMORY. */
MUST_CHECK
enum err mem_hub_open(struct mem *mem, struct mem_hub **out);

/* mem_hub_close -- all links must be closed. */
void mem_hub_close(struct mem_hub *h);

/* mem_link_open -- a link with this key; a key that was closed may come back.
 *   err ERR_BUSY  MEM_LINKS_MAX keys are known;  ERR_ADDRESS_IN_USE  this key is open already */
MUST_CHECK
enum err mem_link_open(struct mem_hub *h, const struct node_key *key,
                       const struct link_handler *handler, void *arg, struct link **out);

/* mem_hub_step -- let the choice-th pending event happen, modulo their number; false: there is
 * none. */
bool mem_hub_step(struct mem_hub *h, uint32_t choice);

/* mem_hub_run -- oldest pair first until nothing is pending; false when steps_max did not
 * suffice. */
bool mem_hub_run(struct mem_hub *h, uint32_t steps_max);

#endif
