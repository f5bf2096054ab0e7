/* tests/unit/node/test_origin.c -- Subject: nodes of two clusters that share a cookie. Method:
 * origins side by side; and one node on a played machine that hears frames of another one. */
#include "driver.h"

#include "node/control_codec.h"

static const struct node_key key_9 = { { 9 } };

/* The first entry of a log, begun by the member of this rank. */
static struct origin begun(const char *entry, uint64_t rank, bool decided)
{
    return (struct origin){ origin_begun(bytes_text(entry), rank), decided };
}

/* ---- when two exclude each other ---- */

static void who_is_foreign(void)
{
    const struct origin none = { 0 };
    const struct origin a = begun("a", 1, true);
    const struct origin a_early = begun("a", 1, false);
    const struct origin b = begun("b", 1, true);
    const struct origin b_early = begun("b", 1, false);
    const struct origin c = begun("c", 2, true);
    const struct origin c_early = begun("c", 2, false);
    CHECK(!origin_known(&none) && origin_known(&a));
    CHECK(!origin_foreign(&none, &a) && !origin_foreign(&a, &none) && !origin_foreign(&a, &a));
    CHECK(!origin_foreign(&a, &a_early) && !origin_foreign(&a_early, &a));
    CHECK(origin_foreign(&a, &b) && origin_foreign(&a, &c) && origin_foreign(&c, &a));
    /* of two hosts that were asked to begin, one gives way */
    CHECK(!origin_foreign(&a, &c_early) && !origin_foreign(&c_early, &a));
    CHECK(!origin_foreign(&a_early, &c_early));
    /* but not where Raft would take the two entries for one */
    CHECK(origin_foreign(&a, &b_early) && origin_foreign(&b_early, &a));
    CHECK(origin_foreign(&a_early, &b_early));
}

/* An id is of the whole entry and of its term, also of one that no honest node would give it. */
static void what_an_id_is_of(void)
{
    static const uint64_t terms[] = { 1, 2, 16, 254, 255, 256, UINT64_MAX };
    const struct cluster_id one = origin_begun(bytes_text("entry"), 1);
    for (size_t i = 0; i < sizeof terms / sizeof terms[0]; i++) {
        struct cluster_id id = origin_begun(bytes_text("entry"), terms[i]);
        CHECK_U64(id.b[CLUSTER_ID_BYTES - 1], terms[i] < 255 ? terms[i] : 255);
        CHECK(memcmp(&id, &one, CLUSTER_ID_BYTES - 1) == 0);
    }
    struct cluster_id other = origin_begun(bytes_text("entrz"), 1);
    CHECK(memcmp(&other, &one, CLUSTER_ID_BYTES - 1) != 0);
}

/* ---- what a node hears ---- */

/* A Raft message that 9 sends, from its cluster. */
static void hears(const struct origin *from, const struct raft_msg *m)
{
    uint8_t frame[FRAME_RAFT_HEAD_BYTES + RAFT_MSG_BYTES_MAX];
    struct writer w = writer_of(frame, sizeof frame);
    writer_u8(&w, FRAME_RAFT);
    origin_encode(from, &w);
    raft_msg_encode(m, &w);
    mesh_handler.frame(&t.n, &key_9, 7, LINK_CONTROL, writer_bytes(&w));
}

/* A heartbeat of a leader in a high term, from 9, in the name of node 9. */
static void heartbeat(const struct origin *from)
{
    struct raft_msg m = { .type = RAFT_MSG_HEARTBEAT, .from = 9, .to = 1, .term = 40, .epoch = 1 };
    hears(from, &m);
}

/* And that it holds so many entries; an answer to what it was asked last. */
static void says_it_holds(const struct origin *from, uint64_t last)
{
    const struct book_entry *e = book_by_key(&t.n.book, &key_9);
    const struct call_life l = {
        .life = 99, .origin = *from, .last = last, .question = e == NULL ? 0 : e->asked
    };
    uint8_t frame[CALL_LIFE_BYTES];
    struct writer w = writer_of(frame, sizeof frame);
    call_life_encode(&l, &w);
    mesh_handler.frame(&t.n, &key_9, 7, LINK_CONTROL, writer_bytes(&w));
}

static void says_it_is_from(const struct origin *from)
{
    says_it_holds(from, origin_known(from) ? 1 : 0);
}

