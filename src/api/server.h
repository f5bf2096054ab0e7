/* api/server.h -- the listener and its connections; included from this folder only. */
#ifndef API_SERVER_H
#define API_SERVER_H

#include "api/api.h"
#include "api/http_conn.h"
#include "base/map.h"

struct api {
    struct os *os;
    struct mem *mem;
    struct service *service;
    struct os_listener *listener;
    struct os_addr addr;
    struct list conns;
    struct list ready; /* connections with an answer to send, by http_conn.link of `ready` */
    struct map per_ip; /* connections and bytes of an address */
    uint32_t count;
    bool stopping;
    uint64_t accepted;              /* connections taken */
    uint64_t turned_away;           /* connections over a cap */
    uint64_t evicted;               /* idle connections that made way */
    uint64_t requests;              /* handed to a route, or answered 404 or 405 */
    uint64_t refused;               /* that could not be read */
    struct os_job hook;             /* sends what is ready at the end of the turn */
    struct service_status status;   /* scratch of routes */
    struct service_members members; /* scratch of routes */
};

/* server_conn_new -- a zeroed connection in the list, with its remote; when all are taken the one
 * that has been idle longest makes way. NULL: as many as there may be, in all or from that
 * address. */
struct http_conn *server_conn_new(struct api *a, const struct os_addr *remote);

/* server_charge -- the body at hand goes on the account of the connection's address; false: its
 * share is used up. server_discharge takes it off again; fine when nothing is on it. */
bool server_charge(struct api *a, struct http_conn *c, size_t count);
void server_discharge(struct api *a, struct http_conn *c);

/* server_conn_gone -- take it out and free it when the turn is over. */
void server_conn_gone(struct api *a, struct http_conn *c);

/* server_conn_ready -- it has something to send. */
void server_conn_ready(struct api *a, struct http_conn *c);

#endif
