/* tests/unit/node/test_logger.c -- log lines, escapes, rate limit.
 *
 * Subject: node/logger.c
 * Method:  a sink in memory and a clock that the test sets
 */
#include "node/logger.h"

#include "tap.h"

struct sink {
    char text[65536];
    size_t count;
    uint32_t lines;
    uint64_t now_ns;
};

static struct sink sink;
static struct logger logger;

static void sink_write(void *arg, struct bytes line)
{
    struct sink *s = arg;
    if (s->count + line.count < sizeof s->text) {
        memcpy(s->text + s->count, line.data, line.count);
        s->count += line.count;
        s->text[s->count] = '\0';
    }
    s->lines++;
}

static uint64_t sink_wall(void *arg)
{
    (void)arg;
    return 1753000000123456789u; /* 2025-07-20T08:26:40.123Z */
}

static uint64_t sink_now(void *arg)
{
    return ((struct sink *)arg)->now_ns;
}

static void start(enum logger_level level, enum logger_format format, uint64_t node_id)
{
    memset(&sink, 0, sizeof sink);
    struct logger_sink to = { sink_write, sink_wall, sink_now, &sink };
    logger_init(&logger, level, format, node_id, &to);
}

static void test_text(void)
{
    start(LOGGER_INFO, LOGGER_FORMAT_TEXT, 3);
    logger_log(&logger, LOGGER_INFO, "leader elected", logger_u64("term", 7),
               logger_i64("delta", -5), logger_bool("own", true), logger_text("addr", "1.2.3.4:5"),
               logger_hex("key", "\x01\xfe", 2));
    CHECK(strcmp(sink.text,
                 "2025-07-20T08:26:40.123Z info  leader elected node_id=3 term=7 delta=-5 "
                 "own=true addr=1.2.3.4:5 key=01fe\n") == 0);
}

static void test_json(void)
{
    start(LOGGER_INFO, LOGGER_FORMAT_JSON, 3);
    logger_log(&logger, LOGGER_WARN, "peer \"refused\"",
               logger_text("why", "a\"b\\c\n\x01\xff\xc3\xa9"), logger_hex("key", "\x01", 1),
               logger_bool("ok", false), logger_err(ERR_IO));
    CHECK(strcmp(sink.text, "{\"time\":\"2025-07-20T08:26:40.123Z\",\"level\":\"warn\",\"event\":"
                            "\"peer \\\"refused\\\"\",\"node_id\":3,"
                            "\"why\":\"a\\\"b\\\\c\\n\\u0001\\ufffd\xc3\xa9\","
                            "\"key\":\"01\",\"ok\":false,\"error\":\"IO\"}\n") == 0);
}

static void test_bare(void)
{
    start(LOGGER_INFO, LOGGER_FORMAT_TEXT, 0);
    logger_log(&logger, LOGGER_INFO, "ready");
    CHECK(strcmp(sink.text, "2025-07-20T08:26:40.123Z info  ready\n") == 0);
}

static void test_escapes(void)
{
    start(LOGGER_INFO, LOGGER_FORMAT_TEXT, 0);
    logger_log(&logger, LOGGER_INFO, "e", logger_text("a", ""), logger_text("b", "x y"),
               logger_text("c", "k=v"), logger_text("d", "l1\nl2\x1b[31m"), logger_text("e", NULL));
    CHECK(strstr(sink.text, " e a=\"\" b=\"x y\" c=\"k=v\" d=\"l1\\nl2\\u001b[31m\" e=\"\"\n") !=
          NULL);
    CHECK_U64(sink.lines, 1);
}

static void test_level(void)
{
    start(LOGGER_WARN, LOGGER_FORMAT_TEXT, 0);
    logger_log(&logger, LOGGER_INFO, "quiet");
    logger_log(&logger, LOGGER_ERROR, "loud");
    CHECK_U64(sink.lines, 1);
    CHECK(strstr(sink.text, "error loud") != NULL);
}

