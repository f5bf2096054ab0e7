/* raft/raft.h -- the consensus core: one block of memory, one function that changes it.
 *
 * Shape:      raft_step(raft, event, out): an event goes in, effects come out; the driver carries
 *             the effects out and reports their completion as later events. No entry bytes
 *             inside: terms as runs, sizes as a ring; the driver's log has the bytes.
 * Invariants: raft_check asserts them after every step; see raft/check.c
 * Order:      effects of one target are binding in their order. A SEND leaves only when the WAL
 *             ticket in `after` is durable; tickets become durable in order.
 * Owns:       struct raft is plain data without pointers: a clone is a copy of bytes. What an event
 *             points to is borrowed for the step; effects point into the event or nowhere.
 * Thread:     any, pure; one caller at a time
 * Why:        the same code runs in the node, in the simulator, in raft-script and in an explorer
 */
#ifndef RAFT_RAFT_H
#define RAFT_RAFT_H

#include "base/bytes.h"
#include "base/limits.h"

enum {
    RAFT_EFFECTS_MAX = 3072,          /* more than one event can cause; asserted */
    RAFT_CONF_BYTES_MAX = 1024,       /* encoded configuration without its tail */
    RAFT_SENDS_PER_PEER_MAX = 16,     /* appends to one peer in one step */
    RAFT_INIT_TERM = RAFT_VOTERS_MAX, /* when a cluster begins; no first entry has a higher one */
    RAFT_HANG_ELECTIONS = 3,          /* longest election timeouts until a disk counts as hung */
    RAFT_PAYLOAD_BYTES_MAX = RAFT_CONF_BYTES_MAX,
};

/* ---- Configurations ---- */

/* Who decides. Joint while outgoing_count > 0: then both majorities are needed. A voter that is to
 * become a learner stands in outgoing and learner at once while joint.
 *
 * A life is one incarnation of a node: a wiped disk begins another. 0 stands for one that is not
 * known. A voter is counted in its life alone; where its life is 0, in any
 * (docs/decisions/0007). */
struct raft_conf {
    uint64_t index; /* of the entry that holds it; 0: none */
    bool manual;    /* joint, and left only when asked */
    uint8_t voter_count;
    uint8_t outgoing_count;
    uint8_t learner_count;
    uint64_t voter[RAFT_VOTERS_MAX];
    uint64_t voter_life[RAFT_VOTERS_MAX];
    uint64_t outgoing[RAFT_VOTERS_MAX];
    uint64_t outgoing_life[RAFT_VOTERS_MAX];
    uint64_t learner[RAFT_LEARNERS_MAX];
    uint64_t learner_was[RAFT_LEARNERS_MAX]; /* the life that voted and is lost: it is to be a voter
                                                again; 0: a learner like others */
};

/* Value of one voter in the life that counts (0: in any), for quorums over anything: matches,
 * votes, times. */
typedef uint64_t (*raft_value_fn)(const void *arg, uint64_t id, uint64_t life);

/* raft_quorum -- the largest v that a majority (both majorities when joint) has or exceeds; an
 * empty half decides nothing and counts as UINT64_MAX, an empty configuration gives 0. */
uint64_t raft_quorum(const struct raft_conf *c, raft_value_fn value, const void *arg);

/* raft_conf_is_voter -- in either half. */
bool raft_conf_is_voter(const struct raft_conf *c, uint64_t id);

/* raft_init_term -- of the entry with which node id begins a cluster of these voters: its rank
 * among them. Two that are asked at once write different terms, so that one of the entries gives
 * way like any other. None is above RAFT_INIT_TERM, so what the first leader writes outranks them
 * all. */
uint64_t raft_init_term(const struct raft_conf *c, uint64_t id);

/* raft_conf_is_learner -- receives the log and counts in no majority, of either half. */
bool raft_conf_is_learner(const struct raft_conf *c, uint64_t id);

/* raft_conf_is_member -- either of them. */
bool raft_conf_is_member(const struct raft_conf *c, uint64_t id);

/* raft_conf_life -- of a voter of either half; 0: it is bound to none, or is no voter. */
uint64_t raft_conf_life(const struct raft_conf *c, uint64_t id);

/* raft_conf_counts -- a voter of either half, in this life. */
bool raft_conf_counts(const struct raft_conf *c, uint64_t id, uint64_t life);

