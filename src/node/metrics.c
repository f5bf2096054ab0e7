/* node/metrics.c -- Prometheus text of what a node knows (exposition format 0.0.4).
 *
 * Shape:  one helper writes a family's head, the tables below name every series once
 * Thread: any, pure
 */
#include "node/metrics.h"

#include "base/panic.h"
#include "raft/raft.h"

#include <inttypes.h>

/* One series of a family that has no labels but the node's. */
struct row {
    const char *name;
    const char *help;
    uint64_t value;
};

#define ROW_COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))

void metrics_histogram_observe(struct metrics_histogram *h, uint64_t duration_ns)
{
    uint64_t bound_ns = METRICS_BUCKET_FIRST_NS;
    uint32_t i = 0;
    while (i < METRICS_BUCKETS && duration_ns > bound_ns) {
        bound_ns *= 2;
        i++;
    }
    h->bucket[i]++;
    h->count++;
    h->sum_ns += duration_ns;
}

void metrics_observe(struct metrics *m, enum metrics_histogram_id id, uint64_t duration_ns)
{
    ASSERT((unsigned)id < METRICS_HISTOGRAM_COUNT);
    metrics_histogram_observe(&m->histogram[id], duration_ns);
}

uint64_t metrics_histogram_quantile(const struct metrics_histogram *h, uint32_t per_mille)
{
    ASSERT(per_mille <= 1000);
    uint64_t need = (h->count * per_mille + 999) / 1000;
    uint64_t seen = 0;
    uint64_t bound_ns = METRICS_BUCKET_FIRST_NS;
    for (uint32_t i = 0; i < METRICS_BUCKETS && h->count > 0; i++) {
        seen += h->bucket[i];
        if (seen >= need && seen > 0) {
            return bound_ns;
        }
        bound_ns *= 2;
    }
    return h->count > 0 ? bound_ns : 0;
}

static void put_head(struct writer *out, const char *name, const char *suffix, const char *type,
                     const char *help)
{
    writer_text(out, "# HELP aspen_%s%s %s.\n# TYPE aspen_%s%s %s\n", name, suffix, help, name,
                suffix, type);
}

static void put_gauges(struct writer *out, const struct row *rows, size_t count, uint64_t node_id)
{
    for (size_t i = 0; i < count; i++) {
        put_head(out, rows[i].name, "", "gauge", rows[i].help);
        writer_text(out, "aspen_%s{node_id=\"%" PRIu64 "\"} %" PRIu64 "\n", rows[i].name, node_id,
                    rows[i].value);
    }
}

static void put_counters(struct writer *out, const struct row *rows, size_t count, uint64_t node_id)
{
    for (size_t i = 0; i < count; i++) {
        put_head(out, rows[i].name, "_total", "counter", rows[i].help);
        writer_text(out, "aspen_%s_total{node_id=\"%" PRIu64 "\"} %" PRIu64 "\n", rows[i].name,
                    node_id, rows[i].value);
    }
}

static void put_state(const struct service_status *st, struct writer *out)
{
    static const struct {
        enum service_role role;
        const char *name;
    } states[] = {
        { SERVICE_LEADER, "Leader" },       { SERVICE_FOLLOWER, "Follower" },
        { SERVICE_CANDIDATE, "Candidate" }, { SERVICE_LEARNER, "Learner" },
        { SERVICE_SHUTDOWN, "Shutdown" },
    };
    put_head(out, "state", "", "gauge", "1 for the state this node is in, 0 for the others");
    for (size_t i = 0; i < ROW_COUNT(states); i++) {
        writer_text(out, "aspen_state{node_id=\"%" PRIu64 "\",state=\"%s\"} %d\n", st->node_id,
                    states[i].name, st->role == states[i].role ? 1 : 0);
    }
}

/* A peer that is listed twice would be one series twice. */
static bool peer_seen(const struct service_status *st, uint32_t index)
{
    for (uint32_t i = 0; i < index; i++) {
        if (st->peer[i].id == st->peer[index].id) {
            return true;
        }
    }
    return false;
}

static void put_peers(const struct service_status *st, struct writer *out)
{
    ASSERT(st->peer_count <= SERVICE_MEMBERS_MAX);
    if (st->peer_count == 0) {
        return;
    }
    put_head(out, "replication_match_index", "", "gauge",
             "Last log index known to be on the peer (leader only)");
    for (uint32_t i = 0; i < st->peer_count; i++) {
        if (!peer_seen(st, i)) {
            writer_text(out,
                        "aspen_replication_match_index{node_id=\"%" PRIu64 "\",peer=\"%" PRIu64
                        "\"} %" PRIu64 "\n",
                        st->node_id, st->peer[i].id, st->peer[i].match_index);
        }
    }
    put_head(out, "replication_lag", "", "gauge",
             "Log entries the peer is behind this leader (leader only)");
    for (uint32_t i = 0; i < st->peer_count; i++) {
        uint64_t match = st->peer[i].match_index;
        uint64_t lag = st->last_index > match ? st->last_index - match : 0;
        if (!peer_seen(st, i)) {
            writer_text(out,
                        "aspen_replication_lag{node_id=\"%" PRIu64 "\",peer=\"%" PRIu64
                        "\"} %" PRIu64 "\n",
                        st->node_id, st->peer[i].id, lag);
        }
    }
}

