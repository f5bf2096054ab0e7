/* tests/unit/node/test_mesh.c -- Subject: node/mesh.c, who may say which number. Method: one node
 * on a played machine that hears frames of its peers. */
#include "driver.h"

static const struct node_key key_9 = { { 9 } };

static const struct origin unsaid;

/* A heartbeat of who leads, in the name of that node. */
static void heartbeat(const struct node_key *peer, uint64_t from)
{
    struct raft_msg m = { .type = RAFT_MSG_HEARTBEAT, .to = 1, .term = 3, .epoch = 1 };
    uint8_t frame[FRAME_RAFT_HEAD_BYTES + RAFT_MSG_BYTES_MAX];
    struct writer w = writer_of(frame, sizeof frame);
    m.from = from;
    writer_u8(&w, FRAME_RAFT);
    origin_encode(&unsaid, &w);
    raft_msg_encode(&m, &w);
    mesh_handler.frame(&t.n, peer, 7, LINK_CONTROL, writer_bytes(&w));
    raft_actor_turn(&t.n);
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

static uint64_t refused(void)
{
    return t.n.metrics.counter[METRICS_RAFT_MESSAGES_BAD];
}

/* A member that takes a number nobody has would be gone from the book under its own: nothing could
 * be sent to it any more. */
static void an_unused_number(void)
{
    begin(1);
    heartbeat(&key_2, 99);
    CHECK_U64(refused(), 1);
    CHECK_U64(id_of(&key_2), 2);
    CHECK(book_by_id(&t.n.book, 99) == NULL && book_by_id(&t.n.book, 2) != NULL);
    CHECK_U64(leader(), 0);
    heartbeat(&key_2, 2); /* honest again */
    CHECK_U64(refused(), 1);
    CHECK_U64(leader(), 2);
    end();
}

/* Nor may a member say that it is this node. */
static void the_number_of_this_node(void)
{
    begin(1);
    book_by_id(&t.n.book, 1)->id = 0; /* not learnt yet */
    mesh_handler.peer_up(&t.n, &key_9, 7);
    heartbeat(&key_9, 1);
    CHECK_U64(refused(), 1);
    CHECK_U64(id_of(&key_9), 0);
    end();
}

/* A key without a number is believed once. */
static void the_first_number(void)
{
    begin(1);
    mesh_handler.peer_up(&t.n, &key_9, 7);
    heartbeat(&key_9, 9);
    CHECK_U64(id_of(&key_9), 9);
    heartbeat(&key_9, 10);
    CHECK_U64(refused(), 1);
    CHECK_U64(id_of(&key_9), 9);
    end();
}

int main(void)
{
    TAP_TEST("mesh: a member that says a number nobody has keeps its own", an_unused_number);
    TAP_TEST("mesh: nobody else has the number of this node", the_number_of_this_node);
    TAP_TEST("mesh: the first number of a key is believed, no other one", the_first_number);
    return tap_done();
}
