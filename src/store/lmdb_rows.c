/* store/lmdb_rows.c -- walking down the pieces of a key.
 *
 * Shape: row = flags u8 | crc32c u32 of key, flags and rest | subtree u64 if flagged | value
 * Why:   LMDB's pages carry no checksums; with one in each row a rotten value is no answer
 */
#include "store/lmdb_rows.h"

#include "base/crc32c.h"
#include "base/mark.h"
#include "base/panic.h"

#include <errno.h>
#include <stdlib.h>

enum {
    ROW_VALUE = 1,
    ROW_SUBTREE = 2,
    ROW_HEAD_BYTES = 5,
    SUBTREE_BYTES = 8
};

/* One LMDB row as it is understood. */
struct row {
    bool has_value;
    uint64_t subtree; /* 0: none */
    struct bytes value;
};

/* Where a piece of a key is looked for. */
struct level {
    MDB_dbi dbi;
    uint64_t subtree; /* 0: the table's own database */
    struct bytes piece;
    uint8_t key[SUBTREE_BYTES + LMDB_PIECE];
    size_t key_bytes;
};

enum err lmdb_err(int rc)
{
    switch (rc) {
    case 0:
        return ERR_OK;
    case MDB_NOTFOUND:
        return ERR_NOT_FOUND;
    case MDB_MAP_FULL:
    case MDB_TXN_FULL:
        return ERR_BUSY;
    case MDB_CORRUPTED:
    case MDB_PAGE_NOTFOUND:
    case MDB_INVALID:
    case MDB_BAD_TXN:
    case MDB_INCOMPATIBLE: /* of a database's flags: nobody else sets them */
    case MDB_CURSOR_FULL:  /* a tree deeper than any */
    case MDB_BAD_VALSIZE:
        return ERR_CORRUPT;
    case MDB_VERSION_MISMATCH:
        return ERR_NEWER_FORMAT;
    case ENOSPC:
    case EDQUOT:
        return ERR_NO_SPACE;
    case ENOMEM:
        return ERR_NO_MEMORY;
    case EACCES:
    case EPERM:
        return ERR_NO_ACCESS;
    case EROFS:
        return ERR_READ_ONLY;
    default: /* MDB_PANIC among them: the meta page could not be written */
        return ERR_IO;
    }
}

static void number_put(uint8_t *out, uint64_t n)
{
    for (int i = 0; i < SUBTREE_BYTES; i++) {
        out[i] = (uint8_t)(n >> (56 - 8 * i));
    }
}

static void level_set(struct level *l, const struct lmdb_dbs *dbs, enum table_id id,
                      uint64_t subtree, struct bytes rest)
{
    size_t head = subtree == 0 ? 0 : SUBTREE_BYTES;
    l->subtree = subtree;
    l->dbi = subtree == 0 ? dbs->table[id] : dbs->extra;
    l->piece = bytes_of(rest.data, rest.count < LMDB_PIECE ? rest.count : LMDB_PIECE);
    number_put(l->key, subtree);
    if (l->piece.count > 0) {
        memcpy(l->key + head, l->piece.data, l->piece.count);
    }
    l->key_bytes = head + l->piece.count;
}

static MDB_val level_key(struct level *l)
{
    return (MDB_val){ l->key_bytes, l->key };
}

static uint32_t row_crc(MDB_val key, const uint8_t *row, size_t count)
{
    uint32_t crc = crc32c(0, key.mv_data, key.mv_size);
    crc = crc32c(crc, row, 1);
    return crc32c(crc, row + ROW_HEAD_BYTES, count - ROW_HEAD_BYTES);
}

