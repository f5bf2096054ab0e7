/* tests/unit/store/snap_rig.h -- tables and snapshots of one node, on disk (LMDB) or in memory, for
 * tests that make, send, receive and damage them.
 *
 * Shape:      a case finds two nodes, a and b, with empty tables and no snapshots; what a row holds
 *             follows from its number
 * Thread:     one
 */
#ifndef STORE_SNAP_RIG_H
#define STORE_SNAP_RIG_H

#include "loop.h"

#include "base/prng.h"
#include "store/backing_lmdb.h"
#include "store/flush.h"
#include "store/snap.h"
#include "store/snap_scan.h"

#include <sys/stat.h>

#define SNAP_RIG_UNUSED __attribute__((unused))

struct peer {
    struct mem mem;
    struct backing *backing;
    struct tables tables;
    struct flush flush;
    struct os_dir *state_dir;
    struct os_dir *snap_dir;
    struct snap *snap;
    uint64_t most; /* of its log, when it is opened */
    bool flushed;
    /* events */
    uint32_t mades;
    uint32_t storeds;
    uint32_t receiveds;
    uint32_t builts;
    uint32_t swappeds;
    uint32_t denieds; /* files that were dismissed, by why */
    uint32_t newers;
    uint32_t aheads;
    enum err made;
    enum err stored;
    enum err received;
    enum err built;
    enum err swapped;
    uint64_t offset;
    struct snap_meta meta;
    uint8_t conf[64];
};

static struct {
    struct loop loop;
    bool in_memory;
    struct peer a, b;
} n;

/* ---- events ---- */

SNAP_RIG_UNUSED static void peer_meta(struct peer *p, enum err e, const struct snap_meta *meta)
{
    CHECK((e == ERR_OK) == (meta != NULL));
    if (meta != NULL) {
        p->meta = *meta;
        CHECK(meta->conf.count <= sizeof p->conf);
        memcpy(p->conf, meta->conf.data, meta->conf.count);
        p->meta.conf = bytes_of(p->conf, meta->conf.count);
    }
}

SNAP_RIG_UNUSED static void on_made(void *arg, enum err e, const struct snap_meta *meta)
{
    struct peer *p = arg;
    p->mades++;
    p->made = e;
    peer_meta(p, e, meta);
}

SNAP_RIG_UNUSED static void on_stored(void *arg, enum err e, const struct snap_id *id,
                                      uint64_t offset)
{
    struct peer *p = arg;
    CHECK(id->index > 0);
    p->storeds++;
    p->stored = e;
    p->offset = offset;
}

SNAP_RIG_UNUSED static void on_received(void *arg, enum err e, const struct snap_meta *meta)
{
    struct peer *p = arg;
    p->receiveds++;
    p->received = e;
    peer_meta(p, e, meta);
}

SNAP_RIG_UNUSED static void on_built(void *arg, enum err e, const struct snap_meta *meta)
{
    struct peer *p = arg;
    p->builts++;
    p->built = e;
    peer_meta(p, e, meta);
}

SNAP_RIG_UNUSED static void on_swapped(void *arg, enum err e, const struct snap_meta *meta)
{
    struct peer *p = arg;
    p->swappeds++;
    p->swapped = e;
    peer_meta(p, e, meta);
}

SNAP_RIG_UNUSED static void on_dismissed(void *arg, enum err e, const char *name)
{
    struct peer *p = arg;
    CHECK(strstr(name, ".snap") != NULL);
    p->denieds += e == ERR_MALFORMED;
    p->newers += e == ERR_NEWER_FORMAT;
    p->aheads += e == ERR_NOT_FOUND;
}

SNAP_RIG_UNUSED static void on_flushed(void *arg, enum err e, uint64_t took_ns)
{
    struct peer *p = arg;
    (void)took_ns;
    CHECK(e == ERR_OK);
    p->flushed = true;
}

/* ---- a node ---- */

SNAP_RIG_UNUSED static struct os_dir *peer_dir(const char *name)
{
    char path[128];
    struct os_dir *dir = NULL;
    snprintf(path, sizeof path, "%s/%s", n.loop.path, name);
    CHECK(os_dir_open(n.loop.os, path, true, &dir) == ERR_OK);
    return dir;
}

SNAP_RIG_UNUSED static void peer_start(struct peer *p)
{
    struct backing_lmdb_options o = { .salt = 7, .map_bytes = 1u << 20, .mem = &p->mem };
    struct snap_handler h = { .made = on_made,
                              .stored = on_stored,
                              .received = on_received,
                              .built = on_built,
                              .swapped = on_swapped,
                              .dismissed = on_dismissed,
                              .arg = p };
    struct diag diag = { 0 };
    p->backing = NULL;
    p->flush = (struct flush){ 0 };
    if (!n.in_memory) {
        CHECK(backing_lmdb_open(p->state_dir, &o, &p->backing, &diag) == ERR_OK);
    }
    tables_open(&p->tables, &p->mem, p->backing);
    CHECK(flush_open(&p->flush, n.loop.os, &p->tables, on_flushed, p) == ERR_OK);
    CHECK(snap_open(n.loop.os, p->snap_dir, &p->mem, p->most, &h, &p->snap, &diag) == ERR_OK);
}

SNAP_RIG_UNUSED static void peer_stop(struct peer *p)
{
    snap_close(p->snap);
    flush_close(&p->flush);
    tables_close(&p->tables);
    if (p->backing != NULL) {
        backing_close(p->backing);
    }
    CHECK_U64(p->mem.used, 0);
}

