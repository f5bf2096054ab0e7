/* node/op.h -- client operations in flight: what was asked, by whom, and until when.
 *
 * Shape:      a bounded pool of operations, found by ticket; the asker is a local call of the API
 *             or a peer that forwarded its client's request
 * Invariants: every operation that was taken is answered exactly once, by op_answer; a ticket is
 *             never used twice in the life of a process
 * Owns:       the operations, and the copies of command and key bytes they carry
 * Thread:     the loop's
 */
#ifndef NODE_OP_H
#define NODE_OP_H

#include "base/limits.h"
#include "base/list.h"
#include "base/map.h"
#include "node/service.h"

enum op_kind {
    OP_WRITE,
    OP_READ,
    OP_INIT,
    OP_CONTROL /* a change of the cluster, see node/control_op.c */
};

/* What an operation waits in, by its `wait`, is a list of struct node, or none:
 *
 *             write            read               init    control
 *   QUEUED    writes           reads              inits   controls
 *             waiting          waiting                    waiting
 *             none: mailbox    none: mailbox
 *   PROPOSED  none: core       -                  inits   changes: its members are in the log
 *                                                         controls: it is settled
 *                                                         none: core, the others
 *   FORWARDED none: peer       -                  -       none: peer
 *   READING   -                none: core         -       -
 *                              read_waits
 *
 * In none it is found by its ticket, in a message to an actor, in a peer's answer, or by the number
 * that the core has for it (by_ticket of struct node). */
enum op_state {
    OP_FREE,
    OP_QUEUED,    /* in a mailbox; nothing has been done yet */
    OP_PROPOSED,  /* in the log or on its way: the outcome is open */
    OP_FORWARDED, /* the leader has it: the outcome is open */
    OP_READING,   /* waits for a read index or for the state machine to reach it */
};

struct op {
    struct list link; /* of the pool's list in the order they were taken */
    struct list wait; /* of whatever it waits in */
    enum op_kind kind;
    enum op_state state;
    uint64_t ticket;
    uint64_t deadline_ns;
    uint64_t began_ns;
    struct service_call *call;    /* NULL: a peer's, or its asker is gone */
    bool remote;                  /* a peer forwarded it */
    struct node_key remote_key;   /* remote: who */
    uint64_t remote_epoch;        /* remote: in which life of the connection */
    uint64_t remote_ticket;       /* remote: the peer's ticket */
    struct node_key forwarded_to; /* forwarded: to whom */
    uint64_t last_word_ns;        /* forwarded: who has it leads no more, and answers by then or
                                     not at all; 0: it leads */
    enum service_consistency how; /* read */
    uint64_t read_index;          /* read: applied must reach this */
    enum err waits_for;           /* control: why not yet, on a leader; what it ends with, late */
    bool settled;                 /* control: done, but for a leader to name */
    uint8_t *data;                /* write: command; read: key; counted in the pool's account */
    size_t data_bytes;
};

/* What a leader of before still has to say is on its way when the next one is heard; nobody waits
 * much longer for one that was lost. */
#define OP_LAST_WORD_NS (500ull * NS_PER_MS)

struct op_pool;

/* Hears of an answer before its asker does. */
typedef void (*op_reply_fn)(void *arg, const struct op *op, const struct service_reply *reply);

/* op_pool_open -- room for CALLS_MAX operations and data_bytes_max bytes they carry. answered hears
 * every answer, whoever gives it (NULL: nobody); remote takes it to a peer that forwarded the
 * operation. */
struct op_pool *op_pool_open(struct mem *mem, size_t data_bytes_max, op_reply_fn answered,
                             op_reply_fn remote, void *arg);
void op_pool_close(struct op_pool *p);

/* op_take -- a fresh operation with a ticket and a copy of data. err ERR_BUSY: pool or bytes
 * full. */
MUST_CHECK
enum err op_take(struct op_pool *p, enum op_kind kind, struct bytes data, uint64_t now_ns,
                 uint64_t deadline_ns, struct op **out);

/* op_find -- by ticket; NULL when it was answered already. */
struct op *op_find(struct op_pool *p, uint64_t ticket);

/* op_drop_data -- the carried bytes are no longer needed. */
void op_drop_data(struct op_pool *p, struct op *op);

/* op_keep_data -- the carried bytes may be needed once more: kept while all that is carried takes
 * no more than half of the room, else dropped. */
void op_keep_data(struct op_pool *p, struct op *op);

/* op_withdraw -- the operation was not begun after all: free it without an answer. */
void op_withdraw(struct op_pool *p, struct op *op);

/* op_answer -- give the answer to whoever asked, and free the operation. */
void op_answer(struct op_pool *p, struct op *op, const struct service_reply *reply);

/* op_fail -- op_answer with nothing but a code. */
void op_fail(struct op_pool *p, struct op *op, enum err code);

/* op_forget -- the asker of call is gone; the operation goes on, unanswered. */
void op_forget(struct op_pool *p, struct service_call *call);

/* op_expire -- answer all whose deadline has passed: an open outcome as such, the others as not
 * done. */
void op_expire(struct op_pool *p, uint64_t now_ns);

/* op_fail_forwarded -- the peer that had these operations is gone. */
void op_fail_forwarded(struct op_pool *p, const struct node_key *peer);

/* op_fail_deposed -- another node leads now. Whoever else had operations says, if it is alive, what
 * became of them: that nothing did, that they are done, that it cannot know. It has
 * OP_LAST_WORD_NS for that; for a change, which may wait with it until it knows, or be what deposed
 * it, until the deadline. */
void op_fail_deposed(struct op_pool *p, const struct node_key *leader, uint64_t now_ns);

/* op_fail_all -- the node stops. */
void op_fail_all(struct op_pool *p, enum err code);

/* op_count -- operations in flight. */
uint32_t op_count(const struct op_pool *p);

#endif
