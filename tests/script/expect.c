/* tests/script/expect.c -- what an `expect` line compares. */
#include "script.h"

#include "raft/raft_codec.h"

#include <stdio.h>

enum {
    VALUE_BYTES_MAX = SCRIPT_LINE_BYTES_MAX /* what does not fit is equal to nothing in a line */
};

/* What a key's value looks like. */
enum kind {
    KIND_NONE, /* there is no such key */
    KIND_NUMBER,
    KIND_ID, /* a number, or none */
    KIND_LAST,
    KIND_ROLE,
    KIND_STATE,
    KIND_CONFIG,
    KIND_IDS,
    KIND_TEXT,
};

/* A value as the script writes it; number for comparisons, of `last` with the term. */
struct value {
    char text[VALUE_BYTES_MAX];
    uint64_t number;
    uint64_t term;
    bool is_number;
};

static const char *const roles[] = { "follower", "precandidate", "candidate", "leader", "stopped" };
static const char *const peer_states[] = { "probe", "replicate", "snapshot", "none" };

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
        const struct world_entry *e = &n->disk.log[i];
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

/* P of state(P), match(P), next(P); 0: the key is none of them. */
static uint64_t peer_of(const char *key, const char *name)
{
    char word[24];
    uint64_t id = 0;
    size_t n = strlen(name);
    size_t all = strlen(key);
    if (strncmp(key, name, n) != 0 || key[n] != '(' || all < n + 3 || all - n - 2 >= sizeof word ||
        key[all - 1] != ')') {
        return 0;
    }
    memcpy(word, key + n + 1, all - n - 2);
    word[all - n - 2] = '\0';
    return script_any_id(word, &id) ? id : 0;
}

/* On the leader; who is no peer of it has none. */
static void peer_value(const struct raft_status *st, const char *key, struct value *v)
{
    snprintf(v->text, sizeof v->text, "none");
    for (uint32_t i = 0; i < st->peer_count; i++) {
        const struct raft_peer_status *p = &st->peer[i];
        if (peer_of(key, "state") == p->id) {
            snprintf(v->text, sizeof v->text, "%s", peer_states[p->state]);
        } else if (peer_of(key, "match") == p->id) {
            set_number(v, p->match);
        } else if (peer_of(key, "next") == p->id) {
            set_number(v, p->next);
        }
    }
}

static enum kind kind_of(const char *key)
{
    static const struct {
        const char *name;
        enum kind kind;
    } rows[] = {
        { "term", KIND_NUMBER },    { "vote", KIND_ID },      { "commit", KIND_NUMBER },
        { "applied", KIND_NUMBER }, { "first", KIND_NUMBER }, { "lead", KIND_ID },
        { "last", KIND_LAST },      { "role", KIND_ROLE },    { "config", KIND_CONFIG },
        { "lives", KIND_IDS },      { "wiped", KIND_IDS },    { "app", KIND_TEXT },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (strcmp(key, rows[i].name) == 0) {
            return rows[i].kind;
        }
    }
    if (peer_of(key, "match") != 0 || peer_of(key, "next") != 0) {
        return KIND_ID;
    }
    return peer_of(key, "state") != 0 ? KIND_STATE : KIND_NONE;
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

/* Of a node that is up; the key exists. */
static void value_of(const struct script *s, uint64_t id, const char *key, struct value *v)
{
    const struct world_node *n = &s->world.node[id];
    struct raft_status st;
    raft_status(n->core, &st);
    memset(v, 0, sizeof *v);
    if (number_of(&st, n, key, v)) {
        return;
    }
    if (strcmp(key, "role") == 0) {
        snprintf(v->text, sizeof v->text, "%s", roles[st.role]);
    } else if (strcmp(key, "last") == 0) {
        snprintf(v->text, sizeof v->text, "%llu/%llu", (unsigned long long)st.last,
                 (unsigned long long)st.last_term);
        v->number = st.last;
        v->term = st.last_term;
        v->is_number = true;
    } else if (strcmp(key, "config") == 0) {
        append_ids(v, "v", st.conf.voter, st.conf.voter_count);
        append_ids(v, "o", st.conf.outgoing, st.conf.outgoing_count);
        append_ids(v, "l", st.conf.learner, st.conf.learner_count);
    } else if (strcmp(key, "lives") == 0) { /* of voters, by id */
        lives_of(&st, v);
    } else if (strcmp(key, "wiped") == 0) {
        append_ids(v, "", st.wiped, (uint8_t)st.wiped_count);
    } else if (strcmp(key, "app") == 0) {
        app_of(n, v);
    } else {
        peer_value(&st, key, v);
    }
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

static bool one_of(const char *word, const char *const *list, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(word, list[i]) == 0) {
            return true;
        }
    }
    return false;
}

