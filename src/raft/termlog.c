/* raft/termlog.c -- what the core knows of its log: terms as runs, sizes of the newest entries. */
#include "raft/impl.h"

/* Position of the run that holds index; the caller knows that there is one. */
static uint32_t run_of(const struct raft *r, uint64_t index)
{
    uint32_t low = 0;
    uint32_t high = r->run_count;
    ASSERT(r->run_count > 0 && index >= r->run[0].first);
    while (high - low > 1) {
        uint32_t middle = low + (high - low) / 2;
        if (r->run[middle].first <= index) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return low;
}

uint64_t raft_term_at(const struct raft *r, uint64_t index)
{
    if (index == r->snap_index) {
        return r->snap_term;
    }
    if (index < r->snap_index || index > r->last) {
        return 0;
    }
    return r->run[run_of(r, index)].term;
}

uint64_t raft_log_term_first(const struct raft *r, uint64_t index)
{
    if (index <= r->snap_index || index > r->last) {
        return index;
    }
    return r->run[run_of(r, index)].first;
}

uint64_t raft_log_term_last(const struct raft *r, uint64_t term)
{
    for (uint32_t i = r->run_count; i > 0; i--) {
        if (r->run[i - 1].term <= term) {
            return i == r->run_count ? r->last : r->run[i].first - 1;
        }
    }
    return r->snap_index;
}

void raft_log_push(struct raft *r, uint64_t term, uint32_t size)
{
    ASSERT(term >= raft_term_at(r, r->last));
    r->last++;
    if (r->run_count == 0 || r->run[r->run_count - 1].term != term) {
        ASSERT(r->run_count < RAFT_TERM_RUNS_MAX);
        r->run[r->run_count].first = r->last;
        r->run[r->run_count].term = term;
        r->run_count++;
    }
    if (r->last - r->size_first >= RAFT_SIZE_RING) { /* the oldest size makes room */
        uint32_t gone = r->size[r->size_first % RAFT_SIZE_RING];
        r->uncommitted_bytes -= r->size_first > r->commit ? gone : 0;
        r->size_first++;
    }
    r->size[r->last % RAFT_SIZE_RING] = size;
    r->uncommitted_bytes += size;
}

void raft_log_settle(struct raft *r, uint64_t first, uint64_t last)
{
    for (uint64_t i = first > r->size_first ? first : r->size_first; i <= last; i++) {
        uint32_t size = r->size[i % RAFT_SIZE_RING];
        ASSERT(r->uncommitted_bytes >= size);
        r->uncommitted_bytes -= size;
    }
}

void raft_log_truncate(struct raft *r, uint64_t to)
{
    ASSERT(to >= r->commit && to < r->last);
    raft_log_settle(r, to + 1, r->last);
    r->last = to;
    if (r->durable > to) {
        r->durable = to;
    }
    while (r->run_count > 0 && r->run[r->run_count - 1].first > to) {
        r->run_count--;
    }
    if (r->size_first > to + 1) {
        r->size_first = to + 1;
    }
}

void raft_log_compact(struct raft *r, uint64_t to)
{
    ASSERT(to > r->snap_index && to <= r->applied);
    uint64_t term = raft_term_at(r, to);
    uint32_t gone = 0;
    while (gone < r->run_count &&
           (gone + 1 < r->run_count ? r->run[gone + 1].first <= to + 1 : r->last <= to)) {
        gone++;
    }
    r->run_count -= gone;
    memmove(&r->run[0], &r->run[gone], r->run_count * sizeof r->run[0]);
    if (r->run_count > 0 && r->run[0].first <= to) {
        r->run[0].first = to + 1;
    }
    r->snap_index = to;
    r->snap_term = term;
    r->size_first = r->size_first > to ? r->size_first : to + 1;
}

void raft_log_restart(struct raft *r, uint64_t index, uint64_t term)
{
    ASSERT(index > r->commit);
    r->snap_index = index;
    r->snap_term = term;
    r->last = index;
    /* the install is yet to be: until then the disk has what was before, and may contradict what
     * was not committed */
    r->durable = r->durable < r->commit ? r->durable : r->commit;
    r->commit = index;
    r->apply_sent = index;
    r->apply_bytes = 0;
    r->uncommitted_bytes = 0;
    r->run_count = 0;
    r->size_first = index + 1;
}

uint32_t raft_log_size(const struct raft *r, uint64_t index)
{
    bool known = index >= r->size_first && index <= r->last && index > r->snap_index;
    return known ? r->size[index % RAFT_SIZE_RING] : UINT32_MAX;
}
