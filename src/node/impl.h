/* node/impl.h -- the parts of one node and the functions by which its files call each other.
 *
 * Shape:      two actors share one loop: the raft actor is the only one that steps the core, the kv
 *             actor the only one that touches the state machine. What runs between them are
 *             registers that only grow (durable, target, applied) and lists of operations.
 * Thread:     the loop's
 */
#ifndef NODE_IMPL_H
#define NODE_IMPL_H

#include "actor/actor.h"
#include "actor/supervisor.h"
#include "base/trace.h"
#include "kv/check.h"
#include "net/link.h"
#include "node/book.h"
#include "node/call_codec.h"
#include "node/node.h"
#include "node/op.h"
#include "node/state_conf.h"
#include "raft/raft.h"
#include "store/flush.h"
#include "store/home.h"
#include "store/log.h"
#include "store/snap.h"

enum {
    NODE_BATCH_MAX = 1024,     /* operations handed to the core in one event */
    NODE_GATED_MAX = 4096,     /* messages that wait for the disk */
    NODE_RESULTS = 8192,       /* results kept between apply and answer; a power of two */
    NODE_APPLY_MAX = 512,      /* entries applied in one turn */
    NODE_SNAP_ENTRIES = 65536, /* applied until the log before them may go */
    NODE_KEEP_ENTRIES = 16384, /* of the log, for peers that lag a little */
    NODE_SNAP_SENDERS = 2,     /* snapshots on their way at once */
    NODE_SNAP_HELD = 2 * NODE_SNAP_SENDERS, /* on their way, and as many broken off */
    NODE_SNAP_REFUSED = RAFT_PEERS_MAX,
};
#define NODE_SNAP_BYTES (64ull * MIB) /* as NODE_SNAP_ENTRIES */

/* Messages to the raft actor. */
enum raft_actor_msg {
    RAFT_ACTOR_OP = 1, /* a: ticket of a client operation */
    RAFT_ACTOR_PEER,   /* a: node id, b: 1 up, 0 down */
};

/* Messages to the kv actor. */
enum kv_actor_msg {
    KV_ACTOR_READ = 1, /* a: ticket of one that may be answered once applied >= its read_index */
};

/* What can fail, each with its row in parts.c. */
enum node_part {
    NODE_PART_RAFT,
    NODE_PART_KV,
    NODE_PART_KEEPER, /* of the book of addresses */
    NODE_PART_COUNT,
};

struct node_gated {
    uint64_t after;
    struct raft_msg msg;
};

/* The event that is being stepped: where effects find the bytes they speak of. */
struct node_step {
    struct op **ops;            /* PROPOSE */
    const struct raft_msg *msg; /* MSG */
    struct bytes tail;          /* INIT */
};

/* Which state: what a flush has written, or a snapshot holds. */
struct state_mark {
    uint64_t applied;
    uint64_t term;
    int64_t revision;
    uint64_t hash;
    struct raft_conf conf;
    uint8_t *bytes; /* the configuration as kv_conf has it */
    size_t count;
};

/* The state machine's store. */
struct state {
    struct os_dir *dir;
    struct backing *backing; /* NULL: in memory */
    struct tables tables;
    struct flush flush;
    bool open;
    struct raft_conf conf;      /* at kv.applied */
    struct state_mark flushed;  /* on disk */
    struct state_mark flushing; /* what the flush under way will leave there */
    bool no_room;               /* the flush under way waits for space on the disk */
    bool checkpoint_wanted;     /* by the core: what is applied is to be on disk */
    bool checkpoint_news;       /* the core is to be told of `flushed` */
    uint64_t seen;              /* applied index a second ago */
    uint32_t calm_seconds;      /* so long nothing was applied */
    uint64_t log_bytes;         /* applied since the last flush began */
};

enum snap_out_phase {
    SNAP_OUT_FREE,
    SNAP_OUT_WAITING, /* for a snapshot to be made */
    SNAP_OUT_OFFERED,
    SNAP_OUT_SENDING,
    SNAP_OUT_FAILED /* the core is to be told */
};

