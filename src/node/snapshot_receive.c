/* node/snapshot_receive.c -- a snapshot on its way to this node, from the first byte to its place.
 *
 * Shape:      bytes, rows beside the old ones, the core's word, the log's record, the swap: each
 *             step when the one before is done. Until the log's record is durable a crash leaves
 *             the old state; from there on the next start finishes what was begun (state.c).
 * Invariants: one at a time; from the log's record to the swap nothing is applied or flushed
 * Thread:     the loop's
 */
#include "base/mark.h"
#include "base/panic.h"
#include "node/impl.h"
#include "node/snapshot_codec.h"
#include "node/state_conf.h"
#include "raft/raft_codec.h"

static void say(struct node *n, enum snap_verdict verdict, uint64_t offset)
{
    uint8_t room[SNAP_FRAME_HEAD_BYTES_MAX];
    struct writer w = writer_of(room, sizeof room);
    struct snap_want x = { .id = n->snap_in.id, .verdict = verdict, .offset = offset };
    snapshot_want_encode(&x, &w);
    IGNORE(link_send(n->link, &n->snap_in.key, LINK_SNAPSHOT, writer_bytes(&w),
                     bytes_of(NULL, 0))); /* it is said again */
    n->snap_in.heard_ns = os_now(n->os);
}

static void refuse(struct node *n, enum snap_verdict verdict)
{
    metrics_add(&n->metrics, METRICS_SNAPSHOTS_REFUSED, 1);
    say(n, verdict, 0);
    n->snap_in.phase = SNAP_IN_NONE;
}

/* With a line that says why; whose fault it is, the sender hears. */
static void refuse_for(struct node *n, const char *what, enum err e)
{
    const struct snap_in *in = &n->snap_in;
    MARK_IF(e == ERR_NO_SPACE, "node: no room for a snapshot");
    logger_log(n->logger, LOGGER_WARN, what, logger_err(e), logger_u64("index", in->id.index),
               logger_u64("bytes", in->bytes), logger_u64("from", in->msg.from));
    refuse(n, e == ERR_MALFORMED ? SNAP_DAMAGED : SNAP_REFUSED);
}

bool snapshot_receive_installing(const struct node *n)
{
    return n->snap_in.phase == SNAP_IN_LOG || n->snap_in.phase == SNAP_IN_SWAP;
}

/* All bytes are here and right. */
static void build(struct node *n)
{
    enum err e = snap_build(n->snaps, &n->state.tables, &n->snap_in.id);
    n->snap_in.phase = SNAP_IN_ROWS;
    if (e != ERR_OK) {
        refuse_for(n, "the rows of a snapshot cannot be written", e);
    }
}

static void receive(struct node *n)
{
    struct snap_in *in = &n->snap_in;
    in->phase = SNAP_IN_BYTES;
    enum err e = snap_receive(n->snaps, &in->id, in->bytes);
    if (e == ERR_FILE_EXISTS) {
        build(n);
    } else if (e == ERR_BUSY) {
        in->phase = SNAP_IN_NONE; /* the offer comes again */
    } else if (e != ERR_OK) {
        refuse_for(n, "a snapshot is refused", e);
    }
}

/* What is on its way from the leader gives way to nobody who does not lead. One that led in an
 * older term hears from the core which term it is now. */
static bool leads(struct node *n, const struct raft_msg *m)
{
    struct raft_status s;
    raft_status(n->core, &s);
    if (m->term < s.term) {
        MARK("node: a snapshot of an older leader");
        raft_actor_message(n, m);
        return false;
    }
    bool second = m->term == s.term && s.leader != 0 && s.leader != m->from;
    bool absurd = m->term - s.term > RAFT_TERM_JUMP_MAX;
    MARK_IF(second || absurd, "node: a snapshot of nobody who leads");
    return !second && !absurd;
}

void snapshot_receive_offer(struct node *n, const struct node_key *peer, struct bytes frame)
{
    struct snap_offer o;
    struct snap_in *in = &n->snap_in;
    if (snapshot_offer_decode(frame, &o) != ERR_OK || o.to != n->config->node_id ||
        !mesh_sender_good(n, peer, o.from)) {
        metrics_add(&n->metrics, METRICS_RAFT_MESSAGES_BAD, 1);
        return;
    }
    struct raft_msg m = { .type = RAFT_MSG_SNAPSHOT,
                          .from = o.from,
                          .to = o.to,
                          .life = book_by_key(&n->book, peer)->life, /* 0: unsaid yet */
                          .term = o.term,
                          .epoch = o.epoch,
                          .index = o.id.index,
                          .log_term = o.id.term };
    if (!leads(n, &m)) {
        return;
    }
    bool same = in->phase != SNAP_IN_NONE && snap_id_equal(&in->id, &o.id);
    if (in->phase > SNAP_IN_BYTES && !same) {
        return; /* one at a time: the offer comes again */
    }
    in->key = *peer;
    in->id = o.id;
    in->bytes = o.bytes;
    in->msg = m;
    struct snap_id now;
    uint64_t offset = 0;
    if (!same) {
        receive(n);
    } else if (in->phase == SNAP_IN_BYTES && snap_receiving(n->snaps, &now, &offset)) {
        say(n, SNAP_GO_ON, offset);
    } else if (in->phase > SNAP_IN_BYTES) {
        say(n, SNAP_GO_ON, in->bytes);
    }
}

