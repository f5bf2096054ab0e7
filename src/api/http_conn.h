/* api/http_conn.h -- one client connection: requests in order, one at a time, and their answers.
 *
 * Shape:      READING until a request is whole, BUSY until its answer is queued, then the next one;
 *             pipelined requests wait in the buffer, so answers keep their order
 * Invariants: every request gets exactly one answer; after a protocol error the connection is
 *             closed, the answer first
 * Owns:       its buffers, counted in the account
 * Thread:     the loop's
 */
#ifndef API_HTTP_CONN_H
#define API_HTTP_CONN_H

#include "api/http_parse.h"
#include "node/service.h"

struct api;

enum http_conn_state {
    HTTP_CONN_READING,
    HTTP_CONN_BUSY,      /* a request is being worked on */
    HTTP_CONN_LINGERING, /* all is said: wait for the client to close */
    HTTP_CONN_CLOSED,
};

/* What the connection's one deadline is for. */
enum http_conn_wait {
    HTTP_WAIT_NONE,
    HTTP_WAIT_HEAD,  /* the whole head, from its first byte; before that, the first byte */
    HTTP_WAIT_BODY,  /* the whole body */
    HTTP_WAIT_WRITE, /* the client takes something of the answer */
    HTTP_WAIT_LINGER,
};

struct http_conn {
    struct list link; /* in the server's list */
    struct api *api;
    struct os_conn *conn;
    struct os_addr remote;
    enum http_conn_state state;
    bool ended;       /* the client sends no more */
    bool close_after; /* this answer is the last */
    bool continued;   /* 100 Continue was sent */
    bool calling;     /* the service has our call */
    uint8_t *in;
    size_t in_used;
    size_t in_capacity;
    uint8_t *out;
    size_t out_used;
    size_t out_sent;
    size_t out_capacity;
    bool head_known;
    struct http_head head;
    struct http_chunks chunks;
    enum http_conn_wait wait;
    struct os_timer timer;
    size_t charged; /* bytes of a large body, on its address's account while it is at work */
    struct service_call call;
    void *request; /* what the route keeps until the answer */
    void (*request_free)(void *request);
};

/* http_conn_handler -- os_tcp_handler for the listener; its argument is the struct api. */
extern const struct os_tcp_handler http_conn_handler;

/* http_conn_path, http_conn_body -- of the request at hand; valid until it is answered. */
struct bytes http_conn_path(const struct http_conn *c);
struct bytes http_conn_body(const struct http_conn *c);

/* http_conn_answer -- the answer to the request at hand. headers: complete lines with CRLF, or
 * empty. */
void http_conn_answer(struct http_conn *c, int status, const char *type, struct bytes headers,
                      struct bytes body);

/* http_conn_stop -- close now when idle, after the answer when busy. */
void http_conn_stop(struct http_conn *c);

/* http_conn_idle -- between requests: closing it now loses nothing. */
bool http_conn_idle(const struct http_conn *c);

/* http_conn_close -- at once; a call that is under way is forgotten. */
void http_conn_close(struct http_conn *c);

/* http_conn_go -- work on what has arrived; used after an answer. */
void http_conn_go(struct http_conn *c);

#endif
