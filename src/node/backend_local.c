/* node/backend_local.c -- the deterministic backend: calls are carried out at once, answered later.
 *
 * Shape:  an operation changes the state, makes a struct answer with a copy of what it says, and
 *         asks for the end of the turn; there the answers leave in order
 * Owns:   answers, and what they point to
 * Thread: the loop's
 */
#include "node/backend_local.h"

#include "base/blake3.h"
#include "base/panic.h"
#include "node/backend_data.h"
#include "node/metrics.h"

#include <inttypes.h>

enum {
    LOCAL_TERM = 1
};

/* One call that waits for the end of the turn. */
struct answer {
    struct list link;
    struct service_call *call;
    struct service_reply reply;
    struct service_members *members; /* inside data; NULL: none */
    uint64_t began_ns;
    uint8_t data[]; /* value of a read, or members */
};

static_assert(offsetof(struct answer, data) % _Alignof(struct service_members) == 0,
              "members may stand in data");

struct backend_local {
    struct service service;
    struct os *os;
    struct mem *mem;
    struct backend_local_options options;
    struct os_job turn;
    bool armed;          /* turn is the loop's until it runs */
    struct list answers; /* in order of their calls */
    uint32_t answer_count;
    struct backend_data data;
    struct metrics metrics;
    bool initialized;
    uint64_t index; /* of a log that would hold every change */
    uint64_t snapshot_index;
    struct service_members members;
    uint32_t peer_count;
    uint64_t peer_id[NET_PEERS_MAX];
};

static struct backend_local *local_of(struct service *s)
{
    return CONTAINER_OF(s, struct backend_local, service);
}

static void local_log(struct backend_local *b, const char *event)
{
    if (b->options.logger != NULL) {
        logger_log(b->options.logger, LOGGER_INFO, event, logger_u64("index", b->index),
                   logger_u64("members", b->members.count));
    }
}

/* Answers leave in order; what they cause comes behind them, in a later turn. */
static void turn_run(void *arg)
{
    struct backend_local *b = arg;
    b->armed = false;
    uint32_t count = b->answer_count;
    for (uint32_t i = 0; i < count && !list_empty(&b->answers); i++) {
        struct answer *a = CONTAINER_OF(b->answers.next, struct answer, link);
        list_remove(&a->link);
        b->answer_count--;
        a->call->done(a->call, &a->reply);
        mem_free(b->mem, a);
    }
    if (!list_empty(&b->answers) && !b->armed) {
        b->armed = true;
        os_turn_end(b->os, &b->turn);
    }
}

/* An answer with room for extra bytes, not queued yet; NULL when there is no room. */
static struct answer *answer_make(struct backend_local *b, struct service_call *call, size_t extra)
{
    ASSERT(call->done != NULL);
    if (b->answer_count >= CALLS_MAX) {
        metrics_add(&b->metrics, METRICS_QUEUE_FULL, 1);
        return NULL;
    }
    struct answer *a = mem_alloc(b->mem, sizeof *a + extra);
    if (a == NULL) {
        return NULL;
    }
    memset(a, 0, sizeof *a);
    a->call = call;
    a->began_ns = os_now(b->os);
    return a;
}

static void answer_queue(struct backend_local *b, struct answer *a, enum err code)
{
    a->reply.code = code;
    a->reply.revision = b->data.revision;
    a->reply.term = LOCAL_TERM;
    a->reply.node = b->options.node_id;
    a->reply.leader_hint = b->initialized ? b->options.node_id : 0;
    list_push_back(&b->answers, &a->link);
    b->answer_count++;
    if (!b->armed) {
        b->armed = true;
        os_turn_end(b->os, &b->turn);
    }
}

/* ---- KeyValueStore --------------------------------------------------------------------------- */

