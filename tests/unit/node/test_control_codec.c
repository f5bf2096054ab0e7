/* tests/unit/node/test_control_codec.c -- Subject: changes of the cluster and lists of members, as
 * bytes. Method: what is encoded comes back; cut at any byte, or with one more, it is refused.
 */
#include "tap.h"

#include "node/control_codec.h"

static struct bytes encoded(const struct control *c, uint8_t *room)
{
    struct writer w = writer_of(room, CONTROL_BYTES_MAX + 1);
    control_encode(c, &w);
    CHECK(!w.bad);
    return writer_bytes(&w);
}

static void changes(void)
{
    static uint8_t room[CONTROL_BYTES_MAX + 1];
    struct control c = { .kind = CONTROL_ADD_LEARNER,
                         .expect = 1ull << 50,
                         .id_count = 3,
                         .id = { 1, 300, UINT64_MAX },
                         .addr = bytes_text("10.0.0.1:1"),
                         .raft_addr = bytes_text(""),
                         .tail = bytes_text("tail") };
    struct control out;
    struct bytes b = encoded(&c, room);
    CHECK(control_decode(b, &out) == ERR_OK);
    CHECK(out.kind == c.kind && out.expect == c.expect && out.id_count == 3);
    CHECK(out.id[1] == 300 && out.id[2] == UINT64_MAX);
    CHECK(bytes_equal(out.addr, c.addr) && out.raft_addr.count == 0 &&
          bytes_equal(out.tail, c.tail));
    for (size_t n = 0; n < b.count; n++) {
        CHECK(control_decode(bytes_of(b.data, n), &out) == ERR_MALFORMED);
    }
    room[b.count] = 0;
    CHECK(control_decode(bytes_of(b.data, b.count + 1), &out) == ERR_MALFORMED);
}

/* As one more bit of the kind: without it the bytes are what they were, and who does not know it
 * refuses the change instead of doing another one. */
static void keeping(void)
{
    static uint8_t room[CONTROL_BYTES_MAX + 1];
    struct control c = { .kind = CONTROL_CHANGE_MEMBERSHIP, .id_count = 1, .id = { 1 } };
    struct control out;
    struct bytes b = encoded(&c, room);
    CHECK(room[0] == CONTROL_CHANGE_MEMBERSHIP);
    CHECK(control_decode(b, &out) == ERR_OK && !out.keep_rejoining);
    c.keep_rejoining = true;
    b = encoded(&c, room);
    CHECK(room[0] == (0x80 | CONTROL_CHANGE_MEMBERSHIP));
    CHECK(control_decode(b, &out) == ERR_OK);
    CHECK(out.keep_rejoining && out.kind == CONTROL_CHANGE_MEMBERSHIP && out.id[0] == 1);
    for (uint8_t kind = 0; kind < 0x80; kind++) { /* of no other kind */
        room[0] = 0x80 | kind;
        CHECK((control_decode(b, &out) == ERR_OK) == (kind == CONTROL_CHANGE_MEMBERSHIP));
    }
}

static void nonsense(void)
{
    static uint8_t room[CONTROL_BYTES_MAX + 1];
    struct control c = { .kind = CONTROL_CHANGE_MEMBERSHIP, .id_count = 1, .id = { 1 } };
    struct control out;
    struct bytes b = encoded(&c, room);
    room[0] = 0;
    CHECK(control_decode(b, &out) == ERR_MALFORMED);
    room[0] = CONTROL_KIND_COUNT;
    CHECK(control_decode(b, &out) == ERR_MALFORMED);
    c.id[0] = 0; /* nobody has this number */
    CHECK(control_decode(encoded(&c, room), &out) == ERR_MALFORMED);
    c.id_count = 0; /* nobody at all */
    CHECK(control_decode(encoded(&c, room), &out) == ERR_MALFORMED);
    c.kind = CONTROL_TRANSFER;
    CHECK(control_decode(encoded(&c, room), &out) == ERR_OK);
    static const uint8_t many[] = {
        CONTROL_CHANGE_MEMBERSHIP, 0, SERVICE_MEMBERS_MAX + 1, 1, 1, 1
    };
    CHECK(control_decode(bytes_of(many, sizeof many), &out) == ERR_MALFORMED);
}

static void largest(void)
{
    static uint8_t room[CONTROL_BYTES_MAX + 1];
    static uint8_t tail[CONTROL_TAIL_BYTES_MAX];
    static char addr[NODE_ADDR_BYTES_MAX];
    struct control out;
    memset(addr, 'a', sizeof addr - 1);
    struct control c = { .kind = CONTROL_CHANGE_MEMBERSHIP,
                         .expect = UINT64_MAX,
                         .id_count = SERVICE_MEMBERS_MAX,
                         .addr = bytes_text(addr),
                         .raft_addr = bytes_text(addr),
                         .tail = bytes_of(tail, sizeof tail) };
    for (uint32_t i = 0; i < SERVICE_MEMBERS_MAX; i++) {
        c.id[i] = UINT64_MAX - i;
    }
    struct bytes b = encoded(&c, room);
    CHECK(b.count <= CONTROL_BYTES_MAX);
    CHECK(control_decode(b, &out) == ERR_OK);
    static struct service_members m;
    static struct service_members back;
    static uint8_t list[CONTROL_MEMBERS_BYTES_MAX];
    struct writer w = writer_of(list, sizeof list);
    m.index = UINT64_MAX;
    m.count = SERVICE_MEMBERS_MAX;
    for (uint32_t i = 0; i < m.count; i++) {
        m.member[i].id = UINT64_MAX - i;
        m.member[i].voter = i % 2 == 0;
        memcpy(m.member[i].addr, addr, sizeof addr);
        memcpy(m.member[i].raft_addr, addr, sizeof addr);
    }
    control_members_encode(&m, &w);
    CHECK(!w.bad);
    CHECK(control_members_decode(writer_bytes(&w), &back) == ERR_OK);
    CHECK(memcmp(&m, &back, sizeof m) == 0);
    for (size_t n = 0; n < w.offset; n += 7) {
        CHECK(control_members_decode(bytes_of(list, n), &back) == ERR_MALFORMED);
    }
    list[10] = SERVICE_MEMBERS_MAX + 1; /* the count, behind the longest index */
    CHECK(control_members_decode(writer_bytes(&w), &back) == ERR_MALFORMED);
}

int main(void)
{
    TAP_TEST("control codec: a change comes back as it was", changes);
    TAP_TEST("control codec: that learners stay on their way back goes with the kind", keeping);
    TAP_TEST("control codec: what makes no sense is refused", nonsense);
    TAP_TEST("control codec: the largest fits its bound", largest);
    return tap_done();
}
