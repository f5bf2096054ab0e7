/* tests/script/expect.c -- what an `expect` line compares. */
#include "script.h"

#include "raft/raft_codec.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    VALUE_BYTES_MAX = 4096 /* longer than any line: what does not fit is equal to nothing */
};

/* A value as the script writes it; number for ordering comparisons. */
struct value {
    char text[VALUE_BYTES_MAX];
    uint64_t number;
    bool is_number;
};

static void set_number(struct value *v, uint64_t number)
{
    v->number = number;
    v->is_number = true;
    snprintf(v->text, sizeof v->text, "%llu", (unsigned long long)number);
}

static void append_ids(struct value *v, const char *prefix, const uint64_t *ids, uint8_t count)
{
    bool first = true;
    size_t used = strlen(v->text);
    if (count == 0) {
        return;
    }
    used += (size_t)snprintf(v->text + used, sizeof v->text - used, "%s%s", used > 0 ? "/" : "",
                             prefix);
    for (uint64_t id = 1; id <= WORLD_NODES_MAX; id++) {
        for (uint8_t i = 0; i < count; i++) {
            if (ids[i] == id) {
                used += (size_t)snprintf(v->text + used, sizeof v->text - used, "%s%llu",
                                         first ? "" : ",", (unsigned long long)id);
                first = false;
            }
        }
    }
}

static void app_of(const struct world_node *n, struct value *v)
{
    size_t used = 0;
    for (uint64_t i = 1; i <= n->applied && used < sizeof v->text; i++) {
        const struct world_entry *e = &n->log[i];
        if (e->kind == RAFT_ENTRY_COMMAND) {
            used += (size_t)snprintf(v->text + used, sizeof v->text - used, "%s%.*s",
                                     used > 0 ? "," : "", (int)e->size, (const char *)e->data);
        }
    }
}

/* Beyond the format: ID:LIFE of every voter, in the order of ids. */
static void lives_of(const struct raft_status *st, struct value *v)
{
    size_t used = 0;
    v->text[0] = '\0';
    for (uint64_t id = 1; id <= WORLD_NODES_MAX; id++) {
        uint64_t life = raft_conf_life(&st->conf, id);
        for (uint8_t i = 0; i < st->conf.voter_count; i++) {
            if (st->conf.voter[i] == id) {
                used += (size_t)snprintf(v->text + used, sizeof v->text - used, "%s%llu",
                                         used > 0 ? "," : "", (unsigned long long)life);
            }
        }
    }
}

static const char *role_text(const struct raft_status *st)
{
    static const char *const names[] = { "follower", "precandidate", "candidate", "leader",
                                         "stopped" };
    return names[st->role];
}

/* state(P), match(P), next(P): on the leader. */
static bool peer_value(struct script *s, const struct raft_status *st, const char *key,
                       struct value *v)
{
    static const char *const states[] = { "probe", "replicate", "snapshot" };
    char word[24] = "";
    uint64_t id = 0;
    const char *open = strchr(key, '(');
    if (open == NULL || sscanf(open, "(%23[0-9])", word) != 1 || !script_id(s, word, &id)) {
        return false;
    }
    for (uint32_t i = 0; i < st->peer_count; i++) {
        if (st->peer[i].id != id) {
            continue;
        }
        if (strncmp(key, "state(", 6) == 0) {
            snprintf(v->text, sizeof v->text, "%s", states[st->peer[i].state]);
            return true;
        }
        set_number(v, strncmp(key, "match(", 6) == 0 ? st->peer[i].match : st->peer[i].next);
        return strncmp(key, "match(", 6) == 0 || strncmp(key, "next(", 5) == 0;
    }
    snprintf(v->text, sizeof v->text, "none");
    return strncmp(key, "state(", 6) == 0 || strncmp(key, "match(", 6) == 0 ||
           strncmp(key, "next(", 5) == 0;
}

static bool number_of(const struct raft_status *st, const struct world_node *n, const char *key,
                      struct value *v)
{
    const struct {
        const char *name;
        uint64_t number;
    } rows[] = {
        { "term", st->term },      { "vote", st->vote },   { "commit", st->commit },
        { "applied", n->applied }, { "first", st->first }, { "lead", st->leader },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (strcmp(key, rows[i].name) == 0) {
            set_number(v, rows[i].number);
            return true;
        }
    }
    return false;
}

