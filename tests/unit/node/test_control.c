/* tests/unit/node/test_control.c -- Subject: changes of the cluster: what they come to, whether
 * they could be decided, and what becomes of them once the core has answered. Method:
 * configurations and pictures of the core as they are wanted, and the parts of one node on a played
 * machine. */
#include "driver.h"

#include "node/control_codec.h"

static const struct raft_conf three = { .voter_count = 3, .voter = { 1, 2, 3 } };

#define CHECK_TEXT(a, b) CHECK(strcmp(a, b) == 0)

/* ---- what is asked ---- */

/* Who was wiped and is a learner would be a voter again by itself; whoever names voters without it
 * has decided otherwise. Who never voted stays as it is. */
static void named_without_the_wiped(void)
{
    const struct raft_conf now = { .voter_count = 2,
                                   .voter = { 1, 2 },
                                   .learner_count = 2,
                                   .learner = { 3, 4 },
                                   .learner_was = { 33, 0 } };
    struct control c = { .kind = CONTROL_CHANGE_MEMBERSHIP, .id_count = 2, .id = { 1, 2 } };
    struct raft_change changes[CONTROL_CHANGES_MAX];
    struct raft_conf next;
    uint32_t count = 0;
    CHECK(control_changes(&c, &now, changes, &count) == ERR_OK);
    CHECK(raft_conf_change(&now, changes, count, &next) == ERR_OK);
    CHECK(next.voter_count == 2 && next.outgoing_count == 0);
    CHECK(next.learner_count == 2 && next.learner[0] == 3 && next.learner_was[0] == 0);
    c.id[c.id_count++] = 3;
    CHECK(control_changes(&c, &now, changes, &count) == ERR_OK);
    CHECK(raft_conf_change(&now, changes, count, &next) == ERR_OK);
    CHECK(next.voter_count == 3 && next.learner_count == 1 && next.learner[0] == 4);
}

/* Who gives another one a vote has decided nothing about it; unless it is named, or removed. */
static void kept_on_its_way(void)
{
    const struct raft_conf now = { .voter_count = 2,
                                   .voter = { 1, 2 },
                                   .learner_count = 3,
                                   .learner = { 3, 4, 5 },
                                   .learner_was = { 33, 0, 0 } };
    struct control c = { .kind = CONTROL_CHANGE_MEMBERSHIP, .id_count = 2, .id = { 1, 4 } };
    struct raft_change changes[CONTROL_CHANGES_MAX];
    struct raft_conf next;
    uint32_t count = 0;
    c.keep_rejoining = true;
    CHECK(control_changes(&c, &now, changes, &count) == ERR_OK);
    CHECK(raft_conf_change(&now, changes, count, &next) == ERR_OK);
    CHECK(next.voter_count == 2 && next.voter[1] == 4 && !raft_conf_is_learner(&next, 2));
    CHECK(next.learner_count == 2 && raft_conf_is_learner(&next, 5));
    CHECK_U64(raft_conf_was(&next, 3), 33);
    c.id[0] = 3;
    CHECK(control_changes(&c, &now, changes, &count) == ERR_OK);
    CHECK(raft_conf_change(&now, changes, count, &next) == ERR_OK);
    CHECK(next.voter_count == 2 && next.voter[0] == 3 && next.learner_count == 1);
}

/* Its operator has told a new address, nothing else: it comes back all the same. */
static void added_again(void)
{
    const struct raft_conf now = { .voter_count = 2,
                                   .voter = { 1, 2 },
                                   .learner_count = 2,
                                   .learner = { 3, 4 },
                                   .learner_was = { 33, 0 } };
    struct raft_change changes[CONTROL_CHANGES_MAX];
    struct raft_conf next;
    uint32_t count = 0;
    for (uint64_t id = 3; id <= 5; id++) {
        struct control c = { .kind = CONTROL_ADD_LEARNER, .id_count = 1, .id = { id } };
        CHECK(control_changes(&c, &now, changes, &count) == ERR_OK);
        CHECK(raft_conf_change(&now, changes, count, &next) == ERR_OK);
        CHECK(raft_conf_is_learner(&next, id));
        CHECK_U64(raft_conf_was(&next, 3), 33);
        CHECK(raft_conf_was(&next, 4) == 0 && raft_conf_was(&next, 5) == 0);
    }
}