/* A snapshot on its way to a peer: one chunk at a time. */
struct snap_out {
    enum snap_out_phase phase;
    struct raft_msg msg; /* what the core sent */
    struct snap_id id;
    struct snap_reader *reader;
    uint64_t heard_ns;
    bool told; /* the core knows which one it is */
};

enum snap_in_phase {
    SNAP_IN_NONE,
    SNAP_IN_BYTES, /* chunks come */
    SNAP_IN_ROWS,  /* all are here, rows are made of them */
    SNAP_IN_CORE,  /* it is the core's turn to want it */
    SNAP_IN_LOG,   /* the log begins behind it, once that is durable */
    SNAP_IN_SWAP   /* the rows take their place */
};

/* A snapshot on its way to this node. */
struct snap_in {
    enum snap_in_phase phase;
    struct node_key key; /* whose */
    struct raft_msg msg; /* for the core, but for the configuration */
    struct snap_id id;
    uint64_t bytes;
    uint64_t heard_ns;
    uint64_t ticket; /* of the log's install */
    struct cluster_id cluster;
    bool swapping;
};

/* What the rows of a snapshot say, while they are written: of a worker. */
struct snap_in_check {
    struct kv_check kv;
    struct state_conf conf; /* its entry is not kept */
    bool conf_seen;
};

/* A peer that has refused a snapshot, or for which none could be made, has to wait for a while. */
struct snap_pause {
    uint64_t peer; /* 0: none */
    uint64_t until_ns;
    uint64_t pause_ns; /* the newest one, doubled each time */
};

/* One that may be sent further: the log behind it stays until then. */
struct snap_held {
    uint64_t index;
    uint64_t until_ns;
};

/* What the log lines said last of voters that lost their disks. */
struct lives_told {
    uint32_t wiped_count;
    uint64_t wiped[RAFT_PEERS_MAX];
    uint32_t back_count; /* learners that are to be voters again */
    uint64_t back[RAFT_LEARNERS_MAX];
    bool majority; /* too many to go on */
};

struct node {
    struct service service; /* first: the backend is the node */
    struct os *os;
    struct mem mem;
    struct mem store_mem; /* log cache, batches, tables */
    const struct config *config;
    struct logger *logger;
    struct metrics metrics;
    struct trace trace;
    void (*failed)(void *arg, enum err why);
    void *failed_arg;
    struct node_bounds bounds; /* no field is 0 */
    struct node_seams seams;
    bool stopping;
    bool dead; /* the log or the state machine failed */

    struct os_dir *dir;
    struct os_dir *log_dir;
    struct home home;
    uint64_t life;      /* this incarnation, for the core; never 0 */
    uint64_t questions; /* to peers about theirs; each life heard of takes a number as well */
    uint8_t secret[HOME_SECRET_BYTES];
    struct cluster_id cluster;

    struct supervisor parts;
    const char *failed_what; /* static text */
    struct actor_sched sched;
    struct actor raft_actor;
    struct actor kv_actor;

    /* raft actor */
    struct boot_log *boot; /* while opening */
    struct raft *core;
    struct raft_out *out;
    struct os_timer raft_timer;
    struct list writes;   /* op.wait: to be proposed at the end of the turn */
    struct list reads;    /* op.wait: to be confirmed at the end of the turn */
    struct list waiting;  /* op.wait: no leader is known */
    struct list inits;    /* op.wait: init in its steps */
    struct list controls; /* op.wait: changes of the cluster that cannot begin yet */
    struct list changes;  /* op.wait: of members, in the log, and not answered yet */
    struct op **batch;
    uint32_t *batch_sizes;
    struct log_entry *entries;
    struct raft_entry *received;
    uint64_t next_ticket;
    struct map by_ticket; /* raft ticket -> op ticket */
    uint64_t durable_ticket;
    uint64_t durable_index;
    uint64_t durable_term;
    bool durable_news;
    struct ring gated_ring;
    struct node_gated *gated;
    uint8_t *frame; /* of an append that is being encoded */
    size_t frame_capacity;
    enum raft_role told_role;
    uint64_t told_leader;
    uint64_t told_term;

