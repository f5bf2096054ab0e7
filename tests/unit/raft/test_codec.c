/* tests/unit/raft/test_codec.c -- Subject: bytes of messages and configurations. Method: what is
 * encoded comes back; what is cut, longer, or says too much is refused. */
#include "tap.h"

#include "raft/raft_codec.h"

enum {
    ENTRIES = 3
};

static struct raft_entry entries[ENTRIES];

static enum err decode(struct bytes b, struct raft_msg *out)
{
    return raft_msg_decode(b, out, entries, ENTRIES);
}

/* An append of some entries of one byte. */
static struct bytes append(uint8_t *room, size_t bytes, uint32_t count)
{
    struct raft_msg m = { .type = RAFT_MSG_APPEND, .from = 1, .to = 2, .term = 9, .index = 300 };
    struct writer w = writer_of(room, bytes);
    m.life = UINT64_MAX;
    m.log_term = 8;
    m.hint = 7;
    m.commit = 299;
    m.epoch = 5;
    m.read_seq = 4;
    m.id = 3;
    m.first = 301;
    m.last = 300 + count;
    raft_msg_encode(&m, &w);
    for (uint32_t i = 0; i < count; i++) {
        raft_entry_encode(9, RAFT_ENTRY_COMMAND, 1, &w);
        writer_u8(&w, (uint8_t)('a' + i));
    }
    CHECK(!w.bad);
    return writer_bytes(&w);
}

static void there_and_back(void)
{
    uint8_t room[256];
    struct raft_msg m;
    CHECK(decode(append(room, sizeof room, ENTRIES), &m) == ERR_OK);
    CHECK(m.type == RAFT_MSG_APPEND && m.from == 1 && m.to == 2 && m.term == 9);
    CHECK_U64(m.life, UINT64_MAX);
    CHECK(m.index == 300 && m.log_term == 8 && m.hint == 7 && m.commit == 299);
    CHECK(m.epoch == 5 && m.read_seq == 4 && m.id == 3 && !m.reject && !m.transfer);
    CHECK(m.count == ENTRIES && m.first == 301 && m.last == 303);
    CHECK(m.entries[2].term == 9 && m.entries[2].size == 1 && m.entries[2].data[0] == 'c');
}

static void cut_or_longer(void)
{
    uint8_t room[256];
    struct raft_msg m;
    struct bytes b = append(room, sizeof room, 1);
    for (size_t n = 0; n < b.count; n++) {
        CHECK(decode(bytes_of(b.data, n), &m) == ERR_MALFORMED);
    }
    room[b.count] = 0;
    CHECK(decode(bytes_of(b.data, b.count + 1), &m) == ERR_MALFORMED);
}

static void too_much(void)
{
    uint8_t room[256];
    struct raft_msg m;
    CHECK(decode(append(room, sizeof room, ENTRIES + 1), &m) == ERR_TOO_MANY_OPS);
    struct bytes b = append(room, sizeof room, 0);
    CHECK(decode(b, &m) == ERR_OK);
    room[0] = RAFT_MSG_TYPE_COUNT;
    CHECK(decode(b, &m) == ERR_MALFORMED);
    room[0] = RAFT_MSG_VOTE;
    room[1] = 0x80; /* a flag that nobody knows */
    CHECK(decode(b, &m) == ERR_MALFORMED);
    b = append(room, sizeof room, 1);
    room[0] = RAFT_MSG_HEARTBEAT; /* entries where none can be */
    CHECK(decode(b, &m) == ERR_MALFORMED);
}

static enum err conf_again(const struct raft_conf *c, struct raft_conf *out)
{
    uint8_t room[RAFT_CONF_BYTES_MAX];
    struct writer w = writer_of(room, sizeof room);
    struct bytes tail;
    raft_conf_encode(c, &w);
    CHECK(!w.bad);
    return raft_conf_decode(writer_bytes(&w), out, &tail);
}

