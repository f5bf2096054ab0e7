/* api/router.h -- from method and path to a route; the table of routes is in router.c. */
#ifndef API_ROUTER_H
#define API_ROUTER_H

#include "api/http_conn.h"

/* router_route -- hand the request at hand to its route, which answers now or later. */
void router_route(struct http_conn *c);

/* router_refuse -- answer a request that could not be read. */
void router_refuse(struct http_conn *c, int status);

/* router_error -- answer {"error":...,"code":...} with the code's status; detail may be NULL. */
void router_error(struct http_conn *c, enum err code, const char *detail, uint64_t leader);

/* router_error_with -- the same with headers: complete lines with CRLF. */
void router_error_with(struct http_conn *c, enum err code, const char *detail, uint64_t leader,
                       struct bytes headers);

/* The routes; each answers the request at hand. */
void route_write(struct http_conn *c);
void route_read(struct http_conn *c);
void route_init(struct http_conn *c);
void route_add_learner(struct http_conn *c);
void route_change_membership(struct http_conn *c);
void route_remove_member(struct http_conn *c);
void route_transfer(struct http_conn *c);
void route_add_peer(struct http_conn *c);
void route_trigger_snapshot(struct http_conn *c);
void route_health(struct http_conn *c);
void route_metrics(struct http_conn *c);
void route_raft_metrics(struct http_conn *c);
void route_leader(struct http_conn *c);
void route_node_info(struct http_conn *c);
void route_cluster_ticket(struct http_conn *c);
void route_iroh_metrics(struct http_conn *c);

#endif
