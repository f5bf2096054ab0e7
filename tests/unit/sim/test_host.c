/* tests/unit/sim/test_host.c -- Subject: what a machine of a world demands of its node. Method: a
 * node that is well; the test lets it end, start or go on as it must not, or gives it the excuse.
 */
#include "finding.h"

static struct sim_world *w;
static struct sim_host *h;

static void open_world(void)
{
    w = finding_world(1);
    h = &w->host[0];
}

static void close_world(const char *words)
{
    CHECK(finding_is(w, words));
    sim_world_close(w);
}

/* ---- the end of a process ---- */

enum excuse {
    NONE,
    DAMAGED,
    RESTORED,
    REMINDED,
    FAILED,
    STALE
};

static void excuse(enum excuse e)
{
    h->damaged = e == DAMAGED;
    h->restored = e == RESTORED || e == REMINDED;
    h->reminded = e == REMINDED;
    h->disk_failed = e == FAILED;
    h->disk.stale.given += e == STALE;
}

static void stops(void)
{
    static const struct {
        enum excuse excuse;
        enum err why;
        bool may;
    } rows[] = {
        { NONE, ERR_CORRUPT, false },      { NONE, ERR_OUTDATED, false },
        { NONE, ERR_IO, false },           { DAMAGED, ERR_CORRUPT, true },
        { DAMAGED, ERR_OUTDATED, false },  { DAMAGED, ERR_IO, false },
        { STALE, ERR_CORRUPT, true },      { STALE, ERR_SYNC_FAILED, false },
        { REMINDED, ERR_OUTDATED, true },  { REMINDED, ERR_CORRUPT, false },
        { REMINDED, ERR_NO_SPACE, false }, { RESTORED, ERR_OUTDATED, false },
        { FAILED, ERR_IO, true },          { FAILED, ERR_SYNC_FAILED, true },
        { FAILED, ERR_NO_SPACE, true },    { FAILED, ERR_CORRUPT, false },
        { FAILED, ERR_OUTDATED, false },   { FAILED, ERR_QUEUE_FULL, false },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        open_world();
        excuse(rows[i].excuse);
        CHECK(sim_host_enter(h));
        h->dying = true;
        h->reason = rows[i].why;
        sim_host_leave(h);
        CHECK(h->state == SIM_HOST_STOPPED);
        close_world(rows[i].may ? NULL : "node 1 stopped for no reason that was given to it");
    }
}

/* ---- the beginning of a process ---- */

static void starts(void)
{
    open_world();
    h->disk_failed = true; /* an excuse of this process */
    sim_host_crash(h);
    sim_host_start(h);
    CHECK(h->state == SIM_HOST_UP && h->process == 2 && !h->disk_failed);
    close_world(NULL);
    open_world();
    sim_host_crash(h);
    h->disk.read_fault_at = h->disk.reads + 1;
    sim_host_start(h);
    CHECK(h->state == SIM_HOST_STOPPED);
    close_world(NULL);
    open_world();
    sim_host_crash(h);
    h->config.node_id = 2; /* of another directory */
    sim_host_start(h);
    CHECK(h->state == SIM_HOST_STOPPED);
    close_world("node 1 does not start");
}

/* Its directory is not locked any more, and the second process comes as far as to find no room for
 * another lock. */
static void starts_twice(void)
{
    for (int lie = 0; lie <= 1; lie++) {
        open_world();
        for (int i = 0; i < SIM_LOCKS_MAX && lie == 1; i++) {
            snprintf(h->disk.lock[i], sizeof h->disk.lock[i], "other %d", i);
        }
        CHECK(sim_host_start_twice(h));
        close_world(lie == 0 ? NULL : "node 1 is started twice");
    }
    open_world();
    sim_host_crash(h);
    CHECK(!sim_host_start_twice(h));
    close_world(NULL);
}

/* ---- its turns ---- */

static void comes_to_rest(void)
{
    for (int lie = 0; lie <= 1; lie++) {
        open_world();
        h->turns = UINT32_MAX;
        h->busy_ns = lie == 0 ? h->ran_ns - SIM_S : h->ran_ns;
        sim_world_until(w, w->now_ns + SIM_S);
        close_world(lie == 0 ? NULL : "node 1 does not come to rest");
    }
}

/* ---- what it owes ---- */

static void owes(void)
{
    open_world();
    uint64_t now = sim_host_local(h);
    h->turn_ns = SIM_MS;
    h->paused_until_ns = w->now_ns - SIM_HOST_GRACE_NS;
    CHECK(sim_host_owes(h, now));
    CHECK(!sim_host_owes(h, now + 1));
    h->paused_until_ns++;
    CHECK(!sim_host_owes(h, now));
    h->paused_until_ns = 0;
    h->turn_ns++;
    CHECK(!sim_host_owes(h, now));
    h->turn_ns = SIM_MS;
    CHECK(sim_host_owes(h, now));
    sim_host_crash(h);
    CHECK(!sim_host_owes(h, now));
    close_world(NULL);
}

static void is_whole(void)
{
    open_world();
    CHECK(sim_host_whole(h));
    excuse(FAILED);
    CHECK(sim_host_whole(h));
    excuse(DAMAGED);
    CHECK(!sim_host_whole(h));
    excuse(RESTORED);
    CHECK(!sim_host_whole(h));
    excuse(NONE);
    h->wiped = true; /* and counted again, as it can see */
    CHECK(sim_host_whole(h));
    sim_host_crash(h);
    h->wiped = true;
    CHECK(!sim_host_whole(h));
    close_world(NULL);
}

/* What an older copy of a disk excuses is over when the next process starts with as much as there
 * was before; in a later term nobody reminds a node of entries that it lacks. */
static void has_it_again(void)
{
    static const struct {
        int term; /* it had, more than it starts with */
        int durable;
        int vote;
        bool restored;
        bool reminded;
    } rows[] = {
        { 0, 0, 0, false, false }, { 0, 1, 0, true, true },    { 0, 0, 1, true, true },
        { 1, 0, 0, true, true },   { -1, 0, 0, false, false }, { -1, 0, 1, false, false },
        { -1, 1, 0, true, false },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        open_world();
        sim_clients_rest(&w->clients);
        sim_world_until(w, w->now_ns + 20 * SIM_S);
        struct sim_seen *had = &w->look.had[0];
        sim_host_crash(h);
        *had = w->look.seen[0];
        had->term += (uint64_t)rows[i].term;
        had->durable += (uint64_t)rows[i].durable;
        had->vote += (uint64_t)rows[i].vote;
        excuse(REMINDED);
        sim_host_start(h);
        CHECK(h->state == SIM_HOST_UP);
        CHECK(h->restored == rows[i].restored && h->reminded == rows[i].reminded);
        close_world(NULL);
    }
}

int main(void)
{
    TAP_TEST("host: a node stops for a reason that was given to it", stops);
    TAP_TEST("host: a node starts, unless it is kept from it", starts);
    TAP_TEST("host: a second process is refused and changes nothing", starts_twice);
    TAP_TEST("host: an older copy of a disk excuses nothing once its node has it all again",
             has_it_again);
    TAP_TEST("host: a node comes to rest", comes_to_rest);
    TAP_TEST("host: who owes an answer, and who has an excuse", owes);
    TAP_TEST("host: whose disk has all that it promised", is_whole);
    return tap_done();
}
