/* tests/unit/sim/test_judge_end.c -- Subject: what the end game demands. Method: worlds without
 * faults, in which something is made wrong that no fault may do: an answer that nobody gave, a
 * majority that dies when all is to be well, a node that is seen where it is not.
 */
#include "finding.h"

enum {
    SETTLE_S = 6,        /* until elections count */
    ELECTIONS = 10,      /* that are waited for, at most */
    KEYS = SIM_KEYS_MAX, /* more than are written: the last one is only read, at the very end */
    ALL_S = 3600,
    SEED = 5,
    LOTS = 60, /* worlds: a product that is slow is not slow in each */
    SEEDS = 20 /* until one draws what is needed */
};

static uint64_t world_seed = SEED;

/* What is done in the end game, when, and how. */
static uint64_t after_ns; /* its beginning */
static void (*act)(struct sim_world *w);
static int how;
static bool differed; /* the world was one in which it could be done */

static struct sim_world *open_world(uint32_t nodes)
{
    struct sim_options o = { .seed = world_seed, .nodes = nodes, .virtual_ns = 10 * SIM_S };
    o.faults_off = UINT64_MAX;
    struct sim_world *w = sim_world_open(&o);
    CHECK(w != NULL);
    return w;
}

/* It runs to its end; then something with these words was found, or nothing. */
static void close_world(struct sim_world *w, const char *words)
{
    bool good = sim_world_run(w);
    CHECK(finding_is(w, words) && good == (words == NULL));
    sim_world_close(w);
}

static void act_due(struct sim_world *w, struct sim_event *e)
{
    (void)e;
    act(w);
}

/* The end game has begun when no faults come any more. */
static void await_end(struct sim_world *w, struct sim_event *e)
{
    (void)e;
    if (w->faults.over) {
        sim_world_at(w, w->now_ns + after_ns, act_due);
    } else {
        sim_world_at(w, w->now_ns + SIM_MS, await_end);
    }
}

static void in_the_end(struct sim_world *w, uint64_t ns, void (*fn)(struct sim_world *w))
{
    after_ns = ns;
    act = fn;
    sim_world_at(w, SIM_S, await_end);
}

/* ---- what clients were told ---- */

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
    w = open_world(1);
    row(w, HISTORY_OK, NULL); /* of what was never asked */
    close_world(w, "not linearizable: key of nobody");
}

/* Of a key that no client of this world has. */
static void versions_are_judged(void)
{
    for (int64_t absent = 4; absent <= 5; absent++) {
        struct sim_world *w = open_world(1);
        w->clients.load.keys = 1;
        w->judge.created[1] = 5;
        w->judge.absent[1] = absent;
        close_world(w, absent < 5 ? NULL : "was not there in a store of revision 5");
    }
}

static void claims_are_judged(void)
{
    for (uint64_t id = 1; id <= 2; id++) {
        struct sim_world *w = open_world(1);
        w->judge.claim[0] = (struct sim_admin_step){ .kind = SIM_ADMIN_REMOVE, .id = id };
        w->judge.claim_count = 1;
        close_world(w, id > 1 ? NULL : "the operator was told that it is done, but it is not");
    }
}

/* ---- nodes that are not what they seem ---- */

static struct service_table liar;
static const struct service_table *truth;

/* From now on a node answers by the table of the liar. */
static void let_lie(struct sim_world *w, uint32_t host)
{
    struct service *s = node_service(w->host[host].node);
    truth = s->table;
    s->table = &liar;
}

static void lying_status(struct service *s, struct service_status *out)
{
    truth->status(s, out);
    switch (how) {
    case 1:
        out->cluster.b[0] ^= 1;
        break;
    case 2:
        out->conf_index++;
        break;
    case 3:
        out->voter[0]++;
        break;
    default:
        break;
    }
}

static void first_lies(struct sim_world *w)
{
    let_lie(w, 0);
    liar = *truth;
    liar.status = lying_status;
}

static void clusters_are_compared(void)
{
    for (how = 0; how <= 3; how++) {
        struct sim_world *w = open_world(2); /* both are needed: none is left behind */
        in_the_end(w, SIM_S, first_lies);
        close_world(w, how == 0 ? NULL : "nodes 1 and 2 are of two clusters");
    }
}

/* No read; or none of the last key. */
static enum err lying_read(struct service *s, struct bytes key, enum service_consistency c,
                           struct service_call *call)
{
    char last[SIM_TEXT_BYTES];
    bool lies = how == 1 || (how == 2 && bytes_equal(key, sim_key_text(KEYS - 1, last)));
    return lies ? ERR_TIMEOUT : truth->read(s, key, c, call);
}

static void first_reads_badly(struct sim_world *w)
{
    let_lie(w, 0);
    liar = *truth;
    liar.read = lying_read;
}

static void reads_are_demanded(void)
{
    static const char *const words[] = { NULL, "liveness: a read is not served",
                                         "liveness: key 11 cannot be read at the end" };
    for (how = 0; how <= 2; how++) {
        struct sim_world *w = open_world(1);
        w->clients.load.keys = KEYS;
        in_the_end(w, SIM_S, first_reads_badly);
        close_world(w, words[how]);
    }
}