SNAP_RIG_UNUSED static void peer_open(struct peer *p, const char *state, const char *snap)
{
    memset(p, 0, sizeof *p);
    mem_init(&p->mem, "peer", 256u << 20);
    p->most = UINT64_MAX;
    if (!n.in_memory) {
        p->state_dir = peer_dir(state);
        p->snap_dir = peer_dir(snap);
    }
    peer_start(p);
}

SNAP_RIG_UNUSED static void peer_close(struct peer *p)
{
    peer_stop(p);
    if (!n.in_memory) {
        os_dir_close(p->state_dir);
        os_dir_close(p->snap_dir);
    }
}

SNAP_RIG_UNUSED static void rig_open(bool in_memory)
{
    memset(&n, 0, sizeof n);
    n.in_memory = in_memory;
    loop_open(&n.loop);
    peer_open(&n.a, "state-a", "snap-a");
    peer_open(&n.b, "state-b", "snap-b");
}

SNAP_RIG_UNUSED static void rig_close(void)
{
    peer_close(&n.a);
    peer_close(&n.b);
    loop_close(&n.loop);
}

/* ---- rows ---- */

SNAP_RIG_UNUSED static struct bytes row_value(uint32_t i, uint32_t version, size_t bytes)
{
    static uint8_t value[SNAP_VALUE_BYTES_MAX];
    struct prng p;
    prng_seed(&p, i * 1009ull + version);
    prng_fill(&p, value, bytes);
    return bytes_of(value, bytes);
}

/* Keys of every third or so length, some longer than LMDB's. */
SNAP_RIG_UNUSED static struct bytes row_key(uint32_t i)
{
    static uint8_t key[2100];
    int at = snprintf((char *)key, sizeof key, "row-%05u-", i);
    size_t count = (size_t)at + (i % 17 == 0 ? 450u + i % 700 : i % 30);
    memset(key + at, 'k', count - (size_t)at);
    return bytes_of(key, count);
}

SNAP_RIG_UNUSED static void rows_put(struct peer *p, uint32_t first, uint32_t count,
                                     uint32_t version, size_t bytes)
{
    for (uint32_t i = first; i < first + count; i++) {
        enum table_id id = i % 5 == 0 ? TABLE_SESSION : TABLE_KEY;
        CHECK(table_put(&p->tables, id, row_key(i), row_value(i, version, bytes)) == ERR_OK);
    }
    CHECK(table_put(&p->tables, TABLE_META, bytes_text("state"), bytes_text("of it")) == ERR_OK);
}

SNAP_RIG_UNUSED static void flush_now(struct peer *p)
{
    if (p->backing == NULL) {
        return;
    }
    p->flushed = false;
    CHECK(flush_begin(&p->flush) == ERR_OK);
    LOOP_UNTIL(&n.loop, p->flushed);
}

/* ---- making and sending ---- */

SNAP_RIG_UNUSED static struct snap_meta rig_meta(uint64_t index)
{
    return (struct snap_meta){ .id = { index, index / 10 + 1, 0 },
                               .cluster = { { 1, 2, 3 } },
                               .revision = index * 2,
                               .hash = index * 3,
                               .rows = SNAP_ROWS_UNKNOWN,
                               .conf = bytes_text("who is in") };
}

SNAP_RIG_UNUSED static struct snap_id make(struct peer *p, uint64_t index)
{
    struct snap_meta meta = rig_meta(index);
    uint32_t before = p->mades;
    flush_now(p);
    CHECK(snap_make(p->snap, &p->tables, &meta) == ERR_OK);
    LOOP_UNTIL(&n.loop, p->mades > before);
    CHECK(p->made == ERR_OK);
    return p->meta.id;
}

/* All bytes of a snapshot; to be freed. */
SNAP_RIG_UNUSED static uint8_t *read_all(struct peer *p, const struct snap_id *id,
                                         size_t *out_bytes)
{
    struct snap_reader *r = NULL;
    size_t have = 0;
    CHECK(snap_reader_open(p->snap, id, &r) == ERR_OK);
    *out_bytes = (size_t)snap_reader_bytes(r);
    uint8_t *out = malloc(*out_bytes);
    CHECK(out != NULL);
    for (size_t at = 0; at < *out_bytes; at += have) {
        CHECK(snap_reader_read(r, at, out + at, 70001, &have) == ERR_OK && have > 0);
    }
    CHECK(snap_reader_read(r, *out_bytes, out, 1, &have) == ERR_OK && have == 0);
    snap_reader_close(r);
    return out;
}

SNAP_RIG_UNUSED static enum err give(struct peer *p, const struct snap_id *id, uint64_t offset,
                                     struct bytes data)
{
    uint32_t before = p->storeds;
    TRY(snap_receive_chunk(p->snap, id, offset, data));
    LOOP_UNTIL(&n.loop, p->storeds > before);
    return p->stored;
}

/* To be ready; out_offset is where to go on. */
SNAP_RIG_UNUSED static enum err ready(struct peer *p, const struct snap_id *id, uint64_t bytes)
{
    uint32_t before = p->storeds;
    TRY(snap_receive(p->snap, id, bytes));
    LOOP_UNTIL(&n.loop, p->storeds > before);
    return p->stored;
}

/* Bytes of a snapshot to a node, in portions; what `received` says. */
SNAP_RIG_UNUSED static enum err send_all(struct peer *p, const struct snap_id *id,
                                         const uint8_t *data, size_t bytes, size_t portion)
{
    uint32_t before = p->receiveds;
    CHECK(ready(p, id, bytes) == ERR_OK);
    for (size_t at = (size_t)p->offset; at < bytes; at += portion) {
        size_t count = bytes - at < portion ? bytes - at : portion;
        CHECK(give(p, id, at, bytes_of(data + at, count)) == ERR_OK);
    }
    LOOP_UNTIL(&n.loop, p->receiveds > before);
    return p->received;
}

#endif