/* ---- whether it could be decided ---- */

/* Two of three are to stay, and the other of them is heard: but in another life it is no voter. */
static void a_wiped_voter_is_no_majority(void)
{
    struct raft_change remove = { RAFT_CHANGE_REMOVE, 3, 0 };
    struct raft_status st = { .id = 1, .role = RAFT_LEADER, .term = 3, .life = 11 };
    st.conf = (struct raft_conf){
        .index = 1, .voter_count = 3, .voter = { 1, 2, 3 }, .voter_life = { 11, 22, 33 }
    };
    begin(1);
    t.config.election_timeout_max_ms = 2000;
    t.loop.now_ns = 10 * NS_PER_S;
    st.peer_count = 2;
    st.peer[0] = (struct raft_peer_status){ .id = 2, .life = 22, .ack_ns = os_now(t.n.os) };
    st.peer[1] = (struct raft_peer_status){ .id = 3, .life = 33, .ack_ns = os_now(t.n.os) };
    CHECK(control_majority(&t.n, &st, &remove, 1));
    st.peer[0].life = 99;
    CHECK(!control_majority(&t.n, &st, &remove, 1));
    st.conf.voter_life[1] = 0; /* not bound to any yet */
    CHECK(control_majority(&t.n, &st, &remove, 1));
    st.life = 98;
    CHECK(!control_majority(&t.n, &st, &remove, 1));
    end();
}

static const char *why_of_3(enum control_kind kind, enum err e)
{
    static uint8_t room[CALL_DETAIL_BYTES_MAX + 1];
    struct writer w = writer_of(room, sizeof room);
    const struct control c = { .kind = kind, .id_count = 1, .id = { 3 } };
    return control_why(&t.n, &c, e, &w);
}

/* Node 3 answers, so to start it is no help; but not in the life that is counted. */
static void a_wiped_voter_is_not_silent(void)
{
    const struct raft_conf before = core_conf;
    core_conf.voter_life[2] = 33;
    begin(1);
    t.config.election_timeout_max_ms = 2000;
    lead_1();
    struct raft_status st;
    raft_status(t.n.core, &st);
    struct raft_msg m = { .type = RAFT_MSG_HEARTBEAT_REPLY, .from = 3, .to = 1, .life = 99 };
    m.term = st.term;
    m.epoch = 1;
    m.sent_ns = os_now(t.n.os) + 1;
    t.loop.now_ns += NS_PER_S;
    core_step((struct raft_event){ .type = RAFT_EV_MSG, .msg = &m });
    raft_status(t.n.core, &st);
    CHECK(st.role == RAFT_LEADER && st.wiped_count == 1 && st.wiped[0] == 3);
    CHECK(strcmp(why_of_3(CONTROL_CHANGE_MEMBERSHIP, ERR_NO_MAJORITY),
                 "the voters to be would have no majority: node 3 lost its disk and is not "
                 "counted: aspen cluster remove 3, then aspen cluster add 3=ADDR, then aspen "
                 "cluster promote 3") == 0);
    t.config.auto_rejoin = true;
    CHECK(strcmp(why_of_3(CONTROL_TRANSFER, ERR_NOT_CAUGHT_UP),
                 "node 3 lost its disk and is not counted: it becomes a learner, then a voter "
                 "again; then ask again") == 0);
    t.loop.now_ns += 3 * NS_PER_S; /* now it is silent as well */
    CHECK(strstr(why_of_3(CONTROL_CHANGE_MEMBERSHIP, ERR_NO_MAJORITY),
                 "node 3 does not answer; start it") != NULL);
    CHECK(strstr(why_of_3(CONTROL_TRANSFER, ERR_NOT_CAUGHT_UP), "node 3 does not answer") != NULL);
    core_conf = before;
    end();
}

