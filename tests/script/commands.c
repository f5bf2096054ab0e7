/* tests/script/commands.c -- what a line other than `expect` does. */
#include "script.h"

#include <stdio.h>

enum {
    RATE_DECIMALS = 6
};

static enum script_result unknown(struct script *s, const char *what)
{
    return script_say(s, SCRIPT_UNKNOWN, "not understood: %s", what);
}

static bool cluster_option(struct script *s, const char *word, struct raft_conf *conf,
                           uint64_t *seen)
{
    struct raft_config *c = &s->world.config;
    const char *v = script_option(word, "voters");
    uint64_t n = 0;
    if (v != NULL) {
        return script_members(v, conf->voter, RAFT_VOTERS_MAX, &conf->voter_count, seen);
    }
    if ((v = script_option(word, "learners")) != NULL) {
        return script_members(v, conf->learner, RAFT_LEARNERS_MAX, &conf->learner_count, seen);
    }
    if ((v = script_option(word, "prevote")) != NULL) {
        c->no_pre_vote = strcmp(v, "0") == 0;
        return strcmp(v, "0") == 0 || strcmp(v, "1") == 0;
    }
    if ((v = script_option(word, "checkquorum")) != NULL) {
        c->no_check_quorum = strcmp(v, "0") == 0;
        return strcmp(v, "0") == 0 || strcmp(v, "1") == 0;
    }
    if ((v = script_option(word, "inflight")) != NULL) {
        bool good = script_u64(v, &n) && n > 0;
        c->inflight_max = n < UINT32_MAX ? (uint32_t)n : UINT32_MAX; /* its own bound is less */
        return good;
    }
    if ((v = script_option(word, "maxmsg")) != NULL) {
        bool good = script_u64(v, &n) && n <= UINT32_MAX;
        c->append_bytes_max = n == 0 ? 1 : (uint32_t)n; /* 0: one entry a message */
        return good;
    }
    if ((v = script_option(word, "maxcommit")) != NULL) {
        return script_u64(v, &n); /* no option of this core: its own bound holds */
    }
    if ((v = script_option(word, "seed")) != NULL) {
        return script_u64(v, &c->seed);
    }
    return false;
}

/* Beyond the format. lives=1,2 or lives=0: nodes know their lives, and the first entry binds these
 * voters, or none; lives=off: they know nothing of lives; rejoin=0: who lost its disk stays out. */
static bool lives_option(struct script *s, const char *word, uint64_t *bound)
{
    uint64_t ids[WORLD_NODES_MAX];
    uint8_t count = 0;
    const char *v = script_option(word, "lives");
    if (v != NULL) {
        s->world.lives = strcmp(v, "off") != 0;
        s->world.lives_told = true;
        return !s->world.lives || strcmp(v, "0") == 0 ||
               script_members(v, ids, WORLD_NODES_MAX, &count, bound);
    }
    v = script_option(word, "rejoin");
    s->world.config.auto_rejoin = v != NULL && strcmp(v, "1") == 0;
    return v != NULL && (strcmp(v, "0") == 0 || strcmp(v, "1") == 0);
}

static enum script_result do_cluster(struct script *s)
{
    struct raft_conf conf = { 0 };
    struct raft_config *c = &s->world.config;
    uint64_t seen = 0;
    uint64_t bound = 0;
    if (s->world.started) {
        return unknown(s, "a second cluster");
    }
    if (script_twice(s)) {
        return unknown(s, "an option twice");
    }
    c->heartbeat_ns = WORLD_TICK_NS;
    c->election_ns_min = 10ull * WORLD_TICK_NS;
    c->election_ns_max = 20ull * WORLD_TICK_NS;
    c->seed = 1;
    c->auto_rejoin = true; /* where lives are known */
    for (uint32_t i = 1; i < s->count; i++) {
        if (!cluster_option(s, s->word[i], &conf, &seen) && !lives_option(s, s->word[i], &bound)) {
            return unknown(s, s->word[i]);
        }
    }
    if (conf.voter_count == 0) {
        return unknown(s, "a cluster without voters");
    }
    for (uint8_t i = 0; i < conf.voter_count; i++) {
        bool told = !s->world.lives_told || (bound & 1ull << conf.voter[i]) != 0;
        conf.voter_life[i] = told ? world_life(&s->world, conf.voter[i]) : 0;
    }
    conf.index = 1;
    world_start(&s->world, &conf);
    return SCRIPT_OK;
}

