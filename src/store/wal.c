/* store/wal.c -- opening, preparing and writing segments.
 *
 * Why: a write that grows a file costs half as much again as one that overwrites zeroes, because
 *      the file's size has to be made durable too; so segments are filled before they are needed
 */
#include "store/wal_keep.h"

#include "base/crc32c.h"
#include "base/panic.h"

#include <stdalign.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    WAL_ZERO_CHUNK = 64 * 1024
};

void wal_name(uint64_t segment, const char *suffix, char out[WAL_NAME_BYTES])
{
    snprintf(out, WAL_NAME_BYTES, "%016llx.%s", (unsigned long long)segment, suffix);
}

bool wal_name_segment(const char *name, uint64_t *out)
{
    char canonical[WAL_NAME_BYTES];
    *out = strtoull(name, NULL, 16);
    wal_name(*out, "seg", canonical);
    return strcmp(name, canonical) == 0; /* "0x…", capitals: not a name that was ever given */
}

static void any_entry(void *arg, const char *name)
{
    uint64_t segment = 0;
    bool *any = arg;
    *any = *any || wal_name_segment(name, &segment);
}

enum err wal_any(struct os_dir *dir, bool *out)
{
    *out = false;
    return os_dir_list(dir, any_entry, out);
}

enum err wal_zero(struct os_file *file, uint64_t offset, uint64_t bytes)
{
    static const alignas(4096) uint8_t zeroes[WAL_ZERO_CHUNK];
    ASSERT(offset % WAL_BLOCK_BYTES == 0 && bytes % WAL_BLOCK_BYTES == 0);
    while (bytes > 0) {
        size_t n = bytes < WAL_ZERO_CHUNK ? (size_t)bytes : WAL_ZERO_CHUNK;
        TRY(os_file_write(file, offset, zeroes, n));
        offset += n;
        bytes -= n;
    }
    return ERR_OK;
}

enum err wal_fill(struct wal *w, uint64_t segment, uint64_t bytes)
{
    char name[WAL_NAME_BYTES];
    struct os_file *file = NULL;
    uint64_t had = 0;
    bool spare = false;
    wal_name(segment, "part", name);
    TRY(wal_keep_spare(w, name, &spare));
    TRY(os_file_open(w->dir, name, OS_OPEN_READ | OS_OPEN_WRITE | OS_OPEN_CREATE, &file));
    enum err e = os_file_size(file, &had);
    if (e == ERR_OK && had > bytes) { /* a spare, or left by an attempt that was larger */
        e = os_file_truncate(file, bytes);
    }
    e = e == ERR_OK ? wal_zero(file, 0, bytes) : e;
    e = e == ERR_OK ? os_file_sync(file) : e;
    os_file_close(file);
    return e;
}

uint64_t wal_fill_size(const struct wal *w)
{
    bool small = w->segment_first < WAL_SEGMENT_BYTES_FIRST; /* who lowers the first wants many */
    uint64_t most = small ? 4 * w->segment_first : WAL_SEGMENT_BYTES_MAX;
    uint64_t twice = w->segment_bytes * 2;
    if (twice < w->segment_first) {
        return w->segment_first; /* it is larger than it was when the last one was made */
    }
    return twice < most ? twice : most;
}

bool wal_fits(const struct wal *w, uint64_t bytes)
{
    return w->offset + bytes <= w->segment_bytes;
}

static enum err segment_use(struct wal *w, uint64_t segment, uint64_t bytes)
{
    char part[WAL_NAME_BYTES];
    char name[WAL_NAME_BYTES];
    struct os_file *file = NULL;
    wal_name(segment, "part", part);
    wal_name(segment, "seg", name);
    TRY(os_dir_rename(w->dir, part, name));
    TRY(os_dir_sync(w->dir));
    /* behind its name, before its first batch: without it there is nothing that is missed */
    TRY(vote_begun(w->vote, segment, bytes, w->next_batch - 1));
    TRY(os_file_open(w->dir, name, OS_OPEN_READ | OS_OPEN_WRITE | OS_OPEN_DIRECT, &file));
    if (w->file != NULL) {
        os_file_close(w->file);
    }
    w->file = file;
    w->segment = segment;
    w->segment_bytes = bytes;
    w->offset = 0;
    return ERR_OK;
}

