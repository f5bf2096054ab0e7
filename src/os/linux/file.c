/* os/linux/file.c -- files by descriptor; blocking, any thread.
 *
 * Invariants: a failed sync is reported as such and never tried again here
 * Why:        reads of an unbuffered file go through a second, buffered descriptor, so that only
 *             writes have to be aligned. A pipe is opened without waiting for its other end, and
 *             then refused as a directory is: neither has bytes at an offset
 */
#include "base/mark.h"
#include "os/linux/dir.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    FILE_LARGE_BYTES = 256 * 1024 /* of one buffered write */
};

struct linux_file {
    struct os_file base;
    int fd;
    int read_fd; /* the same as fd unless that is unbuffered */
};

static struct linux_file *file_of(struct os_file *f)
{
    return CONTAINER_OF(f, struct linux_file, base);
}

static int mode_of(uint32_t flags)
{
    int m = O_CLOEXEC | O_NONBLOCK;
    if ((flags & OS_OPEN_WRITE) != 0) {
        m |= (flags & OS_OPEN_READ) != 0 ? O_RDWR : O_WRONLY;
    }
    m |= (flags & OS_OPEN_CREATE) != 0 ? O_CREAT : 0;
    m |= (flags & OS_OPEN_EXCLUSIVE) != 0 ? O_EXCL : 0;
    return m;
}

static enum err kind_check(int fd)
{
    struct stat s;
    if (fstat(fd, &s) != 0) {
        return ERR_IO;
    }
    return S_ISDIR(s.st_mode) || S_ISFIFO(s.st_mode) ? ERR_WRONG_KIND : ERR_OK;
}

enum err linux_file_open(struct os_dir *base, const char *name, uint32_t flags,
                         struct os_file **out)
{
    int dir_fd = linux_dir_fd(base);
    mode_t mode = (flags & OS_OPEN_PRIVATE) != 0 ? 0600 : 0644;
    struct linux_file *f = malloc(sizeof *f); /* any thread: not from the loop's account */
    if (f == NULL) {
        return ERR_NO_MEMORY;
    }
    f->base.os = base->os;
    f->fd = openat(dir_fd, name, mode_of(flags), mode);
    enum err e = f->fd < 0 ? linux_file_err(errno) : kind_check(f->fd);
    if (e != ERR_OK) {
        if (f->fd >= 0) {
            close(f->fd);
        }
        free(f);
        return e;
    }
    f->read_fd = f->fd;
    if ((flags & OS_OPEN_DIRECT) != 0) {
        int direct = openat(dir_fd, name, O_RDWR | O_DIRECT | O_CLOEXEC);
        if (direct >= 0) {
            f->fd = direct; /* the first descriptor stays for reads */
        }
    }
    *out = &f->base;
    return ERR_OK;
}

enum err linux_file_read(struct os_file *base, uint64_t offset, void *out, size_t count,
                         size_t *out_count)
{
    size_t have = 0;
    while (have < count) {
        ssize_t n = pread(file_of(base)->read_fd, (uint8_t *)out + have, count - have,
                          (off_t)(offset + have));
        if (n == 0) {
            break;
        }
        if (n > 0) {
            have += (size_t)n;
        } else if (errno != EINTR) {
            return ERR_IO;
        }
    }
    *out_count = have;
    return ERR_OK;
}

/* Some file systems take the flag when the file is opened and refuse the writes. Nothing was
 * written by the refused one, so this is no second try of a failed write. */
static void go_buffered(struct linux_file *f)
{
    MARK("os: unbuffered writes are refused");
    close(f->fd);
    f->fd = f->read_fd;
}

/* Many large writes make one long sync, which others on this disk wait for: they are on their way
 * early. Only a hint, which fails to no effect: what it met the next sync says. */
static void write_back(const struct linux_file *f, uint64_t offset, size_t count)
{
    if (count >= FILE_LARGE_BYTES && f->fd == f->read_fd) {
        (void)sync_file_range(f->fd, (off_t)offset, (off_t)count, SYNC_FILE_RANGE_WRITE);
    }
}

enum err linux_file_write(struct os_file *base, uint64_t offset, const void *data, size_t count)
{
    size_t have = 0;
    while (have < count) {
        ssize_t n = pwrite(file_of(base)->fd, (const uint8_t *)data + have, count - have,
                           (off_t)(offset + have));
        if (n > 0) {
            have += (size_t)n;
        } else if (n < 0 && errno == EINVAL && file_of(base)->fd != file_of(base)->read_fd) {
            go_buffered(file_of(base));
        } else if (n == 0 || errno != EINTR) {
            return n == 0 ? ERR_IO : linux_file_err(errno);
        }
    }
    write_back(file_of(base), offset, count);
    return ERR_OK;
}

enum err linux_file_sync(struct os_file *base)
{
    return fdatasync(file_of(base)->fd) == 0 ? ERR_OK : ERR_SYNC_FAILED;
}

enum err linux_file_size(struct os_file *base, uint64_t *out)
{
    struct stat s;
    if (fstat(file_of(base)->fd, &s) != 0) {
        return ERR_IO;
    }
    *out = (uint64_t)s.st_size;
    return ERR_OK;
}

enum err linux_file_truncate(struct os_file *base, uint64_t bytes)
{
    return ftruncate(file_of(base)->fd, (off_t)bytes) == 0 ? ERR_OK : linux_file_err(errno);
}

void linux_file_close(struct os_file *base)
{
    struct linux_file *f = file_of(base);
    if (f->read_fd != f->fd) {
        close(f->read_fd);
    }
    close(f->fd);
    free(f);
}