    /* kv actor */
    struct log *log;
    struct state state;
    struct kv kv;
    uint64_t apply_target;
    uint64_t applied_told;
    struct kv_result *results;
    struct list read_waits; /* op.wait */

    /* snapshots */
    struct os_dir *snap_dir;
    struct snap *snaps;
    struct snap_out snap_out[NODE_SNAP_SENDERS];
    uint64_t snap_refused[NODE_SNAP_REFUSED]; /* peers for which there was no sender */
    uint32_t snap_refused_count;
    struct snap_held snap_held[NODE_SNAP_HELD];
    struct snap_pause snap_pause[RAFT_PEERS_MAX];
    struct snap_in snap_in;
    struct snap_in_check snap_check;
    uint8_t *conf_room; /* SNAP_CONF_BYTES_MAX, of a configuration that is being saved */
    uint8_t *snap_room; /* a chunk on its way out, or a head */

    /* network */
    struct link *link;
    struct book book;
    uint64_t members_index; /* of the configuration that the book was told of last; 0: none yet */
    struct os_worker *keeper;
    struct os_job book_job;
    bool book_saving;
    uint8_t *book_bytes;
    size_t book_count;
    enum err book_err;

    uint64_t stray_told_ns; /* when datagrams of strangers were last logged */
    uint64_t full_told_ns;

    struct op_pool *ops;
    struct os_timer expire_timer;
    struct os_timer second_timer;
    struct os_space space; /* of the fullest file system */
    bool disk_full;
    bool disk_warned;
    bool terms_warned;
    struct service_members members; /* scratch of answers */
    struct lives_told lives;
};

/* ---- bootstrap.c ---- */

/* node_dir_open -- the directory that the configuration names, or, where path is empty, one of the
 * name `inside` in the data directory; made where it is missing. */
MUST_CHECK
enum err node_dir_open(struct node *n, const char *path, const char *inside, struct os_dir **out,
                       struct diag *diag);

/* node_terms_forget -- segments leave the disk whole, so a start may find more terms than the core
 * takes: those that the state machine has on disk go again, but for half of RAFT_TERM_RUNS_MAX. rec
 * is the log as it is then. err as log_compact. */
MUST_CHECK
enum err node_terms_forget(struct node *n, struct log_recovered *rec);

/* node_core_config -- what the core is told of the configuration, with a seed that was never there
 * before. */
void node_core_config(struct node *n, struct raft_config *out);

/* ---- raft_actor.c ---- */

/* raft_actor_receive, raft_actor_turn -- as struct actor_spec wants them; self is the node. */
void raft_actor_receive(void *self, const struct actor_msg *msg);
void raft_actor_turn(void *self);

/* raft_actor_due -- the core's deadline has come. */
void raft_actor_due(void *arg, uint64_t now_ns);

/* raft_actor_step -- the one place that steps the core; its effects are carried out before it
 * returns. Never called from inside an effect. */
void raft_actor_step(struct node *n, struct raft_event *ev, const struct node_step *step);

/* raft_actor_message -- a peer's message, from inside the link's callback. */
void raft_actor_message(struct node *n, const struct raft_msg *msg);

/* raft_actor_outsider -- not a member, and nobody has said yet who leads: it may never hear of
 * one. */
bool raft_actor_outsider(const struct node *n, const struct raft_status *s);

/* raft_actor_wait -- nothing was done of it, and nobody is known who would: until a leader is. */
void raft_actor_wait(struct node *n, struct op *op);

/* raft_actor_expire -- answer those that waited until their deadline, and say why nobody led. */
void raft_actor_expire(struct node *n, uint64_t now_ns);

/* raft_actor_redispatch -- a leader is known or reachable again: try whoever waited for one. */
void raft_actor_redispatch(struct node *n);

/* raft_actor_ask_again -- one of those tries the leader that is known, for all: a leader that keeps
 * the office which it wanted to give away tells nobody. */
void raft_actor_ask_again(struct node *n);

/* ---- raft_effects.c ---- */

/* raft_effects_run -- carry out all of n->out, in order, until the node is dead. */
void raft_effects_run(struct node *n, const struct node_step *step);

/* raft_effects_conf_seen -- a configuration entry is in the log: learn its members, and from the
 * first one which cluster this is. */