static enum err local_write(struct service *s, const struct service_pair *pairs, uint32_t count,
                            struct service_call *call)
{
    struct backend_local *b = local_of(s);
    TRY(backend_data_check(pairs, count));
    struct answer *a = answer_make(b, call, 0);
    if (a == NULL) {
        return ERR_BUSY;
    }
    enum err code = ERR_NOT_INITIALIZED;
    if (b->initialized) {
        code = backend_data_set(&b->data, pairs, count);
    }
    if (code == ERR_OK) {
        b->index++;
        metrics_observe(&b->metrics, METRICS_WRITE_LATENCY, os_now(b->os) - a->began_ns);
        metrics_add(&b->metrics, METRICS_APPLIED_ENTRIES, 1);
    }
    metrics_add(&b->metrics, code == ERR_OK ? METRICS_WRITES : METRICS_WRITES_FAILED, 1);
    answer_queue(b, a, code);
    return ERR_OK;
}

static enum err local_read(struct service *s, struct bytes key, enum service_consistency how,
                           struct service_call *call)
{
    struct backend_local *b = local_of(s);
    struct service_record record = { { NULL, 0 }, 0, 0, 0, 0 };
    ASSERT(how == SERVICE_LINEARIZABLE || how == SERVICE_SERIALIZABLE);
    if (key.count == 0) {
        return ERR_KEY_EMPTY;
    }
    if (key.count > KV_KEY_BYTES_MAX) {
        return ERR_KEY_TOO_LARGE;
    }
    enum err code =
        b->initialized ? backend_data_find(&b->data, key, &record) : ERR_NOT_INITIALIZED;
    struct answer *a = answer_make(b, call, record.value.count);
    if (a == NULL) {
        return ERR_BUSY;
    }
    if (record.value.count > 0) {
        memcpy(a->data, record.value.data, record.value.count);
    }
    record.value.data = a->data;
    a->reply.record = record;
    bool served = code == ERR_OK || code == ERR_NOT_FOUND;
    metrics_add(&b->metrics, served ? METRICS_READS : METRICS_READS_FAILED, 1);
    metrics_observe(&b->metrics, METRICS_READ_LATENCY, os_now(b->os) - a->began_ns);
    answer_queue(b, a, code);
    return ERR_OK;
}

/* ---- ClusterController ----------------------------------------------------------------------- */

static int member_find(const struct service_members *m, uint64_t id)
{
    for (uint32_t i = 0; i < m->count; i++) {
        if (m->member[i].id == id) {
            return (int)i;
        }
    }
    return -1;
}

static void text_copy(char out[NODE_ADDR_BYTES_MAX], struct bytes text)
{
    size_t n = text.count < NODE_ADDR_BYTES_MAX ? text.count : NODE_ADDR_BYTES_MAX - 1;
    memset(out, 0, NODE_ADDR_BYTES_MAX);
    if (n > 0) {
        memcpy(out, text.data, n);
    }
}

static void member_add(struct service_members *m, const struct service_member *member, bool voter)
{
    ASSERT(m->count < SERVICE_MEMBERS_MAX);
    uint32_t i = m->count++;
    m->member[i].id = member->id;
    m->member[i].voter = voter;
    text_copy(m->member[i].addr, member->addr);
    text_copy(m->member[i].raft_addr, member->raft_addr);
}

static uint32_t member_count(const struct service_members *m, bool voter)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < m->count; i++) {
        n += m->member[i].voter == voter ? 1 : 0;
    }
    return n;
}

/* What a membership call came to: the reason of a refusal is a text of static storage. */
struct outcome {
    enum err code;
    const char *detail;
};

static struct outcome refuse(enum err code, const char *detail)
{
    struct outcome o = { code, detail };
    return o;
}

/* Queue the answer of a membership call; members as they are now, when it went well. */
static enum err membership_answer(struct backend_local *b, struct service_call *call,
                                  struct outcome outcome, const struct service_members *next)
{
    struct answer *a = answer_make(b, call, sizeof(struct service_members));
    if (a == NULL) {
        return ERR_BUSY;
    }
    a->reply.detail = outcome.detail;
    if (outcome.code == ERR_OK) {
        b->members = *next;
        b->index++;
        b->initialized = true;
        a->members = (struct service_members *)(void *)a->data;
        *a->members = *next;
        a->reply.members = a->members;
        local_log(b, "membership changed");
    }
    answer_queue(b, a, outcome.code);
    return ERR_OK;
}

