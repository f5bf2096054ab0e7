/* tests/unit/sim/test_admin.c -- Subject: what the operator of a world wants, and what it bears in
 * mind. Method: a world without a process, whose members are told by the test; many plans are
 * drawn, and each must be one that an operator could mean.
 */
#include "tap.h"

#include "sim/majority.h"
#include "sim/world.h"

enum {
    NODES = 7,
    PLANS = 20000,
    INDEX = 9 /* of the configuration */
};

static struct sim_world w;
static struct sim_admin *const a = &w.admin;

static void begin(uint64_t seed)
{
    memset(&w, 0, sizeof w);
    w.node_count = NODES;
    w.look.world = &w;
    sim_admin_init(a, &w, seed);
}

/* Nodes from 1 on: so many voters, then so many learners. */
static struct service_members members_of(uint32_t voters, uint32_t learners)
{
    struct service_members m = { .index = INDEX, .count = voters + learners };
    for (uint32_t i = 0; i < m.count; i++) {
        m.member[i].id = i + 1;
        m.member[i].voter = i < voters;
    }
    return m;
}

/* ---- plans ---- */

static struct {
    uint64_t kinds; /* bits of all that was drawn */
    uint64_t added; /* likewise of nodes */
    uint64_t removed;
    uint64_t sizes; /* of the sets of voters */
    uint32_t longest;
    uint32_t at_once;
    uint32_t keeps;
    uint32_t sets;
    uint32_t expects;
    uint32_t stale;
} seen;

static void check_step(const struct sim_admin_step *s, bool first)
{
    uint64_t all = sim_node_bits((const uint64_t[]){ 1, 2, 3, 4, 5, 6, 7 }, NODES);
    seen.kinds |= 1u << s->kind;
    seen.at_once += s->at_once;
    seen.expects += s->expect != 0;
    seen.stale += s->expect != 0 && s->expect != INDEX;
    seen.sets += s->kind == SIM_ADMIN_VOTERS;
    seen.keeps += s->keep;
    CHECK(!s->keep || s->kind == SIM_ADMIN_VOTERS);
    CHECK(s->expect <= INDEX && (first || s->expect == 0));
    if (s->kind == SIM_ADMIN_VOTERS) {
        CHECK(s->voters != 0 && s->id == 0);
        CHECK((s->voters & ~(all | sim_node_bit(SIM_ADMIN_STRANGER))) == 0);
        seen.sizes |= 1u << sim_node_count(s->voters);
        return;
    }
    CHECK(s->kind == SIM_ADMIN_ADD || s->kind == SIM_ADMIN_REMOVE);
    CHECK((s->id >= 1 && s->id <= NODES) || s->id == SIM_ADMIN_STRANGER);
    seen.added |= s->kind == SIM_ADMIN_ADD ? sim_node_bit(s->id) : 0;
    seen.removed |= s->kind == SIM_ADMIN_REMOVE ? sim_node_bit(s->id) : 0;
}

static void draw(uint32_t voters, uint32_t learners)
{
    struct service_members m = members_of(voters, learners);
    begin(1);
    memset(&seen, 0, sizeof seen);
    for (int i = 0; i < PLANS; i++) {
        sim_admin_plan(a, &m);
        CHECK(a->step_count >= 1 && a->step_count <= SIM_ADMIN_STEPS_MAX && a->step_next == 0);
        for (uint32_t s = 0; s < a->step_count; s++) {
            check_step(&a->plan[s], s == 0);
        }
        seen.longest = a->step_count > seen.longest ? a->step_count : seen.longest;
    }
}

