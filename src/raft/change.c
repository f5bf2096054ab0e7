/* raft/change.c -- changing the members: the entries that do it, and when (Raft 6; thesis 4.3).
 *
 * Shape:      every change of voters passes through a joint configuration, which the leader leaves
 *             by itself once it is committed; a change of learners alone is one entry
 * Invariants: one uncommitted configuration at most, and none before an entry of the own term is
 *             committed
 * Why:        leaving follows from the state after every step, so a new leader finishes what an old
 *             one began
 */
#include "base/mark.h"
#include "raft/impl.h"
#include "raft/raft_codec.h"

void raft_conf_write(struct raft *r, struct raft_conf *c, uint64_t term, uint32_t tail_size,
                     struct raft_out *out)
{
    struct raft_effect *e = raft_write(r, out);
    struct writer w = writer_of(e->payload, sizeof e->payload);
    raft_conf_encode(c, &w);
    ASSERT(!w.bad);
    e->payload_count = (uint32_t)w.offset;
    e->tail_count = tail_size;
    e->source = RAFT_FROM_CORE;
    e->kind = RAFT_ENTRY_CONF;
    e->term = term;
    e->first = r->last + 1;
    e->last = r->last + 1;
    raft_log_push(r, term, e->payload_count + tail_size);
    c->index = r->last;
    raft_conf_use(r, c);
}

/* As the leader; the ticket, if any, ends with this entry. */
static void append(struct raft *r, struct raft_conf *c, uint64_t ticket, uint32_t tail_size,
                   struct raft_out *out)
{
    if (ticket != 0) {
        struct raft_proposal *p = &r->proposal[ring_push(&r->proposals)];
        p->ticket = ticket;
        p->count = 1;
        p->index = r->last + 1;
    }
    raft_conf_write(r, c, r->term, tail_size, out);
    raft_replicate_all(r, out);
    raft_commit_advance(r, out); /* fewer may have to agree now */
}

static bool joint(const struct raft *r)
{
    return r->effective.outgoing_count > 0;
}

/* Learners that are to vote must have what is committed, or commits would wait for them; the leader
 * too, when it is one. */
static bool caught_up(struct raft *r, const struct raft_change *changes, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        uint64_t id = changes[i].id;
        const struct raft_peer *p = raft_peer_find(r, id);
        uint64_t has = id == r->config.id ? r->durable : p != NULL ? p->match : r->commit;
        if (changes[i].kind == RAFT_CHANGE_VOTER && has < r->commit &&
            raft_conf_is_learner(&r->effective, id)) {
            return false;
        }
    }
    return true;
}

/* Why no change can begin now; ERR_OK when one can. */
static enum err refuse(struct raft *r, const struct raft_event *ev)
{
    TRY(raft_admit(r, 1));
    if (r->commit < r->noop_index) {
        MARK("raft: a change before the own term is committed");
        return ERR_BUSY;
    }
    if (ev->expect != 0 && ev->expect != r->effective.index) {
        MARK("raft: a change of a configuration that is gone");
        return ERR_CONF_CHANGED;
    }
    if (r->effective.index > r->commit || (joint(r) && (ev->count > 0 || !r->effective.manual))) {
        MARK("raft: a second change at once");
        return ERR_CONF_PENDING;
    }
    if (!joint(r) && (ev->count == 0 || ev->tail_size > ENTRY_BYTES_MAX / 2)) {
        return ERR_BAD_REQUEST;
    }
    return caught_up(r, ev->changes, ev->count) ? ERR_OK : ERR_NOT_CAUGHT_UP;
}

void raft_conf_propose(struct raft *r, const struct raft_event *ev, struct raft_out *out)
{
    struct raft_conf next;
    enum err e = refuse(r, ev);
    if (e == ERR_OK && joint(r)) {
        MARK("raft: a joint configuration is left when asked");
        raft_conf_leave(&r->effective, &next);
        append(r, &next, ev->ticket, 0, out);
        return;
    }
    e = e == ERR_OK ? raft_conf_change(&r->effective, ev->changes, ev->count, &next) : e;
    if (e == ERR_OK) {
        raft_life_bind(r, &next);
    }
    bool same = e == ERR_OK && raft_conf_same(&next, &r->effective);
    MARK_IF(same && ev->anew, "raft: members are named anew");
    if (e != ERR_OK || (same && !ev->anew)) {
        MARK_IF(e == ERR_OK, "raft: a change that changes nothing");
        raft_reply(r, out, ev->ticket, 1, e, e == ERR_OK ? r->effective.index : 0);
        return;
    }
    next.manual = ev->manual && next.outgoing_count > 0;
    bool later = next.outgoing_count > 0 && !next.manual;
    r->conf_ticket = later ? ev->ticket : r->conf_ticket;
    append(r, &next, later ? 0 : ev->ticket, ev->tail_size, out);
}

void raft_conf_go_on(struct raft *r, struct raft_out *out)
{
    if (r->role != RAFT_LEADER || r->commit < r->noop_index || r->effective.index > r->commit) {
        return;
    }
    struct raft_conf next;
    if (joint(r)) {
        if (!r->effective.manual && !ring_full(&r->proposals)) {
            uint64_t ticket = r->conf_ticket;
            MARK_IF(ticket == 0, "raft: a new leader leaves the joint configuration of an old one");
            r->conf_ticket = 0;
            raft_conf_leave(&r->effective, &next);
            append(r, &next, ticket, 0, out);
        } else if (r->effective.manual && raft_life_unbound(r, &next)) {
            append(r, &next, 0, 0, out); /* it may last: no lost disk is to be counted in it */
        }
    } else if (!raft_is_voter(r) && r->applied >= r->effective.index && r->transfer_to == 0) {
        MARK("raft: a leader that is no member any more gives way");
        raft_transfer_begin(r, 0, 0, out); /* who asked for the change has been told */
    } else if (raft_is_voter(r)) {
        if (raft_life_go_on(r, &next)) {
            append(r, &next, 0, 0, out);
        }
    }
}
