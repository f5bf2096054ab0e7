/* node/init_op.c -- `init`: wait until every member's endpoint is known, ask each whether it has
 * begun, write entry 1, wait for a leader.
 *
 * Why: what a connection said once may be over. Where a member lost its disk after it had begun
 *      with others, and one of those cannot be heard, a beginning that counts its new incarnation
 *      would be decided without them, and lose what they have acknowledged. So all incarnations
 *      must be known, and then every member must say that it has acknowledged nothing: at the
 *      moment between, all of these disks were there, and none held anything that counts
 *      (docs/decisions/0008)
 */
#include "base/mark.h"
#include "base/panic.h"
#include "node/impl.h"
#include "raft/raft_codec.h"

#include <stdio.h>

enum {
    INIT_TEXT_BYTES_MAX = 512,
    INIT_MEMBER_BYTES_MAX = 8 + 2 * (NODE_ADDR_BYTES_MAX + 2),
};

/* The operation carries the members one after the other: id, address, raft address. */
static void members_put(struct writer *w, const struct service_member *members, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        writer_u64(w, members[i].id);
        writer_blob(w, members[i].addr);
        writer_blob(w, members[i].raft_addr);
    }
}

static uint32_t members_of(const struct op *op, struct service_member *out)
{
    struct reader r = reader_of(bytes_of(op->data, op->data_bytes));
    uint32_t count = 0;
    while (reader_left(&r) > 0 && count < RAFT_VOTERS_MAX) {
        out[count].id = reader_u64(&r);
        out[count].addr = reader_blob(&r, NODE_ADDR_BYTES_MAX);
        out[count].raft_addr = reader_blob(&r, NODE_ADDR_BYTES_MAX);
        count++;
    }
    ASSERT(reader_done(&r));
    return count;
}

static enum err members_check(const struct node *n, const struct service_member *members,
                              uint32_t count)
{
    bool self = false;
    if (count == 0 || count > RAFT_VOTERS_MAX) {
        return ERR_BAD_REQUEST;
    }
    for (uint32_t i = 0; i < count; i++) {
        self = self || members[i].id == n->config->node_id;
        for (uint32_t k = 0; k < i; k++) {
            if (members[k].id == members[i].id) {
                return ERR_BAD_REQUEST;
            }
        }
        if (members[i].id == 0 || members[i].addr.count >= NODE_ADDR_BYTES_MAX ||
            members[i].raft_addr.count >= NODE_ADDR_BYTES_MAX) {
            return ERR_BAD_REQUEST;
        }
    }
    return self ? ERR_OK : ERR_BAD_REQUEST;
}

/* All keys are known by now. */
static void texts_set(struct node *n, const struct service_member *members, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        struct book_entry *e = book_by_id(&n->book, members[i].id);
        ASSERT(e != NULL);
        book_texts_set(&n->book, e, members[i].addr, members[i].raft_addr);
    }
}

enum err init_begin(struct service *s, const struct service_member *members, uint32_t count,
                    struct service_call *call)
{
    struct node *n = (struct node *)s;
    struct raft_status st;
    uint8_t room[INIT_MEMBER_BYTES_MAX * RAFT_VOTERS_MAX];
    struct writer w = writer_of(room, sizeof room);
    struct op *op = NULL;
    raft_status(n->core, &st);
    if (st.last > 0) {
        return ERR_ALREADY_INITIALIZED;
    }
    TRY(members_check(n, members, count));
    members_put(&w, members, count);
    ASSERT(!w.bad);
    TRY(backend_begin(n, OP_INIT, writer_bytes(&w), call, &op));
    list_push_back(&n->inits, &op->wait);
    housekeeping_arm(n);
    actor_poke(&n->raft_actor);
    return ERR_OK;
}

static bool all_known(struct node *n, const struct service_member *members, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        if (book_by_id(&n->book, members[i].id) == NULL) {
            return false;
        }
    }
    return true;
}

