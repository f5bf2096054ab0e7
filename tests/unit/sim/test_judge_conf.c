/* tests/unit/sim/test_judge_conf.c -- Subject: the judges of configurations, and of what the
 * operator was told. Method: a world of three voters that are well; each case shows its judges a
 * configuration that is none, or tells the operator of one, or does so truly.
 */
#include "trio.h"

enum {
    STRANGER = 9
};

/* ---- configurations ---- */

static void conf(void)
{
    sim_judge_conf(&w->judge, h, &s);
}

static void conf_of_its_own(void)
{
    s.conf.voter_count = 2;
    conf();
}

static void conf_jumps(void)
{
    s.conf.index = s.commit;
    s.conf.voter_count = 2; /* one less, without a joint one */
    conf();
}

static void conf_votes_and_learns(void)
{
    s.conf.index = s.commit;
    s.conf.learner[s.conf.learner_count++] = s.conf.voter[0];
    conf();
}

static void conf_outdated(void)
{
    struct sim_judge *j = &w->judge;
    j->chain[j->chain_count] = j->chain[j->chain_count - 1];
    j->chain[j->chain_count++].index = s.commit;
    conf();
}

static void conf_of_no_entry(void)
{
    s.conf.index = s.last + 1;
    conf();
}

static void conf_held_by_nobody(void)
{
    s.conf.index = s.commit = s.last + 1;
    conf();
}

static void conf_promotes(void)
{
    s.conf.index = seen->last + 1;
    memcpy(s.conf.outgoing, s.conf.voter, sizeof s.conf.voter);
    s.conf.outgoing_count = s.conf.voter_count;
    s.conf.voter[s.conf.voter_count++] = STRANGER; /* who has nothing */
    conf();
}

static void conf_truth(void)
{
    conf();
    s.conf.index = s.commit; /* the same members, by a later entry */
    conf();
}

/* The newest one: it becomes joint, so that some voters go and others come. */
static void become_joint(void)
{
    s.conf.index = s.commit;
    memcpy(s.conf.outgoing, s.conf.voter, sizeof s.conf.voter);
    s.conf.outgoing_count = s.conf.voter_count;
}

static void conf_leaves_one(void)
{
    become_joint();
    s.conf.voter_count = 2;
    conf();
}

static void conf_of_strangers(void)
{
    become_joint();
    s.conf.voter[2] = STRANGER;
    conf();
}

static void conf_of_nobody(void)
{
    become_joint();
    s.conf.voter_count = 0;
    conf();
}

static void conf_of_another_half(void)
{
    become_joint();
    s.conf.outgoing_count = 2;
    conf();
}

/* What was committed before this was joint, and is left to these voters. */
static void leave_joint(uint8_t voters)
{
    struct sim_judge *j = &w->judge;
    struct raft_conf *before = &j->chain[j->chain_count];
    *before = s.conf;
    before->index = s.commit - 1;
    memcpy(before->outgoing, before->voter, sizeof before->voter);
    before->outgoing_count = before->voter_count;
    before->voter_count = 2;
    j->chain_count++;
    s.conf.index = s.commit;
    s.conf.voter_count = voters;
    conf();
}

static void joint_left_to_newer_half(void)
{
    leave_joint(2);
}

static void joint_left_to_older_half(void)
{
    leave_joint(3);
}

/* It is heard of late, and does not lead to the one that is known. */
static void conf_before_another(void)
{
    struct sim_judge *j = &w->judge;
    struct raft_conf *after = &j->chain[j->chain_count++];
    *after = s.conf;
    after->index = s.commit;
    after->voter_count = 2; /* by way of a joint one, which nobody has told yet */
    become_joint();
    s.conf.index = s.commit - 1;
    s.conf.voter[1] = s.conf.voter[2];
    s.conf.voter_count = 2;
    s.commit--;
    conf();
}

static void conf_open_of_no_shape(void)
{
    s.conf.index = s.last = s.commit + 1;
    s.conf.learner[s.conf.learner_count++] = s.conf.voter[0];
    conf();
}

static void conf_open_jumps(void)
{
    s.conf.index = s.last = s.commit + 1;
    s.conf.voter_count = 2;
    conf();
}

static void conf_open(void)
{
    become_joint();
    s.conf.index = s.last = s.commit + 1;
    s.conf.voter_count = 2;
    conf();
}

static void confs_too_many(void)
{
    struct sim_judge *j = &w->judge;
    uint32_t count = j->chain_count;
    j->chain[SIM_CONFS_MAX - 1] = j->chain[count - 1];
    j->chain_count = SIM_CONFS_MAX;
    s.conf.index = s.commit;
    conf();
}

/* ---- what the operator was told ---- */

static void claim(struct sim_admin_step step)
{
    struct service_reply r = { 0 };
    sim_judge_claim(&w->judge, h, &step, &r);
    CHECK(!w->failed);
    sim_judge_claims(&w->judge);
}

static void snapshot_of(uint64_t index, uint64_t term)
{
    struct sim_admin_step step = { .kind = SIM_ADMIN_SNAPSHOT };
    struct service_reply r = { .snapshot_index = index, .snapshot_term = term };
    sim_judge_claim(&w->judge, h, &step, &r);
    sim_judge_claims(&w->judge);
}

static void snapshot_made(void)
{
    snapshot_of(s.applied, w->judge.committed_term[s.applied]);
}

static void snapshot_beyond(void)
{
    snapshot_of(s.applied + 1, s.term);
}

static void snapshot_of_nothing(void)
{
    snapshot_of(0, 0);
}

static void snapshot_of_another_term(void)
{
    snapshot_of(s.applied, w->judge.committed_term[s.applied] + 1);
}

