/* raft/impl.h -- the state of the core and what its files share; included from this folder only.
 *
 * Invariants: see raft/check.c
 * Thread:     any, pure
 */
#ifndef RAFT_IMPL_H
#define RAFT_IMPL_H

#include "base/panic.h"
#include "base/prng.h"
#include "base/ring.h"
#include "raft/raft.h"

struct raft_inflight {
    uint64_t last;
    uint32_t bytes;
};

enum raft_ballot {
    RAFT_BALLOT_OPEN,
    RAFT_BALLOT_YES,
    RAFT_BALLOT_NO
};

struct raft_peer {
    uint64_t id;
    uint64_t life; /* newest one heard of, and all that is known is of it; 0: none yet */
    enum raft_peer_state state;
    enum raft_ballot ballot;
    bool probing; /* PROBE: one append is out */
    bool reborn;  /* its match began anew in this office: what was counted before may be more */
    uint64_t match;
    uint64_t next;
    uint64_t sent_commit;
    uint64_t epoch;
    uint64_t read_seq; /* newest round it answered */
    uint64_t ack_ns;
    uint64_t lease_ns;     /* newest time of our clock that it has answered */
    bool loyal;            /* from then on for as long as this node is, or longer */
    uint64_t snap;         /* SNAPSHOT: index of the one on its way; 0: it is being made */
    uint64_t judged_ns;    /* when it was last probed, or looked at for lost messages */
    uint64_t judged_match; /* match then: no progress since means loss */
    uint64_t round_end; /* a learner that comes back: what it must have at the end of this round */
    uint64_t round_ns;  /* when the round began */
    struct ring inflight;
    uint64_t inflight_bytes;
    struct raft_inflight slot[RAFT_INFLIGHT_MSGS_MAX];
};

/* A range of client tickets whose entries are in the log. */
struct raft_proposal {
    uint64_t ticket;
    uint64_t index;
    uint32_t count;
};

/* A batch of reads that waits for its round. */
struct raft_read {
    uint64_t ticket;
    uint32_t count;
    uint64_t seq;    /* leader: round that must be confirmed; follower: number of the question */
    uint64_t index;  /* leader: what it may read once confirmed */
    uint64_t origin; /* leader: the follower that asked, 0 for own clients */
    uint64_t id;     /* leader: its number of the question */
    uint64_t deadline_ns;
};

/* What this node and another have promised each other. */
struct raft_promise {
    uint64_t id;
    uint64_t said_term;  /* newest acknowledgement of this process to it: the term, */
    uint64_t said_index; /* and all entries up to this one */
    uint64_t said_vote;  /* newest term in which this process voted for it */
    uint64_t heard_life; /* the same the other way: which of its lives, */
    uint64_t heard_term;
    uint64_t heard_index;
    uint64_t heard_vote;
};

struct raft {
    struct raft_config config;
    uint64_t now_ns;
    struct prng prng;

    /* hard state */
    uint64_t term;
    uint64_t vote;

    /* soft state */
    enum raft_role role;
    uint64_t leader;
    uint64_t election_deadline_ns;
    uint64_t heartbeat_deadline_ns;
    uint64_t sticky_until_ns; /* no vote before: a leader was heard, or may have been promised to */
    uint64_t round;           /* of pre-votes and votes; begins anywhere, see raft_init */
    enum raft_ballot own_ballot;
    uint64_t own_vote_ticket; /* the own vote counts once this is durable */

    /* WAL tickets */
    uint64_t wal_issued;
    uint64_t wal_done;
    uint64_t wal_moved_ns; /* since then the oldest write that is not done waits */
    uint64_t hard_ticket;  /* newest that carried hard state */
    uint64_t cut_ticket;   /* newest that truncated */

    /* log */
    uint64_t snap_index;
    uint64_t snap_term;
    uint64_t last;
    uint64_t durable;
    uint64_t commit;
    uint64_t apply_sent;
    uint64_t apply_bytes; /* of applied+1..apply_sent, as far as sizes are known */
    uint64_t applied;
    uint64_t uncommitted_bytes; /* after commit, as far as sizes are known */
    uint32_t run_count;
    struct raft_run run[RAFT_TERM_RUNS_MAX];
    uint64_t size_first; /* oldest index whose size is known */
    uint32_t size[RAFT_SIZE_RING];