static enum script_result do_node(struct script *s)
{
    uint64_t id = 0;
    bool wipe = s->count == 3 && strcmp(s->word[2], "wipe=1") == 0;
    if (s->count < 2 || s->count > 3 || (s->count == 3 && !wipe) ||
        !script_any_id(s->word[1], &id)) {
        return unknown(s, "node");
    }
    if (!s->world.node[id].exists) {
        world_node_add(&s->world, id);
        return SCRIPT_OK;
    }
    if (!wipe) {
        return unknown(s, "a node that is there");
    }
    if (s->world.node[id].up) {
        world_crash(&s->world, id);
    }
    world_restart(&s->world, id, true);
    return SCRIPT_OK;
}

static enum script_result do_tick(struct script *s)
{
    uint64_t id = 0;
    uint64_t times = 1;
    bool all = s->count >= 2 && strcmp(s->word[1], "*") == 0;
    if (s->count < 2 || s->count > 3 || (!all && !script_id(s, s->word[1], &id)) ||
        (s->count == 3 && !script_count(s->word[2], &times))) {
        return unknown(s, "tick");
    }
    for (uint64_t i = 0; i < times; i++) {
        for (uint64_t k = 1; k <= WORLD_NODES_MAX; k++) {
            if (all || k == id) {
                world_tick(&s->world, k);
            }
        }
    }
    return SCRIPT_OK;
}

static enum script_result settle(struct script *s)
{
    return world_settle(&s->world) ? SCRIPT_OK
                                   : script_say(s, SCRIPT_FAILED, "the cluster does not settle");
}

static enum script_result do_run(struct script *s)
{
    uint64_t times = 0;
    if (s->count != 2 || !script_count(s->word[1], &times)) {
        return unknown(s, "run");
    }
    for (uint64_t i = 0; i < times; i++) {
        for (uint64_t k = 1; k <= WORLD_NODES_MAX; k++) {
            world_tick(&s->world, k);
        }
        enum script_result r = settle(s);
        if (r != SCRIPT_OK || s->world.limit[0] != '\0') {
            return r;
        }
    }
    return SCRIPT_OK;
}

/* What `expect err` looks at: a node that is down takes nothing, and the line has been obeyed. */
static bool answers(struct script *s, uint64_t id)
{
    if (!s->world.node[id].up) {
        world_refuse(&s->world);
    }
    return s->world.node[id].up;
}

static enum script_result do_campaign(struct script *s)
{
    uint64_t id = 0;
    if (s->count != 2 || !script_id(s, s->word[1], &id)) {
        return unknown(s, "campaign");
    }
    if (answers(s, id)) {
        world_ask(&s->world, id, RAFT_EV_CAMPAIGN, 0);
    }
    return SCRIPT_OK;
}

static enum script_result do_pump(struct script *s)
{
    uint64_t id = 0;
    if (s->count != 2 || !script_id(s, s->word[1], &id)) {
        return unknown(s, "pump");
    }
    world_pump(&s->world, id);
    return SCRIPT_OK;
}