static void added(void)
{
    w->judge.chain[0].learner[0] = STRANGER;
    w->judge.chain[0].learner_count = 1;
    claim((struct sim_admin_step){ .kind = SIM_ADMIN_ADD, .id = STRANGER });
}

static void not_added(void)
{
    claim((struct sim_admin_step){ .kind = SIM_ADMIN_ADD, .id = STRANGER });
}

static void removed(void)
{
    claim((struct sim_admin_step){ .kind = SIM_ADMIN_REMOVE, .id = STRANGER });
}

static void not_removed(void)
{
    claim((struct sim_admin_step){ .kind = SIM_ADMIN_REMOVE, .id = f->id });
}

static void not_yet_removed(void)
{
    w->judge.chain[0].outgoing[0] = STRANGER;
    w->judge.chain[0].outgoing_count = 1;
    claim((struct sim_admin_step){ .kind = SIM_ADMIN_REMOVE, .id = STRANGER + 1 });
}

static void changed(void)
{
    claim((struct sim_admin_step){ .kind = SIM_ADMIN_VOTERS, .voters = 7 });
}

static void not_changed(void)
{
    claim((struct sim_admin_step){ .kind = SIM_ADMIN_VOTERS, .voters = 3 });
}

static void not_yet_changed(void)
{
    memcpy(w->judge.chain[0].outgoing, s.conf.voter, sizeof s.conf.voter);
    w->judge.chain[0].outgoing_count = 3;
    claim((struct sim_admin_step){ .kind = SIM_ADMIN_VOTERS, .voters = 7 });
}

/* The set is as it was asked for, and one who lost its disk is on its way back on it. */
static void changed_around(bool keep)
{
    struct raft_conf *c = &w->judge.chain[0];
    c->learner[0] = STRANGER;
    c->learner_was[0] = 1;
    c->learner_count = 1;
    claim((struct sim_admin_step){ .kind = SIM_ADMIN_VOTERS, .voters = 7, .keep = keep });
}

static void changed_and_kept(void)
{
    changed_around(true);
}

static void changed_and_not_ended(void)
{
    changed_around(false);
}

/* So it was, before it was asked. */
static void changed_before(void)
{
    struct sim_admin_step step = { .kind = SIM_ADMIN_VOTERS, .voters = 7 };
    step.from = w->judge.chain[0].index + 1;
    claim(step);
}

static void transferred(void)
{
    claim((struct sim_admin_step){ .kind = SIM_ADMIN_TRANSFER, .id = f->id });
    claim((struct sim_admin_step){ .kind = SIM_ADMIN_TRANSFER });
}

static void transferred_to_a_stranger(void)
{
    claim((struct sim_admin_step){ .kind = SIM_ADMIN_TRANSFER, .id = STRANGER });
}

/* A configuration was meant, by its index; the wanted one is so many after it. */
static void meant(uint64_t off, uint32_t later)
{
    struct sim_judge *j = &w->judge;
    struct sim_admin_step step = { .kind = SIM_ADMIN_VOTERS, .voters = 3 };
    step.expect = j->chain[0].index + off;
    while (j->chain_count <= later) {
        struct raft_conf *next = &j->chain[j->chain_count++];
        *next = next[-1];
        next->index++;
    }
    j->chain[later].voter_count = 2;
    claim(step);
}

static void meant_this(void)
{
    meant(0, 2);
}

static void meant_one_long_ago(void)
{
    meant(0, 3);
}

static void meant_none(void)
{
    meant(5, 2);
}

static const struct trio_case confs[] = {
    { NULL, conf_truth },
    { "is another one than elsewhere", conf_of_its_own },
    { "does not follow from the one before", conf_jumps },
    { "does not follow from the one before", conf_votes_and_learns },
    { "does not follow from the one before", conf_of_strangers },
    { "does not follow from the one before", conf_of_nobody },
    { "does not follow from the one before", conf_of_another_half },
    { NULL, conf_leaves_one },
    { "does not follow from the one before", joint_left_to_older_half },
    { NULL, joint_left_to_newer_half },
    { "does not follow from the one before", conf_before_another },
    { "but that of", conf_outdated },
    { "that cannot be", conf_of_no_entry },
    { "that cannot be", conf_open_of_no_shape },
    { "that cannot be", conf_open_jumps },
    { NULL, conf_open },
    { "but no majority of it has it on disk", conf_held_by_nobody },
    { "makes voters of nodes that lack", conf_promotes },
    { "more configurations than the judges can watch", confs_too_many },
};

static const struct trio_case claims[] = {
    { NULL, snapshot_made },
    { "says that it has a snapshot of", snapshot_beyond },
    { "says that it has a snapshot of", snapshot_of_nothing },
    { "says that it has a snapshot of", snapshot_of_another_term },
    { NULL, added },
    { "is not: add", not_added },
    { NULL, removed },
    { "is not: remove", not_removed },
    { "is not: remove", not_yet_removed },
    { NULL, changed },
    { "is not: change", not_changed },
    { "is not: change", not_yet_changed },
    { NULL, changed_and_kept },
    { "is not: change", changed_and_not_ended },
    { "is not: change", changed_before },
    { NULL, transferred },
    { "is not: transfer", transferred_to_a_stranger },
    { NULL, meant_this },
    { "is not: change", meant_one_long_ago },
    { "is not: change", meant_none },
};

static void configurations(void)
{
    trio_play(confs, sizeof confs / sizeof confs[0]);
}

static void operator_told(void)
{
    trio_play(claims, sizeof claims / sizeof claims[0]);
}

int main(void)
{
    TAP_TEST("conf: each configuration that cannot be is found", configurations);
    TAP_TEST("conf: what the operator was told is compared with all of them", operator_told);
    return tap_done();
}
