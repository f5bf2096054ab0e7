/* raft/message.c -- messages by term and type: which change the term here, and who handles them.
 */
#include "base/mark.h"
#include "raft/impl.h"

static void lower_term(struct raft *r, const struct raft_msg *m, struct raft_out *out)
{
    if (m->type == RAFT_MSG_PREVOTE) {
        MARK("raft: a pre-vote of an old term");
        raft_election_msg(r, m, out); /* answers with the term here */
    } else if (m->type == RAFT_MSG_APPEND || m->type == RAFT_MSG_HEARTBEAT ||
               m->type == RAFT_MSG_SNAPSHOT) {
        MARK("raft: a leader of an old term is told");
        /* a leader of an older term that has come back: tell it, or it would not step down */
        struct raft_msg *reply = raft_send(r, out, m->from, RAFT_MSG_APPEND_REPLY, r->hard_ticket);
        reply->reject = true;
        reply->epoch = m->epoch;
        reply->index = m->index;
    } else if (m->type == RAFT_MSG_VOTE) {
        MARK("raft: a vote of an old term");
        struct raft_msg *reply = raft_send(r, out, m->from, RAFT_MSG_VOTE_REPLY, r->hard_ticket);
        reply->reject = true;
        reply->id = m->id;
    }
}

/* Messages of a higher term change ours, but for those that only ask or may be refused. Here and in
 * dispatch no default: a new type must say what it does. */
static bool adopts(const struct raft_msg *m)
{
    switch (m->type) {
    case RAFT_MSG_PREVOTE:
    case RAFT_MSG_PREVOTE_REPLY:
    case RAFT_MSG_VOTE:
        return false;
    case RAFT_MSG_VOTE_REPLY:
    case RAFT_MSG_APPEND:
    case RAFT_MSG_APPEND_REPLY:
    case RAFT_MSG_HEARTBEAT:
    case RAFT_MSG_HEARTBEAT_REPLY:
    case RAFT_MSG_READ:
    case RAFT_MSG_READ_REPLY:
    case RAFT_MSG_TIMEOUT_NOW:
    case RAFT_MSG_SNAPSHOT:
        return true;
    case RAFT_MSG_REMINDER: /* raft_message has heard it */
    case RAFT_MSG_TYPE_COUNT:
        break;
    }
    PANIC("a message of no type");
}

static void dispatch(struct raft *r, const struct raft_msg *m, struct raft_out *out)
{
    switch (m->type) {
    case RAFT_MSG_APPEND:
        raft_append_msg(r, m, out);
        break;
    case RAFT_MSG_APPEND_REPLY:
        raft_append_reply(r, m, out);
        break;
    case RAFT_MSG_HEARTBEAT:
        raft_heartbeat_msg(r, m, out);
        break;
    case RAFT_MSG_HEARTBEAT_REPLY:
        raft_heartbeat_reply(r, m, out);
        break;
    case RAFT_MSG_READ:
        raft_read_msg(r, m, out);
        break;
    case RAFT_MSG_READ_REPLY:
        raft_read_reply(r, m, out);
        break;
    case RAFT_MSG_PREVOTE:
    case RAFT_MSG_PREVOTE_REPLY:
    case RAFT_MSG_VOTE:
    case RAFT_MSG_VOTE_REPLY:
        raft_election_msg(r, m, out);
        break;
    case RAFT_MSG_TIMEOUT_NOW:
        raft_timeout_now_msg(r, m, out);
        break;
    case RAFT_MSG_SNAPSHOT:
        raft_snap_msg(r, m, out);
        break;
    case RAFT_MSG_REMINDER: /* raft_message has heard it */
    case RAFT_MSG_TYPE_COUNT:
        PANIC("a message of no type");
    }
}

/* Elections do not run that far ahead: such a term, adopted and kept, would leave none to elect a
 * leader in. */
static bool term_absurd(const struct raft *r, const struct raft_msg *m)
{
    return m->term > r->term && m->term - r->term > RAFT_TERM_JUMP_MAX;
}

/* It leads, or would lead, with a log that lacks what is committed here: were it heard, it could
 * hold this voter and bring it nothing. Its answers are heard, and their terms with them. */
static bool contradicts(const struct raft *r, const struct raft_msg *m)
{
    bool leads = m->type == RAFT_MSG_APPEND || m->type == RAFT_MSG_HEARTBEAT ||
                 m->type == RAFT_MSG_SNAPSHOT || m->type == RAFT_MSG_TIMEOUT_NOW;
    bool stands = m->type == RAFT_MSG_PREVOTE || m->type == RAFT_MSG_VOTE;
    return m->elsewhere && r->commit > 0 && (leads || stands);
}

void raft_message(struct raft *r, const struct raft_msg *m, struct raft_out *out)
{
    MARK_IF(term_absurd(r, m), "raft: an absurd term of a stranger");
    bool known = m->type >= RAFT_MSG_PREVOTE && m->type < RAFT_MSG_TYPE_COUNT;
    if (!known || m->from == 0 || m->from == r->config.id || m->to != r->config.id ||
        m->term == 0 || term_absurd(r, m)) {
        return;
    }
    raft_life_heard(r, m, out);
    raft_promise_heard(r, m);
    if (m->type == RAFT_MSG_REMINDER) { /* of what was, whatever the term is now */
        if (!raft_reminded(r, m)) {
            raft_stop(r, out, ERR_OUTDATED);
        }
        return;
    }
    if (m->term < r->term) {
        lower_term(r, m, out);
        return;
    }
    if (contradicts(r, m)) {
        MARK("raft: another beginning cannot lead where one is decided");
        return;
    }
    if (m->term > r->term && adopts(m)) {
        bool from_leader = m->type == RAFT_MSG_APPEND || m->type == RAFT_MSG_HEARTBEAT ||
                           m->type == RAFT_MSG_SNAPSHOT || m->type == RAFT_MSG_TIMEOUT_NOW;
        raft_follow(r, out, m->term, from_leader ? m->from : 0);
    }
    dispatch(r, m, out);
}
