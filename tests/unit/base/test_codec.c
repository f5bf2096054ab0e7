/* tests/unit/base/test_codec.c -- Subject: cursors, ids, errors. Method: bounds and refusals. */
#include "tap.h"

#include "base/bytes.h"
#include "base/ids.h"

static void round_trip(void)
{
    uint8_t buffer[64];
    struct writer w = writer_of(buffer, sizeof buffer);
    writer_u8(&w, 7);
    writer_u16(&w, 0xbeef);
    writer_u32(&w, 0xdeadbeef);
    writer_u64(&w, UINT64_MAX - 1);
    writer_varint(&w, 300);
    writer_varint(&w, UINT64_MAX);
    writer_blob(&w, bytes_text("abc"));
    CHECK(!w.bad);
    struct reader r = reader_of(writer_bytes(&w));
    CHECK_U64(reader_u8(&r), 7);
    CHECK_U64(reader_u16(&r), 0xbeef);
    CHECK_U64(reader_u32(&r), 0xdeadbeef);
    CHECK_U64(reader_u64(&r), UINT64_MAX - 1);
    CHECK_U64(reader_varint(&r), 300);
    CHECK_U64(reader_varint(&r), UINT64_MAX);
    CHECK(bytes_equal(reader_blob(&r, 3), bytes_text("abc")));
    CHECK(reader_done(&r));
}

static void reader_short(void)
{
    struct reader r = reader_of(bytes_of("\1\2\3", 3));
    CHECK_U64(reader_u32(&r), 0);
    CHECK(r.bad);
    CHECK_U64(reader_u8(&r), 0);
    CHECK_U64(reader_left(&r), 0);
}

static bool varint_bad(const char *data, size_t count)
{
    struct reader r = reader_of(bytes_of(data, count));
    reader_varint(&r);
    return r.bad;
}

static void varint_canonical(void)
{
    CHECK(varint_bad("\x80\x00", 2));
    CHECK(varint_bad("\x80", 1));
    CHECK(varint_bad("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", 10));
    CHECK(varint_bad("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11));
    CHECK(!varint_bad("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 10));
    CHECK(!varint_bad("\x00", 1));
}

static void blob_longer_than_rest(void)
{
    struct reader r = reader_of(bytes_of("\x7f"
                                         "abc",
                                         4));
    CHECK_U64(reader_blob(&r, 1000).count, 0);
    CHECK(r.bad);
    struct reader capped = reader_of(bytes_of("\x03"
                                              "abc",
                                              4));
    CHECK_U64(reader_blob(&capped, 2).count, 0);
    CHECK(capped.bad);
}

static void writer_full(void)
{
    uint8_t buffer[4];
    struct writer w = writer_of(buffer, sizeof buffer);
    writer_u32(&w, 1);
    CHECK(!w.bad);
    writer_u8(&w, 1);
    CHECK(w.bad);
    CHECK_U64(w.offset, 4);
}

static void numbers(void)
{
    uint64_t v = 5;
    CHECK(ids_u64(bytes_text("18446744073709551615"), &v) == ERR_OK && v == UINT64_MAX);
    CHECK(ids_u64(bytes_text("18446744073709551616"), &v) == ERR_MALFORMED && v == UINT64_MAX);
    CHECK(ids_u64(bytes_text(""), &v) == ERR_MALFORMED);
    CHECK(ids_u64(bytes_text("+1"), &v) == ERR_MALFORMED);
    CHECK(ids_u64(bytes_text("1 "), &v) == ERR_MALFORMED);
}

static void hex(void)
{
    uint8_t out[2] = { 9, 9 };
    char text[5];
    CHECK(ids_unhex(bytes_text("0aFf"), out, 2) == ERR_OK && out[0] == 10 && out[1] == 255);
    CHECK(ids_unhex(bytes_text("0aF"), out, 2) == ERR_MALFORMED);
    CHECK(ids_unhex(bytes_text("0aFg"), out, 2) == ERR_MALFORMED && out[1] == 255);
    ids_hex(out, 2, text);
    CHECK(strcmp(text, "0aff") == 0);
}

static void errors_have_rows(void)
{
    for (int i = 0; i < err_count(); i++) {
        CHECK(strcmp(err_name((enum err)i), "UNKNOWN") != 0);
        CHECK(err_http((enum err)i) >= 200 && err_http((enum err)i) < 600);
    }
    CHECK(strcmp(err_name((enum err)100000), "UNKNOWN") == 0);
}

int main(void)
{
    TAP_TEST("cursors: what was written is read back", round_trip);
    TAP_TEST("reader: short input turns bad and stays bad", reader_short);
    TAP_TEST("varint: overlong, cut and overflowing forms are refused", varint_canonical);
    TAP_TEST("blob: a length beyond the rest or the limit is refused", blob_longer_than_rest);
    TAP_TEST("writer: what does not fit writes nothing", writer_full);
    TAP_TEST("ids: numbers are digits without overflow", numbers);
    TAP_TEST("ids: hex is exact", hex);
    TAP_TEST("errors: every code has a name and a status", errors_have_rows);
    return tap_done();
}
