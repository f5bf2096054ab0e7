/* sim/judge_state.c -- equal state at equal applied index, on all nodes, in all their processes. */
#include "sim/world.h"

#include <inttypes.h>

void sim_judge_state(struct sim_judge *j, struct sim_host *h)
{
    struct node_look look;
    const struct sim_seen *seen = &j->seen[h->index];
    node_look(h->node, &look);
    if (look.applied == seen->applied && seen->alive) {
        return;
    }
    if (look.applied >= SIM_INDEX_MAX) {
        return; /* the judge of commits says it */
    }
    uint64_t *hash = &j->state_hash[look.applied];
    int64_t *revision = &j->revision[look.applied];
    if (*revision == 0) {
        *hash = look.state_hash;
        *revision = look.revision;
        j->applied = look.applied > j->applied ? look.applied : j->applied;
    } else if (*hash != look.state_hash || *revision != look.revision) {
        sim_world_fail(j->world,
                       "node %" PRIu64 " has another state than others at applied index %" PRIu64
                       " (revisions %" PRId64 " and %" PRId64 ")",
                       h->id, look.applied, look.revision, *revision);
    }
    if (seen->alive && look.revision < seen->revision) {
        sim_world_fail(j->world, "node %" PRIu64 ": revision went back", h->id);
    }
}

static bool same_cluster(const struct sim_host *a, const struct sim_host *b)
{
    struct service_status x;
    struct service_status y;
    struct service *one = node_service(a->node);
    struct service *other = node_service(b->node);
    one->table->status(one, &x);
    other->table->status(other, &y);
    size_t voters = x.voter_count * sizeof x.voter[0];
    size_t learners = x.learner_count * sizeof x.learner[0];
    return memcmp(&x.cluster, &y.cluster, sizeof x.cluster) == 0 && x.conf_index == y.conf_index &&
           x.voter_count == y.voter_count && x.learner_count == y.learner_count &&
           memcmp(x.voter, y.voter, voters) == 0 && memcmp(x.learner, y.learner, learners) == 0;
}

/* Two that were both asked to begin may each have begun; only one cluster may be left. */
void sim_judge_cluster(struct sim_judge *j)
{
    const struct sim_world *w = j->world;
    for (uint32_t a = 0; a < w->node_count; a++) {
        for (uint32_t b = 0; b < a; b++) {
            const struct sim_seen *x = &w->look.seen[a];
            const struct sim_seen *y = &w->look.seen[b];
            bool both = x->alive && y->alive && x->applied > 0 && x->applied == y->applied &&
                        x->last == y->last && x->last_term == y->last_term;
            if (both && !same_cluster(&w->host[a], &w->host[b])) {
                sim_world_fail(j->world, "nodes %u and %u are of two clusters", b + 1, a + 1);
            }
        }
    }
}
