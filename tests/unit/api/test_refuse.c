/* tests/unit/api/test_refuse.c -- requests that must be refused, and with which status.
 *
 * Subject: api/http_parse.c, api/http_chunks.c, api/http_conn.c
 * Method:  every input is sent whole, byte by byte, and cut in two at each position; behind it
 * stands a
 *          good request, which must never be answered: whoever answers it can be made to smuggle
 */
#include "door.h"
#include "fake.h"

enum {
    SPLIT_ALL_MAX = 400, /* longer inputs are cut at some positions only */
    SPLIT_STEP = 211,
};

struct bad {
    const char *name;
    int status;
    const char *text;
    size_t count; /* 0: strlen(text) */
};

#define HOST "Host: a\r\n"
#define POST "POST /read HTTP/1.1\r\n" HOST
#define BODY_11 "{\"key\":\"k\"}"
#define CHUNK_11 "b\r\n" BODY_11 "\r\n0\r\n\r\n" /* whoever takes the head takes this */
#define NUL_IN(text) text, sizeof text - 1

static const char behind[] = "GET /leader HTTP/1.1\r\nHost: a\r\n\r\n";

static const struct bad table[] = {
    /* two lengths, or a length and chunks: the ways to smuggle */
    { "CL and TE", 400, POST "Content-Length: 11\r\nTransfer-Encoding: chunked\r\n\r\n" CHUNK_11,
      0 },
    { "TE and CL", 400, POST "Transfer-Encoding: chunked\r\nContent-Length: 11\r\n\r\n" CHUNK_11,
      0 },
    { "CL 0 and TE", 400, POST "Content-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n" CHUNK_11,
      0 },
    { "two lengths", 400, POST "Content-Length: 11\r\nContent-Length: 12\r\n\r\n" BODY_11, 0 },
    { "the same length twice", 400,
      POST "Content-Length: 11\r\nContent-Length: 11\r\n\r\n" CHUNK_11, 0 },
    { "a list of lengths", 400, POST "Content-Length: 11, 11\r\n\r\n" BODY_11, 0 },
    { "a list without space", 400, POST "Content-Length: 11,11\r\n\r\n" BODY_11, 0 },
    { "length with plus", 400, POST "Content-Length: +11\r\n\r\n" BODY_11, 0 },
    { "negative length", 400, POST "Content-Length: -1\r\n\r\n" BODY_11, 0 },
    { "length in hex", 400, POST "Content-Length: 0xb\r\n\r\n" BODY_11, 0 },
    { "length with a tail", 400, POST "Content-Length: 11a\r\n\r\n" BODY_11, 0 },
    { "length of two words", 400, POST "Content-Length: 1 1\r\n\r\n" BODY_11, 0 },
    { "length with a point", 400, POST "Content-Length: 11.0\r\n\r\n" BODY_11, 0 },
    { "length in quotes", 400, POST "Content-Length: \"11\"\r\n\r\n" BODY_11, 0 },
    { "empty length", 400, POST "Content-Length: \r\n\r\n" BODY_11, 0 },
    { "length beyond 64 bits", 400, POST "Content-Length: 18446744073709551627\r\n\r\n" CHUNK_11,
      0 },
    { "length too large", 413, POST "Content-Length: 4194305\r\n\r\n" CHUNK_11, 0 },
    { "length far too large", 413, POST "Content-Length: 99999999999999999\r\n\r\n" CHUNK_11, 0 },
    { "TE twice", 400,
      POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n" CHUNK_11, 0 },
    { "chunked, chunked", 501, POST "Transfer-Encoding: chunked, chunked\r\n\r\n" CHUNK_11, 0 },
    { "gzip, chunked", 501, POST "Transfer-Encoding: gzip, chunked\r\n\r\n" CHUNK_11, 0 },
    { "chunked, identity", 501, POST "Transfer-Encoding: chunked, identity\r\n\r\n" CHUNK_11, 0 },
    { "unknown coding", 501, POST "Transfer-Encoding: cow\r\n\r\n" CHUNK_11, 0 },
    { "xchunked", 501, POST "Transfer-Encoding: xchunked\r\n\r\n" CHUNK_11, 0 },
    { "chunked with parameter", 501, POST "Transfer-Encoding: chunked;a=b\r\n\r\n" CHUNK_11, 0 },
    { "empty coding", 501, POST "Transfer-Encoding:\r\n\r\n" CHUNK_11, 0 },
    { "vertical tab before chunked", 400,
      POST "Transfer-Encoding: \x0b"
           "chunked\r\n\r\n",
      0 },
    { "chunks on HTTP/1.0", 400,
      "POST /read HTTP/1.0\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n" CHUNK_11, 0 },
    /* field syntax */
    { "space before the colon", 400, POST "Content-Length : 11\r\n\r\n" BODY_11, 0 },
    { "tab before the colon", 400, POST "Content-Length\t: 11\r\n\r\n" BODY_11, 0 },
    { "TE with space before the colon", 400, POST "Transfer-Encoding : chunked\r\n\r\n" CHUNK_11,
      0 },
    { "folded line", 400, POST "X: a\r\n b\r\n\r\n", 0 },
    { "folded line with tab", 400, POST "X: a\r\n\tb\r\n\r\n", 0 },
    { "folded TE", 501, POST "Transfer-Encoding:\r\n chunked\r\n\r\n" CHUNK_11, 0 },
    { "space before the first field", 400, "GET /leader HTTP/1.1\r\n Host: a\r\n\r\n", 0 },
    { "field without colon", 400, POST "Content-Length 11\r\n\r\n" BODY_11, 0 },
    { "field without name", 400, POST ": 11\r\n\r\n", 0 },
    { "name with a space", 400, POST "X Y: 1\r\n\r\n", 0 },
    { "name with a parenthesis", 400, POST "X(Y): 1\r\n\r\n", 0 },
    { "name with a high byte", 400, POST "X\xc3\xa4: 1\r\n\r\n", 0 },
    { "bare LF after a field", 400, POST "X: 1\nY: 2\r\n\r\n", 0 },
    { "bare LF after the request line", 400, "GET /leader HTTP/1.1\nHost: a\r\n\r\n", 0 },
    { "LF LF as the end", 400, "GET /leader HTTP/1.1\r\nHost: a\n\n", 0 },
    { "bare CR in a value", 400, POST "X: a\rb\r\n\r\n", 0 },
    { "bare CR before a field", 400, POST "\rX: a\r\n\r\n", 0 },
    { "CR CR LF", 400, POST "X: a\r\r\n\r\n", 0 },
    { "NUL in a value", 400, NUL_IN(POST "X: a\0b\r\n\r\n") },
    { "NUL in a name", 400, NUL_IN(POST "X\0Y: a\r\n\r\n") },
    { "NUL in the target", 400, NUL_IN("GET /lea\0der HTTP/1.1\r\n" HOST "\r\n") },
    { "NUL as the first byte", 400, NUL_IN("\0GET /leader HTTP/1.1\r\n" HOST "\r\n") },
    { "escape byte in a value", 400, POST "X: \x1b[0m\r\n\r\n", 0 },
    { "DEL in a value", 400, POST "X: \x7f\r\n\r\n", 0 },
    /* host */
    { "no host", 400, "GET /leader HTTP/1.1\r\n\r\n", 0 },
    { "two hosts", 400, "GET /leader HTTP/1.1\r\n" HOST HOST "\r\n", 0 },
    { "host with a space", 400, "GET /leader HTTP/1.1\r\nHost: a b\r\n\r\n", 0 },
    { "host with a slash", 400, "GET /leader HTTP/1.1\r\nHost: a/b\r\n\r\n", 0 },
    { "host with an at sign", 400, "GET /leader HTTP/1.1\r\nHost: a@b\r\n\r\n", 0 },
    /* request line */
    { "HTTP/0.9", 400, "GET /leader\r\n\r\n", 0 },
    { "HTTP/2.0", 505, "GET /leader HTTP/2.0\r\n" HOST "\r\n", 0 },
    { "HTTP/1.2", 505, "GET /leader HTTP/1.2\r\n" HOST "\r\n", 0 },
    { "HTTP/1.10", 400, "GET /leader HTTP/1.10\r\n" HOST "\r\n", 0 },
    { "HTTP/11", 400, "GET /leader HTTP/11\r\n" HOST "\r\n", 0 },
    { "http in lower case", 400, "GET /leader http/1.1\r\n" HOST "\r\n", 0 },
    { "another protocol", 400, "GET /leader ICY/1.1\r\n" HOST "\r\n", 0 },
    { "the HTTP/2 preface", 505, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 0 },
    { "space behind the version", 400, "GET /leader HTTP/1.1 \r\n" HOST "\r\n", 0 },
    { "two spaces before the target", 400, "GET  /leader HTTP/1.1\r\n" HOST "\r\n", 0 },
    { "two spaces before the version", 400, "GET /leader  HTTP/1.1\r\n" HOST "\r\n", 0 },
    { "tab as separator", 400, "GET\t/leader\tHTTP/1.1\r\n" HOST "\r\n", 0 },
    { "space before the method", 400, " GET /leader HTTP/1.1\r\n" HOST "\r\n", 0 },
    { "method with a parenthesis", 400, "G(T /leader HTTP/1.1\r\n" HOST "\r\n", 0 },
    { "method with a colon", 400, "GET: /leader HTTP/1.1\r\n" HOST "\r\n", 0 },
    { "no method", 400, "/leader HTTP/1.1\r\n" HOST "\r\n", 0 },
    { "nothing but blank lines", 400, "\r\n\r\n", 0 },
    { "relative target", 400, "GET leader HTTP/1.1\r\n" HOST "\r\n", 0 },
    { "fragment in the target", 400, "GET /leader#x HTTP/1.1\r\n" HOST "\r\n", 0 },
    { "high byte in the target", 400,
      "GET /l\xc3\xa9"
      "ader HTTP/1.1\r\n" HOST "\r\n",
      0 },
    { "target of a proxy's CONNECT", 400, "CONNECT a:443 HTTP/1.1\r\n" HOST "\r\n", 0 },
    { "https target", 400, "GET https://a/leader HTTP/1.1\r\n" HOST "\r\n", 0 },
    { "TLS hello", 400, NUL_IN("\x16\x03\x01\0\xa5\x01\0\0\xa1\x03\x03") },
/* chunks */
#define CHUNKED POST "Transfer-Encoding: chunked\r\n\r\n"
    { "size with 0x", 400, CHUNKED "0xb\r\n" BODY_11 "\r\n0\r\n\r\n", 0 },
    { "size with plus", 400, CHUNKED "+b\r\n" BODY_11 "\r\n0\r\n\r\n", 0 },
    { "size with minus", 400, CHUNKED "-b\r\n" BODY_11 "\r\n0\r\n\r\n", 0 },
    { "size with a space before", 400, CHUNKED " b\r\n" BODY_11 "\r\n0\r\n\r\n", 0 },
    { "size with a space behind", 400, CHUNKED "b \r\n" BODY_11 "\r\n0\r\n\r\n", 0 },
    { "empty size", 400, CHUNKED "\r\n" BODY_11 "\r\n0\r\n\r\n", 0 },
    { "size that is no number", 400, CHUNKED "g\r\n" BODY_11 "\r\n0\r\n\r\n", 0 },
    { "size beyond 64 bits", 413, CHUNKED "10000000000000000b\r\n" BODY_11 "\r\n0\r\n\r\n", 0 },
    { "size too large", 413, CHUNKED "400001\r\n", 0 },
    { "zeros without end", 400, CHUNKED "00000000000000000000000b\r\n" BODY_11 "\r\n0\r\n\r\n", 0 },
    { "chunk extension", 400, CHUNKED "b;a=b\r\n" BODY_11 "\r\n0\r\n\r\n", 0 },
    { "extension on the last chunk", 400, CHUNKED "b\r\n" BODY_11 "\r\n0;a\r\n\r\n", 0 },
    { "size line with bare LF", 400, CHUNKED "b\n" BODY_11 "\r\n0\r\n\r\n", 0 },
    { "size line with bare CR", 400, CHUNKED "b\r" BODY_11 "\r\n0\r\n\r\n", 0 },
    { "data without CRLF", 400, CHUNKED "b\r\n" BODY_11 "0\r\n\r\n", 0 },
    { "data with bare LF", 400, CHUNKED "b\r\n" BODY_11 "\n0\r\n\r\n", 0 },
    { "data longer than its size", 400, CHUNKED "a\r\n" BODY_11 "\r\n0\r\n\r\n", 0 },
    { "trailer", 400, CHUNKED "b\r\n" BODY_11 "\r\n0\r\nX: y\r\n\r\n", 0 },
    { "trailer with a length", 400, CHUNKED "b\r\n" BODY_11 "\r\n0\r\nContent-Length: 5\r\n\r\n",
      0 },
    { "end with bare LF", 400, CHUNKED "b\r\n" BODY_11 "\r\n0\r\n\n", 0 },
    /* the rest */
    { "unknown expectation", 417, POST "Content-Length: 11\r\nExpect: tea\r\n\r\n" BODY_11, 0 },
};

enum {
    TABLE_COUNT = sizeof table / sizeof table[0]
};
static_assert(TABLE_COUNT >= 65, "fewer must-refuse inputs than the project asks for");

/* One connection: the input in two pieces (or in single bytes), then a good request. */
static void refuse_once(const char *name, struct bytes in, int status, size_t cut)
{
    struct door d;
    struct fake f;
    fake_init(&f);
    door_init(&d);
    door_open(&d, &f.base);
    struct door_client *c = door_connect(&d);
    if (cut == SIZE_MAX) {
        for (size_t i = 0; i < in.count; i++) {
            door_send_bytes(c, bytes_of(in.data + i, 1));
        }
        door_send(c, behind);
    } else {
        door_send_bytes(c, bytes_of(in.data, cut));
        door_put(c, bytes_of(in.data + cut, in.count - cut));
        door_send(c, behind);
    }
    if (door_replies(c) != 1 || door_status(c, 0) != status || f.begun != 0) {
        printf("# %s, cut %zd: %d replies, first %d instead of %d, %u calls\n", name, (ssize_t)cut,
               door_replies(c), door_status(c, 0), status, f.begun);
        CHECK(false);
    }
    CHECK(door_head_has(c, 0, "\r\nConnection: close\r\n"));
    CHECK(door_body_has(c, 0, "{\"error\":\"") && door_body_has(c, 0, "\",\"code\":\""));
    CHECK(c->shut && !c->closed); /* the answer must survive what is still on its way */
    door_end(c);
    CHECK(c->closed);
    door_close(&d);
}

static void refuse(const char *name, struct bytes in, int status)
{
    size_t step = in.count <= SPLIT_ALL_MAX ? 1 : SPLIT_STEP;
    refuse_once(name, in, status, in.count);
    refuse_once(name, in, status, SIZE_MAX);
    for (size_t cut = 1; cut < in.count; cut += step) {
        refuse_once(name, in, status, cut);
    }
}

static const struct bad *now_bad;

static void test_row(void)
{
    size_t count = now_bad->count != 0 ? now_bad->count : strlen(now_bad->text);
    refuse(now_bad->name, bytes_of(now_bad->text, count), now_bad->status);
}

/* ---- inputs that are too long ---- */

static void test_many_fields(void)
{
    char text[4096] = "GET /leader HTTP/1.1\r\nHost: a\r\n";
    for (uint32_t i = 1; i <= HTTP_FIELDS_MAX; i++) {
        strcat(text, "X: y\r\n");
    }
    strcat(text, "\r\n");
    refuse("65 fields", bytes_text(text), 431);
}

static void test_large_head(void)
{
    static char text[HTTP_HEAD_BYTES_MAX + 64] = "GET /leader HTTP/1.1\r\nHost: a\r\nX: ";
    memset(text + strlen(text), 'x', HTTP_HEAD_BYTES_MAX - strlen(text) - 3);
    strcat(text, "\r\n\r\n"); /* one byte too many */
    CHECK_U64(strlen(text), HTTP_HEAD_BYTES_MAX + 1);
    refuse("8 KiB head and a byte", bytes_text(text), 431);
}

static void test_endless_field(void)
{
    static char text[3 * HTTP_HEAD_BYTES_MAX] = "GET /leader HTTP/1.1\r\nHost: a\r\nX: ";
    memset(text + strlen(text), 'x', sizeof text - strlen(text) - 1);
    refuse("a field without end", bytes_text(text), 431);
}

/* The verdict of a head that is too long does not depend on what comes later. */
static void test_late_nul(void)
{
    static char text[2 * HTTP_HEAD_BYTES_MAX] = "GET /leader HTTP/1.1\r\nHost: a\r\nX: ";
    memset(text + strlen(text), 'x', sizeof text - strlen(text) - 1);
    text[HTTP_HEAD_BYTES_MAX + 100] = '\n';
    refuse("a field without end, then LF", bytes_of(text, sizeof text - 1), 431);
}

static void test_long_target(void)
{
    static char text[HTTP_TARGET_BYTES_MAX + 64] = "GET /";
    memset(text + 5, 'x', HTTP_TARGET_BYTES_MAX);
    strcat(text, " HTTP/1.1\r\nHost: a\r\n\r\n");
    refuse("4 KiB target and a byte", bytes_text(text), 414);
}

static void test_endless_target(void)
{
    static char text[3 * HTTP_HEAD_BYTES_MAX] = "GET /";
    memset(text + 5, 'x', sizeof text - 6);
    refuse("a target without end", bytes_text(text), 414);
}

static void test_endless_method(void)
{
    static char text[2 * HTTP_HEAD_BYTES_MAX];
    memset(text, 'G', sizeof text - 1);
    refuse("a method without end", bytes_text(text), 414);
}

/* Chunks whose sum is too large, each of them small. */
static void test_large_chunks(void)
{
    struct door d;
    struct fake f;
    static char chunk[64 * 1024 + 16] = "10000\r\n";
    memset(chunk + 7, 'x', 64 * 1024);
    memcpy(chunk + 7 + 64 * 1024, "\r\n", 3);
    fake_init(&f);
    door_init(&d);
    door_open(&d, &f.base);
    struct door_client *c = door_connect(&d);
    door_send(c, CHUNKED);
    for (int i = 0; i < 64; i++) {
        CHECK_U64(door_replies(c), 0);
        door_send(c, chunk);
    }
    door_send(c, "1\r\nx\r\n0\r\n\r\n");
    CHECK_U64(door_status(c, 0), 413);
    CHECK(c->shut && f.begun == 0);
    door_close(&d);
}

int main(void)
{
    for (now_bad = table; now_bad < table + TABLE_COUNT; now_bad++) {
        char name[96];
        snprintf(name, sizeof name, "refused with %d: %s", now_bad->status, now_bad->name);
        TAP_TEST(name, test_row);
    }
    TAP_TEST("refused with 431: more than 64 fields", test_many_fields);
    TAP_TEST("refused with 431: a head one byte too long", test_large_head);
    TAP_TEST("refused with 431: a field without end", test_endless_field);
    TAP_TEST("refused with 431: what stands behind the largest head does not matter",
             test_late_nul);
    TAP_TEST("refused with 414: a target one byte too long", test_long_target);
    TAP_TEST("refused with 414: a target without end", test_endless_target);
    TAP_TEST("refused with 414: a method without end", test_endless_method);
    TAP_TEST("refused with 413: small chunks, too many of them", test_large_chunks);
    return tap_done();
}