static enum err row_read(MDB_val k, MDB_val v, struct row *out)
{
    struct reader r = reader_of(bytes_of(v.mv_data, v.mv_size));
    uint8_t flags = reader_u8(&r);
    uint32_t crc = reader_u32(&r);
    if (r.bad || crc != row_crc(k, v.mv_data, v.mv_size)) {
        MARK("store: a row has rotted");
        return ERR_CORRUPT;
    }
    out->has_value = (flags & ROW_VALUE) != 0;
    out->subtree = (flags & ROW_SUBTREE) != 0 ? reader_u64(&r) : 0;
    out->value = reader_take(&r, reader_left(&r));
    bool good = !r.bad && (flags & ~(ROW_VALUE | ROW_SUBTREE)) == 0 && flags != 0 &&
                ((flags & ROW_SUBTREE) == 0 || out->subtree != 0);
    return good ? ERR_OK : ERR_CORRUPT;
}

enum err lmdb_rows_check(struct bytes key, struct bytes row)
{
    union {
        const void *in;
        void *out; /* LMDB's values are not const; nothing is written */
    } k = { key.data }, v = { row.data };
    struct row ignored;
    return row_read((MDB_val){ key.count, k.out }, (MDB_val){ row.count, v.out }, &ignored);
}

static enum err row_get(MDB_txn *txn, struct level *l, struct row *out)
{
    MDB_val k = level_key(l);
    MDB_val v;
    TRY(lmdb_err(mdb_get(txn, l->dbi, &k, &v)));
    return row_read(k, v, out);
}

enum err lmdb_rows_get(MDB_txn *txn, const struct lmdb_dbs *dbs, enum table_id id, struct bytes key,
                       struct bytes *out)
{
    struct level l;
    struct row row;
    uint64_t subtree = 0;
    ASSERT(key.count > 0 && key.count <= LMDB_KEY_BYTES_MAX);
    for (;;) { /* ends: key gets shorter */
        level_set(&l, dbs, id, subtree, key);
        TRY(row_get(txn, &l, &row));
        key = bytes_of(key.data + l.piece.count, key.count - l.piece.count);
        if (key.count == 0) {
            *out = row.value;
            return row.has_value ? ERR_OK : ERR_NOT_FOUND;
        }
        if (row.subtree == 0) {
            return ERR_NOT_FOUND;
        }
        subtree = row.subtree;
    }
}

/* ---- Seeking ---- */

struct seeking {
    MDB_txn *txn;
    const struct lmdb_dbs *dbs;
    enum table_id id;
    uint8_t *room;
    size_t room_bytes; /* pieces of the levels above */
    struct bytes *out_key;
    struct bytes *out_value;
};

/* The row of a level at or behind l's key; ERR_NOT_FOUND when the level has none. */
static enum err row_at(struct seeking *s, struct level *l, MDB_cursor_op op, MDB_cursor *c,
                       struct bytes *piece, struct row *row)
{
    MDB_val k = level_key(l);
    MDB_val v;
    size_t head = l->subtree == 0 ? 0 : SUBTREE_BYTES;
    TRY(lmdb_err(mdb_cursor_get(c, &k, &v, op)));
    if (k.mv_size < head || memcmp(k.mv_data, l->key, head) != 0) {
        return ERR_NOT_FOUND; /* the next subtree's */
    }
    if (k.mv_size - head > LMDB_PIECE || s->room_bytes + k.mv_size > LMDB_KEY_BYTES_MAX) {
        return ERR_CORRUPT;
    }
    *piece = bytes_of((const uint8_t *)k.mv_data + head, k.mv_size - head);
    return row_read(k, v, row);
}

static void found(struct seeking *s, struct bytes piece, const struct row *row)
{
    memcpy(s->room + s->room_bytes, piece.data, piece.count);
    *s->out_key = bytes_of(s->room, s->room_bytes + piece.count);
    *s->out_value = row->value;
}