/* What is in force here is not known to be committed: the next change may have been begun, by the
 * leader itself, for one that lost its disk. */
static void told_what_is_committed(void)
{
    struct op *op = NULL;
    struct raft_status st;
    begin(1);
    raft_status(t.n.core, &st);
    CHECK(st.conf.index == 1 && st.committed_conf_index == 0);
    for (int committed = 0; committed < 2; committed++) {
        CHECK(op_take(t.n.ops, OP_CONTROL, bytes_text("x"), 0, NS_PER_S, &op) == ERR_OK);
        op->call = &t.call;
        backend_answer_members(&t.n, op);
        CHECK_U64(t.called, (uint64_t)committed + 1);
        CHECK(t.code == ERR_OK && t.told.index == (uint64_t)committed);
        CHECK_U64(t.told.count, committed ? 3 : 0);
        struct raft_msg m = { .type = RAFT_MSG_HEARTBEAT, .from = 2, .to = 1, .term = 3 };
        m.log_term = 1;
        m.index = 1;
        m.commit = 1;
        m.epoch = 1;
        core_step((struct raft_event){ .type = RAFT_EV_MSG, .msg = &m });
    }
    end();
}

/* A change that waits, here until the own term has committed, is tried in every turn. It pokes no
 * actor, or it would take a whole processor; and the book hears of it once it is in the log. */
static void waits_at_rest(void)
{
    const struct node_key key_4 = { { 4 } };
    struct service_member member = { .id = 4, .addr = bytes_text("four:1") };
    struct log_entry first = { 1, 1, RAFT_ENTRY_NOOP, bytes_of(NULL, 0) };
    struct log_write w = { .ticket = 1, .entries = &first, .count = 1 };
    begin(1);
    CHECK(log_append(t.n.log, &w) == ERR_OK);
    lead_1();
    CHECK(mesh_peer(&t.n, 4, &key_4, NULL, 0) == ERR_OK);
    book_by_id(&t.n.book, 4)->up = true;
    book_by_id(&t.n.book, 4)->life = 44;
    CHECK(control_add_learner(&t.n.service, &member, &t.call) == ERR_OK);
    t.n.raft_actor.poked = false;
    control_advance(&t.n);
    CHECK(!t.n.raft_actor.poked && t.called == 0 && !list_empty(&t.n.controls));
    CHECK(book_by_id(&t.n.book, 4)->addr[0] == '\0');
    CHECK(mesh_peer(&t.n, 4, &key_4, NULL, 0) == ERR_OK);
    CHECK(!t.n.raft_actor.poked); /* nor does an endpoint that was known */
    control_expire(&t.n, t.call.deadline_ns);
    CHECK(t.called == 1 && t.code == ERR_BUSY);
    end();
    EXPECT_MARK("node: a change of the cluster expires");
}

/* A peer forwards an addition, and says of that node that this is its key. */
static void forwarded_addition(uint64_t id, const struct node_key *key)
{
    static struct book theirs;
    uint8_t tail[256];
    uint8_t bytes[CONTROL_BYTES_MAX];
    uint8_t frame[CONTROL_BYTES_MAX + CALL_HEAD_BYTES_MAX];
    struct writer tw = writer_of(tail, sizeof tail);
    struct writer cw = writer_of(bytes, sizeof bytes);
    struct writer w = writer_of(frame, sizeof frame);
    struct book_entry *e = NULL;
    book_init(&theirs);
    CHECK(book_learn(&theirs, id, key, 0, &e) == ERR_OK);
    CHECK(book_tail_encode(&theirs, &id, 1, &tw) == ERR_OK);
    struct control c = { .kind = CONTROL_ADD_LEARNER, .id_count = 1, .id = { id } };
    c.addr = bytes_text("four:1");
    c.tail = writer_bytes(&tw);
    control_encode(&c, &cw);
    struct call_request r = {
        .kind = FRAME_CONTROL, .ticket = 55, .timeout_ms = 5000, .command = writer_bytes(&cw)
    };
    call_request_encode(&r, &w);
    writer_put(&w, r.command);
    forward_in(&t.n, &key_2, 7, writer_bytes(&w));
    sim_loop_run(&t.loop, os_now(t.n.os)); /* the raft actor's turn */
}

