/* tests/unit/actor/test_sched.c -- Subject: mailboxes and the fair round over them.
 *
 * Method: actors write into one journal; what they do is a script, so that a run can be repeated
 */
#include "stage.h"

#include "actor/actor.h"
#include "base/hash64.h"

enum {
    JOURNAL_MAX = 20000,
    PLAYERS = 4,
    ENDLESS_MAX = 5000
};

enum kind {
    SAY = 1,   /* note it */
    PASS,      /* a: hops left; on to the next player */
    SELF,      /* post it to oneself, ENDLESS_MAX times */
    STOP_SELF, /* leave, from inside */
    STOP_NEXT, /* the next player leaves */
    POKE_SELF
};

struct line {
    uint8_t who;
    uint8_t kind; /* 0: turn_end */
    uint64_t a;
};

struct play;

struct player {
    struct play *play;
    struct actor actor;
    int id;
    int self_count;
    int turn_ends;
    int pokes_left;
};

struct play {
    struct stage stage;
    struct actor_sched sched;
    struct player player[PLAYERS];
    struct line journal[JOURNAL_MAX];
    uint32_t lines;
};

static struct play play;

static void note(struct player *p, uint32_t kind, uint64_t a)
{
    CHECK(p->play->lines < JOURNAL_MAX);
    p->play->journal[p->play->lines++] = (struct line){ (uint8_t)p->id, (uint8_t)kind, a };
}

static enum err post(struct player *p, uint32_t kind, uint64_t a)
{
    struct actor_msg msg = { .kind = kind, .a = a };
    return actor_send(&p->actor, &msg);
}

static struct player *next_of(struct player *p)
{
    return &p->play->player[(p->id + 1) % PLAYERS];
}

static void receive(void *self, const struct actor_msg *msg)
{
    struct player *p = self;
    note(p, msg->kind, msg->a);
    switch (msg->kind) {
    case PASS:
        if (msg->a > 0) {
            CHECK(post(next_of(p), PASS, msg->a - 1) == ERR_OK);
        }
        break;
    case SELF:
        if (p->self_count++ < ENDLESS_MAX) {
            CHECK(post(p, SELF, msg->a) == ERR_OK);
        }
        break;
    case STOP_SELF:
        actor_stop(&p->actor);
        break;
    case STOP_NEXT:
        actor_stop(&next_of(p)->actor);
        break;
    case POKE_SELF:
        actor_poke(&p->actor);
        break;
    default:
        break;
    }
}

static void turn_end(void *self)
{
    struct player *p = self;
    p->turn_ends++;
    if (p->pokes_left > 0) {
        p->pokes_left--;
        actor_poke(&p->actor);
    }
}

static void play_open(uint32_t mailbox, uint32_t budget)
{
    memset(&play, 0, sizeof play);
    stage_open(&play.stage);
    actor_sched_init(&play.sched, play.stage.os, &play.stage.mem);
    for (int i = 0; i < PLAYERS; i++) {
        struct player *p = &play.player[i];
        struct actor_spec spec = { "player", receive, turn_end, p, mailbox, budget };
        p->play = &play;
        p->id = i;
        actor_spawn(&play.sched, &p->actor, &spec);
    }
}

static void play_close(void)
{
    for (int i = 0; i < PLAYERS; i++) {
        actor_stop(&play.player[i].actor);
        actor_stop(&play.player[i].actor); /* twice is fine */
    }
    actor_sched_done(&play.sched);
    stage_close(&play.stage);
}

static void bounded(void)
{
    struct player *p = &play.player[0];
    play_open(4, 2);
    for (uint64_t i = 0; i < 4; i++) {
        CHECK(post(p, SAY, i) == ERR_OK);
    }
    CHECK_U64(play.lines, 0); /* later, never inside the call */
    CHECK(post(p, SAY, 99) == ERR_QUEUE_FULL && post(p, SAY, 99) == ERR_QUEUE_FULL);
    CHECK(actor_waiting(&p->actor) == 4 && p->actor.refused == 2 && p->actor.high == 4);
    stage_rest(&play.stage);
    CHECK_U64(play.lines, 4);
    for (uint64_t i = 0; i < 4; i++) {
        CHECK_U64(play.journal[i].a, i); /* in order, and nothing of what was refused */
    }
    CHECK(p->actor.received == 4 && actor_waiting(&p->actor) == 0);
    CHECK(post(p, SAY, 5) == ERR_OK); /* room again */
    stage_rest(&play.stage);
    play_close();
    EXPECT_MARK("actor: a mailbox is full");
}

