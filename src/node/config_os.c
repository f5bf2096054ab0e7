/* node/config_os.c -- the source of a real process: files, directories and disk through os.
 *
 * Thread: the loop's, before the loop runs
 */
#include "node/config.h"

#include "base/panic.h"

/* Open the directory of path; name is what stands behind the last slash. */
static enum err parent_open(struct os *os, const char *path, struct os_dir **out, const char **name)
{
    char parent[CONFIG_PATH_BYTES_MAX];
    const char *slash = strrchr(path, '/');
    *name = slash != NULL ? slash + 1 : path;
    size_t n = slash == NULL ? 0 : slash == path ? 1 : (size_t)(slash - path);
    if (n >= sizeof parent) {
        return ERR_NO_FILE;
    }
    memcpy(parent, path, n);
    parent[n] = '\0';
    return os_dir_open(os, n == 0 ? "." : parent, false, out);
}

static enum err read_whole(struct os_file *f, char *out, size_t max, size_t *out_count)
{
    uint64_t bytes = 0;
    size_t got = 0;
    TRY(os_file_size(f, &bytes));
    if (bytes > max) {
        return ERR_FRAME_TOO_LARGE;
    }
    TRY(os_file_read(f, 0, out, (size_t)bytes, &got));
    *out_count = got;
    return ERR_OK;
}

static enum err source_file_read(void *arg, const char *path, char *out, size_t max,
                                 size_t *out_count)
{
    struct os_dir *dir = NULL;
    struct os_file *file = NULL;
    const char *name = NULL;
    TRY(parent_open(arg, path, &dir, &name));
    enum err code = os_file_open(dir, name, OS_OPEN_READ, &file);
    if (code == ERR_OK) {
        code = read_whole(file, out, max, out_count);
        os_file_close(file);
    }
    os_dir_close(dir);
    return code;
}

static int source_file_mode(void *arg, const char *path)
{
    struct os_dir *dir = NULL;
    struct os_stat st = { 0 };
    const char *name = NULL;
    if (parent_open(arg, path, &dir, &name) != ERR_OK) {
        return -1;
    }
    enum err code = os_dir_stat(dir, name, &st);
    os_dir_close(dir);
    return code == ERR_OK ? (int)st.mode : -1;
}

static bool source_dir_exists(void *arg, const char *path)
{
    struct os_dir *dir = NULL;
    if (os_dir_open(arg, path, false, &dir) != ERR_OK) {
        return false;
    }
    os_dir_close(dir);
    return true;
}

static int source_disk_used(void *arg, const char *path)
{
    struct os_dir *dir = NULL;
    struct os_space space = { 0, 0 };
    if (os_dir_open(arg, path, false, &dir) != ERR_OK) {
        return -1;
    }
    enum err code = os_dir_space(dir, &space);
    os_dir_close(dir);
    if (code != ERR_OK || space.total_bytes == 0 || space.free_bytes > space.total_bytes) {
        return -1;
    }
    uint64_t used = space.total_bytes - space.free_bytes;
    return (int)(used / (space.total_bytes / 100 + 1));
}

void config_source_os(struct os *os, int argc, const char *const *argv, const char *const *env,
                      struct config_source *out)
{
    ASSERT(os != NULL);
    struct config_source source = {
        argc, argv, env, source_file_read, source_file_mode, source_dir_exists, source_disk_used, os
    };
    *out = source;
}
