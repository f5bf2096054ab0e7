/* store/lmdb_check.c -- a walk over LMDB's pages, format of versions 0.9.x on this machine.
 *
 * Shape: page = number u64 | pad u16 | flags u16 | lower u16 | upper u16 | offsets u16..., nodes at
 *        the end; node = lo u16 | hi u16 | flags u16 | key bytes u16 | key | data
 */
#include "store/lmdb_check.h"

#include "store/lmdb_rows.h"

enum {
    PAGE_HEAD = 16,
    PAGE_BRANCH = 1,
    PAGE_LEAF = 2,
    PAGE_OVERFLOW = 4,
    PAGE_META = 8,
    PAGE_KINDS = 0x7f,
    NODE_HEAD = 8,
    NODE_BIG = 1,
    NODE_TREE = 2,
    META_MAGIC_AT = 16,
    META_FREE_AT = 40,
    META_MAIN_AT = 88,
    META_LAST_AT = 136,
    META_TXN_AT = 144,
    META_BYTES = 152,
    TREE_BYTES = 48,
    TREES_MAX = 8,
    DEPTH_MAX = 32,
    KEY_MAX = 511,
    BIG_BYTES_MAX = 64 * 1024 * 1024
};
#define META_MAGIC 0xbeefc0deu
#define NO_PAGE UINT64_MAX

enum tree_kind {
    TREE_FREE, /* transaction -> pages that may be used again */
    TREE_MAIN, /* name -> tree */
    TREE_ROWS, /* with a checksum each */
    TREE_PLAIN
};

struct tree {
    enum tree_kind kind;
    uint16_t depth;
    uint64_t pages[3]; /* branch, leaf, overflow */
    uint64_t entries;
    uint64_t root;
};

struct level {
    uint8_t *page;
    uint32_t next; /* node */
};

struct check {
    struct os_file *file;
    struct mem *mem;
    uint64_t page_bytes;
    uint64_t page_count;
    uint8_t *used;  /* a bit a page */
    uint8_t *pages; /* of the levels */
    uint8_t *big;
    size_t big_bytes;
    struct level level[DEPTH_MAX];
    struct tree tree[TREES_MAX]; /* found in the main tree */
    uint32_t trees;
    bool freeing;           /* the second pass over the free tree: its pages must not be in use */
    struct tree seen;       /* counts of the tree under way */
    uint8_t floor[KEY_MAX]; /* no key may be below */
    size_t floor_bytes;
    bool floor_itself; /* it may be equal */
};

static uint16_t u16(const uint8_t *at)
{
    uint16_t v = 0;
    memcpy(&v, at, sizeof v);
    return v;
}

static uint32_t u32(const uint8_t *at)
{
    uint32_t v = 0;
    memcpy(&v, at, sizeof v);
    return v;
}

static uint64_t u64(const uint8_t *at)
{
    uint64_t v = 0;
    memcpy(&v, at, sizeof v);
    return v;
}

static struct tree tree_read(const uint8_t *at, enum tree_kind kind)
{
    struct tree t = { .kind = kind, .depth = u16(at + 6), .entries = u64(at + 32) };
    for (int i = 0; i < 3; i++) {
        t.pages[i] = u64(at + 8 + 8 * i);
    }
    t.root = u64(at + 40);
    return t;
}

/* Count pages from number on as used. */
static enum err take(struct check *c, uint64_t number, uint64_t count)
{
    if (number < 2 || number >= c->page_count || count > c->page_count - number) {
        return ERR_CORRUPT;
    }
    for (uint64_t i = number; i < number + count; i++) {
        uint8_t bit = (uint8_t)(1u << (i % 8));
        if ((c->used[i / 8] & bit) != 0) {
            return ERR_CORRUPT;
        }
        c->used[i / 8] |= bit;
    }
    return ERR_OK;
}

static enum err read_exact(struct check *c, uint64_t number, uint8_t *out, size_t count)
{
    size_t have = 0;
    TRY(os_file_read(c->file, number * c->page_bytes, out, count, &have));
    return have == count ? ERR_OK : ERR_CORRUPT;
}

static uint32_t node_count(const uint8_t *page)
{
    return (uint32_t)(u16(page + 12) - PAGE_HEAD) / 2;
}

/* Page `number` into a level: its head and all offsets are good. */
static enum err page_load(struct check *c, uint64_t number, uint32_t depth, uint16_t kind)
{
    struct level *l = &c->level[depth];
    if (!c->freeing) {
        TRY(take(c, number, 1));
    }
    l->page = c->pages + depth * c->page_bytes;
    l->next = 0;
    TRY(read_exact(c, number, l->page, (size_t)c->page_bytes));
    uint16_t lower = u16(l->page + 12);
    uint16_t upper = u16(l->page + 14);
    if (u64(l->page) != number || (u16(l->page + 10) & PAGE_KINDS) != kind || lower < PAGE_HEAD ||
        lower % 2 != 0 || lower > upper || upper > c->page_bytes || node_count(l->page) == 0) {
        return ERR_CORRUPT;
    }
    for (uint32_t i = 0; i < node_count(l->page); i++) {
        uint32_t at = u16(l->page + PAGE_HEAD + 2 * i);
        if (at < upper || at + NODE_HEAD > c->page_bytes ||
            at + NODE_HEAD + u16(l->page + at + 6) > c->page_bytes) {
            return ERR_CORRUPT;
        }
    }
    c->seen.pages[kind == PAGE_BRANCH ? 0 : 1]++;
    return ERR_OK;
}

