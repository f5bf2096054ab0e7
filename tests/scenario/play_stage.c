/* tests/scenario/play_stage.c -- directions to machines, network, disks; waiting for a state. */
#include "play.h"

#include "node/call_codec.h"
#include "raft/raft_codec.h"

struct sim_host *play_host(const struct play *p, uint64_t node)
{
    return &p->world->host[node - 1];
}

const struct sim_seen *play_seen(const struct play *p, uint64_t node)
{
    return &p->world->look.seen[node - 1];
}

struct raft_status play_status(const struct play *p, uint64_t node)
{
    const struct sim_host *h = play_host(p, node);
    struct raft_status st = { 0 };
    if (h->state == SIM_HOST_UP && h->node != NULL) {
        struct node_look look;
        node_look(h->node, &look);
        raft_status(look.core, &st);
    }
    return st;
}

/* ---- processes ---- */

void play_start(struct play *p, uint64_t node)
{
    sim_host_start(play_host(p, node));
}

void play_start_all(struct play *p)
{
    for (uint64_t n = 1; n <= p->world->node_count; n++) {
        play_start(p, n);
    }
}

void play_stop(struct play *p, uint64_t node)
{
    sim_host_stop(play_host(p, node));
}

void play_crash(struct play *p, uint64_t node)
{
    sim_host_crash(play_host(p, node));
}

void play_crash_all(struct play *p)
{
    for (uint64_t n = 1; n <= p->world->node_count; n++) {
        play_crash(p, n);
    }
}

void play_pause(struct play *p, uint64_t node)
{
    sim_world_tell(p->world, node, "pauses", 0, 0);
    sim_host_pause(play_host(p, node), p->world->now_ns + 3600 * SIM_S);
}

void play_resume(struct play *p, uint64_t node)
{
    sim_host_pause(play_host(p, node), 0);
    sim_world_tell(p->world, node, "resumes", 0, 0);
}

/* ---- network ---- */

void play_cut_way(struct play *p, uint64_t from, uint64_t to)
{
    sim_world_tell(p->world, from, "cut off from", to, 0);
    sim_net_cut(&p->world->net, (uint32_t)from - 1, (uint32_t)to - 1);
}

void play_cut(struct play *p, uint64_t a, uint64_t b)
{
    play_cut_way(p, a, b);
    play_cut_way(p, b, a);
}

void play_isolate(struct play *p, uint64_t node)
{
    for (uint64_t n = 1; n <= p->world->node_count; n++) {
        if (n != node) {
            play_cut(p, node, n);
        }
    }
}

void play_mend_way(struct play *p, uint64_t from, uint64_t to)
{
    sim_world_tell(p->world, from, "heard again by", to, 0);
    sim_net_mend(&p->world->net, (uint32_t)from - 1, (uint32_t)to - 1);
}

void play_mend(struct play *p, uint64_t a, uint64_t b)
{
    play_mend_way(p, a, b);
    play_mend_way(p, b, a);
}

void play_break(struct play *p, uint64_t a, uint64_t b)
{
    sim_net_break(&p->world->net, (uint32_t)a - 1, (uint32_t)b - 1);
}

void play_heal(struct play *p)
{
    sim_world_tell(p->world, 0, "network heals", 0, 0);
    sim_net_calm(&p->world->net);
}

struct sim_quality *play_network(struct play *p)
{
    return &p->world->net.quality;
}

void play_clog(struct play *p, uint64_t node, uint64_t ms)
{
    uint64_t until = p->world->now_ns + ms * SIM_MS;
    sim_world_tell(p->world, node, "clogged", ms, 0);
    for (uint32_t i = 0; i < p->world->node_count; i++) {
        p->world->net.clogged_ns[node - 1][i] = until;
        p->world->net.clogged_ns[i][node - 1] = until;
    }
}

/* ---- disks ---- */

void play_disk_sticks(struct play *p, uint64_t node)
{
    sim_world_tell(p->world, node, "disk sticks", 0, 0);
    sim_loop_stick(&play_host(p, node)->loop, sim_host_local(play_host(p, node)), UINT64_MAX / 2);
}

void play_disk_goes(struct play *p, uint64_t node)
{
    struct sim_host *h = play_host(p, node);
    sim_world_tell(p->world, node, "disk goes on", 0, 0);
    sim_loop_unstick(&h->loop);
    if (sim_host_enter(h)) {
        sim_host_leave(h); /* it learns of its own jobs when it wakes */
    }
}

void play_disk_slow(struct play *p, uint64_t node, uint64_t ms)
{
    struct sim_host *h = play_host(p, node);
    sim_world_tell(p->world, node, "disk slow", ms, 0);
    h->loop.job_ns_min = ms * SIM_MS;
    h->loop.job_ns_max = ms * SIM_MS + SIM_MS;
}

