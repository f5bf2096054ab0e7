/* sim/disk.c -- what is seen of everything and what is safe of it; what a crash makes of them. */
#include "sim/disk.h"

#include "base/panic.h"

#include <stdio.h>

void sim_disk_init(struct sim_disk *d, struct mem *mem, uint64_t seed)
{
    memset(d, 0, sizeof *d);
    d->mem = mem;
    prng_seed(&d->prng, seed);
    for (int i = 0; i < SIM_NAMES_MAX; i++) {
        d->name[i].now = -1;
        d->name[i].safe = -1;
    }
}

void sim_file_drop(struct mem *mem, struct sim_file *f)
{
    sim_image_drop(mem, &f->now);
    sim_image_drop(mem, &f->safe);
    sim_image_drop(mem, &f->before);
    mem_free(mem, f->dirty);
    memset(f, 0, sizeof *f);
}

void sim_disk_done(struct sim_disk *d)
{
    for (int i = 0; i < SIM_FILES_MAX; i++) {
        sim_file_drop(d->mem, &d->file[i]);
    }
}

void sim_disk_hold(struct sim_disk *d, int file)
{
    ASSERT(file >= 0 && file < SIM_FILES_MAX);
    d->file[file].users++;
}

void sim_disk_release(struct sim_disk *d, int file)
{
    if (file >= 0 && --d->file[file].users == 0) {
        sim_stale_write(d, file, 0, d->file[file].capacity);
        sim_file_drop(d->mem, &d->file[file]);
    }
}

enum err sim_disk_op(struct sim_disk *d, bool *out_last)
{
    *out_last = false;
    if (d->down) {
        return ERR_IO;
    }
    d->ops++;
    if (d->ops == d->fault_at) {
        return d->fault;
    }
    *out_last = d->ops == d->crash_at;
    d->down = *out_last;
    return ERR_OK;
}

static enum err end(bool last)
{
    return last ? ERR_IO : ERR_OK;
}

/* ---- names ---- */

static struct sim_name *name_of(struct sim_disk *d, const char *name)
{
    struct sim_name *space = NULL;
    for (int i = 0; i < SIM_NAMES_MAX; i++) {
        struct sim_name *n = &d->name[i];
        if (strcmp(n->name, name) == 0) {
            return n;
        }
        if (space == NULL && n->now < 0 && n->safe < 0) {
            space = n;
        }
    }
    if (space != NULL) {
        snprintf(space->name, sizeof space->name, "%s", name);
    }
    return space;
}

int sim_disk_find(const struct sim_disk *d, const char *name)
{
    for (int i = 0; i < SIM_NAMES_MAX; i++) {
        if (strcmp(d->name[i].name, name) == 0) {
            return d->name[i].now;
        }
    }
    return -1;
}

static void point(struct sim_disk *d, int *place, int file)
{
    int before = *place;
    if (file >= 0) {
        sim_disk_hold(d, file);
    }
    *place = file;
    sim_disk_release(d, before);
}

enum err sim_disk_create(struct sim_disk *d, const char *name, int *out_file)
{
    bool last = false;
    struct sim_name *n = name_of(d, name);
    int file = 0;
    while (file < SIM_FILES_MAX && d->file[file].users > 0) {
        file++;
    }
    if (n == NULL || file == SIM_FILES_MAX || d->full) {
        return ERR_NO_SPACE;
    }
    TRY(sim_disk_op(d, &last));
    point(d, &n->now, file);
    *out_file = file;
    return end(last);
}

enum err sim_disk_rename(struct sim_disk *d, const char *from, const char *to)
{
    bool last = false;
    struct sim_name *a = name_of(d, from);
    if (a == NULL || a->now < 0) {
        return ERR_NO_FILE;
    }
    struct sim_name *b = name_of(d, to);
    if (b == NULL) {
        return ERR_NO_SPACE;
    }
    TRY(sim_disk_op(d, &last));
    point(d, &b->now, a->now);
    point(d, &a->now, -1);
    return end(last);
}

enum err sim_disk_unlink(struct sim_disk *d, const char *name)
{
    bool last = false;
    struct sim_name *n = name_of(d, name);
    if (n == NULL || n->now < 0) {
        return ERR_NO_FILE;
    }
    TRY(sim_disk_op(d, &last));
    point(d, &n->now, -1);
    return end(last);
}

