/* sim/admin.c -- asking for changes of the cluster, and taking down what was answered. */
#include "sim/admin.h"

#include "base/panic.h"
#include "sim/majority.h"
#include "sim/world.h"

enum {
    ADMIN_TRIES = 4, /* hosts that are tried before it gives up */
    ADMIN_ANY_ONE_IN = 6
};
#define ADMIN_DEADLINE_NS_MIN (200 * SIM_MS)
#define ADMIN_DEADLINE_NS_MAX (10 * SIM_S)
#define ADMIN_WAIT_NS_MAX (45 * SIM_S) /* drawn beyond that: the end game waits a minute for all */
#define ADMIN_AGAIN_NS (100 * SIM_MS)  /* mean of the time between two steps */
#define ADMIN_LATE_NS (60 * SIM_S)     /* after its deadline a call may take effect for so long */

uint64_t sim_admin_pick(struct sim_admin *a, uint64_t nodes)
{
    uint64_t left = prng_below(&a->prng, sim_node_count(nodes) + (nodes == 0));
    for (uint64_t id = 1; id <= 64; id++) {
        if ((nodes & sim_node_bit(id)) != 0 && left-- == 0) {
            return id;
        }
    }
    return 0;
}

/* ---- answers ---- */

static void go_on(struct sim_admin *a);

static void go_on_due(struct sim_world *w, struct sim_event *e)
{
    (void)e;
    go_on(&w->admin);
}

static void finish(struct sim_admin_call *c)
{
    struct sim_admin *a = &c->world->admin;
    c->asked = NULL;
    if (c->due != NULL) {
        sim_world_drop(c->world, c->due);
        c->due = NULL;
    }
    if (c->planned && !a->over) {
        sim_world_at(c->world, c->world->now_ns + sim_wait(&a->prng, ADMIN_AGAIN_NS), go_on_due);
    }
}

static void call_done(struct service_call *call, const struct service_reply *reply)
{
    struct sim_admin_call *c = (struct sim_admin_call *)call;
    struct sim_world *w = c->world;
    struct sim_admin *a = &w->admin;
    struct sim_host *h = c->asked;
    if (h == NULL || h->process != c->process || !sim_host_boundary(h)) {
        return; /* the node died before the answer left it: sim_admin_lost knows */
    }
    a->done += reply->code == ERR_OK;
    a->unknown += reply->code == ERR_OUTCOME_UNKNOWN;
    a->refused += reply->code != ERR_OK && reply->code != ERR_OUTCOME_UNKNOWN;
    if (reply->code == ERR_OK) {
        sim_judge_claim(&w->judge, h, &c->step, reply);
    }
    sim_world_tell(w, h->id, reply->code == ERR_OK ? "admin: done" : "admin: not done",
                   c->step.kind, (uint64_t)reply->code);
    finish(c);
}

void sim_admin_lost(struct sim_admin *a, const struct sim_host *h)
{
    for (uint32_t i = 0; i < SIM_ADMIN_CALLS_MAX; i++) {
        if (a->call[i].asked == h) {
            a->unknown++;
            finish(&a->call[i]);
        }
    }
}

/* The node has had all the time it was given, and more. */
static void patience_due(struct sim_world *w, struct sim_event *e)
{
    struct sim_admin_call *c = &w->admin.call[e->a];
    struct sim_host *h = c->asked;
    c->due = NULL;
    ASSERT(h != NULL);
    if (sim_host_owes(h, c->patience_ns)) {
        sim_world_fail(w, "node %llu left a call of the operator without an answer",
                       (unsigned long long)h->id);
        return;
    }
    c->due = sim_world_at(w, w->now_ns + SIM_HOST_GRACE_NS, patience_due);
    c->due->a = e->a;
}

/* ---- asking ---- */

