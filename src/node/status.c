/* node/status.c -- pictures of the node: status and metrics for the API, a dump for a panic. */
#include "node/impl.h"

#include <stdio.h>

/* A learner, or a voter that lost its disk. */
static bool counts_for_nothing(const struct raft_status *r)
{
    return raft_conf_is_learner(&r->conf, r->id) ||
           (raft_conf_is_voter(&r->conf, r->id) && !raft_conf_counts(&r->conf, r->id, r->life));
}

static enum service_role role_of(const struct raft_status *r)
{
    switch (r->role) {
    case RAFT_LEADER:
        return SERVICE_LEADER;
    case RAFT_CANDIDATE:
    case RAFT_PRECANDIDATE:
        return SERVICE_CANDIDATE;
    case RAFT_STOPPED:
        return SERVICE_SHUTDOWN;
    default:
        return counts_for_nothing(r) ? SERVICE_LEARNER : SERVICE_FOLLOWER;
    }
}

/* ack_ns is of this node's clock and never ahead of it; 0: never. */
static int64_t since_ms(uint64_t now_ns, uint64_t ack_ns)
{
    return ack_ns != 0 ? (int64_t)((now_ns - ack_ns) / NS_PER_MS) : -1;
}

static void peers_of(struct node *n, const struct raft_status *r, struct service_status *out)
{
    out->peer_count = 0;
    for (uint32_t i = 0; i < r->peer_count && i < SERVICE_MEMBERS_MAX; i++) {
        struct service_peer_status *p = &out->peer[out->peer_count++];
        p->id = r->peer[i].id;
        p->match_index = r->peer[i].match;
        p->match_term = raft_term_at(n->core, r->peer[i].match);
        p->contact_ms = since_ms(os_now(n->os), r->peer[i].ack_ns);
    }
    for (uint8_t i = 0; i < r->conf.voter_count; i++) {
        out->voter[out->voter_count++] = r->conf.voter[i];
    }
    for (uint8_t i = 0; i < r->conf.learner_count; i++) {
        out->learner[out->learner_count++] = r->conf.learner[i];
    }
    for (uint8_t i = 0; i < r->conf.outgoing_count; i++) {
        out->outgoing[out->outgoing_count++] = r->conf.outgoing[i];
    }
    for (uint32_t i = 0; i < r->wiped_count; i++) {
        out->wiped[out->wiped_count++] = r->wiped[i];
    }
    for (uint8_t i = 0; i < r->conf.learner_count; i++) {
        if (r->conf.learner_was[i] != 0) {
            out->rejoining[out->rejoining_count++] = r->conf.learner[i];
        }
    }
    out->wiped_majority = r->wiped_majority;
    out->auto_rejoin = n->config->auto_rejoin;
    out->incarnation = r->life;
    out->conf_index = r->conf.index;
    out->conf_joint = r->conf.outgoing_count > 0;
    out->transfer_to = r->transfer_to;
}

void node_status(struct service *s, struct service_status *out)
{
    struct node *n = (struct node *)s;
    struct raft_status r;
    const struct log_run *runs = NULL;
    raft_status(n->core, &r);
    memset(out, 0, sizeof *out);
    out->node_id = n->config->node_id;
    out->role = n->stopping ? SERVICE_SHUTDOWN : role_of(&r);
    out->initialized = r.last > 0;
    out->leader = out->initialized ? r.leader : 0; /* before its log begins it refuses clients */
    out->term = r.term;
    out->vote = r.vote;
    out->last_index = r.last;
    out->last_term = r.last_term;
    out->committed_index = r.commit;
    out->committed_term = raft_term_at(n->core, r.commit);
    out->applied_index = n->kv.applied;
    out->applied_term = n->kv.applied_term;
    out->snapshot_index = r.made_index;
    out->snapshot_term = r.made_term;
    out->purged_index = r.snap_index;
    out->purged_term = r.snap_term;
    out->quorum_ack_ms = -1;
    if (r.role == RAFT_LEADER) {
        out->quorum_ack_ms = (int64_t)((os_now(n->os) - r.quorum_ack_ns) / NS_PER_MS);
    }
    peers_of(n, &r, out);
    out->revision = n->kv.revision;
    out->state_hash = kv_hash(&n->kv);
    out->node_port = (uint16_t)n->config->port;
    out->backend = "raft";
    out->key = n->home.key;
    const struct origin own = mesh_origin(n);
    if (own.decided) {
        out->cluster = own.cluster;
    }
    out->log_terms = log_runs(n->log, &runs);
    out->disk_total_bytes = n->space.total_bytes;
    out->disk_free_bytes = n->space.free_bytes;
    out->disk_full = n->disk_full;
    out->storage_failed = n->dead;
}

void node_metrics_text(struct service *s, struct writer *out)
{
    struct node *n = (struct node *)s;
    struct service_status st;
    struct log_stats log;
    node_status(s, &st);
    log_stats(n->log, &log);
    n->metrics.counter[METRICS_LOG_APPENDS] = log.batches;
    n->metrics.counter[METRICS_LOG_BYTES] = log.bytes_written;
    n->metrics.counter[METRICS_LOG_LINES_SUPPRESSED] = n->logger->suppressed_total;
    metrics_status_write(&st, out);
    metrics_counters_write(&n->metrics, n->config->node_id, out);
}

void node_transport_text(struct service *s, struct writer *out)
{
    struct node *n = (struct node *)s;
    struct link_stats st;
    link_stats(n->link, &st);
    metrics_transport_write(&st, n->config->node_id, out);
}

void node_dump(const struct node *n, int fd)
{
    dprintf(fd, "node %llu: role %d, term %llu, leader %llu, applied %llu of %llu, durable %llu\n",
            (unsigned long long)n->config->node_id, (int)n->told_role,
            (unsigned long long)n->told_term, (unsigned long long)n->told_leader,
            (unsigned long long)n->kv.applied, (unsigned long long)n->apply_target,
            (unsigned long long)n->durable_index);
    trace_dump(&n->trace, fd);
}
