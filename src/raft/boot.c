/* raft/boot.c -- building a core from what is on disk.
 *
 * Invariants: what contradicts itself builds nothing; field by field, so that equal states are
 *             equal bytes
 */
#include "raft/impl.h"

size_t raft_size(void)
{
    return sizeof(struct raft);
}

static bool conf_good(const struct raft_conf *c)
{
    return c->index == 0 ||
           (c->voter_count > 0 && c->voter_count <= RAFT_VOTERS_MAX &&
            c->outgoing_count <= RAFT_VOTERS_MAX && c->learner_count <= RAFT_LEARNERS_MAX);
}

static bool boot_good(const struct raft_config *c, const struct raft_boot *b)
{
    uint64_t before = b->snap_index;
    uint64_t term = b->snap_term;
    if (c->id == 0 || c->election_ns_max <= c->election_ns_min || b->last < b->snap_index ||
        b->applied > b->last || b->applied < b->snap_index || b->made_index > b->applied ||
        b->run_count > RAFT_TERM_RUNS_MAX || (b->run_count > 0) != (b->last > b->snap_index)) {
        return false;
    }
    for (uint32_t i = 0; i < b->run_count; i++) {
        bool first_fits = i == 0 ? b->runs[i].first == before + 1 : b->runs[i].first > before;
        if (!first_fits || b->runs[i].first > b->last || b->runs[i].term < term ||
            (i > 0 && b->runs[i].term == term)) {
            return false;
        }
        before = b->runs[i].first;
        term = b->runs[i].term;
    }
    return term <= b->term && b->effective.index <= b->last &&
           b->committed.index <= b->effective.index && conf_good(&b->committed) &&
           conf_good(&b->effective) && conf_good(&b->made_conf) &&
           b->size_count <= b->last - b->snap_index;
}

static void boot_log(struct raft *r, const struct raft_boot *b)
{
    r->snap_index = b->snap_index;
    r->snap_term = b->snap_term;
    r->last = b->last;
    r->durable = b->last;
    r->commit = b->applied;
    r->applied = b->applied;
    r->apply_sent = b->applied;
    r->run_count = b->run_count;
    for (uint32_t i = 0; i < b->run_count; i++) {
        r->run[i] = b->runs[i];
    }
    uint32_t known = b->size_count < RAFT_SIZE_RING ? b->size_count : RAFT_SIZE_RING;
    r->size_first = b->last - known + 1;
    for (uint32_t i = 0; i < known; i++) {
        uint64_t index = r->size_first + i;
        r->size[index % RAFT_SIZE_RING] = b->sizes[b->size_count - known + i];
        r->uncommitted_bytes += index > r->commit ? r->size[index % RAFT_SIZE_RING] : 0;
    }
}

/* Field by field: padding is no state. */
static void config_copy(struct raft_config *to, const struct raft_config *from)
{
    to->id = from->id;
    to->life = from->life;
    to->election_ns_min = from->election_ns_min;
    to->election_ns_max = from->election_ns_max;
    to->heartbeat_ns = from->heartbeat_ns;
    to->seed = from->seed;
    to->no_pre_vote = from->no_pre_vote;
    to->no_check_quorum = from->no_check_quorum;
    to->inflight_max = from->inflight_max;
    to->append_bytes_max = from->append_bytes_max;
    to->snap_entries = from->snap_entries;
    to->snap_bytes = from->snap_bytes;
    to->lease_reads = from->lease_reads;
    to->drift_ppm = from->drift_ppm;
    to->auto_rejoin = from->auto_rejoin;
}

enum err raft_init(void *mem, const struct raft_config *config, const struct raft_boot *boot,
                   struct raft **out)
{
    struct raft *r = mem;
    if (!boot_good(config, boot)) {
        return ERR_CORRUPT;
    }
    config_copy(&r->config, config);
    r->now_ns = boot->now_ns;
    prng_seed(&r->prng, config->seed);
    /* an answer to what was asked before a restart may come after it: no number twice */
    r->round = prng_next(&r->prng) >> 16;
    r->read_asked = prng_next(&r->prng) >> 16;
    r->term = boot->term;
    r->vote = boot->vote;
    r->role = RAFT_FOLLOWER;
    ring_init(&r->proposals, RAFT_PROPOSALS_MAX);
    ring_init(&r->reads, RAFT_READ_BATCHES_MAX);
    boot_log(r, boot);
    if (boot->committed.index != 0) {
        raft_conf_set(r, &boot->committed);
    }
    if (boot->effective.index > boot->committed.index) {
        raft_conf_use(r, &boot->effective);
    }
    r->sticky_until_ns = boot->restarted ? r->now_ns + config->election_ns_min : 0;
    r->quiet_until_ns = r->sticky_until_ns;
    r->boot_term = boot->term;
    r->boot_vote = boot->vote;
    r->boot_last = boot->last;
    r->made_index = boot->made_index;
    r->made_term = boot->made_term;
    raft_conf_copy(&r->made_conf, &boot->made_conf);
    raft_election_reset(r);
    raft_check(r);
    *out = r;
    return ERR_OK;
}
