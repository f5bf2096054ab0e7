/* tests/unit/raft/space/post.c -- messages of the state space: a set, in no order. One that is
 * never delivered is lost; one that is delivered and stays is a double. */
#include "space.h"

static void add(struct space *s, const struct space_msg *x)
{
    for (uint32_t k = 0; k < s->msgs; k++) {
        if (memcmp(&s->msg[k], x, sizeof *x) == 0) {
            return;
        }
    }
    s->msg[s->msgs++] = *x;
}

void post_drop(struct space *s, uint32_t k)
{
    s->msg[k] = s->msg[--s->msgs];
    memset(&s->msg[s->msgs], 0, sizeof s->msg[0]);
}

bool post_send(struct space *s, uint32_t i, const struct raft_effect *e)
{
    const struct raft_msg *m = &e->msg;
    const struct raft *r = &s->core[i];
    struct space_msg x;
    memset(&x, 0, sizeof x);
    x.type = (uint8_t)m->type;
    x.from = (uint8_t)m->from;
    x.to = (uint8_t)m->to;
    x.term = (uint8_t)m->term;
    x.index = (uint8_t)m->index;
    x.log_term = (uint8_t)m->log_term;
    x.hint = (uint8_t)m->hint;
    x.commit = (uint8_t)m->commit;
    x.epoch = (uint8_t)m->epoch;
    x.id = (uint8_t)m->id;
    x.life = (uint8_t)m->life;
    x.reject = m->reject;
    x.transfer = m->transfer;
    x.waits = (uint8_t)(e->after > r->wal_done ? e->after - r->wal_done : 0);
    if (m->type == RAFT_MSG_REMINDER) {
        return true; /* lost: it is for disks that were put back, and these are not */
    }
    for (uint64_t k = m->first; m->type == RAFT_MSG_APPEND && k <= m->last; k++) {
        x.entry[x.count++] = s->node[i].seen.entry[k];
    }
    if (s->msgs == SPACE_MSGS_MAX) {
        judge_break("no room for a message: a bound of the explorer is too small");
        return false;
    }
    if (x.waits == 0) {
        judge_msg(s, &x);
    }
    add(s, &x);
    return true;
}

void post_written(struct space *s, uint32_t i)
{
    uint32_t count = s->msgs;
    s->msgs = 0;
    for (uint32_t k = 0; k < count; k++) { /* never more than were read: the same ones are one */
        struct space_msg x = s->msg[k];
        if (x.from == i + 1 && x.waits > 0 && --x.waits == 0) {
            judge_msg(s, &x);
        }
        add(s, &x);
    }
    memset(&s->msg[s->msgs], 0, (count - s->msgs) * sizeof s->msg[0]);
}

void post_crashed(struct space *s, uint32_t i)
{
    for (uint32_t k = 0; k < s->msgs;) {
        if (s->msg[k].from == i + 1 && s->msg[k].waits > 0) {
            post_drop(s, k);
        } else {
            k++;
        }
    }
}

struct raft_msg post_take(const struct space_msg *x, struct raft_entry *entries,
                          uint8_t (*bytes)[RAFT_CONF_BYTES_MAX])
{
    struct raft_msg m = { .type = (enum raft_msg_type)x->type, .from = x->from, .to = x->to };
    m.term = x->term;
    m.index = x->index;
    m.log_term = x->log_term;
    m.hint = x->hint;
    m.commit = x->commit;
    m.epoch = x->epoch;
    m.id = x->id;
    m.life = x->life;
    m.reject = x->reject;
    m.transfer = x->transfer;
    m.sent_ns = 1;
    m.count = x->count;
    m.entries = entries;
    for (uint8_t j = 0; j < x->count; j++) {
        entries[j] = (struct raft_entry){ x->entry[j].term, 1, x->entry[j].kind, bytes[j] };
        if (x->entry[j].kind == RAFT_ENTRY_CONF) {
            struct writer w = writer_of(bytes[j], RAFT_CONF_BYTES_MAX);
            raft_conf_encode(disk_conf(x->entry[j].value), &w);
            entries[j].size = (uint32_t)w.offset;
        }
    }
    return m;
}

/* Answers count in their term only, votes of a candidate, acknowledgements of the leader's newest
 * connection, and nobody stands twice in a term that is on its disk. */
static bool answer_is_late(const struct space *s, const struct space_msg *m)
{
    const struct raft *r = &s->core[m->to - 1];
    uint64_t kept = s->node[m->to - 1].disk.term;
    if (m->term != r->term || kept != r->term) {
        return m->term < kept;
    }
    switch (m->type) {
    case RAFT_MSG_VOTE_REPLY:
        return r->role != RAFT_CANDIDATE || m->id != r->round;
    case RAFT_MSG_APPEND_REPLY:
    case RAFT_MSG_HEARTBEAT_REPLY:
        for (uint32_t k = 0; r->role == RAFT_LEADER && k < r->peer_count; k++) {
            if (r->peer[k].id == m->from) {
                return m->epoch < r->peer[k].epoch;
            }
        }
        return r->role == RAFT_FOLLOWER;
    default:
        return false;
    }
}

static bool dead(const struct space *s, const struct space_plan *plan, const struct space_msg *m)
{
    bool answer = m->type == RAFT_MSG_VOTE_REPLY || m->type == RAFT_MSG_APPEND_REPLY ||
                  m->type == RAFT_MSG_HEARTBEAT_REPLY;
    return answer ? answer_is_late(s, m)
                  : !plan->told && m->term < s->node[m->to - 1].disk.term &&
                        m->type != RAFT_MSG_PREVOTE && m->type != RAFT_MSG_PREVOTE_REPLY;
}

void post_bury(struct space *s, const struct space_plan *plan)
{
    for (uint32_t k = 0; k < s->msgs;) {
        if (dead(s, plan, &s->msg[k])) {
            post_drop(s, k);
        } else {
            k++;
        }
    }
}
