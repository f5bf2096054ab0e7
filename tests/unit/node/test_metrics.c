/* tests/unit/node/test_metrics.c -- the Prometheus text.
 *
 * Subject: node/metrics.c
 * Method:  a small reader of the text format checks what promtool would: HELP and TYPE once and
 *          before their samples, legal names, no series twice, buckets that only grow
 */
#include "node/metrics.h"

#include "raft/raft.h"
#include "tap.h"

#include <ctype.h>
#include <inttypes.h>

enum {
    LINES_MAX = 1024
};

static char page[METRICS_TEXT_BYTES_MAX];
static char *lines[LINES_MAX];
static uint32_t line_count;
static struct service_status status;
static struct metrics metrics;

static void fill_status(void)
{
    memset(&status, 0, sizeof status);
    status.node_id = 1;
    status.role = SERVICE_LEADER;
    status.initialized = true;
    status.leader = 2;
    status.term = 4;
    status.last_index = 90;
    status.committed_index = 89;
    status.applied_index = 88;
    status.quorum_ack_ms = 12;
    status.peer_count = 2;
    status.peer[0].id = 2;
    status.peer[0].match_index = 80;
    status.peer[1].id = 3;
    status.peer[1].match_index = 90;
}

/* Everything on one page, cut into lines. */
static void write_page(void)
{
    struct link_stats link;
    memset(&link, 0, sizeof link);
    link.garbage = 5;
    struct writer w = writer_of(page, sizeof page - 1);
    metrics_status_write(&status, &w);
    metrics_counters_write(&metrics, status.node_id, &w);
    metrics_transport_write(&link, status.node_id, &w);
    CHECK(!w.bad);
    page[w.offset] = '\0';
    line_count = 0;
    for (char *at = strtok(page, "\n"); at != NULL && line_count < LINES_MAX;
         at = strtok(NULL, "\n")) {
        lines[line_count++] = at;
    }
}

static bool has_line(const char *text)
{
    for (uint32_t i = 0; i < line_count; i++) {
        if (strcmp(lines[i], text) == 0) {
            return true;
        }
    }
    return false;
}

static void test_names(void)
{
    fill_status();
    metrics_init(&metrics);
    write_page();
    CHECK(has_line("aspen_node_info{node_id=\"1\"} 1"));
    CHECK(has_line("aspen_current_leader{node_id=\"1\"} 2"));
    CHECK(has_line("aspen_current_term{node_id=\"1\"} 4"));
    char size[96];
    snprintf(size, sizeof size, "aspen_raft_memory_bytes{node_id=\"1\"} %zu", raft_size());
    CHECK(has_line(size));
    CHECK(has_line("aspen_state{node_id=\"1\",state=\"Leader\"} 1"));
    CHECK(has_line("aspen_state{node_id=\"1\",state=\"Follower\"} 0"));
    CHECK(has_line("aspen_last_log_index{node_id=\"1\"} 90"));
    CHECK(has_line("aspen_last_applied_index{node_id=\"1\"} 88"));
    CHECK(has_line("aspen_committed_index{node_id=\"1\"} 89"));
    CHECK(has_line("aspen_replication_lag{node_id=\"1\",peer=\"2\"} 10"));
    CHECK(has_line("aspen_quorum_ack_age_seconds{node_id=\"1\"} 0.012"));
    CHECK(has_line("aspen_transport_garbage_total{node_id=\"1\"} 5"));
}

static size_t name_length(const char *line)
{
    size_t n = 0;
    while (isalnum((unsigned char)line[n]) || line[n] == '_' || line[n] == ':') {
        n++;
    }
    return n;
}

/* Length of the family's name: a histogram's samples end in _bucket, _sum, _count. */
static size_t family_length(const char *line, const char *family)
{
    size_t n = name_length(line);
    size_t m = strlen(family);
    static const char *const tails[] = { "_bucket", "_sum", "_count" };
    for (size_t i = 0; i < 3; i++) {
        if (n == m + strlen(tails[i]) && strncmp(line, family, m) == 0 &&
            strncmp(line + m, tails[i], strlen(tails[i])) == 0) {
            return m;
        }
    }
    return n;
}

