/* tests/unit/api/test_json.c -- what the door takes for JSON, and what it does not.
 *
 * Subject: api/json_in.c, api/json_out.c, command parsing in api/routes_kv.c
 * Method:  each body goes to /write; taken means that a call reached the service
 */
#include "api/json_out.h"

#include "door.h"
#include "fake.h"

struct body {
    const char *name;
    const char *text;
    size_t count; /* 0: strlen(text) */
};

#define SET(key, value) "{\"command\":{\"Set\":{\"key\":" key ",\"value\":" value "}}}"
#define WITH(more) "{\"command\":{\"Set\":{\"key\":\"k\",\"value\":\"v\"}}," more "}"
#define TEXT(text) SET("\"k\"", "\"" text "\"")
#define MULTI(pairs) "{\"command\":{\"SetMulti\":{\"pairs\":" pairs "}}}"
#define RAW(text) text, sizeof text - 1

/* Not JSON at all: 400 with code BAD_JSON. */
static const struct body broken[] = {
    { "nothing", "", 0 },
    { "spaces", "   ", 0 },
    { "half an object", "{\"command\":{\"Set\":{\"key\":\"k\",\"value\":\"v\"}}", 0 },
    { "something behind", TEXT("v") "x", 0 },
    { "two objects", TEXT("v") "{}", 0 },
    { "a NUL behind", RAW(TEXT("v") "\0") },
    { "a comma behind the last field", "{\"command\":{\"Set\":{\"key\":\"k\",\"value\":\"v\",}}}",
      0 },
    { "a comma behind the last element", MULTI("[[\"k\",\"v\"],]"), 0 },
    { "single quotes", "{'command':{'Set':{'key':'k','value':'v'}}}", 0 },
    { "names without quotes", "{command:{Set:{key:\"k\",value:\"v\"}}}", 0 },
    { "a comment", "/* */" TEXT("v"), 0 },
    { "a byte order mark", "\xef\xbb\xbf" TEXT("v"), 0 },
    { "a field twice", "{\"command\":{\"Set\":{\"key\":\"k\",\"key\":\"l\",\"value\":\"v\"}}}", 0 },
    { "command twice", "{\"command\":{},\"command\":{\"Set\":{\"key\":\"k\",\"value\":\"v\"}}}",
      0 },
    { "a field twice where nobody looks", WITH("\"x\":{\"a\":1,\"a\":2}"), 0 },
    { "the same name, escaped once", WITH("\"x\":{\"a\":1,\"\\u0061\":2}"), 0 },
    { "NaN", WITH("\"x\":NaN"), 0 },
    { "Infinity", WITH("\"x\":-Infinity"), 0 },
    { "a leading zero", WITH("\"x\":01"), 0 },
    { "a leading plus", WITH("\"x\":+1"), 0 },
    { "a point without digits", WITH("\"x\":1."), 0 },
    { "a point without number", WITH("\"x\":.5"), 0 },
    { "an exponent without digits", WITH("\"x\":1e"), 0 },
    { "a hexadecimal number", WITH("\"x\":0x10"), 0 },
    { "an exponent without digits behind a large number", WITH("\"x\":[1e999,1e]"), 0 },
    { "a large number with a leading zero", WITH("\"x\":012345678901234567890"), 0 },
    { "a large number with two points", WITH("\"x\":1e999.5"), 0 },
    { "a large number and a letter", WITH("\"x\":1e999x"), 0 },
    { "two numbers without a comma", WITH("\"x\":[1e999 1e999]"), 0 },
    { "a large number as a name", WITH("\"x\":{1e999:1}"), 0 },
    { "True", WITH("\"x\":True"), 0 },
    { "a raw newline in a string", TEXT("a\nb"), 0 },
    { "a raw tab in a string", TEXT("a\tb"), 0 },
    { "a raw NUL in a string", RAW(TEXT("a\0b")) },
    { "an unknown escape", TEXT("\\x41"), 0 },
    { "a bad hex digit", TEXT("\\u12G4"), 0 },
    { "a short escape", TEXT("\\u12"), 0 },
    { "a lone high surrogate", TEXT("\\ud83d"), 0 },
    { "a lone low surrogate", TEXT("\\ude00"), 0 },
    { "surrogates the wrong way round", TEXT("\\ude00\\ud83d"), 0 },
    { "UTF-8: a lone continuation byte", TEXT("\x80"), 0 },
    { "UTF-8: overlong NUL", TEXT("\xc0\x80"), 0 },
    { "UTF-8: overlong slash", TEXT("\xe0\x80\xaf"), 0 },
    { "UTF-8: a surrogate", TEXT("\xed\xa0\x80"), 0 },
    { "UTF-8: beyond the last code point", TEXT("\xf4\x90\x80\x80"), 0 },
    { "UTF-8: five bytes", TEXT("\xf8\x88\x80\x80\x80"), 0 },
    { "UTF-8: cut short", TEXT("\xe2\x82"), 0 },
    { "UTF-8: FF", TEXT("\xff"), 0 },
    { "UTF-8: bad in a name", WITH("\"\xff\":1"), 0 },
};