static struct outcome init_members(const struct backend_local *b,
                                   const struct service_member *members, uint32_t count,
                                   struct service_members *next)
{
    if (b->initialized) {
        return refuse(ERR_ALREADY_INITIALIZED, NULL);
    }
    if (count == 0 || count > RAFT_VOTERS_MAX) {
        return refuse(ERR_BAD_REQUEST, "a cluster begins with 1 to 16 members");
    }
    for (uint32_t i = 0; i < count; i++) {
        if (members[i].id == 0 || member_find(next, members[i].id) >= 0) {
            return refuse(ERR_BAD_REQUEST, "member ids are above 0 and differ from each other");
        }
        member_add(next, &members[i], true);
    }
    if (member_find(next, b->options.node_id) < 0) {
        return refuse(ERR_BAD_REQUEST, "the node that is asked must be one of the members");
    }
    return refuse(ERR_OK, NULL);
}

static enum err local_init(struct service *s, const struct service_member *members, uint32_t count,
                           struct service_call *call)
{
    struct backend_local *b = local_of(s);
    struct service_members next;
    memset(&next, 0, sizeof next);
    struct outcome outcome = init_members(b, members, count, &next);
    return membership_answer(b, call, outcome, &next);
}

static enum err local_add_learner(struct service *s, const struct service_member *member,
                                  struct service_call *call)
{
    struct backend_local *b = local_of(s);
    struct service_members next = b->members;
    struct outcome outcome = { ERR_OK, NULL };
    int found = member_find(&next, member->id);
    if (!b->initialized) {
        outcome.code = ERR_NOT_INITIALIZED;
    } else if (member->id == 0) {
        outcome = refuse(ERR_BAD_REQUEST, "a node id is above 0");
    } else if (found >= 0 && next.member[found].voter) {
        outcome = refuse(ERR_BAD_REQUEST, "the node is a voter already");
    } else if (found >= 0) {
        text_copy(next.member[found].addr, member->addr);
        text_copy(next.member[found].raft_addr, member->raft_addr);
    } else if (member_count(&next, false) >= RAFT_LEARNERS_MAX ||
               next.count == SERVICE_MEMBERS_MAX) {
        outcome = refuse(ERR_BAD_REQUEST, "there are 16 learners already");
    } else {
        member_add(&next, member, false);
    }
    return membership_answer(b, call, outcome, &next);
}

/* The voters become exactly ids; a voter that is not among them leaves, other learners stay. */
static struct outcome change_members(const struct backend_local *b, const uint64_t *ids,
                                     uint32_t count, struct service_members *next)
{
    if (!b->initialized) {
        return refuse(ERR_NOT_INITIALIZED, NULL);
    }
    if (count == 0 || count > RAFT_VOTERS_MAX) {
        return refuse(ERR_BAD_REQUEST, "a cluster has 1 to 16 voters");
    }
    for (uint32_t i = 0; i < count; i++) {
        if (member_find(&b->members, ids[i]) < 0) {
            return refuse(ERR_UNKNOWN_NODE, "a node id is neither voter nor learner");
        }
        for (uint32_t k = 0; k < i; k++) {
            if (ids[i] == ids[k]) {
                return refuse(ERR_BAD_REQUEST, "a node id is named twice");
            }
        }
    }
    for (uint32_t i = 0; i < b->members.count; i++) {
        bool named = false;
        for (uint32_t k = 0; k < count; k++) {
            named = named || ids[k] == b->members.member[i].id;
        }
        if (named || !b->members.member[i].voter) {
            next->member[next->count] = b->members.member[i];
            next->member[next->count].voter = named;
            next->count++;
        }
    }
    return refuse(ERR_OK, NULL);
}

