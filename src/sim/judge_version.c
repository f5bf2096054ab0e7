/* sim/judge_version.c -- which write was which revision, and so which version of a key, and what
 * a store of some revision has. Clients never delete: a key is created once, and each write that
 * names it is one version more. */
#include "sim/world.h"

#include <inttypes.h>

void sim_judge_write(struct sim_judge *j, uint64_t serial, const uint32_t *keys, uint32_t count)
{
    if (serial >= SIM_INDEX_MAX) {
        sim_world_fail(j->world, "the run has more writes than the judges can watch");
        return;
    }
    struct sim_written *w = &j->written[serial];
    w->count = (uint8_t)count;
    for (uint32_t i = 0; i < count; i++) {
        w->key[i] = (uint8_t)keys[i];
    }
}

void sim_judge_value(struct sim_judge *j, int64_t revision, uint64_t serial)
{
    if (revision < 0 || revision >= SIM_INDEX_MAX || serial >= SIM_INDEX_MAX) {
        sim_world_fail(j->world, "an answer says revision %" PRId64, revision);
        return;
    }
    uint32_t *known = &j->serial[revision];
    struct sim_written *w = &j->written[serial];
    if (*known != 0 && *known != serial) {
        sim_world_fail(j->world,
                       "revision %" PRId64 " wrote value %" PRIu32 " for one, %" PRIu64
                       " for another",
                       revision, *known, serial);
    }
    if (w->revision != 0 && w->revision != revision) {
        sim_world_fail(j->world,
                       "value %" PRIu64 " was written once, and took effect at revisions %" PRId64
                       " and %" PRId64,
                       serial, w->revision, revision);
    }
    *known = (uint32_t)serial;
    w->revision = revision;
    j->revision_last = revision > j->revision_last ? revision : j->revision_last;
}

/* Place of a key in a write; count: it is not one of its keys. */
static uint32_t place_of(const struct sim_written *w, uint32_t key)
{
    uint32_t i = 0;
    while (i < w->count && w->key[i] != key) {
        i++;
    }
    return i;
}

/* False: a store cannot have this revision, and the run has failed. */
static bool is_revision(struct sim_judge *j, int64_t revision)
{
    if (revision < 0 || revision >= SIM_INDEX_MAX) {
        sim_world_fail(j->world, "an answer says revision %" PRId64, revision);
    }
    return !j->world->failed;
}

void sim_judge_absent(struct sim_judge *j, uint32_t key, int64_t revision)
{
    if (is_revision(j, revision)) {
        j->absent[key] = revision > j->absent[key] ? revision : j->absent[key];
    }
}

void sim_judge_record(struct sim_judge *j, uint32_t key, uint64_t serial, int64_t revision,
                      const struct service_record *r)
{
    sim_judge_value(j, r->mod_revision, serial);
    if (!is_revision(j, revision)) {
        return;
    }
    struct sim_written *w = &j->written[serial];
    uint32_t place = place_of(w, key);
    int64_t *created = &j->created[key];
    if (place == w->count) {
        sim_world_fail(j->world, "key %u has value %" PRIu64 ", which was written to others", key,
                       serial);
        return;
    }
    if (*created != 0 && *created != r->create_revision) {
        sim_world_fail(j->world, "key %u was created at revision %" PRId64 ", and at %" PRId64, key,
                       *created, r->create_revision);
    }
    if (w->version[place] != 0 && w->version[place] != r->version) {
        sim_world_fail(j->world,
                       "key %u has version %" PRIu32 " at revision %" PRId64
                       ", and version %" PRId64,
                       key, w->version[place], r->mod_revision, r->version);
    }
    *created = r->create_revision;
    w->version[place] = (uint32_t)r->version;
    w->until[place] = revision > w->until[place] ? (uint32_t)revision : w->until[place];
}

/* A store that was read has of a key what was newest then: nothing if it was not yet created, else
 * a value that no write followed until the store's revision. */
static void judge_stores(struct sim_judge *j, uint32_t key)
{
    int64_t until = j->absent[key];
    if (j->created[key] != 0 && j->created[key] <= until) {
        sim_world_fail(j->world,
                       "key %u was created at revision %" PRId64
                       ", and was not there in a store of revision %" PRId64,
                       key, j->created[key], until);
    }
    for (int64_t r = 1; r <= j->revision_last && !j->world->failed; r++) {
        const struct sim_written *w = &j->written[j->serial[r]];
        uint32_t place = place_of(w, key);
        if (place == w->count) {
            continue; /* of another key, or not known */
        }
        if (r <= until) {
            sim_world_fail(j->world,
                           "key %u was written at revision %" PRId64
                           ", and a store of revision %" PRId64 " had what was there before",
                           key, r, until);
        }
        until = w->until[place];
    }
}

/* Of each key, from its creation on: a version is the count of writes, and where the end of some is
 * not known, at most so many more. A version that was seen settles what was before it. */
static void judge_key(struct sim_judge *j, uint32_t key)
{
    uint64_t sure = 1;
    uint64_t unknown = 0;
    for (int64_t r = j->created[key]; r <= j->revision_last && !j->world->failed; r++) {
        const struct sim_written *w = &j->written[j->serial[r]];
        uint32_t place = place_of(w, key);
        if (r > j->created[key]) {
            sure += place < w->count;
            unknown += j->serial[r] == 0;
        }
        if (place == w->count || w->version[place] == 0) {
            continue;
        }
        if (w->version[place] < sure || w->version[place] > sure + unknown) {
            sim_world_fail(j->world,
                           "key %u has version %" PRIu32 " at revision %" PRId64
                           ": it was written %" PRIu64 " times until then, and perhaps %" PRIu64
                           " times more",
                           key, w->version[place], r, sure, unknown);
        }
        sure = w->version[place];
        unknown = 0;
    }
}

void sim_judge_versions(struct sim_judge *j)
{
    for (uint32_t key = 0; key < SIM_KEYS_MAX; key++) {
        if (j->created[key] != 0) {
            judge_key(j, key);
        }
        judge_stores(j, key);
    }
}
