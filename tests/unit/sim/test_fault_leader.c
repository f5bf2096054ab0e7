/* tests/unit/sim/test_fault_leader.c -- Subject: the plot against leaders. Method: a world that is
 * well and draws no faults; the test plots, a client is answered, and it is looked at who is
 * struck, and how. Each draw of the plot is a world of its own.
 */
#include "finding.h"

enum {
    NODES = 3,
    DRAWS = 60 /* until everything that can be drawn was */
};

static struct sim_world *w;
static struct sim_host *h; /* leads */

static void open_world(uint64_t draw)
{
    w = finding_world(NODES);
    h = finding_leader(w);
    prng_seed(&w->faults.prng, draw);
    w->faults.length_ns = 60 * SIM_S;
    sim_clients_rest(&w->clients);
    sim_world_until(w, w->now_ns + 20 * SIM_S);
    CHECK(!w->failed && finding_leader(w) == h && sim_clients_busy(&w->clients) == 0);
}

static bool cut_off(const struct sim_host *a, const struct sim_host *b)
{
    return w->net.cut[a->index][b->index] > 0 && w->net.cut[b->index][a->index] > 0;
}

static bool alone(const struct sim_host *a)
{
    bool all = true;
    for (uint32_t i = 0; i < NODES; i++) {
        all = all && (i == a->index || cut_off(a, &w->host[i]));
    }
    return all;
}

static bool paused(const struct sim_host *a)
{
    return a->paused_until_ns > w->now_ns;
}

static bool untouched(const struct sim_host *a)
{
    return a->state == SIM_HOST_UP && a->process == 1 && a->disk.crash_at == 0 && !paused(a) &&
           !alone(a);
}

/* A write of this client is answered by that node, or not at all: true, it was. */
static bool writes(uint32_t client, const struct sim_host *at)
{
    uint64_t before = w->clients.writes_ok;
    CHECK(sim_clients_ask(&w->clients, client, at->index, true, 0));
    while (w->clients.client[client].state == SIM_CLIENT_WAITS && !sim_world_over(w)) {
        sim_world_until(w, heap_min(&w->queue)->key);
    }
    return w->clients.writes_ok > before;
}

static const struct sim_host *follower(void)
{
    return &w->host[h->id % NODES];
}

/* ---- treason ---- */

enum {
    CRASHES = 1,
    PAUSES = 2,
    IS_ALONE = 4,
    ALL = 7
};

/* The leader, whoever was asked, as soon as the write was answered, and once. */
static void leader_is_betrayed(void)
{
    int seen = 0;
    for (uint64_t draw = 1; seen != ALL; draw++) {
        CHECK(draw <= DRAWS);
        open_world(draw);
        CHECK(untouched(h) && untouched(follower()));
        w->faults.treason = true;
        CHECK(writes(0, draw % 2 == 0 ? h : follower()));
        int how = (h->disk.crash_at != 0 || h->process > 1) * CRASHES + paused(h) * PAUSES;
        how += alone(h) * IS_ALONE;
        CHECK(how == CRASHES || how == PAUSES || how == IS_ALONE);
        CHECK(untouched(follower()) && !w->faults.treason);
        seen |= how;
        CHECK(!w->failed);
        sim_world_close(w);
    }
}

/* Other moments, and reads, are none of its moments; nor is an answer where nobody plots. */
static void nobody_else_is(void)
{
    open_world(1);
    w->faults.treason = true;
    sim_fault_moment(&w->faults, h, SIM_MOMENT_VOTE);
    sim_fault_moment(&w->faults, h, SIM_MOMENT_ACK);
    CHECK(sim_clients_ask(&w->clients, 0, h->index, false, 0));
    sim_world_until(w, w->now_ns + 5 * SIM_S);
    CHECK_U64(sim_clients_busy(&w->clients), 0);
    CHECK(untouched(h) && w->faults.treason);
    w->faults.treason = false;
    CHECK(writes(0, h) && untouched(h));
    w->faults.treason = true;
    w->faults.over = true; /* the end game */
    CHECK(writes(0, h) && untouched(h));
    CHECK(!w->failed);
    sim_world_close(w);
}

/* ---- deposed ---- */

static uint64_t classes; /* that are on besides */

static bool planned(enum sim_plot plot)
{
    return w->faults.plot == plot && w->faults.deposed == h->index;
}

/* The leader is alone, that is planned, and it has a successor; false: the draw had something
 * else. */
static bool deposed(uint64_t draw, enum sim_plot plot)
{
    open_world(draw);
    w->faults.on = classes;
    w->faults.treason = true;
    CHECK(writes(0, h));
    uint64_t end_ns = w->now_ns + 20 * SIM_S;
    uint64_t next = h->id;
    bool is = planned(plot) && alone(h);
    while (is && (next == 0 || next == h->id)) {
        sim_world_until(w, w->now_ns + SIM_MS);
        next = sim_look_leader(&w->look, UINT64_MAX, true);
        is = alone(h) && w->now_ns < end_ns;
    }
    if (!is) {
        sim_world_close(w);
    }
    return is;
}

