/* tests/unit/api/fake.h -- a service that keeps every call until the test answers it.
 *
 * Shape:  fake_init, then give its service to door_open; fake_answer answers the oldest call
 * Thread: one
 */
#ifndef TESTS_API_FAKE_H
#define TESTS_API_FAKE_H

#include "node/service.h"

#include "tap.h"

enum fake_kind {
    FAKE_WRITE,
    FAKE_READ,
    FAKE_INIT,
    FAKE_ADD_LEARNER,
    FAKE_CHANGE,
    FAKE_REMOVE,
    FAKE_SNAPSHOT,
};

enum {
    FAKE_CALLS_MAX = 8192,
};

struct fake {
    struct service base;
    struct list calls;
    uint32_t begun;   /* calls taken */
    uint32_t waiting; /* calls not answered yet */
    uint32_t forgotten;
    enum fake_kind last;
    enum err refuse; /* what the next operations return; ERR_OK: they are taken */
    struct service_status status;
    struct service_members members;
    uint64_t peer_id; /* of the last add_peer */
    struct node_key peer_key;
    struct os_addr peer_addr[NODE_ADDRS_MAX];
    uint32_t peer_addr_count;
    uint32_t pair_count; /* of the last write */
    char key[64], value[64];
    enum service_consistency how;
    struct service_member member; /* last one named */
    uint64_t ids[SERVICE_MEMBERS_MAX];
    uint32_t id_count;
    uint64_t expect;     /* of the last call */
    bool keep_rejoining; /* likewise */
};

static inline struct fake *fake_of(struct service *s)
{
    return CONTAINER_OF(s, struct fake, base);
}

static enum err fake_take(struct service *s, struct service_call *call, enum fake_kind kind)
{
    struct fake *f = fake_of(s);
    f->last = kind;
    f->expect = call->expect;
    f->keep_rejoining = call->keep_rejoining;
    if (f->refuse != ERR_OK) {
        return f->refuse;
    }
    list_push_back(&f->calls, &call->link);
    f->begun++;
    f->waiting++;
    return ERR_OK;
}

static void fake_text(char *out, size_t size, struct bytes text)
{
    size_t n = text.count < size - 1 ? text.count : size - 1;
    memset(out, 0, size);
    memcpy(out, text.data, n);
}

static enum err fake_write(struct service *s, const struct service_pair *pairs, uint32_t count,
                           struct service_call *call)
{
    struct fake *f = fake_of(s);
    f->pair_count = count;
    fake_text(f->key, sizeof f->key, pairs[0].key);
    fake_text(f->value, sizeof f->value, pairs[0].value);
    return fake_take(s, call, FAKE_WRITE);
}

static enum err fake_read(struct service *s, struct bytes key, enum service_consistency how,
                          struct service_call *call)
{
    fake_text(fake_of(s)->key, sizeof fake_of(s)->key, key);
    fake_of(s)->how = how;
    return fake_take(s, call, FAKE_READ);
}

static enum err fake_init_op(struct service *s, const struct service_member *members,
                             uint32_t count, struct service_call *call)
{
    fake_of(s)->member = members[count - 1];
    fake_of(s)->id_count = count;
    return fake_take(s, call, FAKE_INIT);
}

static enum err fake_add_learner(struct service *s, const struct service_member *member,
                                 struct service_call *call)
{
    fake_of(s)->member = *member;
    return fake_take(s, call, FAKE_ADD_LEARNER);
}

static enum err fake_change(struct service *s, const uint64_t *ids, uint32_t count,
                            struct service_call *call)
{
    fake_of(s)->id_count = count;
    memcpy(fake_of(s)->ids, ids, count * sizeof ids[0]);
    return fake_take(s, call, FAKE_CHANGE);
}

static enum err fake_remove(struct service *s, uint64_t id, struct service_call *call)
{
    fake_of(s)->ids[0] = id;
    return fake_take(s, call, FAKE_REMOVE);
}

static enum err fake_snapshot(struct service *s, struct service_call *call)
{
    return fake_take(s, call, FAKE_SNAPSHOT);
}

static enum err fake_add_peer(struct service *s, uint64_t id, const struct node_key *key,
                              const struct os_addr *addrs, uint32_t count)
{
    struct fake *f = fake_of(s);
    f->peer_id = id;
    f->peer_key = *key;
    f->peer_addr_count = count;
    memcpy(f->peer_addr, addrs, count * sizeof addrs[0]);
    return f->refuse;
}

static void fake_status(struct service *s, struct service_status *out)
{
    *out = fake_of(s)->status;
}

static uint32_t fake_addrs(struct service *s, struct os_addr *out, uint32_t max)
{
    struct os_addr a = { .family = 4, .ip = { 127, 0, 0, 1 }, .port = 45454 };
    struct os_addr b = { .family = 6, .ip = { [15] = 1 }, .port = 45455 };
    (void)s;
    CHECK(max >= 2);
    out[0] = a;
    out[1] = b;
    return 2;
}

static void fake_metrics(struct service *s, struct writer *out)
{
    (void)s;
    writer_put(out, bytes_text("aspen_node_info{node_id=\"1\"} 1\n"));
}

static uint32_t fake_members(struct service *s, struct service_members *out)
{
    *out = fake_of(s)->members;
    return out->count;
}

static void fake_forget(struct service *s, struct service_call *call)
{
    list_remove(&call->link);
    fake_of(s)->forgotten++;
    fake_of(s)->waiting--;
}

static const struct service_table fake_table = {
    .write = fake_write,
    .read = fake_read,
    .init = fake_init_op,
    .add_learner = fake_add_learner,
    .change_membership = fake_change,
    .remove_member = fake_remove,
    .trigger_snapshot = fake_snapshot,
    .add_peer = fake_add_peer,
    .status = fake_status,
    .addrs = fake_addrs,
    .metrics = fake_metrics,
    .transport_metrics = fake_metrics,
    .members = fake_members,
    .forget = fake_forget,
};

__attribute__((unused)) static void fake_init(struct fake *f)
{
    memset(f, 0, sizeof *f);
    f->base.table = &fake_table;
    f->refuse = ERR_OK;
    list_init(&f->calls);
    f->status.node_id = 1;
    f->status.role = SERVICE_LEADER;
    f->status.leader = 1;
    f->status.term = 2;
    f->status.initialized = true;
    f->status.quorum_ack_ms = -1;
    f->status.backend = "raft";
}

/* fake_reply -- answer the oldest call. */
__attribute__((unused)) static void fake_reply(struct fake *f, const struct service_reply *reply)
{
    CHECK(!list_empty(&f->calls));
    struct service_call *call = CONTAINER_OF(f->calls.next, struct service_call, link);
    list_remove(&call->link);
    f->waiting--;
    call->done(call, reply);
}

/* fake_answer -- the oldest call with nothing but a code. */
__attribute__((unused)) static void fake_answer(struct fake *f, enum err code)
{
    struct service_reply reply = { .code = code, .revision = 7, .term = 2, .node = 1 };
    fake_reply(f, &reply);
}

#endif