/* deliver, drop, dup, reorder: a link, and for the first two a type. */
static enum script_result do_messages(struct script *s)
{
    uint64_t a = 0;
    uint64_t b = 0;
    int type = 0;
    const char *what = s->word[0];
    bool typed = what[0] == 'd' && what[1] != 'u';
    if (s->count < 2 || s->count > 3 || !script_link(s->word[1], &a, &b)) {
        return unknown(s, what);
    }
    if (s->count == 3) {
        const char *v = script_option(s->word[2], "type");
        type = v != NULL && typed ? script_type(v) : 0;
        if (type == 0) {
            return unknown(s, s->word[2]);
        }
    }
    if (strcmp(what, "deliver") == 0) {
        world_deliver(&s->world, a, b, type);
    } else if (strcmp(what, "drop") == 0) {
        world_drop(&s->world, a, b, type);
    } else if (strcmp(what, "dup") == 0) {
        world_dup(&s->world, a, b);
    } else {
        world_reorder(&s->world, a, b);
    }
    return SCRIPT_OK;
}

static void cut_link(struct script *s, uint64_t a, uint64_t b, bool cut)
{
    for (uint64_t i = 1; i <= WORLD_NODES_MAX; i++) {
        for (uint64_t k = 1; k <= WORLD_NODES_MAX; k++) {
            if ((a == 0 || a == i) && (b == 0 || b == k) && i != k) {
                s->world.cut[i][k] = cut;
            }
        }
    }
}

static bool cut_sets(struct script *s, char *word, bool cut)
{
    uint64_t left[WORLD_NODES_MAX];
    uint64_t right[WORLD_NODES_MAX];
    uint8_t lefts = 0;
    uint8_t rights = 0;
    uint64_t seen = 0; /* nobody stands on both sides */
    char *bar = strchr(word, '|');
    *bar = '\0';
    if (!script_members(word, left, WORLD_NODES_MAX, &lefts, &seen) ||
        !script_members(bar + 1, right, WORLD_NODES_MAX, &rights, &seen)) {
        return false;
    }
    for (uint8_t i = 0; i < lefts; i++) {
        for (uint8_t k = 0; k < rights; k++) {
            cut_link(s, left[i], right[k], cut);
            cut_link(s, right[k], left[i], cut);
        }
    }
    return true;
}

static enum script_result do_cut(struct script *s)
{
    bool cut = strcmp(s->word[0], "cut") == 0;
    if (s->count == 1 && !cut) {
        memset(s->world.cut, 0, sizeof s->world.cut);
        return SCRIPT_OK;
    }
    for (uint32_t i = 1; i < s->count; i++) {
        uint64_t a = 0;
        uint64_t b = 0;
        bool sets = strchr(s->word[i], '|') != NULL;
        if (!(sets ? cut_sets(s, s->word[i], cut) : script_link(s->word[i], &a, &b))) {
            return unknown(s, s->word[0]);
        }
        if (!sets) {
            cut_link(s, a, b, cut); /* of `*>*` both are 0: every link */
        }
    }
    return s->count > 1 ? SCRIPT_OK : unknown(s, "cut");
}

static enum script_result do_disk(struct script *s)
{
    uint64_t id = 0;
    uint64_t ticks = 0;
    if (s->count < 3 || !script_id(s, s->word[1], &id)) {
        return unknown(s, "disk");
    }
    struct world_node *n = &s->world.node[id];
    const char *how = s->word[2];
    if (strcmp(how, "hold") == 0 && s->count == 3) {
        n->disk_hold = true;
    } else if (strcmp(how, "go") == 0 && s->count == 3) {
        n->disk_hold = false;
        n->disk_fail = false; /* whom it has failed already stays stopped */
        n->disk_slow_ns = 0;
        world_disk_release(&s->world, id);
    } else if (strcmp(how, "fail") == 0 && s->count == 3) {
        n->disk_fail = true;
    } else if (strcmp(how, "lose") == 0 && s->count == 3) {
        n->disk_lose = true;
    } else if (strcmp(how, "torn") == 0 && s->count == 3) {
        n->disk_torn = true;
    } else if (strcmp(how, "slow") == 0 && s->count == 4 && script_count(s->word[3], &ticks)) {
        n->disk_slow_ns = ticks * WORLD_TICK_NS;
    } else if (strcmp(how, "corrupt") == 0 && s->count == 4 && script_u64(s->word[3], &ticks)) {
        n->corrupt = ticks;
    } else {
        return unknown(s, how);
    }
    return SCRIPT_OK;
}

