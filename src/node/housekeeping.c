/* node/housekeeping.c -- what the clock asks of a node: deadlines of operations, disk space, log
 * lines. */
#include "node/impl.h"

enum {
    DISK_WARN_PERCENT = 80,
    DISK_FULL_PERCENT = 95,
    DISK_CLEAR_PERCENT = 93,
    TERMS_WARN = RAFT_TERM_RUNS_MAX / 8 * 7, /* the core has asked for a snapshot long ago */
    TERMS_WELL = RAFT_TERM_RUNS_MAX / 4 * 3
};

void housekeeping_arm(struct node *n)
{
    if (n->expire_timer.item.slot == 0 && op_count(n->ops) > 0 &&
        os_timer_set(n->os, &n->expire_timer, os_now(n->os) + NS_PER_S / 10) != ERR_OK) {
        logger_log(n->logger, LOGGER_WARN, "no timer is left for deadlines");
    }
}

void housekeeping_expire(void *arg, uint64_t now_ns)
{
    struct node *n = arg;
    init_expire(n, now_ns);
    control_expire(n, now_ns);
    raft_actor_expire(n, now_ns);
    op_expire(n->ops, now_ns);
    raft_actor_ask_again(n);
    housekeeping_arm(n);
}

static unsigned used_percent(const struct os_space *s)
{
    if (s->total_bytes == 0) {
        return 0;
    }
    uint64_t used = s->total_bytes - (s->free_bytes < s->total_bytes ? s->free_bytes : 0);
    return (unsigned)(used / (s->total_bytes / 100 + 1));
}

/* Log and state machine may lie on file systems of their own: the fullest one counts. False when
 * nothing is known of any. */
static bool fullest(const struct node *n, struct os_space *out)
{
    struct os_dir *const dirs[] = { n->dir, n->log_dir, n->state.dir };
    bool known = false;
    for (size_t i = 0; i < sizeof dirs / sizeof dirs[0]; i++) {
        struct os_space s = { 0 };
        if (dirs[i] == NULL || os_dir_space(dirs[i], &s) != ERR_OK) {
            continue;
        }
        if (!known || used_percent(&s) > used_percent(out)) {
            *out = s;
        }
        known = true;
    }
    return known;
}

/* A quota, or what else is used up, is no share of the disk that is in use. */
static bool no_room(const struct node *n)
{
    struct log_stats s;
    log_stats(n->log, &s);
    return s.no_room || n->state.no_room;
}

static void watch_disk(struct node *n)
{
    if (!fullest(n, &n->space)) {
        return;
    }
    unsigned used = used_percent(&n->space);
    bool full = used >= (n->disk_full ? DISK_CLEAR_PERCENT : DISK_FULL_PERCENT);
    full = full || no_room(n);
    if (full != n->disk_full) {
        logger_log(n->logger, full ? LOGGER_ERROR : LOGGER_INFO,
                   full ? "disk full, writes are refused" : "disk space is back",
                   logger_u64("used_percent", used));
    }
    bool warn = used >= DISK_WARN_PERCENT;
    if (warn && !n->disk_warned) {
        logger_log(n->logger, LOGGER_WARN, "disk is filling up", logger_u64("used_percent", used));
    }
    n->disk_full = full;
    n->disk_warned = warn;
}

/* The log should be shortened before: what is not applied, or not on disk, stays. At the bound this
 * node stands in no election. */
static void watch_terms(struct node *n)
{
    const struct log_run *runs = NULL;
    uint32_t count = log_runs(n->log, &runs);
    n->terms_warned = n->terms_warned && count >= TERMS_WELL;
    if (count < TERMS_WARN || n->terms_warned) {
        return;
    }
    n->terms_warned = true;
    logger_log(n->logger, LOGGER_WARN, "the log holds many terms, elections end at the bound",
               logger_u64("terms", count), logger_u64("bound", RAFT_TERM_RUNS_MAX));
}

void housekeeping_second(void *arg, uint64_t now_ns)
{
    struct node *n = arg;
    /* First of all: its own place among the timers is still free then, so that it cannot fail but
     * at the start, where next to none are taken. */
    IGNORE(os_timer_set(n->os, &n->second_timer, now_ns + NS_PER_S));
    watch_disk(n);
    watch_terms(n);
    lives_watch(n);
    state_second(n);
    snapshot_send_second(n, now_ns);
    snapshot_receive_second(n, now_ns);
    logger_flush(n->logger);
}