static bool value_of(struct script *s, uint64_t id, const char *key, struct value *v)
{
    const struct world_node *n = &s->world.node[id];
    struct raft_status st;
    raft_status(n->core, &st);
    memset(v, 0, sizeof *v);
    if (number_of(&st, n, key, v)) {
        return true;
    }
    if (strcmp(key, "role") == 0) {
        snprintf(v->text, sizeof v->text, "%s", role_text(&st));
        return true;
    }
    if (strcmp(key, "last") == 0) {
        snprintf(v->text, sizeof v->text, "%llu/%llu", (unsigned long long)st.last,
                 (unsigned long long)st.last_term);
        v->number = st.last;
        v->is_number = true;
        return true;
    }
    if (strcmp(key, "config") == 0) {
        append_ids(v, "v", st.conf.voter, st.conf.voter_count);
        append_ids(v, "o", st.conf.outgoing, st.conf.outgoing_count);
        append_ids(v, "l", st.conf.learner, st.conf.learner_count);
        return true;
    }
    if (strcmp(key, "lives") == 0) { /* of voters, by id */
        lives_of(&st, v);
        return true;
    }
    if (strcmp(key, "wiped") == 0) {
        append_ids(v, "", st.wiped, (uint8_t)st.wiped_count);
        return true;
    }
    if (strcmp(key, "app") == 0) {
        app_of(n, v);
        return true;
    }
    return peer_value(s, &st, key, v);
}

/* key, operator and value of "key>=value". */
static bool split(const char *word, char *key, char *op, const char **out_value)
{
    size_t n = strcspn(word, "=!<>");
    size_t width = word[n] == '=' ? 1 : 2;
    if (n == 0 || n > 31 || word[n] == '\0' || (width == 2 && word[n + 1] != '=')) {
        return false;
    }
    memcpy(key, word, n);
    key[n] = '\0';
    *op = word[n];
    *out_value = word + n + width;
    return true;
}

static bool holds(const struct value *v, const char *key, char op, const char *wanted,
                  bool *out_understood)
{
    uint64_t number = 0;
    char *end = NULL;
    bool same = strcmp(v->text, wanted) == 0;
    *out_understood = true;
    if (strcmp(key, "role") == 0 && strcmp(wanted, "pre-candidate") == 0) {
        same = strcmp(v->text, "precandidate") == 0;
    }
    if (strcmp(key, "vote") == 0 || strcmp(key, "lead") == 0) {
        same = same || (strcmp(wanted, "none") == 0 && v->number == 0);
    }
    if (op == '=' || op == '!') {
        return same == (op == '=');
    }
    number = strtoull(wanted, &end, 10);
    if (!v->is_number || end == wanted || (*end != '\0' && *end != '/')) {
        *out_understood = false;
        return false;
    }
    return op == '>' ? v->number >= number : v->number <= number;
}

static enum script_result expect_node(struct script *s, uint64_t id)
{
    if (s->count < 3) {
        return script_say(s, SCRIPT_UNKNOWN, "not understood: expect");
    }
    for (uint32_t i = 2; i < s->count; i++) {
        char key[32];
        char op = 0;
        const char *wanted = NULL;
        struct value v;
        bool understood = true;
        if (!split(s->word[i], key, &op, &wanted)) {
            return script_say(s, SCRIPT_UNKNOWN, "not understood: %s", s->word[i]);
        }
        if (!s->world.node[id].up) {
            return script_say(s, SCRIPT_FAILED, "node %llu is down", (unsigned long long)id);
        }
        if (!value_of(s, id, key, &v)) {
            return script_say(s, SCRIPT_UNKNOWN, "not understood: %s", s->word[i]);
        }
        bool good = holds(&v, key, op, wanted, &understood);
        if (!understood) {
            return script_say(s, SCRIPT_UNKNOWN, "not understood: %s", s->word[i]);
        }
        if (!good) {
            return script_say(s, SCRIPT_FAILED, "node %llu: expected %.200s, found %s=%.500s",
                              (unsigned long long)id, s->word[i], key, v.text);
        }
    }
    return SCRIPT_OK;
}