/* raft_conf_was -- the life that a learner has lost as a voter that is to come back; 0: none. */
uint64_t raft_conf_was(const struct raft_conf *c, uint64_t id);

/* raft_conf_members -- how many there are of all kinds, each counted once. */
uint32_t raft_conf_members(const struct raft_conf *c);

enum raft_change_kind {
    RAFT_CHANGE_VOTER = 1,
    RAFT_CHANGE_LEARNER, /* a voter is demoted */
    RAFT_CHANGE_REMOVE,
};

struct raft_change {
    enum raft_change_kind kind;
    uint64_t id;
    uint64_t was; /* LEARNER: the life in which it voted, when it is to come back; else 0 */
};

/* raft_conf_change -- what `now`, which is not joint, becomes: joint where voters change, ids in
 * ascending order, index 0. Changes are taken in their order; one that asks for what is there
 * already changes nothing. Who stays a voter keeps its life, a new one has life 0.
 *   err  ERR_BAD_REQUEST  an id is 0, a kind is none, no voter is left, or too many members */
MUST_CHECK
enum err raft_conf_change(const struct raft_conf *now, const struct raft_change *changes,
                          uint32_t count, struct raft_conf *out);

/* raft_conf_leave -- what a joint configuration becomes: its outgoing half is gone. */
void raft_conf_leave(const struct raft_conf *joint, struct raft_conf *out);

/* raft_conf_same -- the same members and lives in the same places, whatever their index. */
bool raft_conf_same(const struct raft_conf *a, const struct raft_conf *b);

/* ---- Messages ---- */

enum raft_entry_kind {
    RAFT_ENTRY_NOOP = 1,
    RAFT_ENTRY_CONF = 2,
    RAFT_ENTRY_COMMAND = 3,
};

/* What the core knows of one entry. data is needed for CONF only. */
struct raft_entry {
    uint64_t term;
    uint32_t size; /* bytes of its data */
    uint8_t kind;
    const uint8_t *data; /* borrowed */
};

enum raft_msg_type {
    RAFT_MSG_PREVOTE = 1,
    RAFT_MSG_PREVOTE_REPLY,
    RAFT_MSG_VOTE,
    RAFT_MSG_VOTE_REPLY,
    RAFT_MSG_APPEND,
    RAFT_MSG_APPEND_REPLY,
    RAFT_MSG_HEARTBEAT,
    RAFT_MSG_HEARTBEAT_REPLY,
    RAFT_MSG_READ,
    RAFT_MSG_READ_REPLY,
    RAFT_MSG_REMINDER,    /* what the receiver has once promised to the sender */
    RAFT_MSG_TIMEOUT_NOW, /* the leader gives its office to the receiver: stand at once */
    RAFT_MSG_SNAPSHOT,    /* the state machine at an index, for who lacks the entries before */
    RAFT_MSG_TYPE_COUNT,
};

/* One message; which fields count depends on the type, the others are 0. */
struct raft_msg {
    enum raft_msg_type type;
    uint64_t from;
    uint64_t to;
    uint64_t life; /* of the sender */
    uint64_t term;
    uint64_t index;    /* votes: last durable index; append, heartbeat: prev; append reply: match,
                            or the prev that was rejected; read reply: the index; reminder:
                            newest acknowledged index; timeout now: leader's last; snapshot: what
                            it contains */
    uint64_t log_term; /* votes: last durable term; append, heartbeat: prev term (0: the leader's
                            log begins behind it); rejection: conflict term;
                            reminder: term of that acknowledgement; timeout now, snapshot: term
                            of that index */
    uint64_t hint;     /* append reply, heartbeat reply: how long the sender refuses its vote to
                            others, in ns;
                            rejection: first index of the conflict term, or where the log ends + 1;
                            0: the term is older;
                            read refused: the leader it knows of, itself when it is only busy;
                            snapshot: index of its configuration; reminder: life of the receiver
                          that promised */
    uint64_t commit;   /* append, heartbeat */
    uint64_t epoch; /* append, heartbeat, snapshot: leader's epoch for this peer; replies: echo */
    uint64_t read_seq; /* append, heartbeat: newest read round, echoed by replies */
    uint64_t sent_ns;  /* append, heartbeat: the leader's clock, echoed by replies */
    uint64_t id;   /* votes: round; read: asker's number, echoed; reminder: newest vote's term */
    bool reject;   /* replies; reminder: it counts in any life of the receiver */
    bool transfer; /* votes: asked for by the leader itself */
    /* the sender's log has another first entry than this node's, so nothing in them is the same,
     * whatever indexes and terms say. Not on the wire: who hands the message over knows it */
    bool elsewhere;
    uint64_t first; /* append: first..last, last < first when empty */
    uint64_t last;
    uint32_t count;                   /* received: entries given */
    const struct raft_entry *entries; /* append received: borrowed; snapshot received: one, its
                                         configuration */
};

