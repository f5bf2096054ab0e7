/* tests/unit/node/test_toml.c -- TOML by hand: what must be taken, what must be refused, and where.
 *
 * Subject: node/toml*.c
 * Method:  tables of documents; toml_diff.py compares with tomllib at random beside it
 */
#include "node/toml.h"

#include "tap.h"

#include <stdalign.h>

static alignas(16) uint8_t memory[1024 * 1024];
static struct toml_error error;

static const struct toml *parse(const char *text)
{
    struct toml *root = NULL;
    enum err code = toml_parse(bytes_text(text), memory, sizeof memory, &root, &error);
    if (code != ERR_OK) {
        printf("# %u:%u: %s\n", error.line, error.column, error.text);
    }
    CHECK(code == ERR_OK);
    return root;
}

static void test_types(void)
{
    const struct toml *t =
        parse("s = 'x'\ni = -5\nf = 2.5\nb = true\nd = 1979-05-27\n"
              "t = 07:32:00.25\nl = 1979-05-27 07:32:00\n"
              "o = 1979-05-27T07:32:00-07:30\na = [1, 2]\n[x]\ny.z = 1\n[[q]]\n");
    CHECK(bytes_equal(toml_find(t, "s")->text, bytes_text("x")));
    CHECK(toml_find(t, "i")->integer == -5);
    CHECK(toml_find(t, "f")->number == 2.5);
    CHECK(toml_find(t, "b")->boolean);
    CHECK(toml_find(t, "d")->type == TOML_LOCAL_DATE && toml_find(t, "d")->time.day == 27);
    CHECK(toml_find(t, "t")->type == TOML_LOCAL_TIME);
    CHECK_U64(toml_find(t, "t")->time.nanosecond, 250000000);
    CHECK(toml_find(t, "l")->type == TOML_LOCAL_DATETIME);
    CHECK(toml_find(t, "o")->type == TOML_DATETIME);
    CHECK(toml_find(t, "o")->time.offset_minutes == -450);
    CHECK_U64(toml_find(t, "a")->count, 2);
    CHECK(toml_find(toml_find(toml_find(t, "x"), "y"), "z")->integer == 1);
    CHECK(toml_find(t, "q")->first->type == TOML_TABLE);
    CHECK(toml_find(t, "none") == NULL);
}

static void test_strings(void)
{
    const struct toml *t =
        parse("a = \"\\u00e9\\t\\\"\\U0001F600\"\nb = \"\"\"\nx\\\n   \n  y\"\"\"\"\"\n"
              "c = '''\r\nl1\r\nl2'''\nd = 'C:\\n'\n");
    CHECK(bytes_equal(toml_find(t, "a")->text, bytes_text("\xc3\xa9\t\"\xf0\x9f\x98\x80")));
    CHECK(bytes_equal(toml_find(t, "b")->text, bytes_text("xy\"\"")));
    CHECK(bytes_equal(toml_find(t, "c")->text, bytes_text("l1\nl2")));
    CHECK(bytes_equal(toml_find(t, "d")->text, bytes_text("C:\\n")));
}

static void test_places(void)
{
    const struct toml *t = parse("\n  a = 1\n[ t ]\n\tb = [\n  1,\n   2]\n");
    CHECK_U64(toml_find(t, "a")->line, 2);
    CHECK_U64(toml_find(t, "a")->column, 3);
    const struct toml *b = toml_find(toml_find(t, "t"), "b");
    CHECK_U64(b->line, 4);
    CHECK_U64(b->first->next->line, 6);
    CHECK_U64(b->first->next->column, 4);
}

/* None of these is TOML. */
static const char *const wrong[] = {
    "a",
    "a =",
    "= 1",
    "a = 1 b = 2",
    "a = 1\na = 2",
    "a = 1\n'a' = 2",
    "a.b = 1\na = 2",
    "a = 1\na.b = 2",
    "[a]\n[a]",
    "[a]\n[[a]]",
    "[[a]]\n[a]",
    "[a.b]\n[a]\nb.c = 1",
    "a.b = 1\n[a]",
    "a = {}\n[a.b]",
    "a = {}\na.b = 1",
    "a = []\n[[a]]",
    "a = {b = 1, b = 2}",
    "a = {b = 1,}",
    "a = {b = 1\n}",
    "a = [1 2]",
    "a = [,]",
    "a = [1,,]",
    "a = [1",
    "[a",
    "[a] x",
    "[[a]",
    "[]",
    "[a.]",
    ".a = 1",
    "a. = 1",
    "a b = 1",
    "a = \"",
    "a = \"\n\"",
    "a = \"\\q\"",
    "a = \"\\u12\"",
    "a = \"\\uD800\"",
    "a = \"\\U00110000\"",
    "a = '\x01'",
    "a = \"\x7f\"",
    "# \x01",
    "a = '''",
    "\"\"\"a\"\"\" = 1",
    "a = 01",
    "a = 1__0",
    "a = _1",
    "a = 1_",
    "a = 1.",
    "a = .5",
    "a = 1e",
    "a = +0x1",
    "a = 0x",
    "a = 9223372036854775808",
    "a = -9223372036854775809",
    "a = True",
    "a = 2023-02-29",
    "a = 0000-01-01",
    "a = 2023-13-01",
    "a = 24:00:00",
    "a = 12:00",
    "a = 2023-01-01T",
    "a = 2023-01-01T12:00:00+24:00",
    "a = \xff",
    "a = '\xc0\x80'",
    "a = '\xed\xa0\x80'",
    "\xef\xbb\xbf# with a mark",
    "a = 1\rb = 2",
};