static struct raft_conf conf_of(const struct service_member *members, uint32_t count)
{
    struct raft_conf c = { 0 };
    for (uint32_t i = 0; i < count; i++) {
        c.voter[c.voter_count++] = members[i].id;
    }
    return c;
}

/* The incarnation of a member; 0: it is not connected, or has not said. */
static uint64_t life_of(struct node *n, uint64_t id)
{
    const struct book_entry *e = book_by_id(&n->book, id);
    if (id == n->config->node_id) {
        return n->life;
    }
    return e != NULL && e->up ? e->life : 0;
}

/* The first entry binds each member to its incarnation: one that was counted in any could lose its
 * disk, and be counted for what is gone with it. */
static bool lives_known(struct node *n, const struct service_member *members, uint32_t count)
{
    bool all = true;
    for (uint32_t i = 0; i < count; i++) {
        all = all && life_of(n, members[i].id) != 0;
    }
    return all;
}

/* When the last of their incarnations became known. */
static uint64_t lives_at(struct node *n, const struct service_member *members, uint32_t count)
{
    uint64_t at = 0;
    for (uint32_t i = 0; i < count; i++) {
        const struct book_entry *e = book_by_id(&n->book, members[i].id);
        at = e != NULL && e->life_at > at ? e->life_at : at;
    }
    return at;
}

/* It has said what it holds when all incarnations were known. */
static bool answered(struct node *n, uint64_t id, uint64_t lives_at_question)
{
    const struct book_entry *e = book_by_id(&n->book, id);
    return id == n->config->node_id || (e != NULL && e->up && e->answered > lives_at_question);
}

/* True: every member has. Who was not asked since then is asked, or whoever has not answered. */
static bool all_answered(struct node *n, const struct service_member *members, uint32_t count,
                         bool again)
{
    if (!all_known(n, members, count) || !lives_known(n, members, count)) {
        return false;
    }
    bool all = true;
    const uint64_t at = lives_at(n, members, count);
    for (uint32_t i = 0; i < count; i++) {
        struct book_entry *e = book_by_id(&n->book, members[i].id);
        if (answered(n, members[i].id, at)) {
            continue;
        }
        all = false;
        if (again || e->asked <= at) {
            mesh_life_ask(n, e);
        }
    }
    return all;
}

static void write_entry(struct node *n, struct op *op, const struct service_member *members,
                        uint32_t count)
{
    uint64_t ids[RAFT_VOTERS_MAX];
    struct raft_conf c = conf_of(members, count);
    struct writer tail =
        writer_of(n->frame + RAFT_CONF_BYTES_MAX, n->frame_capacity - RAFT_CONF_BYTES_MAX);
    static_assert((int)RAFT_CONF_BYTES_MAX < (int)BOOK_BYTES_MAX, "the frame has room for both");
    texts_set(n, members, count);
    for (uint32_t i = 0; i < count; i++) {
        ids[i] = members[i].id;
        c.voter_life[i] = life_of(n, members[i].id);
    }
    enum err e = book_tail_encode(&n->book, ids, count, &tail);
    if (e == ERR_OK && map_put(&n->by_ticket, n->next_ticket, op->ticket) != ERR_OK) {
        e = ERR_BUSY;
    }
    if (e != ERR_OK) {
        backend_answer(n, op, e, 0);
        return;
    }
    struct raft_event ev = { .type = RAFT_EV_INIT, .ticket = n->next_ticket++, .conf = &c };
    ev.tail_size = (uint32_t)tail.offset;
    struct node_step step = { .tail = writer_bytes(&tail) };
    op->state = OP_PROPOSED;
    raft_actor_step(n, &ev, &step);
}

