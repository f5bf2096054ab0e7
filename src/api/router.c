/* api/router.c -- the table of routes, and answers that are errors. */
#include "api/router.h"

#include "api/json_out.h"

#include <stdio.h>

struct route {
    const char *path;
    enum http_method method;
    void (*fn)(struct http_conn *c);
};

static const struct route routes[] = {
    { "/write", HTTP_POST, route_write },
    { "/read", HTTP_POST, route_read },
    { "/init", HTTP_POST, route_init },
    { "/add-learner", HTTP_POST, route_add_learner },
    { "/change-membership", HTTP_POST, route_change_membership },
    { "/remove-member", HTTP_POST, route_remove_member },
    { "/transfer-leadership", HTTP_POST, route_transfer },
    { "/add-peer", HTTP_POST, route_add_peer },
    { "/trigger-snapshot", HTTP_POST, route_trigger_snapshot },
    { "/health", HTTP_GET, route_health },
    { "/metrics", HTTP_GET, route_metrics },
    { "/raft-metrics", HTTP_GET, route_raft_metrics },
    { "/leader", HTTP_GET, route_leader },
    { "/node-info", HTTP_GET, route_node_info },
    { "/cluster-ticket", HTTP_GET, route_cluster_ticket },
    { "/iroh-metrics", HTTP_GET, route_iroh_metrics },
};

static void answer_error(struct http_conn *c, int status, const char *text, const char *code,
                         struct bytes headers, uint64_t leader)
{
    uint8_t room[1024];
    struct writer w = writer_of(room, sizeof room);
    writer_put(&w, bytes_text("{\"error\":"));
    json_out_string(&w, bytes_text(text));
    writer_text(&w, ",\"code\":\"%s\"", code);
    if (leader != 0) {
        writer_text(&w, ",\"leader\":%llu", (unsigned long long)leader);
    }
    writer_put(&w, bytes_text("}\n"));
    http_conn_answer(c, status, "application/json", headers, writer_bytes(&w));
}

void router_error(struct http_conn *c, enum err code, const char *detail, uint64_t leader)
{
    int status = err_http(code);
    const char *headers = status == 503 || status == 429 ? "Retry-After: 1\r\n" : "";
    router_error_with(c, code, detail, leader, bytes_text(headers));
}

void router_error_with(struct http_conn *c, enum err code, const char *detail, uint64_t leader,
                       struct bytes headers)
{
    answer_error(c, err_http(code), detail != NULL ? detail : err_text(code), err_name(code),
                 headers, leader);
}

void router_refuse(struct http_conn *c, int status)
{
    static const enum err codes[] = { ERR_BODY_TOO_LARGE, ERR_TARGET_TOO_LONG, ERR_HEADER_TOO_LARGE,
                                      ERR_REQUEST_TIMEOUT, ERR_BUSY };
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        if (err_http(codes[i]) == status) {
            router_error(c, codes[i], NULL, 0);
            return;
        }
    }
    answer_error(c, status, "the request is not valid HTTP/1.1", err_name(ERR_BAD_REQUEST),
                 bytes_text(""), 0);
}

static bool method_fits(const struct route *r, enum http_method m)
{
    return r->method == m || (r->method == HTTP_GET && m == HTTP_HEAD);
}

void router_route(struct http_conn *c)
{
    struct bytes path = http_conn_path(c);
    const struct route *other = NULL;
    for (size_t i = 0; i < sizeof routes / sizeof routes[0]; i++) {
        if (!bytes_equal(path, bytes_text(routes[i].path))) {
            continue;
        }
        if (method_fits(&routes[i], c->head.method)) {
            routes[i].fn(c);
            return;
        }
        other = &routes[i];
    }
    if (other != NULL) {
        const char *allow = other->method == HTTP_GET ? "Allow: GET, HEAD\r\n" : "Allow: POST\r\n";
        answer_error(c, err_http(ERR_BAD_METHOD), err_text(ERR_BAD_METHOD),
                     err_name(ERR_BAD_METHOD), bytes_text(allow), 0);
        return;
    }
    router_error(c, ERR_NO_ROUTE, NULL, 0);
}
