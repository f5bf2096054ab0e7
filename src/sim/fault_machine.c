/* sim/fault_machine.c -- what happens to machines: their processes, clocks and disks. */
#include "sim/copy.h"
#include "sim/fault_impl.h"
#include "sim/majority.h"
#include "sim/world.h"

enum {
    FAULT_EFFECTS_MAX = 40,  /* until a crash inside one */
    FAULT_DISK_OPS_MAX = 60, /* until one fails */
    FAULT_READS_MAX = 20,    /* likewise; a start has some dozens */
    FAULT_STALE_READS_MAX = 4,
    FAULT_LOOKS_MAX = 40, /* for a moment at which an older copy harms nobody */
    FAULT_RATE_ONE = 1024,
    FAULT_RATE_MIN = 922, /* in 1024ths: 0.9 to 1.1 */
    FAULT_RATE_MAX = 1126
};
#define FAULT_BLINK_NS_MAX (100 * SIM_MS) /* a node may be down for so short that few notice */
#define FAULT_TURN_NS_MAX (100 * SIM_MS)  /* what a turn of a slow machine takes */
#define FAULT_JOB_NS_MAX (500 * SIM_MS)   /* what a job of a slow disk takes */
#define FAULT_SICK_NS_MAX (5 * SIM_S)     /* likewise, of one that is about to die */
#define FAULT_JUMP_NS (5 * SIM_S)         /* mean of how far a clock jumps */
#define FAULT_WALL_NS_MAX (3600 * SIM_S)  /* how far a wall clock is off, either way */
#define FAULT_RESTART_NS (5 * SIM_S)      /* mean of how long a node is down */
#define FAULT_LOOK_NS (500 * SIM_MS)      /* between two of them */
#define FAULT_DISK_NS (30 * SIM_S)        /* until one is started whose disk was to fail */

/* ---- processes ---- */

void sim_fault_start_due(struct sim_world *w, struct sim_event *e)
{
    if (!w->faults.over) {
        sim_host_start(&w->host[e->a]);
    }
}

/* After a while, or so soon that others hardly notice. */
static void start_later(struct sim_faults *f, uint32_t host)
{
    uint64_t ns = sim_chance(&f->prng, 3) ? sim_between(&f->prng, SIM_MS, FAULT_BLINK_NS_MAX)
                                          : sim_wait(&f->prng, FAULT_RESTART_NS);
    sim_fault_later(f, ns, sim_fault_start_due, host);
}

bool sim_fault_do_crash(struct sim_faults *f)
{
    struct sim_host *h = sim_fault_any_host(f);
    bool up = h->state == SIM_HOST_UP;
    h->spared = sim_chance(&f->prng, 3);
    sim_host_crash(h);
    start_later(f, h->index);
    return up;
}

/* Its end comes at some effect from now, or when it has promised something; later on it is started
 * whatever came of it. */
bool sim_fault_do_crash_inside(struct sim_faults *f)
{
    struct sim_host *h = sim_fault_any_host(f);
    h->spared = sim_chance(&f->prng, 3);
    h->doom = (enum sim_moment)prng_below(&f->prng, SIM_MOMENT_COUNT);
    if (h->doom == SIM_MOMENT_NONE) {
        sim_host_crash_soon(h, sim_between(&f->prng, 1, FAULT_EFFECTS_MAX));
    } else if (h->doom == SIM_MOMENT_SYNC) {
        h->disk.crash_sync = true;
    } else if (h->doom == SIM_MOMENT_HARD) {
        h->disk.crash_vote = true;
    }
    sim_fault_later(f, FAULT_DOOM_NS, sim_fault_start_due, h->index);
    return true; /* one that is down may not live to be up */
}

bool sim_fault_do_crash_all(struct sim_faults *f)
{
    bool any = false;
    for (uint32_t i = 0; i < f->world->node_count; i++) {
        any = any || f->world->host[i].state == SIM_HOST_UP;
        f->world->host[i].spared = false;
        sim_host_crash(&f->world->host[i]);
        start_later(f, i);
    }
    return any;
}

bool sim_fault_do_stop(struct sim_faults *f)
{
    struct sim_host *h = sim_fault_any_host(f);
    bool up = h->state == SIM_HOST_UP;
    sim_host_stop(h);
    start_later(f, h->index);
    return up && h->state != SIM_HOST_UP; /* one that sleeps does not hear it */
}

bool sim_fault_do_twice(struct sim_faults *f)
{
    return sim_host_start_twice(sim_fault_any_host(f));
}