/* Keys rise through the whole tree; a separator lies between its neighbours. */
static enum err key_rises(struct check *c, struct bytes key, bool separator)
{
    if (key.count == 0 || key.count > KEY_MAX) {
        return ERR_CORRUPT;
    }
    int order = bytes_compare(key, bytes_of(c->floor, c->floor_bytes));
    if (order < 0 || (order == 0 && !c->floor_itself)) {
        return ERR_CORRUPT;
    }
    memcpy(c->floor, key.data, key.count);
    c->floor_bytes = key.count;
    c->floor_itself = separator;
    return ERR_OK;
}

/* The pages of a value that has its own. */
static enum err big_load(struct check *c, const uint8_t *node, size_t count, size_t room,
                         const uint8_t **out)
{
    if (room < 8 || count > BIG_BYTES_MAX) {
        return ERR_CORRUPT;
    }
    uint64_t number = u64(node);
    uint64_t pages = (PAGE_HEAD + count + c->page_bytes - 1) / c->page_bytes;
    size_t bytes = PAGE_HEAD + count;
    if (!c->freeing) {
        TRY(take(c, number, pages));
    }
    if (bytes > c->big_bytes) {
        uint8_t *moved = mem_resize(c->mem, c->big, bytes);
        if (moved == NULL) {
            return ERR_NO_MEMORY;
        }
        c->big = moved;
        c->big_bytes = bytes;
    }
    TRY(read_exact(c, number, c->big, bytes));
    if (u64(c->big) != number || (u16(c->big + 10) & PAGE_KINDS) != PAGE_OVERFLOW ||
        u32(c->big + 12) != pages) {
        return ERR_CORRUPT;
    }
    c->seen.pages[2] += pages;
    *out = c->big + PAGE_HEAD;
    return ERR_OK;
}

/* A list of free pages: count, then numbers that fall; none of them is in use. */
static enum err free_list(struct check *c, const uint8_t *data, size_t count)
{
    if (count < 8 || u64(data) != count / 8 - 1 || count % 8 != 0) {
        return ERR_CORRUPT;
    }
    for (uint64_t i = 1; c->freeing && i <= u64(data); i++) {
        TRY(take(c, u64(data + 8 * i), 1));
    }
    return ERR_OK;
}

static enum err subtree(struct check *c, struct bytes name, const uint8_t *data, size_t count)
{
    bool plain = bytes_equal(name, bytes_text("head"));
    if (count != TREE_BYTES || c->trees == TREES_MAX || u16(data + 4) != 0) {
        return ERR_CORRUPT;
    }
    c->tree[c->trees++] = tree_read(data, plain ? TREE_PLAIN : TREE_ROWS);
    return ERR_OK;
}

static enum err leaf_node(struct check *c, const uint8_t *page, uint32_t i)
{
    uint32_t at = u16(page + PAGE_HEAD + 2 * i);
    const uint8_t *node = page + at;
    uint16_t flags = u16(node + 4);
    struct bytes key = bytes_of(node + NODE_HEAD, u16(node + 6));
    const uint8_t *data = key.data + key.count;
    size_t count = (size_t)u16(node) | (size_t)u16(node + 2) << 16;
    size_t room = (size_t)(page + c->page_bytes - data);
    bool main = c->seen.kind == TREE_MAIN;
    if (flags != (main ? NODE_TREE : flags & NODE_BIG)) {
        return ERR_CORRUPT;
    }
    if ((flags & NODE_BIG) != 0) {
        TRY(big_load(c, data, count, room, &data));
    } else if (count > room) {
        return ERR_CORRUPT;
    }
    c->seen.entries++;
    if (c->seen.kind == TREE_FREE) {
        return key.count == 8 ? free_list(c, data, count) : ERR_CORRUPT;
    }
    TRY(key_rises(c, key, false));
    if (main) {
        return subtree(c, key, data, count);
    }
    return c->seen.kind == TREE_ROWS ? lmdb_rows_check(key, bytes_of(data, count)) : ERR_OK;
}

