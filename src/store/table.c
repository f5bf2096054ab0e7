/* store/table.c -- reads through the layers, changes in the topmost. */
#include "store/table.h"

#include "base/mark.h"
#include "base/panic.h"

enum {
    SHED_PAIRS = 4096 /* given back in one turn */
};

void tables_open(struct tables *t, struct mem *mem, struct backing *backing)
{
    memset(t, 0, sizeof *t);
    t->mem = mem;
    t->backing = backing;
    for (int i = 0; i < TABLE_COUNT; i++) {
        btree_init(&t->active[i], mem);
        btree_init(&t->frozen[i], mem);
        btree_init(&t->spent[i], mem);
    }
}

void tables_close(struct tables *t)
{
    for (int i = 0; i < TABLE_COUNT; i++) {
        btree_done(&t->active[i]);
        btree_done(&t->frozen[i]);
        btree_done(&t->spent[i]);
    }
}

enum err table_put(struct tables *t, enum table_id id, struct bytes key, struct bytes value)
{
    static const uint8_t nothing[1] = { 0 };
    ASSERT(id < TABLE_COUNT);
    return btree_put(&t->active[id], key, value.data != NULL ? value : bytes_of(nothing, 0));
}

enum err table_del(struct tables *t, enum table_id id, struct bytes key)
{
    struct bytes old;
    enum err e = ERR_OK;
    TRY(table_get(t, id, key, &old));
    if (t->backing != NULL) {
        return btree_put(&t->active[id], key, (struct bytes){ 0 });
    }
    bool found = btree_del(&t->active[id], key, &e);
    ASSERT(found || e != ERR_OK);
    return e;
}

enum err table_get(const struct tables *t, enum table_id id, struct bytes key, struct bytes *out)
{
    ASSERT(id < TABLE_COUNT);
    if (btree_get(&t->active[id], key, out) || btree_get(&t->frozen[id], key, out)) {
        return out->data != NULL ? ERR_OK : ERR_NOT_FOUND;
    }
    return t->backing != NULL ? backing_get(t->backing, id, key, out) : ERR_NOT_FOUND;
}

/* ---- Seeking: the smallest key of three layers; the upper layer wins among equals ---- */

enum {
    LAYER_ACTIVE,
    LAYER_FROZEN,
    LAYER_BACKING,
    LAYER_COUNT
};

struct layer {
    bool there;
    struct bytes key;
    struct bytes value; /* data NULL: a mark */
};

static enum err layer_seek(const struct tables *t, enum table_id id, int layer, struct bytes from,
                           bool after, struct layer *l)
{
    enum err e = ERR_NOT_FOUND;
    if (layer == LAYER_BACKING) {
        if (t->backing != NULL) {
            e = backing_seek(t->backing, id, from, after, &l->key, &l->value);
        }
    } else {
        const struct btree *tree = layer == LAYER_ACTIVE ? &t->active[id] : &t->frozen[id];
        e = btree_seek(tree, from, after, &l->key, &l->value) ? ERR_OK : ERR_NOT_FOUND;
    }
    l->there = e == ERR_OK;
    return e == ERR_NOT_FOUND ? ERR_OK : e;
}

static struct layer *smallest(struct layer *layers)
{
    struct layer *best = NULL;
    for (int i = 0; i < LAYER_COUNT; i++) {
        if (layers[i].there && (best == NULL || bytes_compare(layers[i].key, best->key) < 0)) {
            best = &layers[i];
        }
    }
    return best;
}

enum err table_seek(const struct tables *t, enum table_id id, struct bytes from, bool after,
                    struct bytes *out_key, struct bytes *out_value)
{
    struct layer layers[LAYER_COUNT];
    ASSERT(id < TABLE_COUNT);
    for (int i = 0; i < LAYER_COUNT; i++) {
        TRY(layer_seek(t, id, i, from, after, &layers[i]));
    }
    for (;;) { /* ends: every round leaves a larger key behind */
        struct layer *best = smallest(layers);
        if (best == NULL) {
            return ERR_NOT_FOUND;
        }
        if (best->value.data != NULL) {
            *out_key = best->key;
            *out_value = best->value;
            return ERR_OK;
        }
        struct bytes gone = best->key; /* in a tree, so it outlives the seeks below */
        MARK("store: a seek passes a deleted key");
        for (int i = LAYER_COUNT - 1; i >= 0; i--) {
            if (layers[i].there && bytes_equal(layers[i].key, gone)) {
                TRY(layer_seek(t, id, i, gone, true, &layers[i]));
            }
        }
    }
}

