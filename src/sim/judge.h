/* sim/judge.h -- what must hold in every run, looked at from outside the nodes.
 *
 * Shape:      judge_core.c watches terms, votes, logs and commits of all nodes after every step;
 *             judge_conf.c configurations and majorities; judge_office.c who stays leader;
 *             judge_state.c the state machines; judge_reply.c what answers say; judge_version.c
 *             whether versions count writes; judge_end.c plays the end game: faults stop, a
 *             majority must serve again, agree, and have lost nothing. Linearizability is
 *             lincheck.h's, over the clients' history.
 * Owns:       its memory of the run, counted in the world's account
 * Thread:     one
 */
#ifndef SIM_JUDGE_H
#define SIM_JUDGE_H

#include "base/map.h"
#include "raft/raft.h"
#include "sim/admin.h"
#include "sim/client.h"
#include "sim/look.h"
#include "sim/net.h"

enum {
    SIM_INDEX_MAX = 1 << 17, /* entries of one run that are watched */
    SIM_TERMS_MAX = 1 << 14,
    SIM_CONFS_MAX = 1 << 12, /* committed configurations of one run */
    SIM_CLAIMS_MAX = 1 << 12 /* what the operator was told; what comes later is not judged */
};

struct service_reply;
struct sim_world;
struct sim_host;

/* What one node has promised to others in all its processes, and what is known of this one. */
struct sim_promise {
    uint64_t durable_term; /* of the newest entry that was seen to be on its disk */
    uint64_t said_term;    /* highest term of a message that left it */
    uint64_t acked_term;   /* of the newest acknowledgement that left it */
    uint64_t acked_index;  /* what it said it has */
    uint64_t voted_term;
    uint64_t voted_for;
    uint64_t lost_term; /* newest acknowledgement before its disk was lost, or an older one came */
    uint64_t lost_index;
    uint64_t holds;        /* newest committed entry that was seen in its log in this process */
    uint64_t read_process; /* in which it answered its newest read */
    int64_t read_revision; /* that this said */
    uint64_t read_term;
};

/* What a leader may stay in office by, on its machine's clock. */
struct sim_office {
    uint64_t since_ns;
    uint64_t heard_ns[SIM_NODES_MAX]; /* a reply to it was taken from its mailbox */
    bool arrived[SIM_NODES_MAX];      /* one waits there */
    uint64_t durable;
    uint64_t waits_ns; /* since when its disk owes it more than that; UINT64_MAX: it owes nothing */
    uint64_t
        joint_ns; /* since when it may leave a joint configuration; UINT64_MAX: there is none */
    uint64_t alien_ns; /* since when it is no voter any more; UINT64_MAX: it is one */
};

/* One value, which is written once. */
struct sim_written {
    int64_t revision; /* 0: not known */
    uint32_t version[SIM_PAIRS_MAX];
    uint32_t until[SIM_PAIRS_MAX]; /* newest revision of a store in which a key had this value */
    uint8_t key[SIM_PAIRS_MAX];
    uint8_t count; /* of its keys */
};

struct sim_judge {
    struct sim_world *world;
    const struct sim_seen *seen; /* by node, before the step that is judged: the look's */
    struct sim_promise promise[SIM_NODES_MAX];
    struct sim_promise copied[SIM_NODES_MAX]; /* when the newest copy of its disk was taken */
    struct sim_office office[SIM_NODES_MAX];
    uint64_t *leader_of;      /* by term: id */
    uint64_t *committed_term; /* by index: of the entry; 0: not known to be committed */
    uint64_t *committed_in;   /* by index: term of the node that first knew it, not below the
                                 office that committed it */
    uint64_t *state_hash;     /* by applied index; 0: not known */
    int64_t *revision;        /* by applied index */
    uint32_t *serial;         /* by revision: of the values that were written at it; 0: not known */
    struct sim_written *written; /* by serial */
    struct raft_conf *chain;     /* committed configurations, by ascending index */
    uint32_t chain_count;
    struct sim_admin_step *claim; /* what the operator was told is done */
    uint32_t claim_count;
    uint8_t (*voted)[SIM_NODES_MAX]; /* by term and voter: for whom; 0: nobody */
    int64_t created[SIM_KEYS_MAX];   /* revision at which a key was made; 0: not known */
    int64_t absent[SIM_KEYS_MAX];    /* newest revision of a store in which there was no such key */
    uint64_t applied;                /* highest index of which the state was seen */
    int64_t revision_last;           /* that a client was told of */
    uint64_t committed;              /* highest index in committed_term */
    uint64_t leaders;                /* elections won */
    uint64_t looks;
    uint64_t leaderless_ns; /* end game: since when a connected majority has no leader */
    bool undecided;         /* the history was too tangled to decide within the bound */
};

/* sim_judge_init, sim_judge_done -- a judge that has seen nothing; its memory is the world's. */
void sim_judge_init(struct sim_judge *j, struct sim_world *w);
void sim_judge_done(struct sim_judge *j);

