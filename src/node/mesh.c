/* node/mesh.c -- the link's news; who is who, and where.
 *
 * Why: a peer is known by its key (proved by TLS); the number it claims in messages is believed
 *      once, and afterwards must stay with that key
 */
#include "base/mark.h"
#include "base/panic.h"
#include "node/impl.h"
#include "raft/raft_codec.h"

static void tell_raft(struct node *n, const struct book_entry *e)
{
    struct actor_msg msg = { .kind = RAFT_ACTOR_PEER, .a = e->id, .b = e->up ? 1 : 0 };
    if (e->id != 0 && e->id != n->config->node_id && actor_send(&n->raft_actor, &msg) != ERR_OK) {
        MARK("node: no room for news of a peer");
        metrics_add(&n->metrics, METRICS_QUEUE_FULL, 1); /* the next heartbeat finds out */
    }
}

/* What was under way with a peer ends as its connection does. */
static void went_away(struct node *n, struct book_entry *e)
{
    e->up = false;
    op_fail_forwarded(n->ops, &e->key);
    snapshot_send_away(n, e->id);
    tell_raft(n, e);
}

/* Where a book is full, whoever is needed least makes way; from the node's own, and is dialled no
 * more. */
static bool make_room(struct node *n, struct book *b, bool also_up)
{
    struct book_entry *e = book_spare(b, also_up);
    if (e == NULL) {
        return false;
    }
    MARK("node: a place in the book is taken over");
    if (b == &n->book && e->up) {
        went_away(n, e);
    }
    if (b == &n->book && n->link != NULL) {
        link_peer_forget(n->link, &e->key);
    }
    book_forget(b, e);
    return true;
}

enum err mesh_learn(struct node *n, struct book *b, uint64_t id, const struct node_key *key,
                    struct book_entry **out)
{
    enum err e = book_learn(b, id, key, os_wall(n->os), out);
    if (e == ERR_BUSY && make_room(n, b, id != 0)) {
        e = book_learn(b, id, key, os_wall(n->os), out);
    }
    return e;
}

struct origin mesh_origin(const struct node *n)
{
    struct origin o = { .cluster = n->cluster };
    o.decided = n->apply_target > 0 && origin_known(&o);
    return o;
}

/* What a leader has brought, and may have counted here. */
static bool holds_entries(const struct node *n)
{
    struct raft_status s;
    raft_status(n->core, &s);
    return s.last > 1;
}

bool mesh_foreign(const struct node *n, const struct book_entry *e)
{
    const struct origin own = mesh_origin(n);
    return origin_foreign(&own, &e->origin) ||
           (!own.decided && origin_rivals(&own, &e->origin) && holds_entries(n));
}

/* Which incarnation this is, and of which cluster, before any Raft message says so; an init asks
 * for it as well. */
static void life_tell(struct node *n, const struct node_key *peer, uint64_t question)
{
    uint8_t room[CALL_LIFE_BYTES];
    struct writer w = writer_of(room, sizeof room);
    struct raft_status s;
    raft_status(n->core, &s);
    const struct call_life own = {
        .life = n->life, .origin = mesh_origin(n), .last = s.last, .question = question
    };
    call_life_encode(&own, &w);
    IGNORE(link_send(n->link, peer, LINK_CONTROL, writer_bytes(&w), bytes_of(NULL, 0)));
}

void mesh_life_ask(struct node *n, struct book_entry *e)
{
    uint8_t room[CALL_LIFE_ASK_BYTES];
    struct writer w = writer_of(room, sizeof room);
    e->asked = ++n->questions;
    call_life_ask_encode(e->asked, &w);
    IGNORE(link_send(n->link, &e->key, LINK_CONTROL, writer_bytes(&w), bytes_of(NULL, 0)));
}

static void life_asked(struct node *n, const struct node_key *peer, struct bytes frame)
{
    uint64_t question = 0;
    if (call_life_ask_decode(frame, &question) != ERR_OK) {
        metrics_add(&n->metrics, METRICS_RAFT_MESSAGES_BAD, 1);
        return;
    }
    life_tell(n, peer, question);
}

