/* tests/unit/os/test_files.c -- Subject: directories and files of the real system.
 *
 * Method: what was written is read back; a small file system of its own for full and read-only,
 *         where the process may mount one
 */
#include "loop.h"

#include "base/limits.h"

#include <fcntl.h>
#include <grp.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>

enum {
    NAMES_MAX = 16,
    SMALL_BYTES = 64 * 1024
};

struct names {
    char name[NAMES_MAX][32];
    uint32_t count;
};

static struct os_dir *open_here(struct loop *l)
{
    struct os_dir *d = NULL;
    loop_open(l);
    CHECK(os_dir_open(l->os, l->path, false, &d) == ERR_OK);
    return d;
}

static void close_here(struct loop *l, struct os_dir *d)
{
    os_dir_close(d);
    loop_close(l);
}

static struct os_file *make(struct os_dir *d, const char *name, const char *text)
{
    struct os_file *f = NULL;
    CHECK(os_file_open(d, name, OS_OPEN_READ | OS_OPEN_WRITE | OS_OPEN_CREATE, &f) == ERR_OK);
    CHECK(os_file_write(f, 0, text, strlen(text)) == ERR_OK);
    return f;
}

static void read_and_write(void)
{
    struct loop l;
    struct os_dir *d = open_here(&l);
    struct os_file *f = make(d, "file", "0123456789");
    char out[16];
    for (size_t at = 0; at <= 12; at++) {
        for (size_t count = 0; count <= 12; count++) {
            size_t got = 99;
            size_t left = at < 10 ? 10 - at : 0;
            memset(out, 'z', sizeof out);
            CHECK(os_file_read(f, at, out, count, &got) == ERR_OK);
            CHECK_U64(got, count < left ? count : left); /* short only at the end */
            CHECK(memcmp(out, &"0123456789"[at < 10 ? at : 10], got) == 0 && out[got] == 'z');
        }
    }
    uint64_t bytes = 0;
    CHECK(os_file_write(f, 20, "x", 1) == ERR_OK); /* a hole */
    CHECK(os_file_write(f, 3, "", 0) == ERR_OK);
    CHECK(os_file_size(f, &bytes) == ERR_OK && bytes == 21);
    size_t got = 0;
    CHECK(os_file_read(f, 10, out, 11, &got) == ERR_OK && got == 11);
    CHECK(memcmp(out, "\0\0\0\0\0\0\0\0\0\0x", 11) == 0);
    CHECK(os_file_truncate(f, 4) == ERR_OK && os_file_size(f, &bytes) == ERR_OK && bytes == 4);
    CHECK(os_file_sync(f) == ERR_OK);
    os_file_close(f);
    close_here(&l, d);
}

static void open_flags(void)
{
    struct loop l;
    struct os_dir *d = open_here(&l);
    struct os_file *f = NULL;
    struct os_stat st;
    uint32_t fresh = OS_OPEN_WRITE | OS_OPEN_CREATE | OS_OPEN_EXCLUSIVE;
    size_t got = 0;
    char c = 0;
    CHECK(os_file_open(d, "none", OS_OPEN_READ, &f) == ERR_NO_FILE && f == NULL);
    CHECK(os_file_open(d, "none/none", OS_OPEN_WRITE | OS_OPEN_CREATE, &f) == ERR_NO_FILE);
    CHECK(os_file_open(d, "secret", fresh | OS_OPEN_PRIVATE, &f) == ERR_OK);
    CHECK(os_file_read(f, 0, &c, 1, &got) == ERR_IO); /* opened for writing only */
    os_file_close(f);
    f = NULL;
    CHECK(os_file_open(d, "secret", fresh, &f) == ERR_FILE_EXISTS && f == NULL);
    CHECK(os_dir_stat(d, "secret", &st) == ERR_OK && st.mode == 0600 && st.bytes == 0);
    CHECK(os_file_open(d, "secret", OS_OPEN_READ, &f) == ERR_OK);
    CHECK(os_file_write(f, 0, "x", 1) == ERR_IO);
    CHECK(os_file_truncate(f, 1) == ERR_IO);
    os_file_close(f);
    mode_t old = umask(022);
    CHECK(os_file_open(d, "open", fresh, &f) == ERR_OK);
    os_file_close(f);
    umask(old);
    CHECK(os_dir_stat(d, "open", &st) == ERR_OK && st.mode == 0644);
    close_here(&l, d);
}