enum err sim_disk_sync_names(struct sim_disk *d, const char *prefix)
{
    bool last = false;
    TRY(sim_disk_op(d, &last));
    for (int i = 0; i < SIM_NAMES_MAX && !last; i++) {
        struct sim_name *n = &d->name[i];
        if (strncmp(n->name, prefix, strlen(prefix)) == 0) {
            point(d, &n->safe, n->now);
        }
    }
    return end(last);
}

enum err sim_disk_lock(struct sim_disk *d, const char *name, int *out_lock)
{
    int space = -1;
    for (int i = 0; i < SIM_LOCKS_MAX; i++) {
        if (strcmp(d->lock[i], name) == 0) {
            return ERR_LOCKED;
        }
        space = d->lock[i][0] == 0 ? i : space;
    }
    if (space < 0) {
        return ERR_NO_SPACE;
    }
    snprintf(d->lock[space], sizeof d->lock[space], "%s", name);
    *out_lock = space;
    return ERR_OK;
}

void sim_disk_unlock(struct sim_disk *d, int lock)
{
    if (lock >= 0) {
        d->lock[lock][0] = 0;
    }
}

/* ---- bytes ---- */

enum err sim_file_reserve(struct mem *mem, struct sim_file *f, size_t bytes)
{
    size_t capacity = f->capacity == 0 ? 2u * SIM_PAGE_BYTES : f->capacity;
    while (capacity < bytes) {
        capacity *= 2;
    }
    if (capacity == f->capacity) {
        return ERR_OK;
    }
    TRY(sim_image_reserve(mem, &f->now, capacity));
    TRY(sim_image_reserve(mem, &f->safe, capacity));
    TRY(sim_image_reserve(mem, &f->before, capacity));
    uint8_t *dirty = mem_resize(mem, f->dirty, capacity / SIM_SECTOR_BYTES);
    if (dirty == NULL) {
        return ERR_NO_SPACE;
    }
    memset(dirty + f->capacity / SIM_SECTOR_BYTES, 0, (capacity - f->capacity) / SIM_SECTOR_BYTES);
    f->dirty = dirty;
    f->capacity = capacity;
    return ERR_OK;
}

enum err sim_disk_read(struct sim_disk *d, int file, uint64_t offset, void *out, size_t count,
                       size_t *out_count)
{
    const struct sim_file *f = &d->file[file];
    if (d->down || ++d->reads == d->read_fault_at) {
        return ERR_IO;
    }
    size_t left = offset < f->now_bytes ? f->now_bytes - (size_t)offset : 0;
    *out_count = count < left ? count : left;
    if (*out_count > 0) {
        sim_image_read(&f->now, (size_t)offset, out, *out_count);
        sim_stale_read(d, file, (size_t)offset, out, *out_count);
    }
    return ERR_OK;
}

/* What a sector is that is not safe. */
enum {
    DIRTY = 1,  /* the next sync saves it */
    DROPPED = 2 /* a sync has failed to: it is read as it was written, but none will */
};

static void soil(struct sim_file *f, size_t offset, size_t to)
{
    size_t first = offset / SIM_SECTOR_BYTES;
    size_t end = (to + SIM_SECTOR_BYTES - 1) / SIM_SECTOR_BYTES;
    memset(f->dirty + first, DIRTY, end - first);
    f->dirty_first = f->dirty_end == 0 || first < f->dirty_first ? first : f->dirty_first;
    f->dirty_end = end > f->dirty_end ? end : f->dirty_end;
}

enum err sim_disk_write(struct sim_disk *d, int file, uint64_t offset, const void *data,
                        size_t count)
{
    struct sim_file *f = &d->file[file];
    bool last = false;
    size_t to = (size_t)offset + count;
    if (count == 0) {
        return ERR_OK;
    }
    if (d->full && to > f->now_bytes) {
        return ERR_NO_SPACE;
    }
    enum err e = sim_disk_op(d, &last);
    if (d->down && !last) {
        return e;
    }
    if (e != ERR_OK) { /* the kernel had come so far */
        to = (size_t)offset +
             (size_t)prng_below(&d->prng, count / SIM_SECTOR_BYTES + 1) * SIM_SECTOR_BYTES;
    }
    if (to > offset) {
        TRY(sim_file_reserve(d->mem, f, to));
        soil(f, (size_t)offset, to);
        sim_stale_write(d, file, (size_t)offset, to - (size_t)offset);
        sim_image_share(d->mem, &f->before, &f->now, (size_t)offset, to);
        TRY(sim_image_write(d->mem, &f->now, (size_t)offset, data, to - (size_t)offset));
        f->now_bytes = to > f->now_bytes ? to : f->now_bytes;
    }
    return e == ERR_OK ? end(last) : e;
}

