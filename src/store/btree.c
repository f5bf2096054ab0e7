/* store/btree.c -- insertion by path copying and splitting; empty nodes are dropped, never merged.
 *
 * Why: merging half-empty nodes costs more code than it saves: keys that are deleted here are
 *      mostly deleted in runs, and a run leaves empty nodes
 */
#include "store/btree.h"

#include "base/panic.h"

#include <assert.h>

struct item {
    uint32_t refs;
    uint16_t key_bytes;
    bool mark; /* no value: the key is gone */
    uint32_t value_bytes;
    uint8_t data[]; /* key, then value */
};

static_assert(BTREE_KEY_BYTES_MAX <= UINT16_MAX, "a key's length fits its field");

struct btree_node {
    uint32_t refs;
    uint16_t count;
    bool leaf;
    uint64_t head[BTREE_FAN];     /* first eight key bytes, big-endian */
    struct item *item[BTREE_FAN]; /* leaf: the pair; inner: separator, <= all below but slot 0 */
    struct btree_node *child[BTREE_FAN]; /* inner */
};

static struct bytes item_key(const struct item *i)
{
    return bytes_of(i->data, i->key_bytes);
}

static struct bytes item_value(const struct item *i)
{
    return i->mark ? (struct bytes){ 0 } : bytes_of(i->data + i->key_bytes, i->value_bytes);
}

static uint64_t head_of(struct bytes key)
{
    uint64_t h = 0;
    for (size_t i = 0; i < 8; i++) {
        h = h << 8 | (i < key.count ? key.data[i] : 0u);
    }
    return h;
}

static void item_drop(struct btree *t, struct item *i)
{
    if (--i->refs == 0) {
        mem_free(t->mem, i);
    }
}

static void node_drop(struct btree *t, struct btree_node *root)
{
    struct btree_node *stack[BTREE_HEIGHT_MAX * BTREE_FAN];
    uint32_t depth = 0;
    stack[depth++] = root;
    while (depth > 0) {
        struct btree_node *n = stack[--depth];
        if (--n->refs > 0) {
            continue;
        }
        for (uint16_t i = 0; i < n->count; i++) {
            item_drop(t, n->item[i]);
            if (!n->leaf) {
                ASSERT(depth < BTREE_HEIGHT_MAX * BTREE_FAN);
                stack[depth++] = n->child[i];
            }
        }
        mem_free(t->mem, n);
    }
}

void btree_init(struct btree *t, struct mem *mem)
{
    memset(t, 0, sizeof *t);
    t->mem = mem;
}

void btree_done(struct btree *t)
{
    if (t->root != NULL) {
        node_drop(t, t->root);
    }
    btree_init(t, t->mem);
}

void btree_freeze(const struct btree *t, struct btree *out)
{
    *out = *t;
    if (out->root != NULL) {
        out->root->refs++;
    }
}

static int compare_at(const struct btree_node *n, uint16_t i, uint64_t head, struct bytes key)
{
    if (n->head[i] != head) {
        return n->head[i] < head ? -1 : 1;
    }
    return bytes_compare(item_key(n->item[i]), key);
}

/* First slot whose key is >= key; exact tells whether it is equal. */
static uint16_t lower(const struct btree_node *n, struct bytes key, bool *exact)
{
    uint64_t head = head_of(key);
    uint16_t low = 0;
    uint16_t high = n->count;
    *exact = false;
    while (low < high) {
        uint16_t middle = (uint16_t)((low + high) / 2);
        int c = compare_at(n, middle, head, key);
        if (c < 0) {
            low = (uint16_t)(middle + 1);
        } else {
            high = middle;
            *exact = *exact || c == 0;
        }
    }
    return low;
}

/* Child that holds key: the last whose separator is <= key. The first one takes all that is
 * smaller, so its separator is never looked at; it may be too high. */
static uint16_t child_of(const struct btree_node *n, struct bytes key)
{
    uint64_t head = head_of(key);
    uint16_t low = 1;
    uint16_t high = n->count;
    while (low < high) {
        uint16_t middle = (uint16_t)((low + high) / 2);
        if (compare_at(n, middle, head, key) <= 0) {
            low = (uint16_t)(middle + 1);
        } else {
            high = middle;
        }
    }
    return (uint16_t)(low - 1);
}