static enum script_result do_apply(struct script *s)
{
    uint64_t id = 0;
    bool hold = s->count == 3 && strcmp(s->word[2], "hold") == 0;
    bool go = s->count == 3 && strcmp(s->word[2], "go") == 0;
    if ((!hold && !go) || !script_id(s, s->word[1], &id)) {
        return unknown(s, "apply");
    }
    s->world.node[id].apply_hold = hold;
    return SCRIPT_OK;
}

static bool live(struct script *s, uint64_t id, enum script_result *out)
{
    if (!s->world.node[id].up) {
        *out = script_say(s, SCRIPT_FAILED, "node %llu is down", (unsigned long long)id);
    }
    return s->world.node[id].up;
}

static enum script_result do_propose(struct script *s)
{
    uint64_t id = 0;
    if (s->count != 3 || !script_id(s, s->word[1], &id)) {
        return unknown(s, "propose");
    }
    if (answers(s, id)) {
        world_propose(&s->world, id, s->word[2]);
    }
    return SCRIPT_OK;
}

static enum script_result do_read(struct script *s)
{
    uint64_t id = 0;
    bool lease = s->count == 4 && strcmp(s->word[3], "lease") == 0;
    if ((s->count != 3 && !lease) || !script_id(s, s->word[1], &id) || strlen(s->word[2]) > 31) {
        return unknown(s, "read");
    }
    s->world.wants_leases = s->world.wants_leases || lease;
    world_read(&s->world, id, s->word[2], lease);
    return SCRIPT_OK;
}

/* v4, l5, r1. */
static bool change_of(const char *word, struct raft_change *out)
{
    *out = (struct raft_change){ 0 };
    switch (word[0]) {
    case 'v':
        out->kind = RAFT_CHANGE_VOTER;
        break;
    case 'l':
        out->kind = RAFT_CHANGE_LEARNER;
        break;
    case 'r':
        out->kind = RAFT_CHANGE_REMOVE;
        break;
    default:
        return false;
    }
    return script_any_id(word + 1, &out->id);
}

/* conf ID v4 l5 r1 [joint=auto|implicit|explicit]; the first two are the same to this core. A
 * change is a set: who is named twice is a slip of the pen. */
static enum script_result do_conf(struct script *s)
{
    struct raft_change changes[SCRIPT_WORDS_MAX];
    uint32_t count = 0;
    uint64_t seen = 0;
    bool manual = false;
    uint64_t id = 0;
    if (s->count < 2 || !script_id(s, s->word[1], &id) || script_twice(s)) {
        return unknown(s, "conf");
    }
    for (uint32_t i = 2; i < s->count; i++) {
        const char *joint = script_option(s->word[i], "joint");
        bool by_hand = joint != NULL && strcmp(joint, "explicit") == 0;
        bool mode = joint != NULL &&
                    (by_hand || strcmp(joint, "auto") == 0 || strcmp(joint, "implicit") == 0);
        manual = manual || by_hand;
        if (mode) {
            continue;
        }
        if (!change_of(s->word[i], &changes[count]) || (seen & 1ull << changes[count].id) != 0) {
            return unknown(s, s->word[i]);
        }
        seen |= 1ull << changes[count++].id;
    }
    if (answers(s, id)) {
        world_change(&s->world, id, changes, count, manual);
    }
    return SCRIPT_OK;
}

static enum script_result do_transfer(struct script *s)
{
    uint64_t id = 0;
    uint64_t to = 0;
    if (s->count != 3 || !script_id(s, s->word[1], &id) || !script_any_id(s->word[2], &to)) {
        return unknown(s, "transfer");
    }
    if (answers(s, id)) {
        world_ask(&s->world, id, RAFT_EV_TRANSFER, to);
    }
    return SCRIPT_OK;
}

