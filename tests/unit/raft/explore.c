/* tests/unit/raft/explore.c -- what happens in a world: events by chance, disks, links, clocks and
 * the wishes of operators at their worst. */
#include "explore.h"

#include "base/panic.h"

#include <stdlib.h>

enum {
    CHAOS_TURNS = 6000,
    LOG_MARGIN = 100,
    CONFS_MARGIN = 200,
};

static struct explore world;

const char *explore_failure(void)
{
    return world.failure;
}

uint64_t explore_trace(void)
{
    return world.trace;
}

uint32_t explore_below(struct explore *w, uint64_t bound)
{
    return (uint32_t)prng_below(&w->prng, bound);
}

/* Half of the time one of those who think that they lead, if there is any: with them things happen.
 */
static uint32_t leader_or(struct explore *w, uint32_t i)
{
    uint32_t from = explore_below(w, 2u * w->count);
    for (uint32_t k = from; k < from + w->count && from < w->count; k++) {
        if (w->node[k % w->count].up && w->node[k % w->count].leads) {
            return k % w->count;
        }
    }
    return i;
}

/* ---- what clients and operators ask ---- */

static void ask(struct explore *w, uint32_t i, enum raft_event_type type)
{
    static const uint32_t sizes[3] = { 8, 8, 8 };
    struct raft_event ev = { .type = type, .ticket = w->tickets + 1, .sizes = sizes };
    ev.count = 1 + explore_below(w, 3);
    ev.lease = explore_below(w, 2) == 0;
    if (w->tickets + ev.count > EXPLORE_TICKETS_MAX - 1 ||
        (type == RAFT_EV_PROPOSE && w->node[i].seen.last + LOG_MARGIN > EXPLORE_LOG_MAX)) {
        return;
    }
    for (uint32_t k = 0; k < ev.count; k++) {
        w->ticket[++w->tickets] =
            (struct explore_ticket){ .node = i, .what = type, .floor = w->acked };
    }
    explore_step(w, i, &ev, NULL);
    for (uint32_t k = 0; type == RAFT_EV_READ && k < w->out.count; k++) {
        bool lease = w->out.effect[k].type == RAFT_DO_READ_OK && w->count > 1 && ev.lease;
        if (lease) {
            explore_count(EXPLORE_LEASE_READS);
        }
    }
}

/* One ticket: members, office, snapshot. */
static void ask_one(struct explore *w, uint32_t i, enum raft_event_type type)
{
    struct raft_event ev = { .type = type, .ticket = w->tickets + 1 };
    if (w->tickets + 1 >= EXPLORE_TICKETS_MAX || w->confs + CONFS_MARGIN > EXPLORE_CONFS_MAX ||
        w->node[i].seen.last + LOG_MARGIN > EXPLORE_LOG_MAX) {
        return;
    }
    struct explore_ticket *t = &w->ticket[++w->tickets];
    *t = (struct explore_ticket){ .node = i, .what = type, .term = w->node[i].term };
    if (type == RAFT_EV_CONF) {
        t->manual = explore_below(w, 4) == 0;
        t->count = explore_below(w, 5);
        t->count = t->count > 3 ? 0 : t->count;
        for (uint32_t k = 0; k < t->count; k++) {
            t->change[k].kind = (enum raft_change_kind)(1 + explore_below(w, 3));
            t->change[k].id = 1 + explore_below(w, w->count);
        }
        ev.changes = t->change;
        ev.count = t->count;
        ev.manual = t->manual;
        ev.expect = explore_below(w, 8) == 0 ? 1 + explore_below(w, 50) : 0;
    } else if (type == RAFT_EV_TRANSFER) {
        t->change[0].id = explore_below(w, w->count + 1u);
        ev.peer = t->change[0].id;
    }
    explore_step(w, i, &ev, NULL);
}

/* ---- what goes wrong ---- */

static void simple(struct explore *w, uint32_t i, enum raft_event_type type)
{
    struct raft_event ev = { .type = type, .peer = 1 + explore_below(w, w->count) };
    explore_step(w, i, &ev, NULL);
}

static void disk_fails(struct explore *w, uint32_t i)
{
    simple(w, i, RAFT_EV_DISK);
    for (uint64_t k = 1; k <= w->tickets; k++) {
        if (w->ticket[k].node == i && w->ticket[k].end == EXPLORE_OPEN) {
            explore_fail(w, "a ticket is open after the end", k, i + 1);
        }
    }
    explore_crash(w, i);
}

