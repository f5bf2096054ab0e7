/* node/peers.h -- the text forms of a peer: `ID@hex`, `ID@hex@ip:port,...`, `ID@{endpoint JSON}`.
 *
 * Shape:      struct peers_entry is one peer, struct peers a bounded list of them; plain data
 * Invariants: in a list no id and no key appears twice; id > 0
 * Owns:       nothing outside the structs
 * Thread:     any, pure (the JSON form allocates while it parses)
 */
#ifndef NODE_PEERS_H
#define NODE_PEERS_H

#include "base/bytes.h"
#include "base/ids.h"
#include "base/limits.h"
#include "os/io.h"

enum {
    PEERS_RELAYS_MAX = 4,
    PEERS_TEXT_BYTES_MAX = 8192 /* one peer, in any form */
};

/* What is known of one endpoint. */
struct peers_entry {
    uint64_t id;
    struct node_key key;
    uint32_t addr_count;
    struct os_addr addr[NODE_ADDRS_MAX];
    uint32_t relay_count;
    char relay[PEERS_RELAYS_MAX][NODE_ADDR_BYTES_MAX]; /* URLs, NUL-terminated */
};

struct peers {
    uint32_t count;
    struct peers_entry entry[NET_PEERS_MAX];
};

/* peers_parse -- one peer in any of the three forms.
 *   out  diag  what is wrong and what would be right; untouched on success
 *   err  ERR_MALFORMED  out untouched */
MUST_CHECK
enum err peers_parse(struct bytes text, struct peers_entry *out, struct diag *diag);

/* peers_next -- cut the first peer off a comma-separated list; false when nothing is left. A comma
 * separates peers only where `digits@` follows, so that address lists and JSON stay whole. */
bool peers_next(struct bytes *rest, struct bytes *out);

/* peers_add -- append. err ERR_BUSY (NET_PEERS_MAX), ERR_MALFORMED (id or key is there already). */
MUST_CHECK
enum err peers_add(struct peers *p, const struct peers_entry *e, struct diag *diag);

/* peers_find -- entry of that id, or NULL. */
const struct peers_entry *peers_find(const struct peers *p, uint64_t id);

/* peers_format -- `ID@hex[@ip:port,...]`; the JSON form when there is a relay. */
void peers_format(const struct peers_entry *e, struct writer *out);

#endif
