/* api/json_in.h -- request bodies as jansson trees; the only header of the room that knows
 * jansson. */
#ifndef API_JSON_IN_H
#define API_JSON_IN_H

#include "api/http_conn.h"
#include "node/service.h"

#include <jansson.h>

/* json_in_body -- the request's body as an object, kept with the request until it is answered.
 * When it is not an object the request has been answered and NULL comes back. empty_ok: no body
 * is {}. */
json_t *json_in_body(struct http_conn *c, bool empty_ok);

/* json_in_text -- a string member; false when missing or of another type. */
bool json_in_text(const json_t *object, const char *name, struct bytes *out);

/* json_in_u64 -- a member that is an integer >= 0. */
bool json_in_u64(const json_t *object, const char *name, uint64_t *out);

/* json_in_node -- the i-th member as answers name it: id, addr, raft_addr. */
json_t *json_in_node(const struct service_members *m, uint32_t i);

/* json_in_answer -- 200 with a tree, which is given away; NULL (no memory) answers 500. */
void json_in_answer(struct http_conn *c, json_t *tree);

#endif