/* Somebody else was asked to begin as well, with others, and that beginning stayed. */
static bool begun_as_asked(const struct raft_status *st, const struct op *op)
{
    struct service_member members[RAFT_VOTERS_MAX];
    uint32_t count = members_of(op, members);
    bool same = count == st->conf.voter_count;
    for (uint32_t i = 0; i < count; i++) {
        same = same && raft_conf_is_voter(&st->conf, members[i].id);
    }
    return same;
}

/* A member that has begun in a way that cannot give way to this beginning: it is decided; or others
 * may count what it holds behind its first entry; or that is of the same term, and the two would
 * only hold each other up. NULL: none, as far as is known. */
static const struct book_entry *begun_elsewhere(struct node *n,
                                                const struct service_member *members,
                                                uint32_t count)
{
    const struct raft_conf c = conf_of(members, count);
    const uint64_t term = raft_init_term(&c, n->config->node_id);
    for (uint32_t i = 0; i < count; i++) {
        const struct book_entry *e = book_by_id(&n->book, members[i].id);
        if (e != NULL && (e->origin.decided || e->last > 1 || origin_term(&e->origin) == term)) {
            return e;
        }
    }
    return NULL;
}

static void answer_begun(struct node *n, struct op *op, const struct book_entry *by)
{
    char text[INIT_TEXT_BYTES_MAX];
    struct service_reply reply = backend_reply(n, ERR_ALREADY_INITIALIZED);
    snprintf(text, sizeof text,
             by->origin.decided
                 ? "node %llu is in a cluster already: add this node there, or stop node %llu, "
                   "empty its data directory and start it"
                 : "node %llu has begun already, and that is not decided: start its other members, "
                   "or stop node %llu, empty its data directory and start it",
             (unsigned long long)by->id, (unsigned long long)by->id);
    reply.detail = text;
    op_answer(n->ops, op, &reply);
}

/* A member that is in another cluster by now, where those that are not are no majority any more:
 * what was begun here is never decided. One that excludes this node before others; NULL: there are
 * enough. */
static const struct book_entry *overtaken_by(struct node *n, const struct op *op)
{
    struct service_member members[RAFT_VOTERS_MAX];
    const struct book_entry *by = NULL;
    uint32_t count = members_of(op, members);
    uint32_t away = 0;
    for (uint32_t i = 0; i < count; i++) {
        const struct book_entry *e = book_by_id(&n->book, members[i].id);
        if (e != NULL && e->origin.decided &&
            memcmp(&e->origin.cluster, &n->cluster, sizeof n->cluster) != 0) {
            away++;
            by = by == NULL || mesh_foreign(n, e) ? e : by;
        }
    }
    return count - away < count / 2 + 1 ? by : NULL;
}

/* Where the two are heard by each other, the own entry gives way as soon as a leader sends another;
 * else only its operator can take it back. */
static void answer_overtaken(struct node *n, struct op *op, const struct book_entry *by)
{
    char text[INIT_TEXT_BYTES_MAX];
    struct service_reply reply = backend_reply(n, ERR_ALREADY_INITIALIZED);
    snprintf(text, sizeof text,
             "node %llu is in a cluster that was begun meanwhile: %sif this node is no member "
             "there: aspen cluster add %llu=ADDR",
             (unsigned long long)by->id,
             mesh_foreign(n, by) ? "stop this node, empty its data directory, start it, then, "
                                 : "",
             (unsigned long long)n->config->node_id);
    reply.detail = text;
    op_answer(n->ops, op, &reply);
}