void sim_fault_rush_due(struct sim_world *w, struct sim_event *e)
{
    if (!w->faults.over) {
        sim_clients_rush(&w->clients, &w->host[e->a]);
    }
}

void sim_fault_pause(struct sim_faults *f, struct sim_host *h)
{
    uint64_t ns = sim_fault_length(f);
    uint64_t until = f->world->now_ns + ns;
    sim_fault_later(f, ns, sim_fault_rush_due, h->index); /* the first that it hears then */
    sim_host_pause(h, until > h->paused_until_ns ? until : h->paused_until_ns);
}

bool sim_fault_do_pause_host(struct sim_faults *f)
{
    struct sim_host *h = sim_fault_any_host(f);
    sim_fault_pause(f, h);
    return h->state == SIM_HOST_UP;
}

static void quick_due(struct sim_world *w, struct sim_event *e)
{
    w->host[e->a].turn_ns = w->host[e->a].usual_turn_ns;
}

bool sim_fault_do_slow(struct sim_faults *f)
{
    struct sim_host *h = sim_fault_any_host(f);
    h->turn_ns = sim_between(&f->prng, SIM_MS, FAULT_TURN_NS_MAX);
    sim_fault_later(f, sim_fault_length(f), quick_due, h->index);
    return true;
}

/* ---- clocks ---- */

/* The slowest clock is behind the fastest by less than leases allow for, where there are some:
 * (1024 - x) / (1024 + x) >= 1 - drift. */
void sim_fault_rates(const struct sim_faults *f, uint32_t *least, uint32_t *most)
{
    uint64_t ppm = f->world->drift_ppm;
    uint64_t off = ppm != 0 ? FAULT_RATE_ONE * ppm / (2 * UINT64_C(1000000) - ppm) : FAULT_RATE_ONE;
    *least =
        (uint32_t)(FAULT_RATE_ONE - off > FAULT_RATE_MIN ? FAULT_RATE_ONE - off : FAULT_RATE_MIN);
    *most =
        (uint32_t)(FAULT_RATE_ONE + off < FAULT_RATE_MAX ? FAULT_RATE_ONE + off : FAULT_RATE_MAX);
}

bool sim_fault_do_rate(struct sim_faults *f)
{
    uint32_t least = 0;
    uint32_t most = 0;
    sim_fault_rates(f, &least, &most);
    uint32_t in_1024ths = (uint32_t)sim_between(&f->prng, least, most);
    sim_host_rate(sim_fault_any_host(f), in_1024ths);
    return true;
}

bool sim_fault_do_jump(struct sim_faults *f)
{
    uint64_t ns = sim_wait(&f->prng, FAULT_JUMP_NS);
    sim_host_jump(sim_fault_any_host(f), ns);
    return true;
}

bool sim_fault_do_wall(struct sim_faults *f)
{
    struct sim_host *h = sim_fault_any_host(f);
    int64_t by = (int64_t)prng_below(&f->prng, 2 * FAULT_WALL_NS_MAX) - (int64_t)FAULT_WALL_NS_MAX;
    sim_host_wall(h, by);
    return true;
}

/* ---- disks ---- */

static void disk_quick_due(struct sim_world *w, struct sim_event *e)
{
    w->host[e->a].loop.job_ns_min = SIM_LOOP_JOB_NS_MIN;
    w->host[e->a].loop.job_ns_max = SIM_LOOP_JOB_NS_MAX;
}

bool sim_fault_do_disk_slow(struct sim_faults *f)
{
    struct sim_host *h = sim_fault_any_host(f);
    bool sick = sim_chance(&f->prng, 4);
    h->loop.job_ns_min = SIM_MS;
    h->loop.job_ns_max =
        sim_between(&f->prng, 2 * SIM_MS, sick ? FAULT_SICK_NS_MAX : FAULT_JOB_NS_MAX);
    sim_fault_later(f, sim_fault_length(f), disk_quick_due, h->index);
    return true;
}

static void stuck_due(struct sim_world *w, struct sim_event *e)
{
    struct sim_host *h = &w->host[e->a];
    if (!w->faults.over && h->loop.stuck_until_ns == UINT64_MAX) {
        sim_host_crash(h);
        start_later(&w->faults, h->index);
    }
}

/* For a while; or for good, until the machine is switched off and on. */
bool sim_fault_do_disk_stuck(struct sim_faults *f)
{
    struct sim_host *h = sim_fault_any_host(f);
    uint64_t now = sim_host_local(h);
    uint64_t ns = sim_fault_length(f);
    if (sim_chance(&f->prng, 4)) {
        sim_loop_stick(&h->loop, now, UINT64_MAX);
        sim_fault_later(f, ns + sim_wait(&f->prng, FAULT_DISK_NS), stuck_due, h->index);
    } else {
        sim_loop_stick(&h->loop, now, now + ns);
    }
    return true;
}