/* "1,2,3": numbers, or nothing. */
static bool is_list(const char *text)
{
    static const char digits[] = "0123456789";
    size_t n = strspn(text, digits);
    while (n > 0 && text[n] == ',') {
        text += n + 1;
        n = strspn(text, digits);
        if (n == 0) {
            return false;
        }
    }
    return text[n] == '\0';
}

/* v1,2/o1/l4, each part once, into how `config` is told; nothing is the configuration of a node
 * that has none. */
static bool read_config(const char *text, struct value *v)
{
    static const char names[] = "vol";
    uint64_t ids[sizeof names - 1][WORLD_NODES_MAX];
    uint8_t count[sizeof names - 1] = { 0 };
    memset(v, 0, sizeof *v);
    while (*text != '\0') {
        char part[SCRIPT_LINE_BYTES_MAX];
        uint64_t seen = 0;
        size_t n = strcspn(text, "/");
        const char *name = strchr(names, *text);
        size_t which = name != NULL ? (size_t)(name - names) : 0;
        if (name == NULL || count[which] > 0 || n >= sizeof part ||
            (text[n] == '/' && !text[n + 1])) {
            return false;
        }
        memcpy(part, text + 1, n - 1);
        part[n - 1] = '\0';
        if (!script_members(part, ids[which], WORLD_NODES_MAX, &count[which], &seen)) {
            return false;
        }
        text += text[n] == '/' ? n + 1 : n;
    }
    for (size_t i = 0; i < sizeof names - 1; i++) {
        append_ids(v, (const char[]){ names[i], '\0' }, ids[i], count[i]);
    }
    return true;
}

/* I/T of `last`; where it is compared by more or less, I alone will do. */
static bool read_last(const char *text, bool ordered, struct value *v)
{
    char index[24];
    size_t n = strcspn(text, "/");
    if (n >= sizeof index || (text[n] == '\0' && !ordered)) {
        return false;
    }
    memcpy(index, text, n);
    index[n] = '\0';
    v->is_number = script_u64(index, &v->number);
    v->term = UINT64_MAX; /* not asked for */
    return v->is_number && (text[n] == '\0' || script_u64(text + n + 1, &v->term));
}

/* The value that a script wants; false: nothing that the key could ever be. */
static bool read_wanted(enum kind kind, char op, const char *text, struct value *v)
{
    bool ordered = op == '<' || op == '>';
    memset(v, 0, sizeof *v);
    if (kind == KIND_LAST) {
        return read_last(text, ordered, v);
    }
    if (kind == KIND_NUMBER || kind == KIND_ID) {
        v->is_number = script_u64(text, &v->number);
        bool none = kind == KIND_ID && !ordered && strcmp(text, "none") == 0;
        snprintf(v->text, sizeof v->text, "%s", none ? text : "");
        return v->is_number || none;
    }
    if (kind == KIND_CONFIG) {
        return !ordered && read_config(text, v);
    }
    text = kind == KIND_ROLE && strcmp(text, "pre-candidate") == 0 ? "precandidate" : text;
    snprintf(v->text, sizeof v->text, "%s", text);
    return !ordered &&
           (kind == KIND_TEXT || (kind == KIND_IDS && is_list(text)) ||
            (kind == KIND_ROLE && one_of(text, roles, sizeof roles / sizeof roles[0])) ||
            (kind == KIND_STATE &&
             one_of(text, peer_states, sizeof peer_states / sizeof peer_states[0])));
}