static void fair(void)
{
    play_open(16, 3);
    CHECK(post(&play.player[0], SELF, 0) == ERR_OK);
    for (int i = 0; i < 3; i++) {
        CHECK(post(&play.player[0], SELF, 0) == ERR_OK);
    }
    for (uint64_t i = 0; i < 9; i++) {
        CHECK(post(&play.player[2], SAY, i) == ERR_OK);
    }
    stage_rest(&play.stage);
    uint32_t said = 0;
    uint32_t before = 0;
    for (uint32_t i = 0; i < play.lines && said < 9; i++) {
        said += play.journal[i].kind == SAY;
        before += play.journal[i].kind == SELF;
    }
    CHECK_U64(said, 9);
    CHECK_U64(before, 9); /* three a round against three a round */
    CHECK(play.player[0].self_count > ENDLESS_MAX);
    play_close();
    EXPECT_MARK("actor: the rounds are used up");
}

/* An actor that never rests does not keep the loop from its timers. */
static void due(void *arg, uint64_t now_ns)
{
    (void)now_ns;
    *(int *)arg = play.player[0].self_count;
}

static void loop_not_starved(void)
{
    struct os_timer timer;
    int at = -1;
    play_open(16, 1);
    os_timer_init(&timer, due, &at);
    CHECK(post(&play.player[0], SELF, 0) == ERR_OK);
    CHECK(os_timer_set(play.stage.os, &timer, os_now(play.stage.os) + 10000) == ERR_OK);
    stage_rest(&play.stage);
    CHECK(at > 0 && at <= 20 * ACTOR_ROUNDS_MAX); /* a turn is a thousandth of a millisecond */
    play_close();
}

static uint64_t script_hash(void)
{
    play_open(64, 2);
    for (uint64_t i = 0; i < 40; i++) {
        struct player *p = &play.player[i * 7 % PLAYERS];
        IGNORE(post(p, i % 5 == 0 ? PASS : SAY, i)); /* a full one is part of the script */
        if (i % 6 == 0) {
            actor_poke(&play.player[i % PLAYERS].actor);
        }
        if (i % 9 == 0) {
            sim_turn(&play.stage.loop);
        }
    }
    stage_rest(&play.stage);
    uint64_t h = 0;
    for (uint32_t i = 0; i < play.lines; i++) {
        uint64_t line[3] = { play.journal[i].who, play.journal[i].kind, play.journal[i].a };
        h = hash64(h, bytes_of(line, sizeof line));
    }
    CHECK(play.lines > 100);
    play_close();
    return h;
}

static void repeated(void)
{
    uint64_t first = script_hash();
    CHECK_U64(script_hash(), first);
    CHECK_U64(script_hash(), first);
}

static void rounds_in_spawn_order(void)
{
    play_open(8, 8);
    for (int i = PLAYERS - 1; i >= 0; i--) {
        CHECK(post(&play.player[i], SAY, 0) == ERR_OK);
    }
    stage_rest(&play.stage);
    for (int i = 0; i < PLAYERS; i++) {
        CHECK_U64(play.journal[i].who, i);
    }
    play_close();
}

static void pokes(void)
{
    struct player *p = &play.player[1];
    play_open(8, 8);
    for (int i = 0; i < 10; i++) {
        actor_poke(&p->actor);
    }
    CHECK_U64(p->turn_ends, 0);
    stage_rest(&play.stage);
    CHECK(p->turn_ends == 1 && p->actor.received == 0 && play.player[0].turn_ends == 0);
    CHECK(post(p, SAY, 0) == ERR_OK);
    actor_poke(&p->actor);
    stage_rest(&play.stage);
    CHECK_U64(p->turn_ends, 2); /* a message and a poke are one turn */
    CHECK(post(p, POKE_SELF, 0) == ERR_OK);
    stage_rest(&play.stage);
    CHECK_U64(p->turn_ends, 4); /* poked while it is served: once more */
    p->pokes_left = 5;
    actor_poke(&p->actor);
    stage_rest(&play.stage);
    CHECK_U64(p->turn_ends, 10);
    play_close();
}

static void no_turn_end(void)
{
    struct player *p = &play.player[0];
    play_open(8, 8);
    p->actor.spec.turn_end = NULL;
    CHECK(post(p, SAY, 0) == ERR_OK);
    actor_poke(&p->actor);
    stage_rest(&play.stage);
    CHECK(play.lines == 1 && p->turn_ends == 0);
    play_close();
}