/* sim_judge_node -- after a step of a node, which stands there now. */
void sim_judge_node(struct sim_judge *j, struct sim_host *h, const struct raft_status *s);

/* sim_judge_said -- a message leaves a node: what it promises by it must never be forgotten.
 * sim_judge_wiped -- its disk is lost: what it has promised binds it to nothing any more. */
void sim_judge_said(struct sim_judge *j, const struct sim_host *h, const struct raft_msg *m);
void sim_judge_wiped(struct sim_judge *j, const struct sim_host *h);

/* sim_judge_copied -- a copy of its disk is taken: what it has promised until now is in it.
 * sim_judge_restored -- its disk is that copy again: it may forget what it has promised since, and
 * must keep the rest, and what it promises from now on. */
void sim_judge_copied(struct sim_judge *j, const struct sim_host *h);
void sim_judge_restored(struct sim_judge *j, const struct sim_host *h);

/* sim_judge_born -- after the start of a process: what was durable is still there.
 * sim_judge_dying -- a process ends: what its disk had told it until then counts. */
void sim_judge_born(struct sim_judge *j, struct sim_host *h, const struct raft_status *s);
void sim_judge_dying(struct sim_judge *j, struct sim_host *h, const struct raft_status *s);

/* sim_judge_holders -- nodes (bits) that have h's entry of this index on disk. */
uint64_t sim_judge_holders(const struct sim_judge *j, const struct sim_host *h, uint64_t index);

/* sim_judge_conf_init, sim_judge_conf_done -- the memory of configurations and votes. */
void sim_judge_conf_init(struct sim_judge *j);
void sim_judge_conf_done(struct sim_judge *j);

/* sim_judge_conf -- after a step of a node: the configurations it knows of.
 * sim_judge_voted -- a vote leaves a node.
 * sim_judge_chosen -- a node has just been seen to lead: a majority voted for it.
 * sim_judge_held -- its commit index is the newest of all: a majority has that entry on disk. */
void sim_judge_conf(struct sim_judge *j, const struct sim_host *h, const struct raft_status *s);
void sim_judge_voted(struct sim_judge *j, const struct sim_host *h, const struct raft_msg *m);
void sim_judge_chosen(struct sim_judge *j, const struct sim_host *h, const struct raft_status *s);
void sim_judge_held(struct sim_judge *j, const struct sim_host *h, const struct raft_status *s);

/* sim_judge_claim -- the operator was told that this is done.
 * sim_judge_claims -- in the end, when all that is committed is known: it was. */
void sim_judge_claim(struct sim_judge *j, const struct sim_host *h,
                     const struct sim_admin_step *step, const struct service_reply *r);
void sim_judge_claims(struct sim_judge *j);

/* sim_judge_state -- applied state equal wherever the applied index is. */
void sim_judge_state(struct sim_judge *j, struct sim_host *h);

/* sim_judge_reply -- an answer leaves a node: its header and its record can be true. */
void sim_judge_reply(struct sim_judge *j, const struct sim_host *h, bool write,
                     const struct service_reply *r);

/* sim_judge_write -- a value is about to be written to these keys.
 * sim_judge_value -- a client was told that this value was written at this revision. One revision
 * is one write, for everybody and for good.
 * sim_judge_record -- a client has read this, with a value of this serial number, in a store of
 * this revision.
 * sim_judge_absent -- a client has found nothing there in a store of this revision.
 * sim_judge_versions -- in the end: each version that was read is the count of writes to then, and
 * each store that was read, however old, was one that existed: what it had of a key was the newest
 * of that key until its revision. */
void sim_judge_write(struct sim_judge *j, uint64_t serial, const uint32_t *keys, uint32_t count);
void sim_judge_value(struct sim_judge *j, int64_t revision, uint64_t serial);
void sim_judge_record(struct sim_judge *j, uint32_t key, uint64_t serial, int64_t revision,
                      const struct service_record *r);
void sim_judge_absent(struct sim_judge *j, uint32_t key, int64_t revision);
void sim_judge_versions(struct sim_judge *j);

/* sim_judge_cluster -- in the end: nodes that have applied the same, and whose logs end with the
 * same entry, are of one cluster, and have one configuration. */
void sim_judge_cluster(struct sim_judge *j);

/* sim_judge_heard -- a frame is delivered to a node: does a follower answer its leader? */
void sim_judge_heard(struct sim_judge *j, const struct sim_host *h, uint32_t from,
                     struct bytes frame);

/* sim_judge_elected -- a node has just been seen to lead. */
void sim_judge_elected(struct sim_judge *j, const struct sim_host *h);

/* sim_judge_office -- after a node ran all that was due: no leader stays without a majority, with a
 * disk that hangs, in a change that may end, or without being a voter.
 * sim_judge_leads -- the same of one that leads, and stands there. */
void sim_judge_office(struct sim_judge *j, const struct sim_host *h);
void sim_judge_leads(struct sim_judge *j, const struct sim_host *h, const struct raft_status *s);

/* sim_judge_end -- heal, demand progress of a majority, agreement, and a linearizable history. */
void sim_judge_end(struct sim_judge *j);

#endif
