/* node/book.c -- the directory of members: lookups, learning, and its bytes on disk and in the log.
 *
 * Shape: file = magic u32 | crc32c u32 of the rest | format u8 | ports 2 x u16 | count varint |
 *        entries; entry = id varint | key 32 | addresses | addr blob | raft_addr blob | updated u64
 * Why:   a node restarted on another port must find its peers again without anybody's help
 */
#include "node/book.h"

#include "base/crc32c.h"
#include "base/mark.h"
#include "base/panic.h"

enum {
    BOOK_FORMAT = 1,
    BOOK_TAIL_FORMAT = 1,
    BOOK_HEAD_BYTES = 8
};
#define BOOK_MAGIC 0x4b4f4f42u /* "BOOK" */

void book_init(struct book *b)
{
    memset(b, 0, sizeof *b);
}

struct book_entry *book_by_id(struct book *b, uint64_t id)
{
    for (uint32_t i = 0; id != 0 && i < b->count; i++) {
        if (b->entry[i].id == id) {
            return &b->entry[i];
        }
    }
    return NULL;
}

struct book_entry *book_by_key(struct book *b, const struct node_key *key)
{
    for (uint32_t i = 0; i < b->count; i++) {
        if (ids_key_equal(&b->entry[i].key, key)) {
            return &b->entry[i];
        }
    }
    return NULL;
}

/* Who goes first: connected last, with a number last but one; of two alike the older one. */
static bool goes_before(const struct book_entry *a, const struct book_entry *b)
{
    if (a->up != b->up) {
        return b->up;
    }
    if ((a->id == 0) != (b->id == 0)) {
        return a->id == 0;
    }
    return a->updated_ns < b->updated_ns;
}

struct book_entry *book_spare(struct book *b, bool also_up)
{
    struct book_entry *spare = NULL;
    for (uint32_t i = 0; i < b->count; i++) {
        struct book_entry *e = &b->entry[i];
        bool may = !e->self && !e->named && (also_up || !e->up);
        if (may && (spare == NULL || goes_before(e, spare))) {
            spare = e;
        }
    }
    return spare;
}

void book_forget(struct book *b, struct book_entry *e)
{
    ASSERT(e >= b->entry && e < b->entry + b->count);
    *e = b->entry[--b->count];
    b->dirty = true;
}

enum err book_learn(struct book *b, uint64_t id, const struct node_key *key, uint64_t wall_ns,
                    struct book_entry **out)
{
    struct book_entry *e = book_by_key(b, key);
    if (e == NULL) {
        if (b->count == NET_PEERS_MAX) {
            return ERR_BUSY;
        }
        e = &b->entry[b->count++];
        memset(e, 0, sizeof *e);
        e->key = *key;
        e->updated_ns = wall_ns;
        b->dirty = true;
    }
    if (id != 0 && e->id != id) {
        struct book_entry *old = book_by_id(b, id);
        if (old != NULL) {
            MARK("node: a number moves to another key");
            old->id = 0; /* the id moved to another key */
        }
        e->id = id;
        e->updated_ns = wall_ns;
        b->dirty = true;
    }
    *out = e;
    return ERR_OK;
}

bool book_addrs_set(struct book *b, struct book_entry *e, const struct os_addr *addrs,
                    uint32_t count, uint64_t wall_ns)
{
    uint32_t n = count < NODE_ADDRS_MAX ? count : NODE_ADDRS_MAX;
    bool same = n == e->addr_count;
    for (uint32_t i = 0; same && i < n; i++) {
        same = os_addr_equal(&addrs[i], &e->addrs[i]);
    }
    if (same) {
        return false;
    }
    for (uint32_t i = 0; i < n; i++) {
        e->addrs[i] = addrs[i];
    }
    e->addr_count = n;
    e->updated_ns = wall_ns;
    b->dirty = true;
    return true;
}

