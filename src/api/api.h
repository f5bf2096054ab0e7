/* api/api.h -- the HTTP door of a node: listens, parses, asks the service, answers.
 *
 * Order:   api_open, then the loop runs; api_stop takes no new requests, api_idle tells when the
 *          last answer is out, api_close frees
 * Owns:    its connections; the service belongs to the caller and outlives it
 * Thread:  the loop's
 */
#ifndef API_API_H
#define API_API_H

#include "node/service.h"

struct api;

enum {
    API_MEM_BYTES = 256 * 1024 * 1024 /* a limit, not a reservation */
};

struct api_options {
    struct os_addr addr; /* port 0: chosen by the system */
};

/* api_open -- err ERR_ADDRESS_IN_USE, ERR_IO; diag names the address. */
MUST_CHECK
enum err api_open(struct os *os, struct mem *mem, struct service *service,
                  const struct api_options *options, struct api **out, struct diag *diag);

/* api_addr -- where it listens, with the real port. */
void api_addr(const struct api *a, struct os_addr *out);

/* api_stop -- no new connections; idle ones are closed, busy ones after their answer. */
void api_stop(struct api *a);

/* api_idle -- no connection is left. */
bool api_idle(const struct api *a);

/* api_close -- close what is left and free; unanswered calls are forgotten. */
void api_close(struct api *a);

#endif