void play_disk_fails(struct play *p, uint64_t node, uint64_t ops, enum err why)
{
    struct sim_host *h = play_host(p, node);
    sim_world_tell(p->world, node, "disk will fail", ops, (uint64_t)why);
    h->disk.fault_at = h->disk.ops + ops;
    h->disk.fault = why;
    h->disk_failed = true;
}

void play_disk_full(struct play *p, uint64_t node, bool full)
{
    struct sim_host *h = play_host(p, node);
    sim_world_tell(p->world, node, full ? "disk full" : "disk has room", 0, 0);
    h->disk.full = full;
    h->disk_failed = h->disk_failed || full;
}

void play_disk_copy(struct play *p, uint64_t node)
{
    sim_copy_take(&p->copy[node - 1], play_host(p, node));
}

void play_disk_restore(struct play *p, uint64_t node)
{
    sim_copy_restore(&p->copy[node - 1], play_host(p, node));
}

void play_disk_wipe(struct play *p, uint64_t node)
{
    sim_copy_wipe(play_host(p, node));
}

void play_disk_forget(struct play *p, uint64_t node)
{
    struct sim_disk *d = &play_host(p, node)->disk;
    uint8_t identity[64 * 1024];
    size_t count = 0;
    int slot = 0;
    while (slot < SIM_NAMES_MAX && !sim_name_ends(&d->name[slot], "/identity")) {
        slot++;
    }
    CHECK(slot < SIM_NAMES_MAX);
    const struct sim_name name = d->name[slot];
    int file = sim_disk_find(d, name.name);
    CHECK(sim_disk_read(d, file, 0, identity, sizeof identity, &count) == ERR_OK);
    play_disk_wipe(p, node);
    CHECK(sim_disk_create(d, name.name, &file) == ERR_OK);
    CHECK(sim_disk_write(d, file, 0, identity, count) == ERR_OK);
    CHECK(sim_disk_sync(d, file) == ERR_OK && sim_disk_sync_names(d, "") == ERR_OK);
}

/* ---- lies ---- */

void play_say_bytes(struct play *p, uint64_t from, uint64_t to, struct bytes frame)
{
    struct sim_link *l = &p->world->net.link[to - 1];
    struct sim_host *h = play_host(p, to);
    uint64_t serial = l->told[from - 1];
    if (serial == 0 || !sim_host_enter(h)) {
        play_fail(p, "node %llu has no session to node %llu", (unsigned long long)from,
                  (unsigned long long)to);
    }
    l->handler->frame(l->arg, &p->world->key[from - 1], serial, LINK_CONTROL, frame);
    sim_host_leave(h);
}

void play_say(struct play *p, const struct raft_msg *m, struct bytes entries)
{
    static const struct origin unsaid;
    size_t room = FRAME_RAFT_HEAD_BYTES + RAFT_MSG_BYTES_MAX + entries.count;
    uint8_t *frame = malloc(room);
    struct writer w = writer_of(frame, room);
    writer_u8(&w, FRAME_RAFT);
    origin_encode(&unsaid, &w);
    raft_msg_encode(m, &w);
    writer_put(&w, entries);
    sim_world_tell(p->world, m->from, "lies to", m->to, (uint64_t)m->type);
    struct bytes b = writer_bytes(&w);
    play_say_bytes(p, m->from, m->to, b);
    free(frame);
}

/* ---- waiting ---- */

/* Whether a finding is what the liar of this play may bring about. */
static bool borne(const struct play *p)
{
    const char *const *text = p->borne;
    while (text != NULL && *text != NULL && strstr(p->world->failure, *text) == NULL) {
        text++;
    }
    return text != NULL && *text != NULL;
}

static void finding(struct play *p)
{
    struct sim_world *w = p->world;
    if (w->failed && borne(p)) {
        w->failed = false;
    } else if (w->failed) {
        play_fail(p, "%s", w->failure);
    }
}

void play_step(struct play *p)
{
    uint64_t to = p->world->now_ns + SIM_MS;
    while (p->world->now_ns < to) {
        sim_world_until(p->world, to);
        finding(p);
    }
}

void play_await(struct play *p, play_condition holds, uint64_t node, uint64_t value,
                const char *what)
{
    uint64_t end = p->world->now_ns + PLAY_PATIENCE_NS;
    finding(p);
    while (!holds(p, node, value)) {
        if (p->world->now_ns >= end) {
            play_fail(p, "waited in vain for %s (node %llu)", what, (unsigned long long)node);
        }
        play_step(p);
    }
}

static bool leads(const struct play *p, uint64_t node)
{
    const struct sim_seen *s = play_seen(p, node);
    return s->alive && s->role == RAFT_LEADER;
}