static void test_refused(void)
{
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct toml *root = NULL;
        memset(&error, 0, sizeof error);
        if (toml_parse(bytes_text(wrong[i]), memory, sizeof memory, &root, &error) !=
            ERR_MALFORMED) {
            printf("# accepted: %s\n", wrong[i]);
            CHECK(false);
        }
        CHECK(error.line > 0 && error.column > 0 && error.text[0] != '\0');
    }
}

static void test_error_place(void)
{
    struct toml *root = NULL;
    CHECK(toml_parse(bytes_text("a = 1\r\nbc = @\n"), memory, sizeof memory, &root, &error) ==
          ERR_MALFORMED);
    CHECK_U64(error.line, 2);
    CHECK_U64(error.column, 6);
}

static void test_nul(void)
{
    static const char *const texts[] = { "a = 1\0b", "a = '\0'", "\0", "a = [\0]", "#\0" };
    static const size_t counts[] = { 7, 7, 1, 7, 2 };
    for (size_t i = 0; i < 5; i++) {
        struct toml *root = NULL;
        CHECK(toml_parse(bytes_of(texts[i], counts[i]), memory, sizeof memory, &root, &error) ==
              ERR_MALFORMED);
    }
}

/* count times piece. */
static enum err parse_repeated(const char *head, const char *piece, uint32_t count)
{
    static char text[4096];
    size_t n = strlen(piece);
    size_t at = strlen(head);
    memcpy(text, head, at);
    for (uint32_t i = 0; i < count; i++, at += n) {
        memcpy(text + at, piece, n);
    }
    struct toml *root = NULL;
    return toml_parse(bytes_of(text, at), memory, sizeof memory, &root, &error);
}

static void test_depth(void)
{
    CHECK(parse_repeated("a = ", "[", 1000) == ERR_MALFORMED);
    CHECK(strcmp(error.text, "nested too deeply") == 0);
    CHECK(parse_repeated("a = ", "{a=", 1000) == ERR_MALFORMED);
    CHECK(strcmp(error.text, "nested too deeply") == 0);
    CHECK(parse_repeated("a", ".a", 1000) == ERR_MALFORMED);
    CHECK(strcmp(error.text, "a key has too many parts") == 0);
}

static void test_memory(void)
{
    struct toml *root = NULL;
    const char *text = "a = [1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1]\n[b.c.d]\n";
    for (size_t n = 0; n < 2048; n += 8) {
        enum err code = toml_parse(bytes_text(text), memory, n, &root, &error);
        CHECK(code == ERR_NO_MEMORY);
    }
    CHECK(toml_parse(bytes_text(text), memory, strlen(text) * TOML_MEMORY_FACTOR + TOML_MEMORY_BASE,
                     &root, &error) == ERR_OK);
}

static void test_too_long(void)
{
    static char text[TOML_TEXT_BYTES_MAX + 1];
    struct toml *root = NULL;
    memset(text, '\n', sizeof text);
    CHECK(toml_parse(bytes_of(text, sizeof text), memory, sizeof memory, &root, &error) ==
          ERR_MALFORMED);
    CHECK(toml_parse(bytes_of(text, sizeof text - 1), memory, sizeof memory, &root, &error) ==
          ERR_OK);
}

int main(void)
{
    TAP_TEST("toml: every type of value", test_types);
    TAP_TEST("toml: escapes and long strings", test_strings);
    TAP_TEST("toml: a value knows where it stood", test_places);
    TAP_TEST("toml: what is not TOML is refused with its place", test_refused);
    TAP_TEST("toml: an error names line and column", test_error_place);
    TAP_TEST("toml: a NUL byte is refused everywhere", test_nul);
    TAP_TEST("toml: nesting is bounded", test_depth);
    TAP_TEST("toml: memory that is too small is an error, and the promised amount is enough",
             test_memory);
    TAP_TEST("toml: the text is bounded", test_too_long);
    return tap_done();
}