    /* promises, and what the disk held when this process began */
    uint64_t boot_term;
    uint64_t boot_vote;
    uint64_t boot_last;
    uint64_t quiet_until_ns; /* no new vote before, whatever the term: a reminder may be coming */
    uint32_t promise_count;
    struct raft_promise promise[RAFT_PEERS_MAX];
    struct raft_promise promise_gone; /* the most that was said to those that have no row */

    /* configuration */
    struct raft_conf committed;
    struct raft_conf effective;
    uint32_t peer_count;
    struct raft_peer peer[RAFT_PEERS_MAX];

    uint64_t epoch_gone; /* newest of the peers that are gone */

    /* snapshots */
    uint64_t made_index;
    uint64_t made_term;
    struct raft_conf made_conf;
    bool snap_building;
    uint64_t snap_ticket; /* asked for one; 0: nobody */
    uint64_t snap_bytes;  /* applied since the newest one, as far as sizes are known */

    /* leader, and reads of a follower */
    uint64_t noop_index;
    uint64_t conf_ticket; /* ends when the joint configuration is left; 0: none */
    uint64_t transfer_to; /* 0: nobody */
    uint64_t transfer_ticket;
    uint64_t transfer_deadline_ns;
    uint64_t transfer_bid; /* last entry when it was bidden to stand; 0: not yet */
    bool transfer_told;    /* since the last heartbeat */
    bool lease_lost;       /* for this term */
    uint64_t read_seq;     /* leader: newest round */
    uint64_t read_asked;   /* follower: newest question; begins anywhere, see raft_init */
    struct ring proposals;
    struct raft_proposal proposal[RAFT_PROPOSALS_MAX];
    struct ring reads;
    struct raft_read read[RAFT_READ_BATCHES_MAX];
};

/* What a step must not take back. */
struct raft_before {
    uint64_t term;
    uint64_t vote;
    uint64_t commit;
    uint64_t applied;
    uint64_t last;
    bool leads;
};

/* ---- check.c ---- */

/* raft_check_step -- what must hold between the state before a step and the one after. */
void raft_check_step(const struct raft *r, const struct raft_before *b);

/* ---- raft.c ---- */

/* raft_emit -- the next effect, zeroed. */
struct raft_effect *raft_emit(struct raft_out *out, enum raft_effect_type type);

/* raft_reply -- end a range of client tickets. */
void raft_reply(const struct raft *r, struct raft_out *out, uint64_t ticket, uint32_t count,
                enum err code, uint64_t index);

/* raft_send -- a message of this term to a peer, gated by `after`; the caller fills the rest. */
struct raft_msg *raft_send(struct raft *r, struct raft_out *out, uint64_t to,
                           enum raft_msg_type type, uint64_t after);

/* raft_write_hard -- persist term and vote with the next ticket. */
void raft_write_hard(struct raft *r, struct raft_out *out);

/* raft_write -- a WRITE effect with the next ticket. */
struct raft_effect *raft_write(struct raft *r, struct raft_out *out);

/* raft_stop -- for good: give up office; every ticket is answered, now and later, and no peer. */
void raft_stop(struct raft *r, struct raft_out *out, enum err why);

/* raft_message -- RAFT_EV_MSG: by its term and type, or dropped. */
void raft_message(struct raft *r, const struct raft_msg *m, struct raft_out *out);

/* raft_may_stand -- it may lead, its first entry is durable, with room for a term and a disk that
 * moves. */
bool raft_may_stand(const struct raft *r);

/* ---- termlog.c ---- */

/* raft_log_push, raft_log_truncate -- one more entry of this size; all after `to` are gone. */
void raft_log_push(struct raft *r, uint64_t term, uint32_t size);
void raft_log_truncate(struct raft *r, uint64_t to);

/* raft_log_settle -- entries first..last, uncommitted so far, are committed or gone: take those
 * whose size is known off the account. */
void raft_log_settle(struct raft *r, uint64_t first, uint64_t last);

/* raft_log_compact -- entries up to `to`, which are applied, are gone. */
void raft_log_compact(struct raft *r, uint64_t to);

