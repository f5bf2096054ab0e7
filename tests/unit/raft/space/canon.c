/* tests/unit/raft/space/canon.c -- what of a world can still matter.
 *
 * Shape:      a hash of the nodes and of the set of messages, with node i in the place of another;
 *             of all permutations that the plan allows the least hash counts
 * Invariants: left out is only what no later step can see: time, seeds, what was promised (the
 *             reminders are lost, so only the life that promised counts), what an office begins
 *             anew, what follows from the log
 * Why:        the core treats members alike; ids decide nothing but who is asked first
 */
#include "space.h"

enum {
    ORDERS = 6
};

static const uint8_t orders[ORDERS][SPACE_NODES] = { { 0, 1, 2 }, { 0, 2, 1 }, { 1, 0, 2 },
                                                     { 1, 2, 0 }, { 2, 0, 1 }, { 2, 1, 0 } };

static uint64_t mix(uint64_t h, uint64_t v)
{
    h = (h ^ v) * 0x9e3779b97f4a7c15ull;
    return h ^ (h >> 29);
}

static uint64_t finish(uint64_t h)
{
    h = (h ^ (h >> 32)) * 0xd6e8feb86659fd93ull;
    h = (h ^ (h >> 32)) * 0xd6e8feb86659fd93ull;
    return h ^ (h >> 32);
}

/* Tickets count from the newest that is done. */
static uint64_t pending(uint64_t ticket, uint64_t done)
{
    return ticket > done ? ticket - done : 0;
}

/* Reminders are lost, so of a promise only the life of who gave it is ever looked at. */
static void canon_promises(struct raft *r)
{
    uint64_t life[SPACE_NODES];
    for (uint32_t k = 0; k < SPACE_NODES; k++) {
        life[k] = r->config.life != 0 ? raft_promised_by(r, k + 1) : 0;
    }
    memset(r->promise, 0, sizeof r->promise);
    r->promise_count = 0;
    for (uint32_t k = 0; k < SPACE_NODES; k++) {
        if (life[k] != 0) {
            r->promise[r->promise_count].id = k + 1;
            r->promise[r->promise_count++].heard_life = life[k];
        }
    }
}

void canon_core(struct space *s, uint32_t i)
{
    struct raft *r = &s->core[i];
    bool asks = r->role == RAFT_CANDIDATE || r->role == RAFT_PRECANDIDATE;
    r->now_ns = 1;
    r->prng = (struct prng){ { 1, 1, 1, 1 } };
    r->election_deadline_ns = 2000;
    r->heartbeat_deadline_ns = 1 + r->config.heartbeat_ns;
    r->sticky_until_ns = 0;
    r->quiet_until_ns = 0;
    r->wal_moved_ns = 1;
    r->transfer_deadline_ns = 2000;
    canon_promises(r);
    for (uint32_t k = 0; k < r->peer_count; k++) {
        r->peer[k].ack_ns = 1;
        r->peer[k].lease_ns = 1;
        r->peer[k].judged_ns = 0; /* a beat is long ago */
    }
    r->round = asks ? r->round : 0;
    r->own_vote_ticket = pending(r->own_vote_ticket, r->wal_done);
    r->hard_ticket = pending(r->hard_ticket, r->wal_done);
    r->cut_ticket = pending(r->cut_ticket, r->wal_done);
    r->wal_issued -= r->wal_done;
    r->wal_done = 0;
}

static uint64_t named(uint64_t id, const uint8_t *place)
{
    return id >= 1 && id <= SPACE_NODES ? place[id - 1] + 1u : id;
}

static uint64_t add_log(uint64_t h, const struct space_log *l, const uint8_t *place)
{
    h = mix(h, l->last | (uint64_t)l->term << 8 | named(l->vote, place) << 16);
    for (uint8_t k = 1; k <= l->last; k++) {
        h = mix(h, l->entry[k].term | (uint64_t)l->entry[k].kind << 8 |
                       (uint64_t)l->entry[k].value << 16);
    }
    return h;
}

static uint64_t add_peer(uint64_t h, const struct raft *r, const struct raft_peer *p)
{
    bool asks = r->role == RAFT_CANDIDATE || r->role == RAFT_PRECANDIDATE;
    h = mix(h, p->epoch | p->life << 24 | (uint64_t)(asks ? p->ballot : 0) << 32 |
                   raft_promised_by(r, p->id) << 40);
    if (r->role != RAFT_LEADER) { /* all else begins anew with an office */
        return h;
    }
    h = mix(h, (uint64_t)p->state | (uint64_t)p->probing << 8 | p->match << 16 | p->next << 24 |
                   p->sent_commit << 32 | p->judged_match << 40 | p->round_end << 48 |
                   (uint64_t)p->reborn << 56);
    for (uint32_t k = 0; k < p->inflight.count; k++) {
        h = mix(h, p->slot[ring_at(&p->inflight, k)].last);
    }
    return h;
}

