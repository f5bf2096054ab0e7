/* sim/judge_reply.c -- what an answer says besides its value: who answered, in which term, at which
 * revision. Clients route and order by it, and linearizability does not look at it. */
#include "sim/world.h"

#include <inttypes.h>

/* A write is answered by the leader of the term it names, wherever it was asked. */
static void judge_write(struct sim_judge *j, const struct sim_host *h,
                        const struct service_reply *r)
{
    uint64_t leader = r->term < SIM_TERMS_MAX ? j->leader_of[r->term] : 0;
    if (leader == 0 || r->node != leader) {
        sim_world_fail(j->world,
                       "node %" PRIu64 " says that node %" PRIu64
                       " did a write as leader of term %" PRIu64 "; that was %" PRIu64,
                       h->id, r->node, r->term, leader);
    }
}

static bool record_good(const struct service_record *r, int64_t revision)
{
    return r->create_revision > 1 && r->create_revision <= r->mod_revision &&
           r->mod_revision <= revision && r->version > 0 && r->lease == 0 &&
           (r->version == 1) == (r->create_revision == r->mod_revision) &&
           r->version <= r->mod_revision - r->create_revision + 1;
}

/* No store is newer than what is committed: from the newest state that was seen, each entry since
 * then can have made one revision. What the node has committed within this step counts; whether it
 * may is judged after it. */
static int64_t revision_most(const struct sim_judge *j, const struct raft_status *s)
{
    uint64_t committed = j->world->look.committed;
    committed = s->commit > committed ? s->commit : committed;
    int64_t seen = j->applied > 0 ? j->revision[j->applied] : 1;
    return seen + (int64_t)(committed > j->applied ? committed - j->applied : 0);
}

/* Who is said to lead the term of an answer does: it was seen to, or has just come to it. */
static void judge_hint(struct sim_judge *j, const struct sim_host *h, const struct raft_status *s,
                       const struct service_reply *r)
{
    uint64_t leader = r->term < SIM_TERMS_MAX ? j->leader_of[r->term] : 0;
    if (leader == 0 && s->role == RAFT_LEADER && s->term == r->term) {
        leader = h->id;
    }
    if (r->leader_hint != 0 && r->leader_hint != leader) {
        sim_world_fail(j->world,
                       "node %" PRIu64 " hints at node %" PRIu64 " as leader of term %" PRIu64
                       "; that was %" PRIu64,
                       h->id, r->leader_hint, r->term, leader);
    }
}

/* A read is answered by the node that was asked, whose state only goes on while it lives. */
static void judge_read(struct sim_judge *j, const struct sim_host *h, const struct raft_status *s,
                       const struct service_reply *r)
{
    struct sim_promise *said = &j->promise[h->index];
    bool same = said->read_process == h->process;
    if (r->node != h->id) {
        sim_world_fail(j->world, "node %" PRIu64 " answers a read as node %" PRIu64, h->id,
                       r->node);
    }
    if (same && (r->revision < said->read_revision || r->term < said->read_term)) {
        sim_world_fail(j->world,
                       "node %" PRIu64 ": reads went back, from revision %" PRId64
                       " of term %" PRIu64 " to %" PRId64 " of %" PRIu64,
                       h->id, said->read_revision, said->read_term, r->revision, r->term);
    }
    if (r->revision > revision_most(j, s)) {
        sim_world_fail(j->world,
                       "node %" PRIu64 " reads at revision %" PRId64
                       ", more than what is committed can have made: %" PRId64,
                       h->id, r->revision, revision_most(j, s));
    }
    if (r->code == ERR_OK && !record_good(&r->record, r->revision)) {
        sim_world_fail(j->world,
                       "node %" PRIu64 " read a record that cannot be: created %" PRId64
                       ", changed %" PRId64 ", version %" PRId64 ", at revision %" PRId64,
                       h->id, r->record.create_revision, r->record.mod_revision, r->record.version,
                       r->revision);
    }
    said->read_process = h->process;
    said->read_revision = r->revision;
    said->read_term = r->term;
}

void sim_judge_reply(struct sim_judge *j, const struct sim_host *h, bool write,
                     const struct service_reply *r)
{
    struct node_look look;
    struct raft_status s;
    node_look(h->node, &look);
    raft_status(look.core, &s);
    judge_hint(j, h, &s, r);
    if (write && r->code == ERR_OK) {
        judge_write(j, h, r);
    } else if (!write && (r->code == ERR_OK || r->code == ERR_NOT_FOUND)) {
        judge_read(j, h, &s, r);
    }
}
