/* sim/admin_plan.c -- what an operator may want of the members. */
#include "sim/admin.h"
#include "sim/majority.h"
#include "sim/world.h"

enum {
    PLAN_EXPECT_ONE_IN = 4,   /* changes that name the configuration they mean */
    PLAN_STALE_ONE_IN = 3,    /* of these: one that is gone */
    PLAN_LEADER_ONE_IN = 3,   /* of removals: of the leader */
    PLAN_STRANGER_ONE_IN = 12 /* a node that nobody knows, or one that is there already */
};

/* Who is what, as the asked node sees it. */
struct view {
    uint64_t index;
    uint64_t voters;
    uint64_t learners;
    uint64_t others;
};

static struct sim_admin_step *add_step(struct sim_admin *a, enum sim_admin_kind kind, uint64_t id,
                                       uint64_t voters)
{
    struct sim_admin_step *step = &a->plan[a->step_count++];
    *step = (struct sim_admin_step){ .kind = kind, .id = id, .voters = voters };
    step->keep = kind == SIM_ADMIN_VOTERS && sim_chance(&a->prng, 2);
    return step;
}

/* Some of a set, one at least, where there is one. */
static uint64_t some(struct sim_admin *a, uint64_t nodes)
{
    uint64_t of = nodes & prng_next(&a->prng);
    return of != 0 ? of : sim_node_bit(sim_admin_pick(a, nodes));
}

/* ---- single wishes ---- */

static void add(struct sim_admin *a, const struct view *v)
{
    uint64_t id = sim_admin_pick(a, v->others);
    if (id == 0 || sim_chance(&a->prng, PLAN_STRANGER_ONE_IN)) {
        id = sim_chance(&a->prng, 2) ? sim_admin_pick(a, v->voters) : SIM_ADMIN_STRANGER;
    }
    add_step(a, SIM_ADMIN_ADD, id, 0);
}

static void drop(struct sim_admin *a, const struct view *v)
{
    uint64_t id = sim_admin_pick(a, v->voters | v->learners);
    if (sim_chance(&a->prng, PLAN_LEADER_ONE_IN)) {
        uint64_t leader = sim_look_leader(&a->world->look, UINT64_MAX, false);
        id = leader != 0 ? leader : id;
    }
    add_step(a, SIM_ADMIN_REMOVE, id, 0);
}

static void promote(struct sim_admin *a, const struct view *v)
{
    uint64_t more = v->learners != 0 ? some(a, v->learners) : 0;
    if (more == 0) {
        add(a, v);
        more = sim_node_bit(a->plan[0].id);
    }
    add_step(a, SIM_ADMIN_VOTERS, 0, v->voters | more);
}

static void replace(struct sim_admin *a, const struct view *v)
{
    uint64_t less = sim_node_bit(sim_admin_pick(a, v->voters));
    uint64_t more = sim_node_bit(sim_admin_pick(a, v->learners));
    if (more == 0) {
        add(a, v);
        more = sim_node_bit(a->plan[0].id);
    }
    add_step(a, SIM_ADMIN_VOTERS, 0, (v->voters & ~less) | more);
}

static void any_voters(struct sim_admin *a, const struct view *v)
{
    uint64_t of = v->voters | v->learners;
    of |= sim_chance(&a->prng, PLAN_STRANGER_ONE_IN) ? v->others : 0;
    add_step(a, SIM_ADMIN_VOTERS, 0, some(a, of));
}

/* ---- several in a row ---- */

/* There and back again, before the first is done perhaps. Voters that are dropped on the way come
 * back as learners first. */
static void back_and_forth(struct sim_admin *a, const struct view *v)
{
    uint64_t there = some(a, v->voters | v->learners);
    bool at_once = sim_chance(&a->prng, 2);
    add_step(a, SIM_ADMIN_VOTERS, 0, there);
    for (uint64_t gone = v->voters & ~there;
         gone != 0 && a->step_count < SIM_ADMIN_STEPS_MAX - 1;) {
        uint64_t id = sim_admin_pick(a, gone);
        gone &= ~sim_node_bit(id);
        add_step(a, SIM_ADMIN_ADD, id, 0)->at_once = at_once;
    }
    add_step(a, SIM_ADMIN_VOTERS, 0, v->voters)->at_once = at_once;
}

/* One voter, two, one. */
static void down_to_one(struct sim_admin *a, const struct view *v)
{
    uint64_t one = sim_node_bit(sim_admin_pick(a, v->voters));
    uint64_t other = sim_admin_pick(a, (v->voters | v->learners | v->others) & ~one);
    add_step(a, SIM_ADMIN_VOTERS, 0, one);
    if (other != 0) {
        add_step(a, SIM_ADMIN_ADD, other, 0);
        add_step(a, SIM_ADMIN_VOTERS, 0, one | sim_node_bit(other));
        uint64_t last = sim_chance(&a->prng, 2) ? one : sim_node_bit(other);
        add_step(a, SIM_ADMIN_VOTERS, 0, last);
    }
}

/* Everybody who is there. */
static void grow(struct sim_admin *a, const struct view *v)
{
    uint64_t all = v->voters | v->learners;
    for (int i = 0; i < 3 && (v->others & ~all) != 0; i++) {
        uint64_t id = sim_admin_pick(a, v->others & ~all);
        all |= sim_node_bit(id);
        add_step(a, SIM_ADMIN_ADD, id, 0)->at_once = sim_chance(&a->prng, 2);
    }
    add_step(a, SIM_ADMIN_VOTERS, 0, all);
}

void sim_admin_plan(struct sim_admin *a, const struct service_members *seen)
{
    static void (*const wishes[])(struct sim_admin * a, const struct view *v) = {
        add, drop, promote, promote, replace, any_voters, back_and_forth, down_to_one, grow, grow
    };
    struct view v = { .index = seen->index };
    for (uint32_t i = 0; i < seen->count; i++) {
        uint64_t bit = sim_node_bit(seen->member[i].id);
        v.voters |= seen->member[i].voter ? bit : 0;
        v.learners |= seen->member[i].voter ? 0 : bit;
    }
    v.others = (UINT64_MAX >> (64 - a->world->node_count)) & ~(v.voters | v.learners);
    a->step_count = 0;
    a->step_next = 0;
    wishes[prng_below(&a->prng, sizeof wishes / sizeof wishes[0])](a, &v);
    struct sim_admin_step *first = &a->plan[0];
    if (sim_chance(&a->prng, PLAN_EXPECT_ONE_IN)) {
        bool stale = sim_chance(&a->prng, PLAN_STALE_ONE_IN) && v.index > 1;
        first->expect = stale ? 1 + prng_below(&a->prng, v.index - 1) : v.index;
    }
}

void sim_admin_plan_for(struct sim_admin *a, uint64_t id)
{
    a->step_count = 0;
    a->step_next = 0;
    add_step(a, SIM_ADMIN_ADD, id, 0);
    add_step(a, SIM_ADMIN_VOTERS, 0, sim_voters(&a->world->look.conf) | sim_node_bit(id));
}
