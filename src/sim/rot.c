/* sim/rot.c -- damage to what was safe.
 *
 * Why: only where the one who reads can know, and loses nothing that nobody else has. In a log,
 *      behind the place stands a later batch that tells of it; a snapshot says at its end what it
 *      must hold, and another one can be made.
 */
#include "sim/disk.h"

#include "base/panic.h"

#define ROT_SNAPSHOT ".snap"

/* The same in what is seen and in what is safe. */
static void put(struct mem *mem, struct sim_file *f, size_t at, const uint8_t *sector)
{
    sim_image_put(mem, &f->safe, at, sector, SIM_SECTOR_BYTES);
    sim_image_put(mem, &f->now, at, sector, SIM_SECTOR_BYTES);
}

/* A flipped bit; or a write that went astray, and another sector's bytes stand there; or one that
 * was told to be done and never was. */
static void decay(struct mem *mem, struct sim_file *f, size_t bytes, struct prng *p)
{
    uint8_t sector[SIM_SECTOR_BYTES];
    uint8_t instead[SIM_SECTOR_BYTES] = { 0 };
    size_t sectors = bytes / SIM_SECTOR_BYTES;
    size_t at = (size_t)prng_below(p, sectors) * SIM_SECTOR_BYTES;
    size_t from = (size_t)prng_below(p, sectors) * SIM_SECTOR_BYTES;
    uint64_t kind = prng_below(p, 4);
    sim_image_read(&f->safe, at, sector, sizeof sector);
    if (kind != 0) {
        sim_image_read(&f->safe, from, instead, sizeof instead);
    }
    if (kind < 2 && memcmp(sector, instead, sizeof sector) != 0) {
        memcpy(sector, instead, sizeof sector);
    } else {
        sector[(size_t)prng_below(p, SIM_SECTOR_BYTES)] ^= (uint8_t)(1u << prng_below(p, 8));
    }
    put(mem, f, at, sector);
}

/* The end is gone, and what was behind it reads as zeroes where the file grows again. */
static void cut_short(struct mem *mem, struct sim_file *f, struct prng *p)
{
    static const uint8_t zeroes[SIM_SECTOR_BYTES];
    size_t sectors = (f->safe_bytes + SIM_SECTOR_BYTES - 1) / SIM_SECTOR_BYTES;
    size_t left = (size_t)prng_below(p, sectors);
    for (size_t s = left; s < sectors; s++) {
        put(mem, f, s * SIM_SECTOR_BYTES, zeroes);
    }
    f->safe_bytes = left * SIM_SECTOR_BYTES;
    f->now_bytes = f->safe_bytes;
}

void sim_file_flip(struct mem *mem, struct sim_file *f, size_t offset)
{
    struct sim_image *both[] = { &f->now, &f->safe };
    ASSERT(offset < f->capacity);
    for (size_t i = 0; i < 2; i++) {
        uint8_t byte = 0;
        sim_image_read(both[i], offset, &byte, 1);
        byte ^= 1;
        sim_image_put(mem, both[i], offset, &byte, 1);
    }
}

bool sim_disk_rot(struct sim_disk *d, uint64_t seed)
{
    struct prng p;
    int at[SIM_NAMES_MAX];
    uint32_t count = 0;
    prng_seed(&p, seed);
    for (int i = 0; i < SIM_NAMES_MAX; i++) {
        const struct sim_name *n = &d->name[i];
        if (n->safe >= 0 && sim_name_ends(n, ".seg") && d->file[n->safe].told_bytes > 0) {
            at[count++] = n->safe;
        }
    }
    if (count == 0) {
        return false;
    }
    struct sim_file *f = &d->file[at[prng_below(&p, count)]];
    decay(d->mem, f, f->told_bytes, &p);
    return true;
}

void sim_rot_open(struct sim_disk *d, const char *name, int file)
{
    struct prng p;
    struct sim_file *f = &d->file[file];
    size_t at = strlen(name);
    size_t bytes = strlen(ROT_SNAPSHOT);
    bool snapshot = at > bytes && strcmp(name + at - bytes, ROT_SNAPSHOT) == 0;
    if (d->snap_rot == 0 || !snapshot || f->dirty_end > 0 || f->safe_bytes < SIM_SECTOR_BYTES) {
        return;
    }
    prng_seed(&p, d->snap_rot);
    d->snap_rot = 0;
    d->snaps_rotted++;
    if (prng_below(&p, 2) == 0) {
        cut_short(d->mem, f, &p);
    } else {
        decay(d->mem, f, f->safe_bytes, &p);
    }
}