void raft_effects_conf_seen(struct node *n, const struct log_entry *e);

/* ---- raft_send.c ---- */

/* raft_send_gate -- send now, or once the log's ticket in e->after is durable; NODE_GATED_MAX wait,
 * what is more is lost as if on the way. */
void raft_send_gate(struct node *n, const struct raft_effect *e);

/* raft_send_release -- n->durable_ticket has grown: send what waited for it. */
void raft_send_release(struct node *n);

/* ---- kv_actor.c ---- */

/* kv_actor_receive, kv_actor_turn -- as struct actor_spec wants them; self is the node. */
void kv_actor_receive(void *self, const struct actor_msg *msg);
void kv_actor_turn(void *self);

/* kv_actor_read -- answer op once its read_index is applied. */
void kv_actor_read(struct node *n, struct op *op);

/* ---- state.c ---- */

/* state_open -- store, flush and state machine, held against the log. err ERR_CORRUPT when they
 * deny each other; ERR_IO, ERR_NO_MEMORY and what the backing says. */
MUST_CHECK
enum err state_open(struct node *n, const struct log_recovered *rec, struct diag *diag);

/* state_stalled -- nothing is applied until the flush under way has ended. */
bool state_stalled(const struct node *n);

/* state_room -- for one more write. err ERR_BUSY, ERR_DISK_FULL. */
MUST_CHECK
enum err state_room(const struct node *n);

/* state_turn, state_second -- begin a flush if there is reason: at the end of each turn of the kv
 * actor, and once a second. */
void state_turn(struct node *n);
void state_second(struct node *n);

/* state_close -- waits for the flush; whole: what is applied goes to disk first. */
void state_close(struct node *n, bool whole);

/* state_moved -- a flush, a making or an install has ended: who waited for it goes on. */
void state_moved(struct node *n);

/* state_tail_encode -- where the members of a configuration are, but for the outgoing voters, and
 * those of `more`, at most SERVICE_MEMBERS_MAX: as book_tail_encode, each member once. */
MUST_CHECK
enum err state_tail_encode(struct book *book, const struct raft_conf *c, const uint64_t *more,
                           uint32_t more_count, struct writer *w);

/* state_mark_now -- what is applied, for a flush or a snapshot that begins now; its rows of
 * TABLE_META are written. err ERR_NO_MEMORY. */
MUST_CHECK
enum err state_mark_now(struct node *n, struct state_mark *out);

/* state_reopen -- the tables hold another state: read how far it is. err as kv_open, kv_conf. */
MUST_CHECK
enum err state_reopen(struct node *n);

/* state_conf_seen -- a configuration entry is applied. */
void state_conf_seen(struct node *n, uint64_t index, struct bytes data);

/* ---- snapshot_make.c ---- */

/* snapshot_make_open -- the store of snapshots, and whom it tells: of those that are made, stored
 * and received; before the state machine. most and err as of snap_open. */
MUST_CHECK
enum err snapshot_make_open(struct node *n, uint64_t most, struct diag *diag);

/* snapshot_make_file -- begin one of what is on disk, unless one is being made. err as
 * snap_make. */
MUST_CHECK
enum err snapshot_make_file(struct node *n);

/* ---- snapshot_send.c ---- */

/* snapshot_send_begin -- the core has sent one to a peer. */
void snapshot_send_begin(struct node *n, const struct raft_msg *m);

/* snapshot_send_start -- offer what waits, when there is a snapshot that the log goes on from. */
void snapshot_send_start(struct node *n);

/* snapshot_send_away -- the connection to a peer is gone: another one may have its place. */
void snapshot_send_away(struct node *n, uint64_t peer);

/* snapshot_send_failed -- no snapshot can be made for those that wait. */
void snapshot_send_failed(struct node *n);

/* snapshot_send_want -- a peer says how far it is. */
void snapshot_send_want(struct node *n, const struct node_key *peer, struct bytes frame);

/* snapshot_send_second -- offers are repeated; silence ends a sending, and a log that does not go
 * on from it any more. */
void snapshot_send_second(struct node *n, uint64_t now_ns);