static void disturb(struct explore *w, uint32_t i)
{
    uint32_t other = explore_below(w, w->count);
    uint32_t dice = explore_below(w, 37);
    if (dice < 8) {
        w->down[i][other] = dice < 4;
    } else if (dice < 16) {
        for (uint32_t k = 0; k < w->count; k++) {
            w->down[i][k] = w->down[k][i] = dice < 12;
        }
    } else if (dice < 20) {
        memset(w->down, 0, sizeof w->down);
    } else if (dice < 24) { /* everybody slept */
        w->now += EXPLORE_ELECTION / 2 + explore_below(w, 2 * EXPLORE_ELECTION);
    } else if (dice < 28) {
        simple(w, i, RAFT_EV_CAMPAIGN);
    } else if (dice < 32) {
        const struct explore_packet *old = &w->past[explore_below(w, EXPLORE_PAST_MAX)];
        if (old->msg.to != 0) {
            explore_hand_over(w, old);
        }
    } else if (dice < 36) { /* one other is its bridge */
        for (uint32_t k = 0; k < w->count; k++) {
            w->down[i][k] = w->down[k][i] = k != other;
        }
    } else {
        disk_fails(w, i);
    }
}

/* What the driver has to tell of connections to i's peers. */
static void news(struct explore *w, uint32_t i)
{
    for (uint32_t k = 0; k < w->count; k++) {
        struct raft_event up = { .type = RAFT_EV_PEER_UP, .peer = k + 1 };
        struct raft_event failed = { .type = RAFT_EV_SNAP_FAILED, .peer = k + 1 };
        if (w->greet[i][k]) {
            w->greet[i][k] = false;
            explore_step(w, i, &up, NULL);
        }
        if (w->failed[i][k]) {
            w->failed[i][k] = false;
            explore_step(w, i, &failed, NULL);
        }
    }
}

/* ---- turns ---- */

static void operate(struct explore *w, uint32_t i)
{
    struct explore_node *n = &w->node[i];
    uint32_t dice = explore_below(w, 16);
    if (dice < 8) {
        ask_one(w, i, RAFT_EV_CONF);
    } else if (dice < 10) {
        ask_one(w, i, RAFT_EV_TRANSFER);
    } else if (dice < 12) {
        ask_one(w, i, RAFT_EV_SNAPSHOT);
    } else if (dice < 13) {
        simple(w, i, RAFT_EV_FORGET);
    } else if (n->making == 0 && n->install == 0 && n->applied > n->seen.base) { /* unasked */
        uint64_t most = n->applied - n->seen.base;
        n->making = n->seen.base + 1 + explore_below(w, most);
        n->making_conf = explore_conf_at(&n->seen, n->making);
        if (n->making > n->made) {
            explore_snap_end(w, i, true);
        }
        n->making = 0;
    }
}

static void act(struct explore *w, uint32_t i, bool faults, uint32_t dice)
{
    struct explore_node *n = &w->node[i];
    bool slow = faults && explore_below(w, 1000) < w->slow;
    if (dice < 110) {
        ask(w, leader_or(w, i), dice < 85 ? RAFT_EV_PROPOSE : RAFT_EV_READ);
    } else if (dice < 190) {
        bool waits = slow && n->queued < EXPLORE_WRITES_MAX / 2;
        explore_disk(w, i, n->queued > 0 && !waits ? 1 + explore_below(w, n->queued) : 0);
    } else if (dice < 280) {
        bool waits = slow && n->done_count < EXPLORE_WRITES_MAX / 2;
        explore_tell(w, i, n->done_count > 0 && !waits ? 1 + explore_below(w, n->done_count) : 0);
    } else if (dice < 340) {
        explore_apply(w, i, false);
    } else if (dice < 350) {
        explore_snap_end(w, i, explore_below(w, 4) != 0);
    } else if (dice < 360) {
        news(w, i);
    } else if (dice < 900) {
        if (w->packets > 0) {
            explore_deliver(w, faults);
        }
    } else {
        w->now += 1 + explore_below(w, (uint64_t)w->haste * EXPLORE_MS);
        simple(w, i, RAFT_EV_TIME);
    }
}

static void turn(struct explore *w, bool faults)
{
    uint32_t i = explore_below(w, w->count);
    uint32_t dice = explore_below(w, 1000);
    if (!w->node[i].up) {
        if (dice < 50 || !faults) {
            explore_boot(w, i, true);
        }
    } else if (faults && dice < w->crash) {
        explore_crash(w, i);
    } else if (faults && dice < w->crash + w->cut) {
        disturb(w, leader_or(w, i));
    } else if (explore_below(w, 1000) < w->change) {
        operate(w, leader_or(w, i));
    } else if (dice < 60) {
        simple(w, i, dice < 45 ? RAFT_EV_PEER_UP : RAFT_EV_PEER_DOWN);
    } else {
        act(w, i, faults, dice);
    }
}

/* Everything works, nobody asks: ticks until all agree, or it takes too long. */
static void settle(struct explore *w, uint32_t elections)
{
    uint64_t until = w->now + elections * (uint64_t)EXPLORE_ELECTION;
    while (w->now < until && w->failure[0] == '\0') {
        w->now += EXPLORE_HEARTBEAT / 2;
        for (uint32_t i = 0; i < w->count; i++) {
            if (!w->node[i].up) {
                explore_boot(w, i, true);
            }
            simple(w, i, RAFT_EV_TIME);
        }
        for (int round = 0; round < 8; round++) {
            for (uint32_t i = 0; i < w->count; i++) {
                explore_disk(w, i, w->node[i].queued);
                explore_tell(w, i, w->node[i].done_count);
                explore_apply(w, i, true);
                explore_snap_end(w, i, round != 0 || explore_below(w, 2) == 0);
                news(w, i);
            }
            for (uint32_t k = w->packets; k > 0 && w->packets > 0; k--) {
                explore_deliver(w, false);
            }
        }
    }
}