void mesh_origin_tell(struct node *n)
{
    for (uint32_t i = 0; n->link != NULL && i < n->book.count; i++) {
        if (n->book.entry[i].up) {
            life_tell(n, &n->book.entry[i].key, 0);
        }
    }
}

/* What a node of another cluster says is true there, and counted here. */
static bool stranger(struct node *n, const struct node_key *peer)
{
    const struct book_entry *e = book_by_key(&n->book, peer);
    bool foreign = e != NULL && mesh_foreign(n, e);
    if (foreign) {
        metrics_add(&n->metrics, METRICS_FRAMES_FOREIGN, 1);
    }
    return foreign;
}

/* Where this peer says it is from. True: elsewhere, and there is a line in the log when that is
 * news. */
static bool origin_heard(struct node *n, const struct node_key *peer, const struct origin *o)
{
    struct book_entry *e = book_by_key(&n->book, peer);
    bool before = e != NULL && mesh_foreign(n, e);
    if (e != NULL) {
        e->origin = *o;
    }
    bool foreign = stranger(n, peer);
    if (foreign && !before) {
        MARK("node: a peer of another cluster");
        logger_log(n->logger, LOGGER_WARN, "a node of another cluster, it is not listened to",
                   logger_hex("peer", peer->b, NODE_KEY_BYTES), logger_u64("id", e->id),
                   logger_text("next", "if it is to be of this one: stop it, empty its data "
                                       "directory, start it, aspen cluster add ID=ADDR"));
    }
    return foreign;
}

static void life_heard(struct node *n, const struct node_key *peer, struct bytes frame)
{
    struct book_entry *e = book_by_key(&n->book, peer);
    struct call_life l;
    if (call_life_decode(frame, &l) != ERR_OK || e == NULL) {
        metrics_add(&n->metrics, METRICS_RAFT_MESSAGES_BAD, 1);
        return;
    }
    e->life_at = e->life == l.life ? e->life_at : ++n->questions;
    e->life = l.life;
    e->last = l.last;
    e->answered = l.question <= e->asked && l.question > e->answered ? l.question : e->answered;
    IGNORE(origin_heard(n, peer, &l.origin)); /* who asks for it sees where it is from */
    actor_poke(&n->raft_actor);               /* an init may have waited for it */
}

/* Why this key may not bear a number; NULL: it may. */
static const char *sender_wrong(struct node *n, const struct node_key *peer, uint64_t id)
{
    const struct book_entry *owner = book_by_id(&n->book, id);
    const struct book_entry *e = book_by_key(&n->book, peer);
    if (id == n->config->node_id) {
        return "it bears this node's own number";
    }
    if (owner != NULL) {
        MARK_IF(!ids_key_equal(&owner->key, peer), "node: a peer takes the number of another");
        return ids_key_equal(&owner->key, peer) ? NULL : "it bears another node's number";
    }
    if (e == NULL) {
        return "it has no place in the book of nodes";
    }
    return e->id != 0 ? "it does not bear the number that it has had" : NULL;
}

static void peer_up(void *arg, const struct node_key *peer, uint64_t epoch)
{
    struct node *n = arg;
    struct book_entry *e = NULL;
    if (mesh_learn(n, &n->book, 0, peer, &e) != ERR_OK) {
        MARK("node: no place for who connects");
        link_peer_forget(n->link, peer); /* it comes again */
        return;
    }
    e->up = true;
    e->epoch = epoch;
    e->life = 0;
    e->last = 0;
    life_tell(n, peer, 0);
    trace_add(&n->trace, os_now(n->os), "mesh: peer up", e->id, epoch, 0);
    logger_log(n->logger, LOGGER_INFO, "peer up", logger_hex("peer", peer->b, NODE_KEY_BYTES),
               logger_u64("id", e->id));
    tell_raft(n, e);
    if (!list_empty(&n->waiting)) {
        raft_actor_redispatch(n);
    }
}

