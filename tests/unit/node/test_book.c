/* tests/unit/node/test_book.c -- Subject: who is known, and who makes way when the book is full:
 * node/book.c, node/mesh.c. Method: as test_driver.c; numbers and keys of many nodes that come and
 * go, as machines that are exchanged do. */
#include "driver.h"

enum {
    FIRST = 100 /* number of the first node that was removed */
};

static struct node_key key_of(uint64_t id)
{
    return (struct node_key){ { (uint8_t)id, (uint8_t)(id >> 8), 1 } };
}

static struct node_key stranger(uint32_t i)
{
    return (struct node_key){ { (uint8_t)i, 2 } };
}

/* The tail of a configuration's entry that names nodes 1 to 3, and so many from first on. */
static struct bytes tail_of(uint64_t first, uint32_t count)
{
    static uint8_t room[BOOK_BYTES_MAX];
    static struct book told;
    uint64_t ids[RAFT_PEERS_MAX] = { 1, 2, 3 };
    struct writer w = writer_of(room, sizeof room);
    struct book_entry *e = NULL;
    book_init(&told);
    for (uint64_t id = 1; id <= 3; id++) {
        struct node_key key = { { (uint8_t)id } };
        CHECK(book_learn(&told, id, &key, 0, &e) == ERR_OK);
    }
    for (uint32_t i = 0; i < count; i++) {
        struct node_key key = key_of(first + i);
        CHECK(book_learn(&told, first + i, &key, 0, &e) == ERR_OK);
        ids[3 + i] = first + i;
    }
    CHECK(book_tail_encode(&told, ids, 3 + count, &w) == ERR_OK);
    return writer_bytes(&w);
}

/* The next configuration is in the log. */
static void members_are(struct bytes tail)
{
    mesh_members(&t.n, t.n.members_index + 1, tail);
}

static bool knows(uint64_t id)
{
    struct node_key key = key_of(id);
    const struct book_entry *e = book_by_id(&t.n.book, id);
    return e != NULL && ids_key_equal(&e->key, &key);
}

static bool members_stay(void)
{
    return book_by_id(&t.n.book, 1) != NULL && book_by_id(&t.n.book, 2) != NULL &&
           book_by_id(&t.n.book, 3) != NULL;
}

/* Members 1 to 3, and a book that is full of nodes that were members once. */
static void begin_full(void)
{
    struct book_entry *e = NULL;
    begin(1);
    book_by_id(&t.n.book, 1)->self = true;
    members_are(tail_of(0, 0));
    for (uint64_t id = FIRST; t.n.book.count < NET_PEERS_MAX; id++) {
        struct node_key key = key_of(id);
        CHECK(book_learn(&t.n.book, id, &key, id, &e) == ERR_OK);
    }
}

/* However many machines were exchanged, the next one is known, and no member is forgotten. */
static void exchanged(void)
{
    begin_full();
    for (uint64_t id = 1000; id < 1000 + 3ull * NET_PEERS_MAX; id++) {
        members_are(tail_of(id, 1));
        CHECK(knows(id) && members_stay());
        CHECK_U64(t.n.book.count, NET_PEERS_MAX);
    }
    members_are(tail_of(5000, RAFT_PEERS_MAX - 3)); /* as many as there may be */
    for (uint64_t id = 5000; id < 5000 + RAFT_PEERS_MAX - 3; id++) {
        CHECK(knows(id));
    }
    CHECK(members_stay());
    end();
    EXPECT_MARK("node: a place in the book is taken over");
}

/* First who has no number, then who was a member longest ago, last who is connected. */
static void who_makes_way(void)
{
    struct node_key unnumbered = stranger(1);
    struct book_entry *e = NULL;
    begin_full();
    book_forget(&t.n.book, book_by_id(&t.n.book, FIRST + 5));
    CHECK(book_learn(&t.n.book, 0, &unnumbered, 999, &e) == ERR_OK);
    book_by_id(&t.n.book, FIRST)->up = true;
    members_are(tail_of(1000, 1));
    CHECK(book_by_key(&t.n.book, &unnumbered) == NULL && knows(FIRST) && knows(FIRST + 1));
    CHECK(t.forgets == 1 && ids_key_equal(&t.forgotten, &unnumbered));
    members_are(tail_of(1000, 2));
    CHECK(knows(FIRST) && !knows(FIRST + 1) && knows(FIRST + 2));
    members_are(tail_of(1000, 3));
    CHECK(knows(FIRST) && !knows(FIRST + 2) && t.forgets == 3); /* nor are they dialled any more */
    end();
}

/* Who connects finds a place, unless all are taken by members and by those who are connected: then
 * it is sent away, and is heard of when it comes again. */
static void newcomer(void)
{
    begin_full();
    struct node_key key = stranger(1);
    for (uint32_t i = 0; i < t.n.book.count; i++) {
        t.n.book.entry[i].up = true;
    }
    mesh_handler.peer_up(&t.n, &key, 9);
    CHECK(book_by_key(&t.n.book, &key) == NULL);
    CHECK(t.forgets == 1 && ids_key_equal(&t.forgotten, &key));
    book_by_id(&t.n.book, FIRST + 7)->up = false;
    mesh_handler.peer_up(&t.n, &key, 10);
    CHECK(book_by_key(&t.n.book, &key) != NULL && book_by_key(&t.n.book, &key)->up);
    CHECK(!knows(FIRST + 7) && members_stay());
    end();
    EXPECT_MARK("node: no place for who connects");
}