static bool text_set(char *out, struct bytes text)
{
    size_t n = text.count < NODE_ADDR_BYTES_MAX - 1 ? text.count : NODE_ADDR_BYTES_MAX - 1;
    if (strlen(out) == n && (n == 0 || memcmp(out, text.data, n) == 0)) {
        return false;
    }
    memset(out, 0, NODE_ADDR_BYTES_MAX);
    if (n > 0) {
        memcpy(out, text.data, n);
    }
    return true;
}

void book_texts_set(struct book *b, struct book_entry *e, struct bytes addr, struct bytes raft_addr)
{
    bool changed = text_set(e->addr, addr);
    changed = text_set(e->raft_addr, raft_addr) || changed;
    b->dirty = b->dirty || changed;
}

static void addr_encode(const struct os_addr *a, struct writer *w)
{
    writer_u8(w, a->family);
    writer_put(w, bytes_of(a->ip, a->family == 4 ? 4 : 16));
    writer_u16(w, a->port);
    writer_u32(w, a->scope);
}

static bool addr_decode(struct reader *r, struct os_addr *out)
{
    memset(out, 0, sizeof *out);
    out->family = reader_u8(r);
    if (out->family != 4 && out->family != 6) {
        return false;
    }
    reader_copy(r, out->ip, out->family == 4 ? 4 : 16);
    out->port = reader_u16(r);
    out->scope = reader_u32(r);
    return !r->bad;
}

static void entry_encode(const struct book_entry *e, struct writer *w)
{
    writer_varint(w, e->id);
    writer_put(w, bytes_of(e->key.b, NODE_KEY_BYTES));
    writer_varint(w, e->addr_count);
    for (uint32_t i = 0; i < e->addr_count; i++) {
        addr_encode(&e->addrs[i], w);
    }
    writer_blob(w, bytes_text(e->addr));
    writer_blob(w, bytes_text(e->raft_addr));
    writer_u64(w, e->updated_ns);
}

static bool entry_decode(struct reader *r, struct book_entry *out)
{
    memset(out, 0, sizeof *out);
    out->id = reader_varint(r);
    reader_copy(r, out->key.b, NODE_KEY_BYTES);
    uint64_t count = reader_varint(r);
    if (r->bad || count > NODE_ADDRS_MAX) {
        return false;
    }
    out->addr_count = (uint32_t)count;
    for (uint32_t i = 0; i < out->addr_count; i++) {
        if (!addr_decode(r, &out->addrs[i])) {
            return false;
        }
    }
    text_set(out->addr, reader_blob(r, NODE_ADDR_BYTES_MAX - 1));
    text_set(out->raft_addr, reader_blob(r, NODE_ADDR_BYTES_MAX - 1));
    out->updated_ns = reader_u64(r);
    return !r->bad;
}

void book_encode(const struct book *b, struct writer *w)
{
    size_t start = w->offset;
    writer_u32(w, BOOK_MAGIC);
    writer_u32(w, 0);
    writer_u8(w, BOOK_FORMAT);
    writer_u16(w, b->udp_port[0]);
    writer_u16(w, b->udp_port[1]);
    writer_varint(w, b->count);
    for (uint32_t i = 0; i < b->count; i++) {
        entry_encode(&b->entry[i], w);
    }
    if (!w->bad) {
        size_t body = start + BOOK_HEAD_BYTES;
        uint32_t crc = crc32c(0, w->data + body, w->offset - body);
        struct writer head = writer_of(w->data + start + 4, 4);
        writer_u32(&head, crc);
    }
}

enum err book_decode(struct book *b, struct bytes data)
{
    struct reader r = reader_of(data);
    uint32_t magic = reader_u32(&r);
    uint32_t crc = reader_u32(&r);
    if (r.bad || magic != BOOK_MAGIC ||
        crc != crc32c(0, data.data + BOOK_HEAD_BYTES, data.count - BOOK_HEAD_BYTES)) {
        return ERR_CORRUPT;
    }
    if (reader_u8(&r) > BOOK_FORMAT) {
        return ERR_NEWER_FORMAT;
    }
    uint16_t port4 = reader_u16(&r);
    uint16_t port6 = reader_u16(&r);
    uint64_t count = reader_varint(&r);
    if (r.bad || count > NET_PEERS_MAX) {
        return ERR_CORRUPT;
    }
    struct book fresh;
    book_init(&fresh);
    fresh.udp_port[0] = port4;
    fresh.udp_port[1] = port6;
    for (; fresh.count < count; fresh.count++) {
        if (!entry_decode(&r, &fresh.entry[fresh.count])) {
            return ERR_CORRUPT;
        }
    }
    if (!reader_done(&r)) {
        return ERR_CORRUPT;
    }
    *b = fresh;
    return ERR_OK;
}

