/* cmd/http_client.h -- one HTTP request to one endpoint, blocking, with a deadline; for the
 * command line.
 *
 * Owns:    the reply's body, until http_client_free
 * Thread:  any
 */
#ifndef CMD_HTTP_CLIENT_H
#define CMD_HTTP_CLIENT_H

#include "base/bytes.h"

enum {
    HTTP_CLIENT_BODY_BYTES_MAX = 16 * 1024 * 1024,
    HTTP_CLIENT_HOST_BYTES_MAX = 256
};

struct http_reply {
    int status;
    char *body; /* NUL-terminated */
    size_t count;
    bool sent; /* the request may have reached the node, even when no reply came */
};

/* http_client_url_good -- whether url is http://host[:port], as a request takes it; without http://
 * and with a last slash as well. */
bool http_client_url_good(const char *url);

/* http_client_request -- url is http://host[:port]; body NULL makes a GET, else a POST.
 *   out  valid on ERR_OK; `sent` is set in any case
 *   err  ERR_BAD_REQUEST (url), ERR_PEER_GONE (cannot connect, or cut off), ERR_TIMEOUT,
 *        ERR_MALFORMED, ERR_NO_MEMORY */
MUST_CHECK
enum err http_client_request(const char *url, const char *path, const char *body,
                             uint64_t timeout_ms, struct http_reply *out);

/* http_client_free -- the body of a reply; fine when there was none. */
void http_client_free(struct http_reply *r);

#endif