void snapshot_receive_part(struct node *n, const struct node_key *peer, struct bytes frame)
{
    struct snap_part p;
    struct snap_id now;
    uint64_t offset = 0;
    if (snapshot_part_decode(frame, &p) != ERR_OK) {
        metrics_add(&n->metrics, METRICS_RAFT_MESSAGES_BAD, 1);
        return;
    }
    if (n->snap_in.phase != SNAP_IN_BYTES || !ids_key_equal(peer, &n->snap_in.key)) {
        return;
    }
    enum err e = snap_receive_chunk(n->snaps, &p.id, p.offset, p.data);
    if (e == ERR_MALFORMED) {
        MARK("node: more of a snapshot comes than was offered");
        snap_receive_cancel(n->snaps);
        refuse_for(n, "a snapshot does not end where it should", ERR_BAD_REQUEST);
    } else if (e == ERR_BAD_REQUEST && snap_receiving(n->snaps, &now, &offset)) {
        say(n, SNAP_GO_ON, offset);
    }
}

void snapshot_receive_stored(void *arg, enum err e, const struct snap_id *id, uint64_t offset)
{
    struct node *n = arg;
    if (n->snap_in.phase != SNAP_IN_BYTES || !snap_id_equal(id, &n->snap_in.id)) {
        return;
    }
    if (e != ERR_OK) {
        snap_receive_cancel(n->snaps);
        refuse_for(n, "a snapshot cannot be kept", e);
        return;
    }
    say(n, SNAP_GO_ON, offset);
}

void snapshot_receive_whole(void *arg, enum err e, const struct snap_meta *meta)
{
    struct node *n = arg;
    if (n->snap_in.phase != SNAP_IN_BYTES) {
        return;
    }
    if (e != ERR_OK) {
        refuse_for(n, "a snapshot is not what it should be", e);
        return;
    }
    if (!snap_id_equal(&meta->id, &n->snap_in.id)) {
        MARK("node: another snapshot came than was offered");
        refuse_for(n, "another snapshot came than was offered", ERR_BAD_REQUEST);
        return;
    }
    build(n);
}

/* ---- what its rows say ---- */

void snapshot_receive_check(void *arg)
{
    struct snap_in_check *c = arg;
    kv_check_begin(&c->kv);
    c->conf_seen = false;
}

static enum err conf_check(struct bytes row, struct state_conf *out)
{
    struct raft_conf conf;
    TRY(state_conf_decode(row, out));
    enum err e = raft_conf_decode(out->entry, &conf, NULL);
    out->entry = (struct bytes){ 0 };
    return e;
}

enum err snapshot_receive_check_row(void *arg, enum table_id id, struct bytes key,
                                    struct bytes value)
{
    struct snap_in_check *c = arg;
    if (kv_is_conf(id, key)) {
        c->conf_seen = true;
        TRY(conf_check(value, &c->conf));
    }
    return kv_check_row(&c->kv, id, key, value);
}

/* The head's configuration may name newer addresses than the rows' one. */
enum err snapshot_receive_check_end(void *arg, const struct snap_meta *meta)
{
    struct snap_in_check *c = arg;
    struct state_conf conf;
    struct kv_check_wanted wanted = { .applied = meta->id.index,
                                      .applied_term = meta->id.term,
                                      .revision = meta->revision,
                                      .hash = meta->hash };
    TRY(conf_check(meta->conf, &conf));
    if (!c->conf_seen || c->conf.index != conf.index || conf.index > meta->id.index ||
        memcmp(&conf.cluster, &c->conf.cluster, sizeof conf.cluster) != 0 ||
        memcmp(&conf.cluster, &meta->cluster, sizeof conf.cluster) != 0) {
        return ERR_MALFORMED;
    }
    return kv_check_end(&c->kv, &wanted);
}

/* ---- its place ---- */

