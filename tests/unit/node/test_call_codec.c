/* tests/unit/node/test_call_codec.c -- Subject: forwarded writes and their answers, as bytes.
 * Method: what is encoded comes back; cut at any byte, or with one more, it is refused. */
#include "tap.h"

#include "node/call_codec.h"

static struct bytes write_frame(uint8_t *room, size_t bytes)
{
    struct call_request c = {
        .kind = FRAME_WRITE, .ticket = 300, .timeout_ms = 70000, .command = bytes_text("command")
    };
    struct writer w = writer_of(room, bytes);
    call_request_encode(&c, &w);
    writer_put(&w, c.command);
    CHECK(!w.bad);
    return writer_bytes(&w);
}

static struct bytes answer_frame(uint8_t *room, size_t bytes)
{
    struct call_answer a = { .ticket = 300,
                             .code = ERR_NOT_LEADER,
                             .revision = 1ll << 40,
                             .term = 500,
                             .node = 3,
                             .leader_hint = 4,
                             .detail = bytes_text("why"),
                             .members = bytes_text("who") };
    struct writer w = writer_of(room, bytes);
    call_answer_encode(&a, &w);
    writer_put(&w, a.members);
    CHECK(!w.bad);
    return writer_bytes(&w);
}

static void writes(void)
{
    uint8_t room[128];
    struct call_request c;
    struct bytes b = write_frame(room, sizeof room);
    CHECK(call_request_decode(b, &c) == ERR_OK);
    CHECK(c.ticket == 300 && c.timeout_ms == 70000 &&
          bytes_equal(c.command, bytes_text("command")));
    for (size_t n = 0; n < b.count; n++) {
        CHECK(call_request_decode(bytes_of(b.data, n), &c) == ERR_MALFORMED);
    }
    room[b.count] = 0;
    CHECK(call_request_decode(bytes_of(b.data, b.count + 1), &c) == ERR_MALFORMED);
    room[0] = FRAME_ANSWER;
    CHECK(call_request_decode(b, &c) == ERR_MALFORMED);
}

static void answers(void)
{
    uint8_t room[128];
    struct call_answer a;
    struct bytes b = answer_frame(room, sizeof room);
    CHECK(call_answer_decode(b, &a) == ERR_OK);
    CHECK(a.ticket == 300 && a.code == ERR_NOT_LEADER && a.revision == 1ll << 40);
    CHECK(a.term == 500 && a.node == 3 && a.leader_hint == 4);
    CHECK(bytes_equal(a.detail, bytes_text("why")) && bytes_equal(a.members, bytes_text("who")));
    for (size_t n = 0; n < b.count; n++) {
        CHECK(call_answer_decode(bytes_of(b.data, n), &a) == ERR_MALFORMED);
    }
    room[b.count] = 0;
    CHECK(call_answer_decode(bytes_of(b.data, b.count + 1), &a) == ERR_MALFORMED);
    room[0] = FRAME_WRITE;
    CHECK(call_answer_decode(b, &a) == ERR_MALFORMED);
}

/* The bytes themselves: another version must read the same. */
static void layout(void)
{
    static const uint8_t expected[] = {
        FRAME_ANSWER, 5, 4, 'n', 'o', 'p', 'e', 1, 2, 0, 0, 0, 0, 0, 0, 7, 8, 9, 0, 0
    };
    uint8_t known[128];
    struct call_answer a;
    CHECK(call_answer_decode(bytes_of(expected, sizeof expected), &a) == ERR_OK);
    CHECK(a.code == ERR_OUTCOME_UNKNOWN); /* a name that is not known here */
    CHECK(a.ticket == 5 && a.revision == 513 && a.term == 7 && a.node == 8 && a.leader_hint == 9);
    a.code = ERR_OK;
    struct writer w = writer_of(known, sizeof known);
    call_answer_encode(&a, &w);
    size_t name = strlen(err_name(ERR_OK));
    CHECK_U64(w.offset, sizeof expected - 4 + name);
    CHECK(memcmp(known + 3 + name, expected + 7, sizeof expected - 7) == 0);
}

int main(void)
{
    TAP_TEST("call: a forwarded write comes back as it was, or not at all", writes);
    TAP_TEST("call: an answer comes back as it was, or not at all", answers);
    TAP_TEST("call: the fields of an answer lie where docs/WIRE.md says", layout);
    return tap_done();
}