/* An unbuffered file: aligned writes, reads of any kind; size and sync see the same file. */
static void direct_in(const char *path)
{
    struct loop l;
    struct os_dir *d = NULL;
    struct os_file *f = NULL;
    uint8_t *block = aligned_alloc(WAL_BLOCK_BYTES, 2 * WAL_BLOCK_BYTES);
    uint8_t out[100];
    uint64_t bytes = 0;
    size_t got = 0;
    loop_open(&l);
    CHECK(os_dir_open(l.os, path != NULL ? path : l.path, false, &d) == ERR_OK);
    memset(block, 'a', WAL_BLOCK_BYTES);
    memset(block + WAL_BLOCK_BYTES, 'b', WAL_BLOCK_BYTES);
    CHECK(os_file_open(d, "aspen-test-direct",
                       OS_OPEN_READ | OS_OPEN_WRITE | OS_OPEN_CREATE | OS_OPEN_DIRECT,
                       &f) == ERR_OK);
    CHECK(os_file_write(f, 0, block, 2 * WAL_BLOCK_BYTES) == ERR_OK);
    CHECK(os_file_write(f, 2 * WAL_BLOCK_BYTES, block, WAL_BLOCK_BYTES) == ERR_OK);
    CHECK(os_file_sync(f) == ERR_OK);
    CHECK(os_file_size(f, &bytes) == ERR_OK && bytes == 3 * WAL_BLOCK_BYTES);
    CHECK(os_file_read(f, WAL_BLOCK_BYTES - 50, out, 100, &got) == ERR_OK && got == 100);
    CHECK(out[49] == 'a' && out[50] == 'b');
    CHECK(os_file_read(f, 3 * WAL_BLOCK_BYTES - 1, out, 100, &got) == ERR_OK && got == 1);
    CHECK(os_file_truncate(f, 10) == ERR_OK && os_file_size(f, &bytes) == ERR_OK && bytes == 10);
    os_file_close(f);
    CHECK(os_dir_unlink(d, "aspen-test-direct") == ERR_OK);
    free(block);
    close_here(&l, d);
}

static void direct(void)
{
    direct_in(NULL);
    if (access("/dev/shm", W_OK) == 0) {
        direct_in("/dev/shm"); /* a file system that may not take it */
    }
}

static void add_name(void *arg, const char *name)
{
    struct names *n = arg;
    CHECK(n->count < NAMES_MAX);
    snprintf(n->name[n->count++], sizeof n->name[0], "%s", name);
}

static bool has_name(const struct names *n, const char *name)
{
    for (uint32_t i = 0; i < n->count; i++) {
        if (strcmp(n->name[i], name) == 0) {
            return true;
        }
    }
    return false;
}

static void directories(void)
{
    struct loop l;
    struct os_dir *d = open_here(&l);
    struct os_stat st = { 0 };
    struct names names = { .count = 0 };
    CHECK(os_dir_list(d, add_name, &names) == ERR_OK && names.count == 0);
    os_file_close(make(d, "one", "1"));
    os_file_close(make(d, "two", "22"));
    for (int i = 0; i < 2; i++) { /* again: listing leaves no place behind */
        names.count = 0;
        CHECK(os_dir_list(d, add_name, &names) == ERR_OK && names.count == 2);
        CHECK(has_name(&names, "one") && has_name(&names, "two"));
    }
    CHECK(os_dir_stat(d, "two", &st) == ERR_OK && st.bytes == 2);
    CHECK(os_dir_rename(d, "one", "two") == ERR_OK); /* replaces */
    CHECK(os_dir_stat(d, "two", &st) == ERR_OK && st.bytes == 1);
    CHECK(os_dir_stat(d, "one", &st) == ERR_NO_FILE);
    CHECK(os_dir_rename(d, "one", "three") == ERR_NO_FILE);
    CHECK(os_dir_sync(d) == ERR_OK);
    CHECK(os_dir_unlink(d, "two") == ERR_OK && os_dir_unlink(d, "two") == ERR_NO_FILE);
    CHECK(os_dir_path(d)[0] == '/' && strcmp(os_dir_path(d), l.path) == 0);
    close_here(&l, d);
}

static void directories_open(void)
{
    struct loop l;
    struct os_dir *d = open_here(&l);
    struct os_dir *other = NULL;
    char path[128];
    char *longest = malloc(8192);
    snprintf(path, sizeof path, "%s/new", l.path);
    CHECK(os_dir_open(l.os, path, false, &other) == ERR_NO_FILE && other == NULL);
    CHECK(os_dir_open(l.os, path, true, &other) == ERR_OK);
    os_dir_close(other);
    CHECK(os_dir_open(l.os, path, true, &other) == ERR_OK); /* it may be there already */
    os_dir_close(other);
    snprintf(path, sizeof path, "%s/no/new", l.path);
    CHECK(os_dir_open(l.os, path, true, &other) == ERR_NO_FILE); /* the last component alone */
    os_file_close(make(d, "file", ""));
    snprintf(path, sizeof path, "%s/file", l.path);
    CHECK(os_dir_open(l.os, path, false, &other) == ERR_WRONG_KIND);
    memset(longest, 'x', 8191);
    longest[0] = '/';
    longest[8191] = '\0';
    CHECK(os_dir_open(l.os, longest, true, &other) == ERR_NO_FILE);
    free(longest);
    close_here(&l, d);
}