static uint64_t term(void)
{
    struct raft_status s;
    raft_status(t.n.core, &s);
    return s.term;
}

static uint64_t dropped(void)
{
    return t.n.metrics.counter[METRICS_FRAMES_FOREIGN];
}

/* A node of a cluster whose beginning is decided. */
static void begin_of(const char *entry)
{
    core_conf = (struct raft_conf){ .voter_count = 2, .voter = { 1, 9 } };
    begin(1);
    t.n.cluster = origin_begun(bytes_text(entry), 1);
    t.n.apply_target = 1;
    mesh_handler.peer_up(&t.n, &key_9, 7);
}

static struct origin begun_by(uint64_t first, uint64_t last, uint64_t rank)
{
    uint8_t bytes[RAFT_CONF_BYTES_MAX];
    struct writer w = writer_of(bytes, sizeof bytes);
    struct raft_conf c = { 0 };
    for (uint64_t id = first; id <= last; id++) {
        c.voter[c.voter_count] = id;
        c.voter_life[c.voter_count++] = 100 * id;
    }
    raft_conf_encode(&c, &w);
    writer_u8(&w, (uint8_t)rank); /* what else is in an entry */
    return (struct origin){ origin_begun(writer_bytes(&w), rank), false };
}

/* Where the same voters decide, one of two beginnings gives way, as Raft has it. Where others do
 * each may be decided: who has more than a first entry may be needed where it is. */
static void rivals(void)
{
    const struct origin ours = begun_by(1, 3, 1);
    const struct origin again = begun_by(1, 3, 2);
    const struct origin theirs = begun_by(2, 4, 2);
    const struct origin none = { 0 };
    CHECK(origin_differs(&ours, &again) && !origin_rivals(&ours, &again));
    CHECK(origin_rivals(&ours, &theirs) && !origin_rivals(&ours, &ours));
    CHECK(!origin_rivals(&none, &theirs) && !origin_rivals(&ours, &none));
    for (uint64_t last = 1; last <= 2; last++) {
        begin(last);
        t.n.cluster = ours.cluster;
        mesh_handler.peer_up(&t.n, &key_9, 7);
        heartbeat(&again);
        CHECK_U64(term(), 40);
        end();
        begin(last);
        t.n.cluster = ours.cluster;
        mesh_handler.peer_up(&t.n, &key_9, 7);
        heartbeat(&theirs);
        CHECK_U64(term(), last == 1 ? 40 : 3);
        end();
    }
}

/* From 9, which leads, as if its log were like this one up to the end. */
static void append_behind(const struct origin *from)
{
    struct raft_status s;
    raft_status(t.n.core, &s);
    struct raft_msg m = { .type = RAFT_MSG_APPEND, .from = 9, .to = 1, .epoch = 1 };
    m.term = s.term + 1;
    m.index = m.commit = s.last;
    m.log_term = s.last_term;
    m.first = s.last + 1;
    m.last = s.last;
    hears(from, &m);
}

static uint64_t committed(void)
{
    struct raft_status s;
    raft_status(t.n.core, &s);
    return s.commit;
}

/* What is not decided here gives way to one of another first term, and is not taken for the same
 * where an entry behind the first has the same index and term. */
static void no_entry_is_shared(void)
{
    const struct origin theirs = begun_by(1, 3, 2);
    const struct origin ours = begun_by(1, 3, 1);
    core_conf = (struct raft_conf){ .voter_count = 2, .voter = { 1, 9 } };
    begin(3);
    t.n.cluster = ours.cluster;
    mesh_handler.peer_up(&t.n, &key_9, 7);
    append_behind(&theirs);
    CHECK_U64(term(), 4); /* it is heard */
    CHECK_U64(committed(), 0);
    append_behind(&ours);
    CHECK_U64(committed(), 3);
    end();
}