/* ---- calls that nobody answers ---- */

/* A machine that is as slow as this has an excuse for each single call. */
static struct sim_world *open_slow_world(void)
{
    struct sim_world *w = open_world(1);
    w->host[0].turn_ns = w->host[0].usual_turn_ns = 2 * SIM_MS;
    w->clients.load.clients = 1;
    w->clients.load.think_ns = ALL_S * SIM_S; /* it asks when it is told to */
    return w;
}

static void forget(struct sim_world *w, struct service_call *call)
{
    struct service *s = node_service(w->host[0].node);
    CHECK(sim_host_enter(&w->host[0]));
    s->table->forget(s, call);
    sim_host_leave(&w->host[0]);
}

static void client_asks(struct sim_world *w, struct sim_event *e)
{
    (void)e;
    sim_clients_rest(&w->clients);
    CHECK(sim_clients_ask(&w->clients, 0, 0, false, 0));
    if (how == 1) {
        forget(w, &w->clients.client[0].call);
    }
}

static void operator_asks(struct sim_world *w, struct sim_event *e)
{
    (void)e;
    CHECK(sim_admin_snapshot(&w->admin));
    if (how == 1) {
        forget(w, &w->admin.call[0].call);
    }
}

static void answers_are_demanded(void)
{
    for (how = 0; how <= 1; how++) {
        struct sim_world *w = open_slow_world();
        sim_world_at(w, w->now_ns + w->options.virtual_ns, client_asks);
        close_world(w, how == 0 ? NULL : "liveness: 1 calls were never answered");
        w = open_slow_world();
        sim_world_at(w, w->now_ns + w->options.virtual_ns, operator_asks);
        close_world(w, how == 0 ? NULL : "liveness: 1 calls of the operator were never answered");
    }
}

/* ---- a majority that is well ---- */

static void two_die(struct sim_world *w)
{
    for (uint32_t i = 0; i < 2; i++) {
        sim_host_crash(&w->host[i]);
    }
}

static void dies(uint64_t ns, const char *words)
{
    struct sim_world *w = open_world(3);
    in_the_end(w, ns, two_die);
    close_world(w, words);
}

static void majority_is_demanded(void)
{
    dies(SIM_S, "liveness: no leader within");
    dies(SETTLE_S * SIM_S + 20 * SIM_MS, "is not served though a majority is well");
}

enum {
    LEADER_DIES,   /* the others elect in time */
    TOO_LATE,      /* for who would have it sooner */
    NOT_CONNECTED, /* nobody can demand it of them */
    PROBE_MS = 50  /* shorter than any election timeout */
};

static struct sim_host *died;

static void is_back(struct sim_world *w)
{
    sim_net_calm(&w->net);
    sim_host_start(died);
}

static void probe(struct sim_world *w)
{
    CHECK((w->judge.leaderless_ns == UINT64_MAX) == (how == NOT_CONNECTED));
    after_ns = SIM_S;
    act = is_back;
    sim_world_at(w, w->now_ns + after_ns, act_due);
}

static void leader_dies(struct sim_world *w)
{
    uint64_t seen_ns = PROBE_MS * SIM_MS;
    differed = w->clients.survivors == 7;
    if (!differed) {
        return;
    }
    died = finding_leader(w);
    sim_host_crash(died);
    uint32_t one = (uint32_t)(died->id % 3);
    uint32_t other = (uint32_t)((died->id + 1) % 3);
    if (how == NOT_CONNECTED) {
        sim_net_cut(&w->net, one, other);
        sim_net_cut(&w->net, other, one);
        sim_net_break(&w->net, one, other);
        seen_ns += w->election_ns_max;
    }
    w->election_ns_min /= how == TOO_LATE ? 50 : 1;
    act = probe;
    sim_world_at(w, w->now_ns + seen_ns, act_due);
}

/* Of all draws of timeouts and machines. */
static void elections_are_demanded(void)
{
    for (how = LEADER_DIES; how <= NOT_CONNECTED; how++) {
        uint64_t worlds = 0;
        for (world_seed = 1; worlds < (how == LEADER_DIES ? LOTS : 2); world_seed++) {
            CHECK(world_seed <= 4 * LOTS);
            struct sim_world *w = open_world(3);
            in_the_end(w, SIM_S, leader_dies);
            bool good = sim_world_run(w);
            bool late = how == TOO_LATE && differed;
            CHECK(finding_is(w, late ? "a connected majority has no leader" : NULL));
            CHECK(good != late);
            worlds += differed;
            sim_world_close(w);
        }
    }
    world_seed = SEED;
}

