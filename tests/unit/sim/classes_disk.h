/* tests/unit/sim/classes_disk.h -- classes of faults of disks: operations that fail, bytes that are
 * not what was written, disks that are not what they were. */
#ifndef TESTS_UNIT_SIM_CLASSES_DISK_H
#define TESTS_UNIT_SIM_CLASSES_DISK_H

#include "classes.h"

enum {
    OPERATIONS = 60, /* of which one fails */
    READS = 20,      /* likewise */
    LOGS = 8,        /* files of one disk */
    LOG_BYTES_MAX = 512 * KIB,
    ROTS = 60 /* until each kind of damage was seen */
};

/* ---- operations that fail ---- */

static struct sim_host *with_a_planned_fault(struct sim_world *w)
{
    struct sim_host *h = NULL;
    for (uint32_t i = 0; i < CLASS_NODES; i++) {
        struct sim_disk *d = &w->host[i].disk;
        bool planned = d->fault_at > d->ops || d->read_fault_at > d->reads || d->full;
        CHECK(!planned || h == NULL);
        h = planned ? &w->host[i] : h;
    }
    CHECK(h != NULL && h->disk_failed);
    return h;
}

/* One operation of the next ones fails, in one of three ways. */
static void class_disk_error(void)
{
    uint32_t seen[3] = { 0 };
    uint32_t spared = 0;
    for (uint64_t seed = 1; seed <= CLASS_SEEDS; seed++) {
        uint32_t failed = 0;
        struct sim_world *w = class_open(seed, CLASS_NODES, SIM_FAULT_DISK_ERROR);
        class_first(w, SIM_FAULT_DISK_ERROR);
        struct sim_host *h = with_a_planned_fault(w);
        spared += h->spared;
        for (int i = 0; i < OPERATIONS; i++) {
            enum err e = sim_disk_sync_names(&h->disk, "elsewhere/");
            CHECK(e == ERR_OK || e == ERR_IO || e == ERR_SYNC_FAILED || e == ERR_NO_SPACE);
            failed += e != ERR_OK;
            seen[0] += e == ERR_IO;
            seen[1] += e == ERR_SYNC_FAILED;
            seen[2] += e == ERR_NO_SPACE;
        }
        CHECK_U64(failed, 1);
        sim_world_close(w);
    }
    CHECK(seen[0] > 0 && seen[1] > 0 && seen[2] > 0);
    CHECK(spared > 0 && spared < CLASS_SEEDS);
}

/* One read of the next ones fails; every other time the node is made to start. */
static void class_disk_read(void)
{
    uint32_t starts = 0;
    for (uint64_t seed = 1; seed <= CLASS_SEEDS; seed++) {
        uint32_t failed = 0;
        int file = -1;
        uint8_t byte = 0;
        size_t count = 0;
        struct sim_world *w = class_open(seed, CLASS_NODES, SIM_FAULT_DISK_READ);
        class_first(w, SIM_FAULT_DISK_READ);
        struct sim_host *h = with_a_planned_fault(w);
        starts += h->state == SIM_HOST_DOWN;
        CHECK(sim_disk_create(&h->disk, "elsewhere/read", &file) == ERR_OK);
        for (int i = 0; i < READS; i++) {
            failed += sim_disk_read(&h->disk, file, 0, &byte, 1, &count) == ERR_IO;
        }
        CHECK_U64(failed, 1);
        sim_world_close(w);
    }
    CHECK(starts > 0 && starts < CLASS_SEEDS);
}

static enum err grow(struct sim_host *h, int file, uint64_t at)
{
    uint8_t byte = 1;
    return sim_disk_write(&h->disk, file, at, &byte, 1);
}

/* Nothing grows, for a while. */
static void class_disk_full(void)
{
    int file[CLASS_NODES];
    struct sim_world *w = class_open(1, CLASS_NODES, SIM_FAULT_DISK_FULL);
    for (uint32_t i = 0; i < CLASS_NODES; i++) {
        CHECK(sim_disk_create(&w->host[i].disk, "elsewhere/full", &file[i]) == ERR_OK);
        CHECK(sim_disk_sync_names(&w->host[i].disk, "elsewhere/") == ERR_OK);
        CHECK(grow(&w->host[i], file[i], 0) == ERR_OK);
    }
    class_first(w, SIM_FAULT_DISK_FULL);
    struct sim_host *h = with_a_planned_fault(w);
    CHECK(grow(h, file[h->index], 1) == ERR_NO_SPACE);
    class_ended(w);
    CHECK(grow(h, sim_disk_find(&h->disk, "elsewhere/full"), 1) == ERR_OK);
    sim_world_close(w);
}