/* ---- Flushing ---- */

bool tables_rest(struct tables *t)
{
    bool more = false;
    if (t->backing != NULL) {
        backing_rest(t->backing);
    }
    for (int i = 0; i < TABLE_COUNT; i++) {
        more = !btree_shed(&t->spent[i], SHED_PAIRS) || more;
    }
    return more;
}

uint64_t tables_overlay_bytes(const struct tables *t)
{
    uint64_t bytes = 0;
    for (int i = 0; i < TABLE_COUNT; i++) {
        bytes += t->active[i].bytes;
    }
    return bytes;
}

enum err tables_freeze(struct tables *t)
{
    uint64_t rows = 0;
    ASSERT(t->backing != NULL && !t->flushing);
    for (int i = 0; i < TABLE_COUNT; i++) {
        rows += t->active[i].count;
    }
    enum err e = backing_prepare(t->backing, rows, tables_overlay_bytes(t));
    if (e != ERR_OK && e != ERR_BUSY) { /* busy: the write tries what room there is */
        return e;
    }
    for (int i = 0; i < TABLE_COUNT; i++) {
        ASSERT(t->frozen[i].root == NULL);
        t->frozen[i] = t->active[i];
        btree_init(&t->active[i], t->mem);
    }
    t->flushing = true;
    return ERR_OK;
}

enum err tables_write(const struct tables *t)
{
    struct backing_batch batch;
    ASSERT(t->flushing);
    for (int i = 0; i < TABLE_COUNT; i++) {
        batch.tree[i] = &t->frozen[i];
    }
    return backing_write(t->backing, &batch);
}

void tables_thaw(struct tables *t)
{
    ASSERT(t->flushing);
    backing_rest(t->backing); /* from here on reads must see what was written */
    for (int i = 0; i < TABLE_COUNT; i++) {
        btree_done(&t->spent[i]);
        t->spent[i] = t->frozen[i];
        btree_init(&t->frozen[i], t->mem);
    }
    t->flushing = false;
}

/* ---- Views ---- */

enum err tables_view_open(struct tables *t, struct tables_view *out)
{
    if (t->flushing || t->swapping) { /* a view would outlive the file that it looks into */
        MARK_IF(t->swapping, "store: no view while other rows take the place");
        return ERR_BUSY;
    }
    if (t->backing != NULL) {
        TRY(backing_view_begin(t->backing));
    }
    out->backing = t->backing;
    for (int i = 0; i < TABLE_COUNT; i++) {
        btree_init(&out->tree[i], t->mem);
        if (t->backing == NULL) {
            btree_freeze(&t->active[i], &out->tree[i]);
        }
    }
    return ERR_OK;
}

enum err tables_view_seek(const struct tables_view *v, enum table_id id, struct bytes from,
                          bool after, struct bytes *out_key, struct bytes *out_value)
{
    if (v->backing != NULL) {
        return backing_view_seek(v->backing, id, from, after, out_key, out_value);
    }
    return btree_seek(&v->tree[id], from, after, out_key, out_value) ? ERR_OK : ERR_NOT_FOUND;
}

void tables_view_close(struct tables_view *v)
{
    if (v->backing != NULL) {
        backing_view_end(v->backing);
    }
    for (int i = 0; i < TABLE_COUNT; i++) {
        btree_done(&v->tree[i]);
    }
}

/* ---- Other rows ---- */

void tables_adopt(struct tables *t, struct btree *next)
{
    ASSERT(!t->flushing);
    for (int i = 0; i < TABLE_COUNT; i++) {
        btree_done(&t->spent[i]);
        t->spent[i] = t->active[i];
        btree_init(&t->active[i], t->mem);
        if (t->backing == NULL) {
            t->active[i] = next[i];
            btree_init(&next[i], t->mem);
        }
    }
    t->swapping = false;
}
