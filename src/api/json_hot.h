/* api/json_hot.h -- the two hot requests read where they lie, without a tree.
 *
 * Invariants: what is taken here means the same to the full parser; whatever is unusual (escapes,
 *             characters beyond ASCII, other members or orders) is left to it
 * Why:        building a tree was a third of the processor time of a write (docs/PERFORMANCE.md)
 */
#ifndef API_JSON_HOT_H
#define API_JSON_HOT_H

#include "base/bytes.h"

/* json_hot_plain -- how many bytes at the front are printable ASCII and need no escape in a
 * string. */
size_t json_hot_plain(struct bytes text);

/* json_hot_set -- {"command":{"Set":{"key":TEXT,"value":TEXT}}}, blanks allowed; the texts are
 * views into body. False: not this shape, ask the full parser. */
bool json_hot_set(struct bytes body, struct bytes *out_key, struct bytes *out_value);

/* json_hot_key -- {"key":TEXT}; likewise. */
bool json_hot_key(struct bytes body, struct bytes *out_key);

#endif