/* The core's word: the message that the offer announced, with the configuration in the snapshot. */
static bool core_wants(struct node *n)
{
    struct snap_meta meta;
    struct state_conf conf;
    struct raft_status st;
    struct snap_in *in = &n->snap_in;
    if (snap_meta(n->snaps, &in->id, n->snap_room, &meta) != ERR_OK ||
        state_conf_decode(meta.conf, &conf) != ERR_OK) {
        return false;
    }
    const struct origin own = mesh_origin(n);
    const struct origin theirs = { meta.cluster, true };
    if (own.decided && origin_foreign(&own, &theirs)) {
        return false; /* what is not decided gives way as a whole, whatever its first term */
    }
    in->cluster = meta.cluster;
    struct raft_entry entry = { .kind = RAFT_ENTRY_CONF,
                                .size = (uint32_t)conf.entry.count,
                                .data = conf.entry.data };
    in->msg.elsewhere = origin_differs(&own, &theirs);
    in->msg.hint = conf.index;
    in->msg.count = 1;
    in->msg.entries = &entry;
    in->phase = SNAP_IN_CORE;
    raft_actor_message(n, &in->msg);
    in->msg.entries = NULL;
    raft_status(n->core, &st);
    return !n->dead && (in->phase == SNAP_IN_LOG || st.commit >= in->id.index);
}

void snapshot_receive_built(void *arg, enum err e, const struct snap_meta *meta)
{
    struct node *n = arg;
    struct snap_in *in = &n->snap_in;
    (void)meta;
    if (in->phase != SNAP_IN_ROWS || n->dead) {
        return;
    }
    if (e != ERR_OK) {
        MARK_IF(e == ERR_MALFORMED, "node: the rows of a snapshot deny its head");
        refuse_for(n, "a snapshot cannot be installed", e);
        return;
    }
    bool wanted = core_wants(n);
    if (n->dead) {
        return;
    }
    if (!wanted) {
        MARK("node: consensus does not want a snapshot");
        snap_build_cancel(n->snaps);
        refuse(n, SNAP_REFUSED);
        return;
    }
    say(n, SNAP_DONE, in->bytes);
    if (in->phase != SNAP_IN_LOG) {
        snap_build_cancel(n->snaps);
        in->phase = SNAP_IN_NONE;
    }
}

void snapshot_receive_install(struct node *n, const struct raft_effect *e)
{
    struct snap_in *in = &n->snap_in;
    ASSERT(in->phase == SNAP_IN_CORE && in->id.index == e->index);
    enum err err = log_install(n->log, e->ticket, e->index, e->term);
    if (err != ERR_OK) {
        node_fail(n, NODE_PART_RAFT, err, "the log cannot begin behind a snapshot");
        return;
    }
    logger_log(n->logger, LOGGER_INFO, "snapshot installed", logger_u64("index", e->index),
               logger_u64("term", e->term));
    metrics_add(&n->metrics, METRICS_SNAPSHOTS_INSTALLED, 1);
    n->apply_target = e->index;
    mesh_members_gone(n, 0); /* what the log has said so far is not in it any more */
    n->cluster = in->cluster;
    mesh_origin_tell(n);
    in->ticket = e->ticket;
    in->phase = SNAP_IN_LOG;
    in->swapping = false;
}

void snapshot_receive_go_on(struct node *n)
{
    struct snap_in *in = &n->snap_in;
    if (n->dead || !snapshot_receive_installing(n) || in->swapping ||
        n->durable_ticket < in->ticket) {
        return;
    }
    in->phase = SNAP_IN_SWAP;
    enum err e = snap_swap(n->snaps);
    if (e == ERR_BUSY) {
        MARK("node: a snapshot waits for a flush, or for one that is made");
        snap_make_cancel(n->snaps); /* its end, or the flush's, comes back here */
    } else if (e != ERR_OK) {
        node_fail(n, NODE_PART_KV, e, "a snapshot cannot take its place");
    } else {
        in->swapping = true;
    }
}

void snapshot_receive_swapped(void *arg, enum err e, const struct snap_meta *meta)
{
    struct node *n = arg;
    (void)meta;
    e = e == ERR_OK ? state_reopen(n) : e;
    if (e == ERR_OK && n->kv.applied != n->snap_in.id.index) {
        e = ERR_CORRUPT; /* its head promised another state */
    }
    if (e != ERR_OK) {
        node_fail(n, NODE_PART_KV, e, "a snapshot could not take its place");
        return;
    }
    n->snap_in.phase = SNAP_IN_NONE;
    state_moved(n);
}

void snapshot_receive_second(struct node *n, uint64_t now_ns)
{
    struct snap_in *in = &n->snap_in;
    struct snap_id now;
    uint64_t offset = 0;
    snapshot_receive_go_on(n);
    if (in->phase == SNAP_IN_NONE || now_ns - in->heard_ns < NS_PER_S) {
        return;
    }
    if (in->phase == SNAP_IN_BYTES && snap_receiving(n->snaps, &now, &offset)) {
        say(n, SNAP_GO_ON, offset);
    } else if (in->phase == SNAP_IN_ROWS) {
        say(n, SNAP_GO_ON, in->bytes);
    }
}