static enum err local_change_membership(struct service *s, const uint64_t *ids, uint32_t count,
                                        struct service_call *call)
{
    struct backend_local *b = local_of(s);
    struct service_members next;
    memset(&next, 0, sizeof next);
    struct outcome outcome = change_members(b, ids, count, &next);
    return membership_answer(b, call, outcome, &next);
}

static enum err local_remove_member(struct service *s, uint64_t id, struct service_call *call)
{
    struct backend_local *b = local_of(s);
    struct service_members next;
    struct outcome outcome = { ERR_OK, NULL };
    memset(&next, 0, sizeof next);
    for (uint32_t i = 0; i < b->members.count; i++) {
        if (b->members.member[i].id != id) {
            next.member[next.count++] = b->members.member[i];
        }
    }
    if (!b->initialized) {
        outcome.code = ERR_NOT_INITIALIZED;
    } else if (next.count == b->members.count) {
        outcome = refuse(ERR_UNKNOWN_NODE, "a node id is neither voter nor learner");
    } else if (member_count(&next, true) == 0) {
        outcome = refuse(ERR_BAD_REQUEST, "no voter would be left");
    }
    return membership_answer(b, call, outcome, &next);
}

/* It is always this node that leads. */
static enum err local_transfer(struct service *s, uint64_t to, struct service_call *call)
{
    struct backend_local *b = local_of(s);
    struct service_members same = b->members;
    struct outcome outcome = { ERR_OK, NULL };
    if (!b->initialized) {
        outcome.code = ERR_NOT_INITIALIZED;
    } else if (to != 0 && to != b->options.node_id) {
        outcome = refuse(ERR_UNKNOWN_NODE, "nobody but this node can lead");
    }
    return membership_answer(b, call, outcome, &same);
}

static enum err local_trigger_snapshot(struct service *s, struct service_call *call)
{
    struct backend_local *b = local_of(s);
    struct answer *a = answer_make(b, call, 0);
    if (a == NULL) {
        return ERR_BUSY;
    }
    if (b->initialized) {
        b->snapshot_index = b->index;
        a->reply.snapshot_term = LOCAL_TERM;
        a->reply.snapshot_index = b->index;
        metrics_add(&b->metrics, METRICS_SNAPSHOTS_BUILT, 1);
    }
    answer_queue(b, a, b->initialized ? ERR_OK : ERR_NOT_INITIALIZED);
    return ERR_OK;
}

/* Nobody is dialled; ids are kept so that the bound is the real one. */
static enum err local_add_peer(struct service *s, uint64_t id, const struct node_key *key,
                               const struct os_addr *addrs, uint32_t count)
{
    struct backend_local *b = local_of(s);
    ASSERT(key != NULL && (count == 0 || addrs != NULL));
    if (id == 0) {
        return ERR_BAD_REQUEST;
    }
    for (uint32_t i = 0; i < b->peer_count; i++) {
        if (b->peer_id[i] == id) {
            return ERR_OK;
        }
    }
    if (b->peer_count == NET_PEERS_MAX) {
        return ERR_BUSY;
    }
    b->peer_id[b->peer_count++] = id;
    return ERR_OK;
}

/* ---- Pictures -------------------------------------------------------------------------------- */

