/* actor/sched.c -- mailboxes and the fair round over them. */
#include "actor/actor.h"

#include "base/mark.h"
#include "base/panic.h"

static bool busy(const struct actor *a)
{
    return a->ring.count > 0 || a->poked;
}

/* One actor's share of a round. */
static void serve(struct actor *a)
{
    uint32_t budget = a->ring.count < a->spec.budget ? a->ring.count : a->spec.budget;
    a->poked = false;
    for (uint32_t i = 0; i < budget && a->ring.count > 0; i++) { /* none: it was stopped */
        struct actor_msg msg = a->slots[ring_pop(&a->ring)];
        a->received++;
        a->spec.receive(a->spec.self, &msg);
    }
    if (a->sched != NULL && a->spec.turn_end != NULL) {
        a->spec.turn_end(a->spec.self);
    }
}

static bool round_once(struct actor_sched *s)
{
    bool any = false;
    s->at = 0;
    while (s->at < s->count) {
        struct actor *a = s->actor[s->at++];
        if (busy(a)) {
            any = true;
            serve(a);
        }
    }
    return any;
}

static void turn(void *arg)
{
    struct actor_sched *s = arg;
    s->turns++;
    for (uint32_t i = 0; i < s->rounds_max; i++) {
        if (!round_once(s)) {
            return;
        }
    }
    MARK("actor: the rounds are used up");
    os_turn_end(s->os, &s->hook); /* sockets get their share, then on */
}

void actor_sched_init(struct actor_sched *s, struct os *os, struct mem *mem)
{
    memset(s, 0, sizeof *s);
    s->os = os;
    s->mem = mem;
    s->rounds_max = ACTOR_ROUNDS_MAX;
    s->hook.run = turn;
    s->hook.arg = s;
    list_init(&s->hook.link);
}

void actor_sched_done(struct actor_sched *s)
{
    ASSERT(s->count == 0);
    list_remove(&s->hook.link);
}

void actor_spawn(struct actor_sched *s, struct actor *a, const struct actor_spec *spec)
{
    ASSERT(s->count < ACTOR_COUNT_MAX);
    ASSERT(spec->receive != NULL && spec->budget > 0);
    memset(a, 0, sizeof *a);
    a->spec = *spec;
    a->sched = s;
    ring_init(&a->ring, spec->mailbox);
    a->slots = mem_take(s->mem, spec->mailbox * sizeof *a->slots);
    s->actor[s->count++] = a;
}

void actor_stop(struct actor *a)
{
    struct actor_sched *s = a->sched;
    if (s == NULL) {
        return;
    }
    for (uint32_t i = 0; i < s->count; i++) {
        if (s->actor[i] == a) {
            s->count--;
            s->at -= i < s->at; /* the round goes on with the one that was next */
            memmove(&s->actor[i], &s->actor[i + 1], (s->count - i) * sizeof s->actor[0]);
            break;
        }
    }
    mem_free(s->mem, a->slots);
    a->slots = NULL;
    a->sched = NULL;
    a->poked = false;
    ring_init(&a->ring, a->spec.mailbox);
}

enum err actor_send(struct actor *a, const struct actor_msg *msg)
{
    ASSERT(a->sched != NULL);
    if (ring_full(&a->ring)) {
        MARK("actor: a mailbox is full");
        a->refused++;
        return ERR_QUEUE_FULL;
    }
    a->slots[ring_push(&a->ring)] = *msg;
    a->high = a->ring.count > a->high ? a->ring.count : a->high;
    os_turn_end(a->sched->os, &a->sched->hook);
    return ERR_OK;
}

void actor_poke(struct actor *a)
{
    ASSERT(a->sched != NULL);
    a->poked = true;
    os_turn_end(a->sched->os, &a->sched->hook);
}

uint32_t actor_waiting(const struct actor *a)
{
    return a->ring.count;
}