static struct btree_node *node_new(struct btree *t, bool leaf)
{
    struct btree_node *n = mem_alloc(t->mem, leaf ? offsetof(struct btree_node, child) : sizeof *n);
    if (n != NULL) {
        n->refs = 1;
        n->count = 0;
        n->leaf = leaf;
    }
    return n;
}

/* Copy slots begin..end of one node behind those of another; items gain a reference. */
static void slots_copy(struct btree_node *to, const struct btree_node *from, uint16_t begin,
                       uint16_t end)
{
    for (uint16_t i = begin; i < end; i++) {
        to->head[to->count] = from->head[i];
        to->item[to->count] = from->item[i];
        to->item[to->count]->refs++;
        if (!from->leaf) {
            to->child[to->count] = from->child[i];
            to->child[to->count]->refs++;
        }
        to->count++;
    }
}

/* The node itself when nobody else holds it, else a copy in its place. */
static struct btree_node *own(struct btree *t, struct btree_node **place)
{
    struct btree_node *n = *place;
    if (n->refs == 1) {
        return n;
    }
    struct btree_node *copy = node_new(t, n->leaf);
    if (copy != NULL) {
        slots_copy(copy, n, 0, n->count);
        n->refs--;
        *place = copy;
    }
    return copy;
}

static void slot_insert(struct btree_node *n, uint16_t at, struct item *item,
                        struct btree_node *child)
{
    size_t after = (size_t)(n->count - at);
    ASSERT(n->count < BTREE_FAN);
    memmove(&n->head[at + 1], &n->head[at], after * sizeof n->head[0]);
    memmove(&n->item[at + 1], &n->item[at], after * sizeof n->item[0]);
    if (!n->leaf) {
        memmove(&n->child[at + 1], &n->child[at], after * sizeof n->child[0]);
        n->child[at] = child;
    }
    n->head[at] = head_of(item_key(item));
    n->item[at] = item;
    n->count++;
}

static void slot_remove(struct btree_node *n, uint16_t at)
{
    size_t after = (size_t)(n->count - at - 1);
    memmove(&n->head[at], &n->head[at + 1], after * sizeof n->head[0]);
    memmove(&n->item[at], &n->item[at + 1], after * sizeof n->item[0]);
    if (!n->leaf) {
        memmove(&n->child[at], &n->child[at + 1], after * sizeof n->child[0]);
    }
    n->count--;
}

/* Split the full child at slot at of an owned parent that has room. */
static enum err split(struct btree *t, struct btree_node *parent, uint16_t at)
{
    struct btree_node *left = own(t, &parent->child[at]);
    struct btree_node *right = left != NULL ? node_new(t, left->leaf) : NULL;
    if (right == NULL) {
        return ERR_NO_MEMORY;
    }
    /* ascending keys fill the last node: leave most behind so that nodes end up full */
    bool rightmost = at == parent->count - 1;
    uint16_t keep = rightmost ? BTREE_FAN - BTREE_FAN / 8 : BTREE_FAN / 2;
    memcpy(right->head, left->head + keep, (BTREE_FAN - keep) * sizeof right->head[0]);
    memcpy(right->item, left->item + keep, (BTREE_FAN - keep) * sizeof right->item[0]);
    if (!left->leaf) {
        memcpy(right->child, left->child + keep, (BTREE_FAN - keep) * sizeof right->child[0]);
    }
    right->count = (uint16_t)(BTREE_FAN - keep);
    left->count = keep;
    right->item[0]->refs++; /* the separator is a reference to its first key */
    slot_insert(parent, (uint16_t)(at + 1), right->item[0], right);
    return ERR_OK;
}