bool sim_fault_do_disk_error(struct sim_faults *f)
{
    static const enum err kinds[] = { ERR_IO, ERR_SYNC_FAILED, ERR_NO_SPACE };
    struct sim_host *h = sim_fault_any_host(f);
    h->disk.fault_at = h->disk.ops + sim_between(&f->prng, 1, FAULT_DISK_OPS_MAX);
    h->disk.fault = kinds[prng_below(&f->prng, 3)];
    h->spared = sim_chance(&f->prng, 2);
    h->disk_failed = true;
    sim_fault_later(f, FAULT_DISK_NS, sim_fault_start_due, h->index);
    return true;
}

/* Most reads are those of a start, so every other time it begins with one. */
bool sim_fault_do_disk_read(struct sim_faults *f)
{
    struct sim_host *h = sim_fault_any_host(f);
    if (sim_chance(&f->prng, 2)) {
        sim_host_crash(h);
        start_later(f, h->index);
    }
    h->disk.read_fault_at = h->disk.reads + sim_between(&f->prng, 1, FAULT_READS_MAX);
    h->disk_failed = true;
    sim_fault_later(f, FAULT_DISK_NS, sim_fault_start_due, h->index);
    return true;
}

static void stale_due(struct sim_world *w, struct sim_event *e)
{
    sim_disk_stale_end(&w->host[e->a].disk);
    sim_fault_start_due(w, e);
}

/* For some reads, and for a while at most: the node may stop with its reason, but the disk is as
 * good as before. */
bool sim_fault_do_disk_stale(struct sim_faults *f)
{
    struct sim_host *h = sim_fault_any_host(f);
    uint64_t seed = prng_next(&f->prng);
    uint32_t reads = (uint32_t)sim_between(&f->prng, 1, FAULT_STALE_READS_MAX);
    if (h->damaged || !sim_disk_stale(&h->disk, seed, reads)) {
        return false;
    }
    if (sim_chance(&f->prng, 2)) { /* most reads are those of a start */
        sim_host_crash(h);
        start_later(f, h->index);
    }
    sim_fault_later(f, FAULT_DISK_NS, stale_due, h->index);
    return true;
}

static void space_due(struct sim_world *w, struct sim_event *e)
{
    w->host[e->a].disk.full = false;
    sim_fault_start_due(w, e);
}

bool sim_fault_do_disk_full(struct sim_faults *f)
{
    struct sim_host *h = sim_fault_any_host(f);
    h->disk.full = true;
    h->disk_failed = true;
    sim_fault_later(f, sim_fault_length(f), space_due, h->index);
    return true;
}

/* Whether those that stay whole are a majority of whatever may be in force, without this one;
 * before the cluster begins nobody's log has anything that may rot. */
static bool bearable(struct sim_world *w, const struct sim_host *h)
{
    uint64_t whole = 0;
    for (uint32_t i = 0; i < w->node_count; i++) {
        struct sim_host *other = &w->host[i];
        bool good = sim_host_whole(other) && other != h;
        whole |= good ? sim_node_bit(other->id) : 0;
    }
    return sim_look_suffices(&w->look, whole) && sim_admin_bears(&w->admin, whole);
}

bool sim_fault_do_disk_rot(struct sim_faults *f)
{
    struct sim_host *h = sim_fault_any_host(f);
    if (!bearable(f->world, h) || !sim_disk_rot(&h->disk, prng_next(&f->prng))) {
        return false;
    }
    h->damaged = true;
    sim_fault_later(f, sim_fault_length(f), sim_fault_start_due, h->index);
    sim_host_crash(h); /* else it might never look there */
    return true;
}

/* The next one that it reads: to send it, or to install it once more, and then it may stop. */
bool sim_fault_do_snap_rot(struct sim_faults *f)
{
    struct sim_host *leader = sim_fault_leader(f);
    struct sim_host *h = sim_fault_any_host(f);
    h = leader != NULL && sim_chance(&f->prng, 2) ? leader : h;
    if (!bearable(f->world, h)) {
        return false;
    }
    h->damaged = true;
    h->disk.snap_rot = 1 + prng_below(&f->prng, UINT32_MAX);
    return true;
}