static void stopped_inside(void)
{
    struct player *p = &play.player[1];
    play_open(8, 8);
    CHECK(post(p, SAY, 1) == ERR_OK && post(p, STOP_SELF, 2) == ERR_OK);
    CHECK(post(p, SAY, 3) == ERR_OK); /* waits behind the stop: dropped */
    CHECK(post(&play.player[2], SAY, 4) == ERR_OK && post(&play.player[3], SAY, 5) == ERR_OK);
    stage_rest(&play.stage);
    CHECK_U64(play.lines, 4);
    CHECK(play.journal[2].a == 4 && play.journal[3].a == 5); /* nobody was passed over */
    CHECK(p->turn_ends == 0 && actor_waiting(&p->actor) == 0);
    play_close();
}

static void stopped_by_another(void)
{
    play_open(8, 8);
    CHECK(post(&play.player[0], STOP_NEXT, 0) == ERR_OK);
    CHECK(post(&play.player[1], SAY, 1) == ERR_OK);
    CHECK(post(&play.player[3], STOP_NEXT, 2) == ERR_OK); /* one that was served before */
    CHECK(post(&play.player[2], SAY, 3) == ERR_OK);
    stage_rest(&play.stage);
    CHECK_U64(play.lines, 3);
    CHECK(play.journal[1].who == 2 && play.journal[2].who == 3);
    play_close();
}

static void spawned_again(void)
{
    struct player *p = &play.player[1];
    play_open(8, 8);
    struct actor_spec spec = p->actor.spec;
    CHECK(post(p, SAY, 1) == ERR_OK);
    actor_stop(&p->actor);
    actor_spawn(&play.sched, &p->actor, &spec);
    CHECK(post(p, SAY, 2) == ERR_OK);
    stage_rest(&play.stage);
    CHECK(play.lines == 1 && play.journal[0].a == 2); /* the old mailbox is gone */
    play_close();
}

/* What is still pending when the actors' owner goes must not be run afterwards. */
static void gone(void)
{
    play_open(8, 8);
    CHECK(post(&play.player[0], SAY, 1) == ERR_OK);
    for (int i = 0; i < PLAYERS; i++) {
        actor_stop(&play.player[i].actor);
    }
    actor_sched_done(&play.sched);
    uint64_t turns = play.sched.turns;
    stage_rest(&play.stage);
    CHECK_U64(play.sched.turns, turns);
    stage_close(&play.stage);
}

static void send_to_stopped(void)
{
    play_open(8, 8);
    actor_stop(&play.player[0].actor);
    IGNORE(post(&play.player[0], SAY, 0)); /* it does not come back */
}

static void poke_stopped(void)
{
    play_open(8, 8);
    actor_stop(&play.player[0].actor);
    actor_poke(&play.player[0].actor);
}

static void odd_mailbox(void)
{
    play_open(6, 8);
}

static void no_budget(void)
{
    play_open(8, 0);
}

static void too_many(void)
{
    static struct actor more[ACTOR_COUNT_MAX];
    play_open(8, 8);
    for (int i = PLAYERS; i <= ACTOR_COUNT_MAX; i++) {
        actor_spawn(&play.sched, &more[i - PLAYERS], &play.player[0].actor.spec);
    }
}

static void done_too_early(void)
{
    play_open(8, 8);
    actor_sched_done(&play.sched);
}

static void deaths(void)
{
    CHECK(tap_dies(send_to_stopped));
    CHECK(tap_dies(poke_stopped));
    CHECK(tap_dies(odd_mailbox));
    CHECK(tap_dies(no_budget));
    CHECK(tap_dies(too_many));
    CHECK(tap_dies(done_too_early));
}

int main(void)
{
    TAP_TEST("mailbox: full is an error to the sender and nothing changes", bounded);
    TAP_TEST("sched: one that posts to itself takes its share and no more", fair);
    TAP_TEST("sched: one that never rests does not keep the loop from its timers",
             loop_not_starved);
    TAP_TEST("sched: the same script gives the same order", repeated);
    TAP_TEST("sched: a round goes in the order of spawning", rounds_in_spawn_order);
    TAP_TEST("sched: pokes are coalesced, one from inside asks for another turn", pokes);
    TAP_TEST("sched: an actor without a turn's end is fine", no_turn_end);
    TAP_TEST("sched: an actor may stop itself, what waits is dropped", stopped_inside);
    TAP_TEST("sched: an actor may stop another in the same round", stopped_by_another);
    TAP_TEST("sched: a stopped actor can be spawned again, with an empty mailbox", spawned_again);
    TAP_TEST("sched: nothing runs when all is done", gone);
    TAP_TEST("sched: what its owner does wrong panics", deaths);
    return tap_done();
}