static void advance_one(struct node *n, struct op *op)
{
    struct service_member members[RAFT_VOTERS_MAX];
    struct raft_status st;
    raft_status(n->core, &st);
    if (op->state == OP_PROPOSED) {
        const struct book_entry *by = overtaken_by(n, op);
        if (by != NULL && mesh_foreign(n, by)) {
            MARK("node: others have begun without this one");
            answer_overtaken(n, op, by);
        } else if (st.leader != 0 && st.commit > 1 && begun_as_asked(&st, op)) {
            backend_answer_members(n, op);
        } else if (st.leader != 0 && st.commit > 1) {
            MARK("node: another beginning stayed");
            backend_answer(n, op, ERR_ALREADY_INITIALIZED, 0);
        }
        return;
    }
    uint32_t count = members_of(op, members);
    const struct book_entry *begun = begun_elsewhere(n, members, count);
    if (st.last > 0 || st.leader != 0) {
        backend_answer(n, op, ERR_ALREADY_INITIALIZED, 0);
    } else if (begun != NULL) {
        answer_begun(n, op, begun);
    } else if (all_answered(n, members, count, false)) {
        write_entry(n, op, members, count);
    }
}

/* It keeps the beginning waiting: no endpoint is known, it is not connected, or it is and was asked
 * in vain. */
static bool missing(struct node *n, uint64_t id, const struct service_member *members,
                    uint32_t count)
{
    if (!all_known(n, members, count)) {
        return book_by_id(&n->book, id) == NULL;
    }
    return lives_known(n, members, count) ? !answered(n, id, lives_at(n, members, count))
                                          : life_of(n, id) == 0;
}

/* The time is over: say whose endpoint is missing or, when all are known, who is not there. */
static void answer_missing(struct node *n, struct op *op)
{
    struct service_member members[RAFT_VOTERS_MAX];
    char text[INIT_TEXT_BYTES_MAX];
    struct writer w = writer_of(text, sizeof text - 1);
    uint32_t count = members_of(op, members);
    bool known = all_known(n, members, count);
    const char *before = known ? "node " : "no endpoint is known for node ";
    for (uint32_t i = 0; i < count; i++) {
        if (missing(n, members[i].id, members, count)) {
            writer_text(&w, "%s%llu", before, (unsigned long long)members[i].id);
            before = ", ";
        }
    }
    writer_text(&w, known ? " did not answer in time: start it, then ask again; or begin without "
                            "it, and add it later"
                          : "; name it with --peers or POST /add-peer");
    text[w.offset] = '\0';
    struct service_reply reply = backend_reply(n, known ? ERR_TIMEOUT : ERR_UNKNOWN_ENDPOINT);
    reply.detail = text;
    op_answer(n->ops, op, &reply);
}

/* It has begun, and that is not decided. */
static void answer_open(struct node *n, struct op *op)
{
    uint8_t room[CALL_DETAIL_BYTES_MAX + 1];
    struct writer w = writer_of(room, sizeof room);
    const struct book_entry *by = overtaken_by(n, op);
    if (by != NULL) {
        answer_overtaken(n, op, by);
        return;
    }
    MARK("node: a beginning that is not decided in time");
    struct service_reply reply = backend_reply(n, ERR_OUTCOME_UNKNOWN);
    reply.detail = reply.leader_hint == 0 ? backend_no_leader(n, &w) : NULL;
    op_answer(n->ops, op, &reply);
}

/* The link had no room for the question, or its connection is dead and nobody knows yet. */
static void ask_again(struct node *n, const struct op *op)
{
    struct service_member members[RAFT_VOTERS_MAX];
    uint32_t count = members_of(op, members);
    if (op->state == OP_QUEUED) {
        IGNORE(all_answered(n, members, count, true));
    }
}

void init_expire(struct node *n, uint64_t now_ns)
{
    struct list *node = n->inits.next;
    while (node != &n->inits) {
        struct op *op = CONTAINER_OF(node, struct op, wait);
        node = node->next;
        if (op->deadline_ns > now_ns) {
            ask_again(n, op);
        } else if (op->state == OP_QUEUED) {
            answer_missing(n, op);
        } else {
            answer_open(n, op);
        }
    }
}

void init_advance(struct node *n)
{
    struct list *node = n->inits.next;
    while (node != &n->inits) {
        struct op *op = CONTAINER_OF(node, struct op, wait);
        node = node->next;
        advance_one(n, op);
    }
}