/* The first row of a subtree and, where it has no value, of the subtree below it. */
static enum err first_below(struct seeking *s, uint64_t subtree, struct bytes piece)
{
    for (int depth = 0; depth < LMDB_LEVELS_MAX; depth++) {
        struct level l;
        struct row row;
        MDB_cursor *c = NULL;
        memcpy(s->room + s->room_bytes, piece.data, piece.count);
        s->room_bytes += piece.count;
        level_set(&l, s->dbs, s->id, subtree, (struct bytes){ 0 });
        TRY(lmdb_err(mdb_cursor_open(s->txn, l.dbi, &c)));
        enum err e = row_at(s, &l, MDB_SET_RANGE, c, &piece, &row);
        mdb_cursor_close(c);
        if (e != ERR_OK) {
            return e == ERR_NOT_FOUND ? ERR_CORRUPT : e; /* a subtree is never empty */
        }
        if (row.has_value) {
            found(s, piece, &row);
            return ERR_OK;
        }
        subtree = row.subtree;
    }
    return ERR_CORRUPT;
}

/* Where a search begins in a level, seen from the row of its piece. */
enum seek_mode {
    SEEK_AT,     /* the row itself */
    SEEK_BELOW,  /* what hangs below it */
    SEEK_BEHIND, /* the row after it */
};

static enum err seek_level(struct seeking *s, struct level *l, enum seek_mode mode)
{
    MDB_cursor *c = NULL;
    struct bytes piece;
    struct row row;
    TRY(lmdb_err(mdb_cursor_open(s->txn, l->dbi, &c)));
    enum err e = row_at(s, l, l->key_bytes == 0 ? MDB_FIRST : MDB_SET_RANGE, c, &piece, &row);
    if (e == ERR_OK && mode != SEEK_AT && bytes_equal(piece, l->piece)) {
        row.has_value = false; /* passed */
        if (mode == SEEK_BEHIND || row.subtree == 0) {
            e = row_at(s, l, MDB_NEXT, c, &piece, &row);
        }
    }
    mdb_cursor_close(c);
    if (e != ERR_OK) {
        return e;
    }
    if (row.has_value) {
        found(s, piece, &row);
        return ERR_OK;
    }
    return row.subtree != 0 ? first_below(s, row.subtree, piece) : ERR_CORRUPT;
}

/* Levels along `from`, as far down as they exist. Returns how many. */
static enum err levels_along(MDB_txn *txn, const struct lmdb_dbs *dbs, enum table_id id,
                             struct bytes from, struct level *levels, int *out_count)
{
    struct row row;
    uint64_t subtree = 0;
    for (*out_count = 0; *out_count < LMDB_LEVELS_MAX;) {
        struct level *l = &levels[(*out_count)++];
        level_set(l, dbs, id, subtree, from);
        if (from.count <= LMDB_PIECE) {
            return ERR_OK;
        }
        enum err e = row_get(txn, l, &row);
        if (e == ERR_NOT_FOUND || (e == ERR_OK && row.subtree == 0)) {
            return ERR_OK;
        }
        TRY(e);
        subtree = row.subtree;
        from = bytes_of(from.data + LMDB_PIECE, from.count - LMDB_PIECE);
    }
    return ERR_OK;
}

enum err lmdb_rows_seek(MDB_txn *txn, const struct lmdb_dbs *dbs, enum table_id id,
                        struct bytes from, bool after, uint8_t *room, struct bytes *out_key,
                        struct bytes *out_value)
{
    struct level levels[LMDB_LEVELS_MAX];
    int count = 0;
    if (from.count > LMDB_KEY_BYTES_MAX) {
        from = bytes_of(from.data, LMDB_KEY_BYTES_MAX); /* no key is that long: all >= are > */
        after = true;
    }
    TRY(levels_along(txn, dbs, id, from, levels, &count));
    for (int i = count - 1; i >= 0; i--) {
        struct seeking s = { txn, dbs, id, room, (size_t)i * LMDB_PIECE, out_key, out_value };
        /* only a level with the end of `from` can hold it; above, we came through the row */
        bool end = s.room_bytes + levels[i].piece.count == from.count;
        if (s.room_bytes > 0) {
            memcpy(room, from.data, s.room_bytes);
        }
        enum err e = seek_level(&s, &levels[i], !end ? SEEK_BEHIND : after ? SEEK_BELOW : SEEK_AT);
        if (e != ERR_NOT_FOUND) {
            return e;
        }
    }
    return ERR_NOT_FOUND;
}

