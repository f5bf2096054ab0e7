/* tests/unit/base/test_bytes.c -- Subject: views, readers and writers at every boundary.
 *
 * Method: each source is a block of exactly its size, so that a sanitizer sees a byte too many
 */
#include "tap.h"

#include "base/bytes.h"
#include "base/prng.h"

enum {
    ROUNDS = 20000,
    SIZE_MAX_HERE = 24
};

static void order(void)
{
    CHECK(bytes_compare(bytes_text("a"), bytes_text("b")) < 0);
    CHECK(bytes_compare(bytes_text("b"), bytes_text("a")) > 0);
    CHECK(bytes_compare(bytes_text("a"), bytes_text("ab")) < 0);
    CHECK(bytes_compare(bytes_text("ab"), bytes_text("a")) > 0);
    CHECK(bytes_compare(bytes_text("ab"), bytes_text("ab")) == 0);
    CHECK(bytes_compare(bytes_of(NULL, 0), bytes_text("")) == 0);
    CHECK(bytes_compare(bytes_of(NULL, 0), bytes_text("a")) < 0);
    CHECK(bytes_compare(bytes_of("\xff", 1), bytes_of("\x01", 1)) > 0); /* unsigned */
    CHECK(bytes_compare(bytes_of("\0a", 2), bytes_of("\0b", 2)) < 0);
}

static void equal(void)
{
    CHECK(bytes_equal(bytes_of(NULL, 0), bytes_text("")));
    CHECK(bytes_equal(bytes_of("a\0b", 3), bytes_of("a\0b", 3)));
    CHECK(!bytes_equal(bytes_of("a\0b", 3), bytes_of("a\0c", 3)));
    CHECK(!bytes_equal(bytes_text("a"), bytes_text("ab")));
}

/* Reads a number of width bytes; all widths from all sizes of source. */
static uint64_t read_width(struct reader *r, size_t width)
{
    switch (width) {
    case 1:
        return reader_u8(r);
    case 2:
        return reader_u16(r);
    case 4:
        return reader_u32(r);
    default:
        return reader_u64(r);
    }
}

static void integers(void)
{
    static const uint8_t source[8] = { 0x81, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88 };
    for (size_t width = 1; width <= 8; width *= 2) {
        uint64_t expected = 0;
        for (size_t i = 0; i < width; i++) {
            expected |= (uint64_t)source[i] << (8 * i);
        }
        for (size_t size = 0; size <= sizeof source; size++) {
            uint8_t *block = malloc(size + (size == 0));
            memcpy(block, source, size);
            struct reader r = reader_of(bytes_of(block, size));
            uint64_t v = read_width(&r, width);
            CHECK_U64(v, size >= width ? expected : 0);
            CHECK(r.bad == (size < width));
            CHECK_U64(r.offset, size >= width ? width : 0);
            CHECK_U64(reader_left(&r), size >= width ? size - width : 0);
            CHECK(reader_done(&r) == (size == width));
            free(block);
        }
    }
}

static void sticky(void)
{
    uint8_t out[4] = { 1, 2, 3, 4 };
    struct reader r = reader_of(bytes_of("\1\2\3\4", 4));
    CHECK_U64(reader_u8(&r), 1);
    CHECK_U64(reader_u32(&r), 0);
    CHECK(r.bad && reader_u8(&r) == 0 && reader_varint(&r) == 0 && reader_left(&r) == 0);
    CHECK(reader_take(&r, 0).count == 0 && reader_take(&r, 1).data == NULL);
    CHECK(reader_blob(&r, 10).count == 0);
    reader_copy(&r, out, 4);
    CHECK(memcmp(out, "\0\0\0\0", 4) == 0);
    CHECK(!reader_done(&r) && r.offset == 1);
}

