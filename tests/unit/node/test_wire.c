/* tests/unit/node/test_wire.c -- the bytes between nodes against the tables of docs/WIRE.md.
 *
 * Subject: raft/raft_codec.c, kv/command.c, node/call_codec.c, node/book.c, net/admit.c
 * Method:  a reader written from the tables alone takes apart what the codecs write, to the last
 *          byte, and a writer written from them makes what the codecs must read; numbers are
 *          seeded, small and large
 */
#include "base/blake3.h"
#include "base/prng.h"
#include "kv/command.h"
#include "net/admit.h"
#include "node/book.h"
#include "node/call_codec.h"
#include "raft/raft_codec.h"

#include "tap.h"

enum {
    ROUNDS = 2000,
    FRAME_MAX = 64 * 1024
};

static uint8_t frame[FRAME_MAX];
static struct prng prng;

/* ---- the tables, read by somebody who knows nothing else ---- */

struct eye {
    const uint8_t *at;
    const uint8_t *end;
    bool short_of;
};

static struct eye eye_of(const struct writer *w)
{
    struct eye e = { frame, frame + w->offset, w->bad };
    return e;
}

static uint64_t fixed(struct eye *e, unsigned count)
{
    uint64_t v = 0;
    for (unsigned i = 0; i < count; i++) { /* little-endian */
        e->short_of = e->short_of || e->at == e->end;
        v |= e->short_of ? 0 : (uint64_t)*e->at++ << (8 * i);
    }
    return v;
}

static uint64_t varint(struct eye *e)
{
    uint64_t v = 0;
    for (unsigned i = 0; i < 10; i++) { /* 7 bits a byte, low ones first, at most 10 bytes */
        uint64_t b = fixed(e, 1);
        v |= (b & 0x7F) << (7 * i);
        if (b < 0x80) {
            return v;
        }
    }
    e->short_of = true;
    return 0;
}

static const uint8_t *take(struct eye *e, uint64_t count)
{
    const uint8_t *p = e->at;
    e->short_of = e->short_of || count > (uint64_t)(e->end - e->at);
    e->at += e->short_of ? 0 : count;
    return p;
}

static void blob_is(struct eye *e, struct bytes want)
{
    uint64_t count = varint(e);
    const uint8_t *p = take(e, count);
    CHECK(!e->short_of && count == want.count && memcmp(p, want.data, count) == 0);
}

static void ends(const struct eye *e)
{
    CHECK(!e->short_of && e->at == e->end);
}

/* ---- and what they are held against ---- */

static uint64_t number(void)
{
    return prng_next(&prng) >> prng_below(&prng, 64);
}

static struct writer paper(void)
{
    return writer_of(frame, sizeof frame);
}

static void test_raft(void)
{
    static struct raft_entry entries[4];
    for (uint32_t round = 0; round < ROUNDS; round++) {
        struct raft_msg back;
        struct raft_msg m = { .type = (enum raft_msg_type)(1 + round % 13),
                              .reject = prng_below(&prng, 2) == 0,
                              .transfer = prng_below(&prng, 2) == 0,
                              .from = number(),
                              .to = number(),
                              .life = number(),
                              .term = number() >> 1,
                              .index = number() >> 2,
                              .log_term = number(),
                              .hint = number(),
                              .commit = number(),
                              .epoch = number(),
                              .read_seq = number(),
                              .sent_ns = number(),
                              .id = number() };
        uint64_t count = m.type == RAFT_MSG_APPEND ? prng_below(&prng, 5) : 0;
        count = m.type == RAFT_MSG_SNAPSHOT ? 1 : count;
        uint8_t data[40];
        prng_fill(&prng, data, sizeof data);
        m.first = m.index + 1;
        m.last = m.index + count;
        struct writer w = paper();
        raft_msg_encode(&m, &w);
        for (uint64_t i = 0; i < count; i++) {
            raft_entry_encode(i + 3, (uint8_t)(1 + i % 3), (uint32_t)(i * 10), &w);
            writer_put(&w, bytes_of(data, i * 10));
        }
        struct eye e = eye_of(&w);
        CHECK_U64(fixed(&e, 1), (uint64_t)m.type);
        CHECK_U64(fixed(&e, 1), (m.reject ? 1u : 0) + (m.transfer ? 2u : 0));
        CHECK(varint(&e) == m.from && varint(&e) == m.to);
        CHECK(varint(&e) == m.life && varint(&e) == m.term);
        CHECK(varint(&e) == m.index && varint(&e) == m.log_term && varint(&e) == m.hint);
        CHECK(varint(&e) == m.commit && varint(&e) == m.epoch && varint(&e) == m.read_seq);
        CHECK(varint(&e) == m.sent_ns && varint(&e) == m.id && varint(&e) == count);
        for (uint64_t i = 0; i < count; i++) {
            CHECK(varint(&e) == i + 3 && fixed(&e, 1) == 1 + i % 3);
            blob_is(&e, bytes_of(data, i * 10));
        }
        ends(&e);
        CHECK(raft_msg_decode(writer_bytes(&w), &back, entries, 4) == ERR_OK);
        CHECK(back.from == m.from && back.id == m.id && back.count == count &&
              back.reject == m.reject && back.transfer == m.transfer);
        writer_u8(&w, 0); /* bytes left over: dropped */
        CHECK(raft_msg_decode(writer_bytes(&w), &back, entries, 4) != ERR_OK);
        frame[round % 2] = round % 2 == 0 ? 14 : 4; /* an unknown type, an unknown flag: dropped */
        w.offset--;
        CHECK(raft_msg_decode(writer_bytes(&w), &back, entries, 4) != ERR_OK);
    }
}