static void open_deposed(enum sim_plot plot)
{
    uint64_t draw = 1;
    while (!deposed(draw, plot)) {
        CHECK(++draw <= DRAWS);
    }
}

/* ---- the coup ---- */

/* The old one hears the third node again, over all cuts but those of others. */
static void successor_is_cut_off(void)
{
    for (int others = 0; others <= 1; others++) {
        open_deposed(SIM_PLOT_COUP);
        struct sim_host *next = finding_leader(w);
        struct sim_host *third = &w->host[NODES * (NODES - 1) / 2 - h->index - next->index];
        CHECK(!alone(next));
        if (others == 1) {
            sim_net_cut(&w->net, h->index, third->index);
            sim_net_cut(&w->net, third->index, h->index);
        }
        CHECK(writes(1, next));
        CHECK(alone(next) && w->faults.plot == SIM_PLOT_NONE);
        CHECK(cut_off(h, third) == (others == 1));
        CHECK(!w->failed);
        sim_world_close(w);
    }
}

/* While nobody has succeeded it, it stays where it is. */
static void waits_for_a_successor(void)
{
    uint64_t draw = 0;
    do {
        CHECK(++draw <= DRAWS);
        if (draw > 1) {
            sim_world_close(w);
        }
        open_world(draw);
        w->faults.treason = true;
        CHECK(writes(0, h));
    } while (!planned(SIM_PLOT_COUP));
    CHECK(finding_leader(w) == h && alone(h));
    sim_fault_moment(&w->faults, h, SIM_MOMENT_ANSWER); /* one that was on its way */
    CHECK(planned(SIM_PLOT_COUP));
    CHECK(alone(h));
    sim_world_close(w);
}

/* ---- the doubt ---- */

/* Who asks this node for that key now. */
static uint32_t readers(const struct sim_host *at, uint32_t key)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < w->clients.load.clients; i++) {
        const struct sim_client *c = &w->clients.client[i];
        if (c->state == SIM_CLIENT_WAITS && c->asked == at) {
            CHECK(!c->op.writes && !c->op.serializable && c->op.key[0] == key);
            n++;
        }
    }
    return n;
}

/* What the successor has answered, the old leader is asked for at once. */
static void old_one_is_asked(void)
{
    open_deposed(SIM_PLOT_DOUBT);
    CHECK(writes(1, finding_leader(w)));
    sim_clients_start(&w->clients); /* so that there are some that think */
    CHECK_U64(readers(h, 0), 0);
    sim_world_until(w, w->now_ns + 10 * 1000);
    CHECK(readers(h, 0) > 0 && alone(h) && w->faults.plot == SIM_PLOT_NONE);
    CHECK(!w->failed);
    sim_world_close(w);
}

/* It takes itself for the leader for as long as clocks allow, in worlds where they are uneven. */
static void its_clock_is_held(void)
{
    for (int uneven = 0; uneven <= 1; uneven++) {
        classes = uneven ? sim_fault_bit(SIM_FAULT_RATE) : 0;
        open_deposed(SIM_PLOT_DOUBT);
        const struct sim_host *next = finding_leader(w);
        CHECK(uneven ? h->rate < next->rate : h->rate == next->rate);
        sim_world_close(w);
    }
    classes = 0;
}

/* Clients hurry to whoever succeeds it, so that there is an answer soon. */
static void successor_is_rushed(void)
{
    uint32_t asked = 0;
    for (uint64_t draw = 1; asked == 0; draw++) {
        CHECK(draw <= DRAWS);
        open_world(draw);
        w->faults.treason = true;
        CHECK(writes(0, h));
        if (planned(SIM_PLOT_DOUBT)) {
            prng_seed(&w->clients.prng, draw); /* of those that think some hurry, or none */
            sim_clients_start(&w->clients);
            uint64_t leader = h->id;
            while ((leader == 0 || leader == h->id) && !sim_world_over(w)) {
                sim_world_until(w, heap_min(&w->queue)->key);
                leader = sim_look_leader(&w->look, UINT64_MAX, false);
            }
            const struct sim_host *next = &w->host[leader - 1];
            sim_world_until(w, w->now_ns + 10 * 1000);
            for (uint32_t i = 0; i < w->clients.load.clients; i++) {
                asked += w->clients.client[i].asked == next;
            }
        }
        sim_world_close(w);
    }
}

int main(void)
{
    TAP_TEST("plot: a leader that has answered a write is struck, in three ways",
             leader_is_betrayed);
    TAP_TEST("plot: nobody is without a plot, or at another moment", nobody_else_is);
    TAP_TEST("plot: the successor is cut off when it answers, the old one is back",
             successor_is_cut_off);
    TAP_TEST("plot: until then the old one stays alone", waits_for_a_successor);
    TAP_TEST("plot: or the old one is asked for what its successor has answered", old_one_is_asked);
    TAP_TEST("plot: its clock is held then, where clocks are uneven", its_clock_is_held);
    TAP_TEST("plot: clients hurry to the successor", successor_is_rushed);
    return tap_done();
}
