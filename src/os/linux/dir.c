/* os/linux/dir.c -- directories by descriptor; blocking, any thread but for open and close. */
#include "os/linux/dir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

struct linux_dir {
    struct os_dir base;
    int fd;
    int lock_fd;
    char path[PATH_MAX];
};

static struct linux_dir *dir_of(struct os_dir *d)
{
    return CONTAINER_OF(d, struct linux_dir, base);
}

int linux_dir_fd(struct os_dir *d)
{
    return dir_of(d)->fd;
}

enum err linux_file_err(int error)
{
    switch (error) {
    case ENOENT:
        return ERR_NO_FILE;
    case EEXIST:
        return ERR_FILE_EXISTS;
    case ENOSPC:
    case EDQUOT:
        return ERR_NO_SPACE;
    case EACCES:
    case EPERM:
        return ERR_NO_ACCESS;
    case EROFS:
        return ERR_READ_ONLY;
    case ENOTDIR:
    case EISDIR:
    case ENXIO: /* a pipe that nobody reads, a socket */
        return ERR_WRONG_KIND;
    default:
        return ERR_IO;
    }
}

/* Make the last component, and make its name durable in the parent. */
static enum err make_dir(const char *path)
{
    if (mkdir(path, 0755) != 0) {
        return errno == EEXIST ? ERR_OK : linux_file_err(errno);
    }
    char parent[PATH_MAX + 4];
    snprintf(parent, sizeof parent, "%s/..", path);
    int fd = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        return linux_file_err(errno);
    }
    int rc = fsync(fd);
    close(fd);
    return rc == 0 ? ERR_OK : ERR_SYNC_FAILED;
}

enum err linux_dir_open(struct os *os, const char *path, bool create, struct os_dir **out)
{
    struct os_linux *l = linux_of(os);
    if (strlen(path) >= PATH_MAX) {
        return ERR_NO_FILE;
    }
    if (create) {
        TRY(make_dir(path));
    }
    struct linux_dir *d = mem_alloc(l->mem, sizeof *d);
    if (d == NULL) {
        return ERR_NO_MEMORY;
    }
    d->base.os = os;
    d->lock_fd = -1;
    d->fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (d->fd < 0 || realpath(path, d->path) == NULL) {
        enum err e = linux_file_err(errno);
        if (d->fd >= 0) {
            close(d->fd);
        }
        mem_free(l->mem, d);
        return e;
    }
    *out = &d->base;
    return ERR_OK;
}

void linux_dir_close(struct os_dir *base)
{
    struct linux_dir *d = dir_of(base);
    if (d->lock_fd >= 0) {
        close(d->lock_fd);
    }
    close(d->fd);
    mem_free(linux_of(base->os)->mem, d);
}

enum err linux_dir_lock(struct os_dir *base, const char *name, uint64_t *out_pid)
{
    struct linux_dir *d = dir_of(base);
    char text[32] = { 0 };
    *out_pid = 0;
    int fd = openat(d->fd, name, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (fd < 0) {
        return linux_file_err(errno);
    }
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        enum err e = errno == EWOULDBLOCK ? ERR_LOCKED : ERR_IO;
        if (pread(fd, text, sizeof text - 1, 0) > 0) {
            *out_pid = strtoull(text, NULL, 10);
        }
        close(fd);
        return e;
    }
    int count = snprintf(text, sizeof text, "%ld\n", (long)getpid());
    if (ftruncate(fd, 0) != 0 || pwrite(fd, text, (size_t)count, 0) != count) {
        *out_pid =
            0; /* the lock holds all the same: only the pid for another's message is missing */
    }
    d->lock_fd = fd;
    return ERR_OK;
}

enum err linux_dir_list(struct os_dir *base, os_dir_entry_fn fn, void *arg)
{
    int fd = openat(dir_of(base)->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    if (dir == NULL) {
        enum err e = linux_file_err(errno);
        if (fd >= 0) {
            close(fd);
        }
        return e;
    }
    errno = 0;
    for (struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
            fn(arg, entry->d_name);
        }
        errno = 0;
    }
    enum err e = errno == 0 ? ERR_OK : ERR_IO;
    closedir(dir);
    return e;
}

enum err linux_dir_rename(struct os_dir *base, const char *from, const char *to)
{
    int fd = dir_of(base)->fd;
    return renameat(fd, from, fd, to) == 0 ? ERR_OK : linux_file_err(errno);
}

enum err linux_dir_unlink(struct os_dir *base, const char *name)
{
    return unlinkat(dir_of(base)->fd, name, 0) == 0 ? ERR_OK : linux_file_err(errno);
}

enum err linux_dir_sync(struct os_dir *base)
{
    return fsync(dir_of(base)->fd) == 0 ? ERR_OK : ERR_SYNC_FAILED;
}

enum err linux_dir_space(struct os_dir *base, struct os_space *out)
{
    struct statvfs s;
    if (fstatvfs(dir_of(base)->fd, &s) != 0) {
        return ERR_IO;
    }
    out->total_bytes = (uint64_t)s.f_blocks * s.f_frsize;
    out->free_bytes = (uint64_t)s.f_bavail * s.f_frsize;
    return ERR_OK;
}

enum err linux_dir_stat(struct os_dir *base, const char *name, struct os_stat *out)
{
    struct stat s;
    if (fstatat(dir_of(base)->fd, name, &s, 0) != 0) {
        return linux_file_err(errno);
    }
    out->bytes = (uint64_t)s.st_size;
    out->mode = (uint32_t)(s.st_mode & 07777u);
    return ERR_OK;
}

const char *linux_dir_path(struct os_dir *base)
{
    return dir_of(base)->path;
}