enum err sim_disk_truncate(struct sim_disk *d, int file, uint64_t bytes)
{
    struct sim_file *f = &d->file[file];
    bool last = false;
    if (d->full && bytes > f->now_bytes) {
        return ERR_NO_SPACE;
    }
    TRY(sim_disk_op(d, &last));
    TRY(sim_file_reserve(d->mem, f, (size_t)bytes));
    if (bytes < f->now_bytes) {
        soil(f, (size_t)bytes, f->now_bytes);
        TRY(sim_image_zero(d->mem, &f->now, (size_t)bytes, f->now_bytes - (size_t)bytes));
    }
    f->now_bytes = (size_t)bytes;
    return end(last);
}

bool sim_name_ends(const struct sim_name *n, const char *suffix)
{
    size_t count = strlen(n->name);
    size_t s = strlen(suffix);
    return count >= s && strcmp(n->name + count - s, suffix) == 0;
}

/* Is this the sync that a planned crash waits for? */
static bool doomed(struct sim_disk *d, int file)
{
    bool now = d->crash_sync;
    for (int i = 0; d->crash_vote && !now && i < SIM_NAMES_MAX; i++) {
        now = d->name[i].now == file && sim_name_ends(&d->name[i], "vote");
    }
    if (now) {
        d->crash_sync = false;
        d->crash_vote = false;
    }
    return now;
}

/* First sector from one on that the next sync saves; the end of all: none. */
static size_t dirty_from(const struct sim_file *f, size_t s)
{
    while (s < f->dirty_end && f->dirty[s] != DIRTY) {
        s++;
    }
    return s;
}

/* A batch that is synced tells that all before it were. Zeroes are none: they fill a segment, or
 * cut off a torn tail, and with it perhaps the one that told. */
static void note_batch(struct sim_file *f, size_t sector)
{
    static const uint8_t zeroes[SIM_SECTOR_BYTES];
    uint8_t bytes[SIM_SECTOR_BYTES];
    size_t first = sector * SIM_SECTOR_BYTES;
    sim_image_read(&f->now, first, bytes, sizeof bytes);
    bool batch = memcmp(bytes, zeroes, sizeof bytes) != 0;
    if (batch || f->told_bytes >= first) {
        f->told_bytes = batch ? first : 0;
    }
}

/* Nothing is dirty any more: there, one version becomes the other. */
static void clean(struct mem *mem, struct sim_file *f, struct sim_image *to,
                  const struct sim_image *from)
{
    if (f->dirty_end > 0) {
        sim_image_share(mem, to, from, f->dirty_first * SIM_SECTOR_BYTES,
                        f->dirty_end * SIM_SECTOR_BYTES);
        memset(f->dirty + f->dirty_first, 0, f->dirty_end - f->dirty_first);
        f->dirty_end = 0;
    }
}

/* All that was written is safe; what was dropped is none of it. */
static void save(struct mem *mem, struct sim_file *f)
{
    size_t first = dirty_from(f, f->dirty_first);
    if (first < f->dirty_end) {
        note_batch(f, first);
    }
    bool dropped = f->dirty_end > 0 && memchr(f->dirty + f->dirty_first, DROPPED,
                                              f->dirty_end - f->dirty_first) != NULL;
    if (!dropped) {
        clean(mem, f, &f->safe, &f->now);
    }
    for (size_t s = first; s < f->dirty_end; s = dirty_from(f, s + 1)) {
        uint8_t sector[SIM_SECTOR_BYTES];
        sim_image_read(&f->now, s * SIM_SECTOR_BYTES, sector, sizeof sector);
        sim_image_put(mem, &f->safe, s * SIM_SECTOR_BYTES, sector, sizeof sector);
        f->dirty[s] = 0;
    }
    f->safe_bytes = f->now_bytes;
}

/* The kernel tells of the failure once, and takes the pages to be clean. */
static void drop(struct sim_file *f)
{
    for (size_t s = f->dirty_first; s < f->dirty_end; s++) {
        f->dirty[s] = f->dirty[s] == DIRTY ? DROPPED : f->dirty[s];
    }
}

