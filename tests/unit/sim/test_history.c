/* tests/unit/sim/test_history.c -- Subject: histories in memory and as JSON lines. Method: there
 * and back, lines that must be taken, lines that must be refused, pieces cut anywhere. */
#include "score.h"

#include "base/prng.h"

enum {
    TEXT_BYTES = 64 * 1024
};

static struct mem mem;
static struct history h;
static char text[TEXT_BYTES];
static size_t text_count;

static void start(void)
{
    mem_init(&mem, "history", 64u << 20);
    history_init(&h, &mem);
    text_count = 0;
}

static void stop(void)
{
    history_done(&h);
    CHECK_U64(mem.used, 0);
}

static enum err to_text(void *arg, struct bytes line)
{
    (void)arg;
    CHECK(text_count + line.count <= sizeof text);
    CHECK(line.count > 0 && line.data[line.count - 1] == '\n');
    memcpy(text + text_count, line.data, line.count);
    text_count += line.count;
    return ERR_OK;
}

static bool value_equal(struct bytes a, struct bytes b)
{
    return (a.data == NULL) == (b.data == NULL) && bytes_equal(a, b);
}

static bool row_equal(const struct history_row *a, const struct history_row *b)
{
    return a->t_ns == b->t_ns && a->process == b->process && a->event == b->event &&
           a->op == b->op && bytes_equal(a->key, b->key) && value_equal(a->value, b->value) &&
           value_equal(a->old, b->old) && a->revision == b->revision;
}

/* Written and read again it is the same. */
static void check_back(void)
{
    struct history back;
    struct diag diag;
    text_count = 0;
    CHECK(history_write(&h, to_text, NULL) == ERR_OK);
    history_init(&back, &mem);
    enum err e = history_read(&back, bytes_of(text, text_count), &diag);
    if (e != ERR_OK) {
        printf("# %s\n", diag.text);
    }
    CHECK(e == ERR_OK);
    CHECK_U64(back.row_count, h.row_count);
    for (uint32_t i = 0; i < h.row_count; i++) {
        CHECK(row_equal(&h.rows[i], &back.rows[i]));
    }
    history_done(&back);
}

static void format(void)
{
    static const char expected[] =
        "{\"t\":101,\"p\":3,\"e\":\"inv\",\"f\":\"put\",\"k\":\"a\",\"v\":\"s17\"}\n"
        "{\"t\":102,\"p\":3,\"e\":\"ok\",\"f\":\"put\",\"k\":\"a\",\"rev\":42}\n"
        "{\"t\":103,\"p\":4,\"e\":\"inv\",\"f\":\"get\",\"k\":\"a\"}\n"
        "{\"t\":104,\"p\":4,\"e\":\"ok\",\"f\":\"get\",\"k\":\"a\",\"v\":\"s17\",\"rev\":42}\n"
        "{\"t\":105,\"p\":4,\"e\":\"inv\",\"f\":\"cas\",\"k\":\"a\",\"v\":\"b\",\"old\":null}\n"
        "{\"t\":106,\"p\":4,\"e\":\"fail\",\"f\":\"cas\",\"k\":\"a\"}\n"
        "{\"t\":107,\"p\":5,\"e\":\"inv\",\"f\":\"del\",\"k\":\"b\"}\n"
        "{\"t\":108,\"p\":5,\"e\":\"info\",\"f\":\"del\",\"k\":\"b\"}\n"
        "{\"t\":109,\"p\":4,\"e\":\"inv\",\"f\":\"get\",\"k\":\"b\"}\n"
        "{\"t\":110,\"p\":4,\"e\":\"ok\",\"f\":\"get\",\"k\":\"b\",\"v\":null}\n";
    start();
    score_play(&h, "3:a.put=s17 3:ok@42 4:a.get 4:ok=s17@42 4:a.cas=->b 4:fail 5:b.del 5:info "
                   "4:b.get 4:ok=-");
    check_back();
    CHECK_U64(text_count, strlen(expected));
    CHECK(memcmp(text, expected, text_count) == 0);
    stop();
}