static void peer_down(void *arg, const struct node_key *peer, uint64_t epoch)
{
    struct node *n = arg;
    struct book_entry *e = book_by_key(&n->book, peer);
    if (e == NULL || e->epoch != epoch) {
        MARK("node: news of an older connection");
        return;
    }
    trace_add(&n->trace, os_now(n->os), "mesh: peer down", e->id, epoch, 0);
    logger_log(n->logger, LOGGER_INFO, "peer down", logger_hex("peer", peer->b, NODE_KEY_BYTES),
               logger_u64("id", e->id));
    went_away(n, e);
}

/* The message's sender is who the connection proved: learn the number, or refuse another's. */
bool mesh_sender_good(struct node *n, const struct node_key *peer, uint64_t id)
{
    struct book_entry *e = NULL;
    if (sender_wrong(n, peer, id) != NULL) {
        return false;
    }
    if (book_by_id(&n->book, id) == NULL) {
        IGNORE(book_learn(&n->book, id, peer, os_wall(n->os), &e)); /* its place is there */
        tell_raft(n, e);
        book_keeper_save(n);
    }
    return true;
}

/* m only when it could be read. */
static void raft_refused(struct node *n, const struct node_key *peer, enum err e,
                         const struct raft_msg *m)
{
    MARK("node: a raft message is refused");
    metrics_add(&n->metrics, METRICS_RAFT_MESSAGES_BAD, 1);
    if (e != ERR_OK) {
        logger_log(n->logger, LOGGER_WARN, "raft message refused",
                   logger_hex("peer", peer->b, NODE_KEY_BYTES), logger_err(e));
    } else {
        logger_log(n->logger, LOGGER_WARN, "raft message refused",
                   logger_hex("peer", peer->b, NODE_KEY_BYTES), logger_u64("from", m->from),
                   logger_text("why", sender_wrong(n, peer, m->from)));
    }
}

static void raft_frame(struct node *n, const struct node_key *peer, struct bytes body)
{
    struct raft_msg m;
    struct origin origin;
    struct reader r = reader_of(body);
    enum err e = origin_decode(&r, &origin);
    struct bytes rest = bytes_of(body.data + r.offset, body.count - r.offset);
    e = e == ERR_OK ? raft_msg_decode(rest, &m, n->received, RAFT_APPEND_ENTRIES_MAX) : e;
    if (e == ERR_OK && m.type == RAFT_MSG_SNAPSHOT) {
        e = ERR_MALFORMED; /* it comes as an offer and its bytes, see snapshot_receive.c */
    }
    if (e == ERR_OK && origin_heard(n, peer, &origin)) {
        return; /* nor is its number one of this cluster */
    }
    if (e != ERR_OK || !mesh_sender_good(n, peer, m.from)) {
        raft_refused(n, peer, e, &m);
        return;
    }
    const struct origin own = mesh_origin(n);
    m.elsewhere = origin_differs(&own, &origin);
    metrics_add(&n->metrics, METRICS_RAFT_MESSAGES_IN, 1);
    raft_actor_message(n, &m);
}

static void frame_in(void *arg, const struct node_key *peer, uint64_t epoch, enum link_class class,
                     struct bytes frame)
{
    struct node *n = arg;
    uint8_t kind = frame.count > 0 ? frame.data[0] : 0;
    (void)class;
    bool says = kind == FRAME_LIFE || kind == FRAME_RAFT; /* where it is from */
    if (n->dead || (!says && stranger(n, peer))) {
        return;
    }
    switch (kind) {
    case FRAME_RAFT:
        raft_frame(n, peer, bytes_of(frame.data + 1, frame.count - 1));
        break;
    case FRAME_WRITE:
    case FRAME_CONTROL:
        forward_in(n, peer, epoch, frame);
        break;
    case FRAME_ANSWER:
        forward_answer_in(n, peer, frame);
        break;
    case FRAME_LIFE:
        life_heard(n, peer, frame);
        break;
    case FRAME_LIFE_ASK:
        life_asked(n, peer, frame);
        break;
    case FRAME_SNAP_OFFER:
        snapshot_receive_offer(n, peer, frame);
        break;
    case FRAME_SNAP_WANT:
        snapshot_send_want(n, peer, frame);
        break;
    case FRAME_SNAP_PART:
        snapshot_receive_part(n, peer, frame);
        break;
    default:
        metrics_add(&n->metrics, METRICS_RAFT_MESSAGES_BAD, 1);
        break;
    }
}