static void space(void)
{
    struct loop l;
    struct os_dir *d = open_here(&l);
    struct os_space s = { 0 };
    CHECK(os_dir_space(d, &s) == ERR_OK);
    CHECK(s.total_bytes > 0 && s.free_bytes <= s.total_bytes);
    close_here(&l, d);
}

/* ---- the lock ---- */

static void lock_refused(void)
{
    struct loop l;
    struct os_dir *d = open_here(&l);
    uint64_t pid = 99;
    int told[2];
    int hold[2];
    char byte = 0;
    CHECK(pipe(told) == 0 && pipe(hold) == 0);
    pid_t child = fork();
    if (child == 0) {
        uint64_t none = 0;
        close(hold[1]);
        byte = os_dir_lock(d, "LOCK", &none) == ERR_OK ? 'y' : 'n';
        ssize_t n = write(told[1], &byte, 1);
        n = read(hold[0], &byte, 1); /* until the parent has looked */
        _exit(n < 0);
    }
    CHECK(read(told[0], &byte, 1) == 1 && byte == 'y');
    CHECK(os_dir_lock(d, "LOCK", &pid) == ERR_LOCKED);
    CHECK_U64(pid, child);
    close(hold[1]);
    CHECK(waitpid(child, NULL, 0) == child);
    CHECK(os_dir_lock(d, "LOCK", &pid) == ERR_OK); /* it died: the lock is free */
    struct os_dir *again = NULL;
    CHECK(os_dir_open(l.os, l.path, false, &again) == ERR_OK);
    CHECK(os_dir_lock(again, "LOCK", &pid) == ERR_LOCKED && pid == (uint64_t)getpid());
    os_dir_close(d);
    CHECK(os_dir_lock(again, "LOCK", &pid) == ERR_OK);
    close(told[0]);
    close(told[1]);
    close(hold[0]);
    close_here(&l, again);
}

static void lock_garbage(void)
{
    struct loop l;
    struct os_dir *d = open_here(&l);
    uint64_t pid = 99;
    os_file_close(make(d, "LOCK", "what another program left here, longer than any number"));
    CHECK(os_dir_lock(d, "LOCK", &pid) == ERR_OK);
    struct os_stat st;
    CHECK(os_dir_stat(d, "LOCK", &st) == ERR_OK && st.bytes < 20);
    CHECK(os_dir_lock(d, "none/LOCK", &pid) == ERR_NO_FILE);
    close_here(&l, d);
}

/* ---- other kinds, rights ---- */

/* Neither a pipe nor a directory is waited for, or taken for a file. */
static void other_kinds(void)
{
    static const uint32_t flags[] = { OS_OPEN_READ, OS_OPEN_WRITE, OS_OPEN_READ | OS_OPEN_WRITE,
                                      OS_OPEN_WRITE | OS_OPEN_CREATE };
    static const char *const names[] = { "pipe", "directory" };
    char path[128];
    struct loop l;
    struct os_dir *d = open_here(&l);
    struct os_file *f = NULL;
    snprintf(path, sizeof path, "%s/pipe", l.path);
    CHECK(mkfifo(path, 0600) == 0);
    snprintf(path, sizeof path, "%s/directory", l.path);
    CHECK(mkdir(path, 0700) == 0);
    for (size_t i = 0; i < sizeof flags / sizeof flags[0]; i++) {
        for (size_t j = 0; j < sizeof names / sizeof names[0]; j++) {
            CHECK(os_file_open(d, names[j], flags[i], &f) == ERR_WRONG_KIND && f == NULL);
        }
    }
    close_here(&l, d);
}

/* As a user who may not read, write or list: the superuser may, so it is a child without rights. */
static void no_access(void)
{
    char path[128];
    struct loop l;
    struct os_dir *d = open_here(&l);
    os_file_close(make(d, "file", "x"));
    snprintf(path, sizeof path, "%s/file", l.path);
    CHECK(chmod(path, 0) == 0 && chmod(l.path, 0555) == 0);
    pid_t child = fork();
    if (child == 0) {
        struct os_file *f = NULL;
        bool other =
            geteuid() != 0 || (setgroups(0, NULL) == 0 && setgid(65534) == 0 && setuid(65534) == 0);
        bool good = other && os_file_open(d, "file", OS_OPEN_READ, &f) == ERR_NO_ACCESS &&
                    os_file_open(d, "new", OS_OPEN_WRITE | OS_OPEN_CREATE, &f) == ERR_NO_ACCESS &&
                    os_dir_unlink(d, "file") == ERR_NO_ACCESS;
        _exit(good ? 0 : 1);
    }
    int status = 1;
    CHECK(waitpid(child, &status, 0) == child && status == 0);
    CHECK(chmod(l.path, 0755) == 0);
    close_here(&l, d);
}