/* snapshot_send_hold -- one may be sent further for a while, after whatever breaks it off.
 * snapshot_send_held -- index behind which the log is kept for those, the oldest; 0: none. */
void snapshot_send_hold(struct node *n, const struct snap_id *id);
uint64_t snapshot_send_held(const struct node *n);

/* snapshot_send_tell -- step the core for what failed, and for what is on its way; from the raft
 * actor's turn, before the log may be shortened. */
void snapshot_send_tell(struct node *n);

/* snapshot_send_close -- give up all of them. */
void snapshot_send_close(struct node *n);

/* ---- snapshot_receive.c ---- */

/* snapshot_receive_offer, snapshot_receive_part -- frames of a peer that sends one. */
void snapshot_receive_offer(struct node *n, const struct node_key *peer, struct bytes frame);
void snapshot_receive_part(struct node *n, const struct node_key *peer, struct bytes frame);

/* snapshot_receive_stored, snapshot_receive_whole, snapshot_receive_built, snapshot_receive_swapped
 * -- of struct snap_handler. */
void snapshot_receive_stored(void *arg, enum err e, const struct snap_id *id, uint64_t offset);
void snapshot_receive_whole(void *arg, enum err e, const struct snap_meta *meta);
void snapshot_receive_built(void *arg, enum err e, const struct snap_meta *meta);
void snapshot_receive_swapped(void *arg, enum err e, const struct snap_meta *meta);

/* snapshot_receive_check, snapshot_receive_check_row, snapshot_receive_check_end -- of struct
 * snap_check; arg is a struct snap_in_check. */
void snapshot_receive_check(void *arg);
enum err snapshot_receive_check_row(void *arg, enum table_id id, struct bytes key,
                                    struct bytes value);
enum err snapshot_receive_check_end(void *arg, const struct snap_meta *meta);

/* snapshot_receive_install -- RAFT_DO_INSTALL: the log begins behind it. */
void snapshot_receive_install(struct node *n, const struct raft_effect *e);

/* snapshot_receive_go_on -- the log is durable further, or the rows are free: swap if it is
 * time. */
void snapshot_receive_go_on(struct node *n);

/* snapshot_receive_second -- say again how far it is, in case that was lost. */
void snapshot_receive_second(struct node *n, uint64_t now_ns);

/* snapshot_receive_installing -- nothing may be applied, and nothing flushed. */
bool snapshot_receive_installing(const struct node *n);

/* ---- forward.c ---- */

/* forward_out -- hand a local write or control to the leader; false: unknown or not connected, op
 * is as it was. True: op is with the leader, or was answered ERR_BUSY because the way is full. */
bool forward_out(struct node *n, struct op *op, uint64_t leader);

/* forward_in -- a peer's write or change in a frame of this life of its connection. */
void forward_in(struct node *n, const struct node_key *peer, uint64_t epoch, struct bytes frame);

/* forward_answer_in -- what the leader answered; dropped when the asker has been told already. That
 * of which it says for certain that nothing was done waits for the next leader. */
void forward_answer_in(struct node *n, const struct node_key *peer, struct bytes frame);

/* forward_remote -- op_reply_fn: take an answer to the peer that asked, if it is still there. */
void forward_remote(void *arg, const struct op *op, const struct service_reply *reply);

/* ---- mesh.c ---- */

extern const struct link_handler mesh_handler;

/* mesh_learn -- book_learn, of the node's own book or of a copy; where that is full, who is needed
 * least makes way, with its connection if a number is given: that may be a member's.
 *   err ERR_BUSY: all others are needed */
MUST_CHECK
enum err mesh_learn(struct node *n, struct book *b, uint64_t id, const struct node_key *key,
                    struct book_entry **out);

/* mesh_peer_may -- whether mesh_peer would believe it.
 *   err ERR_BAD_REQUEST (key or number are this node's or another member's) */
MUST_CHECK
enum err mesh_peer_may(struct node *n, uint64_t id, const struct node_key *key);

/* mesh_peer -- a peer by its key, and by its number unless that is 0, at these addresses.
 *   err ERR_BAD_REQUEST (key or number are this node's or another member's), and the link's */