/* ---- bytes that are not what was written ---- */

static uint64_t faults;
static uint64_t given;  /* older bytes */
static uint64_t rotten; /* snapshots */

static void count_bytes(const struct sim_world *w)
{
    faults += w->faults.total;
    for (uint32_t i = 0; i < CLASS_NODES; i++) {
        given += w->host[i].disk.stale.given;
        rotten += w->host[i].disk.snaps_rotted;
    }
}

static void count_stale(const struct sim_world *w)
{
    for (uint32_t i = 0; i < CLASS_NODES; i++) {
        CHECK(!w->host[i].damaged && w->host[i].disk.stale.reads == 0);
    }
    count_bytes(w);
}

/* Older bytes are read, nodes start again without harm, and one that stops has its reason. */
static void class_disk_stale(void)
{
    faults = given = 0;
    class_run(sim_fault_bit(SIM_FAULT_DISK_STALE), count_stale);
    printf("# %" PRIu64 " faults, %" PRIu64 " reads\n", faults, given);
    CHECK(faults > 0 && given >= faults / 2);
}

/* Some are read while they are rotten, and nobody is harmed. */
static void class_snap_rot(void)
{
    rotten = 0;
    class_run(sim_fault_bit(SIM_FAULT_SNAP_ROT) | sim_fault_bit(SIM_FAULT_SNAPSHOT) |
                  sim_fault_bit(SIM_FAULT_ISOLATE) | sim_fault_bit(SIM_FAULT_WIPE),
              count_bytes);
    CHECK(rotten > 0);
}

enum damage {
    NO_DAMAGE,
    BIT_FLIPPED,
    NEVER_WRITTEN, /* zeroes */
    WENT_ASTRAY,   /* what another sector has */
    UNKNOWN_DAMAGE
};

/* What has become of a sector; the others are those of the same file. */
static enum damage damage_of(const uint8_t *now, const uint8_t *before, const uint8_t *others,
                             size_t sectors)
{
    static const uint8_t zeroes[SIM_SECTOR_BYTES];
    int bits = 0;
    for (size_t i = 0; i < SIM_SECTOR_BYTES; i++) {
        bits += __builtin_popcount((unsigned)(now[i] ^ before[i]));
    }
    if (bits <= 1) {
        return bits == 0 ? NO_DAMAGE : BIT_FLIPPED;
    }
    for (size_t s = 0; s < sectors; s++) {
        const uint8_t *other = others + s * SIM_SECTOR_BYTES;
        if (memcmp(now, other, SIM_SECTOR_BYTES) == 0 && memcmp(now, zeroes, sizeof zeroes) != 0) {
            return WENT_ASTRAY;
        }
    }
    return memcmp(now, zeroes, sizeof zeroes) == 0 ? NEVER_WRITTEN : UNKNOWN_DAMAGE;
}

static uint8_t log_before[LOGS][LOG_BYTES_MAX];

/* A sector that differs, of one file; it is made good again. */
static enum damage damage_in(struct mem *mem, struct sim_file *f, const uint8_t *before)
{
    static uint8_t now[LOG_BYTES_MAX];
    size_t sectors = f->told_bytes / SIM_SECTOR_BYTES;
    enum damage found = NO_DAMAGE;
    sim_image_read(&f->safe, 0, now, sectors * SIM_SECTOR_BYTES);
    for (size_t at = 0; at < sectors * SIM_SECTOR_BYTES; at += SIM_SECTOR_BYTES) {
        enum damage d = damage_of(now + at, before + at, before, sectors);
        CHECK(d != UNKNOWN_DAMAGE && (d == NO_DAMAGE || found == NO_DAMAGE));
        found = d != NO_DAMAGE ? d : found;
    }
    sim_image_put(mem, &f->safe, 0, before, sectors * SIM_SECTOR_BYTES);
    sim_image_put(mem, &f->now, 0, before, sectors * SIM_SECTOR_BYTES);
    return found;
}