enum err book_tail_encode(struct book *b, const uint64_t *ids, uint32_t count, struct writer *w)
{
    writer_u8(w, BOOK_TAIL_FORMAT);
    writer_varint(w, count);
    for (uint32_t i = 0; i < count; i++) {
        const struct book_entry *e = book_by_id(b, ids[i]);
        if (e == NULL) {
            return ERR_UNKNOWN_ENDPOINT;
        }
        entry_encode(e, w);
    }
    return w->bad ? ERR_TXN_TOO_LARGE : ERR_OK;
}

/* The entries of a tail, one after the other; false: it ends, and whether it was well-formed is
 * known. */
struct tail {
    struct reader r;
    uint64_t left;
    bool bad;
};

static struct tail tail_of(struct bytes bytes)
{
    struct tail t = { .r = reader_of(bytes) };
    bool known = reader_u8(&t.r) == BOOK_TAIL_FORMAT;
    t.left = reader_varint(&t.r);
    t.bad = !known || t.r.bad || t.left > RAFT_PEERS_MAX;
    return t;
}

static bool tail_next(struct tail *t, struct book_entry *out)
{
    if (t->bad || t->left == 0) {
        t->bad = t->bad || !reader_done(&t->r);
        return false;
    }
    t->left--;
    t->bad = !entry_decode(&t->r, out) || out->id == 0;
    return !t->bad;
}

/* Whoever is known is needed before anybody makes way for who is not. */
static enum err name_all(struct book *b, struct bytes bytes)
{
    struct book_entry told;
    struct tail t = tail_of(bytes);
    while (tail_next(&t, &told)) {
    }
    if (t.bad) {
        return ERR_MALFORMED; /* who is a member it does not tell */
    }
    for (uint32_t i = 0; i < b->count; i++) {
        b->entry[i].named = false;
    }
    t = tail_of(bytes);
    while (tail_next(&t, &told)) {
        struct book_entry *e = book_by_key(b, &told.key);
        if (e != NULL) {
            e->named = true;
        }
    }
    return ERR_OK;
}

enum err book_tail_learn(struct book *b, struct bytes tail, uint64_t wall_ns)
{
    struct book_entry told;
    if (tail.count == 0) {
        return ERR_OK; /* an entry of the core's own making: the members are those known */
    }
    TRY(name_all(b, tail));
    struct tail t = tail_of(tail);
    while (tail_next(&t, &told)) {
        struct book_entry *e = NULL;
        TRY(book_learn(b, told.id, &told.key, wall_ns, &e));
        e->named = true;
        if (e->addr_count == 0 && told.addr_count > 0) {
            book_addrs_set(b, e, told.addrs, told.addr_count, wall_ns);
        }
        book_texts_set(b, e, bytes_text(told.addr), bytes_text(told.raft_addr));
    }
    return ERR_OK;
}

enum err book_tail_add(struct book *b, struct bytes tail, uint64_t wall_ns)
{
    struct book_entry told;
    struct tail t = tail_of(tail);
    while (tail.count > 0 && tail_next(&t, &told)) {
        struct book_entry *e = NULL;
        if (book_by_id(b, told.id) != NULL || book_by_key(b, &told.key) != NULL) {
            continue;
        }
        TRY(book_learn(b, told.id, &told.key, wall_ns, &e));
        book_addrs_set(b, e, told.addrs, told.addr_count, wall_ns);
        book_texts_set(b, e, bytes_text(told.addr), bytes_text(told.raft_addr));
    }
    return tail.count > 0 && t.bad ? ERR_MALFORMED : ERR_OK;
}