/* Not its term, not its lead, not even its number. */
static void another_cluster_is_not_heard(void)
{
    const struct origin theirs = begun("theirs", 1, true);
    begin_of("ours");
    heartbeat(&theirs);
    EXPECT_MARK("node: a peer of another cluster");
    CHECK_U64(term(), 3);
    CHECK_U64(dropped(), 1);
    CHECK(book_by_id(&t.n.book, 9) == NULL && mesh_foreign(&t.n, book_by_key(&t.n.book, &key_9)));
    /* it was wiped meanwhile, and is of no cluster */
    says_it_is_from(&(struct origin){ 0 });
    CHECK(!mesh_foreign(&t.n, book_by_key(&t.n.book, &key_9)));
    const struct origin ours = begun("ours", 1, true);
    heartbeat(&ours);
    CHECK_U64(term(), 40);
    CHECK_U64(dropped(), 1);
    CHECK(book_by_id(&t.n.book, 9) != NULL);
    end();
}

/* Who has said once where it is from is believed in nothing else. */
static void nor_are_its_other_frames(void)
{
    const struct origin theirs = begun("theirs", 1, true);
    uint8_t frame[CALL_HEAD_BYTES_MAX];
    struct writer w = writer_of(frame, sizeof frame);
    struct call_request c = { .kind = FRAME_WRITE, .ticket = 5, .timeout_ms = 1000 };
    begin_of("ours");
    call_request_encode(&c, &w);
    mesh_handler.frame(&t.n, &key_9, 7, LINK_CALL, writer_bytes(&w));
    CHECK_U64(t.answer.ticket, 5); /* nobody knows yet who it is: it is answered */
    t.answer.ticket = 0;
    says_it_is_from(&theirs);
    mesh_handler.frame(&t.n, &key_9, 7, LINK_CALL, writer_bytes(&w));
    CHECK(t.answer.ticket == 0 && dropped() >= 1);
    end();
}

/* A peer may have heard before that this node is of none. */
static void peers_are_told_when_it_is_decided(void)
{
    begin_of("ours");
    t.n.apply_target = 0;
    CHECK(!mesh_origin(&t.n).decided);
    t.n.apply_target = 1;
    CHECK(mesh_origin(&t.n).decided);
    const struct node_step step = { 0 };
    uint32_t frames = t.frames;
    t.n.apply_target = 0;
    t.n.out->count = 1;
    t.n.out->effect[0] = (struct raft_effect){ .type = RAFT_DO_APPLY, .first = 1, .last = 1 };
    raft_effects_run(&t.n, &step);
    CHECK_U64(t.frames, frames + 3); /* 2, 3 and 9 are up */
    CHECK(mesh_origin(&t.n).decided);
    t.n.out->effect[0] = (struct raft_effect){ .type = RAFT_DO_APPLY, .first = 2, .last = 5 };
    raft_effects_run(&t.n, &step);
    CHECK_U64(t.frames, frames + 3); /* nothing new */
    t.n.cluster = (struct cluster_id){ 0 };
    CHECK(!mesh_origin(&t.n).decided); /* of none, so nothing is */
    end();
}

/* ---- what is asked of it ---- */

/* The answer to a change, by the leader, once it cannot wait any longer. */
static const char *refused(const struct control *c, const struct origin *theirs)
{
    struct log_entry first = { 1, 1, RAFT_ENTRY_NOOP, bytes_of(NULL, 0) };
    struct log_write w = { .ticket = 1, .entries = &first, .count = 1 };
    struct service_member joins = { .id = 9, .addr = bytes_text("nine:1") };
    core_conf = (struct raft_conf){ .voter_count = 2, .voter = { 1, 2 } };
    if (c->kind == CONTROL_CHANGE_MEMBERSHIP) {
        core_conf.learner_count = 1;
        core_conf.learner[0] = 9;
    }
    begin(1);
    t.n.cluster = origin_begun(bytes_text("ours"), 1);
    t.n.apply_target = 1;
    CHECK(log_append(t.n.log, &w) == ERR_OK);
    lead_1();
    mesh_handler.peer_up(&t.n, &key_9, 7);
    CHECK(mesh_peer(&t.n, 9, &key_9, NULL, 0) == ERR_OK);
    struct service *s = &t.n.service;
    CHECK((c->kind == CONTROL_ADD_LEARNER
               ? control_add_learner(s, &joins, &t.call)
               : control_change_membership(s, c->id, c->id_count, &t.call)) == ERR_OK);
    control_advance(&t.n);
    if (c->kind == CONTROL_ADD_LEARNER) {
        struct op *op = CONTAINER_OF(t.n.controls.next, struct op, wait);
        CHECK(t.called == 0 && op->waits_for == ERR_TIMEOUT); /* for a word of it, nothing else */
    }
    says_it_is_from(theirs);
    control_advance(&t.n);
    CHECK(t.called == 1 && t.code == ERR_WRONG_CLUSTER);
    end();
    return t.detail;
}

