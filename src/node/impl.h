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
#include "kv/kv.h"
#include "net/link.h"
#include "node/book.h"
#include "node/call_codec.h"
#include "node/node.h"
#include "node/op.h"
#include "raft/raft.h"
#include "store/flush.h"
#include "store/home.h"
#include "store/log.h"

enum {
    NODE_BATCH_MAX = 1024, /* operations handed to the core in one event */
    NODE_GATED_MAX = 4096, /* messages that wait for the disk */
    NODE_RESULTS = 8192,   /* results kept between apply and answer; a power of two */
    NODE_APPLY_MAX = 512,  /* entries applied in one turn */
    NODE_TAIL_BYTES_MAX = BOOK_BYTES_MAX,
};

/* Messages to the raft actor. */
enum raft_actor_msg {
    RAFT_ACTOR_OP = 1, /* ptr: a client operation */
    RAFT_ACTOR_PEER,   /* a: node id, b: 1 up, 0 down */
};

/* Messages to the kv actor. */
enum kv_actor_msg {
    KV_ACTOR_READ = 1, /* ptr: an operation that may be answered once applied >= its read_index */
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
    struct op **ops; /* PROPOSE */
    uint32_t op_count;
    const struct raft_msg *msg; /* MSG */
    struct bytes tail;          /* INIT */
};

/* What reading the log tells the core. */
struct boot_log {
    struct raft_conf newest; /* configuration in the log */
    struct raft_conf older;  /* the one before it */
    uint32_t sizes[RAFT_SIZE_RING];
};

/* The state machine's store. */
struct state {
    struct os_dir *dir;
    struct backing *backing; /* NULL: in memory */
    struct tables tables;
    struct flush flush;
    bool open;
    uint64_t flushed;   /* applied index that is on disk */
    uint64_t flushing;  /* the one that the flush under way will leave */
    uint64_t seen;      /* applied index a second ago */
    uint64_t log_bytes; /* applied since the last flush began */
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
    struct list writes;  /* op.wait: to be proposed at the end of the turn */
    struct list reads;   /* op.wait: to be confirmed at the end of the turn */
    struct list waiting; /* op.wait: no leader is known */
    struct list inits;   /* op.wait: init in its steps */
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

    /* network */
    struct link *link;
    struct book book;
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
};

/* ---- bootstrap.c ---- */

/* node_dir_open -- the directory that the configuration names, or, where path is empty, one of the
 * name `inside` in the data directory; made where it is missing. */
MUST_CHECK
enum err node_dir_open(struct node *n, const char *path, const char *inside, struct os_dir **out,
                       struct diag *diag);

/* ---- raft_actor.c ---- */
void raft_actor_receive(void *self, const struct actor_msg *msg);
void raft_actor_turn(void *self);
void raft_actor_due(void *arg, uint64_t now_ns);
void raft_actor_step(struct node *n, struct raft_event *ev, const struct node_step *step);
void raft_actor_message(struct node *n, const struct raft_msg *msg);
void raft_actor_redispatch(struct node *n);

/* ---- raft_effects.c ---- */
void raft_effects_run(struct node *n, const struct node_step *step);
void raft_effects_conf_seen(struct node *n, uint64_t index, struct bytes data);

/* ---- raft_send.c ---- */
void raft_send_gate(struct node *n, const struct raft_effect *e);
void raft_send_release(struct node *n);

/* ---- kv_actor.c ---- */
void kv_actor_receive(void *self, const struct actor_msg *msg);
void kv_actor_turn(void *self);
void kv_actor_read(struct node *n, struct op *op);

/* ---- state.c ---- */
enum err state_open(struct node *n, const struct log_recovered *rec, struct diag *diag);
bool state_stalled(const struct node *n);  /* nothing is applied until the flush has ended */
enum err state_room(const struct node *n); /* for one more write: ERR_BUSY, ERR_DISK_FULL */
void state_turn(struct node *n);           /* at the end of each turn of the kv actor */
void state_second(struct node *n);
void state_close(struct node *n, bool whole);

/* ---- forward.c ---- */
bool forward_out(struct node *n, struct op *op, uint64_t leader);
void forward_in(struct node *n, const struct node_key *peer, uint64_t epoch, struct bytes frame);
void forward_answer_in(struct node *n, const struct node_key *peer, struct bytes frame);
void forward_remote(void *arg, const struct op *op, const struct service_reply *reply);

/* ---- mesh.c ---- */
extern const struct link_handler mesh_handler;
enum err mesh_peer(struct node *n, uint64_t id, const struct node_key *key,
                   const struct os_addr *addrs, uint32_t count);
void mesh_members(struct node *n, struct bytes tail);
void mesh_save(struct node *n);
enum err mesh_keeper_start(void *self);
void mesh_keeper_stop(void *self);
enum err mesh_load(struct node *n, struct diag *diag);

/* ---- init_op.c ---- */
enum err init_begin(struct service *s, const struct service_member *members, uint32_t count,
                    struct service_call *call);
void init_advance(struct node *n);
void init_expire(struct node *n, uint64_t now_ns);

/* ---- backend_raft.c ---- */
extern const struct service_table backend_raft_table;
void backend_answer(struct node *n, struct op *op, enum err code, int64_t revision);
void backend_answered(void *arg, const struct op *op, const struct service_reply *reply);
enum err backend_submit(struct node *n, struct op *op);
uint32_t backend_members(struct service *s, struct service_members *out);

/* ---- status.c ---- */
void node_status(struct service *s, struct service_status *out);
void node_metrics_text(struct service *s, struct writer *out);
void node_transport_text(struct service *s, struct writer *out);

/* ---- housekeeping.c ---- */
void housekeeping_expire(void *arg, uint64_t now_ns);
void housekeeping_second(void *arg, uint64_t now_ns);
void housekeeping_arm(struct node *n);

/* ---- parts.c ---- */
enum err node_parts_open(struct node *n);
void node_parts_close(struct node *n);
void node_fail(struct node *n, enum node_part part, enum err why, const char *what);

#endif