/* ---- Writing ---- */

static enum err row_write(MDB_txn *txn, struct level *l, const struct row *row, unsigned flags)
{
    MDB_val k = level_key(l);
    size_t value = row->has_value ? row->value.count : 0;
    size_t subtree = row->subtree != 0 ? SUBTREE_BYTES : 0;
    MDB_val v = { ROW_HEAD_BYTES + subtree + value, NULL };
    TRY(lmdb_err(mdb_put(txn, l->dbi, &k, &v, MDB_RESERVE | flags)));
    struct writer w = writer_of(v.mv_data, v.mv_size);
    writer_u8(&w,
              (uint8_t)((row->has_value ? ROW_VALUE : 0) | (row->subtree != 0 ? ROW_SUBTREE : 0)));
    writer_u32(&w, 0);
    if (row->subtree != 0) {
        writer_u64(&w, row->subtree);
    }
    writer_put(&w, bytes_of(row->value.data, value));
    ASSERT(!w.bad);
    struct writer crc = writer_of((uint8_t *)v.mv_data + 1, 4);
    writer_u32(&crc, row_crc(k, v.mv_data, v.mv_size));
    return ERR_OK;
}

static enum err subtree_new(MDB_txn *txn, const struct lmdb_dbs *dbs, uint64_t *out)
{
    MDB_val k = { 7, "subtree" };
    MDB_val v;
    uint8_t text[8];
    int rc = mdb_get(txn, dbs->head, &k, &v);
    *out = 1;
    if (rc == 0) {
        struct reader r = reader_of(bytes_of(v.mv_data, v.mv_size));
        *out = reader_u64(&r);
        if (r.bad || *out == 0) {
            return ERR_CORRUPT;
        }
    } else if (rc != MDB_NOTFOUND) {
        return lmdb_err(rc);
    }
    struct writer w = writer_of(text, sizeof text);
    writer_u64(&w, *out + 1);
    v = (MDB_val){ sizeof text, text };
    return lmdb_err(mdb_put(txn, dbs->head, &k, &v, 0));
}

/* The row of a piece as it is, or an empty one; its value is copied to spare, because LMDB may move
 * what a view points at when the row is written again. */
static enum err row_take(MDB_txn *txn, struct level *l, struct row *row, uint8_t **spare)
{
    *row = (struct row){ 0 };
    enum err e = row_get(txn, l, row);
    if (e == ERR_OK && row->has_value && row->value.count > 0) {
        *spare = malloc(row->value.count);
        if (*spare == NULL) {
            return ERR_NO_MEMORY;
        }
        memcpy(*spare, row->value.data, row->value.count);
        row->value.data = *spare;
    }
    return e == ERR_NOT_FOUND ? ERR_OK : e;
}

/* The subtree below the piece of l, made when there is none. */
static enum err subtree_at(MDB_txn *txn, const struct lmdb_dbs *dbs, struct level *l, uint64_t *out)
{
    struct row row;
    uint8_t *spare = NULL;
    enum err e = row_take(txn, l, &row, &spare);
    MARK_IF(row.subtree != 0, "store: two long keys share a row");
    if (e == ERR_OK && row.subtree == 0) {
        e = subtree_new(txn, dbs, &row.subtree);
        e = e == ERR_OK ? row_write(txn, l, &row, 0) : e;
    }
    free(spare);
    *out = row.subtree;
    return e;
}

