/* sim/judge_office.c -- who must not stay leader. What a leader may rely on is counted where it
 * comes from, in the network: a core that is mistaken about it is not asked. */
#include "node/call_codec.h"
#include "raft/raft_codec.h"
#include "sim/world.h"

#include <inttypes.h>

enum {
    OFFICE_TURNS = 4 /* of a machine until it has looked at a frame, or at its clock */
};
#define OFFICE_LATE_NS (10 * SIM_MS) /* a timer may be so late */

void sim_judge_elected(struct sim_judge *j, const struct sim_host *h)
{
    j->office[h->index] = (struct sim_office){ .since_ns = h->loop.now_ns, .waits_ns = UINT64_MAX };
}

void sim_judge_heard(struct sim_judge *j, const struct sim_host *h, uint32_t from,
                     struct bytes frame)
{
    const struct sim_seen *seen = &j->seen[h->index];
    struct raft_msg m;
    if (!seen->alive || seen->role != RAFT_LEADER || frame.count < 2 ||
        frame.data[0] != FRAME_RAFT) {
        return;
    }
    if (raft_msg_decode(bytes_of(frame.data + 1, frame.count - 1), &m, NULL, 0) != ERR_OK) {
        return; /* it carries entries: no reply */
    }
    bool reply = m.type == RAFT_MSG_APPEND_REPLY || m.type == RAFT_MSG_HEARTBEAT_REPLY;
    if (reply && m.from == from + 1u && m.term == seen->term) {
        j->office[h->index].arrived[from] = true;
    }
}

/* When a majority, itself included, had last answered; a new leader has just been chosen by one. */
static uint64_t majority_ns(const struct sim_judge *j, const struct sim_host *h)
{
    const struct sim_office *o = &j->office[h->index];
    uint64_t heard[SIM_NODES_MAX]; /* newest first */
    uint32_t count = 0;
    for (uint32_t i = 0; i < j->world->node_count; i++) {
        uint64_t at = o->heard_ns[i] > o->since_ns ? o->heard_ns[i] : o->since_ns;
        at = i == h->index ? UINT64_MAX : at;
        uint32_t k = count++;
        for (; k > 0 && heard[k - 1] < at; k--) {
            heard[k] = heard[k - 1];
        }
        heard[k] = at;
    }
    return heard[j->world->node_count / 2];
}

static void judge_alone(struct sim_judge *j, const struct sim_host *h)
{
    struct sim_office *o = &j->office[h->index];
    uint64_t now = h->loop.now_ns;
    for (uint32_t i = 0; i < j->world->node_count; i++) {
        o->heard_ns[i] = o->arrived[i] ? now : o->heard_ns[i];
        o->arrived[i] = false;
    }
    uint64_t heard = majority_ns(j, h);
    uint64_t bound = j->world->election_ns_min + OFFICE_LATE_NS + OFFICE_TURNS * h->turn_ns;
    if (heard < now && now - heard > bound) {
        sim_world_fail(j->world, "node %" PRIu64 " leads though no majority answers", h->id);
    }
}

/* That it hangs is known from the disk, since when it owes something from what was seen before. */
static void judge_hung(struct sim_judge *j, const struct sim_host *h, const struct raft_status *s)
{
    struct sim_office *o = &j->office[h->index];
    const struct sim_loop *l = &h->loop;
    if (s->durable >= s->last) {
        o->waits_ns = UINT64_MAX;
    } else if (o->waits_ns == UINT64_MAX || s->durable != o->durable) {
        o->waits_ns = l->now_ns;
    }
    o->durable = s->durable;
    if (l->stuck_until_ns <= l->now_ns || o->waits_ns == UINT64_MAX) {
        return;
    }
    uint64_t since = l->stuck_since_ns > o->waits_ns ? l->stuck_since_ns : o->waits_ns;
    uint64_t bound = RAFT_HANG_ELECTIONS * j->world->election_ns_max + OFFICE_LATE_NS +
                     OFFICE_TURNS * h->turn_ns;
    if (l->now_ns > since && l->now_ns - since > bound) {
        sim_world_fail(j->world, "node %" PRIu64 " leads though its disk hangs", h->id);
    }
}

void sim_judge_office(struct sim_judge *j, const struct sim_host *h)
{
    const struct sim_world *w = j->world;
    const struct sim_seen *seen = &j->seen[h->index];
    struct node_look look;
    struct raft_status s;
    if (!seen->alive || seen->role != RAFT_LEADER || h->crashed || h->dying || h->disk.down) {
        return;
    }
    node_look(h->node, &look);
    raft_status(look.core, &s);
    if (s.role != RAFT_LEADER || s.term != seen->term) {
        return;
    }
    if (!w->options.quic || w->wire.tapped) {
        judge_alone(j, h);
    }
    judge_hung(j, h, &s);
}
