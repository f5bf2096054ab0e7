/* sim/tap.c -- a QUIC link with an ear on it: frames that leave are shown to the judges, liars may
 * alter them, and whom a node is connected to is known outside.
 *
 * Why: a frame is judged when it is handed over, not when its bytes leave: a promise in it must be
 *      kept from then on
 */
#include "base/panic.h"
#include "net/quic_link.h"
#include "sim/world.h"

enum {
    TAP_FRAME_BYTES = 4096 /* larger ones carry entries and promise nothing but their term */
};

static struct sim_tap *tap_of(struct link *l)
{
    return CONTAINER_OF(l, struct sim_tap, link);
}

/* Whose key it is: links know no others here. */
static uint32_t index_of(const struct sim_world *w, const struct node_key *key)
{
    uint32_t i = sim_world_index(w, key);
    ASSERT(i < w->node_count);
    return i;
}

/* What the run is told about connections. */
static void note(struct sim_tap *t, const struct node_key *peer, uint64_t epoch)
{
    struct sim_world *w = t->host->world;
    uint32_t i = index_of(w, peer);
    w->net.link[t->host->index].told[i] = epoch;
    sim_world_tell(w, t->host->id, epoch != 0 ? "connects" : "loses connection", i + 1, epoch);
}

static void peer_up(void *arg, const struct node_key *peer, uint64_t epoch)
{
    struct sim_tap *t = arg;
    note(t, peer, epoch);
    t->handler->peer_up(t->arg, peer, epoch);
}

static void peer_down(void *arg, const struct node_key *peer, uint64_t epoch)
{
    struct sim_tap *t = arg;
    note(t, peer, 0);
    t->handler->peer_down(t->arg, peer, epoch);
}

static void frame_in(void *arg, const struct node_key *peer, uint64_t epoch, enum link_class class,
                     struct bytes frame)
{
    struct sim_tap *t = arg;
    struct sim_world *w = t->host->world;
    w->wire.heard[t->host->index][index_of(w, peer)] = true;
    sim_seam_arrived(&w->wire.seam, index_of(w, peer), t->host->index, class, frame);
    if (!t->host->crashed && !t->host->disk.down) {
        sim_judge_heard(&w->judge, t->host, index_of(w, peer), frame);
        t->handler->frame(t->arg, peer, epoch, class, frame);
    }
}

static const struct link_handler tap_handler = { peer_up, peer_down, frame_in };

static enum err peer_set(struct link *l, const struct node_key *peer, const struct os_addr *addrs,
                         uint32_t count)
{
    return link_peer_set(tap_of(l)->inner, peer, addrs, count);
}

static void peer_forget(struct link *l, const struct node_key *peer)
{
    link_peer_forget(tap_of(l)->inner, peer);
}

static bool peer_is_up(struct link *l, const struct node_key *peer)
{
    return link_peer_is_up(tap_of(l)->inner, peer);
}

static enum err hand_over(struct sim_tap *t, const struct node_key *peer, enum link_class class,
                          struct bytes head, struct bytes body)
{
    struct sim_world *w = t->host->world;
    enum err e = link_send(t->inner, peer, class, head, body);
    if (e == ERR_OK) {
        sim_seam_sent(&w->wire.seam, t->host->index, index_of(w, peer), class, head, body);
    }
    return e;
}

static enum err lie(struct sim_tap *t, const struct node_key *peer, enum link_class class,
                    uint8_t *bytes, size_t count)
{
    struct sim_world *w = t->host->world;
    w->net.lie(w->net.lie_arg, t->host->index, index_of(w, peer), class, bytes, &count);
    return hand_over(t, peer, class, bytes_of(bytes, count), bytes_of(NULL, 0));
}

static enum err send_frame(struct link *l, const struct node_key *peer, enum link_class class,
                           struct bytes head, struct bytes body)
{
    struct sim_tap *t = tap_of(l);
    struct sim_world *w = t->host->world;
    uint8_t frame[TAP_FRAME_BYTES];
    size_t count = head.count + body.count;
    if (t->host->crashed || t->host->disk.down || class == LINK_CALL || count > sizeof frame ||
        head.count == 0) {
        return hand_over(t, peer, class, head, body);
    }
    memcpy(frame, head.data, head.count);
    if (body.count > 0) {
        memcpy(frame + head.count, body.data, body.count);
    }
    if (w->net.lie != NULL) {
        sim_look_frame(&w->look, t->host, bytes_of(frame, count));
        return lie(t, peer, class, frame, count);
    }
    enum err e = hand_over(t, peer, class, head, body);
    if (e == ERR_OK) {
        sim_look_frame(&w->look, t->host, bytes_of(frame, count));
    }
    return e;
}

static uint32_t addrs(struct link *l, struct os_addr *out, uint32_t max)
{
    return link_addrs(tap_of(l)->inner, out, max);
}

static void stats(struct link *l, struct link_stats *out)
{
    link_stats(tap_of(l)->inner, out);
}

static void close_link(struct link *l)
{
    struct sim_tap *t = tap_of(l);
    struct sim_link *seen = &t->host->world->net.link[t->host->index];
    link_close(t->inner);
    t->inner = NULL;
    memset(seen->told, 0, sizeof seen->told);
    seen->open = false;
}

static const struct link_table tap_table = { peer_set, peer_forget, peer_is_up, send_frame,
                                             addrs,    stats,       close_link };

enum err sim_tap_open(void *arg, const struct node_key *key, const struct link_handler *handler,
                      void *handler_arg, struct link **out)
{
    struct sim_host *h = arg;
    struct sim_tap *t = &h->world->wire.tap[h->index];
    struct diag diag = { 0 };
    uint64_t idle = h->world->wire.idle_ns;
    struct quic_link_options o = { .cookie = bytes_text(h->config.cookie),
                                   .bind_count = h->config.bind.count,
                                   .idle_ns = idle,
                                   .keep_alive_ns = idle / 6, /* as the defaults are to another */
                                   .unproved_max = h->world->wire.unproved_max };
    (void)key;
    memcpy(o.seed, h->config.secret_key, sizeof o.seed);
    memcpy(o.bind, h->config.bind.addr, o.bind_count * sizeof o.bind[0]);
    t->link.table = &tap_table;
    t->host = h;
    t->handler = handler;
    t->arg = handler_arg;
    enum err e = quic_link_open(&h->loop.os, &h->mem, &o, &tap_handler, t, &t->inner, &diag);
    h->world->net.link[h->index].open = e == ERR_OK;
    *out = &t->link;
    return e;
}