static void no_member_of_another_cluster(void)
{
    const struct origin theirs = begun("theirs", 1, true);
    const struct control add = { .kind = CONTROL_ADD_LEARNER, .id_count = 1, .id = { 9 } };
    const char *why = refused(&add, &theirs);
    CHECK(strcmp(why, "node 9 belongs to another cluster: to have it here, stop it, empty its data "
                      "directory, start it, then aspen cluster add 9=ADDR") == 0);
}

/* Who was a learner already, or was begun elsewhere afterwards, gets no vote. */
static void no_voter_of_another_cluster(void)
{
    const struct origin theirs = begun("theirs", 2, true);
    const struct control voters = { .kind = CONTROL_CHANGE_MEMBERSHIP,
                                    .id_count = 3,
                                    .id = { 1, 2, 9 } };
    const char *why = refused(&voters, &theirs);
    CHECK(strcmp(why, "node 9 belongs to another cluster: aspen cluster remove 9; to have it here, "
                      "stop it, empty its data directory, start it, then aspen cluster add "
                      "9=ADDR") == 0);
}

/* A voter that was begun elsewhere, after it had lost its disk, is no hindrance to others: it is
 * counted as one that is silent. */
static void others_change_beside_one(void)
{
    const struct raft_conf now = { .voter_count = 2, .voter = { 1, 9 } };
    const struct origin theirs = begun("theirs", 1, true);
    struct control c = { .kind = CONTROL_CHANGE_MEMBERSHIP, .id_count = 2, .id = { 1, 9 } };
    begin_of("ours");
    CHECK(mesh_peer(&t.n, 9, &key_9, NULL, 0) == ERR_OK);
    says_it_is_from(&theirs);
    CHECK_U64(control_foreign(&t.n, &t.n.book, &c, &now), 0);
    c.kind = CONTROL_TRANSFER;
    CHECK_U64(control_foreign(&t.n, &t.n.book, &c, &now), 9);
    c.kind = CONTROL_REMOVE;
    CHECK_U64(control_foreign(&t.n, &t.n.book, &c, &now), 0);
    end();
}

/* To begin with a member that has begun already would leave it out, unheard. Where its beginning
 * is not decided, one of the two gives way: but not with what a leader may have counted there, and
 * not to one of the same term. */
static void no_init_with_one_that_has_begun(void)
{
    static const struct {
        uint64_t term, last;
        bool decided, refused;
    } they[] = {
        { 2, 1, false, false }, { 2, 2, false, true }, { 1, 1, false, true }, { 2, 1, true, true }
    };
    static const char *const says[] = {
        "node 9 has begun already, and that is not decided: start its other members, or stop node "
        "9, empty its data directory and start it",
        "node 9 is in a cluster already: add this node there, or stop node 9, empty its data "
        "directory and start it"
    };
    const struct service_member members[] = {
        { .id = 1, .addr = bytes_text("a"), .raft_addr = bytes_text("b") },
        { .id = 9, .addr = bytes_text("c"), .raft_addr = bytes_text("d") }
    };
    for (size_t i = 0; i < sizeof they / sizeof they[0]; i++) {
        const struct origin theirs = begun("theirs", they[i].term, they[i].decided);
        struct raft_status s;
        begin(0);
        t.n.life = 11;
        mesh_handler.peer_up(&t.n, &key_9, 7);
        CHECK(mesh_peer(&t.n, 9, &key_9, NULL, 0) == ERR_OK);
        says_it_is_from(&(struct origin){ 0 }); /* when it connected */
        CHECK(init_begin(&t.n.service, members, 2, &t.call) == ERR_OK);
        raft_actor_turn(&t.n);
        raft_status(t.n.core, &s);
        CHECK(s.last == 0 && t.called == 0);
        says_it_holds(&theirs, they[i].last);
        raft_actor_turn(&t.n);
        raft_status(t.n.core, &s);
        CHECK_U64(s.last, they[i].refused ? 0 : 1);
        CHECK_U64(t.called, they[i].refused ? 1 : 0);
        CHECK(!they[i].refused ||
              (t.code == ERR_ALREADY_INITIALIZED && strcmp(t.detail, says[they[i].decided]) == 0));
        end();
    }
}

