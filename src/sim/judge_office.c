/* sim/judge_office.c -- who must not stay leader. What a leader may rely on is counted where it
 * comes from, in the network: a core that is mistaken about it is not asked. */
#include "node/frame.h"
#include "raft/raft_codec.h"
#include "sim/majority.h"
#include "sim/world.h"

#include <inttypes.h>

enum {
    OFFICE_TURNS = 4 /* of a machine until it has looked at a frame, or at its clock */
};
#define OFFICE_LATE_NS (10 * SIM_MS) /* a timer may be so late */

void sim_judge_elected(struct sim_judge *j, const struct sim_host *h)
{
    j->office[h->index] = (struct sim_office){ .since_ns = h->loop.now_ns,
                                               .waits_ns = UINT64_MAX,
                                               .joint_ns = UINT64_MAX,
                                               .alien_ns = UINT64_MAX };
}

void sim_judge_heard(struct sim_judge *j, const struct sim_host *h, uint32_t from,
                     struct bytes frame)
{
    const struct sim_seen *seen = &j->seen[h->index];
    struct raft_msg m;
    if (!seen->alive || seen->role != RAFT_LEADER || frame.count <= FRAME_RAFT_HEAD_BYTES ||
        frame.data[0] != FRAME_RAFT) {
        return;
    }
    struct bytes body =
        bytes_of(frame.data + FRAME_RAFT_HEAD_BYTES, frame.count - FRAME_RAFT_HEAD_BYTES);
    if (raft_msg_decode(body, &m, NULL, 0) != ERR_OK) {
        return; /* it carries entries: no reply */
    }
    bool reply = m.type == RAFT_MSG_APPEND_REPLY || m.type == RAFT_MSG_HEARTBEAT_REPLY;
    if (reply && m.from == from + 1u && m.term == seen->term) {
        j->office[h->index].arrived[from] = true;
    }
}

static uint64_t heard_of(const struct sim_judge *j, const struct sim_host *h, uint64_t id)
{
    const struct sim_office *o = &j->office[h->index];
    uint64_t at = id <= SIM_NODES_MAX ? o->heard_ns[id - 1] : 0;
    at = at > o->since_ns ? at : o->since_ns; /* a new leader has just been chosen by them */
    return id == h->id ? UINT64_MAX : at;
}

/* When a majority of these had last answered. */
static uint64_t most_ns(const struct sim_judge *j, const struct sim_host *h, const uint64_t *ids,
                        uint8_t id_count)
{
    uint64_t heard[RAFT_VOTERS_MAX]; /* newest first */
    for (uint8_t count = 0; count < id_count; count++) {
        uint64_t at = heard_of(j, h, ids[count]);
        uint8_t k = count;
        for (; k > 0 && heard[k - 1] < at; k--) {
            heard[k] = heard[k - 1];
        }
        heard[k] = at;
    }
    return id_count > 0 ? heard[id_count / 2] : UINT64_MAX;
}

/* The silence of a new member counts from when it became one. */
static void welcome(struct sim_judge *j, const struct sim_host *h, const struct raft_conf *c)
{
    const struct sim_seen *seen = &j->seen[h->index];
    uint64_t known = sim_members(&seen->effective) | sim_members(&seen->committed);
    for (uint32_t i = 0; i < j->world->node_count; i++) {
        if ((sim_members(c) & ~known & sim_node_bit(i + 1)) != 0) {
            j->office[h->index].heard_ns[i] = h->loop.now_ns;
        }
    }
}

static void judge_alone(struct sim_judge *j, const struct sim_host *h, const struct raft_conf *c)
{
    struct sim_office *o = &j->office[h->index];
    uint64_t now = h->loop.now_ns;
    for (uint32_t i = 0; i < j->world->node_count; i++) {
        o->heard_ns[i] = o->arrived[i] ? now : o->heard_ns[i];
        o->arrived[i] = false;
    }
    welcome(j, h, c);
    uint64_t heard = most_ns(j, h, c->voter, c->voter_count);
    uint64_t outgoing = most_ns(j, h, c->outgoing, c->outgoing_count);
    heard = outgoing < heard ? outgoing : heard;
    uint64_t bound = j->world->election_ns_min + OFFICE_LATE_NS + OFFICE_TURNS * h->turn_ns;
    if (heard < now && now - heard > bound) {
        sim_world_fail(j->world, "node %" PRIu64 " leads though no majority answers", h->id);
    }
}

/* Since when something holds: from now on, or as before; UINT64_MAX: it does not. */
static uint64_t since(uint64_t before_ns, bool holds, uint64_t now_ns)
{
    return !holds ? UINT64_MAX : before_ns == UINT64_MAX ? now_ns : before_ns;
}

/* Who may leave a joint configuration leaves it, as soon as one more entry finds room; who is no
 * voter any more gives the office away, or up. */
static void judge_change(struct sim_judge *j, const struct sim_host *h, const struct raft_status *s,
                         bool settled)
{
    struct sim_office *o = &j->office[h->index];
    const struct raft_conf *c = &s->conf;
    uint64_t now = h->loop.now_ns;
    bool known = settled && c->index <= s->commit;
    bool joint = known && c->outgoing_count > 0;
    bool alien =
        known && !joint && s->applied >= c->index && (sim_voters(c) & sim_node_bit(h->id)) == 0;
    uint64_t late = OFFICE_LATE_NS + OFFICE_TURNS * h->turn_ns;
    o->joint_ns = since(o->joint_ns, joint, now);
    o->alien_ns = since(o->alien_ns, alien, now);
    uint64_t bound = (RAFT_HANG_ELECTIONS + 1) * j->world->election_ns_max + late;
    uint64_t ever = j->world->look.voters | sim_voters(c); /* it may be leaving meanwhile */
    if (s->transfer_to != 0 && (ever & sim_node_bit(s->transfer_to)) == 0) {
        sim_world_fail(j->world,
                       "node %" PRIu64 " gives its office to node %" PRIu64 ", never a voter",
                       h->id, s->transfer_to);
    }
    if (joint && now - o->joint_ns > bound) {
        sim_world_fail(j->world, "node %" PRIu64 " stays in a joint configuration", h->id);
    }
    if (alien && now - o->alien_ns > j->world->election_ns_max + late) {
        sim_world_fail(j->world, "node %" PRIu64 " leads and is no voter any more", h->id);
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

void sim_judge_leads(struct sim_judge *j, const struct sim_host *h, const struct raft_status *s)
{
    const struct sim_world *w = j->world;
    struct node_look look;
    node_look(h->node, &look);
    if (!w->options.quic || w->wire.tapped) {
        judge_alone(j, h, &s->conf);
    }
    judge_hung(j, h, s);
    judge_change(j, h, s, raft_term_at(look.core, s->commit) == s->term);
}

void sim_judge_office(struct sim_judge *j, const struct sim_host *h)
{
    const struct sim_seen *seen = &j->seen[h->index];
    struct node_look look;
    struct raft_status s;
    if (!seen->alive || seen->role != RAFT_LEADER || h->crashed || h->dying || h->disk.down) {
        return;
    }
    node_look(h->node, &look);
    raft_status(look.core, &s);
    if (s.role == RAFT_LEADER && s.term == seen->term) {
        sim_judge_leads(j, h, &s);
    }
}