static void test_long(void)
{
    static char big[10000];
    memset(big, '"', sizeof big - 1);
    for (int format = LOGGER_FORMAT_TEXT; format <= LOGGER_FORMAT_JSON; format++) {
        start(LOGGER_INFO, (enum logger_format)format, 1);
        logger_log(&logger, LOGGER_INFO, "big", logger_text("a", big), logger_text("b", big),
                   logger_u64("c", 5));
        CHECK_U64(sink.lines, 1);
        CHECK(sink.count <= LOGGER_LINE_BYTES_MAX);
        CHECK(sink.text[sink.count - 1] == '\n');
        CHECK(strstr(sink.text, format == LOGGER_FORMAT_JSON ? "\"c\":5,\"cut\":true}\n"
                                                             : " c=5 cut=true\n") != NULL);
    }
}

static void warn_times(uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        logger_log(&logger, LOGGER_WARN, "garbage packet");
    }
}

static void test_limit(void)
{
    start(LOGGER_INFO, LOGGER_FORMAT_TEXT, 0);
    warn_times(1000);
    CHECK_U64(sink.lines, LOGGER_BURST);
    logger_log(&logger, LOGGER_WARN, "another");
    CHECK_U64(sink.lines, LOGGER_BURST + 1);
    sink.now_ns = 1000000000;
    warn_times(1);
    CHECK_U64(sink.lines, LOGGER_BURST + 2);
    CHECK(strstr(sink.text, "garbage packet suppressed=990\n") != NULL);
    CHECK_U64(logger.suppressed_total, 990);
}

static void test_flush(void)
{
    start(LOGGER_INFO, LOGGER_FORMAT_TEXT, 0);
    warn_times(12);
    logger_flush(&logger);
    CHECK_U64(sink.lines, LOGGER_BURST);
    sink.now_ns = 1000000000;
    logger_flush(&logger);
    CHECK(strstr(sink.text, "garbage packet suppressed=2\n") != NULL);
    logger_flush(&logger);
    CHECK_U64(sink.lines, LOGGER_BURST + 1);
}

static void test_info_unlimited(void)
{
    start(LOGGER_INFO, LOGGER_FORMAT_TEXT, 0);
    for (int i = 0; i < 100; i++) {
        logger_log(&logger, LOGGER_INFO, "step");
    }
    CHECK_U64(sink.lines, 100);
}

static void test_many_events(void)
{
    start(LOGGER_INFO, LOGGER_FORMAT_TEXT, 0);
    warn_times(LOGGER_BURST + 3);
    for (int i = 0; i < 3 * LOGGER_WINDOWS; i++) {
        char name[32];
        snprintf(name, sizeof name, "event %d", i);
        sink.now_ns++;
        logger_log(&logger, LOGGER_WARN, name);
    }
    CHECK_U64(sink.lines, LOGGER_BURST + 3 * LOGGER_WINDOWS + 1);
    CHECK(strstr(sink.text, "garbage packet suppressed=3\n") != NULL);
}

static void test_names(void)
{
    enum logger_level level = LOGGER_ERROR;
    enum logger_format format = LOGGER_FORMAT_TEXT;
    CHECK(logger_level_parse(bytes_text("trace"), &level) == ERR_OK && level == LOGGER_TRACE);
    CHECK(logger_level_parse(bytes_text("TRACE"), &level) == ERR_MALFORMED);
    CHECK(logger_format_parse(bytes_text("json"), &format) == ERR_OK &&
          format == LOGGER_FORMAT_JSON);
    CHECK(logger_format_parse(bytes_text(""), &format) == ERR_MALFORMED);
}

int main(void)
{
    TAP_TEST("logger: a text line has time, level, event and fields", test_text);
    TAP_TEST("logger: a JSON line is one valid object", test_json);
    TAP_TEST("logger: an event may stand alone", test_bare);
    TAP_TEST("logger: values cannot break out of their line", test_escapes);
    TAP_TEST("logger: what is below the level is not written", test_level);
    TAP_TEST("logger: a line is bounded and says that it was cut", test_long);
    TAP_TEST("logger: repeated warnings are held back and counted", test_limit);
    TAP_TEST("logger: flush tells what was held back, once", test_flush);
    TAP_TEST("logger: information is never held back", test_info_unlimited);
    TAP_TEST("logger: many events do not lose a count", test_many_events);
    TAP_TEST("logger: level and format names", test_names);
    return tap_done();
}
