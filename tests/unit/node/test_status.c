/* tests/unit/node/test_status.c -- Subject: what a node says of its place in consensus. Method: the
 * parts of one node on a played machine, and a core put into the state that matters. */
#include "driver.h"

/* An alarm on a leader that has lost its followers watches this figure. */
static void silence_in_ms(void)
{
    struct service_status st;
    begin(3);
    t.loop.now_ns = 10 * NS_PER_S;
    node_status(&t.n.service, &st);
    CHECK(st.quorum_ack_ms == -1 && st.role == SERVICE_FOLLOWER);
    lead_1();
    t.loop.now_ns += 1263 * NS_PER_MS;
    node_status(&t.n.service, &st);
    CHECK(st.quorum_ack_ms == 1263 && st.role == SERVICE_LEADER);
    end();
}

/* The log goes less far than the snapshot while a peer needs what is behind it. */
static void purged_is_what_is_gone(void)
{
    const struct raft_conf conf = { .index = 1, .voter_count = 3, .voter = { 1, 2, 3 } };
    struct raft_msg m = { .type = RAFT_MSG_HEARTBEAT, .from = 2, .to = 1, .term = 3, .epoch = 1 };
    struct service_status st;
    begin(3);
    m.index = m.commit = 3;
    m.log_term = 1;
    core_step((struct raft_event){ .type = RAFT_EV_MSG, .msg = &m });
    core_step((struct raft_event){ .type = RAFT_EV_APPLIED, .index = 3 });
    node_status(&t.n.service, &st);
    CHECK(st.purged_index == 0 && st.snapshot_index == 0);
    struct raft_event made = { .type = RAFT_EV_SNAP_MADE, .index = 3, .conf = &conf };
    made.pin = 2;
    core_step(made);
    node_status(&t.n.service, &st);
    CHECK(st.snapshot_index == 3 && st.snapshot_term == 1);
    CHECK(st.purged_index == 2 && st.purged_term == 1);
    end();
}

/* Both halves of a change are shown, each with its own. */
static void both_halves(void)
{
    const struct raft_conf joint = { .index = 3,
                                     .voter_count = 2,
                                     .voter = { 1, 3 },
                                     .outgoing_count = 3,
                                     .outgoing = { 1, 2, 4 },
                                     .learner_count = 1,
                                     .learner = { 5 } };
    struct service_status st;
    core_conf = joint;
    begin(3);
    node_status(&t.n.service, &st);
    CHECK(st.conf_joint && st.voter_count == 2 && st.voter[0] == 1 && st.voter[1] == 3);
    CHECK(st.outgoing_count == 3 && st.outgoing[0] == 1 && st.outgoing[1] == 2);
    CHECK(st.outgoing[2] == 4 && st.learner_count == 1 && st.learner[0] == 5);
    end();
}

int main(void)
{
    TAP_TEST("status: how long the quorum is silent is in milliseconds", silence_in_ms);
    TAP_TEST("status: purged is what the log has no more", purged_is_what_is_gone);
    TAP_TEST("status: who goes is not who stays", both_halves);
    return tap_done();
}