MUST_CHECK
enum err mesh_peer(struct node *n, uint64_t id, const struct node_key *key,
                   const struct os_addr *addrs, uint32_t count);

/* mesh_origin -- which cluster this node is of, and whether that is decided.
 * mesh_origin_tell -- that has changed: let all peers know. */
struct origin mesh_origin(const struct node *n);
void mesh_origin_tell(struct node *n);

/* mesh_life_ask -- ask a peer who it is and what it holds now; lost when there is no connection. */
void mesh_life_ask(struct node *n, struct book_entry *e);

/* mesh_foreign -- this peer has said that it is of another cluster. */
bool mesh_foreign(const struct node *n, const struct book_entry *e);

/* mesh_sender_good -- the number belongs to this key, or is believed now. */
bool mesh_sender_good(struct node *n, const struct node_key *peer, uint64_t id);

/* mesh_members -- learn who the members are from the tail of a configuration entry, of the log or
 * of the state machine: what an older one says contradicts nothing that is known.
 * mesh_members_gone -- entries after that index are not in the log any more. */
void mesh_members(struct node *n, uint64_t index, struct bytes tail);
void mesh_members_gone(struct node *n, uint64_t to);

/* ---- book_keeper.c ---- */

/* book_keeper_save -- let the keeper write the book, if it changed and none is being written. */
void book_keeper_save(struct node *n);

/* book_keeper_start, book_keeper_stop -- of the supervisor's row; self is the node. */
MUST_CHECK
enum err book_keeper_start(void *self);
void book_keeper_stop(void *self);

/* book_keeper_load -- the book from disk; one that cannot be read begins anew, whatever stands in
 * its place. err ERR_NEWER_FORMAT. */
MUST_CHECK
enum err book_keeper_load(struct node *n, struct diag *diag);

/* ---- init_op.c ---- */

/* init_begin -- the service's init. err ERR_ALREADY_INITIALIZED, ERR_BAD_REQUEST (the members),
 * and what backend_begin says. */
MUST_CHECK
enum err init_begin(struct service *s, const struct service_member *members, uint32_t count,
                    struct service_call *call);

/* init_advance -- at the end of a turn: the next step of every init under way. */
void init_advance(struct node *n);

/* init_expire -- answer those whose time is over, and say who is missing, or begun elsewhere. */
void init_expire(struct node *n, uint64_t now_ns);

/* ---- control_op.c ---- */

/* control_add_learner, control_change_membership, control_remove, control_transfer -- as struct
 * service_table says.
 * err ERR_NOT_INITIALIZED, ERR_BAD_REQUEST, and what backend_begin says. */
MUST_CHECK
enum err control_add_learner(struct service *s, const struct service_member *member,
                             struct service_call *call);
MUST_CHECK
enum err control_change_membership(struct service *s, const uint64_t *ids, uint32_t count,
                                   struct service_call *call);
MUST_CHECK
enum err control_remove(struct service *s, uint64_t id, struct service_call *call);
MUST_CHECK
enum err control_transfer(struct service *s, uint64_t to, struct service_call *call);

/* control_snapshot -- as struct service_table says of trigger_snapshot. err as above. */
MUST_CHECK
enum err control_snapshot(struct service *s, struct service_call *call);

/* control_advance -- at the end of a turn: begin what can begin, here or with the leader. */
void control_advance(struct node *n);

/* control_expire -- answer those whose time is over with what they waited for. */
void control_expire(struct node *n, uint64_t now_ns);

/* control_reply -- the core has answered: done, refused, or not yet. */
void control_reply(struct node *n, struct op *op, const struct raft_effect *e);

/* ---- control_change.c ---- */

enum {
    CONTROL_CHANGES_MAX = SERVICE_MEMBERS_MAX + RAFT_VOTERS_MAX + RAFT_LEARNERS_MAX
};

struct control;

/* control_changes -- what is asked, as at most CONTROL_CHANGES_MAX changes of the configuration in
 * force. err ERR_UNKNOWN_NODE, ERR_BAD_REQUEST. */
MUST_CHECK
enum err control_changes(const struct control *c, const struct raft_conf *now,
                         struct raft_change *out, uint32_t *out_count);