static void configurations(void)
{
    struct raft_conf c = { .voter_count = 3, .outgoing_count = 2, .learner_count = 1 };
    struct raft_conf out;
    uint64_t ids[] = { 1, 2, 3 };
    memcpy(c.voter, ids, sizeof ids);
    c.outgoing[0] = 3;
    c.outgoing[1] = 4;
    c.learner[0] = 5;
    CHECK(conf_again(&c, &out) == ERR_OK);
    CHECK(out.voter_count == 3 && out.voter[2] == 3 && out.outgoing[1] == 4 && out.learner[0] == 5);
    for (uint8_t i = 0; i < 3; i++) { /* nobody has two voices, wherever the second one stands */
        for (uint8_t k = 0; k < i; k++) {
            struct raft_conf twice = c;
            twice.voter[i] = twice.voter[k];
            CHECK(conf_again(&twice, &out) == ERR_MALFORMED);
        }
    }
    struct raft_conf demoted = c; /* a voter that is to be a learner stands in both */
    demoted.learner[0] = 4;
    CHECK(conf_again(&demoted, &out) == ERR_OK);
    CHECK(raft_conf_is_voter(&out, 4) && !raft_conf_is_learner(&out, 4));
    demoted.manual = true;
    CHECK(conf_again(&demoted, &out) == ERR_OK && out.manual);
    demoted.outgoing_count = 0; /* nothing to leave */
    CHECK(conf_again(&demoted, &out) == ERR_MALFORMED);
    struct raft_conf bad = c;
    bad.learner[0] = 2;
    CHECK(conf_again(&bad, &out) == ERR_MALFORMED);
    bad = c;
    bad.voter[1] = 0;
    CHECK(conf_again(&bad, &out) == ERR_MALFORMED);
    bad = c;
    bad.voter_count = 0;
    CHECK(conf_again(&bad, &out) == ERR_MALFORMED);
}

/* With lives or without: one form each, and the largest fits. */
static void lives(void)
{
    struct raft_conf c = { .voter_count = 2, .voter = { 1, 2 }, .voter_life = { 0, UINT64_MAX } };
    struct raft_conf out;
    uint8_t room[RAFT_CONF_BYTES_MAX];
    c.outgoing_count = 1;
    c.outgoing[0] = 3;
    c.outgoing_life[0] = 30;
    c.learner_count = 1;
    c.learner[0] = 3;
    c.learner_was[0] = 30;
    CHECK(conf_again(&c, &out) == ERR_OK);
    CHECK(out.voter_life[0] == 0 && out.voter_life[1] == UINT64_MAX && out.outgoing_life[0] == 30);
    CHECK(out.learner_was[0] == 30);
    struct writer w = writer_of(room, sizeof room);
    raft_conf_encode(&c, &w);
    CHECK(room[0] == 2);
    memset(c.voter_life, 0, sizeof c.voter_life);
    c.outgoing_life[0] = 0;
    c.learner_was[0] = 0;
    w = writer_of(room, sizeof room);
    raft_conf_encode(&c, &w);
    CHECK(room[0] == 1);
    const uint8_t none[] = { 2, 0, 1, 1, 0, 0, 0 }; /* lives that nobody has */
    CHECK(raft_conf_decode(bytes_of(none, sizeof none), &out, NULL) == ERR_MALFORMED);
    const uint8_t newer[] = { 3, 0, 1, 1, 0, 0 };
    CHECK(raft_conf_decode(bytes_of(newer, sizeof newer), &out, NULL) == ERR_MALFORMED);
    struct raft_conf full = { .voter_count = RAFT_VOTERS_MAX };
    full.outgoing_count = RAFT_VOTERS_MAX;
    full.learner_count = RAFT_LEARNERS_MAX;
    for (uint8_t i = 0; i < RAFT_VOTERS_MAX; i++) {
        full.voter[i] = UINT64_MAX - i;
        full.outgoing[i] = full.voter[i];
        full.learner[i] = UINT64_MAX / 2 - i;
        full.voter_life[i] = full.outgoing_life[i] = full.learner_was[i] = UINT64_MAX;
    }
    CHECK(conf_again(&full, &out) == ERR_OK && out.learner_was[15] == UINT64_MAX);
}

int main(void)
{
    TAP_TEST("codec: a message comes back as it was", there_and_back);
    TAP_TEST("codec: a configuration with lives, and without", lives);
    TAP_TEST("codec: a message that was cut or continued is refused", cut_or_longer);
    TAP_TEST("codec: a message that says too much is refused", too_much);
    TAP_TEST("codec: a configuration names everybody once", configurations);
    return tap_done();
}