/* raft_log_restart -- all entries are gone; the log begins after (index, term). */
void raft_log_restart(struct raft *r, uint64_t index, uint64_t term);

/* raft_log_size -- bytes of an entry; UINT32_MAX when not known any more. */
uint32_t raft_log_size(const struct raft *r, uint64_t index);

/* raft_log_term_first -- first index of the run that holds index. */
uint64_t raft_log_term_first(const struct raft *r, uint64_t index);

/* raft_log_term_last -- last index whose term is at most term; snap_index when there is none. */
uint64_t raft_log_term_last(const struct raft *r, uint64_t term);

/* ---- conf.c ---- */

/* raft_conf_copy -- only what counts; the rest of `to` is zero, so that equal states are equal
 * bytes. */
void raft_conf_copy(struct raft_conf *to, const struct raft_conf *from);

/* raft_conf_use -- c was just written: it is in force, and the one before it is committed. */
void raft_conf_use(struct raft *r, const struct raft_conf *c);

/* raft_conf_revert -- entries after `to` are gone, and a configuration among them. */
void raft_conf_revert(struct raft *r, uint64_t to);

/* raft_conf_settled -- the configuration in force is committed: peers that it lacks are gone. */
void raft_conf_settled(struct raft *r);

/* raft_conf_set -- c is in force and committed, whatever was before. */
void raft_conf_set(struct raft *r, const struct raft_conf *c);

/* raft_peer_find -- NULL: no member, or this node. */
struct raft_peer *raft_peer_find(struct raft *r, uint64_t id);

/* ---- life.c ---- */

/* raft_life_heard -- a message came: if its sender has begun another life, nothing is known of it
 * any more. A leader hears so in its own term alone; life 0 says nothing. */
void raft_life_heard(struct raft *r, const struct raft_msg *m, struct raft_out *out);

/* raft_life_peer -- the peer, if what is known of it is of this life (0: of any); else NULL. */
const struct raft_peer *raft_life_peer(const struct raft *r, uint64_t id, uint64_t life);

/* raft_life_lost -- a voter, this node or another, that is heard in another life than it is bound
 * to. */
bool raft_life_lost(const struct raft *r, uint64_t id);

/* raft_life_own -- this node lives that life; 0: any. */
bool raft_life_own(const struct raft *r, uint64_t life);

/* raft_life_bind -- voters of c, in the half that comes, whose life is not known, but is plain: it
 * becomes known. Who is in the half that goes alone stays as it is. */
void raft_life_bind(struct raft *r, struct raft_conf *c);

/* raft_life_unbound -- the configuration in force, with the lives that are plain and not in it yet;
 * false: there is none. */
bool raft_life_unbound(struct raft *r, struct raft_conf *out);

/* raft_life_go_on -- leader, nothing pending: the configuration that comes next so that each voter
 * is bound to its life, and each that lost its disk comes back; false: nothing is to be done. */
bool raft_life_go_on(struct raft *r, struct raft_conf *out);

/* raft_life_status -- the fields of lives. */
void raft_life_status(const struct raft *r, struct raft_status *out);

/* ---- election.c ---- */

/* raft_follow -- be a follower of this term, of leader or of nobody known (0); a leader's proposals
 * and reads end. */
void raft_follow(struct raft *r, struct raft_out *out, uint64_t term, uint64_t leader);

/* raft_campaign -- ask for pre-votes, or stand where there are none; nothing when it may not. The
 * timer has asked raft_may_stand, which wants more: only RAFT_EV_CAMPAIGN is refused here. */
void raft_campaign(struct raft *r, struct raft_out *out);

/* raft_stand -- be a candidate; at the leader's wish voters owe it no loyalty. */
void raft_stand(struct raft *r, struct raft_out *out, bool transfer);

/* raft_election_reset -- draw a new election deadline from now on. */
void raft_election_reset(struct raft *r);

/* raft_election_msg -- a vote, a pre-vote, or an answer to one. */
void raft_election_msg(struct raft *r, const struct raft_msg *m, struct raft_out *out);

/* raft_election_tally -- count the ballots: stand, lead, give up, or wait for more. */
void raft_election_tally(struct raft *r, struct raft_out *out);

/* raft_is_voter -- this node, in the configuration in force. */
bool raft_is_voter(const struct raft *r);