/* All know which incarnation of this host counts, so that none is reminded of what another has
 * promised; and without it there is a majority of the voters who are left, which is one of all: an
 * odd number, and no other disk is lost. */
static bool may_wipe(struct sim_world *w, const struct sim_host *h)
{
    const struct raft_conf *c = &w->look.conf;
    bool may = c->voter_count % 2 == 1 && c->outgoing_count == 0 && bearable(w, h) &&
               (sim_voters(c) & sim_node_bit(h->id)) != 0;
    uint64_t life = 0;
    for (uint32_t pass = 0; pass < 2; pass++) {
        for (uint32_t i = 0; may && i < w->node_count; i++) {
            struct node_look look;
            struct raft_status s;
            if (sim_foreign_host(w, &w->host[i])) {
                continue; /* nobody hears of it */
            }
            if (w->host[i].state != SIM_HOST_UP || sim_host_wiped(&w->host[i])) {
                return false;
            }
            node_look(w->host[i].node, &look);
            raft_status(look.core, &s);
            life = w->host[i].id == h->id ? s.life : life;
            may = s.committed_conf_index == s.conf.index && s.conf.outgoing_count == 0 &&
                  (pass == 0 || (life != 0 && raft_conf_life(&s.conf, h->id) == life));
        }
    }
    return may;
}

bool sim_fault_do_wipe(struct sim_faults *f)
{
    struct sim_host *h = sim_fault_any_host(f);
    if (!may_wipe(f->world, h)) {
        return false;
    }
    if (f->backup.host == h) {
        sim_fault_backup_drop(f); /* of another incarnation */
    }
    sim_host_crash(h);
    sim_copy_wipe(h);
    start_later(f, h->index);
    return true;
}

/* ---- older copies of a disk ---- */

void sim_fault_backup_drop(struct sim_faults *f)
{
    if (f->backup.host != NULL) {
        sim_copy_done(&f->backup.copy, f->backup.host);
        f->backup.host = NULL;
    }
}

static bool status_of(const struct sim_host *h, struct raft_status *out)
{
    struct node_look look;
    if (h->state != SIM_HOST_UP) {
        return false;
    }
    node_look(h->node, &look);
    raft_status(look.core, out);
    return true;
}

/* What it has acknowledged since the copy was taken is committed without it, or will never be: a
 * majority of all knows, without this machine, what stands at each of its indexes, and has it safe;
 * one of voters that are none any more, too, for those who have not heard of it, and for itself: by
 * the configuration in the copy it may need nobody's vote. And it has written no vote since. So
 * what it forgets no peer must remind it of. */
static bool harmless(const struct sim_world *w, const struct sim_backup *b)
{
    struct raft_status s;
    struct raft_status other;
    uint64_t safe = 0;
    if (!status_of(b->host, &s) || !sim_copy_same(&b->copy, b->host, "/vote")) {
        return false;
    }
    for (uint32_t i = 0; i < w->node_count; i++) {
        const struct sim_host *h = &w->host[i];
        if (h != b->host && status_of(h, &other)) {
            bool has = other.commit >= s.last && other.durable >= s.last;
            safe |= has ? sim_node_bit(h->id) : 0;
        }
    }
    return sim_look_suffices_late(&w->look, safe) && sim_majority(&b->conf, safe);
}

static void backup_due(struct sim_world *w, struct sim_event *e)
{
    struct sim_faults *f = &w->faults;
    struct sim_backup *b = &f->backup;
    (void)e;
    if (b->host == NULL) {
        return; /* it lost its disk meanwhile, and the copy is of another incarnation */
    }
    if (f->over || b->looks++ == FAULT_LOOKS_MAX || !bearable(w, b->host)) {
        sim_fault_backup_drop(f);
        return;
    }
    if (!harmless(w, b)) {
        sim_fault_later(f, FAULT_LOOK_NS, backup_due, 0);
        return;
    }
    sim_host_crash(b->host);
    sim_copy_restore(&b->copy, b->host);
    start_later(f, b->host->index);
    sim_fault_backup_drop(f);
}

bool sim_fault_do_backup(struct sim_faults *f)
{
    struct sim_backup *b = &f->backup;
    struct sim_host *h = sim_fault_any_host(f);
    struct raft_status s;
    if (b->host != NULL || h->damaged || h->restored || !status_of(h, &s) ||
        s.durable < s.conf.index) {
        return false;
    }
    b->host = h;
    b->conf = s.conf;
    b->looks = 0;
    sim_copy_take(&b->copy, h);
    sim_fault_later(f, sim_fault_length(f), backup_due, 0);
    return true;
}