static void ids_are(struct eye *e, const uint64_t *ids, uint64_t count)
{
    CHECK_U64(fixed(e, 1), count);
    for (uint64_t i = 0; i < count; i++) {
        CHECK_U64(varint(e), ids[i]);
    }
}

static void test_configuration(void)
{
    struct raft_conf back;
    struct bytes tail;
    struct raft_conf c = { .voter_count = 3,
                           .outgoing_count = 2,
                           .learner_count = 1,
                           .voter = { 1, 300, UINT64_MAX },
                           .outgoing = { 1, 7 },
                           .learner = { 9 } };
    struct writer w = paper();
    raft_conf_encode(&c, &w);
    writer_text(&w, "tail");
    struct eye e = eye_of(&w);
    CHECK(fixed(&e, 1) == 1 && fixed(&e, 1) == 0);
    ids_are(&e, c.voter, 3);
    ids_are(&e, c.outgoing, 2);
    ids_are(&e, c.learner, 1);
    CHECK(raft_conf_decode(writer_bytes(&w), &back, &tail) == ERR_OK);
    CHECK(tail.data == e.at && bytes_equal(tail, bytes_text("tail")));
}

/* Entries as docs/DISK.md tabulates them for the file `nodes`. */
static void test_members(void)
{
    static struct book b;
    static struct book back;
    struct node_key key = { { 1, 2, 3 } };
    struct os_addr addrs[2] = { { .family = 4, .ip = { 10, 0, 0, 2 }, .port = 4433 },
                                { .family = 6, .ip = { 0xFE, 0x80 }, .port = 1, .scope = 5 } };
    struct book_entry *entry = NULL;
    const uint64_t id = 300;
    book_init(&b);
    CHECK(book_learn(&b, id, &key, 77, &entry) == ERR_OK);
    book_addrs_set(&b, entry, addrs, 2, 78);
    book_texts_set(&b, entry, bytes_text("host:1"), bytes_text(""));
    struct writer w = paper();
    CHECK(book_tail_encode(&b, &id, 1, &w) == ERR_OK);
    struct eye e = eye_of(&w);
    CHECK(fixed(&e, 1) == 1 && varint(&e) == 1 && varint(&e) == id);
    CHECK(memcmp(take(&e, 32), key.b, 32) == 0 && varint(&e) == 2);
    CHECK(fixed(&e, 1) == 4 && memcmp(take(&e, 4), addrs[0].ip, 4) == 0);
    CHECK(fixed(&e, 2) == 4433 && fixed(&e, 4) == 0);
    CHECK(fixed(&e, 1) == 6 && memcmp(take(&e, 16), addrs[1].ip, 16) == 0);
    CHECK(fixed(&e, 2) == 1 && fixed(&e, 4) == 5);
    blob_is(&e, bytes_text("host:1"));
    blob_is(&e, bytes_text(""));
    fixed(&e, 8);
    ends(&e);
    book_init(&back);
    CHECK(book_tail_learn(&back, writer_bytes(&w), 1) == ERR_OK && back.count == 1);
}