/* raft_may_lead -- a voter; or one until the configuration in force, which is not known to be
 * committed: without its log nobody else may be able to win (thesis 4.2.2). */
bool raft_may_lead(const struct raft *r);

/* ---- replicate.c, follow.c ---- */

/* raft_lead -- the election is won: write the term's first entry, probe everybody. */
void raft_lead(struct raft *r, struct raft_out *out);

/* raft_append_msg, raft_heartbeat_msg -- of the leader of this term, at a follower. */
void raft_append_msg(struct raft *r, const struct raft_msg *m, struct raft_out *out);
void raft_heartbeat_msg(struct raft *r, const struct raft_msg *m, struct raft_out *out);

/* raft_append_reply, raft_heartbeat_reply -- a follower's to its leader; none of another epoch. */
void raft_append_reply(struct raft *r, const struct raft_msg *m, struct raft_out *out);
void raft_heartbeat_reply(struct raft *r, const struct raft_msg *m, struct raft_out *out);

/* raft_heartbeat -- to every peer, with the newest round of reads. */
void raft_heartbeat(struct raft *r, struct raft_out *out);

/* raft_replicate -- send a peer what it lacks, as far as its window allows. */
void raft_replicate(struct raft *r, struct raft_peer *p, struct raft_out *out);

/* raft_replicate_all -- the same for every peer. */
void raft_replicate_all(struct raft *r, struct raft_out *out);

/* raft_propose -- RAFT_EV_PROPOSE: append and replicate, or refuse all of its tickets. */
void raft_propose(struct raft *r, const struct raft_event *ev, struct raft_out *out);

/* raft_usurper -- a second leader in a term, this node or another is the first: somebody lies. */
bool raft_usurper(const struct raft *r, const struct raft_msg *m);

/* raft_heard -- the leader of this term has spoken: follow it, be loyal for a while. */
void raft_heard(struct raft *r, const struct raft_msg *m, struct raft_out *out);

/* raft_answer -- a reply to an append or a heartbeat, echoing what identifies it. */
struct raft_msg *raft_answer(struct raft *r, const struct raft_msg *m, struct raft_out *out,
                             enum raft_msg_type type, uint64_t after);

/* raft_admit -- why a leader cannot take `count` more entries now; ERR_OK when it can. */
enum err raft_admit(const struct raft *r, uint32_t count);

/* raft_commit_advance -- leader: commit what a quorum has of the own term. */
void raft_commit_advance(struct raft *r, struct raft_out *out);

/* raft_commit_to -- commit is index at least. */
void raft_commit_to(struct raft *r, uint64_t index);

/* raft_peer_reset -- nothing is on its way to p any more: probe from what it is known to have. */
void raft_peer_reset(struct raft *r, struct raft_peer *p);

/* raft_quorum_ack -- leader: time at which a quorum had last answered. */
uint64_t raft_quorum_ack(const struct raft *r);

/* ---- promise.c ---- */

/* raft_promise_ack, raft_promise_vote -- this node is about to say so to a peer, in its term. */
void raft_promise_ack(struct raft *r, uint64_t to, uint64_t index);
void raft_promise_vote(struct raft *r, uint64_t to);

/* raft_promise_heard -- a message came: keep what it promises. */
void raft_promise_heard(struct raft *r, const struct raft_msg *m);

/* raft_promised_by -- the life of a peer whose promises are kept; 0: none, or not known. */
uint64_t raft_promised_by(const struct raft *r, uint64_t id);

/* raft_remind -- tell a peer what it has promised; nothing when it has promised nothing. */
void raft_remind(struct raft *r, uint64_t to, struct raft_out *out);

/* raft_reminded -- false: this node has promised what its disk did not hold: it must stop. */
MUST_CHECK
bool raft_reminded(struct raft *r, const struct raft_msg *m);

/* ---- change.c ---- */

/* raft_conf_propose -- RAFT_EV_CONF: begin a change, leave a joint configuration, or refuse. */
void raft_conf_propose(struct raft *r, const struct raft_event *ev, struct raft_out *out);

/* raft_conf_write -- append c as an entry of this term (the leader's; of init its rank) and use it;
 * *c has its index then. */
void raft_conf_write(struct raft *r, struct raft_conf *c, uint64_t term, uint32_t tail_size,
                     struct raft_out *out);

