/* store/table.h -- named ordered maps of bytes: what the state machine is made of.
 *
 * Shape:      a fixed set of tables; pairs are read and changed one at a time, or walked by seeking
 * Invariants: what a group of changes belongs to (applied index and so on) is the caller's row in
 *             TABLE_META, so it moves with the data
 * Owns:       copies of keys and values
 * Thread:     the loop's
 */
#ifndef STORE_TABLE_H
#define STORE_TABLE_H

#include "store/btree.h"

enum table_id {
    TABLE_KEY,     /* user key -> record */
    TABLE_SESSION, /* request ids already applied */
    TABLE_META,    /* applied index, revision, configuration, hash */
    TABLE_COUNT,
};

struct tables {
    struct btree tree[TABLE_COUNT];
};

/* tables_open -- empty tables in memory; mem bounds them. */
void tables_open(struct tables *t, struct mem *mem);
void tables_close(struct tables *t);

/* table_put -- err ERR_NO_MEMORY: nothing changed. */
MUST_CHECK
enum err table_put(struct tables *t, enum table_id id, struct bytes key, struct bytes value);

/* table_del -- err ERR_NOT_FOUND, ERR_NO_MEMORY: nothing changed. */
MUST_CHECK
enum err table_del(struct tables *t, enum table_id id, struct bytes key);

/* table_get -- view until the next change. */
bool table_get(const struct tables *t, enum table_id id, struct bytes key, struct bytes *out);

/* table_seek -- first pair with key >= from, or > from; views until the next change. */
bool table_seek(const struct tables *t, enum table_id id, struct bytes from, bool after,
                struct bytes *out_key, struct bytes *out_value);

/* table_rows -- how many pairs a table has. */
uint64_t table_rows(const struct tables *t, enum table_id id);

/* tables_bytes -- of all keys and values. */
uint64_t tables_bytes(const struct tables *t);

#endif
