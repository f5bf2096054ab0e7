/* node/lives.c -- log lines of voters that lost their disks, each with what to do next.
 *
 * Shape: what is so is compared with what was said last; nothing hangs on a moment that could be
 *        missed
 */
#include "node/impl.h"

#include <stdio.h>

enum {
    LIVES_TEXT_BYTES = 200
};

static bool among(const uint64_t *list, uint32_t count, uint64_t id)
{
    for (uint32_t i = 0; i < count; i++) {
        if (list[i] == id) {
            return true;
        }
    }
    return false;
}

static struct lives_told now_of(const struct raft_status *r)
{
    struct lives_told now = { .wiped_count = r->wiped_count, .majority = r->wiped_majority };
    memcpy(now.wiped, r->wiped, sizeof now.wiped);
    for (uint8_t i = 0; i < r->conf.learner_count; i++) {
        if (r->conf.learner_was[i] != 0) {
            now.back[now.back_count++] = r->conf.learner[i];
        }
    }
    return now;
}

static void say_wiped(struct node *n, uint64_t id)
{
    char next[LIVES_TEXT_BYTES];
    if (n->config->auto_rejoin) {
        snprintf(next, sizeof next, "nothing: it becomes a learner, then a voter again");
    } else {
        snprintf(next, sizeof next,
                 "aspen cluster remove %llu, then aspen cluster add %llu=ADDR, then aspen cluster "
                 "promote %llu",
                 (unsigned long long)id, (unsigned long long)id, (unsigned long long)id);
    }
    logger_log(n->logger, LOGGER_WARN, "a voter lost its disk and is not counted",
               logger_u64("id", id), logger_text("next", next));
}

/* No majority without them: only an old disk knows what was decided. */
static void say_majority(struct node *n, const struct lives_told *now)
{
    char next[LIVES_TEXT_BYTES];
    struct writer w = writer_of(next, sizeof next - 1);
    writer_text(&w, "stop one of these nodes, put its old data directory back, start it: ");
    for (uint32_t i = 0; i < now->wiped_count; i++) {
        writer_text(&w, "%s%llu", i > 0 ? ", " : "", (unsigned long long)now->wiped[i]);
    }
    next[w.offset] = '\0';
    logger_log(n->logger, LOGGER_ERROR, "too many voters lost their disks, nothing can be decided",
               logger_u64("count", now->wiped_count), logger_text("next", next));
}

static void say_leader(struct node *n, const struct raft_status *r, const struct lives_told *now)
{
    const struct lives_told *told = &n->lives;
    for (uint32_t i = 0; i < now->wiped_count; i++) {
        if (!among(told->wiped, told->wiped_count, now->wiped[i])) {
            say_wiped(n, now->wiped[i]);
        }
    }
    for (uint32_t i = 0; i < now->back_count; i++) {
        bool passed = among(told->wiped, told->wiped_count, now->back[i]);
        if (!among(told->back, told->back_count, now->back[i])) {
            if (!passed) { /* it went too fast to be seen */
                say_wiped(n, now->back[i]);
            }
            logger_log(n->logger, LOGGER_INFO, "a voter that lost its disk is a learner now",
                       logger_u64("id", now->back[i]));
        }
    }
    for (uint32_t i = 0; i < told->back_count; i++) {
        if (!among(now->back, now->back_count, told->back[i]) &&
            raft_conf_is_voter(&r->conf, told->back[i])) {
            logger_log(n->logger, LOGGER_INFO, "a voter that lost its disk is a voter again",
                       logger_u64("id", told->back[i]));
        }
    }
}

void lives_watch(struct node *n)
{
    struct raft_status r;
    raft_status(n->core, &r);
    struct lives_told now = now_of(&r);
    uint64_t self = n->config->node_id;
    if (r.role == RAFT_LEADER) {
        say_leader(n, &r, &now);
    } else if (among(now.wiped, now.wiped_count, self) &&
               !among(n->lives.wiped, n->lives.wiped_count, self)) {
        logger_log(n->logger, LOGGER_WARN, "this node lost its disk: it is not counted as a voter",
                   logger_text("next",
                               "see aspen cluster status; the leader brings it back, unless "
                               "it runs with --no-auto-rejoin"));
    }
    if (now.majority && !n->lives.majority) {
        say_majority(n, &now);
    }
    if (r.role != RAFT_LEADER) { /* all but itself is news to it when it leads */
        now.wiped_count = among(now.wiped, now.wiped_count, self) ? 1 : 0;
        now.wiped[0] = self;
        now.back_count = 0;
    }
    n->lives = now;
}
