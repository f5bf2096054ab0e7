/* tests/unit/node/test_config_os.c -- the configuration's source of a real process.
 *
 * Subject: node/config_os.c over os/linux
 * Method:  a folder of its own below /tmp, with one file in it
 */
#include "node/config.h"
#include "os/linux/linux.h"

#include "tap.h"

#include <sys/stat.h>

static char folder[] = "/tmp/aspen-config-XXXXXX";
static char path[128];
static struct config_source source;

static void test_read(void)
{
    char out[16];
    size_t count = 0;
    CHECK(source.file_read(source.arg, path, out, sizeof out, &count) == ERR_OK);
    CHECK_U64(count, 5);
    CHECK(memcmp(out, "hello", 5) == 0);
}

static void test_refused(void)
{
    char out[16];
    char other[160];
    size_t count = 0;
    snprintf(other, sizeof other, "%s-not", path);
    CHECK(source.file_read(source.arg, other, out, sizeof out, &count) == ERR_NO_FILE);
    CHECK(source.file_read(source.arg, "/none/sub/file", out, sizeof out, &count) == ERR_NO_FILE);
    CHECK(source.file_read(source.arg, path, out, 4, &count) == ERR_FRAME_TOO_LARGE);
    CHECK(source.file_read(source.arg, folder, out, sizeof out, &count) != ERR_OK);
    CHECK(source.file_read(source.arg, "", out, sizeof out, &count) != ERR_OK);
}

static void test_mode(void)
{
    char other[160];
    snprintf(other, sizeof other, "%s-not", path);
    CHECK(chmod(path, 0640) == 0);
    CHECK(source.file_mode(source.arg, path) == 0640);
    CHECK(source.file_mode(source.arg, other) == -1);
    CHECK(source.file_mode(source.arg, "/none/sub/file") == -1);
}

static void test_dirs(void)
{
    CHECK(source.dir_exists(source.arg, folder));
    CHECK(source.dir_exists(source.arg, "."));
    CHECK(source.dir_exists(source.arg, "/"));
    CHECK(!source.dir_exists(source.arg, path));
    CHECK(!source.dir_exists(source.arg, "/none"));
}

static void test_disk(void)
{
    int used = source.disk_used(source.arg, folder);
    CHECK(used >= 0 && used <= 100);
    CHECK(source.disk_used(source.arg, "/none") == -1);
}

int main(void)
{
    struct mem mem;
    struct os_linux *l = NULL;
    struct diag diag;
    mem_init(&mem, "os", OS_LINUX_MEM_BYTES);
    FILE *f = NULL;
    if (mkdtemp(folder) != NULL && os_linux_open(&mem, &l, &diag) == ERR_OK) {
        snprintf(path, sizeof path, "%s/file", folder);
        f = fopen(path, "w");
    }
    if (f == NULL) {
        printf("Bail out! no folder or no loop\n");
        return 1;
    }
    fputs("hello", f);
    fclose(f);
    config_source_os(os_linux_os(l), 0, NULL, NULL, &source);
    TAP_TEST("config source: a file is read whole", test_read);
    TAP_TEST("config source: what is not a small file is refused", test_refused);
    TAP_TEST("config source: permissions of a file", test_mode);
    TAP_TEST("config source: directories are told from files", test_dirs);
    TAP_TEST("config source: use of the disk in percent", test_disk);
    unlink(path);
    rmdir(folder);
    os_linux_close(l);
    return tap_done();
}
