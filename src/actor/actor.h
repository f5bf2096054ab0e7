/* actor/actor.h -- actors on one loop: a struct, a mailbox, one receive function, a fair scheduler.
 *
 * Shape:      a scheduler holds actors in the order they were spawned; a turn gives each of them
 *             up to its budget of messages, then its turn_end, and goes round until all mailboxes
 *             are empty or the rounds are used up
 * Invariants: a full mailbox is an error to the sender, never growth; the order in which messages
 *             are handled follows from the order in which they were sent, and from nothing else
 * Owns:       mailboxes, counted in the account; what a message points to belongs to whoever the
 *             two actors agreed on
 * Thread:     the loop's
 */
#ifndef ACTOR_ACTOR_H
#define ACTOR_ACTOR_H

#include "base/ring.h"
#include "os/io.h"

enum {
    ACTOR_COUNT_MAX = 32,
    ACTOR_ROUNDS_MAX = 64
};

/* One message; its meaning is the receiver's enum. */
struct actor_msg {
    uint32_t kind;
    uint32_t flags;
    uint64_t a;
    uint64_t b;
    void *ptr;
};

typedef void (*actor_receive_fn)(void *self, const struct actor_msg *msg);
typedef void (*actor_turn_fn)(void *self);

struct actor_spec {
    const char *name; /* static text */
    actor_receive_fn receive;
    actor_turn_fn
        turn_end; /* after its messages of a round, when there were any or actor_poke asked
                                for it; may be NULL */
    void *self;
    uint32_t mailbox; /* capacity, a power of two */
    uint32_t budget;  /* messages a round, > 0 */
};

struct actor_sched;

struct actor {
    struct actor_spec spec;
    struct actor_sched *sched;
    struct ring ring;
    struct actor_msg *slots;
    bool poked;
    uint64_t received; /* messages handled since start */
    uint64_t refused;  /* sends that found the mailbox full */
    uint32_t high;     /* most messages that ever waited */
};

struct actor_sched {
    struct os *os;
    uint32_t rounds_max; /* of a turn; ACTOR_ROUNDS_MAX unless somebody lowers it */
    struct mem *mem;
    struct os_job hook;
    uint32_t count;
    uint32_t at; /* next of the running round */
    struct actor *actor[ACTOR_COUNT_MAX];
    uint64_t turns;
};

/* actor_sched_init -- no actors yet; os and mem outlive it. */
void actor_sched_init(struct actor_sched *s, struct os *os, struct mem *mem);

/* actor_sched_done -- all actors are stopped; a turn that is still pending is taken back. */
void actor_sched_done(struct actor_sched *s);

/* actor_spawn -- add an actor; it lives in the caller's memory until actor_stop. */
void actor_spawn(struct actor_sched *s, struct actor *a, const struct actor_spec *spec);

/* actor_stop -- take it out; what waits in its mailbox is dropped. Fine from inside any actor's
 * callback: its own then still runs to its end, so its memory must live until that returns. */
void actor_stop(struct actor *a);

/* actor_send -- copy a message into the mailbox; it is handled later in this turn of the loop.
 *   err  ERR_QUEUE_FULL  nothing happened */
MUST_CHECK
enum err actor_send(struct actor *a, const struct actor_msg *msg);

/* actor_poke -- have turn_end called in this turn even without a message. */
void actor_poke(struct actor *a);

/* actor_waiting -- messages in the mailbox. */
uint32_t actor_waiting(const struct actor *a);

#endif
