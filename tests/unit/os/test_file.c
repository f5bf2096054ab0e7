/* tests/unit/os/test_file.c -- Subject: files opened unbuffered. Method: a write that the kernel
 * refuses for its place and size stands for a file system that refuses them all.
 */
#include "loop.h"

static void refused_direct(void)
{
    struct loop l;
    struct os_dir *dir = NULL;
    struct os_file *f = NULL;
    uint8_t back[5] = { 0 };
    size_t count = 0;
    loop_open(&l);
    CHECK(os_dir_open(l.os, l.path, false, &dir) == ERR_OK);
    CHECK(os_file_open(dir, "f", OS_OPEN_READ | OS_OPEN_WRITE | OS_OPEN_CREATE | OS_OPEN_DIRECT,
                       &f) == ERR_OK);
    CHECK(os_file_write(f, 3, "hello", 5) == ERR_OK);
    CHECK(os_file_sync(f) == ERR_OK);
    CHECK(os_file_write(f, 8, "again", 5) == ERR_OK);
    CHECK(os_file_read(f, 3, back, sizeof back, &count) == ERR_OK);
    CHECK(count == 5 && memcmp(back, "hello", 5) == 0);
    os_file_close(f);
    os_dir_close(dir);
    loop_close(&l);
    EXPECT_MARK("os: unbuffered writes are refused");
}

int main(void)
{
    TAP_TEST("file: an unbuffered write that is refused goes through the cache", refused_direct);
    return tap_done();
}