static void local_status(struct service *s, struct service_status *out)
{
    const struct backend_local *b = local_of(s);
    memset(out, 0, sizeof *out);
    int own = member_find(&b->members, b->options.node_id);
    bool leads = own >= 0 && b->members.member[own].voter;
    out->node_id = b->options.node_id;
    out->role = leads ? SERVICE_LEADER : b->initialized ? SERVICE_LEARNER : SERVICE_FOLLOWER;
    out->initialized = b->initialized;
    out->leader = leads ? out->node_id : 0;
    out->term = b->initialized ? LOCAL_TERM : 0;
    out->vote = out->leader;
    out->last_index = out->committed_index = out->applied_index = b->index;
    out->last_term = out->committed_term = out->applied_term = out->term;
    out->snapshot_index = b->snapshot_index;
    out->snapshot_term = b->snapshot_index > 0 ? LOCAL_TERM : 0;
    out->quorum_ack_ms = leads ? 0 : -1;
    for (uint32_t i = 0; i < b->members.count; i++) {
        uint64_t id = b->members.member[i].id;
        if (b->members.member[i].voter) {
            out->voter[out->voter_count++] = id;
        } else {
            out->learner[out->learner_count++] = id;
        }
        if (leads && id != out->node_id) {
            struct service_peer_status peer = { id, out->term, b->index, 0 };
            out->peer[out->peer_count++] = peer;
        }
    }
    out->revision = b->data.revision;
    out->state_hash = b->data.hash;
    out->node_port = b->options.node_port;
    out->backend = "deterministic";
    out->key = b->options.key;
    if (b->initialized) {
        uint8_t hash[BLAKE3_OUT];
        blake3_hash(b->options.key.b, NODE_KEY_BYTES, hash);
        memcpy(out->cluster.b, hash, CLUSTER_ID_BYTES);
    }
}

static uint32_t local_addrs(struct service *s, struct os_addr *out, uint32_t max)
{
    const struct backend_local *b = local_of(s);
    if (b->options.addr.family == 0 || max == 0) {
        return 0;
    }
    out[0] = b->options.addr;
    return 1;
}

static void local_metrics(struct service *s, struct writer *out)
{
    const struct backend_local *b = local_of(s);
    metrics_counters_write(&b->metrics, b->options.node_id, out);
}

static void local_transport_metrics(struct service *s, struct writer *out)
{
    struct link_stats none;
    memset(&none, 0, sizeof none);
    metrics_transport_write(&none, local_of(s)->options.node_id, out);
}

static uint32_t local_members(struct service *s, struct service_members *out)
{
    *out = local_of(s)->members;
    return out->count;
}

static void local_forget(struct service *s, struct service_call *call)
{
    struct backend_local *b = local_of(s);
    LIST_EACH(node, &b->answers) {
        struct answer *a = CONTAINER_OF(node, struct answer, link);
        if (a->call == call) {
            list_remove(&a->link);
            b->answer_count--;
            mem_free(b->mem, a);
            return;
        }
    }
}

enum err backend_local_open(struct os *os, struct mem *mem,
                            const struct backend_local_options *options, struct service **out)
{
    static const struct service_table table = {
        .write = local_write,
        .read = local_read,
        .init = local_init,
        .add_learner = local_add_learner,
        .change_membership = local_change_membership,
        .remove_member = local_remove_member,
        .transfer = local_transfer,
        .trigger_snapshot = local_trigger_snapshot,
        .add_peer = local_add_peer,
        .status = local_status,
        .addrs = local_addrs,
        .metrics = local_metrics,
        .transport_metrics = local_transport_metrics,
        .members = local_members,
        .forget = local_forget,
    };
    ASSERT(options->node_id > 0);
    struct backend_local *b = mem_alloc(mem, sizeof *b);
    if (b == NULL) {
        return ERR_NO_MEMORY;
    }
    memset(b, 0, sizeof *b);
    b->service.table = &table;
    b->os = os;
    b->mem = mem;
    b->options = *options;
    list_init(&b->turn.link);
    b->turn.run = turn_run;
    b->turn.arg = b;
    list_init(&b->answers);
    backend_data_init(&b->data, mem);
    metrics_init(&b->metrics);
    *out = &b->service;
    return ERR_OK;
}

void backend_local_close(struct service *s)
{
    struct backend_local *b = local_of(s);
    while (!list_empty(&b->answers)) {
        struct answer *a = CONTAINER_OF(b->answers.next, struct answer, link);
        list_remove(&a->link);
        mem_free(b->mem, a);
    }
    list_remove(&b->turn.link);
    backend_data_done(&b->data);
    mem_free(b->mem, b);
}