/* JSON, but not a request: 400 with code BAD_REQUEST. */
static const struct body wrong[] = {
    { "an empty object", "{}", 0 },
    { "an array", "[]", 0 },
    { "command is null", "{\"command\":null}", 0 },
    { "command is a text", "{\"command\":\"Set\"}", 0 },
    { "command is an array", "{\"command\":[\"Set\"]}", 0 },
    { "an empty command", "{\"command\":{}}", 0 },
    { "an unknown command", "{\"command\":{\"Drop\":{\"key\":\"k\"}}}", 0 },
    { "set in lower case", "{\"command\":{\"set\":{\"key\":\"k\",\"value\":\"v\"}}}", 0 },
    { "two commands",
      "{\"command\":{\"Set\":{\"key\":\"k\",\"value\":\"v\"},\"SetMulti\":{\"pairs\":[]}}}", 0 },
    { "Set is null", "{\"command\":{\"Set\":null}}", 0 },
    { "Set is an array", "{\"command\":{\"Set\":[\"k\",\"v\"]}}", 0 },
    { "no key", "{\"command\":{\"Set\":{\"value\":\"v\"}}}", 0 },
    { "no value", "{\"command\":{\"Set\":{\"key\":\"k\"}}}", 0 },
    { "key is a number", SET("1", "\"v\""), 0 },
    { "key is a number beyond doubles", SET("1e999", "\"v\""), 0 },
    { "value is a number beyond doubles", SET("\"k\"", "-1e999"), 0 },
    { "command is a number beyond doubles", "{\"command\":1e999}", 0 },
    { "key is null", SET("null", "\"v\""), 0 },
    { "key is true", SET("true", "\"v\""), 0 },
    { "value is a number", SET("\"k\"", "1"), 0 },
    { "value is an object", SET("\"k\"", "{}"), 0 },
    { "value is null", SET("\"k\"", "null"), 0 },
    { "no pairs", "{\"command\":{\"SetMulti\":{}}}", 0 },
    { "pairs is empty", MULTI("[]"), 0 },
    { "pairs is an object", MULTI("{\"k\":\"v\"}"), 0 },
    { "a pair is a text", MULTI("[\"kv\"]"), 0 },
    { "a pair of one", MULTI("[[\"k\"]]"), 0 },
    { "a pair of three", MULTI("[[\"k\",\"v\",\"w\"]]"), 0 },
    { "a pair with a number", MULTI("[[\"k\",\"v\"],[\"k\",1]]"), 0 },
    { "a pair with null", MULTI("[[null,\"v\"]]"), 0 },
};

/* Taken. */
static const struct body good[] = {
    { "a plain one", TEXT("v"), 0 },
    { "spaces everywhere",
      " \r\n\t{ \"command\" : { \"Set\" : { \"value\" : \"v\" , \"key\" : \"k\" } } } \n", 0 },
    { "unknown fields", WITH("\"a\":1,\"b\":[null,true,-1.5e3],\"c\":{\"d\":\"e\"}"), 0 },
    { "two to the 63 less one", WITH("\"x\":9223372036854775807"), 0 },
    { "two to the 63", WITH("\"x\":9223372036854775808"), 0 },
    { "less two to the 63", WITH("\"x\":-9223372036854775808"), 0 },
    { "less two to the 63, less one", WITH("\"x\":-9223372036854775809"), 0 },
    { "a number of 30 digits", WITH("\"x\":123456789012345678901234567890"), 0 },
    { "numbers beyond doubles", WITH("\"x\":[1e999,-1E+999,{\"y\":1.5e400}],\"z\":1e309"), 0 },
    { "a number below doubles", WITH("\"x\":1e-999"), 0 },
    { "a large number in a text", WITH("\"x\":\"a\\\"1e999\",\"y\":1e999"), 0 },
    { "escapes", TEXT("\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\ud83d\\ude00"), 0 },
    { "a NUL, escaped", TEXT("a\\u0000b"), 0 },
    { "UTF-8 of every length", TEXT("a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"), 0 },
    { "DEL", TEXT("\x7f"), 0 },
    { "an empty value", TEXT(""), 0 },
    { "pairs", MULTI("[[\"k\",\"v\"],[\"l\",\"w\"]]"), 0 },
};

