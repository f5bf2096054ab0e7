/* store/wal_keep.c -- the list of segments, and the job that shortens it. */
#include "store/wal_keep.h"

#include "base/mark.h"
#include "base/panic.h"

#include <stdlib.h>

enum {
    KEEP_CAPACITY_FIRST = 16,
    KEEP_FOUND_MAX = 16 /* spares looked at in one start */
};

enum err wal_keep_push(struct wal *w, const struct wal_segment *s)
{
    ASSERT(w->kept_count == 0 || w->kept[w->kept_count - 1].number < s->number);
    if (w->kept_count == w->kept_capacity) {
        uint32_t capacity = w->kept_capacity == 0 ? KEEP_CAPACITY_FIRST : w->kept_capacity * 2;
        struct wal_segment *moved = mem_resize(w->mem, w->kept, capacity * sizeof *moved);
        if (moved == NULL) {
            return ERR_NO_MEMORY;
        }
        w->kept = moved;
        w->kept_capacity = capacity;
    }
    w->kept[w->kept_count++] = *s;
    return ERR_OK;
}

/* What is read next is in a later segment: do not hold a file that is to go. */
static void reader_leave(struct wal *w, uint64_t segment)
{
    if (w->read_file != NULL && w->read_segment < segment) {
        os_file_close(w->read_file);
        w->read_file = NULL;
        w->read_head.entries = 0;
    }
}

bool wal_keep_plan(struct wal *w, uint64_t index, uint64_t term, struct wal_give *out)
{
    const struct wal_segment *s = &w->kept[w->kept_count - 1]; /* without entries: the newest */
    if (w->index.count > 0) {
        s = w->kept;
        while (s->number < w->index.stretch[0].place.segment) {
            s++;
        }
    }
    uint64_t from = w->kept[0].number;
    if (s->number == from) {
        return false;
    }
    out->record = s->number > w->start.segment;
    out->start = (struct wal_start){ index,      term,    s->number,
                                     s->batch,   s->last, w->batch_durable,
                                     s->prev_crc };
    out->from = from;
    out->to = s->number - from < WAL_GIVE_MAX ? s->number : from + WAL_GIVE_MAX;
    reader_leave(w, out->to);
    return true;
}

static enum err give_one(struct wal *w, uint64_t segment, bool spare)
{
    char name[WAL_NAME_BYTES];
    char old[WAL_NAME_BYTES];
    wal_name(segment, "seg", name);
    wal_name(segment, "old", old);
    enum err e = spare ? os_dir_rename(w->dir, name, old) : os_dir_unlink(w->dir, name);
    if (e == ERR_OK && spare) {
        w->spare[w->spare_count++] = segment;
    }
    MARK_IF(e == ERR_NO_FILE, "store: a segment was given back before");
    return e == ERR_NO_FILE ? ERR_OK : e; /* an attempt before this one came so far */
}

enum err wal_keep_give(struct wal *w, const struct wal_give *g)
{
    if (g->record) {
        TRY(wal_start_write(w->dir, &w->start_file, w->salt, &g->start));
    }
    for (uint64_t i = g->from; i < g->to; i++) {
        bool newest = g->start.segment - i <= WAL_SPARES_MAX; /* and so the largest */
        bool spare = newest && w->spare_count < WAL_SPARES_MAX;
        TRY(give_one(w, i, spare));
    }
    return os_dir_sync(w->dir);
}

void wal_keep_done(struct wal *w, const struct wal_give *g)
{
    uint32_t gone = 0;
    while (gone < w->kept_count && w->kept[gone].number < g->to) {
        w->disk_bytes -= w->kept[gone++].bytes;
    }
    ASSERT(gone < w->kept_count);
    w->kept_count -= gone;
    memmove(w->kept, w->kept + gone, w->kept_count * sizeof *w->kept);
    if (g->record) {
        w->start = g->start;
    }
}

enum err wal_keep_spare(struct wal *w, const char *part, bool *out)
{
    char old[WAL_NAME_BYTES];
    *out = false;
    if (w->spare_count == 0) {
        return ERR_OK;
    }
    MARK("store: a segment is used again");
    wal_name(w->spare[--w->spare_count], "old", old);
    enum err e = os_dir_rename(w->dir, old, part);
    *out = e == ERR_OK;
    return e == ERR_NO_FILE ? ERR_OK : e;
}

struct found {
    uint64_t number[KEEP_FOUND_MAX];
    uint32_t count;
};

static void found_one(void *arg, const char *name)
{
    struct found *f = arg;
    char canonical[WAL_NAME_BYTES];
    uint64_t number = strtoull(name, NULL, 16);
    wal_name(number, "old", canonical);
    if (strcmp(name, canonical) == 0 && f->count < KEEP_FOUND_MAX) {
        f->number[f->count++] = number;
    }
}

enum err wal_keep_find(struct wal *w)
{
    struct found f = { .count = 0 };
    TRY(os_dir_list(w->dir, found_one, &f));
    for (uint32_t i = 0; i < f.count; i++) {
        if (w->spare_count < WAL_SPARES_MAX) {
            w->spare[w->spare_count++] = f.number[i];
            continue;
        }
        char old[WAL_NAME_BYTES];
        wal_name(f.number[i], "old", old);
        TRY(os_dir_unlink(w->dir, old));
    }
    return ERR_OK;
}