/* ---- full, read-only ---- */

static void fill(struct os_dir *d)
{
    struct os_file *f = NULL;
    static const uint8_t block[4096] = { 1 };
    enum err e = ERR_OK;
    CHECK(os_file_open(d, "big", OS_OPEN_WRITE | OS_OPEN_CREATE, &f) == ERR_OK);
    for (uint64_t at = 0; e == ERR_OK && at < 4 * SMALL_BYTES; at += sizeof block) {
        e = os_file_write(f, at, block, sizeof block);
    }
    CHECK(e == ERR_NO_SPACE);
    struct os_space s;
    CHECK(os_dir_space(d, &s) == ERR_OK && s.total_bytes == SMALL_BYTES && s.free_bytes == 0);
    CHECK(os_file_truncate(f, 0) == ERR_OK);
    CHECK(os_file_write(f, 0, block, sizeof block) == ERR_OK); /* room again */
    os_file_close(f);
}

static void full_and_read_only(void)
{
    struct loop l;
    struct os_dir *d = NULL;
    struct os_file *f = NULL;
    loop_open(&l);
    if (mount("none", l.path, "tmpfs", 0, "size=64k") != 0) {
        printf("# not allowed to mount: full and read-only are not tried\n");
        loop_close(&l);
        return;
    }
    CHECK(os_dir_open(l.os, l.path, false, &d) == ERR_OK);
    fill(d);
    CHECK(mount("none", l.path, "tmpfs", MS_REMOUNT | MS_RDONLY, "size=64k") == 0);
    CHECK(os_file_open(d, "new", OS_OPEN_WRITE | OS_OPEN_CREATE, &f) == ERR_READ_ONLY);
    CHECK(f == NULL);
    CHECK(os_file_open(d, "big", OS_OPEN_READ, &f) == ERR_OK);
    os_file_close(f);
    CHECK(os_dir_rename(d, "big", "small") == ERR_READ_ONLY);
    CHECK(os_dir_unlink(d, "big") == ERR_READ_ONLY);
    uint64_t pid = 0;
    CHECK(os_dir_lock(d, "LOCK", &pid) == ERR_READ_ONLY);
    os_dir_close(d);
    CHECK(umount(l.path) == 0);
    loop_close(&l);
}

/* A write that the system does only a part of is no write: here behind a bound on file sizes. */
static void short_write(void)
{
    static uint8_t block[8192];
    struct loop l;
    struct os_dir *d = open_here(&l);
    struct os_file *f = make(d, "short", "");
    struct rlimit before;
    struct rlimit bound;
    CHECK(signal(SIGXFSZ, SIG_IGN) != SIG_ERR && getrlimit(RLIMIT_FSIZE, &before) == 0);
    bound = before;
    bound.rlim_cur = sizeof block / 2;
    CHECK(setrlimit(RLIMIT_FSIZE, &bound) == 0);
    enum err e = os_file_write(f, 0, block, sizeof block);
    CHECK(setrlimit(RLIMIT_FSIZE, &before) == 0);
    CHECK(e != ERR_OK);
    CHECK(os_file_write(f, 0, block, sizeof block) == ERR_OK);
    os_file_close(f);
    close_here(&l, d);
}

int main(void)
{
    TAP_TEST("files: reads are short at the end only, holes are zeroes", read_and_write);
    TAP_TEST("files: what is missing, there already or opened otherwise is said", open_flags);
    TAP_TEST("files: unbuffered where it can be, reads of any alignment", direct);
    TAP_TEST("files: a write that went half way is an error", short_write);
    TAP_TEST("directories: list, stat, rename, unlink", directories);
    TAP_TEST("directories: create makes the last component, and no more", directories_open);
    TAP_TEST("directories: space is told", space);
    TAP_TEST("lock: refused with the holder's pid while it lives, and inside one process",
             lock_refused);
    TAP_TEST("lock: garbage in the file does not matter", lock_garbage);
    TAP_TEST("files: a pipe and a directory are none, and nobody waits for them", other_kinds);
    TAP_TEST("files: what may not be read, made or removed is said", no_access);
    TAP_TEST("files: a full and a read-only file system are told apart", full_and_read_only);
    return tap_done();
}