#define COUNT(rows) (sizeof(rows) / sizeof(rows)[0])

static struct door d;
static struct fake f;
static struct door_client *c;
static const struct body *now_row;

static void start(void)
{
    fake_init(&f);
    door_init(&d);
    door_open(&d, &f.base);
    c = door_connect(&d);
}

static void post(const char *path, struct bytes body)
{
    char head[256];
    snprintf(head, sizeof head, "POST %s HTTP/1.1\r\nHost: a\r\nContent-Length: %zu\r\n\r\n", path,
             body.count);
    door_put(c, bytes_text(head));
    door_send_bytes(c, body);
}

static void post_row(void)
{
    start();
    post("/write",
         bytes_of(now_row->text, now_row->count != 0 ? now_row->count : strlen(now_row->text)));
}

static void test_broken(void)
{
    post_row();
    CHECK_U64(door_status(c, 0), 400);
    CHECK(door_body_has(c, 0, "\"code\":\"BAD_JSON\""));
    CHECK_U64(f.begun, 0);
    CHECK(!c->shut); /* the request was whole, so the connection is fine */
    door_close(&d);
}

static void test_wrong(void)
{
    post_row();
    CHECK_U64(door_status(c, 0), 400);
    CHECK(door_body_has(c, 0, "\"code\":\"BAD_REQUEST\""));
    CHECK_U64(f.begun, 0);
    door_close(&d);
}

static void test_good(void)
{
    post_row();
    CHECK_U64(f.begun, 1);
    fake_answer(&f, ERR_OK);
    door_turn(&d);
    CHECK_U64(door_status(c, 0), 200);
    door_close(&d);
}

static void rows(const struct body *table, size_t count, const char *what, void (*fn)(void))
{
    for (now_row = table; now_row < table + count; now_row++) {
        char name[128];
        snprintf(name, sizeof name, "json: %s: %s", what, now_row->name);
        TAP_TEST(name, fn);
    }
}

static char *nested(size_t depth)
{
    size_t at = 0;
    char *text = malloc(2 * depth + 128);
    CHECK(text != NULL);
    at += (size_t)sprintf(text, "%s",
                          "{\"command\":{\"Set\":{\"key\":\"k\",\"value\":\"v\"}},\"x\":");
    memset(text + at, '[', depth);
    memset(text + at + depth, ']', depth);
    strcpy(text + at + 2 * depth, "}");
    return text;
}

static void test_nested(void)
{
    char *text = nested(1000);
    start();
    post("/write", bytes_text(text));
    free(text);
    CHECK_U64(f.begun, 1);
    door_close(&d);
}

static void test_too_nested(void)
{
    char *text = nested(1000 * 1000);
    start();
    post("/write", bytes_text(text));
    free(text);
    CHECK_U64(door_status(c, 0), 400);
    CHECK(door_body_has(c, 0, "\"code\":\"BAD_JSON\""));
    door_close(&d);
}

/* A body of small values would be a tree a hundred times as large. */
static void test_too_many(void)
{
    static char text[HTTP_BODY_BYTES_MAX + 1] = WITH("\"x\":[0");
    size_t at = strlen(text) - 1;
    while (at + 4 < HTTP_BODY_BYTES_MAX) {
        text[at++] = ',';
        text[at++] = '0';
    }
    strcpy(text + at, "]}");
    start();
    post("/write", bytes_text(text));
    CHECK_U64(door_status(c, 0), 400);
    CHECK(door_body_has(c, 0, "too many values"));
    door_close(&d);
}