/* Every byte, alone and in company, and texts with parts of UTF-8. */
static void every_byte(void)
{
    struct prng rng;
    uint8_t key[300];
    uint8_t value[300];
    prng_seed(&rng, 7);
    start();
    for (int i = 0; i < 2000; i++) {
        size_t count = 1 + prng_below(&rng, i < 1000 ? 3 : 64);
        prng_fill(&rng, key, count);
        prng_fill(&rng, value, count);
        key[0] = (uint8_t)i;
        memcpy(value, "\xe2\x82\xac\xed\xb2\x80", count < 6 ? count : 6);
        struct history_row row = { .t_ns = prng_next(&rng),
                                   .process = (uint32_t)prng_next(&rng),
                                   .op = HISTORY_CAS,
                                   .key = bytes_of(key, count),
                                   .value = bytes_of(value, count),
                                   .old = bytes_of(value, 0) };
        CHECK(history_add(&h, &row) == ERR_OK);
        if (h.row_count == 20) {
            check_back();
            history_done(&h);
        }
    }
    stop();
}

struct line {
    const char *name; /* or what is meant by text */
    const char *text;
};

#define HEAD "{\"t\":1,\"p\":2,\"e\":\"inv\",\"f\":\"put\",\"k\":\"a\""

static const struct line taken[] = {
    { "any order", "{\"v\":\"b\",\"k\":\"a\",\"f\":\"put\",\"e\":\"inv\",\"p\":2,\"t\":1}" },
    { "blanks",
      " {\t\"t\" : 1 , \"p\":2,\"e\":\"inv\",\"f\":\"put\",\"k\":\"a\",\"v\":\"b\" } \r" },
    { "other members",
      HEAD ",\"v\":\"b\",\"node\":3,\"x\":[1,{\"y\":[]},{},-1.5e+3,true,null,\"\\u00e9\"]}" },
    { "escapes", HEAD ",\"v\":\"\\u0062\"}" },
    { "an escaped name", HEAD ",\"\\u0076\":\"b\"}" },
    { "a revision where there is none", HEAD ",\"v\":\"b\",\"rev\":null}" },
    { "no newline at the end, blank lines before", "\n \n" HEAD ",\"v\":\"b\"}" },
};

static void lines_taken(void)
{
    struct diag diag;
    start();
    for (size_t i = 0; i < sizeof taken / sizeof taken[0]; i++) {
        history_done(&h);
        enum err e = history_read(&h, bytes_text(taken[i].text), &diag);
        if (e != ERR_OK) {
            printf("# %s: %s\n", taken[i].name, diag.text);
        }
        CHECK(e == ERR_OK && h.row_count == 1);
        struct history_row want = { .t_ns = 1,
                                    .process = 2,
                                    .op = HISTORY_PUT,
                                    .key = bytes_text("a"),
                                    .value = bytes_text("b") };
        CHECK(row_equal(&h.rows[0], &want));
    }
    stop();
}

/* Texts that have one meaning only: as they stand in a line, and as bytes. */
static const struct line meant[] = {
    { "\xf0\x9f\x98\x80", "\\ud83d\\ude00" }, /* two surrogates are one character */
    { "\xf0\x9f\x92\x80", "\\uD83D\\uDC80" }, /* a low one that would be a byte, were it alone */
    { "\xf0\x90\x80\x80", "\\ud800\\udc00" },
    { "\xf4\x8f\xbf\xbf", "\\udbff\\udfff" },
    { "\x80x\xff", "\\udc80x\\udcff" }, /* bytes that are no UTF-8 */
    { "\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80", "\\u0800\\ud7ff\\ue000" },
    { "\"\\/\b\f\n\r\t\x7f", "\\\"\\\\\\/\\b\\f\\n\\r\\t\x7f" },
    { " \\ude00", " \\\\ude00" },
};

static void texts_meant(void)
{
    struct diag diag;
    char whole[256];
    start();
    for (size_t i = 0; i < sizeof meant / sizeof meant[0]; i++) {
        history_done(&h);
        snprintf(whole, sizeof whole, HEAD ",\"v\":\"%s\"}", meant[i].text);
        enum err e = history_read(&h, bytes_text(whole), &diag);
        if (e != ERR_OK) {
            printf("# %s: %s\n", whole, diag.text);
        }
        CHECK(e == ERR_OK && h.row_count == 1);
        CHECK(bytes_equal(h.rows[0].value, bytes_text(meant[i].name)));
        check_back();
    }
    stop();
}