/* raft_conf_go_on -- leader: leave a committed joint configuration; give up an office that is no
 * member's. After every step: what is to be done follows from the state, never from how it came. */
void raft_conf_go_on(struct raft *r, struct raft_out *out);

/* ---- transfer.c ---- */

/* raft_transfer -- RAFT_EV_TRANSFER: begin one, or refuse. */
void raft_transfer(struct raft *r, const struct raft_event *ev, struct raft_out *out);

/* raft_transfer_begin -- give the office to a voter, 0: the best; ticket 0: nobody asked. */
void raft_transfer_begin(struct raft *r, uint64_t to, uint64_t ticket, struct raft_out *out);

/* raft_transfer_go_on -- tell the successor when it has everything. */
void raft_transfer_go_on(struct raft *r, struct raft_out *out);

/* raft_transfer_end -- the ticket ends with code; nothing when there is no transfer. */
void raft_transfer_end(struct raft *r, struct raft_out *out, enum err code);

/* raft_transfer_expire -- its time is over: carry on, or leave an office that is no member's. */
void raft_transfer_expire(struct raft *r, struct raft_out *out);

/* raft_timeout_now_msg -- the leader wishes this node to follow it in office. */
void raft_timeout_now_msg(struct raft *r, const struct raft_msg *m, struct raft_out *out);

/* ---- snap.c ---- */

/* raft_snap_send -- p lacks what the log has no more: send the newest one, or have one made. */
void raft_snap_send(struct raft *r, struct raft_peer *p, struct raft_out *out);

/* raft_snap_ask, raft_snap_made, raft_snap_failed, raft_snap_sending -- RAFT_EV_SNAPSHOT,
 * RAFT_EV_SNAP_MADE, RAFT_EV_SNAP_FAILED, RAFT_EV_SNAP_SENDING. */
void raft_snap_ask(struct raft *r, const struct raft_event *ev, struct raft_out *out);
void raft_snap_made(struct raft *r, const struct raft_event *ev, struct raft_out *out);
void raft_snap_failed(struct raft *r, uint64_t id);
void raft_snap_sending(struct raft *r, uint64_t id, uint64_t index);

/* raft_snap_go_on -- have one made when the log has grown enough. */
void raft_snap_go_on(struct raft *r, struct raft_out *out);

/* raft_snap_msg -- a snapshot of the leader has come, whole and checked by the driver. */
void raft_snap_msg(struct raft *r, const struct raft_msg *m, struct raft_out *out);

/* raft_snap_installing -- the state machine is not yet what the log begins after. */
bool raft_snap_installing(const struct raft *r);

/* ---- apply.c ---- */

/* raft_apply_more -- ask for what is committed and durable, within RAFT_APPLY_BYTES_MAX. */
void raft_apply_more(struct raft *r, struct raft_out *out);

/* raft_applied -- RAFT_EV_APPLIED: end the proposals up to index, ask for more. */
void raft_applied(struct raft *r, uint64_t index, struct raft_out *out);

/* raft_proposals_fail -- end all proposals in flight with code. */
void raft_proposals_fail(struct raft *r, struct raft_out *out, enum err code);

/* ---- read.c ---- */

/* raft_read -- RAFT_EV_READ: a batch that waits for a round, or for the leader's answer. */
void raft_read(struct raft *r, const struct raft_event *ev, struct raft_out *out);

/* raft_read_msg, raft_read_reply -- a follower's question at the leader; the answer to it. */
void raft_read_msg(struct raft *r, const struct raft_msg *m, struct raft_out *out);
void raft_read_reply(struct raft *r, const struct raft_msg *m, struct raft_out *out);

/* raft_read_confirm -- leader: end the batches whose round a quorum has answered. */
void raft_read_confirm(struct raft *r, struct raft_out *out);

/* raft_reads_fail, raft_reads_expire -- end all batches with code; those whose time is over. */
void raft_reads_fail(struct raft *r, struct raft_out *out, enum err code);
void raft_reads_expire(struct raft *r, struct raft_out *out);

/* raft_reads_deadline -- when the next one expires; UINT64_MAX: none waits. */
uint64_t raft_reads_deadline(const struct raft *r);

#endif
