/* store/wal_recover.c -- what a log says after a crash: the chain of batches, and why it ends.
 *
 * Shape: walk the chain from the oldest segment. Where it breaks at batch b, look at every later
 *        block: if some valid batch says that b was durable, an acknowledged batch has rotted
 *        (corruption, refused by name); else b was never acknowledged (a torn tail, zeroed).
 *        Segments bear witness too: one is begun only when all before it is durable, so a gap
 *        between their numbers, or bytes behind the chain where a later one exists, is corruption.
 *        For the newest one, which has no later one, the vote knows its number and its bytes.
 * Why:   zeroed before anything else is written, so that stale bytes never follow a new batch; and
 *        nothing is zeroed that another node or a newer program may have written
 */
#include "base/crc32c.h"
#include "base/mark.h"
#include "base/panic.h"
#include "store/wal_keep.h"

#include <stdalign.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    RECOVER_SEGMENTS_MAX = 65536,
    RECOVER_SCAN_BYTES = 64 * 1024
};

static const char restore[] =
    "Put the data directory aside, with the log's and the state machine's if these are elsewhere, "
    "and start on a new one that holds its secret.key alone; nothing was changed";

struct scan {
    struct wal *w;
    const struct wal_found *found;
    struct mem *mem;
    uint64_t *all;      /* numbers, sorted */
    uint64_t *segments; /* those of them that the log begins with, and later ones */
    uint32_t segment_count;
    uint32_t segment_capacity;
    bool failed;  /* out of memory while listing */
    bool crowded; /* more of them than a log may have */
    struct os_file *file;
    uint64_t file_bytes;
    uint8_t *body;
    size_t body_capacity;
    uint64_t last;    /* newest entry so far */
    uint64_t newest;  /* where the newest batch begins, in its segment */
    uint64_t witness; /* highest batch that is said to be durable */
};

static void list_entry(void *arg, const char *name)
{
    struct scan *s = arg;
    uint64_t number = 0;
    if (!wal_name_segment(name, &number)) {
        return;
    }
    if (s->segment_count == s->segment_capacity) {
        uint32_t capacity = s->segment_capacity == 0 ? 64 : s->segment_capacity * 2;
        s->crowded = s->crowded || capacity > RECOVER_SEGMENTS_MAX;
        uint64_t *moved = s->crowded ? NULL : mem_resize(s->mem, s->all, capacity * sizeof *moved);
        if (moved == NULL) {
            s->failed = true;
            return;
        }
        s->all = moved;
        s->segment_capacity = capacity;
    }
    s->all[s->segment_count++] = number;
}