#define ROW(t, p, e, f, k)                                                                         \
    "{\"t\":" t ",\"p\":" p ",\"e\":" e ",\"f\":" f ",\"k\":" k ",\"v\":\"b\",\"old\":\"c\"}"
#define VALUE(v) HEAD ",\"v\":" v "}"

static const struct line refused[] = {
    { "not JSON", "hello" },
    { "an array", "[]" },
    { "an empty object", "{}" },
    { "cut short", HEAD ",\"v\":\"b\"" },
    { "cut short in a string", HEAD ",\"v\":\"b" },
    { "something behind", VALUE("\"b\"") "}" },
    { "two objects", VALUE("\"b\"") VALUE("\"b\"") },
    { "a comma at the end", HEAD ",\"v\":\"b\",}" },
    { "no comma", HEAD "\"v\":\"b\"}" },
    { "no colon", HEAD ",\"v\" \"b\"}" },
    { "no t", "{\"p\":2,\"e\":\"inv\",\"f\":\"del\",\"k\":\"a\"}" },
    { "no p", "{\"t\":1,\"e\":\"inv\",\"f\":\"del\",\"k\":\"a\"}" },
    { "no e", "{\"t\":1,\"p\":2,\"f\":\"del\",\"k\":\"a\"}" },
    { "no f", "{\"t\":1,\"p\":2,\"e\":\"inv\",\"k\":\"a\"}" },
    { "no k", "{\"t\":1,\"p\":2,\"e\":\"inv\",\"f\":\"del\"}" },
    { "a put without v", HEAD "}" },
    { "a put of null", VALUE("null") },
    { "a cas without v",
      "{\"t\":1,\"p\":2,\"e\":\"inv\",\"f\":\"cas\",\"k\":\"a\",\"old\":\"c\"}" },
    { "a cas without old",
      "{\"t\":1,\"p\":2,\"e\":\"inv\",\"f\":\"cas\",\"k\":\"a\",\"v\":\"c\"}" },
    { "an answered get without v", "{\"t\":1,\"p\":2,\"e\":\"ok\",\"f\":\"get\",\"k\":\"a\"}" },
    { "a member twice", HEAD ",\"v\":\"b\",\"v\":\"b\"}" },
    { "t is a text", ROW("\"1\"", "2", "\"inv\"", "\"put\"", "\"a\"") },
    { "t is negative", ROW("-1", "2", "\"inv\"", "\"put\"", "\"a\"") },
    { "t has a fraction", ROW("1.0", "2", "\"inv\"", "\"put\"", "\"a\"") },
    { "t has an exponent", ROW("1e3", "2", "\"inv\"", "\"put\"", "\"a\"") },
    { "t begins with zero", ROW("01", "2", "\"inv\"", "\"put\"", "\"a\"") },
    { "t is too large", ROW("18446744073709551616", "2", "\"inv\"", "\"put\"", "\"a\"") },
    { "p is too large", ROW("1", "4294967296", "\"inv\"", "\"put\"", "\"a\"") },
    { "p is null", ROW("1", "null", "\"inv\"", "\"put\"", "\"a\"") },
    { "e is unknown", ROW("1", "2", "\"okay\"", "\"put\"", "\"a\"") },
    { "e is a number", ROW("1", "2", "1", "\"put\"", "\"a\"") },
    { "f is unknown", ROW("1", "2", "\"inv\"", "\"set\"", "\"a\"") },
    { "k is empty", ROW("1", "2", "\"inv\"", "\"put\"", "\"\"") },
    { "k is null", ROW("1", "2", "\"inv\"", "\"put\"", "null") },
    { "v is a number", VALUE("17") },
    { "rev is negative", HEAD ",\"v\":\"b\",\"rev\":-1}" },
    { "rev is too large", HEAD ",\"v\":\"b\",\"rev\":9223372036854775808}" },
    { "rev is a text", HEAD ",\"v\":\"b\",\"rev\":\"1\"}" },
    { "an unknown escape", VALUE("\"\\x41\"") },
    { "an escape cut short", VALUE("\"\\u12\"") },
    { "an escape of no hex", VALUE("\"\\u12g4\"") },
    { "a high surrogate alone", VALUE("\"\\ud83d\"") },
    { "a high surrogate and no low one", VALUE("\"\\ud83d\\u0041\"") },
    { "a low surrogate that stands for no byte", VALUE("\"\\ude00\"") },
    { "a blank between two surrogates", VALUE("\"\\ud83d \\ude00\"") },
    { "a tab between two surrogates", VALUE("\"\\ud83d\t\\ude00\"") },
    { "a letter between two surrogates", VALUE("\"\\ud83dx\\ude00\"") },
    { "a text between two surrogates", VALUE("\"\\ud83d\",\"\\ude00\"") },
    { "two high surrogates", VALUE("\"\\ud83d\\ud83d\"") },
    { "two high surrogates and a low one", VALUE("\"\\ud83d\\ud83d\\ude00\"") },
    { "surrogates the wrong way round", VALUE("\"\\ude00\\ud83d\"") },
    { "an escaped backslash before a low surrogate", VALUE("\"\\ud83d\\\\ude00\"") },
    { "a low surrogate cut short", VALUE("\"\\ud83d\\ude0\"") },
    { "a low surrogate of capital U", VALUE("\"\\ud83d\\Ude00\"") },
    { "a high surrogate alone in a name", HEAD ",\"v\":\"b\",\"\\ud83d\":1}" },
    { "a high surrogate alone in what is passed over", HEAD ",\"v\":\"b\",\"x\":[\"\\ud83d \"]}" },
    { "a blank within an escape", VALUE("\"\\u 062\"") },
    { "a blank behind a backslash", VALUE("\"\\ n\"") },
    { "a sign in an escape", VALUE("\"\\u+062\"") },
    { "a backslash at the end", VALUE("\"\\\"") },
    { "a control character", VALUE("\"\x01\"") },
    { "a tab in a string", VALUE("\"\t\"") },
    { "a lone continuation byte", VALUE("\"\x80\"") },
    { "UTF-8 cut short", VALUE("\"\xe2\x82\"") },
    { "UTF-8 of a surrogate", VALUE("\"\xed\xa0\x80\"") },
    { "overlong UTF-8", VALUE("\"\xc0\xaf\"") },
    { "UTF-8 beyond Unicode", VALUE("\"\xf4\x90\x80\x80\"") },
    { "a byte order mark", "\xef\xbb\xbf" VALUE("\"b\"") },
    { "a word cut short", HEAD ",\"v\":\"b\",\"x\":nul}" },
    { "a word that goes on", HEAD ",\"v\":\"b\",\"x\":nullx}" },
    { "a word in capitals", HEAD ",\"v\":\"b\",\"x\":True}" },
    { "a number with a plus", HEAD ",\"v\":\"b\",\"x\":+1}" },
    { "a number that ends in a point", HEAD ",\"v\":\"b\",\"x\":1.}" },
    { "a number that begins with a point", HEAD ",\"v\":\"b\",\"x\":.5}" },
    { "a number with an empty exponent", HEAD ",\"v\":\"b\",\"x\":1e}" },
    { "a number in two parts", HEAD ",\"v\":\"b\",\"x\":1 2}" },
    { "a form feed is no blank", HEAD ",\"v\":\f\"b\"}" },
    { "single quotes", VALUE("'b'") },
    { "a comment", HEAD ",\"v\":\"b\" /* b */}" },
    { "a bad value to pass over", HEAD ",\"v\":\"b\",\"x\":tru}" },
    { "a bad number to pass over", HEAD ",\"v\":\"b\",\"x\":-}" },
    { "brackets that do not match", HEAD ",\"v\":\"b\",\"x\":[1}}" },
    { "a comma before a bracket", HEAD ",\"v\":\"b\",\"x\":[1,]}" },
    { "nested too deeply", HEAD ",\"v\":\"b\",\"x\":[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[1" },
};