static struct item *item_new(struct btree *t, struct bytes key, struct bytes value)
{
    struct item *i = mem_alloc(t->mem, sizeof *i + key.count + value.count);
    if (i == NULL) {
        return NULL;
    }
    i->refs = 1;
    i->key_bytes = (uint16_t)key.count;
    i->mark = value.data == NULL;
    i->value_bytes = (uint32_t)value.count;
    if (key.count > 0) {
        memcpy(i->data, key.data, key.count);
    }
    if (value.count > 0) {
        memcpy(i->data + key.count, value.data, value.count);
    }
    return i;
}

/* Room at the root: an owned node that is not full. */
static enum err root_ready(struct btree *t)
{
    if (t->root == NULL) {
        t->root = node_new(t, true);
        return t->root != NULL ? ERR_OK : ERR_NO_MEMORY;
    }
    if (own(t, &t->root) == NULL) {
        return ERR_NO_MEMORY;
    }
    if (t->root->count < BTREE_FAN) {
        return ERR_OK;
    }
    struct btree_node *top = node_new(t, false);
    if (top == NULL) {
        return ERR_NO_MEMORY;
    }
    t->root->item[0]->refs++;
    slot_insert(top, 0, t->root->item[0], t->root);
    enum err e = split(t, top, 0);
    if (e != ERR_OK) {
        item_drop(t, top->item[0]);
        mem_free(t->mem, top);
        return e;
    }
    t->root = top;
    return ERR_OK;
}

/* Down to the leaf of key, every node on the way owned and not full. */
static enum err descend(struct btree *t, struct bytes key, struct btree_node **out)
{
    TRY(root_ready(t));
    struct btree_node *n = t->root;
    for (int depth = 0; !n->leaf; depth++) {
        ASSERT(depth < BTREE_HEIGHT_MAX);
        uint16_t at = child_of(n, key);
        if (own(t, &n->child[at]) == NULL) {
            return ERR_NO_MEMORY;
        }
        if (n->child[at]->count == BTREE_FAN) {
            TRY(split(t, n, at));
            at = child_of(n, key);
            if (own(t, &n->child[at]) == NULL) {
                return ERR_NO_MEMORY;
            }
        }
        n = n->child[at];
    }
    *out = n;
    return ERR_OK;
}

enum err btree_put(struct btree *t, struct bytes key, struct bytes value)
{
    struct btree_node *leaf = NULL;
    bool exact = false;
    ASSERT(key.count <= BTREE_KEY_BYTES_MAX);
    ASSERT(value.data != NULL || value.count == 0);
    struct item *item = item_new(t, key, value);
    if (item == NULL) {
        return ERR_NO_MEMORY;
    }
    enum err e = descend(t, key, &leaf);
    if (e != ERR_OK) {
        item_drop(t, item);
        return e;
    }
    uint16_t at = lower(leaf, key, &exact);
    if (exact) {
        t->bytes -= leaf->item[at]->value_bytes;
        item_drop(t, leaf->item[at]);
        leaf->item[at] = item;
    } else {
        slot_insert(leaf, at, item, NULL);
        t->count++;
        t->bytes += key.count;
    }
    t->bytes += value.count;
    return ERR_OK;
}

bool btree_get(const struct btree *t, struct bytes key, struct bytes *out)
{
    const struct btree_node *n = t->root;
    bool exact = false;
    while (n != NULL && !n->leaf) {
        n = n->child[child_of(n, key)];
    }
    if (n == NULL) {
        return false;
    }
    uint16_t at = lower(n, key, &exact);
    if (exact) {
        *out = item_value(n->item[at]);
    }
    return exact;
}