static int by_number(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a;
    uint64_t y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

/* A segment has all its bytes before it has its name, so one of another size is no torn one. Of the
 * newest the size is known; the one behind it is only begun, and whatever it is, it will go. */
static enum err size_check(const struct scan *s, uint64_t segment, struct diag *diag)
{
    const struct vote_file *v = s->w->vote;
    uint64_t bytes = s->file_bytes;
    bool whole = bytes > 0 && bytes % WAL_BLOCK_BYTES == 0;
    bool begun = v->segment != 0 && segment > v->segment;
    bool known = segment == v->segment;
    if (bytes <= WAL_SEGMENT_BYTES_MAX && (begun || whole) &&
        (!known || bytes == v->segment_bytes)) {
        return ERR_OK;
    }
    MARK("store: a segment has another size");
    char want[40] = "a size that none is given";
    if (known) {
        snprintf(want, sizeof want, "and not %llu", (unsigned long long)v->segment_bytes);
    }
    return diag_set(diag, ERR_CORRUPT,
                    "log: segment %016llx has %llu bytes, %s: it was cut or added to. %s",
                    (unsigned long long)segment, (unsigned long long)bytes, want, restore);
}

static enum err segment_open(struct scan *s, uint64_t segment, struct diag *diag)
{
    char name[WAL_NAME_BYTES];
    if (s->file != NULL) {
        os_file_close(s->file);
        s->file = NULL;
    }
    wal_name(segment, "seg", name);
    TRY(os_file_open(s->w->dir, name, OS_OPEN_READ | OS_OPEN_WRITE | OS_OPEN_DIRECT, &s->file));
    TRY(os_file_size(s->file, &s->file_bytes));
    return size_check(s, segment, diag);
}

static enum err read_at(struct scan *s, uint64_t offset, void *out, size_t count, bool *out_whole)
{
    size_t have = 0;
    TRY(os_file_read(s->file, offset, out, count, &have));
    *out_whole = have == count;
    return ERR_OK;
}

static bool head_at(struct scan *s, uint64_t segment, uint64_t offset, struct wal_head *out,
                    enum err *out_err)
{
    uint8_t raw[WAL_HEAD_BYTES];
    bool whole = false;
    *out_err = read_at(s, offset, raw, sizeof raw, &whole);
    return *out_err == ERR_OK && whole && wal_head_decode(raw, out) == ERR_OK &&
           out->segment == segment && out->salt == s->w->salt;
}

/* Body of a batch that continues the chain; false: the chain breaks here. */
static bool body_at(struct scan *s, const struct wal_head *h, uint64_t offset, enum err *out_err)
{
    bool whole = false;
    if (h->body_bytes > s->body_capacity) {
        uint8_t *moved = mem_resize(s->mem, s->body, h->body_bytes);
        if (moved == NULL) {
            *out_err = ERR_NO_MEMORY;
            return false;
        }
        s->body = moved;
        s->body_capacity = h->body_bytes;
    }
    *out_err = read_at(s, offset + WAL_HEAD_BYTES, s->body, h->body_bytes, &whole);
    return *out_err == ERR_OK && whole && crc32c(0, s->body, h->body_bytes) == h->body_crc;
}

static bool continues(const struct scan *s, const struct wal_head *h)
{
    uint64_t last = (h->flags & WAL_FLAG_TRUNCATE) != 0 ? h->truncate_to : s->last;
    /* an install says itself where the log goes on, and decoding saw that it has no entries */
    return h->batch == s->w->next_batch && h->prev_crc == s->w->prev_crc && last <= s->last &&
           (h->entries == 0 || h->first == last + 1);
}

static enum err accept(struct scan *s, const struct wal_head *h, uint64_t offset)
{
    struct wal *w = s->w;
    struct wal_place place = { h->segment, offset };
    if ((h->flags & WAL_FLAG_TRUNCATE) != 0) {
        wal_index_truncate(&w->index, h->truncate_to);
        s->last = h->truncate_to;
    }
    if ((h->flags & WAL_FLAG_INSTALL) != 0) {
        wal_index_truncate(&w->index, 0);
        s->last = h->truncate_to;
        if (h->truncate_to >= w->base) { /* else the log was compacted further since */
            w->base = h->truncate_to;
            w->base_term = h->last_term;
        }
    }
    if (h->entries > 0) {
        TRY(wal_index_add(&w->index, h->first, h->last, place, wal_batch_bytes(h)));
        s->last = h->last;
    }
    s->found->batch(s->found->arg, h, bytes_of(s->body, h->body_bytes));
    s->witness = h->durable > s->witness ? h->durable : s->witness;
    w->next_batch = h->batch + 1;
    w->prev_crc = h->crc;
    w->segment = h->segment;
    w->offset = offset + wal_batch_bytes(h);
    s->newest = offset;
    return ERR_OK;
}

/* Follow the chain through one segment, from its beginning. */
static enum err walk(struct scan *s, uint64_t segment)
{
    uint64_t offset = 0;
    enum err e = ERR_OK;
    struct wal_head h;
    while (offset < s->file_bytes && head_at(s, segment, offset, &h, &e) && continues(s, &h) &&
           body_at(s, &h, offset, &e)) {
        TRY(accept(s, &h, offset));
        offset += wal_batch_bytes(&h);
    }
    return e;
}

/* Every block from an offset on: the highest durable mark that a valid header there carries. */
static enum err witnesses(struct scan *s, uint64_t segment, uint64_t from)
{
    for (uint64_t offset = from; offset < s->file_bytes; offset += WAL_BLOCK_BYTES) {
        struct wal_head h;
        enum err e = ERR_OK;
        if (head_at(s, segment, offset, &h, &e) && h.durable > s->witness) {
            s->witness = h.durable;
        }
        TRY(e);
    }
    return ERR_OK;
}

/* Is anything but zeroes between an offset and the end? Then zero it and say so. */
static enum err cut_tail(struct scan *s, uint64_t from, bool *out_cut)
{
    uint8_t chunk[RECOVER_SCAN_BYTES / 16];
    for (uint64_t offset = from; offset < s->file_bytes; offset += sizeof chunk) {
        bool whole = false;
        uint64_t left = s->file_bytes - offset;
        size_t n = left < sizeof chunk ? (size_t)left : sizeof chunk;
        TRY(read_at(s, offset, chunk, n, &whole));
        bool dirty = n > 0 && (chunk[0] != 0 || memcmp(chunk, chunk + 1, n - 1) != 0);
        if (dirty) {
            MARK("store: a torn tail is cut");
            TRY(wal_zero(s->file, offset,
                         (n + WAL_BLOCK_BYTES - 1) / WAL_BLOCK_BYTES * WAL_BLOCK_BYTES));
            *out_cut = true;
        }
    }
    return ERR_OK;
}

/* The process before may have ended, or have been told of an error, between the writing of the
 * newest batch and its sync; the batch is found all the same, but only a cache may have it, which
 * after a failed sync no further one would write. From here on it counts as durable: so it is
 * written once more. What is before it was synced before it was begun. */
static enum err settle(struct scan *s)
{
    alignas(WAL_BLOCK_BYTES) uint8_t block[WAL_BLOCK_BYTES];
    for (uint64_t offset = s->newest; offset < s->w->offset; offset += sizeof block) {
        bool whole = false;
        TRY(read_at(s, offset, block, sizeof block, &whole));
        if (!whole) {
            return ERR_IO; /* it was read a moment ago */
        }
        TRY(os_file_write(s->file, offset, block, sizeof block));
    }
    TRY(os_file_sync(s->file));
    return os_dir_sync(s->w->dir); /* the names too */
}

/* Does a header stand where none of ours does? It may be whole and not ours to overwrite. */
static enum err stranger(struct scan *s, uint64_t segment, uint64_t offset, struct diag *diag)
{
    uint8_t raw[WAL_HEAD_BYTES];
    struct wal_head h;
    bool whole = false;
    TRY(read_at(s, offset, raw, sizeof raw, &whole));
    enum err e = whole ? wal_head_decode(raw, &h) : ERR_MALFORMED;
    const char *why = NULL;
    if (e == ERR_NEWER_FORMAT) {
        MARK("store: a log of a newer program");
        why = "it was written by a newer version of this program";
    } else if (e == ERR_OK && h.salt != s->w->salt) {
        e = ERR_WRONG_NODE;
        MARK("store: a log of another node");
        why = "it belongs to another data directory";
    } else if (e == ERR_OK && h.segment != segment) {
        MARK("store: a batch of another segment");
        e = ERR_CORRUPT;
        why = "it was written for another segment";
    } else {
        return ERR_OK;
    }
    return diag_set(diag, e, "log: segment %016llx: batch at offset %llu: %s; nothing was changed",
                    (unsigned long long)segment, (unsigned long long)offset, why);
}

static enum err block_used(struct scan *s, uint64_t offset, bool *out)
{
    uint8_t block[WAL_BLOCK_BYTES];
    size_t have = 0;
    *out = false;
    TRY(os_file_read(s->file, offset, block, sizeof block, &have));
    for (size_t i = 0; i < have && !*out; i++) {
        *out = block[i] != 0;
    }
    return ERR_OK;
}

/* All that speaks against a torn tail, from the end of the chain on. */
static enum err hear(struct scan *s, uint32_t at, bool *out_corrupt, uint64_t *out_segment,
                     struct diag *diag)
{
    struct wal *w = s->w;
    bool used = false;
    uint32_t later = s->segment_count - at - 1;
    for (uint32_t i = at; i < s->segment_count; i++) {
        uint64_t offset = i == at ? w->offset : 0;
        TRY(segment_open(s, s->segments[i], diag));
        if (i == at) {
            TRY(block_used(s, offset, &used));
        }
        TRY(stranger(s, s->segments[i], offset, diag));
        TRY(witnesses(s, s->segments[i], offset));
    }
    bool none = w->next_batch == w->start.batch;
    *out_corrupt = s->witness >= w->next_batch || later > 1 || (later == 1 && (used || none)) ||
                   s->last < w->base;
    *out_segment = used || later == 0 ? s->segments[at] : s->segments[at + 1];
    return ERR_OK;
}

/* The vote knows the segment in which the log goes on, before one behind it goes that was begun and
 * never got its first batch. Its name is gone for good before anything is written: it would say
 * that all before it is whole. */
static enum err newest(struct scan *s, uint32_t at)
{
    struct wal *w = s->w;
    char name[WAL_NAME_BYTES];
    if (w->vote->segment != w->segment) {
        MARK("store: the vote learns where the log ends");
        TRY(vote_begun(w->vote, w->segment, w->segment_bytes, w->next_batch - 1));
    }
    if (at + 1 == s->segment_count) {
        return ERR_OK;
    }
    MARK("store: a segment was begun in vain");
    wal_name(s->segments[at + 1], "seg", name);
    TRY(os_dir_unlink(w->dir, name));
    return os_dir_sync(w->dir);
}

/* The chain ended in segments[at] (or nothing was found at all): torn, or corrupt? */
static enum err judge(struct scan *s, uint32_t at, bool *out_repaired, struct diag *diag)
{
    struct wal *w = s->w;
    bool corrupt = false;
    uint64_t segment = 0;
    TRY(hear(s, at, &corrupt, &segment, diag));
    if (corrupt) {
        MARK("store: an acknowledged batch is gone");
        return diag_set(diag, ERR_CORRUPT,
                        "log: segment %016llx: batch %llu at offset %llu cannot be read, and a "
                        "later one says that it was durable; it begins at entry %llu. Restore "
                        "this node from a peer; nothing was changed",
                        (unsigned long long)segment, (unsigned long long)w->next_batch,
                        (unsigned long long)(segment == s->segments[at] ? w->offset : 0),
                        (unsigned long long)s->last + 1);
    }
    TRY(segment_open(s, s->segments[at], diag));
    TRY(cut_tail(s, w->offset, out_repaired));
    TRY(settle(s));
    w->segment = s->segments[at];
    w->segment_bytes = s->file_bytes;
    w->file = s->file;
    s->file = NULL;
    return newest(s, at);
}

/* Segments from the one that the log begins with to the newest that was begun, without a gap. */
static enum err gaps(const struct scan *s, struct diag *diag)
{
    uint64_t want = s->w->start.segment;
    for (uint32_t i = 0; i < s->segment_count && s->segments[i] == want; i++) {
        want++;
    }
    bool gap = want != s->w->start.segment + s->segment_count;
    if (s->segment_count > 0 && !gap && want > s->w->vote->segment) {
        return ERR_OK;
    }
    MARK("store: a segment is missing");
    MARK_IF(s->segment_count > 0 && !gap, "store: the newest segment is missing");
    const char *why = gap                    ? "later ones are there"
                      : s->segment_count > 0 ? "the vote says that it was begun"
                                             : "the log begins with it";
    return diag_set(diag, ERR_CORRUPT,
                    "log: segment %016llx is missing, %s. Restore this node from a peer; nothing "
                    "was changed",
                    (unsigned long long)want, why);
}

/* What a compaction had no time to give back. Their names need no sync: those that a power cut
 * brings back are before the first one still, and the next start skips and removes them again. */
static enum err leftovers(struct scan *s)
{
    uint32_t count = (uint32_t)(s->segments - s->all);
    for (uint32_t i = 0; i < count; i++) {
        char name[WAL_NAME_BYTES];
        MARK("store: a compaction is finished at start");
        wal_name(s->all[i], "seg", name);
        TRY(os_dir_unlink(s->w->dir, name));
    }
    return ERR_OK;
}

/* No batch is in a segment of which the vote does not know: then it is an older copy. */
static enum err remembered(const struct scan *s, uint64_t segment, bool found, struct diag *diag)
{
    if (segment <= s->w->vote->segment || (!found && segment == s->w->vote->segment + 1)) {
        return ERR_OK;
    }
    MARK("store: a vote is older than its log");
    return diag_set(
        diag, ERR_CORRUPT,
        "vote: it is older than the log: segment %016llx is there, and it knows of none "
        "behind %016llx. %s",
        (unsigned long long)segment, (unsigned long long)s->w->vote->segment, restore);
}

static enum err chain(struct scan *s, bool *out_repaired, struct diag *diag)
{
    struct wal *w = s->w;
    uint32_t at = 0; /* segment in which the chain ends */
    uint64_t told = w->vote->batch_durable;
    w->next_batch = w->start.batch;
    w->prev_crc = w->start.prev_crc;
    w->segment = w->start.segment;
    s->last = w->start.last;
    s->witness = told > w->start.durable ? told : w->start.durable;
    TRY(gaps(s, diag));
    for (uint32_t i = 0; i < s->segment_count; i++) {
        TRY(segment_open(s, s->segments[i], diag));
        struct wal_segment seg = { s->segments[i], s->file_bytes, w->next_batch, s->last,
                                   w->prev_crc };
        w->disk_bytes += s->file_bytes;
        TRY(walk(s, s->segments[i]));
        TRY(remembered(s, s->segments[i], w->next_batch > seg.batch, diag));
        if (i > 0 && w->next_batch == seg.batch) {
            w->disk_bytes -= s->file_bytes;
            break; /* nothing of the chain here: it ended in the one before */
        }
        TRY(wal_keep_push(w, &seg));
        at = i;
    }
    TRY(judge(s, at, out_repaired, diag));
    wal_index_forget(&w->index, w->base);
    return leftovers(s);
}

/* Segments before the one that the log begins with are no part of it any more. */
static void skip(struct scan *s)
{
    s->segments = s->all;
    if (s->segment_count > 0) {
        qsort(s->all, s->segment_count, sizeof *s->all, by_number);
    }
    while (s->segment_count > 0 && s->segments[0] < s->w->start.segment) {
        s->segments++;
        s->segment_count--;
    }
}

enum err wal_recover(struct wal *w, const struct wal_found *found, bool *out_repaired,
                     struct diag *diag)
{
    struct scan s = { .w = w, .found = found, .mem = w->mem };
    struct diag unheard;
    diag = diag != NULL ? diag : &unheard;
    diag->code = ERR_OK;
    enum err e = os_dir_list(w->dir, list_entry, &s);
    if (e == ERR_OK && s.crowded) {
        MARK("store: more segments than a log may have");
        e = diag_set(diag, ERR_NO_MEMORY,
                     "log: more than %d segments: no log of this version has so many; look what "
                     "the files are, nothing was changed",
                     RECOVER_SEGMENTS_MAX);
    }
    if (e == ERR_OK && s.failed) {
        e = ERR_NO_MEMORY;
    }
    bool fresh = s.segment_count == 0 && w->start.segment == 1 && w->start.index == 0 &&
                 w->vote->segment == 0;
    if (e == ERR_OK && !fresh) {
        skip(&s);
        e = chain(&s, out_repaired, diag);
    }
    if (s.file != NULL) {
        os_file_close(s.file);
    }
    mem_free(w->mem, s.body);
    mem_free(w->mem, s.all);
    if (e != ERR_OK && diag->code != e) { /* nobody said more */
        return diag_set(diag, e, "log: recovery, at segment %016llx: %s",
                        (unsigned long long)w->segment, err_text(e));
    }
    return e;
}
