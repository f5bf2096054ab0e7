/* api/json_out.h -- JSON text into a cursor, without building a tree first.
 *
 * Why: the two hot answers are a handful of fields; a tree would cost more than the request
 */
#ifndef API_JSON_OUT_H
#define API_JSON_OUT_H

#include "base/bytes.h"

/* json_out_string -- quoted and escaped; text is UTF-8 (bytes that are not become U+FFFD). */
void json_out_string(struct writer *w, struct bytes text);

/* json_out_string_max -- bytes that json_out_string writes at most for count bytes. */
static inline size_t json_out_string_max(size_t count)
{
    return 6 * count + 2;
}

#endif