/* ---- Events ---- */

enum raft_event_type {
    RAFT_EV_TIME = 1, /* raft_deadline has passed, or nothing happened */
    RAFT_EV_MSG,      /* msg */
    RAFT_EV_INIT,     /* conf, tail_size: entry 1 of an empty log; ticket */
    RAFT_EV_PROPOSE,  /* ticket, count, sizes */
    RAFT_EV_READ,     /* ticket, count, lease */
    /* ticket, index, term: all WAL writes up to ticket are durable, the last entry of the newest
     * that had entries is (index, term), index 0 when none had */
    RAFT_EV_PERSISTED,
    RAFT_EV_APPLIED,   /* index */
    RAFT_EV_PEER_UP,   /* peer: a new connection, what was in flight may be lost */
    RAFT_EV_PEER_DOWN, /* peer */
    /* of tests and scripts: stand for election now; a no-op without sense, or against a lease. The
     * timer wants more: something durable, and a disk that does not hang */
    RAFT_EV_CAMPAIGN,
    /* ticket, changes, count, expect, manual, tail_size: answered OK at the index of the entry that
     * ends the change, once applied; none changes: leave a joint configuration */
    RAFT_EV_CONF,
    RAFT_EV_TRANSFER, /* ticket, peer, 0: whoever is best; OK when another term has begun; TIMEOUT
                       * with an index: the successor was bidden at it, and may yet stand */
    RAFT_EV_FORGET,   /* of tests and scripts: a follower knows no leader and owes no loyalty; not
                       * with lease reads */
    RAFT_EV_SNAPSHOT, /* ticket: make one now; OK at its index when it is made */
    /* index, conf, keep, keep_bytes: what RAFT_DO_SNAPSHOT asked for, or made unasked, and the same
     * again where the log is to be shortened; index 0: it failed, try again. All entries but `keep`
     * before it may go from the log, and those of too many terms go in any case */
    RAFT_EV_SNAP_MADE,
    RAFT_EV_SNAP_FAILED, /* peer: a RAFT_MSG_SNAPSHOT did not arrive, or was not wanted */
    /* peer, index: what goes there for a RAFT_MSG_SNAPSHOT is the snapshot of this index, perhaps
     * older than the one that the core has named; nothing when the log does not go on from it */
    RAFT_EV_SNAP_SENDING,
    RAFT_EV_DISK, /* the log failed: stop for good */
    RAFT_EV_TYPE_COUNT,
};

struct raft_event {
    enum raft_event_type type;
    uint64_t now_ns; /* monotone; an earlier one than before is taken as the same */
    uint64_t ticket;
    uint32_t count;
    const uint32_t *sizes; /* PROPOSE: bytes of each command */
    uint64_t index;
    uint64_t term;
    uint64_t peer;
    uint32_t tail_size;           /* INIT, CONF: bytes that follow the encoded configuration */
    const struct raft_conf *conf; /* INIT, SNAP_MADE: the one at index */
    const struct raft_change *changes;
    uint64_t expect;     /* CONF: index of the configuration that is meant to change; 0: any */
    uint64_t keep;       /* SNAP_MADE: entries */
    uint64_t keep_bytes; /* SNAP_MADE: of them at most, as far as sizes are known; 0: any */
    uint64_t pin;  /* SNAP_MADE: all entries behind it stay, as for a peer that is being sent a
                            snapshot of that index; 0: none */
    bool unpinned; /* SNAP_MADE: there is no room for any of those */
    bool anew;     /* CONF: an entry is written though nobody changes: its tail is news */
    bool manual;   /* CONF: a joint configuration stays until asked to be left */
    bool lease;    /* READ: without asking anybody, while the lease runs */
    const struct raft_msg *msg;
};

/* ---- Effects ---- */

