/* raft/apply.c -- committed entries on their way to the state machine, and the tickets that wait.
 *
 * Invariants: applied <= apply_sent <= min(commit, durable); every ticket of a proposal ends once
 */
#include "base/mark.h"
#include "raft/impl.h"

void raft_apply_more(struct raft *r, struct raft_out *out)
{
    if (raft_snap_installing(r)) {
        return; /* what comes next builds upon it */
    }
    uint64_t end = r->commit < r->durable ? r->commit : r->durable;
    uint64_t bytes = r->apply_bytes;
    uint64_t last = r->apply_sent;
    while (last < end && (bytes < RAFT_APPLY_BYTES_MAX || last == r->applied) &&
           last - r->applied < RAFT_SIZE_RING) {
        uint32_t size = raft_log_size(r, last + 1);
        bytes += size == UINT32_MAX ? 0 : size;
        last++;
    }
    MARK_IF(last < end, "raft: applying is bounded");
    if (last > r->apply_sent) {
        struct raft_effect *e = raft_emit(out, RAFT_DO_APPLY);
        e->first = r->apply_sent + 1;
        e->last = last;
        r->apply_sent = last;
        r->apply_bytes = bytes;
    }
}

/* End the proposals that are applied now, the oldest ones. */
static void proposals_done(struct raft *r, struct raft_out *out)
{
    while (r->proposals.count > 0) {
        struct raft_proposal *p = &r->proposal[ring_at(&r->proposals, 0)];
        if (p->index > r->applied) {
            return;
        }
        uint64_t covered = r->applied - p->index + 1;
        uint32_t count = covered < p->count ? (uint32_t)covered : p->count;
        raft_reply(r, out, p->ticket, count, ERR_OK, p->index);
        p->ticket += count;
        p->index += count;
        p->count -= count;
        if (p->count > 0) {
            MARK("raft: a batch is applied in part");
            return;
        }
        ring_pop(&r->proposals);
    }
}

void raft_applied(struct raft *r, uint64_t index, struct raft_out *out)
{
    ASSERT(index >= r->applied && index <= r->apply_sent);
    for (uint64_t i = r->applied + 1 > r->size_first ? r->applied + 1 : r->size_first; i <= index;
         i++) {
        uint32_t size = raft_log_size(r, i);
        uint64_t known = size == UINT32_MAX ? 0 : size;
        r->apply_bytes -= known < r->apply_bytes ? known : r->apply_bytes;
        r->snap_bytes += known;
    }
    r->applied = index;
    proposals_done(r, out);
    raft_apply_more(r, out);
}

void raft_proposals_fail(struct raft *r, struct raft_out *out, enum err code)
{
    while (r->proposals.count > 0) {
        const struct raft_proposal *p = &r->proposal[ring_pop(&r->proposals)];
        raft_reply(r, out, p->ticket, p->count, code, 0);
    }
}