/* Another node's book may be wrong, or its operator: a change by it would give a member's number to
 * somebody else, in the log and so everywhere. This node refuses it as it does where it is asked
 * itself. */
static void an_endpoint_that_contradicts(void)
{
    static const struct {
        uint64_t id;
        struct node_key key;
        bool good;
    } told[] = {
        { 4, { { 4 } }, true },  /* it waits until it was greeted */
        { 4, { { 2 } }, false }, /* a member's key */
        { 2, { { 4 } }, false }, /* a member's number */
        { 4, { { 0 } }, false }, /* this node's own key, and number */
        { 1, { { 4 } }, false },
    };
    struct raft_status before;
    struct raft_status after;
    for (size_t i = 0; i < sizeof told / sizeof told[0]; i++) {
        begin(1);
        lead_1();
        t.n.told_role = RAFT_LEADER;
        raft_status(t.n.core, &before);
        forwarded_addition(told[i].id, &told[i].key);
        raft_status(t.n.core, &after);
        CHECK_U64(after.last, before.last);
        CHECK_U64(t.answer.ticket, told[i].good ? 0 : 55);
        CHECK(told[i].good ? !list_empty(&t.n.controls) : t.answer.code == ERR_BAD_REQUEST);
        CHECK(ids_key_equal(&book_by_id(&t.n.book, 2)->key, &key_2));
        CHECK(book_by_id(&t.n.book, 4) == NULL);
        end();
    }
}

/* ---- what became of it ---- */

/* One of this node's clients asks; the operation as it is when the core has it. */
static struct op *asked(enum control_kind kind)
{
    struct log_entry first = { 1, 1, RAFT_ENTRY_NOOP, bytes_of(NULL, 0) };
    struct log_write w = { .ticket = 1, .entries = &first, .count = 1 };
    const uint64_t ids[] = { 1, 2, 3 };
    struct service *s = &t.n.service;
    begin(1);
    CHECK(log_append(t.n.log, &w) == ERR_OK);
    CHECK((kind == CONTROL_TRANSFER ? control_transfer(s, 0, &t.call)
                                    : control_change_membership(s, ids, 3, &t.call)) == ERR_OK);
    CHECK(!list_empty(&t.n.controls));
    struct op *op = CONTAINER_OF(t.n.controls.next, struct op, wait);
    list_remove(&op->wait);
    op->state = OP_PROPOSED;
    return op;
}

/* What only needs time waits until its deadline, and says then for what; everything else is said at
 * once. */
static void time_will_tell(void)
{
    static const enum err later[] = { ERR_NOT_CAUGHT_UP, ERR_CONF_PENDING, ERR_BUSY, ERR_NO_LEADER,
                                      ERR_NOT_LEADER };
    struct raft_effect e = { .type = RAFT_DO_REPLY };
    for (size_t i = 0; i < sizeof later / sizeof later[0]; i++) {
        struct op *op = asked(CONTROL_CHANGE_MEMBERSHIP);
        e.code = later[i];
        control_reply(&t.n, op, &e);
        CHECK(t.called == 0 && op->state == OP_QUEUED && !list_empty(&t.n.controls));
        control_expire(&t.n, t.call.deadline_ns);
        CHECK(t.called == 1 && t.code == later[i] && list_empty(&t.n.controls));
        end();
    }
    e.code = ERR_CONF_CHANGED;
    control_reply(&t.n, asked(CONTROL_CHANGE_MEMBERSHIP), &e);
    CHECK(t.called == 1 && t.code == ERR_CONF_CHANGED && list_empty(&t.n.controls));
    end();
}

