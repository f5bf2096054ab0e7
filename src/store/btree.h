/* store/btree.h -- ordered map of bytes in memory: a copy-on-write B+tree.
 *
 * Shape:      nodes of BTREE_FAN slots; the first eight bytes of each key are kept in the node,
 *             so that most comparisons touch nothing else
 * Invariants: keys are unique and sorted as unsigned bytes; a frozen tree never changes: nodes
 *             that are shared with it are copied before they are written. A pair may be a mark: a
 *             key that is known to be gone, its value's data is NULL.
 * Owns:       nodes and items, counted in the account and by references
 * Thread:     the loop's; btree_get and the seeks of a frozen tree on another one's too, while the
 *             trees that it was frozen from change: they touch counts of references, it does not
 */
#ifndef STORE_BTREE_H
#define STORE_BTREE_H

#include "base/bytes.h"
#include "base/mem.h"

enum {
    BTREE_FAN = 64,
    BTREE_HEIGHT_MAX = 16,
    BTREE_KEY_BYTES_MAX = 4096
};

struct btree_node;

struct btree {
    struct mem *mem;
    struct btree_node *root; /* NULL: empty */
    uint64_t count;
    uint64_t bytes; /* of keys and values */
};

/* btree_init, btree_done -- empty; free every node at once (btree_shed: bit by bit). */
void btree_init(struct btree *t, struct mem *mem);
void btree_done(struct btree *t);

/* btree_shed -- free about `pairs` pairs from the front of a tree that nobody uses any more, so
 * that a large one costs no turn of the loop too much; what a frozen tree shares stays that one's.
 * True when nothing is left. */
bool btree_shed(struct btree *t, uint32_t pairs);

/* btree_put -- insert or replace; value.data NULL leaves a mark. err ERR_NO_MEMORY: the tree is
 * as it was. */
MUST_CHECK
enum err btree_put(struct btree *t, struct bytes key, struct bytes value);

/* btree_del -- true when the key was there; *out_err ERR_NO_MEMORY: the tree is as it was. */
bool btree_del(struct btree *t, struct bytes key, enum err *out_err);

/* btree_get -- view of the value (data NULL: a mark), valid until the next change of this tree. */
bool btree_get(const struct btree *t, struct bytes key, struct bytes *out);

/* btree_freeze -- out becomes the tree as it is now, O(1); done with btree_done. */
void btree_freeze(const struct btree *t, struct btree *out);

/* btree_seek -- the first pair with key >= from (or > from); false when there is none. Views are
 * valid until the next change. O(height). */
bool btree_seek(const struct btree *t, struct bytes from, bool after, struct bytes *out_key,
                struct bytes *out_value);

/* btree_seek_last -- the last pair with key < before; before.data NULL: the last of all. */
bool btree_seek_last(const struct btree *t, struct bytes before, struct bytes *out_key,
                     struct bytes *out_value);

#endif