static enum err call(struct sim_admin_call *c)
{
    struct service *s = node_service(c->asked->node);
    const struct sim_admin_step *step = &c->step;
    struct service_member member = { .id = step->id, .addr = bytes_text("sim") };
    uint64_t ids[64];
    uint32_t count = 0;
    switch (step->kind) {
    case SIM_ADMIN_ADD:
        return s->table->add_learner(s, &member, &c->call);
    case SIM_ADMIN_VOTERS:
        for (uint64_t id = 1; id <= 64; id++) {
            if ((step->voters & sim_node_bit(id)) != 0) {
                ids[count++] = id;
            }
        }
        return s->table->change_membership(s, ids, count, &c->call);
    case SIM_ADMIN_REMOVE:
        return s->table->remove_member(s, step->id, &c->call);
    case SIM_ADMIN_TRANSFER:
        return s->table->transfer(s, step->id, &c->call);
    case SIM_ADMIN_SNAPSHOT:
        break;
    }
    return s->table->trigger_snapshot(s, &c->call);
}

static void want(struct sim_admin *a, uint64_t voters, uint64_t until_ns)
{
    a->wanted[a->wanted_count++ % SIM_ADMIN_WANTED_MAX] =
        (struct sim_admin_wanted){ voters, until_ns };
}

bool sim_admin_bears(const struct sim_admin *a, uint64_t nodes)
{
    for (uint32_t i = 0; i < SIM_ADMIN_WANTED_MAX; i++) {
        const struct sim_admin_wanted *x = &a->wanted[i];
        uint32_t of = sim_node_count(x->voters);
        if (x->until_ns > a->world->now_ns && 2 * sim_node_count(x->voters & nodes) <= of) {
            return false;
        }
    }
    return true;
}

static bool changes_voters(const struct sim_admin_step *step)
{
    return step->kind == SIM_ADMIN_REMOVE || step->kind == SIM_ADMIN_VOTERS;
}

static uint64_t voters_after(const struct sim_admin *a, const struct sim_admin_step *step)
{
    uint64_t now = sim_voters(&a->world->look.conf);
    return step->kind == SIM_ADMIN_REMOVE ? now & ~sim_node_bit(step->id) : step->voters;
}

/* A majority of what the step leaves has a whole disk. */
static bool prudent(const struct sim_admin *a, const struct sim_admin_step *step)
{
    uint64_t voters = voters_after(a, step);
    uint64_t whole = 0;
    for (uint32_t i = 0; i < a->world->node_count; i++) {
        struct sim_host *h = &a->world->host[i];
        whole |= sim_host_whole(h) ? sim_node_bit(h->id) : 0;
    }
    return !changes_voters(step) || 2 * sim_node_count(voters & whole) > sim_node_count(voters);
}

/* At a host that was entered. */
static void ask(struct sim_admin *a, struct sim_host *h, const struct sim_admin_step *step,
                bool planned)
{
    struct sim_admin_call *c = a->call;
    while (c->asked != NULL) {
        c++;
    }
    uint64_t local = sim_host_local(h);
    uint64_t wait = sim_wait(&a->prng, a->deadline_ns);
    uint64_t span = ADMIN_DEADLINE_NS_MIN + (wait < ADMIN_WAIT_NS_MAX ? wait : ADMIN_WAIT_NS_MAX);
    struct sim_event *due = c->due;
    ASSERT(c < a->call + SIM_ADMIN_CALLS_MAX && due == NULL);
    *c = (struct sim_admin_call){ .call = { .done = call_done, .deadline_ns = local + span },
                                  .world = a->world,
                                  .asked = h,
                                  .process = h->process,
                                  .step = *step,
                                  .planned = planned,
                                  .patience_ns = local + span + SIM_HOST_GRACE_NS };
    c->call.expect = step->expect;
    c->call.keep_rejoining = step->keep;
    c->step.from = a->world->look.conf.index;
    if (changes_voters(step)) {
        want(a, voters_after(a, step), a->world->now_ns + span + ADMIN_LATE_NS);
    }
    sim_world_tell(a->world, h->id, "admin: asks", step->kind,
                   step->kind == SIM_ADMIN_VOTERS ? step->voters : step->id);
    c->due = sim_world_at(a->world, a->world->now_ns + span + SIM_HOST_GRACE_NS, patience_due);
    c->due->a = (uint32_t)(c - a->call);
    a->asked++;
    if (call(c) != ERR_OK) { /* it was not begun */
        a->refused++;
        finish(c);
    }
    sim_host_leave(h);
}

