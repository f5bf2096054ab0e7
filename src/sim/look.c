/* sim/look.c -- nodes are looked at after each step; judges and faults are told. */
#include "sim/look.h"

#include "node/frame.h"
#include "raft/raft_codec.h"
#include "sim/majority.h"
#include "sim/world.h"

enum {
    LOOK_BACK = 1024 /* entries below the commit index that are looked at again in a new process */
};

void sim_look_init(struct sim_look *l, struct sim_world *w)
{
    l->world = w;
}

/* ---- steps ---- */

static void remember_conf(struct sim_look *l, struct sim_seen *seen, const struct raft *core,
                          const struct raft_status *s)
{
    seen->effective = s->conf;
    raft_committed_conf(core, &seen->committed);
    l->voters |= sim_voters(&seen->effective);
    const struct raft_conf *known =
        s->conf.index <= s->commit ? &seen->effective : &seen->committed;
    if (known->index > l->conf.index) {
        l->conf = *known;
    }
}

static void remember(struct sim_look *l, struct sim_host *h, const struct node_look *look,
                     const struct raft_status *s)
{
    struct sim_seen *seen = &l->seen[h->index];
    bool news =
        !seen->alive || seen->role != s->role || seen->term != s->term || seen->leader != s->leader;
    bool office = news && s->role == RAFT_LEADER;
    seen->alive = true;
    seen->process = h->process;
    seen->role = s->role;
    seen->term = s->term;
    seen->vote = s->vote;
    seen->leader = s->leader;
    seen->last = s->last;
    seen->last_term = s->last_term;
    seen->commit = s->commit;
    seen->commit_term = raft_term_at(look->core, s->commit);
    seen->durable = s->durable;
    seen->applied = s->applied;
    seen->revision = look->revision;
    l->committed = s->commit > l->committed ? s->commit : l->committed;
    remember_conf(l, seen, look->core, s);
    if (news) {
        sim_world_tell(l->world, h->id, "role", s->leader, s->vote);
    }
    if (office) {
        sim_fault_moment(&l->world->faults, h, SIM_MOMENT_OFFICE);
    }
}

void sim_look_node(struct sim_look *l, struct sim_host *h)
{
    struct node_look look;
    struct raft_status s;
    node_look(h->node, &look);
    raft_status(look.core, &s);
    if (sim_foreign_look(l->world, h, &s)) {
        return;
    }
    sim_judge_node(&l->world->judge, h, &s);
    remember(l, h, &look, &s);
}

uint64_t sim_look_leader(const struct sim_look *l, uint64_t among, bool settled)
{
    uint64_t leader = 0;
    uint64_t term = 0;
    for (uint32_t i = 0; i < l->world->node_count; i++) {
        const struct sim_seen *s = &l->seen[i];
        bool good = !settled || (s->commit > 0 && s->commit_term == s->term);
        bool leads = s->alive && s->role == RAFT_LEADER && (among >> i & 1u) != 0;
        if (leads && good && s->term > term) {
            leader = i + 1;
            term = s->term;
        }
    }
    return leader;
}

bool sim_look_suffices(const struct sim_look *l, uint64_t nodes)
{
    if (l->conf.index == 0 || !sim_majority(&l->conf, nodes)) {
        return false;
    }
    for (uint32_t i = 0; i < l->world->node_count; i++) {
        const struct raft_conf *c = &l->seen[i].effective;
        if (c->index > l->conf.index && !sim_majority(c, nodes)) {
            return false;
        }
    }
    return true;
}

bool sim_look_suffices_late(const struct sim_look *l, uint64_t nodes)
{
    for (uint32_t i = 0; i < l->world->node_count; i++) {
        const struct raft_conf *c = &l->seen[i].effective;
        if (c->index > 0 && !sim_majority(c, nodes)) {
            return false;
        }
    }
    return sim_look_suffices(l, nodes);
}

/* ---- frames ---- */

static enum sim_moment moment_of(const struct raft_msg *m)
{
    if (m->type == RAFT_MSG_VOTE || (m->type == RAFT_MSG_VOTE_REPLY && !m->reject)) {
        return SIM_MOMENT_VOTE;
    }
    bool has = m->type == RAFT_MSG_APPEND_REPLY && !m->reject;
    return has ? SIM_MOMENT_ACK : SIM_MOMENT_NONE;
}

void sim_look_frame(struct sim_look *l, struct sim_host *h, struct bytes frame)
{
    struct raft_entry none[1];
    struct raft_msg m;
    if (sim_foreign_host(l->world, h)) {
        return; /* what it promises, it promises elsewhere */
    }
    if (frame.count <= FRAME_RAFT_HEAD_BYTES || frame.data[0] != FRAME_RAFT) {
        return;
    }
    struct bytes body =
        bytes_of(frame.data + FRAME_RAFT_HEAD_BYTES, frame.count - FRAME_RAFT_HEAD_BYTES);
    if (raft_msg_decode(body, &m, none, 1) != ERR_OK) {
        return; /* an append with entries: it promises nothing but its term */
    }
    sim_judge_said(&l->world->judge, h, &m);
    enum sim_moment moment = moment_of(&m);
    if (moment != SIM_MOMENT_NONE) {
        sim_fault_moment(&l->world->faults, h, moment);
    }
}

/* ---- processes ---- */

void sim_look_born(struct sim_look *l, struct sim_host *h)
{
    struct sim_seen *seen = &l->seen[h->index];
    struct node_look look;
    struct raft_status s;
    if (sim_foreign_host(l->world, h)) {
        return;
    }
    node_look(h->node, &look);
    raft_status(look.core, &s);
    sim_judge_born(&l->world->judge, h, &s);
    seen->alive = false;
    seen->role = RAFT_FOLLOWER;
    seen->term = s.term;
    seen->vote = 0;
    seen->last = 0;
    seen->applied = 0;
    seen->commit = s.commit > LOOK_BACK ? s.commit - LOOK_BACK : 0;
}

void sim_look_dying(struct sim_look *l, struct sim_host *h)
{
    struct node_look look;
    struct raft_status s;
    if (sim_foreign_host(l->world, h)) {
        return;
    }
    node_look(h->node, &look);
    raft_status(look.core, &s);
    sim_judge_dying(&l->world->judge, h, &s);
    l->seen[h->index].durable = s.durable;
    remember_conf(l, &l->seen[h->index], look.core, &s);
}

void sim_look_gone(struct sim_look *l, struct sim_host *h)
{
    l->seen[h->index].alive = false;
}

void sim_look_wiped(struct sim_look *l, struct sim_host *h)
{
    struct sim_seen *seen = &l->seen[h->index];
    struct sim_seen fresh = { .process = seen->process, .revision = seen->revision };
    sim_judge_wiped(&l->world->judge, h);
    *seen = fresh;
}

void sim_look_copied(struct sim_look *l, const struct sim_host *h)
{
    sim_judge_copied(&l->world->judge, h);
    l->copied[h->index] = l->seen[h->index];
}

void sim_look_restored(struct sim_look *l, const struct sim_host *h)
{
    struct sim_seen *seen = &l->seen[h->index];
    struct sim_seen *had = &l->had[h->index];
    struct sim_seen old = l->copied[h->index];
    bool more = seen->term > had->term || (seen->term == had->term && seen->durable > had->durable);
    *had = !h->restored || more ? *seen : *had;
    old.alive = false;
    old.process = seen->process;
    old.revision = seen->revision;
    sim_judge_restored(&l->world->judge, h);
    *seen = old;
}