/* One sector at most of all logs, which are left as they were. */
static enum damage rot_once(struct sim_disk *d, uint64_t seed)
{
    struct sim_file *log[LOGS];
    uint32_t logs = 0;
    enum damage found = NO_DAMAGE;
    for (int i = 0; i < SIM_NAMES_MAX; i++) {
        const struct sim_name *n = &d->name[i];
        if (n->safe >= 0 && sim_name_ends(n, ".seg")) {
            CHECK(logs < LOGS && d->file[n->safe].told_bytes <= LOG_BYTES_MAX);
            log[logs] = &d->file[n->safe];
            size_t bytes = log[logs]->told_bytes / SIM_SECTOR_BYTES * SIM_SECTOR_BYTES;
            sim_image_read(&log[logs]->safe, 0, log_before[logs], bytes);
            logs++;
        }
    }
    CHECK(sim_disk_rot(d, seed));
    for (uint32_t i = 0; i < logs; i++) {
        enum damage now = damage_in(d->mem, log[i], log_before[i]);
        CHECK(now == NO_DAMAGE || found == NO_DAMAGE);
        found = now != NO_DAMAGE ? now : found;
    }
    return found;
}

/* Each kind of damage comes, and some of it is found by a start and refused by name. */
static void class_disk_rot(void)
{
    uint32_t kinds[UNKNOWN_DAMAGE] = { 0 };
    uint32_t refused = 0;
    struct sim_world *w = finding_world(1);
    for (uint64_t seed = 1; seed <= ROTS; seed++) {
        kinds[rot_once(&w->host[0].disk, seed)]++;
    }
    printf("# %u bits, %u zeroes, %u of others, of %d\n", kinds[BIT_FLIPPED], kinds[NEVER_WRITTEN],
           kinds[WENT_ASTRAY], ROTS);
    CHECK(kinds[BIT_FLIPPED] > ROTS / 6 && kinds[NEVER_WRITTEN] > 0 && kinds[WENT_ASTRAY] > 0);
    sim_world_close(w);
    for (uint64_t seed = 1; seed <= CLASS_SEEDS; seed++) {
        w = class_open_begun(seed, CLASS_NODES, sim_fault_bit(SIM_FAULT_DISK_ROT));
        class_first(w, SIM_FAULT_DISK_ROT);
        class_ended(w);
        for (uint32_t i = 0; i < CLASS_NODES; i++) {
            CHECK(w->host[i].damaged || w->host[i].process == 1);
            refused += w->host[i].state == SIM_HOST_STOPPED && w->host[i].reason == ERR_CORRUPT;
        }
        sim_world_close(w);
    }
    CHECK(refused > 0 && refused <= CLASS_SEEDS);
}

/* ---- disks that are not what they were ---- */

/* An older copy comes back: the node starts with less than it had. */
static void class_backup(void)
{
    uint32_t older = 0;
    for (uint64_t seed = 1; seed <= CLASS_SEEDS && older == 0; seed++) {
        uint64_t had[CLASS_NODES] = { 0 };
        struct sim_world *w = class_open_begun(seed, CLASS_NODES, sim_fault_bit(SIM_FAULT_BACKUP));
        while (older == 0 && w->now_ns < 200 * SIM_S) {
            CHECK(class_step(w));
            for (uint32_t i = 0; i < CLASS_NODES; i++) {
                struct sim_host *h = &w->host[i];
                struct node_look look;
                struct raft_status s;
                if (h->state != SIM_HOST_UP) {
                    CHECK(h->restored);
                    continue;
                }
                node_look(h->node, &look);
                raft_status(look.core, &s);
                older += s.durable < had[i];
                had[i] = s.durable;
            }
        }
        sim_world_close(w);
    }
    CHECK(older > 0);
}

static uint32_t names_of(const struct sim_disk *d)
{
    uint32_t n = 0;
    for (int i = 0; i < SIM_NAMES_MAX; i++) {
        n += d->name[i].safe >= 0;
    }
    return n;
}

/* Nothing is left on one disk, and all on the others. */
static void class_wipe(void)
{
    uint32_t empty = 0;
    struct sim_world *w = class_open_begun(1, CLASS_NODES, sim_fault_bit(SIM_FAULT_WIPE));
    for (uint32_t i = 0; i < CLASS_NODES; i++) {
        CHECK(names_of(&w->host[i].disk) > 0);
    }
    class_first(w, SIM_FAULT_WIPE);
    for (uint32_t i = 0; i < CLASS_NODES; i++) {
        bool wiped = names_of(&w->host[i].disk) == 0;
        CHECK(wiped == sim_host_wiped(&w->host[i]));
        empty += wiped;
    }
    CHECK_U64(empty, 1);
    sim_world_close(w);
}

#endif