static void lines_refused(void)
{
    struct diag diag;
    char whole[1024];
    start();
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        history_done(&h);
        snprintf(whole, sizeof whole, "%s\n%s\n%s\n", VALUE("\"b\""), refused[i].text,
                 VALUE("\"b\""));
        diag.text[0] = '\0';
        enum err e = history_read(&h, bytes_text(whole), &diag);
        if (e != ERR_MALFORMED) {
            printf("# %s: %s\n", refused[i].name, err_name(e));
        }
        CHECK(e == ERR_MALFORMED);
        CHECK_U64(h.row_count, 1);
        CHECK(strncmp(diag.text, "line 2: ", 8) == 0 && strlen(diag.text) > 12);
    }
    stop();
}

static void pieces(void)
{
    struct prng rng;
    struct diag diag;
    prng_seed(&rng, 3);
    start();
    for (int i = 0; i < 50; i++) {
        score_play(&h, "3:a.put=s17 3:ok@42 4:a.get 4:ok=s17@42");
    }
    check_back();
    for (int round = 0; round < 100; round++) {
        struct history other;
        struct history_reader r;
        history_init(&other, &mem);
        history_reader_init(&r, &other);
        size_t end = text_count - (round % 2 == 0); /* without the last newline as well */
        for (size_t at = 0; at < end;) {
            size_t count = prng_below(&rng, round < 10 ? 3 : 300);
            count = count < end - at ? count : end - at;
            CHECK(history_reader_feed(&r, bytes_of(text + at, count), &diag) == ERR_OK);
            at += count;
        }
        CHECK(history_reader_end(&r, &diag) == ERR_OK);
        CHECK_U64(r.line, 200);
        CHECK_U64(other.row_count, 200);
        CHECK(row_equal(&other.rows[199], &h.rows[199]));
        history_reader_done(&r);
        history_done(&other);
    }
    stop();
}

