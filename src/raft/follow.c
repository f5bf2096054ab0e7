/* raft/follow.c -- the follower's side: appends and heartbeats (Raft 5.3, receiver implementation).
 *
 * Invariants: nothing committed is ever truncated; an acknowledgement leaves when what it
 *             acknowledges is durable. A message that contradicts what is committed is dropped: its
 *             sender lies or is broken, and this node goes on.
 */
#include "base/mark.h"
#include "raft/impl.h"
#include "raft/raft_codec.h"

bool raft_usurper(const struct raft *r, const struct raft_msg *m)
{
    return r->role == RAFT_LEADER || (r->leader != 0 && r->leader != m->from);
}

void raft_heard(struct raft *r, const struct raft_msg *m, struct raft_out *out)
{
    if (r->role != RAFT_FOLLOWER || r->leader != m->from) {
        raft_follow(r, out, r->term, m->from);
    }
    r->sticky_until_ns = r->now_ns + r->config.election_ns_min;
    raft_election_reset(r);
}

struct raft_msg *raft_answer(struct raft *r, const struct raft_msg *m, struct raft_out *out,
                             enum raft_msg_type type, uint64_t after)
{
    struct raft_msg *reply = raft_send(r, out, m->from, type, after);
    reply->epoch = m->epoch;
    reply->read_seq = m->read_seq;
    reply->sent_ns = m->sent_ns;
    reply->hint = r->config.election_ns_min; /* see raft_heard; rejections say something else */
    return reply;
}

/* Terms never fall, and none is above the sender's; configurations can be read. */
static bool entries_good(const struct raft_msg *m)
{
    uint64_t term = m->log_term;
    for (uint32_t i = 0; i < m->count; i++) {
        const struct raft_entry *e = &m->entries[i];
        struct raft_conf c;
        if (e->term < term || e->term > m->term || e->term == 0) {
            return false;
        }
        if (e->kind == RAFT_ENTRY_CONF &&
            raft_conf_decode(bytes_of(e->data, e->size), &c, NULL) != ERR_OK) {
            return false;
        }
        term = e->term;
    }
    return m->count <= RAFT_APPEND_ENTRIES_MAX;
}

static void reject(struct raft *r, const struct raft_msg *m, struct raft_out *out)
{
    struct raft_msg *reply = raft_answer(r, m, out, RAFT_MSG_APPEND_REPLY, r->hard_ticket);
    reply->reject = true;
    reply->index = m->index;
    if (m->elsewhere) {
        MARK("raft: an append to the log of another beginning");
        reply->hint = 1; /* as if there were nothing: all of it gives way, or nothing */
    } else if (m->index > r->last) {
        MARK("raft: an append beyond the end of the log");
        reply->hint = r->last + 1;
    } else {
        MARK("raft: an append whose term does not match");
        reply->log_term = raft_term_at(r, m->index);
        reply->hint = raft_log_term_first(r, m->index);
    }
}

/* How many leading entries of the message are here already. */
static uint32_t known_prefix(const struct raft *r, const struct raft_msg *m)
{
    uint32_t n = 0;
    while (!m->elsewhere && n < m->count && m->index + 1 + n <= r->last &&
           (m->index + 1 + n <= r->snap_index ||
            raft_term_at(r, m->index + 1 + n) == m->entries[n].term)) {
        n++;
    }
    return n;
}

static void take(struct raft *r, const struct raft_msg *m, uint32_t skip, struct raft_out *out)
{
    uint64_t first = m->index + 1 + skip;
    struct raft_effect *w = raft_write(r, out);
    if (first <= r->last) {
        MARK("raft: a conflict truncates");
        w->truncate = true;
        w->truncate_to = first - 1;
        MARK_IF(r->effective.index > first - 1, "raft: a configuration is truncated");
        r->cut_ticket = w->ticket;
        raft_log_truncate(r, first - 1);
        raft_conf_revert(r, first - 1);
    }
    w->source = RAFT_FROM_MSG;
    w->skip = skip;
    w->first = first;
    for (uint32_t i = skip; i < m->count; i++) {
        const struct raft_entry *e = &m->entries[i];
        raft_log_push(r, e->term, e->size);
        if (e->kind == RAFT_ENTRY_CONF) {
            struct raft_conf c;
            enum err err = raft_conf_decode(bytes_of(e->data, e->size), &c, NULL);
            ASSERT(err == ERR_OK); /* entries_good has read it */
            c.index = r->last;
            raft_conf_use(r, &c);
        }
    }
    w->last = r->last;
    w->term = raft_term_at(r, r->last);
}

/* Room for the terms, after the conflicting ones are gone. */
static bool runs_fit(const struct raft *r, const struct raft_msg *m, uint32_t skip)
{
    uint32_t runs = r->run_count;
    while (runs > 0 && r->run[runs - 1].first > m->index + skip) {
        runs--;
    }
    uint64_t term = runs > 0 ? r->run[runs - 1].term : 0;
    for (uint32_t i = skip; i < m->count; i++) {
        runs += m->entries[i].term != term ? 1 : 0;
        term = m->entries[i].term;
    }
    return runs <= RAFT_TERM_RUNS_MAX;
}

void raft_append_msg(struct raft *r, const struct raft_msg *m, struct raft_out *out)
{
    if (raft_usurper(r, m) || !entries_good(m)) {
        MARK_IF(!entries_good(m), "raft: an append that makes no sense");
        MARK_IF(raft_usurper(r, m), "raft: a second leader in a term");
        return;
    }
    raft_heard(r, m, out);
    if ((m->elsewhere && m->index > 0) || m->index > r->last ||
        (m->index >= r->snap_index && raft_term_at(r, m->index) != m->log_term)) {
        reject(r, m, out);
        return;
    }
    uint32_t skip = known_prefix(r, m);
    if (skip < m->count) {
        if (m->index + 1 + skip <= r->commit || !runs_fit(r, m, skip)) {
            MARK_IF(!runs_fit(r, m, skip), "raft: no room for the terms of an append");
            MARK_IF(m->index + 1 + skip <= r->commit, "raft: a committed entry is contradicted");
            return;
        }
        take(r, m, skip, out);
    }
    uint64_t match = m->index + m->count;
    uint64_t commit = m->commit < match ? m->commit : match;
    MARK_IF(skip == m->count && m->count > 0 && match > r->durable,
            "raft: a repeated append waits for the disk");
    /* what was here already may still be on its way to the disk: wait for all that was issued */
    uint64_t after = match <= r->durable ? r->hard_ticket : r->wal_issued;
    struct raft_msg *reply = raft_answer(r, m, out, RAFT_MSG_APPEND_REPLY, after);
    reply->index = match;
    raft_promise_ack(r, m->from, match);
    if (commit > r->commit) {
        raft_commit_to(r, commit);
        raft_apply_more(r, out);
    }
}

void raft_heartbeat_msg(struct raft *r, const struct raft_msg *m, struct raft_out *out)
{
    if (raft_usurper(r, m)) {
        return;
    }
    raft_heard(r, m, out);
    raft_answer(r, m, out, RAFT_MSG_HEARTBEAT_REPLY, r->hard_ticket);
    /* commit is at most what this leader knows to match here; a log that was lost since is another
     * one, and who leads elsewhere may have filled it */
    bool same = !m->elsewhere && m->log_term != 0 && raft_term_at(r, m->index) == m->log_term;
    if (same && m->commit > r->commit && m->commit <= m->index) {
        raft_commit_to(r, m->commit);
        raft_apply_more(r, out);
    }
}
