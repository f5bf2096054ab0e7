/* tests/unit/net/test_sendq.c -- the send queue of a stream.
 *
 * Subject: net/sendq.c
 * Method:  a model that holds every byte ever appended, against peeks at each step
 */
#include "base/prng.h"
#include "net/sendq.h"

#include "tap.h"

enum {
    MODEL_BYTES = 4 * 1024 * 1024
};

struct model {
    struct mem mem;
    struct sendq q;
    uint8_t *bytes;
};

static void model_open(struct model *m)
{
    mem_init(&m->mem, "sendq", 64u << 20);
    sendq_init(&m->q);
    m->bytes = malloc(MODEL_BYTES);
    CHECK(m->bytes != NULL);
    for (size_t i = 0; i < MODEL_BYTES; i++) {
        m->bytes[i] = (uint8_t)(i * 7 + i / 251);
    }
}

static void model_close(struct model *m)
{
    sendq_done(&m->q, &m->mem);
    free(m->bytes);
    CHECK_U64(m->mem.used, 0);
}

static void model_append(struct model *m, size_t count)
{
    struct bytes parts[2] = { bytes_of(m->bytes + m->q.end, count / 3),
                              bytes_of(m->bytes + m->q.end + count / 3, count - count / 3) };
    uint64_t end = m->q.end;
    CHECK(sendq_append(&m->q, &m->mem, parts, 2) == ERR_OK);
    CHECK_U64(m->q.end, end + count);
}

/* Send at most count bytes after comparing them. */
static void model_send(struct model *m, size_t count)
{
    struct bytes views[4];
    uint32_t n = sendq_peek(&m->q, views, 4);
    size_t sent = 0;
    for (uint32_t i = 0; i < n && sent < count; i++) {
        size_t here = views[i].count < count - sent ? views[i].count : count - sent;
        CHECK(here > 0);
        CHECK(memcmp(views[i].data, m->bytes + m->q.sent + sent, here) == 0);
        sent += here;
    }
    sendq_sent(&m->q, sent);
}

static void test_order(void)
{
    struct model m;
    model_open(&m);
    model_append(&m, 10);
    model_append(&m, SENDQ_CHUNK_BYTES);
    while (sendq_unsent(&m.q) > 0) {
        model_send(&m, 100);
    }
    CHECK_U64(m.q.sent, 10 + SENDQ_CHUNK_BYTES);
    model_close(&m);
}

static void test_freed(void)
{
    struct model m;
    model_open(&m);
    model_append(&m, 1000 * 1000);
    while (sendq_unsent(&m.q) > 0) {
        model_send(&m, MODEL_BYTES);
    }
    sendq_acked(&m.q, &m.mem, m.q.end);
    CHECK(m.mem.used < 2 * SENDQ_CHUNK_BYTES);
    model_close(&m);
}

/* What may have to be sent again stays, to the last byte. */
static void test_last_byte(void)
{
    struct model m;
    struct bytes view;
    model_open(&m);
    model_append(&m, SENDQ_CHUNK_BYTES);
    model_append(&m, SENDQ_CHUNK_BYTES);
    CHECK_U64(sendq_peek(&m.q, &view, 1), 1);
    while (sendq_unsent(&m.q) > 0) {
        model_send(&m, MODEL_BYTES);
    }
    uint64_t used = m.mem.used;
    CHECK(view.count > 1 && view.count < m.q.end);
    sendq_acked(&m.q, &m.mem, view.count - 1);
    CHECK_U64(m.mem.used, used);
    sendq_acked(&m.q, &m.mem, view.count);
    CHECK(m.mem.used < used);
    model_close(&m);
}

/* A large last chunk is not kept when everything arrived: the next frame begins anew. */
static void test_begins_anew(void)
{
    struct model m;
    model_open(&m);
    for (int i = 0; i < 3; i++) {
        model_append(&m, SENDQ_CHUNK_BYTES_MAX);
        CHECK(m.mem.used > SENDQ_CHUNK_BYTES_MAX);
        model_send(&m, MODEL_BYTES);
        CHECK_U64(sendq_unsent(&m.q), 0);
        sendq_acked(&m.q, &m.mem, m.q.end);
        CHECK_U64(m.mem.used, 0);
    }
    model_close(&m);
}

static void test_stays(void)
{
    struct model m;
    struct bytes view;
    model_open(&m);
    model_append(&m, 100);
    CHECK_U64(sendq_peek(&m.q, &view, 1), 1);
    sendq_sent(&m.q, 100);
    for (int i = 0; i < 50; i++) {
        model_append(&m, 5000);
    }
    CHECK(memcmp(view.data, m.bytes, 100) == 0);
    model_close(&m);
}

static void test_all_or_nothing(void)
{
    struct model m;
    model_open(&m);
    model_append(&m, 10);
    m.mem.limit = m.mem.used + SENDQ_CHUNK_BYTES_MAX + 1000;
    size_t used = m.mem.used;
    struct bytes part = bytes_of(m.bytes, 1000 * 1000);
    CHECK(sendq_append(&m.q, &m.mem, &part, 1) == ERR_NO_MEMORY);
    CHECK_U64(m.q.end, 10);
    CHECK_U64(m.mem.used, used);
    model_append(&m, 10);
    model_send(&m, 20);
    CHECK_U64(sendq_unsent(&m.q), 0);
    model_close(&m);
}

static void test_random(void)
{
    struct prng p;
    for (uint64_t seed = 0; seed < 40; seed++) {
        struct model m;
        model_open(&m);
        prng_seed(&p, seed);
        while (m.q.end + 70000 < MODEL_BYTES / 2) {
            size_t size = prng_below(&p, 4) == 0 ? prng_below(&p, 60000) : prng_below(&p, 300);
            model_append(&m, 3 + size);
            model_send(&m, prng_below(&p, 50000));
            sendq_acked(&m.q, &m.mem, m.q.acked + prng_below(&p, m.q.sent - m.q.acked + 1));
        }
        while (sendq_unsent(&m.q) > 0) {
            model_send(&m, MODEL_BYTES);
        }
        sendq_acked(&m.q, &m.mem, m.q.end);
        model_close(&m);
    }
}

int main(void)
{
    TAP_TEST("sendq: bytes leave in the order they came", test_order);
    TAP_TEST("sendq: acknowledged memory comes back", test_freed);
    TAP_TEST("sendq: ... and not before its last byte is", test_last_byte);
    TAP_TEST("sendq: behind a large chunk that was freed it begins anew", test_begins_anew);
    TAP_TEST("sendq: bytes stay where they are until acknowledged", test_stays);
    TAP_TEST("sendq: an append that does not fit queues nothing", test_all_or_nothing);
    TAP_TEST("sendq: random appends, sends and acknowledgements agree with a model", test_random);
    return tap_done();
}
