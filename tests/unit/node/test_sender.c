/* tests/unit/node/test_sender.c -- Subject: whose number a Raft message may bear. Method: the parts
 * of one node on a played machine, that hears messages in many names. */
#include "driver.h"

static const struct node_key key_9 = { { 9 } };

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
    raft_actor_turn(&t.n);
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

static uint64_t id_of(const struct node_key *key)
{
    const struct book_entry *e = book_by_key(&t.n.book, key);
    return e != NULL ? e->id : 0;
}

static uint64_t leader(void)
{
    struct raft_status s;
    raft_status(t.n.core, &s);
    return s.leader;
}

static uint64_t refusals(void)
{
    return t.n.metrics.counter[METRICS_RAFT_MESSAGES_BAD];
}

/* A member that takes a number nobody has would be gone from the book under its own: nothing could
 * be sent to it any more. */
static void an_unused_number(void)
{
    begin(1);
    hears(&key_2, 99);
    CHECK_U64(refusals(), 1);
    CHECK_U64(id_of(&key_2), 2);
    CHECK(book_by_id(&t.n.book, 99) == NULL && book_by_id(&t.n.book, 2) != NULL);
    CHECK_U64(leader(), 0);
    hears(&key_2, 2); /* honest again */
    CHECK_U64(refusals(), 1);
    CHECK_U64(leader(), 2);
    end();
}

/* Nor may a member say that it is this node. */
static void the_number_of_this_node(void)
{
    begin(1);
    book_by_id(&t.n.book, 1)->id = 0; /* not learnt yet */
    mesh_handler.peer_up(&t.n, &key_9, 7);
    hears(&key_9, 1);
    CHECK_U64(refusals(), 1);
    CHECK_U64(id_of(&key_9), 0);
    end();
}

/* A key without a number is believed once. */
static void the_first_number(void)
{
    begin(1);
    mesh_handler.peer_up(&t.n, &key_9, 7);
    hears(&key_9, 9);
    CHECK_U64(id_of(&key_9), 9);
    hears(&key_9, 10);
    CHECK_U64(refusals(), 1);
    CHECK_U64(id_of(&key_9), 9);
    end();
}

int main(void)
{
    TAP_TEST("sender: a message that is refused has a line that says why", why_refused);
    TAP_TEST("sender: a member that says a number nobody has keeps its own", an_unused_number);
    TAP_TEST("sender: nobody else has the number of this node", the_number_of_this_node);
    TAP_TEST("sender: the first number of a key is believed, no other one", the_first_number);
    return tap_done();
}