/* The leader stands still in the middle of a change; not for ever where `how` is 0. */
static void change_hangs(struct sim_world *w)
{
    struct sim_seen *seen = &w->look.seen[0];
    uint64_t waits_ns = SETTLE_S * SIM_S - after_ns;
    waits_ns += (how > 0 ? 2 * ELECTIONS : ELECTIONS / 2) * w->election_ns_max;
    sim_host_pause(&w->host[0], w->now_ns + waits_ns);
    CHECK(seen->role == RAFT_LEADER && seen->effective.voter_count == 1);
    switch (how) {
    case 2: /* it is joint */
        seen->effective.outgoing_count = 1;
        seen->effective.outgoing[0] = 1;
        break;
    case 3: /* it is of others */
        seen->effective.voter[0] = 2;
        break;
    default: /* it is not committed */
        seen->effective.index = seen->commit + 1;
        break;
    }
}

static void changes_end(void)
{
    for (how = 0; how <= 3; how++) {
        struct sim_world *w = open_world(1);
        in_the_end(w, (SETTLE_S - 1) * SIM_S, change_hangs);
        close_world(w, how == 0 ? NULL : "a change of the members does not come to its end");
    }
}

enum {
    EQUAL,
    BEHIND_OTHERS,
    BEHIND_ITS_LOG,
    DOWN
};

/* One of the survivors that is neither asked nor leads, and without which the others can go on;
 * where the draw left none that is so nothing is done. */
static struct sim_host *spare(struct sim_world *w, const struct sim_host *asked)
{
    const struct sim_host *leader = finding_leader(w);
    for (uint32_t i = 0; i < w->node_count; i++) {
        uint64_t others = w->clients.survivors & ~(UINT64_C(1) << i);
        if (&w->host[i] != leader && &w->host[i] != asked && others != w->clients.survivors &&
            sim_look_suffices(&w->look, others)) {
            return &w->host[i];
        }
    }
    return NULL;
}

/* During the last read it is seen with what the leader has, or nearly so. */
static void one_differs(struct sim_world *w)
{
    const struct sim_client *c = &w->clients.client[0];
    if (c->state != SIM_CLIENT_WAITS || c->op.writes || c->op.key[0] != KEYS - 1) {
        sim_world_at(w, w->now_ns + SIM_MS / 10, act_due);
        return;
    }
    struct sim_host *h = spare(w, c->asked);
    differed = h != NULL;
    if (!differed) {
        return;
    }
    const struct sim_seen *leader = &w->look.seen[finding_leader(w)->index];
    struct sim_seen *seen = &w->look.seen[h->index];
    sim_host_pause(h, w->now_ns + ALL_S * SIM_S);
    seen->applied = leader->applied - (how == BEHIND_OTHERS);
    seen->last = leader->last - (how == BEHIND_OTHERS) + (how == BEHIND_ITS_LOG);
    if (how == DOWN) {
        sim_host_crash(h);
    }
}

static void state_is_equal(void)
{
    for (how = EQUAL; how <= DOWN; how++) {
        differed = false;
        for (world_seed = 1; !differed; world_seed++) {
            CHECK(world_seed <= SEEDS);
            struct sim_world *w = open_world(5);
            w->clients.load.keys = KEYS;
            in_the_end(w, SETTLE_S * SIM_S, one_differs);
            bool good = sim_world_run(w);
            bool lied = how != EQUAL && differed;
            CHECK(finding_is(w, lied ? "do not reach the same state" : NULL) && good != lied);
            sim_world_close(w);
        }
    }
    world_seed = SEED;
}

/* The disk of the first node has failed a moment before the faults stopped, and it hears of that
 * with its next entry. */
static void disk_has_failed(struct sim_world *w)
{
    struct sim_host *h = &w->host[0];
    h->disk.fault_at = h->disk.ops + 1;
    h->disk.fault = ERR_SYNC_FAILED;
    h->disk_failed = true;
    differed = sim_clients_ask(&w->clients, 0, 1, true, 0);
}

static void late_errors_are_borne(void)
{
    differed = false;
    struct sim_world *w = open_world(2); /* both are needed */
    in_the_end(w, 100 * SIM_MS, disk_has_failed);
    bool good = sim_world_run(w);
    CHECK(good && differed && finding_is(w, NULL));
    CHECK_U64(w->host[0].process, 2); /* it stopped of it, and was started again */
    sim_world_close(w);
}

int main(void)
{
    TAP_TEST("end game: an error of a disk that is heard of late is borne", late_errors_are_borne);
    TAP_TEST("end game: what clients saw is judged as a whole", history_is_judged);
    TAP_TEST("end game: so are versions and stores", versions_are_judged);
    TAP_TEST("end game: what the operator was told has come true", claims_are_judged);
    TAP_TEST("end game: nodes that are equal are of one cluster", clusters_are_compared);
    TAP_TEST("end game: reads are served, of every key", reads_are_demanded);
    TAP_TEST("end game: every call was answered, the operator's too", answers_are_demanded);
    TAP_TEST("end game: a majority that dies neither elects nor serves", majority_is_demanded);
    TAP_TEST("end game: a connected majority elects in time", elections_are_demanded);
    TAP_TEST("end game: a change of the members comes to its end", changes_end);
    TAP_TEST("end game: all that survive have applied the same", state_is_equal);
    return tap_done();
}