/* ---- worlds ---- */

static void begin_config(struct explore *w)
{
    struct raft_config *c = &w->config;
    *c = (struct raft_config){ .election_ns_min = EXPLORE_ELECTION,
                               .election_ns_max = 2 * EXPLORE_ELECTION,
                               .heartbeat_ns = EXPLORE_HEARTBEAT };
    c->no_pre_vote = explore_below(w, 4) == 0;
    c->no_check_quorum = explore_below(w, 4) == 0;
    c->inflight_max = (uint32_t[]){ 0, 1, 4 }[explore_below(w, 3)];
    c->append_bytes_max = (uint32_t[]){ 0, 1, 24 }[explore_below(w, 3)];
    c->snap_entries = (uint64_t[]){ 0, 5, 30 }[explore_below(w, 3)];
    c->snap_bytes = (uint64_t[]){ 0, 60 }[explore_below(w, 2)];
    c->lease_reads = explore_below(w, 2) == 0;
    c->drift_ppm = (uint32_t[]){ 0, 50000, 200000 }[explore_below(w, 3)];
}

/* Clocks run as differently as leases bear; without leases, as they like. */
static void begin_clock(struct explore *w, struct explore_node *n)
{
    uint64_t ppm = explore_below(w, w->config.drift_ppm + 1u);
    n->rate = EXPLORE_MS - ppm;
    if (!w->config.lease_reads) {
        n->rate = EXPLORE_MS * 9 / 10 + explore_below(w, EXPLORE_MS / 5);
    }
    n->clock = explore_below(w, 1000) * (uint64_t)EXPLORE_ELECTION;
}

static void begin(struct explore *w, uint64_t seed)
{
    static const uint32_t counts[] = { 3, 4, 5, 3, 1, 3, 5, 7 };
    struct raft_conf first = { .index = 1 };
    prng_seed(&w->prng, seed);
    w->count = counts[seed % 8];
    w->now = 1000;
    w->loss = (uint32_t[]){ 0, 50, 200 }[explore_below(w, 3)];
    w->crash = (uint32_t[]){ 0, 2, 10 }[explore_below(w, 3)];
    w->cut = (uint32_t[]){ 0, 5, 30 }[explore_below(w, 3)];
    w->change = (uint32_t[]){ 0, 10, 40 }[explore_below(w, 3)];
    w->slow = (uint32_t[]){ 0, 500, 950 }[explore_below(w, 3)];
    w->haste = (uint32_t[]){ 2, 8, 20, 60 }[explore_below(w, 4)];
    begin_config(w);
    uint32_t voters = w->change == 0 ? w->count : 1 + explore_below(w, w->count);
    for (uint32_t i = 0; i < voters; i++) {
        first.voter[first.voter_count++] = i + 1;
    }
    for (uint32_t i = 0; i < w->count; i++) {
        begin_clock(w, &w->node[i]);
        explore_boot(w, i, false);
    }
    struct raft_event ev = { .type = RAFT_EV_INIT, .conf = &first };
    explore_step(w, 0, &ev, NULL);
    explore_disk(w, 0, w->node[0].queued); /* else a crash could end it before it began */
}

static void clear(struct explore *w)
{
    explore_packets_free(w);
    for (uint32_t i = 0; i < EXPLORE_NODES_MAX; i++) {
        explore_writes_drop(&w->node[i], w->node[i].queued);
        free(w->node[i].core);
        w->node[i].core = NULL;
    }
}

bool explore_world(uint64_t seed)
{
    struct explore *w = &world;
    memset(w, 0, offsetof(struct explore, out));
    begin(w, seed);
    for (int k = 0; k < CHAOS_TURNS && w->failure[0] == '\0'; k++) {
        turn(w, true);
    }
    memset(w->down, 0, sizeof w->down);
    for (int k = 0; k < CHAOS_TURNS / 4 && w->failure[0] == '\0'; k++) {
        turn(w, false);
    }
    if (w->failure[0] == '\0') {
        /* who was put out and does not know it may disturb for ever without these */
        bool rude = w->config.no_pre_vote || w->config.no_check_quorum;
        w->config.no_pre_vote = w->config.no_check_quorum = false;
        for (uint32_t i = 0; i < w->count && rude && w->change > 0; i++) {
            if (w->node[i].up) {
                explore_crash(w, i);
            }
        }
        settle(w, 30);
    }
    if (w->failure[0] == '\0') {
        explore_judge_rest(w);
    }
    for (uint32_t i = 0; i < w->count && w->node[i].core != NULL; i++) {
        w->trace ^= raft_hash(w->node[i].core);
    }
    clear(w);
    return w->failure[0] == '\0';
}