static void test_command(void)
{
    struct command_op ops[KV_TXN_OPS_MAX];
    struct command back;
    const struct command_op list[] = {
        { COMMAND_PUT, bytes_text("a"), bytes_text("value"), INT64_MIN },
        { COMMAND_DELETE, bytes_text("bc"), { 0 }, 0 },
        { COMMAND_PUT, bytes_text("d"), bytes_text(""), 0 },
    };
    const struct command c = { UINT64_MAX, 258, 3, list };
    struct writer w = paper();
    command_encode(&c, &w);
    CHECK(w.offset <= command_bytes(&c));
    struct eye e = eye_of(&w);
    CHECK(fixed(&e, 1) == 1 && fixed(&e, 8) == c.client && fixed(&e, 8) == c.sequence);
    CHECK_U64(varint(&e), 3);
    for (uint32_t i = 0; i < 3; i++) {
        CHECK_U64(fixed(&e, 1), list[i].kind == COMMAND_PUT ? 1 : 2);
        blob_is(&e, list[i].key);
        if (list[i].kind == COMMAND_PUT) {
            blob_is(&e, list[i].value);
            CHECK_U64(fixed(&e, 8), (uint64_t)list[i].lease);
        }
    }
    ends(&e);
    CHECK(command_decode(writer_bytes(&w), &back, ops) == ERR_OK && back.count == 3);
    writer_u8(&w, 0);
    CHECK(command_decode(writer_bytes(&w), &back, ops) == ERR_MALFORMED);
}

static void test_write(void)
{
    for (uint32_t round = 0; round < ROUNDS; round++) {
        struct call_request back;
        enum frame_kind kind = round % 2 == 0 ? FRAME_WRITE : FRAME_CONTROL;
        struct call_request c = { kind, number(), number(), bytes_text("the command") };
        struct writer w = paper();
        call_request_encode(&c, &w);
        writer_put(&w, c.command);
        struct eye e = eye_of(&w);
        CHECK(fixed(&e, 1) == (round % 2 == 0 ? 2 : 4) && varint(&e) == c.ticket &&
              varint(&e) == c.timeout_ms);
        blob_is(&e, c.command);
        ends(&e);
        CHECK(call_request_decode(writer_bytes(&w), &back) == ERR_OK && back.ticket == c.ticket &&
              back.timeout_ms == c.timeout_ms && bytes_equal(back.command, c.command));
    }
}

static void test_life(void)
{
    for (int round = 0; round < ROUNDS; round++) {
        struct call_life l = { .life = number(), .last = number(), .question = number() };
        struct call_life back;
        l.origin.decided = round % 2 != 0;
        uint64_t id = number() | 1;
        memcpy(l.origin.cluster.b, &id, sizeof id);
        struct writer w = paper();
        call_life_encode(&l, &w);
        struct eye e = eye_of(&w);
        CHECK(fixed(&e, 1) == 8 && fixed(&e, 8) == l.life);
        CHECK(fixed(&e, 1) == (l.origin.decided ? 1 : 0));
        CHECK(fixed(&e, 8) == id && fixed(&e, 8) == 0);
        CHECK(fixed(&e, 8) == l.last && fixed(&e, 8) == l.question);
        ends(&e);
        struct bytes whole = writer_bytes(&w);
        CHECK(call_life_decode(whole, &back) == ERR_OK && back.life == l.life);
        CHECK(back.last == l.last && back.question == l.question);
        CHECK(back.origin.decided == l.origin.decided &&
              memcmp(&back.origin.cluster, &l.origin.cluster, CLUSTER_ID_BYTES) == 0);
        for (size_t n = 0; n < whole.count; n++) {
            CHECK(call_life_decode(bytes_of(whole.data, n), &back) == ERR_MALFORMED);
        }
        CHECK(call_life_decode(bytes_of(whole.data, whole.count + 1), &back) == ERR_MALFORMED);
        frame[9] = 2; /* no such flag */
        CHECK(call_life_decode(whole, &back) == ERR_MALFORMED);
        frame[9] = 1;
        memset(&frame[10], 0, CLUSTER_ID_BYTES); /* decided, and of none */
        CHECK(call_life_decode(whole, &back) == ERR_MALFORMED);
        frame[9] = 0;
        CHECK(call_life_decode(whole, &back) == ERR_OK && !origin_known(&back.origin));
        frame[0] = 7;
        CHECK(call_life_decode(whole, &back) == ERR_MALFORMED);
    }
}

static void test_life_ask(void)
{
    for (int round = 0; round < ROUNDS; round++) {
        uint64_t question = number() | 1;
        uint64_t back = 0;
        struct writer w = paper();
        call_life_ask_encode(question, &w);
        struct eye e = eye_of(&w);
        CHECK(fixed(&e, 1) == 9 && fixed(&e, 8) == question);
        ends(&e);
        struct bytes whole = writer_bytes(&w);
        CHECK(call_life_ask_decode(whole, &back) == ERR_OK && back == question);
        for (size_t n = 0; n < whole.count; n++) {
            CHECK(call_life_ask_decode(bytes_of(whole.data, n), &back) == ERR_MALFORMED);
        }
        CHECK(call_life_ask_decode(bytes_of(whole.data, whole.count + 1), &back) == ERR_MALFORMED);
        frame[0] = 8;
        CHECK(call_life_ask_decode(whole, &back) == ERR_MALFORMED);
        frame[0] = 9;
        memset(&frame[1], 0, sizeof question);
        CHECK(call_life_ask_decode(whole, &back) == ERR_MALFORMED);
    }
}

