/* tests/unit/node/test_sender.c -- Subject: whose number a Raft message may bear. Method: the parts
 * of one node on a played machine, that hears messages in many names. */
#include "driver.h"

static char line[4096];

/* Node 1 hears this key in the name of that number. */
static void hears(const struct node_key *key, uint64_t from)
{
    const struct raft_msg m = {
        .type = RAFT_MSG_HEARTBEAT, .from = from, .to = 1, .term = 3, .epoch = 1
    };
    const struct origin unsaid = { 0 };
    uint8_t frame[FRAME_RAFT_HEAD_BYTES + RAFT_MSG_BYTES_MAX];
    struct writer w = writer_of(frame, sizeof frame);
    writer_u8(&w, FRAME_RAFT);
    origin_encode(&unsaid, &w);
    raft_msg_encode(&m, &w);
    line[0] = '\0';
    mesh_handler.frame(&t.n, key, 7, LINK_CONTROL, writer_bytes(&w));
}

static bool refused(const char *why)
{
    return strstr(line, "raft message refused") != NULL && strstr(line, why) != NULL &&
           strstr(line, "error=OK") == NULL;
}

/* Whoever reads the log has to know which of the two nodes is the wrong one. */
static void why_refused(void)
{
    const struct node_key key_3 = { { 3 } };
    const struct node_key stranger = { { 8 } };
    const uint8_t nothing[] = { FRAME_RAFT };
    struct raft_status s;
    begin(1);
    t.n.received = mem_take(&t.n.mem, RAFT_APPEND_ENTRIES_MAX * sizeof *t.n.received);
    t.logger.level = LOGGER_WARN;
    keep_lines(line);
    hears(&key_2, 2);
    CHECK(line[0] == '\0');
    hears(&key_3, 2);
    CHECK(refused("another node's number") && refused("from=2"));
    hears(&key_3, 4);
    CHECK(refused("not bear the number that it has had") && refused("from=4"));
    hears(&key_3, 1);
    CHECK(refused("this node's own number") && refused("from=1"));
    hears(&stranger, 8);
    CHECK(refused("no place in the book") && refused("from=8"));
    line[0] = '\0';
    mesh_handler.frame(&t.n, &key_2, 7, LINK_CONTROL, bytes_of(nothing, sizeof nothing));
    CHECK(refused("error=MALFORMED"));
    CHECK_U64(t.n.metrics.counter[METRICS_RAFT_MESSAGES_BAD], 5);
    raft_status(t.n.core, &s);
    CHECK_U64(s.leader, 2);
    mem_free(&t.n.mem, t.n.received);
    end();
}

int main(void)
{
    TAP_TEST("sender: a message that is refused has a line that says why", why_refused);
    return tap_done();
}