/* An office given away is one that somebody has taken: the asker's next write finds a leader. */
static void transfer_until_somebody_leads(void)
{
    const struct raft_effect e = { .type = RAFT_DO_REPLY, .code = ERR_OK };
    control_reply(&t.n, asked(CONTROL_TRANSFER), &e);
    control_advance(&t.n);
    CHECK(t.called == 0 && !list_empty(&t.n.controls));
    follow_2();
    control_advance(&t.n);
    CHECK(t.called == 1 && t.code == ERR_OK && list_empty(&t.n.controls));
    end();
}

/* The successor may have been bidden, and stand later: asked again, the office would move twice. */
static void transfer_of_the_fallen(void)
{
    const struct raft_effect e = { .type = RAFT_DO_REPLY, .code = ERR_NO_LEADER };
    control_reply(&t.n, asked(CONTROL_TRANSFER), &e);
    CHECK(t.called == 1 && t.code == ERR_OUTCOME_UNKNOWN && op_count(t.n.ops) == 0);
    end();
    EXPECT_MARK("node: a transfer ends with the office, and may go on");
}

/* Who gives its office away begins no change, as it takes no write: its own client's waits for a
 * leader, a peer's goes back and waits there. */
static void asked_while_giving_way(void)
{
    const struct raft_event transfer = { .type = RAFT_EV_TRANSFER, .peer = 2 };
    for (int remote = 0; remote <= 1; remote++) {
        struct op *op = asked(CONTROL_CHANGE_MEMBERSHIP);
        op->state = OP_QUEUED;
        op->remote = remote == 1;
        op->remote_key = key_2;
        op->remote_epoch = 7;
        op->remote_ticket = 55;
        lead_1();
        core_step(transfer);
        list_push_back(&t.n.controls, &op->wait);
        control_advance(&t.n);
        CHECK(list_empty(&t.n.controls) && list_empty(&t.n.waiting) == (remote == 1));
        CHECK_U64(t.answer.ticket, remote == 1 ? 55 : 0);
        CHECK(remote == 0 || t.answer.code == ERR_NO_LEADER);
        CHECK(t.called == 0 && t.asks == 0);
        end();
    }
}

/* ---- why not ---- */

/* What a change is told that waited for a leader until its deadline, among these members. */
static const char *leaderless(struct raft_conf conf, bool up_2, bool up_3)
{
    core_conf = conf;
    struct op *op = asked(CONTROL_CHANGE_MEMBERSHIP);
    core_conf = three;
    book_by_id(&t.n.book, 2)->up = up_2;
    book_by_id(&t.n.book, 3)->up = up_3;
    raft_actor_wait(&t.n, op);
    raft_actor_expire(&t.n, t.call.deadline_ns);
    CHECK(t.called == 1 && t.code == ERR_NO_LEADER);
    end();
    return t.detail;
}

