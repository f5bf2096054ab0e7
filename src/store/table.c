/* store/table.c -- tables as one tree each. */
#include "store/table.h"

#include "base/panic.h"

void tables_open(struct tables *t, struct mem *mem)
{
    for (int i = 0; i < TABLE_COUNT; i++) {
        btree_init(&t->tree[i], mem);
    }
}

void tables_close(struct tables *t)
{
    for (int i = 0; i < TABLE_COUNT; i++) {
        btree_done(&t->tree[i]);
    }
}

enum err table_put(struct tables *t, enum table_id id, struct bytes key, struct bytes value)
{
    ASSERT(id < TABLE_COUNT);
    return btree_put(&t->tree[id], key, value);
}

enum err table_del(struct tables *t, enum table_id id, struct bytes key)
{
    enum err e = ERR_OK;
    ASSERT(id < TABLE_COUNT);
    bool found = btree_del(&t->tree[id], key, &e);
    return e != ERR_OK || found ? e : ERR_NOT_FOUND;
}

bool table_get(const struct tables *t, enum table_id id, struct bytes key, struct bytes *out)
{
    ASSERT(id < TABLE_COUNT);
    return btree_get(&t->tree[id], key, out);
}

bool table_seek(const struct tables *t, enum table_id id, struct bytes from, bool after,
                struct bytes *out_key, struct bytes *out_value)
{
    ASSERT(id < TABLE_COUNT);
    return btree_seek(&t->tree[id], from, after, out_key, out_value);
}

uint64_t table_rows(const struct tables *t, enum table_id id)
{
    return t->tree[id].count;
}

uint64_t tables_bytes(const struct tables *t)
{
    uint64_t bytes = 0;
    for (int i = 0; i < TABLE_COUNT; i++) {
        bytes += t->tree[i].bytes;
    }
    return bytes;
}