static void test_valid(void)
{
    fill_status();
    metrics_init(&metrics);
    metrics_observe(&metrics, METRICS_WRITE_LATENCY, 1000000);
    write_page();
    char family[128] = "";
    for (uint32_t i = 0; i < line_count; i++) {
        if (strncmp(lines[i], "# HELP ", 7) == 0) {
            size_t n = name_length(lines[i] + 7);
            CHECK(n > 6 && n < sizeof family && lines[i][7 + n] == ' ');
            memcpy(family, lines[i] + 7, n);
            family[n] = '\0';
            CHECK(i + 1 < line_count && strncmp(lines[i + 1], "# TYPE ", 7) == 0);
            CHECK(strncmp(lines[i + 1] + 7, family, n) == 0 && lines[i + 1][7 + n] == ' ');
            for (uint32_t k = 0; k < i; k++) {
                CHECK(strncmp(lines[k], "# HELP ", 7) != 0 ||
                      strncmp(lines[k] + 7, family, n) != 0 || lines[k][7 + n] != ' ');
            }
        } else if (lines[i][0] != '#') {
            CHECK(strncmp(lines[i], family, family_length(lines[i], family)) == 0);
            CHECK(strncmp(lines[i], "aspen_", 6) == 0);
            char *end = NULL;
            char *value = strrchr(lines[i], ' ');
            CHECK(value != NULL && value[-1] == '}');
            strtod(value + 1, &end);
            CHECK(end != value + 1 && *end == '\0');
        }
    }
}

static void test_unique(void)
{
    fill_status();
    metrics_init(&metrics);
    status.peer[1].id = status.peer[0].id; /* a peer that is listed twice */
    write_page();
    for (uint32_t i = 0; i < line_count; i++) {
        size_t n = (size_t)(strrchr(lines[i], ' ') - lines[i]);
        for (uint32_t k = 0; k < i && lines[i][0] != '#'; k++) {
            CHECK(strncmp(lines[i], lines[k], n + 1) != 0);
        }
    }
}

static void test_histogram(void)
{
    struct metrics_histogram h;
    memset(&h, 0, sizeof h);
    metrics_histogram_observe(&h, 0);
    metrics_histogram_observe(&h, METRICS_BUCKET_FIRST_NS);
    metrics_histogram_observe(&h, METRICS_BUCKET_FIRST_NS + 1);
    metrics_histogram_observe(&h, UINT64_MAX / 2);
    CHECK_U64(h.bucket[0], 2);
    CHECK_U64(h.bucket[1], 1);
    CHECK_U64(h.bucket[METRICS_BUCKETS], 1);
    CHECK_U64(h.count, 4);
    CHECK_U64(metrics_histogram_quantile(&h, 500), METRICS_BUCKET_FIRST_NS);
    CHECK_U64(metrics_histogram_quantile(&h, 750), 2 * METRICS_BUCKET_FIRST_NS);
}

static void test_histogram_text(void)
{
    fill_status();
    metrics_init(&metrics);
    metrics_observe(&metrics, METRICS_WRITE_LATENCY, 100000);
    metrics_observe(&metrics, METRICS_WRITE_LATENCY, 3000000000);
    write_page();
    CHECK(has_line("aspen_write_latency_seconds_bucket{node_id=\"1\",le=\"0.000064\"} 0"));
    CHECK(has_line("aspen_write_latency_seconds_bucket{node_id=\"1\",le=\"0.000128\"} 1"));
    CHECK(has_line("aspen_write_latency_seconds_bucket{node_id=\"1\",le=\"8.388608\"} 2"));
    CHECK(has_line("aspen_write_latency_seconds_bucket{node_id=\"1\",le=\"+Inf\"} 2"));
    CHECK(has_line("aspen_write_latency_seconds_sum{node_id=\"1\"} 3.000100000"));
    CHECK(has_line("aspen_write_latency_seconds_count{node_id=\"1\"} 2"));
}

static void test_largest_fits(void)
{
    memset(&status, 0xFF, sizeof status);
    status.role = SERVICE_LEADER;
    status.quorum_ack_ms = INT64_MAX;
    status.initialized = status.disk_full = status.storage_failed = true;
    status.peer_count = SERVICE_MEMBERS_MAX;
    for (uint32_t i = 0; i < SERVICE_MEMBERS_MAX; i++) {
        status.peer[i].id = UINT64_MAX - i;
        status.peer[i].match_index = 0;
    }
    memset(&metrics, 0xFF, sizeof metrics);
    write_page();
    CHECK(line_count < LINES_MAX);
}

int main(void)
{
    TAP_TEST("metrics: the names of the interface", test_names);
    TAP_TEST("metrics: the text is valid", test_valid);
    TAP_TEST("metrics: no series stands twice", test_unique);
    TAP_TEST("metrics: a bucket holds its upper bound", test_histogram);
    TAP_TEST("metrics: buckets are cumulative seconds", test_histogram_text);
    TAP_TEST("metrics: the largest page fits its bound", test_largest_fits);
    return tap_done();
}