/* Exactly one leader at the highest term that a live node has. */
static enum script_result expect_leader(struct script *s)
{
    uint64_t wanted = 0;
    uint64_t highest = 0;
    uint64_t leader = 0;
    uint32_t leaders = 0;
    struct raft_status st;
    if (s->count > 3 || (s->count == 3 && !script_id(s, s->word[2], &wanted))) {
        return script_say(s, SCRIPT_UNKNOWN, "not understood: expect leader");
    }
    for (uint64_t id = 1; id <= WORLD_NODES_MAX; id++) {
        if (s->world.node[id].up) {
            raft_status(s->world.node[id].core, &st);
            highest = st.term > highest ? st.term : highest;
        }
    }
    for (uint64_t id = 1; id <= WORLD_NODES_MAX; id++) {
        if (s->world.node[id].up) {
            raft_status(s->world.node[id].core, &st);
            if (st.role == RAFT_LEADER && st.term == highest) {
                leaders++;
                leader = id;
            }
        }
    }
    if (leaders != 1 || (wanted != 0 && leader != wanted)) {
        return script_say(s, SCRIPT_FAILED, "%u leaders at term %llu, the last one %llu", leaders,
                          (unsigned long long)highest, (unsigned long long)leader);
    }
    return SCRIPT_OK;
}

static uint64_t commit_of(const struct script *s, uint64_t id)
{
    struct raft_status st;
    raft_status(s->world.node[id].core, &st);
    return st.commit;
}

/* agree: the same was committed and applied; prefix: what was applied begins the longest. */
static enum script_result expect_same(struct script *s, bool prefix)
{
    uint32_t mask = 0;
    uint64_t longest = 0;
    if (s->count != 3 || !script_ids(s, s->word[2], &mask)) {
        return script_say(s, SCRIPT_UNKNOWN, "not understood: expect %s", s->word[1]);
    }
    for (uint64_t id = 1; id <= WORLD_NODES_MAX; id++) {
        if ((mask & 1u << id) == 0) {
            continue;
        }
        if (!s->world.node[id].up) {
            return script_say(s, SCRIPT_FAILED, "node %llu is down", (unsigned long long)id);
        }
        if (longest == 0 || s->world.node[id].applied > s->world.node[longest].applied) {
            longest = id;
        }
    }
    const struct world_node *l = &s->world.node[longest];
    for (uint64_t id = 1; id <= WORLD_NODES_MAX; id++) {
        const struct world_node *n = &s->world.node[id];
        if ((mask & 1u << id) == 0) {
            continue;
        }
        bool same =
            prefix || (n->applied == l->applied && commit_of(s, id) == commit_of(s, longest));
        for (uint64_t i = 1; same && i <= n->applied; i++) {
            same = n->log[i].term == l->log[i].term && n->log[i].size == l->log[i].size &&
                   memcmp(n->log[i].data, l->log[i].data, n->log[i].size) == 0;
        }
        if (!same) {
            return script_say(
                s, SCRIPT_FAILED,
                "nodes %llu and %llu differ: applied %llu and %llu, commit %llu and %llu",
                (unsigned long long)id, (unsigned long long)longest, (unsigned long long)n->applied,
                (unsigned long long)l->applied, (unsigned long long)commit_of(s, id),
                (unsigned long long)commit_of(s, longest));
        }
    }
    return SCRIPT_OK;
}

static enum script_result expect_err(struct script *s)
{
    enum err e = s->world.asked_err;
    if (s->count != 3) {
        return script_say(s, SCRIPT_UNKNOWN, "not understood: expect err");
    }
    bool good = strcmp(s->word[2], "yes") == 0  ? e != ERR_OK
                : strcmp(s->word[2], "no") == 0 ? e == ERR_OK
                                                : strcmp(s->word[2], err_name(e)) == 0;
    return good
               ? SCRIPT_OK
               : script_say(s, SCRIPT_FAILED, "expected err %s, found %s", s->word[2], err_name(e));
}