static bool holds(const struct value *v, const char *key, char op, const struct value *wanted)
{
    bool last = strcmp(key, "last") == 0 && wanted->term != UINT64_MAX;
    bool nobody = (strcmp(key, "vote") == 0 || strcmp(key, "lead") == 0) && v->number == 0;
    bool same = strcmp(v->text, wanted->text) == 0;
    if (wanted->is_number) {
        same = v->is_number && v->number == wanted->number && (!last || v->term == wanted->term);
    } else if (strcmp(wanted->text, "none") == 0) {
        same = same || nobody;
    }
    if (op == '=' || op == '!') {
        return same == (op == '=');
    }
    if (!v->is_number) { /* of who is no peer */
        return false;
    }
    return op == '>' ? v->number >= wanted->number && (!last || v->term >= wanted->term)
                     : v->number <= wanted->number && (!last || v->term <= wanted->term);
}

static enum script_result expect_word(struct script *s, uint64_t id, const char *word)
{
    char key[32];
    char op = 0;
    const char *text = NULL;
    struct value wanted;
    struct value v;
    if (!split(word, key, &op, &text) || kind_of(key) == KIND_NONE ||
        !read_wanted(kind_of(key), op, text, &wanted)) {
        return script_say(s, SCRIPT_UNKNOWN, "not understood: %s", word);
    }
    if (!s->world.node[id].up) {
        return script_say(s, SCRIPT_FAILED, "node %llu is down", (unsigned long long)id);
    }
    value_of(s, id, key, &v);
    return holds(&v, key, op, &wanted)
               ? SCRIPT_OK
               : script_say(s, SCRIPT_FAILED, "node %llu: expected %.200s, found %s=%.500s",
                            (unsigned long long)id, word, key, v.text);
}

/* All words are read, also behind one that does not hold: what is not understood weighs more. */
static enum script_result expect_node(struct script *s, uint64_t id)
{
    enum script_result worst = SCRIPT_OK;
    if (s->count < 3) {
        return script_say(s, SCRIPT_UNKNOWN, "not understood: expect");
    }
    for (uint32_t i = s->count; i-- > 2 && worst != SCRIPT_UNKNOWN;) { /* the first is told of */
        enum script_result r = expect_word(s, id, s->word[i]);
        worst = r > worst ? r : worst;
    }
    return worst;
}

void script_tell(const struct script *s, uint64_t id, const char *key)
{
    struct value v;
    value_of(s, id, key, &v);
    printf(" %s=%s", key, v.text);
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
    uint64_t mask = 0;
    uint64_t longest = 0;
    if (s->count != 3 || !script_ids(s, s->word[2], &mask)) {
        return script_say(s, SCRIPT_UNKNOWN, "not understood: expect %s", s->word[1]);
    }
    for (uint64_t id = 1; id <= WORLD_NODES_MAX; id++) {
        if ((mask & 1ull << id) == 0) {
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
        if ((mask & 1ull << id) == 0) {
            continue;
        }
        bool same =
            prefix || (n->applied == l->applied && commit_of(s, id) == commit_of(s, longest));
        for (uint64_t i = 1; same && i <= n->applied; i++) {
            same = n->disk.log[i].term == l->disk.log[i].term &&
                   n->disk.log[i].size == l->disk.log[i].size &&
                   memcmp(n->disk.log[i].data, l->disk.log[i].data, n->disk.log[i].size) == 0;
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

/* yes, no, or the name of an error. */
static bool err_word(const char *word)
{
    static const char *const names[] = { "yes", "no",
#define ERR_NAME(name, class, status, text) #name,
                                         ERR_LIST(ERR_NAME)
#undef ERR_NAME
    };
    return one_of(word, names, sizeof names / sizeof names[0]);
}

static enum script_result expect_err(struct script *s)
{
    enum err e = s->world.asked_err;
    if (s->count != 3 || !err_word(s->word[2])) {
        return script_say(s, SCRIPT_UNKNOWN, "not understood: expect err");
    }
    if (s->world.asked_ticket == 0) {
        return script_say(s, SCRIPT_UNKNOWN, "nothing was asked");
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
        !one_of(s->word[3], states, sizeof states / sizeof states[0]) ||
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
    if (s->count < 4 || s->count > 5 || !script_link(s->word[2], &a, &b) ||
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
        !script_link(s->word[2], &a, &b)) {
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
