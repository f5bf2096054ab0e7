/* node/backend_data.c -- the sorted array behind node/backend_data.h.
 *
 * Invariants: everything a set needs is allocated before the first record changes
 * Thread:     the loop's
 */
#include "node/backend_data.h"

#include "base/blake3.h"
#include "base/panic.h"

struct backend_record {
    size_t key_bytes;
    struct service_record fields; /* value points into data */
    uint8_t data[];               /* key, then value */
};

enum {
    CAPACITY_FIRST = 64
};

void backend_data_init(struct backend_data *d, struct mem *mem)
{
    memset(d, 0, sizeof *d);
    d->mem = mem;
    d->revision = 1;
}

void backend_data_done(struct backend_data *d)
{
    for (uint32_t i = 0; i < d->count; i++) {
        mem_free(d->mem, d->records[i]);
    }
    mem_free(d->mem, d->records);
    memset(d, 0, sizeof *d);
}

enum err backend_data_check(const struct service_pair *pairs, uint32_t count)
{
    if (count == 0) {
        return ERR_BAD_REQUEST;
    }
    if (count > KV_TXN_OPS_MAX) {
        return ERR_TOO_MANY_OPS;
    }
    size_t total = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (pairs[i].key.count == 0) {
            return ERR_KEY_EMPTY;
        }
        if (pairs[i].key.count > KV_KEY_BYTES_MAX) {
            return ERR_KEY_TOO_LARGE;
        }
        if (pairs[i].value.count > KV_VALUE_BYTES_MAX) {
            return ERR_VALUE_TOO_LARGE;
        }
        total += pairs[i].key.count + pairs[i].value.count;
    }
    return total > KV_TXN_BYTES_MAX ? ERR_TXN_TOO_LARGE : ERR_OK;
}

static struct bytes record_key(const struct backend_record *r)
{
    return bytes_of(r->data, r->key_bytes);
}

/* Contribution of one record to the hash; records are combined by exclusive or. */
static uint64_t record_hash(const struct backend_record *r)
{
    const uint64_t head[] = { r->key_bytes, (uint64_t)r->fields.create_revision,
                              (uint64_t)r->fields.mod_revision, (uint64_t)r->fields.version };
    struct blake3 h;
    uint64_t out = 0;
    blake3_init(&h);
    blake3_update(&h, head, sizeof head);
    blake3_update(&h, r->data, r->key_bytes + r->fields.value.count);
    blake3_final(&h, (uint8_t *)&out, sizeof out);
    return out;
}

/* First place whose key is not below key. */
static uint32_t place_of(const struct backend_data *d, struct bytes key)
{
    uint32_t low = 0;
    uint32_t high = d->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (bytes_compare(record_key(d->records[middle]), key) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static bool is_at(const struct backend_data *d, uint32_t place, struct bytes key)
{
    return place < d->count && bytes_equal(record_key(d->records[place]), key);
}

static struct backend_record *record_make(struct mem *mem, const struct service_pair *pair)
{
    struct backend_record *r = mem_alloc(mem, sizeof *r + pair->key.count + pair->value.count);
    if (r == NULL) {
        return NULL;
    }
    memset(r, 0, sizeof *r);
    r->key_bytes = pair->key.count;
    memcpy(r->data, pair->key.data, pair->key.count);
    if (pair->value.count > 0) {
        memcpy(r->data + r->key_bytes, pair->value.data, pair->value.count);
    }
    r->fields.value = bytes_of(r->data + r->key_bytes, pair->value.count);
    return r;
}

static bool reserve(struct backend_data *d, uint32_t more)
{
    uint32_t capacity = d->capacity == 0 ? CAPACITY_FIRST : d->capacity;
    while (capacity - d->count < more) {
        if (capacity > UINT32_MAX / 2) {
            return false;
        }
        capacity *= 2;
    }
    if (capacity == d->capacity) {
        return true;
    }
    struct backend_record **grown =
        mem_resize(d->mem, d->records, (size_t)capacity * sizeof(struct backend_record *));
    if (grown == NULL) {
        return false;
    }
    d->records = grown;
    d->capacity = capacity;
    return true;
}

/* Put a fresh record in its place; its predecessor is freed. Cannot fail. */
static void record_put(struct backend_data *d, struct backend_record *r)
{
    uint32_t place = place_of(d, record_key(r));
    r->fields.mod_revision = d->revision;
    r->fields.create_revision = d->revision;
    r->fields.version = 1;
    if (is_at(d, place, record_key(r))) {
        struct backend_record *old = d->records[place];
        r->fields.create_revision = old->fields.create_revision;
        r->fields.version = old->fields.version + 1;
        d->hash ^= record_hash(old);
        mem_free(d->mem, old);
    } else {
        ASSERT(d->count < d->capacity);
        memmove(&d->records[place + 1], &d->records[place],
                (d->count - place) * sizeof(struct backend_record *));
        d->count++;
    }
    d->records[place] = r;
    d->hash ^= record_hash(r);
}

enum err backend_data_set(struct backend_data *d, const struct service_pair *pairs, uint32_t count)
{
    ASSERT(count > 0 && count <= KV_TXN_OPS_MAX);
    struct backend_record *fresh[KV_TXN_OPS_MAX];
    if (!reserve(d, count)) {
        return ERR_NO_MEMORY;
    }
    for (uint32_t i = 0; i < count; i++) {
        fresh[i] = record_make(d->mem, &pairs[i]);
        if (fresh[i] == NULL) {
            while (i > 0) {
                i--;
                mem_free(d->mem, fresh[i]);
            }
            return ERR_NO_MEMORY;
        }
    }
    d->revision++;
    for (uint32_t i = 0; i < count; i++) {
        record_put(d, fresh[i]);
    }
    return ERR_OK;
}

enum err backend_data_find(const struct backend_data *d, struct bytes key,
                           struct service_record *out)
{
    uint32_t place = place_of(d, key);
    if (!is_at(d, place, key)) {
        return ERR_NOT_FOUND;
    }
    *out = d->records[place]->fields;
    return ERR_OK;
}