enum err lmdb_rows_put(MDB_txn *txn, const struct lmdb_dbs *dbs, enum table_id id, struct bytes key,
                       struct bytes value)
{
    struct level l;
    struct row row = { 0 };
    uint64_t subtree = 0;
    ASSERT(key.count > 0 && key.count <= LMDB_KEY_BYTES_MAX);
    while (key.count > LMDB_PIECE) {
        level_set(&l, dbs, id, subtree, key);
        TRY(subtree_at(txn, dbs, &l, &subtree));
        key = bytes_of(key.data + LMDB_PIECE, key.count - LMDB_PIECE);
    }
    level_set(&l, dbs, id, subtree, key);
    if (key.count == LMDB_PIECE) { /* longer keys may hang below */
        enum err e = row_get(txn, &l, &row);
        if (e != ERR_OK && e != ERR_NOT_FOUND) {
            return e;
        }
    }
    row.has_value = true;
    row.value = value;
    return row_write(txn, &l, &row, 0);
}

enum err lmdb_rows_append(MDB_txn *txn, const struct lmdb_dbs *dbs, enum table_id id,
                          struct bytes key, struct bytes value)
{
    struct level l;
    struct row row = { .has_value = true, .value = value };
    if (key.count >= LMDB_PIECE) { /* its row may be there, with a subtree */
        return lmdb_rows_put(txn, dbs, id, key, value);
    }
    level_set(&l, dbs, id, 0, key);
    return row_write(txn, &l, &row, MDB_APPEND);
}

/* Take value or subtree away from a row; *out_gone: nothing was left and the row went too. */
static enum err row_less(MDB_txn *txn, struct level *l, bool value, bool *out_gone)
{
    struct row row;
    uint8_t *spare = NULL;
    MDB_val k = level_key(l);
    enum err e = row_take(txn, l, &row, &spare);
    row.has_value = row.has_value && !value;
    row.subtree = value ? row.subtree : 0;
    *out_gone = !row.has_value && row.subtree == 0;
    if (e == ERR_OK) {
        int rc = *out_gone ? mdb_del(txn, l->dbi, &k, NULL) : 0;
        e = !*out_gone ? row_write(txn, l, &row, 0) : rc == MDB_NOTFOUND ? ERR_OK : lmdb_err(rc);
    }
    free(spare);
    return e;
}

static enum err subtree_empty(MDB_txn *txn, const struct level *l, bool *out)
{
    MDB_cursor *c = NULL;
    struct level first = *l;
    first.key_bytes = SUBTREE_BYTES;
    MDB_val k = level_key(&first);
    MDB_val v;
    TRY(lmdb_err(mdb_cursor_open(txn, l->dbi, &c)));
    int rc = mdb_cursor_get(c, &k, &v, MDB_SET_RANGE);
    *out =
        rc == MDB_NOTFOUND ||
        (rc == 0 && (k.mv_size < SUBTREE_BYTES || memcmp(k.mv_data, l->key, SUBTREE_BYTES) != 0));
    mdb_cursor_close(c);
    return rc == MDB_NOTFOUND ? ERR_OK : lmdb_err(rc);
}

enum err lmdb_rows_del(MDB_txn *txn, const struct lmdb_dbs *dbs, enum table_id id, struct bytes key)
{
    struct level levels[LMDB_LEVELS_MAX];
    int count = 0;
    bool gone = false;
    ASSERT(key.count > 0 && key.count <= LMDB_KEY_BYTES_MAX);
    TRY(levels_along(txn, dbs, id, key, levels, &count));
    size_t above = (size_t)(count - 1) * LMDB_PIECE;
    if (above + levels[count - 1].piece.count != key.count) {
        return ERR_OK; /* no row of this key */
    }
    TRY(row_less(txn, &levels[count - 1], true, &gone));
    for (int i = count - 1; i > 0 && gone; i--) {
        bool empty = false;
        TRY(subtree_empty(txn, &levels[i], &empty));
        if (!empty) {
            MARK("store: a shared row outlives a key");
            break;
        }
        TRY(row_less(txn, &levels[i - 1], false, &gone));
    }
    return ERR_OK;
}