enum err wal_rotate(struct wal *w)
{
    ASSERT(w->fill_bytes > 0);
    uint64_t bytes = w->fill_bytes;
    w->fill_bytes = 0;
    return segment_use(w, w->segment + 1, bytes);
}

enum err wal_write(struct wal *w, struct wal_head *h, uint8_t *data, struct wal_place *out_place)
{
    h->segment = w->segment;
    h->batch = w->next_batch;
    h->durable = w->next_batch - 1; /* one batch at a time: all before it are on disk */
    h->prev_crc = w->prev_crc;
    h->salt = w->salt;
    h->body_crc = crc32c(0, data + WAL_HEAD_BYTES, h->body_bytes);
    wal_head_encode(h, data);
    uint64_t bytes = wal_batch_bytes(h);
    size_t used = WAL_HEAD_BYTES + (size_t)h->body_bytes;
    ASSERT(wal_fits(w, bytes));
    memset(data + used, 0, (size_t)bytes - used);
    TRY(os_file_write(w->file, w->offset, data, (size_t)bytes));
    TRY(os_file_sync(w->file));
    out_place->segment = w->segment;
    out_place->offset = w->offset;
    w->offset += bytes;
    w->next_batch++;
    w->prev_crc = h->crc;
    return ERR_OK;
}

/* A new log: its first segment, small, so that an empty directory is small. */
static enum err begin(struct wal *w, struct diag *diag)
{
    enum err e = wal_fill(w, 1, w->segment_first);
    w->next_batch = 1;
    e = e == ERR_OK ? segment_use(w, 1, w->segment_first) : e;
    w->disk_bytes = w->segment_first;
    struct wal_segment s = { .number = 1, .bytes = w->segment_first, .batch = 1 };
    e = e == ERR_OK ? wal_keep_push(w, &s) : e;
    return e == ERR_OK ? e : diag_set(diag, e, "log: the first segment: %s", err_text(e));
}

/* The record of the start is made ahead, for it will be needed where there is no space. */
static enum err prepare_start(struct wal *w, struct diag *diag)
{
    enum err e = wal_keep_find(w);
    if (e == ERR_OK && w->start_file.file == NULL) {
        e = wal_start_write(w->dir, &w->start_file, w->salt, &w->start);
    }
    e = e == ERR_NO_SPACE ? ERR_OK : e;
    return e == ERR_OK ? e : diag_set(diag, e, "log: start: %s", err_text(e));
}

enum err wal_open(struct wal *w, struct os *os, struct os_dir *dir, struct mem *mem,
                  struct vote_file *vote, uint64_t segment_first, const struct wal_found *found,
                  bool *out_repaired, struct diag *diag)
{
    memset(w, 0, sizeof *w);
    w->os = os;
    w->dir = dir;
    w->mem = mem;
    w->vote = vote;
    w->salt = vote->salt;
    w->segment_first = segment_first;
    *out_repaired = false;
    wal_index_init(&w->index, mem);
    enum err e = wal_start_open(dir, w->salt, &w->start_file, &w->start, diag);
    w->base = w->start.index;
    w->base_term = w->start.term;
    e = e == ERR_OK ? wal_recover(w, found, out_repaired, diag) : e;
    if (e == ERR_OK && w->file == NULL) {
        e = begin(w, diag);
    }
    if (e == ERR_OK) {
        e = prepare_start(w, diag);
    }
    w->batch_durable = w->next_batch - 1;
    if (e != ERR_OK) {
        wal_close(w);
    }
    return e;
}

void wal_close(struct wal *w)
{
    if (w->file != NULL) {
        os_file_close(w->file);
        w->file = NULL;
    }
    if (w->read_file != NULL) {
        os_file_close(w->read_file);
        w->read_file = NULL;
    }
    slot_close(&w->start_file);
    mem_free(w->mem, w->kept);
    w->kept = NULL;
    w->kept_count = 0;
    mem_free(w->mem, w->read_body);
    w->read_body = NULL;
    wal_index_done(&w->index);
}