static void test_answer(void)
{
    for (int code = 0; code < err_count(); code++) {
        struct call_answer back;
        struct call_answer a = { .ticket = number(),
                                 .code = (enum err)code,
                                 .revision = (int64_t)number(),
                                 .term = number(),
                                 .node = number(),
                                 .leader_hint = number(),
                                 .detail = bytes_text("why"),
                                 .members = bytes_text("who") };
        struct writer w = paper();
        call_answer_encode(&a, &w);
        writer_put(&w, a.members);
        struct eye e = eye_of(&w);
        CHECK(fixed(&e, 1) == 3 && varint(&e) == a.ticket);
        blob_is(&e, bytes_text(err_name((enum err)code)));
        CHECK(fixed(&e, 8) == (uint64_t)a.revision && varint(&e) == a.term);
        CHECK(varint(&e) == a.node && varint(&e) == a.leader_hint);
        blob_is(&e, a.detail);
        blob_is(&e, a.members);
        ends(&e);
        CHECK(call_answer_decode(writer_bytes(&w), &back) == ERR_OK && back.code == a.code);
    }
}

/* A code of another version: nothing is known of what was done. */
static void test_answer_novel(void)
{
    struct call_answer a;
    static const uint8_t good[] = { 3, 5, 7, 'N', 'O', 'V', 'E', 'L', 'T', 'Y', 0, 0,
                                    0, 0, 0, 0,   0,   0,   2,   1,   1,   0,   0 };
    CHECK(call_answer_decode(bytes_of(good, sizeof good - 1), &a) == ERR_MALFORMED);
    CHECK(call_answer_decode(bytes_of(good, sizeof good), &a) == ERR_OK);
    CHECK(a.code == ERR_OUTCOME_UNKNOWN);
}

static void test_hello(void)
{
    struct admit_session s;
    struct admit_hello hello = { 0x0102030405060708, 300, UINT64_MAX, { 1, 2, 3, 255 } };
    struct admit_hello back;
    uint8_t key[32];
    uint8_t proof[32];
    uint8_t id[8];
    struct blake3 h;
    prng_fill(&prng, &s, sizeof s);
    blake3_init_derive(&h, "aspen 2026 admission proof v1");
    blake3_update(&h, "the cookie", 10);
    blake3_final(&h, key, sizeof key);
    for (uint8_t role = 1; role <= 2; role++) {
        uint8_t made[32];
        admit_key(bytes_text("the cookie"), made);
        admit_encode(made, &s, (enum admit_role)role, &hello, frame);
        struct eye e = { frame, frame + 72, false };
        CHECK(fixed(&e, 8) == hello.instance && fixed(&e, 8) == hello.attempt &&
              fixed(&e, 8) == hello.last);
        CHECK(memcmp(take(&e, 16), hello.reset, 16) == 0);
        blake3_init_keyed(&h, key);
        blake3_update(&h, s.exporter, 32);
        blake3_update(&h, s.client.b, 32);
        blake3_update(&h, s.server.b, 32);
        blake3_update(&h, &role, 1);
        blake3_update(&h, frame, 40);
        blake3_final(&h, proof, sizeof proof);
        CHECK(memcmp(take(&e, 32), proof, 32) == 0);
        ends(&e);
        CHECK(admit_check(key, &s, (enum admit_role)role, frame, &back) == ERR_OK);
        CHECK(admit_check(key, &s, (enum admit_role)(3 - role), frame, &back) != ERR_OK);
    }
    for (unsigned i = 0; i < 8; i++) {
        id[i] = (uint8_t)(admit_id(&s) >> (8 * i));
    }
    CHECK(memcmp(id, s.exporter + 32, 8) == 0);
}

int main(void)
{
    prng_seed(&prng, 1);
    TAP_TEST("wire: messages of consensus are as tabulated", test_raft);
    TAP_TEST("wire: configurations are as tabulated", test_configuration);
    TAP_TEST("wire: the members behind a configuration are as tabulated", test_members);
    TAP_TEST("wire: commands are as tabulated", test_command);
    TAP_TEST("wire: forwarded writes are as tabulated", test_write);
    TAP_TEST("wire: answers are as tabulated", test_answer);
    TAP_TEST("wire: the incarnation of who connected", test_life);
    TAP_TEST("wire: a question for it", test_life_ask);
    TAP_TEST("wire: an answer of an unknown name leaves the outcome open", test_answer_novel);
    TAP_TEST("wire: the hello and its proof are as tabulated", test_hello);
    return tap_done();
}
