/* node/book.h -- who is behind a node id: key, addresses, texts; kept on disk across restarts.
 *
 * Shape:      at most NET_PEERS_MAX entries, found by id or by key; one of them may be this node
 * Invariants: ids and keys are unique; an entry may lack its id (a peer that was dialled or dialled
 *             us before a configuration named it) but never its key. There is always room for a
 *             member: who was one, or is only known, makes way
 * Order:      a change marks the book dirty; book_encode gives the bytes that are then made durable
 * Owns:       its entries, inside the struct
 * Thread:     the loop's
 */
#ifndef NODE_BOOK_H
#define NODE_BOOK_H

#include "base/ids.h"
#include "base/limits.h"
#include "node/origin.h"
#include "os/io.h"

struct book_entry {
    uint64_t id; /* 0: not known yet */
    struct node_key key;
    uint32_t addr_count;
    struct os_addr addrs[NODE_ADDRS_MAX];
    char addr[NODE_ADDR_BYTES_MAX];      /* as the configuration names it */
    char raft_addr[NODE_ADDR_BYTES_MAX]; /* empty: null */
    uint64_t updated_ns;                 /* wall clock of the last change */
    bool self;                           /* this node; not kept on disk, nor is what follows */
    bool named;                          /* by the newest configuration that was learnt */
    bool up;                             /* connected now */
    uint64_t epoch;                      /* of the connection while up */
    uint64_t life;                       /* incarnation that it said it is, while up; 0: not yet */
    uint64_t life_at;                    /* when, as the node counts its questions */
    uint64_t asked, answered;            /* newest question to it, and newest that it answered */
    uint64_t last;                       /* index of its last entry, as it said so last */
    struct origin origin;                /* as it said last; of none: not yet, or not begun */
};

struct book {
    uint32_t count;
    bool dirty;
    uint16_t udp_port[2]; /* IPv4 and IPv6 port last used, tried again when asked for any */
    struct book_entry entry[NET_PEERS_MAX];
};

enum {
    BOOK_BYTES_MAX = 64 * 1024
};

/* book_init -- knows nobody. */
void book_init(struct book *b);

/* book_by_id, book_by_key -- NULL when not known. */
struct book_entry *book_by_id(struct book *b, uint64_t id);
struct book_entry *book_by_key(struct book *b, const struct node_key *key);

/* book_learn -- a member's id belongs to key; a key that was known without id gets it, an id whose
 * key changed forgets the old key. err ERR_BUSY: the book is full, nothing changed. */
MUST_CHECK
enum err book_learn(struct book *b, uint64_t id, const struct node_key *key, uint64_t wall_ns,
                    struct book_entry **out);

/* book_spare -- who is needed least: neither this node nor named by the newest configuration, and
 *   not connected unless also_up; of these one without a number, and the one longest unchanged.
 *   NULL: all are needed.
 * book_forget -- that one is not known any more; pointers to entries end. */
struct book_entry *book_spare(struct book *b, bool also_up);
void book_forget(struct book *b, struct book_entry *e);

/* book_addrs_set -- replace the addresses; true when they differ from before. */
bool book_addrs_set(struct book *b, struct book_entry *e, const struct os_addr *addrs,
                    uint32_t count, uint64_t wall_ns);

/* book_texts_set -- addr and raft_addr as a configuration names them; longer texts are cut. */
void book_texts_set(struct book *b, struct book_entry *e, struct bytes addr,
                    struct bytes raft_addr);

/* book_encode -- the whole book, versioned, with a checksum. */
void book_encode(const struct book *b, struct writer *w);

/* book_decode -- err ERR_CORRUPT, ERR_NEWER_FORMAT: b untouched. */
MUST_CHECK
enum err book_decode(struct book *b, struct bytes data);

/* book_tail_encode -- the members named, as the opaque tail of a configuration entry. err
 * ERR_UNKNOWN_ENDPOINT: an id has no key here. */
MUST_CHECK
enum err book_tail_encode(struct book *b, const uint64_t *ids, uint32_t count, struct writer *w);

/* book_tail_learn -- read such a tail, of a newer configuration than all before: whom it has are
 *   named now, and nobody else.
 * book_tail_add -- of an older one: only who is not known yet is learnt, and not named.
 *   err ERR_MALFORMED: nothing was learnt, or what came before it;  ERR_BUSY (no place, see
 *       book_spare): likewise what came before it */
MUST_CHECK
enum err book_tail_learn(struct book *b, struct bytes tail, uint64_t wall_ns);
MUST_CHECK
enum err book_tail_add(struct book *b, struct bytes tail, uint64_t wall_ns);

#endif
