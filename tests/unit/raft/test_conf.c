/* tests/unit/raft/test_conf.c -- Subject: raft/conf.c, which configuration is in force and who are
 * peers by it. Method: one core alone gets configurations of a leader that changes its mind. */
#include "alone.h"

/* Node 1 with entry 1, a configuration. */
static void boot(struct raft_conf c, bool committed)
{
    static const struct raft_run run = { 1, 1 };
    struct raft_config config_ = config();
    struct raft_boot b = { .term = 1, .last = 1, .applied = committed ? 1 : 0 };
    b.runs = &run;
    b.run_count = 1;
    b.effective = c;
    b.committed = committed ? c : (struct raft_conf){ 0 };
    boot_on(&config_, &b);
    raft_status(t.core, &t.status);
}

/* Node 2 leads a term and sends configurations, in the entries behind prev of term 1. */
static void told(uint64_t term, uint64_t prev, const struct raft_conf *c, uint32_t count)
{
    static uint8_t bytes[4][RAFT_CONF_BYTES_MAX];
    struct raft_msg m = { .type = RAFT_MSG_APPEND, .from = 2, .term = term, .epoch = 1 };
    m.index = prev;
    m.log_term = 1;
    m.count = count;
    m.entries = t.entries;
    for (uint32_t i = 0; i < count; i++) {
        struct writer w = writer_of(bytes[i], sizeof bytes[i]);
        raft_conf_encode(&c[i], &w);
        t.entries[i] = (struct raft_entry){ term, (uint32_t)w.offset, RAFT_ENTRY_CONF, bytes[i] };
    }
    message(m);
}

/* Whether this node has a peer of that id, as far as a leader tells. */
static bool peer(uint64_t id)
{
    for (uint32_t i = 0; i < t.status.peer_count; i++) {
        if (t.status.peer[i].id == id) {
            return true;
        }
    }
    return false;
}

/* Whether the last step asked that node for its pre-vote. */
static bool asked(uint64_t id)
{
    const struct raft_effect *e = NULL;
    for (uint32_t i = 0; (e = find(RAFT_DO_SEND, RAFT_MSG_PREVOTE, i)) != NULL; i++) {
        if (e->msg.to == id) {
            return true;
        }
    }
    return false;
}

/* What follows a configuration is truncated, that one is not. */
static void truncated_behind(void)
{
    struct raft_conf five = conf_of(5);
    boot(conf_of(3), true);
    told(1, 1, &five, 1);
    CHECK_U64(t.status.conf.index, 2);
    append(2, 1, 2, 1, (uint64_t[]){ 1 }, 1);
    append(3, 2, 2, 1, (uint64_t[]){ 2 }, 1);
    CHECK_U64(t.status.last, 3);
    CHECK(t.status.conf.index == 2 && t.status.conf.voter_count == 5);
    lead(5);
    CHECK_U64(t.status.peer_count, 4);
}

/* Peers go with the configuration that brought them. */
static void truncated(void)
{
    struct raft_conf five = conf_of(5);
    boot(conf_of(3), true);
    told(1, 1, &five, 1);
    append(3, 2, 1, 1, (uint64_t[]){ 2 }, 1);
    CHECK(t.status.conf.index == 1 && t.status.conf.voter_count == 3);
    lead(3);
    CHECK_U64(t.status.peer_count, 2);
    CHECK(peer(2) && peer(3) && !peer(5));
}

/* Two at once, as no honest leader has them, and both go: neither stays in force. */
static void two_truncated(void)
{
    struct raft_conf both[] = { conf_of(4), conf_of(5) };
    boot(conf_of(3), true);
    told(1, 1, both, 2);
    CHECK_U64(t.status.conf.index, 3);
    append(3, 2, 1, 1, (uint64_t[]){ 2 }, 1);
    CHECK_U64(t.status.last, 2);
    CHECK_U64(t.status.conf.index, 0);
}

/* A joint configuration found on the disk: voters that are to leave are peers as well. */
static void joint_found(void)
{
    struct raft_conf joint = conf_of(2);
    joint.outgoing_count = 3;
    for (uint8_t i = 0; i < 3; i++) {
        joint.outgoing[i] = 1u + 2u * i;
    }
    for (int committed = 0; committed <= 1; committed++) {
        boot(joint, committed);
        step((struct raft_event){ .type = RAFT_EV_CAMPAIGN });
        CHECK(asked(2) && asked(3) && asked(5) && !asked(4));
    }
}

/* A full house whose learners are all replaced: there is no room for those that leave. */
static void no_room_for_leaving(void)
{
    struct raft_conf full = conf_of(RAFT_VOTERS_MAX);
    struct raft_conf next = full;
    full.learner_count = next.learner_count = RAFT_LEARNERS_MAX;
    for (uint8_t i = 0; i < RAFT_LEARNERS_MAX; i++) {
        full.learner[i] = 100u + i;
        next.learner[i] = 200u + i;
    }
    boot(full, true);
    told(1, 1, &next, 1);
    CHECK_U64(t.status.conf.index, 2);
    lead(RAFT_VOTERS_MAX);
    CHECK_U64(t.status.peer_count, RAFT_PEERS_MAX - 1);
    CHECK(peer(200) && !peer(100));
}

int main(void)
{
    TAP_TEST("conf: what is truncated behind a configuration leaves it in force", truncated_behind);
    TAP_TEST("conf: the peers of a truncated configuration go with it", truncated);
    TAP_TEST("conf: of two that are truncated at once none is in force", two_truncated);
    TAP_TEST("conf: who leaves by a joint configuration on the disk is a peer", joint_found);
    TAP_TEST("conf: a full house has no room for those that leave", no_room_for_leaving);
    return tap_done();
}