/* For whom a number is named, a connection ends, and with it what waits for its other end. */
static void connected_makes_way(void)
{
    struct op *op = NULL;
    begin_full();
    for (uint32_t i = 0; i < t.n.book.count; i++) {
        t.n.book.entry[i].up = true;
    }
    uint64_t now = os_now(t.n.os);
    CHECK(op_take(t.n.ops, OP_WRITE, bytes_text("x"), now, now + NS_PER_S, &op) == ERR_OK);
    op->call = &t.call;
    op->state = OP_FORWARDED;
    op->forwarded_to = key_of(FIRST);
    struct node_key key = key_of(7);
    CHECK(mesh_peer(&t.n, 7, &key, NULL, 0) == ERR_OK);
    CHECK(knows(7) && !knows(FIRST) && knows(FIRST + 1) && members_stay());
    CHECK(t.called == 1 && t.code == ERR_OUTCOME_UNKNOWN);
    mesh_handler.peer_down(&t.n, &t.forgotten, 7); /* late news of the one that is forgotten */
    CHECK(!knows(FIRST) && book_by_key(&t.n.book, &key)->id == 7);
    end();
}

/* The newcomer stands before them in the entry: those behind it are members all the same, and one
 * that is down keeps what only this node knows of it. */
static void newcomer_first(void)
{
    static uint8_t room[BOOK_BYTES_MAX];
    static struct book told;
    const struct os_addr moved = { .family = 4, .ip = { 127, 0, 0, 1 }, .port = 4242 };
    const uint64_t ids[] = { 50, 1, 2, 3 };
    struct writer w = writer_of(room, sizeof room);
    begin_full();
    struct book_entry *e = book_by_id(&t.n.book, 3);
    book_addrs_set(&t.n.book, e, &moved, 1, 0);
    e->up = false;
    told = t.n.book;
    book_forget(&told, book_spare(&told, true));
    const struct node_key key = key_of(50);
    CHECK(book_learn(&told, 50, &key, 0, &e) == ERR_OK);
    CHECK(book_tail_encode(&told, ids, 4, &w) == ERR_OK);
    members_are(writer_bytes(&w));
    CHECK(knows(50) && members_stay());
    CHECK(t.forgets == 1 && !ids_key_equal(&t.forgotten, &book_by_id(&t.n.book, 3)->key));
    CHECK(os_addr_equal(&book_by_id(&t.n.book, 3)->addrs[0], &moved));
    end();
}

/* A tail that breaks off names nobody anew: the members are those of before. */
static void broken_tail(void)
{
    begin_full();
    struct bytes tail = tail_of(1000, 2);
    tail.count--;
    CHECK(book_tail_learn(&t.n.book, tail, 0) == ERR_MALFORMED);
    CHECK(!knows(1000) && t.forgets == 0);
    for (uint64_t id = 1; id <= 3; id++) {
        CHECK(book_by_id(&t.n.book, id)->named);
    }
    CHECK(book_tail_add(&t.n.book, tail, 0) == ERR_BUSY); /* nobody makes way for one of before */
    book_forget(&t.n.book, book_by_id(&t.n.book, FIRST));
    CHECK(book_tail_add(&t.n.book, tail, 0) == ERR_MALFORMED);
    end();
}

/* What was truncated is not the newest configuration any more: the next one may have its index. */
static void truncated(void)
{
    const struct raft_entry before[] = { { .term = 3, .kind = RAFT_ENTRY_NOOP },
                                         { .term = 3, .kind = RAFT_ENTRY_NOOP },
                                         { .term = 3, .kind = RAFT_ENTRY_NOOP } };
    const struct raft_entry since = { .term = 4, .kind = RAFT_ENTRY_NOOP };
    struct raft_msg m = { .type = RAFT_MSG_APPEND, .from = 2, .to = 1, .term = 3, .epoch = 1 };
    m.count = 3;
    m.entries = before;
    begin(0);
    raft_actor_message(&t.n, &m);
    CHECK_U64(log_last(t.n.log), 3);
    mesh_members(&t.n, 3, tail_of(1000, 1));
    CHECK(book_by_id(&t.n.book, 1000)->named);
    m.term = 4;
    m.index = 1;
    m.log_term = 3;
    m.count = 1;
    m.entries = &since;
    raft_actor_message(&t.n, &m);
    CHECK(log_last(t.n.log) == 2 && t.n.members_index == 1);
    mesh_members(&t.n, 2, tail_of(2000, 1));
    CHECK(book_by_id(&t.n.book, 2000)->named && !book_by_id(&t.n.book, 1000)->named);
    end();
}

int main(void)
{
    TAP_TEST("book: a member always finds a place, however many there were", exchanged);
    TAP_TEST("book: so does a newcomer that stands first", newcomer_first);
    TAP_TEST("book: after a truncation an older configuration is the newest", truncated);
    TAP_TEST("book: a tail that breaks off names nobody", broken_tail);
    TAP_TEST("book: who is needed least makes way, and is dialled no more", who_makes_way);
    TAP_TEST("book: a newcomer finds a place, or is sent away until there is one", newcomer);
    TAP_TEST("book: who is connected makes way for whoever has a number", connected_makes_way);
    return tap_done();
}
