/* sim/judge_state.c -- equal state at equal applied index, on all nodes and in all their lives. */
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