enum raft_effect_type {
    RAFT_DO_WRITE = 1, /* make durable, in order: truncate, entries, hard state; then PERSISTED */
    /* msg, once WAL ticket `after` is durable; an append may be cut to fewer entries, at least one,
     * where it would exceed RAFT_APPEND_BYTES_MAX */
    RAFT_DO_SEND,
    RAFT_DO_APPLY,    /* entries first..last are committed; apply, then APPLIED */
    RAFT_DO_REPLY,    /* tickets ticket..ticket+count-1 end with code; OK: at index.. */
    RAFT_DO_READ_OK,  /* tickets may read once applied >= index */
    RAFT_DO_ROLE,     /* role, term or leader changed, or a transfer ended: see raft_status */
    RAFT_DO_SNAPSHOT, /* make one of what is applied; then SNAP_MADE */
    RAFT_DO_COMPACT,  /* entries up to index are not needed any more */
    /* the state machine is the snapshot (index, term) that came last; a write like others, with its
     * ticket: the log is empty and begins after index. Then APPLIED up to index */
    RAFT_DO_INSTALL,
    RAFT_DO_FATAL, /* this node must stop: code */
};

/* Where the bytes of a RAFT_DO_WRITE come from. */
enum raft_source {
    RAFT_FROM_NONE,    /* no entries: hard state or truncation only */
    RAFT_FROM_PROPOSE, /* the event's commands, all of them, in order */
    RAFT_FROM_MSG,     /* the message's entries from `skip` on */
    RAFT_FROM_CORE,    /* one entry: payload, then the event's tail where tail_count > 0 */
};

struct raft_effect {
    enum raft_effect_type type;
    enum err code;
    uint64_t ticket; /* WRITE, INSTALL: WAL ticket; REPLY, READ_OK: first client ticket */
    uint32_t count;  /* REPLY, READ_OK: tickets */
    uint64_t after;  /* SEND */
    uint64_t index;  /* REPLY OK: index of the first ticket; READ_OK, COMPACT, INSTALL */
    uint64_t first;  /* WRITE, APPLY: first..last; last < first when none */
    uint64_t last;
    uint64_t term;        /* WRITE: of the entries; INSTALL: of index */
    bool truncate;        /* WRITE: entries after truncate_to go first */
    uint64_t truncate_to; /* WRITE */
    bool hard;            /* WRITE: hard_term and hard_vote change */
    uint64_t hard_term;
    uint64_t hard_vote;
    enum raft_source source;
    uint32_t skip;
    uint8_t kind; /* WRITE from core: entry kind */
    uint32_t tail_count;
    uint32_t payload_count;
    uint8_t payload[RAFT_PAYLOAD_BYTES_MAX]; /* WRITE from core; SEND of a snapshot: its encoded
                                                configuration */
    uint64_t hint;                           /* REPLY: leader, 0 unknown */
    struct raft_msg msg;
};

struct raft_out {
    uint32_t count;
    struct raft_effect effect[RAFT_EFFECTS_MAX];
};

/* ---- The core ---- */

enum raft_role {
    RAFT_FOLLOWER,
    RAFT_PRECANDIDATE,
    RAFT_CANDIDATE,
    RAFT_LEADER,
    RAFT_STOPPED,
};

struct raft_config {
    uint64_t id;   /* of this node, > 0 */
    uint64_t life; /* which this is of the node's lives; 0: lives are not told apart */
    uint64_t election_ns_min;
    uint64_t election_ns_max; /* > min */
    uint64_t heartbeat_ns;
    uint64_t seed;             /* of jitter and of the numbers of questions: new for every boot */
    bool no_pre_vote;          /* for tests only */
    bool no_check_quorum;      /* for tests only */
    uint32_t inflight_max;     /* messages a peer, 0: RAFT_INFLIGHT_MSGS_MAX */
    uint32_t append_bytes_max; /* 0: RAFT_APPEND_BYTES_MAX; 1: one entry a message */
    uint64_t snap_entries;     /* applied since the last snapshot until the next; 0: never */
    uint64_t snap_bytes;       /* the same in bytes of entries */
    bool lease_reads;          /* RAFT_EV_READ may ask for them */
    uint32_t drift_ppm;        /* how much two clocks may differ while a lease runs */
    bool auto_rejoin; /* leader: a voter that lost its disk becomes a learner, then a voter */
};