static enum script_result expect_read(struct script *s)
{
    static const char *const states[] = { "pending", "ok", "fail" };
    uint64_t index = 0;
    const char *wanted_index = s->count == 5 ? script_option(s->word[4], "i") : NULL;
    if (s->count < 4 || s->count > 5 ||
        (s->count == 5 && (wanted_index == NULL || !script_u64(wanted_index, &index)))) {
        return script_say(s, SCRIPT_UNKNOWN, "not understood: expect read");
    }
    for (uint32_t i = 0; i < s->world.read_count; i++) {
        const struct world_read *r = &s->world.read[i];
        if (strcmp(r->tag, s->word[2]) != 0) {
            continue;
        }
        bool good = strcmp(states[r->state], s->word[3]) == 0 &&
                    (wanted_index == NULL || r->index == index);
        return good ? SCRIPT_OK
                    : script_say(s, SCRIPT_FAILED, "read %s is %s i=%llu", r->tag, states[r->state],
                                 (unsigned long long)r->index);
    }
    return script_say(s, SCRIPT_UNKNOWN, "no read is called %s", s->word[2]);
}

/* expect msgs A>B [type=T] N */
static enum script_result expect_msgs(struct script *s)
{
    uint64_t a = 0;
    uint64_t b = 0;
    uint64_t wanted = 0;
    int type = 0;
    bool typed = s->count == 5;
    if (s->count < 4 || s->count > 5 || !script_link(s, s->word[2], &a, &b) ||
        !script_u64(s->word[s->count - 1], &wanted)) {
        return script_say(s, SCRIPT_UNKNOWN, "not understood: expect msgs");
    }
    if (typed) {
        const char *v = script_option(s->word[3], "type");
        type = v != NULL ? script_type(v) : 0;
        if (type == 0) {
            return script_say(s, SCRIPT_UNKNOWN, "not understood: %s", s->word[3]);
        }
    }
    uint32_t found = world_count(&s->world, a, b, type);
    return found == wanted ? SCRIPT_OK : script_say(s, SCRIPT_FAILED, "%u messages wait", found);
}

/* expect sent<=N A>B */
static enum script_result expect_sent(struct script *s)
{
    uint64_t a = 0;
    uint64_t b = 0;
    uint64_t most = 0;
    uint64_t sent = 0;
    if (s->count != 3 || !script_u64(s->word[1] + strlen("sent<="), &most) ||
        !script_link(s, s->word[2], &a, &b)) {
        return script_say(s, SCRIPT_UNKNOWN, "not understood: expect sent");
    }
    for (uint64_t i = 1; i <= WORLD_NODES_MAX; i++) {
        for (uint64_t k = 1; k <= WORLD_NODES_MAX; k++) {
            if ((a == 0 || a == i) && (b == 0 || b == k)) {
                sent += s->world.sent[i][k];
            }
        }
    }
    return sent <= most
               ? SCRIPT_OK
               : script_say(s, SCRIPT_FAILED, "%llu messages were sent", (unsigned long long)sent);
}

enum script_result script_expect(struct script *s)
{
    uint64_t id = 0;
    if (s->count < 2) {
        return script_say(s, SCRIPT_UNKNOWN, "not understood: expect");
    }
    const char *what = s->word[1];
    s->checks++;
    if (strcmp(what, "leader") == 0) {
        return expect_leader(s);
    }
    if (strcmp(what, "agree") == 0 || strcmp(what, "prefix") == 0) {
        return expect_same(s, strcmp(what, "prefix") == 0);
    }
    if (strcmp(what, "err") == 0) {
        return expect_err(s);
    }
    if (strcmp(what, "read") == 0) {
        return expect_read(s);
    }
    if (strcmp(what, "msgs") == 0) {
        return expect_msgs(s);
    }
    if (strncmp(what, "sent<=", 6) == 0) {
        return expect_sent(s);
    }
    return script_id(s, what, &id)
               ? expect_node(s, id)
               : script_say(s, SCRIPT_UNKNOWN, "not understood: expect %s", what);
}
