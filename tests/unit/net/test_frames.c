/* tests/unit/net/test_frames.c -- the frame cutter.
 *
 * Subject: net/frames.c
 * Method:  frames written into one buffer, fed in pieces of every kind
 */
#include "base/prng.h"
#include "net/frames.h"

#include "tap.h"

enum {
    STREAM_BYTES = 256 * 1024,
    FRAMES = 100
};

struct stream {
    struct mem mem;
    struct frames f;
    uint8_t bytes[STREAM_BYTES];
    size_t count;
    struct bytes expected[FRAMES];
    uint32_t written;
    uint32_t got;
    bool wrong;
    bool stop;
};

static struct stream s; /* too large for a stack */

static void stream_open(void)
{
    memset(&s, 0, sizeof s);
    mem_init(&s.mem, "frames", 64u << 20);
    frames_init(&s.f);
}

static void stream_close(void)
{
    frames_done(&s.f, &s.mem);
    CHECK_U64(s.mem.used, 0);
}

static void stream_put(uint32_t size)
{
    struct writer w = writer_of(s.bytes + s.count, STREAM_BYTES - s.count);
    writer_u32(&w, size);
    for (uint32_t i = 0; i < size; i++) {
        writer_u8(&w, (uint8_t)(size + i));
    }
    CHECK(!w.bad);
    s.expected[s.written++] = bytes_of(s.bytes + s.count + FRAMES_HEAD_BYTES, size);
    s.count += w.offset;
}

static bool on_frame(void *arg, struct bytes frame)
{
    (void)arg;
    s.wrong = s.wrong || s.got >= s.written || !bytes_equal(frame, s.expected[s.got]);
    s.got++;
    return !s.stop;
}

static enum err feed(const uint8_t *data, size_t count)
{
    return frames_feed(&s.f, &s.mem, bytes_of(data, count), on_frame, NULL);
}

static void test_whole(void)
{
    stream_open();
    stream_put(5);
    stream_put(70000);
    CHECK(feed(s.bytes, s.count) == ERR_OK);
    CHECK_U64(s.got, 2);
    CHECK(!s.wrong);
    CHECK_U64(s.mem.used, 0); /* nothing needed gathering */
    stream_close();
}

static void test_bytewise(void)
{
    stream_open();
    stream_put(0);
    stream_put(1);
    stream_put(300);
    stream_put(0);
    for (size_t i = 0; i < s.count; i++) {
        CHECK(feed(s.bytes + i, 1) == ERR_OK);
    }
    CHECK_U64(s.got, 4);
    CHECK(!s.wrong);
    stream_close();
}

static void test_empty_last(void)
{
    stream_open();
    stream_put(0);
    CHECK(feed(s.bytes, s.count) == ERR_OK);
    CHECK_U64(s.got, 1);
    CHECK(!frames_partial(&s.f));
    stream_close();
}

static void test_too_large(void)
{
    uint8_t head[FRAMES_HEAD_BYTES];
    struct writer w = writer_of(head, sizeof head);
    stream_open();
    writer_u32(&w, NET_FRAME_BYTES_MAX + 1);
    CHECK(feed(head, sizeof head) == ERR_FRAME_TOO_LARGE);
    CHECK_U64(s.mem.used, 0);
    stream_close();
    EXPECT_MARK("net: a frame too large");
}

static void test_announced(void)
{
    uint8_t head[FRAMES_HEAD_BYTES + 100] = { 0 };
    struct writer w = writer_of(head, sizeof head);
    stream_open();
    writer_u32(&w, NET_FRAME_BYTES_MAX);
    CHECK(feed(head, sizeof head) == ERR_OK);
    CHECK(s.mem.used < 8 * 1024); /* 10 MB were announced, 100 bytes came */
    CHECK(frames_partial(&s.f));
    stream_close();
}

static void test_given_back(void)
{
    stream_open();
    stream_put(200 * 1000);
    for (size_t i = 0; i < s.count; i += 1000) {
        CHECK(feed(s.bytes + i, s.count - i < 1000 ? s.count - i : 1000) == ERR_OK);
    }
    CHECK_U64(s.got, 1);
    CHECK(!s.wrong);
    CHECK_U64(s.mem.used, 0);
    stream_close();
}

static void test_no_memory(void)
{
    stream_open();
    stream_put(1000);
    s.mem.limit = 0;
    CHECK(feed(s.bytes, 500) == ERR_NO_MEMORY);
    stream_close();
}

static void test_stop(void)
{
    stream_open();
    stream_put(1);
    stream_put(1);
    s.stop = true;
    CHECK(feed(s.bytes, s.count) == ERR_SHUTTING_DOWN);
    CHECK_U64(s.got, 1);
    stream_close();
}

static void test_random(void)
{
    struct prng p;
    for (uint64_t seed = 0; seed < 50; seed++) {
        stream_open();
        prng_seed(&p, seed);
        while (s.written < FRAMES) {
            stream_put((uint32_t)prng_below(&p, prng_below(&p, 8) == 0 ? 9000 : 40));
        }
        for (size_t at = 0; at < s.count;) {
            size_t n = 1 + prng_below(&p, 3000);
            n = n < s.count - at ? n : s.count - at;
            CHECK(feed(s.bytes + at, n) == ERR_OK);
            at += n;
        }
        CHECK_U64(s.got, FRAMES);
        CHECK(!s.wrong);
        stream_close();
    }
}

int main(void)
{
    TAP_TEST("frames: whole frames are handed on in place", test_whole);
    TAP_TEST("frames: frames survive being cut between any two bytes", test_bytewise);
    TAP_TEST("frames: an empty frame at the end is delivered at once", test_empty_last);
    TAP_TEST("frames: a length above the bound is refused before anything is allocated",
             test_too_large);
    TAP_TEST("frames: memory follows what arrives, not what is announced", test_announced);
    TAP_TEST("frames: a large buffer is given back after its frame", test_given_back);
    TAP_TEST("frames: no memory is an error of the stream", test_no_memory);
    TAP_TEST("frames: the receiver can stop after a frame", test_stop);
    TAP_TEST("frames: random frames in random pieces arrive whole", test_random);
    return tap_done();
}