/* control_majority -- on the leader: whether enough of the voters to be were heard within the
 * longest election timeout; true where no voter changes. */
bool control_majority(const struct node *n, const struct raft_status *st,
                      const struct raft_change *changes, uint32_t count);

/* control_heard -- on the leader: whether every learner that is to vote has answered since the
 * change was asked for, and within the longest election timeout. */
bool control_heard(const struct node *n, const struct raft_status *st,
                   const struct raft_change *changes, uint32_t count, uint64_t since_ns);

/* control_silent -- on the leader: whether it is certain that a peer has not answered for longer
 * than the longest election timeout. */
bool control_silent(const struct node *n, const struct raft_status *st, uint64_t id);

/* control_foreign -- the first of those named in a change that is of another cluster, as book knows
 * them, and is not a voter that stays one; 0: none. */
uint64_t control_foreign(const struct node *n, struct book *book, const struct control *c,
                         const struct raft_conf *now);

/* control_why -- why it is refused and what to type next, a text or NULL; it may stand in room. */
const char *control_why(struct node *n, const struct control *c, enum err e, struct writer *room);

/* ---- backend_raft.c ---- */

extern const struct service_table backend_raft_table;

/* backend_begin -- an operation of a local call. err ERR_SHUTTING_DOWN, ERR_BUSY. */
MUST_CHECK
enum err backend_begin(struct node *n, enum op_kind kind, struct bytes data,
                       struct service_call *call, struct op **out);

/* backend_submit -- to the raft actor. err ERR_QUEUE_FULL: op is still the caller's. */
MUST_CHECK
enum err backend_submit(struct node *n, struct op *op);

/* backend_reply -- the head of an answer: term, node and leader as this node knows them. */
struct service_reply backend_reply(const struct node *n, enum err code);

/* backend_no_leader -- why no leader is known here, and what to do: who is no member is told so, a
 * member which voters do not answer, where these are too many. A text that may stand in room. */
const char *backend_no_leader(const struct node *n, struct writer *room);

/* backend_silent -- one more of those that do not answer, by name: the first has count 1. More than
 * an answer has room for are not named. */
void backend_silent(uint64_t id, uint32_t count, struct writer *out);

/* backend_silent_end -- what so many of them do: "does not answer". Returns how to speak of them
 * next: "it" or "them". */
const char *backend_silent_end(uint32_t count, struct writer *out);

/* backend_answer -- op_answer with that head, and why no leader is known. */
void backend_answer(struct node *n, struct op *op, enum err code, int64_t revision);

/* backend_answer_members -- done; these are the members now, as far as that is committed. */
void backend_answer_members(struct node *n, struct op *op);

/* backend_answered -- op_reply_fn: count what own clients are told, in one place for all ways. */
void backend_answered(void *arg, const struct op *op, const struct service_reply *reply);

/* ---- status.c ---- */

/* node_status, node_metrics_text, node_transport_text -- as struct service_table says. */
void node_status(struct service *s, struct service_status *out);
void node_metrics_text(struct service *s, struct writer *out);
void node_transport_text(struct service *s, struct writer *out);

/* ---- lives.c ---- */

/* lives_watch -- log lines of voters that lost their disks, and of what comes of it: when a
 * configuration enters the log, and once a second. */
void lives_watch(struct node *n);

/* ---- housekeeping.c ---- */

/* housekeeping_expire, housekeeping_second -- timers: deadlines ten times a second while there are
 * operations; disks, terms, a paused writer and log lines every second. */
void housekeeping_expire(void *arg, uint64_t now_ns);
void housekeeping_second(void *arg, uint64_t now_ns);

/* housekeeping_arm -- there is an operation: watch its deadline. */
void housekeeping_arm(struct node *n);

/* ---- parts.c ---- */

/* node_parts_open -- start actors and keeper. err of the one that did not start. */
MUST_CHECK
enum err node_parts_open(struct node *n);
void node_parts_close(struct node *n);

/* node_fail -- part cannot go on, what says why (static text); once, later calls do nothing. */
void node_fail(struct node *n, enum node_part part, enum err why, const char *what);

#endif