enum err sim_disk_sync(struct sim_disk *d, int file)
{
    struct sim_file *f = &d->file[file];
    bool last = false;
    d->crash_at = doomed(d, file) ? d->ops + 1 : d->crash_at;
    enum err e = sim_disk_op(d, &last);
    if (e != ERR_OK) {
        drop(f);
        return e;
    }
    if (!last) {
        save(d->mem, f);
    }
    return end(last);
}

/* ---- the crash ---- */

/* Old, new, or some of each: a sector of its own accord is torn rarely, but it is. */
static void sector_survive(struct sim_disk *d, struct sim_file *f, size_t s)
{
    uint8_t sector[SIM_SECTOR_BYTES];
    uint64_t luck = prng_below(&d->prng, 8);
    size_t taken = luck < 4 ? 0 : luck < 7 ? SIM_SECTOR_BYTES : 0;
    if (luck == 7) {
        taken = (size_t)prng_below(&d->prng, SIM_SECTOR_BYTES);
    }
    sim_image_read(&f->safe, s * SIM_SECTOR_BYTES, sector, sizeof sector);
    sim_image_read(&f->now, s * SIM_SECTOR_BYTES, sector, taken);
    sim_image_put(d->mem, &f->safe, s * SIM_SECTOR_BYTES, sector, sizeof sector);
}

static void file_survive(struct sim_disk *d, struct sim_file *f)
{
    bool resized = f->now_bytes != f->safe_bytes && prng_below(&d->prng, 2) == 0;
    size_t bytes = resized ? f->now_bytes : f->safe_bytes;
    for (size_t s = f->dirty_first; s < f->dirty_end; s++) {
        if (f->dirty[s] != 0) {
            sector_survive(d, f, s);
        }
    }
    clean(d->mem, f, &f->now, &f->safe);
    size_t end = f->now_bytes > f->safe_bytes ? f->now_bytes : f->safe_bytes;
    enum err e = sim_image_zero(d->mem, &f->safe, bytes, end - bytes);
    ASSERT(e == ERR_OK); /* behind the end both are zero in any case */
    sim_image_share(d->mem, &f->now, &f->safe, bytes, end);
    f->now_bytes = bytes;
    f->safe_bytes = bytes;
}

void sim_disk_survive(struct sim_disk *d)
{
    d->down = false;
    d->crash_at = 0;
    d->crash_sync = false;
    d->crash_vote = false;
    d->fault_at = 0;
    d->read_fault_at = 0;
}

/* The name that a file was given when it lost this one; NULL: it was unlinked. */
static struct sim_name *renamed_to(struct sim_disk *d, const struct sim_name *n)
{
    for (int i = 0; n->now < 0 && n->safe >= 0 && i < SIM_NAMES_MAX; i++) {
        if (d->name[i].now == n->safe) {
            return &d->name[i];
        }
    }
    return NULL;
}

static bool renamed_from(const struct sim_disk *d, const struct sim_name *n)
{
    bool from = false;
    for (int i = 0; n->now >= 0 && n->now != n->safe && i < SIM_NAMES_MAX; i++) {
        from = from || (d->name[i].safe == n->now && d->name[i].now < 0);
    }
    return from;
}

static void name_survive(struct sim_disk *d, struct sim_name *n, bool kept)
{
    point(d, kept ? &n->safe : &n->now, kept ? n->now : n->safe);
}

/* Old or new, each; but a rename is one thing: the file has its old name, or the new one. */
static void names_survive(struct sim_disk *d)
{
    for (int i = 0; i < SIM_NAMES_MAX; i++) {
        struct sim_name *n = &d->name[i];
        struct sim_name *to = renamed_to(d, n);
        if (n->now == n->safe || renamed_from(d, n)) {
            continue; /* nothing is open, or it goes with the older name */
        }
        bool kept = prng_below(&d->prng, 2) == 0;
        if (to != NULL) {
            name_survive(d, to, kept);
        }
        name_survive(d, n, kept);
    }
}

void sim_disk_restart(struct sim_disk *d)
{
    names_survive(d);
    for (int i = 0; i < SIM_FILES_MAX; i++) {
        if (d->file[i].capacity > 0) {
            file_survive(d, &d->file[i]);
        }
    }
    sim_disk_survive(d);
}