static enum script_result do_forget(struct script *s)
{
    uint64_t id = 0;
    enum script_result r = SCRIPT_OK;
    if (s->count != 2 || !script_id(s, s->word[1], &id)) {
        return unknown(s, "forget");
    }
    if (live(s, id, &r)) {
        world_ask(&s->world, id, RAFT_EV_FORGET, 0);
    }
    return r;
}

/* snapshot ID keep=N: of all that is applied, at once. */
static enum script_result do_snapshot(struct script *s)
{
    uint64_t id = 0;
    uint64_t keep = 0;
    enum script_result r = SCRIPT_OK;
    const char *v = s->count == 3 ? script_option(s->word[2], "keep") : NULL;
    if (s->count < 2 || !script_id(s, s->word[1], &id) ||
        (s->count != 2 && (v == NULL || !script_u64(v, &keep)))) {
        return unknown(s, "snapshot");
    }
    if (live(s, id, &r)) {
        world_snapshot(&s->world, id, keep);
    }
    return r;
}

static enum script_result do_crash(struct script *s)
{
    uint64_t id = 0;
    if (s->count != 2 || !script_id(s, s->word[1], &id)) {
        return unknown(s, "crash");
    }
    if (s->world.node[id].up) {
        world_crash(&s->world, id);
    }
    return SCRIPT_OK;
}

static enum script_result do_restart(struct script *s)
{
    uint64_t id = 0;
    bool wipe = s->count == 3 && strcmp(s->word[2], "wipe=1") == 0;
    bool copy = s->count == 3 && strcmp(s->word[2], "copy=1") == 0;
    if (s->count < 2 || (s->count == 3 && !wipe && !copy) || s->count > 3 ||
        !script_id(s, s->word[1], &id)) {
        return unknown(s, "restart");
    }
    if (s->world.node[id].up) {
        world_crash(&s->world, id);
    }
    if (copy && !world_restore(&s->world, id)) {
        return unknown(s, "a copy that was never made");
    }
    world_restart(&s->world, id, wipe);
    return SCRIPT_OK;
}

static enum script_result do_copy(struct script *s)
{
    uint64_t id = 0;
    if (s->count != 2 || !script_id(s, s->word[1], &id)) {
        return unknown(s, "copy");
    }
    world_copy(&s->world, id);
    return SCRIPT_OK;
}

/* connect A>B: A learns of a new connection to B. */
static enum script_result do_connect(struct script *s)
{
    uint64_t a = 0;
    uint64_t b = 0;
    if (s->count != 2 || !script_link(s->word[1], &a, &b) || a == 0 || b == 0 ||
        !s->world.node[a].exists) {
        return unknown(s, "connect");
    }
    if (s->world.node[a].up) {
        world_ask(&s->world, a, RAFT_EV_PEER_UP, b);
    }
    return SCRIPT_OK;
}

/* R of rate=R in millionths: 0.9, or .9, is 900000; below 100 whole ones. */
static bool rate(const char *text, uint64_t *out_ppm)
{
    static const char digits[] = "0123456789";
    size_t whole = strspn(text, digits);
    size_t part = text[whole] == '.' ? strspn(text + whole + 1, digits) : 0;
    uint64_t ppm = 0;
    if (whole > 2 || part > RATE_DECIMALS || (text[whole] == '.') != (part > 0) ||
        text[whole + (part > 0 ? part + 1 : 0)] != '\0') {
        return false;
    }
    for (size_t i = 0; i < whole; i++) {
        ppm = 10 * ppm + (uint64_t)(text[i] - '0');
    }
    for (size_t i = 0; i < RATE_DECIMALS; i++) {
        ppm = 10 * ppm + (uint64_t)(i < part ? text[whole + 1 + i] - '0' : 0);
    }
    *out_ppm = ppm;
    return ppm > 0;
}