/* Members 2 and 9 of three are elsewhere, some say, after node 1 has begun with them. What it is
 * told at its deadline, or before (out_early). */
static enum err begun_without(const struct origin *two, const struct origin *nine, bool *out_early)
{
    const struct service_member members[] = { { .id = 1 }, { .id = 2 }, { .id = 9 } };
    begin(0);
    t.n.life = 11;
    struct book_entry *second = book_by_id(&t.n.book, 2);
    second->life = 22;
    mesh_handler.peer_up(&t.n, &key_9, 7);
    CHECK(mesh_peer(&t.n, 9, &key_9, NULL, 0) == ERR_OK);
    says_it_is_from(&(struct origin){ 0 });
    CHECK(init_begin(&t.n.service, members, 3, &t.call) == ERR_OK);
    raft_actor_turn(&t.n);
    second->answered = second->asked;
    says_it_is_from(&(struct origin){ 0 });
    raft_actor_turn(&t.n);
    struct op *op = op_find(t.n.ops, t.call.ticket);
    CHECK(t.called == 0 && op->state == OP_PROPOSED);
    uint64_t deadline = op->deadline_ns;
    book_by_id(&t.n.book, 2)->origin = *two;
    book_by_id(&t.n.book, 9)->origin = *nine;
    init_advance(&t.n);
    init_expire(&t.n, deadline - 1);
    *out_early = t.called == 1;
    init_expire(&t.n, deadline);
    CHECK(t.called == 1 && op_count(t.n.ops) == 0);
    end();
    return t.code;
}

/* Where too few are left to decide it, it will never be; and it cannot even give way, where the
 * others do not listen. */
static void begun_without_this_one(void)
{
    const struct origin none = { 0 };
    const struct origin alike = begun("theirs", 1, true);
    const struct origin alike_open = begun("theirs", 1, false);
    const struct origin heard = begun("theirs", 2, true);
    bool early = false;
    CHECK(begun_without(&none, &none, &early) == ERR_OUTCOME_UNKNOWN && !early);
    CHECK(begun_without(&none, &alike, &early) == ERR_OUTCOME_UNKNOWN && !early);
    CHECK(begun_without(&alike_open, &alike_open, &early) == ERR_OUTCOME_UNKNOWN && !early);
    CHECK(begun_without(&heard, &heard, &early) == ERR_ALREADY_INITIALIZED && !early);
    CHECK(strcmp(t.detail, "node 2 is in a cluster that was begun meanwhile: if this node is no "
                           "member there: aspen cluster add 1=ADDR") == 0);
    CHECK(begun_without(&heard, &alike, &early) == ERR_ALREADY_INITIALIZED && early);
    CHECK(strcmp(t.detail, "node 9 is in a cluster that was begun meanwhile: stop this node, empty "
                           "its data directory, start it, then, if this node is no member there: "
                           "aspen cluster add 1=ADDR") == 0);
}

int main(void)
{
    TAP_TEST("origin: when two beginnings exclude each other", who_is_foreign);
    TAP_TEST("origin: an id is of the first entry and its term", what_an_id_is_of);
    TAP_TEST("origin: a leader of another cluster is not heard", another_cluster_is_not_heard);
    TAP_TEST("origin: no entry is shared with who began otherwise", no_entry_is_shared);
    TAP_TEST("origin: what rivals decide does not give way", rivals);
    TAP_TEST("origin: nor are its other frames", nor_are_its_other_frames);
    TAP_TEST("origin: peers are told when it is decided", peers_are_told_when_it_is_decided);
    TAP_TEST("origin: no member of another cluster is added", no_member_of_another_cluster);
    TAP_TEST("origin: ... nor promoted", no_voter_of_another_cluster);
    TAP_TEST("origin: a voter lost to another cluster hinders no change", others_change_beside_one);
    TAP_TEST("origin: no cluster begins with a member that has begun",
             no_init_with_one_that_has_begun);
    TAP_TEST("origin: who began and was left out is told what to do", begun_without_this_one);
    return tap_done();
}