/* Who is a member is told whom to start, as far as this node can tell; who is none, to ask one. */
static void no_leader_and_why(void)
{
    const struct raft_conf learner = {
        .voter_count = 2, .voter = { 2, 3 }, .learner_count = 1, .learner = { 1 }
    };
    const struct raft_conf stranger = { .voter_count = 2, .voter = { 2, 3 } };
    const struct raft_conf leaves = {
        .voter_count = 1, .voter = { 2 }, .outgoing_count = 1, .outgoing = { 1 }
    };
    const struct raft_conf both = {
        .voter_count = 2, .voter = { 1, 2 }, .outgoing_count = 2, .outgoing = { 1, 3 }
    };
    static const char unknown[] = "no leader is known: see aspen cluster status, then ask again";
    static const char away_2[] = "no leader is known: node 2 does not answer this node: start it";
    CHECK_TEXT(leaderless(three, false, false),
               "no leader is known: node 2, node 3 do not answer this node: start them");
    CHECK_TEXT(leaderless(three, false, true), unknown); /* two are enough */
    CHECK_TEXT(leaderless(three, true, true), unknown);
    CHECK_TEXT(leaderless(learner, false, true), away_2);
    CHECK_TEXT(leaderless(leaves, false, true), away_2);
    CHECK_TEXT(leaderless(both, true, false),
               "no leader is known: node 3 does not answer this node: start it");
    CHECK_TEXT(leaderless(stranger, false, false),
               "no leader is known: this node is no member of the cluster, ask one that is");
}

/* What is no member here says nothing to a client that asked a member. */
static void a_stranger_is_forwarded_to(void)
{
    core_conf = (struct raft_conf){ .voter_count = 2, .voter = { 2, 3 } };
    struct op *op = asked(CONTROL_CHANGE_MEMBERSHIP);
    core_conf = three;
    op->state = OP_QUEUED;
    op->remote = true;
    op->remote_key = key_2;
    op->remote_epoch = 7;
    op->remote_ticket = 55;
    list_push_back(&t.n.controls, &op->wait);
    control_advance(&t.n);
    CHECK(t.answer.ticket == 55 && t.answer.code == ERR_NOT_LEADER && t.answer.detail.count == 0);
    end();
}

/* Whose removal would be refused is not told to remove it. */
static void only_voter(void)
{
    static const char says[] =
        "node 1 is the only voter: first aspen cluster add ID=ADDR and aspen "
        "cluster promote ID";
    static const enum control_kind kinds[] = { CONTROL_ADD_LEARNER, CONTROL_REMOVE };
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        struct control c = { .kind = kinds[i], .id_count = 1, .id = { 1 } };
        uint8_t room[CALL_DETAIL_BYTES_MAX + 1];
        struct writer w = writer_of(room, sizeof room);
        core_conf = (struct raft_conf){ .voter_count = 1, .voter = { 1 } };
        begin(1);
        core_conf = three;
        CHECK_TEXT(control_why(&t.n, &c, ERR_BAD_REQUEST, &w), says);
        end();
    }
}

int main(void)
{
    TAP_TEST("control: a change that waits wakes nobody, and nobody hears of it", waits_at_rest);
    TAP_TEST("control: voters named without a wiped one do not get it back",
             named_without_the_wiped);
    TAP_TEST("control: where it is asked to keep them, a wiped one comes back", kept_on_its_way);
    TAP_TEST("control: a wiped one that is added again comes back all the same", added_again);
    TAP_TEST("control: an answer tells what is committed", told_what_is_committed);
    TAP_TEST("control: a wiped voter makes no majority", a_wiped_voter_is_no_majority);
    TAP_TEST("control: a wiped voter that answers is not called silent",
             a_wiped_voter_is_not_silent);
    TAP_TEST("control: a forwarded endpoint that contradicts the log is refused",
             an_endpoint_that_contradicts);
    TAP_TEST("control: what only needs time waits, and says for what", time_will_tell);
    TAP_TEST("control: a transfer is done when somebody leads", transfer_until_somebody_leads);
    TAP_TEST("control: a transfer of who loses its office meanwhile is open",
             transfer_of_the_fallen);
    TAP_TEST("control: who gives its office away begins no change", asked_while_giving_way);
    TAP_TEST("control: without a leader it says whom to start, or to ask another",
             no_leader_and_why);
    TAP_TEST("control: who is no member says so to its own clients alone",
             a_stranger_is_forwarded_to);
    TAP_TEST("control: the only voter is not to be removed first", only_voter);
    return tap_done();
}
