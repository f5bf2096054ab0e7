/* tests/unit/sim/test_judge_end.c -- Subject: what the end game demands. Method: worlds without
 * faults, in which something is made wrong that no fault may do: an answer that nobody gave, a
 * majority that dies when all is to be well.
 */
#include "tap.h"

#include "sim/world.h"

enum {
    SETTLE_S = 6 /* until elections count */
};

static uint64_t after_ns; /* how long after its beginning two of three die */

static struct sim_world *open_world(uint32_t nodes)
{
    struct sim_options o = { .seed = 5, .nodes = nodes, .virtual_ns = 10 * SIM_S };
    o.faults_off = UINT64_MAX;
    struct sim_world *w = sim_world_open(&o);
    CHECK(w != NULL);
    return w;
}

/* It runs to its end; then something with these words was found, or nothing. */
static void close_world(struct sim_world *w, const char *words)
{
    bool good = sim_world_run(w);
    if (good != (words == NULL) || (words != NULL && strstr(w->failure, words) == NULL)) {
        printf("# wanted: %s; said: %s\n", words != NULL ? words : "nothing", w->failure);
    }
    CHECK(good == (words == NULL));
    CHECK(words == NULL || strstr(w->failure, words) != NULL);
    sim_world_close(w);
}

static void row(struct sim_world *w, enum history_event event, const char *value)
{
    struct history_row r = { .process = 900, .event = event, .op = HISTORY_GET };
    r.key = bytes_text("of nobody");
    r.value = value != NULL ? bytes_text(value) : r.value;
    CHECK(history_add(&w->clients.history, &r) == ERR_OK);
}

static void history_is_judged(void)
{
    struct sim_world *w = open_world(1);
    row(w, HISTORY_INV, NULL);
    row(w, HISTORY_OK, NULL);
    close_world(w, NULL);
    w = open_world(1);
    row(w, HISTORY_INV, NULL);
    row(w, HISTORY_OK, "never written");
    close_world(w, "not linearizable: key of nobody");
}

static void two_die(struct sim_world *w, struct sim_event *e)
{
    (void)e;
    for (uint32_t i = 0; i < 2; i++) {
        sim_host_crash(&w->host[i]);
    }
}

/* The end game has begun when no faults come any more. */
static void await_end(struct sim_world *w, struct sim_event *e)
{
    (void)e;
    if (w->faults.over) {
        sim_world_at(w, w->now_ns + after_ns, two_die);
    } else {
        sim_world_at(w, w->now_ns + SIM_MS, await_end);
    }
}

static void dies(uint64_t ns, const char *words)
{
    struct sim_world *w = open_world(3);
    after_ns = ns;
    sim_world_at(w, SIM_S, await_end);
    close_world(w, words);
}

static void majority_is_demanded(void)
{
    dies(SIM_S, "liveness: no leader within");
    dies(SETTLE_S * SIM_S + 20 * SIM_MS, "is not served though a majority is well");
}

int main(void)
{
    TAP_TEST("end game: what clients saw is judged as a whole", history_is_judged);
    TAP_TEST("end game: a majority that dies neither elects nor serves", majority_is_demanded);
    return tap_done();
}
