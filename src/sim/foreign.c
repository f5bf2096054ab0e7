/* sim/foreign.c -- asking one node to begin alone, and seeing that it stays so. */
#include "sim/foreign.h"

#include "sim/majority.h"
#include "sim/world.h"

#include <inttypes.h>

static void answered(struct service_call *call, const struct service_reply *reply)
{
    (void)call;
    (void)reply;
}

void sim_foreign_begin(struct sim_world *w, struct sim_host *h)
{
    static const struct service_call fresh = { .done = answered };
    const struct service_member alone = { .id = h->id, .addr = bytes_text("sim") };
    struct service *s = node_service(h->node);
    w->foreign =
        (struct sim_foreign){ .host = h->index + 1, .since = w->look.conf.index, .call = fresh };
    sim_world_tell(w, h->id, "begins alone", 0, 0);
    IGNORE(s->table->init(s, &alone, 1, &w->foreign.call));
}

void sim_foreign_end(struct sim_world *w)
{
    w->foreign.host = 0; /* its call may still be answered */
    w->foreign.begun = false;
}

static bool is_of(const struct sim_world *w, const struct sim_host *h)
{
    struct node_look look;
    node_look(h->node, &look);
    return memcmp(&look.cluster, &w->foreign.cluster, sizeof look.cluster) == 0;
}

bool sim_foreign_host(const struct sim_world *w, const struct sim_host *h)
{
    return w->foreign.begun && w->foreign.host == h->index + 1 && h->node != NULL && is_of(w, h);
}

/* Nobody but it writes a first entry that names it alone. */
static void note_beginning(struct sim_world *w, const struct sim_host *h,
                           const struct raft_status *s)
{
    struct node_look look;
    if (w->foreign.begun || w->foreign.host != h->index + 1 || s->conf.index != 1 ||
        sim_members(&s->conf) != sim_node_bit(h->id)) {
        return;
    }
    struct sim_seen *seen = &w->look.seen[h->index];
    node_look(h->node, &look);
    w->foreign.cluster = look.cluster;
    w->foreign.begun = true;
    *seen = (struct sim_seen){ .process = seen->process };
}

bool sim_foreign_look(struct sim_world *w, struct sim_host *h, const struct raft_status *s)
{
    note_beginning(w, h, s);
    if (!w->foreign.begun) {
        return false;
    }
    const struct sim_host *foreign = &w->host[w->foreign.host - 1];
    bool there = sim_foreign_host(w, foreign);
    if (h == foreign && there) {
        if (sim_voters(&s->conf) != sim_node_bit(h->id)) {
            sim_world_fail(w, "node %" PRIu64 " of another cluster shares its votes", h->id);
        }
        return true;
    }
    if (h != foreign && is_of(w, h)) {
        sim_world_fail(w, "node %" PRIu64 " has the beginning of another cluster", h->id);
    }
    bool votes = (sim_voters(&s->conf) & sim_node_bit(foreign->id)) != 0;
    if (there && votes && s->conf.index > w->foreign.since) {
        sim_world_fail(w,
                       "node %" PRIu64 " of another cluster has a vote, as node %" PRIu64 " says",
                       foreign->id, h->id);
    }
    return false;
}
