/* sim/files.c -- directories and files of os/io.h on the disk in memory. */
#include "sim/loop.h"

#include "base/panic.h"

#include <stdio.h>

struct sim_dir {
    struct os_dir base;
    char path[SIM_NAME_BYTES];
    int lock; /* held by it; -1: none */
};

struct sim_handle {
    struct os_file base;
    int file;
    bool direct;
};

static struct sim_loop *loop_of(struct os *os)
{
    return CONTAINER_OF(os, struct sim_loop, os);
}

static struct sim_disk *disk_of(struct os *os)
{
    return loop_of(os)->disk;
}

/* Name with its directory; names too long for the table are no names here. */
static void full_name(struct os_dir *d, const char *name, char out[SIM_NAME_BYTES])
{
    const struct sim_dir *dir = CONTAINER_OF(d, struct sim_dir, base);
    int n = snprintf(out, SIM_NAME_BYTES, "%s/%s", dir->path, name);
    ASSERT(n > 0 && n < SIM_NAME_BYTES);
}

enum err sim_dir_open(struct os *os, const char *path, bool create, struct os_dir **out)
{
    (void)create; /* every directory is there */
    struct sim_dir *d = mem_alloc(loop_of(os)->mem, sizeof *d);
    if (d == NULL) {
        return ERR_NO_MEMORY;
    }
    d->base.os = os;
    d->lock = -1;
    snprintf(d->path, sizeof d->path, "%s", path);
    *out = &d->base;
    return ERR_OK;
}

void sim_dir_close(struct os_dir *d)
{
    struct sim_dir *dir = CONTAINER_OF(d, struct sim_dir, base);
    sim_disk_unlock(disk_of(d->os), dir->lock);
    mem_free(loop_of(d->os)->mem, dir);
}

enum err sim_dir_lock(struct os_dir *d, const char *name, uint64_t *out_pid)
{
    char full[SIM_NAME_BYTES];
    full_name(d, name, full);
    *out_pid = 0; /* processes have no numbers here */
    return sim_disk_lock(disk_of(d->os), full, &CONTAINER_OF(d, struct sim_dir, base)->lock);
}

enum err sim_dir_list(struct os_dir *d, os_dir_entry_fn fn, void *arg)
{
    char prefix[SIM_NAME_BYTES];
    struct sim_disk *disk = disk_of(d->os);
    full_name(d, "", prefix);
    size_t count = strlen(prefix);
    for (int i = 0; i < SIM_NAMES_MAX; i++) {
        const struct sim_name *n = &disk->name[i];
        if (n->now >= 0 && strncmp(n->name, prefix, count) == 0 &&
            strchr(n->name + count, '/') == NULL) {
            fn(arg, n->name + count);
        }
    }
    return ERR_OK;
}

enum err sim_dir_rename(struct os_dir *d, const char *from, const char *to)
{
    char a[SIM_NAME_BYTES];
    char b[SIM_NAME_BYTES];
    full_name(d, from, a);
    full_name(d, to, b);
    return sim_disk_rename(disk_of(d->os), a, b);
}

enum err sim_dir_unlink(struct os_dir *d, const char *name)
{
    char full[SIM_NAME_BYTES];
    full_name(d, name, full);
    return sim_disk_unlink(disk_of(d->os), full);
}

enum err sim_dir_sync(struct os_dir *d)
{
    char prefix[SIM_NAME_BYTES];
    full_name(d, "", prefix);
    return sim_disk_sync_names(disk_of(d->os), prefix);
}

enum err sim_dir_space(struct os_dir *d, struct os_space *out)
{
    *out = (struct os_space){ 1ull << 40, disk_of(d->os)->full ? 1ull << 34 : 1ull << 39 };
    return ERR_OK;
}

enum err sim_dir_stat(struct os_dir *d, const char *name, struct os_stat *out)
{
    char full[SIM_NAME_BYTES];
    full_name(d, name, full);
    int file = sim_disk_find(disk_of(d->os), full);
    if (file < 0) {
        return ERR_NO_FILE;
    }
    *out = (struct os_stat){ disk_of(d->os)->file[file].now_bytes, 0600 };
    return ERR_OK;
}

const char *sim_dir_path(struct os_dir *d)
{
    (void)d;
    return NULL; /* nothing outside can open it */
}

enum err sim_file_open(struct os_dir *d, const char *name, uint32_t flags, struct os_file **out)
{
    char full[SIM_NAME_BYTES];
    struct sim_disk *disk = disk_of(d->os);
    full_name(d, name, full);
    int file = sim_disk_find(disk, full);
    if (file >= 0 && (flags & OS_OPEN_EXCLUSIVE) != 0) {
        return ERR_FILE_EXISTS;
    }
    if (file < 0) {
        if ((flags & OS_OPEN_CREATE) == 0) {
            return ERR_NO_FILE;
        }
        TRY(sim_disk_create(disk, full, &file));
    }
    struct sim_handle *h = mem_alloc(loop_of(d->os)->mem, sizeof *h);
    if (h == NULL) {
        return ERR_NO_MEMORY;
    }
    h->base.os = d->os;
    h->file = file;
    h->direct = (flags & OS_OPEN_DIRECT) != 0;
    sim_disk_hold(disk, file);
    sim_rot_open(disk, full, file);
    *out = &h->base;
    return ERR_OK;
}

static struct sim_handle *handle_of(struct os_file *f)
{
    return CONTAINER_OF(f, struct sim_handle, base);
}

enum err sim_file_read(struct os_file *f, uint64_t offset, void *out, size_t count,
                       size_t *out_count)
{
    return sim_disk_read(disk_of(f->os), handle_of(f)->file, offset, out, count, out_count);
}

enum err sim_file_write(struct os_file *f, uint64_t offset, const void *data, size_t count)
{
    struct sim_handle *h = handle_of(f);
    if (h->direct) { /* what the kernel would refuse */
        ASSERT(offset % 512 == 0 && count % 512 == 0 && (uintptr_t)data % 512 == 0);
    }
    return sim_disk_write(disk_of(f->os), h->file, offset, data, count);
}

enum err sim_file_sync(struct os_file *f)
{
    enum err e = sim_disk_sync(disk_of(f->os), handle_of(f)->file);
    return e == ERR_OK ? e : ERR_SYNC_FAILED;
}

enum err sim_file_size(struct os_file *f, uint64_t *out)
{
    *out = disk_of(f->os)->file[handle_of(f)->file].now_bytes;
    return ERR_OK;
}

enum err sim_file_truncate(struct os_file *f, uint64_t bytes)
{
    return sim_disk_truncate(disk_of(f->os), handle_of(f)->file, bytes);
}

void sim_file_close(struct os_file *f)
{
    struct sim_handle *h = handle_of(f);
    sim_disk_release(disk_of(f->os), h->file);
    mem_free(loop_of(f->os)->mem, h);
}
