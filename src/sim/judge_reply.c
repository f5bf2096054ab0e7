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

/* A read is answered by the node that was asked, whose state only goes on while it lives. */
static void judge_read(struct sim_judge *j, const struct sim_host *h, const struct service_reply *r)
{
    struct sim_promise *said = &j->promise[h->index];
    bool same = said->read_life == h->life;
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
    if (r->code == ERR_OK && !record_good(&r->record, r->revision)) {
        sim_world_fail(j->world,
                       "node %" PRIu64 " read a record that cannot be: created %" PRId64
                       ", changed %" PRId64 ", version %" PRId64 ", at revision %" PRId64,
                       h->id, r->record.create_revision, r->record.mod_revision, r->record.version,
                       r->revision);
    }
    said->read_life = h->life;
    said->read_revision = r->revision;
    said->read_term = r->term;
}

void sim_judge_reply(struct sim_judge *j, const struct sim_host *h, bool write,
                     const struct service_reply *r)
{
    if (write && r->code == ERR_OK) {
        judge_write(j, h, r);
    } else if (!write && (r->code == ERR_OK || r->code == ERR_NOT_FOUND)) {
        judge_read(j, h, r);
    }
}