/* Everything that can be wanted is wanted sooner or later. */
static void plans(void)
{
    draw(3, 2);
    CHECK_U64(seen.kinds, 1u << SIM_ADMIN_ADD | 1u << SIM_ADMIN_VOTERS | 1u << SIM_ADMIN_REMOVE);
    for (uint64_t id = 1; id <= NODES; id++) {
        CHECK((seen.removed & sim_node_bit(id)) == (id <= 5 ? sim_node_bit(id) : 0));
    }
    CHECK((seen.added & sim_node_bit(6)) != 0 && (seen.added & sim_node_bit(7)) != 0);
    CHECK((seen.added & sim_node_bit(1)) != 0); /* who is there already */
    CHECK((seen.added & sim_node_bit(SIM_ADMIN_STRANGER)) != 0);
    CHECK((seen.sizes & 0x7e) == 0x7e); /* one to six */
    CHECK(seen.longest >= 4 && seen.at_once > PLANS / 100);
    CHECK(seen.keeps > seen.sets / 3 && seen.keeps < seen.sets * 2 / 3);
    CHECK(seen.expects > PLANS / 8 && seen.expects < PLANS / 2);
    CHECK(seen.stale > seen.expects / 8 && seen.stale < seen.expects / 2);
}

/* Nor does it want what cannot be said where there is hardly anybody, or nobody left. */
static void plans_at_the_ends(void)
{
    draw(1, 0);
    CHECK_U64(seen.removed, sim_node_bit(1));
    draw(NODES, 0);
    CHECK_U64(seen.longest, SIM_ADMIN_STEPS_MAX); /* it bounds those who come back */
    draw(NODES - 1, 1);
    draw(1, NODES - 1);
}

static void picks(void)
{
    uint64_t nodes = sim_node_bit(2) | sim_node_bit(5) | sim_node_bit(64);
    uint64_t got = 0;
    begin(1);
    CHECK_U64(sim_admin_pick(a, 0), 0);
    for (int i = 0; i < 100; i++) {
        got |= sim_node_bit(sim_admin_pick(a, nodes));
    }
    CHECK_U64(got, nodes);
}

/* ---- what is under way ---- */

/* Of each set that was asked for, half is too little, and strangers do not help; after its time
 * what was asked for comes no more. */
static void bears(void)
{
    static const struct {
        uint64_t one; /* two sets that were asked for; 0: none */
        uint64_t other;
        uint64_t now; /* they may come until 10 */
        uint64_t nodes;
        bool is;
    } rows[] = {
        { 0, 0, 5, 0, true },       { 0x7, 0, 5, 0x3, true },     { 0x7, 0, 5, 0x4, false },
        { 0x3, 0, 5, 0x1, false },  { 0x7, 0x70, 5, 0x3, false }, { 0x7, 0x70, 5, 0x33, true },
        { 0x7, 0, 5, 0x79, false }, { 0x7, 0, 9, 0x4, false },    { 0x7, 0, 10, 0x4, true },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        begin(1);
        w.now_ns = rows[i].now;
        a->wanted[0] = (struct sim_admin_wanted){ rows[i].one, rows[i].one != 0 ? 10 : 0 };
        a->wanted[SIM_ADMIN_WANTED_MAX - 1] =
            (struct sim_admin_wanted){ rows[i].other, rows[i].other != 0 ? 10 : 0 };
        if (sim_admin_bears(a, rows[i].nodes) != rows[i].is) {
            printf("# row %zu\n", i);
        }
        CHECK(sim_admin_bears(a, rows[i].nodes) == rows[i].is);
    }
}

/* Nobody answers for a node that died: its calls are over, and their outcome is unknown. */
static void lost(void)
{
    begin(1);
    for (uint32_t i = 0; i < SIM_ADMIN_CALLS_MAX; i++) {
        a->call[i].world = &w;
        a->call[i].asked = i == 1 ? NULL : &w.host[i % 2];
    }
    a->call[3].asked = &w.host[1];
    CHECK_U64(sim_admin_busy(a), 3);
    sim_admin_lost(a, &w.host[2]);
    CHECK_U64(sim_admin_busy(a), 3);
    sim_admin_lost(a, &w.host[0]);
    CHECK_U64(sim_admin_busy(a), 1);
    CHECK_U64(a->unknown, 2);
    CHECK(a->call[3].asked == &w.host[1]);
}

int main(void)
{
    TAP_TEST("admin: plans are of known steps, and every kind of them comes", plans);
    TAP_TEST("admin: plans where there is one voter, or nobody else", plans_at_the_ends);
    TAP_TEST("admin: one of a set is drawn, each of them sooner or later", picks);
    TAP_TEST("admin: a majority of every set that may still come", bears);
    TAP_TEST("admin: calls of a node that died are over", lost);
    return tap_done();
}