void metrics_status_write(const struct service_status *st, struct writer *out)
{
    uint64_t behind =
        st->committed_index > st->applied_index ? st->committed_index - st->applied_index : 0;
    const struct row rows[] = {
        { "node_info", "Always 1; its labels say which node this is", 1 },
        { "initialized", "1 once the cluster has been initialised", st->initialized ? 1 : 0 },
        { "current_leader", "Node id of the leader; 0 while unknown", st->leader },
        { "current_term", "Raft term", st->term },
        { "vote", "Node id voted for in this term; 0 for none", st->vote },
        { "last_log_index", "Index of the last log entry", st->last_index },
        { "last_log_term", "Term of the last log entry", st->last_term },
        { "log_terms", "Terms in the log; with 4096 this node stands in no election",
          st->log_terms },
        { "committed_index", "Index of the last committed entry", st->committed_index },
        { "last_applied_index", "Index of the last applied entry", st->applied_index },
        { "apply_lag", "Committed entries that are not applied yet", behind },
        { "snapshot_index", "Index the last snapshot reaches; 0 for none", st->snapshot_index },
        { "purged_index", "Index up to which the log was dropped; 0 for none", st->purged_index },
        { "voters", "Voters in the configuration", st->voter_count },
        { "learners", "Learners in the configuration", st->learner_count },
        { "wiped_voters", "Voters that lost their disk and are not counted", st->wiped_count },
        { "raft_memory_bytes", "Memory of the consensus core, all of it taken at start",
          raft_size() },
        { "store_revision", "Revision of the store", (uint64_t)st->revision },
        { "disk_total_bytes", "Size of the fullest file system the node writes to",
          st->disk_total_bytes },
        { "disk_free_bytes", "Free bytes on the fullest file system the node writes to",
          st->disk_free_bytes },
        { "disk_full", "1 while writes are refused for want of disk space", st->disk_full ? 1 : 0 },
        { "storage_failed", "1 once the storage has failed", st->storage_failed ? 1 : 0 },
    };
    put_gauges(out, rows, ROW_COUNT(rows), st->node_id);
    put_state(st, out);
    if (st->quorum_ack_ms >= 0) {
        put_head(out, "quorum_ack_age_seconds", "", "gauge",
                 "Time since a quorum last acknowledged this leader");
        writer_text(out, "aspen_quorum_ack_age_seconds{node_id=\"%" PRIu64 "\"} %.3f\n",
                    st->node_id, (double)st->quorum_ack_ms / 1000.0);
    }
    put_peers(st, out);
}

static void put_histogram(const struct metrics_histogram *h, const char *name, const char *help,
                          uint64_t node_id, struct writer *out)
{
    put_head(out, name, "", "histogram", help);
    uint64_t sum = 0;
    uint64_t bound_ns = METRICS_BUCKET_FIRST_NS;
    for (uint32_t i = 0; i < METRICS_BUCKETS; i++) {
        sum += h->bucket[i];
        writer_text(out,
                    "aspen_%s_bucket{node_id=\"%" PRIu64 "\",le=\"%" PRIu64 ".%06" PRIu64
                    "\"} %" PRIu64 "\n",
                    name, node_id, bound_ns / 1000000000u, bound_ns % 1000000000u / 1000u, sum);
        bound_ns *= 2;
    }
    writer_text(out, "aspen_%s_bucket{node_id=\"%" PRIu64 "\",le=\"+Inf\"} %" PRIu64 "\n", name,
                node_id, h->count);
    writer_text(out,
                "aspen_%s_sum{node_id=\"%" PRIu64 "\"} %" PRIu64 ".%09" PRIu64
                "\naspen_%s_count{node_id=\"%" PRIu64 "\"} %" PRIu64 "\n",
                name, node_id, h->sum_ns / 1000000000u, h->sum_ns % 1000000000u, name, node_id,
                h->count);
}

#define COUNTER_ROW(name, text, help) { text, help, m->counter[METRICS_##name] },
#define HISTOGRAM_TEXT(name, text, help) { text, help },

void metrics_counters_write(const struct metrics *m, uint64_t node_id, struct writer *out)
{
    const struct row rows[] = { METRICS_COUNTERS(COUNTER_ROW) };
    static const struct {
        const char *name;
        const char *help;
    } histograms[] = { METRICS_HISTOGRAMS(HISTOGRAM_TEXT) };
    put_counters(out, rows, ROW_COUNT(rows), node_id);
    for (size_t i = 0; i < ROW_COUNT(histograms); i++) {
        put_histogram(&m->histogram[i], histograms[i].name, histograms[i].help, node_id, out);
    }
}

void metrics_transport_write(const struct link_stats *st, uint64_t node_id, struct writer *out)
{
    const struct row counters[] = {
        { "transport_handshakes", "TLS handshakes that were completed", st->handshakes },
        { "transport_refused_key", "Peers refused for their key", st->refused_key },
        { "transport_refused_cookie", "Peers refused for the cookie", st->refused_cookie },
        { "transport_refused_alpn", "Peers refused for their protocol", st->refused_alpn },
        { "transport_garbage", "Datagrams that belong to nothing", st->garbage },
        { "transport_bad_frames", "Frames that cost a peer its connection", st->bad_frames },
        { "transport_datagrams_in", "UDP datagrams received", st->datagrams_in },
        { "transport_datagrams_out", "UDP datagrams sent", st->datagrams_out },
        { "transport_bytes_in", "UDP payload bytes received", st->bytes_in },
        { "transport_bytes_out", "UDP payload bytes sent", st->bytes_out },
        { "transport_frames_in", "Frames received", st->frames_in },
        { "transport_frames_out", "Frames sent", st->frames_out },
        { "transport_queue_full", "Frames refused because a queue was full", st->queue_full },
    };
    const struct row gauges[] = {
        { "transport_connections", "Connections now, handshakes included", st->connections },
        { "transport_peers_up", "Peers that are connected now", st->peers_up },
    };
    put_counters(out, counters, ROW_COUNT(counters), node_id);
    put_gauges(out, gauges, ROW_COUNT(gauges), node_id);
}
