/* sim/admin.h -- an operator: who is a member, who leads, when snapshots are made; asked of any
 * node, member or not, in the middle of everything else.
 *
 * Shape:      what is to be done is drawn as a plan of steps (there and back, down to one voter and
 *             up again); each is one call of the service. A few calls may be open at once.
 * Invariants: every call is answered in its time, or its node died; what was answered with success
 *             is a claim for the judges. A majority of every set of voters that is asked for has a
 *             whole disk.
 * Owns:       its calls
 * Thread:     one
 */
#ifndef SIM_ADMIN_H
#define SIM_ADMIN_H

#include "base/prng.h"
#include "node/service.h"

enum {
    SIM_ADMIN_CALLS_MAX = 4,   /* open at once */
    SIM_ADMIN_STEPS_MAX = 6,   /* of a plan */
    SIM_ADMIN_WANTED_MAX = 16, /* sets that were asked for and may still come */
    SIM_ADMIN_STRANGER = 60    /* number of a node that nobody knows */
};

struct sim_world;
struct sim_event;
struct sim_host;

enum sim_admin_kind {
    SIM_ADMIN_ADD,      /* id becomes a learner */
    SIM_ADMIN_VOTERS,   /* the voters become exactly this set */
    SIM_ADMIN_REMOVE,   /* id is no member any more */
    SIM_ADMIN_TRANSFER, /* id, or 0: anybody, leads */
    SIM_ADMIN_SNAPSHOT
};

/* One thing that is asked for; sets are bits of nodes. */
struct sim_admin_step {
    enum sim_admin_kind kind;
    bool at_once; /* while the step before it is under way */
    bool keep;    /* VOTERS: who is on its way back as a voter stays so */
    uint64_t id;
    uint64_t voters;
    uint64_t expect; /* index of the configuration that is meant; 0: any */
    uint64_t from;   /* index of the newest committed one when it was asked */
};

struct sim_admin_call {
    struct service_call call; /* first */
    struct sim_world *world;
    struct sim_host *asked; /* NULL: not in use */
    uint64_t process;
    struct sim_admin_step step;
    bool planned;
    struct sim_event *due; /* the end of its patience */
    uint64_t patience_ns;  /* on its host's clock */
};

/* Voters that may come to be until that time. */
struct sim_admin_wanted {
    uint64_t voters;
    uint64_t until_ns;
};

struct sim_admin {
    struct sim_world *world;
    struct prng prng;
    struct sim_admin_call call[SIM_ADMIN_CALLS_MAX];
    struct sim_admin_step plan[SIM_ADMIN_STEPS_MAX];
    uint32_t step_count;
    uint32_t step_next;
    struct sim_admin_wanted wanted[SIM_ADMIN_WANTED_MAX];
    uint64_t wanted_count; /* of all times; the newest are kept */
    uint64_t deadline_ns;  /* mean */
    bool over;
    uint64_t asked, done, refused, unknown;
};

/* sim_admin_init -- nothing is asked. */
void sim_admin_init(struct sim_admin *a, struct sim_world *w, uint64_t seed);

/* sim_admin_transfer, sim_admin_snapshot, sim_admin_members -- one operation, or for members a
 * plan, drawn and begun; false: there is nobody to ask, or enough is under way. */
bool sim_admin_transfer(struct sim_admin *a);
bool sim_admin_snapshot(struct sim_admin *a);
bool sim_admin_members(struct sim_admin *a);

/* sim_admin_welcome -- a plan for one node: it is added, then given a vote. false: as above. */
bool sim_admin_welcome(struct sim_admin *a, uint64_t id);

/* sim_admin_stop -- nothing more is asked. */
void sim_admin_stop(struct sim_admin *a);

/* sim_admin_busy -- calls that are not answered yet. */
uint32_t sim_admin_busy(const struct sim_admin *a);

/* sim_admin_lost -- the process of a host has ended: nobody will answer its calls. */
void sim_admin_lost(struct sim_admin *a, const struct sim_host *h);

/* sim_admin_bears -- whether these nodes (bits) are a majority of every set of voters that was
 * asked for and may still come. */
bool sim_admin_bears(const struct sim_admin *a, uint64_t nodes);

/* ---- admin_plan.c ---- */

/* sim_admin_plan -- draw what to do about the members, given who they are as the asked node sees
 * it; the steps are in plan. */
void sim_admin_plan(struct sim_admin *a, const struct service_members *seen);

/* sim_admin_plan_for -- likewise, to have this node among the voters. */
void sim_admin_plan_for(struct sim_admin *a, uint64_t id);

/* sim_admin_pick -- one of these nodes (bits), drawn; 0: there is none. */
uint64_t sim_admin_pick(struct sim_admin *a, uint64_t nodes);

#endif