/* Commas inside of a text are no values. */
static void test_commas(void)
{
    static char text[128 * 1024] = "{\"command\":{\"Set\":{\"key\":\"k\",\"value\":\"\\\"";
    size_t at = strlen(text);
    memset(text + at, ',', 100 * 1024);
    strcpy(text + at + 100 * 1024, "\"}}}");
    start();
    post("/write", bytes_text(text));
    CHECK_U64(f.begun, 1);
    door_close(&d);
}

static void write_pairs(uint32_t count)
{
    static char text[32 * 1024];
    size_t at = (size_t)sprintf(text, "{\"command\":{\"SetMulti\":{\"pairs\":[");
    for (uint32_t i = 0; i < count; i++) {
        at += (size_t)sprintf(text + at, "%s[\"k%u\",\"v\"]", i > 0 ? "," : "", i);
    }
    strcpy(text + at, "]}}}");
    start();
    post("/write", bytes_text(text));
}

static void test_pairs(void)
{
    write_pairs(KV_TXN_OPS_MAX);
    CHECK_U64(f.pair_count, KV_TXN_OPS_MAX);
    door_close(&d);
}

static void test_pairs_too_many(void)
{
    write_pairs(KV_TXN_OPS_MAX + 1);
    CHECK_U64(door_status(c, 0), 400);
    CHECK(door_body_has(c, 0, "\"code\":\"TOO_MANY_OPS\""));
    CHECK_U64(f.begun, 0);
    door_close(&d);
}

/* The command comes back as it was sent, whatever is in it. */
static void test_echo(void)
{
    static const char command[] =
        "{\"Set\":{\"value\":\"\xe2\x82\xac\\u0000\\\"\\n\",\"key\":\"k\","
        "\"more\":[1,2.5,null,{\"a\":true}]}}";
    char body[256];
    char expected[256];
    snprintf(body, sizeof body, "{\"command\":%s}", command);
    snprintf(expected, sizeof expected, "{\"command\":%s,\"revision\":7}\n", command);
    start();
    post("/write", bytes_text(body));
    fake_answer(&f, ERR_OK);
    door_turn(&d);
    struct door_reply r;
    CHECK(door_reply(c, 0, &r));
    CHECK(bytes_equal(r.body, bytes_text(expected)));
    door_close(&d);
}

/* What a read answers is JSON, whatever bytes the store holds. */
static void test_out(void)
{
    static const uint8_t in[] = { 'a',  '"',  '\\', '/',  '\n', 0,    0x1f, 0x7f,
                                  0xc3, 0xa9, 0xff, 0xed, 0xa0, 0x80, 0xe2, 0x82 };
    char out[256] = { 0 };
    struct writer w = writer_of(out, json_out_string_max(sizeof in));
    json_out_string(&w, bytes_of(in, sizeof in));
    CHECK(!w.bad);
    CHECK(strcmp(out,
                 "\"a\\\"\\\\/\\n\\u0000\\u001f\x7f\xc3\xa9\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"
                 "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"") == 0);
}

static void test_out_max(void)
{
    uint8_t in[300];
    uint8_t out[6 * 300 + 2];
    for (int value = 0; value < 256; value++) {
        struct writer w = writer_of(out, json_out_string_max(sizeof in));
        memset(in, value, sizeof in);
        json_out_string(&w, bytes_of(in, sizeof in));
        CHECK(!w.bad);
    }
}

int main(void)
{
    rows(broken, COUNT(broken), "not JSON", test_broken);
    rows(wrong, COUNT(wrong), "not a request", test_wrong);
    rows(good, COUNT(good), "taken", test_good);
    TAP_TEST("json: a thousand levels are no trouble", test_nested);
    TAP_TEST("json: a million levels are refused", test_too_nested);
    TAP_TEST("json: a body of nothing but values is refused before it becomes a tree",
             test_too_many);
    TAP_TEST("json: commas in a text are no values", test_commas);
    TAP_TEST("json: 128 pairs fit", test_pairs);
    TAP_TEST("json: 129 pairs do not", test_pairs_too_many);
    TAP_TEST("json: a write answers its command as it was sent", test_echo);
    TAP_TEST("json: an answer is JSON whatever the store holds", test_out);
    TAP_TEST("json: a string never needs more room than it says", test_out_max);
    return tap_done();
}
