/* tests/unit/api/test_hot.c -- the scanner of hot requests never differs from the full parser.
 *
 * Subject: api/json_hot.c
 * Method:  jansson is the judge of every body that the scanner takes, a good one and 300,000
 * spoiled ones
 */
#include "api/json_hot.h"
#include "base/prng.h"

#include "tap.h"

#include <jansson.h>

enum {
    SPOILED = 100000,
    BODY_BYTES_MAX = 128
};

static const char *const sets[] = {
    "{\"command\":{\"Set\":{\"key\":\"k1\",\"value\":\"0123456789abcdef\"}}}",
    " {\t\"command\" : {\r\n\"Set\": { \"key\":\"\" , \"value\":\"~ !#[]\x7f\" } } } ",
};
static const char *const others[] = {
    "{\"command\":{\"Set\":{\"key\":\"k\",\"value\":\"v\",\"lease\":1}}}",
    "{\"command\":{\"Set\":{\"value\":\"v\",\"key\":\"k\"}}}",
    "{\"command\":{\"Set\":{\"key\":\"k\\n\",\"value\":\"v\"}}}",
    "{\"command\":{\"Set\":{\"key\":\"k\",\"value\":\"\xc3\xa9\"}}}",
    "{\"command\":{\"Set\":{\"key\":\"k\",\"value\":\"v\"}},\"x\":1}",
    "{\"command\":{\"Set\":{\"key\":\"k\",\"value\":\"v\"}}}x",
    "{\"command\":{\"Set\":{\"key\":\"k\",\"value\":\"v\"}}",
    "",
};

static bool same(const json_t *object, const char *name, struct bytes text)
{
    const json_t *v = json_object_get(object, name);
    return json_is_string(v) &&
           bytes_equal(bytes_of(json_string_value(v), json_string_length(v)), text);
}

/* Not taken, or jansson says the same. */
static bool judged(struct bytes body)
{
    struct bytes key;
    struct bytes value;
    bool set = json_hot_set(body, &key, &value);
    if (!set && !json_hot_key(body, &key)) {
        return true;
    }
    json_t *tree = json_loadb((const char *)body.data, body.count, JSON_REJECT_DUPLICATES, NULL);
    const json_t *in = set ? json_object_get(json_object_get(tree, "command"), "Set") : tree;
    size_t members = set ? 2 : 1;
    bool good = json_is_object(tree) && json_object_size(in) == members && same(in, "key", key) &&
                (!set || (json_object_size(tree) == 1 && same(in, "value", value)));
    json_decref(tree);
    return good;
}

static void test_taken(void)
{
    struct bytes key;
    struct bytes value;
    for (size_t i = 0; i < sizeof sets / sizeof sets[0]; i++) {
        CHECK(json_hot_set(bytes_text(sets[i]), &key, &value));
        CHECK(judged(bytes_text(sets[i])));
    }
    CHECK(json_hot_key(bytes_text("{\"key\": \"k\"}"), &key));
    CHECK(bytes_equal(key, bytes_text("k")));
}

static void test_left(void)
{
    struct bytes key;
    struct bytes value;
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        CHECK(!json_hot_set(bytes_text(others[i]), &key, &value));
    }
    CHECK(!json_hot_key(bytes_text("{\"key\":\"k\",\"consistency\":\"serializable\"}"), &key));
}

static void test_plain(void)
{
    uint8_t text[24];
    for (size_t at = 0; at < sizeof text; at++) {
        for (unsigned c = 0; c < 256; c++) {
            memset(text, 'a', sizeof text);
            text[at] = (uint8_t)c;
            bool plain = c >= 0x20 && c < 0x80 && c != '"' && c != '\\';
            CHECK_U64(json_hot_plain(bytes_of(text, sizeof text)), plain ? sizeof text : at);
        }
    }
}

static void spoil(const char *text, uint64_t seed)
{
    static const char marks[] = "\"\\{}:, \n\x01\xc3key";
    struct prng p;
    prng_seed(&p, seed);
    for (int i = 0; i < SPOILED; i++) {
        char body[BODY_BYTES_MAX];
        size_t count = strlen(text);
        memcpy(body, text, count);
        for (uint64_t n = 1 + prng_below(&p, 3); n > 0; n--) {
            body[prng_below(&p, count)] = marks[prng_below(&p, sizeof marks)];
        }
        count -= prng_below(&p, 8) == 0 ? prng_below(&p, count) : 0;
        if (!judged(bytes_of(body, count))) {
            printf("# %.*s\n", (int)count, body);
            CHECK(false);
        }
    }
}

static void test_spoiled(void)
{
    spoil(sets[0], 1);
    spoil(sets[1], 2);
    spoil("{\"key\":\"some-key\"}", 3);
}

int main(void)
{
    TAP_TEST("the usual requests are taken, as the full parser reads them", test_taken);
    TAP_TEST("unusual requests are left to the full parser", test_left);
    TAP_TEST("plain text ends at the first byte that is not", test_plain);
    TAP_TEST("spoiled requests are read as the full parser reads them, or left", test_spoiled);
    return tap_done();
}
