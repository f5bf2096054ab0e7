/* sim/look.h -- what was seen of the nodes from outside, for everybody who watches them.
 *
 * Shape:      nodes are looked at after every step, their frames as these leave. What is seen goes
 *             to the judges, the faults and the story. Who needs more than the newest sight asks
 *             the node itself (node_look): most judges, and the faults that must bear a loss. No
 *             fault asks a judge, and no judge tells a fault (tests/sim/sides.sh)
 * Invariants: while the judges are told of a step, the look still says what was seen before it
 * Thread:     one
 */
#ifndef SIM_LOOK_H
#define SIM_LOOK_H

#include "raft/raft.h"
#include "sim/net.h"

struct sim_world;
struct sim_host;

/* What was last seen of one node; of one that is down, at its end. */
struct sim_seen {
    bool alive; /* it was seen in this process */
    uint64_t process;
    enum raft_role role;
    uint64_t term;
    uint64_t vote;
    uint64_t leader;
    uint64_t last;
    uint64_t last_term;
    uint64_t commit; /* of a new process: some entries below, so that these are looked at again */
    uint64_t commit_term;
    uint64_t durable;
    uint64_t applied;
    int64_t revision;
    struct raft_conf committed; /* newest that it knows to be committed, or the one before that */
    struct raft_conf effective; /* the one that it acts on */
};

struct sim_look {
    struct sim_world *world;
    struct sim_seen seen[SIM_NODES_MAX];
    struct sim_seen copied[SIM_NODES_MAX]; /* when the newest copy of its disk was taken */
    struct sim_seen had[SIM_NODES_MAX];    /* newest, of one whose disk is an older copy */
    uint64_t committed;                    /* highest index that any node called committed */
    struct raft_conf conf; /* newest that any node knows to be committed; index 0: none */
    uint64_t voters;       /* nodes (bits) that any node ever took for voters */
};

/* sim_look_init -- nothing was seen yet. */
void sim_look_init(struct sim_look *l, struct sim_world *w);

/* sim_look_node -- after a step of a node: judge it, and remember it. */
void sim_look_node(struct sim_look *l, struct sim_host *h);

/* sim_look_frame -- a frame leaves a node: what it says is judged, and is a moment for faults. */
void sim_look_frame(struct sim_look *l, struct sim_host *h, struct bytes frame);

/* sim_look_born -- after the start of a process.
 * sim_look_dying -- a process ends, inside a step perhaps: what its disk had told it until then
 * counts, for others may know of it already.
 * sim_look_gone -- it has ended. */
void sim_look_born(struct sim_look *l, struct sim_host *h);
void sim_look_dying(struct sim_look *l, struct sim_host *h);
void sim_look_gone(struct sim_look *l, struct sim_host *h);

/* sim_look_wiped -- the disk of a host that is down is lost: its next process is another node's. */
void sim_look_wiped(struct sim_look *l, struct sim_host *h);

/* sim_look_copied -- a copy of the disk of a host is taken: it holds what was promised until now.
 * sim_look_restored -- the disk of a host that is down is that copy again. */
void sim_look_copied(struct sim_look *l, const struct sim_host *h);
void sim_look_restored(struct sim_look *l, const struct sim_host *h);

/* sim_look_leader -- id of the node that was seen to lead, in the newest term if there are
 * several; 0: none. among: bits of the nodes that count; settled: only one that has committed in
 * its term. */
uint64_t sim_look_leader(const struct sim_look *l, uint64_t among, bool settled);

/* sim_look_suffices -- whether these nodes (bits) are a majority of every configuration that may be
 * in force: the newest committed one, and those that wait in logs. */
bool sim_look_suffices(const struct sim_look *l, uint64_t nodes);

/* sim_look_suffices_late -- and of those that are over, too, while a node still acts on one: it has
 * not heard of the end, and may stand for election by it. */
bool sim_look_suffices_late(const struct sim_look *l, uint64_t nodes);

#endif