static uint64_t add_core(uint64_t h, const struct raft *r, const uint8_t *place)
{
    bool leads = r->role == RAFT_LEADER;
    h = mix(h, (uint64_t)r->role | named(r->leader, place) << 8 | r->term << 16 |
                   named(r->vote, place) << 24 | r->round << 32 | (uint64_t)r->own_ballot << 56);
    h = mix(h, r->wal_issued | r->own_vote_ticket << 8 | r->hard_ticket << 16 |
                   r->cut_ticket << 24 | r->durable << 32 | r->commit << 40 | r->applied << 48);
    h = mix(h, r->committed.index | r->effective.index << 8 | r->epoch_gone << 16 |
                   r->noop_index << 24 | (leads ? named(r->transfer_to, place) << 32 : 0) |
                   (leads ? (uint64_t)r->transfer_told << 40 : 0));
    for (uint8_t at = 0; at < SPACE_NODES; at++) { /* in the order of places */
        for (uint32_t k = 0; k < r->peer_count; k++) {
            if (place[r->peer[k].id - 1] == at) {
                h = add_peer(mix(h, at + 1u), r, &r->peer[k]);
            }
        }
    }
    return h;
}

static uint64_t node_hash(const struct space *s, uint32_t i, const uint8_t *place)
{
    const struct space_node *n = &s->node[i];
    uint64_t h = mix(7, n->boots | (uint64_t)n->queued << 8 | (uint64_t)n->life << 16);
    h = add_log(h, &n->seen, place);
    h = n->queued > 0 ? add_log(h, &n->disk, place) : h; /* else the same */
    for (uint8_t k = 0; k < n->queued; k++) {
        const struct space_write *x = &n->queue[k];
        h = mix(h, (uint64_t)x->cut | (uint64_t)x->hard << 1 | (uint64_t)x->cut_to << 8 |
                       (uint64_t)x->first << 16 | (uint64_t)x->count << 24 |
                       (uint64_t)x->term << 32 | named(x->vote, place) << 40);
        for (uint8_t e = 0; e < x->count; e++) {
            h = mix(h, x->entry[e].term | (uint64_t)x->entry[e].kind << 8 |
                           (uint64_t)x->entry[e].value << 16);
        }
    }
    return add_core(h, &s->core[i], place);
}

static uint64_t msg_hash(const struct space_msg *m, const uint8_t *place)
{
    uint64_t h = mix(3, m->type | (uint64_t)(place[m->from - 1] + 1u) << 8 |
                            (uint64_t)(place[m->to - 1] + 1u) << 16 | (uint64_t)m->term << 24 |
                            (uint64_t)m->index << 32 | (uint64_t)m->log_term << 40 |
                            (uint64_t)m->hint << 48 | (uint64_t)m->commit << 56);
    h = mix(h, m->epoch | (uint64_t)m->id << 8 | (uint64_t)m->waits << 16 |
                   (uint64_t)m->reject << 24 | (uint64_t)m->transfer << 25 |
                   (uint64_t)m->count << 32 | (uint64_t)m->life << 40);
    for (uint8_t k = 0; k < m->count; k++) {
        h = mix(h, m->entry[k].term | (uint64_t)m->entry[k].kind << 8 |
                       (uint64_t)m->entry[k].value << 16);
    }
    return finish(h);
}

static uint64_t hash_in(const struct space *s, const uint8_t *place)
{
    uint64_t nodes[SPACE_NODES];
    uint64_t set = 0;
    for (uint32_t i = 0; i < SPACE_NODES; i++) {
        nodes[place[i]] = node_hash(s, i, place);
    }
    for (uint32_t k = 0; k < s->msgs; k++) { /* a set: in no order */
        set += msg_hash(&s->msg[k], place);
    }
    uint64_t h = mix(mix(mix(mix(11, nodes[0]), nodes[1]), nodes[2]), set);
    h = add_log(h, &s->wiped, place);
    h = mix(h, s->left.commands | (uint64_t)s->left.changes << 8 | (uint64_t)s->left.crashes << 16 |
                   (uint64_t)s->left.ups << 24 | (uint64_t)s->commit << 32 |
                   (uint64_t)s->left.doubles << 40);
    for (uint32_t t = 0; t < SPACE_TERMS_MAX; t++) {
        h = mix(h, named(s->leader_of[t], place));
    }
    for (uint8_t k = 1; k <= s->commit; k++) {
        h = mix(h, s->committed[k].term | (uint64_t)s->committed[k].kind << 8 |
                       (uint64_t)s->committed[k].value << 16 | (uint64_t)s->committed_in[k] << 24);
    }
    return finish(h);
}

/* Whether nodes may change places: those that the plan gives no part of their own. */
static bool allowed(const struct space_plan *plan, const uint8_t *place)
{
    for (uint8_t i = 0; i < SPACE_NODES; i++) {
        bool moves = place[i] != i;
        if (moves && plan->frail == i + 1u) {
            return false;
        }
        for (uint32_t k = 0; moves && k < plan->change_count; k++) {
            if (plan->change[k].id == i + 1u || plan->change[k].id == place[i] + 1u) {
                return false;
            }
        }
        if ((i < plan->voters) != (place[i] < plan->voters)) {
            return false;
        }
    }
    return true;
}

uint64_t canon_hash(const struct space *s, const struct space_plan *plan)
{
    uint64_t least = UINT64_MAX;
    for (int k = 0; k < ORDERS; k++) {
        if (allowed(plan, orders[k])) {
            uint64_t h = hash_in(s, orders[k]);
            least = h < least ? h : least;
        }
    }
    return least == 0 ? 1 : least;
}