static enum script_result do_clock(struct script *s)
{
    uint64_t id = 0;
    uint64_t ticks = 0;
    uint64_t ppm = 0;
    if (s->count != 3 || !script_id(s, s->word[1], &id)) {
        return unknown(s, "clock");
    }
    struct world_node *n = &s->world.node[id];
    const char *how = s->word[2];
    if (how[0] == '+' && script_count(how + 1, &ticks)) {
        n->now_ns += ticks * WORLD_TICK_NS;
    } else if (how[0] == '-' && script_count(how + 1, &ticks)) {
        uint64_t back = ticks * WORLD_TICK_NS;
        n->now_ns =
            n->now_ns > back ? n->now_ns - back : 0; /* the core takes it as standing still */
    } else if (script_option(how, "rate") != NULL && rate(how + strlen("rate="), &ppm)) {
        n->rate_ppm = ppm;
    } else {
        return unknown(s, how);
    }
    return SCRIPT_OK;
}

static enum script_result do_settle(struct script *s)
{
    return s->count == 1 ? settle(s) : unknown(s, "settle");
}

static enum script_result do_invariants(struct script *s)
{
    bool on = s->count == 2 && strcmp(s->word[1], "on") == 0;
    bool off = s->count == 2 && strcmp(s->word[1], "off") == 0;
    s->world.checks_invariants = on;
    return on || off ? SCRIPT_OK : unknown(s, "invariants");
}

static const struct {
    const char *name;
    enum script_result (*run)(struct script *s);
} table[] = {
    { "cluster", do_cluster },   { "node", do_node },
    { "tick", do_tick },         { "run", do_run },
    { "campaign", do_campaign }, { "pump", do_pump },
    { "deliver", do_messages },  { "drop", do_messages },
    { "dup", do_messages },      { "reorder", do_messages },
    { "cut", do_cut },           { "heal", do_cut },
    { "disk", do_disk },         { "apply", do_apply },
    { "propose", do_propose },   { "read", do_read },
    { "conf", do_conf },         { "transfer", do_transfer },
    { "forget", do_forget },     { "snapshot", do_snapshot },
    { "crash", do_crash },       { "restart", do_restart },
    { "clock", do_clock },       { "settle", do_settle },
    { "expect", script_expect }, { "invariants", do_invariants },
    { "copy", do_copy },         { "connect", do_connect },
};

static enum script_result run_words(struct script *s)
{
    bool needs_cluster =
        strcmp(s->word[0], "cluster") != 0 && strcmp(s->word[0], "invariants") != 0;
    if (needs_cluster && !s->world.started) {
        return unknown(s, "a command before `cluster`");
    }
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        if (strcmp(s->word[0], table[i].name) == 0) {
            return table[i].run(s);
        }
    }
    return unknown(s, s->word[0]);
}

enum script_result script_line(struct script *s, char *line)
{
    char *hash = strchr(line, '#');
    char *rest = NULL;
    if (hash != NULL) {
        *hash = '\0';
    }
    s->count = 0;
    for (char *w = strtok_r(line, " \t\r\n", &rest); w != NULL;
         w = strtok_r(NULL, " \t\r\n", &rest)) {
        if (s->count == SCRIPT_WORDS_MAX) {
            return unknown(s, "too many words");
        }
        s->word[s->count++] = w;
    }
    if (s->count == 0) {
        return SCRIPT_OK;
    }
    enum script_result r = run_words(s);
    if (s->world.limit[0] != '\0') {
        return script_say(s, SCRIPT_UNKNOWN, "%s", s->world.limit);
    }
    if (r == SCRIPT_OK && s->world.checks_invariants && s->world.started &&
        !world_check(&s->world)) {
        s->checks++;
        return script_say(s, SCRIPT_FAILED, "%s", s->world.failure);
    }
    return r;
}