bool btree_del(struct btree *t, struct bytes key, enum err *out_err)
{
    struct btree_node **place[BTREE_HEIGHT_MAX];
    uint16_t slot[BTREE_HEIGHT_MAX];
    struct bytes value;
    int depth = 0;
    bool exact = false;
    *out_err = ERR_OK;
    if (!btree_get(t, key, &value)) {
        return false;
    }
    place[0] = &t->root;
    for (;; depth++) {
        ASSERT(depth < BTREE_HEIGHT_MAX - 1);
        struct btree_node *n = own(t, place[depth]);
        if (n == NULL) {
            *out_err = ERR_NO_MEMORY;
            return false;
        }
        slot[depth] = n->leaf ? lower(n, key, &exact) : child_of(n, key);
        if (n->leaf) {
            break;
        }
        place[depth + 1] = &n->child[slot[depth]];
    }
    ASSERT(exact);
    t->count--;
    t->bytes -= key.count + value.count;
    for (; depth >= 0; depth--) {
        struct btree_node *n = *place[depth];
        item_drop(t, n->item[slot[depth]]);
        slot_remove(n, slot[depth]);
        if (n->count > 0) {
            return true;
        }
        mem_free(t->mem, n); /* empty: its own slot in the parent goes too */
        *place[depth] = NULL;
    }
    return true;
}

/* The path down the left edge, to its leaf or to a node that is shared; slot 0 of each. Returns its
 * length. */
static int left_edge(struct btree *t, struct btree_node **path)
{
    int depth = 0;
    path[0] = t->root;
    while (!path[depth]->leaf && path[depth]->refs == 1) {
        ASSERT(depth < BTREE_HEIGHT_MAX - 1);
        path[depth + 1] = path[depth]->child[0];
        depth++;
    }
    return depth;
}

bool btree_shed(struct btree *t, uint32_t pairs)
{
    struct btree_node *path[BTREE_HEIGHT_MAX];
    while (t->root != NULL && pairs > 0) {
        int depth = left_edge(t, path);
        struct btree_node *leaf = path[depth];
        pairs -= leaf->count < pairs ? leaf->count : pairs;
        for (uint16_t i = 0; leaf->refs == 1 && i < leaf->count; i++) {
            item_drop(t, leaf->item[i]);
        }
        if (--leaf->refs == 0) {
            mem_free(t->mem, leaf);
        }
        for (depth--; depth >= 0; depth--) {
            item_drop(t, path[depth]->item[0]);
            slot_remove(path[depth], 0);
            if (path[depth]->count > 0) {
                break;
            }
            mem_free(t->mem, path[depth]);
        }
        t->root = depth < 0 ? NULL : t->root;
    }
    if (t->root == NULL) {
        btree_init(t, t->mem);
    }
    return t->root == NULL;
}

bool btree_seek(const struct btree *t, struct bytes from, bool after, struct bytes *out_key,
                struct bytes *out_value)
{
    const struct btree_node *n = t->root;
    const struct btree_node *next = NULL; /* subtree right of the path, nearest */
    bool exact = false;
    if (n == NULL) {
        return false;
    }
    while (!n->leaf) {
        uint16_t at = child_of(n, from);
        next = at + 1 < n->count ? n->child[at + 1] : next;
        n = n->child[at];
    }
    uint16_t at = lower(n, from, &exact);
    at = (uint16_t)(at + (exact && after ? 1 : 0));
    if (at == n->count) {
        n = next;
        at = 0;
        while (n != NULL && !n->leaf) {
            n = n->child[0];
        }
    }
    if (n == NULL) {
        return false;
    }
    *out_key = item_key(n->item[at]);
    *out_value = item_value(n->item[at]);
    return true;
}

bool btree_seek_last(const struct btree *t, struct bytes before, struct bytes *out_key,
                     struct bytes *out_value)
{
    const struct btree_node *n = t->root;
    const struct btree_node *prev = NULL; /* subtree left of the path, nearest */
    bool exact = false;
    if (n == NULL) {
        return false;
    }
    while (!n->leaf) {
        uint16_t at = before.data == NULL ? (uint16_t)(n->count - 1) : child_of(n, before);
        prev = at > 0 ? n->child[at - 1] : prev;
        n = n->child[at];
    }
    uint16_t at = before.data == NULL ? n->count : lower(n, before, &exact);
    if (at == 0) {
        n = prev;
        while (n != NULL && !n->leaf) {
            n = n->child[n->count - 1];
        }
        at = n != NULL ? n->count : 0;
    }
    if (n == NULL) {
        return false;
    }
    *out_key = item_key(n->item[at - 1]);
    *out_value = item_value(n->item[at - 1]);
    return true;
}