struct raft_run {
    uint64_t first; /* index of the first entry of this term */
    uint64_t term;
};

/* What is on disk. All zero: an empty node. */
struct raft_boot {
    uint64_t now_ns;
    bool restarted; /* it may have promised something before: no vote for one election_ns_min */
    uint64_t term;
    uint64_t vote;
    uint64_t snap_index; /* the log begins after it; 0: from the start */
    uint64_t snap_term;
    uint64_t last;       /* last index of the log; snap_index when it is empty */
    uint64_t applied;    /* of the state machine */
    uint64_t made_index; /* of the newest snapshot that can be sent, 0: none */
    uint64_t made_term;
    struct raft_conf made_conf;
    uint32_t run_count;
    const struct raft_run *runs; /* terms of snap_index+1..last */
    uint32_t size_count;
    const uint32_t *sizes;      /* of the last size_count entries */
    struct raft_conf committed; /* the configuration before the newest one, or the newest */
    struct raft_conf effective; /* newest configuration in the log, or before it */
};

struct raft;

/* raft_size -- bytes of memory that raft_init needs. */
size_t raft_size(void);

/* raft_init -- build a core in mem (zeroed, raft_size() bytes, aligned for any type).
 *   err  ERR_CORRUPT  what boot says contradicts itself; nothing was built */
MUST_CHECK
enum err raft_init(void *mem, const struct raft_config *config, const struct raft_boot *boot,
                   struct raft **out);

/* raft_step -- the only mutator; any event is legal in any state. out is emptied first. */
void raft_step(struct raft *r, const struct raft_event *ev, struct raft_out *out);

/* raft_deadline -- absolute time at which RAFT_EV_TIME is wanted; UINT64_MAX: none. */
uint64_t raft_deadline(const struct raft *r);

/* raft_check -- assert the invariants. raft_step does it itself. */
void raft_check(const struct raft *r);

/* raft_hash -- of the whole state. */
uint64_t raft_hash(const struct raft *r);

/* raft_clone -- dst has raft_size() bytes. */
void raft_clone(struct raft *dst, const struct raft *src);

/* raft_term_at -- term of an entry; 0 when it is not in the log (snapshot's own index is). */
uint64_t raft_term_at(const struct raft *r, uint64_t index);

enum raft_peer_state {
    RAFT_PEER_PROBE,
    RAFT_PEER_REPLICATE,
    RAFT_PEER_SNAPSHOT,
};

struct raft_peer_status {
    uint64_t id;
    uint64_t life; /* newest one heard of, 0: none yet */
    enum raft_peer_state state;
    uint64_t match;
    uint64_t next;
    uint64_t ack_ns;   /* when it last answered; 0 never in this term */
    uint64_t quiet_ns; /* since when it says nothing: ack_ns, or when it was first asked; 0: its
                          life is new */
};

struct raft_status {
    uint64_t id;
    enum raft_role role;
    uint64_t term;
    uint64_t vote;
    uint64_t leader; /* 0 unknown */
    uint64_t first;  /* first index in the log */
    uint64_t last;
    uint64_t last_term;
    uint64_t durable;
    uint64_t commit;
    uint64_t applied;
    uint64_t snap_index; /* the log begins after it */
    uint64_t snap_term;
    uint64_t made_index; /* newest snapshot; 0: none */
    uint64_t made_term;
    uint64_t transfer_to; /* leader: to whom it gives its office; 0: nobody */
    uint64_t uncommitted_bytes;
    uint64_t quorum_ack_ns; /* leader: when a quorum had last answered */
    struct raft_conf conf;  /* the effective one */
    uint64_t committed_conf_index;
    uint64_t life;
    uint32_t wiped_count;
    uint64_t wiped
        [RAFT_PEERS_MAX]; /* voters of either half that are heard in another life than the one that
                                        counts, this node too */
    bool wiped_majority;  /* without them there is none */
    uint32_t peer_count;  /* leader only */
    struct raft_peer_status peer[RAFT_PEERS_MAX];
};

/* raft_status -- a picture of now. */
void raft_status(const struct raft *r, struct raft_status *out);

/* raft_committed_conf -- the newest configuration that is known to be committed here; while the one
 * in force is not, the one before it. index 0: none. */
void raft_committed_conf(const struct raft *r, struct raft_conf *out);

#endif
