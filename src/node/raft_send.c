/* node/raft_send.c -- messages of the core on their way out: held until the disk is far enough,
 * then encoded with their entries and handed to the link. */
#include "base/mark.h"
#include "base/panic.h"
#include "node/impl.h"
#include "raft/raft_codec.h"

enum {
    SEND_HEAD_BYTES_MAX = FRAME_RAFT_HEAD_BYTES + RAFT_MSG_BYTES_MAX
};

static bool frame_room(struct node *n, size_t bytes)
{
    size_t capacity = n->frame_capacity;
    while (capacity < bytes) {
        capacity *= 2;
    }
    if (capacity == n->frame_capacity) {
        return true;
    }
    uint8_t *moved = mem_resize(&n->mem, n->frame, capacity);
    if (moved == NULL) {
        return false;
    }
    n->frame = moved;
    n->frame_capacity = capacity;
    return true;
}

/* Entries first..last behind each other in n->frame; last moves back to what an append may carry,
 * as the core has forgotten the sizes of old entries. */
static enum err entries_encode(struct node *n, struct raft_msg *m, size_t *out_bytes)
{
    size_t used = 0;
    size_t data_bytes = 0;
    for (uint64_t i = m->first; i <= m->last; i++) {
        struct log_entry e;
        TRY(log_read(n->log, i, &e));
        data_bytes += e.data.count;
        if (i > m->first && data_bytes > RAFT_APPEND_BYTES_MAX) {
            MARK("node: an append carries fewer entries than asked for");
            m->last = i - 1;
            break;
        }
        size_t need = used + RAFT_ENTRY_HEAD_BYTES_MAX + e.data.count;
        if (need > NET_FRAME_BYTES_MAX || !frame_room(n, need)) {
            return ERR_NO_MEMORY;
        }
        struct writer w = writer_of(n->frame + used, n->frame_capacity - used);
        raft_entry_encode(e.term, e.kind, (uint32_t)e.data.count, &w);
        writer_put(&w, e.data);
        ASSERT(!w.bad);
        used += w.offset;
    }
    *out_bytes = used;
    return ERR_OK;
}

static void send_now(struct node *n, const struct raft_msg *msg)
{
    struct raft_msg m = *msg;
    uint8_t head[SEND_HEAD_BYTES_MAX];
    struct writer w = writer_of(head, sizeof head);
    size_t bytes = 0;
    const struct book_entry *peer = book_by_id(&n->book, m.to);
    if (peer == NULL || !peer->up) {
        MARK("node: a message for a peer that is away");
        return; /* the core sends again when the peer is up */
    }
    if (m.type == RAFT_MSG_APPEND && m.last >= m.first) {
        enum err e = entries_encode(n, &m, &bytes);
        if (e != ERR_OK) {
            if (e != ERR_NO_MEMORY) { /* that passes; a leader who cannot send leads nobody */
                node_fail(n, NODE_PART_RAFT, e, "the log cannot be read");
            }
            return;
        }
    }
    struct origin own = mesh_origin(n);
    writer_u8(&w, FRAME_RAFT);
    origin_encode(&own, &w);
    raft_msg_encode(&m, &w);
    ASSERT(!w.bad);
    enum link_class class = m.type == RAFT_MSG_APPEND ? LINK_LOG : LINK_CONTROL;
    enum err e = link_send(n->link, &peer->key, class, writer_bytes(&w), bytes_of(n->frame, bytes));
    metrics_add(&n->metrics, e == ERR_OK ? METRICS_RAFT_MESSAGES_OUT : METRICS_NETWORK_ERRORS, 1);
}

void raft_send_gate(struct node *n, const struct raft_effect *e)
{
    /* What names entries never waits, others might be there when it goes: who leads has its promise
     * on disk (raft/check.c). */
    ASSERT(e->msg.type != RAFT_MSG_APPEND || e->after <= n->durable_ticket);
    if (e->after <= n->durable_ticket) {
        send_now(n, &e->msg);
        return;
    }
    if (ring_full(&n->gated_ring)) {
        MARK("node: no room for a message that waits");
        metrics_add(&n->metrics, METRICS_NETWORK_ERRORS, 1);
        return; /* as good as lost on the way; the core copes */
    }
    struct node_gated *g = &n->gated[ring_push(&n->gated_ring)];
    g->after = e->after;
    g->msg = e->msg;
}

void raft_send_release(struct node *n)
{
    for (uint32_t left = n->gated_ring.count; left > 0; left--) {
        struct node_gated g = n->gated[ring_pop(&n->gated_ring)];
        if (g.after <= n->durable_ticket) {
            send_now(n, &g.msg);
        } else {
            MARK("node: a message waits for a later sync");
            n->gated[ring_push(&n->gated_ring)] = g;
        }
    }
}