static void nothing_to_read(void)
{
    uint8_t kept = 9;
    struct reader r = reader_of(bytes_of(NULL, 0));
    CHECK(reader_done(&r));
    CHECK_U64(reader_take(&r, 0).count, 0);
    reader_copy(&r, &kept, 0);
    CHECK(reader_done(&r) && kept == 9);
    CHECK(reader_u8(&r) == 0 && r.bad);
    struct writer w = writer_of(NULL, 0);
    writer_put(&w, bytes_of(NULL, 0));
    writer_zero(&w, 0);
    CHECK(!w.bad && writer_bytes(&w).count == 0);
    writer_u8(&w, 1);
    CHECK(w.bad);
}

static void huge_counts(void)
{
    struct reader r = reader_of(bytes_of("abcd", 4));
    CHECK_U64(reader_u8(&r), 'a');
    CHECK(reader_take(&r, SIZE_MAX).data == NULL && r.bad); /* offset + count would wrap */
    struct reader blob = reader_of(bytes_of("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01q", 11));
    CHECK(reader_blob(&blob, SIZE_MAX).data == NULL && blob.bad);
    uint8_t room[4];
    struct writer w = writer_of(room, sizeof room);
    writer_u8(&w, 1);
    writer_zero(&w, SIZE_MAX);
    CHECK(w.bad && w.offset == 1);
}

/* Every value at a border of the form: its size, its way back, each cut of it. */
static void varint_borders(void)
{
    for (unsigned bits = 0; bits <= 64; bits++) {
        for (int off = -1; off <= 1; off++) {
            uint64_t v = (bits == 64 ? 0 : (uint64_t)1 << bits) + (uint64_t)(int64_t)off;
            uint8_t text[16];
            struct writer w = writer_of(text, sizeof text);
            writer_varint(&w, v);
            size_t size = 1;
            for (uint64_t rest = v >> 7; rest != 0; rest >>= 7) {
                size++;
            }
            CHECK(!w.bad);
            CHECK_U64(w.offset, size);
            for (size_t cut = 0; cut <= size; cut++) {
                uint8_t *block = malloc(cut + (cut == 0));
                memcpy(block, text, cut);
                struct reader r = reader_of(bytes_of(block, cut));
                CHECK_U64(reader_varint(&r), cut == size ? v : 0);
                CHECK(r.bad == (cut < size));
                free(block);
            }
            struct writer tight = writer_of(text, size - 1);
            writer_varint(&tight, v);
            CHECK(tight.bad && tight.offset == 0);
        }
    }
}

/* What is read as a number is the one form that is written for it. */
static void varint_one_form(void)
{
    struct prng p;
    prng_seed(&p, 7);
    int good = 0;
    for (int round = 0; round < ROUNDS; round++) {
        size_t size = (size_t)prng_below(&p, 13);
        uint8_t *block = malloc(size + (size == 0));
        prng_fill(&p, block, size);
        for (size_t i = 0; i < size; i++) {
            static const uint8_t edges[] = { 0x00, 0x80, 0xff, 0x7f, 0x01, 0x81 };
            block[i] = prng_below(&p, 2) == 0 ? edges[prng_below(&p, sizeof edges)] : block[i];
        }
        struct reader r = reader_of(bytes_of(block, size));
        uint64_t v = reader_varint(&r);
        if (!r.bad) {
            uint8_t again[16];
            struct writer w = writer_of(again, sizeof again);
            writer_varint(&w, v);
            CHECK(bytes_equal(writer_bytes(&w), bytes_of(block, r.offset)));
            good++;
        }
        free(block);
    }
    CHECK(good > ROUNDS / 4 && good < ROUNDS);
}

static void blob_borders(void)
{
    for (size_t count = 0; count <= 4; count++) {
        for (size_t max = 0; max <= 5; max++) {
            for (size_t have = 0; have <= 5; have++) {
                uint8_t *block = malloc(have + 1);
                block[0] = (uint8_t)count;
                memset(block + 1, 'x', have);
                struct reader r = reader_of(bytes_of(block, have + 1));
                struct bytes b = reader_blob(&r, max);
                bool good = count <= max && count <= have;
                CHECK(r.bad == !good);
                CHECK_U64(b.count, good ? count : 0);
                free(block);
            }
        }
    }
}