static void account(void)
{
    struct history_row row = { .op = HISTORY_PUT,
                               .key = bytes_text("key"),
                               .value = bytes_of(text, 1000) };
    struct diag diag;
    start();
    mem.limit = 256 * 1024;
    enum err e = ERR_OK;
    while ((e = history_add(&h, &row)) == ERR_OK) {
        CHECK(h.row_count < 1000);
    }
    CHECK(e == ERR_NO_MEMORY);
    uint32_t count = h.row_count;
    CHECK(count > 50);
    CHECK(history_read(&h, bytes_text(VALUE("\"\\u0062\"")), &diag) == ERR_OK || mem.used > 0);
    mem.limit = mem.used;
    CHECK(history_read(&h, bytes_text(VALUE("\"\\u0062\"")), &diag) == ERR_NO_MEMORY);
    CHECK(strncmp(diag.text, "line 1: ", 8) == 0);
    history_done(&h);
    mem.limit = 256 * 1024;
    CHECK(history_add(&h, &row) == ERR_OK);
    CHECK(history_write(&h, to_text, NULL) == ERR_OK);
    stop();
}

/* Garbage, and good lines with one byte changed, end in an error or in rows. */
static void garbage(void)
{
    static const char line[] =
        HEAD ",\"v\":\"a\\u00e9\\ud83d\\ude00\xe2\x82\xac\",\"x\":[{\"y\":1}]}";
    struct prng rng;
    struct diag diag;
    uint8_t copy[sizeof line];
    prng_seed(&rng, 11);
    start();
    int good = 0;
    for (int i = 0; i < 100000; i++) {
        memcpy(copy, line, sizeof line);
        for (uint64_t n = 1 + prng_below(&rng, 3); n > 0; n--) {
            copy[prng_below(&rng, sizeof line - 1)] = (uint8_t)prng_next(&rng);
        }
        history_done(&h);
        good += history_read(&h, bytes_of(copy, prng_below(&rng, sizeof line)), &diag) == ERR_OK;
    }
    printf("# %d of 100000 taken\n", good);
    stop();
}

int main(void)
{
    TAP_TEST("history: it is written as the format has it, and read back", format);
    TAP_TEST("history: every byte goes there and back", every_byte);
    TAP_TEST("history: unusual but valid lines are taken", lines_taken);
    TAP_TEST("history: an escape means one text only", texts_meant);
    TAP_TEST("history: a bad line is refused, named by its number", lines_refused);
    TAP_TEST("history: a text may arrive in pieces cut anywhere", pieces);
    TAP_TEST("history: the account bounds it", account);
    TAP_TEST("history: no garbage upsets the reader", garbage);
    return tap_done();
}
