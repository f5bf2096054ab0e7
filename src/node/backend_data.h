/* node/backend_data.h -- the keys of the deterministic backend: records in order of their keys.
 *
 * Shape:      a sorted array of pointers to records; a set replaces whole records
 * Invariants: the revision is 1 while empty and grows by 1 per set; a set that fails changes
 *             nothing
 * Owns:       records and array, counted in the given account
 * Thread:     the loop's
 */
#ifndef NODE_BACKEND_DATA_H
#define NODE_BACKEND_DATA_H

#include "base/mem.h"
#include "node/service.h"

struct backend_record;

struct backend_data {
    struct mem *mem;
    struct backend_record **records;
    uint32_t count;
    uint32_t capacity;
    int64_t revision;
    uint64_t hash; /* of all records, whatever their order */
};

/* backend_data_init, backend_data_done -- empty at revision 1; free all records. */
void backend_data_init(struct backend_data *d, struct mem *mem);
void backend_data_done(struct backend_data *d);

/* backend_data_check -- limits of keys, values and their number. err ERR_BAD_REQUEST (none),
 * ERR_TOO_MANY_OPS, ERR_KEY_EMPTY, ERR_KEY_TOO_LARGE, ERR_VALUE_TOO_LARGE, ERR_TXN_TOO_LARGE */
MUST_CHECK
enum err backend_data_check(const struct service_pair *pairs, uint32_t count);

/* backend_data_set -- all pairs at once, at the next revision; of two with one key the later wins.
 *   err ERR_NO_MEMORY  nothing changed */
MUST_CHECK
enum err backend_data_set(struct backend_data *d, const struct service_pair *pairs, uint32_t count);

/* backend_data_find -- out->value is borrowed until the next set. err ERR_NOT_FOUND. */
MUST_CHECK
enum err backend_data_find(const struct backend_data *d, struct bytes key,
                           struct service_record *out);

#endif