/* Down to a child; the separator of the first one is never looked at. */
static enum err branch_node(struct check *c, const uint8_t *page, uint32_t i, uint64_t *out_child)
{
    const uint8_t *node = page + u16(page + PAGE_HEAD + 2 * i);
    *out_child =
        (uint64_t)u16(node) | (uint64_t)u16(node + 2) << 16 | (uint64_t)u16(node + 4) << 32;
    if (i == 0 || c->seen.kind == TREE_FREE) {
        return ERR_OK;
    }
    return key_rises(c, bytes_of(node + NODE_HEAD, u16(node + 6)), true);
}

static enum err walk(struct check *c, uint64_t root, uint16_t depth)
{
    uint32_t at = 0;
    TRY(page_load(c, root, 0, depth == 1 ? PAGE_LEAF : PAGE_BRANCH));
    for (;;) { /* ends: no page is read twice, and each has an end */
        struct level *l = &c->level[at];
        if (l->next == node_count(l->page)) {
            if (at == 0) {
                return ERR_OK;
            }
            at--;
            continue;
        }
        uint32_t i = l->next++;
        if (at + 1u == depth) {
            TRY(leaf_node(c, l->page, i));
        } else {
            uint64_t child = 0;
            TRY(branch_node(c, l->page, i, &child));
            at++;
            TRY(page_load(c, child, at, at + 1u == depth ? PAGE_LEAF : PAGE_BRANCH));
        }
    }
}

static enum err tree_check(struct check *c, const struct tree *t)
{
    c->seen = (struct tree){ .kind = t->kind };
    c->floor_bytes = 0;
    c->floor_itself = false;
    if (t->depth > DEPTH_MAX || (t->depth == 0) != (t->root == NO_PAGE)) {
        return ERR_CORRUPT;
    }
    if (t->depth > 0) {
        TRY(walk(c, t->root, t->depth));
    }
    return memcmp(c->seen.pages, t->pages, sizeof t->pages) == 0 && c->seen.entries == t->entries
               ? ERR_OK
               : ERR_CORRUPT;
}

static enum err trees_check(struct check *c, const struct tree *free_tree, const struct tree *top)
{
    TRY(tree_check(c, free_tree));
    TRY(tree_check(c, top));
    for (uint32_t i = 0; i < c->trees; i++) {
        TRY(tree_check(c, &c->tree[i]));
    }
    c->freeing = true;
    return tree_check(c, free_tree);
}

/* The newer of two good meta pages, as LMDB chooses; false: LMDB will say what is wrong. */
static enum err meta_read(struct check *c, uint8_t out[META_BYTES], bool *out_found)
{
    uint64_t at = 0;
    *out_found = false;
    for (int i = 0; i < 2; i++) {
        uint8_t raw[META_BYTES];
        size_t have = 0;
        TRY(os_file_read(c->file, at, raw, sizeof raw, &have));
        if (have < sizeof raw || u32(raw + META_MAGIC_AT) != META_MAGIC ||
            u32(raw + META_MAGIC_AT + 4) != 1 || (u16(raw + 10) & PAGE_META) == 0) {
            *out_found = false;
            return ERR_OK;
        }
        if (i == 0) {
            c->page_bytes = u32(raw + META_FREE_AT);
            at = c->page_bytes;
        }
        if (i == 0 || u64(raw + META_TXN_AT) > u64(out + META_TXN_AT)) {
            memcpy(out, raw, sizeof raw);
        }
    }
    *out_found = true;
    return c->page_bytes >= 512 && c->page_bytes <= 65536 && u32(out + META_FREE_AT) == at
               ? ERR_OK
               : ERR_CORRUPT;
}

enum err lmdb_check(struct os_file *file, struct mem *mem, uint64_t max, uint64_t *out_bytes)
{
    struct check c = { .file = file, .mem = mem };
    uint8_t meta[META_BYTES];
    uint64_t bytes = 0;
    bool found = false;
    *out_bytes = 0;
    TRY(os_file_size(file, &bytes));
    TRY(meta_read(&c, meta, &found));
    if (!found) {
        return ERR_OK;
    }
    uint64_t last = u64(meta + META_LAST_AT);
    if (last < 1 || last >= UINT32_MAX) { /* 16 TiB and more */
        return ERR_CORRUPT;
    }
    c.page_count = last + 1;
    *out_bytes = c.page_count * c.page_bytes;
    if (bytes > max && bytes >= *out_bytes) {
        return ERR_OK;
    }
    size_t map_bytes = (size_t)(c.page_count / 8 + 1);
    c.used = mem_alloc(mem, map_bytes);
    c.pages = mem_alloc(mem, (size_t)(DEPTH_MAX * c.page_bytes));
    enum err e = ERR_NO_MEMORY;
    if (c.used != NULL && c.pages != NULL) {
        struct tree free_tree = tree_read(meta + META_FREE_AT, TREE_FREE);
        struct tree top = tree_read(meta + META_MAIN_AT, TREE_MAIN);
        memset(c.used, 0, map_bytes);
        e = trees_check(&c, &free_tree, &top);
    }
    mem_free(mem, c.used);
    mem_free(mem, c.pages);
    mem_free(mem, c.big);
    return e;
}