static void writer_borders(void)
{
    for (size_t size = 0; size <= SIZE_MAX_HERE; size++) {
        uint8_t *block = malloc(size + (size == 0));
        struct writer w = writer_of(block, size);
        size_t fits = 0;
        static const size_t widths[] = { 1, 2, 4, 8 };
        writer_u8(&w, 1);
        writer_u16(&w, 2);
        writer_u32(&w, 4);
        writer_u64(&w, 8);
        for (size_t i = 0; i < 4 && fits + widths[i] <= size; i++) {
            fits += widths[i];
        }
        CHECK_U64(w.offset, fits);
        CHECK(w.bad == (size < 15));
        if (w.bad) {
            writer_put(&w, bytes_of(NULL, 0)); /* once bad, always bad, and nothing moves */
            writer_zero(&w, 0);
            writer_text(&w, "%s", "");
            CHECK(w.bad && w.offset == fits);
        }
        CHECK_U64(writer_bytes(&w).count, fits);
        free(block);
    }
}

static void writer_blob_whole(void)
{
    for (size_t size = 0; size <= 5; size++) {
        uint8_t *block = malloc(size + (size == 0));
        struct writer w = writer_of(block, size);
        writer_blob(&w, bytes_text("abc"));
        CHECK(w.bad == (size < 4));
        CHECK_U64(w.offset, size < 4 ? 0 : 4);
        free(block);
    }
}

static void text(void)
{
    for (size_t size = 0; size <= 6; size++) {
        char *block = malloc(size + (size == 0));
        struct writer w = writer_of(block, size);
        writer_text(&w, "%s%d", "ab", 12);
        CHECK(w.bad == (size < 5)); /* four characters and the NUL */
        CHECK_U64(w.offset, size < 5 ? 0 : 4);
        CHECK(w.bad || memcmp(block, "ab12", 4) == 0);
        free(block);
    }
}

/* Random calls against a plain model of the rest. */
static void random_reads(void)
{
    struct prng p;
    prng_seed(&p, 11);
    for (int round = 0; round < ROUNDS; round++) {
        size_t size = (size_t)prng_below(&p, SIZE_MAX_HERE);
        uint8_t *block = malloc(size + (size == 0));
        prng_fill(&p, block, size);
        struct reader r = reader_of(bytes_of(block, size));
        size_t at = 0;
        bool bad = false;
        while (prng_below(&p, 8) != 0) {
            size_t count = (size_t)prng_below(&p, 9);
            struct bytes b = reader_take(&r, count);
            bad = bad || count > size - at;
            CHECK(r.bad == bad);
            CHECK_U64(b.count, bad ? 0 : count);
            CHECK(bad || b.data == block + at);
            at += bad ? 0 : count;
            CHECK_U64(r.offset, at);
        }
        free(block);
    }
}

int main(void)
{
    TAP_TEST("bytes: order is unsigned, a prefix comes first", order);
    TAP_TEST("bytes: equal means length and content", equal);
    TAP_TEST("reader: integers are little-endian and end with the source", integers);
    TAP_TEST("reader: once bad it stays bad and yields zeroes", sticky);
    TAP_TEST("cursors: nothing without memory can be read and written to its end", nothing_to_read);
    TAP_TEST("cursors: counts that would wrap are refused", huge_counts);
    TAP_TEST("varint: every border is written short, read back, and bad when cut", varint_borders);
    TAP_TEST("varint: random bytes are a number only in the form that is written", varint_one_form);
    TAP_TEST("blob: length, limit and rest at every border", blob_borders);
    TAP_TEST("writer: what does not fit writes nothing, at every size", writer_borders);
    TAP_TEST("writer: a blob is written whole or not at all", writer_blob_whole);
    TAP_TEST("writer: a text needs room for its NUL", text);
    TAP_TEST("reader: random takes agree with a model", random_reads);
    return tap_done();
}
