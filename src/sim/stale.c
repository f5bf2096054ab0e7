/* sim/stale.c -- reads that are given what stood at a place before its newest write.
 *
 * Why: only where the one who reads can know. In a log, behind the place stands a later batch that
 *      tells of it, so the chain that breaks there is no torn tail; of two slots that hold the same
 *      one is older, and its counter says so. The newest batch, or the only good slot, would be a
 *      promise that nobody remembers.
 */
#include "base/crc32c.h"
#include "sim/disk.h"

enum {
    STALE_TRIES = 64,
    STALE_SLOT_BYTES = SIM_PAGE_BYTES,
    STALE_SLOT_CRC = 4,    /* docs/DISK.md: over all that stands behind it */
    STALE_SLOT_COMMON = 16 /* magic, CRC and counter stand before what both slots hold */
};

/* Whether its name ends in one of these. */
static bool named(const struct sim_disk *d, int file, const char *const *names, size_t count)
{
    bool is = false;
    for (int i = 0; i < SIM_NAMES_MAX; i++) {
        for (size_t k = 0; d->name[i].now == file && k < count; k++) {
            is = is || sim_name_ends(&d->name[i], names[k]);
        }
    }
    return is;
}

/* What the power tore in its head holds the same as the other one, and is read by nobody. */
static bool whole(const uint8_t *slot)
{
    struct reader r = reader_of(bytes_of(slot + STALE_SLOT_CRC, sizeof(uint32_t)));
    const size_t head = STALE_SLOT_CRC + sizeof(uint32_t);
    return reader_u32(&r) == crc32c(0, slot + head, STALE_SLOT_BYTES - head);
}

/* Both slots are good and hold the same, but for which is newer. */
static bool slots_agree(const struct sim_file *f)
{
    uint8_t both[2 * STALE_SLOT_BYTES];
    if (f->now_bytes < sizeof both) {
        return false;
    }
    sim_image_read(&f->now, 0, both, sizeof both);
    return whole(both) && whole(both + STALE_SLOT_BYTES) &&
           memcmp(both + STALE_SLOT_COMMON, both + STALE_SLOT_BYTES + STALE_SLOT_COMMON,
                  STALE_SLOT_BYTES - STALE_SLOT_COMMON) == 0;
}

/* Bytes from the file's beginning on that an older version may be read of. */
static size_t bearable(const struct sim_disk *d, int file)
{
    static const char *const logs[] = { ".seg" };
    static const char *const slots[] = { "/vote", "/identity", "/start" };
    const struct sim_file *f = &d->file[file];
    if (named(d, file, slots, sizeof slots / sizeof slots[0])) {
        return slots_agree(f) ? 2 * (size_t)STALE_SLOT_BYTES : 0;
    }
    return named(d, file, logs, 1) ? f->told_bytes : 0;
}

static bool differs(const struct sim_file *f, size_t offset, size_t count)
{
    uint8_t now[SIM_PAGE_BYTES];
    uint8_t before[SIM_PAGE_BYTES];
    sim_image_read(&f->now, offset, now, count);
    sim_image_read(&f->before, offset, before, count);
    return memcmp(now, before, count) != 0;
}

bool sim_disk_stale(struct sim_disk *d, uint64_t seed, uint32_t reads)
{
    struct prng p;
    int file[SIM_NAMES_MAX];
    uint32_t count = 0;
    prng_seed(&p, seed);
    for (int i = 0; i < SIM_NAMES_MAX; i++) {
        if (d->name[i].now >= 0 && bearable(d, d->name[i].now) > 0) {
            file[count++] = d->name[i].now;
        }
    }
    for (int i = 0; i < STALE_TRIES && count > 0 && d->stale.reads == 0; i++) {
        int at = file[prng_below(&p, count)];
        size_t bytes = prng_below(&p, 2) == 0 ? SIM_SECTOR_BYTES : SIM_PAGE_BYTES;
        size_t places = bearable(d, at) / bytes;
        size_t offset = places > 0 ? (size_t)prng_below(&p, places) * bytes : 0;
        if (places > 0 && differs(&d->file[at], offset, bytes)) {
            d->stale.file = at;
            d->stale.offset = offset;
            d->stale.bytes = bytes;
            d->stale.reads = reads;
            return true;
        }
    }
    return false;
}

void sim_disk_stale_end(struct sim_disk *d)
{
    d->stale.reads = 0;
}

static bool meets(const struct sim_disk *d, int file, size_t offset, size_t count)
{
    const struct sim_stale *s = &d->stale;
    return s->reads > 0 && s->file == file && offset < s->offset + s->bytes &&
           s->offset < offset + count;
}

void sim_stale_read(struct sim_disk *d, int file, size_t offset, uint8_t *out, size_t count)
{
    struct sim_stale *s = &d->stale;
    if (!meets(d, file, offset, count) || s->offset + s->bytes > bearable(d, file)) {
        return;
    }
    size_t first = s->offset > offset ? s->offset : offset;
    size_t end = s->offset + s->bytes < offset + count ? s->offset + s->bytes : offset + count;
    sim_image_read(&d->file[file].before, first, out + (first - offset), end - first);
    s->reads--;
    s->given++;
}

void sim_stale_write(struct sim_disk *d, int file, size_t offset, size_t count)
{
    if (meets(d, file, offset, count)) {
        sim_disk_stale_end(d);
    }
}
