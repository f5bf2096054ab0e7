/* node/metrics.h -- what a node counts and measures, and the Prometheus text of it.
 *
 * Shape:      METRICS_COUNTERS and METRICS_HISTOGRAMS are the tables of what the node itself
 *             counts; struct metrics holds them; what status and the link know is written from
 *             there
 * Invariants: a family has HELP and TYPE once; no series appears twice; counters never go back
 * Owns:       nothing outside struct metrics; no allocation
 * Thread:     the loop's
 */
#ifndef NODE_METRICS_H
#define NODE_METRICS_H

#include "base/bytes.h"
#include "net/link.h"
#include "node/service.h"

/* Counters: name in the code, name in the text (with aspen_ before and _total behind), help. */
#define METRICS_COUNTERS(X)                                                                        \
    X(WRITES, "writes", "Writes of own clients answered with success")                             \
    X(WRITES_FAILED, "writes_failed", "Writes of own clients refused or answered with an error")   \
    X(READS, "reads", "Reads answered with success")                                               \
    X(READS_FAILED, "reads_failed",                                                                \
      "Reads refused or answered with an error, a missing key excepted")                           \
    X(FORWARDS_OUT, "forwards_out", "Client operations sent on to the leader")                     \
    X(FORWARDS_IN, "forwards_in", "Client operations taken over from other nodes")                 \
    X(QUEUE_FULL, "queue_full", "Client operations refused because a queue was full")              \
    X(ELECTIONS, "elections", "Elections this node stood in")                                      \
    X(LEADER_CHANGES, "leader_changes", "Changes of the leader this node has seen")                \
    X(RAFT_MESSAGES_IN, "raft_messages_in", "Raft messages received")                              \
    X(RAFT_MESSAGES_OUT, "raft_messages_out", "Raft messages sent")                                \
    X(RAFT_MESSAGES_BAD, "raft_messages_bad", "Raft messages that could not be decoded")           \
    X(FRAMES_FOREIGN, "frames_foreign", "Frames of nodes of another cluster, dropped")             \
    X(STORAGE_ERRORS, "storage_errors", "Failures of the log or the state machine")                \
    X(NETWORK_ERRORS, "network_errors", "Frames that could not be sent")                           \
    X(RPC_ERRORS, "rpc_errors", "Operations between nodes that failed or timed out")               \
    X(LOG_APPENDS, "log_appends", "Batches written to the log on disk")                            \
    X(LOG_ENTRIES, "log_entries", "Entries appended to the log")                                   \
    X(LOG_BYTES, "log_bytes", "Bytes written to the log on disk, padding included")                \
    X(APPLIED_ENTRIES, "applied_entries", "Entries applied to the state machine")                  \
    X(FLUSHES, "flushes", "Times the state machine was written to disk")                           \
    X(SNAPSHOTS_BUILT, "snapshots_built", "Snapshots built")                                       \
    X(SNAPSHOTS_INSTALLED, "snapshots_installed", "Snapshots installed in the place of a log")     \
    X(SNAPSHOTS_REFUSED, "snapshots_refused", "Snapshots of peers that were not taken")            \
    X(LOG_LINES_SUPPRESSED, "log_lines_suppressed", "Log lines left out by the rate limit")

/* Histograms in seconds. */
#define METRICS_HISTOGRAMS(X)                                                                      \
    X(WRITE_LATENCY, "write_latency_seconds", "From the arrival of a write to its answer")         \
    X(READ_LATENCY, "read_latency_seconds", "From the arrival of a read to its answer")            \
    X(APPEND_LATENCY, "log_append_latency_seconds", "One write of the log with its sync")          \
    X(APPLY_LATENCY, "apply_latency_seconds", "One transaction of the state machine")              \
    X(FLUSH_LATENCY, "flush_latency_seconds", "One write of the state machine to disk")

#define METRICS_COUNTER_ENUM(name, text, help) METRICS_##name,
enum metrics_counter {
    METRICS_COUNTERS(METRICS_COUNTER_ENUM) METRICS_COUNTER_COUNT
};
#undef METRICS_COUNTER_ENUM

#define METRICS_HISTOGRAM_ENUM(name, text, help) METRICS_##name,
enum metrics_histogram_id {
    METRICS_HISTOGRAMS(METRICS_HISTOGRAM_ENUM) METRICS_HISTOGRAM_COUNT
};
#undef METRICS_HISTOGRAM_ENUM

enum {
    METRICS_BUCKETS = 18, /* 64 us, doubled up to 8.4 s; one more for the rest */
    METRICS_BUCKET_FIRST_NS = 64000,
    METRICS_TEXT_BYTES_MAX = 48 * 1024 /* what all the functions below write together, at most */
};

struct metrics_histogram {
    uint64_t bucket[METRICS_BUCKETS + 1]; /* not cumulative; the last one: above all bounds */
    uint64_t count;
    uint64_t sum_ns;
};

struct metrics {
    uint64_t counter[METRICS_COUNTER_COUNT];
    struct metrics_histogram histogram[METRICS_HISTOGRAM_COUNT];
};

/* metrics_init -- all zero. */
static inline void metrics_init(struct metrics *m)
{
    memset(m, 0, sizeof *m);
}

/* metrics_add -- count n more; a counter never falls. */
static inline void metrics_add(struct metrics *m, enum metrics_counter c, uint64_t n)
{
    m->counter[c] += n;
}

/* metrics_observe -- one duration; O(buckets). */
void metrics_observe(struct metrics *m, enum metrics_histogram_id h, uint64_t duration_ns);

/* metrics_histogram_observe -- the same for a histogram that stands alone. */
void metrics_histogram_observe(struct metrics_histogram *h, uint64_t duration_ns);

/* metrics_histogram_quantile -- upper bound of the bucket that holds quantile per mille of what was
 * observed, ns; 0 when nothing was. */
uint64_t metrics_histogram_quantile(const struct metrics_histogram *h, uint32_t per_mille);

/* metrics_status_write -- everything struct service_status holds: aspen_node_info,
 * aspen_current_leader (0 where unknown), aspen_state, indexes, replication lag, disk. */
void metrics_status_write(const struct service_status *st, struct writer *out);

/* metrics_counters_write -- counters and histograms of m, and of the logger's suppressed lines. */
void metrics_counters_write(const struct metrics *m, uint64_t node_id, struct writer *out);

/* metrics_transport_write -- the page of /iroh-metrics. */
void metrics_transport_write(const struct link_stats *st, uint64_t node_id, struct writer *out);

#endif