static bool room(const struct sim_admin *a)
{
    return !a->over && sim_admin_busy(a) < SIM_ADMIN_CALLS_MAX;
}

/* Mostly a member, now and then anybody. */
static struct sim_host *enter_some(struct sim_admin *a)
{
    struct sim_world *w = a->world;
    uint64_t members = sim_members(&w->look.conf);
    bool any = members == 0 || sim_chance(&a->prng, ADMIN_ANY_ONE_IN);
    for (int i = 0; i < ADMIN_TRIES; i++) {
        uint64_t all = UINT64_MAX >> (64 - w->node_count);
        struct sim_host *h = &w->host[sim_admin_pick(a, any ? all : members & all) - 1];
        if (!sim_foreign_host(w, h) && sim_host_enter(h)) {
            return h;
        }
    }
    return NULL;
}

/* ---- plans ---- */

/* The next steps, until one has to wait for an answer. A step that nobody can be asked for is left
 * out. */
static void go_on(struct sim_admin *a)
{
    while (a->step_next < a->step_count && room(a)) {
        const struct sim_admin_step *step = &a->plan[a->step_next];
        bool waits = false;
        for (uint32_t i = 0; i < SIM_ADMIN_CALLS_MAX; i++) {
            waits = waits || (a->call[i].asked != NULL && a->call[i].planned);
        }
        if (waits && !step->at_once) {
            return;
        }
        a->step_next++;
        struct sim_host *h = prudent(a, step) ? enter_some(a) : NULL;
        if (h != NULL) {
            ask(a, h, step, true);
        }
    }
}

bool sim_admin_members(struct sim_admin *a)
{
    struct service_members seen;
    if (!room(a) || a->step_next < a->step_count) {
        return false;
    }
    struct sim_host *h = enter_some(a);
    if (h == NULL) {
        return false;
    }
    struct service *s = node_service(h->node);
    s->table->members(s, &seen);
    sim_host_leave(h);
    if (seen.count == 0) {
        return false; /* it is no member, or nobody has begun */
    }
    uint64_t before = a->asked;
    sim_admin_plan(a, &seen);
    go_on(a);
    return a->asked > before;
}

bool sim_admin_welcome(struct sim_admin *a, uint64_t id)
{
    if (!room(a) || a->step_next < a->step_count) {
        return false;
    }
    uint64_t before = a->asked;
    sim_admin_plan_for(a, id);
    go_on(a);
    return a->asked > before;
}

bool sim_admin_transfer(struct sim_admin *a)
{
    struct sim_host *h = room(a) ? enter_some(a) : NULL;
    struct sim_admin_step step = { .kind = SIM_ADMIN_TRANSFER };
    if (h == NULL) {
        return false;
    }
    if (!sim_chance(&a->prng, 3)) { /* a voter, a learner, itself, a stranger */
        step.id = 1 + prng_below(&a->prng, a->world->node_count);
    }
    ask(a, h, &step, false);
    return true;
}

bool sim_admin_snapshot(struct sim_admin *a)
{
    struct sim_host *h = room(a) ? enter_some(a) : NULL;
    struct sim_admin_step step = { .kind = SIM_ADMIN_SNAPSHOT };
    if (h == NULL) {
        return false;
    }
    ask(a, h, &step, false);
    return true;
}

/* ---- all of it ---- */

void sim_admin_stop(struct sim_admin *a)
{
    a->over = true;
}

uint32_t sim_admin_busy(const struct sim_admin *a)
{
    uint32_t busy = 0;
    for (uint32_t i = 0; i < SIM_ADMIN_CALLS_MAX; i++) {
        busy += a->call[i].asked != NULL;
    }
    return busy;
}

void sim_admin_init(struct sim_admin *a, struct sim_world *w, uint64_t seed)
{
    a->world = w;
    prng_seed(&a->prng, seed);
    a->deadline_ns = sim_between(&a->prng, ADMIN_DEADLINE_NS_MIN, ADMIN_DEADLINE_NS_MAX);
}