static uint64_t leader_of(const struct play *p)
{
    return sim_look_leader(&p->world->look, UINT64_MAX, true);
}

static bool hears(const struct play *p, uint64_t from, uint64_t to)
{
    const struct sim_net *n = &p->world->net;
    return n->cut[from - 1][to - 1] == 0 && n->cut[to - 1][from - 1] == 0;
}

static bool has_leader(const struct play *p, uint64_t old, uint64_t unused)
{
    uint64_t leader = leader_of(p);
    (void)unused;
    if (leader == 0 || leader == old) {
        return false;
    }
    for (uint64_t n = 1; n <= p->world->node_count; n++) {
        const struct sim_seen *s = play_seen(p, n);
        bool paused = play_host(p, n)->paused_until_ns > p->world->now_ns;
        if (n != leader && s->alive && !paused && hears(p, leader, n) && s->leader != leader) {
            return false;
        }
    }
    return true;
}

uint64_t play_leader(struct play *p)
{
    play_await(p, has_leader, 0, 0, "a leader");
    return leader_of(p);
}

uint64_t play_new_leader(struct play *p, uint64_t old)
{
    play_await(p, has_leader, old, 0, "a leader other than this one");
    return leader_of(p);
}

static bool no_leader(const struct play *p, uint64_t unused, uint64_t unused_too)
{
    (void)unused;
    (void)unused_too;
    for (uint64_t n = 1; n <= p->world->node_count; n++) {
        if (leads(p, n)) {
            return false;
        }
    }
    return true;
}

void play_await_no_leader(struct play *p)
{
    play_await(p, no_leader, 0, 0, "nobody to lead");
}

void play_expect_no_leader(struct play *p)
{
    play_expect(p, no_leader(p, 0, 0), "nobody leads");
}

static bool no_longer_leads(const struct play *p, uint64_t node, uint64_t unused)
{
    (void)unused;
    return !leads(p, node);
}

void play_await_no_longer_leads(struct play *p, uint64_t node)
{
    play_await(p, no_longer_leads, node, 0, "it to step down");
}

static bool agree(const struct play *p, uint64_t unused, uint64_t unused_too)
{
    uint64_t applied = 0;
    (void)unused;
    (void)unused_too;
    for (uint64_t n = 1; n <= p->world->node_count; n++) {
        const struct sim_seen *s = play_seen(p, n);
        if (!s->alive) {
            continue;
        }
        if (s->applied == 0 || s->applied != s->last || (applied != 0 && s->applied != applied)) {
            return false;
        }
        applied = s->applied;
    }
    return true;
}

void play_await_agree(struct play *p)
{
    play_await(p, agree, 0, 0, "all that are up to have applied the same");
}

static bool committed(const struct play *p, uint64_t node, uint64_t index)
{
    return play_seen(p, node)->commit >= index;
}

void play_await_commit(struct play *p, uint64_t node, uint64_t index)
{
    play_await(p, committed, node, index, "it to commit");
}

static bool is_down(const struct play *p, uint64_t node, uint64_t unused)
{
    (void)unused;
    return play_host(p, node)->state != SIM_HOST_UP;
}

void play_await_down(struct play *p, uint64_t node)
{
    play_await(p, is_down, node, 0, "it to go down");
}

void play_await_stopped(struct play *p, uint64_t node, enum err why)
{
    play_await(p, is_down, node, 0, "it to stop");
    struct sim_host *h = play_host(p, node);
    if (h->state != SIM_HOST_STOPPED || h->reason != why) {
        play_fail(p, "node %llu stopped with %s, not %s", (unsigned long long)node,
                  err_name(h->reason), err_name(why));
    }
}

void play_elections_pass(struct play *p, uint64_t count)
{
    uint64_t end = p->world->now_ns + count * PLAY_ELECTION_MS_MAX * SIM_MS;
    while (p->world->now_ns < end) {
        play_step(p);
    }
}

void play_expect(struct play *p, bool holds, const char *what)
{
    if (!holds) {
        play_fail(p, "expected: %s", what);
    }
}

void play_expect_up(struct play *p, uint64_t node)
{
    play_expect(p, play_host(p, node)->state == SIM_HOST_UP, "it is up");
}

/* ---- beginning ---- */

uint64_t play_begin(struct play *p)
{
    play_start_all(p);
    play_expect_ok(p, play_init(p, 1));
    uint64_t leader = play_leader(p);
    play_await_agree(p);
    return leader;
}

uint64_t play_follower(const struct play *p, uint64_t leader, uint64_t k)
{
    uint64_t n = 0;
    while (k > 0) {
        n++;
        k -= n != leader;
    }
    (void)p;
    return n;
}