const struct link_handler mesh_handler = { peer_up, peer_down, frame_in };

static bool is_member(const struct node *n, uint64_t id)
{
    struct raft_status s;
    raft_status(n->core, &s);
    return id != 0 && raft_conf_is_member(&s.conf, id);
}

/* The log says which key a member has; a slip of the pen must not cut the member off. */
static bool contradicts_log(struct node *n, uint64_t id, const struct node_key *key)
{
    const struct book_entry *of_id = book_by_id(&n->book, id);
    const struct book_entry *of_key = book_by_key(&n->book, key);
    if (of_id != NULL && !ids_key_equal(&of_id->key, key) && is_member(n, id)) {
        return true;
    }
    return of_key != NULL && of_key->id != id && is_member(n, of_key->id);
}

enum err mesh_peer_may(struct node *n, uint64_t id, const struct node_key *key)
{
    bool own = ids_key_equal(key, &n->home.key);
    bool good = own == (id == n->config->node_id) && (own || !contradicts_log(n, id, key));
    return good ? ERR_OK : ERR_BAD_REQUEST;
}

enum err mesh_peer(struct node *n, uint64_t id, const struct node_key *key,
                   const struct os_addr *addrs, uint32_t count)
{
    struct book_entry *e = NULL;
    TRY(mesh_peer_may(n, id, key));
    if (id == n->config->node_id) {
        return ERR_OK;
    }
    uint64_t before = book_by_key(&n->book, key) != NULL ? book_by_key(&n->book, key)->id : 0;
    TRY(mesh_learn(n, &n->book, id, key, &e));
    if (count > 0) {
        book_addrs_set(&n->book, e, addrs, count, os_wall(n->os));
    }
    if (e->addr_count > 0) {
        TRY(link_peer_set(n->link, key, e->addrs, e->addr_count));
    }
    if (before != e->id && e->up) {
        tell_raft(n, e);
    }
    book_keeper_save(n);
    if (!list_empty(&n->inits)) {
        actor_poke(&n->raft_actor); /* it may have waited for this peer */
    }
    return ERR_OK;
}

/* Everybody in the tail of a newer configuration finds a place. */
static enum err learn_all(struct node *n, struct bytes tail)
{
    enum err e = book_tail_learn(&n->book, tail, os_wall(n->os));
    uint32_t left = NET_PEERS_MAX;
    while (e == ERR_BUSY && left-- > 0 && make_room(n, &n->book, true)) {
        e = book_tail_learn(&n->book, tail, os_wall(n->os)); /* what it has learnt it knows */
    }
    return e;
}

void mesh_members_gone(struct node *n, uint64_t to)
{
    n->members_index = n->members_index < to ? n->members_index : to;
}

void mesh_members(struct node *n, uint64_t index, struct bytes tail)
{
    bool newer = index > n->members_index;
    MARK_IF(!newer, "node: an older configuration comes after a newer one");
    enum err e = newer ? learn_all(n, tail) : book_tail_add(&n->book, tail, os_wall(n->os));
    if (newer && e == ERR_OK && tail.count > 0) {
        n->members_index = index;
    }
    if (e != ERR_OK && e != ERR_BUSY) {
        logger_log(n->logger, LOGGER_WARN, "members of a configuration unreadable", logger_err(e));
    }
    for (uint32_t i = 0; n->link != NULL && i < n->book.count; i++) {
        struct book_entry *m = &n->book.entry[i];
        if (m->id != 0 && m->addr_count > 0 && m->id != n->config->node_id) {
            IGNORE(link_peer_set(n->link, &m->key, m->addrs, m->addr_count)); /* full: as before */
        }
        if (m->up) {
            tell_raft(n, m);
        }
    }
    book_keeper_save(n);
}
