/* sim/backing.c -- trees that are changed by whole writes. */
#include "sim/backing.h"

#include "base/list.h"

#include "base/panic.h"

enum {
    PUTS_PER_OP = 16 /* of rows that are being built */
};

static struct sim_backing *of(struct backing *b)
{
    return CONTAINER_OF(b, struct sim_backing, base);
}

static enum err get(struct backing *b, enum table_id id, struct bytes key, struct bytes *out)
{
    return btree_get(&of(b)->tree[id], key, out) ? ERR_OK : ERR_NOT_FOUND;
}

static enum err seek(struct backing *b, enum table_id id, struct bytes from, bool after,
                     struct bytes *out_key, struct bytes *out_value)
{
    bool found = btree_seek(&of(b)->tree[id], from, after, out_key, out_value);
    return found ? ERR_OK : ERR_NOT_FOUND;
}

static void rest(struct backing *b)
{
    (void)b;
}

static enum err prepare(struct backing *b, uint64_t rows, uint64_t bytes)
{
    (void)b;
    (void)rows;
    (void)bytes;
    return ERR_OK;
}

static enum err take(struct btree *to, const struct btree *from)
{
    struct bytes key = { 0 };
    struct bytes value;
    bool more = btree_seek(from, key, false, &key, &value);
    while (more) {
        enum err e = ERR_OK;
        if (value.data != NULL) {
            TRY(btree_put(to, key, value));
        } else {
            btree_del(to, key, &e);
            TRY(e);
        }
        more = btree_seek(from, key, true, &key, &value);
    }
    return ERR_OK;
}

static enum err write_rows(struct backing *base, const struct backing_batch *batch)
{
    struct sim_backing *b = of(base);
    bool last = false;
    if (b->disk != NULL) {
        if (b->disk->full) {
            return ERR_NO_SPACE;
        }
        TRY(sim_disk_op(b->disk, &last));
    }
    if (last && prng_below(&b->disk->prng, 2) == 0) {
        return ERR_IO; /* the crash came before its last sync */
    }
    for (int i = 0; i < TABLE_COUNT; i++) {
        TRY(take(&b->tree[i], batch->tree[i]));
    }
    return last ? ERR_IO : ERR_OK;
}

static enum err view_begin(struct backing *base)
{
    struct sim_backing *b = of(base);
    if (b->viewed) {
        return ERR_BUSY;
    }
    for (int i = 0; i < TABLE_COUNT; i++) {
        btree_freeze(&b->tree[i], &b->view[i]);
    }
    b->viewed = true;
    return ERR_OK;
}

static enum err view_seek(struct backing *base, enum table_id id, struct bytes from, bool after,
                          struct bytes *out_key, struct bytes *out_value)
{
    bool found = btree_seek(&of(base)->view[id], from, after, out_key, out_value);
    return found ? ERR_OK : ERR_NOT_FOUND;
}

static void view_end(struct backing *base)
{
    struct sim_backing *b = of(base);
    for (int i = 0; i < TABLE_COUNT && b->viewed; i++) {
        btree_done(&b->view[i]);
    }
    b->viewed = false;
}

/* One operation of the disk; *out_last: the crash comes in it. */
static enum err operation(struct sim_backing *b, bool *out_last)
{
    *out_last = false;
    if (b->disk != NULL && b->disk->full) {
        return ERR_NO_SPACE;
    }
    return b->disk != NULL ? sim_disk_op(b->disk, out_last) : ERR_OK;
}

static void next_drop(struct sim_backing *b)
{
    for (int i = 0; i < TABLE_COUNT; i++) {
        btree_done(&b->next[i]);
    }
    b->swapped = false;
    b->puts = 0;
}

static void next_adopt(struct sim_backing *b)
{
    for (int i = 0; i < TABLE_COUNT; i++) {
        btree_done(&b->tree[i]);
        b->tree[i] = b->next[i];
        btree_init(&b->next[i], b->tree[i].mem);
    }
    b->swapped = false;
}

static enum err build_begin(struct backing *base)
{
    bool last = false;
    next_drop(of(base));
    TRY(operation(of(base), &last));
    return last ? ERR_IO : ERR_OK;
}

static enum err build_put(struct backing *base, enum table_id id, struct bytes key,
                          struct bytes value)
{
    struct sim_backing *b = of(base);
    bool last = false;
    if (b->puts++ % PUTS_PER_OP == 0) {
        TRY(operation(b, &last));
    }
    TRY(last ? ERR_IO : btree_put(&b->next[id], key, value));
    return ERR_OK;
}

static enum err build_seal(struct backing *base)
{
    bool last = false;
    TRY(operation(of(base), &last));
    return last ? ERR_IO : ERR_OK;
}

static enum err build_swap(struct backing *base)
{
    struct sim_backing *b = of(base);
    bool last = false;
    TRY(operation(b, &last));
    b->swapped = !last || prng_below(&b->disk->prng, 2) == 0;
    return last ? ERR_IO : ERR_OK;
}

static enum err build_end(struct backing *base, bool adopt)
{
    struct sim_backing *b = of(base);
    ASSERT(!adopt || (b->swapped && !b->viewed));
    if (adopt) {
        next_adopt(b);
    } else if (!b->swapped) { /* else a restart finds them, whoever gave them up */
        next_drop(b);
    }
    return ERR_OK;
}

/* The process ends: what is in force stays. */
static void close_rows(struct backing *base)
{
    view_end(base);
    if (of(base)->swapped) {
        next_adopt(of(base));
    }
    next_drop(of(base));
}

static const struct backing_table sim_backing_table = {
    .get = get,
    .seek = seek,
    .rest = rest,
    .prepare = prepare,
    .write = write_rows,
    .view_begin = view_begin,
    .view_seek = view_seek,
    .view_end = view_end,
    .build_begin = build_begin,
    .build_put = build_put,
    .build_seal = build_seal,
    .build_swap = build_swap,
    .build_end = build_end,
    .close = close_rows,
};

void sim_backing_init(struct sim_backing *b, struct mem *mem, struct sim_disk *disk)
{
    b->base.table = &sim_backing_table;
    b->disk = disk;
    b->viewed = false;
    b->swapped = false;
    b->puts = 0;
    for (int i = 0; i < TABLE_COUNT; i++) {
        btree_init(&b->tree[i], mem);
        btree_init(&b->next[i], mem);
    }
}

void sim_backing_done(struct sim_backing *b)
{
    close_rows(&b->base);
    for (int i = 0; i < TABLE_COUNT; i++) {
        btree_done(&b->tree[i]);
    }
}
